/** How commands that run beside the nodes and ask them are told where those are. */
import { secureFetch } from '../interfaces/tls/secureFetch.ts';
import type { HttpFetch } from '../node-client/nodes.ts';
import { clientAgent } from './clientTls.ts';
import { wrongUsage } from './exit.ts';
import type { OperatorOptions } from './operatorClient.ts';

/** What `--coordinator` names. @throws CommandFailure for an address that is none */
export function urlsIn(list: string): readonly string[] {
  return list.split(',').map((piece) => {
    const text = piece.trim();
    const url = URL.canParse(text) ? new URL(text) : undefined;
    if (url !== undefined && /^https?:$/.test(url.protocol) && url.hostname !== '' && /^\/?$/.test(url.pathname)) return url.origin;
    throw wrongUsage(`--coordinator '${text}' is not the address of a node`, 'Give http://HOST:PORT, several with commas between.');
  });
}

/** Plain calls go through what is built in; TLS through an agent that believes whom the flags name. */
export async function fetchOver(urls: readonly string[], flags: Pick<OperatorOptions, 'ca' | 'cert' | 'key'>): Promise<HttpFetch> {
  const agent = urls.some((url) => url.startsWith('https:')) ? await clientAgent(flags) : undefined;
  return (url, request) =>
    url.protocol === 'https:' && agent !== undefined ? secureFetch(url, request, agent) : fetch(url, { ...request, redirect: 'error' });
}
