import { createServer, type Server, type Socket } from 'node:net';
import { z } from 'zod';
import type { Logger } from '../ports/logger.ts';
import { BadFrame, encodeFrame, framesFrom } from './frames.ts';
import { request } from './protocol.ts';
import { type Answer, carryOut, type Holdings, type RequestLimits } from './requests.ts';

export const dataServerLimits = {
  connections: 256,
  /** A connection on which nothing moves for this long is closed; no request takes as long. */
  idleMs: 60_000,
} as const;

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** The data port: answers other tablet servers and clients. Whoever reaches it is believed; it belongs into a network of its own. */
export class DataServer {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #holdings: Holdings;
  readonly #logger: Logger;
  readonly #limits: RequestLimits;

  constructor(holdings: Holdings, logger: Logger, limits: RequestLimits) {
    this.#holdings = holdings;
    this.#logger = logger;
    this.#limits = limits;
    this.#server = createServer({ noDelay: true }, (socket) => void this.#serve(socket));
    this.#server.maxConnections = dataServerLimits.connections;
  }

  /** @returns the port. Rejects with the error of the system when it cannot listen there. */
  listen({ host, port }: Address): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({ host, port }, () => {
        this.#server.off('error', reject);
        this.#server.on('error', (error) => this.#logger.error({ err: error }, 'the data port'));
        const address = this.#server.address();
        resolve(typeof address === 'object' && address !== null ? address.port : port);
      });
    });
  }

  /** Ends every connection. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  async #serve(socket: Socket): Promise<void> {
    this.#sockets.add(socket);
    const gone = new AbortController();
    socket.setTimeout(dataServerLimits.idleMs, () => socket.destroy());
    socket.on('error', (error) => this.#logger.debug({ err: error }, 'a connection to the data port broke'));
    socket.once('close', () => {
      this.#sockets.delete(socket);
      gone.abort();
    });
    try {
      for await (const { body, header } of framesFrom(socket)) {
        const answer = await this.#answer(header, body, gone.signal);
        if (socket.destroyed) return;
        await sent(socket, encodeFrame(answer.header, answer.body));
      }
    } catch (error) {
      if (error instanceof BadFrame && socket.writable) socket.end(encodeFrame(malformed(error.message).header));
      this.#logger.debug({ err: error }, 'a connection to the data port ended early');
    } finally {
      socket.destroySoon();
    }
  }

  async #answer(header: unknown, body: Buffer, gone: AbortSignal): Promise<Answer> {
    const asked = request.safeParse(header);
    if (!asked.success) return malformed(z.prettifyError(asked.error).slice(0, 1000));
    try {
      return await carryOut(asked.data, body, this.#holdings, gone, this.#limits);
    } catch (error) {
      this.#logger.error({ err: error, op: asked.data.op }, 'a request failed');
      const detail = error instanceof Error ? error.message : String(error);
      // An append that failed may have left bytes; all else changes nothing.
      return { header: { ok: false, code: asked.data.op === 'APPEND' ? 'OUTCOME_UNKNOWN' : 'STORAGE_FAILED', detail } };
    }
  }
}

const malformed = (detail: string): Answer => ({ header: { ok: false, code: 'MALFORMED_REQUEST', detail } });

/** Waits until the socket takes more, so that a slow reader holds one answer and no more. */
function sent(socket: Socket, bytes: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.write(bytes, (error) => (error ? reject(error) : resolve()));
  });
}
