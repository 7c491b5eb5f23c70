import { nanoid } from 'nanoid';
import { type Act, encodeEntry, entryLimits, type LoggedEvent, textsOf } from '../../events/envelope.ts';
import type { ChanceryEvent } from '../../events/index.ts';
import { commandOf, isRemembered } from '../../projections/commands.ts';
import type { Writable } from '../../projections/kit.ts';
import { draftState, finishEntry, finishState, foldEvent, type State } from '../../projections/state.ts';
import { type Command, decide } from '../deciders/commands.ts';
import { denialOfCommand } from '../deciders/permissions.ts';
import type { AppendOutcome, EventLog } from '../log/port.ts';
import type { Clock } from '../ports/clock.ts';
import { type Rejection, rejection } from '../rejection.ts';
import { LogTime } from './logTime.ts';
import type { Replica, Speculation } from './replica.ts';
import type { Outcome, Reply, Request } from './submission.ts';

/** A request waiting for its answer. */
interface Waiting {
  readonly request: Request;
  readonly answer: (reply: Reply) => void;
}
interface Answered {
  readonly waiting: Waiting;
  readonly outcome: Outcome;
}
/** What was decided together: at most one entry, and the answers that hold once it and all before it are in the log. */
interface Batch {
  readonly speculation: Speculation;
  readonly answers: Answered[];
}

/**
 * Bounds of the leader's queue and of an entry, in UTF-8 bytes. Entries of 16-64 KB pipeline best (zookeeper.md 3): a batch is closed
 * once it has reached `batchBytes`. What one command makes must fit an entry beside its header.
 */
export const leaderLimits = { queued: 1000, batchBytes: 64 * 1024, commandBytes: entryLimits.bytes - 1024 } as const;

/**
 * One leadership of one epoch: decides, folds on a speculative state, then appends. Up to `log.pipelineDepth` entries are in
 * flight; while fewer are, what waits is flushed at once, otherwise it is collected, so that batches grow with the load.
 *
 * No answer leaves before everything it rests on is in the log: a refusal, too, may rest on an entry still in flight. One that
 * rests on no entry in flight leaves when the log has said that nobody else wrote since: a leader may be one no more without
 * knowing it, and "nothing to change" from its old tables would be a lost write.
 * When an append fails in any way the leadership is over (`onOver`): what is not settled is answered `retry`, and whoever leads
 * next finds by the idempotency keys what had happened. That keeps a single way for conflicts, fencing and lost replies.
 */
export class Leader {
  readonly epoch: number;
  /** What its entries are dated, and by which it is due what the tables say. */
  readonly logTime: LogTime;
  readonly #log: EventLog;
  readonly #replica: Replica;
  readonly #clock: Clock;
  readonly #onOver: (reason: string) => void;
  readonly #queue: Waiting[] = [];
  readonly #inFlight: Batch[] = [];
  /** Answers that no append will vouch for, until the log is asked for its head. */
  readonly #unconfirmed: Answered[] = [];
  #isConfirming = false;
  #speculative: State;
  #over: string | undefined;
  #isPumping = false;
  #idle: (() => void)[] = [];
  /** For metrics: calls back with each entry in the log, its number of events and bytes, and the milliseconds the append took. */
  onAppended: (events: number, bytes: number, ms: number) => void = () => {};
  /** Calls back with each command and what became of it, before its caller hears of it. */
  onAnswered: (command: Command, outcome: Outcome) => void = () => {};

  constructor(parts: {
    readonly epoch: number;
    readonly log: EventLog;
    readonly replica: Replica;
    readonly clock: Clock;
    readonly onOver: (reason: string) => void;
  }) {
    this.epoch = parts.epoch;
    this.#log = parts.log;
    this.#replica = parts.replica;
    this.#clock = parts.clock;
    this.logTime = new LogTime(parts.clock, parts.replica.state.at);
    this.#onOver = parts.onOver;
    this.#speculative = parts.replica.state;
  }

  get queued(): number {
    return this.#queue.length;
  }

