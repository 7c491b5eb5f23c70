import { CreateMode, type Stat } from 'node-zookeeper-client';
import { type Address, addressText, Connection, noSession, type SessionState, type WatchEvent, ZooKeeperFailure } from './connection.ts';

export const sessionLimits = {
  /** ZooKeeper cuts the connection at a packet of 1,048,575 bytes, and every neighbour in flight is lost with it (zookeeper.md 2). */
  writeBytes: 900 * 1024,
  /** Requests to one connection: its client fails beyond 2^31. */
  requests: 1_000_000_000,
  /** A request in flight for longer than this ends its connection, even while others are answered. Milliseconds. */
  requestMs: 10_000,
} as const;

export interface SessionOptions {
  readonly addresses: readonly Address[];
  /** What is asked for; the server decides (2 to 20 of its ticks). Milliseconds. */
  readonly sessionTimeoutMs: number;
  /** Told in words what happens to the connection, for a log or a waiting user. */
  readonly onProgress?: (text: string) => void;
  /** See `sessionLimits.requests`. */
  readonly requestsPerConnection?: number;
}

/**
 * - `connected`: requests are taken; watches of before are gone.
 * - `disconnected`: they are refused; what was in flight is unknown.
 * - `silent`: nothing was heard for 2/3 of the session timeout: a leader must step down, the session may end.
 * - `expired`: the session and its ephemeral znodes are gone; a new one follows with `connected`.
 */
export type SessionEvent = 'connected' | 'disconnected' | 'silent' | 'expired';

/** One operation of a `multi`. Versions are from 1: node-zookeeper-client silently turns 0 into "any". */
export type Operation =
  | { readonly kind: 'check'; readonly path: string; readonly version: number | 'any' }
  | { readonly kind: 'create'; readonly path: string; readonly data: string }
  | { readonly kind: 'setData'; readonly path: string; readonly data: string; readonly version: number | 'any' };

export interface Znode {
  readonly data: string;
  readonly version: number;
  /** The session that owns an ephemeral znode, in hexadecimal; all zero for a persistent one. */
  readonly owner: string;
}

/** Milliseconds. */
const heldAtLeastMs = 100;

interface LiveWaiter {
  readonly settle: (error?: Error) => void;
}

const modes = {
  persistent: CreateMode.PERSISTENT,
  ephemeral: CreateMode.EPHEMERAL,
  'ephemeral sequential': CreateMode.EPHEMERAL_SEQUENTIAL,
} as const;

const versionOf = (version: number | 'any'): number => {
  if (version === 'any') return -1;
  if (Number.isSafeInteger(version) && version >= 1) return version;
  throw new RangeError(`an expected version must be at least 1, not ${version}: node-zookeeper-client takes 0 for "any"`);
};

/** Refuses before anything is sent. The limit leaves room for what the packet holds beside paths and data. */
function checkSize(operations: readonly { readonly path: string; readonly data?: string }[]): void {
  const bytes = operations.reduce((sum, { path, data }) => sum + path.length + (data === undefined ? 0 : Buffer.byteLength(data)), 0);
  if (bytes > sessionLimits.writeBytes)
    throw new RangeError(
      `a request of ${bytes} bytes is over the limit of ${sessionLimits.writeBytes}: ZooKeeper would cut the connection`,
    );
}

/** A session was asked for something after `close`. */
export class SessionClosed extends Error {
  constructor() {
    super('this ZooKeeper session is closed');
    this.name = 'SessionClosed';
  }
}

/**
 * A ZooKeeper session kept up over any number of connections, each with a client object of its own. It guards against what
 * node-zookeeper-client 1.1.3 does not: servers that hang at the handshake or later, replies that do not come, requests held back and
 * sent late. Nothing is queued: while not connected every request is refused at once, and nothing is ever sent twice.
 * Requests are carried out in the order of the calls; each either answers, or rejects with a ZooKeeperFailure that says what is known.
 */
