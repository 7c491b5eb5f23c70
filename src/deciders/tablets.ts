import { z } from 'zod';
import { identifier, int32, int64 } from '../../events/kit.ts';
import {
  figureNames,
  type Rowset,
  rowsetCommitted,
  type Tablet,
  type TabletEvent,
  tabletDatabaseCorrected,
  tabletLimits,
  tabletStatsRecounted,
  tabletsCreated,
} from '../../events/tablets.ts';
import { transactionLimits } from '../../events/transactions.ts';
import type { State } from '../../projections/state.ts';
import { countedFigures, jobsOf, rowsetsWritten, type TabletRow, tabletOf, temporaryRowsetOf } from '../../projections/tablets.ts';
import { transactionOf } from '../../projections/transactions.ts';
import { accept, type Decision, type Rejection, refused, reject, rejection } from '../rejection.ts';
import { resolveInstance } from './instanceResolution.ts';
import { defineCommand } from './kit.ts';

const cloudUniqueId = identifier.exactOptional();
const schema = z.strictObject({ schemaVersion: int32.exactOptional() }).exactOptional();
/** A rowset as a backend describes it. */
const rowsetMeta = z.strictObject({
  rowsetId: int64.exactOptional(),
  partitionId: int64.exactOptional(),
  tabletId: int64.exactOptional(),
  txnId: int64.exactOptional(),
  tabletSchemaHash: int32.exactOptional(),
  startVersion: int64.exactOptional(),
  endVersion: int64.exactOptional(),
  numRows: int64.exactOptional(),
  totalDiskSize: int64.exactOptional(),
  dataDiskSize: int64.exactOptional(),
  indexDiskSize: int64.exactOptional(),
  empty: z.boolean().exactOptional(),
  creationTime: int64.exactOptional(),
  numSegments: int64.exactOptional(),
  rowsetIdV2: identifier.exactOptional(),
  resourceId: identifier.exactOptional(),
  tabletSchema: schema,
  txnExpiration: int64.exactOptional(),
  indexId: int64.exactOptional(),
  schemaVersion: int32.exactOptional(),
});
const tabletMeta = z.strictObject({
  tableId: int64.exactOptional(),
  partitionId: int64.exactOptional(),
  tabletId: int64.exactOptional(),
  creationTime: int64.exactOptional(),
  tabletState: z.union([identifier, int32]).exactOptional(),
  schema,
  rsMetas: z.array(rowsetMeta).max(tabletLimits.listed).exactOptional(),
  indexId: int64.exactOptional(),
});

const unresolved = (): Decision<never> => reject('UNRESOLVED_INSTANCE', 'cloudUniqueId', 'empty instance_id');
export const unknownTablet = (tabletId: number): Rejection =>
  rejection('UNKNOWN_TABLET', 'tabletId', `failed to get tablet_idx, err=KeyNotFound tablet_id=${tabletId}`);

/**
 * Creates tablets, all or none. One that is there already, in the same table, index and partition, stays as it is: a request that
 * comes again must not empty its statistics.
 * @returns at most one `TabletsCreated`; or INVALID_TABLET, TOO_LARGE, UNRESOLVED_INSTANCE, TABLET_EXISTS
 */
export const createTablets = defineCommand({
  name: 'createTablets',
  about: 'Create tablets.',
  input: z.strictObject({
    cloudUniqueId,
    tabletMetas: z.array(tabletMeta).exactOptional(),
    storageVaultName: identifier.exactOptional(),
    dbId: int64.exactOptional(),
  }),
  decide: (state, { cloudUniqueId: id = '', dbId, tabletMetas: metas = [] }): Decision<TabletEvent> => {
    if (metas.length === 0) return reject('INVALID_TABLET', 'tabletMetas', 'no tablet meta');
    if (metas.length > tabletLimits.tabletsPerEvent)
      return reject(
        'TOO_LARGE',
        'tabletMetas',
        `${metas.length} tablets in one request; at most ${tabletLimits.tabletsPerEvent} are allowed`,
      );
    const instanceId = resolveInstance(state, id);
    if (instanceId === undefined) return unresolved();
    const created = new Map<number, Tablet>();
    for (const [i, meta] of metas.entries()) {
      const { tabletId = 0 } = meta;
      if (tabletId <= 0) return reject('INVALID_TABLET', `tabletMetas[${i}].tabletId`, 'no valid tablet_id given');
      const tablet = tabletFrom(meta, tabletId, dbId);
      const present = created.get(tabletId) ?? tabletOf(state.tablets, instanceId, tabletId);
      if (present === undefined) created.set(tabletId, tablet);
      else if (!isSamePlace(present, tablet))
        return reject('TABLET_EXISTS', `tabletMetas[${i}].tabletId`, `tablet ${tabletId} already exists in another table or partition`);
    }
    return created.size === 0 ? accept() : accept(tabletsCreated({ instanceId, tablets: [...created.values()] }));
  },
});

