import { randomUUID } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { AclResource } from '../../../events/acls.ts';
import { type ColumnDefinition, catalogLimits } from '../../../events/catalog.ts';
import { freeText } from '../../../events/kit.ts';
import { type DatabaseRow, databaseOf, type PartitionRow, partitionById, type TableRow, tableOf } from '../../../projections/catalog.ts';
import type { State } from '../../../projections/state.ts';
import { mayDescribe } from '../../deciders/acls.ts';
import { isAuthorizing } from '../../deciders/authorizer.ts';
import { type Command, parseCommand } from '../../deciders/commands.ts';
import { databaseResource, tableResource } from '../../deciders/resources.ts';
import { denialOfRead } from '../../engine/authorization.ts';
import { databasesSeen, isDatabaseKnown, page, tablesSeen } from '../../engine/catalogListing.ts';
import { drawOf } from '../../engine/draws.ts';
import type { Node } from '../../engine/node.ts';
import { type RejectionCode, rejection } from '../../rejection.ts';
import { readType } from '../sql/typeText.ts';
import { answer, provenanceJson, refusals, stampProvenance, writeAnswer } from './answers.ts';
import { askerOf } from './authorization.ts';
import { malformed, problemOfRejection, problemOfZod, Refused } from './problems.ts';
import { callerOf, readQuery, readState, reason, wholeNumber, writeHeaders } from './requests.ts';

const pageLimit = 1000;
const name = z.string().min(1).max(1000);
const properties = z.record(z.string(), z.string());
const time = z.number().int().describe('Epoch milliseconds.');

const databaseJson = z
  .strictObject({
    database: z.string(),
    comment: z.string().optional(),
    properties,
    tables: z.number().int().describe('How many it has.'),
    createdAt: time.describe('Epoch milliseconds; 0 for the one that has been there from the beginning.'),
    position: z.number().int().describe('Of the newest event about it.'),
  })
  .describe('A database.');
const columnJson = z.strictObject({
  name: z.string(),
  type: z.string().describe('In Flink SQL: DECIMAL(10, 2).'),
  nullable: z.boolean(),
  comment: z.string().optional(),
});
const names = z.array(z.string());
const tableJson = z
  .strictObject({
    tableId: z.number().int(),
    database: z.string(),
    table: z.string(),
    columns: z.array(columnJson),
    primaryKey: names.describe('Empty for a log table.'),
    partitionKeys: names,
    bucketKeys: names.describe('What rows are distributed by; empty: in turn.'),
    bucketCount: z.number().int().describe('Of the table, or of each partition.'),
    replicationFactor: z.number().int(),
    properties: properties.describe('Without those that say how it is laid out: they are the fields above.'),
    comment: z.string().optional(),
    partitions: z.number().int().describe('How many it has; 0 for a table without.'),
    schemaId: z.number().int().describe('How often its columns were changed, from 1.'),
    createdAt: time,
    alteredAt: time,
    position: z.number().int().describe('Of the newest event about it.'),
  })
  .describe('A table.');
const partitionJson = z
  .strictObject({
    partitionId: z.number().int(),
    name: z.string().describe('Its values with $ in between.'),
    spec: properties.describe('The value of each partition key.'),
    createdAt: time,
  })
  .describe('A partition.');

const next = z.string().optional().describe('There are more: ask again with ?after=<this>.');
const oneDatabase = z.strictObject({ database: databaseJson, provenance: provenanceJson }).describe('One database.');
const databaseList = z
  .strictObject({ databases: z.array(databaseJson), next, provenance: provenanceJson })
  .describe('Databases by name that the caller may DESCRIBE.');
const oneTable = z.strictObject({ table: tableJson, provenance: provenanceJson }).describe('One table.');
const tableList = z
  .strictObject({ tables: z.array(tableJson), next, provenance: provenanceJson })
  .describe('Tables of a database by name that the caller may DESCRIBE.');
const partitionList = z
  .strictObject({ partitions: z.array(partitionJson), provenance: provenanceJson })
  .describe(`The partitions of a table, oldest first: at most ${catalogLimits.partitions}.`);

const pageQuery = z.strictObject({
  after: z.string().max(1000).optional().describe('Those with greater names.'),
  limit: wholeNumber.optional().describe(`How many at most, up to ${pageLimit}; default 100.`),
  ...readQuery,
});
const oneQuery = z.strictObject(readQuery);
const ofDatabase = z.strictObject({ database: name });
const ofTable = z.strictObject({ database: name, table: name });
const tags = ['catalog'];
const write = { tags, headers: writeHeaders, response: { 200: writeAnswer, ...refusals } };
const flag = z
  .enum(['true', 'false'])
  .transform((word) => word === 'true')
  .optional();
const ignoreIfExists = z.boolean().default(false).describe('One that is there already is no error.');
const ignoreIfNotExists = flag.describe('true: one that is not there is no error.');

