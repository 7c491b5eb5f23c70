/**
 * Goal: instances are created whole or not at all, what is wrong is said in the Meta Service's words and order, and an id is taken for
 * ever.
 * Method: given events, when a command, then exactly these events; on a frozen state and on a draft.
 */
import { describe, expect, test } from 'vitest';
import { clusterAdded } from '../../events/clusters.ts';
import { clusterConfigsChanged } from '../../events/configs.ts';
import type { ChanceryEvent } from '../../events/index.ts';
import {
  instanceCreated,
  instanceDropped,
  instanceEncryptionChanged,
  instanceRenamed,
  instanceStatusChanged,
  ramUserChanged,
} from '../../events/instances.ts';
import { objectStoreAdded, storageVaultAdded } from '../../events/storage.ts';
import { instanceOf } from '../../projections/instances.ts';
import { storageOf } from '../../projections/storage.ts';
import type { Command } from '../../src/deciders/commands.ts';
import { given, startedAt } from '../support/given.ts';
import { hdfs, keys, roleStore, store } from '../support/storage.ts';

const created = instanceCreated({ instanceId: 'i1', name: 'one', sseEnabled: false, enableStorageVault: true });
const legacy = instanceCreated({ instanceId: 'i1', sseEnabled: false, enableStorageVault: false });
const dropped = instanceDropped({ instanceId: 'i1' });
const overdue = instanceStatusChanged({ instanceId: 'i1', from: 'NORMAL', to: 'OVERDUE' });
const ramUser = { userId: 'ram', ...keys('ram') };
const badRamUser = 'ram user info err, please check it';
const badStore = 's3 conf info err, please check it';
const badRole = 's3 conf info err with role_arn, please check it';
const plainPaths = clusterConfigsChanged({
  changes: [{ key: 'chancery.meta-service.distinguish-hdfs-paths', previous: { kind: 'unset' }, value: { kind: 'text', text: 'false' } }],
});

type Create = Extract<Command, { readonly name: 'createInstance' }>;
const create = (fields: Omit<Create, 'name'>): Create => ({ name: 'createInstance', instanceId: 'i1', ...fields });
const without = <T extends object, K extends keyof T>(object: T, key: K): Omit<T, K> => {
  const { [key]: _, ...rest } = object;
  return rest;
};

