import type { Server } from './cluster.ts';

/** Of each bucket the servers of its replicas, the leader's first; or why there are none, in the words of the contract. */
export type Placement =
  | { readonly kind: 'placed'; readonly replicas: readonly (readonly number[])[] }
  | { readonly kind: 'refused'; readonly message: string };

/**
 * Where the replicas of a new table's buckets go: leaders in turn, the further replicas at a distance that grows with every round, and
 * no rack twice while there is one without a replica.
 * Live servers without PERMANENT_OFFLINE are eligible. One of them without a rack makes racks count for nobody.
 * @param start, shift drawn by whoever asks, integers from 0. What matters is their remainder by the number of eligible servers, so that
 *   number need not be known when they are drawn.
 * @see docs/rebalance.md; the rule is that of fluss-semantics.md section 10
 */
export function placeReplicas(
  servers: readonly Server[],
  replicationFactor: number,
  bucketCount: number,
  { start, shift }: { readonly start: number; readonly shift: number },
): Placement {
  const eligible = servers.filter(({ isLive, tag }) => isLive && tag !== 'PERMANENT_OFFLINE').sort((a, b) => a.id - b.id);
  if (replicationFactor > eligible.length) {
    const message = `Replication factor: ${replicationFactor} larger than available tablet servers: ${eligible.length}.`;
    return { kind: 'refused', message };
  }
  const racks = eligible.every(({ rack }) => rack !== undefined) ? inRacks(eligible) : [];
  const order = racks.length > 0 ? alternating(racks) : eligible;
  const replicas = Array.from({ length: bucketCount }, (_, bucket) => {
    const rounds = (shift % order.length) + Math.floor(bucket / order.length);
    const first = (bucket + start) % order.length;
    return racks.length > 0
      ? apart(order, first, rounds * racks.length, replicationFactor, racks.length)
      : near(order, first, rounds, replicationFactor);
  });
  return { kind: 'placed', replicas };
}

/** Servers by rack, racks in the order of their names' code units. */
function inRacks(servers: readonly Server[]): readonly (readonly Server[])[] {
  const byRack = new Map<string, Server[]>();
  for (const server of servers) {
    const rack = byRack.get(server.rack ?? '') ?? [];
    rack.push(server);
    byRack.set(server.rack ?? '', rack);
  }
  return [...byRack].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, members]) => members);
}

/** One server of each rack in turn. */
function alternating(racks: readonly (readonly Server[])[]): readonly Server[] {
  const longest = Math.max(...racks.map((members) => members.length));
  return Array.from({ length: longest }, (_, turn) => racks.flatMap((members) => members[turn] ?? [])).flat();
}

/** The position of the `step`-th candidate for a further replica: all others come up once before the first one comes up again. */
const further = (first: number, distance: number, step: number, count: number): number =>
  (first + 1 + ((distance + step) % (count - 1))) % count;

function near(order: readonly Server[], first: number, distance: number, replicationFactor: number): readonly number[] {
  const places = [first];
  while (places.length < replicationFactor) places.push(further(first, distance, places.length - 1, order.length));
  return places.flatMap((place) => order[place]?.id ?? []);
}

/** Ends: while a replica is missing, one of the others fits, and each comes up within one round of them. */
function apart(order: readonly Server[], first: number, distance: number, replicationFactor: number, rackCount: number): readonly number[] {
  const chosen = order.slice(first, first + 1);
  const racks = new Set(chosen.map(({ rack }) => rack));
  for (let step = 0; chosen.length < replicationFactor; step += 1) {
    const candidate = order[further(first, distance, step, order.length)];
    if (candidate === undefined || chosen.includes(candidate)) continue;
    if (racks.has(candidate.rack) && racks.size < rackCount) continue;
    chosen.push(candidate);
    racks.add(candidate.rack);
  }
  return chosen.map(({ id }) => id);
}
