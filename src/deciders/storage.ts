import { z } from 'zod';
import type { ChanceryEvent } from '../../events/index.ts';
import type { RamUser } from '../../events/instances.ts';
import { identifier } from '../../events/kit.ts';
import {
  defaultVaultChanged,
  keysRotated,
  objectStoreAdded,
  objectStoreRoleChanged,
  serviceIdentityChanged,
  storageLimits,
  storageVaultAdded,
  storageVaultAltered,
  storageVaultDropped,
} from '../../events/storage.ts';
import type { InstanceRow } from '../../projections/instances.ts';
import {
  defaultVaultOf,
  nextStorageId,
  type ObjectStoreRow,
  type StorageRow,
  storageOf,
  type VaultRow,
} from '../../projections/storage.ts';
import { accept, type Decision, isRejection, type Rejection, refused, reject, rejection } from '../rejection.ts';
import { liveInstance } from './instanceResolution.ts';
import { builtInVaultName, hdfsSuffix } from './instances.ts';
import { defineCommand } from './kit.ts';
import {
  addedStoreFault,
  areSameKeys,
  callersInstance,
  cloudUniqueId,
  completeRamUser,
  type GivenStore,
  type GivenVault,
  givenRamUser,
  givenStore,
  givenStoreFault,
  givenVault,
  invalid,
  isSealed,
  type Key,
  newVault,
  numbered,
  objBytes,
  pathSuffix,
  repeated,
} from './storageRules.ts';

const storeRequest = { cloudUniqueId, obj: givenStore.exactOptional(), objBytes };
const sameKeysText = 'ak sk eq original, please check it';

/**
 * Give an instance that does not use vaults one more object store.
 * @returns `ObjectStoreAdded`; or, in the order of the checks, INVALID_STORAGE (the request), INVALID_INSTANCE, UNRESOLVED_INSTANCE,
 *   UNKNOWN_INSTANCE, INSTANCE_DELETED, STORAGE_MODE_CONFLICT, INVALID_STORAGE (provider), TOO_MANY_OBJECT_STORES, INVALID_STORAGE (the
 *   rest), NOTHING_TO_CHANGE
 */
export const addObjectStore = defineCommand({
  name: 'addObjectStore',
  about: 'Give an instance one more object store.',
  input: z.strictObject(storeRequest),
  decide: (state, request) => {
    const { obj = {} } = request;
    const instance = givenStoreFault(request) ?? callersInstance(state, request.cloudUniqueId);
    if (isRejection(instance)) return refused(instance);
    if (instance.enableStorageVault) return reject('STORAGE_MODE_CONFLICT', 'cloudUniqueId', "Storage vault doesn't support add obj info");
    const row = storageOf(state.storage, instance.instanceId);
    const stores = row?.objectStores ?? [];
    const storeFault = addedStoreFault(obj, stores.length, storageLimits.objectStores, true);
    if (storeFault !== undefined) return refused(storeFault);
    const store = numbered({ usePathStyle: false, ...obj }, nextStorageId(row), instance.sseEnabled);
    if (stores.some((present) => isSamePlace(present, store)))
      return reject('NOTHING_TO_CHANGE', 'obj', 'original obj infos has a same conf, please check it');
    return accept(objectStoreAdded({ instanceId: instance.instanceId, store }));
  },
});

const placeFields = ['bucket', 'prefix', 'endpoint', 'region', 'provider', 'externalEndpoint', 'roleArn'] as const;
const isSamePlace = (a: GivenStore, b: GivenStore): boolean =>
  placeFields.every((field) => (a[field] ?? '') === (b[field] ?? '')) && areSameKeys(a, b);

/**
 * Open one object store of an instance with other keys, or with a role.
 * @returns `KeysRotated` or `ObjectStoreRoleChanged`, nothing for the role that it has; or, in the order of the checks, INVALID_STORAGE,
 *   INVALID_INSTANCE, UNRESOLVED_INSTANCE, UNKNOWN_INSTANCE, INSTANCE_DELETED, UNKNOWN_OBJECT_STORE, INVALID_STORAGE (role),
 *   NOTHING_TO_CHANGE
 */
