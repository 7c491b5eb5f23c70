/** Goal: LIKE as SQL has it. Method: a table, and a comparison with a regular expression on short texts. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { matchesLike } from '../../src/interfaces/sql/like.ts';

test.each<readonly [text: string, pattern: string, matches: boolean]>([
  ['sys', 'sys', true],
  ['sys', 's%', true],
  ['sys', '%', true],
  ['', '%', true],
  ['', '', true],
  ['sys', '', false],
  ['sys', 's_s', true],
  ['sys', '__', false],
  ['set_cluster_configs', '%cluster%', true],
  ['set_cluster_configs', 'set\\_%', true],
  ['setxcluster', 'set\\_%', false],
  ['100%', '100\\%', true],
  ['1000', '100\\%', false],
  ['a\\', 'a\\', true],
  ['a\\b', 'a\\\\b', true],
  ['SYS', 'sys', false],
  ['😀', '_', true],
  ['a\nb', 'a%b', true],
  ['aXbXc', 'a%X_', true],
  ['a.c', 'a.c', true],
  ['abc', 'a.c', false],
])('%j LIKE %j is %s', (text, pattern, matches) => {
  expect(matchesLike(text, pattern)).toBe(matches);
});

test('ILIKE looks past the case', () => {
  expect(matchesLike('SYS', 's%', true)).toBe(true);
});

test('agrees with a regular expression', () => {
  const letters = fc.string({ unit: fc.constantFrom('a', 'b', '%', '_'), maxLength: 8 });
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 10 }), letters, (text, pattern) => {
      const expression = new RegExp(`^${pattern.replaceAll('%', '.*').replaceAll('_', '.')}$`);
      expect(matchesLike(text, pattern)).toBe(expression.test(text));
    }),
  );
});

test('many wildcards on a long text end soon', () => {
  expect(matchesLike('a'.repeat(20_000), `${'%a'.repeat(50)}%b`)).toBe(false);
});