describe('createInstance', () => {
  test('nothing but an id gives an instance for vaults', () =>
    given()
      .when(create({}))
      .gives(instanceCreated({ instanceId: 'i1', sseEnabled: false, enableStorageVault: true })));
  test('all that is given is kept', () =>
    given()
      .when(create({ userId: 'u', instanceName: 'one', sseEnabled: true, ramUser: { ...ramUser, externalId: 'x' } }))
      .gives(
        instanceCreated({
          instanceId: 'i1',
          userId: 'u',
          name: 'one',
          ramUser: { ...ramUser, externalId: 'x' },
          sseEnabled: true,
          enableStorageVault: true,
        }),
      ));
  test('an object store of its own has the number 1 and the encryption of the instance', () =>
    given()
      .when(create({ objInfo: { ...store, prefix: ' //a/b// ' }, sseEnabled: true }))
      .gives(
        instanceCreated({ instanceId: 'i1', sseEnabled: true, enableStorageVault: false }),
        objectStoreAdded({ instanceId: 'i1', store: { ...store, prefix: 'a/b', id: '1', sseEnabled: true } }),
      ));
  test('a role takes the place of keys', () =>
    given()
      .when(create({ objInfo: { ...roleStore, ...keys('none') } }))
      .gives(legacy, objectStoreAdded({ instanceId: 'i1', store: { ...roleStore, externalEndpoint: '', id: '1', sseEnabled: false } })));
  test('a vault is the built-in one, whatever its name, and encrypts', () =>
    given()
      .when(create({ vault: { name: 'mine', objInfo: store } }))
      .gives(
        instanceCreated({ instanceId: 'i1', sseEnabled: false, enableStorageVault: true }),
        storageVaultAdded({
          instanceId: 'i1',
          vault: { id: '1', name: 'built_in_storage_vault', objInfo: { ...store, id: '1', sseEnabled: true } },
        }),
      ));
  const onHdfs = (prefix: string) =>
    storageVaultAdded({ instanceId: 'i1', vault: { id: '1', name: 'built_in_storage_vault', hdfsInfo: { ...hdfs, prefix } } });
  test('an HDFS prefix gets an ending of its own', () =>
    given()
      .when(create({ vault: { hdfsInfo: { ...hdfs, prefix: ' /p/ ' } }, pathSuffix: 'abc' }))
      .gives(instanceCreated({ instanceId: 'i1', sseEnabled: false, enableStorageVault: true }), onHdfs('p_abc')));
  test('an empty one, too; without an id for it the command gives one', () =>
    given()
      .when(create({ vault: { hdfsInfo: { buildConf: hdfs.buildConf } } }))
      .gives(instanceCreated({ instanceId: 'i1', sseEnabled: false, enableStorageVault: true }), onHdfs('_command-under-test')));
  test('unless that is switched off', () =>
    given(plainPaths)
      .when(create({ vault: { hdfsInfo: hdfs }, pathSuffix: 'abc' }))
      .gives(instanceCreated({ instanceId: 'i1', sseEnabled: false, enableStorageVault: true }), onHdfs('p')));
  test('an object store and a vault have numbers of one row', () =>
    given()
      .when(create({ objInfo: store, vault: { objInfo: { ...store, bucket: 'other' } } }))
      .gives(
        legacy,
        objectStoreAdded({ instanceId: 'i1', store: { ...store, id: '1', sseEnabled: false } }),
        storageVaultAdded({
          instanceId: 'i1',
          vault: { id: '2', name: 'built_in_storage_vault', objInfo: { ...store, bucket: 'other', id: '2', sseEnabled: true } },
        }),
      ));

  test.each(['userId', 'ak', 'sk'] as const)('1: a cloud account without %s', (part) => {
    given()
      .when(create({ ramUser: without(ramUser, part) }))
      .isRefused('INVALID_INSTANCE', 'ramUser', badRamUser);
    given()
      .when(create({ ramUser: { ...ramUser, [part]: '' } }))
      .isRefused('INVALID_INSTANCE', 'ramUser', badRamUser);
  });
  test.each(['ak', 'sk', 'bucket', 'endpoint', 'region', 'provider', 'externalEndpoint'] as const)(
    '2: an object store without %s',
    (part) => {
      given()
        .when(create({ objInfo: without(store, part) }))
        .isRefused('INVALID_STORAGE', 'objInfo', badStore);
      given()
        .when(create({ vault: { objInfo: without(store, part) } }))
        .isRefused('INVALID_STORAGE', 'vault.objInfo', badStore);
    },
  );
  test.each(['ak', 'sk', 'bucket', 'endpoint', 'region', 'externalEndpoint'] as const)('2: an object store with an empty %s', (part) =>
    given()
      .when(create({ objInfo: { ...store, [part]: '' } }))
      .isRefused('INVALID_STORAGE', 'objInfo', badStore),
  );
  test('2: the prefix may be missing', () =>
    expect(given().when(create({ objInfo: without(store, 'prefix') })).decision.kind).toBe('accepted'));
  test.each([
    { roleArn: '' },
    { credProviderType: 'SIMPLE' },
    { provider: 'COS' },
    { bucket: '' },
    { endpoint: '' },
    { region: '' },
  ] as const)("2': a role with %o", (wrong) =>
    given()
      .when(create({ objInfo: { ...roleStore, ...wrong } }))
      .isRefused('INVALID_STORAGE', 'objInfo', badRole),
  );
  test('3: no id', () => {
    given().when({ name: 'createInstance' }).isRefused('INVALID_INSTANCE', 'instanceId', 'instance id not set');
    given()
      .when(create({ instanceId: '' }))
      .isRefused('INVALID_INSTANCE', 'instanceId', 'instance id not set');
  });
  test('4: an HDFS prefix with a scheme', () =>
    given()
      .when(create({ vault: { hdfsInfo: { prefix: 'a://b' } } }))
      .isRefused('INVALID_STORAGE', 'vault.hdfsInfo.prefix', 'invalid prefix: a://b'));
  test.each([undefined, '', ' / '])("5: '%s' is no fs_name", (fsName) =>
    given()
      .when(create({ vault: { hdfsInfo: { buildConf: fsName === undefined ? {} : { fsName } } } }))
      .isRefused('INVALID_STORAGE', 'vault.hdfsInfo.buildConf.fsName', 'invalid fs_name: '),
  );
  test('6: a vault that lies nowhere', () =>
    given()
      .when(create({ vault: {} }))
      .isRefused('INVALID_STORAGE', 'vault.objInfo', badStore));
  test('a prefix too long for its ending', () => {
    const vault = { hdfsInfo: { ...hdfs, prefix: 'p'.repeat(1020) } };
    given()
      .when(create({ vault, pathSuffix: 'abcde' }))
      .isRefused('TOO_LARGE', 'vault.hdfsInfo.prefix', 'a prefix has at most 1024 characters, with its ending');
  });
  test.each([[], [dropped]])('7: the id is taken, %o', (...more) =>
    given(created, ...more)
      .when(create({}))
      .isRefused('INSTANCE_EXISTS', 'instanceId', 'instance already existed, instance_id=i1'),
  );
  test('what is wrong first is said first', () => {
    given().when({ name: 'createInstance', ramUser: {}, objInfo: {} }).isRefused('INVALID_INSTANCE', 'ramUser', badRamUser);
    given().when({ name: 'createInstance', objInfo: {}, vault: {} }).isRefused('INVALID_STORAGE', 'objInfo', badStore);
    given().when({ name: 'createInstance', vault: {} }).isRefused('INVALID_INSTANCE', 'instanceId', 'instance id not set');
    given(created)
      .when(create({ vault: {} }))
      .isRefused('INVALID_STORAGE', 'vault.objInfo', badStore);
  });
});