export const rotateObjectStoreKeys = defineCommand({
  name: 'rotateObjectStoreKeys',
  about: 'Open an object store with other keys, or with a role.',
  input: z.strictObject(storeRequest),
  decide: (state, request) => {
    const { obj = {} } = request;
    const instance = givenStoreFault(request) ?? callersInstance(state, request.cloudUniqueId);
    if (isRejection(instance)) return refused(instance);
    const { instanceId } = instance;
    const id = String(Number.parseInt(obj.id ?? '0', 10));
    const store = storageOf(state.storage, instanceId)?.objectStores.find((present) => present.id === id);
    if (store === undefined) return reject('UNKNOWN_OBJECT_STORE', 'obj.id', 'id invalid, please check it');
    return obj.roleArn === undefined ? rotated(instanceId, store, obj) : withRole(instanceId, store, obj.roleArn, obj.externalId);
  },
});

function rotated(instanceId: string, { id, ...store }: ObjectStoreRow, { ak = '', sk = '' }: GivenStore): Decision<ChanceryEvent> {
  if (areSameKeys(store, { ak, sk })) return reject('NOTHING_TO_CHANGE', 'obj', sameKeysText);
  return accept(keysRotated({ instanceId, objectStores: [{ id, ak, sk }] }));
}

function withRole(instanceId: string, store: ObjectStoreRow, roleArn: string, externalId: string | undefined): Decision<ChanceryEvent> {
  if (store.provider !== 'S3') return refused(invalid('obj.roleArn', 'role_arn is only supported for s3 provider'));
  if (store.roleArn === roleArn && store.externalId === externalId) return accept();
  const role = { roleArn, ...(externalId === undefined ? {} : { externalId }) };
  return accept(objectStoreRoleChanged({ instanceId, id: store.id, ...role }));
}

const rotation = z.strictObject({
  instanceId: identifier.exactOptional(),
  internalBucketUser: z.array(givenRamUser).max(storageLimits.users).exactOptional(),
  ramUser: givenRamUser.exactOptional(),
});
type Rotation = Readonly<z.infer<typeof rotation>>;

/**
 * Replace the keys of an instance's cloud account, of its object stores, or both: all or nothing.
 * @returns one `KeysRotated`; or, in the order of the checks, INVALID_INSTANCE, UNKNOWN_INSTANCE, INSTANCE_DELETED, INVALID_INSTANCE
 *   (account), RAM_USER_MISMATCH, NOTHING_TO_CHANGE, then for each bucket user INVALID_STORAGE, NOTHING_TO_CHANGE, and last
 *   UNKNOWN_OBJECT_STORE
 */
export const rotateKeys = defineCommand({
  name: 'rotateKeys',
  about: 'Replace the keys of an instance: of its cloud account, of its object stores, or both.',
  input: rotation,
  decide: (state, request) => {
    const { instanceId = '', internalBucketUser: users = [], ramUser } = request;
    if (instanceId === '') return reject('INVALID_INSTANCE', 'instanceId', 'instance id not set');
    if (users.length === 0 && ramUser === undefined) return reject('INVALID_INSTANCE', '', 'nothing to update');
    const instance = liveInstance(state, instanceId);
    if (isRejection(instance)) return refused(instance);
    const account = ramUser === undefined ? undefined : rotatedAccount(instance, request);
    if (account !== undefined && isRejection(account)) return refused(account);
    const stores = rotatedStores(storageOf(state.storage, instanceId)?.objectStores ?? [], request);
    if (isRejection(stores)) return refused(stores);
    if (users.length > 0 && stores.length === 0)
      return reject('UNKNOWN_OBJECT_STORE', 'internalBucketUser', 'fail to find the alter obj info');
    return accept(keysRotated({ instanceId, objectStores: [...stores], ...(account === undefined ? {} : { ramUser: account }) }));
  },
});

function rotatedAccount(instance: InstanceRow, request: Rotation): RamUser | Rejection {
  const given = completeRamUser(request.ramUser ?? {});
  if (given === undefined) return rejection('INVALID_INSTANCE', 'ramUser', `ram user info err ${repeated(request)}`);
  const { ramUser: present } = instance;
  if (present === undefined) return rejection('RAM_USER_MISMATCH', 'ramUser', "instance doesn't have ram user info");
  if (present.userId !== given.userId) return rejection('RAM_USER_MISMATCH', 'ramUser.userId', 'ram user_id err');
  if (areSameKeys(present, given)) return rejection('NOTHING_TO_CHANGE', 'ramUser', sameKeysText);
  return { ...present, ak: given.ak, sk: given.sk };
}

