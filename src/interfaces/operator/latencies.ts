/** The last so many measured times, in milliseconds. */
export class Latencies {
  readonly #ring: Float64Array;
  #count = 0;

  constructor(size = 1024) {
    this.#ring = new Float64Array(size);
  }

  add(ms: number): void {
    this.#ring[this.#count % this.#ring.length] = ms;
    this.#count += 1;
  }

  /** @returns `count` of all times ever; quantiles of the last ones, in milliseconds; undefined before the first. */
  summary(): { readonly count: number; readonly p50Ms: number; readonly p99Ms: number; readonly maxMs: number } | undefined {
    if (this.#count === 0) return undefined;
    const sorted = this.#ring.slice(0, Math.min(this.#count, this.#ring.length)).sort();
    const at = (share: number): number => Math.round((sorted[Math.ceil(share * sorted.length) - 1] ?? 0) * 1000) / 1000;
    return { count: this.#count, p50Ms: at(0.5), p99Ms: at(0.99), maxMs: at(1) };
  }
}
