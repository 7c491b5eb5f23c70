import { spawnSync } from 'node:child_process';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { type Goal, goals } from '../events/rebalance.ts';
import { createPlanner } from '../src/engine/planning/threadPlanner.ts';
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

interface Beside {
  readonly milliseconds: number;
  /** The longest time for which everything else in the process had to wait; of five plans the median. */
  readonly heldUp: number;
}

/** The same plan from the thread in which a node makes it. */
async function measureBeside(servers: number, buckets: number, order: readonly Goal[]): Promise<Beside> {
  const cluster = grownCluster(servers, buckets);
  const planner = createPlanner({ logger: console });
  const runs: Beside[] = [];
  for (let run = 0; run < 5; run += 1) {
    const waits = monitorEventLoopDelay({ resolution: 1 });
    waits.enable();
    const began = performance.now();
    const answer = await planner.plan(cluster, order);
    const milliseconds = performance.now() - began;
    waits.disable();
    if (answer.kind !== 'planned') throw new Error(`no plan: ${JSON.stringify(answer)}`);
    runs.push({ milliseconds, heldUp: waits.max / 1e6 });
  }
  await planner.close();
  return { milliseconds: median(runs.map((run) => run.milliseconds)), heldUp: median(runs.map((run) => run.heldUp)) };
}

const large = { servers: 1_000, buckets: 100_000 };
const small = { servers: 100, buckets: 1_000 };

/** Measured in a process of its own, whose memory is the planner's and the cluster's alone. */
function measureAlone({ buckets, servers }: typeof large, order: readonly Goal[], where: 'here' | 'beside'): unknown {
  const args = [import.meta.filename, where, `${servers}`, `${buckets}`, order.join()];
  const { status, stderr, stdout } = spawnSync(process.execPath, args, { encoding: 'utf8', timeout: 300_000 });
  if (status !== 0) throw new Error(`the planner's process failed: ${stderr}`);
  return JSON.parse(stdout);
}
const measured = (size: typeof large, order: readonly Goal[]): Measured => measureAlone(size, order, 'here') as Measured;
const measuredBeside = (size: typeof large, order: readonly Goal[]): Beside => measureAlone(size, order, 'beside') as Beside;

/** Plans of all goals: how long, in how much memory, how the cost of a bucket grows from 100 servers to 1,000, and who waits for it. */
export function* plannerFigures(): Generator<Figure> {
  for (const order of [['RACK_AWARE', 'REPLICA_DISTRIBUTION', 'LEADER_DISTRIBUTION'] as const, ['REPLICA_DISTRIBUTION'] as const]) {
    const [few, many] = [measured(small, order), measured(large, order)];
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
    const beside = measuredBeside(large, order);
    yield {
      what: `what else a node does waits while that plan is made beside it: ${order.join()}`,
      ratio: `${(beside.heldUp / many.milliseconds).toFixed(2)}x of what planning takes`,
      floor: '<= 0.2x',
      isMet: beside.heldUp <= 0.2 * many.milliseconds,
      behind: `${beside.heldUp.toFixed(0)} ms at the longest; the plan is there after ${(beside.milliseconds / 1000).toFixed(2)} s`,
    };
  }
}

if (import.meta.main) {
  const [where, servers, buckets, order = ''] = process.argv.slice(2);
  const wanted = order.split(',').flatMap((word) => goals.filter((goal) => goal === word));
  const measuring = where === 'beside' ? measureBeside : measure;
  console.log(JSON.stringify(await measuring(Number(servers), Number(buckets), wanted)));
}
