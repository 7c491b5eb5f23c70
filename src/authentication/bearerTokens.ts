import { createHash, randomBytes, randomInt, timingSafeEqual } from 'node:crypto';

/** A token as its bearer has it; the log knows `tokenId` and `hash`. */
export interface NewToken {
  readonly tokenId: string;
  readonly hash: string;
  /** `chancery_<tokenId>_<secret>`, shown once. */
  readonly text: string;
}

const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

/** A token with 256 random bits. */
export function newToken(): NewToken {
  const tokenId = Array.from({ length: 12 }, () => letters[randomInt(letters.length)]).join('');
  const secret = randomBytes(32).toString('base64url');
  return { tokenId, hash: hashOf(secret), text: `chancery_${tokenId}_${secret}` };
}

/** Takes a token apart. @returns undefined for a text that cannot be one */
export function parseToken(text: string): { readonly tokenId: string; readonly secret: string } | undefined {
  const [, tokenId, secret] = /^chancery_([A-Za-z0-9]{1,32})_([A-Za-z0-9_-]{43})$/.exec(text) ?? [];
  return tokenId === undefined || secret === undefined ? undefined : { tokenId, secret };
}

const hashOf = (secret: string): string => createHash('sha256').update(secret).digest('hex');

/** Whether a secret belongs to a hash, 64 hex digits; how much of it was right does not show in the time. */
export const isSecretOf = (secret: string, hash: string): boolean =>
  timingSafeEqual(Buffer.from(hashOf(secret), 'hex'), Buffer.from(hash, 'hex'));
