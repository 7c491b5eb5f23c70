/**
 * Goal: each measured defect of node-zookeeper-client 1.1.3 is still there, so that its guard is needed, and none reaches our session.
 * Method: the same mishap, once to the client as it comes (in a process of its own), once to our session. Proxies and a fake server do what
 *   no real server can be made to do; everything else meets a real one.
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { ZooKeeperFailure } from '../../src/log/zookeeper/connection.ts';
import { parseConnect } from '../../src/log/zookeeper/open.ts';
import { Session, type SessionEvent, type SessionOptions, sessionLimits } from '../../src/log/zookeeper/session.ts';
import { FakeZooKeeper, failedMulti } from '../support/fakeZooKeeper.ts';
import { TcpProxy } from '../support/tcpProxy.ts';
import { inAMoment } from '../support/waits.ts';
import { startZooKeeper, type ZooKeeper } from '../support/zookeeper.ts';
import { RawClient } from './rawClient.ts';

/** The shortest that the servers grant. */
const sessionTimeoutMs = 1000;
let server: ZooKeeper;
let proxy: TcpProxy;
const toStop: (() => unknown)[] = [];
beforeAll(async () => {
  server = await startZooKeeper(1);
});
afterAll(() => server.stop());
beforeEach(async () => {
  proxy = await TcpProxy.to(server.ports[0] ?? 0);
});
afterEach(async () => {
  for (const stop of toStop.splice(0)) await stop();
  await proxy.close();
});

const soon = (): number => performance.now() + 10_000;
function raw(connect: string): RawClient {
  const client = new RawClient(connect, sessionTimeoutMs);
  toStop.push(() => client.stop());
  return client;
}
function open(connect: string, options: Partial<SessionOptions> = {}): Session & { readonly seen: SessionEvent[] } {
  const session = new Session({ addresses: parseConnect(connect).addresses, sessionTimeoutMs, ...options });
  toStop.push(() => session.close());
  const seen: SessionEvent[] = [];
  session.on((event) => void seen.push(event));
  return Object.assign(session, { seen });
}
async function live(connect: string, options: Partial<SessionOptions> = {}) {
  const session = open(connect, options);
  await session.live(soon());
  return session;
}
async function failureOf(request: Promise<unknown>): Promise<string> {
  const error: unknown = await request.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return error instanceof ZooKeeperFailure ? `${error.outcome} ${error.code}` : String(error);
}
/** "Never" is measured as several session timeouts. */
async function severalSessionTimeouts(count: number): Promise<void> {
  const began = performance.now();
  await vi.waitFor(() => expect(performance.now() - began).toBeGreaterThan(count * sessionTimeoutMs), { timeout: 20_000, interval: 50 });
}

describe('1: a server that hangs', () => {
  test('the client never notices', async () => {
    const fake = await FakeZooKeeper.start();
    toStop.push(() => fake.stop());
    const client = raw(fake.connect);
    await client.connected();
    fake.isHung = true;
    client.get('asked');
    await severalSessionTimeouts(4);
    expect(client.outcome('asked')).toBeUndefined();
    expect(client.states).toEqual(['SYNC_CONNECTED']);
    expect(fake.handshakes).toBe(1);
  });
  test('the session does, before its timeout: the request is unknown, the next server takes the session and its ephemerals', async () => {
    const other = await TcpProxy.to(server.ports[0] ?? 0);
    toStop.push(() => other.close());
    other.everything = 'hold';
    const session = await live(`${proxy.connect},${other.connect}`);
    const { id } = session;
    await session.create('/hangs', '', 'ephemeral');
    other.everything = 'pass';
    proxy.everything = 'hold';
    const asked = failureOf(session.getData('/'));
    expect(await asked).toBe('unknown CONNECTION_LOSS');
    expect(session.silentForMs()).toBeLessThan(sessionTimeoutMs);
    await session.live(soon());
    expect(session.id).toBe(id);
    expect((await session.getData('/hangs')).owner).toBe(id);
    expect(session.seen).toEqual(expect.arrayContaining(['connected', 'silent', 'disconnected', 'connected']));
  });
  test('close settles although nobody answers', async () => {
    const session = await live(proxy.connect);
    proxy.everything = 'hold';
    const asked = failureOf(session.getData('/'));
    await session.close();
    expect(await asked).toBe('unknown CONNECTION_LOSS');
    expect(await failureOf(session.getData('/'))).toContain('closed');
  });
});

