import { slipsBetween } from '../interfaces/sql/spelling.ts';

/** The known name that a mistyped one most likely meant, whatever its case, or undefined when none is near. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestSlips = Math.max(2, Math.floor(name.length / 3)) + 1;
  for (const candidate of known) {
    const slips = slipsBetween(name.toLowerCase(), candidate.toLowerCase());
    if (slips >= bestSlips) continue;
    best = candidate;
    bestSlips = slips;
  }
  return best;
}
