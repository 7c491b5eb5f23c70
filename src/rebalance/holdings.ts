/**
 * The buckets that one server holds, to be read in ascending order. What is added waits until somebody reads, and what has left stays
 * until then: a plan moves one bucket at a time, but reads a server's buckets one after the other.
 */
export class Holdings {
  readonly #isHeld: (bucket: number) => boolean;
  #ordered: readonly number[] = [];
  #added: number[] = [];

  /** @param isHeld whether the server holds the bucket now */
  constructor(isHeld: (bucket: number) => boolean) {
    this.#isHeld = isHeld;
  }

  add(bucket: number): void {
    this.#added.push(bucket);
  }

  /** @param count how many are held now: a list that is mostly of the past is written anew, one that begins with it is cut */
  ordered(count: number): readonly number[] {
    if (this.#added.length > 0 || this.#ordered.length > 2 * count) {
      this.#ordered = merged(
        this.#ordered,
        this.#added.sort((a, b) => a - b),
      ).filter(this.#isHeld);
      this.#added = [];
    }
    const first = this.#ordered.findIndex(this.#isHeld);
    if (first > 0) this.#ordered = this.#ordered.slice(first);
    return this.#ordered;
  }
}

/** Two ascending lists in one, ascending, each number once. */
function merged(a: readonly number[], b: readonly number[]): readonly number[] {
  const all: number[] = [];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    const next = Math.min(a[i] ?? Number.POSITIVE_INFINITY, b[j] ?? Number.POSITIVE_INFINITY);
    while (a[i] === next) i += 1;
    while (b[j] === next) j += 1;
    all.push(next);
  }
  return all;
}
