import type { RequestListener, Server } from 'node:http';
import swagger from '@fastify/swagger';
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify';
import { createJsonSchemaTransform, serializerCompiler } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { Authenticator } from '../../authentication/authenticator.ts';
import type { HeartbeatBoard, Heartbeats } from '../../engine/heartbeats.ts';
import type { History } from '../../engine/history/port.ts';
import type { Node } from '../../engine/node.ts';
import type { Rebalancing } from '../../engine/rebalancing.ts';
import type { EventLog } from '../../log/port.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Logger } from '../../ports/logger.ts';
import { rejection } from '../../rejection.ts';
import type { KeyRing } from '../../secrets/port.ts';
import { createSecureServer } from '../tls/listener.ts';
import type { NodeTls } from '../tls/nodeTls.ts';
import { certificatePrincipal } from '../tls/principal.ts';
import { aclRoutes } from './acls.ts';
import { actRoutes } from './acts.ts';
import { authorizeReads, awaitTables } from './authorization.ts';
import { bucketRoutes } from './buckets.ts';
import { catalogRoutes } from './catalog.ts';
import { configRoutes } from './configs.ts';
import { boundConnections, connectionLimits, connectionOptions } from './connections.ts';
import { CopyingBoard, copyingRoutes } from './copyingBoard.ts';
import { dataKeyRoutes } from './dataKeys.ts';
import { denialRoutes } from './denials.ts';
import { EventStreams, type streamLimits } from './eventStreams.ts';
import { eventRoutes } from './events.ts';
import { healthRoutes, Readiness } from './health.ts';
import { heartbeatRoutes, passedHeartbeatRoutes } from './heartbeats.ts';
import { identifyCallers } from './identity.ts';
import { instanceRoutes } from './instances.ts';
import { parseJson } from './json.ts';
import { logRoutes } from './log.ts';
import { createMetrics, type Metrics, metricsRoutes } from './metrics.ts';
import {
  malformed,
  type Problem,
  problem,
  problemOfError,
  problemOfRejection,
  problemOfZod,
  Refused,
  rawAnswer,
  sendProblem,
} from './problems.ts';
import { rebalanceRoutes } from './rebalances.ts';
import { passedServerHeartbeatRoutes } from './serverHeartbeats.ts';
import { serverRoutes } from './servers.ts';
import { sqlRoutes } from './sql.ts';
import { stateRoutes } from './state.ts';
import { statusRoutes } from './status.ts';
import { submissionRoutes } from './submissions.ts';
import { tabletServerRoutes } from './tabletServers.ts';
import { tieringRoutes } from './tiering.ts';
import { tokenRoutes } from './tokens.ts';
import { verdictRoutes } from './verdicts.ts';

export interface OperatorParts {
  readonly node: Node;
  readonly log: Pick<EventLog, 'read' | 'head' | 'silentForMs'>;
  readonly history: History;
  readonly rebalancing: Rebalancing;
  readonly sealer: KeyRing;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly release: string;
  /** What backends report: kept by this node while it leads, and wherever it is kept. */
  readonly heartbeats: Heartbeats;
  readonly board: HeartbeatBoard;
  /** Absent: callers without credentials are `User:root`, and the only users are those in the log. */
  readonly authenticator?: Authenticator;
  /** Shared by all nodes of the cluster. Absent for a node on its own: then there is no route between nodes. */
  readonly clusterSecret?: string;
  /** The catalog's name in SQL; default `fluss_catalog`. */
  readonly catalog?: string;
  /** Absent, or without a certificate: plain HTTP. */
  readonly tls?: NodeTls;
  /** For tests. */
  readonly unreadMs?: number;
  /** For tests: how long a request waits for the tables of a node that came up. */
  readonly patienceMs?: number;
  /** For tests. */
  readonly streamLimits?: Partial<Record<keyof typeof streamLimits, number>>;
}

export interface OperatorServer {
  /** Port 0 takes a free one. @returns where it listens. @throws Error of the operating system, EADDRINUSE and its like */
  listen(address: { readonly host: string; readonly port: number }): Promise<{ readonly url: string; readonly port: number }>;
  /** Refuses new connections, ends streams, finishes what is under way, cuts what has not ended within `timeoutMs`. */
  close(timeoutMs?: number): Promise<void>;
}

/** For the tables of a node that came up, as long as reads wait for any others. */
const patienceMs = 5_000;
/** Of a body. */
const bodyBytes = 1024 * 1024;

