import { z } from 'zod';
import { defineEvent, type EventOf, freeText } from './kit.ts';

/** Bounds: a definition fits into one event, and a table that is dropped takes all of its buckets with it in one fold. */
export const catalogLimits = {
  databases: 10_000,
  tables: 100_000,
  nameLength: 200,
  columns: 1000,
  typeLength: 2000,
  properties: 200,
  /** Of a table without partitions, or of one partition. */
  buckets: 4096,
  /** Over all partitions of a table. */
  bucketsOfTable: 16_384,
  partitions: 1000,
  replicationFactor: 10,
} as const;

/** A name as Fluss has it. That it must not begin with two underscores, or be a word of the system, is for the decider to say. */
export const catalogName = z.string().regex(/^[A-Za-z0-9_-]{1,200}$/, 'letters, digits, _ and -, at most 200');
export const databaseName = catalogName.describe('The database.');
export const tableName = catalogName.describe('The table, without its database.');
export const tableId = z.number().int().min(0).describe('Names the table for ever; another one of the same name has another id.');
export const partitionId = z.number().int().min(0).describe('Names the partition for ever.');
export const propertyKey = z.string().regex(/^[^\p{Cc}\p{Cs}]{1,256}$/u, '1 to 256 characters, no control characters');
export const properties = z.record(propertyKey, freeText).describe('Properties by key, values as they were given.');
const removed = z.array(propertyKey).max(catalogLimits.properties).describe('Keys that it has no more.');
const comment = freeText.describe('What it is for, for people.');
const columnName = z.string().regex(/^[^\p{Cc}\p{Cs}]{1,200}$/u, '1 to 200 characters, no control characters');
export const columnNames = z.array(columnName).max(catalogLimits.columns);
export const column = z.strictObject({
  name: columnName,
  type: z.string().min(1).max(catalogLimits.typeLength).describe('In Flink SQL, without NOT NULL: DECIMAL(10, 2).'),
  isNullable: z.boolean(),
  comment: freeText.exactOptional(),
});
export type ColumnDefinition = Readonly<z.infer<typeof column>>;
export const partitionSpec = z
  .record(columnName, z.string().regex(/^[A-Za-z0-9_-]{1,200}$/, 'letters, digits, _ and -, at most 200'))
  .describe('The value of each partition key.');

const ofDatabase = ({ database }: { readonly database: string }): readonly string[] => [`database/${database}`];
interface OfTable {
  readonly database: string;
  readonly table: string;
}
const ofTable = ({ database, table }: OfTable): readonly string[] => [`table/${database}.${table}`];
const table = { tableId, database: databaseName, table: tableName };

/** Raised by `createDatabase`; folded by `projections/catalog.ts`. */
export const databaseCreated = defineEvent('DatabaseCreated', {
  about: 'A database was created.',
  version: 1,
  data: z.strictObject({ database: databaseName, comment: comment.exactOptional(), properties }),
  subjects: ofDatabase,
});

/** Raised by `alterDatabase`; folded by `projections/catalog.ts`. */
export const databaseAltered = defineEvent('DatabaseAltered', {
  about: 'Properties of a database were changed.',
  version: 1,
  data: z.strictObject({ database: databaseName, set: properties, removed, comment: comment.exactOptional() }),
  subjects: ofDatabase,
});

/** Raised by `dropDatabase`; folded by `projections/catalog.ts`. */
export const databaseDropped = defineEvent('DatabaseDropped', {
  about: 'An empty database was dropped.',
  version: 1,
  data: z.strictObject({ database: databaseName }),
  subjects: ofDatabase,
});

/** Raised by `createTable`; folded by `projections/catalog.ts`. Without partitions its buckets come with it, as `BucketsAssigned`. */
export const tableCreated = defineEvent('TableCreated', {
  about: 'A table was created.',
  version: 1,
  data: z.strictObject({
    ...table,
    columns: z.array(column).min(1).max(catalogLimits.columns).describe('In their order.'),
    primaryKey: columnNames.describe('Empty for a log table.'),
    partitionKeys: columnNames.describe('Empty for a table without partitions.'),
    bucketKeys: columnNames.describe('What rows are distributed by; empty: in turn.'),
    bucketCount: z.number().int().min(1).max(catalogLimits.buckets).describe('Buckets of the table, or of each partition.'),
    replicationFactor: z.number().int().min(1).max(catalogLimits.replicationFactor).describe('Replicas of each bucket.'),
    properties,
    comment: comment.exactOptional(),
  }),
  subjects: (data) => [...ofTable(data), `database/${data.database}`],
});

/** Raised by `alterTable`; folded by `projections/catalog.ts`. */
export const tableAltered = defineEvent('TableAltered', {
  about: 'Properties of a table were changed, or columns added at its end.',
  version: 1,
  data: z.strictObject({
    ...table,
    set: properties,
    removed,
    columns: z.array(column).max(catalogLimits.columns).describe('Added behind the present ones.'),
  }),
  subjects: ofTable,
});

/** Raised by `dropTable`; folded by `projections/catalog.ts` and `projections/buckets.ts`: its partitions and buckets go with it. */
export const tableDropped = defineEvent('TableDropped', {
  about: 'A table was dropped with all of its partitions, buckets and replicas.',
  version: 1,
  data: z.strictObject({
    ...table,
    bucketCount: z.number().int().min(1).describe('Buckets of the table, or of each partition.'),
    partitionIds: z.array(partitionId).max(catalogLimits.partitions).describe('Its partitions; empty for a table without.'),
  }),
  subjects: (data) => [...ofTable(data), `database/${data.database}`],
});

/** Raised by `createPartition`; folded by `projections/catalog.ts`. Its buckets come with it, as `BucketsAssigned`. */
export const partitionCreated = defineEvent('PartitionCreated', {
  about: 'A partition was created.',
  version: 1,
  data: z.strictObject({ ...table, partitionId, spec: partitionSpec }),
  subjects: ofTable,
});

/** Raised by `dropPartition`; folded by `projections/catalog.ts` and `projections/buckets.ts`: its buckets go with it. */
export const partitionDropped = defineEvent('PartitionDropped', {
  about: 'A partition was dropped with its buckets and replicas.',
  version: 1,
  data: z.strictObject({ ...table, partitionId, bucketCount: z.number().int().min(1).describe('Buckets that went with it.') }),
  subjects: ofTable,
});

export type CatalogEvent =
  | EventOf<typeof databaseCreated>
  | EventOf<typeof databaseAltered>
  | EventOf<typeof databaseDropped>
  | EventOf<typeof tableCreated>
  | EventOf<typeof tableAltered>
  | EventOf<typeof tableDropped>
  | EventOf<typeof partitionCreated>
  | EventOf<typeof partitionDropped>;
