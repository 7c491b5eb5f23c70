/** Values of a declared shape, JSON Schema: mostly such as it allows, and such as others share, so that they lead somewhere. */
import fc from 'fast-check';
import { marker, oddValue } from './hostile.ts';

/** As much of JSON Schema as zod writes. */
export interface Shape {
  readonly type?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Shape[];
  readonly oneOf?: readonly Shape[];
  readonly allOf?: readonly Shape[];
  readonly properties?: Readonly<Record<string, Shape>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: Shape | boolean;
  readonly items?: Shape;
  readonly minItems?: number;
  readonly minimum?: number;
  readonly maximum?: number;
}

/** Texts and numbers that requests share, by the end of the field's name. */
const pools: readonly (readonly [name: RegExp, values: readonly unknown[]])[] = [
  [/^(?:.*instance_?Id)$/i, ['i1', 'i1', 'i2', 'i3']],
  [/^(?:.*unique_?Id)$/i, ['1:i1:x', '1:i2:x', 'u1']],
  [/^(?:.*cluster_?(?:Id|Name)s?)$/i, ['c1', 'c2', 'v1']],
  [/^(?:ak|sk)$/i, [marker]],
  [/^(?:password|secret|token)$/i, [marker]],
  [/^key$/, ['datalake.hostile.a', 'datalake.hostile.b', 'datalake.format', 'kv.snapshot.interval']],
  [/^value$/, ['x', 'paimon', '10 min', 'true']],
  [/^op$/, ['set', 'delete', 'append', 'subtract']],
  [/^principal$/i, ['User:alice', 'User:*', 'User:etl']],
  [/^host$/i, ['10.0.0.1', '*']],
  [/^resource(?:Name)?$/i, ['cluster', 'shop', 'shop.orders', '*']],
  [/^(?:server|table|partition|bucket)Id$/, [0, 0, 1, 2]],
  [/^directoryId$/, ['d0', 'd1', 'd2']],
  [/^incarnation$/, ['i0', 'i0', 'i1', 'i2']],
  [/^endpoint$/, ['h0:1', '[::1]:9', '127.0.0.1:9']],
  [/^rebalanceId$/, ['rebalance-a', 'rebalance-b']],
  [/^(?:leaderEpoch|bucketEpoch|appliedPosition|replicas|isr|leader|(?:new|original)(?:Replicas|Leader))$/, [0, 1, 2]],
  [/^database$/, ['shop', 'shop', 'fluss', 'mail']],
  [/^table$/, ['orders', 'daily', 't']],
  [/^type$/, ['INT', 'STRING', 'decimal(10, 2)', 'ROW<a INT, b ARRAY<STRING>>']],
  [/^(?:primaryKey|partitionKeys)$/, ['a', 'b']],
  [/^(?:.*_?Id)$/i, [1, 2, 3, '1', 'a']],
  [/^(?:label|name|.*Name)$/i, ['a', 'b', 'c']],
  [/^statement$/, ['SHOW TABLES', 'SELECT 1', 'CALL sys.get_cluster_configs()']],
  [/^(?:expiration|lease)$/, [4e9, 1]],
];
const pooled = (name: string): readonly unknown[] => pools.find(([pattern]) => pattern.test(name))?.[1] ?? [];

const isOfType = (type: string, value: unknown): boolean => (type === 'integer' || type === 'number' ? 'number' : type) === typeof value;

/** A value of a shape; @param name of the field it is for. One leaf in twenty is none that the shape allows. */
export function valuesOf(shape: Shape, name = '', depth = 0): fc.Arbitrary<unknown> {
  const isLeaf = shape.type !== 'object' && shape.type !== 'array';
  return fc.oneof({ arbitrary: usual(shape, name, depth), weight: isLeaf ? 30 : 60 }, { arbitrary: oddValue, weight: 1 });
}

function usual(shape: Shape, name: string, depth: number): fc.Arbitrary<unknown> {
  if (depth > 8) return fc.constant(null);
  if ('const' in shape) return fc.constant(shape.const);
  if (shape.enum !== undefined) return fc.constantFrom(...shape.enum);
  const choices = shape.anyOf ?? shape.oneOf ?? shape.allOf;
  if (choices !== undefined) return fc.oneof(...choices.map((each) => valuesOf(each, name, depth + 1)));
  switch (shape.type) {
    case 'object':
      return objectOf(shape, depth);
    case 'array':
      return fc.array(valuesOf(shape.items ?? {}, name, depth + 1), { minLength: Math.min(shape.minItems ?? 0, 2), maxLength: 2 });
    case 'boolean':
      return fc.boolean();
    case 'null':
      return fc.constant(null);
    case 'integer':
    case 'number': {
      const { maximum = 2 ** 53, minimum = 0 } = shape;
      return fc.constantFrom(...pooled(name).filter((value) => isOfType('number', value)), minimum, maximum, 1, 2, 3);
    }
    case 'string':
      return fc.constantFrom(...pooled(name).filter((value) => isOfType('string', value)), 'a', 'b', '1');
    default:
      return fc.oneof(fc.constantFrom<unknown>('a', 1, ...pooled(name)), oddValue);
  }
}

function objectOf({ additionalProperties, properties = {}, required = [] }: Shape, depth: number): fc.Arbitrary<unknown> {
  const fields = Object.entries(properties).map(([name, shape]) =>
    fc.oneof(
      { arbitrary: valuesOf(shape, name, depth + 1).map((value) => [[name, value]]), weight: required.includes(name) ? 40 : 3 },
      { arbitrary: fc.constant([]), weight: pooled(name).length > 0 ? 1 : 3 },
    ),
  );
  const more = typeof additionalProperties === 'object' ? valuesOf(additionalProperties, '', depth + 1) : oddValue;
  const extra = fc.oneof(
    { arbitrary: fc.constant([]), weight: typeof additionalProperties === 'object' ? 1 : 40 },
    { arbitrary: fc.tuple(fc.constantFrom('a', 'zz', 'constructor', '', 'toString'), more).map((pair) => [pair]), weight: 1 },
  );
  return fc.tuple(...fields, extra).map((parts) => Object.fromEntries(parts.flat() as [string, unknown][]));
}
