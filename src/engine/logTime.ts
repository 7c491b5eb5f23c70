import type { Clock } from '../ports/clock.ts';

/** How fast log time goes on while it is ahead of the clock: milliseconds of it in one millisecond of the clock. */
const slewedPace = 0.5;

/**
 * Time as the log counts it, for one leadership: what its entries are dated, and what says whether a timer of the tables has run off.
 *
 * It is the time of day, and it never goes back. After a leader whose clock was ahead, or when the clock is set back, it goes on from
 * where it is at half its pace until the time of day has caught up, which takes twice as long as it was ahead. Timers then take at most
 * twice their time; to stand still for all of it would hold up every one of them, and to jump back would break the order of the log.
 *
 * Followers need nothing of this: they have the dates of the entries. What nobody wrote down is not carried over to the next leadership,
 * which begins at the newest entry. See docs/decisions/0020.
 */
export class LogTime {
  readonly #clock: Clock;
  /** Where log time was last known to be the time of day, or began; both in milliseconds. */
  #from: { readonly at: number; readonly monotonic: number };

  /** @param newestAt the date of the newest entry, epoch milliseconds */
  constructor(clock: Clock, newestAt: number) {
    this.#clock = clock;
    this.#from = { at: newestAt, monotonic: clock.monotonic() };
  }

  /** Epoch milliseconds; never less than before, and never before the newest entry. */
  now(): number {
    const timeOfDay = this.#clock.now();
    const slewed = this.#slewed();
    if (timeOfDay < slewed) return Math.floor(slewed);
    this.#from = { at: timeOfDay, monotonic: this.#clock.monotonic() };
    return timeOfDay;
  }

  /** Milliseconds of the clock until log time reaches a moment, 0 when it has; fewer when the clock is set forward meanwhile. */
  msUntil(dueAt: number): number {
    const untilTimeOfDay = dueAt - this.#clock.now();
    const untilSlewed = (dueAt - this.#slewed()) / slewedPace;
    return Math.max(0, Math.ceil(Math.min(untilTimeOfDay, untilSlewed)));
  }

  /** By how much it is ahead of the time of day, milliseconds. */
  aheadMs(): number {
    return Math.max(0, this.now() - this.#clock.now());
  }

  #slewed(): number {
    return this.#from.at + (this.#clock.monotonic() - this.#from.monotonic) * slewedPace;
  }
}
