import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Authenticator } from '../../authentication/authenticator.ts';
import type { Asker } from '../../deciders/authorizer.ts';
import { type Access, operatorAccessOf } from '../../deciders/permissions.ts';
import { denialOfRead } from '../../engine/authorization.ts';
import type { Node, Reading } from '../../engine/node.ts';
import { type Rejection, rejection } from '../../rejection.ts';
import type { Readiness } from './health.ts';
import { problemOfRejection, Refused } from './problems.ts';
import { type ReadQuery, readingOf, tablesOf } from './requests.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** The tables that a read is judged on and answered from; `null` where the route is not judged as a whole. */
    reading: Reading | null;
  }
}

/**
 * Has requests wait until the tables of a node that came up are as new as the log was then: before, they say nothing of an authorizer,
 * or allow what was taken back since, and count tokens that were revoked. Register it before `identifyCallers`. Routes that are open
 * or need nothing but a known caller answer at once: they tell operators how far it is.
 * @param patienceMs how long a request waits. @throws Refused, in a hook: 503 with NOT_CAUGHT_UP, or NODE_FAULT when it never will be
 */
export function awaitTables(http: FastifyInstance, node: Node, readiness: Pick<Readiness, 'caughtUp'>, patienceMs: number): void {
  http.addHook('onRequest', async ({ method, routeOptions: { url } }) => {
    const access = url === undefined ? undefined : operatorAccessOf(method, url);
    if (access === undefined || access.kind === 'open' || access.kind === 'known') return;
    if (await readiness.caughtUp(node.role === 'fault' ? 0 : patienceMs)) return;
    const { fault, nodeId } = node.status();
    const stillFolds = rejection('NOT_CAUGHT_UP', '', `node ${nodeId} has just come up and still folds the log`);
    throw new Refused(
      problemOfRejection(fault === undefined ? stillFolds : rejection('NODE_FAULT', '', `node ${nodeId} stopped serving: ${fault}`)),
    );
  });
}

/**
 * Judges each read before its route sees it, on the tables that it will be answered from: those of `atLeast` and `consistency`.
 * What a route needs is said in `permissions.ts`; the server does not start with one that is not listed there. Register it after
 * `identifyCallers` and before the routes.
 */
export function authorizeReads(http: FastifyInstance, node: Node): void {
  http.addHook('onRoute', ({ method, url }) => {
    for (const each of [method].flat()) accessOf(each, url);
  });
  http.decorateRequest('reading', null);
  http.addHook('preHandler', async (request) => {
    const { method, url } = request.routeOptions;
    if (url === undefined) return; // Nothing is there.
    const access = accessOf([method].flat()[0] ?? request.method, url);
    if (access.kind === 'needs') request.reading = await readingOf(node, request.query as ReadQuery);
    const denial = denialOf(node, request, access);
    if (denial !== undefined) throw new Refused(problemOfRejection(denial));
  });
}

function accessOf(method: string, url: string): Access {
  const access = operatorAccessOf(method, url);
  if (access === undefined)
    throw new Error(`${method} ${url} is not in operatorAccess of src/deciders/permissions.ts: say there what its callers need`);
  return access;
}

function denialOf(node: Node, request: FastifyRequest, access: Access): Rejection | undefined {
  if (access.kind === 'open' || access.kind === 'judged') return undefined;
  const { method, reading, routeOptions } = request;
  // A node that stopped serving still says who may read its log: by the tables that it stopped with.
  const hasStopped = reading === null || (reading.kind === 'rejected' && reading.rejection.code === 'NODE_FAULT');
  const { state } = hasStopped ? node : tablesOf({ reading });
  return denialOfRead(node.denials, { state, asker: askerOf(request), what: `${method} ${routeOptions.url ?? ''}` }, access);
}

/** Who asks, as the authorizer takes it. */
export const askerOf = ({ identity: { host, principal } }: Pick<FastifyRequest, 'identity'>): Asker => ({
  principal,
  host,
  interface: 'operator',
});

/**
 * Asks again what was asked when a request came in, on the newest tables: for reads that go on.
 * @returns why it may not go on
 */
export function stillDenied(
  node: Node,
  authenticator: Pick<Authenticator, 'standing'>,
  request: FastifyRequest,
): () => Rejection | undefined {
  const access = accessOf(request.method, request.routeOptions.url ?? '');
  const asker = askerOf(request);
  const { principal, tokenId } = request.identity;
  const counts = authenticator.standing(request.identity);
  const gone =
    tokenId === undefined ? `the password of ${principal} was changed or taken away` : `token ${tokenId} was revoked, or its time is over`;
  return () => {
    const { denials, state } = node;
    if (!counts()) return rejection('AUTHORIZATION_DENIED', '', gone);
    return denialOfRead(denials, { state, asker, what: `${request.method} ${request.routeOptions.url}` }, access);
  };
}
