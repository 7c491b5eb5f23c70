/** The data keys of a node's tables, as the sealer looks at them, and what a leader does about them. */
import { commandOf } from '../../projections/commands.ts';
import { currentDataKey, dataKeyBefore, dataKeyOf, liveDataKeys } from '../../projections/dataKeys.ts';
import type { State } from '../../projections/state.ts';
import type { Command } from '../deciders/commands.ts';
import type { DataKeyTable, KeyRing } from '../secrets/port.ts';

/**
 * The table as it is at each call. A request that is sent again is sealed with the key it was sealed with, as long as the key is
 * there: it is then the same command, with the same digest.
 */
export const dataKeyTable = (stateNow: () => State): DataKeyTable => ({
  sealingKey: (repeatable) => {
    const { at, commands, dataKeys } = stateNow();
    const current = currentDataKey(dataKeys);
    const known = repeatable === undefined || current === undefined ? undefined : commandOf(commands, repeatable, at);
    if (known === undefined) return current;
    const then = dataKeyBefore(dataKeys, known.position);
    return then === undefined || dataKeyOf(dataKeys, then)?.wrapped !== undefined ? then : current;
  },
  find: (keyId) => {
    const row = dataKeyOf(stateNow().dataKeys, keyId);
    if (row === undefined) return undefined;
    return row.wrapped === undefined ? { shreddedAt: row.shredded?.position ?? 0 } : { wrapped: row.wrapped };
  },
  live: () => liveDataKeys(stateNow().dataKeys),
});

/** What a leader has logged when there is no data key yet. The key is made of its subject: done twice, it is done once. */
export function firstDataKey(state: State, keys: KeyRing): { readonly command: Command; readonly key: string } | undefined {
  if (currentDataKey(state.dataKeys) !== undefined) return undefined;
  return { command: { name: 'createDataKey', ...keys.newDataKey(), onlyIfNone: true }, key: 'data-key/first' };
}
