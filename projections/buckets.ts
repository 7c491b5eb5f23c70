import { type BucketRef, noLeader } from '../events/buckets.ts';
import { defineProjection, invariant, type Writable } from './kit.ts';
import { Table } from './table.ts';

/** Where a bucket is. */
export interface BucketRow extends BucketRef {
  /** The servers that hold a copy, each once. While it moves: those of the plan first, then those that it leaves. */
  readonly replicas: readonly number[];
  /** One of the in-sync replicas; -1 when none of those is there. */
  readonly leader: number;
  /**
   * One more with each new leader, and when there is none any more: whoever leads with an older one is fenced. Also when a copy goes, with
   * the directory of its server or because it is needed no more: what its leader knew of it must not count for the next one. From 0.
   */
  readonly leaderEpoch: number;
  /** Those that have everything that was acknowledged: never empty, and the only ones that may lead. */
  readonly isr: readonly number[];
  /** How long the leader's copy was when it last reported its in-sync replicas. */
  readonly bytes?: number;
  /** One more with each change of this row: a report that rests on an older one is passed over. From 0. */
  readonly bucketEpoch: number;
}
/** Keys of the buckets of which a server holds a copy, by what it is to them. */
export interface Holdings {
  readonly leading: Table<true>;
  /** In sync with a leader. */
  readonly following: Table<true>;
  /** Behind the leader, or without one. */
  readonly lagging: Table<true>;
  /** Position of the newest event that changed any of them, or took one away. */
  readonly position: number;
}
export interface Buckets {
  readonly byKey: Table<BucketRow>;
  /** A server that never held anything is not there. */
  readonly byServer: Table<Holdings>;
  /** Buckets without a leader. */
  readonly leaderless: Table<true>;
}

/** `7/2`, `7/31/2` with a partition. */
export const bucketKey = ({ bucketId, partitionId, tableId }: BucketRef): string =>
  partitionId === undefined ? `${tableId}/${bucketId}` : `${tableId}/${partitionId}/${bucketId}`;
/** Only what names it. */
export const bucketRefOf = ({ bucketId, partitionId, tableId }: BucketRef): BucketRef =>
  partitionId === undefined ? { tableId, bucketId } : { tableId, partitionId, bucketId };

export const buckets = defineProjection<Buckets>({
  name: 'buckets',
  version: 1,
  initial: () => ({ byKey: Table.empty(), byServer: Table.empty(), leaderless: Table.empty() }),
  on: {
    BucketsAssigned: (state, { event: { data }, position }) => {
      for (const [bucketId, replicas] of data.replicas.entries()) {
        const ref = bucketRefOf({ ...data, bucketId });
        invariant(!state.byKey.has(bucketKey(ref)), `bucket ${bucketKey(ref)} has replicas already`);
        const row = { ...ref, replicas, leader: replicas[0] ?? noLeader, leaderEpoch: 0, isr: replicas, bucketEpoch: 0 };
        change(state, undefined, row, position);
      }
    },
    LeadersElected: (state, { event: { data }, position }) => {
      for (const { isr, leader, ...ref } of data.buckets) alter(state, ref, { isr, leader }, position);
    },
    IsrChanged: (state, { event: { data }, position }) => {
      for (const { bytes, isr, ...ref } of data.buckets) alter(state, ref, { isr, ...(bytes === undefined ? {} : { bytes }) }, position);
    },
    ReplicasAdded: (state, { event: { data }, position }) => alter(state, data, { replicas: data.replicas }, position),
    LeaderHandedOver: (state, { event: { data }, position }) => alter(state, data, { leader: data.to }, position),
    ReplicasDropped: (state, { event: { data }, position }) =>
      alter(state, data, { replicas: data.replicas, isr: data.isr, isNewTerm: true }, position),
    ServerRegistered: (state, { event: { data }, position }) => {
      if (data.replaces === undefined) return;
      for (const row of [...bucketsOn(state as Buckets, data.serverId)]) alter(state, row, { isNewTerm: true }, position);
    },
    TableDropped: (state, { event: { data }, position }) => {
      if (data.partitionIds.length === 0) remove(state, data, data.bucketCount, position);
      for (const partitionId of data.partitionIds) remove(state, { tableId: data.tableId, partitionId }, data.bucketCount, position);
    },
    PartitionDropped: (state, { event: { data }, position }) => remove(state, data, data.bucketCount, position),
  },
});

