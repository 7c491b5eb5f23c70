import { isObject, type Json, type JsonObject, listOf, textOf } from './queryTree.ts';

/**
 * The columns that a query looks at, in lower case, so that the others need not be there: every name that it writes where a column may
 * stand. Whatever may mean columns without naming them (a star, a natural join, a whole row, other names for columns by their place)
 * needs all of them, and so does any name that is none of a column's: the message about it names those there are.
 * @param node the query's tree
 * @param known the columns of all tables that it names, in lower case
 * @returns undefined for all of them
 */
export function columnsLookedAt(node: JsonObject, known: ReadonlySet<string>): ReadonlySet<string> | undefined {
  const found = new Looked();
  found.walk(node);
  const needed = new Set(found.using);
  for (const parts of found.references) {
    const [only = ''] = parts;
    if (parts.length === 1 && found.tableNames.has(only)) return undefined;
    const columns = parts.filter((part) => known.has(part));
    if (columns.length === 0 && (parts.length > 1 || !found.aliases.has(only))) return undefined;
    for (const column of columns) needed.add(column);
  }
  return found.needsAll ? undefined : needed;
}

const lower = (value: Json | undefined): string => textOf(value).toLowerCase();

class Looked {
  /** What stands where a column may, in parts: `e.position`. */
  readonly references: (readonly string[])[] = [];
  readonly using = new Set<string>();
  /** Names that the query gives to what it computes. */
  readonly aliases = new Set<string>();
  /** Names of tables, and those that it gives to tables and queries. */
  readonly tableNames = new Set<string>();
  needsAll = false;

  walk(value: Json): void {
    if (typeof value !== 'object' || value === null) return;
    if (!isObject(value)) for (const item of value) this.walk(item);
    else {
      if (typeof value['class'] === 'string') this.#expression(value, value['class']);
      else this.#table(value);
      for (const child of Object.values(value)) this.walk(child);
    }
  }

  #expression(value: JsonObject, kind: string): void {
    if (kind === 'STAR' || kind === 'POSITIONAL_REFERENCE') this.needsAll = true;
    if (kind === 'COLUMN_REF') this.references.push(listOf(value['column_names']).map(lower));
    if (lower(value['alias']) !== '') this.aliases.add(lower(value['alias']));
  }

  #table(value: JsonObject): void {
    for (const name of [value['alias'], value['table_name']]) if (lower(name) !== '') this.tableNames.add(lower(name));
    for (const column of listOf(value['using_columns'])) this.using.add(lower(column));
    const isRenamed = listOf(value['column_name_alias']).length > 0;
    if (isRenamed || value['ref_type'] === 'NATURAL' || value['type'] === 'PIVOT') this.needsAll = true;
  }
}