interface RotatedStore {
  readonly id: string;
  readonly userId?: string;
  readonly ak: Key;
  readonly sk: Key;
}

/** The stores that take other keys, each as it is in the end. Users come in turn: one sees what those before it did. */
function rotatedStores(present: readonly ObjectStoreRow[], request: Rotation): readonly RotatedStore[] | Rejection {
  const { internalBucketUser: users = [] } = request;
  const taken = new Map<string, RotatedStore>();
  for (const [i, { ak, sk, userId }] of users.entries()) {
    const field = `internalBucketUser[${i}]`;
    if (userId === undefined || ak === undefined || sk === undefined) return invalid(field, `s3 bucket info err ${repeated(request)}`);
    for (const store of present) {
      const newest = taken.get(store.id) ?? store;
      if (newest.userId === undefined && users.length > 1)
        return invalid(field, `fail to update old instance's obj_info, s3 obj info err ${repeated(request)}`);
      if (newest.userId !== undefined && newest.userId !== userId) continue;
      if (areSameKeys(newest, { ak, sk })) return rejection('NOTHING_TO_CHANGE', field, sameKeysText);
      taken.set(store.id, { id: store.id, userId, ak, sk });
    }
  }
  return [...taken.values()];
}

const vaultKind = z.enum(['S3', 'HDFS']);
const vaultRequest = { cloudUniqueId, vault: givenVault.exactOptional() };
const addition = z.strictObject({
  ...vaultRequest,
  kind: vaultKind,
  obj: givenStore.exactOptional().describe('In place of vault.objInfo.'),
  objBytes,
  setAsDefaultStorageVault: z.boolean().exactOptional(),
  pathSuffix,
});
type Addition = Readonly<z.infer<typeof addition>>;

const missingVault = (request: object): Rejection => invalid('vault', `hdfs info is not found ${repeated(request)}`);
const isNamed = (vault: GivenVault | undefined): vault is GivenVault & { readonly name: string } =>
  vault?.name !== undefined && vault.name !== '';
const vaultNamed = (row: StorageRow | undefined, name: string | undefined): VaultRow | undefined =>
  row?.vaults.find((vault) => vault.name === name);
const refOf = ({ id, name }: VaultRow | { readonly id: string; readonly name: string }) => ({ id, name });

/**
 * Give an instance one more vault, on HDFS or in an object store.
 * @returns `StorageVaultAdded`, and `DefaultVaultChanged` when it was asked for; or, in the order of the checks, INVALID_STORAGE (the
 *   request), INVALID_INSTANCE, UNRESOLVED_INSTANCE, UNKNOWN_INSTANCE, INSTANCE_DELETED, then for an object store STORAGE_MODE_CONFLICT,
 *   INVALID_STORAGE, TOO_MANY_OBJECT_STORES, VAULT_EXISTS, for HDFS VAULT_EXISTS, INVALID_STORAGE, TOO_LARGE, and last TOO_LARGE (vaults)
 */
export const addStorageVault = defineCommand({
  name: 'addStorageVault',
  about: 'Give an instance one more storage vault.',
  input: addition,
  decide: (state, request, { commandId }) => {
    const instance = additionFault(request) ?? callersInstance(state, request.cloudUniqueId);
    if (isRejection(instance)) return refused(instance);
    const row = storageOf(state.storage, instance.instanceId);
    const name = request.vault?.name ?? '';
    const storeFault = request.kind === 'S3' ? vaultStoreFault(instance, row, storeOf(request)) : undefined;
    if (storeFault !== undefined) return refused(storeFault);
    if (vaultNamed(row, name) !== undefined) return reject('VAULT_EXISTS', 'vault.name', `vault_name=${name} already created`);
    const id = nextStorageId(row);
    const vault =
      request.kind === 'S3'
        ? { id, name, objInfo: numbered({ usePathStyle: false, ...storeOf(request) }, id, true) }
        : newVault(onHdfs(request.vault), { id, name, suffix: hdfsSuffix(state, request.pathSuffix, commandId) });
    if (isRejection(vault)) return refused(vault);
    return added(instance.instanceId, row, vault, request.setAsDefaultStorageVault === true);
  },
});

/** A vault that is to lie on HDFS and does not say where is one without an address. */
const onHdfs = (vault: GivenVault = {}): GivenVault => ({ ...vault, hdfsInfo: vault.hdfsInfo ?? {} });
const storeOf = ({ obj, vault }: Addition): GivenStore => obj ?? vault?.objInfo ?? {};

