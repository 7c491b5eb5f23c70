import type { TieringEvent } from '../events/tiering.ts';
import { type Agenda, addToAgenda, removeFromAgenda, secondsOf } from './agenda.ts';
import { defineProjection, invariant, type Writable } from './kit.ts';
import { Table } from './table.ts';
import { type RestingState, restingAfter } from './tieringStates.ts';

/**
 * A lake table. New, Initialized, Tiered and Failed are passed through within one event, so it rests as Scheduled, Pending or Tiering.
 * Times are epoch milliseconds.
 */
export interface TieringRow {
  /** When its newest round failed, unless one went well since. The text is absent when the service gave none. */
  readonly errorAt?: number;
  readonly errorText?: string;
  /** When the first of the rounds in `failuresInRow` failed. */
  readonly failingSince?: number;
  readonly failures: number;
  /** Rounds that failed since the last one that did not. */
  readonly failuresInRow: number;
  /** Of the table in the lake, as its service last said. */
  readonly fileBytes?: number;
  readonly freshnessMs: number;
  /** Of the newest round that went well. */
  readonly lastDurationMs?: number;
  /** Absent before the first round that went well. */
  readonly lastTieredAt?: number;
  /** Of the newest event about it. */
  readonly position: number;
  /** Its place in the queue, while Pending. */
  readonly queuedAs?: number;
  readonly records?: number;
  /** What its timer counts from: when it was last tiered, before that when it became a lake table. */
  readonly scheduledFrom: number;
  /** Who tiers it, while Tiering. */
  readonly service?: string;
  /** When it came into its state. */
  readonly since: number;
  readonly state: RestingState;
  readonly tableId: number;
  readonly tieringEpoch: number;
  /** Of its round, while Tiering. */
  readonly timeoutMs?: number;
}

/** Tiering of all lake tables; their names are in `catalog`. */
export interface Tiering {
  readonly byTable: Table<TieringRow>;
  /** Table ids of those that are Scheduled, by when they are due. */
  readonly agenda: Agenda;
  /** Table ids of those that are Pending by place, first in, first out: the first one has the place `queueHead`. */
  readonly queue: Table<number>;
  readonly queueHead: number;
  readonly queueEnd: number;
  /** By service the ids of the tables that it tiers, ascending; at most `tieringLimits.rounds`. */
  readonly rounds: Table<readonly number[]>;
  /** Table ids of those whose newest round failed. */
  readonly failing: Table<true>;
  /** How many tables are in each of the states that they rest in. */
  readonly counts: Readonly<Record<RestingState, number>>;
  /** Since the log began. */
  readonly finished: number;
  readonly failed: number;
  /** Where the rounds of tables stood whose tiering was switched off: an epoch must not come twice. */
  readonly formerEpochs: Table<number>;
}

export const tiering = defineProjection<Tiering>({
  name: 'tiering',
  version: 1,
  initial: () => ({
    byTable: Table.empty(),
    agenda: {},
    queue: Table.empty(),
    queueHead: 0,
    queueEnd: 0,
    rounds: Table.empty(),
    failing: Table.empty(),
    counts: { Scheduled: 0, Pending: 0, Tiering: 0 },
    finished: 0,
    failed: 0,
    formerEpochs: Table.empty(),
  }),
  on: {
    LakeTableAdded: (state, recorded) => {
      const { tableId } = recorded.event.data;
      change(state, tableId, recorded);
      state.formerEpochs = state.formerEpochs.delete(String(tableId));
    },
    LakeTableRemoved: (state, { event: { data } }) => {
      const row = tieringOf(state, data.tableId);
      invariant(row !== undefined, `table ${data.tableId} is not tiered`);
      remove(state, row);
      state.formerEpochs = state.formerEpochs.set(String(data.tableId), row.tieringEpoch);
    },
    TableDropped: (state, { event: { data } }) => {
      const row = tieringOf(state, data.tableId);
      if (row !== undefined) remove(state, row);
      state.formerEpochs = state.formerEpochs.delete(String(data.tableId));
    },
    FreshnessChanged: (state, recorded) => change(state, recorded.event.data.tableId, recorded),
    TieringDue: (state, recorded) => change(state, recorded.event.data.tableId, recorded),
    TieringRoundStarted: (state, recorded) => change(state, recorded.event.data.tableId, recorded),
    TieringRoundFinished: (state, recorded) => {
      change(state, recorded.event.data.tableId, recorded);
      state.finished += 1;
    },
    TieringRoundFailed: (state, recorded) => {
      change(state, recorded.event.data.tableId, recorded);
      state.failed += 1;
    },
  },
});

