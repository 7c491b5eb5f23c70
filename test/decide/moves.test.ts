/**
 * Goal: a move takes each step when it is due and not before, and whatever ends it leaves its bucket with a full set of replicas.
 * Method: given events, when the rebalance goes on, then exactly these events; on a frozen state and on a draft.
 */
import { describe, expect, test } from 'vitest';
import { isrChanged } from '../../events/buckets.ts';
import { tableCreated, tableDropped } from '../../events/catalog.ts';
import type { ChanceryEvent } from '../../events/index.ts';
import {
  leaderHandedOver,
  moveCanceled,
  moveFailed,
  moveFinished,
  moveStarted,
  movesPlanned,
  type PlannedMove,
  rebalanceCanceled,
  rebalanceCompleted,
  rebalancePlanned,
  rebalanceStarted,
  replicasAdded,
  replicasDropped,
  replicasInSync,
} from '../../events/rebalance.ts';
import { serverForgotten, serverReturned } from '../../events/servers.ts';
import { serverTagAdded } from '../../events/serverTags.ts';
import type { Command } from '../../src/deciders/commands.ts';
import { given, startedAt } from '../support/given.ts';
import { buckets, elected, inSync, lost, moveOf, registered, servers, stopping } from '../support/tablets.ts';

const r1 = { rebalanceId: 'r1' } as const;
const planned = (...moves: PlannedMove[]): readonly ChanceryEvent[] => [
  rebalancePlanned({ ...r1, goals: [], moveCount: moves.length, plannedAt: 0, planWithinMs: 60_000 }),
  movesPlanned({ ...r1, firstMove: 0, moves }),
  rebalanceStarted(r1),
];
const m0 = { ...r1, move: 0, tableId: 7, bucketId: 0 } as const;
const timeoutMs = 1_800_000;
const started = moveStarted({ ...m0, timeoutMs });
type Advance = Extract<Command, { readonly name: 'advanceRebalance' }>;
const advance = (more: Partial<Advance> = {}): Command => ({ name: 'advanceRebalance', ...r1, applied: [], ...more });
const completed = (finished: number, failed: number) => rebalanceCompleted({ ...r1, finished, failed });

/** One bucket on servers 0 and 1 that goes to servers 2 and 1: its leader moves. */
const toTwo = moveOf(0, [0, 1], [2, 1]);
const base = [...servers(0, 1, 2, 3), buckets([0, 1])];
const waiting = [...base, ...planned(toTwo)];
const added = replicasAdded({ ...m0, serverIds: [2], replicas: [2, 1, 0] });
const copying = [...waiting, started, added];
const copied = [...copying, inSync(0, [0, [2, 1, 0]])];
const sized = isrChanged({ serverId: 0, buckets: [{ tableId: 7, bucketId: 0, isr: [2, 1, 0], bytes: 12 }] });
const caughtUp = replicasInSync({ ...m0, serverIds: [2] });
const handedOver = leaderHandedOver({ ...m0, from: 0, to: 2 });
const leading = [...copied, caughtUp, handedOver];
const dropped = replicasDropped({ ...m0, serverIds: [0], replicas: [2, 1], isr: [2, 1] });
const finished = moveFinished(m0);
const failed = (left: 'ORIGINAL' | 'TARGET' | 'GONE', reason: string) => moveFailed({ ...m0, left, reason });

