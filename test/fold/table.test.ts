/**
 * Goal: `Table` is a persistent map: it does what a Map does, old versions never change, equal contents have equal hashes, and two
 * versions know how they differ.
 * Method: random operations and batches against a Map; every version made between batches is kept and looked at again at the end.
 */
import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { canonicalJson } from '../../events/canonicalJson.ts';
import { plain, resultOf } from '../../projections/kit.ts';
import { seal, Table, unseal } from '../../projections/table.ts';
import { replay } from '../support/replay.ts';

// A failed expectation must not leave a batch open for the next test.
afterEach(seal);

/** FNV-1a, going on from a state: written down once more, for colliding keys must collide in the table's own hash. */
const hashFrom = (state: number, text: string): number => {
  let hash = state;
  for (let i = 0; i < text.length; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash;
};
/** 64 keys with one and the same hash: six times two texts that lead from one state of the hash to one other. */
const clashing = (() => {
  let keys = [''];
  let state = 0x811c9dc5;
  for (let stage = 0; stage < 6; stage += 1) {
    const seen = new Map<number, string>();
    for (let i = 0; ; i += 1) {
      const text = `${i.toString(36)}.`;
      const hash = hashFrom(state, text);
      const other = seen.get(hash);
      seen.set(hash, text);
      if (other === undefined) continue;
      keys = keys.flatMap((key) => [key + other, key + text]);
      state = hash;
      break;
    }
  }
  return keys;
})();
const numbered = Array.from({ length: 64 }, (_, i) => String(i));

const hashOf = (table: Table<unknown>): string => resultOf(table.hashing());

type Step =
  | { readonly kind: 'set'; readonly key: string; readonly value: number }
  | { readonly kind: 'update'; readonly key: string; readonly value: number }
  | { readonly kind: 'delete'; readonly key: string }
  /** Many at once, so that leaves become branches and branches leaves. */
  | { readonly kind: 'fill' | 'clear'; readonly keys: readonly string[] }
  | { readonly kind: 'begin' }
  | { readonly kind: 'end' };
const key = fc.oneof(
  fc.constantFrom(...clashing.slice(28, 36)),
  fc.constantFrom(...numbered.slice(28, 36)),
  fc.constantFrom('', '__proto__', 'constructor', '\ud800', '7', '007', '999999999', '9999999999'),
);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constantFrom('set', 'update'), key, value: fc.nat(5) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('delete'), key }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constantFrom('fill', 'clear'),
      keys: fc.tuple(fc.constantFrom(clashing, numbered), fc.integer({ min: 30, max: 64 })).map(([keys, n]) => keys.slice(0, n)),
    }),
  },
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
    if ('keys' in one)
      for (const [i, name] of one.keys.entries()) {
        table = one.kind === 'fill' ? table.set(name, i) : table.delete(name);
        if (one.kind === 'fill') rows.set(name, i);
        else rows.delete(name);
      }
    else if (one.kind === 'delete') {
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
        const hash = hashOf(table);
        expect(byContents.get(contents) ?? hash).toBe(hash);
        expect(byHash.get(hash) ?? contents).toBe(contents);
        byContents.set(contents, hash);
        byHash.set(hash, contents);
        const fresh = [...rows].reverse().reduce((made, [name, value]) => made.set(name, value), Table.empty<number>());
        expect(hashOf(fresh)).toBe(hash);
      }
    }),
    replay({ numRuns: 100 }).params,
  );
  expect(byContents.size).toBeGreaterThan(100);
});

test('rows that are tables, or hold some, are told by what is in those', () => {
  const inside = (...keys: readonly string[]) => keys.reduce((made, name) => made.set(name, true), Table.empty<true>());
  const both = (...keys: readonly string[]) =>
    Table.empty<unknown>()
      .set('is', inside(...keys))
      .set('holds', { table: inside(...keys) })
      .set('other', 1);
  const hash = hashOf(both('a', 'b'));
  expect(hashOf(both('b', 'a'))).toBe(hash);
  for (const other of [both('a'), both('a', 'c'), both(), both('a', 'b').set('is', inside('a')), both('a', 'b').set('is', {})])
    expect(hashOf(other)).not.toBe(hash);
  expect(
    hashOf(
      both('a')
        .set('is', inside('a', 'b'))
        .set('holds', { table: inside('a').set('b', true) }),
    ),
  ).toBe(hash);
  expect(plain(both('a'))).toEqual({ is: { a: true }, holds: { table: { a: true } }, other: 1 });
});

