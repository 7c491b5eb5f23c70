import { spawnSync } from 'node:child_process';
import { type Goal, goals } from '../events/rebalance.ts';
import type { Cluster, Server } from '../src/rebalance/cluster.ts';
import { planRebalance } from '../src/rebalance/planner.ts';
import { type Figure, grouped, median, timed } from './figures.ts';

/** What is planned: a cluster that grew by a fifth, loses a fiftieth, and whose oldest tenth leads everything it holds. */
function grownCluster(servers: number, buckets: number): Cluster {
  const old = Math.floor(servers * 0.8);
  const racks = 10;
  return {
    servers: Array.from({ length: servers }, (_, id): Server => {
      const tag = id % 50 === 7 ? ({ tag: 'PERMANENT_OFFLINE' } as const) : {};
      return { id, rack: `r${id % racks}`, isLive: true, ...tag };
    }),
    buckets: Array.from({ length: buckets }, (_, i) => {
      const first = (i * 7919) % old;
      // The second step is whole turns of the racks, so that a quarter of the buckets begin with two replicas in one of them.
      const replicas = [first, (first + 1 + (i % 13)) % old, (first + (i % 4 === 0 ? 2 * racks : 17 + (i % 5))) % old];
      return { tableId: 1 + (i % 40), bucketId: Math.floor(i / 40), leader: Math.min(...replicas), replicas };
    }),
  };
}

interface Measured {
  readonly milliseconds: number;
  readonly moves: number;
  readonly megabytes: number;
}

function measure(servers: number, buckets: number, order: readonly Goal[]): Measured {
  const cluster = grownCluster(servers, buckets);
  let moves = 0;
  const run = () => {
    const planning = planRebalance(cluster, order);
    if (planning.kind === 'failed') throw new Error(planning.message);
    moves = planning.plan.moves.length;
  };
  const small = grownCluster(100, 1_000);
  for (let warm = 0; warm < 30; warm += 1) planRebalance(small, order);
  const milliseconds = median(Array.from({ length: buckets > 10_000 ? 3 : 31 }, () => timed(run)));
  return { milliseconds, moves, megabytes: process.resourceUsage().maxRSS / 1024 };
}

const large = { servers: 1_000, buckets: 100_000 };
const small = { servers: 100, buckets: 1_000 };

/** Measured in a process of its own, whose memory is the planner's and the cluster's alone. */
function measureAlone({ buckets, servers }: typeof large, order: readonly Goal[]): Measured {
  const { status, stderr, stdout } = spawnSync(process.execPath, [import.meta.filename, `${servers}`, `${buckets}`, order.join()], {
    encoding: 'utf8',
    timeout: 300_000,
  });
  if (status !== 0) throw new Error(`the planner's process failed: ${stderr}`);
  return JSON.parse(stdout) as Measured;
}

/** Plans of all goals: how long, in how much memory, and how the cost of a bucket grows from 100 servers to 1,000. */
export function* plannerFigures(): Generator<Figure> {
  for (const order of [['RACK_AWARE', 'REPLICA_DISTRIBUTION', 'LEADER_DISTRIBUTION'] as const, ['REPLICA_DISTRIBUTION'] as const]) {
    const [few, many] = [measureAlone(small, order), measureAlone(large, order)];
    const growth = many.milliseconds / large.buckets / (few.milliseconds / small.buckets);
    const exponent = Math.log(many.milliseconds / few.milliseconds) / Math.log(large.buckets / small.buckets);
    yield {
      what: `a plan for 1 000 servers and 100 000 buckets of 3 replicas: ${order.join()}`,
      ratio: `${(many.milliseconds / 1000).toFixed(2)} s in ${grouped(many.megabytes)} MB`,
      floor: '< 10 s, < 2 048 MB',
      isMet: many.milliseconds < 10_000 && many.megabytes < 2_048,
      behind: `${grouped(many.moves)} moves`,
    };
    yield {
      what: `the cost of a bucket there against 100 servers and 1 000 buckets: ${order.join()}`,
      ratio: `${growth.toFixed(2)}x`,
      floor: '<= 3x',
      isMet: growth <= 3,
      behind: `${few.milliseconds.toFixed(2)} ms for ${grouped(few.moves)} moves; as buckets to the power ${exponent.toFixed(2)}`,
    };
  }
}

if (import.meta.main) {
  const [servers, buckets, order = ''] = process.argv.slice(2);
  const wanted = order.split(',').flatMap((word) => goals.filter((goal) => goal === word));
  console.log(JSON.stringify(measure(Number(servers), Number(buckets), wanted)));
}
