import type { TieringEvent } from '../events/tiering.ts';
import { type Agenda, addToAgenda, removeFromAgenda, secondsOf } from './agenda.ts';
import { defineProjection, invariant, type Writable } from './kit.ts';
import { Table } from './table.ts';
import { type RestingState, restingAfter } from './tieringStates.ts';

/**
 * A lake table. New, Initialized, Tiered and Failed are passed through within one event, so it rests as Scheduled, Pending or Tiering.
 * Times are epoch milliseconds. Every row has every property, in order: rows of one form are copied several times as fast.
 */
export interface TieringRow {
  /** When its newest round failed, unless one went well since. The text is absent when the service gave none. */
  readonly errorAt: number | undefined;
  readonly errorText: string | undefined;
  /** When the first of the rounds in `failuresInRow` failed. */
  readonly failingSince: number | undefined;
  readonly failures: number;
  /** Rounds that failed since the last one that did not. */
  readonly failuresInRow: number;
  /** Of the table in the lake, as its service last said. */
  readonly fileBytes: number | undefined;
  readonly freshnessMs: number;
  /** Of the newest round that went well. */
  readonly lastDurationMs: number | undefined;
  /** Absent before the first round that went well. */
  readonly lastTieredAt: number | undefined;
  /** Of the newest event about it. */
  readonly position: number;
  /** Its place in the queue, while Pending. */
  readonly queuedAs: number | undefined;
  readonly records: number | undefined;
  /** What its timer counts from: when it was last tiered, before that when it became a lake table. */
  readonly scheduledFrom: number;
  /** Who tiers it, while Tiering. */
  readonly service: string | undefined;
  /** When it came into its state. */
  readonly since: number;
  readonly state: RestingState;
  readonly tableId: number;
  readonly tieringEpoch: number;
  /** Of its round, while Tiering. */
  readonly timeoutMs: number | undefined;
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
    const state = restingAfter(row?.state ?? 'none', [event.data.because === 'NEW' ? 'added' : 'found', 'scheduled']);
    return newRow(event.data, { position, scheduledFrom: at, since: at, state });
  }
  invariant(row !== undefined, `table ${event.data.tableId} is not tiered`);
  if (event.type === 'FreshnessChanged') return { ...row, freshnessMs: event.data.freshnessMs, position };
  const { tieringEpoch } = event.data;
  if (event.type === 'TieringDue') {
    invariant(tieringEpoch === row.tieringEpoch + 1, `table ${row.tableId} cannot become due for round ${tieringEpoch}`);
    return { ...row, position, since: at, state: restingAfter(row.state, ['due']), tieringEpoch };
  }
  invariant(tieringEpoch === row.tieringEpoch, `table ${row.tableId} is not in round ${tieringEpoch}`);
  if (event.type === 'TieringRoundStarted') {
    const { service, timeoutMs } = event.data;
    return { ...row, position, queuedAs: undefined, service, since: at, state: restingAfter(row.state, ['handedOut']), timeoutMs };
  }
  const ended = { at, position };
  return event.type === 'TieringRoundFinished' ? afterSuccess(row, event.data, ended) : afterFailure(row, event.data, ended);
}

type DataOf<T extends TieringEvent['type']> = Extract<TieringEvent, { readonly type: T }>['data'];
type Ended = Pick<Happened, 'at' | 'position'>;

function newRow(
  { freshnessMs, tableId, tieringEpoch }: DataOf<'LakeTableAdded'>,
  { position, scheduledFrom, since, state }: Pick<TieringRow, 'position' | 'scheduledFrom' | 'since' | 'state'>,
): TieringRow {
  return {
    errorAt: undefined,
    errorText: undefined,
    failingSince: undefined,
    failures: 0,
    failuresInRow: 0,
    fileBytes: undefined,
    freshnessMs,
    lastDurationMs: undefined,
    lastTieredAt: undefined,
    position,
    queuedAs: undefined,
    records: undefined,
    scheduledFrom,
    service: undefined,
    since,
    state,
    tableId,
    tieringEpoch,
    timeoutMs: undefined,
  };
}

const afterSuccess = (row: TieringRow, data: DataOf<'TieringRoundFinished'>, { at, position }: Ended): TieringRow => ({
  ...row,
  errorAt: undefined,
  errorText: undefined,
  failingSince: undefined,
  failuresInRow: 0,
  fileBytes: data.fileBytes ?? row.fileBytes,
  lastDurationMs: data.durationMs,
  lastTieredAt: at,
  position,
  records: data.records ?? row.records,
  scheduledFrom: at,
  service: undefined,
  since: at,
  state: restingAfter(row.state, ['finished', data.isForced ? 'forced' : 'scheduled']),
  tieringEpoch: row.tieringEpoch + (data.isForced ? 1 : 0),
  timeoutMs: undefined,
});

const afterFailure = (row: TieringRow, data: DataOf<'TieringRoundFailed'>, { at, position }: Ended): TieringRow => ({
  ...row,
  errorAt: at,
  errorText: data.error,
  failingSince: row.failingSince ?? at,
  failures: row.failures + 1,
  failuresInRow: data.failuresInRow,
  position,
  service: undefined,
  since: at,
  state: restingAfter(row.state, [data.because === 'TIMED_OUT' ? 'timedOut' : 'failed', 'retried']),
  tieringEpoch: row.tieringEpoch + 1,
  timeoutMs: undefined,
});

function change(state: Writable<Tiering>, tableId: number, recorded: Happened): void {
  const before = tieringOf(state, tableId);
  const after = rowAfter(before, recorded);
  if (before?.state === after.state && after.state !== 'Scheduled') {
    state.byTable = state.byTable.set(String(tableId), after); // It keeps its place.
    return;
  }
  if (before !== undefined) leave(state, before);
  noteFailing(state, before, after);
  enter(state, after.state === 'Pending' ? { ...after, queuedAs: state.queueEnd } : after);
}

function remove(state: Writable<Tiering>, row: TieringRow): void {
  leave(state, row);
  state.byTable = state.byTable.delete(String(row.tableId));
  state.failing = state.failing.delete(String(row.tableId));
}

function noteFailing(state: Writable<Tiering>, before: TieringRow | undefined, { failuresInRow, tableId }: TieringRow): void {
  if (before !== undefined && before.failuresInRow > 0 === failuresInRow > 0) return;
  state.failing = failuresInRow > 0 ? state.failing.set(String(tableId), true) : state.failing.delete(String(tableId));
}

/** Writes a row down wherever it is to be found but on `failing`. */
function enter(state: Writable<Tiering>, row: TieringRow): void {
  const id = String(row.tableId);
  state.byTable = state.byTable.set(id, row);
  state.counts[row.state] += 1;
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
