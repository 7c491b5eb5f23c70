import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';

/** A request as a server sees it. */
export interface SeenRequest {
  readonly xid: number;
  /** ZooKeeper's operation code: 1 create, 3 exists, 4 getData, 5 setData, 14 multi, -11 closeSession. */
  readonly operation: number;
  readonly body: Buffer;
}
/** An error code to answer with (0 with a payload for success), or `mute` for no answer. */
export type FakeAnswer = { readonly code: number; readonly payload?: Buffer } | 'mute';

const okStat = Buffer.alloc(68);
/** The payload of a getData's answer. */
export function dataPayload(text: string): Buffer {
  const length = Buffer.alloc(4);
  length.writeInt32BE(Buffer.byteLength(text));
  return Buffer.concat([length, Buffer.from(text), okStat]);
}
/** A multi's answer in which the first operation failed with a code. */
export function failedMulti(code: number): Buffer {
  const header = (type: number, done: number, error: number): Buffer => {
    const bytes = Buffer.alloc(9);
    bytes.writeInt32BE(type, 0);
    bytes.writeUInt8(done, 4);
    bytes.writeInt32BE(error, 5);
    return bytes;
  };
  const failure = Buffer.alloc(4);
  failure.writeInt32BE(code);
  return Buffer.concat([header(-1, 0, code), failure, header(-1, 1, -1)]);
}

/** Just enough of a server to misbehave as no real one would: takes every session, answers `exists` and pings, and the rest as told. */
export class FakeZooKeeper {
  readonly port: number;
  readonly #listener;
  readonly #sockets = new Set<Socket>();
  readonly seen: SeenRequest[] = [];
  /** Sessions asked for; the timeout that is granted is the one asked for. */
  handshakes = 0;
  /** What each handshake said of the past, in hexadecimal: the newest transaction seen and the session, 0 for a new one. */
  readonly asked: { readonly zxid: string; readonly session: string }[] = [];
  /** Answers the next handshake with "expired". */
  expiresNext = false;
  /** The transaction number in every reply. */
  zxid = 0;
  /** Replies leave in pieces of so many bytes. */
  pieceBytes = Number.POSITIVE_INFINITY;
  /** Hears everything and says nothing any more, to pings neither: a process that was stopped. */
  isHung = false;
  answer: (request: SeenRequest) => FakeAnswer = () => ({ code: 0 });

  private constructor(listener: ReturnType<typeof createServer>, port: number) {
    this.#listener = listener;
    this.port = port;
    listener.on('connection', (socket) => this.#accept(socket));
  }

  static async start(): Promise<FakeZooKeeper> {
    const listener = createServer({ noDelay: true }).listen(0, '127.0.0.1');
    await once(listener, 'listening');
    const address = listener.address();
    return new FakeZooKeeper(listener, typeof address === 'object' && address !== null ? address.port : 0);
  }

  get connect(): string {
    return `127.0.0.1:${this.port}`;
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    const closed = once(this.#listener, 'close');
    this.#listener.close();
    await closed;
  }

  #accept(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => this.#sockets.delete(socket));
    let received: Buffer = Buffer.alloc(0);
    let isOpen = false;
    socket.on('data', (bytes: Buffer) => {
      received = Buffer.concat([received, bytes]);
      while (received.length >= 4 && received.length >= 4 + received.readInt32BE(0)) {
        const frame = received.subarray(4, 4 + received.readInt32BE(0));
        received = received.subarray(4 + frame.length);
        if (isOpen) this.#reply(socket, frame);
        else this.#greet(socket, frame);
        isOpen = true;
      }
    });
  }

  /** Cuts every connection now. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** The request holds version, zxid (8 bytes), timeout, session (8); the answer version, timeout, session, password. */
  #greet(socket: Socket, frame: Buffer): void {
    this.handshakes += 1;
    const session = frame.subarray(16, 24);
    this.asked.push({ zxid: frame.toString('hex', 4, 12), session: session.toString('hex') });
    const bytes = Buffer.alloc(4 + 36);
    bytes.writeInt32BE(36, 0);
    if (!this.expiresNext) frame.copy(bytes, 8, 12, 16);
    this.expiresNext = false;
    session.copy(bytes, 12);
    if (session.every((byte) => byte === 0)) bytes.writeInt32BE(this.handshakes, 16);
    bytes.writeInt32BE(16, 20);
    this.#write(socket, bytes);
    if (bytes.readInt32BE(8) === 0) socket.end();
  }

  #write(socket: Socket, bytes: Buffer): void {
    for (let from = 0; from < bytes.length; from += this.pieceBytes) socket.write(bytes.subarray(from, from + this.pieceBytes));
  }

  #reply(socket: Socket, frame: Buffer): void {
    const request = { xid: frame.readInt32BE(0), operation: frame.readInt32BE(4), body: frame.subarray(8) };
    this.seen.push(request);
    if (this.isHung) return;
    if (request.operation === -11) return void socket.end();
    const isOurs = request.operation === 11 || request.operation === 3;
    const answer = isOurs ? { code: 0, ...(request.operation === 3 ? { payload: okStat } : {}) } : this.answer(request);
    if (answer === 'mute') return;
    const payload = answer.payload ?? Buffer.alloc(0);
    const header = Buffer.alloc(20);
    header.writeInt32BE(16 + payload.length, 0);
    header.writeInt32BE(request.xid, 4);
    header.writeInt32BE(this.zxid, 12);
    header.writeInt32BE(answer.code, 16);
    this.#write(socket, Buffer.concat([header, payload]));
  }
}
