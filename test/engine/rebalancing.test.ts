/**
 * Goal: a rebalance is planned on the tables as they are, written down whole or not at all, and named alike however often it is asked for.
 * Method: real nodes over the in-memory log, with a table that is there from the beginning; the log and the tables are looked at. What
 * changes under a plan is changed while the planner is at work.
 */
import { afterEach, describe, expect, test, vi } from 'vitest';
import { movesOf, type RebalanceRow, rebalanceRows } from '../../projections/rebalance.ts';
import type { Node, NodeParts } from '../../src/engine/node.ts';
import type { Planner } from '../../src/engine/planning/port.ts';
import { createPlanner } from '../../src/engine/planning/threadPlanner.ts';
import { pieceLimits, piecesOf } from '../../src/engine/rebalanceDraft.ts';
import { Rebalancing, rebalanceIdOf, rebalancingLimits } from '../../src/engine/rebalancing.ts';
import type { Caller, Outcome } from '../../src/engine/submission.ts';
import { systemClock } from '../../src/ports/clock.ts';
import { rejection } from '../../src/rejection.ts';
import { Fleet, processOf, type Settled, settle } from '../support/fleet.ts';
import { caller, silent, TestCluster } from '../support/nodes.ts';
import { lastingLeases } from '../support/registeredServers.ts';

const waits = { timeout: 30_000, interval: 2 };
const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

interface Scene {
  readonly cluster: TestCluster;
  readonly node: Node;
  readonly rebalancing: Rebalancing;
  /** Before the n-th plan, from 1. */
  beforePlan: (plan: number) => Promise<unknown>;
  plans: number;
}
async function scene(settled: Settled, staticConfigs: NodeParts['staticConfigs'] = {}): Promise<Scene> {
  const cluster = new TestCluster();
  settle(cluster.hub, settled);
  const node = await cluster.start('n1', { staticConfigs: { ...lastingLeases, ...staticConfigs } });
  const planner = createPlanner({ logger: silent });
  closers.push(async () => {
    await cluster.stop();
    await planner.close();
  });
  await vi.waitFor(() => expect(node.role).toBe('leader'), waits);
  const watched: Planner = {
    plan: async (...asked) => {
      it.plans += 1;
      const planned = await planner.plan(...asked);
      await it.beforePlan(it.plans);
      return planned;
    },
    close: () => planner.close(),
  };
  const rebalancing = new Rebalancing({ node, planner: watched, clock: systemClock });
  const it: Scene = { cluster, node, rebalancing, beforePlan: async () => {}, plans: 0 };
  return it;
}

/** Two servers hold everything, a third one nothing. */
const lopsided = (buckets: number): Settled => ({ racks: ['a', 'b', 'c'], orders: Array.from({ length: buckets }, () => [0, 1]) });
const goals = ['REPLICA_DISTRIBUTION', 'LEADER_DISTRIBUTION'] as const;
const keyed = (idempotencyKey: string): Caller => ({ ...caller, idempotencyKey });
const typesOf = ({ cluster }: Scene): readonly string[] => cluster.entries().flatMap(({ events }) => events.map(({ type }) => type));
const rowsOf = ({ node }: Scene) => rebalanceRows(node.state.rebalance);
const movesIn = ({ node }: Scene, row: RebalanceRow | undefined) => (row === undefined ? [] : [...movesOf(node.state.rebalance, row)]);
const tag = (node: Node, serverId: number) =>
  node.submit({ name: 'addServerTag', serverIds: [serverId], tag: 'PERMANENT_OFFLINE' }, caller);

