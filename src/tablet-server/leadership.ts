import type { AssignedReplica } from './assignment.ts';
import type { DataErrorCode } from './protocol.ts';
import type { Replica } from './replica.ts';

/** What a leader knows of one follower. */
interface Follower {
  /** Bytes it has, once it has shown in this epoch that they are the leader's; undefined before. */
  offset: number | undefined;
  /** When it last had everything; -Infinity: never in this epoch. */
  caughtUpMs: number;
  /** Of its last fetch: when, and how long the leader's replica was then. */
  fetchedMs: number;
  lengthThen: number;
}

/** An ISR that was asked for, while it is not known what came of it. */
interface Proposal {
  readonly isr: readonly number[];
  /** The position at which it was decided; undefined while that is unknown. */
  decidedAt: number | undefined;
}

interface Waiter {
  readonly end: number;
  readonly settle: (outcome: 'acknowledged' | 'over') => void;
}

export interface LeadershipOptions {
  readonly serverId: number;
  readonly replica: Replica;
  readonly assigned: AssignedReplica;
  /** A follower that has not had everything for longer than this leaves the ISR. */
  readonly lagMs: number;
  readonly nowMs: () => number;
  /** Called when the ISR may have to change. */
  readonly onProgress: () => void;
}

/**
 * This server leads a bucket in one epoch. It counts how far each follower has come, acknowledges what every member of the ISR has, and
 * knows which ISR it wants. Members are counted by the widest ISR that may be in force: the assigned one and every one that was asked
 * for and may have been granted. So nothing is acknowledged that an elected leader could lack.
 */
export class Leadership {
  readonly epoch: number;
  readonly replica: Replica;
  /** What was there when the epoch began: all of it may have been acknowledged by leaders before. */
  readonly #inherited: number;
  readonly #options: LeadershipOptions;
  #assigned: AssignedReplica;
  readonly #followers = new Map<number, Follower>();
  #proposals: Proposal[] = [];
  #acknowledged = 0;
  #waiters: Waiter[] = [];
  readonly #listeners = new Set<() => void>();
  #isOver = false;

  constructor(options: LeadershipOptions) {
    this.#options = options;
    this.#assigned = options.assigned;
    this.epoch = options.assigned.leaderEpoch;
    this.replica = options.replica;
    this.#inherited = options.replica.length;
    this.#matchFollowers();
    this.#advance();
  }

  get assigned(): AssignedReplica {
    return this.#assigned;
  }
  get isOver(): boolean {
    return this.#isOver;
  }

