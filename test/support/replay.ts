import type { Parameters } from 'fast-check';

/**
 * How to run a property once more as it failed: a red run prints `seed`, `path` and `replayPath`; set CHANCERY_SEED (see seed.ts),
 * CHANCERY_PATH and CHANCERY_REPLAY to them. CHANCERY_RUNS multiplies the number of cases for a long hunt.
 */
export function replay(wish: { readonly numRuns: number }): {
  params: Parameters<unknown>;
  replayPath: { replayPath?: string };
} {
  const { CHANCERY_PATH: path, CHANCERY_REPLAY: replayPath, CHANCERY_RUNS: times } = process.env;
  return {
    params: {
      numRuns: wish.numRuns * Number(times ?? 1),
      ...(path === undefined ? {} : { path }),
    },
    replayPath: replayPath === undefined ? {} : { replayPath },
  };
}
