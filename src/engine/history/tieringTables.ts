import { dueAtOf, type TieringRow } from '../../../projections/tiering.ts';
import { LakeTables, type Named } from '../lakeTables.ts';
import type { StateTable } from './metaServiceTables.ts';
import type { Cell, ColumnType, Row, SysColumn } from './selector.ts';

interface LakeTable {
  readonly database: string;
  readonly table: string;
  readonly row: TieringRow;
}
interface Listed extends Named {
  row: Row;
}
type Column = readonly [column: SysColumn, of: (table: LakeTable) => Cell | undefined];
const column = (name: string, type: ColumnType, about: string, of: Column[1]): Column => [{ name, type, about }, of];

/** As in Fluss: each is passed through, but a table rests only as Scheduled, Pending or Tiering. */
const aboutStatus =
  'Scheduled (it waits for its time), Pending (it waits for a tiering service) or Tiering; New, Initialized, Tiered and Failed are ' +
  'passed through at once, so one that failed is Pending with an error.';

const databaseName = column('database_name', 'STRING', 'The database.', ({ database }) => database);
const tableName = column('table_name', 'STRING', 'The table.', ({ table }) => table);
const status = column('status', 'STRING', aboutStatus, ({ row }) => row.state);
const epoch = column('tiering_epoch', 'BIGINT', 'Its round: one more each time that it becomes due.', ({ row }) => row.tieringEpoch);
const healths: readonly Column[] = [
  column('last_tiered_time', 'TIMESTAMP_LTZ(3)', 'When it was last tiered; NULL before the first time.', ({ row }) => row.lastTieredAt),
  column(
    'last_error',
    'STRING',
    'What its newest round failed with; NULL when it did not, or no reason was given.',
    ({ row }) => row.errorText,
  ),
  column('last_error_time', 'TIMESTAMP_LTZ(3)', 'When its newest round failed; NULL when it did not.', ({ row }) => row.errorAt),
];

/** Exactly the columns of the proposal. @see Fluss, issue 2362 */
const statusColumns: readonly Column[] = [databaseName, tableName, status, epoch, ...healths];

const detailColumns: readonly Column[] = [
  databaseName,
  tableName,
  column('table_id', 'BIGINT', 'Names the table for ever.', ({ row }) => row.tableId),
  status,
  column('since', 'TIMESTAMP_LTZ(3)', 'When it came into that state.', ({ row }) => row.since),
  epoch,
  ...healths,
  column('failures', 'BIGINT', 'How many of its rounds failed: sys.lake_tiering_failures has each.', ({ row }) => row.failures),
  column('failures_in_row', 'BIGINT', 'How many of them since the last one that did not.', ({ row }) => row.failuresInRow),
  column('failing_since', 'TIMESTAMP_LTZ(3)', 'When the first of those failed; NULL when there are none.', ({ row }) => row.failingSince),
  column('freshness_ms', 'BIGINT', 'How old its data in the lake may become, milliseconds.', ({ row }) => row.freshnessMs),
  column('due_at', 'TIMESTAMP_LTZ(3)', 'When it is due again; NULL when it is already.', ({ row }) =>
    row.state === 'Scheduled' ? dueAtOf(row) : undefined,
  ),
  column('service', 'VARCHAR', 'Who tiers it; NULL when nobody does.', ({ row }) => row.service),
  column('last_duration_ms', 'BIGINT', 'How long its last round that went well took, milliseconds.', ({ row }) => row.lastDurationMs),
  column('file_bytes', 'BIGINT', 'How many bytes it has in the lake; NULL when its service did not say.', ({ row }) => row.fileBytes),
  column('records', 'BIGINT', 'How many records it has there; NULL when its service did not say.', ({ row }) => row.records),
  column('position', 'BIGINT', 'The newest event about it.', ({ row }) => row.position),
];

function tableOf(name: string, about: string, columns: readonly Column[]): StateTable {
  const listed = new LakeTables<Listed>({
    entryOf: (named) => ({ ...named, row: [] }),
    changed: (entry, _, row) => {
      const { database, table } = entry;
      if (row !== undefined) entry.row = columns.map(([, of]) => of({ database, row, table }) ?? null);
    },
  });
  return {
    table: { name, about, columns: columns.map(([each]) => each) },
    rows: (state) => {
      listed.catchUp(state);
      return listed.byName.map(({ row }) => row);
    },
  };
}

export const tieringTables: readonly StateTable[] = [
  tableOf('lake_tiering_status', 'The tables that are tiered to the lake: how each stands, and what went wrong last.', statusColumns),
  tableOf('lake_tables', 'The tables that are tiered to the lake, with all that is known of it.', detailColumns),
];
