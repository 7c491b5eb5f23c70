/**
 * Goal: transactions, tablets and their jobs over real HTTP: what a load and a compaction are told, what the admin routes and get_value
 * show of them, and that a commit of thousands of tablets is one small event.
 * Method: one node on the in-memory log with its Meta Service; requests as a frontend, a backend and an operator send them.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Reply, type ServedMetaService, serveMetaService } from './support.ts';

let served: ServedMetaService;
beforeAll(async () => {
  served = await serveMetaService();
});
afterAll(() => served.stop());

const never = 4_000_000_000;
let instances = 0;
/** A new instance with tablets of one partition. */
async function instanceWith(tablets: readonly number[]): Promise<{ readonly id: string; readonly cloudId: string }> {
  instances += 1;
  const id = `i${instances}`;
  expect((await served.post('create_instance', { instance_id: id })).status).toBe(200);
  const cloudId = `1:${id}:x`;
  for (let i = 0; i < tablets.length; i += 1000)
    await done('create_tablets', { cloud_unique_id: cloudId, db_id: 7, tablet_metas: tablets.slice(i, i + 1000).map(metaOf) });
  return { id, cloudId };
}
const indexOf = (id: number) => ({ table_id: 10, index_id: 20, partition_id: 30, tablet_id: id });
const metaOf = (id: number) => ({
  ...indexOf(id),
  schema: { schema_version: 1 },
  rs_metas: [{ rowset_id: 0, rowset_id_v2: `first-${id}` }],
});

async function done(method: string, body: object): Promise<NonNullable<Reply['json']>> {
  const { json } = await served.rpc(method, body);
  expect(json).toMatchObject({ status: { code: 'OK', msg: '' } });
  return json ?? {};
}
async function begin(cloudId: string, label: string, more: object = {}): Promise<number> {
  const info = { db_id: 7, label, table_ids: [10], timeout_ms: 60_000, ...more };
  return (await done('begin_txn', { cloud_unique_id: cloudId, txn_info: info }))['txn_id'] as number;
}
const rowsetOf = (txn: number, tablet: number) => ({
  ...{ rowset_id: 0, rowset_id_v2: `r-${txn}-${tablet}`, tablet_id: tablet, partition_id: 30, txn_id: txn, num_rows: 10, num_segments: 2 },
  ...{ total_disk_size: 350, index_disk_size: 50, data_disk_size: 300, tablet_schema: { schema_version: 1 } },
});
async function load(cloudId: string, label: string, tablets: readonly number[]): Promise<number> {
  const txn = await begin(cloudId, label);
  for (const tablet of tablets) await done('commit_rowset', { cloud_unique_id: cloudId, rowset_meta: rowsetOf(txn, tablet) });
  await done('commit_txn', { cloud_unique_id: cloudId, txn_id: txn });
  return txn;
}
const stored = async (type: string, fields: Readonly<Record<string, string | number>>): Promise<string> => {
  const query = new URLSearchParams({ key_type: type, ...Object.fromEntries(Object.entries(fields).map(([k, v]) => [k, String(v)])) });
  return (await served.post(`get_value?${query.toString()}`)).text;
};

