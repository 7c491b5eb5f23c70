import { z } from 'zod';
import { catalogLimits, partitionId, tableId } from './catalog.ts';
import { defineEvent, type EventOf, int64 } from './kit.ts';
import { serverId } from './servers.ts';

/** How many buckets one event may speak of: an entry of the log holds about as many. */
export const bucketLimits = { perEvent: 500 } as const;

/** Names a bucket. */
export const bucketRef = {
  tableId,
  partitionId: partitionId.exactOptional(),
  bucketId: z
    .number()
    .int()
    .min(0)
    .max(catalogLimits.buckets - 1)
    .describe('From 0, within its table or partition.'),
} as const;
export interface BucketRef {
  readonly tableId: number;
  readonly partitionId?: number;
  readonly bucketId: number;
}
/** Nobody leads. */
export const noLeader = -1;
export const leader = z
  .number()
  .int()
  .min(noLeader)
  .max(2 ** 31 - 1)
  .describe('The server that leads it; -1: nobody.');
export const replicas = z
  .array(serverId)
  .min(1)
  .max(2 * catalogLimits.replicationFactor)
  .describe('The servers that hold a copy, each once.');
export const isr = z
  .array(serverId)
  .min(1)
  .max(2 * catalogLimits.replicationFactor)
  .describe('Those whose copies have everything that was acknowledged.');

export const bytes = int64.min(0).describe("How long the leader's copy is, in bytes; absent when it does not say.");

/** Events about many buckets name their tables, each once: `table/7` is looked for by whoever has the id. */
const tablesOf = (refs: readonly { readonly tableId: number }[]): readonly string[] =>
  [...new Set(refs.map((ref) => ref.tableId))].map((id) => `buckets/${id}`);

/** Raised by `createTable` and `createPartition`; folded by `projections/buckets.ts`: the first replica leads, and all are in sync. */
export const bucketsAssigned = defineEvent('BucketsAssigned', {
  about: 'The buckets of a new table or partition were given servers.',
  version: 1,
  data: z.strictObject({
    tableId,
    partitionId: partitionId.exactOptional(),
    replicas: z.array(replicas).min(1).max(catalogLimits.buckets).describe("Of each bucket from 0 on, the leader's first."),
  }),
  subjects: (data) => tablesOf([data]),
});

/** Raised by `electLeaders`, and with moves that are given up; folded by `projections/buckets.ts`. A new leader's epoch is one more. */
export const leadersElected = defineEvent('LeadersElected', {
  about: 'Buckets were given other leaders, or a lost server left their in-sync replicas.',
  version: 1,
  data: z.strictObject({
    buckets: z
      .array(z.strictObject({ ...bucketRef, leader, isr }))
      .min(1)
      .max(bucketLimits.perEvent)
      .describe('Each with its leader and its in-sync replicas from now on.'),
  }),
  subjects: ({ buckets }) => tablesOf(buckets),
});

/** Raised by `adjustIsr`; folded by `projections/buckets.ts`. */
export const isrChanged = defineEvent('IsrChanged', {
  about: 'A leader saw other replicas catch up or fall behind.',
  version: 1,
  data: z.strictObject({
    serverId: serverId.describe('Who leads them.'),
    buckets: z
      .array(z.strictObject({ ...bucketRef, isr, bytes: bytes.exactOptional() }))
      .min(1)
      .max(bucketLimits.perEvent)
      .describe('Each with its in-sync replicas from now on.'),
  }),
  subjects: ({ buckets }) => tablesOf(buckets),
});

export type BucketEvent = EventOf<typeof bucketsAssigned> | EventOf<typeof leadersElected> | EventOf<typeof isrChanged>;
