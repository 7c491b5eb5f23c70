/**
 * Goal: whoever reads a plan learns in numbers what it costs and who asked for it, and in sentences what it leaves undone.
 * Method: clusters small enough to be followed on paper; the sums are compared with random plans.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { BucketRef } from '../../events/buckets.ts';
import type { Goal } from '../../events/rebalance.ts';
import type { Bucket, Cluster, Server } from '../../src/rebalance/cluster.ts';
import { type Plan, planRebalance } from '../../src/rebalance/planner.ts';
import { leaderlessText, receiversOf, shortfalls, summaryOf, unmetText } from '../../src/rebalance/summary.ts';
import { replay } from '../support/replay.ts';
import { madeCluster, makings, someGoals } from './randomClusters.ts';

const server = (id: number, more: Partial<Server> = {}): Server => ({ id, isLive: true, ...more });
const bucketsOn = (...replicas: readonly (readonly number[])[]): readonly Bucket[] =>
  replicas.map((on, bucketId) => ({ tableId: 1, bucketId, leader: on[0] ?? -1, replicas: on }));
function planOf(cluster: Cluster, ...goals: readonly Goal[]): Plan {
  const planning = planRebalance(cluster, goals);
  if (planning.kind === 'failed') throw new Error(planning.message);
  return planning.plan;
}
const leaving = server(0, { tag: 'PERMANENT_OFFLINE' });

describe('a summary', () => {
  test('counts moves by who asked, handovers, and what each server receives', () => {
    // Server 0 is emptied: buckets 2 and 3 go to server 2, and server 1 leads all four. It hands bucket 0 over, where nothing is copied.
    const cluster = { servers: [leaving, server(1), server(2)], buckets: bucketsOn([1, 2], [1, 2], [0, 1], [0, 1]) };
    const summary = summaryOf(planOf(cluster, 'LEADER_DISTRIBUTION'), ({ bucketId }) => 10 ** bucketId);
    expect(summary).toEqual({
      moves: 3,
      askedBy: [
        { askedBy: 'SERVER_TAG', moves: 2 },
        { askedBy: 'LEADER_DISTRIBUTION', moves: 1 },
      ],
      handovers: 1,
      copies: { replicas: 2, bytes: 1100 },
      receivers: [{ serverId: 2, replicas: 2, bytes: 1100 }],
    });
  });

  test('of a plan that moves nothing', () => {
    expect(summaryOf({ moves: [] })).toEqual({ moves: 0, askedBy: [], handovers: 0, copies: { replicas: 0, bytes: 0 }, receivers: [] });
  });

  test('adds up: every new replica has a receiver, every move an asker', () => {
    const property = fc.property(makings({ servers: 20, buckets: 80 }), someGoals, (making, goals) => {
      const planning = planRebalance(madeCluster(making), goals);
      if (planning.kind === 'failed') return;
      const { moves, servers } = planning.plan;
      const { askedBy, copies, handovers, receivers, ...summary } = summaryOf(planning.plan, ({ tableId }) => tableId);
      expect(summary.moves).toBe(moves.length);
      expect(handovers).toBe(
        moves.filter(({ newReplicas, originalReplicas }) => newReplicas.every((id) => originalReplicas.includes(id))).length,
      );
      expect(copies.replicas).toBe(moves.reduce((sum, move) => sum + receiversOf(move).length, 0));
      expect(copies.bytes).toBe(moves.reduce((sum, move) => sum + receiversOf(move).length * move.tableId, 0));
      expect(receivers.map(({ serverId }) => serverId)).toEqual([...new Set(moves.flatMap(receiversOf))].sort((a, b) => a - b));
      const givenAway = (id: number) => moves.filter((move) => move.originalReplicas.includes(id) && !move.newReplicas.includes(id)).length;
      for (const { replicas, serverId } of servers) {
        const received = receivers.find((receiver) => receiver.serverId === serverId)?.replicas ?? 0;
        expect(replicas.after).toBe(replicas.before + received - givenAway(serverId));
      }
      const goalsAsking = new Set(moves.flatMap(({ steps }) => steps.map((step) => step.askedBy)));
      expect(new Set(askedBy.map((each) => each.askedBy))).toEqual(goalsAsking);
    });
    fc.assert(property, replay({ numRuns: 50 }).params as object);
  });
});

describe('what a plan leaves undone', () => {
  test('each kind has its sentence', () => {
    const full = planOf({ servers: [leaving, server(1)], buckets: bucketsOn([0, 1]) }, 'REPLICA_DISTRIBUTION');
    expect(full.unmet.map((each) => unmetText(each))).toEqual([
      'server 0 is not emptied: bucket 0 of table 1 stays, every server that could take it holds it already',
    ]);
    const lonely = bucketsOn(...Array.from({ length: 24 }, (_, i) => (i < 12 ? [0] : [1, 2])));
    const barred = planOf({ servers: [0, 1, 2].map((id) => server(id)), buckets: lonely }, 'REPLICA_DISTRIBUTION', 'LEADER_DISTRIBUTION');
    expect(barred.unmet.map((each) => unmetText(each))).toEqual([
      'LEADER_DISTRIBUTION is not reached: server 0 will have 10 leaders, 7 to 9 are wanted',
    ]);
    const racks = [server(0, { rack: 'a' }), server(1, { rack: 'a' }), server(2, { rack: 'b' })];
    const shared = planOf({ servers: racks, buckets: bucketsOn([0, 1], [2], [2]) }, 'REPLICA_DISTRIBUTION', 'RACK_AWARE');
    expect(shared.unmet.map((each) => unmetText(each, ({ bucketId }) => `shop.orders/${bucketId}`))).toEqual([
      'RACK_AWARE is not reached: shop.orders/0 will have more than one replica in rack a',
    ]);
    expect(unmetText({ goal: 'REPLICA_DISTRIBUTION', serverId: 4, count: 2, limits: { lower: 3, upper: 5 } })).toBe(
      'REPLICA_DISTRIBUTION is not reached: server 4 will have 2 replicas, 3 to 5 are wanted',
    );
    expect(leaderlessText({ tableId: 1, partitionId: 4, bucketId: 7 })).toBe(
      'bucket 7 of table 1, partition 4 is left as it is: no live server leads it, so nobody could copy it',
    );
  });

  test('the worst comes first, and what is left out is counted', () => {
    const numberOf = ({ bucketId }: BucketRef): string => `bucket ${bucketId}`;
    const stray: Bucket = { tableId: 2, bucketId: 9, leader: -1, replicas: [1] };
    const racks = [leaving, server(1, { rack: 'a' }), server(2, { rack: 'a' }), server(3, { rack: 'b' })];
    const cluster = { servers: racks, buckets: [...bucketsOn([1, 2, 3, 0], [1, 2], [3], [3]), stray] };
    const plan = planOf(cluster, 'REPLICA_DISTRIBUTION');
    const unmet = [...plan.unmet, { goal: 'RACK_AWARE', bucket: { tableId: 1, bucketId: 1 }, rack: 'a' } as const].reverse();
    const all = shortfalls({ ...plan, unmet }, 5, numberOf);
    expect(all).toEqual([
      'server 0 is not emptied: bucket 0 stays, every server that could take it holds it already',
      'bucket 9 is left as it is: no live server leads it, so nobody could copy it',
      'RACK_AWARE is not reached: bucket 1 will have more than one replica in rack a',
    ]);
    expect(shortfalls({ ...plan, unmet }, 3, numberOf)).toEqual(all);
    expect(shortfalls({ ...plan, unmet }, 1, numberOf)).toEqual([all[0], 'and 2 more']);
  });
});
