/**
 * Goal: whatever mix of writes, kills, restarts, lost replies, cut connections, leader changes and clocks that jump, nothing
 * acknowledged is lost, doubled or reordered, every refusal and every "nothing to change" was true at some moment between question and
 * answer, and all nodes end with the same tables.
 * Method: fast-check draws steps over three nodes on one in-memory log behind faulty clients; the model is the list of answers;
 * after each run everything heals and the log is compared with it, event by event.
 */
import fc from 'fast-check';
import { expect, test, vi } from 'vitest';
import { stateHash } from '../../projections/kit.ts';
import type { Command } from '../../src/deciders/commands.ts';
import type { Outcome } from '../../src/engine/submission.ts';
import { lostReply, lostRequest } from '../../src/log/faulty.ts';
import { caller, setKey, TestCluster } from '../support/nodes.ts';
import { replay } from '../support/replay.ts';
import { inAMoment } from '../support/waits.ts';

interface Write {
  readonly commandId: string;
  readonly position: number;
}
/** An answer that left no event: the tables must have been such at a position from `from` to `to`. */
interface Verdict {
  readonly disk: Disk;
  readonly kind: 'refused' | 'unchanged';
  /** The newest position that anybody had been told of before the question, and the end of the log at the answer. */
  readonly from: number;
  readonly to: number;
}
interface Model {
  readonly acknowledged: Write[];
  readonly refused: string[];
  readonly verdicts: Verdict[];
  writes: number;
  /** The newest position that anybody was told of. */
  told: number;
}
/** Two keys with a rule across them: what may be set depends on what was set before. */
interface Disk {
  readonly side: 'limit' | 'recover';
  readonly value: string;
}
const diskKey = (side: Disk['side']): string => `server.data-disk.write-${side}-ratio`;
const ids = ['n1', 'n2', 'n3'];
type Step = fc.AsyncCommand<Model, TestCluster>;
const step = (name: string, run: (model: Model, cluster: TestCluster) => Promise<void>): Step => ({
  check: () => true,
  toString: () => name,
  run,
});

async function submit(model: Model, cluster: TestCluster, nodeId: string, key: string, isCut = false): Promise<void> {
  const commandId = nextId(model);
  const outcome = await ask(cluster, nodeId, setKey(key, commandId), commandId);
  note(model, commandId, outcome);
  // Read your own write.
  if (outcome.kind === 'done' && !isCut) expect(cluster.node(nodeId).state.position).toBeGreaterThanOrEqual(outcome.position);
}
function nextId(model: Model): string {
  model.writes += 1;
  return `write-${model.writes}`;
}
const ask = (cluster: TestCluster, nodeId: string, command: Command, idempotencyKey: string): Promise<Outcome> =>
  cluster.node(nodeId).submit(command, { ...caller, idempotencyKey, timeoutMs: 300 });
function note(model: Model, commandId: string, outcome: Outcome): void {
  if (outcome.kind === 'rejected') model.refused.push(commandId);
  if (outcome.kind !== 'done') return;
  if (outcome.changed) model.acknowledged.push({ commandId, position: outcome.position });
  model.told = Math.max(model.told, outcome.position);
}

/** Several at once, each allowed, refused or needless by what those before it did, whether that is in the log yet or not. */
async function submitDisks(model: Model, cluster: TestCluster, nodeId: string, disks: readonly Disk[]): Promise<void> {
  const judged = disks.map(async (disk) => {
    const commandId = nextId(model);
    const from = model.told;
    const changes = [{ op: 'set', key: diskKey(disk.side), value: disk.value }] as const;
    const outcome = await ask(cluster, nodeId, { name: 'alterClusterConfigs', changes: [...changes] }, commandId);
    note(model, commandId, outcome);
    const to = cluster.hub.head.position;
    if (outcome.kind === 'rejected' && outcome.rejection.code === 'CONFIG_RULE_BROKEN')
      model.verdicts.push({ disk, kind: 'refused', from, to });
    if (outcome.kind === 'done' && !outcome.changed) {
      expect(outcome.position).toBeGreaterThanOrEqual(from);
      model.verdicts.push({ disk, kind: 'unchanged', from: outcome.position, to: outcome.position });
    }
  });
  await Promise.all(judged);
}
const textOf = (disks: readonly Disk[]): string => disks.map(({ side, value }) => `${side} ${value}`).join(' ');
const setDisks = (nodeId: string, disks: readonly Disk[]): Step =>
  step(`setDisks(${nodeId}, ${textOf(disks)})`, async (model, cluster) => {
    if (cluster.running.has(nodeId)) await submitDisks(model, cluster, nodeId, disks);
  });
