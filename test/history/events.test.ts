/**
 * Goal: pages of history hold exactly the events that were asked for, each once and in order, whatever the filter and the direction.
 * Method: random histories and queries against a filter over everything; bounds on what one page reads by counting.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { EncodedEntry } from '../../events/envelope.ts';
import { catalogue, subjectsOf } from '../../events/index.ts';
import { pageLimits } from '../../src/engine/history/eventPages.ts';
import { type EventQuery, type HistoryEvent, HistoryRefused } from '../../src/engine/history/port.ts';
import { Timeline } from '../../src/engine/history/timeline.ts';
import { wordsOf } from '../../src/engine/history/words.ts';
import { replay } from '../support/replay.ts';
import { configLog, history, longHistory, sourceOf, textsOf } from './histories.ts';

async function timelineOf(entries: readonly EncodedEntry[], most?: number): Promise<Timeline> {
  const timeline = new Timeline(sourceOf(textsOf(entries), most));
  await timeline.catchUp();
  return timeline;
}

/** What a query means, said in the plainest way. */
function bruteForce(entries: readonly EncodedEntry[], query: EventQuery): readonly number[] {
  const { fromPosition = 0, order, principal, since = 0, subject, toPosition = Number.POSITIVE_INFINITY, types, until = 8e15 } = query;
  const isOfSubject = (own: readonly string[]): boolean =>
    subject === undefined || own.some((name) => (subject.endsWith('/*') ? name.startsWith(subject.slice(0, -1)) : name === subject));
  const positions = entries.flatMap(({ entry }) =>
    entry.events.flatMap((event, place) => {
      const position = entry.firstPosition + place;
      const isWanted =
        position >= fromPosition &&
        position <= toPosition &&
        entry.at >= since &&
        entry.at <= until &&
        (types === undefined || types.includes(event.type)) &&
        (principal === undefined || event.act.principal === principal) &&
        isOfSubject(subjectsOf(event));
      return isWanted ? [position] : [];
    }),
  );
  return order === 'descending' ? positions.reverse() : positions;
}

async function everyPage(timeline: Timeline, query: EventQuery): Promise<readonly HistoryEvent[]> {
  const found: HistoryEvent[] = [];
  for (let next: number | undefined, pages = 0; ; pages += 1) {
    const edge = next === undefined ? {} : query.order === 'descending' ? { toPosition: next } : { fromPosition: next };
    const page = await timeline.events({ ...query, ...edge });
    expect(page.events.length).toBeLessThanOrEqual(query.limit);
    found.push(...page.events);
    next = page.next;
    if (next === undefined) return found;
    expect(pages).toBeLessThan(10_000);
  }
}

const optional = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(arbitrary, { nil: undefined, freq: 2 });
const position = optional(fc.integer({ min: 0, max: 90 }));
/** About the time of an entry: `place` of it, a little before or after. */
const time = optional(fc.record({ place: fc.nat(), offset: fc.integer({ min: -1, max: 1 }) }));
interface Wish extends Omit<EventQuery, 'since' | 'until'> {
  readonly since?: { readonly place: number; readonly offset: number };
  readonly until?: { readonly place: number; readonly offset: number };
}
const query: fc.Arbitrary<Wish> = fc
  .record({
    fromPosition: position,
    toPosition: position,
    since: time,
    until: time,
    types: optional(fc.uniqueArray(fc.constantFrom(...catalogue.keys()), { maxLength: 3 })),
    subject: optional(
      fc.constantFrom('config/datalake.a', 'config/nobody', 'config/*', 'coordinator/n2', 'coordinator/*', 'leadership', '*/*'),
    ),
    principal: optional(fc.constantFrom('User:alice', 'User:bob', 'chancery', 'User:nobody')),
    order: optional(fc.constantFrom('ascending' as const, 'descending' as const)),
    limit: fc.oneof(fc.integer({ min: 1, max: 7 }), fc.constant(1000)),
  })
  .map((parts) => Object.fromEntries(Object.entries(parts).filter(([, value]) => value !== undefined)) as unknown as Wish)
  .filter(({ subject }) => subject !== '*/*');

test('pages are what a filter over everything gives', async () => {
  const { params } = replay({ numRuns: 30 });
  const cases = fc.record({
    entries: history({ maxLength: 90 }),
    most: fc.integer({ min: 1, max: 9 }),
    queries: fc.array(query, { minLength: 4, maxLength: 8 }),
  });
  await fc.assert(
    fc.asyncProperty(cases, async ({ entries, most, queries }) => {
      const timeline = await timelineOf(entries, most);
      const timeOf = (wish: Wish['since']): number => (entries[(wish?.place ?? 0) % entries.length]?.entry.at ?? 0) + (wish?.offset ?? 0);
      for (const { since, until, ...rest } of queries) {
        const each: EventQuery = {
          ...rest,
          ...(since === undefined ? {} : { since: timeOf(since) }),
          ...(until === undefined ? {} : { until: timeOf(until) }),
        };
        expect((await everyPage(timeline, each)).map((event) => event.position)).toEqual(bruteForce(entries, each));
      }
    }),
    params as object,
  );
});

