import type { Socket } from 'node:net';
import zookeeper, { type Client } from 'node-zookeeper-client';

/**
 * How a request ended without an answer that could be used.
 * - `refused`: ZooKeeper said no, by `code`; nothing was changed.
 * - `unsent`: it never left this process.
 * - `unknown`: it left and no answer came, so it may have happened or may still happen.
 */
export class ZooKeeperFailure extends Error {
  readonly outcome: 'refused' | 'unsent' | 'unknown';
  /** ZooKeeper's name, such as BAD_VERSION; CODE_-125 for one that node-zookeeper-client does not know. */
  readonly code: string;
  constructor(outcome: ZooKeeperFailure['outcome'], code: string, detail = '') {
    super(`ZooKeeper request ${outcome}: ${code}${detail === '' ? '' : `, ${detail}`}`);
    this.name = 'ZooKeeperFailure';
    this.outcome = outcome;
    this.code = code;
  }
}

export interface Address {
  readonly host: string;
  readonly port: number;
}
export const addressText = ({ host, port }: Address): string => (host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`);

/** What carries a session from one connection to the next. The zxid keeps a lagging member from showing the past. */
export interface SessionState {
  /** All zero asks for a new session. */
  readonly id: Buffer;
  readonly password: Buffer;
  /** The newest transaction that was seen. */
  readonly zxid: Buffer;
}
export const noSession = (zxid: Buffer = Buffer.alloc(8)): SessionState => ({ id: Buffer.alloc(8), password: Buffer.alloc(16), zxid });

/** What happened to a znode that was watched; `lost` means that the connection went and with it the watch. */
export type WatchEvent = { readonly kind: 'data' | 'children' | 'deleted'; readonly path: string };

export interface ConnectionEvents {
  onConnected(): void;
  /** ZooKeeper ended the session; `onEnded` follows. */
  onExpired(): void;
  onWatch(event: WatchEvent): void;
  /** Comes once, last. Every request in flight was rejected before it. */
  onEnded(reason: string): void;
}

/** Replies are at most 1 MB and a bit (ZooKeeper's jute.maxbuffer), lists of children may be longer; beyond this the stream is garbage. */
const frameLimitBytes = 64 * 1024 * 1024;

/**
 * Private fields of node-zookeeper-client 1.1.3 that a connection needs; the version is pinned and test/zookeeper holds each use.
 * `queue` and the codec are used as they are, through the public methods.
 */
interface Manager {
  zxid: Buffer;
  xid: number;
  socket: Socket;
  connectTimeoutHandler: NodeJS.Timeout | null;
  connect(): void;
  findNextServer(use: (server: Address) => void): void;
  onSocketData(bytes: Buffer): void;
}
interface Internals {
  readonly connectionManager: Manager;
}

interface RawFailure extends Error {
  readonly code: number;
  getCode(): number;
}
const names = new Map(Object.entries(zookeeper.Exception).flatMap(([name, code]) => (typeof code === 'number' ? [[code, name]] : [])));
const nameOf = (code: number): string => names.get(code) ?? `CODE_${code}`;

// The client's own factory throws inside its socket handler for every code that is younger than the client (QUOTA_EXCEEDED,
// SESSION_MOVED, THROTTLED_OP), and collects a stack for each of the NO_NODE that a follower gets all the time.
Object.assign(zookeeper.Exception, {
  create: (code: number): RawFailure => {
    const limit = Error.stackTraceLimit;
    Error.stackTraceLimit = 0;
    const failure = Object.assign(new Error(nameOf(code)), { code, getCode: () => code });
    Error.stackTraceLimit = limit;
    return failure;
  },
});

interface Flight {
  readonly sentAt: number;
  readonly reject: (failure: ZooKeeperFailure) => void;
}

/** How a request hands itself to the client. */
export type Send<T> = (client: Client, answer: (error: unknown, value?: T) => void) => void;

/**
 * One TCP connection to one server, with a client object of its own, so that nothing of a broken connection (half a packet, queued
 * requests, a request counter) reaches the next one. Requests are written in the order of the calls and answered in that order.
 */
export class Connection {
  readonly address: Address;
  readonly #client: Client;
  readonly #manager: Manager;
  readonly #events: ConnectionEvents;
  readonly #flights = new Set<Flight>();
  #received: Buffer = Buffer.alloc(0);
  #state: 'opening' | 'open' | 'closing' | 'ended' = 'opening';
  #reason = '';
  /** Requests sent, ever: the client's counter fails beyond 2^31. */
  requests = 0;
  /** When the newest answered request was sent: until 2/3 of a session timeout after that, the session is surely alive. */
  leaseFrom: number;
  /** When the newest answer came. */
  answeredAt: number;

  constructor(address: Address, session: SessionState, sessionTimeoutMs: number, events: ConnectionEvents) {
    this.address = address;
    this.#events = events;
    this.leaseFrom = performance.now();
    this.answeredAt = this.leaseFrom;
    const options = {
      sessionTimeout: sessionTimeoutMs,
      spinDelay: 0,
      retries: 0,
      sessionId: session.id,
      sessionPassword: session.password,
    };
    this.#client = zookeeper.createClient('address-is-given-below:1', options);
    this.#manager = (this.#client as unknown as Internals).connectionManager;
    this.#manager.zxid = Buffer.from(session.zxid);
    this.#manager.xid = 1; // 0 makes servers that throttle stall (upstream issue 100).
    this.#manager.findNextServer = (use) => use(address);
    const decode = this.#manager.onSocketData.bind(this.#manager);
    this.#manager.onSocketData = (bytes) => this.#receive(bytes, decode);
    this.#client.on('connected', () => this.#opened());
    this.#client.on('expired', () => this.#events.onExpired());
    this.#client.connect();
    this.#manager.connect = () => {}; // Another connection is another object.
    this.#manager.socket.on('error', (error: NodeJS.ErrnoException) => {
      this.#reason = error.code ?? error.message;
    });
    this.#manager.socket.on('close', () => this.#end(this.#reason || 'the server closed the connection'));
  }

  get isOpen(): boolean {
    return this.#state === 'open';
  }

  get session(): SessionState {
    return { id: this.#client.getSessionId(), password: this.#client.getSessionPassword(), zxid: Buffer.from(this.#manager.zxid) };
  }

  /** As agreed with the server: it may have changed what was asked for. */
  get sessionTimeoutMs(): number {
    return this.#client.getSessionTimeout();
  }

  get inFlight(): number {
    return this.#flights.size;
  }

  /** When the oldest unanswered request was sent. */
  get oldestSentAt(): number | undefined {
    for (const flight of this.#flights) return flight.sentAt;
    return undefined;
  }

  /** @throws ZooKeeperFailure (rejects) */
  request<T>(send: Send<T>): Promise<T> {
    if (this.#state !== 'open') return Promise.reject(new ZooKeeperFailure('unsent', 'NOT_CONNECTED'));
    return new Promise((resolve, reject) => {
      const flight: Flight = { sentAt: performance.now(), reject };
      this.#flights.add(flight);
      this.requests += 1;
      try {
        send(this.#client, (error, value) => {
          if (!this.#flights.delete(flight)) return; // Rejected already, when the connection ended.
          const failure = failureOf(error);
          if (failure?.outcome !== 'unknown') this.#answered(flight);
          if (failure === undefined) resolve(value as T);
          else reject(failure);
        });
      } catch (error) {
        this.#flights.delete(flight);
        reject(error instanceof Error ? error : new Error(String(error))); // The client refuses the arguments before it sends anything.
      }
    });
  }

  /** Ends the connection at once; the session lives on until its timeout. */
  drop(reason: string): void {
    this.#manager.socket.destroy();
    this.#end(reason);
  }

  /** Ends the session too, when the server still answers within `timeoutMs`. */
  close(timeoutMs: number): Promise<void> {
    if (this.#state !== 'open') {
      this.drop('closed');
      return Promise.resolve();
    }
    this.#state = 'closing';
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#manager.socket.destroy(), timeoutMs);
      this.#manager.socket.once('close', () => {
        clearTimeout(timer);
        resolve();
      });
      this.#client.close();
    });
  }

  #opened(): void {
    if (this.#state !== 'opening') return;
    this.#state = 'open';
    this.answeredAt = performance.now();
    this.#events.onConnected();
  }

  #isEnded(): boolean {
    return this.#state === 'ended';
  }

  #answered(flight: Flight): void {
    this.answeredAt = performance.now();
    this.leaseFrom = Math.max(this.leaseFrom, flight.sentAt);
  }

  /** Cuts the stream into frames and gives the client whole ones: its own way is quadratic in the frames of a chunk. */
  #receive(bytes: Buffer, decode: (frame: Buffer) => void): void {
    this.#received = this.#received.length === 0 ? bytes : Buffer.concat([this.#received, bytes]);
    while (!this.#isEnded() && this.#received.length >= 4) {
      const end = 4 + this.#received.readInt32BE(0);
      if (end < 4 || end > frameLimitBytes) this.drop(`the server sent a frame of ${end - 4} bytes`);
      if (this.#isEnded() || this.#received.length < end) return;
      const frame = this.#received.subarray(0, end);
      this.#received = this.#received.subarray(end);
      try {
        decode(frame);
      } catch (error) {
        this.drop(`the server's answer cannot be read: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
  }

  #end(reason: string): void {
    if (this.#state === 'ended') return;
    this.#state = 'ended';
    if (this.#manager.connectTimeoutHandler !== null) clearTimeout(this.#manager.connectTimeoutHandler);
    for (const flight of this.#flights) flight.reject(new ZooKeeperFailure('unknown', 'CONNECTION_LOSS', reason));
    this.#flights.clear();
    this.#events.onEnded(reason);
  }

  /** Given to the client with every watching read; being one function, it is registered once for a znode however often that is read. */
  readonly notice = (event: { getType(): number; getPath(): string }): void => {
    const { NODE_CHILDREN_CHANGED, NODE_DELETED } = zookeeper.Event;
    const type = event.getType();
    const kind = type === NODE_DELETED ? 'deleted' : type === NODE_CHILDREN_CHANGED ? 'children' : 'data';
    if (this.#state !== 'ended') this.#events.onWatch({ kind, path: event.getPath() });
  };
}

/** The client makes up CONNECTION_LOSS itself when its socket closes; every other code comes from the server. */
function failureOf(error: unknown): ZooKeeperFailure | undefined {
  if (error === null || error === undefined) return undefined;
  const code = (error as Partial<RawFailure>).code;
  if (typeof code !== 'number') return new ZooKeeperFailure('unknown', 'UNREADABLE', error instanceof Error ? error.message : '');
  if (code === zookeeper.Exception.CONNECTION_LOSS) return new ZooKeeperFailure('unknown', 'CONNECTION_LOSS');
  return new ZooKeeperFailure('refused', nameOf(code));
}
