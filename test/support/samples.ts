/** The smallest values that a schema takes: for tests that ask everything once. */
import { z } from 'zod';

interface Schema {
  readonly type?: string | readonly string[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly minItems?: number;
  readonly minLength?: number;
  readonly minimum?: number;
  readonly pattern?: string;
}

/** @returns a value with all that is required and nothing else. @throws Error when the schema refuses it: it needs a sample by hand */
export function sampleOf(schema: z.ZodType): unknown {
  const value = exampleOf(z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as Schema);
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw new Error(`no sample: ${JSON.stringify(value)} ${parsed.error.message}`);
  return value;
}

function exampleOf(schema: Schema): unknown {
  if (schema.const !== undefined) return schema.const;
  if (schema.enum !== undefined) return schema.enum[0];
  const [variant] = schema.anyOf ?? schema.oneOf ?? [];
  if (variant !== undefined) return exampleOf(variant);
  const type = Array.isArray(schema.type) ? schema.type[0] : schema.type;
  switch (type) {
    case 'object':
      return Object.fromEntries((schema.required ?? []).map((name) => [name, exampleOf(schema.properties?.[name] ?? {})]));
    case 'array':
      return Array.from({ length: schema.minItems ?? 0 }, () => exampleOf(schema.items ?? {}));
    case 'integer':
    case 'number':
      return Math.max(1, schema.minimum ?? 1);
    case 'boolean':
      return true;
    default: {
      const [, digits] = /^\^\[0-9a-f\]\{(\d+)\}\$$/.exec(schema.pattern ?? '') ?? [];
      if (digits !== undefined) return '0'.repeat(Number(digits));
      if (schema.pattern?.startsWith('^User:')) return 'User:sample';
      if (schema.pattern?.endsWith('|6553[0-5])$') === true) return 'sample:1'; // host:port
      return 'a'.repeat(Math.max(1, schema.minLength ?? 1));
    }
  }
}
