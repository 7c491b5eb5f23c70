/** What SHOW and DESCRIBE say of databases, tables and partitions, in Flink's columns. */
import { type DatabaseRow, databaseOf, partitionById, type TableRow, tableOf } from '../../../projections/catalog.ts';
import type { State } from '../../../projections/state.ts';
import { specText } from '../../deciders/tableRules.ts';
import type { Sees } from '../../engine/catalogListing.ts';
import { databasesSeen, isDatabaseKnown, tablesSeen } from '../../engine/catalogListing.ts';
import { type Rejection, rejection } from '../../rejection.ts';
import type { PartitionSpec } from './ast.ts';
import { isSystem, type NamedDatabase, type NamedTable, systemDatabase } from './catalogNames.ts';
import type { ArgumentFault, Column } from './procedure.ts';

export interface Shown {
  readonly columns: readonly Column[];
  readonly rows: readonly (readonly (string | null)[])[];
}
const text = (name: string): Column => ({ name, type: 'STRING' });
const texts = (...names: readonly string[]): readonly Column[] => names.map(text);
const fault = (reason: Rejection, span?: { readonly start: number }): ArgumentFault => ({
  reason,
  ...(span === undefined ? {} : { offset: span.start }),
});

const unknownDatabase = ({ database, span }: NamedDatabase): ArgumentFault =>
  fault(rejection('UNKNOWN_DATABASE', '', `Database ${database.slice(0, 201)} does not exist.`), span);

/** Whether there is a database that somebody may know of. @returns UNKNOWN_DATABASE in Fluss's words */
export function databaseFault(state: State, named: NamedDatabase, sees: Sees): ArgumentFault | undefined {
  const { database } = named;
  return isSystem(database) || isDatabaseKnown(state, database, sees) ? undefined : unknownDatabase(named);
}

/** With the virtual one, by name. */
export const databaseNames = (state: State, sees: Sees): readonly string[] =>
  [...[...databasesSeen(state, sees)].map(({ database }) => database), systemDatabase].sort();

/** @returns UNKNOWN_DATABASE in Fluss's words */
export function tableNames(state: State, named: NamedDatabase, sees: Sees): readonly string[] | ArgumentFault {
  if (!isDatabaseKnown(state, named.database, sees)) return unknownDatabase(named);
  return [...tablesSeen(state, named.database, sees)].map(({ table }) => table);
}

/** @returns UNKNOWN_TABLE in Fluss's words */
export function tableWanted(state: State, { database, table, tableSpan }: NamedTable): TableRow | ArgumentFault {
  const row = tableOf(state.catalog, database, table);
  if (row !== undefined) return row;
  return fault(rejection('UNKNOWN_TABLE', '', `Table '${database.slice(0, 201)}.${table.slice(0, 201)}' does not exist.`), tableSpan);
}
export function databaseWanted(state: State, named: NamedDatabase): DatabaseRow | ArgumentFault {
  const row = databaseOf(state.catalog, named.database);
  if (row !== undefined) return row;
  return fault(rejection('UNKNOWN_DATABASE', '', `Database '${named.database.slice(0, 201)}' does not exist.`), named.span);
}

const yes = 'TRUE';
/** DESCRIBE. Comments have a column of their own where there are any. */
export function describedTable({ columns, primaryKey }: TableRow): Shown {
  const hasComments = columns.some(({ comment }) => comment !== undefined);
  return {
    columns: texts('name', 'type', 'null', 'key', 'extras', 'watermark', ...(hasComments ? ['comment'] : [])),
    rows: columns.map(({ comment, isNullable, name, type }) => [
      name,
      type,
      isNullable ? yes : 'FALSE',
      primaryKey.includes(name) ? `PRI(${primaryKey.join(', ')})` : null,
      null,
      null,
      ...(hasComments ? [comment ?? null] : []),
    ]),
  };
}

/** DESCRIBE DATABASE; its properties with EXTENDED. */
export function describedDatabase({ comment, database, properties }: DatabaseRow, catalog: string, extended: boolean): Shown {
  const items = Object.entries(properties).map(([key, value]) => `(${key},${value})`);
  return {
    columns: texts('database description item', 'database description value'),
    rows: [
      ['Name', database],
      ['Catalog', catalog],
      ['Comment', comment ?? ''],
      ...(extended ? [['Properties', items.length === 0 ? '' : `(${items.sort().join(', ')})`]] : []),
    ],
  };
}

/** SHOW PARTITIONS: those whose columns have the values given. @returns NOT_PARTITIONED or INVALID_PARTITION */
export function shownPartitions({ catalog }: State, row: TableRow, wanted: PartitionSpec | undefined): Shown | ArgumentFault {
  const full = `${row.database}.${row.table}`;
  if (row.partitionKeys.length === 0) return fault(rejection('NOT_PARTITIONED', '', `Table '${full}' is not a partitioned table.`));
  const values = wanted?.values ?? [];
  const other = values.find(({ column }) => !row.partitionKeys.includes(column.text));
  if (other !== undefined) {
    const detail = `'${other.column.text.slice(0, 100)}' is no partition key of ${full}; those are ${row.partitionKeys.join(', ')}`;
    return fault(rejection('INVALID_PARTITION', '', detail), other.column.span);
  }
  const specs = row.partitionIds.map((id) => partitionById(catalog, id)?.spec ?? {});
  const fitting = specs.filter((spec) => values.every(({ column, value }) => spec[column.text] === value.text));
  return { columns: texts('partition name'), rows: fitting.map((spec) => [specText(spec)]) };
}

const name = (given: string): string => `\`${given.replaceAll('`', '``')}\``;
const names = (given: readonly string[]): string => given.map(name).join(', ');
const quoted = (given: string): string => `'${given.replaceAll("'", "''")}'`;
const comment = (given: string | undefined): string => (given === undefined ? '' : ` COMMENT ${quoted(given)}`);

/** SHOW CREATE TABLE: a statement that makes an equal table. */
export function createStatement(row: TableRow, catalog: string): string {
  const { bucketKeys, columns, partitionKeys, primaryKey, properties } = row;
  const lines = columns.map(
    (column) => `  ${name(column.name)} ${column.type}${column.isNullable ? '' : ' NOT NULL'}${comment(column.comment)}`,
  );
  if (primaryKey.length > 0)
    lines.push(`  CONSTRAINT ${name(`PK_${primaryKey.join('_')}`.slice(0, 200))} PRIMARY KEY (${names(primaryKey)}) NOT ENFORCED`);
  // Without a word about them the buckets go by the key that is left; a name with a comma in it could not be said here.
  const isByKey = bucketKeys.join('\n') === primaryKey.filter((each) => !partitionKeys.includes(each)).join('\n');
  const options = Object.entries({
    ...properties,
    ...(isByKey ? {} : { 'bucket.key': bucketKeys.join(',') }),
    'bucket.num': String(row.bucketCount),
    'table.replication.factor': String(row.replicationFactor),
  }).sort(([a], [b]) => (a < b ? -1 : 1));
  return [
    `CREATE TABLE ${[catalog, row.database, row.table].map(name).join('.')} (`,
    lines.join(',\n'),
    `)${row.comment === undefined ? '' : `\nCOMMENT ${quoted(row.comment)}`}`,
    ...(partitionKeys.length === 0 ? [] : [`PARTITIONED BY (${names(partitionKeys)})`]),
    'WITH (',
    options.map(([key, value]) => `  ${quoted(key)} = ${quoted(value)}`).join(',\n'),
    ')',
  ].join('\n');
}
