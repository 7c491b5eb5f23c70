import { defineProjection } from './kit.ts';
import { hashOfKey, Table } from './table.ts';

/**
 * How long and how many idempotency keys are remembered: 24 hours of entry time, at most 100,000. They are kept in generations of
 * at most 3 hours and 11,000 keys, and forgotten a generation at a time, which costs nothing per command.
 */
export const commandMemory = {
  ms: 24 * 60 * 60 * 1000,
  generations: 9,
  generationMs: 3 * 60 * 60 * 1000,
  generationCount: 11_000,
} as const;

/**
 * Commands that go on all the time and are given again with what is true by then; their keys would push out those of callers, who rely on
 * them for a day.
 */
const unremembered: ReadonlySet<string> = new Set(['tieringHeartbeat', 'queueDueTables', 'timeOutTieringRounds', 'adoptLakeTables']);

/** Whether the keys of a command, by its name, are looked up and kept. */
export const isRemembered = (command: string): boolean => !unremembered.has(command);

/** A command that changed something: `digest` tells its body, `position` is that of its last event. */
export interface CommandRow {
  readonly digest: string;
  readonly position: number;
  readonly at: number;
}

/** Commands by idempotency key; the newest generation first. A key that is in several counts as the newest says. */
export interface Commands {
  readonly generations: readonly { readonly since: number; readonly byKey: Table<CommandRow> }[];
}

export const commands = defineProjection<Commands>({
  name: 'commands',
  version: 1,
  initial: () => ({ generations: [] }),
  on: {},
  onEvery: (state, { event: { act }, position, at }) => {
    if (!isRemembered(act.command)) return;
    const row = { at, digest: act.digest, position }; // Keys in order: these rows are hashed by the thousand.
    const newest = state.generations[0];
    if (newest === undefined || newest.byKey.size >= commandMemory.generationCount || newest.since <= at - commandMemory.generationMs) {
      state.generations = [{ since: at, byKey: Table.empty<CommandRow>().set(act.commandId, row) }, ...state.generations].slice(
        0,
        commandMemory.generations,
      );
    } else newest.byKey = newest.byKey.set(act.commandId, row);
  },
});

/** What became of a command with this key in the last 24 hours; `now` in epoch milliseconds. */
export function commandOf(state: Commands, key: string, now: number): CommandRow | undefined {
  for (const [i, { byKey }] of state.generations.entries()) {
    const row = i === 0 || mayHold(byKey, key) ? byKey.get(key) : undefined;
    if (row !== undefined) return row.at > now - commandMemory.ms ? row : undefined;
  }
  return undefined;
}

/** 17 bits of a hash, one bit for each: 16 KB for a generation, of which a twelfth is set when it is full. */
const filterBits = 17;
const filters = new WeakMap<Table<CommandRow>, Uint32Array>();

/**
 * Whether a closed generation may hold a key. Most keys are new: to find them in none of eight tables, cold by then, took longer than
 * all the rest of a decision.
 */
function mayHold(closed: Table<CommandRow>, key: string): boolean {
  let filter = filters.get(closed);
  if (filter === undefined) {
    filter = new Uint32Array(2 ** filterBits / 32);
    for (const [present] of closed.rows()) setBit(filter, bitOf(present));
    filters.set(closed, filter);
  }
  const bit = bitOf(key);
  return (((filter[bit >>> 5] ?? 0) >>> (bit & 31)) & 1) === 1;
}
const bitOf = (key: string): number => (hashOfKey(key) ^ (hashOfKey(key) >>> filterBits)) & (2 ** filterBits - 1);
function setBit(filter: Uint32Array, bit: number): void {
  filter[bit >>> 5] = (filter[bit >>> 5] ?? 0) | (1 << (bit & 31));
}
