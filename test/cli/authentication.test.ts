/**
 * Goal: somebody who writes users into the settings file gets in with them, and with tokens, from the command line; everybody else is
 * told how to log in.
 * Method: a real node with a settings file, commands over real connections; a real terminal for what is typed.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { parseHash } from '../../src/authentication/passwords.ts';
import { chancery, folder, inProcess, program, serve } from './processes.ts';

const howTo = 'Set CHANCERY_TOKEN, or CHANCERY_USER and CHANCERY_PASSWORD; or give --token or --user.\n';

test('from a hashed password to a token and back', async () => {
  const cwd = folder();
  const hashed = await chancery(['hash-password'], { cwd, input: 'correct horse\n' });
  expect(hashed).toMatchObject({ status: 0, err: '' });
  expect(parseHash(hashed.out.trim())).not.toHaveProperty('fault');
  writeFileSync(join(cwd, 'chancery.yaml'), `users:\n  dana: ${hashed.out}`);
  const node = await serve(cwd);
  const operator = ['--operator', node.url];
  const dana = { CHANCERY_USER: 'dana', CHANCERY_PASSWORD: 'correct horse' };

  const refused = await inProcess(['status', ...operator]);
  expect(refused).toEqual({ status: 1, out: '', err: `refused: UNAUTHENTICATED\nthis node wants to know who asks\n${howTo}` });
  const wrong = await inProcess(['sql', ...operator, 'SHOW PROCEDURES'], { ...dana, CHANCERY_PASSWORD: 'wrong' });
  expect([wrong.status, wrong.out]).toEqual([1, '']);
  expect(wrong.err).toContain('UNAUTHENTICATED');
  expect(wrong.err).toContain('the user is not known, or the password is wrong');
  expect(wrong.err).toContain('Correct what is given: --token or --user, else CHANCERY_TOKEN, or CHANCERY_USER and CHANCERY_PASSWORD.\n');
  expect((await inProcess(['status', ...operator], dana)).status).toBe(0);

  const issue = ['token', 'issue', ...operator, '--principal', 'User:ci', '--about', 'the nightly build', '--expires', '30d'];
  const issued = await inProcess([...issue, '--reason', 'release 7'], dana);
  expect(issued.status).toBe(0);
  expect(issued.out).toMatch(/^chancery_[A-Za-z0-9]{12}_[A-Za-z0-9_-]{43}\n$/);
  const token = issued.out.trim();
  const [, tokenId = ''] = token.split('_');
  expect(issued.err).toMatch(new RegExp(`^token ${tokenId} for User:ci, until .*   position \\d+\nkeep it now, it is not shown again:\n$`));
  const ci = { CHANCERY_TOKEN: token };
  const set = await inProcess(['sql', ...operator, "CALL sys.set_cluster_configs('datalake.format', 'paimon')"], ci);
  expect(set.out).toContain('in force on 1 of 1 nodes');
  const { out: told } = await inProcess(['history', ...operator, '--json'], ci);
  expect(told).toMatch(/"principal":"User:ci"/);
  expect(told).not.toContain(token.slice(-43));

  const listed = await inProcess(['token', 'list', ...operator], dana);
  expect(listed.out).toMatch(new RegExp(`^id .*\n${tokenId}  User:ci .*  User:dana  the nightly build\n$`));
  const revoked = await inProcess(['token', 'revoke', tokenId, ...operator, '--token', token], dana);
  expect(revoked.out).toMatch(new RegExp(`^token ${tokenId} is revoked   position \\d+\n$`));
  const late = await inProcess(['status', ...operator], ci);
  expect([late.status, late.err.split('\n')[0]]).toEqual([1, 'refused: UNAUTHENTICATED']);
  expect((await inProcess(['token', 'revoke', tokenId, ...operator], dana)).err).toContain('UNKNOWN_TOKEN');
  const { err, out } = await node.stop();
  for (const secret of ['correct horse', 'wrong\n', token.slice(-43)]) expect(`${out}${err}`).not.toContain(secret);
});

test('a password is typed and not shown', async () => {
  const cwd = folder();
  const child = spawn('/usr/bin/script', ['-qefc', `${process.execPath} ${program} hash-password`, '/dev/null'], {
    cwd,
    env: { PATH: process.env['PATH'] ?? '', HOME: cwd, TERM: 'xterm', NO_COLOR: '1' },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (more: string) => {
    text += more;
  });
  const ended = once(child, 'close');
  await vi.waitFor(() => expect(text).toContain('password: '), { timeout: 10_000 });
  child.stdin.write('hunterX\u007f2\r');
  await vi.waitFor(() => expect(text).toContain('again: '), { timeout: 10_000 });
  child.stdin.write('hunter2\r');
  await vi.waitFor(() => expect(text).toContain('$argon2id$'), { timeout: 10_000 });
  await ended;
  expect(text).not.toContain('hunter');
});
