/**
 * Goal: what happened to tokens is told on one line, and sys.tokens shows those that count, now and in the past, never a hash.
 * Method: a story of decided acts, folded; the table at the end and in the middle; texts that would steer a terminal.
 */
import { expect, test } from 'vitest';
import { tokenIssued } from '../../events/tokens.ts';
import { foldEntry, initialState, type State } from '../../projections/state.ts';
import { tokenTable } from '../../src/engine/history/tokenTable.ts';
import { wordsOf } from '../../src/engine/history/words.ts';
import { tokenStory } from '../fold/tokenActs.ts';
import { logOf, startedAt } from '../support/given.ts';

const story = tokenStory(startedAt);
const entries = logOf(story).map(({ entry }) => entry);
const after = (count: number): State => entries.slice(0, count).reduce(foldEntry, initialState());
const rowsAfter = (count: number) => [...tokenTable.rows(after(count), () => true)];
const minute = (count: number) => startedAt + count * 60_000;

test('each act is told on one line', () => {
  expect(story.flatMap(({ events }) => events.map(wordsOf))).toEqual([
    'issued token ci0000000001 for User:ci, "the nightly build", without an end',
    `issued token ops000000002 for User:dana, until ${new Date(startedAt + 9e9).toISOString()}`,
    'issued token old000000003 for User:Größe, "one", until 2026-11-20T12:06:00.000Z',
    'revoked token ci0000000001 of User:ci',
    'issued token ci0000000001 for User:ci, "the same id again", without an end',
    'token old000000003 of User:Größe expired',
  ]);
  const steering = tokenIssued({ tokenId: 'x', principal: 'User:\u202e', hash: '0'.repeat(64), about: '\u200b' });
  expect(wordsOf(steering)).toBe('issued token x for User:\\u{202e}, "\\u{200b}", without an end');
});

test('sys.tokens shows those that count, oldest first', () => {
  const ops = ['ops000000002', 'User:dana', '', startedAt + 9e9, minute(2), 'User:dana', 2];
  const old = ['old000000003', 'User:Größe', 'one', minute(6), minute(3), 'User:dana', 3];
  expect(rowsAfter(4)).toEqual([ops, old]);
  expect(rowsAfter(6)).toEqual([ops, ['ci0000000001', 'User:ci', 'the same id again', null, minute(5), 'User:dana', 5]]);
  for (const row of rowsAfter(6)) expect(row).toHaveLength(tokenTable.table.columns.length);
});