describe('a move begins', () => {
  test('with the new replicas beside the old ones, the planned ones first', () =>
    given(...waiting)
      .when(advance())
      .gives(started, added));
  test('without new replicas when leadership alone moves', () =>
    given(...base, ...planned(moveOf(0, [0, 1], [1, 0])))
      .when(advance())
      .gives(started));
  test('also when the leader has changed since', () =>
    given(...waiting, elected([0, 1, [0, 1]]))
      .when(advance())
      .gives(started, added));

  const hour = 3_600_000;
  const at = (minutes: number) => ({ now: startedAt + minutes * 60_000 });
  test('not while a server that it needs is lost', () =>
    given(...waiting, lost(2))
      .when(advance(), at(29))
      .gives());
  test('nor while it is about to stop', () =>
    given(...waiting, stopping(2))
      .when(advance(), { now: startedAt + hour * 24 })
      .gives());
  test('it fails when that server has been lost for as long as a move may take', () =>
    given(...waiting, lost(2))
      .when(advance(), at(31))
      .gives(failed('ORIGINAL', 'server 2 is LOST'), completed(0, 1)));
  test('it fails at once when that server was tagged since', () =>
    given(...waiting, serverTagAdded({ serverIds: [2], tag: 'TEMPORARY_OFFLINE' }))
      .when(advance(), at(1))
      .gives(failed('ORIGINAL', 'server 2 is TEMPORARY_OFFLINE'), completed(0, 1)));
  test('or is not known any more', () =>
    given(...waiting, lost(2), serverForgotten({ serverId: 2 }))
      .when(advance(), at(1))
      .gives(failed('ORIGINAL', 'server 2 is not known any more'), completed(0, 1)));

  const leaderless = [...waiting, lost(0), lost(1), elected([0, -1, [0, 1]])];
  test('not while nobody leads the bucket', () =>
    given(...leaderless)
      .when(advance(), at(29))
      .gives());
  test('it fails when that lasts', () =>
    given(...leaderless)
      .when(advance(), at(31))
      .gives(failed('ORIGINAL', 'nobody leads it: servers 0, 1 are lost'), completed(0, 1)));
  test('it waits on when one of those that may lead is back, and will be elected', () =>
    given(...leaderless, serverReturned({ serverId: 1 }))
      .when(advance(), at(31))
      .gives());

  const table = { tableId: 7, database: 'fluss', table: 't' } as const;
  const column = { name: 'id', type: 'BIGINT', isNullable: true };
  const lists = { columns: [column], primaryKey: [], partitionKeys: [], bucketKeys: [] };
  const created = tableCreated({ ...table, ...lists, bucketCount: 1, replicationFactor: 2, properties: {} });
  const gone = tableDropped({ ...table, bucketCount: 1, partitionIds: [] });
  const isGone = failed('GONE', 'it was dropped');
  test('it fails when its table was dropped', () =>
    given(created, ...waiting, gone)
      .when(advance())
      .gives(isGone, completed(0, 1)));
  test('also when it was under way', () =>
    given(created, ...copying, gone)
      .when(advance())
      .gives(isGone, completed(0, 1)));
});

