/**
 * Goal: instances over HTTP: statuses, bytes and the plain RPC form, as far as they depend on the route and not on the decision.
 * Method: one node on the in-memory log, asked over real sockets.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ServedMetaService, serveMetaService } from './support.ts';

let served: ServedMetaService;
let number = 0;
beforeAll(async () => {
  served = await serveMetaService();
});
afterAll(() => served.stop());

const objInfo = {
  ak: 'AK',
  sk: 'SK',
  bucket: 'b',
  prefix: 'p',
  endpoint: 'e',
  external_endpoint: 'x',
  region: 'r',
  provider: 'COS',
};
const created = async (fields: object = {}): Promise<string> => {
  number += 1;
  const instanceId = `i${number}`;
  expect((await served.post('create_instance', { instance_id: instanceId, ...fields })).json).toEqual({ code: 'OK', msg: '' });
  return instanceId;
};

test('get_instance shows what is stored, byte for byte, and no vault', async () => {
  const id = await created({
    user_id: 'u',
    name: 'n',
    ram_user: { user_id: 'ram', ak: 'RAK', sk: 'RSK' },
    vault: { obj_info: objInfo },
  });
  const shown = await served.post(`get_instance?instance_id=${id}`, undefined, { method: 'GET' });
  expect(shown.status).toBe(200);
  expect(shown.text).toBe(`{
    "code": "OK",
    "msg": "",
    "result": {
        "user_id": "u",
        "instance_id": "${id}",
        "name": "n",
        "status": "NORMAL",
        "ram_user": {
            "user_id": "ram",
            "ak": "RAK",
            "sk": "RSK",
            "encryption_info": {
                "encryption_method": "AES_256_GCM",
                "key_id": "1"
            }
        },
        "iam_user": {
            "user_id": "",
            "ak": "",
            "sk": "",
            "external_id": "${id}"
        },
        "sse_enabled": false,
        "resource_ids": [
            "1"
        ],
        "storage_vault_names": [
            "built_in_storage_vault"
        ],
        "enable_storage_vault": true
    }
}
`);
});

test('an instance that is not there has an empty result', async () => {
  const unknown = await served.post('get_instance?instance_id=nobody');
  expect(unknown.status).toBe(500);
  expect(unknown.json).toEqual({
    code: 'INTERNAL_ERROR',
    msg: 'failed to get instance, info=failed to get instance, instance_id=nobody err=KeyNotFound',
    result: {},
  });
  const unresolved = await served.post('get_instance?cloud_unique_id=1:nobody:x');
  expect(unresolved.status).toBe(400);
  expect(unresolved.json).toMatchObject({ msg: 'cannot find instance_id with cloud_unique_id=1:nobody:x', result: {} });
});

test('clusters and their nodes come with their instance, found by a node of it', async () => {
  const id = await created();
  const nodes = [{ cloud_unique_id: `free-${id}`, ip: '10.0.0.1', heartbeat_port: 9050 }];
  await served.post('add_cluster', { instance_id: id, cluster: { cluster_id: 'c', cluster_name: 'n', type: 'COMPUTE', nodes } });
  const shown = await served.post(`get_instance?cloud_unique_id=free-${id}`);
  expect(shown.json).toMatchObject({ result: { instance_id: id, clusters: [{ cluster_id: 'c', nodes: [{ ip: '10.0.0.1' }] }] } });
  expect((await served.post('drop_instance', { instance_id: id })).json).toMatchObject({
    code: 'INVALID_ARGUMENT',
    msg: 'failed to drop instance, instance has clusters',
  });
});

test('the plain RPC form gives names of codes, numbers as numbers, and takes the operation from the caller', async () => {
  const id = await created({ obj_info: objInfo });
  expect((await served.rpc('create_instance', { instance_id: id })).json).toEqual({
    status: { code: 'ALREADY_EXISTED', msg: `instance already existed, instance_id=${id}` },
  });
  const alter = async (op: unknown, more: object = {}) => (await served.rpc('alter_instance', { instance_id: id, op, ...more })).json;
  const ok = { status: { code: 'OK', msg: '' } };
  expect(await alter('RENAME', { name: 'two' })).toEqual(ok);
  expect(await alter('SET_OVERDUE')).toEqual(ok);
  expect(await alter('ENABLE_SSE')).toEqual(ok);
  expect(await alter('REFRESH')).toEqual(ok);
  expect(await alter('DROP')).toEqual(ok);
  expect(await alter(undefined)).toEqual({ status: { code: 'INVALID_ARGUMENT', msg: 'invalid request op, op=0' } });
  expect(await alter('SET_SNAPSHOT_PROPERTY')).toEqual({ status: { code: 'INVALID_ARGUMENT', msg: 'invalid request op, op=8' } });
  expect((await served.rpc('alter_instance', { instance_id: 'nobody', op: 'REFRESH' })).json).toMatchObject({
    status: { code: 'CLUSTER_NOT_FOUND' },
  });
  expect((await served.rpc('alter_instance', { op: 'REFRESH' })).json).toMatchObject({ status: { code: 'INVALID_ARGUMENT' } });
  const seconds: unknown = expect.any(Number);
  expect((await served.rpc('get_instance', { instance_id: id })).json).toMatchObject({
    ...ok,
    instance: { name: 'two', status: 'DELETED', sse_enabled: true, mtime: seconds, obj_info: [{ ctime: seconds, sse_enabled: true }] },
  });
  expect((await served.rpc('get_instance', {})).json).toEqual({
    status: { code: 'INVALID_ARGUMENT', msg: 'empty instance_id and cloud_unique_id' },
  });
});

test('set_instance_status lets two operations through', async () => {
  const id = await created();
  const set = async (op: unknown) => (await served.post('set_instance_status', { instance_id: id, op })).json;
  expect(await set('DROP')).toEqual({ code: 'INVALID_ARGUMENT', msg: 'invalid request op, op=1' });
  expect(await set(99)).toEqual({ code: 'INVALID_ARGUMENT', msg: 'invalid request op, op=99' });
  expect(await set(undefined)).toEqual({ code: 'INVALID_ARGUMENT', msg: 'invalid request op, op=0' });
  expect(await set(6)).toEqual({ code: 'OK', msg: '' });
  expect(await set('SET_NORMAL')).toEqual({ code: 'OK', msg: '' });
});

test('a request that is sent again with its key is done once, its random ending the same', async () => {
  const body = {
    instance_id: 'again',
    vault: { hdfs_info: { build_conf: { fs_name: 'hdfs://h' }, prefix: 'p' } },
    ram_user: { user_id: 'u', ak: 'a', sk: 's' },
  };
  const headers = { 'idempotency-key': 'create-again' };
  const first = await served.post('create_instance', body, { headers });
  const second = await served.post('create_instance', body, { headers });
  expect([first.json, second.json]).toEqual([
    { code: 'OK', msg: '' },
    { code: 'OK', msg: '' },
  ]);
  expect(second.headers['chancery-position']).toBe(first.headers['chancery-position']);
  const shown = await served.rpc('get_obj_store_info', { cloud_unique_id: '1:again:x' });
  expect(shown.json).toMatchObject({ storage_vault: [{ hdfs_info: { prefix: expect.stringMatching(/^p_[0-9a-f]{32}$/) } }] });
});

test('a field that cannot be taken is named, and nothing is written', async () => {
  const { position } = served.node.state;
  const long = await served.post('create_instance', { instance_id: 'x'.repeat(1025) });
  expect([long.status, long.json]).toMatchObject([400, { code: 'INVALID_ARGUMENT', msg: expect.stringMatching(/^invalid instance_id: /) }]);
  const control = await served.post('create_instance', { instance_id: 'a\u0007b' });
  expect([control.status, control.json]).toMatchObject([
    400,
    { msg: expect.stringMatching(/^invalid instance_id: no control characters/) },
  ]);
  expect(served.node.state.position).toBe(position);
});
