import { defineProjection } from './kit.ts';
import { Table } from './table.ts';

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
  for (const { byKey } of state.generations) {
    const row = byKey.get(key);
    if (row !== undefined) return row.at > now - commandMemory.ms ? row : undefined;
  }
  return undefined;
}