interface Change extends Partial<Pick<BucketRow, 'bytes' | 'isr' | 'leader' | 'replicas'>> {
  /** The leader begins anew, even if it is the same one. */
  readonly isNewTerm?: boolean;
}

function alter(state: Writable<Buckets>, ref: BucketRef, { isNewTerm = false, ...to }: Change, position: number): void {
  const key = bucketKey(ref);
  const before = state.byKey.get(key);
  invariant(before !== undefined, `there is no bucket ${key}`);
  const isOther = to.leader !== undefined && to.leader !== before.leader;
  const epochs = {
    leaderEpoch: before.leaderEpoch + (isOther || isNewTerm ? 1 : 0),
    bucketEpoch: before.bucketEpoch + 1,
  };
  const after = { ...before, ...to, ...epochs };
  invariant(after.isr.length > 0 && after.isr.every((id) => after.replicas.includes(id)), `bucket ${key} has in-sync replicas elsewhere`);
  invariant(after.leader === noLeader || after.isr.includes(after.leader), `bucket ${key} is led by ${after.leader}, who is not in sync`);
  change(state, before, after, position);
}

function remove(
  state: Writable<Buckets>,
  { partitionId, tableId }: Omit<BucketRef, 'bucketId'>,
  bucketCount: number,
  position: number,
): void {
  for (let bucketId = 0; bucketId < bucketCount; bucketId += 1) {
    const before = state.byKey.get(bucketKey(partitionId === undefined ? { tableId, bucketId } : { tableId, partitionId, bucketId }));
    if (before !== undefined) change(state, before, undefined, position);
  }
}

type Role = 'leading' | 'following' | 'lagging';
function roleOf(row: BucketRow | undefined, serverId: number): Role | undefined {
  if (row?.replicas.includes(serverId) !== true) return undefined;
  if (row.leader === serverId) return 'leading';
  return row.leader !== noLeader && row.isr.includes(serverId) ? 'following' : 'lagging';
}

/** Puts a row in another one's place, and each of its servers where it belongs. */
function change(state: Writable<Buckets>, before: BucketRow | undefined, after: BucketRow | undefined, position: number): void {
  const row = after ?? before;
  if (row === undefined) return;
  const key = bucketKey(row);
  state.byKey = after === undefined ? state.byKey.delete(key) : state.byKey.set(key, after);
  if (after?.leader === noLeader) state.leaderless = state.leaderless.set(key, true);
  else state.leaderless = state.leaderless.delete(key);
  for (const serverId of new Set([...(before?.replicas ?? []), ...(after?.replicas ?? [])])) {
    const [from, to] = [roleOf(before, serverId), roleOf(after, serverId)];
    state.byServer = state.byServer.update(String(serverId), (present = nothing) => {
      const holdings = { ...present, position };
      if (from !== to) {
        if (from !== undefined) holdings[from] = holdings[from].delete(key);
        if (to !== undefined) holdings[to] = holdings[to].set(key, true);
      }
      return holdings;
    });
  }
}
const nothing: Holdings = { leading: Table.empty(), following: Table.empty(), lagging: Table.empty(), position: 0 };

export const bucketOf = (state: Buckets, ref: BucketRef): BucketRow | undefined => state.byKey.get(bucketKey(ref));
/** Undefined for a server that never held anything. */
export const holdingsOf = (state: Buckets, serverId: number): Holdings | undefined => state.byServer.get(String(serverId));
/** How many copies a server holds. */
export function replicaCount(state: Buckets, serverId: number): number {
  const holdings = holdingsOf(state, serverId);
  return holdings === undefined ? 0 : holdings.leading.size + holdings.following.size + holdings.lagging.size;
}
export const leaderCount = (state: Buckets, serverId: number): number => holdingsOf(state, serverId)?.leading.size ?? 0;
/** Whatever a server holds a copy of, in no order. */
export function* bucketsOn(state: Buckets, serverId: number): Generator<BucketRow> {
  const holdings = holdingsOf(state, serverId);
  if (holdings === undefined) return;
  for (const role of ['leading', 'following', 'lagging'] as const)
    for (const [key] of holdings[role].rows()) {
      const row = state.byKey.get(key);
      if (row !== undefined) yield row;
    }
}
