/**
 * Goal: sys.rebalances and sys.rebalance_moves show every rebalance and every move that the state keeps, with when and why, at any moment.
 * Method: the story of a cluster of tablet servers, in which rebalances end in every way, is folded; the rows are looked at during it.
 */
import { expect, test } from 'vitest';
import { decodeEntry } from '../../events/envelope.ts';
import { leadershipTaken, logCreated } from '../../events/leadership.ts';
import { foldEntry, initialState, type State } from '../../projections/state.ts';
import { rebalanceTables } from '../../src/engine/history/rebalanceTables.ts';
import type { Cell } from '../../src/engine/history/selector.ts';
import { flussStory } from '../fold/flussActs.ts';
import { type Chapter, logOf, startedAt } from '../support/given.ts';

const began: Chapter = {
  events: [logCreated({ format: 1, clusterId: 'c' }), leadershipTaken({ nodeId: 'n1', epoch: 1, staticConfigs: {} })],
  at: startedAt,
};
const chapters: readonly Chapter[] = [began, ...flussStory(startedAt + 1000)];
const entries = logOf(chapters).map(({ text }) => decodeEntry(text));
/** After the last entry in which an event of this type is, for the n-th time. */
function after(type: string, time = 1): State {
  let [state, seen] = [initialState(), 0];
  for (const entry of entries) {
    state = foldEntry(state, entry);
    if (entry.events.some((event) => event.type === type)) seen += 1;
    if (seen === time) return state;
  }
  throw new Error(`${type} does not occur ${time} times`);
}

type Named = Readonly<Record<string, Cell>>;
function rowsOf(name: string, state: State): readonly Named[] {
  const found = rebalanceTables.find(({ table }) => table.name === name);
  const columns = found?.table.columns ?? [];
  return [...(found?.rows(state, () => true) ?? [])].map((row) => {
    expect(row).toHaveLength(columns.length);
    return Object.fromEntries(columns.map((column, i) => [column.name, row[i] ?? null]));
  });
}
const end = entries.reduce(foldEntry, initialState());

test('every rebalance with what became of it, the newest first', () => {
  const rows = rowsOf('rebalances', end);
  expect(rows.map((row) => [row['rebalance_id'], row['status'], row['progress'], row['moves'], row['finished'], row['canceled']])).toEqual([
    ['rebalance-of-nothing', 'COMPLETED', 'NONE', 0, 0, 0],
    ['rebalance-never-complete', 'FAILED', '0%', 2, 0, 0],
    ['rebalance-canceled', 'CANCELED', '0%', 1, 0, 1],
    ['rebalance-too-slow', 'COMPLETED', '100%', 1, 0, 0],
    ['rebalance-finished', 'COMPLETED', '100%', 2, 2, 0],
  ]);
  const [, neverComplete, canceled, , finished] = rows;
  expect(neverComplete).toMatchObject({ failure: 'only 1 of its 2 moves arrived in time', started_at: null, waiting: 2 });
  expect(canceled).toMatchObject({ waiting: 0, moving: 0 });
  expect(finished).toMatchObject({
    goals: 'REPLICA_DISTRIBUTION, LEADER_DISTRIBUTION, RACK_AWARE',
    copied_bytes: 1_048_576,
    planned_at: expect.any(Number),
    ended_at: expect.any(Number),
  });
});

test('every move with its reasons, and why one failed', () => {
  const rows = rowsOf('rebalance_moves', end);
  const [slow] = rows.filter((row) => row['rebalance_id'] === 'rebalance-too-slow');
  expect(slow).toMatchObject({
    move: 0,
    bucket_id: 3,
    table_id: 0,
    table_name: null,
    status: 'FAILED',
    from_leader: 0,
    to_leader: 1,
    from_replicas: '[0,1,2]',
    to_replicas: '[1,3,2]',
    failure: expect.stringMatching(/^it took longer than \d+ ms$/),
    left_as: 'ORIGINAL',
    why: [
      'REPLICA_DISTRIBUTION moves a replica from server 0 to server 3: server 0 had 4 replicas, at most 3 are wanted',
      'LEADER_DISTRIBUTION moves leadership from server 3 to server 1: server 1 had 1 leaders, at least 2 are wanted',
      'RACK_AWARE moves a replica from server 0 to server 3: rack Gebäude 0 holds another one on server 2',
    ].join('; '),
  });
  const canceled = rows.filter((row) => row['rebalance_id'] === 'rebalance-canceled');
  expect(canceled.map((row) => row['status'])).toEqual(['CANCELED']);
});

test('one under way, with the table by its name', () => {
  const state = after('MoveStarted');
  expect(rowsOf('rebalances', state)[0]).toMatchObject({ rebalance_id: 'rebalance-finished', status: 'REBALANCING', ended_at: null });
  const [move] = rowsOf('rebalance_moves', state);
  expect(move).toMatchObject({ table_name: 'shop.orders', status: 'REBALANCING', ended_at: null, timeout_at: expect.any(Number) });
});