describe('2: a server that takes connections and says nothing', () => {
  test('the client waits for it for ever', async () => {
    proxy.everything = 'hold';
    const client = raw(proxy.connect);
    await severalSessionTimeouts(3);
    expect(client.states).toEqual([]);
    expect(proxy.connections).toBe(1);
  });
  test('every session finds the other server', async () => {
    proxy.everything = 'hold';
    const sessions = await Promise.all([1, 2, 3, 4].map(() => live(`${proxy.connect},${server.connect}`)));
    expect(sessions.every((session) => session.isConnected)).toBe(true);
  });
});

describe('3: a connection cut inside a reply', () => {
  test('the client keeps the half and takes the next connection for its end', async () => {
    const client = raw(proxy.connect);
    await client.connected();
    proxy.cutRepliesAfter(10);
    client.get('cut');
    expect(await client.settled('cut')).toBe('CONNECTION_LOSS');
    client.get('after');
    await severalSessionTimeouts(2);
    expect(client.outcome('after')).not.toBe('OK');
  });
  test.each([1, 4, 10, 60])('the session starts anew after %i bytes', async (bytes) => {
    const session = await live(proxy.connect);
    const { id } = session;
    proxy.cutRepliesAfter(bytes);
    expect(await failureOf(session.getData('/zookeeper'))).toBe('unknown CONNECTION_LOSS');
    await session.live(soon());
    await session.getData('/');
    expect(session.id).toBe(id);
  });
});

describe('4: a retry inside the callback of a lost request', () => {
  test('the client fails it at once, for ever, without a turn of the event loop', async () => {
    const client = raw(proxy.connect);
    await client.connected();
    proxy.requests = 'swallow';
    const before = proxy.requestBytes;
    client.send({ kind: 'retryInCallback', id: 'retried', path: '/' });
    await vi.waitFor(() => expect(proxy.requestBytes).toBeGreaterThan(before), inAMoment);
    proxy.cut();
    expect(await client.settled('retried')).toBe('5000');
  });
  test('the session refuses it without sending until it is connected again', async () => {
    const session = await live(proxy.connect);
    proxy.requests = 'swallow';
    const outcomes: string[] = [];
    const asked = failureOf(session.getData('/')).then(async (first) => {
      outcomes.push(first, await failureOf(session.getData('/')));
    });
    proxy.cut();
    await asked;
    expect(outcomes).toEqual(['unknown CONNECTION_LOSS', 'unsent NOT_CONNECTED']);
  });
});

/** Keeps everybody away until the server has ended the session that was open through the proxy. */
async function expire(witness: Session, ephemeral: string): Promise<void> {
  proxy.everything = 'hold';
  proxy.cut();
  await vi.waitFor(async () => expect(await failureOf(witness.getData(ephemeral))).toBe('refused NO_NODE'), { timeout: 10_000 });
  proxy.everything = 'pass';
  proxy.cut();
}

describe('5 and 8: a session that expires', () => {
  test('the client never settles what was queued meanwhile, and calls everything later a lost connection', async () => {
    const witness = await live(server.connect);
    const client = raw(proxy.connect);
    await client.connected();
    client.send({ kind: 'ephemeral', id: 'created', path: '/doomed' });
    expect(await client.settled('created')).toBe('OK');
    proxy.everything = 'hold';
    proxy.cut();
    await vi.waitFor(() => expect(client.states).toContain('DISCONNECTED'), inAMoment);
    client.get('queued');
    await expire(witness, '/doomed');
    await vi.waitFor(() => expect(client.states).toContain('EXPIRED'), { timeout: 10_000 });
    client.get('later');
    expect(await client.settled('later')).toBe('CONNECTION_LOSS');
    await severalSessionTimeouts(2);
    expect(client.outcome('queued')).toBeUndefined();
  });
  test('the session refuses at once while it is away, says that it expired, and is a new one afterwards', async () => {
    const [witness, session] = [await live(server.connect), await live(proxy.connect)];
    const { id } = session;
    await session.create('/expires', '', 'ephemeral');
    const lost = vi.fn();
    await session.getData('/', lost);
    proxy.everything = 'hold';
    const inFlight = failureOf(session.getData('/'));
    proxy.cut();
    expect(await inFlight).toBe('unknown CONNECTION_LOSS');
    expect(await failureOf(session.getData('/'))).toBe('unsent NOT_CONNECTED');
    expect(lost).toHaveBeenCalledTimes(1);
    await expire(witness, '/expires');
    await session.live(soon());
    expect(session.id).not.toBe(id);
    expect(session.seen.filter((event) => event === 'expired')).toHaveLength(1);
    expect((await session.getData('/')).version).toBeGreaterThanOrEqual(0);
  });
});

