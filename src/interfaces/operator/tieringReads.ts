import type { FastifyRequest } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { databaseName, tableId, tableName } from '../../../events/catalog.ts';
import { fileBytes, records, service, tieringEpoch } from '../../../events/tiering.ts';
import type { State } from '../../../projections/state.ts';
import { restingStates } from '../../../projections/tieringStates.ts';
import type { Authenticator } from '../../authentication/authenticator.ts';
import type { History } from '../../engine/history/port.ts';
import type { Node } from '../../engine/node.ts';
import { faultOfScope, TieringListing, type TieringScope } from '../../engine/tieringListing.ts';
import type { Clock } from '../../ports/clock.ts';
import { provenanceJson, refusals, stampProvenance } from './answers.ts';
import { stillDenied } from './authorization.ts';
import { seenBy } from './catalog.ts';
import type { EventStreams } from './eventStreams.ts';
import { malformed, problemOfRejection, Refused } from './problems.ts';
import { readQuery, readState, tablesOf, wholeNumber } from './requests.ts';
import { FeedTurns, TieringFeed } from './tieringFeed.ts';

const pageLimits = { statuses: 1000, failures: 1000, defaultFailures: 100, failureOffset: 100_000 } as const;
const count = z.number().int().min(0);
const time = z.number().int().describe('Epoch milliseconds.');
const tags = ['tiering'];

const limitOf = (most: number, usual: number) =>
  wholeNumber
    .refine((wanted) => wanted >= 1 && wanted <= most, `from 1 to ${most}`)
    .default(usual)
    .describe(`How many at most, up to ${most}; default ${usual}.`);
const flag = z
  .enum(['true', 'false'])
  .default('false')
  .transform((word) => word === 'true');
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
    staleAt: time.describe('When its data in the lake is older than its freshness allows, or since when it is; epoch milliseconds.'),
    failures: count.describe('How many of its rounds failed since it is a lake table.'),
    failuresInRow: count.describe('How many of them since one went well.'),
    failingSince: time.optional().describe('When the first of those failed, epoch milliseconds.'),
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
  failing: flag.describe('true: those alone whose newest round failed.'),
  limit: limitOf(pageLimits.statuses, pageLimits.statuses),
  offset: wholeNumber.default(0).describe('How many to leave out at the beginning.'),
  ...readQuery,
});

const streamQuery = z.strictObject({
  ...scope,
  changesOnly: flag.describe('true: without a message for each table at the beginning.'),
  ...readQuery,
});
const changeJson = statusJson
  .extend({
    status: z.enum([...restingStates, 'Removed']).describe('Removed: it is dropped, or not tiered any more; the rest is how it was.'),
  })
  .describe('Where a lake table stands, whenever that changes.');

const failureJson = z
  .strictObject({
    tableId,
    database: z.string(),
    table: z.string().describe('As it was called; it may be gone since.'),
    tieringEpoch: tieringEpoch.describe('The round that failed.'),
    service,
    because: z.enum(['REPORTED', 'TIMED_OUT']).describe('REPORTED: its service said so. TIMED_OUT: nothing was heard of its service.'),
    error: z.string().optional().describe('What went wrong; absent when its service gave no reason.'),
    at: time.describe('When it failed, epoch milliseconds.'),
    failuresInRow: count.describe('How many rounds of the table had failed in a row by then, this one too.'),
    durationMs: count.describe('From handing the table out until it failed, milliseconds.'),
    position: count.describe('Of the event that says so.'),
  })
  .describe('A round of tiering that failed.');
const failuresJson = z
  .strictObject({
    failures: z.array(failureJson),
    next: count.optional().describe('There are more: ask again with ?offset=<this>. What fails meanwhile comes before all of them.'),
    provenance: provenanceJson,
  })
  .describe('Rounds that failed, the newest first.');
