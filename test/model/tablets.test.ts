/**
 * Goal: after any mix of loads and compactions of tablets, with kills and lost replies in between, every answer is what a small model
 * says, and the statistics of each tablet are the sum over the rowsets that are visible there.
 * Method: fast-check draws the operations over three tablets of two partitions; the model keeps plain lists of rowsets and jobs, and
 * compactions tell the truth about what they read. A recount must therefore never find anything to correct.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { State } from '../../projections/state.ts';
import { jobsOf, partitionVersionOf, rowsetsOf, tabletOf } from '../../projections/tablets.ts';
import type { Command } from '../../src/deciders/commands.ts';
import { replay } from '../support/replay.ts';
import { type Disturbed, disturbances, type OneNode, onOneNode } from './oneNode.ts';

interface Rowset {
  readonly from: number;
  readonly to: number;
  readonly rows: number;
  readonly segments: number;
}
type JobType = 'BASE' | 'CUMULATIVE' | 'EMPTY_CUMULATIVE' | 'FULL' | 'STOP_TOKEN';
interface Job {
  readonly id: string;
  readonly type: JobType;
  readonly range: readonly [number, number];
  readonly isParallel: boolean;
  readonly isOver: boolean;
}
interface Tablet {
  readonly id: number;
  readonly partition: number;
  rowsets: Rowset[];
  jobs: Job[];
  hadJobs: boolean;
  base: number;
  cumulative: number;
  full: number;
  point: number;
}
interface Txn {
  readonly id: number;
  status: 'PREPARED' | 'VISIBLE' | 'ABORTED';
  readonly writes: { readonly tablet: number; readonly rows: number }[];
}
class Model {
  readonly tablets = new Map<number, Tablet>();
  readonly txns: Txn[] = [];
  readonly versions = new Map<number, number>();
  jobs = 0;
}
type Step = fc.AsyncCommand<Model, Disturbed>;
const tabletIds = [1, 2, 3, 4]; // The fourth is never created.
const partitionOf = (id: number): number => (id === 3 ? 31 : 30);
const cloudUniqueId = '1:i1:x';
const never = 4_000_000_000;
const sizeOf = ({ rows }: { readonly rows: number }): number => 10 * rows;

const step = (name: string, run: (model: Model, node: OneNode) => Promise<void>): Step => ({
  check: () => true,
  toString: () => name,
  run: async (model, { node }) => {
    await run(model, node);
    compare(model, node.cluster.node('n1').state);
  },
});
async function asked(node: OneNode, command: Command): Promise<string> {
  const outcome = await node.ask(command);
  return outcome.kind === 'done' ? 'ok' : outcome.rejection.code;
}

function compare(model: Model, { tablets }: State): void {
  for (const [partition, version] of model.versions) expect(partitionVersionOf(tablets, 'i1', 1, 10, partition)?.version).toBe(version);
  for (const tablet of model.tablets.values()) {
    const sum = (of: (rowset: Rowset) => number): number => tablet.rowsets.reduce((total, rowset) => total + of(rowset), 0);
    expect(tabletOf(tablets, 'i1', tablet.id)?.stats).toMatchObject({
      numRowsets: tablet.rowsets.length,
      numRows: sum(({ rows }) => rows),
      numSegments: sum(({ segments }) => segments),
      dataSize: sum(sizeOf),
      indexSize: sum(({ rows }) => 4 * rows),
      segmentSize: sum(({ rows }) => 6 * rows),
      baseCompactions: tablet.base,
      cumulativeCompactions: tablet.cumulative,
      ...(tablet.full === 0 ? {} : { fullCompactions: tablet.full }),
      cumulativePoint: tablet.point,
    });
    expect([...rowsetsOf(tablets, 'i1', tablet.id)].map(({ startVersion, version }) => [startVersion, version]).reverse()).toEqual(
      tablet.rowsets.map(({ from, to }) => [from, to]),
    );
    expect(jobsOf(tablets, 'i1', tablet.id)?.map(({ id }) => id)).toEqual(tablet.hadJobs ? tablet.jobs.map(({ id }) => id) : undefined);
  }
  const running = model.txns.filter(({ status }) => status === 'PREPARED');
  expect(tablets.temporary.size).toBe(running.reduce((count, { writes }) => count + writes.length, 0));
  expect(tablets.written.size).toBe(running.filter(({ writes }) => writes.length > 0).length);
}

const create = (ids: readonly number[]): Step =>
  step(`create(${ids.join()})`, async (model, node) => {
    const tabletMetas = ids.map((id) => ({ tableId: 10, indexId: 20, partitionId: partitionOf(id), tabletId: id }));
    expect(await asked(node, { name: 'createTablets', cloudUniqueId, dbId: 1, tabletMetas })).toBe('ok');
    const counts = { base: 0, cumulative: 0, full: 0, point: 2 };
    for (const id of ids) {
      if (model.tablets.has(id)) continue;
      const first = { from: 0, to: 1, rows: 0, segments: 0 };
      model.tablets.set(id, { id, partition: partitionOf(id), rowsets: [first], jobs: [], hadJobs: false, ...counts });
    }
  });
const begin: Step = step('begin', async (model, node) => {
  const txnInfo = { dbId: 1, label: `l${model.txns.length}`, tableIds: [10], timeoutMs: 1000 };
  const outcome = await node.ask({ name: 'beginTransaction', cloudUniqueId, txnInfo });
  if (outcome.kind !== 'done') throw new Error(outcome.rejection.detail);
  model.txns.push({ id: outcome.position, status: 'PREPARED', writes: [] });
});
/** Mostly one of the newest. */
const txnAt = (model: Model, which: number): Txn | undefined => model.txns.at(-1 - (which % 4));

