import { UnreadableEntry } from '../../../events/envelope.ts';
import { ReplayFault } from '../../../projections/kit.ts';
import type { FromProcess, Question, Refusal, ToProcess } from './messages.ts';
import { HistoryRefused, type StateThen } from './port.ts';
import { replayPage } from './replay.ts';
import { limitedHeap } from './room.ts';
import type { Selector } from './selector.ts';
import { viewOf } from './stateViews.ts';
import { sysTablesOf } from './tables.ts';
import { failurePage } from './tieringFailurePages.ts';
import { Timeline } from './timeline.ts';

type Asked = Extract<ToProcess, { kind: 'ask' }>;

/** The way to the node. */
export interface Channel {
  send(message: FromProcess): void;
  onMessage(listener: (message: ToProcess) => void): void;
}

/** The node could not read the log just now. */
class SourceUnavailable extends Error {}

/** What a history process does: folds the log that its node reads for it, and answers questions. */
export function serveHistory(channel: Channel, selector: Selector): void {
  const service = new HistoryService(channel, selector);
  channel.onMessage((message) => service.receive(message));
}

class HistoryService {
  readonly #channel: Channel;
  readonly #selector: Selector;
  readonly #timeline: Timeline;
  readonly #reads = new Map<number, { resolve(texts: readonly string[]): void; reject(error: Error): void }>();
  readonly #questions = new Map<number, AbortController>();
  #nextRead = 1;

  constructor(channel: Channel, selector: Selector) {
    this.#channel = channel;
    this.#selector = selector;
    this.#timeline = new Timeline((afterIndex, limit) => this.#read(afterIndex, limit), undefined, limitedHeap());
  }

  receive(message: ToProcess): void {
    switch (message.kind) {
      case 'ask':
        void this.#answer(message);
        break;
      case 'cancel':
        this.#questions.get(message.id)?.abort(new HistoryRefused('HISTORY_UNAVAILABLE', 'the question was given up', 'Ask again.'));
        break;
      case 'head':
        // Whoever asks next hears of a failure.
        this.#timeline.catchUp(message.index).catch(() => {});
        break;
      case 'texts':
        this.#reads.get(message.id)?.resolve(message.texts);
        this.#reads.delete(message.id);
        break;
      case 'unreadable':
        this.#reads.get(message.id)?.reject(new SourceUnavailable(message.message));
        this.#reads.delete(message.id);
        break;
    }
  }

  async #read(afterIndex: number, limit: number): Promise<readonly string[]> {
    this.#channel.send({ kind: 'folded', index: this.#timeline.state.index });
    return await new Promise((resolve, reject) => {
      const id = this.#nextRead++;
      this.#reads.set(id, { resolve, reject });
      this.#channel.send({ kind: 'read', id, afterIndex, limit });
    });
  }

  async #answer({ caller, id, question, toIndex }: Asked): Promise<void> {
    const stop = new AbortController();
    this.#questions.set(id, stop);
    const askedAt = performance.now();
    try {
      await unless(stop.signal, this.#timeline.catchUp(toIndex));
      this.#channel.send({ kind: 'folded', index: this.#timeline.state.index });
      this.#channel.send({ kind: 'answer', id, value: await this.#ask(question, caller, askedAt, stop.signal) });
    } catch (error) {
      this.#channel.send({ kind: 'refuse', id, refusal: refusalOf(error) });
    } finally {
      this.#questions.delete(id);
      // A SELECT that ran out of time has left its fold or its reading of the log behind, which would go on for nobody.
      stop.abort(new HistoryRefused('HISTORY_UNAVAILABLE', 'the question is over', 'Ask again.'));
    }
  }

  async #ask(question: Question, caller: string, askedAt: number, signal: AbortSignal): Promise<unknown> {
    switch (question.ask) {
      case 'events':
        return await this.#timeline.events(question.query, signal);
      case 'stateAt':
        return await this.#view(question, caller, signal);
      case 'replay':
        return await replayPage(this.#timeline, question.query, signal, caller);
      case 'failures':
        return await failurePage(this.#timeline, question.query, signal);
      case 'select':
        return await this.#select(question, askedAt, signal);
    }
  }

  async #view({ moment, options }: Extract<Question, { ask: 'stateAt' }>, caller: string, signal: AbortSignal): Promise<StateThen> {
    const state = await this.#timeline.stateAt(moment, signal, caller);
    this.#timeline.room.claim();
    return viewOf(state, options);
  }

  async #select({ options, sql }: Extract<Question, { ask: 'select' }>, askedAt: number, signal: AbortSignal): Promise<unknown> {
    const timeoutMs = Math.max(1, Math.floor(options.timeoutMs - (performance.now() - askedAt)));
    return await this.#selector.select(sql, sysTablesOf(this.#timeline, options), { ...options, timeoutMs }, signal);
  }
}

/** The outcome of some work that goes on by itself, or the reason why nobody waits for it any longer. */
async function unless<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  return await new Promise<T>((resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
    work.then(resolve, reject);
  });
}

function refusalOf(error: unknown): Refusal {
  if (error instanceof HistoryRefused) {
    const { code, facts, message, offset, remedy } = error;
    return { code, message, remedy, offset, ...(facts === undefined ? {} : { facts }) };
  }
  const refusal = (message: string, remedy: string): Refusal => ({ code: 'HISTORY_UNAVAILABLE', message, remedy, offset: undefined });
  if (error instanceof SourceUnavailable) return refusal(`the log cannot be read: ${error.message}`, 'Ask again in a few seconds.');
  if (error instanceof UnreadableEntry || error instanceof ReplayFault)
    return refusal(`the log is at fault: ${error.message}`, '`chancery verify` names the first position that cannot be believed.');
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`); // The node puts it into its log.
  return refusal(`the question failed: ${error instanceof Error ? error.message : String(error)}`, 'The log of this node says more.');
}
