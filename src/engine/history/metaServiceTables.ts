import { redacted } from '../../../events/kit.ts';
import { type ClusterRow, clustersOf } from '../../../projections/clusters.ts';
import { type ComputeNodeRow, nodesOf } from '../../../projections/computeNodes.ts';
import { type InstanceRow, instanceRows } from '../../../projections/instances.ts';
import type { State } from '../../../projections/state.ts';
import { type ObjectStoreRow, type StorageRow, storageOf, type VaultRow } from '../../../projections/storage.ts';
import { type TabletJob, tabletJobRows } from '../../../projections/tablets.ts';
import { type TransactionRow, transactionRows } from '../../../projections/transactions.ts';
import type { Cell, ColumnType, Row, SysTable } from './selector.ts';
import type { Sees } from './tableAccess.ts';

/** A table that a state holds entirely. */
export interface StateTable {
  readonly table: SysTable;
  /** @param sees which resources the reader may hear of */
  rows(state: State, sees: Sees): Iterable<Row>;
}

type Column<T> = readonly [name: string, type: ColumnType, about: string, of: (row: T) => Cell | undefined];

function stateTable<T>(name: string, about: string, rowsOf: (state: State) => Iterable<T>, columns: readonly Column<T>[]): StateTable {
  return {
    table: { name, about, columns: columns.map(([column, type, words]) => ({ name: column, type, about: words })) },
    *rows(state) {
      for (const row of rowsOf(state)) yield columns.map(([, , , of]) => of(row) ?? null);
    },
  };
}

/** Epoch seconds as a timestamp's milliseconds. */
const ms = (seconds: number | undefined): number | undefined => (seconds === undefined ? undefined : seconds * 1000);
/** A word, or a number that stands for none. */
const text = (value: string | number | undefined): string | undefined => (value === undefined ? undefined : String(value));
const json = (value: unknown): string | undefined => (value === undefined ? undefined : JSON.stringify(redacted(value)));

const instances = stateTable<InstanceRow>(
  'instances',
  'The instances of the Meta Service, dropped ones too.',
  ({ instances: all }) => instanceRows(all),
  [
    ['instance_id', 'VARCHAR', 'Its id, taken for ever.', (row) => row.instanceId],
    ['name', 'VARCHAR', 'Its name.', (row) => row.name],
    ['user_id', 'VARCHAR', 'Whose it is.', (row) => row.userId],
    ['status', 'VARCHAR', 'One of NORMAL, OVERDUE and DELETED.', (row) => row.status],
    [
      'storage_mode',
      'VARCHAR',
      'Where its data lies: VAULTS or OBJECT_STORES.',
      (row) => (row.enableStorageVault ? 'VAULTS' : 'OBJECT_STORES'),
    ],
    ['sse_enabled', 'VARCHAR', 'Whether its object stores encrypt on their side: true or false.', (row) => String(row.sseEnabled)],
    ['changed_at', 'TIMESTAMP_LTZ(3)', 'When its status or encryption changed last; NULL when they never did.', (row) => ms(row.mtime)],
    ['position', 'BIGINT', 'The event that created it.', (row) => row.position],
  ],
);

function* allClusters(state: State): Generator<ClusterRow> {
  for (const { instanceId } of instanceRows(state.instances)) yield* clustersOf(state.clusters, instanceId);
}
const clusters = stateTable<{ readonly row: ClusterRow; readonly nodes: number }>(
  'clusters',
  'The clusters of all instances.',
  function* (state) {
    for (const row of allClusters(state)) yield { row, nodes: nodesOf(state.computeNodes, row.instanceId, row.clusterId).length };
  },
  [
    ['instance_id', 'VARCHAR', 'The instance it belongs to.', ({ row }) => row.instanceId],
    ['cluster_id', 'VARCHAR', 'Its id, unique in the instance.', ({ row }) => row.clusterId],
    ['cluster_name', 'VARCHAR', 'Its name.', ({ row }) => row.clusterName],
    ['type', 'VARCHAR', 'One of SQL, COMPUTE and VIRTUAL.', ({ row }) => row.type],
    ['status', 'VARCHAR', 'NORMAL, SUSPENDED, TO_RESUME, MANUAL_SHUTDOWN or UNKNOWN; NULL when it was never set.', ({ row }) => row.status],
    ['nodes', 'BIGINT', 'How many nodes it has.', ({ nodes }) => nodes],
    ['mysql_users', 'JSON', 'The users for whom it is the default, a list.', ({ row }) => json(row.mysqlUserName ?? [])],
    ['members', 'JSON', 'The clusters that a virtual one groups, a list; NULL for the others.', ({ row }) => json(row.clusterNames)],
    ['public_endpoint', 'VARCHAR', 'Where it is reached from outside.', ({ row }) => row.publicEndpoint],
    ['private_endpoint', 'VARCHAR', 'Where it is reached from inside.', ({ row }) => row.privateEndpoint],
    ['created_at', 'TIMESTAMP_LTZ(3)', 'When it was added.', ({ row }) => ms(row.ctime)],
    ['changed_at', 'TIMESTAMP_LTZ(3)', 'When it changed last.', ({ row }) => ms(row.mtime)],
  ],
);

