/**
 * Goal: the access control list over HTTP: granted, listed and revoked all or nothing, with positions; a fault names its field.
 * Method: a real server over a real node with an authorizer, asked with fetch.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { call, type Served, ServedCluster } from './support.ts';

const text = (value: string) => ({ kind: 'text', text: value }) as const;
const cluster = new ServedCluster();
let n1: Served;
beforeAll(async () => {
  n1 = await cluster.start('n1', { staticConfigs: { 'authorizer.enabled': text('true'), 'super.users': text('User:root') } });
  await cluster.ready(n1);
});
afterAll(() => cluster.stop());
beforeEach(async () => {
  await revoke('resource=ANY');
});

const grant = (acls: unknown, more: object = {}, headers: Record<string, string> = {}) =>
  call(`${n1.url}/v1/acls`, { body: { acls, ...more }, headers });
const list = (query = '') => call(`${n1.url}/v1/acls?${query}`);
const revoke = (query: string) => call(`${n1.url}/v1/acls?${query}`, { method: 'DELETE' });
const entry = { resource: 'shop.orders', permission: 'DENY', principal: 'User:etl', operation: 'WRITE' };
const shown = (json: Readonly<Record<string, unknown>>) =>
  (json['acls'] as readonly Record<string, unknown>[]).map((each) => each['resource']);

test('granted, listed with who, when and where, and revoked', async () => {
  const others = [
    { ...entry, resource: 'cluster.shop', permission: 'allow', operation: 'delete', host: '10.0.0.1' },
    { ...entry, resource: 'CLUSTER', permission: 'ALLOW', principal: 'ALL' },
  ];
  const granted = await grant([entry, ...others], { reason: 'freeze for migration' });
  const { position } = granted.json;
  expect([granted.status, granted.json]).toEqual([200, { position: n1.node.state.position, changed: true, duplicate: false }]);
  const [event] = (await n1.history.events({ limit: 1, order: 'descending' })).events;
  const act = { principal: 'User:root', host: '127.0.0.1', interface: 'operator', reason: 'freeze for migration' };
  expect(event).toMatchObject({ type: 'AclGranted', act });

  const { json, headers } = await list(`atLeast=${String(position)}`);
  const by = { position, grantedAt: event?.at, grantedBy: 'User:root' };
  expect(json).toEqual({
    acls: [
      { resource: 'cluster', permission: 'ALLOW', principal: '*:*', operation: 'WRITE', host: '*', ...by },
      { resource: 'shop', permission: 'ALLOW', principal: 'User:etl', operation: 'DROP', host: '10.0.0.1', ...by },
      { ...entry, host: '*', ...by },
    ],
    total: 3,
    provenance: { nodeId: 'n1', position, epoch: n1.node.state.epoch, at: n1.node.state.at },
  });
  expect(headers.get('chancery-position')).toBe(String(position));

  const revoked = await revoke('principal=User:etl&reason=migrated');
  expect(revoked.json).toEqual({ position: n1.node.state.position, changed: true, duplicate: false });
  expect(shown((await list()).json)).toEqual(['cluster']);
  expect((await revoke('principal=User:etl')).json).toMatchObject({ changed: false });
});

test('the same key again grants nothing more', async () => {
  const headers = { 'idempotency-key': 'grant-once' };
  const once = await grant([entry], {}, headers);
  expect((await grant([entry], {}, headers)).json).toEqual({ ...once.json, duplicate: true });
  expect((await grant([{ ...entry, host: '10.0.0.1' }], {}, headers)).json['code']).toBe('IDEMPOTENCY_KEY_REUSED');
});

test('filters, each by itself, and pages', async () => {
  const databases = Array.from({ length: 25 }, (_, i) => ({ ...entry, resource: `db${String(i).padStart(2, '0')}` }));
  await grant([...databases, { ...entry, permission: 'ALLOW', host: '10.0.0.1' }, { ...entry, principal: '*:*', operation: 'READ' }]);
  const total = async (query: string) => (await list(query)).json['total'];
  for (const [query, count] of [
    ['', 27],
    ['resource=ANY&permission=any&principal=ANY&operation=ANY&host=ANY', 27],
    ['resource=db07', 1],
    ['resource=shop', 0],
    ['permission=ALLOW', 1],
    ['principal=ALL', 1],
    ['operation=read', 1],
    ['host=10.0.0.1', 1],
    ['host=*', 26],
  ] as const)
    expect(await total(query), query).toBe(count);
  const pages: unknown[] = [];
  let next: unknown = 0;
  for (let page = 0; page < 5 && next !== undefined; page += 1) {
    const { json } = await list(`limit=10&offset=${String(next)}`);
    pages.push(...shown(json));
    next = json['next'];
  }
  expect(pages).toEqual([...databases.map(({ resource }) => resource), 'shop.orders', 'shop.orders']);
});

describe('what is wrong is named', () => {
  test.each<[what: string, acls: unknown, field: string]>([
    ['no entries', [], 'acls'],
    ['a word that is none', [entry, { ...entry, operation: 'EAT' }], 'acls[1].operation'],
    ['a permission', [{ ...entry, permission: 'MAYBE' }], 'acls[0].permission'],
    ['a principal', [{ ...entry, principal: 'etl' }], 'acls[0].principal'],
    ['a resource', [{ ...entry, resource: 'a.b.c' }], 'acls[0].resource'],
    ['ANY', [{ ...entry, principal: 'ANY' }], 'acls[0].principal'],
    ['nobody', [entry, { ...entry, principal: 'User:*' }], 'acls[1].principal'],
    ['two lines', [{ ...entry, host: 'a\nb' }], 'acls[0].host'],
    ['an unknown field', [{ ...entry, who: 'x' }], 'acls[0].who'],
  ])('%s', async (_, acls, field) => {
    const { status, json } = await grant(acls);
    expect([status, json['code'], json['field']]).toEqual([400, 'MALFORMED_REQUEST', field]);
    expect((await list()).json['total']).toBe(0);
  });

  test('a filter, and none at all', async () => {
    await grant([entry]);
    expect((await revoke('')).json).toMatchObject({ code: 'MALFORMED_REQUEST', detail: expect.stringContaining('resource=ANY') });
    expect((await revoke('operation=EAT')).json).toMatchObject({ field: 'operation' });
    expect((await list('resource=a..b')).json).toMatchObject({ field: 'resource', detail: expect.stringContaining("'a..b' is not") });
    expect((await list()).json['total']).toBe(1);
  });
});

test('the description names the routes', async () => {
  const { json } = await call(`${n1.url}/openapi.json`);
  const paths = json['paths'] as Readonly<Record<string, object>>;
  expect(Object.keys(paths['/v1/acls'] ?? {}).sort()).toEqual(['delete', 'get', 'post']);
});

test('without an authorizer every one of them says so', async () => {
  const open = new ServedCluster();
  const n2 = await open.start('n2');
  await open.ready(n2);
  const answers = await Promise.all([
    call(`${n2.url}/v1/acls`),
    call(`${n2.url}/v1/acls`, { body: { acls: [entry] } }),
    call(`${n2.url}/v1/acls?resource=ANY`, { method: 'DELETE' }),
  ]);
  expect(answers.map(({ status, json }) => [status, json['code']])).toEqual(Array(3).fill([409, 'SECURITY_DISABLED']));
  await open.stop();
});
