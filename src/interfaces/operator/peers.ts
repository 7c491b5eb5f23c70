import { Agent, request as httpRequest, type IncomingMessage } from 'node:http';
import { z } from 'zod';
import { type ForwardedRequest, type Peers, PeerUnreachable } from '../../engine/forwarding.ts';
import type { Reply } from '../../engine/submission.ts';
import type { Logger } from '../../ports/logger.ts';
import type { Member } from '../../ports/membership.ts';
import { type Rejection, type RejectionCode, rejection, rejections } from '../../rejection.ts';
import { seldom, signatureHeader, signatureOf } from './clusterSignature.ts';
import { submitLimits, submitPath } from './submissions.ts';

/** `connectMs`: to reach the other node. `graceMs`: for its reply, beyond the time the requests have left. */
const peerLimits = { connectMs: 2_000, graceMs: 500, replyBytes: 4 * 1024 * 1024, connections: 16 } as const;

/**
 * A refusal as the leader words it. One of a newer release may have a code that this one does not know, and no answer of its own for:
 * the caller still hears that nothing was done, and why, instead of asking again until its time is over.
 */
const rejectionJson = z
  .object({
    code: z.string(),
    field: z.string(),
    detail: z.string(),
    remedy: z.string(),
    facts: z.record(z.string(), z.union([z.string(), z.number()])).exactOptional(),
  })
  .transform(
    ({ code, ...rest }): Rejection =>
      isKnown(code) ? { code, ...rest } : { ...rest, code: 'MALFORMED_REQUEST', detail: `${code}: ${rest.detail}` },
  );
const isKnown = (code: string): code is RejectionCode => Object.hasOwn(rejections, code);
/** Fields that a newer leader adds are left out. */
const replyJson = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('done'), position: z.number().int().min(0), changed: z.boolean(), duplicate: z.boolean() }),
  z.object({ kind: z.literal('rejected'), rejection: rejectionJson }),
  z.object({ kind: z.literal('unknown'), commandId: z.string(), detail: z.string() }),
  z.object({ kind: z.literal('retry'), mayHaveHappened: z.boolean(), detail: z.string() }),
]);
const answerJson = z.object({ replies: z.array(replyJson) });

/** Hands requests to the leader over HTTP, on connections that stay open. A leader that will not know this node is a warning. */
export function createPeers({ clusterSecret, logger }: { readonly clusterSecret: string; readonly logger: Logger }): Peers & {
  close(): void;
} {
  const warn = seldom((text) => logger.warn({}, text));
  const agent = new Agent({ keepAlive: true, maxSockets: peerLimits.connections, keepAliveMsecs: 10_000 });
  return {
    submit: async (leader, requests) => {
      const replies: Reply[] = [];
      for (const part of parts(requests)) {
        try {
          replies.push(...(await call(agent, clusterSecret, leader, part, warn)));
        } catch (error) {
          if (replies.length === 0) throw error;
          // The first parts have their replies; of the others none but this one was sent.
          const mayHaveHappened = !(error instanceof PeerUnreachable);
          const detail = error instanceof Error ? error.message : String(error);
          replies.push(...part.map(() => ({ kind: 'retry', mayHaveHappened, detail }) as const));
          replies.push(...requests.slice(replies.length).map(() => ({ kind: 'retry', mayHaveHappened: false, detail }) as const));
          break;
        }
      }
      return replies;
    },
    close: () => agent.destroy(),
  };
}

/** Requests in order, as many together as a body takes. */
function* parts(requests: readonly ForwardedRequest[]): Generator<readonly ForwardedRequest[]> {
  let part: ForwardedRequest[] = [];
  let bytes = 0;
  for (const request of requests) {
    const size = Buffer.byteLength(JSON.stringify(request)) + 1;
    if (part.length > 0 && bytes + size > submitLimits.bytes - 1024) {
      yield part;
      part = [];
      bytes = 0;
    }
    part.push(request);
    bytes += size;
  }
  if (part.length > 0) yield part;
}

