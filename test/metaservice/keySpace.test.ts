/**
 * Goal: keys are the bytes that upstream writes, come back from them exactly, and sort as their texts do; drawings are exact to the blank.
 * Method: properties over every key type with any texts and 64-bit integers; the contract's examples letter by letter.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { drawKey } from '../../src/interfaces/metaservice/keyDrawing.ts';
import {
  decodeKey,
  encodeKey,
  fieldsOf,
  type KeyFields,
  type KeyPart,
  type KeyType,
  keyLimits,
  keyOf,
  keyTypes,
} from '../../src/interfaces/metaservice/keySpace.ts';

const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
/** With the characters that the encoding treats differently: NUL, 0xff, SOH. */
const someText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.string({ unit: fc.constantFrom('\0', '\u0001', 'ÿ', 'a'), maxLength: 12 }),
);
const fieldsFor = ({ fields }: KeyType): fc.Arbitrary<KeyFields> =>
  fc.record(
    Object.fromEntries(
      fields
        .filter(({ kind }) => kind !== 'word')
        .map(({ kind, name }): [string, fc.Arbitrary<string | bigint>] => [name, kind === 'integer' ? int64 : someText]),
    ),
  );

describe('every key type', () => {
  test('there are as many as the contract lists', () => {
    expect(keyTypes.size).toBeGreaterThan(50);
    expect([...keyTypes.values()].map(({ space }) => space)).toEqual(expect.arrayContaining([1, 2, 3]));
  });

  test.each([...keyTypes])('%s: what was encoded is decoded', (_, type) => {
    fc.assert(
      fc.property(fieldsFor(type), (fields) => {
        expect(fieldsOf(type, keyOf(type, fields))).toEqual({ ...fields });
      }),
      { numRuns: 40 },
    );
  });

  test('no key is of two types, but for the one that has two names', () => {
    const samples = [...keyTypes.values()].map((type) => {
      const [fields] = fc.sample(fieldsFor(type), { numRuns: 1, seed: 1 });
      return { type, key: keyOf(type, fields ?? {}) };
    });
    for (const { key, type } of samples) {
      const others = [...keyTypes.values()].filter((other) => fieldsOf(other, key) !== undefined).map(({ name }) => name);
      expect(others).toEqual(/^(Partition)?VersionKey$/.test(type.name) ? ['PartitionVersionKey', 'VersionKey'] : [type.name]);
    }
  });
});

describe('bytes', () => {
  const text = (value: string): KeyPart => ({ kind: 'text', text: value });

  test('texts keep their order, and a beginning sorts before what goes on', () => {
    fc.assert(
      fc.property(someText, someText, (a, b) => {
        const plain = Buffer.compare(Buffer.from(a), Buffer.from(b));
        expect(Math.sign(Buffer.compare(encodeKey(1, [text(a)]), encodeKey(1, [text(b)])))).toBe(Math.sign(plain));
      }),
    );
  });

  test.each([
    ['a text', [text('ab')], '01106162' + '0001'],
    ['a text with NUL', [text('a\0b')], '0110' + '6100ff62' + '0001'],
    ['zero', [{ kind: 'integer', integer: 0n }], '0112' + '0000000000000000'],
    ['the largest', [{ kind: 'integer', integer: 2n ** 63n - 1n }], '0112' + '7fffffffffffffff'],
    ['minus one', [{ kind: 'integer', integer: -1n }], '0111' + '0000000000000001'],
    ['the smallest', [{ kind: 'integer', integer: -(2n ** 63n) }], '0111' + '8000000000000000'],
    ['a stamp', [{ kind: 'stamp', stamp: Buffer.alloc(10, 9) }], `0113${'09'.repeat(10)}`],
  ] as const)('%s', (_, parts, hex) => {
    expect(encodeKey(1, parts).toString('hex')).toBe(hex);
    expect(decodeKey(Buffer.from(hex, 'hex'))).toEqual({ space: 1, parts: parts.map((part) => ({ ...part, offset: 1 })) });
  });

  test.each([
    ['an unknown tag', '0114'],
    ['a text without end', '01106162'],
    ['a text that ends in the middle of its end', '0110616200'],
    ['a NUL that is followed by neither', '0110610002620001'],
    ['an integer cut short', '0112000000'],
    ['a stamp cut short', '011309'],
    ['nothing', ''],
    ['more fields than any key has', `01${'100001'.repeat(keyLimits.parts + 1)}`],
    ['more bytes than any key has', `0110${'61'.repeat(keyLimits.bytes)}0001`],
  ])('%s is no key', (_, hex) => {
    expect(decodeKey(Buffer.from(hex, 'hex'))).toBeUndefined();
    expect(drawKey(hex, true)).toBeUndefined();
  });

  test('any bytes are decoded or refused, never thrown at', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        const decoded = decodeKey(Buffer.from(bytes));
        // Only bytes that are UTF-8 come back: texts are shown, and what cannot be shown is shown as what replaces it.
        const isShown = decoded?.parts.every((part) => part.kind !== 'text' || !part.text.includes('\ufffd')) ?? false;
        const isSmallest =
          decoded?.parts.some((part) => part.kind === 'integer' && bytes[part.offset] === 0x11 && part.integer >= 0n) ?? false;
        const isWrapped =
          decoded?.parts.some((part) => part.kind === 'integer' && bytes[part.offset] === 0x12 && part.integer < 0n) ?? false;
        if (decoded !== undefined && isShown && !isSmallest && !isWrapped)
          expect(encodeKey(decoded.space, decoded.parts)).toEqual(Buffer.from(bytes));
      }),
      { numRuns: 1000 },
    );
  });
});

