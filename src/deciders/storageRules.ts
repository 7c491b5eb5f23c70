import { z } from 'zod';
import type { RamUser } from '../../events/instances.ts';
import { type ComparableSecret, comparableSecret, identifier, isSameSecret, redacted } from '../../events/kit.ts';
import { hdfsInfo, type NumberedStore, type NumberedVault, objectStoreFields, pathFormat } from '../../events/storage.ts';
import type { InstanceRow } from '../../projections/instances.ts';
import type { State } from '../../projections/state.ts';
import { type Rejection, rejection } from '../rejection.ts';
import { liveInstance, resolveInstance } from './instanceResolution.ts';

/** A key as it comes with a command: sealed, or empty as it was given. */
const givenKey = z.union([z.literal(''), comparableSecret]);
export type Key = ComparableSecret | '';
export const givenRamUser = z.strictObject({
  userId: identifier.exactOptional(),
  ak: givenKey.exactOptional(),
  sk: givenKey.exactOptional(),
  externalId: identifier.exactOptional(),
});
export type GivenRamUser = Readonly<z.infer<typeof givenRamUser>>;
export const givenStore = z.strictObject({
  ...objectStoreFields,
  id: identifier.exactOptional(),
  ak: givenKey.exactOptional(),
  sk: givenKey.exactOptional(),
});
export type GivenStore = Readonly<z.infer<typeof givenStore>>;
export const givenVault = z.strictObject({
  name: identifier.exactOptional(),
  alterName: identifier.exactOptional(),
  hdfsInfo: hdfsInfo.exactOptional(),
  objInfo: givenStore.exactOptional(),
  pathFormat: pathFormat.exactOptional(),
});
export type GivenVault = Readonly<z.infer<typeof givenVault>>;
export const cloudUniqueId = identifier.exactOptional();
/** How many bytes an object store may take in wire form. */
export const storeBytes = 1024;
export const objBytes = z.number().int().min(0).exactOptional().describe('What the object store takes in wire form, keys in clear.');
export const pathSuffix = identifier
  .max(64)
  .exactOptional()
  .describe("The ending of an HDFS prefix of one's own; made of the command's key when absent.");

export const invalid = (field: string, detail: string): Rejection => rejection('INVALID_STORAGE', field, detail);

export const isSealed = (key: Key | undefined): key is ComparableSecret => key !== undefined && key !== '';
/** Whether two keys are the same in clear; an absent one is an empty one. */
export const isSameKey = (a: Key | undefined, b: Key | undefined): boolean =>
  isSealed(a) && isSealed(b) ? isSameSecret(a, b) : isSealed(a) === isSealed(b);
type Keys = { readonly ak?: Key; readonly sk?: Key };
export const areSameKeys = (a: Keys, b: Keys): boolean => isSameKey(a.ak, b.ak) && isSameKey(a.sk, b.sk);

/** A cloud account with all its parts; undefined when one is missing or empty. */
export function completeRamUser({ ak, externalId, sk, userId }: GivenRamUser): RamUser | undefined {
  if (userId === undefined || userId === '' || !isSealed(ak) || !isSealed(sk)) return undefined;
  return { userId, ak, sk, ...(externalId === undefined ? {} : { externalId }) };
}

const shownLength = 400;
/** A request as a refusal repeats it: compact JSON under the service's names, keys covered, cut. */
export function repeated(request: object): string {
  const text = JSON.stringify(redacted(request)).replace(/"([A-Za-z]+)":/g, (name) =>
    name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
  );
  return text.length > shownLength ? `${text.slice(0, shownLength)}…` : text;
}

/** Blanks and slashes at both ends mean nothing. */
export const trimmed = (text: string): string => {
  let [from, to] = [0, text.length];
  while (from < to && isMargin(text[from])) from += 1;
  while (to > from && isMargin(text[to - 1])) to -= 1;
  return text.slice(from, to);
};
const isMargin = (letter: string | undefined): boolean => letter === ' ' || letter === '/' || letter === '\t';

/**
 * The instance of somebody who names it by a cloud_unique_id.
 * @returns it, or INVALID_INSTANCE, UNRESOLVED_INSTANCE, UNKNOWN_INSTANCE, INSTANCE_DELETED
 */
export function callersInstance(state: State, id: string | undefined): InstanceRow | Rejection {
  if (id === undefined || id === '') return rejection('INVALID_INSTANCE', 'cloudUniqueId', 'cloud unique id not set');
  const instanceId = resolveInstance(state, id);
  if (instanceId === undefined) return rejection('UNRESOLVED_INSTANCE', 'cloudUniqueId', 'empty instance_id');
  return liveInstance(state, instanceId);
}

const isEmpty = (text: string | undefined): boolean => text === undefined || text === '';

