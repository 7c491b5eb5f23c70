import type { Entry } from '../../../events/envelope.ts';
import { countWhile } from '../sorted.ts';

/**
 * Where the entries of a log lie: of each its first position and its time, 16 bytes an entry, so that a position or a time is
 * found without reading the log. Entries are numbered by `index` from 1, as in the log.
 */
export class EntryIndex {
  #firstPositions = new Float64Array(1024);
  #times = new Float64Array(1024);
  #entries = 0;
  #position = 0;

  /** How many entries there are: the index of the newest one. */
  get entries(): number {
    return this.#entries;
  }

  /** Of the newest event; 0 before the first. */
  get position(): number {
    return this.#position;
  }

  /** The entry after the last one. Its succession was checked when it was folded. */
  add(entry: Pick<Entry, 'firstPosition' | 'count' | 'at'>): void {
    if (this.#entries === this.#times.length) {
      this.#firstPositions = doubled(this.#firstPositions);
      this.#times = doubled(this.#times);
    }
    this.#firstPositions[this.#entries] = entry.firstPosition;
    this.#times[this.#entries] = entry.at;
    this.#entries += 1;
    this.#position = entry.firstPosition + entry.count - 1;
  }

  /** The entry that holds a position, from 1 to the newest one. */
  entryOf(position: number): number {
    return countWhile(this.#firstPositions, (first) => first <= position, this.#entries);
  }

  /** Also of the entry after the newest one, which will begin there. */
  firstPositionOf(index: number): number {
    return index > this.#entries ? this.#position + 1 : (this.#firstPositions[index - 1] ?? 1);
  }

  lastPositionOf(index: number): number {
    return index === 0 ? 0 : this.firstPositionOf(index + 1) - 1;
  }

  /** Epoch milliseconds; 0 before the first entry. */
  timeOf(index: number): number {
    return index === 0 ? 0 : (this.#times[index - 1] ?? 0);
  }

  /** The last event at or before a time, 0 when there is none. */
  positionAt(time: number): number {
    return this.lastPositionOf(countWhile(this.#times, (at) => at <= time, this.#entries));
  }
}

function doubled(present: Float64Array): Float64Array<ArrayBuffer> {
  const larger = new Float64Array(present.length * 2);
  larger.set(present);
  return larger;
}
