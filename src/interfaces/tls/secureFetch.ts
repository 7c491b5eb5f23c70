import { type Agent, request } from 'node:https';
import { Readable } from 'node:stream';

/** What of fetch's options is used here. */
export interface SecureFetchOptions {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly signal: AbortSignal;
}

/** Statuses whose answers have no body. */
const withoutBody = new Set([204, 205, 304]);

/**
 * `fetch` over TLS with an agent of one's own, which says whom to trust and what to show: the one that is built in can be told neither.
 * It follows no redirects.
 *
 * @throws the signal's reason when it aborts, also while the body is read; else the error of the connection
 */
export function secureFetch(url: URL, { body, headers = {}, method = 'GET', signal }: SecureFetchOptions, agent: Agent): Promise<Response> {
  return new Promise((resolve, reject) => {
    const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) };
    const outgoing = request(url, { agent, method, headers: { ...headers, ...length }, signal });
    outgoing.on('error', (error) => reject(signal.aborted ? (signal.reason as Error) : error));
    outgoing.on('response', (incoming) => {
      const { headersDistinct, statusCode: status = 0, statusMessage: statusText = '' } = incoming;
      const received = new Headers();
      for (const [name, values] of Object.entries(headersDistinct)) for (const value of values ?? []) received.append(name, value);
      const hasBody = !withoutBody.has(status);
      if (!hasBody) incoming.resume();
      const stream = hasBody ? (Readable.toWeb(incoming) as ReadableStream<Uint8Array<ArrayBuffer>>) : null;
      const response = new Response(stream, { status, statusText, headers: received });
      // One that is made by hand does not know where it came from.
      resolve(Object.defineProperty(response, 'url', { value: url.href }));
    });
    outgoing.end(body);
  });
}
