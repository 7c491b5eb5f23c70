/**
 * Goal: databases, tables and partitions are created, altered and dropped as Fluss does it, in its words; replicas go where they may.
 * Method: given events, when a command, then exactly these events; the permissions on a state with an authorizer.
 */
import { describe, expect, test } from 'vitest';
import { aclGranted } from '../../events/acls.ts';
import { bucketsAssigned } from '../../events/buckets.ts';
import {
  catalogLimits,
  databaseAltered,
  databaseCreated,
  databaseDropped,
  partitionCreated,
  tableAltered,
  tableCreated,
  tableDropped,
} from '../../events/catalog.ts';
import { clusterConfigsChanged } from '../../events/configs.ts';
import type { ChanceryEvent } from '../../events/index.ts';
import { leadershipTaken } from '../../events/leadership.ts';
import { serverLost, serverStopping } from '../../events/servers.ts';
import { serverTagAdded } from '../../events/serverTags.ts';
import { lakeTableAdded } from '../../events/tiering.ts';
import { type Command, parseCommand } from '../../src/deciders/commands.ts';
import { denialOfCommand } from '../../src/deciders/permissions.ts';
import {
  byDay,
  type CreateTable,
  create,
  daily,
  data,
  day,
  draw,
  id,
  names,
  note,
  orders,
  server,
  shop,
} from '../support/catalogSamples.ts';
import { frozen, given, stateAfter } from '../support/given.ts';

describe('createDatabase', () => {
  const command = {
    name: 'createDatabase',
    database: 'shop',
    ignoreIfExists: false,
    properties: { a: 'b' },
    comment: 'What is sold',
  } as const;
  test('creates one', () =>
    given()
      .when(command)
      .gives(databaseCreated({ database: 'shop', properties: { a: 'b' }, comment: 'What is sold' })));
  test('not twice', () => given(shop).when(command).isRefused('DATABASE_EXISTS', 'database', 'Database shop already exists.'));
  test('twice where that is no error', () =>
    given(shop)
      .when({ ...command, ignoreIfExists: true })
      .gives());
  test('not the default one, which has always been there', () =>
    given()
      .when({ ...command, database: 'fluss' })
      .isRefused('DATABASE_EXISTS', 'database', 'Database fluss already exists.'));
  const reserved =
    "'__' is not allowed as prefix, since it is reserved for internal databases/internal tables/internal partitions in Fluss server";
  const long = 'a'.repeat(201);
  test.each([
    ['', 'the empty string is not allowed'],
    ['.', "'.' is not allowed"],
    ['..', "'..' is not allowed"],
    ['a.b', "'a.b' contains one or more characters other than ASCII alphanumerics, '_' and '-'"],
    ['*', "'*' contains one or more characters other than ASCII alphanumerics, '_' and '-'"],
    ['__shop', reserved],
    [long, `the length of '${long}' is longer than the max allowed length 200`],
    ['sys', "'sys' is taken by the system"],
    ['SYS', "'SYS' is taken by the system"],
    ['information_schema', "'information_schema' is taken by the system"],
  ])('not under the name %j', (database, why) =>
    given()
      .when({ ...command, database })
      .isRefused('INVALID_DATABASE', 'database', `Database name ${database} is invalid: ${why}`),
  );
  test('under a name of 200 characters', () =>
    given()
      .when({ name: 'createDatabase', database: 'a'.repeat(200), ignoreIfExists: false, properties: {} })
      .gives(databaseCreated({ database: 'a'.repeat(200), properties: {} })));
});

