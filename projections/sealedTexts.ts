import type { SealedText } from '../events/kit.ts';
import type { State } from './state.ts';
import { Table } from './table.ts';

/** The families whose rows hold sealed texts. test/fold holds this list and the events' schemas together. */
export const sealedFamilies = ['configs', 'instances', 'storage'] as const satisfies readonly (keyof State)[];

/** Every sealed text in a value, at any depth, tables included. */
export function sealedTextsIn(value: unknown): readonly SealedText[] {
  const found: SealedText[] = [];
  collect(value, (sealed) => found.push(sealed));
  return found;
}

/** By calls, not by generators within generators: a hundred thousand rows are looked through in one go. */
function collect(value: unknown, take: (sealed: SealedText) => void): void {
  if (typeof value !== 'object' || value === null) return;
  if (value instanceof Table) {
    for (const [, row] of value.rows()) collect(row, take);
  } else if (isSealedText(value)) take(value);
  else for (const part of Object.values(value)) if (typeof part === 'object') collect(part, take);
}

export const isSealedText = (value: object): value is SealedText => 'keyId' in value && 'nonce' in value && 'ciphertext' in value;

/** How many values in force each key seals, by key id. Looks at every row of the families that have secrets: for rare acts. */
export function sealedValues(state: State): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const family of sealedFamilies) collect(state[family], ({ keyId }) => counts.set(keyId, (counts.get(keyId) ?? 0) + 1));
  return counts;
}
