/**
 * Goal: a large rebalance is planned beside the event loop; whatever befalls the thread, callers have answers and the next plan is made.
 * Method: the real thread on real clusters; in its place programs that crash, hang or never end; the kernel's list of threads.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { afterEach, describe, expect, test } from 'vitest';
import type { Goal } from '../../events/rebalance.ts';
import type { PlannerAnswer } from '../../src/engine/planning/port.ts';
import { createPlanner, type PlannerLimits } from '../../src/engine/planning/threadPlanner.ts';
import type { Cluster } from '../../src/rebalance/cluster.ts';
import { planRebalance } from '../../src/rebalance/planner.ts';
import { madeCluster } from '../rebalance/randomClusters.ts';
import { silent } from '../support/nodes.ts';
import { Notes } from '../support/tls.ts';
import { inAMoment } from '../support/waits.ts';

const goals: readonly Goal[] = ['RACK_AWARE', 'REPLICA_DISTRIBUTION', 'LEADER_DISTRIBUTION'];
const clusterOf = (buckets: number): Cluster =>
  madeCluster({ seed: 7, servers: 60, racks: 5, buckets, replicationFactor: 3, tagged: 1, dead: 1, skew: 2 });
const [large, small] = [clusterOf(1_200), clusterOf(60)];
const twice: Cluster = { ...large, buckets: [...large.buckets, ...large.buckets] };

const folder = mkdtempSync(join(tmpdir(), 'chancery-planner-'));
const ends: (() => Promise<void> | void)[] = [() => rmSync(folder, { recursive: true })];
afterEach(async () => {
  for (const end of ends.splice(1)) await end();
});

function planner(limits: Partial<PlannerLimits> = {}, program?: string) {
  const made = createPlanner({ logger: silent, limits, ...(program === undefined ? {} : { program: programOf(program) }) });
  ends.push(() => made.close());
  return made;
}
let programs = 0;
const markOf = (program: number): string => join(folder, `${program}.mjs.seen`);
function programOf(text: string): URL {
  const file = join(folder, `${++programs}.mjs`);
  writeFileSync(file, `import { parentPort } from 'node:worker_threads';\n${text}`);
  return pathToFileURL(file);
}
const hangs = "parentPort.on('message', () => {});";
const spins = "parentPort.on('message', () => { for (;;); });";

/** Does what it is told when it is asked for the first time, and answers in a second life. */
const once = (fault: string): string =>
  `import { existsSync, writeFileSync } from 'node:fs';
   const mark = import.meta.filename + '.seen';
   const isFirst = !existsSync(mark);
   writeFileSync(mark, '');
   parentPort.on('message', () => { if (isFirst) { ${fault} } else parentPort.postMessage({ kind: 'broken', message: 'the second' }); });`;

/** The planning threads of this process; the kernel keeps 15 letters of a name. */
const threads = (): number => readdirSync('/proc/self/task').filter((task) => nameOf(task) === 'chancery-planner'.slice(0, 15)).length;
function nameOf(task: string): string {
  try {
    return readFileSync(`/proc/self/task/${task}/comm`, 'utf8').trim();
  } catch {
    return ''; // It ended meanwhile.
  }
}
const messageOf = (answer: PlannerAnswer): string => (answer.kind === 'broken' ? answer.message : answer.kind);
const codeOf = (answer: PlannerAnswer): string => (answer.kind === 'rejected' ? answer.rejection.code : answer.kind);

describe('the plan', () => {
  test('of a thread is that of the planner, and the node goes on meanwhile', async () => {
    let turns = 0;
    const answer = planner().plan(large, goals);
    const isDone = answer.then(() => true);
    while (!(await Promise.race([isDone, nextTurn(false)]))) turns += 1;
    expect(await answer).toStrictEqual(planRebalance(large, goals));
    expect(turns).toBeGreaterThan(10);
    expect(threads()).toBe(1);
  });

  test('of a small cluster is made on the spot', async () => {
    expect(await planner({}, 'process.exit(1);').plan(small, goals)).toStrictEqual(planRebalance(small, goals));
    expect(threads()).toBe(0);
  });

  test('several that are asked for at once come one after the other, from one thread', async () => {
    const made = planner();
    const orders = [goals, goals.slice(1), goals.slice(2)];
    const answers = await Promise.all(orders.map((order) => made.plan(large, order)));
    expect(answers).toStrictEqual(orders.map((order) => planRebalance(large, order)));
    expect(threads()).toBe(1);
  });

  test('a goal that cannot be pursued fails as in the planner', async () => {
    const leaving = { ...large, servers: large.servers.map((server) => ({ ...server, tag: 'PERMANENT_OFFLINE' as const })) };
    const answer = await planner().plan(leaving, ['REPLICA_DISTRIBUTION']);
    expect(answer).toMatchObject({ kind: 'failed', goal: 'REPLICA_DISTRIBUTION' });
    expect(answer).toStrictEqual(planRebalance(leaving, ['REPLICA_DISTRIBUTION']));
  });

  test('a cluster that cannot be breaks the plan alone, in the thread and on the spot', async () => {
    const logger = new Notes();
    const made = createPlanner({ logger });
    ends.push(() => made.close());
    expect(messageOf(await made.plan(twice, goals))).toMatch(/^bucket \d+ of table 1.* is listed twice$/);
    expect(messageOf(await made.plan({ ...small, buckets: [...small.buckets, ...small.buckets] }, goals))).toMatch('is listed twice');
    expect((await made.plan(large, goals)).kind).toBe('planned');
    expect(logger.lines).toEqual(Array.from({ length: 2 }, () => 'warn: a rebalance could not be planned'));
  });
});

