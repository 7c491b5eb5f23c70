/**
 * Goal: ten wrong credentials a minute from one address, however they come, and never more than so many addresses are remembered.
 * Method: a clock of the test; IPv4 and IPv6 addresses; more addresses than there is room for.
 */
import { describe, expect, test } from 'vitest';
import { Attempts, addressOf, attemptLimits } from '../../src/authentication/attempts.ts';

const { addresses, perWindow, windowMs } = attemptLimits;
function attempts() {
  const clock = { now: 0 };
  const all = new Attempts(() => clock.now);
  const fail = (host: string, times: number) => {
    for (let i = 0; i < times; i += 1) all.begin(host)(false);
  };
  return { all, clock, fail };
}

test('ten wrong ones, then a wait until the minute of the first is over', () => {
  const { all, clock, fail } = attempts();
  fail('10.0.0.1', 1);
  clock.now = 20_000;
  fail('10.0.0.1', perWindow - 2);
  expect(all.waitMs('10.0.0.1')).toBe(0);
  fail('10.0.0.1', 1);
  expect(all.waitMs('10.0.0.1')).toBe(windowMs - 20_000);
  expect(all.waitMs('10.0.0.2')).toBe(0);
  clock.now = windowMs - 1;
  expect(all.waitMs('10.0.0.1')).toBe(1);
  clock.now = windowMs;
  expect(all.waitMs('10.0.0.1')).toBe(0);
  fail('10.0.0.1', perWindow);
  expect(all.waitMs('10.0.0.1')).toBe(windowMs);
});

test('those under way count as wrong ones, right ones do not count', () => {
  const { all } = attempts();
  const settle = Array.from({ length: perWindow }, () => all.begin('10.0.0.1'));
  expect(all.waitMs('10.0.0.1')).toBeGreaterThan(0);
  for (const done of settle) done(true);
  expect(all.waitMs('10.0.0.1')).toBe(0);
  expect(all.size).toBe(0);
});

test('one that ends after its minute is not lost', () => {
  const { all, clock, fail } = attempts();
  const late = all.begin('10.0.0.1');
  fail('10.0.0.1', perWindow - 1);
  clock.now = windowMs + 5;
  expect(all.waitMs('10.0.0.1')).toBe(1);
  late(false);
  expect(all.waitMs('10.0.0.1')).toBe(0);
  expect(all.size).toBe(0);
});

test('beyond so many addresses the oldest is forgotten', () => {
  const { all, fail } = attempts();
  for (let i = 0; i < addresses + 5; i += 1) fail(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`, perWindow);
  expect(all.size).toBe(addresses);
  expect(all.waitMs('10.0.0.4')).toBe(0);
  expect(all.waitMs('10.0.0.5')).toBe(windowMs);
});

describe('addresses', () => {
  test.each([
    ['127.0.0.1', '127.0.0.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8:1:2::6', '2001:db8:1:2::/64'],
    ['2001:db8::6', '2001:db8:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['64:ff9b::10.0.0.1', '64:ff9b:0:0::/64'],
    ['1:2:3:4:5::', '1:2:3:4::/64'],
    ['', ''],
  ])('%s counts as %s', (host, counted) => expect(addressOf(host)).toBe(counted));
});
