import { setTimeout as pause } from 'node:timers/promises';
import { followed } from './followedStream.ts';
import { renderTime } from './moments.ts';
import { isPassing, OperatorClient } from './operatorClient.ts';
import { styled, type Terminal, write } from './terminal.ts';
import { type BoardLines, boardLines, boardOf, type StatusOptions, scopeOf } from './tiering.ts';
import { Screen } from './tieringScreen.ts';
import { renderChange, renderStaleness, type Scope, type TieringBoard, type TieringChange } from './tieringView.ts';

/** Which tables are watched, who is asked, and until when. */
interface Watch {
  readonly client: OperatorClient;
  readonly scope: Scope;
  readonly options: StatusOptions;
  readonly interrupted: AbortSignal;
  readonly terminal: Terminal;
}

/**
 * `chancery tiering status --watch`: a screen that is kept up to date, from whichever node answers; elsewhere than on a terminal a line
 * for each table, then one for each change. Ctrl-C ends it.
 * @throws CommandFailure when the one table that is watched is not tiered, or not any more; Refused when it is dropped
 */
export async function watchTiering(name: string | undefined, options: StatusOptions, terminal: Terminal): Promise<void> {
  const over = new AbortController();
  const onInterrupt = (): void => over.abort();
  process.once('SIGINT', onInterrupt);
  const client = new OperatorClient(options, terminal);
  const watch: Watch = { client, scope: scopeOf(name), options, interrupted: over.signal, terminal };
  try {
    const isScreen = options.json !== true && terminal.out.isTTY === true;
    await (isScreen ? keepScreen(watch) : tellChanges(watch));
  } catch (error) {
    if (!over.signal.aborted) throw error;
  } finally {
    over.abort();
    process.off('SIGINT', onInterrupt);
  }
}

const refreshMs = 1000;
/** Tables become late without anything happening to them. */
const refreshAfterMs = 15_000;

/** Draws every second, since ages grow, and asks again when something has changed. */
async function keepScreen(watch: Watch): Promise<void> {
  const { interrupted, options, scope, terminal } = watch;
  const screen = new Screen(terminal);
  const ask = async (): Promise<TieringBoard> =>
    await boardOf(watch.client, scope, { ...options, limit: Math.min(options.limit, screen.rows) });
  let board = await ask();
  let askedAt = Date.now();
  let hasNews = false;
  let trouble = '';
  let failure: unknown;
  const onNews = (): void => {
    hasNews = true;
  };
  const listen = async (): Promise<void> => {
    for await (const _ of changes(watch, onNews)) onNews();
  };
  listen().catch((error: unknown) => {
    failure = error;
  });
  for (;;) {
    const now = Date.now();
    const stale = renderStaleness(board.provenance, terminal, askedAt, now);
    const notes = [...stale, ...(trouble === '' ? [] : [styled(terminal.out, terminal.env, 'red', trouble)])];
    await screen.draw(fitting(boardLines(board, scope, terminal, now), notes, screen.rows));
    await pause(refreshMs, undefined, { signal: interrupted });
    if (failure !== undefined) throw failure;
    if (!hasNews && notes.length === 0 && Date.now() - askedAt < refreshAfterMs) continue;
    hasNews = false;
    try {
      board = await ask();
      askedAt = Date.now();
      trouble = '';
    } catch (error) {
      if (!isPassing(error)) throw error;
      trouble = `as of ${renderTime(askedAt, Date.now())}: ${error.message}; trying again`;
    }
  }
}

/** As much of the body as there is room for: the worst tables, or the beginning of an error. */
function fitting({ body, foot }: BoardLines, notes: readonly string[], rows: number): readonly string[] {
  const below = [...foot.slice(0, Math.max(0, rows - notes.length)), ...notes];
  const room = Math.max(0, rows - below.length);
  const first = room === 1 ? 1 : 0; // A heading alone says nothing.
  return [...body.slice(first, first + room), ...below];
}

/** A line for each table, then one for each change. */
async function tellChanges(watch: Watch): Promise<void> {
  const { client, options, scope, terminal } = watch;
  const check = async (): Promise<TieringBoard> => await boardOf(client, scope, { ...options, limit: 1 });
  const { provenance } = await check();
  const now = Date.now();
  for (const line of renderStaleness(provenance, { ...terminal, out: terminal.err }, now, now)) terminal.err.write(`${line}\n`);
  const known = new Map<number, { readonly version: string; readonly isFailing: boolean }>();
  for await (const change of changes(watch, (words) => terminal.err.write(`${words}\n`))) {
    if (change === undefined) continue;
    const before = known.get(change.tableId);
    const now = { version: versionOf(change), isFailing: change.failuresInRow > 0 };
    known.set(change.tableId, now);
    // A stream that is taken up again begins with all tables.
    const isNews = before?.version !== now.version;
    const isWanted = options.failing !== true || now.isFailing || before?.isFailing === true;
    if (isNews && isWanted) await write(terminal.out, `${lineOf(change, watch)}\n`);
    if (change.status !== 'Removed') continue;
    known.delete(change.tableId);
    if (scope.table !== undefined) await check();
  }
}

const lineOf = (change: TieringChange, { options, terminal }: Watch): string =>
  options.json === true ? JSON.stringify(change) : renderChange(change, terminal, Date.now());
/** Differs from what it was before as soon as anything has happened to the table. */
const versionOf = ({ failures, freshnessMs, since, status, tieringEpoch }: TieringChange): string =>
  [status, tieringEpoch, since, freshnessMs, failures].join();

/** Statuses as they change, without an end. A heartbeat is undefined. @param say is told when the stream breaks, and when it goes on */
async function* changes({ client, interrupted, scope }: Watch, say: (words: string) => void): AsyncGenerator<TieringChange | undefined> {
  const next = () => ({ path: '/v1/tiering/stream', query: { ...scope } });
  for await (const { data } of followed({ client, interrupted, next, say })) yield data as TieringChange | undefined;
}
