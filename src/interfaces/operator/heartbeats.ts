import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { identifier } from '../../../events/kit.ts';
import { instanceOf } from '../../../projections/instances.ts';
import { resolveInstance } from '../../deciders/instanceResolution.ts';
import { type HeartbeatBoard, type Heartbeats, heartbeatLimits } from '../../engine/heartbeats.ts';
import type { Node } from '../../engine/node.ts';
import { type Rejection, rejection, rejections } from '../../rejection.ts';
import { refusals } from './answers.ts';
import { askLeader, type LeaderCallParts } from './leaderCall.ts';
import { malformed, problemOfRejection, problemOfZod, Refused } from './problems.ts';
import { type SignedParts, signedRoute } from './signedRoutes.ts';

const heartbeatsPath = '/v1/compute-nodes/heartbeats';
const passedOnPath = '/internal/v1/heartbeats';

const port = z.number().int().min(-1).max(65_535);
const count = z.number().int().min(0);
const heartbeatJson = z.strictObject({
  instanceId: identifier.min(1).describe('The instance it belongs to.'),
  host: identifier.min(1).describe('Its host, or its ip when it was added without a host.'),
  heartbeatPort: port,
  bePort: port,
  httpPort: port,
  brpcPort: port,
  currentFragmentNum: count.describe('Query fragments it runs.'),
  lastFragmentUpdateTime: count.describe('Epoch milliseconds.'),
});
const body = heartbeatJson.extend({
  instanceId: identifier.optional().describe('The instance it belongs to; or give cloudUniqueId.'),
  cloudUniqueId: identifier.optional().describe('Finds the instance when instanceId is not given.'),
});
const kept = z
  .strictObject({ instanceId: z.string(), nextWithinMs: z.number().int().describe('Report again within this time.') })
  .describe('The report is known.');
const listJson = z
  .strictObject({ heartbeats: z.array(heartbeatJson).max(heartbeatLimits.backends) })
  .describe('What backends reported and did not let grow old.');
const tags = ['compute nodes'];

/**
 * POST /v1/compute-nodes/heartbeats: what a backend reports of itself, for cloud_cluster_status of the Meta Service. Any node takes it;
 * the leader keeps it, in memory alone. GET lists what is known.
 */
export const heartbeatRoutes: FastifyPluginAsyncZod<{ node: Node; board: HeartbeatBoard }> = async (http, { board, node }) => {
  http.post(
    heartbeatsPath,
    { schema: { summary: 'A backend reports of itself', tags, body, response: { 200: kept, ...refusals } } },
    async (request, reply) => {
      const { cloudUniqueId, instanceId: given, ...report } = request.body;
      const instanceId = given ?? resolveInstance(node.state, cloudUniqueId ?? '');
      // A report of a mistyped instance would be taken, and shown nowhere.
      if (instanceId === undefined || instanceOf(node.state.instances, instanceId) === undefined)
        throw new Refused(malformed(given === undefined ? 'cloudUniqueId' : 'instanceId', 'it names no instance'));
      const refused = await board.record({ ...report, instanceId });
      if (refused !== undefined) throw new Refused(problemOfRejection(refused));
      return reply.send({ instanceId, nextWithinMs: heartbeatLimits.periodMs });
    },
  );
  http.get(
    heartbeatsPath,
    { schema: { summary: 'What backends reported', tags, response: { 200: listJson, ...refusals } } },
    async (_request, reply) => reply.send({ heartbeats: [...(await board.list())] }),
  );
};

const passedOn = z.strictObject({ heartbeat: heartbeatJson.optional() });
const passedOnBytes = 64 * 1024;

/**
 * POST /internal/v1/heartbeats: what another node was told, or is asked for. Answered from here alone: two nodes that each take the
 * other for the leader must not go on for ever.
 */
export const passedHeartbeatRoutes: FastifyPluginAsyncZod<{ node: Node; heartbeats: Heartbeats; signed: SignedParts }> = async (
  http,
  { heartbeats, node, signed },
) => {
  const here = own(node, heartbeats);
  signedRoute(http, signed, passedOnPath, passedOnBytes, async (given) => {
    const parsed = passedOn.safeParse(given);
    if (!parsed.success) throw new Refused(problemOfZod(parsed.error));
    const { heartbeat } = parsed.data;
    if (heartbeat === undefined) return { heartbeats: await here.list() };
    const refused = await here.record(heartbeat);
    if (refused !== undefined) throw new Refused(problemOfRejection(refused));
    return {};
  });
};

/** The reports kept here, for as long as this node leads. */
const own = (node: Pick<Node, 'role'>, heartbeats: Heartbeats): HeartbeatBoard => ({
  record: (heartbeat) => Promise.resolve(node.role === 'leader' ? heartbeats.record(heartbeat) : nobodyLeads),
  list: () => Promise.resolve(node.role === 'leader' ? heartbeats.list() : []),
});
const nobodyLeads: Rejection = rejection('NO_LEADER', '', 'no node keeps heartbeats at the moment');

/** Keeps reports while this node leads, else hands them to the leader and asks it, over its operator API. */
export function createHeartbeatBoard(node: Node, heartbeats: Heartbeats, parts: LeaderCallParts): HeartbeatBoard {
  const here = own(node, heartbeats);
  return {
    record: async (heartbeat) => {
      if (node.role === 'leader') return await here.record(heartbeat);
      const answer = await askLeader(node, parts, passedOnPath, { heartbeat });
      if (answer === undefined) return nobodyLeads;
      if (answer.ok) return undefined;
      const { code, detail } = (await answer.json()) as { readonly code?: string; readonly detail?: string };
      const known = code !== undefined && Object.hasOwn(rejections, code) ? (code as Rejection['code']) : 'NO_LEADER';
      return rejection(known, '', detail ?? `the leader refused it with HTTP ${answer.status}`);
    },
    list: async () => {
      if (node.role === 'leader') return await here.list();
      const answer = await askLeader(node, parts, passedOnPath, {});
      const listed = answer?.ok === true ? listJson.safeParse(await answer.json()) : undefined;
      return listed?.success === true ? listed.data.heartbeats : [];
    },
  };
}
