/**
 * Goal: decode_key, encode_key, get_value and set_value answer what the contract says, text by text, mistakes included.
 * Method: over HTTP, on a node of its own.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ServedMetaService, serveMetaService } from './support.ts';

let served: ServedMetaService;
beforeAll(async () => {
  served = await serveMetaService();
});
afterAll(async () => await served.stop());

const invalid = (msg: string) => ({ code: 'INVALID_ARGUMENT', msg });
const hex = '0110696e7374616e6365000110746573740001';
const drawing = `┌───────────────────────── 0. key space: 1
│ ┌─────────────────────── 1. instance
│ │                     ┌─ 2. test
│ │                     │ ${''}
▼ ▼                     ▼ ${''}
${hex}
`;
const escaped = String.raw`\x01\x10\x69\x6e\x73\x74\x61\x6e\x63\x65\x00\x01\x10\x74\x65\x73\x74\x00\x01`;

describe('decode_key', () => {
  test('draws, and ends in two newlines', async () => {
    const reply = await served.post(`decode_key?key=${hex}`, undefined, { method: 'GET' });
    expect([reply.status, reply.text]).toEqual([200, `${drawing}\n`]);
    expect((await served.post(`decode_key?unicode=yes&key=${hex}`)).text).toBe(`${drawing}\n`);
  });

  test('draws in ASCII', async () => {
    expect((await served.post(`decode_key?unicode=false&key=${hex}`)).text).toMatch(/^\/-+ 0\. key space: 1\n\| \/-+ 1\. instance\n/);
  });

  test.each([
    ['decode_key', 'no key to decode'],
    ['decode_key?key=', 'no key to decode'],
    ['decode_key?key=xyz', 'failed to decode key, key=xyz'],
    ['decode_key?key=0199', 'failed to decode key, key=0199'],
    ['decode_key?key=01106162', 'failed to decode key, key=01106162'],
  ])('%s', async (route, msg) => {
    const reply = await served.post(route);
    expect([reply.status, reply.json]).toEqual([400, invalid(msg)]);
  });
});

describe('encode_key', () => {
  test('draws, and writes the key out', async () => {
    const reply = await served.post('encode_key?key_type=InstanceKey&instance_id=test');
    expect([reply.status, reply.text]).toEqual([200, `${drawing}${escaped}\n\n`]);
  });

  test('integers are exact to the last of 64 bits', async () => {
    const reply = await served.post('encode_key?key_type=TxnIndexKey&instance_id=i1&txn_id=9223372036854775807');
    expect(reply.text).toContain('4. 9223372036854775807\n');
    expect((await served.post('encode_key?key_type=TxnIndexKey&instance_id=i1&txn_id=-9223372036854775808')).text).toContain(
      '-9223372036854775808\n',
    );
  });

  test('a released name of a key still counts', async () => {
    const fields = 'instance_id=i1&db_id=1&tbl_id=2&partition_id=3';
    const [old, present] = await Promise.all(
      ['VersionKey', 'PartitionVersionKey'].map((type) => served.post(`encode_key?key_type=${type}&${fields}`)),
    );
    expect(old?.status).toBe(200);
    expect(old?.text).toBe(present?.text);
  });

  test.each([
    ['encode_key', 'key_type not supported: (empty)'],
    ['encode_key?key_type=NoKey', 'key_type not supported: NoKey'],
    ['encode_key?key_type=constructor', 'key_type not supported: constructor'],
    ['encode_key?key_type=InstanceKey', 'instance_id is not given or empty'],
    ['encode_key?key_type=InstanceKey&instance_id=', 'instance_id is not given or empty'],
    ['encode_key?key_type=TxnInfoKey&txn_id=1&instance_id=i1', 'db_id is not given or empty'],
    ['encode_key?key_type=TxnInfoKey', 'instance_id is not given or empty'],
    ['encode_key?key_type=MetaDeleteBitmap&instance_id=i1&tablet_id=1&rowset_id=r', 'rowest_id is not given or empty'],
    ['encode_key?key_type=TxnIndexKey&instance_id=i1&txn_id=one', 'txn_id is not a 64-bit integer: one'],
    ['encode_key?key_type=TxnIndexKey&instance_id=i1&txn_id=9223372036854775808', 'txn_id is not a 64-bit integer: 9223372036854775808'],
  ])('%s', async (route, msg) => {
    const reply = await served.post(route);
    expect([reply.status, reply.json]).toEqual([400, invalid(msg)]);
  });
});

describe('get_value', () => {
  test.each([
    ['get_value?key_type=InstanceKey&instance_id=test', hex],
    [`get_value?key_type=InstanceKey&key=${hex}`, hex],
    [`get_value?key_type=InstanceKey&key=${hex.toUpperCase()}`, hex],
    [`get_value?key_type=TxnIndexKey&key=${hex}`, hex],
    ['get_value?key_type=InstanceKey&key=zz', 'zz'],
    [
      'get_value?key_type=MetaSchemaKey&instance_id=a&index_id=1&schema_version=2',
      '01106d65746100011061000110736368656d610001120000000000000001120000000000000002',
    ],
  ])('%s finds nothing', async (route, key) => {
    const reply = await served.post(route);
    expect([reply.status, reply.json]).toEqual([500, { code: 'INTERNAL_ERROR', msg: `kv not found, key=${key}` }]);
  });

  test('addresses are checked as for encode_key', async () => {
    expect((await served.post('get_value')).json).toEqual(invalid('key_type not supported: (empty)'));
    expect((await served.post(`get_value?key=${hex}`)).json).toEqual(invalid('key_type not supported: (empty)'));
    expect((await served.post('get_value?key_type=TxnIndexKey&instance_id=i1')).json).toEqual(invalid('txn_id is not given or empty'));
  });
});

describe('get_value of records', () => {
  const keys = { ak: 'AKIDEXAMPLE', sk: 'a-secret-that-no-one-sees' };
  const store = { ...keys, bucket: 'b', prefix: 'p', endpoint: 'e', region: 'r', provider: 'S3', external_endpoint: 'x' };

  test('an instance, its secrets as they lie in the log', async () => {
    expect((await served.post('create_instance', { instance_id: 'kv1', user_id: 'u', name: 'n', obj_info: store })).status).toBe(200);
    const reply = await served.post('get_value?key_type=InstanceKey&instance_id=kv1');
    expect(reply.status).toBe(200);
    expect(reply.text).toMatch(/^\{"user_id":"u","instance_id":"kv1","name":"n",.*"obj_info":\[.*\}\n$/);
    expect(reply.text).not.toContain(keys.ak);
    expect(reply.text).not.toContain(keys.sk);
    const byHex = `get_value?key_type=InstanceKey&key=${Buffer.from('\x01\x10instance\0\x01\x10kv1\0\x01', 'latin1').toString('hex')}`;
    expect((await served.post(byHex)).text).toBe(reply.text);
  });

  test('a vault', async () => {
    expect((await served.post('create_instance', { instance_id: 'kv2', user_id: 'u', vault: { obj_info: store } })).status).toBe(200);
    const reply = await served.post('get_value?key_type=StorageVaultKey&instance_id=kv2&vault_id=1');
    expect(reply.text).toMatch(/^\{"id":"1","name":"built_in_storage_vault","obj_info":\{.*\}\n$/);
    expect(reply.text).not.toContain(keys.sk);
    expect((await served.post('get_value?key_type=StorageVaultKey&instance_id=kv2&vault_id=2')).status).toBe(500);
  });

  test("the service's own account", async () => {
    expect((await served.post('get_value?key_type=MetaServiceArnInfoKey')).status).toBe(500);
    expect((await served.post('alter_iam', { account_id: 'arn', ...keys })).json).toEqual({ code: 'OK', msg: '' });
    const reply = await served.post('get_value?key_type=MetaServiceArnInfoKey');
    expect(reply.text).toMatch(/^\{"user_id":"arn",.*\}\n$/);
    expect(reply.text).not.toContain(keys.sk);
  });
});

test('set_value is refused and changes nothing', async () => {
  const before = served.node.state.position;
  const reply = await served.post('set_value?key_type=InstanceKey&instance_id=test', { instance_id: 'test' });
  expect(reply.status).toBe(400);
  expect(reply.json?.['msg']).toMatch(
    new RegExp(`^set_value is not offered: .* key=${hex} names none; use the route that means the change`),
  );
  expect(served.node.state.position).toBe(before);
});
