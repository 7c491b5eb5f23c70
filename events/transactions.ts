import { z } from 'zod';
import { instanceId } from './instances.ts';
import { defineEvent, type EventOf, freeText, identifier, int32, int64 } from './kit.ts';

/** COMMITTED, which upstream's lazy commit knows, is none of them: a commit here makes its rowsets visible in the same act. */
export const transactionStatuses = ['PREPARED', 'PRECOMMITTED', 'VISIBLE', 'ABORTED'] as const;
export type TransactionStatus = (typeof transactionStatuses)[number];

/** How many tables and rowsets a transaction may touch, and how many transactions may share a label whatever the config says. */
export const transactionLimits = { tables: 1000, rowsets: 10_000, perLabel: 1000 } as const;

/** All 64 bits as decimal text: frontends send random ones (decision 0012). */
const half = z.string().regex(/^-?\d{1,19}$/, 'a 64-bit integer');
export const requestId = z.strictObject({ hi: half.exactOptional(), lo: half.exactOptional() });
/** Enum fields hold a name, or a number that the enum does not know. */
const enumValue = z.union([identifier, int32]);
export const coordinator = z.strictObject({
  sourceType: enumValue.exactOptional(),
  ip: identifier.exactOptional(),
  id: int64.exactOptional(),
  startTime: int64.exactOptional(),
});
/** What the load job wants kept beside its transaction. */
export const commitAttachment = z.strictObject({
  type: enumValue.exactOptional(),
  loadJobFinalOperation: z
    .strictObject({
      id: int64.exactOptional(),
      progress: int32.exactOptional(),
      loadStartTimestamp: int64.exactOptional(),
      finishTimestamp: int64.exactOptional(),
      copyId: identifier.exactOptional(),
      loadFilePaths: freeText.exactOptional(),
    })
    .exactOptional(),
  rlTaskTxnCommitAttachment: z
    .strictObject({
      jobId: int64.exactOptional(),
      taskId: requestId.exactOptional(),
      filteredRows: int64.exactOptional(),
      loadedRows: int64.exactOptional(),
      unselectedRows: int64.exactOptional(),
      receivedBytes: int64.exactOptional(),
      taskExecutionTimeMs: int64.exactOptional(),
      errorLogUrl: freeText.exactOptional(),
    })
    .exactOptional(),
  streamingTaskTxnCommitAttachment: z
    .strictObject({
      jobId: int64.exactOptional(),
      offset: freeText.exactOptional(),
      scannedRows: int64.exactOptional(),
      loadBytes: int64.exactOptional(),
      numFiles: int64.exactOptional(),
      fileBytes: int64.exactOptional(),
      filteredRows: int64.exactOptional(),
    })
    .exactOptional(),
});
export type CommitAttachment = Readonly<z.infer<typeof commitAttachment>>;

const precommitTimeoutMs = int64.describe('For how long it may wait for its commit once it is ready.');
const attached = commitAttachment.describe('What the load job wants kept beside it.');
/** What a transaction is begun with, besides its database and label. */
export const transactionFields = {
  tableIds: z.array(int64).min(1).max(transactionLimits.tables).describe('The tables it writes to.'),
  timeoutMs: int64.describe('For how long it may stay as it is; who began it looks after that.'),
  requestId: requestId.exactOptional().describe('By which the same request is known when it comes again.'),
  coordinator: coordinator.exactOptional().describe('The frontend or backend that leads it.'),
  loadJobSourceType: enumValue.exactOptional().describe('What kind of load it is.'),
  precommitTimeoutMs: precommitTimeoutMs.exactOptional(),
  listenerId: int64.exactOptional().describe('The job that wants to hear of its end.'),
} as const;

const key = {
  instanceId,
  transactionId: int64.min(1).describe('The position of the event that began it.'),
  dbId: int64.describe('Its database.'),
  label: identifier.min(1).describe('Unique in its database among the transactions that were not aborted.'),
};
const subjects = (data: { readonly instanceId: string; readonly transactionId: number }): readonly string[] => [
  `instance/${data.instanceId}`,
  `transaction/${data.instanceId}/${data.transactionId}`,
];

/** Raised by `beginTransaction`; folded by `projections/transactions.ts`. */
export const transactionBegun = defineEvent('TransactionBegun', {
  about: 'A transaction began under a label.',
  version: 1,
  data: z.strictObject({ ...key, ...transactionFields }),
  subjects,
});

/** Raised by `precommitTransaction`; folded by `projections/transactions.ts`. */
export const transactionPrecommitted = defineEvent('TransactionPrecommitted', {
  about: 'A transaction is ready to be committed.',
  version: 1,
  data: z.strictObject({
    ...key,
    precommitTimeoutMs: precommitTimeoutMs.exactOptional(),
    commitAttachment: attached.exactOptional(),
  }),
  subjects,
});

/** Raised by `commitTransaction`; folded by `projections/transactions.ts` and, for its rowsets, `projections/tablets.ts`. */
export const transactionCommitted = defineEvent('TransactionCommitted', {
  about: 'A transaction was committed: its rowsets are visible in the next version of their partitions.',
  version: 1,
  data: z.strictObject({ ...key, commitAttachment: attached.exactOptional() }),
  subjects,
});

/** Raised by `abortTransaction`; folded by `projections/transactions.ts` and, for its rowsets, `projections/tablets.ts`. */
export const transactionAborted = defineEvent('TransactionAborted', {
  about: 'A transaction was given up, and its rowsets with it.',
  version: 1,
  data: z.strictObject({ ...key, reason: freeText.describe("The caller's words."), commitAttachment: attached.exactOptional() }),
  subjects,
});

export type TransactionEvent =
  | EventOf<typeof transactionBegun>
  | EventOf<typeof transactionPrecommitted>
  | EventOf<typeof transactionCommitted>
  | EventOf<typeof transactionAborted>;
