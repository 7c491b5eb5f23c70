/**
 * Goal: listings show the tables of one database by name, whichever version of the catalog is asked for and however it came about.
 * Method: catalogs made by random acts, few and many at a time, asked for in any order; a plain filter and sort says what is right.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { databaseCreated, tableCreated, tableDropped } from '../../events/catalog.ts';
import type { ChanceryEvent } from '../../events/index.ts';
import { tableOf, tableRows } from '../../projections/catalog.ts';
import { draftState, finishState, foldEvent, initialState, type State } from '../../projections/state.ts';
import { databasesSeen, page, tablesSeen } from '../../src/engine/catalogListing.ts';
import { actOf } from '../support/given.ts';
import { replay } from '../support/replay.ts';

const databases = ['a', 'a-', 'a0'];
const columns = [{ name: 'c', type: 'INT', isNullable: true }];
const layout = { columns, primaryKey: [], partitionKeys: [], bucketKeys: [], bucketCount: 1, replicationFactor: 1, properties: {} };

function after(state: State, events: (draft: State) => readonly ChanceryEvent[]): State {
  const draft = draftState(state);
  for (const event of events(draft)) {
    const recorded = { position: draft.position + 1, at: 1, epoch: 1, event: { ...event, id: 'e', act: actOf('c') } };
    foldEvent(draft, recorded);
  }
  return finishState(draft);
}
const empty = after(initialState(), () => databases.map((database) => databaseCreated({ database, properties: {} })));
/** Drops a table that is there, makes one that is not, or both under one name. */
const toggled = (state: State, database: string, table: string, isReplaced: boolean): State =>
  after(state, ({ catalog }) => {
    const row = tableOf(catalog, database, table);
    const dropped = row === undefined ? [] : [tableDropped({ tableId: row.tableId, database, table, bucketCount: 1, partitionIds: [] })];
    const isMade = row === undefined || isReplaced;
    return [...dropped, ...(isMade ? [tableCreated({ tableId: catalog.nextTableId, database, table, ...layout })] : [])];
  });
const many = (state: State, count: number): State =>
  after(state, ({ catalog }) =>
    Array.from({ length: count }, (_, i) => {
      const tableId = catalog.nextTableId + i;
      return tableCreated({ tableId, database: databases[i % 3] ?? '', table: `m${tableId}`, ...layout });
    }),
  );

const acts = fc.oneof(
  { weight: 20, arbitrary: fc.tuple(fc.constantFrom(...databases), fc.constantFrom('p', 'q', 'r', 'p-'), fc.boolean()) },
  { weight: 1, arbitrary: fc.constant('many' as const) },
);
test('the tables of one database, by name', () => {
  const { params } = replay({ numRuns: 60 });
  fc.assert(
    fc.property(fc.array(acts, { maxLength: 30 }), fc.array(fc.nat(), { maxLength: 20 }), (done, asked) => {
      const versions = [empty];
      for (const act of done) {
        const state = versions.at(-1) ?? empty;
        versions.push(act === 'many' ? many(state, 1100) : toggled(state, ...act));
      }
      for (const [i, draw] of [...asked, versions.length - 1].entries()) {
        const state = versions[draw % versions.length] ?? empty;
        const database = databases[i % 3] ?? '';
        const right = tableRows(state.catalog).filter((row) => row.database === database);
        expect([...tablesSeen(state, database, () => true)]).toEqual(right);
        const names = right.map(({ table }) => table);
        const last = names[draw % Math.max(1, names.length)] ?? 'p';
        expect([...tablesSeen(state, database, () => true, last)].map(({ table }) => table)).toEqual(names.filter((name) => name > last));
      }
    }),
    params,
  );
});

test('the databases, after a name, those that somebody sees', () => {
  expect([...databasesSeen(empty, () => true)].map(({ database }) => database)).toEqual(['a', 'a-', 'a0', 'fluss']);
  expect([...databasesSeen(empty, ({ name }) => name !== 'a0', 'a')].map(({ database }) => database)).toEqual(['a-', 'fluss']);
});

test('a page says whether there are more, and looks no further', () => {
  expect(page([1, 2, 3], 3)).toEqual({ rows: [1, 2, 3], hasMore: false });
  let read = 0;
  const endless = function* () {
    for (;;) {
      read += 1;
      yield read;
    }
  };
  expect(page(endless(), 2)).toEqual({ rows: [1, 2], hasMore: true });
  expect(read).toBe(3);
});
