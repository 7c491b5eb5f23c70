import type { ColumnDefinition } from '../events/catalog.ts';
import { defineProjection, invariant, type Writable } from './kit.ts';
import { Table } from './table.ts';

export interface DatabaseRow {
  readonly database: string;
  readonly comment?: string;
  readonly properties: Readonly<Record<string, string>>;
  /** How many tables it has. */
  readonly tables: number;
  /** Epoch milliseconds; 0 for the one that has been there from the beginning. */
  readonly createdAt: number;
  readonly position: number;
}
export interface TableRow {
  readonly tableId: number;
  readonly database: string;
  readonly table: string;
  readonly columns: readonly ColumnDefinition[];
  readonly primaryKey: readonly string[];
  readonly partitionKeys: readonly string[];
  readonly bucketKeys: readonly string[];
  readonly bucketCount: number;
  readonly replicationFactor: number;
  readonly properties: Readonly<Record<string, string>>;
  readonly comment?: string;
  /** Ascending. */
  readonly partitionIds: readonly number[];
  /** How often its columns were changed, from 1. */
  readonly schemaId: number;
  readonly createdAt: number;
  readonly alteredAt: number;
  /** Of the newest event about it. */
  readonly position: number;
}
export interface PartitionRow {
  readonly tableId: number;
  readonly partitionId: number;
  /** Values in the order of the partition keys, with `$` in between. */
  readonly name: string;
  readonly spec: Readonly<Record<string, string>>;
  readonly createdAt: number;
}
/** Databases, tables and partitions. Where their replicas are is in `buckets`. */
export interface Catalog {
  readonly databases: Table<DatabaseRow>;
  readonly tables: Table<TableRow>;
  /** Ids by `database.table`: a name has no dot. */
  readonly tableIds: Table<number>;
  readonly partitions: Table<PartitionRow>;
  /** Ids by table id and name, `7/2024$eu`. */
  readonly partitionIds: Table<number>;
  readonly nextTableId: number;
  readonly nextPartitionId: number;
}

/** There from the beginning, and never dropped. */
export const defaultDatabase = 'fluss';
const firstDatabase: DatabaseRow = { database: defaultDatabase, properties: {}, tables: 0, createdAt: 0, position: 0 };
const fullName = ({ database, table }: { readonly database: string; readonly table: string }): string => `${database}.${table}`;

export const catalog = defineProjection<Catalog>({
  name: 'catalog',
  version: 1,
  initial: () => ({
    databases: Table.empty<DatabaseRow>().set(defaultDatabase, firstDatabase),
    tables: Table.empty(),
    tableIds: Table.empty(),
    partitions: Table.empty(),
    partitionIds: Table.empty(),
    nextTableId: 0,
    nextPartitionId: 0,
  }),
  on: {
    DatabaseCreated: (state, { event: { data }, at, position }) => {
      invariant(!state.databases.has(data.database), `database ${data.database} exists already`);
      state.databases = state.databases.set(data.database, { ...data, tables: 0, createdAt: at, position });
    },
    DatabaseAltered: (state, { event: { data }, position }) => {
      const row = databaseRow(state, data.database);
      const { comment, removed, set } = data;
      const properties = alteredProperties(row.properties, set, removed);
      state.databases = state.databases.set(data.database, { ...row, properties, ...(comment === undefined ? {} : { comment }), position });
    },
    DatabaseDropped: (state, { event: { data } }) => {
      invariant(databaseRow(state, data.database).tables === 0, `database ${data.database} is not empty`);
      state.databases = state.databases.delete(data.database);
    },
    TableCreated: (state, { event: { data }, at, position }) => {
      invariant(!state.tableIds.has(fullName(data)), `table ${fullName(data)} exists already`);
      invariant(data.tableId >= state.nextTableId, `the table id ${data.tableId} was used before`);
      count(state, data.database, 1);
      const row = { ...data, partitionIds: [], schemaId: 1, createdAt: at, alteredAt: at, position };
      state.tables = state.tables.set(String(data.tableId), row);
      state.tableIds = state.tableIds.set(fullName(data), data.tableId);
      state.nextTableId = data.tableId + 1;
    },
    TableAltered: (state, { event: { data }, at, position }) => {
      const row = tableRow(state, data.tableId);
      const columns = [...row.columns, ...data.columns];
      const properties = alteredProperties(row.properties, data.set, data.removed);
      const schemaId = row.schemaId + (data.columns.length > 0 ? 1 : 0);
      state.tables = state.tables.set(String(data.tableId), { ...row, columns, properties, schemaId, alteredAt: at, position });
    },
    TableDropped: (state, { event: { data } }) => {
      for (const partitionId of tableRow(state, data.tableId).partitionIds) removePartition(state, data.tableId, partitionId);
      count(state, data.database, -1);
      state.tables = state.tables.delete(String(data.tableId));
      state.tableIds = state.tableIds.delete(fullName(data));
    },
    PartitionCreated: (state, { event: { data }, at, position }) => {
      const row = tableRow(state, data.tableId);
      const { partitionId, spec, tableId } = data;
      const name = partitionName(row, spec);
      invariant(!state.partitionIds.has(`${tableId}/${name}`), `table ${fullName(data)} has a partition ${name} already`);
      invariant(partitionId >= state.nextPartitionId, `the partition id ${partitionId} was used before`);
      state.partitions = state.partitions.set(String(partitionId), { tableId, partitionId, name, spec, createdAt: at });
      state.partitionIds = state.partitionIds.set(`${tableId}/${name}`, partitionId);
      state.tables = state.tables.set(String(tableId), { ...row, partitionIds: [...row.partitionIds, partitionId], position });
      state.nextPartitionId = partitionId + 1;
    },
    PartitionDropped: (state, { event: { data }, position }) => {
      const row = tableRow(state, data.tableId);
      removePartition(state, data.tableId, data.partitionId);
      const partitionIds = row.partitionIds.filter((id) => id !== data.partitionId);
      state.tables = state.tables.set(String(data.tableId), { ...row, partitionIds, position });
    },
  },
});

