import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { tableId } from '../../../events/catalog.ts';
import { service, tieringLimits } from '../../../events/tiering.ts';
import { tieringAnswer, tieringReports } from '../../deciders/tiering.ts';
import type { Node } from '../../engine/node.ts';
import { submitHeartbeat } from '../../engine/tieringHeartbeats.ts';
import { answer, refusals, stampProvenance } from './answers.ts';
import { malformed, problem, Refused } from './problems.ts';
import { callerOf } from './requests.ts';
import { type TieringReadParts, tieringReads } from './tieringReads.ts';

/** Four megabytes of heartbeat: a thousand failures with a text of 4,096 characters each. */
const heartbeatBytes = 4 * 1024 * 1024;
const count = z.number().int().min(0);
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

/**
 * POST /v1/tiering/heartbeats: what a tiering service says of its tables, and asks for; any node takes it. GET /v1/tiering/statuses: where
 * each lake table stands, from the tables of the node that is asked; …/stream follows that by server-sent events, …/failures lists the
 * rounds that failed.
 */
export const tieringRoutes: FastifyPluginAsyncZod<TieringReadParts> = async (http, parts) => {
  await http.register(heartbeatRoute, parts);
  await http.register(tieringReads, parts);
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
