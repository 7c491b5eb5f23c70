/**
 * Goal: sys.lake_tiering_status and sys.lake_tables say how every lake table stands, at any moment; sys.lake_tiering_failures holds every
 * round that ever failed, whatever is kept of it in memory, and a hint changes how much is looked at but never the outcome.
 * Method: one table's story, told event by event; then logs with random failures, read with everything, something and nothing in memory,
 * against the events as they were written.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { tableAltered, tableCreated, tableDropped } from '../../events/catalog.ts';
import type { EncodedEntry } from '../../events/envelope.ts';
import type { ChanceryEvent } from '../../events/index.ts';
import {
  freshnessChanged,
  lakeTableAdded,
  lakeTableRemoved,
  tieringDue,
  tieringRoundFailed,
  tieringRoundFinished,
  tieringRoundStarted,
} from '../../events/tiering.ts';
import type { Moment } from '../../src/engine/history/port.ts';
import type { Cell, Condition, Hint, Row } from '../../src/engine/history/selector.ts';
import { sysTables, sysTablesOf } from '../../src/engine/history/tables.ts';
import { RecentFailures } from '../../src/engine/history/tieringFailures.ts';
import { Timeline } from '../../src/engine/history/timeline.ts';
import { data, orders, shop } from '../support/catalogSamples.ts';
import { type Chapter, logOf, startedAt } from '../support/given.ts';
import { replay } from '../support/replay.ts';
import { sourceOf, textsOf } from './histories.ts';

const names = { tableId: 0, database: 'shop', table: 'orders' } as const;
const fails = (tieringEpoch: number, failuresInRow: number, error?: string) =>
  tieringRoundFailed({
    ...names,
    tieringEpoch,
    service: 's1',
    durationMs: 250,
    because: 'REPORTED',
    ...(error === undefined ? {} : { error }),
    failuresInRow,
  });
const starts = (tieringEpoch: number, service = 's1') => tieringRoundStarted({ ...names, tieringEpoch, service, timeoutMs: 120_000 });

async function timelineOf(entries: readonly EncodedEntry[], failures?: RecentFailures): Promise<Timeline> {
  const timeline = new Timeline(sourceOf(textsOf(entries)), failures);
  await timeline.catchUp();
  return timeline;
}

type Named = Readonly<Record<string, Cell>>;
async function rowsOf(timeline: Timeline, table: string, { moment, hint }: { moment?: Moment; hint?: Hint } = {}): Promise<Named[]> {
  const tables = sysTablesOf(timeline, { asker: { principal: 'User:root', interface: 'sql' }, live: {} });
  const columns = sysTables.find(({ name }) => name === table)?.columns ?? [];
  const rows: Row[] = [];
  for await (const batch of tables.rows(table, moment, hint, new AbortController().signal)) rows.push(...batch);
  return rows.map((row) => {
    expect(row).toHaveLength(columns.length);
    return Object.fromEntries(columns.map(({ name }, i) => [name, row[i] ?? null]));
  });
}

/** One event, what lake_tiering_status then says (state, epoch, when it was tiered, error and its time), and what lake_tables adds. */
const story: readonly (readonly [ChanceryEvent, readonly Cell[] | 'nothing', Named?])[] = [
  [shop, 'nothing'],
  [orders, 'nothing'],
  [
    lakeTableAdded({ ...names, freshnessMs: 180_000, tieringEpoch: 0, because: 'NEW' }),
    ['Scheduled', 0, null, null, null],
    { due_at: startedAt + 182_000, since: startedAt + 2_000, freshness_ms: 180_000, failures: 0, failures_in_row: 0, service: null },
  ],
  [
    freshnessChanged({ ...names, freshnessMs: 60_000 }),
    ['Scheduled', 0, null, null, null],
    { due_at: startedAt + 62_000, freshness_ms: 60_000, position: 4 },
  ],
  [tieringDue({ ...names, tieringEpoch: 1 }), ['Pending', 1, null, null, null], { due_at: null, since: startedAt + 4_000 }],
  [starts(1), ['Tiering', 1, null, null, null], { service: 's1' }],
  [
    fails(1, 1, 'no credentials'),
    ['Pending', 2, null, 'no credentials', startedAt + 6_000],
    { failures: 1, failures_in_row: 1, service: null },
  ],
  [starts(2), ['Tiering', 2, null, 'no credentials', startedAt + 6_000]],
  [fails(2, 2), ['Pending', 3, null, null, startedAt + 8_000], { failures: 2, failures_in_row: 2 }],
  [starts(3, 's2'), ['Tiering', 3, null, null, startedAt + 8_000], { service: 's2', last_duration_ms: null, records: null }],
  [
    tieringRoundFinished({ ...names, tieringEpoch: 3, service: 's2', durationMs: 70, isForced: false, fileBytes: 4096, records: 12 }),
    ['Scheduled', 3, startedAt + 10_000, null, null],
    { failures: 2, failures_in_row: 0, due_at: startedAt + 70_000, last_duration_ms: 70, file_bytes: 4096, records: 12 },
  ],
  [lakeTableRemoved(names), 'nothing'],
  [
    lakeTableAdded({ ...names, freshnessMs: 180_000, tieringEpoch: 3, because: 'NEW' }),
    ['Scheduled', 3, null, null, null],
    { failures: 0, table_id: 0 },
  ],
  [tableDropped({ ...names, bucketCount: 1, partitionIds: [] }), 'nothing'],
];
const told: readonly Chapter[] = story.map(([event]) => ({ events: [event] }));

