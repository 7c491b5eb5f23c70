/**
 * Goal: what is acknowledged is on every replica in sync and stays; replicas become equal to their leader's, byte by byte.
 * Method: tablet servers with real files and sockets in this process, under a coordinator whose assignment the test writes.
 */
import { randomBytes } from 'node:crypto';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { append, bytesIn, connected, coordinator, digestOf, equalReplicas, folder, patience, tabletServer } from './servers.ts';

const kb = 1024;

describe('appending', () => {
  test('bytes are acknowledged when every replica in sync has them', async () => {
    const at = await coordinator();
    const directories = [folder(), folder(), folder()];
    const servers = await Promise.all(directories.map((directory, id) => tabletServer(at, id, { directory })));
    at.create(0, [0, 1, 2]);
    const leader = await connected(servers[0]?.endpoint ?? '');
    await expect.poll(async () => (await append(leader, 0, Buffer.from('one'))).ok, patience).toBe(true);
    const bytes = randomBytes(300 * kb);
    expect(await append(leader, 0, bytes)).toEqual({ ok: true, offset: 3 });
    for (const directory of directories) expect(await bytesIn(directory, 0)).toEqual(Buffer.concat([Buffer.from('one'), bytes]));
  });

  test('a follower names the leader, and too few in sync are refused before anything is written', async () => {
    const at = await coordinator();
    at.set({ minInSyncReplicas: 2 });
    const [one, two] = [await tabletServer(at, 0), await tabletServer(at, 1)];
    at.create(0, [0, 1]);
    const [leader, follower] = [await connected(one.endpoint), await connected(two.endpoint)];
    await expect.poll(() => append(leader, 0, 10), patience).toMatchObject({ ok: true });
    const before = await digestOf(one.endpoint, 0);
    expect(await append(follower, 0, 10)).toMatchObject({ ok: false, code: 'NOT_LEADER', leader: 0, endpoint: one.endpoint });
    await two.close();
    await expect.poll(() => at.get(0).isr, patience).toEqual([0]);
    await expect.poll(() => at.servers.get(0)?.appliedPosition, patience).toBe(at.position);
    expect(await append(leader, 0, 10)).toMatchObject({ code: 'NOT_ENOUGH_REPLICAS' });
    expect(await digestOf(one.endpoint, 0)).toEqual(before);
  });

  test('while a member of the ISR is silent the outcome is unknown; once it has left, bytes are acknowledged without it', async () => {
    const at = await coordinator();
    const [one, two] = [await tabletServer(at, 0, { timing: { acknowledgeMs: 150 } }), await tabletServer(at, 1)];
    at.create(0, [0, 1]);
    const leader = await connected(one.endpoint);
    await expect.poll(() => append(leader, 0, 10), patience).toMatchObject({ ok: true });
    at.grants = false;
    await two.close();
    expect(await append(leader, 0, 10)).toMatchObject({ code: 'OUTCOME_UNKNOWN' });
    await expect.poll(() => at.reports.length, patience).toBeGreaterThan(1); // It is asked again and again.
    expect(at.reports[0]).toMatchObject({ tableId: 7, bucketId: 0, leaderEpoch: 0, bucketEpoch: 0, isr: [0] });
    expect(await append(leader, 0, 10)).toMatchObject({ code: 'OUTCOME_UNKNOWN' });
    at.grants = true;
    await expect.poll(() => append(leader, 0, 10), patience).toMatchObject({ ok: true });
  });
});

