import type { ComparableSecret } from '../events/kit.ts';
import type { NumberedStore, NumberedVault, Stage } from '../events/storage.ts';
import { secondsOf } from './instances.ts';
import { defineProjection, invariant, type Writable } from './kit.ts';
import { Table } from './table.ts';

/** A place in an object store: keys or a role. Times in epoch seconds. */
export interface ObjectStoreRow extends NumberedStore {
  readonly ctime: number;
  readonly mtime: number;
}
/** On HDFS or in an object store. */
export interface VaultRow extends Omit<NumberedVault, 'objInfo'> {
  readonly objInfo?: ObjectStoreRow;
}
/** What an instance keeps its data in. All three lists are bounded (`storageLimits`), in the order in which their rows came. */
export interface StorageRow {
  readonly objectStores: readonly ObjectStoreRow[];
  readonly vaults: readonly VaultRow[];
  readonly stages: readonly Stage[];
  /** One of `vaults`. */
  readonly defaultVaultId?: string;
}
/** The service's own cloud account. */
export interface ServiceIdentity {
  readonly accountId: string;
  readonly ak: ComparableSecret;
  readonly sk: ComparableSecret;
}
export interface Storage {
  readonly byInstance: Table<StorageRow>;
  readonly identity?: ServiceIdentity;
}

const none: StorageRow = { objectStores: [], vaults: [], stages: [] };

export const storage = defineProjection<Storage>({
  name: 'storage',
  version: 1,
  initial: () => ({ byInstance: Table.empty() }),
  on: {
    ObjectStoreAdded: (state, { event: { data }, at }) =>
      change(state, data.instanceId, ({ objectStores }) => ({ objectStores: [...objectStores, begun(data.store, at)] })),
    KeysRotated: (state, { event: { data }, at }) => {
      for (const { id, ...given } of data.objectStores)
        changeStore(state, data.instanceId, id, (store) => ({ ...withoutCredentials(store), ...given, mtime: secondsOf(at) }));
    },
    ObjectStoreRoleChanged: (state, { event: { data }, at }) => {
      const { id, instanceId, ...role } = data;
      changeStore(state, instanceId, id, (store) => ({ ...opened(store, { role }), mtime: secondsOf(at) }));
    },
    InstanceEncryptionChanged: (state, { event: { data } }) => {
      if (state.byInstance.has(data.instanceId))
        change(state, data.instanceId, ({ objectStores }) => ({
          objectStores: objectStores.map((store) => ({ ...store, sseEnabled: data.enabled })),
        }));
    },
    StorageVaultAdded: (state, { event: { data }, at }) => {
      const { objInfo, ...vault } = data.vault;
      change(state, data.instanceId, ({ vaults }) => {
        invariant(!vaults.some(({ id }) => id === vault.id), `vault ${vault.id} of ${data.instanceId} exists`);
        return { vaults: [...vaults, objInfo === undefined ? vault : { ...vault, objInfo: begun(objInfo, at) }] };
      });
    },
    StorageVaultAltered: (state, { event: { data }, at }) =>
      change(state, data.instanceId, ({ vaults }) => ({
        vaults: replaced(vaults, data.id, (vault) => ({
          ...vault,
          name: data.newName ?? vault.name,
          ...(vault.objInfo === undefined ? {} : { objInfo: { ...opened(vault.objInfo, data), mtime: secondsOf(at) } }),
          ...(vault.hdfsInfo === undefined || data.hdfs === undefined ? {} : { hdfsInfo: mounted(vault.hdfsInfo, data.hdfs) }),
        })),
      })),
    StorageVaultDropped: (state, { event: { data } }) =>
      change(state, data.instanceId, ({ vaults }) => ({ vaults: vaults.filter(({ id }) => id !== data.id) })),
    DefaultVaultChanged: (state, { event: { data } }) => {
      const { defaultVaultId: _, ...row } = state.byInstance.get(data.instanceId) ?? none;
      state.byInstance = state.byInstance.set(data.instanceId, data.to === undefined ? row : { ...row, defaultVaultId: data.to.id });
    },
    ServiceIdentityChanged: (state, { event: { data } }) => {
      state.identity = data;
    },
    StageCreated: (state, { event: { data } }) => change(state, data.instanceId, ({ stages }) => ({ stages: [...stages, data.stage] })),
    StageDropped: (state, { event: { data } }) =>
      change(state, data.instanceId, ({ stages }) => ({ stages: stages.filter(({ stageId }) => stageId !== data.stageId) })),
  },
});

const begun = (store: NumberedStore, at: number): ObjectStoreRow => ({ ...store, ctime: secondsOf(at), mtime: secondsOf(at) });

function change(state: Writable<Storage>, instanceId: string, fields: (row: StorageRow) => Partial<StorageRow>): void {
  const row = state.byInstance.get(instanceId) ?? none;
  state.byInstance = state.byInstance.set(instanceId, { ...row, ...fields(row) });
}

function changeStore(state: Writable<Storage>, instanceId: string, id: string, next: (store: ObjectStoreRow) => ObjectStoreRow): void {
  change(state, instanceId, ({ objectStores }) => ({ objectStores: replaced(objectStores, id, next) }));
}

function replaced<T extends { readonly id: string }>(rows: readonly T[], id: string, next: (row: T) => T): readonly T[] {
  invariant(
    rows.some((row) => row.id === id),
    `there is no ${id}`,
  );
  return rows.map((row) => (row.id === id ? next(row) : row));
}

function withoutCredentials({ ak: _ak, credProviderType: _type, externalId: _id, roleArn: _role, sk: _sk, ...rest }: ObjectStoreRow) {
  return rest;
}

/** An object store that is opened in another way: keys and role take each other's place. */
function opened(
  store: ObjectStoreRow,
  given: {
    readonly keys?: Required<Pick<NumberedStore, 'ak' | 'sk'>>;
    readonly role?: { readonly roleArn: string; readonly externalId?: string };
    readonly usePathStyle?: boolean;
  },
): ObjectStoreRow {
  const style = given.usePathStyle === undefined ? {} : { usePathStyle: given.usePathStyle };
  if (given.keys !== undefined) return { ...withoutCredentials(store), ...given.keys, ...style };
  if (given.role !== undefined) return { ...withoutCredentials(store), ...given.role, credProviderType: 'INSTANCE_PROFILE', ...style };
  return { ...store, ...style };
}

type Hdfs = NonNullable<NumberedVault['hdfsInfo']>;
function mounted(hdfs: Hdfs, given: NonNullable<Hdfs['buildConf']>): Hdfs {
  const confs = [...(hdfs.buildConf?.hdfsConfs ?? []), ...(given.hdfsConfs ?? [])];
  return { ...hdfs, buildConf: { ...hdfs.buildConf, ...given, ...(confs.length === 0 ? {} : { hdfsConfs: confs }) } };
}

/** What an instance keeps its data in; undefined before it was given anything. */
export const storageOf = (state: Storage, instanceId: string): StorageRow | undefined => state.byInstance.get(instanceId);
/** An object store or vault has the number after the largest one that its instance has. */
export const nextStorageId = (row: StorageRow | undefined): string =>
  String(1 + Math.max(0, ...[...(row?.objectStores ?? []), ...(row?.vaults ?? [])].map(({ id }) => Number(id))));
/** The vault that takes the tables which name none. */
export const defaultVaultOf = (row: StorageRow | undefined): VaultRow | undefined =>
  row?.vaults.find(({ id }) => id === row.defaultVaultId);
