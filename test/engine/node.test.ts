/**
 * Goal: what a node answers is true and stays true, and no node stands still, when clocks differ, leaders change without knowing it,
 * nodes come, go and stop, and when something is wrong with the node itself.
 * Method: nodes of one in-memory log, each scenario made by hand; what was answered is compared with the log.
 */
import { afterEach, expect, test, vi } from 'vitest';
import { decodeEntry } from '../../events/envelope.ts';
import { effectiveConfig } from '../../projections/configs.ts';
import { coordinatorOf, isMember } from '../../projections/coordinators.ts';
import type { Node } from '../../src/engine/node.ts';
import { MemoryLog } from '../../src/log/memory.ts';
import { LogUnavailable } from '../../src/log/port.ts';
import type { Clock } from '../../src/ports/clock.ts';
import { caller, setKey, TestCluster } from '../support/nodes.ts';
import { VirtualClock } from '../support/virtualClock.ts';
import { inAMoment } from '../support/waits.ts';

/** A log that answers no `raiseEpoch` until it is closed. */
class OwingLog extends MemoryLog {
  readonly #closed = Promise.withResolvers<void>();
  owes = false;
  override async raiseEpoch(): Promise<number> {
    this.owes = true;
    await this.#closed.promise;
    throw new LogUnavailable('closed');
  }
  override async close(): Promise<void> {
    this.#closed.resolve();
    await super.close();
  }
}

const clusters: TestCluster[] = [];
afterEach(async () => {
  for (const cluster of clusters.splice(0)) await cluster.stop();
});
function aCluster(): TestCluster {
  const cluster = new TestCluster();
  clusters.push(cluster);
  return cluster;
}
const leads = (node: Node): Promise<void> => vi.waitFor(() => expect(node.role).toBe('leader'), 5_000);
const hourMs = 3_600_000;

test('a leader whose clock was an hour ahead is followed by one that leads at once', async () => {
  const cluster = aCluster();
  cluster.aheadMs.set('n1', hourMs);
  await leads(await cluster.start('n1'));
  const second = await cluster.start('n2');
  expect(await second.submit(setKey('a', '1'), caller)).toMatchObject({ kind: 'done' });
  cluster.kill('n1');
  expect(await second.submit(setKey('a', '2'), { ...caller, timeoutMs: 3_000 })).toMatchObject({ kind: 'done', changed: true });
  const times = cluster.entries().map(({ at }) => at);
  expect(times).toEqual(times.toSorted((a, b) => a - b));
});

test('a clock that is set back does not end a request before its time', async () => {
  const cluster = aCluster();
  const node = await cluster.start('n1');
  expect(await node.submit(setKey('a', '1'), caller)).toMatchObject({ kind: 'done' });
  cluster.aheadMs.set('n1', -hourMs);
  expect(await node.submit(setKey('a', '2'), { ...caller, timeoutMs: 3_000 })).toMatchObject({ kind: 'done', changed: true });
});

test('a leader that is none any more does not answer from its old tables', async () => {
  const cluster = aCluster();
  const first = await cluster.start('n1');
  await leads(first);
  const second = await cluster.start('n2');
  expect(await first.submit(setKey('a', 'old'), caller)).toMatchObject({ kind: 'done' });
  cluster.hub.partition('n1');
  await leads(second);
  expect(await second.submit(setKey('a', 'new'), caller)).toMatchObject({ kind: 'done' });
  expect(first.role).toBe('leader'); // As far as it knows.
  const outcome = await first.submit(setKey('a', 'old'), caller);
  expect(outcome).toMatchObject({ kind: 'done', changed: true });
  const last = decodeEntry(cluster.hub.texts(cluster.hub.head.index - 1, 1)[0] ?? '').events.at(-1);
  expect(last).toMatchObject({ type: 'ClusterConfigsChanged', data: { changes: [{ value: { kind: 'text', text: 'old' } }] } });
});

test('a node that was forgotten and comes back within a day is listed again', async () => {
  const cluster = aCluster();
  const first = await cluster.start('n1');
  await leads(first);
  const isListed = (): boolean => isMember(coordinatorOf(first.state.coordinators, 'n2'));
  await cluster.start('n2');
  await vi.waitFor(() => expect(isListed()).toBe(true), inAMoment);
  cluster.kill('n2');
  await vi.waitFor(() => expect(isListed()).toBe(false), inAMoment);
  expect(await first.submit({ name: 'forgetCoordinator', nodeId: 'n2' }, caller)).toMatchObject({ kind: 'done', changed: true });
  await cluster.start('n2');
  await vi.waitFor(() => expect(isListed()).toBe(true), inAMoment);
});

