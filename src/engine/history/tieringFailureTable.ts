import { narrowedBy } from './conditions.ts';
import { pageLimits } from './eventPages.ts';
import type { Cell, ColumnType, Hint, Row, SysColumn, SysTable } from './selector.ts';
import { type TieringFailure, tieringFailed } from './tieringFailures.ts';
import type { Timeline } from './timeline.ts';

type Column = readonly [column: SysColumn, of: (failure: TieringFailure) => Cell | undefined];
const column = (name: string, type: ColumnType, about: string, of: Column[1]): Column => [{ name, type, about }, of];

const columns: readonly Column[] = [
  column('database_name', 'VARCHAR', 'The database.', ({ database }) => database),
  column('table_name', 'VARCHAR', 'The table, as it was called; it may be gone since.', ({ table }) => table),
  column('table_id', 'BIGINT', 'Names the table for ever.', ({ tableId }) => tableId),
  column('tiering_epoch', 'BIGINT', 'The round that failed.', ({ tieringEpoch }) => tieringEpoch),
  column('service', 'VARCHAR', 'The tiering service that had it.', ({ service }) => service),
  column('cause', 'VARCHAR', 'REPORTED: its service said so. TIMED_OUT: nothing was heard of its service.', ({ because }) => because),
  column('error', 'VARCHAR', 'What went wrong; NULL when its service gave no reason.', ({ error }) => error),
  column('failure_time', 'TIMESTAMP_LTZ(3)', 'When it failed.', ({ at }) => at),
  column(
    'failures_in_row',
    'BIGINT',
    'How many rounds of the table had failed in a row by then, this one too.',
    (row) => row.failuresInRow,
  ),
  column('duration_ms', 'BIGINT', 'From handing the table out until it failed, milliseconds.', ({ durationMs }) => durationMs),
  column('position', 'BIGINT', 'The event that says so.', ({ position }) => position),
];

export const failureTable: SysTable = {
  name: 'lake_tiering_failures',
  about: 'Every round of tiering that failed, the newest first: which table, when, why and for the how manieth time.',
  columns: columns.map(([each]) => each),
};

/** Those up to a position, the newest first; what is older than what is kept comes from the log. */
export async function* failureRows(
  timeline: Timeline,
  newest: number,
  hint: Hint | undefined,
  signal: AbortSignal,
): AsyncGenerator<readonly Row[]> {
  const from = firstWanted(hint);
  const order = hint?.order;
  const isNewestFirst = order === undefined || (order.column === 'position' && order.descending);
  const { isWanted, most } = narrowedBy(failureTable.columns, hint, isNewestFirst);
  let left = most;
  const rowsOf = (failures: Iterable<TieringFailure>): readonly Row[] => {
    const rows: Row[] = [];
    for (const failure of failures) {
      if (left === 0 || failure.position < from) break;
      const row = columns.map(([, of]) => of(failure) ?? null);
      if (!isWanted(row)) continue;
      rows.push(row);
      left -= 1;
    }
    return rows;
  };
  const { completeFrom } = timeline.failures;
  yield rowsOf(timeline.failures.upTo(newest));
  let toPosition = Math.min(newest, completeFrom - 1);
  while (left > 0 && from <= toPosition) {
    const page = await timeline.events(
      { types: [tieringFailed], order: 'descending', fromPosition: from, toPosition, limit: pageLimits.events },
      signal,
    );
    yield rowsOf(page.events.map(({ at, data, position }) => ({ ...(data as Omit<TieringFailure, 'at' | 'position'>), at, position })));
    if (page.next === undefined) return;
    toPosition = page.next;
  }
}

/** No position before it is wanted. */
function firstWanted({ conditions }: Hint = { conditions: [] }): number {
  const starts = conditions.flatMap(({ column: name, operator, values: [value] }) =>
    name === 'position' && typeof value === 'number' && ['=', '>', '>='].includes(operator) ? [value + (operator === '>' ? 1 : 0)] : [],
  );
  return Math.max(1, ...starts);
}
