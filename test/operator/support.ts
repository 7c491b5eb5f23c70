import { randomBytes } from 'node:crypto';
import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { vi } from 'vitest';
import { Heartbeats } from '../../src/engine/heartbeats.ts';
import { createHistory } from '../../src/engine/history/historyClient.ts';
import { type History, HistoryRefused } from '../../src/engine/history/port.ts';
import { replayPage } from '../../src/engine/history/replay.ts';
import { viewOf } from '../../src/engine/history/stateViews.ts';
import { failurePage } from '../../src/engine/history/tieringFailurePages.ts';
import { Timeline } from '../../src/engine/history/timeline.ts';
import { Node, type NodeParts } from '../../src/engine/node.ts';
import { createPlanner } from '../../src/engine/planning/threadPlanner.ts';
import { Rebalancing } from '../../src/engine/rebalancing.ts';
import { createHeartbeatBoard } from '../../src/interfaces/operator/heartbeats.ts';
import { createOperatorServer, type OperatorParts, type OperatorServer } from '../../src/interfaces/operator/http.ts';
import { createPeers } from '../../src/interfaces/operator/peers.ts';
import { MemoryHub, MemoryLog, MemoryMembership } from '../../src/log/memory.ts';
import { type Clock, systemClock } from '../../src/ports/clock.ts';
import { createSealer } from '../../src/secrets/aes.ts';
import { silent } from '../support/nodes.ts';

/** A history in the process of the node: the same timeline, no process around it. */
class DirectHistory implements History {
  readonly #timeline: Timeline;
  readonly #index: () => number;
  constructor(hub: MemoryHub, index: () => number) {
    this.#timeline = new Timeline(async (after, limit) => hub.texts(after, limit));
    this.#index = index;
  }