const write = (which: number, tablet: number, rows: number): Step =>
  step(`write(${which}, ${tablet}, ${rows})`, async (model, node) => {
    const txn = txnAt(model, which);
    const sizes = { numRows: rows, numSegments: 2, totalDiskSize: 10 * rows, indexDiskSize: 4 * rows, dataDiskSize: 6 * rows };
    const rowsetMeta = { rowsetId: 0, rowsetIdV2: 'r', txnId: txn?.id ?? 1, tabletId: tablet, partitionId: partitionOf(tablet), ...sizes };
    const verdict = await asked(node, { name: 'commitRowset', cloudUniqueId, rowsetMeta });
    const faults = { PREPARED: 'ROWSET_EXISTS', VISIBLE: 'TRANSACTION_VISIBLE', ABORTED: 'TRANSACTION_ABORTED' } as const;
    const isFree = txn?.status === 'PREPARED' && !txn.writes.some((one) => one.tablet === tablet);
    if (!model.tablets.has(tablet)) expect(verdict).toBe('UNKNOWN_TABLET');
    else expect(verdict).toBe(txn === undefined ? 'UNKNOWN_TRANSACTION' : isFree ? 'ok' : faults[txn.status]);
    if (verdict === 'ok') txn?.writes.push({ tablet, rows });
  });
const end = (which: number, isCommit: boolean): Step =>
  step(`${isCommit ? 'commit' : 'abort'}(${which})`, async (model, node) => {
    const txn = txnAt(model, which);
    if (txn === undefined) return;
    const verdict = await asked(node, { name: isCommit ? 'commitTransaction' : 'abortTransaction', cloudUniqueId, txnId: txn.id });
    const isDone = txn.status === 'PREPARED' || (txn.status === 'VISIBLE' && isCommit);
    expect(verdict).toBe(isDone ? 'ok' : `TRANSACTION_${txn.status}`);
    if (txn.status !== 'PREPARED') return;
    txn.status = isCommit ? 'VISIBLE' : 'ABORTED';
    if (!isCommit) return;
    for (const partition of new Set(txn.writes.map(({ tablet }) => partitionOf(tablet))))
      model.versions.set(partition, (model.versions.get(partition) ?? 1) + 1);
    for (const { rows, tablet } of txn.writes) {
      const version = model.versions.get(partitionOf(tablet)) ?? 0;
      model.tablets.get(tablet)?.rowsets.push({ from: version, to: version, rows, segments: 2 });
    }
  });

/** A whole load, so that there is something to compact. */
const load = (ids: readonly number[], rows: number): Step =>
  step(`load(${ids.join()}, ${rows})`, async (model, node) => {
    await begin.run(model, { node });
    for (const id of ids) await write(0, id, rows).run(model, { node });
    await end(0, true).run(model, { node });
  });

