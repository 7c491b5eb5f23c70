import { z } from 'zod';
import { instanceId } from './instances.ts';
import { defineEvent, type EventOf, freeText, identifier, int64 } from './kit.ts';

export const clusterTypes = ['SQL', 'COMPUTE', 'VIRTUAL'] as const;
export type ClusterType = (typeof clusterTypes)[number];
/** A compute cluster's status; `UNKNOWN` also stands for one that was never set. */
export const clusterStatuses = ['UNKNOWN', 'NORMAL', 'SUSPENDED', 'TO_RESUME', 'MANUAL_SHUTDOWN'] as const;
export type ClusterStatus = (typeof clusterStatuses)[number];

/** How many names and pairs a cluster may carry, and how many clusters an instance may have. */
export const clusterLimits = { names: 1000, properties: 1000, clustersPerInstance: 1000 } as const;

export const clusterPolicy = z.strictObject({
  type: z.literal('ActiveStandby'),
  activeClusterName: identifier.exactOptional(),
  standbyClusterNames: z.array(identifier).max(clusterLimits.names).exactOptional(),
  failoverFailureThreshold: int64.exactOptional(),
  unhealthyNodeThresholdPercent: int64.exactOptional(),
  cacheWarmupJobids: z.array(identifier).max(clusterLimits.names).exactOptional(),
});
export type ClusterPolicy = Readonly<z.infer<typeof clusterPolicy>>;

const clusterName = identifier.describe('Its name, unique in its instance.');
const userNames = z.array(identifier).max(clusterLimits.names).describe('The users for whom it is the default.');
const members = z.array(identifier).max(clusterLimits.names).describe('The names of the clusters that a virtual one groups.');
const properties = z.record(identifier, freeText).describe('Settings that only the frontends know.');
/** A cluster as it was given, without its nodes. What was not given is absent. */
export const clusterFields = {
  clusterName: clusterName.exactOptional(),
  desc: freeText.exactOptional().describe("The caller's words."),
  mysqlUserName: userNames.exactOptional(),
  publicEndpoint: identifier.exactOptional().describe('Where it is reached from outside.'),
  privateEndpoint: identifier.exactOptional().describe('Where it is reached from inside.'),
  clusterNames: members.exactOptional(),
  properties: properties.exactOptional(),
} as const;
const status = z.enum(clusterStatuses);
const policy = clusterPolicy.describe('Which member works, and when another one takes over.');

/** Free, unique in its instance, and possibly empty: a cluster that was given none is the one with the empty id. */
export const clusterId = identifier.describe('The cluster, unique in its instance.');
const key = { instanceId, clusterId };
const subjects = (data: { readonly instanceId: string; readonly clusterId: string }): readonly string[] => [
  `instance/${data.instanceId}`,
  `cluster/${data.instanceId}/${data.clusterId}`,
];

/** Raised by `addCluster`, with a `NodesAdded` behind it when it has nodes; folded by `projections/clusters.ts`. */
export const clusterAdded = defineEvent('ClusterAdded', {
  about: 'A cluster was added to an instance.',
  version: 1,
  data: z.strictObject({
    ...key,
    ...clusterFields,
    type: z.enum(clusterTypes).describe('SQL: frontends. COMPUTE: backends. VIRTUAL: two compute clusters under one name.'),
    status: status.exactOptional().describe('Its status; absent when none was given.'),
    policy: policy.exactOptional(),
  }),
  subjects,
});

/** Raised by `dropCluster`, by `renameCluster` for an empty cluster in the way; folded by `projections/{clusters,computeNodes}.ts`. */
export const clusterDropped = defineEvent('ClusterDropped', {
  about: 'A cluster was dropped, and its nodes with it.',
  version: 1,
  data: z.strictObject({ ...key, clusterName: clusterName.exactOptional() }),
  subjects,
});

/** Raised by `renameCluster`; folded by `projections/clusters.ts`. */
export const clusterRenamed = defineEvent('ClusterRenamed', {
  about: 'A cluster was given another name.',
  version: 1,
  data: z.strictObject({ ...key, previous: identifier.exactOptional().describe('The name before.'), name: clusterName }),
  subjects,
});

/** Raised by `replaceMysqlUsers`; folded by `projections/clusters.ts`. */
export const mysqlUsersReplaced = defineEvent('MysqlUsersReplaced', {
  about: 'The users for whom a cluster is the default were replaced.',
  version: 1,
  data: z.strictObject({
    ...key,
    previous: z.array(identifier).max(clusterLimits.names).describe('The users before.'),
    userNames,
  }),
  subjects,
});

/** Raised by `setClusterEndpoint`; folded by `projections/clusters.ts`. */
export const clusterEndpointChanged = defineEvent('ClusterEndpointChanged', {
  about: 'A cluster was given other addresses.',
  version: 1,
  data: z.strictObject({
    ...key,
    publicEndpoint: identifier.describe('Where it is reached from outside; empty: nowhere.'),
    privateEndpoint: identifier.describe('Where it is reached from inside.'),
  }),
  subjects,
});

/** Raised by `setClusterStatus`; folded by `projections/clusters.ts`. */
export const clusterStatusChanged = defineEvent('ClusterStatusChanged', {
  about: 'A compute cluster changed its status.',
  version: 1,
  data: z.strictObject({ ...key, from: status.describe('The status before.'), to: status.describe('The status from now on.') }),
  subjects,
});

/** Raised by `alterVirtualCluster`; folded by `projections/clusters.ts`. */
export const virtualClusterAltered = defineEvent('VirtualClusterAltered', {
  about: 'The members or the policy of a virtual cluster were changed.',
  version: 1,
  data: z.strictObject({ ...key, clusterNames: members, policy }),
  subjects,
});

/** Raised by `setClusterProperties`; folded by `projections/clusters.ts`. */
export const clusterPropertiesChanged = defineEvent('ClusterPropertiesChanged', {
  about: 'The properties of a cluster were changed.',
  version: 1,
  data: z.strictObject({ ...key, properties }),
  subjects,
});

export type ClusterEvent =
  | EventOf<typeof clusterAdded>
  | EventOf<typeof clusterDropped>
  | EventOf<typeof clusterRenamed>
  | EventOf<typeof mysqlUsersReplaced>
  | EventOf<typeof clusterEndpointChanged>
  | EventOf<typeof clusterStatusChanged>
  | EventOf<typeof virtualClusterAltered>
  | EventOf<typeof clusterPropertiesChanged>;
