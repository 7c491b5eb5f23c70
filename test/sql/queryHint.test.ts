/**
 * Goal: a source may believe the hint: the answer is the same whether it obeys or ignores it, and the common queries get one.
 * Method: a table of queries with their hints, and generated queries run on both kinds of source.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { comparisonOf, firstOf } from '../../src/engine/history/conditions.ts';
import type { Hint, Row, SysColumn } from '../../src/engine/history/selector.ts';
import type { SourceCell } from '../../src/interfaces/sql/cells.ts';
import { type Moment, SelectEngine } from '../../src/interfaces/sql/select.ts';
import { replay } from '../support/replay.ts';
import { events, TestSource } from './tables.ts';

const engine = new SelectEngine('fluss_catalog');
const hintFor = async (text: string): Promise<Hint | undefined> => {
  const source = new TestSource();
  await engine.run(text, source, { rows: 99 });
  return source.asked[0]?.hint;
};
const position = (operator: string, ...values: readonly number[]) => ({ column: 'position', operator, values });
const newest = { order: { column: 'position', descending: true } };

test.each<readonly [text: string, hint: object | undefined]>([
  // Nobody looks at more than the 99 rows that are shown and one more, which tells that there are more.
  ['FROM events', { conditions: [], limit: 100 }],
  ['FROM events LIMIT 1000', { conditions: [], limit: 100 }],
  ['FROM events OFFSET 4', { conditions: [], limit: 104 }],
  ['FROM events LIMIT 3', { conditions: [], limit: 3 }],
  ['FROM events LIMIT 3 OFFSET 4', { conditions: [], limit: 7 }],
  ['FROM sys.events WHERE position >= 5', { conditions: [position('>=', 5)], limit: 100 }],
  ['FROM events AT (VERSION => 9) WHERE "position" > 5 LIMIT 1', { conditions: [position('>', 5)], limit: 1 }],
  ['FROM events e WHERE 5 < e.position AND e.position <= 9', { conditions: [position('>', 5), position('<=', 9)], limit: 100 }],
  ['FROM events WHERE events.position = 5 AND sys.events.position < 9', { conditions: [position('=', 5), position('<', 9)], limit: 100 }],
  ['FROM events WHERE position BETWEEN 2 AND 4', { conditions: [position('>=', 2), position('<=', 4)], limit: 100 }],
  [
    "FROM events WHERE type IN ('a', 'b') AND POSITION = 3",
    { conditions: [{ column: 'type', operator: 'in', values: ['a', 'b'] }, position('=', 3)], limit: 100 },
  ],
  ['SELECT position, type FROM events ORDER BY position DESC LIMIT 20', { conditions: [], ...newest, limit: 20 }],
  [
    "FROM events WHERE type = 'a' ORDER BY position DESC LIMIT 2",
    { conditions: [{ column: 'type', operator: '=', values: ['a'] }], ...newest, limit: 2 },
  ],
  ['FROM events ORDER BY position LIMIT 2', { conditions: [], order: { column: 'position', descending: false }, limit: 2 }],
  ['FROM events WHERE NOT position > 5', { conditions: [position('<=', 5)], limit: 100 }], // DuckDB's parser has turned it round.
  // Conditions that are understood are passed on beside others that are not; the limit then is not.
  ['FROM events WHERE position > 5 AND server % 2 = 1 LIMIT 1', { conditions: [position('>', 5)] }],
  ['SELECT count(*) FROM events WHERE position > 5 LIMIT 1', { conditions: [position('>', 5)] }],
  ['SELECT upper(type) FROM events LIMIT 1', undefined],
  ['SELECT DISTINCT type FROM events LIMIT 1', undefined],
  ['SELECT type FROM events GROUP BY type LIMIT 1', undefined],
  ['SELECT type FROM events GROUP BY ALL LIMIT 1', undefined],
  ['FROM events ORDER BY server, position LIMIT 1', undefined],
  ['FROM events ORDER BY server NULLS FIRST LIMIT 1', undefined],
  ['FROM events ORDER BY server + 1 LIMIT 1', undefined],
  ['FROM events ORDER BY position DESC', { conditions: [], ...newest, limit: 100 }],
  ['FROM events WHERE server IS NULL', { conditions: [{ column: 'server', operator: 'is null', values: [] }], limit: 100 }],
  [
    'SELECT count(*) FROM events WHERE data IS NOT NULL AND position > 5',
    { conditions: [{ column: 'data', operator: 'is not null', values: [] }, position('>', 5)] },
  ],
  ['FROM events WHERE (server IS NULL) = true', undefined],
  ['FROM events WHERE position + 1 IS NOT NULL', undefined],
  ['FROM events LIMIT 50%', undefined],
  ['FROM events LIMIT (SELECT 1)', undefined],
  ['FROM events TABLESAMPLE 50% LIMIT 1', undefined],
  ['FROM events USING SAMPLE 2 LIMIT 1', undefined],
  ['FROM events QUALIFY row_number() OVER () = 1 LIMIT 1', undefined],
  ["FROM events WHERE position = '5'", undefined],
  ['FROM events WHERE position = 5.5', undefined],
  ['FROM events WHERE position = NULL', undefined],
  ['FROM events WHERE type > 5::VARCHAR', undefined],
  ['FROM events WHERE position > 5 OR position < 2', undefined],
  ['FROM events WHERE position IN (1, NULL)', undefined],
  ['FROM events WHERE position <> 5', undefined],
  // The name is not, or may not be, the table's column.
  ['FROM events WHERE data.type = \'"x"\'', undefined],
  ['FROM events data WHERE data.n = 1', undefined],
  ['FROM events e(a, b, position, d) WHERE position > 5', undefined],
  ['SELECT 1 - position AS position FROM events WHERE position > 5', undefined],
  ['SELECT * REPLACE (-position AS position) FROM events ORDER BY position LIMIT 1', undefined],
  ['SELECT * RENAME (server AS position, position AS server) FROM events ORDER BY position LIMIT 1', undefined],
  ['WITH x AS (SELECT position + 9 AS position FROM events) FROM x WHERE position > 5', undefined],
  ['SELECT * FROM (FROM events) AS events WHERE position > 5', undefined],
  ['FROM events WHERE position > 5 UNION ALL FROM events', undefined],
  ['FROM events a, events b WHERE a.position > 5 LIMIT 1', undefined],
  ['FROM events a, moments b WHERE a.position > 5', undefined],
  ['FROM events WHERE position > 5 AND server = (SELECT max(server) FROM events)', undefined],
])('%s', async (text, hint) => {
  expect(await hintFor(text)).toEqual(hint);
});

type EventRow = readonly [position: number, type: string, server: number | null, data: string];

/** Does all that a hint allows. */
class ObedientSource extends TestSource {
  obeyed = 0;

