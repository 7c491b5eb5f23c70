/** A node in this process with its Meta Service on a free port, and how to ask it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ConfigValue } from '../../events/configs.ts';
import { Heartbeats } from '../../src/engine/heartbeats.ts';
import { Node } from '../../src/engine/node.ts';
import { createMetaService, type MetaServiceServer } from '../../src/interfaces/metaservice/server.ts';
import type { RpcAccess } from '../../src/interfaces/metaservice/service.ts';
import type { NodeTls } from '../../src/interfaces/tls/nodeTls.ts';
import { openFileLog } from '../../src/log/file/open.ts';
import { MemoryHub, MemoryLog, MemoryMembership } from '../../src/log/memory.ts';
import type { EventLog } from '../../src/log/port.ts';
import { type Clock, systemClock } from '../../src/ports/clock.ts';
import type { Logger } from '../../src/ports/logger.ts';
import type { Membership } from '../../src/ports/membership.ts';
import { createSealer } from '../../src/secrets/aes.ts';
import { until } from '../support/nodeProcesses.ts';
import { silent } from '../support/nodes.ts';

export const token = 'greedisgood9999';

export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly text: string;
  /** The text parsed, when it is JSON. */
  readonly json: Readonly<Record<string, unknown>> | undefined;
}

export interface Asked {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as it is when it is a text or bytes, else as JSON; no body at all when absent. */
  readonly body?: unknown;
}

/** One HTTP request of any method with any body. */
export function ask(url: string, { body, headers = {}, method = 'POST' }: Asked = {}): Promise<Reply> {
  const bytes = body === undefined || typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body);
  return new Promise((resolve, reject) => {
    const isChunked = headers['transfer-encoding'] !== undefined;
    const length = bytes === undefined || isChunked ? {} : { 'content-length': String(Buffer.byteLength(bytes)) };
    const outgoing = httpRequest(url, { method, headers: { ...length, ...headers } }, (incoming) => {
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.on('error', reject);
      incoming.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8');
        resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, text, json: jsonIn(text) });
      });
    });
    outgoing.on('error', reject);
    outgoing.end(bytes);
  });
}

function jsonIn(text: string): Reply['json'] {
  try {
    return JSON.parse(text) as Reply['json'];
  } catch {
    return undefined;
  }
}

/** What the tests of the interface do to a server, wherever it runs. */
export interface Asking {
  readonly url: string;
  /** An admin route: `post('add_cluster', {...})`, `post('get_instance?instance_id=i1')`. The token is added unless one is given. */
  post(route: string, body?: unknown, more?: Omit<Asked, 'body'>): Promise<Reply>;
  /** The plain RPC form: `rpc('begin_txn', {...})`. */
  rpc(method: string, body?: unknown, more?: Omit<Asked, 'body'>): Promise<Reply>;
}

/** @param url of a Meta Service: http://host:port */
export const asking = (url: string): Asking => ({
  url,
  post: (route, body, more) => {
    const withToken = /[?&]token=/.test(route) ? route : `${route}${route.includes('?') ? '&' : '?'}token=${token}`;
    return ask(`${url}/MetaService/http/${withToken}`, { ...more, ...(body === undefined ? {} : { body }) });
  },
  rpc: (method, body, more) => ask(`${url}/MetaService/${method}`, { ...more, ...(body === undefined ? {} : { body }) }),
});

export interface ServedMetaService extends Asking {
  readonly node: Node;
  readonly server: MetaServiceServer;
  readonly heartbeats: Heartbeats;
  stop(): Promise<void>;
}

export interface ServeOptions {
  /** Default `memory`. `file`: the embedded log, in a directory that goes with it. */
  readonly log?: 'memory' | 'file' | { readonly log: EventLog; readonly membership: Membership };
  readonly clock?: Clock;
  readonly logger?: Logger;
  readonly adminPassword?: string;
  readonly token?: string;
  readonly principal?: string;
  readonly rpc?: RpcAccess;
  /** Cluster configs of the node's file. */
  readonly staticConfigs?: Readonly<Record<string, ConfigValue>>;
  readonly tls?: NodeTls;
  readonly unreadMs?: number;
}

/** Starts a node that leads. @throws Error when it does not lead within 10 s */
export async function serveMetaService(options: ServeOptions = {}): Promise<ServedMetaService> {
  const { adminPassword = '', clock = systemClock, log: kind = 'memory', logger = silent } = options;
  const folder = kind === 'file' ? mkdtempSync(join(tmpdir(), 'chancery-meta-')) : undefined;
  const { log, membership } = await opened(kind, folder);
  const peers = { submit: () => Promise.reject(new Error('there is no other node')) };
  const operatorUrl = 'http://127.0.0.1:1';
  const node = new Node({
    nodeId: 'n1',
    operatorUrl,
    release: 'test',
    log,
    membership,
    peers,
    clock,
    logger,
    staticConfigs: options.staticConfigs ?? {},
  });
  const heartbeats = new Heartbeats(clock);
  const board = { record: async () => undefined, list: async () => heartbeats.list() };
  const sealer = createSealer([{ keyId: 'test', key: Buffer.alloc(32, 7) }], 'test');
  const server = createMetaService({
    node,
    log,
    sealer,
    clock,
    logger,
    heartbeats: board,
    token: options.token ?? token,
    adminPassword,
    port: 5000,
    ...(options.principal === undefined ? {} : { principal: options.principal }),
    ...(options.rpc === undefined ? {} : { rpc: options.rpc }),
    ...(options.tls === undefined ? {} : { tls: options.tls }),
    ...(options.unreadMs === undefined ? {} : { unreadMs: options.unreadMs }),
  });
  const { url } = await server.listen({ host: '127.0.0.1', port: 0 });
  await node.start();
  await until('the node leads', 10_000, () => Promise.resolve(node.role === 'leader' ? true : undefined));
  return {
    ...asking(url),
    node,
    server,
    heartbeats,
    stop: async () => {
      await server.close(1_000);
      await node.close(1_000);
      if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function opened(
  kind: NonNullable<ServeOptions['log']>,
  folder: string | undefined,
): Promise<{ readonly log: EventLog; readonly membership: Membership }> {
  if (typeof kind === 'object') return kind;
  if (folder !== undefined) return await openFileLog(folder);
  const hub = new MemoryHub();
  return { log: new MemoryLog(hub), membership: new MemoryMembership(hub) };
}
