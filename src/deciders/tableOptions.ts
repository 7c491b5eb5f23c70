/** What a table's properties may be: those that begin with `table.` as Fluss has them, all others as they come. */
import { catalogLimits } from '../../events/catalog.ts';
import { dataLakeFormats } from '../../projections/configKeys.ts';
import { boolean, duration, integer, oneOf, text, type ValueType } from '../../projections/configValues.ts';
import { type Rejection, rejection } from '../rejection.ts';

/** Those that say how a table is laid out. They are fields of the table, and its own properties do without them. */
export const layoutKeys = { bucketCount: 'bucket.num', bucketKeys: 'bucket.key', replicationFactor: 'table.replication.factor' } as const;

const storagePrefix = 'table.';

interface TableOption {
  readonly type: ValueType;
  /** Whether it may change once the table is there. */
  readonly isAlterable?: true;
  /** Counts for tables with a primary key only. */
  readonly needsKey?: true;
  readonly min?: number;
  readonly max?: number;
}

const long: ValueType<bigint, 'Long'> = { name: 'Long', parse: (given) => (/^[+-]?\d{1,18}$/.test(given) ? BigInt(given) : undefined) };
const logFormats = oneOf('LogFormat', ['ARROW', 'INDEXED', 'COMPACTED']);
const kvFormats = oneOf('KvFormat', ['COMPACTED', 'INDEXED']);
const compressions = oneOf('ArrowCompressionType', ['NONE', 'LZ4_FRAME', 'ZSTD']);
const timeUnits = oneOf('AutoPartitionTimeUnit', ['HOUR', 'DAY', 'MONTH', 'QUARTER', 'YEAR']);
export const mergeEngines = oneOf('MergeEngineType', ['FIRST_ROW', 'VERSIONED', 'AGGREGATION']);

/** @see Fluss, ConfigOptions.TABLE_*: keys, types and bounds. */
const tableOptions: Readonly<Record<string, TableOption>> = {
  [layoutKeys.replicationFactor]: { type: integer, min: 1, max: catalogLimits.replicationFactor },
  'table.auto-increment.cache-size': { type: long },
  'table.auto-partition.enabled': { type: boolean },
  'table.auto-partition.key': { type: text },
  'table.auto-partition.num-precreate': { type: integer },
  'table.auto-partition.num-retention': { type: integer },
  'table.auto-partition.time-unit': { type: timeUnits },
  'table.auto-partition.time-zone': { type: text },
  'table.changelog.image': { type: oneOf('ChangelogImage', ['FULL', 'WAL']), needsKey: true },
  'table.datalake.auto-compaction': { type: boolean, isAlterable: true },
  'table.datalake.auto-expire-snapshot': { type: boolean, isAlterable: true },
  'table.datalake.enabled': { type: boolean, isAlterable: true },
  'table.datalake.format': { type: oneOf('DataLakeFormat', dataLakeFormats) },
  'table.datalake.freshness': { type: duration, isAlterable: true },
  'table.delete.behavior': { type: oneOf('DeleteBehavior', ['ALLOW', 'IGNORE', 'DISABLE']), needsKey: true },
  'table.kv.format': { type: kvFormats },
  'table.kv.format-version': { type: integer },
  'table.log.arrow.compression.type': { type: compressions },
  'table.log.arrow.compression.zstd.level': { type: integer, min: 1, max: 22 },
  'table.log.format': { type: logFormats },
  'table.log.tiered.local-segments': { type: integer, min: 1, isAlterable: true },
  'table.log.ttl': { type: duration, isAlterable: true },
  'table.merge-engine': { type: mergeEngines, needsKey: true },
  'table.merge-engine.versioned.ver-column': { type: text, needsKey: true },
  'table.statistics.columns': { type: text },
};
/** Every key of a table's own that is known, ascending. */
export const tableOptionKeys: readonly string[] = Object.keys(tableOptions).sort();

export const isAlterableKey = (key: string): boolean => !key.startsWith(storagePrefix) || optionOf(key)?.isAlterable === true;
const optionOf = (key: string): TableOption | undefined => (Object.hasOwn(tableOptions, key) ? tableOptions[key] : undefined);

const invalid = (key: string, detail: string): Rejection => rejection('INVALID_TABLE_PROPERTY', `properties.${key}`, detail);
const unparsable = (key: string, value: string): Rejection =>
  invalid(key, `Invalid value for config '${key}'. Reason: Could not parse value '${value.slice(0, 100)}' for key '${key}'.`);

/** @returns the first of them that is not known, not of its type, or out of its bounds; in Fluss's words */
export function propertyFault(properties: Readonly<Record<string, string>>, hasPrimaryKey: boolean): Rejection | undefined {
  for (const [key, value] of Object.entries(properties)) {
    const option = optionOf(key);
    if (option === undefined) {
      if (key.startsWith(storagePrefix))
        return invalid(key, `'${key}' is not a recognized Fluss table property in the current cluster version.`);
      continue;
    }
    const fault = valueFault(key, value, option);
    if (fault !== undefined) return fault;
    if (option.needsKey === true && !hasPrimaryKey) return invalid(key, `'${key}' is only supported for primary key tables.`);
  }
  return undefined;
}

function valueFault(key: string, value: string, { max, min, type }: TableOption): Rejection | undefined {
  const parsed = type.parse(value);
  if (parsed === undefined) return unparsable(key, value);
  if (typeof parsed !== 'number') return undefined;
  if (min !== undefined && parsed < min) return invalid(key, `'${key}' must be greater than ${min - 1}, and is ${parsed}.`);
  return max !== undefined && parsed > max ? invalid(key, `'${key}' must be at most ${max}, and is ${parsed}.`) : undefined;
}

/** What `bucket.num` says. @returns undefined when nothing is said */
export function bucketCountOf(properties: Readonly<Record<string, string>>): number | Rejection | undefined {
  const key = layoutKeys.bucketCount;
  const given = properties[key];
  if (given === undefined) return undefined;
  const count = integer.parse(given);
  if (count === undefined) return unparsable(key, given);
  if (count < 1) return invalid(key, `'${key}' must be greater than 0, and is ${count}.`);
  if (count <= catalogLimits.buckets) return count;
  const detail = `Bucket count ${count} exceeds the maximum limit ${catalogLimits.buckets} for a non-partitioned table or partition.`;
  return invalid(key, detail);
}

/** What of a table's layout is fixed for good, and why. */
const fixedReasons: Readonly<Record<string, string>> = {
  [layoutKeys.bucketCount]: 'rows were distributed over the buckets that it was created with',
  [layoutKeys.bucketKeys]: 'rows were distributed by the columns that it was created with',
  [layoutKeys.replicationFactor]: 'its replicas are as many as it was created with',
};
/** The refusal of a change to a property that may not change. */
export function notAlterable(key: string, field: string): Rejection {
  const because = Object.hasOwn(fixedReasons, key) ? ` The table keeps it for good: ${fixedReasons[key]}.` : '';
  return rejection('INVALID_TABLE_PROPERTY', field, `The option '${key}' is not supported to alter yet.${because}`);
}
/** Whether a change of a property must be refused. */
export const isFixed = (key: string): boolean => Object.hasOwn(fixedReasons, key) || !isAlterableKey(key);