const unknown = 'instance not existed, instance_id=i1, err=KeyNotFound';
describe.each([
  { name: 'dropInstance' },
  { name: 'renameInstance', instanceName: 'two' },
  { name: 'setInstanceStatus', op: 'SET_OVERDUE' },
  { name: 'setInstanceEncryption', enabled: true },
] as const)('$name', (command) => {
  test('needs an id', () => {
    given().when(command).isRefused('INVALID_INSTANCE', 'instanceId', 'instance id not set');
    given()
      .when({ ...command, instanceId: '' })
      .isRefused('INVALID_INSTANCE', 'instanceId', 'instance id not set');
  });
  test('needs an instance', () =>
    given()
      .when({ ...command, instanceId: 'i1' })
      .isRefused('UNKNOWN_INSTANCE', 'instanceId', unknown));
});

describe('dropInstance', () => {
  const drop = { name: 'dropInstance', instanceId: 'i1' } as const;
  test('an instance without clusters', () => given(created).when(drop).gives(dropped));
  test('an overdue one', () => given(created, overdue).when(drop).gives(dropped));
  test('a dropped one changes nothing', () => given(created, dropped).when(drop).gives());
  test('not while it has clusters', () =>
    given(created, clusterAdded({ instanceId: 'i1', clusterId: 'c1', type: 'COMPUTE' }))
      .when(drop)
      .isRefused('INSTANCE_HAS_CLUSTERS', 'instanceId', 'failed to drop instance, instance has clusters'));
});

describe('renameInstance', () => {
  const rename = (instanceName?: string) =>
    ({ name: 'renameInstance', instanceId: 'i1', ...(instanceName === undefined ? {} : { instanceName }) }) as const;
  test('another name', () =>
    given(created)
      .when(rename('two'))
      .gives(instanceRenamed({ instanceId: 'i1', previous: 'one', name: 'two' })));
  test('the first name', () =>
    given(legacy)
      .when(rename('two'))
      .gives(instanceRenamed({ instanceId: 'i1', name: 'two' })));
  test('a dropped one, too', () =>
    given(created, dropped)
      .when(rename('two'))
      .gives(instanceRenamed({ instanceId: 'i1', previous: 'one', name: 'two' })));
  test('the name it has', () => given(created).when(rename('one')).gives());
  test.each([undefined, ''])("not '%s'", (name) =>
    given(created).when(rename(name)).isRefused('INVALID_INSTANCE', 'instanceName', 'rename instance name, but not set'),
  );
});

describe('setInstanceStatus', () => {
  const set = (op: 'SET_NORMAL' | 'SET_OVERDUE') => ({ name: 'setInstanceStatus', instanceId: 'i1', op }) as const;
  test('overdue', () => given(created).when(set('SET_OVERDUE')).gives(overdue));
  test('normal again', () =>
    given(created, overdue)
      .when(set('SET_NORMAL'))
      .gives(instanceStatusChanged({ instanceId: 'i1', from: 'OVERDUE', to: 'NORMAL' })));
  test.each([
    [[created], 'SET_NORMAL', 'the instance is already normal, instance_id = i1'],
    [[created, overdue], 'SET_OVERDUE', 'the instance has already set  instance to overdue, instance_id = i1'],
    [[created, dropped], 'SET_NORMAL', "can't set deleted instance to normal, instance_id = i1"],
    [[created, dropped], 'SET_OVERDUE', "can't set deleted instance to overdue, instance_id = i1"],
  ] as const)('%o %s: %s', (events, op, text) =>
    given(...events)
      .when(set(op))
      .isRefused('INSTANCE_STATUS_CONFLICT', 'op', text),
  );
});

