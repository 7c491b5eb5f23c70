/**
 * Goal: what is shown of a resource or a principal can be written again and means the same; no text means two things.
 * Method: the forms one by one, then random names, those that look like key words above all.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { AclResource } from '../../events/acls.ts';
import {
  clusterResource,
  databaseOf,
  principalOf,
  principalText,
  resourceOf,
  resourcePath,
  resourceText,
} from '../../src/deciders/resources.ts';
import { replay } from '../support/replay.ts';

const database = (name: string): AclResource => ({ name, type: 'DATABASE' });
const table = (name: string): AclResource => ({ name, type: 'TABLE' });

test.each<[text: string, resource: AclResource, path: string]>([
  ['cluster', clusterResource, 'cluster'],
  ['shop', database('shop'), 'cluster.shop'],
  ['shop.orders', table('shop.orders'), 'cluster.shop.orders'],
  ['*', database('*'), 'cluster.*'],
  ['*.*', table('*'), 'cluster.*.*'],
  ['shop.*', table('shop.*'), 'cluster.shop.*'],
  ['clusters', database('clusters'), 'cluster.clusters'],
  ['any.t', table('any.t'), 'cluster.any.t'],
  ['cluster.any', database('any'), 'cluster.any'],
  ['cluster.ANY', database('ANY'), 'cluster.ANY'],
  ['cluster.cluster', database('cluster'), 'cluster.cluster'],
  ['cluster.Cluster', database('Cluster'), 'cluster.Cluster'],
  ['cluster.cluster.t', table('cluster.t'), 'cluster.cluster.t'],
])('%s', (text, resource, path) => {
  expect(resourceText(resource)).toBe(text);
  expect(resourcePath(resource)).toBe(path);
  for (const written of [text, path, path.replace(/^cluster/, 'CLUSTER')]) expect(resourceOf(written)).toEqual(resource);
});

test.each(['', '.', 'a.', '.a', 'a..b', 'a.b.c', 'cluster.', 'cluster.a.b.c', 'cluster..a'])("'%s' names nothing", (text) => {
  expect(resourceOf(text)).toBeUndefined();
});

test('names of any kind are read as they are shown, and no two resources have one text', () => {
  const word = fc.oneof(
    fc.constantFrom('cluster', 'Cluster', 'any', 'ANY', '*'),
    fc.string({ unit: 'grapheme', minLength: 1, maxLength: 6 }),
  );
  const name = word.filter((each) => !each.includes('.'));
  const resource = fc.oneof(
    fc.constant(clusterResource),
    name.map(database),
    fc.constant(table('*')),
    fc.tuple(name, name).map(([d, t]) => (d === '*' ? table('*') : table(`${d}.${t}`))),
  );
  const { params } = replay({ numRuns: 500 });
  fc.assert(
    fc.property(resource, resource, (a, b) => {
      expect(resourceOf(resourceText(a))).toEqual(a);
      expect(resourceOf(resourcePath(a))).toEqual(a);
      const isSame = a.type === b.type && a.name === b.name;
      expect(resourceText(a) === resourceText(b)).toBe(isSame);
      expect(resourceText(a).toUpperCase()).not.toBe('ANY');
    }),
    params as object,
  );
});

test('the database of a table is what stands before the dot; all tables are in none', () => {
  expect(['shop.orders', 'a.b.c', '*', 'shop'].map(databaseOf)).toEqual(['shop', 'a', undefined, undefined]);
});

test('a principal is taken apart at the first colon', () => {
  for (const [text, type, name] of [
    ['User:alice', 'User', 'alice'],
    ['User:a:b', 'User', 'a:b'],
    ['*:*', '*', '*'],
  ] as const) {
    expect(principalOf(text)).toEqual({ type, name });
    expect(principalText({ type, name })).toBe(text);
  }
  expect(principalOf('alice')).toEqual({ type: 'User', name: 'alice' });
});
