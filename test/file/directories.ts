import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { type FileLogOptions, type OpenedFileLog, openFileLog } from '../../src/log/file/open.ts';

/** A directory of its own for the running test, removed afterwards. */
export async function temporaryDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'chancery-file-'));
  onTestFinished(() => rm(directory, { recursive: true }));
  return directory;
}

/** Opens a log that is closed when the test ends, if it was not before. */
export async function opened(directory: string, options?: FileLogOptions): Promise<OpenedFileLog> {
  const result = await openFileLog(directory, options);
  onTestFinished(() => result.log.close());
  return result;
}

/** Every file's name and bytes, to see that nothing was changed. */
export async function contentsOf(directory: string): Promise<Record<string, string>> {
  const names = (await readdir(directory)).filter((name) => !name.startsWith('lock')).toSorted();
  return Object.fromEntries(await Promise.all(names.map(async (name) => [name, await readFile(join(directory, name), 'base64')] as const)));
}
