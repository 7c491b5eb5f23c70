import { hash } from 'node:crypto';
import { nanoid } from 'nanoid';
import { type Goal, type PlannedMove, rebalanceLimits } from '../../events/rebalance.ts';
import { type RebalanceRow, rebalanceOf } from '../../projections/rebalance.ts';
import type { State } from '../../projections/state.ts';
import { type Command, decide } from '../deciders/commands.ts';
import { denialOfCommand } from '../deciders/permissions.ts';
import type { Clock } from '../ports/clock.ts';
import { type Rejection, type RejectionCode, rejection } from '../rejection.ts';
import type { Node, Provenance } from './node.ts';
import type { Planner } from './planning/port.ts';
import { clusterOf, type Draft, draftOf, piecesOf } from './rebalanceDraft.ts';
import type { Caller, Outcome } from './submission.ts';
import { inTurns } from './turns.ts';

/** What becomes of a plan when servers, tags or its buckets changed before it was in the log. */
export const staleChoices = ['REFUSE', 'REPLAN'] as const;
export interface Wanted {
  /** By priority. */
  readonly goals: readonly Goal[];
  /** Default REFUSE. */
  readonly onStale?: (typeof staleChoices)[number];
}

export type Drafted =
  | { readonly kind: 'drafted'; readonly draft: Draft; readonly state: State; readonly provenance: Provenance }
  | { readonly kind: 'rejected'; readonly rejection: Rejection };
export type Begun =
  | (Extract<Outcome, { readonly kind: 'done' }> & { readonly rebalanceId: string; readonly moveCount: number })
  | Exclude<Outcome, { readonly kind: 'done' }>;

export interface RebalancingParts {
  readonly node: Pick<Node, 'denials' | 'read' | 'submit'>;
  readonly planner: Planner;
  readonly clock: Clock;
}

/**
 * `plans`: how often one request is planned, the first time included. `ids`: how many ids an idempotency key stands for, for a rebalance
 * that was given up before it began is not taken up again. The log waits a minute for the pieces of a plan: after `piecesMs` they are
 * not tried again. `drafts`: how many plans are under way on a node, waiting or at work; each holds a list of every bucket.
 */
export const rebalancingLimits = { plans: 6, ids: 20, piecesMs: 50_000, pauseMs: 200, drafts: 9 } as const;
/** While a cluster is put together, everything else has its turn so often, in milliseconds. */
const turnMs = 10;
/** Nothing is wrong with what was asked: the cluster cannot take it at the moment. */
const passing: ReadonlySet<RejectionCode> = new Set<RejectionCode>(['NO_LEADER', 'BUSY']);

/** Plans rebalances on the node that is asked, and has them written down piece by piece by whoever leads. */
export class Rebalancing {
  readonly #parts: RebalancingParts;
  #drafts = 0;

  constructor(parts: RebalancingParts) {
    this.#parts = parts;
  }

  /**
   * What a rebalance would do at the moment; nothing is written down.
   * @returns or why there is no plan: PLANNING_FAILED, REBALANCE_IN_PROGRESS, AUTHORIZATION_DENIED, BUSY (too many are under way) and what
   *   keeps a node from reading
   * @throws the signal's reason once it is aborted
   */
  async draft(goals: readonly Goal[], caller: Caller, signal?: AbortSignal): Promise<Drafted> {
    const reading = await this.#parts.node.read({ linearizable: true });
    if (reading.kind === 'rejected') return reading;
    return await this.#draftOn(reading, goals, caller, signal);
  }

