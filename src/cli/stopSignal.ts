import type { LeveledLogger } from './implementations.ts';

/**
 * Aborts with the first SIGTERM or SIGINT; the second ends the process at once, with 128 and the signal's number. To be called once.
 * @param whatNow what the log says is done until the process ends, such as `finishing what is under way`.
 */
export function stopSignal(logger: Pick<LeveledLogger, 'info'>, whatNow = 'finishing what is under way'): AbortSignal {
  const stop = new AbortController();
  for (const [signal, status] of [
    ['SIGTERM', 143],
    ['SIGINT', 130],
  ] as const)
    process.on(signal, () => {
      if (stop.signal.aborted) process.exit(status);
      logger.info({ signal }, `stopping: ${whatNow}; once more ends it at once`);
      stop.abort();
    });
  return stop.signal;
}

/** Resolves when a signal is aborted, at once when it is already. It keeps no process alive. */
export function untilAborted(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(undefined);
    else signal.addEventListener('abort', () => resolve(undefined), { once: true });
  });
}
