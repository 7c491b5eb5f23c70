/**
 * Goal: nothing acknowledged is lost, doubled or reordered while nodes and ZooKeepers are killed and paused under load.
 * Method: 64 writers against three real nodes on three real ZooKeepers; a fault; the writers go on until everything they sent is
 * acknowledged; then the whole log is compared with what was acknowledged. CHANCERY_ROUNDS sets the number of rounds of each kind.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ProcessCluster, startCluster } from '../support/cluster.ts';
import { until } from '../support/nodeProcesses.ts';
import { faults, readLog, Writers } from '../support/writers.ts';

const rounds = Number(process.env['CHANCERY_ROUNDS'] ?? 2);
let cluster: ProcessCluster;
beforeAll(async () => {
  cluster = await startCluster();
  await cluster.settled();
});
afterAll(() => cluster?.stop());

async function writeThrough(run: string, fault: () => Promise<void>): Promise<void> {
  const writers = new Writers(
    cluster.nodes.map((node) => node.url),
    64,
    run,
  );
  const enough = (count: number) =>
    until(`${count} writes are acknowledged`, 60_000, async () => (writers.acknowledged.length >= count ? true : undefined));
  await enough(200);
  await fault();
  await enough(writers.acknowledged.length + 200); // Somebody writes again.
  await writers.stop();
  for (const node of cluster.nodes) if (!node.isRunning()) node.start();
  await cluster.settled();
  for (const node of cluster.nodes) expect(faults(writers.acknowledged, await readLog(node.url)), `as ${node.nodeId} has it`).toEqual([]);
}
const numbered = Array.from({ length: rounds }, (_, i) => i + 1);

test.each(numbered)('kill -9 of the leader, round %i', async (round) => {
  const leader = await cluster.leader();
  await writeThrough(`kill${round}`, () => leader.kill());
});
test.each(numbered)('kill -STOP of the leader for longer than its session, round %i', async (round) => {
  const leader = await cluster.leader();
  await writeThrough(`pause${round}`, async () => {
    leader.pause();
    await until('another node leads', 30_000, async () => ((await cluster.leader()) === leader ? undefined : true));
    leader.resume();
  });
});
test.each(numbered)('kill -STOP of a ZooKeeper, round %i', async (round) => {
  const member = (round - 1) % 3;
  await writeThrough(`member${round}`, async () => cluster.zookeeper.pause(member));
  cluster.zookeeper.resume(member);
});
