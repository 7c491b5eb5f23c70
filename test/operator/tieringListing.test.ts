/**
 * Goal: listings of lake tables are what a sort of all of them would give, whatever happened since the listing before.
 * Method: fast-check draws what happens to a few tables in two databases, and when somebody looks; each look asks everything there is to
 * ask of one listing that lives as long as the log, and of a plain sort.
 */
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { databaseCreated, tableCreated, tableDropped } from '../../events/catalog.ts';
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
import { tableById, tableOf } from '../../projections/catalog.ts';
import { foldEntry, initialState, type State } from '../../projections/state.ts';
import { dueAtOf, tieringOf } from '../../projections/tiering.ts';
import { statusOf, TieringListing, type TieringPage, type TieringQuery } from '../../src/engine/tieringListing.ts';
import { logOf } from '../support/given.ts';
import { replay } from '../support/replay.ts';

const databases = ['mail', 'shop'];
const names = ['mail.a', 'shop.a', 'shop.b', 'shop.c'];
interface Step {
  readonly name: string;
  readonly what: 'drop' | 'switch' | 'freshness' | 'on';
  readonly luck: number;
  readonly looks: boolean;
}
const step: fc.Arbitrary<Step> = fc.record({
  name: fc.constantFrom(...names),
  what: fc.oneof(
    { arbitrary: fc.constant('on' as const), weight: 20 },
    { arbitrary: fc.constantFrom('drop' as const, 'switch' as const, 'freshness' as const), weight: 1 },
  ),
  luck: fc.nat(3),
  looks: fc.nat(3).map((drawn) => drawn === 0),
});

/** What happens to a table next: it is made, or goes on from where it is. */
function eventsOf(state: State, { luck, name, what }: Step): readonly ChanceryEvent[] {
  const [database = '', table = ''] = name.split('.');
  const present = tableOf(state.catalog, database, table);
  const tableId = present?.tableId ?? state.catalog.nextTableId;
  const own = { tableId, database, table };
  if (present === undefined) {
    const columns = [{ name: 'id', type: 'BIGINT', isNullable: true }];
    const layout = { primaryKey: [], partitionKeys: [], bucketKeys: [], bucketCount: 1, replicationFactor: 1 };
    return [
      tableCreated({ ...own, columns, ...layout, properties: {} }),
      ...(luck === 0 ? [] : [lakeTableAdded({ ...own, freshnessMs: luck * 1000, tieringEpoch: 0, because: 'NEW' })]),
    ];
  }
  const row = tieringOf(state.tiering, tableId);
  if (what === 'drop') return [tableDropped({ ...own, bucketCount: 1, partitionIds: [] })];
  if (row === undefined) return [lakeTableAdded({ ...own, freshnessMs: luck * 1000, tieringEpoch: 9, because: 'NEW' })];
  if (what === 'switch') return [lakeTableRemoved(own)];
  if (what === 'freshness') return [freshnessChanged({ ...own, freshnessMs: luck * 5000 })];
  const { tieringEpoch } = row;
  if (row.state === 'Scheduled') return [tieringDue({ ...own, tieringEpoch: tieringEpoch + 1 })];
  if (row.state === 'Pending') return [tieringRoundStarted({ ...own, tieringEpoch, service: 's1', timeoutMs: 1000 })];
  const round = { ...own, tieringEpoch, service: 's1', durationMs: 1 };
  return luck < 2
    ? [tieringRoundFailed({ ...round, because: 'REPORTED', error: 'no lake', failuresInRow: row.failuresInRow + 1 })]
    : [tieringRoundFinished({ ...round, isForced: luck === 2 })];
}

/** All of it, sorted. */
function plainly({ catalog, tiering }: State, { database, isFailing, limit, offset, order, table }: TieringQuery): TieringPage {
  const all = [...tiering.byTable.rows()].flatMap(([, row]) => {
    const named = tableById(catalog, row.tableId);
    if (named === undefined || (database ?? named.database) !== named.database || (table ?? named.table) !== named.table) return [];
    return [{ row, status: statusOf(row, named), name: `${named.database}.${named.table}` }];
  });
  const counts = { Scheduled: 0, Pending: 0, Tiering: 0 };
  for (const { row } of all) counts[row.state] += 1;
  const failing = all.filter(({ row }) => row.failuresInRow > 0);
  const sorted = (isFailing ? failing : all).sort((a, b) => (a.name < b.name ? -1 : 1));
  if (order === 'worst') sorted.sort((a, b) => b.row.failuresInRow - a.row.failuresInRow || dueAtOf(a.row) - dueAtOf(b.row));
  const total = sorted.length;
  const page = sorted.slice(offset, offset + limit).map(({ status }) => status);
  return { tables: page, total, ...(offset + limit < total ? { next: offset + limit } : {}), counts, failing: failing.length };
}

function queries(): readonly TieringQuery[] {
  const scopes = [{}, { database: 'shop' }, { database: 'shop', table: 'b' }];
  const pages = [
    { limit: 100, offset: 0 },
    { limit: 2, offset: 1 },
    { limit: 1, offset: 5 },
  ];
  return scopes.flatMap((scope) =>
    pages.flatMap((page) =>
      [true, false].flatMap((isFailing) => (['name', 'worst'] as const).map((order) => ({ ...scope, ...page, isFailing, order }))),
    ),
  );
}

/** The state after an entry of these events, a second later. */
function after(state: State, events: readonly ChanceryEvent[]): State {
  const [first] = logOf([{ events }]);
  if (first === undefined) throw new Error('nothing was logged');
  return foldEntry(state, {
    ...first.entry,
    index: state.index + 1,
    firstPosition: state.position + 1,
    previousHash: state.hash,
    at: state.at + 1000,
  });
}

test('are what a sort would give', () => {
  const { params } = replay({ numRuns: 40 });
  const seen = { failing: 0, left: 0 };
  fc.assert(
    fc.property(fc.array(step, { minLength: 40, maxLength: 120 }), (steps) => {
      const listing = new TieringListing();
      let state = after(
        initialState(),
        databases.map((database) => databaseCreated({ database, properties: {} })),
      );
      for (const each of steps) {
        const { size } = state.tiering.byTable;
        state = after(state, eventsOf(state, each));
        if (state.tiering.byTable.size < size) seen.left += 1;
        if (!each.looks) continue;
        seen.failing += state.tiering.failing.size;
        for (const query of queries()) {
          const [listed, sorted] = [listing.page(state, query), plainly(state, query)];
          if (!isDeepStrictEqual(listed, sorted)) expect(listed, JSON.stringify(query)).toEqual(sorted);
        }
      }
    }),
    params,
  );
  expect(Math.min(seen.failing, seen.left), 'enough has happened').toBeGreaterThan(20);
});
