import { z } from 'zod';
import { clusterTypes } from '../../events/clusters.ts';
import { nodeLimits, nodeStatusChanged, nodesAdded, nodesDropped } from '../../events/computeNodes.ts';
import type { ChanceryEvent } from '../../events/index.ts';
import { type ClusterRow, clusterOf, clustersOf, firstSqlCluster } from '../../projections/clusters.ts';
import {
  addressOf,
  type ComputeNodeRow,
  clustersWithNode,
  comparedAddresses,
  isEndpointTaken,
  nodesOf,
  registrationAmong,
} from '../../projections/computeNodes.ts';
import type { State } from '../../projections/state.ts';
import { accept, type Decision, isRejection, type Rejection, refused, rejection } from '../rejection.ts';
import {
  alterClusterFields,
  brief,
  endpointFault,
  frontendsAmong,
  type GivenNode,
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
import { requestFault } from './virtualClusters.ts';

/**
 * Add nodes to every cluster that has the id or the name given. They run from now on, and keep the ctime they come with. A node whose
 * ip:port or host:port is in the cluster already is left out there. A cluster that nobody knows is no reason to refuse: then nothing
 * is added, as upstream.
 * @returns `NodesAdded` for each such cluster; or, in the order of the checks, UNRESOLVED_INSTANCE, INVALID_CLUSTER, UNKNOWN_INSTANCE,
 *   INSTANCE_DELETED, ENDPOINT_TAKEN, CLOUD_UNIQUE_ID_TAKEN, INVALID_FRONTENDS, TOO_LARGE (nodes of a cluster)
 */
export const addNodes = defineCommand({
  name: 'addNodes',
  about: 'Add nodes to a cluster.',
  input: z.strictObject(alterClusterFields),
  decide: (state, command): Decision<ChanceryEvent> => {
    const target = targetOf(state, command);
    if (isRejection(target)) return refused(target);
    const { cluster, instanceId } = target;
    const { nodes = [] } = cluster;
    const type = named(clusterTypes, cluster.type) ?? 'COMPUTE';
    const fault =
      requestFault(state, cluster, false) ??
      (nodes.length === 0 ? nothingToDo : undefined) ??
      refusalOf(liveInstance(state, instanceId)) ??
      endpointFault(type, nodes, (address) => isEndpointTaken(state.computeNodes, instanceId, type, address)) ??
      occupiedFault(state, instanceId, nodes);
    if (fault !== undefined) return refused(fault);
    const additions = targets(state, target).map((row) => ({ row, added: newNodes(state, row, nodes) }));
    const after = (row: ClusterRow): readonly Frontend[] => [
      ...storedNodes(state, row),
      ...(additions.find((each) => each.row === row)?.added ?? []),
    ];
    const lateFault = frontendsFault(state, instanceId, after) ?? sizeFault(additions.map(({ row }) => ({ row, nodes: after(row) })));
    if (lateFault !== undefined) return refused(lateFault);
    const events = additions
      .filter(({ added }) => added.length > 0)
      .map(({ added, row }) => nodesAdded({ instanceId, clusterId: row.clusterId, type: row.type, nodes: [...added] }));
    return accept(...events);
  },
});

const nothingToDo = invalid('cluster.nodes', 'to_add and to_del both empty or both not empty');
const refusalOf = (value: unknown): Rejection | undefined => (isRejection(value) ? value : undefined);
const storedNodes = (state: State, { clusterId, instanceId }: ClusterRow): readonly ComputeNodeRow[] =>
  nodesOf(state.computeNodes, instanceId, clusterId);

/** The clusters a request means: every one whose name or id is the one given. */
function targets(state: State, { cluster, instanceId }: Target): readonly ClusterRow[] {
  const byId = cluster.clusterId === undefined ? undefined : clusterOf(state.clusters, instanceId, cluster.clusterId);
  // No two clusters have one name: with both in one cluster, or no name given, there is no other to look for.
  if (byId !== undefined && (cluster.clusterName === undefined || byId.clusterName === cluster.clusterName)) return [byId];
  return clustersOf(state.clusters, instanceId).filter(
    ({ clusterId, clusterName }) =>
      (cluster.clusterId !== undefined && clusterId === cluster.clusterId) ||
      (cluster.clusterName !== undefined && clusterName === cluster.clusterName),
  );
}

/** Those that the cluster does not have, as the log is to keep them. */
function newNodes(state: State, row: ClusterRow, given: readonly GivenNode[]) {
  const keysOf = (node: Parameters<typeof addressOf>[1]): readonly string[] => [...comparedAddresses(node), addressOf(row.type, node)];
  const present = new Set(storedNodes(state, row).flatMap(keysOf));
  return given.flatMap(({ ctime, ...rest }) => {
    const node = { ...nodeGiven(rest), ...(ctime === undefined ? {} : { ctime }), status: 'NODE_STATUS_RUNNING' as const };
    const keys = keysOf(node);
    if (keys.some((key) => present.has(key))) return [];
    for (const key of keys) present.add(key);
    return [node];
  });
}

type Frontend = Pick<GivenNode, 'nodeType'>;
/** An instance with frontends has one master at most and somebody who can lead; only its first SQL cluster is looked at. */
function frontendsFault(state: State, instanceId: string, after: (row: ClusterRow) => readonly Frontend[]): Rejection | undefined {
  const first = firstSqlCluster(state.clusters, instanceId);
  if (first === undefined) return undefined;
  const { followers, masters } = frontendsAmong(after(first));
  return masters > 1 || (masters === 0 && followers === 0)
    ? rejection('INVALID_FRONTENDS', 'cluster.nodes', 'instance invalid, cant modify, plz check')
    : undefined;
}

function sizeFault(clusters: readonly { readonly row: ClusterRow; readonly nodes: readonly unknown[] }[]): Rejection | undefined {
  const most = nodeLimits.nodesPerCluster;
  const large = clusters.find(({ nodes }) => nodes.length > most);
  if (large === undefined) return undefined;
  const { nodes, row } = large;
  return rejection('TOO_LARGE', 'cluster.nodes', `cluster ${row.clusterId} would have ${nodes.length} nodes; it has at most ${most}`);
}

/**
 * Drop nodes, all of them or none. A node is found by its cloud_unique_id and ip:port or host:port, one without an id by its address.
 * @returns `NodesDropped` for each cluster that has the id or name given and such nodes; or, in the order of the checks,
 *   UNRESOLVED_INSTANCE, INVALID_CLUSTER, UNKNOWN_INSTANCE, INSTANCE_DELETED, UNKNOWN_NODE or YOUNG_FRONTEND (node by node),
 *   INVALID_FRONTENDS
 */
export const dropNodes = defineCommand({
  name: 'dropNodes',
  about: 'Take nodes out of a cluster.',
  input: z.strictObject({ ...alterClusterFields, ...safeDropField }),
  decide: (state, { safeDropSeconds, ...command }, times): Decision<ChanceryEvent> => {
    const target = targetOf(state, command);
    if (isRejection(target)) return refused(target);
    const { cluster, instanceId } = target;
    const fault =
      requestFault(state, cluster, false) ??
      (cluster.nodes === undefined || cluster.nodes.length === 0 ? nothingToDo : undefined) ??
      refusalOf(liveInstance(state, instanceId));
    if (fault !== undefined) return refused(fault);
    const doomed = new Doomed(state, targets(state, target));
    for (const [i, node] of (cluster.nodes ?? []).entries()) {
      const nodeFault =
        unknownFault(state, target, node, i) ?? doomed.take(target, node, i, (each) => isYoung(state, each, times, safeDropSeconds));
      if (nodeFault !== undefined) return refused(nodeFault);
    }
    const lateFault = frontendsFault(state, instanceId, (row) => doomed.restOf(row));
    return lateFault === undefined ? accept(...doomed.events()) : refused(lateFault);
  },
});

const unknownNode = (i: number, detail: string): Rejection => rejection('UNKNOWN_NODE', `cluster.nodes[${i}]`, `not found ,${detail}`);

/** Whether nobody has the node's id, or nobody who has it is where the request says. */
function unknownFault(state: State, { cluster, instanceId }: Target, node: GivenNode, i: number): Rejection | undefined {
  const { clusterId = '', clusterName = '' } = cluster;
  const { cloudUniqueId = '' } = node;
  const who = `instance_id=${instanceId} cluster_name=${clusterName} cluster_id=${clusterId}`;
  if (registrationAmong(state.computeNodes, instanceId, cloudUniqueId) === undefined)
    return unknownNode(i, `can not find to drop nodes by cloud_unique_id=${cloudUniqueId} ${who}`);
  const isThere = clustersWithNode(state.computeNodes, instanceId, cloudUniqueId, comparedAddresses(nodeGiven(node))).length > 0;
  return isThere ? undefined : unknownNode(i, `cloud_unique_id can not find to drop node, ${who} node=${brief(node)}`);
}

/** The nodes to be dropped from the clusters that a request means. */
class Doomed {
  readonly #state: State;
  readonly #clusters: readonly { readonly row: ClusterRow; readonly nodes: readonly ComputeNodeRow[]; readonly byKey: NodeIndex }[];
  readonly #taken = new Set<ComputeNodeRow>();

  constructor(state: State, rows: readonly ClusterRow[]) {
    this.#state = state;
    this.#clusters = rows.map((row) => {
      const nodes = storedNodes(state, row);
      return { row, nodes, byKey: indexOf(nodes) };
    });
  }

  /** Marks a node. @returns why it cannot be dropped: it is in none of the clusters (any more), or too young */
  take({ cluster, instanceId }: Target, node: GivenNode, i: number, isTooYoung: (node: ComputeNodeRow) => boolean): Rejection | undefined {
    const keys = keysOf(nodeGiven(node));
    const found = this.#clusters.flatMap(({ byKey, row }) => {
      const hits = keys.flatMap((key) => byKey.get(key)?.find((each) => !this.#taken.has(each.node)) ?? []);
      const hit = hits.reduce<Placed | undefined>((first, each) => (first !== undefined && first.at < each.at ? first : each), undefined);
      return hit === undefined ? [] : [{ row, hit: hit.node }];
    });
    if (found.length === 0) {
      const { clusterId = '', clusterName = '' } = cluster;
      return unknownNode(i, `failed to find node to drop, instance_id=${instanceId} cluster_id=${clusterId} cluster_name=${clusterName}`);
    }
    const young = found.find(({ hit, row }) => row.type === 'SQL' && isTooYoung(hit));
    if (young !== undefined)
      return rejection('YOUNG_FRONTEND', `cluster.nodes[${i}]`, `drop fe node not in safe time, try later, node=${brief(young.hit)}`);
    for (const { hit } of found) this.#taken.add(hit);
    return undefined;
  }

  restOf(row: ClusterRow): readonly ComputeNodeRow[] {
    return storedNodes(this.#state, row).filter((node) => !this.#taken.has(node));
  }

  events(): readonly ChanceryEvent[] {
    return this.#clusters.flatMap(({ nodes, row }) => {
      const dropped = nodes.filter((node) => this.#taken.has(node));
      const { clusterId, instanceId } = row;
      return dropped.length === 0 ? [] : [nodesDropped({ instanceId, clusterId, nodes: dropped.map((node) => refTo(row, node)) })];
    });
  }
}

