import type { ClusterPolicy } from '../../events/clusters.ts';
import { type ClusterRow, clustersOf } from '../../projections/clusters.ts';
import type { State } from '../../projections/state.ts';
import type { Rejection } from '../rejection.ts';
import { clusterNamed, type GivenCluster, type GivenPolicy, invalid, isProperName, parameterFault } from './clusterRules.ts';

/** What a virtual cluster is made of; both are absent in one that is still empty. */
export interface Group {
  readonly clusterNames?: readonly string[] | undefined;
  readonly policy?: GivenPolicy | undefined;
}

/** Everything that can be said of the cluster in a request without looking at others, virtual or not. */
export const requestFault = (state: State, cluster: GivenCluster, isNew: boolean): Rejection | undefined =>
  parameterFault(state, cluster, isNew) ??
  (cluster.type === 'VIRTUAL'
    ? (partsFault(cluster) ?? groupFault({ clusterNames: cluster.clusterNames, policy: cluster.clusterPolicy }))
    : undefined);

export const inconsistent = invalid('cluster', 'Inconsistent virtual cluster args');
interface Parts {
  readonly nodes?: readonly unknown[] | undefined;
  readonly mysqlUserName?: readonly string[] | undefined;
  readonly publicEndpoint?: string | undefined;
  readonly privateEndpoint?: string | undefined;
  readonly clusterStatus?: string | number | undefined;
}
/** Whether a cluster that is, or is to be, a virtual one has something that only others may have. */
export function partsFault(parts: Parts): Rejection | undefined {
  const { clusterStatus, mysqlUserName = [], nodes = [], privateEndpoint, publicEndpoint } = parts;
  const given = [publicEndpoint, privateEndpoint, clusterStatus].some((value) => value !== undefined);
  return given || nodes.length > 0 || mysqlUserName.length > 0 ? inconsistent : undefined;
}

/** Whether names and policy fit together, defaults taken for what is not given. Whether such clusters exist is `membersFault`. */
export function groupFault({ clusterNames = [], policy }: Group): Rejection | undefined {
  if (clusterNames.length === 0 && policy === undefined) return undefined;
  if (clusterNames.length === 0 || policy === undefined)
    return invalid('cluster', 'subcgs and policy must be Incoming at the same time or do not transmit at the same time');
  if (clusterNames.length !== 2) return invalid('cluster.clusterNames', 'Currently, just support two sub clusters');
  const odd = clusterNames.find((name) => !isProperName(name));
  if (odd !== undefined) return invalid('cluster.clusterNames', `cluster name ${odd} does not match regex ^[a-zA-Z][a-zA-Z0-9_]*$`);
  return policyFault(clusterNames, policy);
}

function policyFault(clusterNames: readonly string[], policy: GivenPolicy): Rejection | undefined {
  const fault = (detail: string): Rejection => invalid('cluster.clusterPolicy', detail);
  const { activeClusterName: active, standbyClusterNames: standby = [] } = policy;
  if (policy.type === undefined) return fault('plz set cluster policy type, use virtual cluster policy');
  if (policy.type !== 'ActiveStandby') return fault('cluster policy type must be ActiveStandby');
  if ((active !== undefined) !== standby.length > 0) {
    const what = 'active_cluster_name must be set if standby_cluster_names are present, and vice versa.';
    return fault(`Inconsistent cluster policy: ${what}`);
  }
  if (active === undefined || !clusterNames.includes(active))
    return fault('active_cluster_name must not be empty and must be in cluster_names');
  for (const name of standby) {
    if (!clusterNames.includes(name)) return fault(`standby_cluster_name ${name} must be in cluster_names`);
    if (name === active) return fault('active_cluster_name is same of standby_cluster_name');
  }
  const { failoverFailureThreshold: threshold, unhealthyNodeThresholdPercent: percent } = withDefaults(policy);
  if (threshold <= 0) return fault('failover_failure_threshold must be greater than 0 and less than max(int64)');
  if (percent <= 0 || percent > 100) return fault('unhealthy_node_threshold_percent must be greater than 0 and less than or equal to 100');
  return undefined;
}

const defaults = { failoverFailureThreshold: 3, unhealthyNodeThresholdPercent: 100 } as const;
const withDefaults = (policy: GivenPolicy) => ({ ...defaults, ...policy });
/** A policy that `groupFault` has let through, as the log keeps it. */
export const policyGiven = (policy: GivenPolicy): ClusterPolicy => ({ ...withDefaults(policy), type: 'ActiveStandby' });

/**
 * Whether the clusters to be grouped are there, compute clusters, and in no other group.
 * @param except the id of the virtual cluster that is being changed
 */
export function membersFault(state: State, instanceId: string, clusterNames: readonly string[], except?: string): Rejection | undefined {
  const fault = (detail: string): Rejection => invalid('cluster.clusterNames', detail);
  for (const name of clusterNames) {
    const member = clusterNamed(state, instanceId, name);
    if (member === undefined) return fault(`sub cluster ${name} not been added in instance, plz add it before create virtual cluster`);
    if (member.type !== 'COMPUTE') return fault(`sub cluster ${name} 's type must be eq COMPUTE`);
    const owner = ownerOf(state, instanceId, name);
    if (owner !== undefined && owner.clusterId !== except)
      return fault(`sub cluster ${name} has been add by other vcg=${owner.clusterName}`);
  }
  return undefined;
}

/** The virtual cluster that groups a cluster of that name. */
export const ownerOf = (state: State, instanceId: string, name: string): ClusterRow | undefined =>
  clustersOf(state.clusters, instanceId).find(({ clusterNames = [], type }) => type === 'VIRTUAL' && clusterNames.includes(name));

/** A group with what a request gives put over it: names and standby as a whole (the first standby counts), the policy part by part. */
export function groupAfter(
  present: Group,
  { clusterNames = [], clusterPolicy }: Pick<GivenCluster, 'clusterNames' | 'clusterPolicy'>,
): Group {
  const { cacheWarmupJobids = [], standbyClusterNames = [], ...parts } = clusterPolicy ?? {};
  const policy =
    clusterPolicy === undefined
      ? present.policy
      : {
          ...present.policy,
          ...parts,
          ...(standbyClusterNames.length === 0 ? {} : { standbyClusterNames: standbyClusterNames.slice(0, 1) }),
          ...(cacheWarmupJobids.length === 0 ? {} : { cacheWarmupJobids }),
        };
  return { clusterNames: clusterNames.length === 0 ? present.clusterNames : clusterNames, policy };
}
