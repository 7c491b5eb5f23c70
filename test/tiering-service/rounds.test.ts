/**
 * Goal: whatever a heartbeat is answered with, a round is said until it counts or never will, and no answer to an older heartbeat counts
 *   for a newer round.
 * Method: heartbeats and answers by hand, no nodes.
 */
import { expect, test } from 'vitest';
import type { HeartbeatAnswer } from '../../src/tiering-service/coordinatorClient.ts';
import { type Round, Rounds } from '../../src/tiering-service/rounds.ts';

const given = (tableId: number, tieringEpoch = 1) => ({ tableId, tieringEpoch, database: 'shop', table: `t${tableId}` });
const finished = { kind: 'finished', isForced: false, fileBytes: 10, records: 1 } as const;
const refusal = (code: string) => ({ code, detail: code });
const quiet = { position: 1, failed: [], tiering: [], finished: [] };

/** Three rounds under coordinator epoch 3: one that runs, one that failed, one that was cut short. */
function three(): { readonly rounds: Rounds; readonly all: readonly Round[] } {
  const rounds = new Rounds();
  rounds.answered(rounds.heartbeat(true), { ...quiet, coordinatorEpoch: 3 });
  const all = [1, 2, 3].map((id) => rounds.begin(given(id)));
  const [, failed, forced] = all;
  if (failed !== undefined) failed.ending = { kind: 'failed', error: 'no' };
  if (forced !== undefined) forced.ending = { ...finished, isForced: true };
  return { rounds, all };
}
const report = (tableId: number, coordinatorEpoch = 3) => ({ tableId, tieringEpoch: 1, coordinatorEpoch });

test('every round is in each heartbeat, under the epoch of the last answer', () => {
  expect(three().rounds.heartbeat(false)).toEqual({
    tiering: [report(1)],
    failed: [{ ...report(2), error: 'no' }],
    finished: [{ ...report(3), fileBytes: 10, records: 1 }],
    forced: [3],
    wantsTable: false,
  });
});

test('what counts is not said again; what runs goes on', () => {
  const { all, rounds } = three();
  const answer = { coordinatorEpoch: 3, position: 9, tiering: [{ tableId: 1 }], failed: [{ tableId: 2 }], finished: [{ tableId: 3 }] };
  expect(rounds.answered(rounds.heartbeat(false), answer)).toEqual({ dropped: [], isToBeSaidAgain: false });
  expect(rounds.all().map((round) => round.given.tableId)).toEqual([1]);
  expect(all.map((round) => round.dropped.signal.aborted)).toEqual([false, true, true]);
});

test.each(['FENCED_TIERING_EPOCH', 'UNKNOWN_TABLE', 'TABLE_NOT_TIERING'])('%s drops the round, running or not', (code) => {
  const { all, rounds } = three();
  const no = (tableId: number) => [{ tableId, refusal: refusal(code) }];
  const answer: HeartbeatAnswer = { coordinatorEpoch: 3, position: 9, tiering: no(1), failed: no(2), finished: no(3) };
  const { dropped, isToBeSaidAgain } = rounds.answered(rounds.heartbeat(false), answer);
  expect(dropped.map((one) => [one.given.tableId, one.code])).toEqual([
    [2, code],
    [1, code],
    [3, code],
  ]);
  expect([isToBeSaidAgain, rounds.size, all.every((round) => round.dropped.signal.aborted)]).toEqual([false, 0, true]);
});

test.each([
  [4, true],
  [2, false],
])(
  'FENCED_COORDINATOR_EPOCH keeps all and takes epoch %i; said again at once only under a newer one',
  (coordinatorEpoch, isToBeSaidAgain) => {
    const { rounds } = three();
    const no = (tableId: number) => [{ tableId, refusal: refusal('FENCED_COORDINATOR_EPOCH') }];
    const answer = { coordinatorEpoch, position: 9, tiering: no(1), failed: no(2), finished: no(3) };
    expect(rounds.answered(rounds.heartbeat(false), answer)).toEqual({ dropped: [], isToBeSaidAgain });
    const { failed, finished: over, tiering } = rounds.heartbeat(false);
    expect([...tiering, ...failed, ...over].map((one) => one.coordinatorEpoch)).toEqual([1, 1, 1].map(() => coordinatorEpoch));
  },
);

test('a round that ends while its renewal is under way is still to be reported', () => {
  const rounds = new Rounds();
  const round = rounds.begin(given(1));
  const sent = rounds.heartbeat(false);
  round.ending = finished;
  rounds.answered(sent, { ...quiet, coordinatorEpoch: 1, tiering: [{ tableId: 1 }] });
  expect(rounds.heartbeat(false).finished).toHaveLength(1);
});

test('an answer about an older round of a table says nothing of the newer one', () => {
  const rounds = new Rounds();
  const old = rounds.begin(given(1));
  const sent = rounds.heartbeat(false);
  const round = rounds.begin(given(1, 2));
  expect(old.dropped.signal.aborted).toBe(true);
  rounds.answered(sent, { ...quiet, coordinatorEpoch: 1, tiering: [{ tableId: 1, refusal: refusal('FENCED_TIERING_EPOCH') }] });
  expect([rounds.size, round.dropped.signal.aborted]).toEqual([1, false]);
});