describe('copying', () => {
  test('a new replica is copied, reported in sync, and the one that is no longer listed is deleted', async () => {
    const at = await coordinator();
    const directory = folder();
    const servers = [await tabletServer(at, 0, { directory }), await tabletServer(at, 1), await tabletServer(at, 2)];
    const endpoints = servers.map(({ endpoint }) => endpoint);
    at.create(0, [0, 1]);
    const leader = await connected(endpoints[0] ?? '');
    await expect.poll(() => append(leader, 0, 900 * kb), patience).toMatchObject({ ok: true });
    at.change(0, { replicas: [0, 1, 2] });
    await expect.poll(() => at.get(0).isr, patience).toEqual([0, 1, 2]);
    await equalReplicas(endpoints, 0, 900 * kb);
    at.change(0, { leader: 2 });
    await expect.poll(() => at.servers.get(2)?.appliedPosition, patience).toBe(at.position);
    at.change(0, { replicas: [1, 2], isr: [1, 2] });
    await expect.poll(() => at.servers.get(0)?.appliedPosition, patience).toBe(at.position);
    expect(await readdir(join(directory, 'replicas'))).toEqual([]);
    await expect.poll(() => readdir(join(directory, 'trash')), patience).toEqual([]);
    expect(await digestOf(endpoints[0] ?? '', 0)).toMatchObject({ code: 'UNKNOWN_BUCKET' });
    expect(await append(await connected(endpoints[2] ?? ''), 0, 5)).toEqual({ ok: true, offset: 900 * kb });
  });

  test('the rate bounds what arrives, and follows its setting while a copy runs', async () => {
    const at = await coordinator();
    const [one, two] = [await tabletServer(at, 0), await tabletServer(at, 1)];
    at.create(0, [0]);
    at.create(1, [0]);
    const leader = await connected(one.endpoint);
    await expect.poll(() => append(leader, 0, 600 * kb), patience).toMatchObject({ ok: true });
    await expect.poll(() => append(leader, 1, 600 * kb), patience).toMatchObject({ ok: true });
    at.set({ minInSyncReplicas: 1, copyBytesPerSec: 100 * kb });
    const began = performance.now();
    at.change(0, { replicas: [0, 1] });
    at.change(1, { replicas: [0, 1] });
    const copied = (): readonly number[] => at.servers.get(1)?.copies.map(({ copiedBytes }) => copiedBytes) ?? [];
    await expect.poll(() => copied().length === 2 && copied().every((bytes) => bytes > 40 * kb), patience).toBe(true);
    const seconds = (performance.now() - began) / 1000;
    const [first = 0, second = 0] = copied();
    expect(first + second).toBeLessThan((seconds + 0.5) * 100 * kb); // Half a second's worth may come at once.
    expect(Math.abs(first - second)).toBeLessThan(60 * kb); // Both get their share.
    at.set({ minInSyncReplicas: 1 });
    await equalReplicas([one.endpoint, two.endpoint], 0, 600 * kb);
    await equalReplicas([one.endpoint, two.endpoint], 1, 600 * kb);
    expect((performance.now() - began) / 1000).toBeLessThan(10); // At the first rate it would be twelve, on the fastest machine.
  });
});

describe('replicas that differ', () => {
  test('a leader of before gives up what nobody else had, and keeps all that was acknowledged', async () => {
    const at = await coordinator();
    const directories = [folder(), folder(), folder()];
    const servers = await Promise.all(directories.map((directory, id) => tabletServer(at, id, { directory })));
    const endpoints = servers.map(({ endpoint }) => endpoint);
    at.create(0, [0, 1, 2]);
    const leader = await connected(endpoints[0] ?? '');
    await expect.poll(() => append(leader, 0, 200 * kb), patience).toMatchObject({ ok: true });
    await equalReplicas(endpoints, 0, 200 * kb);
    const acknowledged = await bytesIn(directories[0] ?? '', 0);
    await Promise.all(servers.map((server) => server.close()));
    // Of the next append each of the first two had another part when they died, and different bytes stand there.
    const replica = (id: number): string => join(directories[id] ?? '', 'replicas', '7-0', 'data');
    await writeFile(replica(0), Buffer.concat([acknowledged, randomBytes(70 * kb)]));
    await writeFile(replica(1), Buffer.concat([acknowledged, randomBytes(30 * kb)]));
    at.set({ minInSyncReplicas: 1, copyBytesPerSec: 1000 }); // Whoever cuts too much off cannot hide it.
    at.change(0, { leader: 1 });
    const again = await Promise.all(directories.map((directory, id) => tabletServer(at, id, { directory })));
    const now = again.map(({ endpoint }) => endpoint);
    const lengthOf = async (id: number): Promise<number> => (await bytesIn(directories[id] ?? '', 0)).length;
    await expect.poll(() => lengthOf(0), patience).toBeLessThan(270 * kb);
    expect(await lengthOf(0)).toBeGreaterThanOrEqual(200 * kb);
    expect(await lengthOf(0)).toBeLessThan(230 * kb);
    at.set({ minInSyncReplicas: 1 });
    await equalReplicas(now, 0, 230 * kb);
    expect((await bytesIn(directories[0] ?? '', 0)).subarray(0, 200 * kb)).toEqual(acknowledged);
    expect(await append(await connected(now[1] ?? ''), 0, 10)).toEqual({ ok: true, offset: 230 * kb });
    await equalReplicas(now, 0, 230 * kb + 10);
  });

  test('a replica from elsewhere is replaced, whatever is in it', async () => {
    const at = await coordinator();
    const one = await tabletServer(at, 0);
    at.create(0, [0]);
    const leader = await connected(one.endpoint);
    await expect.poll(() => append(leader, 0, 100 * kb), patience).toMatchObject({ ok: true });
    const directory = folder();
    const before = await tabletServer(at, 1, { directory });
    await before.close();
    await mkdir(join(directory, 'replicas', '7-0'));
    await writeFile(join(directory, 'replicas', '7-0', 'data'), randomBytes(80 * kb));
    const two = await tabletServer(at, 1, { directory });
    at.change(0, { replicas: [0, 1] });
    await equalReplicas([one.endpoint, two.endpoint], 0, 100 * kb);
  });
});
