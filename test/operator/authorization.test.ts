/**
 * Goal: reads are judged on the tables that they are answered from, for as long as they go on, and what is denied can be explained.
 * Method: two real nodes on the in-memory log with real operator interfaces, users with passwords, and an authorizer.
 */
import { fastify } from 'fastify';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { ConfigValue } from '../../events/configs.ts';
import { initialState } from '../../projections/state.ts';
import { type AuthenticationMode, Authenticator } from '../../src/authentication/authenticator.ts';
import { hashPassword } from '../../src/authentication/passwords.ts';
import { can } from '../../src/cli/can.ts';
import { denials } from '../../src/cli/denials.ts';
import { whoami } from '../../src/cli/whoami.ts';
import { authorizeReads } from '../../src/interfaces/operator/authorization.ts';
import { systemClock } from '../../src/ports/clock.ts';
import { createSealer } from '../../src/secrets/aes.ts';
import { type Answer, call, readStream, type Served, ServedCluster, waits } from './support.ts';

const cluster = new ServedCluster();
const sealer = createSealer([{ keyId: 'k1', key: Buffer.alloc(32) }], 'k1');
const text = (value: string): ConfigValue => ({ kind: 'text', text: value });
let n1: Served;
let n2: Served;

beforeAll(async () => {
  const hash = await hashPassword('right', { memoryKiB: 8, passes: 1, lanes: 1 });
  const users = new Map(['root', 'dana', 'etl', 'eve'].map((name) => [name, hash]));
  const start = async (nodeId: string, mode: AuthenticationMode): Promise<Served> => {
    const state = () => {
      const served = cluster.served.get(nodeId);
      if (served === undefined) throw new Error('asked before it served');
      return served.node.state;
    };
    const authenticator = new Authenticator({ mode, users, state, sealer, clock: systemClock });
    const staticConfigs = { 'authorizer.enabled': text('true'), 'super.users': text('User:root') };
    return await cluster.start(nodeId, { authenticator, staticConfigs, sealer, clusterSecret: 'a secret for tests only', auditDenials: 4 });
  };
  n1 = await start('n1', 'required');
  await cluster.ready(n1);
  n2 = await start('n2', 'optional');
  await cluster.ready(n1, n2);
});
afterAll(() => cluster.stop());

const as = (name: string) => ({ authorization: `Basic ${Buffer.from(`${name}:right`).toString('base64')}` });
const get = (name: string, path: string, served = n1): Promise<Answer> => call(served.url + path, { headers: as(name) });
const entry = (operation: string, name: string, permission = 'ALLOW', resource = 'CLUSTER') => ({
  resource,
  permission,
  principal: `User:${name}`,
  operation,
});
async function grant(reason: string, ...acls: readonly object[]): Promise<number> {
  const { json, status, text: said } = await call(`${n1.url}/v1/acls`, { body: { acls, reason }, headers: as('root') });
  expect(status, said).toBe(200);
  return Number(json['position']);
}
async function revoke(name: string, served = n1): Promise<number> {
  const { json, status } = await call(`${served.url}/v1/acls?principal=User:${name}`, { method: 'DELETE', headers: as('root') });
  expect(status).toBe(200);
  return Number(json['position']);
}

describe('a right', () => {
  test('counts when the call returns, elsewhere by atLeast, and so does its end', async () => {
    expect((await get('etl', '/v1/configs')).status).toBe(403);
    const position = await grant('', entry('DESCRIBE', 'etl'));
    expect((await get('etl', '/v1/configs')).status).toBe(200);
    expect((await get('etl', `/v1/configs?atLeast=${position}`, n2)).status).toBe(200);
    const end = await revoke('etl', n2);
    expect((await get('etl', '/v1/configs', n2)).status).toBe(403);
    expect((await get('etl', `/v1/configs?atLeast=${end}`)).status).toBe(403);
    expect((await get('etl', '/v1/configs?consistency=linearizable')).status).toBe(403);
  });

  test('is that of the tables that answer, also for the past', async () => {
    const granted = await grant('', entry('DESCRIBE', 'etl'));
    expect((await get('etl', `/v1/state?at=${granted}&projection=acls`)).status).toBe(200);
    const end = await revoke('etl');
    expect((await get('etl', `/v1/state?at=${granted}&projection=acls&atLeast=${end}`)).status).toBe(403);
  });

  test('that ends, ends a stream of events before the next one', async () => {
    const from = await grant('', entry('DESCRIBE', 'etl'));
    let seen = '';
    const reading = readStream(`${n1.url}/v1/events?from=${from}`, as('etl'), (so) => {
      seen = so;
      return false;
    });
    await vi.waitFor(() => expect(seen).toContain('AclGranted'), waits);
    await revoke('etl');
    const whole = await reading; // The server ended it.
    expect(whole).toContain('AclGranted');
    expect(whole).not.toContain('AclRevoked');
    expect((await get('etl', '/v1/events')).json).toMatchObject({ code: 'AUTHORIZATION_DENIED', facts: { operation: 'DESCRIBE' } });
  });
});

