/**
 * Goal: the commands say what they are, and what is wrong with a call before anything begins.
 * Method: calls them in this process, with what ends before it begins.
 */
import { expect, test } from 'vitest';
import { inProcess } from '../cli/processes.ts';
import { folder } from './servers.ts';

test.each(['tablet-server', 'tablet-server fill', 'tablet-server check'])('%s has help with an example that names it', async (command) => {
  const { out, status } = await inProcess([...command.split(' '), '--help']);
  expect(status).toBe(0);
  expect(out).toMatch(new RegExp(`\\nExamples:\\n(.*\\n)*  .*chancery ${command}`));
});

test('help says plainly that it is no database', async () => {
  expect((await inProcess(['tablet-server', '--help'])).out.replaceAll(/\s+/g, ' ')).toContain('it is not a database');
});

const given = ['--id', '0', '--data', 'ts0', '--coordinator', 'http://127.0.0.1:8480'];
test.each([
  [[], '--id is missing'],
  [['--id', '0', '--data', 'x'], '--coordinator is missing'],
  [[...given, '--id', '-1'], "--id '-1' is none"],
  [[...given, '--id', '2147483648'], "--id '2147483648' is none"],
  [[...given, '--coordinator', 'http://a:1,b'], "--coordinator 'b' is not the address of a node"],
  [[...given, '--coordinator', 'ftp://a:1'], "--coordinator 'ftp://a:1' is not the address of a node"],
  [[...given, '--rack', 'r\u001b[1m'], "--rack 'r' is none"],
  [[...given, '--listen', '127.0.0.1'], "--listen '127.0.0.1' is no address"],
  [[...given, '--listen', '127.0.0.1:70000'], "--listen '127.0.0.1:70000' is no address"],
  [[...given, '--listen', '0.0.0.0:9200'], '--listen 0.0.0.0:9200 says nothing of where others reach it'],
  [[...given, '--advertise', 'host:0'], "--advertise 'host:0' is no address"],
  [[...given, '--capacity', '10 apples'], "--capacity '10 apples' is no size"],
  [[...given, '--lag', '1ms'], "--lag '1ms' is none"],
  [[...given, '--log-level', 'loud'], "--log-level 'loud' is none"],
  [['fill', '--table', 'db.t', '--size', '0kb'], "--size '0kb' is no size"],
  [['fill', '--table', 'orders'], "--table 'orders' is no table"],
  [['check', '--table', 'a.b.c'], "--table 'a.b.c' is no table"],
  [['fill'], "required option '--table <TABLE>' not specified"],
])('wrong usage: %j', async (args, problem) => {
  const { err, out, status } = await inProcess(['tablet-server', ...args]);
  expect({ out, status }).toEqual({ out: '', status: 2 });
  expect(err).toContain(problem);
  expect(err.trimEnd().split('\n').length).toBeGreaterThan(1); // What to do follows.
});

test('no node that answers: the status says so', async () => {
  const { err, status } = await inProcess(['tablet-server', 'check', '--table', 'db.t', '--operator', 'http://127.0.0.1:9']);
  expect(status).toBe(3);
  expect(err).toContain('no node answers: http://127.0.0.1:9: ');
  expect((await inProcess(['tablet-server', ...given, '--data', folder(), '--user', 'a', '--token', 'b'])).status).toBe(2);
});
