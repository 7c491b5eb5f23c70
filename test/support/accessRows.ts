/** Everything that can be asked of a node, once, with what it needs: the rows of the matrix, which compares them with the real lists. */
import { actCommands } from '../../src/interfaces/operator/acts.ts';
import { operationFor } from './rights.ts';
import { sampleOf } from './samples.ts';

/**
 * `open`: nobody is asked who they are. `known`: whoever is known. An operation: on the cluster. For the rest of the list see the
 * tests of each.
 */
export type Right = 'open' | 'known' | 'ALL' | 'WRITE' | 'CREATE' | 'DROP' | 'ALTER' | 'DESCRIBE' | 'CLUSTER_ACTION';
export interface OperatorRow {
  /** Method and route, as the description of the API has them. */
  readonly name: string;
  readonly right: Right;
  readonly path: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

const get = (right: Right, route: string, path = route): OperatorRow => ({ name: `GET ${route}`, right, path });
const send = (right: Right, method: string, route: string, path: string, body?: unknown): OperatorRow => ({
  name: `${method} ${route}`,
  right,
  path,
  ...(body === undefined ? {} : { body }),
});
const entry = { resource: 'CLUSTER', permission: 'ALLOW', principal: 'User:x', operation: 'READ' };
const change = { changes: [{ op: 'set', key: 'datalake.matrix', value: 'on' }] };

export const operatorRows: readonly OperatorRow[] = [
  get('open', '/health'),
  get('open', '/ready'),
  get('open', '/openapi.json'),
  get('known', '/metrics'),
  get('known', '/v1/status'),
  get('known', '/v1/whoami'),
  get('known', '/v1/authorization', '/v1/authorization?operation=READ&resource=shop'),
  { ...get('DESCRIBE', '/v1/authorization', '/v1/authorization?principal=User:x&operation=READ&resource=shop') },
  get('DESCRIBE', '/v1/denials'),
  get('DESCRIBE', '/v1/configs'),
  get('DESCRIBE', '/v1/configs/:key', '/v1/configs/datalake.format'),
  send('ALTER', 'PATCH', '/v1/configs', '/v1/configs', change),
  send('ALTER', 'PUT', '/v1/configs/:key', '/v1/configs/datalake.matrix', { value: 'on' }),
  send('ALTER', 'DELETE', '/v1/configs/:key', '/v1/configs/datalake.matrix'),
  get('DESCRIBE', '/v1/instances'),
  get('DESCRIBE', '/v1/instances/:instanceId', '/v1/instances/i1'),
  get('known', '/v1/tokens'),
  send('known', 'POST', '/v1/tokens', '/v1/tokens', {}),
  send('ALTER', 'POST', '/v1/tokens', '/v1/tokens', { principal: 'User:x' }),
  send('ALTER', 'DELETE', '/v1/tokens/:tokenId', '/v1/tokens/t0000001'),
  get('DESCRIBE', '/v1/data-keys'),
  send('ALTER', 'POST', '/v1/data-keys', '/v1/data-keys', {}),
  send('ALTER', 'POST', '/v1/data-keys/rewrap', '/v1/data-keys/rewrap', {}),
  send('ALTER', 'DELETE', '/v1/data-keys/:keyId', '/v1/data-keys/0123456789abcdef'),
  get('known', '/v1/acls'),
  send('ALL', 'POST', '/v1/acls', '/v1/acls', { acls: [entry] }),
  send('ALL', 'DELETE', '/v1/acls', '/v1/acls?resource=CLUSTER&principal=User:x'),
  get('DESCRIBE', '/v1/events'),
  { ...get('DESCRIBE', '/v1/events'), headers: { accept: 'text/event-stream' } },
  get('DESCRIBE', '/v1/state', '/v1/state?projection=configs'),
  get('DESCRIBE', '/v1/log', '/v1/log?limit=1'),
  send('known', 'POST', '/v1/sql', '/v1/sql', { statement: 'SHOW TABLES' }),
  get('DESCRIBE', '/v1/compute-nodes/heartbeats'),
  send('WRITE', 'POST', '/v1/compute-nodes/heartbeats', '/v1/compute-nodes/heartbeats', {
    instanceId: 'i1',
    host: 'h1',
    heartbeatPort: 1,
    bePort: 1,
    httpPort: 1,
    brpcPort: 1,
    currentFragmentNum: 0,
    lastFragmentUpdateTime: 0,
  }),
  get('DESCRIBE', '/v1/rebalances'),
  send('WRITE', 'POST', '/v1/rebalances', '/v1/rebalances', { goals: [] }),
  send('WRITE', 'POST', '/v1/rebalances/plan', '/v1/rebalances/plan', { goals: [] }),
  send('WRITE', 'POST', '/v1/rebalances/cancel', '/v1/rebalances/cancel', {}),
  get('DESCRIBE', '/v1/rebalances/:rebalanceId', '/v1/rebalances/rebalance-x'),
  get('DESCRIBE', '/v1/rebalances/:rebalanceId/moves', '/v1/rebalances/rebalance-x/moves'),
  get('DESCRIBE', '/v1/rebalances/:rebalanceId/stream', '/v1/rebalances/rebalance-x/stream'),
  send('WRITE', 'POST', '/v1/rebalances/:rebalanceId/cancel', '/v1/rebalances/rebalance-x/cancel', {}),
  send('WRITE', 'POST', '/v1/tiering/heartbeats', '/v1/tiering/heartbeats', { service: 's1' }),
  get('known', '/v1/tiering/statuses'),
  get('known', '/v1/tiering/stream'),
  get('DESCRIBE', '/v1/tiering/failures'),
  get('DESCRIBE', '/v1/servers'),
  get('DESCRIBE', '/v1/servers/:serverId', '/v1/servers/7'),
  send('ALTER', 'DELETE', '/v1/servers/:serverId', '/v1/servers/7'),
  send('ALTER', 'PUT', '/v1/servers/:serverId/tag', '/v1/servers/7/tag', { tag: 'TEMPORARY_OFFLINE' }),
  send('ALTER', 'DELETE', '/v1/servers/:serverId/tag', '/v1/servers/7/tag'),
  send('CLUSTER_ACTION', 'POST', '/v1/servers/:serverId/registration', '/v1/servers/8/registration', {
    directoryId: 'd8',
    incarnation: 'i8',
    endpoint: 'h8:1',
  }),
  send('CLUSTER_ACTION', 'DELETE', '/v1/servers/:serverId/registration', '/v1/servers/8/registration?incarnation=other'),
  send('CLUSTER_ACTION', 'POST', '/v1/servers/:serverId/heartbeats', '/v1/servers/8/heartbeats', {
    incarnation: 'i8',
    appliedPosition: 0,
    copies: [],
  }),
  get('CLUSTER_ACTION', '/v1/servers/:serverId/assignment', '/v1/servers/8/assignment'),
  send('CLUSTER_ACTION', 'POST', '/v1/servers/:serverId/isr', '/v1/servers/8/isr', {
    incarnation: 'i8',
    buckets: [{ tableId: 1, bucketId: 0, leaderEpoch: 0, bucketEpoch: 0, isr: [8] }],
  }),
  send('CLUSTER_ACTION', 'POST', '/v1/servers/:serverId/shutdown', '/v1/servers/8/shutdown', { incarnation: 'i8' }),
  get('known', '/v1/databases'),
  send('CREATE', 'POST', '/v1/databases', '/v1/databases', { database: 'matrix' }),
  get('DESCRIBE', '/v1/databases/:database', '/v1/databases/matrix'),
  send('ALTER', 'PATCH', '/v1/databases/:database', '/v1/databases/matrix', {}),
  get('known', '/v1/databases/:database/tables', '/v1/databases/matrix/tables'),
  send('CREATE', 'POST', '/v1/databases/:database/tables', '/v1/databases/matrix/tables', {
    table: 't',
    columns: [{ name: 'a', type: 'INT' }],
    partitionKeys: ['a'],
  }),
  get('DESCRIBE', '/v1/databases/:database/tables/:table', '/v1/databases/matrix/tables/t'),
  send('ALTER', 'PATCH', '/v1/databases/:database/tables/:table', '/v1/databases/matrix/tables/t', {}),
  get('DESCRIBE', '/v1/databases/:database/tables/:table/partitions', '/v1/databases/matrix/tables/t/partitions'),
  send('WRITE', 'POST', '/v1/databases/:database/tables/:table/partitions', '/v1/databases/matrix/tables/t/partitions', {
    partitions: [{ a: '1' }],
  }),
  send('WRITE', 'DELETE', '/v1/databases/:database/tables/:table/partitions', '/v1/databases/matrix/tables/t/partitions?name=1'),
  get('DESCRIBE', '/v1/buckets', '/v1/buckets?table=matrix.t'),
  send('DROP', 'DELETE', '/v1/databases/:database/tables/:table', '/v1/databases/matrix/tables/t'),
  send('DROP', 'DELETE', '/v1/databases/:database', '/v1/databases/matrix'),
  ...actCommands.map(({ input, name }) =>
    send(operationFor(name) as Right, 'POST', `/v1/acts/${name}`, `/v1/acts/${name}`, sampleOf(input)),
  ),
];

/** A call of each procedure, with EXPLAIN too. */
export const procedureRows: readonly { readonly name: string; readonly right: Right; readonly call: string }[] = [
  { name: 'add_acl', right: 'ALL', call: "sys.add_acl('cluster', 'ALLOW', 'User:x', 'READ')" },
  { name: 'drop_acl', right: 'ALL', call: "sys.drop_acl('cluster', 'ALLOW', 'User:x', 'READ')" },
  { name: 'list_acl', right: 'known', call: "sys.list_acl('cluster')" },
  { name: 'get_cluster_configs', right: 'DESCRIBE', call: 'sys.get_cluster_configs()' },
  { name: 'set_cluster_configs', right: 'ALTER', call: "sys.set_cluster_configs('datalake.matrix', 'on')" },
  { name: 'reset_cluster_configs', right: 'ALTER', call: "sys.reset_cluster_configs('datalake.matrix')" },
  { name: 'append_cluster_configs', right: 'ALTER', call: "sys.append_cluster_configs('security.sasl.plain.credentials', 'x:y')" },
  { name: 'subtract_cluster_configs', right: 'ALTER', call: "sys.subtract_cluster_configs('security.sasl.plain.credentials', 'x:y')" },
  { name: 'rebalance', right: 'WRITE', call: "sys.rebalance('RACK_AWARE')" },
  { name: 'list_rebalance', right: 'DESCRIBE', call: 'sys.list_rebalance()' },
  { name: 'cancel_rebalance', right: 'WRITE', call: 'sys.cancel_rebalance()' },
  { name: 'add_server_tag', right: 'ALTER', call: "sys.add_server_tag('8', 'TEMPORARY_OFFLINE')" },
  { name: 'remove_server_tag', right: 'ALTER', call: "sys.remove_server_tag('8', 'TEMPORARY_OFFLINE')" },
];
/** Tables that everybody may read who is known; of all but `procedures` each sees what they may. All others need DESCRIBE. */
export const freeTables: readonly string[] = [
  'acls',
  'buckets',
  'databases',
  'lake_tables',
  'lake_tiering_status',
  'partitions',
  'procedures',
  'tables',
];
/** Statements about the catalog. */
export const catalogRows: readonly { readonly right: Right; readonly statement: string }[] = [
  { right: 'CREATE', statement: 'CREATE DATABASE matrix' },
  { right: 'ALTER', statement: "ALTER DATABASE matrix SET ('a' = 'b')" },
  { right: 'DESCRIBE', statement: 'DESCRIBE DATABASE matrix' },
  { right: 'CREATE', statement: 'CREATE TABLE matrix.t (a INT) PARTITIONED BY (a)' },
  { right: 'ALTER', statement: "ALTER TABLE matrix.t SET ('a' = 'b')" },
  { right: 'ALTER', statement: 'ALTER TABLE matrix.t ADD b INT' },
  { right: 'DESCRIBE', statement: 'DESCRIBE matrix.t' },
  { right: 'DESCRIBE', statement: 'SHOW CREATE TABLE matrix.t' },
  { right: 'DESCRIBE', statement: 'SHOW PARTITIONS matrix.t' },
  { right: 'WRITE', statement: "ALTER TABLE matrix.t ADD PARTITION (a = '1')" },
  { right: 'WRITE', statement: "ALTER TABLE matrix.t DROP PARTITION (a = '1')" },
  { right: 'DROP', statement: 'DROP TABLE matrix.t' },
  { right: 'DROP', statement: 'DROP DATABASE matrix' },
];
export const freeStatements = ['SHOW PROCEDURES', 'SHOW TABLES', 'SHOW DATABASES', 'DESCRIBE sys.configs', 'SET', 'USE sys'] as const;

export interface MetaServiceRow {
  readonly name: string;
  readonly right: Right;
  /** Behind the route, without the token. */
  readonly query?: string;
  readonly body?: unknown;
}
const reading = (right: Right, ...names: readonly string[]): readonly MetaServiceRow[] => names.map((name) => ({ name, right, body: {} }));
const i1 = { instance_id: 'i1' };
const vault = { instance_id: 'i1', vault: { name: 'v' } };
const acting = (right: Right, body: object, ...names: readonly string[]): readonly MetaServiceRow[] =>
  names.map((name) => ({ name, right, body }));

/** Methods in the plain RPC form. */
export const rpcRows: readonly MetaServiceRow[] = [
  ...acting('CREATE', i1, 'create_instance'),
  ...acting('DROP', { ...i1, op: 'DROP' }, 'alter_instance'),
  ...reading('ALTER', 'get_instance', 'get_obj_store_info', 'get_iam', 'get_stage'),
  ...acting('ALTER', { cloud_unique_id: '1:i1:x', op: 'ADD_OBJ_INFO', obj: {} }, 'alter_obj_store_info'),
  ...acting('ALTER', { ...vault, op: 'ADD_S3_VAULT', cloud_unique_id: '1:i1:x' }, 'alter_storage_vault'),
  ...acting('ALTER', i1, 'update_ak_sk', 'alter_ram_user'),
  ...acting('ALTER', {}, 'alter_iam'),
  ...acting('ALTER', { cloud_unique_id: '1:i1:x' }, 'create_stage', 'drop_stage'),
  ...acting('ALTER', { ...i1, op: 'ADD_CLUSTER' }, 'alter_cluster'),
  ...reading('DESCRIBE', 'get_cluster', 'get_cluster_status', 'get_txn', 'get_tablet_stats'),
  ...acting('WRITE', {}, 'begin_txn', 'precommit_txn', 'commit_txn', 'abort_txn', 'create_tablets', 'prepare_rowset', 'commit_rowset'),
  ...acting('WRITE', {}, 'start_tablet_job', 'finish_tablet_job'),
];

const asked = (right: Right, name: string, query: string): MetaServiceRow => ({ name, right, query });
/** Admin routes. */
export const adminRows: readonly MetaServiceRow[] = [
  ...acting('CREATE', i1, 'create_instance'),
  ...acting('DROP', i1, 'drop_instance'),
  ...acting('ALTER', i1, 'rename_instance', 'enable_instance_sse', 'disable_instance_sse'),
  ...acting('ALTER', { ...i1, op: 'SET_NORMAL' }, 'set_instance_status'),
  asked('ALTER', 'get_instance', 'instance_id=i1'),
  ...reading('ALTER', 'get_obj_store_info', 'show_storage_vaults', 'get_stage'),
  ...acting('ALTER', { cloud_unique_id: '1:i1:x', obj: {} }, 'add_obj_info', 'legacy_update_ak_sk', 'alter_obj_info'),
  ...acting('ALTER', i1, 'update_ak_sk', 'alter_ram_user'),
  ...acting('ALTER', {}, 'alter_iam'),
  ...acting(
    'ALTER',
    { ...vault, cloud_unique_id: '1:i1:x' },
    'add_s3_vault',
    'alter_s3_vault',

    'add_hdfs_vault',
    'drop_hdfs_vault',
  ),
  ...acting('ALTER', i1, 'add_cluster', 'drop_cluster', 'rename_cluster', 'update_cluster_mysql_user_name', 'update_cluster_endpoint'),
  ...acting(
    'ALTER',
    i1,
    'set_cluster_status',
    'alter_vcluster_info',
    'add_node',
    'drop_node',
    'decommission_node',
    'notify_decommissioned',
  ),
  // It is refused to everybody, once it is known that they may look.
  ...acting('DESCRIBE', { ...vault, cloud_unique_id: '1:i1:x' }, 'drop_s3_vault'),
  ...reading('DESCRIBE', 'get_cluster', 'get_cluster_status', 'get_tablet_stats'),
  ...acting('WRITE', {}, 'abort_txn', 'abort_tablet_job'),
  asked('DESCRIBE', 'txn_lazy_commit', 'instance_id=i1&txn_id=1'),
  asked('WRITE', 'fix_tablet_stats', 'cloud_unique_id=1:i1:x&table_id=1&tablet_id=1'),
  asked('WRITE', 'fix_tablet_db_id', 'instance_id=i1&tablet_id=1&db_id=1'),
  asked('ALTER', 'decode_key', 'key=01'),
  asked('ALTER', 'encode_key', 'key_type=InstanceKey&instance_id=i1'),
  asked('ALTER', 'get_value', 'key_type=InstanceKey&instance_id=i1'),
  asked('ALTER', 'set_value', 'key_type=InstanceKey&instance_id=i1'),
  asked('ALTER', 'injection_point', 'op=disable'),
  asked('ALTER', 'adjust_rate_limit', 'qps_limit=1000000&rpc_name=get_iam'),
  asked('DESCRIBE', 'list_rate_limit', ''),
  asked('ALTER', 'show_config', ''),
  asked('ALTER', 'update_config', 'configs=max_num_aborted_txn=1001'),
  asked('DESCRIBE', 'show_meta_ranges', ''),
];
