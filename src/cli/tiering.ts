import type { Provenance } from '../engine/node.ts';
import type { TieringPage, TieringStatus } from '../engine/tieringListing.ts';
import { refusal, wrongUsage } from './exit.ts';
import { grouped } from './moments.ts';
import { OperatorClient, type OperatorOptions } from './operatorClient.ts';
import { harmless, type Terminal, write } from './terminal.ts';
import { nextSteps, renderCounts, renderStaleness, renderTable, renderTables, type Scope, type TieringBoard } from './tieringView.ts';

export interface StatusOptions extends OperatorOptions {
  readonly failing?: boolean;
  readonly json?: boolean;
  readonly limit: number;
}

const pageLength = 1000;

/** @param name `shop.orders`, `shop`, or nothing @throws CommandFailure for what is no such name */
export function scopeOf(name: string | undefined): Scope {
  if (name === undefined) return {};
  const [, database, table] = /^([^.]+)(?:\.([^.]+))?$/.exec(name) ?? [];
  if (database === undefined) throw wrongUsage(`'${name}' is no table`, 'Give DATABASE.TABLE, such as shop.orders, or a database.');
  return table === undefined ? { database } : { database, table };
}

/** The worst tables, or the one that is named. @throws CommandFailure when that one is not tiered; Refused when there is no such table */
export async function boardOf(client: OperatorClient, scope: Scope, { failing, limit }: StatusOptions): Promise<TieringBoard> {
  const { database, table } = scope;
  const only = { ...scope, order: 'worst', failing: failing === true && table === undefined ? true : undefined };
  const tables = new Map<number, TieringStatus>();
  for (let offset: number | undefined = 0; ; ) {
    const query = { ...only, limit: Math.min(pageLength, limit - tables.size), offset };
    const { next, ...page } = (await client.json({ path: '/v1/tiering/statuses', query })) as TieringPage & {
      readonly provenance: Provenance;
    };
    // Between two pages tables may change places: one that comes again is told of once, as it is now.
    for (const status of page.tables) tables.set(status.tableId, status);
    offset = next;
    if (offset !== undefined && tables.size < limit) continue;
    if (table !== undefined && tables.size === 0) throw notTiered(`${database}.${table}`);
    return { ...page, tables: [...tables.values()] };
  }
}

const switchOn = (name: string): string => `Switch it on: chancery sql "ALTER TABLE ${name} SET ('table.datalake.enabled' = 'true')"`;
const notTiered = (name: string): Error => refusal(`${harmless(name)} is not tiered to the lake`, switchOn(harmless(name)));

/** `chancery tiering status [DATABASE.TABLE]`: lake tables, the worst first, or everything about one. */
export async function tieringStatus(name: string | undefined, options: StatusOptions, terminal: Terminal): Promise<void> {
  const scope = scopeOf(name);
  const board = await boardOf(new OperatorClient(options, terminal), scope, options);
  const { provenance, tables, total } = board;
  if (options.json === true) {
    await write(terminal.out, `${JSON.stringify(scope.table === undefined ? board : { ...board.tables[0], provenance })}\n`);
    return;
  }
  const now = Date.now();
  const { body, foot } = boardLines(board, scope, terminal, now);
  await write(terminal.out, `${[...body, ...foot, ...renderStaleness(provenance, terminal, now, now)].join('\n')}\n`);
  if (total > tables.length) terminal.err.write(`the worst ${grouped(tables.length)} of ${grouped(total)}; more with --limit\n`);
}

/** What a person is shown. */
export interface BoardLines {
  /** Tables below a heading, or one in full; the first lines matter most. */
  readonly body: readonly string[];
  /** How many there are, and what to do. */
  readonly foot: readonly string[];
}

/** @param now epoch milliseconds */
export function boardLines(board: TieringBoard, scope: Scope, terminal: Terminal, now: number): BoardLines {
  const { database, table } = scope;
  const [worst] = board.tables;
  const next = nextSteps(board, scope, now);
  if (table !== undefined) return { body: worst === undefined ? [] : renderTable(worst, terminal, now), foot: next };
  const { Pending, Scheduled, Tiering } = board.counts;
  if (Pending + Scheduled + Tiering === 0) {
    const where = database === undefined ? '' : ` of ${harmless(database)}`;
    return { body: [], foot: [`no table${where} is tiered to the lake`, switchOn(`${harmless(database ?? 'DATABASE')}.TABLE`)] };
  }
  const body = worst === undefined ? [] : renderTables(board.tables, terminal, now);
  return { body, foot: [renderCounts(board, terminal), ...next] };
}
