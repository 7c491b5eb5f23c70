import { enumNumber } from './enums.ts';
import type { Field, FieldType, MessageType } from './message.ts';

/** How many bytes a message takes in protobuf's wire form, for limits that are stated in them. */
export function wireSize<V extends object>(type: MessageType<V>, value: V): number {
  const given = value as Readonly<Record<string, unknown>>;
  let size = 0;
  for (const field of type.fields) {
    const content = given[field.camel];
    if (content !== undefined) size += fieldSize(field, content);
  }
  return size;
}

function fieldSize(field: Field, content: unknown): number {
  const tag = tagSize(field.number);
  if (field.label === 'map')
    // Each entry is a message of two texts, the key being field 1 and the value field 2.
    return sum(Object.entries(content as Readonly<Record<string, string>>), ([key, value]) => {
      const entry = 2 + delimited(Buffer.byteLength(key)) + delimited(Buffer.byteLength(value));
      return tag + delimited(entry);
    });
  // Lists of numbers are not packed: the schema is proto2.
  if (field.label === 'list') return sum(content as readonly unknown[], (item) => tag + valueSize(field.type, item));
  return tag + valueSize(field.type, content);
}

function valueSize(type: FieldType, value: unknown): number {
  switch (type.kind) {
    case 'message':
      return delimited(wireSize(type, value as object));
    case 'string':
      return delimited(Buffer.byteLength(value as string));
    case 'bytes':
      return delimited(Buffer.byteLength(value as string, 'base64'));
    case 'bool':
      return 1;
    case 'enum':
      return varint(enumNumber(type, value as string | number) ?? 0);
    case 'exact64':
    case 'int32':
    case 'int64':
      return varint(Number(value));
  }
}

const sum = <T>(items: readonly T[], size: (item: T) => number): number => items.reduce((total, item) => total + size(item), 0);
const delimited = (length: number): number => varint(length) + length;
/** The wire type takes the three lowest bits. */
const tagSize = (number: number): number => varint(number * 8);
/** Seven bits to a byte; a negative number is sign extended to 64 bits. */
function varint(number: number): number {
  if (number < 0) return 10;
  let size = 1;
  for (let rest = number; rest >= 128; rest = Math.floor(rest / 128)) size++;
  return size;
}
