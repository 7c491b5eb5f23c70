/** A whole log to read, wherever it is. */
export interface EntrySource {
  /** For messages: `backup.ndjson`, `http://127.0.0.1:8480`. */
  readonly name: string;
  /** What `total` counts. */
  readonly unit: 'positions' | 'bytes';
  /** How much there is, as far as is known. */
  readonly total: number;
  /** How much of `total` lies before the end of an entry. */
  upTo(read: { readonly index: number; readonly position: number }): number;
  /** The texts of up to `limit` entries after an index, none at the end. Not checked. @throws CommandFailure, NotReachable, Refused */
  read(afterIndex: number, limit: number): Promise<readonly string[]>;
  close(): Promise<void>;
}

/** The whole log in runs of texts. */
export async function* textsOf(source: EntrySource): AsyncGenerator<readonly string[]> {
  for (let after = 0; ; ) {
    const texts = await source.read(after, runLength);
    if (texts.length === 0) return;
    after += texts.length;
    yield texts;
  }
}
const runLength = 256;
