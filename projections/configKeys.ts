/** The cluster configs there are: each with type, default, and what a single value must satisfy. A new key is a line here. */
import { catalogLimits } from '../events/catalog.ts';
import {
  boolean,
  double,
  duration,
  integer,
  integerList,
  memorySize,
  oneOf,
  text,
  textList,
  textMap,
  type ValueType,
  wholeMs,
} from './configValues.ts';

export interface ConfigKey<T = unknown, N extends string = string> {
  readonly type: ValueType<T, N>;
  /** What is in force when neither the dynamic map nor a file says anything. */
  readonly default?: string | undefined;
  /** One sentence for operators. */
  readonly about: string;
  /** A map whose values are sealed before they reach the log, and masked wherever they are shown. */
  readonly secret?: true;
  /** Counts in a node's file only: a change while running is refused. */
  readonly fileOnly?: true;
  /** @returns what is wrong with a value of the right type; `undefined` for a good one. */
  readonly check?: (value: T, key: string) => string | undefined;
}

const define = <T, N extends string, const D extends string | undefined = undefined>(
  type: ValueType<T, N>,
  about: string,
  parts: Omit<ConfigKey<T, N>, 'type' | 'about' | 'default'> & { readonly default?: D } = {},
): Omit<ConfigKey<T, N>, 'default'> & { readonly default: D } => ({ type, about, ...parts, default: parts.default as D });

const shareOfDisk = (value: number, key: string): string | undefined =>
  value > 0 && value <= 1 ? undefined : `Invalid configuration for ${key}, it must be within (0.0, 1.0].`;
const atLeastOneMs = (nanos: bigint, key: string): string | undefined =>
  wholeMs(nanos) >= 1 ? undefined : `Invalid configuration for ${key}, it must be greater than or equal to 1 ms.`;
const aboveZero = (value: number | bigint, key: string): string | undefined => (value > 0 ? undefined : `${key} must be greater than 0.`);

/** The words of `datalake.format`: the lake formats that Fluss can tier to. */
export const dataLakeFormats = ['paimon', 'iceberg', 'lance', 'hudi'] as const;
/** Every key that begins so may be set, whether it is listed here or not. */
export const dataLakePrefix = 'datalake.';

/** What Fluss lets an operator change while it runs. `kv.leader-replica.memory-reserved` needs no check: a size has no sign. */
const flussKeys = {
  'datalake.enabled': define(boolean, 'Whether new tables may be tiered to the lake; needs datalake.format when set to true.'),
  'datalake.format': define(oneOf('DataLakeFormat', dataLakeFormats), 'The lake format that tables are tiered to.'),
  'kv.leader-replica.memory-reserved': define(memorySize, 'Memory kept free for each leader replica of a primary key table.', {
    default: '0b',
  }),
  'kv.rocksdb.shared-rate-limiter.bytes-per-sec': define(memorySize, 'Bytes per second that all RocksDB instances of a server may write.', {
    default: '9223372036854775807b',
  }),
  'kv.snapshot.interval': define(duration, 'How often the buckets of a primary key table take a snapshot.', {
    default: '10 min',
    check: aboveZero,
  }),
  'log.replica.min-in-sync-replicas-number': define(integer, 'In-sync replicas needed before a write that asks for all is acknowledged.', {
    default: '1',
    check: aboveZero,
  }),
  'log.retention.roll-active-segment.enabled': define(boolean, 'Whether retention may close the segment that is still written.', {
    default: 'false',
  }),
  'remote.data.dirs': define(textList, 'Directories for remote data; without any, the one of remote.data.dir.', { default: '' }),
  'remote.data.dirs.strategy': define(
    oneOf('RemoteDataDirStrategy', ['ROUND_ROBIN', 'WEIGHTED_ROUND_ROBIN']),
    'How a new table or partition is given one of remote.data.dirs.',
    { default: 'ROUND_ROBIN' },
  ),
  'remote.data.dirs.weights': define(integerList, 'With WEIGHTED_ROUND_ROBIN one weight for each of remote.data.dirs.', { default: '' }),
  'security.sasl.plain.credentials': define(textMap, 'Users who may log in with SASL/PLAIN, as user:password entries.', {
    default: '',
    secret: true,
  }),
  'server.data-disk.write-limit-ratio': define(double, 'Share of a data disk in use above which a server refuses writes.', {
    default: '0.85',
  }),
  'server.data-disk.write-recover-ratio': define(double, 'Share of a data disk in use below which writes are accepted again.', {
    default: '0.80',
  }),
  'server.historical-partition.lookup-cache.max-disk-ratio': define(double, 'Share of a disk for lookups in historical partitions.', {
    default: '0.10',
    check: shareOfDisk,
  }),
  'server.historical-partition.lookuper-cache.expire-after-access': define(
    duration,
    'After how long without use a historical partition leaves the lookup cache.',
    { default: '3 h', check: atLeastOneMs },
  ),
} as const;

const fromOneTo =
  (most: number) =>
  (value: number, key: string): string | undefined =>
    value >= 1 && value <= most ? undefined : `${key} must be from 1 to ${most}.`;
const durationWithin =
  (leastMs: number, mostMs: number, words: string) =>
  (nanos: bigint, key: string): string | undefined =>
    wholeMs(nanos) >= leastMs && wholeMs(nanos) <= mostMs ? undefined : `${key} must be from ${words}.`;
