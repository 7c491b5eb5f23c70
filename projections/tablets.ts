import {
  type CompactionJob,
  type CompactionType,
  figureNames,
  type Rowset,
  type Tablet,
  type TabletEvent,
  type TabletFigures,
} from '../events/tablets.ts';
import { defineProjection, invariant, type Writable } from './kit.ts';
import { Table } from './table.ts';

/** A tablet's statistics; times in epoch milliseconds, absent before the first. */
export interface TabletStats extends TabletFigures {
  readonly baseCompactions: number;
  readonly cumulativeCompactions: number;
  readonly fullCompactions?: number;
  readonly cumulativePoint: number;
  readonly lastBaseAt?: number;
  readonly lastCumulativeAt?: number;
  readonly lastFullAt?: number;
}
export interface TabletRow extends Tablet {
  readonly stats: TabletStats;
  /** The newest version it has a rowset of. */
  readonly newestVersion: number;
}
/** A visible rowset. The rowsets of a tablet form a chain from the newest to the oldest: no list grows with them. */
export interface RowsetRow extends Rowset {
  readonly startVersion: number;
  readonly version: number;
  /** Absent for what became of the tablet's first one. */
  readonly previous?: number;
  readonly transactionId?: number;
}
/** A rowset of a running transaction, which forms a chain, too. */
export interface TemporaryRowset extends Rowset {
  readonly tabletId: number;
  readonly previousTablet?: number;
}
/** `updatedAt`: epoch milliseconds. */
export interface PartitionVersion {
  readonly version: number;
  readonly updatedAt: number;
}
/** A partition in which a transaction became visible. */
export interface VisibleIn extends PartitionVersion {
  readonly tableId: number;
  readonly partitionId: number;
}
/** All keys begin with the instance and hold ids alone, joined by newlines: no id holds a control character. */
export interface Tablets {
  readonly byId: Table<TabletRow>;
  /** By tablet and version. */
  readonly rowsets: Table<RowsetRow>;
  /** By transaction and tablet. */
  readonly temporary: Table<TemporaryRowset>;
  /** What a running transaction has written, by transaction. */
  readonly written: Table<{ readonly count: number; readonly newestTablet: number }>;
  /** By transaction: what its commit made visible, in as many partitions as it has rowsets at most. */
  readonly visible: Table<readonly VisibleIn[]>;
  /** By database, table and partition. */
  readonly partitions: Table<PartitionVersion>;
  /** Compactions by tablet; an empty list once there was one. */
  readonly jobs: Table<readonly CompactionJob[]>;
}

/** The version of the empty rowset that a tablet begins with; it reaches from 0 to 1. */
export const firstVersion = 1;
const noFigures: TabletFigures = { numRows: 0, numSegments: 0, dataSize: 0, indexSize: 0, segmentSize: 0, numRowsets: 0 };

