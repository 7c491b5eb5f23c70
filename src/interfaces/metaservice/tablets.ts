import type { CompactionJob, Rowset } from '../../../events/tablets.ts';
import type { State } from '../../../projections/state.ts';
import { jobsOf, type RowsetRow, rowsetOf, type TabletRow, tabletOf, temporaryRowsetOf } from '../../../projections/tablets.ts';
import { resolveInstance } from '../../deciders/instanceResolution.ts';
import { envelopeOf, failed, ok, type Status } from './codes.ts';
import { printCompact } from './jsonText.ts';
import type { KeyFields } from './keySpace.ts';
import type { KeyValue } from './keyTools.ts';
import type { ValueOf } from './message.ts';
import { type AdminRoutes, type Answer, type Context, defineMethod, envelope, type Methods } from './method.ts';
import { printText } from './textForm.ts';
import { instanceIn, integerIn, submitted } from './transactions.ts';
import {
  createRowsetRequest,
  createRowsetResponse,
  createTabletsRequest,
  createTabletsResponse,
  finishTabletJobRequest,
  finishTabletJobResponse,
  fixTabletStatsResponse,
  getTabletStatsRequest,
  getTabletStatsResponse,
  rowsetMeta,
  startTabletJobRequest,
  startTabletJobResponse,
  tabletIndex,
  tabletJobInfo,
  tabletMeta,
  tabletStats,
} from './txnMessages.ts';

const createTablets = defineMethod({
  request: createTabletsRequest,
  reply: createTabletsResponse,
  call: async (request, context) => {
    const outcome = await submitted(context, 'createTablets', request);
    return { status: outcome.kind === 'done' ? ok : outcome.status };
  },
});

const rowsetMethod = (name: 'prepareRowset' | 'commitRowset') =>
  defineMethod({
    request: createRowsetRequest,
    reply: createRowsetResponse,
    call: async (request, context) => {
      const outcome = await submitted(context, name, request);
      if (outcome.kind === 'done') return { status: ok };
      const { rowset } = outcome.facts;
      if (typeof rowset !== 'string') return { status: outcome.status };
      // The decider wrote it down a moment ago.
      const present = JSON.parse(rowset) as Rowset & { readonly tabletId: number };
      const transactionId = request.rowsetMeta?.txnId ?? request.txnId;
      return { status: outcome.status, existedRowsetMeta: rowsetMessage(present, present.tabletId, { transactionId }) };
    },
  });

const startTabletJob = defineMethod({
  request: startTabletJobRequest,
  reply: startTabletJobResponse,
  call: async (request, context) => {
    const outcome = await submitted(context, 'startTabletJob', request);
    if (outcome.kind === 'done') return { status: ok };
    const { versions } = outcome.facts;
    return { status: outcome.status, ...(typeof versions === 'string' ? { versionInCompaction: versions.split(',').map(Number) } : {}) };
  },
});

const finishTabletJob = defineMethod({
  request: finishTabletJobRequest,
  reply: finishTabletJobResponse,
  call: async (request, context) => {
    const outcome = await submitted(context, 'finishTabletJob', request);
    if (outcome.kind !== 'done') return { status: outcome.status };
    const instanceId = resolveInstance(outcome.state, request.cloudUniqueId ?? '') ?? '';
    const tablet = tabletOf(outcome.state.tablets, instanceId, request.job?.idx?.tabletId ?? 0);
    return { status: ok, ...(tablet !== undefined && request.action === 'COMMIT' ? { stats: tabletStatsMessage(tablet) } : {}) };
  },
});

/** How many tablets one question may name; frontends ask for a thousand at a time. */
const statsLimits = { tablets: 10_000 } as const;

const getTabletStats = defineMethod({
  request: getTabletStatsRequest,
  reply: getTabletStatsResponse,
  call: (request, { state }) => Promise.resolve(statsAsked(state, request)),
});

function statsAsked(
  state: State,
  { cloudUniqueId = '', tabletIdx = [] }: ValueOf<typeof getTabletStatsRequest>,
): ValueOf<typeof getTabletStatsResponse> & { readonly status: Status } {
  const instanceId = resolveInstance(state, cloudUniqueId);
  if (instanceId === undefined) return { status: failed('INVALID_ARGUMENT', 'empty instance_id') };
  const { length } = tabletIdx;
  if (length > statsLimits.tablets)
    return { status: failed('INVALID_ARGUMENT', `too many tablets: ${length}; ask for at most ${statsLimits.tablets} at once`) };
  const found: ValueOf<typeof tabletStats>[] = [];
  for (const idx of tabletIdx) {
    const tablet = tabletOf(state.tablets, instanceId, idx.tabletId ?? 0);
    if (tablet === undefined || !isMeant(tablet, idx))
      return { status: failed('TABLET_NOT_FOUND', `failed to get tablet_idx, err=KeyNotFound tablet_id=${idx.tabletId ?? 0}`) };
    found.push(tabletStatsMessage(tablet));
  }
  return { status: ok, tabletStats: found };
}

