import type { IToken } from 'chevrotain';
import type { DataType, Name } from './ast.ts';
import * as t from './lexer.ts';
import { nearest } from './spelling.ts';

/** What a definition says that cannot be: found while it is read, told when it is over. `offset` in UTF-16 units into the script. */
export interface Fault {
  readonly offset: number;
  readonly message: string;
}

/** One type as it was written, its parts read already. */
export interface WrittenType {
  readonly name: IToken;
  /** Between parentheses. */
  readonly numbers: readonly IToken[];
  readonly zone: 'WITHOUT TIME ZONE' | 'WITH LOCAL TIME ZONE' | undefined;
  /** One for ARRAY, two for MAP. */
  readonly elements: readonly DataType[];
  /** Of ROW. */
  readonly fields: readonly RowField[];
}
export interface RowField {
  readonly name: Name;
  readonly type: DataType;
  readonly comment: string | undefined;
}

/** A number in parentheses: its bounds, and what is meant where it is left out. */
interface NumberRule {
  readonly what: string;
  readonly min: number;
  readonly max: number;
  readonly default: number;
}
/** What may stand behind a type's name. */
interface Shape {
  /** The name as Flink prints it, where it is another one. */
  readonly alias?: string;
  readonly numbers?: readonly NumberRule[];
  /** What follows is a time zone, PRECISION, or types between angle brackets. */
  readonly takes?: 'ZONE' | 'LOCAL ZONE' | 'PRECISION' | 'ELEMENT' | 'KEY AND VALUE' | 'FIELDS';
  /** Printed instead when its length is the greatest one. */
  readonly unbounded?: string;
}

const lengthMax = 2_147_483_647;
const length = [{ what: 'length', min: 1, max: lengthMax, default: 1 }];
const precision = (preset: number): readonly NumberRule[] => [{ what: 'precision', min: 0, max: 9, default: preset }];
const decimal = [
  { what: 'precision', min: 1, max: 38, default: 10 },
  { what: 'scale', min: 0, max: 38, default: 0 },
];

/** Bounds and defaults are Flink's, from its page on data types. */
const shapes: Readonly<Record<string, Shape>> = {
  BOOLEAN: {},
  TINYINT: {},
  SMALLINT: {},
  INT: {},
  INTEGER: { alias: 'INT' },
  BIGINT: {},
  FLOAT: {},
  DOUBLE: { takes: 'PRECISION' },
  DECIMAL: { numbers: decimal },
  DEC: { alias: 'DECIMAL', numbers: decimal },
  NUMERIC: { alias: 'DECIMAL', numbers: decimal },
  CHAR: { numbers: length },
  VARCHAR: { numbers: length, unbounded: 'STRING' },
  STRING: {},
  BINARY: { numbers: length },
  VARBINARY: { numbers: length, unbounded: 'BYTES' },
  BYTES: {},
  DATE: {},
  TIME: { numbers: precision(0), takes: 'ZONE' },
  TIMESTAMP: { numbers: precision(6), takes: 'LOCAL ZONE' },
  TIMESTAMP_LTZ: { numbers: precision(6) },
  ARRAY: { takes: 'ELEMENT' },
  MAP: { takes: 'KEY AND VALUE' },
  ROW: { takes: 'FIELDS' },
};
const typeNames = Object.keys(shapes);

/** Types of other systems, and of Flink where Fluss has none, with what to write. */
const otherTypes: Readonly<Record<string, string>> = {
  TEXT: 'write STRING',
  JSON: 'write STRING',
  UUID: 'write CHAR(36)',
  CHARACTER: 'write CHAR',
  BOOL: 'write BOOLEAN',
  LONG: 'write BIGINT',
  INT8: 'write TINYINT',
  INT16: 'write SMALLINT',
  INT32: 'write INT',
  INT64: 'write BIGINT',
  REAL: 'write FLOAT',
  BLOB: 'write BYTES',
  BYTEA: 'write BYTES',
  DATETIME: 'write TIMESTAMP(6)',
  TIMESTAMPTZ: 'write TIMESTAMP_LTZ(6)',
  LIST: 'write ARRAY<…>',
  STRUCT: 'write ROW<…>',
  MULTISET: 'Fluss has none; write MAP<…, INT>',
  INTERVAL: 'Fluss has none; write BIGINT',
  RAW: 'Fluss has none; write BYTES',
};

