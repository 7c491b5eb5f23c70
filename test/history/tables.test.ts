/**
 * Goal: the sys tables show what the log says, now and at any moment, and a hint changes how much is read but never the outcome.
 * Method: rows against the projections of a fold from nothing; for random hints, the query's conditions, order and limit applied to
 * what came must give the same as applied to everything.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeEntry, type EncodedEntry } from '../../events/envelope.ts';
import { describeConfigs } from '../../projections/configs.ts';
import { foldEntry, initialState } from '../../projections/state.ts';
import type { Moment } from '../../src/engine/history/port.ts';
import type { Cell, Condition, Hint, Row } from '../../src/engine/history/selector.ts';
import { sysTables, sysTablesOf } from '../../src/engine/history/tables.ts';
import { Timeline } from '../../src/engine/history/timeline.ts';
import { replay } from '../support/replay.ts';
import { history, historyOf, longHistory, sourceOf, textsOf } from './histories.ts';

async function timelineOf(entries: readonly EncodedEntry[]): Promise<Timeline> {
  const timeline = new Timeline(sourceOf(textsOf(entries)));
  await timeline.catchUp();
  return timeline;
}

type Live = Readonly<Record<string, readonly Readonly<Record<string, unknown>>[]>>;
async function rowsOf(timeline: Timeline, table: string, { moment, hint, live = {} }: { moment?: Moment; hint?: Hint; live?: Live } = {}) {
  const rows: Row[] = [];
  for await (const batch of sysTablesOf(timeline, { asker: { principal: 'User:root', interface: 'sql' }, live }).rows(
    table,
    moment,
    hint,
    new AbortController().signal,
  ))
    rows.push(...batch);
  return rows;
}
const cell = (table: string, row: Row, name: string): Cell | undefined =>
  row[sysTables.find((each) => each.name === table)?.columns.findIndex((column) => column.name === name) ?? -1];

test.each(sysTables.map((table) => [table.name, table] as const))(
  'sys.%s can be described, and no column is called at',
  (_, { about, columns }) => {
    expect(about).toMatch(/^[A-Z].*\.$/);
    for (const { about: words, name } of columns) {
      expect(words).toMatch(/^[A-Z].*\.$/s);
      expect(name).toMatch(/^(?!at$)[a-z_]+$/);
    }
    expect(new Set(columns.map(({ name }) => name)).size).toBe(columns.length);
  },
);

describe('cluster_configs', () => {
  test('are those of a fold from nothing, at every entry', async () => {
    const entries = longHistory(80);
    const timeline = await timelineOf(entries);
    let state = initialState();
    for (const { text } of entries) {
      state = foldEntry(state, decodeEntry(text));
      const rows = await rowsOf(timeline, 'cluster_configs', { moment: { position: state.position } });
      const expected = describeConfigs(state.configs);
      expect(
        rows.map((row) =>
          ['config_key', 'config_value', 'config_source', 'position', 'changed_at', 'changed_by'].map((name) =>
            cell('cluster_configs', row, name),
          ),
        ),
      ).toEqual(
        expected.map(({ at, key, position, principal, source, value }) => [
          key,
          value ?? null,
          source,
          position ?? null,
          at ?? null,
          principal ?? null,
        ]),
      );
    }
    expect(await rowsOf(timeline, 'cluster_configs')).toEqual(
      await rowsOf(timeline, 'cluster_configs', { moment: { position: state.position } }),
    );
    expect(await rowsOf(timeline, 'cluster_configs', { moment: { at: state.at } })).toEqual(await rowsOf(timeline, 'cluster_configs'));
  });
});

describe('coordinators', () => {
  const step = { changes: [], principal: 'chancery', reason: undefined, isSeparate: true, laterMs: 10 } as const;

  test('tell who leads, who is lost, and how far behind each is', async () => {
    const timeline = await timelineOf(
      historyOf([
        { ...step, what: 'join', node: 1 },
        { ...step, what: 'join', node: 2 },
        { ...step, what: 'join', node: 3 },
        { ...step, what: 'lose', node: 3 },
      ]),
    );
    const newest = timeline.index.position;
    const live = {
      coordinators: [
        { node_id: 'n1', position: newest },
        { node_id: 'n2', position: newest - 2 },
        { node_id: 'n3', position: 1 },
      ],
    };
    const told = (rows: readonly Row[]) =>
      rows.map((row) => ['node_id', 'role', 'position', 'lag'].map((name) => cell('coordinators', row, name)));
    expect(told(await rowsOf(timeline, 'coordinators', { live }))).toEqual([
      ['n1', 'leader', newest, 0],
      ['n2', 'follower', newest - 2, 2],
      ['n3', 'lost', null, null],
    ]);
    expect(told(await rowsOf(timeline, 'coordinators', { live, moment: { position: newest - 1 } }))).toEqual([
      ['n1', 'leader', null, null],
      ['n2', 'follower', null, null],
      ['n3', 'follower', null, null],
    ]);
  });
});

describe('procedures', () => {
  test('come from the caller, and have no past', async () => {
    const timeline = await timelineOf([]);
    const live = { procedures: [{ name: 'reset', arguments: '', description: 'Does it.', more: 1 }] };
    expect(await rowsOf(timeline, 'procedures', { live })).toEqual([['reset', '', 'Does it.']]);
    expect(await rowsOf(timeline, 'procedures')).toEqual([]);
    await expect(rowsOf(timeline, 'procedures', { moment: { position: 0 } })).rejects.toMatchObject({ code: 'MALFORMED_REQUEST' });
  });
});

describe('events', () => {
  test('are those of the log, up to a moment', async () => {
    const entries = longHistory(300);
    const timeline = await timelineOf(entries);
    const logged = entries.flatMap(({ entry }) => entry.events.map((event) => ({ event, entry })));
    const rows = await rowsOf(timeline, 'events');
    expect(rows).toHaveLength(logged.length);
    for (const [i, { entry, event }] of logged.entries()) {
      const row = rows[i] ?? [];
      const { act, type } = event;
      const told = ['position', 'happened_at', 'epoch', 'type', 'principal', 'command_id', 'reason'].map((name) =>
        cell('events', row, name),
      );
      expect(told).toEqual([i + 1, entry.at, entry.epoch, type, act.principal, act.commandId, act.reason ?? null]);
    }
    for (const column of ['subjects', 'data'])
      for (const row of rows) expect(() => JSON.parse(String(cell('events', row, column)))).not.toThrow();
    expect(JSON.stringify(rows)).not.toContain('never-to-be-seen');
    expect(await rowsOf(timeline, 'events', { moment: { position: 17 } })).toEqual(rows.slice(0, 17));
    expect(await rowsOf(timeline, 'events', { moment: { position: 0 } })).toEqual([]);
  });

  const position = fc.integer({ min: -2, max: 90 });
  const condition: fc.Arbitrary<Condition> = fc.oneof(
    fc.record({
      column: fc.constant('position'),
      operator: fc.constantFrom('=' as const, '<' as const, '<=' as const, '>' as const, '>=' as const),
      values: fc.tuple(position),
    }),
    fc.record({
      column: fc.constant('position'),
      operator: fc.constant('in' as const),
      values: fc.array(position, { minLength: 1, maxLength: 4 }),
    }),
    fc.record({
      column: fc.constantFrom('type'),
      operator: fc.constantFrom('=' as const),
      values: fc.tuple(fc.constantFrom('ClusterConfigsChanged', 'LeadershipTaken', 'Nothing')),
    }),
    fc.record({
      column: fc.constantFrom('type', 'principal'),
      operator: fc.constant('in' as const),
      values: fc.array(fc.constantFrom('CoordinatorJoined', 'LogCreated', 'User:bob', 'User:alice'), { minLength: 1, maxLength: 3 }),
    }),
    fc.record({
      column: fc.constantFrom('principal', 'node'),
      operator: fc.constantFrom('=' as const, '>' as const),
      values: fc.tuple(fc.constantFrom('User:bob', 'n1', 'chancery')),
    }),
    fc.record({
      column: fc.constant('epoch'),
      operator: fc.constantFrom('=' as const, '>' as const),
      values: fc.tuple(fc.integer({ min: 0, max: 5 })),
    }),
  );
  const hint: fc.Arbitrary<Hint> = fc
    .record({
      conditions: fc.array(condition, { maxLength: 3 }),
      order: fc.option(fc.record({ column: fc.constantFrom('position', 'epoch', 'type'), descending: fc.boolean() }), { nil: undefined }),
      limit: fc.option(fc.integer({ min: 0, max: 8 }), { nil: undefined }),
    })
    .map(({ conditions, limit, order }) => ({
      conditions,
      ...(limit === undefined ? {} : { limit, ...(order === undefined ? {} : { order }) }),
    }));

  /** What DuckDB makes of the rows it is given. Rows that are equal in the order keep the order of their positions, whichever way. */
  function queried(
    rows: readonly Row[],
    { conditions, limit, order }: Hint,
  ): { readonly passing: readonly Row[]; readonly first: readonly Row[] } {
    const compare: Record<Condition['operator'], (value: string | number, values: readonly (string | number)[]) => boolean> = {
      '=': (value, [other]) => value === other,
      '<': (value, [other = 0]) => value < other,
      '<=': (value, [other = 0]) => value <= other,
      '>': (value, [other = 0]) => value > other,
      '>=': (value, [other = 0]) => value >= other,
      in: (value, values) => values.includes(value),
      'is null': () => false, // Of what is asked for here, nothing is NULL.
      'is not null': () => true,
    };
    const passing = rows.filter((row) =>
      conditions.every(({ column, operator, values }) => compare[operator]((cell('events', row, column) ?? '') as string | number, values)),
    );
    const by = order === undefined ? 'position' : order.column;
    const sign = order?.descending === true ? -1 : 1;
    const key = (row: Row): string | number => (cell('events', row, by) ?? '') as string | number;
    const sorted = passing.toSorted((a, b) => (key(a) < key(b) ? -sign : key(a) > key(b) ? sign : Number(a[0]) - Number(b[0])));
    return { passing, first: limit === undefined ? sorted : sorted.slice(0, limit) };
  }

  test('hints change nothing', async () => {
    const { params } = replay({ numRuns: 20 });
    await fc.assert(
      fc.asyncProperty(
        history({ minLength: 30, maxLength: 90 }),
        fc.array(hint, { minLength: 4, maxLength: 8 }),
        async (entries, hints) => {
          const timeline = await timelineOf(entries);
          const everything = await rowsOf(timeline, 'events');
          for (const each of hints) {
            const hinted = await rowsOf(timeline, 'events', { hint: each });
            expect(queried(hinted, each).first).toEqual(queried(everything, each).first);
          }
        },
      ),
      params as object,
    );
  });

  test('hints are used: a narrow question reads little', async () => {
    const timeline = await timelineOf(longHistory(1_500));
    const newest = timeline.index.position;
    const count = async (each: Hint): Promise<number> => (await rowsOf(timeline, 'events', { hint: each })).length;
    expect(await count({ conditions: [{ column: 'position', operator: '=', values: [9] }] })).toBe(1);
    expect(await count({ conditions: [{ column: 'position', operator: '>', values: [newest - 5] }] })).toBe(5);
    expect(await count({ conditions: [], limit: 7 })).toBe(7);
    expect(await count({ conditions: [], limit: 0 })).toBe(0);
    expect(await count({ conditions: [{ column: 'type', operator: '=', values: ['LogCreated'] }] })).toBe(1);
    const last = await rowsOf(timeline, 'events', { hint: { conditions: [], order: { column: 'position', descending: true }, limit: 3 } });
    expect(last.map(([at]) => at)).toEqual([newest, newest - 1, newest - 2]);
  });
});

test('a table that there is not is a fault of the caller', async () => {
  await expect(rowsOf(await timelineOf([]), 'nothing')).rejects.toThrow('sys.nothing is not in tableAccess');
});
