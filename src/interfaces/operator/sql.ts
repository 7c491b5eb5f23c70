import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { History } from '../../engine/history/port.ts';
import type { Node } from '../../engine/node.ts';
import type { Rebalancing } from '../../engine/rebalancing.ts';
import type { Clock } from '../../ports/clock.ts';
import { type RejectionCode, rejections } from '../../rejection.ts';
import type { Sealer } from '../../secrets/port.ts';
import { placeOf, pointAt, SqlSyntaxError } from '../sql/errors.ts';
import { runScript, type ScriptAnswer, type ScriptFailure, type ScriptRequest } from '../sql/session.ts';
import { provenanceJson, refusals, stampProvenance } from './answers.ts';
import type { Identity } from './identity.ts';
import { malformed, type Problem, problem, problemOfHistory, problemOfRejection, Refused } from './problems.ts';
import { reason, writeHeaders } from './requests.ts';

/** Leaves room for the number of the call in the 128 characters of a key. */
const scriptKey = z
  .string()
  .regex(/^[\x21-\x7e]{1,120}$/, 'between 1 and 120 visible ASCII characters')
  .describe('Same key, same script: each change is done once. The n-th CALL, CREATE, ALTER or DROP has this key, a slash and n.');
const body = z.strictObject({
  statement: z.string().describe('One statement, or several with semicolons between them.'),
  catalog: z.string().max(256).optional().describe('As the last answer gave it.'),
  database: z.string().max(256).optional().describe('As the last answer gave it.'),
  properties: z.record(z.string().max(256), z.string().max(1024)).optional().describe('As the last answer gave them: what SET did.'),
  idempotencyKey: scriptKey.optional(),
  reason: reason.optional(),
  atLeast: z.number().int().min(0).max(Number.MAX_SAFE_INTEGER).optional().describe('See every write up to this position.'),
  consistency: z.enum(['local', 'linearizable']).optional(),
});

const resultJson = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('rows'),
    columns: z.array(z.strictObject({ name: z.string(), type: z.string() })),
    rows: z.array(z.array(z.unknown())),
    truncated: z.boolean().optional().describe('There were more: raise sql.result.max-rows.'),
    note: z.string().optional().describe('What is to be said beside the rows, in lines.'),
    position: z.number().int().optional().describe('Of a statement that changes something.'),
  }),
  z.strictObject({ kind: z.literal('done'), text: z.string() }),
]);
const answerJson = z
  .strictObject({
    results: z.array(resultJson).describe('One for each statement.'),
    position: z.number().int().describe('atLeast for whoever should see what this script did.'),
    catalog: z.string(),
    database: z.string(),
    properties: z.record(z.string(), z.string()),
    provenance: provenanceJson,
  })
  .describe('The answers, and the session to send with the next script.');

export interface SqlParts {
  readonly node: Node;
  readonly history: History;
  readonly sealer: Sealer;
  readonly rebalancing: Rebalancing;
  readonly clock: Clock;
  readonly catalog: string;
}

/**
 * POST /v1/sql: runs a script up to the first statement that fails. The problem then carries `statementIndex` (from 0), the
 * `results` so far, the `position`, and for what stands in the text `line`, `column`, `offset` and `rendered`, the line with a caret.
 */
export const sqlRoutes: FastifyPluginAsyncZod<SqlParts> = async (http, { clock, ...parts }) => {
  const schema = { summary: 'Run SQL', tags: ['sql'], body, headers: writeHeaders, response: { 200: answerJson, ...refusals } };
  http.post('/v1/sql', { schema }, async (request, reply) => {
    const script = requestOf(request);
    const ran = await run({ ...parts, now: () => clock.now() }, script);
    stampProvenance(reply, ran.provenance);
    const { failure, results, ...session } = ran;
    if (failure !== undefined) throw new Refused(problemOfFailure(script.statement, ran, failure.statementIndex, failure.why));
    return reply.send({ ...session, properties: { ...session.properties }, results: results.map(mutable) });
  });
};

interface Asked {
  readonly body: z.infer<typeof body>;
  readonly headers: z.infer<typeof writeHeaders>;
  readonly identity: Identity;
}
function requestOf({ body: asked, headers, identity }: Asked): ScriptRequest {
  const idempotencyKey = asked.idempotencyKey ?? headers['idempotency-key'];
  if (idempotencyKey !== undefined && !scriptKey.safeParse(idempotencyKey).success)
    throw new Refused(malformed('idempotency-key', 'for a script, between 1 and 120 visible ASCII characters'));
  const { statement, catalog, database, properties, reason: why, atLeast, consistency } = asked;
  return {
    statement,
    ...identity,
    ...(catalog === undefined ? {} : { catalog }),
    ...(database === undefined ? {} : { database }),
    ...(properties === undefined ? {} : { properties }),
    ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
    ...(why === undefined ? {} : { reason: why }),
    ...(atLeast === undefined ? {} : { atLeast }),
    ...(consistency === 'linearizable' ? { linearizable: true } : {}),
  };
}

async function run(parts: Parameters<typeof runScript>[0], script: ScriptRequest): Promise<ScriptAnswer> {
  try {
    return await runScript(parts, script);
  } catch (error) {
    if (!(error instanceof SqlSyntaxError)) throw error;
    const { message, offset, statement, expected } = error;
    const refused = { status: 400, code: 'SQL_SYNTAX', field: 'statement', detail: message, remedy: syntaxRemedy };
    throw new Refused({
      ...refused,
      more: { statementIndex: statement - 1, results: [], expected, ...placeIn(script.statement, message, offset) },
    });
  }
}
const syntaxRemedy = 'Correct the text at the caret. Nothing of the script was run.';

function placeIn(source: string, message: string, offset: number | undefined): Record<string, unknown> {
  if (offset === undefined) return {};
  return { ...placeOf(source, offset), offset, rendered: pointAt(source, { message, offset }) };
}

function problemOfFailure(source: string, ran: ScriptAnswer, statementIndex: number, why: ScriptFailure): Problem {
  const refused = problemOf(why);
  const { results, position, catalog, database, properties } = ran;
  const place = placeIn(source, refused.detail, 'offset' in why ? why.offset : undefined);
  return { ...refused, more: { ...refused.more, statementIndex, results, position, catalog, database, properties, ...place } };
}

function problemOf(why: ScriptFailure): Problem {
  if (why.kind === 'unknown') {
    const { idempotencyKey, detail } = why;
    const remedy = `Send the same script again with the idempotency key ${idempotencyKey}: each change is done at most once.`;
    return problem('OUTCOME_UNKNOWN', `It may have been done or not: ${detail}.`, { remedy, more: { commandId: idempotencyKey } });
  }
  if (why.kind === 'query') {
    const { facts } = why.error;
    return { ...problemOfHistory(why.error), more: facts === undefined ? {} : { facts } };
  }
  const { code, field, detail, remedy } = why.reason;
  const facts = 'facts' in why.reason ? { facts: why.reason.facts } : {};
  if (Object.hasOwn(rejections, code)) return problemOfRejection({ code: code as RejectionCode, field, detail, remedy, ...facts });
  return { status: 400, code: `SQL_${code}`, field, detail, remedy };
}

const mutable = (result: ScriptAnswer['results'][number]) =>
  result.kind === 'done' ? result : { ...result, columns: [...result.columns], rows: result.rows.map((row) => [...row]) };
