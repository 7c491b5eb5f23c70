import { type ChildProcess, spawn } from 'node:child_process';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Logger } from '../../ports/logger.ts';
import { FairQueue } from './fairQueue.ts';
import type { FromProcess, Question, ToProcess } from './messages.ts';
import {
  type EventPage,
  type FailurePage,
  type History,
  HistoryRefused,
  type ReplayPage,
  type SelectResult,
  type StateThen,
} from './port.ts';
import type { ReadTexts } from './timeline.ts';

export interface HistoryParts {
  readonly readTexts: ReadTexts;
  /** The newest entry this node has folded: answers are at or after it. */
  head(): { readonly index: number; readonly position: number };
  readonly logger: Logger;
  /** Heap of the process, in MiB. */
  readonly memoryMb: number;
  /** The name that may stand before `sys` in a query; default fluss_catalog. */
  readonly catalog?: string;
  /** For tests: another program, other times. */
  readonly program?: URL;
  readonly times?: Partial<HistoryTimes>;
  /** Milliseconds that only grow. */
  readonly now?: () => number;
}

export const historyLimits = {
  waiting: 400,
  waitingPerCaller: 100,
  inFlight: 4,
  /** One caller's questions leave room for another's. */
  inFlightPerCaller: 3,
  replyCharacters: 1024 * 1024,
  starts: 5,
  errorText: 2000,
} as const;
export const historyTimes = {
  /** For a question without a time of its own; a SELECT has `slackMs` beyond its own, for what comes before it. */
  questionMs: 30_000,
  slackMs: 2_000,
  /**
   * A question that was cancelled may take so long until the process is killed, which costs everybody a new fold of the log: one stretch
   * of honest work, on a machine that has other things to do, must fit.
   */
  graceMs: 10_000,
  /** A process that was told to end. */
  closeMs: 2_000,
  headMs: 1_000,
  /** More than `historyLimits.starts` within this time, and the process is left alone until it is over. */
  startsWithinMs: 60_000,
} as const;
const longestMs = 2 ** 31 - 1;
type HistoryTimes = Readonly<Record<keyof typeof historyTimes, number>>;

/** Starts at the first question; see `History`. */
export const createHistory = (parts: HistoryParts): History => new HistoryClient(parts);

interface Pending {
  readonly id: number;
  readonly caller: string;
  readonly question: Question;
  readonly toIndex: number;
  /** Both do nothing once one of them was called. */
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: HistoryRefused) => void;
  timer: NodeJS.Timeout;
  /** Its caller has heard that it is out of time. */
  isGivenUp: boolean;
}

const unavailable = (message: string, remedy = 'Ask again in a moment.'): HistoryRefused =>
  new HistoryRefused('HISTORY_UNAVAILABLE', message, remedy);

const busy = (message: string, remedy: string): HistoryRefused => new HistoryRefused('BUSY', message, remedy);

/**
 * The node's end of the history process: sends it questions, a few at a time and callers in turn, reads the log for it, ends it when
 * it does not answer and starts another one at the next question. Every question settles: answered, refused, or out of time.
 */
class HistoryClient implements History {
  readonly #parts: HistoryParts;
  readonly #times: HistoryTimes;
  readonly #waiting = new FairQueue<Pending>();
  /** Sent and not answered; one that is out of time stays here until the process confirms that it has stopped working on it. */
  readonly #sent = new Map<number, Pending>();
  #child: ChildProcess | undefined;
  /** It was told to end because of one question: the others that it had are asked again. */
  #isEnding = false;
  #starts: number[] = [];
  #nextId = 1;
  #foldedIndex = 0;
  #isClosed = false;

  constructor(parts: HistoryParts) {
    this.#parts = parts;
    this.#times = { ...historyTimes, ...parts.times };
  }

