import type { FailurePage, FailureQuery } from './port.ts';
import type { Cell, Condition, Row } from './selector.ts';
import type { TieringFailure } from './tieringFailures.ts';
import { failureRows, failureTable } from './tieringFailureTable.ts';
import type { Timeline } from './timeline.ts';

/** A page of the rows of `sys.lake_tiering_failures`, without a query. */
export async function failurePage(timeline: Timeline, query: FailureQuery, signal: AbortSignal): Promise<FailurePage> {
  const { database, limit, offset, table, toPosition } = query;
  const equal = (column: string, value: string | undefined): readonly Condition[] =>
    value === undefined ? [] : [{ column, operator: '=', values: [value] }];
  const conditions = [...equal('database_name', database), ...equal('table_name', table)];
  const hint = { conditions, order: { column: 'position', descending: true }, limit: offset + limit + 1 };
  const failures: TieringFailure[] = [];
  let seen = 0;
  for await (const rows of failureRows(timeline, toPosition, hint, signal))
    for (const row of rows) {
      seen += 1;
      if (seen > offset && failures.length < limit) failures.push(failureOf(row));
    }
  return { failures, ...(seen > offset + limit ? { next: offset + limit } : {}) };
}

function failureOf(row: Row): TieringFailure {
  const cell = (name: string): Cell | undefined => row[failureTable.columns.findIndex((column) => column.name === name)];
  const text = (name: string): string => String(cell(name));
  const number = (name: string): number => Number(cell(name));
  const error = cell('error') ?? undefined;
  return {
    tableId: number('table_id'),
    database: text('database_name'),
    table: text('table_name'),
    tieringEpoch: number('tiering_epoch'),
    service: text('service'),
    because: cell('cause') === 'TIMED_OUT' ? 'TIMED_OUT' : 'REPORTED',
    ...(error === undefined ? {} : { error: String(error) }),
    at: number('failure_time'),
    failuresInRow: number('failures_in_row'),
    durationMs: number('duration_ms'),
    position: number('position'),
  };
}
