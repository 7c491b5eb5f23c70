import { z } from 'zod';
import { defineEvent, type EventOf, sealedText } from './kit.ts';

/** `live`: keys that can still open something; `shredded`: of those that are gone, how many are remembered by name. */
export const dataKeyLimits = { live: 256, shredded: 1024 } as const;

export const keyId = z
  .string()
  .regex(/^[0-9a-f]{16}$/, '16 hex digits')
  .describe('Follows from the key: SHA-256, the first 8 bytes in hex.');
const wrapped = sealedText.describe('The data key itself, sealed with the master key that `keyId` names.');
export const wrappedKey = z.strictObject({ keyId, wrapped });
/** A data key under its name, sealed with a master key. */
export type WrappedKey = Readonly<z.infer<typeof wrappedKey>>;

const subject = (id: string): string => `data-key/${id}`;

/** Raised by `createDataKey`; folded by `projections/dataKeys.ts`. */
export const dataKeyCreated = defineEvent('DataKeyCreated', {
  about: 'A new data key seals secrets from now on.',
  version: 1,
  data: wrappedKey,
  subjects: ({ keyId: id }) => [subject(id)],
});

/** Raised by `rewrapDataKeys`; folded by `projections/dataKeys.ts`. */
export const dataKeysRewrapped = defineEvent('DataKeysRewrapped', {
  about: 'Operators sealed data keys anew with another master key.',
  version: 1,
  data: z.strictObject({
    masterKeyId: keyId.describe('The master key that opens them from now on.'),
    keys: z.array(wrappedKey).min(1).max(dataKeyLimits.live).describe('The keys, oldest first, sealed with it.'),
  }),
  subjects: ({ keys }) => keys.map(({ keyId: id }) => subject(id)),
});

/** Raised by `shredDataKey`; folded by `projections/dataKeys.ts`. */
export const dataKeyShredded = defineEvent('DataKeyShredded', {
  about: 'Operators gave up a data key: what it sealed is never opened again.',
  version: 1,
  data: z.strictObject({
    keyId,
    sealedValues: z.number().int().min(0).describe('How many values in force it sealed: they have to be given again.'),
  }),
  subjects: ({ keyId: id }) => [subject(id)],
});

export type DataKeyEvent = EventOf<typeof dataKeyCreated> | EventOf<typeof dataKeysRewrapped> | EventOf<typeof dataKeyShredded>;
