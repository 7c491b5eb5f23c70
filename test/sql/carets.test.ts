/** Goal: a fault is shown where it is, in words that say what to write. Method: exact pictures, one beside the other. */
import { expect, test } from 'vitest';
import { characterWidth, pointAt, SqlSyntaxError, textWidth } from '../../src/interfaces/sql/errors.ts';
import { parseScript } from '../../src/interfaces/sql/grammar.ts';

const picture = (source: string): string => {
  try {
    parseScript(source);
  } catch (error) {
    if (error instanceof SqlSyntaxError) return pointAt(source, error);
    throw error;
  }
  throw new Error(`was read: ${source}`);
};
const openers = 'CALL, SHOW, USE, DESCRIBE, EXPLAIN, CREATE, ALTER, DROP or SELECT';
const shown = 'PROCEDURES, CATALOGS, DATABASES, TABLES, CURRENT, CREATE or PARTITIONS';

test.each<readonly [source: string, message: string]>([
  ['SELEKT * FROM sys.acls', `^ expected ${openers}; did you mean SELECT?`],
  ['abc', `^ expected ${openers}`],
  ['SETT', `^ expected ${openers}; did you mean SET?`],
  ['"CALL" x', `^ expected ${openers}`],
  ["CALL sys.p('a' 'b')", "               ^ expected ',' or ')'"],
  ['CALL', '    ^ expected a name'],
  ['CALL sys.p', "          ^ expected '.' or '('"],
  ['CALL a.b.c.d()', "          ^ expected '('"],
  ["CALL sys.p('a',)", '               ^ expected text in single quotes, TRUE, FALSE, NULL, ARRAY, a number or a name'],
  ['CALL sys.p(abc)', "           ^ expected a value, or '=>' behind the name of an argument; put text in single quotes"],
  ['CALL p(a => b)', '            ^\nexpected text in single quotes, TRUE, FALSE, NULL, ARRAY or a number; put text in single quotes'],
  ['CALL p(ARRAY[a])', "             ^\nexpected text in single quotes, TRUE, FALSE, NULL, a number or ']'; put text in single quotes"],
  ["CALL p(a=>'x', A=>'y')", '               ^ argument A is given twice'],
  ['SHOW', `    ^ expected ${shown}`],
  ['SHOW PROCEDUES', `     ^\nexpected ${shown}; did you mean PROCEDURES?`],
  ['SHOW PROCEDURES FOO', '                ^ expected FROM, IN, NOT, LIKE, ILIKE or the end of the statement'],
  ["SHOW TABLES LIK 'x'", '            ^ expected FROM, IN, NOT, LIKE, ILIKE or the end of the statement; did you mean LIKE?'],
  ['SHOW CATALOGS FROM x', '              ^ expected NOT, LIKE, ILIKE or the end of the statement'],
  ["SHOW CURRENT DATABASE LIKE 'x'", '                      ^ expected the end of the statement'],
  ['USE', '   ^ expected a name'],
  ['USE a.b.c', '       ^ expected the end of the statement'],
  ['EXPLAIN SELECT 1', '        ^ expected CALL'],
  ["SET 'a'", "       ^ expected '='"],
  ["call p('x", "       ^ this quote is never closed; end it with ', and write a quote inside the text twice"],
  ['SHOW `a', '     ^ this is never closed; end it with `'],
  ['SELECT $tag$ x $TAG$', '       ^ this is never closed; end it with $tag$'],
  ['/* x', '^ this comment is never closed; end it with */'],
  ['grant a', '^ GRANT is not a statement here: CALL sys.add_acl(…) grants'],
  ['DELETE x', '^\nDELETE is not a statement here: state changes through CALL only, SHOW PROCEDURES lists the procedures'],
  ["CALL p('日本', x 'a')", "               ^ expected a value, or '=>' behind the name of an argument; put text in single quotes"],
  ["CALL\tp(\t'😀'\t'b')", "    \t  \t    \t^ expected ',' or ')'"],
  ["CALL p('e\u0301' 'b')", "           ^ expected ',' or ')'"],
])('%s', (source, message) => {
  expect(picture(source)).toBe(`${source}\n${message}`);
});

test('typographic quotes are named', () => {
  expect(picture('CALL p(‘abc’)').split('\n').at(-1)).toMatch(/; this is a typographic quote, use '$/);
});

test('of several lines the one at fault is shown, with its number', () => {
  expect(picture("USE a;\n\n  CALL p('x'\n  'y');\n")).toBe("  'y');\n  ^ line 4: expected ',' or ')'");
  expect(picture("CALL p('x',\r\n 1 2)\r\n")).toBe(" 1 2)\n   ^ line 2: expected ',' or ')'");
});

test('the end of a script is behind its last token, not below its last line', () => {
  expect(picture('SHOW -- what?\n\n')).toBe(`SHOW -- what?\n    ^ expected ${shown}`);
});

test('a long line is cut around the caret', () => {
  const source = `CALL p(${Array.from({ length: 60 }, (_, i) => `'key${i}'`).join(', ')} 'x', ${"'more', ".repeat(30)}1)`;
  const [line = '', caret = ''] = picture(source).split('\n');
  expect(line.startsWith('…')).toBe(true);
  expect(line.endsWith('…')).toBe(true);
  expect(textWidth(line)).toBeLessThanOrEqual(101);
  expect(line.slice(caret.indexOf('^'))).toMatch(/^'x', 'more', /);
});

test('a text that may hold a password is not repeated', () => {
  const credentials = (more: string): string => `CALL sys.set_cluster_configs('security.sasl.plain.credentials',\n 'alice:hunter2'${more}`;
  expect(picture(credentials(' 1)'))).toBe("line 2, column 18: expected ',' or ')'");
  expect(picture(`USE a.b.c; ${credentials(')')}`)).toBe('line 1, column 8: expected the end of the statement');
});

test('the error itself carries the place', () => {
  const source = "SHOW TABLES;\nSHOW '😀' x";
  const error = ((): unknown => {
    try {
      return parseScript(source);
    } catch (thrown) {
      return thrown;
    }
  })();
  expect(error).toMatchObject({ name: 'SqlSyntaxError', statement: 2, offset: 18, line: 2, column: 6 });
  expect((error as SqlSyntaxError).expected).toEqual(['PROCEDURES', 'CATALOGS', 'DATABASES', 'TABLES', 'CURRENT', 'CREATE', 'PARTITIONS']);
});

test.each([
  ['a', 1],
  ['日', 2],
  ['😀', 2],
  ['\u0301', 0],
  ['é', 1],
  ['한', 2],
])('%s is %i columns wide', (character, width) => {
  expect(characterWidth(character)).toBe(width);
});
