/**
 * Goal: one caller's questions hold up another's by one thing at a time, and nothing that is asked for twice is done twice.
 * Method: what waits is let go of by the test, one piece of work after the other.
 */
import { describe, expect, test } from 'vitest';
import { FairQueue } from '../../src/engine/history/fairQueue.ts';
import { SharedWork } from '../../src/engine/history/sharedWork.ts';

const filled = (...callers: readonly string[]): FairQueue<string> => {
  const queue = new FairQueue<string>();
  for (const [place, caller] of callers.entries()) queue.add(caller, `${caller}${place}`);
  return queue;
};
const allOf = (queue: FairQueue<string>): readonly string[] => Array.from({ length: queue.size }, () => queue.next() ?? '');

describe('a queue', () => {
  test('gives callers turns, and each its own things in order', () => {
    expect(allOf(filled('a', 'a', 'a', 'b', 'c', 'b'))).toEqual(['a0', 'b3', 'c4', 'a1', 'b5', 'a2']);
  });

  test('serves whoever comes late after one thing of each other', () => {
    const queue = filled('a', 'a', 'a');
    expect(queue.next()).toBe('a0');
    queue.add('b', 'late');
    expect(allOf(queue)).toEqual(['a1', 'late', 'a2']);
  });

  test('passes over those who may not, without taking their turn', () => {
    const queue = filled('a', 'b', 'b');
    expect(queue.next((caller) => caller !== 'a')).toBe('b1');
    expect(queue.next((caller) => caller === 'c')).toBeUndefined();
    expect(allOf(queue)).toEqual(['a0', 'b2']);
  });

  test('takes back, removes, counts and empties', () => {
    const queue = filled('a', 'a', 'b');
    queue.putBack('a', 'again');
    expect([queue.size, queue.sizeOf('a'), queue.sizeOf('c')]).toEqual([4, 3, 0]);
    expect([queue.remove('a', 'a0'), queue.remove('b', 'b2'), queue.remove('b', 'b2')]).toEqual([true, true, false]);
    expect([queue.size, queue.sizeOf('b')]).toEqual([2, 0]);
    expect(queue.next()).toBe('again');
    expect(queue.drain()).toEqual(['a1']);
    expect([queue.size, queue.next()]).toEqual([0, undefined]);
  });
});

/** Work that goes on until the test ends it. */
function controlled() {
  const shared = new SharedWork<string>();
  const begun: number[] = [];
  const ends = new Map<number, PromiseWithResolvers<string>>();
  return {
    begun,
    ask: async (key: number, caller: string, signal?: AbortSignal) =>
      await shared.of(key, { caller, signal }, async (stop) => {
        begun.push(key);
        const end = Promise.withResolvers<string>();
        ends.set(key, end);
        stop.addEventListener('abort', () => end.reject(stop.reason));
        return await end.promise;
      }),
    async end(key: number, outcome: string | Error): Promise<void> {
      const end = ends.get(key);
      if (outcome instanceof Error) end?.reject(outcome);
      else end?.resolve(outcome);
      await new Promise((resolve) => setImmediate(resolve));
    },
  };
}

describe('shared work', () => {
  test('is one piece at a time, in turns', async () => {
    const { ask, begun, end } = controlled();
    const asked = [ask(1, 'a'), ask(2, 'a'), ask(3, 'a'), ask(4, 'b')];
    expect(begun).toEqual([1]);
    for (const key of [1, 2, 4, 3]) {
      expect(begun.at(-1)).toBe(key);
      await end(key, `of ${key}`);
    }
    expect(await Promise.all(asked)).toEqual(['of 1', 'of 2', 'of 3', 'of 4']);
  });

  test('is done once for all who ask meanwhile, and again for those who come later', async () => {
    const { ask, begun, end } = controlled();
    const first = [ask(1, 'a'), ask(1, 'b'), ask(2, 'a'), ask(2, 'b')];
    await end(1, 'one');
    await end(2, 'two');
    expect(await Promise.all(first)).toEqual(['one', 'one', 'two', 'two']);
    const again = ask(1, 'a');
    await end(1, 'anew');
    expect(await again).toBe('anew');
    expect(begun).toEqual([1, 2, 1]);
  });

  test('comes at the turn of whoever of its askers is first', async () => {
    const { ask, begun, end } = controlled();
    const asked = [ask(1, 'a'), ask(2, 'a'), ask(3, 'a'), ask(3, 'b')];
    await end(1, '');
    await end(2, '');
    await end(3, '');
    await Promise.all(asked);
    expect(begun).toEqual([1, 2, 3]);
    const late = [ask(4, 'a'), ask(5, 'a'), ask(6, 'a'), ask(7, 'a'), ask(7, 'b')];
    for (const key of [4, 5, 7, 6]) await end(key, '');
    await Promise.all(late);
    expect(begun.slice(3)).toEqual([4, 5, 7, 6]);
  });

  test.each([
    ['what was given up', 'a2! a3 b4', [3, 4]],
    ['what is asked for twice', 'a2 a2 a3 b4 b5', [2, 4, 3, 5]],
    ['what another has begun', 'a2 b2 b3 c4', [2, 3, 4]],
  ])('takes no turn for %s', async (_, asks, order) => {
    const { ask, begun, end } = controlled();
    const stop = new AbortController();
    const asked = `a1 ${asks}`.split(' ').map(async ([caller = '', key, isGivenUp]) => {
      const outcome = ask(Number(key), caller, isGivenUp === '!' ? stop.signal : undefined);
      return await outcome.catch((error: Error) => error.message);
    });
    stop.abort(new Error('given up'));
    for (const key of [1, ...order]) await end(key, 'done');
    expect(begun).toEqual([1, ...order]);
    expect(await Promise.all(asked)).toEqual(`a1 ${asks}`.split(' ').map((each) => (each.endsWith('!') ? 'given up' : 'done')));
  });

  test('fails for all who share it, and not for the next', async () => {
    const { ask, end } = controlled();
    const asked = [ask(1, 'a'), ask(1, 'b')].map(async (each) => await each.catch((error: Error) => error.message));
    const next = ask(2, 'a');
    await end(1, new Error('no memory'));
    expect(await Promise.all(asked)).toEqual(['no memory', 'no memory']);
    await end(2, 'two');
    expect(await next).toBe('two');
  });

  test('stops when nobody waits for it any more, and no sooner', async () => {
    const { ask, begun, end } = controlled();
    const stops = [new AbortController(), new AbortController(), new AbortController()] as const;
    const asked = [ask(1, 'a', stops[0].signal), ask(1, 'b', stops[1].signal), ask(2, 'b', stops[2].signal), ask(3, 'b')].map(
      async (each) => await each.catch((error: Error) => error.message),
    );
    stops[0].abort(new Error('enough'));
    stops[2].abort(new Error('never begun'));
    expect(await asked[0]).toBe('enough');
    expect(await asked[2]).toBe('never begun');
    expect(begun).toEqual([1]);
    stops[1].abort(new Error('enough of it'));
    expect(await asked[1]).toBe('enough of it');
    await end(3, 'three');
    expect(await asked[3]).toBe('three');
    expect(begun).toEqual([1, 3]);
    await expect(ask(4, 'a', stops[0].signal)).rejects.toThrow('enough');
    expect(begun).toEqual([1, 3]);
  });
});
