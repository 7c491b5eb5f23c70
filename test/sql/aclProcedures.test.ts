/**
 * Goal: access control in SQL is what Fluss's manual says, word for word, with every text of fluss-semantics 1.2; nobody is shown more
 * than they may see.
 * Method: the manual's own statements, then each argument and its mistakes, against a real server, node and history process.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { runScript } from '../../src/interfaces/sql/session.ts';
import { createSealer } from '../../src/secrets/aes.ts';
import { type Served, ServedCluster, sql } from '../operator/support.ts';

const text = (value: string) => ({ kind: 'text', text: value }) as const;
const cluster = new ServedCluster();
let n1: Served;
beforeAll(async () => {
  const staticConfigs = { 'authorizer.enabled': text('true'), 'super.users': text('User:admin; User:root') };
  n1 = await cluster.start('n1', { hasQueries: true, staticConfigs });
  await cluster.ready(n1);
});
afterAll(() => cluster.stop());
beforeEach(async () => {
  await rowsOf("CALL sys.drop_acl('ANY', 'ANY', 'ANY', 'ANY')");
});

interface Result {
  readonly rows?: readonly (readonly unknown[])[];
  readonly text?: string;
  readonly position?: number;
}
async function ask(statement: string): Promise<readonly Result[]> {
  const { status, json, text: body } = await sql(n1.url, statement);
  expect(status, body).toBe(200);
  return json['results'] as readonly Result[];
}
const rowsOf = async (statement: string) => (await ask(statement)).at(-1)?.rows;
async function refusalOf(statement: string) {
  const { json } = await sql(n1.url, statement);
  return [json['code'], json['field'], json['detail']];
}
const row = (resource: string, principal: string, operation: string, host = '*', permission = 'ALLOW') => [
  `resource="${resource}";permission="${permission}";principal="${principal}";operation="${operation}";host="${host}"`,
];

describe("the manual's examples", () => {
  test('add, list and drop', async () => {
    const added = await ask(`-- Use the Fluss catalog (replace 'fluss_catalog' with your catalog name if different)
USE fluss_catalog;

-- Grant read permission to user Alice from any host
CALL sys.add_acl(
  resource => 'CLUSTER',
  permission => 'ALLOW',
  principal => 'User:Alice',
  operation => 'READ',
  host => '*'
);

-- Grant write permission to user Bob from a specific host
CALL sys.add_acl(
  resource => 'my_database.my_table',
  permission => 'ALLOW',
  principal => 'User:Bob',
  operation => 'WRITE',
  host => '192.168.1.100'
);
`);
    expect(added.slice(1).map(({ rows }) => rows)).toEqual([[['success']], [['success']]]);
    const [alice, bob] = [row('cluster', 'User:Alice', 'READ'), row('cluster.my_database.my_table', 'User:Bob', 'WRITE', '192.168.1.100')];
    const listed = await ask(`-- Use the Fluss catalog (replace 'fluss_catalog' with your catalog name if different)
USE fluss_catalog;

-- List all ACL entries
CALL sys.list_acl(resource => 'ANY');

-- List all ACL entries for a specific user
CALL sys.list_acl(
  resource => 'ANY',
  principal => 'User:Alice'
);

-- List all read permissions
CALL sys.list_acl(
  resource => 'ANY',
  operation => 'READ'
);
`);
    expect(listed.slice(1).map(({ rows }) => rows)).toEqual([[alice, bob], [alice], [alice]]);
    const dropped = await ask(`-- Use the Fluss catalog (replace 'fluss_catalog' with your catalog name if different)
USE fluss_catalog;

-- Remove a specific ACL entry
CALL sys.drop_acl(
  resource => 'CLUSTER',
  permission => 'ALLOW',
  principal => 'User:Alice',
  operation => 'READ',
  host => '*'
);
CALL sys.list_acl(resource => 'ANY');
CALL sys.add_acl('CLUSTER', 'ALLOW', 'User:Alice', 'ALTER');
CALL sys.add_acl('my_database.my_table', 'DENY', 'User:Alice', 'DELETE', '10.0.0.1');

-- Remove all ACL entries for a specific user
CALL sys.drop_acl(
  resource => 'ANY',
  permission => 'ANY',
  principal => 'User:Alice',
  operation => 'ANY',
  host => 'ANY'
);
CALL sys.list_acl(resource => 'ANY');
`);
    expect(dropped.slice(1).map(({ rows }) => rows)).toEqual([[['success']], [bob], [['success']], [['success']], [['success']], [bob]]);
    const { events } = await n1.history.events({ limit: 1, order: 'descending' });
    const act = { principal: 'User:root', host: '127.0.0.1', interface: 'sql' };
    expect(events).toMatchObject([{ type: 'AclRevoked', act, data: { acls: [{ operation: 'ALTER' }, { operation: 'DROP' }] } }]);
  });
});

describe('an argument', () => {
  test.each([
    ['CLUSTER', 'cluster'],
    ['cluster', 'cluster'],
    ['Cluster.shop', 'cluster.shop'],
    ['shop', 'cluster.shop'],
    ['shop.orders', 'cluster.shop.orders'],
    ['cluster.shop.Orders', 'cluster.shop.Orders'],
    ['cluster.cluster', 'cluster.cluster'],
    ['cluster.cluster.t', 'cluster.cluster.t'],
    ['cluster.any', 'cluster.any'],
    ['*', 'cluster.*'],
    ['cluster.*', 'cluster.*'],
    ['*.*', 'cluster.*.*'],
    ['shop.*', 'cluster.shop.*'],
  ])('resource %s is %s', async (given, shown) => {
    const all = "CALL sys.list_acl('ANY')";
    const lists = [all, `CALL sys.list_acl('${given}')`, `CALL sys.list_acl('${shown}')`, "CALL sys.list_acl('other')"];
    const add = `CALL sys.add_acl('${given}', 'allow', 'User:Bob', 'read')`;
    const drop = `CALL sys.drop_acl('${shown}', 'ANY', 'ANY', 'ANY')`;
    const [, ...results] = await ask([add, ...lists, drop, all].join(';'));
    const there = [row(shown, 'User:Bob', 'READ')];
    expect(results.map(({ rows }) => rows)).toEqual([there, there, there, [], [['success']], []]);
  });

  test('operations, each in any case', async () => {
    const operations = ['ALL', 'ALTER', 'CLUSTER_ACTION', 'CREATE', 'DESCRIBE', 'DROP', 'IDEMPOTENT_WRITE', 'READ', 'WRITE'];
    await ask(operations.map((each) => `CALL sys.add_acl('shop', 'DENY', 'all', '${each.toLowerCase()}', '::1')`).join(';'));
    const shown = operations.map((each) => row('cluster.shop', '*:*', each, '::1', 'DENY'));
    expect(await rowsOf("CALL sys.list_acl('ANY')")).toEqual(shown);
    const results = await ask(operations.map((each) => `CALL sys.list_acl('ANY', 'ANY', 'ALL', '${each}')`).join(';'));
    expect(results.map(({ rows }) => rows)).toEqual(shown.map((each) => [each]));
  });

  test('DELETE is another word for DROP; what is left out, NULL or ANY matches everything; what is there already is no error', async () => {
    await ask(`CALL fluss_catalog.sys.Add_Acl(RESOURCE => 'shop', permission => 'ALLOW', principal => 'User:a', operation => 'delete');
      CALL sys.add_acl('shop', 'ALLOW', 'User:a', 'DROP', NULL);
      CALL sys.add_acl('shop', 'ALLOW', 'User:a', 'DROP', '10.0.0.1')`);
    const both = [row('cluster.shop', 'User:a', 'DROP'), row('cluster.shop', 'User:a', 'DROP', '10.0.0.1')];
    for (const call of ["'ANY'", 'NULL', "'shop'", "'ANY', NULL, NULL, 'DELETE', NULL", "'any', 'Any', 'any', 'any', 'any'"])
      expect(await rowsOf(`CALL sys.list_acl(${call})`), call).toEqual(both);
    expect(await rowsOf("CALL sys.list_acl('ANY', 'ANY', 'ANY', 'ANY', '*')"), 'a star is itself').toEqual(both.slice(0, 1));
    expect(await rowsOf("CALL sys.list_acl('ANY', principal => 'ALL')")).toEqual([]);
    expect(await rowsOf("CALL sys.list_acl('ANY', principal => 'User:A')"), 'names are taken as they are').toEqual([]);
    await ask("CALL sys.drop_acl('ANY', NULL, 'User:a', NULL, '10.0.0.1')");
    expect(await rowsOf("CALL sys.list_acl('ANY')")).toEqual(both.slice(0, 1));
    const before = n1.node.state.position;
    expect(await rowsOf("CALL sys.drop_acl('shop', 'DENY', 'User:a', 'DROP')"), 'nothing matches').toEqual([['success']]);
    expect(n1.node.state.position).toBe(before);
  });
});

const wildcard = "Wildcard 'ANY' can only be used for filtering, not for adding ACL entries.";
describe('a mistake is told in the words of Fluss', () => {
  const formats = {
    permission: 'No enum constant org.apache.fluss.security.acl.PermissionType.MAYBE',
    principal: 'principal must be in format PrincipalType:PrincipalName',
    operation: 'No enum constant org.apache.fluss.security.acl.OperationType.EAT',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: Fluss's text has them.
    resource: 'resource must be in format cluster.${database}.${table}',
  };
  test.each<[call: string, field: string, detail: string]>([
    ["add_acl('a.b.c', 'maybe', 'Bob', 'eat')", 'permission', formats.permission],
    ["add_acl('a.b.c', 'ALLOW', 'Bob', 'eat')", 'principal', formats.principal],
    ["add_acl('a.b.c', 'ALLOW', 'User:Bob', 'eat')", 'operation', formats.operation],
    ["add_acl('a.b.c', 'ALLOW', 'User:Bob', 'READ')", 'resource', formats.resource],
    ["list_acl('a.b.c', 'maybe')", 'permission', formats.permission],
    ["drop_acl('ANY', 'ANY', 'User:a:b', 'eat')", 'principal', formats.principal],
    ["list_acl('ANY', principal => ':Bob')", 'principal', formats.principal],
    ["list_acl('ANY', principal => 'User:')", 'principal', formats.principal],
    ["list_acl('ANY', operation => 'eat')", 'operation', formats.operation],
    ["list_acl('')", 'resource', formats.resource],
    ["list_acl('a..b')", 'resource', formats.resource],
    ["list_acl('cluster.a.b.c')", 'resource', formats.resource],
    ["add_acl('ANY', 'ALLOW', 'User:Bob', 'READ')", 'resource', wildcard],
    ["add_acl('a', 'any', 'User:Bob', 'READ')", 'permission', wildcard],
    ["add_acl('a', 'ALLOW', NULL, 'READ')", 'principal', wildcard],
    ["add_acl('a', 'ALLOW', 'User:Bob', 'ANY', '*')", 'operation', wildcard],
    ["add_acl('a', 'ALLOW', 'User:Bob', 'READ', 'ANY')", 'host', wildcard],
    [`list_acl('${'x'.repeat(600)}')`, 'resource', expect.stringContaining('at most 513 characters') as unknown as string],
    ["list_acl('ANY', host => 'a\nb')", 'host', expect.stringContaining('no control characters') as unknown as string],
  ])('%s', async (call, field, detail) => {
    const before = n1.node.state.position;
    expect(await refusalOf(`CALL sys.${call}`)).toEqual(['SQL_INVALID_ARGUMENT', field, detail]);
    expect(n1.node.state.position).toBe(before);
  });

  test('what could never match is refused, and says what was meant', async () => {
    expect(await refusalOf("CALL sys.add_acl('a', 'DENY', 'User:*', 'READ')")).toEqual([
      'MALFORMED_REQUEST',
      'principal',
      "everyone is *:*, and nobody is called 'User:*'",
    ]);
    expect(await refusalOf("CALL sys.add_acl('*.t', 'DENY', 'User:a', 'READ')")).toEqual([
      'MALFORMED_REQUEST',
      'resource',
      "a table is named database.table, and all tables are *: '*.t'",
    ]);
  });

  test('an argument that is missing is named', async () => {
    expect(await refusalOf("CALL sys.drop_acl('ANY')")).toEqual([
      'SQL_WRONG_ARGUMENTS',
      'permission',
      'drop_acl needs argument permission',
    ]);
    expect(await refusalOf('CALL sys.list_acl()')).toEqual(['SQL_WRONG_ARGUMENTS', 'resource', 'list_acl needs argument resource']);
  });

  test('the caret stands under the argument', async () => {
    const { json } = await sql(n1.url, "CALL sys.add_acl('a', 'ALLOW', 'Bob', 'READ')");
    expect(json['offset']).toBe("CALL sys.add_acl('a', 'ALLOW', ".length);
  });
});

test('EXPLAIN CALL shows the entries that would come and go', async () => {
  await ask("CALL sys.add_acl('b', 'ALLOW', 'User:a', 'READ'); CALL sys.add_acl('a', 'DENY', 'User:a', 'READ')");
  const [add, twice, drop, list] = await ask(`EXPLAIN CALL sys.add_acl('shop', 'ALLOW', 'User:a', 'READ');
    EXPLAIN CALL sys.add_acl('b', 'ALLOW', 'User:a', 'READ');
    EXPLAIN CALL sys.drop_acl('ANY', 'ANY', 'User:a', 'ANY');
    EXPLAIN CALL sys.list_acl('ANY')`);
  expect(add?.rows).toEqual([['add', ...row('cluster.shop', 'User:a', 'READ')]]);
  expect(twice?.text).toContain('nothing would change');
  expect(drop?.rows, 'the oldest first').toEqual([
    ['drop', ...row('cluster.b', 'User:a', 'READ')],
    ['drop', ...row('cluster.a', 'User:a', 'READ', '*', 'DENY')],
  ]);
  expect(list?.text).toContain('only reads');
});

test('a list has an order, and its caller sees what they may DESCRIBE and no more', async () => {
  const granted = [
    "'shop.orders', 'DENY', 'User:b', 'READ', '10.0.0.1'",
    "'cluster', 'ALLOW', 'User:c', 'ALTER'",
    "'shop', 'ALLOW', 'User:a', 'WRITE'",
    "'shop.orders', 'ALLOW', 'User:b', 'READ'",
    "'shop.orders', 'ALLOW', 'ALL', 'READ'",
    "'bank', 'ALLOW', 'User:b', 'READ', '10.0.0.1'",
    "'bank', 'DENY', 'User:c', 'DESCRIBE'",
  ];
  await ask(granted.map((call) => `CALL sys.add_acl(${call})`).join(';'));
  const all = [
    row('cluster', 'User:c', 'ALTER'),
    row('cluster.bank', 'User:b', 'READ', '10.0.0.1'),
    row('cluster.bank', 'User:c', 'DESCRIBE', '*', 'DENY'),
    row('cluster.shop', 'User:a', 'WRITE'),
    row('cluster.shop.orders', '*:*', 'READ'),
    row('cluster.shop.orders', 'User:b', 'READ'),
    row('cluster.shop.orders', 'User:b', 'READ', '10.0.0.1', 'DENY'),
  ];
  expect(await rowsOf("CALL sys.list_acl('ANY')")).toEqual(all);
  const sealer = createSealer([{ keyId: 'k1', key: Buffer.alloc(32) }], 'k1');
  const parts = { node: n1.node, history: n1.history, rebalancing: n1.rebalancing, sealer, now: Date.now, catalog: 'fluss_catalog' };
  const seenBy = async (principal: string, host: string) => {
    const statement = "CALL sys.list_acl('ANY'); SELECT resource, permission FROM sys.acls";
    const { failure, results } = await runScript(parts, { statement, principal, host });
    expect(failure).toBeUndefined();
    const [listed, selected] = results.map((result) => (result.kind === 'rows' ? result.rows : []));
    expect(selected, 'SELECT shows the same').toHaveLength(listed?.length ?? -1);
    return listed;
  };
  const [first, , , fourth] = all;
  const orders = all.slice(4);
  expect(await seenBy('User:admin', '10.0.0.9')).toEqual(all);
  expect(await seenBy('User:nobody', '10.0.0.9'), 'what everyone may read').toEqual(orders);
  expect(await seenBy('User:a', '10.0.0.9'), 'who writes to a database sees it and its tables').toEqual([fourth, ...orders]);
  expect(await seenBy('User:b', '10.0.0.1'), 'denied to READ is not denied to DESCRIBE').toEqual([...all.slice(1, 3), ...orders]);
  expect(await seenBy('User:b', '10.0.0.2'), 'from elsewhere').toEqual(orders);
  expect(await seenBy('User:c', '10.0.0.9'), 'the cluster, but not what is denied').toEqual([first, fourth, ...orders]);
});

test('sys.acls says when each entry was granted and by whom, now and then', async () => {
  const [added] = await ask(
    "CALL sys.add_acl('shop.orders', 'DENY', 'ALL', 'DELETE', '10.0.0.1'); CALL sys.add_acl('a', 'ALLOW', 'User:a', 'ALL')",
  );
  const position = added?.position ?? 0;
  const at = n1.node.state.at;
  const columns = 'resource_type, resource, principal, host, operation, permission, position, granted_by';
  expect(await rowsOf(`SELECT ${columns} FROM sys.acls WHERE resource_type = 'TABLE'`)).toEqual([
    ['TABLE', 'shop.orders', '*:*', '10.0.0.1', 'DROP', 'DENY', position, 'User:root'],
  ]);
  await ask("CALL sys.drop_acl('ANY', 'ANY', 'ANY', 'ANY')");
  expect(await rowsOf('SELECT * FROM sys.acls')).toEqual([]);
  const then = await rowsOf(`SELECT resource, epoch_ms(granted_at) FROM sys.acls AT (VERSION => ${position + 1})`);
  expect(then?.map(([resource]) => resource)).toEqual(['a', 'shop.orders']);
  expect(Number(then?.[0]?.[1])).toBeLessThanOrEqual(at);
});

test('without an authorizer the three of them say so', async () => {
  const open = new ServedCluster();
  const n2 = await open.start('n2');
  await open.ready(n2);
  for (const call of ["add_acl('a', 'ALLOW', 'User:a', 'READ')", "drop_acl('ANY', 'ANY', 'ANY', 'ANY')", "list_acl('ANY')"]) {
    const { status, json } = await sql(n2.url, `CALL sys.${call}`);
    expect([status, json['code'], json['detail']], call).toEqual([409, 'SECURITY_DISABLED', 'No Authorizer is configured.']);
  }
  await open.stop();
});
