import type { ServerResponse } from 'node:http';
import type { Node } from '../../engine/node.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Logger } from '../../ports/logger.ts';

export interface ConnectionParts {
  readonly node: Node;
  readonly clock: Clock;
  readonly logger: Logger;
}
export interface ConnectionLimits {
  readonly heartbeatMs: number;
  /** How long a reader may leave a full buffer unread before it is cut. */
  readonly slowMs: number;
}

/** What one reader is sent. */
export interface Feed {
  /** The first line, a comment. */
  readonly greeting: string;
  /** Last-Event-ID of a heartbeat. */
  readonly seen: number;
  /** Sends what there is, or waits until there may be more; called again and again until the connection is over. */
  forward(to: Reader): Promise<void>;
}
export interface Reader {
  readonly isOver: boolean;
  /** Waits while the reader's buffer is full, and cuts a reader that does not read. */
  write(block: string): Promise<void>;
  /** Until an entry is folded, the stream is over, or `ms` have passed. @param hasNews whether there is no need to wait */
  woken(hasNews: () => boolean, ms?: number): Promise<void>;
  pause(ms: number): Promise<void>;
  end(): void;
}

/** A reader's end of server-sent events: at most what one `write` brings waits beyond what fits into the socket's buffer. */
export class StreamConnection implements Reader {
  readonly #parts: ConnectionParts;
  readonly #limits: ConnectionLimits;
  readonly #raw: ServerResponse;
  readonly #feed: Feed;
  #isOver = false;
  #wake = () => {};

  constructor(parts: ConnectionParts, limits: ConnectionLimits, raw: ServerResponse, feed: Feed) {
    this.#parts = parts;
    this.#limits = limits;
    this.#raw = raw;
    this.#feed = feed;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  end(): void {
    this.#isOver = true;
    this.#wake();
  }

  /** Feeds the reader until it goes or may not read on, the node stops or this stream is ended. Never rejects. */
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
      this.#raw.write(`retry: 1000\n: ${this.#feed.greeting}\n\n`);
      while (!this.#isOver) await this.#feed.forward(this);
    } catch (error) {
      logger.warn({ err: error }, 'a stream of events ended early; its reader may resume');
    } finally {
      unsubscribe();
      stopHeartbeat();
      this.#raw.end();
    }
  }

  async write(block: string): Promise<void> {
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

  async woken(hasNews: () => boolean, ms?: number): Promise<void> {
    let cancel = () => {};
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      if (ms !== undefined) cancel = this.#parts.clock.after(ms, resolve);
      if (this.#isOver || hasNews()) resolve();
    });
    cancel();
    this.#wake = () => {};
  }

  async pause(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#parts.clock.after(ms, resolve);
    });
  }

  /** Keeps proxies from closing the connection, and moves Last-Event-ID on past events that were left out. */
  #startHeartbeat(): () => void {
    const { clock, node } = this.#parts;
    let cancel = () => {};
    const beat = () => {
      if (node.role === 'fault') this.end();
      if (!this.#isOver && !this.#raw.writableNeedDrain) this.#raw.write(`id: ${this.#feed.seen}\n: heartbeat\n\n`);
      cancel = clock.after(this.#limits.heartbeatMs, beat);
    };
    cancel = clock.after(this.#limits.heartbeatMs, beat);
    return () => cancel();
  }
}
