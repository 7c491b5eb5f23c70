import type { RamUser } from '../../../events/instances.ts';
import type { Stage } from '../../../events/storage.ts';
import { instanceOf } from '../../../projections/instances.ts';
import type { State } from '../../../projections/state.ts';
import { type StorageRow, storageOf } from '../../../projections/storage.ts';
import { failed, type InternalCode, ok, type Status } from './codes.ts';
import type { ValueOf } from './message.ts';
import {
  createStageRequest,
  createStageResponse,
  dropStageRequest,
  dropStageResponse,
  getStageRequest,
  getStageResponse,
  type stage as stageType,
} from './messages.ts';
import { type AdminRoutes, type Context, defineMethod, type Methods, wholeReply } from './method.ts';
import { shownKeys } from './secrets.ts';
import { stageMessage } from './storageMessages.ts';
import { givenStage, overrides, readersInstance, statusOf, submitted } from './storageRequests.ts';

const createStage = defineMethod({
  request: createStageRequest,
  reply: createStageResponse,
  call: async ({ cloudUniqueId, stage }, context) => {
    const fields = {
      ...(cloudUniqueId === undefined ? {} : { cloudUniqueId }),
      ...(stage === undefined ? {} : { stage: givenStage(stage, context.sealer) }),
    };
    return { status: statusOf(await submitted(context, { name: 'createStage', ...fields }, overrides)) };
  },
});

const dropStage = defineMethod({
  request: dropStageRequest,
  reply: dropStageResponse,
  call: async (request, context) => ({ status: statusOf(await submitted(context, { name: 'dropStage', ...request }, overrides)) }),
});

type StageMessage = ValueOf<typeof stageType>;
type GetStage = ValueOf<typeof getStageRequest>;
type GotStage = { readonly status: Status; readonly stage?: readonly StageMessage[] };
const fail = (code: InternalCode, msg: string): GotStage => ({ status: failed(code, msg) });

function stageAsked(request: GetStage, context: Context): GotStage {
  const { state } = context;
  const instanceId = readersInstance(state, request.cloudUniqueId);
  if (typeof instanceId !== 'string') return { status: instanceId };
  const row = storageOf(state.storage, instanceId);
  if (request.type === undefined) return fail('INVALID_ARGUMENT', 'stage type not set');
  if (request.type === 'INTERNAL') return internalStage(request, row, context);
  const external = (row?.stages ?? []).filter(({ type }) => type === request.type);
  // For display only: keys stay as they are stored.
  if (request.stageName === undefined) return { status: ok, stage: external.map((stage) => stageMessage(stage, undefined)) };
  const found = external.find(({ name }) => name === request.stageName);
  if (found === undefined)
    return fail('STAGE_NOT_FOUND', `stage not found with ${JSON.stringify({ type: request.type, stage_name: request.stageName })}`);
  return openedStage(found, instanceId, context);
}

/** The folder of a user in the object store in which it was made. */
function internalStage({ mysqlUserId = '', mysqlUserName = '' }: GetStage, row: StorageRow | undefined, { sealer }: Context): GotStage {
  if (mysqlUserName === '') return fail('INVALID_ARGUMENT', 'mysql user name not set');
  if (mysqlUserId === '') return fail('INVALID_ARGUMENT', 'mysql user id not set');
  const found = row?.stages.find(({ mysqlUserName: names, type }) => type === 'INTERNAL' && names?.[0] === mysqlUserName);
  if (found === undefined) return fail('STAGE_NOT_FOUND', 'stage not found, create a new one');
  if (found.mysqlUserId?.[0] !== mysqlUserId)
    return {
      ...fail('STATE_ALREADY_EXISTED_FOR_USER', 'aba user, drop stage and create a new one'),
      stage: [stageMessage(found, sealer)],
    };
  const store = row?.objectStores.find(({ id }) => id === found.objInfo?.id);
  if (store === undefined) return fail('UNDEFINED_ERR', 'impossible, id invalid');
  const { bucket, endpoint, externalEndpoint, provider, region } = store;
  const place = { bucket, endpoint, externalEndpoint, provider, region, prefix: found.objInfo?.prefix };
  const keys = shownKeys(store, sealer);
  const objInfo = given({ ak: keys.ak, sk: keys.sk, ...place });
  return { status: ok, stage: [{ stageId: found.stageId, type: found.type, objInfo }] };
}

/** Without the fields that are not there. */
const given = <T extends object>(fields: T): { readonly [K in keyof T]?: Exclude<T[K], undefined> } =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as never;

/** An external stage with the keys that open it: its own, those of the instance's account, or those of the service's. */
function openedStage(found: Stage, instanceId: string, { sealer, state }: Context): GotStage {
  const message = stageMessage(found, sealer);
  const { accessType = 'AKSK' } = found;
  if (accessType === 'BUCKET_ACL') {
    const account = instanceOf(state.instances, instanceId)?.ramUser;
    if (account === undefined) return fail('INVALID_ARGUMENT', 'instance does not have ram user');
    return { status: ok, stage: [{ ...message, objInfo: { ...message.objInfo, ...keysOf(account, sealer) } }] };
  }
  if (accessType === 'IAM') {
    const keys = keysOfService(state, sealer);
    return { status: ok, stage: [{ ...message, objInfo: { ...message.objInfo, ...keys }, externalId: instanceId }] };
  }
  return { status: ok, stage: [{ ...message, accessType }] };
}

function keysOf(account: Pick<RamUser, 'ak' | 'sk'>, sealer: Context['sealer']): { readonly ak?: string; readonly sk?: string } {
  const { ak, sk } = shownKeys(account, sealer);
  return given({ ak, sk });
}
const keysOfService = ({ storage: { identity } }: State, sealer: Context['sealer']): object =>
  identity === undefined ? { ak: '', sk: '' } : keysOf(identity, sealer);

const getStage = defineMethod({
  request: getStageRequest,
  reply: getStageResponse,
  call: (request, context) => Promise.resolve(stageAsked(request, context)),
});

export const stageMethods: Methods = { create_stage: createStage, get_stage: getStage, drop_stage: dropStage };
export const stageRoutes: AdminRoutes = { get_stage: { kind: 'json', method: getStage, answer: wholeReply(getStageResponse) } };
