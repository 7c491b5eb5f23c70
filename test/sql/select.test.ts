/**
 * Goal: a query sees the sys tables, right, whole and in bounds, and says where it is at fault.
 * Method: real DuckDB over small tables whose rows tell which moment they are of.
 */
import { describe, expect, test } from 'vitest';
import type { Cell } from '../../src/interfaces/sql/cells.ts';
import { pointAt, SqlRefused, SqlSyntaxError } from '../../src/interfaces/sql/errors.ts';
import { SelectEngine, type SelectOptions, type SelectResult, selectLimits } from '../../src/interfaces/sql/select.ts';
import { momentText, TestSource } from './tables.ts';

const engine = new SelectEngine('fluss_catalog');
const select = (text: string, options: SelectOptions = {}, source = new TestSource()): Promise<SelectResult> =>
  engine.run(text, source, options);
const rows = async (text: string, options: SelectOptions = {}): Promise<readonly (readonly Cell[])[]> => (await select(text, options)).rows;
const fault = async (text: string, options: SelectOptions = {}, source = new TestSource()): Promise<SqlRefused | SqlSyntaxError> => {
  const outcome = await engine.run(text, source, options).then(
    () => new Error(`ran: ${text}`),
    (error: unknown) => error,
  );
  if (outcome instanceof SqlRefused || outcome instanceof SqlSyntaxError) return outcome;
  throw outcome;
};
const picture = async (text: string): Promise<string> => pointAt(text, await fault(text));

