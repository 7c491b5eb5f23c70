import { connect, type Socket } from 'node:net';
import { median, percentile } from './figures.ts';

/** The bytes of a POST whose connection stays open. */
export const post = (path: string, body: string): Buffer =>
  Buffer.from(
    `POST ${path} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
export const get = (path: string): Buffer => Buffer.from(`GET ${path} HTTP/1.1\r\nHost: bench\r\n\r\n`);

/** A connection that carries one request at a time: as little work as possible, since it shares the machine with what it measures. */
class Connection {
  readonly #socket: Socket;
  #answer: (text: string) => void = () => {};
  #fail: (error: Error) => void = () => {};
  #received = '';

  constructor(port: number) {
    this.#socket = connect({ host: '127.0.0.1', port, noDelay: true });
    this.#socket.setEncoding('latin1');
    this.#socket.on('data', (text: string) => {
      this.#received += text;
      const head = this.#received.indexOf('\r\n\r\n');
      if (head < 0) return;
      const length = Number(/\r\ncontent-length: (\d+)/i.exec(this.#received.slice(0, head))?.[1] ?? 0);
      if (this.#received.length < head + 4 + length) return;
      const answer = this.#received;
      this.#received = '';
      this.#answer(answer);
    });
    this.#socket.on('error', (error) => this.#fail(error));
    this.#socket.on('close', () => this.#fail(new Error('the connection was closed')));
  }

  /** @returns the whole answer. @throws Error when it is not a 200 */
  async ask(request: Buffer): Promise<string> {
    const text = await new Promise<string>((resolve, reject) => {
      this.#answer = resolve;
      this.#fail = reject;
      this.#socket.write(request);
    });
    if (!text.startsWith('HTTP/1.1 200')) throw new Error(text.slice(0, 500));
    return text;
  }

  close(): void {
    this.#socket.removeAllListeners('close');
    this.#socket.destroy();
  }
}

export interface HttpLoad {
  readonly perSecond: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
}

/** `connections` that each send their next request as soon as the last is answered. @param requestOf by connection and number, from 0 */
export async function httpLoad(
  port: number,
  connections: number,
  forMs: number,
  requestOf: (connection: number, n: number) => Buffer,
): Promise<HttpLoad> {
  const open = Array.from({ length: connections }, () => new Connection(port));
  const times: number[] = [];
  const started = performance.now();
  const end = started + forMs;
  await Promise.all(
    open.map(async (connection, number) => {
      for (let n = 0; performance.now() < end; n += 1) {
        const asked = performance.now();
        await connection.ask(requestOf(number, n));
        times.push(performance.now() - asked);
      }
    }),
  );
  const seconds = (performance.now() - started) / 1000;
  for (const connection of open) connection.close();
  return { perSecond: times.length / seconds, p50: median(times), p99: percentile(times, 0.99) };
}

/** One answer, for setting things up. */
export async function ask(port: number, request: Buffer): Promise<string> {
  const connection = new Connection(port);
  try {
    return await connection.ask(request);
  } finally {
    connection.close();
  }
}
