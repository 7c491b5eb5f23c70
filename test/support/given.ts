/** Given events, when a command, then exactly these events: how a decider is tested. */
import { expect } from 'vitest';
import { type Act, type EncodedEntry, encodeEntry, genesisHash, type LoggedEvent } from '../../events/envelope.ts';
import type { ChanceryEvent } from '../../events/index.ts';
import { stateHash } from '../../projections/kit.ts';
import { draftState, finishState, foldEntry, initialState, type State } from '../../projections/state.ts';
import { Table } from '../../projections/table.ts';
import { type Command, decide } from '../../src/deciders/commands.ts';
import type { Context } from '../../src/deciders/kit.ts';
import { type Decision, type RejectionCode, reject } from '../../src/rejection.ts';

/** Epoch milliseconds at which every test of a decider begins; entries follow at intervals of a second. */
export const startedAt = Date.UTC(2026, 10, 20, 12);
const context: Context = { now: startedAt + 86_400_000, timeOfDay: startedAt + 86_400_000, commandId: 'command-under-test' };

/** The act of an event that a test makes up. */
export const actOf = (commandId: string): Act => ({
  principal: 'User:dana',
  interface: 'sql',
  command: 'test',
  commandId,
  digest: '0'.repeat(32),
  node: 'n1',
});

export interface Chapter {
  readonly events: readonly ChanceryEvent[];
  /** Epoch milliseconds; a second after the chapter before when absent. */
  readonly at?: number;
  readonly commandId?: string;
}

/** A valid log of these chapters, one entry each. The epoch is that of the newest leadership. */
export function logOf(chapters: readonly Chapter[]): readonly EncodedEntry[] {
  const log: EncodedEntry[] = [];
  let epoch = 1;
  for (const [i, { events, at, commandId }] of chapters.entries()) {
    const before = log.at(-1)?.entry;
    for (const event of events) if (event.type === 'LeadershipTaken') epoch = event.data.epoch;
    const logged = events.map((event, j): LoggedEvent => ({ ...event, id: `event-${i}-${j}`, act: actOf(commandId ?? `command-${i}`) }));
    log.push(
      encodeEntry({
        epoch,
        index: i + 1,
        firstPosition: before === undefined ? 1 : before.firstPosition + before.count,
        at: at ?? (before?.at ?? startedAt - 1000) + 1000,
        batchId: `batch-${i}`,
        previousHash: before?.hash ?? genesisHash,
        events: logged,
      }),
    );
  }
  return log;
}

/** The state after some events, each in an entry of its own; frozen to the last row, so that whoever writes into it throws. */
export const stateAfter = (...events: readonly ChanceryEvent[]): State =>
  frozen(logOf(events.map((event) => ({ events: [event] }))).reduce((state, { entry }) => foldEntry(state, entry), initialState()));

export function frozen<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value;
  const parts: readonly unknown[] = value instanceof Table ? [...value.rows()].map(([, row]) => row) : Object.values(value);
  for (const part of parts) frozen(part);
  return Object.freeze(value);
}

/** What was decided, ready to be compared; `state` is the one it was decided on. */
interface Decided {
  readonly decision: Decision<ChanceryEvent>;
  /** Exactly these events, in this order. */
  gives(...events: readonly ChanceryEvent[]): void;
  isRefused(code: RejectionCode, field: string, detail: string): void;
}

/**
 * Decides on a frozen state, and again on a draft as a leader does, which must come to the same and survive the draft.
 * @returns what to hold the decision against
 */
export function whenOn(state: State, command: Command, more: Partial<Context> = {}): Decided {
  const hash = stateHash(state);
  const decision = decide(state, command, { ...context, ...more });
  const draft = draftState(state);
  const onDraft = decide(draft, command, { ...context, ...more });
  finishState(draft);
  expect(structuredClone(onDraft), 'on a draft').toEqual(decision);
  expect(stateHash(state), 'the state was written to').toBe(hash);
  return {
    decision,
    gives: (...events) => expect(decision).toEqual({ kind: 'accepted', events }),
    isRefused: (code, field, detail) => expect(decision).toEqual(reject(code, field, detail)),
  };
}

export function given(...events: readonly ChanceryEvent[]): {
  readonly state: State;
  when(command: Command, more?: Partial<Context>): Decided;
} {
  const state = stateAfter(...events);
  return { state, when: (command, more) => whenOn(state, command, more) };
}
