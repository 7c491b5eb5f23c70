import { setTimeout as passed } from 'node:timers/promises';
import { CoordinatorRefused, CoordinatorUnavailable } from '../node-client/nodes.ts';
import { Pacer } from '../node-client/pacer.ts';
import type { Logger } from '../ports/logger.ts';
import type { CoordinatorClient, Given } from './coordinatorClient.ts';
import { cutError, type Lake, TieringServiceRefused } from './lake.ts';
import { type Ending, type Round, Rounds } from './rounds.ts';

export interface TieringServiceOptions {
  readonly lake: Lake;
  readonly coordinator: CoordinatorClient;
  readonly logger: Logger;
  /** How often a table is asked for while none is due, milliseconds. */
  readonly pollMs: number;
  /** How many tables it has at a time. */
  readonly rounds: number;
  /** How long a round takes, milliseconds; one that takes longer than its table's freshness is cut short there. */
  readonly roundMs: number;
}

/** Heartbeats are at least this far apart, so that what ends together is said together. */
const gapMs = 20;
/** However seldom it asks for tables: an eighth of the time-out that a coordinator grants by default. */
const renewMs = 15_000;
const answerMs = { least: 1000, most: 10_000 } as const;
/** For the last word, all tries together; before that, for the answer that is under way. */
const stopMs = { saying: 6000, answer: 1500, hearing: 2000 } as const;
/** A freshness below this makes a table due again at once: a coordinator looks once a second. */
const atOnceMs = 1000;

/**
 * A tiering service of the reference kind: it asks for tables, "tiers" each by writing one small file, and reports. It copies no data.
 * One heartbeat at a time, each of which names every round that it has: see docs/tiering.md, "For tiering services".
 */
export class TieringService {
  readonly #options: TieringServiceOptions;
  readonly #rounds = new Rounds();
  readonly #works = new Set<Promise<void>>();
  /** Ends the loop, in the middle of a heartbeat, too. */
  readonly #closed = new AbortController();
  readonly #heart: Pacer;
  #isAsking = false;
  #isStopping = false;
  /** When a table is asked for again, in time of `performance.now()`. */
  #askAt = 0;
  /** After how long without a heartbeat that names it the coordinator gives a round up: what it said last. */
  #timeoutMs = Number.POSITIVE_INFINITY;
  /** When rounds of a table ended that did so less than a poll ago, the latest last, in time of `performance.now()`. */
  readonly #endedAt = new Map<number, number>();
  #loop: Promise<void> = Promise.resolve();

  private constructor(options: TieringServiceOptions) {
    this.#options = options;
    this.#heart = new Pacer(this.#closed.signal);
  }

  /**
   * Runs from the first heartbeat that is answered, on its own until `stop` or `close`. While no coordinator can be reached it waits for
   * one, until `signal` aborts: then it rejects with the signal's reason. The lake stays the caller's to close in that case.
   * @throws TieringServiceRefused when it is not let in
   */
  static async start(options: TieringServiceOptions, signal: AbortSignal): Promise<TieringService> {
    const service = new TieringService(options);
    const giveUp = (): void => service.#closed.abort();
    signal.addEventListener('abort', giveUp, { once: true });
    try {
      await service.#begin();
      signal.throwIfAborted();
      service.#loop = service.#beat();
      return service;
    } catch (error) {
      await service.#end();
      throw error;
    } finally {
      signal.removeEventListener('abort', giveUp);
    }
  }

  /** How many rounds it has. */
  get rounds(): number {
    return this.#rounds.size;
  }

