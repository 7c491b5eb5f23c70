/** What commands are put together from. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { nearest } from './nearest.ts';
import { defaultOperatorUrl } from './settingNames.ts';
import type { Terminal } from './terminal.ts';

export const examples = (...lines: readonly string[]): string => `\nExamples:\n${lines.map((line) => `  ${line}`).join('\n')}`;

export const operatorOption = (env: Terminal['env']): Option =>
  new Option(
    '--operator <URL>',
    'the node to ask, or CHANCERY_OPERATOR_URL; of several with commas between the first that answers',
  ).default(env['CHANCERY_OPERATOR_URL'] ?? defaultOperatorUrl);
export const tlsOptions = (env: Terminal['env']): readonly Option[] => [
  new Option('--ca <FILE>', 'for https: the CA to trust, PEM; better once as CHANCERY_CA').default(env['CHANCERY_CA']),
  new Option('--cert <FILE>', 'for https: the certificate to show when asked, PEM (or CHANCERY_CERT)').default(env['CHANCERY_CERT']),
  new Option('--key <FILE>', 'for https: its key, PEM (or CHANCERY_KEY)').default(env['CHANCERY_KEY']),
];
/** Without defaults: `--help` must not show what a variable holds. */
const credentialOptions = (): readonly Option[] => [
  new Option('--token <TOKEN>', 'ask as the bearer of this token; better as CHANCERY_TOKEN: other users see flags').conflicts('user'),
  new Option('--user <NAME>', 'ask as this user (or CHANCERY_USER), with CHANCERY_PASSWORD or a password that is asked for'),
];

/** Finds out as whom a command asks, before it begins; one that reads a file or a log asks nobody. */
async function logIn(command: Command, terminal: Terminal): Promise<void> {
  const options = command.opts<{ file?: string; log?: string; token?: string; user?: string }>();
  const hasOwnLog = command.options.some(({ long }) => long === '--log') && (options.file ?? options.log) !== undefined;
  if (hasOwnLog) return;
  const { authorizationOf } = await import('./credentials.ts');
  command.setOptionValue('authorization', await authorizationOf(options, terminal));
}
export const jsonOption = (): Option => new Option('--json', 'answer as JSON');
export const logOption = (): Option => new Option('--log <URL>', 'a log without its server: file:DIR or zookeeper://h1:2181/root');
export const fileOption = (): Option => new Option('--file <FILE>', 'an exported log, without any server');

export const upTo =
  (most: number, least = 1) =>
  (text: string): number => {
    const value = Number(text);
    if (!/^\d{1,9}$/.test(text) || value < least || value > most) throw new InvalidArgumentError(`Give a number from ${least} to ${most}.`);
    return value;
  };
export const collect = (text: string, previous: readonly string[] | undefined): readonly string[] => [
  ...(previous ?? []),
  ...text.split(','),
];

export function addCredentials(command: Command, terminal: Terminal): void {
  for (const option of credentialOptions()) command.addOption(option);
  command.hook('preAction', async (own, called) => {
    if (called === own) await logIn(called, terminal); // A command below this one has a hook of its own.
  });
}

/** `chancery help token issue`, `chancery token help issue`: commander's own knows one level, and none of what does something itself. */
export function addHelp(command: Command): void {
  if (command.commands.length === 0) return;
  for (const each of command.commands) addHelp(each);
  command
    .command('help')
    .description('explain a command')
    .argument('[command...]', 'which one')
    .action((names: readonly string[]) => below(command, names).help());
}

function below(command: Command, [name, ...more]: readonly string[]): Command {
  if (name === undefined) return command;
  const names = command.commands.map((each) => each.name());
  const next = command.commands[names.indexOf(name)];
  if (next !== undefined) return below(next, more);
  const meant = nearest(name, names);
  return command.error(`error: unknown command '${name}'${meant === undefined ? '' : `\n(Did you mean ${meant}?)`}`);
}
