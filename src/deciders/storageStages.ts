import { z } from 'zod';
import { freeText, identifier } from '../../events/kit.ts';
import { type Stage, stageCreated, stageDropped, stageFields, stageTypes, storageLimits } from '../../events/storage.ts';
import { type StorageRow, storageOf } from '../../projections/storage.ts';
import { accept, isRejection, type Rejection, refused, reject, rejection } from '../rejection.ts';
import { defineCommand } from './kit.ts';
import { callersInstance, cloudUniqueId, type GivenStore, givenStore, pathLength, repeated } from './storageRules.ts';

const { stageId: _, type: __, ...otherFields } = stageFields;
/** A word that is known, or a number that is not. */
const givenType = z.union([z.enum(stageTypes), z.number().int()]);
const givenStage = z.strictObject({
  ...otherFields,
  type: givenType.exactOptional(),
  stageId: identifier.exactOptional(),
  objInfo: givenStore.exactOptional(),
});
type GivenStage = Readonly<z.infer<typeof givenStage>>;
/** A stage that names what every stage must name. */
interface WholeStage extends Omit<GivenStage, 'type' | 'stageId'> {
  readonly type: Stage['type'];
  readonly stageId: string;
}
const invalid = (field: string, detail: string): Rejection => rejection('INVALID_STAGE', field, detail);

/**
 * Make a place known to load files from: an internal one, which is a folder for a user in the newest object store of the instance, or an
 * external one.
 * @returns `StageCreated`; or, in the order of the checks, INVALID_INSTANCE, UNRESOLVED_INSTANCE, INVALID_STAGE, UNKNOWN_INSTANCE,
 *   INSTANCE_DELETED, TOO_MANY_STAGES, STAGE_EXISTS, INVALID_STAGE (its id is taken), NO_OBJECT_STORE, TOO_LARGE
 */
export const createStage = defineCommand({
  name: 'createStage',
  about: 'Make a place known to load files from.',
  input: z.strictObject({ cloudUniqueId, stage: givenStage.exactOptional() }),
  decide: (state, { cloudUniqueId: id, stage: given }) => {
    const instance = callersInstance(state, id);
    const isFound = !isRejection(instance);
    if (!isFound && (instance.code === 'INVALID_INSTANCE' || instance.code === 'UNRESOLVED_INSTANCE')) return refused(instance);
    const stage = wholeStage(given);
    if (isRejection(stage)) return refused(stage);
    if (!isFound) return refused(instance);
    const row = storageOf(state.storage, instance.instanceId);
    const fault = stageFault(row, stage);
    if (fault !== undefined) return refused(fault);
    const made = stage.type === 'INTERNAL' ? internalStage(row, stage) : externalStage(stage);
    return isRejection(made) ? refused(made) : accept(stageCreated({ instanceId: instance.instanceId, stage: made }));
  },
});

function wholeStage(given: GivenStage | undefined): WholeStage | Rejection {
  if (given === undefined) return invalid('stage', 'stage not set');
  const { mysqlUserId: ids = [], mysqlUserName: names = [], name = '', stageId = '', type } = given;
  if (type !== 'INTERNAL' && type !== 'EXTERNAL') return invalid('stage.type', 'stage type not set');
  if (name === '' && type === 'EXTERNAL') return invalid('stage.name', 'stage name not set');
  if (stageId === '') return invalid('stage.stageId', 'stage id not set');
  if (type === 'INTERNAL' && (names.length === 0 || ids.length === 0))
    return invalid(
      'stage.mysqlUserId',
      `internal stage must have a mysql user name and id must be given, name size=${names.length} id size=${ids.length}`,
    );
  return { ...given, type, stageId };
}

