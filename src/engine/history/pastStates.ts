import { initialState, type State } from '../../../projections/state.ts';

/** Entries younger than this share one rung: folding so few again costs less than remembering where they were. */
const grain = 16;
const recentStates = 8;

/**
 * Past states to fold forward from. States share their tables' nodes, so each costs what changed since the next.
 * The ladder keeps one state for each doubling of the distance from the newest (about 16 for a million entries), so that going
 * back costs about as much again as the way back is long; beside it stay the last few states that somebody asked for.
 */
export class PastStates {
  readonly #beginning = initialState();
  /** Newest first. */
  #ladder: readonly State[] = [];
  #recent: readonly State[] = [];

  /** The newest state: never an older one than before. */
  climb(state: State): void {
    const rungs = new Map<number, State>();
    // Of each rung the oldest stays: it moves on to the next rung when it is old enough, and only then is replaced from below.
    for (const candidate of [state, ...this.#ladder]) rungs.set(rungOf(state.index - candidate.index), candidate);
    this.#ladder = [...rungs.values()];
  }

  remember(state: State): void {
    this.#recent = [state, ...this.#recent.filter((other) => other.position !== state.position)].slice(0, recentStates);
  }

  /** The newest state known at or before a position. */
  nearest(position: number): State {
    let best = this.#beginning;
    for (const state of [...this.#ladder, ...this.#recent]) if (state.position <= position && state.position > best.position) best = state;
    return best;
  }

  /**
   * Lets go of the states that somebody asked for, and when there are none of every second of the others: their distances double still,
   * by more. @returns whether there were any
   */
  forget(): boolean {
    const had = this.size > 0;
    if (this.#recent.length > 0) this.#recent = [];
    else this.#ladder = this.#ladder.filter((_, place) => place % 2 === 1);
    return had;
  }

  get size(): number {
    return this.#ladder.length + this.#recent.length;
  }
}

const rungOf = (age: number): number => (age === 0 ? -1 : age < grain ? 0 : Math.floor(Math.log2(age / grain)) + 1);
