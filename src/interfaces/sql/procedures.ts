/** Every procedure there is. An act that other interfaces offer too uses the same command as here. */
import type { ConfigValue } from '../../../events/configs.ts';
import type { ChanceryEvent } from '../../../events/index.ts';
import { configKeyOf } from '../../../projections/configKeys.ts';
import { describeConfigs } from '../../../projections/configs.ts';
import { pieces } from '../../../projections/configValues.ts';
import type { State } from '../../../projections/state.ts';
import { type PlainChange, sealChanges } from '../../engine/configCommand.ts';
import type { Rejection } from '../../rejection.ts';
import { aclProcedures } from './aclProcedures.ts';
import type { ArgumentValue, Parameter } from './arguments.ts';
import type { ArgumentFault, Column, Preview, Procedure } from './procedure.ts';
import { rebalanceProcedures } from './rebalanceProcedures.ts';
import { refusal } from './refusals.ts';
import { serverProcedures } from './serverProcedures.ts';

const text = (name: string): Column => ({ name, type: 'STRING' });
const configKeys = (isOptional: boolean, about: string): Parameter => ({ name: 'config_keys', isList: true, isOptional, about });
const configPairs = (about: string): Parameter => ({ name: 'config_pairs', isList: true, isOptional: false, about });

/** What is said about the arguments of a procedure that changes configs: Fluss's own words, to the letter. */
interface ConfigWords {
  readonly none: string;
  readonly odd: string;
  row(key: string, value: string | null): string;
}
const pairWords = (article: string): Pick<ConfigWords, 'none' | 'odd'> => ({
  none: `config_pairs cannot be null or empty. Please specify ${article}valid configuration pairs.`,
  odd: `config_pairs must be set in pairs. Please specify ${article}valid configuration pairs.`,
});
const blankKey = 'Config key cannot be null or empty. Please specify a valid configuration key.';

/** A procedure that changes configs. Rows end in a blank, as Fluss's do. */
function configProcedure(name: string, op: PlainChange['op'], about: string, parameter: Parameter, words: ConfigWords): Procedure {
  const hasValues = parameter.name === 'config_pairs';
  return {
    name,
    about,
    parameters: [parameter],
    columns: [text('result')],
    act: (values, { sealer, idempotencyKey }) => {
      const given = values.get(parameter.name) ?? [];
      const fault = faultIn(parameter.name, given, hasValues, words);
      if (fault !== undefined) return { kind: 'refused', fault };
      const changes = changesOf(op, given, hasValues);
      const refused = (rejection: Rejection) => inArguments(rejection, parameter.name, given, hasValues ? 2 : 1);
      const sealed = sealChanges(changes, sealer, idempotencyKey);
      if (sealed.kind === 'rejected') return { kind: 'refused', fault: refused(sealed.rejection) };
      const rows = changes.map(({ key, value }) => [`${words.row(key, shownValue(key, value ?? null))} `]);
      return { kind: 'write', command: sealed.command, rows: () => rows, preview: previewConfigs, refused };
    },
  };
}

/** In the order in which Fluss looks: anything there, in pairs, no blank key. */
function faultIn(name: string, given: readonly ArgumentValue[], inPairs: boolean, words: ConfigWords): ArgumentFault | undefined {
  const fault = (detail: string, field = name, value?: ArgumentValue): ArgumentFault => ({
    reason: refusal('INVALID_ARGUMENT', field, detail, value?.span.start),
    ...(value === undefined ? {} : { offset: value.span.start }),
  });
  if (given.length === 0) return fault(words.none);
  if (inPairs && given.length % 2 === 1) return fault(words.odd, name, given.at(-1));
  const blank = given.findIndex(({ text: key }, i) => (!inPairs || i % 2 === 0) && (key === null || key.trim() === ''));
  return blank === -1 ? undefined : fault(blankKey, `${name}[${blank}]`, given[blank]);
}

/** Keys are trimmed, values are not. */
function changesOf(op: PlainChange['op'], given: readonly ArgumentValue[], inPairs: boolean): readonly PlainChange[] {
  const keyOf = (value: ArgumentValue): string => (value.text ?? '').trim();
  if (!inPairs) return given.map((value) => ({ op, key: keyOf(value) }));
  return given.flatMap((value, i) => (i % 2 === 0 ? [{ op, key: keyOf(value), value: given[i + 1]?.text ?? null }] : []));
}