/** What the other stages of the instance have against a new one. */
function stageFault(row: StorageRow | undefined, stage: WholeStage): Rejection | undefined {
  const stages = row?.stages ?? [];
  if (stages.length >= storageLimits.stages)
    return rejection('TOO_MANY_STAGES', 'stage', 'this instance has greater than config num stages');
  for (const present of stages) {
    if (stage.type === 'INTERNAL' && present.type === 'INTERNAL' && isOfSameUser(present, stage))
      return rejection('STAGE_EXISTS', 'stage.mysqlUserId', 'stage already exist');
    if (stage.type === 'EXTERNAL' && present.name === stage.name) return rejection('STAGE_EXISTS', 'stage.name', 'stage already exist');
    if (present.stageId === stage.stageId) return invalid('stage.stageId', 'stage id is duplicated');
  }
  return undefined;
}

type Users = Pick<GivenStage, 'mysqlUserId' | 'mysqlUserName'>;
const isOfSameUser = (a: Users, b: Users): boolean =>
  a.mysqlUserId?.[0] === b.mysqlUserId?.[0] || a.mysqlUserName?.[0] === b.mysqlUserName?.[0];

/** A folder of its user's. */
function internalStage(row: StorageRow | undefined, { mysqlUserId, mysqlUserName, stageId, type }: WholeStage): Stage | Rejection {
  const store = row?.objectStores.at(-1);
  if (store === undefined) return rejection('NO_OBJECT_STORE', 'stage', 'impossible, instance must have at least one obj_info.');
  const [id = '', name = ''] = [mysqlUserId?.[0], mysqlUserName?.[0]];
  const prefix = `${store.prefix ?? ''}/stage/${name}/${id}`;
  if (prefix.length > pathLength)
    return rejection('TOO_LARGE', 'stage.mysqlUserName', `the stage's path would have more than ${pathLength} characters`);
  return { type, stageId, mysqlUserName: [name], mysqlUserId: [id], objInfo: { id: store.id, prefix } };
}

function externalStage({ objInfo, ...stage }: WholeStage): Stage {
  return objInfo === undefined ? stage : { ...stage, objInfo: withKeys(objInfo) };
}
/** Whoever gives an object store without keys has given empty ones. */
const withKeys = (store: GivenStore): NonNullable<Stage['objInfo']> => ({ ak: '', sk: '', ...store });

/**
 * Forget a place to load files from.
 * @returns `StageDropped`; or, in the order of the checks, INVALID_INSTANCE, UNRESOLVED_INSTANCE, INVALID_STAGE, UNKNOWN_INSTANCE,
 *   INSTANCE_DELETED, UNKNOWN_STAGE
 */
export const dropStage = defineCommand({
  name: 'dropStage',
  about: 'Forget a place to load files from.',
  input: z.strictObject({
    cloudUniqueId,
    type: givenType.exactOptional(),
    stageName: identifier.exactOptional(),
    mysqlUserName: identifier.exactOptional(),
    mysqlUserId: identifier.exactOptional(),
    reason: freeText.exactOptional(),
  }),
  decide: (state, request) => {
    const { mysqlUserId = '', reason, stageName = '', type } = request;
    const instance = callersInstance(state, request.cloudUniqueId);
    const isFound = !isRejection(instance);
    if (!isFound && (instance.code === 'INVALID_INSTANCE' || instance.code === 'UNRESOLVED_INSTANCE')) return refused(instance);
    if (type !== 'INTERNAL' && type !== 'EXTERNAL') return refused(invalid('type', 'stage type not set'));
    if (type === 'EXTERNAL' && stageName === '') return refused(invalid('stageName', 'external stage but not set stage name'));
    if (type === 'INTERNAL' && mysqlUserId === '') return refused(invalid('mysqlUserId', 'internal stage but not set user id'));
    if (!isFound) return refused(instance);
    const stage = storageOf(state.storage, instance.instanceId)?.stages.find(
      (present) => present.type === type && (type === 'INTERNAL' ? present.mysqlUserId?.[0] === mysqlUserId : present.name === stageName),
    );
    if (stage === undefined) return reject('UNKNOWN_STAGE', 'stageName', `stage not found with ${repeated(request)}`);
    const { name, stageId } = stage;
    const more = { ...(name === undefined ? {} : { name }), ...(reason === undefined ? {} : { reason }) };
    return accept(stageDropped({ instanceId: instance.instanceId, stageId, type, ...more }));
  },
});