const failuresQuery = z.strictObject({
  ...scope,
  limit: limitOf(pageLimits.failures, pageLimits.defaultFailures),
  offset: wholeNumber
    .refine((skipped) => skipped <= pageLimits.failureOffset, `at most ${pageLimits.failureOffset}: GET /v1/events goes further back`)
    .default(0)
    .describe('How many of the newest to leave out.'),
  ...readQuery,
});

export interface TieringReadParts {
  readonly node: Node;
  readonly history: Pick<History, 'failures'>;
  readonly authenticator: Pick<Authenticator, 'standing'>;
  readonly streams: EventStreams;
  readonly clock: Clock;
}

/** Statuses, as they are and as they change, and past failures. */
export const tieringReads: FastifyPluginAsyncZod<TieringReadParts> = async (http, parts) => {
  await http.register(statusRoutes, parts);
  await http.register(failureRoute, parts);
};

/** @throws Refused with MALFORMED_REQUEST */
function checkNamed({ database, table }: TieringScope): void {
  if (table !== undefined && database === undefined) throw new Refused(malformed('database', 'a table is named by its database, too'));
}

/** @throws Refused with UNKNOWN_DATABASE, UNKNOWN_TABLE or MALFORMED_REQUEST */
function checkScope(state: State, scoped: TieringScope, request: FastifyRequest): void {
  checkNamed(scoped);
  const fault = faultOfScope(state, scoped, seenBy(state, request));
  if (fault !== undefined) throw new Refused(problemOfRejection(fault));
}

const statusRoutes: FastifyPluginAsyncZod<TieringReadParts> = async (http, { authenticator, clock, node, streams }) => {
  const listing = new TieringListing();
  const turns = new FeedTurns();
  http.get(
    '/v1/tiering/statuses',
    { schema: { summary: 'Where lake tables stand', tags, querystring: statusesQuery, response: { 200: statusesJson, ...refusals } } },
    async (request, reply) => {
      const { failing: isFailing, ...query } = request.query;
      const { provenance, state } = await readState(node, query);
      checkScope(state, query, request);
      const { tables, ...more } = listing.page(state, { ...query, isFailing });
      stampProvenance(reply, provenance);
      return reply.send({ tables: [...tables], ...more, provenance });
    },
  );
  const stream = { 200: { description: 'Server-sent events.', content: { 'text/event-stream': { schema: changeJson } } }, ...refusals };
  const schema = {
    summary: 'Where lake tables stand, and each change of that',
    description:
      'First a message for each table, in no order; then one for each that changes. What changes several times at once is told in one. ' +
      'A reader that takes more than a minute for what there is to tell is cut off, and begins anew.',
    tags,
    querystring: streamQuery,
    response: stream,
  };
  // HEAD would never be answered in full.
  http.get('/v1/tiering/stream', { schema, exposeHeadRoute: false }, async (request, reply) => {
    const { changesOnly, database, table, ...read } = request.query;
    const { state } = await readState(node, read);
    checkScope(state, { database, table }, request);
    const denied = stillDenied(node, authenticator, request);
    const known = changesOnly ? { known: state } : {};
    streams.show(reply, new TieringFeed({ node, clock, turns, scope: { database, table }, ...known, denied }));
    return reply;
  });
};

const failureRoute: FastifyPluginAsyncZod<TieringReadParts> = async (http, { history }) => {
  http.get(
    '/v1/tiering/failures',
    {
      schema: { summary: 'Rounds of tiering that failed', tags, querystring: failuresQuery, response: { 200: failuresJson, ...refusals } },
    },
    async (request, reply) => {
      const { provenance } = tablesOf(request);
      checkNamed(request.query); // Of a table that is gone there are failures, too.
      const { database, limit, offset, table } = request.query;
      const scoped = { ...(database === undefined ? {} : { database }), ...(table === undefined ? {} : { table }) };
      const page = await history.failures({ ...scoped, limit, offset, toPosition: provenance.position }, request.identity.principal);
      stampProvenance(reply, provenance);
      return reply.send({ ...page, failures: [...page.failures], provenance });
    },
  );
};
