import type { FastifyInstance } from 'fastify';
import type { Logger } from '../../ports/logger.ts';
import { isSigned, seldom, signatureHeader } from './clusterSignature.ts';
import { parseJson } from './json.ts';
import { problem, Refused } from './problems.ts';

export interface SignedParts {
  readonly clusterSecret: string;
  readonly logger: Logger;
}

/**
 * A POST between nodes, in a scope of its own: its bytes are checked against the cluster secret before they are looked at.
 * @param bytes the longest body that is read
 */
export function signedRoute(
  http: FastifyInstance,
  { clusterSecret, logger }: SignedParts,
  path: string,
  bytes: number,
  answer: (body: unknown) => Promise<object>,
): void {
  const warn = seldom((text) => logger.warn({}, text));
  http.removeAllContentTypeParsers();
  http.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit: bytes }, (_request, body, done) => done(null, body));
  // Nobody without the secret makes this node read so much: that a signature is there is seen before the body.
  http.addHook('onRequest', async (request) => {
    if (request.headers[signatureHeader] === undefined) throw unauthenticated();
  });
  http.post(path, { bodyLimit: bytes, schema: { hide: true } }, async (request, reply) => {
    const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
    if (!isSigned(request.headers[signatureHeader], clusterSecret, 'POST', path, body)) {
      warn(request.ip, `refused a request between nodes from ${request.ip}: it was signed with another --cluster-secret`);
      throw unauthenticated();
    }
    return reply.send(await answer(parseJson(body)));
  });
}

const unauthenticated = (): Refused =>
  new Refused(
    problem('UNAUTHENTICATED', 'this request does not prove that it comes from a node of this cluster', {
      remedy: 'Give all nodes of the cluster the same --cluster-secret.',
    }),
  );
