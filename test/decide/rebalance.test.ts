/**
 * Goal: a plan is begun only while what it rests on holds, moves begin within their bounds, and a rebalance ends once, with true counts.
 * Method: given events, when a command, then exactly these events; on a frozen state and on a draft. Steps of one move have a file of
 *   their own.
 */
import { describe, expect, test } from 'vitest';
import { bucketsAssigned, isrChanged } from '../../events/buckets.ts';
import { canonicalJson } from '../../events/canonicalJson.ts';
import { catalogLimits } from '../../events/catalog.ts';
import { clusterConfigsChanged } from '../../events/configs.ts';
import { type Act, actFault, entryLimits, type LoggedEvent } from '../../events/envelope.ts';
import type { ChanceryEvent } from '../../events/index.ts';
import {
  leaderHandedOver,
  moveFinished,
  moveStarted,
  movesPlanned,
  type PlannedMove,
  rebalanceCanceled,
  rebalanceCompleted,
  rebalanceFailed,
  rebalanceLimits,
  rebalancePlanned,
  rebalanceStarted,
  replicasAdded,
} from '../../events/rebalance.ts';
import { serverTagAdded } from '../../events/serverTags.ts';
import type { Command } from '../../src/deciders/commands.ts';
import { leaderLimits } from '../../src/engine/leader.ts';
import { type Decision, reject } from '../../src/rejection.ts';
import { given, startedAt } from '../support/given.ts';
import { buckets, elected, lost, moveOf, registered, servers, stopping } from '../support/tablets.ts';

const r1 = { rebalanceId: 'r1' } as const;
const base = [...servers(0, 1, 2, 3), buckets([0, 1], [0, 1], [0, 1])];
/** Of the tables after `base`. */
const plannedAt = base.length;
const [first, second, third] = [moveOf(0, [0, 1], [2, 1]), moveOf(1, [0, 1], [1, 0]), moveOf(2, [0, 1], [0, 3])];
const all = [first, second, third];
const planned = (moveCount: number) =>
  rebalancePlanned({ ...r1, goals: ['LEADER_DISTRIBUTION'], moveCount, plannedAt, planWithinMs: 60_000 });
const piece = (firstMove: number, ...moves: PlannedMove[]) => movesPlanned({ ...r1, firstMove, moves });
const started = rebalanceStarted(r1);
const running = [...base, planned(3), piece(0, ...all), started];
const late = { now: startedAt + 86_400_000 };