/** The operator interface: resources, history, SQL, health and metrics over HTTP, described at /openapi.json. */
export function createOperatorServer(parts: OperatorParts): OperatorServer {
  const { node, log, clock, logger } = parts;
  const streams = new EventStreams({ node, history: parts.history, clock, logger }, parts.streamLimits);
  const readiness = new Readiness(node);
  const authenticator = parts.authenticator ?? withoutUsers(parts);
  const metrics = createMetrics({ ...parts, streams });
  node.observer = metrics.observer;
  const http = createFastify(logger, parts.tls?.isShown === true ? parts.tls : undefined);
  boundConnections(http.server, parts.unreadMs);
  awaitTables(http, node, readiness, parts.patienceMs ?? patienceMs);
  identifyCallers(http, { authenticator, logger, certificatePrincipal });
  authorizeReads(http, node);
  measure(http, metrics);
  void http.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Chancery operator API', description: 'Every refusal is problem JSON (RFC 9457).', version: parts.release },
    },
    transform: createJsonSchemaTransform({ zodToJsonConfig: { override: secretsInClear } }),
  });
  registerRoutes(http, parts, { authenticator, streams, readiness, metrics });
  http.addHook('preClose', async () => streams.close());
  return {
    listen: async ({ host, port }) => {
      readiness.begin(log, clock).catch((error: unknown) => logger.error({ err: error }, 'the head of the log could not be read'));
      const plainUrl = await http.listen({ host, port });
      const url = parts.tls?.isShown === true ? plainUrl.replace(/^http:/, 'https:') : plainUrl;
      const address = http.server.address();
      return { url, port: typeof address === 'object' && address !== null ? address.port : port };
    },
    close: async (timeoutMs = 5_000) => {
      readiness.close();
      const cancel = clock.after(timeoutMs, () => http.server.closeAllConnections());
      await http.close();
      cancel();
      metrics.registry.clear();
    },
  };
}

const withoutUsers = ({ clock, node, sealer }: OperatorParts): Authenticator =>
  new Authenticator({ mode: 'none', users: new Map(), state: () => node.state, sealer, clock });

/** Who sends a secret sends it in clear: it is sealed on arrival. */
function secretsInClear({ jsonSchema, zodSchema }: { readonly zodSchema: z.core.$ZodType; readonly jsonSchema: object }): void {
  if (z.globalRegistry.get(zodSchema)?.['secret'] !== true) return;
  for (const name of Object.keys(jsonSchema)) Reflect.deleteProperty(jsonSchema, name);
  Object.assign(jsonSchema, { type: 'string', description: 'In clear; it is sealed before it is logged.' });
}

function registerRoutes(
  http: FastifyInstance,
  parts: OperatorParts,
  own: { readonly authenticator: Authenticator; readonly streams: EventStreams; readonly readiness: Readiness; readonly metrics: Metrics },
): void {
  const { node, history, sealer, log, clusterSecret, clock, heartbeats, board } = parts;
  void http.register(configRoutes, { node, sealer });
  void http.register(dataKeyRoutes, { node, keys: sealer });
  void http.register(aclRoutes, { node });
  void http.register(verdictRoutes, { node, history });
  void http.register(denialRoutes, { node });
  void http.register(instanceRoutes);
  void http.register(actRoutes, { node, sealer });
  void http.register(catalogRoutes, { node });
  void http.register(bucketRoutes, { node });
  void http.register(tokenRoutes, { node, clock });
  void http.register(eventRoutes, { node, history, authenticator: own.authenticator, streams: own.streams });
  void http.register(stateRoutes, { history });
  void http.register(heartbeatRoutes, { node, board });
  void http.register(serverRoutes, { node });
  void http.register(tabletServerRoutes, parts);
  const { authenticator, streams } = own;
  const copying = new CopyingBoard(node, parts);
  void http.register(rebalanceRoutes, { node, rebalancing: parts.rebalancing, copying, authenticator, streams });
  void http.register(tieringRoutes, { node, history, authenticator, streams, clock });
  void http.register(statusRoutes, { node, appends: own.metrics.appends });
  void http.register(sqlRoutes, {
    node,
    history,
    sealer,
    rebalancing: parts.rebalancing,
    clock,
    catalog: parts.catalog ?? 'fluss_catalog',
  });
  void http.register(logRoutes, { node, log });
  void http.register(healthRoutes, { node, readiness: own.readiness });
  void http.register(metricsRoutes, { metrics: own.metrics });
  if (clusterSecret !== undefined) {
    const signed = { clusterSecret, logger: parts.logger };
    void http.register(submissionRoutes, { node, signed });
    void http.register(copyingRoutes, { node, signed });
    void http.register(passedHeartbeatRoutes, { node, heartbeats, signed });
    void http.register(passedServerHeartbeatRoutes, { node, signed });
  }
  void http.register(async (scope) => {
    scope.get('/openapi.json', { schema: { hide: true } }, async () => http.swagger());
  });
}

