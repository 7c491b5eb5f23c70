import type { ConfigValue } from '../events/configs.ts';
import { configKeyOf, type KeyOf, type KnownKey, knownKeys, type ValueOf } from './configKeys.ts';
import { wholeMs } from './configValues.ts';
import { defineProjection } from './kit.ts';
import { Table } from './table.ts';

/** A key of the dynamic map, with the entry that set it. */
export interface DynamicConfig {
  readonly value: ConfigValue;
  readonly position: number;
  readonly at: number;
  readonly principal: string;
}
/** The two layers of cluster configs above the defaults: the dynamic map, and below it the file of the node that leads. */
export interface Configs {
  readonly dynamic: Table<DynamicConfig>;
  readonly fromFile: Readonly<Record<string, ConfigValue>>;
}

export const configs = defineProjection<Configs>({
  name: 'configs',
  version: 1,
  initial: () => ({ dynamic: Table.empty(), fromFile: {} }),
  on: {
    LeadershipTaken: (state, { event: { data } }) => {
      state.fromFile = data.staticConfigs;
    },
    ClusterConfigsChanged: (state, { event: { data, act }, position, at }) => {
      for (const { key, value } of data.changes) {
        state.dynamic =
          value.kind === 'unset' ? state.dynamic.delete(key) : state.dynamic.set(key, { at, position, principal: act.principal, value });
      }
    },
  },
});

const unset: ConfigValue = { kind: 'unset' };
/** What the dynamic map holds for a key. */
export const dynamicConfig = (state: Configs, key: string): ConfigValue => state.dynamic.get(key)?.value ?? unset;
/** What the leader's file holds for a key. */
export const fileConfig = (state: Configs, key: string): ConfigValue =>
  (Object.hasOwn(state.fromFile, key) ? state.fromFile[key] : undefined) ?? unset;

/** What both layers together say: the dynamic map, else the file. `unset` means that the default counts. */
export function effectiveConfig(state: Configs, key: string): ConfigValue {
  const dynamic = dynamicConfig(state, key);
  return dynamic.kind === 'unset' ? fileConfig(state, key) : dynamic;
}

/** Every key that either layer holds, once, in no order. */
export function* keysInForce(state: Configs): Generator<string> {
  for (const [key] of state.dynamic.rows()) yield key;
  for (const key of Object.keys(state.fromFile)) if (!state.dynamic.has(key)) yield key;
}

/**
 * What a component makes of a value of a known key: the value, else the default, else `undefined`. A key set to nothing has its
 * default, and so has a value that this release cannot read: one bad value, let in by another release, must not stop a component.
 */
export function readConfig<K extends KnownKey>(key: K, value: ConfigValue): ValueOf<K> {
  const text = value.kind === 'text' ? value.text : undefined;
  const known = newestRead.get(key);
  if (known !== undefined && known.text === text) return known.value as ValueOf<K>;
  const definition = configKeyOf(key);
  const parsed = text === undefined ? undefined : definition?.type.parse(text);
  const fallback = definition?.default === undefined ? undefined : definition.type.parse(definition.default);
  const read = (parsed ?? fallback) as ValueOf<K>;
  newestRead.set(key, { text, value: read });
  return read;
}
/** By key the text that was read last, and its value: requests ask for the same ones again and again. */
const newestRead = new Map<KnownKey, { readonly text: string | undefined; readonly value: unknown }>();
/** The value of a known key that is in force. */
export const configOf = <K extends KnownKey>(state: Configs, key: K): ValueOf<K> => readConfig(key, effectiveConfig(state, key));
export const integerOf = (state: Configs, key: KeyOf<'Integer'>): number => configOf(state, key);
/** Bytes. */
export const memoryBytesOf = (state: Configs, key: KeyOf<'MemorySize'>): bigint => configOf(state, key);
/** Whole milliseconds. */
export const durationMsOf = (state: Configs, key: KeyOf<'Duration'>): number => wholeMs(configOf(state, key));

