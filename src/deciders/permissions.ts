/** What a caller must be allowed for each act and each read: the one place that says so. docs/permissions.md is made of it. */
import type { AclOperation, AclResource } from '../../events/acls.ts';
import { anonymousPrincipal } from '../../events/tokens.ts';
import { grantsOf } from '../../projections/acls.ts';
import { databaseOf as databaseRowOf } from '../../projections/catalog.ts';
import type { State } from '../../projections/state.ts';
import { tokenOf } from '../../projections/tokens.ts';
import { type Rejection, rejection } from '../rejection.ts';
import type { AclFilter } from './acls.ts';
import { type Asker, denialOf, isAuthorizing, isSuperUser, type Need } from './authorizer.ts';
import { tablesIn } from './catalog.ts';
import type { Command } from './commands.ts';
import { clusterResource, databaseOf, databaseResource, resourceText, tableResource } from './resources.ts';

type Needs<N extends Command['name']> = (command: Extract<Command, { readonly name: N }>, state: State, asker: Asker) => readonly Need[];
/** What a command asks of its caller, and the same in words. */
interface Rule<N extends Command['name']> {
  readonly about: string;
  readonly of: Needs<N>;
}

const onCluster = (operation: AclOperation): { readonly about: string; readonly of: () => readonly Need[] } => ({
  about: `${operation} on the cluster`,
  of: () => [{ operation, resource: clusterResource }],
});
/** What only nodes and tablet servers do by themselves: nodes are not asked for it, tablet servers are. */
const ownAct = onCluster('CLUSTER_ACTION');
const alter = onCluster('ALTER');
const create = onCluster('CREATE');
const drop = onCluster('DROP');
const write = onCluster('WRITE');
/** Fluss asks nothing of tiering services, and those that run already have been given nothing. */
const tier = {
  about: "WRITE on the cluster; through Fluss's protocol nothing",
  of: (_command: unknown, _state: State, asker: Asker): readonly Need[] => (asker.interface === 'fluss' ? [] : write.of()),
} as const;

