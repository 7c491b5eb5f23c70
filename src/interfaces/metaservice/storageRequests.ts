/** Requests about storage as commands take them: keys sealed, what the service sets itself left out. */
import { instanceOf } from '../../../projections/instances.ts';
import type { State } from '../../../projections/state.ts';
import type { Command } from '../../deciders/commands.ts';
import { resolveInstance } from '../../deciders/instanceResolution.ts';
import type { Sealer } from '../../secrets/port.ts';
import { failed, type Overrides, ok, type Status } from './codes.ts';
import type { ValueOf } from './message.ts';
import type { objectStoreInfo, ramUser, stage, storageVault } from './messages.ts';
import type { Context, Submitted } from './method.ts';
import { sealedKeys } from './secrets.ts';

type Store = ValueOf<typeof objectStoreInfo>;
export function givenStore(store: Store, sealer: Sealer): object {
  const { ak, ctime: _ctime, encryptionInfo: _encryption, mtime: _mtime, sk, sseEnabled: _sse, ...rest } = store;
  return { ...rest, ...sealedKeys(store, sealer) };
}

export function givenAccount(account: ValueOf<typeof ramUser>, sealer: Sealer): object {
  const { ak, encryptionInfo: _encryption, sk, ...rest } = account;
  return { ...rest, ...sealedKeys(account, sealer) };
}

export function givenVault({ id: _id, objInfo, ...rest }: ValueOf<typeof storageVault>, sealer: Sealer): object {
  return { ...rest, ...(objInfo === undefined ? {} : { objInfo: givenStore(objInfo, sealer) }) };
}

export function givenStage({ objInfo, ...rest }: ValueOf<typeof stage>, sealer: Sealer): object {
  return { ...rest, ...(objInfo === undefined ? {} : { objInfo: givenStore(objInfo, sealer) }) };
}

/** Submits what was put together of a request. Whether it is a command is checked there: lengths and control characters. */
export const submitted = (
  context: Context,
  command: { readonly name: Command['name'] } & object,
  overrides?: Overrides,
): Promise<Submitted> => context.submit(command as unknown as Command, overrides);

/** What is not there, or no more. */
export const overrides: Overrides = { UNKNOWN_INSTANCE: 'KV_TXN_GET_ERR', INSTANCE_DELETED: 'CLUSTER_NOT_FOUND' };
export const statusOf = (outcome: Submitted): Status => (outcome.kind === 'done' ? ok : outcome.status);

/** The instance of somebody who only reads: a dropped one, too. @returns its id, or why there is none */
export function readersInstance(state: State, cloudUniqueId = ''): string | Status {
  if (cloudUniqueId === '') return failed('INVALID_ARGUMENT', 'cloud unique id not set');
  const instanceId = resolveInstance(state, cloudUniqueId);
  if (instanceId === undefined) return failed('INVALID_ARGUMENT', 'empty instance_id');
  if (instanceOf(state.instances, instanceId) !== undefined) return instanceId;
  return failed('KV_TXN_GET_ERR', `failed to get instance, instance_id=${instanceId} err=KeyNotFound`);
}
