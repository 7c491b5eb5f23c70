/**
 * Goal: one log has one state, whichever way it is folded; a state once made never changes; a log that contradicts itself stops.
 * Method: random valid logs, and one in which every type of event occurs, split at random, folded in drafts, in bulk and as a leader
 * does; compared as bytes.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { canonicalJson } from '../../events/canonicalJson.ts';
import { clusterConfigsChanged } from '../../events/configs.ts';
import { coordinatorForgotten, coordinatorJoined, coordinatorLost } from '../../events/coordinators.ts';
import { decodeEntry, type EncodedEntry, type Entry, encodeEntry } from '../../events/envelope.ts';
import { catalogue } from '../../events/index.ts';
import { leadershipTaken, logCreated } from '../../events/leadership.ts';
import { plain, ReplayFault, stateHash } from '../../projections/kit.ts';
import { bulkFold, draftState, finishEntry, finishState, foldEntry, foldEvent, initialState, type State } from '../../projections/state.ts';
import { type Chapter, logOf, startedAt } from '../support/given.ts';
import { replay } from '../support/replay.ts';
import { aclStory } from './aclActs.ts';
import { flussStory } from './flussActs.ts';
import { metaServiceStory } from './metaServiceActs.ts';
import { tokenStory } from './tokenActs.ts';
import { validLog } from './validLogs.ts';

const bytesOf = (state: State): string => canonicalJson(plain(state));
const inDrafts = (entries: readonly Entry[], from = initialState()): State => entries.reduce(foldEntry, from);
function inBulk(entries: readonly Entry[], from?: State): State {
  const fold = bulkFold(from);
  fold.add(entries.slice(0, 2));
  for (const entry of entries.slice(2)) fold.add([entry]);
  return fold.finish();
}
/** One draft, event by event: what a leader does before it appends. */
function asLeader(entries: readonly Entry[], from = initialState()): State {
  return entries.reduce((state, entry) => {
    const draft = draftState(state);
    for (const [i, event] of entry.events.entries())
      foldEvent(draft, { position: entry.firstPosition + i, at: entry.at, epoch: entry.epoch, event });
    finishEntry(draft, entry);
    return finishState(draft);
  }, from);
}
const ways = [inDrafts, inBulk, asLeader];

const prologue: readonly Chapter[] = [
  {
    events: [logCreated({ format: 1, clusterId: 'c1' }), leadershipTaken({ nodeId: 'n1', epoch: 1, staticConfigs: {} })],
    at: startedAt,
  },
  { events: [coordinatorJoined({ nodeId: 'n1', operatorUrl: 'http://n1', release: '0.1.0' })], at: startedAt },
  { events: [coordinatorLost({ nodeId: 'n1', forgetAfterMs: 1 }), coordinatorForgotten({ nodeId: 'n1' })], at: startedAt },
  { events: [clusterConfigsChanged({ changes: [{ key: 'a', previous: { kind: 'unset' }, value: { kind: 'hidden' } }] })], at: startedAt },
];
const everyEvent: readonly Chapter[] = [
  ...prologue,
  ...metaServiceStory(
    prologue.flatMap(({ events }) => events),
    startedAt,
  ),
  ...tokenStory(startedAt + 86_400_000),
  ...aclStory(startedAt + 2 * 86_400_000),
  ...flussStory(startedAt + 3 * 86_400_000),
];
/** How many entries are folded in which way, one part after the other. */
const someSplit = [3, 4, 5, 6, 3].map((length, i): readonly [number, number] => [length, i % ways.length]);

test('any split of a log, in drafts or in bulk, folds to the same bytes and the same hash', () => {
  const seen = new Set<string>();
  const splits = fc.array(fc.tuple(fc.nat(7), fc.nat(ways.length - 1)), { maxLength: 12 });
  fc.assert(
    fc.property(validLog, splits, (chapters, parts) => {
      const entries = logOf(chapters).map(({ text }) => decodeEntry(text));
      for (const { events } of entries) for (const { type } of events) seen.add(type);
      const whole = inDrafts(entries);
      let state = initialState();
      let at = 0;
      const versions: { readonly state: State; readonly bytes: string }[] = [];
      for (const [length, way] of [...parts, [entries.length, 0] as const]) {
        state = (ways[way] ?? inDrafts)(entries.slice(at, at + length), state);
        at += length;
        versions.push({ state, bytes: bytesOf(state) });
        // Hashed in between or not, the hash must not depend on what was remembered.
        if (length % 2 === 0) stateHash(state);
      }
      expect(bytesOf(state)).toBe(bytesOf(whole));
      expect(stateHash(state)).toBe(stateHash(inBulk(entries)));
      expect(stateHash(whole)).toBe(stateHash(asLeader(entries)));
      for (const version of versions) expect(bytesOf(version.state), 'an older state changed').toBe(version.bytes);
    }),
    { ...replay({ numRuns: 30 }).params, examples: [[everyEvent, someSplit]] },
  );
  expect([...seen].sort()).toEqual([...catalogue.keys()].sort());
});

test('what the leader folded before it was written equals what others read', () => {
  fc.assert(
    fc.property(validLog, (chapters) => {
      const log = logOf(chapters);
      const leader = asLeader(log.map(({ entry }) => entry));
      const follower = inDrafts(log.map(({ text }) => decodeEntry(text)));
      expect(stateHash(leader)).toBe(stateHash(follower));
    }),
    { ...replay({ numRuns: 30 }).params, examples: [[everyEvent]] },
  );
});

