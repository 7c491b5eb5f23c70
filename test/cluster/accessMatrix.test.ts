/**
 * Goal: whoever is not known, not right or not allowed gets nothing, by whichever way they come; whoever is allowed just that gets it.
 * Method: everything that can be asked, from the real lists, by callers without credentials, with a wrong password, who may nothing,
 * who may just what it needs, and who may everything; over the operator API, SQL, and both forms of the Meta Service, on real sockets.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ConfigValue } from '../../events/configs.ts';
import { attemptLimits } from '../../src/authentication/attempts.ts';
import { Authenticator } from '../../src/authentication/authenticator.ts';
import { hashPassword } from '../../src/authentication/passwords.ts';
import { metaServiceAccess, operatorAccess, tableAccess } from '../../src/deciders/permissions.ts';
import { sysTables } from '../../src/engine/history/tables.ts';
import { InjectionPoints } from '../../src/interfaces/metaservice/injectionPoints.ts';
import { RateLimits } from '../../src/interfaces/metaservice/rateLimits.ts';
import { allMethods, allRoutes } from '../../src/interfaces/metaservice/routes.ts';
import { createMetaService, type MetaServiceServer } from '../../src/interfaces/metaservice/server.ts';
import { actCommands } from '../../src/interfaces/operator/acts.ts';
import { procedures } from '../../src/interfaces/sql/procedures.ts';
import { createSealer } from '../../src/secrets/aes.ts';
import { ask } from '../metaservice/support.ts';
import { JumpingClock, type Served, ServedCluster } from '../operator/support.ts';
import {
  adminRows,
  catalogRows,
  freeStatements,
  freeTables,
  type MetaServiceRow,
  operatorRows,
  procedureRows,
  type Right,
  rpcRows,
} from '../support/accessRows.ts';
import { silent } from '../support/nodes.ts';

const operations = ['ALL', 'WRITE', 'CREATE', 'DROP', 'ALTER', 'DESCRIBE', 'CLUSTER_ACTION'] as const;
const callers = ['nobody', 'root', ...operations.map((operation) => `may-${operation}`)];
const token = 'a-token-for-tests';
const text = (value: string): ConfigValue => ({ kind: 'text', text: value });

const cluster = new ServedCluster();
const clock = new JumpingClock();
const sealer = createSealer([{ keyId: 'k1', key: Buffer.alloc(32) }], 'k1');
const metaServices = new Map<string, { readonly server: MetaServiceServer; readonly url: string }>();
let n1: Served;

beforeAll(async () => {
  const hash = await hashPassword('right', { memoryKiB: 8, passes: 1, lanes: 1 });
  const users = new Map(callers.map((name) => [name, hash]));
  const authenticator = new Authenticator({ mode: 'required', users, state: () => n1.node.state, sealer, clock });
  const staticConfigs = { 'authorizer.enabled': text('true'), 'super.users': text('User:root') };
  n1 = await cluster.start('n1', { authenticator, staticConfigs, hasQueries: true, sealer });
  await cluster.ready(n1);
  const acls = operations.map((operation) => ({ resource: 'CLUSTER', permission: 'ALLOW', principal: `User:may-${operation}`, operation }));
  expect((await operator('root', '/v1/acls', { body: { acls } })).verdict).toBe('answered');
  for (const name of [...callers, 'meta-service']) metaServices.set(name, await metaService(`User:${name}`));
});
afterAll(async () => {
  for (const { server } of metaServices.values()) await server.close(0);
  await cluster.stop();
});

async function metaService(principal: string): Promise<{ readonly server: MetaServiceServer; readonly url: string }> {
  const { log, node } = n1;
  const heartbeats = { list: async () => [] };
  const shared = { node, log, sealer, clock, logger: silent, heartbeats, token, adminPassword: 'admin', port: 5000 };
  const server = createMetaService({ ...shared, principal, rpc: 'token' });
  return { server, url: (await server.listen({ host: '127.0.0.1', port: 0 })).url };
}

interface Outcome {
  readonly verdict: 'unknown' | 'denied' | 'answered' | 'failed';
  /** What was missing. */
  readonly operation?: string;
  readonly text: string;
}
/** @param who a user; `anonymous`; `wrong`: a right user with a wrong password */
type Ask = (who: string) => Promise<Outcome>;

