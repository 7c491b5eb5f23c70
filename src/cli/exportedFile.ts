import { type FileHandle, open } from 'node:fs/promises';
import { entryLimits } from '../../events/envelope.ts';
import type { EntrySource } from './entrySource.ts';
import { refusal, wrongUsage } from './exit.ts';

/** No entry's UTF-8 is longer. */
const maxLineBytes = entryLimits.bytes * 3;
const chunkBytes = 1024 * 1024;

/** An exported log: one entry per line. Where the lines lie is learnt while it is read, so that any of them can be read again. */
export async function openExportedFile(file: string): Promise<EntrySource> {
  const { handle, size } = await openRegular(file);
  const lines = new Lines(file, handle);
  return {
    name: file,
    unit: 'bytes',
    total: size,
    reachedWith: (afterIndex) => lines.endOf(afterIndex),
    read: (afterIndex, limit) => lines.read(afterIndex, limit),
    close: () => handle.close(),
  };
}

async function openRegular(file: string): Promise<{ readonly handle: FileHandle; readonly size: number }> {
  let handle: FileHandle;
  try {
    handle = await open(file, 'r');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw wrongUsage(`${file} cannot be read: ${code === 'ENOENT' ? 'there is no such file' : message}`);
  }
  const found = await handle.stat();
  if (found.isFile()) return { handle, size: found.size };
  await handle.close();
  if (found.isDirectory()) throw wrongUsage(`${file} is a directory`, `Give an exported file, or --log file:${file} for the log in it.`);
  throw wrongUsage(`${file} is no file`, 'An exported log is read more than once: write it to a file first.');
}

class Lines {
  readonly #file: string;
  readonly #handle: FileHandle;
  /** Of each line that is not empty: where it begins and where its text ends. */
  readonly #starts: number[] = [];
  readonly #ends: number[] = [];
  #scanned = 0;
  #lineStart = 0;
  #isWhole = false;

  constructor(file: string, handle: FileHandle) {
    this.#file = file;
    this.#handle = handle;
  }

  /** Where line number `count` ends, in bytes. */
  endOf(count: number): number {
    return this.#ends[count - 1] ?? 0;
  }

  async read(after: number, limit: number): Promise<readonly string[]> {
    while (!this.#isWhole && this.#starts.length < after + limit) await this.#scanOn();
    const starts = this.#starts.slice(after, after + limit);
    const from = starts[0];
    if (from === undefined) return [];
    const bytes = await this.#bytes(from, this.endOf(after + starts.length) - from);
    return starts.map((start, i) => this.#decoded(bytes.subarray(start - from, this.endOf(after + i + 1) - from), after + i + 1));
  }

  async #scanOn(): Promise<void> {
    const chunk = await this.#bytes(this.#scanned, chunkBytes);
    for (let at = chunk.indexOf(10); at !== -1; at = chunk.indexOf(10, at + 1)) this.#lineEnds(this.#scanned + at);
    this.#scanned += chunk.length;
    if (chunk.length < chunkBytes) {
      this.#isWhole = true;
      this.#lineEnds(this.#scanned);
    } else if (this.#scanned - this.#lineStart > maxLineBytes) this.#lineEnds(this.#scanned);
  }

  #lineEnds(at: number): void {
    if (at - this.#lineStart > maxLineBytes)
      throw refusal(`${this.#file} is no exported log: line ${this.#starts.length + 1} is over ${maxLineBytes} bytes long`);
    if (at > this.#lineStart) {
      this.#starts.push(this.#lineStart);
      this.#ends.push(at);
    }
    this.#lineStart = at + 1;
  }

  async #bytes(from: number, length: number): Promise<Buffer> {
    const bytes = Buffer.allocUnsafe(length);
    for (let done = 0; ; ) {
      const { bytesRead } = await this.#handle.read(bytes, done, length - done, from + done);
      done += bytesRead;
      if (bytesRead === 0 || done === length) return bytes.subarray(0, done);
    }
  }

  #decoded(bytes: Buffer, line: number): string {
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch {
      throw refusal(`${this.#file}, line ${line} is not UTF-8: its bytes were changed after it was written`);
    }
  }
}
