/**
 * Goal: an operator reads a plan, begins it, follows it to its end and stops it from the command line, and scripts can tell how it ended.
 * Method: the program's commands in this process, against real servers over the in-memory log; tablet servers answer for themselves once a
 * test says so. A node that leads is stopped under a watcher.
 */
import { afterEach, describe, expect, test, vi } from 'vitest';
import { rebalanceRows } from '../../projections/rebalance.ts';
import { renderBytes } from '../../src/cli/rebalanceWatch.ts';
import { type Served, ServedCluster, waits } from '../operator/support.ts';
import { Fleet, type Settled, settle } from '../support/fleet.ts';
import { lastingLeases } from '../support/registeredServers.ts';
import { inProcess } from './processes.ts';

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});
const lopsided = (buckets: number): Settled => ({ racks: ['a', 'b', 'c'], orders: Array.from({ length: buckets }, () => [0, 1]) });
async function served(settled: Settled, names: readonly string[] = ['n1']): Promise<readonly [Served, ...Served[]]> {
  const cluster = new ServedCluster();
  settle(cluster.hub, settled);
  const nodes: Served[] = [];
  for (const name of names) nodes.push(await cluster.start(name, { clusterSecret: 'a secret of all nodes', staticConfigs: lastingLeases }));
  closers.push(() => cluster.stop());
  await cluster.ready(...nodes);
  const [first, ...more] = nodes;
  if (first === undefined) throw new Error('there is no node');
  return [first, ...more];
}
const rebalance = (nodes: readonly Served[], ...args: readonly string[]) =>
  inProcess(['rebalance', ...args, '--operator', nodes.map(({ url }) => url).join(',')]);
const newest = ({ node }: Served) => rebalanceRows(node.state.rebalance)[0];
const replicas = ['--goals', 'REPLICA_DISTRIBUTION'];

describe('plan', () => {
  test('shows each server before and after, and each move with its reason', async () => {
    const nodes = await served({ ...lopsided(2), tags: { 1: 'PERMANENT_OFFLINE' } });
    const { err, out, status } = await rebalance(nodes, 'plan', ...replicas, '--moves');
    expect([status, err]).toEqual([0, '']);
    expect(out.split('\n')).toEqual([
      'server  rack  tag                replicas  after  leaders  after',
      '     0  a                               2      2        2      2',
      '     1  b     PERMANENT_OFFLINE         2      0        0      0',
      '     2  c                               0      2        0      0',
      'shop.orders/0  replicas 0,1 → 0,2  leader 0 → 0',
      '  SERVER_TAG moves a replica from server 1 to server 2: server 1 is PERMANENT_OFFLINE',
      'shop.orders/1  replicas 0,1 → 0,2  leader 0 → 0',
      '  SERVER_TAG moves a replica from server 1 to server 2: server 1 is PERMANENT_OFFLINE',
      '',
      '2 buckets would move (2 for SERVER_TAG), 2 replicas would be copied. Nothing was started.',
      '',
    ]);
    expect(newest(nodes[0])).toBeUndefined();
  });

  test('as JSON has every move', async () => {
    const nodes = await served(lopsided(9));
    const { out } = await rebalance(nodes, 'plan', '--goals', 'replica-distribution,leader_distribution', '--json');
    const plan = JSON.parse(out) as { moveCount: number; moves: readonly { bucket: string }[] };
    expect(plan.moves).toHaveLength(plan.moveCount);
    expect(plan.moveCount).toBeGreaterThan(0);
  });

  test('refuses what is no goal before it asks anybody', async () => {
    const { err, status } = await inProcess(['rebalance', 'plan', '--goals', 'SPEED', '--operator', 'http://127.0.0.1:1']);
    expect(status).toBe(2);
    expect(err).toBe("--goals: 'SPEED' is no goal\nGive one or several of REPLICA_DISTRIBUTION, LEADER_DISTRIBUTION, RACK_AWARE.\n");
    expect((await inProcess(['rebalance', 'plan'])).status).toBe(2);
  });
});

