/**
 * Goal: the rules across keys of fluss-semantics 3.4, with the better ways of section 13, for changes and for a node's file.
 * Method: tables; given events, when a command, then exactly these events or this refusal.
 */
import { describe, expect, test } from 'vitest';
import { type ConfigValue, clusterConfigsChanged } from '../../events/configs.ts';
import type { ChanceryEvent } from '../../events/index.ts';
import { leadershipTaken } from '../../events/leadership.ts';
import type { Command } from '../../src/deciders/commands.ts';
import { checkStaticConfigs } from '../../src/deciders/configRules.ts';
import type { RejectionCode } from '../../src/rejection.ts';
import { given } from '../support/given.ts';

type Texts = Readonly<Record<string, string | null>>;
const value = (text: string | null): ConfigValue => (text === null ? { kind: 'hidden' } : { kind: 'text', text });
/** Configs of the dynamic map, as an event. */
const dynamic = (texts: Texts): ChanceryEvent =>
  clusterConfigsChanged({
    changes: Object.entries(texts).map(([key, text]) => ({ key, previous: { kind: 'unset' }, value: value(text) })),
  });
const file = (texts: Texts, epoch = 1): ChanceryEvent =>
  leadershipTaken({
    nodeId: 'n1',
    epoch,
    staticConfigs: Object.fromEntries(Object.entries(texts).map(([key, text]) => [key, value(text)])),
  });
/** Sets keys, or deletes those that are `undefined`. */
const alter = (change: Change): Extract<Command, { readonly name: 'alterClusterConfigs' }> => ({
  name: 'alterClusterConfigs',
  changes: Object.entries(change).map(([key, text]) => (text === undefined ? { op: 'delete', key } : { op: 'set', key, value: text })),
});

type Change = Readonly<Record<string, string | null | undefined>>;
const lakeRule = "'datalake.format' must be configured when 'datalake.enabled' is explicitly set to true.";
const stray = (key: string, format = 'paimon') => `Invalid configuration '${key}' for '${format}' datalake format`;
const disk = (recover: number, limit: number) =>
  `Invalid disk write-limit configuration: server.data-disk.write-recover-ratio (${recover}) must be above 0 and below ` +
  `server.data-disk.write-limit-ratio (${limit}), which must be at most 1.`;
const missing = (kept: string, lost: string) =>
  `remote.data.dirs (${kept}) must contain all existing remote data directories; missing: ${lost}. ` +
  'To put nothing new into a directory, keep it and give it the weight 0 in remote.data.dirs.weights.';
const recoverKey = 'server.data-disk.write-recover-ratio';
const limitKey = 'server.data-disk.write-limit-ratio';
const weighted = { 'remote.data.dirs': 'a,b', 'remote.data.dirs.strategy': 'WEIGHTED_ROUND_ROBIN' };

