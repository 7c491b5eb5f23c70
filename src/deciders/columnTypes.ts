/** What tables.ts and catalog.ts ask of the type of a column: a text as Flink prints it, `ARRAY<ROW<\`a\` INT NOT NULL>>`. */

/** A type as far as rules ask for it. */
export interface ColumnType {
  /** `ARRAY` of `ARRAY<INT>`. */
  readonly root: string;
  /** The first type in it, itself included, that Fluss does not have. */
  readonly unsupported?: string;
}

const plainTypes = new Set(['BOOLEAN', 'TINYINT', 'SMALLINT', 'INT', 'BIGINT', 'FLOAT', 'DOUBLE', 'STRING', 'BYTES', 'DATE']);
/** With their numbers in parentheses, how many there are, and the bounds of each. */
const numbered: Readonly<Record<string, readonly (readonly [min: number, max: number])[]>> = {
  CHAR: [[1, 2 ** 31 - 1]],
  VARCHAR: [[1, 2 ** 31 - 1]],
  BINARY: [[1, 2 ** 31 - 1]],
  VARBINARY: [[1, 2 ** 31 - 1]],
  DECIMAL: [
    [1, 38],
    [0, 38],
  ],
  TIME: [[0, 9]],
  TIMESTAMP: [[0, 9]],
  TIMESTAMP_LTZ: [[0, 9]],
};
/** Fluss has STRING and BYTES instead. */
const unsupportedTypes: readonly string[] = ['VARCHAR', 'VARBINARY'];
/** No nested type is compared as a whole, so none can be part of a key. */
export const nestedTypes: readonly string[] = ['ARRAY', 'MAP', 'ROW'];

/** Reads on from a place; every function moves `at` behind what it read, and gives undefined when that is not there. */
interface Cursor {
  readonly text: string;
  at: number;
  unsupported?: string;
}

/** @returns undefined for a text that is no type as Flink prints it */
export function columnTypeOf(text: string): ColumnType | undefined {
  const cursor: Cursor = { text, at: 0 };
  const root = readType(cursor);
  if (root === undefined || cursor.at !== text.length) return undefined;
  return { root, ...(cursor.unsupported === undefined ? {} : { unsupported: cursor.unsupported }) };
}

function take(cursor: Cursor, pattern: RegExp): string | undefined {
  pattern.lastIndex = cursor.at;
  const found = pattern.exec(cursor.text)?.[0];
  if (found !== undefined) cursor.at += found.length;
  return found;
}

function readType(cursor: Cursor): string | undefined {
  const start = cursor.at;
  const root = take(cursor, /[A-Z_]+/y);
  if (root === undefined) return undefined;
  if (plainTypes.has(root)) return root;
  if (!readRest(cursor, root)) return undefined;
  if (unsupportedTypes.includes(root)) cursor.unsupported ??= cursor.text.slice(start, cursor.at);
  return root;
}

/** Whatever stands in parentheses or angle brackets behind a type's name. */
function readRest(cursor: Cursor, root: string): boolean {
  const bounds = Object.hasOwn(numbered, root) ? numbered[root] : undefined;
  if (bounds !== undefined) {
    const numbers = take(cursor, /\((?:0|[1-9]\d{0,9})(?:, (?:0|[1-9]\d{0,9}))?\)/y)
      ?.slice(1, -1)
      .split(', ')
      .map(Number);
    if (numbers?.length !== bounds.length) return false;
    const [first = 0, scale = 0] = numbers;
    return scale <= first && bounds.every(([min, max], i) => (numbers[i] ?? -1) >= min && (numbers[i] ?? -1) <= max);
  }
  if (!nestedTypes.includes(root) || take(cursor, /</y) === undefined) return false;
  const isRead = root === 'ROW' ? readFields(cursor) : readElement(cursor) && (root === 'ARRAY' || (isNext(cursor) && readElement(cursor)));
  return isRead && take(cursor, />/y) !== undefined;
}

const isNext = (cursor: Cursor): boolean => take(cursor, /, /y) !== undefined;

function readElement(cursor: Cursor): boolean {
  if (readType(cursor) === undefined) return false;
  take(cursor, / NOT NULL/y);
  return true;
}

function readFields(cursor: Cursor): boolean {
  const names = new Set<string>();
  do {
    const name = take(cursor, /`(?:[^`]|``)+` /y);
    if (name === undefined || names.has(name) || !readElement(cursor)) return false;
    names.add(name);
    take(cursor, / '(?:[^']|'')*'/y);
  } while (isNext(cursor));
  return true;
}
