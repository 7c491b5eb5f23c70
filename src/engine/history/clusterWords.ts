import type { ClusterEvent } from '../../../events/clusters.ts';
import type { ComputeNodeEvent } from '../../../events/computeNodes.ts';
import { namesInWords, shown, type Words } from './shown.ts';

const cluster = ({ instanceId, clusterId }: { readonly instanceId: string; readonly clusterId: string }): string =>
  `cluster ${shown(clusterId)} of ${shown(instanceId)}`;
const nodes = (count: number): string => `${count} ${count === 1 ? 'node' : 'nodes'}`;

export const clusterWords: Words<ClusterEvent['type'] | ComputeNodeEvent['type']> = {
  ClusterAdded: (data) => `${data.type} ${cluster(data)} added`,
  ClusterDropped: (data) => `${cluster(data)} dropped`,
  ClusterRenamed: (data) => `${cluster(data)} renamed   ${shown(data.previous ?? 'unnamed')} → ${shown(data.name)}`,
  MysqlUsersReplaced: (data) => `${cluster(data)} is the default of ${namesInWords(data.userNames)}`,
  ClusterEndpointChanged: (data) => `${cluster(data)} is reached at ${shown(data.privateEndpoint)}`,
  ClusterStatusChanged: (data) => `${cluster(data)}   ${data.from} → ${data.to}`,
  VirtualClusterAltered: (data) => `${cluster(data)} groups ${namesInWords(data.clusterNames)}`,
  ClusterPropertiesChanged: (data) => `${cluster(data)} has other properties: ${namesInWords(Object.keys(data.properties))}`,
  NodesAdded: (data) => `${nodes(data.nodes.length)} added to ${cluster(data)}`,
  NodesDropped: (data) =>
    `${nodes(data.nodes.length)} taken out of ${cluster(data)}: ${namesInWords(data.nodes.map(({ address }) => address))}`,
  NodeStatusChanged: (data) => `${nodes(data.nodes.length)} of ${cluster(data)} → ${data.to}`,
};
