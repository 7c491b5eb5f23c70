import { failed, type Status } from './codes.ts';
import { drawKey } from './keyDrawing.ts';
import { fieldsOf, type KeyFields, type KeyType, keyLimits, keyOf, keyTypes } from './keySpace.ts';
import { type AdminRoutes, type Answer, type Context, envelope } from './method.ts';

/** What is kept under a key of a type, as text; undefined when there is nothing. */
export type KeyValue = (fields: KeyFields, context: Context) => string | undefined;

interface Addressed {
  readonly type: KeyType;
  /** undefined when the hex given is no key of this type: nothing can be kept under it. */
  readonly fields: KeyFields | undefined;
  readonly hex: string;
}

/** @param values by the names of the key types that Chancery knows records of */
export const keyRoutes = (values: Readonly<Record<string, KeyValue>>): AdminRoutes => ({
  decode_key: { kind: 'query', call: (query) => Promise.resolve(decoded(query)) },
  encode_key: { kind: 'query', call: (query) => Promise.resolve(encoded(query)) },
  get_value: { kind: 'query', call: (query, context) => Promise.resolve(value(query, context, values)) },
  set_value: { kind: 'query', call: (query) => Promise.resolve(refusedSet(query)) },
});

function decoded(query: URLSearchParams): Answer {
  const hex = query.get('key') ?? '';
  if (hex === '') return invalid('no key to decode');
  const drawing = drawKey(hex, query.get('unicode') !== 'false');
  return drawing === undefined ? invalid(`failed to decode key, key=${hex}`) : { kind: 'text', http: 200, text: drawing };
}

function encoded(query: URLSearchParams): Answer {
  const addressed = addressedBy(query);
  if ('code' in addressed) return envelope(addressed);
  const drawing = drawKey(addressed.hex, query.get('unicode') !== 'false');
  if (drawing === undefined) return invalid(`the key has more than ${keyLimits.bytes} bytes; give shorter fields`);
  return { kind: 'text', http: 200, text: `${drawing}${addressed.hex.replace(/../g, String.raw`\x$&`)}\n` };
}

function value(query: URLSearchParams, context: Context, values: Readonly<Record<string, KeyValue>>): Answer {
  const addressed = addressedByHex(query) ?? addressedBy(query);
  if ('code' in addressed) return envelope(addressed);
  const { fields, hex, type } = addressed;
  const text = fields === undefined || !Object.hasOwn(values, type.name) ? undefined : values[type.name]?.(fields, context);
  return text === undefined ? envelope(failed('KV_TXN_GET_ERR', `kv not found, key=${hex}`)) : { kind: 'text', http: 200, text };
}

/** A record written past all rules would be an act without a meaning: decision 0013. */
function refusedSet(query: URLSearchParams): Answer {
  const addressed = addressedByHex(query) ?? addressedBy(query);
  if ('code' in addressed) return envelope(addressed);
  return invalid(
    `set_value is not offered: every change here is an act with a meaning in the log, and key=${addressed.hex} names none; ` +
      'use the route that means the change (rename_instance, add_node, update_ak_sk, abort_txn, fix_tablet_stats, ...)',
  );
}

/** A key given as hex. @returns undefined when none is given */
function addressedByHex(query: URLSearchParams): Addressed | Status | undefined {
  const hex = query.get('key') ?? '';
  if (hex === '') return undefined;
  const type = typeOf(query);
  if ('code' in type) return type;
  const isHex = /^(?:[0-9a-fA-F]{2})+[0-9a-fA-F]?$/.test(hex);
  return { type, fields: isHex ? fieldsOf(type, Buffer.from(hex, 'hex')) : undefined, hex: hex.toLowerCase() };
}

/** A key given by its type and fields. */
function addressedBy(query: URLSearchParams): Addressed | Status {
  const type = typeOf(query);
  if ('code' in type) return type;
  const fields: Record<string, string | bigint> = {};
  for (const { kind, name } of type.fields) {
    if (kind === 'word') continue;
    const given = query.get(name) ?? '';
    if (given === '') return failed('INVALID_ARGUMENT', `${name} is not given or empty`);
    const parsed = kind === 'text' ? given : integerIn(given);
    if (parsed === undefined) return failed('INVALID_ARGUMENT', `${name} is not a 64-bit integer: ${given.slice(0, 100)}`);
    fields[name] = parsed;
  }
  return { type, fields, hex: keyOf(type, fields).toString('hex') };
}

function typeOf(query: URLSearchParams): KeyType | Status {
  const name = query.get('key_type') ?? '';
  return keyTypes.get(name) ?? failed('INVALID_ARGUMENT', `key_type not supported: ${name === '' ? '(empty)' : name.slice(0, 200)}`);
}

function integerIn(text: string): bigint | undefined {
  if (!/^[+-]?\d{1,19}$/.test(text)) return undefined;
  const integer = BigInt(text.replace(/^\+/, ''));
  return BigInt.asIntN(64, integer) === integer ? integer : undefined;
}

const invalid = (text: string): Answer => envelope(failed('INVALID_ARGUMENT', text));
