import { partitionById, tableById } from '../../../projections/catalog.ts';
import { type MoveRow, movesOf, type RebalanceRow, rebalanceRows } from '../../../projections/rebalance.ts';
import type { State } from '../../../projections/state.ts';
import { reasonsOf } from '../rebalanceDraft.ts';
import { progressText, waitingOf } from '../rebalanceProgress.ts';
import type { StateTable } from './metaServiceTables.ts';
import type { Cell, ColumnType, SysColumn } from './selector.ts';

const column = (name: string, type: ColumnType, about: string): SysColumn => ({ name, type, about });
type Column<T> = readonly [column: SysColumn, of: (row: T, state: State) => Cell | undefined];
const cells = <T>(columns: readonly Column<T>[], row: T, state: State) => columns.map(([, of]) => of(row, state) ?? null);

const rebalanceColumns: readonly Column<RebalanceRow>[] = [
  [column('rebalance_id', 'VARCHAR', 'Its id.'), (row) => row.rebalanceId],
  [
    column('status', 'VARCHAR', 'One of NOT_STARTED, REBALANCING, COMPLETED, FAILED (its plan never arrived in full) and CANCELED.'),
    (row) => row.status,
  ],
  [column('progress', 'VARCHAR', 'How many of its moves are over, finished or failed: 75.5%; NONE without moves.'), progressText],
  [column('goals', 'VARCHAR', 'What it pursues, by priority.'), (row) => row.goals.join(', ')],
  [column('moves', 'BIGINT', 'How many buckets it moves.'), (row) => row.moveCount],
  [column('waiting', 'BIGINT', 'Those that have not begun.'), waitingOf],
  [column('moving', 'BIGINT', 'Those under way.'), (row) => row.moving],
  [column('finished', 'BIGINT', 'Those that are where they shall be.'), (row) => row.finished],
  [column('failed', 'BIGINT', 'Those that could not be moved: sys.rebalance_moves says why.'), (row) => row.failed],
  [column('canceled', 'BIGINT', 'Those that a cancellation ended, begun or not.'), (row) => row.canceled],
  [column('copied_bytes', 'BIGINT', 'What finished moves copied, as far as tablet servers told.'), (row) => row.copiedBytes],
  [column('planned_at', 'TIMESTAMP_LTZ(3)', 'When it was planned.'), (row) => row.plannedAt],
  [column('started_at', 'TIMESTAMP_LTZ(3)', 'When it began; NULL when it never did.'), (row) => row.startedAt],
  [column('ended_at', 'TIMESTAMP_LTZ(3)', 'When it was over; NULL until then.'), (row) => row.endedAt],
  [column('principal', 'VARCHAR', 'Who asked for it.'), (row) => row.principal],
  [column('reason', 'VARCHAR', 'Why, in their words.'), (row) => row.reason],
  [column('failure', 'VARCHAR', 'Why it was given up.'), (row) => row.failure],
  [column('first_position', 'BIGINT', 'The event that planned it.'), (row) => row.firstPosition],
  [column('position', 'BIGINT', 'The newest event about it.'), (row) => row.position],
];

const moveColumns: readonly Column<MoveRow>[] = [
  [column('rebalance_id', 'VARCHAR', 'The rebalance it belongs to.'), (row) => row.rebalanceId],
  [column('move', 'BIGINT', 'Its number in the plan, from 0.'), (row) => row.move],
  [
    column('table_name', 'VARCHAR', 'The table, database.table; NULL when it was dropped since.'),
    ({ tableId }, { catalog }) => {
      const table = tableById(catalog, tableId);
      return table === undefined ? undefined : `${table.database}.${table.table}`;
    },
  ],
  [
    column('partition_name', 'VARCHAR', 'The partition; NULL in a table without, and when it was dropped since.'),
    ({ partitionId }, { catalog }) => (partitionId === undefined ? undefined : partitionById(catalog, partitionId)?.name),
  ],
  [column('bucket_id', 'BIGINT', 'The bucket, from 0 in its table or partition.'), (row) => row.bucketId],
  [column('table_id', 'BIGINT', 'The table by its number.'), (row) => row.tableId],
  [column('partition_id', 'BIGINT', 'The partition by its number; NULL in a table without.'), (row) => row.partitionId],
  [column('status', 'VARCHAR', 'One of NOT_STARTED, REBALANCING, COMPLETED, FAILED and CANCELED.'), (row) => row.status],
  [column('from_leader', 'BIGINT', 'The server that led it when it was planned.'), (row) => row.originalLeader],
  [column('to_leader', 'BIGINT', 'The server that shall lead it.'), (row) => row.newLeader],
  [column('from_replicas', 'JSON', 'The servers that held it, a list.'), (row) => JSON.stringify(row.originalReplicas)],
  [column('to_replicas', 'JSON', 'The servers that shall hold it, a list, the leader first.'), (row) => JSON.stringify(row.newReplicas)],
  [column('why', 'VARCHAR', 'Which goal asked for it, and why: a sentence for each step.'), (row) => reasonsOf(row).join('; ')],
  [column('started_at', 'TIMESTAMP_LTZ(3)', 'When it began.'), (row) => row.startedAt],
  [column('in_sync_at', 'TIMESTAMP_LTZ(3)', 'When its new replicas had everything.'), (row) => row.inSyncAt],
  [column('ended_at', 'TIMESTAMP_LTZ(3)', 'When it was over.'), (row) => row.endedAt],
  [column('timeout_at', 'TIMESTAMP_LTZ(3)', 'When it is given up.'), (row) => row.timeoutAt],
  [column('copied_bytes', 'BIGINT', 'What its new replicas copied, as far as they told.'), (row) => row.copiedBytes],
  [column('failure', 'VARCHAR', 'Why it failed or was canceled.'), (row) => row.failure],
  [
    column('left_as', 'VARCHAR', 'Where that left the bucket: ORIGINAL (as before), TARGET (as planned) or GONE (dropped).'),
    (row) => row.left,
  ],
  [column('position', 'BIGINT', 'The newest event about it.'), (row) => row.position],
];

export const rebalanceTables: readonly StateTable[] = [
  {
    table: {
      name: 'rebalances',
      about: 'Rebalances, the newest first: how far they are, and what became of them.',
      columns: rebalanceColumns.map(([each]) => each),
    },
    *rows(state) {
      for (const row of rebalanceRows(state.rebalance)) yield cells(rebalanceColumns, row, state);
    },
  },
  {
    table: {
      name: 'rebalance_moves',
      about: 'The moves of rebalances: from where to where, why, and what became of them.',
      columns: moveColumns.map(([each]) => each),
    },
    *rows(state) {
      for (const row of rebalanceRows(state.rebalance))
        for (const move of movesOf(state.rebalance, row)) yield cells(moveColumns, move, state);
    },
  },
];
