import { refusal } from './exit.ts';
import { followed } from './followedStream.ts';
import { grouped, renderSpan } from './moments.ts';
import { OperatorClient, type OperatorOptions } from './operatorClient.ts';
import { type Progress, startProgress } from './progress.ts';
import { type Move, type Rebalance, rebalanceOf } from './rebalance.ts';
import { harmless, styled, type Terminal, write } from './terminal.ts';

export interface WatchOptions extends OperatorOptions {
  readonly json?: boolean;
}

/**
 * `chancery rebalance watch [ID]`: how far it is, until it is over, on whichever node answers; without an id the newest.
 * @throws CommandFailure unless it was completed and every bucket was moved
 */
export async function watchRebalance(id: string | undefined, options: WatchOptions, terminal: Terminal): Promise<void> {
  const client = new OperatorClient(options, terminal);
  const first = await rebalanceOf(client, id);
  const interrupted = new AbortController();
  const onInterrupt = (): void => interrupted.abort();
  process.once('SIGINT', onInterrupt);
  const progress = options.json === true ? undefined : startProgress(terminal, first.rebalanceId, 'buckets');
  try {
    const last = await toItsEnd(client, first, interrupted.signal, options.json === true ? jsonTo(terminal) : barTo(progress), terminal);
    progress?.stop();
    await conclude(client, last, options, terminal);
  } catch (error) {
    if (!interrupted.signal.aborted) throw error;
    progress?.stop();
    const { rebalanceId } = first;
    throw refusal(
      `${rebalanceId} goes on`,
      `Watch it again: chancery rebalance watch ${rebalanceId}`,
      `Stop it: chancery rebalance cancel ${rebalanceId}`,
    );
  } finally {
    process.off('SIGINT', onInterrupt);
    progress?.stop();
  }
}

type Show = (rebalance: Rebalance) => Promise<void>;
const jsonTo =
  ({ out }: Terminal): Show =>
  (rebalance) =>
    write(out, `${JSON.stringify(rebalance)}\n`);
const barTo =
  (progress: Progress | undefined): Show =>
  async ({ copying, failed, finished, moveCount, moving, status }) => {
    const bytes =
      copying === undefined || copying.replicas === 0
        ? []
        : [`${renderBytes(copying.copiedBytes)} of ${renderBytes(copying.totalBytes)} being copied`];
    const note = [status, `${moving} moving`, ...(failed > 0 ? [`${failed} failed`] : []), ...bytes].join(' · ');
    progress?.update(finished + failed, moveCount, note);
  };

/** Follows a rebalance to its end. @throws what `interrupted` says */
async function toItsEnd(
  client: OperatorClient,
  first: Rebalance,
  interrupted: AbortSignal,
  show: Show,
  terminal: Terminal,
): Promise<Rebalance> {
  let last = first;
  if (last.endedAt !== undefined) return last;
  const path = `/v1/rebalances/${encodeURIComponent(first.rebalanceId)}/stream`;
  const next = () => ({ path, query: { atLeast: last.position } });
  const say = (words: string): boolean => terminal.err.write(`${words}\n`);
  for await (const { data } of followed({ client, next, interrupted, say })) {
    if (data === undefined) continue;
    last = data as Rebalance;
    await show(last);
    if (last.endedAt !== undefined) break;
  }
  return last;
}

const toldFailures = 100;
/** Of a bucket that was dropped the failure says all. */
const left = { ORIGINAL: '; it is as before', TARGET: '; it is as planned', GONE: '' } as const;

/** Says what became of it. @throws CommandFailure when that is not all that was wanted */
async function conclude(client: OperatorClient, last: Rebalance, { json }: WatchOptions, terminal: Terminal): Promise<void> {
  const { copiedBytes, endedAt, failed, failure, finished, moveCount, plannedAt, rebalanceId, startedAt, status } = last;
  const took = renderSpan((endedAt ?? plannedAt) - (startedAt ?? plannedAt));
  const copied = copiedBytes === 0 ? '' : `, ${renderBytes(copiedBytes)} copied`;
  const counts = `${grouped(finished)} of ${grouped(moveCount)} buckets moved in ${took}${copied}`;
  const failures = failed === 0 ? [] : await failuresOf(client, last);
  if (status === 'COMPLETED' && failed === 0) {
    if (json !== true) terminal.out.write(`${rebalanceId} ${styled(terminal.out, terminal.env, 'green', status)}: ${counts}\n`);
    return;
  }
  const why = failure === undefined ? '' : ` (${harmless(failure)})`;
  throw refusal(`${rebalanceId} ${status}${why}: ${counts}${failed === 0 ? '' : `, ${grouped(failed)} failed`}`, ...failures);
}

async function failuresOf(client: OperatorClient, { failed, position, rebalanceId }: Rebalance): Promise<readonly string[]> {
  const path = `/v1/rebalances/${encodeURIComponent(rebalanceId)}/moves`;
  const query = { status: 'FAILED', limit: toldFailures, atLeast: position };
  const { moves } = (await client.json({ path, query })) as { readonly moves: readonly Move[] };
  const lines = moves.map(({ bucket, failure = '', left: where }) => `${bucket}: ${failure}${where === undefined ? '' : left[where]}`);
  const rest = failed - moves.length;
  return rest > 0 ? [...lines, `and ${grouped(rest)} more: SELECT * FROM sys.rebalance_moves WHERE status = 'FAILED'`] : lines;
}

/** `512 B`, `1.2 MB`: three digits at most. */
export function renderBytes(bytes: number): string {
  const units = ['B', 'KB', 'MB', 'GB', 'TB'];
  let [value, unit] = [bytes, 0];
  while (value >= 999.5 && unit < units.length - 1) [value, unit] = [value / 1000, unit + 1];
  return `${unit === 0 || value >= 99.95 ? Math.round(value) : Math.round(value * 10) / 10} ${units[unit]}`;
}
