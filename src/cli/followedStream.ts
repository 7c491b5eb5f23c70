import { setTimeout as pause } from 'node:timers/promises';
import { type Call, isPassing, NotReachable, type OperatorClient, Refused } from './operatorClient.ts';
import { serverSentEvents } from './serverSentEvents.ts';

/** A stream that is silent for so long, heartbeats included, is dead. */
const silenceMs = 45_000;
const retryMs = 1000;

export interface Following {
  readonly client: OperatorClient;
  /** What to ask for, each time that a stream is opened: one that is taken up again begins where the last one ended. */
  readonly next: () => Pick<Call, 'headers' | 'path' | 'query'>;
  /** Ends it. */
  readonly interrupted: AbortSignal;
  /** Is told when the stream breaks, and when it goes on. */
  readonly say: (words: string) => void;
}
export interface Message {
  readonly id: string;
  /** Parsed JSON; undefined for a heartbeat. */
  readonly data: unknown;
}

/**
 * The messages of a stream of server-sent events, without an end: a broken stream is taken up again, on whichever node answers.
 * @throws Refused when a node refuses it for good; what `interrupted` says
 */
export async function* followed({ client, interrupted, next, say }: Following): AsyncGenerator<Message, never> {
  for (let isBroken = false; ; ) {
    const silence = new AbortController();
    const watch = (): NodeJS.Timeout => setTimeout(() => silence.abort(), silenceMs);
    let timer = watch();
    try {
      const { headers, ...call } = next();
      const response = await client.open({
        ...call,
        headers: { accept: 'text/event-stream', ...headers },
        signal: AbortSignal.any([silence.signal, interrupted]),
      });
      if (isBroken) say(`following again on ${client.url}`);
      isBroken = false;
      for await (const { data, id } of serverSentEvents(response.body ?? new ReadableStream())) {
        clearTimeout(timer);
        timer = watch();
        yield { id, data: data === '' ? undefined : JSON.parse(data) };
      }
    } catch (error) {
      interrupted.throwIfAborted();
      if (error instanceof Refused && !isPassing(error)) throw error;
      if (!isBroken) say(`the stream broke off${error instanceof NotReachable ? ` (${error.message})` : ''}; trying again`);
      isBroken = true;
    } finally {
      clearTimeout(timer);
    }
    await pause(retryMs, undefined, { signal: interrupted });
  }
}
