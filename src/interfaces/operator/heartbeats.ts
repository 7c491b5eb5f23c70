import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { identifier } from '../../../events/kit.ts';
import { instanceOf } from '../../../projections/instances.ts';
import { resolveInstance } from '../../deciders/instanceResolution.ts';
import { type Heartbeat, type HeartbeatBoard, type Heartbeats, heartbeatLimits } from '../../engine/heartbeats.ts';
import type { Node } from '../../engine/node.ts';
import type { Logger } from '../../ports/logger.ts';
import { type Rejection, rejection, rejections } from '../../rejection.ts';
import type { NodeTls } from '../tls/nodeTls.ts';
import { secureFetch } from '../tls/secureFetch.ts';
import { refusals } from './answers.ts';
import { signatureHeader, signatureOf } from './clusterSignature.ts';
import { malformed, problemOfRejection, problemOfZod, Refused } from './problems.ts';
import { type SignedParts, signedRoute } from './signedRoutes.ts';

const heartbeatsPath = '/v1/compute-nodes/heartbeats';
const passedOnPath = '/internal/v1/heartbeats';
const leaderMs = 2_000;

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

export interface BoardParts {
  readonly logger: Logger;
  /** Without one there is no other node. */
  readonly clusterSecret?: string;
  readonly tls?: Pick<NodeTls, 'agent'>;
}

/** Keeps reports while this node leads, else hands them to the leader and asks it, over its operator API. */
export function createHeartbeatBoard(node: Node, heartbeats: Heartbeats, parts: BoardParts): HeartbeatBoard {
  const here = own(node, heartbeats);
  return {
    record: async (heartbeat) => {
      if (node.role === 'leader') return await here.record(heartbeat);
      const answer = await askLeader(node, parts, { heartbeat });
      if (answer === undefined) return nobodyLeads;
      if (answer.ok) return undefined;
      const { code, detail } = (await answer.json()) as { readonly code?: string; readonly detail?: string };
      const known = code !== undefined && Object.hasOwn(rejections, code) ? (code as Rejection['code']) : 'NO_LEADER';
      return rejection(known, '', detail ?? `the leader refused it with HTTP ${answer.status}`);
    },
    list: async () => {
      if (node.role === 'leader') return await here.list();
      const answer = await askLeader(node, parts, {});
      const listed = answer?.ok === true ? listJson.safeParse(await answer.json()) : undefined;
      return listed?.success === true ? listed.data.heartbeats : [];
    },
  };
}

/** @returns undefined when there is no leader, or none that answers */
async function askLeader(
  node: Node,
  { clusterSecret, logger, tls }: BoardParts,
  asked: { readonly heartbeat?: Heartbeat },
): Promise<Response | undefined> {
  const { leaderId, members } = node.status();
  const leader = members.find(({ nodeId }) => nodeId === leaderId);
  if (leader === undefined || clusterSecret === undefined) return undefined;
  try {
    const url = new URL(passedOnPath, leader.operatorUrl);
    const text = JSON.stringify(asked);
    const signature = signatureOf(clusterSecret, 'POST', passedOnPath, Buffer.from(text));
    const headers = { [signatureHeader]: signature, 'content-type': 'application/json' };
    const options = { headers, method: 'POST', body: text, signal: AbortSignal.timeout(leaderMs) };
    return await (tls === undefined || url.protocol !== 'https:' ? fetch(url, options) : secureFetch(url, options, tls.agent));
  } catch (error) {
    logger.debug({ err: error, leader: leader.nodeId }, 'the leader was not reached with a heartbeat');
    return undefined;
  }
}
