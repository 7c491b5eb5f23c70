import { createHash, timingSafeEqual } from 'node:crypto';
import type { State } from '../../../projections/state.ts';
import { metaServicePrincipal } from '../../deciders/authorizer.ts';
import { resolveInstance } from '../../deciders/instanceResolution.ts';
import { type Access, describeCluster, metaServiceAccessOf } from '../../deciders/permissions.ts';
import type { HeartbeatBoard } from '../../engine/heartbeats.ts';
import type { Node } from '../../engine/node.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Logger } from '../../ports/logger.ts';
import { rejection } from '../../rejection.ts';
import { type Sealer, SecretUnavailable } from '../../secrets/port.ts';
import { seldom } from '../operator/clusterSignature.ts';
import { ClusterInfo } from './clusterInfo.ts';
import { failed, type Status } from './codes.ts';
import { type ContextParts, RequestContext, readOptionsOf, statusOf } from './context.ts';
import { type Payload, payloadOf, rpcPayload, rpcRefusal } from './envelope.ts';
import { InjectionPoints } from './injectionPoints.ts';
import { parseLenient } from './lenientJson.ts';
import { type AdminRoute, type AdminRoutes, envelope, type Method, type Reply } from './method.ts';
import { RateLimits } from './rateLimits.ts';
import { allMethods, allRoutes } from './routes.ts';
import { parseStrict } from './strictJson.ts';
import { queryOf, type Target, targetOf } from './target.ts';

/** Whether the plain RPC form answers: to everybody, as upstream; to whoever gives the token (`?token=`); to nobody. */
export const rpcAccesses = ['open', 'token', 'off'] as const;
export type RpcAccess = (typeof rpcAccesses)[number];

export interface MetaServiceParts {
  readonly node: Node;
  readonly sealer: Sealer;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly heartbeats: Pick<HeartbeatBoard, 'list'>;
  readonly token: string;
  /** Default `open`. */
  readonly rpc?: RpcAccess;
  /** Whose acts those of callers with the token are; default `User:meta-service`, who may do everything here. */
  readonly principal?: string;
  /** Of the users `root` and `admin` at cloud_cluster_status. */
  readonly adminPassword: string;
  /** What `brpc_listen_port` is shown as. */
  readonly port: number;
  /** Whether the tables are as new as the log was when the node came up. */
  readonly hasCaughtUp: () => boolean;
}

/** A request without its connection. */
export interface Incoming {
  /** Path and query as they stand in the request line. */
  readonly url: string;
  /** IP address of the caller. */
  readonly host: string;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** Reads the body; asked at most once, and only when token and route are right. */
  body(): Promise<Buffer>;
}
export interface Outgoing extends Payload {
  /** Of the newest event that the answer knows of. */
  readonly position?: number;
}

/** A body that cannot be taken: too large, or too many at once. The connection is good for nothing more. */
export class BodyRefused extends Error {
  readonly status: Status;
  constructor(status: Status) {
    super(status.msg);
    this.name = 'BodyRefused';
    this.status = status;
  }
}

/** The Meta Service behind its HTTP server: from a request to an answer. */
export class MetaService {
  readonly injectionPoints = new InjectionPoints();
  readonly rateLimits: RateLimits;
  readonly #parts: MetaServiceParts;
  readonly #methods: ReadonlyMap<string, Method>;
  readonly #names: ReadonlyMap<Method, string>;
  readonly #routes: ReadonlyMap<string, AdminRoute>;
  readonly #clusterInfo: ClusterInfo;
  /** A digest: how much of a token was right does not show in the time, nor does its length. */
  readonly #token: Buffer;
  readonly #warn: (key: string, text: string) => void;
  readonly #contextParts: ContextParts;