  /** Reports what is under way as failed and closes. Takes ten seconds at the most, also when nobody can be reached. */
  async stop(): Promise<void> {
    const { coordinator, logger } = this.#options;
    this.#isStopping = true;
    // The answer that is under way may bring a table, which would have to be given back.
    const timer = setTimeout(() => this.#closed.abort(), this.#isAsking ? stopMs.hearing : 0);
    await this.#loop;
    clearTimeout(timer);
    for (const round of this.#rounds.all()) this.#stopped(round);
    const until = AbortSignal.timeout(stopMs.saying);
    const pacer = new Pacer(until);
    while (this.#rounds.size > 0 && !until.aborted) {
      try {
        if (!(await this.#say(until, stopMs.answer))) await pacer.pause(gapMs);
      } catch (error) {
        logger.warn(about(error), 'the coordinator could not be told of the stop');
        if (isForSettings(error)) break;
        await pacer.backOff();
      }
    }
    if (this.#rounds.size > 0)
      logger.warn(
        { service: coordinator.service, rounds: this.#rounds.size },
        'rounds are left behind: they are given up when their time-out is over',
      );
    await this.close();
  }

  /** Closes at once and tells nobody. */
  async close(): Promise<void> {
    await this.#end();
    this.#options.lake.close();
  }

  async #end(): Promise<void> {
    this.#closed.abort();
    for (const round of this.#rounds.all()) round.dropped.abort();
    await Promise.all([this.#loop, ...this.#works]);
  }

  /** @throws TieringServiceRefused */
  async #begin(): Promise<void> {
    const { coordinator, logger } = this.#options;
    while (!this.#closed.signal.aborted) {
      try {
        await this.#say(this.#closed.signal);
        logger.info({ service: coordinator.service }, 'a node answers: tables are asked for');
        return;
      } catch (error) {
        if (this.#closed.signal.aborted) return;
        if (isForSettings(error)) {
          await this.#tell(error);
          throw new TieringServiceRefused(error.message, error.remedy);
        }
        this.#complain(error);
        await this.#heart.backOff();
      }
    }
  }

  async #beat(): Promise<void> {
    const { signal } = this.#closed;
    while (!signal.aborted && !this.#isStopping) {
      try {
        await this.#heart.pause(gapMs, 'whatever comes up');
        const isAgain = await this.#say(signal);
        this.#heart.succeeded();
        if (!isAgain) await this.#heart.pause(this.#untilNextMs());
      } catch (error) {
        if (signal.aborted) return;
        this.#complain(error);
        if (isForSettings(error)) {
          await this.#tell(error);
          await this.#heart.pause(this.#options.pollMs, 'whatever comes up');
        } else await this.#heart.backOff(this.#renewMs);
      }
    }
  }

  /** Three heartbeats come within the time after which the coordinator gives a round up. */
  get #renewMs(): number {
    return Math.min(renewMs, this.#options.pollMs / 3, this.#timeoutMs / 3);
  }

  get #answerMs(): number {
    return Math.min(answerMs.most, Math.max(answerMs.least, this.#renewMs));
  }

  get #hasRoom(): boolean {
    return !this.#isStopping && this.#rounds.size < this.#options.rounds;
  }

  #untilNextMs(): number {
    const asking = this.#hasRoom ? this.#askAt - performance.now() : Number.POSITIVE_INFINITY;
    return this.#rounds.size === 0 ? asking : Math.min(asking, this.#renewMs);
  }

  /**
   * One heartbeat and what follows from its answer.
   * @param timeoutMs for each node that is asked
   * @returns whether to send the next one at once. @throws CoordinatorUnavailable, CoordinatorRefused, the signal's reason
   */
  async #say(signal: AbortSignal, timeoutMs = this.#answerMs): Promise<boolean> {
    const { coordinator, logger, pollMs } = this.#options;
    const now = performance.now();
    const heartbeat = this.#rounds.heartbeat(this.#hasRoom && now >= this.#askAt);
    this.#isAsking = true;
    const answer = await coordinator.heartbeat(heartbeat, timeoutMs, signal).finally(() => {
      this.#isAsking = false;
    });
    const { dropped, isToBeSaidAgain } = this.#rounds.answered(heartbeat, answer);
    for (const { code, detail, given } of dropped) logger.warn({ ...given, code }, `a round is dropped: ${detail}`);
    if (answer.table !== undefined && heartbeat.wantsTable) {
      const { timeoutMs: silentMs, ...given } = answer.table;
      this.#timeoutMs = silentMs ?? Number.POSITIVE_INFINITY;
      this.#take(given, answer.position);
    } else if (heartbeat.wantsTable) this.#askAt = now + pollMs;
    // A round that was dropped may have kept the coordinator from handing out its table again.
    if (dropped.length > 0) this.#askAt = 0;
    await this.#tell();
    return isToBeSaidAgain;
  }

  #take(given: Given, position: number): void {
    const round = this.#rounds.begin(given);
    if (this.#isStopping) {
      this.#stopped(round);
      return;
    }
    this.#options.logger.info(given, 'a round begins');
    const work = this.#work(round, position).finally(() => this.#works.delete(work));
    this.#works.add(work);
  }

  async #work(round: Round, position: number): Promise<void> {
    const { lake } = this.#options;
    try {
      const isForced = await this.#takeTime(round, position);
      const fault = await lake.faultOf(round.given);
      if (round.dropped.signal.aborted) return;
      if (fault !== undefined) this.#over(round, { kind: 'failed', ...(fault === '' ? {} : { error: cutError(fault) }) });
      else this.#over(round, { kind: 'finished', isForced, ...(await lake.write(round.given, new Date())) });
    } catch (error) {
      this.#over(round, { kind: 'failed', error: cutError(error instanceof Error ? error.message : String(error)) });
    }
  }

  /**
   * As long as a round takes, after the pause before it: see `#pauseMs`. The freshness is asked for when it matters.
   * @returns whether it was cut short. Rejects when the round is dropped
   */
  async #takeTime({ dropped: { signal }, given }: Round, position: number): Promise<boolean> {
    const { coordinator, logger, roundMs } = this.#options;
    const pauseMs = this.#pauseMs(given);
    if (roundMs === 0 && pauseMs === 0) return false;
    const began = performance.now();
    let freshnessMs: number | undefined;
    try {
      freshnessMs = await coordinator.freshnessOf(given, position, answerMs.least, signal);
    } catch (error) {
      if (signal.aborted) throw error;
      logger.warn({ ...given, ...about(error) }, 'no node tells the freshness: the round is not cut short');
    }
    const takesMs = Math.min(roundMs, freshnessMs ?? Number.POSITIVE_INFINITY);
    const waitsMs = freshnessMs !== undefined && freshnessMs < atOnceMs ? pauseMs : 0;
    await passed(Math.max(0, began + waitsMs + takesMs - performance.now()), undefined, { signal });
    return takesMs < roundMs;
  }

  /** What is left of a poll since the last round of the table: so long a table waits that is always due, or its rounds had no pause. */
  #pauseMs({ tableId }: Given): number {
    const endedAt = this.#endedAt.get(tableId);
    return endedAt === undefined ? 0 : Math.max(0, endedAt + this.#options.pollMs - performance.now());
  }

  #remember({ tableId }: Given): void {
    const now = performance.now();
    this.#endedAt.delete(tableId);
    this.#endedAt.set(tableId, now);
    for (const [id, endedAt] of this.#endedAt) {
      if (now - endedAt < this.#options.pollMs) break;
      this.#endedAt.delete(id);
    }
  }

  /** A table whose round did not go well is due again at once: it is not asked for all the time. */
  #over(round: Round, ending: Ending): void {
    const { logger, pollMs } = this.#options;
    if (round.dropped.signal.aborted || round.ending !== undefined) return;
    round.ending = ending;
    this.#remember(round.given);
    const { kind, ...more } = ending;
    if (kind === 'failed') logger.warn({ ...round.given, ...more }, 'a round failed');
    else logger.info({ ...round.given, ...more }, 'a round is finished');
    this.#askAt = ending.kind === 'finished' && !ending.isForced ? 0 : performance.now() + pollMs;
    this.#heart.poke();
  }

  #stopped(round: Round): void {
    const error = `Tiering service ${this.#options.coordinator.service} was stopped in the middle of the round.`;
    this.#over(round, { kind: 'failed', error });
    round.dropped.abort();
  }

