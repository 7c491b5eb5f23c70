import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { EncodedEntry } from '../../../events/envelope.ts';
import type { Disk, DiskFile } from '../../files/disk.ts';
import { emptyHead, headAfter } from '../condition.ts';
import { type Head, LogRefused, LogUnavailable } from '../port.ts';
import { listSegments, segmentName } from './directory.ts';
import { encodeGroup, type Rest, recordAt, recordBytes, scanRecords, textOf } from './records.ts';

/** A segment is full at this many entries, or when the next one would take it over this many bytes. */
const segmentLimits = { entries: 1000, bytes: 64 * 1024 * 1024 } as const;

interface Segment {
  readonly firstIndex: number;
  readonly path: string;
  /** Where each sound entry begins; grows as the file is read or written. */
  readonly offsets: number[];
  /** Where the last of them ends. */
  end: number;
  /** Whether all of it was looked at once. */
  scanned: boolean;
  /** Why nothing can be read at `end`. */
  damage?: string;
}

const headFields = z.object({ index: z.number(), firstPosition: z.number(), count: z.number(), hash: z.string(), epoch: z.number() });

/**
 * The segment files of a log. Offsets are kept per entry, so that a read goes straight to its place; a file is looked through only when
 * it is first needed, so that a long history does not delay the start. One writer at a time, and every read checks its checksums.
 */
export class Segments {
  readonly #directory: string;
  readonly #disk: Disk;
  readonly #list: Segment[] = [];
  #active: DiskFile | undefined;
  #head = emptyHead;
  #epoch = 0;
  #looked: number | undefined; // The file up to which `look` has come.
  #turn: Promise<unknown> = Promise.resolve();

  constructor(directory: string, disk: Disk) {
    this.#directory = directory;
    this.#disk = disk;
  }

  /** The newest durable entry; in a reader the newest complete one. */
  get head(): Head {
    return this.#head;
  }

  /** The epoch of the newest entry that was found by `look`, 0 when there is none. */
  get epochOfNewest(): number {
    return this.#epoch;
  }

