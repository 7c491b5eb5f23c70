import type { TieringFailure } from '../engine/history/tieringFailures.ts';
import type { Provenance } from '../engine/node.ts';
import { refusal } from './exit.ts';
import { grouped, renderSpan, renderTime } from './moments.ts';
import { OperatorClient, type OperatorOptions, Refused } from './operatorClient.ts';
import { harmless, styled, type Terminal, write } from './terminal.ts';
import { boardOf, scopeOf } from './tiering.ts';
import { errorLines, nameOf, renderStaleness } from './tieringView.ts';

export interface FailuresOptions extends OperatorOptions {
  readonly json?: boolean;
  readonly limit: number;
}

/** Failures of one table, one after the other, with the same error. */
export interface SameFailures {
  readonly newest: TieringFailure;
  readonly oldest: TieringFailure;
  readonly count: number;
  /** Failures of the same series before them were not read: they may say the same. */
  readonly isCut: boolean;
}

const pageLength = 1000;

/**
 * `chancery tiering failures [DATABASE.TABLE]`: past failures, the newest first.
 * @throws CommandFailure when there are none of a table that is not there, or not tiered
 */
export async function tieringFailures(name: string | undefined, options: FailuresOptions, terminal: Terminal): Promise<void> {
  const client = new OperatorClient(options, terminal);
  const { failures, hasMore, provenance } = await newest(client, name, options.limit);
  if (failures.length === 0 && name !== undefined) await checkNamed(client, name, options);
  if (options.json === true) {
    await write(terminal.out, `${JSON.stringify({ failures, hasMore, provenance })}\n`);
    return;
  }
  const now = Date.now();
  for (const line of renderStaleness(provenance, { ...terminal, out: terminal.err }, now, now)) terminal.err.write(`${line}\n`);
  if (failures.length === 0) {
    terminal.out.write(`no round of ${name === undefined ? 'any table' : harmless(name)} has failed\n`);
    return;
  }
  await write(terminal.out, `${renderFailures(failures, terminal, now).join('\n')}\n`);
  if (hasMore) terminal.err.write(`the newest ${grouped(failures.length)} failures; more with --limit\n`);
}

/** A name without failures may be mistyped. @throws CommandFailure for what is not there, or not tiered */
async function checkNamed(client: OperatorClient, name: string, options: FailuresOptions): Promise<void> {
  try {
    await boardOf(client, scopeOf(name), { ...options, limit: 1 });
  } catch (error) {
    if (!(error instanceof Refused) || !/^UNKNOWN_(DATABASE|TABLE)$/.test(error.problem.code)) throw error;
    const [what, whose] = scopeOf(name).table === undefined ? ['database', 'no table of one'] : ['table', 'none'];
    throw refusal(
      `there is no ${what} ${harmless(name)} now, and ${whose} of that name has ever failed`,
      'Those there are: chancery tiering status',
    );
  }
}

interface Page {
  readonly failures: readonly TieringFailure[];
  readonly next?: number;
  readonly provenance: Provenance;
}

/** Failures that come in between two pages push some of the first page into the second one: positions tell. */
async function newest(
  client: OperatorClient,
  name: string | undefined,
  limit: number,
): Promise<Omit<Page, 'next'> & { readonly hasMore: boolean }> {
  const failures = new Map<number, TieringFailure>();
  for (let offset: number | undefined = 0; ; ) {
    const query = { ...scopeOf(name), limit: Math.min(pageLength, limit - failures.size), offset };
    const page = (await client.json({ path: '/v1/tiering/failures', query })) as Page;
    for (const failure of page.failures) failures.set(failure.position, failure);
    offset = page.next;
    if (offset !== undefined && failures.size < limit) continue;
    return { failures: [...failures.values()], hasMore: offset !== undefined, provenance: page.provenance };
  }
}

/**
 * Puts failures together that say the same: of the same table, in the same series, with the same error. Those of other tables may lie
 * between them.
 * @param failures the newest first
 * @returns by their newest one, the newest first
 */
export function sameFailures(failures: readonly TieringFailure[]): readonly SameFailures[] {
  const groups: Omit<SameFailures, 'isCut'>[] = [];
  const ofTable = new Map<number, number>();
  for (const failure of failures) {
    const at = ofTable.get(failure.tableId);
    const group = at === undefined ? undefined : groups[at];
    if (at !== undefined && group !== undefined && isSame(group.oldest, failure)) {
      groups[at] = { ...group, oldest: failure, count: group.count + 1 };
      continue;
    }
    ofTable.set(failure.tableId, groups.length);
    groups.push({ newest: failure, oldest: failure, count: 1 });
  }
  const isLast = ({ oldest }: Pick<SameFailures, 'oldest'>, at: number): boolean => ofTable.get(oldest.tableId) === at;
  return groups.map((group, at) => ({ ...group, isCut: isLast(group, at) && group.oldest.failuresInRow > 1 }));
}

/** A round that went well between them would have begun a new series. */
const isSame = (later: TieringFailure, earlier: TieringFailure): boolean =>
  later.error === earlier.error && later.because === earlier.because && later.failuresInRow === earlier.failuresInRow + 1;

/** Each error in full below a line that says when it was, and how often. @param now epoch milliseconds */
export function renderFailures(
  failures: readonly TieringFailure[],
  { env, out }: Pick<Terminal, 'env' | 'out'>,
  now: number,
): readonly string[] {
  return sameFailures(failures).flatMap((group) => {
    const { count, newest: last } = group;
    const { because, durationMs, failuresInRow, position, service, tieringEpoch } = last;
    const how = because === 'TIMED_OUT' ? 'timed out' : 'failed';
    const where = `position ${grouped(position)}`;
    const what = `round ${grouped(tieringEpoch)} at ${harmless(service)} ${how} after ${renderSpan(durationMs)} · ${where}`;
    const inRow = failuresInRow <= count ? '' : ` · ${grouped(failuresInRow)} failures in a row`;
    const often = styled(out, env, 'dim', `${sameWords(group, now)}${inRow}`);
    const head = `${styled(out, env, 'red', nameOf(last))}  ${renderTime(last.at, now)}  ${what}${often}`;
    return [head, ...errorLines(last.error)];
  });
}

function sameWords({ count, isCut, oldest }: SameFailures, now: number): string {
  if (count === 1) return '';
  const times = `${grouped(count)} times`;
  const since = renderTime(oldest.at, now);
  return isCut ? ` · same error at least ${times}, since before ${since}` : ` · same error ${times} since ${since}`;
}
