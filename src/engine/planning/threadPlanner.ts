import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { Goal } from '../../../events/rebalance.ts';
import type { Logger } from '../../ports/logger.ts';
import type { Cluster } from '../../rebalance/cluster.ts';
import { rejection } from '../../rejection.ts';
import { inTurns } from '../turns.ts';
import { attempt, type Broken } from './attempt.ts';
import type { FromThread, ToThread } from './messages.ts';
import { packCluster, unpackPlan } from './packed.ts';
import type { Planner, PlannerAnswer } from './port.ts';

export interface PlannerLimits {
  /** How many plans may wait for the one at work. */
  readonly waiting: number;
  /** Clusters with fewer replicas are planned on the spot: that takes some 5 ms, less than a thread needs to start. */
  readonly inlineReplicas: number;
  readonly planMs: number;
  /** The thread ends when nobody asked for so long. */
  readonly idleMs: number;
  /** Heap of the thread, in MiB. */
  readonly memoryMb: number;
}
export const plannerLimits: PlannerLimits = { waiting: 8, inlineReplicas: 2_000, planMs: 120_000, idleMs: 60_000, memoryMb: 1_024 };

export interface PlannerParts {
  readonly logger: Logger;
  readonly limits?: Partial<PlannerLimits>;
  /** For tests: another program. */
  readonly program?: URL;
}

/** Plans large clusters in a thread of their own, which starts with the first of them; see `Planner`. */
export const createPlanner = (parts: PlannerParts): Planner => new ThreadPlanner(parts);

/** While a cluster or a plan is packed or unpacked, everything else has its turn so often, in milliseconds. */
const turnMs = 10;

/**
 * A thread is enough, where the history has a process (decision 0007): planning runs no native code, and what it allocates at a time is
 * small, so the limit of its heap ends it and nothing else (tried with 100,000 buckets, which need 80 MiB, and limits from 4 MiB on).
 */
class ThreadPlanner implements Planner {
  readonly #parts: PlannerParts;
  readonly #limits: PlannerLimits;
  readonly #closing = new AbortController();
  readonly #waiting: (() => void)[] = [];
  #isAtWork = false;
  #thread: Worker | undefined;
  #idle: NodeJS.Timeout | undefined;
  /** Threads that were told to end and have not yet. */
  readonly #ending = new Set<Promise<unknown>>();

  constructor(parts: PlannerParts) {
    this.#parts = parts;
    this.#limits = { ...plannerLimits, ...parts.limits };
  }

  async plan(cluster: Cluster, goals: readonly Goal[], signal?: AbortSignal): Promise<PlannerAnswer> {
    signal?.throwIfAborted();
    if (this.#closing.signal.aborted) return stopping();
    if (hasFewerReplicas(cluster, this.#limits.inlineReplicas)) return this.#reported(cluster, attempt(cluster, goals));
    if (this.#waiting.length >= this.#limits.waiting)
      return { kind: 'rejected', rejection: rejection('BUSY', '', `${this.#limits.waiting} plans are waiting already`) };
    const stop = signal === undefined ? this.#closing.signal : AbortSignal.any([signal, this.#closing.signal]);
    try {
      await this.#turn(stop);
      try {
        return await this.#planInThread(cluster, goals, stop);
      } finally {
        this.#nextTurn();
      }
    } catch (error) {
      signal?.throwIfAborted();
      if (this.#closing.signal.aborted) return stopping();
      throw error;
    }
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#end(this.#thread);
    await Promise.all(this.#ending);
  }

  /** One plan at a time. @throws the signal's reason when it comes first */
  async #turn(stop: AbortSignal): Promise<void> {
    if (!this.#isAtWork) {
      this.#isAtWork = true;
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const start = (): void => {
        stop.removeEventListener('abort', giveUp);
        resolve();
      };
      const giveUp = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(start), 1);
        reject(stop.reason as Error);
      };
      stop.addEventListener('abort', giveUp, { once: true });
      this.#waiting.push(start);
    });
  }
  #nextTurn(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#isAtWork = false;
    else next();
  }

  async #planInThread(cluster: Cluster, goals: readonly Goal[], stop: AbortSignal): Promise<PlannerAnswer> {
    const packed = await inTurns(packCluster(cluster), turnMs, stop);
    stop.throwIfAborted();
    const reply = await this.#ask({ cluster: packed, goals }, stop);
    stop.throwIfAborted();
    if (reply.kind !== 'planned') return this.#reported(cluster, reply);
    return { kind: 'planned', plan: await inTurns(unpackPlan(reply.plan), turnMs, stop) };
  }

