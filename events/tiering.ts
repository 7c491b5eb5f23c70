import { z } from 'zod';
import { databaseName, tableId, tableName } from './catalog.ts';
import { defineEvent, type EventOf, freeText, int64 } from './kit.ts';

/** Bounds: what a service may say in one heartbeat, and what is kept of an error. */
export const tieringLimits = {
  /** UTF-16 units of an error text, cut where a code point ends. */
  errorLength: 2048,
  /** Tables in one list of a heartbeat. */
  reports: 1000,
  /** Tables that one service may have at a time: it must be able to name them all. */
  rounds: 1000,
} as const;

export const tieringEpoch = z.number().int().min(0).describe('Counts the rounds of a table: one more each time that it becomes due.');
export const service = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, 'letters, digits, dot, dash and underscore, at most 64, a letter or digit first')
  .describe('The tiering service, as it calls itself: one name for each process.');
const errorText = freeText.max(tieringLimits.errorLength).describe('What went wrong, in the words of the tiering service.');
const freshnessMs = z.number().int().min(0).describe('How old the data in the lake may become, milliseconds.');
export const fileBytes = int64.min(0).describe('How many bytes the table has in the lake.');
export const records = int64.min(0).describe('How many records the table has in the lake.');

const table = { tableId, database: databaseName, table: tableName };
const ofTable = (data: { readonly database: string; readonly table: string }): readonly string[] => [
  `table/${data.database}.${data.table}`,
];

/**
 * Raised by `createTable`, `alterTable` and `adoptLakeTables`; folded by `projections/tiering.ts`. `NEW` passes through the state New,
 * `FOUND` through Initialized; both are Scheduled then.
 */
export const lakeTableAdded = defineEvent('LakeTableAdded', {
  about: 'A table is tiered to the lake from now on.',
  version: 1,
  data: z.strictObject({
    ...table,
    freshnessMs,
    tieringEpoch: tieringEpoch.describe(
      '0; of a table that was switched off before, one more than then: late reports are on older rounds.',
    ),
    because: z
      .enum(['NEW', 'FOUND'])
      .describe('NEW: it was created so, or tiering was switched on. FOUND: a leader found it in a log from before tiering was kept.'),
  }),
  subjects: ofTable,
});

/** Raised by `alterTable`; folded by `projections/tiering.ts`. A table that is dropped leaves with `TableDropped`. */
export const lakeTableRemoved = defineEvent('LakeTableRemoved', {
  about: 'Tiering of a table was switched off.',
  version: 1,
  data: z.strictObject(table),
  subjects: ofTable,
});

/** Raised by `alterTable`; folded by `projections/tiering.ts`. */
export const freshnessChanged = defineEvent('FreshnessChanged', {
  about: 'How old the data of a table may become in the lake was changed.',
  version: 1,
  data: z.strictObject({ ...table, freshnessMs }),
  subjects: ofTable,
});

/** Raised by `queueDueTables`; folded by `projections/tiering.ts`: Scheduled to Pending. */
export const tieringDue = defineEvent('TieringDue', {
  about: 'A table is due to be tiered, and waits for a tiering service.',
  version: 1,
  data: z.strictObject({ ...table, tieringEpoch }),
  subjects: ofTable,
});

/** Raised by `tieringHeartbeat`; folded by `projections/tiering.ts`: Pending to Tiering. */
export const tieringRoundStarted = defineEvent('TieringRoundStarted', {
  about: 'A table was handed to a tiering service.',
  version: 1,
  data: z.strictObject({
    ...table,
    tieringEpoch,
    service,
    timeoutMs: z.number().int().min(1).describe('After how long without a heartbeat the round is given up, milliseconds.'),
  }),
  subjects: ofTable,
});

/** Raised by `tieringHeartbeat` and `finishTableTiering`; folded by `projections/tiering.ts`: Tiering, Tiered, and Scheduled or Pending. */
export const tieringRoundFinished = defineEvent('TieringRoundFinished', {
  about: 'A table was tiered.',
  version: 1,
  data: z.strictObject({
    ...table,
    tieringEpoch,
    service,
    durationMs: z.number().int().min(0).describe('From handing it out until this was reported, milliseconds.'),
    isForced: z.boolean().describe('The round was cut short by its service: the table is due again at once.'),
    fileBytes: fileBytes.exactOptional(),
    records: records.exactOptional(),
  }),
  subjects: ofTable,
});

/**
 * Raised by `tieringHeartbeat`, `reportTieringFail` and `timeOutTieringRounds`; folded by `projections/tiering.ts`: Tiering, Failed and
 * Pending.
 */
export const tieringRoundFailed = defineEvent('TieringRoundFailed', {
  about: 'Tiering of a table failed; it is due again at once.',
  version: 1,
  data: z.strictObject({
    ...table,
    tieringEpoch,
    service,
    durationMs: z.number().int().min(0).describe('From handing it out until it failed, milliseconds.'),
    because: z.enum(['REPORTED', 'TIMED_OUT']).describe('REPORTED: by its service. TIMED_OUT: the service was not heard of.'),
    error: errorText.exactOptional(),
    failuresInRow: z.number().int().min(1).describe('How many rounds of it have failed since the last one that did not.'),
  }),
  subjects: ofTable,
});

export type TieringEvent =
  | EventOf<typeof lakeTableAdded>
  | EventOf<typeof lakeTableRemoved>
  | EventOf<typeof freshnessChanged>
  | EventOf<typeof tieringDue>
  | EventOf<typeof tieringRoundStarted>
  | EventOf<typeof tieringRoundFinished>
  | EventOf<typeof tieringRoundFailed>;
