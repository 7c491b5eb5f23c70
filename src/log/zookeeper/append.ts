import { type EncodedEntry, entryLimits } from '../../../events/envelope.ts';
import { headAfter, refusalOf } from '../condition.ts';
import { closedText } from '../follow.ts';
import type { AppendOutcome, Head } from '../port.ts';
import { ZooKeeperFailure } from './connection.ts';
import { currentText, type Layout, look, type Sight, segmentText } from './layout.ts';
import { pause } from './persist.ts';
import { type Operation, type Session, SessionClosed } from './session.ts';

/** Appends in flight: the knee of the measured curve for entries of 100 events (zookeeper.md 3). */
export const pipelineDepth = 8;

interface Pending {
  readonly encoded: EncodedEntry;
  /** Calls are numbered, so that nothing is judged by a look that began before it was asked for. */
  readonly call: number;
  readonly settle: (outcome: AppendOutcome) => void;
}

/** An unbroken row of appends by this client, each predicted from the one before. */
interface Run {
  /** The end of the log once everything that was sent has landed. */
  head: Head;
  /** The version of log/current that the next append must find. */
  currentVersion: number;
  /** Whether the first append of the run has landed, and nobody else can have written since. */
  isClaimed: boolean;
  /** Whether an append that changes log/current is in flight. */
  isAlone: boolean;
}

/**
 * Appends in the order of the calls, up to eight in flight, each one `multi`:
 *
 *     check(epoch, E)                       fences a leader of the past
 *     check(log/current, C)                 or, for the first of a run and for the first of a segment: setData(log/current, C)
 *     create(entry), setData(segment, version)   the entry's place, once
 *
 * Why log/current: a segment's version says how many entries there are, not which. Were entry 5 lost to another writer, the version
 * would still fit entry 6 that is in flight behind it. So every run begins by changing log/current, which ends the run of whoever
 * wrote before, appends of it that are still on their way included; those that follow check that nobody did the same since. An append
 * that changes log/current is sent alone: were others in flight with the predicted version, a rival's change could pass for ours.
 *
 * Whenever the end of the log is not known (at first, after a refusal, after a lost reply) it looks, through the quorum, and decides
 * by what is there: the same text at the entry's index is an append that landed; anything else there, or a newer epoch, is a refusal
 * that is final, because neither versions nor epochs ever go back; and where nothing is, the same append is sent again as the
 * first of a new run, so that of the original and the repetition at most one lands.
 */
export class Appender {
  readonly #session: Session;
  readonly #layout: Layout;
  readonly #timeoutMs: number;
  readonly #pending: Pending[] = [];
  /** How many of the pending ones are in flight; they are the first. */
  #sent = 0;
  #run: Run | undefined;
  #isResolving = false;
  #calls = 0;
  /** Refusals since the last append that landed; each doubles the pause before the next look. */
  #refusals = 0;
  #lastFailure = 'not connected';

  constructor(session: Session, layout: Layout, timeoutMs: number) {
    this.#session = session;
    this.#layout = layout;
    this.#timeoutMs = timeoutMs;
  }

