import type { Provenance } from '../engine/node.ts';
import type { TieringPage, TieringStatus } from '../engine/tieringListing.ts';
import { grouped, renderSpan, renderTime } from './moments.ts';
import { renderBytes } from './rebalanceWatch.ts';
import { aligned, harmless, styled, type Terminal } from './terminal.ts';

/** Tables, the worst first, how many there are of each kind, and who says so. */
export interface TieringBoard extends Omit<TieringPage, 'next'> {
  readonly provenance: Provenance;
}
/** A table that changed. Removed: it is dropped, or not tiered any more; the rest is how it was. */
export type TieringChange = Omit<TieringStatus, 'status'> & { readonly status: TieringStatus['status'] | 'Removed' };
/** All lake tables, those of a database, or one. */
export interface Scope {
  readonly database?: string;
  readonly table?: string;
}
type Sheet = Pick<Terminal, 'env' | 'out'>;

/** What is handing a table out and tiering it allowed to take, before the table is marked as late, or its wait told of. */
const graceMs = 60_000;
/** Without a terminal an error's first line is cut here. */
const widestError = 200;
const narrowestError = 40;
const gap = '  ';

export const nameOf = ({ database, table }: Pick<TieringStatus, 'database' | 'table'>): string => harmless(`${database}.${table}`);
const ago = (at: number, now: number): string => (now - at < 1000 ? 'just now' : `${renderSpan(now - at)} ago`);
const moment = (at: number, now: number): string => `${renderTime(at, now)}, ${ago(at, now)}`;

/** By how much the data in the lake is older than it may be, milliseconds; negative when it is young enough. */
export const lateMsOf = ({ staleAt }: Pick<TieringStatus, 'staleAt'>, now: number): number => now - staleAt;

function lateWords(status: TieringStatus, now: number): string {
  const late = lateMsOf(status, now);
  return late < 1000 ? '' : renderSpan(late);
}

/** `Pending, failing 12x` */
const statusWords = ({ failuresInRow, status }: TieringStatus): string =>
  failuresInRow === 0 ? status : `${status}, failing ${grouped(failuresInRow)}x`;

type Mark = 'red' | 'yellow';
const markOf = (status: TieringStatus, now: number): Mark | undefined => {
  if (status.failuresInRow > 0) return 'red';
  return lateMsOf(status, now) > graceMs ? 'yellow' : undefined;
};
const marked = ({ env, out }: Sheet, mark: Mark | undefined, text: string): string =>
  mark === undefined ? text : styled(out, env, mark, text);

const headings = ['table', 'status', 'last tiered', 'late by', 'since'];

/**
 * A line for each table below a heading, with the first line of its error; where the terminal is narrow, that is in a line of its own.
 * @param now epoch milliseconds
 */
export function renderTables(tables: readonly TieringStatus[], sheet: Sheet, now: number): readonly string[] {
  const { columns = widestError, isTTY } = sheet.out;
  const cells = tables.map((status) => [
    nameOf(status),
    statusWords(status),
    status.lastTieredAt === undefined ? 'never' : ago(status.lastTieredAt, now),
    lateWords(status, now),
    renderTime(status.failingSince ?? status.since, now),
  ]);
  const [first = '', ...lines] = aligned([headings, ...cells]);
  const width = Math.max(...[first, ...lines].map((line) => line.length)) + gap.length;
  const left = isTTY === true ? columns - width : widestError;
  const rows = tables.flatMap((status, i) => {
    const line = lines[i] ?? '';
    const mark = markOf(status, now);
    const error = errorOf(status);
    if (error === undefined) return [marked(sheet, mark, line)];
    if (left < narrowestError) return [marked(sheet, mark, line), `${gap}${cut(error, columns - gap.length)}`];
    return [`${marked(sheet, mark, line.padEnd(width))}${cut(error, left)}`];
  });
  const hasErrors = left >= narrowestError && tables.some((status) => errorOf(status) !== undefined);
  return [styled(sheet.out, sheet.env, 'dim', hasErrors ? `${first.padEnd(width)}error` : first), ...rows];
}

/** An error's lines, from the first to the last one that has something in it. */
function linesOf(error = ''): readonly string[] {
  // Apart before they are made harmless: that would show the \r at their ends.
  const lines = error.split(/\r?\n/).map((line) => harmless(line).trimEnd());
  const isTold = (line: string): boolean => line !== '';
  const told = lines.slice(lines.findIndex(isTold), lines.findLastIndex(isTold) + 1);
  return told.length === 0 ? ['its service gave no reason'] : told;
}
/** Why the newest round failed, in a line. @returns undefined when it went well */
const errorOf = ({ lastError, lastErrorAt }: Pick<TieringStatus, 'lastError' | 'lastErrorAt'>): string | undefined =>
  lastErrorAt === undefined ? undefined : linesOf(lastError)[0]?.trimStart().replaceAll('\t', ' ');
/** By code points: half a character must not be shown. */
function cut(text: string, room: number): string {
  const characters = [...text];
  return characters.length <= room ? text : `${characters.slice(0, room - 1).join('')}…`;
}

