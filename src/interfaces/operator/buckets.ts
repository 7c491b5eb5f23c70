import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { bucketRef, bytes, noLeader } from '../../../events/buckets.ts';
import { serverId } from '../../../events/servers.ts';
import { type BucketRow, bucketOf } from '../../../projections/buckets.ts';
import { partitionOf, type TableRow } from '../../../projections/catalog.ts';
import { serverOf } from '../../../projections/servers.ts';
import type { State } from '../../../projections/state.ts';
import type { Node } from '../../engine/node.ts';
import { rejection } from '../../rejection.ts';
import { provenanceJson, refusals, stampProvenance } from './answers.ts';
import { describedTable } from './catalog.ts';
import { malformed, problemOfRejection, Refused } from './problems.ts';
import { readQuery, readState } from './requests.ts';

const epoch = z.number().int();
const bucketJson = z
  .strictObject({
    ...bucketRef,
    leader: z.number().int().describe(`The server that leads it; ${noLeader}: nobody.`),
    leaderEpoch: epoch,
    bucketEpoch: epoch,
    replicas: z.array(serverId),
    isr: z.array(serverId).describe('Those that have everything that was acknowledged.'),
    bytes: bytes.exactOptional().describe("How long the leader's copy was when its in-sync replicas last changed; absent before."),
  })
  .describe('A bucket and where its copies are.');
const listJson = z
  .strictObject({
    buckets: z.array(bucketJson),
    endpoints: z.record(z.string(), z.string()).describe('Of the servers named, those that are there: "0": "host:port".'),
    provenance: provenanceJson,
  })
  .describe('The buckets of a table, or of one of its partitions.');

/** GET /v1/buckets?table=db.t[&partition=2026$eu]: where clients of a table find it. At most as many as a table can have: 16,384. */
export const bucketRoutes: FastifyPluginAsyncZod<{ node: Node }> = async (http, { node }) => {
  const querystring = z.strictObject({
    table: z.string().min(1).max(1000).describe('As database.table.'),
    partition: z.string().max(10_000).optional().describe('One partition by its name, such as 2026$eu; absent: all of them.'),
    ...readQuery,
  });
  const schema = { summary: 'The buckets of a table', tags: ['catalog'], querystring, response: { 200: listJson, ...refusals } };
  http.get('/v1/buckets', { schema }, async (request, reply) => {
    const { partition, table: name } = request.query;
    const [database = '', table = '', ...more] = name.split('.');
    if (table === '' || more.length > 0) throw new Refused(malformed('table', 'as database.table'));
    const { state, provenance } = await readState(node, request.query);
    const buckets = bucketsOf(state, describedTable(node, state, request, { database, table }), partition);
    const ids = new Set(buckets.flatMap(({ replicas }) => replicas));
    const endpoints = Object.fromEntries([...ids].flatMap((id) => endpointOf(state, id)));
    stampProvenance(reply, provenance);
    return reply.send({ buckets: buckets.map(shown), endpoints, provenance });
  });
};

function endpointOf(state: State, id: number): readonly (readonly [string, string])[] {
  const server = serverOf(state.servers, id);
  return server === undefined || server.status === 'LOST' ? [] : [[String(id), server.endpoint]];
}

const shown = (row: BucketRow) => ({ ...row, replicas: [...row.replicas], isr: [...row.isr] });

/** @throws Refused with NOT_PARTITIONED or UNKNOWN_PARTITION */
function bucketsOf(state: State, row: TableRow, partition: string | undefined): readonly BucketRow[] {
  const { bucketCount, partitionIds, partitionKeys, tableId } = row;
  const refused = (code: 'NOT_PARTITIONED' | 'UNKNOWN_PARTITION', detail: string) =>
    new Refused(problemOfRejection(rejection(code, 'partition', detail)));
  const full = `${row.database}.${row.table}`;
  const rowsOf = (of: { readonly partitionId?: number }): readonly BucketRow[] =>
    Array.from({ length: bucketCount }, (_, bucketId) => bucketOf(state.buckets, { tableId, ...of, bucketId })).filter(
      (bucket) => bucket !== undefined,
    );
  if (partitionKeys.length === 0) {
    if (partition !== undefined) throw refused('NOT_PARTITIONED', `Table '${full}' is not a partitioned table.`);
    return rowsOf({});
  }
  if (partition === undefined) return partitionIds.flatMap((partitionId) => rowsOf({ partitionId }));
  const known = partitionOf(state.catalog, tableId, partition);
  if (known === undefined) throw refused('UNKNOWN_PARTITION', `Partition '${partition.slice(0, 200)}' does not exist for table ${full}`);
  return rowsOf({ partitionId: known.partitionId });
}
