const leastMs = 100;
const mostMs = 5000;

/** The pauses of a loop. Each ends early when the loop is closed. */
export class Pacer {
  readonly #closed: AbortSignal;
  #failures = 0;
  #isPoked = false;
  #wake: () => void = () => {};

  constructor(closed: AbortSignal) {
    this.#closed = closed;
  }

  /** Ends the pause, or the next one when there is none now. */
  poke(): void {
    this.#isPoked = true;
    this.#wake();
  }

  /** @param through `whatever comes up`: a poke does not end this one, it ends the next one. */
  async pause(ms: number, through?: 'whatever comes up'): Promise<void> {
    if (this.#closed.aborted) return;
    if (through === undefined && this.#isPoked) {
      this.#isPoked = false;
      return;
    }
    await new Promise<void>((resolve) => {
      const settle = (): void => {
        clearTimeout(timer);
        this.#closed.removeEventListener('abort', settle);
        this.#wake = () => {};
        resolve();
      };
      const timer = setTimeout(settle, Math.max(0, ms));
      this.#closed.addEventListener('abort', settle, { once: true });
      if (through === undefined) this.#wake = settle;
    });
    if (through === undefined) this.#isPoked = false;
  }

  /** After a failure: longer each time, and never exactly as long as others wait. */
  async backOff(atMostMs = mostMs): Promise<void> {
    const ms = Math.min(atMostMs, mostMs, leastMs * 2 ** Math.min(this.#failures, 10));
    this.#failures += 1;
    await this.pause(ms * (0.5 + Math.random() / 2), 'whatever comes up');
  }

  succeeded(): void {
    this.#failures = 0;
  }
}
