import { type Entry, UnreadableEntry } from '../../../events/envelope.ts';
import type { ChanceryEvent } from '../../../events/index.ts';
import type { SealedText } from '../../../events/kit.ts';
import { dataKeyRows } from '../../../projections/dataKeys.ts';
import { isSealedText } from '../../../projections/sealedTexts.ts';
import type { State } from '../../../projections/state.ts';
import { type KeyRing, SecretUnavailable, storageSubjects } from '../../secrets/port.ts';
import { secretSubject } from '../configCommand.ts';
import { decoded, type ReadTexts } from './timeline.ts';

/** What the keys at hand make of the sealed texts of a log. */
export interface SecretsVerdict {
  readonly opened: number;
  /** Sealed with keys that were shredded since: nothing opens them, as it should be. */
  readonly shredded: number;
  /** By key, those that do not open and should, with the first position; in log order. */
  readonly failed: readonly SecretsFault[];
}
export interface SecretsFault {
  readonly keyId: string;
  readonly count: number;
  readonly position: number;
  readonly why: string;
}
/** A sealed text and what it is bound to; undefined where nobody knows. */
interface Secret {
  readonly sealed: SealedText;
  readonly subject: string | undefined;
}

const runLength = 256;

/**
 * Opens every sealed text of a log, which `verifyLog` has found sound, with keys that know the tables at its end. What is opened is
 * looked at by nobody.
 * @param state the one at the end of the log. Rejects with what the source rejects with, or when the signal aborts.
 */
export async function verifySecrets(
  readTexts: ReadTexts,
  state: State,
  keys: Pick<KeyRing, 'open' | 'faultOf'>,
  signal?: AbortSignal,
): Promise<SecretsVerdict> {
  const tally = new Tally();
  let index = 0;
  while (index < state.index) {
    const texts = await readTexts(index, Math.min(runLength, state.index - index));
    if (texts.length === 0) break;
    for await (const entry of decoded(texts, signal)) {
      if (entry.index > state.index) break;
      openAll(entry, keys, tally);
      index = entry.index;
    }
  }
  if (index < state.index) throw new UnreadableEntry('MALFORMED', `the log ended at entry ${index} the second time it was read`);
  for (const { created, keyId, wrapped } of dataKeyRows(state.dataKeys)) {
    const fault = wrapped === undefined ? undefined : keys.faultOf(keyId);
    if (fault !== undefined) tally.fail(keyId, created.position, `it needs ${fault}`, 0);
  }
  return tally.verdict();
}

class Tally {
  opened = 0;
  readonly #shredded = new Set<string>();
  readonly #failed = new Map<string, { count: number; readonly position: number; readonly why: string }>();

  shred(keyId: string): void {
    this.#shredded.add(keyId);
  }

  fail(keyId: string, position: number, why: string, count = 1): void {
    const known = this.#failed.get(keyId);
    if (known === undefined) this.#failed.set(keyId, { count, position, why });
    else known.count += count;
  }

  verdict(): SecretsVerdict {
    const all = [...this.#failed].map(([keyId, fault]) => ({ keyId, ...fault }));
    const shredded = all.filter(({ keyId }) => this.#shredded.has(keyId)).reduce((sum, { count }) => sum + count, 0);
    const failed = all.filter(({ keyId }) => !this.#shredded.has(keyId)).sort((a, b) => a.position - b.position);
    return { opened: this.opened, shredded, failed };
  }
}

function openAll({ events, firstPosition }: Entry, keys: Pick<KeyRing, 'open'>, tally: Tally): void {
  for (const [i, event] of events.entries()) {
    if (event.type === 'DataKeyShredded') tally.shred(event.data.keyId);
    for (const { sealed, subject } of secretsOf(event)) {
      const why = subject === undefined ? 'this release does not know what it is bound to' : faultOf(keys, sealed, subject);
      if (why === undefined) tally.opened += 1;
      else tally.fail(sealed.keyId, firstPosition + i, why);
    }
  }
}

function faultOf(keys: Pick<KeyRing, 'open'>, sealed: SealedText, subject: string): string | undefined {
  try {
    keys.open(sealed, subject);
    return undefined;
  } catch (error) {
    if (error instanceof SecretUnavailable) return error.message;
    throw error;
  }
}

/** Every sealed text of an event but wrapped data keys: those are opened by another key each time the master key changes. */
export function* secretsOf(event: ChanceryEvent): Generator<Secret> {
  switch (event.type) {
    case 'DataKeyCreated':
    case 'DataKeysRewrapped':
      return;
    case 'LeadershipTaken':
      for (const [key, value] of Object.entries(event.data.staticConfigs)) yield* secretsOfConfig(key, value);
      return;
    case 'ClusterConfigsChanged':
      for (const { key, previous, value } of event.data.changes) {
        yield* secretsOfConfig(key, previous);
        yield* secretsOfConfig(key, value);
      }
      return;
    default:
      yield* secretsIn(event.data, '');
  }
}

function* secretsOfConfig(key: string, value: object): Generator<Secret> {
  if ('entries' in value)
    for (const [name, sealed] of Object.entries(value.entries as Record<string, SealedText>))
      yield { sealed, subject: secretSubject(key, name) };
}

function* secretsIn(value: unknown, name: string): Generator<Secret> {
  if (typeof value !== 'object' || value === null) return;
  if (isSealedText(value)) yield { sealed: value, subject: name === 'ak' || name === 'sk' ? storageSubjects[name] : undefined };
  else for (const [key, part] of Object.entries(value)) yield* secretsIn(part, key);
}
