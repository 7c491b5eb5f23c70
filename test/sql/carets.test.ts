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

test.each<readonly [source: string, message: string]>([
  ['CREATE', '      ^ expected DATABASE or TABLE'],
  ['DROP TABEL t', '     ^ expected DATABASE or TABLE; did you mean TABLE?'],
  ['CREATE TABLE t', "              ^ expected '.' or '('"],
  ['CREATE TABLE t ()', '                ^ expected a name'],
  ['CREATE TABLE t (a, b INT)', '                 ^ expected a type; for example STRING or DECIMAL(10, 2)'],
  ['CREATE TABLE t (a INT,)', '                      ^ expected a name; leave out the comma before it'],
  ['CREATE TABLE t (a INT b INT)', "                      ^ expected NOT, COMMENT, CONSTRAINT, PRIMARY, NULL, ',' or ')'"],
  ['CREATE TABLE t (a INT NOT)', '                         ^ expected NULL'],
  [
    'CREATE TABLE t (a INT(11))',
    "                     ^\nexpected NOT, COMMENT, CONSTRAINT, PRIMARY, NULL, ',' or ')'; INT takes no number",
  ],
  ['CREATE TABLE t (a INTT)', '                  ^ INTT is not a type; did you mean INT?'],
  ['CREATE TABLE t (a `INT`)', '                  ^ a type stands without quotes'],
  ['CREATE TABLE t (a TEXT)', '                  ^ TEXT is not a type here: write STRING'],
  ['CREATE TABLE t (a CHAR(0))', '                       ^ the length of CHAR is a whole number from 1 to 2147483647'],
  ['CREATE TABLE t (a DECIMAL(3, 4))', '                             ^ the scale of DECIMAL is a whole number from 0 to 3'],
  ['CREATE TABLE t (a TIMESTAMP(1.5))', '                            ^ the precision of TIMESTAMP is a whole number from 0 to 9'],
  [
    'CREATE TABLE t (a DATE(3))',
    "                      ^\nexpected NOT, COMMENT, CONSTRAINT, PRIMARY, NULL, ',' or ')'; DATE takes no number",
  ],
  ['CREATE TABLE t (a ARRAY)', '                       ^ ARRAY needs the types of what it holds: ARRAY<STRING>'],
  ['CREATE TABLE t (a MAP<INT>)', '                     ^ MAP needs the types of what it holds: MAP<STRING, INT>'],
  ['CREATE TABLE t (a ROW<x INT, x INT>)', '                             ^ field x is given twice'],
  ['CREATE TABLE t (a ARRAY<INT)', "                           ^ expected NOT, NULL or '>'"],
  [
    'CREATE TABLE t (a INT PRIMARY KEY)',
    '                                 ^\nexpected NOT; a primary key is NOT ENFORCED: Fluss keeps the last row of each key',
  ],
  [
    'CREATE TABLE t (PRIMARY KEY (a))',
    '                               ^\nexpected NOT; a primary key is NOT ENFORCED: Fluss keeps the last row of each key',
  ],
  [
    'CREATE TABLE t (PRIMARY KEY (a) NOT NULL)',
    '                                    ^\nexpected ENFORCED; a primary key is NOT ENFORCED: Fluss keeps the last row of each key',
  ],
  [
    'CREATE TABLE t (a INT PRIMARY KEY NOT ENFORCED, PRIMARY KEY (a) NOT ENFORCED)',
    '                                                ^\na table has one primary key; list all of its columns there',
  ],
  [
    'CREATE TABLE t (CONSTRAINT u UNIQUE (a))',
    '                ^\nthe one constraint of a table is the key it is created with: PRIMARY KEY (column, …) NOT ENFORCED',
  ],
  [
    'CREATE TABLE t (a INT UNIQUE)',
    '                      ^\nUNIQUE is not supported, because the one constraint of a table is the key it is created with',
  ],
  [
    'CREATE TABLE t (a INT DEFAULT 5)',
    '                      ^\ndefault values are not supported, because Fluss stores every column as it is written',
  ],
  [
    'CREATE TABLE t (a INT METADATA)',
    '                      ^\nmetadata columns are not supported, because Fluss stores every column as it is written',
  ],
  [
    'CREATE TABLE t (a AS b * 2)',
    '                  ^\ncomputed columns are not supported, because Fluss stores every column as it is written',
  ],
  [
    'CREATE TABLE t (WATERMARK FOR a AS b)',
    '                ^\nwatermarks are not supported, because they belong to the query that reads the table; leave it out',
  ],
  [
    'CREATE TABLE t (a INT) WITH (bucket.num = 8)',
    "                             ^\nexpected text in single quotes; keys and values stand in single quotes: 'bucket.num' = '8'",
  ],
  [
    'CREATE TABLE t (a INT) WITH (table.x = 8)',
    "                             ^\nexpected text in single quotes; keys and values stand in single quotes: 'bucket.num' = '8'",
  ],
  [
    `CREATE TABLE t (a INT) WITH ("k" = 'v')`,
    '                             ^\nexpected text in single quotes; double quotes are for names, text stands in single quotes',
  ],
  [
    "CREATE TABLE t (a INT) WITH ('k' = 8)",
    '                                   ^ expected text in single quotes; put the value in single quotes',
  ],
  [
    "CREATE TABLE t (a INT) WITH ('k' = TRUE)",
    '                                   ^ expected text in single quotes; put the value in single quotes',
  ],
  [
    "CREATE TABLE t (a INT) WITH ('k' = 'v',)",
    '                                       ^\nexpected text in single quotes; leave out the comma before it',
  ],
  ["CREATE TABLE t (a INT) WITH ('k': 'v')", "                                ^ expected '='"],
  [
    "CREATE TABLE t (a INT) WIHT ('k' = 'v')",
    '                       ^\nexpected COMMENT, PARTITIONED, WITH or the end of the statement; did you mean WITH?',
  ],
  [
    "CREATE TABLE t (a INT) WITH ('k'='v') COMMENT 'c'",
    '                                      ^\nexpected the end of the statement; the order is COMMENT, PARTITIONED BY, WITH',
  ],
  ['CREATE TABLE t (a INT) PARTITION BY (a)', '                       ^ PARTITION BY is not supported; write PARTITIONED BY (column, …)'],
  [
    'CREATE TABLE t (a INT) DISTRIBUTED BY (a)',
    "                       ^\nDISTRIBUTED BY is not supported, because it is a property: WITH ('bucket.key' = '…')",
  ],
  [
    'CREATE TABLE t LIKE s',
    '               ^\nLIKE is not supported, because every table has its own definition; SHOW CREATE TABLE gives one to begin with',
  ],
  ['CREATE TABLE t AS SELECT 1', '               ^ AS SELECT is not supported, because no rows are written here; define the columns'],
  ['CREATE TABLE IF EXISTS t (a INT)', "                ^ expected NOT, '.' or '('; CREATE takes IF NOT EXISTS"],
  ['DROP TABLE IF NOT EXISTS t', "              ^ expected EXISTS, '.' or the end of the statement; DROP takes IF EXISTS"],
  ["ALTER TABLE IF NOT EXISTS t RESET ('k')", "               ^ expected SET, RESET, DROP, EXISTS, ADD or '.'; ALTER takes IF EXISTS"],
  ['CREATE OR REPLACE TABLE t (a INT)', '       ^ OR REPLACE is not supported, because replacing a table drops its data; DROP TABLE first'],
  [
    'CREATE TEMPORARY TABLE t (a INT)',
    '       ^\ntemporary objects are not supported, because a definition stays until it is dropped; leave TEMPORARY out',
  ],
  ['DROP VIEW v', '     ^ VIEW is not supported, because databases, tables and partitions are all that is kept here'],
  ['DROP DATABASE a.b.c', '                 ^ expected RESTRICT, CASCADE or the end of the statement'],
  ['ALTER TABLE t', "             ^ expected SET, RESET, DROP, ADD or '.'"],
  [
    'ALTER DATABASE d RENAME TO e',
    '                 ^\nRENAME is not supported, because Fluss keeps the names of databases, tables and columns for good',
  ],
  [
    'ALTER TABLE t RENAME TO u',
    '              ^\nRENAME is not supported, because Fluss keeps the names of databases, tables and columns for good',
  ],
  [
    'ALTER TABLE t MODIFY a STRING',
    '              ^\nMODIFY is not supported, because Fluss keeps columns as they are; new ones can be added behind them',
  ],
  [
    'ALTER TABLE t DROP a',
    '                   ^\nonly a PARTITION can be dropped, because Fluss keeps the columns and the key of a table for good',
  ],
  [
    'ALTER TABLE t DROP (a, b)',
    '                   ^\nonly a PARTITION can be dropped, because Fluss keeps the columns and the key of a table for good',
  ],
  ["ALTER TABLE t DROP PARTITON (a = 'b')", '                   ^ expected IF or PARTITION; did you mean PARTITION?'],
  [
    'ALTER TABLE t ADD a INT FIRST',
    '                        ^\nFIRST is not supported, because Fluss adds columns behind the present ones only; leave it out',
  ],
  [
    'ALTER TABLE t ADD (a INT, b INT AFTER a)',
    '                                ^\nAFTER is not supported, because Fluss adds columns behind the present ones only; leave it out',
  ],
  ['ALTER TABLE t ADD COLUMN (a INT)', '                         ^ expected a type; leave out COLUMN before several of them'],
  [
    'ALTER TABLE t ADD PRIMARY KEY (a) NOT ENFORCED',
    '                  ^\na primary key cannot be added, because Fluss fixes the key when the table is created',
  ],
  [
    'ALTER TABLE t ADD a INT PRIMARY KEY NOT ENFORCED',
    '                        ^\na primary key cannot be added, because Fluss fixes the key when the table is created',
  ],
  ["ALTER TABLE t ADD IF EXISTS PARTITION (a = 'b')", '                  ^ write ADD IF NOT EXISTS PARTITION (column = value)'],
  ['ALTER TABLE t ADD PARTITION (a)', "                              ^ expected '='"],
  [
    'ALTER TABLE t ADD PARTITION (a = b)',
    '                                 ^\nexpected text in single quotes or a number; put text in single quotes',
  ],
  [
    "ALTER TABLE t ADD PARTITION (a = 'b') PARTITON (a = 'c')",
    "                                      ^\nexpected PARTITION, ',' or the end of the statement; did you mean PARTITION?",
  ],
  ['SHOW CREATE DATABASE d', '            ^ expected TABLE'],
  ['SHOW PARTITIONS', '               ^ expected a name'],
  ['EXPLAIN CREATE TABLE t (a INT)', '        ^ expected CALL; CREATE cannot be explained'],
  ['EXPLAIN DROP TABLE t', '        ^ expected CALL; DROP cannot be explained'],
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

test('a type that is none is not repeated when it stands in quotes', () => {
  expect(picture('CREATE TABLE t (a "hunter2")')).toMatch(/ a type stands without quotes$/);
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
