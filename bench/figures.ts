/** Small arithmetic for the benchmarks. All times in milliseconds. */

export const percentile = (values: readonly number[], share: number): number => {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
};
export const median = (values: readonly number[]): number => percentile(values, 0.5);

/** Runs once and tells how long it took. */
export function timed(run: () => void): number {
  const started = performance.now();
  run();
  return performance.now() - started;
}

/** Two ways of doing a thing, in turn, so that a drifting machine touches both; medians of `rounds`. */
export function inTurn(rounds: number, a: () => void, b: () => void): { readonly a: number; readonly b: number } {
  const times = { a: [] as number[], b: [] as number[] };
  for (let round = 0; round < rounds; round += 1) {
    times.a.push(timed(a));
    times.b.push(timed(b));
  }
  return { a: median(times.a), b: median(times.b) };
}

export const grouped = (value: number, digits = 0): string => value.toFixed(digits).replace(/\B(?=(\d{3})+(?!\d))/g, ' ');

/** One line of the report: what, the figure as a ratio, the floor of the design, and the numbers behind it. */
export interface Figure {
  readonly what: string;
  readonly ratio: string;
  readonly floor: string;
  readonly isMet: boolean;
  readonly behind: string;
}