  #reported<T extends { readonly kind: string }>({ buckets, servers }: Cluster, answer: T | Broken): T | Broken {
    if (isBroken(answer))
      this.#parts.logger.warn(
        { why: answer.message, servers: servers.length, buckets: buckets.length },
        'a rebalance could not be planned',
      );
    return answer;
  }

  /** A thread that does not answer, for whatever reason, is ended: the next plan starts another one. */
  async #ask(question: ToThread, stop: AbortSignal): Promise<FromThread> {
    clearTimeout(this.#idle);
    const thread = this.#thread ?? this.#start();
    const heard = Promise.withResolvers<FromThread>();
    const giveUp = (message: string): void => {
      this.#end(thread);
      heard.resolve({ kind: 'broken', message });
    };
    const listeners = {
      message: heard.resolve,
      error: (error: Error): void => giveUp(this.#whyOf(error)),
      exit: (code: number): void => giveUp(`the planner ended with status ${code}`),
    };
    for (const [event, listener] of Object.entries(listeners)) thread.on(event, listener);
    const stopped = (): void => giveUp('nobody waits for the plan any more');
    stop.addEventListener('abort', stopped);
    const { planMs } = this.#limits;
    const timer = setTimeout(() => giveUp(`there was no plan after ${planMs / 1000} s`), planMs);
    thread.ref();
    thread.postMessage(question, [question.cluster.numbers.buffer]);
    const reply = await heard.promise;
    clearTimeout(timer);
    stop.removeEventListener('abort', stopped);
    for (const [event, listener] of Object.entries(listeners)) thread.off(event, listener);
    if (this.#thread === thread) this.#rest(thread);
    return reply;
  }

  #start(): Worker {
    const program = this.#parts.program ?? new URL(`./planningThread${extname(import.meta.url)}`, import.meta.url);
    const resourceLimits = { maxOldGenerationSizeMb: this.#limits.memoryMb };
    // It needs nothing of this node's environment, and what its program was started with may not fit another one.
    const thread = new Worker(program, { name: 'chancery-planner', env: {}, execArgv: [], resourceLimits });
    thread.on('error', () => {}); // Whoever waits for it hears of it; without a listener the node would end.
    thread.on('exit', () => {
      if (this.#thread === thread) this.#thread = undefined;
    });
    this.#thread = thread;
    return thread;
  }

  #whyOf(error: Error): string {
    const isOutOfMemory = 'code' in error && error.code === 'ERR_WORKER_OUT_OF_MEMORY';
    return isOutOfMemory ? `the plan needs more than the ${this.#limits.memoryMb} MiB that it may have` : error.message;
  }

  #rest(thread: Worker): void {
    thread.unref();
    this.#idle = setTimeout(() => this.#end(thread), this.#limits.idleMs).unref();
  }

  #end(thread: Worker | undefined): void {
    clearTimeout(this.#idle);
    if (thread === undefined) return;
    if (this.#thread === thread) this.#thread = undefined;
    const ended = thread.terminate().finally(() => this.#ending.delete(ended));
    this.#ending.add(ended);
  }
}

const isBroken = (answer: { readonly kind: string }): answer is Broken => answer.kind === 'broken';

const stopping = (): PlannerAnswer => ({ kind: 'rejected', rejection: rejection('DRAINING', '', 'this node is stopping') });

function hasFewerReplicas({ buckets }: Cluster, limit: number): boolean {
  let count = 0;
  for (const { replicas } of buckets) {
    count += replicas.length;
    if (count >= limit) return false;
  }
  return true;
}
