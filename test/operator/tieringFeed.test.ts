/**
 * Goal: following many lake tables keeps nothing else waiting, a table that is named is looked up, and nobody holds old tables for long.
 * Method: a feed over 10,000 folded tables, read by a reader whose socket takes everything at once, or by one that takes its time on a
 * clock of the test. What else a node has to do stands for itself by a callback of the event loop that comes again and again.
 */
import { afterEach, expect, test, vi } from 'vitest';
import { databaseCreated, tableCreated } from '../../events/catalog.ts';
import type { ChanceryEvent } from '../../events/index.ts';
import { lakeTableAdded, lakeTableRemoved, tieringDue } from '../../events/tiering.ts';
import { foldEntry, initialState, type State } from '../../projections/state.ts';
import { Table } from '../../projections/table.ts';
import { statusOf, type TieringScope, type TieringStatus } from '../../src/engine/tieringListing.ts';
import type { Reader } from '../../src/interfaces/operator/streamConnection.ts';
import { FeedTurns, TieringFeed, tieringFeedLimits } from '../../src/interfaces/operator/tieringFeed.ts';
import { logOf } from '../support/given.ts';

const tables = 10_000;
const nameOf = (tableId: number) => ({ tableId, database: tableId === 7 ? 'mail' : 'shop', table: `t${tableId}` });

const eventsPerEntry = 200;
function after(before: State, events: readonly ChanceryEvent[]): State {
  let state = before;
  for (let i = 0; i < events.length; i += eventsPerEntry) {
    const [first] = logOf([{ events: events.slice(i, i + eventsPerEntry) }]);
    if (first === undefined) throw new Error('nothing was logged');
    const { at, hash: previousHash, index, position } = state;
    state = foldEntry(state, { ...first.entry, index: index + 1, firstPosition: position + 1, previousHash, at: at + 1000 });
  }
  return state;
}
function manyTables(): State {
  const columns = [{ name: 'id', type: 'BIGINT', isNullable: true }];
  const layout = { columns, primaryKey: [], partitionKeys: [], bucketKeys: [], bucketCount: 1, replicationFactor: 1, properties: {} };
  const made = Array.from({ length: tables }, (_, i) => [
    tableCreated({ ...nameOf(i), ...layout }),
    lakeTableAdded({ ...nameOf(i), freshnessMs: 1000, tieringEpoch: 0, because: 'NEW' as const }),
  ]);
  const databases = ['mail', 'shop'].map((database) => databaseCreated({ database, properties: {} }));
  return after(initialState(), [...databases, ...made.flat()]);
}
const full = manyTables();
const due = (...ids: number[]) => ids.map((id) => tieringDue({ ...nameOf(id), tieringEpoch: 1 }));

class Recorder implements Reader {
  isOver = false;
  text = '';
  writes = 0;
  onWrite = () => {};
  async write(block: string): Promise<void> {
    this.writes += 1;
    this.text += block;
    this.onWrite();
  }
  async woken(): Promise<void> {}
  async pause(): Promise<void> {}
  end(): void {
    this.isOver = true;
  }
  get rows(): readonly TieringStatus[] {
    return [...this.text.matchAll(/^data: (.+)$/gm)].map(([, json = '']) => JSON.parse(json) as TieringStatus);
  }
}

let now = 0;
/** A feed and who reads it; the node's state is set by tests. */
function opened(scope: TieringScope, known?: State, turns = new FeedTurns()) {
  const node = { state: full };
  const parts = { node, clock: { now: () => now }, turns, scope, denied: () => undefined };
  return { feed: new TieringFeed({ ...parts, ...(known === undefined ? {} : { known }) }), node, reader: new Recorder() };
}

/** @returns how often the event loop went round meanwhile */
async function roundsDuring(work: () => Promise<unknown>): Promise<number> {
  let rounds = 0;
  let isOver = false;
  const count = () => {
    rounds += 1;
    if (!isOver) setImmediate(count);
  };
  setImmediate(count);
  await work();
  isOver = true;
  return rounds;
}
afterEach(() => vi.restoreAllMocks());

test.each([
  ['all', {}, tables],
  ['a database', { database: 'mail' }, 1],
])('a walk for %s goes in turns, and so does a later one', async (_, scope, wanted) => {
  const { feed, node, reader } = opened(scope);
  const turns = tables / tieringFeedLimits.rowsPerTurn;
  expect(await roundsDuring(() => feed.forward(reader))).toBeGreaterThanOrEqual(turns);
  expect(reader.rows.length).toBe(wanted);
  reader.text = '';
  node.state = after(full, due(...Array.from({ length: tables }, (__, i) => i)));
  expect(await roundsDuring(() => feed.forward(reader))).toBeGreaterThanOrEqual(turns);
  expect(reader.rows.length).toBe(wanted);
  expect(new Set(reader.rows.map(({ status }) => status))).toEqual(new Set(['Pending']));
  expect(feed.seen).toBe(node.state.position);
});

test('many streams take turns: one block to each round of the event loop, of all of them', async () => {
  const turns = new FeedTurns();
  const streams = [1, 2, 3].map(() => opened({ database: 'shop' }, undefined, turns));
  let ofThisRound = 0;
  let most = 0;
  const written = () => {
    ofThisRound += 1;
    most = Math.max(most, ofThisRound);
    if (ofThisRound === 1)
      setImmediate(() => {
        ofThisRound = 0;
      });
  };
  for (const { reader } of streams) reader.onWrite = written;
  await Promise.all(streams.map(({ feed, reader }) => feed.forward(reader)));
  expect(streams.map(({ reader }) => reader.rows.length)).toEqual([tables - 1, tables - 1, tables - 1]);
  // The round that a write fell into may end before or after the callback that says so.
  expect(most).toBeLessThanOrEqual(2);
});

test('a table that is named is looked up', async () => {
  const walks = [vi.spyOn(Table.prototype, 'changesSince'), vi.spyOn(Table.prototype, 'rows')];
  const { feed, node, reader } = opened({ database: 'mail', table: 't7' });
  await feed.forward(reader);
  node.state = after(full, due(8));
  await feed.forward(reader);
  node.state = after(node.state, due(7));
  await feed.forward(reader);
  node.state = after(node.state, [lakeTableRemoved(nameOf(7))]);
  for (const walk of walks) walk.mockClear(); // Folding is not what is looked at.
  await feed.forward(reader);
  expect(reader.rows.map(({ status, table }) => [table, status])).toEqual([
    ['t7', 'Scheduled'],
    ['t7', 'Pending'],
    ['t7', 'Removed'],
  ]);
  for (const walk of walks) expect(walk).not.toHaveBeenCalled();
});

test('who knows how it was is told of changes alone', async () => {
  const { feed, node, reader } = opened({}, full);
  await feed.forward(reader);
  expect([reader.text, feed.seen]).toEqual(['', full.position]);
  node.state = after(full, due(3));
  await feed.forward(reader);
  const [row, ...more] = reader.rows;
  const told = node.state.tiering.byTable.get('3');
  expect(row).toEqual(told === undefined ? undefined : statusOf(told, nameOf(3)));
  expect(more).toEqual([]);
});

test('a reader that takes too long over a look is ended', async () => {
  const { feed, reader } = opened({});
  reader.onWrite = () => {
    now += tieringFeedLimits.lookMs / 4;
  };
  await feed.forward(reader);
  expect([reader.isOver, reader.writes]).toEqual([true, 4]);
  expect(reader.rows.length).toBeLessThan(tables);
});