const given = z.record(z.string(), z.string());
const columnBody = z.strictObject({
  name: z.string().min(1),
  type: z.string().min(1).max(catalogLimits.typeLength).describe('In Flink SQL, any case: decimal(10, 2).'),
  nullable: z.boolean().default(true),
  comment: freeText.optional(),
});
const createDatabaseBody = z.strictObject({
  database: z.string(),
  comment: freeText.optional(),
  properties: given.default({}),
  ignoreIfExists,
  reason: reason.optional(),
});
const alterDatabaseBody = z.strictObject({
  set: given.default({}),
  removed: z.array(z.string()).default([]),
  comment: freeText.optional(),
  reason: reason.optional(),
});
const createTableBody = z.strictObject({
  table: z.string(),
  columns: z.array(columnBody).min(1).max(catalogLimits.columns),
  primaryKey: names.default([]),
  partitionKeys: names.default([]),
  properties: given.default({}).describe("Those of WITH: 'bucket.num', 'bucket.key', 'table.replication.factor', 'table.log.ttl', …"),
  comment: freeText.optional(),
  ignoreIfExists,
  reason: reason.optional(),
});
const alterTableBody = z.strictObject({
  set: given.default({}),
  removed: z.array(z.string()).default([]),
  columns: z.array(columnBody).max(catalogLimits.columns).default([]).describe('To stand behind the present ones; nullable.'),
  reason: reason.optional(),
});
const addPartitionsBody = z.strictObject({
  partitions: z.array(given).min(1).max(100).describe('Of each the value of every partition key.'),
  ignoreIfExists,
  reason: reason.optional(),
});

/**
 * /v1/databases, their tables and those tables' partitions: lists, single ones and changes. Writes take the header Idempotency-Key and
 * answer {position, changed, duplicate}.
 */
export const catalogRoutes: FastifyPluginAsyncZod<{ node: Node }> = async (http, { node }) => {
  await http.register(databaseRoutes, { node });
  await http.register(tableRoutes, { node });
  await http.register(partitionRoutes, { node });
};

const databaseRoutes: FastifyPluginAsyncZod<{ node: Node }> = async (http, { node }) => {
  const read = { tags, response: { 200: databaseList, ...refusals } };
  http.get('/v1/databases', { schema: { ...read, summary: 'Databases', querystring: pageQuery } }, async (request, reply) => {
    const { state, provenance } = await readState(node, request.query);
    const { hasMore, rows } = page(databasesSeen(state, seenBy(state, request), request.query.after), limitOf(request.query));
    stampProvenance(reply, provenance);
    return reply.send({ databases: rows.map(shownDatabase), ...nextOf(hasMore, rows.at(-1)?.database), provenance });
  });
  http.post('/v1/databases', { schema: { ...write, summary: 'Create a database', body: createDatabaseBody } }, async (request, reply) => {
    const { reason: why, ...body } = request.body;
    return await submit(node, request, reply, why, () => ({ name: 'createDatabase', ...defined(body) }));
  });
  const one = { tags, params: ofDatabase, querystring: oneQuery, response: { 200: oneDatabase, ...refusals } };
  http.get('/v1/databases/:database', { schema: { ...one, summary: 'One database' } }, async (request, reply) => {
    const { state, provenance } = await readState(node, request.query);
    const { database } = request.params;
    judge(node, state, request, databaseResource(database));
    const row = databaseOf(state.catalog, database);
    if (row === undefined) throw refused('UNKNOWN_DATABASE', 'database', `Database '${database.slice(0, 201)}' does not exist.`);
    stampProvenance(reply, provenance);
    return reply.send({ database: shownDatabase(row), provenance });
  });
  const altering = { ...write, summary: 'Change properties of a database', params: ofDatabase, body: alterDatabaseBody };
  http.patch('/v1/databases/:database', { schema: altering }, async (request, reply) => {
    const { reason: why, ...body } = request.body;
    const { database } = request.params;
    return await submit(node, request, reply, why, () => ({ name: 'alterDatabase', database, ignoreIfNotExists: false, ...defined(body) }));
  });
  const dropQuery = z.strictObject({ cascade: flag.describe('true: with its tables.'), ignoreIfNotExists, reason: reason.optional() });
  const dropping = { ...write, summary: 'Drop a database', params: ofDatabase, querystring: dropQuery };
  http.delete('/v1/databases/:database', { schema: dropping }, async (request, reply) => {
    const { cascade = false, ignoreIfNotExists: mayMiss = false, reason: why } = request.query;
    const { database } = request.params;
    return await submit(node, request, reply, why, () => ({ name: 'dropDatabase', database, ignoreIfNotExists: mayMiss, cascade }));
  });
};

