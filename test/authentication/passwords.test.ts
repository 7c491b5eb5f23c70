/**
 * Goal: a hash is read as it was written and as other tools write it, one that would take a node's memory or minutes is refused, and
 * only the right password fits.
 * Method: random hashes through print and parse; mutilated texts; a vector of another implementation; a few real checks at the least cost.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  hashLimits,
  hashPassword,
  matches,
  newHashCost,
  type PasswordHash,
  parseHash,
  printHash,
} from '../../src/authentication/passwords.ts';
import { replay } from '../support/replay.ts';

const cheap = { memoryKiB: 8, passes: 1, lanes: 1 } as const;
const bytes = (least: number, most: number) => fc.uint8Array({ minLength: least, maxLength: most }).map((array) => Buffer.from(array));
const hashes: fc.Arbitrary<PasswordHash> = fc
  .record({
    lanes: fc.integer({ min: 1, max: hashLimits.lanes }),
    passes: fc.integer({ min: 1, max: hashLimits.passes }),
    salt: bytes(hashLimits.saltBytes.least, hashLimits.saltBytes.most),
    tag: bytes(hashLimits.tagBytes.least, hashLimits.tagBytes.most),
    share: fc.double({ min: 0, max: 1, noNaN: true }),
  })
  .map(({ share, ...rest }) => {
    const most = Math.min(hashLimits.memoryKiB, Math.floor(hashLimits.work / rest.passes));
    return { ...rest, memoryKiB: Math.round(8 * rest.lanes + share * (most - 8 * rest.lanes)) };
  });

test('what is printed is read back, and there is one text for each hash', () => {
  fc.assert(
    fc.property(hashes, (hash) => {
      const text = printHash(hash);
      expect(text.length).toBeLessThanOrEqual(hashLimits.textLength);
      expect(parseHash(text)).toEqual(hash);
    }),
    replay({ numRuns: 300 }).params,
  );
});

test('a text that was changed somewhere is another hash or none, never an error', () => {
  const change = fc.record({ at: fc.nat(200), with: fc.oneof(fc.string({ maxLength: 3 }), fc.constantFrom('$', '=', ',', '9')) });
  fc.assert(
    fc.property(hashes, change, (hash, { at, with: put }) => {
      const text = printHash(hash);
      const changed = text.slice(0, at % text.length) + put + text.slice((at % text.length) + 1);
      const parsed = parseHash(changed);
      if ('fault' in parsed) expect(parsed.fault).toMatch(/^(is|has|does)/);
      else expect(printHash(parsed)).toBe(changed);
    }),
    replay({ numRuns: 500 }).params,
  );
});

const tail = '$c29tZXNhbHRzb21lc2FsdA$Ubk2ZHrYCY7C2j0w0A2aYQ';
test.each([
  ['', 'is no password hash: it begins $argon2id$v=19$m='],
  ['secret', 'is no password hash: it begins $argon2id$v=19$m='],
  ['$2b$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy', 'is no password hash: it begins $argon2id$v=19$m='],
  [`$argon2i$v=19$m=19456,t=2,p=1${tail}`, 'is of argon2i; only argon2id is taken'],
  [`$argon2id$v=16$m=19456,t=2,p=1${tail}`, 'is not of argon2 version 19'],
  [`$argon2id$m=19456,t=2,p=1${tail}`, 'is not of argon2 version 19'],
  [`$argon2id$v=19$t=2,m=19456,p=1${tail}`, 'does not say its cost as m=NUMBER,t=NUMBER,p=NUMBER'],
  [`$argon2id$v=19$m=019456,t=2,p=1${tail}`, 'does not say its cost as m=NUMBER,t=NUMBER,p=NUMBER'],
  [`$argon2id$v=19$m=19456,t=2,p=1,data=x${tail}`, 'does not say its cost as m=NUMBER,t=NUMBER,p=NUMBER'],
  [`$argon2id$v=19$m=4194304,t=1,p=1${tail}`, 'has m=4194304; from 8 for each lane to 262144 is taken'],
  [`$argon2id$v=19$m=7,t=1,p=1${tail}`, 'has m=7; from 8 for each lane to 262144 is taken'],
  [`$argon2id$v=19$m=19456,t=0,p=1${tail}`, 'has t=0; from 1 to 16 is taken'],
  [`$argon2id$v=19$m=19456,t=999,p=1${tail}`, 'has t=999; from 1 to 16 is taken'],
  [`$argon2id$v=19$m=262144,t=5,p=1${tail}`, 'has m times t of 1310720; at most 1048576 is taken'],
  [`$argon2id$v=19$m=19456,t=2,p=9${tail}`, 'has p=9; from 1 to 8 is taken'],
  ['$argon2id$v=19$m=8,t=1,p=1$c2FsdA$Ubk2ZHrYCY7C2j0w0A2aYQ', 'has a salt of 4 bytes; from 8 to 64 are taken'],
  ['$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$UbkA', 'has 3 bytes of hash; from 16 to 64 are taken'],
  [`$argon2id$v=19$m=8,t=1,p=1${tail}==`, 'does not end with salt and hash in base64 without padding'],
  [`$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHRzb21lc2FsdB$Ubk2ZHrYCY7C2j0w0A2aYQ`, 'does not end with salt and hash in base64 without padding'],
  [`$argon2id$v=19$m=8,t=1,p=1$${'A'.repeat(500)}$x`, 'is longer than 512 characters'],
])('%s', (text, fault) => expect(parseHash(text)).toEqual({ fault }));

describe('a password', () => {
  test('fits its own hash and no other does, empty and long ones too', async () => {
    for (const password of ['p', 'ünïcode 🔑', 'x'.repeat(hashLimits.passwordBytes)]) {
      const hash = await hashPassword(password, cheap);
      expect(await matches(password, hash)).toBe(true);
      for (const other of ['', `${password}x`, password.slice(1), password.toUpperCase()])
        if (other !== password) expect(await matches(other, hash)).toBe(false);
    }
  });

  test('gives another hash each time, at the cost that is said', async () => {
    const [one, other] = [await hashPassword('p'), await hashPassword('p')];
    expect(printHash(one)).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/);
    expect(one).toMatchObject(newHashCost);
    expect(one.tag.equals(other.tag)).toBe(false);
  });

  test.each([
    ['', 0],
    ['x'.repeat(1025), 1025],
  ])('of no length that is taken makes no hash', async (password, size) => {
    await expect(hashPassword(password)).rejects.toThrow(`a password has from 1 to 1024 bytes, this one has ${size}`);
  });

  test('hashed by the reference implementation fits', async () => {
    // phc-winner-argon2, test.c: argon2id v19, t=2, m=2^8, p=1, "password", "somesalt".
    const hash = parseHash('$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4');
    if ('fault' in hash) throw new Error(hash.fault);
    expect(await matches('password', hash)).toBe(true);
    expect(await matches('passwore', hash)).toBe(false);
  });
});