const isSamePlace = (a: Tablet, b: Tablet): boolean =>
  a.tableId === b.tableId && a.indexId === b.indexId && a.partitionId === b.partitionId;

function tabletFrom(meta: z.infer<typeof tabletMeta>, tabletId: number, dbId: number | undefined): Tablet {
  const { creationTime, indexId = 0, partitionId = 0, rsMetas = [], tableId = 0, tabletState } = meta;
  const schemaVersion = meta.schema?.schemaVersion;
  const firstRowsetId = rsMetas[0]?.rowsetIdV2;
  return {
    tableId,
    indexId,
    partitionId,
    tabletId,
    ...(dbId === undefined ? {} : { dbId }),
    ...(schemaVersion === undefined ? {} : { schemaVersion }),
    ...(tabletState === undefined ? {} : { tabletState }),
    ...(creationTime === undefined ? {} : { creationTime }),
    ...(firstRowsetId === undefined ? {} : { firstRowsetId }),
  };
}

const rowsetRequest = z.strictObject({
  cloudUniqueId,
  rowsetMeta: rowsetMeta.exactOptional(),
  temporary: z.boolean().exactOptional(),
  txnId: int64.exactOptional(),
  tabletJobId: identifier.exactOptional(),
});
type RowsetRequest = z.infer<typeof rowsetRequest>;

/** A rowset that may be written; `transactionId` is absent for what a compaction writes, which counts when its job is finished. */
interface Writable {
  readonly instanceId: string;
  readonly tablet: TabletRow;
  readonly transactionId?: number;
}

/**
 * Announces a rowset: everything that its commit will be asked is asked now. Nothing is kept, since nothing is cleaned up here.
 * @returns no event; or what `commitRowset` refuses with
 */
export const prepareRowset = defineCommand({
  name: 'prepareRowset',
  about: 'Ask whether a transaction may write a rowset.',
  input: rowsetRequest,
  decide: (state, request): Decision<TabletEvent> => {
    const found = writableRowset(state, request);
    return 'code' in found ? refused(found) : accept();
  },
});

/**
 * Makes the rowset that a running transaction has of a tablet; it counts once the transaction is committed.
 * @returns at most one `RowsetCommitted`; or INVALID_TABLET, UNRESOLVED_INSTANCE, UNKNOWN_TABLET, STALE_ROWSET (the compaction that
 *   wrote it does not run), UNKNOWN_TRANSACTION, TRANSACTION_ABORTED, TRANSACTION_VISIBLE, ROWSET_EXISTS (fact `rowset`: the one
 *   that is there, as JSON), TOO_LARGE
 */
export const commitRowset = defineCommand({
  name: 'commitRowset',
  about: 'Add a rowset to a transaction.',
  input: rowsetRequest,
  decide: (state, request): Decision<TabletEvent> => {
    const found = writableRowset(state, request);
    if ('code' in found) return refused(found);
    const { instanceId, tablet, transactionId } = found;
    if (transactionId === undefined) return accept();
    return accept(
      rowsetCommitted({ instanceId, tabletId: tablet.tabletId, transactionId, rowset: rowsetFrom(request.rowsetMeta ?? {}, tablet) }),
    );
  },
});

function writableRowset(
  state: State,
  { cloudUniqueId: id = '', rowsetMeta: meta, tabletJobId = '', txnId }: RowsetRequest,
): Writable | Rejection {
  if (meta === undefined) return rejection('INVALID_TABLET', 'rowsetMeta', 'no rowset meta');
  const instanceId = resolveInstance(state, id);
  if (instanceId === undefined) return rejection('UNRESOLVED_INSTANCE', 'cloudUniqueId', 'empty instance_id');
  const { tabletId = 0 } = meta;
  const tablet = tabletOf(state.tablets, instanceId, tabletId);
  if (tablet === undefined) return unknownTablet(tabletId);
  if (tabletJobId !== '') {
    const isAtWork = jobsOf(state.tablets, instanceId, tabletId)?.some((job) => job.id === tabletJobId) ?? false;
    if (isAtWork) return { instanceId, tablet };
    const detail = `compaction job does not exist, tablet_id=${tabletId} rowset_id=${meta.rowsetIdV2 ?? ''} job_id=${tabletJobId}`;
    return rejection('STALE_ROWSET', 'tabletJobId', detail);
  }
  const transactionId = meta.txnId ?? txnId ?? 0;
  return transactionFault(state, instanceId, transactionId, tabletId) ?? { instanceId, tablet, transactionId };
}