const computeNodes = stateTable<{ readonly cluster: ClusterRow; readonly node: ComputeNodeRow }>(
  'compute_nodes',
  'The frontends and backends of all clusters.',
  function* (state) {
    for (const cluster of allClusters(state))
      for (const node of nodesOf(state.computeNodes, cluster.instanceId, cluster.clusterId)) yield { cluster, node };
  },
  [
    ['instance_id', 'VARCHAR', 'The instance it belongs to.', ({ cluster }) => cluster.instanceId],
    ['cluster_id', 'VARCHAR', 'Its cluster.', ({ cluster }) => cluster.clusterId],
    ['cluster_name', 'VARCHAR', "Its cluster's name.", ({ cluster }) => cluster.clusterName],
    ['cloud_unique_id', 'VARCHAR', 'By which it says whose it is.', ({ node }) => node.cloudUniqueId],
    ['ip', 'VARCHAR', 'Its address.', ({ node }) => node.ip],
    ['host', 'VARCHAR', 'Its name in the network.', ({ node }) => node.host],
    ['heartbeat_port', 'INTEGER', 'Where a backend takes heartbeats.', ({ node }) => node.heartbeatPort],
    ['edit_log_port', 'INTEGER', 'Where a frontend takes its journal.', ({ node }) => node.editLogPort],
    ['node_type', 'VARCHAR', 'What a frontend is: FE_MASTER, FE_FOLLOWER or FE_OBSERVER; NULL for a backend.', ({ node }) => node.nodeType],
    ['status', 'VARCHAR', 'NODE_STATUS_RUNNING and so on; NULL when it was never set.', ({ node }) => node.status],
    ['created_at', 'TIMESTAMP_LTZ(3)', 'When it was added.', ({ node }) => ms(node.ctime)],
    ['changed_at', 'TIMESTAMP_LTZ(3)', 'When it changed last.', ({ node }) => ms(node.mtime)],
  ],
);

function* allStorage(state: State): Generator<{ readonly instanceId: string; readonly row: StorageRow }> {
  for (const { instanceId } of instanceRows(state.instances)) {
    const row = storageOf(state.storage, instanceId);
    if (row !== undefined) yield { instanceId, row };
  }
}

const objectStores = stateTable<{ readonly instanceId: string; readonly store: ObjectStoreRow }>(
  'object_stores',
  'The object stores of instances that do not keep their data in vaults; keys are never shown.',
  function* (state) {
    for (const { instanceId, row } of allStorage(state)) for (const store of row.objectStores) yield { instanceId, store };
  },
  [
    ['instance_id', 'VARCHAR', 'The instance it belongs to.', ({ instanceId }) => instanceId],
    ['id', 'VARCHAR', 'Its number in the instance.', ({ store }) => store.id],
    ['provider', 'VARCHAR', 'Who runs it.', ({ store }) => text(store.provider)],
    ['endpoint', 'VARCHAR', 'Where it is reached.', ({ store }) => store.endpoint],
    ['region', 'VARCHAR', 'Its region.', ({ store }) => store.region],
    ['bucket', 'VARCHAR', 'Its bucket.', ({ store }) => store.bucket],
    ['prefix', 'VARCHAR', 'What every name in it begins with.', ({ store }) => store.prefix],
    ['user_id', 'VARCHAR', 'Whose keys open it.', ({ store }) => store.userId],
    ['opened_with', 'VARCHAR', 'KEYS, or the role that opens it.', ({ store }) => store.roleArn ?? 'KEYS'],
    ['created_at', 'TIMESTAMP_LTZ(3)', 'When it was added.', ({ store }) => ms(store.ctime)],
    ['changed_at', 'TIMESTAMP_LTZ(3)', 'When its keys were changed last.', ({ store }) => ms(store.mtime)],
  ],
);