describe('tables and cells', () => {
  test('every type arrives as it was given', async () => {
    expect(await select('SELECT * FROM sys.kinds')).toEqual({
      columns: [
        { name: 'text', type: 'VARCHAR' },
        { name: 'big', type: 'BIGINT' },
        { name: 'small', type: 'INTEGER' },
        { name: 'real', type: 'DOUBLE' },
        { name: 'yes', type: 'BOOLEAN' },
        { name: 'time', type: 'TIMESTAMP_LTZ(3)' },
        { name: 'data', type: 'JSON' },
      ],
      rows: [
        ['日本😀', '9007199254740993', -2147483647, 0.1, true, '2026-07-01T12:00:00.000Z', { big: '9007199254740993', list: [1, 'x'] }],
        ['', 12, 0, 'NaN', false, '2026-07-01T12:00:00.001Z', 'text'],
        [null, null, null, null, null, null, null],
      ],
      truncated: false,
    });
  });

  test.each<readonly [string, Cell, string]>([
    ['1::HUGEINT * 99999999999999999999', '99999999999999999999', 'HUGEINT'],
    ['9007199254740991', 9007199254740991, 'BIGINT'],
    ['-9007199254740993', '-9007199254740993', 'BIGINT'],
    ['1.50', '1.50', 'DECIMAL(3,2)'],
    ["'-inf'::DOUBLE", '-Infinity', 'DOUBLE'],
    ["['a', NULL]", ['a', null], 'VARCHAR[]'],
    ["{'a': 1.5, 'b': [DATE '2026-01-02']}", { a: '1.5', b: ['2026-01-02'] }, 'STRUCT("a" DECIMAL(2,1), "b" DATE[])'],
    ["MAP {'k': 1}", { k: 1 }, 'MAP(VARCHAR, INTEGER)'],
    ['MAP {1: TRUE}', [{ key: 1, value: true }], 'MAP(INTEGER, BOOLEAN)'],
    ['[1, 2]::INTEGER[2]', [1, 2], 'INTEGER[2]'],
    ["TIMESTAMP '2026-11-20 14:00:00.000001'", '2026-11-20T14:00:00.000001', 'TIMESTAMP'],
    ["TIMESTAMPTZ '1969-12-31 23:59:59.9995+00'", '1969-12-31T23:59:59.999500Z', 'TIMESTAMP_LTZ(3)'],
    ["'infinity'::TIMESTAMPTZ", 'infinity', 'TIMESTAMP_LTZ(3)'],
    ["INTERVAL '90 minutes'", '01:30:00', 'INTERVAL'],
    ["TIME '10:00'", '10:00:00', 'TIME'],
    ["'\\xAA'::BLOB", '\\xAA', 'BLOB'],
    ['\'{"a": 12345678901234567890}\'::JSON', { a: '12345678901234567890' }, 'JSON'],
  ])('%s', async (expression, cell, type) => {
    const result = await select(`SELECT ${expression} AS c`);
    expect(result).toEqual({ columns: [{ name: 'c', type }], rows: [[cell]], truncated: false });
  });

  test.each([
    'SELECT moment FROM moments',
    'SELECT moment FROM sys.moments',
    'SELECT moment FROM fluss_catalog.sys.moments',
    'SELECT MOMENT FROM FLUSS_CATALOG.Sys.Moments',
    'SELECT moment FROM `fluss_catalog`.`sys`.`moments`',
    'SELECT "moments"."moment" FROM "sys"."moments"',
    'SELECT sys.moments.moment, FROM sys.moments',
    'SELECT fluss_catalog.sys.moments.moment FROM moments',
    'FROM moments SELECT moment',
    'SELECT m.`moment` FROM `sys`.moments AS `m`',
    '(SELECT moment FROM moments)',
    'WITH moments AS (SELECT * FROM sys.moments) SELECT moment FROM moments',
    'SELECT moment FROM moments LEFT JOIN events ON FALSE',
    "VALUES ('now')",
    'SELECT (SELECT max(moment) FROM moments) FROM range(1)',
    "SELECT list_transform(['n'], lambda x: x || 'ow')[1]",
    'SELECT any_value(moment) FROM moments GROUP BY GROUPING SETS ((moment))',
    'SELECT moment FROM moments QUALIFY row_number() OVER (ORDER BY moment) = 1',
    'WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 3) SELECT moment FROM moments, r WHERE n = 3',
    'SELECT * FROM (SELECT moment, 1 AS n FROM moments) PIVOT (max(moment) FOR n IN (1))',
    "SELECT CASE WHEN data->>'$.moment' = 'field' THEN moment END FROM moments WHERE data.moment = '\"field\"'",
    'SELECT moment COLLATE NOCASE FROM moments TABLESAMPLE 100%',
    'SELECT * EXCLUDE (data) FROM moments ORDER BY ALL LIMIT 100%',
    'SELECT DISTINCT ON (moment) moment FROM moments, LATERAL (SELECT moment AS x)',
    "SELECT COLUMNS('mom.*') FROM moments WHERE moment BETWEEN 'a' AND 'z'",
  ])('%s', async (text) => {
    expect(await rows(text)).toEqual([['now']]);
  });

  test('only the tables that are named are read, each once', async () => {
    const source = new TestSource();
    await select('SELECT count(*) FROM moments a, moments b, sys.moments c', {}, source);
    expect(source.asked).toEqual([{ table: 'moments', moment: { kind: 'now' }, hint: undefined }]);
    source.asked.length = 0;
    await select('WITH moments AS (SELECT 1) SELECT * FROM moments', {}, source);
    expect(source.asked).toEqual([]);
  });

  test('nothing of one query is left for the next', async () => {
    expect(await rows('SELECT moment FROM moments')).toEqual([['now']]);
    expect(await rows('SELECT moment FROM moments')).toEqual([['now']]);
  });

  test('two queries at once do not meet', async () => {
    const both = await Promise.all([
      rows('SELECT moment FROM moments AT (VERSION => 1)'),
      rows('SELECT moment FROM moments AT (VERSION => 2)'),
    ]);
    expect(both).toEqual([[['@1']], [['@2']]]);
  });

  test("a source's own error, and its mistakes, come through", async () => {
    const source = new TestSource();
    source.answer = () => Promise.reject(new SqlRefused('BAD_MOMENT', 'position 99 is not yet written'));
    await expect(select('FROM moments', {}, source)).rejects.toThrow('position 99 is not yet written');
    source.answer = () => Promise.resolve([[1, 2]]);
    await expect(select('FROM moments', {}, source)).rejects.toThrow(new TypeError('sys.moments.moment is VARCHAR and was given number 1'));
    source.answer = () =>
      Promise.resolve(
        ['{"type":"Binder"}'].map(() => {
          throw new Error('the log is away');
        }),
      );
    await expect(() => select('FROM moments', {}, source)).rejects.toThrow('the log is away');
  });
});

