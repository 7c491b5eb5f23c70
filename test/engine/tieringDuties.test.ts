/**
 * Goal: while a node leads, tables become due when their freshness is over and not before, rounds whose service is silent are given up,
 *   and tables of older logs are taken in; nothing is written while nothing happens, and nothing goes on when the lead is lost.
 * Method: nodes over one log under a virtual clock, which may be set, paused and be another one for each node.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { databaseCreated, tableCreated } from '../../events/catalog.ts';
import { decodeEntry, type EncodedEntry } from '../../events/envelope.ts';
import { leadershipTaken, logCreated } from '../../events/leadership.ts';
import { lakeTableAdded, tieringDue, tieringRoundStarted } from '../../events/tiering.ts';
import { type TieringRow, tieringOf } from '../../projections/tiering.ts';
import type { Command } from '../../src/deciders/commands.ts';
import { type TieringAnswer, tieringAnswer } from '../../src/deciders/tiering.ts';
import { LogTime } from '../../src/engine/logTime.ts';
import type { Node } from '../../src/engine/node.ts';
import { Replica } from '../../src/engine/replica.ts';
import type { Outcome } from '../../src/engine/submission.ts';
import { startTiering } from '../../src/engine/tieringDuties.ts';
import { TieringRounds } from '../../src/engine/tieringRounds.ts';
import { lostRequest } from '../../src/log/faulty.ts';
import { rejection } from '../../src/rejection.ts';
import { alterTable, createDatabase, createTable, lakeProperties } from '../model/tieringSamples.ts';
import { logOf } from '../support/given.ts';
import { heartbeat } from '../support/lakeTables.ts';
import { caller, TestCluster } from '../support/nodes.ts';
import { VirtualClock } from '../support/virtualClock.ts';

const eventually = { timeout: 10_000, interval: 5 };
const timeoutMs = 120_000;
const freshnessMs = 10_000;
const second = 1_000;

async function leading(cluster: TestCluster, nodeId: string): Promise<Node> {
  const node = cluster.running.has(nodeId) ? cluster.node(nodeId) : await cluster.start(nodeId);
  await vi.waitFor(() => expect(node.role).toBe('leader'), eventually);
  return node;
}

/** A cluster whose leader is asked; it has lake tables with the ids from 0. */
class Lake {
  readonly clock: VirtualClock;
  readonly cluster: TestCluster;
  node: Node;

  constructor(clock: VirtualClock, cluster: TestCluster, node: Node) {
    this.clock = clock;
    this.cluster = cluster;
    this.node = node;
  }

  static async with(tables: number, freshness = freshnessMs): Promise<Lake> {
    const clock = new VirtualClock();
    const cluster = new TestCluster(clock);
    const lake = new Lake(clock, cluster, await leading(cluster, 'n1'));
    await lake.ask(createDatabase('lake'));
    for (let id = 0; id < tables; id += 1) await lake.ask(createTable('lake', `t${id}`, lakeProperties(freshness)));
    return lake;
  }

  async ask(command: Command): Promise<TieringAnswer | undefined> {
    const outcome = await this.node.submit(command, caller);
    if (outcome.kind !== 'done') throw new Error(JSON.stringify(outcome));
    return outcome.answer === undefined ? undefined : tieringAnswer.parse(outcome.answer);
  }

  /** Lets time pass, and what was begun meanwhile come to its end: one command of a duty follows the other within a few turns. */
  async pass(ms: number): Promise<void> {
    await this.clock.advance(ms);
    for (let quiet = 0; quiet < 20; quiet += 1) {
      const { position } = this.node.state;
      await new Promise(setImmediate);
      if (this.node.state.position !== position) quiet = 0; // Something came of it: begin again.
    }
  }

  row(id: number): TieringRow {
    const row = tieringOf(this.node.state.tiering, id);
    if (row === undefined) throw new Error(`table ${id} is not tiered`);
    return row;
  }

  states(...ids: readonly number[]): readonly string[] {
    return ids.map((id) => this.row(id).state);
  }

  /** Has this many tables handed to a service. */
  async handOut(service: string, count: number): Promise<void> {
    const has: number[] = [];
    for (let i = 0; i < count; i += 1) {
      const answer = await this.ask(heartbeat({ service, wantsTable: true, alsoHas: has }));
      has.push(answer?.table?.tableId ?? -1);
    }
    expect(has).not.toContain(-1);
  }

  async renew(service: string, ...ids: readonly number[]): Promise<void> {
    const answer = await this.ask(
      heartbeat({ service, tiering: ids.map((tableId) => ({ tableId, tieringEpoch: this.row(tableId).tieringEpoch })) }),
    );
    expect(answer?.tiering.filter(({ refusal }) => refusal !== undefined)).toEqual([]);
  }
}

