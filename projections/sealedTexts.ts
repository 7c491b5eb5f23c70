import type { SealedText } from '../events/kit.ts';
import type { State } from './state.ts';
import { Table } from './table.ts';

/** The families whose rows hold sealed texts. test/fold holds this list and the events' schemas together. */
export const sealedFamilies = ['configs', 'instances', 'storage'] as const satisfies readonly (keyof State)[];

/** Every sealed text in a value, at any depth, tables included. */
export function* sealedTextsIn(value: unknown): Generator<SealedText> {
  if (value instanceof Table) {
    for (const [, row] of value.rows()) yield* sealedTextsIn(row);
  } else if (Array.isArray(value)) {
    for (const part of value) yield* sealedTextsIn(part);
  } else if (typeof value === 'object' && value !== null) {
    if (isSealedText(value)) yield value;
    else for (const part of Object.values(value)) yield* sealedTextsIn(part);
  }
}

export const isSealedText = (value: object): value is SealedText => 'keyId' in value && 'nonce' in value && 'ciphertext' in value;

/** How many values in force each key seals, by key id. Looks at every row of the families that have secrets: for rare acts. */
export function sealedValues(state: State): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const family of sealedFamilies)
    for (const { keyId } of sealedTextsIn(state[family])) counts.set(keyId, (counts.get(keyId) ?? 0) + 1);
  return counts;
}
