/**
 * Goal: databases, tables, partitions and buckets over the operator API: made, listed in pages, changed, dropped, refused in Fluss's
 * words; who may see only a part is shown that part.
 * Method: real requests to a node whose log knows three tablet servers; then to one with an authorizer, as several users.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Authenticator } from '../../src/authentication/authenticator.ts';
import { hashPassword } from '../../src/authentication/passwords.ts';
import { systemClock } from '../../src/ports/clock.ts';
import { createSealer } from '../../src/secrets/aes.ts';
import { caller } from '../support/nodes.ts';
import { lastingLeases, registerServers } from '../support/registeredServers.ts';
import { type Answer, call, type Served, ServedCluster } from './support.ts';

const cluster = new ServedCluster();
const guarded = new ServedCluster();
let n1: Served;
beforeAll(async () => {
  n1 = await cluster.start('n1', { staticConfigs: lastingLeases });
  await cluster.ready(n1);
  await registerServers(n1.node, 3);
});
afterAll(async () => {
  await cluster.stop();
  await guarded.stop();
});

const get = (path: string): Promise<Answer> => call(`${n1.url}/v1/${path}`);
const post = (path: string, body: object, headers: Record<string, string> = {}): Promise<Answer> =>
  call(`${n1.url}/v1/${path}`, { body, headers });
const patch = (path: string, body: object): Promise<Answer> => call(`${n1.url}/v1/${path}`, { method: 'PATCH', body });
const drop = (path: string): Promise<Answer> => call(`${n1.url}/v1/${path}`, { method: 'DELETE' });
const fault = ({ json, status }: Answer) => [status, json['code'], json['field'], json['detail']];
const columns = [
  { name: 'id', type: 'bigint' },
  { name: 'price', type: 'decimal(10,2)', nullable: false, comment: 'in Euro' },
  { name: 'note', type: 'string not null' },
];
const made = async (answer: Promise<Answer>): Promise<number> => {
  const { json, status, text } = await answer;
  expect([status, json['changed']], text).toEqual([200, true]);
  return Number(json['position']);
};

describe('databases', () => {
  test('one is there from the beginning', async () => {
    expect((await get('databases')).json['databases']).toEqual([
      { database: 'fluss', properties: {}, tables: 0, createdAt: 0, position: 0 },
    ]);
  });
  test('made, shown, changed and dropped', async () => {
    const position = await made(post('databases', { database: 'shop', comment: 'what is sold', properties: { a: '1', b: '2' } }));
    expect(position).toBe(n1.node.state.position);
    const shown = {
      database: 'shop',
      comment: 'what is sold',
      properties: { a: '1', b: '2' },
      tables: 0,
      createdAt: n1.node.state.at,
      position,
    };
    const one = await get(`databases/shop?atLeast=${position}`);
    expect(one.json).toEqual({ database: shown, provenance: expect.objectContaining({ position }) });
    expect(one.headers.get('chancery-position')).toBe(String(position));
    await made(patch('databases/shop', { set: { a: '9' }, removed: ['b'], comment: 'all of it', reason: 'tidying' }));
    expect((await get('databases/shop')).json['database']).toMatchObject({ properties: { a: '9' }, comment: 'all of it' });
    expect((await patch('databases/shop', { set: { a: '9' } })).json).toMatchObject({ changed: false });
    const [event] = (await n1.history.events({ limit: 1, order: 'descending' })).events;
    expect(event).toMatchObject({ type: 'DatabaseAltered', act: { reason: 'tidying', command: 'alterDatabase' } });
    await made(drop('databases/shop'));
    expect(fault(await get('databases/shop'))).toEqual([404, 'UNKNOWN_DATABASE', 'database', "Database 'shop' does not exist."]);
    expect((await drop('databases/shop?ignoreIfNotExists=true')).json).toMatchObject({ changed: false });
  });
  test('listed in pages by name', async () => {
    for (const i of [3, 1, 2]) await made(post('databases', { database: `page-${i}` }));
    const first = await get('databases?after=g&limit=2');
    const names = ({ json }: Answer) => (json['databases'] as readonly { readonly database: string }[]).map(({ database }) => database);
    expect([names(first), first.json['next']]).toEqual([['page-1', 'page-2'], 'page-2']);
    const second = await get('databases?after=page-2&limit=2');
    expect([names(second), second.json['next']]).toEqual([['page-3'], undefined]);
  });
  test('refused', async () => {
    expect(fault(await post('databases', { database: 'fluss' }))).toEqual([
      409,
      'DATABASE_EXISTS',
      'database',
      'Database fluss already exists.',
    ]);
    expect((await post('databases', { database: 'fluss', ignoreIfExists: true })).json).toMatchObject({ changed: false });
    expect(fault(await post('databases', { database: 'a b' })).slice(0, 3)).toEqual([400, 'INVALID_DATABASE', 'database']);
    expect(fault(await post('databases', { database: 'x', properties: { '': 'y' } })).slice(0, 2)).toEqual([400, 'MALFORMED_REQUEST']);
    expect(fault(await post('databases', { name: 'x' })).slice(0, 2)).toEqual([400, 'MALFORMED_REQUEST']);
    expect(fault(await patch('databases/nowhere', {}))).toEqual([404, 'UNKNOWN_DATABASE', 'database', 'Database nowhere not exists.']);
    expect(fault(await drop('databases/fluss')).slice(0, 2)).toEqual([409, 'DEFAULT_DATABASE']);
    expect(fault(await get('databases/nowhere/tables'))).toEqual([404, 'UNKNOWN_DATABASE', 'database', 'Database nowhere does not exist.']);
  });
});

describe('tables', () => {
  const orders = {
    table: 'orders',
    columns,
    primaryKey: ['id'],
    comment: 'sold',
    properties: { 'bucket.num': '3', 'table.replication.factor': '2' },
  };
  test('made, shown, changed and dropped', async () => {
    const position = await made(post('databases/fluss/tables', orders, { 'idempotency-key': 'orders-once' }));
    const again = await post('databases/fluss/tables', orders, { 'idempotency-key': 'orders-once' });
    expect(again.json).toEqual({ position, changed: true, duplicate: true });
    const { json } = await get('databases/fluss/tables/orders');
    const at = n1.node.state.at;
    expect(json['table']).toEqual({
      tableId: 0,
      database: 'fluss',
      table: 'orders',
      columns: [
        { name: 'id', type: 'BIGINT', nullable: false },
        { name: 'price', type: 'DECIMAL(10, 2)', nullable: false, comment: 'in Euro' },
        { name: 'note', type: 'STRING', nullable: false },
      ],
      primaryKey: ['id'],
      partitionKeys: [],
      bucketKeys: ['id'],
      bucketCount: 3,
      replicationFactor: 2,
      properties: {},
      comment: 'sold',
      partitions: 0,
      schemaId: 1,
      createdAt: at,
      alteredAt: at,
      position: position - 1,
    });
    await made(patch('databases/fluss/tables/orders', { set: { 'table.log.ttl': '3 d' }, columns: [{ name: 'more', type: 'int' }] }));
    const table = (await get('databases/fluss/tables/orders')).json['table'] as { readonly columns: readonly unknown[] };
    expect(table).toMatchObject({ properties: { 'table.log.ttl': '3 d' }, schemaId: 2 });
    expect(table.columns.at(-1)).toEqual({ name: 'more', type: 'INT', nullable: true });
    expect((await get('databases/fluss')).json['database']).toMatchObject({ tables: 1 });

    const found = await get('buckets?table=fluss.orders');
    const { buckets, endpoints } = found.json as { buckets: readonly { readonly replicas: readonly number[] }[]; endpoints: object };
    expect(buckets).toHaveLength(3);
    const [first] = buckets;
    expect(first).toEqual({
      tableId: 0,
      bucketId: 0,
      leader: first?.replicas[0],
      leaderEpoch: 0,
      bucketEpoch: 0,
      replicas: first?.replicas,
      isr: first?.replicas,
    });
    expect(first?.replicas).toHaveLength(2);
    expect(endpoints).toEqual({ 0: '127.0.0.1:9200', 1: '127.0.0.1:9201', 2: '127.0.0.1:9202' });

    const leader = first?.replicas[0] ?? -1;
    const report = { tableId: 0, bucketId: 0, leaderEpoch: 0, bucketEpoch: 0, isr: [leader], bytes: 12 };
    const server = { serverId: leader, incarnation: `process-${leader}` };
    expect(await n1.node.submit({ name: 'adjustIsr', ...server, buckets: [report] }, caller)).toMatchObject({ kind: 'done' });
    const after = (await get('buckets?table=fluss.orders')).json['buckets'] as readonly object[];
    expect(after[0]).toEqual({ ...first, isr: [leader], bucketEpoch: 1, bytes: 12 });

    await made(drop('databases/fluss/tables/orders'));
    const gone = "Table 'fluss.orders' does not exist.";
    expect(fault(await get('databases/fluss/tables/orders'))).toEqual([404, 'UNKNOWN_TABLE', 'table', gone]);
    expect(fault(await get('buckets?table=fluss.orders'))).toEqual([404, 'UNKNOWN_TABLE', 'table', gone]);
    expect(fault(await drop('databases/fluss/tables/orders'))).toEqual([
      404,
      'UNKNOWN_TABLE',
      'table',
      'Table fluss.orders does not exist.',
    ]);
  });
  test('listed in pages by name, those of one database', async () => {
    for (const database of ['list', 'list-', 'list0']) {
      await made(post('databases', { database }));
      for (const table of ['c', 'a', 'b']) await made(post(`databases/${database}/tables`, { table, columns }));
    }
    const names = ({ json }: Answer) =>
      (json['tables'] as readonly { readonly database: string; readonly table: string }[]).map((row) => `${row.database}.${row.table}`);
    const first = await get('databases/list/tables?limit=2');
    expect([names(first), first.json['next']]).toEqual([['list.a', 'list.b'], 'b']);
    const second = await get('databases/list/tables?limit=2&after=b');
    expect([names(second), second.json['next']]).toEqual([['list.c'], undefined]);
    expect(fault(await drop('databases/list'))).toEqual([409, 'DATABASE_NOT_EMPTY', 'database', 'Database list is not empty.']);
    await made(drop('databases/list?cascade=true'));
    expect(names(await get('databases/list0/tables'))).toEqual(['list0.a', 'list0.b', 'list0.c']);
  });
  test('refused', async () => {
    const create = async (change: object) => fault(await post('databases/fluss/tables', { ...orders, ...change }));
    expect(await create({ columns: [{ name: 'id', type: 'text' }] })).toEqual([
      400,
      'MALFORMED_REQUEST',
      'columns[0].type',
      'text is not a type here: write STRING',
    ]);
    for (const type of ["int comment 'x'", 'int, b int', 'int primary key not enforced', 'int) comment (', 'int) -- '])
      expect((await create({ columns: [{ name: 'id', type }] })).slice(0, 3), type).toEqual([400, 'MALFORMED_REQUEST', 'columns[0].type']);
    expect((await create({ columns: [{ name: 'id', type: 'varchar(3)' }] })).slice(0, 3)).toEqual([
      400,
      'INVALID_TABLE',
      'columns[0].type',
    ]);
    expect(await create({ properties: { 'table.replication.factor': '4' } })).toEqual([
      409,
      'TOO_FEW_SERVERS',
      '',
      'Replication factor: 4 larger than available tablet servers: 3.',
    ]);
    expect((await create({ properties: { 'table.log.ttl': 'x' } })).slice(0, 3)).toEqual([
      400,
      'INVALID_TABLE_PROPERTY',
      'properties.table.log.ttl',
    ]);
    expect(fault(await post('databases/nowhere/tables', orders)).slice(0, 2)).toEqual([404, 'UNKNOWN_DATABASE']);
    expect(fault(await get('buckets?table=orders'))).toEqual([400, 'MALFORMED_REQUEST', 'table', 'as database.table']);
  });
});

describe('partitions', () => {
  const path = 'databases/fluss/tables/daily/partitions';
  test('added, listed, found by bucket, and dropped', async () => {
    await made(
      post('databases/fluss/tables', {
        table: 'daily',
        columns,
        partitionKeys: ['note'],
        properties: { 'bucket.num': '2' },
      }),
    );
    await made(post(path, { partitions: [{ note: '2026' }, { note: '2027' }] }));
    const { json } = await get(path);
    const createdAt = n1.node.state.at;
    expect(json['partitions']).toEqual([
      { partitionId: 0, name: '2026', spec: { note: '2026' }, createdAt },
      { partitionId: 1, name: '2027', spec: { note: '2027' }, createdAt },
    ]);
    const partitionsOf = async (query: string) =>
      ((await get(`buckets?table=fluss.daily${query}`)).json['buckets'] as readonly { partitionId: number; bucketId: number }[]).map(
        ({ bucketId, partitionId }) => [partitionId, bucketId],
      );
    expect(await partitionsOf('')).toEqual([
      [0, 0],
      [0, 1],
      [1, 0],
      [1, 1],
    ]);
    expect(await partitionsOf('&partition=2027')).toEqual([
      [1, 0],
      [1, 1],
    ]);
    expect(fault(await get('buckets?table=fluss.daily&partition=2028')).slice(0, 3)).toEqual([404, 'UNKNOWN_PARTITION', 'partition']);
    expect(fault(await post(path, { partitions: [{ note: '2026' }] }))).toEqual([
      409,
      'PARTITION_EXISTS',
      'partitions[0].spec',
      "Partition 'note=2026' already exists for table fluss.daily",
    ]);
    expect(fault(await drop(`${path}?name=2026&name=2029`))).toEqual([
      404,
      'UNKNOWN_PARTITION',
      'specs[1]',
      "Partition 'note=2029' does not exist for table fluss.daily",
    ]);
    expect(fault(await drop(`${path}?name=a$b`)).slice(0, 3)).toEqual([400, 'INVALID_PARTITION', 'specs[0]']);
    const long = `name=${'x'.repeat(1001)}`;
    expect(fault(await drop(`${path}?${long}`)), 'as of a table that is not there').toEqual(
      fault(await drop(`${path.replace('daily', 'x')}?${long}`)),
    );
    await made(drop(`${path}?name=2026&name=2029&ignoreIfNotExists=true`));
    expect(await partitionsOf('')).toEqual([
      [1, 0],
      [1, 1],
    ]);
  });
  test('a name of too many values names none, whatever its keys are called', async () => {
    const numbered = { table: 'numbered', columns: [...columns, { name: '1', type: 'STRING' }], partitionKeys: ['1'] };
    await made(post('databases/fluss/tables', numbered));
    const own = 'databases/fluss/tables/numbered/partitions';
    await made(post(own, { partitions: [{ 1: 'eu' }] }));
    expect(fault(await drop(`${own}?name=2026$eu`)).slice(0, 3)).toEqual([400, 'INVALID_PARTITION', 'specs[0]']);
    await made(drop(`${own}?name=eu`));
  });
  test('a table without them has none', async () => {
    await made(post('databases/fluss/tables', { table: 'plain', columns }));
    const refused = [409, 'NOT_PARTITIONED', 'table', "Table 'fluss.plain' is not a partitioned table."];
    expect(fault(await get('databases/fluss/tables/plain/partitions'))).toEqual(refused);
    expect(fault(await post('databases/fluss/tables/plain/partitions', { partitions: [{ a: 'b' }] }))).toEqual(refused);
    expect(fault(await get('buckets?table=fluss.plain&partition=x')).slice(0, 3)).toEqual([409, 'NOT_PARTITIONED', 'partition']);
  });
});

test('everybody sees what they may describe', async () => {
  const hash = await hashPassword('right', { memoryKiB: 8, passes: 1, lanes: 1 });
  const users = new Map(['root', 'eve'].map((name) => [name, hash]));
  const sealer = createSealer([{ keyId: 'k1', key: Buffer.alloc(32) }], 'k1');
  const state = () => {
    const served = guarded.served.get('g1');
    if (served === undefined) throw new Error('asked before it served');
    return served.node.state;
  };
  const authenticator = new Authenticator({ mode: 'required', users, state, sealer, clock: systemClock });
  const text = (value: string) => ({ kind: 'text', text: value }) as const;
  const staticConfigs = { ...lastingLeases, 'authorizer.enabled': text('true'), 'super.users': text('User:root') };
  const g1 = await guarded.start('g1', { authenticator, staticConfigs, sealer });
  await guarded.ready(g1);
  await registerServers(g1.node, 1);
  const ask = (name: string, path: string, options: { method?: string; body?: object } = {}) =>
    call(`${g1.url}/v1/${path}`, { ...options, headers: { authorization: `Basic ${Buffer.from(`${name}:right`).toString('base64')}` } });
  for (const database of ['mine', 'theirs']) {
    expect((await ask('root', 'databases', { body: { database } })).status).toBe(200);
    for (const table of ['a', 'b'])
      expect((await ask('root', `databases/${database}/tables`, { body: { table, columns } })).status).toBe(200);
  }
  const entry = { permission: 'ALLOW', principal: 'User:eve' };
  const acls = [
    { ...entry, resource: 'mine', operation: 'CREATE' },
    { ...entry, resource: 'theirs.b', operation: 'READ' },
    { ...entry, resource: 'mine.b', operation: 'DESCRIBE', permission: 'DENY' },
  ];
  expect((await ask('root', 'acls', { body: { acls } })).status).toBe(200);
  const shown = (list: string, word: string) => async (path: string) =>
    ((await ask('eve', path)).json[list] as readonly Record<string, unknown>[]).map((row) => row[word]);
  expect(await shown('databases', 'database')('databases')).toEqual(['mine']);
  expect(await shown('tables', 'table')('databases/mine/tables')).toEqual(['a']);
  expect(await shown('tables', 'table')('databases/theirs/tables')).toEqual(['b']);
  expect(await shown('tables', 'table')('databases/theirs/tables?after=b'), 'known by what is before').toEqual([]);
  expect((await ask('root', 'databases', { body: { database: 'hidden' } })).status).toBe(200);
  expect((await ask('root', 'databases/hidden/tables', { body: { table: 'a', columns } })).status).toBe(200);
  const unknown = (name: string) => [404, 'UNKNOWN_DATABASE', 'database', `Database ${name} does not exist.`];
  for (const name of ['hidden', 'nowhere']) expect(fault(await ask('eve', `databases/${name}/tables`))).toEqual(unknown(name));
  const sqlCode = async (statement: string) => (await ask('eve', 'sql', { body: { statement } })).json['code'] ?? 'done';
  for (const name of ['hidden', 'nowhere'])
    expect([await sqlCode(`SHOW TABLES FROM ${name}`), await sqlCode(`USE ${name}`)], name).toEqual([
      'UNKNOWN_DATABASE',
      'UNKNOWN_DATABASE',
    ]);
  expect([await sqlCode('SHOW TABLES FROM theirs'), await sqlCode('USE theirs')]).toEqual(['done', 'done']);
  const denied = async (path: string, options: { method?: string; body?: object } = {}) =>
    ((await ask('eve', path, options)).json['facts'] as object | undefined) ?? 'allowed';
  const needs = (operation: string, resource: string) => ({ principal: 'User:eve', operation, resource });
  expect(await denied('databases/mine')).toBe('allowed');
  expect(await denied('databases/theirs')).toEqual(needs('DESCRIBE', 'theirs'));
  expect(await denied('databases/nowhere')).toEqual(needs('DESCRIBE', 'nowhere'));
  expect(await denied('databases/theirs/tables/b')).toBe('allowed');
  expect(await denied('databases/theirs/tables/a')).toEqual(needs('DESCRIBE', 'theirs.a'));
  expect(await denied('databases/mine/tables/b')).toEqual(needs('DESCRIBE', 'mine.b'));
  expect(await denied('buckets?table=theirs.a')).toEqual(needs('DESCRIBE', 'theirs.a'));
  expect(await denied('buckets?table=theirs.b')).toBe('allowed');
  expect(await denied('databases/theirs/tables/a/partitions')).toEqual(needs('DESCRIBE', 'theirs.a'));
  expect(await denied('databases/mine/tables', { body: { table: 'c', columns } })).toBe('allowed');
  expect(await denied('databases/theirs/tables', { body: { table: 'c', columns } })).toEqual(needs('CREATE', 'theirs'));
  expect(await denied('databases/mine/tables/a', { method: 'DELETE' })).toEqual(needs('DROP', 'mine.a'));
});