async function call(
  agent: Agent,
  secret: string,
  leader: Member,
  requests: readonly ForwardedRequest[],
  warn: ReturnType<typeof seldom>,
): Promise<readonly Reply[]> {
  const body = Buffer.from(
    JSON.stringify({ requests: requests.map((each) => ({ ...each, timeLeftMs: Math.min(each.timeLeftMs, submitLimits.timeLeftMs) })) }),
  );
  if (body.length > submitLimits.bytes) {
    // Only a request that is alone in its part: no leader would read it, however often it is asked.
    const detail = `the request has ${body.length} bytes on its way to the leader, which takes at most ${submitLimits.bytes}`;
    return requests.map(() => ({ kind: 'rejected', rejection: rejection('TOO_LARGE', '', detail) }));
  }
  const deadlineMs = Math.max(...requests.map((each) => Math.min(each.timeLeftMs, submitLimits.timeLeftMs))) + peerLimits.graceMs;
  const { status, text } = await post(agent, addressOf(leader), signatureOf(secret, 'POST', submitPath, body), body, deadlineMs);
  if (status !== 200) {
    const detail = refusalText(leader, status);
    if (status === 401 || status === 404) warn(leader.nodeId, detail);
    return requests.map(() => ({ kind: 'retry', mayHaveHappened: status >= 500 && status !== 503, detail }));
  }
  const { replies } = answerJson.parse(JSON.parse(text));
  if (replies.length !== requests.length)
    throw new Error(`node ${leader.nodeId} answered ${replies.length} of ${requests.length} requests`);
  return replies;
}

/** The other node refused the call as a whole, before it looked at any command. */
const refusalText = ({ nodeId }: Member, status: number): string =>
  status === 401 || status === 404
    ? `node ${nodeId} does not know this node: is --cluster-secret the same on both? (HTTP ${status})`
    : `node ${nodeId} refused requests of this node (HTTP ${status})`;

function addressOf({ nodeId, operatorUrl }: Member): URL {
  const url = URL.parse(submitPath, operatorUrl);
  if (url?.protocol !== 'http:') throw new PeerUnreachable(`node ${nodeId} gives an address that is not http: ${operatorUrl}`);
  return url;
}

/** @throws PeerUnreachable while no connection stands, so that nothing was sent; else any other error. */
function post(
  agent: Agent,
  url: URL,
  signature: string,
  body: Buffer,
  deadlineMs: number,
): Promise<{ readonly status: number; readonly text: string }> {
  return new Promise((resolve, reject) => {
    let isConnected = false;
    const fail = (message: string) => {
      clearTimeout(connecting);
      clearTimeout(deadline);
      reject(isConnected ? new Error(message) : new PeerUnreachable(message));
      outgoing.destroy();
    };
    const outgoing = httpRequest(url, {
      agent,
      method: 'POST',
      headers: { 'content-type': 'application/json', 'content-length': body.length, [signatureHeader]: signature },
    });
    const connecting = setTimeout(() => {
      if (!isConnected) fail(`no connection to ${url.host} within ${peerLimits.connectMs} ms`);
    }, peerLimits.connectMs);
    const deadline = setTimeout(() => fail(`no answer from ${url.host} within ${deadlineMs} ms`), deadlineMs);
    outgoing.on('socket', (socket) => {
      if (socket.connecting) socket.once('connect', () => (isConnected = true));
      else isConnected = true;
    });
    outgoing.on('error', (error) => fail(error.message));
    outgoing.on('response', (incoming) => {
      readReply(incoming).then(
        (text) => {
          clearTimeout(connecting);
          clearTimeout(deadline);
          resolve({ status: incoming.statusCode ?? 0, text });
        },
        (error: Error) => fail(error.message),
      );
    });
    outgoing.end(body);
  });
}

async function readReply(incoming: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > peerLimits.replyBytes) throw new Error(`a reply of more than ${peerLimits.replyBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
