/**
 * Goal: times and positions are read as people type them and shown as they read them, whatever the zone and across a change of clocks.
 * Method: tables of texts, in the zone Europe/Berlin, seen from noon of the day after its clocks went back.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { grouped, localZone, parseMoment, parseTime, renderSpan, renderTime } from '../../src/cli/moments.ts';

const zone = process.env['TZ'];
beforeAll(() => {
  process.env['TZ'] = 'Europe/Berlin';
});
afterAll(() => {
  if (zone === undefined) delete process.env['TZ'];
  else process.env['TZ'] = zone;
});

/** 12:00 local. The clocks went back on the 25th, at 03:00. */
const now = Date.parse('2026-10-26T11:00:00Z');
const iso = (at: number | undefined): string | undefined => (at === undefined ? undefined : new Date(at).toISOString());

test.each([
  ['now', '2026-10-26T11:00:00.000Z'],
  ['90s', '2026-10-26T10:58:30.000Z'],
  ['30m', '2026-10-26T10:30:00.000Z'],
  ['30 min', '2026-10-26T10:30:00.000Z'],
  ['2h', '2026-10-26T09:00:00.000Z'],
  ['2h ago', '2026-10-26T09:00:00.000Z'],
  ['1d', '2026-10-25T11:00:00.000Z'],
  ['1w', '2026-10-19T11:00:00.000Z'],
  ['11:59', '2026-10-26T10:59:00.000Z'],
  ['23:00', '2026-10-25T22:00:00.000Z'], // Not yet today, so yesterday's.
  ['23:00:30.5', '2026-10-25T22:00:30.500Z'],
  ['today', '2026-10-25T23:00:00.000Z'],
  ['today 23:00', '2026-10-26T22:00:00.000Z'],
  ['yesterday', '2026-10-24T22:00:00.000Z'], // A day of 25 hours.
  ['yesterday 01:00', '2026-10-24T23:00:00.000Z'],
  ['2026-10-20', '2026-10-19T22:00:00.000Z'],
  ['2026-10-20 14:00', '2026-10-20T12:00:00.000Z'],
  ['2026-10-20T14:00:05', '2026-10-20T12:00:05.000Z'],
  ['2026-10-20T14:00:05.123Z', '2026-10-20T14:00:05.123Z'],
  ['2026-10-20T14:00+02:00', '2026-10-20T12:00:00.000Z'],
  [' 2h ', '2026-10-26T09:00:00.000Z'],
])('the time %s', (text, expected) => {
  expect(iso(parseTime(text, now))).toBe(expected);
});

test.each(['', '24:00', '12:60', '2026-02-30', '2026-13-01', '2 fortnights', 'tomorrow', '12', '-2h', '2026-10-20T25:00'])(
  'no time: %j',
  (text) => {
    expect(parseTime(text, now)).toBeUndefined();
  },
);

test.each([
  ['48112', { position: 48_112 }],
  ['48 112', { position: 48_112 }],
  ['48_112', { position: 48_112 }],
  ['0', { position: 0 }],
  ['2h', { at: now - 7_200_000 }],
  ['yesterday', { at: Date.parse('2026-10-24T22:00:00Z') }],
  ['48 11', undefined],
  ['soon', undefined],
])('the moment %s', (text, expected) => {
  expect(parseMoment(text, now)).toEqual(expected);
});

test.each([
  ['2026-10-26T10:59:59Z', '11:59:59'],
  ['2026-10-24T22:00:00Z', 'yesterday 00:00:00'],
  ['2026-10-24T21:59:59Z', '2026-10-24 23:59:59'],
])('%s is shown as %s', (at, expected) => {
  expect(renderTime(Date.parse(at), now)).toBe(expected);
});

test('yesterday is the day before on the calendar, also behind a day of 23 hours', () => {
  const afterTheClocksWentForward = Date.parse('2026-03-29T22:30:00Z'); // 00:30 on the 30th.
  expect(renderTime(Date.parse('2026-03-29T10:00:00Z'), afterTheClocksWentForward)).toBe('yesterday 12:00:00');
});

test('the zone has a name', () => expect(localZone()).toBe('Europe/Berlin'));

test.each([
  [0, '0 ms'],
  [999, '999 ms'],
  [1000, '1 s'],
  [59_499, '59 s'],
  [60_000, '1 min'],
  [3_600_000, '1 h'],
  [7_800_000, '2 h 10 min'],
  [86_400_000, '1 d'],
  [93_600_000, '1 d 2 h'],
])('%i ms is %s', (ms, expected) => {
  expect(renderSpan(ms)).toBe(expected);
});

test.each([
  [0, '0'],
  [999, '999'],
  [1000, '1 000'],
  [1_234_567, '1 234 567'],
])('%i is %s', (value, expected) => {
  expect(grouped(value)).toBe(expected);
});
