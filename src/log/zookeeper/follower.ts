import { emptyHead } from '../condition.ts';
import { closedText, settledOrAborted, sleep } from '../follow.ts';
import { type Head, LogRefused, LogUnavailable } from '../port.ts';
import { ZooKeeperFailure } from './connection.ts';
import { type Layout, parseCurrent, parseSegment, unlessRefused } from './layout.ts';
import { settledWithin } from './persist.ts';
import { type Session, SessionClosed } from './session.ts';

/** Reads in flight: more gain nothing (zookeeper.md 3). */
export const readsInFlight = 64;
/** A look behind the watch, in case it was never set off, milliseconds. */
const probeMs = 1000;
/** Before another try after a lost connection or a refusal, milliseconds. */
const retryMs = 10;
/** Entries fetched together with the head when the watch goes off: the number that came last time, up to this. */
const guessLimit = 8;

/** Up to `count` texts from an index on, fetched together; ends before the first that is not there. @throws ZooKeeperFailure */
export async function fetchEntries(session: Session, layout: Layout, first: number, count: number): Promise<string[]> {
  const reads = Array.from({ length: count }, (_, i) => unlessRefused(session.getData(layout.entry(first + i)), 'NO_NODE'));
  const texts: string[] = [];
  for (const found of await Promise.all(reads)) {
    if (found === undefined) break;
    texts.push(found.data);
  }
  return texts;
}

const missing = (layout: Layout, index: number, head: number): LogRefused =>
  new LogRefused(`the log has ${head} entries and entry ${index} is not among them: restore the znode ${layout.entry(index)}`);

/** Where the log ends, as this server sees it; remembers the open segment from one read to the next. */
class Tail {
  readonly #session: Session;
  readonly #layout: Layout;
  #segment = 0;

  constructor(session: Session, layout: Layout) {
    this.#session = session;
    this.#layout = layout;
  }

  /** @param onChange is called once, when the log has grown since or the connection went. @throws ZooKeeperFailure */
  async head(onChange?: () => void): Promise<Head> {
    for (;;) {
      if (this.#segment === 0) {
        const { current } = this.#layout;
        this.#segment = parseCurrent(current, (await this.#session.getData(current, onChange)).data).segment;
        if (this.#segment === 0) return emptyHead;
      }
      const path = this.#layout.segment(this.#segment);
      const found = await unlessRefused(this.#session.getData(path, onChange), 'NO_NODE');
      if (found === undefined) throw new LogRefused(`the segment ${path} is gone: restore it`);
      const { sealed, ...head } = parseSegment(path, found.data);
      if (!sealed) return head;
      this.#segment += 1;
    }
  }
}

/** @throws ZooKeeperFailure, LogRefused when an entry below the head is gone: an end of the log must not be made up */
export async function readEntries(session: Session, layout: Layout, afterIndex: number, limit: number): Promise<string[]> {
  const texts: string[] = [];
  // At the head most of a long row of reads would find nothing; so it begins short.
  for (let step = guessLimit; texts.length < limit; step = readsInFlight) {
    const count = Math.min(step, limit - texts.length);
    const found = await fetchEntries(session, layout, afterIndex + texts.length + 1, count);
    texts.push(...found);
    if (found.length < count) break;
  }
  const next = afterIndex + texts.length + 1;
  if (texts.length === limit) return texts;
  const head = await new Tail(session, layout).head();
  if (head.index < next || (await fetchEntries(session, layout, next, 1)).length > 0) return texts;
  throw missing(layout, next, head.index);
}

/** One call of `EventLog.follow`. */
export class Follower {
  readonly #session: Session;
  readonly #layout: Layout;
  readonly #deliver: (texts: readonly string[]) => void | Promise<void>;
  readonly #signal: AbortSignal;
  readonly #ended: AbortSignal;
  readonly #tail: Tail;
  #next: number;
  #guess = 1;
  #changed = Promise.withResolvers<void>();

  constructor(
    session: Session,
    layout: Layout,
    afterIndex: number,
    deliver: (texts: readonly string[]) => void | Promise<void>,
    signal: AbortSignal,
    closed: AbortSignal,
  ) {
    this.#session = session;
    this.#layout = layout;
    this.#next = afterIndex + 1;
    this.#deliver = deliver;
    this.#signal = signal;
    this.#ended = AbortSignal.any([signal, closed]);
    this.#tail = new Tail(session, layout);
  }

  async run(): Promise<void> {
    const onChange = (): void => this.#changed.resolve();
    try {
      while (!this.#ended.aborted) {
        this.#changed = Promise.withResolvers(); // Before the look, so that no change behind it is missed.
        const found = await this.#look(onChange);
        if (found === undefined) await this.#untilLive();
        else if (found.texts.length > 0) await this.#deliverUpTo(found.head, found.texts);
        else await settledWithin(probeMs, this.#changed.promise, this.#ended);
      }
    } finally {
      this.#session.unwatch(onChange);
    }
    if (!this.#signal.aborted) throw new LogUnavailable(closedText);
  }

  /** The head and the entries that are probably new, in one flight. @returns undefined when the connection did not hold */
  async #look(onChange: () => void): Promise<{ readonly head: number; readonly texts: readonly string[] } | undefined> {
    try {
      const [head, texts] = await Promise.all([
        this.#tail.head(onChange),
        fetchEntries(this.#session, this.#layout, this.#next, this.#guess),
      ]);
      const next = this.#next + texts.length;
      const more = Math.min(head.index - next + 1, readsInFlight - texts.length);
      if (more <= 0) return { head: head.index, texts };
      return { head: head.index, texts: [...texts, ...(await this.#fetch(next, more, head.index))] };
    } catch (error) {
      if (!(error instanceof ZooKeeperFailure || error instanceof SessionClosed)) throw error;
      return undefined;
    }
  }

  /** Entries that must be there, the head being where it is. */
  async #fetch(first: number, count: number, head: number): Promise<readonly string[]> {
    const texts = await fetchEntries(this.#session, this.#layout, first, count);
    if (texts.length < count) throw missing(this.#layout, first + texts.length, head);
    return texts;
  }

  /** Delivers, and while more is there fetches the next texts during each delivery. */
  async #deliverUpTo(head: number, first: readonly string[]): Promise<void> {
    this.#guess = Math.min(guessLimit, first.length);
    for (let texts = first; texts.length > 0 && !this.#ended.aborted; ) {
      this.#next += texts.length;
      const count = Math.min(readsInFlight, head - this.#next + 1);
      const fetching = count > 0 ? this.#fetch(this.#next, count, head) : Promise.resolve([]);
      fetching.catch(() => {}); // Looked at below, unless the delivery fails first.
      await this.#deliver(texts);
      try {
        texts = await fetching;
      } catch (error) {
        if (!(error instanceof ZooKeeperFailure || error instanceof SessionClosed)) throw error;
        return; // The next look begins where the deliveries ended.
      }
    }
  }

  async #untilLive(): Promise<void> {
    await sleep(retryMs, this.#ended);
    while (!this.#ended.aborted && !this.#session.isConnected)
      await settledOrAborted(this.#session.live(performance.now() + probeMs), this.#ended);
  }
}
