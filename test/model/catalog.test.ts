/**
 * Goal: any mix of creating, altering and dropping databases, tables and partitions, through restarts and lost replies, leaves the catalog
 * where maps of a few lines say, and exactly the buckets that belong to it, each with as many replicas as were asked for.
 * Method: fast-check draws steps on a few names, runs them on the model and on a node over the in-memory log that knows three tablet
 * servers, and shrinks.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { databaseRows, partitionById, tableRows } from '../../projections/catalog.ts';
import type { State } from '../../projections/state.ts';
import type { Command } from '../../src/deciders/commands.ts';
import { drawOf } from '../../src/engine/draws.ts';
import { lastingLeases } from '../support/registeredServers.ts';
import { replay } from '../support/replay.ts';
import { disturbances, type OneNode, onOneNode } from './oneNode.ts';

interface TableModel {
  readonly bucketCount: number;
  readonly factor: number;
  /** Absent for a table without partitions. */
  readonly partitions?: Set<string>;
  readonly columns: string[];
  readonly properties: Map<string, string>;
}
type Model = Map<string, Map<string, TableModel>>;
interface Real {
  readonly node: OneNode;
}
const serverCount = 3;

/** What the model and the tables both say of the catalog. */
const byName = ([a]: readonly [string, ...unknown[]], [b]: readonly [string, ...unknown[]]): number => (a < b ? -1 : 1);
const ofModel = (model: Model) =>
  [...model].sort(byName).map(([database, tables]) => [
    database,
    [...tables].sort(byName).map(([table, { bucketCount, columns, factor, partitions, properties }]) => ({
      table,
      bucketCount,
      factor,
      columns,
      partitions: [...(partitions ?? [])].sort(),
      properties: Object.fromEntries(properties),
    })),
  ]);
function ofState({ catalog }: State) {
  const tables = tableRows(catalog);
  return databaseRows(catalog).map(({ database, tables: count }) => {
    const own = tables.filter((row) => row.database === database);
    expect(own).toHaveLength(count);
    const shown = own.map(({ bucketCount, columns, partitionIds, properties, replicationFactor, table }) => ({
      table,
      bucketCount,
      factor: replicationFactor,
      columns: columns.map(({ name }) => name),
      partitions: partitionIds.map((id) => partitionById(catalog, id)?.name ?? '').sort((a, b) => (a < b ? -1 : 1)),
      properties,
    }));
    return [database, shown];
  });
}

function compare(model: Model, { node }: Real): void {
  const { state } = node.cluster.node('n1');
  expect(ofState(state)).toEqual(ofModel(model));
  const expected = [...model.values()]
    .flatMap((tables) => [...tables.values()])
    .map(({ bucketCount, factor, partitions }) => ({ buckets: bucketCount * (partitions === undefined ? 1 : partitions.size), factor }));
  expect(state.buckets.byKey.size).toBe(expected.reduce((sum, { buckets }) => sum + buckets, 0));
  let replicas = 0;
  for (const [, row] of state.buckets.byKey.rows()) {
    expect(new Set(row.replicas).size).toBe(row.replicas.length);
    expect(row.replicas[0]).toBe(row.leader);
    replicas += row.replicas.length;
  }
  expect(replicas).toBe(expected.reduce((sum, { buckets, factor }) => sum + buckets * factor, 0));
  const held = [...state.buckets.byServer.rows()].reduce(
    (sum, [, each]) => sum + each.leading.size + each.following.size + each.lagging.size,
    0,
  );
  expect(held).toBe(replicas);
  const partitions = [...model.values()].flatMap((tables) => [...tables.values()].map((each) => each.partitions?.size ?? 0));
  const count = partitions.reduce((sum, size) => sum + size, 0);
  expect([state.catalog.partitions.size, state.catalog.partitionIds.size]).toEqual([count, count]);
}