test('lake_tiering_status has exactly the columns of the proposal', () => {
  const { columns } = sysTables.find(({ name }) => name === 'lake_tiering_status') ?? { columns: [] };
  expect(columns.map(({ name, type }) => `${name} ${type}`)).toEqual([
    'database_name STRING',
    'table_name STRING',
    'status STRING',
    'tiering_epoch BIGINT',
    'last_tiered_time TIMESTAMP_LTZ(3)',
    'last_error STRING',
    'last_error_time TIMESTAMP_LTZ(3)',
  ]);
});

test('every moment of a lake table is told, later too', async () => {
  const timeline = await timelineOf(logOf(told));
  for (const [i, [event, status, details]] of story.entries()) {
    const moment = { position: i + 1 };
    const rows = await rowsOf(timeline, 'lake_tiering_status', { moment });
    expect(
      rows.map((row) => Object.values(row)),
      event.type,
    ).toEqual(status === 'nothing' ? [] : [['shop', 'orders', ...status]]);
    const detailed = await rowsOf(timeline, 'lake_tables', { moment });
    expect(detailed).toMatchObject(rows);
    if (details !== undefined) expect(detailed[0], event.type).toMatchObject(details);
  }
  expect(await rowsOf(timeline, 'lake_tiering_failures')).toEqual([
    { ...failureOf(fails(2, 2), 8), error: null },
    { ...failureOf(fails(1, 1, 'no credentials'), 6), error: 'no credentials' },
  ]);
});

/** What the table of failures says of one that is the only event of its entry. @param second after the first entry */
function failureOf({ data: said }: ReturnType<typeof fails>, second: number): Named {
  return {
    database_name: 'shop',
    table_name: 'orders',
    table_id: 0,
    tiering_epoch: said.tieringEpoch,
    service: 's1',
    cause: 'REPORTED',
    error: said.error ?? null,
    failure_time: startedAt + second * 1000,
    failures_in_row: said.failuresInRow,
    duration_ms: 250,
    position: second + 1,
  };
}

test('tables are in the order of their names, and those that are not tiered are left out', async () => {
  const made = ['b', 'a', 'c', 'd'].flatMap((table, tableId) => [
    tableCreated({ ...data, tableId, table }),
    ...(table === 'c' ? [] : [lakeTableAdded({ tableId, database: 'shop', table, freshnessMs: 0, tieringEpoch: 0, because: 'FOUND' })]),
  ]);
  const altered = tableAltered({ ...names, table: 'b', set: { comment: 'x' }, removed: [], columns: [] });
  const timeline = await timelineOf(logOf([{ events: [shop, ...made, altered] }]));
  for (const table of ['lake_tiering_status', 'lake_tables'])
    expect((await rowsOf(timeline, table)).map((row) => row['table_name'])).toEqual(['a', 'b', 'd']);
});

