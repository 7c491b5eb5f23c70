import { connect, type Socket } from 'node:net';
import type { z } from 'zod';
import { encodeFrame, type Frame, framesFrom } from './frames.ts';

/** No answer came: the other side cannot be reached, broke off, or does not speak this protocol. The request may have arrived. */
export class DataPortSilent extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'DataPortSilent';
  }
}

const connectMs = 3000;

/** `host:port`, the host perhaps in brackets. @returns undefined for any other text */
export function parseEndpoint(text: string): { readonly host: string; readonly port: number } | undefined {
  const [, bracketed, plain, digits = ''] = /^(?:\[([^\]\s]+)\]|([^:\s[\]]+)):(\d{1,5})$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  const port = Number(digits);
  return host === undefined || port > 65_535 ? undefined : { host, port };
}

/** A connection to the data port of a tablet server; one request at a time. */
export class DataConnection {
  readonly #socket: Socket;
  readonly #frames: AsyncGenerator<Frame>;
  readonly #endpoint: string;

  private constructor(socket: Socket, endpoint: string) {
    this.#socket = socket;
    this.#endpoint = endpoint;
    this.#frames = framesFrom(socket);
    socket.on('error', () => {}); // Whoever waits for an answer is told by the frames.
  }

  /** @throws DataPortSilent */
  static open(endpoint: string): Promise<DataConnection> {
    const address = parseEndpoint(endpoint);
    return new Promise((resolve, reject) => {
      if (address === undefined) {
        reject(new DataPortSilent(`'${endpoint}' is no HOST:PORT`));
        return;
      }
      const socket = connect({ ...address, noDelay: true, timeout: connectMs });
      const giveUp = (why: string): void => {
        socket.destroy();
        reject(new DataPortSilent(`${endpoint}: ${why}`));
      };
      const failed = (error: NodeJS.ErrnoException): void => giveUp(error.code ?? error.message);
      const late = (): void => giveUp('no answer');
      socket.once('error', failed).once('timeout', late);
      socket.once('connect', () => {
        socket.off('error', failed).off('timeout', late).setTimeout(0);
        resolve(new DataConnection(socket, endpoint));
      });
    });
  }

  get isOpen(): boolean {
    return !this.#socket.destroyed;
  }

  /**
   * @param timeoutMs for the whole answer; then the connection ends.
   * @throws DataPortSilent
   */
  async ask<T extends z.ZodType>(
    header: object,
    answer: T,
    { body, timeoutMs = 30_000 }: { readonly body?: Uint8Array; readonly timeoutMs?: number } = {},
  ): Promise<{ readonly header: z.output<T>; readonly body: Buffer }> {
    const timer = setTimeout(() => this.#socket.destroy(new Error('no answer in time')), timeoutMs);
    try {
      this.#socket.write(encodeFrame(header, body));
      const next = await this.#frames.next();
      if (next.done === true) throw new Error('it ended the connection');
      return { header: answer.parse(next.value.header), body: next.value.body };
    } catch (error) {
      this.close();
      throw new DataPortSilent(`${this.#endpoint}: ${error instanceof Error ? error.message : String(error)}`);
    } finally {
      clearTimeout(timer);
    }
  }

  close(): void {
    this.#socket.destroy();
  }
}
