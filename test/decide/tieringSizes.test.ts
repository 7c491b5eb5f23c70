/**
 * Goal: whatever one command of tiering may ask for fits into an entry of the log.
 * Method: each command as large as it may be, on tables with the longest names, by the principal with the longest name, for the longest
 * reason; its events are counted as the leader counts them. Heartbeats are cut into commands: test/engine/tieringHeartbeats.test.ts.
 */
import { describe, expect, test } from 'vitest';
import { canonicalJson } from '../../events/canonicalJson.ts';
import { databaseCreated } from '../../events/catalog.ts';
import { type Act, actFault, entryLimits, type LoggedEvent } from '../../events/envelope.ts';
import type { ChanceryEvent } from '../../events/index.ts';
import { tieringLimits } from '../../events/tiering.ts';
import type { State } from '../../projections/state.ts';
import type { Command } from '../../src/deciders/commands.ts';
import { tieringBatches } from '../../src/deciders/tiering.ts';
import { leaderLimits } from '../../src/engine/leader.ts';
import { stateAfter, whenOn } from '../support/given.ts';
import { added, begun, created, due, heartbeat } from '../support/lakeTables.ts';

const database = 'd'.repeat(200);
const service = 's'.repeat(64);
const round = 2 ** 50;
/** Ids and names as long as they come, and all of them different. */
const idOf = (place: number): number => 2 ** 52 + place;
const longest = <E extends { readonly data: object }>(event: E): E => {
  const { tableId } = event.data as { readonly tableId: number };
  return { ...event, data: { ...event.data, database, table: String(tableId).padStart(200, 't') } };
};
const tables = (count: number, eventsOf: (tableId: number) => readonly ChanceryEvent[]): State =>
  stateAfter(
    databaseCreated({ database, properties: {} }),
    ...Array.from({ length: count }, (_, i) => [created(idOf(i)), ...eventsOf(idOf(i))].map(longest)).flat(),
  );
const running = (tableId: number) => [
  added(tableId, { tieringEpoch: round - 1 }),
  due(tableId, round),
  begun(tableId, round, { service, timeoutMs: 86_399_999 }),
];

const words = { commandId: 'k'.repeat(128), digest: '0'.repeat(32), node: 'n'.repeat(64) };
const own = (command: string): Act => ({ ...words, command, interface: 'chancery', principal: 'chancery' });
const called = (command: string): Act => ({
  ...words,
  command,
  host: 'ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255',
  interface: 'operator',
  principal: `User:${'東'.repeat(251)}`,
  // Six bytes for each of these.
  reason: '\u0001'.repeat(1000),
});

/** What a command's events weigh, as the leader counts it. */
function bytesOf(state: State, command: Command, act: Act, count: number): number {
  expect(actFault(act)).toBeUndefined();
  // So late that every timer has run off.
  const { decision } = whenOn(state, command, { now: 2 ** 52 });
  if (decision.kind === 'rejected') throw new Error(decision.rejection.detail);
  expect(decision.events).toHaveLength(count);
  expect(count).toBeLessThanOrEqual(entryLimits.events);
  const texts = decision.events.map((event) => canonicalJson({ ...event, act, id: 'i'.repeat(21) } satisfies LoggedEvent));
  return texts.reduce((sum, text) => sum + Buffer.byteLength(text) + 1, 0);
}

describe('the largest command fits into an entry:', () => {
  test('tables that are due', () => {
    const { due: atMost } = tieringBatches;
    const state = tables(atMost + 1, (id) => [added(id, { tieringEpoch: round })]);
    expect(bytesOf(state, { name: 'queueDueTables', atMost }, own('queueDueTables'), atMost)).toBeLessThan(leaderLimits.commandBytes);
  });
  test('rounds that nobody hears of', () => {
    const { timedOut } = tieringBatches;
    const rounds = Array.from({ length: timedOut }, (_, i) => ({ tableId: idOf(i), tieringEpoch: round }));
    const command = { name: 'timeOutTieringRounds', rounds } as const;
    expect(bytesOf(tables(timedOut, running), command, own(command.name), timedOut)).toBeLessThan(leaderLimits.commandBytes);
  });
  test('tables of an older log', () => {
    const { adopted: atMost } = tieringBatches;
    const state = tables(atMost + 1, () => []);
    expect(bytesOf(state, { name: 'adoptLakeTables', atMost }, own('adoptLakeTables'), atMost)).toBeLessThan(leaderLimits.commandBytes);
  });
  test('a failure that an operator reports', () => {
    const error = '東'.repeat(65_536);
    const command = { name: 'reportTieringFail', tableId: idOf(0), tieringEpoch: round, error } as const;
    const bytes = bytesOf(tables(1, running), command, called(command.name), 1);
    expect(bytes).toBeLessThan(leaderLimits.commandBytes);
    expect(bytes).toBeGreaterThan(3 * tieringLimits.errorLength);
  });
  test('rounds that go on, as many as may be said: no event at all', () => {
    const tiering = Array.from({ length: tieringLimits.reports }, () => ({ tableId: idOf(0), tieringEpoch: round }));
    expect(bytesOf(tables(1, running), heartbeat({ service, tiering }), called('tieringHeartbeat'), 0)).toBe(0);
  });
});
