/**
 * Goal: after a leader whose clock was an hour ahead, or whose clock was set back, timers of the log come due within twice their time, what
 *   is counted in time of day is not hurried, and the log comes back to the time of day.
 * Method: two nodes over one log under a virtual clock; the clock of the first is an hour ahead, it dies, and the second, whose clock is
 *   right, leads. One timer of each kind is set, and looked at just before and just after it should run off.
 */
import { expect, test, vi } from 'vitest';
import { coordinatorOf } from '../../projections/coordinators.ts';
import { moveAt } from '../../projections/rebalance.ts';
import { tieringOf } from '../../projections/tiering.ts';
import { tokenOf } from '../../projections/tokens.ts';
import type { Command } from '../../src/deciders/commands.ts';
import type { Node, NodeParts } from '../../src/engine/node.ts';
import { createDatabase, createTable, lakeProperties } from '../model/tieringSamples.ts';
import { heartbeat } from '../support/lakeTables.ts';
import { caller, TestCluster } from '../support/nodes.ts';
import { VirtualClock } from '../support/virtualClock.ts';

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;
const eventually = { timeout: 10_000, interval: 5 };
const text = (value: string) => ({ kind: 'text', text: value }) as const;
const staticConfigs: NodeParts['staticConfigs'] = {
  'chancery.coordinator.forget-after': text('1 min'),
  'chancery.rebalance.move-timeout': text('1 min'),
  'chancery.server.lease': text('1 h'),
  'chancery.tiering.round-timeout': text('1 min'),
};

/** Nodes of which one leads, and is asked. */
class Scene {
  readonly clock = new VirtualClock();
  readonly cluster = new TestCluster(this.clock);
  #leader = 'n1';

  /** `n1` leads with a clock that is an hour ahead. */
  static async anHourAhead(): Promise<Scene> {
    const scene = new Scene();
    scene.cluster.aheadMs.set('n1', hour);
    await scene.cluster.start('n1', { staticConfigs });
    await scene.leads('n1');
    await scene.ask(createDatabase('lake'));
    return scene;
  }