  override rows(table: string, moment: Moment, hint: Hint | undefined): Promise<Iterable<readonly SourceCell[]>> {
    if (table !== 'events' || hint === undefined) return super.rows(table, moment, hint);
    this.obeyed++;
    const at = { position: 0, type: 1, server: 2, data: 3 } as const;
    const cell = (row: EventRow, column: string): SourceCell => row[at[column as keyof typeof at]];
    const passes = (value: SourceCell, operator: string, wanted: string | number): boolean => {
      if (value === null) return false;
      if (operator === '=' || operator === 'in') return value === wanted;
      return operator.startsWith('<')
        ? value < wanted || (operator === '<=' && value === wanted)
        : value > wanted || (operator === '>=' && value === wanted);
    };
    const rows = [...events(this.eventCount)].filter((row) =>
      hint.conditions.every(({ column, operator, values }) =>
        operator.startsWith('is ')
          ? (cell(row, column) === null) === (operator === 'is null')
          : values.some((value) => passes(cell(row, column), operator, value)),
      ),
    );
    if (hint.order?.column === 'position' && hint.order.descending) rows.reverse();
    const knowsOrder = hint.order === undefined || hint.order.column === 'position';
    return Promise.resolve(hint.limit !== undefined && knowsOrder ? rows.slice(0, hint.limit) : rows);
  }
}

test('obeying a hint changes no answer', async () => {
  const number = fc.integer({ min: -1, max: 22 });
  const operator = fc.constantFrom('=', '<', '<=', '>', '>=', '<>');
  const conditions = fc.oneof(
    fc.tuple(fc.constantFrom('position', 'e.position', 'server', 'e.server'), operator, number).map((parts) => parts.join(' ')),
    fc.tuple(number, operator, fc.constantFrom('position', 'server')).map((parts) => parts.join(' ')),
    fc.tuple(number, number).map(([low, high]) => `position BETWEEN ${low} AND ${high}`),
    fc.array(number, { minLength: 1, maxLength: 3 }).map((numbers) => `server IN (${numbers.join(', ')})`),
    fc.constantFrom("type = 'AclAdded'", "type > 'B'", "'ConfigSet' >= type", 'server IS NULL', 'position % 2 = 0', 'TRUE', 'data.n = 3'),
    fc.constantFrom("type IN ('AclAdded', 'ConfigSet')", '(position < 5 OR server = 1)', 'NOT server = 1'),
  );
  const where = fc.array(conditions, { maxLength: 3 }).map((list) => (list.length === 0 ? '' : ` WHERE ${list.join(' AND ')}`));
  const columns = fc.constantFrom(
    '*',
    'position',
    'position, server',
    'count(*)',
    'DISTINCT type',
    'max(position)',
    '-position AS position',
    '* EXCLUDE (data)',
  );
  // A limit without a total order may pick any rows, so there is none.
  const ends = fc.oneof(
    fc.constant(''),
    fc
      .tuple(
        fc.constantFrom('ASC', 'DESC', ''),
        number.filter((n) => n >= 0),
        fc.constantFrom('', ' OFFSET 2'),
      )
      .map(([direction, limit, offset]) => ` ORDER BY ALL ${direction} LIMIT ${limit}${offset}`),
    fc
      .tuple(
        fc.constantFrom('ASC', 'DESC', ''),
        number.filter((n) => n >= 0),
        fc.constantFrom('', ' OFFSET 2'),
      )
      .map(([direction, limit, offset]) => ` ORDER BY position ${direction} LIMIT ${limit}${offset}`),
  );
  const query = fc
    .tuple(columns, where, ends)
    .filter(([list, , end]) => !(end.includes('BY position') && /count|DISTINCT|max/.test(list)))
    .map(([list, condition, end]) => `SELECT ${list} FROM events AS e${condition}${end}`);
  const obedient = new ObedientSource();
  await fc.assert(
    fc.asyncProperty(query, async (text) => {
      const [plain, hinted] = await Promise.all([engine.run(text, new TestSource()), engine.run(text, obedient)]);
      const sorted = (rows: readonly (readonly unknown[])[]): readonly string[] => rows.map((row) => JSON.stringify(row)).sort();
      expect(sorted(hinted.rows)).toEqual(sorted(plain.rows));
    }),
    replay({ numRuns: 20 }).params as object,
  );
  expect(obedient.obeyed).toBeGreaterThan(5);
});

