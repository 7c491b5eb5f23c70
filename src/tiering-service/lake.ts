import { mkdir, open, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { nanoid } from 'nanoid';
import { z } from 'zod';
import { service as serviceName, tieringLimits } from '../../events/tiering.ts';
import { DirectoryNotLocked, lockDirectory } from '../files/directoryLock.ts';
import { replaceFile } from '../files/disk.ts';
import type { Given } from './coordinatorClient.ts';

/** This service cannot run like this. The message says why, `remedy` what to do. */
export class TieringServiceRefused extends Error {
  readonly remedy: string;
  constructor(message: string, remedy: string) {
    super(message);
    this.name = 'TieringServiceRefused';
    this.remedy = remedy;
  }
}

/** A point comes first: no database is called so. */
const ownFolder = '.service';
const faultsFolder = 'faults';
const identityFile = 'service.json';
const statusFile = 'status.json';
const identity = z.strictObject({ service: serviceName });

const roundFile = z.object({ tableId: z.int().min(0) });
const roundName = /^\d+\.json$/;
const digitsOfEpoch = 10;

export const lakeLimits = {
  /** Rounds of a table whose files are kept. */
  rounds: 100,
  /** Bytes of a fault's text that are read. */
  faultBytes: 64 * 1024,
} as const;

const status = z.object({
  service: z.string(),
  /** When a node last answered, be it with a refusal, epoch milliseconds. */
  answeredAt: z.number(),
  /** Why the last heartbeat was refused, and what to do; absent: it was not. */
  refused: z.object({ why: z.string(), remedy: z.string() }).exactOptional(),
  /** How long it is silent at the most while all is well, milliseconds. */
  everyMs: z.number(),
  rounds: z.array(z.object({ database: z.string(), table: z.string(), tieringEpoch: z.number() })),
});
export type ServiceStatus = Readonly<z.output<typeof status>>;

/** What a table has in the lake. */
export interface Holding {
  readonly fileBytes: number;
  readonly records: number;
}

/**
 * The directory of one tiering service: `<database>/<table>/<tiering epoch>.json`, a file for each round; `faults/<database>.<table>`, what
 * the rounds of a table are to fail with; and `.service/`, its own: lock, name and how it is.
 */
export class Lake {
  readonly service: string;
  readonly #path: string;
  #unlock: () => void;

  private constructor(path: string, service: string, unlock: () => void) {
    this.#path = path;
    this.service = service;
    this.#unlock = unlock;
  }

  /**
   * Makes the directory when it is missing.
   * @param name of the service; without one it is the one it had last, else a new one.
   * @throws TieringServiceRefused when another process has the directory; the error of the system when it cannot be made
   */
  static async open(directory: string, name?: string): Promise<Lake> {
    const path = resolve(directory);
    const own = join(path, ownFolder);
    await mkdir(own, { recursive: true });
    await mkdir(join(path, faultsFolder), { recursive: true });
    const unlock = lock(own);
    try {
      const service = name ?? (await knownName(own)) ?? `tiering-${nanoid()}`;
      await replaceFile(own, identityFile, `${JSON.stringify({ service })}\n`);
      return new Lake(path, service, unlock);
    } catch (error) {
      unlock();
      throw error;
    }
  }

  /**
   * Writes the file of a round, whole or not at all. A round that is given out again replaces its own file. Rounds of a dropped table that
   * had the same name go first, and so does what is older than the newest `lakeLimits.rounds`.
   * @returns what the table has now. @throws the error of the system
   */
  async write(given: Given, at: Date): Promise<Holding> {
    const directory = join(this.#path, given.database, given.table);
    await mkdir(directory, { recursive: true });
    await clearIfOfAnother(directory, given.tableId);
    const name = `${String(given.tieringEpoch).padStart(digitsOfEpoch, '0')}.json`;
    const { database, table, tableId, tieringEpoch } = given;
    const round = { tableId, database, table, tieringEpoch, service: this.service, at: at.toISOString() };
    await replaceFile(directory, name, `${JSON.stringify(round)}\n`);
    const names = await roundsIn(directory);
    for (const old of names.slice(0, -lakeLimits.rounds)) await rm(join(directory, old), { force: true });
    const kept = names.slice(-lakeLimits.rounds);
    const sizes = await Promise.all(kept.map(async (each) => (await stat(join(directory, each))).size));
    return { fileBytes: sizes.reduce((sum, size) => sum + size, 0), records: kept.length };
  }

  /** What the rounds of a table are to fail with now: `''` is no reason, undefined no fault. @throws the error of the system */
  async faultOf(given: Given): Promise<string | undefined> {
    return await firstOf(faultPath(this.#path, given));
  }

  /** Tells `tiering-service check` how it is. @throws the error of the system */
  async tell(now: Omit<ServiceStatus, 'service'>): Promise<void> {
    const file = join(this.#path, ownFolder, statusFile);
    await writeFile(`${file}.next`, `${JSON.stringify({ service: this.service, ...now })}\n`);
    await rename(`${file}.next`, file); // Not for keeps: unlike a round it may be gone after a power cut.
  }

  /** Gives the directory back. May be called again. */
  close(): void {
    this.#unlock();
    this.#unlock = () => {};
  }
}

function lock(own: string): () => void {
  try {
    return lockDirectory(own, 'the tiering service');
  } catch (error) {
    if (error instanceof DirectoryNotLocked) throw new TieringServiceRefused(error.message, 'One process per directory.');
    throw error;
  }
}

async function knownName(own: string): Promise<string | undefined> {
  const text = await textOf(join(own, identityFile));
  if (text === undefined) return undefined;
  try {
    return identity.parse(JSON.parse(text)).service;
  } catch {
    throw new TieringServiceRefused(`${join(own, identityFile)} is damaged`, 'Give the service its name with --service.');
  }
}

/** Oldest first. Longer names are of later epochs. */
async function roundsIn(directory: string): Promise<readonly string[]> {
  const names = (await readdir(directory)).filter((name) => roundName.test(name));
  return names.sort((a, b) => a.length - b.length || (a < b ? -1 : 1));
}

/** The newest goes last, so that one that was interrupted goes on the next time. */
async function clearIfOfAnother(directory: string, tableId: number): Promise<void> {
  const names = await roundsIn(directory);
  const newest = names.at(-1);
  if (newest === undefined || (await tableOf(join(directory, newest))) === tableId) return;
  for (const name of names) await rm(join(directory, name), { force: true });
}

async function tableOf(file: string): Promise<number | undefined> {
  try {
    return roundFile.parse(JSON.parse(await readFile(file, 'utf8'))).tableId;
  } catch {
    return undefined; // Whatever it is, this service did not write it as a whole.
  }
}

/** A table as people name it. */
type TableName = Pick<Given, 'database' | 'table'>;
const faultPath = (path: string, { database, table }: TableName): string => join(path, faultsFolder, `${database}.${table}`);

/** From now on each round of the table fails with this text. @throws TieringServiceRefused, the error of the system */
export async function setFault(directory: string, table: TableName, text: string): Promise<void> {
  const path = await serviceDirectory(directory);
  await mkdir(join(path, faultsFolder), { recursive: true });
  await replaceFile(join(path, faultsFolder), `${table.database}.${table.table}`, `${text}\n`);
}

/** Rounds of the table no longer fail on demand. @returns whether they did. @throws TieringServiceRefused, the error of the system */
export async function removeFault(directory: string, table: TableName): Promise<boolean> {
  const path = await serviceDirectory(directory);
  try {
    await rm(faultPath(path, table));
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

/** How the service of a directory last said it was; undefined when no node has answered it yet. @throws TieringServiceRefused */
export async function statusIn(directory: string): Promise<ServiceStatus | undefined> {
  const path = await serviceDirectory(directory);
  const text = await textOf(join(path, ownFolder, statusFile));
  return text === undefined ? undefined : status.parse(JSON.parse(text));
}

async function serviceDirectory(directory: string): Promise<string> {
  const path = resolve(directory);
  const own = await stat(join(path, ownFolder)).catch(() => undefined);
  if (own?.isDirectory() === true) return path;
  throw new TieringServiceRefused(`${path} is not the directory of a tiering service`, 'Give what the service was started with as --data.');
}

async function textOf(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** The first bytes of a text, without line breaks at its end. */
async function firstOf(file: string): Promise<string | undefined> {
  try {
    const handle = await open(file, 'r');
    try {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(lakeLimits.faultBytes), 0, lakeLimits.faultBytes, 0);
      return buffer.toString('utf8', 0, bytesRead).replace(/[\r\n]+$/, '');
    } finally {
      await handle.close();
    }
  } catch (error) {
    // A name that is too long for a file has none.
    if (['ENOENT', 'ENAMETOOLONG'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
}

/** As much of an error as a coordinator keeps, without half a character at its end. */
export const cutError = (text: string): string => text.slice(0, tieringLimits.errorLength).replace(/[\uD800-\uDBFF]$/, '');
