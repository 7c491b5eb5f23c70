import { FairQueue } from './fairQueue.ts';

/** Who wants the outcome of a piece of work. */
export interface Wish {
  /** Callers take turns. */
  readonly caller: string;
  /** Stops waiting; work that nobody waits for is stopped, too. */
  readonly signal?: AbortSignal | undefined;
}

interface Asker<T> {
  resolve(value: T): void;
  reject(error: unknown): void;
}

interface Job<T> {
  readonly key: number;
  readonly askers: Set<Asker<T>>;
  /** In whose turns it waits. */
  readonly callers: Set<string>;
  readonly stop: AbortController;
  readonly work: (signal: AbortSignal) => Promise<T>;
  isBegun: boolean;
}

/**
 * Work that takes much memory, one piece at a time, in turns of those who ask. Who asks for what is waiting or being done already gets
 * that outcome, too.
 */
export class SharedWork<T> {
  readonly #queue = new FairQueue<Job<T>>();
  /** Those that one may still join, by key. */
  readonly #jobs = new Map<number, Job<T>>();
  #isBusy = false;

  /** @param work what is done for the key unless it is under way; rejects when its signal aborts. */
  async of(key: number, { caller, signal }: Wish, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    signal?.throwIfAborted();
    const job = this.#jobs.get(key) ?? { key, askers: new Set(), callers: new Set(), stop: new AbortController(), work, isBegun: false };
    this.#jobs.set(key, job);
    return await new Promise<T>((resolve, reject) => {
      const giveUp = (): void => {
        reject(signal?.reason);
        this.#leave(job, asker, signal?.reason);
      };
      const settled = (): void => signal?.removeEventListener('abort', giveUp);
      const asker: Asker<T> = {
        resolve: (value) => {
          settled();
          resolve(value);
        },
        reject: (error) => {
          settled();
          reject(error);
        },
      };
      signal?.addEventListener('abort', giveUp, { once: true });
      job.askers.add(asker);
      // Also when another caller waits for it: whoever's turn comes first begins it.
      if (!job.isBegun) this.#enqueue(job, caller);
      void this.#run();
    });
  }

  #leave(job: Job<T>, asker: Asker<T>, reason: unknown): void {
    job.askers.delete(asker);
    if (job.askers.size > 0) return;
    this.#retire(job);
    this.#dequeue(job);
    job.stop.abort(reason);
  }

  #enqueue(job: Job<T>, caller: string): void {
    if (job.callers.has(caller)) return;
    job.callers.add(caller);
    this.#queue.add(caller, job);
  }

  /** What needs no turn any more takes none from what else its callers wait for. */
  #dequeue(job: Job<T>): void {
    for (const caller of job.callers) this.#queue.remove(caller, job);
    job.callers.clear();
  }

  #retire(job: Job<T>): void {
    if (this.#jobs.get(job.key) === job) this.#jobs.delete(job.key);
  }

  async #run(): Promise<void> {
    if (this.#isBusy) return;
    this.#isBusy = true;
    for (let job = this.#queue.next(); job !== undefined; job = this.#queue.next()) await this.#do(job);
    this.#isBusy = false;
  }

  async #do(job: Job<T>): Promise<void> {
    job.isBegun = true;
    this.#dequeue(job);
    try {
      const value = await job.work(job.stop.signal);
      for (const { resolve } of job.askers) resolve(value);
    } catch (error) {
      for (const { reject } of job.askers) reject(error);
    } finally {
      this.#retire(job);
    }
  }
}
