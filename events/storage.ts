import { z } from 'zod';
import { instanceId, ramUser } from './instances.ts';
import { comparableSecret, defineEvent, type EventOf, freeText, identifier, int32, int64 } from './kit.ts';

/** Who runs an object store; the first word is misspelt upstream. */
export const objectStoreProviders = ['UNKONWN', 'OSS', 'S3', 'COS', 'OBS', 'BOS', 'GCP', 'AZURE', 'TOS'] as const;
/** How an object store is opened: `INSTANCE_PROFILE` for a role in place of keys. */
export const credentialTypes = ['DEFAULT', 'SIMPLE', 'INSTANCE_PROFILE'] as const;
export const stageTypes = ['INTERNAL', 'EXTERNAL'] as const;
export const stageAccessTypes = ['UNKNOWN', 'AKSK', 'IAM', 'BUCKET_ACL'] as const;

/**
 * How much one instance may have. `objectStores` and `stages` are Doris's own numbers; the others bound a row that is copied at every
 * change of it.
 */
export const storageLimits = { objectStores: 10, vaults: 1000, stages: 40, hdfsConfs: 200, users: 100, properties: 200 } as const;

/** A key, or the empty text that somebody gave in its place. */
const key = z.union([z.literal(''), comparableSecret]);
const keys = { ak: key.describe('The access key.'), sk: key.describe('The secret key.') };
/** A word that is known, or a number that is not. */
const provider = z.union([z.enum(objectStoreProviders), int32]);
const credentialType = z.union([z.enum(credentialTypes), int32]);

/** A place in an object store as it was given, without keys, id, times and encryption. What was not given is absent. */
export const objectStoreFields = {
  bucket: identifier.exactOptional(),
  prefix: identifier.exactOptional(),
  endpoint: identifier.exactOptional(),
  region: identifier.exactOptional(),
  provider: provider.exactOptional(),
  externalEndpoint: identifier.exactOptional(),
  userId: identifier.exactOptional(),
  usePathStyle: z.boolean().exactOptional(),
  credProviderType: credentialType.exactOptional(),
  roleArn: identifier.exactOptional(),
  externalId: identifier.exactOptional(),
} as const;
/** Keys or a role: who has a role has no keys. */
const objectStore = {
  ...objectStoreFields,
  ak: key.exactOptional(),
  sk: key.exactOptional(),
  sseEnabled: z.boolean().exactOptional(),
} as const;
const objectStoreId = identifier.min(1).describe('A number as text, one row of numbers for the object stores and vaults of an instance.');
const numberedStore = z.strictObject({ id: objectStoreId, ...objectStore });
export type NumberedStore = Readonly<z.infer<typeof numberedStore>>;

export const hdfsConf = z.strictObject({ key: identifier, value: freeText });
export const hdfsConfs = z.array(hdfsConf).max(storageLimits.hdfsConfs);
export const hdfsBuildConf = z.strictObject({
  fsName: identifier.exactOptional(),
  user: identifier.exactOptional(),
  hdfsKerberosPrincipal: identifier.exactOptional(),
  hdfsKerberosKeytab: freeText.exactOptional(),
  hdfsConfs: hdfsConfs.exactOptional(),
});
export const hdfsInfo = z.strictObject({ buildConf: hdfsBuildConf.exactOptional(), prefix: identifier.exactOptional() });
export const pathFormat = z.strictObject({ pathVersion: int64.exactOptional(), shardNum: int64.exactOptional() });
/** A vault lies on HDFS or in an object store. */
const vault = z.strictObject({
  id: objectStoreId,
  name: identifier,
  hdfsInfo: hdfsInfo.exactOptional(),
  objInfo: numberedStore.exactOptional(),
  pathFormat: pathFormat.exactOptional(),
});
export type NumberedVault = Readonly<z.infer<typeof vault>>;
const vaultRef = z.strictObject({ id: objectStoreId, name: identifier.describe('Its name.') });

/** A place to load files from as it was given. */
export const stageFields = {
  type: z.enum(stageTypes),
  mysqlUserName: z.array(identifier).max(storageLimits.users).exactOptional(),
  name: identifier.exactOptional(),
  stageId: identifier.min(1),
  properties: z.record(identifier, freeText).exactOptional(),
  mysqlUserId: z.array(identifier).max(storageLimits.users).exactOptional(),
  comment: freeText.exactOptional(),
  createTime: int64.exactOptional(),
  accessType: z.union([z.enum(stageAccessTypes), int32]).exactOptional(),
  roleName: identifier.exactOptional(),
  arn: identifier.exactOptional(),
  externalId: identifier.exactOptional(),
} as const;
const stage = z.strictObject({
  ...stageFields,
  objInfo: z.strictObject({ id: identifier.exactOptional(), ...objectStore }).exactOptional(),
});
export type Stage = Readonly<z.infer<typeof stage>>;

const subjects = ({ instanceId: id }: { readonly instanceId: string }): readonly string[] => [`instance/${id}`];

/** Raised by `createInstance` and `addObjectStore`; folded by `projections/storage.ts`. */
export const objectStoreAdded = defineEvent('ObjectStoreAdded', {
  about: 'An instance was given a place in an object store.',
  version: 1,
  data: z.strictObject({ instanceId, store: numberedStore.describe('Where it is and how it is opened: with keys or with a role.') }),
  subjects,
});

