/**
 * Goal: a plan says what moves and why, in numbers; tags, dead servers, racks and failures are what docs/rebalance.md says.
 * Method: clusters small enough to be followed on paper.
 */
import { describe, expect, test } from 'vitest';
import type { Goal } from '../../events/rebalance.ts';
import type { Bucket, Cluster, Server } from '../../src/rebalance/cluster.ts';
import { stepText } from '../../src/rebalance/moves.ts';
import { type Plan, planRebalance } from '../../src/rebalance/planner.ts';

const server = (id: number, more: Partial<Server> = {}): Server => ({ id, isLive: true, ...more });
/** Buckets of table 1, each led by the first of its replicas. */
const buckets = (...replicas: readonly (readonly number[])[]): readonly Bucket[] =>
  replicas.map((on, bucketId) => ({ tableId: 1, bucketId, leader: on[0] ?? -1, replicas: on }));
const times = (count: number, ...replicas: readonly number[]): readonly (readonly number[])[] =>
  Array.from({ length: count }, () => replicas);

function planOf(cluster: Cluster, ...goals: readonly Goal[]): Plan {
  const planning = planRebalance(cluster, goals);
  if (planning.kind === 'failed') throw new Error(planning.message);
  return planning.plan;
}
const textsOf = ({ moves }: Plan): readonly string[] => moves.flatMap(({ steps }) => steps.map(stepText));
const afterwards = ({ servers }: Plan) => servers.map(({ leaders, replicas }) => [replicas.after, leaders.after]);

describe('distributions', () => {
  test('a new server gets as many replicas as the lower limit asks for, from whoever has most', () => {
    const cluster = { servers: [0, 1, 2].map((id) => server(id)), buckets: buckets(...times(7, 0), ...times(5, 1)) };
    // 12 replicas on 3 servers: at least floor(3.64), at most ceil(4.36).
    const plan = planOf(cluster, 'REPLICA_DISTRIBUTION');
    expect(plan.moves.map(({ bucketId, newReplicas }) => [bucketId, ...newReplicas])).toEqual([
      [0, 2],
      [1, 2],
      [2, 2],
    ]);
    expect(textsOf(plan)).toEqual([
      'REPLICA_DISTRIBUTION moves a replica from server 0 to server 2: server 0 had 7 replicas, at most 5 are wanted',
      'REPLICA_DISTRIBUTION moves a replica from server 0 to server 2: server 0 had 6 replicas, at most 5 are wanted',
      'REPLICA_DISTRIBUTION moves a replica from server 0 to server 2: server 2 had 2 replicas, at least 3 are wanted',
    ]);
    expect(plan.servers[0]).toEqual({ serverId: 0, replicas: { before: 7, after: 4 }, leaders: { before: 7, after: 4 } });
  });

  test('whoever has most gives, until another has more', () => {
    const cluster = { servers: [0, 1, 2].map((id) => server(id)), buckets: buckets(...times(5, 0), ...times(5, 1), ...times(2, 2)) };
    const fewer = { ...cluster, buckets: cluster.buckets.filter(({ bucketId }) => bucketId !== 11) };
    // 11 on 3: 3 to 4. Server 2 has 1 and takes one from each.
    expect(planOf(fewer, 'REPLICA_DISTRIBUTION').moves.map(({ bucketId, originalLeader }) => [bucketId, originalLeader])).toEqual([
      [0, 0],
      [5, 1],
    ]);
  });

  test('an average of 100 has the limits 91 and 109, without a hundred-and-tenth from binary fractions', () => {
    const cluster = { servers: [server(0), server(1)], buckets: buckets(...times(110, 0), ...times(90, 1)) };
    expect(afterwards(planOf(cluster, 'REPLICA_DISTRIBUTION'))).toEqual([
      [109, 109],
      [91, 91],
    ]);
  });

  test('leadership goes to another replica first: nothing is copied', () => {
    const cluster = { servers: [0, 1, 2].map((id) => server(id)), buckets: buckets([0, 1, 2], [0, 1, 2], [0, 1, 2]) };
    const { moves } = planOf(cluster, 'LEADER_DISTRIBUTION');
    expect(moves).toEqual([
      {
        tableId: 1,
        bucketId: 0,
        originalLeader: 0,
        newLeader: 1,
        originalReplicas: [0, 1, 2],
        newReplicas: [1, 0, 2],
        steps: [
          {
            askedBy: 'LEADER_DISTRIBUTION',
            kind: 'LEADERSHIP',
            from: 0,
            to: 1,
            reason: { because: 'ABOVE_LIMIT', count: 3, limit: 2 },
          },
        ],
      },
    ]);
  });

  test('a replica that leads goes where no follower is to take over', () => {
    const cluster = { servers: [0, 1, 2, 3].map((id) => server(id)), buckets: buckets(...times(8, 0)) };
    const plan = planOf(cluster, 'LEADER_DISTRIBUTION');
    expect(afterwards(plan)).toEqual([
      [3, 3],
      [2, 2],
      [2, 2],
      [1, 1],
    ]);
  });

  test('a later goal keeps within the limits of an earlier one', () => {
    // Each server holds 12 replicas (10 to 14 are wanted); server 0 leads 12 buckets that nobody else holds (7 to 9 are wanted).
    const cluster = { servers: [0, 1, 2].map((id) => server(id)), buckets: buckets(...times(12, 0), ...times(12, 1, 2)) };
    expect(afterwards(planOf(cluster, 'LEADER_DISTRIBUTION'))).toEqual([
      [9, 9],
      [12, 8],
      [15, 7],
    ]);
    const plan = planOf(cluster, 'REPLICA_DISTRIBUTION', 'LEADER_DISTRIBUTION');
    expect(afterwards(plan)).toEqual([
      [10, 10],
      [12, 7],
      [14, 7],
    ]);
    expect(plan.unmet).toEqual([{ goal: 'LEADER_DISTRIBUTION', serverId: 0, count: 10, limits: { lower: 7, upper: 9 } }]);
  });
});

