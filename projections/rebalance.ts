import type { BucketRef } from '../events/buckets.ts';
import type { Goal, PlannedMove } from '../events/rebalance.ts';
import { defineProjection, invariant, type Recorded, type Writable } from './kit.ts';
import { Table } from './table.ts';

/** FAILED: its plan was never completed. That buckets could not be moved does not make it so: see its count of failed moves. */
export type RebalanceStatus = 'NOT_STARTED' | 'REBALANCING' | 'COMPLETED' | 'FAILED' | 'CANCELED';
/** A rebalance, running or past. Times are epoch milliseconds. */
export interface RebalanceRow {
  readonly rebalanceId: string;
  readonly status: RebalanceStatus;
  readonly goals: readonly Goal[];
  readonly moveCount: number;
  /** How many of them are written down. */
  readonly planned: number;
  readonly moving: number;
  readonly finished: number;
  readonly failed: number;
  /** Moves that a cancellation ended, whether they had begun or not. */
  readonly canceled: number;
  readonly copiedBytes: number;
  readonly principal: string;
  readonly reason?: string;
  /** Why it was given up. */
  readonly failure?: string;
  readonly plannedAt: number;
  readonly startedAt?: number;
  readonly endedAt?: number;
  /** Of its first event, and of the newest. */
  readonly firstPosition: number;
  readonly position: number;
}
export type MoveStatus = 'NOT_STARTED' | 'REBALANCING' | 'COMPLETED' | 'FAILED' | 'CANCELED';
/** What becomes of one bucket. Times are epoch milliseconds. */
export interface MoveRow extends PlannedMove {
  readonly rebalanceId: string;
  readonly move: number;
  readonly status: MoveStatus;
  readonly startedAt?: number;
  /** When it is given up. */
  readonly timeoutAt?: number;
  readonly inSyncAt?: number;
  /** Position of the event that handed leadership over: who leads from then on has applied it. */
  readonly handedOverPosition?: number;
  readonly endedAt?: number;
  readonly copiedBytes?: number;
  /** Why it failed or was canceled. */
  readonly failure?: string;
  /** Where that left the bucket. */
  readonly left?: 'ORIGINAL' | 'TARGET' | 'GONE';
  /** Of the newest event about it. */
  readonly position: number;
}
export interface Rebalances {
  /** The newest ones, at most `keptRebalances.headers`. */
  readonly byId: Table<RebalanceRow>;
  /** In the order in which they were planned, as far as `byId` has them. */
  readonly ids: readonly string[];
  /** Moves of those in `withMoves`, by id and number, `rebalance-x/17`. */
  readonly moves: Table<MoveRow>;
  /** Whose moves are still here: the newest, and others as long as all of them together are not too many. */
  readonly withMoves: readonly string[];
  /** Numbers of the moves under way, ascending; those of the newest rebalance. */
  readonly moving: readonly number[];
  /** The first move that may not have been started yet. */
  readonly firstWaiting: number;
}
/** What is kept of the past. Older ones are in the log: the tables at an older position still have them. */
export const keptRebalances = { headers: 1000, moves: 200_000 } as const;