interface Placed {
  readonly node: ComputeNodeRow;
  readonly at: number;
}
/** Nodes by cloud_unique_id and address, in stored order. */
type NodeIndex = ReadonlyMap<string, readonly Placed[]>;
const keysOf = (node: Parameters<typeof addressOf>[1]): readonly string[] =>
  comparedAddresses(node).map((address) => `${node.cloudUniqueId ?? ''}\n${address}`);
function indexOf(nodes: readonly ComputeNodeRow[]): NodeIndex {
  const index = new Map<string, Placed[]>();
  for (const [at, node] of nodes.entries())
    for (const key of keysOf(node)) {
      const present = index.get(key);
      if (present === undefined) index.set(key, [{ node, at }]);
      else present.push({ node, at });
    }
  return index;
}
const refTo = ({ type }: ClusterRow, node: ComputeNodeRow) => ({
  address: addressOf(type, node),
  ...(node.cloudUniqueId === undefined ? {} : { cloudUniqueId: node.cloudUniqueId }),
});

/**
 * Say that nodes begin or have finished to hand over their work. Those are meant that carry the first node's cloud_unique_id, in
 * whatever cluster of the instance, and have the ip or host and the heartbeat port of one of the nodes given.
 * @returns `NodeStatusChanged` for each cluster with such nodes; or, in the order of the checks, UNRESOLVED_INSTANCE, INVALID_CLUSTER,
 *   UNKNOWN_NODE (nobody has the id), INVALID_CLUSTER (no node is meant), UNKNOWN_INSTANCE, INSTANCE_DELETED
 */