/** A quoted word is none: its image has its quotes. */
const shapeOf = ({ image }: IToken): Shape | undefined => {
  const upper = image.toUpperCase();
  return Object.hasOwn(shapes, upper) ? shapes[upper] : undefined;
};

export const isType = (name: IToken): boolean => shapeOf(name) !== undefined;
/** Whether a parenthesis with numbers may follow the name. */
export const takesNumbers = (name: IToken): boolean => shapeOf(name)?.numbers !== undefined;
/** Whether two of them may. */
export const takesScale = (name: IToken): boolean => shapeOf(name)?.numbers?.length === 2;
export const takesOf = (name: IToken): Shape['takes'] => shapeOf(name)?.takes;

/** The type's canonical text, or what is wrong with it. */
export function typeText(written: WrittenType): string | Fault {
  const { name } = written;
  const shape = shapeOf(name);
  if (shape === undefined) return { offset: name.startOffset, message: notAType(name) };
  const plain = shape.alias ?? name.image.toUpperCase();
  const parts = partsText(written, shape);
  if (typeof parts === 'object') return parts;
  if (shape.numbers === undefined) return `${plain}${parts}`;
  const numbers = numbersOf(written, shape.numbers);
  if ('message' in numbers) return numbers;
  if (shape.unbounded !== undefined && numbers[0] === lengthMax) return shape.unbounded;
  const isLocal = written.zone === 'WITH LOCAL TIME ZONE';
  return `${isLocal ? 'TIMESTAMP_LTZ' : plain}(${numbers.join(', ')})`;
}

function notAType(name: IToken): string {
  if (name.tokenType === t.Backticked || name.tokenType === t.DoubleQuoted) return 'a type stands without quotes';
  const shown = name.image.length > 60 ? `${name.image.slice(0, 60)}…` : name.image;
  const upper = name.image.toUpperCase();
  if (Object.hasOwn(otherTypes, upper)) return `${shown} is not a type here: ${otherTypes[upper]}`;
  const near = nearest(upper, typeNames);
  const advice = near === undefined ? 'a type is STRING, BIGINT, DECIMAL(10, 2) or the like' : `did you mean ${near}?`;
  return `${shown} is not a type; ${advice}`;
}

/** What stands between the angle brackets; empty for a type without. */
function partsText({ elements, fields, name }: WrittenType, { takes }: Shape): string | Fault {
  const missing = (example: string): Fault => ({
    offset: t.endOf(name),
    message: `${name.image.toUpperCase()} needs the types of what it holds: ${example}`,
  });
  if (takes === 'ELEMENT' || takes === 'KEY AND VALUE') {
    if (elements.length < (takes === 'ELEMENT' ? 1 : 2)) return missing(takes === 'ELEMENT' ? 'ARRAY<STRING>' : 'MAP<STRING, INT>');
    return `<${elements.map(fullText).join(', ')}>`;
  }
  if (takes !== 'FIELDS') return '';
  if (fields.length === 0) return missing('ROW<name STRING, age INT>');
  const twice = firstRepeated(fields.map((field) => field.name));
  if (twice !== undefined) return { offset: twice.span.start, message: `field ${twice.text} is given twice` };
  return `<${fields.map(fieldText).join(', ')}>`;
}

/** A type inside another one says so when it admits no NULL. */
const fullText = ({ nullable, text }: DataType): string => (nullable ? text : `${text} NOT NULL`);

function fieldText({ comment, name, type }: RowField): string {
  const about = comment === undefined ? '' : ` '${comment.replaceAll("'", "''")}'`;
  return `\`${name.text.replaceAll('`', '``')}\` ${fullText(type)}${about}`;
}

function firstRepeated(names: readonly Name[]): Name | undefined {
  const seen = new Set<string>();
  return names.find(({ text }) => seen.size === seen.add(text).size);
}

function numbersOf({ name, numbers }: WrittenType, allowed: readonly NumberRule[]): readonly number[] | Fault {
  const values: number[] = [];
  for (const [i, { default: preset, max, min, what }] of allowed.entries()) {
    const token = numbers[i];
    const most = what === 'scale' ? (values[0] ?? max) : max;
    const value = token === undefined ? preset : /^\d{1,10}$/.test(token.image) ? Number(token.image) : Number.NaN;
    if (token !== undefined && !(value >= min && value <= most))
      return { offset: token.startOffset, message: `the ${what} of ${name.image.toUpperCase()} is a whole number from ${min} to ${most}` };
    values.push(value);
  }
  return values;
}
