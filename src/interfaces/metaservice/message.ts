/**
 * What the Meta Service's messages are made of: names, numbers and types of their fields, from which both JSON dialects, the text
 * form and the types of the values follow. Inside this program a message is a plain object with lowerCamel names that holds the
 * fields that were set and no others.
 */
export interface Scalar<T> {
  readonly kind: 'string' | 'int32' | 'int64' | 'exact64' | 'bool' | 'bytes';
  /** Only for the compiler: what a value looks like inside. */
  readonly value?: T;
}
/** Values by name; inside a value is its name, or a number that the enum does not know. */
export interface EnumType<N extends string = string> {
  readonly kind: 'enum';
  /** Without the package, such as `ClusterStatus`. */
  readonly name: string;
  readonly numbers: Readonly<Record<N, number>>;
}
export interface MessageType<V = object> {
  readonly kind: 'message';
  readonly name: string;
  /** In the order of their numbers. */
  readonly fields: readonly Field[];
  /** By schema name and by lowerCamel name. */
  readonly byName: ReadonlyMap<string, Field>;
  readonly value?: V;
}
export type FieldType = Scalar<unknown> | EnumType | MessageType;
export interface Field {
  /** The schema's, such as `instance_id`. */
  readonly name: string;
  /** Inside and in the lenient dialect, such as `instanceId`. */
  readonly camel: string;
  readonly number: number;
  readonly type: FieldType;
  /** `map`: names to texts. */
  readonly label: 'optional' | 'required' | 'list' | 'map';
}

interface FieldSpec<V = unknown> {
  readonly number: number;
  readonly type: FieldType;
  readonly label: Field['label'];
  readonly value?: V;
}
type ValueOfType<T> = T extends Scalar<infer V> ? V : T extends EnumType<infer N> ? N | number : T extends MessageType<infer V> ? V : never;
type Camel<S extends string> = S extends `${infer Head}_${infer Tail}` ? `${Head}${Capitalize<Camel<Tail>>}` : S;
type ValueOfFields<F> = {
  readonly [K in keyof F & string as Camel<K>]?: F[K] extends FieldSpec<infer V> ? V : never;
};

export const text: Scalar<string> = { kind: 'string' };
export const int32: Scalar<number> = { kind: 'int32' };
/** Exact up to 2^53 - 1 either way; what lies beyond is refused (decision 0012). */
export const int64: Scalar<number> = { kind: 'int64' };
/** All 64 bits, as decimal text inside: for numbers that are only ever compared, such as the halves of a UUID. */
export const exact64: Scalar<string> = { kind: 'exact64' };
export const bool: Scalar<boolean> = { kind: 'bool' };
/** Base64 inside and outside. */
export const bytes: Scalar<string> = { kind: 'bytes' };
export const enumType = <const N extends string>(name: string, numbers: Readonly<Record<N, number>>): EnumType<N> => ({
  kind: 'enum',
  name,
  numbers,
});

export const optional = <T extends FieldType>(number: number, type: T): FieldSpec<ValueOfType<T>> => ({ number, type, label: 'optional' });
export const required = <T extends FieldType>(number: number, type: T): FieldSpec<ValueOfType<T>> => ({ number, type, label: 'required' });
export const list = <T extends FieldType>(number: number, type: T): FieldSpec<readonly ValueOfType<T>[]> => ({
  number,
  type,
  label: 'list',
});
export const textMap = (number: number): FieldSpec<Readonly<Record<string, string>>> => ({ number, type: text, label: 'map' });

/** Declares a message. @param fields by schema name */
export function message<const F extends Readonly<Record<string, FieldSpec>>>(name: string, fields: F): MessageType<ValueOfFields<F>> {
  const known = Object.entries(fields)
    .map(([fieldName, { number, type, label }]): Field => ({ name: fieldName, camel: camelOf(fieldName), number, type, label }))
    .sort((a, b) => a.number - b.number);
  return {
    kind: 'message',
    name,
    fields: known,
    byName: new Map(
      known.flatMap((field) => [
        [field.name, field],
        [field.camel, field],
      ]),
    ),
  };
}
/** What a value of a message looks like: `ValueOf<typeof clusterPb>`. */
export type ValueOf<M> = M extends MessageType<infer V> ? V : never;

const camelOf = (name: string): string => name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
