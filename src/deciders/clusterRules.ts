import { z } from 'zod';
import { clusterLimits, clusterStatuses, clusterTypes } from '../../events/clusters.ts';
import { type ComputeNode, nodeLimits, nodeStatuses, nodeTypes } from '../../events/computeNodes.ts';
import { freeText, identifier, int32, int64 } from '../../events/kit.ts';
import { type ClusterRow, clusterOf, clustersOf } from '../../projections/clusters.ts';
import { addressOf, registrationOf } from '../../projections/computeNodes.ts';
import { configOf } from '../../projections/configs.ts';
import { secondsOf } from '../../projections/instances.ts';
import type { State } from '../../projections/state.ts';
import { isRejection, type Rejection, rejection } from '../rejection.ts';
import { namesUnknownInstance, targetInstance } from './instanceResolution.ts';
import type { Context } from './kit.ts';

/** A value of an enum by its name, or a number that it does not know. */
const oneOf = <const T extends readonly [string, ...string[]]>(names: T) => z.union([z.enum(names), int32]);
const names = z.array(identifier).max(clusterLimits.names, `at most ${clusterLimits.names} in one request`);
const properties = z
  .record(identifier, freeText)
  .refine((given) => Object.keys(given).length <= clusterLimits.properties, `at most ${clusterLimits.properties} properties`);

const givenNode = z.strictObject({
  cloudUniqueId: identifier.exactOptional(),
  name: identifier.exactOptional(),
  ip: identifier.exactOptional(),
  vpcName: identifier.exactOptional(),
  ctime: int64.exactOptional(),
  mtime: int64.exactOptional(),
  status: oneOf(nodeStatuses).exactOptional(),
  heartbeatPort: int32.exactOptional(),
  desc: freeText.exactOptional(),
  editLogPort: int32.exactOptional(),
  nodeType: oneOf(nodeTypes).exactOptional(),
  isSmoothUpgrade: z.boolean().exactOptional(),
  host: identifier.exactOptional(),
  publicEndpoint: identifier.exactOptional(),
  privateEndpoint: identifier.exactOptional(),
});
export type GivenNode = Readonly<z.infer<typeof givenNode>>;
const givenPolicy = z.strictObject({
  type: oneOf(['ActiveStandby']).exactOptional(),
  activeClusterName: identifier.exactOptional(),
  standbyClusterNames: names.exactOptional(),
  failoverFailureThreshold: int64.exactOptional(),
  unhealthyNodeThresholdPercent: int64.exactOptional(),
  cacheWarmupJobids: names.exactOptional(),
});
export type GivenPolicy = Readonly<z.infer<typeof givenPolicy>>;
/** A cluster as a request gives it; all of its fields, whether they count or not. */
const givenCluster = z.strictObject({
  clusterId: identifier.exactOptional(),
  clusterName: identifier.exactOptional(),
  type: oneOf(clusterTypes).exactOptional(),
  desc: freeText.exactOptional(),
  nodes: z.array(givenNode).max(nodeLimits.nodesPerEvent, `at most ${nodeLimits.nodesPerEvent} nodes in one request`).exactOptional(),
  mysqlUserName: names.exactOptional(),
  publicEndpoint: identifier.exactOptional(),
  privateEndpoint: identifier.exactOptional(),
  clusterStatus: oneOf(clusterStatuses).exactOptional(),
  ctime: int64.exactOptional(),
  mtime: int64.exactOptional(),
  clusterNames: names.exactOptional(),
  clusterPolicy: givenPolicy.exactOptional(),
  properties: properties.exactOptional(),
});
export type GivenCluster = Readonly<z.infer<typeof givenCluster>>;

/** What every command of the alter cluster family is given. */
export const alterClusterFields = {
  instanceId: identifier.exactOptional(),
  cloudUniqueId: identifier.exactOptional(),
  cluster: givenCluster.exactOptional(),
} as const;
const alterCluster = z.strictObject(alterClusterFields);
export type AlterCluster = Readonly<z.infer<typeof alterCluster>>;

