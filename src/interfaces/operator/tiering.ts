import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { databaseName, tableId, tableName } from '../../../events/catalog.ts';
import { fileBytes, records, service, tieringEpoch, tieringLimits } from '../../../events/tiering.ts';
import { restingStates } from '../../../projections/tieringStates.ts';
import { tieringAnswer, tieringReports } from '../../deciders/tiering.ts';
import type { Node } from '../../engine/node.ts';
import { submitHeartbeat } from '../../engine/tieringHeartbeats.ts';
import { faultOfScope, TieringListing } from '../../engine/tieringListing.ts';
import { answer, provenanceJson, refusals, stampProvenance } from './answers.ts';
import { malformed, problem, problemOfRejection, Refused } from './problems.ts';
import { callerOf, readQuery, readState, wholeNumber } from './requests.ts';

/** Four megabytes of heartbeat: a thousand failures with a text of 4,096 characters each. */
const heartbeatBytes = 4 * 1024 * 1024;
const pageLimits = { statuses: 10_000, defaultStatuses: 1000 } as const;
const count = z.number().int().min(0);
const time = z.number().int().describe('Epoch milliseconds.');
const tags = ['tiering'];

const listOf = <T extends z.ZodType>(entry: T) =>
  z.array(entry).max(tieringLimits.reports, `at most ${tieringLimits.reports} in one heartbeat: send the others in another one`);
const heartbeatBody = z.strictObject({
  service,
  failed: listOf(tieringReports.failure).default([]).describe('Rounds that failed.'),
  tiering: listOf(tieringReports.renewal).default([]).describe('Rounds that go on.'),
  finished: listOf(tieringReports.success).default([]).describe('Rounds that went well.'),
  forced: listOf(tableId).default([]).describe('Which of the finished ones were cut short: they are due again at once.'),
  wantsTable: z.boolean().default(false).describe('Whether it asks for a table: then it names every table that it has.'),
});
const heartbeatJson = tieringAnswer
  .extend({ position: count.describe('At or after it the statuses show what came of it.') })
  .describe('What counts of it, and a table to tier, if one was asked for and is due.');

const scope = {
  database: databaseName.optional().describe('The tables of this one alone.'),
  table: tableName.optional().describe('This one alone; its database is to be named, too.'),
};
const statusJson = z
  .strictObject({
    tableId,
    database: z.string(),
    table: z.string(),
    status: z.enum(restingStates).describe('Scheduled: its timer runs. Pending: it waits for a service. Tiering: a service has it.'),
    tieringEpoch,
    lastTieredAt: time.optional().describe('Epoch milliseconds; absent before it was tiered for the first time.'),
    lastError: z.string().optional().describe('Why its newest round failed; absent when that went well, or when its service did not say.'),
    lastErrorAt: time.optional().describe('When its newest round failed, epoch milliseconds; absent when that went well.'),
    since: time.describe('When it came into its status, epoch milliseconds.'),
    freshnessMs: count.describe('How old its data in the lake may become, milliseconds.'),
    dueAt: time.optional().describe('When it is due to be tiered, epoch milliseconds; while it is Scheduled.'),
    failures: count.describe('How many of its rounds failed since it is a lake table.'),
    failuresInRow: count.describe('How many of them since one went well.'),
    service: service.optional().describe('Who tiers it; while it is Tiering.'),
    lastDurationMs: count.optional().describe('How long its newest round took that went well, milliseconds.'),
    fileBytes: fileBytes.optional(),
    records: records.optional(),
  })
  .describe('Where a lake table stands.');
const statusesJson = z
  .strictObject({
    tables: z.array(statusJson),
    total: count.describe('How many there are on all pages.'),
    next: count.optional().describe('There are more: ask again with ?offset=<this>.'),
    counts: z
      .strictObject({ Scheduled: count, Pending: count, Tiering: count })
      .describe('How many are in each status: of all, or of the database or table that is asked for.'),
    failing: count.describe('How many of those failed in their newest round.'),
    provenance: provenanceJson,
  })
  .describe('Lake tables.');
const statusesQuery = z.strictObject({
  ...scope,
  order: z
    .enum(['name', 'worst'])
    .default('name')
    .describe('worst: those that failed most often in a row first, then those that are latest. Default: by name.'),
  failing: z
    .enum(['true', 'false'])
    .default('false')
    .transform((word) => word === 'true')
    .describe('true: those alone whose newest round failed.'),
  limit: wholeNumber
    .refine((wanted) => wanted >= 1 && wanted <= pageLimits.statuses, `from 1 to ${pageLimits.statuses}`)
    .default(pageLimits.defaultStatuses)
    .describe(`How many at most, up to ${pageLimits.statuses}; default ${pageLimits.defaultStatuses}.`),
  offset: wholeNumber.default(0).describe('How many to leave out at the beginning.'),
  ...readQuery,
});

/**
 * POST /v1/tiering/heartbeats: what a tiering service says of its tables, and asks for; any node takes it. GET /v1/tiering/statuses: where
 * each lake table stands, from the tables of the node that is asked.
 */
export const tieringRoutes: FastifyPluginAsyncZod<{ node: Node }> = async (http, parts) => {
  await http.register(heartbeatRoute, parts);
  await http.register(statusRoute, parts);
};

const heartbeatRoute: FastifyPluginAsyncZod<{ node: Node }> = async (http, { node }) => {
  const schema = {
    summary: 'A tiering service reports on its tables, and may ask for another one',
    description:
      'Each report is answered by itself, in the order in which they were given, and fenced by its epoch: a heartbeat that was not ' +
      'answered is sent again as it is. A service sends one at a time.',
    tags,
    body: heartbeatBody,
    response: { 200: heartbeatJson, ...refusals },
  };
  http.post('/v1/tiering/heartbeats', { schema, bodyLimit: heartbeatBytes }, async (request, reply) => {
    const { identity, body } = request;
    const finished = new Set(body.finished.map((report) => report.tableId));
    const strange = body.forced.findIndex((id) => !finished.has(id));
    if (strange >= 0) throw new Refused(malformed(`forced[${strange}]`, `table ${body.forced[strange]} is not among those that finished`));
    // Under a new key each time: what a service says again may be news again.
    const outcome = await submitHeartbeat(node, body, callerOf({ identity, headers: {} }, undefined));
    if (outcome.kind === 'unknown') throw new Refused(problem('OUTCOME_UNKNOWN', maybe(outcome.detail), { remedy: sendAgain }));
    if (outcome.kind === 'rejected') return answer(reply, outcome, node);
    stampProvenance(reply, { ...node.provenance, position: outcome.position });
    return reply.send({ ...outcome.answer, position: outcome.position });
  });
};
const maybe = (detail: string): string => `It may have been taken or not: ${detail}.`;
const sendAgain = 'Send the heartbeat again as it is: a report that was taken changes nothing when it comes again.';

const statusRoute: FastifyPluginAsyncZod<{ node: Node }> = async (http, { node }) => {
  const listing = new TieringListing();
  http.get(
    '/v1/tiering/statuses',
    { schema: { summary: 'Where lake tables stand', tags, querystring: statusesQuery, response: { 200: statusesJson, ...refusals } } },
    async (request, reply) => {
      const { failing: isFailing, ...query } = request.query;
      const { provenance, state } = await readState(node, query);
      const fault = faultOfScope(state, query);
      if (fault !== undefined) throw new Refused(problemOfRejection(fault));
      const { tables, ...more } = listing.page(state, { ...query, isFailing });
      stampProvenance(reply, provenance);
      return reply.send({ tables: [...tables], ...more, provenance });
    },
  );
};
