/**
 * Goal: at the command line a table that fails is seen at a glance, with its error in full, as is what to do about it; scripts get the same.
 * Method: the program's commands in this process, against real servers over the in-memory log; rounds are reported over HTTP.
 */
import { afterEach, describe, expect, test, vi } from 'vitest';
import { waits } from '../operator/support.ts';
import { LakeCluster } from '../operator/tieringSupport.ts';
import { caller } from '../support/nodes.ts';
import { inProcess } from './processes.ts';

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});
async function lakeOf(...tables: readonly string[]): Promise<LakeCluster> {
  const lake = await LakeCluster.start();
  closers.push(() => lake.stop());
  for (const table of tables) await lake.table('shop', table, { 'table.datalake.freshness': '1 s' });
  return lake;
}
/** Waits for the timers: as its service does, a command compares the cluster's clock with its own. */
async function due(lake: LakeCluster): Promise<void> {
  const { node } = lake.leader;
  await vi.waitFor(async () => {
    await node.submit({ name: 'queueDueTables', atMost: 200 }, caller);
    expect(node.state.tiering.counts.Scheduled).toBe(0);
  }, waits);
}
const tiering = ({ leader }: LakeCluster, ...args: readonly string[]) => inProcess(['tiering', ...args, '--operator', leader.url]);
const disk = 'java.io.IOException: No space left on device\n\tat LakeWriter.write';
async function fail(lake: LakeCluster, error = disk): Promise<void> {
  const { tableId, tieringEpoch } = await lake.handed();
  expect((await lake.heartbeat({ failed: [{ tableId, tieringEpoch, error }] })).status).toBe(200);
}
/** Without what depends on how fast the test is: times of day, how late a table is, and with it the width of that column. */
const timeless = (text: string): string =>
  text
    .replace(/\d\d:\d\d:\d\d/g, 'hh:mm:ss')
    .replace(/over \d+ s/g, '')
    .replace(/ {2,}/g, '  ');

describe('status', () => {
  test('lists tables, the worst first, with counts and what to do next', async () => {
    const lake = await lakeOf('orders', 'clicks');
    await due(lake);
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
    const lake = await lakeOf('orders');
    await due(lake);
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
    expect(well).not.toMatch(/error|next:|IOException/);
    expect((await tiering(lake, 'status', '--failing')).out).toBe('1 lake table: 1 Scheduled, 0 Pending, 0 Tiering · none failing\n');
  });

  test('as JSON is what the operator API says', async () => {
    const lake = await lakeOf('orders', 'clicks');
    const list = JSON.parse((await tiering(lake, 'status', '--json', '--limit', '1')).out) as object;
    expect(list).toMatchObject({ total: 2, failing: 0, counts: { Scheduled: 2 }, tables: [{ database: 'shop', table: 'orders' }] });
    const one = JSON.parse((await tiering(lake, 'status', 'shop.clicks', '--json')).out) as object;
    expect(one).toMatchObject({ table: 'clicks', status: 'Scheduled', tieringEpoch: 0, freshnessMs: 1000, failuresInRow: 0 });
  });

  test('says how a table becomes a lake table, and which there is not', async () => {
    const lake = await lakeOf();
    const how = (name: string): string => `Switch it on: chancery sql "ALTER TABLE ${name} SET ('table.datalake.enabled' = 'true')"\n`;
    expect((await tiering(lake, 'status')).out).toBe(`no table is tiered to the lake\n${how('DATABASE.TABLE')}`);
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

test.each([
  [['status', 'a.b.c'], 2, "'a.b.c' is no table\nGive DATABASE.TABLE, such as shop.orders, or a database.\n"],
  [['failures', '.'], 2, "'.' is no table\nGive DATABASE.TABLE, such as shop.orders, or a database.\n"],
  [
    ['status', '--operator', 'http://127.0.0.1:2'],
    3,
    'no node answers: http://127.0.0.1:2: connection refused\nStart one with "chancery serve", or name another with --operator http://HOST:PORT.\n',
  ],
])('%j has a clear end', async (args, status, err) => {
  expect(await inProcess(['tiering', ...args])).toEqual({ status, out: '', err });
});
