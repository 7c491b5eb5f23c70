import { instanceOf } from '../../../projections/instances.ts';
import type { State } from '../../../projections/state.ts';
import { defaultVaultOf, storageOf } from '../../../projections/storage.ts';
import type { Command } from '../../deciders/commands.ts';
import { resolveInstance } from '../../deciders/instanceResolution.ts';
import { storeBytes } from '../../deciders/storageRules.ts';
import { failed, type Overrides, ok, type Status } from './codes.ts';
import { enumNumber } from './enums.ts';
import type { ValueOf } from './message.ts';
import {
  alterIamRequest,
  alterIamResponse,
  alterObjStoreInfoOp,
  alterObjStoreInfoRequest,
  alterObjStoreInfoResponse,
  alterRamUserRequest,
  alterRamUserResponse,
  getIamRequest,
  getIamResponse,
  getObjStoreInfoRequest,
  getObjStoreInfoResponse,
  objectStoreInfo,
  updateAkSkRequest,
  updateAkSkResponse,
} from './messages.ts';
import { type AdminRoute, type AdminRoutes, type Context, defineMethod, type Methods, wholeReply } from './method.ts';
import { sealedKeys } from './secrets.ts';
import { stageMethods, stageRoutes } from './stages.ts';
import { accountMessage, identityMessage, storeMessage, vaultMessage } from './storageMessages.ts';
import { givenAccount, givenStore, givenVault, overrides, readersInstance, statusOf, submitted } from './storageRequests.ts';
import { wireSize } from './wireSize.ts';

type GotStorage = ValueOf<typeof getObjStoreInfoResponse> & { readonly status: Status };
function storageAsked(cloudUniqueId: string | undefined, { sealer, state }: Context): GotStorage {
  const instanceId = readersInstance(state, cloudUniqueId);
  if (typeof instanceId !== 'string') return { status: instanceId };
  const row = storageOf(state.storage, instanceId);
  const defaultVault = defaultVaultOf(row);
  return {
    status: ok,
    objInfo: (row?.objectStores ?? []).map((store) => storeMessage(store, sealer)),
    storageVault: (row?.vaults ?? []).map((vault) => vaultMessage(vault, sealer)),
    ...(defaultVault === undefined ? {} : { defaultStorageVaultId: defaultVault.id, defaultStorageVaultName: defaultVault.name }),
    enableStorageVault: instanceOf(state.instances, instanceId)?.enableStorageVault === true,
  };
}

const getObjStoreInfo = defineMethod({
  request: getObjStoreInfoRequest,
  reply: getObjStoreInfoResponse,
  call: ({ cloudUniqueId }, context) => Promise.resolve(storageAsked(cloudUniqueId, context)),
});

type Alter = ValueOf<typeof alterObjStoreInfoRequest>;
type Altered = ValueOf<typeof alterObjStoreInfoResponse> & { readonly status: Status };
const about = ({ cloudUniqueId }: Alter): object => (cloudUniqueId === undefined ? {} : { cloudUniqueId });
/**
 * An object store with its size in wire form, which can only be told before its keys are sealed. One that is refused for its size need
 * not come along: it may hold texts that no command takes.
 */
function storeFields(store: Alter['obj'], { sealer }: Context): object {
  if (store === undefined) return {};
  const size = wireSize(objectStoreInfo, store);
  return { obj: size > storeBytes ? {} : givenStore(store, sealer), objBytes: size };
}

const operationNumber = (op: Alter['op']): number => (op === undefined ? 0 : (enumNumber(alterObjStoreInfoOp, op) ?? 0));
const refusedOperation = (op: Alter['op']): Status => failed('INVALID_ARGUMENT', `invalid request op, op=${operationNumber(op)}`);
const unknownOperation = (op: Alter['op']): Status =>
  failed(
    'INVALID_ARGUMENT',
    `${operationNumber(op) === 0 ? 'Unknown alter info' : 'Unknown alter obj store info, request info'} op: ${op ?? 'none'}`,
  );

