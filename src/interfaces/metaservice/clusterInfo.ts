import { createHash, timingSafeEqual } from 'node:crypto';
import { clustersOf } from '../../../projections/clusters.ts';
import { type ComputeNodeRow, nodesOf } from '../../../projections/computeNodes.ts';
import { instanceRows } from '../../../projections/instances.ts';
import type { State } from '../../../projections/state.ts';
import { metaServicePrincipal } from '../../deciders/authorizer.ts';
import { metaServiceAccessOf } from '../../deciders/permissions.ts';
import { denialOfRead } from '../../engine/authorization.ts';
import { backendKey, type Heartbeat, type HeartbeatBoard } from '../../engine/heartbeats.ts';
import type { Node } from '../../engine/node.ts';
import type { Payload } from './envelope.ts';

/** How many backends one answer lists. */
export const clusterInfoLimits = { backends: 50_000 } as const;
const what = 'cloud_cluster_status';
const users: ReadonlySet<string> = new Set(['root', 'admin']);

/**
 * `GET /rest/v2/manager/cluster/cluster_info/cloud_cluster_status`, which frontends offer upstream: backends by the ids of their
 * clusters, with what they last reported. The answer is always HTTP 200; its `code` says what became of it. The query `instance_id`,
 * unknown upstream where a frontend has one instance, picks one; without it the clusters of all instances are listed, and those of
 * one id together.
 */
export class ClusterInfo {
  readonly #node: Pick<Node, 'denials' | 'state'>;
  readonly #board: Pick<HeartbeatBoard, 'list'>;
  readonly #password: Buffer;
  readonly #principal: string;
  readonly #hasCaughtUp: () => boolean;

  constructor({ adminPassword, hasCaughtUp, heartbeats, node, principal = metaServicePrincipal }: ClusterInfoParts) {
    this.#node = node;
    this.#board = heartbeats;
    this.#password = digest(adminPassword);
    this.#principal = principal;
    this.#hasCaughtUp = hasCaughtUp;
  }

  /** @param host address of the caller */
  async answer(query: URLSearchParams, authorization: unknown, host: string): Promise<Payload> {
    const refused = this.#refusal(authorization, host);
    if (refused !== undefined) return reply('Unauthorized', 401, refused);
    if (!this.#hasCaughtUp())
      return reply('Error', 1, 'this node has just come up and still folds the log; ask again, or ask another node');
    const reports = new Map<string, Heartbeat>();
    for (const each of await this.#board.list()) reports.set(backendKey(each.instanceId, each.host, each.heartbeatPort), each);
    const data = backendsByCluster(this.#node.state, query.get('instance_id'), reports);
    if (data !== undefined) return reply('success', 0, Object.fromEntries(data));
    return reply('Error', 1, `there are more than ${clusterInfoLimits.backends} backends; ask for one instance with ?instance_id=`);
  }

  /** Why a caller may not see this. */
  #refusal(authorization: unknown, host: string): string | undefined {
    const words = typeof authorization === 'string' ? authorization.trim().split(/\s+/) : [];
    if (words.length !== 2) return 'Need auth information.';
    const [user = '', ...password] = Buffer.from(words[1] ?? '', 'base64')
      .toString('utf8')
      .split(':');
    const isRight = timingSafeEqual(digest(password.join(':')), this.#password);
    if (!isRight || !users.has(user) || words[0]?.toLowerCase() !== 'basic') return `Access denied for ${user.slice(0, 200)}`;
    const asker = { principal: this.#principal, host, interface: 'metaservice' } as const;
    return denialOfRead(this.#node.denials, { state: this.#node.state, asker, what }, metaServiceAccessOf(what))?.detail;
  }
}

export interface ClusterInfoParts {
  readonly node: Pick<Node, 'denials' | 'state'>;
  readonly heartbeats: Pick<HeartbeatBoard, 'list'>;
  readonly adminPassword: string;
  /** Until then the tables know nothing, not even of an authorizer. */
  readonly hasCaughtUp: () => boolean;
  /** Whose acts those of the interface are; default `User:meta-service`. */
  readonly principal?: string;
}

/** @returns undefined when there are too many */
function backendsByCluster(
  state: State,
  only: string | null,
  reports: ReadonlyMap<string, Heartbeat>,
): ReadonlyMap<string, readonly object[]> | undefined {
  const byCluster = new Map<string, object[]>();
  const instanceIds = only === null ? instanceRows(state.instances).map(({ instanceId }) => instanceId) : [only];
  let count = 0;
  for (const instanceId of instanceIds)
    for (const { clusterId, type } of clustersOf(state.clusters, instanceId)) {
      const nodes = type === 'COMPUTE' ? nodesOf(state.computeNodes, instanceId, clusterId) : [];
      if (nodes.length === 0) continue;
      count += nodes.length;
      if (count > clusterInfoLimits.backends) return undefined;
      const listed = byCluster.get(clusterId) ?? [];
      for (const node of nodes) listed.push(backend(node, instanceId, reports));
      byCluster.set(clusterId, listed);
    }
  return byCluster;
}

function backend(node: ComputeNodeRow, instanceId: string, reports: ReadonlyMap<string, Heartbeat>): object {
  const host = node.host === undefined || node.host === '' ? (node.ip ?? '') : node.host;
  const heartbeatPort = node.heartbeatPort ?? -1;
  const report = reports.get(backendKey(instanceId, host, heartbeatPort));
  return {
    host,
    heartbeatPort,
    bePort: report?.bePort ?? -1,
    httpPort: report?.httpPort ?? -1,
    brpcPort: report?.brpcPort ?? -1,
    currentFragmentNum: report?.currentFragmentNum ?? 0,
    lastFragmentUpdateTime: report?.lastFragmentUpdateTime ?? 0,
  };
}

const reply = (msg: string, code: number, data: unknown): Payload => ({ http: 200, text: JSON.stringify({ msg, code, data, count: 0 }) });
const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
