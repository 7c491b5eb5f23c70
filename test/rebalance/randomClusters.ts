import fc from 'fast-check';
import { type Goal, goals } from '../../events/rebalance.ts';
import type { Bucket, Cluster, Server } from '../../src/rebalance/cluster.ts';

/** What a cluster is made of. `seed` settles the rest, so that a failure shrinks to few servers and buckets. */
export interface Making {
  readonly seed: number;
  readonly servers: number;
  /** 0: no server says where it stands. */
  readonly racks: number;
  readonly buckets: number;
  readonly replicationFactor: number;
  /** How many of ten servers carry a tag, and how many are dead. */
  readonly tagged: number;
  readonly dead: number;
  /** From 1, evenly, to 4, most replicas on the first servers. */
  readonly skew: number;
}

/** A sequence of numbers in [0, 1) that follows from the seed (mulberry32). */
export function numbersFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export function madeCluster({ buckets, dead, racks, replicationFactor, seed, servers, skew, tagged }: Making): Cluster {
  const next = numbersFrom(seed);
  const below = (bound: number) => Math.floor(next() * bound);
  const made = Array.from({ length: servers }, (_, i): Server => {
    const tag = next() * 10 < tagged ? ({ tag: below(2) === 0 ? 'PERMANENT_OFFLINE' : 'TEMPORARY_OFFLINE' } as const) : {};
    const rack = racks === 0 || below(40) === 0 ? {} : { rack: `r${below(racks)}` };
    return { id: i * 3, isLive: next() * 10 >= dead, ...rack, ...tag };
  });
  const isLive = new Map(made.map((server) => [server.id, server.isLive]));
  return {
    servers: made,
    buckets: Array.from({ length: buckets }, (_, i): Bucket => {
      const replicas = new Set<number>();
      const copies = Math.min(servers, 1 + (below(4) === 0 ? below(replicationFactor) : replicationFactor - 1));
      for (let tries = 0; replicas.size < copies; tries += 1)
        replicas.add(3 * (tries < 40 ? Math.floor(next() ** skew * servers) : tries % servers));
      const list = [...replicas];
      const live = list.filter((id) => isLive.get(id));
      const leader = below(50) === 0 ? -1 : (live[Math.floor(next() ** skew * live.length)] ?? list[0] ?? -1);
      const partition = i % 3 === 0 ? {} : { partitionId: i % 5 };
      return { tableId: 1 + (i % 2), ...partition, bucketId: Math.floor(i / 2), leader, replicas: list };
    }),
  };
}

export const makings = (most: { readonly servers: number; readonly buckets: number }): fc.Arbitrary<Making> =>
  fc.record({
    seed: fc.nat(),
    servers: fc.integer({ min: 1, max: most.servers }),
    racks: fc.integer({ min: 0, max: 5 }),
    buckets: fc.integer({ min: 1, max: most.buckets }),
    replicationFactor: fc.integer({ min: 1, max: 4 }),
    tagged: fc.constantFrom(0, 0, 1, 3, 6, 10),
    dead: fc.constantFrom(0, 0, 1, 3, 6),
    skew: fc.integer({ min: 1, max: 4 }),
  });

export const someGoals: fc.Arbitrary<readonly Goal[]> = fc.uniqueArray(fc.constantFrom(...goals), { minLength: 1, maxLength: 3 });

/** The same elements in another order that follows from the seed. */
export function shuffled<T>(list: readonly T[], seed: number): readonly T[] {
  const next = numbersFrom(seed);
  return list
    .map((element) => [next(), element] as const)
    .sort(([a], [b]) => a - b)
    .map(([, element]) => element);
}
