import type { ClusterType } from '../events/clusters.ts';
import type { ComputeNode, NodeStatus } from '../events/computeNodes.ts';
import { clusterKey } from './clusters.ts';
import { secondsOf } from './instances.ts';
import { defineProjection, invariant, type Writable } from './kit.ts';
import { Table } from './table.ts';

/** A node of a cluster; times in epoch seconds. */
export interface ComputeNodeRow extends ComputeNode {
  readonly ctime: number;
  readonly mtime: number;
}
/** How many nodes of a cluster something applies to; lists of them have the newest cluster last. */
export interface ClusterShare {
  readonly clusterId: string;
  readonly count: number;
}
/** Where a cloud_unique_id is registered: one instance, and in it the clusters whose nodes carry it. */
export interface Registration {
  readonly instanceId: string;
  readonly clusters: readonly ClusterShare[];
}
interface ClusterNodes {
  readonly type: ClusterType;
  /** In stored order. */
  readonly nodes: readonly ComputeNodeRow[];
}
export interface ComputeNodes {
  /** By `clusterKey`; without the clusters that have no nodes. */
  readonly byCluster: Table<ClusterNodes>;
  /** By `registrationKey`. */
  readonly byCloudUniqueId: Table<Registration>;
  /** By `endpointKey` and `registeredAt`: the clusters that have such a node, so that nobody looks through all nodes of an instance. */
  readonly byAddress: Table<readonly ClusterShare[]>;
}

export const computeNodes = defineProjection<ComputeNodes>({
  name: 'computeNodes',
  version: 1,
  initial: () => ({ byCluster: Table.empty(), byCloudUniqueId: Table.empty(), byAddress: Table.empty() }),
  on: {
    NodesAdded: (state, { event: { data }, at }) => {
      const { clusterId, instanceId, type } = data;
      const mtime = secondsOf(at);
      for (const node of data.nodes) {
        const taken = state.byAddress.get(endpointKey(instanceId, type, addressOf(type, node))) ?? [];
        const isThere = taken.some((share) => share.clusterId === clusterId);
        invariant(!isThere, `node ${addressOf(type, node)} is in cluster ${clusterId} of ${instanceId} already`);
        count(state, { instanceId, clusterId, type, node }, 1);
      }
      const added = data.nodes.map((node): ComputeNodeRow => ({ ...node, ctime: node.ctime ?? mtime, mtime }));
      state.byCluster = state.byCluster.update(clusterKey(instanceId, clusterId), (present) => ({
        type,
        nodes: present === undefined ? added : [...present.nodes, ...added],
      }));
    },
    NodesDropped: (state, { event: { data } }) => {
      const { clusterId, instanceId, nodes } = data;
      const { rest, taken, type } = takeOut(state, instanceId, clusterId, nodes);
      for (const node of taken) count(state, { instanceId, clusterId, type, node }, -1);
      keep(state, instanceId, clusterId, { type, nodes: rest });
    },
    NodeStatusChanged: (state, { event: { data }, at }) => {
      const { rest, taken, type } = takeOut(state, data.instanceId, data.clusterId, data.nodes);
      const mtime = secondsOf(at);
      const changed = taken.map((node): ComputeNodeRow => ({ ...node, status: data.to satisfies NodeStatus, mtime }));
      keep(state, data.instanceId, data.clusterId, { type, nodes: [...rest, ...changed] });
    },
    ClusterDropped: (state, { event: { data } }) => {
      const { clusterId, instanceId } = data;
      const present = state.byCluster.get(clusterKey(instanceId, clusterId));
      if (present === undefined) return;
      for (const node of present.nodes) count(state, { instanceId, clusterId, type: present.type, node }, -1);
      keep(state, instanceId, clusterId, { type: present.type, nodes: [] });
    },
  },
});

/** The nodes named, in the order in which they are named, and the others as they stood. */
function takeOut(
  state: Writable<ComputeNodes>,
  instanceId: string,
  clusterId: string,
  named: readonly { readonly address: string }[],
): { readonly type: ClusterType; readonly taken: readonly ComputeNodeRow[]; readonly rest: readonly ComputeNodeRow[] } {
  const present = state.byCluster.get(clusterKey(instanceId, clusterId));
  invariant(present !== undefined, `cluster ${clusterId} of ${instanceId} has no nodes`);
  const { type } = present;
  const wanted = new Set(named.map(({ address }) => address));
  const found = new Map<string, ComputeNodeRow>();
  const rest: ComputeNodeRow[] = [];
  for (const node of present.nodes) {
    const address = addressOf(type, node);
    if (wanted.has(address)) found.set(address, node);
    else rest.push(node);
  }
  const taken = [...wanted].map((address) => {
    const node = found.get(address);
    invariant(node !== undefined, `node ${address} is not in cluster ${clusterId} of ${instanceId}`);
    return node;
  });
  return { type, taken, rest };
}

function keep(state: Writable<ComputeNodes>, instanceId: string, clusterId: string, nodes: ClusterNodes): void {
  const key = clusterKey(instanceId, clusterId);
  state.byCluster = nodes.nodes.length === 0 ? state.byCluster.delete(key) : state.byCluster.set(key, nodes);
}

