/**
 * Goal: a table is tiered exactly while its properties say so; freshness counts as Fluss has it; an epoch never comes twice, whatever is
 * switched, changed or dropped meanwhile.
 * Method: the commands of the catalog on tables in every state of tiering: exactly these events, and what services and timers see then.
 */
import { describe, expect, test } from 'vitest';
import { bucketsAssigned } from '../../events/buckets.ts';
import { databaseDropped, tableAltered, tableCreated } from '../../events/catalog.ts';
import { coordinatorJoined, coordinatorLost } from '../../events/coordinators.ts';
import type { ChanceryEvent } from '../../events/index.ts';
import { dueAtOf, firstPending, tieringOf } from '../../projections/tiering.ts';
import { restingStates } from '../../projections/tieringStates.ts';
import type { Command } from '../../src/deciders/commands.ts';
import { create, data, draw, server, shop } from '../support/catalogSamples.ts';
import { given, stateAfter } from '../support/given.ts';
import {
  added,
  at,
  begun,
  created,
  dropped,
  due,
  failed,
  finished,
  freshness,
  heartbeat,
  inState,
  named,
  removed,
  tablesIn,
} from '../support/lakeTables.ts';

const enabled = 'table.datalake.enabled';
const age = 'table.datalake.freshness';
type Alter = Extract<Command, { readonly name: 'alterTable' }>;
const alter = (tableId: number, set: Alter['set'], gone: string[] = []): Alter => {
  const { database, table } = named(tableId);
  return { name: 'alterTable', database, table, ignoreIfNotExists: false, set, removed: gone, columns: [] };
};
const altered = (tableId: number, set: Alter['set'], gone: string[] = []) =>
  tableAltered({ ...named(tableId), set, removed: gone, columns: [] });
/** A story that goes on with what these commands make of it. */
function goingOn(events: readonly ChanceryEvent[], ...commands: readonly Command[]): readonly ChanceryEvent[] {
  const story = [...events];
  for (const command of commands) {
    const { decision } = given(...story).when(command, { now: at(story.length) });
    if (decision.kind === 'rejected') throw new Error(decision.rejection.detail);
    story.push(...decision.events);
  }
  return story;
}
const rowOf = (events: readonly ChanceryEvent[], tableId = 7) => tieringOf(stateAfter(...events).tiering, tableId);

describe('a table joins', () => {
  const made = (properties: Readonly<Record<string, string>>) =>
    tableCreated({ ...data, tableId: 0, database: 'shop', table: 't0', properties });
  const creates = (properties: Readonly<Record<string, string>>): Command => ({ ...create, table: 't0', properties });
  const placed = bucketsAssigned({ tableId: 0, replicas: [[0]] });

  test.each([
    ['true', undefined, 180_000],
    ['TRUE', '10 min', 600_000],
    ['true', '0 ms', 0],
    ['true', '1500000 ns', 1],
    ['True', '9000000000000000 ms', 9e15],
    // What a number does not hold is as good as never.
    ['true', '9223372036854775807 ms', Number.MAX_SAFE_INTEGER],
  ])('when it is created with enabled %j and freshness %j', (isEnabled, text, freshnessMs) => {
    const properties = { [enabled]: isEnabled, ...(text === undefined ? {} : { [age]: text }) };
    given(server(0), shop).when(creates(properties)).gives(made(properties), placed, added(0, { freshnessMs }));
  });
  test.each([{}, { [age]: '1 h' }, { [enabled]: 'false', [age]: '1 h' }])('but not when it is created with %j', (properties) =>
    given(server(0), shop).when(creates(properties)).gives(made(properties), placed),
  );
  test('when it has partitions, which come later', () => {
    const properties = { [enabled]: 'true' };
    const parts = { primaryKey: ['id', 'day'], partitionKeys: ['day'] };
    given(server(0), shop)
      .when({ ...creates(properties), ...parts, draw } as Command)
      .gives(tableCreated({ ...made(properties).data, ...parts }), added(0));
  });
  test('when it is switched on, with the freshness of the same call or of before', () => {
    const off = [shop, created(7, '1 h', 'false')];
    given(...off)
      .when(alter(7, { [enabled]: 'true', [age]: '5 s' }))
      .gives(altered(7, { [enabled]: 'true', [age]: '5 s' }), added(7, { freshnessMs: 5000 }));
    given(...off)
      .when(alter(7, { [enabled]: 'true' }))
      .gives(altered(7, { [enabled]: 'true' }), added(7, { freshnessMs: 3_600_000 }));
  });
  test('not by its freshness', () =>
    given(shop, created(7, '1 h', 'false'))
      .when(alter(7, { [age]: '5 s' }))
      .gives(altered(7, { [age]: '5 s' })));
  test('when a log from before holds it, and it is altered before the leader took it in', () =>
    given(shop, created(7))
      .when(alter(7, { own: 'x' }))
      .gives(altered(7, { own: 'x' }), added(7)));
});

