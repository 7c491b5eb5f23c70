import { createHash } from 'node:crypto';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type DiskFile, realDisk } from '../files/disk.ts';
import type { BucketRef } from './bucket.ts';

const chunkBytes = 256 * 1024;

/** The bytes that were asked for are no longer there: the replica was cut or closed meanwhile. */
export class ReplicaCut extends Error {
  constructor() {
    super('the replica was cut or deleted while it was read');
    this.name = 'ReplicaCut';
  }
}

/**
 * One replica on disk: bytes that are put behind each other in the file `data`, and beside it `leader-epoch`, the newest epoch it was
 * held in. Changes are made one after the other, in the order of the calls. Bytes reach the kernel before a change settles, so they
 * outlive the process; they are not synced to the disk, a power cut may take the newest ones: the other replicas have them.
 */
export class Replica {
  readonly ref: BucketRef;
  readonly directory: string;
  readonly #file: DiskFile;
  #length: number;
  #leaderEpoch: number;
  #last: Promise<unknown> = Promise.resolve();
  #isClosed = false;

  private constructor(ref: BucketRef, directory: string, file: DiskFile, length: number, leaderEpoch: number) {
    this.ref = ref;
    this.directory = directory;
    this.#file = file;
    this.#length = length;
    this.#leaderEpoch = leaderEpoch;
  }

  /** @param directory is there already; what is missing in it is made. */
  static async open(ref: BucketRef, directory: string): Promise<Replica> {
    const path = join(directory, 'data');
    const file = await realDisk.open(path, 'write').catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
      return realDisk.open(path, 'create');
    });
    const epoch = Number(await readFile(join(directory, 'leader-epoch'), 'utf8').catch(() => '0'));
    return new Replica(ref, directory, file, await file.size(), Number.isSafeInteger(epoch) ? epoch : 0);
  }

  /** Bytes. */
  get length(): number {
    return this.#length;
  }

  /** The newest that was noted; 0 when none was. */
  get leaderEpoch(): number {
    return this.#leaderEpoch;
  }

  async noteLeaderEpoch(epoch: number): Promise<void> {
    if (epoch === this.#leaderEpoch) return;
    const next = join(this.directory, 'leader-epoch.next');
    await writeFile(next, `${epoch}\n`);
    await rename(next, join(this.directory, 'leader-epoch'));
    this.#leaderEpoch = epoch;
  }

  /** Puts bytes behind the last one, if that is still wanted when their turn comes. @returns whether they were */
  append(bytes: Uint8Array, isWanted: () => boolean): Promise<{ readonly offset: number } | undefined> {
    return this.#inTurn(async () => {
      if (!isWanted()) return undefined;
      const offset = this.#length;
      await this.#file.write(bytes, offset);
      this.#length = offset + bytes.length;
      return { offset };
    });
  }

  /** As `append`, where the replica must have a certain length. @returns false when it was not wanted, or does not fit */
  async appendAt(offset: number, bytes: Uint8Array, isWanted: () => boolean): Promise<boolean> {
    return (await this.append(bytes, () => isWanted() && this.#length === offset)) !== undefined;
  }

  /** Cuts off what is behind a length. */
  truncate(length: number, isWanted: () => boolean): Promise<void> {
    return this.#inTurn(async () => {
      if (!isWanted() || length >= this.#length) return;
      this.#length = length;
      await this.#file.truncate(length);
    });
  }

  /** Settles when every change that was begun has ended. */
  async settled(): Promise<void> {
    await this.#last;
  }

  /** @throws ReplicaCut */
  async read(offset: number, length: number): Promise<Buffer> {
    if (this.#isClosed) throw new ReplicaCut();
    const bytes = await this.#file.read(offset, length);
    if (bytes.length < length) throw new ReplicaCut();
    return bytes;
  }

  /** SHA-256 of a part, in hexadecimal. @throws ReplicaCut */
  async digest(offset: number, length: number): Promise<string> {
    const hash = createHash('sha256');
    for (let at = offset; at < offset + length; at += chunkBytes)
      hash.update(await this.read(at, Math.min(chunkBytes, offset + length - at)));
    return hash.digest('hex');
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#inTurn(() => this.#file.close());
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work);
    this.#last = done.catch(() => {}); // Whoever asked is told; the next one begins all the same.
    return done;
  }
}
