import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { History } from '../../engine/history/port.ts';
import { provenanceJson, refusals, stampProvenance } from './answers.ts';
import { moment, readQuery, tablesOf } from './requests.ts';

const query = z.strictObject({
  at: moment.optional().describe('A position, or a time: then the state after the last event at or before it. Absent: now.'),
  projection: z
    .union([z.string(), z.array(z.string()).max(50)])
    .transform((given) => (typeof given === 'string' ? [given] : given))
    .optional()
    .describe('Name of a table family, `configs`; may be repeated. Absent: all but the bookkeeping.'),
  ...readQuery,
});
const stateJson = z
  .strictObject({
    position: z.number().int(),
    at: z.number().int().describe('Epoch milliseconds of the event at that position.'),
    epoch: z.number().int(),
    state: z.record(z.string(), z.unknown()).describe('Every table; secrets are the word `sealed`.'),
    provenance: provenanceJson,
  })
  .describe('All tables as they were.');

/** GET /v1/state?at=P|TIME: the tables as they were, folded anew from the log. */
export const stateRoutes: FastifyPluginAsyncZod<{ history: History }> = async (http, { history }) => {
  const schema = {
    summary: 'The tables at a moment',
    tags: ['history'],
    querystring: query,
    response: { 200: stateJson, ...refusals },
  };
  http.get('/v1/state', { schema }, async (request, reply) => {
    const { provenance } = tablesOf(request);
    const { at, projection } = request.query;
    const then = await history.stateAt(at, projection === undefined ? {} : { projections: projection }, request.identity.principal);
    stampProvenance(reply, provenance);
    return reply.send({ ...then, state: { ...then.state }, provenance });
  });
};
