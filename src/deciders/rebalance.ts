import { z } from 'zod';
import { leadersElected } from '../../events/buckets.ts';
import type { ChanceryEvent } from '../../events/index.ts';
import {
  goalList,
  moveCanceled,
  moveFailed,
  movesPlanned,
  type PlannedMove,
  plannedMove,
  rebalanceCanceled,
  rebalanceCompleted,
  rebalanceFailed,
  rebalanceId,
  rebalanceLimits,
  rebalancePlanned,
  rebalanceStarted,
} from '../../events/rebalance.ts';
import { serverId } from '../../events/servers.ts';
import { bucketKey, bucketOf } from '../../projections/buckets.ts';
import { durationMsOf, integerOf } from '../../projections/configs.ts';
import { currentRebalance, type MoveRow, moveAt, openRebalance, type RebalanceRow, rebalanceOf } from '../../projections/rebalance.ts';
import { isLive } from '../../projections/servers.ts';
import { serverTagOf } from '../../projections/serverTags.ts';
import type { State } from '../../projections/state.ts';
import { accept, type Decision, type Rejection, refused, reject, rejection } from '../rejection.ts';
import { defineCommand } from './kit.ts';
import { type Applied, begin, newServers, proceed, settle } from './moves.ts';

/**
 * How long the pieces of a plan may take to arrive, and bounds of what one decision does: its events must fit into one entry. The largest,
 * of ten replicas with ids of ten digits, have 900 bytes, so 200 of them and the few that follow have 180 KB of 255.
 */
const limits = { planWithinMs: 60_000, eventsPerDecision: 200, waitingLookedAt: 1000 } as const;
const moves = z.array(plannedMove).max(rebalanceLimits.movesPerEvent, `at most ${rebalanceLimits.movesPerEvent} moves in one piece`);

/**
 * Begin a rebalance with a plan that was made elsewhere, or with the first piece of it.
 * @returns `RebalancePlanned`, with moves `MovesPlanned`, and with the last of them `RebalanceStarted`; a plan without moves is
 *   `RebalanceCompleted` at once; or REBALANCE_IN_PROGRESS, MALFORMED_REQUEST, PLAN_STALE (what it rests on has changed)
 */
export const planRebalance = defineCommand({
  name: 'planRebalance',
  about: 'Begin a rebalance with a plan, or with the first piece of it.',
  input: z.strictObject({
    rebalanceId,
    goals: goalList,
    plannedAt: z.number().int().min(0).describe('Position of the tables that it was planned on.'),
    moveCount: z.number().int().min(0).max(rebalanceLimits.moves),
    moves,
  }),
  decide: (state, command): Decision<ChanceryEvent> => {
    const open = openRebalance(state.rebalance);
    if (open !== undefined) return refused(inProgress(open));
    if (rebalanceOf(state.rebalance, command.rebalanceId) !== undefined)
      return reject('MALFORMED_REQUEST', 'rebalanceId', `rebalance '${command.rebalanceId}' is over already`);
    const { goals, moveCount, plannedAt } = command;
    if (command.moves.length > moveCount || (command.moves.length === 0 && moveCount > 0))
      return reject('MALFORMED_REQUEST', 'moves', `${command.moves.length} moves are given of ${moveCount}`);
    if (Math.max(state.servers.position, state.serverTags.position) > plannedAt)
      return reject('PLAN_STALE', 'plannedAt', `tablet servers or their tags have changed since position ${plannedAt}`);
    const fault = staleness(state, command.moves);
    if (fault !== undefined) return refused(fault);
    const id = { rebalanceId: command.rebalanceId };
    const planned = rebalancePlanned({ ...id, goals, moveCount, plannedAt, planWithinMs: limits.planWithinMs });
    if (moveCount === 0) return accept<ChanceryEvent>(planned, rebalanceCompleted({ ...id, finished: 0, failed: 0 }));
    const first = movesPlanned({ ...id, firstMove: 0, moves: command.moves });
    return command.moves.length === moveCount
      ? accept<ChanceryEvent>(planned, first, rebalanceStarted(id))
      : accept<ChanceryEvent>(planned, first);
  },
});

