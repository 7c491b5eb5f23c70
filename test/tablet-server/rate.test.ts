/**
 * Goal: what arrives stays within the rate over any second, whoever sends, and a new rate counts at once.
 * Method: a limit over a clock that the test moves.
 */
import { expect, test } from 'vitest';
import { RateLimit } from '../../src/tablet-server/rate.ts';

const mb = 1024 * 1024;

function limited(bytesPerSec: number | undefined) {
  const clock = { ms: 0 };
  const rate = new RateLimit(() => clock.ms);
  rate.set(bytesPerSec);
  return { clock, rate };
}

test('without a limit nobody waits, and batches are whole', () => {
  const { rate } = limited(undefined);
  rate.spend(100 * mb);
  expect(rate.owedMs()).toBe(0);
  expect(rate.batchBytes(0.1)).toBe(mb);
});

test('what arrived is waited for, and idle time is not saved up', () => {
  const { clock, rate } = limited(1000);
  clock.ms = 60_000;
  rate.spend(500);
  expect(rate.owedMs()).toBe(500);
  clock.ms += 200;
  expect(rate.owedMs()).toBe(300);
  rate.spend(100);
  expect(rate.owedMs()).toBe(400);
  clock.ms += 400;
  expect(rate.owedMs()).toBe(0);
});

test('a new rate counts for what is still owed', () => {
  const { clock, rate } = limited(1000);
  rate.spend(1000);
  clock.ms += 500;
  rate.set(100);
  expect(rate.owedMs()).toBe(5000);
  rate.set(undefined);
  expect(rate.owedMs()).toBe(0);
});

test('whoever asks next gets an eighth of a second of the rate, shared with those who ask at the same time', () => {
  const { rate } = limited(4 * mb);
  expect(rate.batchBytes(1)).toBe(mb / 2);
  expect(rate.batchBytes(0.25)).toBe(mb / 8);
  expect(rate.batchBytes(0.0001)).toBe(4096); // Less would be all headers.
  rate.set(100 * mb);
  expect(rate.batchBytes(1)).toBe(mb);
});

test('after a lifetime of batches the sum is that of the rate', async () => {
  const { clock, rate } = limited(100_000);
  let bytes = 0;
  while (clock.ms < 60_000) {
    if (rate.owedMs() > 0) clock.ms += rate.owedMs();
    const batch = rate.batchBytes(1);
    rate.spend(batch);
    bytes += batch;
  }
  expect(bytes / 60).toBeGreaterThan(99_000);
  expect(bytes / 60).toBeLessThan(101_000);
  const given = new AbortController();
  given.abort();
  await rate.ready(given.signal); // Whoever is closed does not wait.
});
