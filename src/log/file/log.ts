import type { EncodedEntry } from '../../../events/envelope.ts';
import { checkRange, headAfter, refusalOf } from '../condition.ts';
import { closedText, type FollowSource, followEntries, settledOrAborted } from '../follow.ts';
import { type AppendOutcome, type EventLog, type Head, LogUnavailable } from '../port.ts';
import { groupBytesWanted, headerBytes, maxPayloadBytes, recordBytes } from './records.ts';
import type { Segments } from './segments.ts';

/** Appends that may wait, in flight or behind. Far above `pipelineDepth`, which the caller keeps; reached only by mistake. */
const waitingMost = 1024;

export interface FileLogParts {
  readonly segments: Segments;
  /** Raised by the opening; the first `raiseEpoch` hands it out. */
  readonly epoch: number;
  /** Makes an epoch durable. */
  readonly writeEpoch: (epoch: number) => Promise<void>;
  readonly unlock: () => void;
  readonly timeoutMs: number;
}

interface Waiting {
  readonly encoded: EncodedEntry;
  readonly deadline: number;
  readonly settle: (outcome: AppendOutcome) => void;
}

interface NextGroup {
  /** What is to be written. */
  readonly fresh: readonly EncodedEntry[];
  readonly refused?: { readonly waiting: Waiting; readonly outcome: AppendOutcome };
}

/**
 * The log of one process in segment files. One loop does everything that writes, so nothing there needs a lock: it takes what is
 * waiting, checks each against the one before, writes those that fit as one group, makes it durable with one fdatasync, and answers.
 * What arrives meanwhile is the next group: batching grows with load by itself.
 */
export class FileLog implements EventLog {
  readonly pipelineDepth = 8;
  readonly #parts: FileLogParts;
  readonly #closing = new AbortController();
  readonly #unsettled = new Set<Waiting>(); // In the order of their deadlines.
  #queue: Waiting[] = [];
  #raises: (() => Promise<void>)[] = [];
  #running: Promise<void> | undefined;
  #closed: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #grown = Promise.withResolvers<void>();
  #epoch: number;
  #epochIsNew = true;
  #uncertain = false; // A write or sync failed: the file must be recovered before the next one.
  #silentSince: number | undefined;

  constructor(parts: FileLogParts) {
    this.#parts = parts;
    this.#epoch = parts.epoch;
  }