/**
 * Add the next piece to a plan. A piece that is there already is passed over.
 * @returns `MovesPlanned`, with the last piece also `RebalanceStarted`; or UNKNOWN_REBALANCE (it is over, or runs), MALFORMED_REQUEST,
 *   PLAN_STALE
 */
export const addRebalanceMoves = defineCommand({
  name: 'addRebalanceMoves',
  about: 'Add the next piece to the plan of a rebalance.',
  input: z.strictObject({ rebalanceId, firstMove: z.number().int().min(0), moves: moves.min(1) }),
  decide: (state, command): Decision<ChanceryEvent> => {
    const open = openRebalance(state.rebalance);
    if (open?.rebalanceId !== command.rebalanceId)
      return reject('UNKNOWN_REBALANCE', 'rebalanceId', `rebalance '${command.rebalanceId}' is not being planned`);
    const { firstMove } = command;
    const end = firstMove + command.moves.length;
    if (end <= open.planned) return accept();
    if (firstMove !== open.planned || end > open.moveCount)
      return reject(
        'MALFORMED_REQUEST',
        'firstMove',
        `moves ${firstMove} to ${end - 1} do not follow ${open.planned} of ${open.moveCount}`,
      );
    const fault = staleness(state, command.moves);
    if (fault !== undefined) return refused(fault);
    const added = movesPlanned({ rebalanceId: open.rebalanceId, firstMove, moves: command.moves });
    return end === open.moveCount ? accept<ChanceryEvent>(added, rebalanceStarted({ rebalanceId: open.rebalanceId })) : accept(added);
  },
});

const inProgress = ({ rebalanceId: id }: RebalanceRow): Rejection => {
  const detail = `Rebalance task already exists, current rebalance id is '${id}'. Please wait for it to finish or cancel it first.`;
  return rejection('REBALANCE_IN_PROGRESS', '', detail, { rebalanceId: id });
};

/** The first move whose premises do not hold. */
function staleness(state: State, planned: readonly PlannedMove[]): Rejection | undefined {
  for (const [i, move] of planned.entries()) {
    const what = premiseFault(state, move);
    if (what !== undefined) return rejection('PLAN_STALE', `moves[${i}]`, `bucket ${bucketKey(move)}: ${what}`);
  }
  return undefined;
}

function premiseFault(state: State, move: PlannedMove): string | undefined {
  const row = bucketOf(state.buckets, move);
  const { newLeader, newReplicas, originalLeader, originalReplicas } = move;
  if (row === undefined) return 'it was dropped';
  if (row.replicas.join() !== originalReplicas.join())
    return `its replicas are on ${row.replicas.join(', ')}, not on ${originalReplicas.join(', ')}`;
  if (row.leader !== originalLeader) return `it is led by ${row.leader}, not by ${originalLeader}`;
  if (
    newReplicas[0] !== newLeader ||
    new Set(newReplicas).size !== originalReplicas.length ||
    newReplicas.length !== originalReplicas.length
  )
    return `servers ${newReplicas.join(', ')} are not ${originalReplicas.length} different ones with the leader ${newLeader} first`;
  const unfit = newReplicas.find(
    (id) => !originalReplicas.includes(id) && (!isLive(state.servers, id) || serverTagOf(state.serverTags, id) !== undefined),
  );
  return unfit === undefined ? undefined : `server ${unfit} is not live, or tagged`;
}

const report = <T extends z.ZodRawShape>(shape: T) => z.array(z.strictObject(shape)).max(1000);

/**
 * Take every step of a rebalance that is due: steps of moves under way, moves that may begin, its end. Given by the node that leads
 * whenever there may be one; with nothing due it does nothing.
 * @returns the events of those moves, in their order; `RebalanceCompleted` when none is left
 */
