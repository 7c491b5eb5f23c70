import type { Entry } from '../../events/envelope.ts';
import type { Tiering, TieringRow } from '../../projections/tiering.ts';
import { tieringOf } from '../../projections/tiering.ts';
import type { Command } from '../deciders/commands.ts';
import { tieringAnswerOf } from '../deciders/tiering.ts';
import type { Clock } from '../ports/clock.ts';
import type { Outcome } from './submission.ts';

/** Of a round, if there is one. */
const endings: ReadonlySet<string> = new Set(['TieringRoundFinished', 'TieringRoundFailed', 'LakeTableRemoved', 'TableDropped']);

/**
 * When the services of running rounds were last heard of: soft state of the node that leads. Whoever takes the lead has heard of all of
 * them just now. Rounds with one time-out lie in the order in which they were heard of, so only those that are over are looked at.
 */
export class TieringRounds {
  readonly #clock: Clock;
  /** By time-out in milliseconds: by table id when it was heard of, epoch milliseconds; the longest silent first. */
  readonly #heardAt = new Map<number, Map<number, number>>();
  readonly #timeoutMs = new Map<number, number>();

  constructor(clock: Clock, tiering: Tiering) {
    this.#clock = clock;
    for (const [, ids] of tiering.rounds.rows()) for (const id of ids) this.#takeUp(tieringOf(tiering, id));
  }

  /** Takes up rounds that began, and leaves out those that are over. Within one entry a table may change hands, or begin a round anew. */
  applied({ events }: Pick<Entry, 'events'>): void {
    for (const event of events) {
      if (event.type === 'TieringRoundStarted') this.#watch(event.data);
      else if (endings.has(event.type)) this.#leaveOut((event.data as { readonly tableId: number }).tableId);
    }
  }

  /**
   * A heartbeat renews the rounds that it rightly names. Being handed a table again is no word of it: a service that dies of a table
   * whenever it is given it would keep it for ever.
   */
  answered(command: Command, outcome: Outcome): void {
    if (command.name !== 'tieringHeartbeat' || command.tiering.length === 0 || outcome.kind !== 'done') return;
    const answer = tieringAnswerOf(outcome.answer);
    if (answer === undefined) return;
    for (const { refusal, tableId } of answer.tiering) if (refusal === undefined) this.#heard(tableId);
  }

  /** All rounds were heard of just now: nobody could be heard meanwhile. */
  grant(): void {
    for (const id of [...this.#timeoutMs.keys()]) this.#heard(id);
  }

  /** Rounds that were silent for as long as their time-out, at most so many. */
  silent(atMost: number): readonly number[] {
    const now = this.#clock.now();
    const silent: number[] = [];
    for (const [timeoutMs, heardAt] of this.#heardAt) {
      for (const [id, at] of heardAt) {
        if (now < at + timeoutMs || silent.length === atMost) break;
        silent.push(id);
      }
    }
    return silent;
  }

  #takeUp(row: TieringRow | undefined): void {
    if (row?.timeoutMs !== undefined) this.#watch({ tableId: row.tableId, timeoutMs: row.timeoutMs });
  }

  #watch({ tableId, timeoutMs }: { readonly tableId: number; readonly timeoutMs: number }): void {
    this.#leaveOut(tableId);
    this.#timeoutMs.set(tableId, timeoutMs);
    this.#heard(tableId);
  }

  #heard(id: number): void {
    const timeoutMs = this.#timeoutMs.get(id);
    if (timeoutMs === undefined) return;
    const heardAt = this.#heardAt.get(timeoutMs) ?? new Map<number, number>();
    heardAt.delete(id); // What was heard last stands last.
    this.#heardAt.set(timeoutMs, heardAt.set(id, this.#clock.now()));
  }

  #leaveOut(id: number): void {
    const timeoutMs = this.#timeoutMs.get(id) ?? 0;
    this.#timeoutMs.delete(id);
    this.#heardAt.get(timeoutMs)?.delete(id);
    if (this.#heardAt.get(timeoutMs)?.size === 0) this.#heardAt.delete(timeoutMs);
  }
}
