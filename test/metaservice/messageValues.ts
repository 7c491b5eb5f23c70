/** Every declared message, and generators of values that hold some of their fields. */
import fc from 'fast-check';
import type { EnumType, Field, FieldType, MessageType } from '../../src/interfaces/metaservice/message.ts';
import * as adminMessages from '../../src/interfaces/metaservice/messages.ts';
import * as txnMessages from '../../src/interfaces/metaservice/txnMessages.ts';

const messages = { ...adminMessages, ...txnMessages };
type Declared = Extract<(typeof messages)[keyof typeof messages], MessageType | EnumType>;
const declared = Object.values(messages).filter((one): one is Declared => 'kind' in one);
export const messageTypes: readonly MessageType[] = declared.filter(
  (declared: Declared): declared is Extract<Declared, MessageType> => declared.kind === 'message',
);
export const enumTypes: readonly EnumType[] = declared.filter(
  (declared: Declared): declared is Extract<Declared, EnumType> => declared.kind === 'enum',
);

const anyText = fc.string({ unit: 'binary', maxLength: 12 });
const texts = fc.oneof(anyText, fc.constantFrom('', '__proto__', '1:i1:x', 'a"b\\c\n', '<b>', '\u2028'));
const int64 = fc.oneof(fc.maxSafeInteger(), fc.integer(), fc.constantFrom(0, Number.MAX_SAFE_INTEGER, -Number.MAX_SAFE_INTEGER));

function single(type: FieldType): fc.Arbitrary<unknown> {
  switch (type.kind) {
    case 'string':
      return texts;
    case 'int32':
      return fc.integer();
    case 'int64':
      return int64;
    case 'exact64':
      return fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String);
    case 'bool':
      return fc.boolean();
    case 'bytes':
      return fc.uint8Array({ maxLength: 7 }).map((content) => Buffer.from(content).toString('base64'));
    case 'enum': {
      const known = Object.values(type.numbers);
      return fc.oneof(
        fc.constantFrom(...Object.keys(type.numbers)),
        fc.integer().filter((number) => !known.includes(number)),
      );
    }
    case 'message':
      return valuesOf(type);
  }
}

function ofField(field: Field): fc.Arbitrary<unknown> {
  if (field.label === 'list') return fc.array(single(field.type), { minLength: 1, maxLength: 3 });
  // fast-check's dictionary would leave __proto__ out.
  if (field.label === 'map')
    return fc
      .uniqueArray(fc.tuple(texts, texts), { minLength: 1, maxLength: 3, selector: ([key]) => key })
      .map((entries) => Object.fromEntries(entries));
  return single(field.type);
}

/** Values with every required field and any of the others; lists and maps hold something, as empty ones count as not given. */
export function valuesOf(type: MessageType): fc.Arbitrary<object> {
  const fields = Object.fromEntries(type.fields.map((field) => [field.camel, ofField(field)]));
  const requiredKeys = type.fields.filter(({ label }) => label === 'required').map(({ camel }) => camel);
  return fc.record(fields, { requiredKeys, noNullPrototype: true });
}
