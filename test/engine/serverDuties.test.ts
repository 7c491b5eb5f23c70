/**
 * Goal: a tablet server that is not heard of is lost when its lease is over and not before, returns when it is heard of again, and its
 *   buckets are led by others meanwhile, however many there are.
 * Method: nodes over one log under a virtual clock; reports are given to them directly.
 */
import { expect, test, vi } from 'vitest';
import { leaderCount } from '../../projections/buckets.ts';
import { serverOf } from '../../projections/servers.ts';
import { Table } from '../../projections/table.ts';
import type { Command } from '../../src/deciders/commands.ts';
import type { Node } from '../../src/engine/node.ts';
import { stoppingSeen } from '../../src/engine/serverDuties.ts';
import { stateAfter } from '../support/given.ts';
import { caller, TestCluster } from '../support/nodes.ts';
import { buckets as assigned, inSync, lost, servers, stopping } from '../support/tablets.ts';
import { VirtualClock } from '../support/virtualClock.ts';

const leaseMs = 10_000;
const eventually = { timeout: 30_000, interval: 5 };
const ask = async (node: Node, command: Command): Promise<void> => {
  expect(await node.submit(command, caller)).toMatchObject({ kind: 'done' });
};
const register = (node: Node, serverId: number, incarnation = 'a'): Promise<void> =>
  ask(node, { name: 'registerServer', serverId, directoryId: `d${serverId}`, incarnation, endpoint: `127.0.0.1:${9000 + serverId}` });
const hear = (node: Node, serverId: number, incarnation = 'a'): void =>
  node.serverReports.record({ serverId, incarnation, appliedPosition: node.state.position, copies: [] });
const statusOf = (node: Node, serverId: number) => serverOf(node.state.servers, serverId)?.status;

async function leadingNode(clock: VirtualClock): Promise<{ readonly cluster: TestCluster; readonly node: Node }> {
  const cluster = new TestCluster(clock);
  const node = await cluster.start('n1');
  await vi.waitFor(() => expect(node.role).toBe('leader'), eventually);
  return { cluster, node };
}

test('who is silent is lost when the lease is over, and returns when heard of', async () => {
  const clock = new VirtualClock();
  const { cluster, node } = await leadingNode(clock);
  await register(node, 1);
  await register(node, 2);
  await clock.advance(leaseMs - 1000);
  hear(node, 2);
  expect(statusOf(node, 1)).toBe('LIVE');
  await clock.advance(3000);
  await vi.waitFor(() => expect(statusOf(node, 1)).toBe('LOST'), eventually);
  expect(statusOf(node, 2)).toBe('LIVE');
  hear(node, 1, 'another process');
  await clock.advance(100);
  expect(statusOf(node, 1)).toBe('LOST');
  hear(node, 1);
  await vi.waitFor(() => expect(statusOf(node, 1)).toBe('LIVE'), eventually);
  await cluster.stop();
});

test('the reports of a process that is gone keep no lease', async () => {
  const clock = new VirtualClock();
  const { cluster, node } = await leadingNode(clock);
  await register(node, 1, 'first');
  await register(node, 1, 'second');
  for (let i = 0; i < 6; i += 1) {
    hear(node, 1, 'first');
    await clock.advance(leaseMs / 4);
  }
  await vi.waitFor(() => expect(statusOf(node, 1)).toBe('LOST'), eventually);
  await cluster.stop();
});

test('a clock that is set takes nobody for lost, and hides nobody for long', async () => {
  const clock = new VirtualClock();
  const { cluster, node } = await leadingNode(clock);
  await register(node, 1);
  await register(node, 2);
  for (const jumpMs of [3_600_000, -3_600_000]) {
    hear(node, 1);
    hear(node, 2);
    clock.jumpTo(clock.now() + jumpMs);
    await clock.advance(leaseMs / 2);
    expect([statusOf(node, 1), statusOf(node, 2)]).toEqual(['LIVE', 'LIVE']);
  }
  hear(node, 2);
  await clock.advance(leaseMs);
  await vi.waitFor(() => expect(statusOf(node, 1)).toBe('LOST'), eventually);
  await cluster.stop();
});

