import { decodeEntry, UnreadableEntry } from '../../events/envelope.ts';
import { ReplayFault, stateHash } from '../../projections/kit.ts';
import { bulkFold, type State } from '../../projections/state.ts';
import { type EntrySource, textsOf } from './entrySource.ts';
import { CommandFailure, exitStatus, refusal } from './exit.ts';
import type { Implementations } from './implementations.ts';
import { grouped, renderTime } from './moments.ts';
import { openSource, type SourceOptions } from './openSource.ts';
import { startProgress } from './progress.ts';
import type { Terminal } from './terminal.ts';

/** A log that was read to its end, or up to the first position that cannot be believed. `state` is that before it. */
export type Verdict =
  | { readonly kind: 'sound'; readonly state: State }
  | { readonly kind: 'broken'; readonly state: State; readonly position: number; readonly why: string };

/**
 * Checks every entry: form, hash, chain, schemas, and that the fold accepts it.
 * @param onSound gets the texts that were found sound, in order.
 */
export async function verifySource(
  source: EntrySource,
  terminal: Terminal,
  onSound: (texts: readonly string[]) => Promise<void> = async () => {},
): Promise<Verdict> {
  const progress = startProgress(terminal, `verifying ${source.name}`, source.unit);
  const fold = bulkFold();
  let position = 0;
  try {
    for await (const { texts, done } of textsOf(source)) {
      for (const text of texts) {
        fold.add([decodeEntry(text)]);
        position = fold.position;
      }
      await onSound(texts);
      progress.update(done, Math.max(source.total, done));
    }
    return { kind: 'sound', state: fold.finish() };
  } catch (error) {
    if (!isOfTheLog(error)) throw error;
    const at = error instanceof ReplayFault ? (error.position ?? position + 1) : position + 1;
    return { kind: 'broken', state: fold.finish(), position: at, why: error.message.replace(/^position \d+:? /, '') };
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
    if (options.json === true) say({ sound: false, position: verdict.position, why: verdict.why });
    throw brokenAt(verdict.position, verdict.why);
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
