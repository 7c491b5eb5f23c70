import { type Bucket, bucketText, type Cluster, compareBuckets, defaultRack, type Server } from './cluster.ts';
import { Holdings } from './holdings.ts';
import type { Move, Step } from './moves.ts';

/**
 * Where every replica is while a plan is made. Servers and buckets go by their numbers in ascending order of their ids, replicas by slots:
 * each bucket has a run of them, and a replica that is moved leaves its slot to its successor.
 */
export class Model {
  readonly servers: readonly Server[];
  /** Buckets that can be moved: whoever leads them is live. The others count nowhere. */
  readonly buckets: readonly Bucket[];
  readonly leaderless: readonly Bucket[];
  readonly racks: readonly string[];
  readonly #rackOf: Int32Array;
  readonly #replicas: Int32Array;
  readonly #leaders: Int32Array;
  readonly #holdings: readonly Holdings[];
  /** Of each bucket its first slot, and at the end the number of slots. */
  readonly #firstSlot: Int32Array;
  readonly #serverAt: Int32Array;
  readonly #bucketAt: Int32Array;
  /** Of each bucket the slot of its leader. */
  readonly #leaderSlot: Int32Array;
  /** Of each bucket a bit for each rack that holds it; racks beyond the 32nd share bits. */
  readonly #rackBits: Int32Array;
  /** Of each server the latest move that gave it a bucket, or changed the racks of one that it holds. */
  readonly #changedAt: Int32Array;
  #moved = 0;
  readonly #steps = new Map<number, Step[]>();

  /** @throws Error when a server, a bucket or a replica of a bucket is listed twice */
  constructor(cluster: Cluster) {
    this.servers = withUnlisted(cluster);
    const numbers = new Map(this.servers.map(({ id }, number) => [id, number]));
    refuseTwins(this.servers.map(({ id }) => `server ${id}`));
    const sorted = cluster.buckets.toSorted(compareBuckets);
    const isLed = ({ leader, replicas }: Bucket) => replicas.includes(leader) && this.servers[numbers.get(leader) ?? -1]?.isLive === true;
    this.buckets = sorted.filter(isLed);
    this.leaderless = sorted.filter((bucket) => !isLed(bucket));
    for (const [i, bucket] of sorted.entries()) {
      const next = sorted[i + 1];
      if (next !== undefined && compareBuckets(bucket, next) === 0) throw new Error(`${bucketText(bucket)} is listed twice`);
      if (new Set(bucket.replicas).size < bucket.replicas.length) throw new Error(`${bucketText(bucket)} has two replicas on one server`);
    }
    this.racks = [...new Set(this.servers.map(rackName))].sort((a, b) => (a < b ? -1 : 1));
    const rackNumbers = new Map(this.racks.map((rack, number) => [rack, number]));
    this.#rackOf = Int32Array.from(this.servers, (server) => rackNumbers.get(rackName(server)) ?? 0);

    this.#firstSlot = new Int32Array(this.buckets.length + 1);
    for (const [bucket, { replicas }] of this.buckets.entries())
      this.#firstSlot[bucket + 1] = (this.#firstSlot[bucket] ?? 0) + replicas.length;
    const slots = this.#firstSlot.at(-1) ?? 0;
    this.#serverAt = new Int32Array(slots);
    this.#bucketAt = new Int32Array(slots);
    this.#leaderSlot = new Int32Array(this.buckets.length);
    this.#rackBits = new Int32Array(this.buckets.length);
    this.#replicas = new Int32Array(this.servers.length);
    this.#leaders = new Int32Array(this.servers.length);
    this.#changedAt = new Int32Array(this.servers.length);
    this.#holdings = this.servers.map((_, server) => new Holdings((bucket) => this.slotOn(bucket, server) !== -1));
    for (const bucket of this.buckets.keys()) this.#place(bucket, numbers);
  }