const step = (name: string, run: (model: Model, node: OneNode) => Promise<void>): fc.AsyncCommand<Model, Real> => ({
  check: () => true,
  toString: () => name,
  run: async (model, real) => {
    await run(model, real.node);
    compare(model, real);
  },
});
/** Asks, and expects the refusal that the model foresees. @returns whether something may have been done */
async function expectAnswer(node: OneNode, command: Command, foreseen: string | undefined): Promise<boolean> {
  const outcome = await node.ask(command);
  expect(outcome.kind === 'rejected' ? outcome.rejection.code : undefined).toBe(foreseen);
  return foreseen === undefined;
}

const database = fc.constantFrom('fluss', 'a');
const table = fc.constantFrom('s', 't');
const flag = fc.boolean();

const createsDatabase = fc.tuple(database, flag).map(([name, ignoreIfExists]) =>
  step(`createDatabase(${name}, ${ignoreIfExists})`, async (model, node) => {
    const foreseen = model.has(name) && !ignoreIfExists ? 'DATABASE_EXISTS' : undefined;
    const isDone = await expectAnswer(node, { name: 'createDatabase', database: name, ignoreIfExists, properties: {} }, foreseen);
    if (isDone && !model.has(name)) model.set(name, new Map());
  }),
);
const dropsDatabase = fc.tuple(database, flag, flag).map(([name, ignoreIfNotExists, cascade]) =>
  step(`dropDatabase(${name}, ${ignoreIfNotExists}, ${cascade})`, async (model, node) => {
    const tables = model.get(name);
    const missing = ignoreIfNotExists ? undefined : 'UNKNOWN_DATABASE';
    const ofKnown = (tables?.size ?? 0) > 0 && !cascade ? 'DATABASE_NOT_EMPTY' : undefined;
    const foreseen = name === 'fluss' ? 'DEFAULT_DATABASE' : tables === undefined ? missing : ofKnown;
    if (await expectAnswer(node, { name: 'dropDatabase', database: name, ignoreIfNotExists, cascade }, foreseen)) model.delete(name);
  }),
);
const createsTable = fc
  .record({
    database,
    table,
    ignoreIfExists: flag,
    isPartitioned: fc.constantFrom(true, true, false),
    buckets: fc.integer({ min: 1, max: 5 }),
    factor: fc.constantFrom(1, 1, 2, 3, 4),
  })
  .map(({ buckets, factor, isPartitioned, ...asked }) =>
    step(`createTable(${JSON.stringify({ ...asked, buckets, factor, isPartitioned })})`, async (model, node) => {
      const tables = model.get(asked.database);
      const isThere = tables?.has(asked.table) === true;
      const exists = asked.ignoreIfExists ? undefined : 'TABLE_EXISTS';
      const unplaced = factor > serverCount && !isPartitioned ? 'TOO_FEW_SERVERS' : undefined;
      const foreseen = tables === undefined ? 'UNKNOWN_DATABASE' : isThere ? exists : unplaced;
      const command: Command = {
        name: 'createTable',
        ...asked,
        columns: [{ name: 'dt', type: 'STRING', isNullable: false }],
        primaryKey: [],
        partitionKeys: isPartitioned ? ['dt'] : [],
        properties: { 'bucket.num': String(buckets), 'table.replication.factor': String(factor) },
        draw: drawOf(JSON.stringify(asked)),
      };
      if (!(await expectAnswer(node, command, foreseen)) || isThere) return;
      const made = { bucketCount: buckets, factor, columns: ['dt'], properties: new Map<string, string>() };
      tables?.set(asked.table, isPartitioned ? { ...made, partitions: new Set() } : made);
    }),
  );
