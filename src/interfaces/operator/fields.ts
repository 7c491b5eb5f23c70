import { z } from 'zod';

/** More names than this are not listed: the caller is then better served by the API description. */
const namesMost = 40;

/**
 * The names that an object may have where a field was found that is none.
 * @param path from the schema to the object, as zod gives it with the issue
 * @returns undefined when the schema says nothing of them, or too much
 */
export function fieldsAt(schema: z.core.$ZodType, path: readonly PropertyKey[]): readonly string[] | undefined {
  const places = path.reduce<readonly z.core.$ZodType[]>((outer, step) => outer.flatMap((one) => inside(one, step)), objectsOf(schema));
  const names = [...new Set(places.flatMap((one) => (one instanceof z.ZodObject ? Object.keys(one.shape as object) : [])))];
  return names.length === 0 || names.length > namesMost ? undefined : names;
}

function inside(place: z.core.$ZodType, step: PropertyKey): readonly z.core.$ZodType[] {
  if (place instanceof z.ZodArray) return objectsOf(place.element as z.core.$ZodType);
  if (place instanceof z.ZodRecord) return objectsOf(place.valueType as z.core.$ZodType);
  const shape = place instanceof z.ZodObject ? (place.shape as Readonly<Record<PropertyKey, z.core.$ZodType>>) : {};
  const field = Object.hasOwn(shape, step) ? shape[step] : undefined;
  return field === undefined ? [] : objectsOf(field);
}

/** What a schema comes to when everything around it is taken off: one schema, or each of a union. */
function objectsOf(schema: z.core.$ZodType): readonly z.core.$ZodType[] {
  if (schema instanceof z.ZodUnion) return (schema.options as readonly z.core.$ZodType[]).flatMap(objectsOf);
  if (schema instanceof z.ZodPipe) return objectsOf(schema.in as z.core.$ZodType);
  const { innerType } = schema._zod.def as { readonly innerType?: z.core.$ZodType };
  return innerType === undefined ? [schema] : objectsOf(innerType);
}
