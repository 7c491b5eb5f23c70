import { enumName } from './enums.ts';
import type { Field, FieldType, MessageType } from './message.ts';

/** How a dialect prints; everything else (order, names, what is left out) is the same in both. */
interface Style {
  readonly quote: (text: string) => string;
  readonly int64: 'text' | 'number';
  /** Blanks of one level; 0 prints one line without blanks. */
  readonly indent: number;
}

/** The envelope and the plain RPC form: RapidJSON's escapes. */
const rapid = (text: string): string => (hasRapidEscape.test(text) ? `"${text.replace(rapidEscapes, escaped)}"` : `"${text}"`);
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for.
const hasRapidEscape = /[\u0000-\u001f"\\]/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for.
const rapidEscapes = /[\u0000-\u001f"\\]/g;
const escaped = (char: string): string => shortEscapes.get(char) ?? `\\u${hex(char.charCodeAt(0)).toUpperCase()}`;
const hex = (code: number): string => code.toString(16).padStart(4, '0');
const shortEscapes: ReadonlyMap<string, string> = new Map([
  ['"', '\\"'],
  ['\\', '\\\\'],
  ['\b', '\\b'],
  ['\f', '\\f'],
  ['\n', '\\n'],
  ['\r', '\\r'],
  ['\t', '\\t'],
]);

/**
 * One-line texts (values of the key tools, messages inside refusals): what protobuf's own printer escapes, that is also the
 * characters that are harmful in HTML or invisible.
 * @see protobuf, json_escaping.cc
 */
const proto = (text: string): string => `"${text.replace(protoEscapes, protoEscaped)}"`;
// Control characters and what JSON itself escapes; then signs of formatting, by script and kind.
const protoEscapes = new RegExp(
  [
    '[\\u{0}-\\u{1f}"\\\\<>\\u{7f}-\\u{9f}\\u{ad}]',
    '[\\u{600}-\\u{603}]|\\u{6dd}|\\u{70f}|\\u{17b4}|\\u{17b5}',
    '[\\u{200b}-\\u{200f}]|[\\u{2028}-\\u{202e}]|[\\u{2060}-\\u{2064}]|[\\u{206a}-\\u{206f}]|\\u{feff}|[\\u{fff9}-\\u{fffb}]',
    '[\\u{1d173}-\\u{1d17a}]|\\u{e0001}|[\\u{e0020}-\\u{e007f}]',
  ].join('|'),
  'gu',
);
const protoEscaped = (char: string): string =>
  shortEscapes.get(char) ??
  char
    .split('')
    .map((unit) => `\\u${hex(unit.charCodeAt(0))}`)
    .join('');

/** Pretty, as in the envelope: 4 blanks, schema names, 64-bit integers as text. No newline at the end. */
export const printLenient = <V extends object>(type: MessageType<V>, value: V): string => messagePrinter(type, pretty)(value, 0);
const pretty: Style = { quote: rapid, int64: 'text', indent: 4 };

/** The admin routes' dialect on one line, without blanks: `get_value` and refusals that repeat a message. */
export const printCompact = <V extends object>(type: MessageType<V>, value: V): string => messagePrinter(type, compact)(value, 0);
const compact: Style = { quote: proto, int64: 'text', indent: 0 };

/** The plain RPC form's dialect: one line, 64-bit integers as numbers. */
export const printStrict = <V extends object>(type: MessageType<V>, value: V): string => messagePrinter(type, strict)(value, 0);
const strict: Style = { quote: rapid, int64: 'number', indent: 0 };

/**
 * What every admin route but the text routes answers with, its closing newline included.
 * @param word   one of the five of the envelope, such as `INVALID_ARGUMENT`
 * @param result the third member; an empty message prints as `{}`
 */
export function printEnvelope<V extends object>(
  word: string,
  msg: string,
  result?: { readonly type: MessageType<V>; readonly value: V },
): string {
  const third = result === undefined ? '' : `,\n    "result": ${messagePrinter(result.type, pretty)(result.value, 1)}`;
  return `{\n    "code": ${rapid(word)},\n    "msg": ${rapid(msg)}${third}\n}\n`;
}

type Printer = (value: never, level: number) => string;

const printers = new WeakMap<Style, WeakMap<MessageType, (value: object, level: number) => string>>();
/** Made once for each type and style: what does not depend on the value is text by then. */
function messagePrinter(type: MessageType, style: Style): (value: object, level: number) => string {
  let known = printers.get(style);
  if (known === undefined) {
    known = new WeakMap();
    printers.set(style, known);
  }
  let printer = known.get(type);
  if (printer === undefined) {
    printer = makeMessagePrinter(type, style);
    known.set(type, printer);
  }
  return printer;
}

function makeMessagePrinter(type: MessageType, style: Style): (value: object, level: number) => string {
  const lines = linesOf(style);
  const members = type.fields.map((field) => ({
    camel: field.camel,
    head: `"${field.name}"${lines.colon}`,
    print: fieldPrinter(field, style),
  }));
  return (value, level) => {
    const given = value as Readonly<Record<string, unknown>>;
    let printed = '';
    for (const { camel, head, print } of members) {
      const content = given[camel];
      if (content === undefined) continue;
      const text = print(content as never, level + 1);
      if (text === '') continue;
      printed += printed === '' ? head + text : lines.comma(level + 1) + head + text;
    }
    return printed === '' ? '{}' : lines.open('{', level + 1) + printed + lines.close('}', level);
  };
}

/** An empty text for what is left out: empty lists and maps. */
function fieldPrinter(field: Field, style: Style): Printer {
  const single = valuePrinter(field.type, style);
  const lines = linesOf(style);
  if (field.label === 'list')
    return (items: readonly never[], level: number) => {
      if (items.length === 0) return '';
      let printed = '';
      for (const item of items) printed += (printed === '' ? '' : lines.comma(level + 1)) + single(item, level + 1);
      return lines.open('[', level + 1) + printed + lines.close(']', level);
    };
  if (field.label === 'map')
    return (entries: Readonly<Record<string, string>>, level: number) => {
      let printed = '';
      for (const key of Object.keys(entries).sort(byCodeUnit))
        printed += (printed === '' ? '' : lines.comma(level + 1)) + style.quote(key) + lines.colon + style.quote(entries[key] ?? '');
      return printed === '' ? '' : lines.open('{', level + 1) + printed + lines.close('}', level);
    };
  return single;
}
const byCodeUnit = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

function valuePrinter(type: FieldType, style: Style): Printer {
  switch (type.kind) {
    case 'message': {
      // Asked for at the first value: a type may be printed before its parts ever were.
      let printer: ((value: object, level: number) => string) | undefined;
      return (value: object, level: number) => {
        printer ??= messagePrinter(type, style);
        return printer(value, level);
      };
    }
    case 'enum':
      return (value: string | number) => (typeof value === 'string' ? `"${value}"` : unnamed(enumName(type, value), value));
    case 'int64':
    case 'exact64':
      return style.int64 === 'text' ? (value: number | string) => `"${value}"` : (value: number | string) => `${value}`;
    case 'int32':
    case 'bool':
      return (value: number | boolean) => `${value}`;
    case 'bytes':
    case 'string':
      return style.quote;
  }
}
const unnamed = (name: string | undefined, number: number): string => (name === undefined ? `${number}` : `"${name}"`);

interface Lines {
  readonly colon: string;
  readonly open: (bracket: string, level: number) => string;
  readonly comma: (level: number) => string;
  readonly close: (bracket: string, level: number) => string;
}
function linesOf({ indent }: Style): Lines {
  if (indent === 0) return { colon: ':', open: (bracket) => bracket, comma: () => ',', close: (bracket) => bracket };
  const starts = Array.from({ length: 24 }, (_, level) => `\n${' '.repeat(indent * level)}`);
  // No message of ours nests deeper than these; repeat() keeps one that did right.
  const start = (level: number): string => starts[level] ?? `\n${' '.repeat(indent * level)}`;
  return {
    colon: ': ',
    open: (bracket, level) => bracket + start(level),
    comma: (level) => `,${start(level)}`,
    close: (bracket, level) => start(level) + bracket,
  };
}
