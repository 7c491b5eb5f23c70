import { z } from 'zod';
import type { ChanceryEvent } from '../../events/index.ts';
import {
  instanceCreated,
  instanceDropped,
  instanceEncryptionChanged,
  instanceRenamed,
  instanceStatusChanged,
  ramUserChanged,
} from '../../events/instances.ts';
import { freeText, identifier } from '../../events/kit.ts';
import { type NumberedVault, objectStoreAdded, storageVaultAdded } from '../../events/storage.ts';
import { clusterCount } from '../../projections/clusters.ts';
import { configOf } from '../../projections/configs.ts';
import { type InstanceRow, instanceOf } from '../../projections/instances.ts';
import type { State } from '../../projections/state.ts';
import { accept, isRejection, type Rejection, refused, reject, rejection } from '../rejection.ts';
import { liveInstance } from './instanceResolution.ts';
import { defineCommand } from './kit.ts';
import {
  completeRamUser,
  givenRamUser,
  givenStore,
  givenVault,
  newStoreFault,
  newVault,
  numbered,
  pathSuffix,
  repeated,
} from './storageRules.ts';

const named = { instanceId: identifier.exactOptional() };
/** The name of a vault that an instance is created with, whatever name was given. */
export const builtInVaultName = 'built_in_storage_vault';

const creation = z.strictObject({
  ...named,
  userId: identifier.exactOptional(),
  instanceName: freeText.exactOptional(),
  sseEnabled: z.boolean().exactOptional(),
  ramUser: givenRamUser.exactOptional(),
  objInfo: givenStore.exactOptional(),
  vault: givenVault.exactOptional(),
  pathSuffix,
});
type Creation = Readonly<z.infer<typeof creation>>;

/**
 * Create an instance: with an object store of its own (`objInfo`), with vaults (nothing, or the first one in `vault`), or both.
 * @returns `InstanceCreated`, then `ObjectStoreAdded` and `StorageVaultAdded` for what was given; or, in the order of the checks,
 *   INVALID_INSTANCE (cloud account), INVALID_STORAGE (object store), INVALID_INSTANCE (id), INVALID_STORAGE (vault), TOO_LARGE,
 *   INSTANCE_EXISTS
 */
export const createInstance = defineCommand({
  name: 'createInstance',
  about: 'Create an instance of the Meta Service.',
  input: creation,
  decide: (state, given, context) => {
    const { instanceId = '', instanceName, objInfo, ramUser, sseEnabled = false, userId } = given;
    const account = ramUser === undefined ? undefined : completeRamUser(ramUser);
    if (ramUser !== undefined && account === undefined) return reject('INVALID_INSTANCE', 'ramUser', 'ram user info err, please check it');
    const fault = objInfo === undefined ? undefined : newStoreFault('objInfo', objInfo);
    if (fault !== undefined) return refused(fault);
    if (instanceId === '') return reject('INVALID_INSTANCE', 'instanceId', 'instance id not set');
    const vault = firstVault(state, given, context.commandId);
    if (vault !== undefined && isRejection(vault)) return refused(vault);
    if (instanceOf(state.instances, instanceId) !== undefined)
      return reject('INSTANCE_EXISTS', 'instanceId', `instance already existed, instance_id=${instanceId}`);
    const created = instanceCreated({
      instanceId,
      ...(userId === undefined ? {} : { userId }),
      ...(instanceName === undefined ? {} : { name: instanceName }),
      ...(account === undefined ? {} : { ramUser: account }),
      sseEnabled,
      enableStorageVault: objInfo === undefined,
    });
    const stores = objInfo === undefined ? [] : [objectStoreAdded({ instanceId, store: numbered(objInfo, '1', sseEnabled) })];
    return accept<ChanceryEvent>(created, ...stores, ...(vault === undefined ? [] : [storageVaultAdded({ instanceId, vault })]));
  },
});

/** Object stores and vaults share their numbers. */
function firstVault(
  state: State,
  { objInfo, pathSuffix: suffix, vault }: Creation,
  commandId: string,
): NumberedVault | Rejection | undefined {
  if (vault === undefined) return undefined;
  const id = objInfo === undefined ? '1' : '2';
  return newVault(vault, { id, name: builtInVaultName, suffix: hdfsSuffix(state, suffix, commandId) });
}

/** What follows an HDFS prefix, so that no two vaults lie in one place; empty while that is switched off. */
export const hdfsSuffix = (state: State, given: string | undefined, commandId: string): string =>
  configOf(state.configs, 'chancery.meta-service.distinguish-hdfs-paths') ? (given ?? commandId.slice(0, 64)) : '';

/** An instance to be altered, dropped or not. */
function alterable(state: State, instanceId = ''): InstanceRow | Rejection {
  if (instanceId === '') return rejection('INVALID_INSTANCE', 'instanceId', 'instance id not set');
  return (
    instanceOf(state.instances, instanceId) ??
    rejection('UNKNOWN_INSTANCE', 'instanceId', `instance not existed, instance_id=${instanceId}, err=KeyNotFound`)
  );
}

