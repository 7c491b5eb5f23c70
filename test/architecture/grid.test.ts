/**
 * Goal: who knows events/acls.ts can guess projections/acls.ts, src/deciders/acls.ts and test/decide/acls.test.ts.
 * Method: looks for the files; whatever is outside the grid is listed here with its reason, and leaves the list when the reason goes.
 */
import { basename } from 'node:path';
import { describe, expect, test } from 'vitest';
import { catalogue } from '../../events/index.ts';
import { rejections } from '../../src/rejection.ts';
import { files, read, under, withoutComments } from './sources.ts';

const namesIn = (folder: string): readonly string[] =>
  under(folder)
    .filter((file) => !file.slice(folder.length + 1).includes('/'))
    .map((file) => basename(file, '.ts'));

/** Files that belong to no family. */
const frames: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  events: {
    index: 'the only list of types',
    kit: 'what every event is made with',
    envelope: 'the entry around events',
    canonicalJson: 'the form they are stored in',
    quickCheck: 'predicates made of their schemas',
  },
  projections: {
    kit: 'what every projection is made with',
    table: 'the map for many rows',
    state: 'the only list of projections',
    configKeys: 'what is known of each config key',
    configValues: 'what the text of a config value means',
    agenda: 'when which lake table is due; tested with tiering.ts',
    commands: 'folds every event: the idempotency keys',
    deadlines: 'folds events of several families: when which command is due',
    sealedTexts: 'finds sealed texts in any family; tested with dataKeys.ts',
    tieringStates: 'what can happen to a lake table in which state; tested with tiering.ts',
    subjects: 'folds every event: what happened to whom',
  },
  'src/deciders': {
    kit: 'what every decider is made with',
    commands: 'the only list of commands',
    configRules: 'what configs.ts asks of keys and values; tested with it',
    storageRules: 'what instances.ts and storage.ts ask of keys, object stores and vaults; tested with them',
    storageStages: 'the stages of storage.ts, in a file of their own; tested with it',
    instanceResolution: 'which instance a cloud_unique_id belongs to; asked by every family of the Meta Service',
    clusterRules: 'what clusters.ts and computeNodes.ts ask of a request and of its nodes; tested with them',
    virtualClusters: 'what clusters.ts asks of clusters that group others; tested with it',
    tableRules: 'what catalog.ts asks of names, definitions and partition values; tested with it',
    tableOptions: 'the properties that tables may have; tested with catalog.ts',
    lakeTables: 'what catalog.ts and tiering.ts ask of the properties of a table; tested with them',
    tabletJobs: 'the compactions of tablets.ts; tested with it',
  },
};
const familiesIn = (folder: string): readonly string[] => namesIn(folder).filter((name) => frames[folder]?.[name] === undefined);
const families = familiesIn('events');

test('there are families', () => expect(families).toEqual(expect.arrayContaining(['configs', 'coordinators', 'leadership'])));

test.each(Object.entries(frames))('what is said to be outside the grid in %s exists', (folder, reasons) => {
  expect(namesIn(folder)).toEqual(expect.arrayContaining(Object.keys(reasons)));
});

describe.each(families)('%s', (family) => {
  test('has a projection', () => expect(files).toContain(`projections/${family}.ts`));
  test('has a decider', () => expect(files).toContain(`src/deciders/${family}.ts`));
});

test.each(familiesIn('projections'))('projections/%s.ts folds a family of events', (name) => expect(families).toContain(name));
test.each(familiesIn('src/deciders'))('src/deciders/%s.ts has a test', (name) => expect(files).toContain(`test/decide/${name}.test.ts`));

describe.each([...catalogue.keys()])('%s', (type) => {
  const names = (folder: string, word: string): boolean =>
    under(folder).some((file) => new RegExp(`\\b${word}\\b`).test(withoutComments(read(file))));
  test('is raised by a decider', () => expect(names('src/deciders', type.charAt(0).toLowerCase() + type.slice(1))).toBe(true));
  test('is folded by a projection', () => expect(names('projections', type)).toBe(true));
});

test.each(Object.keys(rejections))('somebody refuses with %s', (code) => {
  const users = under('src').filter((file) => file !== 'src/rejection.ts' && read(file).includes(`'${code}'`));
  expect(users).not.toEqual([]);
});