const needs: { readonly [N in Command['name']]: Rule<N> } = {
  alterClusterConfigs: { ...alter, about: 'ALTER on the cluster; passwords of super users: to be one' },
  joinCoordinator: ownAct,
  loseCoordinator: ownAct,
  forgetCoordinator: alter,
  takeLeadership: ownAct,
  grantAcls: {
    about: 'ALL on the resource of each entry; for tables, on their database',
    of: ({ acls }) => acls.map(({ resource }) => administering(resource)),
  },
  revokeAcls: {
    about: 'ALL on each resource that the filters match; for tables, on their database',
    of: ({ filters }, state) => resourcesNamed(filters, state).map(administering),
  },
  createDataKey: alter,
  rewrapDataKeys: alter,
  shredDataKey: alter,
  createInstance: create,
  dropInstance: drop,
  renameInstance: alter,
  setInstanceStatus: alter,
  setInstanceEncryption: alter,
  setRamUser: alter,
  addObjectStore: alter,
  rotateObjectStoreKeys: alter,
  rotateKeys: alter,
  addStorageVault: alter,
  addBuiltInVault: alter,
  alterStorageVault: alter,
  dropStorageVault: alter,
  setDefaultVault: alter,
  unsetDefaultVault: alter,
  setServiceIdentity: alter,
  createStage: alter,
  dropStage: alter,
  addCluster: alter,
  dropCluster: alter,
  renameCluster: alter,
  replaceMysqlUsers: alter,
  setClusterEndpoint: alter,
  setClusterStatus: alter,
  alterVirtualCluster: alter,
  setClusterProperties: alter,
  addNodes: alter,
  dropNodes: alter,
  setNodeStatus: alter,
  beginTransaction: write,
  precommitTransaction: write,
  commitTransaction: write,
  abortTransaction: write,
  createTablets: write,
  prepareRowset: write,
  commitRowset: write,
  startTabletJob: write,
  finishTabletJob: write,
  fixTabletStats: write,
  fixTabletDatabase: write,
  // A token of one's own gives nobody more than they have; whoever gave no credentials has nothing of their own.
  issueToken: {
    about: 'nothing for oneself; for others ALTER on the cluster; for super users: to be one',
    of: ({ principal }, _, asker) => (isOwn(principal, asker) ? [] : alter.of()),
  },
  revokeToken: {
    about: 'nothing for one of oneself; for those of others ALTER on the cluster',
    of: ({ tokenId }, state, asker) => (isOwn(tokenOf(state.tokens, tokenId)?.principal, asker) ? [] : alter.of()),
  },
  expireToken: ownAct,
  registerServer: ownAct,
  loseServer: ownAct,
  returnServer: ownAct,
  stopServer: ownAct,
  forgetServer: alter,
  addServerTag: alter,
  removeServerTag: alter,
  createDatabase: create,
  alterDatabase: { about: 'ALTER on the database', of: ({ database }) => [onDatabase('ALTER', database)] },
  dropDatabase: {
    about: 'DROP on the database; with its tables, on each of them',
    of: ({ cascade, database }, state) => [onDatabase('DROP', database), ...(cascade ? droppedWith(database, state) : [])],
  },
  createTable: { about: 'CREATE on the database', of: ({ database }) => [onDatabase('CREATE', database)] },
  alterTable: { about: 'ALTER on the table', of: (table) => [onTable('ALTER', table)] },
  dropTable: { about: 'DROP on the table', of: (table) => [onTable('DROP', table)] },
  createPartition: { about: 'WRITE on the table', of: (table) => [onTable('WRITE', table)] },
  dropPartition: { about: 'WRITE on the table', of: (table) => [onTable('WRITE', table)] },
  adjustIsr: ownAct,
  electLeaders: ownAct,
  planRebalance: write,
  addRebalanceMoves: write,
  advanceRebalance: ownAct,
  timeOutMove: ownAct,
  cancelRebalance: write,
  failRebalance: ownAct,
  tieringHeartbeat: tier,
  reportTieringFail: tier,
  finishTableTiering: tier,
  queueDueTables: ownAct,
  timeOutTieringRounds: ownAct,
  adoptLakeTables: ownAct,
};

const onDatabase = (operation: AclOperation, database: string): Need => ({ operation, resource: databaseResource(database) });
const onTable = (operation: AclOperation, table: { readonly database: string; readonly table: string }): Need => ({
  operation,
  resource: tableResource(table),
});
/** What is dropped with a database. */
function droppedWith(database: string, state: State): readonly Need[] {
  const row = databaseRowOf(state.catalog, database);
  return row === undefined ? [] : tablesIn(state, row).map((table) => onTable('DROP', table));
}

const isOwn = (principal: string | undefined, asker: Asker): boolean =>
  principal === asker.principal && asker.principal !== anonymousPrincipal;

/** What a command needs; for the list itself ALL on the resource of each entry, as Fluss has it. */
export const needsOf = (command: Command, state: State, asker: Asker): readonly Need[] =>
  (needs[command.name] as Rule<Command['name']>).of(command, state, asker);
/** The same in words, for whatever the command says. */
export const aboutNeeds = (name: Command['name']): string => needs[name].about;

/** @returns why somebody may not have a command decided; undefined when they may */
export const denialOfCommand = (state: State, asker: Asker, command: Command): Rejection | undefined =>
  isAuthorizing(state) ? (denialOf(state, asker, needsOf(command, state, asker)) ?? escalationBy(state, asker, command)) : undefined;

/** Whoever could log in as a super user would be one: only a super user gives others the means to. */
function escalationBy(state: State, asker: Asker, command: Command): Rejection | undefined {
  const raised = principalsWithNewMeans(command).find((principal) => isSuperUser(state, { principal, interface: 'operator' }));
  if (raised === undefined || raised === asker.principal || isSuperUser(state, asker)) return undefined;
  const detail = `${asker.principal} may not let anybody log in as ${raised}, a super user: only a super user may`;
  return rejection('AUTHORIZATION_DENIED', '', detail, {
    principal: asker.principal,
    operation: 'ALL',
    resource: resourceText(clusterResource),
  });
}

