/** What a cluster config must satisfy: by itself, and together with others. Texts are Fluss's where its clients see them. */
import type { ConfigValue } from '../../events/configs.ts';
import { configLimits } from '../../events/configs.ts';
import { configKeyOf, dataLakePrefix, type KnownKey, type ValueOf } from '../../projections/configKeys.ts';
import { isSameValue, readConfig } from '../../projections/configs.ts';
import { mapEntry } from '../../projections/configValues.ts';
import { type Rejection, rejection } from '../rejection.ts';

/** What is wrong with a text as such: the log, the history and every terminal must be able to show it. `undefined` for a good one. */
export function textFault(text: string): string | undefined {
  if (!text.isWellFormed()) return 'holds half of a surrogate pair, which is no text';
  if (/\p{Cc}/u.test(text)) return 'holds a control character';
  return undefined;
}

/** `${…}`, which Fluss replaces by the word of a config provider, and only while a server starts. */
export const hasMarker = (text: string): boolean => /\$\{[^}]*\}/.test(text);

/** One change as far as the rules of an operation look at it: sealed values are no texts. */
interface Operation {
  readonly op: 'set' | 'delete' | 'append' | 'subtract';
  readonly key: string;
  readonly value?: unknown;
}

/**
 * Whether an operation may be done to its key at all, whatever the state.
 * @param at the path of the change: `changes[2]`.
 * @returns CONFIG_NOT_DYNAMIC, INVALID_CONFIG_VALUE or INVALID_CONFIG_OPERATION
 */
export function operationFault({ op, key, value }: Operation, at: string): Rejection | undefined {
  const definition = configKeyOf(key);
  if (definition === undefined || definition.fileOnly)
    return rejection('CONFIG_NOT_DYNAMIC', `${at}.key`, `The config key ${key} is not allowed to be changed dynamically.`);
  if (typeof value === 'string' && hasMarker(value))
    return rejection(
      'INVALID_CONFIG_VALUE',
      `${at}.value`,
      `Config provider markers are resolved at startup only and are not supported in dynamic configuration: key '${key}'.`,
    );
  if (op !== 'append' && op !== 'subtract') return undefined;
  const { collection } = definition.type;
  if (collection === undefined)
    return rejection(
      'INVALID_CONFIG_OPERATION',
      `${at}.key`,
      `APPEND/SUBTRACT operations are only supported for list-typed or map-typed config keys, but '${key}' is not a list or map type.`,
    );
  if (collection === 'map' && typeof value === 'string' && mapEntry(value) === undefined)
    return rejection(
      'INVALID_CONFIG_VALUE',
      `${at}.value`,
      `Invalid map entry for config '${key}': ${definition.secret ? '******' : value}`,
    );
  return undefined;
}

/** The refusal of a text that is not of its key's type; the text of a secret is masked. */
export function unparsable(key: string, given: string, field: string): Rejection {
  const definition = configKeyOf(key);
  const shown = definition?.secret ? '******' : given;
  const type = definition?.type.name;
  const detail = `Cannot parse '${shown}' as ${type} for config '${key}': Could not parse value '${shown}' for key '${key}'.`;
  return rejection('INVALID_CONFIG_VALUE', field, detail);
}

/** Whether a value is of its key's type and good by itself. Sealed values were looked at before they were sealed. */
export function valueFault(key: string, value: ConfigValue, field: string): Rejection | undefined {
  const definition = configKeyOf(key);
  if (definition === undefined || value.kind !== 'text') return undefined;
  const parsed = definition.type.parse(value.text);
  if (parsed === undefined) return unparsable(key, value.text, field);
  const wrong = definition.check?.(parsed, key);
  return wrong === undefined ? undefined : rejection('INVALID_CONFIG_VALUE', field, wrong);
}