describe('a load', () => {
  test('is told its id, the version and what is there already', async () => {
    const { cloudId, id } = await instanceWith([1, 2]);
    const requestId = { hi: '-9223372036854775808', lo: '9223372036854775807' };
    const txn = await begin(cloudId, 'l', { request_id: requestId, coordinator: { sourceType: 'TXN_SOURCE_TYPE_BE', ip: 'a', id: 5 } });
    const info = { db_id: 7, label: 'l', table_ids: [10], timeout_ms: 1, request_id: requestId };
    const again = await served.rpc('begin_txn', { cloud_unique_id: cloudId, txn_info: info });
    expect(again.json).toMatchObject({ status: { code: 'TXN_DUPLICATED_REQ' }, dup_txn_id: txn });
    expect(again.text).not.toContain('"txn_id"');

    const rowset = { cloud_unique_id: cloudId, rowset_meta: rowsetOf(txn, 1) };
    await done('prepare_rowset', rowset);
    await done('commit_rowset', rowset);
    for (const method of ['prepare_rowset', 'commit_rowset'])
      expect((await served.rpc(method, rowset)).json).toMatchObject({
        status: { code: 'ALREADY_EXISTED', msg: 'rowset already exists' },
        existed_rowset_meta: { rowset_id: 0, rowset_id_v2: `r-${txn}-1`, tablet_id: 1, txn_id: txn, total_disk_size: 350 },
      });
    expect(JSON.parse(await stored('MetaRowsetTmpKey', { instance_id: id, txn_id: txn, tablet_id: 1 }))).toMatchObject({ num_rows: '10' });
    expect(JSON.parse(await stored('TxnRunningKey', { instance_id: id, db_id: 7, txn_id: txn }))).toMatchObject({ table_ids: ['10'] });
    expect(await done('precommit_txn', { cloud_unique_id: cloudId, txn_id: txn, precommit_timeout_ms: 5000 })).toMatchObject({
      txn_id: txn,
    });
    expect(await done('commit_txn', { cloud_unique_id: cloudId, db_id: 7, txn_id: txn, is_2pc: true })).toMatchObject({
      txn_info: { txn_id: txn, status: 'TXN_STATUS_VISIBLE', request_id: {}, coordinator: { sourceType: 'TXN_SOURCE_TYPE_BE', ip: 'a' } },
      table_ids: [10],
      partition_ids: [30],
      versions: [2],
      version_update_time_ms: expect.any(Number) as number,
    });
    const shown = await served.rpc('get_txn', { cloud_unique_id: cloudId, txn_id: txn });
    expect(shown.text).toContain('"hi":-9223372036854775808,"lo":9223372036854775807');
    for (const name of ['prepare_time', 'precommit_time', 'commit_time', 'finish_time']) expect(shown.text).toContain(`"${name}":`);
  });

  test('leaves what get_value shows', async () => {
    const { cloudId, id } = await instanceWith([1]);
    const txn = await load(cloudId, 'l', [1]);
    expect(await stored('TxnLabelKey', { instance_id: id, db_id: 7, label: 'l' })).toBe(`{"txn_ids":["${txn}"]}\ntxn_id=${txn}\n`);
    expect(await stored('TxnIndexKey', { instance_id: id, txn_id: txn })).toBe('{"tablet_index":{"db_id":"7"}}\n');
    expect(await stored('TxnInfoKey', { instance_id: id, db_id: 7, txn_id: txn })).toContain('"status":"TXN_STATUS_VISIBLE"');
    expect(await stored('TxnInfoKey', { instance_id: id, db_id: 8, txn_id: txn })).toContain('kv not found');
    expect(await stored('TxnRunningKey', { instance_id: id, db_id: 7, txn_id: txn })).toContain('kv not found');
    expect(await stored('RecycleTxnKey', { instance_id: id, db_id: 7, txn_id: txn })).toMatch(/^\{"creation_time":"\d+","label":"l"\}\n$/);
    for (const type of ['PartitionVersionKey', 'VersionKey'])
      expect(await stored(type, { instance_id: id, db_id: 7, tbl_id: 10, partition_id: 30 })).toMatch(
        /^\{"version":"2","update_time_ms":"\d+"\}\n$/,
      );
    expect(await stored('MetaRowsetKey', { instance_id: id, tablet_id: 1, version: 1 })).toContain('"rowset_id_v2":"first-1"');
    expect(JSON.parse(await stored('MetaRowsetKey', { instance_id: id, tablet_id: 1, version: 2 }))).toMatchObject({
      ...{ txn_id: String(txn), start_version: '2', end_version: '2', rowset_id_v2: `r-${txn}-1` },
    });
    const place = { instance_id: id, table_id: 10, index_id: 20, part_id: 30, tablet_id: 1 };
    expect(await stored('MetaTabletKey', place)).toContain('"schema":{"schema_version":1}');
    expect(await stored('MetaTabletKey', { ...place, part_id: 31 })).toContain('kv not found');
    expect(await stored('StatsTabletKey', place)).toMatch(/^aggregated_stats: (\{.*\})\ndetached_stats: \{\}\nmerged_stats: \1\n$/);
  });

  test('of thousands of tablets is committed in one small event', async () => {
    const tablets = Array.from({ length: 3000 }, (_, i) => i + 1);
    const { cloudId, id } = await instanceWith(tablets);
    const txn = await begin(cloudId, 'l');
    const write = (tablet: number) => done('commit_rowset', { cloud_unique_id: cloudId, rowset_meta: rowsetOf(txn, tablet) });
    for (let i = 0; i < tablets.length; i += 100) await Promise.all(tablets.slice(i, i + 100).map(write));
    const before = served.node.state.position;
    await done('commit_txn', { cloud_unique_id: cloudId, txn_id: txn });
    expect(served.node.state.position).toBe(before + 1);
    const { text } = await served.post('get_tablet_stats', {
      cloud_unique_id: cloudId,
      tablet_idx: tablets.map((one) => ({ tablet_id: one })),
    });
    expect(text.match(/num_rowsets: 2/g)).toHaveLength(3000);
    expect(await stored('MetaRowsetKey', { instance_id: id, tablet_id: 3000, version: 2 })).toContain('"num_rows":"10"');
  });

  test('that nobody knows or has ended is said in words', async () => {
    const { cloudId, id } = await instanceWith([1]);
    const { json } = await served.rpc('get_txn', { cloud_unique_id: cloudId, db_id: 7, label: 'l' });
    expect(json).toEqual({ status: { code: 'TXN_LABEL_NOT_FOUND', msg: 'txn->get() failed, label=l err=KeyNotFound' } });
    const txn = await begin(cloudId, 'l');
    expect((await done('abort_txn', { cloud_unique_id: cloudId, db_id: 7, label: 'l', reason: 'late' }))['txn_info']).toMatchObject({
      ...{ txn_id: txn, status: 'TXN_STATUS_ABORTED', reason: 'late' },
    });
    expect((await served.post(`txn_lazy_commit?instance_id=${id}&txn_id=${txn}`)).json).toEqual({ code: 'OK', msg: '' });
  });

  test('sent again with its key is done once', async () => {
    const { cloudId } = await instanceWith([]);
    const body = { cloud_unique_id: cloudId, txn_info: { db_id: 7, label: 'l', table_ids: [10], timeout_ms: 1 } };
    const headers = { 'idempotency-key': 'begin-once' };
    const first = await served.rpc('begin_txn', body, { headers });
    expect((await served.rpc('begin_txn', body, { headers })).json).toEqual(first.json);
    expect(first.json).toMatchObject({ status: { code: 'OK' }, txn_id: served.node.state.position });
  });
});

