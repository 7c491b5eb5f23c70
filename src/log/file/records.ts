import { entryLimits } from '../../../events/envelope.ts';
import { crc32c } from './crc32c.ts';

/**
 * The form of a segment file: records one behind the other, each
 *   u32 little-endian  length of the payload in its lower 31 bits; bit 31 is set on the first record of a group
 *   u32 little-endian  CRC-32C of those four bytes and the payload
 *   payload            the entry's text, UTF-8
 * A group is what one write and one fdatasync brought to the disk, and it is written only when the group before is durable.
 * So a record that begins a group proves everything before it to have been durable, and damage before it is no torn write.
 */
export const headerBytes = 8;
const groupStart = 0x80000000;

/** The longest payload: every character of the longest entry in three bytes. */
export const maxPayloadBytes = entryLimits.bytes * 3;
/** A group is closed when it has this many bytes; its last record may pass the bound. */
export const groupBytesWanted = 1024 * 1024;
const maxGroupBytes = groupBytesWanted + headerBytes + maxPayloadBytes;
/** The smallest run of bytes that a disk writes or does not write. */
const sectorBytes = 512;

export const recordBytes = (text: string): number => headerBytes + Buffer.byteLength(text);

/** The bytes of one group. */
export function encodeGroup(texts: readonly string[]): Buffer {
  const bytes = Buffer.allocUnsafe(texts.reduce((sum, text) => sum + recordBytes(text), 0));
  let at = 0;
  for (const text of texts) {
    const length = bytes.write(text, at + headerBytes);
    bytes.writeUInt32LE((at === 0 ? groupStart : 0) + length, at);
    bytes.writeUInt32LE(checksum(bytes, at, length), at + 4);
    at += headerBytes + length;
  }
  return bytes;
}

interface FoundRecord {
  readonly end: number;
  readonly startsGroup: boolean;
}

/** The record at an offset, or undefined when there is no whole and sound one. */
export function recordAt(bytes: Buffer, offset: number): FoundRecord | undefined {
  if (offset + headerBytes > bytes.length) return undefined;
  const word = bytes.readUInt32LE(offset);
  const length = word & 0x7fffffff;
  const end = offset + headerBytes + length;
  if (length > maxPayloadBytes || end > bytes.length) return undefined;
  if (bytes.readUInt32LE(offset + 4) !== checksum(bytes, offset, length)) return undefined;
  return { end, startsGroup: word >= groupStart };
}

export const textOf = (bytes: Buffer, offset: number, { end }: FoundRecord): string => bytes.toString('utf8', offset + headerBytes, end);

const checksum = (bytes: Buffer, offset: number, length: number): number =>
  crc32c(bytes, offset + headerBytes, offset + headerBytes + length, crc32c(bytes, offset, offset + 4));

/** What lies behind the last sound record: nothing, a write that never finished, or a damage. */
export type Rest = { readonly kind: 'none' | 'torn' } | { readonly kind: 'damaged'; readonly why: string };

export interface Scan {
  /** Where each record begins, up to the first that is not sound; counted, like `end`, from the beginning of the bytes. */
  readonly offsets: readonly number[];
  /** Where the last of them ends. */
  readonly end: number;
  readonly rest: Rest;
}

/** Checks every record of a segment, or of its end. @param base where in the file the bytes begin, for the words of a damage. */
export function scanRecords(bytes: Buffer, base = 0): Scan {
  const offsets: number[] = [];
  let end = 0;
  for (let record = recordAt(bytes, 0); record !== undefined; record = recordAt(bytes, end)) {
    offsets.push(end);
    end = record.end;
  }
  return { offsets, end, rest: restOf(bytes, end, base) };
}

/**
 * Tells a torn write from a damage, by what a crash can leave. Within the group that was being written the sectors reach the disk in
 * any order: the file may end early, or have holes that read as zeros with sound records of the same group behind them. So it is a
 * damage when a sound record behind the bad one begins a group, or when there is a sound record behind and no hole, or when
 * more is bad than a group can hold. A bad record with nothing sound behind it counts as torn: its write cannot be told from no write.
 */
function restOf(bytes: Buffer, badAt: number, base: number): Rest {
  if (badAt === bytes.length) return { kind: 'none' };
  if (bytes.length - badAt > maxGroupBytes) return { kind: 'damaged', why: 'more is unreadable than one write can leave' };
  const next = nextRecord(bytes, badAt + 1);
  if (next === undefined) return { kind: 'torn' };
  for (let at: number | undefined = next; at !== undefined; ) {
    const record = recordAt(bytes, at);
    if (record?.startsGroup === true)
      return { kind: 'damaged', why: `a sound record that was written later follows at offset ${base + at}` };
    at = record === undefined ? nextRecord(bytes, at + 1) : record.end < bytes.length ? record.end : undefined;
  }
  if (hasHole(bytes, badAt, next)) return { kind: 'torn' };
  return { kind: 'damaged', why: `a sound record follows at offset ${base + next}, and no part of the bad one was left unwritten` };
}

/**
 * The next offset of a sound record. None is ever found inside a payload: the upper half of a length is a control character or
 * no character at all, and JSON has neither.
 */
function nextRecord(bytes: Buffer, from: number): number | undefined {
  for (let at = from; at + headerBytes < bytes.length; at += 1) if (recordAt(bytes, at) !== undefined) return at;
  return undefined;
}

/** Whether a sector's whole share of the range, 16 bytes or more, is zeros: more than a header can hold by chance, and JSON holds none. */
function hasHole(bytes: Buffer, from: number, to: number): boolean {
  for (let start = from; start < to; ) {
    const end = Math.min(to, start - (start % sectorBytes) + sectorBytes);
    if (end - start >= 16 && bytes.subarray(start, end).every((byte) => byte === 0)) return true;
    start = end;
  }
  return false;
}