  #place(bucket: number, numbers: ReadonlyMap<number, number>): void {
    const { leader, replicas } = this.buckets[bucket] ?? { leader: -1, replicas: [] };
    for (const [i, id] of replicas.entries()) {
      const [slot, server] = [this.firstSlot(bucket) + i, numbers.get(id) ?? -1];
      this.#serverAt[slot] = server;
      this.#bucketAt[slot] = bucket;
      this.#count(this.#replicas, server, 1);
      this.#holdings[server]?.add(bucket);
      if (id !== leader) continue;
      this.#leaderSlot[bucket] = slot;
      this.#count(this.#leaders, server, 1);
    }
    this.#noteRacks(bucket);
  }

  #noteRacks(bucket: number): void {
    let bits = 0;
    for (let slot = this.firstSlot(bucket); slot < this.endSlot(bucket); slot += 1) bits |= 1 << (this.rackOf(this.serverAt(slot)) % 32);
    this.#rackBits[bucket] = bits;
  }

  #count(counts: Int32Array, server: number, change: number): void {
    counts[server] = (counts[server] ?? 0) + change;
  }

  /** May be given replicas and leadership. */
  isOpen(server: number): boolean {
    const { isLive, tag } = this.servers[server] ?? { isLive: false };
    return isLive && tag === undefined;
  }
  /** By id. */
  openServers(): readonly number[] {
    return [...this.servers.keys()].filter((server) => this.isOpen(server));
  }
  replicas(server: number): number {
    return this.#replicas[server] ?? 0;
  }
  leaders(server: number): number {
    return this.#leaders[server] ?? 0;
  }
  rackOf(server: number): number {
    return this.#rackOf[server] ?? -1;
  }
  firstSlot(bucket: number): number {
    return this.#firstSlot[bucket] ?? 0;
  }
  /** The slot after the bucket's last one. */
  endSlot(bucket: number): number {
    return this.#firstSlot[bucket + 1] ?? 0;
  }
  serverAt(slot: number): number {
    return this.#serverAt[slot] ?? -1;
  }
  bucketAt(slot: number): number {
    return this.#bucketAt[slot] ?? -1;
  }
  leaderSlot(bucket: number): number {
    return this.#leaderSlot[bucket] ?? -1;
  }
  isLeading(slot: number): boolean {
    return this.#leaderSlot[this.bucketAt(slot)] === slot;
  }
  /** The slot of the bucket's replica on a server; -1 when it has none there. */
  slotOn(bucket: number, server: number): number {
    const end = this.endSlot(bucket);
    for (let slot = this.firstSlot(bucket); slot < end; slot += 1) if (this.#serverAt[slot] === server) return slot;
    return -1;
  }
  /** The buckets with a replica on a server now, ascending: whoever reads on while replicas leave meets some that have left. */
  held(server: number): readonly number[] {
    return this.#holdings[server]?.ordered(this.replicas(server)) ?? [];
  }
  /** Grows when a server gets a bucket and when one of its buckets changes racks: what was found out about all of them is old then. */
  changedAt(server: number): number {
    return this.#changedAt[server] ?? 0;
  }

  /** Another replica of the slot's bucket in a rack: its server, the first in the order of slots; -1 when there is none. */
  companionIn(rack: number, slot: number): number {
    const bucket = this.bucketAt(slot);
    const end = this.endSlot(bucket);
    for (let other = this.firstSlot(bucket); other < end; other += 1)
      if (other !== slot && this.rackOf(this.serverAt(other)) === rack) return this.serverAt(other);
    return -1;
  }

  /** Whether a rack holds a replica of the bucket. Asked of every replica that might be moved, so mostly one look at a bit. */
  isInRack(bucket: number, rack: number): boolean {
    if (((this.#rackBits[bucket] ?? 0) & (1 << (rack % 32))) === 0) return false;
    if (this.racks.length <= 32) return true;
    for (let slot = this.firstSlot(bucket); slot < this.endSlot(bucket); slot += 1)
      if (this.rackOf(this.serverAt(slot)) === rack) return true;
    return false;
  }

  moveReplica(slot: number, to: number, why: Pick<Step, 'askedBy' | 'reason'>): void {
    const [bucket, from] = [this.bucketAt(slot), this.serverAt(slot)];
    this.#serverAt[slot] = to;
    this.#count(this.#replicas, from, -1);
    this.#count(this.#replicas, to, 1);
    this.#holdings[to]?.add(bucket);
    this.#moved += 1;
    this.#changedAt[to] = this.#moved;
    if (this.rackOf(from) !== this.rackOf(to)) {
      this.#noteRacks(bucket);
      for (let each = this.firstSlot(bucket); each < this.endSlot(bucket); each += 1) this.#changedAt[this.serverAt(each)] = this.#moved;
    }
    if (this.isLeading(slot)) this.#countLeadership(from, to);
    this.#note(bucket, 'REPLICA', from, to, why);
  }

  /** @param slot of the replica that is to lead its bucket */
  moveLeadership(slot: number, why: Pick<Step, 'askedBy' | 'reason'>): void {
    const bucket = this.bucketAt(slot);
    const [from, to] = [this.serverAt(this.leaderSlot(bucket)), this.serverAt(slot)];
    this.#leaderSlot[bucket] = slot;
    this.#countLeadership(from, to);
    this.#note(bucket, 'LEADERSHIP', from, to, why);
  }

  #countLeadership(from: number, to: number): void {
    this.#count(this.#leaders, from, -1);
    this.#count(this.#leaders, to, 1);
  }

  #note(bucket: number, kind: Step['kind'], from: number, to: number, { askedBy, reason }: Pick<Step, 'askedBy' | 'reason'>): void {
    const steps = this.#steps.get(bucket) ?? [];
    steps.push({ askedBy, kind, from: this.#id(from), to: this.#id(to), reason });
    this.#steps.set(bucket, steps);
  }
  #id(server: number): number {
    return this.servers[server]?.id ?? -1;
  }

  /** What differs from the beginning, in the order of buckets. A bucket whose steps took each other back is not among it. */
  moves(): readonly Move[] {
    return [...this.#steps.keys()].sort((a, b) => a - b).flatMap((bucket) => this.#moveOf(bucket) ?? []);
  }

  #moveOf(bucket: number): Move | undefined {
    const { leader, replicas, ...key } = this.buckets[bucket] ?? { leader: -1, replicas: [], tableId: -1, bucketId: -1 };
    const newReplicas = replicas.map((_, i) => this.#id(this.serverAt(this.firstSlot(bucket) + i)));
    const leading = this.leaderSlot(bucket) - this.firstSlot(bucket);
    const [newLeader = -1, first = -1] = [newReplicas[leading], newReplicas[0]];
    if (newLeader === leader && newReplicas.every((id) => replicas.includes(id))) return undefined;
    newReplicas[leading] = first;
    newReplicas[0] = newLeader;
    return { ...key, originalLeader: leader, newLeader, originalReplicas: replicas, newReplicas, steps: this.#steps.get(bucket) ?? [] };
  }
}

const rackName = ({ rack }: Server): string => rack ?? defaultRack;

/** Servers ascending by id, with those that are known from a replica only: dead, as far as anybody knows. */
function withUnlisted({ buckets, servers }: Cluster): readonly Server[] {
  const unlisted = new Set(buckets.flatMap(({ replicas }) => replicas));
  for (const { id } of servers) unlisted.delete(id);
  return [...servers, ...[...unlisted].map((id) => ({ id, isLive: false }))].sort((a, b) => a.id - b.id);
}

function refuseTwins(names: readonly string[]): void {
  for (const [i, name] of names.entries()) if (names[i + 1] === name) throw new Error(`${name} is listed twice`);
}