describe('a table leaves', () => {
  test.each(restingStates)('that is %s, when it is switched off', (state) => {
    const story = tablesIn(state, 7);
    given(...story)
      .when(alter(7, { [enabled]: 'false' }))
      .gives(altered(7, { [enabled]: 'false' }), removed(7));
    given(...story)
      .when(alter(7, {}, [enabled]))
      .gives(altered(7, {}, [enabled]), removed(7));
    // Freshness goes with it: no event of its own.
    given(...story)
      .when(alter(7, { [enabled]: 'false', [age]: '1 s' }))
      .gives(altered(7, { [enabled]: 'false', [age]: '1 s' }), removed(7));
  });
  test('not twice, and not one that was never there', () => {
    const twice = goingOn(tablesIn('Pending', 7), alter(7, { [enabled]: 'false' }));
    given(...twice)
      .when(alter(7, {}, [enabled]))
      .gives(altered(7, {}, [enabled]));
  });
  test.each(restingStates)('that is %s, when it is dropped: no event but that', (state) => {
    const story = tablesIn(state, 7);
    given(...story)
      .when({ name: 'dropTable', database: 'shop', table: 't7', ignoreIfNotExists: false })
      .gives(dropped(7));
    const { tiering } = stateAfter(...story, dropped(7));
    expect([tiering.byTable.size, tiering.queue.size, tiering.rounds.size, tiering.counts]).toEqual([
      0,
      0,
      0,
      { Scheduled: 0, Pending: 0, Tiering: 0 },
    ]);
    expect(tiering.agenda).toEqual({});
  });
  test('with its database', () => {
    const story = [
      shop,
      created(1),
      created(2),
      created(3),
      ...inState('Scheduled', 1),
      ...inState('Pending', 2),
      ...inState('Tiering', 3),
    ];
    const drop: Command = { name: 'dropDatabase', database: 'shop', ignoreIfNotExists: false, cascade: true };
    given(...story)
      .when(drop)
      .gives(dropped(1), dropped(2), dropped(3), databaseDropped({ database: 'shop' }));
    expect(stateAfter(...goingOn(story, drop)).tiering.byTable.size).toBe(0);
  });
  test.each(['Pending', 'Tiering'] as const)('while it is %s: reports of it are unknown, and nobody is handed it', (state) => {
    for (const gone of [removed(7), dropped(7)]) {
      const { when } = given(...tablesIn(state, 7), gone);
      when({ name: 'reportTieringFail', tableId: 7, tieringEpoch: 1 }).isRefused('UNKNOWN_TABLE', 'tableId', "The table 7 doesn't exist.");
      when({ name: 'finishTableTiering', tableId: 7, tieringEpoch: 1, isForced: true }).isRefused(
        'UNKNOWN_TABLE',
        'tableId',
        "The table 7 doesn't exist.",
      );
      when({ name: 'timeOutTieringRounds', rounds: [{ tableId: 7, tieringEpoch: 1 }] }).gives();
      when({ name: 'queueDueTables', atMost: 200 }).gives();
      expect(when(heartbeat({ wantsTable: true })).decision).toEqual({
        kind: 'accepted',
        events: [],
        answer: { coordinatorEpoch: 1, failed: [], tiering: [], finished: [] },
      });
    }
  });
});

