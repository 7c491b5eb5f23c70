import { z } from 'zod';
import { comparableSecret, defineEvent, type EventOf, freeText, identifier } from './kit.ts';

/** `DELETED` is final, and the id stays taken for ever. */
export const instanceStatuses = ['NORMAL', 'DELETED', 'OVERDUE'] as const;
export type InstanceStatus = (typeof instanceStatuses)[number];

export const instanceId = identifier.min(1).describe('The instance: one tenant and all that belongs to it.');
/** A cloud account. What was not given is absent, what was given empty is empty; so in every event of the Meta Service. */
export const ramUser = z.strictObject({
  userId: identifier,
  ak: comparableSecret.describe('Its access key.'),
  sk: comparableSecret.describe('Its secret key.'),
  externalId: identifier.exactOptional(),
});
export type RamUser = Readonly<z.infer<typeof ramUser>>;
const status = z.enum(instanceStatuses);

const subjects = ({ instanceId: id }: { readonly instanceId: string }): readonly string[] => [`instance/${id}`];

/** Raised by `createInstance`, with the events of its storage behind it; folded by `projections/instances.ts` and `storage.ts`. */
export const instanceCreated = defineEvent('InstanceCreated', {
  about: 'An instance was created.',
  version: 1,
  data: z.strictObject({
    instanceId,
    userId: identifier.exactOptional().describe('Whose it is.'),
    name: freeText.exactOptional().describe('Its name.'),
    ramUser: ramUser.exactOptional().describe('Its cloud account.'),
    sseEnabled: z.boolean().describe('Whether its object stores encrypt on their side.'),
    enableStorageVault: z.boolean().describe('Whether it keeps its data in storage vaults, not in object stores of its own.'),
  }),
  subjects,
});

/** Raised by `dropInstance`; folded by `projections/instances.ts`. */
export const instanceDropped = defineEvent('InstanceDropped', {
  about: 'An instance was dropped; its record stays readable.',
  version: 1,
  data: z.strictObject({ instanceId }),
  subjects,
});

/** Raised by `renameInstance`; folded by `projections/instances.ts`. */
export const instanceRenamed = defineEvent('InstanceRenamed', {
  about: 'An instance was given another name.',
  version: 1,
  data: z.strictObject({
    instanceId,
    previous: freeText.exactOptional().describe('The name it had.'),
    name: freeText.min(1).describe('The name it has now.'),
  }),
  subjects,
});

/** Raised by `setInstanceStatus`; folded by `projections/instances.ts`. */
export const instanceStatusChanged = defineEvent('InstanceStatusChanged', {
  about: 'An instance became overdue, or normal again.',
  version: 1,
  data: z.strictObject({ instanceId, from: status.describe('What it was.'), to: status.describe('What it is now.') }),
  subjects,
});

/** Raised by `setInstanceEncryption`; folded by `projections/instances.ts` and `projections/storage.ts`. */
export const instanceEncryptionChanged = defineEvent('InstanceEncryptionChanged', {
  about: 'Encryption on the side of the object stores was switched on or off for an instance.',
  version: 1,
  data: z.strictObject({ instanceId, enabled: z.boolean().describe('Whether they encrypt from now on.') }),
  subjects,
});

/** Raised by `setRamUser`; folded by `projections/instances.ts`. */
export const ramUserChanged = defineEvent('RamUserChanged', {
  about: 'An instance was given a cloud account, or another one.',
  version: 1,
  data: z.strictObject({ instanceId, ramUser: ramUser.describe('The cloud account it has now.') }),
  subjects,
});

export type InstanceEvent =
  | EventOf<typeof instanceCreated>
  | EventOf<typeof instanceDropped>
  | EventOf<typeof instanceRenamed>
  | EventOf<typeof instanceStatusChanged>
  | EventOf<typeof instanceEncryptionChanged>
  | EventOf<typeof ramUserChanged>;
