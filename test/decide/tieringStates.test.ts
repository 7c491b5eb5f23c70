/**
 * Goal: every command, given in every state that a table may rest in, makes exactly the events that may follow there, and nothing else.
 * Method: one table of commands and states; what is made is folded, and leads to the state that the table says. The table is in its round 5
 * or behind it; reports are of the round before, of this one, and of the next.
 */
import { describe, expect, test } from 'vitest';
import type { ChanceryEvent } from '../../events/index.ts';
import { tieringOf } from '../../projections/tiering.ts';
import { allCommands, type Command } from '../../src/deciders/commands.ts';
import { tieringAnswer } from '../../src/deciders/tiering.ts';
import { shop } from '../support/catalogSamples.ts';
import { stateAfter, whenOn } from '../support/given.ts';
import { at, created, dropped, type Heartbeat, heartbeat, inState } from '../support/lakeTables.ts';

/** Where a table may be: in no catalog; there and not tiered; as a log from before holds it; or in a state of tiering. */
const places = ['Dropped', 'Off', 'Old', 'Scheduled', 'Pending', 'Tiering'] as const;
type Place = (typeof places)[number];
const stories: Readonly<Record<Place, readonly ChanceryEvent[]>> = {
  Dropped: [shop, created(7), ...inState('Tiering', 7, 4), dropped(7)],
  Off: [shop, created(7, undefined, 'false')],
  Old: [shop, created(7)],
  Scheduled: [shop, created(7), ...inState('Scheduled', 7, 5)],
  Pending: [shop, created(7), ...inState('Pending', 7, 4)],
  Tiering: [shop, created(7), ...inState('Tiering', 7, 4)],
};
const placeAfter = (...events: readonly ChanceryEvent[]): Place => {
  const { catalog, tiering } = stateAfter(...events);
  const row = catalog.tables.get('7');
  if (row === undefined) return 'Dropped';
  return tieringOf(tiering, 7)?.state ?? (row.properties['table.datalake.enabled'] === 'true' ? 'Old' : 'Off');
};

const round = (tieringEpoch: number) => ({ tableId: 7, tieringEpoch });
const of = { database: 'shop', table: 't7', ignoreIfNotExists: true };
const alter = (properties: Readonly<Record<string, string>>): Command => ({
  name: 'alterTable',
  ...of,
  set: properties,
  removed: [],
  columns: [],
});
const wants = { wantsTable: true };
const forced = { forced: [7] };
const beats = (service: string, more: Partial<Heartbeat>): Command => heartbeat({ service, ...more });
/** Epoch milliseconds: long before and long after the timer of the table runs off. */
const [early, late] = [at(10), at(1_000_000)];
const commands: Readonly<Record<string, readonly [command: Command, now?: number]>> = {
  'nothing said': [heartbeat()],
  'table wanted': [beats('s1', wants)],
  'table wanted by s2': [beats('s2', wants)],
  'failed 4': [beats('s1', { failed: [round(4)] })],
  'failed 5': [beats('s1', { failed: [round(5)] })],
  'failed 6': [beats('s1', { failed: [round(6)] })],
  'failed 5, wanted': [beats('s1', { failed: [round(5)], ...wants })],
  'goes on 4': [beats('s1', { tiering: [round(4)] })],
  'goes on 5': [beats('s1', { tiering: [round(5)] })],
  'goes on 6': [beats('s1', { tiering: [round(6)] })],
  'goes on 5, wanted': [beats('s1', { tiering: [round(5)], ...wants })],
  'finished 4': [beats('s1', { finished: [round(4)] })],
  'finished 5': [beats('s1', { finished: [round(5)] })],
  'finished 6': [beats('s1', { finished: [round(6)] })],
  'finished 5, wanted': [beats('s1', { finished: [round(5)], ...wants })],
  'cut short 4': [beats('s1', { finished: [round(4)], ...forced })],
  'cut short 5': [beats('s1', { finished: [round(5)], ...forced })],
  'cut short 6': [beats('s1', { finished: [round(6)], ...forced })],
  'cut short 5, wanted': [beats('s1', { finished: [round(5)], ...forced, ...wants })],
  'operator: failed 4': [{ name: 'reportTieringFail', ...round(4) }],
  'operator: failed 5': [{ name: 'reportTieringFail', ...round(5) }],
  'operator: failed 6': [{ name: 'reportTieringFail', ...round(6) }],
  'operator: finished 4': [{ name: 'finishTableTiering', ...round(4), isForced: false }],
  'operator: finished 5': [{ name: 'finishTableTiering', ...round(5), isForced: false }],
  'operator: cut short 5': [{ name: 'finishTableTiering', ...round(5), isForced: true }],
  'operator: cut short 6': [{ name: 'finishTableTiering', ...round(6), isForced: true }],
  'timer, early': [{ name: 'queueDueTables', atMost: 200 }, early],
  'timer, late': [{ name: 'queueDueTables', atMost: 200 }, late],
  'timed out 4': [{ name: 'timeOutTieringRounds', rounds: [round(4)] }],
  'timed out 5': [{ name: 'timeOutTieringRounds', rounds: [round(5)] }],
  'timed out 6': [{ name: 'timeOutTieringRounds', rounds: [round(6)] }],
  adopted: [{ name: 'adoptLakeTables', atMost: 200 }],
  'switched on': [alter({ 'table.datalake.enabled': 'true' })],
  'switched off': [alter({ 'table.datalake.enabled': 'false' })],
  'freshness 1 s': [alter({ 'table.datalake.freshness': '1 s' })],
  dropped: [{ name: 'dropTable', ...of }],
};

/**
 * What is made, and where that leads: `Due>Pending`, `Failed,Started>Tiering`; `>Off`: nothing but what the catalog says. `-`: nothing at
 * all, and no fault. `unknown`, `fenced`, `not`: so refused.
 */
