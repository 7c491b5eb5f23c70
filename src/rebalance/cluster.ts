/** What the planner is told: servers and the buckets on them. The order of both lists means nothing. */
export interface Cluster {
  readonly servers: readonly Server[];
  readonly buckets: readonly Bucket[];
}

export type ServerTag = 'PERMANENT_OFFLINE' | 'TEMPORARY_OFFLINE';

export interface Server {
  readonly id: number;
  /** Servers without one share the rack `default_rack`. */
  readonly rack?: string;
  readonly isLive: boolean;
  readonly tag?: ServerTag;
}

/** Names a bucket: `partitionId` is absent in a table without partitions. */
export interface BucketKey {
  readonly tableId: number;
  readonly partitionId?: number;
  readonly bucketId: number;
}

export interface Bucket extends BucketKey {
  /** The server that leads it; -1 when nobody does. */
  readonly leader: number;
  /** The servers that hold a copy, each once. The leader need not be the first. A server that is not listed counts as dead. */
  readonly replicas: readonly number[];
}

export const goals = ['REPLICA_DISTRIBUTION', 'LEADER_DISTRIBUTION', 'RACK_AWARE'] as const;
export type Goal = (typeof goals)[number];

/** By table, partition and bucket; a table's own buckets come before those of partitions. */
export const compareBuckets = (a: BucketKey, b: BucketKey): number =>
  a.tableId - b.tableId || (a.partitionId ?? -1) - (b.partitionId ?? -1) || a.bucketId - b.bucketId;

export const defaultRack = 'default_rack';
