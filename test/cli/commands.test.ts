/**
 * Goal: the commands do together what the manual shows: acts are recorded and found again, past states are seen, logs are checked and
 *   moved.
 * Method: real processes on a real log in files, from start to end; texts are compared as an operator would see them.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { release } from '../../src/cli/release.ts';
import { chancery, folder, serve, start } from './processes.ts';

const rate = 'kv.rocksdb.shared-rate-limiter.bytes-per-sec';
/** Around midnight with the day. */
const clock = /(?:yesterday )?\d\d:\d\d:\d\d/g;
const withoutTimes = (text: string): string => text.replace(clock, 'hh:mm:ss');

test('what was set is there after a restart, and the history tells who set it', async () => {
  const cwd = folder();
  const first = await serve(cwd);
  expect(first.out()).toBe(
    [
      `  Chancery ${release} · node n1 · leader of epoch 1 · log file:./data (embedded)`,
      `  operator API + SQL   ${first.url}`,
      `  next: bin/chancery sql --operator ${first.url} "SHOW PROCEDURES"`,
      '',
    ].join('\n'),
  );
  const env = { CHANCERY_OPERATOR_URL: first.url };
  const set = [
    'sql',
    `CALL sys.set_cluster_configs(config_pairs => '${rate}', '200MB', 'datalake.format', 'paimon')`,
    '--reason',
    'the lake is ready',
  ];
  expect(await chancery(set, { cwd, env })).toEqual({
    status: 0,
    out: [
      `Successfully set to '200MB' configuration '${rate}'.`,
      "Successfully set to 'paimon' configuration 'datalake.format'.",
      'position 5 · in force on 1 of 1 nodes',
      '',
    ].join('\n'),
    err: '',
  });
  expect((await first.stop()).status).toBe(0);

  const second = await serve(cwd, ['--operator', first.url.slice('http://'.length)]);
  const get = await chancery(['sql', `CALL sys.get_cluster_configs('${rate}', 'datalake.format')`], { cwd, env });
  expect(get.out).toBe(
    [
      'config_key                                    config_value  config_source',
      `${rate}  200MB         DYNAMIC_CONFIG`,
      'datalake.format                               paimon        DYNAMIC_CONFIG',
      '',
    ].join('\n'),
  );
  const { out } = await chancery(['history', '--subject', 'config/*'], { cwd, env });
  expect(withoutTimes(out)).toBe(
    `5  hh:mm:ss  User:root  set ${rate}   unset → 200MB · set datalake.format   unset → paimon  "the lake is ready"  sql · n1\n`,
  );
  const everything = withoutTimes((await chancery(['history'], { cwd, env })).out).split('\n');
  expect(everything[0]).toBe('1  hh:mm:ss  chancery   log created, format 1');
  expect(everything[1]).toBe('2  hh:mm:ss  chancery   n1 took the lead, epoch 1');
  expect(everything.find((line) => line.includes('epoch 2'))).toMatch(/^\d {2}hh:mm:ss {2}chancery {3}n1 took the lead, epoch 2$/);
  expect((await second.stop()).status).toBe(0);
});

test('a listing can be narrowed, and its JSON is whole', async () => {
  const cwd = folder();
  const node = await serve(cwd);
  const env = { CHANCERY_OPERATOR_URL: node.url };
  await chancery(['sql', "CALL sys.set_cluster_configs('datalake.format', 'paimon'); CALL sys.reset_cluster_configs('datalake.format')"], {
    cwd,
    env,
  });
  const positions = async (...args: readonly string[]): Promise<readonly number[]> =>
    (await chancery(['history', '--json', ...args], { cwd, env })).out
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => (JSON.parse(line) as { position: number }).position);
  expect(await positions()).toEqual([1, 2, 3, 4, 5, 6]);
  expect(await positions('--type', 'LogCreated,LeadershipTaken')).toEqual([1, 2]);
  expect(await positions('--principal', 'User:root', '--limit', '1')).toEqual([6]);
  expect(await positions('--principal', 'root')).toEqual([5, 6]);
  expect(await positions('--principal', 'chancery')).toEqual([1, 2, 3, 4]);
  expect(await positions('--since', '1h', '--until', 'now', '--subject', 'config/datalake.format')).toEqual([5, 6]);
  expect(await positions('--until', '1h')).toEqual([]);
  const some = await chancery(['history', '--limit', '2'], { cwd, env });
  expect(some.err).toBe('the newest 2; more with --limit\n');
  expect(some.out.trimEnd().split('\n')).toHaveLength(2);
  const none = await chancery(['history', '--subject', 'config/nothing'], { cwd, env });
  expect(none).toEqual({ status: 0, out: '', err: 'nothing like this has happened\n' });
  expect((await chancery(['history', '--type', 'Typo'], { cwd, env })).status).toBe(1);
});

