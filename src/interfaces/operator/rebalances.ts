import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { bucketRef } from '../../../events/buckets.ts';
import { goalList, goals, type PlannedMove, rebalanceId } from '../../../events/rebalance.ts';
import { serverId } from '../../../events/servers.ts';
import { type MoveRow, movesOf, type RebalanceRow, rebalanceOf, rebalanceRows } from '../../../projections/rebalance.ts';
import type { State } from '../../../projections/state.ts';
import type { Authenticator } from '../../authentication/authenticator.ts';
import type { Node } from '../../engine/node.ts';
import { bucketName, type DraftServer, reasonsOf } from '../../engine/rebalanceDraft.ts';
import { viewOfRebalance } from '../../engine/rebalanceProgress.ts';
import { type Rebalancing, staleChoices } from '../../engine/rebalancing.ts';
import { rejection } from '../../rejection.ts';
import { answer, provenanceJson, refusals, stampProvenance, writeAnswer } from './answers.ts';
import { stillDenied } from './authorization.ts';
import { type CopyingBoard, copyingJson } from './copyingBoard.ts';
import type { EventStreams } from './eventStreams.ts';
import { problemOfRejection, Refused } from './problems.ts';
import { RebalanceFeed } from './rebalanceFeed.ts';
import { callerOf, readQuery, reason, tablesOf, wholeNumber, writeHeaders } from './requests.ts';

/** A plan is made anew for each of its pages, so they are long. */
const pageLimits = { rebalances: 1000, moves: 1000, planned: 10_000, default: 100 } as const;
const count = z.number().int().min(0);
const time = z.number().int().describe('Epoch milliseconds.');
const statuses = ['NOT_STARTED', 'REBALANCING', 'COMPLETED', 'FAILED', 'CANCELED'] as const;

const rebalanceJson = z
  .strictObject({
    rebalanceId,
    status: z.enum(statuses).describe('FAILED: its plan never arrived in full. That buckets could not be moved is in `failed`.'),
    goals: goalList,
    moveCount: count.describe('How many buckets it moves.'),
    waiting: count,
    moving: count,
    finished: count,
    failed: count,
    canceled: count.describe('Moves that a cancellation ended, begun or not.'),
    percent: z.number().optional().describe('How many moves are finished or failed, of a hundred; absent without moves.'),
    copiedBytes: count.describe('What finished moves copied, as far as tablet servers told.'),
    copying: copyingJson.optional(),
    principal: z.string().describe('Who asked for it.'),
    reason: z.string().optional(),
    failure: z.string().optional().describe('Why it was given up.'),
    plannedAt: time,
    startedAt: time.optional(),
    endedAt: time.optional(),
    firstPosition: count.describe('Of its first event.'),
    position: count.describe('Of the newest event about it.'),
  })
  .describe('A rebalance, running or past.');
const moveJson = z
  .strictObject({
    move: count.describe('Its number in the plan, from 0.'),
    ...bucketRef,
    bucket: z.string().describe('By the name of its table: shop.orders/2; by numbers when the table is gone.'),
    status: z.enum(statuses),
    originalLeader: z.number().int(),
    newLeader: serverId,
    originalReplicas: z.array(serverId),
    newReplicas: z.array(serverId).describe('The new leader first.'),
    why: z.array(z.string()).describe('Which goal asked for it, and why: a sentence for each step.'),
    startedAt: time.optional(),
    timeoutAt: time.optional().describe('When it is given up, epoch milliseconds.'),
    inSyncAt: time.optional().describe('When its new replicas had everything, epoch milliseconds.'),
    endedAt: time.optional(),
    copiedBytes: count.optional(),
    failure: z.string().optional().describe('Why it failed or was canceled.'),
    left: z.enum(['ORIGINAL', 'TARGET', 'GONE']).optional().describe('Where that left the bucket.'),
    position: count.describe('Of the newest event about it.'),
  })
  .describe('What becomes of one bucket.');
const plannedJson = moveJson.pick({
  move: true,
  tableId: true,
  partitionId: true,
  bucketId: true,
  bucket: true,
  originalLeader: true,
  newLeader: true,
  originalReplicas: true,
  newReplicas: true,
  why: true,
});

const next = count.optional().describe('There are more: ask again with ?offset=<this>.');
const listJson = z
  .strictObject({ rebalances: z.array(rebalanceJson), total: count, next, provenance: provenanceJson })
  .describe('Rebalances, the newest first.');
const oneJson = z.strictObject({ rebalance: rebalanceJson, provenance: provenanceJson }).describe('One rebalance.');
const movesJson = z
  .strictObject({
    moves: z.array(moveJson),
    next,
    isKept: z.boolean().describe('False: its moves are no longer kept; sys.rebalance_moves AT (VERSION => position) has them.'),
    provenance: provenanceJson,
  })
  .describe('Moves in the order of the plan.');
