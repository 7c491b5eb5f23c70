/**
 * Goal: tiering services report and are handed tables over HTTP, on whichever node; whoever asks is told where each lake table stands.
 * What does not count says why, and stores nothing.
 * Method: real requests to nodes of the in-memory log, with a clock that tests set forward.
 */
import { afterEach, describe, expect, test, vi } from 'vitest';
import type { Command } from '../../src/deciders/commands.ts';
import { caller as root } from '../support/nodes.ts';
import { call, waits } from './support.ts';
import { faultOf, type Json, LakeCluster } from './tieringSupport.ts';

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});
async function started(...given: Parameters<typeof LakeCluster.start>): Promise<LakeCluster> {
  const lake = await LakeCluster.start(...given);
  closers.push(() => lake.stop());
  return lake;
}
const rowsOf = ({ json }: { readonly json: Json }) => json['tables'] as readonly Json[];
const namesOf = (answer: { readonly json: Json }) => rowsOf(answer).map((row) => row['table']);

describe('a heartbeat', () => {
  test('is handed the table that has waited for longest; its reports show in the statuses', async () => {
    const lake = await started();
    const orders = await lake.table('shop', 'orders');
    expect((await lake.heartbeat({ wantsTable: true })).json['table'], 'nothing is due').toBeUndefined();
    await lake.due();
    await lake.table('shop', 'items');
    await lake.due();
    const first = await lake.heartbeat({ wantsTable: true });
    const { epoch, position } = lake.leader.node.state;
    expect(first.json).toEqual({
      position,
      coordinatorEpoch: epoch,
      table: { tableId: orders, database: 'shop', table: 'orders', tieringEpoch: 1, timeoutMs: 120_000 },
      failed: [],
      tiering: [],
      finished: [],
    });
    expect(first.headers.get('chancery-position')).toBe(String(position));
    const round = { tableId: orders, tieringEpoch: 1, coordinatorEpoch: epoch };
    expect((await lake.heartbeat({ tiering: [round] })).json).toMatchObject({ tiering: [{ tableId: orders }] });
    expect(rowsOf(await lake.statuses('?database=shop&table=orders'))).toMatchObject([{ status: 'Tiering', service: 's1' }]);
    expect((await lake.heartbeat({ finished: [{ ...round, fileBytes: 10, records: 3 }] })).json).toMatchObject({
      finished: [{ tableId: orders }],
    });
    const [done] = rowsOf(await lake.statuses('?database=shop&table=orders'));
    const { at } = lake.leader.node.state;
    expect(done).toMatchObject({
      tableId: orders,
      database: 'shop',
      table: 'orders',
      status: 'Scheduled',
      tieringEpoch: 1,
      lastTieredAt: at,
      since: at,
      freshnessMs: 60_000,
      dueAt: at + 60_000,
      failures: 0,
      failuresInRow: 0,
      lastDurationMs: expect.any(Number),
      fileBytes: 10,
      records: 3,
    });
    for (const field of ['lastError', 'lastErrorAt', 'service']) expect(done).not.toHaveProperty(field);
  });

  test('tells why rounds failed, or, from an older service, only that they did; success forgets it', async () => {
    const lake = await started();
    const orders = await lake.table('shop', 'orders');
    await lake.due();
    const first = await lake.handed();
    await lake.heartbeat({ failed: [{ tableId: orders, tieringEpoch: first['tieringEpoch'], error: 'the bucket is full' }] });
    const [failed] = rowsOf(await lake.statuses());
    expect(failed).toMatchObject({ status: 'Pending', tieringEpoch: 2, lastError: 'the bucket is full', failures: 1, failuresInRow: 1 });
    expect(failed?.['lastErrorAt']).toBe(lake.leader.node.state.at);
    expect(failed?.['lastTieredAt']).toBeUndefined();
    await lake.handed();
    await lake.heartbeat({ failed: [{ tableId: orders, tieringEpoch: 2 }] });
    const [silent] = rowsOf(await lake.statuses());
    expect(silent).toMatchObject({ status: 'Pending', tieringEpoch: 3, failures: 2, failuresInRow: 2, lastErrorAt: expect.any(Number) });
    expect(silent?.['lastError'], 'the text of the round before says nothing of this one').toBeUndefined();
    await lake.handed();
    await lake.heartbeat({ finished: [{ tableId: orders, tieringEpoch: 3 }], forced: [orders] });
    const [forced] = rowsOf(await lake.statuses());
    expect(forced).toMatchObject({ status: 'Pending', tieringEpoch: 4, failures: 2, failuresInRow: 0, lastTieredAt: expect.any(Number) });
    expect([forced?.['lastError'], forced?.['lastErrorAt']]).toEqual([undefined, undefined]);
  });

  test('keeps the first 2,048 characters of an error, and nothing that a terminal would act on', async () => {
    const lake = await started();
    const orders = await lake.table('shop', 'orders');
    await lake.due();
    await lake.handed();
    await lake.heartbeat({ failed: [{ tableId: orders, tieringEpoch: 1, error: `\u001b[31m${'x'.repeat(10_000)}` }] });
    const [row] = rowsOf(await lake.statuses());
    expect(row?.['lastError']).toBe('x'.repeat(2048));
  });

  test('has each report that does not count answered by itself, and those store nothing', async () => {
    const lake = await started();
    const orders = await lake.table('shop', 'orders');
    const items = await lake.table('shop', 'items');
    await lake.due();
    await lake.handed();
    await lake.handed('s1', { tiering: [{ tableId: orders, tieringEpoch: 1 }] });
    const { epoch, position } = lake.leader.node.state;
    const late = { tableId: orders, tieringEpoch: 0, error: 'from long ago' };
    const answer = await lake.heartbeat({
      failed: [late, { ...late, tieringEpoch: 1, coordinatorEpoch: epoch - 1 }, { ...late, tableId: 99 }],
      tiering: [{ tableId: items, tieringEpoch: 1 }],
      finished: [{ tableId: items, tieringEpoch: 7 }],
    });
    const refusals = (list: string) => (answer.json[list] as readonly Json[]).map((each) => each['refusal'] as Json | undefined);
    expect(refusals('failed').map((each) => [each?.['code'], each?.['detail']])).toEqual([
      ['FENCED_TIERING_EPOCH', `The tiering epoch 0 is not match current epoch 1 in coordinator for table ${orders}.`],
      [
        'FENCED_COORDINATOR_EPOCH',
        `The coordinator epoch ${epoch - 1} in request is not match current coordinator epoch ${epoch} for table ${orders}.`,
      ],
      ['UNKNOWN_TABLE', "The table 99 doesn't exist."],
    ]);
    expect(refusals('tiering')).toEqual([undefined]);
    expect(refusals('finished')).toMatchObject([{ code: 'FENCED_TIERING_EPOCH', remedy: expect.any(String) }]);
    expect(lake.leader.node.state.position).toBe(position);
    expect(rowsOf(await lake.statuses()).map((row) => [row['status'], row['failures'], row['lastError']])).toEqual([
      ['Tiering', 0, undefined],
      ['Tiering', 0, undefined],
    ]);
  });

  test('to a follower is taken as by the leader, and the follower shows what came of it', async () => {
    const lake = await started(['n1', 'n2']);
    const orders = await lake.table('shop', 'orders');
    await lake.due();
    const { follower } = lake;
    const answer = await lake.heartbeat({ wantsTable: true }, follower);
    expect(answer.json).toMatchObject({ table: { tableId: orders, tieringEpoch: 1 }, coordinatorEpoch: lake.leader.node.state.epoch });
    const position = Number(answer.json['position']);
    const shown = await lake.statuses(`?atLeast=${position}`, follower);
    expect(shown.headers.get('chancery-node')).toBe(follower.node.provenance.nodeId);
    expect(rowsOf(shown)).toMatchObject([{ status: 'Tiering', service: 's1' }]);
    await lake.heartbeat({ failed: [{ tableId: orders, tieringEpoch: 1, error: 'no lake' }] });
    expect(rowsOf(await lake.statuses('?consistency=linearizable', follower))).toMatchObject([{ lastError: 'no lake' }]);
  });

  test('names what is wrong with it', async () => {
    const lake = await started();
    const report = { tableId: 1, tieringEpoch: 1 };
    const wrong: readonly (readonly [object, string, string])[] = [
      [{ service: 'a service' }, 'service', 'letters, digits'],
      [{ failed: [{ ...report, text: 'no' }] }, 'failed[0].text', "there is no field 'text' here"],
      [{ failed: [{ tableId: 1 }] }, 'failed[0].tieringEpoch', 'it is missing'],
      [{ finished: [{ ...report, fileBytes: -1 }] }, 'finished[0].fileBytes', '>=0'],
      [{ forced: [1] }, 'forced[0]', 'table 1 is not among those that finished'],
      [{ tiering: Array.from({ length: 1001 }, () => report) }, 'tiering', 'at most 1000 in one heartbeat'],
      [{ wantsTable: 'yes' }, 'wantsTable', 'expected boolean'],
      [{ wants: true }, 'wants', "there is no field 'wants' here; there are service, failed, tiering, finished, forced, wantsTable"],
    ];
    for (const [body, field, detail] of wrong)
      expect(faultOf(await lake.heartbeat(body)), field).toEqual([400, 'MALFORMED_REQUEST', field, expect.stringContaining(detail)]);
    const nobody = await call(`${lake.leader.url}/v1/tiering/heartbeats`, { body: { wantsTable: true } });
    expect(faultOf(nobody)).toMatchObject([400, 'MALFORMED_REQUEST', 'service', expect.stringContaining('missing')]);
    const error = 'x'.repeat(65_536);
    const large = await lake.heartbeat({ failed: Array.from({ length: 100 }, () => ({ ...report, error })) });
    expect(faultOf(large)).toEqual([413, 'TOO_LARGE', '', expect.stringContaining('4 MB for heartbeats of tiering services')]);
    const two = await lake.heartbeat({ failed: Array.from({ length: 40 }, () => ({ ...report, error })) });
    expect([two.status, (two.json['failed'] as readonly Json[]).length], 'what fits is taken').toEqual([200, 40]);
  });

  test('that nobody can decide is to be sent again', async () => {
    const lake = await started();
    await lake.leader.node.close();
    const { headers, json, status } = await call(`${lake.cluster.served.get('n1')?.url}/v1/tiering/heartbeats`, {
      body: { service: 's1', wantsTable: true },
    });
    expect([status, headers.get('retry-after')], String(json['code'])).toEqual([503, expect.any(String)]);
  });
});

