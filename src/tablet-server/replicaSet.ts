import type { Logger } from '../ports/logger.ts';
import type { AssignedReplica, Assignment } from './assignment.ts';
import { type BucketRef, bucketName, refOf } from './bucket.ts';
import type { CopyProgress } from './coordinatorClient.ts';
import { Copy, Copying } from './copying.ts';
import { Leadership } from './leadership.ts';
import { RateLimit } from './rate.ts';
import type { Replica } from './replica.ts';
import type { Held, Holdings } from './requests.ts';
import type { Store } from './store.ts';

export interface ReplicaSetOptions {
  readonly serverId: number;
  readonly store: Store;
  readonly logger: Logger;
  /** A follower that has not had everything for longer than this leaves the ISR. */
  readonly lagMs: number;
  /** An ISR may have to change. */
  readonly onProgress: () => void;
  /** A leader has not been reached for a while. */
  readonly onUnreachable: () => void;
}

interface Place {
  readonly replica: Replica;
  /** Absent until the first assignment of this process. */
  assigned?: AssignedReplica;
  /** What it is now; absent while nobody leads. */
  role?:
    | { readonly kind: 'leader'; readonly leadership: Leadership }
    | { readonly kind: 'follower'; readonly leader: number; readonly copy: Copy };
}

/** The replicas of this server, each in the part that the newest assignment gives it. */
export class ReplicaSet implements Holdings {
  readonly #options: ReplicaSetOptions;
  readonly #rate = new RateLimit();
  readonly #places = new Map<string, Place>();
  readonly #copyings = new Map<number, Copying>();
  #endpoints: ReadonlyMap<number, string> = new Map();
  #minInSyncReplicas = 1;
  #isReady = false;

  constructor(options: ReplicaSetOptions) {
    this.#options = options;
  }

  /** Finds what is on disk already. */
  async open(): Promise<void> {
    const { store } = this.#options;
    for (const ref of await store.buckets()) this.#places.set(bucketName(ref), { replica: await store.openReplica(ref) });
  }

  get isReady(): boolean {
    return this.#isReady;
  }
  get minInSyncReplicas(): number {
    return this.#minInSyncReplicas;
  }
  get size(): number {
    return this.#places.size;
  }

  held(ref: BucketRef): Held | undefined {
    const place = this.#places.get(bucketName(ref));
    if (place === undefined) return undefined;
    const { assigned, replica, role } = place;
    return { replica, leadership: role?.kind === 'leader' ? role.leadership : undefined, leader: assigned?.leader ?? -1 };
  }

  endpointOf(serverId: number): string | undefined {
    return this.#endpoints.get(serverId);
  }

