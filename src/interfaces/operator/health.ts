import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { Node } from '../../engine/node.ts';
import { type EventLog, LogUnavailable } from '../../log/port.ts';
import type { Clock } from '../../ports/clock.ts';
import { refusals } from './answers.ts';
import { problem, sendProblem } from './problems.ts';

const retryMs = 500;

/** Whether this node serves. A node that starts must first have folded the log as far as it went when the node came up. */
export class Readiness {
  readonly #node: Node;
  readonly #begun = Promise.withResolvers<number>();
  #headAtStart: number | undefined;
  #isClosed = false;

  constructor(node: Node) {
    this.#node = node;
  }

  /** Asks the log where it ends, again until it answers. */
  async begin(log: Pick<EventLog, 'head'>, clock: Clock): Promise<void> {
    while (!this.#isClosed && this.#headAtStart === undefined) {
      try {
        this.#headAtStart = (await log.head()).position;
        this.#begun.resolve(this.#headAtStart);
      } catch (error) {
        if (!(error instanceof LogUnavailable)) throw error;
        await new Promise<void>((resolve) => {
          clock.after(retryMs, resolve);
        });
      }
    }
  }

  close(): void {
    this.#isClosed = true;
  }

  /** Whether this node's tables are as new as the log was when the node came up; from then on they only get newer. */
  get hasCaughtUp(): boolean {
    return this.#headAtStart !== undefined && this.#node.state.position >= this.#headAtStart;
  }

  /** Waits for that. @returns false when it took longer than `ms` */
  async caughtUp(ms: number): Promise<boolean> {
    if (this.hasCaughtUp) return true;
    const end = performance.now() + ms;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<undefined>((resolve) => {
      timer = setTimeout(resolve, ms, undefined);
    });
    const head = await Promise.race([this.#begun.promise, late]);
    clearTimeout(timer);
    return head !== undefined && (await this.#node.replica.reached(head, end - performance.now()));
  }

  /** What is still missing, in words; empty when the node serves. */
  missing(): readonly string[] {
    const { fault, leaderId, position, role, staleForMs } = this.#node.status();
    if (fault !== undefined) return [`the node stopped serving: ${fault}`];
    if (role === 'stopping') return ['the node is stopping'];
    const missing: string[] = [];
    if (this.#headAtStart === undefined) missing.push('the log has not answered yet');
    else if (position < this.#headAtStart) missing.push(`the log is folded up to ${position} of ${this.#headAtStart}`);
    // Its last word on who leads may be long out of date then, and nothing can be written through it.
    if (staleForMs !== undefined) missing.push(`the log has been silent for ${Math.round(staleForMs)} ms`);
    if (leaderId === undefined) missing.push('no node leads');
    return missing;
  }
}

const alive = z.strictObject({ status: z.literal('alive') }).describe('The process is alive and its tables are right.');
const ready = z.strictObject({ status: z.literal('ready') }).describe('Send requests here.');

/** GET /health: restart the process when this is not 200. GET /ready: send it requests only while this is 200. */
export const healthRoutes: FastifyPluginAsyncZod<{ node: Node; readiness: Readiness }> = async (http, { node, readiness }) => {
  const about = (summary: string, answer: z.ZodType) => ({ summary, tags: ['operations'], response: { 200: answer, ...refusals } });
  http.get('/health', { schema: about('Is the process alive?', alive) }, async (_request, reply) => {
    const { fault } = node.status();
    if (fault !== undefined) return sendProblem(reply, problem('NOT_READY', `the node stopped serving: ${fault}`));
    return reply.send({ status: 'alive' });
  });
  http.get('/ready', { schema: about('Does this node serve?', ready) }, async (_request, reply) => {
    const missing = readiness.missing();
    if (missing.length > 0) return sendProblem(reply, problem('NOT_READY', missing.join('; '), { more: { missing } }));
    return reply.send({ status: 'ready' });
  });
};