export const tablets = defineProjection<Tablets>({
  name: 'tablets',
  version: 1,
  initial: () => ({
    byId: Table.empty(),
    rowsets: Table.empty(),
    temporary: Table.empty(),
    written: Table.empty(),
    visible: Table.empty(),
    partitions: Table.empty(),
    jobs: Table.empty(),
  }),
  on: {
    TabletsCreated: (state, { event: { data } }) => {
      for (const tablet of data.tablets) create(state, data.instanceId, tablet);
    },
    RowsetCommitted: (state, { event: { data } }) => {
      const { instanceId, rowset, tabletId, transactionId } = data;
      const key = keyOf(instanceId, transactionId, tabletId);
      invariant(!state.temporary.has(key), `transaction ${transactionId} has a rowset of tablet ${tabletId} already`);
      invariant(tabletOf(state, instanceId, tabletId) !== undefined, `tablet ${tabletId} of ${instanceId} does not exist`);
      const written = state.written.get(keyOf(instanceId, transactionId));
      const chained = written === undefined ? {} : { previousTablet: written.newestTablet };
      state.temporary = state.temporary.set(key, { ...rowset, tabletId, ...chained });
      state.written = state.written.set(keyOf(instanceId, transactionId), { count: (written?.count ?? 0) + 1, newestTablet: tabletId });
    },
    TransactionCommitted: (state, { event: { data }, at }) => makeVisible(state, data, at),
    TransactionAborted: (state, { event: { data } }) => {
      takeTemporary(state, data.instanceId, data.transactionId);
    },
    CompactionStarted: (state, { event: { data } }) => {
      const { instanceId, job, removed, tabletId } = data;
      const rest = (jobsOf(state, instanceId, tabletId) ?? []).filter(({ id }) => !removed.includes(id));
      state.jobs = state.jobs.set(keyOf(instanceId, tabletId), [...rest, job]);
    },
    CompactionExtended: (state, { event: { data } }) => {
      const jobs = jobsOf(state, data.instanceId, data.tabletId) ?? [];
      invariant(
        jobs.some(({ id }) => id === data.jobId),
        `tablet ${data.tabletId} has no job ${data.jobId}`,
      );
      state.jobs = state.jobs.set(
        keyOf(data.instanceId, data.tabletId),
        jobs.map((job) => (job.id === data.jobId ? { ...job, lease: data.lease } : job)),
      );
    },
    CompactionAborted: (state, { event: { data } }) => endJob(state, data.instanceId, data.tabletId, data.jobId),
    CompactionCommitted: (state, { event: { data }, at }) => {
      endJob(state, data.instanceId, data.tabletId, data.jobId);
      replaceRowsets(state, data);
      changeTablet(state, data.instanceId, data.tabletId, ({ stats }) => ({ stats: statsAfter(stats, data, at) }));
    },
    TabletStatsRecounted: (state, { event: { data } }) =>
      changeTablet(state, data.instanceId, data.tabletId, ({ stats }) => ({ stats: { ...stats, ...data.counted } })),
    TabletDatabaseCorrected: (state, { event: { data } }) =>
      changeTablet(state, data.instanceId, data.tabletId, () => ({ dbId: data.dbId })),
  },
});

function create(state: Writable<Tablets>, instanceId: string, tablet: Tablet): void {
  const { creationTime, firstRowsetId = '', partitionId, schemaVersion, tabletId } = tablet;
  const key = keyOf(instanceId, tabletId);
  invariant(!state.byId.has(key), `tablet ${tabletId} of ${instanceId} exists`);
  const stats: TabletStats = { ...noFigures, numRowsets: 1, baseCompactions: 0, cumulativeCompactions: 0, cumulativePoint: 2 };
  state.byId = state.byId.set(key, { ...tablet, stats, newestVersion: firstVersion });
  const { numRowsets: _, ...empty } = noFigures;
  const first: RowsetRow = {
    ...empty,
    rowsetId: firstRowsetId,
    partitionId,
    ...(creationTime === undefined ? {} : { creationTime }),
    ...(schemaVersion === undefined ? {} : { schemaVersion }),
    startVersion: 0,
    version: firstVersion,
  };
  state.rowsets = state.rowsets.set(keyOf(instanceId, tabletId, firstVersion), first);
}

/** Takes the temporary rowsets of a transaction out of the tables; the newest first. */
function takeTemporary(state: Writable<Tablets>, instanceId: string, transactionId: number): readonly TemporaryRowset[] {
  const taken: TemporaryRowset[] = [];
  let tabletId = state.written.get(keyOf(instanceId, transactionId))?.newestTablet;
  while (tabletId !== undefined) {
    const key = keyOf(instanceId, transactionId, tabletId);
    const rowset = state.temporary.get(key);
    invariant(rowset !== undefined, `the rowsets of transaction ${transactionId} break off at tablet ${tabletId}`);
    taken.push(rowset);
    state.temporary = state.temporary.delete(key);
    tabletId = rowset.previousTablet;
  }
  state.written = state.written.delete(keyOf(instanceId, transactionId));
  return taken;
}

