import { z } from 'zod';
import {
  expiresAt,
  type TokenEvent,
  tokenAbout,
  tokenExpired,
  tokenHash,
  tokenId,
  tokenIssued,
  tokenLimits,
  tokenPrincipal,
  tokenRevoked,
} from '../../events/tokens.ts';
import { tokenCount, tokenCountOf, tokenOf } from '../../projections/tokens.ts';
import { accept, type Decision, reject } from '../rejection.ts';
import { defineCommand } from './kit.ts';

/**
 * Give somebody a bearer token. The secret is made, and shown once, by whoever gives this command; it comes here as a hash.
 * @returns `TokenIssued`; or TOKEN_EXISTS (the id), MALFORMED_REQUEST (it would be over before it began), TOO_MANY_TOKENS
 */
export const issueToken = defineCommand({
  name: 'issueToken',
  about: 'Give somebody a bearer token.',
  input: z.strictObject({
    about: tokenAbout,
    expiresAt: expiresAt.exactOptional(),
    hash: tokenHash,
    principal: tokenPrincipal,
    tokenId,
  }),
  decide: (state, command, { timeOfDay }): Decision<TokenEvent> => {
    if (tokenOf(state.tokens, command.tokenId) !== undefined)
      return reject('TOKEN_EXISTS', 'tokenId', `there is a token '${command.tokenId}' already`);
    if (command.expiresAt !== undefined && command.expiresAt <= timeOfDay)
      return reject('MALFORMED_REQUEST', 'expiresAt', `its time, ${command.expiresAt}, is over already: it is ${timeOfDay}`);
    if (tokenCount(state.tokens) >= tokenLimits.total)
      return reject('TOO_MANY_TOKENS', '', `there are ${tokenLimits.total} tokens already`);
    // Everybody may issue tokens for themselves: nobody has so many that nobody else can have one.
    if (tokenCountOf(state.tokens, command.principal) >= tokenLimits.ofOne)
      return reject('TOO_MANY_TOKENS', 'principal', `there are ${tokenLimits.ofOne} tokens for ${command.principal} already`);
    return accept(tokenIssued(command));
  },
});

/** Take a bearer token back. @returns `TokenRevoked`; or UNKNOWN_TOKEN: it never was, or was revoked, or expired. */
export const revokeToken = defineCommand({
  name: 'revokeToken',
  about: 'Take a bearer token back.',
  input: z.strictObject({ tokenId }),
  decide: (state, command): Decision<TokenEvent> => {
    const row = tokenOf(state.tokens, command.tokenId);
    if (row === undefined) return reject('UNKNOWN_TOKEN', 'tokenId', `there is no token '${command.tokenId}'`);
    return accept(tokenRevoked({ principal: row.principal, tokenId: row.tokenId }));
  },
});

/** A token's time is over: given by the scheduler. @returns `TokenExpired`, nothing while it still has time or when it is gone. */
export const expireToken = defineCommand({
  name: 'expireToken',
  about: 'Take a bearer token off the list when its time is over.',
  input: z.strictObject({ tokenId }),
  decide: (state, command, { timeOfDay }): Decision<TokenEvent> => {
    const row = tokenOf(state.tokens, command.tokenId);
    if (row?.expiresAt === undefined || timeOfDay < row.expiresAt) return accept();
    return accept(tokenExpired({ principal: row.principal, tokenId: row.tokenId }));
  },
});
