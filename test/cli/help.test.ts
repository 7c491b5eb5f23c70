/**
 * Goal: help is found wherever it is looked for: before the command, between its words, behind it.
 * Method: every command that the program lists, and every one below those, is asked about in all ways.
 */
import { expect, test } from 'vitest';
import { inProcess } from './processes.ts';

/** The commands that a help text lists, but for `help` itself. */
const listed = (help: string): readonly string[] =>
  [...(/\nCommands:\n((?: .*\n)+)/.exec(help)?.[1] ?? '').matchAll(/^ {2}(\S+)/gm)]
    .map(([, name = '']) => name)
    .filter((name) => name !== 'help');

const helpOf = async (...args: readonly string[]): Promise<string> => {
  const { err, out, status } = await inProcess(args);
  expect({ args, err, status }).toEqual({ args, err: '', status: 0 });
  return out;
};

test('help about any command is the same in every way that one may ask', async () => {
  const commands = listed(await helpOf('--help'));
  expect(await helpOf('help')).toBe(await helpOf('--help'));
  let pairs = 0;
  for (const command of commands) {
    const help = await helpOf(command, '--help');
    expect(help).toMatch(new RegExp(`^Usage: chancery ${command} `));
    expect(await helpOf('help', command)).toBe(help);
    const subcommands = listed(help);
    if (subcommands.length > 0) expect(await helpOf(command, 'help')).toBe(help);
    for (const name of subcommands) {
      const own = await helpOf(command, name, '--help');
      expect(own).toMatch(new RegExp(`^Usage: chancery ${command} ${name} `));
      expect(await helpOf('help', command, name), `${command} ${name}`).toBe(own);
      expect(await helpOf(command, 'help', name), `${command} ${name}`).toBe(own);
      pairs += 1;
    }
  }
  expect(commands).toContain('tablet-server');
  expect(pairs).toBeGreaterThan(20);
});

test.each([
  ['help nope', "error: unknown command 'nope'"],
  ['help statsu', "error: unknown command 'statsu'\n(Did you mean status?)"],
  ['tablet-server help chek', "error: unknown command 'chek'\n(Did you mean check?)"],
  ['help tiering nope', "error: unknown command 'nope'"],
  ['help status nope', "error: unknown command 'nope'"],
])('%s', async (args, err) => {
  expect(await inProcess(args.split(' '))).toEqual({ status: 2, out: '', err: `${err}\n(more: add --help)\n` });
});
