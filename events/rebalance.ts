import { z } from 'zod';
import { bucketRef, isr, leader, replicas } from './buckets.ts';
import { defineEvent, type EventOf, freeText, int64 } from './kit.ts';
import { serverId } from './servers.ts';
import { serverTags } from './serverTags.ts';

export const goals = ['REPLICA_DISTRIBUTION', 'LEADER_DISTRIBUTION', 'RACK_AWARE'] as const;
export type Goal = (typeof goals)[number];
/** `moves`: of one rebalance. `movesPerEvent`: what an entry of the log holds, whatever was the reason of each. */
export const rebalanceLimits = { moves: 200_000, movesPerEvent: 200, stepsPerMove: 50, goals: 20 } as const;

export const rebalanceId = z
  .string()
  .regex(/^[A-Za-z0-9_-]{1,64}$/, 'letters, digits, _ and -, at most 64')
  .describe('Names the rebalance: rebalance-V1StGXR8_Z5jdHi6B.');
export const goalList = z.array(z.enum(goals)).max(rebalanceLimits.goals).describe('By priority.');
const count = z.number().int().min(0);

/** One decision of the planner, and why. */
const step = z.strictObject({
  askedBy: z.enum([...goals, 'SERVER_TAG']),
  kind: z.enum(['REPLICA', 'LEADERSHIP']),
  from: serverId,
  to: serverId,
  reason: z.discriminatedUnion('because', [
    z.strictObject({ because: z.literal('TAGGED'), tag: z.enum(serverTags) }),
    z.strictObject({ because: z.literal('ABOVE_LIMIT'), count, limit: count }),
    z.strictObject({ because: z.literal('BELOW_LIMIT'), count, limit: count }),
    z.strictObject({ because: z.literal('RACK_SHARED'), rack: z.string().min(1).max(128), with: serverId }),
  ]),
});
export const plannedMove = z.strictObject({
  ...bucketRef,
  originalLeader: serverId,
  newLeader: serverId,
  originalReplicas: replicas,
  newReplicas: replicas.describe('The new leader first.'),
  steps: z.array(step).min(1).max(rebalanceLimits.stepsPerMove).describe('Why, in the order in which the planner decided it.'),
});
export type PlannedMove = Readonly<z.infer<typeof plannedMove>>;

const ofRebalance = (data: { readonly rebalanceId: string }): readonly string[] => [`rebalance/${data.rebalanceId}`];
const move = { rebalanceId, move: count.describe('Which move of the plan, from 0.'), ...bucketRef };
const ofMove = (data: { readonly rebalanceId: string; readonly tableId: number }): readonly string[] => [
  `rebalance/${data.rebalanceId}`,
  `buckets/${data.tableId}`,
];

/** Raised by `planRebalance`; folded by `projections/rebalance.ts` and `projections/deadlines.ts`. */
export const rebalancePlanned = defineEvent('RebalancePlanned', {
  about: 'A rebalance was planned; nothing moves before all of its moves are written down.',
  version: 1,
  data: z.strictObject({
    rebalanceId,
    goals: goalList,
    moveCount: count.max(rebalanceLimits.moves).describe('How many buckets are to change their servers or their leader.'),
    plannedAt: count.describe('Position of the tables that it was planned on.'),
    planWithinMs: z.number().int().min(1).describe('When it is not complete after so many milliseconds it is given up.'),
  }),
  subjects: ofRebalance,
});

/** Raised by `planRebalance` and `addRebalanceMoves`; folded by `projections/rebalance.ts`. */
export const movesPlanned = defineEvent('MovesPlanned', {
  about: 'Moves were added to the plan of a rebalance.',
  version: 1,
  data: z.strictObject({
    rebalanceId,
    firstMove: count.describe('The number of the first one.'),
    moves: z.array(plannedMove).min(1).max(rebalanceLimits.movesPerEvent).describe('In the order of the plan.'),
  }),
  subjects: ofRebalance,
});

/** Raised with the last `MovesPlanned`; folded by `projections/rebalance.ts` and `projections/deadlines.ts`. */
export const rebalanceStarted = defineEvent('RebalanceStarted', {
  about: 'A rebalance began: its plan is complete.',
  version: 1,
  data: z.strictObject({ rebalanceId }),
  subjects: ofRebalance,
});

/** Raised by `advanceRebalance`; folded by `projections/rebalance.ts`, `projections/deadlines.ts`. */
export const moveStarted = defineEvent('MoveStarted', {
  about: 'A bucket began to move.',
  version: 1,
  data: z.strictObject({ ...move, timeoutMs: z.number().int().min(1).describe('How long it may take, in milliseconds.') }),
  subjects: ofMove,
});

/** Raised by `advanceRebalance`; folded by `projections/buckets.ts` and `projections/rebalance.ts`. */
export const replicasAdded = defineEvent('ReplicasAdded', {
  about: 'A moving bucket was given its new replicas beside the old ones; they copy from its leader.',
  version: 1,
  data: z.strictObject({ ...move, serverIds: replicas.describe('The new ones.'), replicas }),
  subjects: ofMove,
});

