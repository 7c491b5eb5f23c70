/** The Castagnoli polynomial, bits reversed (RFC 3720, 12.1). node:zlib offers only the other CRC-32. */
const polynomial = 0x82f63b78;

/** Eight tables of 256: table k advances a byte's remainder by k more zero bytes, so that eight bytes are folded at a time. */
const tables = new Int32Array(8 * 256);
for (let byte = 0; byte < 256; byte += 1) {
  let remainder = byte;
  for (let bit = 0; bit < 8; bit += 1) remainder = (remainder >>> 1) ^ (remainder & 1 ? polynomial : 0);
  tables[byte] = remainder;
}
for (let index = 256; index < tables.length; index += 1) {
  const shorter = tables[index - 256] ?? 0;
  tables[index] = (shorter >>> 8) ^ (tables[shorter & 0xff] ?? 0);
}

/**
 * CRC-32C of `bytes[from..to)` as an unsigned number.
 * @param before the checksum of what comes before, to continue it; 0 at the start.
 */
export function crc32c(bytes: Uint8Array, from = 0, to = bytes.length, before = 0): number {
  const t = tables;
  const b = bytes;
  let crc = ~before;
  let at = from;
  for (; at + 8 <= to; at += 8) {
    // The casts keep V8 on integer loads without a check per byte: every index is inside the table and the slice.
    const low = crc ^ ((b[at] as number) | ((b[at + 1] as number) << 8) | ((b[at + 2] as number) << 16) | ((b[at + 3] as number) << 24));
    crc =
      (t[1792 + (low & 0xff)] as number) ^
      (t[1536 + ((low >>> 8) & 0xff)] as number) ^
      (t[1280 + ((low >>> 16) & 0xff)] as number) ^
      (t[1024 + (low >>> 24)] as number) ^
      (t[768 + (b[at + 4] as number)] as number) ^
      (t[512 + (b[at + 5] as number)] as number) ^
      (t[256 + (b[at + 6] as number)] as number) ^
      (t[b[at + 7] as number] as number);
  }
  for (; at < to; at += 1) crc = (crc >>> 8) ^ (t[(crc ^ (b[at] as number)) & 0xff] as number);
  return ~crc >>> 0;
}
