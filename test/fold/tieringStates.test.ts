/**
 * Goal: a lake table goes from state to state as Fluss has it, and in no other way; what cannot happen to it stops the fold.
 * Method: the contract's table (fluss-semantics 6.1), written down here once more, against every state, cause and state; then every event
 * in every state that a table rests in, with the epoch before, the right one and the one after.
 */
import { describe, expect, test } from 'vitest';
import type { ChanceryEvent } from '../../events/index.ts';
import { ReplayFault } from '../../projections/kit.ts';
import { tieringOf } from '../../projections/tiering.ts';
import {
  stateAfter as next,
  type RestingState,
  restingAfter,
  restingStates,
  tieringCauses,
  tieringStates,
} from '../../projections/tieringStates.ts';
import { shop } from '../support/catalogSamples.ts';
import { stateAfter } from '../support/given.ts';
import { added, begun, created, dropped, due, failed, finished, freshness, inState, removed } from '../support/lakeTables.ts';

/** To, from, caused by: as the contract lists them. */
const contract = `
  New          none         added
  Initialized  none         found
  Scheduled    New          scheduled
  Scheduled    Initialized  scheduled
  Scheduled    Tiered       scheduled
  Pending      Scheduled    due
  Pending      Failed       retried
  Pending      Tiered       forced
  Tiering      Pending      handedOut
  Tiered       Tiering      finished
  Failed       Tiering      failed
  Failed       Tiering      timedOut
`
  .trim()
  .split('\n')
  .map((line) => line.trim().split(/ +/));
const isLegal = (from: string, cause: string, to: string): boolean => contract.some(([a, b, c]) => a === to && b === from && c === cause);

describe('transitions', () => {
  const places = ['none', ...tieringStates] as const;

  test('the states are those of the proposal, in its words', () =>
    expect(tieringStates).toEqual(['New', 'Initialized', 'Scheduled', 'Pending', 'Tiering', 'Tiered', 'Failed']));

  test.each(places.flatMap((from) => tieringCauses.map((cause) => [from, cause] as const)))(
    'a table that is %s, and is %s',
    (from, cause) => {
      const to = next(from, cause);
      for (const each of tieringStates) expect(to === each, `to ${each}`).toBe(isLegal(from, cause, each));
      // Nothing leads back to none: a table that leaves has no state.
      expect(to === undefined || tieringStates.includes(to)).toBe(true);
    },
  );

  test('the way is as long as the list: every line of it was seen', () => {
    const seen = places.flatMap((from) => tieringCauses.filter((cause) => next(from, cause) !== undefined));
    expect(seen).toHaveLength(contract.length);
  });

  test.each([
    ['none', ['added'], 'a table does not stay New'],
    ['none', ['found'], 'a table does not stay Initialized'],
    ['Tiering', ['finished'], 'a table does not stay Tiered'],
    ['Tiering', ['failed'], 'a table does not stay Failed'],
    ['none', [], 'a table does not stay none'],
    ['Tiering', ['failed', 'scheduled'], 'a table that is Failed cannot be scheduled'],
    ['Scheduled', ['due', 'due'], 'a table that is Pending cannot be due'],
  ] as const)('%s and %j: nowhere to rest', (from, causes, message) => {
    expect(() => restingAfter(from, causes)).toThrow(new ReplayFault(message));
  });
});

describe('events', () => {
  /** Round 3 is the last one that it was in; the epoch of the next event about it is off by so many. */
  const events: Readonly<Record<string, (epoch: number) => ChanceryEvent>> = {
    'added, as new': () => added(7),
    'added, as found': () => added(7, { because: 'FOUND' }),
    removed: () => removed(7),
    dropped: () => dropped(7),
    'freshness changed': () => freshness(7, 5),
    due: (epoch) => due(7, epoch),
    begun: (epoch) => begun(7, epoch),
    finished: (epoch) => finished(7, epoch),
    'cut short': (epoch) => finished(7, epoch, { isForced: true }),
    failed: (epoch) => failed(7, epoch),
    'timed out': (epoch) => failed(7, epoch, { because: 'TIMED_OUT' }),
  };
  /** What becomes of a table, by state; `-` stops the fold. A number behind the event is how far its epoch is off. */
  const table = `
    added, as new        | Scheduled -         -         -
    added, as found      | Scheduled -         -         -
    removed              | -         none      none      none
    dropped              | none      none      none      none
    freshness changed    | -         Scheduled Pending   Tiering
    due              -1  | -         -         -         -
    due               0  | -         -         -         -
    due               1  | -         Pending   -         -
    due               2  | -         -         -         -
    begun            -1  | -         -         -         -
    begun             0  | -         -         Tiering   -
    begun             1  | -         -         -         -
    finished         -1  | -         -         -         -
    finished          0  | -         -         -         Scheduled
    finished          1  | -         -         -         -
    cut short        -1  | -         -         -         -
    cut short         0  | -         -         -         Pending
    cut short         1  | -         -         -         -
    failed           -1  | -         -         -         -
    failed            0  | -         -         -         Pending
    failed            1  | -         -         -         -
    timed out        -1  | -         -         -         -
    timed out         0  | -         -         -         Pending
    timed out         1  | -         -         -         -
  `
    .trim()
    .split('\n')
    .flatMap((line) => {
      const [what = '', ends = ''] = line.split('|').map((part) => part.trim());
      const off = Number(/-?\d$/.exec(what)?.[0] ?? 0);
      const event = what.replace(/ +-?\d$/, '');
      return ends.split(/ +/).map((end, i) => ({ event, off, from: (['none', ...restingStates] as const)[i] ?? 'none', end }));
    });
  const story = (from: 'none' | RestingState): readonly ChanceryEvent[] => [
    shop,
    created(7),
    ...(from === 'none' ? [] : inState(from, 7, 2)),
  ];

  test('every event is there in every state', () => {
    expect([...new Set(table.map(({ event }) => event))]).toEqual(Object.keys(events));
    for (const from of ['none', ...restingStates]) expect(table.filter((row) => row.from === from)).toHaveLength(24);
  });

  test.each(table)('$event (epoch off by $off) when it is $from: $end', ({ event, off, from, end }) => {
    const before = stateAfter(...story(from));
    const epoch = tieringOf(before.tiering, 7)?.tieringEpoch ?? 2;
    const happens = () => stateAfter(...story(from), (events[event] ?? (() => shop))(epoch + off));
    if (end === '-') {
      expect(happens).toThrow(ReplayFault);
      return;
    }
    const after = tieringOf(happens().tiering, 7);
    expect(after?.state ?? 'none').toBe(end);
    if (after === undefined) return;
    // One more with every entry to Pending, and never otherwise; a table that joins begins where its event says.
    const entersPending = end === 'Pending' && from !== 'Pending';
    expect(after.tieringEpoch).toBe(from === 'none' ? 0 : epoch + (entersPending ? 1 : 0));
  });
});