describe('timers', () => {
  test('a table is due when its freshness is over, to the millisecond, and not before', async () => {
    const lake = await Lake.with(1);
    await lake.pass(freshnessMs - 1);
    expect(lake.row(0)).toMatchObject({ state: 'Scheduled', tieringEpoch: 0 });
    await lake.pass(1);
    expect(lake.row(0)).toMatchObject({ state: 'Pending', tieringEpoch: 1, since: lake.clock.now() });
    await lake.cluster.stop();
  });

  test('one that becomes shorter is noticed within a second, one that becomes longer is waited for', async () => {
    const lake = await Lake.with(2);
    await lake.pass(5 * second);
    await lake.ask(alterTable('lake', 't0', { 'table.datalake.freshness': '1 s' }));
    await lake.ask(alterTable('lake', 't1', { 'table.datalake.freshness': '60 s' }));
    await lake.pass(second);
    expect(lake.states(0, 1)).toEqual(['Pending', 'Scheduled']);
    await lake.pass(54 * second - 1);
    expect(lake.states(1)).toEqual(['Scheduled']);
    await lake.pass(1);
    expect(lake.states(1)).toEqual(['Pending']);
    await lake.cluster.stop();
  });

  test('hundreds that are due together are queued together, those first whose second came first', async () => {
    const lake = await Lake.with(0);
    for (let id = 0; id < 450; id += 1) {
      await lake.ask(createTable('lake', `t${id}`, lakeProperties(freshnessMs)));
      if (id % 100 === 99) await lake.pass(second);
    }
    expect(lake.node.state.tiering.counts.Scheduled).toBe(450);
    lake.clock.jumpTo(lake.clock.now() + 3_600_000);
    await lake.pass(second);
    const { counts, queue } = lake.node.state.tiering;
    expect(counts.Pending).toBe(450);
    const places = [...queue.rows()].sort(([a], [b]) => Number(a) - Number(b)).map(([, id]) => Math.floor(id / 100));
    expect(places).toEqual([...places].sort((a, b) => a - b));
    const entries = lake.cluster.entries().filter(({ events }) => events.some(({ type }) => type === 'TieringDue'));
    expect(entries.reduce((sum, { count }) => sum + count, 0)).toBe(450);
    expect(entries.length).toBeLessThanOrEqual(10);
    await lake.cluster.stop();
  });

  test('a clock that is set forward makes tables due; one that is set back does so within twice their freshness', async () => {
    const lake = await Lake.with(1);
    lake.clock.jumpTo(lake.clock.now() + 3_600_000);
    await lake.pass(second);
    expect(lake.states(0)).toEqual(['Pending']);
    await lake.ask(createTable('lake', 't1', lakeProperties(freshnessMs)));
    lake.clock.jumpTo(lake.clock.now() - 60_000);
    await lake.pass(2 * freshnessMs - 2);
    expect(lake.states(1)).toEqual(['Scheduled']);
    await lake.pass(2);
    expect(lake.states(1)).toEqual(['Pending']);
    await lake.cluster.stop();
  });

  test('a thousand tables for which no service asks are queued once, and then cost no log', async () => {
    const lake = await Lake.with(1_000);
    await lake.pass(freshnessMs + second);
    expect(lake.node.state.tiering.counts).toEqual({ Scheduled: 0, Pending: 1_000, Tiering: 0 });
    const { position } = lake.cluster.hub.head;
    await lake.pass(3 * 3_600_000);
    expect(lake.cluster.hub.head.position).toBe(position);
    await lake.handOut('s1', 1);
    for (let i = 0; i < 60; i += 1) {
      await lake.pass(30 * second);
      await lake.renew('s1', 0);
    }
    expect(lake.cluster.hub.head.position).toBe(position + 1);
    await lake.cluster.stop();
  });
});

