import type { TokenEvent } from '../../../events/tokens.ts';
import { shown, type Words } from './shown.ts';

export const tokenWords: Words<TokenEvent['type']> = {
  TokenIssued: ({ about, expiresAt, principal, tokenId }) =>
    `issued token ${tokenId} for ${shown(principal)}${about === '' ? '' : `, "${shown(about)}"`}` +
    (expiresAt === undefined ? ', without an end' : `, until ${new Date(expiresAt).toISOString()}`),
  TokenRevoked: ({ principal, tokenId }) => `revoked token ${tokenId} of ${shown(principal)}`,
  TokenExpired: ({ principal, tokenId }) => `token ${tokenId} of ${shown(principal)} expired`,
};