const tableRoutes: FastifyPluginAsyncZod<{ node: Node }> = async (http, { node }) => {
  const list = { tags, params: ofDatabase, querystring: pageQuery, response: { 200: tableList, ...refusals } };
  http.get('/v1/databases/:database/tables', { schema: { ...list, summary: 'Tables of a database' } }, async (request, reply) => {
    const { state, provenance } = await readState(node, request.query);
    const { database } = request.params;
    const sees = seenBy(state, request);
    if (!isDatabaseKnown(state, database, sees))
      throw refused('UNKNOWN_DATABASE', 'database', `Database ${database.slice(0, 201)} does not exist.`);
    const { hasMore, rows } = page(tablesSeen(state, database, sees, request.query.after), limitOf(request.query));
    stampProvenance(reply, provenance);
    return reply.send({ tables: rows.map(shownTable), ...nextOf(hasMore, rows.at(-1)?.table), provenance });
  });
  const creating = { ...write, summary: 'Create a table', params: ofDatabase, body: createTableBody };
  http.post('/v1/databases/:database/tables', { schema: creating }, async (request, reply) => {
    const { columns, reason: why, ...body } = request.body;
    const { database } = request.params;
    const read = { columns: columns.map(readColumn), ...defined(body) };
    return await submit(node, request, reply, why, (key) => ({ name: 'createTable', database, ...read, draw: drawOf(key) }));
  });
  const path = '/v1/databases/:database/tables/:table';
  const one = { tags, params: ofTable, querystring: oneQuery, response: { 200: oneTable, ...refusals } };
  http.get(path, { schema: { ...one, summary: 'One table' } }, async (request, reply) => {
    const { state, provenance } = await readState(node, request.query);
    const row = describedTable(node, state, request, request.params);
    stampProvenance(reply, provenance);
    return reply.send({ table: shownTable(row), provenance });
  });
  const altering = { ...write, summary: 'Change properties of a table, or add columns', params: ofTable, body: alterTableBody };
  http.patch(path, { schema: altering }, async (request, reply) => {
    const { columns, reason: why, ...body } = request.body;
    const change = { ...request.params, ...body, columns: columns.map(readColumn), ignoreIfNotExists: false };
    return await submit(node, request, reply, why, () => ({ name: 'alterTable', ...change }));
  });
  const dropQuery = z.strictObject({ ignoreIfNotExists, reason: reason.optional() });
  http.delete(path, { schema: { ...write, summary: 'Drop a table', params: ofTable, querystring: dropQuery } }, async (request, reply) => {
    const { ignoreIfNotExists: mayMiss = false, reason: why } = request.query;
    return await submit(node, request, reply, why, () => ({ name: 'dropTable', ...request.params, ignoreIfNotExists: mayMiss }));
  });
};

const partitionRoutes: FastifyPluginAsyncZod<{ node: Node }> = async (http, { node }) => {
  const path = '/v1/databases/:database/tables/:table/partitions';
  const list = { tags, params: ofTable, querystring: oneQuery, response: { 200: partitionList, ...refusals } };
  http.get(path, { schema: { ...list, summary: 'Partitions of a table' } }, async (request, reply) => {
    const { state, provenance } = await readState(node, request.query);
    const row = partitionedTable(describedTable(node, state, request, request.params));
    const partitions = row.partitionIds.flatMap((id) => partitionById(state.catalog, id) ?? []);
    stampProvenance(reply, provenance);
    return reply.send({ partitions: partitions.map(shownPartition), provenance });
  });
  const adding = { ...write, summary: 'Add partitions, all or none', params: ofTable, body: addPartitionsBody };
  http.post(path, { schema: adding }, async (request, reply) => {
    const { ignoreIfExists: mayExist, partitions, reason: why } = request.body;
    const added = (key: string) => partitions.map((spec, i) => ({ spec, draw: drawOf(key, i) }));
    return await submit(node, request, reply, why, (key) => ({
      name: 'createPartition',
      ...request.params,
      ignoreIfExists: mayExist,
      partitions: added(key),
    }));
  });
  // No longer than a value may be: what is too long is refused alike whether there is such a table or not.
  const listed = z.union([name.transform((one) => [one]), z.array(name).min(1).max(100)]);
  const dropQuery = z.strictObject({
    name: listed.describe('The name of one, such as 2026$eu; may be repeated.'),
    ignoreIfNotExists,
    reason: reason.optional(),
  });
  const dropping = { ...write, summary: 'Drop partitions, all or none', params: ofTable, querystring: dropQuery };
  http.delete(path, { schema: dropping }, async (request, reply) => {
    const { ignoreIfNotExists: mayMiss = false, name: wanted, reason: why } = request.query;
    const { database, table } = request.params;
    const { partitionKeys = [] } = tableOf(node.state.catalog, database, table) ?? {};
    const specs = wanted.map((each) => specOfName(partitionKeys, each));
    const command = { name: 'dropPartition', database, table, ignoreIfNotExists: mayMiss, specs } as const;
    return await submit(node, request, reply, why, () => command);
  });
};

