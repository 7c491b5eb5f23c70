import { isUtf8 } from 'node:buffer';
import { enumName } from './enums.ts';
import { exact64Of } from './exact64.ts';
import { LenientCursor, type Token } from './lenientCursor.ts';
import type { EnumType, Field, MessageType, Scalar } from './message.ts';

/** A body as a message's value, or the text that the envelope answers with under INVALID_ARGUMENT. */
export type Parsed<V> = { readonly kind: 'value'; readonly value: V } | { readonly kind: 'error'; readonly text: string };

/**
 * Reads the body of an admin route: protobuf's JSON with its leniencies, and beyond them a number where a text is expected.
 * Unknown names are ignored, wherever they are. Never throws.
 * @param path the route as it was sent after `/http/`, with `v1/` if that was given
 */
export function parseLenient<V extends object>(type: MessageType<V>, body: Buffer | string, path: string): Parsed<V> {
  const read = typeof body === 'string' ? readLenient(type, body) : isUtf8(body) ? readLenient(type, body.toString('utf8')) : notUtf8;
  if (read.kind === 'value') return read;
  return { kind: 'error', text: `parse http request '${path}': INVALID_ARGUMENT:${read.text}` };
}
const notUtf8 = { kind: 'error', text: 'Encountered non UTF-8 code points.' } as const;

function readLenient<V extends object>(type: MessageType<V>, text: string): Parsed<V> {
  const cursor = new LenientCursor(text);
  const value = new LenientReader(cursor).root(type);
  // The reader makes what the type says, field by field; this is the one place that claims it.
  return cursor.fault === undefined ? { kind: 'value', value: value as V } : { kind: 'error', text: cursor.fault };
}

type Values = Record<string, unknown>;

class LenientReader {
  private readonly cursor: LenientCursor;
  /** Names and list positions down to the value being read, for errors. */
  private readonly place: (string | number)[] = [];
  private incomplete = false;

  constructor(cursor: LenientCursor) {
    this.cursor = cursor;
  }

  root(type: MessageType): Values {
    const { cursor } = this;
    const token = cursor.peek();
    const value: Values = {};
    if (token === '{') this.message(type, value);
    else if (token === 'end') cursor.refuse('Unexpected end of string. Expected a value.\n\n^');
    else {
      cursor.skipValue();
      cursor.refuse(': Root element must be a message.');
    }
    const rest = cursor.peek();
    if (rest !== 'end') cursor.fail('Parsing terminated before end of input.');
    if (this.incomplete) cursor.refuse('JSON transcoder produced invalid protobuf output.');
    return value;
  }

  /** Into `value`, which may hold what an earlier field of the same name gave: protobuf merges them. */
  private message(type: MessageType, value: Values): undefined {
    const { cursor, place } = this;
    cursor.object((key) => {
      const field = type.byName.get(key);
      if (field === undefined) return cursor.skipValue();
      place.push(field.name);
      if (field.label === 'list') this.list(field, value);
      else if (field.label === 'map') this.map(field, value);
      else this.single(field, value);
      place.pop();
    });
    for (const { label, camel } of type.fields) if (label === 'required' && value[camel] === undefined) this.incomplete = true;
  }

  private single(field: Field, value: Values): undefined {
    const { cursor } = this;
    const token = cursor.peek();
    if (token === '[') {
      this.place.pop();
      cursor.refuse(`${this.where(' ')}${field.name}: Proto field is not repeating, cannot start list.`);
    } else if (field.type.kind === 'message' && token === '{') {
      const before = value[field.camel];
      const merged = (before ?? {}) as Values;
      this.message(field.type, merged);
      value[field.camel] = merged;
    } else {
      const content = this.scalar(field, token);
      if (content !== undefined) value[field.camel] = content;
    }
  }

  /** A single value counts as a list of one, and a list given twice is appended to. */
  private list(field: Field, value: Values): undefined {
    const { cursor, place } = this;
    const items = (value[field.camel] ?? []) as unknown[];
    const item = (): void => {
      const one: Values = {};
      this.single(field, one);
      if (one[field.camel] !== undefined) items.push(one[field.camel]);
    };
    if (cursor.peek() !== '[') item();
    else
      cursor.array((index) => {
        place.push(index);
        item();
        place.pop();
      });
    if (items.length > 0) value[field.camel] = items;
  }

  private map(field: Field, value: Values): undefined {
    const { cursor, place } = this;
    const token = cursor.peek();
    if (token === 'null') return cursor.skip(token);
    if (token === '[') return cursor.refuse(`${this.where('')}: Cannot bind a list to map for field '${field.name}'.`);
    if (token !== '{') {
      this.scalar(field, token);
      return undefined;
    }
    const entries = (value[field.camel] ?? {}) as Values;
    cursor.object((key) => {
      place.push(key);
      const content = this.scalar(field, cursor.peek());
      // A key such as __proto__ must become an entry like any other.
      if (content !== undefined)
        Object.defineProperty(entries, key, { value: content, enumerable: true, writable: true, configurable: true });
      place.pop();
    });
    if (Object.keys(entries).length > 0) value[field.camel] = entries;
  }

