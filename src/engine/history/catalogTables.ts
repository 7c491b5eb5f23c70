import { noLeader } from '../../../events/buckets.ts';
import { type BucketRow, bucketOf } from '../../../projections/buckets.ts';
import { databaseRows, type PartitionRow, partitionById, type TableRow, tableRows } from '../../../projections/catalog.ts';
import type { State } from '../../../projections/state.ts';
import { databaseResource, tableResource } from '../../deciders/resources.ts';
import type { StateTable } from './metaServiceTables.ts';
import type { ColumnType, Row, SysColumn } from './selector.ts';
import type { Sees } from './tableAccess.ts';

const column = (name: string, type: ColumnType, about: string): SysColumn => ({ name, type, about });
const ofTable = [column('database_name', 'VARCHAR', 'The database.'), column('table_name', 'VARCHAR', 'The table.')];
const tableId = column('table_id', 'BIGINT', 'Names the table for ever.');
const json = (value: unknown): string => JSON.stringify(value);

const databases: StateTable = {
  table: {
    name: 'databases',
    about: 'The databases.',
    columns: [
      column('database_name', 'VARCHAR', 'Its name.'),
      column('comment', 'VARCHAR', 'What it is for; NULL when nothing is said.'),
      column('properties', 'JSON', 'Its properties.'),
      column('tables', 'INTEGER', 'How many tables it has.'),
      column('created_at', 'TIMESTAMP_LTZ(3)', 'When it was created; NULL for the one that has been there from the beginning.'),
      column('position', 'BIGINT', 'The newest event about it; NULL when there is none.'),
    ],
  },
  *rows(state: State, sees: Sees): Generator<Row> {
    for (const { comment, createdAt, database, position, properties, tables } of databaseRows(state.catalog))
      if (sees(databaseResource(database)))
        yield [database, comment ?? null, json(properties), tables, position === 0 ? null : createdAt, position === 0 ? null : position];
  },
};

/** The tables of all databases that a reader sees, by name. */
function* seen({ catalog }: State, sees: Sees): Generator<TableRow> {
  for (const row of tableRows(catalog)) if (sees(tableResource(row))) yield row;
}
const partitionsOf = ({ catalog }: State, { partitionIds }: TableRow): readonly PartitionRow[] =>
  partitionIds.map((id) => partitionById(catalog, id)).filter((row) => row !== undefined);

const tables: StateTable = {
  table: {
    name: 'tables',
    about: 'The tables of all databases.',
    columns: [
      ...ofTable,
      tableId,
      column('primary_key', 'JSON', 'Its columns, a list; empty for a log table.'),
      column('partition_keys', 'JSON', 'A list; empty for a table without partitions.'),
      column('bucket_keys', 'JSON', 'What rows are distributed by, a list; empty: in turn.'),
      column('bucket_count', 'INTEGER', 'Buckets of the table, or of each partition.'),
      column('buckets', 'INTEGER', 'How many buckets there are in all.'),
      column('partitions', 'INTEGER', 'How many partitions there are; 0 for a table without.'),
      column('replication_factor', 'INTEGER', 'Replicas of each bucket.'),
      column('columns', 'JSON', 'Name, type and nullability of each column.'),
      column('properties', 'JSON', 'Its properties.'),
      column('comment', 'VARCHAR', 'What it is for; NULL when nothing is said.'),
      column('schema_id', 'INTEGER', 'How often its columns were changed, from 1.'),
      column('created_at', 'TIMESTAMP_LTZ(3)', 'When it was created.'),
      column('altered_at', 'TIMESTAMP_LTZ(3)', 'When it was altered last.'),
      column('position', 'BIGINT', 'The newest event about it.'),
    ],
  },
  *rows(state: State, sees: Sees): Generator<Row> {
    for (const row of seen(state, sees))
      yield [
        row.database,
        row.table,
        row.tableId,
        json(row.primaryKey),
        json(row.partitionKeys),
        json(row.bucketKeys),
        row.bucketCount,
        row.bucketCount * (row.partitionKeys.length === 0 ? 1 : row.partitionIds.length),
        row.partitionIds.length,
        row.replicationFactor,
        json(row.columns.map(({ isNullable, name, type }) => ({ name, type, nullable: isNullable }))),
        json(row.properties),
        row.comment ?? null,
        row.schemaId,
        row.createdAt,
        row.alteredAt,
        row.position,
      ];
  },
};

