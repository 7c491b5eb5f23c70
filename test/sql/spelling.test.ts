/** Goal: a slip of the finger is recognized, another word is not taken for one. Method: a table. */
import { expect, test } from 'vitest';
import { nearest, slipsBetween } from '../../src/interfaces/sql/spelling.ts';

test.each<readonly [a: string, b: string, slips: number]>([
  ['SELEKT', 'SELECT', 1],
  ['SELCET', 'SELECT', 1],
  ['SLECT', 'SELECT', 1],
  ['SELLECT', 'SELECT', 1],
  ['SELEKTT', 'SELECT', 2],
  ['', 'SHOW', 4],
  ['SHOW', '', 4],
  ['USE', 'USE', 0],
])('%j and %j are %i slips apart', (a, b, slips) => {
  expect(slipsBetween(a, b)).toBe(slips);
});

test.each<readonly [word: string, best: string | undefined]>([
  ['evnets', 'events'],
  ['ACL', 'ACLS'],
  ['ABS', undefined],
  ['events', undefined],
  ['x'.repeat(10_000), undefined],
])('nearest to %s is %s', (word, best) => {
  expect(nearest(word, ['events', 'ACLS', 'coordinators'])).toBe(best);
});
