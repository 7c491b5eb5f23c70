/**
 * Goal: random sequences of 100 operations, while nodes are killed and restarted: every operation is answered as the contract says, once,
 * nothing acknowledged is lost, and all nodes end with the same state hash.
 * Method: three real nodes on a real ZooKeeper; eight sequences at once, each on an instance of its own, each operation to a node drawn at
 * random and again with the same idempotency key to another one until it is answered; the model was written from the contract alone.
 * CHANCERY_SEQUENCES sets the number of sequences (1,000 in an acceptance run), CHANCERY_SEED repeats one run's sequences.
 */
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { freePorts } from '../../src/cli/zookeeperServer.ts';
import { chancery } from '../cli/processes.ts';
import { World } from '../support/metaserviceModel.ts';
import { type Heard, noFigures, Run, type Send, type Sequence, sendOnce, sequences } from '../support/metaserviceModelRun.ts';
import { type NodeProcess, until } from '../support/nodeProcesses.ts';
import { startZooKeeper, type ZooKeeper } from '../support/zookeeper.ts';
import { ask, Nodes, put } from './harness.ts';

const count = Number(process.env['CHANCERY_SEQUENCES'] ?? 12);
const atOnce = 8;
/** Operations between a restarted node's being ready and the next kill, and while a node is down. */
const calm = 250;
const down = 40;

const nodes = new Nodes();
let zookeeper: ZooKeeper;
let log: string;
let all: readonly NodeProcess[];
const figures = { ...noFigures(), sequences: 0, kills: 0, leaderKills: 0 };

beforeAll(async () => {
  zookeeper = await startZooKeeper();
  log = `zookeeper://${zookeeper.connect}/chancery`;
  const ports = await freePorts(3);
  all = await Promise.all(ports.map((port, index) => nodes.start(`n${index + 1}`, { LOG: log, META_SERVICE: `127.0.0.1:${port}` })));
  await nodes.settled();
});
afterAll(async () => {
  await nodes.stop();
  await zookeeper?.stop();
});

/** A generator of its own, so that a seed draws the same sequences whatever the nodes do. */
const randomNode = (): NodeProcess => {
  const node = all[Math.floor(Math.random() * all.length)];
  if (node === undefined) throw new Error('there are no nodes');
  return node;
};
const send: Send = (call, wish): Promise<Heard> => {
  let attempts = 0;
  return until(`${call.name} is answered`, 60_000, async () => {
    if (attempts > 0) figures.resent += 1;
    attempts += 1;
    return await sendOnce(randomNode().metaServiceUrl, call, wish);
  });
};
/** Asks one node only, for as long as it lives. @throws NodeDown */
const sendTo =
  (node: NodeProcess): Send =>
  (call, wish) =>
    until(`${call.name} is answered by ${node.nodeId}`, 60_000, async () => {
      const heard = await sendOnce(node.metaServiceUrl, call, wish);
      if (heard === undefined && !node.isRunning()) throw new NodeDown();
      return heard;
    });
class NodeDown extends Error {}

async function follow({ mode, steps }: Sequence, number: number): Promise<Run> {
  const run = new Run(new World(`i${number}`), send, figures);
  await run.begin(mode);
  for (const step of steps) await run.step(step);
  for (const node of all.filter((each) => each.isRunning()))
    await run.checkAll(sendTo(node)).catch((error: unknown) => {
      if (!(error instanceof NodeDown)) throw error;
    });
  figures.sequences += 1;
  return run;
}

/** Kills one node after the other, the leader or a follower, each as soon as the last one is back and some operations were answered. */
async function disturb(isOver: () => boolean): Promise<void> {
  const answered = async (more: number): Promise<void> => {
    const goal = figures.operations + more;
    await until(`${more} operations are answered`, 120_000, async () => (figures.operations >= goal || isOver() ? true : undefined));
  };
  for (;;) {
    await answered(calm);
    if (isOver()) return;
    const leader = await nodes.leader();
    const victim = figures.kills % 2 === 0 ? leader : randomNode();
    await victim.kill();
    figures.kills += 1;
    if (victim === leader) figures.leaderKills += 1;
    await answered(down);
    victim.start();
    await nodes.leader();
    await until(`${victim.nodeId} is ready`, 60_000, async () => ((await ask(victim.url, '/ready')).status === 200 ? true : undefined));
    console.info(`${new Date().toISOString().slice(11, 19)} ${JSON.stringify(figures)}`);
  }
}

/** Runs all sequences, some at once. @returns them in their end state; rejects at the first that fails, when no other begins */
async function followAll(drawn: readonly Sequence[]): Promise<readonly Run[]> {
  const runs: Run[] = [];
  let next = 0;
  const work = async (): Promise<void> => {
    for (;;) {
      const number = next;
      const sequence = drawn[number];
      next += 1;
      if (sequence === undefined) return;
      try {
        runs.push(await follow(sequence, number));
      } catch (error) {
        next = drawn.length;
        throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return runs;
}

interface Hashed {
  readonly position: number;
  readonly hash: string;
}
/** A checkpoint behind `position` that all nodes have passed; writes on until there is one. */
async function commonCheckpoint(after: number): Promise<readonly Hashed[]> {
  let written = 0;
  return await until('all nodes hashed their state at one position', 120_000, async () => {
    await Promise.all(Array.from({ length: 128 }, () => put(randomNode().url, 'filler', String(written++))));
    await nodes.settled();
    const lists = await Promise.all(all.map(async ({ url }) => (await ask(url, '/v1/status')).body['checkpoints'] as readonly Hashed[]));
    const common = (lists[0] ?? []).filter(({ position }) => lists.every((list) => list.some((each) => each.position === position)));
    const newest = common.at(-1)?.position ?? 0;
    return newest <= after ? undefined : lists.flatMap((list) => list.filter(({ position }) => position === newest));
  });
}

test(`${count} sequences of 100 operations through kills, and the same state on all nodes`, {
  timeout: 120_000 + count * 20_000,
}, async () => {
  const seed = fc.readConfigureGlobal().seed ?? Date.now() % 2 ** 31;
  console.info(`seed ${seed}`);
  const drawn = fc.sample(sequences(100), { seed, numRuns: count });
  let isOver = false;
  const disturbance = disturb(() => isOver);
  const runs = await followAll(drawn).finally(() => {
    isOver = true;
  });
  await disturbance;
  await nodes.settled();
  // Nothing that was acknowledged is lost once everybody is back.
  for (const [index, run] of runs.entries()) await run.checkAll(sendTo(all[index % all.length] ?? randomNode()));
  const hashes = await commonCheckpoint(Math.max(...runs.map(({ seen }) => seen)));
  expect(hashes).toHaveLength(all.length);
  expect(new Set(hashes.map(({ hash }) => hash)).size, JSON.stringify(hashes)).toBe(1);
  const verified = await chancery(['verify', '--log', log], { cwd: nodes.folder });
  expect(verified, verified.err).toMatchObject({ status: 0 });
  console.info(`${JSON.stringify(figures)}; the same state at position ${hashes[0]?.position}; ${verified.out.trim()}`);
  expect(figures.sequences).toBe(count);
  expect(figures.kills).toBeGreaterThan(0);
  expect(figures.accepted).toBeGreaterThan(figures.operations / 5);
});
