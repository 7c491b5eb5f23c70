import type { Node } from '../../engine/node.ts';
import type { Logger } from '../../ports/logger.ts';
import type { NodeTls } from '../tls/nodeTls.ts';
import { secureFetch } from '../tls/secureFetch.ts';
import { signatureHeader, signatureOf } from './clusterSignature.ts';

export interface LeaderCallParts {
  readonly logger: Logger;
  /** Without one there is no other node. */
  readonly clusterSecret?: string;
  readonly tls?: Pick<NodeTls, 'agent'>;
}

const leaderMs = 2_000;

/**
 * Tells the leader, over its operator API, what only the leader keeps. It may or may not have arrived when nobody answers.
 * @param path of a `signedRoute` @returns undefined when there is no leader, or none that answers within two seconds
 */
export async function askLeader(
  node: Node,
  { clusterSecret, logger, tls }: LeaderCallParts,
  path: string,
  asked: object,
): Promise<Response | undefined> {
  const { leaderId, members } = node.status();
  const leader = members.find(({ nodeId }) => nodeId === leaderId);
  if (leader === undefined || clusterSecret === undefined) return undefined;
  try {
    const url = new URL(path, leader.operatorUrl);
    const text = JSON.stringify(asked);
    const signature = signatureOf(clusterSecret, 'POST', path, Buffer.from(text));
    const headers = { [signatureHeader]: signature, 'content-type': 'application/json' };
    const options = { headers, method: 'POST', body: text, signal: AbortSignal.timeout(leaderMs) };
    return await (tls === undefined || url.protocol !== 'https:' ? fetch(url, options) : secureFetch(url, options, tls.agent));
  } catch (error) {
    logger.debug({ err: error, leader: leader.nodeId }, 'the leader was not reached with a heartbeat');
    return undefined;
  }
}
