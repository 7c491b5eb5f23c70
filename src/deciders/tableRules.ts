/** What catalog.ts asks of names, definitions and partition values. Texts are Fluss's where its clients see them. */
import { type ColumnDefinition, catalogLimits } from '../../events/catalog.ts';
import { dataLakeFormats } from '../../projections/configKeys.ts';
import type { Configs } from '../../projections/configs.ts';
import { configOf } from '../../projections/configs.ts';
import { boolean, oneOf, pieces } from '../../projections/configValues.ts';
import { type Rejection, rejection } from '../rejection.ts';
import { columnTypeOf, nestedTypes } from './columnTypes.ts';
import { layoutKeys, mergeEngines, propertyFault } from './tableOptions.ts';

/** Where system tables are, and where the standard would have them: in any case. */
const systemDatabases: readonly string[] = ['sys', 'information_schema'];
const reservedPrefix =
  "'__' is not allowed as prefix, since it is reserved for internal databases/internal tables/internal partitions in Fluss server";

/** What is wrong with a text as a name; undefined for a good one. */
function nameFault(text: string): string | undefined {
  const shown = text.slice(0, catalogLimits.nameLength + 1);
  if (text === '') return 'the empty string is not allowed';
  if (text === '.' || text === '..') return `'${text}' is not allowed`;
  if (text.length > catalogLimits.nameLength)
    return `the length of '${shown}' is longer than the max allowed length ${catalogLimits.nameLength}`;
  if (!/^[A-Za-z0-9_-]+$/.test(text)) return `'${shown}' contains one or more characters other than ASCII alphanumerics, '_' and '-'`;
  return text.startsWith('__') ? reservedPrefix : undefined;
}

/** @returns INVALID_DATABASE; undefined for a name that a new database may have */
export function databaseNameFault(database: string): Rejection | undefined {
  const shown = database.slice(0, catalogLimits.nameLength + 1);
  if (systemDatabases.includes(database.toLowerCase()))
    return rejection('INVALID_DATABASE', 'database', `Database name ${shown} is invalid: '${shown}' is taken by the system`);
  const fault = nameFault(database);
  return fault === undefined ? undefined : rejection('INVALID_DATABASE', 'database', `Database name ${shown} is invalid: ${fault}`);
}

/** @returns INVALID_TABLE; undefined for a name that a new table may have */
export function tableNameFault(table: string): Rejection | undefined {
  const fault = nameFault(table);
  const shown = table.slice(0, catalogLimits.nameLength + 1);
  return fault === undefined ? undefined : rejection('INVALID_TABLE', 'table', `Table name ${shown} is invalid: ${fault}`);
}

/** A table as it is asked for; `properties` still hold its layout. */
export interface Definition {
  readonly columns: readonly ColumnDefinition[];
  readonly primaryKey: readonly string[];
  readonly partitionKeys: readonly string[];
  readonly properties: Readonly<Record<string, string>>;
}

const invalid = (field: string, detail: string): Rejection => rejection('INVALID_TABLE', field, detail);
const listed = (names: readonly string[]): string => `[${names.join(', ')}]`;

/** What Fluss adds to every row by itself. */
const systemColumns: readonly string[] = ['__offset', '__timestamp', '__bucket'];

/**
 * Columns that shall stand behind others.
 * @param present names that are taken @param field path of the list: `columns`
 */
export function columnsFault(columns: readonly ColumnDefinition[], present: readonly string[], field: string): Rejection | undefined {
  const names = new Set(present);
  for (const [i, { name, type }] of columns.entries()) {
    if (systemColumns.includes(name)) {
      const detail = `${name} cannot be used as column names, because they are reserved system columns in Fluss: ${listed(systemColumns)}`;
      return invalid(`${field}[${i}].name`, detail);
    }
    if (name === '__proto__') return invalid(`${field}[${i}].name`, `${name} cannot name a column`);
    if (names.has(name)) return invalid(`${field}[${i}].name`, `Column ${name} already exists.`);
    names.add(name);
    const parsed = columnTypeOf(type);
    const at = `${field}[${i}].type`;
    if (parsed === undefined) return invalid(at, `'${type.slice(0, 100)}' is not a type as Flink prints it, such as DECIMAL(10, 2)`);
    if (parsed.unsupported !== undefined)
      return invalid(at, `Unsupported data type in fluss: ${parsed.unsupported}. Write STRING or BYTES.`);
  }
  const count = present.length + columns.length;
  return count > catalogLimits.columns
    ? invalid(field, `the table would have ${count} columns; there are at most ${catalogLimits.columns}`)
    : undefined;
}

