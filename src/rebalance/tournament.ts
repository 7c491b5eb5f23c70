/** The least of the ranks at any range of places: a tree of pairwise winners. Changing a rank and asking cost the logarithm of `places`. */
export class Tournament {
  readonly #first: number;
  readonly #least: Float64Array;

  /** @param places how many there are, numbered from 0; all without a rank at first */
  constructor(places: number) {
    this.#first = 2 ** Math.ceil(Math.log2(Math.max(places, 1)));
    this.#least = new Float64Array(2 * this.#first).fill(Number.POSITIVE_INFINITY);
  }

  /** @param rank infinity takes the place out of the contest */
  set(place: number, rank: number): void {
    const tree = this.#least;
    let node = this.#first + place;
    tree[node] = rank;
    while (node > 1) {
      node >>= 1;
      const winner = Math.min(tree[2 * node] ?? 0, tree[2 * node + 1] ?? 0);
      if (tree[node] === winner) return;
      tree[node] = winner;
    }
  }

  /** @returns the least rank at the places from `from` up to and without `to`; infinity when none of them has one */
  least(from: number, to: number): number {
    const tree = this.#least;
    let least = Number.POSITIVE_INFINITY;
    for (let low = this.#first + from, high = this.#first + to; low < high; low >>= 1, high >>= 1) {
      if (low % 2 === 1) least = Math.min(least, tree[low++] ?? 0);
      if (high % 2 === 1) least = Math.min(least, tree[--high] ?? 0);
    }
    return least;
  }
}
