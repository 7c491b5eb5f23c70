import { z } from 'zod';
import { type ConfigEvent, type ConfigValue, clusterConfigsChanged, configKey, configLimits } from '../../events/configs.ts';
import { type SealedText, sealedText } from '../../events/kit.ts';
import { configKeyOf } from '../../projections/configKeys.ts';
import { type Configs, dynamicConfig, effectiveConfig, fileConfig, isSameValue, keysInForce } from '../../projections/configs.ts';
import { pieces } from '../../projections/configValues.ts';
import { accept, type Decision, isRejection, type Rejection, refused, rejection } from '../rejection.ts';
import { operationFault, ruleFault, textFault, valueFault } from './configRules.ts';
import { defineCommand } from './kit.ts';

const isClean = (text: string): boolean => textFault(text) === undefined;
const key = configKey.refine(isClean, 'no control characters, no half surrogate pairs');
const text = z.string().max(configLimits.valueLength).refine(isClean, 'no control characters, no half surrogate pairs');
const secretName = z.string().min(1).max(configLimits.secretNameLength);
const secrets = z.strictObject({ entries: z.record(secretName, sealedText) });

/**
 * One operation. Values of secret keys come sealed (`entries`), and what is subtracted from them is named (`name`): a plain secret
 * never enters a command. `null` sets a key to nothing.
 */
const change = z.discriminatedUnion('op', [
  z.strictObject({ op: z.literal('set'), key, value: z.union([text, z.null(), secrets]) }),
  z.strictObject({ op: z.literal('delete'), key }),
  z.strictObject({ op: z.literal('append'), key, value: z.union([text, secrets]) }),
  z.strictObject({ op: z.literal('subtract'), key, value: z.union([text, z.strictObject({ name: secretName })]) }),
]);
export type ConfigChange = Readonly<z.infer<typeof change>>;

/**
 * Set, delete, append to and subtract from dynamic cluster configs: in order, on a copy, all or nothing.
 * Equal secrets cannot be told once they are sealed: setting one again records it again.
 * @returns at most one `ClusterConfigsChanged` with one entry for each key whose content in the dynamic map changes, in the
 *   order in which the keys were first named, none when nothing changes. A text equal to the one in the leader's file is a change:
 *   it becomes dynamic. Or, in the order of the checks: CONFIG_NOT_DYNAMIC, INVALID_CONFIG_OPERATION, INVALID_CONFIG_VALUE,
 *   TOO_LARGE, MALFORMED_REQUEST (a secret that is not sealed), with the path of the change; CONFIG_RULE_BROKEN with the key.
 */
export const alterClusterConfigs = defineCommand({
  name: 'alterClusterConfigs',
  about: 'Change dynamic cluster configs, all of them at once.',
  input: z.strictObject({ changes: z.array(change).min(1).max(configLimits.changesPerCall) }),
  decide: ({ configs }, { changes }): Decision<ConfigEvent> => {
    const layer = new Layer(configs);
    for (const [i, one] of changes.entries()) {
      const fault = operationFault(one, `changes[${i}]`) ?? layer.apply(one, i);
      if (fault !== undefined) return refused(fault);
    }
    const changed = layer.changed();
    const fault = layer.fault() ?? layer.sizeFault(changed);
    if (fault !== undefined) return refused(fault);
    return changed.length === 0 ? accept() : accept(clusterConfigsChanged({ changes: changed }));
  },
});

interface Change {
  readonly key: string;
  readonly previous: ConfigValue;
  readonly value: ConfigValue;
}
type Outcome = ConfigValue | Rejection | 'same';

/** A key that was named: what was there, what the dynamic map is to hold, and the newest change that says so. */
interface Touched {
  readonly previous: ConfigValue;
  readonly before: ConfigValue;
  value: ConfigValue;
  by: number;
}

/** The dynamic map with the changes so far: a copy of what was touched, in the order in which it was. */
class Layer {
  readonly #configs: Configs;
  readonly #touched = new Map<string, Touched>();

  constructor(configs: Configs) {
    this.#configs = configs;
  }

