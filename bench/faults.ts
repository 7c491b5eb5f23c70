/**
 * How long nobody can write after a fault, and whether anything acknowledged was lost, doubled or moved: three nodes on three
 * ZooKeepers, 64 writers, `node bench/faults.ts [rounds]` (20 when absent). The gap is the longest time without an acknowledgement
 * from the fault on, against the session timeout.
 */
import { spawnSync } from 'node:child_process';
import { type ProcessCluster, sessionTimeoutMs, startCluster } from '../test/support/cluster.ts';
import { type NodeProcess, until } from '../test/support/nodeProcesses.ts';
import { faults, longestGap, readLog, Writers } from '../test/support/writers.ts';
import { median } from './figures.ts';

const rounds = Number(process.argv[2] ?? 20);

interface Round {
  readonly gapMs: number;
  readonly acknowledged: number;
  readonly faults: readonly string[];
}

async function round(cluster: ProcessCluster, run: string, fault: () => Promise<void>, mend: () => Promise<void>): Promise<Round> {
  const writers = new Writers(
    cluster.nodes.map((node) => node.url),
    64,
    run,
  );
  const enough = (count: number) =>
    until(`${count} writes are acknowledged`, 60_000, async () => (writers.acknowledged.length >= count ? true : undefined));
  await enough(200);
  const since = performance.now();
  await fault();
  await enough(writers.acknowledged.length + 500);
  await writers.stop();
  await mend();
  await cluster.settled();
  const [node] = cluster.nodes;
  return {
    gapMs: longestGap(writers.acknowledged, since),
    acknowledged: writers.acknowledged.length,
    faults: node === undefined ? ['no node'] : faults(writers.acknowledged, await readLog(node.url)),
  };
}

const hang = (cluster: ProcessCluster, run: string, member: number): Promise<Round> =>
  round(
    cluster,
    run,
    async () => cluster.zookeeper.pause(member),
    async () => cluster.zookeeper.resume(member),
  );

/** The member that a node's process has its connection to. */
function attachedMember({ zookeeper }: ProcessCluster, node: NodeProcess): number {
  const { stdout } = spawnSync('ss', ['-tnpH', 'state', 'established'], { encoding: 'utf8' });
  const lines = stdout.split('\n').filter((line) => line.includes(`pid=${node.pid()},`));
  return zookeeper.ports.findIndex((port) => lines.some((line) => line.trim().split(/\s+/)[3] === `127.0.0.1:${port}`));
}

type Kind = (cluster: ProcessCluster, run: string, number: number) => Promise<Round>;
const kinds: Readonly<Record<string, Kind>> = {
  'kill -9 of the leader': async (cluster, run) => {
    const leader = await cluster.leader();
    return round(
      cluster,
      run,
      () => leader.kill(),
      async () => leader.start(),
    );
  },
  'kill -STOP of the leader': async (cluster, run) => {
    const leader = await cluster.leader();
    return round(
      cluster,
      run,
      async () => leader.pause(),
      async () => leader.resume(),
    );
  },
  'kill -STOP of the ZooKeeper that the leader is attached to, unless it leads the ensemble': async (cluster, run) => {
    const leading = await cluster.zookeeper.leader();
    const attached = attachedMember(cluster, await cluster.leader());
    return hang(cluster, run, attached === leading ? (leading + 1) % 3 : attached);
  },
  'kill -STOP of the ZooKeeper that leads': async (cluster, run) => hang(cluster, run, await cluster.zookeeper.leader()),
};

async function main(): Promise<void> {
  const cluster = await startCluster();
  process.exitCode = 0;
  try {
    await cluster.settled();
    for (const [what, kind] of Object.entries(kinds)) {
      const done: Round[] = [];
      for (let number = 1; number <= rounds; number += 1) {
        done.push(await kind(cluster, `${what.replace(/\W/g, '')}${number}`.toLowerCase(), number));
        process.stderr.write(`\r${what}: ${number} of ${rounds}`);
      }
      const gaps = done.map(({ gapMs }) => gapMs);
      const wrong = done.flatMap((one) => one.faults);
      const ratio = (ms: number) => `${(ms / sessionTimeoutMs).toFixed(2)}x`;
      const above = gaps.filter((gap) => gap > 1.5 * sessionTimeoutMs).length;
      const acknowledged = done.reduce((sum, one) => sum + one.acknowledged, 0);
      process.stderr.write('\n');
      console.log(`${what}: ${acknowledged} acknowledged, ${wrong.length} lost, doubled or moved`);
      console.log(
        `  longest time without an acknowledgement: median ${ratio(median(gaps))}, worst ${ratio(Math.max(...gaps))} of the session ` +
          `timeout of ${sessionTimeoutMs} ms; ${above} of ${rounds} rounds above 1.5x`,
      );
      for (const text of wrong.slice(0, 10)) console.log(`  ${text}`);
      if (wrong.length > 0) process.exitCode = 1;
    }
  } finally {
    await cluster.stop();
  }
}
await main();
