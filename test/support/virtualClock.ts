import type { Clock } from '../../src/ports/clock.ts';

/** Time that moves when the test says so. */
export class VirtualClock implements Clock {
  #now: number;
  /** By how much the time of day was set forward. */
  #setBy = 0;
  #timers: { at: number; readonly run: () => void }[] = [];

  constructor(now = 1_800_000_000_000) {
    this.#now = now;
  }

  now(): number {
    return this.#now;
  }

  monotonic(): number {
    return this.#now - this.#setBy;
  }

  after(ms: number, run: () => void): () => void {
    const timer = { at: this.#now + ms, run };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  /** Another time of day; what was to happen happens after as long as it would have. */
  jumpTo(now: number): void {
    const ahead = now - this.#now;
    this.#now = now;
    this.#setBy += ahead;
    for (const timer of this.#timers) timer.at += ahead;
  }

  /** Lets the next timers fire, in order, up to `ms` from now; promises settle between them. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    for (;;) {
      await new Promise(setImmediate);
      const next = this.#timers.filter((timer) => timer.at <= end).sort((a, b) => a.at - b.at)[0];
      if (next === undefined) break;
      this.#timers = this.#timers.filter((timer) => timer !== next);
      this.#now = Math.max(this.#now, next.at);
      next.run();
    }
    this.#now = end;
  }
}