/** One line of a listing. */
export interface ConfigRow {
  readonly key: string;
  /** As it was given; secrets as `alice:******,bob:******`; absent when the key has no value. */
  readonly value?: string;
  readonly source: 'DYNAMIC_CONFIG' | 'STATIC_CONFIG' | 'DEFAULT_CONFIG';
  readonly type: string;
  readonly default?: string;
  readonly about: string;
  /** Of a dynamic value: the event that set it, its time (epoch milliseconds) and who did it. */
  readonly position?: number;
  readonly at?: number;
  readonly principal?: string;
}

/**
 * Cluster configs as an operator sees them.
 * @param keys which ones, in this order; a key given twice is answered twice, one that neither layer holds is passed over.
 *   Without keys: every key there is, defaults included, ascending.
 */
export function describeConfigs(state: Configs, keys?: readonly string[]): readonly ConfigRow[] {
  if (keys === undefined) return [...new Set([...keysInForce(state), ...knownKeys])].sort().map((key) => describe(state, key));
  return keys.filter((key) => effectiveConfig(state, key).kind !== 'unset').map((key) => describe(state, key));
}

function describe(state: Configs, key: string): ConfigRow {
  const definition = configKeyOf(key);
  const row = state.dynamic.get(key);
  const value = shown(key, effectiveConfig(state, key));
  const fallback = definition?.default;
  const about = {
    type: definition?.type.name ?? 'String',
    about: definition?.about ?? 'Set by another release; this one does not know the key.',
    ...(fallback === undefined ? {} : { default: fallback }),
  };
  const given = value === undefined ? {} : { value };
  if (row !== undefined) {
    const { position, at, principal } = row;
    return { key, ...given, source: 'DYNAMIC_CONFIG', ...about, position, at, principal };
  }
  if (fileConfig(state, key).kind !== 'unset') return { key, ...given, source: 'STATIC_CONFIG', ...about };
  return { key, ...(fallback === undefined ? {} : { value: fallback }), source: 'DEFAULT_CONFIG', ...about };
}

const mask = '******';
/** A value as people may see it; `undefined` when there is none. */
function shown(key: string, value: ConfigValue): string | undefined {
  switch (value.kind) {
    case 'unset':
    case 'hidden':
      return undefined;
    case 'text':
      return configKeyOf(key)?.secret ? mask : value.text;
    case 'secrets':
      return Object.keys(value.entries)
        .sort()
        .map((name) => `${name}:${mask}`)
        .join(',');
  }
}

/** Whether two values say the same. Sealed entries are the same only when their ciphertexts are: what is inside is not looked at. */
export function isSameValue(a: ConfigValue, b: ConfigValue): boolean {
  if (a === b) return true;
  if (a.kind === 'text' && b.kind === 'text') return a.text === b.text;
  if (a.kind !== 'secrets' || b.kind !== 'secrets') return a.kind === b.kind;
  const names = Object.keys(a.entries);
  if (names.length !== Object.keys(b.entries).length) return false;
  return names.every((name) => {
    const [one, other] = [a.entries[name], Object.hasOwn(b.entries, name) ? b.entries[name] : undefined];
    return (
      one !== undefined &&
      other !== undefined &&
      one.keyId === other.keyId &&
      one.nonce === other.nonce &&
      one.ciphertext === other.ciphertext
    );
  });
}

/** The keys whose effective value differs between two states of one log, ascending. Costs what changed, not what there is. */
export function changedKeys(before: Configs, after: Configs): readonly string[] {
  const touched = new Set<string>();
  for (const { key } of after.dynamic.changesSince(before.dynamic)) touched.add(key);
  if (before.fromFile !== after.fromFile)
    for (const key of [...Object.keys(before.fromFile), ...Object.keys(after.fromFile)]) touched.add(key);
  return [...touched].filter((key) => !isSameValue(effectiveConfig(before, key), effectiveConfig(after, key))).sort();
}
