/**
 * Goal: only who has everything that was acknowledged ever leads; reports that rest on something older change nothing.
 * Method: given events, when a command, then exactly these events; on a frozen state and on a draft.
 */
import { describe, expect, test } from 'vitest';
import { bucketsAssigned, isrChanged } from '../../events/buckets.ts';
import { serverReturned } from '../../events/servers.ts';
import { bucketOf } from '../../projections/buckets.ts';
import type { Command } from '../../src/deciders/commands.ts';
import { given } from '../support/given.ts';
import { buckets, elected, incarnationOf, inSync, lost, registered, servers, stopping } from '../support/tablets.ts';

const three = servers(0, 1, 2);

describe('adjustIsr', () => {
  type Report = Extract<Command, { readonly name: 'adjustIsr' }>['buckets'][number];
  const report = (serverId: number, ...rows: readonly Partial<Report>[]): Command => ({
    name: 'adjustIsr',
    serverId,
    incarnation: incarnationOf(serverId),
    buckets: rows.map((row) => ({ tableId: 7, bucketId: 0, leaderEpoch: 0, bucketEpoch: 0, isr: [0, 1, 2], ...row })),
  });
  const begun = [...three, buckets([0, 1, 2], [1, 2, 0])];

  test('a follower that fell behind leaves', () =>
    given(...begun)
      .when(report(0, { isr: [0, 1] }))
      .gives(inSync(0, [0, [0, 1]])));
  test('the list is kept in the order of the replicas, each once', () =>
    given(...begun, inSync(0, [0, [0]]))
      .when(report(0, { isr: [2, 2, 1, 0], bucketEpoch: 1 }))
      .gives(inSync(0, [0, [0, 1, 2]])));
  test('the leader stays, whether it names itself or not', () =>
    given(...begun)
      .when(report(0, { isr: [1] }))
      .gives(inSync(0, [0, [0, 1]])));
  test('what is so already changes nothing', () =>
    given(...begun)
      .when(report(0, { isr: [2, 1, 0] }))
      .gives());
  test('nothing changes and a new bucket epoch begins when that is asked for: what is late counts no more', () =>
    given(...begun)
      .when(report(0, { isr: [2, 1, 0], anew: true }))
      .gives(inSync(0, [0, [0, 1, 2]])));
  test('a new bucket epoch that is asked for in an older one is passed over', () =>
    given(...begun, inSync(0, [0, [0]]))
      .when(report(0, { isr: [0], anew: true }))
      .gives());
  test('who holds no copy does not come in', () =>
    given(...begun, registered(3))
      .when(report(0, { isr: [0, 1, 3] }))
      .gives(inSync(0, [0, [0, 1]])));

  const alone = [...begun, inSync(0, [0, [0]])];
  test('who is lost does not come in, nor who is about to stop', () =>
    given(...alone, lost(1), stopping(2))
      .when(report(0, { bucketEpoch: 1 }))
      .gives());
  test('who is in and lost stays until it is taken out by an election', () =>
    given(...begun, lost(1))
      .when(report(0, {}))
      .gives());
  test('who is in and about to stop stays', () =>
    given(...begun, stopping(1))
      .when(report(0, {}))
      .gives());

  test.each<[what: string, row: Partial<Report>]>([
    ['an older bucket epoch', { bucketEpoch: 0 }],
    ['a newer bucket epoch than there is', { bucketEpoch: 2 }],
    ['another leader epoch', { bucketEpoch: 1, leaderEpoch: 1 }],
    ['a bucket that another server leads', { bucketId: 1, isr: [1] }],
    ['a bucket that is not there', { bucketId: 9 }],
    ['a bucket of a partition that is not there', { partitionId: 4 }],
  ])('%s is passed over', (_, row) =>
    given(...alone)
      .when(report(0, { isr: [0, 1], ...row }))
      .gives(),
  );
  test('of one report some buckets may count and others not', () =>
    given(...begun, elected([1, 0, [0, 1, 2]]))
      .when(report(0, { bucketEpoch: 5 }, { bucketId: 1, leaderEpoch: 1, bucketEpoch: 1, isr: [0] }))
      .gives(inSync(0, [1, [0]])));
  test('a bucket that is named twice counts once', () =>
    given(...begun)
      .when(report(0, { isr: [0, 1] }, { isr: [0] }))
      .gives(inSync(0, [0, [0, 1]])));
  test('buckets of partitions are told apart', () => {
    const assigned = bucketsAssigned({ tableId: 7, partitionId: 3, replicas: [[0, 1]] });
    const changed = isrChanged({ serverId: 0, buckets: [{ tableId: 7, partitionId: 3, bucketId: 0, isr: [0] }] });
    given(...begun, assigned)
      .when(report(0, { partitionId: 3, isr: [0] }))
      .gives(changed);
  });

  test('a server that is about to stop still reports', () =>
    given(...begun, stopping(0))
      .when(report(0, { isr: [0, 1] }))
      .gives(inSync(0, [0, [0, 1]])));
  test('one that nobody knows is refused', () =>
    given(...begun)
      .when(report(9, {}))
      .isRefused('UNKNOWN_SERVER', 'serverId', 'tablet server 9 is not known'));
  const stale = 'tablet server 0 was started again since, or is taken for lost';
  test('one that is taken for lost is refused', () =>
    given(...begun, lost(0))
      .when(report(0, {}))
      .isRefused('STALE_SERVER', 'incarnation', stale));
  test('a process whose place another one has is refused', () =>
    given(...begun)
      .when({ ...report(0, {}), incarnation: 'start-0' } as Command)
      .isRefused('STALE_SERVER', 'incarnation', stale));
});

