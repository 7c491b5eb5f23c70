import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { EventLog } from '../../log/port.ts';
import { boundConnections, connectionLimits, connectionOptions } from '../operator/connections.ts';
import { Readiness } from '../operator/health.ts';
import { hostOf } from '../operator/identity.ts';
import { createSecureServer } from '../tls/listener.ts';
import type { NodeTls } from '../tls/nodeTls.ts';
import { failed } from './codes.ts';
import { payloadOf } from './envelope.ts';
import { envelope } from './method.ts';
import { BodyRefused, MetaService, type MetaServiceParts, type Outgoing } from './service.ts';

/**
 * `bodyBytes`: a write must fit an entry of the log, 256 KiB, and reads may name many things; sixteen times that leaves room for the
 * fields that are ignored. `bodiesBytes`: of all requests that arrive at once. `drainBytes`: of a body that
 * is refused, before the connection is cut.
 */
export const serverLimits = {
  bodyBytes: 4 * 1024 * 1024,
  bodiesBytes: 64 * 1024 * 1024,
  drainBytes: 64 * 1024 * 1024,
} as const;

export interface MetaServiceServer {
  readonly service: MetaService;
  /** Port 0 takes a free one. @returns where it listens. @throws Error of the operating system, EADDRINUSE and its like */
  listen(address: { readonly host: string; readonly port: number }): Promise<{ readonly url: string; readonly port: number }>;
  /** Refuses new connections, finishes what is under way, cuts what has not ended within `timeoutMs`. */
  close(timeoutMs?: number): Promise<void>;
}

/**
 * The Meta Service over HTTP. The server is node's own: the interface takes every method with a body and looks at no content type,
 * and what a framework adds (routes by pattern, parsers, serializers) is what it must not do.
 */
export function createMetaService(
  parts: Omit<MetaServiceParts, 'hasCaughtUp'> & {
    readonly log: Pick<EventLog, 'head'>;
    readonly tls?: NodeTls;
    readonly unreadMs?: number;
  },
): MetaServiceServer {
  const { clock, log, logger, node, tls } = parts;
  const readiness = new Readiness(node);
  const service = new MetaService({ ...parts, hasCaughtUp: () => readiness.hasCaughtUp });
  const bodies = new Bodies();
  const handler: RequestListener = (request, response) => {
    const { headers, url = '' } = request;
    const host = hostOf(request.socket.remoteAddress);
    void service.answer({ url, host, headers, body: () => bodies.read(request) }).then(async (outgoing) => {
      const isWhole = request.complete || (await drained(request));
      send(request, response, outgoing, isWhole);
    });
  };
  const http =
    tls?.isShown === true
      ? createSecureServer({ tls, logger, plainAnswer: rawAnswer('400 Bad Request', tlsRequired) }, connectionOptions, handler)
      : createServer(connectionOptions, handler);
  boundConnections(http, parts.unreadMs);
  http.on('clientError', answerClientError);
  return {
    service,
    listen: async (address) => {
      readiness.begin(log, clock).catch((error: unknown) => logger.error({ err: error }, 'the head of the log could not be read'));
      await listening(http, address);
      const bound = http.address();
      const port = typeof bound === 'object' && bound !== null ? bound.port : address.port;
      const scheme = tls?.isShown === true ? 'https' : 'http';
      return { url: `${scheme}://${address.host.includes(':') ? `[${address.host}]` : address.host}:${port}`, port };
    },
    close: async (timeoutMs = 5_000) => {
      readiness.close();
      const cancel = clock.after(timeoutMs, () => http.closeAllConnections());
      await new Promise<void>((resolve) => {
        http.close(() => resolve());
        http.closeIdleConnections();
      });
      cancel();
    },
  };
}

const tlsRequired = 'this port takes TLS and nothing else; use https://';

function listening(
  http: Pick<Server, 'once' | 'off' | 'listen'>,
  { host, port }: { readonly host: string; readonly port: number },
): Promise<void> {
  return new Promise((resolve, reject) => {
    http.once('error', reject);
    http.listen({ host, port }, () => {
      http.off('error', reject);
      resolve();
    });
  });
}

