import { z } from 'zod';
import { clusterId, clusterTypes } from './clusters.ts';
import { instanceId } from './instances.ts';
import { defineEvent, type EventOf, freeText, identifier, int32, int64 } from './kit.ts';

export const nodeTypes = ['UNKNOWN', 'FE_MASTER', 'FE_OBSERVER', 'FE_FOLLOWER'] as const;
export const nodeStatuses = [
  'NODE_STATUS_UNKNOWN',
  'NODE_STATUS_RUNNING',
  'NODE_STATUS_SHUTDOWN',
  'NODE_STATUS_DECOMMISSIONING',
  'NODE_STATUS_DECOMMISSIONED',
] as const;
export type NodeStatus = (typeof nodeStatuses)[number];

/** How many nodes one event may name (an entry of the log holds about as many), and how many a cluster may have. */
export const nodeLimits = { nodesPerEvent: 1000, nodesPerCluster: 10_000 } as const;

/** A frontend or backend as it was given. What was not given is absent. */
export const computeNode = z.strictObject({
  cloudUniqueId: identifier.exactOptional(),
  name: identifier.exactOptional(),
  ip: identifier.exactOptional(),
  vpcName: identifier.exactOptional(),
  ctime: int64.exactOptional().describe('Epoch seconds; when absent the time of the entry.'),
  status: z.enum(nodeStatuses).exactOptional(),
  heartbeatPort: int32.exactOptional(),
  desc: freeText.exactOptional(),
  editLogPort: int32.exactOptional(),
  nodeType: z.enum(nodeTypes).exactOptional(),
  isSmoothUpgrade: z.boolean().exactOptional(),
  host: identifier.exactOptional(),
  publicEndpoint: identifier.exactOptional(),
  privateEndpoint: identifier.exactOptional(),
});
export type ComputeNode = Readonly<z.infer<typeof computeNode>>;

const key = { instanceId, clusterId };
const nodeRef = z.strictObject({
  address: z.string().max(1040).describe('host:port, the ip where there is no host; unique in its cluster.'),
  cloudUniqueId: identifier.exactOptional(),
});
const nodeRefs = z.array(nodeRef).min(1).max(nodeLimits.nodesPerEvent).describe('Which nodes.');
const subjects = (data: { readonly instanceId: string; readonly clusterId: string }): readonly string[] => [
  `instance/${data.instanceId}`,
  `cluster/${data.instanceId}/${data.clusterId}`,
];

/** Raised by `addCluster` and `addNodes`; folded by `projections/computeNodes.ts`. */
export const nodesAdded = defineEvent('NodesAdded', {
  about: 'Nodes were added to a cluster.',
  version: 1,
  data: z.strictObject({
    ...key,
    type: z.enum(clusterTypes).describe("The cluster's: frontends are in SQL clusters, backends in all others."),
    nodes: z.array(computeNode).min(1).max(nodeLimits.nodesPerEvent).describe('The nodes, in stored order.'),
  }),
  subjects,
});

/** Raised by `dropNodes`; folded by `projections/computeNodes.ts`. */
export const nodesDropped = defineEvent('NodesDropped', {
  about: 'Nodes were taken out of a cluster.',
  version: 1,
  data: z.strictObject({ ...key, nodes: nodeRefs }),
  subjects,
});

/** Raised by `setNodeStatus`; folded by `projections/computeNodes.ts`: the nodes move to the end of their cluster. */
export const nodeStatusChanged = defineEvent('NodeStatusChanged', {
  about: 'Nodes began or finished to hand over their work.',
  version: 1,
  data: z.strictObject({ ...key, nodes: nodeRefs, to: z.enum(nodeStatuses).describe('Their status from now on.') }),
  subjects,
});

export type ComputeNodeEvent = EventOf<typeof nodesAdded> | EventOf<typeof nodesDropped> | EventOf<typeof nodeStatusChanged>;