describe('time zones', () => {
  const instants = "SELECT TIMESTAMPTZ '2026-07-01 12:00:00+00', TIMESTAMPTZ '2026-01-01 12:00:00+00', '2026-07-01 12:00:00'::TIMESTAMPTZ";
  test.each<readonly [string, readonly string[]]>([
    ['UTC', ['2026-07-01T12:00:00.000Z', '2026-01-01T12:00:00.000Z', '2026-07-01T12:00:00.000Z']],
    ['Europe/Berlin', ['2026-07-01T14:00:00.000+02:00', '2026-01-01T13:00:00.000+01:00', '2026-07-01T12:00:00.000+02:00']],
    ['America/St_Johns', ['2026-07-01T09:30:00.000-02:30', '2026-01-01T08:30:00.000-03:30', '2026-07-01T12:00:00.000-02:30']],
  ])('%s', async (timeZone, expected) => {
    expect(await rows(instants, { timeZone })).toEqual([expected]);
    expect(await rows(`SELECT hour(TIMESTAMPTZ '2026-07-01 12:00:00+00')`, { timeZone })).toEqual([[Number(expected[0]?.slice(11, 13))]]);
  });

  test.each(['Nowhere', "x'; SET threads = 2; --", ''])('%j is refused', async (timeZone) => {
    expect(await fault('SELECT 1', { timeZone })).toMatchObject({ code: 'UNKNOWN_TIME_ZONE' });
  });
});