describe('start and list', () => {
  test('say what was begun, and by whom', async () => {
    const nodes = await served(lopsided(6));
    new Fleet(nodes[0].node);
    expect((await rebalance(nodes, 'list')).out).toBe('there was no rebalance yet\n');
    const begun = await rebalance(nodes, 'start', ...replicas, '--reason', 'a new server', '--idempotency-key', 'tuesday');
    const id = newest(nodes[0])?.rebalanceId ?? '';
    expect(begun).toEqual({
      status: 0,
      out: expect.stringMatching(new RegExp(`^${id}: \\d buckets are to be moved {3}position \\d+\\n$`)) as string,
      err: `follow it with: chancery rebalance watch ${id}\n`,
    });
    await vi.waitFor(() => expect(newest(nodes[0])?.status).toBe('COMPLETED'), waits);
    expect((await rebalance(nodes, 'start', ...replicas, '--idempotency-key', 'tuesday')).out).toContain('it was begun before');
    const again = await rebalance(nodes, 'start', ...replicas, '--on-stale', 'replan', '--json');
    expect(JSON.parse(again.out)).toMatchObject({ moveCount: 0, duplicate: false });
    const { out } = await rebalance(nodes, 'list');
    expect(out.split('\n')[2]).toMatch(
      new RegExp(`^${id} +COMPLETED +100% +\\d +0 +[\\d:]+ +User:\\S+ +REPLICA_DISTRIBUTION +a new server$`),
    );
    expect((await rebalance(nodes, 'list', '--limit', '1')).err).toBe('the newest 1 of 2; more with --limit\n');
    expect(JSON.parse((await rebalance(nodes, 'list', '--json')).out)).toHaveLength(2);
  });

  test('a refusal has what to do', async () => {
    const nodes = await served({ ...lopsided(2), racks: ['a', 'a', 'a'] });
    const { err, status } = await rebalance(nodes, 'start', '--goals', 'RACK_AWARE');
    expect(status).toBe(1);
    expect(err).toBe(
      'refused: PLANNING_FAILED at goals\n' +
        '[RackAwareGoal] Insufficient number of racks to distribute each replica (Current: 1, Needed: 2).\n' +
        'Change the goals, the tags or the servers as the message says. Nothing was moved.\n',
    );
  });
});