export class Session {
  readonly #options: SessionOptions;
  readonly #listeners = new Set<(event: SessionEvent) => void>();
  readonly #liveWaiters = new Set<LiveWaiter>();
  readonly #dataWatches = new Map<string, Set<() => void>>();
  readonly #childWatches = new Map<string, Set<() => void>>();
  #addresses: Address[];
  #state: SessionState = noSession();
  #connection: Connection | undefined;
  #opening: Connection | undefined;
  #timeoutMs: number;
  #leaseFrom = performance.now();
  #isSilent = false;
  #isClosed = false;
  #probing = false;
  #wakeLoop = (): void => {};
  #failures = new Map<string, string>();
  readonly #watchdog: NodeJS.Timeout;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#timeoutMs = options.sessionTimeoutMs;
    this.#addresses = shuffled(options.addresses);
    this.#watchdog = setInterval(() => this.#watch(), Math.max(10, options.sessionTimeoutMs / 12));
    void this.#keepConnected();
  }

  get isConnected(): boolean {
    return this.#connection?.isOpen === true;
  }

  /** As agreed with the server, milliseconds. */
  get timeoutMs(): number {
    return this.#timeoutMs;
  }

  /** In hexadecimal, as in `Znode.owner`. */
  get id(): string {
    return this.#state.id.toString('hex');
  }

  /** Milliseconds since the newest request that was answered had been sent: the session surely lives while this is below its timeout. */
  silentForMs(): number {
    return Math.max(0, performance.now() - Math.max(this.#leaseFrom, this.#connection?.leaseFrom ?? 0));
  }

  /** What each server said when it was last tried in vain: `host:port (reason), ...`. */
  failures(): string {
    return this.#options.addresses
      .map((each) => `${addressText(each)} (${this.#failures.get(addressText(each)) ?? 'no answer'})`)
      .join(', ');
  }

  /** @returns how to stop listening */
  on(listener: (event: SessionEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Settles when requests are taken. @param deadline of performance.now(). @throws ZooKeeperFailure `unsent` then; SessionClosed */
  live(deadline: number): Promise<void> {
    if (this.#isClosed) return Promise.reject(new SessionClosed());
    if (this.isConnected) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const settle = (error?: Error): void => {
        clearTimeout(timer);
        this.#liveWaiters.delete(waiter);
        if (error === undefined) resolve();
        else reject(error);
      };
      const late = (): void => settle(new ZooKeeperFailure('unsent', 'NOT_CONNECTED', this.failures()));
      const timer = setTimeout(late, Math.max(0, deadline - performance.now()));
      const waiter: LiveWaiter = { settle };
      this.#liveWaiters.add(waiter);
    });
  }

  /** @param onChange is called once: at a change, or when the connection goes. The same function is kept once for a znode. */
  getData(path: string, onChange?: () => void): Promise<Znode> {
    return this.#on((connection) =>
      connection.request<Znode>((client, answer) => {
        const answered = (error: unknown, data: Buffer | undefined, stat: Stat): void => {
          if (!error && onChange !== undefined) addTo(this.#dataWatches, path, onChange);
          answer(error, error ? undefined : znodeOf(data, stat));
        };
        if (onChange === undefined) client.getData(path, answered);
        else client.getData(path, connection.notice, answered);
      }),
    );
  }

  /** The children's names in any order. @param onChange see getData. */
  getChildren(path: string, onChange?: () => void): Promise<readonly string[]> {
    return this.#on((connection) =>
      connection.request<readonly string[]>((client, answer) => {
        const answered = (error: unknown, children: string[]): void => {
          if (!error && onChange !== undefined) addTo(this.#childWatches, path, onChange);
          answer(error, children ?? []);
        };
        if (onChange === undefined) client.getChildren(path, answered);
        else client.getChildren(path, connection.notice, answered);
      }),
    );
  }

  /** Forgets a function that was given to getData or getChildren. */
  unwatch(onChange: () => void): void {
    for (const watches of [this.#dataWatches, this.#childWatches])
      for (const [path, functions] of watches) if (functions.delete(onChange) && functions.size === 0) watches.delete(path);
  }

  /** @returns the path, with the number that ZooKeeper added to a sequential one. @throws RangeError when it is too large */
  create(path: string, data: string, mode: keyof typeof modes): Promise<string> {
    return this.#on((connection) => {
      checkSize([{ path, data }]);
      return connection.request<string>((client, answer) => client.create(path, Buffer.from(data), modes[mode], answer));
    });
  }

  /** @returns the new version. @throws RangeError when it is too large or the version is below 1 */
  setData(path: string, data: string, version: number | 'any'): Promise<number> {
    return this.#on((connection) => {
      checkSize([{ path, data }]);
      const expected = versionOf(version);
      return connection.request<number>((client, answer) =>
        client.setData(path, Buffer.from(data), expected, (error, stat) => answer(error, error ? 0 : stat.version)),
      );
    });
  }

  remove(path: string): Promise<void> {
    return this.#on((connection) => connection.request<void>((client, answer) => client.remove(path, (error) => answer(error))));
  }

  /** All of it or nothing. @throws RangeError when it is too large or a version is below 1: refused before anything is sent. */
  multi(operations: readonly Operation[]): Promise<void> {
    return this.#on((connection) => {
      checkSize(operations);
      return connection.request<void>((client, answer) => {
        const transaction = client.transaction();
        for (const each of operations) {
          if (each.kind === 'create') transaction.create(each.path, Buffer.from(each.data), CreateMode.PERSISTENT);
          else if (each.kind === 'check') transaction.check(each.path, versionOf(each.version));
          else transaction.setData(each.path, Buffer.from(each.data), versionOf(each.version));
        }
        transaction.commit((error) => answer(error));
      });
    });
  }

  /** Goes through the quorum: reads sent behind it on this session see every write that was acknowledged, to anyone, before this call. */
  barrier(path: string): Promise<void> {
    return this.multi([{ kind: 'check', path, version: 'any' }]);
  }

  /** Ends the session, its ephemeral znodes with it, as far as a server can be told within a second. May come again. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearInterval(this.#watchdog);
    for (const waiter of [...this.#liveWaiters]) waiter.settle(new SessionClosed());
    this.#wakeLoop();
    this.#opening?.drop('closed');
    const connection = this.#connection;
    await connection?.close(1000);
    connection?.drop('closed');
    this.#loseWatches();
  }

  #on<T>(use: (connection: Connection) => Promise<T>): Promise<T> {
    if (this.#isClosed) return Promise.reject(new SessionClosed());
    if (this.#connection === undefined) return Promise.reject(new ZooKeeperFailure('unsent', 'NOT_CONNECTED'));
    try {
      return use(this.#connection);
    } catch (error) {
      return Promise.reject(error instanceof Error ? error : new Error(String(error)));
    }
  }

  /** Tries server after server, each for longer with every round in vain, until one takes the session; then waits for its end. */
  async #keepConnected(): Promise<void> {
    const servers = this.#addresses.length;
    for (let inVain = 0; !this.#isClosed; ) {
      const address = this.#addresses[inVain % servers] as Address;
      const round = Math.min(6, Math.floor(inVain / servers));
      const { sessionTimeoutMs } = this.#options;
      const heldMs = await this.#holdConnection(address, Math.min(sessionTimeoutMs, Math.max(500, sessionTimeoutMs / 6) * 2 ** round));
      // A server that takes the session and cuts it at once is no better than one that refuses.
      inVain = heldMs < heldAtLeastMs ? inVain + 1 : 0;
      if (inVain === 0) this.#addresses = [...this.#addresses.filter((each) => each !== address), address];
      if (inVain === 0 || inVain % servers !== 0 || this.#isClosed) continue;
      this.#options.onProgress?.(`no ZooKeeper answers: ${this.failures()}; trying again`);
      await this.#pause(Math.min(1000, sessionTimeoutMs / 6, 50 * 2 ** round) * (0.5 + Math.random() / 2));
    }
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wakeLoop = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** @returns when the connection has ended, for how long requests had been taken on it, milliseconds */
  #holdConnection(address: Address, patienceMs: number): Promise<number> {
    return new Promise((resolve) => {
      let openedAt: number | undefined;
      const tooSlow = (): void => connection.drop(`no session within ${Math.round(patienceMs)} ms`);
      const timer = setTimeout(tooSlow, patienceMs);
      const connection = new Connection(address, this.#state, this.#options.sessionTimeoutMs, {
        onConnected: () => {
          clearTimeout(timer);
          openedAt = performance.now();
          this.#opened(connection);
        },
        onExpired: () => this.#expired(),
        onWatch: (event) => this.#fire(event),
        onEnded: (reason) => {
          clearTimeout(timer);
          this.#opening = undefined;
          this.#failures.set(addressText(address), reason);
          if (openedAt !== undefined) this.#lost(connection, reason);
          resolve(openedAt === undefined ? 0 : performance.now() - openedAt);
        },
      });
      this.#opening = connection;
    });
  }

  #opened(connection: Connection): void {
    this.#opening = undefined;
    this.#connection = connection;
    this.#state = connection.session;
    this.#timeoutMs = connection.sessionTimeoutMs;
    this.#isSilent = false;
    this.#probing = false;
    this.#options.onProgress?.(`connected to ZooKeeper at ${addressText(connection.address)}, session 0x${this.id}`);
    for (const waiter of [...this.#liveWaiters]) waiter.settle();
    this.#tell('connected');
  }

  #lost(connection: Connection, reason: string): void {
    this.#connection = undefined;
    this.#leaseFrom = Math.max(this.#leaseFrom, connection.leaseFrom);
    // After an expiry only the zxid is carried over: even a new session must never show an older past.
    const { zxid } = connection.session;
    this.#state = { ...this.#state, zxid };
    this.#loseWatches();
    if (this.#isClosed) return;
    this.#options.onProgress?.(`lost ZooKeeper at ${addressText(connection.address)}: ${reason}`);
    this.#tell('disconnected');
  }

  #expired(): void {
    this.#state = noSession(this.#state.zxid);
    this.#options.onProgress?.('the ZooKeeper session expired');
    this.#tell('expired');
  }

  #watch(): void {
    if (!this.#isSilent && this.silentForMs() >= (this.#timeoutMs * 2) / 3) {
      this.#isSilent = true;
      this.#tell('silent');
    }
    const connection = this.#connection;
    if (connection === undefined || !connection.isOpen) return;
    const fault = this.#faultOf(connection);
    if (fault !== undefined) connection.drop(fault);
    else if (!this.#probing && performance.now() - connection.leaseFrom >= this.#timeoutMs / 6) this.#probe(connection);
  }

  /** Why a connection must be replaced, if it must. */
  #faultOf(connection: Connection): string | undefined {
    const now = performance.now();
    const unheardMs = now - connection.answeredAt;
    if (unheardMs >= (this.#timeoutMs * 2) / 3) return `nothing heard for ${Math.round(unheardMs)} ms`;
    if (now - (connection.oldestSentAt ?? now) > sessionLimits.requestMs) return 'a request got no answer';
    // Between two requests, where nobody is disturbed; or by force, long before the client's counter ends.
    const allowed = (this.#options.requestsPerConnection ?? sessionLimits.requests) * (connection.inFlight === 0 ? 1 : 2);
    return connection.requests > allowed ? 'replaced after many requests' : undefined;
  }

  #probe(connection: Connection): void {
    this.#probing = true;
    const done = (): void => {
      this.#probing = false;
      if (this.silentForMs() < (this.#timeoutMs * 2) / 3) this.#isSilent = false;
    };
    connection.request<unknown>((client, answer) => client.exists('/', answer)).then(done, done);
  }

  #fire({ kind, path }: WatchEvent): void {
    if (kind !== 'children') callAll(this.#dataWatches, path);
    if (kind !== 'data') callAll(this.#childWatches, path);
  }

  #loseWatches(): void {
    for (const watches of [this.#dataWatches, this.#childWatches]) for (const path of [...watches.keys()]) callAll(watches, path);
  }

  #tell(event: SessionEvent): void {
    for (const listener of [...this.#listeners]) listener(event);
  }
}

const znodeOf = (data: Buffer | undefined, stat: Stat): Znode => ({
  data: data?.toString('utf8') ?? '',
  version: stat.version,
  owner: stat.ephemeralOwner.toString('hex'),
});

function addTo(watches: Map<string, Set<() => void>>, path: string, onChange: () => void): void {
  const functions = watches.get(path) ?? new Set();
  watches.set(path, functions.add(onChange));
}

function callAll(watches: Map<string, Set<() => void>>, path: string): void {
  const functions = watches.get(path) ?? [];
  watches.delete(path);
  for (const onChange of functions) onChange();
}

/** A random order, so that the nodes spread over the servers. */
function shuffled<T>(values: readonly T[]): T[] {
  return values
    .map((value) => ({ value, at: Math.random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ value }) => value);
}
