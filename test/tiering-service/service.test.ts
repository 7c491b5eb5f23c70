/**
 * Goal: a tiering service takes what is due, tells what became of it once and for all, and loses nothing to lost answers and new leaders.
 * Method: services in this process, real nodes behind real sockets over a log in memory, a proxy that cuts, faults of real files.
 */
import { mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { Stream } from '../../src/cli/terminal.ts';
import { checkService } from '../../src/cli/tieringService.ts';
import type { HttpFetch } from '../../src/node-client/nodes.ts';
import { removeFault, setFault, statusIn } from '../../src/tiering-service/lake.ts';
import { caller, silent } from '../support/nodes.ts';
import { TcpProxy } from '../support/tcpProxy.ts';
import { folder, happened, lakeCluster, patience, Recorder, roundsIn, statusOf, tieringService } from './support.ts';

const orders = { database: 'shop', table: 'orders' } as const;

test('a table that is due is tiered: one file, and the status says so', async () => {
  const lake = await lakeCluster();
  const tableId = await lake.table('shop', 'orders');
  const { directory } = await tieringService([lake.leader.url]);
  await lake.due();
  await expect
    .poll(() => statusOf(lake, 'orders'), patience)
    .toMatchObject({ status: 'Scheduled', tieringEpoch: 1, records: 1, failures: 0 });
  const rounds = await roundsIn(directory, 'shop', 'orders');
  expect(rounds).toMatchObject({ '0000000001.json': { tableId, ...orders, tieringEpoch: 1, service: 's1' } });
  const bytes = (await readFile(join(directory, 'shop/orders/0000000001.json'))).length;
  await lake.due();
  await expect.poll(() => statusOf(lake, 'orders'), patience).toMatchObject({ tieringEpoch: 2, records: 2, fileBytes: 2 * bytes });
  expect(happened(lake)).toEqual(['Started 1 s1', 'Finished 1 s1', 'Started 2 s1', 'Finished 2 s1']);
  await expect.poll(async () => await statusIn(directory), patience).toMatchObject({ service: 's1', everyMs: 300, rounds: [] });
});

test('it has so many tables at a time as it was told, and gets to all of them', async () => {
  const lake = await lakeCluster();
  const names = Array.from({ length: 7 }, (_, i) => `t${i}`);
  for (const name of names) await lake.table('shop', name);
  await lake.due();
  const recorder = new Recorder();
  await tieringService([lake.leader.url], { rounds: 3, roundMs: 100, fetch: recorder.fetch, pollMs: 30_000 });
  await expect.poll(() => happened(lake).filter((one) => one.startsWith('Finished')).length, patience).toBe(7);
  const atOnce = recorder.heartbeats.map(({ failed, finished, tiering }) => failed.length + finished.length + tiering.length);
  expect(Math.max(...atOnce)).toBe(3);
});

test('a round that takes longer than the time-out is renewed as often as the answer asks for, however seldom it polls', async () => {
  const lake = await lakeCluster();
  await lake.table('shop', 'orders');
  const timeout = { key: 'chancery.tiering.round-timeout', op: 'set', value: '600 ms' } as const;
  await lake.leader.node.submit({ name: 'alterClusterConfigs', changes: [timeout] }, caller);
  await lake.due();
  const recorder = new Recorder();
  await tieringService([lake.leader.url], { fetch: recorder.fetch, pollMs: 30_000, roundMs: 60_000 });
  const renewals = (): number => recorder.heartbeats.filter(({ tiering }) => tiering.length > 0).length;
  await expect.poll(renewals, patience).toBeGreaterThan(3);
});

test('rounds fail with the text of a file until it is gone; a table that fails is not asked for all the time', async () => {
  const lake = await lakeCluster();
  await lake.table('shop', 'orders');
  const recorder = new Recorder();
  const { directory } = await tieringService([lake.leader.url], { fetch: recorder.fetch, pollMs: 100 });
  await setFault(directory, orders, 'Access denied: s3://lake/shop 🔒');
  await lake.due();
  await expect.poll(async () => Number((await statusOf(lake, 'orders'))['failuresInRow']), patience).toBeGreaterThan(1);
  expect(await statusOf(lake, 'orders')).toMatchObject({ lastError: 'Access denied: s3://lake/shop 🔒' });
  expect(recorder.heartbeats.filter(({ failed, wantsTable }) => failed.length > 0 && wantsTable)).toEqual([]);
  await writeFile(join(directory, 'faults/shop.orders'), `${'x'.repeat(2047)}🔒 and more`);
  await expect.poll(async () => (await statusOf(lake, 'orders'))['lastError'], patience).toBe('x'.repeat(2047));
  const sent = recorder.heartbeats.flatMap(({ failed }) => failed.map(({ error }) => error?.length));
  expect(Math.max(...sent.map((length) => length ?? 0))).toBe(2047);
  await writeFile(join(directory, 'faults/shop.orders'), '');
  await expect.poll(() => statusOf(lake, 'orders'), patience).not.toHaveProperty('lastError');
  expect(await statusOf(lake, 'orders')).toHaveProperty('lastErrorAt');
  expect(await removeFault(directory, orders)).toBe(true);
  expect(await removeFault(directory, orders)).toBe(false);
  await expect.poll(() => statusOf(lake, 'orders'), patience).toMatchObject({ status: 'Scheduled', failuresInRow: 0 });
  expect(Object.keys(await roundsIn(directory, 'shop', 'orders'))).toHaveLength(1);
});

test('what the disk refuses is reported in its words', async () => {
  const lake = await lakeCluster();
  await lake.table('shop', 'orders');
  await lake.table('shop', 'full');
  const { directory } = await tieringService([lake.leader.url], { pollMs: 100 });
  await mkdir(join(directory, 'shop/full'), { recursive: true });
  await writeFile(join(directory, 'shop/orders'), 'a file where the directory should be');
  // The first round of `full` is written to a device that has no space left.
  await symlink('/dev/full', join(directory, 'shop/full/0000000001.json.next'));
  await lake.due();
  await expect.poll(() => statusOf(lake, 'full'), patience).toMatchObject({ failures: 1, status: 'Scheduled', tieringEpoch: 2 });
  const failures = lake.cluster.hub.texts(0, Number.MAX_SAFE_INTEGER).join('\n');
  expect(failures).toContain('"error":"ENOSPC: no space left on device');
  await expect
    .poll(async () => (await statusOf(lake, 'orders'))['lastError'], patience)
    .toMatch(/^EEXIST: file already exists, mkdir '.*\/shop\/orders'$/);
  await rm(join(directory, 'shop/orders'));
  await expect.poll(() => statusOf(lake, 'orders'), patience).toMatchObject({ status: 'Scheduled', failuresInRow: 0 });
});

test('a round that takes longer than the freshness of its table is cut short, and the table is due again at once', async () => {
  const lake = await lakeCluster();
  await lake.table('shop', 'orders', { 'table.datalake.freshness': '200 ms' });
  const recorder = new Recorder();
  await tieringService([lake.leader.url], { roundMs: 60_000, fetch: recorder.fetch });
  await expect.poll(() => happened(lake).slice(4, 5), patience).toEqual(['Started 3 s1']);
  const { failures, records } = await statusOf(lake, 'orders');
  expect([failures, Number(records) > 1]).toEqual([0, true]); // It may be in a later round by now.
  const finished = recorder.heartbeats.filter((one) => one.finished.length > 0);
  expect(finished.map(({ forced }) => forced.length)).toEqual(finished.map(() => 1));
  expect(happened(lake).slice(0, 4)).toEqual(['Started 1 s1', 'Finished 1 s1', 'Started 2 s1', 'Finished 2 s1']);
});

test('an answer that hands out a table is lost, and so is the one to its report: the log has each once', async () => {
  const lake = await lakeCluster();
  await lake.table('shop', 'orders');
  const proxy = await TcpProxy.to(lake.leader.port);
  onTestFinished(() => proxy.close());
  const recorder = new Recorder();
  const wish = { pollMs: 3000, rounds: 1, roundMs: 400, fetch: recorder.fetch };
  const { directory, service } = await tieringService([`http://${proxy.connect}`], wish);
  await lake.due();
  proxy.cutRepliesAfter(0);
  await expect.poll(() => happened(lake), patience).toEqual(['Started 1 s1']);
  await expect.poll(() => service.rounds, patience).toBe(1);
  await expect.poll(() => recorder.answered, patience).toContain('/v1/tiering/statuses');
  const asked = recorder.heartbeats.length;
  proxy.cutRepliesAfter(0);
  await expect.poll(() => service.rounds, patience).toBe(0);
  expect(happened(lake)).toEqual(['Started 1 s1', 'Finished 1 s1']);
  expect(recorder.heartbeats.slice(asked).filter(({ finished }) => finished.length === 1)).toHaveLength(2);
  expect(Object.keys(await roundsIn(directory, 'shop', 'orders'))).toEqual(['0000000001.json']);
});

test('the leader goes in the middle of rounds: nothing is lost, and no epoch is skipped', async () => {
  const lake = await lakeCluster(['n1', 'n2', 'n3']);
  await lake.table('shop', 'good');
  await lake.table('shop', 'bad');
  const before = lake.leader;
  const urls = [...lake.cluster.served.values()].map(({ url }) => url);
  const recorder = new Recorder();
  const directory = folder();
  await mkdir(join(directory, 'faults'));
  await writeFile(join(directory, 'faults/shop.bad'), 'no such bucket\n');
  await lake.due();
  // Nothing is to be said until the rounds are over.
  const { service } = await tieringService(urls, { directory, rounds: 2, roundMs: 1000, pollMs: 30_000, fetch: recorder.fetch });
  await expect.poll(() => service.rounds, patience).toBe(2);
  await before.server.close(100);
  await before.node.close();
  await expect.poll(() => happened(lake).length, patience).toBe(4);
  expect([...happened(lake)].sort()).toEqual(['Failed 1 s1', 'Finished 1 s1', 'Started 1 s1', 'Started 1 s1']);
  const { node } = lake.leader;
  expect(node).not.toBe(before.node);
  await expect
    .poll(() => statusOf(lake, 'bad'), patience)
    .toMatchObject({ status: 'Pending', tieringEpoch: 2, lastError: 'no such bucket' });
  expect(await statusOf(lake, 'good')).toMatchObject({ status: 'Scheduled', tieringEpoch: 1 });
  expect(recorder.refusals, 'reported under the epoch of the old leader first').toContain('FENCED_COORDINATOR_EPOCH');
  const reports = recorder.heartbeats.flatMap(({ failed, finished }) => [...failed, ...finished]);
  expect(new Set(reports.map(({ coordinatorEpoch }) => coordinatorEpoch)).size).toBe(2);
});

test('a round that others were given meanwhile is dropped', async () => {
  const lake = await lakeCluster();
  const tableId = await lake.table('shop', 'orders');
  const { directory, service } = await tieringService([lake.leader.url], { roundMs: 60_000, pollMs: 300 });
  await lake.due();
  await expect.poll(() => service.rounds, patience).toBe(1);
  const report = { failed: [{ tableId, tieringEpoch: 1, error: 'given up' }], service: 's2', wantsTable: true };
  expect((await lake.heartbeat(report)).json).toMatchObject({ table: { tableId, tieringEpoch: 2 } });
  await expect.poll(() => service.rounds, patience).toBe(0);
  expect(await roundsIn(directory, 'shop', 'orders')).toEqual({});
});

test('stopped, it reports what is under way as failed, and takes nothing more', async () => {
  const lake = await lakeCluster();
  await lake.table('shop', 'orders');
  const { directory, service } = await tieringService([lake.leader.url], { roundMs: 60_000 });
  await lake.due();
  await expect.poll(() => service.rounds, patience).toBe(1);
  await service.stop();
  expect(happened(lake)).toEqual(['Started 1 s1', 'Failed 1 s1']);
  expect(await statusOf(lake, 'orders')).toMatchObject({
    status: 'Pending',
    lastError: 'Tiering service s1 was stopped in the middle of the round.',
  });
  expect(await roundsIn(directory, 'shop', 'orders')).toEqual({});
});

test('stopped without a coordinator it ends all the same', async () => {
  const lake = await lakeCluster();
  await lake.table('shop', 'orders');
  const proxy = await TcpProxy.to(lake.leader.port);
  onTestFinished(() => proxy.close());
  const { service } = await tieringService([`http://${proxy.connect}`], { roundMs: 60_000 });
  await lake.due();
  await expect.poll(() => service.rounds, patience).toBe(1);
  proxy.everything = 'swallow';
  await service.stop();
  expect(happened(lake)).toEqual(['Started 1 s1']);
}, 30_000);

test('a table that is always due has a poll between its rounds, however often others go well', async () => {
  const lake = await lakeCluster();
  await lake.table('shop', 'orders');
  await lake.due();
  await lake.table('shop', 'always', { 'table.datalake.freshness': '0 s' });
  await expect.poll(() => statusOf(lake, 'always'), patience).toMatchObject({ status: 'Pending' });
  const pollMs = 2000;
  // When the round of `orders` has gone well it asks again at once, and is handed `always`, which was cut short just before.
  const { directory } = await tieringService([lake.leader.url], { pollMs, roundMs: 400 });
  await expect.poll(async () => Object.keys(await roundsIn(directory, 'shop', 'always')).length, patience).toBe(2);
  expect(await statusOf(lake, 'orders')).toMatchObject({ status: 'Scheduled', failures: 0 });
  expect(await statusOf(lake, 'always')).toMatchObject({ failures: 0 });
  const [first = 0, second = 0] = Object.values(await roundsIn(directory, 'shop', 'always')).map((round) =>
    Date.parse((round as { readonly at: string }).at),
  );
  const clocksMs = 5; // Timers go by one clock, files by another.
  expect(second - first).toBeGreaterThan(pollMs - clocksMs);
});

/** Nodes that refuse heartbeats from a moment on. */
class Refusing extends Recorder {
  isRefusing = false;
  readonly refusedAt: number[] = [];
  readonly ask: HttpFetch = async (url, request) => {
    if (!this.isRefusing) return await this.fetch(url, request);
    this.refusedAt.push(performance.now());
    return Response.json({ code: 'FORBIDDEN', detail: 'WRITE is missing', remedy: 'Ask for it.' }, { status: 403 });
  };
}

test('a service that is refused says so and why, waits a whole poll, and is not well until it is let in again', async () => {
  const lake = await lakeCluster();
  await lake.table('shop', 'orders');
  const nodes = new Refusing();
  const warnings: (readonly [object, string])[] = [];
  const logger = { ...silent, warn: (fields: object, message: string): void => void warnings.push([fields, message]) };
  const pollMs = 600;
  const { directory } = await tieringService([lake.leader.url], { roundMs: 60_000, pollMs, fetch: nodes.ask, logger });
  await lake.due();
  await expect.poll(async () => await statusIn(directory), patience).toMatchObject({ rounds: [{ table: 'orders' }] });
  const paper: Stream = { write: () => true, once: () => {} };
  const check = async (): Promise<void> => await checkService({ data: directory }, { out: paper, err: paper, env: {} });
  await check();
  nodes.isRefusing = true;
  await expect.poll(() => nodes.refusedAt.length, patience).toBe(3);
  const why = { why: 'WRITE is missing', remedy: 'Ask for it.' };
  expect(await statusIn(directory)).toMatchObject({ refused: why, rounds: [{ table: 'orders' }] });
  await expect(check()).rejects.toMatchObject({ status: 1, message: 's1 is refused: WRITE is missing', more: ['Ask for it.'] });
  expect(warnings[0]).toEqual([{ ...why, code: 'FORBIDDEN', nextInMs: pollMs }, 'a heartbeat was refused']);
  const [first = 0, second = 0, third = 0] = nodes.refusedAt;
  const roundedMs = 2;
  expect(Math.min(second - first, third - second)).toBeGreaterThan(pollMs - roundedMs);
  nodes.isRefusing = false;
  await expect.poll(async () => await statusIn(directory), patience).not.toHaveProperty('refused');
  await check();
});

test('a service that is refused and stopped does not insist', async () => {
  const lake = await lakeCluster();
  await lake.table('shop', 'orders');
  const nodes = new Refusing();
  await lake.due();
  const { service } = await tieringService([lake.leader.url], { roundMs: 60_000, pollMs: 60_000, fetch: nodes.ask });
  await expect.poll(() => service.rounds, patience).toBe(1);
  nodes.isRefusing = true;
  await service.stop();
  expect(nodes.refusedAt.length).toBeLessThan(3);
});

test('who is not let in is told at once', async () => {
  const lake = await lakeCluster();
  const directory = folder();
  await expect(
    tieringService([`${lake.leader.url}`], {
      directory,
      fetch: async () => Response.json({ code: 'UNAUTHENTICATED', detail: 'who are you?' }, { status: 401 }),
    }),
  ).rejects.toThrow('who are you?');
  expect(await statusIn(directory)).toMatchObject({ refused: { why: 'who are you?' } });
});
