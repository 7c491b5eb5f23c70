/**
 * Goal: a past state is exactly that of a node which replayed so far, whatever was asked before; times lead to positions.
 * Method: random valid histories of every event type, questions in random order, against a fold event by event from nothing.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeEntry, type EncodedEntry, UnreadableEntry } from '../../events/envelope.ts';
import { catalogue } from '../../events/index.ts';
import { plain, ReplayFault, stateHash } from '../../projections/kit.ts';
import { draftState, finishEntry, finishState, foldEntry, foldEvent, initialState, type State } from '../../projections/state.ts';
import { HistoryRefused } from '../../src/engine/history/port.ts';
import { Timeline } from '../../src/engine/history/timeline.ts';
import { replay } from '../support/replay.ts';
import {
  accessHistory,
  beganAt,
  flussHistory,
  history,
  historyOf,
  longHistory,
  metaServiceHistory,
  type Step,
  sourceOf,
  textsOf,
} from './histories.ts';

/** States after each position, folded one event after the other from nothing: what a timeline must agree with. */
function statesOf(entries: readonly EncodedEntry[]): readonly State[] {
  const states = [initialState()];
  for (const { text } of entries) {
    const entry = decodeEntry(text);
    for (const [place, event] of entry.events.entries()) {
      const draft = draftState(states.at(-1) ?? initialState());
      foldEvent(draft, { position: entry.firstPosition + place, at: entry.at, epoch: entry.epoch, event });
      Object.assign(draft, { at: entry.at, epoch: entry.epoch });
      if (place === entry.count - 1) finishEntry(draft, entry);
      states.push(finishState(draft));
    }
  }
  return states;
}

async function timelineOf(entries: readonly EncodedEntry[], most?: number): Promise<Timeline> {
  const timeline = new Timeline(sourceOf(textsOf(entries), most));
  await timeline.catchUp();
  return timeline;
}

const head = (entries: readonly EncodedEntry[]): number => entries.reduce((sum, { entry }) => sum + entry.count, 0);

test('histories hold every type of event there is', () => {
  const types = new Set(
    [...longHistory(200), ...metaServiceHistory(), ...accessHistory(), ...flussHistory()].flatMap(({ entry }) =>
      entry.events.map((event) => event.type),
    ),
  );
  expect([...types].sort()).toEqual([...catalogue.keys()].sort());
});

