/**
 * Goal: every reader sees the same configs: the dynamic map over the leader's file over the defaults; secrets only as `******`.
 * Method: given events, then rows, values and changed keys; the list of keys against fluss-semantics 3.1.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type ConfigValue, clusterConfigsChanged } from '../../events/configs.ts';
import type { ChanceryEvent } from '../../events/index.ts';
import { leadershipTaken } from '../../events/leadership.ts';
import { configKeyOf, isChanceryKey, knownKeys } from '../../projections/configKeys.ts';
import {
  changedKeys,
  configOf,
  describeConfigs,
  durationMsOf,
  effectiveConfig,
  integerOf,
  isSameValue,
  keysInForce,
  memoryBytesOf,
} from '../../projections/configs.ts';
import { duration, memorySize, wholeMs } from '../../projections/configValues.ts';
import { bulkFold } from '../../projections/state.ts';
import { logOf, startedAt, stateAfter } from '../support/given.ts';
import { replay } from '../support/replay.ts';
import { validLog } from './validLogs.ts';

const text = (value: string): ConfigValue => ({ kind: 'text', text: value });
const hidden: ConfigValue = { kind: 'hidden' };
const unset: ConfigValue = { kind: 'unset' };
const sealed = { keyId: 'k1', nonce: 'n', ciphertext: 'c' };
const limiter = 'kv.rocksdb.shared-rate-limiter.bytes-per-sec';
const credentials = 'security.sasl.plain.credentials';
const changed = (...changes: readonly (readonly [key: string, value: ConfigValue])[]): ChanceryEvent =>
  clusterConfigsChanged({ changes: changes.map(([key, value]) => ({ key, previous: unset, value })) });
const file = (staticConfigs: Record<string, ConfigValue>, epoch = 1): ChanceryEvent =>
  leadershipTaken({ nodeId: 'n1', epoch, staticConfigs });
const configsAfter = (...events: readonly ChanceryEvent[]) => stateAfter(...events).configs;

test('the keys, their types and defaults are those of Fluss, and a few of our own', () => {
  expect(knownKeys.map((key) => [key, configKeyOf(key)?.type.name, configKeyOf(key)?.default])).toEqual([
    ['authorizer.enabled', 'Boolean', 'false'],
    ['chancery.coordinator.forget-after', 'Duration', '24 h'],
    ['chancery.log.level', 'LogLevel', 'info'],
    ['chancery.meta-service.aborted-transactions-per-label', 'Integer', '100'],
    ['chancery.meta-service.check-cluster-names', 'Boolean', 'false'],
    ['chancery.meta-service.check-instance-id', 'Boolean', 'true'],
    ['chancery.meta-service.distinguish-hdfs-paths', 'Boolean', 'true'],
    ['chancery.meta-service.protect-young-frontends', 'Boolean', 'true'],
    ['chancery.rebalance.max-moves', 'Integer', '8'],
    ['chancery.rebalance.max-moves-per-server', 'Integer', '2'],
    ['chancery.rebalance.move-timeout', 'Duration', '30 min'],
    ['chancery.server.lease', 'Duration', '10 s'],
    ['chancery.submit.rate-limit-per-sec', 'Integer', '0'],
    ['chancery.tiering.round-timeout', 'Duration', '2 min'],
    ['datalake.enabled', 'Boolean', undefined],
    ['datalake.format', 'DataLakeFormat', undefined],
    ['default.bucket.number', 'Integer', '1'],
    ['default.replication.factor', 'Integer', '1'],
    ['kv.leader-replica.memory-reserved', 'MemorySize', '0b'],
    [limiter, 'MemorySize', '9223372036854775807b'],
    ['kv.snapshot.interval', 'Duration', '10 min'],
    ['log.replica.min-in-sync-replicas-number', 'Integer', '1'],
    ['log.retention.roll-active-segment.enabled', 'Boolean', 'false'],
    ['remote.data.dir', 'String', undefined],
    ['remote.data.dirs', 'List<String>', ''],
    ['remote.data.dirs.strategy', 'RemoteDataDirStrategy', 'ROUND_ROBIN'],
    ['remote.data.dirs.weights', 'List<Integer>', ''],
    ['security.acl.principal.ignore-case', 'Boolean', 'false'],
    [credentials, 'Map<String,String>', ''],
    ['server.data-disk.write-limit-ratio', 'Double', '0.85'],
    ['server.data-disk.write-recover-ratio', 'Double', '0.80'],
    ['server.historical-partition.lookup-cache.max-disk-ratio', 'Double', '0.10'],
    ['server.historical-partition.lookuper-cache.expire-after-access', 'Duration', '3 h'],
    ['super.users', 'String', ''],
  ]);
  expect(knownKeys.filter(isChanceryKey)).toEqual(knownKeys.filter((key) => key.startsWith('chancery.')));
  expect(knownKeys.filter((key) => configKeyOf(key)?.secret)).toEqual([credentials]);
  for (const key of knownKeys) {
    const definition = configKeyOf(key);
    expect(definition?.about, key).toMatch(/^[A-Z].*\.$/);
    // A default must be a value that an operator could give.
    const parsed = definition?.default === undefined ? 0 : definition.type.parse(definition.default);
    expect(parsed, key).toBeDefined();
    expect(definition?.default === undefined ? undefined : definition.check?.(parsed, key), key).toBeUndefined();
  }
});

describe('what a component reads', () => {
  test('defaults, when nothing is set', () => {
    const configs = configsAfter();
    expect(durationMsOf(configs, 'chancery.coordinator.forget-after')).toBe(86_400_000);
    expect(integerOf(configs, 'chancery.submit.rate-limit-per-sec')).toBe(0);
    expect(memoryBytesOf(configs, limiter)).toBe(2n ** 63n - 1n);
    expect(configOf(configs, 'chancery.log.level')).toBe('info');
    expect(configOf(configs, 'server.data-disk.write-recover-ratio')).toBe(0.8);
    expect(configOf(configs, 'datalake.format')).toBeUndefined();
    expect(configOf(configs, 'remote.data.dirs')).toEqual([]);
    expect(configOf(configs, 'log.retention.roll-active-segment.enabled')).toBe(false);
  });
  test('the file over the default, the dynamic map over the file, and back', () => {
    const key = 'chancery.log.level';
    const [inFile, dynamic] = [file({ [key]: text('WARN') }), changed([key, text('Debug')])];
    expect(configOf(configsAfter(inFile), key)).toBe('warn');
    expect(configOf(configsAfter(inFile, dynamic), key)).toBe('debug');
    expect(configOf(configsAfter(inFile, dynamic, changed([key, hidden])), key)).toBe('info');
    expect(configOf(configsAfter(inFile, dynamic, changed([key, unset])), key)).toBe('warn');
    expect(configOf(configsAfter(inFile, dynamic, changed([key, unset]), file({}, 2)), key)).toBe('info');
  });
  test('lists, words and numbers in their own form', () => {
    const configs = configsAfter(
      changed(
        ['remote.data.dirs', text('s3://a, s3://b ,')],
        ['remote.data.dirs.weights', text('1, -2')],
        ['datalake.format', text('PAIMON')],
        [limiter, text('200MB')],
        ['kv.snapshot.interval', text('1500 ms')],
      ),
    );
    expect(configOf(configs, 'remote.data.dirs')).toEqual(['s3://a', 's3://b']);
    expect(configOf(configs, 'remote.data.dirs.weights')).toEqual([1, -2]);
    expect(configOf(configs, 'datalake.format')).toBe('paimon');
    expect(memoryBytesOf(configs, limiter)).toBe(209_715_200n);
    expect(durationMsOf(configs, 'kv.snapshot.interval')).toBe(1500);
  });
  test('the default, where another release let in what this one cannot read', () => {
    expect(
      integerOf(configsAfter(changed(['chancery.submit.rate-limit-per-sec', text('many')])), 'chancery.submit.rate-limit-per-sec'),
    ).toBe(0);
  });
});

describe('describeConfigs', () => {
  const configs = configsAfter(
    file({
      [limiter]: text('1mb'),
      'kv.snapshot.interval': text('1 min'),
      'datalake.format': text('paimon'),
      'remote.data.dir': text('s3://z'),
    }),
    changed([limiter, text('2mb')], ['kv.snapshot.interval', hidden], ['datalake.paimon.x', text('')]),
    changed([credentials, { kind: 'secrets', entries: { bob: sealed, alice: sealed } }]),
  );
  const set = { position: 2, at: startedAt + 1000, principal: 'User:dana' };

  test('asked for keys: in that order, repeated ones twice, those without a value in either layer not at all', () => {
    const keys = [
      limiter,
      'no.such.key',
      'datalake.format',
      limiter,
      'server.data-disk.write-limit-ratio',
      'kv.snapshot.interval',
      '__proto__',
    ];
    expect(describeConfigs(configs, keys).map(({ key, value, source }) => [key, value, source])).toEqual([
      [limiter, '2mb', 'DYNAMIC_CONFIG'],
      ['datalake.format', 'paimon', 'STATIC_CONFIG'],
      [limiter, '2mb', 'DYNAMIC_CONFIG'],
      ['kv.snapshot.interval', undefined, 'DYNAMIC_CONFIG'],
    ]);
    expect(describeConfigs(configs, [])).toEqual([]);
  });

  test('a row says what the key is, and who set it', () => {
    expect(describeConfigs(configs, [limiter, 'datalake.format', 'datalake.paimon.x'])).toEqual([
      {
        key: limiter,
        value: '2mb',
        source: 'DYNAMIC_CONFIG',
        type: 'MemorySize',
        default: '9223372036854775807b',
        about: 'Bytes per second that all RocksDB instances of a server may write.',
        ...set,
      },
      {
        key: 'datalake.format',
        value: 'paimon',
        source: 'STATIC_CONFIG',
        type: 'DataLakeFormat',
        about: 'The lake format that tables are tiered to.',
      },
      {
        key: 'datalake.paimon.x',
        value: '',
        source: 'DYNAMIC_CONFIG',
        type: 'String',
        about: 'A setting of the lake format, passed on as it is.',
        ...set,
      },
    ]);
  });

  test('secrets are masked, entry by entry, by name', () => {
    const [row] = describeConfigs(configs, [credentials]);
    expect(row?.value).toBe('alice:******,bob:******');
    expect(JSON.stringify(describeConfigs(configs))).not.toContain('"c"');
    // Even one that came in unsealed, by whatever mistake.
    expect(describeConfigs(configsAfter(file({ [credentials]: text('alice:pw') })), [credentials])[0]?.value).toBe('******');
  });

  test('all: every key there is, ascending, defaults included', () => {
    const all = describeConfigs(configs);
    expect(all.map(({ key }) => key)).toEqual([...knownKeys, 'datalake.paimon.x'].sort());
    expect(all.filter(({ source }) => source === 'DEFAULT_CONFIG').length).toBe(knownKeys.length - 5);
    expect(all.find(({ key }) => key === 'kv.leader-replica.memory-reserved')).toEqual({
      key: 'kv.leader-replica.memory-reserved',
      value: '0b',
      source: 'DEFAULT_CONFIG',
      type: 'MemorySize',
      default: '0b',
      about: 'Memory kept free for each leader replica of a primary key table.',
    });
    expect(all.find(({ key }) => key === 'datalake.enabled')).not.toHaveProperty('value');
  });

  test('a set equal to the value of the file is dynamic', () => {
    const [row] = describeConfigs(configsAfter(file({ [limiter]: text('1mb') }), changed([limiter, text('1mb')])), [limiter]);
    expect(row).toMatchObject({ value: '1mb', source: 'DYNAMIC_CONFIG' });
  });

  test('a key of another release is shown as a text', () => {
    expect(describeConfigs(configsAfter(changed(['new.key', text('x')])), ['new.key'])[0]).toMatchObject({ value: 'x', type: 'String' });
  });
});

test('the changed keys of two states are those whose effective value differs', () => {
  let found = 0;
  fc.assert(
    fc.property(validLog, fc.nat(), fc.nat(), (chapters, i, j) => {
      const log = logOf(chapters);
      const stateAt = (length: number) => {
        const fold = bulkFold();
        fold.add(log.slice(0, length).map(({ entry }) => entry));
        return fold.finish().configs;
      };
      const [before, after] = [stateAt(i % (log.length + 1)), stateAt(j % (log.length + 1))];
      const keys = [...new Set([...keysInForce(before), ...keysInForce(after)])].sort();
      const shown = (configs: typeof before, key: string) => JSON.stringify(effectiveConfig(configs, key));
      const expected = keys.filter((key) => shown(before, key) !== shown(after, key));
      expect(changedKeys(before, after)).toEqual(expected);
      found += expected.length;
    }),
    replay({ numRuns: 100 }).params,
  );
  expect(found).toBeGreaterThan(50);
});

test('values are the same when they say the same', () => {
  const values: readonly ConfigValue[] = [
    unset,
    hidden,
    text(''),
    text('a'),
    { kind: 'secrets', entries: {} },
    { kind: 'secrets', entries: { a: sealed } },
    { kind: 'secrets', entries: { b: sealed } },
    { kind: 'secrets', entries: { a: sealed, b: sealed } },
    { kind: 'secrets', entries: { a: { ...sealed, keyId: 'k2' } } },
    { kind: 'secrets', entries: { a: { ...sealed, nonce: 'm' } } },
    { kind: 'secrets', entries: { a: { ...sealed, ciphertext: 'd' } } },
  ];
  for (const [i, a] of values.entries())
    for (const [j, b] of values.entries()) expect(isSameValue(a, structuredClone(b)), `${i} ${j}`).toBe(i === j);
});

describe('texts of sizes and durations', () => {
  const units = fc.constantFrom<[string, bigint]>(
    ['b', 1n],
    ['kb', 1024n],
    ['MB', 1024n ** 2n],
    ['GibiBytes', 1024n ** 3n],
    ['t', 1024n ** 4n],
  );
  test('a size is its digits times 1,024 for each step, and nothing above 2^63 - 1', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n }), units, fc.constantFrom('', ' ', '  '), (digits, [unit, factor], blank) => {
        const bytes = digits * factor;
        expect(memorySize.parse(`${digits}${blank}${unit}`)).toBe(bytes < 2n ** 63n && digits < 10n ** 19n ? bytes : undefined);
      }),
    );
  });
  test('a duration is nanoseconds, and its milliseconds are rounded down', () => {
    fc.assert(
      fc.property(
        fc.nat(1_000_000),
        fc.constantFrom<[string, number]>(['d', 86_400_000], ['min', 60_000], ['Sec', 1000], ['ms', 1]),
        (n, [unit, ms]) => {
          expect(wholeMs(duration.parse(`${n} ${unit}`) ?? -1n)).toBe(n * ms);
          expect(wholeMs(duration.parse(`${n} µs`) ?? -1n)).toBe(Math.floor(n / 1000));
          expect(duration.parse(`${n}ns`)).toBe(BigInt(n));
        },
      ),
    );
    expect(wholeMs(duration.parse('99999999999 d') ?? -1n)).toBe(Number.MAX_SAFE_INTEGER);
  });
  test('no text makes a parser throw', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (given) => {
        for (const key of knownKeys) configKeyOf(key)?.type.parse(given);
      }),
      replay({ numRuns: 40 }).params,
    );
  });
});
