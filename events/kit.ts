import { z } from 'zod';
import { type Check, quickCheck } from './quickCheck.ts';

/** A fact in the past tense, in the operator's words. `version` is that of the schema the data follows. */
export interface Event<Type extends string = string, Data = unknown> {
  readonly type: Type;
  readonly version: number;
  readonly data: Data;
}

export interface EventDefinition<Type extends string = string, Data = unknown> {
  /** Makes an event of the newest version. @throws ZodError when the data does not fit: a decider's mistake, not the caller's. */
  (data: Data): Event<Type, Data>;
  readonly type: Type;
  readonly about: string;
  readonly version: number;
  readonly schema: z.ZodType<Data>;
  /** The schema's quick check, see `quickCheck`. */
  readonly fits: Check;
  readonly upcast: Readonly<Record<number, Upcaster>>;
  readonly subjects: (data: Data) => readonly string[];
}
type Upcaster = (older: Readonly<Record<string, unknown>>) => Readonly<Record<string, unknown>>;
export type EventOf<D> = D extends EventDefinition<infer Type, infer Data> ? Event<Type, Data> : never;

/**
 * Declares an event: schema, version, upcasters and documentation in one place.
 * @param parts about: one sentence for operators; version: from 1; data: a strict object schema;
 *   subjects: what the event is about, as `family/name` (the `subjects` projection indexes by them);
 *   upcast: for each older version the step to the next one. Released versions and upcasters are never edited.
 */
export function defineEvent<Type extends string, Data>(
  type: Type,
  parts: {
    readonly about: string;
    readonly version: number;
    readonly data: z.ZodType<Data>;
    readonly subjects: (data: Data) => readonly string[];
    readonly upcast?: Readonly<Record<number, Upcaster>>;
  },
): EventDefinition<Type, Data> {
  const upcast = parts.upcast ?? {};
  for (let version = 1; version < parts.version; version += 1)
    if (upcast[version] === undefined) throw new Error(`${type} has no upcaster from version ${version} to ${version + 1}`);
  const { about, version, data: schema, subjects } = parts;
  const fits = quickCheck(schema);
  const make = (data: Data): Event<Type, Data> => ({ type, version, data: fits(data) ? data : schema.parse(data) });
  return Object.assign(make, { type, about, version, schema, fits, upcast, subjects });
}

/** A text that only a holder of the data key can open. The log, the history and every listing hold nothing else of a secret. */
export const sealedText = z
  .strictObject({
    keyId: z.string().min(1).max(64).describe('Which data key sealed it.'),
    nonce: z.string().max(24).describe('AES-GCM nonce, base64.'),
    ciphertext: z.string().max(16_384).describe('AES-256-GCM ciphertext and tag, base64; the subject is bound as additional data.'),
  })
  .meta({ secret: true });
export type SealedText = z.infer<typeof sealedText>;

/**
 * A sealed text that can be told from another one without being opened: rules ask whether somebody gave the same key again.
 * `fingerprint` is a keyed hash of the text; whoever reads the log learns which sealed texts are equal, and nothing else (decision 0011).
 */
export const comparableSecret = z
  .strictObject({
    ...sealedText.shape,
    fingerprint: z.string().max(64).describe('HMAC-SHA256 of the text under a key that follows from the master key, base64.'),
  })
  .meta({ secret: true });
export type ComparableSecret = z.infer<typeof comparableSecret>;
/** Whatever data keys sealed them. Those that were sealed under different master keys are taken for different (decision 0015). */
export const isSameSecret = (a: ComparableSecret, b: ComparableSecret): boolean => a.fingerprint === b.fingerprint;

/** The same data with every sealed text replaced by the word `sealed`: what histories and listings show. */
export function redacted(data: unknown): unknown {
  if (Array.isArray(data)) return data.map(redacted);
  if (typeof data !== 'object' || data === null) return data;
  if ('keyId' in data && 'nonce' in data && 'ciphertext' in data) return 'sealed';
  return Object.fromEntries(Object.entries(data).map(([key, value]) => [key, redacted(value)]));
}

/** A node's name: letters, digits, dot, dash, underscore; it becomes a znode name and a metric label. */
export const nodeId = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, 'letters, digits, dot, dash and underscore, at most 64, a letter or digit first')
  .describe("The node's name.");

/** An id, a name or an address as the Meta Service knows them: free, but on one line. */
export const identifier = z
  .string()
  .max(1024, 'at most 1024 characters')
  .regex(/^[^\p{Cc}\p{Cs}]*$/u, 'no control characters, no half surrogate pairs');
/** A text for people. */
export const freeText = z
  .string()
  .max(4096, 'at most 4096 characters')
  .regex(/^(?:[^\p{Cc}\p{Cs}]|[\t\n\r])*$/u, 'no control characters, no half surrogate pairs');
const int32Limit = 2 ** 31;
/** A 32-bit integer. */
export const int32 = z
  .number()
  .int()
  .min(-int32Limit)
  .max(int32Limit - 1);
/** A 64-bit integer, as far as JSON numbers are exact: up to 2^53 - 1 either way (decision 0012). */
export const int64 = z.number().int();
