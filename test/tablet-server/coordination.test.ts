/**
 * Goal: a server follows the newest assignment and no older one, reports under the epochs in force, and outlasts nodes that fail.
 * Method: tablet servers in this process under a coordinator that the test lets fail, forget, repeat and fall behind.
 */
import { copyFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { HttpFetch } from '../../src/node-client/nodes.ts';
import { CoordinatorClient } from '../../src/tablet-server/coordinatorClient.ts';
import { TabletServerRefused } from '../../src/tablet-server/store.ts';
import { append, bytesIn, connected, coordinator, digestOf, equalReplicas, folder, patience, tabletServer } from './servers.ts';

test('it asks the next node when one is silent or has no leader, and heartbeats say how far it is', async () => {
  const [gone, blind, at] = [await coordinator(), await coordinator(), await coordinator()];
  const goneUrl = gone.url;
  await gone.close();
  blind.hasNoLeader = true;
  at.leaseMs = 10_000; // A third of it is no whole number.
  const urls = [goneUrl, blind.url, at.url];
  const server = await tabletServer(at, 0, {
    rack: 'r9',
    capacityBytes: 1024,
    coordinator: new CoordinatorClient({ serverId: 0, urls, fetch }),
  });
  expect(at.servers.get(0)).toMatchObject({ rack: 'r9', capacityBytes: 1024, endpoint: server.endpoint });
  at.create(0, [0]);
  await expect.poll(() => at.servers.get(0)?.appliedPosition, patience).toBe(at.position);
  at.hasNoLeader = true;
  at.create(1, [0]);
  at.hasNoLeader = false;
  await expect.poll(() => at.servers.get(0)?.appliedPosition, patience).toBe(at.position);
  expect(server.status()).toEqual({ appliedPosition: at.position, replicas: 2, leads: 2 });
});

test('whom the coordinator no longer knows registers again', async () => {
  const at = await coordinator();
  await tabletServer(at, 0);
  const first = at.servers.get(0);
  at.servers.delete(0);
  await expect.poll(() => at.servers.get(0), patience).toMatchObject({ directoryId: first?.directoryId, incarnation: first?.incarnation });
});

test('an id that another live server has is tried for a while, then given up', async () => {
  const at = await coordinator();
  const first = await tabletServer(at, 0);
  await expect(tabletServer(at, 0)).rejects.toThrow(TabletServerRefused);
  expect(at.calls.filter((call) => call === 'POST registration 0')).toHaveLength(6);
  const second = tabletServer(at, 0);
  await first.stop();
  await second;
});

test('of two processes on copies of one directory the one that came last ends, and the log is left alone', async () => {
  const at = await coordinator();
  at.leaseMs = 2_000; // Registrations within one count: a pause of a busy machine must not be longer.
  const [directory, copy] = [folder(), folder()];
  const first = await tabletServer(at, 0, { directory });
  const began = performance.now(); // Not before: the first must have been registered for a whole lease when the second comes.
  await copyFile(join(directory, 'server.json'), join(copy, 'server.json'));
  await expect.poll(() => performance.now() - began, patience).toBeGreaterThan(at.leaseMs);
  const second = await tabletServer(at, 0, { directory: copy, listen: { host: '127.0.0.1', port: 0 } });
  const ended = await Promise.race([first.failed.then(() => 'first'), second.failed.then(({ message }) => message)]);
  expect(ended).toBe('another process registers as server 0 all the time, with a copy of this data directory');
  expect(at.servers.get(0)?.endpoint).toBe(first.endpoint);
  expect(at.calls.filter((call) => call === 'POST registration 0').length).toBeLessThan(10);
});

test('an older assignment than one that was acted on is not followed, not even by the next process', async () => {
  const at = await coordinator();
  at.position = 100;
  const directory = folder();
  const before = await tabletServer(at, 0, { directory });
  at.create(0, [0]);
  await expect.poll(async () => (await append(await connected(before.endpoint), 0, 1000)).ok, patience).toBe(true);
  await before.close();
  const newest = at.position;
  const [kept] = [...at.buckets];
  // A node that lags: it does not know of the bucket yet.
  at.buckets.clear();
  at.position = newest - 10;
  const after = await tabletServer(at, 0, { directory });
  const given = at.listsGiven;
  await expect.poll(() => at.listsGiven, patience).toBeGreaterThan(given + 1);
  expect(await digestOf(after.endpoint, 0)).toMatchObject({ length: 1000 });
  expect(after.status()).toEqual({ appliedPosition: 0, replicas: 1, leads: 0 });
  expect(await append(await connected(after.endpoint), 0, 1)).toMatchObject({ code: 'NOT_READY' });
  at.position = newest;
  if (kept !== undefined) at.buckets.set(...kept);
  at.changed();
  await expect.poll(async () => (await append(await connected(after.endpoint), 0, 1)).ok, patience).toBe(true);
});

test('nothing from before its registration is followed: others may lead since what an older list gives it', async () => {
  const at = await coordinator();
  at.create(0, [0]);
  const registeredAt = at.position + 10;
  // The node that took the registration is not the one that is asked for lists.
  const ahead: HttpFetch = async (url, request) => {
    const answer = await fetch(url, request);
    if (!url.pathname.endsWith('/registration')) return answer;
    return Response.json({ ...((await answer.json()) as object), position: registeredAt });
  };
  const server = await tabletServer(at, 0, { coordinator: new CoordinatorClient({ serverId: 0, urls: [at.url], fetch: ahead }) });
  await expect.poll(() => at.listsGiven, patience).toBeGreaterThan(1);
  expect(server.status()).toEqual({ appliedPosition: 0, replicas: 0, leads: 0 });
  at.position = registeredAt;
  at.changed();
  await expect.poll(() => server.status(), patience).toEqual({ appliedPosition: at.position, replicas: 1, leads: 1 });
});

test('an ISR is asked for under the epochs in force, and asked for again when the answer was lost', async () => {
  const at = await coordinator();
  const servers = [await tabletServer(at, 0), await tabletServer(at, 1), await tabletServer(at, 2)];
  const endpoints = servers.map(({ endpoint }) => endpoint);
  at.create(0, [0, 1]);
  await expect.poll(async () => (await append(await connected(endpoints[0] ?? ''), 0, 1000)).ok, patience).toBe(true);
  at.losesAnswersTo = 'isr';
  at.grants = false;
  at.change(0, { replicas: [0, 1, 2] });
  await expect.poll(() => at.reports.length, patience).toBeGreaterThan(1);
  const { bucketEpoch, leaderEpoch } = at.get(0);
  const asked = { tableId: 7, bucketId: 0, leaderEpoch, bucketEpoch, isr: [0, 1, 2], bytes: 1000 };
  expect(at.reports[0]).toEqual(asked);
  for (const again of at.reports.slice(1)) expect(again).toEqual({ ...asked, anew: true });
  at.change(0, { leader: 1 });
  const from = at.reports.length;
  at.grants = true;
  await expect.poll(() => at.get(0).isr, patience).toEqual([0, 1, 2]);
  const late = at.reports.slice(from).filter((report) => report.leaderEpoch === leaderEpoch);
  expect(late.length).toBeLessThan(2); // One may have been on its way.
  expect(at.get(0)).toMatchObject({ leaderEpoch: leaderEpoch + 1, bucketEpoch: bucketEpoch + 2 });
  await equalReplicas(endpoints, 0, 1000);
});

test('who dies while it is not known whether it came into the ISR holds nobody up', async () => {
  const at = await coordinator();
  const [leader, follower] = [await tabletServer(at, 0), await tabletServer(at, 1)];
  at.create(0, [0]);
  const connection = await connected(leader.endpoint);
  await expect.poll(async () => (await append(connection, 0, 1000)).ok, patience).toBe(true);
  at.losesAnswersTo = 'isr';
  at.grants = false;
  at.change(0, { replicas: [0, 1] });
  await expect.poll(() => at.reports.length, patience).toBeGreaterThan(0);
  await follower.close();
  await expect.poll(() => at.reports.at(-1)?.isr, patience).toEqual([0]);
  at.losesAnswersTo = '';
  at.grants = true;
  await expect.poll(async () => (await append(connection, 0, 10)).ok, patience).toBe(true);
  expect(at.get(0).isr).toEqual([0]);
});

test('an epoch that is older than one it has seen is not taken, wherever it comes from', async () => {
  const at = await coordinator();
  const directory = folder();
  const server = await tabletServer(at, 0, { directory });
  at.create(0, [0]);
  at.change(0, { leader: -1 });
  at.change(0, { leader: 0 });
  await expect.poll(async () => (await append(await connected(server.endpoint), 0, 5)).ok, patience).toBe(true);
  expect(await readFile(join(directory, 'replicas', '7-0', 'leader-epoch'), 'utf8')).toBe('2\n');
  at.buckets.set('7-0', { ...at.get(0), leaderEpoch: 1, bucketEpoch: 9 });
  at.changed();
  await expect.poll(() => at.servers.get(0)?.appliedPosition, patience).toBe(at.position);
  expect(await append(await connected(server.endpoint), 0, 5)).toEqual({ ok: true, offset: 5 });
  expect(await readFile(join(directory, 'replicas', '7-0', 'leader-epoch'), 'utf8')).toBe('2\n');
});

test('what a process left half done is finished: deletions go on, and what lies about in the directory does no harm', async () => {
  const at = await coordinator();
  const directory = folder();
  await (await tabletServer(at, 0, { directory })).close();
  await mkdir(join(directory, 'trash', '7-3.abc'));
  await writeFile(join(directory, 'trash', '7-3.abc', 'data'), 'x');
  await mkdir(join(directory, 'replicas', '7-1')); // Made, and nothing in it yet.
  await writeFile(join(directory, 'server.json.next'), '{"half');
  at.create(1, [0]);
  const server = await tabletServer(at, 0, { directory });
  expect(await readdir(join(directory, 'trash'))).toEqual([]);
  await expect.poll(async () => (await append(await connected(server.endpoint), 1, Buffer.from('abc'))).ok, patience).toBe(true);
  expect((await bytesIn(directory, 1)).toString()).toBe('abc');
  await server.close();
  await writeFile(join(directory, 'server.json'), '{"half');
  await expect(tabletServer(at, 0, { directory })).rejects.toThrow('server.json is damaged');
});

test('of a thousand buckets that are dropped no trace is left, and a new one is not kept waiting', async () => {
  const at = await coordinator();
  const directory = folder();
  const buckets = 1000;
  const longer = { ...patience, timeout: 30_000 };
  for (let bucketId = 0; bucketId < buckets; bucketId++) at.create(bucketId, [0]);
  const server = await tabletServer(at, 0, { directory });
  await expect.poll(() => server.status().replicas, longer).toBe(buckets);
  at.buckets.clear();
  at.create(buckets, [0]);
  await expect.poll(async () => (await append(await connected(server.endpoint), buckets, 1)).ok, longer).toBe(true);
  await expect.poll(() => readdir(join(directory, 'trash')), longer).toEqual([]);
  expect(await readdir(join(directory, 'replicas'))).toEqual([`7-${buckets}`]);
}, 100_000);

test('stopping takes no coordinator; starting waits for one until it is told not to', async () => {
  const at = await coordinator();
  const server = await tabletServer(at, 0);
  at.hasNoLeader = true;
  await server.stop();
  const stop = new AbortController();
  const directory = folder();
  const { TabletServer } = await import('../../src/tablet-server/server.ts');
  const warned = new Promise<void>((resolve) => {
    const logger = { debug: () => {}, info: () => {}, warn: () => resolve(), error: () => {} };
    const client = new CoordinatorClient({ serverId: 1, urls: [at.url], fetch });
    const starting = TabletServer.start(
      { serverId: 1, directory, listen: { host: '127.0.0.1', port: 0 }, coordinator: client, logger },
      stop.signal,
    );
    onTestFinished(() => expect(starting).rejects.toThrow('given up'));
  });
  await warned;
  stop.abort(new Error('given up'));
});