/** Gives every rowset of a transaction the next version of its partition, and adds it to its tablet. */
function makeVisible(
  state: Writable<Tablets>,
  { dbId, instanceId, transactionId }: { readonly instanceId: string; readonly transactionId: number; readonly dbId: number },
  at: number,
): void {
  const rowsets = takeTemporary(state, instanceId, transactionId).map((rowset) => ({
    rowset,
    tablet: existingTablet(state, instanceId, rowset.tabletId),
  }));
  const visibleIn = new Map<string, VisibleIn>();
  for (const { rowset, tablet } of rowsets) {
    const key = keyOf(instanceId, dbId, tablet.tableId, rowset.partitionId);
    const next = visibleIn.get(key)?.version ?? (state.partitions.get(key)?.version ?? firstVersion) + 1;
    // A tablet that was written to under another partition may be ahead; its versions only ever grow.
    const version = Math.max(next, tablet.newestVersion + 1);
    visibleIn.set(key, { tableId: tablet.tableId, partitionId: rowset.partitionId, version, updatedAt: at });
  }
  for (const [key, { updatedAt, version }] of visibleIn) state.partitions = state.partitions.set(key, { version, updatedAt });
  for (const { rowset, tablet } of rowsets) {
    const version = visibleIn.get(keyOf(instanceId, dbId, tablet.tableId, rowset.partitionId))?.version;
    invariant(version !== undefined, `partition ${rowset.partitionId} was given no version`);
    addRowset(state, instanceId, tablet, rowset, version, transactionId);
  }
  if (rowsets.length > 0) state.visible = state.visible.set(keyOf(instanceId, transactionId), [...visibleIn.values()]);
}

function addRowset(
  state: Writable<Tablets>,
  instanceId: string,
  tablet: TabletRow,
  { previousTablet: _, tabletId, ...rowset }: TemporaryRowset,
  version: number,
  transactionId: number,
): void {
  const row: RowsetRow = { ...rowset, startVersion: version, version, previous: tablet.newestVersion, transactionId };
  state.rowsets = state.rowsets.set(keyOf(instanceId, tabletId, version), row);
  const stats = { ...tablet.stats, ...sumOf(tablet.stats, { ...rowset, numRowsets: 1 }) };
  state.byId = state.byId.set(keyOf(instanceId, tabletId), { ...tablet, stats, newestVersion: version });
}

type Compacted = Extract<TabletEvent, { readonly type: 'CompactionCommitted' }>['data'];

/** The rowset that a compaction wrote stands where the newest of those it read stood, so that the chain above stays as it is. */
function replaceRowsets(state: Writable<Tablets>, { fromVersion, instanceId, output, outputRowsetId, tabletId, ...read }: Compacted): void {
  if (fromVersion === undefined || read.toVersion === undefined) return;
  const replaced: RowsetRow[] = [];
  for (const row of rowsetsOf(state, instanceId, tabletId)) {
    if (row.version > read.toVersion) continue;
    if (row.startVersion < fromVersion) break;
    replaced.push(row);
  }
  const [newest] = replaced;
  const oldest = replaced.at(-1);
  if (newest === undefined || oldest === undefined) return;
  for (const { version } of replaced) state.rowsets = state.rowsets.delete(keyOf(instanceId, tabletId, version));
  const { numRowsets: _, ...figures } = output;
  state.rowsets = state.rowsets.set(keyOf(instanceId, tabletId, newest.version), {
    ...figures,
    rowsetId: outputRowsetId ?? '',
    partitionId: newest.partitionId,
    startVersion: oldest.startVersion,
    version: newest.version,
    ...(oldest.previous === undefined ? {} : { previous: oldest.previous }),
  });
}

function statsAfter(stats: TabletStats, { cumulativePoint, input, output, type }: Compacted, at: number): TabletStats {
  const point = cumulativePoint ?? stats.cumulativePoint;
  const counted = { ...stats, ...sumOf(stats, output, input) };
  switch (type satisfies CompactionType) {
    case 'BASE':
      return { ...counted, baseCompactions: stats.baseCompactions + 1, lastBaseAt: at };
    case 'FULL':
      return { ...counted, fullCompactions: (stats.fullCompactions ?? 0) + 1, lastFullAt: at };
    case 'CUMULATIVE': {
      // An earlier one of several side by side may be committed later: the point never goes back.
      const furthest = Math.max(point, stats.cumulativePoint);
      return { ...counted, cumulativeCompactions: stats.cumulativeCompactions + 1, lastCumulativeAt: at, cumulativePoint: furthest };
    }
    case 'EMPTY_CUMULATIVE':
      return { ...stats, cumulativeCompactions: stats.cumulativeCompactions + 1, lastCumulativeAt: at, cumulativePoint: point };
  }
}

/** Sums end where numbers cease to be exact: what is told of a rowset comes from outside. */
const exact = (sum: number): number => Math.max(Number.MIN_SAFE_INTEGER, Math.min(Number.MAX_SAFE_INTEGER, sum));
function sumOf(present: TabletFigures, plus: TabletFigures, minus: TabletFigures = noFigures): TabletFigures {
  const sum: Record<keyof TabletFigures, number> = { ...noFigures };
  for (const name of figureNames) sum[name] = exact(present[name] + exact(plus[name] - minus[name]));
  return sum;
}