/** `2026$eu` taken apart; more or fewer values than there are keys are named by their places, for the rules to refuse. */
function specOfName(partitionKeys: readonly string[], partition: string): Record<string, string> {
  const values = partition.split('$');
  const keys = values.length === partitionKeys.length ? partitionKeys : [];
  return Object.fromEntries(values.map((value, i) => [keys[i] ?? String(i), value]));
}

/** What was given of optional fields: absent ones are left out. */
type Defined<T> = { [K in keyof T as undefined extends T[K] ? never : K]: T[K] } & {
  [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>;
};
const defined = <T extends object>(value: T): Defined<T> =>
  Object.fromEntries(Object.entries(value).filter(([, part]) => part !== undefined)) as Defined<T>;

/**
 * @param make the command; what it draws by lot follows from the idempotency key, so that asking again makes the same one
 * @throws Refused with MALFORMED_REQUEST when the command has not the right form
 */
async function submit<R extends FastifyReply>(
  node: Node,
  request: FastifyRequest,
  reply: R,
  why: string | undefined,
  make: (idempotencyKey: string) => Command,
): Promise<R> {
  const caller = callerOf(request, why);
  const idempotencyKey = caller.idempotencyKey ?? randomUUID();
  const parsed = parseCommand(make(idempotencyKey));
  if ('command' in parsed) return answer(reply, await node.submit(parsed.command, { ...caller, idempotencyKey }), node);
  throw new Refused(typeof parsed.error === 'string' ? malformed('', parsed.error) : problemOfZod(parsed.error));
}

function readColumn({ comment, name: column, nullable, type }: z.infer<typeof columnBody>, i: number): ColumnDefinition {
  const read = readType(type);
  if ('fault' in read) throw new Refused(malformed(`columns[${i}].type`, read.fault));
  return { name: column, type: read.text, isNullable: nullable && read.nullable, ...(comment === undefined ? {} : { comment }) };
}

const refused = (code: RejectionCode, field: string, detail: string): Refused =>
  new Refused(problemOfRejection(rejection(code, field, detail)));

/** What the caller may see of lists. */
export const seenBy = (state: State, request: FastifyRequest): ((resource: AclResource) => boolean) =>
  isAuthorizing(state) ? mayDescribe(state, askerOf(request)) : () => true;

/** @throws Refused with AUTHORIZATION_DENIED for who may not DESCRIBE it, whether it is there or not */
function judge(node: Node, state: State, request: FastifyRequest, resource: AclResource): void {
  const what = `${request.method} ${request.routeOptions.url ?? ''}`;
  const access = { kind: 'needs', needs: [{ operation: 'DESCRIBE', resource }] } as const;
  const denial = denialOfRead(node.denials, { state, asker: askerOf(request), what }, access);
  if (denial !== undefined) throw new Refused(problemOfRejection(denial));
}

/** @throws Refused with AUTHORIZATION_DENIED or, in Fluss's words, UNKNOWN_TABLE */
export function describedTable(
  node: Node,
  state: State,
  request: FastifyRequest,
  asked: { readonly database: string; readonly table: string },
): TableRow {
  judge(node, state, request, tableResource(asked));
  const row = tableOf(state.catalog, asked.database, asked.table);
  const full = `${asked.database.slice(0, 201)}.${asked.table.slice(0, 201)}`;
  if (row === undefined) throw refused('UNKNOWN_TABLE', 'table', `Table '${full}' does not exist.`);
  return row;
}

function partitionedTable(row: TableRow): TableRow {
  if (row.partitionKeys.length > 0) return row;
  throw refused('NOT_PARTITIONED', 'table', `Table '${row.database}.${row.table}' is not a partitioned table.`);
}

const limitOf = ({ limit = 100 }: { readonly limit?: number | undefined }): number => Math.min(pageLimit, Math.max(1, limit));
const nextOf = (hasMore: boolean, last: string | undefined) => (hasMore && last !== undefined ? { next: last } : {});
const shownDatabase = (row: DatabaseRow) => ({ ...row, properties: { ...row.properties } });
const shownPartition = ({ createdAt, name: own, partitionId, spec }: PartitionRow) => ({
  partitionId,
  name: own,
  spec: { ...spec },
  createdAt,
});
const shownTable = ({ columns, partitionIds, ...row }: TableRow) => ({
  ...row,
  columns: columns.map(({ isNullable, ...column }) => ({ ...column, nullable: isNullable })),
  primaryKey: [...row.primaryKey],
  partitionKeys: [...row.partitionKeys],
  bucketKeys: [...row.bucketKeys],
  properties: { ...row.properties },
  partitions: partitionIds.length,
});