  /** Undefined for what counts as not given, and after a fault. */
  private scalar(field: Field, token: Token): unknown {
    const { cursor } = this;
    const { type } = field;
    switch (token) {
      case 'null':
        return cursor.skip(token);
      case 'true':
      case 'false':
        cursor.skip(token);
        return type.kind === 'bool' ? token === 'true' : this.invalid(field, token);
      case 'string': {
        const text = cursor.string();
        return cursor.fault === undefined ? this.ofText(field, text) : undefined;
      }
      case 'number': {
        const written = cursor.number();
        return cursor.fault === undefined ? this.ofNumber(field, written) : undefined;
      }
      case '{':
        return cursor.refuse(`${this.where('')}: Starting an object in a primitive field.`);
      case '[':
        return cursor.refuse(`${this.where('')}: Proto field is not repeating, cannot start list.`);
      default:
        return cursor.failAtValue(token);
    }
  }

  private ofText(field: Field, text: string): unknown {
    const { type } = field;
    const shown = `"${text.slice(0, shownMax)}"`;
    switch (type.kind) {
      case 'string':
        return text;
      case 'bool':
        return text === 'true' ? true : text === 'false' ? false : this.invalid(field, shown);
      case 'bytes':
        return base64.test(text) ? Buffer.from(text, 'base64').toString('base64') : this.invalid(field, shown);
      case 'int32':
      case 'int64':
        return /^[-+]?\d{1,64}$/.test(text) ? this.integer(field, type, Number(text), shown) : this.invalid(field, shown);
      case 'exact64':
        return /^[-+]?\d{1,64}$/.test(text) ? (exact64Of(text) ?? this.invalid(field, shown)) : this.invalid(field, shown);
      case 'enum':
        if (Object.hasOwn(type.numbers, text)) return text;
        return /^-?\d{1,64}$/.test(text) ? this.enumValue(field, type, Number(text), shown) : undefined;
      case 'message':
        return this.invalid(field, shown);
    }
  }

  private ofNumber(field: Field, written: string): unknown {
    const { type } = field;
    switch (type.kind) {
      case 'string':
        return written;
      case 'int32':
      case 'int64':
        return this.integer(field, type, Number(written), written);
      case 'exact64':
        return /^-?\d{1,64}$/.test(written) ? (exact64Of(written) ?? this.invalid(field, written)) : this.invalid(field, written);
      case 'enum':
        return this.enumValue(field, type, Number(written), written);
      default:
        return this.invalid(field, written);
    }
  }

  private integer(field: Field, type: Scalar<unknown>, number: number, shown: string): number | undefined {
    if (!Number.isInteger(number) || (type.kind === 'int32' && !isInt32(number))) return this.invalid(field, shown);
    if (!Number.isSafeInteger(number)) return this.invalid(field, shown, ', integers are accepted up to 9007199254740991 either side of 0');
    // There is no -0 among integers.
    return number + 0;
  }

  private enumValue(field: Field, type: EnumType, number: number, shown: string): string | number | undefined {
    return isInt32(number) ? (enumName(type, number) ?? number + 0) : this.invalid(field, shown);
  }

  private invalid(field: Field, shown: string, more = ''): undefined {
    this.cursor.refuse(`${this.where('')}: invalid value ${shown.slice(0, shownMax)} for type ${typeName(field)}${more}`);
  }

  /** `(cluster.nodes[0].ip)`, and nothing at the root. */
  private where(after: string): string {
    if (this.place.length === 0) return '';
    let path = '';
    for (const step of this.place) path += typeof step === 'number' ? `[${step}]` : `${path === '' ? '' : '.'}${step.slice(0, shownMax)}`;
    return `(${path})${after}`;
  }
}

/** Characters of the caller's that an error repeats at most. */
const shownMax = 200;
const isInt32 = (number: number): boolean => Number.isInteger(number) && number >= -(2 ** 31) && number < 2 ** 31;
/** Either alphabet, padded or not. */
const base64 = /^(?:[A-Za-z0-9+/]*|[A-Za-z0-9_-]*)={0,2}$/;

function typeName({ type }: Field): string {
  if (type.kind === 'message' || type.kind === 'enum') return `type.googleapis.com/doris.cloud.${type.name}`;
  return type.kind === 'exact64' ? 'TYPE_INT64' : `TYPE_${type.kind.toUpperCase()}`;
}
