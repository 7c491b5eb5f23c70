/**
 * Goal: object stores, vaults, keys and stages change as the Meta Service says, in its words and its order of checks; keys all or nothing.
 * Method: given events, when a command, then exactly these events; on a frozen state and on a draft.
 */
import { describe, expect, test } from 'vitest';
import type { ChanceryEvent } from '../../events/index.ts';
import { instanceCreated, instanceDropped, ramUserChanged } from '../../events/instances.ts';
import {
  defaultVaultChanged,
  keysRotated,
  type NumberedStore,
  objectStoreAdded,
  objectStoreRoleChanged,
  type Stage,
  serviceIdentityChanged,
  stageCreated,
  stageDropped,
  storageLimits,
  storageVaultAdded,
  storageVaultAltered,
  storageVaultDropped,
} from '../../events/storage.ts';
import { nextStorageId, storageOf } from '../../projections/storage.ts';
import type { Command } from '../../src/deciders/commands.ts';
import { given, startedAt, stateAfter, whenOn } from '../support/given.ts';
import { hdfs, keys, roleStore, secret, store } from '../support/storage.ts';

const i1 = { instanceId: 'i1' } as const;
const by = { cloudUniqueId: '1:i1:x' } as const;
const legacy = instanceCreated({ ...i1, sseEnabled: true, enableStorageVault: false });
const created = instanceCreated({ ...i1, sseEnabled: false, enableStorageVault: true });
const dropped = instanceDropped(i1);
const numbered: NumberedStore = { ...store, id: '1', sseEnabled: true };
const first = objectStoreAdded({ ...i1, store: numbered });
const firstOf = (userId: string) => objectStoreAdded({ ...i1, store: { ...numbered, userId } });
const eqOriginal = 'ak sk eq original, please check it';
const deleted = 'instance status has been set delete, plz check it';
const both = 'invaild argument, both set ak/sk and role_arn is not allowed';
const badStore = 's3 conf info err, please check it';
const without = <T extends object, K extends keyof T>(object: T, key: K): Omit<T, K> => {
  const { [key]: _, ...rest } = object;
  return rest;
};
type Named<N extends Command['name']> = Extract<Command, { readonly name: N }>;

/** A refusal whose text goes on with the request; it must hold no key. */
function isRefusedWith(events: readonly ChanceryEvent[], command: Command, code: string, start: string): void {
  const { decision } = given(...events).when(command);
  expect(decision).toMatchObject({ kind: 'rejected', rejection: { code } });
  const detail = decision.kind === 'rejected' ? decision.rejection.detail : '';
  expect(detail.slice(0, start.length)).toBe(start);
  expect(detail).not.toContain('ciphertext');
  expect(detail.length).toBeLessThan(600);
}

/** What every command says of a caller without an instance, in this order. */
function asksForInstance(command: Exclude<Command, { readonly name: 'createInstance' }>, owner: ChanceryEvent = created): void {
  test('whose instance it is', () => {
    const { cloudUniqueId: _, ...anonymous } = command as { readonly cloudUniqueId?: string } & Command;
    given(owner).when(anonymous).isRefused('INVALID_INSTANCE', 'cloudUniqueId', 'cloud unique id not set');
    given(owner)
      .when({ ...command, cloudUniqueId: '' } as Command)
      .isRefused('INVALID_INSTANCE', 'cloudUniqueId', 'cloud unique id not set');
    given().when(command).isRefused('UNRESOLVED_INSTANCE', 'cloudUniqueId', 'empty instance_id');
    given(owner, dropped).when(command).isRefused('INSTANCE_DELETED', 'instanceId', deleted);
  });
}

