import { malformed, problem, Refused } from './problems.ts';

export const jsonLimits = { depth: 32 } as const;

const utf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * Reads a body. Stricter than JSON.parse where its leniency would hide a mistake or an attack: bytes that are no UTF-8, a key given
 * twice, deep nesting, and `__proto__` are refused.
 * @throws Refused; the text is never quoted, for it may hold a secret.
 */
export function parseJson(bytes: Uint8Array): unknown {
  const text = textOf(bytes);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const place = /\(line \d+ column \d+\)/.exec(error instanceof Error ? error.message : '')?.[0];
    throw new Refused(problem('MALFORMED_JSON', `the body is not JSON${place === undefined ? '' : ` ${place}`}`));
  }
  checkObjects(text);
  return value;
}

function textOf(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw new Refused(problem('MALFORMED_JSON', 'the body is not UTF-8'));
  }
}

const quote = 0x22;
const backslash = 0x5c;

/** Walks a text that is JSON, and knows of each open bracket the keys that it has seen. */
function checkObjects(text: string): void {
  const open: (Set<string> | undefined)[] = [];
  let isKeyNext = false;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === quote) {
      const end = endOfString(text, at);
      const keys = open.at(-1);
      if (isKeyNext && keys !== undefined) checkKey(keys, JSON.parse(text.slice(at, end + 1)) as string);
      at = end;
    } else if (code === 0x7b || code === 0x5b) {
      isKeyNext = code === 0x7b;
      open.push(isKeyNext ? new Set() : undefined);
      if (open.length > jsonLimits.depth) throw new Refused(malformed('', `the body is nested deeper than ${jsonLimits.depth} levels`));
    } else if (code === 0x7d || code === 0x5d) {
      open.pop();
    } else if (code === 0x2c) isKeyNext = open.at(-1) !== undefined;
    else if (code === 0x3a) isKeyNext = false;
  }
}

function checkKey(keys: Set<string>, key: string): void {
  const shown = JSON.stringify(key.slice(0, 100));
  if (keys.has(key))
    throw new Refused(problem('MALFORMED_JSON', `the key ${shown} is given twice in one object`, { field: key.slice(0, 100) }));
  if (key === '__proto__') throw new Refused(malformed(key, `the key ${shown} is not allowed`));
  keys.add(key);
}

function endOfString(text: string, start: number): number {
  let at = start + 1;
  for (; text.charCodeAt(at) !== quote; at += 1) if (text.charCodeAt(at) === backslash) at += 1;
  return at;
}
