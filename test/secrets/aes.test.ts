/**
 * Goal: what is sealed opens only with its key, for its subject and unchanged; and no error says what was inside.
 * Method: seals real texts and then changes one thing at a time; properties over random texts and subjects.
 */
import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { comparableSecret, isSameSecret, redacted, sealedText } from '../../events/kit.ts';
import { createSealer, keyFromSecret } from '../../src/secrets/aes.ts';

const secret = 'correct horse battery staple';
const subject = 'config/security.sasl.plain.credentials/alice';
const k1 = { keyId: 'k1', key: keyFromSecret('one') };
const k2 = { keyId: 'k2', key: keyFromSecret('two') };
const sealer = createSealer([k1], 'k1');
const cannotOpen = `${subject} cannot be opened with data key 'k1': the key is another one, or the sealed text was changed`;

/** The message of what an action throws; the test fails when it throws nothing. */
function messageOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    return error instanceof Error ? `${error.message}${String(error.cause ?? '')}` : String(error);
  }
  throw new Error('nothing was thrown');
}

test('any text comes back, and has the form that events want', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'grapheme', maxLength: 300 }),
      fc.string({ unit: 'grapheme' }),
      fc.option(fc.string()),
      (text, about, repeatable) => {
        const sealed = sealer.seal(text, about, repeatable ?? undefined);
        expect(sealedText.parse(sealed)).toEqual(sealed);
        expect(sealer.open(sealed, about)).toBe(text);
      },
    ),
  );
});

test('comparable secrets say whether the text is the same, under one key and whatever they are for', () => {
  const ak = sealer.sealComparable(secret, subject);
  expect(comparableSecret.parse(ak)).toEqual(ak);
  expect(sealer.open(ak, subject)).toBe(secret);
  expect(isSameSecret(ak, sealer.sealComparable(secret, 'another/subject'))).toBe(true);
  expect(isSameSecret(ak, sealer.sealComparable(`${secret} `, subject))).toBe(false);
  expect(isSameSecret(ak, createSealer([k2], 'k2').sealComparable(secret, subject))).toBe(false);
  expect(createSealer([{ ...k2, keyId: 'k1' }], 'k1').sealComparable(secret, subject).fingerprint).not.toBe(ak.fingerprint);
  expect(redacted({ ak })).toEqual({ ak: 'sealed' });
});

test('the same text sealed twice differs, unless it is repeatable', () => {
  expect(sealer.seal(secret, subject)).not.toEqual(sealer.seal(secret, subject));
  const once = sealer.seal(secret, subject, 'key-1');
  expect(sealer.seal(secret, subject, 'key-1')).toEqual(once);
  // Anything else that differs gives another nonce: two texts under one nonce would betray each other.
  const others = [
    sealer.seal(secret, subject, 'key-2'),
    sealer.seal(`${secret}!`, subject, 'key-1'),
    sealer.seal(secret, `${subject}2`, 'key-1'),
    sealer.seal(secret, subject),
    createSealer([k2], 'k2').seal(secret, subject, 'key-1'),
  ];
  expect(new Set([once, ...others].map(({ nonce }) => nonce)).size).toBe(6);
});

test('a sealed text does not hold what was sealed', () => {
  const bytes = Buffer.from(sealer.seal(secret, subject).ciphertext, 'base64').toString('latin1');
  expect(bytes).not.toContain('horse');
  expect(bytes).toHaveLength(secret.length + 16);
});

describe('refused', () => {
  const sealed = sealer.seal(secret, subject);
  const flipped = (base64: string, bit: number): string => {
    const bytes = Buffer.from(base64, 'base64');
    const at = bit >> 3;
    bytes[at] = (bytes[at] ?? 0) ^ (1 << (bit & 7));
    return bytes.toString('base64');
  };

  test('any flipped bit of ciphertext, tag or nonce', () => {
    for (let bit = 0; bit < (secret.length + 16) * 8; bit += 1)
      expect(messageOf(() => sealer.open({ ...sealed, ciphertext: flipped(sealed.ciphertext, bit) }, subject))).toBe(cannotOpen);
    for (let bit = 0; bit < 12 * 8; bit += 1)
      expect(messageOf(() => sealer.open({ ...sealed, nonce: flipped(sealed.nonce, bit) }, subject))).toBe(cannotOpen);
  });
  test.each(['', 'AAAA', sealed.ciphertext.slice(0, 20)])('a ciphertext cut down to %j', (ciphertext) => {
    expect(messageOf(() => sealer.open({ ...sealed, ciphertext }, subject))).toBe(cannotOpen);
  });
  test.each(['', 'AAAA'])('the nonce %j', (nonce) => {
    expect(messageOf(() => sealer.open({ ...sealed, nonce }, subject))).toBe(cannotOpen);
  });
  test('sealed texts of two subjects, exchanged', () => {
    const bob = subject.replace('alice', 'bob');
    expect(messageOf(() => sealer.open(sealed, bob))).toBe(cannotOpen.replace('alice', 'bob'));
    expect(messageOf(() => sealer.open(sealer.seal(secret, bob), subject))).toBe(cannotOpen);
  });
  test('another key under the same id', () => {
    expect(messageOf(() => createSealer([{ keyId: 'k1', key: k2.key }], 'k1').open(sealed, subject))).toBe(cannotOpen);
  });
  test('a key that is not there', () => {
    const message = `${subject} is sealed with key 'k1', which is neither a data key of this log nor a master key of this node`;
    expect(messageOf(() => createSealer([k2], 'k2').open(sealed, subject))).toBe(message);
  });
});

test('after the master key changed, the old one still opens', () => {
  const both = createSealer([k1, k2], 'k2');
  expect(both.open(sealer.seal(secret, subject), subject)).toBe(secret);
  expect(both.seal(secret, subject).keyId).toBe('k2');
});

test('keys follow from secrets: the same one on every node, another one for another secret', () => {
  // HKDF-SHA256, computed once with another implementation.
  expect(keyFromSecret('cluster-secret').toString('hex')).toBe('a46301d6858ac1e859684a2ef6086c6a2674bf8e755ce3d4fe8531f42e136028');
  expect(keyFromSecret('cluster-secret')).not.toEqual(keyFromSecret('cluster-secret '));
  expect(() => keyFromSecret('')).toThrow('an empty secret gives no key');
});

test('keys that cannot be used are refused by their ids', () => {
  expect(() => createSealer([{ keyId: 'short', key: randomBytes(16) }], 'short')).toThrow("master key 'short' has 16 bytes, 32 are needed");
  expect(() => createSealer([k1], 'k2')).toThrow("the master key 'k2' that wraps is not among those given");
  expect(() => createSealer([k1, { ...k2, keyId: 'k1' }], 'k1')).toThrow('two master keys have the same id');
});