export interface Target {
  readonly instanceId: string;
  readonly cluster: GivenCluster;
}
/** What comes before every operation on clusters. @returns whose cluster is meant; or UNRESOLVED_INSTANCE, INVALID_CLUSTER */
export function targetOf(state: State, { cloudUniqueId, cluster, instanceId }: AlterCluster): Target | Rejection {
  const target = targetInstance(state, {
    ...(instanceId === undefined ? {} : { instanceId }),
    ...(cloudUniqueId === undefined ? {} : { cloudUniqueId }),
  });
  if (isRejection(target)) return target;
  if (target === '' || cluster === undefined) return invalid('cluster', 'invalid request instance_id or cluster not given');
  return { instanceId: target, cluster };
}

export const invalid = (field: string, detail: string): Rejection => rejection('INVALID_CLUSTER', field, detail);

/** The value when it is one of the names; a number that the enum does not know counts as not given. */
export const named = <const T extends string>(all: readonly T[], value: string | number | undefined): T | undefined =>
  all.find((name) => name === value);

const namePattern = /^[a-zA-Z][a-zA-Z0-9_]*$/;
export const isProperName = (name: string): boolean => namePattern.test(name);

/**
 * What can be said of a cluster and its nodes without looking at others: asked first by `addCluster` and all operations on nodes.
 * What applies to virtual clusters alone is in `virtualClusters.ts` and comes after this.
 */
export function parameterFault(state: State, cluster: GivenCluster, isNew: boolean): Rejection | undefined {
  const type = named(clusterTypes, cluster.type);
  if (type === undefined) return invalid('cluster.type', 'cluster must have type arg');
  const name = cluster.clusterName ?? '';
  if (isNew && name === '') return invalid('cluster.clusterName', 'not have cluster name');
  if (name !== '' && configOf(state.configs, 'chancery.meta-service.check-cluster-names') && !isProperName(name))
    return invalid('cluster.clusterName', 'cluster name not regex with ^[a-zA-Z][a-zA-Z0-9_]*$, please check it');
  for (const [i, node] of (cluster.nodes ?? []).entries()) {
    const fault = nodeFault(state, type, node, `cluster.nodes[${i}]`);
    if (fault !== undefined) return fault;
  }
  return isNew && type === 'SQL' ? frontendsFault(cluster.nodes ?? []) : undefined;
}

function nodeFault(state: State, type: string, node: GivenNode, field: string): Rejection | undefined {
  if (node.cloudUniqueId !== undefined && namesUnknownInstance(state, node.cloudUniqueId))
    return invalid(`${field}.cloudUniqueId`, `node=${brief(node)} cloud_unique_id use degrade format, but check instance failed`);
  const hasPort = (port: number | undefined): boolean => port !== undefined && port !== 0;
  const isComplete =
    type === 'SQL'
      ? hasPort(node.editLogPort) && named(nodeTypes, node.nodeType) !== undefined
      : type !== 'COMPUTE' || hasPort(node.heartbeatPort);
  if (isComplete) return undefined;
  const what = 'edit_log_port is required for frontends while heatbeat_port is required for banckends';
  return invalid(field, `check cluster params failed, ${what}, node : ${brief(node)}`);
}

/** Masters and followers among nodes. */
export function frontendsAmong(nodes: readonly Pick<GivenNode, 'nodeType'>[]): { readonly masters: number; readonly followers: number } {
  let [masters, followers] = [0, 0];
  for (const { nodeType } of nodes) {
    if (nodeType === 'FE_MASTER') masters += 1;
    if (nodeType === 'FE_FOLLOWER') followers += 1;
  }
  return { masters, followers };
}

function frontendsFault(nodes: readonly GivenNode[]): Rejection | undefined {
  const { followers, masters } = frontendsAmong(nodes);
  const counts = `master count: ${masters}`;
  if (masters > 0 && followers > 0) {
    const detail = `cluster is SQL type, and use multi follower mode, cant set master node, ${counts} follower count: ${followers}`;
    return invalid('cluster.nodes', detail);
  }
  return followers === 0 && masters !== 1
    ? invalid('cluster.nodes', `cluster is SQL type, must have only one master node, now ${counts}`)
    : undefined;
}

