/**
 * Goal: columns that a query does not look at are not filled, and no answer shows it.
 * Method: what the tables have while queries run; each query beside the same one within a star, which needs every column; and texts of
 * errors, which must name the columns there are.
 */
import { expect, test } from 'vitest';
import { columnsLookedAt } from '../../src/interfaces/sql/lookedAt.ts';
import type { JsonObject } from '../../src/interfaces/sql/queryTree.ts';
import { openLocked, SelectEngine } from '../../src/interfaces/sql/select.ts';
import { TestSource } from './tables.ts';

const engine = new SelectEngine('fluss_catalog');
const known = new Set(['position', 'type', 'server', 'data', 'moment']);

async function lookedAt(text: string): Promise<readonly string[] | 'all'> {
  const { connection, instance } = await openLocked('fluss_catalog', 'UTC');
  try {
    const reader = await connection.runAndReadAll('SELECT json_serialize_sql(?::VARCHAR)', [text]);
    const tree = JSON.parse(String(reader.getRows()[0]?.[0])) as { readonly statements: readonly { readonly node: JsonObject }[] };
    const [statement] = tree.statements;
    if (statement === undefined) throw new Error(`${text} is no query`);
    const columns = columnsLookedAt(statement.node, known);
    return columns === undefined ? 'all' : [...columns].sort();
  } finally {
    instance.closeSync();
  }
}

const queries: readonly (readonly [text: string, columns: readonly string[] | 'all'])[] = [
  ['SELECT count(*) FROM events', []],
  ['SELECT type, count(*) AS n FROM events GROUP BY type ORDER BY n DESC, type', ['type']],
  ['SELECT e.Type FROM sys.events e WHERE "SERVER" IS NULL ORDER BY position', ['position', 'server', 'type']],
  ['SELECT fluss_catalog.sys.events.server FROM fluss_catalog.sys.events ORDER BY 1', ['server']],
  ['SELECT max(position) FILTER (WHERE server = 1) OVER (PARTITION BY type) AS m FROM events ORDER BY m', ['position', 'server', 'type']],
  ['SELECT data.n AS n FROM events ORDER BY n', ['data']],
  ['SELECT type FROM events WHERE position = (SELECT max(position) FROM events WHERE server = 2)', ['position', 'server', 'type']],
  ['SELECT a.type FROM events a JOIN events b USING (position) ORDER BY a.type', ['position', 'type']],
  ['SELECT moment, type FROM events, moments ORDER BY type', ['moment', 'type']],
  ['WITH w AS (SELECT position AS p FROM events) SELECT sum(w.p) FROM w', 'all'],
  ['SELECT type FROM events UNION ALL SELECT moment FROM moments ORDER BY 1', ['moment', 'type']],
  ['FROM events ORDER BY position', 'all'],
  ['SELECT events.* FROM events ORDER BY position', 'all'],
  ["SELECT COLUMNS('t.*') FROM events ORDER BY 1", 'all'],
  ['SELECT events FROM events ORDER BY position', 'all'],
  ['SELECT e FROM events AS e ORDER BY 1', 'all'],
  ['SELECT e AS e FROM events AS e ORDER BY 1', 'all'],
  ['SELECT to_json(e) AS j FROM events AS e ORDER BY 1', 'all'],
  ['SELECT #2 FROM events ORDER BY 1', 'all'],
  ['SELECT server FROM events e(server, b, c, d) ORDER BY 1', 'all'],
  ['SELECT a.type FROM events a NATURAL JOIN events b ORDER BY 1', 'all'],
  ['SELECT q FROM (SELECT type FROM events) AS s(q) ORDER BY 1', 'all'],
  ['SELECT rowid FROM events ORDER BY 1', 'all'],
  ['SELECT type FROM events ORDER BY ALL', 'all'],
  ['PIVOT (SELECT type, server FROM events) ON server IN (1, 2) USING count(*) GROUP BY type', 'all'],
];

test.each(queries)('%s looks at %s', async (text, columns) => {
  expect(await lookedAt(text)).toEqual(columns);
  const [plain, whole] = await Promise.all([engine.run(text, new TestSource()), engine.run(`SELECT * FROM (${text})`, new TestSource())]);
  expect(plain.rows.length).toBeGreaterThan(0);
  expect(plain.rows).toEqual(whole.rows);
});

test('a name that no column has is answered with those there are', async () => {
  await expect(engine.run('SELECT serverr FROM events', new TestSource())).rejects.toThrow(/server/);
  await expect(engine.run('SELECT type, nothing AS n FROM events ORDER BY n', new TestSource())).rejects.toThrow(/nothing/);
});
