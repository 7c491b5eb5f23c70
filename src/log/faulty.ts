import type { EncodedEntry } from '../../events/envelope.ts';
import { type Clock, systemClock } from '../ports/clock.ts';
import { settledOrAborted } from './follow.ts';
import { type AppendOutcome, type EventLog, type Head, LogUnavailable } from './port.ts';

/**
 * What may happen to one append:
 * - `cut`: the connection breaks while it is in flight. Of it and those behind it the first `landed` take effect; all answer `unknown`.
 * - `late`: as a cut where nothing has landed yet; this one still reaches the log before the `appends`-th append after it, or at `heal`.
 * - `conflict`: refused for no visible reason; those in flight behind it are refused too. Never done to an entry that is in
 *   the log already, nor while one is late: a conflict says that the entry will never take effect.
 * - `delay`: it and those behind it wait for `pauses` pauses.
 */
export type Fault =
  | { readonly kind: 'cut'; readonly landed: number }
  | { readonly kind: 'late'; readonly appends: number }
  | { readonly kind: 'conflict' }
  | { readonly kind: 'delay'; readonly pauses: number };

/** The append takes effect and its reply is lost. */
export const lostReply: Fault = { kind: 'cut', landed: 1 };
/** The append is lost on its way. */
export const lostRequest: Fault = { kind: 'cut', landed: 0 };

/** The fault of the n-th append, counted from 1, if any. */
export type FaultPlan = (append: number) => Fault | undefined;

/** Faults drawn from a seed: the same seed, the same faults. @param share of the appends that get one, 0 to 1. */
export function seededFaults(seed: number, share: number): FaultPlan {
  let state = seed >>> 0;
  const draw = (below: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0; // Numerical Recipes' generator: short, and good enough to pick faults.
    return Math.floor((state / 2 ** 32) * below);
  };
  return () => {
    if (draw(1000) >= share * 1000) return undefined;
    const size = draw(4);
    const faults: readonly Fault[] = [
      { kind: 'cut', landed: size },
      { kind: 'late', appends: size + 1 },
      { kind: 'conflict' },
      { kind: 'delay', pauses: size + 1 },
    ];
    return faults[draw(faults.length)];
  };
}

export interface FaultyLogOptions {
  readonly plan?: FaultPlan;
  /** How long a silent log keeps a caller waiting, milliseconds; 5,000 when absent. */
  readonly timeoutMs?: number;
  readonly clock?: Clock;
  /** What a delay is made of; a microtask when absent. */
  readonly pause?: () => Promise<void>;
}

/** Appends behind a failed one share its fate until none is in flight any more. */
interface Broken {
  landing: number;
  readonly outcome: AppendOutcome;
}

/** A log that misbehaves as a real one may, within G1 to G6. For tests. */
export class FaultyLog implements EventLog {
  readonly #log: EventLog;
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  readonly #pause: () => Promise<void>;
  #plan: FaultPlan;
  #scripted: Fault[] = [];
  #late: { encoded: EncodedEntry; appends: number }[] = [];
  #turn: Promise<unknown> = Promise.resolve();
  #appends = 0;
  #inFlight = 0;
  #broken: Broken | undefined;
  #reach: 'well' | 'disconnected' | 'silent' = 'well';
  #reachedLast = 0;
  #closed = false;
  #healed = Promise.withResolvers<void>();

  constructor(log: EventLog, options: FaultyLogOptions = {}) {
    this.#log = log;
    this.#clock = options.clock ?? systemClock;
    this.#timeoutMs = options.timeoutMs ?? 5000;
    this.#pause = options.pause ?? (() => Promise.resolve());
    this.#plan = options.plan ?? (() => undefined);
  }

  get pipelineDepth(): number {
    return this.#log.pipelineDepth;
  }

  /** The next appends get these faults, one each, before the plan is asked again. */
  script(...faults: readonly Fault[]): void {
    this.#scripted.push(...faults);
  }

  /** From now on every call is refused at once: appends are `unknown`, the rest throws LogUnavailable, followers wait. */
  disconnect(): void {
    this.#lose('disconnected');
  }

  /** From now on no call is answered; each settles after `timeoutMs` as when disconnected. Nothing takes effect. */
  fallSilent(): void {
    this.#lose('silent');
  }

  /** Ends every fault, planned and scripted ones too. Settles when what was late has landed. */
  async heal(): Promise<void> {
    this.#plan = () => undefined;
    this.#scripted = [];
    this.#reach = 'well';
    this.#healed.resolve();
    const landed = this.#turn.then(() => this.#land(() => true));
    this.#turn = landed;
    await landed;
  }