describe('a plan', () => {
  test('is drafted without anything being written down', async () => {
    const it = await scene({ ...lopsided(6), tags: { 1: 'PERMANENT_OFFLINE' } });
    const drafted = await it.rebalancing.draft(goals, caller);
    if (drafted.kind !== 'drafted') throw new Error(drafted.rejection.detail);
    const { moves, servers, shortfalls, summary } = drafted.draft;
    expect(servers).toEqual([
      { serverId: 0, rack: 'a', status: 'LIVE', replicas: { before: 6, after: 6 }, leaders: { before: 6, after: 4 } },
      {
        serverId: 1,
        rack: 'b',
        tag: 'PERMANENT_OFFLINE',
        status: 'LIVE',
        replicas: { before: 6, after: 0 },
        leaders: { before: 0, after: 0 },
      },
      { serverId: 2, rack: 'c', status: 'LIVE', replicas: { before: 0, after: 6 }, leaders: { before: 0, after: 2 } },
    ]);
    expect(moves).toHaveLength(6);
    expect(summary.copies.replicas).toBe(6);
    expect(shortfalls).toEqual([]);
    expect(rowsOf(it)).toEqual([]);
  });

  test('that cannot be made is refused, with what the goal says', async () => {
    const it = await scene({ ...lopsided(2), racks: ['a', 'a', 'a'] });
    const asked = await it.rebalancing.begin({ goals: ['RACK_AWARE'] }, caller);
    expect(asked).toMatchObject({
      kind: 'rejected',
      rejection: {
        code: 'PLANNING_FAILED',
        field: 'goals',
        detail: '[RackAwareGoal] Insufficient number of racks to distribute each replica (Current: 1, Needed: 2).',
      },
    });
    expect(rowsOf(it)).toEqual([]);
  });

  test('is not begun while many are under way: each holds all buckets', async () => {
    const it = await scene(lopsided(2));
    const held = Promise.withResolvers<void>();
    it.beforePlan = () => held.promise;
    const { drafts } = rebalancingLimits;
    const all = Array.from({ length: drafts }, () => it.rebalancing.draft(goals, caller));
    await vi.waitFor(() => expect(it.plans).toBe(drafts), waits);
    const over = [await it.rebalancing.draft(goals, caller), await it.rebalancing.begin({ goals }, caller)];
    expect(over).toEqual(
      over.map(() => expect.objectContaining({ kind: 'rejected', rejection: expect.objectContaining({ code: 'BUSY' }) })),
    );
    held.resolve();
    expect((await Promise.all(all)).map(({ kind }) => kind)).toEqual(all.map(() => 'drafted'));
    expect((await it.rebalancing.draft(goals, caller)).kind, 'there is room again').toBe('drafted');
  });

  test('comes in pieces of at most 200 moves and 100 KB, none of them lost', () => {
    const step = {
      askedBy: 'SERVER_TAG',
      kind: 'REPLICA',
      from: 0,
      to: 3,
      reason: { because: 'TAGGED', tag: 'PERMANENT_OFFLINE' },
    } as const;
    const moves = Array.from({ length: 1001 }, (_, bucketId) => ({
      ...{ tableId: 1, bucketId, originalLeader: 0, newLeader: 3, originalReplicas: [0], newReplicas: [3] },
      steps: Array.from({ length: bucketId % 3 === 0 ? 50 : 1 }, () => step),
    }));
    const pieces = [...piecesOf(moves)];
    expect(pieces.flat()).toEqual(moves);
    for (const piece of pieces) {
      expect(piece.length).toBeLessThanOrEqual(pieceLimits.moves);
      expect(JSON.stringify(piece).length).toBeLessThanOrEqual(pieceLimits.bytes + 2);
    }
    expect([...piecesOf([])]).toEqual([]);
    expect([...piecesOf(moves.filter(({ steps }) => steps.length === 1))][0]).toHaveLength(pieceLimits.moves);
  });
});

