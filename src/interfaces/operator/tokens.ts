import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { anonymousPrincipal, tokenAbout, tokenId, tokenPrincipal } from '../../../events/tokens.ts';
import type { State } from '../../../projections/state.ts';
import { type TokenRow, tokenOf, tokenRows } from '../../../projections/tokens.ts';
import { newToken } from '../../authentication/bearerTokens.ts';
import { type Asker, denialOf } from '../../deciders/authorizer.ts';
import { describeCluster } from '../../deciders/permissions.ts';
import type { Node } from '../../engine/node.ts';
import type { Outcome } from '../../engine/submission.ts';
import type { Clock } from '../../ports/clock.ts';
import { rejection } from '../../rejection.ts';
import { answer, provenanceJson, refusals, stampProvenance, writeAnswer } from './answers.ts';
import { askerOf } from './authorization.ts';
import type { Identity } from './identity.ts';
import { type Problem, problem, problemOfRejection, Refused, sendProblem } from './problems.ts';
import { callerOf, readQuery, readState, reason, writeHeaders } from './requests.ts';

/** Ten years. */
const longestMs = 3_652 * 86_400_000;
const end = z.number().int().optional().describe('From when on it is refused, epoch milliseconds; absent: it has no end.');
const tokenJson = z.strictObject({
  tokenId,
  principal: z.string().describe('As whom its bearer acts.'),
  about: z.string(),
  expiresAt: end,
  issuedAt: z.number().int().describe('Epoch milliseconds.'),
  issuedBy: z.string().describe('Who issued it.'),
  position: z.number().int().describe('Of the event that issued it.'),
});
const listJson = z
  .strictObject({ tokens: z.array(tokenJson), provenance: provenanceJson })
  .describe('Tokens that are neither revoked nor expired, the newest last; never the secrets.');
const issueBody = z.strictObject({
  principal: tokenPrincipal.optional().describe('As whom its bearer shall act, `User:ci`; absent: the caller.'),
  about: tokenAbout.default('').describe('What it is for.'),
  validForMs: z
    .number()
    .int()
    .min(1)
    .max(longestMs, 'at most ten years')
    .optional()
    .describe('How long it counts, milliseconds; absent: it has no end.'),
  reason: reason.optional(),
});
const issuedJson = z
  .strictObject({
    ...writeAnswer.shape,
    tokenId,
    principal: z.string(),
    expiresAt: end,
    token: z.string().describe('The token itself, for `Authorization: Bearer`: shown now and never again.'),
  })
  .describe('Issued, and durable.');
const tags = ['access'];

/**
 * GET and POST /v1/tokens, DELETE /v1/tokens/:tokenId: bearer tokens. The secret is made here and answered once; the log keeps a hash.
 * So a request that is sent again under its Idempotency-Key is refused when the first one was done: its secret cannot be shown again.
 */
export const tokenRoutes: FastifyPluginAsyncZod<{ node: Node; clock: Pick<Clock, 'now'> }> = async (http, { clock, node }) => {
  const querystring = z.strictObject(readQuery);
  http.get(
    '/v1/tokens',
    { schema: { summary: 'Bearer tokens that count', tags, querystring, response: { 200: listJson, ...refusals } } },
    async (request, reply) => {
      const { provenance, state } = await readState(node, request.query);
      stampProvenance(reply, provenance);
      return reply.send({ tokens: tokensFor(state, askerOf(request)), provenance });
    },
  );
  http.post(
    '/v1/tokens',
    {
      schema: {
        summary: 'Issue a bearer token',
        tags,
        headers: writeHeaders,
        body: issueBody,
        response: { 200: issuedJson, ...refusals },
      },
    },
    async (request, reply) => {
      const { about, principal = known(request.identity), validForMs } = request.body;
      const { hash, text, tokenId: made } = newToken();
      const expires = validForMs === undefined ? {} : { expiresAt: clock.now() + validForMs };
      if (principal === request.identity.principal) checkEnd(expires, node.state, request.identity);
      const command = { name: 'issueToken', about, ...expires, hash, principal, tokenId: made } as const;
      const outcome = await node.submit(command, callerOf(request, request.body.reason));
      if (outcome.kind === 'unknown') return sendProblem(reply, unknown(made, outcome)) as typeof reply;
      if (outcome.kind !== 'done') return answer(reply, outcome, node);
      const { changed, duplicate, position } = outcome;
      stampProvenance(reply, { ...node.provenance, position });
      reply.header('cache-control', 'no-store');
      return reply.send({ position, changed, duplicate, tokenId: made, principal, ...expires, token: text });
    },
  );
  http.delete(
    '/v1/tokens/:tokenId',
    {
      schema: {
        summary: 'Revoke a bearer token',
        tags,
        headers: writeHeaders,
        params: z.strictObject({ tokenId }),
        querystring: z.strictObject({ reason: reason.optional() }),
        response: { 200: writeAnswer, ...refusals },
      },
    },
    async (request, reply) => {
      known(request.identity);
      const command = { name: 'revokeToken', tokenId: request.params.tokenId } as const;
      return answer(reply, await node.submit(command, callerOf(request, request.query.reason)), node);
    },
  );
};

/** What was given for a time must not make itself last for ever. @throws Refused */
function checkEnd({ expiresAt }: { readonly expiresAt?: number }, state: State, { principal, tokenId: own }: Identity): void {
  const end = own === undefined ? undefined : tokenOf(state.tokens, own)?.expiresAt;
  if (end === undefined || (expiresAt !== undefined && expiresAt <= end)) return;
  const detail = `a token that ends gives its bearer none that lasts longer than until ${new Date(end).toISOString()}`;
  const facts = { principal, operation: 'ALTER', resource: 'cluster' };
  throw new Refused(problemOfRejection(rejection('AUTHORIZATION_DENIED', 'validForMs', detail, facts)));
}

/** Asking again with the same key would not help: the secret is another one then. */
function unknown(tokenId: string, { commandId, detail }: Extract<Outcome, { readonly kind: 'unknown' }>): Problem {
  const remedy = `If GET /v1/tokens shows ${tokenId}, revoke it: nobody has its secret. Then ask again, with a new Idempotency-Key.`;
  return problem('OUTCOME_UNKNOWN', `token ${tokenId} may have been issued or not: ${detail}`, { remedy, more: { commandId, tokenId } });
}

/** Where no authorizer asks, nobody without credentials must become somebody either. @throws Refused with UNAUTHENTICATED */
function known({ principal }: Identity): string {
  if (principal !== anonymousPrincipal) return principal;
  throw new Refused(problem('UNAUTHENTICATED', 'tokens are for callers that the node knows'));
}

/** Everybody sees their own; whoever may look at the cluster sees all. */
function tokensFor(state: State, asker: Asker): Omit<TokenRow, 'hash'>[] {
  const seesAll = denialOf(state, asker, [describeCluster]) === undefined;
  return tokenRows(state.tokens)
    .filter(({ principal }) => seesAll || principal === asker.principal)
    .map(({ hash: _, ...row }) => row);
}