const isApart = (a: Job, b: Job): boolean => a.isParallel && b.isParallel && (a.range[1] < b.range[0] || b.range[1] < a.range[0]);
const startJob = (id: number, job: Omit<Job, 'id'>, isStale: boolean): Step =>
  step(`start(${id}, ${JSON.stringify(job)}${isStale ? ', stale' : ''})`, async (model, node) => {
    model.jobs += 1;
    const named: Job = { ...job, id: `j${model.jobs}` };
    const tablet = model.tablets.get(id);
    const baseCompactionCnt = (tablet?.base ?? 0) - (isStale ? 1 : 0);
    const given = { baseCompactionCnt, cumulativeCompactionCnt: tablet?.cumulative ?? 0, initiator: 'be', lease: never };
    const range = { inputVersions: [...job.range], checkInputVersionsRange: job.isParallel };
    const compaction = [{ ...given, ...range, id: named.id, type: job.type, expiration: job.isOver ? 1 : never }];
    const verdict = await asked(node, { name: 'startTabletJob', cloudUniqueId, job: { idx: { tabletId: id }, compaction } });
    if (tablet === undefined || isStale) {
      expect(verdict).toBe(tablet === undefined ? 'UNKNOWN_TABLET' : 'STALE_TABLET');
      return;
    }
    const alive = tablet.jobs.filter(({ isOver }) => !isOver);
    const clears = job.type === 'FULL' || job.type === 'STOP_TOKEN';
    const rivals = alive.filter(({ type }) => type === job.type || type === 'FULL');
    const isBusy = alive.some(({ type }) => type === 'STOP_TOKEN') || (!clears && rivals.some((rival) => !isApart(rival, named)));
    expect(verdict).toBe(isBusy ? 'TABLET_BUSY' : 'ok');
    if (isBusy) return;
    tablet.hadJobs = true;
    tablet.jobs = [...(clears ? [] : alive), named];
  });

/** What a compaction that tells the truth says, and what the tablet's rowsets are then. */
function compact(rowsets: readonly Rowset[], [from, to]: readonly [number, number]) {
  const read = rowsets.filter((rowset) => rowset.from >= from && rowset.to <= to);
  const rows = read.reduce((sum, rowset) => sum + rowset.rows, 0);
  const segments = read.reduce((sum, rowset) => sum + rowset.segments, 0);
  const [first, last] = [read[0], read.at(-1)];
  if (first === undefined || last === undefined) return { rows: 0, segments: 0, count: 0, kept: 0, left: [...rowsets] };
  const made = { from: first.from, to: last.to, rows: Math.floor(rows / 2), segments: 1 };
  const left = [...rowsets.slice(0, rowsets.indexOf(first)), made, ...rowsets.slice(rowsets.indexOf(last) + 1)];
  return { rows, segments, count: read.length, kept: made.rows, left };
}
const finishJob = (id: number, which: number, action: 'COMMIT' | 'ABORT', point: number): Step =>
  step(`finish(${id}, ${which}, ${action}, ${point})`, async (model, node) => {
    const tablet = model.tablets.get(id);
    const job = tablet?.jobs[which % (tablet.jobs.length + 1)];
    const range = job?.range ?? [0, 0];
    const { count, kept, left, rows, segments } = compact(tablet?.rowsets ?? [], range);
    const figures = {
      ...{ numInputRowsets: count, numInputRows: rows, numInputSegments: segments, sizeInputRowsets: 10 * rows },
      ...{ indexSizeInputRowsets: 4 * rows, segmentSizeInputRowsets: 6 * rows, indexSizeOutputRowsets: 4 * kept },
      ...{ numOutputRowsets: Math.min(1, count), numOutputRows: kept, numOutputSegments: Math.min(1, count) },
      ...{ sizeOutputRowsets: 10 * kept, segmentSizeOutputRowsets: 6 * kept, inputVersions: [...range], outputCumulativePoint: point },
    };
    const compaction = [{ id: job?.id ?? 'unknown', ...(action === 'COMMIT' ? figures : {}) }];
    const verdict = await asked(node, { name: 'finishTabletJob', cloudUniqueId, action, job: { idx: { tabletId: id }, compaction } });
    if (tablet === undefined || job === undefined) {
      expect(verdict).toBe(tablet === undefined ? 'UNKNOWN_TABLET' : 'UNKNOWN_TABLET_JOB');
      return;
    }
    const isBad = job.type === 'STOP_TOKEN' && action === 'COMMIT';
    expect(verdict).toBe(job.isOver ? 'TABLET_JOB_EXPIRED' : isBad ? 'INVALID_TABLET_JOB' : 'ok');
    if (verdict !== 'ok') return;
    tablet.jobs = tablet.jobs.filter((one) => one !== job);
    if (action === 'ABORT') return;
    if (job.type !== 'EMPTY_CUMULATIVE') tablet.rowsets = left;
    if (job.type === 'BASE') tablet.base += 1;
    else if (job.type === 'FULL') tablet.full += 1;
    else tablet.cumulative += 1;
    if (job.type === 'CUMULATIVE') tablet.point = Math.max(tablet.point, point);
    if (job.type === 'EMPTY_CUMULATIVE') tablet.point = point;
  });
