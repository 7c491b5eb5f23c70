import type { RebalanceRow } from '../../projections/rebalance.ts';

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
