import type { EncodedEntry } from '../../../events/envelope.ts';
import { checkRange } from '../condition.ts';
import { closedText } from '../follow.ts';
import type { AppendOutcome, EventLog, Head } from '../port.ts';
import { Appender, pipelineDepth } from './append.ts';
import { Follower, readEntries } from './follower.ts';
import { type Layout, look } from './layout.ts';
import { persist } from './persist.ts';
import type { Session } from './session.ts';

/** The log on ZooKeeper: appends in append.ts, reading in follower.ts, the znodes in layout.ts, the connection in session.ts. */
export class ZooKeeperLog implements EventLog {
  readonly pipelineDepth = pipelineDepth;
  readonly #session: Session;
  readonly #layout: Layout;
  readonly #timeoutMs: number;
  readonly #appender: Appender;
  readonly #closing = new AbortController();

  /** @param timeoutMs what guarantee G6 promises */
  constructor(session: Session, layout: Layout, timeoutMs: number) {
    this.#session = session;
    this.#layout = layout;
    this.#timeoutMs = timeoutMs;
    this.#appender = new Appender(session, layout, timeoutMs);
  }

  append(encoded: EncodedEntry): Promise<AppendOutcome> {
    if (this.#closing.signal.aborted) return Promise.resolve({ kind: 'unknown', detail: closedText });
    return this.#appender.append(encoded);
  }

  async read(afterIndex: number, limit: number): Promise<readonly string[]> {
    checkRange(afterIndex, limit);
    return persist(this.#session, this.#timeoutMs, () => readEntries(this.#session, this.#layout, afterIndex, limit));
  }

  async head(): Promise<Head> {
    return (await persist(this.#session, this.#timeoutMs, () => look(this.#session, this.#layout))).head;
  }

  /** When the reply is lost it is raised once more: epochs only grow, and one that nobody uses harms nobody. */
  raiseEpoch(): Promise<number> {
    return persist(this.#session, this.#timeoutMs, () => this.#session.setData(this.#layout.epoch, '', 'any'));
  }

  async follow(afterIndex: number, deliver: (texts: readonly string[]) => void | Promise<void>, signal: AbortSignal): Promise<void> {
    checkRange(afterIndex, 1);
    return new Follower(this.#session, this.#layout, afterIndex, deliver, signal, this.#closing.signal).run();
  }

  silentForMs(): number {
    return this.#session.silentForMs();
  }

  /** Ends the session, which the membership uses too. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#appender.close();
    await this.#session.close();
  }
}