  append(encoded: EncodedEntry): Promise<AppendOutcome> {
    this.#appends += 1;
    const fault = this.#scripted.shift() ?? this.#plan(this.#appends);
    this.#inFlight += 1;
    const sent = this.#turn.then(() => this.#send(encoded, fault));
    this.#turn = sent.catch(() => {});
    return sent
      .then(({ reply }) => reply)
      .finally(() => {
        this.#inFlight -= 1;
        if (this.#inFlight === 0) this.#broken = undefined;
      });
  }

  read(afterIndex: number, limit: number): Promise<readonly string[]> {
    return this.#ask(() => this.#log.read(afterIndex, limit));
  }

  head(): Promise<Head> {
    return this.#ask(() => this.#log.head());
  }

  raiseEpoch(): Promise<number> {
    return this.#ask(() => this.#log.raiseEpoch());
  }

  follow(afterIndex: number, deliver: (texts: readonly string[]) => void | Promise<void>, signal: AbortSignal): Promise<void> {
    const deliverWhenWell = async (texts: readonly string[]): Promise<void> => {
      while (this.#reach !== 'well' && !signal.aborted && !this.#closed) await settledOrAborted(this.#healed.promise, signal);
      if (!signal.aborted && !this.#closed) await deliver(texts);
    };
    return this.#log.follow(afterIndex, deliverWhenWell, signal);
  }

  silentForMs(): number {
    return this.#reach === 'well' ? this.#log.silentForMs() : this.#clock.now() - this.#reachedLast;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#healed.resolve();
    await this.#log.close();
  }

  #lose(reach: 'disconnected' | 'silent'): void {
    if (this.#reach === 'well') this.#reachedLast = this.#clock.now();
    this.#reach = reach;
    this.#healed = Promise.withResolvers();
  }

  /** Settles once the append is on its way, so that the next one may go; its reply comes later, hence the wrapping. */
  async #send(encoded: EncodedEntry, fault: Fault | undefined): Promise<{ readonly reply: Promise<AppendOutcome> }> {
    for (let pause = 0; fault?.kind === 'delay' && pause < fault.pauses; pause += 1) await this.#pause();
    await this.#land((late) => late.appends <= 0);
    for (const late of this.#late) late.appends -= 1;
    if (this.#closed) return { reply: this.#log.append(encoded) };
    if (this.#reach === 'silent') return { reply: this.#answered().then(() => unknown('the log did not answer in time')) };
    if (this.#reach === 'disconnected') return { reply: Promise.resolve(unknown('the log is disconnected')) };
    await this.#break(encoded, fault);
    const broken = this.#broken;
    if (broken === undefined) return { reply: this.#log.append(encoded) };
    if (broken.landing <= 0) return { reply: Promise.resolve(broken.outcome) };
    broken.landing -= 1;
    return { reply: this.#log.append(encoded).then(() => broken.outcome) };
  }

  async #break(encoded: EncodedEntry, fault: Fault | undefined): Promise<void> {
    if (this.#broken !== undefined || fault === undefined || fault.kind === 'delay') return;
    if (fault.kind === 'conflict') {
      const { index } = await this.#log.head();
      if (index < encoded.entry.index && this.#late.length === 0) this.#broken = { landing: 0, outcome: { kind: 'conflict' } };
      return;
    }
    if (fault.kind === 'late') this.#late.push({ encoded, appends: fault.appends - 1 });
    this.#broken = { landing: fault.kind === 'cut' ? fault.landed : 0, outcome: unknown('the connection was lost before the reply') };
  }

  /** Lets late appends reach the log, one after the other: whatever becomes of one, those sent since are not behind it. */
  async #land(due: (late: { readonly appends: number }) => boolean): Promise<void> {
    const landing = this.#late.filter(due);
    this.#late = this.#late.filter((late) => !landing.includes(late));
    for (const { encoded } of landing) await this.#log.append(encoded);
  }

  async #ask<T>(question: () => Promise<T>): Promise<T> {
    if (this.#closed) return question();
    if (this.#reach === 'silent') await this.#answered();
    if (this.#reach !== 'well') throw new LogUnavailable('the log cannot be reached: a fault for a test');
    return question();
  }

  /** Waits for the end of the silence, at most `timeoutMs`. */
  #answered(): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#clock.after(this.#timeoutMs, resolve);
      void this.#healed.promise.then(() => {
        cancel();
        resolve();
      });
    });
  }
}

const unknown = (detail: string): AppendOutcome => ({ kind: 'unknown', detail });