  /**
   * Plans a rebalance and begins it. Asked again with the same idempotency key it names the same rebalance.
   * @returns beside what `draft` may refuse: PLAN_STALE, IDEMPOTENCY_KEY_REUSED (with other goals), or an unknown outcome
   * @throws the signal's reason when it is aborted before anything is written down
   */
  async begin({ goals, onStale = 'REFUSE' }: Wanted, caller: Caller, signal?: AbortSignal): Promise<Begun> {
    const key = caller.idempotencyKey ?? nanoid();
    for (let plans = 1; ; plans += 1) {
      const reading = await this.#parts.node.read({ linearizable: true });
      if (reading.kind === 'rejected') return reading;
      const next = nextOf(reading.state, key);
      if (next === undefined)
        return refused('IDEMPOTENCY_KEY_REUSED', '', `the key ${key} was used for ${rebalancingLimits.ids} rebalances`);
      if (next.row !== undefined) return begunBefore(next.row, goals, key);
      const drafted = await this.#draftOn(reading, goals, caller, signal);
      if (drafted.kind === 'rejected') return drafted;
      const plannedAt = drafted.state.position;
      const begun = await this.#write({ ...next, goals, plannedAt, moves: drafted.draft.moves }, { ...caller, idempotencyKey: key });
      const isStale = begun.kind === 'rejected' && begun.rejection.code === 'PLAN_STALE';
      if (!isStale || onStale === 'REFUSE' || plans === rebalancingLimits.plans) return begun;
    }
  }

  async #draftOn(
    { provenance, state }: { readonly state: State; readonly provenance: Provenance },
    goals: readonly Goal[],
    caller: Caller,
    signal = new AbortController().signal,
  ): Promise<Drafted> {
    const obstacle = this.#obstacle(state, goals, caller);
    if (obstacle !== undefined) return { kind: 'rejected', rejection: obstacle };
    if (this.#drafts >= rebalancingLimits.drafts)
      return refused('BUSY', '', `${rebalancingLimits.drafts} plans are under way at this node already`);
    this.#drafts += 1;
    try {
      return await this.#plan({ provenance, state }, goals, signal);
    } finally {
      this.#drafts -= 1;
    }
  }

  async #plan(
    { provenance, state }: { readonly state: State; readonly provenance: Provenance },
    goals: readonly Goal[],
    signal: AbortSignal,
  ): Promise<Drafted> {
    const cluster = await inTurns(clusterOf(state), turnMs, signal);
    const planning = await this.#parts.planner.plan(cluster, goals, signal);
    if (planning.kind === 'rejected') return planning;
    if (planning.kind !== 'planned') return refused('PLANNING_FAILED', 'goals', planning.message);
    const { moves } = planning.plan;
    if (moves.length > rebalanceLimits.moves)
      return refused(
        'PLANNING_FAILED',
        'goals',
        `${moves.length} buckets would move; one rebalance moves at most ${rebalanceLimits.moves}`,
      );
    return { kind: 'drafted', draft: draftOf(state, planning.plan), state, provenance };
  }

  /** What stands in the way of any plan is found before one is made. */
  #obstacle(state: State, goals: readonly Goal[], caller: Caller): Rejection | undefined {
    const anyPlan = { rebalanceId: rebalanceIdOf(nanoid(), 1), goals: [...goals], plannedAt: state.position, moveCount: 0, moves: [] };
    const command: Command = { name: 'planRebalance', ...anyPlan };
    const denial = denialOfCommand(state, caller, command);
    if (denial !== undefined) {
      this.#parts.node.denials.note(caller, command.name, denial);
      return denial;
    }
    const decision = decide(state, command, { now: state.at, timeOfDay: state.at, commandId: '' });
    return decision.kind === 'rejected' ? decision.rejection : undefined;
  }

  async #write(plan: Written, caller: Caller & { readonly idempotencyKey: string }): Promise<Begun> {
    const { goals, moves, plannedAt, rebalanceId } = plan;
    const id = { rebalanceId, moveCount: moves.length };
    const pieces = piecesOf(moves);
    const first = [...(pieces.next().value ?? [])];
    const command: Command = { name: 'planRebalance', ...id, goals: [...goals], plannedAt, moves: first };
    // The first id belongs to the caller's own key; whoever plans again for the same key asks for something else.
    const idempotencyKey = plan.isFirst ? caller.idempotencyKey : `${rebalanceId}/plan`;
    let outcome = await this.#parts.node.submit(command, { ...caller, idempotencyKey });
    if (outcome.kind !== 'done') return outcome;
    const { changed, duplicate } = outcome;
    const until = this.#parts.clock.now() + rebalancingLimits.piecesMs;
    let firstMove = first.length;
    for (const piece of pieces) {
      outcome = await this.#add({ name: 'addRebalanceMoves', rebalanceId, firstMove, moves: [...piece] }, caller, until);
      if (outcome.kind === 'rejected') await this.#giveUp(rebalanceId, outcome.rejection, caller);
      if (outcome.kind !== 'done') return outcome.kind === 'unknown' ? { ...outcome, commandId: caller.idempotencyKey } : outcome;
      firstMove += piece.length;
    }
    return { kind: 'done', position: outcome.position, changed, duplicate, ...id };
  }

  /** Again and again while nobody leads, and while nobody knows whether it is done: a piece that is there is passed over. */
  async #add(command: Extract<Command, { name: 'addRebalanceMoves' }>, caller: Caller, until: number): Promise<Outcome> {
    const idempotencyKey = `${command.rebalanceId}/moves/${command.firstMove}`;
    const { clock, node } = this.#parts;
    for (;;) {
      const outcome = await node.submit(command, { ...caller, idempotencyKey });
      const mayPass = outcome.kind === 'unknown' || (outcome.kind === 'rejected' && passing.has(outcome.rejection.code));
      if (!mayPass || clock.now() >= until) return outcome;
      await new Promise<void>((resolve) => {
        clock.after(rebalancingLimits.pauseMs, resolve);
      });
    }
  }

  /** Without its other pieces it would only keep others waiting. Should that fail too, the log gives it up within a minute. */
  async #giveUp(rebalanceId: string, { code, detail }: Rejection, caller: Caller): Promise<void> {
    const reason = `a piece of its plan was refused: ${code}, ${detail}`.slice(0, 1000);
    const idempotencyKey = `${rebalanceId}/give-up`;
    await this.#parts.node.submit({ name: 'cancelRebalance', rebalanceId }, { ...caller, reason, idempotencyKey });
  }
}

