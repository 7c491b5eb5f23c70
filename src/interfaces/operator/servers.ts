import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { bucketRef } from '../../../events/buckets.ts';
import { capacityBytes, directoryId, endpoint, incarnation, rack, serverId } from '../../../events/servers.ts';
import { serverTags } from '../../../events/serverTags.ts';
import type { Command } from '../../deciders/commands.ts';
import type { Node } from '../../engine/node.ts';
import { describeServer, listedServers, type ServerView } from '../../engine/serverList.ts';
import type { Caller, Outcome } from '../../engine/submission.ts';
import { answer, provenanceJson, refusals, stampProvenance, writeAnswer } from './answers.ts';
import { problem, Refused } from './problems.ts';
import { callerOf, readQuery, reason, tablesOf, wholeNumber, writeHeaders } from './requests.ts';
import { serverParam } from './tabletServers.ts';

const pageLimit = 1_000;
const count = z.number().int().min(0);
const time = z.number().int().optional();
const tag = z.enum(serverTags).describe('PERMANENT_OFFLINE: it is to go. TEMPORARY_OFFLINE: it is to be away for a while.');
const serverJson = z
  .strictObject({
    serverId,
    status: z.enum(['LIVE', 'STOPPING', 'LOST', 'FORGOTTEN']).describe('FORGOTTEN: it is off the list, but its tag is still there.'),
    replicas: count.describe('How many copies of buckets it holds.'),
    leaders: count.describe('How many of those lead their bucket.'),
    lagging: count.describe('How many of those are not in sync, or of buckets that nobody leads.'),
    tag: tag.optional(),
    taggedAt: time.describe('Epoch milliseconds.'),
    taggedBy: z.string().optional(),
    tagReason: z.string().optional(),
    endpoint: endpoint.optional(),
    rack: rack.optional(),
    capacityBytes: capacityBytes.optional(),
    registeredAt: time.describe('When it registered last, epoch milliseconds.'),
    lostAt: time.describe('Since when it is lost, epoch milliseconds.'),
    lostBecause: z.enum(['LEASE_EXPIRED', 'STOPPED']).optional(),
    directoryId: directoryId.optional(),
    incarnation: incarnation.optional(),
    position: count.optional().describe('Of the newest event about it.'),
  })
  .describe('A tablet server.');
const listJson = z
  .strictObject({
    servers: z.array(serverJson),
    next: serverId.optional().describe('There are more: ask again with ?after=<this>.'),
    provenance: provenanceJson,
  })
  .describe('Tablet servers by id, ascending.');
const reportJson = z
  .strictObject({
    heardAt: z.number().int().describe('Epoch milliseconds.'),
    appliedPosition: count.describe('Up to this position it has carried out its assignment.'),
    copies: z.array(z.strictObject({ ...bucketRef, copiedBytes: count, totalBytes: count })).describe('What it is copying.'),
  })
  .describe('What it said last; only the node that leads knows.');
const oneJson = z
  .strictObject({ server: serverJson, report: reportJson.optional(), provenance: provenanceJson })
  .describe('One tablet server.');
const tagBody = z.strictObject({ tag, reason: reason.optional() });
const reasonQuery = z.strictObject({ reason: reason.optional() });
const tags = ['servers'];

/**
 * GET /v1/servers and /v1/servers/:serverId; DELETE takes a lost one that holds nothing off the list; PUT and DELETE of its tag. Writes
 * take the header Idempotency-Key and answer {position, changed, duplicate}.
 */
export const serverRoutes: FastifyPluginAsyncZod<{ node: Node }> = async (http, { node }) => {
  http.get(
    '/v1/servers',
    {
      schema: {
        summary: 'Tablet servers',
        tags,
        querystring: z.strictObject({
          after: wholeNumber.optional().describe('Servers with greater ids.'),
          limit: wholeNumber.optional().describe(`How many at most, up to ${pageLimit}, which is the default.`),
          ...readQuery,
        }),
        response: { 200: listJson, ...refusals },
      },
    },
    async (request, reply) => {
      const { provenance, state } = tablesOf(request);
      const { after = -1, limit = pageLimit } = request.query;
      const ids = listedServers(state).filter((id) => id > after);
      const page = ids.slice(0, Math.min(pageLimit, Math.max(1, limit)));
      const next = ids.length > page.length ? page.at(-1) : undefined;
      stampProvenance(reply, provenance);
      const servers = page.map((id) => describeServer(state, id)).filter((row) => row !== undefined);
      return reply.send({ servers, ...(next === undefined ? {} : { next }), provenance });
    },
  );
  http.get(
    '/v1/servers/:serverId',
    {
      schema: {
        summary: 'One tablet server',
        tags,
        params: serverParam,
        querystring: z.strictObject(readQuery),
        response: { 200: oneJson, ...refusals },
      },
    },
    async (request, reply) => {
      const { provenance, state } = tablesOf(request);
      const server = describeServer(state, request.params.serverId);
      if (server === undefined) throw new Refused(noServer(request.params.serverId));
      stampProvenance(reply, provenance);
      return reply.send({ server, ...reportOf(node, server), provenance });
    },
  );
  void http.register(writeRoutes, { node });
};

const noServer = (id: number) => problem('UNKNOWN_RESOURCE', `there is no tablet server ${id}`, { field: 'serverId' });

/** What was heard while this node leads, of the process that is registered. */
function reportOf(node: Node, { incarnation: own, serverId: id }: ServerView): { readonly report?: z.infer<typeof reportJson> } {
  const report = node.role === 'leader' ? node.serverReports.reportOf(id) : undefined;
  if (report === undefined || report.incarnation !== own) return {};
  const { appliedPosition, at: heardAt, copies } = report;
  return { report: { heardAt, appliedPosition, copies: [...copies] } };
}

const writeRoutes: FastifyPluginAsyncZod<{ node: Node }> = async (http, { node }) => {
  const write = { tags, headers: writeHeaders, params: serverParam, response: { 200: writeAnswer, ...refusals } };
  http.put(
    '/v1/servers/:serverId/tag',
    { schema: { ...write, summary: 'Tag a tablet server: the next rebalance empties it', body: tagBody } },
    async (request, reply) => {
      const { reason: why, tag: wanted } = request.body;
      const command: Command = { name: 'addServerTag', serverIds: [request.params.serverId], tag: wanted };
      return answer(reply, await submitForOne(node, command, callerOf(request, why)), node);
    },
  );
  http.delete(
    '/v1/servers/:serverId/tag',
    { schema: { ...write, summary: 'Take the tag off a tablet server, whichever it has', querystring: reasonQuery } },
    async (request, reply) => {
      const command: Command = { name: 'removeServerTag', serverIds: [request.params.serverId] };
      return answer(reply, await submitForOne(node, command, callerOf(request, request.query.reason)), node);
    },
  );
  http.delete(
    '/v1/servers/:serverId',
    { schema: { ...write, summary: 'Take a lost tablet server that holds nothing off the list', querystring: reasonQuery } },
    async (request, reply) => {
      const command = { name: 'forgetServer', serverId: request.params.serverId } as const;
      return answer(reply, await node.submit(command, callerOf(request, request.query.reason)), node);
    },
  );
};

/** The commands take many servers, these addresses one. */
async function submitForOne(node: Node, command: Command, caller: Caller): Promise<Outcome> {
  const outcome = await node.submit(command, caller);
  const isAboutIt = outcome.kind === 'rejected' && outcome.rejection.field.startsWith('serverIds');
  return isAboutIt ? { ...outcome, rejection: { ...outcome.rejection, field: 'serverId' } } : outcome;
}