interface Place {
  readonly instanceId: string;
  readonly clusterId: string;
  readonly type: ClusterType;
  readonly node: ComputeNode;
}

/** Enters a node into the indexes, or takes it out. */
function count(state: Writable<ComputeNodes>, { clusterId, instanceId, node, type }: Place, by: 1 | -1): void {
  const registration = registrationKey(instanceId, node.cloudUniqueId);
  const known = state.byCloudUniqueId.get(registration);
  invariant(known === undefined || known.instanceId === instanceId, `${node.cloudUniqueId} belongs to ${known?.instanceId}`);
  const clusters = counted(known?.clusters ?? [], clusterId, by);
  state.byCloudUniqueId =
    clusters.length === 0 ? state.byCloudUniqueId.delete(registration) : state.byCloudUniqueId.set(registration, { instanceId, clusters });
  const keys = [endpointKey(instanceId, type, addressOf(type, node))];
  for (const address of comparedAddresses(node)) keys.push(registeredAt(registration, address));
  for (const key of keys) {
    const shares = counted(state.byAddress.get(key) ?? [], clusterId, by);
    state.byAddress = shares.length === 0 ? state.byAddress.delete(key) : state.byAddress.set(key, shares);
  }
}

function counted(shares: readonly ClusterShare[], clusterId: string, by: 1 | -1): readonly ClusterShare[] {
  const present = shares.find((share) => share.clusterId === clusterId);
  invariant(by === 1 || present !== undefined, `no node of cluster ${clusterId} was counted`);
  if (present === undefined) return [...shares, { clusterId, count: 1 }];
  const left = present.count + by;
  return left === 0
    ? shares.filter((share) => share !== present)
    : shares.map((share) => (share === present ? { clusterId, count: left } : share));
}

/** An id that belongs to one instance only; nodes without one are filed by instance. No id holds a control character. */
const registrationKey = (instanceId: string, cloudUniqueId: string | undefined): string =>
  cloudUniqueId === undefined || cloudUniqueId === '' ? `\n${instanceId}` : cloudUniqueId;
const endpointKey = (instanceId: string, type: ClusterType, address: string): string =>
  `${instanceId}\n${type === 'SQL' ? 'frontend' : 'backend'}\n${address}`;
const registeredAt = (registration: string, address: string): string => `at\n${registration}\n${address}`;

const isGiven = (text: string | undefined): text is string => text !== undefined && text !== '';
/** What names a node in its cluster: host, or ip where there is none, and the port of its kind. No two nodes of a cluster share it. */
export const addressOf = (type: ClusterType, node: ComputeNode): string =>
  `${isGiven(node.host) ? node.host : (node.ip ?? '')}:${(type === 'SQL' ? node.editLogPort : node.heartbeatPort) ?? 0}`;
/** What nodes are found by: `ip\n<ip>:<port>` and `host\n<host>:<port>`, as far as given; the heartbeat port where there is one. */
export function comparedAddresses(node: ComputeNode): readonly string[] {
  const port = node.heartbeatPort ?? node.editLogPort ?? 0;
  const byIp = isGiven(node.ip) ? [`ip\n${node.ip}:${port}`] : [];
  return isGiven(node.host) ? [...byIp, `host\n${node.host}:${port}`] : byIp;
}

const none: readonly never[] = [];
/** The nodes of a cluster in stored order; the same list until one of them changes. */
export const nodesOf = (state: ComputeNodes, instanceId: string, clusterId: string): readonly ComputeNodeRow[] =>
  state.byCluster.get(clusterKey(instanceId, clusterId))?.nodes ?? none;
/** Where nodes with this cloud_unique_id are registered. */
export const registrationOf = (state: ComputeNodes, cloudUniqueId: string): Registration | undefined =>
  cloudUniqueId === '' || cloudUniqueId.includes('\n') ? undefined : state.byCloudUniqueId.get(cloudUniqueId);
/** The same for somebody of an instance who may have no cloud_unique_id: then the nodes of that instance that have none either. */
export const registrationAmong = (state: ComputeNodes, instanceId: string, cloudUniqueId: string | undefined): Registration | undefined =>
  state.byCloudUniqueId.get(registrationKey(instanceId, cloudUniqueId));
/** The clusters in which a node with this cloud_unique_id (of this instance when it has none) has one of these `comparedAddresses`. */
export const clustersWithNode = (
  state: ComputeNodes,
  instanceId: string,
  cloudUniqueId: string | undefined,
  addresses: readonly string[],
): readonly string[] => {
  const registration = registrationKey(instanceId, cloudUniqueId);
  const shares = addresses.flatMap((address) => state.byAddress.get(registeredAt(registration, address)) ?? []);
  return [...new Set(shares.map(({ clusterId }) => clusterId))];
};
/** Whether a frontend (SQL) or a backend of the instance has this address. */
export const isEndpointTaken = (state: ComputeNodes, instanceId: string, type: ClusterType, address: string): boolean =>
  state.byAddress.has(endpointKey(instanceId, type, address));