describe('time travel', () => {
  test.each<readonly [moment: string, expected: string]>([
    ['VERSION => 5', '@5'],
    ['version=>0', '@0'],
    ['VERSION => 2 + 3', '@5'],
    ["TIMESTAMP => TIMESTAMP '2026-11-20 14:00:00'", '2026-11-20T13:00:00.000Z'],
    ["TIMESTAMP => '2026-11-20 14:00:00'", '2026-11-20T13:00:00.000Z'],
    ["TIMESTAMP => '2026-11-20 14:00:00.123+05:30'", '2026-11-20T08:30:00.123Z'],
    ["TIMESTAMP => '2026-11-20T14:00:00Z'", '2026-11-20T14:00:00.000Z'],
    ["TIMESTAMP => TIMESTAMPTZ '2026-11-20 14:00:00 Asia/Tokyo'", '2026-11-20T05:00:00.000Z'],
    ["TIMESTAMP => TIMESTAMP WITH TIME ZONE '2026-11-20 14:00:00+00'", '2026-11-20T14:00:00.000Z'],
    ["TIMESTAMP => DATE '2026-07-01'", '2026-06-30T22:00:00.000Z'],
    ["TIMESTAMP => CAST('2026-07-01 02:00:00' AS TIMESTAMP) - INTERVAL 2 HOUR", '2026-06-30T22:00:00.000Z'],
    ['TIMESTAMP => to_timestamp(1764000000)', '2025-11-24T16:00:00.000Z'],
    ["TIMESTAMP => timezone('Asia/Tokyo', TIMESTAMP '2026-11-20 14:00:00')", '2026-11-20T05:00:00.000Z'],
  ])('AT (%s)', async (moment, expected) => {
    expect(await rows(`SELECT moment FROM sys.moments AT (${moment})`, { timeZone: 'Europe/Berlin' })).toEqual([[expected]]);
  });

  test.each<readonly [text: string, ...moments: readonly string[]]>([
    ['SELECT moment FROM moments AS m AT (VERSION => 5)', '@5'],
    ['SELECT m.moment FROM sys.moments m AT(VERSION=>5)', '@5'],
    ['SELECT x FROM fluss_catalog.sys.moments AS m(x, y) AT (VERSION => 5)', '@5'],
    ['SELECT moments.moment FROM sys.moments AT (VERSION => 5)', '@5'],
    ["SELECT sys.moments.moment FROM sys.moments AT (VERSION => 5) WHERE sys.moments.moment = '@5'", '@5'],
    ['SELECT fluss_catalog . sys . `moments`.`moment` FROM `fluss_catalog`.`sys`.`moments` AT (VERSION => 5)', '@5'],
    ["SELECT moment FROM sys.moments /* AT (VERSION => 1) */ AT -- (\n ( VERSION => /* 4 */ 5 ) WHERE 'AT (VERSION => 6)' <> ''", '@5'],
    ['FROM moments AT (VERSION => 5) SELECT moment', '@5'],
    ['WITH m AS (FROM moments AT (VERSION => 5)) SELECT moment FROM m', '@5'],
    ['WITH moments AS (SELECT * FROM moments AT (VERSION => 5)) SELECT moment FROM moments', '@5'],
    ['SELECT (SELECT moment FROM moments AT (VERSION => 5))', '@5'],
    ['SELECT moment FROM moments AT (VERSION => 5) TABLESAMPLE 100%', '@5'],
    ['SELECT a.moment, b.moment FROM moments AS a AT (VERSION => 5) JOIN moments AS b AT (VERSION => 6) USING (data)', '@5', '@6'],
    ['SELECT a.moment, b.moment, moments.moment FROM moments a AT (VERSION => 5), moments b AT (VERSION => 5), moments', '@5', '@5', 'now'],
    [
      "SELECT moments.moment, (SELECT sys.moments.moment FROM sys.moments AT (TIMESTAMP => '2026-01-01')) FROM moments",
      'now',
      '2026-01-01T00:00:00.000Z',
    ],
    ['SELECT "Moments".moment FROM SYS."Moments" AT (VERSION => 5)', '@5'],
  ])('%s', async (text, ...moments) => {
    expect(await rows(text)).toEqual([moments]);
  });

  test('one table at one moment is read once', async () => {
    const source = new TestSource();
    await select('SELECT * FROM moments a AT (VERSION => 5), moments b AT (VERSION => 2 + 3), moments c AT (VERSION => 6)', {}, source);
    expect(source.asked.map(({ moment }) => momentText(moment))).toEqual(['@5', '@6']);
  });

  test.each<readonly [text: string, at: string, message: string]>([
    ['FROM moments AT (VERSION => -1)', '-1', '-1 is no position: a whole number from 0 is'],
    ['FROM moments AT (VERSION => 1.5)', '1.5', '1.5 is no position: a whole number from 0 is'],
    ["FROM moments AT (VERSION => '5')", "'5'", '5 is no position: a whole number from 0 is'],
    ['FROM moments AT (VERSION => 9007199254740993)', '9007', '9007199254740993 is no position: a whole number from 0 is'],
    ['FROM moments AT (VERSION => NULL)', 'NULL', 'the moment is NULL'],
    ['FROM moments AT (TIMESTAMP => 5)', '5', 'Unimplemented type for cast (INTEGER -> TIMESTAMP WITH TIME ZONE)'],
    ["FROM moments AT (TIMESTAMP => 'infinity')", "'infinity'", 'the moment is NULL'],
    ['FROM moments AT (VERSION => (SELECT 1))', '(SELECT', 'a moment is written out: a number, a text, or a computation on such'],
    ['FROM moments AT (VERSION => moment)', 'moment)', 'a moment is written out: a number, a text, or a computation on such'],
    ['WITH m AS (SELECT 1) FROM m AT (VERSION => 1)', 'm AT', 'm is a name of WITH: write AT behind the tables inside it'],
    ['FROM moments AT (VERSION => sleep_ms(5))', 'sleep', 'function sleep_ms is not available'],
    ['FROM moments AT (VERSION => ?)', '', 'a query here takes no parameters'],
  ])('%s', async (text, at, message) => {
    const error = await fault(text);
    expect(error.message).toBe(message);
    expect(error.offset).toBe(at === '' ? undefined : text.indexOf(at));
  });

  test('without an alias two moments of one table are told to take one', async () => {
    expect((await fault('SELECT * FROM moments AT (VERSION => 5), moments AT (VERSION => 6)')).message).toMatch(
      /duplicate alias "moments"/,
    );
  });

  test('too many moments are refused', async () => {
    const many = Array.from({ length: selectLimits.tables + 1 }, (_, i) => `moments AS m${i} AT (VERSION => ${i})`);
    expect(await fault(`SELECT 1 FROM ${many.join(', ')}`)).toMatchObject({ code: 'TOO_MANY_TABLES' });
  });
});