const change = z.strictObject({ before: count, after: count });
const planJson = z
  .strictObject({
    moveCount: count,
    copies: count.describe('How many replicas would be copied; a move that hands leadership over copies none.'),
    askedBy: z
      .array(z.strictObject({ askedBy: z.enum([...goals, 'SERVER_TAG']), moves: count }))
      .describe('How many moves each goal asks for; one that several ask for counts for each.'),
    servers: z
      .array(
        z.strictObject({
          serverId,
          rack: z.string().optional(),
          tag: z.string().optional(),
          status: z.string(),
          replicas: change,
          leaders: change,
        }),
      )
      .describe('Each server before and after, by id.'),
    shortfalls: z.array(z.string()).describe('What the plan does not do, the worst first, a sentence each; at most 1,000.'),
    moves: z.array(plannedJson),
    next: count.optional().describe('There are more: ask again with ?offset=<this>, while provenance.position stays the same.'),
    provenance: provenanceJson,
  })
  .describe('What a rebalance would do now. Nothing was written down.');
const begunJson = writeAnswer.extend({ rebalanceId, moveCount: count }).describe('Begun, and durable.');

const wanted = z.strictObject({
  goals: goalList.describe(`By priority: ${goals.join(', ')}.`),
  onStale: z
    .enum(staleChoices)
    .optional()
    .describe('When servers, tags or buckets change while it is planned: REFUSE, which is the default, or REPLAN.'),
  reason: reason.optional(),
});
const why = z.strictObject({ reason: reason.optional() });
const page = {
  limit: wholeNumber
    .optional()
    .describe(`How many at most, up to ${pageLimits.moves}, of a plan ${pageLimits.planned}; default ${pageLimits.default}.`),
  offset: wholeNumber.optional().describe('How many to leave out at the beginning.'),
};
const params = z.strictObject({ rebalanceId });
const tags = ['rebalances'];

export interface RebalanceParts {
  readonly node: Node;
  readonly rebalancing: Rebalancing;
  readonly copying: CopyingBoard;
  readonly authenticator: Pick<Authenticator, 'standing'>;
  readonly streams: EventStreams;
}

/**
 * POST /v1/rebalances plans and begins one, POST /v1/rebalances/plan only says what it would do; POST …/cancel stops one.
 * GET /v1/rebalances, …/:rebalanceId and …/:rebalanceId/moves tell of all that are kept, …/:rebalanceId/stream how far one is, by
 * server-sent events, until it is over. Writes take the header Idempotency-Key.
 */
export const rebalanceRoutes: FastifyPluginAsyncZod<RebalanceParts> = async (http, parts) => {
  await http.register(writing, parts);
  await http.register(reading, parts);
};

const writing: FastifyPluginAsyncZod<RebalanceParts> = async (http, { node, rebalancing }) => {
  const write = { tags, headers: writeHeaders };
  http.post(
    '/v1/rebalances',
    { schema: { ...write, summary: 'Plan a rebalance and begin it', body: wanted, response: { 200: begunJson, ...refusals } } },
    async (request, reply) => {
      const { goals: given, onStale = 'REFUSE', reason: words } = request.body;
      const begun = await rebalancing.begin({ goals: given, onStale }, callerOf(request, words), goneSignal(reply.raw));
      if (begun.kind !== 'done') return answer(reply, begun, node);
      const { kind: _, ...told } = begun;
      stampProvenance(reply, { ...node.provenance, position: told.position });
      return reply.send(told);
    },
  );
  http.post(
    '/v1/rebalances/plan',
    {
      schema: {
        summary: 'What a rebalance would do, without doing it',
        tags,
        querystring: z.strictObject(page),
        body: wanted.pick({ goals: true }),
        response: { 200: planJson, ...refusals },
      },
    },
    async (request, reply) => {
      const drafted = await rebalancing.draft(request.body.goals, callerOf(request, undefined), goneSignal(reply.raw));
      if (drafted.kind === 'rejected') throw new Refused(problemOfRejection(drafted.rejection));
      const { draft, provenance, state } = drafted;
      const { items, ...more } = paged(draft.moves, request.query, pageLimits.planned);
      const { offset = 0 } = request.query;
      stampProvenance(reply, provenance);
      return reply.send({
        moveCount: draft.moves.length,
        copies: draft.summary.copies.replicas,
        askedBy: draft.summary.askedBy.map((each) => ({ ...each })),
        servers: draft.servers.map(serverJsonOf),
        shortfalls: [...draft.shortfalls],
        moves: items.map((move, i) => plannedJsonOf(state, move, offset + i)),
        ...more,
        provenance,
      });
    },
  );
  const cancel = { ...write, body: why, response: { 200: writeAnswer, ...refusals } };
  http.post('/v1/rebalances/cancel', { schema: { ...cancel, summary: 'Stop the newest rebalance' } }, async (request, reply) =>
    answer(reply, await node.submit({ name: 'cancelRebalance' }, callerOf(request, request.body.reason)), node),
  );
  http.post(
    '/v1/rebalances/:rebalanceId/cancel',
    { schema: { ...cancel, summary: 'Stop a rebalance', params } },
    async (request, reply) => {
      const command = { name: 'cancelRebalance', rebalanceId: request.params.rebalanceId } as const;
      return answer(reply, await node.submit(command, callerOf(request, request.body.reason)), node);
    },
  );
};