  /** Decides a request in its turn. @returns the answer; `BUSY` at once when the queue is full. Never rejects. */
  submit(request: Request): Promise<Reply> {
    if (this.#over !== undefined) return Promise.resolve({ kind: 'retry', mayHaveHappened: false, detail: this.#over });
    if (this.#queue.length >= leaderLimits.queued) {
      const detail = `${leaderLimits.queued} requests are waiting for the leader already`;
      return Promise.resolve({ kind: 'rejected', rejection: rejection('BUSY', '', detail) });
    }
    return new Promise((answer) => {
      this.#queue.push({ request, answer });
      this.#pumpSoon();
    });
  }

  /** Resolves when nothing waits, for its turn or for the log. */
  async idle(): Promise<void> {
    if (this.#isIdle()) return;
    await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  /** Ends the leadership from outside: another node leads, or this one stops. */
  depose(reason: string): void {
    if (this.#over !== undefined) return;
    this.#over = reason;
    const sent = this.#inFlight.splice(0);
    for (const { answers } of sent)
      for (const { waiting } of answers) waiting.answer({ kind: 'retry', mayHaveHappened: true, detail: reason });
    for (const { answer } of this.#queue.splice(0)) answer({ kind: 'retry', mayHaveHappened: false, detail: reason });
    unanswered(this.#unconfirmed.splice(0), reason);
    this.#wakeIdle();
    this.#onOver(reason);
  }

  // One turn of the loop collects what arrived together.
  #pumpSoon(): void {
    if (this.#isPumping) return;
    this.#isPumping = true;
    setImmediate(() => {
      this.#isPumping = false;
      this.#pump();
    });
  }

  #pump(): void {
    while (this.#over === undefined && this.#queue.length > 0 && this.#inFlight.length < this.#log.pipelineDepth) {
      const { answers, speculation } = this.#decideBatch();
      if (speculation !== undefined) {
        this.#speculative = speculation.state;
        const batch = { speculation, answers };
        this.#inFlight.push(batch);
        void this.#append(batch);
      } else {
        this.#hold(answers);
      }
    }
    this.#wakeIdle();
  }

  /** Takes requests off the queue and decides them one after the other on one draft, until the entry is large enough. */
  #decideBatch(): { answers: Answered[]; speculation: Speculation | undefined } {
    const base = this.#speculative;
    const at = Math.max(this.logTime.now(), base.at);
    const draft = draftState(base);
    const answers: Answered[] = [];
    const events: LoggedEvent[] = [];
    const texts: string[] = [];
    let bytes = 0;
    let faulty: Answered | undefined;
    while (bytes < leaderLimits.batchBytes && events.length < entryLimits.events) {
      const waiting = this.#nextWaiting(this.#clock.now());
      if (waiting === undefined) break;
      const room = { events: entryLimits.events - events.length, bytes: leaderLimits.commandBytes - bytes };
      const made = this.#decideOne(draft, waiting.request, at, room);
      if (made === 'full') break;
      this.#queue.shift();
      if (made.isFaulty) {
        faulty = { waiting, outcome: made.outcome };
        break;
      }
      answers.push({ waiting, outcome: made.outcome });
      for (const event of made.events) events.push(event);
      for (const text of made.texts) texts.push(text);
      bytes += made.bytes;
    }
    finishEntry(draft, { index: base.index + 1, at, epoch: this.epoch, hash: base.hash });
    const folded = finishState(draft);
    if (faulty !== undefined) {
      // Its events spoilt the draft: it alone is refused, the others are decided again.
      this.#queue.unshift(...answers.map(({ waiting }) => waiting));
      return { answers: [faulty], speculation: undefined };
    }
    if (events.length === 0) return { answers, speculation: undefined };
    const header = { epoch: this.epoch, index: base.index + 1, firstPosition: base.position + 1, at, batchId: nanoid() };
    const { entry, text } = encodeEntry({ ...header, previousHash: base.hash, events }, texts);
    return { answers, speculation: { entry, text, state: Object.freeze({ ...folded, hash: entry.hash }) } };
  }

  /** The first request in the queue; those whose time is over are not decided any more. */
  #nextWaiting(now: number): Waiting | undefined {
    for (;;) {
      const waiting = this.#queue[0];
      if (waiting === undefined || waiting.request.deadline > now) return waiting;
      this.#queue.shift();
      waiting.answer({ kind: 'retry', mayHaveHappened: false, detail: 'its time was over before its turn came' });
    }
  }

  #decideOne(draft: Writable<State>, { command, act }: Request, at: number, room: Room): Decided | 'full' {
    const known = isRemembered(command.name) ? commandOf(draft.commands, act.commandId, at) : undefined;
    if (known?.digest === act.digest) return answerOnly({ kind: 'done', position: known.position, changed: true, duplicate: true });
    // Keys of the cluster's own acts can be guessed: whoever took one must not hold up the act, whose decider looks again anyway.
    if (known !== undefined && act.interface !== 'chancery') {
      const detail = `key '${act.commandId}' was used at position ${known.position} for another request`;
      return refused(rejection('IDEMPOTENCY_KEY_REUSED', 'idempotencyKey', detail));
    }
    let position = draft.position;
    try {
      const denial = denialOfCommand(draft, act, command);
      if (denial !== undefined) return refused(denial);
      const decision = decide(draft, command, { now: at, timeOfDay: this.#clock.now(), commandId: act.commandId });
      if (decision.kind === 'rejected') return answerOnly(decision);
      const events = decision.events.map((event: ChanceryEvent) => logged(event, act));
      const texts = textsOf(events, act);
      const bytes = texts.reduce((sum, text) => sum + Buffer.byteLength(text) + 1, 0);
      if (bytes > leaderLimits.commandBytes || events.length > entryLimits.events) {
        const limits = `at most ${entryLimits.events} events and ${leaderLimits.commandBytes} bytes fit into an entry`;
        return refused(rejection('TOO_LARGE', '', `the request makes ${events.length} events of ${bytes} bytes; ${limits}`));
      }
      if (events.length > room.events || bytes > room.bytes) return 'full';
      for (const event of events) {
        position += 1;
        foldEvent(draft, { position, at, epoch: this.epoch, event });
      }
      const said = decision.answer === undefined ? {} : { answer: decision.answer };
      const outcome = { kind: 'done', position, changed: events.length > 0, duplicate: false, ...said } as const;
      return { isFaulty: false, outcome, events, texts, bytes };
    } catch (error) {
      const detail = `${command.name} could not be carried out: ${error instanceof Error ? error.message : String(error)}`;
      return {
        isFaulty: true,
        outcome: { kind: 'rejected', rejection: rejection('NODE_FAULT', '', detail) },
        events: [],
        texts: [],
        bytes: 0,
      };
    }
  }

  async #append(batch: Batch): Promise<void> {
    const started = performance.now();
    const outcome = await this.#log.append(batch.speculation).catch(lostBy);
    if (this.#over !== undefined) return;
    if (outcome.kind !== 'appended' || this.#inFlight[0] !== batch) {
      this.depose(describe(outcome));
      return;
    }
    this.#inFlight.shift();
    this.#replica.adopt(batch.speculation);
    this.onAppended(batch.speculation.entry.count, batch.speculation.text.length, performance.now() - started);
    this.#answer(batch.answers);
    this.#pump();
  }

  /** Keeps answers that come without an entry until the log vouches for them. */
  #hold(answers: readonly Answered[]): void {
    const last = this.#inFlight.at(-1);
    if (last !== undefined) last.answers.push(...answers);
    else {
      this.#unconfirmed.push(...answers);
      void this.#confirm();
    }
  }

  /** Asks the log, once for all that wait, whether it still ends with an entry of this leader. */
  async #confirm(): Promise<void> {
    if (this.#isConfirming) return;
    this.#isConfirming = true;
    while (this.#unconfirmed.length > 0) {
      const answers = this.#unconfirmed.splice(0);
      try {
        const { hash, index } = await this.#log.head();
        const { state } = this.#replica;
        const isLast = hash === state.hash || index < state.index; // What was appended since came behind it.
        if (this.#over === undefined && this.#inFlight.length > 0 && !isLast) this.#hold(answers);
        else if (this.#over === undefined && isLast) this.#answer(answers);
        else {
          this.depose('another node appended to the log');
          unanswered(answers, this.#over ?? '');
        }
      } catch (error) {
        unanswered(answers, `the log does not answer its leader: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
    this.#isConfirming = false;
    this.#wakeIdle();
  }

  #answer(answers: readonly Answered[]): void {
    for (const { waiting, outcome } of answers) {
      this.onAnswered(waiting.request.command, outcome);
      waiting.answer(outcome);
    }
  }

  #isIdle(): boolean {
    return this.#queue.length === 0 && this.#inFlight.length === 0 && !this.#isConfirming;
  }

  #wakeIdle(): void {
    if (!this.#isIdle()) return;
    for (const wake of this.#idle.splice(0)) wake();
  }
}

interface Decided {
  readonly isFaulty: boolean;
  readonly outcome: Outcome;
  readonly events: readonly LoggedEvent[];
  readonly texts: readonly string[];
  readonly bytes: number;
}
/** What an entry still takes. */
interface Room {
  readonly events: number;
  readonly bytes: number;
}
/** Keys in order: see `canonicalJson`. */
const logged = ({ data, type, version }: ChanceryEvent, act: Act): LoggedEvent =>
  ({ act, data, id: nanoid(), type, version }) as LoggedEvent;
const refused = (rejection: Rejection): Decided => answerOnly({ kind: 'rejected', rejection });
const answerOnly = (outcome: Outcome): Decided => ({ isFaulty: false, outcome, events: [], texts: [], bytes: 0 });

/** Nothing of these was done: whoever leads next decides them again. */
function unanswered(answers: readonly Answered[], detail: string): void {
  for (const { waiting } of answers) waiting.answer({ kind: 'retry', mayHaveHappened: false, detail });
}

/** No log may reject an append; one that does has not said what became of it. */
const lostBy = (error: unknown): AppendOutcome => ({ kind: 'unknown', detail: error instanceof Error ? error.message : String(error) });

function describe(outcome: AppendOutcome): string {
  switch (outcome.kind) {
    case 'appended':
      return 'the log acknowledged entries out of order';
    case 'conflict':
      return 'another node appended to the log';
    case 'fenced':
      return `epoch ${outcome.epoch} took over`;
    case 'unknown':
      return `the log did not answer: ${outcome.detail}`;
  }
}
