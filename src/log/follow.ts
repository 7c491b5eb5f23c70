import { checkRange } from './condition.ts';
import { LogUnavailable } from './port.ts';

/** Texts to one delivery. */
const batch = 128;
/** Between two tries to read a log that cannot be reached, milliseconds. */
const retryMs = 200;

export const closedText = 'this client of the log is closed: open another';

/** What a follower needs of a log. */
export interface FollowSource {
  read(afterIndex: number, limit: number): Promise<readonly string[]>;
  /** Settles when entries after an index may be there (at once when they are), or when the signal aborts. */
  grown(afterIndex: number, signal: AbortSignal): Promise<void>;
}

/**
 * The loop of `EventLog.follow`: read, deliver, wait.
 * @param closed aborts when the client is closed; the follower then rejects with LogUnavailable.
 */
export async function followEntries(
  source: FollowSource,
  afterIndex: number,
  deliver: (texts: readonly string[]) => void | Promise<void>,
  signal: AbortSignal,
  closed: AbortSignal,
): Promise<void> {
  checkRange(afterIndex, batch);
  const ended = AbortSignal.any([signal, closed]);
  for (let index = afterIndex; !ended.aborted; ) {
    const texts = await readOrWait(source, index, ended);
    if (texts.length === 0) await source.grown(index, ended);
    else if (!ended.aborted) await deliver(texts);
    index += texts.length;
  }
  if (!signal.aborted) throw new LogUnavailable(closedText);
}

async function readOrWait(source: FollowSource, index: number, ended: AbortSignal): Promise<readonly string[]> {
  for (;;) {
    try {
      return ended.aborted ? [] : await source.read(index, batch);
    } catch (error) {
      if (!(error instanceof LogUnavailable)) throw error;
      await sleep(retryMs, ended);
    }
  }
}

/** Settles with `ready` or with the abort. Unlike a race against one long promise, it leaves nothing behind on the signal. */
export function settledOrAborted(ready: Promise<unknown>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      signal.removeEventListener('abort', done);
      resolve();
    };
    if (signal.aborted) return resolve();
    signal.addEventListener('abort', done);
    ready.then(done, done);
  });
}

/** Settles after a time, or with the abort. */
export function sleep(ms: number, signal: AbortSignal): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const slept = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  return settledOrAborted(slept, signal).finally(() => clearTimeout(timer));
}