test('following goes on over a restart of the node', async () => {
  const cwd = folder();
  const first = await serve(cwd);
  const env = { CHANCERY_OPERATOR_URL: first.url };
  const follow = start(['history', '--follow', '--subject', 'config/*'], { cwd, env });
  const set = (value: string) => chancery(['sql', `CALL sys.set_cluster_configs('datalake.paimon.note', '${value}')`], { cwd, env });
  await set('one');
  await vi.waitFor(() => expect(follow.out()).toContain('unset → one'), { timeout: 10_000 });
  await first.stop();
  await serve(cwd, ['--operator', first.url.slice('http://'.length)]);
  await set('two');
  await vi.waitFor(() => expect(follow.out()).toContain('one → two'), { timeout: 10_000 });
  expect(follow.out().trimEnd().split('\n')).toHaveLength(2);
});

test('scripts come as an argument, a file or standard input; answers as table, JSON or CSV', async () => {
  const cwd = folder();
  const node = await serve(cwd);
  const env = { CHANCERY_OPERATOR_URL: node.url };
  const script = [
    'USE sys;',
    '-- a comment; with a semicolon',
    "CALL set_cluster_configs('datalake.format', 'paimon');",
    "CALL get_cluster_configs('datalake.format')",
  ].join('\n');
  writeFileSync(join(cwd, 'script.sql'), script);
  const json = await chancery(['sql', '--json', '-f', 'script.sql'], { cwd, env });
  expect(json.out).toContain('[\n  {"config_key": "datalake.format", "config_value": "paimon", "config_source": "DYNAMIC_CONFIG"}\n]\n');
  expect(json.err).toBe('position 5 · in force on 1 of 1 nodes\n');
  const csv = await chancery(['sql', '--csv'], { cwd, env, input: "CALL sys.get_cluster_configs('datalake.format');" });
  expect(csv).toEqual({ status: 0, out: 'config_key,config_value,config_source\r\ndatalake.format,paimon,DYNAMIC_CONFIG\r\n', err: '' });
  const select = await chancery(
    ['sql', "SELECT config_value FROM sys.cluster_configs AT (VERSION => 3) WHERE config_key = 'datalake.format'"],
    { cwd, env },
  );
  expect(select.out).toBe('config_value\nNULL\n');
  const address = node.url.slice('http://'.length); // As `serve --operator` has it.
  const two = await chancery(['sql', '--operator', address, 'SELECT 1 AS a; SELECT 2 AS b'], { cwd });
  expect(two).toEqual({ status: 0, out: 'a\n1\n\nb\n2\n', err: '' });
});

test('the same key is the same act', async () => {
  const cwd = folder();
  const node = await serve(cwd);
  const set = [
    'sql',
    '--operator',
    `http://127.0.0.1:1,${node.url}`,
    '--idempotency-key',
    'deploy-7',
    "CALL sys.set_cluster_configs('datalake.format', 'paimon')",
  ];
  const [once, again] = [await chancery(set, { cwd }), await chancery(set, { cwd })];
  expect(once.out).toContain('position 5 · ');
  expect(again).toEqual(once);
  const other = await chancery([...set.slice(0, -1), "CALL sys.set_cluster_configs('datalake.format', 'hudi')"], { cwd });
  expect(other.status).toBe(1);
  expect(other.err).toContain('refused: IDEMPOTENCY_KEY_REUSED');
});

test('the state of any moment can be seen', async () => {
  const cwd = folder();
  const node = await serve(cwd);
  const env = { CHANCERY_OPERATOR_URL: node.url };
  await chancery(['sql', "CALL sys.set_cluster_configs('datalake.format', 'paimon')"], { cwd, env });
  await chancery(['sql', "CALL sys.set_cluster_configs('datalake.format', 'hudi')"], { cwd, env });
  const value = async (moment: string) => (await chancery(['at', moment, 'configs.dynamic.datalake.format.value.text'], { cwd, env })).out;
  expect(await value('5')).toBe('"paimon"\n');
  expect(await value('6')).toBe('"hudi"\n');
  expect(await value('now')).toBe('"hudi"\n');
  const before = await chancery(['at', '1h', '--json'], { cwd, env });
  expect(JSON.parse(before.out)).toMatchObject({ position: 0, at: 0, state: { configs: { dynamic: {} } } });
  expect(await chancery(['at', '99'], { cwd, env })).toEqual({
    status: 1,
    out: '',
    err: 'refused: UNKNOWN_POSITION\nposition 99 has not happened yet, the newest is 6\nAsk for a position from 0 to 6.\n',
  });
  expect((await chancery(['at', 'tomorrow'], { cwd, env })).status).toBe(2);
});