/** What is in force before and after a change, both layers together. */
export interface Transition {
  readonly before: (key: string) => ConfigValue;
  readonly after: (key: string) => ConfigValue;
  /** The keys that may differ. */
  readonly touched: readonly string[];
  /** Every key that holds something afterwards, in parts, some perhaps twice; read once, and only when all must be looked at. */
  readonly keysAfter: readonly Iterable<string>[];
}
/** A transition with the keys whose effective value differs. */
interface Comparison extends Transition {
  readonly changed: ReadonlySet<string>;
}
interface Broken {
  readonly key: string;
  readonly detail: string;
}
type Rule = (comparison: Comparison) => Broken | undefined;

const read = <K extends KnownKey>(lookup: Transition['before'], key: K): ValueOf<K> => readConfig(key, lookup(key));

const lakeNeedsFormat: Rule = ({ after }) =>
  read(after, 'datalake.enabled') === true && read(after, 'datalake.format') === undefined
    ? { key: 'datalake.format', detail: "'datalake.format' must be configured when 'datalake.enabled' is explicitly set to true." }
    : undefined;

/**
 * With a format every other lake key is one of that format. A removed format still counts for this call, so that its keys are not
 * exchanged for others under its cover. Keys that did not change need a look only when the format did.
 */
const lakeKeysFitFormat: Rule = ({ before, after, changed, keysAfter }) => {
  const format = read(after, 'datalake.format') ?? read(before, 'datalake.format');
  if (format === undefined) return undefined;
  let stray: string | undefined;
  for (const candidates of changed.has('datalake.format') ? keysAfter : [changed])
    for (const key of candidates)
      if (isStray(key, format) && after(key).kind === 'text' && (stray === undefined || key < stray)) stray = key;
  return stray === undefined ? undefined : { key: stray, detail: `Invalid configuration '${stray}' for '${format}' datalake format` };
};

const isStray = (key: string, format: string): boolean =>
  key.startsWith(dataLakePrefix) &&
  key !== 'datalake.format' &&
  key !== 'datalake.enabled' &&
  !key.startsWith(`${dataLakePrefix}${format}.`);

const diskLimits: Rule = ({ after }) => {
  const limit = read(after, 'server.data-disk.write-limit-ratio');
  const recover = read(after, 'server.data-disk.write-recover-ratio');
  if (recover > 0 && recover < limit && limit <= 1) return undefined;
  return {
    key: recover > 0 && limit <= 1 ? 'server.data-disk.write-recover-ratio' : 'server.data-disk.write-limit-ratio',
    detail:
      `Invalid disk write-limit configuration: server.data-disk.write-recover-ratio (${recover}) must be above 0 and below ` +
      `server.data-disk.write-limit-ratio (${limit}), which must be at most 1.`,
  };
};

const directoriesInUse = (lookup: Transition['before']): readonly string[] => {
  const directories = read(lookup, 'remote.data.dirs');
  const single = read(lookup, 'remote.data.dir');
  return directories.length > 0 || single === undefined ? directories : [single];
};

const keepsRemoteDirectories: Rule = ({ before, after }) => {
  const kept = directoriesInUse(after);
  const missing = directoriesInUse(before).filter((directory) => !kept.includes(directory));
  if (missing.length === 0) return undefined;
  const detail =
    `remote.data.dirs (${kept.join(', ')}) must contain all existing remote data directories; missing: ${missing.join(', ')}. ` +
    'To put nothing new into a directory, keep it and give it the weight 0 in remote.data.dirs.weights.';
  return { key: 'remote.data.dirs', detail };
};

const remoteWeights: Rule = ({ after }) => {
  if (read(after, 'remote.data.dirs.strategy') !== 'WEIGHTED_ROUND_ROBIN') return undefined;
  const directories = read(after, 'remote.data.dirs').length;
  const weights = read(after, 'remote.data.dirs.weights');
  const key = 'remote.data.dirs.weights';
  const strategy = 'remote.data.dirs.strategy = WEIGHTED_ROUND_ROBIN';
  if (weights.length !== directories) {
    const counts = `${key} has ${weights.length} weights and remote.data.dirs ${directories} directories`;
    const detail = `${counts}: ${strategy} needs as many of both.`;
    return { key, detail };
  }
  const negative = weights.findIndex((weight) => weight < 0);
  if (negative >= 0) return { key, detail: `${key}[${negative}] is ${weights[negative]}: no weight may be negative.` };
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return sum > 0 ? undefined : { key, detail: `${key} adds up to 0: ${strategy} needs a weight above 0.` };
};