describe('addObjectStore', () => {
  const add = (obj: Named<'addObjectStore'>['obj'] = { ...store, ...keys('two') }) => ({ name: 'addObjectStore', ...by, obj }) as const;
  asksForInstance(add(), legacy);
  test('the next number, the encryption of the instance', () =>
    given(legacy, first)
      .when(add({ ...store, ...keys('two'), prefix: '//a/', userId: 'u' }))
      .gives(
        objectStoreAdded({
          ...i1,
          store: { ...store, ...keys('two'), prefix: 'a', userId: 'u', usePathStyle: false, id: '2', sseEnabled: true },
        }),
      ));
  test('a role in place of keys, without a place outside', () =>
    given(legacy)
      .when(add(roleStore))
      .gives(objectStoreAdded({ ...i1, store: { ...roleStore, externalEndpoint: '', usePathStyle: false, id: '1', sseEnabled: true } })));
  test('1: no object store', () => isRefusedWith([legacy], { name: 'addObjectStore', ...by }, 'INVALID_STORAGE', 's3 obj info err {'));
  test('2: too large, whatever else is wrong', () => {
    isRefusedWith([], { name: 'addObjectStore', obj: {}, objBytes: 1025 }, 'INVALID_STORAGE', 's3 obj info greater than 1k {');
    given(legacy)
      .when({ ...add(), objBytes: 1024 })
      .gives(expect.anything());
  });
  test.each(['ak', 'sk'] as const)('3: no %s', (part) =>
    isRefusedWith([], add(without(store, part)), 'INVALID_STORAGE', 's3 obj info err {'),
  );
  test('3: keys and a role', () =>
    given()
      .when({ name: 'addObjectStore', obj: { ...roleStore, ak: '' } })
      .isRefused('INVALID_STORAGE', 'obj', both));
  test('5: an instance with vaults, before anything else of the store', () =>
    given(created)
      .when(add({ ak: '', sk: '' }))
      .isRefused('STORAGE_MODE_CONFLICT', 'cloudUniqueId', "Storage vault doesn't support add obj info"));
  test('6: no provider', () =>
    given(legacy)
      .when(add({ ak: '', sk: '' }))
      .isRefused('INVALID_STORAGE', 'obj.provider', 's3 conf lease provider info'));
  const ten = Array.from({ length: storageLimits.objectStores }, (_, n) =>
    objectStoreAdded({ ...i1, store: { ...numbered, id: String(n + 1) } }),
  );
  test('7: ten already', () =>
    given(legacy, ...ten)
      .when(add({ ...store, bucket: '' }))
      .isRefused('TOO_MANY_OBJECT_STORES', 'obj', 'this instance history has greater than 10 objs, please new another instance'));
  test('7: nine are not ten', () => expect(given(legacy, ...ten.slice(1)).when(add()).decision.kind).toBe('accepted'));
  test.each(['bucket', 'endpoint', 'region', 'prefix'] as const)('8: no %s', (part) => {
    given(legacy)
      .when(add(without(store, part)))
      .isRefused('INVALID_STORAGE', 'obj', badStore);
    given(legacy)
      .when(add({ ...store, [part]: '' }))
      .isRefused('INVALID_STORAGE', 'obj', badStore);
  });
  test.each(['ak', 'sk'] as const)('8: an empty %s', (part) =>
    given(legacy)
      .when(add({ ...store, [part]: '' }))
      .isRefused('INVALID_STORAGE', 'obj', badStore),
  );
  test('9: the same again, sealed anew', () =>
    given(legacy, first)
      .when(add({ ...store, ak: secret('ak one', 'other'), prefix: '/prefix' }))
      .isRefused('NOTHING_TO_CHANGE', 'obj', 'original obj infos has a same conf, please check it'));
  test.each(['bucket', 'prefix', 'endpoint', 'region', 'externalEndpoint'] as const)('another %s makes another one', (part) =>
    expect(given(legacy, first).when(add({ ...store, [part]: 'other' })).decision.kind).toBe('accepted'),
  );
});

describe('rotateObjectStoreKeys', () => {
  const rotate = (obj: Named<'rotateObjectStoreKeys'>['obj'] = { id: '1', ...keys('two') }) =>
    ({ name: 'rotateObjectStoreKeys', ...by, obj }) as const;
  asksForInstance(rotate(), legacy);
  test('other keys', () =>
    given(legacy, first)
      .when(rotate())
      .gives(keysRotated({ ...i1, objectStores: [{ id: '1', ...keys('two') }] })));
  test('empty keys are keys', () =>
    given(legacy, first)
      .when(rotate({ id: '01', ak: '', sk: '' }))
      .gives(keysRotated({ ...i1, objectStores: [{ id: '1', ak: '', sk: '' }] })));
  test.each([undefined, '0', '2', '-1', 'x', ''])("'%s' is no number of a store", (id) =>
    given(legacy, first)
      .when(rotate({ ...keys('one'), ...(id === undefined ? {} : { id }) }))
      .isRefused('UNKNOWN_OBJECT_STORE', 'obj.id', 'id invalid, please check it'),
  );
  test('the same keys', () =>
    given(legacy, first)
      .when(rotate({ id: '1', ...keys('one') }))
      .isRefused('NOTHING_TO_CHANGE', 'obj', eqOriginal));
  test('one key is another one', () =>
    expect(given(legacy, first).when(rotate({ id: '1', ...keys('one'), sk: secret('other') })).decision.kind).toBe('accepted'));
  test('missing keys', () => isRefusedWith([legacy, first], rotate({ id: '1', ak: secret('a') }), 'INVALID_STORAGE', 's3 obj info err {'));
  test('a role with keys', () =>
    given(legacy, first)
      .when(rotate({ id: '1', roleArn: 'r', ...keys('two') }))
      .isRefused('INVALID_STORAGE', 'obj', both));
  const withRole = rotate({ id: '1', roleArn: 'r', externalId: 'x' });
  const onS3 = objectStoreAdded({ ...i1, store: { ...numbered, provider: 'S3' } });
  const roleChanged = objectStoreRoleChanged({ ...i1, id: '1', roleArn: 'r', externalId: 'x' });
  test('a role in place of keys; the same again changes nothing', () => {
    given(legacy, onS3).when(withRole).gives(roleChanged);
    given(legacy, onS3, roleChanged).when(withRole).gives();
  });
  test('a role elsewhere than at S3', () =>
    given(legacy, first).when(withRole).isRefused('INVALID_STORAGE', 'obj.roleArn', 'role_arn is only supported for s3 provider'));
  test('keys and role take each other’s place in the table', () => {
    const at = (n: number) => startedAt / 1000 + n;
    const stores = (...events: readonly ChanceryEvent[]) => storageOf(stateAfter(legacy, onS3, ...events).storage, 'i1')?.objectStores;
    const { ak: _ak, sk: _sk, ...place } = onS3.data.store;
    const role = { roleArn: 'r', externalId: 'x', credProviderType: 'INSTANCE_PROFILE' };
    expect(stores(roleChanged)).toEqual([{ ...place, ...role, ctime: at(1), mtime: at(2) }]);
    const rotated = keysRotated({ ...i1, objectStores: [{ id: '1', ...keys('two') }] });
    expect(stores(roleChanged, rotated)).toEqual([{ ...place, ...keys('two'), ctime: at(1), mtime: at(3) }]);
  });
});

