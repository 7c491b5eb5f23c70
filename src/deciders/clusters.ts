import { z } from 'zod';
import { canonicalJson } from '../../events/canonicalJson.ts';
import {
  type ClusterStatus,
  type ClusterType,
  clusterAdded,
  clusterDropped,
  clusterEndpointChanged,
  clusterLimits,
  clusterPropertiesChanged,
  clusterRenamed,
  clusterStatusChanged,
  clusterStatuses,
  clusterTypes,
  mysqlUsersReplaced,
  virtualClusterAltered,
} from '../../events/clusters.ts';
import { nodesAdded } from '../../events/computeNodes.ts';
import type { ChanceryEvent } from '../../events/index.ts';
import { type ClusterRow, clusterCount, clusterOf, clustersOf } from '../../projections/clusters.ts';
import { isEndpointTaken, nodesOf } from '../../projections/computeNodes.ts';
import type { State } from '../../projections/state.ts';
import { accept, type Decision, isRejection, type Rejection, refused, rejection } from '../rejection.ts';
import {
  type AlterCluster,
  alterClusterFields,
  brief,
  clusterNamed,
  endpointFault,
  type GivenCluster,
  invalid,
  isYoung,
  named,
  nodeGiven,
  occupiedFault,
  safeDropField,
  type Target,
  targetOf,
} from './clusterRules.ts';
import { liveInstance } from './instanceResolution.ts';
import { defineCommand } from './kit.ts';
import { groupAfter, groupFault, inconsistent, membersFault, ownerOf, partsFault, policyGiven, requestFault } from './virtualClusters.ts';

const input = z.strictObject(alterClusterFields);

/**
 * Add a cluster with its nodes; their times are those of the entry. The id is free, and may even be missing.
 * @returns `ClusterAdded`, and `NodesAdded` when it has nodes; or, in the order of the checks, UNRESOLVED_INSTANCE, INVALID_CLUSTER,
 *   CLOUD_UNIQUE_ID_TAKEN, UNKNOWN_INSTANCE, INSTANCE_DELETED, CLUSTER_EXISTS, ENDPOINT_TAKEN or INVALID_CLUSTER (nodes, then the
 *   members of a virtual cluster), TOO_LARGE (clusters of an instance)
 */
export const addCluster = defineCommand({
  name: 'addCluster',
  about: 'Add a cluster with its nodes to an instance.',
  input,
  decide: (state, command): Decision<ChanceryEvent> => {
    const target = targetOf(state, command);
    if (isRejection(target)) return refused(target);
    const fault = requestFault(state, target.cluster, true);
    const type = named(clusterTypes, target.cluster.type);
    if (fault !== undefined || type === undefined) return refused(fault ?? invalid('cluster.type', 'cluster must have type arg'));
    const placeFault = newClusterFault(state, target, type);
    return placeFault === undefined ? accept(...additions(target, type)) : refused(placeFault);
  },
});

/** What the instance and the other clusters have against a new one. */
function newClusterFault(state: State, { cluster, instanceId }: Target, type: ClusterType): Rejection | undefined {
  const { clusterId = '', clusterName = '', nodes = [] } = cluster;
  const occupied = occupiedFault(state, instanceId, nodes);
  if (occupied !== undefined) return occupied;
  const instance = liveInstance(state, instanceId);
  if (isRejection(instance))
    return instance.code === 'UNKNOWN_INSTANCE' ? { ...instance, detail: `failed to get instance, info ${instance.detail}` } : instance;
  for (const present of clustersOf(state.clusters, instanceId)) {
    if (present.clusterId === clusterId)
      return rejection('CLUSTER_EXISTS', 'cluster.clusterId', `try to add a existing cluster id, existing_cluster_id=${clusterId}`);
    if (present.clusterName === clusterName)
      return rejection('CLUSTER_EXISTS', 'cluster.clusterName', `try to add a existing cluster name, existing_cluster_name=${clusterName}`);
  }
  const fault =
    endpointFault(type, nodes, (address) => isEndpointTaken(state.computeNodes, instanceId, type, address)) ??
    (type === 'VIRTUAL' ? membersFault(state, instanceId, cluster.clusterNames ?? []) : undefined);
  if (fault !== undefined) return fault;
  const most = clusterLimits.clustersPerInstance;
  if (clusterCount(state.clusters, instanceId) < most) return undefined;
  return rejection('TOO_LARGE', 'cluster', `instance ${instanceId} has ${most} clusters already, which is the most`);
}

