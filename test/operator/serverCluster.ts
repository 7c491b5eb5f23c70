/** Nodes whose log already knows of tablet servers and of buckets on them. */
import { type BucketEvent, bucketsAssigned } from '../../events/buckets.ts';
import type { ChanceryEvent } from '../../events/index.ts';
import { leadershipTaken, logCreated } from '../../events/leadership.ts';
import { serverRegistered } from '../../events/servers.ts';
import { logOf } from '../support/given.ts';
import { call, type Served, ServedCluster } from './support.ts';

export const processOf = (serverId: number) => ({ directoryId: `d${serverId}`, incarnation: `i${serverId}` });
export const registration = (serverId: number) => ({ ...processOf(serverId), endpoint: `127.0.0.1:${9000 + serverId}` });
export const isThere = (serverId: number, rack?: string): ChanceryEvent =>
  serverRegistered({ serverId, ...registration(serverId), ...(rack === undefined ? {} : { rack }) });
/** Buckets from 0 on, each with these replicas. */
export const buckets = (tableId: number, ...replicas: readonly number[][]): BucketEvent =>
  bucketsAssigned({ tableId, replicas: [...replicas] });

/** A cluster whose log begins with these events, led in epoch 1 by somebody who is gone. */
export function clusterAfter(...events: readonly ChanceryEvent[]): ServedCluster {
  const cluster = new ServedCluster();
  cluster.hub.raiseEpoch();
  const began = [logCreated({ clusterId: 'c1', format: 1 }), leadershipTaken({ nodeId: 'n0', epoch: 1, staticConfigs: {} })];
  for (const encoded of logOf([...began, ...events].map((event) => ({ events: [event] })))) cluster.hub.append(encoded);
  return cluster;
}

export interface Said {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
  readonly position: number;
}
/** One request of a tablet server. @param what `registration`, `heartbeats`, `assignment?after=3` */
export async function tell({ url }: Pick<Served, 'url'>, serverId: number, what: string, body?: object, method?: string): Promise<Said> {
  const options = { ...(body === undefined ? {} : { body }), ...(method === undefined ? {} : { method }) };
  const { headers, json, status } = await call(`${url}/v1/servers/${serverId}/${what}`, options);
  return { status, body: json, position: Number(headers.get('chancery-position')) };
}
