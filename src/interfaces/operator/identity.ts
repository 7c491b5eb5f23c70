import type { Socket } from 'node:net';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { anonymousPrincipal } from '../../../events/tokens.ts';
import type { AuthenticationMethod, Authenticator, Verdict } from '../../authentication/authenticator.ts';
import { operatorAccessOf } from '../../deciders/permissions.ts';
import type { Logger } from '../../ports/logger.ts';
import { rejection } from '../../rejection.ts';
import { seldom } from './clusterSignature.ts';
import { problem, problemOfRejection, Refused } from './problems.ts';

/** Who sent a request, from where, and how they proved it. */
export interface Identity {
  /** `User:alice` */
  readonly principal: string;
  /** IP address as text. */
  readonly host: string;
  readonly method: AuthenticationMethod;
  /** Of the token that was given. */
  readonly tokenId?: string;
}
declare module 'fastify' {
  interface FastifyRequest {
    identity: Identity;
  }
}

export interface IdentityParts {
  readonly authenticator: Authenticator;
  readonly logger: Logger;
  /** Who a connection's client certificate says it is, `User:alice`; undefined when it has none. */
  readonly certificatePrincipal?: (socket: Socket) => string | undefined;
}

/**
 * Finds out who sends each request, before anything of it is looked at: by the header Authorization, else by a client certificate.
 * Routes that are open to everybody are not asked. @throws Refused, in a hook: 401 with UNAUTHENTICATED, or 429 with BUSY
 */
export function identifyCallers(http: FastifyInstance, parts: IdentityParts): void {
  const warn = seldom((text) => parts.logger.warn({}, text));
  http.decorateRequest('identity');
  http.addHook('onRequest', async (request) => {
    const host = hostOf(request.ip);
    if (isOpen(request)) {
      request.identity = { principal: anonymousPrincipal, host, method: 'none' };
      return;
    }
    const { method, verdict } = await identify(request, host, parts);
    if (verdict.kind !== 'known') {
      if (method !== 'none') warn(host, `refused credentials from ${host}: ${verdict.detail}`);
      throw new Refused(problemOf(verdict));
    }
    const { principal, tokenId } = verdict;
    request.identity = { principal, host, method, ...(tokenId === undefined ? {} : { tokenId }) };
  });
}

/** What is at no route is open to nobody: whoever looks for routes says who they are. */
const isOpen = ({ method, routeOptions: { url } }: FastifyRequest): boolean =>
  url !== undefined && operatorAccessOf(method, url)?.kind === 'open';

interface Identified {
  readonly method: AuthenticationMethod;
  readonly verdict: Verdict;
}

async function identify(request: FastifyRequest, host: string, parts: IdentityParts): Promise<Identified> {
  const { authenticator, certificatePrincipal } = parts;
  const { authorization } = request.headers;
  if (authorization === undefined) {
    const principal = certificatePrincipal?.(request.socket);
    if (principal !== undefined) return { method: 'certificate', verdict: { kind: 'known', principal } };
    return { method: 'none', verdict: authenticator.anonymous() };
  }
  const credentials = parseAuthorization(authorization);
  switch (credentials.kind) {
    case 'basic':
      return { method: 'basic', verdict: await authenticator.password(credentials.name, credentials.password, host) };
    case 'bearer':
      return { method: 'bearer', verdict: authenticator.token(credentials.token, host) };
    case 'unreadable':
      return { method: 'basic', verdict: { kind: 'wrong', detail: credentials.fault } };
  }
}

type Credentials =
  | { readonly kind: 'basic'; readonly name: string; readonly password: string }
  | { readonly kind: 'bearer'; readonly token: string }
  /** `fault` repeats nothing of it. */
  | { readonly kind: 'unreadable'; readonly fault: string };

/** Takes a header Authorization apart (RFC 7617, RFC 6750): nothing that could be read in two ways is taken. */
export function parseAuthorization(header: string): Credentials {
  const [, scheme = '', value = ''] = /^([A-Za-z][A-Za-z0-9-]*) +(\S+) *$/.exec(header) ?? [];
  if (scheme === '') return unreadable('is not a scheme and one value');
  if (scheme.toLowerCase() === 'bearer') return { kind: 'bearer', token: value };
  if (scheme.toLowerCase() !== 'basic') return unreadable('has another scheme than Basic and Bearer');
  const bytes = Buffer.from(value, 'base64');
  if (bytes.toString('base64').replace(/=+$/, '') !== value.replace(/=+$/, '')) return unreadable('is not Base64 behind Basic');
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return unreadable('is not UTF-8 behind Basic');
  }
  const colon = text.indexOf(':');
  if (colon < 1) return unreadable('is not NAME:PASSWORD behind Basic');
  if (/[\p{Cc}]/u.test(text)) return unreadable('has a control character behind Basic');
  return { kind: 'basic', name: text.slice(0, colon), password: text.slice(colon + 1) };
}
const unreadable = (fault: string): Credentials => ({ kind: 'unreadable', fault: `the header Authorization ${fault}` });

function problemOf(verdict: Exclude<Verdict, { readonly kind: 'known' }>) {
  if (verdict.kind === 'wrong')
    return problem('UNAUTHENTICATED', verdict.detail, { headers: { 'www-authenticate': 'Basic realm="chancery", Bearer' } });
  const seconds = Math.ceil(verdict.waitMs / 1000);
  const remedy = `Wait ${seconds} s, then give the right credentials: nothing from this address is looked at before.`;
  return { ...problemOfRejection(rejection('BUSY', '', verdict.detail)), remedy, headers: { 'retry-after': String(seconds) } };
}

/** An IPv4 address stays one where a socket takes both. */
export const hostOf = (ip = ''): string => (ip.startsWith('::ffff:') && ip.includes('.') ? ip.slice('::ffff:'.length) : ip);
