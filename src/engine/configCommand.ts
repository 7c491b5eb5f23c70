/** From what an operator wrote to the command: every interface that changes cluster configs comes through here. */
import { type ConfigValue, configLimits } from '../../events/configs.ts';
import type { SealedText } from '../../events/kit.ts';
import { configKeyOf } from '../../projections/configKeys.ts';
import { mapEntry, textMap } from '../../projections/configValues.ts';
import type { Command } from '../deciders/commands.ts';
import { checkStaticConfigs, operationFault, textFault, unparsable } from '../deciders/configRules.ts';
import type { ConfigChange } from '../deciders/configs.ts';
import { type Rejection, rejection } from '../rejection.ts';
import type { Sealer } from '../secrets/port.ts';

/** A change in the operator's words. Without a value, or with `null`, `set` sets the key to nothing; `delete` needs none. */
export interface PlainChange {
  readonly op: 'set' | 'delete' | 'append' | 'subtract';
  readonly key: string;
  readonly value?: string | null;
}
type Refused = { readonly kind: 'rejected'; readonly rejection: Rejection };

/**
 * The command for some changes, secrets sealed. What can be refused without looking at the tables is refused here, so that a secret
 * that is no good is never sealed; texts with secrets in them show `******`. Keys are taken as they are: whoever trims, trims before.
 * @param changes any number: beyond the limit the answer is TOO_LARGE.
 * @param idempotencyKey the caller's, if there is one: the same call then makes the same command, see `Sealer.seal`.
 */
export function sealChanges(
  changes: readonly PlainChange[],
  sealer: Sealer,
  idempotencyKey?: string,
): { readonly kind: 'command'; readonly command: Extract<Command, { readonly name: 'alterClusterConfigs' }> } | Refused {
  const fault = countFault(changes) ?? firstOf(changes, formFault) ?? firstOf(changes, operationFault);
  if (fault !== undefined) return { kind: 'rejected', rejection: fault };
  const sealed: ConfigChange[] = [];
  for (const [i, change] of changes.entries()) {
    const made = sealChange(change, `changes[${i}].value`, (text, subject) => sealer.seal(text, subject, idempotencyKey));
    if ('code' in made) return { kind: 'rejected', rejection: made };
    sealed.push(made);
  }
  return { kind: 'command', command: { changes: sealed, name: 'alterClusterConfigs' } };
}

/**
 * The `cluster-configs` section of a node's file, checked, with its secrets sealed: what `takeLeadership` carries.
 * @returns the configs; or a rejection whose field is the key at fault: the node must not start.
 */
export function sealStaticConfigs(
  section: Readonly<Record<string, unknown>>,
  sealer: Sealer,
): { readonly kind: 'configs'; readonly configs: Readonly<Record<string, ConfigValue>> } | Refused {
  const checked = checkStaticConfigs(section);
  if ('code' in checked) return { kind: 'rejected', rejection: checked };
  const configs: Record<string, ConfigValue> = {};
  for (const [key, text] of checked.texts) {
    if (configKeyOf(key)?.secret) {
      const secrets = secretsIn(key, text, key);
      if ('code' in secrets) return { kind: 'rejected', rejection: secrets };
      configs[key] = { kind: 'secrets', entries: sealAll(key, secrets, (secret, subject) => sealer.seal(secret, subject)) };
    } else configs[key] = { kind: 'text', text };
  }
  return { kind: 'configs', configs };
}

/** What a sealed secret of a config is bound to. */
export const secretSubject = (key: string, name: string): string => `config/${key}/${name}`;

