import type { Goal } from '../../events/rebalance.ts';
import { bucketKey } from '../../projections/buckets.ts';
import { moveAt, openRebalance, type RebalanceRow } from '../../projections/rebalance.ts';
import type { State } from '../../projections/state.ts';
import { newServers } from '../deciders/moves.ts';
import type { ServerReports } from './serverReports.ts';

/** How many of its buckets are where they shall be, or could not be moved, of a hundred; undefined when it moves none. */
export const percentOf = ({ failed, finished, moveCount }: Pick<RebalanceRow, 'failed' | 'finished' | 'moveCount'>): number | undefined =>
  moveCount === 0 ? undefined : Math.floor(((finished + failed) * 10_000) / moveCount) / 100;

/** `75.5%`, with at most two decimals; `NONE` when it moves no bucket. */
export function progressText(row: RebalanceRow): string {
  const percent = percentOf(row);
  return percent === undefined ? 'NONE' : `${percent}%`;
}

/** Moves that have not begun; after a cancellation, none. */
export const waitingOf = ({ canceled, failed, finished, moveCount, moving }: RebalanceRow): number =>
  Math.max(0, moveCount - finished - failed - canceled - moving);

/** A rebalance as its readers see it. Times are epoch milliseconds. */
export interface RebalanceView extends Omit<RebalanceRow, 'goals' | 'planned'> {
  readonly goals: Goal[];
  readonly waiting: number;
  /** Absent when it moves no bucket. */
  readonly percent?: number;
}
export function viewOfRebalance({ planned: _, ...row }: RebalanceRow): RebalanceView {
  const percent = percentOf(row);
  return {
    ...row,
    goals: [...row.goals],
    waiting: waitingOf({ ...row, planned: row.moveCount }),
    ...(percent === undefined ? {} : { percent }),
  };
}

/** What is being copied at the moment, as tablet servers said last. */
export interface Copying {
  readonly replicas: number;
  readonly copiedBytes: number;
  readonly totalBytes: number;
}

/** The copies of moves under way, out of what only the leader is told. */
export function copyingOf(state: State, reports: Pick<ServerReports, 'reportOf'>): Copying {
  let [replicas, copiedBytes, totalBytes] = [0, 0, 0];
  const open = openRebalance(state.rebalance);
  const targets = new Map<number, Set<string>>();
  for (const number of open === undefined ? [] : state.rebalance.moving) {
    const move = open === undefined ? undefined : moveAt(state.rebalance, open.rebalanceId, number);
    if (move === undefined) continue;
    for (const serverId of newServers(move)) targets.set(serverId, (targets.get(serverId) ?? new Set()).add(bucketKey(move)));
  }
  for (const [serverId, keys] of targets)
    for (const copy of reports.reportOf(serverId)?.copies ?? []) {
      if (!keys.has(bucketKey(copy))) continue;
      replicas += 1;
      copiedBytes = Math.min(copiedBytes + copy.copiedBytes, Number.MAX_SAFE_INTEGER);
      totalBytes = Math.min(totalBytes + copy.totalBytes, Number.MAX_SAFE_INTEGER);
    }
  return { replicas, copiedBytes, totalBytes };
}
