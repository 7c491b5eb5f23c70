/** The steps of one move of a rebalance; the commands that take them are in `rebalance.ts`. */
import { leadersElected, noLeader } from '../../events/buckets.ts';
import type { ChanceryEvent } from '../../events/index.ts';
import {
  leaderHandedOver,
  type moveCanceled,
  moveFailed,
  moveFinished,
  moveStarted,
  replicasAdded,
  replicasDropped,
  replicasInSync,
} from '../../events/rebalance.ts';
import { type BucketRow, bucketOf, bucketRefOf } from '../../projections/buckets.ts';
import type { MoveRow } from '../../projections/rebalance.ts';
import { isLive, serverOf } from '../../projections/servers.ts';
import { serverTagOf } from '../../projections/serverTags.ts';
import type { State } from '../../projections/state.ts';

/** How far servers have carried out their assignments, as positions: what they told the node that leads, and is in no log. */
export type Applied = ReadonlyMap<number, number>;

const nameOf = (move: MoveRow) => ({ rebalanceId: move.rebalanceId, move: move.move, ...bucketRefOf(move) });
const without = (ids: readonly number[], others: readonly number[]): number[] => ids.filter((id) => !others.includes(id));
const isWithin = (ids: readonly number[], others: readonly number[]): boolean => ids.every((id) => others.includes(id));
/** The servers that a move brings a copy to. */
export const newServers = ({ newReplicas, originalReplicas }: MoveRow): readonly number[] => without(newReplicas, originalReplicas);

/**
 * Begins a move. @returns undefined while a server that it needs is away: it may come back. One that has been away for longer than a move
 * may take, or that was tagged since, makes the move fail before it begins.
 */
export function begin(
  state: State,
  move: MoveRow,
  { now, timeoutMs }: { readonly now: number; readonly timeoutMs: number },
): readonly ChanceryEvent[] | undefined {
  const row = bucketOf(state.buckets, move);
  if (row === undefined) return [moveFailed({ ...nameOf(move), left: 'GONE', reason: 'it was dropped' })];
  const obstacle = obstacleTo(state, move, row);
  if (obstacle !== undefined) {
    const isPatient = obstacle.since !== undefined && now < obstacle.since + timeoutMs;
    return isPatient ? undefined : [moveFailed({ ...nameOf(move), left: 'ORIGINAL', reason: obstacle.reason })];
  }
  const added = newServers(move);
  const replicas = [...move.newReplicas, ...without(row.replicas, move.newReplicas)];
  const started = moveStarted({ ...nameOf(move), timeoutMs });
  return added.length === 0 ? [started] : [started, replicasAdded({ ...nameOf(move), serverIds: [...added], replicas })];
}

interface Obstacle {
  readonly reason: string;
  /** Since when a server is away that may return, in epoch milliseconds; absent when waiting is of no use. */
  readonly since?: number;
}

function obstacleTo(state: State, move: MoveRow, row: BucketRow): Obstacle | undefined {
  const { originalReplicas } = move;
  if (row.replicas.length !== originalReplicas.length || !isWithin(row.replicas, originalReplicas))
    return { reason: `its replicas are on servers ${row.replicas.join(', ')}, not on ${originalReplicas.join(', ')} as planned` };
  for (const id of newServers(move)) {
    const [server, tag] = [serverOf(state.servers, id), serverTagOf(state.serverTags, id)];
    if (tag !== undefined) return { reason: `server ${id} is ${tag.tag}` };
    if (server === undefined) return { reason: `server ${id} is not known any more` };
    if (server.status !== 'LIVE') return { reason: `server ${id} is ${server.status}`, since: server.lostAt ?? Number.POSITIVE_INFINITY };
  }
  if (row.leader !== noLeader) return undefined;
  // One that is back will be elected.
  const lostAt = row.isr.map((id) => serverOf(state.servers, id)?.lostAt ?? Number.POSITIVE_INFINITY);
  return { reason: `nobody leads it: servers ${row.isr.join(', ')} are lost`, since: Math.max(...lostAt) };
}