/** What an object store needs that an instance is created with. */
export function newStoreFault(field: string, store: GivenStore): Rejection | undefined {
  const { bucket, endpoint, externalEndpoint, provider, region, roleArn } = store;
  const hasPlace = ![bucket, endpoint, region].some(isEmpty);
  if (roleArn !== undefined)
    return roleArn !== '' && store.credProviderType === 'INSTANCE_PROFILE' && provider === 'S3' && hasPlace
      ? undefined
      : invalid(field, 's3 conf info err with role_arn, please check it');
  return isSealed(store.ak) && isSealed(store.sk) && hasPlace && provider !== undefined && !isEmpty(externalEndpoint)
    ? undefined
    : invalid(field, 's3 conf info err, please check it');
}

/** What every request with an object store must hold, whoever sends it. */
export function givenStoreFault(request: {
  readonly cloudUniqueId?: string;
  readonly obj?: GivenStore;
  readonly objBytes?: number;
}): Rejection | undefined {
  const { obj, objBytes: size = 0, ...rest } = request;
  if (obj === undefined) return invalid('obj', `s3 obj info err ${repeated(rest)}`);
  if (size > storeBytes) return invalid('obj', `s3 obj info greater than 1k ${repeated({ ...rest, obj })}`);
  const { ak, roleArn, sk } = obj;
  if (isEmpty(roleArn) && (ak === undefined || sk === undefined)) return invalid('obj', `s3 obj info err ${repeated({ ...rest, obj })}`);
  if (roleArn !== undefined && (ak !== undefined || sk !== undefined))
    return invalid('obj', 'invaild argument, both set ak/sk and role_arn is not allowed');
  return undefined;
}

/** What an object store needs that is added to an instance, and how many there may be. */
export function addedStoreFault(obj: GivenStore, present: number, limit: number, needsPrefix: boolean): Rejection | undefined {
  if (obj.provider === undefined) return invalid('obj.provider', 's3 conf lease provider info');
  if (present >= limit)
    return rejection('TOO_MANY_OBJECT_STORES', 'obj', 'this instance history has greater than 10 objs, please new another instance');
  const hasCredentials = !isEmpty(obj.roleArn) || (isSealed(obj.ak) && isSealed(obj.sk));
  const hasPlace = ![obj.bucket, obj.endpoint, obj.region].some(isEmpty) && !(needsPrefix && isEmpty(obj.prefix));
  return hasCredentials && hasPlace ? undefined : invalid('obj', 's3 conf info err, please check it');
}

/** An object store as it is kept: keys or a role, never both. */
export function numbered(given: GivenStore, id: string, sseEnabled: boolean): NumberedStore {
  const { ak, id: _, prefix = '', roleArn = '', sk, ...rest } = given;
  const keys = { ...(ak === undefined ? {} : { ak }), ...(sk === undefined ? {} : { sk }) };
  const credentials = roleArn === '' ? keys : ({ roleArn, credProviderType: 'INSTANCE_PROFILE' } as const);
  return { ...rest, ...credentials, prefix: trimmed(prefix), externalEndpoint: rest.externalEndpoint ?? '', id, sseEnabled };
}

/** How a new vault is named, and what follows its HDFS prefix. */
export interface VaultNaming {
  readonly id: string;
  readonly name: string;
  /** Empty: nothing. */
  readonly suffix: string;
}

/** A new vault as it is kept; HDFS counts where both places are given. @returns it, or INVALID_STORAGE, TOO_LARGE */
export function newVault(given: GivenVault, { id, name, suffix }: VaultNaming): NumberedVault | Rejection {
  const common = { id, name, ...(given.pathFormat === undefined ? {} : { pathFormat: given.pathFormat }) };
  if (given.hdfsInfo === undefined) {
    const objInfo = given.objInfo ?? {};
    return newStoreFault('vault.objInfo', objInfo) ?? { ...common, objInfo: numbered(objInfo, id, true) };
  }
  const { buildConf = {}, prefix = '' } = given.hdfsInfo;
  if (prefix.includes('://')) return invalid('vault.hdfsInfo.prefix', `invalid prefix: ${prefix}`);
  const fsName = trimmed(buildConf.fsName ?? '');
  if (fsName === '') return invalid('vault.hdfsInfo.buildConf.fsName', `invalid fs_name: ${fsName}`);
  const path = suffix === '' ? trimmed(prefix) : `${trimmed(prefix)}_${suffix}`;
  if (path.length > pathLength)
    return rejection('TOO_LARGE', 'vault.hdfsInfo.prefix', `a prefix has at most ${pathLength} characters, with its ending`);
  return { ...common, hdfsInfo: { buildConf: { ...buildConf, fsName }, prefix: path } };
}
/** Of an `identifier`. */
export const pathLength = 1024;
