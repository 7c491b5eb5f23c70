import { z } from 'zod';
import { bucketRefFields, serverIdSchema } from './bucket.ts';
import { frameLimits } from './frames.ts';

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const count = z.int().min(0);
const size = count.max(frameLimits.body);

export const fetchLimits = { buckets: 500, waitMs: 5000 } as const;

/** A follower asks a leader for what it has not got yet, of any number of buckets at once. */
const fetchRequest = z.object({
  op: z.literal('FETCH'),
  serverId: serverIdSchema,
  waitMs: count.max(fetchLimits.waitMs),
  /** Of all buckets together. */
  maxBytes: size.min(1),
  buckets: z
    .array(
      z.object({
        ...bucketRefFields,
        leaderEpoch: count,
        /** Bytes that the follower has. */
        offset: count,
        /** SHA-256 of them: on the first fetch in an epoch, and when the leader asks for it. */
        digest: sha256.optional(),
      }),
    )
    .min(1)
    .max(fetchLimits.buckets),
});

/** Bytes to be put behind what is there. Acknowledged when every replica in sync has them. */
const appendRequest = z.object({ op: z.literal('APPEND'), ...bucketRefFields });

/** How long a replica is, and the SHA-256 of it or of a part. Any replica answers; with a leaderEpoch only the leader of that epoch. */
const digestRequest = z.object({
  op: z.literal('DIGEST'),
  ...bucketRefFields,
  offset: count.default(0),
  /** Default: up to the end. */
  length: count.optional(),
  leaderEpoch: count.optional(),
});

const readRequest = z.object({ op: z.literal('READ'), ...bucketRefFields, offset: count, length: size.min(1) });

export const request = z.discriminatedUnion('op', [fetchRequest, appendRequest, digestRequest, readRequest]);
export type Request = z.output<typeof request>;
export type FetchRequest = z.output<typeof fetchRequest>;
export type AskedBucket = FetchRequest['buckets'][number];
export type DigestRequest = z.output<typeof digestRequest>;
export type ReadRequest = z.output<typeof readRequest>;

/** Why a request was not carried out. Nothing was changed, but for OUTCOME_UNKNOWN. */
export const dataErrors = [
  'MALFORMED_REQUEST',
  'NOT_READY', // This server has no assignment yet.
  'UNKNOWN_BUCKET', // It holds no replica of the bucket.
  'NOT_LEADER', // The answer names who is, where that is known.
  'STALE_EPOCH', // One side has an older leader epoch than the other.
  'NOT_A_FOLLOWER', // The server that asks holds no replica of the bucket, as far as the leader knows.
  'NOT_ENOUGH_REPLICAS', // Fewer are in sync than min.insync asks for.
  'OUT_OF_RANGE',
  'OUTCOME_UNKNOWN', // The leader has the bytes; whether they stay is not settled.
  'STORAGE_FAILED',
] as const;
export type DataErrorCode = (typeof dataErrors)[number];

const failure = z.object({
  ok: z.literal(false),
  code: z.enum(dataErrors),
  detail: z.string(),
  /** Of NOT_LEADER: who leads, and where. */
  leader: serverIdSchema.optional(),
  endpoint: z.string().optional(),
});
export type Failure = z.output<typeof failure>;

/** What a leader says of one bucket; bytes stand in the body, in the order of the buckets. */
const fetched = z.discriminatedUnion('status', [
  z.object({ status: z.literal('ok'), ...bucketRefFields, length: count, bytes: size }),
  /** The leader wants to see the digest of what the follower has. */
  z.object({ status: z.literal('prove'), ...bucketRefFields }),
  /** What the follower has is no beginning of what the leader has. */
  z.object({ status: z.literal('differs'), ...bucketRefFields, length: count }),
  z.object({ status: z.literal('refused'), ...bucketRefFields, code: z.enum(dataErrors) }),
]);
export type Fetched = z.output<typeof fetched>;

const answerTo = <T extends z.ZodObject>(ok: T) => z.union([ok, failure]);
export const fetchAnswer = answerTo(z.object({ ok: z.literal(true), buckets: z.array(fetched).max(fetchLimits.buckets) }));
export const appendAnswer = answerTo(z.object({ ok: z.literal(true), offset: count }));
export const digestAnswer = answerTo(
  z.object({
    ok: z.literal(true),
    /** Of the whole replica. */
    length: count,
    digest: sha256,
  }),
);
export const readAnswer = answerTo(z.object({ ok: z.literal(true), length: count }));