/** Columns that form a key: each there, once, and of a type that fits. */
function keyFault(
  { columns }: Pick<Definition, 'columns'>,
  key: readonly string[],
  { field, noun, refused }: { readonly field: string; readonly noun: string; readonly refused: readonly string[] },
): Rejection | undefined {
  for (const [i, name] of key.entries()) {
    const at = field.startsWith('properties') ? field : `${field}[${i}]`;
    const column = columns.find((each) => each.name === name);
    if (column === undefined) return invalid(at, `${noun} ${listed(key)} names column '${name}', which the table does not have`);
    if (key.indexOf(name) !== i) return invalid(at, `${noun} ${listed(key)} names column '${name}' twice`);
    const root = columnTypeOf(column.type)?.root ?? '';
    if (refused.includes(root)) {
      const not = `Currently, it does not support types: ${listed(refused)}.`;
      const detail = `${noun} column '${name}' has unsupported data type ${column.type}. ${not}`;
      return invalid(at, detail);
    }
  }
  return undefined;
}

const partitionKeyRefused: readonly string[] = ['DECIMAL', ...nestedTypes];
/** Where `bucket.key` stands in a command. */
const bucketKeyField = `properties.${layoutKeys.bucketKeys}`;

/** What rows are distributed by: what is said, else the primary key without the partition keys; nothing: in turn. */
export function bucketKeysOf({ partitionKeys, primaryKey, properties }: Definition): readonly string[] {
  const given = pieces(properties[layoutKeys.bucketKeys] ?? '');
  return given.length > 0 ? given : primaryKey.filter((name) => !partitionKeys.includes(name));
}

/** What is wrong with a new table; undefined for a good one. @returns INVALID_TABLE or INVALID_TABLE_PROPERTY */
export function definitionFault(table: Definition, configs: Configs): Rejection | undefined {
  const { columns, partitionKeys, primaryKey, properties } = table;
  return (
    columnsFault(columns, [], 'columns') ??
    keyFault(table, primaryKey, { field: 'primaryKey', noun: 'Primary key', refused: nestedTypes }) ??
    keyFault(table, partitionKeys, { field: 'partitionKeys', noun: 'Partition key', refused: partitionKeyRefused }) ??
    partitionKeysFault(table) ??
    keyFault(table, bucketKeysOf(table), { field: bucketKeyField, noun: 'Bucket key', refused: nestedTypes }) ??
    bucketKeysFault(table) ??
    propertyFault(properties, primaryKey.length > 0) ??
    ruleFault(table) ??
    lakeFault(properties, configs)
  );
}

function partitionKeysFault({ partitionKeys, primaryKey }: Definition): Rejection | undefined {
  if (primaryKey.length === 0 || partitionKeys.length === 0) return undefined;
  if (!partitionKeys.every((name) => primaryKey.includes(name))) {
    const subset = `${listed(partitionKeys)} is a subset of the primary key ${listed(primaryKey)}`;
    const detail = `Partitioned Primary Key Table requires partition key ${subset}.`;
    return invalid('partitionKeys', detail);
  }
  if (primaryKey.length > partitionKeys.length) return undefined;
  const detail = `Primary Key constraint ${listed(primaryKey)} should not be same with partition fields ${listed(partitionKeys)}.`;
  return invalid('primaryKey', detail);
}