describe('a compaction', () => {
  const compaction = (id: string, more: object = {}) => ({
    ...{ id, initiator: 'be', type: 'CUMULATIVE', expiration: never, lease: never, base_compaction_cnt: 0, cumulative_compaction_cnt: 0 },
    ...more,
  });
  const about = (cloudId: string, job: object) => ({ cloud_unique_id: cloudId, job: { idx: { tablet_id: 1 }, compaction: [job] } });

  test('is told which versions are in compaction', async () => {
    const { cloudId } = await instanceWith([1]);
    const range = (from: number, to: number) => ({ input_versions: [from, to], check_input_versions_range: true });
    await done('start_tablet_job', about(cloudId, compaction('a', range(2, 3))));
    await done('start_tablet_job', about(cloudId, compaction('b', range(6, 7))));
    const { json } = await served.rpc('start_tablet_job', about(cloudId, compaction('c', range(3, 4))));
    expect(json).toMatchObject({ status: { code: 'JOB_TABLET_BUSY' }, version_in_compaction: [2, 3, 6, 7] });
  });

  test('changes the statistics it answers with, and the rowsets', async () => {
    const { cloudId, id } = await instanceWith([1]);
    await load(cloudId, 'l', [1]);
    await load(cloudId, 'm', [1]);
    await done('start_tablet_job', about(cloudId, compaction('a')));
    const place = { instance_id: id, table_id: 10, index_id: 20, part_id: 30, tablet_id: 1 };
    expect(JSON.parse(await stored('JobTabletKey', place))).toMatchObject({ compaction: [{ id: 'a', type: 'CUMULATIVE' }] });
    const sizes = { num_input_rowsets: 2, num_input_rows: 20, num_input_segments: 4, size_input_rowsets: 700, num_output_rowsets: 1 };
    const output = {
      num_output_rows: 20,
      num_output_segments: 1,
      size_output_rowsets: 600,
      output_rowset_ids: ['o'],
      output_cumulative_point: 4,
    };
    const finish = about(cloudId, { id: 'a', type: 'CUMULATIVE', ...sizes, ...output, input_versions: [2, 3], output_versions: [3] });
    const { stats } = await done('finish_tablet_job', { ...finish, action: 'COMMIT' });
    expect(stats).toMatchObject({
      num_rowsets: 2,
      num_rows: 20,
      num_segments: 1,
      data_size: 600,
      cumulative_compaction_cnt: 1,
      cumulative_point: 4,
    });
    expect(stats).toHaveProperty('last_cumu_compaction_time_ms');
    expect(JSON.parse(await stored('MetaRowsetKey', { instance_id: id, tablet_id: 1, version: 3 }))).toMatchObject({
      ...{ start_version: '2', end_version: '3', rowset_id_v2: 'o' },
    });
    expect(await stored('MetaRowsetKey', { instance_id: id, tablet_id: 1, version: 2 })).toContain('kv not found');
    expect(await stored('JobTabletKey', place)).not.toContain('compaction');
    const { text } = await served.post('get_tablet_stats', { cloud_unique_id: cloudId, tablet_idx: [{ tablet_id: 1 }] });
    expect(text).toMatch(/cumulative_point: 4\n {2}last_cumu_compaction_time_ms: \d+\n {2}index_size: 100\n/);
  });

  test('is aborted by an operator', async () => {
    const { cloudId } = await instanceWith([1]);
    await done('start_tablet_job', about(cloudId, compaction('113974')));
    const abort = () =>
      served.post('abort_tablet_job', {
        cloud_unique_id: cloudId,
        job: { idx: { tablet_id: 1 }, compaction: [{ id: 113974 }] },
        action: 'COMMIT',
      });
    expect((await abort()).json).toEqual({ code: 'OK', msg: '' });
    const again = await abort();
    expect([again.status, again.json]).toEqual([400, { code: 'INVALID_ARGUMENT', msg: 'there is no running compaction, tablet_id=1' }]);
  });
});

