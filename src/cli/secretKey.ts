import { randomBytes } from 'node:crypto';
import { open, readFile } from 'node:fs/promises';
import { refusal } from './exit.ts';

/** Where the master key comes from. `mayMake`: a file that is missing is made. */
export type MasterKeySource = { readonly file: string; readonly mayMake: boolean } | { readonly hex: string };

/** 32 bytes; `isNew` when they were made just now. */
export interface SecretKey {
  readonly key: Buffer;
  readonly isNew: boolean;
}

/** 64 hex digits. */
export const secretKeyForm = /^[0-9a-fA-F]{64}$/;

/** @throws CommandFailure saying what is wrong with the file and what to do */
export const readMasterKey = async (source: MasterKeySource): Promise<SecretKey> =>
  'hex' in source ? { key: Buffer.from(source.hex, 'hex'), isNew: false } : await readSecretKey(source.file, source.mayMake);

/** The master key before the present one. @throws CommandFailure */
export const readPreviousKey = async (file: string): Promise<Buffer> =>
  (
    await readSecretKey(
      file,
      false,
      'Restore the file, or take previous-secret-key-file out of the settings: what that key alone sealed then stays sealed.',
    )
  ).key;

/**
 * The key in a file, 64 hex digits.
 * @param remedy what to do about a file that holds none
 * @param mayMake a file that is missing is made, with a new key that only this user may read.
 * @throws CommandFailure
 */
async function readSecretKey(file: string, mayMake: boolean, remedy?: string): Promise<SecretKey> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' && mayMake) return await makeSecretKey(file);
    const isMissing = code === 'ENOENT';
    const why = isMissing ? 'there is no such file' : message;
    throw refusal(`the secret key in ${file} cannot be read: ${why}`, remedy ?? (isMissing ? makeOne(file) : restoreIt));
  }
  if (secretKeyForm.test(text.trimEnd())) return { key: Buffer.from(text.trimEnd(), 'hex'), isNew: false };
  throw refusal(`${file} does not hold a secret key, which is 64 hex digits`, remedy ?? restoreIt);
}

/** A file that is there is never to be written over: what it held may still be found in it. */
const restoreIt = 'Give the file that holds the master key of this log, or restore it from its copy.';
const makeOne = (file: string): string =>
  `Restore the file. Only for a log without secrets make a new one: (umask 077; openssl rand -hex 32 > ${file}).`;

async function makeSecretKey(file: string): Promise<SecretKey> {
  const key = randomBytes(32);
  const handle = await open(file, 'wx', 0o600);
  try {
    await handle.writeFile(`${key.toString('hex')}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
  return { key, isNew: true };
}
