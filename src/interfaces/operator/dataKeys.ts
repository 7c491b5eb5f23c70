import { randomUUID } from 'node:crypto';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { keyId } from '../../../events/dataKeys.ts';
import { describeDataKeys } from '../../engine/dataKeys.ts';
import type { Node } from '../../engine/node.ts';
import type { KeyRing } from '../../secrets/port.ts';
import { answer, provenanceJson, refusals, stampProvenance, writeAnswer } from './answers.ts';
import { callerOf, readQuery, reason, tablesOf, writeHeaders } from './requests.ts';

const dataKeyJson = z
  .strictObject({
    keyId: z.string(),
    state: z
      .enum(['current', 'live', 'shredded', 'master'])
      .describe(
        'current seals what comes; live opens; master is no data key, but seals values in force from the time before there were any.',
      ),
    sealedValues: z.number().int().describe('Values in force that it seals.'),
    masterKeyId: z.string().optional().describe('The master key that opens it.'),
    position: z.number().int().optional().describe('Of the event that made it.'),
    createdAt: z.number().int().optional().describe('Epoch milliseconds.'),
    createdBy: z.string().optional(),
    shreddedAt: z.number().int().optional().describe('Epoch milliseconds.'),
    shreddedBy: z.string().optional(),
  })
  .describe('A key that seals secrets; the key itself is never shown.');
const listJson = z
  .strictObject({
    masterKeyId: z.string().describe('The master key of the node that answers.'),
    dataKeys: z.array(dataKeyJson).describe('Oldest first.'),
    provenance: provenanceJson,
  })
  .describe('The data keys.');
const why = z.strictObject({ reason: reason.optional() });
const tags = ['data-keys'];

/**
 * GET /v1/data-keys; POST /v1/data-keys makes a new one, which seals from then on; POST /v1/data-keys/rewrap puts all under the master
 * key of the node that is asked; DELETE /v1/data-keys/:keyId shreds one, with ?force=true even when values in force are lost.
 * Writes take the header Idempotency-Key and answer {position, changed, duplicate}.
 */
export const dataKeyRoutes: FastifyPluginAsyncZod<{ node: Node; keys: KeyRing }> = async (http, { node, keys }) => {
  const querystring = z.strictObject(readQuery);
  http.get(
    '/v1/data-keys',
    { schema: { summary: 'The keys that seal secrets', tags, querystring, response: { 200: listJson, ...refusals } } },
    async (request, reply) => {
      const { state, provenance } = tablesOf(request);
      stampProvenance(reply, provenance);
      return reply.send({ masterKeyId: keys.masterKeyId, dataKeys: [...describeDataKeys(state)], provenance });
    },
  );
  const write = { tags, headers: writeHeaders, response: { 200: writeAnswer, ...refusals } };
  http.post(
    '/v1/data-keys',
    { schema: { ...write, summary: 'Seal what comes with a new data key', body: why } },
    async (request, reply) => {
      const caller = callerOf(request, request.body.reason);
      const idempotencyKey = caller.idempotencyKey ?? randomUUID();
      const made = keys.newDataKey(caller.idempotencyKey);
      return answer(reply, await node.submit({ name: 'createDataKey', ...made }, { ...caller, idempotencyKey }), node);
    },
  );
  http.post(
    '/v1/data-keys/rewrap',
    { schema: { ...write, summary: 'Seal all data keys with the master key of this node', body: why } },
    async (request, reply) => {
      const caller = callerOf(request, request.body.reason);
      const rewrapped = [...keys.rewrapped(caller.idempotencyKey)];
      return answer(reply, await node.submit({ name: 'rewrapDataKeys', masterKeyId: keys.masterKeyId, keys: rewrapped }, caller), node);
    },
  );
  const shredQuery = z.strictObject({
    force: z.enum(['true', 'false']).optional().describe('true: values in force that it seals are lost.'),
    reason: reason.optional(),
  });
  http.delete(
    '/v1/data-keys/:keyId',
    { schema: { ...write, summary: 'Shred a data key', params: z.strictObject({ keyId }), querystring: shredQuery } },
    async (request, reply) => {
      const force = request.query.force === 'true' ? { force: true } : {};
      const command = { name: 'shredDataKey', keyId: request.params.keyId, ...force } as const;
      return answer(reply, await node.submit(command, callerOf(request, request.query.reason)), node);
    },
  );
};
