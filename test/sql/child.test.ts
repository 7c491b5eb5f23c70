/**
 * Goal: what DuckDB cannot bound in its own process is bounded by the process around it, as `SelectEngine` asks for.
 * Method: a child with a limited data segment runs a query that allocates past DuckDB's limit, and one that cannot be interrupted.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const dataKb = 1_500_000;

/** Runs the query in a limited child and returns the first line it prints; the child is killed then, whatever it is at. */
async function firstLine(query: string): Promise<string> {
  const script = fileURLToPath(import.meta.resolve('./queryChild.ts'));
  const child = spawn('sh', ['-c', `ulimit -d ${dataKb}; exec "$@"`, 'sh', process.execPath, script, query], {
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

test('a function that cannot be interrupted times out and is reported, so that the process can be killed', async () => {
  expect(await firstLine("SELECT levenshtein(repeat('a', 1000000), repeat('b', 1000000))")).toBe('TIMED_OUT stuck');
});