interface Written extends Wanted {
  readonly rebalanceId: string;
  readonly isFirst: boolean;
  readonly plannedAt: number;
  readonly moves: readonly PlannedMove[];
}

const refused = (code: RejectionCode, field: string, detail: string): { readonly kind: 'rejected'; readonly rejection: Rejection } => ({
  kind: 'rejected',
  rejection: rejection(code, field, detail),
});

/** Made of the caller's key, so that asking again names the same: 126 bits of a hash in the letters of a nanoid. */
export const rebalanceIdOf = (idempotencyKey: string, attempt: number): string =>
  `rebalance-${hash('sha256', `${idempotencyKey}\n${attempt}`, 'base64url').slice(0, 21)}`;

/** The rebalance that a key stands for, or the id that the next one may have. @returns undefined when there were too many */
function nextOf(
  state: State,
  key: string,
): { readonly rebalanceId: string; readonly isFirst: boolean; readonly row?: RebalanceRow } | undefined {
  for (let attempt = 1; attempt <= rebalancingLimits.ids; attempt += 1) {
    const rebalanceId = rebalanceIdOf(key, attempt);
    const row = rebalanceOf(state.rebalance, rebalanceId);
    const next = { rebalanceId, isFirst: attempt === 1 };
    if (row === undefined) return next;
    const wasGivenUp = row.startedAt === undefined && row.endedAt !== undefined;
    if (!wasGivenUp) return { ...next, row };
  }
  return undefined;
}

function begunBefore({ goals, moveCount, position, rebalanceId }: RebalanceRow, wanted: readonly Goal[], key: string): Begun {
  if (goals.join() === wanted.join()) return { kind: 'done', position, changed: true, duplicate: true, rebalanceId, moveCount };
  return refused('IDEMPOTENCY_KEY_REUSED', '', `the key ${key} was used for a rebalance with the goals ${goals.join(', ') || 'none'}`);
}
