import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { Node } from '../../engine/node.ts';
import { type Copying, copyingOf } from '../../engine/rebalanceProgress.ts';
import { rejection } from '../../rejection.ts';
import { askLeader, type LeaderCallParts } from './leaderCall.ts';
import { problemOfRejection, Refused } from './problems.ts';
import { type SignedParts, signedRoute } from './signedRoutes.ts';

const path = '/internal/v1/rebalance-copies';
const count = z.number().int().min(0);
export const copyingJson = z
  .strictObject({
    replicas: count.describe('How many replicas are being copied.'),
    copiedBytes: count.describe('What of them is there.'),
    totalBytes: count.describe('What they come to.'),
  })
  .describe('What is being copied at the moment, as tablet servers said last. Absent where the node that leads cannot be asked.');

/** However many follow a rebalance on this node, the leader is asked so seldom, in milliseconds. */
const askEveryMs = 900;

/** What is being copied in the whole cluster: the node that leads is told, the others ask it. */
export class CopyingBoard {
  readonly #node: Node;
  readonly #parts: LeaderCallParts;
  #asked: { readonly at: number; readonly answer: Promise<Copying | undefined> } | undefined;

  constructor(node: Node, parts: LeaderCallParts) {
    this.#node = node;
    this.#parts = parts;
  }

  /** @returns undefined when nobody can be asked. Never rejects. */
  async now(): Promise<Copying | undefined> {
    if (this.#node.role === 'leader') return copyingOf(this.#node.state, this.#node.serverReports);
    const now = performance.now();
    if (this.#asked === undefined || now - this.#asked.at > askEveryMs) this.#asked = { at: now, answer: this.#ask() };
    return await this.#asked.answer;
  }

  async #ask(): Promise<Copying | undefined> {
    try {
      const answer = await askLeader(this.#node, this.#parts, path, {});
      const told = answer?.ok === true ? copyingJson.safeParse(await answer.json()) : undefined;
      return told?.success === true ? told.data : undefined;
    } catch {
      return undefined; // The leader broke off its answer: the next look asks again.
    }
  }
}

/** POST /internal/v1/rebalance-copies: what another node wants to show. Answered from here alone, as heartbeats are. */
export const copyingRoutes: FastifyPluginAsyncZod<{ node: Node; signed: SignedParts }> = async (http, { node, signed }) => {
  signedRoute(http, signed, path, 1024, async () => {
    if (node.role !== 'leader') throw new Refused(problemOfRejection(rejection('NO_LEADER', '', 'this node does not lead')));
    return copyingOf(node.state, node.serverReports);
  });
};
