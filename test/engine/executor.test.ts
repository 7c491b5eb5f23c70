/**
 * Goal: a rebalance goes on exactly where it stood, whichever node leads and whichever tablet servers go and come, and a canceled one
 *   leaves every bucket legal.
 * Method: three nodes over one log and tablet servers that do at once what they are assigned; nodes that lead and tablet servers are
 *   killed at every step of the rebalance, and it is canceled after each number of events.
 */
import { describe, expect, test, vi } from 'vitest';
import type { Goal } from '../../events/rebalance.ts';
import { type BucketRow, bucketRefOf } from '../../projections/buckets.ts';
import { currentRebalance } from '../../projections/rebalance.ts';
import { serverRows } from '../../projections/servers.ts';
import { serverTagOf } from '../../projections/serverTags.ts';
import type { State } from '../../projections/state.ts';
import type { Command } from '../../src/deciders/commands.ts';
import { planRebalance } from '../../src/rebalance/planner.ts';
import { caller, TestCluster } from '../support/nodes.ts';
import { type SimulatedServer, simulatedServers, untilServed } from '../support/simulatedServers.ts';
import { inAMoment } from '../support/waits.ts';

const goals: readonly Goal[] = ['RACK_AWARE', 'REPLICA_DISTRIBUTION', 'LEADER_DISTRIBUTION'];
const nodeIds = ['n1', 'n2', 'n3'] as const;

interface Scene {
  readonly cluster: TestCluster;
  readonly servers: readonly SimulatedServer[];
}
const anyState = ({ cluster }: Scene): State => {
  const newest = [...cluster.running.values()].map(({ node }) => node.state).sort((a, b) => b.position - a.position)[0];
  if (newest === undefined) throw new Error('no node runs');
  return newest;
};

async function ask({ cluster }: Scene, command: Command): Promise<void> {
  await vi.waitFor(async () => {
    const outcome = await [...cluster.running.values()]
      .at(-1)
      ?.node.submit(command, { ...caller, idempotencyKey: keyOf(command), timeoutMs: 500 });
    expect(outcome?.kind, JSON.stringify(outcome)).toBe('done');
  }, inAMoment);
}
const keyOf = (command: Command): string => `${command.name}-${JSON.stringify(command).length}-${JSON.stringify(command).slice(0, 80)}`;

async function scene(bucketCount = 12): Promise<Scene> {
  const cluster = new TestCluster();
  for (const nodeId of nodeIds) await cluster.start(nodeId);
  const made = { cluster, servers: simulatedServers(cluster, 4) };
  await untilServed(made.servers, 'all are registered', () => serverRows(anyState(made).servers).length === 4);
  const columns = [{ name: 'id', type: 'INT', isNullable: true }];
  const layout = { partitionKeys: [], primaryKey: [], properties: { 'bucket.num': `${bucketCount}`, 'table.replication.factor': '2' } };
  const draw = { start: 0, shift: 0 };
  await ask(made, { name: 'createTable', database: 'fluss', table: 't', columns, ...layout, draw, ignoreIfExists: false });
  await ask(made, { name: 'addServerTag', serverIds: [0], tag: 'PERMANENT_OFFLINE' });
  return made;
}

/** Plans on what a node knows, and has it begun. */
async function begin(made: Scene, rebalanceId: string): Promise<void> {
  const state = anyState(made);
  const planning = planRebalance(
    {
      servers: serverRows(state.servers).map(({ rack = '', serverId, status }) => {
        const tag = serverTagOf(state.serverTags, serverId)?.tag;
        return { id: serverId, rack, isLive: status === 'LIVE', ...(tag === undefined ? {} : { tag }) };
      }),
      buckets: rowsOf(state).map((row) => ({ ...bucketRefOf(row), leader: row.leader, replicas: row.replicas })),
    },
    goals,
  );
  if (planning.kind !== 'planned') throw new Error(planning.message);
  const moves = structuredClone(planning.plan.moves) as unknown as Extract<Command, { name: 'planRebalance' }>['moves'];
  await ask(made, { name: 'planRebalance', rebalanceId, goals: [...goals], plannedAt: state.position, moveCount: moves.length, moves });
}
const rowsOf = ({ buckets }: State): readonly BucketRow[] => [...buckets.byKey.rows()].map(([, row]) => row);

