import { hash as hashOf } from 'node:crypto';
import { z } from 'zod';
import { canonicalJson } from './canonicalJson.ts';
import { type ChanceryEvent, catalogue } from './index.ts';
import type { EventDefinition } from './kit.ts';
import { quickCheck } from './quickCheck.ts';

/** Bounds of one entry: a znode must stay far below ZooKeeper's 1 MB packet, and small entries pipeline better (zookeeper.md 3). */
export const entryLimits = { bytes: 256 * 1024, events: 500 } as const;
/** The `previousHash` of the first entry. */
export const genesisHash = '0'.repeat(64);

const count = z.number().int().min(0);
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

/** Who did it, through what, and why. Keys in order: see `canonicalJson`. */
const act = z.strictObject({
  command: z.string().min(1).max(64).describe('The command that was decided.'),
  commandId: z.string().min(1).max(128).describe("The caller's idempotency key, else one made by the node that was asked."),
  digest: z
    .string()
    .regex(/^[0-9a-f]{32}$/)
    .describe('SHA-256 of the command, first 16 bytes: same key, other digest is a reused key. Of its name alone when keys are not kept.'),
  host: z.string().min(1).max(256).optional().describe('IP address of the caller, as the node saw it.'),
  interface: z.enum(['sql', 'operator', 'metaservice', 'fluss', 'chancery']).describe('The surface it came through.'),
  node: z.string().min(1).max(64).describe('The node that was asked.'),
  principal: z.string().min(1).max(256).describe('The authenticated caller, `User:alice`; `chancery` for what a node does by itself.'),
  reason: z.string().max(1000).optional().describe("The operator's words."),
});
export type Act = Readonly<z.infer<typeof act>>;
const isAct = quickCheck(act);
/** What makes an act unreadable for every node; `undefined` for a good one. */
export const actFault = (value: Act): z.core.$ZodIssue | undefined => (isAct(value) ? undefined : act.safeParse(value).error?.issues[0]);

export const loggedEvent = z.strictObject({
  id: z.string().min(1).max(64),
  type: z.string().min(1).max(128),
  version: z.number().int().min(1),
  data: z.unknown(),
  act,
});

const header = z.strictObject({
  v: z.literal(1),
  codec: z.literal('json'),
  epoch: count,
  index: z.number().int().min(1),
  firstPosition: z.number().int().min(1),
  count: z.number().int().min(1).max(entryLimits.events),
  at: count,
  batchId: z.string().min(1).max(64),
  previousHash: sha256,
  events: z.array(z.unknown()).min(1).max(entryLimits.events),
  hash: sha256,
});

/** An event as the log keeps it: the fact, its id, the act that caused it. Its position: its entry's `firstPosition` plus its place. */
export type LoggedEvent<E extends ChanceryEvent = ChanceryEvent> = E & { readonly id: string; readonly act: Act };

/**
 * One group-committed batch: all of it is in the log or nothing.
 * `index` counts entries and positions count events, both from 1; `at` is epoch milliseconds and never goes back;
 * `hash` is the SHA-256 of the entry's canonical JSON without `hash`, so each entry vouches for all before it.
 */
export interface Entry {
  readonly v: 1;
  readonly codec: 'json';
  readonly epoch: number;
  readonly index: number;
  readonly firstPosition: number;
  readonly count: number;
  readonly at: number;
  readonly batchId: string;
  readonly previousHash: string;
  readonly events: readonly LoggedEvent[];
  readonly hash: string;
}

/** An entry ready for the log: `text` is its canonical JSON with the hash inside, the only form that is ever stored. */
export interface EncodedEntry {
  readonly entry: Entry;
  readonly text: string;
}

/**
 * An entry that this release cannot read or must not believe. `code` says which; the message names what and the remedy.
 * `position` is that of the event at fault, absent when it is the entry as a whole.
 */