/** Whoever gives a tablet's table, index and partition means the tablet there, and no other with its id. */
const isMeant = (tablet: TabletRow, { indexId, partitionId, tableId }: ValueOf<typeof tabletIndex>): boolean =>
  tableId === undefined ||
  indexId === undefined ||
  partitionId === undefined ||
  (tablet.tableId === tableId && tablet.indexId === indexId && tablet.partitionId === partitionId);

/** Sizes counted anew, as query `cloud_unique_id`, `table_id`, `tablet_id` name the tablet. */
async function fixStats(query: URLSearchParams, context: Context): Promise<Answer> {
  const [tableId, tabletId] = [integerOf(query, 'table_id'), integerOf(query, 'tablet_id')];
  if (tableId === undefined) return invalid(`Invalid table_id, table_id: ${shown(query, 'table_id')}`);
  if (resolveInstance(context.state, query.get('cloud_unique_id') ?? '') === undefined) return invalid('empty instance_id');
  if (tabletId === undefined) return invalid(`Invalid tablet_id, tablet_id: ${shown(query, 'tablet_id')}`);
  const cloudUniqueId = query.get('cloud_unique_id') ?? '';
  const outcome = await submitted(context, 'fixTabletStats', { cloudUniqueId, tableId, tabletId });
  if (outcome.kind !== 'done') return envelope(outcome.status);
  return { kind: 'text', http: 200, text: printText(fixTabletStatsResponse, { status: ok }) };
}

async function fixDatabase(query: URLSearchParams, context: Context): Promise<Answer> {
  const numbers: Record<string, number> = {};
  for (const name of ['db_id', 'tablet_id']) {
    const number = integerOf(query, name);
    if (number === undefined) return invalid(`${name} ${shown(query, name)} must be a number, meet error=not a decimal number`);
    numbers[name] = number;
  }
  const instanceId = query.get('instance_id') ?? '';
  const outcome = await submitted(context, 'fixTabletDatabase', { instanceId, tabletId: numbers['tablet_id'], dbId: numbers['db_id'] });
  return outcome.kind === 'done' ? { kind: 'text', http: 200, text: '' } : envelope(outcome.status);
}

const invalid = (text: string): Answer => envelope(failed('INVALID_ARGUMENT', text));
const shown = (query: URLSearchParams, name: string): string => (query.get(name) ?? '').slice(0, 200);
function integerOf(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name) ?? '';
  return /^-?\d{1,16}$/.test(text) && Number.isSafeInteger(Number(text)) ? Number(text) : undefined;
}

/** Where a tablet is. */
const tabletIndexMessage = ({ dbId, indexId, partitionId, tableId, tabletId }: TabletRow): ValueOf<typeof tabletIndex> => ({
  ...(dbId === undefined ? {} : { dbId }),
  tableId,
  indexId,
  partitionId,
  tabletId,
});

/** A tablet's statistics; times and the count of full compactions once there was one. */
export function tabletStatsMessage(tablet: TabletRow): ValueOf<typeof tabletStats> {
  const { stats } = tablet;
  return {
    idx: tabletIndexMessage(tablet),
    dataSize: stats.dataSize,
    numRows: stats.numRows,
    numRowsets: stats.numRowsets,
    numSegments: stats.numSegments,
    baseCompactionCnt: stats.baseCompactions,
    cumulativeCompactionCnt: stats.cumulativeCompactions,
    cumulativePoint: stats.cumulativePoint,
    ...(stats.lastBaseAt === undefined ? {} : { lastBaseCompactionTimeMs: stats.lastBaseAt }),
    ...(stats.lastCumulativeAt === undefined ? {} : { lastCumuCompactionTimeMs: stats.lastCumulativeAt }),
    ...(stats.fullCompactions === undefined ? {} : { fullCompactionCnt: stats.fullCompactions }),
    ...(stats.lastFullAt === undefined ? {} : { lastFullCompactionTimeMs: stats.lastFullAt }),
    indexSize: stats.indexSize,
    segmentSize: stats.segmentSize,
  };
}

/** A rowset; versions where it is visible, its transaction where it came by one. */
function rowsetMessage(
  rowset: Rowset,
  tabletId: number,
  {
    startVersion,
    transactionId,
    version,
  }: Partial<Pick<RowsetRow, 'startVersion' | 'version'>> & { readonly transactionId?: number | undefined },
): ValueOf<typeof rowsetMeta> {
  const { creationTime, partitionId, resourceId, rowsetId, schemaVersion, txnExpiration } = rowset;
  return {
    rowsetId: 0,
    partitionId,
    tabletId,
    ...(transactionId === undefined ? {} : { txnId: transactionId }),
    ...(startVersion === undefined ? {} : { startVersion }),
    ...(version === undefined ? {} : { endVersion: version }),
    numRows: rowset.numRows,
    totalDiskSize: rowset.dataSize,
    dataDiskSize: rowset.segmentSize,
    indexDiskSize: rowset.indexSize,
    ...(creationTime === undefined ? {} : { creationTime }),
    numSegments: rowset.numSegments,
    rowsetIdV2: rowsetId,
    ...(resourceId === undefined ? {} : { resourceId }),
    ...(txnExpiration === undefined ? {} : { txnExpiration }),
    ...(schemaVersion === undefined ? {} : { schemaVersion }),
  };
}

