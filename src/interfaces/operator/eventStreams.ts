import type { ServerResponse } from 'node:http';
import type { FastifyReply } from 'fastify';
import type { EventQuery, History, HistoryEvent } from '../../engine/history/port.ts';
import type { Node } from '../../engine/node.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Logger } from '../../ports/logger.ts';
import type { Rejection } from '../../rejection.ts';
import { problem, Refused } from './problems.ts';

/** `slowMs`: how long a reader may leave a full buffer unread before it is cut. `pauseMs`: between two looks while events keep coming. */
export const streamLimits = { streams: 100, heartbeatMs: 15_000, slowMs: 10_000, pauseMs: 20, eventsPerRead: 100 } as const;

export interface EventStreamParts {
  readonly node: Node;
  readonly history: History;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** What one reader follows. */
export interface Following {
  readonly filter: Omit<EventQuery, 'limit'>;
  /** The position after which it begins. */
  readonly after: number;
  /** Why the reader may not have the next event any more. */
  denied(): Rejection | undefined;
}

/**
 * The readers that follow the history by server-sent events. Each has at most one page in memory and one event in its socket's
 * buffer beyond what fits there; one that does not read for `slowMs` is cut, and resumes where it was by Last-Event-ID.
 */
export class EventStreams {
  readonly #parts: EventStreamParts;
  readonly #limits: typeof streamLimits;
  readonly #open = new Set<EventStream>();

  constructor(parts: EventStreamParts, limits: Partial<Record<keyof typeof streamLimits, number>> = {}) {
    this.#parts = parts;
    this.#limits = { ...streamLimits, ...limits } as typeof streamLimits;
  }

  get count(): number {
    return this.#open.size;
  }

  /** Takes the answer over, until the reader goes or may not read on. @throws Refused with TOO_MANY_STREAMS */
  open(reply: Pick<FastifyReply, 'hijack' | 'raw' | 'getHeaders'>, following: Following): void {
    if (this.#open.size >= this.#limits.streams)
      throw new Refused(problem('TOO_MANY_STREAMS', `${this.#limits.streams} streams are open on this node`));
    reply.hijack();
    const stream = new EventStream(this.#parts, this.#limits, reply.raw, following);
    this.#open.add(stream);
    void stream.follow().finally(() => this.#open.delete(stream));
  }

  /** Ends all of them; their readers come back to another node. */
  close(): void {
    for (const stream of this.#open) stream.end();
  }
}

class EventStream {
  readonly #parts: EventStreamParts;
  readonly #limits: typeof streamLimits;
  readonly #raw: ServerResponse;
  readonly #following: Following;
  #isOver = false;
  #wake = () => {};
  #seen: number;

  constructor(parts: EventStreamParts, limits: typeof streamLimits, raw: ServerResponse, following: Following) {
    this.#parts = parts;
    this.#limits = limits;
    this.#raw = raw;
    this.#following = following;
    this.#seen = following.after;
  }

  end(): void {
    this.#isOver = true;
    this.#wake();
  }

  /** Writes events until the reader goes or may not read on, the node stops or this stream is ended. Never rejects. */
  async follow(): Promise<void> {
    const { node, logger } = this.#parts;
    const onClose = () => this.end();
    this.#raw.on('close', onClose).on('error', onClose);
    const unsubscribe = node.replica.onApplied(() => this.#wake());
    const stopHeartbeat = this.#startHeartbeat();
    try {
      this.#raw.writeHead(200, {
        'content-type': 'text/event-stream; charset=utf-8',
        'cache-control': 'no-store',
        'x-accel-buffering': 'no',
        // Nothing can follow a stream, and a connection kept open would hold up a node that stops.
        connection: 'close',
        'chancery-node': node.provenance.nodeId,
      });
      this.#raw.write(`retry: 1000\n: follows from position ${this.#seen + 1}\n\n`);
      while (!this.#isOver) await this.#forward();
    } catch (error) {
      logger.warn({ err: error }, 'a stream of events ended early; its reader may resume');
    } finally {
      unsubscribe();
      stopHeartbeat();
      this.#raw.end();
    }
  }

  /** One page, or, when there is nothing new, a wait. */
  async #forward(): Promise<void> {
    const { node, history } = this.#parts;
    const upTo = node.state.position;
    if (this.#seen >= upTo) return await this.#woken();
    if (this.#following.denied() !== undefined) return this.end(); // Whoever comes back is told.
    const page = await history.events({
      ...this.#following.filter,
      fromPosition: this.#seen + 1,
      toPosition: upTo,
      order: 'ascending',
      limit: this.#limits.eventsPerRead,
    });
    for (const event of page.events) {
      if (this.#isOver) return;
      this.#seen = event.position;
      await this.#write(blockOf(event));
    }
    this.#seen = page.next === undefined ? upTo : page.next - 1;
    if (page.next === undefined) await this.#pause(this.#limits.pauseMs);
  }

  async #write(block: string): Promise<void> {
    if (this.#raw.write(block) || this.#isOver) return;
    const isDrained = await new Promise<boolean>((resolve) => {
      const settle = (drained: boolean) => {
        cancel();
        this.#raw.off('drain', onDrain);
        this.#wake = () => {};
        resolve(drained);
      };
      const onDrain = () => settle(true);
      const cancel = this.#parts.clock.after(this.#limits.slowMs, () => settle(false));
      this.#raw.on('drain', onDrain);
      // An applied entry wakes too: only the end of the stream counts here.
      this.#wake = () => {
        if (this.#isOver) settle(true);
      };
    });
    if (isDrained) return;
    this.#isOver = true;
    this.#raw.destroy();
  }

  /** Until an entry is folded or the stream is over. */
  async #woken(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      if (this.#isOver || this.#parts.node.state.position > this.#seen) resolve();
    });
    this.#wake = () => {};
  }

  async #pause(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#parts.clock.after(ms, resolve);
    });
  }

  /** Keeps proxies from closing the connection, and moves Last-Event-ID on past events that the filter left out. */
  #startHeartbeat(): () => void {
    const { clock, node } = this.#parts;
    let cancel = () => {};
    const beat = () => {
      if (node.role === 'fault') this.end();
      if (!this.#isOver && !this.#raw.writableNeedDrain) this.#raw.write(`id: ${this.#seen}\n: heartbeat\n\n`);
      cancel = clock.after(this.#limits.heartbeatMs, beat);
    };
    cancel = clock.after(this.#limits.heartbeatMs, beat);
    return () => cancel();
  }
}

/** JSON has no raw line break, so one data line is enough. */
const blockOf = (event: HistoryEvent): string => `id: ${event.position}\ndata: ${JSON.stringify(event)}\n\n`;
