/** Lake tables without buckets, which need no tablet servers. */
import type { Command } from '../../src/deciders/commands.ts';

export const lakeProperties = (freshnessMs: number): Record<string, string> => ({
  'table.datalake.enabled': 'true',
  'table.datalake.freshness': `${freshnessMs} ms`,
});

/** A table that is partitioned and has no partitions. */
export const createTable = (database: string, table: string, properties: Record<string, string>): Command => ({
  name: 'createTable',
  database,
  table,
  ignoreIfExists: false,
  columns: [
    { name: 'id', type: 'BIGINT', isNullable: true },
    { name: 'day', type: 'STRING', isNullable: false },
  ],
  primaryKey: [],
  partitionKeys: ['day'],
  properties,
  draw: { start: 0, shift: 0 },
});
export const createDatabase = (database: string): Command => ({ name: 'createDatabase', database, ignoreIfExists: false, properties: {} });
export const alterTable = (database: string, table: string, set: Record<string, string>): Command => ({
  name: 'alterTable',
  database,
  table,
  ignoreIfNotExists: false,
  set,
  removed: [],
  columns: [],
});
