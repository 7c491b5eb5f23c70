import {
  BIGINT,
  BOOLEAN,
  DOUBLE,
  type DuckDBArrayType,
  DuckDBArrayValue,
  type DuckDBConnection,
  DuckDBDataChunk,
  DuckDBDecimalValue,
  type DuckDBListType,
  DuckDBListValue,
  type DuckDBMapType,
  DuckDBMapValue,
  type DuckDBStructType,
  DuckDBStructValue,
  DuckDBTimestampTZValue,
  DuckDBTimestampValue,
  type DuckDBType,
  DuckDBTypeId,
  type DuckDBValue,
  INTEGER,
  TIMESTAMPTZ,
  VARCHAR,
} from '@duckdb/node-api';
import { SqlRefused } from './errors.ts';
import { quotedName } from './timeTravel.ts';

export type ColumnType = 'VARCHAR' | 'STRING' | 'BIGINT' | 'INTEGER' | 'DOUBLE' | 'BOOLEAN' | 'TIMESTAMP_LTZ(3)' | 'JSON';

/** A column of a table. `about` is for DESCRIBE; names in lower case, and not `at`, which DuckDB reads as the clause. */
export interface Column {
  readonly name: string;
  readonly type: ColumnType;
  readonly about: string;
}

/**
 * What a source may put into a cell: text for VARCHAR and JSON (one JSON value), a number, a bigint or its digits for BIGINT,
 * a number for INTEGER and DOUBLE, epoch milliseconds for TIMESTAMP_LTZ(3), a boolean for BOOLEAN, null anywhere.
 */
export type SourceCell = string | number | bigint | boolean | null;

/**
 * What a result holds, safe for JSON: whole numbers beyond 2^53 and decimals as text, timestamps as ISO 8601 text, NaN and infinity as
 * text, lists as arrays, structs and maps with text keys as objects, other maps as arrays of {key, value}, all else as DuckDB prints it.
 */
export type Cell = string | number | boolean | null | readonly Cell[] | { readonly [key: string]: Cell };

const duckTypes: Readonly<Record<ColumnType, { readonly ddl: string; readonly chunk: DuckDBType }>> = {
  VARCHAR: { ddl: 'VARCHAR', chunk: VARCHAR },
  STRING: { ddl: 'VARCHAR', chunk: VARCHAR },
  BIGINT: { ddl: 'BIGINT', chunk: BIGINT },
  INTEGER: { ddl: 'INTEGER', chunk: INTEGER },
  DOUBLE: { ddl: 'DOUBLE', chunk: DOUBLE },
  BOOLEAN: { ddl: 'BOOLEAN', chunk: BOOLEAN },
  'TIMESTAMP_LTZ(3)': { ddl: 'TIMESTAMP WITH TIME ZONE', chunk: TIMESTAMPTZ },
  JSON: { ddl: 'JSON', chunk: VARCHAR },
};

const chunkRows = 2048; // DuckDB's vector size.

export interface Filling {
  readonly catalog: string;
  /** The table to create. */
  readonly table: string;
  readonly columns: readonly Column[];
  /** Columns that the query looks at; undefined for all. The others are left out of the table. */
  readonly lookedAt?: ReadonlySet<string> | undefined;
  readonly rowsMax: number;
  /** Asked before each chunk; throws when the query's time is up. */
  readonly checkTime: () => void;
}

/**
 * Creates a table and fills it.
 * @param rows with a cell for each of all columns
 * @throws SqlRefused TOO_LARGE beyond `rowsMax`; TypeError for a cell that does not fit its column, which is the source's fault.
 */
