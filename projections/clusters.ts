import type { ClusterPolicy, ClusterStatus, ClusterType } from '../events/clusters.ts';
import { secondsOf } from './instances.ts';
import { defineProjection, invariant, type Writable } from './kit.ts';
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
  /** Epoch seconds. A change of its nodes alone is none of the cluster. */
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
  on: {
    ClusterAdded: (state, { event: { data }, at }) => {
      const key = clusterKey(data.instanceId, data.clusterId);
      invariant(!state.byKey.has(key), `cluster ${data.clusterId} of ${data.instanceId} exists`);
      const seconds = secondsOf(at);
      state.byKey = state.byKey.set(key, { ...data, ctime: seconds, mtime: seconds });
      state.idsByInstance = state.idsByInstance.update(data.instanceId, (present = []) => [...present, data.clusterId]);
    },
    ClusterDropped: (state, { event: { data } }) => {
      const key = clusterKey(data.instanceId, data.clusterId);
      invariant(state.byKey.has(key), `cluster ${data.clusterId} of ${data.instanceId} does not exist`);
      state.byKey = state.byKey.delete(key);
      const rest = (state.idsByInstance.get(data.instanceId) ?? []).filter((id) => id !== data.clusterId);
      state.idsByInstance =
        rest.length === 0 ? state.idsByInstance.delete(data.instanceId) : state.idsByInstance.set(data.instanceId, rest);
    },
    ClusterRenamed: (state, { event: { data }, at }) => change(state, data, at, { clusterName: data.name }),
    MysqlUsersReplaced: (state, { event: { data }, at }) => change(state, data, at, { mysqlUserName: data.userNames }),
    ClusterEndpointChanged: (state, { event: { data }, at }) =>
      change(state, data, at, { publicEndpoint: data.publicEndpoint, privateEndpoint: data.privateEndpoint }),
    ClusterStatusChanged: (state, { event: { data }, at }) => change(state, data, at, { status: data.to }),
    VirtualClusterAltered: (state, { event: { data }, at }) =>
      change(state, data, at, { clusterNames: data.clusterNames, policy: data.policy }),
    ClusterPropertiesChanged: (state, { event: { data }, at }) => change(state, data, at, { properties: data.properties }),
  },
});

function change(
  state: Writable<Clusters>,
  { clusterId, instanceId }: { readonly instanceId: string; readonly clusterId: string },
  at: number,
  fields: Partial<ClusterRow>,
): void {
  const key = clusterKey(instanceId, clusterId);
  const row = state.byKey.get(key);
  invariant(row !== undefined, `cluster ${clusterId} of ${instanceId} does not exist`);
  state.byKey = state.byKey.set(key, { ...row, ...fields, mtime: secondsOf(at) });
}

/** Neither part can hold a control character: no two clusters have one key. */
export const clusterKey = (instanceId: string, clusterId: string): string => `${instanceId}\n${clusterId}`;
export const clusterOf = (state: Clusters, instanceId: string, clusterId: string): ClusterRow | undefined =>
  state.byKey.get(clusterKey(instanceId, clusterId));
/** The clusters of an instance, in the order in which they came. */
export const clustersOf = (state: Clusters, instanceId: string): readonly ClusterRow[] =>
  (state.idsByInstance.get(instanceId) ?? []).flatMap((clusterId) => clusterOf(state, instanceId, clusterId) ?? []);
/** The oldest cluster with frontends. Only which clusters there are can change it, so it is looked for once for each list of them. */
export function firstSqlCluster(state: Clusters, instanceId: string): ClusterRow | undefined {
  const ids = state.idsByInstance.get(instanceId);
  if (ids === undefined) return undefined;
  let first = firstSql.get(ids);
  if (first === undefined) {
    first = { clusterId: ids.find((clusterId) => clusterOf(state, instanceId, clusterId)?.type === 'SQL') };
    firstSql.set(ids, first);
  }
  return first.clusterId === undefined ? undefined : clusterOf(state, instanceId, first.clusterId);
}
const firstSql = new WeakMap<readonly string[], { readonly clusterId: string | undefined }>();
export const clusterCount = (state: Clusters, instanceId: string): number => state.idsByInstance.get(instanceId)?.length ?? 0;
