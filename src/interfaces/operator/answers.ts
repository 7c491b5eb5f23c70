import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import type { Node, Provenance } from '../../engine/node.ts';
import type { Outcome } from '../../engine/submission.ts';
import { type Problem, problem, problemJson, problemOfRejection, sendProblem } from './problems.ts';

/** Where an answer came from; the same facts are in the headers. */
export const provenanceJson = z
  .strictObject({
    nodeId: z.string().describe('The node that answered.'),
    position: z.number().int().describe('How far it had folded the log.'),
    at: z.number().int().describe('Epoch milliseconds of the newest event it had folded.'),
    epoch: z.number().int().describe('The leadership that wrote it.'),
    staleForMs: z.number().optional().describe('Set while this node cannot reach the log: milliseconds since it last could.'),
  })
  .describe('Where the answer came from.');

/** What every refusal looks like in the API description. */
export const refusals = { '4xx': problemJson, '5xx': problemJson };

export const writeAnswer = z
  .strictObject({
    position: z.number().int().describe('Read your own write with ?atLeast=<position>.'),
    changed: z.boolean().describe('False when everything was so already.'),
    duplicate: z.boolean().describe('True when this Idempotency-Key was answered before.'),
  })
  .describe('Done, and durable.');

type Headers = Pick<FastifyReply, 'header'>;

export function stampProvenance(reply: Headers, { nodeId, position, epoch, staleForMs }: Provenance): void {
  reply.header('chancery-position', position);
  reply.header('chancery-epoch', epoch);
  reply.header('chancery-node', nodeId);
  if (staleForMs !== undefined) reply.header('chancery-stale-for-ms', Math.round(staleForMs));
}

/** @returns undefined when the command was done */
function problemOfOutcome(outcome: Outcome): Problem | undefined {
  if (outcome.kind === 'rejected') return problemOfRejection(outcome.rejection);
  if (outcome.kind === 'unknown') {
    const { commandId, detail } = outcome;
    const remedy = `Ask again with the same Idempotency-Key, ${commandId}: it is done at most once, and the answer tells.`;
    return problem('OUTCOME_UNKNOWN', `It may have been done or not: ${detail}.`, { remedy, more: { commandId } });
  }
  return undefined;
}

/** The answer to a write: its position, or why not. */
export function answer<R extends Headers & Parameters<typeof sendProblem>[0]>(reply: R, outcome: Outcome, node: Node): R {
  const refused = problemOfOutcome(outcome);
  if (refused !== undefined) sendProblem(reply, refused);
  else if (outcome.kind === 'done') {
    stampProvenance(reply, { ...node.provenance, position: outcome.position });
    reply.send({ position: outcome.position, changed: outcome.changed, duplicate: outcome.duplicate });
  }
  return reply;
}
