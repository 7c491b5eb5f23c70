/**
 * Goal: a long computation keeps nobody waiting for longer than a turn, and ends when its node does.
 * Method: generators that note what happened in between.
 */
import { expect, test } from 'vitest';
import { inTurns } from '../../src/engine/turns.ts';

function* counting(to: number, onStep: () => void = () => {}): Generator<void, number> {
  for (let i = 0; i < to; i += 1) {
    onStep();
    yield;
  }
  return to;
}
const never = new AbortController().signal;

test('others run between two turns', async () => {
  let isSeen = false;
  let stepsAfter = 0;
  setImmediate(() => {
    isSeen = true;
  });
  const steps = counting(50, () => {
    if (isSeen) stepsAfter += 1;
  });
  expect(await inTurns(steps, 0, never)).toBe(50);
  expect(stepsAfter).toBeGreaterThan(40);
});

test('what fits into a turn is done in it', async () => {
  let isSeen = false;
  setImmediate(() => {
    isSeen = true;
  });
  await inTurns(counting(50), 60_000, never);
  expect(isSeen).toBe(false);
});

test('an aborted computation goes no further', async () => {
  const stop = new AbortController();
  let steps = 0;
  const run = inTurns(
    counting(1_000, () => {
      steps += 1;
      if (steps === 3) stop.abort(new Error('the node stops'));
    }),
    0,
    stop.signal,
  );
  await expect(run).rejects.toThrow('aborted');
  expect(steps).toBe(3);
});

test('what the steps throw reaches the caller', async () => {
  const failing = counting(3, () => {
    throw new Error('a value that has no JSON form');
  });
  await expect(inTurns(failing, 0, never)).rejects.toThrow('a value that has no JSON form');
});