describe('while a node of an older release is there', () => {
  const joins = (nodeId: string, release: string) => coordinatorJoined({ nodeId, operatorUrl: `http://${nodeId}:8480`, release });
  const old = [joins('n1', '0.5.0'), joins('n2', '0.4.0')];
  const placed = bucketsAssigned({ tableId: 0, replicas: [[0]] });
  const command: Command = { ...create, table: 't0', properties: { [enabled]: 'true' } };
  const made = tableCreated({ ...data, tableId: 0, database: 'shop', table: 't0', properties: { [enabled]: 'true' } });
  const adopt: Command = { name: 'adoptLakeTables', atMost: 10 };

  test('nothing is written that it could not read: a lake table is found when it has gone, or is of this release', () => {
    given(server(0), shop, ...old)
      .when(command)
      .gives(made, placed);
    given(shop, ...old, created(7, undefined, 'false'))
      .when(alter(7, { [enabled]: 'true' }))
      .gives(altered(7, { [enabled]: 'true' }));
    const waiting = [shop, ...old, created(7)];
    given(...waiting)
      .when(adopt)
      .gives();
    for (const then of [coordinatorLost({ nodeId: 'n2', forgetAfterMs: 1000 }), joins('n2', '0.5.0')])
      given(...waiting, then)
        .when(adopt)
        .gives(added(7, { because: 'FOUND' }));
  });
});

describe('a table that comes back', () => {
  const off = alter(7, { [enabled]: 'false' });
  const on = alter(7, { [enabled]: 'true' });
  test.each([
    ['Scheduled', 1],
    ['Pending', 2],
    ['Tiering', 2],
  ] as const)("switched off while %s goes on at epoch %i, which is in nobody's hands", (state, tieringEpoch) => {
    const story = goingOn(tablesIn(state, 7), off);
    given(...story)
      .when(on)
      .gives(altered(7, { [enabled]: 'true' }), added(7, { tieringEpoch }));
  });
  test('its old round cannot be reported as the new one', () => {
    const old = { tableId: 7, tieringEpoch: 1 };
    const again = [...goingOn(tablesIn('Tiering', 7), off, on), due(7, 3), begun(7, 3, { service: 's2' })];
    const detail = (epoch: number) => `The tiering epoch 1 is not match current epoch ${epoch} in coordinator for table 7.`;
    for (const command of [
      { name: 'reportTieringFail', ...old },
      { name: 'finishTableTiering', ...old, isForced: false },
    ] as const)
      given(...again)
        .when(command)
        .isRefused('FENCED_TIERING_EPOCH', 'tieringEpoch', detail(3));
    // Before its new round, too: an answer that it counts would be a lie.
    given(...goingOn(tablesIn('Tiering', 7), off, on))
      .when({ name: 'finishTableTiering', ...old, isForced: true })
      .isRefused('FENCED_TIERING_EPOCH', 'tieringEpoch', detail(2));
  });
  test('again and again: the epoch only grows', () => {
    let story = tablesIn('Tiering', 7);
    for (const epoch of [1, 3, 5]) {
      expect(rowOf(story)?.tieringEpoch).toBe(epoch);
      story = [...goingOn(story, off, on), due(7, epoch + 2), begun(7, epoch + 2)];
    }
  });
  test('knows nothing of its former errors and times', () => {
    const sick = [
      ...tablesIn('Tiering', 7),
      finished(7, 1, { fileBytes: 1, records: 2 }),
      due(7, 2),
      begun(7, 2),
      failed(7, 2, { error: 'x' }),
    ];
    const story = goingOn(sick, off, on);
    const joined = at(story.length - 1);
    expect(rowOf(story)).toEqual({
      failures: 0,
      failuresInRow: 0,
      freshnessMs: 180_000,
      position: story.length,
      scheduledFrom: joined,
      since: joined,
      state: 'Scheduled',
      tableId: 7,
      tieringEpoch: 4,
    });
  });
  test('dropped and created again under its name it is another one, from epoch 0', () => {
    const recreate: Command = { ...create, table: 't7', properties: { [enabled]: 'true' } };
    const story = [server(0), ...tablesIn('Tiering', 7), dropped(7)];
    const { decision } = given(...story).when(recreate);
    expect(decision.kind === 'accepted' && decision.events.at(-1)).toEqual(added(8, { tableId: 8, table: 't7' }));
    given(...goingOn(story, recreate))
      .when({ name: 'reportTieringFail', tableId: 7, tieringEpoch: 1 })
      .isRefused('UNKNOWN_TABLE', 'tableId', "The table 7 doesn't exist.");
  });
  test('dropped while it was switched off: nothing of it is left', () => {
    const story = [...goingOn(tablesIn('Tiering', 7), off), dropped(7)];
    expect(stateAfter(...story).tiering.formerEpochs.size).toBe(0);
  });
});