describe('stateAt', () => {
  test('equals a fold from nothing, in whatever order positions are asked for', async () => {
    const { params } = replay({ numRuns: 15 });
    const cases = fc.record({
      entries: history({ maxLength: 120 }),
      most: fc.integer({ min: 1, max: 9 }),
      picks: fc.array(fc.nat(), { maxLength: 30 }),
    });
    await fc.assert(
      fc.asyncProperty(cases, async ({ entries, most, picks }) => {
        const expected = statesOf(entries);
        const timeline = await timelineOf(entries, most);
        for (const pick of [...picks, 0, expected.length - 1]) {
          const position = pick % expected.length;
          const state = await timeline.stateAt({ position });
          expect(stateHash(state)).toBe(stateHash(expected[position]));
          expect(plain(state)).toEqual(plain(expected[position]));
        }
      }),
      params as object,
    );
  });

  test('200 random positions of one long history', async () => {
    const entries = longHistory(2_000);
    const expected = statesOf(entries);
    const timeline = await timelineOf(entries);
    const positions = fc.sample(fc.integer({ min: 0, max: expected.length - 1 }), { numRuns: 200, seed: 7 });
    for (const position of positions) expect(stateHash(await timeline.stateAt({ position }))).toBe(stateHash(expected[position]));
    // Some in plain form too: hashes cannot tell what differs, and a hash that ignored a part would hide it.
    for (const position of positions.slice(0, 10)) expect(plain(await timeline.stateAt({ position }))).toEqual(plain(expected[position]));
  });

  test('questions at the same time do not disturb each other, nor a catch-up', async () => {
    const entries = longHistory(400);
    const expected = statesOf(entries);
    const texts = [...textsOf(entries)];
    const later = texts.splice(texts.length >> 1);
    const timeline = new Timeline(sourceOf(texts, 3));
    await timeline.catchUp();
    const known = timeline.index.position;
    texts.push(...later);
    const positions = fc.sample(fc.integer({ min: 0, max: known }), { numRuns: 40, seed: 3 });
    const [states] = await Promise.all([
      Promise.all(positions.map((position) => timeline.stateAt({ position }))),
      timeline.catchUp(entries.length),
    ]);
    expect(states.map(stateHash)).toEqual(positions.map((position) => stateHash(expected[position])));
    expect(stateHash(timeline.state)).toBe(stateHash(expected.at(-1)));
  });

  test('goes on from checkpoints: going back reads about as much as it goes back', async () => {
    const texts = textsOf(longHistory(4_000));
    let read = 0;
    const source = sourceOf(texts);
    const timeline = new Timeline(async (afterIndex, limit) => {
      const found = await source(afterIndex, Math.min(limit, 20));
      read += found.length;
      return found;
    });
    await timeline.catchUp();
    expect(texts.length).toBeGreaterThan(1_200);
    expect(timeline.checkpoints).toBeGreaterThanOrEqual(6); // One for each doubling from 16 entries on.
    expect(timeline.checkpoints).toBeLessThanOrEqual(10);
    for (const back of [1, 10, 100, 500, 1_000]) {
      read = 0;
      await timeline.stateAt({ position: timeline.index.lastPositionOf(texts.length - back) });
      expect(read).toBeLessThanOrEqual(back * 3 + 40);
    }
  });

  test('a position beyond the newest, or none at all, is refused', async () => {
    const timeline = await timelineOf(longHistory(20));
    const newest = timeline.index.position;
    await expect(timeline.stateAt({ position: newest + 1 })).rejects.toMatchObject({ code: 'UNKNOWN_POSITION' });
    for (const position of [-1, 1.5, Number.NaN])
      await expect(timeline.stateAt({ position })).rejects.toMatchObject({ code: 'MALFORMED_REQUEST' });
    await expect(timeline.stateAt({ at: Number.NaN })).rejects.toBeInstanceOf(HistoryRefused);
    expect(stateHash(await timeline.stateAt(undefined))).toBe(stateHash(timeline.state));
  });

  test('a long fold stops when nobody wants it any more', async () => {
    const texts = textsOf(longHistory(1_000));
    const stop = new AbortController();
    let isAsked = false;
    const source = sourceOf(texts);
    const timeline = new Timeline(async (afterIndex, limit) => {
      if (isAsked) stop.abort(new Error('enough')); // What was asked for still comes, and is not folded.
      return await source(afterIndex, limit);
    });
    await timeline.catchUp();
    isAsked = true;
    await expect(timeline.stateAt({ position: 3 }, stop.signal)).rejects.toThrow('enough');
    await expect(timeline.stateAt({ position: 3 }, stop.signal)).rejects.toThrow('enough');
  });

  test('a fold that was stopped is gone on with by whoever asks again', async () => {
    const entries = longHistory(1_000);
    const source = sourceOf(textsOf(entries), 8);
    const reads: number[] = [];
    const stop = new AbortController();
    let isAsked = false;
    const timeline = new Timeline(async (afterIndex, limit) => {
      reads.push(afterIndex);
      if (isAsked && reads.length === 3) stop.abort(new Error('enough')); // What comes of this read is not folded.
      return await source(afterIndex, limit);
    });
    await timeline.catchUp();
    isAsked = true;
    reads.length = 0;
    const position = timeline.index.firstPositionOf(60);
    await expect(timeline.stateAt({ position }, stop.signal)).rejects.toThrow('enough');
    const [first = 0] = reads;
    expect(reads).toEqual([first, first + 8, first + 16]);
    reads.length = 0;
    const state = await timeline.stateAt({ position });
    expect(reads[0]).toBe(first + 16);
    expect(stateHash(state)).toBe(stateHash(statesOf(entries)[position]));
  });
});