export const setNodeStatus = defineCommand({
  name: 'setNodeStatus',
  about: 'Record that nodes are being, or have been, decommissioned.',
  input: z.strictObject({ ...alterClusterFields, to: z.enum(['NODE_STATUS_DECOMMISSIONING', 'NODE_STATUS_DECOMMISSIONED']) }),
  decide: (state, { to, ...command }): Decision<ChanceryEvent> => {
    const target = targetOf(state, command);
    if (isRejection(target)) return refused(target);
    const { cluster, instanceId } = target;
    const { nodes = [] } = cluster;
    const id = nodes[0]?.cloudUniqueId ?? '';
    const isKnown = nodes.length > 0 && registrationAmong(state.computeNodes, instanceId, id) !== undefined;
    const fault =
      requestFault(state, cluster, false) ??
      (isKnown ? undefined : rejection('UNKNOWN_NODE', 'cluster.nodes[0].cloudUniqueId', 'cloud_unique_id not found'));
    if (fault !== undefined) return refused(fault);
    const changes = nodesMeant(state, instanceId, id, nodes);
    if (changes.length === 0) return refused(nothingToDo);
    const late = refusalOf(liveInstance(state, instanceId));
    if (late !== undefined) return refused(late);
    return accept(
      ...changes.flatMap(({ found, row }) =>
        inParts(found.map((node) => refTo(row, node))).map((refs) =>
          nodeStatusChanged({ instanceId, clusterId: row.clusterId, nodes: [...refs], to }),
        ),
      ),
    );
  },
});

