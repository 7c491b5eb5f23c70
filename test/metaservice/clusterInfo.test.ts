/**
 * Goal: cloud_cluster_status lists the backends of compute clusters with what they reported, to those who may see it, in the form of the
 * frontends: always HTTP 200, the real code in the body.
 * Method: over HTTP; clusters come through the Meta Service, reports are put where the leader keeps them.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ask, type Reply, type ServedMetaService, serveMetaService } from './support.ts';

let served: ServedMetaService;
const path = '/rest/v2/manager/cluster/cluster_info/cloud_cluster_status';
const basic = (user: string, password: string): string => `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
const get = (authorization?: string, query = ''): Promise<Reply> =>
  ask(`${served.url}${path}${query}`, { method: 'GET', headers: authorization === undefined ? {} : { authorization } });
const admin = basic('admin', 'pass:word');

const node = (ip: string, heartbeatPort: number) => ({ cloud_unique_id: `1:i1:${ip}`, ip, heartbeat_port: heartbeatPort });
const silent = { bePort: -1, httpPort: -1, brpcPort: -1, currentFragmentNum: 0, lastFragmentUpdateTime: 0 };

beforeAll(async () => {
  served = await serveMetaService({ adminPassword: 'pass:word' });
  const cluster = (instance: string, id: string, nodes: readonly object[]) => ({
    instance_id: instance,
    cluster: { cluster_id: id, cluster_name: id, type: 'COMPUTE', nodes },
  });
  const frontend = { cloud_unique_id: '1:i1:fe', ip: '10.0.9.1', edit_log_port: 9010, node_type: 'FE_MASTER' };
  for (const [route, body] of [
    ['create_instance', { instance_id: 'i1', user_id: 'u' }],
    ['create_instance', { instance_id: 'i2', user_id: 'u' }],
    ['add_cluster', cluster('i1', 'c1', [node('10.0.0.1', 9050), { ...node('10.0.0.2', 9050), host: 'be2' }])],
    ['add_cluster', cluster('i1', 'empty', [])],
    ['add_cluster', { instance_id: 'i1', cluster: { cluster_id: 'fe', cluster_name: 'fe', type: 'SQL', nodes: [frontend] } }],
    ['add_cluster', cluster('i2', 'c1', [{ ...node('10.0.0.3', 9050), cloud_unique_id: '1:i2:x' }])],
  ] as const)
    expect((await served.post(route, body)).json, route).toEqual({ code: 'OK', msg: '' });
});
afterAll(async () => await served.stop());

describe('who may see it', () => {
  test.each([
    ['nobody in particular', undefined, 'Need auth information.'],
    ['one word', 'Basic', 'Need auth information.'],
    ['three words', 'Basic a b', 'Need auth information.'],
    ['a wrong password', basic('root', 'wrong'), 'Access denied for root'],
    ['a password without a user', basic('', 'pass:word'), 'Access denied for '],
    ['a user without the right', basic('dana', 'pass:word'), 'Access denied for dana'],
    ['another scheme', `Bearer ${basic('root', 'pass:word').slice(6)}`, 'Access denied for root'],
  ])('not %s', async (_, authorization, data) => {
    const reply = await get(authorization);
    expect([reply.status, reply.text]).toEqual([200, JSON.stringify({ msg: 'Unauthorized', code: 401, data, count: 0 })]);
  });

  test.each(['root', 'admin'])('%s', async (user) => {
    expect((await get(basic(user, 'pass:word'))).json).toMatchObject({ msg: 'success', code: 0, count: 0 });
  });
});

test('backends by their clusters, empty clusters and frontends left out, clusters of one id together', async () => {
  const reply = await get(admin);
  expect(reply.status).toBe(200);
  expect(reply.json).toEqual({
    msg: 'success',
    code: 0,
    data: {
      c1: [
        { host: '10.0.0.1', heartbeatPort: 9050, ...silent },
        { host: 'be2', heartbeatPort: 9050, ...silent },
        { host: '10.0.0.3', heartbeatPort: 9050, ...silent },
      ],
    },
    count: 0,
  });
  expect((await get(admin, '?instance_id=i2')).json?.['data']).toEqual({ c1: [{ host: '10.0.0.3', heartbeatPort: 9050, ...silent }] });
  expect((await get(admin, '?instance_id=unknown')).json?.['data']).toEqual({});
});

test('a backend that reported is shown with what it said', async () => {
  const said = { bePort: 9060, httpPort: 8040, brpcPort: 8060, currentFragmentNum: 3, lastFragmentUpdateTime: 1_795_176_000_000 };
  served.heartbeats.record({ instanceId: 'i1', host: 'be2', heartbeatPort: 9050, ...said });
  expect((await get(admin, '?instance_id=i1')).json?.['data']).toEqual({
    c1: [
      { host: '10.0.0.1', heartbeatPort: 9050, ...silent },
      { host: 'be2', heartbeatPort: 9050, ...said },
    ],
  });
});
