import type { EncodedEntry } from '../../events/envelope.ts';
import { type Member, type Membership, NodeIdTaken, type Standing } from '../ports/membership.ts';
import { checkRange, emptyHead, headAfter, refusalOf } from './condition.ts';
import { closedText, type FollowSource, followEntries, settledOrAborted } from './follow.ts';
import { type AppendOutcome, type EventLog, type Head, LogUnavailable } from './port.ts';

/**
 * Settles when a message has arrived. A test that wants to choose the order of arrivals gives its own, for example
 * `(label) => scheduler.schedule(Promise.resolve(), label)` with fast-check's scheduler. Messages of one client keep their order
 * whatever it does.
 */
export type Hop = (label: string) => Promise<void>;
const microtask: Hop = () => Promise.resolve();

interface Session {
  member: Member;
  readonly changed: () => void;
  readonly lapsed: () => void;
}

/**
 * What outlives the nodes of one process: the entries, the epoch, and who is there. Each node has its own `MemoryLog` and
 * `MemoryMembership` of one hub. Nothing is written anywhere; everything happens in the order in which `hop` lets messages arrive.
 */
export class MemoryHub {
  readonly hop: Hop;
  readonly #texts: string[] = [];
  readonly #hashes: string[] = [];
  #head: Head = emptyHead;
  #epoch = 0;
  #wake = Promise.withResolvers<void>();
  readonly #present = new Map<string, Session>();
  readonly #partitioned = new Map<string, Session>();
  #candidates: readonly string[] = [];

  constructor(hop: Hop = microtask) {
    this.hop = hop;
  }

  get head(): Head {
    return this.#head;
  }

  append(encoded: EncodedEntry): AppendOutcome {
    if (this.#hashes[encoded.entry.index - 1] === encoded.entry.hash) return { kind: 'appended' };
    const refusal = refusalOf(encoded, this.#head, this.#epoch);
    if (refusal !== undefined) return refusal;
    this.#texts.push(encoded.text);
    this.#hashes.push(encoded.entry.hash);
    this.#head = headAfter(encoded);
    this.#wake.resolve();
    this.#wake = Promise.withResolvers();
    return { kind: 'appended' };
  }

  raiseEpoch(): number {
    this.#epoch += 1;
    return this.#epoch;
  }

  texts(afterIndex: number, limit: number): readonly string[] {
    return this.#texts.slice(afterIndex, afterIndex + limit);
  }

  /** Settles with the next append. */
  appended(): Promise<void> {
    return this.#wake.promise;
  }

  /** Registered nodes, in the order in which they came. */
  members(): readonly Member[] {
    return [...this.#present.values()].map((session) => session.member);
  }

  /** The node that has waited longest. */
  leaderId(): string | undefined {
    return this.#candidates[0];
  }

  /** @throws NodeIdTaken when a node of that id is there. */
  enter(session: Session): void {
    const holder = this.#present.get(session.member.nodeId);
    if (holder !== undefined) throw new NodeIdTaken(session.member.nodeId, holder.member.operatorUrl);
    this.#present.set(session.member.nodeId, session);
    this.#candidates = [...this.#candidates, session.member.nodeId];
    this.#tell();
  }

  publish(session: Session, member: Member): void {
    session.member = member;
    if (this.has(session)) this.#tell();
  }

  has(session: Session): boolean {
    return this.#present.get(session.member.nodeId) === session;
  }

  leave(session: Session): void {
    this.#partitioned.delete(session.member.nodeId);
    if (this.has(session)) this.crash(session.member.nodeId);
  }

  /** The node's process is gone: the others no longer see it, it hears no more, its id is free. */
  crash(nodeId: string): void {
    this.#partitioned.delete(nodeId);
    this.#present.delete(nodeId);
    this.#candidates = this.#candidates.filter((id) => id !== nodeId);
    this.#tell();
  }

  /** The node's session expired without its knowing: the others see it no more; it believes what it saw last, its leadership too. */
  partition(nodeId: string): void {
    const session = this.#present.get(nodeId);
    this.crash(nodeId);
    if (session !== undefined) this.#partitioned.set(nodeId, session);
  }

  /** What 2/3 of a session timeout without an answer does to a partitioned node: it no longer believes itself the leader. */
  lapse(nodeId: string): void {
    this.#partitioned.get(nodeId)?.lapsed();
  }

  /** A partitioned node is back in a new session and campaigns behind the others. @throws NodeIdTaken */
  heal(nodeId: string): void {
    const session = this.#partitioned.get(nodeId);
    if (session === undefined) return;
    this.enter(session);
    this.#partitioned.delete(nodeId);
  }

  #tell(): void {
    for (const session of this.#present.values()) session.changed();
  }
}

/** One client of a hub. Requests arrive in the order of the calls, and so do the replies. */
export class MemoryLog implements EventLog {
  readonly pipelineDepth = 8;
  readonly #hub: MemoryHub;
  readonly #requests: (() => void)[] = [];
  readonly #replies: (() => void)[] = [];
  readonly #unsettled = new Set<() => void>();
  readonly #closing = new AbortController();
  #inFlight = 0;
  #sent = 0;
  #failedThrough = 0; // Appends up to this number were sent before the caller could know that one had failed.

  constructor(hub: MemoryHub) {
    this.#hub = hub;
  }

  /** @throws Error when more than `pipelineDepth` are in flight: a bound the caller must keep. */
  async append(encoded: EncodedEntry): Promise<AppendOutcome> {
    if (this.#closing.signal.aborted) return closedUnknown;
    if (this.#inFlight >= this.pipelineDepth) throw new Error(`more than ${this.pipelineDepth} appends are in flight`);
    this.#inFlight += 1;
    this.#sent += 1;
    const number = this.#sent;
    let failed = false;
    const effect = (): AppendOutcome => {
      if (number <= this.#failedThrough) return { kind: 'conflict' };
      const outcome = this.#hub.append(encoded);
      failed = outcome.kind !== 'appended';
      if (failed) this.#failedThrough = Number.POSITIVE_INFINITY;
      return outcome;
    };
    return this.#call(
      `append ${encoded.entry.index}`,
      effect,
      (settle) => settle(closedUnknown),
      () => {
        this.#inFlight -= 1;
        if (failed) this.#failedThrough = this.#sent;
      },
    );
  }

  async read(afterIndex: number, limit: number): Promise<readonly string[]> {
    checkRange(afterIndex, limit);
    return this.#ask(`read after ${afterIndex}`, () => this.#hub.texts(afterIndex, limit));
  }

  head(): Promise<Head> {
    return this.#ask('head', () => this.#hub.head);
  }

  raiseEpoch(): Promise<number> {
    return this.#ask('raise epoch', () => this.#hub.raiseEpoch());
  }

  async follow(afterIndex: number, deliver: (texts: readonly string[]) => void | Promise<void>, signal: AbortSignal): Promise<void> {
    const source: FollowSource = {
      read: async (after, limit) => {
        const texts = this.#hub.texts(after, limit);
        if (texts.length > 0) await settledOrAborted(this.#hub.hop(`deliver after ${after}`), this.#closing.signal);
        return texts;
      },
      grown: async (after, ended) => {
        if (this.#hub.head.index <= after) await settledOrAborted(this.#hub.appended(), ended);
      },
    };
    await followEntries(source, afterIndex, deliver, signal, this.#closing.signal);
  }

  silentForMs(): number {
    return 0;
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#requests.length = 0;
    this.#replies.length = 0;
    for (const abandon of this.#unsettled) abandon();
  }

  async #ask<T>(label: string, effect: () => T): Promise<T> {
    if (this.#closing.signal.aborted) throw new LogUnavailable(closedText);
    return this.#call(
      label,
      effect,
      (_, fail) => fail(new LogUnavailable(closedText)),
      () => {},
    );
  }

  /** Sends a request and its reply, each with a hop of its own. `abandon` settles the call when the log is closed meanwhile. */
  #call<T>(
    label: string,
    effect: () => T,
    abandon: (settle: (value: T) => void, fail: (error: Error) => void) => void,
    replied: () => void,
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      const abandoned = (): void => abandon(resolve, reject);
      this.#unsettled.add(abandoned);
      this.#requests.push(() => {
        const value = effect();
        this.#replies.push(() => {
          this.#unsettled.delete(abandoned);
          replied();
          resolve(value);
        });
        void this.#hub.hop(`reply to ${label}`).then(() => this.#replies.shift()?.());
      });
      void this.#hub.hop(label).then(() => this.#requests.shift()?.());
    });
  }
}

const closedUnknown: AppendOutcome = { kind: 'unknown', detail: closedText };

/**
 * Membership by order of joining. Each node sees a change one hop after it happened.
 * A live node of the same id is answered at once with NodeIdTaken: a session ends only by the hub's controls, so waiting is no use.
 */
export class MemoryMembership implements Membership {
  readonly #hub: MemoryHub;
  readonly #listeners = new Set<() => void>();
  #session: Session | undefined;
  #members: readonly Member[] = [];
  #standing: Standing = { kind: 'follower', leaderId: undefined };

