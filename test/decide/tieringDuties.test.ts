/**
 * Goal: what the leader does by itself is due, and done once: tables whose timers ran off, rounds that nobody hears of, lake tables of logs
 * from before tiering was kept.
 * Method: given events, when a command, then exactly these events.
 */
import { describe, expect, test } from 'vitest';
import type { ChanceryEvent } from '../../events/index.ts';
import type { Command } from '../../src/deciders/commands.ts';
import { tieringBatches } from '../../src/deciders/tiering.ts';
import { shop } from '../support/catalogSamples.ts';
import { given } from '../support/given.ts';
import { added, at, begun, created, due, failed, finished, tablesIn } from '../support/lakeTables.ts';

describe('queueDueTables', () => {
  const queue: Command = { name: 'queueDueTables', atMost: tieringBatches.due };
  /** Joined at these places of a story that begins with the catalog, with these freshnesses in milliseconds. */
  const scheduled = (...freshnesses: readonly number[]): readonly ChanceryEvent[] => [
    shop,
    ...freshnesses.map((_, id) => created(id)),
    ...freshnesses.map((freshnessMs, id) => added(id, { freshnessMs })),
  ];
  /** When the table of this id joined. */
  const joined = (tableId: number, count: number): number => at(1 + count + tableId);

  test('at the millisecond at which the timer runs off, and not before', () => {
    const runsOffAt = joined(0, 1) + 1234;
    const { when } = given(...scheduled(1234));
    when(queue, { now: runsOffAt - 1 }).gives();
    when(queue, { now: runsOffAt }).gives(due(0, 1));
    when(queue, { now: runsOffAt + 1_000_000 }).gives(due(0, 1));
  });
  test('those whose timers ran off first, first; of one moment by id', () => {
    // Table 3 within the second of 1, the others before and after, 4 and 5 at one moment, 0 in another hour.
    const events = scheduled(7_200_000, 9000, 1000, 7900, 5_000_000, 4_999_000);
    const { when } = given(...events);
    when(queue, { now: at(1_000_000) }).gives(due(2, 1), due(1, 1), due(3, 1), due(4, 1), due(5, 1), due(0, 1));
    expect([joined(1, 6) + 9000, joined(3, 6) + 7900]).toEqual([at(17), at(17) + 900]);
  });
  test('many within one second: by the millisecond, then by id', () => {
    const count = 24;
    // Each joins a second after the one before it, and is due so much sooner: all within one second.
    const events = scheduled(...Array.from({ length: count }, (_, id) => 100_000 - 1000 * id + 10 * Math.floor((count - 1 - id) / 2)));
    const ids = Array.from({ length: count }, (_, i) => count - 2 - 2 * Math.floor(i / 2) + (i % 2));
    given(...events)
      .when(queue, { now: at(1_000_000) })
      .gives(...ids.map((tableId) => due(tableId, 1)));
  });
  test('at most so many', () => {
    const { when } = given(...scheduled(3000, 2000, 1000, 10));
    when({ ...queue, atMost: 2 }, { now: at(10_000) }).gives(due(0, 1), due(1, 1));
    when({ ...queue, atMost: 1 }, { now: at(10_000) }).gives(due(0, 1));
  });
  test('the timer of a table that was tiered counts from then', () => {
    const story = [...tablesIn('Tiering', 7), finished(7, 1)];
    const runsOffAt = at(story.length - 1) + 180_000;
    given(...story)
      .when(queue, { now: runsOffAt - 1 })
      .gives();
    given(...story)
      .when(queue, { now: runsOffAt })
      .gives(due(7, 2));
  });
  test.each(['Pending', 'Tiering'] as const)('none that is %s', (state) =>
    given(...tablesIn(state, 7))
      .when(queue)
      .gives(),
  );
  test('none without tables', () => given().when(queue).gives());
});