export const advanceRebalance = defineCommand({
  name: 'advanceRebalance',
  about: 'Take the steps of a rebalance that are due.',
  input: z.strictObject({
    rebalanceId,
    applied: report({ serverId, position: z.number().int().min(0) }).describe('How far tablet servers have carried out their assignments.'),
  }),
  decide: (state, command, { now }): Decision<ChanceryEvent> => {
    const open = openRebalance(state.rebalance);
    if (open?.rebalanceId !== command.rebalanceId || open.status !== 'REBALANCING') return accept();
    const applied = new Map(command.applied.map((each) => [each.serverId, each.position]));
    return accept(...stepsDue(state, open, applied, now));
  },
});

const movesUnderWay = (state: State): readonly MoveRow[] => {
  const open = openRebalance(state.rebalance);
  return open === undefined ? [] : state.rebalance.moving.flatMap((move) => moveAt(state.rebalance, open.rebalanceId, move) ?? []);
};

function stepsDue(state: State, open: RebalanceRow, applied: Applied, now: number): readonly ChanceryEvent[] {
  const events: ChanceryEvent[] = [];
  let ended = 0;
  const remaining: MoveRow[] = [];
  for (const move of movesUnderWay(state)) {
    const steps = events.length < limits.eventsPerDecision ? proceed(state, move, applied) : [];
    events.push(...steps);
    if (steps.some(({ type }) => type === 'MoveFinished' || type === 'MoveFailed')) ended += 1;
    else remaining.push(move);
  }
  const failed = events.filter(({ type }) => type === 'MoveFailed').length;
  const begun = beginnings(state, open, remaining, now, limits.eventsPerDecision - events.length);
  events.push(...begun);
  const failedAtOnce = begun.filter(({ type }) => type === 'MoveFailed').length;
  const over = open.finished + open.failed + ended + failedAtOnce;
  if (over === open.moveCount) {
    const failures = open.failed + failed + failedAtOnce;
    events.push(rebalanceCompleted({ rebalanceId: open.rebalanceId, finished: open.moveCount - failures, failed: failures }));
  }
  return events;
}

/** Begins waiting moves in the order of the plan, as far as there is room in all and at each server. */
function beginnings(state: State, open: RebalanceRow, moving: readonly MoveRow[], now: number, room: number): readonly ChanceryEvent[] {
  const inAll = integerOf(state.configs, 'chancery.rebalance.max-moves');
  const perServer = integerOf(state.configs, 'chancery.rebalance.max-moves-per-server');
  const timeoutMs = durationMsOf(state.configs, 'chancery.rebalance.move-timeout');
  const load = new Map<number, number>();
  const take = (move: MoveRow) => {
    for (const id of serversOf(move)) load.set(id, (load.get(id) ?? 0) + 1);
  };
  for (const move of moving) take(move);
  let under = moving.length;
  const events: ChanceryEvent[] = [];
  const { firstWaiting } = state.rebalance;
  const end = Math.min(open.moveCount, firstWaiting + limits.waitingLookedAt);
  for (let i = firstWaiting; i < end && under < inAll && events.length < room; i += 1) {
    const move = moveAt(state.rebalance, open.rebalanceId, i);
    if (move?.status !== 'NOT_STARTED' || serversOf(move).some((id) => (load.get(id) ?? 0) >= perServer)) continue;
    const begun = begin(state, move, { now, timeoutMs });
    if (begun === undefined) continue;
    events.push(...begun);
    if (begun.some(({ type }) => type === 'MoveFailed')) continue;
    take(move);
    under += 1;
  }
  return events;
}

/** The servers whose disks and network a move uses: where copies come from and where they go. A change of leaders alone uses none. */
function serversOf(move: MoveRow): readonly number[] {
  const added = newServers(move);
  return added.length === 0 ? [] : [move.originalLeader, ...added];
}

