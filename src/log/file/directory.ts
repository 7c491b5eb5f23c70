import { mkdir, readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { lockFiles } from '../../files/directoryLock.ts';
import { replaceFile, syncDirectory } from '../../files/disk.ts';
import { LogRefused } from '../port.ts';

/** The form of the directory that this release writes and reads. */
const formatNumber = 1;

/** @param directory an absolute path. */
export async function makeDirectory(directory: string): Promise<void> {
  const made = await mkdir(directory, { recursive: true });
  if (made === undefined) return;
  for (let at = directory; at.length >= made.length; at = dirname(at)) await syncDirectory(dirname(at));
}

/** Writes the format into a new directory. @throws LogRefused when the directory holds something else. */
export async function claimFormat(directory: string): Promise<void> {
  if (await hasFormat(directory)) return;
  const own = new Set<string>([...lockFiles, 'format.next']);
  const others = (await readdir(directory)).filter((name) => !own.has(name) && !name.startsWith('lock'));
  if (others.length > 0)
    throw new LogRefused(
      `${directory} is not a log: it holds '${others[0]}' and no file 'format'. Give an empty directory, or that of a log`,
    );
  await replaceFile(directory, 'format', `chancery-log ${formatNumber}\n`);
}

/** Whether there is a log. @throws LogRefused when it is one that this release cannot read. */
export async function hasFormat(directory: string): Promise<boolean> {
  const text = await readOptional(directory, 'format');
  if (text === undefined) return false;
  const [, number] = /^chancery-log (\d+)\n$/.exec(text) ?? [];
  if (number === undefined) throw new LogRefused(`${join(directory, 'format')} is damaged: restore it from a copy of the directory`);
  if (Number(number) > formatNumber)
    throw new LogRefused(`the log in ${directory} has format ${number}, this release reads format ${formatNumber}: start a newer Chancery`);
  return true;
}

/** The newest epoch that was raised, undefined when the file is missing. @throws LogRefused when it is not a number. */
export async function readEpoch(directory: string): Promise<number | undefined> {
  const text = await readOptional(directory, 'epoch');
  if (text === undefined) return undefined;
  if (/^\d{1,15}\n$/.test(text)) return Number(text);
  throw new LogRefused(`${join(directory, 'epoch')} is damaged: remove it, and the epoch goes on behind that of the newest entry`);
}

export const writeEpoch = (directory: string, epoch: number): Promise<void> => replaceFile(directory, 'epoch', `${epoch}\n`);

/** A segment file is named after the index of its first entry. */
export const segmentName = (firstIndex: number): string => `segment-${String(firstIndex).padStart(8, '0')}.log`;

/** The first indexes of the segments in a directory, ascending. */
export async function listSegments(directory: string): Promise<number[]> {
  const indexes = (await readdir(directory)).flatMap((name) => /^segment-(\d{8,15})\.log$/.exec(name)?.[1] ?? []);
  return indexes.map(Number).toSorted((a, b) => a - b);
}

async function readOptional(directory: string, name: string): Promise<string | undefined> {
  try {
    return await readFile(join(directory, name), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
