/** What is stored of instances' storage, as the service's messages: keys in clear, or as stored without a sealer. */
import type { RamUser } from '../../../events/instances.ts';
import type { NumberedStore, Stage } from '../../../events/storage.ts';
import type { ServiceIdentity, VaultRow } from '../../../projections/storage.ts';
import type { Sealer } from '../../secrets/port.ts';
import type { ValueOf } from './message.ts';
import type { objectStoreInfo, ramUser, stage, storageVault } from './messages.ts';
import { shownKeys } from './secrets.ts';

export function storeMessage(row: Partial<NumberedStore>, sealer: Sealer | undefined): ValueOf<typeof objectStoreInfo> {
  const { ak, sk, ...rest } = row;
  return { ...rest, ...shownKeys(row, sealer) };
}

export function vaultMessage({ objInfo, ...rest }: VaultRow, sealer: Sealer | undefined): ValueOf<typeof storageVault> {
  return { ...rest, ...(objInfo === undefined ? {} : { objInfo: storeMessage(objInfo, sealer) }) };
}

export function stageMessage({ objInfo, ...rest }: Stage, sealer: Sealer | undefined): ValueOf<typeof stage> {
  return { ...rest, ...(objInfo === undefined ? {} : { objInfo: storeMessage(objInfo, sealer) }) };
}

export function accountMessage({ ak, sk, ...rest }: RamUser, sealer: Sealer | undefined): ValueOf<typeof ramUser> {
  return { ...rest, ...shownKeys({ ak, sk }, sealer) };
}

/** The service's own account as every instance sees it: empty before it was set. */
export function identityMessage(identity: ServiceIdentity | undefined, instanceId: string, sealer: Sealer): ValueOf<typeof ramUser> {
  if (identity === undefined) return { userId: '', ak: '', sk: '', externalId: instanceId };
  return { userId: identity.accountId, ...shownKeys(identity, sealer), externalId: instanceId };
}

/** The record of the service's own account, as it is stored. */
export const arnInfoMessage = (identity: ServiceIdentity): ValueOf<typeof ramUser> => ({
  userId: identity.accountId,
  ...shownKeys(identity, undefined),
});