function additionFault(request: Addition): Rejection | undefined {
  const { cloudUniqueId: id, kind, obj = request.vault?.objInfo, objBytes: size, vault } = request;
  if (kind === 'HDFS') return isNamed(vault) ? undefined : missingVault({ cloudUniqueId: id, vault });
  return givenStoreFault({
    ...(id === undefined ? {} : { cloudUniqueId: id }),
    ...(obj === undefined ? {} : { obj }),
    ...(size === undefined ? {} : { objBytes: size }),
  });
}

function vaultStoreFault(instance: InstanceRow, row: StorageRow | undefined, obj: GivenStore): Rejection | undefined {
  if (!instance.enableStorageVault)
    return rejection('STORAGE_MODE_CONFLICT', 'cloudUniqueId', "Storage vault doesn't support storage vault");
  const fault = addedStoreFault(obj, row?.objectStores.length ?? 0, storageLimits.objectStores, false);
  if (fault !== undefined) return fault;
  const isRoleWhole = obj.credProviderType === 'INSTANCE_PROFILE' && obj.provider === 'S3';
  return obj.roleArn === undefined || isRoleWhole ? undefined : invalid('obj', 's3 conf info err with role_arn, please check it');
}

function added(
  instanceId: string,
  row: StorageRow | undefined,
  vault: Parameters<typeof storageVaultAdded>[0]['vault'],
  isDefault: boolean,
): Decision<ChanceryEvent> {
  if ((row?.vaults.length ?? 0) >= storageLimits.vaults)
    return reject('TOO_LARGE', 'vault', `instance ${instanceId} has ${storageLimits.vaults} vaults, the most there can be`);
  const event = storageVaultAdded({ instanceId, vault });
  if (!isDefault) return accept(event);
  const from = defaultVaultOf(row);
  const change = { ...(from === undefined ? {} : { from: refOf(from) }), to: refOf(vault) };
  return accept<ChanceryEvent>(event, defaultVaultChanged({ instanceId, ...change }));
}

/**
 * Give an instance without vaults its first one.
 * @returns `StorageVaultAdded`; or INVALID_STORAGE (no vault), INVALID_INSTANCE, UNRESOLVED_INSTANCE, UNKNOWN_INSTANCE, INSTANCE_DELETED,
 *   INVALID_STORAGE (it has vaults; then what is wrong with this one), TOO_LARGE
 */
export const addBuiltInVault = defineCommand({
  name: 'addBuiltInVault',
  about: 'Give an instance its first storage vault.',
  input: z.strictObject({ ...vaultRequest, pathSuffix }),
  decide: (state, request, { commandId }) => {
    if (request.vault === undefined) return refused(invalid('vault', `storage vault is set ${repeated(request)}`));
    const instance = callersInstance(state, request.cloudUniqueId);
    if (isRejection(instance)) return refused(instance);
    const row = storageOf(state.storage, instance.instanceId);
    if ((row?.vaults.length ?? 0) > 0) return refused(invalid('vault', 'Default vault can not be modified'));
    const naming = { id: nextStorageId(row), name: request.vault.name ?? builtInVaultName };
    const vault = newVault(request.vault, { ...naming, suffix: hdfsSuffix(state, request.pathSuffix, commandId) });
    return isRejection(vault) ? refused(vault) : added(instance.instanceId, row, vault, false);
  },
});

const alteration = z.strictObject({ ...vaultRequest, kind: vaultKind });
type Alteration = Readonly<z.infer<typeof alteration>>;

/**
 * Rename a vault, or have it opened in another way. Where its data lies cannot change.
 * @returns `StorageVaultAltered`, nothing when nothing is to change; or, in the order of the checks, INVALID_STORAGE (the request),
 *   INVALID_INSTANCE, UNRESOLVED_INSTANCE, UNKNOWN_INSTANCE, INSTANCE_DELETED, UNKNOWN_VAULT, INVALID_STORAGE (its kind; the new name),
 *   VAULT_EXISTS, INVALID_STORAGE (keys and role), TOO_LARGE
 */
