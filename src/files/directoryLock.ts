import { readFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { z } from 'zod';

/** Files that the lock keeps in the directory. */
export const lockFiles = ['lock', 'lock.holder'] as const;

/** Somebody else has the directory, or it cannot be locked at all. The message has the remedy. */
export class DirectoryNotLocked extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'DirectoryNotLocked';
  }
}

const holder = z.object({ pid: z.number(), host: z.string(), startedAt: z.string() });

/**
 * Takes the directory for this process. The lock is the kernel's own record lock on the file `lock`, so it ends with the process, however
 * that ends, and holds between containers that share the directory, where process ids and abstract sockets would not.
 * Node has no call for such locks; its SQLite takes one for an exclusive transaction, and writes nothing into the file for it.
 * `lock.holder` says who has it. Nobody else may open `lock`: closing any handle on it would drop the lock.
 * @param what is kept there, such as `the log`.
 * @returns how to give it back.
 * @throws DirectoryNotLocked naming the holder.
 */
export function lockDirectory(directory: string, what: string): () => void {
  const path = join(directory, 'lock');
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(path, { timeout: 0 });
    database.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    database?.close();
    if ((error as { errcode?: unknown }).errcode !== sqliteBusy)
      throw new DirectoryNotLocked(
        `${path} cannot be locked (${String(error)}): make the directory writable, and remove that file if it holds anything`,
      );
    throw new DirectoryNotLocked(
      `${what} in ${directory} is in use by ${holderOf(directory)}: stop that process, or give this one another directory`,
    );
  }
  const startedAt = new Date(Date.now() - process.uptime() * 1000).toISOString();
  writeFileSync(join(directory, 'lock.holder'), `${JSON.stringify({ pid: process.pid, host: hostname(), startedAt })}\n`);
  const held = database;
  return () => held.close();
}

const sqliteBusy = 5;

function holderOf(directory: string): string {
  try {
    const { pid, host, startedAt } = holder.parse(JSON.parse(readFileSync(join(directory, 'lock.holder'), 'utf8')));
    return `process ${pid} on ${host}, started at ${startedAt}`;
  } catch {
    return 'a process that has not yet written its name into lock.holder';
  }
}
