/**
 * Goal: at the command line a table that fails is seen at a glance, with its error in full and what to do about it; scripts get the same.
 * Method: the program's commands in this process, against real servers over the in-memory log, and once as processes against a node that
 * is one; rounds are reported over HTTP.
 */
import { afterEach, describe, expect, test, vi } from 'vitest';
import type { TieringFailure } from '../../src/engine/history/tieringFailures.ts';
import { submitHeartbeat } from '../../src/engine/tieringHeartbeats.ts';
import type { TieringStatus } from '../../src/engine/tieringListing.ts';
import { registration, tell } from '../operator/serverCluster.ts';
import { call, waits } from '../operator/support.ts';
import { LakeCluster } from '../operator/tieringSupport.ts';
import { caller } from '../support/nodes.ts';
import { chancery, type Ended, folder, inProcess, serve, start } from './processes.ts';

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});
async function lakeOf(tables: readonly string[]): Promise<LakeCluster> {
  const lake = await LakeCluster.start();
  closers.push(() => lake.stop());
  for (const table of tables) await lake.table('shop', table);
  return lake;
}
async function tiering({ leader }: LakeCluster, ...args: readonly string[]): Promise<Ended> {
  const { err, ...ended } = await inProcess(['tiering', ...args, '--operator', leader.url]);
  return { ...ended, err: promptly(err) };
}
/** Without what is said when an answer takes a second, as on a busy machine. */
const promptly = (err: string): string => err.replace(/^waiting for .*\n/gm, '');
const disk = 'java.io.IOException: No space left on device\n\tat LakeWriter.write';
async function fail(lake: LakeCluster, error = disk): Promise<void> {
  const { tableId, tieringEpoch } = await lake.handed();
  expect((await lake.heartbeat({ failed: [{ tableId, tieringEpoch, error }] })).status).toBe(200);
}
/** Without times, which around midnight have a day and widen their column. */
const timeless = (text: string): string =>
  text
    .replace(/(yesterday |\d{4}-\d\d-\d\d )?\d\d:\d\d:\d\d/g, 'hh:mm:ss')
    .replace(/after \d+ m?s/g, 'after N')
    .replace(/position \d+/g, 'position P')
    .replace(/(?<=\S) {2,}/g, '  ');

