import { z } from 'zod';
import { instanceId } from './instances.ts';
import { defineEvent, type EventOf, identifier, int32, int64 } from './kit.ts';

export const compactionTypes = ['UNKOWN', 'BASE', 'CUMULATIVE', 'EMPTY_CUMULATIVE', 'FULL', 'STOP_TOKEN'] as const;
export type CompactionType = (typeof compactionTypes)[number];

/** How many tablets one event may name (an entry of the log holds about as many), and what a tablet's job may carry. */
export const tabletLimits = { tabletsPerEvent: 1000, compactionsPerTablet: 100, listed: 1000 } as const;

const tabletId = int64.min(1).describe('The tablet, unique in its instance.');
export const tabletIds = { tableId: int64, indexId: int64, partitionId: int64 } as const;
const tablet = z.strictObject({
  ...tabletIds,
  tabletId,
  dbId: int64.exactOptional(),
  schemaVersion: int32.exactOptional(),
  tabletState: z.union([identifier, int32]).exactOptional(),
  creationTime: int64.exactOptional(),
  firstRowsetId: identifier.exactOptional().describe('Of the empty rowset 0-1 that every tablet begins with.'),
});
export type Tablet = Readonly<z.infer<typeof tablet>>;

/** What a rowset adds to its tablet: bytes, rows, segments. */
const rowsetFigures = {
  numRows: int64,
  numSegments: int64,
  dataSize: int64.describe('All of it: segments and indexes.'),
  indexSize: int64,
  segmentSize: int64,
} as const;
export const rowset = z.strictObject({
  ...rowsetFigures,
  rowsetId: identifier,
  partitionId: int64,
  creationTime: int64.exactOptional(),
  resourceId: identifier.exactOptional(),
  schemaVersion: int32.exactOptional(),
  txnExpiration: int64.exactOptional(),
});
export type Rowset = Readonly<z.infer<typeof rowset>>;

/** A tablet's sums over its rowsets. */
const figures = z.strictObject({ ...rowsetFigures, numRowsets: int64 });
export type TabletFigures = Readonly<z.infer<typeof figures>>;
export const figureNames = [
  'numRows',
  'numSegments',
  'dataSize',
  'indexSize',
  'segmentSize',
  'numRowsets',
] as const satisfies readonly (keyof TabletFigures)[];

/** A compaction as it was asked for; times in epoch seconds. What was not given is absent. */
export const compactionFields = {
  initiator: identifier.exactOptional(),
  ctime: int64.exactOptional(),
  mtime: int64.exactOptional(),
  inputCumulativePoint: int64.exactOptional(),
  outputCumulativePoint: int64.exactOptional(),
  numInputRowsets: int64.exactOptional(),
  numInputSegments: int64.exactOptional(),
  numOutputRowsets: int64.exactOptional(),
  numOutputSegments: int64.exactOptional(),
  sizeInputRowsets: int64.exactOptional(),
  sizeOutputRowsets: int64.exactOptional(),
  numInputRows: int64.exactOptional(),
  numOutputRows: int64.exactOptional(),
  inputVersions: z.array(int64).max(tabletLimits.listed).exactOptional(),
  outputVersions: z.array(int64).max(tabletLimits.listed).exactOptional(),
  outputRowsetIds: z.array(identifier).max(tabletLimits.listed).exactOptional(),
  txnId: z.array(int64).max(tabletLimits.listed).exactOptional(),
  baseCompactionCnt: int64.exactOptional(),
  cumulativeCompactionCnt: int64.exactOptional(),
  expiration: int64.exactOptional(),
  lease: int64.exactOptional(),
  deleteBitmapLockInitiator: int64.exactOptional(),
  fullCompactionCnt: int64.exactOptional(),
  checkInputVersionsRange: z.boolean().exactOptional(),
  indexSizeInputRowsets: int64.exactOptional(),
  segmentSizeInputRowsets: int64.exactOptional(),
  indexSizeOutputRowsets: int64.exactOptional(),
  segmentSizeOutputRowsets: int64.exactOptional(),
} as const;
const jobId = identifier.min(1).describe('Unique among the compactions of its tablet.');
const type = z.union([z.enum(compactionTypes), int32]).describe('A number where the enum knows no name.');
const compactionJob = z.strictObject({ ...compactionFields, id: jobId, type, lease: int64.min(1) });
export type CompactionJob = Readonly<z.infer<typeof compactionJob>>;

const key = { instanceId, tabletId };
const ofTablet = (data: { readonly instanceId: string; readonly tabletId: number }): string => `tablet/${data.instanceId}/${data.tabletId}`;
const subjects = (data: { readonly instanceId: string; readonly tabletId: number }): readonly string[] => [
  `instance/${data.instanceId}`,
  ofTablet(data),
];