/** An event about a lake table, where and when it happened. */
interface Happened {
  readonly event: Exclude<TieringEvent, { readonly type: 'LakeTableRemoved' }>;
  readonly at: number;
  readonly position: number;
}

/**
 * What becomes of a lake table by an event about it; its place in the queue is for the fold to give. Deciders use it, too.
 * @throws ReplayFault for what cannot happen to it
 */
export function rowAfter(row: TieringRow | undefined, { at, event, position }: Happened): TieringRow {
  if (event.type === 'LakeTableAdded') {
    const { because, freshnessMs, tableId, tieringEpoch } = event.data;
    const state = restingAfter(row?.state ?? 'none', [because === 'NEW' ? 'added' : 'found', 'scheduled']);
    const counts = { failures: 0, failuresInRow: 0 };
    return { ...counts, freshnessMs, position, scheduledFrom: at, since: at, state, tableId, tieringEpoch };
  }
  invariant(row !== undefined, `table ${event.data.tableId} is not tiered`);
  if (event.type === 'FreshnessChanged') return { ...row, freshnessMs: event.data.freshnessMs, position };
  const { tieringEpoch } = event.data;
  const { queuedAs: _, service: __, timeoutMs: ___, ...kept } = row;
  const rested = { ...kept, position, since: at };
  if (event.type === 'TieringDue') {
    invariant(tieringEpoch === row.tieringEpoch + 1, `table ${row.tableId} cannot become due for round ${tieringEpoch}`);
    return { ...rested, state: restingAfter(row.state, ['due']), tieringEpoch };
  }
  invariant(tieringEpoch === row.tieringEpoch, `table ${row.tableId} is not in round ${tieringEpoch}`);
  if (event.type === 'TieringRoundStarted') {
    const { service, timeoutMs } = event.data;
    return { ...rested, service, state: restingAfter(row.state, ['handedOut']), timeoutMs };
  }
  return event.type === 'TieringRoundFinished' ? afterSuccess(row, rested, event.data, at) : afterFailure(row, rested, event.data, at);
}

type DataOf<T extends TieringEvent['type']> = Extract<TieringEvent, { readonly type: T }>['data'];

function afterSuccess(row: TieringRow, rested: TieringRow, data: DataOf<'TieringRoundFinished'>, at: number): TieringRow {
  const { durationMs, fileBytes, isForced, records } = data;
  const { errorAt: _, errorText: __, failingSince: ___, ...healthy } = rested;
  const state = restingAfter(row.state, ['finished', isForced ? 'forced' : 'scheduled']);
  return {
    ...healthy,
    failuresInRow: 0,
    ...(fileBytes === undefined ? {} : { fileBytes }),
    lastDurationMs: durationMs,
    lastTieredAt: at,
    ...(records === undefined ? {} : { records }),
    scheduledFrom: at,
    state,
    tieringEpoch: row.tieringEpoch + (isForced ? 1 : 0),
  };
}

function afterFailure(row: TieringRow, rested: TieringRow, data: DataOf<'TieringRoundFailed'>, at: number): TieringRow {
  const { because, error, failuresInRow } = data;
  const { errorText: _, ...others } = rested;
  return {
    ...others,
    errorAt: at,
    ...(error === undefined ? {} : { errorText: error }),
    failingSince: row.failingSince ?? at,
    failures: row.failures + 1,
    failuresInRow,
    state: restingAfter(row.state, [because === 'TIMED_OUT' ? 'timedOut' : 'failed', 'retried']),
    tieringEpoch: row.tieringEpoch + 1,
  };
}

function change(state: Writable<Tiering>, tableId: number, recorded: Happened): void {
  const before = tieringOf(state, tableId);
  const after = rowAfter(before, recorded);
  if (before?.state === after.state && after.state !== 'Scheduled') {
    state.byTable = state.byTable.set(String(tableId), after); // It keeps its place.
    return;
  }
  if (before !== undefined) leave(state, before);
  enter(state, after.state === 'Pending' ? { ...after, queuedAs: state.queueEnd } : after);
}