function firstOf(
  changes: readonly PlainChange[],
  faultOf: (change: PlainChange, at: string) => Rejection | undefined,
): Rejection | undefined {
  for (const [i, change] of changes.entries()) {
    const fault = faultOf(change, `changes[${i}]`);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

function countFault(changes: readonly PlainChange[]): Rejection | undefined {
  if (changes.length === 0) return rejection('MALFORMED_REQUEST', 'changes', 'no change was given');
  if (changes.length <= configLimits.changesPerCall) return undefined;
  return rejection('TOO_LARGE', 'changes', `${changes.length} changes in one call; at most ${configLimits.changesPerCall} are taken`);
}

/** Whether key and value are texts that can be kept and shown. */
function formFault({ op, key, value }: PlainChange, at: string): Rejection | undefined {
  const malformed = (field: string, detail: string) => rejection('MALFORMED_REQUEST', `${at}.${field}`, detail);
  if (key === '') return malformed('key', 'the key is empty');
  if (key.length > configLimits.keyLength)
    return rejection('TOO_LARGE', `${at}.key`, `the key has ${key.length} characters; at most ${configLimits.keyLength} are taken`);
  const wrongKey = textFault(key);
  if (wrongKey !== undefined) return malformed('key', `the key ${wrongKey}`);
  if (op === 'delete' || value === undefined || value === null)
    return op === 'append' || op === 'subtract' ? malformed('value', `what to ${op} is missing`) : undefined;
  if (value.length > configLimits.valueLength)
    return rejection('TOO_LARGE', `${at}.value`, `the value has ${value.length} characters; at most ${configLimits.valueLength} are taken`);
  // Of a secret each part is looked at on its own, with the refusal that belongs to it.
  const wrongValue = configKeyOf(key)?.secret ? undefined : textFault(value);
  return wrongValue === undefined ? undefined : malformed('value', `the value of '${key}' ${wrongValue}`);
}

type Seal = (text: string, subject: string) => SealedText;

/** Keys in order, as in the command: its digest is taken of its canonical JSON. */
function sealChange({ op, key, value }: PlainChange, field: string, seal: Seal): ConfigChange | Rejection {
  if (op === 'delete') return { key, op };
  if (value === undefined || value === null) return { key, op: 'set', value: null };
  if (configKeyOf(key)?.secret !== true) return { key, op, value };
  if (op === 'subtract') return { key, op, value: { name: mapEntry(value)?.[0] ?? '' } };
  const secrets = secretsIn(key, value, field, op === 'append');
  return 'code' in secrets ? secrets : { key, op, value: { entries: sealAll(key, secrets, seal) } };
}

const sealAll = (key: string, secrets: ReadonlyMap<string, string>, seal: Seal): Record<string, SealedText> =>
  Object.fromEntries([...secrets].map(([name, secret]) => [name, seal(secret, secretSubject(key, name))]));

/**
 * Takes `alice:pw,bob:pw2` apart. @param isOneEntry an append: all behind the first colon is the password.
 * @returns passwords by user name; or INVALID_CONFIG_VALUE, TOO_LARGE, never with a password in the text.
 */
function secretsIn(key: string, value: string, field: string, isOneEntry = false): ReadonlyMap<string, string> | Rejection {
  const single = mapEntry(value);
  const entries = isOneEntry ? single && [single] : textMap.parse(value);
  if (entries === undefined) return unparsable(key, value, field);
  if (entries.length > configLimits.secretEntries)
    return rejection('TOO_LARGE', field, `'${key}' would have ${entries.length} entries; it has at most ${configLimits.secretEntries}`);
  const secrets = new Map<string, string>();
  for (const [i, [name, secret]] of entries.entries()) {
    const wrong =
      secretFault(key, name, secret, i) ?? (secrets.has(name) ? `${key} must not contain duplicate map entry keys: '${name}'.` : undefined);
    if (wrong !== undefined) return rejection('INVALID_CONFIG_VALUE', field, wrong);
    secrets.set(name, secret);
  }
  return secrets;
}

/** What is wrong with one entry; `i` counts entries. */
function secretFault(key: string, name: string, secret: string, i: number): string | undefined {
  const { secretNameLength, secretLength } = configLimits;
  // `__proto__` is made of allowed characters, but no JSON object can be trusted to carry it.
  if (!/^[A-Za-z0-9_]+$/.test(name) || name === '__proto__' || name.length > secretNameLength)
    return `${key}: username '${name}' contains invalid characters. Letters, digits and '_' are allowed, at most ${secretNameLength}.`;
  const subject = `${key}[${i}]: password for user '${name}'`;
  if (secret === '') return `${subject} is empty.`;
  if (/[,:'";\\]/.test(secret) || textFault(secret) !== undefined)
    return `${subject} contains invalid characters. No comma, colon, quote, semicolon, backslash or control character is allowed.`;
  return secret.length > secretLength ? `${subject} has ${secret.length} characters; at most ${secretLength} are taken.` : undefined;
}