/** `12 lake tables: 10 Scheduled, 1 Pending, 1 Tiering · 1 failing` */
export function renderCounts({ counts, failing }: Pick<TieringBoard, 'counts' | 'failing'>, sheet: Sheet): string {
  const all = Object.values(counts).reduce((sum, count) => sum + count, 0);
  const states = Object.entries(counts).map(([state, count]) => `${grouped(count)} ${state}`);
  const words = `${grouped(all)} lake ${all === 1 ? 'table' : 'tables'}: ${states.join(', ')} · `;
  return (
    styled(sheet.out, sheet.env, 'dim', words) +
    marked(sheet, failing > 0 ? 'red' : undefined, failing > 0 ? `${grouped(failing)} failing` : 'none failing')
  );
}

/** That an answer is older than it looks. @param askedAt when it was given @param now both epoch milliseconds */
export function renderStaleness({ nodeId, staleForMs }: Provenance, sheet: Sheet, askedAt: number, now: number): readonly string[] {
  if (staleForMs === undefined) return [];
  return [marked(sheet, 'red', `as of ${renderTime(askedAt - staleForMs, now)}: ${harmless(nodeId)} does not reach the log`)];
}

/** Everything about one table. @param now epoch milliseconds */
export function renderTable(status: TieringStatus, sheet: Sheet, now: number): readonly string[] {
  const {
    dueAt,
    failingSince,
    failures,
    failuresInRow,
    fileBytes,
    freshnessMs,
    lastDurationMs,
    lastError,
    lastErrorAt,
    lastTieredAt,
    records,
  } = status;
  const late = lateWords(status, now);
  const freshness = freshnessMs === 0 ? 'always due' : `at most ${renderSpan(freshnessMs)} old`;
  const by = status.service === undefined ? '' : ` by ${harmless(status.service)}`;
  const took = lastDurationMs === undefined ? '' : `, in ${renderSpan(lastDurationMs)}`;
  const inRow = failingSince === undefined ? '' : `, ${grouped(failuresInRow)} in a row since ${renderTime(failingSince, now)}`;
  const inLake = [
    ...(records === undefined ? [] : [`${grouped(records)} ${records === 1 ? 'record' : 'records'}`]),
    ...(fileBytes === undefined ? [] : [renderBytes(fileBytes)]),
  ];
  const rows: readonly (readonly [string, string | undefined])[] = [
    ['table', `${nameOf(status)}, id ${status.tableId}`],
    ['status', marked(sheet, markOf(status, now), `${statusWords(status)}${by}`)],
    ['since', moment(status.since, now)],
    ['round', grouped(status.tieringEpoch)],
    ['last tiered', lastTieredAt === undefined ? 'never' : `${moment(lastTieredAt, now)}${took}`],
    ['freshness', `${freshness}${late === '' ? '' : marked(sheet, markOf(status, now), `, late by ${late}`)}`],
    ['due', dueAt === undefined ? undefined : dueAt <= now ? 'now' : `in ${renderSpan(dueAt - now)}`],
    ['in the lake', inLake.length === 0 ? undefined : inLake.join(', ')],
    ['failures', `${grouped(failures)}${inRow}`],
    ['last failure', lastErrorAt === undefined ? undefined : moment(lastErrorAt, now)],
  ];
  const told = rows.flatMap(([name, text]) =>
    text === undefined ? [] : [`${styled(sheet.out, sheet.env, 'dim', name.padEnd(12))}  ${text}`],
  );
  return [...told, ...(lastErrorAt === undefined ? [] : errorLines(lastError))];
}

/** An error in full, indented. */
export const errorLines = (text: string | undefined): readonly string[] => linesOf(text).map((line) => `  ${line}`);

/** One change of one table in a line. @param now epoch milliseconds */
export function renderChange({ status, ...others }: TieringChange, sheet: Sheet, now: number): string {
  if (status === 'Removed')
    return `${renderTime(now, now)}  ${nameOf(others)}  ${styled(sheet.out, sheet.env, 'dim', 'not tiered any more')}`;
  const { service, since } = others;
  const by = service === undefined ? '' : ` by ${harmless(service)}`;
  const error = errorOf(others);
  const why = error === undefined ? '' : `  ${cut(error, widestError)}`;
  const table = { status, ...others };
  return `${renderTime(since, now)}  ${nameOf(table)}  ${marked(sheet, markOf(table, now), `${statusWords(table)}${by}`)}${why}`;
}

/** What to do about the worst table, and about one that waits for nobody, in commands. @param now epoch milliseconds */
export function nextSteps({ counts, tables }: Pick<TieringBoard, 'counts' | 'tables'>, { table }: Scope, now: number): readonly string[] {
  const [worst] = tables;
  if (worst === undefined) return [];
  const name = nameOf(worst);
  const failures = `next: chancery tiering failures ${name}   `;
  const steps: string[] = [];
  if (worst.failuresInRow > 0) steps.push(`${failures}its errors in full, or ${historyOf(name)}`);
  else if (table !== undefined && worst.failures > 0) steps.push(`${failures}its past errors`);
  // Where tables fail each of them is queued anew again and again: how long it waits now tells whether anybody asks for it.
  const isWaiting = ({ since, status }: TieringStatus): boolean => status === 'Pending' && now - since > graceMs;
  const waiting = counts.Tiering > 0 ? undefined : tables.find((each) => isWaiting(each) && lateMsOf(each, now) > graceMs);
  if (waiting === undefined) return steps;
  const wait = `${nameOf(waiting)} has waited for ${renderSpan(now - waiting.since)}`;
  return [...steps, `${wait}: is a tiering service running? Look with ${historyOf(nameOf(waiting))}`];
}
const historyOf = (name: string): string => `chancery history --subject table/${name}`;