const turns = async (count: number): Promise<void> => {
  for (let turn = 0; turn < count; turn += 1) await new Promise(setImmediate);
};
const leaderOf = (cluster: TestCluster): string | undefined => ids.find((id) => cluster.running.get(id)?.node.role === 'leader');
/** The second ones are decided while the first are on their way to the log, where they never arrive. */
const setDisksAndCut = (first: readonly Disk[], second: readonly Disk[]): Step =>
  step(`setDisksAndCut(${textOf(first)}, ${textOf(second)})`, async (model, cluster) => {
    const leader = leaderOf(cluster);
    if (leader === undefined) return;
    cluster.log(leader).script({ kind: 'delay', pauses: 5 });
    const answered = submitDisks(model, cluster, leader, first);
    await turns(2);
    const later = submitDisks(model, cluster, leader, second);
    await turns(2);
    cluster.log(leader).disconnect();
    await turns(5);
    await cluster.log(leader).heal();
    await Promise.all([answered, later]);
  });
/** The leader's session ends without its knowing; what it did another node changes, and the former one is asked for both again. */
const split = (first: Disk, second: Disk): Step =>
  step(`split(${textOf([first])}, ${textOf([second])})`, async (model, cluster) => {
    const former = leaderOf(cluster);
    if (former === undefined || cluster.hub.leaderId() !== former) return;
    await submitDisks(model, cluster, former, [first]);
    cluster.hub.partition(former);
    const successor = () => ids.find((id) => id !== former && cluster.running.get(id)?.node.role === 'leader');
    for (let turn = 0; turn < 200 && successor() === undefined; turn += 1) await turns(1);
    const present = successor();
    if (present !== undefined) await submitDisks(model, cluster, present, [second]);
    await submitDisks(model, cluster, former, [first, second]);
  });
/** One request that reaches the cluster through every node at once. */
const writeEverywhere = (key: string): Step =>
  step(`writeEverywhere(${key})`, async (model, cluster) => {
    const commandId = nextId(model);
    const outcomes = await Promise.all([...cluster.running.keys()].map((id) => ask(cluster, id, setKey(key, commandId), commandId)));
    const done = outcomes.filter((outcome) => outcome.kind === 'done');
    expect(new Set(done.map(({ position }) => position)).size).toBeLessThanOrEqual(1);
    expect(done.filter(({ duplicate }) => !duplicate).length).toBeLessThanOrEqual(1);
    for (const outcome of done) note(model, commandId, outcome);
  });
const readNewest = (nodeId: string): Step =>
  step(`readNewest(${nodeId})`, async (model, cluster) => {
    const from = model.told;
    const reading = await cluster.running.get(nodeId)?.node.read({ linearizable: true, timeoutMs: 100 });
    if (reading?.kind === 'read') expect(reading.state.position).toBeGreaterThanOrEqual(from);
  });
