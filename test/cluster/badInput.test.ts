/**
 * Goal: whatever a caller sends to a real node, it is refused in words that name the place and the remedy, nothing changes, and writes of
 *   others that were acknowledged meanwhile are all there.
 * Method: one real node over HTTP and through the command line, beside writers; at the end the log is compared with what they heard.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { chancery } from '../cli/processes.ts';
import { type NodeProcess, until } from '../support/nodeProcesses.ts';
import { faults, readLog, Writers } from '../support/writers.ts';
import { type Answer, ask, Nodes } from './harness.ts';

const nodes = new Nodes();
let node: NodeProcess;
let writers: Writers;
beforeAll(async () => {
  node = await nodes.start('n1', { LOG: 'file:data' });
  await nodes.leader();
  writers = new Writers([node.url], 8, 'beside');
});
afterAll(async () => {
  await writers?.stop();
  await nodes.stop();
});

const sql = (statement: string): Promise<Answer> => ask(node.url, '/v1/sql', { body: { statement } });
const set = (...values: readonly string[]): string => `CALL sys.set_cluster_configs(${values.map((value) => `'${value}'`).join(', ')})`;
const pairs = (count: number): readonly string[] => Array.from({ length: count }, (_, i) => [`datalake.many.k${i}`, 'v']).flat();

describe('SQL', () => {
  test.each<[what: string, statement: string, status: number, code: string, says: RegExp]>([
    ['malformed', 'CALL sys.set_cluster_configs(', 400, 'SQL_SYNTAX', /^expected /],
    ['no statement that is known', 'SELEKT 1', 400, 'SQL_SYNTAX', /did you mean SELECT\?/],
    ['an odd number of pairs', set('datalake.format'), 400, 'SQL_INVALID_ARGUMENT', /^config_pairs must be set in pairs/],
    ['no arguments', 'CALL sys.set_cluster_configs()', 400, 'SQL_INVALID_ARGUMENT', /^config_pairs cannot be null or empty/],
    [
      'an argument that is not there',
      "CALL sys.get_cluster_configs(keys => 'a')",
      400,
      'SQL_WRONG_ARGUMENTS',
      /no argument keys; it takes config_keys/,
    ],
    [
      'an unknown procedure',
      'CALL sys.get_cluster_confiks()',
      400,
      'SQL_UNKNOWN_PROCEDURE',
      /there is no procedure 'get_cluster_confiks' in sys; did you mean/,
    ],
    [
      'an unknown key',
      set('no.such.key', '1'),
      400,
      'CONFIG_NOT_DYNAMIC',
      /^The config key no\.such\.key is not allowed to be changed dynamically/,
    ],
    ['a wrong type', set('chancery.submit.rate-limit-per-sec', 'many'), 400, 'INVALID_CONFIG_VALUE', /^Cannot parse 'many' as Integer/],
    [
      'one wrong pair among good ones',
      set('datalake.good', 'x', 'datalake.format', 'papaya'),
      400,
      'INVALID_CONFIG_VALUE',
      /^Cannot parse 'papaya' as DataLakeFormat/,
    ],
    ['an unknown table', 'SELECT * FROM sys.nothing', 400, 'SQL_UNKNOWN_TABLE', /there is no table sys\.nothing/],
    ['10,000 pairs', set(...pairs(10_000)), 413, 'TOO_LARGE', /^10000 changes in one call; at most 500 are taken/],
  ])('%s', async (_, statement, status, code, says) => {
    const { body, status: answered } = await sql(statement);
    expect({ status: answered, code: body['code'] }).toEqual({ status, code });
    expect(body['detail']).toMatch(says);
    expect(body['remedy']).toMatch(/\w+.*\.$/);
  });
});

describe('bodies', () => {
  const send = (body: Uint8Array): Promise<Answer> => ask(node.url, '/v1/sql', { body });
  test.each<[what: string, body: Uint8Array, status: number, code: string, says: RegExp]>([
    [
      'more than 1 MB',
      Buffer.from(JSON.stringify({ statement: `SELECT '${'x'.repeat(1024 * 1024)}'` })),
      413,
      'TOO_LARGE',
      /larger than this address takes: 1 MB/,
    ],
    [
      'no UTF-8',
      Buffer.from([...Buffer.from('{"statement":"SHOW TABLES '), 0xff, 0xfe, ...Buffer.from('"}')]),
      400,
      'MALFORMED_JSON',
      /^the body is not UTF-8$/,
    ],
    [
      'half a character',
      Buffer.from([...Buffer.from('{"statement":"'), 0xe2, 0x82, ...Buffer.from('"}')]),
      400,
      'MALFORMED_JSON',
      /^the body is not UTF-8$/,
    ],
    ['no JSON', Buffer.from('SHOW TABLES'), 400, 'MALFORMED_JSON', /^the body is not JSON/],
    ['a field that is not there', Buffer.from('{"statment":"SHOW TABLES"}'), 400, 'MALFORMED_REQUEST', /./],
    ['a number for a text', Buffer.from('{"statement":1}'), 400, 'MALFORMED_REQUEST', /expected string/],
  ])('%s', async (_, bytes, status, code, says) => {
    const { body, status: answered } = await send(bytes);
    expect({ status: answered, code: body['code'] }).toEqual({ status, code });
    expect(body['detail']).toMatch(says);
    expect(body['remedy']).toMatch(/\w+.*\.$/);
  });

  test('10,000 changes', async () => {
    const changes = Array.from({ length: 10_000 }, (_, i) => ({ op: 'set', key: `datalake.k${i}`, value: 'v' }));
    const { body, status } = await ask(node.url, '/v1/configs', { method: 'PATCH', body: { changes } });
    expect({ status, code: body['code'] }).toEqual({ status: 413, code: 'TOO_LARGE' });
  });
});

describe('the command line', () => {
  const run = (args: readonly string[], input?: string) =>
    chancery(args, { cwd: nodes.folder, env: { CHANCERY_OPERATOR_URL: node.url }, ...(input === undefined ? {} : { input }) });

  test('a script that is no UTF-8, or too large, does not leave it', async () => {
    writeFileSync(join(nodes.folder, 'latin1.sql'), Buffer.from("SELECT 'caf\xe9'", 'latin1'));
    expect(await run(['sql', '-f', 'latin1.sql'])).toEqual({ status: 2, out: '', err: 'latin1.sql is not UTF-8\nSave it as UTF-8.\n' });
    writeFileSync(join(nodes.folder, 'large.sql'), `SHOW TABLES; --${'x'.repeat(1024 * 1024)}`);
    expect(await run(['sql', '-f', 'large.sql'])).toEqual({
      status: 2,
      out: '',
      err: 'large.sql is over 1 MB\nSend the script in parts.\n',
    });
  });

  test('a settings file with an unknown setting stops the start, with its line and what may be meant', async () => {
    writeFileSync(join(nodes.folder, 'wrong.yaml'), 'node-id: n2\nlog: file:other\nsesion-timeout: 10s\n');
    expect(await run(['serve', '--config', 'wrong.yaml'])).toEqual({
      status: 2,
      out: '',
      err: "cannot start: wrong.yaml, line 3: 'sesion-timeout' is not a setting\nDid you mean session-timeout?\n",
    });
  });
});

test('nothing of all this is in the log, and everything acknowledged is', async () => {
  const heard = writers.acknowledged.length;
  await until('writes are acknowledged still', 20_000, async () => (writers.acknowledged.length >= heard + 50 ? true : undefined));
  await writers.stop();
  const entries = await readLog(node.url);
  expect(faults(writers.acknowledged, entries)).toEqual([]);
  expect([...writers.refusals]).toEqual([]);
  const byOthers = entries
    .flatMap(({ events }) => events)
    .filter(({ act }) => act.principal !== 'chancery' && !act.commandId.startsWith('beside-'));
  expect(byOthers).toEqual([]);
});
