/**
 * Goal: sys.databases, sys.tables, sys.partitions and sys.buckets show the catalog as it is, to each reader what they may see.
 * Method: a small catalog is folded, buckets in every state; the rows are compared whole, then as somebody sees them who sees a part.
 */
import { expect, test } from 'vitest';
import type { AclResource } from '../../events/acls.ts';
import { bucketsAssigned, isrChanged, leadersElected } from '../../events/buckets.ts';
import { databaseCreated, partitionCreated, tableCreated } from '../../events/catalog.ts';
import { moveStarted, movesPlanned, type PlannedMove, rebalancePlanned, rebalanceStarted, replicasAdded } from '../../events/rebalance.ts';
import { resourceText } from '../../src/deciders/resources.ts';
import { catalogTables } from '../../src/engine/history/catalogTables.ts';
import type { Cell } from '../../src/engine/history/selector.ts';
import { startedAt, stateAfter } from '../support/given.ts';

const columns = [
  { name: 'id', type: 'BIGINT', isNullable: false },
  { name: 'dt', type: 'STRING', isNullable: true },
];
const orders = {
  tableId: 0,
  database: 'shop',
  table: 'orders',
  columns,
  primaryKey: ['id'],
  partitionKeys: [],
  bucketKeys: ['id'],
  bucketCount: 4,
  replicationFactor: 2,
  properties: { 'table.log.ttl': '1 d' },
  comment: 'sold',
};
const daily = {
  ...orders,
  tableId: 1,
  database: 'fluss',
  table: 'daily',
  primaryKey: [],
  partitionKeys: ['dt'],
  bucketKeys: [],
  bucketCount: 1,
};
const move = {
  tableId: 0,
  bucketId: 3,
  originalLeader: 0,
  newLeader: 2,
  originalReplicas: [0, 1],
  newReplicas: [2, 0],
  steps: [{ askedBy: 'REPLICA_DISTRIBUTION', kind: 'REPLICA', from: 1, to: 2, reason: { because: 'ABOVE_LIMIT', count: 3, limit: 2 } }],
} satisfies PlannedMove;
const state = stateAfter(
  databaseCreated({ database: 'shop', comment: 'what is sold', properties: { owner: 'dana' } }),
  tableCreated(orders),
  bucketsAssigned({
    tableId: 0,
    replicas: [
      [0, 1],
      [1, 2],
      [2, 0],
      [0, 1],
    ],
  }),
  tableCreated(daily),
  partitionCreated({ tableId: 1, database: 'fluss', table: 'daily', partitionId: 0, spec: { dt: '2026' } }),
  bucketsAssigned({ tableId: 1, partitionId: 0, replicas: [[2, 1]] }),
  isrChanged({ serverId: 1, buckets: [{ tableId: 0, bucketId: 1, isr: [1] }] }),
  leadersElected({ buckets: [{ tableId: 0, bucketId: 2, leader: -1, isr: [2, 0] }] }),
  rebalancePlanned({ rebalanceId: 'r', goals: ['REPLICA_DISTRIBUTION'], moveCount: 1, plannedAt: 8, planWithinMs: 60_000 }),
  movesPlanned({ rebalanceId: 'r', firstMove: 0, moves: [move] }),
  rebalanceStarted({ rebalanceId: 'r' }),
  moveStarted({ rebalanceId: 'r', move: 0, tableId: 0, bucketId: 3, timeoutMs: 60_000 }),
  replicasAdded({ rebalanceId: 'r', move: 0, tableId: 0, bucketId: 3, serverIds: [2], replicas: [2, 0, 1] }),
);
/** Of the n-th event. */
const at = (position: number) => startedAt + (position - 1) * 1000;

function rowsOf(name: string, sees: (resource: AclResource) => boolean = () => true): readonly Readonly<Record<string, Cell>>[] {
  const found = catalogTables.find(({ table }) => table.name === name);
  const names = found?.table.columns.map((column) => column.name) ?? [];
  return [...(found?.rows(state, sees) ?? [])].map((row) => {
    expect(row).toHaveLength(names.length);
    return Object.fromEntries(names.map((column, i) => [column, row[i] ?? null]));
  });
}

test('databases', () => {
  expect(rowsOf('databases')).toEqual([
    { database_name: 'fluss', comment: null, properties: '{}', tables: 1, created_at: null, position: null },
    { database_name: 'shop', comment: 'what is sold', properties: '{"owner":"dana"}', tables: 1, created_at: at(1), position: 1 },
  ]);
});

test('tables', () => {
  const shown = {
    columns: '[{"name":"id","type":"BIGINT","nullable":false},{"name":"dt","type":"STRING","nullable":true}]',
    properties: '{"table.log.ttl":"1 d"}',
    comment: 'sold',
    replication_factor: 2,
    schema_id: 1,
  };
  expect(rowsOf('tables')).toEqual([
    {
      ...shown,
      database_name: 'fluss',
      table_name: 'daily',
      table_id: 1,
      primary_key: '[]',
      partition_keys: '["dt"]',
      bucket_keys: '[]',
      bucket_count: 1,
      buckets: 1,
      partitions: 1,
      created_at: at(4),
      altered_at: at(4),
      position: 5,
    },
    {
      ...shown,
      database_name: 'shop',
      table_name: 'orders',
      table_id: 0,
      primary_key: '["id"]',
      partition_keys: '[]',
      bucket_keys: '["id"]',
      bucket_count: 4,
      buckets: 4,
      partitions: 0,
      created_at: at(2),
      altered_at: at(2),
      position: 2,
    },
  ]);
});

test('partitions', () => {
  expect(rowsOf('partitions')).toEqual([
    {
      database_name: 'fluss',
      table_name: 'daily',
      partition_name: '2026',
      table_id: 1,
      partition_id: 0,
      spec: '{"dt":"2026"}',
      buckets: 1,
      created_at: at(5),
    },
  ]);
});

test('buckets, each with the word for how it is', () => {
  const rows = rowsOf('buckets');
  expect(rows[0]).toEqual({
    database_name: 'fluss',
    table_name: 'daily',
    partition_name: '2026',
    bucket_id: 0,
    leader: 2,
    replicas: '[2,1]',
    isr: '[2,1]',
    state: 'ok',
    leader_epoch: 0,
    bucket_epoch: 0,
    table_id: 1,
    partition_id: 0,
  });
  const short = rows
    .slice(1)
    .map((row) => [row['bucket_id'], row['leader'], row['isr'], row['state'], row['leader_epoch'], row['bucket_epoch']]);
  expect(short).toEqual([
    [0, 0, '[0,1]', 'ok', 0, 0],
    [1, 1, '[1]', 'under-replicated', 0, 1],
    [2, null, '[2,0]', 'leaderless', 1, 1],
    [3, 0, '[0,1]', 'moving', 0, 1],
  ]);
  expect(rows[1]).toMatchObject({ partition_name: null, partition_id: null });
});

test('each reader sees what lies on resources that they may describe', () => {
  const only =
    (...names: readonly string[]) =>
    (resource: AclResource) =>
      names.includes(resourceText(resource));
  expect(rowsOf('databases', only('shop')).map((row) => row['database_name'])).toEqual(['shop']);
  expect(rowsOf('tables', only('shop'))).toEqual([]);
  expect(rowsOf('tables', only('fluss.daily')).map((row) => row['table_name'])).toEqual(['daily']);
  expect(rowsOf('partitions', only('shop.orders'))).toEqual([]);
  expect(rowsOf('buckets', only('shop.orders'))).toHaveLength(4);
});
