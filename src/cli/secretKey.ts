import { createHash, randomBytes } from 'node:crypto';
import { open, readFile } from 'node:fs/promises';
import { refusal } from './exit.ts';

export interface SecretKey {
  /** Follows from the key: what another key sealed is not mistaken for its own. */
  readonly keyId: string;
  readonly key: Buffer;
  readonly isNew: boolean;
}

export const namedKey = (key: Buffer, isNew = false): SecretKey => ({
  keyId: createHash('sha256').update('chancery/key-id/v1').update(key).digest('hex').slice(0, 16),
  key,
  isNew,
});

/**
 * The key in a file, 64 hex digits.
 * @param mayMake a file that is missing is made, with a new key that only this user may read.
 * @throws CommandFailure
 */
export async function readSecretKey(file: string, mayMake: boolean): Promise<SecretKey> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' && mayMake) return await makeSecretKey(file);
    throw refusal(`the secret key in ${file} cannot be read: ${code === 'ENOENT' ? 'there is no such file' : message}`, makeOne(file));
  }
  if (/^[0-9a-fA-F]{64}\s*$/.test(text)) return namedKey(Buffer.from(text.trim(), 'hex'));
  throw refusal(`${file} does not hold a secret key, which is 64 hex digits`, makeOne(file));
}

const makeOne = (file: string): string =>
  `Restore the file, or make a new key: (umask 077; openssl rand -hex 32 > ${file}). What was sealed with another key stays sealed.`;

async function makeSecretKey(file: string): Promise<SecretKey> {
  const key = randomBytes(32);
  const handle = await open(file, 'wx', 0o600);
  try {
    await handle.writeFile(`${key.toString('hex')}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
  return namedKey(key, true);
}