test('the status names every node', async () => {
  const cwd = folder();
  const node = await serve(cwd, ['--node-id', 'solo']);
  const { out } = await chancery(['status', '--operator', node.url], { cwd });
  expect(out).toBe(
    [
      `node  role    position  lag         address${' '.repeat(node.url.length - 7)}  release`,
      `solo  leader         4  up to date  ${node.url}  ${release}`,
      'solo leads, epoch 1 · as seen by solo',
      '',
    ].join('\n'),
  );
  const json = JSON.parse((await chancery(['status', '--operator', node.url, '--json'], { cwd })).out) as object;
  expect(json).toMatchObject({ leaderId: 'solo', epoch: 1, nodes: [{ nodeId: 'solo', role: 'leader', position: 4, lag: 0 }] });
});

test('a log is exported, checked, replayed without a server, and imported with the same hashes', async () => {
  const cwd = folder();
  const node = await serve(cwd);
  const env = { CHANCERY_OPERATOR_URL: node.url };
  await chancery(['sql', "CALL sys.set_cluster_configs('datalake.format', 'paimon')"], { cwd, env });
  const exported = await chancery(['export', 'log.ndjson'], { cwd, env });
  expect(exported.status).toBe(0);
  expect(exported.err).toMatch(/^exported 5 events in \d entries to log\.ndjson\nchain [0-9a-f]{64}\n$/);
  const verify = async (...args: readonly string[]) => {
    const { err, out, status } = await chancery(['verify', ...args], { cwd, env });
    return { status, out: withoutTimes(out), err };
  };
  const live = await verify();
  expect(live.out).toMatch(
    /^sound: 5 events in \d entries, the last of hh:mm:ss\nchain [0-9a-f]{64}\nstate [0-9a-f]{64}\nsecrets not looked at: /,
  );
  await node.stop();

  expect((await chancery(['export', '--log', 'file:data'], { cwd })).out).toBe(readFileSync(join(cwd, 'log.ndjson'), 'utf8'));
  expect(await verify('--file', 'log.ndjson')).toEqual(live);
  expect(await verify('--log', 'file:data')).toEqual(live);
  const replayed = await chancery(['replay', '--file', 'log.ndjson', '--from', '5'], { cwd });
  const [act = '', change = '', ...more] = withoutTimes(replayed.out).split('\n');
  expect(act).toBe('5  hh:mm:ss  User:root  set datalake.format   unset → paimon  sql · n1');
  const patched = '    + configs.dynamic.datalake.format  ';
  expect(change.slice(0, patched.length)).toBe(patched);
  const row = { value: { kind: 'text', text: 'paimon' }, position: 5, at: expect.any(Number) as number, principal: 'User:root' };
  expect(JSON.parse(change.slice(patched.length))).toEqual(row);
  expect(more).toEqual(['']);
  expect((await chancery(['replay', '--log', 'file:data', '--from', '5'], { cwd })).out).toBe(replayed.out);
  const steps = await chancery(['replay', '--file', 'log.ndjson', '--step'], { cwd, input: '\nq\n' });
  expect(steps.out.split('\n').filter((line) => !line.startsWith(' ') && line !== '')).toHaveLength(2);

  const imported = await chancery(['import', 'log.ndjson', '--log', 'file:copy'], { cwd });
  expect(imported.out.split('\n')[1]).toBe(exported.err.split('\n')[1]);
  expect(await verify('--log', 'file:copy')).toEqual(live);
  expect(await chancery(['import', 'log.ndjson', '--log', 'file:copy'], { cwd })).toEqual({
    status: 1,
    out: '',
    err: 'file:copy is not empty: it ends at position 5\nImport into a new log. Nothing was changed.\n',
  });
  const onCopy = await serve(cwd, ['--log', 'file:copy']);
  expect(onCopy.out()).toContain('leader of epoch 3');
  await expect(
    chancery(['at', 'now', 'configs.dynamic.datalake.format.value.text', '--operator', onCopy.url], { cwd }),
  ).resolves.toMatchObject({
    out: '"paimon"\n',
  });
});

test('an export never replaces a file unasked, and leaves no part behind', async () => {
  const cwd = folder();
  writeFileSync(join(cwd, 'log.ndjson'), 'mine');
  const node = await serve(cwd);
  const refused = await chancery(['export', 'log.ndjson', '--operator', node.url], { cwd });
  expect(refused).toEqual({ status: 2, out: '', err: 'log.ndjson is there already\nGive another name, or --force to write over it.\n' });
  expect(readFileSync(join(cwd, 'log.ndjson'), 'utf8')).toBe('mine');
  expect((await chancery(['export', 'log.ndjson', '--force', '--operator', node.url], { cwd })).status).toBe(0);
  expect(readFileSync(join(cwd, 'log.ndjson'), 'utf8')).toMatch(/^\{"at":/);
  const nowhere = await chancery(['export', 'no/such/folder.ndjson', '--operator', node.url], { cwd });
  expect(nowhere).toEqual({ status: 2, out: '', err: 'no/such/folder.ndjson cannot be written: there is no such directory\n' });
});
