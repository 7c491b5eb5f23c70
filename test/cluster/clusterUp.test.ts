/**
 * Goal: `chancery cluster up` gives three real nodes on three real ZooKeepers that survive their leader, and three tablet servers, and
 *   leaves nothing behind, however it ends.
 * Method: the real command; processes are killed as an operator would, and looked for by their ids.
 */
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { chancery, folder, type Running, start } from '../cli/processes.ts';
import { inAMoment } from '../support/waits.ts';

interface Up {
  readonly leaderId?: string;
  readonly nodes: readonly { readonly nodeId: string; readonly url: string; readonly pid: number }[];
  readonly tabletServers: readonly { readonly serverId: number; readonly address: string; readonly pid: number }[];
  readonly zookeepers: readonly { readonly pid: number }[];
}
const seconds = 1000;

async function up(cwd: string): Promise<{ readonly running: Running; readonly told: Up; readonly pids: readonly number[] }> {
  const running = start(['cluster', 'up', '--json'], { cwd });
  await vi.waitFor(() => expect(running.out(), running.err()).toContain('\n'), { timeout: 90 * seconds, interval: 100 });
  const told = JSON.parse(running.out()) as Up;
  return { running, told, pids: [...told.nodes, ...told.tabletServers, ...told.zookeepers].map(({ pid }) => pid) };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
const allGone = (pids: readonly number[]) => vi.waitFor(() => expect(pids.filter(isAlive)).toEqual([]), { timeout: 30 * seconds });

test('up, a write on a follower, the leader killed, a write again, down by every way', async () => {
  const cwd = folder();
  const first = await up(cwd);
  const { leaderId, nodes } = first.told;
  const follower = nodes.find(({ nodeId }) => nodeId !== leaderId);
  const set = (value: string, operator: string) =>
    chancery(['sql', '--operator', operator, `CALL sys.set_cluster_configs('datalake.paimon.note', '${value}')`], { cwd });
  expect((await set('one', follower?.url ?? '')).out).toContain(' · in force on 3 of 3 nodes\n');
  const asked = 'SELECT server_id, status, rack FROM sys.servers ORDER BY server_id';
  // A follower hears of them a moment later.
  await expect
    .poll(async () => (await chancery(['sql', '--operator', follower?.url ?? '', '--csv', asked], { cwd })).out, { timeout: 20_000 })
    .toBe('server_id,status,rack\r\n0,LIVE,r1\r\n1,LIVE,r2\r\n2,LIVE,r3\r\n');
  const second = await chancery(['cluster', 'up'], { cwd });
  expect(second.status).toBe(1);
  expect(second.err).toContain(`a cluster runs in ${cwd}/cluster already, process ${first.running.child.pid}\n`);

  process.kill(nodes.find(({ nodeId }) => nodeId === leaderId)?.pid ?? 0, 'SIGKILL');
  const everyone = nodes.map(({ url }) => url).join(',');
  // A refusal while nobody leads is retriable: asked again until another one does.
  await vi.waitFor(async () => expect((await set('two', everyone)).status).toBe(0), { timeout: 40 * seconds });
  const { out } = await chancery(['cluster', 'status', '--json'], { cwd });
  expect((JSON.parse(out) as Up).leaderId).not.toBe(leaderId);
  await vi.waitFor(() => expect(first.running.err()).toContain(`${leaderId} ended (SIGKILL); the others go on`), inAMoment);

  const [lost] = first.told.tabletServers;
  process.kill(lost?.pid ?? 0, 'SIGKILL');
  const where = `--id 0 --rack r1 --coordinator ${everyone} --listen ${lost?.address} --data ${cwd}/`;
  const restart = `start it again with: bin/chancery tablet-server ${where}`;
  await vi.waitFor(() => expect(first.running.err()).toContain(`ts0 ended (SIGKILL); the others go on; ${restart}`), inAMoment);

  first.running.child.kill('SIGKILL'); // It can tell nobody: the kernel ends what it started.
  await allGone(first.pids);

  const again = await up(cwd);
  expect(again.told.nodes.map(({ url }) => url)).toEqual(nodes.map(({ url }) => url));
  const history = await chancery(['history', '--operator', follower?.url ?? '', '--subject', 'config/*'], { cwd });
  expect(history.out).toMatch(/unset → one .*\n.*one → two .*\n$/);
  again.running.child.kill('SIGINT');
  expect((await again.running.ended).status).toBe(0);
  await allGone(again.pids);

  const hash = (await chancery(['hash-password'], { cwd, input: 'secret\n' })).out;
  for (const { nodeId } of nodes) {
    const file = join(cwd, 'cluster', nodeId, 'chancery.yaml');
    writeFileSync(file, readFileSync(file, 'utf8').replace(/^# Written by .*\n/, ''));
    appendFileSync(file, `users:\n  dana: ${hash}`);
  }
  const last = await up(cwd);
  expect(last.told.leaderId).toBeUndefined();
  expect(last.running.err()).toContain('how the nodes are is not known: this node wants to know who asks\n');
  const env = { CHANCERY_USER: 'dana', CHANCERY_PASSWORD: 'secret' };
  expect(last.running.err()).toContain('the tablet servers are not let in');
  const statuses = await Promise.all([{ cwd }, { cwd, env }].map((options) => chancery(['cluster', 'status', '--json'], options)));
  expect(statuses.map(({ status }) => status)).toEqual([1, 0]);
  const down = await chancery(['cluster', 'down'], { cwd });
  expect(down).toEqual({ status: 0, out: `down; its data is in ${cwd}/cluster\n`, err: expect.any(String) as string });
  await allGone([...last.pids, last.running.child.pid ?? 0]);
  const status = await chancery(['cluster', 'status'], { cwd });
  expect(status.status).toBe(3);
});
