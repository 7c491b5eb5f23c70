import type { ClusterEvent } from '../../../events/clusters.ts';
import type { ComputeNodeEvent } from '../../../events/computeNodes.ts';
import { addressOf } from '../../../projections/computeNodes.ts';
import { namesInWords, shown, type Words } from './shown.ts';

interface Cluster {
  readonly instanceId: string;
  readonly clusterId: string;
  readonly clusterName?: string;
}
/** `cluster c1 'etl'`: id and name, as far as it has them and the event tells them. */
const alone = ({ clusterId, clusterName }: Cluster): string =>
  ['cluster', shown(clusterId), clusterName === undefined ? '' : `'${shown(clusterName)}'`].filter((part) => part !== '').join(' ');
const cluster = (data: Cluster): string => `${alone(data)} of ${shown(data.instanceId)}`;
/** `node 10.0.0.1:9050`, `3 nodes`; those of several are told at the end of the line. */
const nodes = (addresses: readonly string[]): string =>
  addresses.length === 1 ? `node ${shown(addresses[0] ?? '')}` : `${addresses.length} nodes`;
const which = (addresses: readonly string[]): string => (addresses.length === 1 ? '' : `: ${namesInWords(addresses)}`);

export const clusterWords: Words<ClusterEvent['type'] | ComputeNodeEvent['type']> = {
  ClusterAdded: (data) => `${data.type} ${alone(data)} added to ${shown(data.instanceId)}`,
  ClusterDropped: (data) => `${cluster(data)} dropped`,
  ClusterRenamed: (data) => `${cluster(data)} renamed   ${shown(data.previous ?? 'unnamed')} → ${shown(data.name)}`,
  MysqlUsersReplaced: (data) => `${cluster(data)} is the default of ${namesInWords(data.userNames)}`,
  ClusterEndpointChanged: (data) => `${cluster(data)} is reached at ${shown(data.privateEndpoint)}`,
  ClusterStatusChanged: (data) => `${cluster(data)}   ${data.from} → ${data.to}`,
  VirtualClusterAltered: (data) =>
    `${cluster(data)} groups ${namesInWords(data.clusterNames)}; ${shown(data.policy.activeClusterName ?? 'none')} is active`,
  ClusterPropertiesChanged: (data) => {
    const names = Object.keys(data.properties).sort();
    return `${cluster(data)} has ${names.length === 0 ? 'no properties any more' : `other properties: ${namesInWords(names)}`}`;
  },
  NodesAdded: (data) => {
    const addresses = data.nodes.map((node) => addressOf(data.type, node));
    return `${nodes(addresses)} added to ${cluster(data)}${which(addresses)}`;
  },
  NodesDropped: (data) => {
    const addresses = data.nodes.map(({ address }) => address);
    return `${nodes(addresses)} taken out of ${cluster(data)}${which(addresses)}`;
  },
  NodeStatusChanged: (data) => {
    const addresses = data.nodes.map(({ address }) => address);
    return `${nodes(addresses)} of ${cluster(data)}   → ${data.to.replace('NODE_STATUS_', '')}${which(addresses)}`;
  },
};
