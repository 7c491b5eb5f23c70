import { nanoid } from 'nanoid';
import { CoordinatorRefused, CoordinatorUnavailable } from '../node-client/nodes.ts';
import { Pacer } from '../node-client/pacer.ts';
import type { Logger } from '../ports/logger.ts';
import type { CoordinatorClient } from './coordinatorClient.ts';
import { type Address, DataServer } from './dataServer.ts';
import { IsrReports } from './isrReports.ts';
import { ReplicaSet } from './replicaSet.ts';
import { defaultRequestLimits } from './requests.ts';
import { Store, TabletServerRefused } from './store.ts';

export interface TabletServerOptions {
  readonly serverId: number;
  readonly rack?: string;
  /** Told to the coordinator, not enforced. */
  readonly capacityBytes?: number;
  readonly directory: string;
  /** Port 0: the one it had last, else any that is free. */
  readonly listen: Address;
  /** `host:port` where others reach it; default: where it listens. */
  readonly advertise?: string;
  readonly coordinator: CoordinatorClient;
  readonly logger: Logger;
  /** A follower that has not had everything for longer than this, in milliseconds, leaves the ISR; default 10 s. */
  readonly lagMs?: number;
  readonly timing?: Partial<Timing>;
}

/** Milliseconds. */
export interface Timing {
  /** Between tries while another server has the id, and how often that is tried. */
  readonly takenMs: number;
  readonly takenTries: number;
  /** How long a request for the assignment may wait for a change. */
  readonly pollMs: number;
  /** Between the requests of an orderly stop. */
  readonly shutDownMs: number;
  /** How long an append waits for the other replicas. */
  readonly acknowledgeMs: number;
}

const defaultTiming: Timing = {
  takenMs: 3000,
  takenTries: 20,
  pollMs: 20_000,
  shutDownMs: 1000,
  acknowledgeMs: defaultRequestLimits.acknowledgeMs,
};
const defaultLagMs = 10_000;
const copiesPerHeartbeat = 1000;
/** Heartbeats that follow each other at once are this far apart. */
const heartbeatGapMs = 100;
const refreshGapMs = 3000;
const shutDownTries = 3;
/** How often in a row somebody else may take this server's place within a lease of its own registration. */
const displacedTries = 3;

/**
 * A server of the reference kind: it holds replicas as files, leads or follows as the coordinator says, and moves bytes. It is no
 * database. Whatever it is told comes as a list of all it shall hold, numbered by a position of the log; it never goes back to an
 * older one.
 */
export class TabletServer {
  readonly endpoint: string;
  /** Settles with the reason when the server can no longer go on; never while it can. */
  readonly failed: Promise<TabletServerRefused>;
  readonly #fail: (reason: TabletServerRefused) => void;
  readonly #options: TabletServerOptions;
  readonly #timing: Timing;
  readonly #incarnation = nanoid();
  readonly #store: Store;
  readonly #replicas: ReplicaSet;
  readonly #data: DataServer;
  readonly #reports: IsrReports;
  readonly #closed = new AbortController();
  readonly #heart: Pacer;
  #leaseMs = heartbeatGapMs;
  #applied: number;
  /** Where it was registered: what an older list gives it, others may have since. */
  #registeredAt = 0;
  /** Whether an assignment was carried out in this process: before, no part is taken. */
  #hasAssignment = false;
  /** Whether to ask for the whole list, though it may be the one that is in force. */
  #asksAnew = true;
  #poll = new AbortController();
  #refreshedMs = -Infinity;
  #lastRegisteredMs = -Infinity;
  #displaced = 0;
  #loops: readonly Promise<void>[] = [];