describe('hashing within a batch', () => {
  test('does not remember what the batch still changes', () => {
    unseal();
    const table = Table.empty<number>().set('a', 1);
    const before = hashOf(table);
    const after = hashOf(table.set('a', 2));
    seal();
    expect(after).not.toBe(before);
    expect(after).toBe(hashOf(Table.empty<number>().set('a', 2)));
  });
});

describe('the cost of hashing', () => {
  let reads = 0;
  /** A row that counts how often it is turned into text. */
  const counted = (n: number) =>
    Object.defineProperty({}, 'n', {
      enumerable: true,
      get: () => {
        reads += 1;
        return n;
      },
    });

  test('rows that did not change are not read again, not even those of the same leaf', () => {
    const keys = clashing.slice(0, 40);
    unseal();
    let table = keys.reduce((made, name, i) => made.set(name, counted(i)), Table.empty<object>());
    for (let i = 0; i < 5_000; i += 1) table = table.set(`row-${i}`, counted(i));
    seal();
    hashOf(table);
    reads = 0;
    hashOf(table);
    expect(reads).toBe(0);
    const once = counted(0);
    hashOf(Table.empty<object>().set('alone', once));
    const readsOfOneRow = reads;
    reads = 0;
    hashOf(table.set(keys[7] ?? '', once).delete(keys[8] ?? ''));
    expect(reads).toBe(readsOfOneRow);
  });

  test.each([
    ['are neighbours', (i: number) => 48_000 + i, 1],
    ['lie apart', (i: number) => i * 1_000, 16],
  ])('sixteen whole numbers that %s: so many leaves are new', (_, keyOf, leaves) => {
    unseal();
    let table = Table.empty<number>();
    for (let i = 0; i < 50_000; i += 1) table = table.set(String(i), i);
    seal();
    hashOf(table);
    unseal();
    for (let i = 0; i < 16; i += 1) table = table.set(String(keyOf(i)), -1);
    seal();
    expect([...table.hashing()]).toHaveLength(leaves);
  });

  test('a step reads the rows of one leaf at most', () => {
    unseal();
    let table = Table.empty<object>();
    for (let i = 0; i < 20_000; i += 1) table = table.set(`row-${i}`, counted(i));
    seal();
    const steps = table.hashing();
    let most = 0;
    let all = 0;
    for (let isDone = false; !isDone; isDone = steps.next().done === true) {
      most = Math.max(most, reads);
      all += reads;
      reads = 0;
    }
    expect(all).toBeGreaterThan(20_000);
    expect(most).toBeLessThan(all / 500);
  });
});

describe('large tables', () => {
  test('keys whose hashes are equal are kept apart', () => {
    expect(new Set(clashing.map((name) => hashFrom(0x811c9dc5, name))).size).toBe(1);
    expect(new Set(clashing).size).toBe(64);
    const table = clashing.reduce((made, name, i) => made.set(name, i), Table.empty<number>());
    expect(clashing.map((name) => table.get(name))).toEqual(clashing.map((_, i) => i));
    const rest = clashing.slice(1).reduce((made, name) => made.delete(name), table);
    expect([...rest.rows()]).toEqual([[clashing[0], 0]]);
    expect(hashOf(rest.delete(clashing[0] ?? ''))).toBe(hashOf(Table.empty()));
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

test('what the tables in a row hold counts as much as the row', () => {
  const hashOf = (table: Table<unknown>): string => resultOf(table.hashing());
  const row = (inner: Table<number>) => Table.empty<{ inner: Table<number>; n: number }>().set('a', { inner, n: 1 });
  const one = row(Table.empty<number>().set('x', 1).set('y', 2));
  expect(hashOf(row(Table.empty<number>().set('y', 2).set('x', 1)))).toBe(hashOf(one));
  for (const other of [Table.empty<number>(), Table.empty<number>().set('x', 1), Table.empty<number>().set('x', 1).set('y', 3)])
    expect(hashOf(row(other))).not.toBe(hashOf(one));
});

test('tables in rows of versions that were kept never change, whatever a batch does to the newest', () => {
  const kept = Table.empty<{ readonly inner: Table<number> }>().set('a', { inner: Table.empty<number>().set('x', 1) });
  unseal();
  let newest = kept;
  for (const key of ['y', 'z', 'x'])
    newest = newest.update('a', (present) => ({ inner: (present?.inner ?? Table.empty<number>()).set(key, 2) }));
  seal();
  expect(plain(kept)).toEqual({ a: { inner: { x: 1 } } });
  expect(plain(newest)).toEqual({ a: { inner: { x: 2, y: 2, z: 2 } } });
});
