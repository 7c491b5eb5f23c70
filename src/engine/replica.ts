import { decodeEntry, type Entry } from '../../events/envelope.ts';
import { foldEntry, initialState, type State } from '../../projections/state.ts';

/** One entry became part of the tables. */
export interface Applied {
  readonly before: State;
  readonly after: State;
  readonly entry: Entry;
  readonly text: string;
}

/** An entry with the state that its leader reached by it. */
export interface Speculation {
  readonly entry: Entry;
  readonly text: string;
  readonly state: State;
}

/** This node's tables: the fold of the log so far. Entries come in order, from the log or from this node's own leader. */
export class Replica {
  #state: State = initialState();
  readonly #listeners = new Set<(applied: Applied) => void>();
  readonly #waiters = new Map<() => void, number>();
  #foldedEvents = 0;
  #foldMs = 0;

  get state(): State {
    return this.#state;
  }

  /** How many events were folded from entries, and how long that took in milliseconds: the fold rate of `/metrics`. */
  get effort(): { readonly events: number; readonly ms: number } {
    return { events: this.#foldedEvents, ms: this.#foldMs };
  }

  /**
   * Folds the entry after the present one. @param index of the entry; one already folded is passed over.
   * @throws UnreadableEntry, ReplayFault: the node must stop serving; its state is that before the entry.
   */
  receive(index: number, text: string): void {
    if (index <= this.#state.index) return;
    const started = performance.now();
    const entry = decodeEntry(text);
    const after = foldEntry(this.#state, entry);
    this.#foldMs += performance.now() - started;
    this.#foldedEvents += entry.count;
    this.#become(entry, text, after);
  }

  /** Takes the leader's own state for an entry that is in the log now: it folded it before it appended it. */
  adopt({ entry, text, state }: Speculation): void {
    if (entry.index !== this.#state.index + 1) throw new Error(`entry ${entry.index} cannot be adopted after entry ${this.#state.index}`);
    this.#become(entry, text, state);
  }

  #become(entry: Entry, text: string, after: State): void {
    const before = this.#state;
    this.#state = after;
    for (const [wake, position] of this.#waiters) if (position <= after.position) wake();
    for (const listener of this.#listeners) listener({ before, after, entry, text });
  }

  /** Calls back for every entry, in order, as soon as it is folded; returns how to stop that. A listener must not throw. */
  onApplied(listener: (applied: Applied) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Waits until a position is folded. @returns false when `ms` were over first. */
  async reached(position: number, ms: number): Promise<boolean> {
    if (this.#state.position >= position) return true;
    return await new Promise<boolean>((resolve) => {
      const finish = (isReached: boolean) => {
        clearTimeout(timer);
        this.#waiters.delete(wake);
        resolve(isReached);
      };
      const wake = () => finish(true);
      const timer = setTimeout(() => finish(false), Math.max(0, ms));
      this.#waiters.set(wake, position);
    });
  }
}
