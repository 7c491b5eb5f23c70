import type { AclResource } from '../../events/acls.ts';
import { type DatabaseRow, databaseRows, type TableRow, tableRows } from '../../projections/catalog.ts';
import type { State } from '../../projections/state.ts';
import { databaseResource, tableResource } from '../deciders/resources.ts';

/** Whether somebody sees what is said about a resource. */
export type Sees = (resource: AclResource) => boolean;

/** Sorted once for each version of the tables. */
const sortedTables = new WeakMap<object, readonly TableRow[]>();
const sortedDatabases = new WeakMap<object, readonly DatabaseRow[]>();

function memo<R>(kept: WeakMap<object, readonly R[]>, key: object, make: () => readonly R[]): readonly R[] {
  const known = kept.get(key);
  if (known !== undefined) return known;
  const made = make();
  kept.set(key, made);
  return made;
}

/** The databases that somebody sees, by name. @param after those with greater names alone */
export function* databasesSeen({ catalog }: State, sees: Sees, after = ''): Generator<DatabaseRow> {
  const rows = memo(sortedDatabases, catalog.databases, () => databaseRows(catalog));
  for (const row of rows) if (row.database > after && sees(databaseResource(row.database))) yield row;
}

/** The tables of one database that somebody sees, by name. @param after those with greater names alone */
export function* tablesSeen({ catalog }: State, database: string, sees: Sees, after = ''): Generator<TableRow> {
  const rows = memo(sortedTables, catalog.tables, () => tableRows(catalog));
  for (let at = firstAfter(rows, `${database}.${after}`); at < rows.length; at += 1) {
    const row = rows[at];
    if (row?.database !== database) return;
    if (sees(tableResource(row))) yield row;
  }
}

/** The first of the rows, which are sorted by `database.table`, that is greater. */
function firstAfter(rows: readonly TableRow[], name: string): number {
  let [low, high] = [0, rows.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    const row = rows[middle];
    if (row !== undefined && `${row.database}.${row.table}` <= name) low = middle + 1;
    else high = middle;
  }
  return low;
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
