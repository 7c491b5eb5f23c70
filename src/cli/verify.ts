import { UnreadableEntry } from '../../events/envelope.ts';
import { ReplayFault, stateHash } from '../../projections/kit.ts';
import { sealedValues } from '../../projections/sealedTexts.ts';
import type { State } from '../../projections/state.ts';
import { dataKeyTable } from '../engine/dataKeys.ts';
import { verifyLog } from '../engine/history/verify.ts';
import { type SecretsFault, type SecretsVerdict, verifySecrets } from '../engine/history/verifySecrets.ts';
import type { EntrySource } from './entrySource.ts';
import { CommandFailure, exitStatus, refusal, wrongUsage } from './exit.ts';
import type { Implementations, MasterKeys } from './implementations.ts';
import { grouped, renderTime } from './moments.ts';
import { openSource, type SourceOptions } from './openSource.ts';
import { startProgress } from './progress.ts';
import { secretKeyForm } from './secretKey.ts';
import { type Terminal, waiting } from './terminal.ts';

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

type VerifyOptions = SourceOptions & { readonly json?: boolean; readonly secretKeyFile?: string };

/** `chancery verify`. @throws CommandFailure naming the first bad position, or the first secret that does not open */
export async function verify(options: VerifyOptions, parts: Implementations, terminal: Terminal): Promise<void> {
  const { secrets, source, verdict } = await verified(options, parts, terminal);
  const say = (answer: object): boolean => terminal.out.write(`${JSON.stringify(answer)}\n`);
  if (verdict.kind === 'broken') {
    if (options.json === true) say({ sound: false, position: verdict.position, why: verdict.reason });
    throw brokenAt(verdict.position, verdict.reason);
  }
  const { at, hash, index, position } = verdict.state;
  const stateDigest = stateHash(verdict.state);
  if (options.json === true)
    say({ sound: true, position, entries: index, at, hash, stateHash: stateDigest, ...(secrets === undefined ? {} : { secrets }) });
  else if (index === 0) terminal.out.write(`${source.name} is empty: there is nothing in it that could be wrong\n`);
  else {
    const aboutSecrets = secretsLine(verdict.state, secrets);
    const counts = `${grouped(position)} ${position === 1 ? 'event' : 'events'} in ${grouped(index)} ${index === 1 ? 'entry' : 'entries'}`;
    terminal.out.write(`sound: ${counts}, the last of ${renderTime(at, Date.now())}\nchain ${hash}\nstate ${stateDigest}\n${aboutSecrets}`);
  }
  const [first] = secrets?.failed ?? [];
  if (first !== undefined) throw unopened(secrets?.failed ?? [], first);
}

/** Reads the log once, and once more when there is a key that its secrets should open with. */
async function verified(
  options: VerifyOptions,
  parts: Implementations,
  terminal: Terminal,
): Promise<{ readonly source: Pick<EntrySource, 'name'>; readonly verdict: Verdict; readonly secrets?: SecretsVerdict }> {
  const masterKeys = masterKeysAt(options, terminal.env);
  const source = await openSource(options, parts, terminal);
  try {
    const verdict = await verifySource(source, terminal);
    if (verdict.kind === 'broken' || masterKeys === undefined) return { source, verdict };
    const { state } = verdict;
    const keys = await parts.openSealer(
      masterKeys,
      dataKeyTable(() => state),
      await parts.createLogger('error'),
    );
    const opening = verifySecrets((after, limit) => source.read(after, limit), state, keys);
    return { source, verdict, secrets: await waiting(terminal, 'opening the secrets', opening) };
  } finally {
    await source.close();
  }
}

/** The master keys that this command was told of. The place where a node keeps its own is not guessed. @throws CommandFailure */
function masterKeysAt({ secretKeyFile }: VerifyOptions, env: Terminal['env']): MasterKeys | undefined {
  const file = secretKeyFile ?? env['CHANCERY_SECRET_KEY_FILE'];
  const hex = env['CHANCERY_SECRET_KEY'];
  const previousFile = env['CHANCERY_PREVIOUS_SECRET_KEY_FILE'];
  const clusterSecret = env['CHANCERY_CLUSTER_SECRET'];
  if (file === undefined && hex !== undefined && !secretKeyForm.test(hex))
    throw wrongUsage('CHANCERY_SECRET_KEY is not 64 hex digits', 'Give the master key of the log, or take the variable away.');
  const current = file !== undefined ? { file, mayMake: false } : hex !== undefined ? { hex } : undefined;
  if (current === undefined && clusterSecret === undefined) return undefined;
  return {
    ...(current === undefined ? {} : { current }),
    ...(previousFile === undefined ? {} : { previousFile }),
    ...(clusterSecret === undefined ? {} : { clusterSecret }),
  };
}

function secretsLine(state: State, secrets: SecretsVerdict | undefined): string {
  if (secrets === undefined) {
    const hasSecrets = state.dataKeys.live > 0 || sealedValues(state).size > 0;
    return hasSecrets ? 'secrets not looked at: give --secret-key-file to see that they open\n' : '';
  }
  const { failed, opened, shredded } = secrets;
  const lost = failed.reduce((sum, { count }) => sum + count, 0);
  const parts = [`${grouped(opened)} open`, `${grouped(shredded)} shredded`, ...(lost === 0 ? [] : [`${grouped(lost)} do not open`])];
  return `secrets ${parts.join(', ')}\n`;
}

function unopened(failed: readonly SecretsFault[], { position, why }: SecretsFault): CommandFailure {
  const keys = failed.length === 1 ? '' : `; ${failed.length} keys are concerned: ${failed.map(({ keyId }) => keyId).join(', ')}`;
  return refusal(
    `secrets do not open from position ${grouped(position)} on: ${why}${keys}`,
    'The log is sound, the keys at hand are not all of its keys. Give the master key of the cluster, and the one before it with',
    'CHANCERY_PREVIOUS_SECRET_KEY_FILE; see docs/secrets.md.',
  );
}

/** What to say of a log that cannot be believed from a position on. */
export function brokenAt(position: number, why: string): CommandFailure {
  const before = position > 1 ? 'Everything before it holds. ' : '';
  return refusal(
    `broken at position ${grouped(position)}: ${why}`,
    `${before}Restore the log from a copy that "chancery verify" finds sound.`,
  );
}
