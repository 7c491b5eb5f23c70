import { z } from 'zod';
import {
  type DataKeyEvent,
  dataKeyCreated,
  dataKeyLimits,
  dataKeyShredded,
  dataKeysRewrapped,
  keyId,
  wrappedKey,
} from '../../events/dataKeys.ts';
import { currentDataKey, type DataKeys, dataKeyOf, liveDataKeys } from '../../projections/dataKeys.ts';
import { sealedTextsIn, sealedValues } from '../../projections/sealedTexts.ts';
import { accept, type Decision, type Rejection, reject, rejection } from '../rejection.ts';
import { defineCommand } from './kit.ts';

/**
 * Seal what comes with a new data key.
 * @returns `DataKeyCreated`, nothing with `onlyIfNone` when there is one; or DATA_KEYS_CHANGED (the id is taken), TOO_LARGE.
 */
export const createDataKey = defineCommand({
  name: 'createDataKey',
  about: 'Seal what comes with a new data key.',
  input: z.strictObject({ ...wrappedKey.shape, onlyIfNone: z.boolean().exactOptional() }),
  decide: ({ dataKeys }, { onlyIfNone, ...key }): Decision<DataKeyEvent> => {
    if (onlyIfNone === true && currentDataKey(dataKeys) !== undefined) return accept();
    if (dataKeyOf(dataKeys, key.keyId) !== undefined)
      return reject('DATA_KEYS_CHANGED', 'keyId', `there is a data key ${key.keyId} already`);
    if (dataKeys.live >= dataKeyLimits.live)
      return reject('TOO_LARGE', '', `there are ${dataKeys.live} data keys, as many as there can be: shred those that are needed no more`);
    return accept(dataKeyCreated(key));
  },
});

/**
 * Seal data keys with another master key: all that it does not seal yet.
 * @returns at most one `DataKeysRewrapped`, nothing when all are sealed with it; or DATA_KEYS_CHANGED (one is missing, or gone),
 *   MALFORMED_REQUEST (one is sealed with a third master key).
 */
export const rewrapDataKeys = defineCommand({
  name: 'rewrapDataKeys',
  about: 'Seal all data keys with another master key.',
  input: z.strictObject({ masterKeyId: keyId, keys: z.array(wrappedKey).max(dataKeyLimits.live) }),
  decide: ({ dataKeys }, { keys, masterKeyId }): Decision<DataKeyEvent> => {
    const wrong = keys.findIndex(({ wrapped }) => wrapped.keyId !== masterKeyId);
    if (wrong !== -1) return reject('MALFORMED_REQUEST', `keys[${wrong}].wrapped`, `it is not sealed with master key ${masterKeyId}`);
    const given = new Map(keys.map((key) => [key.keyId, key]));
    const gone = keys.findIndex(({ keyId: id }) => dataKeyOf(dataKeys, id)?.wrapped === undefined);
    if (gone !== -1) return reject('DATA_KEYS_CHANGED', `keys[${gone}].keyId`, `there is no data key ${keys[gone]?.keyId} any more`);
    const due = liveDataKeys(dataKeys).filter(({ wrapped }) => wrapped.keyId !== masterKeyId);
    const missing = due.find(({ keyId: id }) => !given.has(id));
    if (missing !== undefined) return reject('DATA_KEYS_CHANGED', 'keys', `data key ${missing.keyId} is missing: it is a new one`);
    const rewrapped = due.flatMap(({ keyId: id }) => given.get(id) ?? []);
    return rewrapped.length === 0 ? accept() : accept(dataKeysRewrapped({ masterKeyId, keys: rewrapped }));
  },
});

/**
 * Give a data key up: the tables forget it, and nothing opens what it sealed.
 * @returns `DataKeyShredded`, nothing when it is shredded already; or UNKNOWN_DATA_KEY, DATA_KEY_IN_USE (it is the one that seals, or
 *   values in force are sealed with it and `force` is not given).
 */
export const shredDataKey = defineCommand({
  name: 'shredDataKey',
  about: 'Give up a data key: what it sealed is never opened again.',
  input: z.strictObject({ keyId, force: z.boolean().exactOptional() }),
  decide: (state, { force, keyId: id }): Decision<DataKeyEvent> => {
    const row = dataKeyOf(state.dataKeys, id);
    if (row === undefined) return reject('UNKNOWN_DATA_KEY', 'keyId', `there is no data key ${id}`);
    if (row.wrapped === undefined) return accept();
    if (id === currentDataKey(state.dataKeys))
      return reject('DATA_KEY_IN_USE', 'keyId', `data key ${id} seals what comes: make a new one first`);
    const count = sealedValues(state).get(id) ?? 0;
    if (count > 0 && force !== true) {
      const values = count === 1 ? '1 value in force is' : `${count} values in force are`;
      return reject('DATA_KEY_IN_USE', 'keyId', `${values} sealed with data key ${id}, and would be lost`);
    }
    return accept(dataKeyShredded({ keyId: id, sealedValues: count }));
  },
});

/** A command that was sealed with a key that is gone by the time it is decided: what it carries could never be opened. */
export function shreddedKeyIn(state: DataKeys, input: unknown): Rejection | undefined {
  if (state.shredded === 0) return undefined;
  for (const { keyId: id } of sealedTextsIn(input))
    if (dataKeyOf(state, id)?.shredded !== undefined)
      return rejection('DATA_KEY_SHREDDED', '', `a secret of the request is sealed with data key ${id}, which was shredded since`);
  return undefined;
}
