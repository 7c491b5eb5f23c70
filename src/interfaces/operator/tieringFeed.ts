import { setImmediate as nextTurn } from 'node:timers/promises';
import { type TableNames, type TableRow, tableById, tableOf } from '../../../projections/catalog.ts';
import type { State } from '../../../projections/state.ts';
import { Table } from '../../../projections/table.ts';
import { type Tiering, type TieringRow, tieringOf } from '../../../projections/tiering.ts';
import type { Node } from '../../engine/node.ts';
import { statusOf, type TieringScope, type TieringStatus } from '../../engine/tieringListing.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Rejection } from '../../rejection.ts';
import type { Feed, Reader } from './streamConnection.ts';

/**
 * `pauseMs`: at most four looks a second. `blockCharacters` or `rowsPerTurn`, whichever comes first, is what one turn takes: about 1 ms.
 * `lookMs`: so long may a reader take over one look, for it holds the tables as they were.
 */
export const tieringFeedLimits = { pauseMs: 250, blockCharacters: 64 * 1024, rowsPerTurn: 500, lookMs: 60_000 } as const;

/** All streams of a node take turns, and everything else that waits runs after each: many of them keep it waiting no longer than one. */
export class FeedTurns {
  #last: Promise<void> = Promise.resolve();

  next(): Promise<void> {
    this.#last = this.#last.then(() => nextTurn());
    return this.#last;
  }
}

/** Lake tables at one position, and what they are called. */
interface Sight {
  readonly position: number;
  readonly names: TableNames;
  readonly byTable: Tiering['byTable'];
}
const sightOf = ({ catalog: { tableIds, tables }, position, tiering: { byTable } }: State): Sight => ({
  position,
  names: { tableIds, tables },
  byTable,
});
const nothing: Sight = { position: 0, names: { tableIds: Table.empty(), tables: Table.empty() }, byTable: Table.empty() };

export interface TieringFeedParts {
  readonly node: Pick<Node, 'state'>;
  readonly clock: Pick<Clock, 'now'>;
  readonly turns: FeedTurns;
  readonly scope: TieringScope;
  /** What the reader knows already; absent: nothing. */
  readonly known?: State;
  /** Why the reader may not have more. */
  denied(): Rejection | undefined;
}
type Told = Omit<TieringStatus, 'status'> & { readonly status: TieringStatus['status'] | 'Removed' };

/** Where lake tables stand: each of them, then each that changes, without an end. What changes between two looks is told in one. */
export class TieringFeed implements Feed {
  readonly #parts: TieringFeedParts;
  /** What the reader knows. */
  #before: Sight;

  constructor(parts: TieringFeedParts) {
    this.#parts = parts;
    this.#before = parts.known === undefined ? nothing : sightOf(parts.known);
  }

  get greeting(): string {
    const { database, table } = this.#parts.scope;
    if (database === undefined) return 'follows all lake tables';
    return table === undefined ? `follows lake tables of ${database}` : `follows ${database}.${table}`;
  }
  get seen(): number {
    return this.#before.position;
  }

  async forward(to: Reader): Promise<void> {
    const { node } = this.#parts;
    if (this.#parts.denied() !== undefined) return to.end(); // Whoever comes back is told.
    const now = sightOf(node.state);
    if (this.#before.byTable !== now.byTable) {
      await this.#tell(to, now);
      await to.pause(tieringFeedLimits.pauseMs);
    }
    this.#before = now;
    await to.woken(() => node.state.position > now.position);
  }

  /** A block to a turn. A reader that takes too long is ended, and may come back. */
  async #tell(to: Reader, now: Sight): Promise<void> {
    const { clock, scope, turns } = this.#parts;
    const until = clock.now() + tieringFeedLimits.lookMs;
    const { database, table } = scope;
    const changes =
      database === undefined || table === undefined
        ? changesOf(this.#before, now, database)
        : changesOfOne(this.#before, now, { database, table });
    for (let isDone = false; !isDone; ) {
      await turns.next();
      if (to.isOver) return;
      const next = nextBlock(changes, now.position);
      if (next.block !== '') await to.write(next.block);
      isDone = next.isDone;
      if (!isDone && clock.now() >= until) return to.end();
    }
  }
}

/** @param changes undefined stands for a row that was looked at, and is not to be told of */
function nextBlock(changes: Iterator<Told | undefined, void>, position: number): { readonly block: string; readonly isDone: boolean } {
  let block = '';
  for (let looked = 0; looked < tieringFeedLimits.rowsPerTurn && block.length < tieringFeedLimits.blockCharacters; looked += 1) {
    const { done, value } = changes.next();
    if (done === true) return { block, isDone: true };
    if (value !== undefined) block += `id: ${position}\ndata: ${JSON.stringify(value)}\n\n`;
  }
  return { block, isDone: false };
}

/** Those that are gone come first: their names may be those of others by now. */
function* changesOf(before: Sight, now: Sight, database: string | undefined): Generator<Told | undefined, void> {
  // To who knows of none, none can be gone.
  if (before.byTable.size > 0)
    for (const change of now.byTable.changesSince(before.byTable)) {
      const gone = change.after === undefined ? statusIn(before.names, change.before, database) : undefined;
      yield gone === undefined ? undefined : { ...gone, status: 'Removed' };
    }
  for (const change of now.byTable.changesSince(before.byTable)) yield statusIn(now.names, change.after, database);
}

/** @returns undefined for a table that is not in the database, if one is named, or is no lake table */
function statusIn(names: TableNames, row: TieringRow | undefined, database: string | undefined): TieringStatus | undefined {
  const named = row === undefined ? undefined : tableById(names, row.tableId);
  if (row === undefined || named === undefined || (database ?? named.database) !== named.database) return undefined;
  return statusOf(row, named);
}

/** Looked up by its name: another table may have it by now. */
function* changesOfOne(before: Sight, now: Sight, name: Pick<TableRow, 'database' | 'table'>): Generator<Told, void> {
  const [was, is] = [rowIn(before, name), rowIn(now, name)];
  if (was !== undefined && was.tableId !== is?.tableId) yield { ...statusOf(was, name), status: 'Removed' };
  if (is !== undefined && is !== was) yield statusOf(is, name);
}

function rowIn(sight: Sight, { database, table }: Pick<TableRow, 'database' | 'table'>): TieringRow | undefined {
  const named = tableOf(sight.names, database, table);
  return named === undefined ? undefined : tieringOf(sight, named.tableId);
}
