import { type ClusterRow, clusterCount, clusterOf, clustersOf } from '../../../projections/clusters.ts';
import { nodesOf } from '../../../projections/computeNodes.ts';
import { instanceOf } from '../../../projections/instances.ts';
import type { State } from '../../../projections/state.ts';
import type { Command } from '../../deciders/commands.ts';
import { resolveInstance, targetInstance } from '../../deciders/instanceResolution.ts';
import { failed, type InternalCode, ok, type Status } from './codes.ts';
import { nodeOperations, type Operation, safeDropTime } from './computeNodes.ts';
import { enumNumber } from './enums.ts';
import type { ValueOf } from './message.ts';
import {
  alterClusterOp,
  alterClusterRequest,
  alterClusterResponse,
  cluster,
  getClusterRequest,
  getClusterResponse,
  getClusterStatusRequest,
  getClusterStatusResponse,
} from './messages.ts';
import { type AdminRoute, type AdminRoutes, type Context, defineMethod, envelope, type Methods, wholeReply } from './method.ts';

/** How many instances one question may name, and how many clusters they may have: ten each, and one of frontends, with room to spare. */
export const clusterStatusLimits = { instances: 10_000, clusters: 120_000 } as const;

/** An instance or a cluster that is not there answers 404 where something is to be dropped; elsewhere it is a bad argument. */
const operations: Readonly<Record<string, Operation>> = {
  ...nodeOperations,
  ADD_CLUSTER: {
    name: 'addCluster',
    overrides: {
      UNKNOWN_INSTANCE: 'KV_TXN_GET_ERR',
      INSTANCE_DELETED: 'CLUSTER_NOT_FOUND',
      CLOUD_UNIQUE_ID_TAKEN: 'ALREADY_EXISTED',
      ENDPOINT_TAKEN: 'ALREADY_EXISTED',
    },
  },
  DROP_CLUSTER: {
    name: 'dropCluster',
    more: (_, context) => safeDropTime(context),
    overrides: {
      UNKNOWN_INSTANCE: 'CLUSTER_NOT_FOUND',
      INSTANCE_DELETED: 'CLUSTER_NOT_FOUND',
      UNKNOWN_CLUSTER: 'CLUSTER_NOT_FOUND',
      YOUNG_FRONTEND: 'CLUSTER_NOT_FOUND',
    },
  },
  RENAME_CLUSTER: {
    name: 'renameCluster',
    more: ({ replaceIfExistingEmptyTargetCluster: replace }) =>
      replace === undefined ? {} : { replaceIfExistingEmptyTargetCluster: replace },
    overrides: { CLUSTER_EXISTS: 'INVALID_ARGUMENT' },
  },
  UPDATE_CLUSTER_MYSQL_USER_NAME: { name: 'replaceMysqlUsers' },
  UPDATE_CLUSTER_ENDPOINT: { name: 'setClusterEndpoint' },
  SET_CLUSTER_STATUS: { name: 'setClusterStatus' },
  ALTER_VCLUSTER_INFO: { name: 'alterVirtualCluster' },
  ALTER_PROPERTIES: { name: 'setClusterProperties' },
};

const alterCluster = defineMethod({
  request: alterClusterRequest,
  reply: alterClusterResponse,
  call: async (request, context) => {
    const { op, cloudUniqueId, cluster: given, instanceId } = request;
    const operation = typeof op === 'string' && Object.hasOwn(operations, op) ? operations[op] : undefined;
    if (operation === undefined) return { status: unknownOperation(request, context) };
    const fields = {
      ...(instanceId === undefined ? {} : { instanceId }),
      ...(cloudUniqueId === undefined ? {} : { cloudUniqueId }),
      ...(given === undefined ? {} : { cluster: given }),
      ...operation.more?.(request, context),
    };
    // Submitting checks whether it is one.
    const outcome = await context.submit({ name: operation.name, ...fields } as unknown as Command, operation.overrides);
    return { status: outcome.kind === 'done' ? ok : outcome.status };
  },
});