/** As many together as an event may name: a request of one node can mean all frontends at its ip. */
function inParts<T>(refs: readonly T[]): readonly (readonly T[])[] {
  const parts: (readonly T[])[] = [];
  for (let i = 0; i < refs.length; i += nodeLimits.nodesPerEvent) parts.push(refs.slice(i, i + nodeLimits.nodesPerEvent));
  return parts;
}

/** Nodes of an instance by cloud_unique_id, and ip or host with heartbeat port, cluster by cluster. */
function nodesMeant(state: State, instanceId: string, cloudUniqueId: string, given: readonly GivenNode[]) {
  // Only the heartbeat port counts: without it a node of the request would be found by another one.
  const wanted = new Set(given.flatMap(({ editLogPort: _unused, ...node }) => comparedAddresses(nodeGiven(node))));
  return clustersWithNode(state.computeNodes, instanceId, cloudUniqueId, [...wanted]).flatMap((clusterId) => {
    const row = clusterOf(state.clusters, instanceId, clusterId);
    if (row === undefined) return [];
    const found = storedNodes(state, row).filter(({ editLogPort: _unused, ...node }) => {
      return (node.cloudUniqueId ?? '') === cloudUniqueId && comparedAddresses(node).some((address) => wanted.has(address));
    });
    return found.length === 0 ? [] : [{ row, found }];
  });
}
