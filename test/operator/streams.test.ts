/**
 * Goal: a reader that follows the history sees every event once, in order, whatever happens to its connection; no reader costs
 * the node more than a page.
 * Method: real sockets that are cut, left unread, or opened too often; the events they saw are compared with the history's own.
 */
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { call, readStream as readAnyStream, type Served, ServedCluster, waits } from './support.ts';

const cluster = new ServedCluster();
let n1: Served;
beforeAll(async () => {
  n1 = await cluster.start('n1', { streamLimits: { heartbeatMs: 100, streams: 3, slowMs: 200 } });
  await cluster.ready(n1);
});
afterAll(() => cluster.stop());

const set = async (value: string, key = 'datalake.paimon.x') => {
  const answer = await call(`${n1.url}/v1/configs/${key}`, { method: 'PUT', body: { value } });
  expect(answer.status).toBe(200);
  return Number(answer.json['position']);
};
/** The node notices that a reader is gone a little later, and three are its limit here. */
const untilNobodyReads = () =>
  vi.waitFor(async () => expect((await call(`${n1.url}/metrics`)).text).toContain('chancery_event_streams 0'), waits);
const readStream: typeof readAnyStream = async (...given) => {
  await untilNobodyReads();
  return await readAnyStream(...given);
};
const idsIn = (text: string): number[] => [...text.matchAll(/^id: (\d+)\ndata: /gm)].map(([, id]) => Number(id));
const lastIdIn = (text: string): string => [...text.matchAll(/^id: (\d+)\n/gm)].at(-1)?.[1] ?? '';
const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i);

test('a stream has what is there from a position on, then what comes', async () => {
  const first = await set('1');
  let isFirstSeen = false;
  const reading = readStream(`${n1.url}/v1/events?from=1`, {}, (text) => {
    isFirstSeen ||= idsIn(text).includes(first);
    return idsIn(text).length >= first + 2;
  });
  await vi.waitFor(() => expect(isFirstSeen).toBe(true), waits);
  await set('2');
  const last = await set('3');
  const text = await reading;
  expect(idsIn(text)).toEqual(range(1, last));
  const data = [...text.matchAll(/^data: (.*)$/gm)].map(([, json = '']) => JSON.parse(json) as unknown);
  expect(data).toEqual((await n1.history.events({ limit: 1000 })).events.filter(({ position }) => position <= last));
});

test('without a place to go on from, a stream begins with the next event', async () => {
  const before = n1.node.state.position;
  let isOpen = false;
  const reading = readStream(`${n1.url}/v1/events`, {}, (text) => {
    isOpen = text.includes(`follows from position ${before + 1}`);
    return idsIn(text).length >= 1;
  });
  await vi.waitFor(() => expect(isOpen).toBe(true), waits);
  const next = await set('next');
  expect(idsIn(await reading)).toEqual([next]);
});

test('a reader that is cut again and again resumes by Last-Event-ID without gap or repetition', async () => {
  const from = n1.node.state.position;
  const writing = (async () => {
    for (let i = 0; i < 60; i += 1) await set(`resume-${i}`);
  })();
  const seen: number[] = [];
  let lastId = String(from);
  while (seen.length < 60) {
    const text = await readStream(
      `${n1.url}/v1/events`,
      { 'last-event-id': lastId },
      (so) => idsIn(so).length >= Math.min(1 + (seen.length % 7), 60 - seen.length),
    );
    seen.push(...idsIn(text));
    lastId = String(seen.at(-1));
  }
  await writing;
  expect(seen.slice(0, 60)).toEqual(range(from + 1, from + 60));
});

test('a filter holds, and heartbeats move the place to resume from past what it left out', async () => {
  const from = n1.node.state.position;
  await set('noise', 'datalake.paimon.noise');
  const wanted = await set('signal', 'datalake.paimon.signal');
  const last = await set('noise again', 'datalake.paimon.noise');
  const address = `${n1.url}/v1/events?subject=config/datalake.paimon.signal&from=${from + 1}`;
  const text = await readStream(address, {}, (so) => lastIdIn(so) === String(last));
  expect(idsIn(text)).toEqual([wanted]);
  expect(text).toMatch(new RegExp(`id: ${last}\n: heartbeat\n\n$`));
});

test('more readers than the limit are refused, and let in when one has gone', async () => {
  await untilNobodyReads();
  const gone = new AbortController();
  const open = await Promise.all(
    range(1, 3).map(() => fetch(`${n1.url}/v1/events`, { headers: { accept: 'text/event-stream' }, signal: gone.signal })),
  );
  expect(open.map(({ status }) => status)).toEqual([200, 200, 200]);
  const fourth = await call(`${n1.url}/v1/events`, { headers: { accept: 'text/event-stream' } });
  expect([fourth.status, fourth.json['code'], fourth.headers.get('retry-after')]).toEqual([503, 'TOO_MANY_STREAMS', '1']);
  expect((await call(`${n1.url}/metrics`)).text).toContain('chancery_event_streams 3');
  gone.abort();
  await untilNobodyReads();
});

test('a reader that does not read is cut; what it had is a whole part of the history, to resume from', async () => {
  const from = n1.node.state.position;
  const socket = connect(n1.port, '127.0.0.1');
  socket.pause();
  socket.write(`GET /v1/events?from=${from + 1} HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n`);
  socket.on('error', () => {});
  // Far more than the sockets of both ends can hold: each event some 100 KB.
  const writes = 200;
  for (let i = 0; i < writes; i += 1) {
    const changes = range(1, 6).map((k) => ({ op: 'set', key: `datalake.paimon.k${k}`, value: `${i}${'x'.repeat(8000)}` }));
    expect((await call(`${n1.url}/v1/configs`, { method: 'PATCH', body: { changes } })).status).toBe(200);
  }
  await vi.waitFor(async () => expect((await call(`${n1.url}/metrics`)).text).toContain('chancery_event_streams 0'), waits);
  let text = '';
  socket.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  socket.resume();
  await new Promise((resolve) => socket.once('close', resolve));
  const seen = [...text.matchAll(/id: (\d+)\r?\ndata: /g)].map(([, id]) => Number(id));
  expect(seen.length).toBeGreaterThan(0);
  expect(seen.length).toBeLessThan(writes);
  expect(seen).toEqual(range(from + 1, from + seen.length));
});

test('closing the server ends its streams and finishes what is under way', async () => {
  const alone = new ServedCluster();
  const served = await alone.start('s1');
  await alone.ready(served);
  let isOpen = false;
  const reading = readStream(`${served.url}/v1/events?from=1`, {}, (text) => {
    isOpen ||= text.includes('follows');
    return false;
  });
  await vi.waitFor(() => expect(isOpen).toBe(true), waits);
  await served.server.close(20_000);
  expect(await reading).toContain('follows from position 1');
  const isFree = await new Promise<boolean>((resolve) => {
    const probe = createServer().once('error', () => resolve(false));
    probe.listen(served.port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });
  expect(isFree).toBe(true);
  await served.node.close();
});
