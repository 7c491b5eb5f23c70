/**
 * Goal: a query reaches the sys tables and nothing else of the machine: no file, no setting, no environment, no second statement.
 * Method: both layers on their own. The check of the tree is asked with queries that try; the locked engine is asked without that check.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SqlRefused } from '../../src/interfaces/sql/errors.ts';
import { isAllowedTableFunction, isRefusedFunction } from '../../src/interfaces/sql/queryTree.ts';
import { openLocked, SelectEngine } from '../../src/interfaces/sql/select.ts';
import { TestSource } from './tables.ts';

const engine = new SelectEngine('fluss_catalog');
const refused = async (text: string): Promise<SqlRefused> => {
  const outcome = await engine.run(text, new TestSource()).catch((error: unknown) => error);
  if (outcome instanceof SqlRefused) return outcome;
  throw new Error(`${text} gave ${outcome instanceof Error ? outcome.message : JSON.stringify(outcome)}`);
};

let directory = '';
let secret = '';
let instance: DuckDBInstance;
let connection: DuckDBConnection;
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'chancery-sql-'));
  secret = join(directory, 'secret.csv');
  writeFileSync(secret, 'a,b\n1,2\n');
  ({ instance, connection } = await openLocked('fluss_catalog', 'UTC'));
});
afterAll(() => {
  instance.closeSync();
  rmSync(directory, { recursive: true });
});

describe('the check of the tree', () => {
  test.each<readonly [text: string, code: string, names: string]>([
    ["SELECT * FROM 'SECRET'", 'UNKNOWN_TABLE', 'secret.csv'],
    ['SELECT * FROM "SECRET"', 'UNKNOWN_TABLE', 'secret.csv'],
    ["FROM read_csv('SECRET')", 'FUNCTION_REFUSED', 'read_csv'],
    ["FROM read_text('SECRET')", 'FUNCTION_REFUSED', 'read_text'],
    ["FROM read_blob('SECRET')", 'FUNCTION_REFUSED', 'read_blob'],
    ["FROM read_json_auto('SECRET')", 'FUNCTION_REFUSED', 'read_json_auto'],
    ["FROM read_parquet(['SECRET'])", 'FUNCTION_REFUSED', 'read_parquet'],
    ["FROM parquet_metadata('SECRET')", 'FUNCTION_REFUSED', 'parquet_metadata'],
    ["FROM sniff_csv('SECRET')", 'FUNCTION_REFUSED', 'sniff_csv'],
    ["FROM glob('/*')", 'FUNCTION_REFUSED', 'glob'],
    ["SELECT * FROM moments, LATERAL (FROM read_text('SECRET'))", 'FUNCTION_REFUSED', 'read_text'],
    ["SELECT (SELECT content FROM read_text('SECRET'))", 'FUNCTION_REFUSED', 'read_text'],
    ["WITH x AS (FROM read_text('SECRET')) SELECT 1", 'FUNCTION_REFUSED', 'read_text'],
    ["SELECT 1 UNION ALL SELECT 1 FROM glob('*')", 'FUNCTION_REFUSED', 'glob'],
    ["SELECT 1 WHERE EXISTS (FROM glob('*'))", 'FUNCTION_REFUSED', 'glob'],
    ["SELECT 1 ORDER BY (SELECT 1 FROM glob('*'))", 'FUNCTION_REFUSED', 'glob'],
    ["SELECT 1 LIMIT (SELECT 1 FROM glob('*'))", 'FUNCTION_REFUSED', 'glob'],
    ["SELECT sum(1) FILTER (WHERE (SELECT TRUE FROM glob('*'))) OVER (PARTITION BY 1)", 'FUNCTION_REFUSED', 'glob'],
    ["SELECT * FROM moments PIVOT (max((SELECT 1 FROM glob('*'))) FOR moment IN ('a'))", 'FUNCTION_REFUSED', 'glob'],
    ["VALUES ((SELECT 1 FROM glob('*')))", 'FUNCTION_REFUSED', 'glob'],
    ["SELECT list_transform([1], lambda x: getenv('HOME'))", 'FUNCTION_REFUSED', 'getenv'],
    ["FROM query('FROM ''SECRET''')", 'FUNCTION_REFUSED', 'query'],
    ["FROM query_table('moments')", 'FUNCTION_REFUSED', 'query_table'],
    ["FROM json_execute_serialized_sql('{}')", 'FUNCTION_REFUSED', 'json_execute_serialized_sql'],
    ["FROM histogram('moments', 'moment')", 'FUNCTION_REFUSED', 'histogram'],
    ['FROM duckdb_settings()', 'FUNCTION_REFUSED', 'duckdb_settings'],
    ['FROM duckdb_secrets()', 'FUNCTION_REFUSED', 'duckdb_secrets'],
    ['FROM pragma_version()', 'FUNCTION_REFUSED', 'pragma_version'],
    ['FROM system.main.duckdb_tables()', 'FUNCTION_REFUSED', 'duckdb_tables'],
    ['FROM duckdb_tables', 'UNKNOWN_TABLE', 'duckdb_tables'],
    ['FROM information_schema.tables', 'UNKNOWN_TABLE', 'information_schema.tables'],
    ['FROM pg_catalog.pg_class', 'UNKNOWN_TABLE', 'pg_catalog.pg_class'],
    ['FROM sqlite_master', 'UNKNOWN_TABLE', 'sqlite_master'],
    ['FROM main.moments', 'UNKNOWN_TABLE', 'main.moments'],
    ['FROM fluss_catalog.moments', 'UNKNOWN_TABLE', 'fluss_catalog.moments'],
    ['SELECT 1 FROM (WITH hidden AS (SELECT 1) FROM hidden), hidden', 'UNKNOWN_TABLE', 'hidden'],
    ['WITH a AS (FROM b), b AS (SELECT 1) FROM a', 'UNKNOWN_TABLE', 'b'],
    ["SELECT current_setting('memory_limit')", 'FUNCTION_REFUSED', 'current_setting'],
    ["SELECT CURRENT_SETTING('memory_limit')", 'FUNCTION_REFUSED', 'current_setting'],
    ['SELECT "current_setting"(\'memory_limit\')', 'FUNCTION_REFUSED', 'current_setting'],
    ["SELECT main.getenv('HOME')", 'FUNCTION_REFUSED', 'getenv'],
    ["SELECT getvariable('x')", 'FUNCTION_REFUSED', 'getvariable'],
    ['SELECT sleep_ms(100000)', 'FUNCTION_REFUSED', 'sleep_ms'],
    ['SELECT pg_sleep(100)', 'FUNCTION_REFUSED', 'pg_sleep'],
    ["SELECT nextval('s')", 'FUNCTION_REFUSED', 'nextval'],
    ["SELECT write_log('x')", 'FUNCTION_REFUSED', 'write_log'],
    ["SELECT json_serialize_plan('FROM ''SECRET''')", 'FUNCTION_REFUSED', 'json_serialize_plan'],
    ['SHOW TABLES', 'FORM_REFUSED', 'SHOW'],
    ['DESCRIBE moments', 'FORM_REFUSED', 'DESCRIBE'],
    ['FROM (SUMMARIZE moments)', 'FORM_REFUSED', 'SUMMARIZE'],
    ['SELECT ?', 'PARAMETER_REFUSED', 'parameters'],
    ['SELECT $name', 'PARAMETER_REFUSED', 'parameters'],
    ['', 'NOT_A_QUERY', 'found 0'],
    ['SELECT 1; SELECT 2', 'NOT_A_QUERY', 'found 2'],
    ["SELECT 1; COPY moments TO 'x'", 'NOT_A_QUERY', 'queries'],
    ["COPY (SELECT 1) TO 'x'", 'NOT_A_QUERY', 'queries'],
    ["ATTACH 'SECRET' AS x", 'NOT_A_QUERY', 'queries'],
    ['INSTALL httpfs', 'NOT_A_QUERY', 'queries'],
    ['LOAD httpfs', 'NOT_A_QUERY', 'queries'],
    ['SET threads = 2', 'NOT_A_QUERY', 'queries'],
    ['PRAGMA version', 'NOT_A_QUERY', 'queries'],
    ['DROP TABLE moments', 'NOT_A_QUERY', 'queries'],
    ['CREATE TABLE x AS SELECT 1', 'NOT_A_QUERY', 'queries'],
    ['EXPLAIN ANALYZE SELECT 1', 'NOT_A_QUERY', 'queries'],
    ['PIVOT moments ON moment', 'NOT_A_QUERY', 'queries'],
  ])('%s', async (text, code, names) => {
    const error = await refused(text.replaceAll('SECRET', secret));
    expect(error).toMatchObject({ code });
    expect(error.message).toContain(names);
  });

  // DuckDB binds what stands inside twice for each level, and cannot be stopped while it does: 20 levels take seconds, 40 a week.
  const withNested = (open: string, close: string) => (levels: number) => `${open.repeat(levels)}SELECT 1${close.repeat(levels)}`;
  test.each<readonly [what: string, nested: (levels: number) => string]>([
    ['in a list of columns', withNested('SELECT (', ')')],
    ['behind EXISTS', withNested('SELECT 1 WHERE EXISTS (', ')')],
    ['behind IN', withNested('SELECT 1 WHERE 1 IN (', ')')],
    ['behind LIMIT', withNested('SELECT 1 LIMIT (', ')')],
    ['behind ORDER BY', withNested('SELECT 1 ORDER BY (', ')')],
    ['of WITH', withNested('WITH t AS (', ') SELECT 1 FROM t, t AS u')],
    ['and lambdas', (levels) => `SELECT (SELECT ${'list_transform([1], lambda x: '.repeat(levels - 1)}x${')'.repeat(levels)}`],
  ])('queries %s: eight levels run, nine are refused', async (_, nested) => {
    expect((await engine.run(nested(8), new TestSource())).rows).toHaveLength(1);
    expect(await refused(nested(9))).toMatchObject({ code: 'FORM_REFUSED', message: /more than 8 levels/ });
  });

  test('a refusal stands where the name is', async () => {
    const text = "SELECT '日本😀', (SELECT 1 FROM read_text('x'))";
    expect((await refused(text)).offset).toBe(text.indexOf('read_text'));
  });
});

describe('the functions of this DuckDB', () => {
  const reviewed = new Set(
    readFileSync(join(import.meta.dirname, 'reviewed-functions.txt'), 'utf8')
      .split('\n')
      .filter((line) => !line.startsWith('#'))
      .join(' ')
      .split(' '),
  );
  const namesOf = async (types: string): Promise<readonly string[]> => {
    const reader = await connection.runAndReadAll(
      `SELECT DISTINCT function_name FROM duckdb_functions()
        WHERE function_type IN (${types}) AND function_name SIMILAR TO '\\w+' ORDER BY 1`,
    );
    return reader.getRows().map(([name]) => String(name));
  };

  test('each was looked through: it is refused, or on the list of those that may be used', async () => {
    const names = await namesOf("'scalar', 'aggregate', 'macro'");
    expect(names.length).toBeGreaterThan(700);
    expect(names.filter((name) => !isRefusedFunction(name) && !reviewed.has(name))).toEqual([]);
    expect([...reviewed].filter((name) => name !== '' && (isRefusedFunction(name) || !names.includes(name)))).toEqual([]);
  });

  test('table functions are refused but for a few', async () => {
    const names = await namesOf("'table', 'table_macro', 'pragma'");
    expect(names.filter(isAllowedTableFunction)).toEqual([
      'generate_series',
      'json_each',
      'json_tree',
      'range',
      'repeat',
      'repeat_row',
      'unnest',
    ]);
    expect((await refused('FROM a_function_of_tomorrow()')).code).toBe('FUNCTION_REFUSED');
  });
});

describe('the locked engine, without the check', () => {
  test.each<readonly [statement: string, message: RegExp]>([
    ["FROM read_csv('SECRET')", /Cannot access file/],
    ["FROM read_text('SECRET')", /Cannot access file/],
    ["SELECT * FROM 'SECRET'", /does not exist|Cannot access/],
    ["FROM glob('/etc/*')", /Cannot access|disabled/],
    ["COPY (SELECT 1) TO 'DIRECTORY/out.csv'", /Cannot access file/],
    ["EXPORT DATABASE 'DIRECTORY/out'", /Cannot access|disabled/],
    ["ATTACH 'DIRECTORY/new.db' AS other", /Cannot access file/],
    ['INSTALL httpfs', /Cannot access directory|disabled/],
    ['LOAD httpfs', /disabled/],
    ['SET threads = 2', /configuration has been locked/],
    ["SET TimeZone = 'Europe/Berlin'", /configuration has been locked/],
    ["SET memory_limit = '10GB'", /configuration has been locked/],
    ["SET temp_directory = 'DIRECTORY'", /locked|disabled/],
    ['SET enable_external_access = true', /locked|Cannot/],
    ['SET lock_configuration = false', /locked/],
    ['RESET enable_external_access', /locked|Cannot/],
  ])('%s', async (statement, message) => {
    const text = statement.replaceAll('SECRET', secret).replaceAll('DIRECTORY', directory);
    await expect(connection.run(text)).rejects.toThrow(message);
  });

  test('nothing was written', () => {
    expect(existsSync(join(directory, 'out.csv'))).toBe(false);
    expect(existsSync(join(directory, 'new.db'))).toBe(false);
  });
});
