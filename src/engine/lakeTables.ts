import { tableById } from '../../projections/catalog.ts';
import type { State } from '../../projections/state.ts';
import { Table } from '../../projections/table.ts';
import type { TieringRow } from '../../projections/tiering.ts';

/** A lake table and what it is called. */
export interface Named {
  readonly tableId: number;
  readonly database: string;
  readonly table: string;
}
export type Order<T> = (a: T, b: T) => number;
export const inNames: Order<Named> = (a, b) =>
  a.database === b.database ? (a.table < b.table ? -1 : 1) : a.database < b.database ? -1 : 1;

interface Parts<T extends Named> {
  readonly entryOf: (named: Named) => T;
  /** Is told of each row that comes, changes or goes. */
  readonly changed: (entry: T, before: TieringRow | undefined, after: TieringRow | undefined) => void;
}

/** Lake tables by name, with something about each, as of one state. The next one costs what changed since, not a sort. */
export class LakeTables<T extends Named> {
  readonly #parts: Parts<T>;
  #tables: Table<TieringRow> = Table.empty();
  readonly #byId = new Map<number, T>();
  #byName: readonly T[] = [];

  constructor(parts: Parts<T>) {
    this.#parts = parts;
  }

  get byName(): readonly T[] {
    return this.#byName;
  }

  get(tableId: number): T | undefined {
    return this.#byId.get(tableId);
  }

  catchUp({ catalog, tiering: { byTable } }: State): void {
    const { changed, entryOf } = this.#parts;
    const gone = new Set<number>();
    const come: T[] = [];
    for (const { after, before, key } of byTable.changesSince(this.#tables)) {
      const tableId = Number(key);
      const known = this.#byId.get(tableId);
      const named = after === undefined ? undefined : tableById(catalog, tableId);
      if (after !== undefined && named === undefined) throw new Error(`lake table ${tableId} is in no database`);
      // A table keeps its names, but in a process with several logs another one may have its id.
      if (known !== undefined && known.database === named?.database && known.table === named.table) {
        changed(known, before, after);
        continue;
      }
      if (known !== undefined) {
        changed(known, before, undefined);
        gone.add(tableId);
        this.#byId.delete(tableId);
      }
      if (named === undefined) continue;
      const entry = entryOf({ tableId, database: named.database, table: named.table });
      changed(entry, undefined, after);
      this.#byId.set(tableId, entry);
      come.push(entry);
    }
    this.#byName = merged(this.#byName, gone, come, inNames);
    this.#tables = byTable;
  }
}

/** Sorted entries without those that are gone, with those that came: a walk, and a sort of what came. */
export function merged<T extends Named>(entries: readonly T[], gone: ReadonlySet<number>, come: T[], order: Order<T>): readonly T[] {
  if (gone.size === 0 && come.length === 0) return entries;
  come.sort(order);
  const all: T[] = [];
  let next = 0;
  for (const entry of entries) {
    if (gone.has(entry.tableId)) continue;
    for (let more = come[next]; more !== undefined && order(more, entry) < 0; more = come[next]) {
      all.push(more);
      next += 1;
    }
    all.push(entry);
  }
  for (; next < come.length; next += 1) {
    const more = come[next];
    if (more !== undefined) all.push(more);
  }
  return all;
}
