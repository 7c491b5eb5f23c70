import { databaseRows, type TableRow } from '../../../projections/catalog.ts';
import type { State } from '../../../projections/state.ts';
import { dueAtOf, type TieringRow, tieringOf } from '../../../projections/tiering.ts';
import { tablesSeen } from '../catalogListing.ts';
import type { StateTable } from './metaServiceTables.ts';
import type { Cell, ColumnType, Row, SysColumn } from './selector.ts';

interface LakeTable {
  readonly table: TableRow;
  readonly row: TieringRow;
}
type Column = readonly [column: SysColumn, of: (table: LakeTable) => Cell | undefined];
const column = (name: string, type: ColumnType, about: string, of: Column[1]): Column => [{ name, type, about }, of];

/** As in Fluss: each is passed through, but a table rests only as Scheduled, Pending or Tiering. */
const aboutStatus =
  'Scheduled (it waits for its time), Pending (it waits for a tiering service) or Tiering; New, Initialized, Tiered and Failed are passed ' +
  'through at once, so one that failed is Pending with an error.';

const database = column('database_name', 'STRING', 'The database.', ({ table }) => table.database);
const name = column('table_name', 'STRING', 'The table.', ({ table }) => table.table);
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
const statusColumns: readonly Column[] = [database, name, status, epoch, ...healths];

const detailColumns: readonly Column[] = [
  database,
  name,
  column('table_id', 'BIGINT', 'Names the table for ever.', ({ row }) => row.tableId),
  status,
  column('since', 'TIMESTAMP_LTZ(3)', 'When it came into that state.', ({ row }) => row.since),
  epoch,
  ...healths,
  column('failures', 'BIGINT', 'How many of its rounds failed: sys.lake_tiering_failures has each.', ({ row }) => row.failures),
  column('failures_in_row', 'BIGINT', 'How many of them since the last one that did not.', ({ row }) => row.failuresInRow),
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

/** By name. All at once: the listing that this is taken from is of one state only for so long. */
function lakeTables(state: State): readonly LakeTable[] {
  const found: LakeTable[] = [];
  if (state.tiering.byTable.size === 0) return found;
  for (const each of databaseRows(state.catalog))
    for (const table of tablesSeen(state, each.database, () => true)) {
      const row = tieringOf(state.tiering, table.tableId);
      if (row !== undefined) found.push({ table, row });
    }
  return found;
}

const tableOf = (table: string, about: string, columns: readonly Column[]): StateTable => ({
  table: { name: table, about, columns: columns.map(([each]) => each) },
  *rows(state): Generator<Row> {
    for (const each of lakeTables(state)) yield columns.map(([, of]) => of(each) ?? null);
  },
});

export const tieringTables: readonly StateTable[] = [
  tableOf('lake_tiering_status', 'The tables that are tiered to the lake: how each stands, and what went wrong last.', statusColumns),
  tableOf('lake_tables', 'The tables that are tiered to the lake, with all that is known of it.', detailColumns),
];