describe('status', () => {
  test('lists tables, the worst first, with counts and what to do next', async () => {
    const lake = await lakeOf(['orders', 'clicks']);
    await lake.due();
    await fail(lake);
    const { err, out, status } = await tiering(lake, 'status');
    expect([status, err]).toEqual([0, '']);
    expect(timeless(out).split('\n')).toEqual([
      'table  status  last tiered  late by  since  error',
      'shop.orders  Pending, failing 1x  never  hh:mm:ss  java.io.IOException: No space left on device',
      'shop.clicks  Pending  never  hh:mm:ss',
      '2 lake tables: 0 Scheduled, 2 Pending, 0 Tiering · 1 failing',
      'next: chancery tiering failures shop.orders  its errors in full, or chancery history --subject table/shop.orders',
      '',
    ]);
    const failing = await tiering(lake, 'status', 'shop', '--failing');
    expect(failing.out).toContain('shop.orders');
    expect(failing.out).not.toContain('shop.clicks');
    expect(await tiering(lake, 'status', '--limit', '1')).toMatchObject({ status: 0, err: 'the worst 1 of 2; more with --limit\n' });
  });

  test('tells everything about one table, and nothing is wrong once it is tiered', async () => {
    const lake = await lakeOf(['orders']);
    await lake.due();
    await fail(lake);
    const { out } = await tiering(lake, 'status', 'shop.orders');
    expect(out).toMatch(/^status {8}Pending, failing 1x$/m);
    expect(out).toContain(
      `\n  java.io.IOException: No space left on device\n  \tat LakeWriter.write\nnext: chancery tiering failures shop.orders`,
    );
    const { tableId, tieringEpoch } = await lake.handed();
    await lake.heartbeat({ finished: [{ tableId, tieringEpoch, records: 500, fileBytes: 1_250_000 }] });
    const well = (await tiering(lake, 'status', 'shop.orders')).out;
    expect(well).toMatch(/^status {8}Scheduled$/m);
    expect(well).toMatch(/^in the lake {3}500 records, 1.3 MB$/m);
    expect(well).not.toMatch(/IOException|last failure/);
    expect(well).toMatch(/\nnext: chancery tiering failures shop\.orders {3}its past errors\n$/);
    expect((await tiering(lake, 'status', '--failing')).out).toBe('1 lake table: 1 Scheduled, 0 Pending, 0 Tiering · none failing\n');
  });

  test('as JSON is what the operator API says', async () => {
    const lake = await lakeOf(['orders', 'clicks']);
    const list = JSON.parse((await tiering(lake, 'status', '--json', '--limit', '1')).out) as object;
    expect(list).toMatchObject({ total: 2, failing: 0, counts: { Scheduled: 2 }, tables: [{ database: 'shop', table: 'orders' }] });
    const one = JSON.parse((await tiering(lake, 'status', 'shop.clicks', '--json')).out) as object;
    expect(one).toMatchObject({ table: 'clicks', status: 'Scheduled', tieringEpoch: 0, freshnessMs: 60_000, failuresInRow: 0 });
  });

  test('says since when the node that answers has not heard from the log', async () => {
    const lake = await lakeOf(['orders']);
    lake.leader.log.silenceMs = 60_000;
    for (const args of [[], ['shop.orders']]) {
      expect(timeless((await tiering(lake, 'status', ...args)).out)).toMatch(/\nas of hh:mm:ss: n1 does not reach the log\n$/);
      const { provenance } = JSON.parse((await tiering(lake, 'status', ...args, '--json')).out) as { provenance: object };
      expect(provenance).toMatchObject({ nodeId: 'n1', position: lake.leader.node.state.position, staleForMs: 60_000 });
    }
    expect(timeless((await tiering(lake, 'failures')).err)).toBe('as of hh:mm:ss: n1 does not reach the log\n');
    lake.leader.log.silenceMs = 0;
    expect((await tiering(lake, 'status')).out).toMatch(/none failing\n$/);
    expect(await tiering(lake, 'failures')).toMatchObject({ err: '' });
  });

  test('says how a table becomes a lake table, and which there is not', async () => {
    const lake = await lakeOf([]);
    const how = (name: string): string => `Switch it on: chancery sql "ALTER TABLE ${name} SET ('table.datalake.enabled' = 'true')"\n`;
    expect((await tiering(lake, 'status')).out).toBe(`no table is tiered to the lake\n${how('DATABASE.TABLE')}`);
    expect((await tiering(lake, 'status', 'shop', '--failing')).out).toBe(`no table of shop is tiered to the lake\n${how('shop.TABLE')}`);
    await lake.table('shop', 'plain', { 'table.datalake.enabled': 'false' });
    const plain = { status: 1, out: '', err: `shop.plain is not tiered to the lake\n${how('shop.plain')}` };
    expect(await tiering(lake, 'status', 'shop.plain')).toEqual(plain);
    expect(await tiering(lake, 'status', 'shop.plain', '--watch')).toEqual(plain);
    const unknown = await tiering(lake, 'status', 'shop.nothing');
    expect([unknown.status, unknown.err.split('\n').slice(0, 2)]).toEqual([
      1,
      ['refused: UNKNOWN_TABLE at table', "Table 'shop.nothing' does not exist."],
    ]);
    expect((await tiering(lake, 'status', 'bar')).err).toContain('UNKNOWN_DATABASE');
  });
});