/** Raised by `rotateKeys` and `rotateObjectStoreKeys`; folded by `projections/storage.ts` and `projections/instances.ts`. */
export const keysRotated = defineEvent('KeysRotated', {
  about: 'Keys of an instance were replaced: those of object stores, those of its cloud account, or both.',
  version: 1,
  data: z.strictObject({
    instanceId,
    objectStores: z
      .array(z.strictObject({ id: objectStoreId, userId: identifier.exactOptional(), ...keys }))
      .max(storageLimits.objectStores + 1)
      .describe('A store that had a role loses it.'),
    ramUser: ramUser.exactOptional().describe('The cloud account as it is now.'),
  }),
  subjects,
});

/** Raised by `rotateObjectStoreKeys`; folded by `projections/storage.ts`: the keys go. */
export const objectStoreRoleChanged = defineEvent('ObjectStoreRoleChanged', {
  about: 'An object store is opened with a role from now on, not with keys.',
  version: 1,
  data: z.strictObject({
    instanceId,
    id: objectStoreId,
    roleArn: identifier.min(1).describe('The role.'),
    externalId: identifier.exactOptional().describe('What whoever takes the role must say.'),
  }),
  subjects,
});

/** Raised by `createInstance`, `addStorageVault` and `addBuiltInVault`; folded by `projections/storage.ts`. */
export const storageVaultAdded = defineEvent('StorageVaultAdded', {
  about: 'An instance was given a storage vault.',
  version: 1,
  data: z.strictObject({ instanceId, vault: vault.describe('Where it lies, on HDFS or in an object store, and how it is opened.') }),
  subjects,
});

/** Raised by `alterStorageVault`; folded by `projections/storage.ts`. */
export const storageVaultAltered = defineEvent('StorageVaultAltered', {
  about: 'A storage vault was renamed, or is opened in another way.',
  version: 1,
  data: z.strictObject({
    instanceId,
    id: objectStoreId,
    name: identifier.describe('The one it had.'),
    newName: identifier.exactOptional().describe('The one it has now; absent when it keeps its name.'),
    keys: z.strictObject(keys).exactOptional().describe('In place of a role, too.'),
    role: z.strictObject({ roleArn: identifier, externalId: identifier.exactOptional() }).exactOptional().describe('In place of keys.'),
    usePathStyle: z.boolean().exactOptional().describe('Whether the bucket is named in the path instead of the host.'),
    hdfs: hdfsBuildConf.exactOptional().describe('What is given replaces what was there; `hdfsConfs` are added to it.'),
  }),
  subjects,
});

/** Raised by `dropStorageVault`; folded by `projections/storage.ts`. */
export const storageVaultDropped = defineEvent('StorageVaultDropped', {
  about: 'A storage vault was dropped.',
  version: 1,
  data: z.strictObject({ instanceId, ...vaultRef.shape }),
  subjects,
});

/** Raised by `setDefaultVault`, `addStorageVault` and `dropStorageVault`; folded by `projections/storage.ts`. */
export const defaultVaultChanged = defineEvent('DefaultVaultChanged', {
  about: 'Another vault, or none, takes the tables that name none.',
  version: 1,
  data: z.strictObject({
    instanceId,
    from: vaultRef.exactOptional().describe('The default until now.'),
    to: vaultRef.exactOptional().describe('The default from now on.'),
  }),
  subjects,
});

/** Raised by `setServiceIdentity`; folded by `projections/storage.ts`. */
export const serviceIdentityChanged = defineEvent('ServiceIdentityChanged', {
  about: "The service's own cloud account was replaced, for all instances.",
  version: 1,
  data: z.strictObject({
    accountId: identifier.min(1).describe('The account.'),
    ak: comparableSecret.describe('Its access key.'),
    sk: comparableSecret.describe('Its secret key.'),
  }),
  subjects: () => ['service/identity'],
});

/** Raised by `createStage`; folded by `projections/storage.ts`. */
export const stageCreated = defineEvent('StageCreated', {
  about: 'A place to load files from was made known.',
  version: 1,
  data: z.strictObject({ instanceId, stage: stage.describe('Where it lies and who may use it.') }),
  subjects,
});

/** Raised by `dropStage`; folded by `projections/storage.ts`. */
export const stageDropped = defineEvent('StageDropped', {
  about: 'A place to load files from was dropped.',
  version: 1,
  data: z.strictObject({
    instanceId,
    stageId: identifier.describe('Its id.'),
    type: z.enum(stageTypes).describe('Whether it was a folder of a user or a place outside.'),
    name: identifier.exactOptional().describe('Its name; internal stages have none.'),
    reason: freeText.exactOptional().describe('Why, in the words of whoever dropped it.'),
  }),
  subjects,
});

export type StorageEvent =
  | EventOf<typeof objectStoreAdded>
  | EventOf<typeof keysRotated>
  | EventOf<typeof objectStoreRoleChanged>
  | EventOf<typeof storageVaultAdded>
  | EventOf<typeof storageVaultAltered>
  | EventOf<typeof storageVaultDropped>
  | EventOf<typeof defaultVaultChanged>
  | EventOf<typeof serviceIdentityChanged>
  | EventOf<typeof stageCreated>
  | EventOf<typeof stageDropped>;
