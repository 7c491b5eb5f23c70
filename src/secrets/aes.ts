import { createCipheriv, createDecipheriv, createHash, createHmac, hkdfSync, randomBytes } from 'node:crypto';
import type { SealedText } from '../../events/kit.ts';
import { type DataKeyTable, type KeyRing, SecretUnavailable } from './port.ts';

/** A 256-bit key under the name that sealed texts carry. */
export interface NamedKey {
  readonly keyId: string;
  readonly key: Buffer;
}

const nonceBytes = 12;
const tagBytes = 16;
/** Unwrapped keys that are kept: as many as can be live at once. */
const unwrappedKeys = 256;

/**
 * The master key that follows from a shared secret, the same on every node: HKDF-SHA256. The secret's strength is the key's.
 * @throws RangeError for an empty secret
 */
export function keyFromSecret(secret: string): Buffer {
  if (secret === '') throw new RangeError('an empty secret gives no key');
  return derived(Buffer.from(secret, 'utf8'), 'chancery/sealed-values/v1');
}

/** A key with the id that follows from it: what another key sealed is not mistaken for its own. */
export const namedKey = (key: Buffer): NamedKey => ({
  keyId: createHash('sha256').update('chancery/key-id/v1').update(key).digest('hex').slice(0, 16),
  key,
});

const noDataKeys: DataKeyTable = { sealingKey: () => undefined, find: () => undefined, live: () => [] };

/**
 * AES-256-GCM; the subject is additional data. Nonces are random, or for a repeatable text made from the key and all that it
 * says, so that they are equal only where the whole ciphertext is. Texts are sealed with the data key that the log says, before
 * there is one with the master key; fingerprints follow from the master key, whatever the data key (decision 0015).
 * @param masters the master keys at hand, all of which open; at most one for each id.
 * @param wrapping the id of the one that wraps data keys.
 * @throws RangeError for a key of another size, an id given twice, or a wrapping one that is not among them
 */
export function createSealer(masters: readonly NamedKey[], wrapping: string, table: DataKeyTable = noDataKeys): KeyRing {
  const byId = new Map(masters.map(({ keyId, key }) => [keyId, key]));
  if (byId.size !== masters.length) throw new RangeError('two master keys have the same id');
  for (const [keyId, key] of byId)
    if (key.length !== 32) throw new RangeError(`master key '${keyId}' has ${key.length} bytes, 32 are needed`);
  const key = byId.get(wrapping);
  if (key === undefined) throw new RangeError(`the master key '${wrapping}' that wraps is not among those given`);
  return new AesKeyRing(byId, { keyId: wrapping, key }, table);
}

class AesKeyRing implements KeyRing {
  readonly #masters: ReadonlyMap<string, Buffer>;
  readonly #master: NamedKey;
  readonly #table: DataKeyTable;
  readonly #fingerprintKey: Buffer;
  readonly #unwrapped = new Map<string, Buffer>();

  constructor(masters: ReadonlyMap<string, Buffer>, master: NamedKey, table: DataKeyTable) {
    this.#masters = masters;
    this.#master = master;
    this.#table = table;
    this.#fingerprintKey = derived(master.key, 'chancery/sealed-values/fingerprint/v1');
  }

  get masterKeyId(): string {
    return this.#master.keyId;
  }

