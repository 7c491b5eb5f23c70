/**
 * Goal: `Table` is a persistent map: it does what a Map does, old versions never change, equal contents have equal hashes, and two
 * versions know how they differ.
 * Method: random operations and batches against a Map; every version made between batches is kept and looked at again at the end.
 */
import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { canonicalJson } from '../../events/canonicalJson.ts';
import { plain } from '../../projections/kit.ts';
import { seal, Table, unseal } from '../../projections/table.ts';
import { replay } from '../support/replay.ts';

// A failed expectation must not leave a batch open for the next test.
afterEach(seal);

/** Keys that share a slot: buckets of several rows are rare otherwise. Found by trying; the second test says that they do. */
const sameSlot = Array.from({ length: 200_000 }, (_, i) => `k${i}`).filter((key) => {
  let hash = 0x811c9dc5;
  for (let i = 0; i < key.length; i += 1) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193);
  return ((hash ^ (hash >>> 12) ^ (hash >>> 24)) & 0xfff) === 7;
});

type Step =
  | { readonly kind: 'set'; readonly key: string; readonly value: number }
  | { readonly kind: 'update'; readonly key: string; readonly value: number }
  | { readonly kind: 'delete'; readonly key: string }
  | { readonly kind: 'begin' }
  | { readonly kind: 'end' };
const key = fc.oneof(
  fc.constantFrom(...sameSlot.slice(0, 6)),
  fc.nat(30).map(String),
  fc.constantFrom('', '__proto__', 'constructor', '\ud800'),
);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constantFrom('set', 'update'), key, value: fc.nat(5) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('delete'), key }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('begin', 'end') }) },
);

interface Version {
  readonly table: Table<number>;
  readonly rows: ReadonlyMap<string, number>;
}

/** Plays the steps on a table and a Map. Versions at the edges of batches are kept, and outside of batches every one. */
function play(
  steps: readonly Step[],
  from: Version = { table: Table.empty(), rows: new Map() },
): { readonly last: Version; readonly kept: readonly Version[] } {
  let { table } = from;
  const rows = new Map(from.rows);
  const kept: Version[] = [];
  let isOpen = false;
  for (const one of steps) {
    if (one.kind === 'begin' || one.kind === 'end') {
      kept.push({ table, rows: new Map(rows) });
      // A second beginning ends nothing: both sides of it are in some batch.
      if (one.kind === 'begin') unseal();
      else seal();
      isOpen = one.kind === 'begin';
      continue;
    }
    if (!isOpen) kept.push({ table, rows: new Map(rows) });
    if (one.kind === 'delete') {
      table = table.delete(one.key);
      rows.delete(one.key);
    } else if (one.kind === 'set') {
      table = table.set(one.key, one.value);
      rows.set(one.key, one.value);
    } else {
      const present = rows.get(one.key);
      table = table.update(one.key, (given) => {
        expect(given).toBe(present);
        return (given ?? 100) + one.value;
      });
      rows.set(one.key, (present ?? 100) + one.value);
    }
  }
  seal();
  const last = { table, rows };
  return { last, kept: [...kept, last] };
}

function expectSame({ table, rows }: Version): void {
  expect(new Map(table.rows())).toEqual(rows);
  expect(table.size).toBe(rows.size);
  expect(table.keys()).toEqual([...rows.keys()].sort());
  for (const [name, value] of rows) expect([table.get(name), table.has(name)]).toEqual([value, true]);
  expect([table.get('absent'), table.has('absent')]).toEqual([undefined, false]);
}

const differences = (before: Version, after: Version) =>
  [...new Set([...before.rows.keys(), ...after.rows.keys()])]
    .filter((name) => before.rows.get(name) !== after.rows.get(name))
    .sort()
    .map((name) => ({ key: name, before: before.rows.get(name), after: after.rows.get(name) }));
const reported = (before: Version, after: Version) => [...after.table.changesSince(before.table)].sort((a, b) => (a.key < b.key ? -1 : 1));

test('a table does what a Map does, and no version that was kept ever changes', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      for (const version of play(steps).kept) expectSame(version);
    }),
    replay({ numRuns: 150 }).params,
  );
});

