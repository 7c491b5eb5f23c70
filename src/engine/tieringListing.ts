import { databaseOf, type TableRow, tableOf } from '../../projections/catalog.ts';
import type { State } from '../../projections/state.ts';
import { Table } from '../../projections/table.ts';
import { dueAtOf, type Tiering, type TieringRow, tieringOf } from '../../projections/tiering.ts';
import type { RestingState } from '../../projections/tieringStates.ts';
import { databaseResource, tableResource } from '../deciders/resources.ts';
import { type Rejection, rejection } from '../rejection.ts';
import type { Sees } from './catalogListing.ts';
import { inNames, LakeTables, merged, type Named, type Order } from './lakeTables.ts';
import { countWhile } from './sorted.ts';

/** What is told of a lake table. Times are epoch milliseconds. */
export interface TieringStatus {
  readonly tableId: number;
  readonly database: string;
  readonly table: string;
  readonly status: RestingState;
  readonly tieringEpoch: number;
  readonly lastTieredAt?: number;
  readonly lastError?: string;
  readonly lastErrorAt?: number;
  /** When it came into its state. */
  readonly since: number;
  readonly freshnessMs: number;
  /** When its timer runs off; only while Scheduled. */
  readonly dueAt?: number;
  /** When its data in the lake is older than its freshness allows, or since when it is. */
  readonly staleAt: number;
  readonly failures: number;
  readonly failuresInRow: number;
  /** When the first of those failed. */
  readonly failingSince?: number;
  /** Only while Tiering. */
  readonly service?: string;
  readonly lastDurationMs?: number;
  readonly fileBytes?: number;
  readonly records?: number;
}

/** @param named the row of the same table in the catalog, or as much of it */
export function statusOf(row: TieringRow, { database, table }: Pick<TableRow, 'database' | 'table'>): TieringStatus {
  const { errorAt, errorText, failingSince, fileBytes, lastDurationMs, lastTieredAt, records, service, state } = row;
  const { failures, failuresInRow, freshnessMs, since, tableId, tieringEpoch } = row;
  return {
    tableId,
    database,
    table,
    status: state,
    tieringEpoch,
    ...(lastTieredAt === undefined ? {} : { lastTieredAt }),
    ...(errorText === undefined ? {} : { lastError: errorText }),
    ...(errorAt === undefined ? {} : { lastErrorAt: errorAt }),
    since,
    freshnessMs,
    ...(state === 'Scheduled' ? { dueAt: dueAtOf(row) } : {}),
    staleAt: dueAtOf(row),
    failures,
    failuresInRow,
    ...(failingSince === undefined ? {} : { failingSince }),
    ...(service === undefined ? {} : { service }),
    ...(lastDurationMs === undefined ? {} : { lastDurationMs }),
    ...(fileBytes === undefined ? {} : { fileBytes }),
    ...(records === undefined ? {} : { records }),
  };
}

/** One table, one database, or, when neither is named, all. */
export interface TieringScope {
  readonly database?: string | undefined;
  readonly table?: string | undefined;
}
export interface TieringQuery extends TieringScope {
  /** Those alone whose newest round failed. */
  readonly isFailing: boolean;
  /** `worst`: see `worstFirst`. */
  readonly order: 'name' | 'worst';
  readonly limit: number;
  readonly offset: number;
}
export interface TieringPage {
  readonly tables: readonly TieringStatus[];
  /** Without `limit` and `offset`. */
  readonly total: number;
  /** The next page begins there; absent at the end. */
  readonly next?: number;
  /** Of the scope. */
  readonly counts: Readonly<Record<RestingState, number>>;
  /** Of the scope: how many tables' newest round failed. */
  readonly failing: number;
}

/**
 * What is missing, for those alone who may know: others are told nothing, as of a table that is there and is not tiered.
 * @param sees whether whoever asks may DESCRIBE it
 * @returns UNKNOWN_DATABASE, UNKNOWN_TABLE
 */
export function faultOfScope({ catalog }: State, { database, table }: TieringScope, sees: Sees): Rejection | undefined {
  if (database === undefined) return undefined;
  const isMissing = databaseOf(catalog, database) === undefined && sees(databaseResource(database));
  const noDatabase = () => rejection('UNKNOWN_DATABASE', 'database', `Database '${database.slice(0, 201)}' does not exist.`);
  if (table === undefined) return isMissing ? noDatabase() : undefined;
  if (tableOf(catalog, database, table) !== undefined || !sees(tableResource({ database, table }))) return undefined;
  return isMissing ? noDatabase() : rejection('UNKNOWN_TABLE', 'table', `Table '${database}.${table.slice(0, 201)}' does not exist.`);
}

/** What ranks a lake table. */
export interface Ranked extends Named {
  /** When its timer runs off or ran off, whatever state it is in; epoch milliseconds. */
  readonly dueAt: number;
  readonly failuresInRow: number;
}
/** @param named the row of the same table in the catalog, or as much of it */
export const rankedOf = (row: TieringRow, { database, table }: Pick<TableRow, 'database' | 'table'>): Ranked => ({
  tableId: row.tableId,
  database,
  table,
  dueAt: dueAtOf(row),
  failuresInRow: row.failuresInRow,
});

/**
 * The order in which lake tables need somebody, wherever they are listed: those that failed most often in a row, then those that are
 * latest, then by name. How late a table is differs from when it is due by what is the same for all: now.
 */