  /** @throws Error (rejects) when more than `pipelineDepth` are in flight or the entry is too large: bounds the caller must keep. */
  append(encoded: EncodedEntry): Promise<AppendOutcome> {
    const bytes = Buffer.byteLength(encoded.text);
    if (bytes > entryLimits.bytes)
      return Promise.reject(new RangeError(`an entry of ${bytes} bytes is over the limit of ${entryLimits.bytes}`));
    if (this.#pending.length >= pipelineDepth) return Promise.reject(new Error(`more than ${pipelineDepth} appends are in flight`));
    return new Promise((resolve) => {
      const settle = (outcome: AppendOutcome): void => {
        clearTimeout(timer);
        resolve(outcome);
      };
      this.#calls += 1;
      const pending: Pending = { encoded, call: this.#calls, settle };
      const timer = setTimeout(() => this.#giveUp(`not settled within ${this.#timeoutMs} ms: ${this.#lastFailure}`), this.#timeoutMs);
      this.#pending.push(pending);
      this.#advance();
    });
  }

  close(): void {
    this.#giveUp(closedText);
  }

  /** Nothing is known about the first, so nothing about those behind it. Their originals may land, until somebody begins a new run. */
  #giveUp(detail: string): void {
    this.#run = undefined;
    this.#sent = 0;
    for (const { settle } of this.#pending.splice(0)) settle({ kind: 'unknown', detail });
  }

  /** Sends what fits behind what was sent before. */
  #advance(): void {
    for (let run = this.#run; run !== undefined && !run.isAlone; run = this.#run) {
      const pending = this.#pending[this.#sent];
      if (pending === undefined) return;
      const { entry } = pending.encoded;
      const fits = entry.index === run.head.index + 1 && entry.previousHash === run.head.hash && entry.epoch >= 1;
      const alone = !fits || !run.isClaimed || this.#layout.placeOf(entry.index) === 1;
      if (alone && this.#sent > 0) return; // Its turn comes when those before it are settled.
      if (fits) this.#send(pending, run, alone);
      else this.#run = undefined;
    }
    if (this.#run === undefined) void this.#resolve();
  }

  #send(pending: Pending, run: Run, alone: boolean): void {
    const operations = this.#operations(pending.encoded, run);
    if (alone) run.currentVersion += 1;
    run.isAlone = alone;
    run.head = headAfter(pending.encoded);
    this.#sent += 1;
    this.#session.multi(operations).then(
      () => this.#landed(pending, run),
      (error: unknown) => this.#failed(run, error),
    );
  }

  #operations({ entry, text }: EncodedEntry, run: Run): Operation[] {
    const { current, epoch } = this.#layout;
    const number = this.#layout.segmentOf(entry.index);
    const place = this.#layout.placeOf(entry.index);
    const segment = this.#layout.segment(number);
    const data = segmentText(headAfter({ entry, text }), false);
    const claim: Operation = { kind: 'setData', path: current, data: currentText(number), version: run.currentVersion };
    const create: Operation = { kind: 'create', path: this.#layout.entry(entry.index), data: text };
    const operations: Operation[] = [{ kind: 'check', path: epoch, version: entry.epoch }];
    if (place > 1) {
      operations.push(run.isClaimed ? { kind: 'check', path: current, version: run.currentVersion } : claim);
      operations.push(create, { kind: 'setData', path: segment, data, version: place - 1 });
      return operations;
    }
    const { segmentEntries } = this.#layout;
    const sealed = segmentText(run.head, true);
    if (number > 1) operations.push({ kind: 'setData', path: this.#layout.segment(number - 1), data: sealed, version: segmentEntries });
    // The second write makes its version 1: the number of its entries, and nothing that could be taken for "any".
    operations.push({ kind: 'create', path: segment, data }, create, { kind: 'setData', path: segment, data, version: 'any' }, claim);
    return operations;
  }

  #landed(pending: Pending, run: Run): void {
    if (run !== this.#run || this.#pending[0] !== pending) return; // Given up meanwhile.
    run.isClaimed = true;
    run.isAlone = false;
    this.#refusals = 0;
    this.#pending.shift();
    this.#sent -= 1;
    pending.settle({ kind: 'appended' });
    this.#advance();
  }

  #failed(run: Run, error: unknown): void {
    if (run !== this.#run) return; // One before it failed: all behind that one are looked at together.
    this.#run = undefined;
    this.#sent = 0;
    this.#noteFailure(error);
    void this.#resolve();
  }

  #noteFailure(error: unknown): void {
    this.#lastFailure = error instanceof Error ? error.message : String(error);
    if (error instanceof ZooKeeperFailure && error.outcome === 'refused') this.#refusals += 1;
    if (error instanceof SessionClosed) this.#giveUp(closedText);
  }

  /** Looks until the first of the pending appends is settled or can be sent. */
  async #resolve(): Promise<void> {
    if (this.#isResolving) return;
    this.#isResolving = true;
    while (this.#run === undefined && this.#pending.length > 0) {
      try {
        if (this.#refusals > 2) await pause(Math.min(250, 2 ** this.#refusals));
        await this.#session.live(performance.now() + this.#timeoutMs);
        const call = this.#calls;
        await this.#settleBy(await look(this.#session, this.#layout), call);
      } catch (error) {
        this.#noteFailure(error);
        if (!(error instanceof ZooKeeperFailure)) this.#giveUp(this.#lastFailure);
      }
    }
    this.#isResolving = false;
  }

  /** @param lastCall the newest call that the look may judge */
  async #settleBy({ head, epoch, currentVersion }: Sight, lastCall: number): Promise<void> {
    for (let first = this.#pending[0]; first !== undefined && first.call <= lastCall; first = this.#pending[0]) {
      const { entry, text } = first.encoded;
      if (entry.index <= head.index) {
        const { data } = await this.#session.getData(this.#layout.entry(entry.index));
        if (this.#pending[0] !== first) return;
        if (data !== text) return this.#refuse(refusalOf(first.encoded, head, epoch) ?? { kind: 'conflict' }, epoch);
        this.#pending.shift();
        first.settle({ kind: 'appended' });
      } else {
        const refusal = refusalOf(first.encoded, head, epoch);
        if (refusal !== undefined) return this.#refuse(refusal, epoch);
        this.#run = { head, currentVersion, isClaimed: false, isAlone: false };
        return this.#advance();
      }
    }
  }

  /** Fails everything that was asked for so far: it was built on the first, or sent before its caller could know. */
  #refuse(first: AppendOutcome, epoch: number): void {
    for (const [i, { encoded, settle }] of this.#pending.splice(0).entries()) {
      if (i === 0) settle(first);
      else settle(encoded.entry.epoch < epoch ? { kind: 'fenced', epoch } : { kind: 'conflict' });
    }
  }
}
