import type { AclResource } from '../../events/acls.ts';
import { type DatabaseRow, databaseOf, databaseRows, defaultDatabase, type TableRow } from '../../projections/catalog.ts';
import type { State } from '../../projections/state.ts';
import { Table } from '../../projections/table.ts';
import { databaseResource, tableResource } from '../deciders/resources.ts';
import { countWhile } from './sorted.ts';

/** Whether somebody sees what is said about a resource. */
export type Sees = (resource: AclResource) => boolean;

type ByDatabase = Map<string, TableRow[]>;
/** The tables of each database by name, as of the version that was asked for last: the next one costs what changed since. */
let newest: { readonly tables: Table<TableRow>; readonly byDatabase: ByDatabase } = { tables: Table.empty(), byDatabase: new Map() };
/** So many tables more or fewer: sorting anew is faster. */
const manyChanges = 1000;

function tablesByDatabase(tables: Table<TableRow>): ReadonlyMap<string, readonly TableRow[]> {
  const isFar = Math.abs(tables.size - newest.tables.size) > manyChanges;
  const byDatabase = isFar ? sorted(tables) : newest.byDatabase;
  if (!isFar)
    for (const { after, before } of tables.changesSince(newest.tables)) {
      if (before !== undefined) remove(byDatabase, before);
      if (after !== undefined) insert(byDatabase, after);
    }
  newest = { tables, byDatabase };
  return byDatabase;
}

function sorted(tables: Table<TableRow>): ByDatabase {
  const byDatabase: ByDatabase = new Map();
  for (const [, row] of tables.rows()) {
    const rows = byDatabase.get(row.database);
    if (rows === undefined) byDatabase.set(row.database, [row]);
    else rows.push(row);
  }
  for (const rows of byDatabase.values()) rows.sort((a, b) => (a.table < b.table ? -1 : 1));
  return byDatabase;
}

const firstFrom = (rows: readonly TableRow[], name: string): number => countWhile(rows, ({ table }) => table < name);

function insert(byDatabase: ByDatabase, row: TableRow): void {
  const rows = byDatabase.get(row.database) ?? [];
  byDatabase.set(row.database, rows);
  rows.splice(firstFrom(rows, row.table), 0, row);
}

/** Another table of the same name may be there already. */
function remove(byDatabase: ByDatabase, { database, table, tableId }: TableRow): void {
  const rows = byDatabase.get(database) ?? [];
  const from = firstFrom(rows, table);
  const at = rows[from]?.tableId === tableId ? from : from + 1;
  rows.splice(at, 1);
  if (rows.length === 0) byDatabase.delete(database);
}

/** The databases that somebody sees, by name. @param after those with greater names alone */
export function* databasesSeen({ catalog }: State, sees: Sees, after = ''): Generator<DatabaseRow> {
  for (const row of databaseRows(catalog)) if (row.database > after && sees(databaseResource(row.database))) yield row;
}

/** The tables of one database that somebody sees, by name: to be read at once. @param after those with greater names alone */
export function* tablesSeen({ catalog }: State, database: string, sees: Sees, after = ''): Generator<TableRow> {
  const rows = tablesByDatabase(catalog.tables).get(database) ?? [];
  for (let at = firstFrom(rows, after); at < rows.length; at += 1) {
    const row = rows[at];
    if (row !== undefined && row.table !== after && sees(tableResource(row))) yield row;
  }
}

/**
 * Whether there is a database of that name, as far as somebody may know: whoever may describe neither it nor anything in it is told what
 * they would be told of one that is not there. The default one is known to everybody, for Flink asks for it when it opens.
 */
export function isDatabaseKnown(state: State, database: string, sees: Sees): boolean {
  if (databaseOf(state.catalog, database) === undefined) return false;
  if (database === defaultDatabase || sees(databaseResource(database))) return true;
  return tablesSeen(state, database, sees).next().done !== true;
}

/** At most `limit` of them, and whether there are more. */
export function page<R>(rows: Iterable<R>, limit: number): { readonly rows: readonly R[]; readonly hasMore: boolean } {
  const taken: R[] = [];
  for (const row of rows) {
    if (taken.length === limit) return { rows: taken, hasMore: true };
    taken.push(row);
  }
  return { rows: taken, hasMore: false };
}
