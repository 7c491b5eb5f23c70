/**
 * Goal: the indexes of tiering say at every moment what a look through all rows would say; a table is there exactly while the catalog has
 * it with tiering switched on; an epoch never comes twice; what came and went leaves nothing behind.
 * Method: random lives of tables and services, decided and folded by a leader, entry by entry; after each one everything is computed anew
 * from the rows, from the catalog and from the events so far. Then the same log in drafts and in bulk.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { LoggedEvent } from '../../events/envelope.ts';
import type { ChanceryEvent } from '../../events/index.ts';
import { secondsOf } from '../../projections/agenda.ts';
import { tableById, tableRows } from '../../projections/catalog.ts';
import { plain, stateHash } from '../../projections/kit.ts';
import { bulkFold, draftState, finishEntry, finishState, foldEntry, foldEvent, initialState, type State } from '../../projections/state.ts';
import { dueAtOf, dueTables, firstPending, nextDueAt, roundsOf, type TieringRow, tieringOf } from '../../projections/tiering.ts';
import { type Command, decide } from '../../src/deciders/commands.ts';
import { create, shop } from '../support/catalogSamples.ts';
import { actOf, type Chapter, logOf, startedAt, stateAfter } from '../support/given.ts';
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
  removed,
  tablesIn,
} from '../support/lakeTables.ts';
import { replay } from '../support/replay.ts';

const freshnesses = { '0 ms': 0, '1 s': 1000, '1500 ms': 1500, '1 min': 60_000, '2 h': 7_200_000, '9000000000000000 ms': 9e15 } as const;
const freshnessText = fc.constantFrom(...(Object.keys(freshnesses) as (keyof typeof freshnesses)[]));
const enabled = 'table.datalake.enabled';
const age = 'table.datalake.freshness';
const services = ['s1', 's2', 'tiering-3'] as const;

/** What may be asked for next; which table is meant, and which epoch, the story so far decides. */
type Step =
  | { readonly what: 'create'; readonly name: number; readonly isLake: boolean; readonly text: keyof typeof freshnesses }
  | { readonly what: 'switch'; readonly name: number; readonly isLake: boolean }
  | { readonly what: 'refresh'; readonly name: number; readonly text: keyof typeof freshnesses }
  | { readonly what: 'drop'; readonly name: number }
  | { readonly what: 'dropAll' }
  | { readonly what: 'queue'; readonly atMost: number }
  | { readonly what: 'beat'; readonly service: string; readonly said: readonly Said[]; readonly wantsTable: boolean }
  | { readonly what: 'fail' | 'finish' | 'cutShort' | 'timeOut'; readonly name: number; readonly off: number };
/** What is said in a heartbeat of a table, and how far its epoch is off. */
interface Said {
  readonly list: 'failed' | 'tiering' | 'finished' | 'forced';
  readonly name: number;
  readonly off: number;
}
const name = fc.nat(5);
const off = fc.constantFrom(0, 0, 0, 0, -1, 1);
const said = fc.record({ list: fc.constantFrom('failed' as const, 'tiering' as const, 'finished' as const, 'forced' as const), name, off });
const beat = fc.record({
  what: fc.constant('beat' as const),
  service: fc.constantFrom(...services),
  said: fc.array(said, { maxLength: 3 }),
  wantsTable: fc.boolean(),
});
const act = fc.record({
  what: fc.constantFrom('fail' as const, 'finish' as const, 'cutShort' as const, 'timeOut' as const),
  name,
  off,
});
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ what: fc.constant('create' as const), name, isLake: fc.constantFrom(true, true, false), text: freshnessText }),
  },
  { weight: 6, arbitrary: fc.record({ what: fc.constant('switch' as const), name, isLake: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ what: fc.constant('refresh' as const), name, text: freshnessText }) },
  { weight: 2, arbitrary: fc.record({ what: fc.constant('drop' as const), name }) },
  { weight: 1, arbitrary: fc.constant({ what: 'dropAll' as const }) },
  { weight: 8, arbitrary: fc.record({ what: fc.constant('queue' as const), atMost: fc.integer({ min: 1, max: 4 }) }) },
  { weight: 16, arbitrary: beat },
  { weight: 8, arbitrary: act },
);
const entries = fc.array(
  fc.record({
    laterMs: fc.oneof(fc.constant(0), fc.nat(3000), fc.nat(100_000), fc.nat(8_000_000)),
    steps: fc.array(step, { minLength: 1, maxLength: 4, size: 'max' }),
  }),
  { minLength: 10, maxLength: 50, size: 'max' },
);