test('the newest failures of all are found without handing over all tables', async () => {
  const made = ['a', 'b', 'c', 'd'].map((table, tableId) => ({ tableId, table }));
  const added = made.flatMap(({ table, tableId }) => [
    tableCreated({ ...data, tableId, table }),
    lakeTableAdded({ tableId, database: 'shop', table, freshnessMs: 0, tieringEpoch: 0, because: 'FOUND' }),
  ]);
  const failing = made.slice(0, 3).map(({ table, tableId }) => {
    const round = { tableId, database: 'shop', table, tieringEpoch: 1, service: 's1' };
    return [
      tieringDue({ tableId, database: 'shop', table, tieringEpoch: 1 }),
      tieringRoundStarted({ ...round, timeoutMs: 120_000 }),
      tieringRoundFailed({ ...round, durationMs: 250, because: 'REPORTED', failuresInRow: 1 }),
    ];
  });
  const timeline = await timelineOf(logOf([{ events: [shop, ...added] }, ...failing.map((events) => ({ events }))]));
  const ask = async (each: Hint) => (await rowsOf(timeline, 'lake_tiering_status', { hint: each })).map((row) => row['table_name']);
  const newest = { column: 'last_error_time', descending: true } as const;
  expect(await ask({ conditions: [], order: newest, limit: 2 })).toEqual(['c', 'b']);
  expect(await ask({ conditions: [], order: { ...newest, descending: false }, limit: 4 })).toEqual(['a', 'b', 'c', 'd']);
  const notC: Condition = { column: 'table_name', operator: 'in', values: ['a', 'b', 'd'] };
  expect(await ask({ conditions: [notC], order: newest, limit: 2 })).toEqual(['b', 'a']);
  // More rows than this holds at a time are all handed over as they come, and DuckDB sorts them.
  expect(await ask({ conditions: [], order: newest, limit: 20_000 })).toEqual(['c', 'b', 'a', 'd']);
  expect(await ask({ conditions: [], order: newest, limit: 20_001 })).toEqual(['a', 'b', 'c', 'd']);
  expect(await ask({ conditions: [notC], order: newest, limit: 1_000_000_000 })).toEqual(['a', 'b', 'd']);
  // What texts are before others is for DuckDB to say, both to compare and to sort.
  const late: Condition = { column: 'table_name', operator: '>', values: ['b'] };
  expect(await ask({ conditions: [late], order: newest, limit: 1 })).toHaveLength(4);
  expect(await ask({ conditions: [], order: { column: 'table_name', descending: true }, limit: 1 })).toHaveLength(4);
});

/** A log in which tables fail: rounds that start and fail, among other events, several to an entry. */
const failingLog = fc
  .array(fc.record({ text: fc.constantFrom('no credentials', 'disk full', 'x'.repeat(40), undefined), isSeparate: fc.boolean() }), {
    maxLength: 30,
  })
  .map((failures): readonly EncodedEntry[] => {
    const added = lakeTableAdded({ ...names, freshnessMs: 0, tieringEpoch: 0, because: 'NEW' });
    const chapters: { events: ChanceryEvent[] }[] = [{ events: [shop, orders, added, tieringDue({ ...names, tieringEpoch: 1 })] }];
    for (const [i, { isSeparate, text }] of failures.entries()) {
      const events = [starts(i + 1), fails(i + 1, i + 1, text)];
      if (isSeparate) chapters.push({ events });
      else chapters.at(-1)?.events.push(...events);
    }
    return logOf(chapters);
  });

