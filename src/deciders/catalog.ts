import { z } from 'zod';
import { bucketsAssigned } from '../../events/buckets.ts';
import {
  catalogLimits,
  column,
  columnNames,
  databaseAltered,
  databaseCreated,
  databaseDropped,
  partitionCreated,
  partitionDropped,
  properties,
  propertyKey,
  tableAltered,
  tableCreated,
  tableDropped,
} from '../../events/catalog.ts';
import type { ChanceryEvent } from '../../events/index.ts';
import { freeText } from '../../events/kit.ts';
import {
  alteredProperties,
  type DatabaseRow,
  databaseOf,
  defaultDatabase,
  partitionName,
  partitionOf,
  type TableRow,
  tableOf,
  tablesOf,
} from '../../projections/catalog.ts';
import { integerOf } from '../../projections/configs.ts';
import { serverRows } from '../../projections/servers.ts';
import { serverTagOf } from '../../projections/serverTags.ts';
import type { State } from '../../projections/state.ts';
import { placeReplicas } from '../rebalance/placement.ts';
import { accept, type Decision, isRejection, type Rejection, refused, reject, rejection } from '../rejection.ts';
import { defineCommand } from './kit.ts';
import { lakeChange } from './lakeTables.ts';
import { bucketCountOf, isFixed, layoutKeys, notAlterable, propertyFault } from './tableOptions.ts';
import {
  bucketKeysOf,
  columnsFault,
  type Definition,
  databaseNameFault,
  definitionFault,
  lakeFault,
  partitionValueFault,
  specOf,
  specText,
  tableNameFault,
} from './tableRules.ts';

/** What one command does must fit into one entry of the log, and be folded in a moment. */
const limits = { partitionsPerCommand: 100, tablesInCascade: 200, bucketsInCascade: catalogLimits.bucketsOfTable } as const;

/** Names are looked at by the rules, which say what is wrong with them in Fluss's words. */
const name = z.string().max(1000);
const ofDatabase = { database: name };
const ofTable = { ...ofDatabase, table: name };
const ignoreIfExists = z.boolean().describe('One that is there already is no error.');
const ignoreIfNotExists = z.boolean().describe('One that is not there is no error.');
const givenProperties = properties.refine(
  (given) => Object.keys(given).length <= catalogLimits.properties,
  `at most ${catalogLimits.properties} properties`,
);
const removedKeys = z.array(propertyKey).max(catalogLimits.properties);
const drawn = z
  .number()
  .int()
  .min(0)
  .max(2 ** 31 - 1);
/** Where the replicas of new buckets begin, and how far apart they are: drawn by whoever asks. */
export const draw = z.strictObject({ start: drawn, shift: drawn });
type Draw = Readonly<z.infer<typeof draw>>;
const spec = z.record(z.string().max(200), z.string().max(1000)).refine((given) => Object.keys(given).length <= catalogLimits.columns, {
  message: `at most ${catalogLimits.columns} values`,
});
const atMostPartitions = `at most ${limits.partitionsPerCommand} partitions in one call`;

const fullName = ({ database, table }: { readonly database: string; readonly table: string }): string =>
  `${database.slice(0, 201)}.${table.slice(0, 201)}`;
const noDatabase = (database: string, words: string): Rejection =>
  rejection('UNKNOWN_DATABASE', 'database', `Database ${database.slice(0, 201)} ${words}`);
export const unknownTable = (table: { readonly database: string; readonly table: string }): Rejection =>
  rejection('UNKNOWN_TABLE', 'table', `Table ${fullName(table)} does not exist.`);

/**
 * Create a database.
 * @returns `DatabaseCreated`; or, in Fluss's words, INVALID_DATABASE (its name), DATABASE_EXISTS, CATALOG_FULL
 */
export const createDatabase = defineCommand({
  name: 'createDatabase',
  about: 'Create a database.',
  input: z.strictObject({ ...ofDatabase, ignoreIfExists, comment: freeText.exactOptional(), properties: givenProperties }),
  decide: ({ catalog }, { ignoreIfExists: mayExist, ...data }): Decision<ChanceryEvent> => {
    const fault = databaseNameFault(data.database);
    if (fault !== undefined) return refused(fault);
    if (databaseOf(catalog, data.database) !== undefined)
      return mayExist ? accept() : reject('DATABASE_EXISTS', 'database', `Database ${data.database} already exists.`);
    if (catalog.databases.size >= catalogLimits.databases)
      return reject('CATALOG_FULL', 'database', `there are ${catalogLimits.databases} databases already`);
    return accept(databaseCreated(data));
  },
});

