import type { ComputeNode } from '../events/computeNodes.ts';
import { clusterKey } from './clusters.ts';
import { defineProjection } from './kit.ts';
import { Table } from './table.ts';

/** A node of a cluster; times in epoch seconds. */
export interface ComputeNodeRow extends ComputeNode {
  readonly ctime: number;
  readonly mtime: number;
}
/** Where a cloud_unique_id is registered: one instance, and for each of its clusters how many nodes carry it, the newest cluster last. */
export interface Registration {
  readonly instanceId: string;
  readonly clusters: readonly { readonly clusterId: string; readonly count: number }[];
}
export interface ComputeNodes {
  /** By `clusterKey`, in stored order. */
  readonly byCluster: Table<readonly ComputeNodeRow[]>;
  readonly byCloudUniqueId: Table<Registration>;
}

export const computeNodes = defineProjection<ComputeNodes>({
  name: 'computeNodes',
  version: 1,
  initial: () => ({ byCluster: Table.empty(), byCloudUniqueId: Table.empty() }),
  on: {},
});

/** The nodes of a cluster in stored order. */
export const nodesOf = (state: ComputeNodes, instanceId: string, clusterId: string): readonly ComputeNodeRow[] =>
  state.byCluster.get(clusterKey(instanceId, clusterId)) ?? [];
/** Where nodes with this cloud_unique_id are registered. Nodes without one, or with an empty one, are found by their address alone. */
export const registrationOf = (state: ComputeNodes, cloudUniqueId: string): Registration | undefined =>
  state.byCloudUniqueId.get(cloudUniqueId);