  /** A newer assignment in the same epoch. */
  update(assigned: AssignedReplica): void {
    if (assigned.bucketEpoch > this.#assigned.bucketEpoch) this.#proposals = []; // Each was for the bucket epoch that is over.
    this.#assigned = assigned;
    this.#matchFollowers();
    this.#advance();
    this.#options.onProgress();
  }

  /** Another leads, or the replica goes. Whoever waits is told. */
  end(): void {
    this.#isOver = true;
    for (const { settle } of this.#waiters.splice(0)) settle('over');
    this.#notify();
  }

  /** @returns why this server gets nothing, or undefined */
  refusalOf(serverId: number, leaderEpoch: number): DataErrorCode | undefined {
    if (this.#isOver) return 'NOT_LEADER';
    if (leaderEpoch !== this.epoch) return 'STALE_EPOCH';
    return this.#followers.has(serverId) ? undefined : 'NOT_A_FOLLOWER';
  }

  hasProven(serverId: number): boolean {
    return this.#followers.get(serverId)?.offset !== undefined;
  }

  /** Of a follower that cuts its replica: what it has must be shown again. */
  forgetProof(serverId: number): void {
    const follower = this.#followers.get(serverId);
    if (follower !== undefined) follower.offset = undefined;
  }

  /** A follower has these bytes, and they are the leader's. */
  fetchedUpTo(serverId: number, offset: number): void {
    const follower = this.#followers.get(serverId);
    if (follower === undefined || this.#isOver) return;
    const now = this.#options.nowMs();
    const { length } = this.replica;
    if (offset >= length) follower.caughtUpMs = now;
    else if (offset >= follower.lengthThen) follower.caughtUpMs = Math.max(follower.caughtUpMs, follower.fetchedMs);
    follower.offset = offset;
    follower.fetchedMs = now;
    follower.lengthThen = length;
    this.#advance();
    if (!this.#assigned.isr.includes(serverId)) this.#options.onProgress();
  }

  /** Puts bytes behind the last one. @returns where they end, or undefined when this server no longer leads */
  async append(bytes: Uint8Array): Promise<{ readonly offset: number; readonly end: number } | undefined> {
    const written = await this.replica.append(bytes, () => !this.#isOver);
    if (written === undefined) return undefined;
    this.#advance();
    this.#notify();
    return { offset: written.offset, end: written.offset + bytes.length };
  }

  /** Waits until every member of the ISR has everything up to `end`. @returns `over` when this server leads no longer, or after abort */
  acknowledged(end: number, signal: AbortSignal): Promise<'acknowledged' | 'over'> {
    if (this.#acknowledged >= end) return Promise.resolve('acknowledged');
    if (this.#isOver || signal.aborted) return Promise.resolve('over');
    return new Promise((resolve) => {
      const waiter: Waiter = {
        end,
        settle: (outcome) => {
          signal.removeEventListener('abort', giveUp);
          resolve(outcome);
        },
      };
      const giveUp = (): void => {
        this.#waiters = this.#waiters.filter((other) => other !== waiter);
        resolve('over');
      };
      signal.addEventListener('abort', giveUp, { once: true });
      this.#waiters.push(waiter);
    });
  }

  /** Calls back whenever there is more to fetch, and when it is over. @returns how to stop that */
  onMore(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * The ISR that this leader asks for, in the order of the replicas.
   * @returns undefined when it is in force already
   */
  wantedIsr(): readonly number[] | undefined {
    if (this.#isOver) return undefined;
    const isr = this.#assigned.replicas.filter((id) => id === this.#options.serverId || this.#isInSync(id));
    return sameMembers(isr, this.#assigned.isr) ? undefined : isr;
  }

  /**
   * Whether something was asked for that has no answer: while no request is under way, it may be granted at any time and blocks whatever
   * needs its members, until the bucket epoch moves on.
   */
  get needsNewEpoch(): boolean {
    return this.#proposals.some(({ decidedAt }) => decidedAt === undefined);
  }

  /** This ISR is being asked for. To be called before the request leaves. What has no answer counts on, even if it is asked for again. */
  propose(isr: readonly number[]): (decidedAt: number) => void {
    if (this.#proposals.some((other) => other.decidedAt === undefined && sameMembers(other.isr, isr))) return () => {};
    const proposal: Proposal = { isr, decidedAt: undefined };
    this.#proposals = [...this.#proposals, proposal];
    return (decidedAt) => {
      proposal.decidedAt = decidedAt;
    };
  }

  /** What was decided up to this position is in the assignment: a proposal that is not in force was passed over. */
  seenUpTo(position: number): void {
    if (!this.#proposals.some(({ decidedAt }) => decidedAt !== undefined && decidedAt <= position)) return;
    this.#proposals = this.#proposals.filter(({ decidedAt }) => decidedAt === undefined || decidedAt > position);
    this.#advance();
  }

  #isInSync(id: number): boolean {
    const follower = this.#followers.get(id);
    if (follower === undefined) return false;
    const { caughtUpMs, offset } = follower;
    if (this.#options.nowMs() - caughtUpMs > this.#options.lagMs) return false;
    if (this.#assigned.isr.includes(id)) return offset === undefined || offset >= this.#acknowledged;
    return offset !== undefined && offset >= Math.max(this.#acknowledged, this.#inherited);
  }

  /** Exactly the other replicas are followers. A member of the ISR has the lag time to show itself. */
  #matchFollowers(): void {
    const { isr, replicas } = this.#assigned;
    for (const id of this.#followers.keys()) if (!replicas.includes(id)) this.#followers.delete(id);
    for (const id of replicas) {
      if (id === this.#options.serverId || this.#followers.has(id)) continue;
      const now = this.#options.nowMs();
      const caughtUpMs = isr.includes(id) ? now : -Infinity;
      this.#followers.set(id, { offset: undefined, caughtUpMs, fetchedMs: -Infinity, lengthThen: Infinity });
    }
  }

  #advance(): void {
    if (this.#isOver) return;
    let everyoneHas = this.replica.length;
    for (const { isr } of [this.#assigned, ...this.#proposals])
      for (const id of isr) if (id !== this.#options.serverId) everyoneHas = Math.min(everyoneHas, this.#followers.get(id)?.offset ?? 0);
    if (everyoneHas <= this.#acknowledged) return;
    this.#acknowledged = everyoneHas;
    const done = this.#waiters.filter(({ end }) => end <= everyoneHas);
    if (done.length === 0) return;
    this.#waiters = this.#waiters.filter(({ end }) => end > everyoneHas);
    for (const { settle } of done) settle('acknowledged');
  }

  #notify(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}

const sameMembers = (one: readonly number[], other: readonly number[]): boolean =>
  one.length === other.length && one.every((id) => other.includes(id));
