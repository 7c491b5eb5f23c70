import { enumName } from './enums.ts';
import type { Field, FieldType, MessageType } from './message.ts';

/**
 * Protobuf's text form, as `get_tablet_stats` answers with: a line per field in the order of their numbers, two blanks of indent,
 * each line ended by a newline. Texts are escaped byte by byte, what is not printable ASCII in octal.
 */
export const printText = <V extends object>(type: MessageType<V>, value: V): string => lines(type, value, '');

function lines(type: MessageType, value: object, indent: string): string {
  const given = value as Readonly<Record<string, unknown>>;
  let printed = '';
  for (const field of type.fields) {
    const content = given[field.camel];
    if (content !== undefined) for (const item of itemsOf(field, content)) printed += line(field, item, indent);
  }
  return printed;
}

function itemsOf(field: Field, content: unknown): readonly unknown[] {
  if (field.label === 'list') return content as readonly unknown[];
  if (field.label === 'map') return Object.entries(content as object).sort(([a], [b]) => (a < b ? -1 : 1));
  return [content];
}

function line(field: Field, item: unknown, indent: string): string {
  const inner = `${indent}  `;
  if (field.label === 'map') {
    const [key, value] = item as readonly [string, string];
    return `${indent}${field.name} {\n${inner}key: ${quoted(key)}\n${inner}value: ${quoted(value)}\n${indent}}\n`;
  }
  if (field.type.kind === 'message') return `${indent}${field.name} {\n${lines(field.type, item as object, inner)}${indent}}\n`;
  return `${indent}${field.name}: ${scalar(field.type, item)}\n`;
}

function scalar(type: FieldType, value: unknown): string {
  if (type.kind === 'string') return quoted(value as string);
  if (type.kind === 'bytes') return quotedBytes(Buffer.from(value as string, 'base64'));
  if (type.kind === 'enum' && typeof value === 'number') return enumName(type, value) ?? `${value}`;
  return `${value as string | number | boolean}`;
}

const quoted = (text: string): string => (/^[ !#-&(-[\]-~]*$/.test(text) ? `"${text}"` : quotedBytes(Buffer.from(text, 'utf8')));
const quotedBytes = (content: Buffer): string => `"${Array.from(content, escaped).join('')}"`;
function escaped(byte: number): string {
  const short = shortEscapes.get(byte);
  if (short !== undefined) return short;
  return byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : `\\${byte.toString(8).padStart(3, '0')}`;
}
const shortEscapes: ReadonlyMap<number, string> = new Map([
  [0x0a, '\\n'],
  [0x0d, '\\r'],
  [0x09, '\\t'],
  [0x22, '\\"'],
  [0x27, "\\'"],
  [0x5c, '\\\\'],
]);