describe('freshness is changed', () => {
  const queue: Command = { name: 'queueDueTables', atMost: 200 };

  test.each(restingStates)('of a table that is %s', (state) => {
    const story = tablesIn(state, 7);
    given(...story)
      .when(alter(7, { [age]: '1 min' }))
      .gives(altered(7, { [age]: '1 min' }), freshness(7, 60_000));
    // Back to the default.
    given(...goingOn(story, alter(7, { [age]: '1 min' })))
      .when(alter(7, {}, [age]))
      .gives(altered(7, {}, [age]), freshness(7, 180_000));
    // In other words, or to what it is already: it is no change.
    given(...story)
      .when(alter(7, { [age]: '180 s' }))
      .gives(altered(7, { [age]: '180 s' }));
    given(...story)
      .when(alter(7, { own: 'x' }))
      .gives(altered(7, { own: 'x' }));
  });

  test('while it is Scheduled: the timer counts anew, from where it counted before', () => {
    const story = tablesIn('Scheduled', 7);
    const joined = at(story.length - 1);
    for (const [text, freshnessMs] of [
      ['1 min', 60_000],
      ['1 h', 3_600_000],
    ] as const) {
      const changed = goingOn(story, alter(7, { [age]: text }));
      const { when } = given(...changed);
      when(queue, { now: joined + freshnessMs - 1 }).gives();
      when(queue, { now: joined + freshnessMs }).gives(due(7, 1));
    }
  });
  test('so that its time was over long ago: it is due at once', () => {
    const changed = [...tablesIn('Scheduled', 7), freshness(7, 0)];
    given(...changed)
      .when(queue, { now: at(changed.length - 1) })
      .gives(due(7, 1));
  });
  test('while it is Pending: it keeps its place, and the next timer is of the new length', () => {
    const story = [...tablesIn('Pending', 1, 2), freshness(1, 5000)];
    expect(firstPending(stateAfter(...story).tiering)).toMatchObject({ tableId: 1, freshnessMs: 5000, queuedAs: 0 });
    const later = [...story, begun(1, 1), finished(1, 1)];
    const { when } = given(...later);
    when(queue, { now: at(later.length - 1) + 4999 }).gives();
    when(queue, { now: at(later.length - 1) + 5000 }).gives(due(1, 2));
  });
  test('while it is Tiering: the round goes on, and the next timer is of the new length', () => {
    const story = [...tablesIn('Tiering', 7), freshness(7, 5000)];
    expect(rowOf(story)).toMatchObject({ state: 'Tiering', service: 's1', timeoutMs: 120_000, since: at(story.length - 2) });
    given(...story)
      .when(queue)
      .gives();
    const later = [...story, finished(7, 1)];
    given(...later)
      .when(queue, { now: at(later.length - 1) + 5000 })
      .gives(due(7, 2));
  });
});

describe('the bounds of freshness', () => {
  const queue: Command = { name: 'queueDueTables', atMost: 200 };
  test('0: due as soon as it is Scheduled, again and again', () => {
    const story = [shop, created(7, '0 ms'), added(7, { freshnessMs: 0 })];
    given(...story)
      .when(queue, { now: at(2) })
      .gives(due(7, 1));
    const later = [...story, due(7, 1), begun(7, 1), finished(7, 1)];
    given(...later)
      .when(queue, { now: at(later.length - 1) })
      .gives(due(7, 2));
  });
  test.each([9e15, Number.MAX_SAFE_INTEGER])('%d ms: a moment that a number holds, and that does not come', (freshnessMs) => {
    const story = [shop, created(7), added(7, { freshnessMs }), created(8), added(8)];
    const row = rowOf(story);
    const runsOffAt = Math.min(at(2) + freshnessMs, Number.MAX_SAFE_INTEGER);
    expect(row && dueAtOf(row)).toBe(runsOffAt);
    const { when } = given(...story);
    when(queue, { now: at(4) + 180_000 }).gives(due(8, 1));
    when(queue, { now: runsOffAt - 1 }).gives(due(8, 1));
    when(queue, { now: runsOffAt }).gives(due(8, 1), due(7, 1));
    // It can be changed, and dropped, as any other.
    expect(stateAfter(...story, freshness(7, 5), dropped(7), dropped(8)).tiering.agenda).toEqual({});
  });
});