export const worstFirst: Order<Ranked> = (a, b) => b.failuresInRow - a.failuresInRow || a.dueAt - b.dueAt || inNames(a, b);

type Counts = { readonly counts: Record<RestingState, number>; failing: number };
type Mutable<T> = { -readonly [K in keyof T]: T[K] };
const noCounts = (): Counts => ({ counts: { Scheduled: 0, Pending: 0, Tiering: 0 }, failing: 0 });

/**
 * Lake tables in the orders in which they are listed. Each order is kept, and what changed since it was asked for last is worked into it:
 * a page costs its rows and those changes, not a sort. Use one for the states of one log, which gives a table one name for good.
 */
export class TieringListing {
  readonly #tables = new LakeTables<Named>({
    entryOf: (named) => named,
    changed: (named, before, after) => {
      if (before !== undefined) this.#count(named, before, -1);
      if (after !== undefined) this.#count(named, after, 1);
    },
  });
  readonly #byDatabase = new Map<string, Counts>();
  #failing: Table<true> = Table.empty();
  #failingByName: readonly Named[] = [];
  #ranked: Table<TieringRow> = Table.empty();
  #byRank: readonly Ranked[] = [];

  /** Of what is not there, an empty page. */
  page(state: State, query: TieringQuery): TieringPage {
    const { tiering } = state;
    this.#tables.catchUp(state);
    this.#catchUpFailing(tiering);
    const { counts, failing } = this.#countsOf(state, query);
    const total = query.isFailing ? failing : counts.Scheduled + counts.Pending + counts.Tiering;
    const end = Math.min(total, query.offset + query.limit);
    const tables: TieringStatus[] = [];
    for (const named of query.offset < end ? this.#inOrder(state, query, end) : []) {
      const row = tieringOf(tiering, named.tableId);
      if (row !== undefined) tables.push(statusOf(row, named));
    }
    return { tables, total, ...(end < total ? { next: end } : {}), counts, failing };
  }

  #catchUpFailing({ failing }: Tiering): void {
    const healthy = new Set<number>();
    const come: Named[] = [];
    for (const { after, key } of failing.changesSince(this.#failing)) {
      const named = this.#tables.get(Number(key));
      if (after === undefined) healthy.add(Number(key));
      else if (named !== undefined) come.push(named);
    }
    this.#failingByName = merged(this.#failingByName, healthy, come, inNames);
    this.#failing = failing;
  }

  #count({ database }: Named, { failuresInRow, state }: TieringRow, more: 1 | -1): void {
    const own = this.#byDatabase.get(database) ?? noCounts();
    own.counts[state] += more;
    if (failuresInRow > 0) own.failing += more;
    const { Pending, Scheduled, Tiering: running } = own.counts;
    if (Pending + Scheduled + running === 0) this.#byDatabase.delete(database);
    else this.#byDatabase.set(database, own);
  }

  #countsOf(state: State, { database, table }: TieringScope): Counts {
    const { counts, failing } = state.tiering;
    if (database === undefined) return { counts: { ...counts }, failing: failing.size };
    const own: Mutable<Counts> = noCounts();
    if (table === undefined) {
      const kept = this.#byDatabase.get(database);
      return kept === undefined ? own : { counts: { ...kept.counts }, failing: kept.failing };
    }
    const row = rowOf(state, database, table);
    if (row !== undefined) own.counts[row.state] = 1;
    if ((row?.failuresInRow ?? 0) > 0) own.failing = 1;
    return own;
  }

  /** @param end where the page ends: beyond its offset, and not beyond what there is */
  #inOrder(state: State, { database, isFailing, offset, order, table }: TieringQuery, end: number): readonly Named[] {
    if (database !== undefined && table !== undefined) {
      const row = rowOf(state, database, table);
      return row === undefined ? [] : [{ tableId: row.tableId, database, table }];
    }
    if (order === 'name') {
      const names = isFailing ? this.#failingByName : this.#tables.byName;
      const first = database === undefined ? 0 : countWhile(names, (named) => named.database < database);
      return names.slice(first + offset, first + end);
    }
    const ranked = this.#worstFirst(state.tiering); // Those that fail come first.
    return database === undefined ? ranked.slice(offset, end) : firstOf(ranked, database, end).slice(offset);
  }

  /** Names are up to date. */
  #worstFirst({ byTable }: Tiering): readonly Ranked[] {
    const gone = new Set<number>();
    const come: Ranked[] = [];
    for (const { after, before, key } of byTable.changesSince(this.#ranked)) {
      const named = this.#tables.get(Number(key));
      if (before !== undefined) gone.add(before.tableId);
      if (after !== undefined && named !== undefined) come.push(rankedOf(after, named));
    }
    this.#byRank = merged(this.#byRank, gone, come, worstFirst);
    this.#ranked = byTable;
    return this.#byRank;
  }
}

function rowOf({ catalog, tiering }: State, database: string, table: string): TieringRow | undefined {
  const named = tableOf(catalog, database, table);
  return named === undefined ? undefined : tieringOf(tiering, named.tableId);
}

/** The first so many of one database. */
function firstOf(ranked: readonly Ranked[], database: string, count: number): readonly Ranked[] {
  const found: Ranked[] = [];
  for (const each of ranked) {
    if (each.database === database) found.push(each);
    if (found.length === count) break;
  }
  return found;
}