  constructor(parts: MetaServiceParts) {
    this.#parts = parts;
    this.#methods = new Map(Object.entries(allMethods));
    this.#names = new Map([...this.#methods].map(([name, method]) => [method, name]));
    this.rateLimits = new RateLimits([...this.#methods.keys()], () => parts.clock.now());
    const routes: AdminRoutes = allRoutes({ ...parts, injectionPoints: this.injectionPoints, rateLimits: this.rateLimits });
    this.#routes = new Map(Object.entries(routes));
    this.#clusterInfo = new ClusterInfo(parts);
    this.#token = digestOf(parts.token);
    this.#warn = seldom((text) => parts.logger.warn({}, text));
    const { clock, node, sealer } = parts;
    this.#contextParts = { node, sealer, clock, injected: (point: string) => this.injectionPoints.argsOf(point) };
  }

  /** Answers a request. Never rejects. */
  async answer(incoming: Incoming): Promise<Outgoing> {
    const target = targetOf(incoming.url);
    try {
      switch (target.kind) {
        case 'admin':
          return await this.#admin(target, incoming);
        case 'method':
          return await this.#rpc(target, incoming);
        case 'clusterInfo':
          return await this.#clusterInfo.answer(queryOf(incoming.url), incoming.headers['authorization'], incoming.host);
        default:
          return rpcRefusal('unknownMethod', target.path);
      }
    } catch (error) {
      return this.#failed(target, error);
    }
  }

  /** The answer where there is none: a body that was not taken, or a fault of this program, which its log tells of. */
  #failed(target: Target, error: unknown): Outgoing {
    if (error instanceof BodyRefused) {
      if (target.kind !== 'method') return payloadOf(envelope(error.status));
      const type = this.#methods.get(target.name)?.request.name ?? '';
      return rpcRefusal('badBody', `[E1003]Fail to parse http json body as doris.cloud.${type}: ${error.status.msg}`);
    }
    const status =
      error instanceof SecretUnavailable ? statusOf(rejection('SECRETS_UNAVAILABLE', '', error.message)) : this.#unforeseen(target, error);
    return target.kind === 'method' ? { http: 200, text: JSON.stringify({ status }) } : payloadOf(envelope(status));
  }

  #unforeseen(target: Target, error: unknown): Status {
    const asked = 'path' in target ? target.path.slice(0, 200) : target.kind;
    this.#parts.logger.error({ err: error, target: asked }, 'a request failed in a way that nobody foresaw');
    return failed('UNDEFINED_ERR', 'something went wrong inside this node; its log says more');
  }