/** Reads bodies, all of them together within a bound. */
class Bodies {
  #bytes = 0;

  /** @throws BodyRefused; what was not read by then is still to come */
  async read(request: IncomingMessage): Promise<Buffer> {
    if (!hasBody(request)) return Buffer.alloc(0);
    if (Number(request.headers['content-length']) > serverLimits.bodyBytes) throw new BodyRefused(tooLarge);
    return await new Promise((resolve, reject) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      const settle = (): void => {
        this.#bytes -= bytes;
        request.off('data', take);
        request.off('end', end);
        request.off('close', cut);
      };
      const fail = (refused = cutOff): void => {
        settle();
        reject(new BodyRefused(refused));
      };
      const cut = (): void => fail();
      const take = (chunk: Buffer): void => {
        bytes += chunk.length;
        this.#bytes += chunk.length;
        if (bytes > serverLimits.bodyBytes) fail(tooLarge);
        else if (this.#bytes > serverLimits.bodiesBytes) fail(tooMany);
        else chunks.push(chunk);
      };
      const end = (): void => {
        settle();
        resolve(chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks));
      };
      request.on('data', take);
      request.on('end', end);
      request.on('close', cut);
    });
  }
}

const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0';

/**
 * Reads on and keeps nothing, so that a caller who is still sending hears the answer instead of a cut connection.
 * @returns whether the body ended within `drainBytes`; if not the connection must end
 */
async function drained(request: IncomingMessage): Promise<boolean> {
  if (request.complete || !hasBody(request)) return true;
  return await new Promise((resolve) => {
    let bytes = 0;
    const settle = (isWhole: boolean): void => {
      request.off('data', take);
      resolve(isWhole);
    };
    const take = (chunk: Buffer): void => {
      bytes += chunk.length;
      if (bytes > serverLimits.drainBytes) settle(false);
    };
    request.on('data', take);
    request.once('end', () => settle(true));
    request.once('close', () => settle(false));
  });
}
const tooLarge = failed('INVALID_ARGUMENT', `the body is larger than ${serverLimits.bodyBytes} bytes; split the request into smaller ones`);
const tooMany = failed(
  'KV_TXN_STORE_COMMIT_RETRYABLE',
  `KV_TXN_STORE_COMMIT_RETRYABLE: requests of more than ${serverLimits.bodiesBytes} bytes arrive at once; try again after a moment`,
);
const cutOff = failed('INVALID_ARGUMENT', 'the body ended before its time; send the request again');

function send(request: IncomingMessage, response: ServerResponse, { headers, http, position, text }: Outgoing, isWhole: boolean): void {
  if (response.destroyed) return;
  const type = request.headers['content-type'];
  response.writeHead(http, {
    ...headers,
    ...(type === undefined ? {} : { 'content-type': type }),
    'content-length': Buffer.byteLength(text),
    'x-content-type-options': 'nosniff', // A refused token is repeated as it was given.
    ...(position === undefined ? {} : { 'chancery-position': position }),
    // What was not read cannot be told from a next request.
    ...(isWhole ? {} : { connection: 'close' }),
  });
  response.end(text);
}

/** Answers a connection whose request could not even be read. */
function answerClientError(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code !== 'ECONNRESET' && socket.writable) {
    const [line, why] =
      error.code === 'HPE_HEADER_OVERFLOW'
        ? ['431 Request Header Fields Too Large', `address and headers are longer than ${connectionLimits.headerBytes} bytes; send less`]
        : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
          ? ['408 Request Timeout', 'the request did not arrive in full in time; send it without pauses']
          : ['400 Bad Request', 'this is not an HTTP request'];
    socket.write(rawAnswer(line, why));
  }
  socket.destroySoon();
}

function rawAnswer(line: string, why: string): string {
  const { text } = payloadOf(envelope(failed('INVALID_ARGUMENT', why)));
  return `HTTP/1.1 ${line}\r\nContent-Length: ${Buffer.byteLength(text)}\r\nConnection: close\r\n\r\n${text}`;
}