describe('planRebalance', () => {
  type Plan = Extract<Command, { readonly name: 'planRebalance' }>;
  const plan = (more: Partial<Plan> = {}): Command => {
    const whole = { ...r1, goals: ['LEADER_DISTRIBUTION' as const], plannedAt, moveCount: 3, moves: all };
    return { name: 'planRebalance', ...whole, ...more };
  };
  test('a whole plan starts at once', () =>
    given(...base)
      .when(plan())
      .gives(planned(3), piece(0, ...all), started));
  test('its first piece does not', () =>
    given(...base)
      .when(plan({ moves: [first] }))
      .gives(planned(3), piece(0, first)));
  test('a plan without moves is complete', () =>
    given(...base)
      .when(plan({ moveCount: 0, moves: [] }))
      .gives(planned(0), rebalanceCompleted({ ...r1, finished: 0, failed: 0 })));

  const inProgress = "Rebalance task already exists, current rebalance id is 'r1'. Please wait for it to finish or cancel it first.";
  test.each<[what: string, story: readonly ChanceryEvent[]]>([
    ['runs', running],
    ['is being planned', [...base, planned(3), piece(0, first)]],
  ])('not while another one %s', (_, story) => {
    const decided = given(...story).when(plan({ rebalanceId: 'r2' })).decision;
    expect(decided).toEqual(reject('REBALANCE_IN_PROGRESS', '', inProgress, { rebalanceId: 'r1' }));
  });
  test('an id is used once', () =>
    given(...base, planned(0), rebalanceCompleted({ ...r1, finished: 0, failed: 0 }))
      .when(plan())
      .isRefused('MALFORMED_REQUEST', 'rebalanceId', "rebalance 'r1' is over already"));
  test.each<[what: string, more: Partial<Plan>, detail: string]>([
    ['more moves than it shall have', { moveCount: 2 }, '3 moves are given of 2'],
    ['no move of some', { moves: [] }, '0 moves are given of 3'],
  ])('%s', (_, more, detail) =>
    given(...base)
      .when(plan(more))
      .isRefused('MALFORMED_REQUEST', 'moves', detail),
  );

  test.each<[what: string, event: ChanceryEvent]>([
    ['servers', registered(4)],
    ['tags', serverTagAdded({ serverIds: [3], tag: 'TEMPORARY_OFFLINE' })],
  ])('a plan is stale when %s have changed since', (_, event) => {
    const detail = `tablet servers or their tags have changed since position ${plannedAt}`;
    given(...base, event)
      .when(plan())
      .isRefused('PLAN_STALE', 'plannedAt', detail);
  });
  const now = { plannedAt: plannedAt + 1 };
  test.each<[what: string, events: readonly ChanceryEvent[], more: Partial<Plan>, place: number, detail: string]>([
    ['its leader has changed', [elected([1, 1, [0, 1]])], {}, 1, 'bucket 7/1: it is led by 1, not by 0'],
    ['it was dropped', [], { moves: [moveOf(9, [0, 1], [1, 0])] }, 0, 'bucket 7/9: it was dropped'],
    ['its replicas are elsewhere', [], { moves: [moveOf(0, [0, 2], [1, 2])] }, 0, 'bucket 7/0: its replicas are on 0, 1, not on 0, 2'],
    [
      'a server would hold it twice',
      [],
      { moves: [moveOf(0, [0, 1], [2, 2])] },
      0,
      'bucket 7/0: servers 2, 2 are not 2 different ones with the leader 2 first',
    ],
    [
      'it would have fewer replicas',
      [],
      { moves: [moveOf(0, [0, 1], [2])] },
      0,
      'bucket 7/0: servers 2 are not 2 different ones with the leader 2 first',
    ],
    [
      'its leader would not be the first',
      [],
      { moves: [{ ...first, newLeader: 1 }] },
      0,
      'bucket 7/0: servers 2, 1 are not 2 different ones with the leader 1 first',
    ],
    ['a server that gets it is lost', [lost(2)], now, 0, 'bucket 7/0: server 2 is not live, or tagged'],
    ['a server that gets it is about to stop', [stopping(2)], now, 0, 'bucket 7/0: server 2 is not live, or tagged'],
    [
      'a server that gets it is tagged',
      [serverTagAdded({ serverIds: [3], tag: 'PERMANENT_OFFLINE' })],
      now,
      2,
      'bucket 7/2: server 3 is not live, or tagged',
    ],
    ['nobody knows a server that gets it', [], { moves: [moveOf(0, [0, 1], [8, 1])] }, 0, 'bucket 7/0: server 8 is not live, or tagged'],
  ])('a plan is stale when of a bucket %s', (_, events, more, place, detail) =>
    given(...base, ...events)
      .when(plan(more))
      .isRefused('PLAN_STALE', `moves[${place}]`, detail),
  );
  test('a server that keeps its copy may be lost', () => {
    const stays = moveOf(2, [0, 1], [3, 1]);
    given(...base, lost(1))
      .when(plan({ ...now, moveCount: 1, moves: [stays] }))
      .gives(
        rebalancePlanned({ ...r1, goals: ['LEADER_DISTRIBUTION'], moveCount: 1, ...now, planWithinMs: 60_000 }),
        piece(0, stays),
        started,
      );
  });
});