function remove(state: Writable<Tiering>, row: TieringRow): void {
  leave(state, row);
  state.byTable = state.byTable.delete(String(row.tableId));
  state.failing = state.failing.delete(String(row.tableId));
}

/** Writes a row down wherever it is to be found. */
function enter(state: Writable<Tiering>, row: TieringRow): void {
  const id = String(row.tableId);
  state.byTable = state.byTable.set(id, row);
  state.counts[row.state] += 1;
  if (row.failuresInRow > 0) state.failing = state.failing.has(id) ? state.failing : state.failing.set(id, true);
  else state.failing = state.failing.delete(id);
  if (row.state === 'Scheduled') addToAgenda(state.agenda, dueAtOf(row), id);
  else if (row.state === 'Pending') {
    state.queue = state.queue.set(String(state.queueEnd), row.tableId);
    state.queueEnd += 1;
  } else {
    const service = row.service ?? '';
    state.rounds = state.rounds.update(service, (ids = []) => [...ids, row.tableId].sort((a, b) => a - b));
  }
}

/** Takes a row off every list but `byTable` and `failing`. */
function leave(state: Writable<Tiering>, row: TieringRow): void {
  const id = String(row.tableId);
  state.counts[row.state] -= 1;
  if (row.state === 'Scheduled') removeFromAgenda(state.agenda, dueAtOf(row), id);
  else if (row.state === 'Pending') {
    state.queue = state.queue.delete(String(row.queuedAs));
    while (state.queueHead < state.queueEnd && !state.queue.has(String(state.queueHead))) state.queueHead += 1;
  } else {
    const service = row.service ?? '';
    const others = roundsOf(state, service).filter((each) => each !== row.tableId);
    state.rounds = others.length === 0 ? state.rounds.delete(service) : state.rounds.set(service, others);
  }
}

/** When a table's timer runs off, and its data in the lake is as old as it may become; epoch milliseconds. */
export const dueAtOf = ({ freshnessMs, scheduledFrom }: Pick<TieringRow, 'freshnessMs' | 'scheduledFrom'>): number =>
  Math.min(scheduledFrom + freshnessMs, Number.MAX_SAFE_INTEGER);
export const tieringOf = (state: Pick<Tiering, 'byTable'>, tableId: number): TieringRow | undefined => state.byTable.get(String(tableId));
/** The table that has been Pending for longest. */
export function firstPending(state: Tiering): TieringRow | undefined {
  const tableId = state.queue.get(String(state.queueHead));
  return tableId === undefined ? undefined : tieringOf(state, tableId);
}
/** Table ids of the rounds that a service has, ascending. */
export const roundsOf = (state: Pick<Tiering, 'rounds'>, service: string): readonly number[] => state.rounds.get(service) ?? [];

/** Tables whose timers have run off, the earliest second first, at most so many. */
export function dueTables(state: Tiering, now: number, atMost: number): readonly TieringRow[] {
  const due: TieringRow[] = [];
  for (const { keys, startsAt } of secondsOf(state.agenda)) {
    if (startsAt > now) break;
    const within: TieringRow[] = [];
    for (const [id] of keys.rows()) {
      if (due.length + within.length >= atMost) break;
      const row = state.byTable.get(id);
      if (row !== undefined && dueAtOf(row) <= now) within.push(row);
    }
    due.push(...within.sort((a, b) => dueAtOf(a) - dueAtOf(b) || a.tableId - b.tableId));
    if (due.length >= atMost) break;
  }
  return due;
}

/**
 * When timers are to be looked at again, epoch milliseconds: within the second that has begun when the first one runs off, else when the
 * first second begins in which one does. undefined when none is set. No timer of a later second is looked at.
 */
export function nextDueAt(state: Tiering, now: number): number | undefined {
  for (const { keys, startsAt } of secondsOf(state.agenda)) {
    if (startsAt > now) return startsAt;
    let least = Number.POSITIVE_INFINITY;
    for (const [id] of keys.rows()) {
      const row = state.byTable.get(id);
      if (row !== undefined) least = Math.min(least, dueAtOf(row));
    }
    return least;
  }
  return undefined;
}