test('a server that registers while the log is ahead of the clock has a lease', async () => {
  const clock = new VirtualClock();
  const { cluster, node } = await leadingNode(clock);
  clock.jumpTo(clock.now() - 3_600_000);
  await clock.advance(2 * leaseMs); // What was granted because the clock was set is over.
  expect(node.logAheadMs).toBe(3_600_000 - leaseMs);
  await register(node, 1);
  await clock.advance(leaseMs - 1_000);
  expect(statusOf(node, 1)).toBe('LIVE');
  await clock.advance(leaseMs + leaseMs / 2);
  await vi.waitFor(() => expect(statusOf(node, 1)).toBe('LOST'), eventually);
  await cluster.stop();
});

test('a node that takes the lead grants everybody a whole lease', async () => {
  const clock = new VirtualClock();
  const { cluster, node } = await leadingNode(clock);
  await register(node, 1);
  const next = await cluster.start('n2');
  await clock.advance(leaseMs - 1000);
  cluster.kill('n1');
  await vi.waitFor(() => expect(next.role).toBe('leader'), eventually);
  await clock.advance(leaseMs - 1000);
  expect(statusOf(next, 1)).toBe('LIVE');
  await clock.advance(leaseMs / 2);
  await vi.waitFor(() => expect(statusOf(next, 1)).toBe('LOST'), eventually);
  await cluster.stop();
});

test('what a lost server led is led by others, and by itself when nobody else is in sync', async () => {
  const clock = new VirtualClock();
  const { cluster, node } = await leadingNode(clock);
  for (const serverId of [1, 2]) await register(node, serverId);
  const columns = [{ name: 'id', type: 'INT', isNullable: true }];
  const table = (name: string, replicationFactor: number): Command => ({
    name: 'createTable',
    database: 'fluss',
    table: name,
    columns,
    primaryKey: [],
    partitionKeys: [],
    properties: { 'bucket.num': '1200', 'table.replication.factor': `${replicationFactor}` },
    draw: { start: 0, shift: 0 },
    ignoreIfExists: false,
  });
  await ask(node, table('two', 2));
  await ask(node, table('one', 1));
  expect([1, 2].map((id) => leaderCount(node.state.buckets, id))).toEqual([1200, 1200]);
  await ask(node, { name: 'loseServer', serverId: 1, incarnation: 'a', because: 'STOPPED' });
  await vi.waitFor(() => expect(leaderCount(node.state.buckets, 2)).toBe(1800), eventually);
  expect([leaderCount(node.state.buckets, 1), node.state.buckets.leaderless.size]).toEqual([0, 600]);
  await register(node, 1, 'b');
  await vi.waitFor(() => expect(node.state.buckets.leaderless.size).toBe(0), eventually);
  expect(leaderCount(node.state.buckets, 1)).toBe(600);
  await cluster.stop();
});

test('all servers are looked through for one that is about to stop only when they have changed', () => {
  const begun = [...servers(0, 1), assigned([0, 1])];
  const [calm, moved, leaving, gone] = [[], [inSync(0, [0, [0]])], [stopping(1)], [stopping(1), lost(1)]].map((more) =>
    stateAfter(...begun, ...more),
  );
  const rows = vi.spyOn(Table.prototype, 'rows');
  const seen = stoppingSeen();
  const answers = [calm, calm, moved, leaving, leaving, gone, gone].map((state) => state !== undefined && seen(state.servers));
  const looks = rows.mock.calls.length;
  rows.mockRestore();
  expect(answers).toEqual([false, false, false, true, true, false, false]);
  expect(looks).toBe(4); // `moved` is of another log: its servers are equal to those of `calm`, and not the same.
});