describe('rotateKeys', () => {
  const ram = ramUserChanged({ ...i1, ramUser: { userId: 'ram', ...keys('ram'), externalId: 'x' } });
  const rotate = (fields: Omit<Named<'rotateKeys'>, 'name'>) => ({ name: 'rotateKeys', ...i1, ...fields }) as const;
  const user = (userId: string, text: string) => ({ userId, ...keys(text) });
  test('1: no id', () => given().when({ name: 'rotateKeys' }).isRefused('INVALID_INSTANCE', 'instanceId', 'instance id not set'));
  test.each([{}, { internalBucketUser: [] }])('2: nothing to update', (fields) =>
    given().when(rotate(fields)).isRefused('INVALID_INSTANCE', '', 'nothing to update'),
  );
  test('3: an unknown instance', () =>
    given()
      .when(rotate({ ramUser: {} }))
      .isRefused('UNKNOWN_INSTANCE', 'instanceId', 'failed to get instance, instance_id=i1 err=KeyNotFound'));
  test('4: a dropped instance', () =>
    given(legacy, dropped)
      .when(rotate({ ramUser: {} }))
      .isRefused('INSTANCE_DELETED', 'instanceId', deleted));
  test.each(['userId', 'ak', 'sk'] as const)('5: an account without %s', (part) =>
    isRefusedWith([legacy, ram], rotate({ ramUser: { ...user('ram', 'two'), [part]: '' } }), 'INVALID_INSTANCE', 'ram user info err {'),
  );
  test('5: an instance without an account', () =>
    given(legacy)
      .when(rotate({ ramUser: user('ram', 'two') }))
      .isRefused('RAM_USER_MISMATCH', 'ramUser', "instance doesn't have ram user info"));
  test('5: another account', () =>
    given(legacy, ram)
      .when(rotate({ ramUser: user('other', 'ram') }))
      .isRefused('RAM_USER_MISMATCH', 'ramUser.userId', 'ram user_id err'));
  test('5: the same keys', () =>
    given(legacy, ram)
      .when(rotate({ ramUser: user('ram', 'ram') }))
      .isRefused('NOTHING_TO_CHANGE', 'ramUser', eqOriginal));
  test('the keys of the account; its external id stays', () =>
    given(legacy, ram)
      .when(rotate({ ramUser: { ...user('ram', 'two'), externalId: 'y' } }))
      .gives(keysRotated({ ...i1, objectStores: [], ramUser: { userId: 'ram', ...keys('two'), externalId: 'x' } })));
  test.each(['userId', 'ak', 'sk'] as const)('6: a bucket user without %s', (part) =>
    isRefusedWith(
      [legacy, firstOf('u')],
      rotate({ internalBucketUser: [without(user('u', 'two'), part)] }),
      'INVALID_STORAGE',
      's3 bucket info err {',
    ),
  );
  test('6: a store without user takes keys and user', () =>
    given(legacy, first)
      .when(rotate({ internalBucketUser: [user('u', 'two')] }))
      .gives(keysRotated({ ...i1, objectStores: [{ id: '1', userId: 'u', ...keys('two') }] })));
  test('6: several users and a store without', () =>
    isRefusedWith(
      [legacy, first],
      rotate({ internalBucketUser: [user('u', 'two'), user('v', 'two')] }),
      'INVALID_STORAGE',
      "fail to update old instance's obj_info, s3 obj info err {",
    ));
  test.each([[first], [firstOf('u')]])('6: the same keys', (present) =>
    given(legacy, present)
      .when(rotate({ internalBucketUser: [user('u', 'one')] }))
      .isRefused('NOTHING_TO_CHANGE', 'internalBucketUser[0]', eqOriginal),
  );
  test('6: a user named twice is told that the second keys are the first', () =>
    given(legacy, firstOf('u'))
      .when(rotate({ internalBucketUser: [user('u', 'two'), user('u', 'two')] }))
      .isRefused('NOTHING_TO_CHANGE', 'internalBucketUser[1]', eqOriginal));
  test('6: every store of a user', () => {
    const second = objectStoreAdded({ ...i1, store: { ...numbered, id: '2', bucket: 'b2', userId: 'u' } });
    const third = objectStoreAdded({ ...i1, store: { ...numbered, id: '3', bucket: 'b3', userId: 'v' } });
    given(legacy, firstOf('u'), second, third)
      .when(rotate({ internalBucketUser: [user('u', 'two'), user('v', 'three')] }))
      .gives(
        keysRotated({
          ...i1,
          objectStores: [
            { id: '1', userId: 'u', ...keys('two') },
            { id: '2', userId: 'u', ...keys('two') },
            { id: '3', userId: 'v', ...keys('three') },
          ],
        }),
      );
  });
  test('7: no store of these users, though the account would change', () =>
    given(legacy, ram, firstOf('u'))
      .when(rotate({ internalBucketUser: [user('v', 'two')], ramUser: user('ram', 'two') }))
      .isRefused('UNKNOWN_OBJECT_STORE', 'internalBucketUser', 'fail to find the alter obj info'));
  test('5 before 6', () =>
    isRefusedWith([legacy], rotate({ internalBucketUser: [{}], ramUser: {} }), 'INVALID_INSTANCE', 'ram user info err {'));
  test('the tables hold the new keys only, with the time of the change', () => {
    const rotated = keysRotated({
      ...i1,
      objectStores: [{ id: '1', userId: 'u', ...keys('two') }],
      ramUser: { userId: 'ram', ...keys('three') },
    });
    const state = stateAfter(legacy, ram, first, rotated);
    const seconds = startedAt / 1000;
    expect(storageOf(state.storage, 'i1')?.objectStores).toEqual([
      { ...numbered, userId: 'u', ...keys('two'), ctime: seconds + 2, mtime: seconds + 3 },
    ]);
    expect(state.instances.byId.get('i1')?.ramUser).toEqual({ userId: 'ram', ...keys('three') });
  });
});