function additions({ cluster, instanceId }: Target, type: ClusterType): readonly ChanceryEvent[] {
  const { clusterId = '', clusterPolicy, clusterStatus, ctime: _ctime, mtime: _mtime, nodes = [], type: _type, ...fields } = cluster;
  const status = type === 'COMPUTE' ? 'NORMAL' : named(clusterStatuses, clusterStatus);
  const policy = type === 'VIRTUAL' && clusterPolicy !== undefined ? policyGiven(clusterPolicy) : undefined;
  const added = clusterAdded({
    ...fields,
    instanceId,
    clusterId,
    type,
    ...(status === undefined ? {} : { status }),
    ...(policy === undefined ? {} : { policy }),
  });
  return nodes.length === 0 ? [added] : [added, nodesAdded({ instanceId, clusterId, type, nodes: nodes.map(nodeGiven) })];
}

/**
 * Drop a cluster and its nodes with it. The id alone says which.
 * @returns `ClusterDropped`; or UNRESOLVED_INSTANCE, INVALID_CLUSTER, UNKNOWN_INSTANCE, INSTANCE_DELETED, YOUNG_FRONTEND,
 *   UNKNOWN_CLUSTER, CLUSTER_IN_USE (a virtual cluster groups it)
 */
export const dropCluster = defineCommand({
  name: 'dropCluster',
  about: 'Drop a cluster and its nodes.',
  input: z.strictObject({ ...alterClusterFields, ...safeDropField }),
  decide: (state, { safeDropSeconds, ...command }, times): Decision<ChanceryEvent> => {
    const found = clusterToAlter(state, command, 'drop');
    if (isRejection(found)) return refused(found);
    const { instanceId, row } = found;
    const nodes = row.type === 'SQL' ? nodesOf(state.computeNodes, instanceId, row.clusterId) : [];
    if (nodes.some((node) => isYoung(state, node, times, safeDropSeconds)))
      return refused(
        rejection('YOUNG_FRONTEND', 'cluster', `drop fe cluster not in safe time, try later, cluster=${brief({ ...row, nodes })}`),
      );
    const { clusterId, clusterName } = row;
    const owner = clusterName === undefined ? undefined : ownerOf(state, instanceId, clusterName);
    if (owner !== undefined) {
      const advice = `if you want drop this cluster, please drop virtual cluster=${owner.clusterName} firstly`;
      const detail = `failed to drop cluster, this cluster owned by virtual cluster=${owner.clusterName} ${advice}`;
      return refused(rejection('CLUSTER_IN_USE', 'cluster.clusterId', detail));
    }
    return accept(clusterDropped({ instanceId, clusterId, ...(clusterName === undefined ? {} : { clusterName }) }));
  },
});

interface Found {
  readonly instanceId: string;
  readonly row: ClusterRow;
  readonly cluster: GivenCluster;
}
/** What comes before every change of one cluster. */
function clusterToAlter(state: State, command: AlterCluster, what: 'drop' | 'update'): Found | Rejection {
  const target = targetOf(state, command);
  if (isRejection(target)) return target;
  const { cluster, instanceId } = target;
  const { clusterId = '', clusterName = '' } = cluster;
  if (clusterId === '') return invalid('cluster.clusterId', 'missing cluster_id=');
  const instance = liveInstance(state, instanceId);
  if (isRejection(instance)) return instance;
  const row = clusterOf(state.clusters, instanceId, clusterId);
  if (row !== undefined) return { instanceId, row, cluster };
  const detail = `failed to find cluster to ${what}, instance_id=${instanceId} cluster_id=${clusterId} cluster_name=${clusterName}`;
  return rejection('UNKNOWN_CLUSTER', 'cluster.clusterId', detail);
}

/** Finds the cluster, then decides on it. */
const onCluster = (state: State, command: AlterCluster, decide: (found: Found) => Decision<ChanceryEvent>): Decision<ChanceryEvent> => {
  const found = clusterToAlter(state, command, 'update');
  return isRejection(found) ? refused(found) : decide(found);
};
const keyOf = ({ instanceId, row }: Found) => ({ instanceId, clusterId: row.clusterId });

