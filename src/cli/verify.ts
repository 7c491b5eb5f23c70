import { UnreadableEntry } from '../../events/envelope.ts';
import { ReplayFault, stateHash } from '../../projections/kit.ts';
import type { State } from '../../projections/state.ts';
import { verifyLog } from '../engine/history/verify.ts';
import type { EntrySource } from './entrySource.ts';
import { CommandFailure, exitStatus, refusal } from './exit.ts';
import type { Implementations } from './implementations.ts';
import { grouped, renderTime } from './moments.ts';
import { openSource, type SourceOptions } from './openSource.ts';
import { startProgress } from './progress.ts';
import type { Terminal } from './terminal.ts';

/** A log that was read to its end, or up to the first position that cannot be believed. */
export type Verdict =
  | { readonly kind: 'sound'; readonly state: State }
  | { readonly kind: 'broken'; readonly position: number; readonly reason: string };

/** Checks every entry: see `verifyLog`. @param onSound gets the texts that were found sound, in order. */
export async function verifySource(
  source: EntrySource,
  terminal: Terminal,
  onSound: (texts: readonly string[]) => Promise<void> = async () => {},
): Promise<Verdict> {
  const progress = startProgress(terminal, `verifying ${source.name}`, source.unit);
  let sound = 0;
  try {
    return await verifyLog((after, limit) => source.read(after, limit), {
      onSound,
      onProgress: (verified) => {
        sound = verified.position;
        const done = source.upTo(verified);
        progress.update(done, Math.max(source.total, done));
      },
    });
  } catch (error) {
    // The file or the disk says of itself that it is damaged from here on.
    if (error instanceof CommandFailure && error.status === exitStatus.refused)
      return { kind: 'broken', position: sound + 1, reason: error.message };
    throw error;
  } finally {
    progress.stop();
  }
}

/** Whether the log is at fault: an entry, or the file or disk that says of itself that it is damaged from here on. */
export const isOfTheLog = (error: unknown): error is Error =>
  error instanceof UnreadableEntry ||
  error instanceof ReplayFault ||
  (error instanceof CommandFailure && error.status === exitStatus.refused);

/** `chancery verify`. @throws CommandFailure naming the first bad position */
export async function verify(
  options: SourceOptions & { readonly json?: boolean },
  parts: Implementations,
  terminal: Terminal,
): Promise<void> {
  const source = await openSource(options, parts, terminal);
  const verdict = await verifySource(source, terminal);
  await source.close();
  const say = (answer: object): boolean => terminal.out.write(`${JSON.stringify(answer)}\n`);
  if (verdict.kind === 'broken') {
    if (options.json === true) say({ sound: false, position: verdict.position, why: verdict.reason });
    throw brokenAt(verdict.position, verdict.reason);
  }
  const { at, hash, index, position } = verdict.state;
  const stateDigest = stateHash(verdict.state);
  if (options.json === true) say({ sound: true, position, entries: index, at, hash, stateHash: stateDigest });
  else if (index === 0) terminal.out.write(`${source.name} is empty: there is nothing in it that could be wrong\n`);
  else {
    const counts = `${grouped(position)} ${position === 1 ? 'event' : 'events'} in ${grouped(index)} ${index === 1 ? 'entry' : 'entries'}`;
    terminal.out.write(`sound: ${counts}, the last of ${renderTime(at, Date.now())}\nchain ${hash}\nstate ${stateDigest}\n`);
  }
}

/** What to say of a log that cannot be believed from a position on. */
export function brokenAt(position: number, why: string): CommandFailure {
  const before = position > 1 ? 'Everything before it holds. ' : '';
  return refusal(
    `broken at position ${grouped(position)}: ${why}`,
    `${before}Restore the log from a copy that "chancery verify" finds sound.`,
  );
}