const s3Vault = (id: string, name: string) =>
  storageVaultAdded({ ...i1, vault: { id, name, objInfo: { ...store, id, sseEnabled: true } } });
const hdfsVault = (id: string, name: string) => storageVaultAdded({ ...i1, vault: { id, name, hdfsInfo: hdfs } });

describe('addStorageVault', () => {
  const addS3 = (fields: Partial<Named<'addStorageVault'>> = {}) =>
    ({ name: 'addStorageVault', ...by, kind: 'S3', vault: { name: 'v' }, obj: store, ...fields }) as const;
  const addHdfs = (vault: Named<'addStorageVault'>['vault'] = { name: 'v', hdfsInfo: hdfs }) =>
    ({ name: 'addStorageVault', ...by, kind: 'HDFS', vault, pathSuffix: 'abc' }) as const;
  const stored = { ...store, usePathStyle: false, sseEnabled: true };
  describe('S3', () => {
    asksForInstance(addS3());
    test('its store from either place', () => {
      const added = storageVaultAdded({ ...i1, vault: { id: '1', name: 'v', objInfo: { ...stored, id: '1' } } });
      given(created).when(addS3()).gives(added);
      given(created)
        .when({ name: 'addStorageVault', ...by, kind: 'S3', vault: { name: 'v', objInfo: store } })
        .gives(added);
    });
    test('the prefix may be missing', () =>
      expect(given(created).when(addS3({ obj: without(store, 'prefix') })).decision.kind).toBe('accepted'));
    test('as the default, in place of another', () =>
      given(created, s3Vault('4', 'w'), defaultVaultChanged({ ...i1, to: { id: '4', name: 'w' } }))
        .when(addS3({ setAsDefaultStorageVault: true }))
        .gives(
          storageVaultAdded({ ...i1, vault: { id: '5', name: 'v', objInfo: { ...stored, id: '5' } } }),
          defaultVaultChanged({ ...i1, from: { id: '4', name: 'w' }, to: { id: '5', name: 'v' } }),
        ));
    test('no store', () =>
      isRefusedWith([created], { name: 'addStorageVault', ...by, kind: 'S3' }, 'INVALID_STORAGE', 's3 obj info err {'));
    test('too large', () => isRefusedWith([], addS3({ objBytes: 1025 }), 'INVALID_STORAGE', 's3 obj info greater than 1k {'));
    test('keys and a role', () =>
      given()
        .when(addS3({ obj: { ...store, roleArn: 'r' } }))
        .isRefused('INVALID_STORAGE', 'obj', both));
    test('an instance without vaults', () =>
      given(legacy)
        .when(addS3({ obj: { ak: '', sk: '' } }))
        .isRefused('STORAGE_MODE_CONFLICT', 'cloudUniqueId', "Storage vault doesn't support storage vault"));
    test('no provider', () =>
      given(created)
        .when(addS3({ obj: without(store, 'provider') }))
        .isRefused('INVALID_STORAGE', 'obj.provider', 's3 conf lease provider info'));
    test.each(['bucket', 'endpoint', 'region', 'ak', 'sk'] as const)('an empty %s, before the name', (part) =>
      given(created, s3Vault('1', 'v'))
        .when(addS3({ obj: { ...store, [part]: '' } }))
        .isRefused('INVALID_STORAGE', 'obj', badStore),
    );
    test.each([{ credProviderType: 'DEFAULT' }, { provider: 'COS' }] as const)('a role with %o', (wrong) =>
      given(created)
        .when(addS3({ obj: { ...roleStore, ...wrong } }))
        .isRefused('INVALID_STORAGE', 'obj', 's3 conf info err with role_arn, please check it'),
    );
    test('a name that is taken', () =>
      given(created, hdfsVault('1', 'v')).when(addS3()).isRefused('VAULT_EXISTS', 'vault.name', 'vault_name=v already created'));
  });
  describe('HDFS', () => {
    asksForInstance(addHdfs());
    test('with an ending of its own', () =>
      given(created, s3Vault('1', 'w'))
        .when(addHdfs())
        .gives(storageVaultAdded({ ...i1, vault: { id: '2', name: 'v', hdfsInfo: { ...hdfs, prefix: 'p_abc' } } })));
    test.each([undefined, {}, { name: '' }])('no name: %o', (vault) =>
      isRefusedWith(
        [],
        { name: 'addStorageVault', kind: 'HDFS', ...(vault === undefined ? {} : { vault }) },
        'INVALID_STORAGE',
        'hdfs info is not found {',
      ),
    );
    test('a name that is taken, before the place', () =>
      given(created, s3Vault('1', 'v'))
        .when(addHdfs({ name: 'v' }))
        .isRefused('VAULT_EXISTS', 'vault.name', 'vault_name=v already created'));
    test('a prefix with a scheme', () =>
      given(created)
        .when(addHdfs({ name: 'v', hdfsInfo: { prefix: '://' } }))
        .isRefused('INVALID_STORAGE', 'vault.hdfsInfo.prefix', 'invalid prefix: ://'));
    test('no address', () =>
      given(created)
        .when(addHdfs({ name: 'v' }))
        .isRefused('INVALID_STORAGE', 'vault.hdfsInfo.buildConf.fsName', 'invalid fs_name: '));
  });
  test('no more than the instance can have', () => {
    const many = Array.from({ length: storageLimits.vaults }, (_, n) => hdfsVault(String(n + 1), `v${n}`));
    given(created, ...many)
      .when(addHdfs())
      .isRefused('TOO_LARGE', 'vault', 'instance i1 has 1000 vaults, the most there can be');
  });
});