/** Those whom somebody can be after a command: by a token, or by a password. */
function principalsWithNewMeans(command: Command): readonly string[] {
  if (command.name === 'issueToken') return [command.principal];
  if (command.name !== 'alterClusterConfigs') return [];
  return command.changes.flatMap((change) => {
    const value = change.key === credentialsKey && 'value' in change ? change.value : undefined;
    return typeof value === 'object' && value !== null && 'entries' in value
      ? Object.keys(value.entries).map((user) => `User:${user}`)
      : [];
  });
}
const credentialsKey = 'security.sasl.plain.credentials';

/** The resources that any of the filters matches, each once: both lists may be long. */
function resourcesNamed(filters: readonly AclFilter[], state: State): readonly AclResource[] {
  const keyOf = ({ name = '', type = '' }: { readonly name?: string; readonly type?: string }): string => `${type} ${name}`;
  const wanted = new Set(filters.map(({ resource = {} }) => keyOf(resource)));
  const found = new Map<string, AclResource>();
  for (const { resource } of grantsOf(state.acls)) {
    const { name, type } = resource;
    if ([resource, { name }, { type }, {}].some((each) => wanted.has(keyOf(each)))) found.set(keyOf(resource), resource);
  }
  return [...found.values()];
}

/** Whoever may do ALL to the database of a table may say who else may do what to the table; all tables are in all databases. */
function administering(resource: AclResource): Need {
  const { name, type } = resource;
  return { operation: 'ALL', resource: type === 'TABLE' ? { name: databaseOf(name) ?? '*', type: 'DATABASE' } : resource };
}

/**
 * What a read asks of its caller.
 * - `open`: nothing; not even who it is.
 * - `known`: that the node knows who it is; a caller without credentials needs DESCRIBE on the cluster.
 * - `judged`: nothing by itself; each command, statement or row in it is judged where it is decided or read.
 * - `needs`: these, on the tables that it is answered from.
 */
export type Access =
  | { readonly kind: 'open' | 'known' | 'judged'; readonly about?: string }
  | { readonly kind: 'needs'; readonly needs: readonly Need[]; readonly about?: string };

/** Reading what there is: tables, configs, history, the state of the cluster. */
export const describeCluster: Need = { operation: 'DESCRIBE', resource: clusterResource };

const open: Access = { kind: 'open' };
const known: Access = { kind: 'known' };
const describe: Access = { kind: 'needs', needs: [describeCluster] };
const on = (operation: AclOperation, about: string): Access => ({
  kind: 'needs',
  needs: [{ operation, resource: clusterResource }],
  about,
});
const judged = (about: string): Access => ({ kind: 'judged', about });
const act = judged('what its command needs');
const showsKeys = on('ALTER', 'it shows keys of object storage in clear');