describe('a node that has just come up', () => {
  const users = async () => new Map([['eve', await hashPassword('right', { memoryKiB: 8, passes: 1, lanes: 1 })]]);
  const comingUp = async (nodeId: string, patienceMs: number): Promise<Served> => {
    const state = () => cluster.served.get(nodeId)?.node.state ?? initialState();
    const authenticator = new Authenticator({ mode: 'optional', users: await users(), state, sealer, clock: systemClock });
    return await cluster.start(nodeId, { authenticator, sealer, clusterSecret: 'a secret for tests only', isHeld: true, patienceMs });
  };

  test('gives nobody anything by tables that know of no authorizer yet', async () => {
    const held = await comingUp('n3', 50);
    for (const path of ['/v1/log', '/v1/configs', '/v1/events', '/v1/tokens', '/v1/authorization?operation=READ&resource=shop']) {
      const { json, status } = await get('eve', path, held);
      expect([status, json['code']], path).toEqual([503, 'NOT_CAUGHT_UP']);
    }
    expect((await call(`${held.url}/v1/log`)).json).toMatchObject({ code: 'NOT_CAUGHT_UP', field: '' });
    expect((await call(`${held.url}/v1/sql`, { body: { statement: 'SHOW TABLES' }, headers: as('eve') })).status).toBe(503);
    expect((await get('eve', '/v1/status', held)).status).toBe(200);
  });

  test('lets those who ask too early wait, and then judges them, and their tokens, by what is so', async () => {
    const { json } = await call(`${n1.url}/v1/tokens`, { body: {}, headers: as('eve') });
    const bearer = { authorization: `Bearer ${String(json['token'])}` };
    expect((await call(`${n1.url}/v1/tokens/${String(json['tokenId'])}`, { method: 'DELETE', headers: as('root') })).status).toBe(200);
    const held = await comingUp('n4', 10_000);
    const early = [get('eve', '/v1/log', held), call(`${held.url}/v1/whoami`, { headers: bearer })];
    await held.node.start();
    expect((await Promise.all(early)).map(({ json: said }) => said['code'])).toEqual(['AUTHORIZATION_DENIED', 'UNAUTHENTICATED']);
  });
});

test('a password that is taken away ends a stream of events, too', async () => {
  const change = (op: 'append' | 'subtract', value: string) => {
    const changes = [{ op, key: 'security.sasl.plain.credentials', value }];
    return call(`${n1.url}/v1/configs`, { method: 'PATCH', body: { changes }, headers: as('root') });
  };
  expect((await change('append', 'passing:right')).status).toBe(200);
  const from = await grant('', entry('DESCRIBE', 'passing'));
  let seen = '';
  const reading = readStream(`${n1.url}/v1/events?from=${from}`, as('passing'), (so) => {
    seen = so;
    return /ClusterConfigsChanged/.test(so);
  });
  await vi.waitFor(() => expect(seen).toContain('AclGranted'), waits);
  expect((await change('subtract', 'passing:right')).status).toBe(200);
  expect(await reading).not.toContain('ClusterConfigsChanged'); // The server ended it.
  await revoke('passing');
});

test('whoever gives no credentials, where that is possible, may as little as anybody of whom nothing is said', async () => {
  const nobody = (path: string) => call(n2.url + path);
  expect((await nobody('/v1/whoami')).json).toMatchObject({ principal: 'User:ANONYMOUS', method: 'none', isSuperUser: false });
  for (const path of [
    '/metrics',
    '/v1/status',
    '/v1/configs',
    '/v1/events',
    '/v1/authorization?operation=READ&resource=shop&principal=User:x',
  ]) {
    const { json } = await nobody(path);
    expect(json, path).toMatchObject({ code: 'AUTHORIZATION_DENIED', facts: { principal: 'User:ANONYMOUS', operation: 'DESCRIBE' } });
  }
  // A query without a table takes time and memory all the same: nobody unknown has it.
  const query = { body: { statement: 'SELECT 1' } };
  expect((await call(`${n2.url}/v1/sql`, query)).json).toMatchObject({
    code: 'AUTHORIZATION_DENIED',
    facts: { principal: 'User:ANONYMOUS', operation: 'DESCRIBE' },
  });
  expect((await call(`${n2.url}/v1/sql`, { ...query, headers: as('eve') })).json).toMatchObject({ code: 'HISTORY_UNAVAILABLE' });
  const position = await grant('', entry('DESCRIBE', 'ANONYMOUS'));
  expect((await nobody(`/v1/status?atLeast=${position}`)).status).toBe(200);
  expect((await nobody('/metrics')).status).toBe(200);
  await revoke('ANONYMOUS');
});