describe('a move goes on', () => {
  test('not before every planned replica is in sync', () =>
    given(...copying)
      .when(advance())
      .gives());
  test('leadership is handed over when they are', () =>
    given(...copied)
      .when(advance())
      .gives(caughtUp, handedOver));
  test('not while the new leader is lost', () =>
    given(...copied, lost(2))
      .when(advance())
      .gives());
  test('nor while another planned replica is behind', () =>
    given(...copying, inSync(0, [0, [2, 0]]))
      .when(advance())
      .gives());
  test('but without one that was there before and whose server is lost', () =>
    given(...copying, inSync(0, [0, [2, 0]]), lost(1))
      .when(advance())
      .gives(caughtUp, handedOver));
  test('nor while nobody leads', () =>
    given(...copied, elected([0, -1, [2, 1, 0]]))
      .when(advance())
      .gives());

  /** Entries of these stories hold one event each, so this is the position of the newest. */
  const handedOverAt = leading.length;
  test('the old leader keeps its copy until the new one has said that it leads', () => {
    given(...leading)
      .when(advance())
      .gives();
    const applied = [{ serverId: 2, position: handedOverAt - 1 }];
    given(...leading)
      .when(advance({ applied }))
      .gives();
  });
  const hasApplied = { applied: [{ serverId: 2, position: handedOverAt }] };
  test('then the copies that are needed no more are dropped, and it is finished', () =>
    given(...leading)
      .when(advance(hasApplied))
      .gives(dropped, finished, completed(1, 0)));
  test('what was copied is written down', () =>
    given(...copying, sized, caughtUp, handedOver)
      .when(advance(hasApplied))
      .gives(dropped, moveFinished({ ...m0, copiedBytes: 12 }), completed(1, 0)));
  test('a leader may say that its copy is as long as it likes', () => {
    const copies = replicasAdded({ ...m0, serverIds: [2, 3], replicas: [2, 3, 0, 1] });
    const ofAnySize = { tableId: 7, bucketId: 0, isr: [2, 3, 0, 1], bytes: Number.MAX_SAFE_INTEGER };
    const said = isrChanged({ serverId: 0, buckets: [ofAnySize] });
    const inSyncThen = replicasInSync({ ...m0, serverIds: [2, 3] });
    const story = [...base, ...planned(moveOf(0, [0, 1], [2, 3])), started, copies, said, inSyncThen, handedOver];
    given(...story)
      .when(advance({ applied: [{ serverId: 2, position: story.length }] }))
      .gives(
        replicasDropped({ ...m0, serverIds: [0, 1], replicas: [2, 3], isr: [2, 3] }),
        moveFinished({ ...m0, copiedBytes: Number.MAX_SAFE_INTEGER }),
        completed(1, 0),
      );
  });
  test('a leader that was elected meanwhile hands over again', () =>
    given(...leading, elected([0, 1, [2, 1, 0]]))
      .when(advance(hasApplied))
      .gives(leaderHandedOver({ ...m0, from: 1, to: 2 })));
  test('in place of a leader that is lost, before another one is elected', () =>
    given(...copied, lost(0))
      .when(advance())
      .gives(caughtUp, handedOver));

  test('without a change of leaders it is finished as soon as all are in sync', () => {
    const move = moveOf(0, [0, 1], [0, 2]);
    const story = [...base, ...planned(move), started, replicasAdded({ ...m0, serverIds: [2], replicas: [0, 2, 1] })];
    given(...story)
      .when(advance())
      .gives();
    given(...story, inSync(0, [0, [0, 2, 1]]))
      .when(advance())
      .gives(caughtUp, replicasDropped({ ...m0, serverIds: [1], replicas: [0, 2], isr: [0, 2] }), finished, completed(1, 0));
  });
  test('leadership alone: handed over, confirmed, finished', () => {
    const story = [...base, ...planned(moveOf(0, [0, 1], [1, 0])), started];
    const over = leaderHandedOver({ ...m0, from: 0, to: 1 });
    given(...story)
      .when(advance())
      .gives(over);
    given(...story, over)
      .when(advance())
      .gives();
    given(...story, over)
      .when(advance({ applied: [{ serverId: 1, position: story.length + 1 }] }))
      .gives(finished, completed(1, 0));
  });
  test('leadership that an election brought needs no confirmation', () =>
    given(...base, ...planned(moveOf(0, [0, 1], [1, 0])), started, elected([0, 1, [0, 1]]))
      .when(advance())
      .gives(finished, completed(1, 0)));
});