const credentials = (who: string): Record<string, string> => {
  if (who === 'anonymous') return {};
  if (who === 'wrong') clock.jump(attemptLimits.windowMs); // Guessing is slowed down, which is tested elsewhere.
  const [name, password] = who === 'wrong' ? ['root', 'wrong'] : [who, 'right'];
  return { authorization: `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}` };
};

interface Sent {
  readonly method?: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}
async function operator(who: string, path: string, { body, headers = {}, method }: Sent = {}): Promise<Outcome> {
  const stop = new AbortController();
  const response = await fetch(n1.url + path, {
    method: method ?? (body === undefined ? 'GET' : 'POST'),
    headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers, ...credentials(who) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: stop.signal,
  });
  if (response.headers.get('content-type')?.startsWith('text/event-stream') === true) {
    stop.abort();
    return { verdict: 'answered', text: 'a stream' };
  }
  const answered = await response.text();
  if (response.status === 401) return { verdict: 'unknown', text: answered };
  if (response.status >= 500) return { verdict: 'failed', text: answered };
  const { code, facts } =
    response.status === 403 ? (JSON.parse(answered) as { code: string; facts: Record<string, string> }) : { code: '', facts: {} };
  if (code !== 'AUTHORIZATION_DENIED') return { verdict: 'answered', text: answered };
  expect(facts).toMatchObject({ principal: `User:${who}`, resource: expect.stringMatching(/^(?:cluster|matrix|matrix\.t)$/) });
  return { verdict: 'denied', operation: facts['operation'] ?? '', text: answered };
}

const sql =
  (statement: string): Ask =>
  (who) =>
    operator(who, '/v1/sql', { body: { statement } });

const metaServiceAsk =
  (prefix: string, { body, name, query = '' }: MetaServiceRow): Ask =>
  async (who) => {
    const given = { anonymous: '', wrong: 'token=another&' }[who] ?? `token=${token}&`;
    const user = metaServices.has(who) ? who : 'meta-service';
    const before = n1.node.denials.counts.get('metaservice') ?? 0;
    const { status, text: answered } = await ask(`${metaServices.get(user)?.url}${prefix}${name}?${given}${query}`, { body });
    if (status === 403 && answered.startsWith('incorrect token')) return { verdict: 'unknown', text: answered };
    if (answered.includes('something went wrong')) return { verdict: 'failed', text: answered };
    const wasDenied = (n1.node.denials.counts.get('metaservice') ?? 0) > before;
    // Its answer is the status alone.
    if (name === 'get_tablet_stats' && answered.trim() === '' && wasDenied) return { verdict: 'denied', operation: 'DESCRIBE', text: '' };
    const [, principal, operation] = /AUTHORIZATION_DENIED: (\S+) may not ([A-Z]+) on cluster: /.exec(answered) ?? [];
    expect(operation !== undefined, answered).toBe(wasDenied);
    if (operation === undefined) return { verdict: 'answered', text: answered };
    expect(principal).toBe(`User:${who}`);
    expect(status).toBe(prefix.includes('/http/') ? 400 : 200);
    return { verdict: 'denied', operation, text: answered };
  };

/** The line of the matrix for something that needs a right. */
async function expectLine(right: Right, asking: Ask, most = 'root'): Promise<void> {
  const verdicts = async (...who: readonly string[]): Promise<readonly string[]> => {
    const lines: string[] = [];
    for (const each of who) {
      const { operation = '', text: said, verdict } = await asking(each);
      lines.push(`${each}: ${verdict} ${operation}${verdict === 'failed' ? said : ''}`.trim());
    }
    return lines;
  };
  const stranger = right === 'open' ? 'answered' : 'unknown';
  const isFree = right === 'open' || right === 'known';
  const allowed = isFree ? 'nobody' : `may-${right}`;
  expect(await verdicts('anonymous', 'wrong', 'nobody', allowed, most)).toEqual([
    `anonymous: ${stranger}`,
    `wrong: ${stranger}`,
    isFree ? 'nobody: answered' : `nobody: denied ${right}`,
    `${allowed}: answered`,
    `${most}: answered`,
  ]);
}

