/**
 * Goal: nothing but a write that never finished is ever taken for one.
 * Method: segments in memory; every truncation, every flipped bit, and every way in which a crash may leave the sectors of the last group.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { encodeGroup, recordAt, scanRecords, textOf } from '../../src/log/file/records.ts';
import { replay } from '../support/replay.ts';

/** Texts like entries: JSON, no two alike. @param length in bytes, at least 20. */
const texts = (count: number, length: number): string[] =>
  Array.from({ length: count }, (_, i) => `{"at":${i},"x":"${String(i).padEnd(length - 13 - String(i).length, '.')}"}`);
const groups = (...sizes: readonly number[]): { readonly bytes: Buffer; readonly all: string[] } => {
  const all = texts(
    sizes.reduce((sum, size) => sum + size, 0),
    60,
  );
  let from = 0;
  const encoded = sizes.map((size) => {
    from += size;
    return encodeGroup(all.slice(from - size, from));
  });
  return { bytes: Buffer.concat(encoded), all };
};
const found = (bytes: Buffer): string[] =>
  scanRecords(bytes).offsets.map((offset) => {
    const record = recordAt(bytes, offset);
    return record === undefined ? '' : textOf(bytes, offset, record);
  });

test('whole groups read back, in any script', () => {
  const { bytes, all } = groups(1, 3, 2);
  expect(scanRecords(bytes).rest).toEqual({ kind: 'none' });
  expect(found(bytes)).toEqual(all);
  expect(found(encodeGroup(['{"a":"Grüße 漢字 🦀"}']))).toEqual(['{"a":"Grüße 漢字 🦀"}']);
  expect(scanRecords(Buffer.alloc(0))).toEqual({ offsets: [], end: 0, rest: { kind: 'none' } });
});

test.each([[[1, 3, 1]], [[2, 4]], [[1]]])('groups of %j, cut at every byte: the whole records stay, the rest is torn', (sizes) => {
  const { bytes, all } = groups(...sizes);
  const { offsets } = scanRecords(bytes);
  for (let length = 0; length < bytes.length; length += 1) {
    const cut = bytes.subarray(0, length);
    const whole = offsets.filter((_, i) => (offsets[i + 1] ?? bytes.length) <= length).length;
    expect(found(cut)).toEqual(all.slice(0, whole));
    expect(scanRecords(cut).rest.kind).toBe((offsets[whole] ?? bytes.length) === length ? 'none' : 'torn');
  }
});

test.each([[[1, 1, 1]], [[2, 3]], [[4]], [[1, 3, 1]]])('groups of %j, every bit flipped: damaged, or in the last record torn', (sizes) => {
  const { bytes, all } = groups(...sizes);
  const last = scanRecords(bytes).offsets.at(-1) ?? 0;
  for (let bit = 0; bit < bytes.length * 8; bit += 1) {
    const flipped = Buffer.from(bytes);
    flipped.writeUInt8(flipped.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
    const { rest, offsets } = scanRecords(flipped);
    expect(found(flipped)).toEqual(all.slice(0, offsets.length)); // Never a changed text.
    expect(rest.kind, `bit ${bit}`).toBe(bit >> 3 >= last ? 'torn' : 'damaged');
  }
});

test('a crash may leave any sectors of the last group unwritten: it is torn, and everything durable stays', () => {
  const sector = 512;
  const layout = fc.record({
    durable: fc.array(fc.integer({ min: 20, max: 1500 }), { maxLength: 4 }),
    group: fc.array(fc.integer({ min: 20, max: 1500 }), { minLength: 1, maxLength: 8 }),
    written: fc.array(fc.boolean(), { minLength: 40, maxLength: 40 }),
    lost: fc.constantFrom(0, 0, 0, 100, 900, 4000),
  });
  let soundBehind = 0;
  const property = fc.property(layout, ({ durable, group, written, lost }) => {
    const before = Buffer.concat(durable.map((length) => encodeGroup(texts(1, length))));
    fc.pre(sector - (before.length % sector) >= 16); // A smaller share of a sector is not believed to be a hole, see `hasHole`.
    const last = encodeGroup(
      texts(8, 1500)
        .map((text, i) => text.slice(0, group[i]))
        .slice(0, group.length),
    );
    const bytes = Buffer.concat([before, last]);
    const whole = scanRecords(bytes).offsets;
    const sectors = Math.ceil(bytes.length / sector);
    for (let n = Math.floor(before.length / sector); n < sectors; n += 1)
      if (written[n] === false) bytes.fill(0, Math.max(before.length, n * sector), Math.min(bytes.length, (n + 1) * sector));
    const kept = bytes.subarray(0, Math.max(before.length, bytes.length - lost));
    const { offsets, end, rest } = scanRecords(kept);
    expect(offsets.length).toBeGreaterThanOrEqual(durable.length);
    expect(end).toBeGreaterThanOrEqual(before.length);
    expect(rest.kind).toBe(end === kept.length ? 'none' : 'torn');
    if (whole.some((offset) => offset > end && recordAt(kept, offset) !== undefined)) soundBehind += 1;
  });
  fc.assert(property, replay({ numRuns: 700 }).params as object);
  expect(soundBehind).toBeGreaterThan(70); // The property met what it is about.
});

test('the same hole in front of a later group is a damage: that group proves it to have been written once', () => {
  const [first, holed, later] = [encodeGroup(texts(1, 600)), encodeGroup(texts(2, 1200)), encodeGroup(texts(1, 100))] as const;
  const bytes = Buffer.concat([first, holed, later]);
  bytes.fill(0, 1024, 1536);
  const at = first.length + holed.length;
  expect(scanRecords(bytes).rest).toEqual({ kind: 'damaged', why: `a sound record that was written later follows at offset ${at}` });
  expect(scanRecords(bytes.subarray(0, at)).rest).toEqual({ kind: 'torn' });
  expect(scanRecords(bytes.subarray(0, at), 7000).offsets).toEqual([0]);
});

test('more unreadable bytes than one write can leave are a damage', () => {
  const bytes = Buffer.concat([encodeGroup(texts(1, 100)), Buffer.alloc(2 * 1024 * 1024)]);
  expect(scanRecords(bytes).rest).toEqual({ kind: 'damaged', why: 'more is unreadable than one write can leave' });
  expect(scanRecords(bytes.subarray(0, 1024 * 1024)).rest).toEqual({ kind: 'torn' });
});
