/**
 * Goal: the earliest deadlines are found, whatever came and went before; one that no longer counts is gone.
 * Method: random lives of nodes, folded; the agenda against a brute search through a Map of what must be due when.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { coordinatorForgotten, coordinatorJoined, coordinatorLost } from '../../events/coordinators.ts';
import type { ChanceryEvent } from '../../events/index.ts';
import { bySecond, type Deadlines, deadlines, type Pending } from '../../projections/deadlines.ts';
import type { Folds, Recorded, Writable } from '../../projections/kit.ts';
import { actOf } from '../support/given.ts';
import { replay } from '../support/replay.ts';

type AnyFold = (state: Writable<Deadlines>, recorded: Recorded) => void;
function fold(state: Deadlines, event: ChanceryEvent, at: number): void {
  const run = deadlines.on[event.type as keyof Folds<Deadlines>] as AnyFold | undefined;
  run?.(state as Writable<Deadlines>, { position: 1, at, epoch: 1, event: { ...event, id: 'e', act: actOf('c') } });
}
const earliest = (state: Deadlines): readonly Pending[] => {
  const [first = []] = bySecond(state);
  return first;
};
const join = (nodeId: string) => coordinatorJoined({ nodeId, operatorUrl: 'http://x', release: '0.1.0' });
const lose = (nodeId: string, forgetAfterMs: number) => coordinatorLost({ nodeId, forgetAfterMs });

test('the agenda finds what a search through everything finds', () => {
  const nodeId = fc.nat(12).map((n) => `n${n}`);
  const steps = fc.array(
    fc.record({
      what: fc.constantFrom('lose', 'lose', 'join', 'forget'),
      nodeId,
      laterMs: fc.nat(3000),
      // Crowded seconds, crowded hours, and far ones.
      forgetAfterMs: fc.oneof(fc.integer({ min: 1, max: 3000 }), fc.integer({ min: 1, max: 8_000_000 }), fc.constant(9e12)),
    }),
    { maxLength: 60 },
  );
  fc.assert(
    fc.property(steps, (all) => {
      const state = deadlines.initial();
      const due = new Map<string, number>();
      let at = 1_700_000_000_000;
      for (const { what, nodeId: id, laterMs, forgetAfterMs } of all) {
        at += laterMs;
        if (what === 'lose') {
          fold(state, lose(id, forgetAfterMs), at);
          due.set(`coordinator/${id}`, at + forgetAfterMs);
        } else {
          fold(state, what === 'join' ? join(id) : coordinatorForgotten({ nodeId: id }), at);
          due.delete(`coordinator/${id}`);
        }
        const first = Math.min(...due.values());
        const second = Math.floor(first / 1000);
        const expected = [...due]
          .filter(([, dueAt]) => Math.floor(dueAt / 1000) === second)
          .sort(([a, one], [b, other]) => one - other || (a < b ? -1 : 1))
          .map(([subject, dueAt]) => ({
            subject,
            deadline: { dueAt, command: { name: 'forgetCoordinator', nodeId: subject.slice('coordinator/'.length) } },
          }));
        expect(earliest(state)).toEqual(expected);
        const inOrder = [...due].sort(([a, one], [b, other]) => one - other || (a < b ? -1 : 1)).map(([subject]) => subject);
        expect([...bySecond(state)].flat().map(({ subject }) => subject)).toEqual(inOrder);
        expect(state.bySubject.size).toBe(due.size);
      }
      // Nothing that is empty stays in the agenda.
      for (const subject of due.keys()) fold(state, join(subject.slice('coordinator/'.length)), at);
      expect(state.hours).toEqual({});
    }),
    replay({ numRuns: 200 }).params,
  );
});

test('within one second, what is due first comes first', () => {
  const state = deadlines.initial();
  fold(state, lose('a', 900), 0);
  fold(state, lose('b', 100), 0);
  expect(earliest(state).map(({ subject }) => subject)).toEqual(['coordinator/b', 'coordinator/a']);
});

test('without deadlines there is nothing', () => expect(earliest(deadlines.initial())).toEqual([]));
