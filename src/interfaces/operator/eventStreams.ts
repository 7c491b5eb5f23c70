import type { FastifyReply } from 'fastify';
import type { EventQuery, History, HistoryEvent } from '../../engine/history/port.ts';
import type { Rejection } from '../../rejection.ts';
import { problem, Refused } from './problems.ts';
import { type ConnectionParts, type Feed, type Reader, StreamConnection } from './streamConnection.ts';

/** `slowMs`: how long a reader may leave a full buffer unread before it is cut. `pauseMs`: between two looks while events keep coming. */
export const streamLimits = { streams: 100, heartbeatMs: 15_000, slowMs: 10_000, pauseMs: 20, eventsPerRead: 100 } as const;

export interface EventStreamParts extends ConnectionParts {
  readonly history: History;
}

/** What one reader follows. */
export interface Following {
  /** Who reads. */
  readonly caller: string;
  readonly filter: Omit<EventQuery, 'limit'>;
  /** The position after which it begins. */
  readonly after: number;
  /** Why the reader may not have the next event any more. */
  denied(): Rejection | undefined;
}

type Answer = Pick<FastifyReply, 'hijack' | 'raw' | 'getHeaders'>;

/**
 * The readers that follow something by server-sent events. Each has at most one page in memory and one event in its socket's
 * buffer beyond what fits there; one that does not read for `slowMs` is cut, and resumes where it was by Last-Event-ID.
 */
export class EventStreams {
  readonly #parts: EventStreamParts;
  readonly #limits: typeof streamLimits;
  readonly #open = new Set<StreamConnection>();

  constructor(parts: EventStreamParts, limits: Partial<Record<keyof typeof streamLimits, number>> = {}) {
    this.#parts = parts;
    this.#limits = { ...streamLimits, ...limits } as typeof streamLimits;
  }

  get count(): number {
    return this.#open.size;
  }

  /** The history: takes the answer over, until the reader goes or may not read on. @throws Refused with TOO_MANY_STREAMS */
  open(reply: Answer, following: Following): void {
    this.show(reply, new EventFeed(this.#parts, this.#limits, following));
  }

  /** Anything else that goes on. @throws Refused with TOO_MANY_STREAMS */
  show(reply: Answer, feed: Feed): void {
    if (this.#open.size >= this.#limits.streams)
      throw new Refused(problem('TOO_MANY_STREAMS', `${this.#limits.streams} streams are open on this node`));
    reply.hijack();
    const stream = new StreamConnection(this.#parts, this.#limits, reply.raw, feed);
    this.#open.add(stream);
    void stream.follow().finally(() => this.#open.delete(stream));
  }

  /** Ends all of them; their readers come back to another node. */
  close(): void {
    for (const stream of this.#open) stream.end();
  }
}

class EventFeed implements Feed {
  readonly #parts: EventStreamParts;
  readonly #limits: typeof streamLimits;
  readonly #following: Following;
  #seen: number;

  constructor(parts: EventStreamParts, limits: typeof streamLimits, following: Following) {
    this.#parts = parts;
    this.#limits = limits;
    this.#following = following;
    this.#seen = following.after;
  }

  get greeting(): string {
    return `follows from position ${this.#seen + 1}`;
  }
  get seen(): number {
    return this.#seen;
  }

  /** One page, or, when there is nothing new, a wait. */
  async forward(to: Reader): Promise<void> {
    const { node, history } = this.#parts;
    const upTo = node.state.position;
    if (this.#seen >= upTo) return await to.woken(() => node.state.position > this.#seen);
    if (this.#following.denied() !== undefined) return to.end(); // Whoever comes back is told.
    const { caller, filter } = this.#following;
    const range = { fromPosition: this.#seen + 1, toPosition: upTo, limit: this.#limits.eventsPerRead };
    const page = await history.events({ ...filter, ...range, order: 'ascending' }, caller);
    for (const event of page.events) {
      if (to.isOver) return;
      this.#seen = event.position;
      await to.write(blockOf(event));
    }
    this.#seen = page.next === undefined ? upTo : page.next - 1;
    if (page.next === undefined) await to.pause(this.#limits.pauseMs);
  }
}

/** JSON has no raw line break, so one data line is enough. */
const blockOf = (event: HistoryEvent): string => `id: ${event.position}\ndata: ${JSON.stringify(event)}\n\n`;
