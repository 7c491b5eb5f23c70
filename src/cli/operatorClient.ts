import type { Agent } from 'node:https';
import { tlsFailureOf } from '../interfaces/tls/failures.ts';
import { secureFetch } from '../interfaces/tls/secureFetch.ts';
import { clientAgent, tlsRemedies } from './clientTls.ts';
import { howToCorrect, howToLogIn } from './credentials.ts';
import { CommandFailure, exitStatus, refusal } from './exit.ts';
import { defaultOperatorUrl } from './settingNames.ts';
import { harmless, type Terminal, waiting } from './terminal.ts';

/** An answer of `problem+json`: what a node refuses, in its words. */
export interface ProblemAnswer {
  readonly status: number;
  readonly code: string;
  readonly detail: string;
  readonly field: string;
  readonly remedy: string;
  /** The whole body: a route may say more. */
  readonly body: Readonly<Record<string, unknown>>;
}

/** Every address was tried, and none answered. `mayHaveArrived`: a request was on its way when a connection broke. */
export class NotReachable extends Error {
  readonly mayHaveArrived: boolean;
  /** What to do, where that follows from what went wrong; ascending, each once. */
  readonly remedies: readonly string[];
  constructor(message: string, mayHaveArrived: boolean, remedies: Iterable<string> = []) {
    super(message);
    this.name = 'NotReachable';
    this.mayHaveArrived = mayHaveArrived;
    this.remedies = [...new Set(remedies)].sort();
  }
}

/** A node said no. */
export class Refused extends Error {
  readonly problem: ProblemAnswer;
  constructor(problem: ProblemAnswer) {
    super(problem.detail);
    this.name = 'Refused';
    this.problem = problem;
  }
}

/** What goes by itself when a node comes back, or another one leads. */
export const isPassing = (error: unknown): error is NotReachable | Refused =>
  error instanceof NotReachable || (error instanceof Refused && (error.problem.status >= 500 || error.problem.status === 429));

export interface Call {
  readonly method?: 'GET' | 'POST' | 'DELETE';
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

const defaultTimeoutMs = 30_000;
/** Errors of a connection that was never made: the request did not leave. */
const neverSent = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'UND_ERR_CONNECT_TIMEOUT', 'EACCES']);
/** A node that says this of itself says nothing of the others. */
const askAnother = new Set(['NODE_FAULT', 'DRAINING', 'TLS_REQUIRED']);

/** Which nodes a command asks, and as whom: options of the command line that every such command takes. */
export interface OperatorOptions {
  /** `http://host:port`, several with commas between. */
  readonly operator: string;
  /** PEM files, for addresses with https: whom to trust instead of whom the system trusts, and what to show when asked. */
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  /** The header of that name: see `authorizationOf`. */
  readonly authorization?: string;
}

/** The operator API of whichever node answers: addresses are tried in turn, the one that answered last comes first. */
export class OperatorClient {
  #urls: readonly string[];
  /** What else than the address it was made with. */
  readonly #options: OperatorOptions;
  readonly #terminal: Terminal;
  #agent: Promise<Agent> | undefined;

  /** @throws CommandFailure for an address that is none */
  constructor(options: OperatorOptions, terminal: Terminal) {
    this.#urls = options.operator.split(',').map((address) => operatorUrl(address.trim()));
    this.#options = options;
    this.#terminal = terminal;
  }

