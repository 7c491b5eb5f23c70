import type { RequestListener, ServerOptions } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Logger } from '../../ports/logger.ts';
import { seldom } from '../operator/clusterSignature.ts';
import { oldestProtocol } from './material.ts';
import type { NodeTls } from './nodeTls.ts';

/** For a connection to agree on its keys, milliseconds. */
const handshakeMs = 10_000;

/**
 * A server that takes TLS and nothing else, with the certificate that is in force; see `NodeTls`.
 *
 * @param plainAnswer HTTP in full, for who speaks plain HTTP to this port: without it a caller sees nothing but a broken connection
 */
export function createSecureServer(
  { logger, plainAnswer, tls }: { readonly tls: NodeTls; readonly logger: Logger; readonly plainAnswer: string },
  options: ServerOptions,
  handler: RequestListener,
): Server {
  const isAsked = tls.clientCerts !== 'none';
  const secure = { minVersion: oldestProtocol, handshakeTimeout: handshakeMs, requestCert: isAsked } as const;
  const server = createServer({ ...options, ...tls.serverContext, ...secure, rejectUnauthorized: tls.clientCerts === 'required' }, handler);
  server.once(
    'close',
    tls.onChange((context) => server.setSecureContext(context)),
  );
  answerPlainHttp(server, plainAnswer);
  if (isAsked) refuseUntrusted(server, logger);
  return server;
}

/** Keeps hold of what lies below TLS until keys are agreed on, to answer there. */
function answerPlainHttp(server: Server, answer: string): void {
  const below = new Map<string, Socket>();
  server.on('connection', (socket: Socket) => {
    const key = keyOf(socket);
    below.set(key, socket);
    socket.once('close', () => below.delete(key));
  });
  server.on('secureConnection', (socket) => below.delete(keyOf(socket)));
  server.on('tlsClientError', (error: NodeJS.ErrnoException, socket) => {
    if (error.code === 'ERR_SSL_HTTP_REQUEST') below.get(keyOf(socket))?.write(answer);
  });
}
const keyOf = ({ remoteAddress, remotePort }: Socket): string => `${remoteAddress} ${remotePort}`;

/** Who shows a certificate that nobody stands for must not go on as somebody without one: it would never learn why it may do so little. */
function refuseUntrusted(server: Server, logger: Logger): void {
  const warn = seldom((text) => logger.warn({}, text));
  const say = ({ authorizationError, remoteAddress = 'somebody' }: TLSSocket): void =>
    warn(remoteAddress, `the client certificate of ${remoteAddress} was refused: ${String(authorizationError)}; see tls-client-ca`);
  server.on('secureConnection', (socket) => {
    if (socket.authorized || socket.getPeerX509Certificate() === undefined) return;
    say(socket);
    socket.destroy();
  });
  // Where certificates are required such a connection has ended before anybody hears of it.
  server.on('tlsClientError', (_error, socket) => {
    if (typeof socket.authorizationError === 'string') say(socket);
  });
}