const longestForgetAfterMs = 3650 * 86_400_000;
const forgetAfterRange = durationWithin(1, longestForgetAfterMs, '1 ms to 3650 days');

/** Chancery's own, unknown to Fluss. */
const chanceryKeys = {
  'chancery.coordinator.forget-after': define(duration, 'How long a lost Chancery node stays listed.', {
    default: '24 h',
    check: forgetAfterRange,
  }),
  'chancery.log.level': define(
    oneOf('LogLevel', ['trace', 'debug', 'info', 'warn', 'error']),
    'The least severe messages that Chancery nodes log.',
    { default: 'info' },
  ),
  'chancery.meta-service.aborted-transactions-per-label': define(
    integer,
    'How many aborted transactions a label may have before it is refused.',
    {
      default: '100',
      check: aboveZero,
    },
  ),
  'chancery.meta-service.check-cluster-names': define(
    boolean,
    'Whether names of clusters must begin with a letter and go on with letters, digits and _.',
    {
      default: 'false',
    },
  ),
  'chancery.meta-service.check-instance-id': define(
    boolean,
    'Whether a cloud_unique_id such as 1:i1:x must name an instance that exists.',
    {
      default: 'true',
    },
  ),
  'chancery.meta-service.distinguish-hdfs-paths': define(boolean, 'Whether HDFS prefixes are given an ending of their own.', {
    default: 'true',
  }),
  'chancery.meta-service.protect-young-frontends': define(boolean, 'Whether frontends younger than 5 minutes may not be dropped.', {
    default: 'true',
  }),
  'chancery.rebalance.max-moves': define(integer, 'How many buckets a rebalance moves at once.', { default: '8', check: fromOneTo(25) }),
  'chancery.rebalance.max-moves-per-server': define(integer, 'How many of those may copy from, or to, one tablet server.', {
    default: '2',
    check: fromOneTo(100),
  }),
  'chancery.rebalance.move-timeout': define(duration, 'How long a bucket may take to move before it is given up.', {
    default: '30 min',
    check: durationWithin(100, longestForgetAfterMs, '100 ms to 3650 days'),
  }),
  'chancery.server.lease': define(duration, 'After how long without a heartbeat a tablet server is taken for lost.', {
    default: '10 s',
    check: durationWithin(500, 3_600_000, '500 ms to 1 h'),
  }),
  'chancery.tiering.round-timeout': define(
    duration,
    'After how long without a heartbeat of its service the tiering of a table is given up.',
    { default: '2 min', check: durationWithin(500, 86_400_000, '500 ms to 1 d') },
  ),
  'chancery.submit.rate-limit-per-sec': define(
    integer,
    'Requests to change something that each Chancery node takes per second; 0: no limit.',
    {
      default: '0',
      check: (value, key) => (value >= 0 ? undefined : `${key} must be 0 or more.`),
    },
  ),
} as const;

/** Read from the file of the node that leads, never changed while running. */
const fileOnlyKeys = {
  'authorizer.enabled': define(boolean, 'Whether callers need entries in the access control list.', { default: 'false', fileOnly: true }),
  'default.bucket.number': define(integer, 'How many buckets a new table has that says nothing of it.', {
    default: '1',
    check: fromOneTo(catalogLimits.buckets),
    fileOnly: true,
  }),
  'default.replication.factor': define(integer, 'How many replicas the buckets of a new table have that says nothing of it.', {
    default: '1',
    check: fromOneTo(catalogLimits.replicationFactor),
    fileOnly: true,
  }),
  'remote.data.dir': define(text, 'The directory for remote data while remote.data.dirs is empty.', { fileOnly: true }),
  'security.acl.principal.ignore-case': define(boolean, 'Whether alice and Alice are one principal.', { default: 'false', fileOnly: true }),
  'super.users': define(text, 'Principals that may do everything, such as User:root;User:admin.', { default: '', fileOnly: true }),
} as const;

const known = { ...flussKeys, ...chanceryKeys, ...fileOnlyKeys } as const;

export type KnownKey = keyof typeof known;
type TypeOf<K extends KnownKey> = (typeof known)[K]['type'] extends ValueType<infer T> ? T : never;
/** What a component reads of a key: never `undefined` for a key with a default. */
export type ValueOf<K extends KnownKey> = (typeof known)[K]['default'] extends string ? TypeOf<K> : TypeOf<K> | undefined;
/** The keys of a type, by its name. */
export type KeyOf<N extends string> = { [K in KnownKey]: (typeof known)[K]['type']['name'] extends N ? K : never }[KnownKey];

/** Every key that is known by name, ascending. */
export const knownKeys: readonly KnownKey[] = (Object.keys(known) as KnownKey[]).sort();

/** Keys that belong to Chancery itself: Fluss's own clients need not see them. */
export const isChanceryKey = (key: string): boolean => Object.hasOwn(chanceryKeys, key);

const anyDataLakeKey = define(text, 'A setting of the lake format, passed on as it is.') as ConfigKey;

/** What is known about a key; `undefined` when there is no such cluster config. */
export const configKeyOf = (key: string): ConfigKey | undefined =>
  Object.hasOwn(known, key) ? (known[key as KnownKey] as ConfigKey) : key.startsWith(dataLakePrefix) ? anyDataLakeKey : undefined;