describe('why', () => {
  let position: number;
  beforeAll(async () => {
    position = await grant('freeze for migration', entry('WRITE', 'etl', 'DENY', 'shop.orders'), entry('ALL', 'etl', 'ALLOW', 'shop'));
    await grant('', entry('DESCRIBE', 'dana'));
  });
  afterAll(async () => {
    await revoke('etl');
    await revoke('dana');
  });
  const ask = (name: string, query: string, served = n1) => get(name, `/v1/authorization?${query}`, served);

  test('the entry, who granted it, when, through what and why', async () => {
    const { json } = await ask('dana', `principal=User:etl&operation=write&resource=shop.orders&atLeast=${position}`, n2);
    expect(json).toMatchObject({
      isAllowed: false,
      because: 'entry',
      words: 'DENY WRITE on shop.orders for User:etl from any host',
      principal: 'User:etl',
      operation: 'WRITE',
      entry: { permission: 'DENY', position, grantedBy: 'User:root', interface: 'operator', reason: 'freeze for migration' },
    });
  });

  test.each([
    ['etl', 'operation=READ&resource=shop.orders', true, 'ALLOW ALL on shop for User:etl from any host'],
    ['etl', 'operation=DELETE&resource=shop', true, 'ALLOW ALL on shop for User:etl from any host'],
    ['etl', 'operation=READ&resource=cluster', false, 'no entry allows User:etl to READ on cluster'],
    ['root', 'operation=ALL&resource=*', true, 'User:root is a super user (super.users)'],
    [
      'root',
      'principal=User:meta-service&operation=ALL&resource=CLUSTER',
      true,
      'User:meta-service may do everything through the Meta Service',
    ],
  ])('%s asks %s: %s', async (name, query, isAllowed, words) => {
    expect((await ask(name, query)).json).toMatchObject({ isAllowed, words });
  });

  test('is told about others to those who may look, and to nobody about mistakes in the question', async () => {
    const about = 'principal=User:root&operation=READ&resource=shop';
    expect((await ask('etl', about)).json).toMatchObject({ code: 'AUTHORIZATION_DENIED', facts: { principal: 'User:etl' } });
    for (const [query, field] of [
      ['operation=READ&resource=a.b.c', 'resource'],
      ['operation=SING&resource=shop', 'operation'],
      ['operation=READ&resource=shop&principal=', 'principal'],
      ['operation=READ&resource=shop&host=', 'host'],
      ['operation=READ', 'resource'],
    ])
      expect((await ask('root', query ?? '')).json, query).toMatchObject({ status: 400, field });
  });

  test('whoami', async () => {
    expect((await get('etl', '/v1/whoami')).json).toMatchObject({
      principal: 'User:etl',
      host: '127.0.0.1',
      method: 'basic',
      isSuperUser: false,
      isAuthorizing: true,
    });
    expect((await get('root', '/v1/whoami')).json).toMatchObject({ isSuperUser: true });
  });
});

