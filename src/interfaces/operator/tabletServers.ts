import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { bucketLimits, bucketRef, bytes, isr, leader, replicas } from '../../../events/buckets.ts';
import { capacityBytes, directoryId, endpoint, incarnation, rack, serverId } from '../../../events/servers.ts';
import { leaderCount } from '../../../projections/buckets.ts';
import { durationMsOf } from '../../../projections/configs.ts';
import { isrReport } from '../../deciders/buckets.ts';
import type { Command } from '../../deciders/commands.ts';
import { Assignments, assignmentLimits } from '../../engine/assignments.ts';
import type { Node } from '../../engine/node.ts';
import type { Outcome } from '../../engine/submission.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Logger } from '../../ports/logger.ts';
import type { NodeTls } from '../tls/nodeTls.ts';
import { answer, refusals, stampProvenance } from './answers.ts';
import type { Identity } from './identity.ts';
import type { LeaderCallParts } from './leaderCall.ts';
import { problemOfRejection, Refused } from './problems.ts';
import { tablesOf, wholeNumber } from './requests.ts';
import { heartbeatAnswer, heartbeatFields, recordReport } from './serverHeartbeats.ts';

/** A server in an address. */
export const serverParam = z.strictObject({
  serverId: z
    .string()
    .regex(/^\d{1,10}$/, 'a whole number, 0 or more')
    .transform(Number)
    .pipe(serverId)
    .describe('The id of a tablet server.'),
});

const position = z.number().int().min(0);
const epoch = z.number().int().min(0);
const registrationBody = z.strictObject({
  directoryId,
  incarnation,
  endpoint,
  rack: rack.exactOptional(),
  capacityBytes: capacityBytes.exactOptional(),
});
const clusterId = z.string().describe('Of the cluster: a data directory belongs to one.');
const registered = z
  .strictObject({
    clusterId,
    leaseMs: z.number().int().describe('It counts as lost when nobody hears of it for so long: report three times as often.'),
    position: position.describe('From here on it is known.'),
  })
  .describe('Registered.');
const isrBody = z.strictObject({
  incarnation,
  buckets: z.array(z.strictObject(isrReport)).min(1).max(bucketLimits.perEvent, `at most ${bucketLimits.perEvent} buckets in one report`),
});
const reported = z.strictObject({ position: position.describe('At or after it the assignment shows what came of it.') }).describe('Taken.');
const stopping = z
  .strictObject({ position, leading: z.number().int().describe('How many buckets it still leads: ask again a second later, three times.') })
  .describe('It is given nothing more, and what it leads goes to others.');
const stopped = z.strictObject({ position }).describe('Its lease is over.');

const assignmentJson = z
  .strictObject({
    clusterId,
    position: position.describe('What is listed is all that it shall hold at this position.'),
    replicas: z.array(
      z.strictObject({ ...bucketRef, leader, leaderEpoch: epoch, bucketEpoch: epoch, replicas, isr, bytes: bytes.exactOptional() }),
    ),
    endpoints: z
      .record(z.string(), z.string())
      .describe('host:port by id, of the servers that are there and hold copies of the same buckets.'),
    settings: z.strictObject({
      copyBytesPerSec: z.number().int().optional().describe('How many bytes it may copy in a second; absent: no limit.'),
      minInSyncReplicas: z.number().int().describe('In-sync replicas needed before a write is acknowledged.'),
    }),
  })
  .describe('What it shall hold.');
const unchanged = z.undefined().describe('Nothing changed for this server up to the position in the header chancery-position.');
const tags = ['tablet servers'];

export interface TabletServerParts {
  readonly node: Node;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly clusterSecret?: string;
  readonly tls?: NodeTls;
}

/** What tablet servers say and ask. Every request may be sent again. */
export const tabletServerRoutes: FastifyPluginAsyncZod<TabletServerParts> = async (http, { clock, logger, node, ...parts }) => {
  void http.register(registrationRoutes, { node });
  void http.register(leadershipRoutes, { node });
  void http.register(heartbeatRoute, { node, logger, ...parts });
  void http.register(assignmentRoute, { node, assignments: new Assignments(node, clock) });
};

/** Under a new key each time: what a server says again may be news again. */
const submitFor = (node: Node, identity: Identity, command: Command): Promise<Outcome> =>
  node.submit(command, { ...identity, interface: 'operator' });

