import type { Act } from '../../events/envelope.ts';
import type { Member } from '../ports/membership.ts';
import type { Reply, Request } from './submission.ts';

/** A request between nodes: the time left instead of a deadline, since clocks differ. */
export interface ForwardedRequest extends Omit<Request, 'deadline'> {
  readonly timeLeftMs: number;
}

/** How a node reaches another one. Its implementation is HTTP on the operator port. */
export interface Peers {
  /**
   * Hands requests to the node that leads.
   * @returns one reply per request, in order.
   * @throws PeerUnreachable when nothing was sent; any other error when it may have been.
   */
  submit(leader: Member, requests: readonly ForwardedRequest[]): Promise<readonly Reply[]>;
}

/** No connection could be made: what was to be sent was not. */
export class PeerUnreachable extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'PeerUnreachable';
  }
}

/** What waits behind the calls in flight is bounded by the requests that a node takes, see `nodeLimits`. */
export const forwardingLimits = { requestsPerCall: 200, callsInFlight: 8 } as const;
const abandonedText = 'it leads no more';

/** Releases before 0.3.0 cannot read the address in an act; they have no entries that ask for it either. */
function readableBy({ release }: Member, act: Act): Act {
  if (!/^0\.[12]\./.test(release)) return act;
  const { host: _, ...rest } = act;
  return rest;
}

/** Carries requests to the leader, several in one call: they collect while `callsInFlight` calls are under way. */
export class Forwarder {
  readonly #peers: Peers;
  readonly #now: () => number;
  #queue: { readonly leader: Member; readonly request: Request; readonly answer: (reply: Reply) => void }[] = [];
  /** Calls under way, each with the way to give it up. */
  readonly #calls = new Map<object, { readonly leaderId: string; readonly abandon: () => void }>();
  #isScheduled = false;

  constructor(peers: Peers, now: () => number) {
    this.#peers = peers;
    this.#now = now;
  }

  get queued(): number {
    return this.#queue.length;
  }

  /** @returns the leader's reply, or `retry` when it could not be had. Never rejects. */
  submit(leader: Member, request: Request): Promise<Reply> {
    return new Promise((answer) => {
      this.#queue.push({ leader, request, answer });
      if (this.#isScheduled) return;
      this.#isScheduled = true;
      setImmediate(() => {
        this.#isScheduled = false;
        this.#pump();
      });
    });
  }

  /** Gives up waiting for nodes that lead no more: one that hangs would hold its callers until their time is over. */
  leaderIs(leaderId: string | undefined): void {
    for (const { answer } of this.#queue.filter((each) => each.leader.nodeId !== leaderId))
      answer({ kind: 'retry', mayHaveHappened: false, detail: abandonedText });
    this.#queue = this.#queue.filter((each) => each.leader.nodeId === leaderId);
    for (const call of this.#calls.values()) if (call.leaderId !== leaderId) call.abandon();
  }

  #pump(): void {
    while (this.#calls.size < forwardingLimits.callsInFlight) {
      const first = this.#queue[0];
      if (first === undefined) return;
      let length = 1;
      while (length < forwardingLimits.requestsPerCall && this.#queue[length]?.leader.operatorUrl === first.leader.operatorUrl) length += 1;
      void this.#call(first.leader, this.#queue.splice(0, length));
    }
  }

  async #call(leader: Member, waiting: readonly { readonly request: Request; readonly answer: (reply: Reply) => void }[]): Promise<void> {
    const call = {};
    try {
      const now = this.#now();
      const requests = waiting.map(({ request: { command, act, deadline } }) => ({
        command,
        act: readableBy(leader, act),
        timeLeftMs: Math.max(1, deadline - now),
      }));
      const abandoned = new Promise<never>((_, reject) => {
        const abandon = () => reject(new Error(abandonedText));
        this.#calls.set(call, { leaderId: leader.nodeId, abandon });
      });
      const replies = await Promise.race([this.#peers.submit(leader, requests), abandoned]);
      for (const [i, { answer }] of waiting.entries())
        answer(replies[i] ?? { kind: 'retry', mayHaveHappened: true, detail: `node ${leader.nodeId} answered too few requests` });
    } catch (error) {
      const detail = `node ${leader.nodeId} did not answer: ${error instanceof Error ? error.message : String(error)}`;
      for (const { answer } of waiting) answer({ kind: 'retry', mayHaveHappened: !(error instanceof PeerUnreachable), detail });
    } finally {
      this.#calls.delete(call);
      this.#pump();
    }
  }
}
