import type { BucketRef } from '../../../events/buckets.ts';
import type { Bucket, Cluster, Server } from '../../rebalance/cluster.ts';
import type { Move, Reason, Step } from '../../rebalance/moves.ts';
import type { Plan, ServerCounts, Unmet } from '../../rebalance/planner.ts';

/**
 * A cluster or a plan as numbers, with the texts that they name by place. Threads clone objects one by one: 100,000 buckets take 80 ms
 * that way and their plan 500 ms, during which a node does nothing else. These numbers change hands without being copied.
 */
export interface Packed {
  /** Every integer that the project knows is exact in a double (decision 0012). */
  readonly numbers: Float64Array<ArrayBuffer>;
  readonly words: readonly string[];
}

class Writer {
  #numbers = new Float64Array(1024);
  #length = 0;
  readonly #places = new Map<string, number>();

  number(value: number): void {
    if (this.#length === this.#numbers.length) {
      const longer = new Float64Array(2 * this.#length);
      longer.set(this.#numbers);
      this.#numbers = longer;
    }
    this.#numbers[this.#length++] = value;
  }
  word(text: string): void {
    const place = this.#places.get(text) ?? this.#places.size;
    this.#places.set(text, place);
    this.number(place);
  }
  /** Ids are from 0: -1 is a partition that is not there. */
  key({ bucketId, partitionId, tableId }: BucketRef): void {
    this.number(tableId);
    this.number(partitionId ?? -1);
    this.number(bucketId);
  }
  list<T>(items: readonly T[], write: (item: T) => void): void {
    this.number(items.length);
    for (const item of items) write(item);
  }
  ids(ids: readonly number[]): void {
    this.list(ids, (id) => this.number(id));
  }
  packed(): Packed {
    return { numbers: this.#numbers.slice(0, this.#length), words: [...this.#places.keys()] };
  }
}

class Reader {
  readonly #packed: Packed;
  #next = 0;

  constructor(packed: Packed) {
    this.#packed = packed;
  }
  /** @throws Error at the end: the other side wrote something else than is read here */
  number(): number {
    const value = this.#packed.numbers[this.#next++];
    if (value === undefined) throw new Error('a packed message ends too early');
    return value;
  }
  /** The types of both sides are one: what was written as a `Text` is read as one. */
  word<Text extends string>(): Text {
    const text = this.#packed.words[this.number()];
    if (text === undefined) throw new Error('a packed message names a text that it does not hold');
    return text as Text;
  }
  key(): BucketRef {
    const [tableId, partitionId, bucketId] = [this.number(), this.number(), this.number()];
    return partitionId === -1 ? { tableId, bucketId } : { tableId, partitionId, bucketId };
  }
  list<T>(read: () => T): readonly T[] {
    return Array.from({ length: this.number() }, read);
  }
  /** The same with a pause after each, for lists that are long. */
  *longList<T>(read: () => T): Generator<void, readonly T[]> {
    const items: T[] = [];
    for (let left = this.number(); left > 0; left -= 1) {
      items.push(read());
      yield;
    }
    return items;
  }
  ids(): readonly number[] {
    return this.list(() => this.number());
  }
}

/** Pauses after each bucket, so that a node can do other things between; see `inTurns`. */
export function* packCluster({ buckets, servers }: Cluster): Generator<void, Packed> {
  const to = new Writer();
  to.list(servers, ({ id, isLive, rack, tag }) => {
    to.number(id);
    to.number(isLive ? 1 : 0);
    to.list(rack === undefined ? [] : [rack], (text) => to.word(text));
    to.list(tag === undefined ? [] : [tag], (text) => to.word(text));
  });
  to.number(buckets.length);
  for (const bucket of buckets) {
    to.key(bucket);
    to.number(bucket.leader);
    to.ids(bucket.replicas);
    yield;
  }
  return to.packed();
}

export function unpackCluster(packed: Packed): Cluster {
  const from = new Reader(packed);
  const servers = from.list((): Server => {
    const [id, isLive] = [from.number(), from.number() === 1];
    const [[rack], [tag]] = [from.list(() => from.word()), from.list(() => from.word<NonNullable<Server['tag']>>())];
    return { id, isLive, ...(rack === undefined ? {} : { rack }), ...(tag === undefined ? {} : { tag }) };
  });
  const buckets = from.list((): Bucket => ({ ...from.key(), leader: from.number(), replicas: from.ids() }));
  return { servers, buckets };
}

export function packPlan({ leaderless, moves, servers, unmet }: Plan): Packed {
  const to = new Writer();
  to.list(servers, ({ leaders, replicas, serverId }) => {
    for (const value of [serverId, replicas.before, replicas.after, leaders.before, leaders.after]) to.number(value);
  });
  to.list(moves, (move) => {
    to.key(move);
    to.number(move.originalLeader);
    to.number(move.newLeader);
    to.ids(move.originalReplicas);
    to.ids(move.newReplicas);
    to.list(move.steps, (step) => writeStep(to, step));
  });
  to.list(unmet, (each) => writeUnmet(to, each));
  to.list(leaderless, (key) => to.key(key));
  return to.packed();
}

/** Pauses like `packCluster`. */
export function* unpackPlan(packed: Packed): Generator<void, Plan> {
  const from = new Reader(packed);
  const servers = from.list((): ServerCounts => {
    const serverId = from.number();
    const replicas = { before: from.number(), after: from.number() };
    return { serverId, replicas, leaders: { before: from.number(), after: from.number() } };
  });
  const moves = yield* from.longList((): Move => {
    const key = from.key();
    const [originalLeader, newLeader, originalReplicas, newReplicas] = [from.number(), from.number(), from.ids(), from.ids()];
    return { ...key, originalLeader, newLeader, originalReplicas, newReplicas, steps: from.list(() => readStep(from)) };
  });
  const unmet = yield* from.longList(() => readUnmet(from));
  const leaderless = yield* from.longList(() => from.key());
  return { moves, servers, unmet, leaderless };
}

function writeStep(to: Writer, { askedBy, from, kind, reason, to: taker }: Step): void {
  to.word(askedBy);
  to.word(kind);
  to.number(from);
  to.number(taker);
  to.word(reason.because);
  switch (reason.because) {
    case 'TAGGED':
      to.word(reason.tag);
      return;
    case 'ABOVE_LIMIT':
    case 'BELOW_LIMIT':
      to.number(reason.count);
      to.number(reason.limit);
      return;
    case 'RACK_SHARED':
      to.word(reason.rack);
      to.number(reason.with);
  }
}

function readStep(from: Reader): Step {
  const [askedBy, kind] = [from.word<Step['askedBy']>(), from.word<Step['kind']>()];
  const [giver, taker] = [from.number(), from.number()];
  return { askedBy, kind, from: giver, to: taker, reason: readReason(from) };
}

function readReason(from: Reader): Reason {
  const because = from.word<Reason['because']>();
  switch (because) {
    case 'TAGGED':
      return { because, tag: from.word() };
    case 'ABOVE_LIMIT':
    case 'BELOW_LIMIT':
      return { because, count: from.number(), limit: from.number() };
    case 'RACK_SHARED':
      return { because, rack: from.word(), with: from.number() };
  }
}

function writeUnmet(to: Writer, unmet: Unmet): void {
  to.word(unmet.goal);
  switch (unmet.goal) {
    case 'REPLICA_DISTRIBUTION':
    case 'LEADER_DISTRIBUTION':
      for (const value of [unmet.serverId, unmet.count, unmet.limits.lower, unmet.limits.upper]) to.number(value);
      return;
    case 'RACK_AWARE':
      to.key(unmet.bucket);
      to.word(unmet.rack);
      return;
    case 'SERVER_TAG':
      to.key(unmet.bucket);
      to.number(unmet.serverId);
  }
}

function readUnmet(from: Reader): Unmet {
  const goal = from.word<Unmet['goal']>();
  switch (goal) {
    case 'REPLICA_DISTRIBUTION':
    case 'LEADER_DISTRIBUTION': {
      const [serverId, count] = [from.number(), from.number()];
      return { goal, serverId, count, limits: { lower: from.number(), upper: from.number() } };
    }
    case 'RACK_AWARE':
      return { goal, bucket: from.key(), rack: from.word() };
    case 'SERVER_TAG':
      return { goal, bucket: from.key(), serverId: from.number() };
  }
}
