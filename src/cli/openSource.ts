import { LogRefused, LogUnavailable } from '../log/port.ts';
import type { EntrySource } from './entrySource.ts';
import { CommandFailure, exitStatus, refusal, wrongUsage } from './exit.ts';
import { openExportedFile } from './exportedFile.ts';
import type { Implementations } from './implementations.ts';
import { NotReachable, OperatorClient, type OperatorOptions } from './operatorClient.ts';
import { parseLogUrl } from './settings.ts';
import { type Terminal, waiting } from './terminal.ts';

export interface SourceOptions extends OperatorOptions {
  readonly file?: string;
  readonly log?: string;
}

/** The log that was asked for: an exported file, a log read directly, else a live node's. @throws CommandFailure, NotReachable, Refused */
export async function openSource(options: SourceOptions, parts: Implementations, terminal: Terminal): Promise<EntrySource> {
  const { file, log } = options;
  if (file !== undefined) return await openExportedFile(file);
  if (log !== undefined) return await openLogSource(log, parts, terminal);
  return await openLiveSource(options, terminal);
}

async function openLiveSource(options: OperatorOptions, terminal: Terminal): Promise<EntrySource> {
  const client = new OperatorClient(options, terminal);
  const { position } = (await client.json({ path: '/v1/status' })) as { readonly position: number };
  return {
    name: client.url,
    unit: 'positions',
    total: position,
    upTo: ({ position: reached }) => reached,
    read: async (after, limit) => {
      const response = await client.open({ path: '/v1/log', query: { after, limit } });
      try {
        return (await response.text()).split('\n').filter((line) => line !== '');
      } catch (error) {
        throw new NotReachable(`${client.url} broke off its answer: ${error instanceof Error ? error.message : String(error)}`, false);
      }
    },
    close: async () => {},
  };
}

async function openLogSource(text: string, parts: Implementations, terminal: Terminal): Promise<EntrySource> {
  const url = logUrlOf(text);
  const log = await opened(waiting(terminal, `opening ${url.text}`, parts.readLog(url)));
  // A damage hides where the log ends: then it is as long as what is read.
  const total = await log.head().then(
    (head) => head.position,
    () => 0,
  );
  return {
    name: url.text,
    unit: 'positions',
    total,
    upTo: ({ position }) => position,
    read: (after, limit) => opened(waiting(terminal, `reading ${url.text}`, log.read(after, limit))),
    close: () => log.close(),
  };
}

/** The log that --log names. @throws CommandFailure */
export function logUrlOf(text: string): NonNullable<ReturnType<typeof parseLogUrl>> {
  const url = parseLogUrl(text, process.cwd());
  if (url !== undefined) return url;
  throw wrongUsage(`--log '${text}' is no log`, 'Give file:DIR or zookeeper://HOST:PORT/ROOT.');
}

/** A log that cannot be used, or not now, in words. */
export async function opened<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof LogRefused) throw refusal(error.message);
    if (error instanceof LogUnavailable) throw new CommandFailure(exitStatus.unreachable, error.message);
    throw error;
  }
}