export class UnreadableEntry extends Error {
  readonly code: 'MALFORMED' | 'BROKEN_CHAIN' | 'UNKNOWN_FORMAT' | 'UNKNOWN_EVENT' | 'UNKNOWN_VERSION';
  readonly position: number | undefined;
  constructor(code: UnreadableEntry['code'], message: string, position?: number) {
    super(message);
    this.name = 'UnreadableEntry';
    this.code = code;
    this.position = position;
  }
}

const digestOf = (text: string): string => hashOf('sha256', text);

/** Canonical JSON of the events of one act, which is a third of each text and made once. */
export function textsOf(events: readonly LoggedEvent[], by: Act): readonly string[] {
  if (events.length === 0) return [];
  const actText = canonicalJson(by);
  return events.map(
    ({ data, id, type, version }) =>
      `{"act":${actText},"data":${canonicalJson(data)},"id":${JSON.stringify(id)},"type":${JSON.stringify(type)},"version":${version}}`,
  );
}

/**
 * Seals a batch. The text is assembled, keys ascending, from the events' texts: a leader has made those already, to know their size.
 * @throws TypeError when an event holds what JSON cannot; RangeError when the entry is over `entryLimits.bytes`.
 */
export function encodeEntry(
  unsealed: Omit<Entry, 'hash' | 'v' | 'codec' | 'count'>,
  eventTexts: readonly string[] = unsealed.events.map(canonicalJson),
): EncodedEntry {
  const { at, batchId, epoch, events, firstPosition, index, previousHash } = unsealed;
  const count = events.length;
  const head = `{"at":${at},"batchId":${JSON.stringify(batchId)},"codec":"json","count":${count},"epoch":${epoch}`;
  const before = `${head},"events":[${eventTexts.join(',')}],"firstPosition":${firstPosition}`;
  const after = `,"index":${index},"previousHash":"${previousHash}","v":1}`;
  const hash = digestOf(before + after);
  const text = `${before},"hash":"${hash}"${after}`;
  if (Buffer.byteLength(text) > entryLimits.bytes)
    throw new RangeError(`an entry of ${Buffer.byteLength(text)} bytes is over the limit of ${entryLimits.bytes}`);
  const entry: Entry = { v: 1, codec: 'json', epoch, index, firstPosition, count, at, batchId, previousHash, events, hash };
  return { entry, text };
}

/**
 * Reads an entry and checks it: form, hash, and every event's schema, upcast to the newest version.
 * @throws UnreadableEntry
 */
export function decodeEntry(text: string): Entry {
  if (Buffer.byteLength(text) > entryLimits.bytes)
    throw new UnreadableEntry('MALFORMED', `an entry of ${Buffer.byteLength(text)} bytes is over the limit of ${entryLimits.bytes}`);
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new UnreadableEntry('MALFORMED', `an entry is not JSON: it begins ${JSON.stringify(text.slice(0, 40))}`);
  }
  refuseNewer(json);
  const entry = headerOf(json);
  // Behind the events only fields of known shape follow, so the last occurrence is the entry's own and never one inside an event.
  const at = text.lastIndexOf(',"hash":"');
  if (digestOf(text.slice(0, at) + text.slice(at + 9 + 64 + 1)) !== entry.hash)
    throw new UnreadableEntry(
      'BROKEN_CHAIN',
      `entry ${entry.index} does not match its own hash: its bytes were changed after it was written`,
    );
  if (entry.count !== entry.events.length)
    throw new UnreadableEntry('MALFORMED', `entry ${entry.index} counts ${entry.count} events and holds ${entry.events.length}`);
  let position = entry.firstPosition;
  for (const event of entry.events) {
    decodeEvent(checkedEvent(event, position), position);
    position += 1;
  }
  return entry as Entry;
}

type Header = z.infer<typeof header>;
const isHeader = quickCheck(header);

function headerOf(json: unknown): Header {
  if (isHeader(json)) return json as Header;
  const parsed = header.safeParse(json);
  if (!parsed.success) throw new UnreadableEntry('MALFORMED', `an entry has a wrong form: ${z.prettifyError(parsed.error)}`);
  return parsed.data;
}