const partitions: StateTable = {
  table: {
    name: 'partitions',
    about: 'The partitions of all tables.',
    columns: [
      ...ofTable,
      column('partition_name', 'VARCHAR', 'Its values with $ in between.'),
      tableId,
      column('partition_id', 'BIGINT', 'Names the partition for ever.'),
      column('spec', 'JSON', 'The value of each partition key.'),
      column('buckets', 'INTEGER', 'How many it has.'),
      column('created_at', 'TIMESTAMP_LTZ(3)', 'When it was created.'),
    ],
  },
  *rows(state: State, sees: Sees): Generator<Row> {
    for (const row of seen(state, sees))
      for (const { createdAt, name, partitionId, spec } of partitionsOf(state, row))
        yield [row.database, row.table, name, row.tableId, partitionId, json(spec), row.bucketCount, createdAt];
  },
};

/** How a bucket is, in one word. */
function stateOf({ isr, leader, replicas }: BucketRow, { replicationFactor }: TableRow): string {
  if (leader === noLeader) return 'leaderless';
  if (replicas.length > replicationFactor) return 'moving';
  return isr.length < replicas.length ? 'under-replicated' : 'ok';
}

const buckets: StateTable = {
  table: {
    name: 'buckets',
    about: 'The buckets of all tables: who leads them and where their replicas are.',
    columns: [
      ...ofTable,
      column('partition_name', 'VARCHAR', 'The partition; NULL in a table without.'),
      column('bucket_id', 'INTEGER', 'From 0, within its table or partition.'),
      column('leader', 'INTEGER', 'The server that leads it; NULL: nobody.'),
      column('replicas', 'JSON', 'The servers that hold a copy, a list.'),
      column('isr', 'JSON', 'Those that have everything that was acknowledged, a list.'),
      column(
        'state',
        'VARCHAR',
        'One of ok, under-replicated (a copy is behind, or its server away), moving (it has more copies than it keeps) and leaderless.',
      ),
      column('leader_epoch', 'BIGINT', 'One more with each new leader.'),
      column('bucket_epoch', 'BIGINT', 'One more with each change of leader or replicas.'),
      tableId,
      column('partition_id', 'BIGINT', 'NULL in a table without partitions.'),
    ],
  },
  *rows(state: State, sees: Sees): Generator<Row> {
    for (const row of seen(state, sees)) {
      if (row.partitionKeys.length === 0) yield* bucketRows(state, row);
      for (const partition of partitionsOf(state, row)) yield* bucketRows(state, row, partition);
    }
  },
};

function* bucketRows(state: State, row: TableRow, partition?: PartitionRow): Generator<Row> {
  const of = partition === undefined ? { tableId: row.tableId } : { tableId: row.tableId, partitionId: partition.partitionId };
  for (let bucketId = 0; bucketId < row.bucketCount; bucketId += 1) {
    const bucket = bucketOf(state.buckets, { ...of, bucketId });
    if (bucket === undefined) continue;
    const { bucketEpoch, isr, leader, leaderEpoch, replicas } = bucket;
    yield [
      row.database,
      row.table,
      partition?.name ?? null,
      bucketId,
      leader === noLeader ? null : leader,
      json(replicas),
      json(isr),
      stateOf(bucket, row),
      leaderEpoch,
      bucketEpoch,
      row.tableId,
      partition?.partitionId ?? null,
    ];
  }
}

export const catalogTables: readonly StateTable[] = [buckets, databases, partitions, tables];
