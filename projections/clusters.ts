import type { ClusterPolicy, ClusterStatus, ClusterType } from '../events/clusters.ts';
import { defineProjection } from './kit.ts';
import { Table } from './table.ts';

/** A cluster without its nodes (`nodesOf`). */
export interface ClusterRow {
  readonly instanceId: string;
  readonly clusterId: string;
  readonly type: ClusterType;
  readonly clusterName?: string;
  readonly desc?: string;
  readonly mysqlUserName?: readonly string[];
  readonly publicEndpoint?: string;
  readonly privateEndpoint?: string;
  readonly status?: ClusterStatus;
  readonly clusterNames?: readonly string[];
  readonly policy?: ClusterPolicy;
  readonly properties?: Readonly<Record<string, string>>;
  /** Epoch seconds. */
  readonly ctime: number;
  readonly mtime: number;
}
/** Clusters by `clusterKey`, and for each instance the ids of its clusters in the order in which they came. */
export interface Clusters {
  readonly byKey: Table<ClusterRow>;
  readonly idsByInstance: Table<readonly string[]>;
}

export const clusters = defineProjection<Clusters>({
  name: 'clusters',
  version: 1,
  initial: () => ({ byKey: Table.empty(), idsByInstance: Table.empty() }),
  on: {},
});

/** Neither part can hold a control character: no two clusters have one key. */
export const clusterKey = (instanceId: string, clusterId: string): string => `${instanceId}\n${clusterId}`;
export const clusterOf = (state: Clusters, instanceId: string, clusterId: string): ClusterRow | undefined =>
  state.byKey.get(clusterKey(instanceId, clusterId));
/** The clusters of an instance, in the order in which they came. */
export const clustersOf = (state: Clusters, instanceId: string): readonly ClusterRow[] =>
  (state.idsByInstance.get(instanceId) ?? []).flatMap((clusterId) => clusterOf(state, instanceId, clusterId) ?? []);
export const clusterCount = (state: Clusters, instanceId: string): number => state.idsByInstance.get(instanceId)?.length ?? 0;
