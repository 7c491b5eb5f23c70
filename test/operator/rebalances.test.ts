/**
 * Goal: over HTTP a rebalance can be planned, begun, followed and stopped; whoever reads is told all of it, page by page, and by a stream
 * that ends with it, on whichever node.
 * Method: real servers over the in-memory log, with a table that is there from the beginning; tablet servers answer for themselves once a
 * test says so.
 */
import { afterEach, describe, expect, test, vi } from 'vitest';
import { rebalanceRows } from '../../projections/rebalance.ts';
import type { Command } from '../../src/deciders/commands.ts';
import { Fleet, type Settled, settle } from '../support/fleet.ts';
import { lastingLeases } from '../support/registeredServers.ts';
import { call, readStream, type Served, ServedCluster, waits } from './support.ts';

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});
const lopsided = (buckets: number): Settled => ({ racks: ['a', 'b', 'c'], orders: Array.from({ length: buckets }, () => [0, 1]) });
async function served(settled: Settled, names: readonly string[] = ['n1'], staticConfigs = {}): Promise<readonly Served[]> {
  const cluster = new ServedCluster();
  settle(cluster.hub, settled);
  const nodes: Served[] = [];
  for (const name of names)
    nodes.push(
      await cluster.start(name, { clusterSecret: 'a secret of all nodes', staticConfigs: { ...lastingLeases, ...staticConfigs } }),
    );
  closers.push(() => cluster.stop());
  await cluster.ready(...nodes);
  return nodes;
}
async function one(settled: Settled, staticConfigs = {}): Promise<Served> {
  const [node] = await served(settled, ['n1'], staticConfigs);
  if (node === undefined) throw new Error('there is no node');
  return node;
}
type Json = Readonly<Record<string, unknown>>;
const begin = async ({ url }: Served, body: object = { goals: ['REPLICA_DISTRIBUTION'] }, headers = {}) =>
  await call(`${url}/v1/rebalances`, { body, headers });
const newest = ({ node }: Served) => rebalanceRows(node.state.rebalance)[0];
const text = (value: string) => ({ kind: 'text', text: value }) as const;

describe('a plan', () => {
  test('is shown in pages, with each server before and after, and nothing is written down', async () => {
    const n1 = await one({ ...lopsided(6), tags: { 1: 'PERMANENT_OFFLINE' } });
    const ask = (query: string) => call(`${n1.url}/v1/rebalances/plan${query}`, { body: { goals: ['REPLICA_DISTRIBUTION'] } });
    const first = await ask('?limit=4');
    expect(first.status, first.text).toBe(200);
    expect(first.json).toMatchObject({
      moveCount: 6,
      copies: 6,
      askedBy: [{ askedBy: 'SERVER_TAG', moves: 6 }],
      shortfalls: [],
      next: 4,
      servers: [
        { serverId: 0, rack: 'a', status: 'LIVE', replicas: { before: 6, after: 6 } },
        { serverId: 1, rack: 'b', tag: 'PERMANENT_OFFLINE', replicas: { before: 6, after: 0 } },
        { serverId: 2, rack: 'c', replicas: { before: 0, after: 6 } },
      ],
    });
    const rest = await ask('?offset=4');
    const moves = [...(first.json['moves'] as Json[]), ...(rest.json['moves'] as Json[])];
    expect(rest.json['next']).toBeUndefined();
    expect(moves.map((move) => move['move'])).toEqual([0, 1, 2, 3, 4, 5]);
    expect(moves[0]).toEqual({
      move: 0,
      tableId: 0,
      bucketId: 0,
      bucket: 'shop.orders/0',
      originalLeader: 0,
      newLeader: 0,
      originalReplicas: [0, 1],
      newReplicas: [0, 2],
      why: ['SERVER_TAG moves a replica from server 1 to server 2: server 1 is PERMANENT_OFFLINE'],
    });
    expect(newest(n1)).toBeUndefined();
  });

  test('says what is wrong with what was asked', async () => {
    const n1 = await one({ ...lopsided(2), racks: ['a', 'a', 'a'] });
    const failed = await call(`${n1.url}/v1/rebalances/plan`, { body: { goals: ['RACK_AWARE'] } });
    expect([failed.status, failed.json['code'], failed.json['field'], failed.json['detail']]).toEqual([
      409,
      'PLANNING_FAILED',
      'goals',
      '[RackAwareGoal] Insufficient number of racks to distribute each replica (Current: 1, Needed: 2).',
    ]);
    const unknown = await begin(n1, { goals: ['SPEED'] });
    expect([unknown.status, unknown.json['code'], unknown.json['field']]).toEqual([400, 'MALFORMED_REQUEST', 'goals[0]']);
  });

  test('needs the right to write', async () => {
    const n1 = await one(lopsided(2), { 'authorizer.enabled': text('true'), 'super.users': text('User:boss') });
    for (const path of ['/v1/rebalances', '/v1/rebalances/plan']) {
      const denied = await call(`${n1.url}${path}`, { body: { goals: [] } });
      expect([denied.status, denied.json['code']], path).toEqual([403, 'AUTHORIZATION_DENIED']);
    }
  });
});