/** A node as the log keeps it: what was sent, but for the times, which are the log's to give. */
export function nodeGiven({ ctime: _ctime, mtime: _mtime, nodeType, status, ...rest }: GivenNode): ComputeNode {
  const [knownType, knownStatus] = [named(nodeTypes, nodeType), named(nodeStatuses, status)];
  return {
    ...rest,
    ...(knownType === undefined ? {} : { nodeType: knownType }),
    ...(knownStatus === undefined ? {} : { status: knownStatus }),
  };
}

/** Whether each node has an address that nobody else of its kind has. A second node at one address is refused, too. */
export function endpointFault(
  type: 'SQL' | 'COMPUTE' | 'VIRTUAL',
  nodes: readonly GivenNode[],
  isTaken: (address: string) => boolean,
): Rejection | undefined {
  const seen = new Set<string>();
  for (const [i, node] of nodes.entries()) {
    if ((node.host ?? '') === '' && (node.ip ?? '') === '')
      return invalid(`cluster.nodes[${i}]`, `add node input args node invalid, cluster=${brief(node)}`);
    const address = addressOf(type, nodeGiven(node));
    if (seen.has(address) || isTaken(address)) {
      const [kind, short] = type === 'SQL' ? ['sql', 'fe'] : ['compute', 'be'];
      const detail = `${kind} node endpoint has been added, registered ${short} node=${address}`;
      return rejection('ENDPOINT_TAKEN', `cluster.nodes[${i}]`, detail);
    }
    seen.add(address);
  }
  return undefined;
}

/** Whether the ids of the nodes belong to another instance. */
export function occupiedFault(state: State, instanceId: string, nodes: readonly GivenNode[]): Rejection | undefined {
  for (const [i, { cloudUniqueId = '' }] of nodes.entries()) {
    const holder = registrationOf(state.computeNodes, cloudUniqueId);
    if (holder === undefined || holder.instanceId === instanceId) continue;
    const clusterId = holder.clusters[0]?.clusterId ?? '';
    const clusterName = clusterOf(state.clusters, holder.instanceId, clusterId)?.clusterName ?? '';
    const where = `instance_id=${holder.instanceId} cluster_name=${clusterName} cluster_id=${clusterId}`;
    const detail = `cloud_unique_id is already occupied by an instance, ${where} cloud_unique_id=${cloudUniqueId}`;
    return rejection('CLOUD_UNIQUE_ID_TAKEN', `cluster.nodes[${i}].cloudUniqueId`, detail);
  }
  return undefined;
}

/** Seconds during which a frontend may not be dropped after it was added. */
const safeDropSeconds = 5 * 60;
/** How `resource_manager::set_safe_drop_time` changes them. */
export const safeDropField = { safeDropSeconds: int32.exactOptional() } as const;

type Times = Pick<Context, 'now' | 'timeOfDay'>;
/**
 * Whether a frontend is too young to be dropped. When it was added is a date of the log, or what the caller gave, in time of day: while the
 * log is ahead it is protected for longer rather than for too short.
 */
export function isYoung(state: State, node: { readonly ctime: number }, { now, timeOfDay }: Times, given: number | undefined): boolean {
  if (!configOf(state.configs, 'chancery.meta-service.protect-young-frontends')) return false;
  return secondsOf(Math.min(now, timeOfDay)) <= node.ctime + (given ?? safeDropSeconds);
}

/** The first cluster of that name; no two of an instance have the same. */
export const clusterNamed = (state: State, instanceId: string, name: string): ClusterRow | undefined =>
  clustersOf(state.clusters, instanceId).find(({ clusterName = '' }) => clusterName === name);

/** A part of a request as a refusal repeats it: compact JSON in the schema's names, cut where it grows long. */
export function brief(value: object): string {
  const text = JSON.stringify(value, (_, part: unknown) => (isPlain(part) ? inSchemaNames(part) : part));
  return text.length <= briefLength ? text : `${text.slice(0, briefLength).toWellFormed()}…`;
}
const briefLength = 1000;
const isPlain = (part: unknown): part is object => typeof part === 'object' && part !== null && !Array.isArray(part);
const inSchemaNames = (part: object): object =>
  Object.fromEntries(Object.entries(part).map(([key, value]) => [key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`), value]));
