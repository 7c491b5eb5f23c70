/** The longest that a change of the rate goes unseen by whoever waits. */
const lookEveryMs = 100;
const maxBatchBytes = 1024 * 1024;
const minBatchBytes = 4 * 1024;
/** A batch is what the rate allows in this time, so that several leaders together stay near it. */
const batchMs = 125;

/**
 * Bounds the bytes per second that arrive, whoever sends them: what has arrived is booked afterwards, and whoever asks next waits until
 * the debt is paid. So the rate holds over any second or so, and time in which nothing arrives is not saved up.
 */
export class RateLimit {
  #bytesPerSec: number | undefined;
  /** Bytes that arrived ahead of their time, as of `#paidAt`. */
  #debt = 0;
  #paidAt: number;
  readonly #nowMs: () => number;

  /** @param nowMs a clock that only goes forward. */
  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs;
    this.#paidAt = nowMs();
  }

  /** From now on; undefined: no limit. What is owed is paid at the new rate. */
  set(bytesPerSec: number | undefined): void {
    this.#pay();
    this.#bytesPerSec = bytesPerSec === undefined ? undefined : Math.max(1, bytesPerSec); // 0 is as good as never.
    if (bytesPerSec === undefined) this.#debt = 0;
  }

  /** How much to ask for at once, as `share` of several who ask at the same time. */
  batchBytes(share: number): number {
    if (this.#bytesPerSec === undefined) return maxBatchBytes;
    const bytes = Math.floor((this.#bytesPerSec * batchMs * share) / 1000);
    return Math.min(maxBatchBytes, Math.max(minBatchBytes, bytes));
  }

  spend(bytes: number): void {
    this.#pay();
    if (this.#bytesPerSec !== undefined) this.#debt += bytes;
  }

  /** Milliseconds until more may be asked for; 0: now. */
  owedMs(): number {
    this.#pay();
    return this.#bytesPerSec === undefined ? 0 : Math.ceil((this.#debt * 1000) / this.#bytesPerSec);
  }

  /** Resolves when more may be asked for, or after abort. */
  async ready(signal: AbortSignal): Promise<void> {
    for (let owed = this.owedMs(); owed > 0 && !signal.aborted; owed = this.owedMs())
      await new Promise<void>((resolve) => setTimeout(resolve, Math.min(owed, lookEveryMs)));
  }

  #pay(): void {
    const now = this.#nowMs();
    if (this.#bytesPerSec !== undefined) this.#debt = Math.max(0, this.#debt - ((now - this.#paidAt) * this.#bytesPerSec) / 1000);
    this.#paidAt = now;
  }
}