  get node(): Node {
    return this.cluster.node(this.#leader);
  }

  async leads(nodeId: string): Promise<void> {
    this.#leader = nodeId;
    await vi.waitFor(() => expect(this.node.role).toBe('leader'), eventually);
    await this.pass(0);
  }

  /** `n1` dies, and `n2`, whose clock is right, leads. */
  async rightClockLeads(): Promise<void> {
    await this.cluster.start('n2', { staticConfigs });
    await this.pass(0);
    this.cluster.kill('n1');
    await this.leads('n2');
  }

  async ask(command: Command): Promise<void> {
    expect(await this.node.submit(command, caller)).toMatchObject({ kind: 'done' });
  }

  /** Lets time pass, and what was begun meanwhile come to its end. */
  async pass(ms: number): Promise<void> {
    await this.clock.advance(ms);
    for (let quiet = 0; quiet < 20; quiet += 1) {
      const { position } = this.node.state;
      await new Promise(setImmediate);
      if (this.node.state.position !== position) quiet = 0; // Something came of it: begin again.
    }
  }

  /** @param showing what changes between two moments, milliseconds from now */
  async changesWithin([from, to]: readonly [number, number], showing: () => unknown): Promise<void> {
    const before = showing();
    await this.pass(from);
    expect(showing()).toEqual(before);
    await this.pass(to - from);
    expect(showing()).not.toEqual(before);
  }

  stateOf(tableId: number): string | undefined {
    return tieringOf(this.node.state.tiering, tableId)?.state;
  }

  async stop(): Promise<void> {
    const dates = this.cluster.entries().map(({ at }) => at);
    expect(dates).toEqual(dates.toSorted((a, b) => a - b));
    await this.cluster.stop();
  }
}

test('timers of lake tables take twice their time while the log is ahead, set before or since', async () => {
  const scene = await Scene.anHourAhead();
  await scene.ask(createTable('lake', 'before', lakeProperties(3 * minute)));
  await scene.rightClockLeads();
  await scene.ask(createTable('lake', 'since', lakeProperties(3 * minute)));
  await scene.changesWithin([6 * minute - 5, 6 * minute + second], () => [scene.stateOf(0), scene.stateOf(1)]);
  expect([scene.stateOf(0), scene.stateOf(1)]).toEqual(['Pending', 'Pending']);
  await scene.stop();
});

test('a deadline takes twice its time while the log is ahead, and its own time when the log has come back', async () => {
  const scene = await Scene.anHourAhead();
  await scene.rightClockLeads();
  const isListed = (nodeId: string) => () => coordinatorOf(scene.node.state.coordinators, nodeId) !== undefined;
  await scene.changesWithin([2 * minute - 5, 2 * minute + 5], isListed('n1'));
  await scene.pass(2 * hour);
  await scene.cluster.start('n3', { staticConfigs });
  await scene.pass(0);
  expect(isListed('n3')()).toBe(true);
  scene.cluster.kill('n3');
  await scene.pass(0);
  await scene.changesWithin([minute - 5, minute + 5], isListed('n3'));
  await scene.stop();
});

test('a move is given up within twice its time-out', async () => {
  const scene = await Scene.anHourAhead();
  await scene.rightClockLeads();
  for (const serverId of [0, 1])
    await scene.ask({ name: 'registerServer', serverId, directoryId: `d${serverId}`, incarnation: 'a', endpoint: `t${serverId}:9124` });
  const layout = { partitionKeys: [], primaryKey: [], properties: { 'bucket.num': '1', 'table.replication.factor': '1' } };
  const columns = [{ name: 'id', type: 'INT', isNullable: true }];
  const draw = { start: 0, shift: 0 };
  await scene.ask({ name: 'createTable', database: 'lake', table: 't', columns, ...layout, draw, ignoreIfExists: false });
  const reason = { because: 'TAGGED', tag: 'PERMANENT_OFFLINE' } as const;
  const steps = [{ askedBy: 'SERVER_TAG' as const, kind: 'REPLICA' as const, from: 0, to: 1, reason }];
  const bucket = { tableId: 0, bucketId: 0, originalLeader: 0, originalReplicas: [0] };
  const moves = [{ ...bucket, newLeader: 1, newReplicas: [1], steps }];
  const rebalanceId = 'rebalance-1';
  const plannedAt = scene.node.state.position;
  await scene.ask({ name: 'planRebalance', rebalanceId, goals: ['REPLICA_DISTRIBUTION'], plannedAt, moveCount: 1, moves });
  await scene.pass(0);
  const status = (): string | undefined => moveAt(scene.node.state.rebalance, rebalanceId, 0)?.status;
  expect(status()).toBe('REBALANCING');
  await scene.changesWithin([2 * minute - 5, 2 * minute + 5], status);
  expect(status()).toBe('FAILED');
  await scene.stop();
});

test('a silent round is given up as if the log were not ahead', async () => {
  const scene = await Scene.anHourAhead();
  await scene.ask(createTable('lake', 't', lakeProperties(0)));
  await scene.pass(second);
  await scene.ask(heartbeat({ service: 's1', wantsTable: true }));
  expect(scene.stateOf(0)).toBe('Tiering');
  await scene.rightClockLeads();
  await scene.changesWithin([minute - 5, minute + minute / 8], () => tieringOf(scene.node.state.tiering, 0)?.failures);
  await scene.stop();
});

test('a token lives for as long as its owner was promised', async () => {
  const scene = await Scene.anHourAhead();
  await scene.rightClockLeads();
  const hash = '0'.repeat(64);
  for (const minutes of [30, 90]) {
    const expiresAt = scene.clock.now() + minutes * minute; // In log time over already, and within an hour.
    await scene.ask({ name: 'issueToken', tokenId: `t${minutes}`, principal: 'User:a', hash, about: '', expiresAt });
  }
  const isThere = (tokenId: string) => () => tokenOf(scene.node.state.tokens, tokenId) !== undefined;
  await scene.changesWithin([30 * minute - 5, 30 * minute + 5], isThere('t30'));
  await scene.changesWithin([60 * minute - 10, 60 * minute], isThere('t90'));
  await scene.stop();
});

test('the log is dated with the time of day again after twice as long as it was ahead', async () => {
  const scene = await Scene.anHourAhead();
  await scene.rightClockLeads();
  expect(scene.node.logAheadMs).toBe(hour);
  await scene.pass(hour);
  expect(scene.node.logAheadMs).toBe(hour / 2);
  await scene.ask(createTable('lake', 'half', {}));
  expect(scene.node.state.at).toBe(scene.clock.now() + hour / 2);
  await scene.pass(hour);
  expect(scene.node.logAheadMs).toBe(0);
  await scene.ask(createTable('lake', 'back', {}));
  expect(scene.node.state.at).toBe(scene.clock.now());
  await scene.stop();
});

test('changes of leader on the way date nothing back, and lose no more than was not written', async () => {
  const scene = await Scene.anHourAhead();
  await scene.rightClockLeads();
  const [first, dates] = [scene.node.state.at, [] as number[]];
  let [leads, next] = ['n2', 'n1'];
  scene.cluster.aheadMs.set('n1', 0);
  for (let change = 1; change <= 6; change += 1) {
    await scene.pass(10 * minute);
    await scene.ask(createTable('lake', `t${change}`, {}));
    dates.push(scene.node.state.at - first);
    await scene.cluster.start(next, { staticConfigs });
    await scene.pass(0);
    scene.cluster.kill(leads);
    await scene.leads(next);
    [leads, next] = [next, leads];
  }
  expect(dates).toEqual([1, 2, 3, 4, 5, 6].map((changes) => changes * 5 * minute));
  await scene.stop();
});
