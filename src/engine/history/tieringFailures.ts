import type { Entry } from '../../../events/envelope.ts';
import type { TieringEvent } from '../../../events/tiering.ts';

/** The event that says so. */
export const tieringFailed = 'TieringRoundFailed';
type Failed = Extract<TieringEvent, { readonly type: typeof tieringFailed }>['data'];

/** A round of tiering that failed. */
export interface TieringFailure extends Failed {
  /** Epoch milliseconds. */
  readonly at: number;
  readonly position: number;
}

interface Kept {
  readonly rows: number;
  /** UTF-16 units of all texts together. */
  readonly characters: number;
}
/** About 20 MB, and 16 MB more when hardly two texts are the same. */
const kept: Kept = { rows: 100_000, characters: 8 * 1024 * 1024 };

/**
 * The newest failures: they lie scattered over the whole log, and nobody is to read it for them. Equal texts are held once, for a table
 * that cannot be tiered fails with the same one for ever.
 */
export class RecentFailures {
  readonly #limits: Kept;
  readonly #texts = new Map<string, { readonly text: string; uses: number }>();
  #characters = 0;
  /** Ascending; those before `#start` are let go of. */
  #rows: TieringFailure[] = [];
  #start = 0;
  #completeFrom = 1;

  constructor(limits: Kept = kept) {
    this.#limits = limits;
  }

  /** All failures at or after this position are here. */
  get completeFrom(): number {
    return this.#completeFrom;
  }

  add({ at, events, firstPosition }: Pick<Entry, 'at' | 'events' | 'firstPosition'>): void {
    for (const [i, event] of events.entries()) {
      if (event.type !== tieringFailed) continue;
      const { error, ...data } = event.data;
      this.#rows.push({ ...data, ...(error === undefined ? {} : { error: this.#held(error) }), at, position: firstPosition + i });
    }
    while (this.#rows.length - this.#start > this.#limits.rows || this.#characters > this.#limits.characters) this.#letGo();
    if (this.#start <= this.#limits.rows) return;
    this.#rows = this.#rows.slice(this.#start);
    this.#start = 0;
  }

  /** The newest first; to be read before anything is added. @param position of the newest one that is wanted */
  *upTo(position: number): Generator<TieringFailure> {
    for (let at = this.#rows.length - 1; at >= this.#start; at -= 1) {
      const row = this.#rows[at];
      if (row !== undefined && row.position <= position) yield row;
    }
  }

  #held(error: string): string {
    const known = this.#texts.get(error);
    if (known !== undefined) {
      known.uses += 1;
      return known.text;
    }
    this.#texts.set(error, { text: error, uses: 1 });
    this.#characters += error.length;
    return error;
  }

  #letGo(): void {
    const row = this.#rows[this.#start];
    this.#start += 1;
    if (row === undefined) return;
    this.#completeFrom = row.position + 1;
    const text = row.error === undefined ? undefined : this.#texts.get(row.error);
    if (text === undefined) return;
    text.uses -= 1;
    if (text.uses > 0) return;
    this.#texts.delete(text.text);
    this.#characters -= text.text.length;
  }
}