describe('a thread that fails is an answer, and the next plan has another one', () => {
  test.each([
    ['throws', "throw new Error('a fault');", 'a fault'],
    ['ends', 'process.exit(3);', 'the planner ended with status 3'],
  ])('%s', async (_, fault, message) => {
    const made = planner({}, once(fault));
    expect(messageOf(await made.plan(large, goals))).toBe(message);
    expect(messageOf(await made.plan(large, goals))).toBe('the second');
  });

  test('does not answer in time', async () => {
    expect(messageOf(await planner({ planMs: 50 }, hangs).plan(large, goals))).toBe('there was no plan after 0.05 s');
    await expect.poll(threads, inAMoment).toBe(0);
  });

  test('fails when nobody waits for it', async () => {
    const heard = join(folder, 'heard');
    const faults = `setInterval(() => { if (existsSync(${JSON.stringify(heard)})) throw new Error('a fault'); }, 5);`;
    const answers = `parentPort.on('message', () => { parentPort.postMessage({ kind: 'broken', message: 'an answer' }); ${faults} });`;
    const made = planner({}, `import { existsSync } from 'node:fs'; ${answers}`);
    expect(messageOf(await made.plan(large, goals))).toBe('an answer');
    writeFileSync(heard, '');
    await expect.poll(threads, inAMoment).toBe(0); // And this process is still here.
  });

  test('wants more memory than it may have', async () => {
    expect(messageOf(await planner({ memoryMb: 4 }).plan(clusterOf(20_000), goals))).toBe(
      'the plan needs more than the 4 MiB that it may have',
    );
  });

  test('cannot be started', async () => {
    const made = createPlanner({ logger: silent, program: new URL('./nothing.mjs', pathToFileURL(`${folder}/`)) });
    ends.push(() => made.close());
    expect(messageOf(await made.plan(large, goals))).toMatch('nothing.mjs');
  });
});

describe('waiting', () => {
  test('has a limit', async () => {
    const made = planner({ waiting: 2 }, hangs);
    const waiting = [1, 2, 3].map(() => made.plan(large, goals));
    expect(codeOf(await made.plan(large, goals))).toBe('BUSY');
    await made.close();
    expect((await Promise.all(waiting)).map(codeOf)).toEqual(['DRAINING', 'DRAINING', 'DRAINING']);
  });

  test('can be given up at any place, and the others go on', async () => {
    const made = planner({}, once('for (;;);'));
    const gone = [new AbortController(), new AbortController()];
    const [atWork, waiting] = gone.map(({ signal }) => made.plan(large, goals, signal));
    const last = made.plan(large, goals);
    await expect.poll(() => existsSync(markOf(programs)), inAMoment).toBe(true);
    gone[1]?.abort(new Error('not wanted'));
    await expect(waiting).rejects.toThrow('not wanted');
    gone[0]?.abort(new Error('not wanted either'));
    await expect(atWork).rejects.toThrow('not wanted either');
    expect(messageOf(await last)).toBe('the second');
    await expect(made.plan(large, goals, AbortSignal.abort(new Error('never wanted')))).rejects.toThrow('never wanted');
  });
});

describe('the end', () => {
  test('of a thread comes when nobody has asked for a while; the next plan starts another one', async () => {
    const made = planner({ idleMs: 20 });
    const plan = planRebalance(large, goals);
    expect(await made.plan(large, goals)).toStrictEqual(plan);
    await expect.poll(threads, inAMoment).toBe(0);
    expect(await made.plan(large, goals)).toStrictEqual(plan);
  });

  test('of the planner ends its thread, whatever it is doing', async () => {
    const made = planner({}, spins);
    const atWork = made.plan(large, goals);
    await expect.poll(threads, inAMoment).toBe(1);
    await made.close();
    expect(codeOf(await atWork)).toBe('DRAINING');
    expect(threads()).toBe(0);
    expect(codeOf(await made.plan(large, goals))).toBe('DRAINING');
    expect(codeOf(await made.plan(small, goals))).toBe('DRAINING');
  });

  test('of a process does not wait for a thread at rest', () => {
    const module = new URL('../../src/engine/planning/threadPlanner.ts', import.meta.url);
    const program = `import { createPlanner } from '${module.href}';
      const cluster = ${JSON.stringify(large)};
      const planner = createPlanner({ logger: console, limits: { idleMs: 600_000 } });
      console.log((await planner.plan(cluster, ['REPLICA_DISTRIBUTION'])).kind);`;
    const options = { input: program, encoding: 'utf8', timeout: 15_000 } as const;
    expect(execFileSync(process.execPath, ['--input-type=module', '-'], options)).toBe('planned\n');
  });
});