describe('alterDatabase', () => {
  const command: Extract<Command, { name: 'alterDatabase' }> = {
    name: 'alterDatabase',
    database: 'shop',
    ignoreIfNotExists: false,
    set: {},
    removed: [],
  };
  const rich = databaseCreated({ database: 'shop', properties: { a: '1', b: '2' }, comment: 'old' });
  test('sets, removes and comments', () =>
    given(rich)
      .when({ ...command, set: { a: '9', c: '3' }, removed: ['b'], comment: 'new' })
      .gives(databaseAltered({ database: 'shop', set: { a: '9', c: '3' }, removed: ['b'], comment: 'new' })));
  test('records only what changes', () => {
    given(rich)
      .when({ ...command, set: { a: '1', c: '3' }, removed: ['x', 'b', 'b'], comment: 'old' })
      .gives(databaseAltered({ database: 'shop', set: { c: '3' }, removed: ['b'] }));
    given(rich)
      .when({ ...command, set: { a: '1' }, removed: ['x'] })
      .gives();
  });
  test('not what is both set and removed', () =>
    given(rich)
      .when({ ...command, set: { a: '3' }, removed: ['b', 'a'] })
      .isRefused('MALFORMED_REQUEST', 'removed[1]', "'a' is both set and removed"));
  test('not one that is not there', () => given().when(command).isRefused('UNKNOWN_DATABASE', 'database', 'Database shop not exists.'));
  test('one that is not there, where that is no error', () =>
    given()
      .when({ ...command, ignoreIfNotExists: true })
      .gives());
  test('not beyond so many properties', () => {
    const many = (from: number, count: number) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${from + i}`, 'v']));
    const full = databaseCreated({ database: 'shop', properties: many(0, catalogLimits.properties) });
    given(full)
      .when({ ...command, set: many(1000, 1), removed: ['k0'] })
      .gives(databaseAltered({ database: 'shop', set: many(1000, 1), removed: ['k0'] }));
    given(full)
      .when({ ...command, set: many(1000, 1) })
      .isRefused('TOO_LARGE', 'set', 'there would be 201 properties; there are at most 200');
  });
});

describe('dropDatabase', () => {
  const command = { name: 'dropDatabase', database: 'shop', ignoreIfNotExists: false, cascade: false } as const;
  const dropped = databaseDropped({ database: 'shop' });
  test('drops an empty one', () => given(shop).when(command).gives(dropped));
  test('not the default one', () =>
    given()
      .when({ ...command, database: 'fluss', cascade: true })
      .isRefused(
        'DEFAULT_DATABASE',
        'database',
        "Cannot drop the default database 'fluss'. It has been there from the beginning, and stays.",
      ));
  test('not one that is not there', () => given().when(command).isRefused('UNKNOWN_DATABASE', 'database', 'Database shop does not exist.'));
  test('one that is not there, where that is no error', () =>
    given()
      .when({ ...command, ignoreIfNotExists: true })
      .gives());
  test('not one with tables', () =>
    given(shop, orders).when(command).isRefused('DATABASE_NOT_EMPTY', 'database', 'Database shop is not empty.'));
  test('one whose tables are gone', () =>
    given(shop, orders, tableDropped({ tableId: 0, ...names, bucketCount: 1, partitionIds: [] }))
      .when(command)
      .gives(dropped));
  test('with its tables, and no others', () => {
    const other = databaseCreated({ database: 'other', properties: {} });
    const elsewhere = tableCreated({ ...data, tableId: 1, database: 'other' });
    const split = tableCreated({ ...byDay, tableId: 2, table: 'split', bucketCount: 3 });
    const part = partitionCreated({ tableId: 2, database: 'shop', table: 'split', partitionId: 0, spec: { day: '1' } });
    given(shop, other, orders, elsewhere, split, part)
      .when({ ...command, cascade: true })
      .gives(
        tableDropped({ tableId: 0, ...names, bucketCount: 1, partitionIds: [] }),
        tableDropped({ tableId: 2, database: 'shop', table: 'split', bucketCount: 3, partitionIds: [0] }),
        dropped,
      );
  });
  test('not with more tables than fit into an entry', () => {
    const tables = Array.from({ length: 201 }, (_, i) => tableCreated({ ...data, tableId: i, table: `t${i}` }));
    given(shop, ...tables)
      .when({ ...command, cascade: true })
      .isRefused('TOO_LARGE', 'cascade', 'Database shop has 201 tables; at most 200 are dropped with it: drop some first');
  });
  test('not with more buckets than are folded in a moment', () => {
    const tables = Array.from({ length: 4 }, (_, i) => tableCreated({ ...data, tableId: i, table: `t${i}`, bucketCount: 4096 }));
    const { decision } = given(shop, ...tables).when({ ...command, cascade: true });
    expect(decision.kind === 'accepted' && decision.events).toHaveLength(5);
    given(shop, ...tables, tableCreated({ ...data, tableId: 4, table: 't4', bucketCount: 1 }))
      .when({ ...command, cascade: true })
      .isRefused(
        'TOO_LARGE',
        'cascade',
        'the tables of shop have 16385 buckets; at most 16384 are dropped with it: drop some tables first',
      );
  });
});

describe('createTable', () => {
  const servers = [server(0), server(1), server(2)];
  const when = (change: Partial<CreateTable>, ...more: readonly ChanceryEvent[]) =>
    given(...servers, shop, ...more).when({ ...create, ...change });

  test('creates one with its buckets, key columns NOT NULL', () =>
    when({}).gives(orders, bucketsAssigned({ tableId: 0, replicas: [[0]] })));
  test('takes its layout out of the properties and keeps the others', () => {
    const properties = {
      'bucket.num': '4',
      'bucket.key': ' id ',
      'table.replication.factor': '2',
      'table.log.ttl': '3 d',
      'client.scanner.log.check-crc': 'false',
    };
    when({ properties, comment: 'what was sold', draw: { start: 1, shift: 1 } }).gives(
      tableCreated({
        ...data,
        bucketCount: 4,
        replicationFactor: 2,
        properties: { 'table.log.ttl': '3 d', 'client.scanner.log.check-crc': 'false' },
        comment: 'what was sold',
      }),
      bucketsAssigned({
        tableId: 0,
        replicas: [
          [1, 0],
          [2, 1],
          [0, 2],
          [1, 2],
        ],
      }),
    );
  });
  test('takes the defaults of the file of the node that leads', () => {
    const text = (value: string) => ({ kind: 'text', text: value }) as const;
    const staticConfigs = { 'default.bucket.number': text('2'), 'default.replication.factor': text('3') };
    when({}, leadershipTaken({ nodeId: 'n1', epoch: 1, staticConfigs })).gives(
      tableCreated({ ...data, bucketCount: 2, replicationFactor: 3 }),
      bucketsAssigned({
        tableId: 0,
        replicas: [
          [0, 1, 2],
          [1, 2, 0],
        ],
      }),
    );
  });
  test('gives nothing to servers that are lost, about to stop or tagged for good', () => {
    const replicas = (...events: readonly ChanceryEvent[]) => when({ properties: { 'bucket.num': '3' } }, ...events).decision;
    const wanted = (ids: readonly number[]) => ({
      kind: 'accepted',
      events: [tableCreated({ ...data, bucketCount: 3 }), bucketsAssigned({ tableId: 0, replicas: ids.map((each) => [each]) })],
    });
    expect(replicas()).toEqual(wanted([0, 1, 2]));
    expect(replicas(serverLost({ serverId: 0, because: 'STOPPED' }))).toEqual(wanted([1, 2, 1]));
    expect(replicas(serverStopping({ serverId: 1 }))).toEqual(wanted([0, 2, 0]));
    expect(replicas(serverTagAdded({ serverIds: [2], tag: 'PERMANENT_OFFLINE' }))).toEqual(wanted([0, 1, 0]));
    expect(replicas(serverTagAdded({ serverIds: [2], tag: 'TEMPORARY_OFFLINE' }))).toEqual(wanted([0, 1, 2]));
  });
  test('not with more replicas than servers', () =>
    when({ properties: { 'table.replication.factor': '4' } }).isRefused(
      'TOO_FEW_SERVERS',
      '',
      'Replication factor: 4 larger than available tablet servers: 3.',
    ));
  test('one with partitions needs no servers yet', () =>
    given(shop)
      .when({ ...create, primaryKey: ['id', 'day'], partitionKeys: ['day'] })
      .gives(daily));
  test('a log table is distributed in turn', () =>
    when({ primaryKey: [], columns: [note] }).gives(
      tableCreated({ ...data, columns: [note], primaryKey: [], bucketKeys: [] }),
      bucketsAssigned({ tableId: 0, replicas: [[0]] }),
    ));
  test('an id is never used twice', () =>
    when({}, orders, tableDropped({ tableId: 0, ...names, bucketCount: 1, partitionIds: [] })).gives(
      tableCreated({ ...data, tableId: 1 }),
      bucketsAssigned({ tableId: 1, replicas: [[0]] }),
    ));
  test('not in a database that is not there', () =>
    when({ database: 'nowhere' }).isRefused('UNKNOWN_DATABASE', 'database', 'Database nowhere does not exist.'));
  test('not twice', () => when({}, orders).isRefused('TABLE_EXISTS', 'table', 'Table shop.orders already exists.'));
  test('twice where that is no error', () => when({ ignoreIfExists: true }, orders).gives());
  test('not under a name with a dot', () =>
    when({ table: 'a.b' }).isRefused(
      'INVALID_TABLE',
      'table',
      "Table name a.b is invalid: 'a.b' contains one or more characters other than ASCII alphanumerics, '_' and '-'",
    ));

  const pk = { columns: [id, day, note], primaryKey: ['id', 'day'], partitionKeys: ['day'] };
  const system = 'because they are reserved system columns in Fluss: [__offset, __timestamp, __bucket]';
  test.each<[string, Partial<CreateTable>, string, string]>([
    ['a column that no record can name', { columns: [{ ...id, name: '__proto__' }] }, 'columns[0].name', '__proto__ cannot name a column'],
    ['a column twice', { columns: [id, day, id] }, 'columns[2].name', 'Column id already exists.'],
    [
      'a column of the system',
      { columns: [id, { ...note, name: '__offset' }] },
      'columns[1].name',
      `__offset cannot be used as column names, ${system}`,
    ],
    [
      'a type that is none',
      { columns: [id, { ...note, type: 'text' }] },
      'columns[1].type',
      "'text' is not a type as Flink prints it, such as DECIMAL(10, 2)",
    ],
    [
      'a type that Fluss lacks',
      { columns: [id, { ...note, type: 'ARRAY<VARCHAR(10)>' }] },
      'columns[1].type',
      'Unsupported data type in fluss: VARCHAR(10). Write STRING or BYTES.',
    ],
    ['a key that is no column', { primaryKey: ['x'] }, 'primaryKey[0]', "Primary key [x] names column 'x', which the table does not have"],
    ['a key with a column twice', { primaryKey: ['id', 'id'] }, 'primaryKey[1]', "Primary key [id, id] names column 'id' twice"],
    [
      'a nested key',
      { columns: [id, { ...note, type: 'ARRAY<INT>' }], primaryKey: ['note'] },
      'primaryKey[0]',
      "Primary key column 'note' has unsupported data type ARRAY<INT>. Currently, it does not support types: [ARRAY, MAP, ROW].",
    ],
    [
      'partitions by a decimal',
      { columns: [id, { ...note, type: 'DECIMAL(10, 2)' }], primaryKey: [], partitionKeys: ['note'] },
      'partitionKeys[0]',
      "Partition key column 'note' has unsupported data type DECIMAL(10, 2). " +
        'Currently, it does not support types: [DECIMAL, ARRAY, MAP, ROW].',
    ],
    [
      'partitions outside the primary key',
      { ...pk, primaryKey: ['id'] },
      'partitionKeys',
      'Partitioned Primary Key Table requires partition key [day] is a subset of the primary key [id].',
    ],
    [
      'nothing in the key but partitions',
      { ...pk, primaryKey: ['day'] },
      'primaryKey',
      'Primary Key constraint [day] should not be same with partition fields [day].',
    ],
    [
      'buckets by partitions',
      { ...pk, properties: { 'bucket.key': 'day' } },
      'properties.bucket.key',
      "Bucket key [day] shouldn't include any column in partition keys [day].",
    ],
    [
      'buckets outside the primary key',
      { ...pk, properties: { 'bucket.key': 'id,note' } },
      'properties.bucket.key',
      'Bucket keys must be a subset of primary keys excluding partition keys for primary-key tables. ' +
        'The primary keys are [id, day], the partition keys are [day], the bucket keys are [id, note].',
    ],
  ])('not with %s', (_, change, field, detail) => when(change).isRefused('INVALID_TABLE', field, detail));

  test.each<[string, Readonly<Record<string, string>>, string]>([
    ['table.unknown', { 'table.unknown': '1' }, "'table.unknown' is not a recognized Fluss table property in the current cluster version."],
    [
      'table.log.ttl',
      { 'table.log.ttl': 'unknown' },
      "Invalid value for config 'table.log.ttl'. Reason: Could not parse value 'unknown' for key 'table.log.ttl'.",
    ],
    [
      'table.log.tiered.local-segments',
      { 'table.log.tiered.local-segments': '0' },
      "'table.log.tiered.local-segments' must be greater than 0, and is 0.",
    ],
    ['table.replication.factor', { 'table.replication.factor': '0' }, "'table.replication.factor' must be greater than 0, and is 0."],
    ['table.replication.factor', { 'table.replication.factor': '11' }, "'table.replication.factor' must be at most 10, and is 11."],
    ['bucket.num', { 'bucket.num': '0' }, "'bucket.num' must be greater than 0, and is 0."],
    ['bucket.num', { 'bucket.num': 'x' }, "Invalid value for config 'bucket.num'. Reason: Could not parse value 'x' for key 'bucket.num'."],
    ['bucket.num', { 'bucket.num': '4097' }, 'Bucket count 4097 exceeds the maximum limit 4096 for a non-partitioned table or partition.'],
    [
      'table.auto-partition.enabled',
      { 'table.auto-partition.enabled': 'true' },
      'Currently, auto partition is only supported for partitioned table, ' +
        "please set table property 'table.auto-partition.enabled' to false.",
    ],
    [
      'table.auto-partition.key',
      { 'table.auto-partition.key': 'note' },
      "The specified key for auto partitioned table is not a partition key. Your key 'note' is not in key list []",
    ],
    [
      'table.merge-engine.versioned.ver-column',
      { 'table.merge-engine': 'versioned' },
      "'table.merge-engine.versioned.ver-column' must be set for versioned merge engine.",
    ],
    [
      'table.merge-engine.versioned.ver-column',
      { 'table.merge-engine': 'VERSIONED', 'table.merge-engine.versioned.ver-column': 'x' },
      "The version column 'x' for versioned merge engine doesn't exist in schema.",
    ],
  ])('not with %s as %j', (key, properties, detail) =>
    when({ properties }).isRefused('INVALID_TABLE_PROPERTY', `properties.${key}`, detail),
  );
  test('a merge engine needs a primary key', () =>
    when({ primaryKey: [], properties: { 'table.merge-engine': 'first_row' } }).isRefused(
      'INVALID_TABLE_PROPERTY',
      'properties.table.merge-engine',
      "'table.merge-engine' is only supported for primary key tables.",
    ));
  test('a table goes to the lake of the cluster', () => {
    const lake = clusterConfigsChanged({
      changes: [{ key: 'datalake.format', previous: { kind: 'unset' }, value: { kind: 'text', text: 'paimon' } }],
    });
    const properties = { 'table.datalake.enabled': 'true', 'table.datalake.format': 'iceberg' };
    when({ properties }, lake).isRefused(
      'INVALID_TABLE_PROPERTY',
      'properties.table.datalake.format',
      "'table.datalake.format' ('iceberg') must match cluster 'datalake.format' ('paimon') when 'table.datalake.enabled' is enabled.",
    );
    const fitting = { ...properties, 'table.datalake.format': 'PAIMON' };
    const joins = lakeTableAdded({ tableId: 0, ...names, freshnessMs: 180_000, tieringEpoch: 0, because: 'NEW' });
    const buckets = bucketsAssigned({ tableId: 0, replicas: [[0]] });
    when({ properties: fitting }, lake).gives(tableCreated({ ...data, properties: fitting }), buckets, joins);
    when({ properties }).gives(tableCreated({ ...data, properties }), buckets, joins);
  });
});

describe('alterTable', () => {
  const altering: Extract<Command, { name: 'alterTable' }> = {
    name: 'alterTable',
    ...names,
    ignoreIfNotExists: false,
    set: {},
    removed: [],
    columns: [],
  };
  const altered = { tableId: 0, ...names, set: {}, removed: [], columns: [] };
  const kept = tableCreated({ ...data, properties: { 'table.log.ttl': '1 d', own: 'x' } });
  test('sets and removes', () =>
    given(shop, kept)
      .when({ ...altering, set: { 'table.datalake.enabled': 'true', own: 'x' }, removed: ['table.log.ttl', 'table.datalake.freshness'] })
      .gives(
        tableAltered({ ...altered, set: { 'table.datalake.enabled': 'true' }, removed: ['table.log.ttl'] }),
        lakeTableAdded({ tableId: 0, ...names, freshnessMs: 180_000, tieringEpoch: 0, because: 'NEW' }),
      ));
  test('nothing when everything is so already', () =>
    given(shop, kept)
      .when({ ...altering, set: { own: 'x' }, removed: ['other'] })
      .gives());
  test('adds columns behind the present ones', () =>
    given(shop, orders)
      .when({ ...altering, columns: [{ name: 'more', type: 'INT', isNullable: true, comment: 'later' }] })
      .gives(tableAltered({ ...altered, columns: [{ name: 'more', type: 'INT', isNullable: true, comment: 'later' }] })));
  test('not one that rows would have to have', () =>
    given(shop, orders)
      .when({
        ...altering,
        columns: [
          { ...note, name: 'a' },
          { ...id, name: 'b' },
        ],
      })
      .isRefused('INVALID_TABLE', 'columns[1]', 'Column b must be nullable: rows are there without it.'));
  test('not one that is there', () =>
    given(shop, orders)
      .when({ ...altering, columns: [note] })
      .isRefused('INVALID_TABLE', 'columns[0].name', 'Column note already exists.'));
  test('not beyond so many', () => {
    const columns = (from: number, count: number) => Array.from({ length: count }, (_, i) => ({ ...note, name: `c${from + i}` }));
    const wide = tableCreated({ ...data, columns: [id, ...columns(0, 998)] });
    given(shop, wide)
      .when({ ...altering, columns: columns(2000, 1) })
      .gives(tableAltered({ ...altered, columns: columns(2000, 1) }));
    given(shop, wide)
      .when({ ...altering, columns: columns(2000, 2) })
      .isRefused('INVALID_TABLE', 'columns', 'the table would have 1001 columns; there are at most 1000');
  });
  const refused = (key: string, because = '') => [`The option '${key}' is not supported to alter yet.${because}`] as const;
  const forGood = (why: string) => ` The table keeps it for good: ${why}.`;
  test.each([
    ['table.kv.format', ''],
    ['table.unknown', ''],
    ['bucket.num', forGood('rows were distributed over the buckets that it was created with')],
    ['bucket.key', forGood('rows were distributed by the columns that it was created with')],
    ['table.replication.factor', forGood('its replicas are as many as it was created with')],
  ])('not %s', (key, why) => {
    given(shop, orders)
      .when({ ...altering, set: { own: 'y', [key]: '2' } })
      .isRefused('INVALID_TABLE_PROPERTY', `set.${key}`, ...refused(key, why));
    given(shop, orders)
      .when({ ...altering, removed: ['own', key] })
      .isRefused('INVALID_TABLE_PROPERTY', 'removed[1]', ...refused(key, why));
  });
  test('not to a value of another type', () =>
    given(shop, orders)
      .when({ ...altering, set: { 'table.datalake.freshness': 'soon' } })
      .isRefused(
        'INVALID_TABLE_PROPERTY',
        'set.table.datalake.freshness',
        "Invalid value for config 'table.datalake.freshness'. Reason: Could not parse value 'soon' for key 'table.datalake.freshness'.",
      ));
  test('not one that is not there', () =>
    given(shop).when(altering).isRefused('UNKNOWN_TABLE', 'table', 'Table shop.orders does not exist.'));
  test('one that is not there, where that is no error', () =>
    given(shop)
      .when({ ...altering, ignoreIfNotExists: true })
      .gives());
});

describe('dropTable', () => {
  const drop = { name: 'dropTable', ...names, ignoreIfNotExists: false } as const;
  test('drops one with its partitions', () => {
    const part = partitionCreated({ tableId: 0, ...names, partitionId: 0, spec: { day: '1' } });
    given(shop, daily, part)
      .when(drop)
      .gives(tableDropped({ tableId: 0, ...names, bucketCount: 1, partitionIds: [0] }));
  });
  test('not one that is not there', () => given(shop).when(drop).isRefused('UNKNOWN_TABLE', 'table', 'Table shop.orders does not exist.'));
  test('one that is not there, where that is no error', () =>
    given()
      .when({ ...drop, ignoreIfNotExists: true })
      .gives());
});

describe('what comes over a wire', () => {
  const partition = { name: 'createPartition', ...names, ignoreIfExists: false, partitions: [{ spec: { day: '1' }, draw }] };
  test.each<[string, object]>([
    [
      'more properties than there can be',
      { ...create, properties: Object.fromEntries(Array.from({ length: 201 }, (_, i) => [`k${i}`, ''])) },
    ],
    ['a column without a name', { ...create, columns: [{ ...id, name: '' }] }],
    ['no columns', { ...create, columns: [] }],
    ['a draw below 0', { ...create, draw: { start: -1, shift: 0 } }],
    ['more than there is', { ...create, secret: 'x' }],
    ['no partitions', { ...partition, partitions: [] }],
    ['too many partitions', { ...partition, partitions: Array.from({ length: 101 }, () => ({ spec: { day: '1' }, draw })) }],
  ])('is not %s', (_, command) => {
    expect(parseCommand(create)).toEqual({ command: create });
    expect(parseCommand(partition)).toEqual({ command: partition });
    expect(parseCommand(command)).toHaveProperty('error');
  });
});

describe('with an authorizer', () => {
  const on = { kind: 'text', text: 'true' } as const;
  const leads = leadershipTaken({ nodeId: 'n1', epoch: 1, staticConfigs: { 'authorizer.enabled': on } });
  const state = frozen(stateAfter(leads, shop, orders));
  const need = (command: Command) =>
    denialOfCommand(state, { principal: 'User:eve', host: '10.0.0.1', interface: 'operator' }, command)?.facts;
  const of = { principal: 'User:eve' };
  const drop = { name: 'dropDatabase', database: 'shop', ignoreIfNotExists: false } as const;
  test.each<[Command, string, string]>([
    [{ name: 'createDatabase', database: 'shop', ignoreIfExists: true, properties: {} }, 'CREATE', 'cluster'],
    [{ name: 'alterDatabase', database: 'shop', ignoreIfNotExists: true, set: {}, removed: [] }, 'ALTER', 'shop'],
    [{ ...drop, cascade: false }, 'DROP', 'shop'],
    [create, 'CREATE', 'shop'],
    [{ name: 'alterTable', ...names, ignoreIfNotExists: true, set: {}, removed: [], columns: [] }, 'ALTER', 'shop.orders'],
    [{ name: 'dropTable', ...names, ignoreIfNotExists: true }, 'DROP', 'shop.orders'],
    [{ name: 'createPartition', ...names, ignoreIfExists: true, partitions: [{ spec: {}, draw }] }, 'WRITE', 'shop.orders'],
    [{ name: 'dropPartition', ...names, ignoreIfNotExists: true, specs: [{}] }, 'WRITE', 'shop.orders'],
  ])('%j', (command, operation, resource) => expect(need(command)).toEqual({ ...of, operation, resource }));
  test('a table that somebody may not drop does not go with its database', () => {
    const entry = { host: '*', operation: 'DROP', principal: { name: 'eve', type: 'User' } } as const;
    const acls = [
      { ...entry, effect: 'ALLOW', resource: { name: 'shop', type: 'DATABASE' } },
      { ...entry, effect: 'DENY', resource: { name: 'shop.orders', type: 'TABLE' } },
    ] as const;
    const allowed = frozen(stateAfter(leads, shop, orders, aclGranted({ acls: [...acls] })));
    const asker = { principal: 'User:eve', host: '10.0.0.1', interface: 'operator' } as const;
    expect(denialOfCommand(allowed, asker, { ...drop, cascade: false })).toBeUndefined();
    expect(denialOfCommand(allowed, asker, { ...drop, cascade: true })?.facts).toEqual({
      ...of,
      operation: 'DROP',
      resource: 'shop.orders',
    });
  });
});