const position = fc.integer({ min: 0, max: 70 });
const condition: fc.Arbitrary<Condition> = fc.oneof(
  fc.record({
    column: fc.constantFrom('position', 'tiering_epoch', 'failures_in_row'),
    operator: fc.constantFrom('=' as const, '<' as const, '<=' as const, '>' as const, '>=' as const),
    values: fc.tuple(position),
  }),
  fc.record({
    column: fc.constantFrom('error', 'cause', 'table_name'),
    operator: fc.constantFrom('=' as const, 'in' as const),
    values: fc.tuple(fc.constantFrom('no credentials', 'disk full', 'REPORTED', 'orders')),
  }),
  fc.record({
    column: fc.constantFrom('error', 'cause'),
    operator: fc.constantFrom('is null' as const, 'is not null' as const),
    values: fc.constant([]),
  }),
  fc.record({ column: fc.constant('error'), operator: fc.constantFrom('<' as const, '>=' as const), values: fc.tuple(fc.constant('e')) }),
);
const hint: fc.Arbitrary<Hint> = fc
  .record({
    conditions: fc.array(condition, { maxLength: 2 }),
    order: fc.option(fc.record({ column: fc.constantFrom('position', 'error'), descending: fc.boolean() }), { nil: undefined }),
    limit: fc.option(fc.integer({ min: 0, max: 5 }), { nil: undefined }),
  })
  .map(({ conditions, limit, order }) => ({
    conditions,
    ...(limit === undefined ? {} : { limit, ...(order === undefined ? {} : { order }) }),
  }));

/** What DuckDB makes of rows, which come the newest first. */
function queried(rows: readonly Named[], { conditions, limit, order }: Hint): readonly Named[] {
  const compare: Record<
    Exclude<Condition['operator'], 'is null' | 'is not null'>,
    (cell: string | number, values: readonly (string | number)[]) => boolean
  > = {
    '=': (cell, [other]) => cell === other,
    '<': (cell, [other = 0]) => cell < other,
    '<=': (cell, [other = 0]) => cell <= other,
    '>': (cell, [other = 0]) => cell > other,
    '>=': (cell, [other = 0]) => cell >= other,
    in: (cell, values) => values.includes(cell),
  };
  const passing = rows.filter((row) =>
    conditions.every(({ column, operator, values }) => {
      const cell = row[column] ?? null;
      if (operator === 'is null' || operator === 'is not null') return (cell === null) === (operator === 'is null');
      return cell !== null && compare[operator](cell, values);
    }),
  );
  const key = (row: Named): string | number => row[order?.column ?? 'position'] ?? '';
  const sign = order === undefined || order.descending ? -1 : 1;
  const sorted = passing.toSorted((a, b) =>
    key(a) < key(b) ? -sign : key(a) > key(b) ? sign : Number(b['position']) - Number(a['position']),
  );
  return sorted.slice(0, limit ?? sorted.length);
}

test('every failure is told, whatever is kept of them in memory, and hints change nothing', async () => {
  const kept = fc.record({ rows: fc.integer({ min: 0, max: 30 }), characters: fc.integer({ min: 0, max: 120 }) });
  const { params } = replay({ numRuns: 150 });
  await fc.assert(
    fc.asyncProperty(failingLog, kept, fc.array(hint, { minLength: 2, maxLength: 4 }), position, async (entries, limits, hints, upTo) => {
      const timeline = await timelineOf(entries, new RecentFailures(limits));
      const written = entries
        .flatMap(({ entry }) => entry.events.map((event, i) => ({ event, at: entry.firstPosition + i })))
        .filter(({ event }) => event.type === 'TieringRoundFailed')
        .toReversed();
      const everything = await rowsOf(timeline, 'lake_tiering_failures');
      expect(everything.map((row) => [row['position'], row['error'], row['tiering_epoch']])).toEqual(
        written.map(({ at, event }) => {
          if (event.type !== 'TieringRoundFailed') throw new Error('not a failure');
          return [at, event.data.error ?? null, event.data.tieringEpoch];
        }),
      );
      const moment = { position: Math.min(upTo, timeline.index.position) };
      const then = await rowsOf(timeline, 'lake_tiering_failures', { moment });
      expect(then).toEqual(everything.filter((row) => Number(row['position']) <= upTo));
      for (const each of hints)
        expect(queried(await rowsOf(timeline, 'lake_tiering_failures', { hint: each }), each)).toEqual(queried(everything, each));
    }),
    params as object,
  );
});