/** Raised by `createTablets`; folded by `projections/tablets.ts`. */
export const tabletsCreated = defineEvent('TabletsCreated', {
  about: 'Tablets were created, each with an empty first rowset.',
  version: 1,
  data: z.strictObject({
    instanceId,
    tablets: z.array(tablet).min(1).max(tabletLimits.tabletsPerEvent).describe('Where each of them is.'),
  }),
  subjects: ({ instanceId: id, tablets }) => [
    `instance/${id}`,
    ...tablets.map((one) => ofTablet({ instanceId: id, tabletId: one.tabletId })),
  ],
});

/** Raised by `commitRowset`; folded by `projections/tablets.ts`. It counts once its transaction is committed. */
export const rowsetCommitted = defineEvent('RowsetCommitted', {
  about: 'A transaction wrote a rowset of a tablet.',
  version: 1,
  data: z.strictObject({
    ...key,
    transactionId: int64.min(1).describe('By which it counts once that is committed.'),
    rowset: rowset.describe('What it adds.'),
  }),
  subjects: (data) => [`transaction/${data.instanceId}/${data.transactionId}`, ofTablet(data)],
});

/** Raised by `startTabletJob`; folded by `projections/tablets.ts`. */
export const compactionStarted = defineEvent('CompactionStarted', {
  about: 'A compaction of a tablet began.',
  version: 1,
  data: z.strictObject({
    ...key,
    job: compactionJob.describe('As it was asked for.'),
    removed: z.array(jobId).max(tabletLimits.compactionsPerTablet).describe('Jobs that were over by then, or had to make room.'),
  }),
  subjects,
});

/** Raised by `finishTabletJob`; folded by `projections/tablets.ts`. */
export const compactionExtended = defineEvent('CompactionExtended', {
  about: 'A compaction said that it is still at work.',
  version: 1,
  data: z.strictObject({ ...key, jobId, previous: int64.describe('Epoch seconds.'), lease: int64.min(1).describe('Epoch seconds.') }),
  subjects,
});

/** Raised by `finishTabletJob`; folded by `projections/tablets.ts`. */
export const compactionAborted = defineEvent('CompactionAborted', {
  about: 'A compaction was given up.',
  version: 1,
  data: z.strictObject({ ...key, jobId, type }),
  subjects,
});

/** Raised by `finishTabletJob`; folded by `projections/tablets.ts`: the rowsets it read give way to the one it wrote. */
export const compactionCommitted = defineEvent('CompactionCommitted', {
  about: 'A compaction replaced rowsets by one.',
  version: 1,
  data: z.strictObject({
    ...key,
    jobId,
    type: z.enum(['BASE', 'CUMULATIVE', 'EMPTY_CUMULATIVE', 'FULL']).describe('Which counter it raises.'),
    input: figures.describe('What it read.'),
    output: figures.describe('What it wrote.'),
    fromVersion: int64.exactOptional().describe('The versions it read, both ends; absent when it did not say.'),
    toVersion: int64.exactOptional().describe('See `fromVersion`.'),
    outputRowsetId: identifier.exactOptional().describe('The rowset that it wrote.'),
    cumulativePoint: int64.exactOptional().describe('From where on cumulative compactions read.'),
  }),
  subjects,
});

/** Raised by `fixTabletStats`; folded by `projections/tablets.ts`. */
export const tabletStatsRecounted = defineEvent('TabletStatsRecounted', {
  about: "A tablet's sizes were counted again from its rowsets.",
  version: 1,
  data: z.strictObject({
    ...key,
    previous: figures.describe('What it had been taken for.'),
    counted: figures.describe('What its rowsets add up to.'),
  }),
  subjects,
});

/** Raised by `fixTabletDatabase`; folded by `projections/tablets.ts`. */
export const tabletDatabaseCorrected = defineEvent('TabletDatabaseCorrected', {
  about: 'The database that a tablet belongs to was entered anew.',
  version: 1,
  data: z.strictObject({
    ...key,
    previous: int64.exactOptional().describe('The database before.'),
    dbId: int64.describe('The database now.'),
  }),
  subjects,
});

export type TabletEvent =
  | EventOf<typeof tabletsCreated>
  | EventOf<typeof rowsetCommitted>
  | EventOf<typeof compactionStarted>
  | EventOf<typeof compactionExtended>
  | EventOf<typeof compactionAborted>
  | EventOf<typeof compactionCommitted>
  | EventOf<typeof tabletStatsRecounted>
  | EventOf<typeof tabletDatabaseCorrected>;
