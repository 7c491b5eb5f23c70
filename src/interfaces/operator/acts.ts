import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { type Command, metaServiceCommands } from '../../deciders/commands.ts';
import { finishTableTiering, reportTieringFail } from '../../deciders/tiering.ts';
import type { Node } from '../../engine/node.ts';
import { type Sealer, storageSubjects } from '../../secrets/port.ts';
import { answer, refusals, writeAnswer } from './answers.ts';
import { malformed, Refused } from './problems.ts';
import { callerOf, reason, writeHeaders } from './requests.ts';

const secretFields: Readonly<Record<string, string>> = storageSubjects;
const maxDepth = 20;
/** Those that clients know by these names: the acts of the Meta Service, and reports of tiering services that send no heartbeats. */
export const actCommands = [...metaServiceCommands, reportTieringFail, finishTableTiering] as const;

/**
 * POST /v1/acts/<command>: acts by the names that the history gives them, with the same checks. The body holds the command's fields; keys
 * (`ak`, `sk`) are given in clear and sealed here. Answers {position, changed, duplicate}.
 */
export const actRoutes: FastifyPluginAsyncZod<{ node: Node; sealer: Sealer }> = async (http, { node, sealer }) => {
  http.addHook('preValidation', async (request) => {
    const key = request.headers['idempotency-key'];
    request.body = sealed(request.body, sealer, typeof key === 'string' ? key : undefined, '', 0);
  });
  for (const { name, about, input } of actCommands) {
    const schema = {
      summary: about,
      tags: ['acts'],
      headers: writeHeaders,
      querystring: z.strictObject({ reason: reason.optional() }),
      body: input as z.ZodType<object>,
      response: { 200: writeAnswer, ...refusals },
    };
    http.post(`/v1/acts/${name}`, { schema }, async (request, reply) => {
      const command = { name, ...request.body } as Command;
      return answer(reply, await node.submit(command, callerOf(request, request.query.reason)), node);
    });
  }
};

/** The same body with its keys sealed, under the caller's idempotency key: the same request then makes the same command. */
function sealed(value: unknown, sealer: Sealer, repeatable: string | undefined, field: string, depth: number): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (depth > maxDepth) throw new Refused(malformed(field, `the body is nested more than ${maxDepth} deep`));
  if (Array.isArray(value)) return value.map((part, i) => sealed(part, sealer, repeatable, `${field}[${i}]`, depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([name, part]) => {
      const path = field === '' ? name : `${field}.${name}`;
      const subject = Object.hasOwn(secretFields, name) ? secretFields[name] : undefined;
      if (subject === undefined) return [name, sealed(part, sealer, repeatable, path, depth + 1)];
      if (typeof part !== 'string') throw new Refused(malformed(path, 'expected a text in clear: it is sealed here'));
      return [name, part === '' ? part : sealer.sealComparable(part, subject, repeatable)];
    }),
  );
}
