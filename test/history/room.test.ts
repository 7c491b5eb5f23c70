/**
 * Goal: a question for which there is no memory is refused before the process runs out of it, and what is kept for speed goes first.
 * Method: a heap of numbers, and a timeline over a real log that lives in it.
 */
import { describe, expect, test } from 'vitest';
import { type Heap, limitedHeap, Room } from '../../src/engine/history/room.ts';
import { sysTablesOf } from '../../src/engine/history/tables.ts';
import { Timeline } from '../../src/engine/history/timeline.ts';
import { configLog, sourceOf, textsOf } from './histories.ts';

/** 100 bytes large. `kept` is what a collection leaves. */
class NumberedHeap implements Heap {
  readonly limitBytes = 100;
  used = 0;
  kept = 0;
  collections = 0;
  collectionMs = 0;
  time = 0;
  usedBytes = (): number => this.used;
  now = (): number => this.time;
  collect = (): void => {
    this.collections += 1;
    this.time += this.collectionMs;
    this.used = this.kept;
  };
}

function roomIn(heap: Heap | undefined, freed: readonly number[] = []) {
  const left = [...freed];
  const room = new Room(heap, () => {
    const bytes = left.shift();
    if (bytes !== undefined && heap instanceof NumberedHeap) heap.kept -= bytes;
    return bytes !== undefined;
  });
  return { room, left };
}
const halves = (count: number): readonly number[] => (count === 0 ? [] : [count >> 1, ...halves(count >> 1)]);
const mayGoOn = (room: Room): boolean => {
  try {
    room.claim();
    return true;
  } catch (error) {
    expect(error).toMatchObject({ code: 'BUSY', message: expect.stringContaining('no memory left') });
    return false;
  }
};

describe('room', () => {
  test.each([
    ['little is used', { used: 87, kept: 87, freed: [], goesOn: true, collections: 0, left: 0 }],
    ['what is used is garbage', { used: 88, kept: 74, freed: [9], goesOn: true, collections: 1, left: 1 }],
    ['something can be forgotten', { used: 95, kept: 90, freed: [10, 6, 50], goesOn: true, collections: 3, left: 1 }],
    ['nothing helps', { used: 95, kept: 90, freed: [5, 5], goesOn: false, collections: 3, left: 0 }],
  ])('when %s', (_, { collections, freed, goesOn, kept, left, used }) => {
    const heap = Object.assign(new NumberedHeap(), { used, kept });
    const { left: rest, room } = roomIn(heap, freed);
    expect([mayGoOn(room), heap.collections, rest.length]).toEqual([goesOn, collections, left]);
  });

  test('is not judged where the heap has no limit', () => {
    expect(limitedHeap()).toBeUndefined(); // Vitest's own processes have none.
    expect(mayGoOn(roomIn(undefined).room)).toBe(true);
  });

  test('work that goes on without it does not look for it all the time', () => {
    const heap = Object.assign(new NumberedHeap(), { used: 95, kept: 95 });
    const { room } = roomIn(heap);
    for (let i = 0; i < 10; i += 1) room.make();
    expect(heap.collections).toBe(1);
    expect(mayGoOn(room)).toBe(false); // A question is judged by what is.
    heap.time += 1_000;
    room.make();
    expect(heap.collections).toBe(3);
    heap.kept = 10;
    heap.time += 1_000;
    room.make();
    heap.used = 90;
    room.make();
    expect(heap.collections).toBe(5);
  });

  test('work that goes on without it spends little of its time on looking', () => {
    const heap = Object.assign(new NumberedHeap(), { used: 95, kept: 95, collectionMs: 700 });
    const { room } = roomIn(heap);
    room.make();
    heap.time += 6_999;
    room.make();
    expect(heap.collections).toBe(1);
    heap.time += 1;
    room.make();
    expect(heap.collections).toBe(2);
  });
});

describe('a timeline without memory', () => {
  const count = 100;
  const open = async () => {
    const heap = new NumberedHeap();
    const texts = textsOf(configLog(count, { keyOf: (position) => `k${position}` }));
    const timeline = new Timeline(sourceOf(texts, 8), undefined, heap);
    await timeline.catchUp();
    return { heap, timeline };
  };
  const exhaust = (heap: NumberedHeap): void => {
    heap.used = 95;
    heap.kept = 95;
  };
  const refusal = { code: 'BUSY', remedy: expect.stringContaining('Ask again') };

  test('refuses to fold the past, lets go of past states, and folds again when there is some', async () => {
    const { heap, timeline } = await open();
    await timeline.stateAt({ position: 30 });
    expect(timeline.checkpoints).toBeGreaterThan(1);
    exhaust(heap);
    expect((await timeline.stateAt({ position: 30 })).position).toBe(30); // It is there.
    await expect(timeline.stateAt({ position: 20 })).rejects.toMatchObject(refusal);
    expect(timeline.checkpoints).toBe(0);
    expect((await timeline.stateAt(undefined)).position).toBe(count);
    heap.used = 10;
    expect((await timeline.stateAt({ position: 20 })).position).toBe(20);
  });

  test('lets go of past states a part at a time, those that somebody asked for first', async () => {
    const { heap, timeline } = await open();
    const ladder = timeline.checkpoints;
    await timeline.stateAt({ position: 30 });
    exhaust(heap);
    const left: number[] = [];
    heap.collect = () => left.push(timeline.checkpoints);
    expect(mayGoOn(timeline.room)).toBe(false);
    expect(left).toEqual([ladder + 1, ladder, ...halves(ladder)]);
  });

  test('refuses rows', async () => {
    const { heap, timeline } = await open();
    const { rows } = sysTablesOf(timeline, { asker: { principal: 'User:root', interface: 'sql' }, live: {} });
    const signal = new AbortController().signal;
    const first = async () => await rows('cluster_configs', undefined, undefined, signal).next();
    expect((await first()).value.length).toBeGreaterThanOrEqual(count);
    exhaust(heap);
    await expect(first()).rejects.toMatchObject(refusal);
  });

  test('goes on folding what is new', async () => {
    const texts = textsOf(configLog(count, {}));
    const heap = new NumberedHeap();
    exhaust(heap);
    const timeline = new Timeline(sourceOf(texts, 8), undefined, heap);
    await timeline.catchUp(texts.length);
    expect(timeline.state.position).toBe(count);
  });
});