describe('the operator API', () => {
  test('has no route that is not in the matrix, or in the list of what routes need', async () => {
    const described = JSON.parse((await operator('root', '/openapi.json')).text) as { paths: Record<string, Record<string, unknown>> };
    const real = Object.entries(described.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path.replace(/\{(\w+)\}/g, ':$1')}`),
    );
    const hidden = 'GET /openapi.json';
    expect([...new Set(operatorRows.map(({ name }) => name))].sort()).toEqual([...real, hidden].sort());
    const acts = actCommands.map(({ name }) => `POST /v1/acts/${name}`);
    const listed = real.filter((name) => !acts.includes(name));
    const ofNodes = ['heartbeats', 'rebalance-copies', 'server-heartbeats', 'submit'].map((name) => `POST /internal/v1/${name}`);
    expect(Object.keys(operatorAccess).sort()).toEqual([...listed, hidden, ...ofNodes, 'POST /v1/acts/:command'].sort());
  });

  test.each(operatorRows)('$name $path: $right', async ({ name, path, right, ...sent }) => {
    const method = name.split(' ')[0] ?? '';
    await expectLine(right, (who) => operator(who, path, { ...sent, method }));
  });

  test('HEAD tells no more than GET', async () => {
    const statuses = await Promise.all(
      ['nobody', 'may-DESCRIBE'].map(
        async (who) => (await fetch(`${n1.url}/v1/configs`, { method: 'HEAD', headers: credentials(who) })).status,
      ),
    );
    expect(statuses).toEqual([403, 200]);
  });
});

describe('SQL', () => {
  test('has no procedure and no table that is not in the matrix', () => {
    expect(procedureRows.map(({ name }) => name).sort()).toEqual(procedures.map(({ name }) => name).sort());
    expect(Object.keys(tableAccess).sort()).toEqual(sysTables.map(({ name }) => name).sort());
  });

  test.each(procedureRows)('CALL $call, and EXPLAIN of it: $right', async ({ call, right, name }) => {
    await expectLine(right, sql(`CALL ${call}`));
    const reads = name.startsWith('list_') || name.startsWith('get_');
    await expectLine(reads ? 'known' : right, sql(`EXPLAIN CALL ${call}`)); // Of what only reads it says just that.
  });

  test.each(sysTables.map(({ name }) => name))('SELECT from sys.%s, now and then', async (name) => {
    const right = freeTables.includes(name) ? 'known' : 'DESCRIBE';
    await expectLine(right, sql(`SELECT count(*) FROM sys.${name}`));
    if (name !== 'procedures') await expectLine(right, sql(`SELECT count(*) FROM sys.${name} AT (VERSION => 1)`));
  });

  test('of the access control list everybody sees what lies on resources that they may DESCRIBE, now and then', async () => {
    const entryOn = (resource: string) => ({ resource, permission: 'ALLOW', principal: 'User:nobody', operation: 'DESCRIBE' });
    const names = async (who: string, from: string): Promise<unknown> => {
      const { text: said } = await sql(`SELECT DISTINCT resource FROM ${from} ORDER BY 1`)(who);
      return (JSON.parse(said) as { results: readonly { rows: readonly unknown[][] }[] }).results[0]?.rows.flat();
    };
    expect(await names('nobody', 'sys.acls')).toEqual([]);
    const given = await operator('root', '/v1/acls', { body: { acls: [entryOn('shop'), entryOn('mail.inbox')] } });
    const position = (JSON.parse(given.text) as { position: number }).position;
    await operator('root', '/v1/acls', { body: { acls: [{ ...entryOn('shop.orders'), principal: 'User:x' }] } });
    expect(await names('nobody', 'sys.acls')).toEqual(['mail.inbox', 'shop', 'shop.orders']);
    expect(await names('nobody', `sys.acls AT (VERSION => ${position})`)).toEqual(['mail.inbox', 'shop']);
    expect(await names('may-DESCRIBE', 'sys.acls')).toEqual(['cluster', 'mail.inbox', 'shop', 'shop.orders']);
    const listed = JSON.parse((await operator('nobody', '/v1/acls')).text) as { acls: readonly { resource: string }[] };
    expect(listed.acls.map(({ resource }) => resource)).toEqual(['shop', 'mail.inbox', 'shop.orders']);
    for (const resource of ['shop', 'mail.inbox', 'shop.orders'])
      await operator('root', `/v1/acls?resource=${resource}`, { method: 'DELETE' });
    expect(await names('nobody', `sys.acls AT (VERSION => ${position})`), 'by what they may now').toEqual([]);
  });

  test.each(catalogRows)('$statement: $right', async ({ right, statement }) => await expectLine(right, sql(statement)));

  test.each(freeStatements)('%s', async (statement) => await expectLine('known', sql(statement)));

  test.each([
    'SELECT * FROM sys.procedures UNION ALL SELECT config_key, config_value, type FROM sys.cluster_configs',
    'WITH c AS (SELECT * FROM sys.cluster_configs) SELECT count(*) FROM c',
    'SELECT (SELECT count(*) FROM sys.events) FROM sys.procedures',
    "SHOW TABLES; SELECT 1; SELECT * FROM fluss_catalog.sys.cluster_configs AS x AT (TIMESTAMP => now()) WHERE 'a' = 'b'",
  ])('a table is found wherever it stands: %s', async (statement) => {
    const { operation, verdict } = await sql(statement)('nobody');
    expect([verdict, operation]).toEqual(['denied', 'DESCRIBE']);
    expect((await sql(statement)('may-DESCRIBE')).verdict).toBe('answered');
  });
});

describe('the Meta Service', () => {
  test('has no method and no route that is not in the matrix, or in the list of what they need', () => {
    const parts = { injectionPoints: new InjectionPoints(), rateLimits: new RateLimits([], () => 0), token, port: 1 };
    const routes = allRoutes(parts);
    expect(rpcRows.map(({ name }) => name).sort()).toEqual(Object.keys(allMethods).sort());
    expect(adminRows.map(({ name }) => name).sort()).toEqual(Object.keys(routes).sort());
    const alone = Object.keys(routes).filter((name) => routes[name]?.kind === 'query');
    const outside = ['cloud_cluster_status', 'set_instance_status'];
    expect(Object.keys(metaServiceAccess).sort()).toEqual([...new Set([...Object.keys(allMethods), ...alone, ...outside])].sort());
  });

  test.each(rpcRows)('RPC $name: $right', async (row) => {
    await expectLine(row.right, metaServiceAsk('/MetaService/', row), 'meta-service');
    await expectLine(row.right, metaServiceAsk('/MetaService/', row));
  });

  test.each(adminRows)('route $name: $right', async (row) => {
    await expectLine(row.right, metaServiceAsk('/MetaService/http/', row), 'meta-service');
    await expectLine(row.right, metaServiceAsk('/MetaService/http/v1/', row));
  });

  test('the users of cloud_cluster_status are whom the interface is mapped to', async () => {
    const status = async (who: string, password: string): Promise<unknown> => {
      const url = `${metaServices.get(who)?.url}/rest/v2/manager/cluster/cluster_info/cloud_cluster_status`;
      const authorization = `Basic ${Buffer.from(`admin:${password}`).toString('base64')}`;
      return (await ask(url, { method: 'GET', headers: { authorization } })).json?.['code'];
    };
    const asked = [
      status('meta-service', 'admin'),
      status('may-DESCRIBE', 'admin'),
      status('nobody', 'admin'),
      status('meta-service', 'wrong'),
    ];
    expect(await Promise.all(asked)).toEqual([0, 0, 401, 401]);
  });
});
