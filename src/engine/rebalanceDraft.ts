import type { BucketRef } from '../../events/buckets.ts';
import { type PlannedMove, rebalanceLimits } from '../../events/rebalance.ts';
import { bucketKey } from '../../projections/buckets.ts';
import { partitionById, tableById } from '../../projections/catalog.ts';
import { isLive, serverOf, serverRows } from '../../projections/servers.ts';
import { serverTagOf } from '../../projections/serverTags.ts';
import type { State } from '../../projections/state.ts';
import type { Bucket, Cluster, Server } from '../rebalance/cluster.ts';
import { type Move, stepText } from '../rebalance/moves.ts';
import type { Plan, ServerCounts } from '../rebalance/planner.ts';
import { type Summary, shortfalls, summaryOf } from '../rebalance/summary.ts';
import { inPieces } from './pieces.ts';

/** What a plan would do, for whoever reads it before anything moves. */
export interface Draft {
  readonly moves: readonly PlannedMove[];
  readonly summary: Summary;
  /** By id. */
  readonly servers: readonly DraftServer[];
  /** What it does not do, the worst first: a sentence for each of the first `shortfallLimit`, then how many more. */
  readonly shortfalls: readonly string[];
}
const shortfallLimit = 1000;
export interface DraftServer {
  readonly serverId: number;
  readonly rack?: string;
  readonly tag?: string;
  /** LIVE, STOPPING or LOST; UNKNOWN: it holds replicas, and is not on the list. */
  readonly status: string;
  readonly replicas: ServerCounts['replicas'];
  readonly leaders: ServerCounts['leaders'];
}

/** After so many buckets everything else may have its turn. */
const bucketsPerStep = 1000;

/** The cluster as the planner takes it, in steps. A server that is about to stop is given nothing, like a lost one. */
export function* clusterOf(state: State): Generator<void, Cluster> {
  const servers = serverRows(state.servers).map(({ rack, serverId }): Server => {
    const tag = serverTagOf(state.serverTags, serverId)?.tag;
    const place = { ...(rack === undefined ? {} : { rack }), ...(tag === undefined ? {} : { tag }) };
    return { id: serverId, isLive: isLive(state.servers, serverId), ...place };
  });
  const buckets: Bucket[] = [];
  for (const [, { bucketId, leader, partitionId, replicas, tableId }] of state.buckets.byKey.rows()) {
    buckets.push({ tableId, ...(partitionId === undefined ? {} : { partitionId }), bucketId, leader, replicas });
    if (buckets.length % bucketsPerStep === 0) yield;
  }
  return { servers, buckets };
}

/** A plan as its readers and the log take it. @param state the one that it was made on */
export function draftOf(state: State, plan: Plan): Draft {
  return {
    moves: plan.moves.map(plannedMoveOf),
    summary: summaryOf(plan),
    servers: plan.servers.map((counts) => draftServer(state, counts)),
    shortfalls: shortfalls(plan, shortfallLimit, (bucket) => `bucket ${bucketName(state, bucket)}`),
  };
}

/** Of very many reasons the newest are kept: those before them led to places that the bucket has left again. */
const plannedMoveOf = ({ newReplicas, originalReplicas, steps, ...move }: Move): PlannedMove => ({
  ...move,
  originalReplicas: [...originalReplicas],
  newReplicas: [...newReplicas],
  steps: steps.slice(-rebalanceLimits.stepsPerMove),
});
function draftServer(state: State, { leaders, replicas, serverId }: ServerCounts): DraftServer {
  const row = serverOf(state.servers, serverId);
  const tag = serverTagOf(state.serverTags, serverId)?.tag;
  return {
    serverId,
    ...(row?.rack === undefined ? {} : { rack: row.rack }),
    ...(tag === undefined ? {} : { tag }),
    status: row?.status ?? 'UNKNOWN',
    replicas,
    leaders,
  };
}

/** `shop.orders/2`, with a partition `shop.orders/2024$eu/2`; by numbers when the table is gone. */
export function bucketName(state: State, ref: BucketRef): string {
  const table = tableById(state.catalog, ref.tableId);
  if (table === undefined) return bucketKey(ref);
  const partition = ref.partitionId === undefined ? [] : [partitionById(state.catalog, ref.partitionId)?.name ?? String(ref.partitionId)];
  return [`${table.database}.${table.table}`, ...partition, ref.bucketId].join('/');
}

/** Why a bucket is to move: a sentence for each decision of the planner. */
export const reasonsOf = ({ steps }: Pick<PlannedMove, 'steps'>): readonly string[] => steps.map(stepText);

/** Bounds of one piece of a plan: an entry of the log must hold it. */
export const pieceLimits = { moves: rebalanceLimits.movesPerEvent, bytes: 100_000 } as const;

/** A plan in pieces, in its order; one without moves is none. */
export const piecesOf = (moves: readonly PlannedMove[]): Generator<readonly PlannedMove[]> =>
  inPieces(moves, { bytes: pieceLimits.bytes, items: pieceLimits.moves });
