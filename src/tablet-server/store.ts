import { mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { nanoid } from 'nanoid';
import { z } from 'zod';
import { DirectoryNotLocked, lockDirectory } from '../files/directoryLock.ts';
import { replaceFile } from '../files/disk.ts';
import { type BucketRef, bucketName, parseBucketName, serverIdSchema } from './bucket.ts';
import { Replica } from './replica.ts';

/** This server cannot run like this. The message says why, `remedy` what to do. */
export class TabletServerRefused extends Error {
  readonly remedy: string;
  constructor(message: string, remedy: string) {
    super(message);
    this.name = 'TabletServerRefused';
    this.remedy = remedy;
  }
}

const identity = z.strictObject({
  format: z.literal(1),
  serverId: serverIdSchema,
  /** Made once, with the directory. */
  directoryId: z.string().min(1).max(64),
  /** Absent until the server has registered for the first time. */
  clusterId: z.string().min(1).optional(),
  /** Of the newest assignment that was acted on; 0 before the first. */
  appliedPosition: z.int().min(0),
  /** Where it listened last: a server that may choose its port stays where the others know it. */
  port: z.int().min(0).max(65_535).optional(),
});
type Identity = z.output<typeof identity>;

/**
 * The directory of one tablet server: `server.json`, `replicas/<bucket>/` and `trash/`, where replicas go that are being deleted.
 * Whatever moment the process is killed at, opening it again finds replicas whole or not there, never in between.
 */
export class Store {
  readonly #path: string;
  readonly #unlock: () => void;
  #identity: Identity;
  #emptying: Promise<void> | undefined;
  #hasTrash = false;

  private constructor(path: string, unlock: () => void, held: Identity) {
    this.#path = path;
    this.#unlock = unlock;
    this.#identity = held;
  }

  /** @throws TabletServerRefused when the directory is in use, belongs to another server or holds something else. */
  static async open(directory: string, serverId: number): Promise<Store> {
    const path = resolve(directory);
    await mkdir(path, { recursive: true });
    const unlock = lock(path);
    try {
      const known = await readIdentity(path);
      if (known === undefined && (await holdsReplicas(path)))
        throw new TabletServerRefused(
          `${path} holds replicas, but its server.json is missing`,
          'Put that file back, or give this server an empty directory.',
        );
      if (known !== undefined && known.serverId !== serverId)
        throw new TabletServerRefused(
          `${path} is the directory of server ${known.serverId}, not of server ${serverId}`,
          `Start it with --id ${known.serverId}, or give server ${serverId} another directory with --data.`,
        );
      const held = known ?? { format: 1 as const, serverId, directoryId: nanoid(), appliedPosition: 0 };
      const store = new Store(path, unlock, held);
      if (known === undefined) await store.#write(held);
      await mkdir(join(path, 'replicas'), { recursive: true });
      await mkdir(join(path, 'trash'), { recursive: true });
      await store.emptyTrash();
      return store;
    } catch (error) {
      unlock();
      throw error;
    }
  }

  get directoryId(): string {
    return this.#identity.directoryId;
  }
  get appliedPosition(): number {
    return this.#identity.appliedPosition;
  }
  get port(): number | undefined {
    return this.#identity.port;
  }

  /** Binds the directory to the cluster that it registers with first. @throws TabletServerRefused when it belongs to another. */
  async join(clusterId: string): Promise<void> {
    const { clusterId: known } = this.#identity;
    if (known === clusterId) return;
    if (known !== undefined)
      throw new TabletServerRefused(
        `${this.#path} belongs to cluster ${known}, and the coordinator is of cluster ${clusterId}`,
        'Give the coordinator of that cluster with --coordinator, or another directory with --data.',
      );
    await this.#write({ ...this.#identity, clusterId });
  }

  /** To be called before an assignment is acted on: from then on no older one is. */
  async rememberPosition(appliedPosition: number): Promise<void> {
    if (appliedPosition > this.#identity.appliedPosition) await this.#write({ ...this.#identity, appliedPosition });
  }

  async rememberPort(port: number): Promise<void> {
    if (port !== this.#identity.port) await this.#write({ ...this.#identity, port });
  }

  /** Buckets whose replica is here, in no order. */
  async buckets(): Promise<readonly BucketRef[]> {
    const names = await readdir(join(this.#path, 'replicas'));
    return names.map(parseBucketName).filter((ref) => ref !== undefined);
  }

  /** The replica of a bucket, made empty when there is none. */
  async openReplica(ref: BucketRef): Promise<Replica> {
    const directory = join(this.#path, 'replicas', bucketName(ref));
    await mkdir(directory, { recursive: true });
    return await Replica.open(ref, directory);
  }

  /** Takes a closed replica away. It is out of sight when this settles, and its bytes go soon after. */
  async discard({ directory, ref }: Replica): Promise<void> {
    await rename(directory, join(this.#path, 'trash', `${bucketName(ref)}.${nanoid()}`));
  }

  /** Frees what was discarded. Whoever asks while that is under way makes it look once more: one pass for each would take forever. */
  async emptyTrash(): Promise<void> {
    this.#hasTrash = true;
    this.#emptying ??= this.#emptyAll().finally(() => {
      this.#emptying = undefined;
    });
    await this.#emptying;
  }

  async #emptyAll(): Promise<void> {
    const trash = join(this.#path, 'trash');
    while (this.#hasTrash) {
      this.#hasTrash = false;
      for (const name of await readdir(trash)) await rm(join(trash, name), { recursive: true, force: true });
    }
  }

  close(): void {
    this.#unlock();
  }

  async #write(next: Identity): Promise<void> {
    await replaceFile(this.#path, 'server.json', `${JSON.stringify(next, undefined, 2)}\n`);
    this.#identity = next;
  }
}

function lock(path: string): () => void {
  try {
    return lockDirectory(path, 'the tablet server');
  } catch (error) {
    if (error instanceof DirectoryNotLocked) throw new TabletServerRefused(error.message, 'One process per directory.');
    throw error;
  }
}

async function readIdentity(path: string): Promise<Identity | undefined> {
  let text: string;
  try {
    text = await readFile(join(path, 'server.json'), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    return identity.parse(JSON.parse(text));
  } catch {
    throw new TabletServerRefused(
      `${join(path, 'server.json')} is damaged, or of a newer release`,
      'Run the release that wrote it, or give this server an empty directory; it then copies its replicas anew.',
    );
  }
}

async function holdsReplicas(path: string): Promise<boolean> {
  const names = await readdir(join(path, 'replicas')).catch(() => []);
  return names.length > 0;
}