describe('statuses', () => {
  test('come in pages, by name, of one database, of one table', async () => {
    const lake = await started();
    expect(
      await lake.leader.node.submit({ name: 'createDatabase', database: 'mail', ignoreIfExists: false, properties: {} }, root),
    ).toMatchObject({ kind: 'done' });
    for (const name of ['b', 'c', 'a']) await lake.table('shop', name);
    await lake.table('mail', 'z');
    await lake.table('shop', 'plain', { 'table.datalake.enabled': 'false' });
    const all = await lake.statuses();
    expect(namesOf(all)).toEqual(['z', 'a', 'b', 'c']);
    expect(all.json).toMatchObject({ total: 4, counts: { Scheduled: 4, Pending: 0, Tiering: 0 }, failing: 0 });
    expect([all.json['next'], all.json['provenance']]).toEqual([undefined, { ...lake.leader.node.provenance }]);
    const first = await lake.statuses('?database=shop&limit=2');
    expect([namesOf(first), first.json['total'], first.json['next'], first.json['counts']]).toEqual([
      ['a', 'b'],
      3,
      2,
      { Scheduled: 3, Pending: 0, Tiering: 0 },
    ]);
    const rest = await lake.statuses('?database=shop&limit=2&offset=2');
    expect([namesOf(rest), rest.json['next']]).toEqual([['c'], undefined]);
    expect(namesOf(await lake.statuses('?offset=9'))).toEqual([]);
    expect(namesOf(await lake.statuses('?database=shop&table=b'))).toEqual(['b']);
    expect((await lake.statuses('?database=shop&table=plain')).json).toMatchObject({ tables: [], total: 0, counts: { Scheduled: 0 } });
    expect((await lake.statuses('?database=fluss')).json).toMatchObject({ tables: [], total: 0 });
  });

  test('follow tables that come, go, and come again', async () => {
    const lake = await started();
    await lake.table('shop', 'a');
    const b = await lake.table('shop', 'b');
    for (const order of ['name', 'worst']) expect(namesOf(await lake.statuses(`?order=${order}`)), order).toEqual(['a', 'b']);
    const { node } = lake.leader;
    expect(await node.submit({ name: 'dropTable', database: 'shop', table: 'b', ignoreIfNotExists: false }, root)).toMatchObject({
      kind: 'done',
    });
    expect((await lake.statuses()).json).toMatchObject({ total: 1, tables: [{ table: 'a' }] });
    const again = await lake.table('shop', 'b');
    expect(again).not.toBe(b);
    const set = { 'table.datalake.enabled': 'false' };
    const off: Command = { name: 'alterTable', database: 'shop', table: 'a', set, removed: [], columns: [], ignoreIfNotExists: false };
    expect(await node.submit(off, root)).toMatchObject({ kind: 'done' });
    for (const order of ['name', 'worst'])
      expect((await lake.statuses(`?order=${order}`)).json, order).toMatchObject({ total: 1, tables: [{ table: 'b', tableId: again }] });
  });

  test('of failing tables alone, and the worst first', async () => {
    const lake = await started();
    const ids: Record<string, number> = {};
    for (const name of ['fresh', 'once', 'twice']) ids[name] = await lake.table('shop', name);
    ids['late'] = await lake.table('shop', 'late', { 'table.datalake.freshness': '1 s' });
    ids['calm'] = await lake.table('shop', 'calm', { 'table.datalake.freshness': '1 d' });
    lake.clock.jump(60_000);
    const { node } = lake.leader;
    await node.submit({ name: 'queueDueTables', atMost: 200 }, root);
    await vi.waitFor(() => expect(node.state.tiering.counts.Pending).toBe(4), waits);
    const fail = async (names: readonly string[]) => {
      const has: Json[] = [];
      while (node.state.tiering.counts.Pending > 0) {
        const { tableId, tieringEpoch } = await lake.handed('s1', { tiering: has });
        has.push({ tableId, tieringEpoch });
      }
      const failed = has.filter(({ tableId }) => names.some((name) => ids[name] === tableId));
      const finished = has.filter((round) => !failed.includes(round));
      const forced = finished.map(({ tableId }) => tableId);
      expect((await lake.heartbeat({ failed, finished, forced })).status).toBe(200);
    };
    await fail(['once', 'twice', 'late']);
    await fail(['twice']);
    await fail(['once', 'twice']);
    const worst = await lake.statuses('?order=worst');
    expect(rowsOf(worst).map((row) => [row['table'], row['failuresInRow']])).toEqual([
      ['twice', 3],
      ['once', 1],
      ['late', 0],
      ['fresh', 0],
      ['calm', 0],
    ]);
    expect([worst.json['failing'], worst.json['counts']]).toEqual([2, { Scheduled: 1, Pending: 4, Tiering: 0 }]);
    const failing = await lake.statuses('?failing=true');
    expect([namesOf(failing), failing.json['total']]).toEqual([['once', 'twice'], 2]);
    expect(namesOf(await lake.statuses('?failing=true&order=worst&limit=1&database=shop'))).toEqual(['twice']);
    expect(namesOf(await lake.statuses('?failing=true&order=worst&offset=1'))).toEqual(['once']);
    expect(namesOf(await lake.statuses('?failing=true&database=shop&table=late'))).toEqual([]);
    expect((await lake.statuses('?database=shop&table=once')).json).toMatchObject({ failing: 1, counts: { Pending: 1 } });
  });

  test('say what is wrong with the question', async () => {
    const lake = await started();
    const wrong: readonly (readonly [string, readonly unknown[]])[] = [
      ['?table=a', [400, 'MALFORMED_REQUEST', 'database']],
      ['?database=nowhere', [404, 'UNKNOWN_DATABASE', 'database']],
      ['?database=shop&table=nothing', [404, 'UNKNOWN_TABLE', 'table']],
      ['?order=best', [400, 'MALFORMED_REQUEST', 'order']],
      ['?failing=maybe', [400, 'MALFORMED_REQUEST', 'failing']],
      ['?limit=0', [400, 'MALFORMED_REQUEST', 'limit']],
      ['?limit=10001', [400, 'MALFORMED_REQUEST', 'limit']],
      ['?offset=-1', [400, 'MALFORMED_REQUEST', 'offset']],
      ['?status=Pending', [400, 'MALFORMED_REQUEST', 'status']],
    ];
    for (const [query, fault] of wrong) expect(faultOf(await lake.statuses(query)).slice(0, 3), query).toEqual(fault);
  });
});
