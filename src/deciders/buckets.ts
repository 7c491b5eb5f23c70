import { z } from 'zod';
import { type BucketEvent, bucketLimits, bucketRef, bytes, isr, isrChanged, leadersElected, noLeader } from '../../events/buckets.ts';
import { incarnation, serverId } from '../../events/servers.ts';
import { type BucketRow, bucketOf, bucketRefOf, type Holdings, holdingsOf } from '../../projections/buckets.ts';
import { isLive, type ServerRow, serverOf } from '../../projections/servers.ts';
import type { State } from '../../projections/state.ts';
import { accept, type Decision, refused } from '../rejection.ts';
import { defineCommand } from './kit.ts';
import { staleServer, unknownServer } from './servers.ts';

const epoch = z.number().int().min(0);

/** What a leader says of one bucket. */
export const isrReport = {
  ...bucketRef,
  leaderEpoch: epoch,
  bucketEpoch: epoch,
  isr,
  bytes: bytes.exactOptional(),
  anew: z
    .boolean()
    .exactOptional()
    .describe('Begin a new bucket epoch even if nothing changes: a report of this one, of which it had no answer, then counts no more.'),
} as const;

/**
 * A leader says which replicas have everything. What rests on an older epoch is passed over: whoever reported it will see why.
 * @returns at most one `IsrChanged`; or UNKNOWN_SERVER, STALE_SERVER (another process has its place, or it is taken for lost)
 */
export const adjustIsr = defineCommand({
  name: 'adjustIsr',
  about: 'A tablet server reports which replicas of the buckets it leads are in sync.',
  input: z.strictObject({
    serverId,
    incarnation,
    buckets: z.array(z.strictObject(isrReport)).min(1).max(bucketLimits.perEvent, `at most ${bucketLimits.perEvent} buckets in one report`),
  }),
  decide: (state, command): Decision<BucketEvent> => {
    const server = serverOf(state.servers, command.serverId);
    if (server === undefined) return refused(unknownServer(command.serverId));
    if (server.status === 'LOST' || server.incarnation !== command.incarnation) return refused(staleServer(server));
    const seen = new Set<BucketRow>();
    const changed = command.buckets.flatMap((report) => {
      const row = bucketOf(state.buckets, report);
      if (row?.leader !== command.serverId || seen.has(row)) return [];
      if (row.leaderEpoch !== report.leaderEpoch || row.bucketEpoch !== report.bucketEpoch) return [];
      seen.add(row);
      // Nobody that is lost or about to stop comes in; the leader stays.
      const next = row.replicas.filter(
        (id) => id === row.leader || (report.isr.includes(id) && (row.isr.includes(id) || isLive(state.servers, id))),
      );
      const isSame = next.length === row.isr.length && next.every((id) => row.isr.includes(id));
      return isSame && report.anew !== true
        ? []
        : [{ ...bucketRefOf(row), isr: next, ...(report.bytes === undefined ? {} : { bytes: report.bytes }) }];
    });
    return changed.length === 0 ? accept() : accept(isrChanged({ serverId: command.serverId, buckets: changed }));
  },
});

/**
 * Give buckets whose leader is lost, or about to stop, another one out of their in-sync replicas, and take lost servers out of those.
 * Nobody else ever leads: a bucket without an in-sync replica waits for one. To be given again until there is nothing left.
 * @returns at most one `LeadersElected`
 */
export const electLeaders = defineCommand({
  name: 'electLeaders',
  about: 'Give buckets whose leader is gone another one out of their in-sync replicas.',
  input: z.strictObject({ atMost: z.number().int().min(1).max(bucketLimits.perEvent).describe('How many buckets.') }),
  decide: (state, { atMost }): Decision<BucketEvent> => {
    const elected = new Map<BucketRow, Elected>();
    const statuses = new Map<number, ServerRow['status']>();
    for (const [, { serverId: id, status }] of state.servers.byId.rows()) statuses.set(id, status);
    for (const row of unsettled(state, statuses)) {
      if (elected.size >= atMost) break;
      const next = elected.has(row) ? undefined : election(row, (id) => statuses.get(id) ?? 'LOST');
      if (next !== undefined) elected.set(row, next);
    }
    const buckets = [...elected].map(([row, next]) => ({ ...bucketRefOf(row), ...next }));
    return buckets.length === 0 ? accept() : accept(leadersElected({ buckets }));
  },
});

interface Elected {
  readonly leader: number;
  readonly isr: number[];
}

type Statuses = ReadonlyMap<number, ServerRow['status']>;

/** Buckets that may need another leader, or fewer in-sync replicas. */
function* unsettled(state: State, statuses: Statuses): Generator<BucketRow> {
  const rowsOf = function* (keys: Iterable<readonly [string, true]>): Generator<BucketRow> {
    for (const [key] of keys) {
      const row = state.buckets.byKey.get(key);
      if (row !== undefined) yield row;
    }
  };
  const { leaderless } = state.buckets;
  /** Whoever is there has no leader only beside copies that are not in sync: where those are fewer, they are looked through instead. */
  const lagging: Holdings['lagging'][] = [];
  for (const [id, status] of statuses) {
    const holdings = holdingsOf(state.buckets, id);
    if (holdings === undefined) continue;
    if (status !== 'LOST' && holdings.lagging.size > 0) lagging.push(holdings.lagging);
    if (status !== 'LIVE') yield* rowsOf(holdings.leading.rows());
    if (status === 'LOST') yield* rowsOf(holdings.following.rows());
  }
  if (leaderless.size <= lagging.reduce((sum, { size }) => sum + size, 0)) yield* rowsOf(leaderless.rows());
  else for (const keys of lagging) for (const row of rowsOf(keys.rows())) if (row.leader === noLeader) yield row;
}

/** @returns undefined when nothing is to be done, or nothing can be */
function election(row: BucketRow, statusOf: (id: number) => ServerRow['status']): Elected | undefined {
  if (row.leader === noLeader && row.isr.every((id) => statusOf(id) === 'LOST')) return undefined;
  const there = row.isr.filter((id) => statusOf(id) !== 'LOST');
  const isWanted = row.leader !== noLeader && statusOf(row.leader) === 'LIVE';
  // A server that is about to stop is better than none.
  const inOrder = row.replicas.filter((id) => there.includes(id));
  const leader = isWanted ? row.leader : (inOrder.find((id) => statusOf(id) === 'LIVE') ?? inOrder[0] ?? noLeader);
  const next = leader === noLeader ? row.isr : there;
  return leader === row.leader && next.length === row.isr.length ? undefined : { leader, isr: [...next] };
}