test('what is kept of failures is bounded, and equal texts count once', () => {
  const failures = new RecentFailures({ rows: 10, characters: 100 });
  const add = (at: number, error: string): void => {
    const [encoded] = logOf([{ events: [fails(at, 1, error)] }]);
    if (encoded !== undefined) failures.add({ ...encoded.entry, firstPosition: at });
  };
  for (let at = 1; at <= 50; at += 1) add(at, 'x'.repeat(90));
  expect([...failures.upTo(50)].map(({ position: at }) => at)).toEqual([50, 49, 48, 47, 46, 45, 44, 43, 42, 41]);
  expect(failures.completeFrom).toBe(41);
  add(51, 'y'.repeat(90)); // There is no room for both texts.
  expect([...failures.upTo(60)].map(({ position: at }) => at)).toEqual([51]);
  add(52, 'z');
  expect([...failures.upTo(60)].map(({ error = '', position: at }) => [at, error.length])).toEqual([
    [52, 1],
    [51, 90],
  ]);
});

test('a narrow question builds no more rows than it needs', async () => {
  const many = Array.from({ length: 60 }, (_, i) => [starts(i + 1), fails(i + 1, i + 1, 'x')]).flat();
  const added = lakeTableAdded({ ...names, freshnessMs: 0, tieringEpoch: 0, because: 'NEW' });
  const timeline = await timelineOf(logOf([{ events: [shop, orders, added, tieringDue({ ...names, tieringEpoch: 1 }), ...many] }]));
  const newest = timeline.index.position;
  const ask = async (each: Hint) => (await rowsOf(timeline, 'lake_tiering_failures', { hint: each })).map((row) => row['position']);
  expect(await ask({ conditions: [], limit: 2 })).toEqual([newest, newest - 2]);
  expect(await ask({ conditions: [{ column: 'position', operator: '>', values: [newest - 4] }] })).toEqual([newest, newest - 2]);
  expect(await ask({ conditions: [{ column: 'table_name', operator: '=', values: ['other'] }], limit: 2 })).toEqual([]);
  expect((await ask({ conditions: [], order: { column: 'position', descending: false }, limit: 2 })).length).toBe(60);
});

test('a row is told as it is, and what is asked for of tables is what is looked for', async () => {
  const timeline = await timelineOf(logOf(told));
  const ask = async (conditions: readonly Condition[], position: number) =>
    (await rowsOf(timeline, 'lake_tiering_status', { moment: { position }, hint: { conditions } })).map((row) => row['status']);
  const failing: Condition = { column: 'last_error_time', operator: 'is not null', values: [] };
  const silent: Condition = { column: 'last_error', operator: 'is null', values: [] };
  expect(await ask([failing], 7)).toEqual(['Pending']);
  expect(await ask([failing, silent], 7)).toEqual([]);
  expect(await ask([failing, silent], 9)).toEqual(['Pending']);
  expect(await ask([failing], 11)).toEqual([]);
  expect(await ask([{ column: 'status', operator: 'in', values: ['Tiering', 'Pending'] }], 10)).toEqual(['Tiering']);
  expect(await ask([{ column: 'tiering_epoch', operator: '>', values: [3] }], 10)).toEqual([]);
});

test('two logs in one process are not mixed up, however often each is asked', async () => {
  const named = async (table: string) => {
    const events = [
      shop,
      tableCreated({ ...data, tableId: 0, table }),
      lakeTableAdded({ ...names, table, freshnessMs: 0, tieringEpoch: 0, because: 'NEW' }),
    ];
    return await timelineOf(logOf([{ events }]));
  };
  const [one, other] = [await named('one'), await named('other')];
  for (const [timeline, table] of [
    [one, 'one'],
    [other, 'other'],
    [one, 'one'],
  ] as const)
    expect((await rowsOf(timeline, 'lake_tiering_status')).map((row) => row['table_name'])).toEqual([table]);
});
