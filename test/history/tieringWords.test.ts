/**
 * Goal: `chancery history` tells the story of a lake table so that somebody can act on it: each event on one line, an error as far as its
 * first line goes, and never a character that steers a terminal.
 * Method: the words of every event of tiering, and of errors of every kind.
 */
import { expect, test } from 'vitest';
import {
  freshnessChanged,
  lakeTableAdded,
  lakeTableRemoved,
  tieringDue,
  tieringRoundFailed,
  tieringRoundFinished,
  tieringRoundStarted,
} from '../../events/tiering.ts';
import { tookInWords } from '../../src/engine/history/shown.ts';
import { wordsOf } from '../../src/engine/history/words.ts';

const names = { tableId: 0, database: 'shop', table: 'orders' } as const;
const round = { ...names, tieringEpoch: 7, service: 's1' } as const;
const failed = (error: string | undefined, failuresInRow = 1, durationMs = 2_340) =>
  tieringRoundFailed({ ...round, durationMs, because: 'REPORTED', ...(error === undefined ? {} : { error }), failuresInRow });

test('the story of a table that fails, and recovers', () => {
  expect(
    [
      lakeTableAdded({ ...names, freshnessMs: 180_000, tieringEpoch: 0, because: 'NEW' }),
      lakeTableAdded({ ...names, freshnessMs: 90_000, tieringEpoch: 0, because: 'FOUND' }),
      freshnessChanged({ ...names, freshnessMs: 3_600_000 }),
      tieringDue({ ...names, tieringEpoch: 7 }),
      tieringRoundStarted({ ...round, timeoutMs: 120_000 }),
      failed('no credentials for s3://lake'),
      failed('no credentials for s3://lake', 41),
      failed(undefined, 2, 0),
      tieringRoundFailed({ ...round, durationMs: 121_000, because: 'TIMED_OUT', error: 'No heartbeat of it.', failuresInRow: 1 }),
      tieringRoundFinished({ ...round, durationMs: 59_960, isForced: false, records: 12 }),
      tieringRoundFinished({ ...round, durationMs: 11_520_000, isForced: true }),
      lakeTableRemoved(names),
    ].map(wordsOf),
  ).toEqual([
    'shop.orders is tiered to the lake from now on, at most 3 min old',
    'shop.orders is tiered to the lake from now on, at most 90 s old; it was a lake table before tiering was kept',
    'shop.orders may be 1 h old in the lake',
    'shop.orders, round 7: due to be tiered',
    'shop.orders, round 7: handed to tiering service s1',
    'shop.orders, round 7: FAILED at s1 after 2.3 s: no credentials for s3://lake',
    'shop.orders, round 7: FAILED at s1 after 2.3 s, 41 times in a row: no credentials for s3://lake',
    'shop.orders, round 7: FAILED at s1 after 0 ms, 2 times in a row: its service gave no reason',
    'shop.orders, round 7: FAILED at s1 after 2 min 1 s: No heartbeat of it.',
    'shop.orders, round 7: tiered by s1 in 1 min, 12 records in the lake',
    'shop.orders, round 7: tiered by s1 in 3 h 12 min, cut short and due again',
    'shop.orders is not tiered to the lake any more',
  ]);
});

test.each([
  ['a stack', '\norg.paimon.Denied: 403\n\tat a\n\n\tat b\n', 'org.paimon.Denied: 403 (and 2 more lines)'],
  ['two lines', 'denied\r\nby whom', 'denied (and 1 more line)'],
  ['200 characters', 'é'.repeat(200), 'é'.repeat(200)],
  ['more', 'é'.repeat(201), `${'é'.repeat(199)}…`],
  ['what steers a terminal', 'a\u202eb\tc', 'a\\u{202e}b\\u{0009}c'],
  ['nothing but ends of lines', '\n\r\n', 'its service gave no reason'],
])('an error with %s', (_, error, told) => {
  expect(wordsOf(failed(error))).toBe(`shop.orders, round 7: FAILED at s1 after 2.3 s: ${told}`);
});

test.each([
  [0, '0 ms'],
  [999, '999 ms'],
  [1_000, '1 s'],
  [59_949, '59.9 s'],
  [59_950, '1 min'],
  [125_400, '2 min 5 s'],
  [3_599_600, '1 h'],
  [86_399_000, '1 d'],
  [90_000_000, '1 d 1 h'],
])('%d ms took %s', (ms, words) => {
  expect(tookInWords(ms)).toBe(words);
});
