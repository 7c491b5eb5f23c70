/**
 * Goal: no fault in a log passes, wherever it is, and the first position that cannot be believed is named.
 * Method: one fault planted at each entry of a random history: flipped bits, entries missing, doubled and swapped, time and epoch going
 * back, events that no fold or no release accepts; and a fold that is made to differ between drafts and bulk.
 */
import fc from 'fast-check';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { type EncodedEntry, type Entry, encodeEntry, genesisHash, type LoggedEvent } from '../../events/envelope.ts';
import { stateHash } from '../../projections/kit.ts';
import { bulkFold } from '../../projections/state.ts';
import { type Verdict, verifyLog } from '../../src/engine/history/verify.ts';
import { replay } from '../support/replay.ts';
import { history, longHistory, sourceOf, textsOf } from './histories.ts';

/** A fold in bulk that is wrong from an entry on: what a fault in this release could look like. */
const planted = vi.hoisted(() => {
  vi.resetModules(); // Files share their modules: what another one has loaded would hold the real fold.
  return { fromIndex: Number.POSITIVE_INFINITY };
});
vi.mock(import('../../projections/state.ts'), async (original) => {
  const real = await original();
  const bulk: typeof real.bulkFold = (from) => {
    const fold = real.bulkFold(from);
    let isWrong = false;
    return {
      add: (entries) => {
        isWrong ||= entries.some(({ index }) => index >= planted.fromIndex);
        fold.add(entries);
      },
      get position() {
        return fold.position;
      },
      finish: () => (isWrong ? { ...fold.finish(), leadership: { taken: -1 } } : fold.finish()),
    };
  };
  return { ...real, bulkFold: bulk };
});
afterEach(() => {
  planted.fromIndex = Number.POSITIVE_INFINITY;
});

const entries = longHistory(90, 5);
const texts = textsOf(entries);
const entryAt = (place: number): Entry => {
  const found = entries[place]?.entry;
  if (found === undefined) throw new Error(`there is no entry ${place + 1}`);
  return found;
};
const firstPositionAt = (place: number): number => entryAt(place).firstPosition;
const lastPositionAt = (place: number): number => firstPositionAt(place) + entryAt(place).count - 1;
const places = entries.map((_, place) => place);
const verify = (log: readonly string[], options = {}): Promise<Verdict> => verifyLog(sourceOf(log), options);
const replaced = (place: number, text: string): readonly string[] => texts.map((own, i) => (i === place ? text : own));
/** The log with one entry made anew, its own hash right, and all after it chained to it: only the meaning is wrong. */
function rewritten(place: number, change: (entry: Entry) => Partial<Entry>): readonly string[] {
  const log: EncodedEntry[] = [];
  for (const { entry } of entries) {
    const own = { ...entry, previousHash: log.at(-1)?.entry.hash ?? genesisHash };
    log.push(encodeEntry(log.length === place ? { ...own, ...change(own) } : own));
  }
  return textsOf(log);
}
function expectBroken(verdict: Verdict, place: number, position = firstPositionAt(place)): asserts verdict is Verdict & { kind: 'broken' } {
  expect({ ...verdict, state: undefined }).toMatchObject({ kind: 'broken', position, index: place + 1 });
  expect(verdict.state.index).toBe(place);
  if (verdict.kind === 'broken') expect(verdict.reason).toMatch(/^(?!position).{10,}/);
}

test('there are enough entries for what follows', () => expect(entries.length).toBeGreaterThan(35));

test('a sound log is sound, and its end is that of a fold', async () => {
  const { params } = replay({ numRuns: 8 });
  await fc.assert(
    fc.asyncProperty(history({ maxLength: 80 }), async (log) => {
      const last = log.at(-1)?.entry;
      if (last === undefined) throw new Error('every history has a beginning');
      const seen: string[] = [];
      const reached: number[] = [];
      const head = { index: last.index, position: last.firstPosition + last.count - 1, hash: last.hash };
      const verdict = await verifyLog(sourceOf(textsOf(log), 7), {
        expected: head,
        onSound: (sound) => void seen.push(...sound),
        onProgress: ({ position }) => reached.push(position),
      });
      const fold = bulkFold();
      fold.add(log.map(({ entry }) => entry));
      expect(verdict.kind).toBe('sound');
      expect(stateHash(verdict.state)).toBe(stateHash(fold.finish()));
      expect(seen).toEqual(textsOf(log));
      expect(reached.at(-1)).toBe(head.position);
    }),
    params as object,
  );
  expect(await verify([])).toMatchObject({ kind: 'sound', state: { position: 0 } });
});