describe('tablets', () => {
  test('asked for in another place are unknown', async () => {
    const { cloudId } = await instanceWith([1]);
    const ask = (idx: object) => served.post('get_tablet_stats', { cloud_unique_id: cloudId, tablet_idx: [idx] });
    expect((await ask(indexOf(1))).status).toBe(200);
    const elsewhere = await ask({ ...indexOf(1), partition_id: 31 });
    expect([elsewhere.status, elsewhere.text]).toEqual([404, '\n']);
    const nobody = await served.post('get_tablet_stats', { cloud_unique_id: 'nobody', tablet_idx: [] });
    expect([nobody.status, nobody.text]).toEqual([400, '\n']);
  });

  test('are asked for so many at once and no more', async () => {
    const { cloudId } = await instanceWith([1]);
    const asked = (length: number) => ({ cloud_unique_id: cloudId, tablet_idx: Array.from({ length }, () => ({ tablet_id: 1 })) });
    expect((await done('get_tablet_stats', asked(10_000)))['tablet_stats']).toHaveLength(10_000);
    const { json } = await served.rpc('get_tablet_stats', asked(10_001));
    expect(json).toEqual({ status: { code: 'INVALID_ARGUMENT', msg: 'too many tablets: 10001; ask for at most 10000 at once' } });
  });

  test('are repaired by an operator', async () => {
    const { cloudId, id } = await instanceWith([1]);
    const stats = await served.post(`fix_tablet_stats?cloud_unique_id=${cloudId}&table_id=10&tablet_id=1`);
    expect([stats.status, stats.text]).toEqual([200, 'status {\n  code: OK\n  msg: ""\n}\n\n']);
    const database = await served.post(`fix_tablet_db_id?instance_id=${id}&tablet_id=1&db_id=9`);
    expect([database.status, database.text]).toEqual([200, '\n']);
    expect(await stored('MetaTabletIdxKey', { instance_id: id, tablet_id: 1 })).toContain('"db_id":"9"');
    for (const route of [
      `fix_tablet_stats?cloud_unique_id=${cloudId}&table_id=10&tablet_id=5`,
      `fix_tablet_db_id?instance_id=${id}&tablet_id=5&db_id=9`,
    ])
      expect((await served.post(route)).json).toEqual({ code: 'NOT_FOUND', msg: 'failed to get tablet_idx, err=KeyNotFound tablet_id=5' });
    const noTablet = await served.post(`fix_tablet_stats?cloud_unique_id=${cloudId}&table_id=10&tablet_id=x`);
    expect([noTablet.status, noTablet.json]).toEqual([400, { code: 'INVALID_ARGUMENT', msg: 'Invalid tablet_id, tablet_id: x' }]);
  });

  test('beyond what one request may create are refused with the limit', async () => {
    const { cloudId } = await instanceWith([]);
    const metas = Array.from({ length: 1001 }, (_, i) => metaOf(i + 1));
    const before = served.node.state.position;
    const { json } = await served.rpc('create_tablets', { cloud_unique_id: cloudId, tablet_metas: metas });
    expect(json).toMatchObject({
      status: { code: 'INVALID_ARGUMENT', msg: expect.stringContaining('at most 1000 are allowed') as string },
    });
    expect(served.node.state.position).toBe(before);
  });
});