function bucketKeysFault(table: Definition): Rejection | undefined {
  const { partitionKeys, primaryKey } = table;
  const keys = bucketKeysOf(table);
  const partition = keys.find((name) => partitionKeys.includes(name));
  if (partition !== undefined)
    return invalid(bucketKeyField, `Bucket key ${listed(keys)} shouldn't include any column in partition keys ${listed(partitionKeys)}.`);
  if (primaryKey.length === 0 || keys.every((name) => primaryKey.includes(name))) return undefined;
  const detail =
    'Bucket keys must be a subset of primary keys excluding partition keys for primary-key tables. ' +
    `The primary keys are ${listed(primaryKey)}, the partition keys are ${listed(partitionKeys)}, the bucket keys are ${listed(keys)}.`;
  return invalid(bucketKeyField, detail);
}

const property = (key: string, detail: string): Rejection => rejection('INVALID_TABLE_PROPERTY', `properties.${key}`, detail);

/** Properties that say something of columns or of one another. */
function ruleFault({ columns, partitionKeys, properties }: Definition): Rejection | undefined {
  const auto = 'table.auto-partition.enabled';
  if (boolean.parse(properties[auto] ?? '') === true && partitionKeys.length === 0)
    return property(
      auto,
      `Currently, auto partition is only supported for partitioned table, please set table property '${auto}' to false.`,
    );
  const autoKey = 'table.auto-partition.key';
  if (properties[autoKey] !== undefined && !partitionKeys.includes(properties[autoKey])) {
    const given = `Your key '${properties[autoKey].slice(0, 100)}' is not in key list ${listed(partitionKeys)}`;
    return property(autoKey, `The specified key for auto partitioned table is not a partition key. ${given}`);
  }
  const engine = mergeEngines.parse(properties['table.merge-engine'] ?? '');
  const versionKey = 'table.merge-engine.versioned.ver-column';
  if (engine !== 'VERSIONED') return undefined;
  const version = properties[versionKey];
  if (version === undefined) return property(versionKey, `'${versionKey}' must be set for versioned merge engine.`);
  return columns.some(({ name }) => name === version)
    ? undefined
    : property(versionKey, `The version column '${version.slice(0, 200)}' for versioned merge engine doesn't exist in schema.`);
}

const lakeFormat = oneOf('DataLakeFormat', dataLakeFormats);
/** A table that is tiered goes to the lake that the cluster has. */
export function lakeFault(properties: Readonly<Record<string, string>>, configs: Configs): Rejection | undefined {
  const key = 'table.datalake.format';
  const own = lakeFormat.parse(properties[key] ?? '');
  const ofCluster = configOf(configs, 'datalake.format');
  if (own === undefined || ofCluster === undefined || own === ofCluster) return undefined;
  if (boolean.parse(properties['table.datalake.enabled'] ?? '') !== true) return undefined;
  const detail = `'${key}' ('${own}') must match cluster 'datalake.format' ('${ofCluster}') when 'table.datalake.enabled' is enabled.`;
  return property(key, detail);
}

/** The values of a partition in the order of the table's keys. @returns INVALID_PARTITION */
export function specOf(
  partitionKeys: readonly string[],
  spec: Readonly<Record<string, string>>,
  table: string,
): { readonly spec: Readonly<Record<string, string>> } | { readonly wrong: string } {
  if (Object.keys(spec).length !== partitionKeys.length)
    return { wrong: `PartitionSpec size is not equal to partition keys size for partitioned table ${table}.` };
  const missing = partitionKeys.find((key) => !Object.hasOwn(spec, key));
  if (missing !== undefined) return { wrong: `PartitionSpec does not contain partition key '${missing}' for partitioned table ${table}.` };
  return { spec: Object.fromEntries(partitionKeys.map((key) => [key, spec[key] ?? ''])) };
}

/** What is wrong with a value of a new partition. */
export function partitionValueFault(value: string): string | undefined {
  const fault = nameFault(value);
  return fault === undefined ? undefined : `The partition value ${value.slice(0, catalogLimits.nameLength + 1)} is invalid: ${fault}`;
}

/** `age=11`, `dt=2026/nation=US`: how Fluss names a partition to people. */
export const specText = (spec: Readonly<Record<string, string>>): string =>
  Object.entries(spec)
    .map(([key, value]) => `${key}=${value}`)
    .join('/');
