import { type EncodedEntry, genesisHash } from '../../events/envelope.ts';
import type { AppendOutcome, Head } from './port.ts';

/** Where an empty log ends. */
export const emptyHead: Head = { index: 0, position: 0, hash: genesisHash };

/** Where the log ends once this entry is the newest. */
export const headAfter = ({ entry }: EncodedEntry): Head => ({
  index: entry.index,
  position: entry.firstPosition + entry.count - 1,
  hash: entry.hash,
});

/**
 * The condition of guarantee G3 for an entry that is not in the log yet.
 * @param epoch the newest that was raised; 0 when none was, and then nothing may be appended.
 * @returns undefined when the entry may be appended, else why not. A stale epoch wins over a taken index: the caller must stop either way.
 */
export function refusalOf({ entry }: EncodedEntry, head: Head, epoch: number): AppendOutcome | undefined {
  if (entry.epoch !== epoch || epoch === 0) return { kind: 'fenced', epoch };
  const fits = entry.index === head.index + 1 && entry.previousHash === head.hash;
  return fits ? undefined : { kind: 'conflict' };
}

/** @throws RangeError when an index or a limit is none: the caller's mistake, answered before anything is read. */
export function checkRange(afterIndex: number, limit: number): void {
  if (!Number.isSafeInteger(afterIndex) || afterIndex < 0)
    throw new RangeError(`afterIndex must be a whole number from 0, not ${afterIndex}`);
  if (!Number.isSafeInteger(limit) || limit < 1) throw new RangeError(`limit must be a whole number from 1, not ${limit}`);
}