export async function fillTable(connection: DuckDBConnection, filling: Filling, rows: Iterable<readonly SourceCell[]>): Promise<void> {
  const { table } = filling;
  const columns = columnsToFill(filling);
  const definitions = columns.map(({ name, type }) => `${quotedName(name)} ${duckTypes[type].ddl}`);
  await connection.run(`CREATE TABLE ${quotedName(filling.catalog)}.sys.${quotedName(table)} (${definitions.join(', ')})`);
  const appender = await connection.createAppender(table, 'sys', filling.catalog);
  let count = 0;
  let pending: (readonly SourceCell[])[] = [];
  const flush = (): void => {
    filling.checkTime();
    const chunk = DuckDBDataChunk.create(columns.map(({ type }) => duckTypes[type].chunk));
    chunk.setColumns(columns.map((column) => valuesOf(table, column, pending)));
    appender.appendDataChunk(chunk);
    pending = [];
  };
  for (const row of rows) {
    count++;
    if (count > filling.rowsMax) throw new SqlRefused('TOO_LARGE', `sys.${table} has more than ${filling.rowsMax} rows to look through`);
    pending.push(row);
    if (pending.length === chunkRows) flush();
  }
  if (pending.length > 0) flush();
  appender.closeSync();
}

interface Filled extends Column {
  /** In the rows of the source. */
  readonly place: number;
}

/** At least one, for rows can be counted without looking at any. */
function columnsToFill({ columns, lookedAt }: Filling): readonly Filled[] {
  const all = columns.map((column, place) => ({ ...column, place }));
  const wanted = lookedAt === undefined ? all : all.filter(({ name }) => lookedAt.has(name));
  return wanted.length === 0 ? all.slice(0, 1) : wanted;
}

/** The cells of a column, each checked for its type: this is most of what a query over a large table costs. */
function valuesOf(table: string, column: Filled, rows: readonly (readonly SourceCell[])[]): readonly DuckDBValue[] {
  const { place, type } = column;
  const values = new Array<DuckDBValue>(rows.length);
  const isText = type === 'VARCHAR' || type === 'STRING' || type === 'JSON';
  for (let i = 0; i < values.length; i += 1) {
    const cell = rows[i]?.[place];
    values[i] = cell === null || (isText && typeof cell === 'string') ? cell : sourceValue(table, column, cell);
  }
  return values;
}

function sourceValue(table: string, column: Column, cell: SourceCell | undefined): DuckDBValue {
  const unfit = (): never => {
    throw new TypeError(`sys.${table}.${column.name} is ${column.type} and was given ${typeof cell} ${String(cell).slice(0, 40)}`);
  };
  switch (column.type) {
    case 'BIGINT':
      if (typeof cell === 'bigint') return cell;
      return Number.isSafeInteger(cell) || (typeof cell === 'string' && /^-?\d+$/.test(cell)) ? BigInt(cell as number | string) : unfit();
    case 'INTEGER':
      return Number.isInteger(cell) && Math.abs(cell as number) < 2 ** 31 ? (cell as number) : unfit();
    case 'DOUBLE':
      return typeof cell === 'number' ? cell : unfit();
    case 'BOOLEAN':
      return typeof cell === 'boolean' ? cell : unfit();
    case 'TIMESTAMP_LTZ(3)':
      return Number.isSafeInteger(cell) ? new DuckDBTimestampTZValue(BigInt(cell as number) * 1000n) : unfit();
    default:
      return unfit();
  }
}

/** The type as a result names it: Flink's word for a moment, DuckDB's for the rest. */
export function typeName(type: DuckDBType): string {
  if (type.alias !== undefined) return type.alias;
  return type.typeId === DuckDBTypeId.TIMESTAMP_TZ ? 'TIMESTAMP_LTZ(3)' : String(type);
}

const plainNumbers: ReadonlySet<DuckDBTypeId> = new Set([
  ...[DuckDBTypeId.TINYINT, DuckDBTypeId.SMALLINT, DuckDBTypeId.INTEGER],
  ...[DuckDBTypeId.UTINYINT, DuckDBTypeId.USMALLINT, DuckDBTypeId.UINTEGER],
]);

