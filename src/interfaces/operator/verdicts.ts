import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { aclEffects, aclHost, aclOperations } from '../../../events/acls.ts';
import { isAuthorizing, isSuperUser, type Need } from '../../deciders/authorizer.ts';
import { resourceOf } from '../../deciders/resources.ts';
import { denialOfQuestionAbout } from '../../engine/authorization.ts';
import type { History } from '../../engine/history/port.ts';
import type { Node } from '../../engine/node.ts';
import { explain } from '../../engine/verdicts.ts';
import { provenanceJson, refusals, stampProvenance } from './answers.ts';
import { askerOf } from './authorization.ts';
import { malformed, problemOfRejection, Refused } from './problems.ts';
import { readQuery, readState } from './requests.ts';

const whoamiJson = z
  .strictObject({
    principal: z.string(),
    host: z.string().describe('IP address that the request came from.'),
    method: z.string().describe('How the caller proved it: none, basic, bearer or certificate.'),
    isSuperUser: z.boolean(),
    isAuthorizing: z.boolean().describe('False: there is no authorizer, everybody may do everything.'),
    provenance: provenanceJson,
  })
  .describe('Whom this node takes the caller for.');

const query = z.strictObject({
  principal: z
    .string()
    .regex(/^[^\p{Cc}\p{Cs}]{1,321}$/u, 'a principal such as User:alice')
    .optional()
    .describe('User:alice; absent: the caller.'),
  operation: z
    .string()
    .transform((text) => (text.toUpperCase() === 'DELETE' ? 'DROP' : text.toUpperCase()))
    .pipe(z.enum(aclOperations, `one of ${aclOperations.join(', ')}`))
    .describe(`One of ${aclOperations.join(', ')}; DELETE is DROP.`),
  resource: z.string().max(1024).describe('CLUSTER, a database, or database.table.'),
  host: aclHost.optional().describe("From there; absent: entries for any host alone count, and for oneself those for the caller's."),
  ...readQuery,
});
const entryJson = z
  .strictObject({
    permission: z.enum(aclEffects),
    operation: z.enum(aclOperations),
    resource: z.string(),
    principal: z.string(),
    host: z.string(),
    position: z.number().int().describe('Of the event that granted it.'),
    grantedAt: z.number().int().describe('When, epoch milliseconds.'),
    grantedBy: z.string().describe('By whom.'),
    interface: z.string().optional().describe('Through what.'),
    reason: z.string().optional().describe('Why, in their words.'),
  })
  .describe('The entry that decides it.');
const answerJson = z
  .strictObject({
    isAllowed: z.boolean(),
    because: z.enum(['disabled', 'own', 'super', 'entry', 'nothing']),
    words: z.string().describe('The same in a sentence.'),
    principal: z.string(),
    operation: z.enum(aclOperations),
    resource: z.string(),
    host: z.string().optional(),
    entry: entryJson.optional(),
    provenance: provenanceJson,
  })
  .describe('Whether somebody may do something, and what that rests on.');
const tags = ['access'];

/** GET /v1/whoami, and GET /v1/authorization: may they, and why. About others it is for those who may DESCRIBE the cluster. */
export const verdictRoutes: FastifyPluginAsyncZod<{ node: Node; history: History }> = async (http, { history, node }) => {
  const querystring = z.strictObject(readQuery);
  http.get(
    '/v1/whoami',
    { schema: { summary: 'Who the caller is', tags, querystring, response: { 200: whoamiJson, ...refusals } } },
    async (request, reply) => {
      const { provenance, state } = await readState(node, request.query);
      const { host, method, principal } = request.identity;
      stampProvenance(reply, provenance);
      const standing = { isSuperUser: isSuperUser(state, askerOf(request)), isAuthorizing: isAuthorizing(state) };
      return reply.send({ principal, host, method, ...standing, provenance });
    },
  );
  http.get(
    '/v1/authorization',
    { schema: { summary: 'May somebody do something, and why', tags, querystring: query, response: { 200: answerJson, ...refusals } } },
    async (request, reply) => {
      const { provenance, state } = await readState(node, request.query);
      const own = askerOf(request);
      const { operation, principal = own.principal, resource } = request.query;
      const question = { state, asker: own, what: 'GET /v1/authorization' };
      const denial = denialOfQuestionAbout(node.denials, question, principal);
      if (denial !== undefined) throw new Refused(problemOfRejection(denial));
      const host = request.query.host ?? (principal === own.principal ? own.host : undefined);
      const from = host === undefined ? {} : { host };
      const verdict = await explain(
        state,
        { events: async (query) => await history.events(query, own.principal) },
        { principal, interface: 'operator', ...from },
        { operation, resource: named(resource) },
      );
      stampProvenance(reply, provenance);
      return reply.send({ ...verdict, principal, operation, resource, ...from, provenance });
    },
  );
};

function named(text: string): Need['resource'] {
  const resource = resourceOf(text);
  if (resource === undefined) throw new Refused(malformed('resource', 'give CLUSTER, a database, or database.table'));
  return resource;
}
