import { type BucketRow, bucketsOn, holdingsOf } from '../../projections/buckets.ts';
import { type Configs, configOf } from '../../projections/configs.ts';
import { serverOf } from '../../projections/servers.ts';
import type { State } from '../../projections/state.ts';
import type { Clock } from '../ports/clock.ts';
import { type Rejection, rejection } from '../rejection.ts';
import type { Node } from './node.ts';

/**
 * `waiting`: requests that a node keeps open; `perServer`: of those for one server, so that none keeps the others out; `strangers`: of
 * those for servers that this node does not know. `directoryMs`: how long news of other servers may be gathered before they are told.
 */
export const assignmentLimits = { waiting: 2_000, perServer: 8, strangers: 200, waitMs: 20_000, directoryMs: 100 } as const;

/** What tablet servers are told of the cluster's configs. */
export interface ServerSettings {
  /** Absent: no limit. */
  readonly copyBytesPerSec?: number;
  readonly minInSyncReplicas: number;
}
/** Everything that a tablet server shall hold at a position; of what is not listed it holds nothing. */
export interface Assignment {
  readonly clusterId: string;
  readonly position: number;
  readonly replicas: readonly BucketRow[];
  /** host:port by id: the servers that are there and hold copies of the same buckets. */
  readonly endpoints: Readonly<Record<string, string>>;
  readonly settings: ServerSettings;
}
/** `unchanged`: nothing changed for the server up to `position`. */
export type AssignmentAnswer =
  | { readonly kind: 'assignment'; readonly assignment: Assignment }
  | { readonly kind: 'unchanged'; readonly position: number }
  | { readonly kind: 'rejected'; readonly rejection: Rejection };

export interface AssignmentQuery {
  readonly serverId: number;
  /** The newest position that the server has carried out; 0 at its first request. */
  readonly after: number;
  /** Nothing older is told: since then it is registered, or has acted on it before. */
  readonly from?: number;
  /** The process that asks: once another one has its place, it is told nothing. Absent: whoever asks is told. */
  readonly incarnation?: string;
  /** How long to wait for a change. */
  readonly waitMs: number;
  /** The server hung up. */
  readonly signal: AbortSignal;
}
interface Waiter {
  readonly serverId: number;
  readonly after: number;
  /** What it is told must not be older. */
  readonly least: number;
  readonly wake: () => void;
}

/**
 * Tells tablet servers what they shall hold, from the tables of this node, as soon as it is another thing than they know. Nothing is sent
 * to anybody: whoever was not reached asks again and finds the whole of it.
 */
export class Assignments {
  readonly #node: Pick<Node, 'replica' | 'role'>;
  readonly #clock: Clock;
  readonly #waiting = new Set<Waiter>();
  /** Those of them for whom this node is too old. */
  readonly #behind = new Set<Waiter>();
  readonly #stopListening: () => void;
  /** Requests under way by server. */
  readonly #asking = new Map<number, number>();
  #open = 0;
  #strangers = 0;
  /** Of the newest change of what `settingsOf` gives, as far as this process saw it. */
  #settingsPosition: number;
  #cancelDirectory: (() => void) | undefined;
  #isClosed = false;

  constructor(node: Pick<Node, 'replica' | 'role'>, clock: Clock) {
    this.#node = node;
    this.#clock = clock;
    this.#settingsPosition = node.replica.state.position;
    this.#stopListening = node.replica.onApplied(({ before, after }) => this.#applied(before, after));
  }

  /** Requests under way. */
  get open(): number {
    return this.#open;
  }