  /** @param refused what the last heartbeat was answered with, when it was refused */
  async #tell(refused?: CoordinatorRefused): Promise<void> {
    const { lake, logger, pollMs } = this.#options;
    const rounds = this.#rounds.all().map(({ given: { database, table, tieringEpoch } }) => ({ database, table, tieringEpoch }));
    try {
      const why = refused === undefined ? {} : { refused: { why: refused.message, remedy: refused.remedy } };
      await lake.tell({ answeredAt: Date.now(), everyMs: pollMs, rounds, ...why });
    } catch (error) {
      logger.warn({ err: error }, 'how the service is could not be written down');
    }
  }

  #complain(error: unknown): void {
    const { logger, pollMs } = this.#options;
    if (isForSettings(error)) logger.warn({ ...about(error), nextInMs: pollMs }, 'a heartbeat was refused');
    else if (error instanceof CoordinatorRefused) logger.warn(about(error), 'a heartbeat was refused; trying again');
    else logger[isExpected(error) ? 'warn' : 'error'](about(error), 'a heartbeat has no answer; trying again');
  }
}

/** Statuses of answers that a wrong setting has: the same heartbeat is refused again, until somebody changes something. */
const wrongSettings: readonly number[] = [400, 401, 403, 404];
const isForSettings = (error: unknown): error is CoordinatorRefused =>
  error instanceof CoordinatorRefused && wrongSettings.includes(error.status);
const isExpected = (error: unknown): error is Error => error instanceof CoordinatorUnavailable || error instanceof CoordinatorRefused;
/** What went wrong between two machines needs no trace of our own code. */
function about(error: unknown): object {
  if (error instanceof CoordinatorRefused) return { why: error.message, code: error.code, remedy: error.remedy };
  return isExpected(error) ? { why: error.message } : { err: error };
}
