import { z } from 'zod';

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

const problem = z.object({ code: z.string(), detail: z.string().optional(), title: z.string().optional(), remedy: z.string().optional() });

export interface NodesOptions {
  /** `http://host:port` of nodes; any of them answers. */
  readonly urls: readonly string[];
  /** The header of that name. */
  readonly authorization?: string;
  readonly fetch: HttpFetch;
}

export interface NodeRequest {
  readonly method: string;
  /** With the query, from `/v1/` on. */
  readonly path: string;
  readonly body?: unknown;
  /** For each node that is asked, milliseconds. */
  readonly timeoutMs: number;
  /** Ends the request, with its reason. */
  readonly signal?: AbortSignal;
}

/** The nodes of a cluster as one that is asked: whoever answered last is asked first. */
export class Nodes {
  #urls: readonly string[];
  readonly #options: Omit<NodesOptions, 'urls'>;

  constructor({ urls, ...options }: NodesOptions) {
    this.#urls = urls;
    this.#options = options;
  }

  /**
   * For requests that may be repeated: a node that cannot be reached or answers 503 is passed over for the next one.
   * @throws CoordinatorUnavailable, CoordinatorRefused
   */
  async ask(request: NodeRequest): Promise<Response> {
    const failures: string[] = [];
    for (const url of this.#urls) {
      try {
        const response = await this.#send(url, request);
        if (response.status !== 503) this.#urls = [url, ...this.#urls.filter((other) => other !== url)];
        if (response.ok) return response;
        const refused = await refusalIn(response);
        if (response.status !== 503) throw refused;
        failures.push(`${url}: ${refused.code}: ${refused.message}`);
      } catch (error) {
        if (error instanceof CoordinatorRefused || request.signal?.aborted === true) throw error;
        failures.push(`${url}: ${reasonOf(error)}`);
      }
    }
    throw new CoordinatorUnavailable(failures.join('; '));
  }

  /**
   * Asks one node: when that has no answer, it may still carry out the request later, and the caller must know. The next request goes to
   * another. @throws CoordinatorUnavailable, CoordinatorRefused
   */
  async askOne(request: NodeRequest): Promise<unknown> {
    const [url = '', ...others] = this.#urls;
    try {
      const response = await this.#send(url, request);
      if (response.ok) return await bodyOf(response);
      throw await refusalIn(response);
    } catch (error) {
      this.#urls = [...others, url];
      throw error instanceof CoordinatorRefused ? error : new CoordinatorUnavailable(`${url}: ${reasonOf(error)}`);
    }
  }

  #send(url: string, { body, method, path, signal, timeoutMs }: NodeRequest): Promise<Response> {
    const { authorization, fetch } = this.#options;
    const timeout = AbortSignal.timeout(Math.ceil(timeoutMs));
    return fetch(new URL(path, url), {
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

/** What an answer says, as JSON. @throws CoordinatorUnavailable when it breaks off */
export async function bodyOf(response: Response): Promise<unknown> {
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
