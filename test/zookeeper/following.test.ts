/**
 * Goal: a follower sees every entry once and in order through roll-overs, cut connections, hung ones and expired sessions, and a damaged
 *   log is refused rather than taken for a short one.
 * Method: a real server of one member; the follower goes through a proxy, the writer around it; segments of seven entries.
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { emptyHead } from '../../src/log/condition.ts';
import type { EventLog } from '../../src/log/port.ts';
import { Layout } from '../../src/log/zookeeper/layout.ts';
import { openZooKeeper, parseConnect } from '../../src/log/zookeeper/open.ts';
import { Session } from '../../src/log/zookeeper/session.ts';
import { appendAll, chainAfter, textsOf } from '../support/entries.ts';
import { TcpProxy } from '../support/tcpProxy.ts';
import { startZooKeeper, type ZooKeeper } from '../support/zookeeper.ts';

let server: ZooKeeper;
let proxy: TcpProxy;
let writer: EventLog;
let reader: EventLog;
let epoch: number;
let root = '';
let roots = 0;
const told: string[] = [];
const toClose: { close(): Promise<void> }[] = [];
const open = async (connect: string): Promise<EventLog> => {
  const onProgress = (text: string): void => void told.push(text);
  const opened = await openZooKeeper({ connect: connect + root, sessionTimeoutMs: 1000, timeoutMs: 5000, segmentEntries: 7, onProgress });
  toClose.push(opened.log);
  return opened.log;
};
beforeAll(async () => {
  server = await startZooKeeper(1);
});
afterAll(() => server.stop());
beforeEach(async () => {
  roots += 1;
  root = `/following-${roots}`;
  told.length = 0;
  proxy = await TcpProxy.to(server.ports[0] ?? 0);
  writer = await open(server.connect);
  reader = await open(proxy.connect);
  epoch = await writer.raiseEpoch();
});
afterEach(async () => {
  await Promise.all(toClose.splice(0).map((each) => each.close()));
  await proxy.close();
});

function following(afterIndex: number) {
  const aborting = new AbortController();
  const texts: string[] = [];
  const ended = reader.follow(afterIndex, (batch) => void texts.push(...batch), aborting.signal);
  return {
    texts,
    until: (count: number) => vi.waitFor(() => expect(texts.length).toBeGreaterThanOrEqual(count), { timeout: 15_000, interval: 2 }),
    stop: async () => {
      aborting.abort();
      await ended;
    },
  };
}

test('roll-overs and a connection cut every few entries', async () => {
  const chain = chainAfter(emptyHead, 200, { epoch });
  const follower = following(0);
  for (let from = 0; from < chain.length; from += 8) {
    await Promise.all(chain.slice(from, from + 8).map((each) => writer.append(each)));
    if (from % 3 === 0) await follower.until(from);
    if (from % 5 === 0) proxy.cut();
    else if (from % 7 === 0) proxy.cutRepliesAfter(1000);
  }
  await follower.until(200);
  await follower.stop();
  expect(follower.texts).toEqual(textsOf(chain));
});

test('a connection that hangs, then a session that expires, while the log grows by several segments', async () => {
  const chain = chainAfter(emptyHead, 60, { epoch });
  await appendAll(writer, chain.slice(0, 10));
  const follower = following(5);
  await follower.until(5);
  proxy.everything = 'hold';
  await appendAll(writer, chain.slice(10, 50));
  await vi.waitFor(() => expect(told.filter((text) => text.includes('nothing heard'))).not.toHaveLength(0), { timeout: 10_000 });
  const { length } = told.filter((text) => text.includes('expired'));
  await vi.waitFor(() => expect(reader.silentForMs()).toBeGreaterThan(2500), { timeout: 10_000 });
  proxy.cut();
  proxy.everything = 'pass';
  await vi.waitFor(() => expect(told.filter((text) => text.includes('expired')).length).toBeGreaterThan(length), { timeout: 10_000 });
  await appendAll(writer, chain.slice(50));
  await follower.until(55);
  await follower.stop();
  expect(follower.texts).toEqual(textsOf(chain.slice(5)));
  expect(await reader.append(chain[59] ?? expect.unreachable())).toEqual({ kind: 'appended' });
});

test('a notice that never comes is made up for by the probe', async () => {
  const follower = following(0);
  const chain = chainAfter(emptyHead, 9, { epoch });
  await appendAll(writer, chain.slice(0, 8));
  await follower.until(8);
  // The reader's own watch is used up by nobody but the server; here its notice is thrown away with everything else for a moment.
  proxy.replies = 'swallow';
  await appendAll(writer, chain.slice(8));
  proxy.replies = 'pass';
  await follower.until(9);
  await follower.stop();
  expect(follower.texts).toEqual(textsOf(chain));
});

describe('what must not be taken for a log', () => {
  const layout = () => new Layout(root, 7);
  const session = async (): Promise<Session> => {
    const { addresses } = parseConnect(server.connect);
    const opened = new Session({ addresses, sessionTimeoutMs: 2000 });
    toClose.push(opened);
    await opened.live(performance.now() + 5000);
    return opened;
  };

  test('an entry that is gone: reading and following say which, the head does not move', async () => {
    await appendAll(writer, chainAfter(emptyHead, 20, { epoch }));
    await (await session()).remove(layout().entry(12));
    expect(await reader.read(0, 11)).toHaveLength(11);
    await expect(reader.read(0, 20)).rejects.toThrow('the log has 20 entries and entry 12 is not among them');
    const seen: string[] = [];
    await expect(reader.follow(0, (texts) => void seen.push(...texts), new AbortController().signal)).rejects.toThrow('entry 12');
    expect(seen.length).toBeLessThanOrEqual(11);
    expect((await reader.head()).index).toBe(20);
  });

  test.each([
    ['{"format":2}', /has format 2, this release knows format 1: start a newer Chancery/],
    ['{"format":1}', /names no format that ever was/],
    ['nonsense', /holds no such thing as Chancery writes there: "nonsense"/],
  ])('format %s', async (text, message) => {
    await (await session()).setData(layout().format, text, 'any');
    await expect(open(server.connect)).rejects.toThrow(message);
    await expect(open(server.connect)).rejects.toMatchObject({ name: 'LogRefused' });
  });

  test('a root that holds something else', async () => {
    const other = await session();
    root = '/something-else';
    await other.create(root, '', 'persistent');
    await other.create(`${root}/epoch`, '', 'persistent');
    await expect(open(server.connect)).rejects.toThrow("/something-else holds something else than a log of Chancery's: name another root");
  });

  test('a root that is not there, for somebody who only reads: refused, and nothing is made', async () => {
    const other = await session();
    const wanted = `${server.connect}/mistyped`;
    await expect(openZooKeeper({ connect: wanted, readOnly: true })).rejects.toThrow('there is no log at /mistyped');
    await expect(other.getData('/mistyped')).rejects.toMatchObject({ code: 'NO_NODE' });
  });

  test('a head that is damaged: the calls say so', async () => {
    await appendAll(writer, chainAfter(emptyHead, 2, { epoch }));
    await (await session()).setData(layout().segment(1), '{', 'any');
    await expect(reader.head()).rejects.toMatchObject({ name: 'LogRefused' });
    expect(await reader.append(chainAfter(emptyHead, 1, { epoch })[0] ?? expect.unreachable())).toMatchObject({ kind: 'unknown' });
  });
});

describe('opening', () => {
  test('many at once on a root that is not there: one log, one choice of segments', async () => {
    root = `/deep/down/${roots}`;
    const logs = await Promise.all([1, 2, 3, 4, 5].map(() => open(server.connect)));
    const epochs = await Promise.all(logs.map((each) => each.raiseEpoch()));
    expect(new Set(epochs).size).toBe(5);
    const chain = chainAfter(emptyHead, 30, { epoch: Math.max(...epochs) });
    for (const [i, encoded] of chain.entries()) await appendAll(logs[i % 5] ?? expect.unreachable(), [encoded]);
    expect(await logs[0]?.read(0, 100)).toEqual(textsOf(chain));
  });

  test('no ZooKeeper: it tells that it keeps trying, and in the end names who was asked and what they said', async () => {
    proxy.everything = 'hold';
    const progress: string[] = [];
    const opening = openZooKeeper({
      connect: `127.0.0.1:1,${proxy.connect}/x`,
      sessionTimeoutMs: 1000,
      startTimeoutMs: 3000,
      onProgress: (text) => void progress.push(text),
    });
    await expect(opening).rejects.toThrow(
      new RegExp(
        `^no ZooKeeper took a session within 3000 ms: 127.0.0.1:1 \\(ECONNREFUSED\\), ${proxy.connect} \\(no session within \\d+ ms\\)`,
      ),
    );
    await expect(opening).rejects.toMatchObject({ name: 'LogUnavailable' });
    expect(progress[0]).toMatch(/^no ZooKeeper answers: .*; trying again$/);
  });

  test('a ZooKeeper that comes up late is found', async () => {
    await server.kill(0);
    root = '/late-start';
    const waiting: string[] = [];
    const opening = openZooKeeper({
      connect: server.connect + root,
      sessionTimeoutMs: 1000,
      onProgress: (text) => void waiting.push(text),
    });
    await vi.waitFor(() => expect(waiting.length).toBeGreaterThan(0), { timeout: 10_000 });
    await server.restart(0);
    const { log } = await opening;
    toClose.push(log);
    expect(await log.head()).toEqual(emptyHead);
  });

  test.each([
    [
      'h1:2181,h2:2182/a/b',
      {
        addresses: [
          { host: 'h1', port: 2181 },
          { host: 'h2', port: 2182 },
        ],
        root: '/a/b',
      },
    ],
    ['h1', { addresses: [{ host: 'h1', port: 2181 }], root: '/chancery' }],
    ['[::1]:2181/x/', { addresses: [{ host: '::1', port: 2181 }], root: '/x' }],
  ])('connect string %s', (text, parsed) => expect(parseConnect(text)).toEqual(parsed));
  test.each(['', 'h1:0', 'h1:70000', 'h1,,h2', 'h 1:2181', '::1', 'h1/..', 'h1//x', 'h1/a b'])('wrong connect string %j', (text) => {
    expect(() => parseConnect(text)).toThrow(/: write /);
  });
});
