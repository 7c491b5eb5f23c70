/**
 * Goal: the test of the manual cannot pass by mistake: no command goes without its answer, no answer with a different letter is taken.
 * Method: small manuals with one fault each; answers that differ in one character; a real shell without a server.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { blocksOf, matches, runBlocks, shown } from './pageBlocks.ts';

const fence = (kind: string, text: string): string => `\`\`\`${kind}\n${text}\n\`\`\`\n`;
const block = { line: 1, kind: 'sh', command: '', expected: undefined, expectedLine: 1 } as const;

describe('blocks', () => {
  test('are commands with the answers behind them', () => {
    const request = `${fence('curl', 'curl x')}\n${fence('http', 'HTTP/1.1 200 OK\n\nyes')}`;
    const manual = `# Title\n\n${request}\nand\n\n${fence('sh', 'A=1')}\nthen\n\n${fence('text', 'an aside')}`;
    expect(blocksOf(manual)).toEqual([
      { line: 4, kind: 'curl', command: 'curl x', expected: 'HTTP/1.1 200 OK\n\nyes', expectedLine: 8 },
      { line: 16, kind: 'sh', command: 'A=1', expected: undefined, expectedLine: 16 },
    ]);
  });

  test('a command without an answer is refused, and an answer without a command', () => {
    expect(() => blocksOf(fence('curl', 'curl x'))).toThrow('line 2: a command without its answer');
    expect(() => blocksOf(`${fence('curl', 'curl x')}\nor\n\n${fence('http', 'HTTP/1.1 200 OK')}`)).toThrow('line 2: a command without');
    expect(() => blocksOf(fence('http', 'HTTP/1.1 200 OK'))).toThrow('line 2: an answer without its command');
  });
});

describe('an answer', () => {
  test.each([
    ['{"a": 1}', '{"a": 1}', true],
    ['{"a": 2}', '{"a": 1}', false],
    ['{"a": 1} ', '{"a": 1}', false],
    ['more {"a": 1}', '{"a": 1}', false],
    ['a.c', 'abc', false],
    ['"ctime": "1700000000"', '"ctime": "<seconds>"', true],
    ['"ctime": "170000000"', '"ctime": "<seconds>"', false],
    ['anything', '<anything>', false],
    ['7 and 7', '<id of a> and <id of a>', true],
    ['7 and 8', '<id of a> and <id of a>', false],
    ['7 and 8', '<id of a> and <id of b>', true],
  ])('%j is %j: %j', (text, expected, isMatch) => expect(matches(text, expected, new Map())).toBe(isMatch));

  test('an id stays what it was', () => {
    const ids = new Map<string, string>();
    expect(matches('id 7', 'id <id of a>', ids)).toBe(true);
    expect([matches('id 8', 'id <id of a>', ids), matches('id 7', 'id <id of a>', ids)]).toEqual([false, true]);
  });

  test('shows the headers that are asked for and no others', () => {
    const asked = { ...block, kind: 'curl', expected: 'HTTP/1.1 200 OK\nX-B: 2\n\nyes' } as const;
    const text = 'HTTP/1.1 200 OK\r\nx-a: 1\r\nx-b: 2\r\n\r\nyes\n\nthen\n';
    expect(shown(asked, { text, exit: 0 })).toBe('HTTP/1.1 200 OK\nx-b: 2\n\nyes\n\nthen');
    expect(shown({ ...asked, expected: 'HTTP/1.1 200 OK\n\nyes' }, { text, exit: 0 })).toBe('HTTP/1.1 200 OK\n\nyes\n\nthen');
  });
});

test('commands run in one shell, each with its own end', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'chancery-blocks-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const commands = ['A=old', 'echo "$A"; false', 'echo last'].map((command) => ({ ...block, command }));
  const printed = await runBlocks(commands, folder, { old: 'new' }, { PATH: process.env['PATH'] ?? '' });
  expect(printed).toEqual([
    { text: '', exit: 0 },
    { text: 'new\n', exit: 1 },
    { text: 'last\n', exit: 0 },
  ]);
});
