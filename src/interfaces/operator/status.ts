import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { Node } from '../../engine/node.ts';
import { provenanceJson, refusals, stampProvenance } from './answers.ts';
import type { Latencies } from './latencies.ts';
import { readQuery, readState } from './requests.ts';

const checkpoints = z.array(z.strictObject({ position: z.number().int(), hash: z.string() })).describe('State hashes at checkpoints.');
const statusJson = z
  .strictObject({
    nodeId: z.string(),
    role: z.enum(['leader', 'follower', 'fault', 'stopping']),
    leaderId: z.string().optional(),
    clusterId: z.string().optional(),
    operatorUrl: z.string(),
    release: z.string(),
    fault: z.string().optional().describe('Why this node stopped serving.'),
    position: z.number().int(),
    index: z.number().int().describe('Of the newest entry folded.'),
    at: z.number().int(),
    queued: z.number().int(),
    staleForMs: z.number().optional(),
    epochs: z
      .strictObject({
        current: z.number().int().describe('Of the newest entry folded.'),
        taken: z.number().int().describe('How often the lead was taken since the log began.'),
        leader: z
          .strictObject({ nodeId: z.string(), epoch: z.number().int(), position: z.number().int(), at: z.number().int() })
          .optional()
          .describe('The newest leadership in the log.'),
      })
      .describe('Leaderships.'),
    appends: z
      .strictObject({ count: z.number().int(), p50Ms: z.number(), p99Ms: z.number(), maxMs: z.number() })
      .optional()
      .describe('Appends of this node while it leads; quantiles of the last 1,024.'),
    checkpoints,
    members: z.array(
      z.strictObject({ nodeId: z.string(), operatorUrl: z.string(), release: z.string(), position: z.number().int(), checkpoints }),
    ),
    provenance: provenanceJson,
  })
  .describe('This node, and what it sees of the others.');

/** GET /v1/status. A node that stopped serving answers too: with its fault. */
export const statusRoutes: FastifyPluginAsyncZod<{ node: Node; appends: Latencies }> = async (http, { node, appends }) => {
  const schema = {
    summary: 'This node and its cluster',
    tags: ['operations'],
    querystring: z.strictObject(readQuery),
    response: { 200: statusJson, ...refusals },
  };
  http.get('/v1/status', { schema }, async (request, reply) => {
    if (node.role !== 'fault') await readState(node, request.query);
    const { epoch, checkpoints: own, members, ...status } = node.status();
    const { leadership, index } = node.state;
    const { provenance } = node;
    const latency = appends.summary();
    stampProvenance(reply, provenance);
    return reply.send({
      ...status,
      index,
      ...(leadership.clusterId === undefined ? {} : { clusterId: leadership.clusterId }),
      epochs: { current: epoch, taken: leadership.taken, ...(leadership.leader === undefined ? {} : { leader: leadership.leader }) },
      ...(latency === undefined ? {} : { appends: latency }),
      checkpoints: [...own],
      members: members.map((member) => ({ ...member, checkpoints: [...member.checkpoints] })),
      provenance,
    });
  });
};