const registrationRoutes: FastifyPluginAsyncZod<{ node: Node }> = async (http, { node }) => {
  http.post(
    '/v1/servers/:serverId/registration',
    {
      schema: {
        summary: 'A tablet server says that it is there',
        tags,
        params: serverParam,
        body: registrationBody,
        response: { 200: registered, ...refusals },
      },
    },
    async ({ body, identity, params }, reply) => {
      const outcome = await submitFor(node, identity, { name: 'registerServer', ...params, ...body });
      if (outcome.kind !== 'done') return answer(reply, outcome, node);
      const { configs, leadership } = node.state;
      const leaseMs = durationMsOf(configs, 'chancery.server.lease');
      return reply.send({ clusterId: leadership.clusterId ?? '', leaseMs, position: outcome.position });
    },
  );
  http.delete(
    '/v1/servers/:serverId/registration',
    {
      schema: {
        summary: 'A tablet server says that it has stopped',
        tags,
        params: serverParam,
        querystring: z.strictObject({ incarnation }),
        response: { 200: stopped, ...refusals },
      },
    },
    async ({ identity, params, query }, reply) => {
      const outcome = await submitFor(node, identity, { name: 'loseServer', ...params, ...query, because: 'STOPPED' });
      return outcome.kind === 'done' ? reply.send({ position: outcome.position }) : answer(reply, outcome, node);
    },
  );
};

const leadershipRoutes: FastifyPluginAsyncZod<{ node: Node }> = async (http, { node }) => {
  http.post(
    '/v1/servers/:serverId/shutdown',
    {
      schema: {
        summary: 'A tablet server is about to stop',
        tags,
        params: serverParam,
        body: z.strictObject({ incarnation }),
        response: { 200: stopping, ...refusals },
      },
    },
    async ({ body, identity, params }, reply) => {
      const outcome = await submitFor(node, identity, { name: 'stopServer', ...params, ...body });
      if (outcome.kind !== 'done') return answer(reply, outcome, node);
      return reply.send({ position: outcome.position, leading: leaderCount(node.state.buckets, params.serverId) });
    },
  );
  http.post(
    '/v1/servers/:serverId/isr',
    {
      schema: {
        summary: 'A tablet server reports which replicas are in sync',
        description: 'Buckets whose epochs have moved on are passed over.',
        tags,
        params: serverParam,
        body: isrBody,
        response: { 200: reported, ...refusals },
      },
    },
    async ({ body, identity, params }, reply) => {
      const outcome = await submitFor(node, identity, { name: 'adjustIsr', ...params, ...body });
      return outcome.kind === 'done' ? reply.send({ position: outcome.position }) : answer(reply, outcome, node);
    },
  );
};

/** The node that leads keeps it, in memory alone. */
const heartbeatRoute: FastifyPluginAsyncZod<{ node: Node } & LeaderCallParts> = async (http, { node, ...parts }) => {
  http.post(
    '/v1/servers/:serverId/heartbeats',
    {
      schema: {
        summary: 'A tablet server reports of itself',
        tags,
        params: serverParam,
        body: z.strictObject(heartbeatFields),
        response: { 200: heartbeatAnswer, ...refusals },
      },
    },
    async (request, reply) => {
      tablesOf(request);
      return reply.send(await recordReport(node, { ...request.params, ...request.body }, parts));
    },
  );
};

const assignmentRoute: FastifyPluginAsyncZod<{ node: Node; assignments: Assignments }> = async (http, { assignments, node }) => {
  http.addHook('preClose', async () => assignments.close());
  http.get(
    '/v1/servers/:serverId/assignment',
    {
      schema: {
        summary: 'What a tablet server shall hold',
        description: 'Waits until that is another thing than at the position that it knows, or the time is over.',
        tags,
        params: serverParam,
        querystring: z.strictObject({
          after: wholeNumber.default(0).describe('The newest position that it has carried out.'),
          from: wholeNumber
            .default(0)
            .describe('Nothing older than this is told: the position of its registration, or one that it acted on.'),
          incarnation: incarnation.exactOptional().describe('Its process: once another one has its place, it is refused.'),
          waitMs: wholeNumber
            .refine((ms) => ms <= assignmentLimits.waitMs, `at most ${assignmentLimits.waitMs}`)
            .default(0)
            .describe(`How long to wait for a change, milliseconds, at most ${assignmentLimits.waitMs}.`),
        }),
        response: { 200: assignmentJson, 204: unchanged, ...refusals },
      },
    },
    async (request, reply) => {
      tablesOf(request);
      const hungUp = new AbortController();
      reply.raw.once('close', () => hungUp.abort());
      const told = await assignments.next({ ...request.params, ...request.query, signal: hungUp.signal });
      if (told.kind === 'rejected') {
        const refused = problemOfRejection(told.rejection);
        // A server that waits has another node to ask: 429 would have it wait with all others.
        throw new Refused(told.rejection.code === 'BUSY' ? { ...refused, status: 503 } : refused);
      }
      const at = told.kind === 'unchanged' ? told.position : told.assignment.position;
      stampProvenance(reply, { ...node.provenance, position: at });
      if (told.kind === 'unchanged') return reply.code(204).send();
      // The longest answer there is: it is made by this node, and need not be checked again.
      const json = reply.type('application/json; charset=utf-8').serializer((body: unknown) => JSON.stringify(body));
      return json.send(told.assignment as z.infer<typeof assignmentJson>);
    },
  );
};