test('positionAt is the last event at or before a time', async () => {
  const { params } = replay({ numRuns: 15 });
  await fc.assert(
    fc.asyncProperty(
      history({ maxLength: 60 }),
      fc.array(fc.integer({ min: -10, max: 3_600_000 }), { maxLength: 30 }),
      async (entries, offsets) => {
        const timeline = await timelineOf(entries);
        const times = entries.flatMap(({ entry }) => [entry.at - 1, entry.at, entry.at + 1]);
        for (const time of [...times, ...offsets.map((offset) => beganAt + offset)]) {
          const before = entries.filter(({ entry }) => entry.at <= time);
          expect(timeline.positionAt(time)).toBe(head(before));
          expect(timeline.positionOf({ at: time })).toBe(head(before));
        }
        for (const { entry } of entries) expect(timeline.timeOf(entry.firstPosition)).toBe(entry.at);
        expect(timeline.timeOf(0)).toBe(0);
      },
    ),
    params as object,
  );
});

describe('catchUp', () => {
  test('follows a log that grows, and knows what it was promised', async () => {
    const all = longHistory(300);
    const texts: string[] = [];
    const timeline = new Timeline(sourceOf(texts));
    await timeline.catchUp();
    expect(timeline.state.position).toBe(0);
    let expected = initialState();
    for (const { text } of all) {
      texts.push(text);
      await timeline.catchUp(texts.length);
      expected = foldEntry(expected, decodeEntry(text));
    }
    expect(stateHash(timeline.state)).toBe(stateHash(expected));
    expect(timeline.checkpoints).toBeLessThanOrEqual(20);
    await expect(timeline.catchUp(texts.length + 1)).rejects.toMatchObject({ code: 'NOT_CAUGHT_UP' });
  });

  test('does not run after the end of a log that grows as fast as it is read', async () => {
    const all = textsOf(longHistory(300));
    const source = sourceOf(all);
    let end = 100;
    const timeline = new Timeline(async (afterIndex, limit) => {
      const texts = await source(afterIndex, Math.min(limit, end - afterIndex));
      end = Math.min(all.length, end + 1); // Whenever it is read there is one entry more.
      return texts;
    });
    await Promise.all([timeline.catchUp(100), timeline.catchUp(50)]);
    expect(timeline.state.index).toBeGreaterThanOrEqual(100);
    expect(timeline.state.index).toBeLessThan(120);
    await timeline.catchUp();
    expect(timeline.state.index).toBe(all.length);
  });

  test('stays before an entry that cannot be read, and still answers about what came before', async () => {
    const entries = longHistory(100);
    const texts = [...textsOf(entries)];
    const broken = 20;
    texts[broken] = texts[broken]?.replace('"v":1', '"v":9') ?? '';
    const timeline = new Timeline(sourceOf(texts));
    await expect(timeline.catchUp()).rejects.toBeInstanceOf(UnreadableEntry);
    expect(timeline.state.index).toBe(broken);
    expect(stateHash(timeline.state)).toBe(stateHash(statesOf(entries.slice(0, broken)).at(-1)));
    await expect(timeline.catchUp()).rejects.toBeInstanceOf(UnreadableEntry);
    const position = timeline.index.firstPositionOf(10);
    expect(stateHash(await timeline.stateAt({ position }))).toBe(stateHash(statesOf(entries)[position]));
  });

  test('stays before an entry that cannot be folded', async () => {
    const lost: Step = { what: 'join', node: 2, changes: [], principal: 'User:bob', reason: undefined, isSeparate: true, laterMs: 1 };
    const entries = historyOf([lost, { ...lost, what: 'lose' }]);
    const texts = textsOf(entries);
    const timeline = new Timeline(sourceOf([texts[0] ?? '', texts[2] ?? '']));
    await expect(timeline.catchUp()).rejects.toBeInstanceOf(ReplayFault);
    expect(timeline.state.index).toBe(1);
  });

  test('a source that fails fails the question, and the next one works', async () => {
    const texts = textsOf(longHistory(50));
    let isBroken = true;
    const source = sourceOf(texts);
    const timeline = new Timeline(async (afterIndex, limit) => {
      if (isBroken) throw new Error('the log cannot be reached');
      return await source(afterIndex, limit);
    });
    await expect(timeline.catchUp()).rejects.toThrow('cannot be reached');
    isBroken = false;
    await timeline.catchUp(texts.length);
    expect(timeline.state.index).toBe(texts.length);
  });
});
