/**
 * The types a cluster config can have: what their texts mean, as Fluss reads them. Nothing here knows a key.
 * Numbers carry their unit in the name of the type: memory sizes are bytes, durations nanoseconds, both as bigint.
 */

/** @template T what a text of this type means. */
export interface ValueType<T = unknown, N extends string = string> {
  /** As refusals and listings call it: `MemorySize`, `List<Integer>`. */
  readonly name: N;
  /** Lists and maps can be appended to and subtracted from. */
  readonly collection?: 'list' | 'map';
  /** The words that are accepted, in the form they are shown. */
  readonly words?: readonly string[];
  /** @returns the value, `undefined` when the text is not of this type. Never throws. */
  readonly parse: (text: string) => T | undefined;
}

/** Java's Long.MAX_VALUE: Fluss keeps sizes and durations in a long, so nothing above it can be in force there. */
const longMax = 2n ** 63n - 1n;

/** Digits and a unit, with or without a blank between them; no sign, no fraction. Units in any case. */
function measured(text: string, factors: ReadonlyMap<string, bigint>): bigint | undefined {
  const [, digits, unit = ''] = /^(\d{1,19}) *([a-zµ]+)$/i.exec(text.trim()) ?? [];
  const factor = factors.get(unit.toLowerCase());
  return digits === undefined || factor === undefined ? undefined : BigInt(digits) * factor;
}

const unitsOf = (factors: readonly (readonly [factor: bigint, ...names: readonly string[]])[]): ReadonlyMap<string, bigint> =>
  new Map(factors.flatMap(([factor, ...names]) => names.map((name) => [name, factor] as const)));

const memoryUnits = unitsOf([
  [1n, 'b', 'bytes'],
  [1024n, 'k', 'kb', 'kibibytes'],
  [1024n ** 2n, 'm', 'mb', 'mebibytes'],
  [1024n ** 3n, 'g', 'gb', 'gibibytes'],
  [1024n ** 4n, 't', 'tb', 'tebibytes'],
]);

/** Bytes, at most 2^63 - 1. */
export const memorySize: ValueType<bigint, 'MemorySize'> = {
  name: 'MemorySize',
  parse: (text) => {
    const bytes = measured(text, memoryUnits);
    return bytes !== undefined && bytes <= longMax ? bytes : undefined;
  },
};

const nanosPerMs = 1_000_000n;
const durationUnits = unitsOf([
  [86_400_000n * nanosPerMs, 'd', 'day', 'days'],
  [3_600_000n * nanosPerMs, 'h', 'hour', 'hours'],
  [60_000n * nanosPerMs, 'm', 'min', 'minute', 'minutes'],
  [1000n * nanosPerMs, 's', 'sec', 'secs', 'second', 'seconds'],
  [nanosPerMs, 'ms', 'milli', 'millis', 'millisecond', 'milliseconds'],
  [1000n, 'µs', 'micro', 'micros', 'microsecond', 'microseconds'],
  [1n, 'ns', 'nano', 'nanos', 'nanosecond', 'nanoseconds'],
]);

/** Nanoseconds; at most 2^63 - 1 milliseconds. */
export const duration: ValueType<bigint, 'Duration'> = {
  name: 'Duration',
  parse: (text) => {
    const nanos = measured(text, durationUnits);
    return nanos !== undefined && nanos / nanosPerMs <= longMax ? nanos : undefined;
  },
};

/** Whole milliseconds of a duration, rounded down; what a number cannot hold exactly becomes the largest it can. */
export function wholeMs(nanos: bigint): number {
  const ms = nanos / nanosPerMs;
  return ms > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : Number(ms);
}

/** `true` or `false` in any case. */
export const boolean: ValueType<boolean, 'Boolean'> = {
  name: 'Boolean',
  words: ['true', 'false'],
  parse: (text) => {
    const word = text.toLowerCase();
    return word === 'true' ? true : word === 'false' ? false : undefined;
  },
};

function parseInteger(text: string): number | undefined {
  if (!/^[+-]?\d{1,40}$/.test(text)) return undefined;
  const value = Number(text);
  // Adding 0 turns -0 into 0.
  return value >= -(2 ** 31) && value < 2 ** 31 ? value + 0 : undefined;
}

/** 32 bits with sign. */
export const integer: ValueType<number, 'Integer'> = { name: 'Integer', parse: parseInteger };

/** Decimal notation, an exponent allowed; no NaN, no infinity. */
export const double: ValueType<number, 'Double'> = {
  name: 'Double',
  parse: (text) => {
    if (!/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text.trim())) return undefined;
    const value = Number(text);
    return Number.isFinite(value) ? value : undefined;
  },
};

/** Any text. */
export const text: ValueType<string, 'String'> = { name: 'String', parse: (given) => given };

/** One of some words, in any case; the value is the word as it is written here. */
export const oneOf = <N extends string, W extends string>(name: N, words: readonly W[]): ValueType<W, N> => ({
  name,
  words,
  parse: (given) => words.find((word) => word.toLowerCase() === given.toLowerCase()),
});

/** Pieces between commas, trimmed; blank ones do not count. */
export const pieces = (list: string): readonly string[] =>
  list
    .split(',')
    .map((piece) => piece.trim())
    .filter((piece) => piece !== '');

export const textList: ValueType<readonly string[], 'List<String>'> = { name: 'List<String>', collection: 'list', parse: pieces };

export const integerList: ValueType<readonly number[], 'List<Integer>'> = {
  name: 'List<Integer>',
  collection: 'list',
  parse: (list) => {
    const values = pieces(list).flatMap((piece) => parseInteger(piece) ?? []);
    return values.length === pieces(list).length ? values : undefined;
  },
};

/** `key:value`, cut at the first colon; the key must not be empty. */
export function mapEntry(entry: string): readonly [key: string, value: string] | undefined {
  const colon = entry.indexOf(':');
  return colon < 1 ? undefined : [entry.slice(0, colon), entry.slice(colon + 1)];
}

/** Entries between commas, in order and with repeated keys: whoever asks decides what those mean. Blanks before a key do not count. */
export const textMap: ValueType<readonly (readonly [key: string, value: string])[], 'Map<String,String>'> = {
  name: 'Map<String,String>',
  collection: 'map',
  parse: (map) => {
    const texts = map
      .split(',')
      .map((entry) => entry.trimStart())
      .filter((entry) => entry !== '');
    const entries = texts.flatMap((entry) => {
      const parsed = mapEntry(entry);
      return parsed === undefined ? [] : [parsed];
    });
    return entries.length === texts.length ? entries : undefined;
  },
};
