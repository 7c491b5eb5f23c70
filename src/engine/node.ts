import { nanoid } from 'nanoid';
import type { z } from 'zod';
import type { ConfigValue } from '../../events/configs.ts';
import { type Act, actFault } from '../../events/envelope.ts';
import { durationMsOf, integerOf } from '../../projections/configs.ts';
import type { State } from '../../projections/state.ts';
import type { Command } from '../deciders/commands.ts';
import { type EventLog, LogUnavailable } from '../log/port.ts';
import type { Clock } from '../ports/clock.ts';
import type { Logger } from '../ports/logger.ts';
import type { Member, Membership } from '../ports/membership.ts';
import { type Rejection, rejection } from '../rejection.ts';
import type { KeyRing } from '../secrets/port.ts';
import { Denials } from './authorization.ts';
import { type Checkpoint, Checkpoints, divergence } from './checkpoints.ts';
import { watchConfig } from './configWatch.ts';
import { firstDataKey } from './dataKeys.ts';
import { census, startScheduler } from './duties.ts';
import { startExecutor } from './executor.ts';
import { type ForwardedRequest, Forwarder, type Peers } from './forwarding.ts';
import { Leader } from './leader.ts';
import { RateLimit } from './rateLimit.ts';
import { Replica } from './replica.ts';
import { startElections, startLeases } from './serverDuties.ts';
import { ServerReports } from './serverReports.ts';
import { type Caller, digestOfCommand, type Outcome, type Reply, type Request } from './submission.ts';
import { startTiering } from './tieringDuties.ts';
import { TieringRounds } from './tieringRounds.ts';
import { inTurns } from './turns.ts';

export type StaticConfigs = Readonly<Record<string, ConfigValue>>;

export interface NodeParts {
  readonly nodeId: string;
  /** Where other nodes and clients reach it: http://host:port. */
  readonly operatorUrl: string;
  readonly release: string;
  readonly log: EventLog;
  readonly membership: Membership;
  readonly peers: Peers;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The cluster configs of this node's file; they count while it leads. A function seals their secrets anew for each leadership. */
  readonly staticConfigs: StaticConfigs | (() => StaticConfigs);
  /** Makes the first data key when this node leads and there is none. Without it the master key seals for ever. */
  readonly keys?: KeyRing;
  /** How many denials are kept for whoever asks; default none. */
  readonly auditDenials?: number;
}

/** Where an answer came from. `staleForMs` is there when the log has been silent for longer than `staleAfterMs`. */
export interface Provenance {
  readonly nodeId: string;
  readonly position: number;
  /** Epoch milliseconds of the newest entry folded. */
  readonly at: number;
  readonly epoch: number;
  readonly staleForMs?: number;
}
export type Reading =
  | { readonly kind: 'read'; readonly state: State; readonly provenance: Provenance }
  | { readonly kind: 'rejected'; readonly rejection: Rejection };
export interface ReadOptions {
  /** At or after this position: what a write returned. */
  readonly atLeast?: number;
  /** Sees every write that was acknowledged anywhere before the call. */
  readonly linearizable?: boolean;
  readonly timeoutMs?: number;
}
export type Role = 'leader' | 'follower' | 'fault' | 'stopping';
export interface NodeStatus extends Provenance {
  readonly role: Role;
  readonly leaderId?: string;
  readonly operatorUrl: string;
  readonly release: string;
  readonly fault?: string;
  readonly queued: number;
  readonly checkpoints: readonly Checkpoint[];
  readonly members: readonly Member[];
}

export const nodeLimits = { pending: 4000 } as const;
const defaultTimeoutMs = 10_000;
const defaultReadTimeoutMs = 5_000;
const staleAfterMs = 3_000;
const publishEveryMs = 2_000;
const patrolEveryMs = 2_000;
const pauseMs = 100;
/** How long folding may keep everything else waiting. */
const turnMs = 10;

/** Callbacks for what an operator wants to measure. */
export interface NodeObserver {
  appended(events: number, bytes: number, ms: number): void;
  tookLead(): void;
}