const alterObjStoreInfo = defineMethod({
  request: alterObjStoreInfoRequest,
  reply: alterObjStoreInfoResponse,
  call: async (request, context): Promise<Altered> => {
    const { obj = request.vault?.objInfo, op } = request;
    if (op === 'UPDATE_AK_SK') return { status: refusedOperation(op) };
    const name =
      op === 'ADD_OBJ_INFO'
        ? 'addObjectStore'
        : op === 'LEGACY_UPDATE_AK_SK' || op === 'ALTER_OBJ_INFO'
          ? 'rotateObjectStoreKeys'
          : undefined;
    if (name === undefined) return { status: unknownOperation(op) };
    return { status: statusOf(await submitted(context, { name, ...about(request), ...storeFields(obj, context) }, overrides)) };
  },
});

/** A vault whose object store comes on its own. */
function namedVault(vault: Alter['vault']): object {
  if (vault === undefined) return {};
  const { id: _id, objInfo: _objInfo, ...rest } = vault;
  return { vault: rest };
}

/** The command behind an operation on vaults; keys are sealed. */
function vaultCommand(
  request: Alter,
  context: Context,
): ({ readonly name: Command['name'] } & Readonly<Record<string, unknown>>) | undefined {
  const { obj = request.vault?.objInfo, op, setAsDefaultStorageVault, vault } = request;
  const fields = { ...about(request), ...(vault === undefined ? {} : { vault: givenVault(vault, context.sealer) }) };
  const asDefault = setAsDefaultStorageVault === undefined ? {} : { setAsDefaultStorageVault };
  switch (op) {
    case 'ADD_S3_VAULT':
      return { name: 'addStorageVault', kind: 'S3', ...about(request), ...namedVault(vault), ...storeFields(obj, context), ...asDefault };
    case 'ADD_HDFS_INFO':
      return { name: 'addStorageVault', kind: 'HDFS', ...fields, ...asDefault, pathSuffix: context.newId() };
    case 'ADD_BUILT_IN_VAULT':
      return { name: 'addBuiltInVault', ...fields, pathSuffix: context.newId() };
    case 'ALTER_S3_VAULT':
      return { name: 'alterStorageVault', kind: 'S3', ...fields };
    case 'ALTER_HDFS_VAULT':
      return { name: 'alterStorageVault', kind: 'HDFS', ...fields };
    case 'DROP_HDFS_INFO':
      return { name: 'dropStorageVault', ...fields };
    case 'SET_DEFAULT_VAULT':
      return { name: 'setDefaultVault', ...fields };
    case 'UNSET_DEFAULT_VAULT':
      return { name: 'unsetDefaultVault', ...about(request) };
    default:
      return undefined;
  }
}

const alterStorageVault = defineMethod({
  request: alterObjStoreInfoRequest,
  reply: alterObjStoreInfoResponse,
  call: async (request, context): Promise<Altered> => {
    const { op, vault } = request;
    if (op === 'DROP_S3_VAULT') return { status: refusedOperation(op) };
    const command = vaultCommand(request, context);
    if (command === undefined) return { status: unknownOperation(op) };
    const unknownVault: Overrides = op === 'DROP_HDFS_INFO' ? { UNKNOWN_VAULT: 'STORAGE_VAULT_NOT_FOUND' } : {};
    const outcome = await submitted(context, command, { ...overrides, ...unknownVault });
    if (outcome.kind === 'refused') return { status: outcome.status };
    return { status: ok, ...answered(request, context.state, outcome.state, vault?.alterName ?? vault?.name) };
  },
});

/** Which vault it was, and whether it took the place of a default. */
function answered(
  { cloudUniqueId = '', op, setAsDefaultStorageVault }: Alter,
  before: State,
  after: State,
  name: string | undefined,
): object {
  const instanceId = resolveInstance(after, cloudUniqueId) ?? '';
  const vault = storageOf(after.storage, instanceId)?.vaults.find((present) => present.name === name);
  const isDefault = op === 'SET_DEFAULT_VAULT' || setAsDefaultStorageVault === true;
  const replaced = { defaultStorageVaultReplaced: defaultVaultOf(storageOf(before.storage, instanceId)) !== undefined };
  const names: readonly Alter['op'][] = ['ADD_S3_VAULT', 'ADD_HDFS_INFO', 'ALTER_S3_VAULT', 'ALTER_HDFS_VAULT', 'SET_DEFAULT_VAULT'];
  return { ...(names.includes(op) && vault !== undefined ? { storageVaultId: vault.id } : {}), ...(isDefault ? replaced : {}) };
}

