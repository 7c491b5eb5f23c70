/**
 * Goal: with eight appends in flight and the network or the server failing under them, every append is told what became of it: nothing
 *   acknowledged is lost, nothing is there twice, and who was fenced learns it.
 * Method: a real server of one member behind a proxy that swallows requests or replies, and killed with SIGKILL; segments of ten entries.
 *   A second client that goes around the proxy sees what has really happened.
 */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { type EncodedEntry, entryLimits } from '../../events/envelope.ts';
import { emptyHead, headAfter } from '../../src/log/condition.ts';
import type { AppendOutcome, EventLog } from '../../src/log/port.ts';
import { openZooKeeper, parseConnect } from '../../src/log/zookeeper/open.ts';
import { Session } from '../../src/log/zookeeper/session.ts';
import { appendAll, chainAfter, entryAfter, textsOf } from '../support/entries.ts';
import { TcpProxy } from '../support/tcpProxy.ts';
import { inAMoment } from '../support/waits.ts';
import { startZooKeeper, type ZooKeeper } from '../support/zookeeper.ts';

let server: ZooKeeper;
let proxy: TcpProxy;
let log: EventLog;
let direct: EventLog;
let epoch: number;
let roots = 0;
const toClose: EventLog[] = [];
const open = async (connect: string, timeoutMs = 15_000): Promise<EventLog> => {
  const opened = await openZooKeeper({ connect: `${connect}/lost-${roots}`, sessionTimeoutMs: 1000, timeoutMs, segmentEntries: 10 });
  toClose.push(opened.log);
  return opened.log;
};
beforeAll(async () => {
  server = await startZooKeeper(1);
});
afterAll(() => server.stop());
beforeEach(async () => {
  roots += 1;
  proxy = await TcpProxy.to(server.ports[0] ?? 0);
  direct = await open(server.connect);
  log = await open(proxy.connect);
  epoch = await log.raiseEpoch();
});
afterEach(async () => {
  await Promise.all(toClose.splice(0).map((each) => each.close()));
  await proxy.close();
});

const kinds = (outcomes: readonly AppendOutcome[]): string[] => outcomes.map((outcome) => outcome.kind);
const all = (kind: AppendOutcome['kind'], count = 8): string[] => Array.from({ length: count }, () => kind);
/** `before` entries are in the log; the next eight are ready. */
async function eightAfter(before: number): Promise<{ readonly first: EncodedEntry[]; readonly eight: EncodedEntry[] }> {
  const first = chainAfter(emptyHead, before, { epoch });
  await appendAll(log, first);
  const last = first.at(-1);
  return { first, eight: chainAfter(last === undefined ? emptyHead : headAfter(last), 8, { epoch }) };
}
const send = (entries: readonly EncodedEntry[]): Promise<AppendOutcome[]> => Promise.all(entries.map((each) => log.append(each)));
function recovers(): void {
  proxy.cut();
  proxy.everything = 'pass';
}

// Eight in flight in one segment; the roll-over last, in the middle, second, and first.
test.each([1, 3, 6, 9, 10])(
  'every reply is lost after %i entries: what was carried out is found, the rest is sent again',
  async (before) => {
    const { first, eight } = await eightAfter(before);
    proxy.replies = 'swallow';
    const sent = send(eight);
    await vi.waitFor(async () => expect((await direct.head()).index).toBeGreaterThan(before), { timeout: 10_000 });
    recovers();
    expect(kinds(await sent)).toEqual(all('appended'));
    expect(await direct.read(0, 100)).toEqual(textsOf([...first, ...eight]));
  },
);

test.each([0, 1, 3, 9, 10])('every request is lost after %i entries: all are sent again', async (before) => {
  const { first, eight } = await eightAfter(before);
  const bytes = proxy.requestBytes;
  proxy.requests = 'swallow';
  const sent = send(eight);
  await vi.waitFor(() => expect(proxy.requestBytes).toBeGreaterThan(bytes), inAMoment);
  expect((await direct.head()).index).toBe(before);
  recovers();
  expect(kinds(await sent)).toEqual(all('appended'));
  expect(await direct.read(0, 100)).toEqual(textsOf([...first, ...eight]));
});

test.each(['requests', 'replies'] as const)(
  'the %s stop without a word: the watchdog finds it, and the appends settle',
  async (direction) => {
    const { first, eight } = await eightAfter(2);
    const { connections } = proxy;
    proxy[direction] = 'swallow';
    const sent = send(eight);
    await vi.waitFor(() => expect(proxy.connections).toBeGreaterThan(connections), { timeout: 10_000 });
    proxy.everything = 'pass';
    expect(kinds(await sent)).toEqual(all('appended'));
    expect(await direct.read(0, 100)).toEqual(textsOf([...first, ...eight]));
  },
);