/** What a plain RPC is told that names no operation: whom it is about is looked at first. */
function unknownOperation(request: ValueOf<typeof alterClusterRequest>, { state }: Context): Status {
  const target = targetInstance(state, request);
  const bad = (msg: string): Status => failed('INVALID_ARGUMENT', msg);
  if (typeof target !== 'string') return bad(target.detail);
  if (target === '' || request.cluster === undefined) return bad('invalid request instance_id or cluster not given');
  return bad(request.op === undefined ? 'op not given' : `invalid request op, op=${enumNumber(alterClusterOp, request.op) ?? 0}`);
}

type ClusterMessage = ValueOf<typeof cluster>;
/** Rows do not change: neither does what is made of them while the nodes are the same. */
const messages = new WeakMap<ClusterRow, { readonly nodes: ReturnType<typeof nodesOf>; readonly message: ClusterMessage }>();

/** A cluster with its nodes as the service shows it. */
export function clusterMessage(state: State, row: ClusterRow): ClusterMessage {
  const nodes = nodesOf(state.computeNodes, row.instanceId, row.clusterId);
  const known = messages.get(row);
  if (known?.nodes === nodes) return known.message;
  const { clusterId, instanceId: _instanceId, policy, status, ...rest } = row;
  const message = {
    ...rest,
    nodes,
    ...(clusterId === '' ? {} : { clusterId }),
    ...(status === undefined ? {} : { clusterStatus: status }),
    ...(policy === undefined ? {} : { clusterPolicy: policy }),
  };
  messages.set(row, { nodes, message });
  return message;
}

type GetCluster = ValueOf<typeof getClusterRequest>;
const getCluster = defineMethod({
  request: getClusterRequest,
  reply: getClusterResponse,
  call: (request, { state }) => Promise.resolve(clustersAsked(request, state)),
});

function clustersAsked(request: GetCluster, state: State): ValueOf<typeof getClusterResponse> & { readonly status: Status } {
  const fail = (code: InternalCode, msg: string) => ({ status: failed(code, msg) });
  const { cloudUniqueId = '' } = request;
  if (cloudUniqueId === '') return fail('INVALID_ARGUMENT', 'cloud_unique_id must be given');
  const instanceId = resolveInstance(state, cloudUniqueId) ?? request.instanceId;
  if (instanceId === undefined) return fail('INVALID_ARGUMENT', 'empty instance_id');
  const instance = instanceOf(state.instances, instanceId);
  if (instance === undefined) return fail('KV_TXN_GET_ERR', `failed to get instance, instance_id=${instanceId} err=KeyNotFound`);
  const rows = selects(request)
    ? [firstOf(request, state, instanceId)].filter((row) => row !== undefined)
    : clustersOf(state.clusters, instanceId);
  if (rows.length === 0) return fail('CLUSTER_NOT_FOUND', `fail to get cluster with ${shown(request)}`);
  const found = rows.map((row) => clusterMessage(state, row));
  return { status: ok, cluster: found, ...(selects(request) ? {} : { enableStorageVault: instance.enableStorageVault }) };
}

const isGiven = (text: string | undefined): text is string => text !== undefined && text !== '';
const selects = ({ clusterId, clusterName, mysqlUserName }: GetCluster): boolean => [clusterId, clusterName, mysqlUserName].some(isGiven);

/** The first cluster that fits; of id, name and user the first that is given counts. */
function firstOf(
  { clusterId, clusterName, mysqlUserName = '' }: GetCluster,
  { clusters }: State,
  instanceId: string,
): ClusterRow | undefined {
  if (isGiven(clusterId)) return clusterOf(clusters, instanceId, clusterId);
  const rows = clustersOf(clusters, instanceId);
  if (isGiven(clusterName)) return rows.find((row) => row.clusterName === clusterName);
  return rows.find((row) => row.mysqlUserName?.includes(mysqlUserName) === true);
}

/** A request as protobuf writes it on one line. */
const shown = ({ cloudUniqueId, clusterId, clusterName, instanceId, mysqlUserName }: GetCluster): string =>
  Object.entries({
    instance_id: instanceId,
    cloud_unique_id: cloudUniqueId,
    cluster_id: clusterId,
    cluster_name: clusterName,
    mysql_user_name: mysqlUserName,
  })
    .flatMap(([name, value]) => (value === undefined ? [] : [`${name}: "${value.replace(/["\\]/g, '\\$&')}"`]))
    .join(' ');

