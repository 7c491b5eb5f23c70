import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { redacted } from '../../../events/kit.ts';
import { clustersOf } from '../../../projections/clusters.ts';
import { nodesOf } from '../../../projections/computeNodes.ts';
import { type InstanceRow, instanceOf, instanceRows } from '../../../projections/instances.ts';
import type { State } from '../../../projections/state.ts';
import { storageOf } from '../../../projections/storage.ts';
import { countWhile } from '../../engine/sorted.ts';
import { provenanceJson, refusals, stampProvenance } from './answers.ts';
import { problem, Refused } from './problems.ts';
import { readQuery, tablesOf, wholeNumber } from './requests.ts';

const pageLimit = 1000;
const row = z.record(z.string(), z.unknown());
const listJson = z
  .strictObject({
    instances: z.array(row),
    next: z.string().optional().describe('There are more: ask again with ?after=<this>.'),
    provenance: provenanceJson,
  })
  .describe('Instances by id, ascending.');
const oneJson = z
  .strictObject({
    instance: row,
    clusters: z.array(row).describe('In the order in which they came, each with its nodes.'),
    storage: row.describe('Object stores, vaults and stages; keys are the word sealed.'),
    provenance: provenanceJson,
  })
  .describe('One instance and all that belongs to it.');
const tags = ['instances'];

/** GET /v1/instances and /v1/instances/:instanceId: the tables of the Meta Service, keys sealed. Changes: POST /v1/acts/<command>. */
export const instanceRoutes: FastifyPluginAsyncZod = async (http) => {
  const querystring = z.strictObject({
    after: z.string().max(1024).optional().describe('Instances with greater ids.'),
    limit: wholeNumber.optional().describe(`How many at most, up to ${pageLimit}; default 100.`),
    ...readQuery,
  });
  http.get(
    '/v1/instances',
    { schema: { summary: 'Instances', tags, querystring, response: { 200: listJson, ...refusals } } },
    async (request, reply) => {
      const { state, provenance } = tablesOf(request);
      const limit = Math.min(pageLimit, Math.max(1, request.query.limit ?? 100));
      const page = instancesAfter(state, request.query.after, limit + 1);
      const next = page.length > limit ? page[limit - 1]?.instanceId : undefined;
      stampProvenance(reply, provenance);
      return reply.send({ instances: page.slice(0, limit).map(shown), ...(next === undefined ? {} : { next }), provenance });
    },
  );
  http.get(
    '/v1/instances/:instanceId',
    {
      schema: {
        summary: 'One instance',
        tags,
        params: z.strictObject({ instanceId: z.string().min(1) }),
        querystring: z.strictObject(readQuery),
        response: { 200: oneJson, ...refusals },
      },
    },
    async (request, reply) => {
      const { state, provenance } = tablesOf(request);
      const { instanceId } = request.params;
      const instance = instanceOf(state.instances, instanceId);
      if (instance === undefined)
        throw new Refused(problem('UNKNOWN_RESOURCE', `there is no instance '${instanceId.slice(0, 256)}'`, { field: 'instanceId' }));
      stampProvenance(reply, provenance);
      return reply.send({
        instance: shown(instance),
        clusters: clustersOf(state.clusters, instanceId).map((cluster) => ({
          ...cluster,
          nodes: nodesOf(state.computeNodes, instanceId, cluster.clusterId),
        })),
        storage: shown(storageOf(state.storage, instanceId) ?? {}),
        provenance,
      });
    },
  );
};

const shown = (value: object): Record<string, unknown> => redacted(value) as Record<string, unknown>;

/** Sorted once for each version of the table. */
const sortedRows = new WeakMap<object, readonly InstanceRow[]>();

function instancesAfter({ instances }: State, after: string | undefined, limit: number): readonly InstanceRow[] {
  let rows = sortedRows.get(instances.byId);
  if (rows === undefined) {
    rows = instanceRows(instances);
    sortedRows.set(instances.byId, rows);
  }
  const first = after === undefined ? 0 : countWhile(rows, ({ instanceId }) => instanceId <= after);
  return rows.slice(first, first + limit);
}
