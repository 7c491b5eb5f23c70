import { clustersOf } from '../../../projections/clusters.ts';
import { type InstanceRow, instanceOf } from '../../../projections/instances.ts';
import type { State } from '../../../projections/state.ts';
import { defaultVaultOf, storageOf } from '../../../projections/storage.ts';
import type { Command } from '../../deciders/commands.ts';
import { resolveInstance } from '../../deciders/instanceResolution.ts';
import type { Sealer } from '../../secrets/port.ts';
import { clusterMessage } from './clusters.ts';
import { failed, type Overrides, ok, type Status } from './codes.ts';
import { enumNumber } from './enums.ts';
import type { ValueOf } from './message.ts';
import {
  alterInstanceOp,
  alterInstanceRequest,
  alterInstanceResponse,
  createInstanceRequest,
  createInstanceResponse,
  getInstanceRequest,
  getInstanceResponse,
  instanceInfo,
} from './messages.ts';
import { type AdminRoute, type AdminRoutes, type Answer, type Context, defineMethod, type Methods } from './method.ts';
import { accountMessage, identityMessage, stageMessage, storeMessage } from './storageMessages.ts';
import { givenAccount, givenStore, givenVault, submitted } from './storageRequests.ts';

type InstanceMessage = ValueOf<typeof instanceInfo>;

/** An instance as it is stored, with clusters, nodes and storage; its vaults are records of their own. */
export function instanceMessage(state: State, sealer: Sealer | undefined, row: InstanceRow): InstanceMessage {
  const { instanceId, position: _position, ramUser, ...rest } = row;
  const storage = storageOf(state.storage, instanceId);
  const defaultVault = defaultVaultOf(storage);
  return {
    ...rest,
    instanceId,
    clusters: clustersOf(state.clusters, instanceId).map((cluster) => clusterMessage(state, cluster)),
    objInfo: (storage?.objectStores ?? []).map((store) => storeMessage(store, sealer)),
    stages: (storage?.stages ?? []).map((stage) => stageMessage(stage, sealer)),
    ...(ramUser === undefined ? {} : { ramUser: accountMessage(ramUser, sealer) }),
    resourceIds: (storage?.vaults ?? []).map(({ id }) => id),
    storageVaultNames: (storage?.vaults ?? []).map(({ name }) => name),
    ...(defaultVault === undefined ? {} : { defaultStorageVaultId: defaultVault.id, defaultStorageVaultName: defaultVault.name }),
  };
}

const createInstance = defineMethod({
  request: createInstanceRequest,
  reply: createInstanceResponse,
  call: async ({ name, objInfo, ramUser, vault, ...rest }, context) => {
    const { sealer } = context;
    const outcome = await submitted(context, {
      name: 'createInstance',
      ...rest,
      ...(name === undefined ? {} : { instanceName: name }),
      ...(objInfo === undefined ? {} : { objInfo: givenStore(objInfo, sealer) }),
      ...(ramUser === undefined ? {} : { ramUser: givenAccount(ramUser, sealer) }),
      ...(vault === undefined ? {} : { vault: givenVault(vault, sealer) }),
      ...(vault?.hdfsInfo === undefined ? {} : { pathSuffix: context.newId() }),
    });
    return { status: outcome.kind === 'done' ? ok : outcome.status };
  },
});

type AlterInstance = ValueOf<typeof alterInstanceRequest>;
const overrides: Overrides = { UNKNOWN_INSTANCE: 'CLUSTER_NOT_FOUND' };

/** Which command an operation is; REFRESH is none, for tables are never stale. */
function commandOf({ instanceId, name, op }: AlterInstance): Command | undefined {
  const of = instanceId === undefined ? {} : { instanceId };
  switch (op) {
    case 'DROP':
      return { name: 'dropInstance', ...of };
    case 'RENAME':
      return { name: 'renameInstance', ...of, ...(name === undefined ? {} : { instanceName: name }) };
    case 'ENABLE_SSE':
      return { name: 'setInstanceEncryption', ...of, enabled: true };
    case 'DISABLE_SSE':
      return { name: 'setInstanceEncryption', ...of, enabled: false };
    case 'SET_OVERDUE':
    case 'SET_NORMAL':
      return { name: 'setInstanceStatus', ...of, op };
    default:
      return undefined;
  }
}

