const lettersMax = 60; // Nobody misspells a longer word by two letters.

/** The candidate that is one slip away from the word, or two if the candidate is longer than four letters; never the word itself. */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  if (word.length > lettersMax) return undefined;
  const [best] = candidates
    .map((candidate) => ({ candidate, slips: slipsBetween(word, candidate) }))
    .filter(({ candidate, slips }) => slips > 0 && slips <= (candidate.length > 4 ? 2 : 1))
    .sort((a, b) => a.slips - b.slips);
  return best?.candidate;
}

/** Letters to change, add, drop, or swap with their neighbour, to get from one word to the other. */
export function slipsBetween(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  const at = (i: number, j: number): number => rows[i]?.[j] ?? Number.POSITIVE_INFINITY;
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    rows.push(row);
    for (let j = 1; j <= b.length; j++) {
      const changed = at(i - 1, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const isSwap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      row.push(Math.min(at(i - 1, j) + 1, at(i, j - 1) + 1, changed, isSwap ? at(i - 2, j - 2) + 1 : Number.POSITIVE_INFINITY));
    }
  }
  return at(a.length, b.length);
}
