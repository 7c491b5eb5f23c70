import { Agent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as SecureAgent, request as secureRequest } from 'node:https';
import { z } from 'zod';
import { type ForwardedRequest, type Peers, PeerUnreachable } from '../../engine/forwarding.ts';
import { inPieces } from '../../engine/pieces.ts';
import type { Reply } from '../../engine/submission.ts';
import type { Logger } from '../../ports/logger.ts';
import type { Member } from '../../ports/membership.ts';
import { type Rejection, type RejectionCode, rejection, rejections } from '../../rejection.ts';
import { type TlsFailureKind, tlsFailureOf } from '../tls/failures.ts';
import type { NodeTls } from '../tls/nodeTls.ts';
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
  z.object({
    kind: z.literal('done'),
    position: z.number().int().min(0),
    changed: z.boolean(),
    duplicate: z.boolean(),
    answer: z.unknown().optional(),
  }),
  z.object({ kind: z.literal('rejected'), rejection: rejectionJson }),
  z.object({ kind: z.literal('unknown'), commandId: z.string(), detail: z.string() }),
  z.object({ kind: z.literal('retry'), mayHaveHappened: z.boolean(), detail: z.string() }),
]);
const answerJson = z.object({ replies: z.array(replyJson) });

export interface PeerParts {
  readonly clusterSecret: string;
  readonly logger: Logger;
  /** For leaders that are reached over TLS. Absent: they are believed when the system believes them, and shown nothing. */
  readonly tls?: Pick<NodeTls, 'agent'>;
}
/** Agents by protocol; the one for TLS is asked for anew at each call, see `NodeTls`. */
interface Agents {
  readonly plain: Agent;
  readonly secure: () => SecureAgent;
}

/** Hands requests to the leader over HTTP, on connections that stay open. A leader that will not know this node is a warning. */
export function createPeers({ clusterSecret, logger, tls }: PeerParts): Peers & { close(): void } {
  const warn = seldom((text) => logger.warn({}, text));
  const options = { keepAlive: true, maxSockets: peerLimits.connections, keepAliveMsecs: 10_000 };
  const plain = new Agent(options);
  const believing = new SecureAgent(options);
  const agents: Agents = { plain, secure: () => tls?.agent ?? believing };
  return {
    submit: async (leader, requests) => {
      const replies: Reply[] = [];
      for (const part of inPieces(requests, { bytes: submitLimits.bytes - 1024 })) {
        try {
          replies.push(...(await call(agents, clusterSecret, leader, part, warn)));
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
    close: () => {
      plain.destroy();
      believing.destroy();
    },
  };
}

async function call(
  agents: Agents,
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
  const signature = signatureOf(secret, 'POST', submitPath, body);
  const { status, text } = await post(agents, addressOf(leader), signature, body, deadlineMs).catch((error: unknown) => {
    if (error instanceof NotTrusted) warn(leader.nodeId, `node ${leader.nodeId} at ${error.message}`);
    throw error;
  });
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
function refusalText({ nodeId, release }: Member, status: number): string {
  if (status === 401 || status === 404)
    return `node ${nodeId} does not know this node: is --cluster-secret the same on both? (HTTP ${status})`;
  if (status !== 400) return `node ${nodeId} refused requests of this node (HTTP ${status})`;
  const what = `node ${nodeId}, of release ${release}, does not understand a request of this node (HTTP 400)`;
  return `${what}: the releases of all nodes must be the same`;
}

function addressOf({ nodeId, operatorUrl }: Member): URL {
  const url = URL.parse(submitPath, operatorUrl);
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return url;
  throw new PeerUnreachable(`node ${nodeId} gives an address that is not http or https: ${operatorUrl}`);
}

/** TLS came to nothing: nothing was sent, and somebody has to look at the certificates. */
class NotTrusted extends PeerUnreachable {}

const tlsRemedies: Readonly<Record<TlsFailureKind, string>> = {
  untrusted: 'name its CA with tls-ca on this node',
  expired: 'put a new one in its place there, or set the clocks right',
  'wrong name': 'its --advertise must be one of them',
  'no TLS': 'its --advertise says https:// all the same',
  'certificate wanted': "its tls-client-ca must stand for this node's tls-cert too, which must be made for clients as well as for servers",
  'old protocol': 'bring both to a release that speaks TLS 1.2',
};

/** @throws PeerUnreachable while no connection stands, so that nothing was sent; else any other error. */
function post(
  agents: Agents,
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
    const headers = { 'content-type': 'application/json', 'content-length': body.length, [signatureHeader]: signature };
    const isSecure = url.protocol === 'https:';
    const outgoing = isSecure
      ? secureRequest(url, { agent: agents.secure(), method: 'POST', headers })
      : httpRequest(url, { agent: agents.plain, method: 'POST', headers });
    const connecting = setTimeout(() => {
      if (!isConnected) fail(`no connection to ${url.host} within ${peerLimits.connectMs} ms`);
    }, peerLimits.connectMs);
    const deadline = setTimeout(() => fail(`no answer from ${url.host} within ${deadlineMs} ms`), deadlineMs);
    outgoing.on('socket', (socket) => {
      if (socket.connecting) socket.once(isSecure ? 'secureConnect' : 'connect', () => (isConnected = true));
      else isConnected = true;
    });
    outgoing.on('error', (error) => {
      const failure = tlsFailureOf(error);
      if (failure !== undefined) reject(new NotTrusted(`${url.host}: ${failure.what}; ${tlsRemedies[failure.kind]}`));
      fail(error.message);
    });
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