const reading: FastifyPluginAsyncZod<RebalanceParts> = async (http, { authenticator, copying, node, streams }) => {
  http.get(
    '/v1/rebalances',
    {
      schema: {
        summary: 'Rebalances',
        tags,
        querystring: z.strictObject({ ...page, ...readQuery }),
        response: { 200: listJson, ...refusals },
      },
    },
    async (request, reply) => {
      const { provenance, state } = tablesOf(request);
      const rows = rebalanceRows(state.rebalance);
      const { items, ...more } = paged(rows, request.query, pageLimits.rebalances);
      stampProvenance(reply, provenance);
      return reply.send({ rebalances: items.map(viewOfRebalance), total: rows.length, ...more, provenance });
    },
  );
  const one = { tags, params, querystring: z.strictObject(readQuery) };
  http.get(
    '/v1/rebalances/:rebalanceId',
    { schema: { ...one, summary: 'One rebalance', response: { 200: oneJson, ...refusals } } },
    async (request, reply) => {
      const { provenance, state } = tablesOf(request);
      const row = knownRebalance(state, request.params.rebalanceId);
      const now = row.moving === 0 ? undefined : await copying.now();
      stampProvenance(reply, provenance);
      return reply.send({ rebalance: { ...viewOfRebalance(row), ...(now === undefined ? {} : { copying: now }) }, provenance });
    },
  );
  const movesQuery = z.strictObject({ ...page, status: z.enum(statuses).optional().describe('Only those with it.'), ...readQuery });
  http.get(
    '/v1/rebalances/:rebalanceId/moves',
    { schema: { summary: 'The moves of a rebalance', tags, params, querystring: movesQuery, response: { 200: movesJson, ...refusals } } },
    async (request, reply) => {
      const { provenance, state } = tablesOf(request);
      const row = knownRebalance(state, request.params.rebalanceId);
      const { status } = request.query;
      const { items, ...more } = paged(movesWith(state, row, status), request.query, pageLimits.moves);
      const isKept = row.planned === 0 || state.rebalance.withMoves.includes(row.rebalanceId);
      stampProvenance(reply, provenance);
      return reply.send({ moves: items.map((move) => moveJsonOf(state, move)), ...more, isKept, provenance });
    },
  );
  const stream = { 200: { description: 'Server-sent events.', content: { 'text/event-stream': { schema: rebalanceJson } } }, ...refusals };
  http.get(
    '/v1/rebalances/:rebalanceId/stream',
    { schema: { ...one, summary: 'How far a rebalance is, at each change, until it is over', response: stream } },
    async (request, reply) => {
      const { rebalanceId: id } = request.params;
      knownRebalance(tablesOf(request).state, id);
      streams.show(reply, new RebalanceFeed({ node, copying, rebalanceId: id, denied: stillDenied(node, authenticator, request) }));
      return reply;
    },
  );
};

/** A plan that nobody waits for any more is given up. */
function goneSignal(raw: { readonly writableFinished: boolean; once(event: 'close', listener: () => void): unknown }): AbortSignal {
  const gone = new AbortController();
  raw.once('close', () => {
    if (!raw.writableFinished) gone.abort(new Refused(problemOfRejection(rejection('BUSY', '', 'the caller has gone'))));
  });
  return gone.signal;
}

function paged<T>(
  all: Iterable<T>,
  { limit = pageLimits.default, offset = 0 }: { readonly limit?: number | undefined; readonly offset?: number | undefined },
  most: number,
): { readonly items: readonly T[]; readonly next?: number } {
  const wantedCount = Math.min(most, Math.max(1, limit));
  const items: T[] = [];
  let place = 0;
  for (const item of all) {
    if (place >= offset + wantedCount) return { items, next: place };
    if (place >= offset) items.push(item);
    place += 1;
  }
  return { items };
}

/** @throws Refused with UNKNOWN_REBALANCE */
function knownRebalance(state: State, id: string): RebalanceRow {
  const row = rebalanceOf(state.rebalance, id);
  if (row === undefined)
    throw new Refused(
      problemOfRejection(rejection('UNKNOWN_REBALANCE', 'rebalanceId', `there is no rebalance '${id}', or it is no longer kept`)),
    );
  return row;
}

function* movesWith(state: State, row: RebalanceRow, status: MoveRow['status'] | undefined): Generator<MoveRow> {
  for (const move of movesOf(state.rebalance, row)) if (status === undefined || move.status === status) yield move;
}

const serverJsonOf = ({ leaders, replicas, ...server }: DraftServer) => ({ ...server, replicas: { ...replicas }, leaders: { ...leaders } });
const plannedJsonOf = (state: State, { steps, ...move }: PlannedMove, number: number) => ({
  ...move,
  move: number,
  bucket: bucketName(state, move),
  originalReplicas: [...move.originalReplicas],
  newReplicas: [...move.newReplicas],
  why: [...reasonsOf({ steps })],
});
const moveJsonOf = (state: State, { handedOverPosition: _, rebalanceId: __, steps, ...move }: MoveRow) => ({
  ...move,
  ...plannedJsonOf(state, { ...move, steps }, move.move),
});
