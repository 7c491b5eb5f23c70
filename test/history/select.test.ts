/**
 * Goal: SELECT over the sys tables, now and at any moment, says what a node that replayed so far would say.
 * Method: the real history process with DuckDB in it, over a random history; moments against a fold from nothing; and queries that
 * are wrong, too large, or cannot be stopped.
 */
import fc from 'fast-check';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { decodeEntry } from '../../events/envelope.ts';
import { describeConfigs } from '../../projections/configs.ts';
import { initialState, type State } from '../../projections/state.ts';
import { foldUpTo, lastPositionIn } from '../../src/engine/history/fold.ts';
import { createHistory } from '../../src/engine/history/historyClient.ts';
import type { History, HistoryRefused, SelectResult } from '../../src/engine/history/port.ts';
import { endlessQuery, longHistory, sourceOf, textsOf } from './histories.ts';
import { childrenCalled, cpuTicksOf, isGone } from './processes.ts';

const entries = longHistory(600, 11);
const texts = textsOf(entries);
/** States after each position, each folded from the one before. */
const states: State[] = [initialState()];
for (const text of texts) {
  const entry = decodeEntry(text);
  for (let at = entry.firstPosition; at <= lastPositionIn(entry); at += 1)
    states.push(foldUpTo(states.at(-1) ?? initialState(), entry, at));
}
const newest = states.length - 1;

const warnings: string[] = [];
const open = (): History =>
  createHistory({
    readTexts: sourceOf(texts),
    head: () => ({ index: texts.length, position: newest }),
    logger: { debug: () => {}, info: () => {}, warn: (_, words) => warnings.push(words), error: () => {} },
    memoryMb: 512,
  });
const history = open();
afterAll(() => history.close());

const asker = { principal: 'User:root', interface: 'sql' } as const;
const live = {
  coordinators: [{ node_id: 'n1', position: newest }],
  procedures: [{ name: 'get_cluster_configs', arguments: '', description: 'Lists them.' }],
};
const select = (sql: string, options = {}): Promise<SelectResult> =>
  history.select(sql, { maxRows: 10_000, asker, timeoutMs: 15_000, live, ...options });
const rowsOf = async (sql: string): Promise<readonly (readonly unknown[])[]> => (await select(sql)).rows;
const refusalOf = async (sql: string, options = {}): Promise<HistoryRefused> => {
  const error: unknown = await select(sql, options).catch((reason: unknown) => reason);
  if (!(error instanceof Error && 'remedy' in error)) throw new Error(`not refused: ${JSON.stringify(error)}`);
  return error as HistoryRefused;
};
const isoOf = (at: number | undefined): string | null => (at === undefined ? null : new Date(at).toISOString());
const configsAt = (position: number): readonly (readonly unknown[])[] =>
  describeConfigs(states[position]?.configs ?? initialState().configs).map(({ at, key, position: changed, principal, source, value }) => [
    position,
    key,
    value ?? null,
    source,
    changed ?? null,
    isoOf(at),
    principal ?? null,
  ]);

test('AT (VERSION => P) is the state of a node that replayed to P, for 200 positions', { timeout: 60_000 }, async () => {
  const positions = [...new Set(fc.sample(fc.integer({ min: 0, max: newest }), { numRuns: 400, seed: 3 }))].slice(0, 200);
  expect(positions).toHaveLength(200);
  for (let from = 0; from < positions.length; from += 20) {
    const some = positions.slice(from, from + 20);
    const columns = 'config_key, config_value, config_source, position, changed_at, changed_by';
    const parts = some.map((position) => `SELECT ${position} AS p, ${columns} FROM sys.cluster_configs AT (VERSION => ${position})`);
    const rows = await rowsOf(`${parts.join(' UNION ALL ')} ORDER BY p, config_key`);
    expect(rows).toEqual([...some].sort((a, b) => a - b).flatMap(configsAt));
  }
});

test('AT (TIMESTAMP => t) is the state at the last event up to then, and two moments can be joined', async () => {
  const [from, to] = [Math.floor(newest / 3), newest - 5];
  const time = states[from]?.at ?? 0;
  const sql = (moment: string): string => `SELECT config_key, config_value FROM sys.cluster_configs ${moment} ORDER BY config_key`;
  const last = states.findLastIndex(({ at }) => at <= time);
  const iso = new Date(time).toISOString().replace('T', ' ').replace('Z', '+00');
  expect(await rowsOf(sql(`AT (TIMESTAMP => TIMESTAMPTZ '${iso}')`))).toEqual(await rowsOf(sql(`AT (VERSION => ${last})`)));
  const changed = await rowsOf(
    `SELECT old.config_key, old.config_value, new.config_value FROM sys.cluster_configs AS old AT (VERSION => ${from})
     JOIN sys.cluster_configs AS new AT (VERSION => ${to}) USING (config_key)
     WHERE old.config_value IS DISTINCT FROM new.config_value ORDER BY 1`,
  );
  const valueAt = (position: number): Map<unknown, unknown> => new Map(configsAt(position).map(([, key, value]) => [key, value]));
  const [before, after] = [valueAt(from), valueAt(to)];
  const expected = [...before]
    .filter(([key, value]) => after.has(key) && after.get(key) !== value)
    .map(([key, value]) => [key, value, after.get(key)]);
  expect(changed).toEqual(expected);
  expect(changed.length).toBeGreaterThan(0);
});