  events: History['events'] = async (query, caller) => (await this.#ask({ ask: 'events', query }, caller)) as EventPage;
  stateAt: History['stateAt'] = async (moment, options, caller) =>
    (await this.#ask({ ask: 'stateAt', moment, options }, caller)) as StateThen;
  replay: History['replay'] = async (query, caller) => (await this.#ask({ ask: 'replay', query }, caller)) as ReplayPage;
  failures: History['failures'] = async (query, caller) => (await this.#ask({ ask: 'failures', query }, caller)) as FailurePage;
  select: History['select'] = async (sql, options) =>
    (await this.#ask({ ask: 'select', sql, options }, options.asker.principal, options.timeoutMs + this.#times.slackMs)) as SelectResult;

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const pending of [...this.#waiting.drain(), ...this.#sent.values()])
      pending.reject(unavailable('the node is stopping', 'Ask another node.'));
    const child = this.#child;
    if (child === undefined) return;
    const isGone = new Promise<void>((resolve) => {
      child.once('exit', () => resolve());
    });
    if (child.connected) child.disconnect();
    const timer = setTimeout(() => child.kill('SIGKILL'), this.#times.closeMs);
    await isGone;
    clearTimeout(timer);
  }

  async #ask(question: Question, caller = '', timeoutMs: number = this.#times.questionMs): Promise<unknown> {
    if (this.#isClosed) throw unavailable('the node is stopping', 'Ask another node.');
    if (this.#waiting.size + this.#sent.size >= historyLimits.waiting)
      throw busy(`${historyLimits.waiting} questions about the history are waiting`, 'Ask again after a moment.');
    if (this.#waiting.sizeOf(caller) + this.#sentFor(caller) >= historyLimits.waitingPerCaller)
      throw busy(
        `${historyLimits.waitingPerCaller} questions of ${caller === '' ? 'this node' : caller} about the history are waiting`,
        'Ask fewer at once.',
      );
    return await new Promise<unknown>((resolve, reject) => {
      const id = this.#nextId++;
      const timer = setTimeout(() => this.#giveUp(pending, timeoutMs), Math.min(timeoutMs, longestMs));
      const settled = (): void => clearTimeout(pending.timer);
      const pending: Pending = {
        id,
        caller,
        question,
        toIndex: this.#parts.head().index,
        timer,
        isGivenUp: false,
        resolve: (value) => {
          settled();
          resolve(value);
        },
        reject: (error) => {
          settled();
          reject(error);
        },
      };
      this.#waiting.add(caller, pending);
      this.#pump();
    });
  }

  #pump(): void {
    while (!this.#isEnding && this.#waiting.size > 0 && this.#sent.size < historyLimits.inFlight) {
      const child = this.#child ?? this.#start();
      if (child === undefined) return;
      const pending = this.#waiting.next((caller) => this.#sentFor(caller) < historyLimits.inFlightPerCaller);
      if (pending === undefined) return;
      this.#sent.set(pending.id, pending);
      const { caller, id, question, toIndex } = pending;
      this.#send(child, { kind: 'ask', id, question, toIndex, caller });
    }
  }

  #sentFor(caller: string): number {
    let count = 0;
    for (const pending of this.#sent.values()) if (pending.caller === caller) count += 1;
    return count;
  }

  /** Out of time: the caller hears so at once; the process must show within the grace that it has let go of it. */
  #giveUp(pending: Pending, timeoutMs: number): void {
    const hadNoTurn = this.#waiting.remove(pending.caller, pending);
    pending.reject(this.#lateness(pending, hadNoTurn, timeoutMs));
    pending.isGivenUp = true;
    const child = this.#child;
    if (child === undefined || !this.#sent.has(pending.id)) return;
    this.#send(child, { kind: 'cancel', id: pending.id });
    pending.timer = setTimeout(() => {
      if (!this.#sent.has(pending.id) || this.#child !== child) return;
      this.#parts.logger.warn(
        { question: pending.question.ask, timeoutMs },
        'the history process did not stop a question: it is ended and starts again',
      );
      this.#isEnding = true;
      child.kill('SIGKILL');
    }, this.#times.graceMs);
  }

  #lateness({ toIndex }: Pending, hadNoTurn: boolean, timeoutMs: number): HistoryRefused {
    const { index } = this.#parts.head();
    if (this.#foldedIndex < toIndex)
      return unavailable(
        `the history process is still reading the log: entry ${this.#foldedIndex} of ${index}`,
        'Ask again in a while: it goes on.',
      );
    if (hadNoTurn) return busy(`its turn did not come within ${timeoutMs} ms`, 'Ask again in a while, and fewer questions at once.');
    return unavailable(`no answer within ${timeoutMs} ms`, 'Ask for less: a smaller range, a narrower filter.');
  }

  /** @returns undefined when it has failed so often lately that it must be left alone; whoever waits is told so. */
  #start(): ChildProcess | undefined {
    const now = (this.#parts.now ?? (() => performance.now()))();
    this.#starts = this.#starts.filter((at) => at > now - this.#times.startsWithinMs);
    if (this.#starts.length >= historyLimits.starts) {
      const seconds = Math.ceil(((this.#starts[0] ?? now) + this.#times.startsWithinMs - now) / 1000);
      for (const pending of this.#waiting.drain())
        pending.reject(
          unavailable(
            `the history process ended ${historyLimits.starts} times lately`,
            `Ask again in ${seconds} s; the log of this node says why.`,
          ),
        );
      return undefined;
    }
    this.#starts.push(now);
    this.#foldedIndex = 0;
    const child = startProgram(this.#parts);
    this.#child = child;
    this.#listen(child);
    return child;
  }

  #listen(child: ChildProcess): void {
    const { logger } = this.#parts;
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      logger.warn({ text: text.slice(0, historyLimits.errorText) }, 'the history process complains');
    });
    let announced = 0;
    const heads = setInterval(() => {
      const { index } = this.#parts.head();
      if (index > announced) this.#send(child, { kind: 'head', index });
      announced = index;
    }, this.#times.headMs).unref();
    child.on('message', (message) => this.#receive(child, message as FromProcess));
    let isGone = false;
    const gone = (why: string): void => {
      if (isGone) return;
      isGone = true;
      clearInterval(heads);
      if (!this.#isClosed) logger.warn({ why }, 'the history process ended; the next question starts another one');
      this.#child = undefined;
      this.#letGo(why);
      this.#pump();
    };
    child.once('error', (error) => {
      if (child.pid === undefined) gone(error.message);
    });
    child.once('exit', (code, signal) => gone(signal ?? `status ${code}`));
  }

  /** What the process had to answer when it ended. */
  #letGo(why: string): void {
    const sent = [...this.#sent.values()];
    this.#sent.clear();
    const again = this.#isEnding && !this.#isClosed ? sent.filter(({ isGivenUp }) => !isGivenUp) : [];
    this.#isEnding = false;
    for (const pending of sent) if (!again.includes(pending)) pending.reject(unavailable(`the history process ended (${why})`));
    for (const pending of again.reverse()) this.#waiting.putBack(pending.caller, pending);
  }

  #receive(child: ChildProcess, message: FromProcess): void {
    if (message.kind === 'read') void this.#read(child, message);
    else if (message.kind === 'folded') this.#foldedIndex = message.index;
    else {
      const pending = this.#sent.get(message.id);
      if (pending === undefined) return;
      this.#sent.delete(message.id);
      clearTimeout(pending.timer);
      if (message.kind === 'answer') pending.resolve(message.value);
      else {
        const { code, facts, message: words, offset, remedy } = message.refusal;
        pending.reject(new HistoryRefused(code, words, remedy, offset, facts));
      }
      this.#pump();
    }
  }

  /** The process reads one batch at a time for each question and one to catch up: never more than `inFlight` and one. */
  async #read(child: ChildProcess, { afterIndex, id, limit }: Extract<FromProcess, { kind: 'read' }>): Promise<void> {
    try {
      this.#send(child, { kind: 'texts', id, texts: cut(await this.#parts.readTexts(afterIndex, limit)) });
    } catch (error) {
      this.#send(child, { kind: 'unreadable', id, message: error instanceof Error ? error.message : String(error) });
    }
  }

  /** A message to a process that is gone is lost; its end is noticed elsewhere. */
  #send(child: ChildProcess, message: ToProcess): void {
    if (child.connected) child.send(message, () => {});
  }
}

/** The program in a process of its own, with the memory it may have: its heap, and as much as DuckDB may take beside it. */
function startProgram({ catalog, memoryMb, program }: HistoryParts): ChildProcess {
  const url = program ?? new URL(`../../historyProcess${extname(import.meta.url)}`, import.meta.url);
  const node = [
    process.execPath,
    `--max-old-space-size=${memoryMb}`,
    '--expose-gc',
    fileURLToPath(url),
    ...(catalog === undefined ? [] : [catalog]),
  ];
  // Some of DuckDB's functions allocate past its own limit: the system then says no. The pid stays the shell's: `exec`.
  const limited = ['-c', 'ulimit -d "$0" 2>/dev/null; exec "$@"', String((memoryMb + besideHeapMb) * 1024), ...node];
  return spawn('sh', limited, {
    serialization: 'advanced',
    // It needs no secret of this node's environment.
    env: Object.fromEntries(Object.entries(process.env).filter(([name]) => passedOn.includes(name))),
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
}
const besideHeapMb = 1024;
const passedOn = ['PATH', 'HOME', 'TMPDIR', 'TZ', 'LANG'];

/** As many texts as are quickly sent, at least one: sending holds up the node. */
function cut(texts: readonly string[]): readonly string[] {
  let characters = 0;
  let count = 0;
  for (const { length } of texts) {
    characters += length;
    if (count > 0 && characters > historyLimits.replyCharacters) break;
    count += 1;
  }
  return texts.slice(0, count);
}
