/** The data keys of a node's tables, as the sealer looks at them, and what a leader does about them. */
import { commandOf } from '../../projections/commands.ts';
import { currentDataKey, dataKeyBefore, dataKeyOf, dataKeyRows, liveDataKeys } from '../../projections/dataKeys.ts';
import { sealedValues } from '../../projections/sealedTexts.ts';
import type { State } from '../../projections/state.ts';
import type { Command } from '../deciders/commands.ts';
import type { Logger } from '../ports/logger.ts';
import type { DataKeyTable, KeyRing } from '../secrets/port.ts';
import type { Applied } from './replica.ts';

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

/**
 * Tells the operator when this node cannot use the key that seals: whatever needs a secret fails then, and nothing else. Looks at once,
 * and whenever the keys change: to be called with the log folded, since keys of the past may be under master keys that are gone.
 */
export function watchDataKeys(
  replica: {
    readonly state: Pick<State, 'dataKeys'>;
    onApplied(listener: (applied: Pick<Applied, 'before' | 'after'>) => void): unknown;
  },
  keys: Pick<KeyRing, 'faultOf'>,
  logger: Logger,
): void {
  let told: string | undefined;
  const look = ({ dataKeys }: Pick<State, 'dataKeys'>): void => {
    const current = currentDataKey(dataKeys);
    const fault = current === undefined ? undefined : keys.faultOf(current);
    if (fault !== undefined && fault !== told)
      logger.error({ keyId: current }, `secrets can neither be sealed nor opened here: they need ${fault}`);
    told = fault;
  };
  look(replica.state);
  replica.onApplied(({ after, before }) => {
    if (before.dataKeys !== after.dataKeys) look(after);
  });
}

/** A key as listings show it. */
export interface DataKeyView {
  readonly keyId: string;
  /** `master`: no data key, but it seals values in force by itself, from the time before there were data keys. */
  readonly state: 'current' | 'live' | 'shredded' | 'master';
  /** Values in force that it seals. */
  readonly sealedValues: number;
  /** The master key that opens it. */
  readonly masterKeyId?: string;
  /** Of the event that made it; `at` in epoch milliseconds. */
  readonly position?: number;
  readonly createdAt?: number;
  readonly createdBy?: string;
  readonly shreddedAt?: number;
  readonly shreddedBy?: string;
}

/** All keys that the tables know, oldest first. Looks at every sealed text in force. */
export function describeDataKeys(state: State): readonly DataKeyView[] {
  const counts = new Map(sealedValues(state));
  const rows = dataKeyRows(state.dataKeys).map(({ created, keyId, shredded, wrapped }): DataKeyView => {
    const sealed = counts.get(keyId) ?? 0;
    counts.delete(keyId);
    return {
      keyId,
      state: shredded !== undefined ? 'shredded' : keyId === currentDataKey(state.dataKeys) ? 'current' : 'live',
      sealedValues: sealed,
      ...(wrapped === undefined ? {} : { masterKeyId: wrapped.keyId }),
      position: created.position,
      createdAt: created.at,
      createdBy: created.principal,
      ...(shredded === undefined ? {} : { shreddedAt: shredded.at, shreddedBy: shredded.principal }),
    };
  });
  const masters = [...counts].map(([keyId, sealed]): DataKeyView => ({ keyId, state: 'master', sealedValues: sealed }));
  return [...masters.sort((a, b) => (a.keyId < b.keyId ? -1 : 1)), ...rows];
}