  /**
   * What a server shall hold, at once when that changed after the position that it knows, else when it does.
   * @returns or BUSY (too many wait already, in all or for this server), NOT_CAUGHT_UP (this node is behind `after` or `from`),
   *   UNKNOWN_SERVER, STALE_SERVER (another process has its place), NODE_FAULT
   */
  async next(query: AssignmentQuery): Promise<AssignmentAnswer> {
    if (this.#open >= assignmentLimits.waiting)
      return refuse('BUSY', `${assignmentLimits.waiting} tablet servers wait at this node already`);
    const { serverId } = query;
    const asking = this.#asking.get(serverId) ?? 0;
    if (asking >= assignmentLimits.perServer)
      return refuse('BUSY', `${assignmentLimits.perServer} requests for tablet server ${serverId} wait at this node already`);
    const isStranger = serverOf(this.#node.replica.state.servers, serverId) === undefined;
    if (isStranger && this.#strangers >= assignmentLimits.strangers)
      return refuse('BUSY', `${assignmentLimits.strangers} tablet servers that are not known wait at this node already`);
    this.#asking.set(serverId, asking + 1);
    this.#open += 1;
    this.#strangers += Number(isStranger);
    try {
      return await this.#next(query);
    } finally {
      this.#open -= 1;
      this.#strangers -= Number(isStranger);
      const left = (this.#asking.get(serverId) ?? 1) - 1;
      if (left === 0) this.#asking.delete(serverId);
      else this.#asking.set(serverId, left);
    }
  }

  async #next({ after, from = 0, incarnation, serverId, signal, waitMs }: AssignmentQuery): Promise<AssignmentAnswer> {
    const deadline = this.#clock.now() + Math.min(waitMs, assignmentLimits.waitMs);
    const least = Math.max(after, from);
    for (;;) {
      const { state } = this.#node.replica;
      const row = serverOf(state.servers, serverId);
      const isBehind = state.position < least;
      if (this.#node.role === 'fault') return refuse('NODE_FAULT', 'this node stopped serving');
      if (!isBehind && row !== undefined && incarnation !== undefined && row.incarnation !== incarnation)
        return refuse('STALE_SERVER', `another process has the place of tablet server ${serverId}`, 'incarnation');
      if (!isBehind && row !== undefined && this.#changedAt(state, serverId) > after)
        return { kind: 'assignment', assignment: assignmentOf(state, serverId) };
      const left = deadline - this.#clock.now();
      if (left > 0 && !signal.aborted && !this.#isClosed) {
        await this.#change({ serverId, after, least }, left, signal);
        continue;
      }
      if (isBehind)
        return refuse('NOT_CAUGHT_UP', `this node is at position ${state.position}, not yet at ${least}`, after < from ? 'from' : 'after');
      if (row === undefined) return refuse('UNKNOWN_SERVER', `tablet server ${serverId} is not known`, 'serverId');
      return { kind: 'unchanged', position: state.position };
    }
  }

  /** Answers whoever waits, and lets nobody wait any more. */
  close(): void {
    this.#isClosed = true;
    this.#stopListening();
    this.#cancelDirectory?.();
    for (const { wake } of this.#waiting) wake();
  }

  /** Position of the newest event that a server would notice. Looks at nothing but its own row. */
  #changedAt(state: State, serverId: number): number {
    return Math.max(holdingsOf(state.buckets, serverId)?.position ?? 0, state.servers.position, this.#settingsPosition);
  }

  #applied(before: State, after: State): void {
    for (const { least, wake } of this.#behind) if (after.position >= least) wake();
    const hasNewSettings = before.configs !== after.configs && !isSame(settingsOf(before.configs), settingsOf(after.configs));
    if (hasNewSettings) this.#settingsPosition = after.position;
    // Hundreds of servers may come at once, and each of them is news to all others.
    if (before.servers.position !== after.servers.position && this.#waiting.size > 0)
      this.#cancelDirectory ??= this.#clock.after(assignmentLimits.directoryMs, () => this.#tellDirectory());
    if (before.buckets === after.buckets && !hasNewSettings) return;
    for (const { after: known, serverId, wake } of this.#waiting)
      if (hasNewSettings || (holdingsOf(after.buckets, serverId)?.position ?? 0) > known) wake();
  }

  #tellDirectory(): void {
    this.#cancelDirectory = undefined;
    for (const { wake } of this.#waiting) wake();
  }

  /** Waits for whatever concerns a server, at most `ms`. */
  async #change(of: Omit<Waiter, 'wake'>, ms: number, signal: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => {
      const wake = (): void => {
        cancel();
        this.#waiting.delete(waiter);
        this.#behind.delete(waiter);
        signal.removeEventListener('abort', wake);
        resolve();
      };
      const waiter: Waiter = { ...of, wake };
      const cancel = this.#clock.after(ms, wake);
      this.#waiting.add(waiter);
      if (this.#node.replica.state.position < of.least) this.#behind.add(waiter);
      signal.addEventListener('abort', wake);
    });
  }
}

function assignmentOf(state: State, serverId: number): Assignment {
  const replicas = [...bucketsOn(state.buckets, serverId)].sort(
    (a, b) => a.tableId - b.tableId || (a.partitionId ?? -1) - (b.partitionId ?? -1) || a.bucketId - b.bucketId,
  );
  const endpoints: Record<string, string> = {};
  for (const { replicas: ids } of replicas)
    for (const id of ids) {
      const row = endpoints[id] === undefined ? serverOf(state.servers, id) : undefined;
      if (row !== undefined && row.status !== 'LOST') endpoints[id] = row.endpoint;
    }
  const { clusterId = '' } = state.leadership;
  return { clusterId, position: state.position, replicas, endpoints, settings: settingsOf(state.configs) };
}

/** Bytes per second beyond what a number holds exactly are no limit. */
function settingsOf(configs: Configs): ServerSettings {
  const bytes = configOf(configs, 'kv.rocksdb.shared-rate-limiter.bytes-per-sec');
  const isLimited = bytes <= BigInt(Number.MAX_SAFE_INTEGER);
  return {
    ...(isLimited ? { copyBytesPerSec: Math.max(1, Number(bytes)) } : {}),
    minInSyncReplicas: configOf(configs, 'log.replica.min-in-sync-replicas-number'),
  };
}
const isSame = (a: ServerSettings, b: ServerSettings): boolean =>
  a.copyBytesPerSec === b.copyBytesPerSec && a.minInSyncReplicas === b.minInSyncReplicas;

const refuse = (code: Rejection['code'], detail: string, field = ''): AssignmentAnswer => ({
  kind: 'rejected',
  rejection: rejection(code, field, detail),
});