export const alterStorageVault = defineCommand({
  name: 'alterStorageVault',
  about: 'Rename a storage vault, or have it opened in another way.',
  input: alteration,
  decide: (state, request) => {
    const { kind, vault: given = {} } = request;
    const instance = alterationFault(request) ?? callersInstance(state, request.cloudUniqueId);
    if (isRejection(instance)) return refused(instance);
    const { instanceId } = instance;
    const row = storageOf(state.storage, instanceId);
    const name = given.name ?? '';
    const vault = vaultNamed(row, name);
    if (vault === undefined) return reject('UNKNOWN_VAULT', 'vault.name', `invalid storage vault name, not found, name =${name}`);
    if ((kind === 'S3' ? vault.objInfo : vault.hdfsInfo) === undefined)
      return refused(invalid('vault.name', `${name} is not ${kind.toLowerCase()} storage vault`));
    const nameFault = given.alterName === undefined ? undefined : newNameFault(row, given.alterName);
    if (nameFault !== undefined) return refused(nameFault);
    const change = kind === 'S3' ? storeChange(given.objInfo ?? {}) : hdfsChange(vault, given);
    if (isRejection(change)) return refused(change);
    const renamed = given.alterName === undefined ? {} : { newName: given.alterName };
    if (Object.keys({ ...renamed, ...change }).length === 0) return accept();
    return accept(storageVaultAltered({ instanceId, ...refOf(vault), ...renamed, ...change }));
  },
});

/** What can be said without looking at the vault. */
function alterationFault({ kind, vault }: Alteration): Rejection | undefined {
  if (kind === 'S3') {
    if (vault?.objInfo === undefined) return invalid('vault.objInfo', 'There is no s3 vault provided');
    const { bucket, endpoint, prefix, provider } = vault.objInfo;
    const isMoved = [bucket, endpoint, prefix, provider].some((part) => part !== undefined);
    return isMoved ? invalid('vault.objInfo', 'Bucket, endpoint, prefix and provider can not be altered') : undefined;
  }
  if (vault?.hdfsInfo === undefined) return invalid('vault.hdfsInfo', 'There is no hdfs vault provided');
  const { buildConf, prefix } = vault.hdfsInfo;
  return prefix !== undefined || buildConf === undefined || buildConf.fsName !== undefined
    ? invalid('vault.hdfsInfo', 'You can not alter prefix or fs name because it might lose previoud written data')
    : undefined;
}

const namePattern = '^[a-zA-Z][0-9a-zA-Z_]*$';
function newNameFault(row: StorageRow | undefined, name: string): Rejection | undefined {
  if (!new RegExp(namePattern).test(name))
    return invalid('vault.alterName', `invalid storage vault name =${name} the name must satisfy ${namePattern}`);
  return vaultNamed(row, name) === undefined
    ? undefined
    : rejection('VAULT_EXISTS', 'vault.alterName', `vault_name=${name} already existed`);
}

type VaultChange = Pick<Parameters<typeof storageVaultAltered>[0], 'keys' | 'role' | 'usePathStyle' | 'hdfs'>;
function storeChange({ ak, externalId, roleArn, sk, usePathStyle }: GivenStore): VaultChange | Rejection {
  if (roleArn !== undefined && (ak !== undefined || sk !== undefined))
    return invalid('vault.objInfo', 'invaild argument, both set ak/sk and role_arn is not allowed');
  if ((ak === undefined) !== (sk === undefined)) return invalid('vault.objInfo', 'Accesskey and secretkey must be alter together');
  return {
    ...(ak === undefined || sk === undefined ? {} : { keys: { ak, sk } }),
    ...(roleArn === undefined ? {} : { role: { roleArn, ...(externalId === undefined ? {} : { externalId }) } }),
    ...(usePathStyle === undefined ? {} : { usePathStyle }),
  };
}

function hdfsChange({ hdfsInfo }: VaultRow, given: GivenVault): VaultChange | Rejection {
  const hdfs = given.hdfsInfo?.buildConf ?? {};
  const confs = (hdfsInfo?.buildConf?.hdfsConfs?.length ?? 0) + (hdfs.hdfsConfs?.length ?? 0);
  if (confs > storageLimits.hdfsConfs)
    return rejection('TOO_LARGE', 'vault.hdfsInfo', `the vault would have ${confs} hdfs_confs; it has at most ${storageLimits.hdfsConfs}`);
  return Object.keys(hdfs).length === 0 ? {} : { hdfs };
}

