import { z } from 'zod';
import { type Assignment, assignment } from './assignment.ts';
import type { BucketRef } from './bucket.ts';

/** `fetch`, or the same over TLS with certificates of one's own. */
export type HttpFetch = (
  url: URL,
  request: {
    readonly method: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly body?: string;
    readonly signal: AbortSignal;
  },
) => Promise<Response>;

/** No node could carry out the request now; it may have arrived all the same. Trying again later may succeed. */
export class CoordinatorUnavailable extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'CoordinatorUnavailable';
  }
}

/** The coordinator said no. */
export class CoordinatorRefused extends Error {
  readonly status: number;
  readonly code: string;
  readonly remedy: string;
  constructor(status: number, code: string, detail: string, remedy: string) {
    super(detail);
    this.name = 'CoordinatorRefused';
    this.status = status;
    this.code = code;
    this.remedy = remedy;
  }
}

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
const problem = z.object({ code: z.string(), detail: z.string().optional(), title: z.string().optional(), remedy: z.string().optional() });

const answerMs = 10_000;

export interface AssignmentQuery {
  readonly incarnation: string;
  /** The position of the list that is known; 0 asks for the whole list at once. */
  readonly after: number;
  /** An older list than this is of no use. */
  readonly from: number;
  readonly waitMs: number;
}

export interface CoordinatorClientOptions {
  readonly serverId: number;
  /** `http://host:port` of nodes; any of them answers. */
  readonly urls: readonly string[];
  /** The header of that name. */
  readonly authorization?: string;
  readonly fetch: HttpFetch;
}

/**
 * The coordinator as a tablet server asks it. A node that cannot be reached or answers 503 is passed over for the next one; the one that
 * answered last is asked first. Every request may be repeated.
 */
export class CoordinatorClient {
  #urls: readonly string[];
  readonly #options: CoordinatorClientOptions;

  constructor(options: CoordinatorClientOptions) {
    this.#urls = options.urls;
    this.#options = options;
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
    const path = `assignment?after=${after}&from=${from}&waitMs=${waitMs}&incarnation=${encodeURIComponent(incarnation)}`;
    const response = await this.#ask('GET', path, undefined, waitMs + answerMs, signal);
    if (response.status === 204) return { unchangedAt: position.catch(after).parse(Number(response.headers.get('chancery-position'))) };
    return assignment.parse(await bodyOf(response));
  }

  /**
   * Asks one node: when that has no answer, it may still carry out the report later, and the caller must know. The next one goes to
   * another.
   * @returns the position at or after which an assignment shows what came of it. @throws CoordinatorUnavailable, CoordinatorRefused
   */
  async reportIsr(incarnation: string, buckets: readonly IsrReport[]): Promise<number> {
    const [url = '', ...others] = this.#urls;
    try {
      const response = await this.#send(url, 'POST', 'isr', { incarnation, buckets }, answerMs);
      if (response.ok) return reported.parse(await bodyOf(response)).position;
      throw await refusalIn(response);
    } catch (error) {
      this.#urls = [...others, url];
      throw error instanceof CoordinatorRefused ? error : new CoordinatorUnavailable(`${url}: ${reasonOf(error)}`);
    }
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
    return await bodyOf(await this.#ask(method, what, body, timeoutMs));
  }

  async #ask(method: string, what: string, body: unknown, timeoutMs: number, signal?: AbortSignal): Promise<Response> {
    const failures: string[] = [];
    for (const url of this.#urls) {
      try {
        const response = await this.#send(url, method, what, body, timeoutMs, signal);
        if (response.status !== 503) this.#urls = [url, ...this.#urls.filter((other) => other !== url)];
        if (response.ok) return response;
        const refused = await refusalIn(response);
        if (response.status !== 503) throw refused;
        failures.push(`${url}: ${refused.code}: ${refused.message}`);
      } catch (error) {
        if (error instanceof CoordinatorRefused || signal?.aborted === true) throw error;
        failures.push(`${url}: ${reasonOf(error)}`);
      }
    }
    throw new CoordinatorUnavailable(failures.join('; '));
  }

  #send(url: string, method: string, what: string, body: unknown, timeoutMs: number, signal?: AbortSignal): Promise<Response> {
    const { authorization, fetch, serverId } = this.#options;
    const timeout = AbortSignal.timeout(Math.ceil(timeoutMs));
    return fetch(new URL(`/v1/servers/${serverId}/${what}`, url), {
      method,
      headers: {
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(authorization === undefined ? {} : { authorization }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
    });
  }
}

async function bodyOf(response: Response): Promise<unknown> {
  try {
    return await response.json();
  } catch (error) {
    throw new CoordinatorUnavailable(`${response.url} broke off its answer: ${reasonOf(error)}`);
  }
}

async function refusalIn(response: Response): Promise<CoordinatorRefused> {
  const said = problem.safeParse(await response.json().catch(() => undefined));
  if (!said.success)
    return new CoordinatorRefused(
      response.status,
      `HTTP_${response.status}`,
      `${response.url} answered ${response.status} ${response.statusText}`,
      'Is this the address of a Chancery node?',
    );
  const { code, detail, remedy = '', title = '' } = said.data;
  return new CoordinatorRefused(response.status, code, detail ?? title, remedy);
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error as { readonly cause?: { readonly code?: string; readonly message?: string } };
  return error.name === 'TimeoutError' ? 'no answer in time' : (cause?.code ?? cause?.message ?? error.message);
}