function endJob(state: Writable<Tablets>, instanceId: string, tabletId: number, jobId: string): void {
  const jobs = jobsOf(state, instanceId, tabletId) ?? [];
  const rest = jobs.filter(({ id }) => id !== jobId);
  invariant(rest.length === jobs.length - 1, `tablet ${tabletId} of ${instanceId} has no job ${jobId}`);
  state.jobs = state.jobs.set(keyOf(instanceId, tabletId), rest);
}

function existingTablet(state: Tablets, instanceId: string, tabletId: number): TabletRow {
  const tablet = tabletOf(state, instanceId, tabletId);
  invariant(tablet !== undefined, `tablet ${tabletId} of ${instanceId} does not exist`);
  return tablet;
}
function changeTablet(
  state: Writable<Tablets>,
  instanceId: string,
  tabletId: number,
  change: (tablet: TabletRow) => Partial<TabletRow>,
): void {
  const tablet = existingTablet(state, instanceId, tabletId);
  state.byId = state.byId.set(keyOf(instanceId, tabletId), { ...tablet, ...change(tablet) });
}

const keyOf = (instanceId: string, ...ids: readonly number[]): string => `${instanceId}\n${ids.join('\n')}`;

export const tabletOf = (state: Tablets, instanceId: string, tabletId: number): TabletRow | undefined =>
  state.byId.get(keyOf(instanceId, tabletId));
/** Of a tablet, by the last version that it holds. */
export const rowsetOf = (state: Tablets, instanceId: string, tabletId: number, version: number): RowsetRow | undefined =>
  state.rowsets.get(keyOf(instanceId, tabletId, version));
/** The visible rowsets of a tablet, the newest first; as many as compactions have left. */
export function* rowsetsOf(state: Tablets, instanceId: string, tabletId: number): Generator<RowsetRow> {
  let version = tabletOf(state, instanceId, tabletId)?.newestVersion;
  while (version !== undefined) {
    const row = rowsetOf(state, instanceId, tabletId, version);
    invariant(row !== undefined, `the rowsets of tablet ${tabletId} of ${instanceId} break off at version ${version}`);
    yield row;
    version = row.previous;
  }
}
/** A tablet's sums, made anew from its visible rowsets. */
export function countedFigures(state: Tablets, instanceId: string, tabletId: number): TabletFigures {
  let sum = noFigures;
  for (const row of rowsetsOf(state, instanceId, tabletId)) sum = sumOf(sum, { ...row, numRowsets: 1 });
  return sum;
}
export const temporaryRowsetOf = (
  state: Tablets,
  instanceId: string,
  transactionId: number,
  tabletId: number,
): TemporaryRowset | undefined => state.temporary.get(keyOf(instanceId, transactionId, tabletId));
/** How many rowsets a running transaction has written. */
export const rowsetsWritten = (state: Tablets, instanceId: string, transactionId: number): number =>
  state.written.get(keyOf(instanceId, transactionId))?.count ?? 0;
/** What a transaction's commit made visible; empty for one without rowsets. */
export const visibleInOf = (state: Tablets, instanceId: string, transactionId: number): readonly VisibleIn[] =>
  state.visible.get(keyOf(instanceId, transactionId)) ?? [];
export const partitionVersionOf = (
  state: Tablets,
  instanceId: string,
  dbId: number,
  tableId: number,
  partitionId: number,
): PartitionVersion | undefined => state.partitions.get(keyOf(instanceId, dbId, tableId, partitionId));
/** undefined for a tablet that never had one. */
export const jobsOf = (state: Tablets, instanceId: string, tabletId: number): readonly CompactionJob[] | undefined =>
  state.jobs.get(keyOf(instanceId, tabletId));
export interface TabletJob {
  readonly instanceId: string;
  readonly tabletId: number;
  readonly job: CompactionJob;
}
/** Every compaction that was begun and has not ended, by instance and tablet. */
export const tabletJobRows = (state: Tablets): readonly TabletJob[] =>
  state.jobs.keys().flatMap((key) => {
    const [instanceId = '', tabletId] = key.split('\n');
    return (state.jobs.get(key) ?? []).map((job) => ({ instanceId, tabletId: Number(tabletId), job }));
  });
