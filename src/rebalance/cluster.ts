import type { BucketRef } from '../../events/buckets.ts';
import type { ServerTag } from '../../events/serverTags.ts';

/** What the planner is told: servers and the buckets on them. The order of both lists means nothing. */
export interface Cluster {
  readonly servers: readonly Server[];
  readonly buckets: readonly Bucket[];
}

export interface Server {
  readonly id: number;
  /** Servers without one share the rack `default_rack`. */
  readonly rack?: string;
  readonly isLive: boolean;
  readonly tag?: ServerTag;
}

export interface Bucket extends BucketRef {
  /** The server that leads it; -1 when nobody does. */
  readonly leader: number;
  /** The servers that hold a copy, each once. The leader need not be the first. A server that is not listed counts as dead. */
  readonly replicas: readonly number[];
}

/** By table, partition and bucket; a table's own buckets come before those of partitions. */
export const compareBuckets = (a: BucketRef, b: BucketRef): number =>
  a.tableId - b.tableId || (a.partitionId ?? -1) - (b.partitionId ?? -1) || a.bucketId - b.bucketId;

/** A bucket for people who know it by its numbers. */
export const bucketText = ({ bucketId, partitionId, tableId }: BucketRef): string =>
  `bucket ${bucketId} of table ${tableId}${partitionId === undefined ? '' : `, partition ${partitionId}`}`;

export const defaultRack = 'default_rack';