  async #caughtUp(): Promise<Timeline> {
    await this.#timeline.catchUp(this.#index());
    return this.#timeline;
  }

  events: History['events'] = async (query) => await (await this.#caughtUp()).events(query);
  stateAt: History['stateAt'] = async (moment, options) => viewOf(await (await this.#caughtUp()).stateAt(moment), options);
  replay: History['replay'] = async (query) => await replayPage(await this.#caughtUp(), query);
  failures: History['failures'] = async (query) => await failurePage(await this.#caughtUp(), query, new AbortController().signal);
  /** Queries belong to the process, see `hasQueries`. */
  select: History['select'] = async () => {
    throw new HistoryRefused('HISTORY_UNAVAILABLE', 'there are no queries in this test', 'Ask for hasQueries.');
  };
  close = async (): Promise<void> => {};
}
export interface Served {
  readonly node: Node;
  readonly history: History;
  readonly rebalancing: Rebalancing;
  readonly server: OperatorServer;
  readonly log: HushedLog;
  readonly url: string;
  readonly port: number;
}

/** A log that a test may cut off from its node, as far as the node can tell. */
class HushedLog extends MemoryLog {
  silenceMs = 0;
  override silentForMs(): number {
    return this.silenceMs;
  }
}

/** The system's clock, which a test may set forward. */
export class JumpingClock implements Clock {
  #ahead = 0;
  now = (): number => systemClock.now() + this.#ahead;
  monotonic = systemClock.monotonic;
  after = systemClock.after;
  jump(ms: number): void {
    this.#ahead += ms;
  }
}

const key = randomBytes(32);

/** What a test wants otherwise; `staticConfigs` are those of the node's file. */
type Wish = Partial<OperatorParts> &
  Partial<Pick<NodeParts, 'auditDenials' | 'staticConfigs'>> & {
    readonly hasQueries?: boolean;
    /** It listens, and joins when the test says so: `node.start()`. */
    readonly isHeld?: boolean;
  };

/** Nodes of one in-memory log, each behind a real operator interface on a free port; they forward over real HTTP. */
export class ServedCluster {
  readonly hub = new MemoryHub();
  readonly served = new Map<string, Served>();
  readonly #closers: (() => Promise<void> | void)[] = [];

  async start(nodeId: string, wish: Wish = {}): Promise<Served> {
    const log = new HushedLog(this.hub);
    const sealer = createSealer([{ keyId: 'k1', key }], 'k1');
    const { auditDenials = 0, hasQueries = false, isHeld = false, staticConfigs = {}, ...parts } = wish;
    const clock = wish.clock ?? systemClock;
    const { logger = silent, tls } = wish;
    const over = tls === undefined ? {} : { tls };
    const peers = createPeers({ clusterSecret: wish.clusterSecret ?? 'none', logger, ...over });
    // The node must know its own address before it listens.
    const port = await freePort();
    const url = `${tls?.isShown === true ? 'https' : 'http'}://127.0.0.1:${port}`;
    const membership = new MemoryMembership(this.hub);
    const told = { nodeId, operatorUrl: url, release: 'test', staticConfigs, auditDenials };
    const node = new Node({ ...told, log, membership, peers, clock, logger: silent });
    const head = () => ({ index: node.state.index, position: node.state.position });
    const history = hasQueries
      ? createHistory({ readTexts: async (after, limit) => this.hub.texts(after, limit), head, logger: silent, memoryMb: 256 })
      : new DirectHistory(this.hub, () => node.state.index);
    const heartbeats = new Heartbeats(clock);
    const board = createHeartbeatBoard(node, heartbeats, { logger: silent, clusterSecret: wish.clusterSecret ?? 'none', ...over });
    const planner = createPlanner({ logger: silent });
    const rebalancing = new Rebalancing({ node, planner, clock });
    const own = { node, log, history, rebalancing, sealer, clock, logger: silent, release: 'test', heartbeats, board };
    const server = createOperatorServer({ ...own, ...parts });
    await server.listen({ host: '127.0.0.1', port });
    if (!isHeld) await node.start();
    const served = { node, history, rebalancing, server, log, url, port };
    this.served.set(nodeId, served);
    this.#closers.unshift(async () => {
      await server.close(1_000);
      await node.close();
      await history.close();
      await planner.close();
      peers.close();
    });
    return served;
  }

  async ready(...nodes: readonly Served[]): Promise<void> {
    await vi.waitFor(() => {
      if (!nodes.some(({ node }) => node.role === 'leader')) throw new Error('nobody leads');
      const known = nodes.map(({ node }) => node.status());
      if (known.some(({ leaderId, members }) => leaderId === undefined || members.length < nodes.length))
        throw new Error('somebody is not known');
    }, waits);
  }

  async stop(): Promise<void> {
    for (const close of this.#closers) await close();
  }
}
export const waits = { timeout: 30_000, interval: 20 };

export async function freePort(): Promise<number> {
  const { createServer } = await import('node:net');
  return await new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // Tests look into answers of many forms; each assertion says which.
  readonly json: Record<string, unknown>;
  readonly text: string;
}

export async function call(
  url: string,
  options: { method?: string; body?: unknown; headers?: Record<string, string> } = {},
): Promise<Answer> {
  const { body } = options;
  const isRaw = typeof body === 'string' || body instanceof Uint8Array;
  const response = await fetch(url, {
    method: options.method ?? (body === undefined ? 'GET' : 'POST'),
    headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...options.headers },
    ...(body === undefined ? {} : { body: isRaw ? (body as string) : JSON.stringify(body) }),
  });
  const text = await response.text();
  const isJson = /json/.test(response.headers.get('content-type') ?? '') && !/ndjson/.test(response.headers.get('content-type') ?? '');
  return { status: response.status, headers: response.headers, text, json: isJson ? (JSON.parse(text) as Record<string, unknown>) : {} };
}

/** Asks again while the history process is still reading the log, as its refusal says. */
export const sql = (url: string, statement: string, more: object = {}): Promise<Answer> =>
  vi.waitFor(async () => {
    const answer = await call(`${url}/v1/sql`, { body: { statement, ...more } });
    if (answer.text.includes('the history process is still reading the log')) throw new Error(answer.text);
    return answer;
  }, waits);

/** Bytes that no HTTP client would send. @returns what came back until the connection ended. */
export async function rawExchange(port: number, bytes: string): Promise<string> {
  return await new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes));
    let text = '';
    socket.setEncoding('utf8').on('data', (chunk) => {
      text += chunk;
    });
    socket.on('close', () => resolve(text));
    socket.on('error', reject);
  });
}

/** Reads a stream of server-sent events until `isEnough`; then hangs up. */
export async function readStream(url: string, headers: Record<string, string>, isEnough: (text: string) => boolean): Promise<string> {
  return await new Promise((resolve, reject) => {
    const outgoing = httpRequest(url, { headers: { accept: 'text/event-stream', ...headers } }, (incoming) => {
      let text = '';
      incoming.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
        if (isEnough(text)) {
          outgoing.destroy();
          resolve(text);
        }
      });
      incoming.on('end', () => resolve(text));
      incoming.on('error', () => resolve(text));
    });
    outgoing.on('error', reject);
    outgoing.end();
  });
}
