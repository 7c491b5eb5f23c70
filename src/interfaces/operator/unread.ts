import type { Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

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
