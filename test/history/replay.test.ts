/**
 * Goal: a replay tells of each event exactly what it did to the state, and pages of it lose and double nothing.
 * Method: the patches, applied by immer to the plain form of the state before, must give the plain form after, for every event of
 * random histories; what is shown is compared with a filter over everything.
 */
import fc from 'fast-check';
import { applyPatches, enablePatches, type Patch } from 'immer';
import { describe, expect, test } from 'vitest';
import type { EncodedEntry } from '../../events/envelope.ts';
import { catalogue, subjectsOf } from '../../events/index.ts';
import { redacted } from '../../events/kit.ts';
import { plain } from '../../projections/kit.ts';
import type { ReplayQuery, ReplayStep } from '../../src/engine/history/port.ts';
import { replay, replayPage } from '../../src/engine/history/replay.ts';
import { isBookkeeping, viewOf } from '../../src/engine/history/stateViews.ts';
import { Timeline } from '../../src/engine/history/timeline.ts';
import { replay as replayOf } from '../support/replay.ts';
import { accessHistory, configLog, history, longHistory, metaServiceHistory, sourceOf, textsOf } from './histories.ts';

enablePatches();

async function timelineOf(entries: readonly EncodedEntry[], most?: number): Promise<Timeline> {
  const timeline = new Timeline(sourceOf(textsOf(entries), most));
  await timeline.catchUp();
  return timeline;
}

async function stepsOf(timeline: Timeline, query: ReplayQuery = {}): Promise<readonly ReplayStep[]> {
  const steps: ReplayStep[] = [];
  for await (const step of replay(timeline, query)) steps.push(step);
  return steps;
}

const applied = (state: unknown, { patches }: ReplayStep): unknown => applyPatches(state as object, patches as Patch[]);
const shownAt = async (timeline: Timeline, position: number): Promise<unknown> => redacted(plain(await timeline.stateAt({ position })));

test('patches lead from each state to the next', async () => {
  const { params } = replayOf({ numRuns: 15 });
  await fc.assert(
    fc.asyncProperty(history({ maxLength: 60 }), async (entries) => {
      const timeline = await timelineOf(entries);
      let state = await shownAt(timeline, 0);
      let position = 0;
      for (const step of await stepsOf(timeline, { includeBookkeeping: true })) {
        position += 1;
        expect(step.event.position).toBe(position);
        state = applied(state, step);
        expect(state).toEqual(await shownAt(timeline, position));
      }
      expect(position).toBe(timeline.index.position);
    }),
    params as object,
  );
});

test.each([
  ['configs', () => longHistory(300)],
  ['the Meta Service', metaServiceHistory],
  ['access', accessHistory],
] as const)('without the bookkeeping, what is left is what an operator sees: %s', async (_, entries) => {
  const timeline = await timelineOf(entries());
  let state: unknown = viewOf(await timeline.stateAt({ position: 0 })).state;
  for (const step of await stepsOf(timeline)) {
    expect(step.patches.filter(({ path }) => isBookkeeping(path))).toEqual([]);
    state = applied(state, step);
    if (step.event.position % 7 === 0) expect(state).toEqual(viewOf(await timeline.stateAt({ position: step.event.position })).state);
  }
  const { state: last } = viewOf(timeline.state);
  expect(state).toEqual(last);
  const ofMetaService = ['clusters', 'computeNodes', 'instances', 'storage', 'tablets', 'transactions'];
  const ofAccess = ['acls', 'dataKeys', 'tokens'];
  const ofFluss = ['buckets', 'catalog', 'rebalance', 'serverTags', 'servers', 'tiering'];
  const others = ['configs', 'coordinators', 'deadlines', 'leadership'];
  expect(Object.keys(last).sort()).toEqual([...ofMetaService, ...ofAccess, ...ofFluss, ...others].sort());
});

test('a table shows its rows, not itself, and no secret', async () => {
  const steps = await stepsOf(await timelineOf(longHistory(300)), { includeBookkeeping: true });
  const rows = steps.flatMap(({ patches }) => patches.filter(({ path }) => path[0] === 'configs' && path[1] === 'dynamic'));
  expect(new Set(rows.map(({ op }) => op))).toEqual(new Set(['add', 'replace', 'remove']));
  for (const { path } of rows) expect(path).toEqual(['configs', 'dynamic', expect.stringMatching(/^datalake\./)]);
  expect(JSON.stringify(steps)).not.toContain('never-to-be-seen');
  expect(JSON.stringify(rows)).toContain('"sealed"');
});

const query: fc.Arbitrary<Omit<ReplayQuery, 'to'> & { readonly to: number }> = fc.record(
  {
    fromPosition: fc.integer({ min: 1, max: 30 }),
    to: fc.integer({ min: 0, max: 60 }),
    types: fc.uniqueArray(fc.constantFrom(...catalogue.keys()), { minLength: 1, maxLength: 2 }),
    subject: fc.constantFrom('config/*', 'coordinator/n2', 'config/datalake.a'),
    principal: fc.constantFrom('User:alice', 'User:bob'),
    includeBookkeeping: fc.boolean(),
  },
  { requiredKeys: ['to'] },
);

