/**
 * Goal: an idempotency key is remembered for 24 hours of entry time, the newest use counts, and at most 100,000 are kept.
 * Method: folds random uses and compares with a Map; then a day with too many commands.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { logCreated } from '../../events/leadership.ts';
import { type Commands, commandMemory, commandOf, commands } from '../../projections/commands.ts';
import type { Writable } from '../../projections/kit.ts';
import { seal, unseal } from '../../projections/table.ts';
import { allCommands } from '../../src/deciders/commands.ts';
import { actOf } from '../support/given.ts';
import { replay } from '../support/replay.ts';

const hour = 3_600_000;
const event = { ...logCreated({ format: 1, clusterId: 'c' }), id: 'e' };

/** Folds one use of a key into a plain state. */
function use(state: Commands, commandId: string, position: number, at: number): void {
  const recorded = {
    position,
    at,
    epoch: 1,
    event: { ...event, act: { ...actOf(commandId), digest: String(position).padStart(32, '0') } },
  };
  commands.onEvery?.(state as Writable<Commands>, recorded);
}
const countOf = (state: Commands): number => state.generations.reduce((sum, { byKey }) => sum + byKey.size, 0);

test('a key is known for 24 hours after its newest use, and not a moment longer', () => {
  const uses = fc.array(fc.record({ key: fc.nat(8).map(String), laterMs: fc.oneof(fc.nat(1000), fc.nat(2 * hour), fc.nat(30 * hour)) }), {
    maxLength: 60,
  });
  let known = 0;
  let forgotten = 0;
  fc.assert(
    fc.property(uses, fc.nat(30 * hour), (all, restMs) => {
      const state = commands.initial();
      const newest = new Map<string, { readonly position: number; readonly at: number }>();
      let at = 1_700_000_000_000;
      for (const [i, { key, laterMs }] of all.entries()) {
        at += laterMs;
        use(state, key, i + 1, at);
        newest.set(key, { position: i + 1, at });
      }
      for (const now of [at, at + restMs])
        for (const [key, row] of newest) {
          const expected = row.at > now - 24 * hour ? { ...row, digest: String(row.position).padStart(32, '0') } : undefined;
          expect(commandOf(state, key, now)).toEqual(expected);
          if (expected === undefined) forgotten += 1;
          else known += 1;
        }
      expect(commandOf(state, 'never used', at)).toBeUndefined();
      expect(state.generations.length).toBeLessThanOrEqual(commandMemory.generations);
    }),
    replay({ numRuns: 150 }).params,
  );
  expect(Math.min(known, forgotten)).toBeGreaterThan(50);
});

test('the edge of the 24 hours', () => {
  const state = commands.initial();
  use(state, 'k', 1, 1000);
  expect(commandOf(state, 'k', 1000 + 24 * hour - 1)).toBeDefined();
  expect(commandOf(state, 'k', 1000 + 24 * hour)).toBeUndefined();
});

test('one use an hour, for weeks: each is known for a day and the memory does not grow', () => {
  const state = commands.initial();
  for (let i = 0; i < 24 * 21; i += 1) {
    use(state, `hourly-${i}`, i + 1, i * hour);
    for (let back = 0; back < 24 && back <= i; back += 1)
      expect(commandOf(state, `hourly-${i - back}`, i * hour)?.position).toBe(i - back + 1);
    expect(commandOf(state, `hourly-${i - 24}`, i * hour)).toBeUndefined();
  }
  expect(countOf(state)).toBeLessThanOrEqual(24 + 3);
});

test('of more than 100,000 in a day the newest are known', () => {
  const state = commands.initial();
  const total = 130_000;
  unseal();
  for (let i = 1; i <= total; i += 1) use(state, `k${i}`, i, i);
  seal();
  expect(countOf(state)).toBeLessThanOrEqual(100_000);
  expect(countOf(state)).toBeGreaterThan(85_000);
  for (let i = total - 85_000; i <= total; i += 500) expect(commandOf(state, `k${i}`, total)?.position).toBe(i);
  expect(commandOf(state, 'k1', total)).toBeUndefined();
});

test('keys of what goes on all the time are not remembered, and push out nobody; those of operator calls are', () => {
  const state = commands.initial();
  const given = (command: string, position: number): void => {
    const recorded = { position, at: position, epoch: 1, event: { ...event, act: { ...actOf(command), command } } };
    commands.onEvery?.(state as Writable<Commands>, recorded);
  };
  const unremembered = ['tieringHeartbeat', 'queueDueTables', 'timeOutTieringRounds', 'adoptLakeTables'];
  const remembered = ['reportTieringFail', 'finishTableTiering', 'alterTable'];
  for (const [i, command] of [...unremembered, ...remembered].entries()) given(command, i + 1);
  for (const command of unremembered) expect(commandOf(state, command, 10), command).toBeUndefined();
  for (const command of remembered) expect(commandOf(state, command, 10), command).toBeDefined();
  expect(countOf(state)).toBe(remembered.length);
  // There is a command of each name.
  const names = allCommands.map(({ name }) => name);
  expect(names).toEqual(expect.arrayContaining([...unremembered, ...remembered]));
});
