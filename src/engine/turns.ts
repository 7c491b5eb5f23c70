import { setImmediate as nextTurn } from 'node:timers/promises';

/**
 * Runs a computation in steps, and lets everything else that waits run each `turnMs` milliseconds.
 * @throws what the steps throw; AbortError once the signal is aborted.
 */
export async function inTurns<T>(steps: Generator<void, T>, turnMs: number, signal: AbortSignal): Promise<T> {
  let until = performance.now() + turnMs;
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
    if (performance.now() < until) continue;
    await nextTurn(undefined, { signal });
    until = performance.now() + turnMs;
  }
}