test('versions that grow from one common version do not disturb each other', () => {
  const steps = fc.array(step, { maxLength: 25 });
  fc.assert(
    fc.property(steps, steps, steps, (common, one, other) => {
      const base = play(common).last;
      const branches = [play(one, base), play(other, base)];
      for (const version of [base, ...branches.flatMap(({ kept }) => kept)]) expectSame(version);
    }),
    replay({ numRuns: 80 }).params,
  );
});

test('any two versions know how they differ', () => {
  const steps = fc.array(step, { maxLength: 60 });
  fc.assert(
    fc.property(steps, steps, fc.nat(), fc.nat(), (steps1, steps2, i, j) => {
      const { kept, last } = play(steps1);
      const other = play(steps2).last;
      const one = kept[i % kept.length] ?? last;
      const two = kept[j % kept.length] ?? last;
      for (const [before, after] of [
        [one, two],
        [two, one],
        [one, other],
        [one, one],
      ] as const)
        expect(reported(before, after)).toEqual(differences(before, after));
    }),
    replay({ numRuns: 80 }).params,
  );
});

test('equal contents have equal hashes, whatever their history; other contents have others', () => {
  const byContents = new Map<string, string>();
  const byHash = new Map<string, string>();
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const { kept } = play(steps);
      // Newest first, so that hashes of shared nodes are remembered in every order.
      for (const { table, rows } of kept.toReversed()) {
        const contents = canonicalJson([...rows].sort(([a], [b]) => (a < b ? -1 : 1)));
        const hash = table.hash();
        expect(byContents.get(contents) ?? hash).toBe(hash);
        expect(byHash.get(hash) ?? contents).toBe(contents);
        byContents.set(contents, hash);
        byHash.set(hash, contents);
        const fresh = [...rows].reverse().reduce((made, [name, value]) => made.set(name, value), Table.empty<number>());
        expect(fresh.hash()).toBe(hash);
      }
    }),
    replay({ numRuns: 100 }).params,
  );
  expect(byContents.size).toBeGreaterThan(100);
});

describe('hashing within a batch', () => {
  test('does not remember what the batch still changes', () => {
    unseal();
    const table = Table.empty<number>().set('a', 1);
    const before = table.hash();
    const after = table.set('a', 2).hash();
    seal();
    expect(after).not.toBe(before);
    expect(after).toBe(Table.empty<number>().set('a', 2).hash());
  });
});

describe('large tables', () => {
  test('keys of one slot share a bucket', () => {
    const keys = sameSlot.slice(0, 40);
    expect(keys).toHaveLength(40);
    const table = keys.reduce((made, name, i) => made.set(name, i), Table.empty<number>());
    // With every key in one bucket, the order in which they came is the order of the rows.
    expect([...table.rows()].map(([name]) => name)).toEqual(keys);
    const rest = keys.slice(1).reduce((made, name) => made.delete(name), table);
    expect([...rest.rows()]).toEqual([[keys[0], 0]]);
    expect(rest.delete(keys[0] ?? '').hash()).toBe(Table.empty().hash());
  });

  test('a difference is found without looking at what both versions share', () => {
    unseal();
    let table = Table.empty<{ readonly n: number }>();
    for (let i = 0; i < 20_000; i += 1) table = table.set(`row-${i}`, { n: i });
    seal();
    const changed = table.set('row-7', { n: -1 }).delete('row-8');
    expect([...changed.changesSince(table)]).toHaveLength(2);
    expect([...table.changesSince(changed)]).toHaveLength(2);
    expect(table.size).toBe(20_000);
    expect(changed.size).toBe(19_999);
    expect(plain(changed)).not.toHaveProperty('row-8');
  });
});

test('a row may hold any JSON value, texts equal to keys included', () => {
  const table = Table.empty<unknown>().set('a', 'b').set('b', 'a').set('c', null).set('d', false);
  expect([table.get('a'), table.get('b'), table.has('c'), table.get('d')]).toEqual(['b', 'a', true, false]);
  expect(table.delete('a').keys()).toEqual(['b', 'c', 'd']);
});

test('a row without a value is a row', () => {
  const table = Table.empty<number | undefined>().set('a', undefined);
  expect([table.size, table.has('a'), table.get('a')]).toEqual([1, true, undefined]);
  const without = table.delete('a');
  expect([without.size, without.has('a')]).toEqual([0, false]);
});

test('what is not there cannot be deleted, and the table stays the same one', () => {
  const table = Table.empty<number>().set('a', 1);
  expect(table.delete('b')).toBe(table);
});