/**
 * Drop an instance without clusters. Its record stays, its id is never free again; dropping it again changes nothing.
 * @returns `InstanceDropped`; or INVALID_INSTANCE, UNKNOWN_INSTANCE, INSTANCE_HAS_CLUSTERS
 */
export const dropInstance = defineCommand({
  name: 'dropInstance',
  about: 'Drop an instance.',
  input: z.strictObject(named),
  decide: (state, { instanceId }) => {
    const instance = alterable(state, instanceId);
    if (isRejection(instance)) return refused(instance);
    if (clusterCount(state.clusters, instance.instanceId) > 0)
      return reject('INSTANCE_HAS_CLUSTERS', 'instanceId', 'failed to drop instance, instance has clusters');
    return instance.status === 'DELETED' ? accept() : accept(instanceDropped({ instanceId: instance.instanceId }));
  },
});

/**
 * Give an instance another name, even a dropped one; names need not differ.
 * @returns `InstanceRenamed` unless it has that name; or INVALID_INSTANCE (id), UNKNOWN_INSTANCE, INVALID_INSTANCE (name)
 */
export const renameInstance = defineCommand({
  name: 'renameInstance',
  about: 'Rename an instance.',
  input: z.strictObject({ ...named, instanceName: freeText.exactOptional() }),
  decide: (state, { instanceId, instanceName = '' }) => {
    const instance = alterable(state, instanceId);
    if (isRejection(instance)) return refused(instance);
    if (instanceName === '') return reject('INVALID_INSTANCE', 'instanceName', 'rename instance name, but not set');
    if (instanceName === instance.name) return accept();
    const previous = instance.name === undefined ? {} : { previous: instance.name };
    return accept(instanceRenamed({ instanceId: instance.instanceId, ...previous, name: instanceName }));
  },
});

/**
 * Mark an instance as overdue, or as normal again.
 * @returns `InstanceStatusChanged`; or INVALID_INSTANCE, UNKNOWN_INSTANCE, INSTANCE_STATUS_CONFLICT
 */
export const setInstanceStatus = defineCommand({
  name: 'setInstanceStatus',
  about: 'Mark an instance as overdue, or as normal again.',
  input: z.strictObject({ ...named, op: z.enum(['SET_NORMAL', 'SET_OVERDUE']) }),
  decide: (state, { instanceId: id, op }) => {
    const instance = alterable(state, id);
    if (isRejection(instance)) return refused(instance);
    const { instanceId, status: from } = instance;
    const [to, word] = op === 'SET_NORMAL' ? (['NORMAL', 'normal'] as const) : (['OVERDUE', 'overdue'] as const);
    const conflict = (detail: string) => reject('INSTANCE_STATUS_CONFLICT', 'op', `${detail}, instance_id = ${instanceId}`);
    if (from === 'DELETED') return conflict(`can't set deleted instance to ${word}`);
    if (from === to)
      // The two blanks are upstream's.
      return conflict(to === 'NORMAL' ? 'the instance is already normal' : 'the instance has already set  instance to overdue');
    return accept(instanceStatusChanged({ instanceId, from, to }));
  },
});

/**
 * Switch encryption on the side of the object stores on or off, for an instance and all object stores it has.
 * @returns `InstanceEncryptionChanged`; or INVALID_INSTANCE, UNKNOWN_INSTANCE, NOTHING_TO_CHANGE
 */
export const setInstanceEncryption = defineCommand({
  name: 'setInstanceEncryption',
  about: 'Switch encryption on the side of the object stores on or off for an instance.',
  input: z.strictObject({ ...named, enabled: z.boolean() }),
  decide: (state, { enabled, instanceId }) => {
    const instance = alterable(state, instanceId);
    if (isRejection(instance)) return refused(instance);
    const word = enabled ? 'enable' : 'disable';
    if (instance.sseEnabled === enabled) return reject('NOTHING_TO_CHANGE', 'enabled', `failed to ${word} sse, instance has ${word}d sse`);
    return accept(instanceEncryptionChanged({ instanceId: instance.instanceId, enabled }));
  },
});

/**
 * Give an instance a cloud account, or another one.
 * @returns `RamUserChanged`; or INVALID_INSTANCE (id, then account), UNKNOWN_INSTANCE, INSTANCE_DELETED
 */
export const setRamUser = defineCommand({
  name: 'setRamUser',
  about: 'Give an instance a cloud account, or another one.',
  input: z.strictObject({ ...named, ramUser: givenRamUser.exactOptional() }),
  decide: (state, request) => {
    const { instanceId = '', ramUser } = request;
    if (instanceId === '') return reject('INVALID_INSTANCE', 'instanceId', 'empty instance_id');
    const account = completeRamUser(ramUser ?? {});
    if (account === undefined) return reject('INVALID_INSTANCE', 'ramUser', `ram user info err ${repeated(request)}`);
    const instance = liveInstance(state, instanceId);
    if (isRejection(instance)) return refused(instance);
    return accept(ramUserChanged({ instanceId, ramUser: account }));
  },
});