/**
 * Rename a cluster; names are unique in an instance, and their pattern is not looked at. Upstream a name that is not given empties
 * the present one; here it is refused.
 * @returns `ClusterRenamed`, before it `ClusterDropped` for a cluster of that name without nodes when it may be replaced; or
 *   UNRESOLVED_INSTANCE, INVALID_CLUSTER, UNKNOWN_INSTANCE, INSTANCE_DELETED, UNKNOWN_CLUSTER, CLUSTER_EXISTS
 */
export const renameCluster = defineCommand({
  name: 'renameCluster',
  about: 'Give a cluster another name.',
  input: z.strictObject({ ...alterClusterFields, replaceIfExistingEmptyTargetCluster: z.boolean().exactOptional() }),
  decide: (state, { replaceIfExistingEmptyTargetCluster: mayReplace = false, ...command }) =>
    onCluster(state, command, (found) => {
      const { cluster, instanceId, row } = found;
      const name = cluster.clusterName ?? '';
      if (name === '') return refused(invalid('cluster.clusterName', 'not have cluster name'));
      const holder = clusterNamed(state, instanceId, name);
      const previous = row.clusterName === undefined ? {} : { previous: row.clusterName };
      const renamed = clusterRenamed({ ...keyOf(found), ...previous, name });
      if (holder === undefined) return accept(renamed);
      const isReplaced =
        mayReplace && holder.clusterId !== row.clusterId && nodesOf(state.computeNodes, instanceId, holder.clusterId).length === 0;
      if (isReplaced) return accept<ChanceryEvent>(clusterDropped({ instanceId, clusterId: holder.clusterId, clusterName: name }), renamed);
      const what = 'failed to rename cluster, a cluster with the same name already exists in this instance';
      const { instanceId: _known, ...present } = holder;
      return refused(rejection('CLUSTER_EXISTS', 'cluster.clusterName', `${what} ${brief(present)}`));
    }),
});

/**
 * Replace the users for whom a cluster is the default. A user may have several clusters.
 * @returns `MysqlUsersReplaced`, nothing when the list is the same; or what `renameCluster` refuses, INVALID_CLUSTER for an empty list
 */
export const replaceMysqlUsers = defineCommand({
  name: 'replaceMysqlUsers',
  about: 'Replace the users for whom a cluster is the default.',
  input,
  decide: (state, command) =>
    onCluster(state, command, (found) => {
      const [userNames, previous] = [found.cluster.mysqlUserName ?? [], found.row.mysqlUserName ?? []];
      if (userNames.length === 0) return refused(invalid('cluster.mysqlUserName', 'no mysql user name to change'));
      if (isSame(userNames, previous)) return accept();
      return accept(mysqlUsersReplaced({ ...keyOf(found), previous: [...previous], userNames }));
    }),
});

/**
 * Say where a cluster is reached.
 * @returns `ClusterEndpointChanged`, nothing when both are the same; or UNRESOLVED_INSTANCE, INVALID_CLUSTER, UNKNOWN_INSTANCE,
 *   INSTANCE_DELETED, UNKNOWN_CLUSTER, MISSING_ENDPOINT
 */
export const setClusterEndpoint = defineCommand({
  name: 'setClusterEndpoint',
  about: 'Give a cluster other addresses.',
  input,
  decide: (state, command) =>
    onCluster(state, command, (found) => {
      const { privateEndpoint = '', publicEndpoint = '' } = found.cluster;
      if (privateEndpoint === '') return refused(rejection('MISSING_ENDPOINT', 'cluster.privateEndpoint', 'missing private endpoint'));
      if (found.row.privateEndpoint === privateEndpoint && found.row.publicEndpoint === publicEndpoint) return accept();
      return accept(clusterEndpointChanged({ ...keyOf(found), publicEndpoint, privateEndpoint }));
    }),
});