/** `changes[2].value` becomes `config_pairs[5]`; a key that is named alone is looked for among the arguments. */
function inArguments(rejection: Rejection, name: string, given: readonly ArgumentValue[], stride: number): ArgumentFault {
  const path = /^changes\[(\d+)\](?:\.(key|value))?/.exec(rejection.field);
  const place =
    path === null
      ? given.findIndex((value, i) => i % stride === 0 && value.text?.trim() === rejection.field)
      : Number(path[1]) * stride + (path[2] === 'value' && stride === 2 ? 1 : 0);
  const value = given[place];
  if (value === undefined) return { reason: rejection.field.startsWith('changes') ? { ...rejection, field: name } : rejection };
  return { reason: { ...rejection, field: `${name}[${place}]` }, offset: value.span.start };
}

/** What an answer repeats of a value: of secrets only whose they are. */
function shownValue(key: string, value: string | null): string | null {
  if (value === null || configKeyOf(key)?.secret !== true) return value;
  return pieces(value)
    .map((entry) => `${entry.split(':')[0]}:******`)
    .join(',');
}

const previewColumns = [text('config_key'), text('before'), text('after')];
/** Key by key what the dynamic map holds and would hold. */
const previewConfigs = (events: readonly ChanceryEvent[]): Preview => ({
  columns: previewColumns,
  rows: events
    .flatMap((event) => (event.type === 'ClusterConfigsChanged' ? event.data.changes : []))
    .map(({ key, previous, value }) => [key, inPreview(previous), inPreview(value)]),
});

function inPreview(value: ConfigValue): string {
  if (value.kind === 'text') return value.text;
  if (value.kind === 'secrets') return `sealed (${Object.keys(value.entries).sort().join(', ')})`;
  return value.kind === 'hidden' ? 'no value' : 'unset';
}

const getClusterConfigs: Procedure = {
  name: 'get_cluster_configs',
  about: 'Shows cluster configs: those asked for, or all of them.',
  parameters: [configKeys(true, 'Which ones; without any, all, defaults included.')],
  columns: [text('config_key'), text('config_value'), text('config_source')],
  act: (values) => {
    const keys = values.get('config_keys') ?? [];
    const asked = keys.length === 0 ? undefined : keys.map(({ text: key }) => key?.trim() ?? '');
    const rows = (state: State) => describeConfigs(state.configs, asked).map(({ key, value, source }) => [key, value ?? null, source]);
    return { kind: 'read', rows };
  },
};

/** In the order in which SHOW PROCEDURES lists them. */
export const procedures: readonly Procedure[] = [
  ...aclProcedures,
  getClusterConfigs,
  configProcedure(
    'set_cluster_configs',
    'set',
    'Sets cluster configs, all or nothing; they count at once, on every node.',
    configPairs('Key, value, key, value, and so on. NULL as a value hides what the file says.'),
    { ...pairWords('a '), row: (key, value) => `Successfully set to '${value}' configuration '${key}'.` },
  ),
  configProcedure(
    'reset_cluster_configs',
    'delete',
    'Returns cluster configs to what the file or the default says.',
    configKeys(false, 'Which ones.'),
    {
      none: 'config_keys cannot be null or empty. Please specify valid configuration keys.',
      odd: '',
      row: (key) => `Successfully deleted (reset to default) configuration '${key}'.`,
    },
  ),
  configProcedure(
    'append_cluster_configs',
    'append',
    'Adds to cluster configs that are lists or maps.',
    configPairs('Key, what to add, and so on; to a map `name:value`.'),
    { ...pairWords(''), row: (key, value) => `Successfully appended '${value}' to configuration '${key}'.` },
  ),
  configProcedure(
    'subtract_cluster_configs',
    'subtract',
    'Takes items out of cluster configs that are lists or maps.',
    configPairs('Key, what to take out, and so on; from a map `name:value`, whatever the value.'),
    { ...pairWords(''), row: (key, value) => `Successfully subtracted '${value}' from configuration '${key}'.` },
  ),
  ...serverProcedures,
  ...rebalanceProcedures,
];

/** Names are compared in lower case. */
export const procedureOf = (name: string): Procedure | undefined => procedures.find((each) => each.name === name.toLowerCase());
