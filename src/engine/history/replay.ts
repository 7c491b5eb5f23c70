import { enablePatches, type Patch, produceWithPatches } from 'immer';
import type { Entry } from '../../../events/envelope.ts';
import { redacted } from '../../../events/kit.ts';
import { plain, type Writable } from '../../../projections/kit.ts';
import type { State } from '../../../projections/state.ts';
import { Table } from '../../../projections/table.ts';
import { checkFilter, historyEvent, matchesFilter, pageLimits } from './eventPages.ts';
import { foldAt, foldUpTo, lastPositionIn } from './fold.ts';
import { HistoryRefused, type ReplayPage, type ReplayQuery, type ReplayStep, type StatePatch } from './port.ts';
import { isBookkeeping } from './stateViews.ts';
import type { Timeline } from './timeline.ts';

enablePatches();

/** A page ends early behind so many events, whether they are shown or only folded. */
const foldedEvents = 20_000;

/**
 * Walks from one moment to another and tells of each event that is asked for what it did to the state.
 * Applied in order to the plain form of the state before, secrets redacted, a step's patches give that of the state after it
 * (all of them with `includeBookkeeping`, otherwise what is left of both without the bookkeeping).
 * @throws HistoryRefused, and what `Timeline` rejects with
 */
export async function* replay(timeline: Timeline, query: ReplayQuery, signal?: AbortSignal): AsyncGenerator<ReplayStep> {
  for await (const { step } of walk(timeline, query, signal, '')) if (step !== undefined) yield step;
}

/** As much of a replay as fits a page. @throws HistoryRefused */
export async function replayPage(
  timeline: Timeline,
  query: ReplayQuery & { readonly limit: number },
  signal?: AbortSignal,
  caller = '',
): Promise<ReplayPage> {
  const { limit } = query;
  if (!Number.isInteger(limit) || limit < 1 || limit > pageLimits.events)
    throw new HistoryRefused(
      'MALFORMED_REQUEST',
      `limit: ${limit} is not a number of events`,
      `Ask for 1 to ${pageLimits.events} events at a time.`,
    );
  const steps: ReplayStep[] = [];
  const { to, from } = rangeOf(timeline, query);
  let left: number = pageLimits.dataCharacters;
  for await (const { state, step } of walk(timeline, query, signal, caller)) {
    timeline.room.claim();
    if (step !== undefined) {
      steps.push(step);
      left -= JSON.stringify(step).length;
    }
    if (state.position >= to) break;
    if (steps.length < limit && left > 0 && state.position - from < foldedEvents) continue;
    timeline.remember(state);
    return { steps, next: state.position + 1 };
  }
  return { steps };
}

interface Walked {
  /** After the step, or after events that nobody wants to see. */
  readonly state: State;
  readonly step?: ReplayStep;
}

async function* walk(timeline: Timeline, query: ReplayQuery, signal: AbortSignal | undefined, caller: string): AsyncGenerator<Walked> {
  checkFilter(query);
  const { from, to } = rangeOf(timeline, query);
  if (from > to) return;
  let state = await timeline.stateAt({ position: from - 1 }, signal, caller);
  for await (const entry of timeline.entries(timeline.index.entryOf(from), timeline.index.entryOf(to), signal)) {
    const last = Math.min(to, lastPositionIn(entry));
    while (state.position < last) {
      const next = state.position + 1;
      const shown = firstMatch(entry, next, last, query);
      if (shown > next) {
        state = foldUpTo(state, entry, shown - 1);
        yield { state };
      } else {
        const { after, patches } = stepTo(state, entry, next, query.includeBookkeeping === true);
        state = after;
        yield { state, step: { event: historyEvent(entry, next), patches } };
      }
    }
  }
}

/** The first position from `from` to `to` that a query wants to see; behind `to` when there is none. */
function firstMatch(entry: Entry, from: number, to: number, query: ReplayQuery): number {
  let position = from;
  while (position <= to && !matchesFilter(entry, position, query)) position += 1;
  return position;
}

function rangeOf(timeline: Timeline, { fromPosition, to }: ReplayQuery): { readonly from: number; readonly to: number } {
  const range = { from: Math.max(1, fromPosition ?? 1), to: timeline.positionOf(to) };
  if (fromPosition !== undefined) timeline.positionOf({ position: fromPosition });
  if (fromPosition !== undefined && to !== undefined && range.from > Math.max(1, range.to))
    throw new HistoryRefused('MALFORMED_REQUEST', `from ${range.from} is after to ${range.to}`, 'Give the earlier moment first.');
  return range;
}

function stepTo(before: State, entry: Entry, position: number, includeBookkeeping: boolean): { after: State; patches: StatePatch[] } {
  const [after, patches] = produceWithPatches(before, (draft: Writable<State>) => foldAt(draft, entry, position));
  const wanted = includeBookkeeping ? patches : patches.filter(({ path }) => !isBookkeeping(path));
  return { after, patches: wanted.flatMap((patch) => inPlainForm(before, patch)) };
}

/** A patch that replaces a table becomes the rows that changed, ascending; any other is as immer made it, tables as objects. */
function inPlainForm(before: State, { op, path, value }: Patch): readonly StatePatch[] {
  const present = valueAt(before, path);
  if (op !== 'replace' || !(value instanceof Table) || !(present instanceof Table))
    return [op === 'remove' ? { op, path } : { op, path, value: shown(value) }];
  return [...(value as Table<unknown>).changesSince(present as Table<unknown>)]
    .sort((a, b) => (a.key < b.key ? -1 : 1))
    .map(({ key, before: old, after }) => {
      if (after === undefined) return { op: 'remove', path: [...path, key] };
      return { op: old === undefined ? 'add' : 'replace', path: [...path, key], value: shown(after) };
    });
}

const shown = (value: unknown): unknown => redacted(plain(value));

function valueAt(state: unknown, path: readonly (string | number)[]): unknown {
  let value = state;
  for (const part of path) value = typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[part] : undefined;
  return value;
}