describe('setInstanceEncryption', () => {
  const set = (enabled: boolean) => ({ name: 'setInstanceEncryption', instanceId: 'i1', enabled }) as const;
  const enabled = instanceEncryptionChanged({ instanceId: 'i1', enabled: true });
  test('on', () => given(created).when(set(true)).gives(enabled));
  test('off', () =>
    given(created, enabled)
      .when(set(false))
      .gives(instanceEncryptionChanged({ instanceId: 'i1', enabled: false })));
  test('for a dropped one, too', () => given(created, dropped).when(set(true)).gives(enabled));
  test('not twice', () => {
    given(created, enabled).when(set(true)).isRefused('NOTHING_TO_CHANGE', 'enabled', 'failed to enable sse, instance has enabled sse');
    given(created).when(set(false)).isRefused('NOTHING_TO_CHANGE', 'enabled', 'failed to disable sse, instance has disabled sse');
  });
});

describe('setRamUser', () => {
  const set = { name: 'setRamUser', instanceId: 'i1', ramUser } as const;
  const changed = ramUserChanged({ instanceId: 'i1', ramUser });
  test('the first', () => given(created).when(set).gives(changed));
  test('another, or the same again', () => given(created, changed).when(set).gives(changed));
  test('1: no id', () => given().when({ name: 'setRamUser' }).isRefused('INVALID_INSTANCE', 'instanceId', 'empty instance_id'));
  test.each(['userId', 'ak', 'sk'] as const)('2: without %s; the text holds no key', (part) => {
    const { decision } = given().when({ ...set, ramUser: { ...ramUser, [part]: '' } });
    expect(decision).toMatchObject({ rejection: { code: 'INVALID_INSTANCE', detail: expect.stringMatching(/^ram user info err \{/) } });
    expect(JSON.stringify(decision)).not.toContain('ciphertext');
  });
  test('3: an unknown instance', () =>
    given().when(set).isRefused('UNKNOWN_INSTANCE', 'instanceId', 'failed to get instance, instance_id=i1 err=KeyNotFound'));
  test('4: a dropped one', () =>
    given(created, dropped).when(set).isRefused('INSTANCE_DELETED', 'instanceId', 'instance status has been set delete, plz check it'));
});

describe('the tables', () => {
  const seconds = startedAt / 1000;
  test('mtime comes with status and encryption, not with a name', () => {
    const rowAfter = (...events: readonly ChanceryEvent[]) => instanceOf(given(created, ...events).state.instances, 'i1');
    expect(rowAfter(instanceRenamed({ instanceId: 'i1', name: 'two' }))).toEqual({
      ...created.data,
      name: 'two',
      status: 'NORMAL',
      position: 1,
    });
    expect(rowAfter(overdue)).toMatchObject({ status: 'OVERDUE', mtime: seconds + 1 });
    expect(rowAfter(dropped)).toMatchObject({ status: 'DELETED', mtime: seconds + 1 });
    expect(rowAfter(instanceEncryptionChanged({ instanceId: 'i1', enabled: true }))).toMatchObject({
      sseEnabled: true,
      mtime: seconds + 1,
    });
  });
  test('encryption goes to the object stores, not to the vaults', () => {
    const added = objectStoreAdded({ instanceId: 'i1', store: { ...store, id: '1', sseEnabled: true } });
    const vault = storageVaultAdded({ instanceId: 'i1', vault: { id: '2', name: 'v', objInfo: { ...store, id: '2', sseEnabled: true } } });
    const { state } = given(legacy, added, vault, instanceEncryptionChanged({ instanceId: 'i1', enabled: false }));
    expect(storageOf(state.storage, 'i1')).toMatchObject({
      objectStores: [{ id: '1', sseEnabled: false, ctime: seconds + 1, mtime: seconds + 1 }],
      vaults: [{ id: '2', objInfo: { sseEnabled: true } }],
    });
  });
});