describe('a rebalance', () => {
  test('of many buckets is written down in pieces, starts with the last one and comes to its end', async () => {
    const it = await scene(lopsided(700));
    new Fleet(it.node);
    const begun = await it.rebalancing.begin({ goals }, keyed('key-1'));
    expect(begun).toMatchObject({ kind: 'done', rebalanceId: rebalanceIdOf('key-1', 1), changed: true, duplicate: false });
    expect(rebalanceIdOf('key-1', 1)).toMatch(/^rebalance-[A-Za-z0-9_-]{21}$/);
    const types = typesOf(it).filter((type) => /^(Rebalance|MovesPlanned)/.test(type));
    expect(types.slice(0, 4)).toEqual(['RebalancePlanned', 'MovesPlanned', 'MovesPlanned', 'MovesPlanned']);
    await vi.waitFor(() => expect(rowsOf(it)[0]?.status).toBe('COMPLETED'), { ...waits, timeout: 15_000 });
    const [row] = rowsOf(it);
    expect(row).toMatchObject({ failed: 0, finished: row?.moveCount, principal: 'User:test' });
    expect(types.filter((type) => type === 'MovesPlanned')).toHaveLength(Math.ceil((row?.moveCount ?? 0) / 200));
  });

  test('is the same one when it is asked for again with the same key, and another key has to wait', async () => {
    const it = await scene(lopsided(6));
    const first = await it.rebalancing.begin({ goals }, keyed('key-1'));
    const again = await it.rebalancing.begin({ goals }, keyed('key-1'));
    expect(again).toMatchObject({ kind: 'done', duplicate: true, rebalanceId: rebalanceIdOf('key-1', 1) });
    expect(first).toMatchObject({ kind: 'done', duplicate: false });
    expect(it.plans).toBe(1);
    const other = await it.rebalancing.begin({ goals: ['RACK_AWARE'] }, keyed('key-1'));
    expect(other).toMatchObject({ kind: 'rejected', rejection: { code: 'IDEMPOTENCY_KEY_REUSED' } });
    const next = await it.rebalancing.begin({ goals }, keyed('key-2'));
    expect(next).toMatchObject({ kind: 'rejected', rejection: { code: 'REBALANCE_IN_PROGRESS' } });
    expect(it.plans).toBe(1);
  });

  test('of a balanced cluster is over at once', async () => {
    const it = await scene({
      racks: ['a', 'b'],
      orders: [
        [0, 1],
        [1, 0],
      ],
    });
    const begun = await it.rebalancing.begin({ goals }, caller);
    expect(begun).toMatchObject({ kind: 'done', moveCount: 0 });
    expect(rowsOf(it)[0]?.status).toBe('COMPLETED');
  });

  test('needs the right to write before anything is planned', async () => {
    const text = (value: string) => ({ kind: 'text', text: value }) as const;
    const it = await scene(lopsided(2), { 'authorizer.enabled': text('true'), 'super.users': text('User:root') });
    const asked = await it.rebalancing.begin({ goals }, caller);
    expect(asked).toMatchObject({ kind: 'rejected', rejection: { code: 'AUTHORIZATION_DENIED' } });
    expect(it.plans).toBe(0);
    expect(it.node.denials.counts.get('operator')).toBe(1);
  });
});