test('an event is shown with its act and in words, and no secret leaves', async () => {
  const entries = longHistory(200);
  const timeline = await timelineOf(entries);
  const found = await everyPage(timeline, { limit: 50 });
  const logged = entries.flatMap(({ entry }) => entry.events.map((event, i) => ({ entry, event, position: entry.firstPosition + i })));
  for (const [i, { entry, event, position: where }] of logged.entries()) {
    const { act, id, type, version } = event;
    expect(found[i]).toMatchObject({ position: where, at: entry.at, epoch: entry.epoch, id, type, version, act, words: wordsOf(event) });
    expect(found[i]?.subjects).toEqual(subjectsOf(event));
  }
  expect(JSON.stringify(entries)).toContain('never-to-be-seen');
  expect(JSON.stringify(found)).not.toContain('never-to-be-seen');
  expect(JSON.stringify(found)).toContain('"sealed"');
});

describe('what one page costs', () => {
  test('a subject that is seldom found is read through its index', async () => {
    const rare = [40, 900, 2_500];
    const texts = textsOf(configLog(3_000, { keyOf: (position) => (rare.includes(position) ? 'rare' : 'common') }));
    let read = 0;
    const source = sourceOf(texts);
    const timeline = new Timeline(async (afterIndex, limit) => {
      const found = await source(afterIndex, limit);
      read += found.length;
      return found;
    });
    await timeline.catchUp();
    for (const order of ['ascending', 'descending'] as const) {
      read = 0;
      const page = await timeline.events({ subject: 'config/rare', order, limit: 100 });
      expect(page.events.map((event) => event.position).sort((a, b) => a - b)).toEqual(rare);
      expect(page.next).toBeUndefined();
      expect(read).toBe(rare.length);
    }
    read = 0;
    expect(await timeline.events({ subject: 'config/never', limit: 100 })).toEqual({ events: [] });
    expect(read).toBe(0);
    const newest = await timeline.events({ subject: 'config/common', order: 'descending', limit: 10 });
    expect(newest.events).toHaveLength(10);
    expect(read).toBeLessThanOrEqual(10);
  });

  test('a page that finds little is handed over when enough was looked through', async () => {
    const timeline = await timelineOf(configLog(pageLimits.scannedEvents + 500, { perEntry: 100 }));
    const wanted = { principal: 'User:nobody', limit: 10 } as const;
    const page = await timeline.events(wanted);
    expect(page).toEqual({ events: [], next: pageLimits.scannedEvents + 1 });
    expect(await timeline.events({ ...wanted, fromPosition: page.next ?? 0 })).toEqual({ events: [] });
    const back = await timeline.events({ ...wanted, order: 'descending' });
    expect(back).toEqual({ events: [], next: 500 });
  });

  test('large events make small pages', async () => {
    const timeline = await timelineOf(configLog(1_000, { text: 'x'.repeat(8_000) }));
    const page = await timeline.events({ limit: 1_000 });
    expect(page.events.length).toBeGreaterThan(100);
    expect(JSON.stringify(page).length).toBeLessThan(1.2 * pageLimits.dataCharacters);
    expect(page.next).toBe(page.events.length + 1);
    expect(await everyPage(timeline, { limit: 1_000 })).toHaveLength(1_000);
  });
});

test.each<[string, Partial<EventQuery>]>([
  ['limit', { limit: 0 }],
  ['limit', { limit: 1_001 }],
  ['limit', { limit: 1.5 }],
  ['types', { types: ['ConfigChanged'] }],
  ['subject', { subject: '' }],
  ['subject', { subject: '*' }],
  ['subject', { subject: 'config*' }],
  ['subject', { subject: 'con*fig/a' }],
  ['fromPosition', { fromPosition: -1 }],
  ['toPosition', { toPosition: 1.5 }],
  ['since', { since: Number.NaN }],
  ['until', { until: Number.POSITIVE_INFINITY }],
])('a query whose %s makes no sense is refused: %j', async (field, wrong) => {
  const timeline = await timelineOf(longHistory(5));
  const refusal = await timeline.events({ limit: 10, ...wrong }).catch((error: unknown) => error);
  expect(refusal).toBeInstanceOf(HistoryRefused);
  expect(refusal).toMatchObject({ code: 'MALFORMED_REQUEST', message: expect.stringMatching(new RegExp(`^${field}: `)) });
});
