/**
 * Goal: /metrics tells how lake tables are, which ones fail for ever and how late the latest one is, without looking at all of them at
 *   each scrape and without naming more than a hundred.
 * Method: rounds on a real node whose clock is set forward; and a folded log of many failing tables under a clock of the test's own.
 */
import { Registry } from 'prom-client';
import { afterEach, expect, test } from 'vitest';
import { databaseCreated, tableCreated } from '../../events/catalog.ts';
import type { ChanceryEvent } from '../../events/index.ts';
import { lakeTableAdded, tieringDue, tieringRoundFailed, tieringRoundFinished, tieringRoundStarted } from '../../events/tiering.ts';
import { foldEntry, initialState, type State } from '../../projections/state.ts';
import { TieringListing } from '../../src/engine/tieringListing.ts';
import { surveyLimits, watchTiering } from '../../src/interfaces/operator/tieringMetrics.ts';
import { type Chapter, logOf, startedAt } from '../support/given.ts';
import { call } from './support.ts';
import { LakeCluster } from './tieringSupport.ts';

let lake: LakeCluster | undefined;
afterEach(async () => {
  await lake?.stop();
  lake = undefined;
});

/** What a metric says, by its labels. */
function samples(text: string, name: string): ReadonlyMap<string, number> {
  const found = text.matchAll(new RegExp(`^chancery_tiering_${name}(?:\\{(.*)\\})? (.+)$`, 'gm'));
  return new Map([...found].map(([, labels = '', value]) => [labels, Number(value)] as const));
}
const sample = (text: string, name: string): number | undefined => samples(text, name).get('');

test('a table that fails again and again, and then recovers', async () => {
  lake = await LakeCluster.start();
  const { clock, leader } = lake;
  const metrics = async () => {
    clock.jump(surveyLimits.everyMs);
    return (await call(`${leader.url}/metrics`)).text;
  };
  await lake.table('shop', 'orders');
  await lake.table('shop', 'idle', { 'table.datalake.freshness': '1 h' });
  const begun = await metrics();
  expect(samples(begun, 'tables')).toEqual(
    new Map([
      ['state="Scheduled"', 2],
      ['state="Pending"', 0],
      ['state="Tiering"', 0],
    ]),
  );
  expect(sample(begun, 'lag_seconds_max')).toBe(0);
  clock.jump(50_000);
  await leader.node.submit({ name: 'queueDueTables', atMost: 200 }, { principal: 'User:test', interface: 'operator' });
  let round = await lake.handed();
  for (let n = 0; n < 3; n += 1) {
    const { json } = await lake.heartbeat({ failed: [{ ...roundOf(round), error: 'disk full' }], wantsTable: true });
    round = json['table'] as typeof round;
  }
  const failing = await metrics();
  expect(sample(failing, 'failing_tables')).toBe(1);
  expect(sample(failing, 'rounds_failed_total')).toBe(3);
  expect(sample(failing, 'failures_in_row_max')).toBe(3);
  expect(samples(failing, 'table_failures_in_row')).toEqual(new Map([['database="shop",table="orders"', 3]]));
  expect(samples(failing, 'table_seconds_since_success').get('database="shop",table="orders"')).toBeGreaterThanOrEqual(70);
  expect(sample(failing, 'lag_seconds_max')).toBeGreaterThanOrEqual(10);
  expect(sample(failing, 'lag_seconds_max')).toBeLessThan(60);
  await lake.heartbeat({ finished: [roundOf(round)] });
  const healthy = await metrics();
  expect(sample(healthy, 'rounds_finished_total')).toBe(1);
  expect(sample(healthy, 'failing_tables')).toBe(0);
  expect(sample(healthy, 'failures_in_row_max')).toBe(0);
  expect(samples(healthy, 'table_failures_in_row').size).toBe(0);
  expect(sample(healthy, 'lag_seconds_max')).toBe(0);
});

const roundOf = ({ tableId, tieringEpoch }: Readonly<Record<string, unknown>>) => ({ tableId, tieringEpoch });

