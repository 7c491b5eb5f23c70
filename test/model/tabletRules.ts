/** What must hold of servers, buckets and rebalances after every event, worked out without the projections' own means. */
import { expect } from 'vitest';
import { noLeader } from '../../events/buckets.ts';
import type { ChanceryEvent } from '../../events/index.ts';
import { type BucketRow, bucketKey, holdingsOf } from '../../projections/buckets.ts';
import { currentRebalance, type MoveRow, movesOf } from '../../projections/rebalance.ts';
import { serverOf } from '../../projections/servers.ts';
import type { State } from '../../projections/state.ts';
import type { TabletCluster } from './tabletCluster.ts';

const rowsOf = ({ buckets }: State): ReadonlyMap<string, BucketRow> => new Map(buckets.byKey.rows());
const sorted = (ids: Iterable<number>): readonly number[] => [...ids].sort((a, b) => a - b);
/** As `expect`, for what is asked thousands of times a second. */
function must(holds: boolean, what: string): void {
  if (!holds) throw new Error(what);
}
const isSame = (a: readonly number[], b: readonly number[]): boolean => sorted(a).join() === sorted(b).join();

/** Positions of the newest event that touched what a server holds. */
export class Rules {
  readonly #touched = new Map<number, number>();
  /** Moves that a rebalance may have under way, in all and at one server. */
  readonly #most: { readonly inAll: number; readonly perServer: number };

  constructor(most: { readonly inAll: number; readonly perServer: number }) {
    this.#most = most;
  }

  /** Looks at what one event changed. */
  event(before: State, event: ChanceryEvent, after: State): void {
    const [was, is] = [rowsOf(before), rowsOf(after)];
    for (const key of new Set([...was.keys(), ...is.keys()])) {
      const [from, to] = [was.get(key), is.get(key)];
      if (from === to) continue;
      for (const id of [...(from?.replicas ?? []), ...(to?.replicas ?? [])]) this.#touched.set(id, after.position);
      if (from === undefined || to === undefined) continue;
      follows(from, to, event);
      const isThere = (id: number) => serverOf(after.servers, id)?.status !== 'LOST';
      must(!from.isr.some(isThere) || to.isr.some(isThere), `nobody may lead ${key} after ${event.type}, though somebody could before`);
    }
    if (event.type === 'MoveFinished' || event.type === 'MoveFailed' || event.type === 'MoveCanceled') hasSettled(after, event);
  }

  /** Looks at everything there is. */
  everything(cluster: TabletCluster): void {
    const { state } = cluster;
    const moves = movesNow(state);
    const underWay = moves.filter(({ status }) => status === 'REBALANCING');
    const moving = new Map(underWay.map((move) => [bucketKey(move), move]));
    for (const [key, row] of rowsOf(state)) {
      const move = moving.get(key);
      must(new Set(row.replicas).size === row.replicas.length, `${key} is on ${row.replicas.join()}`);
      if (move === undefined)
        must(row.replicas.length === cluster.replicationFactors.get(row.tableId), `${key} is on ${row.replicas.join()}`);
      else isOnTheWay(row, move);
      must(row.isr.length > 0 && row.isr.every((id) => row.replicas.includes(id)), `in sync for ${key} are ${row.isr.join()}`);
      must(row.leader === noLeader || row.isr.includes(row.leader), `${key} is led by ${row.leader}, in sync are ${row.isr.join()}`);
      hasEverything(cluster, key, row);
    }
    this.#indexes(state);
    this.#counts(state, moves, underWay);
  }