describe('timeOutTieringRounds', () => {
  const story = tablesIn('Tiering', 1, 2);
  const now = at(story.length);
  const giveUp = (...rounds: readonly (readonly [number, number])[]): Command => ({
    name: 'timeOutTieringRounds',
    rounds: rounds.map(([tableId, tieringEpoch]) => ({ tableId, tieringEpoch })),
  });
  const because = 'TIMED_OUT';
  test('a failure, with a text of the coordinator itself', () => {
    const error = 'No heartbeat of tiering service s1 for 120 s: the round was given up.';
    given(...story)
      .when(giveUp([2, 1], [1, 1]), { now })
      .gives(failed(2, 1, { because, error }), failed(1, 1, { because, error, durationMs: 4000 }));
  });
  test.each([
    [1500, '1500 ms'],
    [500, '500 ms'],
    [86_400_000, '86400 s'],
  ])('that says how long nobody was heard of: %s ms', (timeoutMs, time) => {
    const slow = [...tablesIn('Pending', 7), begun(7, 1, { service: 'paimon-2', timeoutMs })];
    given(...slow)
      .when(giveUp([7, 1]), { now: at(slow.length) })
      .gives(
        failed(7, 1, {
          because,
          service: 'paimon-2',
          error: `No heartbeat of tiering service paimon-2 for ${time}: the round was given up.`,
        }),
      );
  });
  test('failures in a row are counted on', () => {
    const again = [...tablesIn('Tiering', 7), failed(7, 1), begun(7, 2)];
    const error = 'No heartbeat of tiering service s1 for 120 s: the round was given up.';
    given(...again)
      .when(giveUp([7, 2]), { now: at(again.length) })
      .gives(failed(7, 2, { because, error, failuresInRow: 2 }));
  });
  test('one that is named twice is given up once', () => {
    const decided = given(...story).when(giveUp([1, 1], [1, 1])).decision;
    expect(decided.kind === 'accepted' && decided.events.map(({ type }) => type)).toEqual(['TieringRoundFailed']);
  });
  test('rounds that are over, other rounds, and tables that are none, are passed over', () => {
    given(...story, finished(1, 1))
      .when(giveUp([1, 1], [2, 0], [2, 2], [9, 1]))
      .gives();
    given(...tablesIn('Pending', 7))
      .when(giveUp([7, 1]))
      .gives();
    given(...story)
      .when(giveUp())
      .gives();
  });
});

describe('adoptLakeTables', () => {
  const adopt = (atMost = 10): Command => ({ name: 'adoptLakeTables', atMost });
  const found = (tableId: number, freshnessMs = 180_000) => added(tableId, { because: 'FOUND', freshnessMs });
  const old = [shop, created(0), created(1, undefined, 'false'), created(2, '10 min', 'TRUE'), created(3, '1 h'), created(4)];
  test('those that a log from before holds, by id; not those that are not tiered', () =>
    given(...old)
      .when(adopt())
      .gives(found(0), found(2, 600_000), found(3, 3_600_000), found(4)));
  test('not those that are there', () =>
    given(...old, found(0), found(2, 600_000), due(2, 1), found(4))
      .when(adopt())
      .gives(found(3, 3_600_000)));
  test('at most so many, and the others the next time', () => {
    const { decision } = given(...old).when(adopt(3));
    const first = decision.kind === 'accepted' ? decision.events : [];
    expect(first).toHaveLength(3);
    const then = given(...old, ...first).when(adopt(3)).decision;
    const all = [...first, ...(then.kind === 'accepted' ? then.events : [])];
    const idsOf = all.map(({ data }) => (data as { readonly tableId: number }).tableId);
    expect(idsOf.toSorted((a, b) => a - b)).toEqual([0, 2, 3, 4]);
  });
  test('none when there is none', () => {
    given().when(adopt()).gives();
    given(...old, found(0), found(2, 600_000), found(3, 3_600_000), found(4))
      .when(adopt())
      .gives();
  });
});