describe('broken', () => {
  test.each<[what: string, before: readonly ChanceryEvent[], change: Change, field: string, detail: string]>([
    ['the lake without a format', [], { 'datalake.enabled': 'true' }, 'datalake.format', lakeRule],
    [
      'the lake with a hidden format',
      [file({ 'datalake.format': 'paimon' })],
      { 'datalake.enabled': 'TRUE', 'datalake.format': null },
      'datalake.format',
      lakeRule,
    ],
    [
      'the format goes while the lake is enabled',
      [dynamic({ 'datalake.format': 'paimon', 'datalake.enabled': 'true' })],
      { 'datalake.format': undefined },
      'datalake.format',
      lakeRule,
    ],
    [
      'the format goes together with enabling',
      [dynamic({ 'datalake.format': 'paimon' })],
      { 'datalake.format': undefined, 'datalake.enabled': 'true' },
      'datalake.format',
      lakeRule,
    ],
    [
      'a key of another format',
      [dynamic({ 'datalake.format': 'paimon' })],
      { 'datalake.iceberg.x': '1' },
      'datalake.iceberg.x',
      stray('datalake.iceberg.x'),
    ],
    [
      'a key of no format',
      [file({ 'datalake.format': 'Paimon' })],
      { 'datalake.paimonx': '1' },
      'datalake.paimonx',
      stray('datalake.paimonx'),
    ],
    [
      'a new format beside the keys of the old one; the first of them is named',
      [dynamic({ 'datalake.format': 'paimon', 'datalake.paimon.b': '1', 'datalake.paimon.a': '1' })],
      { 'datalake.format': 'iceberg' },
      'datalake.paimon.a',
      stray('datalake.paimon.a', 'iceberg'),
    ],
    [
      'a format above the keys of the file',
      [file({ 'datalake.lance.x': '1' })],
      { 'datalake.format': 'hudi' },
      'datalake.lance.x',
      stray('datalake.lance.x', 'hudi'),
    ],
    [
      'the keys of another format while the format goes',
      [dynamic({ 'datalake.format': 'paimon' })],
      { 'datalake.format': undefined, 'datalake.iceberg.x': '1' },
      'datalake.iceberg.x',
      stray('datalake.iceberg.x'),
    ],
    ['recover above the default limit', [], { [recoverKey]: '0.9' }, recoverKey, disk(0.9, 0.85)],
    ['recover at the limit', [], { [recoverKey]: '0.5', [limitKey]: '0.5' }, recoverKey, disk(0.5, 0.5)],
    ['recover at 0', [], { [recoverKey]: '0' }, limitKey, disk(0, 0.85)],
    ['a limit below the default recover', [], { [limitKey]: '0.8' }, recoverKey, disk(0.8, 0.8)],
    ['a limit above 1', [], { [limitKey]: '1.01' }, limitKey, disk(0.8, 1.01)],
    [
      'a limit that goes from above the recover of the file',
      [file({ [recoverKey]: '0.9' }), dynamic({ [limitKey]: '0.95' })],
      { [limitKey]: undefined },
      recoverKey,
      disk(0.9, 0.85),
    ],
    [
      'a directory is lost',
      [dynamic({ 'remote.data.dirs': 'a,b' })],
      { 'remote.data.dirs': 'b, c' },
      'remote.data.dirs',
      missing('b, c', 'a'),
    ],
    [
      'the single directory is lost',
      [file({ 'remote.data.dir': 'z' })],
      { 'remote.data.dirs': 'a,b' },
      'remote.data.dirs',
      missing('a, b', 'z'),
    ],
    [
      'all directories are lost',
      [dynamic({ 'remote.data.dirs': 'a,b' })],
      { 'remote.data.dirs': undefined },
      'remote.data.dirs',
      missing('', 'a, b'),
    ],
    [
      'weights, but none given',
      [],
      weighted,
      'remote.data.dirs.weights',
      'remote.data.dirs.weights has 0 weights and remote.data.dirs 2 directories: ' +
        'remote.data.dirs.strategy = WEIGHTED_ROUND_ROBIN needs as many of both.',
    ],
    [
      'one directory more than weights',
      [dynamic({ ...weighted, 'remote.data.dirs.weights': '1,2' })],
      { 'remote.data.dirs': 'a,b,c' },
      'remote.data.dirs.weights',
      'remote.data.dirs.weights has 2 weights and remote.data.dirs 3 directories: ' +
        'remote.data.dirs.strategy = WEIGHTED_ROUND_ROBIN needs as many of both.',
    ],
    [
      'a negative weight',
      [],
      { ...weighted, 'remote.data.dirs.weights': '3,-1' },
      'remote.data.dirs.weights',
      'remote.data.dirs.weights[1] is -1: no weight may be negative.',
    ],
    [
      'weights of 0 only',
      [],
      { ...weighted, 'remote.data.dirs.weights': '0,0' },
      'remote.data.dirs.weights',
      'remote.data.dirs.weights adds up to 0: remote.data.dirs.strategy = WEIGHTED_ROUND_ROBIN needs a weight above 0.',
    ],
  ])('%s', (_, before, change, field, detail) => {
    given(...before)
      .when(alter(change))
      .isRefused('CONFIG_RULE_BROKEN', field, detail);
  });
});

