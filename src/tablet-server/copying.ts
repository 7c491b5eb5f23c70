import type { Logger } from '../ports/logger.ts';
import { type BucketRef, bucketName, refOf } from './bucket.ts';
import { DataConnection, DataPortSilent } from './dataClient.ts';
import { digestAnswer, type Fetched, fetchAnswer, fetchLimits } from './protocol.ts';
import type { RateLimit } from './rate.ts';
import { type Replica, ReplicaCut } from './replica.ts';

/** One replica that follows a leader in one epoch. */
export class Copy {
  readonly ref: BucketRef;
  readonly replica: Replica;
  readonly leaderEpoch: number;
  /** Whether the leader has seen that what is here is a beginning of its own. */
  isProven = false;
  /** How long the leader's replica was when it last said so. */
  leaderLength: number | undefined;
  /** Not asked for before this, in milliseconds of `performance.now()`: after a refusal. */
  notBeforeMs = 0;
  #isOver = false;

  constructor(replica: Replica, leaderEpoch: number) {
    this.ref = replica.ref;
    this.replica = replica;
    this.leaderEpoch = leaderEpoch;
  }

  get isOver(): boolean {
    return this.#isOver;
  }
  get isBehind(): boolean {
    return !this.isProven || this.leaderLength === undefined || this.replica.length < this.leaderLength;
  }
  /** From now on nothing of this leader is written. What is being written is waited for. */
  async end(): Promise<void> {
    this.#isOver = true;
    await this.replica.settled();
  }
}

export interface CopyingOptions {
  readonly serverId: number;
  readonly rate: RateLimit;
  readonly logger: Logger;
  /** `host:port` of a server that is alive. */
  readonly endpointOf: (serverId: number) => string | undefined;
  /** A leader has not been reached for a while: what is known of its endpoint may be old. */
  readonly onUnreachable: () => void;
  /** How many bytes-behind copies there are under all leaders, for sharing the rate. */
  readonly behindInAll: () => number;
}

const waitMs = 500;
const refusedMs = 200;
const retryMs = { least: 100, most: 2000 } as const;
const proofBytesPerRound = 32 * 1024 * 1024;

/** Copies all replicas that follow one leader, over one connection, until it is closed. */
export class Copying {
  readonly #leader: number;
  readonly #options: CopyingOptions;
  readonly #copies = new Map<string, Copy>();
  readonly #closed = new AbortController();
  readonly #running: Promise<void>;
  #connection: DataConnection | undefined;
  #changed: () => void = () => {};
  #failures = 0;
  #turn = 0;

  constructor(leader: number, options: CopyingOptions) {
    this.#leader = leader;
    this.#options = options;
    this.#running = this.#run();
  }

