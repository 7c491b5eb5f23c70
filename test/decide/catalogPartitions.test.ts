/**
 * Goal: partitions are created and dropped as Fluss does it, in its words, all or none.
 * Method: given events, when a command, then exactly these events.
 */
import { describe, expect, test } from 'vitest';
import { bucketsAssigned } from '../../events/buckets.ts';
import { partitionCreated, partitionDropped, tableCreated } from '../../events/catalog.ts';
import type { Command } from '../../src/deciders/commands.ts';
import { byDay, daily, data, names, orders, server, shop } from '../support/catalogSamples.ts';
import { given } from '../support/given.ts';

const reserved =
  "'__' is not allowed as prefix, since it is reserved for internal databases/internal tables/internal partitions in Fluss server";

describe('createPartition', () => {
  type Adding = Extract<Command, { name: 'createPartition' }>;
  const adding = (...specs: readonly Readonly<Record<string, string>>[]): Adding => ({
    name: 'createPartition',
    ...names,
    ignoreIfExists: false,
    partitions: specs.map((spec, i) => ({ spec, draw: { start: i, shift: 0 } })),
  });
  const part = (partitionId: number, value: string) => partitionCreated({ tableId: 0, ...names, partitionId, spec: { day: value } });
  test('creates some, each with its buckets', () =>
    given(server(0), server(1), shop, daily)
      .when(adding({ day: '2026-01-01' }, { day: 'x_1' }))
      .gives(
        part(0, '2026-01-01'),
        bucketsAssigned({ tableId: 0, partitionId: 0, replicas: [[0]] }),
        part(1, 'x_1'),
        bucketsAssigned({ tableId: 0, partitionId: 1, replicas: [[1]] }),
      ));
  test('values in the order of the keys', () => {
    const two = tableCreated({ ...data, partitionKeys: ['day', 'note'], primaryKey: [] });
    given(server(0), shop, two)
      .when(adding({ note: 'b', day: 'a' }))
      .gives(
        partitionCreated({ tableId: 0, ...names, partitionId: 0, spec: { day: 'a', note: 'b' } }),
        bucketsAssigned({ tableId: 0, partitionId: 0, replicas: [[0]] }),
      );
  });
  test('not in a table without partitions', () =>
    given(shop, orders)
      .when(adding({ day: '1' }))
      .isRefused('NOT_PARTITIONED', 'table', "Table 'shop.orders' is not a partitioned table."));
  test('not in a table that is not there', () =>
    given(shop)
      .when(adding({ day: '1' }))
      .isRefused('UNKNOWN_TABLE', 'table', 'Table shop.orders does not exist.'));
  test('not one that is there', () =>
    given(server(0), shop, daily, part(0, '11'))
      .when(adding({ day: '12' }, { day: '11' }))
      .isRefused('PARTITION_EXISTS', 'partitions[1].spec', "Partition 'day=11' already exists for table shop.orders"));
  test('not one twice', () =>
    given(server(0), shop, daily)
      .when(adding({ day: '12' }, { day: '12' }))
      .isRefused('PARTITION_EXISTS', 'partitions[1].spec', "Partition 'day=12' already exists for table shop.orders"));
  test('those that are missing, where that is no error', () =>
    given(server(0), shop, daily, part(0, '11'))
      .when({ ...adding({ day: '11' }, { day: '12' }), ignoreIfExists: true })
      .gives(part(1, '12'), bucketsAssigned({ tableId: 0, partitionId: 1, replicas: [[0]] })));
  test.each<[string, Readonly<Record<string, string>>, string, string]>([
    ['no keys', {}, '', 'PartitionSpec size is not equal to partition keys size for partitioned table shop.orders.'],
    ['other keys', { id: '1' }, '', "PartitionSpec does not contain partition key 'day' for partitioned table shop.orders."],
    [
      'a value with other characters',
      { day: '$1' },
      '.day',
      "The partition value $1 is invalid: '$1' contains one or more characters other than ASCII alphanumerics, '_' and '-'",
    ],
    ['an empty value', { day: '' }, '.day', 'The partition value  is invalid: the empty string is not allowed'],
    ['a value of the system', { day: '__p' }, '.day', `The partition value __p is invalid: ${reserved}`],
  ])('not with %s', (_, spec, field, detail) =>
    given(server(0), shop, daily).when(adding(spec)).isRefused('INVALID_PARTITION', `partitions[0].spec${field}`, detail),
  );
  test('not with too few servers', () =>
    given(shop, daily)
      .when(adding({ day: '1' }))
      .isRefused('TOO_FEW_SERVERS', '', 'Replication factor: 1 larger than available tablet servers: 0.'));
  test('not beyond so many buckets', () => {
    const large = tableCreated({ ...byDay, bucketCount: 4096 });
    const three = ['1', '2', '3'].map((value, i) => part(i, value));
    expect(given(server(0), shop, large, ...three).when(adding({ day: '4' })).decision.kind).toBe('accepted');
    given(server(0), shop, large, ...three)
      .when(adding({ day: '4' }, { day: '5' }))
      .isRefused(
        'TOO_MANY_PARTITIONS',
        'partitions[1].spec',
        'Table shop.orders would have 5 partitions of 4096 buckets; with so many buckets it has at most 4.',
      );
  });
});

describe('dropPartition', () => {
  type Dropping = Extract<Command, { name: 'dropPartition' }>;
  const dropping = (...specs: Dropping['specs']): Dropping => ({ name: 'dropPartition', ...names, ignoreIfNotExists: false, specs });
  const parts = ['11', '12'].map((day, i) => partitionCreated({ tableId: 0, ...names, partitionId: i, spec: { day } }));
  const gone = (partitionId: number) => partitionDropped({ tableId: 0, ...names, partitionId, bucketCount: 1 });
  test('drops some, each once', () =>
    given(shop, daily, ...parts)
      .when(dropping({ day: '12' }, { day: '11' }, { day: '12' }))
      .gives(gone(1), gone(0)));
  test('all or none', () =>
    given(shop, daily, ...parts)
      .when(dropping({ day: '12' }, { day: '13' }))
      .isRefused('UNKNOWN_PARTITION', 'specs[1]', "Partition 'day=13' does not exist for table shop.orders"));
  test('those that are there, where that is no error', () =>
    given(shop, daily, ...parts)
      .when({ ...dropping({ day: '12' }, { day: '13' }), ignoreIfNotExists: true })
      .gives(gone(1)));
  test('not by other keys', () =>
    given(shop, daily, ...parts)
      .when(dropping({ id: '1' }))
      .isRefused('INVALID_PARTITION', 'specs[0]', "PartitionSpec does not contain partition key 'day' for partitioned table shop.orders."));
  test('not in a table without partitions', () =>
    given(shop, orders)
      .when(dropping({ day: '1' }))
      .isRefused('NOT_PARTITIONED', 'table', "Table 'shop.orders' is not a partitioned table."));
});