describe('time-outs', () => {
  test('a silent round is given up between its time-out and an eighth of it later, with words of the cluster', async () => {
    const lake = await Lake.with(1);
    await lake.pass(freshnessMs);
    await lake.handOut('s1', 1);
    const { since } = lake.row(0);
    await lake.pass(timeoutMs - 1);
    expect(lake.states(0)).toEqual(['Tiering']);
    await lake.pass(timeoutMs / 8 + 1);
    const row = lake.row(0);
    expect(row).toMatchObject({ state: 'Pending', tieringEpoch: 2, failures: 1, failuresInRow: 1 });
    expect(row.errorText).toBe('No heartbeat of tiering service s1 for 120 s: the round was given up.');
    expect(row.errorAt).toBeGreaterThanOrEqual(since + timeoutMs);
    expect(row.errorAt).toBeLessThanOrEqual(since + timeoutMs + timeoutMs / 8);
    await lake.cluster.stop();
  });

  test('a round that is renewed goes on, beside one that is not', async () => {
    const lake = await Lake.with(2);
    await lake.pass(freshnessMs + second);
    await lake.handOut('s1', 1);
    await lake.handOut('s2', 1);
    for (let i = 0; i < 10; i += 1) {
      await lake.renew('s1', 0);
      await lake.pass(timeoutMs - second);
    }
    expect([lake.row(0), lake.row(1)]).toMatchObject([{ state: 'Tiering', tieringEpoch: 1 }, { state: 'Pending' }]);
    await lake.cluster.stop();
  });

  test('a service that is handed a table again and again and never names it does not keep it', async () => {
    const lake = await Lake.with(1);
    await lake.pass(freshnessMs);
    for (const tieringEpoch of [1, 1, 2, 2]) {
      expect((await lake.ask(heartbeat({ service: 's1', wantsTable: true })))?.table).toMatchObject({ tableId: 0, tieringEpoch });
      await lake.pass(timeoutMs / 2 + timeoutMs / 8);
    }
    expect(lake.row(0)).toMatchObject({ failuresInRow: 2, tieringEpoch: 3 });
    await lake.cluster.stop();
  });

  test('hundreds that are silent together are all given up at one look', async () => {
    const lake = await Lake.with(250);
    await lake.pass(freshnessMs);
    await lake.handOut('s1', 250);
    await lake.pass(timeoutMs - 1);
    expect(lake.node.state.tiering.counts.Tiering).toBe(250);
    await lake.pass(timeoutMs / 8 + 1);
    expect(lake.node.state.tiering.counts).toEqual({ Scheduled: 0, Pending: 250, Tiering: 0 });
    const at = new Set(Array.from({ length: 250 }, (_, id) => lake.row(id).errorAt));
    expect(at.size).toBe(1);
    await lake.cluster.stop();
  });

  test.each([
    ['forward', 3_600_000],
    ['back', -3_600_000],
  ])('a clock that is set %s gives up no round, and keeps none for longer than two time-outs', async (_, jumpMs) => {
    const lake = await Lake.with(2);
    await lake.pass(freshnessMs + second);
    await lake.handOut('s1', 1);
    await lake.handOut('s2', 1);
    await lake.pass(timeoutMs - 2 * second);
    lake.clock.jumpTo(lake.clock.now() + jumpMs);
    await lake.pass(timeoutMs - 20 * second);
    expect(lake.states(0, 1)).toEqual(['Tiering', 'Tiering']);
    await lake.renew('s1', 0);
    await lake.pass(40 * second);
    expect(lake.states(0, 1)).toEqual(['Tiering', 'Pending']);
    await lake.cluster.stop();
  });

  test('whoever takes the lead grants every round a whole time-out, and gives it up then', async () => {
    const lake = await Lake.with(1);
    await lake.pass(freshnessMs);
    await lake.handOut('s1', 1);
    await lake.cluster.start('n2');
    await lake.pass(timeoutMs - second);
    lake.cluster.kill('n1');
    lake.node = await leading(lake.cluster, 'n2');
    await lake.pass(timeoutMs - 1);
    expect(lake.states(0)).toEqual(['Tiering']);
    await lake.pass(timeoutMs / 8 + 1);
    expect(lake.row(0)).toMatchObject({ state: 'Pending', tieringEpoch: 2, failures: 1 });
    await lake.cluster.stop();
  });

  test('a silence that one leadership heard is not acted on by the next', async () => {
    const lake = await Lake.with(1);
    await lake.pass(freshnessMs);
    await lake.handOut('s1', 1);
    lake.cluster.log('n1').script(lostRequest);
    const { epoch } = lake.node.state;
    await lake.pass(timeoutMs - second);
    for (let i = 0; lake.node.role === 'leader' && i < 20; i += 1) await lake.pass(second);
    await vi.waitFor(() => expect([lake.node.role, lake.node.state.epoch]).toEqual(['leader', epoch + 1]), eventually);
    await lake.renew('s1', 0);
    await lake.pass(timeoutMs - 1);
    expect(lake.row(0)).toMatchObject({ state: 'Tiering', failures: 0 });
    await lake.pass(timeoutMs / 8 + 1);
    expect(lake.row(0)).toMatchObject({ state: 'Pending', failures: 1 });
    await lake.cluster.stop();
  });

  test('a time-out that is changed counts for the rounds that begin then, soon and in full', async () => {
    const lake = await Lake.with(2);
    const set = (value: string): Command => ({
      name: 'alterClusterConfigs',
      changes: [{ key: 'chancery.tiering.round-timeout', op: 'set', value }],
    });
    await lake.ask(set('1 d'));
    await lake.pass(freshnessMs + 20 * second); // A look with a time-out of a day is behind it.
    await lake.handOut('s1', 1);
    await lake.ask(set('10 s'));
    await lake.handOut('s2', 1);
    await lake.pass(10 * second - 1);
    expect(lake.states(0, 1)).toEqual(['Tiering', 'Tiering']);
    await lake.pass(15 * second + 1);
    expect(lake.states(0, 1)).toEqual(['Tiering', 'Pending']);
    expect(lake.row(1).errorText).toBe('No heartbeat of tiering service s2 for 10 s: the round was given up.');
    await lake.cluster.stop();
  });
});