/** Routes of the operator API by method and path. One that is not listed is not offered: its server does not start. */
export const operatorAccess: Readonly<Record<string, Access>> = {
  'GET /health': open,
  'GET /ready': open,
  'GET /openapi.json': open,
  'POST /internal/v1/submit': { kind: 'open', about: 'signed with the secret of the cluster; each command is judged for its own caller' },
  'POST /internal/v1/heartbeats': {
    kind: 'open',
    about: 'signed with the secret of the cluster; who may was judged by the node that sends it',
  },
  'POST /internal/v1/server-heartbeats': {
    kind: 'open',
    about: 'signed with the secret of the cluster; who may was judged by the node that sends it',
  },
  'POST /internal/v1/rebalance-copies': {
    kind: 'open',
    about: 'signed with the secret of the cluster; who may was judged by the node that sends it',
  },
  'GET /metrics': known,
  'GET /v1/status': known,
  'GET /v1/whoami': judged('nothing: it is about the caller'),
  'GET /v1/authorization': judged('nothing about oneself; about others DESCRIBE on the cluster'),
  'GET /v1/denials': describe,
  'GET /v1/configs': describe,
  'GET /v1/configs/:key': describe,
  'PATCH /v1/configs': act,
  'PUT /v1/configs/:key': act,
  'DELETE /v1/configs/:key': act,
  'GET /v1/instances': describe,
  'GET /v1/instances/:instanceId': describe,
  'POST /v1/acts/:command': act,
  'GET /v1/tokens': judged('nothing about tokens of oneself; others are left out without DESCRIBE on the cluster'),
  'POST /v1/tokens': act,
  'DELETE /v1/tokens/:tokenId': act,
  'GET /v1/data-keys': describe,
  'POST /v1/data-keys': act,
  'POST /v1/data-keys/rewrap': act,
  'DELETE /v1/data-keys/:keyId': act,
  'GET /v1/acls': judged('each entry DESCRIBE on its resource; others are left out'),
  'POST /v1/acls': act,
  'DELETE /v1/acls': act,
  'GET /v1/databases': judged('each database DESCRIBE on it; others are left out'),
  'POST /v1/databases': act,
  'GET /v1/databases/:database': judged('DESCRIBE on the database'),
  'PATCH /v1/databases/:database': act,
  'DELETE /v1/databases/:database': act,
  'GET /v1/databases/:database/tables': judged('each table DESCRIBE on it; others are left out'),
  'POST /v1/databases/:database/tables': act,
  'GET /v1/databases/:database/tables/:table': judged('DESCRIBE on the table'),
  'PATCH /v1/databases/:database/tables/:table': act,
  'DELETE /v1/databases/:database/tables/:table': act,
  'GET /v1/databases/:database/tables/:table/partitions': judged('DESCRIBE on the table'),
  'POST /v1/databases/:database/tables/:table/partitions': act,
  'DELETE /v1/databases/:database/tables/:table/partitions': act,
  'GET /v1/buckets': judged('DESCRIBE on the table'),
  'GET /v1/events': describe,
  'GET /v1/state': describe,
  'GET /v1/log': describe,
  'POST /v1/sql': judged('what each statement needs'),
  'GET /v1/compute-nodes/heartbeats': describe,
  'POST /v1/compute-nodes/heartbeats': on('WRITE', 'it is kept in memory alone'),
  'GET /v1/servers': describe,
  'GET /v1/servers/:serverId': describe,
  'DELETE /v1/servers/:serverId': act,
  'PUT /v1/servers/:serverId/tag': act,
  'DELETE /v1/servers/:serverId/tag': act,
  'POST /v1/servers/:serverId/registration': act,
  'DELETE /v1/servers/:serverId/registration': act,
  'POST /v1/servers/:serverId/heartbeats': on('CLUSTER_ACTION', 'it is kept in memory alone'),
  'GET /v1/servers/:serverId/assignment': on('CLUSTER_ACTION', 'tablet servers ask for it'),
  'POST /v1/servers/:serverId/isr': act,
  'POST /v1/servers/:serverId/shutdown': act,
  'GET /v1/rebalances': describe,
  'POST /v1/rebalances': act,
  'POST /v1/rebalances/plan': judged('what beginning it needs'),
  'POST /v1/rebalances/cancel': act,
  'GET /v1/rebalances/:rebalanceId': describe,
  'GET /v1/rebalances/:rebalanceId/moves': describe,
  'GET /v1/rebalances/:rebalanceId/stream': describe,
  'POST /v1/rebalances/:rebalanceId/cancel': act,
  'POST /v1/tiering/heartbeats': act,
  'GET /v1/tiering/statuses': known,
  'GET /v1/tiering/stream': known,
  'GET /v1/tiering/failures': describe,
};

/** @param route as it was registered: `/v1/configs/:key` @returns undefined when nothing is said about it */
export function operatorAccessOf(method: string, route: string): Access | undefined {
  const path = /^\/v1\/acts\/[a-zA-Z]+$/.test(route) ? '/v1/acts/:command' : route;
  return operatorAccess[`${method === 'HEAD' ? 'GET' : method} ${path}`]; // HEAD answers what GET would, without the body.
}

