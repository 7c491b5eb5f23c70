/**
 * Goal: a log that a past release wrote still means the same, byte for byte and table for table.
 * Method: reads every golden log, folds it in one draft per entry and in bulk, and compares with the hash of the contents beside it.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { decodeEntry, encodeEntry } from '../../events/envelope.ts';
import { catalogue } from '../../events/index.ts';
import { bulkFold, foldEntry, foldVersions, initialState, type State } from '../../projections/state.ts';
import { contentsHash } from './contents.ts';

interface Expected {
  readonly position: number;
  readonly foldVersions: Readonly<Record<string, number>>;
  readonly contentsHash: string;
}
interface Stored {
  readonly events: readonly { readonly type: string; readonly version: number }[];
}

const folder = import.meta.dirname;
const names = readdirSync(folder).flatMap((file) => (file.endsWith('.ndjson') ? [file.slice(0, -'.ndjson'.length)] : []));
const textsOf = (name: string): readonly string[] =>
  readFileSync(join(folder, `${name}.ndjson`), 'utf8')
    .trimEnd()
    .split('\n');
const expectedOf = (name: string): Expected => JSON.parse(readFileSync(join(folder, `${name}.json`), 'utf8')) as Expected;

describe.each(names)('%s', (name) => {
  const texts = textsOf(name);
  const expected = expectedOf(name);
  /** Of the families that the release had; later ones are empty after its log. */
  const hashOfThen = (state: State): string => {
    const later = Object.keys(foldVersions()).filter((family) => !Object.hasOwn(expected.foldVersions, family));
    return contentsHash(Object.fromEntries(Object.entries(state).filter(([family]) => !later.includes(family))));
  };

  test('reaches its state, folded entry by entry', () => {
    const state = texts.map(decodeEntry).reduce(foldEntry, initialState());
    expect({ position: state.position, contentsHash: hashOfThen(state) }).toEqual({
      position: expected.position,
      contentsHash: expected.contentsHash,
    });
    expect(foldVersions()).toMatchObject(expected.foldVersions);
  });

  test('reaches its state, folded in bulk', () => {
    const fold = bulkFold();
    fold.add(texts.map(decodeEntry));
    expect(hashOfThen(fold.finish())).toBe(expected.contentsHash);
  });

  test('is written today as it was then, where no event has a newer version', () => {
    for (const text of texts) {
      const isNewest = (JSON.parse(text) as Stored).events.every(({ type, version }) => catalogue.get(type)?.version === version);
      if (isNewest) expect(encodeEntry(decodeEntry(text)).text).toBe(text);
    }
  });
});

test('every version of every event is in some golden log', () => {
  const present = new Set(
    names.flatMap(textsOf).flatMap((text) => (JSON.parse(text) as Stored).events.map(({ type, version }) => `${type} ${version}`)),
  );
  const all = [...catalogue.values()].flatMap(({ type, version }) => Array.from({ length: version }, (_, i) => `${type} ${i + 1}`));
  expect(all.filter((one) => !present.has(one))).toEqual([]);
});