describe('addRebalanceMoves', () => {
  const begun = [...base, planned(3), piece(0, first)];
  const add = (firstMove: number, ...moves: PlannedMove[]): Command => ({ name: 'addRebalanceMoves', ...r1, firstMove, moves });
  test('the next piece', () =>
    given(...begun)
      .when(add(1, second))
      .gives(piece(1, second)));
  test('the last piece starts it', () =>
    given(...begun)
      .when(add(1, second, third))
      .gives(piece(1, second, third), started));
  test('a piece that is there is passed over', () =>
    given(...begun)
      .when(add(0, first))
      .gives());
  test('also when it has begun', () =>
    given(...running)
      .when(add(1, second, third))
      .gives());
  test.each([
    ['leaves one out', add(2, third), 'moves 2 to 2 do not follow 1 of 3'],
    ['goes beyond the end', add(1, second, third, first), 'moves 1 to 3 do not follow 1 of 3'],
    ['is there in part', add(0, first, second), 'moves 0 to 1 do not follow 1 of 3'],
  ])('not one that %s', (_, command, detail) =>
    given(...begun)
      .when(command)
      .isRefused('MALFORMED_REQUEST', 'firstMove', detail),
  );
  test('nor one whose premises are gone', () =>
    given(...begun, elected([1, 1, [0, 1]]))
      .when(add(1, second))
      .isRefused('PLAN_STALE', 'moves[0]', 'bucket 7/1: it is led by 1, not by 0'));
  test.each<[what: string, story: readonly ChanceryEvent[]]>([
    ['is over', [...begun, rebalanceFailed({ ...r1, reason: 'x' })]],
    ['never was', base],
  ])('nor to one that %s', (_, story) =>
    given(...story)
      .when(add(1, second))
      .isRefused('UNKNOWN_REBALANCE', 'rebalanceId', "rebalance 'r1' is not being planned"),
  );
});

const bounds = (inAll: string, perServer: string): ChanceryEvent =>
  clusterConfigsChanged({
    changes: Object.entries({ 'max-moves': inAll, 'max-moves-per-server': perServer, 'move-timeout': '1 min' }).map(([key, text]) => ({
      key: `chancery.rebalance.${key}`,
      previous: { kind: 'unset' },
      value: { kind: 'text', text },
    })),
  });

describe('advanceRebalance', () => {
  const advance: Command = { name: 'advanceRebalance', ...r1, applied: [] };
  const begins = (move: number): readonly ChanceryEvent[] => {
    const name = { ...r1, move, tableId: 7, bucketId: move };
    const added = [
      replicasAdded({ ...name, serverIds: [2], replicas: [2, 1, 0] }),
      [],
      replicasAdded({ ...name, serverIds: [3], replicas: [0, 3, 1] }),
    ];
    return [moveStarted({ ...name, timeoutMs: 60_000 }), added[move] ?? []].flat();
  };
  test.each<[what: string, inAll: string, perServer: string, moves: readonly number[]]>([
    ['all of them where there is room', '3', '2', [0, 1, 2]],
    ['no more than may be under way in all, in the order of the plan', '2', '2', [0, 1]],
    ['no more than may use one server; a change of leaders alone uses none', '3', '1', [0, 1]],
  ])('begins %s', (_, inAll, perServer, moves) =>
    given(bounds(inAll, perServer), ...running)
      .when(advance)
      .gives(...moves.flatMap(begins)),
  );
  test('those under way count', () =>
    given(bounds('2', '1'), ...running, ...begins(0))
      .when(advance)
      .gives(...begins(1)));
  test('a move that is over makes room at once', () => {
    const name = { ...r1, move: 0, tableId: 7, bucketId: 0 };
    given(bounds('2', '1'), ...running, ...begins(0), moveFinished(name))
      .when(advance)
      .gives(...begins(1), ...begins(2));
  });
  test.each<[what: string, story: readonly ChanceryEvent[]]>([
    ['whose plan is not complete', [...base, planned(3), piece(0, first)]],
    ['that is over', [...base, planned(0), rebalanceCompleted({ ...r1, finished: 0, failed: 0 })]],
    ['that never was', base],
  ])('nothing is due for one %s', (_, story) =>
    given(...story)
      .when(advance)
      .gives(),
  );
  test('nor for another one than the one that runs', () =>
    given(...running)
      .when({ ...advance, rebalanceId: 'r0' } as Command)
      .gives());
});