function databaseRow(state: Writable<Catalog>, database: string): DatabaseRow {
  const row = state.databases.get(database);
  invariant(row !== undefined, `there is no database ${database}`);
  return row;
}

function tableRow(state: Writable<Catalog>, tableId: number): TableRow {
  const row = state.tables.get(String(tableId));
  invariant(row !== undefined, `there is no table with the id ${tableId}`);
  return row;
}

function count(state: Writable<Catalog>, database: string, more: number): void {
  const row = databaseRow(state, database);
  state.databases = state.databases.set(database, { ...row, tables: row.tables + more });
}

function removePartition(state: Writable<Catalog>, tableId: number, partitionId: number): void {
  const row = state.partitions.get(String(partitionId));
  invariant(row?.tableId === tableId, `table ${tableId} has no partition with the id ${partitionId}`);
  state.partitions = state.partitions.delete(String(partitionId));
  state.partitionIds = state.partitionIds.delete(`${tableId}/${row.name}`);
}

type Properties = Readonly<Record<string, string>>;
/** What properties become. */
export const alteredProperties = (present: Properties, set: Properties, removed: readonly string[]): Properties =>
  Object.fromEntries(Object.entries({ ...present, ...set }).filter(([key]) => !removed.includes(key)));

/** `2024$eu`: how Fluss calls a partition. */
export const partitionName = ({ partitionKeys }: Pick<TableRow, 'partitionKeys'>, spec: Properties): string =>
  partitionKeys.map((key) => spec[key] ?? '').join('$');
export const databaseOf = (state: Catalog, database: string): DatabaseRow | undefined => state.databases.get(database);
/** What a table is found by. */
export type TableNames = Pick<Catalog, 'tableIds' | 'tables'>;
export const tableById = (state: Pick<Catalog, 'tables'>, tableId: number): TableRow | undefined => state.tables.get(String(tableId));
export function tableOf(state: TableNames, database: string, table: string): TableRow | undefined {
  const id = state.tableIds.get(fullName({ database, table }));
  return id === undefined ? undefined : tableById(state, id);
}
/** By its name, such as `2024$eu`. */
export function partitionOf(state: Catalog, tableId: number, name: string): PartitionRow | undefined {
  const id = state.partitionIds.get(`${tableId}/${name}`);
  return id === undefined ? undefined : partitionById(state, id);
}
export const partitionById = (state: Catalog, partitionId: number): PartitionRow | undefined => state.partitions.get(String(partitionId));
/** All of them, names ascending. */
export const databaseRows = (state: Catalog): readonly DatabaseRow[] =>
  [...state.databases.rows()].map(([, row]) => row).sort((a, b) => (a.database < b.database ? -1 : 1));
/** All of them, by database and name; looks at each, as listings may. */
export const tableRows = (state: Catalog): readonly TableRow[] =>
  [...state.tables.rows()]
    .map(([, row]) => [fullName(row), row] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, row]) => row);
/** Those of one database, by name; looks at each of all databases. */
export function tablesOf(state: Catalog, database: string): readonly TableRow[] {
  const found: TableRow[] = [];
  for (const [, row] of state.tables.rows()) if (row.database === database) found.push(row);
  return found.sort((a, b) => (a.table < b.table ? -1 : 1));
}