describe('a rebalance', () => {
  test('is begun once per key, and told by its id, in lists, and move by move', async () => {
    const n1 = await one(lopsided(6));
    new Fleet(n1.node);
    const headers = { 'idempotency-key': 'tuesday' };
    const begun = await begin(n1, { goals: ['REPLICA_DISTRIBUTION'], onStale: 'REPLAN', reason: 'a new server' }, headers);
    expect(begun.status, begun.text).toBe(200);
    expect(begun.json).toMatchObject({ changed: true, duplicate: false, moveCount: expect.any(Number) });
    const id = String(begun.json['rebalanceId']);
    await vi.waitFor(() => expect(newest(n1)?.status).toBe('COMPLETED'), waits);
    const again = await begin(n1, { goals: ['REPLICA_DISTRIBUTION'] }, headers);
    expect(again.json).toMatchObject({ duplicate: true, rebalanceId: id });
    const second = await begin(n1, { goals: [] });
    expect(second.json).toMatchObject({ moveCount: 0 });

    const list = await call(`${n1.url}/v1/rebalances?limit=1`);
    expect(list.json).toMatchObject({ total: 2, next: 1, rebalances: [{ rebalanceId: second.json['rebalanceId'], status: 'COMPLETED' }] });
    const rest = await call(`${n1.url}/v1/rebalances?offset=1`);
    expect(rest.json).toMatchObject({ total: 2, rebalances: [{ rebalanceId: id }] });
    const told = (await call(`${n1.url}/v1/rebalances/${id}`)).json['rebalance'] as Json;
    const { moveCount } = begun.json;
    expect(told).toMatchObject({ status: 'COMPLETED', finished: moveCount, waiting: 0, percent: 100, reason: 'a new server' });
    expect(told['copying']).toBeUndefined();
    const moves = await call(`${n1.url}/v1/rebalances/${id}/moves?status=COMPLETED&limit=1`);
    expect(moves.json).toMatchObject({
      isKept: true,
      next: 1,
      moves: [{ move: 0, status: 'COMPLETED', bucket: expect.stringMatching(/^shop/) }],
    });
    expect((await call(`${n1.url}/v1/rebalances/${id}/moves?status=FAILED`)).json).toMatchObject({ moves: [] });
  });

  test('that nobody knows is a refusal on each address', async () => {
    const n1 = await one(lopsided(2));
    for (const path of ['', '/moves', '/stream', '/cancel']) {
      const { json, status } = await call(`${n1.url}/v1/rebalances/rebalance-x${path}`, path === '/cancel' ? { body: {} } : {});
      const code = path === '/cancel' ? 'NO_REBALANCE' : 'UNKNOWN_REBALANCE';
      expect([status, json['code']], path).toEqual([404, code]);
    }
  });

  test('is stopped by its id, or as the newest one, and then is over', async () => {
    const n1 = await one(lopsided(6));
    new Fleet(n1.node, { isIdle: true });
    const first = await begin(n1);
    const stopped = await call(`${n1.url}/v1/rebalances/${String(first.json['rebalanceId'])}/cancel`, { body: { reason: 'a mistake' } });
    expect(stopped.status, stopped.text).toBe(200);
    expect(newest(n1)?.status).toBe('CANCELED');
    const over = await call(`${n1.url}/v1/rebalances/cancel`, { body: {} });
    expect([over.status, over.json['code']]).toEqual([409, 'REBALANCE_OVER']);
    await begin(n1);
    expect((await call(`${n1.url}/v1/rebalances/cancel`, { body: {} })).status).toBe(200);
    expect(rebalanceRows(n1.node.state.rebalance).map(({ status }) => status)).toEqual(['CANCELED', 'CANCELED']);
  });

  test('that is begun while its premises change is refused', async () => {
    const n1 = await one(lopsided(6));
    const { submit } = n1.node;
    vi.spyOn(n1.node, 'submit').mockImplementation(async (command, by) => {
      const tag: Command = { name: 'addServerTag', serverIds: [2], tag: 'PERMANENT_OFFLINE' };
      if (command.name === 'planRebalance') await submit.call(n1.node, tag, { principal: 'User:ops', interface: 'operator' });
      return await submit.call(n1.node, command, by);
    });
    const stale = await begin(n1);
    expect([stale.status, stale.json['code'], stale.json['field']]).toEqual([409, 'PLAN_STALE', 'plannedAt']);
    expect(newest(n1)).toBeUndefined();
  });
});