describe('addBuiltInVault', () => {
  const add = { name: 'addBuiltInVault', ...by, vault: { objInfo: store } } as const;
  asksForInstance(add);
  test('the first vault', () =>
    given(created)
      .when(add)
      .gives(
        storageVaultAdded({ ...i1, vault: { id: '1', name: 'built_in_storage_vault', objInfo: { ...store, id: '1', sseEnabled: true } } }),
      ));
  test('no vault', () => isRefusedWith([], { name: 'addBuiltInVault' }, 'INVALID_STORAGE', 'storage vault is set {'));
  test('not a second one', () =>
    given(created, s3Vault('1', 'v')).when(add).isRefused('INVALID_STORAGE', 'vault', 'Default vault can not be modified'));
  test('what every new vault needs', () =>
    given(created)
      .when({ ...add, vault: {} })
      .isRefused('INVALID_STORAGE', 'vault.objInfo', badStore));
});

describe('alterStorageVault', () => {
  const alter = (vault: NonNullable<Named<'alterStorageVault'>['vault']>, kind: 'S3' | 'HDFS' = 'S3') =>
    ({ name: 'alterStorageVault', ...by, kind, vault }) as const;
  const given2 = () => given(created, s3Vault('1', 'v'), hdfsVault('2', 'h'));
  asksForInstance(alter({ name: 'v', objInfo: {} }));
  test('keys, path style and name', () =>
    given2()
      .when(alter({ name: 'v', alterName: 'w', objInfo: { ...keys('two'), usePathStyle: true } }))
      .gives(storageVaultAltered({ ...i1, id: '1', name: 'v', newName: 'w', keys: keys('two'), usePathStyle: true })));
  test('a role', () =>
    given2()
      .when(alter({ name: 'v', objInfo: { roleArn: 'r', externalId: 'x' } }))
      .gives(storageVaultAltered({ ...i1, id: '1', name: 'v', role: { roleArn: 'r', externalId: 'x' } })));
  test('the way to HDFS', () =>
    given2()
      .when(alter({ name: 'h', hdfsInfo: { buildConf: { user: 'w' } } }, 'HDFS'))
      .gives(storageVaultAltered({ ...i1, id: '2', name: 'h', hdfs: { user: 'w' } })));
  test('no store', () =>
    given()
      .when(alter({ name: 'v' }))
      .isRefused('INVALID_STORAGE', 'vault.objInfo', 'There is no s3 vault provided'));
  test.each([{ bucket: '' }, { endpoint: '' }, { prefix: '' }, { provider: 'S3' }] as const)('%o cannot change', (objInfo) =>
    given()
      .when(alter({ objInfo }))
      .isRefused('INVALID_STORAGE', 'vault.objInfo', 'Bucket, endpoint, prefix and provider can not be altered'),
  );
  test('no HDFS', () =>
    given()
      .when(alter({ name: 'h' }, 'HDFS'))
      .isRefused('INVALID_STORAGE', 'vault.hdfsInfo', 'There is no hdfs vault provided'));
  test.each([{}, { prefix: 'p', buildConf: {} }, { buildConf: { fsName: 'f' } }])('HDFS: %o cannot change', (hdfsInfo) =>
    given()
      .when(alter({ hdfsInfo }, 'HDFS'))
      .isRefused('INVALID_STORAGE', 'vault.hdfsInfo', 'You can not alter prefix or fs name because it might lose previoud written data'),
  );
  test('an unknown name', () =>
    given2()
      .when(alter({ name: 'x', objInfo: {} }))
      .isRefused('UNKNOWN_VAULT', 'vault.name', 'invalid storage vault name, not found, name =x'));
  test('the other kind', () => {
    given2()
      .when(alter({ name: 'h', objInfo: {} }))
      .isRefused('INVALID_STORAGE', 'vault.name', 'h is not s3 storage vault');
    given2()
      .when(alter({ name: 'v', hdfsInfo: { buildConf: {} } }, 'HDFS'))
      .isRefused('INVALID_STORAGE', 'vault.name', 'v is not hdfs storage vault');
  });
  test.each(['', '1a', '_a', 'a-b', 'a b', 'ä'])("'%s' is no name", (alterName) =>
    given2()
      .when(alter({ name: 'v', alterName, objInfo: { ak: '' } }))
      .isRefused(
        'INVALID_STORAGE',
        'vault.alterName',
        `invalid storage vault name =${alterName} the name must satisfy ^[a-zA-Z][0-9a-zA-Z_]*$`,
      ),
  );
  test.each(['h', 'v'])('the name %s is taken', (alterName) =>
    given2()
      .when(alter({ name: 'v', alterName, objInfo: { ak: '' } }))
      .isRefused('VAULT_EXISTS', 'vault.alterName', `vault_name=${alterName} already existed`),
  );
  test('a role with keys', () =>
    given2()
      .when(alter({ name: 'v', objInfo: { roleArn: 'r', ak: '' } }))
      .isRefused('INVALID_STORAGE', 'vault.objInfo', both));
  test.each(['ak', 'sk'] as const)('%s alone', (part) =>
    given2()
      .when(alter({ name: 'v', objInfo: { [part]: '' } }))
      .isRefused('INVALID_STORAGE', 'vault.objInfo', 'Accesskey and secretkey must be alter together'),
  );
  test('no end of HDFS settings', () => {
    const hdfsConfs = Array.from({ length: storageLimits.hdfsConfs }, (_, n) => ({ key: `k${n}`, value: 'v' }));
    const full = storageVaultAltered({ ...i1, id: '2', name: 'h', hdfs: { hdfsConfs } });
    given(created, s3Vault('1', 'v'), hdfsVault('2', 'h'), full)
      .when(alter({ name: 'h', hdfsInfo: { buildConf: { hdfsConfs: hdfsConfs.slice(0, 1) } } }, 'HDFS'))
      .isRefused('TOO_LARGE', 'vault.hdfsInfo', 'the vault would have 201 hdfs_confs; it has at most 200');
  });
  test('the table', () => {
    const vaults = (...events: readonly ChanceryEvent[]) =>
      storageOf(stateAfter(created, s3Vault('1', 'v'), hdfsVault('2', 'h'), ...events).storage, 'i1')?.vaults;
    const seconds = startedAt / 1000;
    const times = { ctime: seconds + 1, mtime: seconds + 3 };
    const { ak: _ak, sk: _sk, ...place } = store;
    expect(vaults(storageVaultAltered({ ...i1, id: '1', name: 'v', newName: 'w', role: { roleArn: 'r' } }))?.[0]).toEqual({
      id: '1',
      name: 'w',
      objInfo: { ...place, id: '1', sseEnabled: true, roleArn: 'r', credProviderType: 'INSTANCE_PROFILE', ...times },
    });
    expect(vaults(storageVaultAltered({ ...i1, id: '1', name: 'v', keys: keys('two'), usePathStyle: true }))?.[0]).toEqual({
      id: '1',
      name: 'v',
      objInfo: { ...store, ...keys('two'), id: '1', sseEnabled: true, usePathStyle: true, ...times },
    });
    const one = { key: 'k', value: 'v' };
    const more = storageVaultAltered({ ...i1, id: '2', name: 'h', hdfs: { user: 'w', hdfsConfs: [one] } });
    expect(vaults(more, more)?.[1]).toEqual({
      id: '2',
      name: 'h',
      hdfsInfo: { buildConf: { fsName: 'hdfs://h:1', user: 'w', hdfsConfs: [one, one] }, prefix: 'p' },
    });
  });
});