  #indexes(state: State): void {
    const rows = [...rowsOf(state)];
    const keysOf = (holds: (row: BucketRow) => boolean) => rows.filter(([, row]) => holds(row)).map(([key]) => key);
    const agree = (keys: readonly string[] | undefined, holds: (row: BucketRow) => boolean, what: string) =>
      must(keys?.join(' ') === keysOf(holds).sort().join(' '), `${what}: the index has ${keys?.join(' ')}`);
    agree(state.buckets.leaderless.keys(), ({ leader }) => leader === noLeader, 'without a leader');
    for (const [id, position] of this.#touched) {
      const holdings = holdingsOf(state.buckets, id);
      const isFollowing = (row: BucketRow) => row.leader !== noLeader && row.leader !== id && row.isr.includes(id);
      agree(holdings?.leading.keys(), ({ leader }) => leader === id, `led by ${id}`);
      agree(holdings?.following.keys(), isFollowing, `followed by ${id}`);
      const isLagging = (row: BucketRow) => row.replicas.includes(id) && row.leader !== id && !isFollowing(row);
      agree(holdings?.lagging.keys(), isLagging, `lagging on ${id}`);
      must(holdings?.position === position, `holdings of ${id} changed at ${position}, not at ${holdings?.position}`);
    }
  }

  #counts(state: State, moves: readonly MoveRow[], underWay: readonly MoveRow[]): void {
    const open = currentRebalance(state.rebalance);
    const deadlines = state.deadlines.bySubject.keys();
    const due = underWay.map(({ move, rebalanceId }) => `move/${rebalanceId}/${move}`);
    if (open?.status === 'NOT_STARTED') due.push(`rebalance/${open.rebalanceId}`);
    expect(deadlines).toEqual(due.sort());
    if (open === undefined) return;
    const having = (status: MoveRow['status']) => moves.filter((move) => move.status === status).length;
    const unplanned = open.moveCount - moves.length;
    expect(open).toMatchObject({ moving: underWay.length, finished: having('COMPLETED'), failed: having('FAILED') });
    expect(open.canceled).toBe(open.status === 'CANCELED' ? having('CANCELED') + unplanned : 0);
    expect(state.rebalance.moving).toEqual(underWay.map(({ move }) => move));
    const waiting = moves.find(({ status }) => status === 'NOT_STARTED')?.move ?? moves.length;
    if (open.endedAt === undefined) expect(state.rebalance.firstWaiting).toBe(waiting);
    expect(underWay.length).toBeLessThanOrEqual(open.endedAt === undefined ? this.#most.inAll : 0);
    const load = new Map<number, number>();
    for (const { newReplicas, originalLeader, originalReplicas } of underWay) {
      const added = newReplicas.filter((id) => !originalReplicas.includes(id));
      for (const id of added.length === 0 ? [] : [originalLeader, ...added]) load.set(id, (load.get(id) ?? 0) + 1);
    }
    expect(Math.max(0, ...load.values())).toBeLessThanOrEqual(this.#most.perServer);
  }
}

/** The moves of the newest rebalance, as the tables show them. */
function movesNow({ rebalance }: State): readonly MoveRow[] {
  const newest = currentRebalance(rebalance);
  return newest === undefined ? [] : [...movesOf(rebalance, newest)];
}

/** Epochs only grow; nobody leads that was not in sync before. */
function follows(from: BucketRow, to: BucketRow, event: ChanceryEvent): void {
  const what = `${event.type} of ${bucketKey(to)}`;
  expect(to.bucketEpoch, what).toBe(from.bucketEpoch + 1);
  const isNewTerm = to.leader !== from.leader || event.type === 'ReplicasDropped' || event.type === 'ServerRegistered';
  expect(to.leaderEpoch, what).toBe(from.leaderEpoch + (isNewTerm ? 1 : 0));
  if (to.leader !== from.leader && to.leader !== noLeader) expect(from.isr, what).toContain(to.leader);
}

/** Beside the originals it may only be on those that are planned, and on all of these. */
function isOnTheWay({ replicas }: BucketRow, { newReplicas, originalReplicas }: MoveRow): void {
  const both = [...new Set([...newReplicas, ...originalReplicas])];
  must(isSame(replicas, originalReplicas) || isSame(replicas, both), `${replicas.join()} on the way to ${newReplicas.join()}`);
}

/** A move that is over has left its bucket where it says. */
function hasSettled(state: State, { data, type }: Extract<ChanceryEvent, { type: 'MoveFinished' | 'MoveFailed' | 'MoveCanceled' }>): void {
  const row = rowsOf(state).get(bucketKey(data));
  const move = movesNow(state).find((each) => each.move === data.move);
  const left = 'left' in data ? data.left : 'TARGET';
  if (row === undefined) expect(left).toBe('GONE');
  else expect(sorted(row.replicas), type).toEqual(sorted((left === 'TARGET' ? move?.newReplicas : move?.originalReplicas) ?? []));
  if (type !== 'MoveFinished') return;
  expect(row?.leader).toBe(move?.newLeader);
  const there = move?.newReplicas.filter((id) => serverOf(state.servers, id)?.status !== 'LOST') ?? [];
  expect(row?.isr, 'in sync when it is finished').toEqual(expect.arrayContaining(there));
}

/** Nothing that was acknowledged is missing where a leader is, or may come from. */
function hasEverything(cluster: TabletCluster, key: string, row: BucketRow): void {
  const acknowledged = cluster.acknowledged.get(key) ?? new Set();
  for (const id of row.isr) {
    const content = new Set(cluster.contentOn(id, row));
    const where = `server ${id}, ${serverOf(cluster.state.servers, id)?.directoryId}`;
    for (const write of acknowledged) must(content.has(write), `${where}, is in sync for ${key} and does not have write ${write}`);
  }
}
