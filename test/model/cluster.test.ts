/**
 * Goal: whatever mix of writes, kills, restarts, lost replies, cut connections and leader changes, nothing acknowledged is lost,
 * doubled or reordered, and all nodes end with the same tables.
 * Method: fast-check draws steps over three nodes on one in-memory log behind faulty clients; the model is the list of
 * acknowledged writes; after each run everything heals and the log is compared with it, event by event.
 */
import fc from 'fast-check';
import { expect, test, vi } from 'vitest';
import { stateHash } from '../../projections/kit.ts';
import { lostReply, lostRequest } from '../../src/log/faulty.ts';
import { caller, setKey, TestCluster } from '../support/nodes.ts';
import { replay } from '../support/replay.ts';

interface Write {
  readonly commandId: string;
  readonly position: number;
}
interface Model {
  readonly acknowledged: Write[];
  readonly refused: string[];
  writes: number;
}
const ids = ['n1', 'n2', 'n3'];
type Step = fc.AsyncCommand<Model, TestCluster>;
const step = (name: string, run: (model: Model, cluster: TestCluster) => Promise<void>): Step => ({
  check: () => true,
  toString: () => name,
  run,
});

async function submit(model: Model, cluster: TestCluster, nodeId: string, key: string, isCut = false): Promise<void> {
  model.writes += 1;
  const commandId = `write-${model.writes}`;
  const outcome = await cluster.node(nodeId).submit(setKey(key, commandId), {
    ...caller,
    idempotencyKey: commandId,
    timeoutMs: 300,
  });
  if (outcome.kind === 'done') {
    model.acknowledged.push({ commandId, position: outcome.position });
    if (!isCut) expect(cluster.node(nodeId).state.position).toBeGreaterThanOrEqual(outcome.position); // Read your own write.
  }
  if (outcome.kind === 'rejected') model.refused.push(commandId);
}
const write = (nodeId: string, key: string, count: number): Step =>
  step(`write(${nodeId}, ${key}, ${count})`, async (model, cluster) => {
    if (cluster.running.has(nodeId)) await Promise.all(Array.from({ length: count }, () => submit(model, cluster, nodeId, key)));
  });
/** The write lands, its reply is lost, and the log stays out of reach for longer than the caller waits. */
const writeAndCut = (nodeId: string): Step =>
  step(`writeAndCut(${nodeId})`, async (model, cluster) => {
    if (!cluster.running.has(nodeId)) return;
    cluster.log(nodeId).script(lostReply);
    const before = cluster.hub.head.index;
    const answered = submit(model, cluster, nodeId, 'cut', true);
    for (let turn = 0; turn < 20 && cluster.hub.head.index === before; turn += 1) await new Promise(setImmediate);
    cluster.log(nodeId).disconnect();
    await answered;
    await cluster.log(nodeId).heal();
  });
const repeatLast = (nodeId: string): Step =>
  step(`repeatLast(${nodeId})`, async (model, cluster) => {
    const last = model.acknowledged.at(-1);
    const written =
      last === undefined
        ? undefined
        : cluster
            .entries()
            .flatMap((entry) => entry.events)
            .find((event) => event.act.commandId === last.commandId);
    if (!cluster.running.has(nodeId) || last === undefined || written?.type !== 'ClusterConfigsChanged') return;
    const key = written.data.changes[0]?.key.replace('datalake.test.', '') ?? '';
    const outcome = await cluster.node(nodeId).submit(setKey(key, last.commandId), {
      ...caller,
      idempotencyKey: last.commandId,
      timeoutMs: 300,
    });
    if (outcome.kind === 'done')
      expect(outcome).toMatchObject({
        position: last.position,
        duplicate: true,
      });
  });
const kill = (nodeId: string): Step => step(`kill(${nodeId})`, async (_, cluster) => cluster.kill(nodeId));
const start = (nodeId: string): Step =>
  step(`start(${nodeId})`, async (_, cluster) => {
    if (!cluster.running.has(nodeId)) await cluster.start(nodeId);
  });
const partition = (nodeId: string): Step =>
  step(`partition(${nodeId})`, async (_, cluster) => {
    if (cluster.hub.members().some((member) => member.nodeId === nodeId)) cluster.hub.partition(nodeId);
  });
const heal = (nodeId: string): Step => step(`heal(${nodeId})`, async (_, cluster) => cluster.hub.heal(nodeId));
const fault = (nodeId: string, name: 'lostReply' | 'lostRequest' | 'conflict' | 'late'): Step =>
  step(`fault(${nodeId}, ${name})`, async (_, cluster) => {
    if (!cluster.running.has(nodeId)) return;
    const faults = {
      lostReply,
      lostRequest,
      conflict: { kind: 'conflict' },
      late: { kind: 'late', appends: 2 },
    } as const;
    cluster.log(nodeId).script(faults[name]);
  });
const loseForward = step('loseForward', async (_, cluster) => {
  cluster.loseNextForward = true;
});

const nodeIds = fc.constantFrom(...ids);
const steps = [
  fc.tuple(nodeIds, fc.constantFrom('a', 'b', 'c'), fc.integer({ min: 1, max: 6 })).map((args) => write(...args)),
  nodeIds.map(writeAndCut),
  nodeIds.map(repeatLast),
  nodeIds.map(kill),
  nodeIds.map(start),
  nodeIds.map(partition),
  nodeIds.map(heal),
  fc.tuple(nodeIds, fc.constantFrom('lostReply', 'lostRequest', 'conflict', 'late')).map((args) => fault(...args)),
  fc.constant(loseForward),
];

async function settle(cluster: TestCluster): Promise<void> {
  for (const id of ids) cluster.hub.heal(id);
  for (const { log } of cluster.running.values()) await log.heal();
  for (const id of ids) if (!cluster.running.has(id)) await cluster.start(id);
  await vi.waitFor(() => {
    const positions = ids.map((id) => cluster.node(id).state.position);
    const roles = ids.map((id) => cluster.node(id).role);
    expect(new Set(positions).size).toBe(1);
    expect(roles.filter((role) => role === 'leader')).toHaveLength(1);
    expect(positions[0]).toBe(cluster.hub.head.position);
  }, 5_000);
}

function compare(model: Model, cluster: TestCluster): void {
  const positions = new Map<string, number[]>();
  let position = 0;
  for (const event of cluster.entries().flatMap((entry) => entry.events)) {
    position += 1;
    positions.set(event.act.commandId, [...(positions.get(event.act.commandId) ?? []), position]);
  }
  for (const { commandId, position: acknowledged } of model.acknowledged)
    expect(positions.get(commandId), commandId).toEqual([acknowledged]);
  for (const [commandId, places] of positions) if (commandId.startsWith('write-')) expect(places, commandId).toHaveLength(1);
  for (const commandId of model.refused) expect(positions.get(commandId), `${commandId} was refused`).toBeUndefined();
}

test('acknowledged writes survive everything, exactly once and in order', {
  timeout: 120_000,
}, async () => {
  const { params, replayPath } = replay({ numRuns: 25 });
  await fc.assert(
    fc.asyncProperty(fc.commands(steps, { maxCommands: 25, ...replayPath }), async (run) => {
      const cluster = new TestCluster();
      const model: Model = { acknowledged: [], refused: [], writes: 0 };
      for (const id of ids) await cluster.start(id);
      await fc.asyncModelRun(() => ({ model, real: cluster }), run);
      await settle(cluster);
      compare(model, cluster);
      const hashes = ids.map((id) => stateHash(cluster.node(id).state));
      expect(new Set(hashes).size).toBe(1);
      await cluster.stop();
    }),
    params,
  );
});
