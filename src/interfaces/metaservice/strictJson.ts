import { isUtf8 } from 'node:buffer';
import { enumName } from './enums.ts';
import { exact64Of } from './exact64.ts';
import type { Field, FieldType, MessageType } from './message.ts';

/** A body as a message's value, or the plain text that answers 400. */
export type StrictlyParsed<V> = { readonly kind: 'value'; readonly value: V } | { readonly kind: 'error'; readonly text: string };

/**
 * Reads the body of a plain RPC: JSON to the letter, schema names only. Unknown names are ignored, and so is a value of the wrong
 * type in a single optional field; in a list or a required field it is an error. An empty body is an empty request. Never throws.
 */
export function parseStrict<V extends object>(type: MessageType<V>, body: Buffer | string): StrictlyParsed<V> {
  const fail = (why: string): StrictlyParsed<V> => ({
    kind: 'error',
    text: `[E1003]Fail to parse http json body as doris.cloud.${type.name}: ${why}`,
  });
  if (body.length === 0) return fromJson(type, {}, fail);
  if (typeof body !== 'string' && !isUtf8(body)) return fail('the body is not UTF-8');
  let json: unknown;
  try {
    json = parseJson(body.toString());
  } catch (error) {
    return fail(`Invalid json format, ${error instanceof Error ? error.message : 'unreadable'}`.toWellFormed());
  }
  return fromJson(type, json, fail);
}

/** Long integers that a number cannot hold come as bigint; the slow way is taken only where there may be one. */
const parseJson = (text: string): unknown =>
  /\d{16}/.test(text)
    ? JSON.parse(text, (_key: string, value: unknown, context?: { readonly source?: string }) =>
        typeof value === 'number' && !Number.isSafeInteger(value) && /^-?\d{16,64}$/.test(context?.source ?? '')
          ? BigInt(context?.source ?? '')
          : value,
      )
    : JSON.parse(text);

function fromJson<V extends object>(type: MessageType<V>, json: unknown, fail: (why: string) => StrictlyParsed<V>): StrictlyParsed<V> {
  if (!isObject(json)) return fail('The input is not a json object');
  const read = messageOf(type, json, '');
  // The reader makes what the type says, field by field; this is the one place that claims it.
  return read.kind === 'value' ? { kind: 'value', value: read.value as V } : fail(read.kind === 'error' ? read.why : wrong('', type));
}

/** `wrong`: of another type, which counts or not depending on the field that holds it. */
type Read =
  | { readonly kind: 'value'; readonly value: unknown }
  | { readonly kind: 'wrong' }
  | { readonly kind: 'error'; readonly why: string };
type Json = Readonly<Record<string, unknown>>;

function messageOf(type: MessageType, json: Json, place: string): Read {
  const value: Record<string, unknown> = {};
  for (const field of type.fields) {
    const given = Object.hasOwn(json, field.name) ? json[field.name] : undefined;
    const path = place === '' ? field.name : `${place}.${field.name}`;
    if (given === undefined || given === null) {
      if (field.label === 'required') return { kind: 'error', why: `Missing required field: ${path}` };
      continue;
    }
    const read =
      field.label === 'list' ? listOf(field, given, path) : field.label === 'map' ? mapOf(given, path) : readValue(field.type, given, path);
    if (read.kind === 'error') return read;
    if (read.kind === 'value') {
      if (read.value !== undefined) value[field.camel] = read.value;
    } else if (field.label === 'required') return { kind: 'error', why: wrong(path, field.type) };
  }
  return { kind: 'value', value };
}

function listOf(field: Field, given: unknown, path: string): Read {
  if (!Array.isArray(given)) return { kind: 'error', why: `Invalid value for repeated field: ${path}` };
  const items: unknown[] = [];
  for (const [index, item] of given.entries()) {
    const read = readValue(field.type, item, `${path}[${index}]`);
    if (read.kind === 'wrong') return { kind: 'error', why: wrong(`${path}[${index}]`, field.type) };
    if (read.kind === 'error') return read;
    items.push(read.value);
  }
  return items.length === 0 ? notGiven : { kind: 'value', value: items };
}

/** Names to texts; each entry is an element of a list to protobuf, so that a wrong one is an error. */
function mapOf(given: unknown, path: string): Read {
  if (!isObject(given)) return { kind: 'error', why: `Invalid value for map field: ${path}` };
  for (const [key, text] of Object.entries(given))
    if (typeof text !== 'string' || !text.isWellFormed() || !key.isWellFormed())
      return { kind: 'error', why: `Invalid value for field ${path}: every value must be a text` };
  return Object.keys(given).length === 0 ? notGiven : { kind: 'value', value: given };
}
/** Empty lists and maps. */
const notGiven: Read = { kind: 'value', value: undefined };

function readValue(type: FieldType, given: unknown, path: string): Read {
  switch (type.kind) {
    case 'message':
      return isObject(given) ? messageOf(type, given, path) : { kind: 'wrong' };
    case 'string':
      if (typeof given !== 'string') return { kind: 'wrong' };
      return given.isWellFormed() ? { kind: 'value', value: given } : { kind: 'error', why: `Invalid unicode in field ${path}` };
    case 'bytes':
      return typeof given === 'string' && base64.test(given)
        ? { kind: 'value', value: Buffer.from(given, 'base64').toString('base64') }
        : { kind: 'wrong' };
    case 'bool':
      return typeof given === 'boolean' ? { kind: 'value', value: given } : { kind: 'wrong' };
    case 'int32':
      return isInt32(given) ? { kind: 'value', value: given + 0 } : { kind: 'wrong' };
    case 'int64':
      return int64Of(given, path);
    case 'exact64':
      return exact64Read(given);
    case 'enum':
      if (typeof given === 'string') return Object.hasOwn(type.numbers, given) ? { kind: 'value', value: given } : { kind: 'wrong' };
      return isInt32(given) ? { kind: 'value', value: enumName(type, given) ?? given + 0 } : { kind: 'wrong' };
  }
}

function int64Of(given: unknown, path: string): Read {
  const number = typeof given === 'bigint' || (typeof given === 'string' && /^-?\d{1,64}$/.test(given)) ? Number(given) : given;
  if (typeof number !== 'number' || !Number.isInteger(number)) return { kind: 'wrong' };
  if (Number.isSafeInteger(number)) return { kind: 'value', value: number + 0 };
  return { kind: 'error', why: `Invalid value for field ${path}: integers are accepted up to 9007199254740991 either side of 0` };
}

function exact64Read(given: unknown): Read {
  const isInteger = typeof given === 'bigint' || Number.isSafeInteger(given) || (typeof given === 'string' && /^-?\d{1,64}$/.test(given));
  const text = isInteger ? exact64Of(String(given)) : undefined;
  return text === undefined ? { kind: 'wrong' } : { kind: 'value', value: text };
}

const isObject = (json: unknown): json is Json => typeof json === 'object' && json !== null && !Array.isArray(json);
const isInt32 = (given: unknown): given is number =>
  typeof given === 'number' && Number.isInteger(given) && given >= -(2 ** 31) && given < 2 ** 31;
const base64 = /^[A-Za-z0-9+/]*={0,2}$/;
const wrong = (path: string, type: FieldType): string => `Invalid value for field ${path}, which should be ${shouldBe(type)}`;
const shouldBe = (type: FieldType): string => (type.kind === 'message' || type.kind === 'enum' ? type.name : type.kind.toUpperCase());
