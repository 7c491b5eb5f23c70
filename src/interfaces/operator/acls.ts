import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { type Acl, aclEffects, aclLimits, aclOperations } from '../../../events/acls.ts';
import type { Grant } from '../../../projections/acls.ts';
import { type AclFilter, exactAcl, listAcls } from '../../deciders/acls.ts';
import { principalText, resourceText } from '../../deciders/resources.ts';
import type { Node } from '../../engine/node.ts';
import { isRejection } from '../../rejection.ts';
import { type AclPart, aclParts, aclTextFault, readAclPart } from '../sql/aclTexts.ts';
import { answer, provenanceJson, refusals, stampProvenance, writeAnswer } from './answers.ts';
import { askerOf } from './authorization.ts';
import { malformed, problemOfRejection, Refused } from './problems.ts';
import { callerOf, readQuery, readState, reason, wholeNumber, writeHeaders } from './requests.ts';

const pageLimit = 1000;
const part = z.string().min(1).max(1024);
const operationWords = `one of ${aclOperations.join(', ')}; DELETE is DROP`;
const abouts: Readonly<Record<AclPart, string>> = {
  resource: 'CLUSTER, a database, or database.table; * is every database, *.* every table.',
  permission: 'ALLOW or DENY.',
  principal: 'User:alice; ALL is everyone.',
  operation: `${operationWords}.`,
  host: 'An IP address; * is any.',
};
const words: Readonly<Record<AclPart, string>> = {
  resource: 'CLUSTER, database or database.table',
  permission: 'ALLOW or DENY',
  principal: 'Type:Name, such as User:alice, or ALL',
  operation: operationWords,
  host: 'an IP address or *',
};
const aclJson = z
  .strictObject({
    resource: z.string(),
    permission: z.enum(aclEffects),
    principal: z.string(),
    operation: z.enum(aclOperations),
    host: z.string(),
    position: z.number().int().describe('Of the event that granted it: GET /v1/events?from=<position>&to=<position>.'),
    grantedAt: z.number().int().describe('When, epoch milliseconds.'),
    grantedBy: z.string().describe('By whom.'),
  })
  .describe('An entry of the access control list.');
const listJson = z
  .strictObject({
    acls: z.array(aclJson),
    total: z.number().int().describe('How many match.'),
    next: z.number().int().optional().describe('There are more: ask again with ?offset=<this>, while provenance.position stays the same.'),
    provenance: provenanceJson,
  })
  .describe('Entries by resource, principal, operation and host, on resources that the caller may DESCRIBE.');

const filterShape = Object.fromEntries(
  aclParts.map((name) => [name, part.optional().describe(`${abouts[name]} ANY matches all.`)]),
) as Record<AclPart, z.ZodOptional<z.ZodString>>;
const entryJson = z.strictObject({
  resource: part.describe(abouts.resource),
  permission: part.describe(abouts.permission),
  principal: part.describe(abouts.principal),
  operation: part.describe(abouts.operation),
  host: part.default('*').describe(abouts.host),
});
const grantBody = z.strictObject({ acls: z.array(entryJson).min(1).max(aclLimits.perCall), reason: reason.optional() });
const tags = ['acls'];

/**
 * GET /v1/acls lists the entries that the caller may see; POST /v1/acls grants some, DELETE /v1/acls takes off what the filters in the
 * address match: all or nothing, one event. Writes take the header Idempotency-Key and answer {position, changed, duplicate}.
 */
export const aclRoutes: FastifyPluginAsyncZod<{ node: Node }> = async (http, { node }) => {
  const listQuery = z.strictObject({
    ...filterShape,
    limit: wholeNumber.optional().describe(`How many at most, up to ${pageLimit}; default 100.`),
    offset: wholeNumber.optional().describe('How many to leave out at the beginning.'),
    ...readQuery,
  });
  http.get(
    '/v1/acls',
    { schema: { summary: 'The access control list', tags, querystring: listQuery, response: { 200: listJson, ...refusals } } },
    async (request, reply) => {
      const filter = filterOf(request.query);
      const { state, provenance } = await readState(node, request.query);
      const found = listAcls(state, askerOf(request), filter);
      if (isRejection(found)) throw new Refused(problemOfRejection(found));
      const { offset = 0, limit = 100 } = request.query;
      const page = found.slice(offset, offset + Math.min(pageLimit, Math.max(1, limit)));
      const next = offset + page.length < found.length ? { next: offset + page.length } : {};
      stampProvenance(reply, provenance);
      return reply.send({ acls: page.map(shown), total: found.length, ...next, provenance });
    },
  );
  const write = { tags, headers: writeHeaders, response: { 200: writeAnswer, ...refusals } };
  http.post('/v1/acls', { schema: { ...write, summary: 'Grant entries, all or nothing', body: grantBody } }, async (request, reply) => {
    const acls = request.body.acls.map((each, i) => entryOf(each, `acls[${i}].`));
    return answer(reply, await node.submit({ name: 'grantAcls', acls }, callerOf(request, request.body.reason)), node);
  });
  const dropQuery = z.strictObject({ ...filterShape, reason: reason.optional() });
  http.delete(
    '/v1/acls',
    { schema: { ...write, summary: 'Revoke the entries that match, all or nothing', querystring: dropQuery } },
    async (request, reply) => {
      if (aclParts.every((name) => request.query[name] === undefined))
        throw new Refused(malformed('resource', 'name at least one of the filters; resource=ANY matches every entry'));
      const filters = [filterOf(request.query)];
      return answer(reply, await node.submit({ name: 'revokeAcls', filters }, callerOf(request, request.query.reason)), node);
    },
  );
};

type Texts = { readonly [P in AclPart]?: string | undefined };

/** @throws Refused with MALFORMED_REQUEST and the field */
function filterOf(texts: Texts, path = ''): AclFilter {
  let filter: AclFilter = {};
  for (const name of aclParts) {
    const text = texts[name];
    if (text === undefined) continue;
    const read = readAclPart(name, text);
    const fault = read === undefined ? `'${text.slice(0, 100)}' is not ${words[name]}` : aclTextFault(read);
    if (fault !== undefined) throw new Refused(malformed(`${path}${name}`, fault));
    filter = { ...filter, ...read };
  }
  return filter;
}

function entryOf(texts: Texts, path: string): Acl {
  const entry = exactAcl(filterOf(texts, path));
  if (entry !== undefined) return entry;
  const open = aclParts.find((each) => texts[each]?.toUpperCase() === 'ANY') ?? 'resource';
  throw new Refused(malformed(`${path}${open}`, 'ANY is for filters; an entry names what it is about'));
}

const shown = ({ effect, grantedAt, grantedBy, host, operation, position, principal, resource }: Grant) => ({
  resource: resourceText(resource),
  permission: effect,
  principal: principalText(principal),
  operation,
  host,
  position,
  grantedAt,
  grantedBy,
});