/** A clock jumps while writes are under way. */
const jump = (nodeId: string, aheadMs: number): Step =>
  step(`jump(${nodeId}, ${aheadMs})`, async (model, cluster) => {
    const writes = [...cluster.running.keys()].map((id) => submit(model, cluster, id, 'jump', true));
    await new Promise(setImmediate);
    cluster.aheadMs.set(nodeId, aheadMs);
    await Promise.all(writes);
  });
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
/** What two thirds of a session timeout without an answer do to a node that is cut off. */
const lapse = (nodeId: string): Step => step(`lapse(${nodeId})`, async (_, cluster) => cluster.hub.lapse(nodeId));
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
const disk = fc.constantFrom<Disk>(
  { side: 'limit', value: '0.5' },
  { side: 'limit', value: '0.9' },
  { side: 'recover', value: '0.4' },
  { side: 'recover', value: '0.7' },
);
const disks = fc.array(disk, { minLength: 1, maxLength: 4 });
const clocks = fc.constantFrom(-3_600_000, -20_000, 0, 20_000, 3_600_000);
const steps = [
  fc.tuple(nodeIds, disks).map((args) => setDisks(...args)),
  fc.tuple(disks, disks).map((args) => setDisksAndCut(...args)),
  fc.tuple(disk, disk).map((args) => split(...args)),
  fc.constantFrom('a', 'b').map(writeEverywhere),
  nodeIds.map(readNewest),
  fc.tuple(nodeIds, clocks).map((args) => jump(...args)),
  nodeIds.map(lapse),
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

/** All faults end; then one node leads, all have the same tables, and each node takes a write. */
async function settle(model: Model, cluster: TestCluster): Promise<void> {
  cluster.aheadMs.clear();
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
  for (const id of ids) {
    const commandId = nextId(model);
    const outcome = await cluster.node(id).submit(setKey('end', commandId), { ...caller, idempotencyKey: commandId });
    expect(outcome, id).toMatchObject({ kind: 'done', changed: true });
    note(model, commandId, outcome);
  }
  await vi.waitFor(() => expect(new Set(ids.map((id) => cluster.node(id).state.position)).size).toBe(1), inAMoment);
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

/** The two keys after each position of the log, their defaults first. */
function disksOf(cluster: TestCluster): readonly Readonly<Record<string, number>>[] {
  const disks: Record<string, number>[] = [{ limit: 0.85, recover: 0.8 }];
  for (const event of cluster.entries().flatMap((entry) => entry.events)) {
    const next = { ...disks.at(-1) };
    for (const { key, value } of event.type === 'ClusterConfigsChanged' ? event.data.changes : [])
      for (const side of ['limit', 'recover'] as const) if (key === diskKey(side) && value.kind === 'text') next[side] = Number(value.text);
    disks.push(next);
  }
  return disks;
}

function judge(model: Model, cluster: TestCluster): void {
  const disks = disksOf(cluster);
  for (const { disk, kind, from, to } of model.verdicts) {
    const isTrueAt = (present: Readonly<Record<string, number>>): boolean => {
      const { limit = 0, recover = 0 }: Readonly<Record<string, number>> = { ...present, [disk.side]: Number(disk.value) };
      return kind === 'refused' ? recover >= limit : present[disk.side] === Number(disk.value);
    };
    expect(disks.slice(from, to + 1).some(isTrueAt), `${kind} ${disk.side} ${disk.value} between ${from} and ${to}`).toBe(true);
  }
}

test('acknowledged writes survive everything, exactly once and in order', {
  timeout: 120_000,
}, async () => {
  const { params, replayPath } = replay({ numRuns: 15 });
  await fc.assert(
    fc.asyncProperty(fc.commands(steps, { maxCommands: 25, ...replayPath }), async (run) => {
      const cluster = new TestCluster();
      const model: Model = { acknowledged: [], refused: [], verdicts: [], writes: 0, told: 0 };
      for (const id of ids) await cluster.start(id);
      await fc.asyncModelRun(() => ({ model, real: cluster }), run);
      await settle(model, cluster);
      compare(model, cluster);
      judge(model, cluster);
      const hashes = ids.map((id) => stateHash(cluster.node(id).state));
      expect(new Set(hashes).size).toBe(1);
      await cluster.stop();
    }),
    params,
  );
});
