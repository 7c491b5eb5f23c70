import { instanceOf } from '../../../projections/instances.ts';
import { storageOf } from '../../../projections/storage.ts';
import { instanceMessage } from './instances.ts';
import { printCompact } from './jsonText.ts';
import type { KeyFields } from './keySpace.ts';
import type { KeyValue } from './keyTools.ts';
import { instanceInfo, ramUser, storageVault } from './messages.ts';
import { arnInfoMessage, vaultMessage } from './storageMessages.ts';
import { tabletKeyValues } from './tablets.ts';
import { transactionKeyValues } from './transactions.ts';

const textIn = (fields: KeyFields, name: string): string => String(fields[name] ?? '');

/** The records that get_value shows, by the type of their key: the present state, secrets as they lie in the log. */
export const keyValues: Readonly<Record<string, KeyValue>> = {
  InstanceKey: (fields, { state }) => {
    const row = instanceOf(state.instances, textIn(fields, 'instance_id'));
    return row === undefined ? undefined : printCompact(instanceInfo, instanceMessage(state, undefined, row));
  },
  StorageVaultKey: (fields, { state }) => {
    const vaults = storageOf(state.storage, textIn(fields, 'instance_id'))?.vaults;
    const row = vaults?.find(({ id }) => id === textIn(fields, 'vault_id'));
    return row === undefined ? undefined : printCompact(storageVault, vaultMessage(row, undefined));
  },
  MetaServiceArnInfoKey: (_, { state }) =>
    state.storage.identity === undefined ? undefined : printCompact(ramUser, arnInfoMessage(state.storage.identity)),
  ...transactionKeyValues,
  ...tabletKeyValues,
};