describe('electLeaders', () => {
  const elect = { name: 'electLeaders', atMost: 500 } as const;
  const begun = [...three, buckets([0, 1, 2])];

  test('of many that nobody leads, those of the server that is there again', () =>
    given(
      ...servers(0, 1),
      buckets([0], [0], [1], [0, 1]),
      lost(0),
      lost(1),
      elected([0, -1, [0]], [1, -1, [0]], [2, -1, [1]], [3, -1, [0, 1]]),
      serverReturned({ serverId: 1 }),
    )
      .when({ name: 'electLeaders', atMost: 500 })
      .gives(elected([2, 1, [1]], [3, 1, [1]])));
  test('with everybody there nothing is to be done', () =>
    given(...begun)
      .when(elect)
      .gives());
  test('the next replica in sync leads in place of one that is lost, which is in sync no more', () =>
    given(...begun, lost(0))
      .when(elect)
      .gives(elected([0, 1, [1, 2]])));
  test('in the order of the replicas, passing over who is not in sync', () =>
    given(...begun, inSync(0, [0, [0, 2]]), lost(0))
      .when(elect)
      .gives(elected([0, 2, [2]])));
  test('a follower that is lost is in sync no more; the leader stays', () =>
    given(...begun, lost(1))
      .when(elect)
      .gives(elected([0, 0, [0, 2]])));
  test('nobody leads when the only one in sync is lost, whoever else is there', () =>
    given(...begun, inSync(0, [0, [0]]), lost(0))
      .when(elect)
      .gives(elected([0, -1, [0]])));
  test('when all in sync are lost, all of them stay in sync: each has everything', () =>
    given(...begun, inSync(0, [0, [0, 1]]), lost(0), lost(1))
      .when(elect)
      .gives(elected([0, -1, [0, 1]])));

  const leaderless = [...begun, inSync(0, [0, [0, 1]]), lost(0), lost(1), elected([0, -1, [0, 1]])];
  test('nothing changes while they are away', () =>
    given(...leaderless)
      .when(elect)
      .gives());
  test('the first of them that returns leads, alone', () =>
    given(...leaderless, serverReturned({ serverId: 1 }))
      .when(elect)
      .gives(elected([0, 1, [1]])));
  test('one that starts again on its directory leads as well', () =>
    given(...leaderless, registered(0))
      .when(elect)
      .gives(elected([0, 0, [0]])));

  test('a server that is about to stop hands over and stays in sync', () =>
    given(...begun, stopping(0))
      .when(elect)
      .gives(elected([0, 1, [0, 1, 2]])));
  test('it leads on when nobody else is in sync', () =>
    given(...begun, inSync(0, [0, [0]]), stopping(0))
      .when(elect)
      .gives());
  test('it is better than none', () =>
    given(...begun, inSync(0, [0, [0, 1]]), stopping(1), lost(0))
      .when(elect)
      .gives(elected([0, 1, [1]])));
  test('a follower that is about to stop stays where it is', () =>
    given(...begun, stopping(1))
      .when(elect)
      .gives());

  test('as many buckets as are asked for, and the rest at the next time', () => {
    const story = [...three, buckets([0, 1], [1, 0], [0, 2]), lost(0)];
    const first = given(...story).when({ ...elect, atMost: 2 }).decision;
    const events = first.kind === 'accepted' ? first.events : [];
    expect(events.flatMap((event) => (event.type === 'LeadersElected' ? event.data.buckets.length : []))).toEqual([2]);
    const second = given(...story, ...events).when(elect).decision;
    const more = second.kind === 'accepted' ? second.events : [];
    given(...story, ...events, ...more)
      .when(elect)
      .gives();
    const { state } = given(...story, ...events, ...more);
    const rows = [0, 1, 2].map((bucketId) => bucketOf(state.buckets, { tableId: 7, bucketId }));
    expect(rows.map((row) => [row?.leader, row?.isr])).toEqual([
      [1, [1]],
      [1, [1]],
      [2, [2]],
    ]);
  });
  test('epochs: a new leader begins a term, one replica less in sync does not', () => {
    const rowAfter = (leader: number) =>
      bucketOf(given(...begun, elected([0, leader, [1, 2].concat(leader === 0 ? 0 : [])])).state.buckets, ref);
    const ref = { tableId: 7, bucketId: 0 };
    expect(rowAfter(1)).toMatchObject({ leaderEpoch: 1, bucketEpoch: 1 });
    expect(rowAfter(0)).toMatchObject({ leaderEpoch: 0, bucketEpoch: 1 });
    expect(rowAfter(-1)).toMatchObject({ leaderEpoch: 1, bucketEpoch: 1 });
  });
});