test('fenced while the outcome is unknown: what was carried out is appended, what was not is fenced', async () => {
  const { first, eight } = await eightAfter(1);
  proxy.replies = 'swallow';
  const sent = send(eight);
  await vi.waitFor(async () => expect((await direct.head()).index).toBe(9), { timeout: 10_000 });
  const newer = await direct.raiseEpoch();
  const theirs = entryAfter(headAfter(eight[7] as EncodedEntry), { epoch: newer });
  await appendAll(direct, [theirs]);
  recovers();
  expect(kinds(await sent)).toEqual(all('appended'));
  const behind = chainAfter(headAfter(theirs), 8, { epoch });
  proxy.requests = 'swallow';
  const late = send(behind);
  recovers();
  expect(await late).toEqual(all('fenced').map((kind) => ({ kind, epoch: newer })));
  expect(await direct.read(0, 100)).toEqual(textsOf([...first, ...eight, theirs]));
});

test('a rival of the same epoch takes the index while the outcome is unknown: conflict for all in flight', async () => {
  const { first, eight } = await eightAfter(1);
  proxy.requests = 'swallow';
  const sent = send(eight);
  const theirs = entryAfter(headAfter(first[0] as EncodedEntry), { epoch });
  await appendAll(direct, [theirs]);
  recovers();
  expect(kinds(await sent)).toEqual(all('conflict'));
  expect(await direct.read(0, 100)).toEqual(textsOf([...first, theirs]));
});

test('a rival of the same epoch was quicker: those behind the first do not land on its entry, although the version fits them', async () => {
  const { first, eight } = await eightAfter(1);
  const theirs = entryAfter(headAfter(first[0] as EncodedEntry), { epoch });
  await appendAll(direct, [theirs]);
  expect(kinds(await send(eight))).toEqual(all('conflict'));
  expect(await direct.read(0, 100)).toEqual(textsOf([...first, theirs]));
});

test('nobody answers until the time is over: unknown, reads unavailable; the same entries again answer appended', async () => {
  const impatient = await open(proxy.connect, 1500);
  const chain = chainAfter(emptyHead, 9, { epoch });
  await appendAll(impatient, chain.slice(0, 1));
  proxy.replies = 'swallow';
  const sent = Promise.all(chain.slice(1).map((each) => impatient.append(each)));
  await vi.waitFor(async () => expect((await direct.head()).index).toBe(9), { timeout: 10_000 });
  expect(kinds(await sent)).toEqual(all('unknown'));
  await Promise.all([
    expect(impatient.head()).rejects.toThrow(`ZooKeeper gave no answer within 1500 ms`),
    expect(impatient.read(0, 1)).rejects.toMatchObject({ name: 'LogUnavailable' }),
    expect(impatient.raiseEpoch()).rejects.toMatchObject({ name: 'LogUnavailable' }),
  ]);
  expect(impatient.silentForMs()).toBeGreaterThan(1000);
  recovers();
  expect(kinds(await Promise.all(chain.slice(1).map((each) => impatient.append(each))))).toEqual(all('appended'));
  expect(await direct.read(0, 100)).toEqual(textsOf(chain));
  expect(impatient.silentForMs()).toBeLessThan(1000);
});

test('the server is killed with appends in flight, again and again: each acknowledged entry is there once, in order', async () => {
  const acknowledged: EncodedEntry[] = [];
  let stopped = false;
  const writing = (async () => {
    for (let head = emptyHead; !stopped; ) {
      const chain = chainAfter(head, 8, { epoch });
      const outcomes = await send(chain);
      expect(kinds(outcomes)).toEqual(all('appended'));
      acknowledged.push(...chain);
      head = headAfter(chain[7] as EncodedEntry);
    }
  })();
  for (let round = 0; round < 4; round += 1) {
    const before = acknowledged.length;
    await vi.waitFor(() => expect(acknowledged.length).toBeGreaterThan(before + 40), { timeout: 20_000, interval: 1 });
    await server.kill(0);
    await server.restart(0);
  }
  stopped = true;
  await writing;
  expect(await direct.read(0, acknowledged.length + 10)).toEqual(textsOf(acknowledged));
});

test('an epoch whose reply is lost is raised once more', async () => {
  proxy.replies = 'swallow';
  const raised = log.raiseEpoch();
  const looking = new Session({ addresses: parseConnect(server.connect).addresses, sessionTimeoutMs: 1000 });
  await looking.live(performance.now() + 5000);
  await vi.waitFor(async () => expect((await looking.getData(`/lost-${roots}/epoch`)).version).toBe(epoch + 1), inAMoment);
  await looking.close();
  recovers();
  const newest = await raised;
  expect(newest).toBe(epoch + 2);
  expect(await direct.append(entryAfter(emptyHead, { epoch: newest }))).toEqual({ kind: 'appended' });
});

test('an entry that is too large and a ninth append in flight are refused aloud, before anything is sent', async () => {
  const large = { ...entryAfter(emptyHead, { epoch }), text: 'ü'.repeat(entryLimits.bytes / 2 + 1) };
  await expect(log.append(large)).rejects.toThrow('an entry of 262146 bytes is over the limit of 262144');
  const nine = chainAfter(emptyHead, 9, { epoch }).map((each) => log.append(each));
  await expect(nine[8]).rejects.toThrow('more than 8 appends are in flight');
  expect(kinds(await Promise.all(nine.slice(0, 8)))).toEqual(all('appended'));
});
