import { setImmediate as nextTurn } from 'node:timers/promises';
import { decodeEntry, type Entry } from '../../../events/envelope.ts';
import { catalogue, subjectsOf } from '../../../events/index.ts';
import { redacted } from '../../../events/kit.ts';
import type { State } from '../../../projections/state.ts';
import { subjectOf } from '../../../projections/subjects.ts';
import type { EntryIndex } from './entryIndex.ts';
import { lastPositionIn, recordedAt } from './fold.ts';
import { type EventPage, type EventQuery, type HistoryEvent, HistoryRefused } from './port.ts';
import { wordsOf } from './words.ts';

/** What a page is made from: a timeline. */
export interface Pages {
  readonly index: EntryIndex;
  readonly state: State;
  texts(first: number, last: number, signal?: AbortSignal): Promise<readonly string[]>;
}

/** Bounds of one page: what it may hold and how much log is looked through for it before it is handed over as far as it is. */
export const pageLimits = {
  events: 1000,
  dataCharacters: 4 * 1024 * 1024,
  scannedEvents: 20_000,
  scannedCharacters: 16 * 1024 * 1024,
} as const;
/** Entries read together. */
const runLength = 64;
/** How much text is looked through before others get their turn. */
const turnCharacters = 256 * 1024;

type Filter = Pick<EventQuery, 'types' | 'subject' | 'principal'>;

/** @throws HistoryRefused MALFORMED_REQUEST */
export async function eventPage(pages: Pages, query: EventQuery, signal?: AbortSignal): Promise<EventPage> {
  checkQuery(query);
  const { from, to } = rangeOf(pages.index, query);
  const scan = new Scan(pages, query, signal);
  const found: HistoryEvent[] = [];
  let left: number = pageLimits.dataCharacters;
  const step = query.order === 'descending' ? -1 : 1;
  const isWithin = (position: number): boolean => position >= from && position <= to;
  const isFull = (): boolean => found.length === query.limit || left < 0;
  let next: number | undefined = scan.candidate(step > 0 ? from : to, step);
  while (next !== undefined && isWithin(next)) {
    if (isFull() || scan.isOver) return { events: found, next };
    const index = pages.index.entryOf(next);
    const entry = await scan.entry(index, next, step);
    for (; entry !== undefined && isWithin(next) && isIn(entry, next); next += step) {
      if (!matches(entry, next, query)) continue;
      if (isFull()) return { events: found, next };
      const event = historyEvent(entry, next);
      left -= JSON.stringify(event.data).length;
      found.push(event);
    }
    if (entry === undefined) next = step > 0 ? pages.index.lastPositionOf(index) + 1 : pages.index.firstPositionOf(index) - 1;
    next = scan.candidate(next, step);
  }
  return { events: found };
}

const isIn = (entry: Entry, position: number): boolean => position >= entry.firstPosition && position <= lastPositionIn(entry);

/** The way through the log that a filter leaves to go, in either direction, with the entries read in runs. */
class Scan {
  readonly #pages: Pages;
  readonly #signal: AbortSignal | undefined;
  readonly #needles: readonly (readonly string[])[];
  readonly #known: KnownPositions | undefined;
  readonly #run = new Map<number, string>();
  #scannedEvents = 0;
  #scannedCharacters = 0;
  #sinceTurn = 0;

