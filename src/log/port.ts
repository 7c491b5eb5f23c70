import type { EncodedEntry } from '../../events/envelope.ts';

/** Where the log ends: its newest entry. An empty log has index 0, position 0 and the genesis hash. */
export interface Head {
  readonly index: number;
  readonly position: number;
  readonly hash: string;
}

export type AppendOutcome =
  | { readonly kind: 'appended' }
  | { readonly kind: 'conflict' } // Another entry took the index, or an earlier append in flight failed: catch up, decide again.
  | { readonly kind: 'fenced'; readonly epoch: number } // A newer leader exists: stop writing.
  | { readonly kind: 'unknown'; readonly detail: string }; // The reply was lost and could not be settled in time, see G4.

/**
 * The one ordered log of entries (batches of events). Entries are numbered 1, 2, 3, … by `index`; 0 means "before the first".
 * Guarantees, each pinned by the test of that name in test/contract/eventLog.ts, run against every implementation:
 * - G1 order: every reader sees the same entries at the same indexes, without gaps.
 * - G2 atomic: the events of one entry appear together or not at all.
 * - G3 conditional: an append takes effect only if the newest entry is exactly the one before it (`index - 1`, whose hash is
 *   `previousHash`) and its `epoch` is the newest that was raised.
 * - G4 resolvable: after `unknown` the same entry may be appended again; it takes effect at most once and answers `appended`
 *   if the first one did.
 * - G5 durable: what `read` has returned once is never lost, changed or moved.
 * - G6 settles: every promise settles within the implementation's `timeoutMs` (plus scheduling), even across a lost session.
 */
export interface EventLog {
  /**
   * Appends in the order of the calls. Up to `pipelineDepth` may be in flight, each conditional on the one before;
   * when one fails, all later ones in flight fail too (`conflict`, `fenced` or `unknown`) and have no effect.
   */
  append(encoded: EncodedEntry): Promise<AppendOutcome>;
  readonly pipelineDepth: number;
  /**
   * The texts of up to `limit` entries after an index, oldest first; fewer only at the head. May lag behind `head()` on a replica,
   * never goes back. Texts are not checked: `decodeEntry` does that. @throws LogUnavailable
   */
  read(afterIndex: number, limit: number): Promise<readonly string[]>;
  /** The newest entry, no older than any append acknowledged anywhere before the call (linearizable). @throws LogUnavailable */
  head(): Promise<Head>;
  /** Makes a new epoch, higher than all before: from then on appends of older epochs are `fenced`. @throws LogUnavailable */
  raiseEpoch(): Promise<number>;
  /**
   * Delivers every entry after an index, in order, each batch of texts after the former delivery has settled, until `signal` aborts.
   * Survives lost connections and sessions. Rejects only when `deliver` does (with that error) or when the log can never be
   * read again; resolves after abort.
   */
  follow(afterIndex: number, deliver: (texts: readonly string[]) => void | Promise<void>, signal: AbortSignal): Promise<void>;
  /** Milliseconds since the log last answered: 0 when it is at hand (embedded), growing while it cannot be reached. */
  silentForMs(): number;
  close(): Promise<void>;
}

/** The log cannot be reached now. Nothing was changed by the call that threw it; trying again later may succeed. */
export class LogUnavailable extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'LogUnavailable';
  }
}

/** The log can never be used like this: held by another process, damaged, or written by a newer release. The message has the remedy. */
export class LogRefused extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'LogRefused';
  }
}