  /** Takes in what is new in the files. The first look begins at the last file: older ones wait until they are needed. */
  look(): Promise<Rest> {
    return this.#inTurn(async () => {
      for (const firstIndex of await listSegments(this.#directory)) this.#add(firstIndex);
      const last = this.#list.length - 1;
      let rest: Rest = { kind: 'none' };
      for (let at = Math.max(0, this.#looked ?? last); at <= last; at += 1) rest = await this.#lookThrough(at);
      if (this.#head === emptyHead && last > 0) await this.#lookThrough(last - 1); // The last file is new and still empty.
      if (last >= 0) this.#looked = last;
      return rest;
    });
  }

  /** Makes the files ready for `append`: cuts off a torn write. @returns what was done, in words. @throws LogRefused for a damage. */
  async repair(rest: Rest): Promise<string[]> {
    const last = this.#list.at(-1);
    if (last === undefined) return [];
    for (const { damage } of this.#list) if (damage !== undefined) throw new LogRefused(damage);
    const file = await this.#disk.open(last.path, 'write');
    this.#active = file;
    if (rest.kind !== 'torn') return [];
    const bytes = await file.read(last.end, (await file.size()) - last.end);
    const kept = `${last.path}.cut-${last.end}`;
    await writeFile(kept, bytes, { flush: true });
    await file.truncate(last.end);
    await this.#disk.syncDirectory(this.#directory);
    const where = `${last.path}: the last write was not complete`;
    return [`${where}: ${bytes.length} bytes behind entry ${this.#head.index} were cut off at offset ${last.end} and kept in ${kept}`];
  }

  /**
   * Up to `limit` texts after an index. @throws LogRefused at a damage, once everything before it was returned; LogUnavailable
   */
  async read(afterIndex: number, limit: number): Promise<string[]> {
    const texts: string[] = [];
    while (texts.length < limit) {
      const index = afterIndex + 1 + texts.length;
      const at = this.#list.findLastIndex((each) => each.firstIndex <= index); // From the end: most reads are near the head.
      const segment = this.#list[at];
      if (segment === undefined || (index > this.#head.index && segment.damage === undefined)) break;
      if (!segment.scanned) await this.#inTurn(async () => void (segment.scanned || (await this.#lookThrough(at))));
      const first = index - segment.firstIndex;
      const found = await this.#textsIn(segment, first, Math.min(first + limit - texts.length, segment.offsets.length));
      texts.push(...found);
      if (found.length > 0) continue;
      if (texts.length > 0 || segment.damage === undefined) break;
      throw new LogRefused(segment.damage);
    }
    return texts;
  }

  /**
   * Writes entries that follow the head, and makes them durable: one write and one fdatasync to each segment they touch.
   * When it throws, some may be durable (`head` says which) and nothing may be appended before `recover`.
   */
  async append(entries: readonly EncodedEntry[]): Promise<void> {
    for (let from = 0; from < entries.length; ) {
      const first = entries[from] as EncodedEntry;
      const { segment, file } = await this.#writable(recordBytes(first.text));
      const offsets: number[] = [];
      let end = segment.end;
      for (const { text } of entries.slice(from, from + segmentLimits.entries - segment.offsets.length)) {
        const next = end + recordBytes(text);
        if (next > segmentLimits.bytes && offsets.length > 0) break;
        offsets.push(end);
        end = next;
      }
      const group = entries.slice(from, from + offsets.length);
      await file.write(encodeGroup(group.map(({ text }) => text)), segment.end);
      await file.datasync();
      for (const offset of offsets) segment.offsets.push(offset);
      segment.end = end;
      this.#head = headAfter(group.at(-1) as EncodedEntry);
      from += group.length;
    }
  }

  /**
   * After a failed write or sync: what the kernel says of the file can no longer be believed (a failed fdatasync marks its
   * pages clean, and the next one succeeds without them), so everything behind the durable end goes and the rest is read again.
   */
  async recover(): Promise<void> {
    const failed = this.#active;
    this.#active = undefined;
    await failed?.close().catch(() => {}); // Its write has failed already; there is nothing more to learn from it.
    const last = this.#list.at(-1);
    if (last === undefined) return;
    const file = await this.#disk.open(last.path, 'write');
    try {
      const { offsets, end } = scanRecords(await file.read(0, last.end));
      if (end !== last.end || offsets.length !== last.offsets.length)
        throw new LogRefused(damageText(last, end, offsets.length, 'what was durable before a failed write is no longer there'));
      await file.truncate(last.end);
    } catch (error) {
      await file.close();
      throw error;
    }
    this.#active = file;
  }

  async close(): Promise<void> {
    const active = this.#active;
    this.#active = undefined;
    await active?.close();
  }

  /** Two looks at one file at a time would count its entries twice. */
  #inTurn<T>(act: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(act);
    this.#turn = done.catch(() => {}); // The caller has it; the next one must have its turn all the same.
    return done;
  }

  #add(firstIndex: number): void {
    const last = this.#list.at(-1);
    if (last !== undefined && firstIndex <= last.firstIndex) return;
    if (last === undefined && firstIndex !== 1)
      throw new LogRefused(`${join(this.#directory, segmentName(1))} is missing: restore it from a copy of the directory`);
    this.#list.push({ firstIndex, path: join(this.#directory, segmentName(firstIndex)), offsets: [], end: 0, scanned: false });
  }

  /** Reads what a file holds behind the known end. */
  async #lookThrough(at: number): Promise<Rest> {
    const segment = this.#list[at] as Segment;
    const bytes = await this.#readFrom(segment, segment.end, Number.POSITIVE_INFINITY);
    const scan = scanRecords(bytes, segment.end);
    const lastOffset = scan.offsets.at(-1);
    for (const offset of scan.offsets) segment.offsets.push(segment.end + offset);
    segment.end += scan.end;
    segment.scanned = true;
    const next = this.#list[at + 1];
    const why = scan.rest.kind === 'damaged' ? scan.rest.why : next === undefined ? undefined : unlikeSealed(segment, scan.rest, next);
    if (why !== undefined) segment.damage = damageText(segment, segment.end, segment.offsets.length, why);
    if (lastOffset !== undefined && segment.firstIndex + segment.offsets.length - 1 > this.#head.index)
      this.#moveHead(segment, bytes, lastOffset);
    return scan.rest;
  }

  #moveHead(segment: Segment, bytes: Buffer, lastOffset: number): void {
    const record = recordAt(bytes, lastOffset);
    const entry = headFields.safeParse(parsed(record === undefined ? '' : textOf(bytes, lastOffset, record)));
    const index = segment.firstIndex + segment.offsets.length - 1;
    if (entry.data?.index !== index)
      throw new LogRefused(`${segment.path} does not end with entry ${index}, as it should: restore it from a copy of the directory`);
    this.#head = { index, position: entry.data.firstPosition + entry.data.count - 1, hash: entry.data.hash };
    this.#epoch = entry.data.epoch;
  }

  async #textsIn(segment: Segment, first: number, past: number): Promise<string[]> {
    const from = segment.offsets[first];
    if (from === undefined) return [];
    const bytes = await this.#readFrom(segment, from, (segment.offsets[past] ?? segment.end) - from);
    const texts: string[] = [];
    for (let at = 0; first + texts.length < past; ) {
      const record = recordAt(bytes, at);
      if (record === undefined) {
        segment.damage = damageText(segment, from + at, first + texts.length, 'it was sound before');
        break;
      }
      texts.push(textOf(bytes, at, record));
      at = record.end;
    }
    return texts;
  }

  /** Bytes from an offset to the end of the file or `length`. The file being written is read through its open handle. */
  async #readFrom(segment: Segment, from: number, length: number): Promise<Buffer> {
    const shared = segment === this.#list.at(-1) ? this.#active : undefined;
    try {
      const file = shared ?? (await this.#disk.open(segment.path, 'read'));
      try {
        const wanted = length === Number.POSITIVE_INFINITY ? (await file.size()) - from : length;
        if (wanted >= 0) return await file.read(from, wanted);
      } finally {
        if (shared === undefined) await file.close();
      }
    } catch (error) {
      throw new LogUnavailable(`cannot read ${segment.path}: ${String(error)}`);
    }
    throw new LogRefused(`${segment.path} is shorter than it was: an incomplete write was taken back, open the log again`);
  }

  /** The segment for the next record and its file; a new one when the last is full. */
  async #writable(bytes: number): Promise<{ readonly segment: Segment; readonly file: DiskFile }> {
    const last = this.#list.at(-1);
    if (last !== undefined && this.#active !== undefined) {
      const full = last.offsets.length >= segmentLimits.entries || (last.end + bytes > segmentLimits.bytes && last.end > 0);
      if (!full) return { segment: last, file: this.#active };
    }
    const firstIndex = this.#head.index + 1;
    const path = join(this.#directory, segmentName(firstIndex));
    const file = await this.#disk.open(path, 'create');
    try {
      await this.#disk.syncDirectory(this.#directory);
    } catch (error) {
      await rm(path, { force: true }); // Else the next try would stumble over a file that holds nothing.
      await file.close().catch(() => {}); // Nothing was written to it.
      throw error;
    }
    const full = this.#active;
    const segment: Segment = { firstIndex, path, offsets: [], end: 0, scanned: true };
    this.#list.push(segment);
    this.#active = file;
    await full?.close();
    return { segment, file };
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Why a file that is followed by another one cannot be right, if it cannot. */
function unlikeSealed(segment: Segment, rest: Rest, next: Segment): string | undefined {
  if (rest.kind !== 'none') return `a later file follows, ${segmentName(next.firstIndex)}`;
  if (segment.firstIndex + segment.offsets.length === next.firstIndex) return undefined;
  return `the next file begins with entry ${next.firstIndex}: entries or a file between are missing`;
}

const damageText = (segment: Segment, offset: number, entries: number, why: string): string =>
  `${segment.path} is damaged at offset ${offset}, where entry ${segment.firstIndex + entries} belongs: ${why}. ` +
  'Nothing was changed. Restore this file from a copy of the directory; the entries before are sound';