describe('the end of a leadership', () => {
  /** Counts what is still to happen. */
  class CountedClock extends VirtualClock {
    readonly waiting = new Set<object>();
    override after(ms: number, run: () => void): () => void {
      const timer = {};
      this.waiting.add(timer);
      const cancel = super.after(ms, () => {
        this.waiting.delete(timer);
        run();
      });
      return () => {
        this.waiting.delete(timer);
        cancel();
      };
    }
  }

  test.each([
    ['at rest', false],
    ['while what they gave is not answered yet', true],
  ])('stops the duties %s, without a timer left', async (_, isAnsweredLate) => {
    const clock = new CountedClock(Date.UTC(2027, 0, 1));
    const replica = new Replica();
    const named = (tableId: number) => ({ tableId, database: 'lake', table: `t${tableId}` });
    const chapter = [
      lakeTableAdded({ ...named(0), freshnessMs: 0, tieringEpoch: 0, because: 'NEW' }),
      lakeTableAdded({ ...named(1), freshnessMs: 0, tieringEpoch: 0, because: 'NEW' }),
      tieringDue({ ...named(1), tieringEpoch: 1 }),
      tieringRoundStarted({ ...named(1), tieringEpoch: 1, service: 's1', timeoutMs }),
    ];
    for (const { text } of logOf([{ events: chapter }])) replica.receive(1, text);
    const given: { readonly command: Command; readonly answer: (outcome: Outcome) => void }[] = [];
    const submit = (command: Command) => new Promise<Outcome>((answer) => given.push({ command, answer }));
    const rounds = new TieringRounds(clock, replica.state.tiering);
    const stop = startTiering({ clock, logTime: new LogTime(clock, replica.state.at), replica, rounds, submit });
    await clock.advance(timeoutMs + timeoutMs / 8);
    expect(given.map(({ command }) => command.name)).toEqual(['queueDueTables', 'timeOutTieringRounds']);
    const refuse = () => {
      for (const { answer } of given) answer({ kind: 'rejected', rejection: rejection('BUSY', '', 'later') });
    };
    if (!isAnsweredLate) refuse();
    await clock.advance(0);
    expect(clock.waiting.size).toBeGreaterThan(0);
    stop();
    if (isAnsweredLate) refuse();
    await clock.advance(0);
    expect(clock.waiting.size).toBe(0);
    await clock.advance(3_600_000);
    expect(given).toHaveLength(2);
  });
});

test.each([
  ['renews no round', heartbeat({ service: 's1', tiering: [{ tableId: 0, tieringEpoch: 1 }] }), [{ tableId: 0 }]],
  ['hands out no table', heartbeat({ service: 's2', wantsTable: true }), []],
])('a leader that is one no more without knowing it %s', async (_, asked, tiering) => {
  const lake = await Lake.with(2);
  await lake.pass(freshnessMs);
  await lake.handOut('s1', 1);
  const old = lake.node;
  lake.node = await lake.cluster.start('n2');
  await lake.pass(0); // Its coming is written down.
  lake.cluster.hub.partition('n1');
  await vi.waitFor(() => expect(lake.node.role).toBe('leader'), eventually);
  expect(old.role).toBe('leader');
  const answered = old.submit(asked, caller);
  await lake.ask(heartbeat({ service: 's3', wantsTable: true }));
  expect(lake.row(1)).toMatchObject({ state: 'Tiering', service: 's3' });
  lake.cluster.hub.heal('n1');
  const answer = { coordinatorEpoch: lake.node.state.epoch, failed: [], tiering, finished: [] };
  expect(await answered).toMatchObject({ kind: 'done', answer });
  const started = lake.cluster.entries().flatMap(({ events }) => events.filter(({ type }) => type === 'TieringRoundStarted'));
  expect(started.map(({ data }) => data)).toMatchObject([
    { tableId: 0, service: 's1' },
    { tableId: 1, service: 's3' },
  ]);
  await lake.cluster.stop();
});