  seal(text: string, subject: string, repeatable?: string): SealedText {
    return sealWith(this.#sealingKey(repeatable), text, subject, repeatable);
  }

  sealComparable(text: string, subject: string, repeatable?: string) {
    const fingerprint = createHmac('sha256', this.#fingerprintKey).update(text, 'utf8').digest('base64');
    return { ...this.seal(text, subject, repeatable), fingerprint };
  }

  open(sealed: SealedText, subject: string): string {
    const key = this.#keyOf(sealed.keyId);
    if (typeof key === 'string') throw new SecretUnavailable(`${subject} is sealed with ${key}`);
    const opened = openWith(key, sealed, subject);
    if (opened !== undefined) return opened.toString('utf8');
    const why = 'the key is another one, or the sealed text was changed';
    throw new SecretUnavailable(`${subject} cannot be opened with data key '${sealed.keyId}': ${why}`);
  }

  newDataKey(repeatable?: string) {
    const made = repeatable === undefined ? randomBytes(32) : derived(this.#master.key, `chancery/data-key/v1/${repeatable}`);
    return this.#wrap(namedKey(made), repeatable);
  }

  rewrapped(repeatable?: string) {
    return this.#table
      .live()
      .filter(({ wrapped }) => wrapped.keyId !== this.#master.keyId)
      .map(({ keyId }) => {
        const key = this.#keyOf(keyId);
        if (typeof key === 'string') throw new SecretUnavailable(`it cannot be rewrapped: ${key}`);
        return this.#wrap({ keyId, key }, repeatable);
      });
  }

  faultOf(keyId: string): string | undefined {
    const key = this.#keyOf(keyId);
    return typeof key === 'string' ? key : undefined;
  }

  #wrap({ key, keyId }: NamedKey, repeatable: string | undefined) {
    return { keyId, wrapped: sealWith(this.#master, key, wrapSubject(keyId), repeatable) };
  }

  #sealingKey(repeatable: string | undefined): NamedKey {
    const keyId = this.#table.sealingKey(repeatable);
    if (keyId === undefined) return this.#master;
    const key = this.#keyOf(keyId);
    if (typeof key === 'string') throw new SecretUnavailable(`nothing can be sealed with ${key}`);
    return { keyId, key };
  }

  /** @returns the key, or a text that names it and says why it cannot be had. */
  #keyOf(keyId: string): Buffer | string {
    const found = this.#table.find(keyId);
    if (found === undefined)
      return this.#masters.get(keyId) ?? `key '${keyId}', which is neither a data key of this log nor a master key of this node`;
    if ('shreddedAt' in found) {
      this.#unwrapped.get(keyId)?.fill(0);
      this.#unwrapped.delete(keyId);
      return `data key '${keyId}', which was shredded at position ${found.shreddedAt}`;
    }
    const kept = this.#unwrapped.get(keyId);
    if (kept !== undefined) return kept;
    const { wrapped } = found;
    const master = this.#masters.get(wrapped.keyId);
    if (master === undefined) return `data key '${keyId}', which is under master key '${wrapped.keyId}', which this node does not have`;
    const key = openWith(master, wrapped, wrapSubject(keyId));
    if (key === undefined || namedKey(key).keyId !== keyId)
      return `data key '${keyId}', which master key '${wrapped.keyId}' does not open: the wrapped key was changed`;
    this.#keep(keyId, key);
    return key;
  }

  #keep(keyId: string, key: Buffer): void {
    const [oldest] = this.#unwrapped.keys();
    if (this.#unwrapped.size >= unwrappedKeys && oldest !== undefined) this.#unwrapped.delete(oldest);
    this.#unwrapped.set(keyId, key);
  }
}

const wrapSubject = (keyId: string): string => `data-key/${keyId}`;
const derived = (key: Buffer, info: string): Buffer => Buffer.from(hkdfSync('sha256', key, '', info, 32));

function sealWith({ keyId, key }: NamedKey, secret: string | Buffer, subject: string, repeatable: string | undefined): SealedText {
  const nonce = repeatable === undefined ? randomBytes(nonceBytes) : nonceFor(key, repeatable, subject, secret);
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(subject, 'utf8'));
  const ciphertext = Buffer.concat([cipher.update(Buffer.from(secret)), cipher.final(), cipher.getAuthTag()]);
  return { keyId, nonce: nonce.toString('base64'), ciphertext: ciphertext.toString('base64') };
}

/** JSON keeps the parts apart; a key of its own keeps the nonce from telling anything about the sealing key. */
function nonceFor(key: Buffer, repeatable: string, subject: string, secret: string | Buffer): Buffer {
  const nonceKey = derived(key, 'chancery/sealed-values/nonce/v1');
  const text = typeof secret === 'string' ? secret : secret.toString('hex');
  return createHmac('sha256', nonceKey)
    .update(JSON.stringify([repeatable, subject, text]))
    .digest()
    .subarray(0, nonceBytes);
}

/** @returns undefined when it cannot be opened: the cause is left out on purpose, it could carry parts of what was opened. */
function openWith(key: Buffer, { nonce, ciphertext }: SealedText, subject: string): Buffer | undefined {
  const bytes = Buffer.from(ciphertext, 'base64');
  const [iv, body, tag] = [Buffer.from(nonce, 'base64'), bytes.subarray(0, -tagBytes), bytes.subarray(-tagBytes)];
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, iv, { authTagLength: tagBytes })
      .setAAD(Buffer.from(subject, 'utf8'))
      .setAuthTag(tag);
    return Buffer.concat([decipher.update(body), decipher.final()]);
  } catch {
    return undefined;
  }
}
