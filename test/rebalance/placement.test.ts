/**
 * Goal: replicas of a new table's buckets are placed by the rule of the contract, evenly and in as many racks as there are.
 * Method: placements worked out by hand; what follows from the rule, on random servers.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Server } from '../../src/rebalance/cluster.ts';
import { placeReplicas } from '../../src/rebalance/placement.ts';
import { replay } from '../support/replay.ts';

const server = (id: number, more: Partial<Server> = {}): Server => ({ id, isLive: true, ...more });
const four = [0, 1, 2, 3].map((id) => server(id));

function placed(servers: readonly Server[], factor: number, buckets: number, start = 0, shift = 0): readonly (readonly number[])[] {
  const placement = placeReplicas(servers, factor, buckets, { start, shift });
  if (placement.kind === 'refused') throw new Error(placement.message);
  return placement.replicas;
}

describe('without racks', () => {
  test('leaders in turn, followers after them, one further away after each round', () => {
    expect(placed(four, 3, 6)).toEqual([
      [0, 1, 2],
      [1, 2, 3],
      [2, 3, 0],
      [3, 0, 1],
      [0, 2, 3],
      [1, 3, 0],
    ]);
  });
  test('start moves the leaders, shift the followers; beyond the number of servers they begin again', () => {
    expect(placed(four, 2, 3, 2, 1)).toEqual([
      [2, 0],
      [3, 1],
      [0, 2],
    ]);
    expect(placed(four, 2, 3, 6, 5)).toEqual(placed(four, 2, 3, 2, 1));
  });
  test('a single server takes all', () => expect(placed([server(7)], 1, 3, 5, 9)).toEqual([[7], [7], [7]]));
});

test('servers that are dead or leave for good get none; those that leave for a while do', () => {
  const servers = [
    server(3),
    server(2, { tag: 'PERMANENT_OFFLINE' }),
    server(1, { tag: 'TEMPORARY_OFFLINE' }),
    server(0, { isLive: false }),
  ];
  expect(placed(servers, 2, 2)).toEqual([
    [1, 3],
    [3, 1],
  ]);
});

test('too few servers are refused in the words of the contract', () => {
  expect(placeReplicas(four.slice(0, 2), 3, 1, { start: 0, shift: 0 })).toEqual({
    kind: 'refused',
    message: 'Replication factor: 3 larger than available tablet servers: 2.',
  });
});

describe('with racks', () => {
  // Taken in turn: 0 of a, 2 of b, 3 of c, 1 of a, 4 of b.
  const five = [
    server(0, { rack: 'a' }),
    server(1, { rack: 'a' }),
    server(2, { rack: 'b' }),
    server(3, { rack: 'c' }),
    server(4, { rack: 'b' }),
  ];
  test('a rack gets a second replica when each has one', () => {
    expect(placed(five, 4, 2)).toEqual([
      [0, 2, 3, 1],
      [2, 3, 1, 4],
    ]);
  });
  test('a candidate is skipped while its rack has one and another has none', () => {
    // After a round the shift is 3: bucket 5 begins at 0, then 4 (b); 2 (b) is skipped, 3 (c) is next.
    expect(placed(five, 3, 6)[5]).toEqual([0, 4, 3]);
  });
  test('one server without a rack makes racks count for nobody', () => {
    expect(placed([...five, server(5)], 3, 1)).toEqual([[0, 1, 2]]);
  });
});

test('every server leads as often as the others, give or take one; no rack is used twice before each is used', () => {
  const making = fc.record({
    racks: fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 1, maxLength: 20 }),
    hasRacks: fc.boolean(),
    factor: fc.integer({ min: 1, max: 5 }),
    buckets: fc.integer({ min: 1, max: 60 }),
    start: fc.nat(),
    shift: fc.nat(),
  });
  const property = fc.property(making, ({ buckets, factor, hasRacks, racks, shift, start }) => {
    const servers = racks.map((rack, id) => server(id, hasRacks ? { rack: `r${rack}` } : {}));
    const copies = Math.min(factor, servers.length);
    const replicas = placed(servers, copies, buckets, start, shift);
    const led = servers.map(({ id }) => replicas.filter(([leader]) => leader === id).length);
    const racksOf = (ids: readonly number[]) => new Set(ids.map((id) => racks[id])).size;
    expect(Math.max(...led) - Math.min(...led)).toBeLessThanOrEqual(1);
    expect(replicas.map((ids) => new Set(ids).size)).toEqual(replicas.map(() => copies));
    if (hasRacks) expect(replicas.map(racksOf)).toEqual(replicas.map(() => Math.min(copies, new Set(racks).size)));
  });
  fc.assert(property, replay({ numRuns: 100 }).params as object);
});