describe('dropStorageVault', () => {
  const drop = (name = 'v') => ({ name: 'dropStorageVault', ...by, vault: { name } }) as const;
  asksForInstance(drop());
  test('a vault', () =>
    given(created, hdfsVault('1', 'v'))
      .when(drop())
      .gives(storageVaultDropped({ ...i1, id: '1', name: 'v' })));
  test('the default leaves none', () =>
    given(created, hdfsVault('1', 'v'), defaultVaultChanged({ ...i1, to: { id: '1', name: 'v' } }))
      .when(drop())
      .gives(storageVaultDropped({ ...i1, id: '1', name: 'v' }), defaultVaultChanged({ ...i1, from: { id: '1', name: 'v' } })));
  test('no name', () => isRefusedWith([], { name: 'dropStorageVault', ...by }, 'INVALID_STORAGE', 'hdfs info is not found {'));
  test('an unknown one', () => given(created).when(drop()).isRefused('UNKNOWN_VAULT', 'vault.name', 'vault_name=v not found'));
  test('its number is free again when it was the last', () => {
    const row = (...events: readonly ChanceryEvent[]) => storageOf(stateAfter(created, ...events).storage, 'i1');
    expect(nextStorageId(row())).toBe('1');
    expect(nextStorageId(row(hdfsVault('1', 'v'), hdfsVault('2', 'w')))).toBe('3');
    expect(nextStorageId(row(hdfsVault('1', 'v'), hdfsVault('2', 'w'), storageVaultDropped({ ...i1, id: '2', name: 'w' })))).toBe('2');
    expect(nextStorageId(row(hdfsVault('1', 'v'), hdfsVault('2', 'w'), storageVaultDropped({ ...i1, id: '1', name: 'v' })))).toBe('3');
  });
});