test('events can be counted, searched and taken apart', async () => {
  const logged = entries.flatMap(({ entry }) => entry.events);
  expect(await rowsOf('SELECT count(*), max(position) FROM sys.events')).toEqual([[logged.length, newest]]);
  expect(await rowsOf(`SELECT count(*) FROM sys.events AT (VERSION => 100)`)).toEqual([[100]]);
  const byType = await rowsOf('SELECT type, count(*) FROM sys.events GROUP BY type ORDER BY type');
  const counts = Map.groupBy(logged, ({ type }) => type);
  expect(byType).toEqual([...counts].map(([type, of]) => [type, of.length]).sort(([a], [b]) => (String(a) < String(b) ? -1 : 1)));
  const [[words, subjects, key] = []] = await rowsOf(
    `SELECT words, subjects, data->'changes'->0->>'key' FROM sys.events
     WHERE type = 'ClusterConfigsChanged' ORDER BY position DESC LIMIT 1`,
  );
  expect(words).toMatch(/^(set|reset) datalake/);
  expect(subjects).toContain(`config/${String(key)}`);
  const everything = JSON.stringify(await rowsOf('SELECT * FROM sys.events'));
  expect(everything).not.toContain('never-to-be-seen');
});

test('coordinators and procedures', async () => {
  const rows = await rowsOf('SELECT node_id, role, position, lag FROM sys.coordinators WHERE position IS NOT NULL');
  expect(rows.every(([nodeId, , position, lag]) => nodeId === 'n1' && position === newest && lag === 0)).toBe(true);
  expect(await rowsOf('SELECT * FROM sys.procedures')).toEqual([['get_cluster_configs', '', 'Lists them.']]);
});

describe('a query that is refused', () => {
  test.each<[string, string, number | undefined]>([
    ['SQL_SYNTAX', 'SELEC 1', 0],
    ['SQL_UNKNOWN_TABLE', 'SELECT * FROM sys.event', 14],
    ['SQL_NOT_A_QUERY', 'INSERT INTO sys.events VALUES (1)', 0],
    ['UNKNOWN_POSITION', 'SELECT * FROM sys.cluster_configs AT (VERSION => 999999)', undefined],
    ['SQL_BAD_MOMENT', "SELECT * FROM sys.cluster_configs AT (VERSION => 'x')", 49],
    ['MALFORMED_REQUEST', 'SELECT * FROM sys.procedures AT (VERSION => 1)', undefined],
  ])('%s: %s', async (code, sql, offset) => {
    const refusal = await refusalOf(sql);
    expect(refusal).toMatchObject({ code, offset });
    expect(refusal.remedy).toMatch(/\.$/);
  });

  test('because it takes too long, and can be stopped', async () => {
    expect(await refusalOf('SELECT count(*) FROM range(100000000000) AS a', { timeoutMs: 300 })).toMatchObject({ code: 'SQL_TIMED_OUT' });
    expect(warnings).toEqual([]);
  });

  test('because it takes too long, and cannot be stopped: its process goes with it', async () => {
    expect(await refusalOf(endlessQuery, { timeoutMs: 300 })).toMatchObject({ code: 'SQL_TIMED_OUT' });
    await vi.waitFor(() => expect(warnings).toContain('the history process ended; the next question starts another one'), {
      timeout: 15_000,
    });
    expect(await rowsOf('SELECT 1')).toEqual([[1]]);
  });
});

test('a node that stops does not wait for a query that cannot be stopped', async () => {
  const stopping = open();
  const before = childrenCalled('chancery-history');
  await stopping.select('SELECT 1', { maxRows: 1, asker, timeoutMs: 15_000, live });
  const [pid = 0] = childrenCalled('chancery-history').filter((child) => !before.includes(child));
  const ticks = cpuTicksOf(pid);
  const asked = stopping.select(endlessQuery, { maxRows: 1, asker, timeoutMs: 15_000, live }).catch((error: unknown) => error);
  await vi.waitFor(() => expect(cpuTicksOf(pid)).toBeGreaterThan(ticks + 30), { timeout: 15_000 }); // DuckDB is at it.
  await stopping.close();
  expect(isGone(pid)).toBe(true);
  expect(await asked).toMatchObject({ code: 'HISTORY_UNAVAILABLE' });
});

test('rows beyond the bound are cut off, and that is said', async () => {
  expect(await select('SELECT position FROM sys.events', { maxRows: 5 })).toMatchObject({
    truncated: true,
    rows: [[1], [2], [3], [4], [5]],
  });
});