describe('premises that changed', () => {
  test('are refused, and nothing is written down', async () => {
    const it = await scene(lopsided(6));
    it.beforePlan = async () => await tag(it.node, 2);
    const begun = await it.rebalancing.begin({ goals }, caller);
    expect(begun).toMatchObject({ kind: 'rejected', rejection: { code: 'PLAN_STALE', field: 'plannedAt' } });
    expect(rowsOf(it)).toEqual([]);
  });

  test('are planned on anew when that is wanted', async () => {
    const it = await scene(lopsided(6));
    it.beforePlan = async (plan) => (plan < 3 ? await tag(it.node, 3 - plan) : undefined);
    const begun = await it.rebalancing.begin({ goals, onStale: 'REPLAN' }, keyed('key-1'));
    expect(begun).toMatchObject({ kind: 'done', rebalanceId: rebalanceIdOf('key-1', 1), duplicate: false });
    expect(it.plans).toBe(3);
    expect(rowsOf(it)[0], 'with both tags there is nowhere to go').toMatchObject({ moveCount: 0, status: 'COMPLETED' });
  });

  test('that change again and again are refused in the end', async () => {
    const it = await scene(lopsided(6));
    it.beforePlan = async (plan) => {
      const ids = { serverIds: [2], tag: 'PERMANENT_OFFLINE' } as const;
      await it.node.submit({ name: plan % 2 === 1 ? 'addServerTag' : 'removeServerTag', ...ids, serverIds: [2] }, caller);
    };
    const begun = await it.rebalancing.begin({ goals, onStale: 'REPLAN' }, caller);
    expect(begun).toMatchObject({ kind: 'rejected', rejection: { code: 'PLAN_STALE' } });
    expect(it.plans).toBe(rebalancingLimits.plans);
    expect(rowsOf(it)).toEqual([]);
  });

  test('between two pieces end it; planned on anew it gets another id, which the same key stands for', async () => {
    const it = await scene(lopsided(700));
    const lost = { name: 'loseServer', ...processOf(0), because: 'STOPPED' } as const;
    const { submit } = it.node;
    const submitted: string[] = [];
    vi.spyOn(it.node, 'submit').mockImplementation(async (command, by) => {
      submitted.push(command.name);
      const isSecondPiece = command.name === 'addRebalanceMoves' && submitted.filter((name) => name === command.name).length === 1;
      if (isSecondPiece) {
        await submit.call(it.node, lost, caller);
        await vi.waitFor(() => expect(it.node.state.buckets.byKey.get('0/699')?.leader).toBe(1), waits);
      }
      return await submit.call(it.node, command, by);
    });
    const begun = await it.rebalancing.begin({ goals, onStale: 'REPLAN' }, keyed('key-1'));
    expect(begun).toMatchObject({ kind: 'done', rebalanceId: rebalanceIdOf('key-1', 2) });
    const [second, first] = rowsOf(it);
    expect(first).toMatchObject({ status: 'CANCELED', rebalanceId: rebalanceIdOf('key-1', 1), finished: 0 });
    expect(first?.startedAt).toBeUndefined();
    expect(second).toMatchObject({ rebalanceId: rebalanceIdOf('key-1', 2), status: 'REBALANCING' });
    expect(await it.rebalancing.begin({ goals }, keyed('key-1'))).toMatchObject({
      duplicate: true,
      rebalanceId: rebalanceIdOf('key-1', 2),
    });
    expect(movesIn(it, second)).toHaveLength(second?.moveCount ?? -1);
  });
});

describe('a plan in pieces', () => {
  test('outlives the node that leads', async () => {
    const it = await scene(lopsided(700));
    const [n2] = await Promise.all([
      it.cluster.start('n2', { staticConfigs: lastingLeases }),
      it.cluster.start('n3', { staticConfigs: lastingLeases }),
    ]);
    await vi.waitFor(() => expect(n2.status().members).toHaveLength(3), waits);
    const planner = createPlanner({ logger: silent });
    const rebalancing = new Rebalancing({ node: n2, planner, clock: systemClock });
    const { submit } = n2;
    vi.spyOn(n2, 'submit').mockImplementation(async (command, by) => {
      if (command.name === 'addRebalanceMoves') it.cluster.kill('n1');
      return await submit.call(n2, command, by);
    });
    const begun = await rebalancing.begin({ goals }, keyed('key-1'));
    expect(begun).toMatchObject({ kind: 'done', rebalanceId: rebalanceIdOf('key-1', 1) });
    const [row] = rebalanceRows(n2.state.rebalance);
    expect(row).toMatchObject({ status: 'REBALANCING', planned: row?.moveCount });
    expect(n2.state.leadership.taken).toBeGreaterThan(2);
    await planner.close();
  });

  test('is sent again where nobody knows whether it arrived, and where the cluster cannot take it at the moment', async () => {
    const it = await scene(lopsided(700));
    const { submit } = it.node;
    const unlucky: (Outcome | undefined)[] = [
      { kind: 'rejected', rejection: rejection('BUSY', '', 'a moment') },
      { kind: 'unknown', commandId: 'x', detail: 'the reply was lost' },
    ];
    vi.spyOn(it.node, 'submit').mockImplementation(async (command, by) => {
      const fate = command.name === 'addRebalanceMoves' ? unlucky.shift() : undefined;
      if (fate?.kind === 'rejected') return fate;
      const outcome = await submit.call(it.node, command, by);
      return fate ?? outcome;
    });
    expect(await it.rebalancing.begin({ goals }, caller)).toMatchObject({ kind: 'done' });
    expect(unlucky).toEqual([]);
    const [row] = rowsOf(it);
    expect(movesIn(it, row).map(({ move }) => move)).toEqual(Array.from({ length: row?.moveCount ?? 0 }, (_, i) => i));
    expect(row?.status).toBe('REBALANCING');
  });
});