  /** Does one operation. @returns why it cannot be done */
  apply(change: ConfigChange, i: number): Rejection | undefined {
    const touched = this.#touch(change.key);
    const outcome = operate(change, this.#after(change.key), `changes[${i}].value`);
    if (isRejection(outcome)) return outcome;
    if (outcome !== 'same') touched.value = outcome;
    touched.by = i;
    return undefined;
  }

  /** What is wrong with the result. A value equal to the one in force is not looked at again. */
  fault(): Rejection | undefined {
    for (const [key, { before, by }] of this.#touched) {
      const after = this.#after(key);
      const fault = isSameValue(before, after) ? undefined : valueFault(key, after, `changes[${by}].value`);
      if (fault !== undefined) return fault;
    }
    return ruleFault({
      before: (key) => this.#touched.get(key)?.before ?? effectiveConfig(this.#configs, key),
      after: (key) => this.#after(key),
      touched: [...this.#touched.keys()],
      keysAfter: [keysInForce(this.#configs), this.#touched.keys()],
    });
  }

  changed(): Change[] {
    const changes: Change[] = [];
    for (const [key, { previous, value }] of this.#touched) if (!isSameValue(previous, value)) changes.push({ key, previous, value });
    return changes;
  }

  /** The tables are asked once for each key: a decision comes back to one many times. */
  #touch(key: string): Touched {
    const present = this.#touched.get(key);
    if (present !== undefined) return present;
    const previous = dynamicConfig(this.#configs, key);
    const touched = { previous, before: previous.kind === 'unset' ? fileConfig(this.#configs, key) : previous, value: previous, by: 0 };
    this.#touched.set(key, touched);
    return touched;
  }

  /** What is in force. */
  #after(key: string): ConfigValue {
    const touched = this.#touched.get(key);
    if (touched === undefined) return effectiveConfig(this.#configs, key);
    return touched.value.kind === 'unset' ? fileConfig(this.#configs, key) : touched.value;
  }

  /** Whether more keys would be set than can be. */
  sizeFault(changed: readonly Change[]): Rejection | undefined {
    const added = changed.filter(({ previous }) => previous.kind === 'unset').length;
    const removed = changed.filter(({ value }) => value.kind === 'unset').length;
    const size = this.#configs.dynamic.size + added - removed;
    if (added === 0 || size <= configLimits.dynamicKeys) return undefined;
    return rejection('TOO_LARGE', 'changes', `${size} keys would be set; at most ${configLimits.dynamicKeys} can be`);
  }
}

/** What one operation makes of a key. @param present what is in force: the dynamic value, else the one of the leader's file */
function operate(change: ConfigChange, present: ConfigValue, field: string): Outcome {
  if (change.op === 'delete') return { kind: 'unset' };
  if (change.op === 'set' && change.value === null) return { kind: 'hidden' };
  const isSecret = configKeyOf(change.key)?.secret === true;
  const isSealed = typeof change.value === 'object';
  if (isSecret !== isSealed) {
    const detail = isSecret ? `the secrets of '${change.key}' must be sealed` : `the values of '${change.key}' are no secrets`;
    return rejection('MALFORMED_REQUEST', field, detail);
  }
  return isSecret ? onSecrets(change, present, field) : onText(change, present, field);
}

function onText(change: ConfigChange, present: ConfigValue, field: string): Outcome {
  const given = 'value' in change && typeof change.value === 'string' ? change.value : '';
  const existing = present.kind === 'text' ? present.text : '';
  if (change.op === 'set') return { kind: 'text', text: given };
  if (change.op === 'append') {
    const text = existing === '' ? given : `${existing},${given}`;
    if (text.length <= configLimits.valueLength) return { kind: 'text', text };
    const detail = `'${change.key}' would have ${text.length} characters; a value has at most ${configLimits.valueLength}`;
    return rejection('TOO_LARGE', field, detail);
  }
  const items = pieces(existing);
  const rest = items.filter((item) => item !== given);
  if (rest.length === items.length) return 'same';
  return rest.length === 0 ? { kind: 'hidden' } : { kind: 'text', text: rest.join(',') };
}

function onSecrets(change: ConfigChange, present: ConfigValue, field: string): Outcome {
  const existing = present.kind === 'secrets' ? present.entries : {};
  if (change.op === 'subtract') {
    const name = typeof change.value === 'object' ? change.value.name : '';
    if (!Object.hasOwn(existing, name)) return 'same';
    const rest = Object.entries(existing).filter(([other]) => other !== name);
    return rest.length === 0 ? { kind: 'hidden' } : { kind: 'secrets', entries: Object.fromEntries(rest) };
  }
  const given =
    'value' in change && typeof change.value === 'object' && change.value !== null && 'entries' in change.value ? change.value.entries : {};
  const merged: Readonly<Record<string, SealedText>> = change.op === 'append' ? { ...existing, ...given } : given;
  const twice = change.op === 'append' ? Object.keys(given).find((name) => Object.hasOwn(existing, name)) : undefined;
  if (twice !== undefined)
    return rejection('INVALID_CONFIG_VALUE', field, `${change.key} must not contain duplicate map entry keys: '${twice}'.`);
  const count = Object.keys(merged).length;
  if (count <= configLimits.secretEntries) return { kind: 'secrets', entries: merged };
  return rejection('TOO_LARGE', field, `'${change.key}' would have ${count} entries; it has at most ${configLimits.secretEntries}`);
}