async function altered(request: AlterInstance, context: Context): Promise<{ readonly status: Status }> {
  const command = commandOf(request);
  if (command === undefined) return { status: request.op === 'REFRESH' ? refreshed(request, context.state) : unknownOperation(request) };
  const outcome = await context.submit(command, overrides);
  return { status: outcome.kind === 'done' ? ok : outcome.status };
}

const unknownOperation = ({ op = 0 }: AlterInstance): Status =>
  failed('INVALID_ARGUMENT', `invalid request op, op=${enumNumber(alterInstanceOp, op) ?? 0}`);

function refreshed({ instanceId = '' }: AlterInstance, { instances }: State): Status {
  if (instanceId === '') return failed('INVALID_ARGUMENT', 'instance id not set');
  if (instanceOf(instances, instanceId) !== undefined) return ok;
  return failed('CLUSTER_NOT_FOUND', `instance not existed, instance_id=${instanceId}, err=KeyNotFound`);
}

const alterInstance = defineMethod({ request: alterInstanceRequest, reply: alterInstanceResponse, call: altered });
/** The route that takes the operation from the body lets no other one through. */
const setInstanceStatus = defineMethod({
  request: alterInstanceRequest,
  reply: alterInstanceResponse,
  call: (request, context) =>
    request.op === 'SET_OVERDUE' || request.op === 'SET_NORMAL'
      ? altered(request, context)
      : Promise.resolve({ status: unknownOperation(request) }),
});

type GetInstance = ValueOf<typeof getInstanceRequest>;
type GotInstance = { readonly status: Status; readonly instance?: InstanceMessage };
function instanceAsked({ cloudUniqueId = '', instanceId = '' }: GetInstance, { sealer, state }: Context): GotInstance {
  if (instanceId === '' && cloudUniqueId === '') return { status: failed('INVALID_ARGUMENT', 'empty instance_id and cloud_unique_id') };
  const id = instanceId === '' ? resolveInstance(state, cloudUniqueId) : instanceId;
  if (id === undefined) return { status: failed('INVALID_ARGUMENT', `cannot find instance_id with cloud_unique_id=${cloudUniqueId}`) };
  const row = instanceOf(state.instances, id);
  if (row === undefined) {
    const reason = `failed to get instance, instance_id=${id} err=KeyNotFound`;
    return { status: failed('KV_TXN_GET_ERR', `failed to get instance, info=${reason}`) };
  }
  const instance = instanceMessage(state, sealer, row);
  return { status: ok, instance: { ...instance, iamUser: identityMessage(state.storage.identity, id, sealer) } };
}

const getInstance = defineMethod({
  request: getInstanceRequest,
  reply: getInstanceResponse,
  call: (request, context) => Promise.resolve(instanceAsked(request, context)),
});

export const instanceMethods: Methods = { create_instance: createInstance, alter_instance: alterInstance, get_instance: getInstance };

const altering = (op: string): AdminRoute => ({ kind: 'json', method: alterInstance, sets: { op } });
export const instanceRoutes: AdminRoutes = {
  create_instance: { kind: 'json', method: createInstance },
  drop_instance: altering('DROP'),
  rename_instance: altering('RENAME'),
  enable_instance_sse: altering('ENABLE_SSE'),
  disable_instance_sse: altering('DISABLE_SSE'),
  set_instance_status: { kind: 'json', method: setInstanceStatus },
  get_instance: {
    kind: 'query',
    call: (query, context) => {
      const request = { instanceId: query.get('instance_id') ?? '', cloudUniqueId: query.get('cloud_unique_id') ?? '' };
      const { instance, status } = instanceAsked(request, context);
      const answer: Answer =
        instance === undefined
          ? { kind: 'envelope', status, json: {} }
          : { kind: 'envelope', status, result: { type: instanceInfo, value: instance } };
      return Promise.resolve(answer);
    },
  },
};
