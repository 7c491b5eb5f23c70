/**
 * Goal: a command asks as whom it was told to, a flag before a variable, never as two; what is typed as a secret ends where it should.
 * Method: the functions with terminals that are none; keys as a terminal sends them.
 */
import { describe, expect, test } from 'vitest';
import { authorizationOf } from '../../src/cli/credentials.ts';
import { CommandFailure } from '../../src/cli/exit.ts';
import { typed } from '../../src/cli/secretInput.ts';
import type { Stream, Terminal } from '../../src/cli/terminal.ts';

const paper: Stream = { write: () => true, once: () => {} };
const terminal = (env: Terminal['env']): Terminal => ({ out: paper, err: paper, env });
const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`;

test.each<[string, Parameters<typeof authorizationOf>[0], Terminal['env'], string | undefined]>([
  ['nothing given', {}, {}, undefined],
  ['a token set', {}, { CHANCERY_TOKEN: 'chancery_a_b' }, 'Bearer chancery_a_b'],
  ['a token flag before all variables', { token: 'x' }, { CHANCERY_TOKEN: 'y', CHANCERY_USER: 'u', CHANCERY_PASSWORD: 'p' }, 'Bearer x'],
  ['a user set', {}, { CHANCERY_USER: 'ü', CHANCERY_PASSWORD: 'p:q' }, basic('ü:p:q')],
  ['a user flag before a token set', { user: 'v' }, { CHANCERY_TOKEN: 'y', CHANCERY_PASSWORD: 'p' }, basic('v:p')],
  ['an empty password', { user: 'v' }, { CHANCERY_PASSWORD: '' }, basic('v:')],
  ['a password without a user', {}, { CHANCERY_PASSWORD: 'p' }, undefined],
])('%s', async (_, given, env, header) => expect(await authorizationOf(given, terminal(env))).toBe(header));

test.each<[string, Parameters<typeof authorizationOf>[0], Terminal['env'], string]>([
  ['both variables', {}, { CHANCERY_TOKEN: 'x', CHANCERY_USER: 'u' }, 'CHANCERY_TOKEN and CHANCERY_USER are both set'],
  ['a token of two lines', { token: 'a\nb' }, {}, '--token is not a token'],
  ['an empty token', {}, { CHANCERY_TOKEN: '' }, 'CHANCERY_TOKEN is not a token'],
  ['a user with a colon', { user: 'User:alice' }, {}, '--user is not a name'],
  ['an empty user', {}, { CHANCERY_USER: '' }, 'CHANCERY_USER is not a name'],
  ['nobody to ask for the password', { user: 'alice' }, {}, 'there is no terminal to ask for a password on'],
])('%s is wrong usage', async (_, given, env, message) => {
  const failure = await authorizationOf(given, terminal(env)).catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(CommandFailure);
  expect(failure).toMatchObject({ status: 2, message, more: [expect.any(String)] });
});

describe('what is typed', () => {
  test.each<[string, string, string, ReturnType<typeof typed>]>([
    ['goes on', 'ab', 'cd', { text: 'abcd', end: undefined, rest: '' }],
    ['ends with Enter', 'ab', 'c\rd', { text: 'abc', end: 'entered', rest: 'd' }],
    ['ends with a line', '', '\nx', { text: '', end: 'entered', rest: 'x' }],
    ['is given up with Ctrl-C', 'ab', '\u0003', { text: 'ab', end: 'given up', rest: '' }],
    ['is given up with Ctrl-D', '', '\u0004', { text: '', end: 'given up', rest: '' }],
    ['loses a character with Backspace, a whole one', 'a🔑', '\u007f\u007f\u007fb\r', { text: 'b', end: 'entered', rest: '' }],
    ['holds no control characters', '', 'a\u001b\tb\r', { text: 'ab', end: 'entered', rest: '' }],
  ])('%s', (_, before, keys, line) => expect(typed(before, keys)).toEqual(line));

  test('has a bound', () => expect(typed('', 'x'.repeat(10_000)).text).toHaveLength(4096));
});