const n1 = coordinatorJoined({ nodeId: 'n1', operatorUrl: 'http://n1', release: '0.1.0' });
const begin = [
  { events: [logCreated({ format: 1, clusterId: 'c1' }), leadershipTaken({ nodeId: 'n1', epoch: 3, staticConfigs: {} })] },
  { events: [n1] },
];
const configured = clusterConfigsChanged({ changes: [{ key: 'a', previous: { kind: 'unset' }, value: { kind: 'text', text: '1' } }] });

/** The entry, with some of its header otherwise. */
function altered({ entry }: EncodedEntry, change: Partial<Entry>): Entry {
  const { hash, v, codec, count, ...rest } = { ...entry, ...change };
  return encodeEntry(rest).entry;
}

describe('an entry that does not follow', () => {
  const log = logOf([...begin, { events: [configured] }]);
  const [, , third = log[0]] = log;
  const state = inDrafts(log.slice(0, 2).map(({ entry }) => entry));
  test.each<[what: string, change: Partial<Entry>, position: number, message: string]>([
    ['an index left out', { index: 4 }, 4, 'entry 4 does not follow entry 2'],
    ['an index twice', { index: 2 }, 4, 'entry 2 does not follow entry 2'],
    ['a position left out', { firstPosition: 5 }, 5, 'entry 3 begins at position 5, not 4'],
    ['another chain', { previousHash: 'f'.repeat(64) }, 4, 'entry 3 does not carry the hash of the entry before it: the chain is broken'],
    ['an earlier time', { at: 7 }, 4, `entry 3 is dated 7, before ${state.at}`],
    ['an older epoch', { epoch: 2 }, 4, 'entry 3 is of epoch 2, after 3'],
  ])('%s', (_, change, position, message) => {
    if (third === undefined) throw new Error('the log is too short');
    const entry = altered(third, change);
    for (const way of [inDrafts, inBulk]) expect(() => way([entry], state)).toThrow(new ReplayFault(message, position));
    expect(stateHash(inDrafts([third.entry], state))).toBe(stateHash(inDrafts(log.map((encoded) => encoded.entry))));
  });
});

describe('an event that contradicts the tables', () => {
  test.each([
    ['a second beginning', logCreated({ format: 1, clusterId: 'c2' }), 'a log is created once, at position 1'],
    ['a leadership of another epoch', leadershipTaken({ nodeId: 'n1', epoch: 3, staticConfigs: {} }), 'epoch 3 does not follow 3'],
    ['losing a stranger', coordinatorLost({ nodeId: 'n9', forgetAfterMs: 1 }), 'coordinator n9 is not a member'],
    ['forgetting a stranger', coordinatorForgotten({ nodeId: 'n9' }), 'coordinator n9 is not known'],
  ])('%s stops the fold at its position, and the state before it stays as it was', (_, event, message) => {
    const log = logOf([...begin, { events: [configured, n1, event] }]).map(({ entry }) => entry);
    const state = inDrafts(log.slice(0, 2));
    const bytes = bytesOf(state);
    for (const way of ways) expect(() => way(log.slice(2), state)).toThrow(new ReplayFault(`${event.type}: ${message}`, 6));
    expect(bytesOf(state)).toBe(bytes);
    // A batch that was given up leaves nothing behind in the next one.
    const good = logOf([...begin, { events: [configured] }]).map(({ entry }) => entry);
    expect(bytesOf(inDrafts(good.slice(2), state))).toBe(bytesOf(inBulk(good)));
    expect(bytesOf(state)).toBe(bytes);
  });
});

test('no batch stays open: a table of a state cannot be written into afterwards', () => {
  const entries = logOf([...begin, { events: [configured] }]).map(({ entry }) => entry);
  const faulty = logOf([...begin, { events: [configured] }, { events: [configured, n1, logCreated({ format: 1, clusterId: 'c2' })] }]);
  for (const way of ways.slice(0, 2)) {
    const state = way(entries);
    for (const spoil of [
      () => {},
      () =>
        expect(() =>
          way(
            faulty.slice(3).map(({ entry }) => entry),
            state,
          ),
        ).toThrow(ReplayFault),
    ]) {
      spoil();
      const { dynamic } = state.configs;
      const bytes = bytesOf(state);
      const more = dynamic.set('b', { value: { kind: 'hidden' }, position: 1, at: 1, principal: 'x' });
      expect(bytesOf(state)).toBe(bytes);
      const branch = more.delete('a');
      expect([more.keys(), branch.keys(), dynamic.keys()]).toEqual([['a', 'b'], ['b'], ['a']]);
    }
  }
});

test('a bulk fold leaves the state it goes on from alone, and what it gives is frozen', () => {
  const log = logOf([...begin, { events: [configured] }, { events: [coordinatorLost({ nodeId: 'n1', forgetAfterMs: 5 })] }]);
  const entries = log.map(({ entry }) => entry);
  const state = inDrafts(entries.slice(0, 2));
  const bytes = bytesOf(state);
  const after = inBulk(entries.slice(2), state);
  expect(bytesOf(state)).toBe(bytes);
  expect(Object.isFrozen(after) && Object.isFrozen(after.configs) && Object.isFrozen(after.deadlines.hours)).toBe(true);
});