/** What a change of properties comes to; nothing that is so already. */
function changes(
  present: Readonly<Record<string, string>>,
  set: Readonly<Record<string, string>>,
  removed: readonly string[],
): { readonly set: Record<string, string>; readonly removed: string[] } | Rejection {
  const twice = removed.findIndex((key) => Object.hasOwn(set, key));
  if (twice >= 0) return rejection('MALFORMED_REQUEST', `removed[${twice}]`, `'${removed[twice]}' is both set and removed`);
  const changed = {
    set: Object.fromEntries(Object.entries(set).filter(([key, value]) => !Object.hasOwn(present, key) || present[key] !== value)),
    removed: [...new Set(removed)].filter((key) => Object.hasOwn(present, key)),
  };
  const added = Object.keys(changed.set).filter((key) => !Object.hasOwn(present, key)).length;
  const count = Object.keys(present).length + added - changed.removed.length;
  const detail = `there would be ${count} properties; there are at most ${catalogLimits.properties}`;
  return count > catalogLimits.properties ? rejection('TOO_LARGE', 'set', detail) : changed;
}

/**
 * Change properties of a database, or its comment.
 * @returns `DatabaseAltered`, nothing when everything is so already; or UNKNOWN_DATABASE, MALFORMED_REQUEST, TOO_LARGE
 */
export const alterDatabase = defineCommand({
  name: 'alterDatabase',
  about: 'Change properties of a database.',
  input: z.strictObject({
    ...ofDatabase,
    ignoreIfNotExists,
    set: givenProperties,
    removed: removedKeys,
    comment: freeText.exactOptional(),
  }),
  decide: ({ catalog }, { comment, database, ignoreIfNotExists: mayMiss, removed, set }): Decision<ChanceryEvent> => {
    const row = databaseOf(catalog, database);
    if (row === undefined) return mayMiss ? accept() : refused(noDatabase(database, 'not exists.'));
    const changed = changes(row.properties, set, removed);
    if (isRejection(changed)) return refused(changed);
    const said = comment === undefined || comment === row.comment ? {} : { comment };
    const isSame = Object.keys(changed.set).length + changed.removed.length + Object.keys(said).length === 0;
    return isSame ? accept() : accept(databaseAltered({ database, ...changed, ...said }));
  },
});

/** The tables of a database. Looks at every table there is, so it is asked only where some are to be dropped. */
export const tablesIn = ({ catalog }: State, { database, tables }: DatabaseRow): readonly TableRow[] =>
  tables === 0 ? [] : tablesOf(catalog, database);

/**
 * Drop a database; with `cascade` its tables too.
 * @returns `DatabaseDropped`, before it with `cascade` a `TableDropped` for each table; or, in Fluss's words, DEFAULT_DATABASE,
 *   UNKNOWN_DATABASE, DATABASE_NOT_EMPTY; TOO_LARGE (tables or buckets that would go with it)
 */
export const dropDatabase = defineCommand({
  name: 'dropDatabase',
  about: 'Drop a database that is empty, or with its tables.',
  input: z.strictObject({ ...ofDatabase, ignoreIfNotExists, cascade: z.boolean().describe('Drop its tables too.') }),
  decide: (state, { cascade, database, ignoreIfNotExists: mayMiss }): Decision<ChanceryEvent> => {
    if (database === defaultDatabase) {
      const detail = `Cannot drop the default database '${defaultDatabase}'. It has been there from the beginning, and stays.`;
      return reject('DEFAULT_DATABASE', 'database', detail);
    }
    const row = databaseOf(state.catalog, database);
    if (row === undefined) return mayMiss ? accept() : refused(noDatabase(database, 'does not exist.'));
    if (row.tables > 0 && !cascade) return reject('DATABASE_NOT_EMPTY', 'database', `Database ${database} is not empty.`);
    if (row.tables > limits.tablesInCascade) {
      const most = `at most ${limits.tablesInCascade} are dropped with it: drop some first`;
      const detail = `Database ${database} has ${row.tables} tables; ${most}`;
      return reject('TOO_LARGE', 'cascade', detail);
    }
    const tables = tablesIn(state, row);
    const buckets = tables.reduce((sum, table) => sum + bucketsOf(table), 0);
    if (buckets > limits.bucketsInCascade) {
      const most = `at most ${limits.bucketsInCascade} are dropped with it: drop some tables first`;
      const detail = `the tables of ${database} have ${buckets} buckets; ${most}`;
      return reject('TOO_LARGE', 'cascade', detail);
    }
    return accept<ChanceryEvent>(...tables.map(dropping), databaseDropped({ database }));
  },
});

