import { checkRange } from '../condition.ts';
import { closedText, followEntries, sleep } from '../follow.ts';
import { type AppendOutcome, type EventLog, type Head, LogRefused, LogUnavailable } from '../port.ts';
import { inTime } from './log.ts';
import type { Segments } from './segments.ts';

/** Between two looks of a follower at the directory, milliseconds. */
const lookEveryMs = 100;

/**
 * The log of a directory that another process may be writing: reads what is complete, for tools. It takes no lock and changes nothing.
 * What it reads last may be complete and not yet durable: a power cut, or a disk that fails at that moment, may take it back.
 */
export class FileLogReader implements EventLog {
  readonly pipelineDepth = 1;
  readonly #segments: Segments;
  readonly #timeoutMs: number;
  readonly #closing = new AbortController();

  constructor(segments: Segments, timeoutMs: number) {
    this.#segments = segments;
    this.#timeoutMs = timeoutMs;
  }

  async append(): Promise<AppendOutcome> {
    throw new LogRefused(readOnlyText);
  }

  async raiseEpoch(): Promise<number> {
    throw new LogRefused(readOnlyText);
  }

  /** At a damage everything before it is returned first. @throws LogRefused then. */
  async read(afterIndex: number, limit: number): Promise<readonly string[]> {
    checkRange(afterIndex, limit);
    if (this.#closing.signal.aborted) throw new LogUnavailable(closedText);
    return inTime(this.#lookAndRead(afterIndex, limit), this.#timeoutMs);
  }

  /** @throws LogRefused when a damage hides where the log ends. */
  async head(): Promise<Head> {
    await this.read(this.#segments.head.index, 1);
    return this.#segments.head;
  }

  follow(afterIndex: number, deliver: (texts: readonly string[]) => void | Promise<void>, signal: AbortSignal): Promise<void> {
    const read = (after: number, limit: number): Promise<readonly string[]> => this.read(after, limit);
    const grown = (_: number, ended: AbortSignal): Promise<void> => sleep(lookEveryMs, ended);
    return followEntries({ read, grown }, afterIndex, deliver, signal, this.#closing.signal);
  }

  silentForMs(): number {
    return 0;
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#segments.close();
  }

  async #lookAndRead(afterIndex: number, limit: number): Promise<readonly string[]> {
    if (afterIndex + limit > this.#segments.head.index) await this.#segments.look();
    return this.#segments.read(afterIndex, limit);
  }
}

const readOnlyText = 'this log was opened for reading only: open it for writing';
