import type { z } from 'zod';

/** Whether a value surely has a form. */
export type Check = (value: unknown) => boolean;

/**
 * A predicate made from a schema once, three times as fast as the schema itself: a replay asks a million times.
 * `true`: the schema accepts the value, which must be JSON data, and gives back an equal one. `false`: ask the schema, for it is also
 * the answer to all that this page does not know (refinements, transformations, defaults). test/fold holds both together.
 */
export function quickCheck(schema: z.core.$ZodType): Check {
  const { def } = (schema as z.core.$ZodTypes)._zod;
  switch (def.type) {
    case 'unknown':
      return (value) => value !== undefined;
    case 'string':
      return text(def.checks);
    case 'number':
      return withAll((value) => Number.isFinite(value), def.checks);
    case 'boolean':
      return (value) => typeof value === 'boolean';
    case 'literal':
      return oneOf(def.values);
    case 'enum':
      return oneOf(Object.values(def.entries));
    case 'array':
      return withAll(elements(quickCheck(def.element)), def.checks);
    case 'record':
      return withAll(properties(quickCheck(def.keyType), quickCheck(def.valueType)), def.checks);
    case 'union':
      return withAll('discriminator' in def ? tagged(def as z.core.$ZodDiscriminatedUnionDef) : any(def.options), def.checks);
    case 'object':
      return withAll(strictObject(def), def.checks);
    default:
      return unsure;
  }
}

const unsure: Check = () => false;
type Refinements = readonly z.core.$ZodCheck<never>[];
const defOf = (check: z.core.$ZodCheck<never>) => (check as unknown as z.core.$ZodChecks)._zod.def;

/** A value of a kind that also satisfies what its schema says besides. */
const withAll = (isKind: Check, refinements: Refinements = []): Check =>
  refinements.map(refinement).reduce((before, next) => (value) => before(value) && next(value), isKind);

/** Only asked about values of the kind that it refines. */
function refinement(check: z.core.$ZodCheck<never>): Check {
  const def = defOf(check);
  switch (def.check) {
    case 'min_length':
      return (value) => (value as readonly unknown[]).length >= def.minimum;
    case 'max_length':
      return (value) => (value as readonly unknown[]).length <= def.maximum;
    case 'greater_than':
      return def.inclusive ? (value) => (value as number) >= (def.value as number) : unsure;
    case 'less_than':
      return def.inclusive ? (value) => (value as number) <= (def.value as number) : unsure;
    case 'number_format':
      return def.format === 'safeint' ? Number.isSafeInteger : unsure;
    case 'string_format':
      return def.format === 'regex' && def.pattern !== undefined ? matching(def.pattern) : unsure;
    default:
      return unsure;
  }
}

/** Both lengths at once: most fields are texts. */
function text(refinements: Refinements = []): Check {
  let least = 0;
  let most = Number.POSITIVE_INFINITY;
  for (const def of refinements.map(defOf)) {
    if (def.check === 'min_length') least = Math.max(least, def.minimum);
    if (def.check === 'max_length') most = Math.min(most, def.maximum);
  }
  const isLength = ({ check }: { readonly check: string }) => check === 'min_length' || check === 'max_length';
  return withAll(
    (value) => typeof value === 'string' && value.length >= least && value.length <= most,
    refinements.filter((check) => !isLength(defOf(check))),
  );
}

const matching = (pattern: RegExp): Check => (pattern.global || pattern.sticky ? unsure : (value) => pattern.test(value as string));

function oneOf(values: readonly unknown[]): Check {
  const accepted = new Set(values);
  return (value) => accepted.has(value);
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const elements = (fits: Check): Check => {
  return (value) => {
    if (!Array.isArray(value)) return false;
    for (const element of value) if (!fits(element)) return false;
    return true;
  };
};

/** The schema leaves `__proto__` out of what it gives back. */
const properties = (keyFits: Check, fits: Check): Check => {
  return (value) => {
    if (!isObject(value)) return false;
    for (const key in value) if (key === '__proto__' || !keyFits(key) || !fits(value[key])) return false;
    return true;
  };
};

/** No schema of an event transforms what it reads: whichever option accepts a value gives back the same. */
function any(options: readonly z.core.$ZodType[]): Check {
  const checks = options.map(quickCheck);
  return (value) => checks.some((fits) => fits(value));
}

function tagged({ discriminator, options }: z.core.$ZodDiscriminatedUnionDef): Check {
  const byTag = new Map<unknown, Check>();
  for (const option of options as readonly z.core.$ZodTypes[]) {
    const tag = option._zod.def.type === 'object' ? (option._zod.def.shape[discriminator] as z.core.$ZodTypes | undefined) : undefined;
    if (tag?._zod.def.type !== 'literal') return unsure;
    for (const value of tag._zod.def.values) byTag.set(value, quickCheck(option));
  }
  return (value) => isObject(value) && byTag.get(value[discriminator])?.(value) === true;
}

interface Field {
  readonly name: string;
  readonly isOptional: boolean;
  readonly fits: Check;
}

function strictObject({ shape, catchall }: z.core.$ZodObjectDef): Check {
  if ((catchall as z.core.$ZodTypes | undefined)?._zod.def.type !== 'never') return unsure;
  const fields = Object.entries(shape).map(([name, schema]): Field => {
    const { def } = (schema as z.core.$ZodTypes)._zod;
    const isOptional = def.type === 'optional';
    return { name, isOptional, fits: quickCheck(isOptional ? def.innerType : schema) };
  });
  return (value) => {
    if (!isObject(value)) return false;
    let present = 0;
    for (const { name, isOptional, fits } of fields) {
      const part = value[name];
      if (isOptional && part === undefined) continue;
      if (!fits(part)) return false;
      present += 1;
    }
    for (const _ in value) present -= 1;
    return present === 0; // And nothing else.
  };
}