const tabletMetaMessage = ({ creationTime, schemaVersion, tabletState, ...tablet }: TabletRow): ValueOf<typeof tabletMeta> => ({
  tableId: tablet.tableId,
  partitionId: tablet.partitionId,
  tabletId: tablet.tabletId,
  ...(creationTime === undefined ? {} : { creationTime }),
  // It was decoded by this very enum: a text in it is one of its names.
  ...(tabletState === undefined ? {} : ({ tabletState } as Pick<ValueOf<typeof tabletMeta>, 'tabletState'>)),
  ...(schemaVersion === undefined ? {} : { schema: { schemaVersion } }),
  indexId: tablet.indexId,
});
const tabletJobMessage = (tablet: TabletRow, jobs: readonly CompactionJob[]): ValueOf<typeof tabletJobInfo> => ({
  idx: tabletIndexMessage(tablet),
  compaction: jobs,
});

/** The tablet that a key means with table, index, partition and tablet. */
function tabletIn(fields: KeyFields, { state }: Context): TabletRow | undefined {
  const tablet = tabletOf(state.tablets, instanceIn(fields), integerIn(fields, 'tablet_id'));
  const [tableId, indexId, partitionId] = ['table_id', 'index_id', 'part_id'].map((name) => integerIn(fields, name));
  return tablet?.tableId === tableId && tablet?.indexId === indexId && tablet?.partitionId === partitionId ? tablet : undefined;
}

/** What get_value shows of tablets, rowsets and jobs. */
export const tabletKeyValues: Readonly<Record<string, KeyValue>> = {
  MetaTabletKey: (fields, context) => {
    const tablet = tabletIn(fields, context);
    return tablet === undefined ? undefined : printCompact(tabletMeta, tabletMetaMessage(tablet));
  },
  MetaTabletIdxKey: (fields, { state }) => {
    const tablet = tabletOf(state.tablets, instanceIn(fields), integerIn(fields, 'tablet_id'));
    return tablet === undefined ? undefined : printCompact(tabletIndex, tabletIndexMessage(tablet));
  },
  MetaRowsetKey: (fields, { state }) => {
    const tabletId = integerIn(fields, 'tablet_id');
    const row = rowsetOf(state.tablets, instanceIn(fields), tabletId, integerIn(fields, 'version'));
    return row === undefined ? undefined : printCompact(rowsetMeta, rowsetMessage(row, tabletId, row));
  },
  MetaRowsetTmpKey: (fields, { state }) => {
    const [transactionId, tabletId] = [integerIn(fields, 'txn_id'), integerIn(fields, 'tablet_id')];
    const row = temporaryRowsetOf(state.tablets, instanceIn(fields), transactionId, tabletId);
    return row === undefined ? undefined : printCompact(rowsetMeta, rowsetMessage(row, tabletId, { transactionId }));
  },
  // Upstream keeps counters beside the record, which loads add to; here one record holds the sums, and the counters are empty.
  StatsTabletKey: (fields, context) => {
    const tablet = tabletIn(fields, context);
    if (tablet === undefined) return undefined;
    const stats = printCompact(tabletStats, tabletStatsMessage(tablet));
    return `aggregated_stats: ${stats}\ndetached_stats: {}\nmerged_stats: ${stats}`;
  },
  JobTabletKey: (fields, context) => {
    const tablet = tabletIn(fields, context);
    const jobs = tablet === undefined ? undefined : jobsOf(context.state.tablets, instanceIn(fields), tablet.tabletId);
    return tablet === undefined || jobs === undefined ? undefined : printCompact(tabletJobInfo, tabletJobMessage(tablet, jobs));
  },
};

export const tabletMethods: Methods = {
  create_tablets: createTablets,
  prepare_rowset: rowsetMethod('prepareRowset'),
  commit_rowset: rowsetMethod('commitRowset'),
  get_tablet_stats: getTabletStats,
  start_tablet_job: startTabletJob,
  finish_tablet_job: finishTabletJob,
};
export const tabletRoutes: AdminRoutes = {
  get_tablet_stats: {
    kind: 'json',
    method: getTabletStats,
    // When it cannot be told the status code alone says why.
    answer: (reply) => ({
      kind: 'text',
      http: envelopeOf(reply.status.code).http,
      text: reply.status.code === 'OK' ? printText(getTabletStatsResponse, reply) : '',
    }),
  },
  fix_tablet_stats: { kind: 'query', call: fixStats },
  fix_tablet_db_id: { kind: 'query', call: fixDatabase },
  abort_tablet_job: { kind: 'json', method: finishTabletJob, sets: { action: 'ABORT' } },
};