  async #admin({ path, route: name }: Extract<Target, { kind: 'admin' }>, incoming: Incoming): Promise<Outgoing> {
    const query = queryOf(incoming.url);
    const refused = this.#tokenRefusal(query, incoming.host);
    if (refused !== undefined) return refused;
    const route = name === undefined ? undefined : this.#routes.get(name);
    if (route === undefined) return { http: 404, text: 'http path not found or not allowed\n' };
    const bytes = await incoming.body();
    if (route.kind === 'query') {
      const context = await this.#context(query, incoming);
      if ('code' in context) return payloadOf(envelope(context));
      const answer = await allowed(path, context, metaServiceAccessOf(name ?? ''), () => route.call(query, context, bytes));
      return { ...payloadOf('denied' in answer ? envelope(answer.denied) : answer), position: context.position };
    }
    const parsed = parseLenient(route.method.request, bytes, path);
    if (parsed.kind === 'error') return payloadOf(envelope(failed('PROTOBUF_PARSE_ERR', parsed.text)));
    const request = route.sets === undefined ? parsed.value : { ...parsed.value, ...route.sets };
    const context = await this.#context(query, incoming);
    if ('code' in context) return payloadOf(envelope(context));
    const reply = await this.#call(name ?? '', route.method, request, context);
    const answer = route.answer === undefined ? envelope(reply.status) : route.answer(reply, request);
    return { ...payloadOf(answer), position: context.position };
  }

  /** Programs upstream ask again and again: none is slowed down, and the log says it seldom. */
  #tokenRefusal(query: URLSearchParams, host: string): Outgoing | undefined {
    const given = query.get('token') ?? '';
    if (timingSafeEqual(digestOf(given), this.#token)) return undefined;
    this.#warn(host, `refused a request to the Meta Service from ${host}: its token is ${given === '' ? 'missing' : 'wrong'}`);
    return { http: 403, text: `incorrect token, token=${given === '' ? '(not given)' : given.slice(0, 1024)}\n` };
  }

  async #rpc({ name, path }: Extract<Target, { kind: 'method' }>, incoming: Incoming): Promise<Outgoing> {
    const { rpc = 'open' } = this.#parts;
    const method = rpc === 'off' ? undefined : this.#methods.get(name);
    if (method === undefined) return rpcRefusal('unknownMethod', path);
    const refused = rpc === 'token' ? this.#tokenRefusal(queryOf(incoming.url), incoming.host) : undefined;
    if (refused !== undefined) return refused;
    const parsed = parseStrict(method.request, await incoming.body());
    if (parsed.kind === 'error') return rpcRefusal('badBody', parsed.text);
    const context = await this.#context(queryOf(incoming.url), incoming);
    if ('code' in context) return rpcPayload(method.reply, { status: context });
    const reply = await this.#call(name, method, parsed.value, context);
    return { ...rpcPayload(method.reply, reply), position: context.position };
  }

  /** What a request sees, as its query asks for it; local tables when it says nothing. @returns or why it cannot be had */
  async #context(query: URLSearchParams, { headers, host }: Incoming): Promise<RequestContext | Status> {
    const { hasCaughtUp, node, principal = metaServicePrincipal } = this.#parts;
    const key = headers['idempotency-key'];
    const options = readOptionsOf(query);
    if ('code' in options) return options;
    if (!hasCaughtUp()) return statusOf(rejection('NOT_CAUGHT_UP', '', 'this node has just come up and still folds the log'));
    const context = (state: State): RequestContext =>
      new RequestContext(this.#contextParts, state, { host, principal, ...(typeof key === 'string' ? { idempotencyKey: key } : {}) });
    if (options.atLeast === undefined && options.linearizable === undefined && node.role !== 'fault') return context(node.state);
    const reading = await node.read(options);
    return reading.kind === 'rejected' ? statusOf(reading.rejection) : context(reading.state);
  }

  /** @param name of the method, or of the route where the method has none */
  async #call(name: string, method: Method, request: object, context: RequestContext): Promise<Reply> {
    const isFree =
      !this.rateLimits.areActive || this.rateLimits.take(this.#names.get(method) ?? '', instanceAsking(request, context.state));
    if (!isFree) return { status: failed('MAX_QPS_LIMIT', 'reach max qps limit') };
    const known = this.#names.get(method) ?? name;
    const answer = await allowed(known, context, metaServiceAccessOf(known), () => method.call(request, context));
    return 'denied' in answer ? { status: answer.denied } : answer;
  }
}

/**
 * Answers a request whose sender may have that. One that is judged by its command, and then made none, has looked something up.
 * @param what the method or the route, for whoever looks through the denials
 */
async function allowed<Answer extends object>(
  what: string,
  context: RequestContext,
  access: Access,
  answer: () => Promise<Answer>,
): Promise<Answer | { readonly denied: Status }> {
  const denied = context.denialOf(what, access);
  if (denied !== undefined) return { denied };
  const answered = await answer();
  if (access.kind !== 'judged' || context.hasSubmitted) return answered;
  const late = context.denialOf(what, { kind: 'needs', needs: [describeCluster] });
  return late === undefined ? answered : { denied: late };
}

/** Whose request it is; empty when it does not say. */
function instanceAsking(request: { readonly instanceId?: unknown; readonly cloudUniqueId?: unknown }, state: State): string {
  const { cloudUniqueId, instanceId } = request;
  if (typeof instanceId === 'string' && instanceId !== '') return instanceId;
  return typeof cloudUniqueId === 'string' ? (resolveInstance(state, cloudUniqueId) ?? '') : '';
}

const digestOf = (text: string): Buffer => createHash('sha256').update(text, 'utf8').digest();