  /** @throws RangeError for an entry no reader would accept, Error when over a thousand appends wait: the caller's mistakes. */
  async append(encoded: EncodedEntry): Promise<AppendOutcome> {
    if (this.#closing.signal.aborted) return unknown(closedText);
    const bytes = recordBytes(encoded.text) - headerBytes;
    if (bytes === 0 || bytes > maxPayloadBytes)
      throw new RangeError(`an entry of ${bytes} bytes is none: 1 to ${maxPayloadBytes} are allowed`);
    if (this.#unsettled.size >= waitingMost) throw new Error(`more than ${waitingMost} appends are waiting`);
    return new Promise((resolve) => {
      const waiting: Waiting = {
        encoded,
        deadline: performance.now() + this.#parts.timeoutMs,
        settle: (outcome) => {
          if (this.#unsettled.delete(waiting)) resolve(outcome);
        },
      };
      this.#unsettled.add(waiting);
      this.#queue.push(waiting);
      this.#watchDeadlines();
      this.#start();
    });
  }

  async read(afterIndex: number, limit: number): Promise<readonly string[]> {
    checkRange(afterIndex, limit);
    this.#refuseClosed();
    return this.#inTime(this.#parts.segments.read(afterIndex, limit));
  }

  async head(): Promise<Head> {
    this.#refuseClosed();
    return this.#parts.segments.head;
  }

  async raiseEpoch(): Promise<number> {
    this.#refuseClosed();
    const raised = new Promise<number>((resolve, reject) => {
      this.#raises.push(() => this.#raise().then(resolve, reject));
    });
    this.#start();
    return this.#inTime(raised);
  }

  follow(afterIndex: number, deliver: (texts: readonly string[]) => void | Promise<void>, signal: AbortSignal): Promise<void> {
    const source: FollowSource = {
      read: (after, limit) => this.read(after, limit),
      grown: async (after, ended) => {
        if (this.#parts.segments.head.index <= after) await settledOrAborted(this.#grown.promise, ended);
      },
    };
    return followEntries(source, afterIndex, deliver, signal, this.#closing.signal);
  }

  silentForMs(): number {
    return this.#silentSince === undefined ? 0 : performance.now() - this.#silentSince;
  }

  /** Lets the group being written finish, and gives the directory back. A write that hangs keeps the lock until the process ends. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#closing.abort();
    this.#queue = [];
    const stopped = (this.#running ?? Promise.resolve()).then(async () => {
      this.#settleAll(unknown(closedText));
      await this.#parts.segments.close();
      this.#parts.unlock();
    });
    await this.#inTime(stopped).finally(() => this.#settleAll(unknown(closedText)));
  }

  /** Runs the loop, from a microtask on: what is called in the same tick shares the first group. */
  #start(): void {
    this.#running ??= Promise.resolve().then(async () => {
      while (this.#queue.length > 0 || this.#raises.length > 0) await this.#pass();
      this.#running = undefined;
    });
  }

  async #pass(): Promise<void> {
    const raises = this.#raises;
    this.#raises = [];
    for (const raise of raises) await raise();
    const group: Waiting[] = [];
    try {
      if (this.#uncertain) await this.#parts.segments.recover();
      this.#uncertain = false;
      const { fresh, refused } = await this.#nextGroup(group);
      if (fresh.length > 0) await this.#write(fresh);
      this.#silentSince = undefined;
      for (const waiting of group) waiting.settle({ kind: 'appended' });
      if (refused === undefined || !this.#unsettled.has(refused.waiting)) return; // Its time may have run out during the write.
      refused.waiting.settle(refused.outcome);
      this.#settleAll({ kind: 'conflict' }); // Whoever is behind a refused one has no effect, even if it would fit.
    } catch (error) {
      this.#silentSince ??= performance.now();
      const { index } = this.#parts.segments.head;
      for (const waiting of group) if (waiting.encoded.entry.index <= index) waiting.settle({ kind: 'appended' });
      this.#settleAll(unknown(`the disk failed: ${String(error)}`));
    }
  }

  /** Moves from the queue into `group` what can be written together or is in the log already, up to the first that is refused. */
  async #nextGroup(group: Waiting[]): Promise<NextGroup> {
    const fresh: EncodedEntry[] = [];
    let head = this.#parts.segments.head;
    let bytes = 0;
    for (let next = this.#queue[0]; next !== undefined && bytes < groupBytesWanted; next = this.#queue[0]) {
      const { encoded } = next;
      const isThere = await this.#isThere(encoded, fresh);
      if (this.#queue[0] !== next) continue; // Its time ran out while the file was asked.
      const refusal = isThere ? undefined : refusalOf(encoded, head, this.#epoch);
      if (refusal !== undefined) return { fresh, refused: { waiting: next, outcome: refusal } };
      this.#queue.shift();
      group.push(next);
      if (isThere) continue;
      fresh.push(encoded);
      bytes += recordBytes(encoded.text);
      head = headAfter(encoded);
    }
    return { fresh };
  }

  async #isThere({ entry: { index }, text }: EncodedEntry, fresh: readonly EncodedEntry[]): Promise<boolean> {
    const { head } = this.#parts.segments;
    if (index > head.index) return fresh[index - head.index - 1]?.text === text;
    const [present] = await this.#parts.segments.read(index - 1, 1);
    return present === text;
  }

  async #write(fresh: readonly EncodedEntry[]): Promise<void> {
    const before = this.#parts.segments.head.index;
    this.#uncertain = true;
    try {
      await this.#parts.segments.append(fresh);
      this.#uncertain = false;
    } finally {
      if (this.#parts.segments.head.index > before) {
        this.#grown.resolve();
        this.#grown = Promise.withResolvers();
      }
    }
  }

  async #raise(): Promise<number> {
    if (this.#epochIsNew) {
      this.#epochIsNew = false;
      return this.#epoch;
    }
    const epoch = this.#epoch + 1;
    try {
      await this.#parts.writeEpoch(epoch);
    } catch (error) {
      throw new LogUnavailable(`the epoch could not be written: ${String(error)}`);
    }
    this.#epoch = epoch;
    return epoch;
  }

  #settleAll(outcome: AppendOutcome): void {
    this.#queue = [];
    for (const waiting of [...this.#unsettled]) waiting.settle(outcome);
  }

  /** One timer for all: deadlines pass in the order of the calls. */
  #watchDeadlines(): void {
    const [oldest] = this.#unsettled;
    if (this.#timer !== undefined || oldest === undefined) return;
    const expire = (): void => {
      this.#timer = undefined;
      const [oldest] = this.#unsettled;
      if (oldest !== undefined && oldest.deadline <= performance.now()) {
        this.#silentSince ??= oldest.deadline - this.#parts.timeoutMs;
        this.#settleAll(unknown(`the disk did not answer in ${this.#parts.timeoutMs} ms`));
      }
      this.#watchDeadlines();
    };
    this.#timer = setTimeout(expire, Math.ceil(oldest.deadline - performance.now())).unref();
  }

  #refuseClosed(): void {
    if (this.#closing.signal.aborted) throw new LogUnavailable(closedText);
  }

  #inTime<T>(call: Promise<T>): Promise<T> {
    return inTime(call, this.#parts.timeoutMs);
  }
}

/** @throws LogUnavailable when the call has not settled in time; what becomes of it then is its own affair. */
export function inTime<T>(call: Promise<T>, timeoutMs: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new LogUnavailable(`the disk did not answer in ${timeoutMs} ms`)), timeoutMs);
    call.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

const unknown = (detail: string): AppendOutcome => ({ kind: 'unknown', detail });
