import type { Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/**
 * What a server of this node grants a connection. `requestMs`: for a request to arrive in full; one that has arrived is bounded by the
 * node's own deadlines. `unreadMs`: how long an answer may lie before its caller takes more of it. `lookEveryMs`: between two looks at
 * requests that arrive too slowly.
 */
export const connectionLimits = {
  connections: 4096,
  headerBytes: 16 * 1024,
  headersMs: 10_000,
  requestMs: 30_000,
  unreadMs: 30_000,
  idleMs: 65_000,
  lookEveryMs: 5_000,
} as const;

/** The same in the words of node's servers, but for what `boundConnections` sets. */
export const connectionOptions = {
  maxHeaderSize: connectionLimits.headerBytes,
  headersTimeout: connectionLimits.headersMs,
  requestTimeout: connectionLimits.requestMs,
  keepAliveTimeout: connectionLimits.idleMs,
  connectionsCheckingInterval: connectionLimits.lookEveryMs,
} as const;

/** Bounds the number of connections and how long an answer may lie; @param unreadMs for tests. */
export function boundConnections(
  server: Pick<Server, 'timeout' | 'on' | 'maxConnections'>,
  unreadMs: number = connectionLimits.unreadMs,
): void {
  server.maxConnections = connectionLimits.connections;
  cutUnread(server, unreadMs);
}

/**
 * Cuts the connection of a caller who leaves an answer unread: one of whose bytes none went for `ms`. An answer that is not ready yet is
 * waited for, and a connection that asks for nothing ends after the server's `keepAliveTimeout`, as without this.
 */
export function cutUnread(server: Pick<Server, 'timeout' | 'on'>, ms: number): void {
  const answersOf = new WeakMap<Socket, number>();
  const count = (socket: Socket, by: 1 | -1): void => void answersOf.set(socket, (answersOf.get(socket) ?? 0) + by);
  server.timeout = ms;
  server.on('request', ({ socket }: { readonly socket: Socket }, response: ServerResponse) => {
    count(socket, 1);
    response.once('close', () => count(socket, -1));
  });
  server.on('timeout', (socket: Socket) => {
    const isAwaited = (answersOf.get(socket) ?? 0) > 0;
    if (!isAwaited || socket.writableLength > 0) socket.destroy();
  });
}