describe('lake tables of older logs', () => {
  const golden = readFileSync(join(import.meta.dirname, '../golden/0.4.0-servers.ndjson'), 'utf8')
    .trim()
    .split('\n');

  /** As it was when the last of these had been written, each by the leader of its epoch. */
  function write({ hub }: TestCluster, log: readonly EncodedEntry[]): void {
    let epoch = 0;
    for (const encoded of log) {
      while (epoch < encoded.entry.epoch) epoch = hub.raiseEpoch();
      expect(hub.append(encoded)).toEqual({ kind: 'appended' });
    }
  }

  test('those of release 0.4.0 are taken in by its first leader, and by nobody again', async () => {
    const clock = new VirtualClock();
    const cluster = new TestCluster(clock);
    const switchedOn = golden.findIndex((text) => text.includes('"table.datalake.enabled":"true"'));
    write(
      cluster,
      golden.slice(0, switchedOn + 1).map((text) => ({ entry: decodeEntry(text), text })),
    );
    const node = await cluster.start('n1');
    await vi.waitFor(() => expect(node.state.tiering.byTable.size).toBe(1), eventually);
    const [row] = [...node.state.tiering.byTable.rows()].map(([, each]) => each);
    expect(node.state.catalog.tables.get(`${row?.tableId}`)?.properties['table.datalake.enabled']).toBe('true');
    expect(row).toMatchObject({ state: 'Scheduled', tieringEpoch: 0, failures: 0 });
    const added = () => cluster.entries().flatMap(({ events }) => events.filter(({ type }) => type === 'LakeTableAdded'));
    expect(added().map(({ data }) => data)).toMatchObject([{ because: 'FOUND' }]);
    const next = await cluster.start('n2');
    cluster.kill('n1');
    await vi.waitFor(() => expect(next.role).toBe('leader'), eventually);
    await clock.advance(second);
    expect(added()).toHaveLength(1);
    await cluster.stop();
  });

  const table = (tableId: number) =>
    tableCreated({
      tableId,
      database: 'lake',
      table: `t${tableId}`,
      columns: [{ name: 'id', type: 'BIGINT', isNullable: true }],
      primaryKey: [],
      partitionKeys: ['id'],
      bucketKeys: [],
      bucketCount: 1,
      replicationFactor: 1,
      properties: tableId % 10 === 9 ? {} : { 'table.datalake.enabled': 'true', 'table.datalake.freshness': '5 s' },
    });
  const oldLog = (): readonly EncodedEntry[] => {
    const begin = [logCreated({ format: 1, clusterId: 'c1' }), leadershipTaken({ nodeId: 'n0', epoch: 1, staticConfigs: {} })];
    const tables = Array.from({ length: 500 }, (_, id) => table(id));
    return logOf([
      { events: [...begin, databaseCreated({ database: 'lake', properties: {} })] },
      ...[0, 100, 200, 300, 400].map((from) => ({ events: tables.slice(from, from + 100) })),
    ]);
  };

  test('hundreds of them are taken in, and tiered when they are due', async () => {
    const clock = new VirtualClock();
    const cluster = new TestCluster(clock);
    write(cluster, oldLog());
    const node = await cluster.start('n1');
    await vi.waitFor(() => expect(node.state.tiering.counts.Scheduled).toBe(450), eventually);
    await clock.advance(6 * second);
    await vi.waitFor(() => expect(node.state.tiering.counts.Pending).toBe(450), eventually);
    await cluster.stop();
  });

  test('they wait while a node is there that could not read of them', async () => {
    const clock = new VirtualClock();
    const cluster = new TestCluster(clock);
    write(cluster, oldLog());
    await cluster.start('n1', { release: '0.4.0' });
    await cluster.start('n2', { release: '0.5.0' });
    await cluster.start('n3', { release: '0.4.2' });
    cluster.kill('n1');
    const node = await leading(cluster, 'n2');
    await clock.advance(10 * second);
    expect(node.state.tiering.byTable.size).toBe(0);
    cluster.kill('n3');
    await vi.waitFor(() => expect(node.state.tiering.byTable.size).toBe(450), eventually);
    await cluster.stop();
  });
});