  get #credentials(): { readonly authorization?: string } {
    const { authorization } = this.#options;
    return authorization === undefined ? {} : { authorization };
  }

  /** The address that is asked first. */
  get url(): string {
    return this.#urls[0] ?? defaultOperatorUrl;
  }

  /** The same for another address, such as one that a node gives of another. */
  at(operator: string): OperatorClient {
    const other = new OperatorClient({ ...this.#options, operator }, this.#terminal);
    other.#agent = this.#agent;
    return other;
  }

  /** The body of an answer as JSON. @throws Refused, NotReachable */
  async json(call: Call): Promise<unknown> {
    const response = await this.open(call);
    try {
      return await response.json();
    } catch (error) {
      throw new NotReachable(`${response.url} broke off its answer: ${reasonOf(error)}`, (call.method ?? 'GET') !== 'GET');
    }
  }

  /**
   * An answer whose body is read by the caller. A POST must be safe to repeat: it goes to the next address when a connection breaks.
   * @throws Refused, NotReachable
   */
  async open(call: Call): Promise<Response> {
    const failures: string[] = [];
    const remedies: string[] = [];
    let mayHaveArrived = false;
    let refused: Refused | undefined;
    for (const url of this.#urls) {
      try {
        const response = await waiting(this.#terminal, `waiting for ${url}`, this.#send(url, call));
        if (response.ok) {
          this.#urls = [url, ...this.#urls.filter((other) => other !== url)];
          return response;
        }
        const problem = await problemOf(response);
        refused = new Refused(
          response.status === 401 ? { ...problem, remedy: this.#options.authorization === undefined ? howToLogIn : howToCorrect } : problem,
        );
        if (!askAnother.has(refused.problem.code)) throw refused;
      } catch (error) {
        if (error instanceof Refused || error instanceof CommandFailure || call.signal?.aborted === true) throw error;
        const tlsFailure = tlsFailureOf(error);
        mayHaveArrived ||= !neverSent.has(codeOf(error)) && !isBadPort(error) && tlsFailure === undefined;
        failures.push(`${url}: ${tlsFailure?.what ?? reasonOf(error)}`);
        if (tlsFailure !== undefined) remedies.push(tlsRemedies[tlsFailure.kind]);
        else if (this.#options.cert !== undefined && isCutOff(url, error)) remedies.push(perhapsRefused);
      }
    }
    if (refused !== undefined) throw refused;
    throw new NotReachable(failures.join('; '), mayHaveArrived, remedies);
  }

  async #send(
    url: string,
    { body, headers, method = 'GET', path, query = {}, signal, timeoutMs = defaultTimeoutMs }: Call,
  ): Promise<Response> {
    const target = new URL(path, url);
    for (const [name, value] of Object.entries(query)) if (value !== undefined) target.searchParams.set(name, String(value));
    const request = {
      method,
      headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...this.#credentials, ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: signal ?? AbortSignal.timeout(timeoutMs),
    };
    if (target.protocol === 'http:') return await fetch(target, { ...request, redirect: 'error' });
    this.#agent ??= clientAgent(this.#options);
    return await secureFetch(target, request, await this.#agent);
  }
}

function operatorUrl(text: string): string {
  // As `serve --operator` has it: HOST:PORT.
  const address = /^([^:/\s]+|\[[^\]]+\]):\d{1,5}$/.test(text) ? `http://${text}` : text;
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (url !== undefined && /^https?:$/.test(url.protocol) && url.hostname !== '' && /^\/?$/.test(url.pathname)) return url.origin;
  throw new CommandFailure(
    exitStatus.usage,
    `--operator '${text}' is not the address of a node`,
    `Give http://HOST:PORT, such as ${defaultOperatorUrl}.`,
  );
}

/** @returns the refusal in the answer; what is no refusal of ours is shown as far as it goes. */
async function problemOf(response: Response): Promise<ProblemAnswer> {
  const text = await response.text();
  try {
    const body = JSON.parse(text) as Readonly<Record<string, unknown>>;
    if (typeof body['code'] !== 'string') throw new Error('not a refusal');
    const textAt = (name: string): string => (typeof body[name] === 'string' ? body[name] : '');
    const detail = textAt('detail') || textAt('title');
    return { status: response.status, code: textAt('code'), detail, field: textAt('field'), remedy: textAt('remedy'), body };
  } catch {
    const detail = `${response.url} answered ${response.status} ${response.statusText}: ${harmless(text.slice(0, 200))}`;
    return {
      status: response.status,
      code: `HTTP_${response.status}`,
      detail,
      field: '',
      remedy: 'Is this the address of a Chancery node?',
      body: {},
    };
  }
}

/** The code of an error of the network, of its cause, or of the first of its causes. */
function codeOf(error: unknown): string {
  const { cause, code } = error as { cause?: { code?: string; errors?: readonly { code?: string }[] }; code?: string | number };
  return String(cause?.code ?? cause?.errors?.[0]?.code ?? code ?? '');
}

/** Ports of other protocols, such as 1 or 6000, are refused by every HTTP client that follows the rules of browsers. */
const isBadPort = (error: unknown): boolean => error instanceof Error && error.cause instanceof Error && error.cause.message === 'bad port';

/** A server that does not like a certificate ends the connection, and cannot say why. */
const isCutOff = (url: string, error: unknown): boolean => url.startsWith('https:') && codeOf(error) === 'ECONNRESET';
const perhapsRefused = 'Does its tls-client-ca stand for the certificate in --cert? Its log says so if not.';

const meanings: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ENOTFOUND: 'no such host',
  EAI_AGAIN: 'no such host',
  ECONNRESET: 'the connection broke',
  UND_ERR_SOCKET: 'the connection broke',
  UND_ERR_CONNECT_TIMEOUT: 'no answer',
  EHOSTUNREACH: 'no way to that host',
};

function reasonOf(error: unknown): string {
  if (error instanceof Error && error.name === 'TimeoutError') return 'no answer in time';
  if (isBadPort(error)) return 'no HTTP client may use this port';
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause.message : undefined;
  return meanings[codeOf(error)] ?? cause ?? (error instanceof Error ? error.message : String(error));
}

/** The failure that a command ends with when no node could be asked. */
export const unreachable = (error: NotReachable): CommandFailure =>
  new CommandFailure(
    exitStatus.unreachable,
    `no node answers: ${error.message}`,
    ...(error.remedies.length > 0
      ? error.remedies
      : ['Start one with "chancery serve", or name another with --operator http://HOST:PORT.']),
  );

/** The failure that a command ends with when a node said no; for SQL see `sql.ts`. */
export const refusedBy = ({ code, detail, field, remedy }: ProblemAnswer): CommandFailure =>
  refusal(`refused: ${code}${field === '' ? '' : ` at ${field}`}`, ...[detail, remedy].filter((line) => line !== '').map(harmless));
