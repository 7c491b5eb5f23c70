import { resolve } from 'node:path';
import { DirectoryNotLocked, lockDirectory } from '../../files/directoryLock.ts';
import { type Disk, realDisk } from '../../files/disk.ts';
import type { Membership } from '../../ports/membership.ts';
import { type EventLog, LogRefused } from '../port.ts';
import { claimFormat, hasFormat, makeDirectory, readEpoch, writeEpoch } from './directory.ts';
import { FileLog } from './log.ts';
import { SoleMembership } from './membership.ts';
import { FileLogReader } from './reader.ts';
import { Segments } from './segments.ts';

export interface FileLogOptions {
  /** Reads without the lock, also while another process writes; changes nothing. */
  readonly readOnly?: boolean;
  /** After this many milliseconds a call that the disk has not answered settles; 5,000 when absent. */
  readonly timeoutMs?: number;
  /** Where the segments are; for tests of failing disks. */
  readonly disk?: Disk;
}

export interface OpenedFileLog {
  readonly log: EventLog;
  /** This process alone; the leader unless the log was opened for reading only. */
  readonly membership: Membership;
  /** What the opening found and did, for the operator: a torn write that was cut off, a missing epoch file. */
  readonly notices: readonly string[];
}

/**
 * Opens the embedded log in a directory, which is made when it is missing. Each opening for writing raises the epoch by one:
 * whatever an earlier process had in flight is fenced.
 * @throws LogRefused when another process holds it, a file is damaged, the directory is something else, or its format is newer.
 */
export async function openFileLog(directory: string, options: FileLogOptions = {}): Promise<OpenedFileLog> {
  const path = resolve(directory);
  const segments = new Segments(path, options.disk ?? realDisk);
  const timeoutMs = options.timeoutMs ?? 5000;
  if (options.readOnly === true) {
    if (!(await exists(path))) throw new LogRefused(`there is no log in ${path}: check the directory's name`);
    await segments.look();
    return { log: new FileLogReader(segments, timeoutMs), membership: new SoleMembership(false), notices: [] };
  }
  await makeDirectory(path);
  const unlock = lock(path);
  try {
    await claimFormat(path);
    const notices = await segments.repair(await segments.look());
    const epoch = await nextEpoch(path, segments, notices);
    const log = new FileLog({ segments, epoch, timeoutMs, unlock, writeEpoch: (newer) => writeEpoch(path, newer) });
    return { log, membership: new SoleMembership(true), notices };
  } catch (error) {
    await segments.close();
    unlock();
    throw error;
  }
}

function lock(path: string): () => void {
  try {
    return lockDirectory(path, 'the log');
  } catch (error) {
    throw error instanceof DirectoryNotLocked ? new LogRefused(error.message) : error;
  }
}

async function nextEpoch(path: string, segments: Segments, notices: string[]): Promise<number> {
  const written = await readEpoch(path);
  if (written === undefined && segments.head.index > 0)
    notices.push(`${path}: the file 'epoch' was missing; it goes on behind that of the newest entry, ${segments.epochOfNewest}`);
  const epoch = Math.max(written ?? 0, segments.epochOfNewest) + 1;
  await writeEpoch(path, epoch);
  return epoch;
}

async function exists(path: string): Promise<boolean> {
  try {
    return await hasFormat(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOTDIR') return false;
    throw error;
  }
}