describe('setDefaultVault, unsetDefaultVault', () => {
  const set = { name: 'setDefaultVault', ...by, vault: { name: 'v' } } as const;
  const unset = { name: 'unsetDefaultVault', ...by } as const;
  const isDefault = defaultVaultChanged({ ...i1, to: { id: '1', name: 'v' } });
  asksForInstance(set);
  asksForInstance(unset);
  test('one, and the same again', () => {
    given(created, hdfsVault('1', 'v')).when(set).gives(isDefault);
    given(created, hdfsVault('1', 'v'), isDefault).when(set).gives();
  });
  test('none, and none again', () => {
    given(created, hdfsVault('1', 'v'), isDefault)
      .when(unset)
      .gives(defaultVaultChanged({ ...i1, from: { id: '1', name: 'v' } }));
    given(created, hdfsVault('1', 'v')).when(unset).gives();
  });
  test('no name', () => isRefusedWith([], { ...set, vault: {} }, 'INVALID_STORAGE', 'hdfs info is not found {'));
  test('an unknown one', () => given(created).when(set).isRefused('UNKNOWN_VAULT', 'vault.name', 'invalid storage vault name, name =v'));
});

describe('setServiceIdentity', () => {
  const set = { name: 'setServiceIdentity', accountId: 'a', ...keys('one') } as const;
  const changed = serviceIdentityChanged({ accountId: 'a', ...keys('one') });
  test('the first, and another one', () => {
    given().when(set).gives(changed);
    given(changed)
      .when({ ...set, accountId: 'b' })
      .gives(serviceIdentityChanged({ accountId: 'b', ...keys('one') }));
    given(changed)
      .when({ ...set, sk: secret('other') })
      .gives(serviceIdentityChanged({ accountId: 'a', ...keys('one'), sk: secret('other') }));
  });
  test.each(['accountId', 'ak', 'sk'] as const)('no %s', (part) => {
    given()
      .when({ ...set, [part]: '' })
      .isRefused('INVALID_STORAGE', '', 'invalid argument');
    given()
      .when(without(set, part) as Command)
      .isRefused('INVALID_STORAGE', '', 'invalid argument');
  });
  test('the same', () => given(changed).when(set).isRefused('NOTHING_TO_CHANGE', 'ak', 'already has the same arn info'));
});