const storageVaults = stateTable<{ readonly instanceId: string; readonly row: StorageRow; readonly vault: VaultRow }>(
  'storage_vaults',
  'The storage vaults of all instances; keys are never shown.',
  function* (state) {
    for (const { instanceId, row } of allStorage(state)) for (const vault of row.vaults) yield { instanceId, row, vault };
  },
  [
    ['instance_id', 'VARCHAR', 'The instance it belongs to.', ({ instanceId }) => instanceId],
    ['vault_id', 'VARCHAR', 'Its number in the instance.', ({ vault }) => vault.id],
    ['vault_name', 'VARCHAR', 'Its name.', ({ vault }) => vault.name],
    ['kind', 'VARCHAR', 'HDFS or OBJECT_STORE.', ({ vault }) => (vault.hdfsInfo === undefined ? 'OBJECT_STORE' : 'HDFS')],
    [
      'is_default',
      'VARCHAR',
      'Whether it takes the tables that name none: true or false.',
      ({ row, vault }) => String(row.defaultVaultId === vault.id),
    ],
    ['place', 'VARCHAR', 'The file system, or endpoint and bucket.', ({ vault }) => placeOf(vault)],
    ['prefix', 'VARCHAR', 'What every name in it begins with.', ({ vault }) => vault.hdfsInfo?.prefix ?? vault.objInfo?.prefix],
    ['changed_at', 'TIMESTAMP_LTZ(3)', 'When an object store was changed last; NULL for HDFS.', ({ vault }) => ms(vault.objInfo?.mtime)],
  ],
);

function placeOf({ hdfsInfo, objInfo }: VaultRow): string | undefined {
  if (hdfsInfo !== undefined) return hdfsInfo.buildConf?.fsName;
  return objInfo === undefined ? undefined : `${objInfo.endpoint ?? ''}/${objInfo.bucket ?? ''}`;
}

const transactions = stateTable<TransactionRow>(
  'transactions',
  'The transactions of all instances.',
  ({ transactions: all }) => transactionRows(all),
  [
    ['instance_id', 'VARCHAR', 'The instance it belongs to.', (row) => row.instanceId],
    ['txn_id', 'BIGINT', 'Its id: the position of the event that began it.', (row) => row.transactionId],
    ['db_id', 'BIGINT', 'Its database.', (row) => row.dbId],
    ['label', 'VARCHAR', 'Its label.', (row) => row.label],
    ['status', 'VARCHAR', 'One of PREPARED, PRECOMMITTED, VISIBLE and ABORTED.', (row) => row.status],
    ['table_ids', 'JSON', 'The tables it writes to, a list.', (row) => json(row.tableIds)],
    ['reason', 'VARCHAR', 'Why it was aborted.', (row) => row.reason],
    ['begun_at', 'TIMESTAMP_LTZ(3)', 'When it began.', (row) => row.prepareTime],
    ['finished_at', 'TIMESTAMP_LTZ(3)', 'When it became visible or was aborted; NULL while it runs.', (row) => row.finishTime],
  ],
);

const tabletJobs = stateTable<TabletJob>('tablet_jobs', 'The compactions that run on tablets.', ({ tablets }) => tabletJobRows(tablets), [
  ['instance_id', 'VARCHAR', 'The instance it belongs to.', (row) => row.instanceId],
  ['tablet_id', 'BIGINT', 'Its tablet.', (row) => row.tabletId],
  ['job_id', 'VARCHAR', 'Its id, unique among those of the tablet.', ({ job }) => job.id],
  ['type', 'VARCHAR', 'BASE, CUMULATIVE, EMPTY_CUMULATIVE, FULL or STOP_TOKEN.', ({ job }) => text(job.type)],
  ['initiator', 'VARCHAR', 'Who does it.', ({ job }) => job.initiator],
  ['lease_until', 'TIMESTAMP_LTZ(3)', 'Until when it counts unless it says that it is still at work.', ({ job }) => ms(job.lease)],
  ['expires_at', 'TIMESTAMP_LTZ(3)', 'When it is over whatever it says; NULL when it need not end.', ({ job }) => ms(job.expiration)],
]);

export const metaServiceTables: readonly StateTable[] = [
  instances,
  clusters,
  computeNodes,
  objectStores,
  storageVaults,
  transactions,
  tabletJobs,
];
