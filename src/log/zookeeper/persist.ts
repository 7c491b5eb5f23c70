import { closedText, settledOrAborted } from '../follow.ts';
import { LogUnavailable } from '../port.ts';
import { ZooKeeperFailure } from './connection.ts';
import { type Session, SessionClosed } from './session.ts';

/** Settles with `ready`, after `ms`, or with the abort, whichever comes first. */
export async function settledWithin(ms: number, ready: Promise<unknown>, signal: AbortSignal): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await settledOrAborted(Promise.race([ready, late]), signal);
  clearTimeout(timer);
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

function beforeDeadline<T>(deadline: number, promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const late = (): void => reject(new ZooKeeperFailure('unknown', 'OPERATION_TIMEOUT'));
    const timer = setTimeout(late, Math.max(0, deadline - performance.now()));
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

/** Between two tries of what ZooKeeper refused, milliseconds: it may do so while a session moves or ends. */
const refusedPauseMs = 100;

/**
 * Tries again, over lost connections and sessions, until it works or `timeoutMs` are over. Only for what may happen twice.
 * @throws LogUnavailable
 */
export async function persist<T>(session: Session, timeoutMs: number, attempt: () => Promise<T>): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    try {
      await session.live(deadline);
      return await beforeDeadline(deadline, attempt());
    } catch (error) {
      if (error instanceof SessionClosed) throw new LogUnavailable(closedText);
      if (!(error instanceof ZooKeeperFailure)) throw error;
      if (performance.now() >= deadline)
        throw new LogUnavailable(`ZooKeeper gave no answer within ${timeoutMs} ms (${error.message}): ${session.failures()}`);
      if (error.outcome === 'refused') await pause(refusedPauseMs);
    }
  }
}
