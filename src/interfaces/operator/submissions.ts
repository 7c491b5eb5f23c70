import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { loggedEvent } from '../../../events/envelope.ts';
import { parseCommand } from '../../deciders/commands.ts';
import { type ForwardedRequest, forwardingLimits } from '../../engine/forwarding.ts';
import type { Node } from '../../engine/node.ts';
import type { Reply } from '../../engine/submission.ts';
import { rejection } from '../../rejection.ts';
import { malformed, problemOfZod, Refused } from './problems.ts';
import { type SignedParts, signedRoute } from './signedRoutes.ts';

export const submitPath = '/internal/v1/submit';
export const submitLimits = { bytes: 4 * 1024 * 1024, timeLeftMs: 60_000 } as const;

const forwarded = z.strictObject({
  requests: z
    .array(
      z.strictObject({
        command: z.unknown(),
        act: loggedEvent.shape.act,
        timeLeftMs: z.number().min(0).max(submitLimits.timeLeftMs),
      }),
    )
    .min(1)
    .max(forwardingLimits.requestsPerCall),
});

/**
 * POST /internal/v1/submit: what another node of this cluster was asked for and this one, the leader, shall decide. Bytes are
 * checked against the cluster secret before they are looked at; each command is checked as if it came from outside.
 */
export const submissionRoutes: FastifyPluginAsyncZod<{ node: Node; signed: SignedParts }> = async (http, { node, signed }) =>
  signedRoute(http, signed, submitPath, submitLimits.bytes, async (body) => {
    const parsed = forwarded.safeParse(body);
    if (!parsed.success) throw new Refused(problemOfZod(parsed.error));
    return { replies: await decideAll(node, parsed.data.requests) };
  });

/** One reply each, in order; a command that this release does not understand is refused and holds up no other. */
async function decideAll(node: Node, requests: z.infer<typeof forwarded>['requests']): Promise<readonly Reply[]> {
  const replies: (Reply | undefined)[] = [];
  const good: ForwardedRequest[] = [];
  for (const { command: given, act, timeLeftMs } of requests) {
    const parsed = parseCommand(given);
    if ('command' in parsed) {
      replies.push(undefined);
      good.push({ command: parsed.command, act, timeLeftMs });
    } else {
      const { field, detail } = typeof parsed.error === 'string' ? malformed('', parsed.error) : problemOfZod(parsed.error);
      replies.push({ kind: 'rejected', rejection: rejection('MALFORMED_REQUEST', field, detail) });
    }
  }
  const decided = good.length === 0 ? [] : await node.acceptForwarded(good);
  let next = 0;
  return replies.map((reply) => reply ?? (decided[next++] as Reply));
}