export const rebalance = defineProjection<Rebalances>({
  name: 'rebalance',
  version: 1,
  initial: () => ({ byId: Table.empty(), ids: [], moves: Table.empty(), withMoves: [], moving: [], firstWaiting: 0 }),
  on: {
    RebalancePlanned: (state, { event: { act, data }, at, position }) => {
      const { goals, moveCount, rebalanceId } = data;
      invariant(!state.byId.has(rebalanceId), `rebalance ${rebalanceId} exists already`);
      invariant(isOver(currentRebalance(state as Rebalances)), 'another rebalance is not over');
      forgetOldest(state, moveCount);
      const { principal, reason } = act;
      const counts = { planned: 0, moving: 0, finished: 0, failed: 0, canceled: 0, copiedBytes: 0 };
      const header = { rebalanceId, status: 'NOT_STARTED', goals, moveCount, principal } as const;
      const times = { plannedAt: at, firstPosition: position, position };
      state.byId = state.byId.set(rebalanceId, { ...header, ...counts, ...times, ...(reason === undefined ? {} : { reason }) });
      state.ids.push(rebalanceId);
      state.withMoves.push(rebalanceId);
      state.moving = [];
      state.firstWaiting = 0;
    },
    MovesPlanned: (state, { event: { data }, position }) => {
      const { firstMove, moves, rebalanceId } = data;
      const row = rowOf(state, rebalanceId);
      invariant(row.planned === firstMove, `rebalance ${rebalanceId} has ${row.planned} moves, the next is not ${firstMove}`);
      for (const [i, planned] of moves.entries()) {
        const move = { ...planned, rebalanceId, move: firstMove + i, status: 'NOT_STARTED' as const, position };
        state.moves = state.moves.set(moveKey(rebalanceId, move.move), move);
      }
      put(state, { ...row, planned: firstMove + moves.length, position });
    },
    RebalanceStarted: (state, { event: { data }, at, position }) => {
      const row = rowOf(state, data.rebalanceId);
      invariant(row.status === 'NOT_STARTED' && row.planned === row.moveCount, `the plan of rebalance ${data.rebalanceId} is not complete`);
      put(state, { ...row, status: 'REBALANCING', startedAt: at, position });
    },
    MoveStarted: (state, { event: { data }, at, position }) => {
      const move = moveOf(state, data);
      invariant(move.status === 'NOT_STARTED', `move ${data.move} of ${data.rebalanceId} was started before`);
      putMove(state, { ...move, status: 'REBALANCING', startedAt: at, timeoutAt: at + data.timeoutMs, position });
      state.moving = [...state.moving, data.move].sort((a, b) => a - b);
      passBegun(state, data.rebalanceId);
      tally(state, data.rebalanceId, { moving: 1 }, position);
    },
    ReplicasAdded: (state, { event: { data }, position }) => putMove(state, { ...moveOf(state, data), position }),
    ReplicasInSync: (state, { event: { data }, at, position }) => putMove(state, { ...moveOf(state, data), inSyncAt: at, position }),
    LeaderHandedOver: (state, { event: { data }, position }) =>
      putMove(state, { ...moveOf(state, data), handedOverPosition: position, position }),
    ReplicasDropped: (state, { event: { data }, position }) => putMove(state, { ...moveOf(state, data), position }),
    MoveFinished: (state, recorded) => {
      const { copiedBytes } = recorded.event.data;
      end(state, recorded, { status: 'COMPLETED', ...(copiedBytes === undefined ? {} : { copiedBytes }) });
      tally(state, recorded.event.data.rebalanceId, { finished: 1, copiedBytes: copiedBytes ?? 0 }, recorded.position);
    },
    MoveFailed: (state, recorded) => {
      const { left, reason, rebalanceId } = recorded.event.data;
      end(state, recorded, { status: 'FAILED', failure: reason, left });
      tally(state, rebalanceId, { failed: 1 }, recorded.position);
    },
    MoveCanceled: (state, recorded) => {
      const { left, reason, rebalanceId } = recorded.event.data;
      end(state, recorded, { status: 'CANCELED', failure: reason, left });
      tally(state, rebalanceId, { canceled: 1 }, recorded.position);
    },
    RebalanceCompleted: (state, { event: { data }, at, position }) => {
      const row = rowOf(state, data.rebalanceId);
      invariant(row.finished + row.failed === row.moveCount, `rebalance ${data.rebalanceId} has moves that are not over`);
      put(state, { ...row, status: 'COMPLETED', startedAt: row.startedAt ?? at, endedAt: at, position });
    },
    RebalanceCanceled: (state, { event: { data }, at, position }) => {
      const row = rowOf(state, data.rebalanceId);
      invariant(row.moving === 0, `rebalance ${data.rebalanceId} still moves buckets`);
      put(state, { ...row, status: 'CANCELED', canceled: row.canceled + data.waiting, endedAt: at, position });
    },
    RebalanceFailed: (state, { event: { data }, at, position }) =>
      put(state, { ...rowOf(state, data.rebalanceId), status: 'FAILED', failure: data.reason, endedAt: at, position }),
  },
});

export const moveKey = (rebalanceId: string, move: number): string => `${rebalanceId}/${move}`;

function rowOf(state: Writable<Rebalances>, rebalanceId: string): RebalanceRow {
  const row = state.byId.get(rebalanceId);
  invariant(row !== undefined && row.endedAt === undefined, `rebalance ${rebalanceId} is not under way`);
  return row;
}

function put(state: Writable<Rebalances>, row: RebalanceRow): void {
  state.byId = state.byId.set(row.rebalanceId, row);
}

function moveOf(state: Writable<Rebalances>, { move, rebalanceId }: { readonly rebalanceId: string; readonly move: number }): MoveRow {
  const row = state.moves.get(moveKey(rebalanceId, move));
  invariant(row !== undefined, `rebalance ${rebalanceId} has no move ${move}`);
  return row;
}

