import { type ConfigValue, clusterConfigsChanged, configLimits } from '../../events/configs.ts';
import { type EncodedEntry, encodeEntry, entryLimits, type LoggedEvent } from '../../events/envelope.ts';
import { emptyHead, headAfter } from '../../src/log/condition.ts';
import type { EventLog, Head } from '../../src/log/port.ts';

/** What a test wants to vary; everything else of an entry follows from the chain. */
export interface EntryWish {
  readonly epoch?: number;
  /** Events in the entry, 1 when absent. */
  readonly events?: number;
  /** Text carried by each event, at most 8,192 code units. */
  readonly text?: string;
  readonly batchId?: string;
  readonly previousHash?: string;
}

let batches = 0;

/** One event that changes `key` to `text`, valid for `decodeEntry`. */
function configEvent(id: string, text: string): LoggedEvent {
  const value: ConfigValue = { kind: 'text', text };
  const event = clusterConfigsChanged({ changes: [{ key: 'test.key', previous: { kind: 'unset' }, value }] });
  const act = {
    principal: 'User:test',
    interface: 'chancery',
    command: 'alterClusterConfigs',
    commandId: `command-${id}`,
    digest: '0'.repeat(32),
    node: 'n1',
  } as const;
  return { ...event, id, act };
}

/** A valid entry that follows `head`. Two calls never give the same entry: each has a batch id of its own unless one is asked for. */
export function entryAfter(head: Head, wish: EntryWish = {}): EncodedEntry {
  batches += 1;
  const batchId = wish.batchId ?? `batch-${batches}`;
  const events = Array.from({ length: wish.events ?? 1 }, (_, i) => configEvent(`${batchId}-${i}`, wish.text ?? 'value'));
  return encodeEntry({
    epoch: wish.epoch ?? 1,
    index: head.index + 1,
    firstPosition: head.position + 1,
    at: 1_700_000_000_000 + head.index,
    batchId,
    previousHash: wish.previousHash ?? head.hash,
    events,
  });
}

/** `count` entries, each following the one before. */
export function chainAfter(head: Head, count: number, wish: EntryWish = {}): EncodedEntry[] {
  const chain: EncodedEntry[] = [];
  for (let at = head; chain.length < count; ) {
    const next = entryAfter(at, wish);
    chain.push(next);
    at = headAfter(next);
  }
  return chain;
}

export const chainFromStart = (count: number, wish: EntryWish = {}): EncodedEntry[] => chainAfter(emptyHead, count, wish);

/** The largest entry that `decodeEntry` accepts is a little above this one: 256 KiB less at most one event. */
export function nearlyTooLarge(head: Head, wish: EntryWish = {}): EncodedEntry {
  const text = 'x'.repeat(configLimits.valueLength);
  const one = entryAfter(head, { ...wish, text }).text.length;
  const two = entryAfter(head, { ...wish, text, events: 2 }).text.length;
  return entryAfter(head, { ...wish, text, events: 1 + Math.floor((entryLimits.bytes - one) / (two - one)) });
}

/** Appends one after the other, and fails loudly when one is not appended. */
export async function appendAll(log: EventLog, entries: readonly EncodedEntry[]): Promise<void> {
  for (const encoded of entries) {
    const outcome = await log.append(encoded);
    if (outcome.kind !== 'appended') throw new Error(`entry ${encoded.entry.index}: ${JSON.stringify(outcome)}`);
  }
}

export const textsOf = (entries: readonly EncodedEntry[]): string[] => entries.map((encoded) => encoded.text);