/** Which status may follow which. Nothing leads back to UNKNOWN. */
const followers: Readonly<Record<ClusterStatus, readonly ClusterStatus[]>> = {
  UNKNOWN: ['NORMAL'],
  NORMAL: ['SUSPENDED', 'MANUAL_SHUTDOWN'],
  SUSPENDED: ['NORMAL', 'TO_RESUME'],
  TO_RESUME: ['NORMAL'],
  MANUAL_SHUTDOWN: ['NORMAL'],
};

/**
 * Move a compute cluster to another status. A status that is not given, or whose name nobody knows, reads UNKNOWN.
 * @returns `ClusterStatusChanged`; or UNRESOLVED_INSTANCE, INVALID_CLUSTER, UNKNOWN_INSTANCE, INSTANCE_DELETED, UNKNOWN_CLUSTER,
 *   CLUSTER_STATUS_CONFLICT
 */
export const setClusterStatus = defineCommand({
  name: 'setClusterStatus',
  about: 'Suspend, resume or shut down a compute cluster, in the records.',
  input,
  decide: (state, command) =>
    onCluster(state, command, (found) => {
      if (found.row.type !== 'COMPUTE') return refused(invalid('cluster.clusterId', 'just support set COMPUTE cluster status'));
      const from = found.row.status ?? 'UNKNOWN';
      const wanted = found.cluster.clusterStatus ?? 'UNKNOWN';
      const to = named(clusterStatuses, wanted);
      const fault = (detail: string) => refused(rejection('CLUSTER_STATUS_CONFLICT', 'cluster.clusterStatus', detail));
      if (wanted === from) return fault(`failed to set cluster status, status eq original status, original cluster is ${from}`);
      if (to === undefined || !followers[from].includes(to))
        return fault(`failed to set cluster status, original cluster is ${from} and want set ${wanted}`);
      return accept(clusterStatusChanged({ ...keyOf(found), from, to }));
    }),
});

/**
 * Change what a virtual cluster groups and how: names as a whole, the policy part by part.
 * @returns `VirtualClusterAltered`, nothing when it stays the same; or UNRESOLVED_INSTANCE, INVALID_CLUSTER, UNKNOWN_INSTANCE,
 *   INSTANCE_DELETED, UNKNOWN_CLUSTER
 */
export const alterVirtualCluster = defineCommand({
  name: 'alterVirtualCluster',
  about: 'Change the members or the policy of a virtual cluster.',
  input,
  decide: (state, command) =>
    onCluster(state, command, (found) => {
      const { cluster, instanceId, row } = found;
      const present = { clusterNames: row.clusterNames, policy: row.policy };
      const after = groupAfter(present, cluster);
      const { mysqlUserName, privateEndpoint, publicEndpoint, status: clusterStatus } = row;
      const nodes = nodesOf(state.computeNodes, instanceId, row.clusterId);
      const fault =
        membersFault(state, instanceId, cluster.clusterNames ?? [], row.clusterId) ??
        (row.type === 'VIRTUAL' ? undefined : inconsistent) ??
        partsFault({ mysqlUserName, privateEndpoint, publicEndpoint, clusterStatus, nodes }) ??
        groupFault(after);
      if (fault !== undefined) return refused(fault);
      const { clusterNames = [], policy } = after;
      if (policy === undefined) return accept();
      const given = { clusterNames: [...clusterNames], policy: policyGiven(policy) };
      return isSame(present, given) ? accept() : accept(virtualClusterAltered({ ...keyOf(found), ...given }));
    }),
});

/**
 * Replace the properties of a cluster.
 * @returns `ClusterPropertiesChanged`, nothing when they are the same; or UNRESOLVED_INSTANCE, INVALID_CLUSTER, UNKNOWN_INSTANCE,
 *   INSTANCE_DELETED, UNKNOWN_CLUSTER
 */
export const setClusterProperties = defineCommand({
  name: 'setClusterProperties',
  about: 'Replace the properties of a cluster.',
  input,
  decide: (state, command) =>
    onCluster(state, command, (found) => {
      const properties = found.cluster.properties ?? {};
      if (isSame(properties, found.row.properties ?? {})) return accept();
      return accept(clusterPropertiesChanged({ ...keyOf(found), properties }));
    }),
});

/** Whether two values made by this program are the same, whatever the order of their members. */
const isSame = (a: unknown, b: unknown): boolean => canonicalJson(a) === canonicalJson(b);
