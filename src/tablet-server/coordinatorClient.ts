import { z } from 'zod';
import { bodyOf, Nodes, type NodesOptions } from '../node-client/nodes.ts';
import { type Assignment, assignment } from './assignment.ts';
import type { BucketRef } from './bucket.ts';

export interface Registration {
  readonly directoryId: string;
  readonly incarnation: string;
  readonly endpoint: string;
  readonly rack?: string;
  readonly capacityBytes?: number;
}
export type CopyProgress = BucketRef & { readonly copiedBytes: number; readonly totalBytes: number };
export interface Heartbeat {
  readonly incarnation: string;
  /** Up to here roles are taken and deletions done. */
  readonly appliedPosition: number;
  /** At most 1000. */
  readonly copies: readonly CopyProgress[];
}
export interface IsrReport extends BucketRef {
  readonly leaderEpoch: number;
  readonly bucketEpoch: number;
  readonly isr: readonly number[];
  /** How long the leader's copy is. */
  readonly bytes: number;
  /** Whether a new bucket epoch is to begin even if nothing changes: an earlier report may still be on its way. */
  readonly anew?: true;
}

const position = z.int().min(0);
const leaseMs = z.int().min(1);
const registered = z.object({ clusterId: z.string().min(1), leaseMs, position });
const beaten = z.object({ known: z.boolean(), leaseMs });
const reported = z.object({ position });
const shutting = z.object({ position, leading: z.int().min(0) });

const answerMs = 10_000;

export interface AssignmentQuery {
  readonly incarnation: string;
  /** The position of the list that is known; 0 asks for the whole list at once. */
  readonly after: number;
  /** An older list than this is of no use. */
  readonly from: number;
  readonly waitMs: number;
}

export interface CoordinatorClientOptions extends NodesOptions {
  readonly serverId: number;
}

/** The coordinator as a tablet server asks it. Every request may be repeated. */
export class CoordinatorClient {
  readonly #nodes: Nodes;
  readonly #serverId: number;

  constructor({ serverId, ...options }: CoordinatorClientOptions) {
    this.#nodes = new Nodes(options);
    this.#serverId = serverId;
  }

  /**
   * @returns also the position from which on it is known.
   * @throws CoordinatorUnavailable, CoordinatorRefused: SERVER_ID_TAKEN while a live server with this id has another directory
   */
  async register(registration: Registration): Promise<z.output<typeof registered>> {
    return registered.parse(await this.#json('POST', 'registration', registration));
  }

  /** @returns `known` false when it has to register again. @throws CoordinatorUnavailable, CoordinatorRefused */
  async heartbeat(body: Heartbeat, timeoutMs: number): Promise<z.output<typeof beaten>> {
    return beaten.parse(await this.#json('POST', 'heartbeats', body, timeoutMs));
  }

  /**
   * Waits until there is another assignment than that at `after`.
   * @returns it, or the position up to which there is none. @throws CoordinatorUnavailable, CoordinatorRefused: STALE_SERVER once another
   *   process has this one's place
   */
  async assignment(query: AssignmentQuery, signal: AbortSignal): Promise<Assignment | { readonly unchangedAt: number }> {
    const { after, from, incarnation, waitMs } = query;
    const what = `assignment?after=${after}&from=${from}&waitMs=${waitMs}&incarnation=${encodeURIComponent(incarnation)}`;
    const response = await this.#nodes.ask({ method: 'GET', path: this.#path(what), timeoutMs: waitMs + answerMs, signal });
    if (response.status === 204) return { unchangedAt: position.catch(after).parse(Number(response.headers.get('chancery-position'))) };
    return assignment.parse(await bodyOf(response));
  }

  /**
   * Asks one node: when that has no answer, it may still carry out the report later, and the caller must know. The next one goes to
   * another.
   * @returns the position at or after which an assignment shows what came of it. @throws CoordinatorUnavailable, CoordinatorRefused
   */
  async reportIsr(incarnation: string, buckets: readonly IsrReport[]): Promise<number> {
    const request = { method: 'POST', path: this.#path('isr'), body: { incarnation, buckets }, timeoutMs: answerMs };
    return reported.parse(await this.#nodes.askOne(request)).position;
  }

  /** @returns how many buckets this server still leads. @throws CoordinatorUnavailable, CoordinatorRefused */
  async shutDown(incarnation: string): Promise<number> {
    return shutting.parse(await this.#json('POST', 'shutdown', { incarnation }, 3000)).leading;
  }

  /** This server has stopped. @throws CoordinatorUnavailable, CoordinatorRefused */
  async leave(incarnation: string): Promise<void> {
    await this.#json('DELETE', `registration?incarnation=${encodeURIComponent(incarnation)}`, undefined, 3000);
  }

  async #json(method: string, what: string, body: unknown, timeoutMs = answerMs): Promise<unknown> {
    return await bodyOf(await this.#nodes.ask({ method, path: this.#path(what), body, timeoutMs }));
  }

  #path(what: string): string {
    return `/v1/servers/${this.#serverId}/${what}`;
  }
}
