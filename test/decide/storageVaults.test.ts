/**
 * Goal: vaults are added, altered and dropped as the Meta Service says, in its words and its order of checks.
 * Method: given events, when a command, then exactly these events; on a frozen state and on a draft.
 */
import { describe, expect, test } from 'vitest';
import type { ChanceryEvent } from '../../events/index.ts';
import { defaultVaultChanged, storageLimits, storageVaultAdded, storageVaultAltered, storageVaultDropped } from '../../events/storage.ts';
import { nextStorageId, storageOf } from '../../projections/storage.ts';
import { given, startedAt, stateAfter } from '../support/given.ts';
import {
  asksForInstance,
  badStore,
  both,
  by,
  created,
  hdfs,
  i1,
  isRefusedWith,
  keys,
  legacy,
  type Named,
  roleStore,
  store,
  without,
} from '../support/storage.ts';

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
  test('nothing', () => {
    given2()
      .when(alter({ name: 'v', objInfo: {} }))
      .gives();
    given2()
      .when(alter({ name: 'h', hdfsInfo: { buildConf: {} } }, 'HDFS'))
      .gives();
  });
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
