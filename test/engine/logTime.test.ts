/**
 * Goal: the time of the log never goes back, comes back to the time of day after it was ahead, and meanwhile goes on at half its pace.
 * Method: one log time under a clock that the test sets; then random leaderships of nodes whose clocks differ and are set, each dating
 *   entries, against what must hold of every date.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LogTime } from '../../src/engine/logTime.ts';
import { replay } from '../support/replay.ts';
import { VirtualClock } from '../support/virtualClock.ts';

const hourMs = 3_600_000;

describe('the time of the log', () => {
  test('is the time of day as long as that goes on', async () => {
    const clock = new VirtualClock();
    const logTime = new LogTime(clock, clock.now() - 5);
    for (const ms of [0, 1, 10, hourMs]) {
      await clock.advance(ms);
      expect([logTime.now(), logTime.aheadMs()]).toEqual([clock.now(), 0]);
      expect(logTime.msUntil(clock.now() + 7)).toBe(7);
    }
    clock.jumpTo(clock.now() + hourMs);
    expect(logTime.now()).toBe(clock.now());
  });

  test('goes on at half its pace after a leader whose clock was ahead, and is the time of day after twice as long', async () => {
    const clock = new VirtualClock();
    const begun = clock.now() + hourMs;
    const logTime = new LogTime(clock, begun);
    for (const [ms, passed] of [
      [0, 0],
      [1, 0],
      [1, 1],
      [99_998, 50_000],
      [hourMs - 100_000, hourMs / 2],
      [hourMs - 2, hourMs - 1],
    ] as const) {
      await clock.advance(ms);
      expect(logTime.now() - begun).toBe(passed);
    }
    expect(logTime.aheadMs()).toBe(1);
    await clock.advance(2);
    expect([logTime.now(), logTime.aheadMs()]).toEqual([clock.now(), 0]);
    await clock.advance(1_000);
    expect(logTime.now()).toBe(clock.now());
  });

  test('goes on from where it is when the clock is set back, however often', async () => {
    const clock = new VirtualClock();
    const logTime = new LogTime(clock, 0);
    const begun = logTime.now();
    for (let i = 0; i < 20; i += 1) {
      clock.jumpTo(clock.now() - hourMs);
      await clock.advance(1_000);
      expect(logTime.now()).toBe(begun + i * 1_000 + 500);
      clock.jumpTo(clock.now() + hourMs);
      await clock.advance(0);
      expect(logTime.now()).toBe(begun + (i + 1) * 1_000); // Not an hour more for every time that it comes back.
    }
  });

  test('reaches a moment when it says that it will', async () => {
    const clock = new VirtualClock();
    const logTime = new LogTime(clock, clock.now() + hourMs);
    // At half the pace, and beyond the moment at which the time of day has caught up.
    for (const ms of [1, 3, 60_000, hourMs - 60_004, hourMs, 2 * hourMs]) {
      const dueAt = logTime.now() + ms;
      const wait = logTime.msUntil(dueAt);
      expect(wait).toBeLessThanOrEqual(2 * ms);
      await clock.advance(wait - 1);
      expect(logTime.now()).toBeLessThan(dueAt);
      await clock.advance(1);
      expect(logTime.now()).toBe(dueAt);
      expect(logTime.msUntil(dueAt)).toBe(0);
    }
    expect(logTime.msUntil(Number.POSITIVE_INFINITY)).toBe(Number.POSITIVE_INFINITY);
    expect(logTime.aheadMs()).toBe(0);
  });
});

const offsetMs = fc.oneof(fc.constant(0), fc.integer({ min: -7_200_000, max: 7_200_000 }), fc.integer({ min: -50, max: 50 }));
const steps = fc.array(
  fc.oneof(
    fc.record({ what: fc.constant('pass' as const), ms: fc.oneof(fc.nat(10), fc.nat(100_000), fc.nat(10_000_000)) }),
    fc.record({ what: fc.constant('write' as const) }),
    fc.record({ what: fc.constant('set' as const), node: fc.nat(2), offsetMs }),
    fc.record({ what: fc.constant('lead' as const), node: fc.nat(2) }),
  ),
  { maxLength: 60, size: 'max' },
);

test('whoever leads, dates never go back, and the log comes no further ahead of the true time than a clock was', () => {
  fc.assert(
    fc.property(steps, fc.tuple(offsetMs, offsetMs, offsetMs), (all, given) => {
      let trueTime = 1_800_000_000_000;
      const offsets = [...given];
      let leads = 0;
      const offset = (): number => offsets[leads] ?? 0;
      const clockOf = (node: number) => ({
        now: () => trueTime + (offsets[node] ?? 0),
        monotonic: () => trueTime - node * 1e6,
        after: () => () => {},
      });
      let newestAt = 0;
      let logTime = new LogTime(clockOf(leads), newestAt);
      let last = logTime.now();
      let furthest = Math.max(0, offset());
      for (const step of all) {
        const before = { aheadMs: last - trueTime, trueTime };
        if (step.what === 'pass') trueTime += step.ms;
        if (step.what === 'set') offsets[step.node] = step.offsetMs;
        if (step.what === 'lead') {
          leads = step.node;
          logTime = new LogTime(clockOf(leads), newestAt);
        }
        furthest = Math.max(furthest, offset());
        const now = logTime.now();
        expect(now).toBeGreaterThanOrEqual(step.what === 'lead' ? newestAt : last);
        expect(Number.isInteger(now)).toBe(true);
        const aheadMs = now - trueTime;
        expect(aheadMs).toBeLessThanOrEqual(furthest);
        // Whose clock is right, or behind, takes the log no further ahead; while it leads, it brings it back by half of what passes.
        const passed = trueTime - before.trueTime;
        if (offset() <= 0 && step.what !== 'lead')
          expect(aheadMs).toBeLessThanOrEqual(Math.max(offset(), before.aheadMs - Math.floor(passed / 2)));
        if (offset() <= 0 && step.what === 'lead') expect(aheadMs).toBeLessThanOrEqual(Math.max(offset(), before.aheadMs));
        last = now;
        if (step.what === 'write') newestAt = now;
      }
      const wait = 2 * Math.max(0, last - (trueTime + offset()));
      trueTime += wait;
      expect(logTime.now()).toBe(trueTime + offset());
    }),
    replay({ numRuns: 500 }).params,
  );
});