/** The whole format first: its remedy (a newer release) differs from that of a damaged entry. */
function refuseNewer(json: unknown): void {
  const { v, codec } = (typeof json === 'object' && json !== null ? json : {}) as { v?: unknown; codec?: unknown };
  if (typeof v === 'number' && v > 1)
    throw new UnreadableEntry(
      'UNKNOWN_FORMAT',
      `the log holds an entry of format ${v}, this release reads format 1: start a newer Chancery`,
    );
  if (typeof codec === 'string' && codec !== 'json')
    throw new UnreadableEntry(
      'UNKNOWN_FORMAT',
      `the log holds an entry in codec '${codec}', this release reads 'json': start a newer Chancery`,
    );
}

type StoredEvent = { -readonly [K in keyof z.infer<typeof loggedEvent>]: z.infer<typeof loggedEvent>[K] };

const isText = (value: unknown, max: number): boolean => typeof value === 'string' && value.length > 0 && value.length <= max;
const interfaces: ReadonlySet<unknown> = new Set(act.shape.interface.options);
const digestForm = /^[0-9a-f]{32}$/;

/** Whether `loggedEvent` accepts a value, at a fifth of its cost: a replay asks a million times. test/fold holds the two together. */
export function isLoggedEvent(value: unknown): value is StoredEvent {
  if (typeof value !== 'object' || value === null) return false;
  const { id, type, version, act: by, data } = value as Partial<Record<string, unknown>>;
  if (Object.keys(value).length !== 5 || data === undefined || !isText(id, 64) || !isText(type, 128)) return false;
  if (!Number.isSafeInteger(version) || (version as number) < 1 || typeof by !== 'object' || by === null) return false;
  const { principal, command, commandId, digest, host, node, reason, interface: through } = by as Partial<Record<string, unknown>>;
  if (Object.keys(by).length !== 6 + ('reason' in by ? 1 : 0) + ('host' in by ? 1 : 0)) return false;
  if (host !== undefined && !isText(host, 256)) return false;
  if (!isText(principal, 256) || !isText(command, 64) || !isText(commandId, 128) || !isText(node, 64)) return false;
  if (reason !== undefined && !(typeof reason === 'string' && reason.length <= 1000)) return false;
  return interfaces.has(through) && typeof digest === 'string' && digestForm.test(digest);
}

function checkedEvent(value: unknown, position: number): StoredEvent {
  if (isLoggedEvent(value)) return value;
  const parsed = loggedEvent.safeParse(value);
  const why = parsed.success ? 'its form is wrong' : z.prettifyError(parsed.error);
  throw new UnreadableEntry('MALFORMED', `position ${position} holds no event: ${why}`);
}

/** @param stored fresh from `JSON.parse`: it becomes the event, without a copy. */
function decodeEvent(stored: StoredEvent, position: number): void {
  const definition = catalogue.get(stored.type);
  if (definition === undefined)
    throw new UnreadableEntry(
      'UNKNOWN_EVENT',
      `position ${position} holds an event '${stored.type}' that this release does not know: start a newer Chancery`,
      position,
    );
  if (stored.version > definition.version)
    throw new UnreadableEntry(
      'UNKNOWN_VERSION',
      `position ${position} holds ${stored.type} version ${stored.version}, this release reads up to ${definition.version}: ` +
        'start a newer Chancery',
      position,
    );
  let data = stored.data as Readonly<Record<string, unknown>>;
  for (let version = stored.version; version < definition.version; version += 1) data = definition.upcast[version]?.(data) ?? data;
  stored.version = definition.version;
  stored.data = definition.fits(data) ? data : parsedData(definition, data, position);
}

function parsedData({ schema, type }: EventDefinition<string, never>, data: unknown, position: number): unknown {
  const parsed = schema.safeParse(data);
  if (parsed.success) return parsed.data;
  throw new UnreadableEntry(
    'MALFORMED',
    `position ${position} holds a ${type} that its schema refuses: ${z.prettifyError(parsed.error)}`,
    position,
  );
}