describe('the stream of a rebalance', () => {
  const messages = (stream: string): readonly Json[] =>
    [...stream.matchAll(/^data: (.*)$/gm)].map(([, json = '']) => JSON.parse(json) as Json);

  test('tells how far it is, with what is being copied, and ends with it; on a node that does not lead too', async () => {
    const [n1, n2] = await served(lopsided(6), ['n1', 'n2']);
    if (n1 === undefined || n2 === undefined) throw new Error('two nodes were asked for');
    const fleet = new Fleet(n1.node, { isIdle: true });
    const begun = await begin(n2);
    const id = String(begun.json['rebalanceId']);
    await vi.waitFor(() => expect(newest(n1)?.moving).toBeGreaterThan(0), waits);
    const [moving] = (await call(`${n1.url}/v1/rebalances/${id}/moves?status=REBALANCING`)).json['moves'] as Json[];
    fleet.copying(2, { tableId: 0, bucketId: Number(moving?.['bucketId']) }, 300_000, 1_000_000);
    const copying = new Set<string>();
    const streams = await Promise.all(
      [n1, n2].map(({ url }) =>
        readStream(`${url}/v1/rebalances/${id}/stream`, {}, (seen) => {
          if (copying.size < 2 && messages(seen).some((each) => each['copying'] !== undefined) && copying.add(url).size === 2) fleet.work();
          return false;
        }),
      ),
    );
    for (const [i, stream] of streams.entries()) {
      const told = messages(stream);
      expect(told[0], `n${i + 1}`).toMatchObject({ rebalanceId: id, status: 'REBALANCING', percent: 0 });
      expect(told[0]?.['copying']).toEqual({ replicas: 1, copiedBytes: 300_000, totalBytes: 1_000_000 });
      expect(told.at(-1)).toMatchObject({ status: 'COMPLETED', finished: begun.json['moveCount'], percent: 100 });
      const finished = told.map((each) => Number(each['finished']));
      expect(finished).toEqual(finished.toSorted((a, b) => a - b));
    }
  });

  test('of one that is over is one message', async () => {
    const n1 = await one(lopsided(2));
    const begun = await begin(n1, { goals: [] });
    const stream = await readStream(`${n1.url}/v1/rebalances/${String(begun.json['rebalanceId'])}/stream`, {}, () => false);
    expect(messages(stream).map((each) => each['status'])).toEqual(['COMPLETED']);
  });
});

describe('what is being copied', () => {
  test('is told to nodes of the cluster alone', async () => {
    const n1 = await one(lopsided(2));
    const unsigned = await call(`${n1.url}/internal/v1/rebalance-copies`, { body: {} });
    expect([unsigned.status, unsigned.json['code']]).toEqual([401, 'UNAUTHENTICATED']);
  });
});