  constructor(hub: MemoryHub) {
    this.#hub = hub;
  }

  async join(self: Member): Promise<void> {
    await this.#hub.hop(`${self.nodeId} joins`);
    const changed = (): void => void this.#refreshSoon();
    const lapsed = (): void => this.#show(this.#members, { kind: 'follower', leaderId: undefined });
    const session: Session = { member: self, changed, lapsed };
    this.#hub.enter(session);
    this.#session = session;
    await this.#refreshSoon();
  }

  publish(self: Member): void {
    if (this.#session !== undefined) this.#hub.publish(this.#session, self);
  }

  members(): readonly Member[] {
    return this.#members;
  }

  standing(): Standing {
    return this.#standing;
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async leave(): Promise<void> {
    const session = this.#session;
    this.#session = undefined;
    if (session !== undefined) this.#hub.leave(session);
    this.#show([], { kind: 'follower', leaderId: undefined });
  }

  async #refreshSoon(): Promise<void> {
    const session = this.#session;
    if (session === undefined) return;
    const { nodeId } = session.member;
    await this.#hub.hop(`${nodeId} sees the members`);
    if (this.#session !== session || !this.#hub.has(session)) return;
    const leaderId = this.#hub.leaderId();
    this.#show(this.#hub.members(), leaderId === nodeId ? { kind: 'leader' } : { kind: 'follower', leaderId });
  }

  #show(members: readonly Member[], standing: Standing): void {
    const before = JSON.stringify([this.#members, this.#standing]);
    this.#members = members;
    this.#standing = standing;
    if (JSON.stringify([members, standing]) !== before) for (const listener of [...this.#listeners]) listener();
  }
}
