/** Goal: an edited query still knows where its characters came from. Method: every place of generated edits. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SqlRefused } from '../../src/interfaces/sql/errors.ts';
import { tokensOf } from '../../src/interfaces/sql/lexer.ts';
import { EditedText, quotedName, travelReference } from '../../src/interfaces/sql/timeTravel.ts';

test('places outside the edits come back exactly, places inside to what they replaced', () => {
  // Kept pieces are letters, replaced ones digits; replacements are in capitals.
  const kept = fc.string({ unit: fc.constantFrom('a', 'b', 'é', '😀'), maxLength: 5 });
  const edit = fc.record({
    before: kept,
    old: fc.string({ unit: fc.constantFrom('1', '2'), minLength: 1, maxLength: 4 }),
    text: fc.string({ unit: fc.constantFrom('X', 'Y'), maxLength: 4 }),
  });
  fc.assert(
    fc.property(fc.array(edit, { maxLength: 5 }), kept, (pieces, end) => {
      let source = '';
      const edits = pieces.map(({ before, old, text }) => {
        const start = source.length + before.length;
        source += before + old;
        return { start, end: start + old.length, text };
      });
      source += end;
      const edited = new EditedText(source, edits.toReversed());
      expect(edited.text).toBe(pieces.map(({ before, text }) => before + text).join('') + end);
      for (let i = 0; i < edited.text.length; i++) {
        const at = edited.sourceOffset(i);
        const character = edited.text[i] ?? '';
        if (/[XY]/.test(character)) expect(edits.map(({ start }) => start)).toContain(at);
        else expect(source[at]).toBe(character);
      }
    }),
  );
});

test.each<readonly [text: string, name: string, hasAlias: boolean, clause: string, moment: string]>([
  ['FROM t AT (VERSION => 1)', 't', false, 'AT (VERSION => 1)', '1'],
  ['FROM c . s."t" x AT(VERSION=>1+(2)) y', 'c . s."t"', true, 'AT(VERSION=>1+(2))', '1+(2)'],
  ["FROM s.t AS x(a, b) at (timestamp => f('(', ')')) WHERE", 's.t', true, "at (timestamp => f('(', ')'))", "f('(', ')')"],
])('%s', (text, name, hasAlias, clause, moment) => {
  const parts = travelReference(tokensOf(text), 5);
  const written = ({ start, end }: { readonly start: number; readonly end: number }): string => text.slice(start, end);
  expect([written(parts.name), parts.hasAlias, written(parts.clause), written(parts.moment)]).toEqual([name, hasAlias, clause, moment]);
});

test.each([
  'FROM t',
  'FROM t AT',
  'FROM t AT (',
  'FROM t x y AT (VERSION => 1)',
  'FROM t AT (VERSION 1)',
  'FROM t AT (VERSION =>)',
  ' FROM t',
])('%s is not guessed at', (text) => {
  expect(() => travelReference(tokensOf(text), 5)).toThrow(SqlRefused);
});

test('a name is quoted whatever is in it', () => {
  expect(quotedName('a"b')).toBe('"a""b"');
});