/** System tables, at whatever moment: who may read them now may read how they were. */
export const tableAccess: Readonly<Record<string, Access>> = {
  acls: judged('each entry DESCRIBE on its resource; others are left out'),
  buckets: judged('each table DESCRIBE on it; buckets of others are left out'),
  cluster_configs: describe,
  clusters: describe,
  compute_nodes: describe,
  coordinators: describe,
  data_keys: describe,
  databases: judged('each database DESCRIBE on it; others are left out'),
  events: describe,
  instances: describe,
  lake_tables: known,
  lake_tiering_failures: describe,
  lake_tiering_status: known,
  object_stores: describe,
  partitions: judged('each table DESCRIBE on it; partitions of others are left out'),
  procedures: known,
  rebalance_moves: describe,
  rebalances: describe,
  servers: describe,
  storage_vaults: describe,
  tables: judged('each table DESCRIBE on it; others are left out'),
  tablet_jobs: describe,
  tokens: describe,
  transactions: describe,
};

/** Of each SELECT, beside what its tables need: it takes time and memory even where it names none. */
export const queryAccess: Access = known;

/** Procedures that only read; the others need what their command needs, with EXPLAIN too. */
export const procedureAccess: Readonly<Record<string, Access>> = {
  get_cluster_configs: describe,
  list_acl: judged('each entry DESCRIBE on its resource; others are left out'),
  list_rebalance: describe,
};

/** Whether it is known who asks decides what `known` means; the others mean the same for everybody. */
export function needsOfAccess(access: Access, { principal }: Pick<Asker, 'principal'>): readonly Need[] {
  if (access.kind === 'needs') return access.needs;
  return access.kind === 'known' && principal === anonymousPrincipal ? [describeCluster] : [];
}

/**
 * Methods of the Meta Service, and admin routes that are none of them. `judged`: the command that it makes is; when it makes none, the
 * answer needs DESCRIBE on the cluster.
 */
export const metaServiceAccess: Readonly<Record<string, Access>> = {
  create_instance: act,
  alter_instance: act,
  set_instance_status: act,
  get_instance: showsKeys,
  get_obj_store_info: showsKeys,
  alter_obj_store_info: act,
  alter_storage_vault: act,
  update_ak_sk: act,
  alter_ram_user: act,
  alter_iam: act,
  get_iam: showsKeys,
  create_stage: act,
  get_stage: showsKeys,
  drop_stage: act,
  alter_cluster: act,
  get_cluster: describe,
  get_cluster_status: describe,
  cloud_cluster_status: describe,
  begin_txn: act,
  precommit_txn: act,
  commit_txn: act,
  abort_txn: act,
  txn_lazy_commit: describe,
  get_txn: describe,
  create_tablets: act,
  prepare_rowset: act,
  commit_rowset: act,
  get_tablet_stats: describe,
  start_tablet_job: act,
  finish_tablet_job: act,
  fix_tablet_stats: act,
  fix_tablet_db_id: act,
  decode_key: on('ALTER', 'a tool for keys'),
  encode_key: on('ALTER', 'a tool for keys'),
  get_value: on('ALTER', 'a tool for keys'),
  set_value: on('ALTER', 'a tool for keys'),
  injection_point: on('ALTER', 'it changes what this node does'),
  adjust_rate_limit: on('ALTER', 'it changes what this node does'),
  list_rate_limit: describe,
  show_config: on('ALTER', 'it shows the token of the Meta Service'),
  update_config: act,
  show_meta_ranges: describe,
};

/** @throws Error for a name that is not listed: nothing is offered about which nothing is said */
export function metaServiceAccessOf(name: string): Access {
  const access = Object.hasOwn(metaServiceAccess, name) ? metaServiceAccess[name] : undefined;
  if (access === undefined) throw new Error(`${name} is not in metaServiceAccess: say there what its callers need`);
  return access;
}
