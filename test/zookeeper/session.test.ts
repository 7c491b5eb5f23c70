/**
 * Goal: what a session carries from connection to connection, how it reads a stream however it is cut, and how it finds a server.
 * Method: a fake server that writes down what it was asked; real ones for watches.
 */
import fc from 'fast-check';
import { afterEach, expect, test, vi } from 'vitest';
import { ZooKeeperFailure } from '../../src/log/zookeeper/connection.ts';
import { parseConnect } from '../../src/log/zookeeper/open.ts';
import { Session } from '../../src/log/zookeeper/session.ts';
import { dataPayload, FakeZooKeeper } from '../support/fakeZooKeeper.ts';
import { replay } from '../support/replay.ts';
import { inAMoment } from '../support/waits.ts';
import { startZooKeeper } from '../support/zookeeper.ts';

const toStop: (() => unknown)[] = [];
afterEach(async () => {
  for (const stop of toStop.splice(0).reverse()) await stop();
});
async function startFake(): Promise<FakeZooKeeper> {
  const fake = await FakeZooKeeper.start();
  toStop.push(() => fake.stop());
  return fake;
}
async function live(connect: string, sessionTimeoutMs = 2000): Promise<Session> {
  const session = new Session({ addresses: parseConnect(connect).addresses, sessionTimeoutMs });
  toStop.push(() => session.close());
  await session.live(performance.now() + 10_000);
  return session;
}
const none = '0'.repeat(16);

test('the session and the newest transaction seen go to the next connection; after an expiry the transaction alone does', async () => {
  const fake = await startFake();
  fake.zxid = 0x77;
  fake.answer = () => ({ code: 0, payload: dataPayload('') });
  const session = await live(fake.connect);
  await session.getData('/');
  const first = session.id;
  fake.cut();
  await vi.waitFor(() => expect(fake.handshakes).toBe(2), inAMoment);
  await session.live(performance.now() + 5000);
  expect(session.id).toBe(first);
  fake.expiresNext = true;
  fake.cut();
  await vi.waitFor(() => expect(fake.handshakes).toBe(4), { timeout: 30_000 });
  await session.live(performance.now() + 5000);
  expect(session.id).not.toBe(first);
  const zxid = '77'.padStart(16, '0');
  expect(fake.asked).toEqual([
    { zxid: none, session: none },
    { zxid, session: first },
    { zxid, session: first },
    { zxid, session: none },
  ]);
});

test('replies are read however the stream is cut into pieces, and settle in the order of the requests', async () => {
  const fake = await startFake();
  fake.answer = ({ xid }) => (xid % 3 === 0 ? { code: -101 } : { code: 0, payload: dataPayload(`reply ${xid} ${'x'.repeat(xid % 200)}`) });
  const session = await live(fake.connect);
  const property = fc.asyncProperty(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 80 }), async (pieceBytes, count) => {
    fake.pieceBytes = pieceBytes;
    const order: number[] = [];
    const from = fake.seen.length;
    const requests = Array.from({ length: count }, async (_, i) => {
      const outcome = await session.getData('/').catch((error: unknown) => error);
      order.push(i);
      return outcome;
    });
    const outcomes = await Promise.all(requests);
    expect(order).toEqual(Array.from({ length: count }, (_, i) => i));
    const xids = fake.seen.slice(from).flatMap((each) => (each.operation === 4 ? [each.xid] : []));
    for (const [i, xid] of xids.entries()) {
      if (xid % 3 === 0) expect(outcomes[i]).toMatchObject({ outcome: 'refused', code: 'NO_NODE' });
      else expect(outcomes[i]).toMatchObject({ data: `reply ${xid} ${'x'.repeat(xid % 200)}` });
    }
  });
  await fc.assert(property, replay({ numRuns: 60 }).params as object);
  expect(fake.handshakes).toBe(1);
});

test('an answer that cannot be read ends the connection, not the process', async () => {
  const fake = await startFake();
  fake.answer = ({ xid }) => ({ code: 0, payload: xid === 1 ? Buffer.from([0xff, 0xff, 0xff, 0x00]) : dataPayload('fine') });
  const session = await live(fake.connect);
  await expect(session.getData('/')).rejects.toMatchObject({ outcome: 'unknown' });
  fake.answer = () => ({ code: 0, payload: dataPayload('fine') });
  await session.live(performance.now() + 5000);
  expect((await session.getData('/')).data).toBe('fine');
  expect(fake.handshakes).toBe(2);
});

test('every address is tried, and sessions do not all begin with the same', async () => {
  const fakes = await Promise.all([startFake(), startFake(), startFake()]);
  const connect = `127.0.0.1:1,${fakes.map((fake) => fake.connect).join(',')},127.0.0.1:2`;
  const sessions = await Promise.all(Array.from({ length: 24 }, () => live(connect)));
  expect(sessions.filter((session) => session.isConnected)).toHaveLength(24);
  // All 24 at one of three: less likely than one in 10^10.
  expect(fakes.filter((fake) => fake.handshakes > 0).length).toBeGreaterThan(1);
});

test('a watch is called once for a change, however often it was set, and for a lost connection', async () => {
  const server = await startZooKeeper(1);
  toStop.push(() => server.stop());
  const warned = vi.fn();
  process.on('warning', warned);
  toStop.push(() => process.off('warning', warned));
  const [session, other] = [await live(server.connect, 1000), await live(server.connect)];
  await session.create('/watched', 'a', 'persistent');
  const [changed, children, forgotten] = [vi.fn(), vi.fn(), vi.fn()];
  for (let i = 0; i < 30; i += 1) {
    await session.getData('/watched', changed);
    await session.getChildren('/watched', children);
  }
  await session.getData('/watched', forgotten);
  session.unwatch(forgotten);
  await other.setData('/watched', 'b', 'any');
  await other.setData('/watched', 'c', 'any');
  await vi.waitFor(() => expect(changed).toHaveBeenCalledTimes(1), inAMoment);
  await other.create('/watched/child', '', 'persistent');
  await vi.waitFor(() => expect(children).toHaveBeenCalledTimes(1), inAMoment);
  await session.getData('/watched', changed);
  await server.kill(0);
  await vi.waitFor(() => expect(changed).toHaveBeenCalledTimes(2), inAMoment);
  expect(forgotten).not.toHaveBeenCalled();
  expect(warned).not.toHaveBeenCalled();
  const failure = await session.getData('/watched').catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(ZooKeeperFailure);
});
