import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { bucketRef } from '../../../events/buckets.ts';
import { int64 } from '../../../events/kit.ts';
import { incarnation, serverId } from '../../../events/servers.ts';
import { bucketKey } from '../../../projections/buckets.ts';
import { durationMsOf } from '../../../projections/configs.ts';
import { serverOf } from '../../../projections/servers.ts';
import type { State } from '../../../projections/state.ts';
import type { Node } from '../../engine/node.ts';
import type { ServerReport } from '../../engine/serverReports.ts';
import { rejection } from '../../rejection.ts';
import { askLeader, type LeaderCallParts } from './leaderCall.ts';
import { problemOfRejection, problemOfZod, Refused } from './problems.ts';
import { type SignedParts, signedRoute } from './signedRoutes.ts';

const passedOnPath = '/internal/v1/server-heartbeats';
/** A thousand copies, each with all that it may say, in both directions. */
const passedOnBytes = 512 * 1024;
const copiesMost = 1_000;

export const heartbeatFields = {
  incarnation,
  appliedPosition: z.number().int().min(0).describe('Up to this position it has carried out its assignment.'),
  copies: z
    .array(z.strictObject({ ...bucketRef, copiedBytes: int64.min(0), totalBytes: int64.min(0) }))
    .max(copiesMost, `at most ${copiesMost} copies in one heartbeat`)
    .describe('What it is copying.'),
} as const;
const passedOn = z.strictObject({ serverId, ...heartbeatFields });

export const heartbeatAnswer = z
  .strictObject({
    known: z.boolean().describe('False: register again. Another process has its place, or it was said to have stopped.'),
    leaseMs: z.number().int().describe('It counts as lost when nobody hears of it for so long: report three times as often.'),
  })
  .describe('Heard, by the node that leads.');
type HeartbeatAnswer = z.infer<typeof heartbeatAnswer>;

/** Has the node that leads keep a report. @throws Refused with NO_LEADER */
export async function recordReport(node: Node, report: ServerReport, parts: LeaderCallParts): Promise<HeartbeatAnswer> {
  if (node.role === 'leader') return recordHere(node, report);
  const answer = await askLeader(node, parts, passedOnPath, report);
  const told = answer?.ok === true ? heartbeatAnswer.safeParse(await answer.json()) : undefined;
  if (told?.success === true) return told.data;
  throw nobodyLeads();
}

function recordHere(node: Node, report: ServerReport): HeartbeatAnswer {
  const { configs, servers } = node.state;
  const leaseMs = durationMsOf(configs, 'chancery.server.lease');
  const row = serverOf(servers, report.serverId);
  const known = row?.incarnation === report.incarnation && row.lostBecause !== 'STOPPED';
  if (known) node.serverReports.record(credible(node.state, report));
  return { known, leaseMs };
}

/**
 * What a report can rightly say: nobody has carried out what nobody has decided, and a server copies each bucket that it is to hold once.
 * What is kept of all servers is then no more than there are replicas.
 */
function credible({ buckets, position }: State, { appliedPosition, copies, ...report }: ServerReport): ServerReport {
  const byBucket = new Map(copies.map((copy) => [bucketKey(copy), copy]));
  const own = [...byBucket].filter(([key]) => buckets.byKey.get(key)?.replicas.includes(report.serverId) === true);
  return { ...report, appliedPosition: Math.min(appliedPosition, position), copies: own.map(([, copy]) => copy) };
}

const nobodyLeads = (): Refused => new Refused(problemOfRejection(rejection('NO_LEADER', '', 'no node takes heartbeats at the moment')));

/**
 * POST /internal/v1/server-heartbeats: what a tablet server told another node. Answered from here alone: two nodes that each take the other
 * for the leader must not go on for ever.
 */
export const passedServerHeartbeatRoutes: FastifyPluginAsyncZod<{ node: Node; signed: SignedParts }> = async (http, { node, signed }) => {
  signedRoute(http, signed, passedOnPath, passedOnBytes, async (given) => {
    const parsed = passedOn.safeParse(given);
    if (!parsed.success) throw new Refused(problemOfZod(parsed.error));
    if (node.role !== 'leader') throw nobodyLeads();
    return recordHere(node, parsed.data);
  });
};