const bucketsOf = ({ bucketCount, partitionIds, partitionKeys }: TableRow): number =>
  bucketCount * (partitionKeys.length === 0 ? 1 : partitionIds.length);
const dropping = ({ bucketCount, database, partitionIds, table, tableId }: TableRow): ChanceryEvent =>
  tableDropped({ tableId, database, table, bucketCount, partitionIds: [...partitionIds] });

/** What gives new buckets their servers. @returns of each bucket the servers, or TOO_FEW_SERVERS in Fluss's words */
function placer(
  state: State,
  { bucketCount, replicationFactor }: { readonly bucketCount: number; readonly replicationFactor: number },
): (given: Draw) => number[][] | Rejection {
  const servers = serverRows(state.servers).map(({ rack, serverId, status }) => {
    const tag = serverTagOf(state.serverTags, serverId)?.tag;
    return { id: serverId, isLive: status === 'LIVE', ...(rack === undefined ? {} : { rack }), ...(tag === undefined ? {} : { tag }) };
  });
  return (given) => {
    const placement = placeReplicas(servers, replicationFactor, bucketCount, given);
    if (placement.kind === 'refused') return rejection('TOO_FEW_SERVERS', '', placement.message);
    return placement.replicas.map((ids) => [...ids]);
  };
}

/**
 * Create a table. One without partitions is given its buckets at once.
 * `properties` are those of Fluss's WITH: `bucket.num`, `bucket.key` and `table.replication.factor` become fields of the table.
 * @returns `TableCreated`, without partitions also `BucketsAssigned`, of a lake table also `LakeTableAdded`; or, in Fluss's words,
 *   INVALID_TABLE, INVALID_TABLE_PROPERTY, UNKNOWN_DATABASE, TABLE_EXISTS, TOO_FEW_SERVERS; CATALOG_FULL
 */
export const createTable = defineCommand({
  name: 'createTable',
  about: 'Create a table.',
  input: z.strictObject({
    ...ofTable,
    ignoreIfExists,
    columns: z.array(column).min(1).max(catalogLimits.columns, `at most ${catalogLimits.columns} columns`),
    primaryKey: columnNames,
    partitionKeys: columnNames,
    properties: givenProperties,
    comment: freeText.exactOptional(),
    draw,
  }),
  decide: (state, { draw: given, ignoreIfExists: mayExist, ...asked }): Decision<ChanceryEvent> => {
    const { catalog } = state;
    if (databaseOf(catalog, asked.database) === undefined) return refused(noDatabase(asked.database, 'does not exist.'));
    const wrong = tableNameFault(asked.table);
    if (wrong !== undefined) return refused(wrong);
    if (tableOf(catalog, asked.database, asked.table) !== undefined)
      return mayExist ? accept() : reject('TABLE_EXISTS', 'table', `Table ${fullName(asked)} already exists.`);
    if (catalog.tables.size >= catalogLimits.tables)
      return reject('CATALOG_FULL', 'table', `there are ${catalogLimits.tables} tables already`);
    const fault = definitionFault(asked, state.configs);
    if (fault !== undefined) return refused(fault);
    const layout = layoutOf(state, asked);
    if (isRejection(layout)) return refused(layout);
    const { comment, database, table } = asked;
    const created = tableCreated({
      tableId: catalog.nextTableId,
      database,
      table,
      columns: asked.columns.map((each) => (asked.primaryKey.includes(each.name) ? { ...each, isNullable: false } : each)),
      primaryKey: asked.primaryKey,
      partitionKeys: asked.partitionKeys,
      ...layout,
      ...(comment === undefined ? {} : { comment }),
    });
    const joins = lakeChange(state, created.data);
    if (asked.partitionKeys.length > 0) return accept<ChanceryEvent>(created, ...joins);
    const replicas = placer(state, layout)(given);
    if (isRejection(replicas)) return refused(replicas);
    return accept<ChanceryEvent>(created, bucketsAssigned({ tableId: catalog.nextTableId, replicas }), ...joins);
  },
});