function putMove(state: Writable<Rebalances>, move: MoveRow): void {
  state.moves = state.moves.set(moveKey(move.rebalanceId, move.move), move);
}

/** Takes a move off those under way; a move may also end before it began. */
function end(
  state: Writable<Rebalances>,
  {
    at,
    event: { data },
    position,
  }: Pick<Recorded, 'at' | 'position'> & { readonly event: { readonly data: BucketRef & { rebalanceId: string; move: number } } },
  how: Pick<MoveRow, 'copiedBytes' | 'failure' | 'left' | 'status'>,
): void {
  const move = moveOf(state, data);
  invariant(move.endedAt === undefined, `move ${data.move} of ${data.rebalanceId} is over already`);
  if (move.status === 'REBALANCING') tally(state, data.rebalanceId, { moving: -1 }, position);
  putMove(state, { ...move, ...how, endedAt: at, position });
  state.moving = state.moving.filter((each) => each !== data.move);
  passBegun(state, data.rebalanceId);
}

function passBegun(state: Writable<Rebalances>, rebalanceId: string): void {
  const hasBegun = (move: MoveRow | undefined): boolean => move !== undefined && move.status !== 'NOT_STARTED';
  while (hasBegun(state.moves.get(moveKey(rebalanceId, state.firstWaiting)))) state.firstWaiting += 1;
}

type Counts = Partial<Pick<RebalanceRow, 'canceled' | 'copiedBytes' | 'failed' | 'finished' | 'moving'>>;
function tally(state: Writable<Rebalances>, rebalanceId: string, more: Counts, position: number): void {
  const row = rowOf(state, rebalanceId);
  const sum = (a: number, b: number): number => Math.min(a + b, Number.MAX_SAFE_INTEGER); // Bytes are what tablet servers say.
  const counts = Object.fromEntries(Object.entries(more).map(([name, by]) => [name, sum(row[name as keyof Counts], by)]));
  put(state, { ...row, ...counts, position });
}

/** Makes room for a new one. */
function forgetOldest(state: Writable<Rebalances>, moveCount: number): void {
  while (state.withMoves.length > 0 && state.moves.size + moveCount > keptRebalances.moves) forgetMoves(state);
  while (state.ids.length >= keptRebalances.headers) {
    if (state.withMoves[0] === state.ids[0]) forgetMoves(state);
    state.byId = state.byId.delete(state.ids.shift() ?? '');
  }
}

function forgetMoves(state: Writable<Rebalances>): void {
  const oldest = state.withMoves.shift() ?? '';
  const planned = state.byId.get(oldest)?.planned ?? 0;
  for (let move = 0; move < planned; move += 1) state.moves = state.moves.delete(moveKey(oldest, move));
}

const isOver = (row: RebalanceRow | undefined): boolean => row === undefined || row.endedAt !== undefined;
/** The newest one, over or not. */
export const currentRebalance = (state: Rebalances): RebalanceRow | undefined => {
  const newest = state.ids.at(-1);
  return newest === undefined ? undefined : state.byId.get(newest);
};
/** The one that is not over. */
export const openRebalance = (state: Rebalances): RebalanceRow | undefined => {
  const row = currentRebalance(state);
  return isOver(row) ? undefined : row;
};
export const rebalanceOf = (state: Rebalances, rebalanceId: string): RebalanceRow | undefined => state.byId.get(rebalanceId);
export const moveAt = (state: Rebalances, rebalanceId: string, move: number): MoveRow | undefined =>
  state.moves.get(moveKey(rebalanceId, move));
/** The moves of one, in the order of its plan; none when they are no longer kept. */
export function* movesOf(state: Rebalances, { planned, rebalanceId }: RebalanceRow): Generator<MoveRow> {
  if (!state.withMoves.includes(rebalanceId)) return;
  for (let move = 0; move < planned; move += 1) {
    const row = moveAt(state, rebalanceId, move);
    // What a cancellation left waiting has no event of its own.
    if (row !== undefined) yield row.status === 'NOT_STARTED' && isCanceled(state, rebalanceId) ? { ...row, status: 'CANCELED' } : row;
  }
}
const isCanceled = (state: Rebalances, rebalanceId: string): boolean => rebalanceOf(state, rebalanceId)?.status === 'CANCELED';
/** The newest first. */
export const rebalanceRows = (state: Rebalances): readonly RebalanceRow[] =>
  state.ids.flatMap((id) => rebalanceOf(state, id) ?? []).reverse();
