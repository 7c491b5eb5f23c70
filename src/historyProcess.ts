/**
 * The history process: forked by a node (see engine/history/historyClient.ts), it folds the log a second time and answers
 * questions about the past and across tables, so that none of them delays the node. It ends with its node.
 */
import { setPriority } from 'node:os';
import type { FromProcess, ToProcess } from './engine/history/messages.ts';
import { HistoryRefused, type Moment } from './engine/history/port.ts';
import type { Row, Selector, SysTables } from './engine/history/selector.ts';
import { serveHistory } from './engine/history/service.ts';
import { SqlRefused, SqlSyntaxError } from './interfaces/sql/errors.ts';
import { SelectEngine, type Moment as SqlMoment, type TableSource } from './interfaces/sql/select.ts';

/**
 * A table is collected before DuckDB takes it row by row, without a pause: so much of it at most, estimated. It is room for about
 * 140,000 events, which take DuckDB about a second.
 */
const heldBytesMax = 128 * 1024 * 1024;
const bytesOf = (row: Row): number => row.reduce<number>((sum, cell) => sum + (typeof cell === 'string' ? 2 * cell.length : 0), 400);

async function collected(table: string, batches: AsyncIterable<readonly Row[]>): Promise<Iterable<Row>> {
  const held: (readonly Row[])[] = [];
  let bytes = 0;
  let rows = 0;
  for await (const batch of batches) {
    held.push(batch);
    rows += batch.length;
    for (const row of batch) bytes += bytesOf(row);
    if (bytes > heldBytesMax)
      throw new SqlRefused('TOO_LARGE', `sys.${table} has more to look through than the ${rows} rows that fit into memory`);
  }
  return handedOver(held);
}

/** Each batch is let go of as soon as DuckDB has it. */
function* handedOver(batches: (readonly Row[])[]): Generator<Row> {
  for (let batch = batches.shift(); batch !== undefined; batch = batches.shift()) yield* batch;
}

function momentOf(moment: SqlMoment): Moment | undefined {
  if (moment.kind === 'now') return undefined;
  return moment.kind === 'version' ? { position: moment.position } : { at: moment.at };
}

const sourceOf = ({ tables, rows }: SysTables, signal: AbortSignal): TableSource => ({
  tables: () => tables.map(({ name }) => name),
  columns: (table) => tables.find(({ name }) => name === table)?.columns,
  rows: (table, moment, hint) => collected(table, rows(table, momentOf(moment), hint, signal)),
});

function refusalOf(error: unknown): unknown {
  if (error instanceof SqlSyntaxError)
    return new HistoryRefused('SQL_SYNTAX', error.message, 'Correct the text at the caret.', error.offset);
  if (error instanceof SqlRefused) return new HistoryRefused(`SQL_${error.code}`, error.message, error.remedy, error.offset);
  return error;
}

/** At once: `process.exit` would wait for the thread of a query that cannot be stopped. There is nothing here to be finished. */
const end = (): void => {
  process.kill(process.pid, 'SIGKILL');
};

const engine = new SelectEngine(process.argv[2] ?? 'fluss_catalog');

const selector: Selector = {
  select: async (sql, tables, { maxRows, timeZone, timeoutMs }, signal) => {
    try {
      return await engine.run(sql, sourceOf(tables, signal), { rows: maxRows, timeoutMs, ...(timeZone === undefined ? {} : { timeZone }) });
    } catch (error) {
      // A query that cannot be stopped keeps a thread busy for good: once the answer has left, so does this process.
      if (engine.stuck) setTimeout(end, 100);
      throw refusalOf(error);
    }
  },
};

process.title = 'chancery-history';
process.on('disconnect', end);
// The node comes first where processors are few. Not everybody may say so.
try {
  setPriority(10);
} catch {}
serveHistory(
  {
    send: (message: FromProcess) => process.send?.(message, undefined, {}, () => {}),
    onMessage: (listener) => process.on('message', (message) => listener(message as ToProcess)),
  },
  selector,
);