describe('denials', () => {
  test('are kept, the newest first and no more than wanted, on the node that was asked; counted by interface', async () => {
    const before = (await get('root', '/v1/denials')).json;
    for (const key of ['a', 'b', 'c', 'd', 'e'])
      await call(`${n1.url}/v1/configs/datalake.${key}`, { method: 'PUT', body: { value: 'x' }, headers: as('eve') });
    await call(`${n1.url}/v1/sql`, { body: { statement: 'CALL sys.get_cluster_configs()' }, headers: as('eve') });
    const { json } = await get('root', '/v1/denials');
    const listed = json['denials'] as readonly Record<string, unknown>[];
    expect(json['kept']).toBe(4);
    expect(listed.map(({ interface: through, operation, what }) => [through, what, operation])).toEqual([
      ['sql', 'CALL sys.get_cluster_configs', 'DESCRIBE'],
      ...Array.from({ length: 3 }, () => ['operator', 'alterClusterConfigs', 'ALTER']),
    ]);
    expect(listed[0]).toMatchObject({ principal: 'User:eve', host: '127.0.0.1', resource: 'cluster' });
    const counted = (given: unknown, through: string): number => Number((given as Record<string, number>)[through] ?? 0);
    expect(counted(json['counts'], 'operator') - counted(before['counts'], 'operator')).toBe(5);
    expect(JSON.stringify((await get('root', '/v1/denials', n2)).json['denials'])).not.toContain('alterClusterConfigs');
    expect((await get('eve', '/metrics')).text).toContain(`chancery_denials_total{interface="sql"} ${counted(json['counts'], 'sql')}`);
    expect((await get('eve', '/v1/denials')).status).toBe(403);
  });

  test('of a command are told by whoever was asked, wherever the leader is', async () => {
    const { json, status } = await call(`${n2.url}/v1/acts/dropInstance`, { body: { instanceId: 'i1' }, headers: as('eve') });
    expect(status).toBe(403);
    expect(json).toMatchObject({
      code: 'AUTHORIZATION_DENIED',
      detail: 'User:eve may not DROP on cluster: nothing allows it',
      facts: { principal: 'User:eve', operation: 'DROP', resource: 'cluster' },
    });
    expect((await get('root', '/v1/denials?limit=1', n2)).json['denials']).toMatchObject([{ what: 'dropInstance', operation: 'DROP' }]);
  });

  test('of a statement stop the script, and say what is missing', async () => {
    const statement = 'SHOW TABLES; CALL sys.set_cluster_configs($$datalake.x$$, $$y$$); SHOW TABLES'.replaceAll('$$', "'");
    const { json, status } = await call(`${n1.url}/v1/sql`, { body: { statement }, headers: as('eve') });
    expect(status).toBe(403);
    expect(json).toMatchObject({ code: 'AUTHORIZATION_DENIED', statementIndex: 1, facts: { operation: 'ALTER' } });
    expect(json['results']).toHaveLength(1);
  });
});

describe('the command line', () => {
  const written = { out: '', err: '' };
  const stream = (name: 'out' | 'err') => ({
    write: (said: string) => {
      written[name] += said;
      return true;
    },
    once: () => {},
  });
  const run = async (command: (terminal: Parameters<typeof can>[1]) => Promise<void>): Promise<string> => {
    Object.assign(written, { out: '', err: '' });
    await command({ out: stream('out'), err: stream('err'), env: {} });
    return written.out;
  };

  test('whoami, can, denials', async () => {
    const root = { operator: n1.url, ...as('root') };
    expect(await run((terminal) => whoami(root, terminal))).toBe(
      'User:root from 127.0.0.1, by a password\na super user: may do everything\n',
    );
    const position = await grant('night shift', entry('ALTER', 'dana'));
    const asked = { ...root, principal: 'User:dana', operation: 'ALTER', resource: 'cluster' };
    const shown = await run((terminal) => can(asked, terminal));
    expect(shown).toMatch(
      /^allowed: ALLOW ALTER on cluster for User:dana from any host\nposition \d+ · [\d:]+ · User:root · "night shift" · over operator\n$/,
    );
    expect(shown).toContain(`position ${position} `);
    const no = { status: 1, message: 'denied: no entry allows User:dana to DROP on shop', more: [] };
    await expect(run((terminal) => can({ ...asked, operation: 'DROP', resource: 'shop' }, terminal))).rejects.toMatchObject(no);
    await expect(run((terminal) => can({ ...asked, operation: 'DROP', resource: 'shop', json: true }, terminal))).rejects.toMatchObject(no);
    expect(JSON.parse(written.out)).toMatchObject({ isAllowed: false, because: 'nothing' });
    await get('eve', '/v1/instances');
    expect(await run((terminal) => denials({ ...root, limit: 1 }, terminal))).toMatch(
      /^[\d:]+ {2}User:eve from 127.0.0.1 {2}GET \/v1\/instances {2}DESCRIBE cluster {2}operator\n$/,
    );
    expect(written.err).toMatch(/^\d+ denied on this node since it came up\n$/);
    await revoke('dana');
  });
});

test('a server with a route of which nothing is said does not start', async () => {
  const http = fastify();
  authorizeReads(http, n1.node);
  expect(() => http.get('/v1/forgotten', () => 'everything')).toThrow('GET /v1/forgotten is not in operatorAccess');
  await http.close();
});