describe('drawings', () => {
  test.each([
    [
      '0110696e7374616e636500011072656772657373696f6e5f696e7374616e6365300001',
      true,
      `┌───────────────────────── 0. key space: 1
│ ┌─────────────────────── 1. instance
│ │                     ┌─ 2. regression_instance0
│ │                     │ ${''}
▼ ▼                     ▼ ${''}
0110696e7374616e636500011072656772657373696f6e5f696e7374616e6365300001
`,
    ],
    [
      '011074786e000110693100011074786e5f6c6162656c00011200000000000000051061620001',
      true,
      `┌─────────────────────────────────────────────────────────────────── 0. key space: 1
│ ┌───────────────────────────────────────────────────────────────── 1. txn
│ │           ┌───────────────────────────────────────────────────── 2. i1
│ │           │         ┌─────────────────────────────────────────── 3. txn_label
│ │           │         │                       ┌─────────────────── 4. 5
│ │           │         │                       │                 ┌─ 5. ab
│ │           │         │                       │                 │ ${''}
▼ ▼           ▼         ▼                       ▼                 ▼ ${''}
011074786e000110693100011074786e5f6c6162656c00011200000000000000051061620001
`,
    ],
    [
      '021073797374656d0001106d6574612d7365727669636500011072656769737472790001',
      false,
      `/--------------------------------------------------- 0. key space: 2
| /------------------------------------------------- 1. system
| |                 /------------------------------- 2. meta-service
| |                 |                             /- 3. registry
| |                 |                             | ${''}
v v                 v                             v ${''}
021073797374656d0001106d6574612d7365727669636500011072656769737472790001
`,
    ],
    [
      '01106d657461000110693100011064656c6574655f6269746d61705f6c6f636b0001120000000000000007110000000000000001',
      true,
      `┌─────────────────────────────────────────────────────────────────────────────────────── 0. key space: 1
│ ┌───────────────────────────────────────────────────────────────────────────────────── 1. meta
│ │             ┌─────────────────────────────────────────────────────────────────────── 2. i1
│ │             │         ┌───────────────────────────────────────────────────────────── 3. delete_bitmap_lock
│ │             │         │                                         ┌─────────────────── 4. 7
│ │             │         │                                         │                 ┌─ 5. -1
│ │             │         │                                         │                 │ ${''}
▼ ▼             ▼         ▼                                         ▼                 ▼ ${''}
01106d657461000110693100011064656c6574655f6269746d61705f6c6f636b0001120000000000000007110000000000000001
`,
    ],
    ['01', true, '┌─ 0. key space: 1\n│ \n▼ \n01\n'],
  ])('%s', (hex, isUnicode, drawing) => {
    expect(drawKey(hex, isUnicode)).toBe(drawing);
  });

  test('the hex is drawn as it was given: upper case, an odd last digit', () => {
    const drawn = (hex: string): readonly string[] => drawKey(hex, true)?.split('\n').slice(-2) ?? [];
    expect(drawn('01106A0001')).toEqual(['01106A0001', '']);
    expect(drawn('01106a00017')).toEqual(['01106a00017', '']);
  });

  test.each(['01 10', '0x01', 'zz', '01zz', '١٢'])('%s is no hex', (hex) => expect(drawKey(hex, true)).toBeUndefined());
});
