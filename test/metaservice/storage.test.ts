/**
 * Goal: keys go in in clear, lie sealed in the log and come out in clear only where the service shows them; vaults, stages and the plain
 * RPC form over HTTP, as far as they depend on the route and not on the decision.
 * Method: one node on the in-memory log, asked over real sockets; what it holds is read as plain data.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { plain } from '../../projections/kit.ts';
import { MemoryHub, MemoryLog, MemoryMembership } from '../../src/log/memory.ts';
import { type ServedMetaService, serveMetaService } from './support.ts';

const hub = new MemoryHub();
let served: ServedMetaService;
let number = 0;
beforeAll(async () => {
  served = await serveMetaService({ log: { log: new MemoryLog(hub), membership: new MemoryMembership(hub) } });
});
afterAll(() => served.stop());

const place = { bucket: 'b', prefix: 'p', endpoint: 'e', external_endpoint: 'x', region: 'r', provider: 'COS' };
const objInfo = { ak: 'AK', sk: 'SK', ...place };
const ok = { code: 'OK', msg: '' };
const uid = (id: string) => ({ cloud_unique_id: `1:${id}:x` });
const done = async (route: string, body: object): Promise<void> => expect((await served.post(route, body)).json).toEqual(ok);
const created = async (fields: object = {}): Promise<string> => {
  number += 1;
  const id = `i${number}`;
  await done('create_instance', { instance_id: id, ...fields });
  return id;
};
const storageOf = async (id: string): Promise<unknown> => (await served.post('get_obj_store_info', uid(id))).json?.['result'];
const entries = async (): Promise<string> => JSON.stringify(await new MemoryLog(hub).read(0, 10_000));

test('no key is in the log, in the tables or in a refusal', async () => {
  const [ak, sk] = ['AKIA-very-public', 'a-very-secret-key'];
  const keys = (n: number) => ({ ak: `${ak}${n}`, sk: `${sk}${n}` });
  const id = await created({
    obj_info: { ...place, ...keys(1), user_id: 'u' },
    ram_user: { user_id: 'ram', ...keys(2) },
    vault: { obj_info: { ...place, ...keys(3) } },
  });
  await done('add_obj_info', { ...uid(id), obj: { ...place, bucket: 'b2', ...keys(4) } });
  await done('legacy_update_ak_sk', { ...uid(id), obj: { id: '1', ...keys(5) } });
  await done('update_ak_sk', { instance_id: id, ram_user: { user_id: 'ram', ...keys(6) } });
  await done('alter_ram_user', { instance_id: id, ram_user: { user_id: 'ram', ...keys(7) } });
  await done('alter_iam', { account_id: id, ...keys(8) });
  await done('alter_s3_vault', { ...uid(id), vault: { name: 'built_in_storage_vault', obj_info: keys(9) } });
  expect(
    (
      await served.rpc('create_stage', {
        ...uid(id),
        stage: { type: 'EXTERNAL', stage_id: 's', name: 'n', obj_info: { ...place, ...keys(10) } },
      })
    ).json,
  ).toEqual({ status: ok });
  const refusals = await Promise.all([
    served.post('add_obj_info', { ...uid(id), obj: { sk } }),
    served.post('add_obj_info', { ...uid(id), obj: { ...place, ...keys(1), prefix: 'p'.repeat(1024) } }),
    served.post('update_ak_sk', { instance_id: id, ram_user: { user_id: 'ram', sk }, internal_bucket_user: [{ ak }] }),
    served.post('update_ak_sk', { instance_id: id, internal_bucket_user: [{ user_id: 'u', sk }] }),
    served.post('alter_ram_user', { instance_id: id, ram_user: { ak, sk } }),
    served.post('add_hdfs_vault', { ...uid(id), vault: { obj_info: keys(1) } }),
    served.rpc('alter_obj_store_info', { ...uid(id), op: 'UNKNOWN', obj: keys(1) }),
    served.rpc('alter_storage_vault', { ...uid(id), op: 'ADD_OBJ_INFO', obj: keys(1) }),
  ]);
  for (const { status, text } of refusals) {
    expect([200, 400]).toContain(status);
    expect(text).toMatch(/INVALID_ARGUMENT/);
  }
  const written = [await entries(), JSON.stringify(plain(served.node.state)), ...refusals.map(({ text }) => text)].join('\n');
  for (const type of ['KeysRotated', 'StorageVaultAltered', 'ServiceIdentityChanged', 'StageCreated']) expect(written).toContain(type);
  expect(written).not.toContain(ak);
  expect(written).not.toContain(sk);
  expect(JSON.stringify(await storageOf(id))).toContain(`${sk}5`);
});

test('get_value shows the stored ciphertext, under the record in which it lies', async () => {
  const id = await created({ obj_info: objInfo, vault: { obj_info: { ...objInfo, sk: 'SK2' } } });
  await done('alter_iam', { account_id: id, ak: 'IAM', sk: 'IAMSK' });
  const value = async (key: string): Promise<string> => (await served.post(`get_value?key_type=${key}`)).text;
  const [instance, vault, account] = [
    await value(`InstanceKey&instance_id=${id}`),
    await value(`StorageVaultKey&instance_id=${id}&vault_id=2`),
    await value('MetaServiceArnInfoKey'),
  ];
  for (const text of [instance, vault, account]) {
    expect(text).toContain('"encryption_info":{"encryption_method":"AES_256_GCM"');
    expect(text).not.toMatch(/"(SK2?|AK|IAM|IAMSK)"/);
    expect(text.trim().split('\n')).toHaveLength(1);
  }
  expect(instance).not.toContain('iam_user');
  expect(vault).toMatch(/^\{"id":"2","name":"built_in_storage_vault","obj_info":\{/);
});

test('get_obj_store_info shows the whole reply, also when it is a refusal', async () => {
  const id = await created({ obj_info: objInfo });
  const shown = await served.post('show_storage_vaults', uid(id));
  expect(shown.json).toEqual({
    ...ok,
    result: {
      status: ok,
      obj_info: [
        {
          ctime: expect.stringMatching(/^\d{10}$/),
          mtime: expect.stringMatching(/^\d{10}$/),
          id: '1',
          ...objInfo,
          encryption_info: { encryption_method: 'AES_256_GCM', key_id: '1' },
          sse_enabled: false,
        },
      ],
      enable_storage_vault: false,
    },
  });
  const refused = await served.post('get_obj_store_info', {});
  expect([refused.status, refused.json]).toEqual([
    400,
    {
      code: 'INVALID_ARGUMENT',
      msg: 'cloud unique id not set',
      result: { status: { code: 'INVALID_ARGUMENT', msg: 'cloud unique id not set' } },
    },
  ]);
});

test('vaults over the plain RPC form: the first, a default, another one, none', async () => {
  const id = await created();
  const alter = async (op: string, more: object = {}) => (await served.rpc('alter_storage_vault', { ...uid(id), op, ...more })).json;
  const s3 = (name: string) => ({ vault: { name, obj_info: objInfo } });
  expect(await alter('ADD_BUILT_IN_VAULT', { vault: { hdfs_info: { build_conf: { fs_name: 'h' } } } })).toEqual({ status: ok });
  expect(await alter('ADD_S3_VAULT', { ...s3('v'), set_as_default_storage_vault: true })).toEqual({
    status: ok,
    storage_vault_id: '2',
    default_storage_vault_replaced: false,
  });
  expect(await alter('SET_DEFAULT_VAULT', { vault: { name: 'built_in_storage_vault' } })).toEqual({
    status: ok,
    storage_vault_id: '1',
    default_storage_vault_replaced: true,
  });
  const hdfsInfo = { build_conf: { user: 'w', hdfs_confs: [{ key: 'k', value: 'v' }] } };
  expect(await alter('ALTER_HDFS_VAULT', { vault: { name: 'built_in_storage_vault', alter_name: 'h', hdfs_info: hdfsInfo } })).toEqual({
    status: ok,
    storage_vault_id: '1',
  });
  expect(await storageOf(id)).toMatchObject({
    default_storage_vault_id: '1',
    default_storage_vault_name: 'h',
    storage_vault: [
      { id: '1', name: 'h', hdfs_info: { build_conf: { fs_name: 'h', ...hdfsInfo.build_conf } } },
      { id: '2', name: 'v' },
    ],
  });
  expect(await alter('UNSET_DEFAULT_VAULT')).toEqual({ status: ok });
  expect(await storageOf(id)).not.toHaveProperty('default_storage_vault_id');
  expect(await alter('SET_DEFAULT_VAULT', { vault: { name: 'x' } })).toEqual({
    status: { code: 'INVALID_ARGUMENT', msg: 'invalid storage vault name, name =x' },
  });
  expect(await alter('DROP_HDFS_INFO', { vault: { name: 'x' } })).toEqual({
    status: { code: 'STORAGE_VAULT_NOT_FOUND', msg: 'vault_name=x not found' },
  });
});

test('a role in place of keys, and keys again', async () => {
  const id = await created({ obj_info: { ...objInfo, provider: 'S3' } });
  await done('alter_obj_info', { ...uid(id), obj: { id: '1', role_arn: 'arn', external_id: 'ext' } });
  const withRole = await storageOf(id);
  expect(withRole).toMatchObject({ obj_info: [{ role_arn: 'arn', external_id: 'ext', cred_provider_type: 'INSTANCE_PROFILE' }] });
  expect(JSON.stringify(withRole)).not.toMatch(/"ak"|"sk"|encryption_info/);
  await done('alter_obj_info', { ...uid(id), obj: { id: '1', ak: 'AK', sk: 'SK' } });
  expect(await storageOf(id)).toMatchObject({ obj_info: [{ ak: 'AK', sk: 'SK' }] });
  expect(JSON.stringify(await storageOf(id))).not.toContain('role_arn');
});

test('an unknown provider by number is kept as it is', async () => {
  const id = await created({ obj_info: { ...objInfo, provider: 99 } });
  expect(await storageOf(id)).toMatchObject({ obj_info: [{ provider: 99 }] });
});

test('stages: made, shown with the keys that open them, dropped', async () => {
  const id = await created({ obj_info: objInfo, ram_user: { user_id: 'ram', ak: 'RAK', sk: 'RSK' } });
  const create = async (stage: object) => (await served.rpc('create_stage', { ...uid(id), stage })).json;
  const get = async (fields: object) => await served.post('get_stage', { ...uid(id), ...fields });
  const found = async (fields: object) => ((await get(fields)).json as { readonly result: { readonly stage?: unknown } }).result.stage;
  const user = { type: 'INTERNAL', mysql_user_name: 'u', mysql_user_id: '7' };
  const missing = await get(user);
  expect([missing.status, missing.json?.['msg']]).toEqual([500, 'stage not found, create a new one']);
  expect(await create({ type: 'INTERNAL', stage_id: 's1', mysql_user_name: ['u'], mysql_user_id: ['7'] })).toEqual({ status: ok });
  expect(await found(user)).toEqual([{ type: 'INTERNAL', stage_id: 's1', obj_info: { ...objInfo, prefix: 'p/stage/u/7' } }]);
  const aba = await served.rpc('get_stage', { ...uid(id), ...user, mysql_user_id: '8' });
  expect(aba.json).toMatchObject({ status: { code: 'STATE_ALREADY_EXISTED_FOR_USER' }, stage: [{ stage_id: 's1' }] });

  for (const [name, access] of [
    ['a', {}],
    ['b', { access_type: 'BUCKET_ACL' }],
    ['c', { access_type: 'IAM' }],
  ] as const)
    expect(await create({ type: 'EXTERNAL', stage_id: name, name, ...access, obj_info: { ...place, ak: 'SAK', sk: 'SSK' } })).toEqual({
      status: ok,
    });
  await done('alter_iam', { account_id: id, ak: 'IAK', sk: 'ISK' });
  const external = { type: 'EXTERNAL' };
  expect(await found({ ...external, stage_name: 'a' })).toMatchObject([
    { name: 'a', access_type: 'AKSK', obj_info: { ak: 'SAK', sk: 'SSK' } },
  ]);
  expect(await found({ ...external, stage_name: 'b' })).toMatchObject([{ obj_info: { ak: 'RAK', sk: 'RSK' } }]);
  expect(await found({ ...external, stage_name: 'c' })).toMatchObject([{ obj_info: { ak: 'IAK', sk: 'ISK' }, external_id: id }]);
  const all = await get(external);
  expect(all.json).toMatchObject({ result: { stage: [{ name: 'a' }, { name: 'b' }, { name: 'c' }] } });
  expect(all.text).not.toContain('SAK');
  const unknown = await get({ ...external, stage_name: 'x' });
  expect([unknown.status, unknown.json?.['msg']]).toEqual([500, expect.stringMatching(/^stage not found with \{/)]);

  expect((await served.rpc('drop_stage', { ...uid(id), type: 'INTERNAL', mysql_user_id: '7' })).json).toEqual({ status: ok });
  expect((await served.rpc('drop_stage', { ...uid(id), type: 'INTERNAL', mysql_user_id: '7' })).json).toMatchObject({
    status: { code: 'STAGE_NOT_FOUND' },
  });
});

test('get_iam: the account of the service and that of the instance', async () => {
  const id = await created({ ram_user: { user_id: 'ram', ak: 'RAK', sk: 'RSK' } });
  await done('alter_iam', { account_id: `of ${id}`, ak: 'IAK', sk: 'ISK' });
  expect((await served.rpc('get_iam', uid(id))).json).toMatchObject({
    status: ok,
    iam_user: { user_id: `of ${id}`, ak: 'IAK', sk: 'ISK', external_id: id },
    ram_user: { user_id: 'ram', ak: 'RAK', sk: 'RSK' },
  });
  expect((await served.rpc('get_iam', {})).json).toEqual({ status: { code: 'INVALID_ARGUMENT', msg: 'cloud unique id not set' } });
});

test('operations that are none', async () => {
  const id = await created();
  const asked = async (method: string, op: unknown) => (await served.rpc(method, { ...uid(id), op, obj: objInfo })).json;
  expect(await asked('alter_obj_store_info', 'UPDATE_AK_SK')).toEqual({
    status: { code: 'INVALID_ARGUMENT', msg: 'invalid request op, op=1' },
  });
  expect(await asked('alter_obj_store_info', undefined)).toMatchObject({
    status: { code: 'INVALID_ARGUMENT', msg: expect.stringMatching(/^Unknown alter info /) },
  });
  expect(await asked('alter_obj_store_info', 'ADD_S3_VAULT')).toMatchObject({
    status: { msg: expect.stringMatching(/^Unknown alter obj store info, request info /) },
  });
  expect(await asked('alter_storage_vault', 'DROP_S3_VAULT')).toEqual({
    status: { code: 'INVALID_ARGUMENT', msg: 'invalid request op, op=104' },
  });
});