describe('cancelRebalance', () => {
  const cancel: Command = { name: 'cancelRebalance' };
  const canceled = (finished: number, waiting: number) => rebalanceCanceled({ ...r1, finished, failed: 0, stopped: 0, waiting });
  test('one that has not moved anything', () =>
    given(...running)
      .when(cancel)
      .gives(canceled(0, 3)));
  test('one that is being planned', () =>
    given(...base, planned(3), piece(0, first))
      .when(cancel)
      .gives(canceled(0, 3)));
  test('what is finished stays finished', () => {
    const name = { ...r1, move: 1, tableId: 7, bucketId: 1 };
    const story = [...running, moveStarted({ ...name, timeoutMs: 1 }), moveFinished(name)];
    given(...story)
      .when(cancel)
      .gives(canceled(1, 2));
  });
  test('by its id', () =>
    given(...running)
      .when({ ...cancel, ...r1 } as Command)
      .gives(canceled(0, 3)));
  test('not by another id', () =>
    given(...running)
      .when({ ...cancel, rebalanceId: 'r0' } as Command)
      .isRefused('UNKNOWN_REBALANCE', 'rebalanceId', 'Rebalance task id r0 to cancel is not the current rebalance task id r1.'));
  test('not when there was none', () =>
    given(...base)
      .when(cancel)
      .isRefused('NO_REBALANCE', '', 'there was no rebalance yet'));
  test.each<[status: string, story: readonly ChanceryEvent[]]>([
    ['COMPLETED', [...base, planned(0), rebalanceCompleted({ ...r1, finished: 0, failed: 0 })]],
    ['CANCELED', [...running, canceled(0, 3)]],
    ['FAILED', [...base, planned(3), rebalanceFailed({ ...r1, reason: 'x' })]],
  ])('not when it is %s', (status, story) => {
    const over = reject('REBALANCE_OVER', 'rebalanceId', `rebalance r1 is ${status}`, { status });
    expect(given(...story).when(cancel).decision).toEqual(over);
    expect(given(...story).when({ ...cancel, ...r1 } as Command).decision).toEqual(over);
  });
});

describe('failRebalance', () => {
  const fail: Command = { name: 'failRebalance', ...r1 };
  const begun = [...base, planned(3), piece(0, first)];
  test('a plan that was not completed in time is given up', () =>
    given(...begun)
      .when(fail, late)
      .gives(rebalanceFailed({ ...r1, reason: 'only 1 of its 3 moves arrived in time' })));
  test('not before its time', () => {
    const dueAt = startedAt + base.length * 1000 + 60_000;
    given(...begun)
      .when(fail, { now: dueAt - 1 })
      .gives();
    expect(given(...begun).when(fail, { now: dueAt }).decision).toMatchObject({ kind: 'accepted', events: [{ type: 'RebalanceFailed' }] });
  });
  test.each<[what: string, story: readonly ChanceryEvent[]]>([
    ['has begun', running],
    ['was canceled', [...begun, rebalanceCanceled({ ...r1, finished: 0, failed: 0, stopped: 0, waiting: 3 })]],
    ['never was', base],
  ])('not one that %s', (_, story) =>
    given(...story)
      .when(fail, late)
      .gives(),
  );
});

