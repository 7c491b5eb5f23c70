import { defineProjection, type Writable } from './kit.ts';
import { Table } from './table.ts';

/**
 * A command that becomes due: what the leader submits, once, at `dueAt` (epoch milliseconds). An expiry that somebody was promised is meant
 * in time of day; all others are so long after an entry, and due in the time of the log.
 */
export interface Deadline {
  readonly dueAt: number;
  readonly command: DueCommand;
}
/** Commands that time may give. Each decider looks again whether there is still something to do. */
export type DueCommand =
  | { readonly name: 'forgetCoordinator'; readonly nodeId: string }
  | { readonly name: 'expireToken'; readonly tokenId: string }
  | { readonly name: 'timeOutMove'; readonly rebalanceId: string; readonly move: number }
  | { readonly name: 'failRebalance'; readonly rebalanceId: string };

/**
 * Deadlines by subject, and an agenda that finds the earliest without a scan: subjects lie under their second, seconds under
 * their hour (at most 3,600 in one), and hours are few.
 */
export interface Deadlines {
  readonly bySubject: Table<Deadline>;
  readonly hours: Readonly<Record<number, Readonly<Record<number, Table<true>>>>>;
}
const hourMs = 3_600_000;
const hourOf = (dueAt: number): number => Math.floor(dueAt / hourMs);
const secondOf = (dueAt: number): number => Math.floor((dueAt % hourMs) / 1000);

export const deadlines = defineProjection<Deadlines>({
  name: 'deadlines',
  version: 1,
  initial: () => ({ bySubject: Table.empty(), hours: {} }),
  on: {
    CoordinatorLost: (state, { event: { data }, at }) => {
      set(state, `coordinator/${data.nodeId}`, {
        dueAt: at + data.forgetAfterMs,
        command: { name: 'forgetCoordinator', nodeId: data.nodeId },
      });
    },
    CoordinatorJoined: (state, { event: { data } }) => clear(state, `coordinator/${data.nodeId}`),
    CoordinatorForgotten: (state, { event: { data } }) => clear(state, `coordinator/${data.nodeId}`),
    TokenIssued: (state, { event: { data } }) => {
      if (data.expiresAt === undefined) return;
      set(state, `token/${data.tokenId}`, { dueAt: data.expiresAt, command: { name: 'expireToken', tokenId: data.tokenId } });
    },
    TokenRevoked: (state, { event: { data } }) => clear(state, `token/${data.tokenId}`),
    TokenExpired: (state, { event: { data } }) => clear(state, `token/${data.tokenId}`),
    RebalancePlanned: (state, { event: { data }, at }) => {
      const { planWithinMs, rebalanceId } = data;
      set(state, `rebalance/${rebalanceId}`, { dueAt: at + planWithinMs, command: { name: 'failRebalance', rebalanceId } });
    },
    RebalanceStarted: (state, { event: { data } }) => clear(state, `rebalance/${data.rebalanceId}`),
    RebalanceCompleted: (state, { event: { data } }) => clear(state, `rebalance/${data.rebalanceId}`),
    RebalanceCanceled: (state, { event: { data } }) => clear(state, `rebalance/${data.rebalanceId}`),
    RebalanceFailed: (state, { event: { data } }) => clear(state, `rebalance/${data.rebalanceId}`),
    MoveStarted: (state, { event: { data }, at }) => {
      const { move, rebalanceId, timeoutMs } = data;
      set(state, `move/${rebalanceId}/${move}`, { dueAt: at + timeoutMs, command: { name: 'timeOutMove', rebalanceId, move } });
    },
    MoveFinished: (state, { event: { data } }) => clear(state, `move/${data.rebalanceId}/${data.move}`),
    MoveFailed: (state, { event: { data } }) => clear(state, `move/${data.rebalanceId}/${data.move}`),
    MoveCanceled: (state, { event: { data } }) => clear(state, `move/${data.rebalanceId}/${data.move}`),
  },
});

function set(state: Writable<Deadlines>, subject: string, deadline: Deadline): void {
  clear(state, subject);
  state.bySubject = state.bySubject.set(subject, deadline);
  const hour = hourOf(deadline.dueAt);
  const second = secondOf(deadline.dueAt);
  state.hours[hour] ??= {};
  const seconds = state.hours[hour] ?? {};
  seconds[second] = (seconds[second] ?? Table.empty<true>()).set(subject, true);
}

function clear(state: Writable<Deadlines>, subject: string): void {
  const present = state.bySubject.get(subject);
  if (present === undefined) return;
  state.bySubject = state.bySubject.delete(subject);
  const seconds = state.hours[hourOf(present.dueAt)] ?? {};
  const second = secondOf(present.dueAt);
  const rest = seconds[second]?.delete(subject);
  if (rest !== undefined && rest.size > 0) seconds[second] = rest;
  else delete seconds[second];
  if (Object.keys(seconds).length === 0) delete state.hours[hourOf(present.dueAt)];
}

export interface Pending {
  readonly subject: string;
  readonly deadline: Deadline;
}

/** What is pending, second by second, the earliest first; within a second first what is due first, then by subject. */
export function* bySecond(state: Deadlines): Generator<readonly Pending[]> {
  // Keys that are integers come in ascending order.
  for (const seconds of Object.values(state.hours))
    for (const subjects of Object.values(seconds))
      yield subjects
        .keys()
        .flatMap((subject) => {
          const deadline = state.bySubject.get(subject);
          return deadline === undefined ? [] : [{ subject, deadline }];
        })
        .sort((a, b) => a.deadline.dueAt - b.deadline.dueAt);
}