/**
 * Each with the keys it is about. While none of them changes the rule is not looked at: what the file of another leader broke must
 * not lock every other key.
 */
const rules: readonly { readonly isAbout: (key: string) => boolean; readonly rule: Rule }[] = [
  { isAbout: (key) => key.startsWith(dataLakePrefix), rule: lakeNeedsFormat },
  { isAbout: (key) => key.startsWith(dataLakePrefix), rule: lakeKeysFitFormat },
  { isAbout: (key) => key.startsWith('server.data-disk.write-'), rule: diskLimits },
  { isAbout: (key) => key === 'remote.data.dirs', rule: keepsRemoteDirectories },
  { isAbout: (key) => key.startsWith('remote.data.dirs'), rule: remoteWeights },
];

/** The first rule across keys that a transition breaks. @returns CONFIG_RULE_BROKEN, its field the key at fault */
export function ruleFault(transition: Transition): Rejection | undefined {
  const { before, after, touched } = transition;
  const changed = touched.filter((key) => !isSameValue(before(key), after(key)));
  const comparison = { ...transition, changed: new Set(changed) };
  for (const { isAbout, rule } of rules) {
    if (!changed.some(isAbout)) continue;
    const broken = rule(comparison);
    if (broken !== undefined) return rejection('CONFIG_RULE_BROKEN', broken.key, broken.detail);
  }
  return undefined;
}

const unset: ConfigValue = { kind: 'unset' };

/**
 * The cluster configs of a node's file, checked as a change would be; also the keys that only a file may hold. Secrets are
 * checked by whoever seals them.
 * @param section the file's `cluster-configs`, key to text. Numbers and booleans count as the text that was meant.
 * @returns the texts; or a rejection whose field is the key
 */
export function checkStaticConfigs(
  section: Readonly<Record<string, unknown>>,
): { readonly texts: ReadonlyMap<string, string> } | Rejection {
  const texts = new Map<string, string>();
  for (const [key, given] of Object.entries(section)) {
    if (configKeyOf(key) === undefined)
      return rejection('CONFIG_NOT_DYNAMIC', key, `There is no cluster config '${key}': this release does not know the key.`);
    if (typeof given !== 'string' && typeof given !== 'number' && typeof given !== 'boolean')
      return rejection('INVALID_CONFIG_VALUE', key, `The value of '${key}' must be a text.`);
    const text = String(given);
    const fault = staticFault(key, text);
    if (fault !== undefined) return fault;
    texts.set(key, text);
  }
  const after = (key: string): ConfigValue => {
    const text = texts.get(key);
    return text === undefined ? unset : { kind: 'text', text };
  };
  const keys = [...texts.keys()];
  const fault = ruleFault({ before: () => unset, after, touched: keys, keysAfter: [keys] });
  return fault ?? { texts };
}

function staticFault(key: string, text: string): Rejection | undefined {
  if (key.length > configLimits.keyLength || text.length > configLimits.valueLength)
    return rejection(
      'TOO_LARGE',
      key,
      `'${key.slice(0, 40)}': at most ${configLimits.keyLength} characters for a key, ${configLimits.valueLength} for a value`,
    );
  const isSecret = configKeyOf(key)?.secret === true;
  const wrong = textFault(key) ?? (isSecret ? undefined : textFault(text));
  if (wrong !== undefined) return rejection('INVALID_CONFIG_VALUE', key, `'${key}' ${wrong}`);
  if (hasMarker(text)) return rejection('INVALID_CONFIG_VALUE', key, `Config provider markers are not supported: key '${key}'.`);
  return isSecret ? undefined : valueFault(key, { kind: 'text', text }, key);
}