const updateAkSk = defineMethod({
  request: updateAkSkRequest,
  reply: updateAkSkResponse,
  call: async ({ instanceId, internalBucketUser: users, ramUser }, context) => {
    const { sealer } = context;
    const outcome = await submitted(
      context,
      {
        name: 'rotateKeys',
        ...(instanceId === undefined ? {} : { instanceId }),
        ...(users === undefined ? {} : { internalBucketUser: users.map((user) => givenAccount(user, sealer)) }),
        ...(ramUser === undefined ? {} : { ramUser: givenAccount(ramUser, sealer) }),
      },
      overrides,
    );
    return { status: statusOf(outcome) };
  },
});

const alterRamUser = defineMethod({
  request: alterRamUserRequest,
  reply: alterRamUserResponse,
  call: async ({ instanceId, ramUser }, context) => {
    const account = ramUser === undefined ? {} : { ramUser: givenAccount(ramUser, context.sealer) };
    const fields = { ...(instanceId === undefined ? {} : { instanceId }), ...account };
    return { status: statusOf(await submitted(context, { name: 'setRamUser', ...fields }, overrides)) };
  },
});

const alterIam = defineMethod({
  request: alterIamRequest,
  reply: alterIamResponse,
  call: async ({ accountId, ...keys }, context) => {
    const fields = { ...(accountId === undefined ? {} : { accountId }), ...sealedKeys(keys, context.sealer) };
    return { status: statusOf(await submitted(context, { name: 'setServiceIdentity', ...fields })) };
  },
});

type GotIam = ValueOf<typeof getIamResponse> & { readonly status: Status };
function iamAsked(cloudUniqueId: string | undefined, { sealer, state }: Context): GotIam {
  const instanceId = readersInstance(state, cloudUniqueId);
  if (typeof instanceId !== 'string') return { status: instanceId };
  const ramUser = instanceOf(state.instances, instanceId)?.ramUser;
  return {
    status: ok,
    iamUser: identityMessage(state.storage.identity, instanceId, sealer),
    ...(ramUser === undefined ? {} : { ramUser: accountMessage(ramUser, sealer) }),
  };
}
const getIam = defineMethod({
  request: getIamRequest,
  reply: getIamResponse,
  call: ({ cloudUniqueId }, context) => Promise.resolve(iamAsked(cloudUniqueId, context)),
});

export const storageMethods: Methods = {
  get_obj_store_info: getObjStoreInfo,
  alter_obj_store_info: alterObjStoreInfo,
  alter_storage_vault: alterStorageVault,
  update_ak_sk: updateAkSk,
  alter_ram_user: alterRamUser,
  alter_iam: alterIam,
  get_iam: getIam,
  ...stageMethods,
};

const storeRoute = (op: string): AdminRoute => ({ kind: 'json', method: alterObjStoreInfo, sets: { op } });
const vaultRoute = (op: string): AdminRoute => ({ kind: 'json', method: alterStorageVault, sets: { op } });
const shownStorage: AdminRoute = { kind: 'json', method: getObjStoreInfo, answer: wholeReply(getObjStoreInfoResponse) };
export const storageRoutes: AdminRoutes = {
  get_obj_store_info: shownStorage,
  show_storage_vaults: shownStorage,
  add_obj_info: storeRoute('ADD_OBJ_INFO'),
  legacy_update_ak_sk: storeRoute('LEGACY_UPDATE_AK_SK'),
  alter_obj_info: storeRoute('ALTER_OBJ_INFO'),
  update_ak_sk: { kind: 'json', method: updateAkSk },
  add_s3_vault: vaultRoute('ADD_S3_VAULT'),
  alter_s3_vault: vaultRoute('ALTER_S3_VAULT'),
  drop_s3_vault: vaultRoute('DROP_S3_VAULT'),
  add_hdfs_vault: vaultRoute('ADD_HDFS_INFO'),
  drop_hdfs_vault: vaultRoute('DROP_HDFS_INFO'),
  alter_ram_user: { kind: 'json', method: alterRamUser },
  alter_iam: { kind: 'json', method: alterIam },
  ...stageRoutes,
};