describe('failures', () => {
  test('are told the newest first, the same ones together', async () => {
    const lake = await lakeOf(['orders', 'clicks']);
    expect((await tiering(lake, 'failures')).out).toBe('no round of any table has failed\n');
    await lake.due();
    for (const error of ['access denied', 'not heard', disk, disk, disk]) await fail(lake, error);
    const { err, out, status } = await tiering(lake, 'failures');
    expect([status, err]).toEqual([0, '']);
    expect(timeless(out).split('\n')).toEqual([
      'shop.orders  hh:mm:ss  round 3 at s1 failed after N · position P · same error 2 times since hh:mm:ss · 3 failures in a row',
      '  java.io.IOException: No space left on device',
      '  \tat LakeWriter.write',
      'shop.clicks  hh:mm:ss  round 2 at s1 failed after N · position P · 2 failures in a row',
      '  java.io.IOException: No space left on device',
      '  \tat LakeWriter.write',
      'shop.clicks  hh:mm:ss  round 1 at s1 failed after N · position P',
      '  not heard',
      'shop.orders  hh:mm:ss  round 1 at s1 failed after N · position P',
      '  access denied',
      '',
    ]);
  });

  test('are read in pages, and each is told once', async () => {
    const lake = await lakeOf(['orders', 'clicks']);
    await lake.due();
    const { node } = lake.leader;
    let table = await lake.handed();
    for (let round = 0; round < 1010; round += 1) {
      const failed = [{ tableId: Number(table['tableId']), tieringEpoch: Number(table['tieringEpoch']), error: disk }];
      const heartbeat = { service: 's1', failed, tiering: [], finished: [], forced: [], wantsTable: true };
      const outcome = await submitHeartbeat(node, heartbeat, caller);
      if (outcome.kind !== 'answered' || outcome.answer.table === undefined) throw new Error('no table was handed out');
      table = outcome.answer.table;
    }
    const { failures, hasMore } = JSON.parse((await tiering(lake, 'failures', '--limit', '1005', '--json')).out) as {
      failures: readonly TieringFailure[];
      hasMore: boolean;
    };
    expect([failures.length, hasMore]).toEqual([1005, true]);
    expect(new Set(failures.map(({ position }) => position)).size).toBe(1005);
    expect((await tiering(lake, 'failures', '--limit', '10')).out).toMatch(
      /same error at least 5 times, since before .* failures in a row$/m,
    );
    expect((await tiering(lake, 'failures', '--limit', '2000')).out).toMatch(/same error 505 times since/);
  });

  test('of one table, of a table that is gone, and as JSON', async () => {
    const lake = await lakeOf(['orders', 'clicks']);
    await lake.due();
    for (const error of ['a', 'b', 'c']) await fail(lake, error);
    expect((await tiering(lake, 'failures', 'shop.clicks')).out).toMatch(/^shop\.clicks .*\n {2}b\n$/);
    expect(await tiering(lake, 'failures', '--limit', '2')).toMatchObject({ err: 'the newest 2 failures; more with --limit\n' });
    const drop = { name: 'dropTable', database: 'shop', table: 'orders', ignoreIfNotExists: false } as const;
    expect(await lake.leader.node.submit(drop, caller)).toMatchObject({ kind: 'done' });
    const told = JSON.parse((await tiering(lake, 'failures', 'shop.orders', '--json')).out) as object;
    expect(told).toMatchObject({
      failures: [
        { table: 'orders', tieringEpoch: 2, service: 's1', because: 'REPORTED', error: 'c', failuresInRow: 2 },
        { table: 'orders', tieringEpoch: 1, error: 'a', failuresInRow: 1 },
      ],
      hasMore: false,
    });
  });

  test('of a table that has none, or is none', async () => {
    const lake = await lakeOf(['orders']);
    await lake.table('shop', 'plain', { 'table.datalake.enabled': 'false' });
    const outs = ['shop.orders', 'shop'].map(async (name) => (await tiering(lake, 'failures', name)).out);
    expect(await Promise.all(outs)).toEqual(['no round of shop.orders has failed\n', 'no round of shop has failed\n']);
    for (const more of [[], ['--json']]) {
      expect(await tiering(lake, 'failures', 'shop.plain', ...more)).toEqual(await tiering(lake, 'status', 'shop.plain'));
      for (const name of ['shop.nix', 'nix.x'])
        expect(await tiering(lake, 'failures', name, ...more)).toEqual({
          status: 1,
          out: '',
          err: `there is no table ${name} now, and none of that name has ever failed\nThose there are: chancery tiering status\n`,
        });
      expect((await tiering(lake, 'failures', 'nix', ...more)).err).toMatch(/^there is no database nix now, and no table of one /);
    }
  });
});

test('processes tell of a table that fails, and Ctrl-C ends a watch well', async () => {
  const directory = folder();
  const node = await serve(directory);
  const env = { CHANCERY_OPERATOR_URL: node.url };
  expect((await tell(node, 0, 'registration', registration(0))).status).toBe(200);
  const properties = `WITH ('table.datalake.enabled' = 'true', 'table.datalake.freshness' = '0 s')`;
  expect(await inProcess(['sql', `CREATE DATABASE shop; CREATE TABLE shop.orders (id BIGINT) ${properties}`], env)).toMatchObject({
    status: 0,
  });
  const watch = start(['tiering', 'status', '--watch', '--failing'], { cwd: directory, env });
  const beat = (body: object) => call(`${node.url}/v1/tiering/heartbeats`, { body: { service: 's1', ...body } });
  const handed = await vi.waitUntil(async () => (await beat({ wantsTable: true })).json['table'] as TieringStatus | undefined, waits);
  const { tableId, tieringEpoch } = handed;
  expect((await beat({ failed: [{ tableId, tieringEpoch, error: disk }] })).status).toBe(200);
  await vi.waitFor(
    () => expect(watch.out()).toMatch(/^(?:\S+ )?\d\d:\d\d:\d\d {2}shop\.orders {2}Pending, failing 1x {2}java\.io\./),
    waits,
  );
  watch.child.kill('SIGINT');
  const { err, status } = await watch.ended;
  expect([status, promptly(err)]).toEqual([0, '']);
  const failures = await chancery(['tiering', 'failures'], { cwd: directory, env });
  expect(failures.status).toBe(0);
  expect(failures.out).toMatch(/^shop\.orders .*\n {2}java\.io\.IOException: No space left on device\n {2}\tat/);
});

test.each([
  [['status', 'a.b.c'], 2, "'a.b.c' is no table\nGive DATABASE.TABLE, such as shop.orders, or a database.\n"],
  [['failures', '.'], 2, "'.' is no table\nGive DATABASE.TABLE, such as shop.orders, or a database.\n"],
  [
    ['status', '--operator', 'http://127.0.0.1:2'],
    3,
    'no node answers: http://127.0.0.1:2: connection refused\n' +
      'Start one with "chancery serve", or name another with --operator http://HOST:PORT.\n',
  ],
])('%j has a clear end', async (args, status, err) => {
  expect(await inProcess(['tiering', ...args])).toEqual({ status, out: '', err });
});
