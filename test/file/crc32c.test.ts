/** Goal: the checksum is CRC-32C. Method: the vectors of RFC 3720, B.4, and the definition, bit by bit, on random bytes. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { crc32c } from '../../src/log/file/crc32c.ts';

const counting = Uint8Array.from({ length: 32 }, (_, i) => i);
const readCommand = '01c00000 00000000 00000000 00000000 14000000 00000400 00000014 00000018 28000000 00000000 02000000 00000000';
const vectors: readonly (readonly [name: string, bytes: Uint8Array, crc: number])[] = [
  ['32 zeros', new Uint8Array(32), 0x8a9136aa],
  ['32 ones', new Uint8Array(32).fill(0xff), 0x62a8ab43],
  ['ascending', counting, 0x46dd794e],
  ['descending', counting.toReversed(), 0x113fdb5c],
  ['an iSCSI read command', Buffer.from(readCommand.replaceAll(' ', ''), 'hex'), 0xd9963a56],
  ['nothing', new Uint8Array(0), 0],
];
test.each(vectors)('RFC 3720: %s', (_, bytes, crc) => expect(crc32c(bytes)).toBe(crc));

function byDefinition(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
  }
  return ~crc >>> 0;
}

test('any part of any bytes, whole or continued', () => {
  const property = fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(100), fc.nat(100), (bytes, a, b) => {
    const [from = 0, cut = 0] = [Math.min(a, bytes.length), Math.min(b, bytes.length)].toSorted((x, y) => x - y);
    expect(crc32c(bytes, from)).toBe(byDefinition(bytes.subarray(from)));
    expect(crc32c(bytes, cut, bytes.length, crc32c(bytes, from, cut))).toBe(crc32c(bytes, from));
  });
  fc.assert(property, { numRuns: 300 });
});