const table = `
                      | Dropped  Off              Old              Scheduled        Pending              Tiering
nothing said          | -        -                -                -                -                    -
table wanted          | -        -                -                -                Started>Tiering      -
table wanted by s2    | -        -                -                -                Started>Tiering      -
failed 4              | unknown  unknown          unknown          fenced           fenced               fenced
failed 5              | unknown  unknown          unknown          -                -                    Failed>Pending
failed 6              | unknown  unknown          unknown          fenced           fenced               fenced
failed 5, wanted      | unknown  unknown          unknown          -                Started>Tiering      Failed,Started>Tiering
goes on 4             | unknown  unknown          unknown          fenced           fenced               fenced
goes on 5             | unknown  unknown          unknown          not              not                  -
goes on 6             | unknown  unknown          unknown          fenced           fenced               fenced
goes on 5, wanted     | unknown  unknown          unknown          not              not,Started>Tiering  -
finished 4            | unknown  unknown          unknown          fenced           fenced               fenced
finished 5            | unknown  unknown          unknown          -                -                    Finished>Scheduled
finished 6            | unknown  unknown          unknown          fenced           fenced               fenced
finished 5, wanted    | unknown  unknown          unknown          -                Started>Tiering      Finished>Scheduled
cut short 4           | unknown  unknown          unknown          fenced           fenced               fenced
cut short 5           | unknown  unknown          unknown          -                -                    Finished>Pending
cut short 6           | unknown  unknown          unknown          fenced           fenced               fenced
cut short 5, wanted   | unknown  unknown          unknown          -                Started>Tiering      Finished,Started>Tiering
operator: failed 4    | unknown  unknown          unknown          fenced           fenced               fenced
operator: failed 5    | unknown  unknown          unknown          -                -                    Failed>Pending
operator: failed 6    | unknown  unknown          unknown          fenced           fenced               fenced
operator: finished 4  | unknown  unknown          unknown          fenced           fenced               fenced
operator: finished 5  | unknown  unknown          unknown          -                -                    Finished>Scheduled
operator: cut short 5 | unknown  unknown          unknown          -                -                    Finished>Pending
operator: cut short 6 | unknown  unknown          unknown          fenced           fenced               fenced
timer, early          | -        -                -                -                -                    -
timer, late           | -        -                -                Due>Pending      -                    -
timed out 4           | -        -                -                -                -                    -
timed out 5           | -        -                -                -                -                    Failed>Pending
timed out 6           | -        -                -                -                -                    -
adopted               | -        -                Added>Scheduled  -                -                    -
switched on           | -        Added>Scheduled  -                -                -                    -
switched off          | -        -                >Off             Removed>Off      Removed>Off          Removed>Off
freshness 1 s         | -        >Off             Added>Scheduled  Fresh>Scheduled  Fresh>Pending        Fresh>Tiering
dropped               | -        >Dropped         >Dropped         >Dropped         >Dropped             >Dropped
`
  .split('\n')
  .filter((line) => line !== '')
  .map((line) => line.split('|').map((part) => part.trim()));
const [[, head = ''] = [], ...lines] = table;
const cases = lines.flatMap(([what = '', results = '']) =>
  results.split(/ +/).map((result, i) => ({ what, place: places[i] ?? 'Dropped', result })),
);
const refusals: Readonly<Record<string, string>> = {
  UNKNOWN_TABLE: 'unknown',
  FENCED_TIERING_EPOCH: 'fenced',
  TABLE_NOT_TIERING: 'not',
};
const eventWords: Readonly<Record<string, string>> = {
  LakeTableAdded: 'Added',
  LakeTableRemoved: 'Removed',
  FreshnessChanged: 'Fresh',
  TieringDue: 'Due',
  TieringRoundStarted: 'Started',
  TieringRoundFinished: 'Finished',
  TieringRoundFailed: 'Failed',
};
const ofCatalog = ['TableAltered', 'TableDropped'];

test('the table is whole: every command, in every place', () => {
  expect(head.split(/ +/)).toEqual(places);
  expect(lines.map(([what]) => what)).toEqual(Object.keys(commands));
  expect(cases).toHaveLength(Object.keys(commands).length * places.length);
});
test('the stories lead to where they are said to', () => {
  for (const place of places) expect(placeAfter(...stories[place])).toBe(place);
});
test('there is a command of each kind that bears on tiering', () => {
  const ofTiering = allCommands.map(({ name }) => name).filter((name) => /tiering|lake|dueTables/i.test(name));
  const given = new Set(Object.values(commands).map(([{ name }]) => name));
  expect([...given].sort()).toEqual([...ofTiering, 'alterTable', 'dropTable'].sort());
});

describe.each(places)('a table that is %s', (place) => {
  const story = stories[place];
  const state = stateAfter(...story);
  test.each(cases.filter((each) => each.place === place))('$what: $result', ({ result, what }) => {
    const [command = heartbeat(), now = late] = commands[what] ?? [];
    const { decision } = whenOn(state, command, { now });
    if (decision.kind === 'rejected') {
      expect(refusals[decision.rejection.code]).toBe(result);
      return;
    }
    const { failed, finished, tiering } = tieringAnswer.partial().parse(decision.answer ?? {});
    const refused = [failed, tiering, finished].flatMap((list = []) => list.map((each) => each.refusal?.code ?? ''));
    const made = decision.events.filter(({ type }) => !ofCatalog.includes(type)).map(({ type }) => eventWords[type]);
    const words = [...refused.filter((code) => code !== '').map((code) => refusals[code]), ...made].join();
    expect(decision.events.length === 0 ? words || '-' : `${words}>${placeAfter(...story, ...decision.events)}`).toBe(result);
  });
});