function transactionFault(state: State, instanceId: string, transactionId: number, tabletId: number): Rejection | undefined {
  const field = 'rowsetMeta.txnId';
  const row = transactionOf(state.transactions, instanceId, transactionId);
  if (row === undefined) return rejection('UNKNOWN_TRANSACTION', field, `transaction [${transactionId}] not found`);
  const place = `db_id=${row.dbId}`;
  if (row.status === 'ABORTED')
    return rejection('TRANSACTION_ABORTED', field, `transaction [${transactionId}] is already aborted, ${place}`);
  if (row.status === 'VISIBLE')
    return rejection('TRANSACTION_VISIBLE', field, `transaction [${transactionId}] is already visible, ${place}`);
  const present = temporaryRowsetOf(state.tablets, instanceId, transactionId, tabletId);
  if (present !== undefined) {
    const { previousTablet: _, ...rowset } = present;
    return rejection('ROWSET_EXISTS', 'rowsetMeta', 'rowset already exists', { rowset: JSON.stringify(rowset) });
  }
  if (rowsetsWritten(state.tablets, instanceId, transactionId) < transactionLimits.rowsets) return undefined;
  return rejection('TOO_LARGE', field, `transaction ${transactionId} has ${transactionLimits.rowsets} rowsets, which is the limit`);
}

function rowsetFrom(meta: z.infer<typeof rowsetMeta>, tablet: TabletRow): Rowset {
  const schemaVersion = meta.schemaVersion ?? meta.tabletSchema?.schemaVersion;
  return {
    rowsetId: meta.rowsetIdV2 ?? '',
    partitionId: meta.partitionId ?? tablet.partitionId,
    numRows: meta.numRows ?? 0,
    numSegments: meta.numSegments ?? 0,
    dataSize: meta.totalDiskSize ?? 0,
    indexSize: meta.indexDiskSize ?? 0,
    segmentSize: meta.dataDiskSize ?? 0,
    ...(meta.creationTime === undefined ? {} : { creationTime: meta.creationTime }),
    ...(meta.resourceId === undefined ? {} : { resourceId: meta.resourceId }),
    ...(schemaVersion === undefined ? {} : { schemaVersion }),
    ...(meta.txnExpiration === undefined ? {} : { txnExpiration: meta.txnExpiration }),
  };
}

/**
 * Counts a tablet's sizes again, from its visible rowsets.
 * @returns at most one `TabletStatsRecounted`; or UNRESOLVED_INSTANCE, UNKNOWN_TABLET
 */
export const fixTabletStats = defineCommand({
  name: 'fixTabletStats',
  about: "Count a tablet's sizes again from its rowsets.",
  input: z.strictObject({ cloudUniqueId, tableId: int64, tabletId: int64 }),
  decide: (state, { cloudUniqueId: id = '', tableId, tabletId }): Decision<TabletEvent> => {
    const instanceId = resolveInstance(state, id);
    if (instanceId === undefined) return unresolved();
    const tablet = tabletOf(state.tablets, instanceId, tabletId);
    if (tablet === undefined || tablet.tableId !== tableId) return refused(unknownTablet(tabletId));
    const counted = countedFigures(state.tablets, instanceId, tabletId);
    const { dataSize, indexSize, numRows, numRowsets, numSegments, segmentSize } = tablet.stats;
    const previous = { numRows, numSegments, dataSize, indexSize, segmentSize, numRowsets };
    if (figureNames.every((name) => previous[name] === counted[name])) return accept();
    return accept(tabletStatsRecounted({ instanceId, tabletId, previous, counted }));
  },
});

/**
 * Enters anew which database a tablet belongs to.
 * @returns at most one `TabletDatabaseCorrected`; or UNKNOWN_TABLET, for a tablet of an unknown instance, too
 */
export const fixTabletDatabase = defineCommand({
  name: 'fixTabletDatabase',
  about: 'Enter anew which database a tablet belongs to.',
  input: z.strictObject({ instanceId: identifier, tabletId: int64, dbId: int64 }),
  decide: (state, { dbId, instanceId, tabletId }): Decision<TabletEvent> => {
    const tablet = tabletOf(state.tablets, instanceId, tabletId);
    if (tablet === undefined) return refused(unknownTablet(tabletId));
    if (tablet.dbId === dbId) return accept();
    const previous = tablet.dbId === undefined ? {} : { previous: tablet.dbId };
    return accept(tabletDatabaseCorrected({ instanceId, tabletId, ...previous, dbId }));
  },
});