/**
 * Drop a vault. When it was the default there is none afterwards.
 * @returns `StorageVaultDropped`, and `DefaultVaultChanged` when it was the default; or INVALID_STORAGE, INVALID_INSTANCE,
 *   UNRESOLVED_INSTANCE, UNKNOWN_INSTANCE, INSTANCE_DELETED, UNKNOWN_VAULT
 */
export const dropStorageVault = defineCommand({
  name: 'dropStorageVault',
  about: 'Drop a storage vault.',
  input: z.strictObject(vaultRequest),
  decide: (state, request) => {
    const { vault: given } = request;
    if (!isNamed(given)) return refused(missingVault(request));
    const instance = callersInstance(state, request.cloudUniqueId);
    if (isRejection(instance)) return refused(instance);
    const { instanceId } = instance;
    const row = storageOf(state.storage, instanceId);
    const vault = vaultNamed(row, given.name);
    if (vault === undefined) return reject('UNKNOWN_VAULT', 'vault.name', `vault_name=${given.name} not found`);
    const dropped = storageVaultDropped({ instanceId, ...refOf(vault) });
    const wasDefault = row?.defaultVaultId === vault.id;
    return accept<ChanceryEvent>(dropped, ...(wasDefault ? [defaultVaultChanged({ instanceId, from: refOf(vault) })] : []));
  },
});

/**
 * Have another vault take the tables that name none.
 * @returns `DefaultVaultChanged` unless it does so already; or INVALID_STORAGE, INVALID_INSTANCE, UNRESOLVED_INSTANCE, UNKNOWN_INSTANCE,
 *   INSTANCE_DELETED, UNKNOWN_VAULT
 */
export const setDefaultVault = defineCommand({
  name: 'setDefaultVault',
  about: 'Have a storage vault take the tables that name none.',
  input: z.strictObject(vaultRequest),
  decide: (state, request) => {
    const { vault: given } = request;
    if (!isNamed(given)) return refused(missingVault(request));
    const instance = callersInstance(state, request.cloudUniqueId);
    if (isRejection(instance)) return refused(instance);
    const row = storageOf(state.storage, instance.instanceId);
    const vault = vaultNamed(row, given.name);
    if (vault === undefined) return reject('UNKNOWN_VAULT', 'vault.name', `invalid storage vault name, name =${given.name}`);
    const from = defaultVaultOf(row);
    if (from?.id === vault.id) return accept();
    const change = { ...(from === undefined ? {} : { from: refOf(from) }), to: refOf(vault) };
    return accept(defaultVaultChanged({ instanceId: instance.instanceId, ...change }));
  },
});

/**
 * Have no vault take the tables that name none.
 * @returns `DefaultVaultChanged` unless there is no default; or INVALID_INSTANCE, UNRESOLVED_INSTANCE, UNKNOWN_INSTANCE, INSTANCE_DELETED
 */
export const unsetDefaultVault = defineCommand({
  name: 'unsetDefaultVault',
  about: 'Have no storage vault take the tables that name none.',
  input: z.strictObject({ cloudUniqueId }),
  decide: (state, request) => {
    const instance = callersInstance(state, request.cloudUniqueId);
    if (isRejection(instance)) return refused(instance);
    const from = defaultVaultOf(storageOf(state.storage, instance.instanceId));
    return from === undefined ? accept() : accept(defaultVaultChanged({ instanceId: instance.instanceId, from: refOf(from) }));
  },
});

/**
 * Replace the cloud account of the service itself, the same for all instances.
 * @returns `ServiceIdentityChanged`; or INVALID_STORAGE, NOTHING_TO_CHANGE
 */
export const setServiceIdentity = defineCommand({
  name: 'setServiceIdentity',
  about: "Replace the service's own cloud account.",
  input: z.strictObject({
    accountId: identifier.exactOptional(),
    ak: givenStore.shape.ak,
    sk: givenStore.shape.sk,
  }),
  decide: ({ storage }, { accountId = '', ak, sk }) => {
    if (accountId === '' || !isSealed(ak) || !isSealed(sk)) return refused(invalid('', 'invalid argument'));
    const { identity } = storage;
    if (identity?.accountId === accountId && areSameKeys(identity, { ak, sk }))
      return reject('NOTHING_TO_CHANGE', 'ak', 'already has the same arn info');
    return accept(serviceIdentityChanged({ accountId, ak, sk }));
  },
});
