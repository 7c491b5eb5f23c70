/** A token bucket that holds one second's worth. A rate of 0 means no limit. */
export class RateLimit {
  readonly #now: () => number;
  #perSecond = 0;
  #tokens = 0;
  #since = 0;

  /** @param now epoch milliseconds */
  constructor(now: () => number) {
    this.#now = now;
  }

  get perSecond(): number {
    return this.#perSecond;
  }

  change(perSecond: number): void {
    this.#perSecond = perSecond;
    this.#tokens = perSecond;
    this.#since = this.#now();
  }

  /** Takes one token. @returns false when there is none. */
  take(): boolean {
    if (this.#perSecond === 0) return true;
    const now = this.#now();
    this.#tokens = Math.min(this.#perSecond, this.#tokens + (Math.max(0, now - this.#since) / 1000) * this.#perSecond);
    this.#since = now;
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}