/** What must hold of every bucket whenever nothing moves. */
function expectLegal(state: State): void {
  for (const row of rowsOf(state)) {
    expect(new Set(row.replicas).size, JSON.stringify(row)).toBe(2);
    expect(row.isr, JSON.stringify(row)).toContain(row.leader);
    expect(row.replicas).toEqual(expect.arrayContaining([...row.isr]));
  }
}
const isOver = (made: Scene) => () => currentRebalance(anyState(made).rebalance)?.endedAt !== undefined;

describe('a rebalance', () => {
  test('is completed, and empties a server that is tagged', async () => {
    const made = await scene();
    await begin(made, 'rebalance-1');
    await untilServed(made.servers, 'it is over', isOver(made));
    const state = anyState(made);
    expect(currentRebalance(state.rebalance)).toMatchObject({ status: 'COMPLETED', failed: 0, moving: 0 });
    expectLegal(state);
    expect(rowsOf(state).filter(({ replicas }) => replicas.includes(0))).toEqual([]);
    await made.cluster.stop();
  });

  test('goes on where it stood when the leader is killed after each of its entries', async () => {
    const made = await scene(60);
    const { cluster, servers } = made;
    await ask(made, { name: 'alterClusterConfigs', changes: [{ key: 'chancery.rebalance.max-moves', op: 'set', value: '1' }] });
    await begin(made, 'rebalance-1');
    const standing = (): number => currentRebalance(anyState(made).rebalance)?.position ?? 0;
    let seen = standing();
    let kills = 0;
    await untilServed(servers, 'it is over', () => {
      const leader = nodeIds.find((id) => cluster.running.get(id)?.node.role === 'leader');
      if (leader !== undefined && standing() > seen) {
        seen = standing();
        kills += 1;
        cluster.kill(leader);
        void cluster.start(leader);
      }
      return isOver(made)();
    });
    expect(kills).toBeGreaterThan(5);
    expect(currentRebalance(anyState(made).rebalance)).toMatchObject({ status: 'COMPLETED', failed: 0 });
    expectLegal(anyState(made));
    await cluster.stop();
  });

  test('waits for a tablet server that was started again, and completes', async () => {
    const made = await scene();
    const { servers } = made;
    await begin(made, 'rebalance-1');
    const [, first, second] = servers;
    if (first === undefined || second === undefined) throw new Error('there are four');
    first.isUp = false;
    for (let round = 0; round < 30; round += 1) for (const server of servers) await server.turn(servers);
    expect(isOver(made)()).toBe(false);
    first.restart();
    second.isUp = false;
    second.restart();
    await untilServed(servers, 'it is over', isOver(made));
    expect(currentRebalance(anyState(made).rebalance)).toMatchObject({ status: 'COMPLETED', failed: 0 });
    expectLegal(anyState(made));
    await made.cluster.stop();
  });

  test('canceled at any moment leaves every bucket legal, and the next one completes', async () => {
    for (let after = 0; after < 60; after += 6) {
      const made = await scene();
      await begin(made, 'rebalance-1');
      const from = anyState(made).position;
      await untilServed(made.servers, 'it is so far', () => isOver(made)() || anyState(made).position >= from + after);
      const canceled = isOver(made)() ? 'COMPLETED' : 'CANCELED';
      if (canceled === 'CANCELED') await made.cluster.node('n2').submit({ name: 'cancelRebalance' }, caller);
      expectLegal(anyState(made));
      await begin(made, 'rebalance-2');
      await untilServed(made.servers, 'the next one is over', isOver(made));
      expect(currentRebalance(anyState(made).rebalance)).toMatchObject({ rebalanceId: 'rebalance-2', status: 'COMPLETED', failed: 0 });
      expect(rowsOf(anyState(made)).filter(({ replicas }) => replicas.includes(0))).toEqual([]);
      await made.cluster.stop();
    }
  });
});