describe('faults are shown where they are', () => {
  test.each<readonly [text: string, picture: string]>([
    ["SELECT '日本😀' fro fro", '                    ^ syntax error at or near "fro"'],
    ['SELECT 1 +', '          ^ syntax error at end of input'],
    ['SELECT', '^ SELECT clause without selection list'],
    ['WITH x AS (DELETE FROM moments RETURNING *) FROM x', '^ A CTE needs a SELECT'],
    [
      "SELECT '日本😀', foo FROM moments",
      `${' '.repeat(17)}^\nReferenced column "foo" not found in FROM clause!\nCandidate bindings: "moment"`,
    ],
    ["SELECT '日本😀', nosuch(1)", '                 ^\nScalar Function with name nosuch does not exist!\nDid you mean "cosh"?'],
    ['SELECT * FROM sys.momets', '              ^ there is no table sys.momets; did you mean sys.moments?'],
    ['SELECT * FROM nowhere.sys.moments', '              ^ there is no table nowhere.sys.moments'],
    [
      'SELECT foo, moment FROM sys.moments AS m AT (VERSION => 5)',
      `${' '.repeat(7)}^\nReferenced column "foo" not found in FROM clause!\nCandidate bindings: "moment"`,
    ],
    [
      'SELECT moment FROM sys.moments AT (VERSION => 5) WHERE foo',
      `${' '.repeat(55)}^\nReferenced column "foo" not found in FROM clause!\nCandidate bindings: "moment"`,
    ],
    ['SELECT `a"b` FROM moments', '       ^ a name in a query cannot contain quotes; write it in double quotes'],
    ["SELECT CAST('x' AS INT)", "       ^ Could not convert string 'x' to INT32"],
  ])('%s', async (text, expected) => {
    expect(await picture(text)).toBe(`${text}\n${expected}`);
  });

  test('kinds of faults', async () => {
    expect(await fault('SELECT 1 +')).toBeInstanceOf(SqlSyntaxError);
    expect(await fault('SELECT foo FROM moments')).toBeInstanceOf(SqlSyntaxError);
    expect(await fault("SELECT error('boo')")).toMatchObject({ code: 'QUERY_FAILED', message: 'boo' });
    expect(await fault("SELECT CAST('x' AS INT)")).toMatchObject({ code: 'QUERY_FAILED' });
  });
});