describe('tags', () => {
  const tags = ['PERMANENT_OFFLINE', 'TEMPORARY_OFFLINE'] as const;
  test.each(tags)('%s empties a server, whatever the goal: leadership to a replica, then the copy', (tag) => {
    const servers = [server(0, { tag }), server(1), server(2)];
    const cluster = { servers, buckets: buckets([0, 1], [2, 0], [1, 2]) };
    for (const goal of ['REPLICA_DISTRIBUTION', 'LEADER_DISTRIBUTION'] as const) {
      const plan = planOf(cluster, goal);
      expect(plan.servers[0]).toEqual({ serverId: 0, replicas: { before: 2, after: 0 }, leaders: { before: 1, after: 0 } });
      expect(plan.moves[0]?.steps.map(stepText)).toEqual([
        `SERVER_TAG moves leadership from server 0 to server 1: server 0 is ${tag}`,
        `SERVER_TAG moves a replica from server 0 to server 2: server 0 is ${tag}`,
      ]);
      expect(plan.moves[0]?.newReplicas, 'the new leader changes places with the first').toEqual([1, 2]);
    }
  });

  test('a dead one is emptied from the replicas that are left', () => {
    const cluster = { servers: [server(0, { isLive: false, tag: 'PERMANENT_OFFLINE' }), server(1), server(2)], buckets: buckets([1, 0]) };
    expect(planOf(cluster, 'REPLICA_DISTRIBUTION').moves).toMatchObject([{ newLeader: 1, newReplicas: [1, 2] }]);
  });

  test('what every open server holds already stays, and is said', () => {
    const cluster = { servers: [server(0, { tag: 'PERMANENT_OFFLINE' }), server(1)], buckets: buckets([0, 1]) };
    const { moves, unmet } = planOf(cluster, 'REPLICA_DISTRIBUTION');
    expect(moves).toMatchObject([{ originalReplicas: [0, 1], newReplicas: [1, 0], newLeader: 1 }]);
    expect(unmet).toEqual([{ goal: 'SERVER_TAG', bucket: { tableId: 1, bucketId: 0 }, serverId: 0 }]);
  });

  test('without a goal nothing moves', () => {
    const cluster = { servers: [server(0, { tag: 'PERMANENT_OFFLINE' }), server(1)], buckets: buckets([0]) };
    expect(planOf(cluster)).toMatchObject({ moves: [], unmet: [] });
  });
});