describe('a fault at any entry is found there', () => {
  test('flipped bits', async () => {
    for (const place of places) {
      const text = texts[place] ?? '';
      // A few at each entry, all over it; the seed makes it the same bits at each run.
      for (const bit of fc.sample(fc.nat({ max: text.length * 7 - 1 }), { numRuns: 6, seed: place })) {
        const at = Math.floor(bit / 7);
        const flipped = String.fromCharCode(text.charCodeAt(at) ^ (1 << (bit % 7)));
        const verdict = await verify(replaced(place, text.slice(0, at) + flipped + text.slice(at + 1)));
        expect(verdict, `entry ${place + 1}, bit ${bit}`).toMatchObject({ kind: 'broken', index: place + 1, state: { index: place } });
        const position = verdict.kind === 'broken' ? verdict.position : 0;
        expect(position).toBeGreaterThanOrEqual(firstPositionAt(place));
        expect(position).toBeLessThanOrEqual(lastPositionAt(place));
      }
    }
  });

  test('cut short, empty, or not JSON', async () => {
    for (const place of places)
      for (const text of [(texts[place] ?? '').slice(0, -1), '', 'null', '{}', '\u0000'])
        expectBroken(await verify(replaced(place, text)), place);
  });

  test('missing', async () => {
    for (const place of places.slice(0, -1)) expectBroken(await verify(texts.toSpliced(place, 1)), place);
  });

  test('doubled', async () => {
    for (const place of places) {
      const verdict = await verify(texts.toSpliced(place, 0, texts[place] ?? ''));
      expect(verdict).toMatchObject({ kind: 'broken', index: place + 2, position: lastPositionAt(place) + 1 });
    }
  });

  test('swapped with the next', async () => {
    for (const place of places.slice(0, -1))
      expectBroken(await verify(texts.toSpliced(place, 2, texts[place + 1] ?? '', texts[place] ?? '')), place);
  });

  test('written by somebody else, with a right hash of its own', async () => {
    for (const place of places.slice(0, -1)) {
      const forged = encodeEntry({ ...entryAt(place), batchId: 'forged' }).text;
      expectBroken(await verify(replaced(place, forged)), place + 1); // The chain breaks behind it.
    }
    const last = places.length - 1;
    const forged = replaced(last, encodeEntry({ ...entryAt(last), batchId: 'forged' }).text);
    const { hash, index, firstPosition, count } = entryAt(last);
    expectBroken(await verify(forged, { expected: { index, hash, position: firstPosition + count - 1 } }), last);
  });

  test('dated before the one before it', async () => {
    for (const place of places.slice(1)) expectBroken(await verify(rewritten(place, () => ({ at: entryAt(place - 1).at - 1 }))), place);
  });

  test('of an older epoch', async () => {
    for (const place of places.slice(1))
      expectBroken(await verify(rewritten(place, () => ({ epoch: entryAt(place - 1).epoch - 1 }))), place);
  });

  test('with wrong positions', async () => {
    for (const place of places) {
      const verdict = await verify(rewritten(place, ({ firstPosition }) => ({ firstPosition: firstPosition + 1 })));
      expectBroken(verdict, place);
    }
  });

  const withEvent = (place: number, makeEvent: (event: LoggedEvent) => object): readonly string[] =>
    rewritten(place, ({ events }) => ({ events: [...events.slice(0, -1), makeEvent(events.at(-1) as LoggedEvent) as LoggedEvent] }));

  test.each<[string, (event: LoggedEvent) => object]>([
    ['of a type nobody knows', (event) => ({ ...event, type: 'PigsFlew' })],
    ['of a newer version', (event) => ({ ...event, version: 99 })],
    ['that its schema refuses', (event) => ({ ...event, data: { ...(event.data as object), surplus: 1 } })],
    ['that cannot be folded', (event) => ({ ...event, type: 'CoordinatorForgotten', version: 1, data: { nodeId: 'nobody' } })],
  ])('holding an event %s', async (_, makeEvent) => {
    for (const place of places) expectBroken(await verify(withEvent(place, makeEvent)), place, lastPositionAt(place));
  });
});

describe('the end', () => {
  const { firstPosition, count, hash, index } = entryAt(entries.length - 1);
  const expected = { index, hash, position: firstPosition + count - 1 };

  test('a log cut off behind a whole entry is sound in itself, and broken when its end is known', async () => {
    for (const place of places) {
      expect((await verify(texts.slice(0, place))).kind).toBe('sound');
      expectBroken(await verify(texts.slice(0, place), { expected }), place);
    }
    expect((await verify(texts, { expected })).kind).toBe('sound');
  });

  test('a log that goes on behind its known end', async () => {
    const before = entryAt(entries.length - 2);
    const early = { index: before.index, hash: before.hash, position: before.firstPosition + before.count - 1 };
    expect(await verify(texts, { expected: early })).toMatchObject({ kind: 'broken', position: early.position + 1 });
  });
});

test('a fold that differs between drafts and bulk is found', async () => {
  planted.fromIndex = 10;
  const verdict = await verifyLog(sourceOf(texts, 4));
  expect(verdict).toMatchObject({ kind: 'broken', index: 9, reason: expect.stringContaining('this release has a fault') });
});

test('what is before a fault is handed over, nothing of what is behind', async () => {
  const seen: string[] = [];
  const broken = replaced(30, '{}');
  await verifyLog(sourceOf(broken, 8), { onSound: (sound) => void seen.push(...sound) });
  expect(seen).toEqual(texts.slice(0, 30));
});

test('a source that fails is no verdict, and neither is an end of patience', async () => {
  await expect(verifyLog(async () => Promise.reject(new Error('unreachable')))).rejects.toThrow('unreachable');
  await expect(verify(texts, { signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow('enough');
});