test('an act that no reader would take never reaches the log', async () => {
  const cluster = aCluster();
  const node = await cluster.start('n1');
  for (const wrong of [{ principal: 'x'.repeat(257) }, { idempotencyKey: '' }, { reason: 'y'.repeat(1_001) }])
    expect(await node.submit(setKey('a', '1'), { ...caller, ...wrong })).toMatchObject({ kind: 'rejected' });
  expect(await node.submit(setKey('a', '2'), caller)).toMatchObject({ kind: 'done' });
  expect(() => cluster.entries()).not.toThrow();
});

test('a node whose first act as a leader is refused says so, and another leads', async () => {
  const cluster = aCluster();
  const text = 'x'.repeat(8_000);
  const staticConfigs = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`datalake.test.${i}`, { kind: 'text', text } as const]));
  const first = await cluster.start('n1', { staticConfigs });
  const second = await cluster.start('n2');
  await leads(second);
  expect(first.role).toBe('fault');
  expect(first.status().fault).toMatch(/could not take the lead: .*bytes fit into an entry/);
});

test('a node that stops finishes what it has handed to the leader', async () => {
  const cluster = aCluster();
  await leads(await cluster.start('n1'));
  const second = await cluster.start('n2');
  cluster.log('n1').script({ kind: 'delay', pauses: 50 });
  const outcome = second.submit(setKey('a', '1'), caller);
  await second.close();
  expect(await outcome).toMatchObject({ kind: 'done' });
  expect(effectiveConfig(second.state.configs, 'datalake.test.a')).toEqual({ kind: 'text', text: '1' });
});

test('a node that has run for a day holds on to no more than one that has begun', async () => {
  const cluster = aCluster();
  const clock = new VirtualClock();
  let cancelled = 0;
  const counted: Clock = {
    now: () => clock.now(),
    monotonic: () => clock.monotonic(),
    after: (ms, run) => {
      const cancel = clock.after(ms, run);
      return () => {
        cancelled += 1;
        cancel();
      };
    },
  };
  const node = await cluster.start('n1', { clock: counted });
  await leads(node);
  await clock.advance(3_600_000);
  cancelled = 0;
  await node.close();
  expect(cancelled).toBeLessThan(10); // Timers that are long over were all kept, and cancelled once more.
});

test('a long catch-up leaves turns to everything else', async () => {
  const cluster = aCluster();
  await leads(await cluster.start('n1'));
  const keys = Array.from({ length: 300 }, (_, i) => `datalake.test.${i}`);
  for (let round = 0; round < 150; round += 1) {
    const changes = keys.map((key) => ({ op: 'set', key, value: `${round}` }) as const);
    await cluster.node('n1').submit({ name: 'alterClusterConfigs', changes }, caller);
  }
  let turns = 0;
  const second = await cluster.start('n2');
  while (second.state.position < cluster.hub.head.position) {
    await new Promise(setImmediate);
    turns += 1;
  }
  expect(turns).toBeGreaterThan(3); // One for all of it before.
});

test('a write is answered when the node that was asked has folded it, not before', async () => {
  const cluster = aCluster();
  const first = await cluster.start('n1');
  await leads(first);
  const second = await cluster.start('n2');
  await vi.waitFor(() => expect(second.state.position).toBe(first.state.position), inAMoment);
  cluster.log('n2').disconnect();
  let isAnswered = false;
  const outcome = second.submit(setKey('a', '1'), caller).finally(() => {
    isAnswered = true;
  });
  await vi.waitFor(() => expect(effectiveConfig(first.state.configs, 'datalake.test.a')).toEqual({ kind: 'text', text: '1' }), inAMoment);
  for (let turn = 0; turn < 20; turn += 1) await new Promise(setImmediate);
  expect(isAnswered).toBe(false);
  await cluster.log('n2').heal();
  expect(await outcome).toMatchObject({ kind: 'done' });
  expect(effectiveConfig(second.state.configs, 'datalake.test.a')).toEqual({ kind: 'text', text: '1' });
});

test('a node stops although the log owes it an answer', async () => {
  const cluster = aCluster();
  const log = new OwingLog(cluster.hub);
  const node = await cluster.start('n1', { log });
  await vi.waitFor(() => expect(log.owes).toBe(true), inAMoment);
  await node.close(50);
  expect(cluster.hub.members()).toEqual([]);
});