describe('the largest decision fits into an entry', () => {
  const most = 25;
  const ids = (from: number) => Array.from({ length: catalogLimits.replicationFactor }, (_, i) => from + i);
  const [originals, others, strangers] = [ids(2_000_000_000), ids(2_100_000_000), ids(2_140_000_000)];
  const rebalance = { rebalanceId: 'r'.repeat(64) };
  const table = { tableId: 2 ** 40, partitionId: 2 ** 40 };
  /** So many buckets that are to leave all of their servers for others, but hold what they are given. */
  const story = (moveCount: number, held: readonly number[]): readonly ChanceryEvent[] => {
    const bucketsOf = Array.from({ length: moveCount }, () => [...held]);
    const planned = bucketsOf.map((_, bucketId) => ({ ...moveOf(bucketId, originals, others), ...table }));
    return [
      ...servers(...originals, ...others, ...strangers),
      bucketsAssigned({ ...table, replicas: bucketsOf }),
      rebalancePlanned({ ...rebalance, goals: [], moveCount, plannedAt: 0, planWithinMs: 60_000 }),
      ...[0, rebalanceLimits.movesPerEvent]
        .filter((firstMove) => firstMove < moveCount)
        .map((firstMove) =>
          movesPlanned({ ...rebalance, firstMove, moves: planned.slice(firstMove, firstMove + rebalanceLimits.movesPerEvent) }),
        ),
      rebalanceStarted(rebalance),
    ];
  };
  /** As many as may be are copied, and led by a new server. */
  const underWay = (moveCount: number): readonly ChanceryEvent[] => [
    ...story(moveCount, originals),
    ...Array.from({ length: most }, (_, move): readonly ChanceryEvent[] => {
      const name = { ...rebalance, ...table, move, bucketId: move };
      const replicas = [...others, ...originals];
      return [
        moveStarted({ ...name, timeoutMs: 1_800_000 }),
        replicasAdded({ ...name, serverIds: others, replicas }),
        isrChanged({ serverId: originals[0] ?? 0, buckets: [{ ...table, bucketId: move, isr: replicas }] }),
        leaderHandedOver({ ...name, from: originals[0] ?? 0, to: others[0] ?? 0 }),
      ];
    }).flat(),
  ];
  const words = { commandId: 'k'.repeat(128), digest: '0'.repeat(32), node: 'n'.repeat(64) };
  /** As the leader counts them. */
  function bytesOf({ decision }: { readonly decision: Decision<ChanceryEvent> }, act: Act): number {
    expect(actFault(act)).toBeUndefined();
    if (decision.kind === 'rejected') throw new Error(decision.rejection.detail);
    expect(decision.events.length).toBeLessThanOrEqual(entryLimits.events);
    const texts = decision.events.map((event) => canonicalJson({ ...event, act, id: 'i'.repeat(21) } satisfies LoggedEvent));
    return texts.reduce((sum, text) => sum + Buffer.byteLength(text) + 1, 0);
  }

  test.each<[value: string, kind: string]>([
    [`${most}`, 'accepted'],
    [`${most + 1}`, 'rejected'],
  ])('%s moves at once are %s', (value, kind) => {
    const change = { key: 'chancery.rebalance.max-moves', op: 'set', value } as const;
    expect(given().when({ name: 'alterClusterConfigs', changes: [change] }).decision.kind).toBe(kind);
  });
  test('a cancel with as many moves under way as may be, by the longest name, for the longest reason', () => {
    const act: Act = {
      ...words,
      command: 'cancelRebalance',
      host: 'ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255',
      interface: 'operator',
      principal: `User:${'東'.repeat(251)}`,
      reason: '東'.repeat(1000),
    };
    const decided = given(...underWay(most), lost(others[0] ?? 0)).when({ name: 'cancelRebalance' });
    const types = decided.decision.kind === 'accepted' ? decided.decision.events.map(({ type }) => type) : [];
    expect(types).toEqual(['LeadersElected', ...Array(most).fill(['ReplicasDropped', 'MoveCanceled']).flat(), 'RebalanceCanceled']);
    expect(bytesOf(decided, act)).toBeLessThan(leaderLimits.commandBytes);
  });

  const chancery: Act = { ...words, command: 'advanceRebalance', interface: 'chancery', principal: 'chancery' };
  const advance: Command = { name: 'advanceRebalance', ...rebalance, applied: [{ serverId: others[0] ?? 0, position: 2 ** 50 }] };
  test.each<[what: string, story: readonly ChanceryEvent[], events: number]>([
    ['as many moves as may be end, and as many begin', [bounds(`${most}`, `${most}`), ...underWay(2 * most)], 5 * most],
    ['of many moves none can begin', story(2 * rebalanceLimits.movesPerEvent, strangers), 200],
  ])('a step in which %s', (_, events, count) => {
    const decided = given(...events).when(advance);
    expect(decided.decision.kind === 'accepted' && decided.decision.events.length).toBe(count);
    expect(bytesOf(decided, chancery)).toBeLessThan(leaderLimits.commandBytes);
  });
});