/**
 * One Chancery process: follows the log and folds it; leads when it is its turn; takes commands from interfaces and sees them
 * decided by whoever leads; answers reads from its own tables.
 */
export class Node {
  readonly replica = new Replica();
  /** What was denied here, by whichever interface. */
  readonly denials: Denials;
  /** What tablet servers told this node; of use while it leads. */
  readonly serverReports: ServerReports;
  readonly #parts: NodeParts;
  readonly #forwarder: Forwarder;
  readonly #stop = new AbortController();
  #leader: Leader | undefined;
  #fault: string | undefined;
  #isDraining = false;
  readonly #rateLimit: RateLimit;
  #pending = 0;
  readonly #passed = new Checkpoints();
  #checkpoints: readonly Checkpoint[] = [];
  #hashFrom = 0;
  #life: Promise<void> = Promise.resolve();
  #cancelPublish = (): void => {};
  readonly #changed = new Set<() => void>();
  observer: NodeObserver = { appended: () => {}, tookLead: () => {} };

  constructor(parts: NodeParts) {
    this.#parts = parts;
    this.denials = new Denials(parts.clock, parts.auditDenials ?? 0);
    this.serverReports = new ServerReports(parts.clock);
    this.#forwarder = new Forwarder(parts.peers, () => parts.clock.now());
    this.#rateLimit = new RateLimit(() => parts.clock.now());
    watchConfig(
      this.replica,
      (configs) => integerOf(configs, 'chancery.submit.rate-limit-per-sec'),
      (perSecond) => this.#rateLimit.change(perSecond),
    );
    this.replica.onApplied(({ before, after }) => this.#passed.pass(before, after));
    parts.membership.onChange(() => this.#afterMembershipChange());
  }

  /** Joins the cluster and begins to follow. @throws NodeIdTaken, LogUnavailable */
  async start(): Promise<void> {
    await this.#parts.membership.join(this.#self());
    this.#life = this.#live();
    this.#publishLater();
  }

  /** The newest tables of this node, however old they are. */
  get state(): State {
    return this.replica.state;
  }

  get role(): Role {
    if (this.#fault !== undefined) return 'fault';
    if (this.#isDraining) return 'stopping';
    return this.#leader === undefined ? 'follower' : 'leader';
  }

  /** By how much the log is ahead of this node's clock, milliseconds: its time while this node leads, else the date of its newest entry. */
  get logAheadMs(): number {
    return this.#leader?.logTime.aheadMs() ?? Math.max(0, this.state.at - this.#parts.clock.now());
  }

  get provenance(): Provenance {
    const { position, at, epoch } = this.state;
    const silentForMs = this.#parts.log.silentForMs();
    return { nodeId: this.#parts.nodeId, position, at, epoch, ...(silentForMs > staleAfterMs ? { staleForMs: silentForMs } : {}) };
  }

  status(): NodeStatus {
    const { membership, operatorUrl, release } = this.#parts;
    const standing = membership.standing();
    const leaderId = this.#leader !== undefined ? this.#parts.nodeId : standing.kind === 'follower' ? standing.leaderId : undefined;
    return {
      ...this.provenance,
      role: this.role,
      ...(leaderId === undefined ? {} : { leaderId }),
      operatorUrl,
      release,
      ...(this.#fault === undefined ? {} : { fault: this.#fault }),
      queued: (this.#leader?.queued ?? 0) + this.#forwarder.queued,
      checkpoints: this.#checkpoints,
      members: membership.members(),
    };
  }

  /**
   * Has a command decided, wherever the leader is, and waits until this node has folded what came of it.
   * @returns done, rejected, or unknown when the time was over and it may or may not have happened. Never rejects.
   */
  async submit(command: Command, caller: Caller): Promise<Outcome> {
    const refusal = this.#refusal(caller);
    if (refusal !== undefined) return { kind: 'rejected', rejection: refusal };
    const { principal, reason } = caller;
    const act: Act = {
      command: command.name,
      commandId: caller.idempotencyKey ?? nanoid(),
      digest: digestOfCommand(command),
      ...(caller.host === undefined ? {} : { host: caller.host }),
      interface: caller.interface,
      node: this.#parts.nodeId,
      principal,
      ...(reason === undefined ? {} : { reason }),
    };
    const fault = actFault(act);
    if (fault !== undefined) return { kind: 'rejected', rejection: malformedAct(fault) }; // No node could read it back.
    this.#pending += 1;
    try {
      const outcome = await this.#route({ command, act, deadline: this.#parts.clock.now() + (caller.timeoutMs ?? defaultTimeoutMs) });
      if (outcome.kind === 'rejected') this.denials.note(caller, command.name, outcome.rejection);
      return outcome;
    } finally {
      this.#pending -= 1;
      if (this.#isDraining && this.#pending === 0) this.#notify();
    }
  }

  #refusal({ isLetIn = false }: Caller): Rejection | undefined {
    if (this.#fault !== undefined) return rejection('NODE_FAULT', '', `node ${this.#parts.nodeId} stopped serving: ${this.#fault}`);
    if (this.#isDraining) return rejection('DRAINING', '', `node ${this.#parts.nodeId} is stopping`);
    if (this.#pending >= nodeLimits.pending)
      return rejection('BUSY', '', `${nodeLimits.pending} requests are under way on node ${this.#parts.nodeId}`);
    if (!isLetIn && !this.#rateLimit.take())
      return rejection(
        'BUSY',
        '',
        `node ${this.#parts.nodeId} takes ${this.#rateLimit.perSecond} requests per second (chancery.submit.rate-limit-per-sec)`,
      );
    return undefined;
  }

  /** Asks the leader, and the next one when that one is deposed, with the same key until the deadline. */
  async #route(request: Request): Promise<Outcome> {
    let mayHaveHappened = false;
    let detail = 'no node leads at the moment';
    for (;;) {
      const left = request.deadline - this.#parts.clock.now();
      if (left <= 0) break;
      const reply = await within(left, this.#ask(request));
      if (reply === undefined) {
        mayHaveHappened = true;
        detail = 'the leader did not answer in time';
        break;
      }
      if (reply.kind !== 'retry') {
        if (reply.kind === 'done') await this.replica.reached(reply.position, request.deadline - this.#parts.clock.now());
        return reply;
      }
      mayHaveHappened ||= reply.mayHaveHappened;
      detail = reply.detail;
      await this.#change(Math.min(pauseMs, left));
    }
    if (mayHaveHappened) return { kind: 'unknown', commandId: request.act.commandId, detail };
    return { kind: 'rejected', rejection: rejection('NO_LEADER', '', detail) };
  }

  #ask(request: Request): Promise<Reply> {
    if (this.#leader !== undefined) return this.#leader.submit(request);
    const { membership, nodeId } = this.#parts;
    const standing = membership.standing();
    const leaderId = standing.kind === 'follower' ? standing.leaderId : undefined;
    const leader = membership.members().find((member) => member.nodeId === leaderId);
    if (leader === undefined || leaderId === nodeId)
      return Promise.resolve({ kind: 'retry', mayHaveHappened: false, detail: 'no node leads at the moment' });
    return this.#forwarder.submit(leader, request);
  }

  /** Requests that another node was asked for. @returns one reply each, in order. */
  async acceptForwarded(requests: readonly ForwardedRequest[]): Promise<readonly Reply[]> {
    const leader = this.#leader;
    if (leader === undefined || this.role !== 'leader')
      return requests.map(() => ({ kind: 'retry', mayHaveHappened: false, detail: `node ${this.#parts.nodeId} does not lead` }));
    const now = this.#parts.clock.now();
    return await Promise.all(requests.map(({ command, act, timeLeftMs }) => leader.submit({ command, act, deadline: now + timeLeftMs })));
  }

  async read(options: ReadOptions = {}): Promise<Reading> {
    if (this.#fault !== undefined)
      return { kind: 'rejected', rejection: rejection('NODE_FAULT', '', `node ${this.#parts.nodeId} stopped serving: ${this.#fault}`) };
    const timeoutMs = options.timeoutMs ?? defaultReadTimeoutMs;
    let position = options.atLeast ?? 0;
    if (options.linearizable === true) {
      try {
        const head = await within(timeoutMs, this.#parts.log.head());
        if (head === undefined) throw new LogUnavailable(`it did not answer within ${timeoutMs} ms`);
        position = Math.max(position, head.position);
      } catch (error) {
        const detail = `a linearizable read needs the log: ${error instanceof Error ? error.message : String(error)}`;
        return { kind: 'rejected', rejection: rejection('NOT_CAUGHT_UP', 'linearizable', detail) };
      }
    }
    if (!(await this.replica.reached(position, timeoutMs))) {
      const detail = `node ${this.#parts.nodeId} is at position ${this.state.position}, not yet at ${position}`;
      return {
        kind: 'rejected',
        rejection: rejection('NOT_CAUGHT_UP', options.linearizable === true ? 'linearizable' : 'atLeast', detail),
      };
    }
    return { kind: 'read', state: this.state, provenance: this.provenance };
  }

  /** Finishes what waits, gives up the lead, leaves the cluster. `timeoutMs` bounds the finishing. */
  async close(timeoutMs = 5_000): Promise<void> {
    this.#isDraining = true;
    const deadline = performance.now() + timeoutMs;
    const left = (): number => Math.max(0, deadline - performance.now());
    while (this.#pending > 0 && left() > 0) await this.#change(left());
    await within(left(), this.#leader?.idle() ?? Promise.resolve());
    this.#stop.abort();
    this.#cancelPublish();
    this.#leader?.depose('the node is stopping');
    this.#notify();
    await within(left(), this.#life);
    await this.#parts.membership.leave();
    await this.#parts.log.close(); // Settles what the log still owed.
    await this.#life;
  }

  #self(): Member {
    const { nodeId, operatorUrl, release } = this.#parts;
    return { nodeId, operatorUrl, release, position: this.state.position, checkpoints: this.#checkpoints };
  }

  /** Follows or leads, as the membership says, until the node stops. */
  async #live(): Promise<void> {
    while (!this.#stop.signal.aborted && this.#fault === undefined) {
      try {
        await this.#follow(); // Until it is this node's turn.
        await this.#lead();
      } catch (error) {
        if (error instanceof LogUnavailable) this.#parts.logger.warn({ err: error }, 'the log cannot be reached; trying again');
        else this.#fail(error);
      }
      if (!this.#stop.signal.aborted) await this.#change(pauseMs);
    }
  }

  /** Follows the log until this node should lead. */
  async #follow(): Promise<void> {
    const until = new AbortController();
    const stop = () => until.abort();
    this.#stop.signal.addEventListener('abort', stop);
    const unsubscribe = this.#parts.membership.onChange(() => {
      if (this.#parts.membership.standing().kind === 'leader') stop();
    });
    if (this.#parts.membership.standing().kind === 'leader' || this.#stop.signal.aborted) stop();
    try {
      await this.#parts.log.follow(this.state.index, (texts) => this.#fold(texts), until.signal);
    } finally {
      unsubscribe();
      this.#stop.signal.removeEventListener('abort', stop);
    }
  }

  /** One leadership, if it may have one: a new epoch, so that nothing older can be appended any more; all there is; the first act. */
  async #lead(): Promise<void> {
    const { log, clock, membership, logger, nodeId } = this.#parts;
    if (membership.standing().kind !== 'leader' || this.#fault !== undefined || this.#stop.signal.aborted) return;
    const epoch = await log.raiseEpoch();
    await this.#catchUp((await log.head()).index);
    let end = (_: string) => {};
    const over = new Promise<string>((resolve) => {
      end = resolve;
    });
    const leader = new Leader({ epoch, log, replica: this.replica, clock, onOver: (reason) => end(reason) });
    leader.onAppended = (events, bytes, ms) => this.observer.appended(events, bytes, ms);
    const unsubscribe = membership.onChange(() => {
      if (membership.standing().kind !== 'leader') leader.depose('another node leads, or the session was lost');
    });
    const { staticConfigs: given } = this.#parts;
    const staticConfigs = typeof given === 'function' ? given() : given;
    const first = await leader.submit(this.#ownRequest({ name: 'takeLeadership', nodeId, epoch, staticConfigs }, nanoid()));
    const mayLead = membership.standing().kind === 'leader' && this.#fault === undefined && !this.#stop.signal.aborted;
    if (first.kind === 'done' && mayLead) {
      this.#leader = leader;
      this.observer.tookLead();
      logger.info({ epoch, position: this.state.position }, `${nodeId} took the lead`);
      this.#notify();
      const endDuties = this.#startDuties(leader);
      const reason = await over;
      endDuties();
      this.#leader = undefined;
      logger.warn({ epoch, reason }, `${nodeId} no longer leads: ${reason}`);
    } else leader.depose(first.kind === 'retry' ? first.detail : 'it is needed no more');
    unsubscribe();
    // Nothing that time would heal: this node must make room for one that can lead.
    if (first.kind === 'rejected') throw new Error(`${nodeId} could not take the lead: ${first.rejection.detail}`);
  }

  /** Reads and folds up to an entry that is known to be in the log. */
  async #catchUp(index: number): Promise<void> {
    while (this.state.index < index) {
      const texts = await this.#parts.log.read(this.state.index, 64);
      await this.#fold(texts);
      if (texts.length === 0) await this.#change(pauseMs); // A replica of the log that lags behind its head.
      if (this.#stop.signal.aborted) return;
    }
  }

  /** Folds entries in order, and lets others have their turn: requests and heartbeats go on during a long catch-up. */
  async #fold(texts: readonly string[]): Promise<void> {
    let began = performance.now();
    for (const text of texts) {
      this.replica.receive(this.state.index + 1, text);
      if (performance.now() - began < turnMs) continue;
      await new Promise((resolve) => setImmediate(resolve));
      began = performance.now();
    }
  }

  /** What only a leader does: deadlines, the list of nodes, and a look whether somebody else has written. */
  #startDuties(leader: Leader): () => void {
    const { clock, keys, membership, log, logger } = this.#parts;
    const submit = (command: Command, key: string) => this.#submitOwn(command, key);
    const { logTime } = leader;
    const scheduler = startScheduler({ clock, logTime, state: () => this.state, submit });
    const count = () => {
      const forgetAfterMs = durationMsOf(this.state.configs, 'chancery.coordinator.forget-after');
      for (const { command, key } of census(this.state, membership.members(), forgetAfterMs)) void submit(command, key);
    };
    const makeDataKey = () => {
      const first = keys === undefined ? undefined : firstDataKey(this.state, keys);
      if (first !== undefined) void submit(first.command, first.key);
    };
    const patrol = async () => {
      makeDataKey();
      try {
        const head = await log.head();
        if (head.index > this.state.index) await leader.idle(); // Its own entries may be under way.
        if (head.index > this.state.index) leader.depose('another node appended to the log');
      } catch (error) {
        logger.warn({ err: error }, 'the log does not answer its leader');
      }
      if (this.#leader === leader) cancelPatrol = clock.after(patrolEveryMs, () => void patrol());
    };
    let cancelPatrol = clock.after(patrolEveryMs, () => void patrol());
    count();
    makeDataKey();
    const rounds = new TieringRounds(clock, this.state.tiering);
    leader.onAnswered = (command, outcome) => rounds.answered(command, outcome);
    const submitHere = (command: Command, key: string) => this.#submitTo(leader, this.#ownRequest(command, key));
    const serverDuties = { clock, logTime, replica: this.replica, reports: this.serverReports, submit: submitHere };
    const stops = [
      startLeases(serverDuties),
      startElections(serverDuties),
      startExecutor(serverDuties),
      startTiering({ clock, logTime, replica: this.replica, rounds, submit: submitHere }),
      membership.onChange(count),
      this.replica.onApplied(({ before, after }) => {
        if (before.deadlines !== after.deadlines) scheduler.wake();
      }),
    ];
    return () => {
      scheduler.stop();
      cancelPatrol();
      for (const stop of stops) stop();
    };
  }

  async #submitOwn(command: Command, key: string): Promise<Outcome> {
    const { act, deadline } = this.#ownRequest(command, key);
    return this.#seen(command, await this.#route({ command, act, deadline }));
  }

  /** Has one leadership decide, or nobody: the next one has heard of nobody yet, and must not act on the silence that this one heard. */
  async #submitTo(leader: Leader, request: Request): Promise<Outcome> {
    const reply = await leader.submit(request);
    if (reply.kind === 'retry') return { kind: 'unknown', commandId: request.act.commandId, detail: reply.detail };
    return this.#seen(request.command, reply);
  }

  #seen(command: Command, outcome: Outcome): Outcome {
    if (outcome.kind === 'rejected' && outcome.rejection.code === 'NODE_FAULT')
      this.#parts.logger.error({ command: command.name }, outcome.rejection.detail);
    return outcome;
  }

  #ownRequest(command: Command, commandId: string): Request {
    const { nodeId, clock } = this.#parts;
    const digest = digestOfCommand(command);
    const act: Act = { command: command.name, commandId, digest, interface: 'chancery', node: nodeId, principal: 'chancery' };
    return { command, act, deadline: clock.now() + defaultTimeoutMs };
  }

  /** Hashes what the others shall compare, at most for a twentieth of the time, and lets others work in between. */
  async #refreshCheckpoints(): Promise<void> {
    const began = performance.now();
    if (began < this.#hashFrom) return;
    this.#hashFrom = Number.POSITIVE_INFINITY;
    this.#checkpoints = await inTurns(this.#passed.hashing(), turnMs, this.#stop.signal);
    const ended = performance.now();
    this.#hashFrom = ended + 20 * (ended - began);
  }

  #publishLater(): void {
    this.#cancelPublish = this.#parts.clock.after(publishEveryMs, () => {
      if (!this.#publish()) return;
      this.#publishLater();
      this.#refreshCheckpoints().then(
        () => this.#publish(),
        (error: unknown) => this.#stop.signal.aborted || this.#fail(error),
      );
    });
  }

  /** @returns false when this node has nothing to tell any more. */
  #publish(): boolean {
    if (this.#stop.signal.aborted || this.#fault !== undefined) return false;
    this.#parts.membership.publish(this.#self());
    return true;
  }

  #afterMembershipChange(): void {
    const { membership, nodeId } = this.#parts;
    const standing = membership.standing();
    const leaderId = standing.kind === 'leader' ? nodeId : standing.leaderId;
    this.#forwarder.leaderIs(leaderId);
    const others = membership.members().filter((member) => member.nodeId !== nodeId);
    const wrong = divergence(this.#self(), others, leaderId);
    if (wrong !== undefined) this.#fail(new Error(wrong));
    this.#notify();
  }

  /** Stops serving for good: a wrong table is worse than none. The process stays up to say so. */
  #fail(error: unknown): void {
    if (this.#fault !== undefined) return;
    this.#fault = error instanceof Error ? error.message : String(error);
    this.#parts.logger.error({ err: error, position: this.state.position }, 'this node stops serving');
    this.#leader?.depose('the node stopped serving');
    this.#notify();
    void this.#parts.membership.leave();
  }

  /** Waits for a change of leadership or membership, at most `ms`. */
  async #change(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        this.#changed.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, ms);
      this.#changed.add(wake);
    });
  }

  #notify(): void {
    for (const wake of this.#changed) wake();
  }
}

function malformedAct(issue: z.core.$ZodIssue | undefined): Rejection {
  const field = String(issue?.path[0] ?? '');
  return rejection('MALFORMED_REQUEST', field === 'commandId' ? 'idempotencyKey' : field, issue?.message ?? 'the form is wrong');
}

/** A promise's value, or undefined when `ms` were over first. */
function within<T>(ms: number, promise: Promise<T>): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms, undefined);
    const settle = (use: () => void): void => {
      clearTimeout(timer);
      use();
    };
    promise.then(
      (value) => settle(() => resolve(value)),
      (error: unknown) => settle(() => reject(error)),
    );
  });
}
