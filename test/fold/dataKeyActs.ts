/** Acts on data keys that fit together in many orders: made, put under another master key, given up. */
import type { WrappedKey } from '../../events/dataKeys.ts';
import type { Command } from '../../src/deciders/commands.ts';

/** Ids as they are: 16 hex digits. */
export const ids = { first: 'a000000000000001', second: 'a000000000000002', third: 'a000000000000003' } as const;
export const masters = { old: 'b000000000000001', new: 'b000000000000002' } as const;

/** A data key that nobody will open. */
export const wrapped = (keyId: string, master: string = masters.old): WrappedKey => ({
  keyId,
  wrapped: { keyId: master, nonce: 'bm9uY2U=', ciphertext: `${keyId} under ${master}` },
});

export const dataKeyActs: readonly Command[] = [
  { name: 'createDataKey', ...wrapped(ids.first), onlyIfNone: true },
  { name: 'createDataKey', ...wrapped(ids.second) },
  { name: 'rewrapDataKeys', masterKeyId: masters.new, keys: [wrapped(ids.first, masters.new), wrapped(ids.second, masters.new)] },
  { name: 'shredDataKey', keyId: ids.first },
  { name: 'createDataKey', ...wrapped(ids.third, masters.new) },
  { name: 'rewrapDataKeys', masterKeyId: masters.old, keys: [wrapped(ids.third)] },
  { name: 'shredDataKey', keyId: ids.second, force: true },
];
