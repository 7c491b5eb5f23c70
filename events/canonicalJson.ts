/**
 * JSON with sorted keys and no blanks: one value, one text, on every host. Keys are compared by code units, never by locale.
 * @param value JSON data: null, booleans, finite numbers, strings, arrays, plain objects. A property that is `undefined` is left out.
 * @throws TypeError for anything else: a value that JSON would change silently (NaN, a date, a function) must not reach the log.
 */
export function canonicalJson(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new TypeError(`${value} has no JSON form`);
    return String(Object.is(value, -0) ? 0 : value);
  }
  if (value === null || typeof value === 'boolean') return String(value);
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value === 'object') return canonicalObject(value as Record<string, unknown>);
  throw new TypeError(`a ${typeof value} has no JSON form`);
}

function canonicalObject(value: Record<string, unknown>): string {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) throw new TypeError('only plain objects have a JSON form');
  let text = '';
  for (const key of Object.keys(value).sort()) {
    const part = value[key];
    if (part !== undefined) text += `${text === '' ? '' : ','}${JSON.stringify(key)}:${canonicalJson(part)}`;
  }
  return `{${text}}`;
}