describe('dead servers without a tag', () => {
  test('they keep their replicas, get none, and the others are balanced among themselves', () => {
    const servers = [server(0, { isLive: false }), server(1), server(2)];
    const cluster = { servers, buckets: buckets(...times(6, 1, 0), ...times(4, 1)) };
    expect(afterwards(planOf(cluster, 'REPLICA_DISTRIBUTION'))).toEqual([
      [6, 0],
      [6, 6],
      [4, 4],
    ]);
  });

  test('a server known from a replica only counts as one', () => {
    const cluster = { servers: [server(1), server(2)], buckets: buckets(...times(4, 1, 9)) };
    const plan = planOf(cluster, 'REPLICA_DISTRIBUTION');
    expect(plan.servers.map(({ replicas, serverId }) => [serverId, replicas.after])).toEqual([
      [1, 3],
      [2, 1],
      [9, 4],
    ]);
  });

  test('a bucket that no live server leads is left alone, counts nowhere and is named', () => {
    const dead = server(0, { isLive: false, tag: 'PERMANENT_OFFLINE' });
    const led = { tableId: 1, bucketId: 7, replicas: [0, 1] };
    const strays: readonly Bucket[] = [
      { ...led, leader: 0 },
      { ...led, partitionId: 4, leader: -1 },
      { ...led, partitionId: 5, leader: 2 },
    ];
    const plan = planOf({ servers: [dead, server(1), server(2)], buckets: strays }, 'REPLICA_DISTRIBUTION', 'LEADER_DISTRIBUTION');
    expect(plan).toMatchObject({ moves: [], unmet: [] });
    expect(plan.leaderless.map(({ partitionId }) => partitionId)).toEqual([undefined, 4, 5]);
    expect(plan.servers.map(({ replicas }) => replicas)).toEqual(Array.from({ length: 3 }, () => ({ before: 0, after: 0 })));
  });
});

describe('racks', () => {
  const servers = [server(0, { rack: 'a' }), server(1, { rack: 'a' }), server(2, { rack: 'b' }), server(3, { rack: 'b' })];

  test('a replica beside another one of its bucket goes to a rack without one, to the server with the fewest', () => {
    const plan = planOf({ servers, buckets: buckets([0, 1], [0, 2], [1, 2]) }, 'RACK_AWARE');
    expect(textsOf(plan)).toEqual(['RACK_AWARE moves a replica from server 0 to server 3: rack a holds another one on server 1']);
  });

  test('a tagged server is emptied into racks that are free, also when racks come last', () => {
    const leaving = servers.map((each) => (each.id === 0 ? { ...each, tag: 'PERMANENT_OFFLINE' as const } : each));
    const cluster = { servers: leaving, buckets: buckets(...times(4, 0, 2)) };
    const last = planOf(cluster, 'REPLICA_DISTRIBUTION', 'RACK_AWARE');
    expect(last.moves.flatMap(({ steps }) => steps.filter(({ askedBy, kind }) => askedBy === 'SERVER_TAG' && kind === 'REPLICA'))).toEqual(
      Array.from({ length: 4 }, () => ({
        askedBy: 'SERVER_TAG',
        kind: 'REPLICA',
        from: 0,
        to: 1,
        reason: { because: 'TAGGED', tag: 'PERMANENT_OFFLINE' },
      })),
    );
    const first = planOf(cluster, 'RACK_AWARE', 'REPLICA_DISTRIBUTION');
    expect(afterwards(first).map(([replicas]) => replicas)).toEqual([0, 4, 2, 2]);
    expect(first.unmet).toEqual([{ goal: 'REPLICA_DISTRIBUTION', serverId: 1, count: 4, limits: { lower: 2, upper: 3 } }]);
  });

  test('servers that do not say where they stand share a rack', () => {
    const unknown = [server(0), server(1), server(2, { rack: 'b' })];
    expect(planOf({ servers: unknown, buckets: buckets([0, 1]) }, 'RACK_AWARE').moves).toMatchObject([{ newReplicas: [2, 1] }]);
  });

  test('what the limits of an earlier goal bar is left and said', () => {
    const three = [server(0, { rack: 'a' }), server(1, { rack: 'a' }), server(2, { rack: 'b' })];
    const cluster = { servers: three, buckets: buckets([0, 1], [2], [2]) };
    const bucket = { tableId: 1, bucketId: 0 };
    expect(planOf(cluster, 'RACK_AWARE').moves).toMatchObject([{ newReplicas: [2, 1] }]);
    expect(planOf(cluster, 'REPLICA_DISTRIBUTION', 'RACK_AWARE')).toMatchObject({
      moves: [],
      unmet: [{ goal: 'RACK_AWARE', bucket, rack: 'a' }],
    });
  });

  test('more racks than there are bits are told apart all the same', () => {
    // Racks 0 and 32 share a bit. Each server but the last holds two buckets, and the last takes the first of the first.
    const many = Array.from({ length: 33 }, (_, id) => server(id, { rack: `r${String(id).padStart(2, '0')}` }));
    const ring = buckets(...Array.from({ length: 32 }, (_, i) => [i, (i + 1) % 32]));
    const plan = planOf({ servers: many, buckets: ring }, 'RACK_AWARE', 'REPLICA_DISTRIBUTION');
    expect(plan.moves.map(({ bucketId, newReplicas }) => [bucketId, ...newReplicas])).toEqual([[0, 32, 1]]);
  });
});

