/**
 * Goal: the first SIGTERM or SIGINT asks a process to stop and says what it does until then; the second ends it at once.
 * Method: a real process that waits for the signal and then for nothing that ever comes.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';

const program = `
  import { stopSignal, untilAborted } from ${JSON.stringify(import.meta.resolve('../../src/cli/stopSignal.ts'))};
  const held = setInterval(() => {}, 1000);
  const stop = stopSignal({ info: (fields, text) => console.log(JSON.stringify(fields), text) }, process.argv[1]);
  console.log('waits');
  await untilAborted(stop);
  await untilAborted(stop);
  console.log('stops');
  if (process.argv[2] === 'ends') clearInterval(held);
`;
function waiting(...words: readonly string[]) {
  const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', program, '--', ...words], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const said: string[] = [];
  child.stdout.on('data', (piece: Buffer) => said.push(String(piece)));
  const until = (text: string): Promise<void> => expect.poll(() => said.join(''), { timeout: 10_000 }).toContain(text);
  return { child, until, said, ended: once(child, 'close') };
}

test.each([
  ['SIGTERM', 143],
  ['SIGINT', 130],
] as const)('%s asks, and asked again ends with %i', async (signal, status) => {
  const { child, ended, said, until } = waiting('selling what is left');
  await until('waits');
  child.kill(signal);
  await until('stops');
  child.kill(signal);
  expect(await ended).toEqual([status, null]);
  const asked = `{"signal":"${signal}"} stopping: selling what is left; once more ends it at once`;
  expect(said.join('')).toBe(`waits\n${asked}\nstops\n`);
});

test('once is enough where everything ends by itself', async () => {
  const { child, ended, until } = waiting('ending', 'ends');
  await until('waits');
  child.kill('SIGTERM');
  expect(await ended).toEqual([0, null]);
});
