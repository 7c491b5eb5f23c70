import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { Node } from '../../engine/node.ts';
import { provenanceJson, refusals, stampProvenance } from './answers.ts';
import { tablesOf, wholeNumber } from './requests.ts';

const pageLimit = 1000;
const denialJson = z
  .strictObject({
    at: z.number().int().describe("Epoch milliseconds of the node's clock."),
    principal: z.string(),
    host: z.string().optional(),
    interface: z.string().describe('The surface that was asked: operator, sql, metaservice or fluss.'),
    what: z.string().describe('A command, a route, a table: what was asked for.'),
    operation: z.string().describe('What they may not do, to `resource`.'),
    resource: z.string(),
    detail: z.string(),
  })
  .describe('Something that was not allowed.');
const listJson = z
  .strictObject({
    denials: z.array(denialJson),
    kept: z.number().int().describe('How many this node keeps at most: the setting audit-denials. 0: none.'),
    counts: z.record(z.string(), z.number().int()).describe('Since this process came up, by interface.'),
    provenance: provenanceJson,
  })
  .describe('What this node refused to those who may not, the newest first. Each node keeps its own, in memory.');

/** GET /v1/denials: the newest things that this node did not let somebody do. */
export const denialRoutes: FastifyPluginAsyncZod<{ node: Node }> = async (http, { node }) => {
  const querystring = z.strictObject({ limit: wholeNumber.optional().describe(`How many at most, up to ${pageLimit}; default 100.`) });
  const schema = { summary: 'What this node denied', tags: ['access'], querystring, response: { 200: listJson, ...refusals } };
  http.get('/v1/denials', { schema }, async (request, reply) => {
    const { provenance } = tablesOf(request);
    const { denials } = node;
    stampProvenance(reply, provenance);
    const newest = denials.newest(Math.min(pageLimit, request.query.limit ?? 100));
    return reply.send({ denials: [...newest], kept: denials.limit, counts: Object.fromEntries(denials.counts), provenance });
  });
};
