import type { Entry } from '../../events/envelope.ts';
import { decodeEntry } from '../../events/envelope.ts';
import type { Command } from '../../src/deciders/commands.ts';
import { type ForwardedRequest, type Peers, PeerUnreachable } from '../../src/engine/forwarding.ts';
import { Node, type NodeParts } from '../../src/engine/node.ts';
import type { Caller, Reply } from '../../src/engine/submission.ts';
import { FaultyLog } from '../../src/log/faulty.ts';
import { MemoryHub, MemoryLog, MemoryMembership } from '../../src/log/memory.ts';
import { type Clock, systemClock } from '../../src/ports/clock.ts';
import type { Logger } from '../../src/ports/logger.ts';
import type { Member } from '../../src/ports/membership.ts';

export const silent: Logger = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
};
export const caller: Caller = { principal: 'User:test', interface: 'operator' };
/** A key that any text may be given to while no datalake format is set. */
export const setKey = (key: string, text: string): Command => ({
  changes: [{ key: `datalake.test.${key}`, op: 'set', value: text }],
  name: 'alterClusterConfigs',
});

interface Running {
  readonly node: Node;
  readonly log: FaultyLog;
}

/** Nodes of one process over one in-memory log; each behind its own faulty client, so that it can be cut off or killed. */
export class TestCluster {
  readonly hub = new MemoryHub();
  readonly running = new Map<string, Running>();
  /** How far a node's clock is ahead of the others, milliseconds; behind when negative. May change while it runs. */
  readonly aheadMs = new Map<string, number>();
  readonly #clock: Clock;
  /** The next forwarded call loses its reply after the leader has answered. */
  loseNextForward = false;

  constructor(clock: Clock = systemClock) {
    this.#clock = clock;
  }

  async start(nodeId: string, wish: Partial<NodeParts> = {}): Promise<Node> {
    const log = new FaultyLog(new MemoryLog(this.hub), { timeoutMs: 50, pause: () => new Promise(setImmediate) });
    const node = new Node({
      nodeId,
      operatorUrl: `http://${nodeId}`,
      release: 'test',
      log,
      membership: new MemoryMembership(this.hub),
      peers: this.#peersOf(nodeId),
      clock: {
        now: () => this.#clock.now() + (this.aheadMs.get(nodeId) ?? 0),
        monotonic: this.#clock.monotonic.bind(this.#clock),
        after: this.#clock.after.bind(this.#clock),
      },
      logger: silent,
      staticConfigs: {},
      ...wish,
    });
    this.running.set(nodeId, { node, log });
    await node.start();
    return node;
  }

  node(nodeId: string): Node {
    const found = this.running.get(nodeId);
    if (found === undefined) throw new Error(`${nodeId} does not run`);
    return found.node;
  }

  log(nodeId: string): FaultyLog {
    const found = this.running.get(nodeId);
    if (found === undefined) throw new Error(`${nodeId} does not run`);
    return found.log;
  }

  /** Ends a node as kill -9 does: it says nothing more to anyone, and its session is gone. */
  kill(nodeId: string): void {
    const found = this.running.get(nodeId);
    if (found === undefined) return;
    this.running.delete(nodeId);
    found.log.disconnect();
    this.hub.crash(nodeId);
    void found.node.close(0);
  }

  async stop(): Promise<void> {
    for (const { log, node } of this.running.values()) {
      await log.heal();
      await node.close();
    }
  }

  /** All entries in the log, read from the hub itself. */
  entries(): readonly Entry[] {
    return this.hub.texts(0, Number.MAX_SAFE_INTEGER).map(decodeEntry);
  }

  #peersOf(from: string): Peers {
    return {
      submit: async (leader: Member, requests: readonly ForwardedRequest[]): Promise<readonly Reply[]> => {
        const target = this.running.get(leader.nodeId);
        if (target === undefined || !this.running.has(from)) throw new PeerUnreachable(`${leader.nodeId} refused the connection`);
        const replies = await target.node.acceptForwarded(requests);
        if (this.loseNextForward || !this.running.has(leader.nodeId)) {
          this.loseNextForward = false;
          throw new Error('the reply was lost');
        }
        return replies;
      },
    };
  }
}