/** The table of a name: that of the catalog, else the one that was dropped last. */
const of = (number: number) => ({ database: 'shop', table: `t${number}` });

const again: Command = { name: 'createDatabase', database: 'shop', ignoreIfExists: true, properties: {} };

class Story {
  readonly chapters: Chapter[] = [{ events: [shop], at: startedAt }];
  readonly idsByName = new Map<number, number>();
  /** By table id: the largest epoch so far, and what was left of those that were switched off. */
  readonly epochs = new Map<number, number>();
  readonly former = new Map<number, number>();
  readonly happened = { TieringRoundFinished: 0, TieringRoundFailed: 0 };
  state: State = stateAfter(shop);
  #now = startedAt;

  /** One entry: its commands are decided one after the other on one draft, and folded as a leader does. */
  tell(steps: readonly Step[], laterMs: number): void {
    this.#now += laterMs;
    const draft = draftState(this.state);
    const events: ChanceryEvent[] = [];
    const more: readonly Command[] = steps.some(({ what }) => what === 'dropAll') ? [again] : [];
    for (const one of [...steps, ...more]) {
      const command = 'what' in one ? this.#commandOf(one, draft) : one;
      const decision = decide(draft, command, { now: this.#now, timeOfDay: this.#now, commandId: 'c' });
      for (const event of decision.kind === 'accepted' ? decision.events : []) {
        const logged: LoggedEvent = { ...event, id: 'e', act: actOf('c') };
        foldEvent(draft, { position: draft.position + 1, at: this.#now, epoch: 1, event: logged });
        this.#remember(event);
        events.push(event);
      }
    }
    finishEntry(draft, { index: draft.index + 1, at: this.#now, epoch: 1, hash: draft.hash });
    this.state = finishState(draft);
    if (events.length > 0) this.chapters.push({ events, at: this.#now });
  }

  #commandOf(one: Step, state: State): Command {
    const report = ({ name: number, off: by }: { readonly name: number; readonly off: number }) => {
      // Mostly of a table that is tiered just now, if there is one.
      const running = [...state.tiering.rounds.rows()].flatMap(([, ids]) => ids).sort((a, b) => a - b);
      const tableId = (number < 4 ? running[number % running.length] : undefined) ?? this.idsByName.get(number) ?? 99;
      return { tableId, tieringEpoch: Math.max(0, (tieringOf(state.tiering, tableId)?.tieringEpoch ?? 0) + by) };
    };
    switch (one.what) {
      case 'create': {
        const properties = { [enabled]: String(one.isLake), [age]: one.text };
        const parts = { primaryKey: ['id', 'day'], partitionKeys: ['day'] };
        return { ...create, ...parts, ...of(one.name), ignoreIfExists: true, properties };
      }
      case 'switch':
        return this.#altering(one.name, { [enabled]: String(one.isLake) });
      case 'refresh':
        return this.#altering(one.name, { [age]: one.text });
      case 'drop':
        return { name: 'dropTable', ...of(one.name), ignoreIfNotExists: true };
      case 'dropAll':
        return { name: 'dropDatabase', database: 'shop', ignoreIfNotExists: true, cascade: true };
      case 'queue':
        return { name: 'queueDueTables', atMost: one.atMost };
      case 'beat': {
        const list = (which: Said['list']) => one.said.filter((each) => each.list === which).map(report);
        const forced = list('forced');
        return heartbeat({
          service: one.service,
          failed: list('failed').map((each, i) => ({ ...each, ...(i === 0 ? { error: 'no space' } : {}) })),
          tiering: list('tiering'),
          finished: [...list('finished').map((each) => ({ ...each, records: 5 })), ...forced],
          forced: forced.map(({ tableId }) => tableId),
          wantsTable: one.wantsTable,
        });
      }
      case 'fail':
        return { name: 'reportTieringFail', ...report(one) };
      case 'finish':
      case 'cutShort':
        return { name: 'finishTableTiering', ...report(one), isForced: one.what === 'cutShort' };
      case 'timeOut':
        return { name: 'timeOutTieringRounds', rounds: [report(one)] };
    }
  }

  #altering(number: number, set: Record<string, string>): Command {
    return { name: 'alterTable', ...of(number), ignoreIfNotExists: true, set, removed: [], columns: [] };
  }

  /** Keeps what is to be known of the events so far, apart from all rows. */
  #remember({ data, type }: ChanceryEvent): void {
    const {
      table,
      tableId = -1,
      tieringEpoch = 0,
    } = data as { readonly table?: string; readonly tableId?: number; readonly tieringEpoch?: number };
    const newest = this.epochs.get(tableId) ?? 0;
    if (type === 'TableCreated') this.idsByName.set(Number(table?.slice(1)), tableId);
    if (type === 'LakeTableAdded') {
      expect(tieringEpoch, 'a table goes on behind where it was').toBe((this.former.get(tableId) ?? -1) + 1);
      this.epochs.set(tableId, tieringEpoch);
      this.former.delete(tableId);
    }
    if (type === 'LakeTableRemoved') this.former.set(tableId, newest);
    if (type === 'TableDropped') this.former.delete(tableId);
    if (type === 'TieringDue') expect(tieringEpoch).toBe(newest + 1);
    if (type === 'TieringRoundStarted') expect(tieringEpoch).toBe(newest);
    const isForced = type === 'TieringRoundFinished' && (data as { readonly isForced: boolean }).isForced;
    if (type === 'TieringDue' || type === 'TieringRoundFailed' || isForced) this.epochs.set(tableId, newest + 1);
    if (type === 'TieringRoundFinished' || type === 'TieringRoundFailed') this.happened[type] += 1;
  }
}

/** What the indexes must hold, from nothing but the rows. */
function computed(rows: readonly TieringRow[]): Record<'counts' | 'failing' | 'queue' | 'rounds', unknown> {
  const of = (state: TieringRow['state']): readonly TieringRow[] => rows.filter((row) => row.state === state);
  const rounds: Record<string, number[]> = {};
  for (const { service = 'nobody', tableId } of of('Tiering'))
    rounds[service] = [...(rounds[service] ?? []), tableId].sort((a, b) => a - b);
  return {
    queue: Object.fromEntries(of('Pending').map((row) => [String(row.queuedAs), row.tableId])),
    rounds,
    failing: Object.fromEntries(rows.filter((row) => row.failuresInRow > 0).map((row) => [row.tableId, true])),
    counts: { Scheduled: of('Scheduled').length, Pending: of('Pending').length, Tiering: of('Tiering').length },
  };
}

/** What must hold of each row by itself. */
function checkRow(row: TieringRow, { catalog }: State): void {
  expect([row.queuedAs !== undefined, row.service !== undefined, row.timeoutMs !== undefined]).toEqual([
    row.state === 'Pending',
    row.state === 'Tiering',
    row.state === 'Tiering',
  ]);
  expect(row.errorAt !== undefined, 'an error until a round goes well').toBe(row.failuresInRow > 0);
  expect(row.errorText === undefined || row.errorAt !== undefined).toBe(true);
  expect(row.failures).toBeGreaterThanOrEqual(row.failuresInRow);
  if (row.lastTieredAt !== undefined) expect(row.scheduledFrom).toBe(row.lastTieredAt);
  const properties = tableById(catalog, row.tableId)?.properties;
  expect(row.freshnessMs).toBe(freshnesses[(properties?.[age] ?? '') as keyof typeof freshnesses]);
}

/** Seconds and who is due in each, from nothing but the rows. */
function computedAgenda(rows: readonly TieringRow[]): readonly (readonly [startsAt: number, ids: readonly string[]])[] {
  const idsBySecond = new Map<number, string[]>();
  for (const { freshnessMs, scheduledFrom, state, tableId } of rows) {
    if (state !== 'Scheduled') continue;
    const second = Math.floor((scheduledFrom + freshnessMs) / 1000) * 1000;
    idsBySecond.set(second, [...(idsBySecond.get(second) ?? []), String(tableId)]);
  }
  return [...idsBySecond].sort(([a], [b]) => a - b).map(([second, ids]) => [second, ids.sort()]);
}

function check({ epochs, former, happened, state }: Story): void {
  const { tiering } = state;
  const rows = [...tiering.byTable.rows()].map(([, row]) => row);
  const { counts, failing, queue, rounds } = tiering;
  expect(plain({ counts, failing, queue, rounds })).toEqual(computed(rows));
  expect([...secondsOf(tiering.agenda)].map(({ keys, startsAt }) => [startsAt, keys.keys()])).toEqual(computedAgenda(rows));
  if (tiering.counts.Scheduled > 0) expect(JSON.stringify(plain(tiering.agenda)), 'nothing that is empty stays').not.toContain('{}');
  else expect(tiering.agenda).toEqual({});
  for (const row of rows) {
    checkRow(row, state);
    expect(row.tieringEpoch).toBe(epochs.get(row.tableId) ?? 0);
  }
  const lake = tableRows(state.catalog).filter(({ properties }) => properties[enabled] === 'true');
  expect(tiering.byTable.keys()).toEqual(lake.map(({ tableId }) => String(tableId)).sort());
  expect(plain(tiering.formerEpochs)).toEqual(Object.fromEntries(former));
  expect([tiering.finished, tiering.failed]).toEqual([happened.TieringRoundFinished, happened.TieringRoundFailed]);
  checkQueries(rows, state);
}

function checkQueries(rows: readonly TieringRow[], { at: now, tiering }: State): void {
  const pending = rows.filter((row) => row.state === 'Pending').sort((a, b) => (a.queuedAs ?? 0) - (b.queuedAs ?? 0));
  expect(firstPending(tiering)).toBe(pending[0]);
  expect(tiering.queueHead).toBe(pending[0]?.queuedAs ?? tiering.queueEnd);
  for (const row of pending) expect(row.queuedAs).toBeLessThan(tiering.queueEnd);
  for (const service of services)
    expect(roundsOf(tiering, service)).toEqual(
      rows
        .filter((row) => row.service === service)
        .map((row) => row.tableId)
        .sort((a, b) => a - b),
    );
  for (const moment of [now, now + 1500, now + 7_200_000]) {
    const overdue = rows
      .filter((row) => row.state === 'Scheduled' && row.scheduledFrom + row.freshnessMs <= moment)
      .sort((a, b) => dueAtOf(a) - dueAtOf(b) || a.tableId - b.tableId);
    const first = Math.min(...rows.filter((row) => row.state === 'Scheduled').map(dueAtOf));
    const second = Math.floor(first / 1000) * 1000;
    expect(nextDueAt(tiering, moment) ?? Number.POSITIVE_INFINITY).toBe(second > moment ? second : first);
    expect(dueTables(tiering, moment, rows.length + 1)).toEqual(overdue);
    const some = dueTables(tiering, moment, 2);
    expect(some).toHaveLength(Math.min(2, overdue.length));
    // Which of one second come first is open; those of earlier seconds do.
    expect(some.map((row) => Math.floor(dueAtOf(row) / 1000))).toEqual(overdue.slice(0, 2).map((row) => Math.floor(dueAtOf(row) / 1000)));
  }
}

test('indexes, rows and catalog agree after every entry, however they are folded', () => {
  const seen = new Map<string, number>();
  fc.assert(
    fc.property(entries, fc.integer({ min: 1, max: 20 }), (all, piece) => {
      const story = new Story();
      const first = [0, 1, 2, 3].map((number): Step => ({ what: 'create', name: number, isLake: number > 0, text: '1 min' }));
      for (const { laterMs, steps } of [{ laterMs: 0, steps: first }, ...all]) {
        story.tell(steps, laterMs);
        check(story);
        for (const [state, count] of Object.entries(story.state.tiering.counts)) if (count > 1) seen.set(state, (seen.get(state) ?? 0) + 1);
        if (story.state.tiering.failing.size > 0) seen.set('failing', (seen.get('failing') ?? 0) + 1);
      }
      const log = logOf(story.chapters).map(({ entry }) => entry);
      for (const { events } of log) for (const { type } of events) seen.set(type, (seen.get(type) ?? 0) + 1);
      const drafts = log.reduce(foldEntry, initialState());
      const bulk = bulkFold();
      for (let from = 0; from < log.length; from += piece) bulk.add(log.slice(from, from + piece));
      const hash = stateHash(story.state.tiering);
      expect(stateHash(drafts.tiering)).toBe(hash);
      expect(stateHash(bulk.finish().tiering)).toBe(hash);
    }),
    replay({ numRuns: 40 }).params,
  );
  const kinds = ['LakeTableAdded', 'LakeTableRemoved', 'FreshnessChanged', 'TieringDue', 'TieringRoundStarted', 'TieringRoundFinished'];
  for (const kind of [...kinds, 'TieringRoundFailed', 'TableDropped', 'Scheduled', 'Pending', 'Tiering', 'failing'])
    expect(seen.get(kind) ?? 0, kind).toBeGreaterThan(2); // Some are drawn twenty times with one seed, and forty with another.
});

test('tables that come and go leave nothing behind, in whatever state they go', () => {
  const hour = 3_600_000;
  const events: ChanceryEvent[] = [shop];
  const rows: number[] = [];
  for (let id = 0; id < 600; id += 3) {
    const [scheduled, pending, tiering] = [id, id + 1, id + 2];
    const come = [scheduled, pending, tiering].flatMap((each) => [created(each), added(each, { freshnessMs: id * hour })]);
    const live = [
      due(pending, 1),
      due(tiering, 1),
      begun(tiering, 1, { service: `s${id}` }),
      failed(tiering, 1),
      begun(tiering, 2, { service: `s${id}` }),
    ];
    const go = [dropped(scheduled), removed(pending), dropped(pending), dropped(tiering)];
    events.push(...come, ...live, ...go);
    rows.push(come.length + live.length);
  }
  const fold = bulkFold();
  const log = logOf(events.map((event) => ({ events: [event] }))).map(({ entry }) => entry);
  fold.add(log);
  const { tiering } = fold.finish();
  expect(plain(tiering)).toEqual({
    byTable: {},
    agenda: {},
    queue: {},
    queueHead: 600,
    queueEnd: 600,
    rounds: {},
    failing: {},
    counts: { Scheduled: 0, Pending: 0, Tiering: 0 },
    finished: 0,
    failed: 200,
    formerEpochs: {},
  });
});

test('a table at the head of the queue that does not move holds no places of those behind it', () => {
  const events: ChanceryEvent[] = [...tablesIn('Pending', 0, 1)];
  for (let epoch = 1; epoch <= 200; epoch += 1) events.push(begun(1, epoch), failed(1, epoch, { failuresInRow: epoch }));
  const { tiering } = stateAfter(...events);
  expect([tiering.queueHead, tiering.queueEnd, plain(tiering.queue)]).toEqual([0, 202, { 0: 0, 201: 1 }]);
  // When it goes the head goes past all of the empty places at once.
  const after = stateAfter(...events, begun(0, 1)).tiering;
  expect([after.queueHead, firstPending(after)?.tableId]).toEqual([201, 1]);
});

describe('what is kept of a table', () => {
  const rowAfter = (...events: readonly ChanceryEvent[]): TieringRow | undefined =>
    tieringOf(stateAfter(...tablesIn('Tiering', 7), ...events).tiering, 7);
  /** When the so manieth of those events happened. */
  const when = (place: number): number => at(tablesIn('Tiering', 7).length + place);
  const again = [begun(7, 2)];

  test('nothing of rounds before the first one is over', () => {
    const row = rowAfter();
    expect(row).toEqual({
      failures: 0,
      failuresInRow: 0,
      freshnessMs: 180_000,
      position: 5,
      scheduledFrom: at(2),
      service: 's1',
      since: at(4),
      state: 'Tiering',
      tableId: 7,
      tieringEpoch: 1,
      timeoutMs: 120_000,
    });
  });
  test('a failure: when, why, and how often', () => {
    expect(rowAfter(failed(7, 1, { error: 'no space' }))).toMatchObject({
      errorAt: when(0),
      errorText: 'no space',
      failures: 1,
      failuresInRow: 1,
      since: when(0),
      state: 'Pending',
      tieringEpoch: 2,
    });
  });
  test('a failure without a text: when, and no text of an older one', () => {
    const row = rowAfter(failed(7, 1, { error: 'no space' }), ...again, failed(7, 2, { failuresInRow: 2 }));
    expect(row).toMatchObject({ errorAt: when(2), failures: 2, failuresInRow: 2 });
    expect(row?.errorText).toBeUndefined();
  });
  test('a time-out is a failure with its text', () => {
    const row = rowAfter(failed(7, 1, { because: 'TIMED_OUT', error: 'No heartbeat' }));
    expect(row).toMatchObject({ errorAt: when(0), errorText: 'No heartbeat', failuresInRow: 1, state: 'Pending', tieringEpoch: 2 });
  });
  test('the error stays while the table waits, changes and is tiered again', () => {
    const error = { errorAt: when(0), errorText: 'no space', failures: 1, failuresInRow: 1 };
    const sick = [failed(7, 1, { error: 'no space' })];
    expect(rowAfter(...sick, freshness(7, 5))).toMatchObject({ ...error, state: 'Pending', since: when(0), freshnessMs: 5 });
    expect(rowAfter(...sick, ...again)).toMatchObject({ ...error, state: 'Tiering', since: when(1) });
  });
  test.each([false, true])('a success takes the error off, cut short: %s; how often it failed at all stays', (isForced) => {
    const row = rowAfter(failed(7, 1, { error: 'no space' }), ...again, finished(7, 2, { isForced, durationMs: 90 }));
    expect(row).toMatchObject({
      failures: 1,
      failuresInRow: 0,
      lastDurationMs: 90,
      lastTieredAt: when(2),
      scheduledFrom: when(2),
      since: when(2),
      state: isForced ? 'Pending' : 'Scheduled',
      tieringEpoch: isForced ? 3 : 2,
    });
    expect([row?.errorAt, row?.errorText, row?.service, row?.timeoutMs].filter((each) => each !== undefined)).toEqual([]);
  });
  test('what is said of the lake stays until something else is said', () => {
    const first = [finished(7, 1, { fileBytes: 100, records: 10 }), due(7, 2), ...again];
    expect(rowAfter(...first, finished(7, 2))).toMatchObject({ fileBytes: 100, records: 10 });
    expect(rowAfter(...first, finished(7, 2, { records: 0 }))).toMatchObject({ fileBytes: 100, records: 0 });
    expect(rowAfter(...first, finished(7, 2, { fileBytes: 1 }))).toMatchObject({ fileBytes: 1, records: 10 });
    expect(rowAfter(...first, failed(7, 2))).toMatchObject({ fileBytes: 100, records: 10, lastTieredAt: when(0), lastDurationMs: 1000 });
  });
  test('when it was last tiered is absent before it was', () => {
    expect(rowAfter(failed(7, 1))?.lastTieredAt).toBeUndefined();
  });
  test('nothing, once it is gone', () => {
    const sick = [failed(7, 1, { error: 'no space' })];
    for (const gone of [removed(7), dropped(7)]) {
      expect(rowAfter(...sick, gone)).toBeUndefined();
      expect(stateAfter(...tablesIn('Tiering', 7), ...sick, gone).tiering.failing.size).toBe(0);
    }
  });
});