  private constructor(options: TabletServerOptions, timing: Timing, parts: Parts) {
    this.#options = options;
    this.#timing = timing;
    this.#store = parts.store;
    this.#replicas = parts.replicas;
    this.#data = parts.data;
    this.endpoint = parts.endpoint;
    this.#applied = parts.store.appliedPosition;
    this.#heart = new Pacer(this.#closed.signal);
    const { promise, resolve } = Promise.withResolvers<TabletServerRefused>();
    this.failed = promise;
    this.#fail = resolve;
    parts.calls.progress = () => this.#reports.look();
    parts.calls.unreachable = () => this.#refresh();
    this.#reports = new IsrReports({
      leaderships: () => this.#replicas.leaderships(),
      send: (buckets) => options.coordinator.reportIsr(this.#incarnation, buckets),
      logger: options.logger,
      lookEveryMs: Math.min(1000, (options.lagMs ?? defaultLagMs) / 4),
    });
  }

  /**
   * Opens the directory, listens and registers; then it serves on its own until `stop` or `close`. While no coordinator can be reached
   * it waits for one, until `signal` aborts: then nothing is left open, and it rejects with the signal's reason.
   * @throws TabletServerRefused when it cannot run like this; the error of the system when it cannot listen
   */
  static async start(options: TabletServerOptions, signal: AbortSignal): Promise<TabletServer> {
    const { directory, serverId } = options;
    const timing = { ...defaultTiming, ...options.timing };
    const store = await Store.open(directory, serverId);
    const calls: Parts['calls'] = { progress: () => {}, unreachable: () => {} };
    const replicas = new ReplicaSet({
      serverId,
      store,
      logger: options.logger,
      lagMs: options.lagMs ?? defaultLagMs,
      onProgress: () => calls.progress(),
      onUnreachable: () => calls.unreachable(),
    });
    const data = new DataServer(replicas, options.logger, { ...defaultRequestLimits, acknowledgeMs: timing.acknowledgeMs });
    let server: TabletServer | undefined;
    try {
      await replicas.open();
      const port = await listen(data, options.listen, store);
      const { host } = options.listen;
      const endpoint = options.advertise ?? `${host.includes(':') ? `[${host}]` : host}:${port}`;
      const made = new TabletServer(options, timing, { store, replicas, data, endpoint, calls });
      server = made;
      const giveUp = (): void => made.#closed.abort();
      signal.addEventListener('abort', giveUp, { once: true });
      await made.#register(true).finally(() => signal.removeEventListener('abort', giveUp));
      signal.throwIfAborted();
      made.#loops = [made.#beat(), made.#follow()];
      return made;
    } catch (error) {
      if (server !== undefined) await server.close();
      else {
        await replicas.close();
        store.close();
      }
      throw error;
    }
  }

  /** What it holds and how far it is; the position is 0 until it has taken its parts in this process. */
  status(): { readonly appliedPosition: number; readonly replicas: number; readonly leads: number } {
    return {
      appliedPosition: this.#hasAssignment ? this.#applied : 0,
      replicas: this.#replicas.size,
      leads: [...this.#replicas.leaderships()].length,
    };
  }

  /** Gives its leaderships away, says goodbye and closes. Takes a few seconds, also when nobody can be reached. */
  async stop(): Promise<void> {
    const { coordinator, logger } = this.#options;
    for (let attempt = 1; attempt <= shutDownTries; attempt++) {
      const leading = await coordinator.shutDown(this.#incarnation).catch((error: unknown) => {
        logger.warn({ ...about(error), attempt }, 'the coordinator could not be told of the stop');
        return undefined;
      });
      if (leading === 0) break;
      if (leading !== undefined) logger.info({ leading, attempt }, 'waiting for others to lead');
      if (attempt < shutDownTries) await new Pacer(this.#closed.signal).pause(this.#timing.shutDownMs);
    }
    await coordinator.leave(this.#incarnation).catch((error: unknown) => {
      logger.warn(about(error), 'the coordinator could not be told of the end; the lease will run out');
    });
    await this.close();
  }

  /** Closes at once and tells nobody. */
  async close(): Promise<void> {
    this.#closed.abort();
    this.#poll.abort();
    this.#reports.close();
    await Promise.all([this.#data.close(), ...this.#loops]);
    await this.#replicas.close();
    this.#store.close();
  }

  /** Until it is registered, or closed. @param isFirst a refusal then ends it; later it may be a passing one @throws TabletServerRefused */
  async #register(isFirst: boolean): Promise<void> {
    const { capacityBytes, coordinator, logger, rack } = this.#options;
    const pacer = new Pacer(this.#closed.signal);
    let taken = 0;
    while (!this.#closed.signal.aborted) {
      try {
        const { clusterId, leaseMs, position } = await coordinator.register({
          directoryId: this.#store.directoryId,
          incarnation: this.#incarnation,
          endpoint: this.endpoint,
          ...(rack === undefined ? {} : { rack }),
          ...(capacityBytes === undefined ? {} : { capacityBytes }),
        });
        await this.#store.join(clusterId);
        this.#leaseMs = leaseMs;
        this.#registeredAt = Math.max(this.#registeredAt, position);
        this.#lastRegisteredMs = performance.now();
        logger.info({ clusterId, endpoint: this.endpoint }, `registered as server ${this.#options.serverId}`);
        return;
      } catch (error) {
        if (error instanceof CoordinatorRefused && error.code === 'SERVER_ID_TAKEN') {
          taken += 1;
          if (taken >= this.#timing.takenTries) throw new TabletServerRefused(error.message, error.remedy);
          logger.warn({ attempt: taken }, error.message);
          await pacer.pause(this.#timing.takenMs);
          continue;
        }
        if (error instanceof TabletServerRefused) throw error;
        if (error instanceof CoordinatorRefused && isFirst) throw new TabletServerRefused(error.message, error.remedy);
        logger.warn(about(error), 'not registered yet');
        await pacer.backOff();
      }
    }
  }

  async #beat(): Promise<void> {
    const { coordinator, logger } = this.#options;
    const { signal } = this.#closed;
    while (!signal.aborted) {
      try {
        const copies = this.#replicas.copies(copiesPerHeartbeat);
        const body = { incarnation: this.#incarnation, appliedPosition: this.status().appliedPosition, copies };
        const { known, leaseMs } = await coordinator.heartbeat(body, Math.max(1000, this.#leaseMs / 3));
        this.#leaseMs = leaseMs;
        this.#heart.succeeded();
        if (!known && !signal.aborted) {
          this.#countDisplacement();
          await this.#register(false);
        }
        await this.#heart.pause(heartbeatGapMs, 'whatever comes up');
        if (known) await this.#heart.pause(this.#leaseMs / 3 - heartbeatGapMs);
      } catch (error) {
        if (error instanceof TabletServerRefused) {
          this.#fail(error);
          return;
        }
        logger.warn(about(error), 'a heartbeat has no answer');
        await this.#heart.backOff(this.#leaseMs / 3);
      }
    }
  }

  /**
   * Two processes on copies of one directory would take each other's place forever, each time with an entry in the log. The one that came
   * last ends: its first registration was as recent as all that followed.
   * @throws TabletServerRefused
   */
  #countDisplacement(): void {
    this.#displaced = performance.now() - this.#lastRegisteredMs < this.#leaseMs ? this.#displaced + 1 : 0;
    if (this.#displaced < displacedTries) return;
    throw new TabletServerRefused(
      `another process registers as server ${this.#options.serverId} all the time, with a copy of this data directory`,
      'Let one of the two run; the other needs an id of its own and an empty directory.',
    );
  }

  /** Asks for the assignment again and again, and carries out what comes. */
  async #follow(): Promise<void> {
    const { coordinator, logger } = this.#options;
    const { signal } = this.#closed;
    const pacer = new Pacer(signal);
    while (!signal.aborted) {
      this.#poll = new AbortController();
      try {
        const query = { incarnation: this.#incarnation, from: this.#oldestUseful, waitMs: this.#timing.pollMs };
        const answer = await coordinator.assignment({ ...query, after: this.#asksAnew ? 0 : this.#applied }, this.#poll.signal);
        if ('unchangedAt' in answer) {
          if (this.#hasAssignment) this.#advance(answer.unchangedAt);
        } else if (answer.position < this.#oldestUseful) {
          logger.debug({ position: answer.position, from: this.#oldestUseful }, 'an older assignment than one that counts is passed over');
          await pacer.backOff();
          continue;
        } else {
          await this.#store.join(answer.clusterId);
          await this.#store.rememberPosition(answer.position);
          await this.#replicas.apply(answer);
          if (!this.#hasAssignment) this.#heart.poke();
          this.#hasAssignment = true;
          this.#asksAnew = false;
          this.#advance(answer.position);
        }
        pacer.succeeded();
      } catch (error) {
        if (error instanceof TabletServerRefused) {
          this.#fail(error);
          return;
        }
        if (signal.aborted || this.#poll.signal.aborted) continue;
        logger[isExpected(error) ? 'warn' : 'error'](about(error), 'no assignment could be carried out; trying again');
        // The answer to a heartbeat says what to do.
        if (error instanceof CoordinatorRefused && error.code === 'STALE_SERVER') this.#heart.poke();
        await pacer.backOff();
      }
    }
  }

  /** Older lists are not followed, whether what was begun with a newer one was finished or not. */
  get #oldestUseful(): number {
    return Math.max(this.#applied, this.#store.appliedPosition, this.#registeredAt);
  }

  #advance(position: number): void {
    if (position > this.#applied) {
      this.#applied = position;
      this.#heart.poke();
    }
    this.#replicas.seenUpTo(position);
  }

  /** Asks for the whole list anew, though not all the time. */
  #refresh(): void {
    const now = performance.now();
    if (now - this.#refreshedMs < refreshGapMs) return;
    this.#refreshedMs = now;
    this.#asksAnew = true;
    this.#poll.abort();
  }
}

const isExpected = (error: unknown): error is Error => error instanceof CoordinatorUnavailable || error instanceof CoordinatorRefused;
/** What went wrong between two machines needs no trace of our own code. */
const about = (error: unknown): object => (isExpected(error) ? { why: error.message } : { err: error });

interface Parts {
  readonly store: Store;
  readonly replicas: ReplicaSet;
  readonly data: DataServer;
  readonly endpoint: string;
  /** What the replicas call; set when the server is there. */
  readonly calls: { progress: () => void; unreachable: () => void };
}

/** A server that may choose its port stays where the others know it, as far as that is free. */
async function listen(data: DataServer, { host, port }: Address, store: Store): Promise<number> {
  const chosen = port === 0 ? (store.port ?? 0) : port;
  let bound: number;
  try {
    bound = await data.listen({ host, port: chosen });
  } catch (error) {
    if (port !== 0 || (error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    bound = await data.listen({ host, port: 0 });
  }
  await store.rememberPort(bound);
  return bound;
}
