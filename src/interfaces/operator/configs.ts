import { randomUUID } from 'node:crypto';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { describeConfigs } from '../../../projections/configs.ts';
import { type PlainChange, sealChanges } from '../../engine/configCommand.ts';
import type { Node } from '../../engine/node.ts';
import type { Caller, Outcome } from '../../engine/submission.ts';
import type { Sealer } from '../../secrets/port.ts';
import { answer, provenanceJson, refusals, stampProvenance, writeAnswer } from './answers.ts';
import { problem, Refused } from './problems.ts';
import { callerOf, readQuery, reason, tablesOf, writeHeaders } from './requests.ts';

const configJson = z
  .strictObject({
    key: z.string(),
    value: z.string().optional().describe('As it was given; secrets as `alice:******`; absent when the key has no value.'),
    source: z.enum(['DYNAMIC_CONFIG', 'STATIC_CONFIG', 'DEFAULT_CONFIG']),
    type: z.string(),
    default: z.string().optional(),
    about: z.string(),
    position: z.number().int().optional().describe('Of the event that set a dynamic value: GET /v1/events?from=<position>&to=<position>.'),
    at: z.number().int().optional().describe('When it was set, epoch milliseconds.'),
    principal: z.string().optional().describe('Who set it.'),
  })
  .describe('A cluster config.');
const listJson = z.strictObject({ configs: z.array(configJson), provenance: provenanceJson }).describe('Every cluster config there is.');
const oneJson = z.strictObject({ config: configJson, provenance: provenanceJson }).describe('One cluster config.');

const value = z.string().nullable().optional().describe('null, with set: the key has no value at all, whatever the file says.');
const changes = z.strictObject({
  changes: z
    .array(z.strictObject({ op: z.enum(['set', 'delete', 'append', 'subtract']), key: z.string(), value }))
    .min(1)
    .describe('Done in order, all or nothing.'),
  reason: reason.optional(),
});
const putBody = z.strictObject({ value: z.string().nullable(), reason: reason.optional() });
const keyParam = z.strictObject({ key: z.string().min(1) });
const tags = ['configs'];

/**
 * GET /v1/configs and /v1/configs/:key; PATCH /v1/configs with several changes; PUT and DELETE of one key. Writes take the header
 * Idempotency-Key and answer {position, changed, duplicate}.
 */
export const configRoutes: FastifyPluginAsyncZod<{ node: Node; sealer: Sealer }> = async (http, { node, sealer }) => {
  const alter = (wanted: readonly PlainChange[], caller: Caller) => alterConfigs(node, sealer, wanted, caller);
  const querystring = z.strictObject(readQuery);
  http.get(
    '/v1/configs',
    { schema: { summary: 'Every cluster config', tags, querystring, response: { 200: listJson, ...refusals } } },
    async (request, reply) => {
      const { state, provenance } = tablesOf(request);
      stampProvenance(reply, provenance);
      return reply.send({ configs: [...describeConfigs(state.configs)], provenance });
    },
  );
  http.get(
    '/v1/configs/:key',
    { schema: { summary: 'One cluster config', tags, params: keyParam, querystring, response: { 200: oneJson, ...refusals } } },
    async (request, reply) => {
      const { state, provenance } = tablesOf(request);
      const { key } = request.params;
      const config = describeConfigs(state.configs, [key])[0] ?? describeConfigs(state.configs).find((row) => row.key === key);
      if (config === undefined)
        throw new Refused(problem('UNKNOWN_CONFIG', `there is no cluster config '${key.slice(0, 256)}'`, { field: 'key' }));
      stampProvenance(reply, provenance);
      return reply.send({ config, provenance });
    },
  );
  const write = { tags, headers: writeHeaders, response: { 200: writeAnswer, ...refusals } };
  http.patch(
    '/v1/configs',
    { schema: { ...write, summary: 'Change cluster configs, all or nothing', body: changes } },
    async (request, reply) => {
      const wanted = request.body.changes.map(({ op, key, value: text }) => ({ op, key, ...(text === undefined ? {} : { value: text }) }));
      return answer(reply, await alter(wanted, callerOf(request, request.body.reason)), node);
    },
  );
  http.put(
    '/v1/configs/:key',
    { schema: { ...write, summary: 'Set one cluster config', params: keyParam, body: putBody } },
    async (request, reply) => {
      const wanted = [{ op: 'set', key: request.params.key, value: request.body.value }] as const;
      return answer(reply, await alter(wanted, callerOf(request, request.body.reason)), node);
    },
  );
  http.delete(
    '/v1/configs/:key',
    {
      schema: {
        ...write,
        summary: 'Return one cluster config to the file or the default',
        params: keyParam,
        querystring: z.strictObject({ reason: reason.optional() }),
      },
    },
    async (request, reply) => {
      const wanted = [{ op: 'delete', key: request.params.key }] as const;
      return answer(reply, await alter(wanted, callerOf(request, request.query.reason)), node);
    },
  );
};

/** The key is made here when the caller has none: secrets are sealed under it, so that it alone makes the same command again. */
async function alterConfigs(node: Node, sealer: Sealer, wanted: readonly PlainChange[], caller: Caller): Promise<Outcome> {
  const idempotencyKey = caller.idempotencyKey ?? randomUUID();
  const sealed = sealChanges(wanted, sealer, idempotencyKey);
  if (sealed.kind === 'rejected') return sealed;
  return await node.submit(sealed.command, { ...caller, idempotencyKey });
}