describe('stages', () => {
  const internal: Stage = {
    type: 'INTERNAL',
    stageId: 's1',
    mysqlUserName: ['u'],
    mysqlUserId: ['7'],
    objInfo: { id: '1', prefix: 'prefix/stage/u/7' },
  };
  const external: Stage = { type: 'EXTERNAL', stageId: 's2', name: 'ext', objInfo: { ...store } };
  const create = (stage: NonNullable<Named<'createStage'>['stage']>) => ({ name: 'createStage', ...by, stage }) as const;
  const user = { type: 'INTERNAL', stageId: 's1', mysqlUserName: ['u', 'more'], mysqlUserId: ['7'] } as const;
  const has = (stage: Stage) => stageCreated({ ...i1, stage });
  const createUser = create({ ...user, mysqlUserName: [...user.mysqlUserName], mysqlUserId: [...user.mysqlUserId] });
  asksForInstance(createUser, legacy);
  test('an internal one lies in the newest store', () => {
    const second = objectStoreAdded({ ...i1, store: { ...numbered, id: '2', prefix: 'new' } });
    given(legacy, first).when(createUser).gives(has(internal));
    given(legacy, first, second)
      .when(createUser)
      .gives(has({ ...internal, objInfo: { id: '2', prefix: 'new/stage/u/7' } }));
  });
  test('an external one as it is given', () => {
    given(legacy)
      .when(create({ ...external, objInfo: store }))
      .gives(has(external));
    given(legacy)
      .when(create({ type: 'EXTERNAL', stageId: 's2', name: 'ext' }))
      .gives(has(without(external, 'objInfo')));
  });
  test.each([
    [undefined, 'stage', 'stage not set'],
    [{}, 'stage.type', 'stage type not set'],
    [{ type: 7 }, 'stage.type', 'stage type not set'],
    [{ type: 'EXTERNAL' }, 'stage.name', 'stage name not set'],
    [{ type: 'EXTERNAL', name: 'n' }, 'stage.stageId', 'stage id not set'],
    [
      { type: 'INTERNAL', stageId: 's' },
      'stage.mysqlUserId',
      'internal stage must have a mysql user name and id must be given, name size=0 id size=0',
    ],
  ] as const)('%o: %s', (stage, field, text) =>
    given(legacy)
      .when({ name: 'createStage', ...by, ...(stage === undefined ? {} : { stage }) })
      .isRefused('INVALID_STAGE', field, text),
  );
  test('one for each user, whether by name or by id', () => {
    const other = (mysqlUserName: string, mysqlUserId: string) =>
      create({ type: 'INTERNAL', stageId: 's9', mysqlUserName: [mysqlUserName], mysqlUserId: [mysqlUserId] });
    const state = stateAfter(legacy, first, has(internal));
    whenOn(state, other('u', '8')).isRefused('STAGE_EXISTS', 'stage.mysqlUserId', 'stage already exist');
    whenOn(state, other('v', '7')).isRefused('STAGE_EXISTS', 'stage.mysqlUserId', 'stage already exist');
    expect(whenOn(state, other('v', '8')).decision.kind).toBe('accepted');
  });
  test('names of external ones and ids of all are unique', () => {
    const state = stateAfter(legacy, first, has(external));
    whenOn(state, create({ type: 'EXTERNAL', stageId: 's9', name: 'ext' })).isRefused('STAGE_EXISTS', 'stage.name', 'stage already exist');
    whenOn(state, create({ type: 'EXTERNAL', stageId: 's2', name: 'other' })).isRefused(
      'INVALID_STAGE',
      'stage.stageId',
      'stage id is duplicated',
    );
  });
  test('forty are the most', () => {
    const many = Array.from({ length: storageLimits.stages }, (_, n) => has({ type: 'EXTERNAL', stageId: `s${n}`, name: `n${n}` }));
    given(legacy, first, ...many)
      .when(createUser)
      .isRefused('TOO_MANY_STAGES', 'stage', 'this instance has greater than config num stages');
  });
  test('an internal one needs a store', () =>
    given(created).when(createUser).isRefused('NO_OBJECT_STORE', 'stage', 'impossible, instance must have at least one obj_info.'));
  test('a path too long', () => {
    const command = create({ ...createUser.stage, mysqlUserName: ['u'.repeat(1020)] });
    given(legacy, first)
      .when(command)
      .isRefused('TOO_LARGE', 'stage.mysqlUserName', "the stage's path would have more than 1024 characters");
  });

  const drop = (fields: Omit<Named<'dropStage'>, 'name'>) => ({ name: 'dropStage', ...by, ...fields }) as const;
  asksForInstance(drop({ type: 'EXTERNAL', stageName: 'ext' }), legacy);
  test('one is dropped', () => {
    const state = stateAfter(legacy, first, has(internal), has(external));
    whenOn(state, drop({ type: 'INTERNAL', mysqlUserId: '7', reason: 'r' })).gives(
      stageDropped({ ...i1, stageId: 's1', type: 'INTERNAL', reason: 'r' }),
    );
    whenOn(state, drop({ type: 'EXTERNAL', stageName: 'ext' })).gives(
      stageDropped({ ...i1, stageId: 's2', type: 'EXTERNAL', name: 'ext' }),
    );
  });
  test.each([
    [{}, 'type', 'stage type not set'],
    [{ type: 'EXTERNAL' }, 'stageName', 'external stage but not set stage name'],
    [{ type: 'INTERNAL' }, 'mysqlUserId', 'internal stage but not set user id'],
  ] as const)('drop %o: %s', (fields, field, text) => given(legacy).when(drop(fields)).isRefused('INVALID_STAGE', field, text));
  test('drop of an unknown one', () =>
    isRefusedWith(
      [legacy],
      drop({ type: 'EXTERNAL', stageName: 'ext' }),
      'UNKNOWN_STAGE',
      'stage not found with {"cloud_unique_id":"1:i1:x"',
    ));
  test('the table', () => {
    const state = stateAfter(legacy, first, has(internal), has(external), stageDropped({ ...i1, stageId: 's1', type: 'INTERNAL' }));
    expect(storageOf(state.storage, 'i1')?.stages).toEqual([external]);
  });
});