describe('watch', () => {
  test('ends with the rebalance, in a sentence', async () => {
    const nodes = await served(lopsided(6));
    const fleet = new Fleet(nodes[0].node, { isIdle: true });
    await rebalance(nodes, 'start', ...replicas);
    const watching = rebalance(nodes, 'watch');
    await vi.waitFor(() => expect(newest(nodes[0])?.moving).toBeGreaterThan(0), waits);
    fleet.work();
    const { err, out, status } = await watching;
    const moves = newest(nodes[0])?.moveCount;
    expect([status, err]).toEqual([0, '']);
    expect(out).toMatch(new RegExp(`^rebalance-\\S+ COMPLETED: ${moves} of ${moves} buckets moved in \\d+ m?s, 12.3 KB copied\\n$`));
  });

  test('goes on where another node leads, and as JSON tells each change', async () => {
    const nodes = await served(lopsided(6), ['n1', 'n2', 'n3']);
    const [n1, n2] = nodes;
    const begun = await rebalance(nodes, 'start', ...replicas, '--json');
    const watching = rebalance(nodes, 'watch', '--json');
    await vi.waitFor(async () => {
      const { body } = await fetch(`${n1.url}/metrics`);
      expect(await new Response(body).text()).toContain('chancery_event_streams 1\n');
    }, waits);
    await n1.server.close(0);
    await n1.node.close(0);
    if (n2 === undefined) throw new Error('there are three nodes');
    await vi.waitFor(() => expect(n2.node.role).toBe('leader'), waits);
    new Fleet(n2.node);
    const { err, out, status } = await watching;
    expect(status, err).toBe(0);
    expect(err).toMatch(/^the stream broke off/);
    const told = out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { status: string; rebalanceId: string; finished: number });
    expect(told[0]).toMatchObject({ status: 'REBALANCING', rebalanceId: (JSON.parse(begun.out) as { rebalanceId: string }).rebalanceId });
    expect(told.at(-1)?.status).toBe('COMPLETED');
  });

  test('ends with status 1 and the reasons when buckets could not be moved', async () => {
    const nodes = await served(lopsided(6));
    new Fleet(nodes[0].node, { isIdle: true });
    const { node } = nodes[0];
    await rebalance(nodes, 'start', ...replicas);
    await vi.waitFor(() => expect(newest(nodes[0])?.moving).toBeGreaterThan(0), waits);
    // The table goes while its buckets are moving.
    const command = { name: 'dropTable', database: 'shop', table: 'orders', ignoreIfNotExists: false } as const;
    expect(await node.submit(command, { principal: 'User:ops', interface: 'operator' })).toMatchObject({ kind: 'done' });
    const { err, out, status } = await rebalance(nodes, 'watch');
    const moves = newest(nodes[0])?.moveCount;
    expect([status, out]).toEqual([1, '']);
    const [first, ...failures] = err.trimEnd().split('\n');
    expect(first).toMatch(new RegExp(`^rebalance-\\S+ COMPLETED: 0 of ${moves} buckets moved in \\d+ m?s, ${moves} failed$`));
    expect(failures).toHaveLength(moves ?? -1);
    expect(failures[0]).toMatch(/^0\/\d: it was dropped$/);
  });

  test('ends with status 1 when it is canceled, and with an id that nobody knows', async () => {
    const nodes = await served(lopsided(6));
    new Fleet(nodes[0].node, { isIdle: true });
    await rebalance(nodes, 'start', ...replicas);
    const canceled = await rebalance(nodes, 'cancel', '--reason', 'the network is full');
    expect(canceled.out).toMatch(
      /^rebalance-\S+ is canceled: 0 of \d buckets had moved and stay there, \d were stopped or never begun {3}position \d+\n$/,
    );
    const { err, status } = await rebalance(nodes, 'watch');
    expect(status).toBe(1);
    expect(err).toMatch(/^rebalance-\S+ CANCELED: 0 of \d buckets moved in \d+ m?s\n$/);
    const unknown = await rebalance(nodes, 'watch', 'rebalance-x');
    expect([unknown.status, unknown.err.split('\n')[0]]).toEqual([1, 'refused: UNKNOWN_REBALANCE at rebalanceId']);
    expect((await rebalance(nodes, 'cancel')).err).toMatch(/^refused: REBALANCE_OVER/);
  });

  test('Ctrl-C leaves it running, and says so', async () => {
    const nodes = await served(lopsided(6));
    new Fleet(nodes[0].node, { isIdle: true });
    await rebalance(nodes, 'start', ...replicas);
    const id = newest(nodes[0])?.rebalanceId ?? '';
    const listeners = process.listenerCount('SIGINT');
    const watching = rebalance(nodes, 'watch');
    await vi.waitFor(() => expect(process.listenerCount('SIGINT')).toBe(listeners + 1), waits);
    process.emit('SIGINT');
    const { err, status } = await watching;
    expect(status).toBe(1);
    expect(err).toBe(`${id} goes on\nWatch it again: chancery rebalance watch ${id}\nStop it: chancery rebalance cancel ${id}\n`);
    expect(newest(nodes[0])?.status).toBe('REBALANCING');
    expect(process.listenerCount('SIGINT')).toBe(listeners);
  });
});

test.each([
  [0, '0 B'],
  [999, '999 B'],
  [1_000, '1 KB'],
  [1_049, '1 KB'],
  [1_250_000, '1.3 MB'],
  [99_960_000, '100 MB'],
  [1_234_000_000_000_000, '1234 TB'],
])('%i bytes are %s', (bytes, text) => expect(renderBytes(bytes)).toBe(text));