  get isIdle(): boolean {
    return this.#copies.size === 0;
  }
  get behind(): number {
    return [...this.#copies.values()].filter(({ isBehind }) => isBehind).length;
  }

  add(copy: Copy): void {
    this.#copies.set(bucketName(copy.ref), copy);
    this.#changed();
  }

  /** Settles when nothing of it is written any more. */
  async remove(copy: Copy): Promise<void> {
    if (this.#copies.get(bucketName(copy.ref)) === copy) this.#copies.delete(bucketName(copy.ref));
    await copy.end();
  }

  async close(): Promise<void> {
    this.#closed.abort();
    this.#connection?.close();
    this.#changed();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#closed;
    while (!signal.aborted) {
      const due = this.#due();
      if (due.length === 0) {
        await this.#pause(this.#copies.size === 0 ? 1000 : refusedMs / 4);
        continue;
      }
      await this.#options.rate.ready(signal);
      if (signal.aborted) break;
      try {
        await this.#round(due);
        this.#failures = 0;
      } catch (error) {
        this.#connection?.close();
        if (signal.aborted) break;
        await this.#failed(error);
      }
    }
    this.#connection?.close();
  }

  /** Of more copies than fit into one request those that come next. */
  #due(): readonly Copy[] {
    const now = performance.now();
    const due = [...this.#copies.values()].filter(({ notBeforeMs }) => notBeforeMs <= now);
    if (due.length <= fetchLimits.buckets) return due;
    this.#turn = (this.#turn + fetchLimits.buckets) % due.length;
    return [...due.slice(this.#turn), ...due.slice(0, this.#turn)].slice(0, fetchLimits.buckets);
  }

  async #round(due: readonly Copy[]): Promise<void> {
    const { behindInAll, rate, serverId } = this.#options;
    const connection = await this.#connected();
    let proofBytes = proofBytesPerRound;
    const asked: { readonly copy: Copy; readonly offset: number; readonly digest?: string }[] = [];
    for (const copy of due) {
      // While it was connected, or others were read, this server may have begun to lead: what it has since is not of this leader.
      if (copy.isOver) continue;
      const offset = copy.replica.length;
      if (copy.isProven) asked.push({ copy, offset });
      else if (proofBytes > 0) {
        proofBytes -= offset;
        asked.push({ copy, offset, digest: await copy.replica.digest(0, offset) });
      }
    }
    if (asked.length === 0) return;
    const isPart = asked.length < this.#copies.size;
    const share = (this.behind + 1) / (behindInAll() + 1);
    const answer = await connection.ask(
      {
        op: 'FETCH',
        serverId,
        waitMs: isPart ? Math.min(waitMs, refusedMs) : waitMs,
        maxBytes: rate.batchBytes(Math.min(1, share)),
        buckets: asked.map(({ copy, ...more }) => ({ ...refOf(copy.ref), leaderEpoch: copy.leaderEpoch, ...more })),
      },
      fetchAnswer,
    );
    if (!answer.header.ok) throw new DataPortSilent(`server ${this.#leader}: ${answer.header.code}: ${answer.header.detail}`);
    rate.spend(answer.body.length);
    const byName = new Map(asked.map((one) => [bucketName(one.copy.ref), one]));
    let at = 0;
    for (const said of answer.header.buckets) {
      const bytes = said.status === 'ok' ? said.bytes : 0;
      const part = answer.body.subarray(at, at + bytes);
      at += bytes;
      const one = byName.get(bucketName(said));
      if (one !== undefined && !one.copy.isOver && part.length === bytes) await this.#take(connection, said, one.copy, one.offset, part);
    }
  }

  async #take(connection: DataConnection, said: Fetched, copy: Copy, offset: number, bytes: Buffer): Promise<void> {
    const isWanted = (): boolean => !copy.isOver;
    switch (said.status) {
      case 'ok':
        copy.isProven = true;
        copy.leaderLength = said.length;
        if (bytes.length > 0) await copy.replica.appendAt(offset, bytes, isWanted);
        return;
      case 'prove':
        copy.isProven = false;
        return;
      case 'differs': {
        copy.isProven = false;
        copy.leaderLength = said.length;
        const common = await this.#commonLength(connection, copy, Math.min(offset, said.length));
        if (common === undefined) {
          copy.notBeforeMs = performance.now() + refusedMs;
          return;
        }
        this.#options.logger.info(
          { bucket: bucketName(copy.ref), from: offset, to: common, leader: this.#leader, leaderEpoch: copy.leaderEpoch },
          'cut off what the leader does not have',
        );
        await copy.replica.truncate(common, isWanted);
        return;
      }
      case 'refused':
        // One of the two has not heard the news yet.
        copy.isProven = false;
        copy.notBeforeMs = performance.now() + refusedMs;
    }
  }

  /**
   * How many of the first bytes are the leader's, found by halving: both sides read each byte about once. Whatever was acknowledged is
   * among them, for every replica in sync has it: a replica is never cut below that.
   * @returns undefined when the leader does not say
   */
  async #commonLength(connection: DataConnection, copy: Copy, most: number): Promise<number | undefined> {
    let [equal, different] = [0, most + 1];
    let probe = most; // Mostly only the end is different.
    while (different - equal > 1) {
      const part = { offset: equal, length: probe - equal };
      const asked = { op: 'DIGEST', ...refOf(copy.ref), leaderEpoch: copy.leaderEpoch, ...part };
      const { header } = await connection.ask(asked, digestAnswer);
      if (!header.ok || copy.isOver) return undefined;
      if (header.digest === (await copy.replica.digest(part.offset, part.length))) equal = probe;
      else different = probe;
      probe = Math.floor((equal + different) / 2);
    }
    return equal;
  }

  async #connected(): Promise<DataConnection> {
    if (this.#connection?.isOpen === true) return this.#connection;
    const endpoint = this.#options.endpointOf(this.#leader);
    if (endpoint === undefined) throw new DataPortSilent(`server ${this.#leader} is not alive, as far as is known`);
    for (const copy of this.#copies.values()) copy.isProven = false; // Perhaps a new process that has seen no proof.
    this.#connection = await DataConnection.open(endpoint);
    if (this.#closed.signal.aborted) this.#connection.close();
    return this.#connection;
  }

  async #failed(error: unknown): Promise<void> {
    const isExpected = error instanceof DataPortSilent || error instanceof ReplicaCut;
    this.#failures += 1;
    const message = `copying from server ${this.#leader} failed, attempt ${this.#failures}`;
    this.#options.logger[isExpected ? 'debug' : 'error']({ err: error }, message);
    if (this.#failures >= 3) this.#options.onUnreachable();
    await this.#pause(Math.min(retryMs.most, retryMs.least * 2 ** Math.min(this.#failures, 8)));
  }

  /** Until something changes here, at most so long. */
  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#changed = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