test('pages hold the steps that were asked for, each with the patches it has on its own', async () => {
  const { params } = replayOf({ numRuns: 20 });
  await fc.assert(
    fc.asyncProperty(history({ minLength: 60, maxLength: 90 }), query, fc.integer({ min: 1, max: 9 }), async (entries, wish, limit) => {
      const timeline = await timelineOf(entries, 5);
      const last = Math.min(timeline.index.position, Math.max(wish.to, wish.fromPosition ?? 1));
      const wanted: ReplayQuery = { ...wish, to: { position: last } };
      const everything = await stepsOf(timeline, { includeBookkeeping: wish.includeBookkeeping ?? false });
      const events = entries.flatMap(({ entry }) => entry.events);
      const expected = everything.filter(({ event: { act, position, type } }) => {
        const event = events[position - 1];
        const subjects = event === undefined ? [] : subjectsOf(event);
        return (
          position >= (wish.fromPosition ?? 1) &&
          position <= last &&
          (wish.types?.includes(type) ?? true) &&
          (wish.principal === undefined || act.principal === wish.principal) &&
          (wish.subject === undefined ||
            subjects.some((own) => own === wish.subject || (wish.subject === 'config/*' && own.startsWith('config/'))))
        );
      });
      expect(await stepsOf(timeline, wanted)).toEqual(expected);
      const paged: ReplayStep[] = [];
      let next: number | undefined;
      do {
        const page = await replayPage(timeline, { ...wanted, ...(next === undefined ? {} : { fromPosition: next }), limit });
        expect(page.steps.length).toBeLessThanOrEqual(limit);
        paged.push(...page.steps);
        next = page.next;
      } while (next !== undefined);
      expect(paged).toEqual(expected);
    }),
    params as object,
  );
});

describe('bounds', () => {
  test('the next page goes on from where the last one ended', async () => {
    const texts = textsOf(longHistory(3_000));
    let read = 0;
    const source = sourceOf(texts, 16);
    const timeline = new Timeline(async (afterIndex, limit) => {
      const found = await source(afterIndex, limit);
      read += found.length;
      return found;
    });
    await timeline.catchUp();
    const from = timeline.index.lastPositionOf(700) + 1;
    const { next = 0 } = await replayPage(timeline, { fromPosition: from, limit: 200 });
    expect(next).toBe(from + 200);
    read = 0;
    await replayPage(timeline, { fromPosition: next, limit: 200 });
    const entries = timeline.index.entryOf(next + 200) - timeline.index.entryOf(next) + 1;
    expect(read).toBeLessThanOrEqual(entries + 16); // The last read may hold more than the page.
  });

  test('a walk over nothing that is asked for is handed over too', async () => {
    const timeline = await timelineOf(configLog(20_600, { perEntry: 100 }));
    const page = await replayPage(timeline, { principal: 'User:nobody', limit: 10 });
    expect(page.steps).toEqual([]);
    expect(page.next).toBeGreaterThan(20_000);
    expect(page.next).toBeLessThan(21_000);
  });

  test.each<[string, ReplayQuery & { limit: number }]>([
    ['MALFORMED_REQUEST', { limit: 0 }],
    ['MALFORMED_REQUEST', { limit: 1_001 }],
    ['MALFORMED_REQUEST', { limit: 1, types: ['Nothing'] }],
    ['MALFORMED_REQUEST', { limit: 1, subject: '*' }],
    ['MALFORMED_REQUEST', { limit: 1, fromPosition: 9, to: { position: 8 } }],
    ['UNKNOWN_POSITION', { limit: 1, fromPosition: 10_000 }],
    ['UNKNOWN_POSITION', { limit: 1, to: { position: 10_000 } }],
  ])('%s for %j', async (code, wrong) => {
    const timeline = await timelineOf(longHistory(30));
    await expect(replayPage(timeline, wrong)).rejects.toMatchObject({ code });
  });

  test('an empty log has nothing to tell', async () => {
    const timeline = await timelineOf([]);
    expect(await replayPage(timeline, { limit: 10 })).toEqual({ steps: [] });
    expect(viewOf(timeline.state)).toMatchObject({ position: 0, at: 0 });
  });
});

describe('viewOf', () => {
  test('gives the projections that are asked for, whole', async () => {
    const timeline = await timelineOf(longHistory(50));
    const { state } = viewOf(timeline.state, { projections: ['subjects', 'deadlines'] });
    expect(state).toEqual(redacted(plain({ subjects: timeline.state.subjects, deadlines: timeline.state.deadlines })));
    expect(() => viewOf(timeline.state, { projections: ['tables'] })).toThrow(/no projection 'tables'/);
    expect(() => viewOf(timeline.state, { projections: ['hash'] })).toThrow(/no projection 'hash'/);
  });

  test('is given up as soon as it is too large', async () => {
    const { state } = await timelineOf(longHistory(200));
    const view = viewOf(state);
    const characters = JSON.stringify(view.state).length;
    expect(viewOf(state, {}, characters + 1_000)).toEqual(view); // Counted with a comma behind each last row.
    expect(() => viewOf(state, {}, characters - 1_000)).toThrow(`more than ${characters - 1_000} characters`);
    const unread = {
      ...state,
      get tokens(): never {
        throw new Error('read behind the limit');
      },
    };
    expect(() => viewOf(unread, {}, 10)).toThrow('more than 10 characters');
  });
});
