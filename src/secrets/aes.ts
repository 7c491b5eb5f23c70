import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from 'node:crypto';
import type { SealedText } from '../../events/kit.ts';
import type { Sealer } from './port.ts';

/** A 256-bit data key under the name that sealed texts carry. */
export interface DataKey {
  readonly keyId: string;
  readonly key: Buffer;
}

const nonceBytes = 12;
const tagBytes = 16;

/**
 * The data key that follows from a shared secret, the same on every node: HKDF-SHA256. The secret's strength is the key's.
 * @throws RangeError for an empty secret
 */
export function keyFromSecret(secret: string): Buffer {
  if (secret === '') throw new RangeError('an empty secret gives no key');
  return Buffer.from(hkdfSync('sha256', secret, '', 'chancery/sealed-values/v1', 32));
}

/**
 * AES-256-GCM; the subject is additional data. Nonces are random, or for a repeatable text made from the key and all that it
 * says, so that they are equal only where the whole ciphertext is.
 * @param keys all that may open; at most one for each id.
 * @param current the id of the key that seals.
 * @throws RangeError for a key of another size, an id given twice, or a current one that is not among them
 */
export function createSealer(keys: readonly DataKey[], current: string): Sealer {
  const byId = new Map(keys.map(({ keyId, key }) => [keyId, key]));
  if (byId.size !== keys.length) throw new RangeError('two data keys have the same id');
  for (const [keyId, key] of byId)
    if (key.length !== 32) throw new RangeError(`data key '${keyId}' has ${key.length} bytes, 32 are needed`);
  const sealing = byId.get(current);
  if (sealing === undefined) throw new RangeError(`the current data key '${current}' is not among those given`);
  const fingerprintKey = Buffer.from(hkdfSync('sha256', sealing, '', 'chancery/sealed-values/fingerprint/v1', 32));
  return {
    seal: (text, subject, repeatable) => sealWith({ keyId: current, key: sealing }, text, subject, repeatable),
    sealComparable: (text, subject, repeatable) => ({
      ...sealWith({ keyId: current, key: sealing }, text, subject, repeatable),
      fingerprint: createHmac('sha256', fingerprintKey).update(text, 'utf8').digest('base64'),
    }),
    open: (sealed, subject) => openWith(byId.get(sealed.keyId), sealed, subject),
  };
}

function sealWith({ keyId, key }: DataKey, text: string, subject: string, repeatable: string | undefined): SealedText {
  const nonce = repeatable === undefined ? randomBytes(nonceBytes) : nonceFor(key, [repeatable, subject, text]);
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(subject, 'utf8'));
  const ciphertext = Buffer.concat([cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]);
  return { keyId, nonce: nonce.toString('base64'), ciphertext: ciphertext.toString('base64') };
}

/** JSON keeps the parts apart; a key of its own keeps the nonce from telling anything about the sealing key. */
function nonceFor(key: Buffer, parts: readonly string[]): Buffer {
  const nonceKey = Buffer.from(hkdfSync('sha256', key, '', 'chancery/sealed-values/nonce/v1', 32));
  return createHmac('sha256', nonceKey).update(JSON.stringify(parts)).digest().subarray(0, nonceBytes);
}

function openWith(key: Buffer | undefined, { keyId, nonce, ciphertext }: SealedText, subject: string): string {
  if (key === undefined) throw new Error(`${subject} is sealed with data key '${keyId}', which this node does not have`);
  const bytes = Buffer.from(ciphertext, 'base64');
  const [iv, body, tag] = [Buffer.from(nonce, 'base64'), bytes.subarray(0, -tagBytes), bytes.subarray(-tagBytes)];
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, iv, { authTagLength: tagBytes })
      .setAAD(Buffer.from(subject, 'utf8'))
      .setAuthTag(tag);
    return Buffer.concat([decipher.update(body), decipher.final()]).toString('utf8');
  } catch {
    // The cause is left out on purpose: it could carry parts of what was opened.
    throw new Error(`${subject} cannot be opened with data key '${keyId}': the key is another one, or the sealed text was changed`);
  }
}