/** What is due for a move under way; nothing while it waits for a copy, a server, or its new leader. */
export function proceed(state: State, move: MoveRow, applied: Applied): readonly ChanceryEvent[] {
  const row = bucketOf(state.buckets, move);
  const name = nameOf(move);
  if (row === undefined) return [moveFailed({ ...name, left: 'GONE', reason: 'it was dropped' })];
  const added = newServers(move);
  if (row.leader === noLeader || !isReady(state, move, row)) return [];
  const inSync = added.length > 0 && move.inSyncAt === undefined ? [replicasInSync({ ...name, serverIds: [...added] })] : [];
  if (row.leader !== move.newLeader) return [...inSync, leaderHandedOver({ ...name, from: row.leader, to: move.newLeader })];
  // Until the new leader has said that it leads, the old one keeps its copy.
  if (move.handedOverPosition !== undefined && (applied.get(move.newLeader) ?? 0) < move.handedOverPosition) return inSync;
  // A tablet server says how long its copy is, and may say anything: no event can hold more.
  const copiedBytes = Math.min((row.bytes ?? 0) * added.length, Number.MAX_SAFE_INTEGER);
  const finished = moveFinished({ ...name, ...(row.bytes === undefined || added.length === 0 ? {} : { copiedBytes }) });
  return [...inSync, ...reducedTo(move, row, move.newReplicas), finished];
}

/**
 * Whether a bucket may be left to its planned replicas: all of them have everything, but for those that it had before and whose servers are
 * lost. They need not come back for another server to be emptied: as many copies are in sync afterwards as before.
 */
function isReady(state: State, move: MoveRow, { isr }: BucketRow): boolean {
  const { newLeader, newReplicas, originalReplicas } = move;
  const needed = newReplicas.filter((id) => id === newLeader || !originalReplicas.includes(id) || !isLost(state, id));
  return needed.every((id) => isr.includes(id) && isLive(state.servers, id));
}

/** Drops what a bucket holds beside these. */
function reducedTo(move: MoveRow, row: BucketRow, replicas: readonly number[]): readonly ChanceryEvent[] {
  const dropped = without(row.replicas, replicas);
  if (dropped.length === 0) return [];
  const isr = row.isr.filter((id) => replicas.includes(id));
  return [replicasDropped({ ...nameOf(move), serverIds: dropped, replicas: [...replicas], isr })];
}

/**
 * Ends a move before it is finished, in a state that needs nobody to look after it: a full set of replicas, the leader among them. That is
 * the original one, unless leadership has gone where only the planned one is, or only there is somebody who may lead.
 */
export function settle(state: State, move: MoveRow, as: typeof moveCanceled | typeof moveFailed, reason: string): readonly ChanceryEvent[] {
  const row = bucketOf(state.buckets, move);
  if (row === undefined) return [as({ ...nameOf(move), left: 'GONE', reason })];
  const { newLeader, newReplicas, originalReplicas } = move;
  const isThere = row.leader === newLeader && isWithin(newReplicas, row.isr) && !isLost(state, newLeader);
  const mayLead = candidates(state, row);
  const goesBack = !isThere && mayLead.some((id) => originalReplicas.includes(id));
  const [left, replicas] = goesBack ? (['ORIGINAL', originalReplicas] as const) : (['TARGET', newReplicas] as const);
  return [...ledWithin(row, replicas, mayLead), ...reducedTo(move, row, replicas), as({ ...nameOf(move), left, reason })];
}

const isLost = (state: State, id: number): boolean => (serverOf(state.servers, id)?.status ?? 'LOST') === 'LOST';

/** Who leads, or may be elected: never empty. When everybody is lost, who led last. */
function candidates(state: State, { isr, leader }: BucketRow): readonly number[] {
  if (leader !== noLeader && !isLost(state, leader)) return [leader];
  const there = isr.filter((id) => !isLost(state, id));
  if (there.length > 0) return there;
  return leader === noLeader ? isr : [leader];
}

/** A leader that is lost, and for which no other has been elected yet, does not lead on when its copy is dropped. */
function ledWithin(row: BucketRow, replicas: readonly number[], mayLead: readonly number[]): readonly ChanceryEvent[] {
  if (row.leader === noLeader || replicas.includes(row.leader)) return [];
  const leader = replicas.find((id) => mayLead.includes(id)) ?? noLeader;
  return [leadersElected({ buckets: [{ ...bucketRefOf(row), leader, isr: [...row.isr] }] })];
}
