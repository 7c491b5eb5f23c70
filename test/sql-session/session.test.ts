/**
 * Goal: SQL over HTTP does what Fluss's manual says, word for word; a script sees what it did; an error points at its character.
 * Method: the manual's own statements, then scripts and mistakes, against a real server, node and history process.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { call, type Served, ServedCluster, sql } from '../operator/support.ts';

const cluster = new ServedCluster();
let n1: Served;
beforeAll(async () => {
  n1 = await cluster.start('n1', { hasQueries: true });
  await cluster.ready(n1);
});
afterAll(() => cluster.stop());

type Json = Readonly<Record<string, unknown>>;
interface Result {
  readonly kind: string;
  readonly columns?: readonly { readonly name: string }[];
  readonly rows?: readonly (readonly unknown[])[];
  readonly text?: string;
  readonly truncated?: boolean;
  readonly position?: number;
}
const ask = async (statement: string, more: object = {}): Promise<Json & { readonly results: readonly Result[] }> => {
  const { status, json, text } = await sql(n1.url, statement, more);
  expect(status, text).toBe(200);
  return json as Json & { readonly results: readonly Result[] };
};
const rowsOf = async (statement: string, more: object = {}) => (await ask(statement, more)).results.at(-1)?.rows;
const rate = 'kv.rocksdb.shared-rate-limiter.bytes-per-sec';

describe("the manual's examples", () => {
  test('set, get and reset answer as documented', async () => {
    const set = await ask(`
-- Use the Fluss catalog (replace 'fluss_catalog' with your catalog name if different)
USE fluss_catalog;

-- Set RocksDB rate limiter
CALL sys.set_cluster_configs(
  config_pairs => 'kv.rocksdb.shared-rate-limiter.bytes-per-sec', '200MB'
);

-- Set RocksDB rate limiter and datalake format
CALL sys.set_cluster_configs(
  config_pairs => 'kv.rocksdb.shared-rate-limiter.bytes-per-sec', '200MB', 'datalake.format','paimon'
);
`);
    expect(set.results.map(({ kind, rows }) => rows ?? kind)).toEqual([
      'done',
      [[`Successfully set to '200MB' configuration '${rate}'. `]],
      [[`Successfully set to '200MB' configuration '${rate}'. `], ["Successfully set to 'paimon' configuration 'datalake.format'. "]],
    ]);
    const get = await ask(`
-- Use the Fluss catalog (replace 'fluss_catalog' with your catalog name if different)
USE fluss_catalog;

-- Get a specific configuration
CALL sys.get_cluster_configs(
  config_keys => 'kv.rocksdb.shared-rate-limiter.bytes-per-sec'
);

-- Get multiple configuration
CALL sys.get_cluster_configs(
  config_keys => 'kv.rocksdb.shared-rate-limiter.bytes-per-sec', 'datalake.format'
);

-- Get all cluster configurations
CALL sys.get_cluster_configs();
`);
    expect(get.results[1]?.columns?.map(({ name }) => name)).toEqual(['config_key', 'config_value', 'config_source']);
    expect(get.results.slice(1, 3).map(({ rows }) => rows)).toEqual([
      [[rate, '200MB', 'DYNAMIC_CONFIG']],
      [
        [rate, '200MB', 'DYNAMIC_CONFIG'],
        ['datalake.format', 'paimon', 'DYNAMIC_CONFIG'],
      ],
    ]);
    expect(get.results[3]?.rows).toContainEqual(['kv.snapshot.interval', '10 min', 'DEFAULT_CONFIG']);
    const reset = await ask(`
-- Use the Fluss catalog (replace 'fluss_catalog' with your catalog name if different)
USE fluss_catalog;

-- Reset a specific configuration
CALL sys.reset_cluster_configs(
  config_keys => 'kv.rocksdb.shared-rate-limiter.bytes-per-sec'
);

-- Reset RocksDB rate limiter and datalake format
CALL sys.reset_cluster_configs(
  config_keys => 'kv.rocksdb.shared-rate-limiter.bytes-per-sec', 'datalake.format'
);
`);
    expect(reset.results[2]?.rows).toEqual([
      [`Successfully deleted (reset to default) configuration '${rate}'. `],
      ["Successfully deleted (reset to default) configuration 'datalake.format'. "],
    ]);
    expect(await rowsOf(`CALL sys.get_cluster_configs('${rate}', 'datalake.format')`)).toEqual([]);
  });

  test('append and subtract, with a catalog, positional, in any case', async () => {
    expect(await rowsOf("CALL fluss_catalog.sys.append_cluster_configs('remote.data.dirs', 'a', 'remote.data.dirs', 'b')")).toEqual([
      ["Successfully appended 'a' to configuration 'remote.data.dirs'. "],
      ["Successfully appended 'b' to configuration 'remote.data.dirs'. "],
    ]);
    expect(await rowsOf("call SYS.`Append_Cluster_Configs`(CONFIG_PAIRS => ' remote.data.dirs ', 'c');")).toEqual([
      ["Successfully appended 'c' to configuration 'remote.data.dirs'. "],
    ]);
    expect(await rowsOf("CALL sys.get_cluster_configs(ARRAY['remote.data.dirs', 'no.such.key', 'remote.data.dirs'])")).toEqual([
      ['remote.data.dirs', 'a,b,c', 'DYNAMIC_CONFIG'],
      ['remote.data.dirs', 'a,b,c', 'DYNAMIC_CONFIG'],
    ]);
    expect(await rowsOf("CALL sys.append_cluster_configs('security.sasl.plain.credentials', 'bob:hunter2')")).toEqual([
      ["Successfully appended 'bob:******' to configuration 'security.sasl.plain.credentials'. "],
    ]);
    expect(await rowsOf("CALL sys.get_cluster_configs('security.sasl.plain.credentials')")).toEqual([
      ['security.sasl.plain.credentials', 'bob:******', 'DYNAMIC_CONFIG'],
    ]);
    expect(await rowsOf("CALL sys.subtract_cluster_configs('security.sasl.plain.credentials', 'bob:x')")).toEqual([
      ["Successfully subtracted 'bob:******' from configuration 'security.sasl.plain.credentials'. "],
    ]);
  });

  test('NULL as a value hides; numbers and booleans need no quotes; values keep their blanks', async () => {
    await ask(
      `CALL sys.set_cluster_configs(
        'datalake.format', NULL, 'log.replica.min-in-sync-replicas-number', 2, 'log.retention.roll-active-segment.enabled', TRUE)`,
    );
    expect(await rowsOf("CALL sys.get_cluster_configs('datalake.format', 'log.replica.min-in-sync-replicas-number')")).toEqual([
      ['datalake.format', null, 'DYNAMIC_CONFIG'],
      ['log.replica.min-in-sync-replicas-number', '2', 'DYNAMIC_CONFIG'],
    ]);
    expect(await rowsOf("CALL sys.set_cluster_configs('  datalake.note ', ' two  blanks ')")).toEqual([
      ["Successfully set to ' two  blanks ' configuration 'datalake.note'. "],
    ]);
    await ask("CALL sys.reset_cluster_configs('datalake.format', 'datalake.note')");
  });
});

describe('a session', () => {
  test('SHOW, USE and DESCRIBE', async () => {
    expect((await rowsOf('SHOW PROCEDURES'))?.map(([name]) => name)).toEqual([
      'sys.add_acl',
      'sys.drop_acl',
      'sys.list_acl',
      'sys.get_cluster_configs',
      'sys.set_cluster_configs',
      'sys.reset_cluster_configs',
      'sys.append_cluster_configs',
      'sys.subtract_cluster_configs',
      'sys.add_server_tag',
      'sys.remove_server_tag',
      'sys.rebalance',
      'sys.list_rebalance',
      'sys.cancel_rebalance',
    ]);
    expect((await rowsOf("SHOW PROCEDURES IN fluss_catalog.sys LIKE '%set\\_cluster%'"))?.map(([name]) => name)).toEqual([
      'sys.set_cluster_configs',
      'sys.reset_cluster_configs',
    ]);
    expect((await rowsOf("SHOW PROCEDURES NOT ILIKE '%SET%'"))?.map(([name]) => name)).toEqual([
      'sys.add_acl',
      'sys.drop_acl',
      'sys.list_acl',
      'sys.get_cluster_configs',
      'sys.append_cluster_configs',
      'sys.subtract_cluster_configs',
      'sys.add_server_tag',
      'sys.remove_server_tag',
      'sys.rebalance',
      'sys.list_rebalance',
      'sys.cancel_rebalance',
    ]);
    expect(await rowsOf('SHOW CATALOGS')).toEqual([['fluss_catalog']]);
    expect(await rowsOf('SHOW DATABASES')).toEqual([['fluss'], ['sys']]);
    expect((await rowsOf('USE sys; SHOW TABLES'))?.map(([name]) => name)).toEqual([
      'acls',
      'buckets',
      'cluster_configs',
      'clusters',
      'compute_nodes',
      'coordinators',
      'data_keys',
      'databases',
      'events',
      'instances',
      'lake_tables',
      'lake_tiering_failures',
      'lake_tiering_status',
      'object_stores',
      'partitions',
      'procedures',
      'rebalance_moves',
      'rebalances',
      'servers',
      'storage_vaults',
      'tables',
      'tablet_jobs',
      'tokens',
      'transactions',
    ]);
    expect(await rowsOf('USE CATALOG fluss_catalog; SHOW CURRENT CATALOG')).toEqual([['fluss_catalog']]);
    expect(await rowsOf('USE fluss_catalog.sys; SHOW CURRENT DATABASE')).toEqual([['sys']]);
    expect((await rowsOf('DESCRIBE sys.coordinators'))?.map(([name]) => name)).toContain('node_id');
    expect(await rowsOf('DESC set_cluster_configs')).toEqual([['config_pairs', 'STRING…', 'yes', expect.stringContaining('Key, value')]]);
    expect(await rowsOf("CALL get_cluster_configs('remote.data.dirs')")).toHaveLength(1); // The database is sys from the start.
  });

  test('properties go to the client and come back with the next script', async () => {
    const first = await ask("SET 'sql.local-time-zone' = 'Europe/Berlin'; SET 'sql.result.max-rows' = '2'");
    expect(first['properties']).toEqual({ 'sql.local-time-zone': 'Europe/Berlin', 'sql.result.max-rows': '2' });
    const { properties, catalog, database } = first;
    const second = await ask('SELECT position FROM sys.events ORDER BY position', { properties, catalog, database });
    expect(second.results[0]).toMatchObject({ rows: [[1], [2]], truncated: true });
    const third = await ask("RESET 'sql.result.max-rows'; SET", { properties });
    expect(third['properties']).toEqual({ 'sql.local-time-zone': 'Europe/Berlin' });
    expect(third.results[1]?.rows).toContainEqual(['sql.result.max-rows', '1000', expect.any(String)]);
    expect((await ask('RESET', { properties }))['properties']).toEqual({});
  });

  test('SELECT sees what the CALL before it did, and who did it and why', async () => {
    const { results, position } = await ask(
      `CALL sys.set_cluster_configs('${rate}', '300MB');
       SELECT config_value, changed_by FROM sys.cluster_configs WHERE config_key = '${rate}';
       CALL sys.set_cluster_configs('${rate}', '400MB');
       SELECT config_value FROM sys.cluster_configs WHERE config_key = '${rate}';
       SELECT principal, interface, reason FROM sys.events ORDER BY position DESC LIMIT 1`,
      { reason: 'incident 311' },
    );
    expect(results[1]?.rows).toEqual([['300MB', 'User:root']]);
    expect(results[3]?.rows).toEqual([['400MB']]);
    expect(results[4]?.rows).toEqual([['User:root', 'sql', 'incident 311']]);
    expect(position).toBe(n1.node.state.position);
    expect(results[2]?.position).toBe(position);
    const then = `SELECT config_value FROM sys.cluster_configs AT (VERSION => ${results[0]?.position ?? 0}) WHERE config_key = '${rate}'`;
    expect(await rowsOf(then)).toEqual([['300MB']]);
    expect(await rowsOf('SELECT node_id, role, lag FROM sys.coordinators')).toEqual([['n1', 'leader', 0]]);
    expect(await rowsOf("SELECT name, arguments FROM sys.procedures WHERE name LIKE 'get%'")).toEqual([
      ['get_cluster_configs', '[config_keys STRING…]'],
    ]);
  });

  test('EXPLAIN CALL says what would change, and changes nothing', async () => {
    const before = n1.node.state;
    const { results } = await ask(`
      EXPLAIN CALL sys.set_cluster_configs('${rate}', '500MB', 'datalake.format', 'iceberg');
      EXPLAIN CALL sys.set_cluster_configs('${rate}', '400MB');
      EXPLAIN CALL sys.reset_cluster_configs('${rate}');
      EXPLAIN CALL sys.get_cluster_configs()`);
    expect(results[0]).toMatchObject({
      columns: [{ name: 'config_key' }, { name: 'before' }, { name: 'after' }],
      rows: [
        [rate, '400MB', '500MB'],
        ['datalake.format', 'unset', 'iceberg'],
      ],
    });
    expect(results[1]).toEqual({ kind: 'done', text: 'nothing would change: everything is so already' });
    expect(results[2]?.rows).toEqual([[rate, '400MB', 'unset']]);
    expect(results[3]?.text).toContain('only reads');
    expect(n1.node.state).toBe(before);
    const refused = await sql(n1.url, "EXPLAIN CALL sys.set_cluster_configs('datalake.enabled', 'true')");
    expect([refused.status, refused.json['code']]).toEqual([400, 'CONFIG_RULE_BROKEN']);
  });

  test('a script with a key is done once, call by call; with another text it is a conflict', async () => {
    const script = "CALL sys.append_cluster_configs('remote.data.dirs', 'x'); CALL sys.append_cluster_configs('remote.data.dirs', 'y')";
    const once = await ask(script, { idempotencyKey: 'append-1' });
    const twice = await ask(script, { idempotencyKey: 'append-1' });
    expect(twice.results.map(({ position }) => position)).toEqual(once.results.map(({ position }) => position));
    expect(await rowsOf("CALL sys.get_cluster_configs('remote.data.dirs')")).toEqual([['remote.data.dirs', 'a,b,c,x,y', 'DYNAMIC_CONFIG']]);
    const { events } = await n1.history.events({ limit: 2, order: 'descending' });
    expect(events.map(({ act }) => act.commandId)).toEqual(['append-1/2', 'append-1/1']);
    const header = await call(`${n1.url}/v1/sql`, {
      body: { statement: "CALL sys.append_cluster_configs('remote.data.dirs', 'z')" },
      headers: { 'idempotency-key': 'append-1' },
    });
    expect([header.status, header.json['code']]).toEqual([409, 'IDEMPOTENCY_KEY_REUSED']);
  });

  test('a script stops at its first error and says how far it came', async () => {
    const { status, json } = await sql(
      n1.url,
      [
        `CALL sys.set_cluster_configs('${rate}', '1GB');`,
        `CALL sys.set_cluster_configs('${rate}', '200 apples');`,
        `CALL sys.reset_cluster_configs('${rate}')`,
      ].join('\n'),
    );
    expect(status).toBe(400);
    expect(json).toMatchObject({
      code: 'INVALID_CONFIG_VALUE',
      field: 'config_pairs[1]',
      statementIndex: 1,
      line: 2,
      position: n1.node.state.position,
    });
    expect(json['results']).toMatchObject([{ rows: [[`Successfully set to '1GB' configuration '${rate}'. `]] }]);
    expect(json['rendered']).toContain("CALL sys.set_cluster_configs('");
    expect(await rowsOf(`CALL sys.get_cluster_configs('${rate}')`)).toEqual([[rate, '1GB', 'DYNAMIC_CONFIG']]);
  });

  test('a script waits for the position that it wants to see', async () => {
    const reading = ask(`CALL sys.get_cluster_configs('${rate}')`, { atLeast: n1.node.state.position + 1 });
    await ask(`CALL sys.set_cluster_configs('${rate}', '77MB')`);
    expect((await reading).results[0]?.rows).toEqual([[rate, '77MB', 'DYNAMIC_CONFIG']]);
  });

  test('a follower sees its own writes, and others see them when they ask', async () => {
    const three = new ServedCluster();
    const nodes: Served[] = [];
    for (const nodeId of ['a', 'b', 'c']) nodes.push(await three.start(nodeId, { clusterSecret: 'shared between three' }));
    await three.ready(...nodes);
    const follower = nodes.find(({ node }) => node.role === 'follower') as Served;
    const other = nodes.find(({ node }) => node !== follower.node && node.role === 'follower') as Served;
    for (let i = 1; i <= 20; i += 1) {
      const own = await sql(follower.url, `CALL sys.set_cluster_configs('${rate}', '${i}MB'); CALL sys.get_cluster_configs('${rate}')`);
      expect((own.json['results'] as readonly Result[])[1]?.rows).toEqual([[rate, `${i}MB`, 'DYNAMIC_CONFIG']]);
      const there = await sql(other.url, `CALL sys.get_cluster_configs('${rate}')`, { atLeast: own.json['position'] });
      expect((there.json['results'] as readonly Result[])[0]?.rows).toEqual([[rate, `${i}MB`, 'DYNAMIC_CONFIG']]);
      const anyone = await sql(other.url, `CALL sys.get_cluster_configs('${rate}')`, { consistency: 'linearizable' });
      expect((anyone.json['results'] as readonly Result[])[0]?.rows).toEqual([[rate, `${i}MB`, 'DYNAMIC_CONFIG']]);
    }
    await three.stop();
  });
});

describe('mistakes', () => {
  /** `at`: the text that the error points to, or how much of the script stands before it. */
  test.each<[string, string, string, string | number, RegExp]>([
    ['no statement', 'SELEKT * FROM sys.acls', 'SQL_SYNTAX', 'SELEKT', /expected CALL.*did you mean SELECT/],
    ['no end', "CALL sys.get_cluster_configs('a'", 'SQL_SYNTAX', 32, /expected/],
    ['an unclosed text', "CALL sys.get_cluster_configs('a)", 'SQL_SYNTAX', "'a)", /./],
    [
      'an unknown procedure',
      'CALL sys.get_cluster_config()',
      'SQL_UNKNOWN_PROCEDURE',
      'get_cluster_config',
      /did you mean get_cluster_configs\?/,
    ],
    [
      'a procedure of a later release',
      "CALL sys.drop_kv_snapshot_lease('lease')",
      'SQL_UNKNOWN_PROCEDURE',
      'drop_kv_snapshot_lease',
      /no procedure 'drop_kv_snapshot_lease'/,
    ],
    ['another catalog', 'CALL paimon.sys.get_cluster_configs()', 'SQL_UNKNOWN_CATALOG', 'paimon', /fluss_catalog/],
    ['another database', 'CALL db.get_cluster_configs()', 'SQL_NO_PROCEDURES', 'db', /sys/],
    ['another database to use', 'USE shop', 'UNKNOWN_DATABASE', 'shop', /Database shop does not exist/],
    ['another catalog to use', 'USE CATALOG shop', 'SQL_UNKNOWN_CATALOG', 'shop', /fluss_catalog/],
    ['tables of nowhere', 'SHOW TABLES FROM shop', 'UNKNOWN_DATABASE', 'shop', /Database shop does not exist/],
    [
      'an unknown argument',
      "CALL sys.set_cluster_configs(config_pair => 'a', 'b')",
      'SQL_WRONG_ARGUMENTS',
      'config_pair',
      /did you mean config_pairs\?/,
    ],
    [
      'an argument twice',
      "CALL sys.set_cluster_configs('a', 'b', config_pairs => 'c', 'd')",
      'SQL_WRONG_ARGUMENTS',
      'config_pairs',
      /twice/,
    ],
    [
      'a name twice',
      "CALL sys.set_cluster_configs(config_pairs => 'a', 'b', CONFIG_PAIRS => 'c', 'd')",
      'SQL_SYNTAX',
      'CONFIG_PAIRS',
      /twice/,
    ],
    [
      'no pairs',
      'CALL sys.set_cluster_configs()',
      'SQL_INVALID_ARGUMENT',
      -1,
      /^config_pairs cannot be null or empty\. Please specify a valid configuration pairs\.$/,
    ],
    [
      'NULL for the pairs',
      'CALL sys.set_cluster_configs(config_pairs => NULL)',
      'SQL_INVALID_ARGUMENT',
      -1,
      /^config_pairs cannot be null or empty/,
    ],
    [
      'half a pair',
      "CALL sys.set_cluster_configs('a', 'b', 'c')",
      'SQL_INVALID_ARGUMENT',
      "'c'",
      /^config_pairs must be set in pairs\. Please specify a valid configuration pairs\.$/,
    ],
    [
      'half a pair to append',
      "CALL sys.append_cluster_configs('a')",
      'SQL_INVALID_ARGUMENT',
      "'a'",
      /^config_pairs must be set in pairs\. Please specify valid configuration pairs\.$/,
    ],
    [
      'no pairs to subtract',
      'CALL sys.subtract_cluster_configs()',
      'SQL_INVALID_ARGUMENT',
      -1,
      /^config_pairs cannot be null or empty\. Please specify valid configuration pairs\.$/,
    ],
    [
      'a blank key',
      "CALL sys.set_cluster_configs('datalake.a', 'b', ' ', 'd')",
      'SQL_INVALID_ARGUMENT',
      "' '",
      /^Config key cannot be null or empty\. Please specify a valid configuration key\.$/,
    ],
    [
      'no keys to reset',
      'CALL sys.reset_cluster_configs()',
      'SQL_INVALID_ARGUMENT',
      -1,
      /^config_keys cannot be null or empty\. Please specify valid configuration keys\.$/,
    ],
    [
      'NULL among keys',
      "CALL sys.reset_cluster_configs('datalake.a', NULL)",
      'SQL_INVALID_ARGUMENT',
      'NULL',
      /^Config key cannot be null or empty/,
    ],
    [
      'an unknown key',
      "CALL sys.set_cluster_configs('datalake.a', 'b', 'no.such', 'd')",
      'CONFIG_NOT_DYNAMIC',
      "'no.such'",
      /no\.such is not allowed to be changed dynamically/,
    ],
    [
      'a wrong value',
      `CALL sys.set_cluster_configs('${rate}', '200 apples')`,
      'INVALID_CONFIG_VALUE',
      "'200 apples'",
      /Cannot parse '200 apples' as MemorySize/,
    ],
    [
      'a broken rule',
      "CALL sys.set_cluster_configs('datalake.enabled', 'true')",
      'CONFIG_RULE_BROKEN',
      -1,
      /'datalake\.format' must be configured/,
    ],
    ['a table to create', 'CREATE TABLE t (a INT)', 'SQL_SYSTEM_DATABASE', 't', /the database sys holds the system tables/],
    ['a database to drop', 'DROP DATABASE shop', 'UNKNOWN_DATABASE', 'shop', /Database shop does not exist/],
    ['something to describe that is not there', 'DESCRIBE sys.event', 'SQL_UNKNOWN_OBJECT', 'event', /did you mean events\?/],
    ['an unknown property', "SET 'sql.result.max-row' = '5'", 'SQL_UNKNOWN_PROPERTY', 'SET', /did you mean sql\.result\.max-rows\?/],
    ['a wrong property', "SET 'sql.result.max-rows' = 'many'", 'SQL_INVALID_PROPERTY', 'SET', /a whole number from 1 to 10000/],
    ['a zone that is none', "SET 'sql.local-time-zone' = 'Mars/Olympus'", 'SQL_INVALID_PROPERTY', 'SET', /Europe\/Berlin/],
    ['an unknown table', 'SELECT * FROM sys.event', 'SQL_UNKNOWN_TABLE', 'sys.event', /event/],
    ['a query that goes wrong', 'SELECT * FROM sys.events WHERE', 'SQL_SYNTAX', 30, /./],
    ['a query that reads files', "SELECT * FROM read_csv('/etc/hosts')", 'SQL_FUNCTION_REFUSED', 'read_csv', /read_csv/],
  ])('%s', async (_, statement, code, at, message) => {
    const before = n1.node.state.position;
    const lead = 'SHOW CATALOGS;\n  -- a line before it\n  ';
    const { status, json, headers } = await sql(n1.url, lead + statement);
    expect([status, json['code']], JSON.stringify(json)).toEqual([code === 'UNKNOWN_DATABASE' ? 404 : 400, code]);
    expect(headers.get('content-type')).toMatch(/^application\/problem\+json/);
    expect(json['detail']).toMatch(message);
    expect(json['remedy']).toMatch(/\S/);
    expect(json['statementIndex']).toBe(1);
    if (at !== -1) {
      const offset = lead.length + (typeof at === 'number' ? at : statement.indexOf(at));
      expect([json['offset'], json['line'], json['column']]).toEqual([offset, 3, offset - lead.lastIndexOf('\n')]);
      expect(json['rendered']).toContain('^');
    }
    expect(n1.node.state.position).toBe(before);
  });

  test('10,000 pairs in one call are refused as too many', async () => {
    const pairs = Array.from({ length: 10_000 }, (_, i) => `'datalake.k${i}', 'v'`).join(', ');
    const { status, json } = await sql(n1.url, `CALL sys.set_cluster_configs(${pairs})`);
    expect([status, json['code'], json['field']]).toEqual([413, 'TOO_LARGE', 'config_pairs']);
    expect(json['detail']).toMatch(/10000 changes in one call; at most 500/);
  });

  test.each<[string, object, string]>([
    ['no statement', {}, 'statement'],
    ['a number', { statement: 5 }, 'statement'],
    ['a property that is no text', { statement: '', properties: { 'sql.result.max-rows': 5 } }, 'properties.sql.result.max-rows'],
    ['an unknown property from the client', { statement: '', properties: { x: 'y' } }, 'properties.x'],
    ['another catalog from the client', { statement: '', catalog: 'x' }, 'catalog'],
    ['another database from the client', { statement: '', database: 'x' }, 'database'],
    ['a position that is none', { statement: '', atLeast: -1 }, 'atLeast'],
    ['an unknown field', { statement: '', sql: '' }, 'sql'],
  ])('%s', async (_, body, field) => {
    const { status, json } = await call(`${n1.url}/v1/sql`, { body });
    expect([status, json['field']]).toEqual([field === 'database' ? 404 : 400, field]);
  });

  test('nothing to do is done', async () => {
    expect((await ask(' ;; -- nothing\n')).results).toEqual([]);
  });
});
