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