/** A whole compaction, unless something is in its way. */
const compaction = (id: number, job: Omit<Job, 'id'>, point: number): Step =>
  step(`compaction(${id}, ${JSON.stringify(job)}, ${point})`, async (model, node) => {
    await startJob(id, job, false).run(model, { node });
    const jobs = model.tablets.get(id)?.jobs ?? [];
    await finishJob(id, Math.max(0, jobs.length - 1), 'COMMIT', point).run(model, { node });
  });
const recount = (id: number): Step =>
  step(`recount(${id})`, async (model, node) => {
    const outcome = await node.ask({ name: 'fixTabletStats', cloudUniqueId, tableId: 10, tabletId: id });
    expect(outcome).toMatchObject(model.tablets.has(id) ? { kind: 'done', changed: false } : { kind: 'rejected' });
  });

const tabletId = fc.constantFrom(...tabletIds.slice(0, 3), 1, 1, 2, ...tabletIds);
const range = fc.tuple(fc.constantFrom(0, 1, 2, 2, 3, 5, 6), fc.nat(4)).map(([from, length]) => [from, from + length] as const);
const job = fc.record({
  type: fc.constantFrom<JobType>('BASE', 'BASE', 'CUMULATIVE', 'CUMULATIVE', 'CUMULATIVE', 'EMPTY_CUMULATIVE', 'FULL', 'STOP_TOKEN'),
  range,
  isParallel: fc.boolean(),
  isOver: fc.constantFrom(false, false, false, false, true),
});
const isRarely = fc.constantFrom(false, false, false, false, false, true);
const writes = fc.tuple(fc.nat(9), tabletId, fc.nat(20)).map((args) => write(...args));
const finishes = fc
  .tuple(tabletId, fc.nat(9), fc.constantFrom<'COMMIT' | 'ABORT'>('COMMIT', 'COMMIT', 'ABORT'), fc.nat(9))
  .map((args) => finishJob(...args));
const loads = fc.tuple(fc.subarray([1, 2, 3], { minLength: 1 }), fc.nat(20)).map((args) => load(...args));
const steps = [
  fc.shuffledSubarray([1, 2, 3], { minLength: 1 }).map(create),
  fc.constant(begin),
  writes,
  writes,
  fc.tuple(fc.nat(9), isRarely).map(([which, isAbort]) => end(which, !isAbort)),
  fc.tuple(tabletId, job, isRarely).map((args) => startJob(...args)),
  finishes,
  finishes,
  loads,
  loads,
  fc.tuple(tabletId, job, fc.nat(9)).map((args) => compaction(...args)),
  tabletId.map(recount),
  disturbances as fc.Arbitrary<Step>,
];

test('statistics are the sum over visible rowsets, and jobs go their ways', { timeout: 120_000 }, async () => {
  const { params, replayPath } = replay({ numRuns: 6 });
  await fc.assert(
    fc.asyncProperty(fc.commands(steps, { maxCommands: 80, size: 'max', ...replayPath }), (run) =>
      onOneNode(async (node) => {
        expect(await asked(node, { name: 'createInstance', instanceId: 'i1' })).toBe('ok');
        const model = new Model();
        const real = { node };
        for (const first of [create([1, 2, 3]), begin]) await first.run(model, real);
        await fc.asyncModelRun(() => ({ model, real }), run);
      }),
    ),
    params,
  );
});
