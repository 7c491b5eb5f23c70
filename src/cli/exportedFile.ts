import { type FileHandle, open } from 'node:fs/promises';
import { entryLimits } from '../../events/envelope.ts';
import type { EntrySource } from './entrySource.ts';
import { type CommandFailure, refusal, wrongUsage } from './exit.ts';

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
    upTo: ({ index }) => lines.endOf(index),
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
  /** What ends the file early; the lines before it can be read. */
  #fault: CommandFailure | undefined;

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
    if (from === undefined && this.#fault !== undefined) throw this.#fault;
    if (from === undefined) return [];
    const bytes = await this.#bytes(from, this.endOf(after + starts.length) - from);
    // What is not UTF-8 any more does not have its own hash any more: the entry's check will say so.
    return starts.map((start, i) => bytes.toString('utf8', start - from, this.endOf(after + i + 1) - from));
  }

  async #scanOn(): Promise<void> {
    const chunk = await this.#bytes(this.#scanned, chunkBytes);
    for (let at = chunk.indexOf(10); at !== -1 && this.#fault === undefined; at = chunk.indexOf(10, at + 1))
      this.#lineEnds(this.#scanned + at);
    this.#scanned += chunk.length;
    if (this.#fault !== undefined) return;
    if (chunk.length < chunkBytes) {
      this.#isWhole = true;
      this.#lineEnds(this.#scanned);
    } else if (this.#scanned - this.#lineStart > maxLineBytes) this.#lineEnds(this.#scanned);
  }

  #lineEnds(at: number): void {
    if (at - this.#lineStart > maxLineBytes) {
      this.#fault = refusal(`line ${this.#starts.length + 1} of ${this.#file} is over ${maxLineBytes} bytes long: no entry is`);
      this.#isWhole = true;
      return;
    }
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
}