describe('6: an error code that is younger than the client', () => {
  let fake: FakeZooKeeper;
  beforeEach(async () => {
    fake = await FakeZooKeeper.start();
    toStop.push(() => fake.stop());
    fake.answer = ({ operation }) => (operation === 14 ? { code: 0, payload: failedMulti(-125) } : { code: -125 });
  });
  test('the client throws inside its socket handler and never settles the request', async () => {
    const client = raw(fake.connect);
    await client.connected();
    client.get('asked');
    await vi.waitFor(() => expect(client.uncaught).toEqual(['Unknown code: -125']), { timeout: 10_000 });
    expect(client.outcome('asked')).toBeUndefined();
  });
  test('the session rejects with it, in a multi too, and goes on', async () => {
    const session = await live(fake.connect);
    expect(await failureOf(session.getData('/'))).toBe('refused CODE_-125');
    expect(await failureOf(session.multi([{ kind: 'check', path: '/', version: 3 }]))).toBe('refused CODE_-125');
    expect(session.seen).not.toContain('disconnected');
  });
});

describe('7: the request counter', () => {
  test('the client fails beyond 2^31 requests', async () => {
    const client = raw(server.connect);
    await client.connected();
    client.send({ kind: 'setXid', id: 'set', xid: 2 ** 31 - 1 });
    client.get('last');
    expect(await client.settled('last')).toBe('OK');
    client.get('beyond');
    expect(await client.settled('beyond')).toBe('RangeError');
  });
  test('the session replaces its connection long before, and stays the same session', async () => {
    const session = await live(proxy.connect, { requestsPerConnection: 20 });
    const { id } = session;
    let answered = 0;
    await vi.waitFor(
      async () => {
        await session.live(soon());
        await session.getData('/');
        answered += 1;
        expect(proxy.connections).toBeGreaterThan(3);
      },
      { timeout: 20_000, interval: 1 },
    );
    expect(answered).toBeGreaterThan(40);
    expect(session.id).toBe(id);
    expect(sessionLimits.requests * 2).toBeLessThan(2 ** 31);
  });
});

describe('9: more than a packet holds', () => {
  test('the client sends it, and the neighbours in flight are lost with the connection', async () => {
    const client = raw(server.connect);
    await client.connected();
    client.send({ kind: 'set', id: 'large', path: '/', bytes: 1_048_576 });
    client.get('neighbour');
    expect(await client.settled('large')).toBe('CONNECTION_LOSS');
    expect(await client.settled('neighbour')).toBe('CONNECTION_LOSS');
  });
  test('the session refuses it, and the neighbours are answered', async () => {
    const session = await live(server.connect);
    const large = 'x'.repeat(500 * 1024);
    const both = [
      { kind: 'create', path: '/large-1', data: large },
      { kind: 'create', path: '/large-2', data: large },
    ] as const;
    const [multi, create, set, neighbour] = await Promise.all([
      failureOf(session.multi(both)),
      failureOf(session.create('/large', large + large, 'persistent')),
      failureOf(session.setData('/', large + large, 'any')),
      session.getData('/'),
    ]);
    for (const refused of [multi, create, set]) expect(refused).toMatch(/RangeError: a request of \d+ bytes is over the limit of 921600/);
    expect(neighbour.version).toBeGreaterThanOrEqual(0);
    expect(session.seen).not.toContain('disconnected');
  });
});

describe('10: no data, and version 0', () => {
  test('the client throws for setData(null) and takes an expected version 0 for "any"', async () => {
    const session = await live(server.connect);
    await session.create('/versions', '', 'persistent');
    for (const text of ['one', 'two']) await session.setData('/versions', text, 'any');
    const client = raw(server.connect);
    await client.connected();
    client.send({ kind: 'set', id: 'null', path: '/versions', bytes: undefined });
    expect(await client.settled('null')).toBe('TypeError');
    client.send({ kind: 'check', id: 'zero', path: '/versions', version: 0 });
    expect(await client.settled('zero')).toBe('OK');
    client.send({ kind: 'check', id: 'one', path: '/versions', version: 1 });
    expect(await client.settled('one')).toBe('BAD_VERSION');
  });
  test('the session writes an empty text, and refuses an expected version below 1', async () => {
    const session = await live(server.connect);
    await session.create('/empty', 'text', 'persistent');
    await session.setData('/empty', '', 'any');
    expect((await session.getData('/empty')).data).toBe('');
    for (const version of [0, -1, 0.5, Number.NaN]) {
      for (const kind of ['check', 'setData'] as const)
        expect(await failureOf(session.multi([{ kind, path: '/empty', data: '', version }]))).toContain('must be at least 1');
      expect(await failureOf(session.setData('/empty', '', version))).toContain('must be at least 1');
    }
  });
});