  constructor(pages: Pages, { principal, subject, types }: Filter, signal: AbortSignal | undefined) {
    this.#pages = pages;
    this.#signal = signal;
    this.#known = subject === undefined || isFamily(subject) ? undefined : knownPositions(pages.state, subject);
    // Entries are canonical JSON: one that holds none of these texts holds no such event, and need not be decoded to know it.
    this.#needles = [
      (types ?? []).map((type) => `"type":${JSON.stringify(type)}`),
      principal === undefined ? [] : [`"principal":${JSON.stringify(principal)}`],
    ].filter((texts) => texts.length > 0);
  }

  get isOver(): boolean {
    return this.#scannedEvents >= pageLimits.scannedEvents || this.#scannedCharacters >= pageLimits.scannedCharacters;
  }

  /** The first position from here on, in the direction of `step`, that may hold the subject; undefined when none does. */
  candidate(position: number, step: 1 | -1): number | undefined {
    if (this.#known === undefined) return position;
    const { completeFrom, first, recent } = this.#known;
    if (step > 0) {
      if (position <= first) return first;
      return position < completeFrom ? position : recent.find((known) => known >= position);
    }
    const known = recent.findLast((candidate) => candidate <= position);
    if (known !== undefined) return known;
    return position >= first && position < completeFrom ? position : undefined;
  }

  /** The entry that holds a position, decoded; undefined when its text shows that nothing in it can match. */
  async entry(index: number, position: number, step: 1 | -1): Promise<Entry | undefined> {
    this.#signal?.throwIfAborted();
    if (!this.#run.has(index))
      await this.#readRun(index, this.#known !== undefined && position >= this.#known.completeFrom ? 1 : step * runLength);
    const text = this.#run.get(index);
    if (text === undefined) throw new Error(`entry ${index} was not in the run that was read for it`);
    const { index: entryIndex } = this.#pages;
    this.#scannedEvents += entryIndex.firstPositionOf(index + 1) - entryIndex.firstPositionOf(index);
    this.#scannedCharacters += text.length;
    this.#sinceTurn += text.length;
    if (this.#sinceTurn > turnCharacters) {
      this.#sinceTurn = 0;
      await nextTurn();
    }
    const mayMatch = this.#needles.every((texts) => texts.some((needle) => text.includes(needle)));
    return mayMatch ? decodeEntry(text) : undefined;
  }

  /** Reads so many entries beginning with one, or, when `length` is negative, ending with it. */
  async #readRun(index: number, length: number): Promise<void> {
    this.#run.clear();
    let first = length > 0 ? index : Math.max(1, index + length + 1);
    const last = length > 0 ? Math.min(this.#pages.index.entries, index + length - 1) : index;
    // The source may give less than was asked for: forwards that is enough to go on with, backwards the wanted one comes last.
    do {
      for (const text of await this.#pages.texts(first, last, this.#signal)) this.#run.set(first++, text);
    } while (length < 0 && first <= last);
  }
}

/** What the `subjects` projection knows: all positions from `completeFrom` on, and the first of all. */
interface KnownPositions {
  readonly first: number;
  readonly recent: readonly number[];
  readonly completeFrom: number;
}

function knownPositions(state: State, subject: string): KnownPositions {
  const row = subjectOf(state.subjects, subject);
  if (row === undefined) return { first: Number.POSITIVE_INFINITY, recent: [], completeFrom: 0 };
  const { count, first, recent } = row;
  return { first, recent, completeFrom: count > recent.length ? (recent[0] ?? first) : 0 };
}

const isFamily = (subject: string): boolean => subject.endsWith('/*');

/** The positions that a query leaves, both ends included: an entry's events share one time, so times are positions too. */
function rangeOf(index: EntryIndex, query: EventQuery): { readonly from: number; readonly to: number } {
  const { fromPosition = 1, toPosition = Number.POSITIVE_INFINITY, since, until } = query;
  return {
    from: Math.max(1, fromPosition, since === undefined ? 1 : index.positionAt(Math.ceil(since) - 1) + 1),
    to: Math.min(index.position, toPosition, until === undefined ? Number.POSITIVE_INFINITY : index.positionAt(until)),
  };
}

function matches(entry: Entry, position: number, { types, subject, principal }: Filter): boolean {
  const { event } = recordedAt(entry, position);
  if (types !== undefined && !types.includes(event.type)) return false;
  if (principal !== undefined && event.act.principal !== principal) return false;
  if (subject === undefined) return true;
  return isFamily(subject) ? subjectsOf(event).some((own) => own.startsWith(subject.slice(0, -1))) : subjectsOf(event).includes(subject);
}

/** Whether an event is one that a query asks for, apart from where it lies. */
export const matchesFilter = matches;

/** The event at a position of an entry as histories show it. */
export function historyEvent(entry: Entry, position: number): HistoryEvent {
  const { event } = recordedAt(entry, position);
  const { act, data, id, type, version } = event;
  const { at, epoch } = entry;
  return { position, at, epoch, id, type, version, subjects: subjectsOf(event), data: redacted(data), act, words: wordsOf(event) };
}

const refuse = (field: string, message: string, remedy: string): never => {
  throw new HistoryRefused('MALFORMED_REQUEST', `${field}: ${message}`, remedy);
};

/** @throws HistoryRefused MALFORMED_REQUEST naming the field */
export function checkFilter({ types, subject }: Filter): void {
  for (const type of types ?? [])
    if (!catalogue.has(type)) refuse('types', `there is no event type '${type}'`, `Event types are: ${[...catalogue.keys()].join(', ')}.`);
  if (subject !== undefined && (subject === '' || subject.slice(0, -1).includes('*') || (subject.endsWith('*') && !isFamily(subject))))
    refuse('subject', `'${subject}' is no subject`, "Name one, such as 'config/datalake.format', or a whole family: 'config/*'.");
}

function checkQuery(query: EventQuery): void {
  checkFilter(query);
  if (!Number.isInteger(query.limit) || query.limit < 1 || query.limit > pageLimits.events)
    refuse('limit', `${query.limit} is not a number of events`, `Ask for 1 to ${pageLimits.events} events at a time.`);
  for (const field of ['fromPosition', 'toPosition'] as const) {
    const position = query[field];
    if (position !== undefined && (!Number.isSafeInteger(position) || position < 0))
      refuse(field, `${position} is not a position`, 'Positions are whole numbers from 0.');
  }
  for (const field of ['since', 'until'] as const)
    if (query[field] !== undefined && !Number.isFinite(query[field]))
      refuse(field, `${query[field]} is not a time`, 'Give epoch milliseconds.');
}
