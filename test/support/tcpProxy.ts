import { once } from 'node:events';
import { connect as connectTcp, createServer, type Socket } from 'node:net';

/** What happens to bytes in one direction: on they go; gone without a trace; kept until `pass` is set again. */
export type Flow = 'pass' | 'swallow' | 'hold';

interface Pair {
  readonly client: Socket;
  readonly server: Socket;
  readonly toServer: Buffer[];
  readonly toClient: Buffer[];
}

/** A TCP proxy on loopback that misbehaves on command. Every setting counts for the connections there are and those to come. */
export class TcpProxy {
  readonly port: number;
  readonly #listener;
  readonly #target: number;
  readonly #pairs = new Set<Pair>();
  #requests: Flow = 'pass';
  #replies: Flow = 'pass';
  #replyBytesLeft: number | undefined;
  /** Connections ever taken. */
  connections = 0;
  /** Bytes of requests that arrived, whether they went on or not. */
  requestBytes = 0;

  private constructor(listener: ReturnType<typeof createServer>, port: number, target: number) {
    this.#listener = listener;
    this.port = port;
    this.#target = target;
    listener.on('connection', (client) => this.#accept(client));
  }

  static async to(target: number): Promise<TcpProxy> {
    const listener = createServer({ noDelay: true }).listen(0, '127.0.0.1');
    await once(listener, 'listening');
    const address = listener.address();
    return new TcpProxy(listener, typeof address === 'object' && address !== null ? address.port : 0, target);
  }

  get connect(): string {
    return `127.0.0.1:${this.port}`;
  }

  set requests(flow: Flow) {
    this.#requests = flow;
    if (flow === 'pass') for (const pair of this.#pairs) for (const bytes of pair.toServer.splice(0)) pair.server.write(bytes);
  }

  set replies(flow: Flow) {
    this.#replies = flow;
    if (flow === 'pass') for (const pair of this.#pairs) for (const bytes of pair.toClient.splice(0)) pair.client.write(bytes);
  }

  /** Both directions: connections are taken and stay open, and nobody says anything. */
  set everything(flow: Flow) {
    this.requests = flow;
    this.replies = flow;
  }

  /** Lets so many more bytes of replies through, then cuts the connection that they came on, once. */
  cutRepliesAfter(bytes: number): void {
    this.#replyBytesLeft = bytes;
  }

  /** Cuts every connection now. */
  cut(): void {
    for (const { client, server } of this.#pairs) {
      client.destroy();
      server.destroy();
    }
    this.#pairs.clear();
  }

  async close(): Promise<void> {
    this.cut();
    const closed = once(this.#listener, 'close');
    this.#listener.close();
    await closed;
  }

  #accept(client: Socket): void {
    this.connections += 1;
    const server = connectTcp({ host: '127.0.0.1', port: this.#target, noDelay: true });
    const pair: Pair = { client, server, toServer: [], toClient: [] };
    this.#pairs.add(pair);
    client.on('data', (bytes: Buffer) => {
      this.requestBytes += bytes.length;
      if (this.#requests === 'pass') server.write(bytes);
      else if (this.#requests === 'hold') pair.toServer.push(bytes);
    });
    server.on('data', (bytes: Buffer) => this.#reply(pair, bytes));
    const end = (): void => {
      client.destroy();
      server.destroy();
      this.#pairs.delete(pair);
    };
    for (const socket of [client, server]) {
      socket.on('error', () => {});
      socket.on('close', end);
    }
  }

  #reply(pair: Pair, bytes: Buffer): void {
    const left = this.#replyBytesLeft;
    if (left !== undefined && bytes.length > left) {
      this.#replyBytesLeft = undefined;
      pair.client.end(bytes.subarray(0, left), () => pair.client.destroy());
      pair.server.destroy();
      return;
    }
    if (left !== undefined) this.#replyBytesLeft = left - bytes.length;
    if (this.#replies === 'pass') pair.client.write(bytes);
    else if (this.#replies === 'hold') pair.toClient.push(bytes);
  }
}