  *leaderships(): Generator<Leadership> {
    for (const { role } of this.#places.values()) if (role?.kind === 'leader') yield role.leadership;
  }

  /** How far the copies have come that are not in sync yet, at most `limit` of them. */
  copies(limit: number): readonly CopyProgress[] {
    const progress: CopyProgress[] = [];
    for (const { assigned, replica, role } of this.#places.values()) {
      if (progress.length === limit) break;
      if (assigned === undefined || role?.kind !== 'follower' || assigned.isr.includes(this.#options.serverId)) continue;
      const { length } = replica;
      progress.push({ ...refOf(replica.ref), copiedBytes: length, totalBytes: Math.max(length, role.copy.leaderLength ?? 0) });
    }
    return progress;
  }

  /** Everything decided up to this position is in the assignment that was applied. */
  seenUpTo(position: number): void {
    for (const leadership of this.leaderships()) leadership.seenUpTo(position);
  }

  /**
   * Carries out an assignment: what is missing is made, what is not listed goes, and every replica takes its part. Copying is not
   * waited for. Doing it again changes nothing. @throws the error of the disk; what was not done then is done by the next call
   */
  async apply({ endpoints, replicas, settings }: Assignment): Promise<void> {
    this.#endpoints = new Map(Object.entries(endpoints).map(([id, endpoint]) => [Number(id), endpoint]));
    this.#rate.set(settings.copyBytesPerSec);
    this.#minInSyncReplicas = settings.minInSyncReplicas;
    const listed = new Set(replicas.map(bucketName));
    for (const [name, place] of this.#places) if (!listed.has(name)) await this.#drop(name, place);
    for (const assigned of replicas) await this.#place(assigned);
    for (const [leader, copying] of this.#copyings) {
      if (!copying.isIdle) continue;
      this.#copyings.delete(leader);
      await copying.close();
    }
    this.#isReady = true;
  }

  async close(): Promise<void> {
    for (const { role } of this.#places.values()) if (role?.kind === 'leader') role.leadership.end();
    await Promise.all([...this.#copyings.values()].map((copying) => copying.close()));
    for (const { replica } of this.#places.values()) await replica.close();
    this.#places.clear();
  }

  async #place(assigned: AssignedReplica): Promise<void> {
    const { logger, serverId, store } = this.#options;
    const name = bucketName(assigned);
    let place = this.#places.get(name);
    if (place === undefined) {
      place = { replica: await store.openReplica(refOf(assigned)) };
      this.#places.set(name, place);
    }
    const { replica } = place;
    const known = { leaderEpoch: replica.leaderEpoch, bucketEpoch: place.assigned?.bucketEpoch ?? 0 };
    if (assigned.leaderEpoch < known.leaderEpoch || assigned.bucketEpoch < known.bucketEpoch) {
      logger.error({ bucket: name, told: refOfEpochs(assigned), known }, 'an assignment with an older epoch than was seen is not followed');
      return;
    }
    await replica.noteLeaderEpoch(assigned.leaderEpoch);
    place.assigned = assigned;
    if (assigned.leader === serverId) await this.#lead(place, assigned);
    else await this.#follow(place, assigned);
  }

  async #lead(place: Place, assigned: AssignedReplica): Promise<void> {
    const { role } = place;
    if (role?.kind === 'leader' && role.leadership.epoch === assigned.leaderEpoch) {
      role.leadership.update(assigned);
      return;
    }
    await this.#endRole(place);
    const { lagMs, onProgress, serverId } = this.#options;
    const nowMs = (): number => performance.now();
    const leadership = new Leadership({ serverId, replica: place.replica, assigned, lagMs, nowMs, onProgress });
    place.role = { kind: 'leader', leadership };
    onProgress();
  }

  async #follow(place: Place, { leader, leaderEpoch }: AssignedReplica): Promise<void> {
    const { role } = place;
    if (role?.kind === 'follower' && role.leader === leader && role.copy.leaderEpoch === leaderEpoch) return;
    await this.#endRole(place);
    if (leader === -1) return;
    const copy = new Copy(place.replica, leaderEpoch);
    place.role = { kind: 'follower', leader, copy };
    this.#copyingFrom(leader).add(copy);
  }

  /** Settles when the replica is no longer written by the part it had. */
  async #endRole(place: Place): Promise<void> {
    const { replica, role } = place;
    delete place.role;
    if (role?.kind === 'leader') role.leadership.end();
    if (role?.kind === 'follower') await this.#copyingFrom(role.leader).remove(role.copy);
    await replica.settled();
  }

  async #drop(name: string, place: Place): Promise<void> {
    const { logger, store } = this.#options;
    await this.#endRole(place);
    this.#places.delete(name);
    await place.replica.close();
    await store.discard(place.replica);
    store.emptyTrash().catch((error: unknown) => logger.warn({ err: error, bucket: name }, 'a deleted replica still takes up room'));
    logger.info({ bucket: name }, 'deleted a replica that moved away');
  }

  #copyingFrom(leader: number): Copying {
    const { logger, onUnreachable, serverId } = this.#options;
    const behindInAll = (): number => [...this.#copyings.values()].reduce((sum, { behind }) => sum + behind, 0);
    const endpointOf = (id: number): string | undefined => this.endpointOf(id);
    let copying = this.#copyings.get(leader);
    copying ??= new Copying(leader, { serverId, rate: this.#rate, logger, endpointOf, onUnreachable, behindInAll });
    this.#copyings.set(leader, copying);
    return copying;
  }
}

const refOfEpochs = ({ bucketEpoch, leaderEpoch }: AssignedReplica) => ({ leaderEpoch, bucketEpoch });
