import { UnreadableEntry } from '../../../events/envelope.ts';
import { ReplayFault, stateHash } from '../../../projections/kit.ts';
import { bulkFold, foldEntry, initialState, type State } from '../../../projections/state.ts';
import type { Head } from '../../log/port.ts';
import { lastPositionIn } from './fold.ts';
import { decoded, type ReadTexts } from './timeline.ts';

export interface VerifyOptions {
  /** Where the log is known to end. A log cut off behind a whole entry is sound in itself: only this tells. */
  readonly expected?: Head;
  /** Gets the entries that were found sound, in order, and is waited for. */
  readonly onSound?: (texts: readonly string[]) => Promise<void> | void;
  /** Called after every run of entries. */
  readonly onProgress?: (verified: { readonly index: number; readonly position: number }) => void;
  readonly signal?: AbortSignal;
}

/** `state` is that after the last entry that is sound. */
export type Verdict =
  | { readonly kind: 'sound'; readonly state: State }
  | {
      readonly kind: 'broken';
      readonly state: State;
      /** The first one that cannot be believed, and the number of the entry it is in or should be in. */
      readonly position: number;
      readonly index: number;
      /** In words, without the position. */
      readonly reason: string;
    };

const runLength = 256;

/**
 * Reads a whole log and believes nothing: form and hash of each entry, its place in the chain, that neither time nor epoch goes
 * back, every event's schema, that all of it can be folded, and that folding in drafts and in bulk, entry by entry and many at
 * once, comes to the same. Rejects with what the source rejects with, or when the signal aborts.
 */
export async function verifyLog(readTexts: ReadTexts, options: VerifyOptions = {}): Promise<Verdict> {
  const { expected, onProgress, onSound, signal } = options;
  let state = initialState();
  for (;;) {
    const texts = await readTexts(state.index, runLength);
    if (texts.length === 0) return verdictAtEnd(state, expected);
    const verdict = await verifyRun(state, texts, expected, signal);
    const sound = texts.slice(0, verdict.state.index - state.index);
    if (sound.length > 0) await onSound?.(sound);
    if (verdict.kind === 'broken') return verdict;
    state = verdict.state;
    onProgress?.({ index: state.index, position: state.position });
  }
}

async function verifyRun(
  before: State,
  texts: readonly string[],
  expected: Head | undefined,
  signal: AbortSignal | undefined,
): Promise<Verdict> {
  let state = before;
  const bulk = bulkFold(before);
  const entries = decoded(texts, signal);
  for (;;) {
    const next = state.position + 1;
    try {
      const { done, value: entry } = await entries.next();
      if (done === true) break;
      const isInPlace = entry.index === state.index + 1 && entry.firstPosition === next;
      try {
        const after = foldEntry(state, entry);
        bulk.add([entry]);
        if (entry.index === expected?.index && (entry.hash !== expected.hash || lastPositionIn(entry) !== expected.position))
          return broken(
            state,
            next,
            `entry ${entry.index} is another than the one that was there: its hash is ${entry.hash}, not ${expected.hash}`,
          );
        state = after;
      } catch (error) {
        if (!(error instanceof ReplayFault)) throw error;
        return broken(state, isInPlace ? (error.position ?? next) : next, wordsOf(error));
      }
    } catch (error) {
      if (!(error instanceof UnreadableEntry)) throw error;
      return broken(state, error.position ?? next, wordsOf(error));
    }
  }
  if (stateHash(bulk.finish()) === stateHash(state)) return { kind: 'sound', state };
  return broken(
    before,
    before.position + 1,
    `folded one by one, the entries ${before.index + 1} to ${state.index} give other tables than folded together: this release has a fault`,
  );
}

function verdictAtEnd(state: State, expected: Head | undefined): Verdict {
  if (expected === undefined || expected.index === state.index) return { kind: 'sound', state };
  if (state.index < expected.index)
    return broken(state, state.position + 1, `the log ends here, ${expected.position - state.position} events before its known end`);
  return broken(state, expected.position + 1, `the log goes on behind its known end at position ${expected.position}`);
}

const broken = (state: State, position: number, reason: string): Verdict => ({
  kind: 'broken',
  state,
  position,
  index: state.index + 1,
  reason,
});

const wordsOf = (error: Error): string => error.message.replace(/^position \d+:? /, '');