describe('kept', () => {
  test.each<[what: string, before: readonly ChanceryEvent[], change: Change]>([
    ['the lake with a format, in one call', [], { 'datalake.enabled': 'true', 'datalake.format': 'paimon' }],
    ['the lake with the format of the file', [file({ 'datalake.format': 'paimon' })], { 'datalake.enabled': 'true' }],
    ['the lake off without a format', [], { 'datalake.enabled': 'false' }],
    ['any key while there is no format', [], { 'datalake.paimon.x': '1', 'datalake.iceberg.x': '1', 'datalake.': '1' }],
    ['keys of the format', [dynamic({ 'datalake.format': 'PAIMON' })], { 'datalake.paimon.x': '1', 'datalake.enabled': 'true' }],
    [
      'another format, its keys exchanged in the same call',
      [dynamic({ 'datalake.format': 'paimon', 'datalake.paimon.a': '1' })],
      { 'datalake.format': 'iceberg', 'datalake.paimon.a': undefined, 'datalake.iceberg.a': '1' },
    ],
    [
      'another format, the keys of the file hidden',
      [file({ 'datalake.format': 'paimon', 'datalake.paimon.a': '1' })],
      { 'datalake.format': 'iceberg', 'datalake.paimon.a': null },
    ],
    [
      'the format goes, its keys stay',
      [dynamic({ 'datalake.format': 'paimon', 'datalake.paimon.a': '1' })],
      { 'datalake.format': undefined },
    ],
    ['both disk ratios', [], { [recoverKey]: '0.9', [limitKey]: '1' }],
    [
      'hidden disk ratios count as the defaults',
      [file({ [recoverKey]: '0.5', [limitKey]: '0.6' })],
      { [recoverKey]: null, [limitKey]: null },
    ],
    ['a directory more', [dynamic({ 'remote.data.dirs': 'a,b' })], { 'remote.data.dirs': 'c, b ,a' }],
    ['the single directory joins the list', [file({ 'remote.data.dir': 'z' })], { 'remote.data.dirs': 'a,z' }],
    [
      'the list goes while it held nothing but the single directory',
      [file({ 'remote.data.dir': 'z' }), dynamic({ 'remote.data.dirs': 'z' })],
      { 'remote.data.dirs': undefined },
    ],
    ['weights for all directories', [], { ...weighted, 'remote.data.dirs.weights': '0, 5' }],
    ['any weights without the strategy', [], { 'remote.data.dirs.weights': '-1' }],
  ])('%s', (_, before, change) => {
    const scenario = given(...before);
    const { decision } = scenario.when(alter(change));
    expect(decision.kind === 'accepted' ? decision.events : decision).toEqual([
      clusterConfigsChanged({
        changes: Object.entries(change).map(([key, text]) => ({
          key,
          previous: scenario.state.configs.dynamic.get(key)?.value ?? { kind: 'unset' },
          value: text === undefined ? { kind: 'unset' } : value(text),
        })),
      }),
    ]);
  });

  test('what the file of a new leader broke does not lock other keys', () => {
    const lakeWithoutFormat = [dynamic({ 'datalake.enabled': 'true' }), file({ [limitKey]: '0.1' })];
    const change = dynamic({ 'kv.snapshot.interval': '5 min' });
    given(...lakeWithoutFormat)
      .when({ name: 'alterClusterConfigs', changes: [{ op: 'set', key: 'kv.snapshot.interval', value: '5 min' }] })
      .gives(change);
  });
});

describe("a node's file", () => {
  test('takes every dynamic key, remote.data.dir, and scalars for texts', () => {
    const section = {
      'remote.data.dir': 's3://z',
      'remote.data.dirs': 's3://a',
      'kv.snapshot.interval': '5 min',
      'server.data-disk.write-limit-ratio': 0.95,
      'datalake.enabled': true,
      'datalake.format': 'paimon',
      'datalake.paimon.warehouse': 's3://w',
      'chancery.log.level': 'debug',
      'log.replica.min-in-sync-replicas-number': 2,
    };
    const checked = checkStaticConfigs(section);
    expect('texts' in checked ? Object.fromEntries(checked.texts) : checked).toEqual(
      Object.fromEntries(Object.entries(section).map(([key, text]) => [key, String(text)])),
    );
    expect(checkStaticConfigs({})).toEqual({ texts: new Map() });
  });

  test.each<[section: Readonly<Record<string, unknown>>, code: RejectionCode, field: string, detail: string]>([
    [{ 'kv.snap': '1' }, 'CONFIG_NOT_DYNAMIC', 'kv.snap', "There is no cluster config 'kv.snap': this release does not know the key."],
    [{ 'datalake.x': null }, 'INVALID_CONFIG_VALUE', 'datalake.x', "The value of 'datalake.x' must be a text."],
    [{ 'datalake.x': ['a'] }, 'INVALID_CONFIG_VALUE', 'datalake.x', "The value of 'datalake.x' must be a text."],
    [{ 'datalake.x': 'a\u0007' }, 'INVALID_CONFIG_VALUE', 'datalake.x', "'datalake.x' holds a control character"],
    [
      { 'datalake.x': '\u0024{env:X}' },
      'INVALID_CONFIG_VALUE',
      'datalake.x',
      "Config provider markers are not supported: key 'datalake.x'.",
    ],
    [
      { 'kv.snapshot.interval': 'soon' },
      'INVALID_CONFIG_VALUE',
      'kv.snapshot.interval',
      "Cannot parse 'soon' as Duration for config 'kv.snapshot.interval': Could not parse value 'soon' for key 'kv.snapshot.interval'.",
    ],
    [{ 'kv.snapshot.interval': '0s' }, 'INVALID_CONFIG_VALUE', 'kv.snapshot.interval', 'kv.snapshot.interval must be greater than 0.'],
    [{ 'datalake.enabled': 'true' }, 'CONFIG_RULE_BROKEN', 'datalake.format', lakeRule],
    [{ 'datalake.format': 'paimon', 'datalake.hudi.x': '' }, 'CONFIG_RULE_BROKEN', 'datalake.hudi.x', stray('datalake.hudi.x')],
    [{ [limitKey]: '2' }, 'CONFIG_RULE_BROKEN', limitKey, disk(0.8, 2)],
    [{ 'datalake.x': 'x'.repeat(8193) }, 'TOO_LARGE', 'datalake.x', "'datalake.x': at most 256 characters for a key, 8192 for a value"],
  ])('%j', (section, code, field, detail) => {
    expect(checkStaticConfigs(section)).toMatchObject({ code, field, detail });
  });
});
