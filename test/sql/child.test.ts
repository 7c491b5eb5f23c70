/**
 * Goal: what DuckDB cannot bound in its own process is bounded by the process around it, as `SelectEngine` asks for; and wherever in a
 *   query the memory runs out, it is that what the caller hears.
 * Method: a child with a limited data segment runs queries that allocate past DuckDB's limit, one and many at once, and one that cannot be
 *   interrupted. Which allocation fails first is chance there, so each place of a query also fails by a planted fault, with the texts that
 *   children without memory were seen to end with.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { openLocked, SelectEngine, type TableSource } from '../../src/interfaces/sql/select.ts';

const dataKb = 1_500_000;

/** Runs the query in a limited child and returns the first line it prints; the child is killed then, whatever it is at. */
async function firstLine(...words: readonly string[]): Promise<string> {
  const script = fileURLToPath(import.meta.resolve('./queryChild.ts'));
  const child = spawn('sh', ['-c', `ulimit -d ${dataKb}; exec "$@"`, 'sh', process.execPath, script, ...words], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit');
  try {
    const [line] = (await Promise.race([once(child.stdout, 'data'), ended.then(() => ['ended without a word'])])) as [Buffer | string];
    return String(line).trim();
  } finally {
    child.kill('SIGKILL');
    await ended;
  }
}

test('memory that DuckDB does not count is refused by the limit of the process', async () => {
  expect(await firstLine('SELECT list_sum(range(3000000000))')).toBe('OUT_OF_MEMORY free');
  expect(await firstLine("SELECT length(repeat('x', 4000000000))")).toBe('OUT_OF_MEMORY free');
});

test('a moment that takes more memory than there is is refused for that, not as a bad moment', async () => {
  expect(await firstLine("SELECT n FROM sys.t AT (VERSION => length(repeat('x', 4000000000)))")).toBe('OUT_OF_MEMORY free');
});

test('queries that have no room beside each other run, or are refused for that', async () => {
  expect(await firstLine('SELECT list_sum(range(40000000 + n)) FROM sys.t', '8')).toBe('OUT_OF_MEMORY ran free');
});

test('a function that cannot be interrupted times out and is reported, so that the process can be killed', async () => {
  expect(await firstLine("SELECT levenshtein(repeat('a', 1000000), repeat('b', 1000000))")).toBe('TIMED_OUT stuck');
});

describe('out of memory', () => {
  afterEach(() => vi.restoreAllMocks());

  const engine = new SelectEngine('fluss_catalog');
  const columns = [{ name: 'n', type: 'BIGINT', about: '' }] as const;
  const source: TableSource = { tables: () => ['t'], columns: () => columns, rows: () => Promise.resolve([[1]]) };
  const ask = (): Promise<unknown> => engine.run('SELECT n FROM sys.t AT (VERSION => 1)', source).catch((error: unknown) => error);
  const texts = [
    'Out of Memory Error: Allocation failure',
    'std::bad_alloc',
    'Array buffer allocation failed',
    '{"exception_type":"Out of Memory","exception_message":"Allocation failure"}',
  ];
  /** Statements that begin so fail, others run. */
  function failing(method: 'run' | 'runAndReadAll' | 'stream', beginning: string, text: string): void {
    const methods = DuckDBConnection.prototype as unknown as Record<typeof method, (...words: unknown[]) => Promise<unknown>>;
    const real = methods[method];
    vi.spyOn(methods, method).mockImplementation(function (this: DuckDBConnection, ...words: unknown[]) {
      return String(words[0]).startsWith(beginning) ? Promise.reject(new Error(text)) : real.apply(this, words);
    });
  }
  const places: readonly (readonly [what: string, plant: (text: string) => void])[] = [
    ['an instance is opened', (text) => vi.spyOn(DuckDBInstance, 'create').mockRejectedValue(new Error(text))],
    ['it is connected to', (text) => vi.spyOn(DuckDBInstance.prototype, 'connect').mockRejectedValue(new Error(text))],
    ['the catalog is made', (text) => failing('run', 'ATTACH', text)],
    ['the time zone is set', (text) => failing('run', 'SET TimeZone', text)],
    ['the text is read', (text) => failing('runAndReadAll', 'SELECT json_serialize_sql', text)],
    ['a moment is computed', (text) => failing('runAndReadAll', 'SELECT typeof(moment)', text)],
    ['a table is made', (text) => failing('run', 'CREATE TABLE', text)],
    ['a table is filled', (text) => vi.spyOn(DuckDBConnection.prototype, 'createAppender').mockRejectedValue(new Error(text))],
    ['the query runs', (text) => failing('stream', 'SELECT n', text)],
  ];

  test.each(places)('is what the caller hears when it happens while %s, and nothing stays open', async (_, plant) => {
    for (const text of texts) {
      vi.restoreAllMocks();
      const create = vi.spyOn(DuckDBInstance, 'create');
      const close = vi.spyOn(DuckDBInstance.prototype, 'closeSync');
      plant(text);
      expect(await ask(), text).toMatchObject({ name: 'SqlRefused', code: 'OUT_OF_MEMORY', offset: undefined });
      const opened = (await Promise.allSettled(create.mock.results.map(({ value }) => value))).filter(
        ({ status }) => status === 'fulfilled',
      );
      expect(close).toHaveBeenCalledTimes(opened.length);
    }
  });

  test('also when there is none for a connection, or for the settings, which the binding says in its own words', async () => {
    vi.spyOn(DuckDBInstance.prototype, 'connect').mockRejectedValue(new Error('Failed to connect'));
    expect(await ask()).toMatchObject({ code: 'OUT_OF_MEMORY' });
    vi.restoreAllMocks();
    vi.spyOn(DuckDBInstance, 'create').mockRejectedValue(new Error('Failed to create config'));
    expect(await ask()).toMatchObject({ code: 'OUT_OF_MEMORY' });
  });

  test('is not said of a fault that only quotes it', async () => {
    const text = '{"exception_type":"Invalid Input","exception_message":"Out of Memory Error: Allocation failure"}';
    failing('stream', 'SELECT n', text);
    expect(await ask()).toMatchObject({ code: 'QUERY_FAILED', message: 'Out of Memory Error: Allocation failure' });
  });

  test('and other faults close what they opened too', async () => {
    const close = vi.spyOn(DuckDBInstance.prototype, 'closeSync');
    await expect(openLocked('temp', 'UTC')).rejects.toThrow('reserved name');
    await expect(openLocked('fluss_catalog', 'Mars/Olympus')).rejects.toMatchObject({ code: 'UNKNOWN_TIME_ZONE' });
    expect(close).toHaveBeenCalledTimes(2);
  });
});
