import type { ServerTag } from '../../events/serverTags.ts';
import { holdingsOf } from '../../projections/buckets.ts';
import { type ServerRow, serverOf } from '../../projections/servers.ts';
import { type ServerTagRow, serverTagOf } from '../../projections/serverTags.ts';
import type { State } from '../../projections/state.ts';

/**
 * A tablet server as operators see it. FORGOTTEN: it was taken off the list, but its tag is still there and counts for whoever comes with
 * its id; nothing else is known of it. Times are epoch milliseconds.
 */
export interface ServerView {
  readonly serverId: number;
  readonly status: ServerRow['status'] | 'FORGOTTEN';
  /** How many copies of buckets it holds, how many of those lead, and how many are not in sync. */
  readonly replicas: number;
  readonly leaders: number;
  readonly lagging: number;
  readonly tag?: ServerTag;
  readonly taggedAt?: number;
  readonly taggedBy?: string;
  readonly tagReason?: string;
  readonly endpoint?: string;
  readonly rack?: string;
  readonly capacityBytes?: number;
  readonly registeredAt?: number;
  readonly lostAt?: number;
  readonly lostBecause?: 'LEASE_EXPIRED' | 'STOPPED';
  readonly directoryId?: string;
  readonly incarnation?: string;
  /** Of the newest event about it. */
  readonly position?: number;
}

/** @returns undefined for one that is neither known nor tagged */
export function describeServer(state: State, serverId: number): ServerView | undefined {
  const row = serverOf(state.servers, serverId);
  const tag = serverTagOf(state.serverTags, serverId);
  if (row === undefined && tag === undefined) return undefined;
  const holdings = holdingsOf(state.buckets, serverId);
  const leaders = holdings?.leading.size ?? 0;
  const lagging = holdings?.lagging.size ?? 0;
  const replicas = leaders + lagging + (holdings?.following.size ?? 0);
  return { ...(row ?? { serverId, status: 'FORGOTTEN' }), replicas, leaders, lagging, ...(tag === undefined ? {} : tagFields(tag)) };
}

const tagFields = ({ at, principal, reason, tag }: ServerTagRow): Partial<ServerView> => ({
  tag,
  taggedAt: at,
  taggedBy: principal,
  ...(reason === undefined ? {} : { tagReason: reason }),
});

/** Ids of all that are known or tagged, ascending. */
export function listedServers({ servers, serverTags }: State): readonly number[] {
  const keys = new Set<string>();
  for (const [key] of servers.byId.rows()) keys.add(key);
  for (const [key] of serverTags.byServer.rows()) keys.add(key);
  return [...keys].map(Number).sort((a, b) => a - b);
}

/** All that are known or tagged, ids ascending. */
export function* describeServers(state: State): Generator<ServerView> {
  for (const id of listedServers(state)) {
    const view = describeServer(state, id);
    if (view !== undefined) yield view;
  }
}