const names = (tableId: number) => ({ tableId, database: 'lake', table: `t${tableId}` });
const service = 's1';
const begin = (tableId: number, tieringEpoch: number): ChanceryEvent =>
  tieringRoundStarted({ ...names(tableId), tieringEpoch, service, timeoutMs: 1_000 });
const fail = (tableId: number, tieringEpoch: number): ChanceryEvent =>
  tieringRoundFailed({ ...names(tableId), tieringEpoch, service, durationMs: 1, because: 'REPORTED', failuresInRow: tieringEpoch });

const many = 150;
/** Of those after table 0 the one that was added last is due first. */
const freshnessOf = (tableId: number): number => 1_000 + (tableId === 0 ? 0 : 2_000 * (many - tableId));

/** A lake table of which so many rounds failed. */
function failed(tableId: number, rounds: number): readonly ChanceryEvent[] {
  const columns = [{ name: 'id', type: 'BIGINT', isNullable: true }];
  const form = { columns, primaryKey: [], partitionKeys: [], bucketKeys: [], bucketCount: 1, replicationFactor: 1, properties: {} };
  const each = Array.from({ length: rounds }, (_, i) => [begin(tableId, i + 1), fail(tableId, i + 1)]).flat();
  return [
    tableCreated({ ...names(tableId), ...form }),
    lakeTableAdded({ ...names(tableId), freshnessMs: freshnessOf(tableId), tieringEpoch: 0, because: 'NEW' }),
    tieringDue({ ...names(tableId), tieringEpoch: 1 }),
    ...each,
  ];
}

const chapters: readonly Chapter[] = [
  { events: [databaseCreated({ database: 'lake', properties: {} })] },
  // Table 7 fails most often, table 8 next to that; all others as often as each other.
  ...Array.from({ length: many }, (_, id): Chapter => ({ events: failed(id, id === 7 ? 5 : id === 8 ? 4 : 2) })),
];
const folded = (more: readonly Chapter[] = []): State =>
  logOf([...chapters, ...more]).reduce((state, { entry }) => foldEntry(state, entry), initialState());

test('of many failing tables the worst hundred are named; all are looked through every ten seconds at most', async () => {
  let state = folded();
  let now = startedAt + 3_600_000;
  const registry = new Registry();
  watchTiering(registry, { state: () => state, now: () => now });
  const first = await registry.metrics();
  const inRow = samples(first, 'table_failures_in_row');
  expect(inRow.size).toBe(surveyLimits.tables);
  expect([...inRow].slice(0, 3)).toEqual([
    ['database="lake",table="t7"', 5],
    ['database="lake",table="t8"', 4],
    ['database="lake",table="t0"', 2], // Of those that failed as often the one that is latest.
  ]);
  const { tables } = new TieringListing().page(state, { isFailing: false, order: 'worst', limit: surveyLimits.tables, offset: 0 });
  expect([...inRow.keys()]).toEqual(tables.map(({ database, table }) => `database="${database}",table="${table}"`));
  expect(sample(first, 'failing_tables')).toBe(many);
  expect(sample(first, 'oldest_pending_seconds')).toBe((now - state.at) / 1000 + many - 1);
  // Table 0 became a lake table a second after the first entry, and may be a second old.
  expect(sample(first, 'lag_seconds_max')).toBe((now - startedAt - 2_000) / 1000);

  const well = tieringRoundFinished({ ...names(7), tieringEpoch: 6, service, durationMs: 1, isForced: false });
  state = folded([{ events: [begin(7, 6), well] }]);
  now += surveyLimits.everyMs - 1;
  const young = await registry.metrics();
  expect(sample(young, 'failing_tables')).toBe(many - 1);
  expect(samples(young, 'table_failures_in_row').get('database="lake",table="t7"')).toBe(5);
  now += 1;
  const next = await registry.metrics();
  expect(samples(next, 'table_failures_in_row').has('database="lake",table="t7"')).toBe(false);
  expect(sample(next, 'failures_in_row_max')).toBe(4);
  expect(samples(next, 'table_seconds_since_success').get('database="lake",table="t8"')).toBe((now - startedAt - 9_000) / 1000);
});