describe('a move is ended before it is finished', () => {
  const late = { now: startedAt + 86_400_000 };
  const timeOut: Command = { name: 'timeOutMove', ...r1, move: 0 };
  const tooLong = `it took longer than ${timeoutMs} ms`;
  const back = (isr: number[]) => replicasDropped({ ...m0, serverIds: [2], replicas: [0, 1], isr });
  const forward = (isr: number[]) => replicasDropped({ ...m0, serverIds: [0], replicas: [2, 1], isr });

  test.each<[what: string, story: readonly ChanceryEvent[], settled: readonly ChanceryEvent[], left: 'ORIGINAL' | 'TARGET']>([
    ['the copy is not there yet', copying, [back([0, 1])], 'ORIGINAL'],
    ['the copy is there, and the old leader leads', copied, [back([1, 0])], 'ORIGINAL'],
    ['the new leader leads', leading, [forward([2, 1])], 'TARGET'],
    ['the new leader leads, though another one fell behind', [...leading, inSync(2, [0, [2]])], [forward([2])], 'TARGET'],
    ['the new replica was elected', [...copied, lost(0), elected([0, 2, [2, 1]])], [forward([2, 1])], 'TARGET'],
    ['one that stays was elected', [...copied, lost(0), elected([0, 1, [2, 1]])], [back([1])], 'ORIGINAL'],
    ['nobody leads, and an old one has everything', [...copied, elected([0, -1, [2, 1, 0]])], [back([1, 0])], 'ORIGINAL'],
    [
      'nobody leads, and the new one alone has everything',
      [...copied, elected([0, 2, [2]]), lost(2), elected([0, -1, [2]])],
      [forward([2])],
      'TARGET',
    ],
    ['the old leader is lost, and its follower is there', [...copied, lost(0)], [back([1, 0])], 'ORIGINAL'],
    [
      'the old leader is lost and so is its follower, and the new one is there',
      [...copied, lost(0), lost(1)],
      [elected([0, 2, [2, 1, 0]]), forward([2, 1])],
      'TARGET',
    ],
    ['the new leader leads and is lost', [...leading, lost(2)], [elected([0, 0, [2, 1, 0]]), back([1, 0])], 'ORIGINAL'],
    ['the new leader leads and everybody is lost', [...leading, lost(0), lost(1), lost(2)], [forward([2, 1])], 'TARGET'],
    ['everybody is lost', [...copied, lost(0), lost(1), lost(2)], [back([1, 0])], 'ORIGINAL'],
  ])('%s', (_, story, settled, left) => {
    given(...story)
      .when(timeOut, late)
      .gives(...settled, failed(left, tooLong));
    const counts = { finished: 0, failed: 0, stopped: 1, waiting: 0 };
    given(...story)
      .when({ name: 'cancelRebalance' })
      .gives(...settled, moveCanceled({ ...m0, left, reason: 'the rebalance was canceled' }), rebalanceCanceled({ ...r1, ...counts }));
  });

  test('leadership alone: nothing is to be dropped', () => {
    const story = [...base, ...planned(moveOf(0, [0, 1], [1, 0])), started];
    given(...story)
      .when(timeOut, late)
      .gives(failed('ORIGINAL', tooLong));
    const over = leaderHandedOver({ ...m0, from: 0, to: 1 });
    given(...story, over)
      .when(timeOut, late)
      .gives(failed('TARGET', tooLong));
  });

  test('not before its time, counted from its start as it was then', () => {
    const begunAt = startedAt + waiting.length * 1000;
    given(...copying)
      .when(timeOut, { now: begunAt + timeoutMs - 1 })
      .gives();
    const { decision } = given(...copying).when(timeOut, { now: begunAt + timeoutMs });
    expect(decision).toMatchObject({ kind: 'accepted', events: [{ type: 'ReplicasDropped' }, { type: 'MoveFailed' }] });
  });
  test.each<[what: string, story: readonly ChanceryEvent[], command: Command]>([
    ['a move that has not begun', waiting, timeOut],
    ['a move that is over', [...leading, dropped, finished], timeOut],
    ['a move that is not there', copying, { ...timeOut, move: 1 } as Command],
    ['a move of another rebalance', copying, { ...timeOut, rebalanceId: 'r0' } as Command],
  ])('%s has no time to run out', (_, story, command) =>
    given(...story)
      .when(command, late)
      .gives(),
  );
});

test('a server that comes back in time is used', () =>
  given(...waiting, lost(2), registered(2))
    .when(advance())
    .gives(started, added));