/** Raised by `advanceRebalance`; folded by `projections/rebalance.ts`. */
export const replicasInSync = defineEvent('ReplicasInSync', {
  about: 'The new replicas of a moving bucket have everything that was acknowledged.',
  version: 1,
  data: z.strictObject({ ...move, serverIds: replicas.describe('The new ones.') }),
  subjects: ofMove,
});

/** Raised by `advanceRebalance`; folded by `projections/buckets.ts` and `projections/rebalance.ts`. */
export const leaderHandedOver = defineEvent('LeaderHandedOver', {
  about: 'A moving bucket was given the leader that was planned.',
  version: 1,
  data: z.strictObject({ ...move, from: leader, to: serverId }),
  subjects: ofMove,
});

/** Raised by `advanceRebalance`; folded by `projections/buckets.ts` and `projections/rebalance.ts`. */
export const replicasDropped = defineEvent('ReplicasDropped', {
  about: 'Replicas of a moving bucket that are needed no more were taken out; their servers delete them.',
  version: 1,
  data: z.strictObject({ ...move, serverIds: replicas.describe('Those that are gone.'), replicas, isr }),
  subjects: ofMove,
});

/** Raised by `advanceRebalance`; folded by `projections/rebalance.ts` and `projections/deadlines.ts`. */
export const moveFinished = defineEvent('MoveFinished', {
  about: 'A bucket is where the plan wants it.',
  version: 1,
  data: z.strictObject({
    ...move,
    copiedBytes: int64.min(0).exactOptional().describe('What its new replicas copied, as far as they have told.'),
  }),
  subjects: ofMove,
});

const ended = {
  ...move,
  left: z.enum(['ORIGINAL', 'TARGET', 'GONE']).describe('Where the bucket is: as before the move, as planned, or dropped with its table.'),
  reason: freeText.describe('Why it was not moved to its end.'),
};

/** Raised by `advanceRebalance` and `timeOutMove`; folded by `projections/rebalance.ts` and `projections/deadlines.ts`. */
export const moveFailed = defineEvent('MoveFailed', {
  about: 'A bucket could not be moved; it was left with a full set of replicas.',
  version: 1,
  data: z.strictObject(ended),
  subjects: ofMove,
});

/** Raised by `cancelRebalance`, for each bucket that was moving; folded by `projections/rebalance.ts` and `projections/deadlines.ts`. */
export const moveCanceled = defineEvent('MoveCanceled', {
  about: 'A moving bucket was stopped; it was left with a full set of replicas.',
  version: 1,
  data: z.strictObject(ended),
  subjects: ofMove,
});

const ends = {
  finished: count.describe('How many of its buckets are where the plan wants them.'),
  failed: count.describe('How many could not be moved.'),
};

/** Raised by `advanceRebalance` and by plans without a move; folded by `projections/rebalance.ts`. */
export const rebalanceCompleted = defineEvent('RebalanceCompleted', {
  about: 'A rebalance came to its end: each of its moves is finished or failed.',
  version: 1,
  data: z.strictObject({ rebalanceId, ...ends }),
  subjects: ofRebalance,
});

/** Raised by `cancelRebalance`; folded by `projections/rebalance.ts` and `projections/deadlines.ts`. */
export const rebalanceCanceled = defineEvent('RebalanceCanceled', {
  about: 'A rebalance was canceled: what has moved stays where it is, and what has not begun stays where it was.',
  version: 1,
  data: z.strictObject({
    rebalanceId,
    ...ends,
    stopped: count.describe('How many were moving, and were stopped.'),
    waiting: count.describe('How many had not begun, and never will.'),
  }),
  subjects: ofRebalance,
});

/** Raised by `failRebalance`; folded by `projections/rebalance.ts` and `projections/deadlines.ts`. */
export const rebalanceFailed = defineEvent('RebalanceFailed', {
  about: 'A rebalance whose plan was never completed was given up; nothing was moved.',
  version: 1,
  data: z.strictObject({ rebalanceId, reason: freeText.describe('Why it was given up.') }),
  subjects: ofRebalance,
});

export type RebalanceEvent =
  | EventOf<typeof rebalancePlanned>
  | EventOf<typeof movesPlanned>
  | EventOf<typeof rebalanceStarted>
  | EventOf<typeof moveStarted>
  | EventOf<typeof replicasAdded>
  | EventOf<typeof replicasInSync>
  | EventOf<typeof leaderHandedOver>
  | EventOf<typeof replicasDropped>
  | EventOf<typeof moveFinished>
  | EventOf<typeof moveFailed>
  | EventOf<typeof moveCanceled>
  | EventOf<typeof rebalanceCompleted>
  | EventOf<typeof rebalanceCanceled>
  | EventOf<typeof rebalanceFailed>;
