/**
 * Goal: of past rebalances the newest are kept, headers longer than moves, and what is forgotten leaves nothing behind.
 * Method: folds plans as large and as many as the bounds are, and looks at what the queries still find.
 */
import { expect, test } from 'vitest';
import type { ChanceryEvent } from '../../events/index.ts';
import {
  moveFinished,
  moveStarted,
  movesPlanned,
  type PlannedMove,
  rebalanceCanceled,
  rebalanceCompleted,
  rebalancePlanned,
  rebalanceStarted,
} from '../../events/rebalance.ts';
import type { Folds, Recorded, Writable } from '../../projections/kit.ts';
import {
  currentRebalance,
  keptRebalances,
  movesOf,
  openRebalance,
  type Rebalances,
  rebalance,
  rebalanceOf,
  rebalanceRows,
} from '../../projections/rebalance.ts';
import { actOf } from '../support/given.ts';
import { moveOf } from '../support/tablets.ts';

type AnyFold = (state: Writable<Rebalances>, recorded: Recorded) => void;
class Fold {
  readonly state = rebalance.initial();
  #position = 0;

  tell(...events: readonly ChanceryEvent[]): void {
    for (const event of events) {
      this.#position += 1;
      const recorded = { position: this.#position, at: this.#position, epoch: 1, event: { ...event, id: 'e', act: actOf('c') } };
      (rebalance.on[event.type as keyof Folds<Rebalances>] as AnyFold)(this.state as Writable<Rebalances>, recorded);
    }
  }

  /** A rebalance of so many moves that is written down and canceled. */
  past(rebalanceId: string, moveCount: number): void {
    this.tell(rebalancePlanned({ rebalanceId, goals: [], moveCount, plannedAt: 0, planWithinMs: 1 }));
    for (let firstMove = 0; firstMove < moveCount; firstMove += 200) {
      const moves = Array.from(
        { length: Math.min(200, moveCount - firstMove) },
        (_, i): PlannedMove => ({ ...move, tableId: firstMove + i }),
      );
      this.tell(movesPlanned({ rebalanceId, firstMove, moves }));
    }
    this.tell(rebalanceCanceled({ rebalanceId, finished: 0, failed: 0, stopped: 0, waiting: moveCount }));
  }
}
const move = moveOf(0, [0, 1], [1, 0]);
const countOf = ({ state }: Fold, rebalanceId: string): number => {
  const row = rebalanceOf(state, rebalanceId);
  return row === undefined ? -1 : [...movesOf(state, row)].length;
};

test('a thousand headers are kept, with their moves', () => {
  const fold = new Fold();
  const { headers } = keptRebalances;
  for (let i = 0; i <= headers; i += 1) fold.past(`r${i}`, 1);
  const { state } = fold;
  expect([countOf(fold, 'r0'), countOf(fold, 'r1'), countOf(fold, `r${headers}`)]).toEqual([-1, 1, 1]);
  expect([state.ids.length, state.withMoves.length, state.byId.size, state.moves.size]).toEqual([headers, headers, headers, headers]);
  expect(rebalanceRows(state).map(({ rebalanceId }) => rebalanceId)).toEqual(Array.from({ length: headers }, (_, i) => `r${headers - i}`));
});

test('moves of the oldest go when those of all would be too many; its header stays', () => {
  const fold = new Fold();
  const quarter = keptRebalances.moves / 4;
  for (const id of ['a', 'b', 'c', 'd']) fold.past(id, quarter);
  expect(fold.state.moves.size).toBe(keptRebalances.moves);
  fold.past('e', 1);
  expect(['a', 'b', 'c', 'd', 'e'].map((id) => countOf(fold, id))).toEqual([0, quarter, quarter, quarter, 1]);
  expect(fold.state.withMoves).toEqual(['b', 'c', 'd', 'e']);
  expect(rebalanceOf(fold.state, 'a')).toMatchObject({ status: 'CANCELED', moveCount: quarter, canceled: quarter });
  // As many moves as there may be at all: nothing else is kept beside them.
  fold.tell(rebalancePlanned({ rebalanceId: 'f', goals: [], moveCount: keptRebalances.moves, plannedAt: 0, planWithinMs: 1 }));
  expect([fold.state.withMoves, fold.state.moves.size]).toEqual([['f'], 0]);
});

test('what was waiting when it was canceled is canceled', () => {
  const fold = new Fold();
  fold.past('r1', 2);
  const row = rebalanceOf(fold.state, 'r1');
  expect(row === undefined ? [] : [...movesOf(fold.state, row)].map(({ status }) => status)).toEqual(['CANCELED', 'CANCELED']);
});

test('the one that is not over is the open one; the newest is the current one', () => {
  const fold = new Fold();
  expect([currentRebalance(fold.state), openRebalance(fold.state)]).toEqual([undefined, undefined]);
  fold.tell(rebalancePlanned({ rebalanceId: 'r1', goals: [], moveCount: 0, plannedAt: 0, planWithinMs: 1 }));
  expect(openRebalance(fold.state)?.rebalanceId).toBe('r1');
  fold.tell(rebalanceCompleted({ rebalanceId: 'r1', finished: 0, failed: 0 }));
  expect([currentRebalance(fold.state)?.rebalanceId, openRebalance(fold.state)]).toEqual(['r1', undefined]);
});

test('events that contradict the tables stop the fold', () => {
  const begun = (): Fold => {
    const fold = new Fold();
    fold.tell(rebalancePlanned({ rebalanceId: 'r1', goals: [], moveCount: 2, plannedAt: 0, planWithinMs: 1 }));
    fold.tell(movesPlanned({ rebalanceId: 'r1', firstMove: 0, moves: [move] }));
    return fold;
  };
  const plan = { goals: [], moveCount: 1, plannedAt: 0, planWithinMs: 1 };
  const ofMove = { rebalanceId: 'r1', tableId: 7, bucketId: 0, timeoutMs: 1 };
  for (const [event, message] of [
    [rebalancePlanned({ ...plan, rebalanceId: 'r1' }), 'rebalance r1 exists already'],
    [rebalancePlanned({ ...plan, rebalanceId: 'r2' }), 'another rebalance is not over'],
    [movesPlanned({ rebalanceId: 'r1', firstMove: 0, moves: [move] }), 'rebalance r1 has 1 moves, the next is not 0'],
    [rebalanceStarted({ rebalanceId: 'r1' }), 'the plan of rebalance r1 is not complete'],
    [moveStarted({ ...ofMove, move: 1 }), 'rebalance r1 has no move 1'],
    [rebalanceCompleted({ rebalanceId: 'r1', finished: 0, failed: 0 }), 'rebalance r1 has moves that are not over'],
    [rebalanceCompleted({ rebalanceId: 'r9', finished: 0, failed: 0 }), 'rebalance r9 is not under way'],
  ] as const)
    expect(() => begun().tell(event)).toThrow(message);
  const moving = begun();
  moving.tell(moveStarted({ ...ofMove, move: 0 }));
  expect(() => moving.tell(moveStarted({ ...ofMove, move: 0 }))).toThrow('move 0 of r1 was started before');
  const canceled = rebalanceCanceled({ rebalanceId: 'r1', finished: 0, failed: 0, stopped: 0, waiting: 1 });
  expect(() => moving.tell(canceled)).toThrow('rebalance r1 still moves buckets');
});

test('what was copied comes to no more than a number holds exactly, whatever tablet servers say', () => {
  const fold = new Fold();
  const r1 = { rebalanceId: 'r1' } as const;
  fold.tell(rebalancePlanned({ ...r1, goals: [], moveCount: 2, plannedAt: 0, planWithinMs: 1 }));
  fold.tell(movesPlanned({ ...r1, firstMove: 0, moves: [move, { ...move, tableId: 8 }] }), rebalanceStarted(r1));
  for (const [number, tableId] of [7, 8].entries()) {
    const name = { ...r1, move: number, tableId, bucketId: 0 };
    fold.tell(moveStarted({ ...name, timeoutMs: 1 }), moveFinished({ ...name, copiedBytes: Number.MAX_SAFE_INTEGER }));
  }
  expect(rebalanceOf(fold.state, 'r1')).toMatchObject({ finished: 2, copiedBytes: Number.MAX_SAFE_INTEGER });
});
