import { z } from 'zod';
import { defineEvent, type EventOf } from './kit.ts';

/** Bounds. Texts are in UTF-16 code units; `total` counts tokens that are neither revoked nor expired, `ofOne` those of one principal. */
export const tokenLimits = { total: 10_000, ofOne: 1_000, idLength: 32, aboutLength: 200, principalLength: 256 } as const;

const onOneLine = /^[^\p{Cc}\p{Cs}]*$/u;
export const tokenId = z
  .string()
  .regex(/^[A-Za-z0-9]{1,32}$/, `letters and digits, at most ${tokenLimits.idLength}`)
  .describe('Names the token; no secret.');
/** Who gives no credentials, where that is allowed. */
export const anonymousPrincipal = 'User:ANONYMOUS';
/** Callers are users; nobody can be given the name of those without credentials. */
export const tokenPrincipal = z
  .string()
  .max(tokenLimits.principalLength, `at most ${tokenLimits.principalLength} characters`)
  .regex(/^User:[^\p{Cc}\p{Cs}]+$/u, 'a user, such as User:ci')
  .refine((text) => text !== anonymousPrincipal, `${anonymousPrincipal} is who gives no credentials`)
  .describe('As whom its bearer acts, `User:ci`.');
export const tokenAbout = z
  .string()
  .max(tokenLimits.aboutLength, `at most ${tokenLimits.aboutLength} characters`)
  .regex(onOneLine, 'no control characters')
  .describe('What it is for, in the words of whoever issued it.');
export const tokenHash = z
  .string()
  .regex(/^[0-9a-f]{64}$/, 'SHA-256 as 64 hex digits')
  .describe('SHA-256 of its secret part, 256 random bits: nobody finds the secret from it.');
export const expiresAt = z.number().int().min(1).describe('Epoch milliseconds from which on it is refused; absent: it has no end.');

const subjectsOf = ({ principal, tokenId }: { readonly principal: string; readonly tokenId: string }): readonly string[] => [
  `token/${tokenId}`,
  `principal/${principal}`,
];

/** Raised by `issueToken`; folded by `projections/tokens.ts` and `projections/deadlines.ts`. */
export const tokenIssued = defineEvent('TokenIssued', {
  about: 'Somebody was given a bearer token.',
  version: 1,
  data: z.strictObject({
    about: tokenAbout,
    expiresAt: expiresAt.exactOptional(),
    hash: tokenHash,
    principal: tokenPrincipal,
    tokenId,
  }),
  subjects: subjectsOf,
});

const gone = z.strictObject({ principal: tokenPrincipal, tokenId });

/** Raised by `revokeToken`; folded by `projections/tokens.ts` and `projections/deadlines.ts`. */
export const tokenRevoked = defineEvent('TokenRevoked', {
  about: 'Somebody took a bearer token back: from here on it is refused.',
  version: 1,
  data: gone,
  subjects: subjectsOf,
});

/** Raised by `expireToken` when its time is over; folded by `projections/tokens.ts` and `projections/deadlines.ts`. */
export const tokenExpired = defineEvent('TokenExpired', {
  about: 'The time of a bearer token was over; it was refused from that time on already.',
  version: 1,
  data: gone,
  subjects: subjectsOf,
});

export type TokenEvent = EventOf<typeof tokenIssued> | EventOf<typeof tokenRevoked> | EventOf<typeof tokenExpired>;