function createFastify(logger: Logger, tls?: NodeTls): FastifyInstance {
  const http = fastify({
    logger: false,
    bodyLimit: bodyBytes,
    requestTimeout: connectionLimits.requestMs,
    keepAliveTimeout: connectionLimits.idleMs,
    forceCloseConnections: 'idle',
    http: connectionOptions,
    ...(tls === undefined ? {} : { serverFactory: overTls(tls, logger) }),
    routerOptions: { maxParamLength: 1024 },
    frameworkErrors: (error, _request, reply) => void sendProblem(reply as unknown as FastifyReply, problemOfFramework(error, logger)),
    clientErrorHandler: (error, socket) => {
      if (error.code !== 'ECONNRESET' && socket.writable) socket.write(rawAnswer(problemOfConnection(error.code)));
      socket.destroySoon();
    },
  });
  const allowed = methodsByPath(http);
  http.setValidatorCompiler(({ schema }) => (data: unknown) => {
    const parsed = (schema as z.ZodType).safeParse(data);
    return parsed.success ? { value: parsed.data } : { error: new Refused(problemOfZod(parsed.error, schema as z.ZodType)) };
  });
  http.setSerializerCompiler(serializerCompiler);
  http.removeAllContentTypeParsers();
  http.addContentTypeParser('application/json', { parseAs: 'buffer' }, async (_request: FastifyRequest, body: Buffer) => parseJson(body));
  http.setErrorHandler((error, request, reply) => {
    const refused = problemOfError(error) ?? problemOfFramework(error, logger, `${request.method} ${request.routeOptions.url ?? ''}`);
    return sendProblem(reply, refused);
  });
  http.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?')[0] ?? '';
    const methods = allowed(path);
    if (methods.length === 0) return sendProblem(reply, problem('UNKNOWN_ROUTE', `there is nothing at ${path.slice(0, 200)}`));
    const headers = { allow: methods.join(', ') };
    return sendProblem(reply, problem('METHOD_NOT_ALLOWED', `${request.method} is not offered here`, { headers }));
  });
  return http;
}

/** What the framework would do by itself for a server that it makes: the server of another kind is told the same. */
const overTls =
  (tls: NodeTls, logger: Logger) =>
  (handler: RequestListener): Server => {
    const plainAnswer = rawAnswer(problem('TLS_REQUIRED', 'this port takes TLS and nothing else'));
    // A server of TLS is one of HTTP in everything that is asked of it here; its type says so of the half that they share.
    return createSecureServer({ tls, logger, plainAnswer }, connectionOptions, handler) as unknown as Server;
  };

/** @returns the methods offered at a path, ascending; none when nothing is there. */
function methodsByPath(http: FastifyInstance): (path: string) => readonly string[] {
  const routes: { readonly pattern: RegExp; readonly methods: readonly string[] }[] = [];
  http.addHook('onRoute', ({ url, method }) => {
    const pattern = new RegExp(`^${url.replaceAll('.', '\\.').replace(/:\w+/g, '[^/]+')}$`);
    routes.push({ pattern, methods: Array.isArray(method) ? method : [method] });
  });
  return (path) => [...new Set(routes.filter(({ pattern }) => pattern.test(path)).flatMap(({ methods }) => methods))].sort();
}

/** Fastify's own errors by their codes. What is not listed is a fault of this program: told to the log, not to the caller. */
function problemOfFramework(error: unknown, logger: Logger, request = ''): Problem {
  const { code, statusCode } = (typeof error === 'object' && error !== null ? error : {}) as { code?: string; statusCode?: number };
  switch (code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return problemOfRejection(
        rejection(
          'TOO_LARGE',
          '',
          'the body is larger than this address takes: 1 MB; 4 MB for heartbeats of tiering services and between nodes',
        ),
      );
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return problem('UNSUPPORTED_MEDIA_TYPE', 'the body is not said to be JSON');
    case 'FST_ERR_CTP_INVALID_CONTENT_LENGTH':
      return malformed('', 'the body is not as long as Content-Length says');
    case 'FST_ERR_BAD_URL':
      return malformed('', 'the address holds a % that encodes nothing');
    case 'FST_ERR_CTP_EMPTY_JSON_BODY':
      return problem('MALFORMED_JSON', 'the body is empty');
    default:
      if (statusCode !== undefined && statusCode >= 400 && statusCode < 500)
        return { ...malformed('', 'the request cannot be read'), status: statusCode };
      logger.error({ err: error, request }, 'a request failed in a way that nobody foresaw');
      return problem('INTERNAL_ERROR', 'something went wrong inside this node');
  }
}

function problemOfConnection(code: string): Problem {
  if (code === 'HPE_HEADER_OVERFLOW') return problem('HEADERS_TOO_LARGE', 'address and headers are longer than 16 KB');
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return problem('REQUEST_TIMED_OUT', 'the request did not arrive in full in time');
  return malformed('', 'this is not an HTTP request');
}

function measure(http: FastifyInstance, metrics: Metrics): void {
  http.addHook('onRequest', async () => metrics.requestStarted());
  http.addHook('onResponse', async (request, reply) => {
    metrics.requestEnded(request.method, request.routeOptions.url ?? 'unknown', reply.statusCode, reply.elapsedTime / 1000);
  });
}
