/**
 * Goal: what the Meta Service does can be done and seen here too: same checks, same history, keys never in clear.
 * Method: a real server over a real node on the in-memory log, asked with fetch.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { actCommands } from '../../src/interfaces/operator/acts.ts';
import { call, type Served, ServedCluster } from './support.ts';

const cluster = new ServedCluster();
let n1: Served;
beforeAll(async () => {
  n1 = await cluster.start('n1');
  await cluster.ready(n1);
});
afterAll(() => cluster.stop());

const act = (command: string, body: object, headers: Record<string, string> = {}, query = '') =>
  call(`${n1.url}/v1/acts/${command}${query}`, { method: 'POST', body, headers });
const store = { bucket: 'b', endpoint: 'e', region: 'r', provider: 'S3', externalEndpoint: 'x', userId: 'u1' };
const node = (n: number) => ({ cloudUniqueId: `1:i1:n${n}`, ip: `10.0.0.${n}`, heartbeatPort: 9050 });

describe('an instance', () => {
  test('is created with keys that nobody sees again, clustered, and shown with all that belongs to it', async () => {
    const created = await act(
      'createInstance',
      { instanceId: 'i1', instanceName: 'first', objInfo: { ...store, ak: 'AK-in-clear', sk: 'SK-in-clear' } },
      {},
      '?reason=the+new+tenant',
    );
    expect(created.json).toEqual({ position: n1.node.state.position, changed: true, duplicate: false });
    const added = await act('addCluster', {
      instanceId: 'i1',
      cluster: { clusterId: 'c1', clusterName: 'etl', type: 'COMPUTE', nodes: [node(1)] },
    });
    expect(added.status).toBe(200);
    const { json } = await call(`${n1.url}/v1/instances/i1?atLeast=${String(added.json['position'])}`);
    expect(json).toMatchObject({
      instance: { instanceId: 'i1', name: 'first', status: 'NORMAL' },
      clusters: [{ clusterId: 'c1', clusterName: 'etl', nodes: [{ ip: '10.0.0.1' }] }],
      storage: { objectStores: [{ id: '1', bucket: 'b', ak: 'sealed', sk: 'sealed' }] },
    });
    const { events } = await n1.history.events({ limit: 10, order: 'descending' });
    expect(events.map(({ type }) => type).slice(0, 4)).toEqual(['NodesAdded', 'ClusterAdded', 'ObjectStoreAdded', 'InstanceCreated']);
    expect(events[3]?.act).toMatchObject({ command: 'createInstance', interface: 'operator', reason: 'the new tenant' });
    for (const text of [JSON.stringify(json), JSON.stringify(events), cluster.hub.texts(0, 1000).join('\n')])
      expect(text).not.toMatch(/in-clear/);
  });

  test('is done once for an idempotency key, keys and all', async () => {
    const body = { instanceId: 'i2', objInfo: { ...store, ak: 'a', sk: 's' } };
    const headers = { 'idempotency-key': 'create-i2' };
    const first = await act('createInstance', body, headers);
    const again = await act('createInstance', body, headers);
    expect(again.json).toEqual({ position: first.json['position'], changed: true, duplicate: true });
    const other = await act('createInstance', { ...body, objInfo: { ...store, ak: 'a', sk: 'other' } }, headers);
    expect([other.status, other.json['code']]).toEqual([409, 'IDEMPOTENCY_KEY_REUSED']);
  });

  test('is listed by id, a page at a time', async () => {
    for (const instanceId of ['p3', 'p1', 'p2']) await act('createInstance', { instanceId });
    const { json } = await call(`${n1.url}/v1/instances?after=p&limit=2`);
    expect(json['instances']).toMatchObject([{ instanceId: 'p1' }, { instanceId: 'p2' }]);
    const rest = await call(`${n1.url}/v1/instances?limit=2&after=${String(json['next'])}`);
    expect(rest.json['instances']).toMatchObject([{ instanceId: 'p3' }]);
    expect(rest.json).not.toHaveProperty('next');
  });
});

describe('a refusal', () => {
  test.each([
    ['an instance that exists', 'createInstance', { instanceId: 'i1' }, 409, 'INSTANCE_EXISTS'],
    [
      'an illegal change of status',
      'setClusterStatus',
      { instanceId: 'i1', cluster: { clusterId: 'c1', clusterStatus: 'TO_RESUME' } },
      409,
    ],
    [
      'a sealed key from outside',
      'setRamUser',
      { instanceId: 'i1', ramUser: { userId: 'u', ak: { keyId: 'k' }, sk: 's' } },
      400,
      'MALFORMED_REQUEST',
      'ramUser.ak',
    ],
    ['a field that is none', 'dropInstance', { instanceId: 'i1', force: true }, 400, 'MALFORMED_REQUEST', 'force'],
    ['an id with a line break', 'dropInstance', { instanceId: 'i\n1' }, 400, 'MALFORMED_REQUEST', 'instanceId'],
  ] as const)('%s', async (_, command, body, status, code?: string, field?: string) => {
    const before = n1.node.state.position;
    const { json, status: got } = await act(command, body);
    expect(got, JSON.stringify(json)).toBe(status);
    if (code !== undefined) expect(json['code']).toBe(code);
    if (field !== undefined) expect(json['field']).toBe(field);
    expect(n1.node.state.position).toBe(before);
  });

  test.each([
    ['of the act', 'dropInstance', { instanceId: 'i1', force: true }, 'force', "there is no field 'force' here; there is instanceId"],
    [
      'further in',
      'setRamUser',
      { instanceId: 'i1', ramUser: { userId: 'u', acces_key: 'a' } },
      'ramUser.acces_key',
      "there is no field 'acces_key' here; there are userId, ak, sk, externalId",
    ],
    [
      'in a list',
      'addNodes',
      { instanceId: 'i1', cluster: { nodes: [{ adress: '10.0.0.1' }] } },
      'cluster.nodes[0].adress',
      /^there is no field 'adress' here; there are cloudUniqueId, .*\bip\b/,
    ],
  ])('a field that is none, %s, names those that are', async (_, command, body, field, detail) => {
    const { json, status } = await act(command, body);
    expect([status, json['code'], json['field']]).toEqual([400, 'MALFORMED_REQUEST', field]);
    expect(json['detail']).toEqual(typeof detail === 'string' ? detail : expect.stringMatching(detail));
  });

  test('an instance that nobody knows', async () => {
    const { json, status } = await call(`${n1.url}/v1/instances/nobody`);
    expect([status, json['code'], json['field']]).toEqual([404, 'UNKNOWN_RESOURCE', 'instanceId']);
  });

  test('an act that is no act', async () => {
    expect((await act('takeLeadership', { nodeId: 'n9', epoch: 9, staticConfigs: {} })).status).toBe(404);
  });
});

test('the API description tells of every act, with keys as texts', async () => {
  const { json } = await call(`${n1.url}/openapi.json`);
  const paths = json['paths'] as Readonly<Record<string, unknown>>;
  for (const { name } of actCommands) expect(Object.keys(paths)).toContain(`/v1/acts/${name}`);
  const text = JSON.stringify(paths['/v1/acts/setServiceIdentity']);
  expect(text).toContain('In clear; it is sealed before it is logged.');
  expect(text).not.toContain('fingerprint');
});