describe('a plan', () => {
  test('goes by table, partition and bucket; a table comes before its partitions', () => {
    const on = { leader: 0, replicas: [0] };
    const listed: readonly Bucket[] = [
      { tableId: 2, bucketId: 0, ...on },
      { tableId: 1, partitionId: 3, bucketId: 0, ...on },
      { tableId: 1, bucketId: 1, ...on },
      { tableId: 1, bucketId: 0, ...on },
    ];
    const { moves } = planOf({ servers: [server(0, { tag: 'TEMPORARY_OFFLINE' }), server(1)], buckets: listed }, 'LEADER_DISTRIBUTION');
    expect(moves.map(({ bucketId, partitionId, tableId }) => [tableId, partitionId, bucketId])).toEqual([
      [1, undefined, 0],
      [1, undefined, 1],
      [1, 3, 0],
      [2, undefined, 0],
    ]);
  });

  test('a goal that is named twice counts once', () => {
    const cluster = { servers: [server(0), server(1)], buckets: buckets(...times(9, 0)) };
    expect(planOf(cluster, 'REPLICA_DISTRIBUTION', 'REPLICA_DISTRIBUTION')).toEqual(planOf(cluster, 'REPLICA_DISTRIBUTION'));
  });

  test.each([
    ['server 4', { servers: [server(4), server(4)], buckets: [] }, 'server 4 is listed twice'],
    ['a bucket', { servers: [server(0)], buckets: [...buckets([0]), ...buckets([0])] }, 'bucket 0 of table 1 is listed twice'],
    [
      'a replica',
      { servers: [server(0)], buckets: [{ tableId: 1, partitionId: 2, bucketId: 0, leader: 0, replicas: [0, 0] }] },
      'bucket 0 of table 1, partition 2 has two replicas on one server',
    ],
  ])('%s twice breaks what must hold', (_, cluster, message) => {
    expect(() => planRebalance(cluster, [])).toThrow(message);
  });

  test('fails as a value when no server is open, or racks are too few', () => {
    const leaving = { servers: [server(0, { tag: 'PERMANENT_OFFLINE' })], buckets: buckets([0]) };
    const fail = (goal: Goal, cluster: Cluster) => {
      const planning = planRebalance(cluster, [goal]);
      return planning.kind === 'failed' ? planning.message : planning.kind;
    };
    expect(fail('REPLICA_DISTRIBUTION', leaving)).toBe(
      '[ReplicaDistributionGoal] All alive tabletServers are excluded from replica moves.',
    );
    expect(fail('LEADER_DISTRIBUTION', leaving)).toBe(
      '[LeaderReplicaDistributionGoal] All alive tabletServers are excluded from replica moves.',
    );
    const racks = [server(0, { rack: 'a' }), server(1, { rack: 'b' }), server(2, { rack: 'c', isLive: false })];
    expect(fail('RACK_AWARE', { servers: racks, buckets: buckets([0, 1, 2]) })).toBe(
      '[RackAwareGoal] Insufficient number of racks to distribute each replica (Current: 2, Needed: 3).',
    );
  });
});