/** A move's time is over: given by the scheduler. @returns `MoveFailed`, and what leaves its bucket as it was; nothing when it is over */
export const timeOutMove = defineCommand({
  name: 'timeOutMove',
  about: 'Give up a move that takes too long.',
  input: z.strictObject({ rebalanceId, move: z.number().int().min(0) }),
  decide: (state, command, { now }): Decision<ChanceryEvent> => {
    const move = moveAt(state.rebalance, command.rebalanceId, command.move);
    if (move?.status !== 'REBALANCING' || move.timeoutAt === undefined || now < move.timeoutAt) return accept();
    const allowedMs = move.timeoutAt - (move.startedAt ?? move.timeoutAt);
    return accept(...settle(state, move, moveFailed, `it took longer than ${allowedMs} ms`));
  },
});

/**
 * Stop a rebalance; without an id the one that runs. Each bucket that is moving is left with a full set of replicas, the original ones
 * where that is still possible.
 * @returns `LeadersElected` where leaders are lost, for each of those buckets `MoveCanceled`, then `RebalanceCanceled`; or NO_REBALANCE,
 *   UNKNOWN_REBALANCE, REBALANCE_OVER
 */
export const cancelRebalance = defineCommand({
  name: 'cancelRebalance',
  about: 'Stop a rebalance.',
  input: z.strictObject({ rebalanceId: rebalanceId.exactOptional() }),
  decide: (state, command): Decision<ChanceryEvent> => {
    const current = currentRebalance(state.rebalance);
    if (current === undefined) return reject('NO_REBALANCE', '', 'there was no rebalance yet');
    const row = command.rebalanceId === undefined ? current : rebalanceOf(state.rebalance, command.rebalanceId);
    if (row === undefined) {
      const detail = `Rebalance task id ${command.rebalanceId} to cancel is not the current rebalance task id ${current.rebalanceId}.`;
      return reject('UNKNOWN_REBALANCE', 'rebalanceId', detail);
    }
    if (row.endedAt !== undefined)
      return reject('REBALANCE_OVER', 'rebalanceId', `rebalance ${row.rebalanceId} is ${row.status}`, { status: row.status });
    const under = movesUnderWay(state);
    const { failed, finished, moveCount } = row;
    const waiting = moveCount - finished - failed - row.canceled - under.length;
    const counts = { finished, failed, stopped: under.length, waiting };
    return accept(
      ...electingOnce(under.flatMap((move) => settle(state, move, moveCanceled, 'the rebalance was canceled'))),
      rebalanceCanceled({ rebalanceId: row.rebalanceId, ...counts }),
    );
  },
});

/**
 * The same with all elections in one event before the others. Every event repeats who asked and why, which may be 4 KB: with three of them
 * for each move only 18 moves could be canceled at once, with two it is the 25 that `chancery.rebalance.max-moves` allows.
 */
function electingOnce(events: readonly ChanceryEvent[]): readonly ChanceryEvent[] {
  const buckets = events.flatMap((event) => (event.type === 'LeadersElected' ? event.data.buckets : []));
  const others = events.filter(({ type }) => type !== 'LeadersElected');
  return buckets.length === 0 ? others : [leadersElected({ buckets }), ...others];
}

/** The time in which a plan had to arrive is over: given by the scheduler. @returns `RebalanceFailed`; nothing when it has begun */
export const failRebalance = defineCommand({
  name: 'failRebalance',
  about: 'Give up a rebalance whose plan was never completed.',
  input: z.strictObject({ rebalanceId }),
  decide: (state, command, { now }): Decision<ChanceryEvent> => {
    const open = openRebalance(state.rebalance);
    const dueAt = state.deadlines.bySubject.get(`rebalance/${command.rebalanceId}`)?.dueAt;
    if (open?.rebalanceId !== command.rebalanceId || open.status !== 'NOT_STARTED' || dueAt === undefined || now < dueAt) return accept();
    const reason = `only ${open.planned} of its ${open.moveCount} moves arrived in time`;
    return accept(rebalanceFailed({ rebalanceId: open.rebalanceId, reason }));
  },
});
