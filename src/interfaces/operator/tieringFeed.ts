import { tableById } from '../../../projections/catalog.ts';
import type { State } from '../../../projections/state.ts';
import { Table } from '../../../projections/table.ts';
import type { TieringRow } from '../../../projections/tiering.ts';
import type { Node } from '../../engine/node.ts';
import { statusOf, type TieringScope, type TieringStatus } from '../../engine/tieringListing.ts';
import type { Rejection } from '../../rejection.ts';
import type { Feed, Reader } from './streamConnection.ts';

/** At most four looks a second, and about so many characters at a time into the socket. */
const limits = { pauseMs: 250, blockCharacters: 64 * 1024 } as const;

export interface TieringFeedParts {
  readonly node: Pick<Node, 'state'>;
  readonly scope: TieringScope;
  /** Why the reader may not have more. */
  denied(): Rejection | undefined;
}
type Told = Omit<TieringStatus, 'status'> & { readonly status: TieringStatus['status'] | 'Removed' };

/** Where lake tables stand: each of them, then each that changes, without an end. What changes between two looks is told in one. */
export class TieringFeed implements Feed {
  readonly #parts: TieringFeedParts;
  /** What the reader knows. */
  #before: State | undefined;

  constructor(parts: TieringFeedParts) {
    this.#parts = parts;
  }

  get greeting(): string {
    const { database, table } = this.#parts.scope;
    if (database === undefined) return 'follows all lake tables';
    return table === undefined ? `follows lake tables of ${database}` : `follows ${database}.${table}`;
  }
  get seen(): number {
    return this.#before?.position ?? 0;
  }

  async forward(to: Reader): Promise<void> {
    const { node } = this.#parts;
    if (this.#parts.denied() !== undefined) return to.end(); // Whoever comes back is told.
    const { state } = node;
    const hasChanged = this.#before === undefined || this.#before.tiering.byTable !== state.tiering.byTable;
    if (hasChanged) {
      await this.#tell(to, this.#before, state);
      await to.pause(limits.pauseMs);
    }
    this.#before = state;
    await to.woken(() => node.state.position > state.position);
  }

  async #tell(to: Reader, before: State | undefined, after: State): Promise<void> {
    let block = '';
    for (const told of this.#changes(before, after)) {
      block += `id: ${after.position}\ndata: ${JSON.stringify(told)}\n\n`;
      if (block.length < limits.blockCharacters) continue;
      await to.write(block);
      block = '';
      if (to.isOver) return;
    }
    if (block !== '') await to.write(block);
  }

  /** Those that are gone come first: their names may be those of others by now. */
  *#changes(before: State | undefined, after: State): Generator<Told> {
    const known = before?.tiering.byTable ?? Table.empty<TieringRow>();
    if (before !== undefined)
      for (const change of after.tiering.byTable.changesSince(known)) {
        const gone = change.after === undefined && change.before !== undefined ? this.#statusIn(before, change.before) : undefined;
        if (gone !== undefined) yield { ...gone, status: 'Removed' };
      }
    for (const change of after.tiering.byTable.changesSince(known)) {
      const status = change.after === undefined ? undefined : this.#statusIn(after, change.after);
      if (status !== undefined) yield status;
    }
  }

  /** @returns undefined for a table that is not followed */
  #statusIn({ catalog }: State, row: TieringRow): TieringStatus | undefined {
    const { database, table } = this.#parts.scope;
    const named = tableById(catalog, row.tableId);
    if (named === undefined || (database ?? named.database) !== named.database || (table ?? named.table) !== named.table) return undefined;
    return statusOf(row, named);
  }
}