type GetClusterStatus = ValueOf<typeof getClusterStatusRequest>;
const getClusterStatus = defineMethod({
  request: getClusterStatusRequest,
  reply: getClusterStatusResponse,
  call: (request, { state }) => Promise.resolve(statusesAsked(request, state)),
});

function statusesAsked(request: GetClusterStatus, state: State): ValueOf<typeof getClusterStatusResponse> & { readonly status: Status } {
  const { cloudUniqueIds = [], instanceIds = [], status } = request;
  const asked = instanceIds.length === 0 ? cloudUniqueIds : instanceIds;
  const fail = (msg: string) => ({ status: failed('INVALID_ARGUMENT', msg) });
  if (asked.length === 0) return fail('cloud_unique_ids or instance_ids must be given, instance_ids.size: 0 cloud_unique_ids.size: 0');
  if (asked.length > clusterStatusLimits.instances)
    return fail(`too many instances: ${asked.length}; ask for at most ${clusterStatusLimits.instances} at once`);
  const ids = instanceIds.length === 0 ? cloudUniqueIds.flatMap((id) => resolveInstance(state, id) ?? []) : instanceIds;
  // One instance may be named ten thousand times.
  const clusters = ids.reduce((sum, instanceId) => sum + clusterCount(state.clusters, instanceId), 0);
  if (clusters > clusterStatusLimits.clusters)
    return fail(`too many clusters: ${clusters}; ask for instances with at most ${clusterStatusLimits.clusters} at once`);
  const details = ids.flatMap((instanceId) => {
    const rows = clustersOf(state.clusters, instanceId).filter((row) => row.type === 'COMPUTE');
    const wanted = rows.filter((row) => status === undefined || (row.status ?? 'UNKNOWN') === status);
    return wanted.length === 0 ? [] : [{ instanceId, clusters: wanted.map(statusMessage) }];
  });
  return { status: ok, details };
}

const statusMessage = ({ clusterId, clusterName, status = 'NORMAL' }: ClusterRow): ClusterMessage => ({
  clusterId,
  ...(clusterName === undefined ? {} : { clusterName }),
  clusterStatus: status,
});

export const clusterMethods: Methods = { alter_cluster: alterCluster, get_cluster: getCluster, get_cluster_status: getClusterStatus };

const altering = (op: string): AdminRoute => ({ kind: 'json', method: alterCluster, sets: { op } });
export const clusterRoutes: AdminRoutes = {
  add_cluster: altering('ADD_CLUSTER'),
  drop_cluster: altering('DROP_CLUSTER'),
  rename_cluster: altering('RENAME_CLUSTER'),
  update_cluster_mysql_user_name: altering('UPDATE_CLUSTER_MYSQL_USER_NAME'),
  update_cluster_endpoint: altering('UPDATE_CLUSTER_ENDPOINT'),
  set_cluster_status: altering('SET_CLUSTER_STATUS'),
  alter_vcluster_info: altering('ALTER_VCLUSTER_INFO'),
  add_node: altering('ADD_NODE'),
  drop_node: altering('DROP_NODE'),
  decommission_node: altering('DECOMMISSION_NODE'),
  notify_decommissioned: altering('NOTIFY_DECOMMISSIONED'),
  get_cluster: {
    kind: 'json',
    method: getCluster,
    // The cluster itself when one was asked for, the whole reply for all of them, the envelope alone when there is none.
    answer: (reply, request) => {
      const first = (reply as ValueOf<typeof getClusterResponse>).cluster?.[0];
      if (first === undefined) return envelope(reply.status);
      if (!selects(request)) return wholeReply(getClusterResponse)(reply, request);
      return { kind: 'envelope', status: reply.status, result: { type: cluster, value: first } };
    },
  },
  get_cluster_status: { kind: 'json', method: getClusterStatus, answer: wholeReply(getClusterStatusResponse) },
};
