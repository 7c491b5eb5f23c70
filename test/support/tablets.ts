/** Tablet servers and buckets as events, for tests that begin with them. */
import { bucketsAssigned, isrChanged, leadersElected } from '../../events/buckets.ts';
import type { ChanceryEvent } from '../../events/index.ts';
import type { PlannedMove } from '../../events/rebalance.ts';
import { serverLost, serverRegistered, serverStopping } from '../../events/servers.ts';

export const incarnationOf = (serverId: number): string => `start-1-of-${serverId}`;
export const registered = (serverId: number): ChanceryEvent =>
  serverRegistered({
    serverId,
    directoryId: `directory-of-${serverId}`,
    incarnation: incarnationOf(serverId),
    endpoint: `tablet-${serverId}:9124`,
  });
export const servers = (...ids: readonly number[]): readonly ChanceryEvent[] => ids.map(registered);
export const lost = (serverId: number): ChanceryEvent => serverLost({ serverId, because: 'LEASE_EXPIRED' });
export const stopping = (serverId: number): ChanceryEvent => serverStopping({ serverId });

/** The buckets of table 7, from 0 on; the first replica leads. */
export const buckets = (...replicas: number[][]): ChanceryEvent => bucketsAssigned({ tableId: 7, replicas });
export const elected = (...rows: readonly (readonly [bucketId: number, leader: number, isr: number[]])[]): ChanceryEvent =>
  leadersElected({ buckets: rows.map(([bucketId, leader, isr]) => ({ tableId: 7, bucketId, leader, isr })) });
export const inSync = (serverId: number, ...rows: readonly (readonly [bucketId: number, isr: number[]])[]): ChanceryEvent =>
  isrChanged({ serverId, buckets: rows.map(([bucketId, isr]) => ({ tableId: 7, bucketId, isr })) });

/** Of a bucket of table 7; the first of each list leads. */
export function moveOf(bucketId: number, originalReplicas: number[], newReplicas: number[]): PlannedMove {
  const [originalLeader = -1, newLeader = -1] = [originalReplicas[0], newReplicas[0]];
  const reason = { because: 'TAGGED', tag: 'PERMANENT_OFFLINE' } as const;
  const steps = [{ askedBy: 'SERVER_TAG' as const, kind: 'REPLICA' as const, from: originalLeader, to: newLeader, reason }];
  return { tableId: 7, bucketId, originalLeader, newLeader, originalReplicas, newReplicas, steps };
}