/** How a table is laid out, by its properties and the defaults of the cluster; and the properties that are left. */
function layoutOf(
  state: State,
  asked: Definition,
): { bucketKeys: string[]; bucketCount: number; replicationFactor: number; properties: Record<string, string> } | Rejection {
  const bucketCount = bucketCountOf(asked.properties) ?? integerOf(state.configs, 'default.bucket.number');
  if (isRejection(bucketCount)) return bucketCount;
  const factor = asked.properties[layoutKeys.replicationFactor];
  const layout: readonly string[] = Object.values(layoutKeys);
  return {
    bucketKeys: [...bucketKeysOf(asked)],
    bucketCount,
    replicationFactor: factor === undefined ? integerOf(state.configs, 'default.replication.factor') : Number(factor),
    properties: Object.fromEntries(Object.entries(asked.properties).filter(([key]) => !layout.includes(key))),
  };
}

/**
 * Change properties of a table, or add columns behind the present ones.
 * @returns `TableAltered`, with it at most one of `LakeTableAdded`, `LakeTableRemoved` and `FreshnessChanged`; nothing when everything is
 *   so already; or, in Fluss's words, UNKNOWN_TABLE, INVALID_TABLE_PROPERTY, INVALID_TABLE; MALFORMED_REQUEST, TOO_LARGE
 */
export const alterTable = defineCommand({
  name: 'alterTable',
  about: 'Change properties of a table, or add columns at its end.',
  input: z.strictObject({
    ...ofTable,
    ignoreIfNotExists,
    set: givenProperties,
    removed: removedKeys,
    columns: z.array(column).max(catalogLimits.columns, `at most ${catalogLimits.columns} columns`),
  }),
  decide: (state, { ignoreIfNotExists: mayMiss, ...asked }): Decision<ChanceryEvent> => {
    const row = tableOf(state.catalog, asked.database, asked.table);
    if (row === undefined) return mayMiss ? accept() : refused(unknownTable(asked));
    const fixed = Object.keys(asked.set).find(isFixed);
    if (fixed !== undefined) return refused(notAlterable(fixed, `set.${fixed}`));
    const kept = asked.removed.findIndex(isFixed);
    if (kept >= 0) return refused(notAlterable(asked.removed[kept] ?? '', `removed[${kept}]`));
    const fault = propertyFault(asked.set, row.primaryKey.length > 0);
    if (fault !== undefined) return refused({ ...fault, field: fault.field.replace(/^properties/, 'set') });
    const changed = changes(row.properties, asked.set, asked.removed);
    if (isRejection(changed)) return refused(changed);
    const properties = alteredProperties(row.properties, changed.set, changed.removed);
    const wrong = addedFault(asked.columns, row) ?? lakeFault(properties, state.configs);
    if (wrong !== undefined) return refused(wrong);
    if (Object.keys(changed.set).length + changed.removed.length + asked.columns.length === 0) return accept();
    const { database, table, tableId } = row;
    const altered = tableAltered({ tableId, database, table, ...changed, columns: asked.columns });
    return accept<ChanceryEvent>(altered, ...lakeChange(state, { tableId, database, table, properties }));
  },
});

/** Rows that are there already have nothing in a new column. */
function addedFault(columns: z.infer<typeof column>[], row: TableRow): Rejection | undefined {
  const strict = columns.findIndex(({ isNullable }) => !isNullable);
  if (strict >= 0)
    return rejection('INVALID_TABLE', `columns[${strict}]`, `Column ${columns[strict]?.name} must be nullable: rows are there without it.`);
  return columnsFault(
    columns,
    row.columns.map((each) => each.name),
    'columns',
  );
}

/** Drop a table with its partitions and buckets. @returns `TableDropped`; or UNKNOWN_TABLE in Fluss's words */
export const dropTable = defineCommand({
  name: 'dropTable',
  about: 'Drop a table with its partitions and buckets.',
  input: z.strictObject({ ...ofTable, ignoreIfNotExists }),
  decide: ({ catalog }, { ignoreIfNotExists: mayMiss, ...asked }): Decision<ChanceryEvent> => {
    const row = tableOf(catalog, asked.database, asked.table);
    if (row === undefined) return mayMiss ? accept() : refused(unknownTable(asked));
    return accept(dropping(row));
  },
});

/** The table that partitions are asked of. */
function partitioned({ catalog }: State, asked: { readonly database: string; readonly table: string }): TableRow | Rejection {
  const row = tableOf(catalog, asked.database, asked.table);
  if (row === undefined) return unknownTable(asked);
  return row.partitionKeys.length > 0
    ? row
    : rejection('NOT_PARTITIONED', 'table', `Table '${fullName(asked)}' is not a partitioned table.`);
}

