import type { FastifyInstance } from 'fastify';

/** Who sent a request, and from where. */
export interface Identity {
  /** `User:alice` */
  readonly principal: string;
  /** IP address as text. */
  readonly host: string;
}
declare module 'fastify' {
  interface FastifyRequest {
    identity: Identity;
  }
}

/** Finds out who sends each request, before anything of it is looked at. Without authentication everybody is `User:root`. */
export function identifyCallers(http: FastifyInstance): void {
  http.decorateRequest('identity');
  http.addHook('onRequest', async (request) => {
    request.identity = { principal: 'User:root', host: hostOf(request.ip) };
  });
}

/** An IPv4 address stays one where a socket takes both. */
export const hostOf = (ip = ''): string => (ip.startsWith('::ffff:') && ip.includes('.') ? ip.slice('::ffff:'.length) : ip);
