/** Goal: at most the rate per second, no credit saved up beyond one second. Method: a clock that the test moves. */
import { expect, test } from 'vitest';
import { RateLimit } from '../../src/engine/rateLimit.ts';

test('a second holds as many as the rate, and idling saves up no more', () => {
  let now = 0;
  const limit = new RateLimit(() => now);
  limit.change(3);
  expect([1, 2, 3, 4].map(() => limit.take())).toEqual([true, true, true, false]);
  now += 334;
  expect([limit.take(), limit.take()]).toEqual([true, false]);
  now += 60_000;
  expect([1, 2, 3, 4].map(() => limit.take())).toEqual([true, true, true, false]);
});

test('0 lifts the limit; a clock set back gives nothing', () => {
  let now = 1_000;
  const limit = new RateLimit(() => now);
  limit.change(1);
  expect([limit.take(), limit.take()]).toEqual([true, false]);
  now = 0;
  expect(limit.take()).toBe(false);
  limit.change(0);
  expect(Array.from({ length: 1_000 }, () => limit.take()).every(Boolean)).toBe(true);
});
