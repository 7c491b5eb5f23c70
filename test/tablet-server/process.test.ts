/**
 * Goal: the program survives kill -9 at any moment, leaves in order on SIGTERM, and tells plainly what it cannot do.
 * Method: real processes over real directories, under a coordinator whose assignment the test writes.
 */
import { describe, expect, test } from 'vitest';
import { type Running, start } from '../cli/processes.ts';
import type { ScriptedCoordinator } from './coordinator.ts';
import { append, bytesIn, connected, coordinator, digestOf, equalReplicas, folder, patience } from './servers.ts';

const mb = 1024 * 1024;

/** A server as its users start it, once it has registered. */
async function started(at: ScriptedCoordinator, id: number, directory: string): Promise<Running & { readonly endpoint: string }> {
  const coordinator = ['--coordinator', `http://127.0.0.1:1,${at.url}`];
  const running = start(['tablet-server', '--id', `${id}`, '--rack', 'r1', ...coordinator, '--data', directory, '--lag', '1s'], {
    cwd: directory,
  });
  await expect.poll(() => running.out().includes('not a database') || running.child.exitCode !== null, patience).toBe(true);
  const endpoint = /data port +(\S+)/.exec(running.out())?.[1];
  if (endpoint === undefined) throw new Error(running.err());
  return { ...running, endpoint };
}

test('killed in the middle of a copy, it goes on where it was, on the same port', async () => {
  const at = await coordinator();
  const [one, two] = [folder(), folder()];
  const leader = await started(at, 0, one);
  const follower = await started(at, 1, two);
  at.create(0, [0]);
  const client = await connected(leader.endpoint);
  for (const _ of [1, 2]) await expect.poll(() => append(client, 0, mb), patience).toMatchObject({ ok: true });
  at.set({ minInSyncReplicas: 1, copyBytesPerSec: mb / 2 });
  at.change(0, { replicas: [0, 1] });
  await expect.poll(() => at.servers.get(1)?.copies[0]?.copiedBytes ?? 0, patience).toBeGreaterThan(200_000);
  follower.child.kill('SIGKILL');
  await follower.ended;
  const copied = (await bytesIn(two, 0)).length;
  expect(copied).toBeGreaterThan(200_000);
  expect(copied).toBeLessThan(2 * mb);
  at.set({ minInSyncReplicas: 1, copyBytesPerSec: 100 });
  const again = await started(at, 1, two);
  expect(again.endpoint).toBe(follower.endpoint);
  await expect.poll(() => at.servers.get(1)?.copies[0]?.copiedBytes ?? 0, patience).toBeGreaterThanOrEqual(copied);
  at.set({ minInSyncReplicas: 1 });
  await equalReplicas([leader.endpoint, again.endpoint], 0, 2 * mb);
  await expect.poll(() => at.get(0).isr, patience).toEqual([0, 1]);

  // The other way round: the leader dies, its follower takes over, and it comes back with bytes of its own.
  leader.child.kill('SIGKILL');
  await leader.ended;
  at.change(0, { leader: 1 });
  const heir = await connected(again.endpoint);
  await expect.poll(() => at.get(0).isr, { ...patience, timeout: 15_000 }).toEqual([1]);
  expect(await append(heir, 0, 1000)).toMatchObject({ ok: true });
  const back = await started(at, 0, one);
  await equalReplicas([back.endpoint, again.endpoint], 0, 2 * mb + 1000);
  await expect.poll(() => at.get(0).isr, patience).toEqual([0, 1]);
}, 40_000);

test('SIGTERM: its leaderships move away, it says goodbye, and the status is 0', async () => {
  const at = await coordinator();
  const server = await started(at, 0, folder());
  at.create(0, [0, 1]);
  await expect.poll(() => at.servers.get(0)?.appliedPosition, patience).toBe(at.position);
  at.calls.length = 0;
  server.child.kill('SIGTERM');
  expect((await server.ended).status).toBe(0);
  expect(at.calls).toEqual(['POST shutdown 0', 'DELETE registration 0']);
  expect(at.get(0)).toMatchObject({ leader: 1, leaderEpoch: 1 });
  expect(at.servers.get(0)?.isLive).toBe(false);
});

test('SIGTERM before any coordinator has answered ends it at once, in order', async () => {
  const at = await coordinator();
  at.hasNoLeader = true;
  const directory = folder();
  const server = start(['tablet-server', '--id', '0', '--coordinator', at.url, '--data', directory], { cwd: directory });
  await expect.poll(() => server.err(), patience).toContain('not registered yet');
  server.child.kill('SIGTERM');
  expect(await server.ended).toMatchObject({ status: 0, out: '' });
});

describe('a directory is refused', () => {
  test("that another process has, that is another server's, or of another cluster", async () => {
    const at = await coordinator();
    const directory = folder();
    const first = await started(at, 0, directory);
    const args = (id: number) => ['tablet-server', '--id', `${id}`, '--coordinator', at.url, '--data', directory];
    const second = await start(args(0), { cwd: directory }).ended;
    expect(second).toMatchObject({ status: 1, out: '' });
    expect(second.err).toContain(`the tablet server in ${directory} is in use by process ${first.child.pid}`);
    first.child.kill('SIGKILL');
    await first.ended;
    const other = await start(args(3), { cwd: directory }).ended;
    expect(other).toMatchObject({ status: 1 });
    expect(other.err).toContain(`${directory} is the directory of server 0, not of server 3`);
    at.clusterId = 'cluster-two';
    const foreign = await start(args(0), { cwd: directory }).ended;
    expect(foreign).toMatchObject({ status: 1 });
    expect(foreign.err).toContain(`${directory} belongs to cluster cluster-one, and the coordinator is of cluster cluster-two`);
  });
});

test('fill appends through the leaders, check finds the replica that differs', async () => {
  const at = await coordinator();
  const [one, two] = [await started(at, 0, folder()), await started(at, 1, folder())];
  at.create(0, [0, 1]);
  at.create(1, [1, 0]);
  at.create(2, [1, 0]);
  await expect.poll(() => [0, 1].map((id) => at.servers.get(id)?.appliedPosition), patience).toEqual([at.position, at.position]);
  const call = (...args: string[]) => start(['tablet-server', ...args, '--operator', at.url], { cwd: folder() }).ended;
  expect(await call('fill', '--table', 'db.t', '--size', '600kb')).toMatchObject({
    status: 0,
    out: '1 843 200 bytes are in db.t, in 3 buckets.\n',
  });
  for (const id of [0, 1, 2]) await equalReplicas([one.endpoint, two.endpoint], id, 614_400);
  expect(await call('check', '--table', 'db.t')).toMatchObject({
    status: 0,
    out: "All 6 replicas of db.t are equal to their leaders': 3 buckets, 1 843 200 bytes.\n",
  });
  two.child.kill('SIGKILL');
  await two.ended;
  const different = await call('check', '--table', 'db.t', '--json');
  expect(different.status).toBe(1);
  const digest = await digestOf(one.endpoint, 0);
  expect(JSON.parse(different.out)).toMatchObject({
    isEqual: false,
    buckets: [
      {
        tableId: 7,
        bucketId: 0,
        leader: 0,
        isEqual: false,
        replicas: [{ serverId: 0, digest: digest.ok && digest.digest }, { serverId: 1 }],
      },
      { bucketId: 1, isEqual: false },
      { bucketId: 2, isEqual: false },
    ],
  });
  expect(await call('fill', '--table', 'db.none')).toMatchObject({ status: 1 });
});