const dropsTable = fc.record({ database, table, ignoreIfNotExists: flag }).map((asked) =>
  step(`dropTable(${JSON.stringify(asked)})`, async (model, node) => {
    const isThere = model.get(asked.database)?.has(asked.table) === true;
    const foreseen = isThere || asked.ignoreIfNotExists ? undefined : 'UNKNOWN_TABLE';
    if (await expectAnswer(node, { name: 'dropTable', ...asked }, foreseen)) model.get(asked.database)?.delete(asked.table);
  }),
);
const altersTable = fc
  .record({ database, table, key: fc.constantFrom('x', 'y', 'z'), isSet: flag, column: fc.constantFrom('dt', 'c', 'd') })
  .map((asked) =>
    step(`alterTable(${JSON.stringify(asked)})`, async (model, node) => {
      const { column, isSet, key, ...names } = asked;
      const row = model.get(asked.database)?.get(asked.table);
      const foreseen = row === undefined ? 'UNKNOWN_TABLE' : row.columns.includes(column) ? 'INVALID_TABLE' : undefined;
      const set: Record<string, string> = isSet ? { [key]: column } : {};
      const columns = [{ name: column, type: 'INT', isNullable: true }];
      const command: Command = { name: 'alterTable', ...names, ignoreIfNotExists: false, set, removed: isSet ? [] : [key], columns };
      if (!(await expectAnswer(node, command, foreseen))) return;
      row?.columns.push(column);
      if (isSet) row?.properties.set(key, column);
      else row?.properties.delete(key);
    }),
  );
const values = fc.uniqueArray(fc.constantFrom('1', '2', '3', '4', '5', '__6'), { minLength: 1, maxLength: 3 });
const addsPartitions = fc.record({ database, table, ignoreIfExists: flag }).chain((asked) =>
  values.map((wanted) =>
    step(`createPartition(${JSON.stringify({ ...asked, wanted })})`, async (model, node) => {
      const row = model.get(asked.database)?.get(asked.table);
      const present = row?.partitions;
      let foreseen = row === undefined ? 'UNKNOWN_TABLE' : present === undefined ? 'NOT_PARTITIONED' : undefined;
      // The first value at fault decides; one that is there already is passed over where that is no error.
      for (const value of wanted) {
        const isThere = present?.has(value) === true;
        const unplaced = isThere || (row?.factor ?? 0) <= serverCount ? undefined : 'TOO_FEW_SERVERS';
        foreseen ??= value.startsWith('__') ? 'INVALID_PARTITION' : isThere && !asked.ignoreIfExists ? 'PARTITION_EXISTS' : unplaced;
      }
      const partitions = wanted.map((value, i) => ({ spec: { dt: value }, draw: drawOf(value, i) }));
      if (await expectAnswer(node, { name: 'createPartition', ...asked, partitions }, foreseen))
        for (const value of wanted) present?.add(value);
    }),
  ),
);
const dropsPartitions = fc.record({ database, table, ignoreIfNotExists: flag }).chain((asked) =>
  values.map((wanted) =>
    step(`dropPartition(${JSON.stringify({ ...asked, wanted })})`, async (model, node) => {
      const row = model.get(asked.database)?.get(asked.table);
      const present = row?.partitions;
      const missing = asked.ignoreIfNotExists || wanted.every((value) => present?.has(value)) ? undefined : 'UNKNOWN_PARTITION';
      const foreseen = row === undefined ? 'UNKNOWN_TABLE' : present === undefined ? 'NOT_PARTITIONED' : missing;
      const specs = wanted.map((value) => ({ dt: value }));
      if (await expectAnswer(node, { name: 'dropPartition', ...asked, specs }, foreseen))
        for (const value of wanted) present?.delete(value);
    }),
  ),
);

test('the catalog follows the model through restarts and lost replies', async () => {
  const { params, replayPath } = replay({ numRuns: 12 });
  const steps = [
    createsDatabase,
    dropsDatabase,
    createsTable,
    createsTable,
    createsTable,
    dropsTable,
    altersTable,
    addsPartitions,
    addsPartitions,
    dropsPartitions,
    disturbances,
  ];
  await fc.assert(
    fc.asyncProperty(fc.commands(steps, { maxCommands: 100, size: 'max', ...replayPath }), (run) =>
      onOneNode(async (node) => {
        for (let serverId = 0; serverId < serverCount; serverId += 1)
          await node.ask({
            name: 'registerServer',
            serverId,
            directoryId: `d${serverId}`,
            incarnation: `i${serverId}`,
            endpoint: `h:${9200 + serverId}`,
          });
        await fc.asyncModelRun(() => ({ model: new Map([['fluss', new Map()]]), real: { node } }), run);
      }, lastingLeases),
    ),
    params,
  );
});