/** @param zone prints moments of time, see `zonePrinter`. */
export function resultCell(value: DuckDBValue, type: DuckDBType, zone: ZonePrinter): Cell {
  if (value === null || typeof value === 'boolean') return value;
  if (typeof value === 'number') return plainNumbers.has(type.typeId) || Number.isFinite(value) ? value : String(value);
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  if (typeof value === 'string') return type.alias === 'JSON' ? jsonCell(value) : value;
  if (value instanceof DuckDBTimestampTZValue) return isoText(value.micros, zone) ?? String(value);
  if (value instanceof DuckDBTimestampValue) return isoText(value.micros, () => ({ offsetMinutes: 0, suffix: '' })) ?? String(value);
  if (value instanceof DuckDBDecimalValue) return String(value);
  if (value instanceof DuckDBListValue) return value.items.map((item) => resultCell(item, (type as DuckDBListType).valueType, zone));
  if (value instanceof DuckDBArrayValue) return value.items.map((item) => resultCell(item, (type as DuckDBArrayType).valueType, zone));
  if (value instanceof DuckDBStructValue) {
    const { entryNames, entryTypes } = type as DuckDBStructType;
    const entries = entryNames.map((name, i) => [name, resultCell(value.entries[name] ?? null, entryTypes[i] ?? VARCHAR, zone)] as const);
    return Object.fromEntries(entries);
  }
  if (value instanceof DuckDBMapValue) return mapCell(value, type as DuckDBMapType, zone);
  return String(value);
}

function mapCell(value: DuckDBMapValue, type: DuckDBMapType, zone: ZonePrinter): Cell {
  const entries = value.entries.map((entry) => ({
    key: resultCell(entry.key, type.keyType, zone),
    value: resultCell(entry.value, type.valueType, zone),
  }));
  return type.keyType.typeId === DuckDBTypeId.VARCHAR
    ? Object.fromEntries(entries.map((entry) => [String(entry.key), entry.value]))
    : entries;
}

/** The value of a JSON column. A whole number that a JavaScript number cannot hold stays text, as for BIGINT. */
function jsonCell(text: string): Cell {
  const keepDigits = (_: string, value: unknown, context?: { readonly source?: string }): unknown =>
    typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value) ? (context?.source ?? value) : value;
  try {
    return JSON.parse(text, keepDigits) as Cell;
  } catch {
    return text; // DuckDB takes some texts for JSON that are not, such as NaN.
  }
}

/** What to add to UTC, and to write behind, at an instant given in epoch milliseconds. */
export type ZonePrinter = (epochMs: number) => { readonly offsetMinutes: number; readonly suffix: string };

/**
 * @param zone an IANA name, such as Europe/Berlin.
 * @throws SqlRefused UNKNOWN_TIME_ZONE
 */
export function zonePrinter(zone: string): ZonePrinter {
  if (zone === 'UTC') return () => ({ offsetMinutes: 0, suffix: 'Z' });
  const format = ((): Intl.DateTimeFormat => {
    try {
      return new Intl.DateTimeFormat('en-US', { timeZone: zone, timeZoneName: 'longOffset' });
    } catch {
      throw new SqlRefused('UNKNOWN_TIME_ZONE', `there is no time zone ${zone}`);
    }
  })();
  return (epochMs) => {
    const name = format.formatToParts(epochMs).find((part) => part.type === 'timeZoneName')?.value ?? '';
    const [, sign = '+', hours = '00', minutes = '00'] = /^GMT([+-])(\d\d):(\d\d)/.exec(name) ?? [];
    const offsetMinutes = (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes));
    return { offsetMinutes, suffix: `${sign}${hours}:${minutes}` };
  };
}

const isoRange = { from: Date.parse('0001-01-02T00:00:00Z'), to: Date.parse('9999-12-31T00:00:00Z') }; // A day's room for zones.

/** ISO 8601 with milliseconds, or microseconds where they are not zero; undefined outside the years 1 to 9999 and for infinity. */
function isoText(micros: bigint, zone: ZonePrinter): string | undefined {
  const epochMs = Number(micros / 1000n) - (micros % 1000n < 0n ? 1 : 0);
  if (epochMs < isoRange.from || epochMs >= isoRange.to) return undefined;
  const { offsetMinutes, suffix } = zone(epochMs);
  const text = new Date(epochMs + offsetMinutes * 60_000).toISOString().slice(0, -1);
  const rest = Number(((micros % 1000n) + 1000n) % 1000n);
  return `${text}${rest === 0 ? '' : String(rest).padStart(3, '0')}${suffix}`;
}