describe('bounds', () => {
  test('a result of more than 10,000 rows is cut and says so', async () => {
    expect(await select(`FROM range(${selectLimits.rows})`)).toMatchObject({ truncated: false, rows: { length: 10_000 } });
    expect(await select(`FROM range(${selectLimits.rows + 1})`)).toMatchObject({ truncated: true, rows: { length: 10_000 } });
    expect(await select('FROM range(1000000000000)', { rows: 3 })).toMatchObject({ truncated: true, rows: [[0], [1], [2]] });
  });

  test('a result of many characters is cut; a row of too many is refused', async () => {
    const wide = await select("SELECT repeat('x', 1000000) FROM range(100)");
    expect(wide).toMatchObject({ truncated: true, rows: { length: 16 } });
    expect(await fault(`SELECT repeat('x', ${selectLimits.resultCharacters + 1})`)).toMatchObject({ code: 'TOO_LARGE' });
  });

  test('a table of more than 1,000,000 rows is refused by name', async () => {
    const source = new TestSource();
    const row = ['x', null];
    source.answer = () => Promise.resolve(Array.from({ length: selectLimits.rowsPerTable + 1 }, () => row));
    const error = await fault('SELECT count(*) FROM moments', {}, source);
    expect(error).toMatchObject({ code: 'TOO_LARGE', message: 'sys.moments has more than 1000000 rows to look through' });
    expect((error as SqlRefused).remedy).toMatch(/WHERE.*operator API.*history/);
  });

  test('some hundred expressions inside each other are not too many', async () => {
    expect(await rows(`SELECT 1${' + 1'.repeat(300)}`)).toEqual([[301]]);
  });

  test('a runaway query is stopped, and the engine goes on', async () => {
    expect(await fault('SELECT count(*) FROM range(1000000000000)', { timeoutMs: 200 })).toMatchObject({ code: 'TIMED_OUT' });
    const recursion = 'WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r) SELECT count(*) FROM r';
    expect(await fault(recursion, { timeoutMs: 200 })).toMatchObject({ code: 'TIMED_OUT', message: 'the query was stopped after 200 ms' });
    expect(engine.stuck).toBe(false);
    expect(await rows('SELECT 1')).toEqual([[1]]);
  });

  test('a query whose time ends while it is still being read is told so too', async () => {
    const long = `SELECT ${"['x', 'y', 'z'], ".repeat(3_000)}1`;
    const codes = await Promise.all([1, 2, 4, 8, 16].map(async (timeoutMs) => [timeoutMs, await fault(long, { timeoutMs })] as const));
    for (const [timeoutMs, error] of codes)
      expect(error).toMatchObject({ code: 'TIMED_OUT', message: `the query was stopped after ${timeoutMs} ms` });
  });

  test('a source that does not answer ends with the time', async () => {
    const source = new TestSource();
    source.answer = () => new Promise(() => {});
    expect(await fault('FROM moments', { timeoutMs: 100 }, source)).toMatchObject({ code: 'TIMED_OUT' });
    source.answer = () =>
      Promise.resolve(
        (function* () {
          for (;;) yield ['x', null];
        })(),
      );
    expect(await fault('FROM moments', { timeoutMs: 10_000 }, source)).toMatchObject({ code: 'TOO_LARGE' });
  });

  test('memory is bounded', async () => {
    const text = "SELECT string_agg(repeat('x', 1000), ',') FROM range(10000000)";
    expect(await fault(text)).toMatchObject({ code: 'OUT_OF_MEMORY', message: 'the query needs more memory than it may have' });
  });

  test.each<readonly [string, string, string]>([
    ['long', `SELECT '${'x'.repeat(selectLimits.characters)}'`, 'TOO_LARGE'],
    ['deep in NOT', `SELECT ${'NOT '.repeat(5000)}TRUE`, ''],
    ['deep in brackets', `SELECT ${'('.repeat(30_000)}1${')'.repeat(30_000)}`, ''],
    ['deep in UNION', `SELECT 1${' UNION SELECT 1'.repeat(4000)}`, 'OUT_OF_MEMORY'],
    ['deep in sums', `SELECT 1${' + 1'.repeat(900)}`, 'FORM_REFUSED'],
    ['a number beyond DOUBLE', 'SELECT 1e400', 'FORM_REFUSED'],
  ])('a text too %s', async (_, text, code) => {
    const error = await fault(text);
    expect(error instanceof SqlRefused ? error.code : '').toBe(code);
  });
});

test.each(['system', 'temp', 'memory', 'SYS'])('a catalog cannot be named %s', (name) => {
  expect(() => new SelectEngine(name)).toThrow(/a catalog cannot be named/);
});

test('the catalog may have any other name', async () => {
  const odd = new SelectEngine('My "cat"');
  expect((await odd.run('SELECT "my ""cat""".sys.moments.moment FROM "My ""cat""".sys.moments', new TestSource())).rows).toEqual([['now']]);
});