/**
 * Create partitions, all or none, each with its buckets.
 * @returns `PartitionCreated` and `BucketsAssigned` of each; or, in Fluss's words, UNKNOWN_TABLE, NOT_PARTITIONED, INVALID_PARTITION,
 *   PARTITION_EXISTS, TOO_MANY_PARTITIONS, TOO_FEW_SERVERS
 */
export const createPartition = defineCommand({
  name: 'createPartition',
  about: 'Create partitions of a table.',
  input: z.strictObject({
    ...ofTable,
    ignoreIfExists,
    partitions: z.array(z.strictObject({ spec, draw })).min(1).max(limits.partitionsPerCommand, atMostPartitions),
  }),
  decide: (state, { ignoreIfExists: mayExist, partitions, ...asked }): Decision<ChanceryEvent> => {
    const row = partitioned(state, asked);
    if (isRejection(row)) return refused(row);
    const { database, table, tableId } = row;
    const place = placer(state, row);
    const events: ChanceryEvent[] = [];
    const names = new Set<string>();
    for (const [i, each] of partitions.entries()) {
      const field = `partitions[${i}].spec`;
      const read = newSpec(row, each.spec, field);
      if (isRejection(read)) return refused(read);
      const known = partitionName(row, read);
      if (partitionOf(state.catalog, tableId, known) !== undefined || names.has(known)) {
        if (mayExist) continue;
        return reject('PARTITION_EXISTS', field, `Partition '${specText(read)}' already exists for table ${fullName(row)}`);
      }
      names.add(known);
      const full = fullnessFault(row, names.size);
      if (full !== undefined) return refused(rejection('TOO_MANY_PARTITIONS', field, full));
      const replicas = place(each.draw);
      if (isRejection(replicas)) return refused(replicas);
      const partitionId = state.catalog.nextPartitionId + names.size - 1;
      events.push(
        partitionCreated({ tableId, database, table, partitionId, spec: read }),
        bucketsAssigned({ tableId, partitionId, replicas }),
      );
    }
    return accept(...events);
  },
});

function newSpec(row: TableRow, given: Readonly<Record<string, string>>, field: string): Record<string, string> | Rejection {
  const read = specOf(row.partitionKeys, given, fullName(row));
  if ('wrong' in read) return rejection('INVALID_PARTITION', field, read.wrong);
  for (const [key, value] of Object.entries(read.spec)) {
    const fault = partitionValueFault(value);
    if (fault !== undefined) return rejection('INVALID_PARTITION', `${field}.${key}`, fault);
  }
  return { ...read.spec };
}

function fullnessFault({ bucketCount, database, partitionIds, table }: TableRow, more: number): string | undefined {
  const count = partitionIds.length + more;
  const most = Math.min(catalogLimits.partitions, Math.floor(catalogLimits.bucketsOfTable / bucketCount));
  if (count <= most) return undefined;
  const would = `Table ${database}.${table} would have ${count} partitions of ${bucketCount} buckets`;
  return `${would}; with so many buckets it has at most ${most}.`;
}

/**
 * Drop partitions with their buckets, all or none.
 * @returns `PartitionDropped` of each; or, in Fluss's words, UNKNOWN_TABLE, NOT_PARTITIONED, INVALID_PARTITION, UNKNOWN_PARTITION
 */
export const dropPartition = defineCommand({
  name: 'dropPartition',
  about: 'Drop partitions of a table with their buckets.',
  input: z.strictObject({
    ...ofTable,
    ignoreIfNotExists,
    specs: z.array(spec).min(1).max(limits.partitionsPerCommand, atMostPartitions),
  }),
  decide: (state, { ignoreIfNotExists: mayMiss, specs, ...asked }): Decision<ChanceryEvent> => {
    const row = partitioned(state, asked);
    if (isRejection(row)) return refused(row);
    const { bucketCount, database, table, tableId } = row;
    const dropped = new Set<number>();
    for (const [i, given] of specs.entries()) {
      const read = specOf(row.partitionKeys, given, fullName(row));
      if ('wrong' in read) return reject('INVALID_PARTITION', `specs[${i}]`, read.wrong);
      const partition = partitionOf(state.catalog, tableId, partitionName(row, read.spec));
      if (partition !== undefined) dropped.add(partition.partitionId);
      else if (!mayMiss)
        return reject('UNKNOWN_PARTITION', `specs[${i}]`, `Partition '${specText(read.spec)}' does not exist for table ${fullName(row)}`);
    }
    return accept(...[...dropped].map((partitionId) => partitionDropped({ tableId, database, table, partitionId, bucketCount })));
  },
});