test('a result that is cut shows the same rows, and says so, whether the hint was obeyed or not', async () => {
  for (const end of [
    '',
    ' ORDER BY position',
    ' ORDER BY position DESC',
    ' WHERE server IS NOT NULL',
    ' LIMIT 9',
    ' OFFSET 5',
    ' LIMIT 19 OFFSET 5',
  ])
    for (const rows of [1, 5, 19, 20, 21]) {
      const text = `SELECT * FROM events${end}`;
      const [plain, hinted] = await Promise.all([
        engine.run(text, new TestSource(), { rows }),
        engine.run(text, new ObedientSource(), { rows }),
      ]);
      expect(hinted, `${text}, ${rows} rows`).toEqual(plain);
    }
});

const numbered: readonly SysColumn[] = [
  { name: 'position', type: 'BIGINT', about: '' },
  { name: 'type', type: 'VARCHAR', about: '' },
  { name: 'server', type: 'INTEGER', about: '' },
];

/** Sorts by itself where it can. */
class SortingSource extends TestSource {
  handedOver = 0;

  override rows(table: string, moment: Moment, hint: Hint | undefined): Promise<Iterable<readonly SourceCell[]>> {
    const compare = hint?.order === undefined ? undefined : comparisonOf(numbered, hint.order);
    if (compare === undefined || hint?.limit === undefined) return super.rows(table, moment, hint);
    const rows = firstOf(events(this.eventCount), compare, hint.limit);
    this.handedOver += rows.length;
    return Promise.resolve(rows);
  }
}

test('the first rows of an order are those that DuckDB takes, NULL last, from as many rows as it needs', async () => {
  for (const column of ['position', 'server'])
    for (const direction of ['ASC', 'DESC'])
      for (const [limit, offset] of [
        [0, 0],
        [1, 0],
        [3, 2],
        [17, 0],
        [18, 9],
      ] as const) {
        const text = `SELECT ${column} FROM events ORDER BY ${column} ${direction} LIMIT ${limit} OFFSET ${offset}`;
        const sorting = new SortingSource();
        const [plain, sorted] = await Promise.all([engine.run(text, new TestSource()), engine.run(text, sorting)]);
        expect(sorted, text).toEqual(plain);
        expect(sorting.handedOver, text).toBe(Math.min(limit + offset, sorting.eventCount));
      }
});

test('the first of many rows are those of a whole sort, equal ones in the order in which they came', () => {
  const cell = fc.option(fc.integer({ min: -3, max: 3 }));
  const order = fc.record({ column: fc.constant('server'), descending: fc.boolean() });
  fc.assert(
    fc.property(fc.array(cell, { maxLength: 60 }), order, fc.integer({ min: 0, max: 12 }), (cells, by, count) => {
      const rows = cells.map((server, i): Row => [i, '', server]);
      const compare = comparisonOf(numbered, by);
      if (compare === undefined) throw new Error('numbers can be sorted');
      const key = ([, , server]: Row): number => Number(server ?? (by.descending ? -9 : 9));
      const sorted = rows.toSorted((a, b) => (by.descending ? key(b) - key(a) : key(a) - key(b)));
      expect(firstOf(rows, compare, count)).toEqual(sorted.slice(0, count));
    }),
    replay({ numRuns: 300 }).params as object,
  );
  expect(comparisonOf(numbered, { column: 'type', descending: false })).toBeUndefined();
});
