/** Sections 15 and 16: tablets, statistics, tablet jobs. */
import {
  type Answer,
  admin,
  type Case,
  contains,
  type Expected,
  instance,
  internal,
  invalid,
  latest,
  notFound,
  ok,
  on,
  one,
  query,
  replied,
  reply,
  replySays,
  rpc,
  type Step,
  starts,
  uid,
} from '../vocabulary.ts';

const tablet = { table_id: 10001, index_id: 10002, partition_id: 10003, tablet_id: 10004 } as const;
const created = (i: string, more: object = {}) => [
  instance(i),
  rpc(
    'create_tablets',
    {
      cloud_unique_id: uid(i),
      db_id: 7,
      tablet_metas: [{ ...tablet, ...more, rs_metas: [{ rowset_id: 0, start_version: 0, end_version: 1 }] }],
    },
    replied(),
  ),
];
const stats = (i: string, tabletIdx: unknown, expect: Expected) =>
  admin('get_tablet_stats', { cloud_unique_id: uid(i), tablet_idx: tabletIdx }, expect);
const statusBlock = 'status {\n  code: OK\n  msg: ""\n}\n';
const figures = [
  'data_size',
  'num_rows',
  'num_rowsets',
  'num_segments',
  'base_compaction_cnt',
  'cumulative_compaction_cnt',
  'cumulative_point',
  'index_size',
  'segment_size',
] as const;
/** @param values in the order of `figures` */
const statsBlock = (values: readonly number[]) => `${figures.map((name, n) => `  ${name}: ${values[n]}\n`).join('')}}\n`;
const idxBlock = 'tablet_stats {\n  idx {\n    table_id: 10001\n    index_id: 10002\n    partition_id: 10003\n    tablet_id: 10004\n  }\n';
const fresh = statsBlock([0, 0, 1, 0, 0, 0, 2, 0, 0]);
/** The answer without `db_id`, which stands first in an idx when it is known. */
const isText = (wanted: string): Expected => ({
  http: 200,
  holds: ({ text }) => {
    const said = text.replaceAll(/ {4}db_id: \d+\n/g, '');
    if (said !== wanted) throw new Error(`it says\n${said}\nand not\n${wanted}`);
  },
});

const reading: readonly Case[] = [
  on('15 get_tablet_stats: a fresh tablet, byte for byte', (i) => [
    ...created(i),
    stats(i, [tablet], isText(`${statusBlock}${idxBlock}${fresh}\n`)),
  ]),
  on('15 get_tablet_stats: the tablet id alone', (i) => [
    ...created(i),
    stats(i, [{ tablet_id: 10004 }], isText(`${statusBlock}${idxBlock}${fresh}\n`)),
  ]),
  on('15 get_tablet_stats: a list element per tablet', (i) => [
    ...created(i),
    stats(i, [tablet, tablet], isText(`${statusBlock}${idxBlock}${fresh}${idxBlock}${fresh}\n`)),
  ]),
  on('15 get_tablet_stats: nothing asked', (i) => [instance(i), stats(i, [], { http: 200, text: `${statusBlock}\n` })]),
  on('15 get_tablet_stats: an unknown tablet', (i) => [...created(i), stats(i, [{ tablet_id: 5 }], { http: 404, text: '\n' })]),
  on('15 get_tablet_stats: an unknown tablet beside a known one', (i) => [
    ...created(i),
    stats(i, [tablet, { tablet_id: 5 }], { http: 404, text: '\n' }),
  ]),
  on('15 get_tablet_stats: ids as texts', (i) => [
    ...created(i),
    stats(i, [{ tablet_id: '10004' }], isText(`${statusBlock}${idxBlock}${fresh}\n`)),
  ]),
  on('15 get_tablet_stats RPC', (i) => [
    ...created(i),
    rpc(
      'get_tablet_stats',
      { cloud_unique_id: uid(i), tablet_idx: [tablet] },
      replied({ tablet_stats: [{ num_rowsets: 1, cumulative_point: 2, idx: tablet }] }),
    ),
  ]),
  on('15 create_tablets: none', (i) => [
    instance(i),
    rpc('create_tablets', { cloud_unique_id: uid(i), tablet_metas: [] }, replySays('INVALID_ARGUMENT', contains('no tablet meta'))),
  ]),
  on('15 create_tablets: several', (i) => [
    instance(i),
    rpc(
      'create_tablets',
      {
        cloud_unique_id: uid(i),
        db_id: 7,
        tablet_metas: [1, 2, 3].map((n) => ({ ...tablet, tablet_id: n, rs_metas: [{ rowset_id: 0, start_version: 0, end_version: 1 }] })),
      },
      replied(),
    ),
    stats(i, [{ tablet_id: 1 }, { tablet_id: 3 }], { http: 200, text: contains('    tablet_id: 3\n') }),
  ]),
];

const txnOf = (answers: readonly Answer[]) => latest(answers, 'txn_id') as number;
const begin = (i: string, label: string) =>
  rpc('begin_txn', { cloud_unique_id: uid(i), txn_info: { db_id: 7, label, table_ids: [10001], timeout_ms: 60_000 } }, replied());
const rowset =
  (method: string, i: string, id: string, expect: Expected = replied()): Step =>
  (answers) =>
    rpc(
      method,
      {
        cloud_unique_id: uid(i),
        rowset_meta: {
          rowset_id: 0,
          rowset_id_v2: id,
          tablet_id: 10004,
          partition_id: 10003,
          index_id: 10002,
          txn_id: txnOf(answers),
          num_rows: 10,
          num_segments: 2,
          data_disk_size: 300,
          index_disk_size: 50,
          total_disk_size: 350,
          tablet_schema: { schema_version: 0 },
          txn_expiration: 4_000_000_000,
        },
      },
      expect,
    );
const onTxn =
  (method: string, i: string, expect: Expected = replied()): Step =>
  (answers) =>
    rpc(method, { cloud_unique_id: uid(i), db_id: 7, txn_id: txnOf(answers) }, expect);
const loaded = (i: string, label: string): readonly Step[] => [
  begin(i, label),
  rowset('prepare_rowset', i, `${label}-r`),
  rowset('commit_rowset', i, `${label}-r`),
  onTxn('commit_txn', i),
];
const loading: readonly Case[] = [
  on('15 a commit grows the statistics', (i) => [
    ...created(i),
    ...loaded(i, 'l'),
    stats(i, [tablet], isText(`${statusBlock}${idxBlock}${statsBlock([350, 10, 2, 2, 0, 0, 2, 50, 300])}\n`)),
  ]),
  on('15 two commits grow them twice', (i) => [
    ...created(i),
    ...loaded(i, 'l'),
    ...loaded(i, 'm'),
    stats(i, [tablet], isText(`${statusBlock}${idxBlock}${statsBlock([700, 20, 3, 4, 0, 0, 2, 100, 600])}\n`)),
  ]),
  on('14 rowsets of an aborted transaction never count', (i) => [
    ...created(i),
    begin(i, 'l'),
    rowset('prepare_rowset', i, 'r'),
    rowset('commit_rowset', i, 'r'),
    (answers) => admin('abort_txn', { cloud_unique_id: uid(i), txn_id: txnOf(answers) }, ok),
    stats(i, [tablet], isText(`${statusBlock}${idxBlock}${fresh}\n`)),
  ]),
  on('15 a rowset counts from its commit_txn on', (i) => [
    ...created(i),
    begin(i, 'l'),
    rowset('prepare_rowset', i, 'r'),
    rowset('commit_rowset', i, 'r'),
    stats(i, [tablet], isText(`${statusBlock}${idxBlock}${fresh}\n`)),
  ]),
  on('15 commit_rowset: the same again', (i) => [
    ...created(i),
    begin(i, 'l'),
    rowset('prepare_rowset', i, 'r'),
    rowset('commit_rowset', i, 'r'),
    rowset('commit_rowset', i, 'r', reply('ALREADY_EXISTED', undefined, { existed_rowset_meta: { rowset_id_v2: 'r' } })),
  ]),
];

const now = () => Math.floor(Date.now() / 1000);
const compaction = (more: object = {}) => ({
  id: 'job1',
  initiator: 'be1',
  type: 'BASE',
  expiration: now() + 3600,
  lease: now() + 3600,
  base_compaction_cnt: 0,
  cumulative_compaction_cnt: 0,
  ...more,
});
const start = (i: string, job: object, expect: Expected = replied(), tabletId: unknown = 10004) =>
  rpc('start_tablet_job', { cloud_unique_id: uid(i), job: { idx: { tablet_id: tabletId }, compaction: [job] } }, expect);
const finish = (i: string, action: string, job: object, expect: Expected = replied(), tabletId = 10004) =>
  rpc('finish_tablet_job', { cloud_unique_id: uid(i), action, job: { idx: { tablet_id: tabletId }, compaction: [job] } }, expect);
const abort = (i: string, id: unknown, expect: Expected = ok, tabletId = 10004) =>
  admin('abort_tablet_job', { cloud_unique_id: uid(i), job: { idx: { tablet_id: tabletId }, compaction: [{ id }] } }, expect);
const busy = replySays('JOB_TABLET_BUSY', starts('compaction has already started, tablet_id=10004 job='));

const starting: readonly Case[] = [
  on('16 start_tablet_job: every kind', (i) => [
    ...created(i),
    ...(['BASE', 'CUMULATIVE'] as const).map((type) => start(i, compaction({ id: type, type }))),
  ]),
  on('16 start_tablet_job: no job', (i) => [
    ...created(i),
    rpc('start_tablet_job', { cloud_unique_id: uid(i) }, replySays('INVALID_ARGUMENT', contains('no valid job specified'))),
  ]),
  on('16 start_tablet_job: no tablet id', (i) => [
    ...created(i),
    start(i, compaction(), replySays('INVALID_ARGUMENT', contains('no valid tablet_id given')), 0),
  ]),
  on('16 start_tablet_job: an unknown tablet', (i) => [
    ...created(i),
    start(i, compaction(), replySays('TABLET_NOT_FOUND', starts('failed to get tablet_idx, err=KeyNotFound tablet_id=5')), 5),
  ]),
  on('16 start_tablet_job: no job id', (i) => [
    ...created(i),
    start(i, compaction({ id: undefined }), replySays('INVALID_ARGUMENT', contains('no job id specified'))),
  ]),
  on('16 start_tablet_job: no counters', (i) => [
    ...created(i),
    start(i, compaction({ base_compaction_cnt: undefined }), replySays('INVALID_ARGUMENT', contains('no valid compaction_cnt given'))),
  ]),
  on('16 start_tablet_job: no expiration', (i) => [
    ...created(i),
    start(i, compaction({ expiration: 0 }), replySays('INVALID_ARGUMENT', contains('no valid expiration given'))),
  ]),
  on('16 start_tablet_job: no lease', (i) => [
    ...created(i),
    start(i, compaction({ lease: 0 }), replySays('INVALID_ARGUMENT', contains('no valid lease given'))),
  ]),
  on(
    '16 start_tablet_job: the same type is busy',
    (i) => [...created(i), start(i, compaction()), start(i, compaction({ id: 'job2' }), busy)],
    { unchangedFrom: 3 },
  ),
  on('16 start_tablet_job: the same id again is OK', (i) => [...created(i), start(i, compaction()), start(i, compaction())], {
    unchangedFrom: 3,
  }),
  on('16 start_tablet_job: a running FULL is in the way', (i) => [
    ...created(i),
    start(i, compaction({ type: 'FULL' })),
    start(i, compaction({ id: 'job2', type: 'CUMULATIVE' }), busy),
  ]),
  on('16 start_tablet_job: FULL clears all others', (i) => [
    ...created(i),
    start(i, compaction()),
    start(i, compaction({ id: 'full', type: 'FULL' })),
    abort(i, 'job1', invalid(contains('unmatched job id, '))),
    abort(i, 'full'),
  ]),
  on('16 start_tablet_job: STOP_TOKEN blocks', (i) => [
    ...created(i),
    start(i, compaction({ id: 'stop', type: 'STOP_TOKEN' })),
    start(i, compaction(), replySays('JOB_TABLET_BUSY', starts('compactions are not allowed on tablet_id=10004 currently'))),
  ]),
  on('16 start_tablet_job: jobs whose expiration is over are removed', (i) => [
    ...created(i),
    start(i, compaction({ expiration: 1000 })),
    start(i, compaction({ id: 'job2' })),
  ]),
  on('16 start_tablet_job: jobs whose lease is over are removed', (i) => [
    ...created(i),
    start(i, compaction({ lease: 1000 })),
    start(i, compaction({ id: 'job2' })),
  ]),
  on('16 start_tablet_job: counters behind the tablet’s', (i) => [
    ...created(i),
    start(i, compaction()),
    finish(i, 'COMMIT', compaction({ input_rowsets_size: 0 })),
    start(i, compaction({ id: 'job2' }), reply('STALE_TABLET_CACHE')),
  ]),
];

const counts = { num_input_rowsets: 1, num_output_rowsets: 1, input_versions: [2, 3], output_versions: [3] } as const;
const finishing: readonly Case[] = [
  on('16 finish_tablet_job COMMIT: BASE changes the statistics', (i) => [
    ...created(i),
    ...loaded(i, 'l'),
    ...loaded(i, 'm'),
    start(i, compaction()),
    finish(
      i,
      'COMMIT',
      compaction({
        ...counts,
        num_input_rowsets: 2,
        num_input_segments: 4,
        num_input_rows: 20,
        size_input_rowsets: 700,
        num_output_rowsets: 1,
        num_output_segments: 1,
        num_output_rows: 15,
        size_output_rowsets: 400,
        output_rowset_ids: ['m-r'],
        txn_id: [1],
      }),
    ),
    rpc(
      'get_tablet_stats',
      { cloud_unique_id: uid(i), tablet_idx: [tablet] },
      replied({
        tablet_stats: [{ base_compaction_cnt: 1, num_rowsets: 2, num_rows: 15, num_segments: 1, data_size: 400, cumulative_point: 2 }],
      }),
    ),
  ]),
  on('16 finish_tablet_job COMMIT: EMPTY_CUMULATIVE sets the point', (i) => [
    ...created(i),
    start(i, compaction({ type: 'EMPTY_CUMULATIVE' })),
    finish(i, 'COMMIT', compaction({ type: 'EMPTY_CUMULATIVE', output_cumulative_point: 7 })),
    rpc(
      'get_tablet_stats',
      { cloud_unique_id: uid(i), tablet_idx: [tablet] },
      replied({ tablet_stats: [{ cumulative_compaction_cnt: 1, cumulative_point: 7, num_rowsets: 1 }] }),
    ),
  ]),
  on('16 finish_tablet_job LEASE: later is fine, earlier is not', (i) => {
    const lease = now() + 3600;
    return [
      ...created(i),
      start(i, compaction({ lease })),
      finish(i, 'LEASE', compaction({ lease: lease + 100 })),
      finish(
        i,
        'LEASE',
        compaction({ lease: lease - 100 }),
        replySays('INVALID_ARGUMENT', contains(`invalid lease. recoreded_lease=${lease + 100} req_lease=${lease - 100}`)),
      ),
    ];
  }),
  on('16 finish_tablet_job ABORT', (i) => [
    ...created(i),
    start(i, compaction()),
    finish(i, 'ABORT', { id: 'job1' }),
    finish(i, 'ABORT', { id: 'job1' }, replySays('INVALID_ARGUMENT', contains('there is no running compaction, tablet_id=10004'))),
  ]),
  on('16 finish_tablet_job: an unknown tablet', (i) => [
    ...created(i),
    finish(i, 'ABORT', { id: 'job1' }, replySays('TABLET_NOT_FOUND', contains('failed to get tablet_idx, err=KeyNotFound tablet_id=5')), 5),
  ]),
  on('16 abort_tablet_job', (i) => [...created(i), start(i, compaction()), abort(i, 'job1'), start(i, compaction({ id: 'job2' }))]),
  on(
    '16 abort_tablet_job: repeating it is 400',
    (i) => [
      ...created(i),
      start(i, compaction()),
      abort(i, 'job1'),
      abort(i, 'job1', invalid(contains('there is no running compaction, tablet_id=10004'))),
    ],
    { unchangedFrom: 4 },
  ),
  on(
    '16 abort_tablet_job: no job ever',
    (i) => [...created(i), abort(i, 'job1', invalid(contains(`job not found, instance_id=${i} tablet_id=10004 job=`)))],
    { unchangedFrom: 2 },
  ),
  on(
    '16 abort_tablet_job: another id',
    (i) => [...created(i), start(i, compaction()), abort(i, 'job2', invalid(contains('unmatched job id, recorded_job=')))],
    { unchangedFrom: 3 },
  ),
  on('16 abort_tablet_job: an unknown tablet is 404', (i) => [
    ...created(i),
    abort(i, 'job1', notFound(contains('failed to get tablet_idx, err=KeyNotFound tablet_id=5')), 5),
  ]),
  on('16 abort_tablet_job: an expired job is 500', (i) => [
    ...created(i),
    start(i, compaction({ expiration: 1000 })),
    abort(i, 'job1', internal(contains('expired compaction job, tablet_id=10004 job='))),
  ]),
  on('16 abort_tablet_job: the id as a number, as in the page’s example', (i) => [
    ...created(i),
    start(i, compaction({ id: '113974' })),
    abort(i, 113974),
  ]),
  on('16 abort_tablet_job: only the first compaction counts', (i) => [
    ...created(i),
    start(i, compaction()),
    admin(
      'abort_tablet_job',
      { cloud_unique_id: uid(i), job: { idx: { tablet_id: 10004 }, compaction: [{ id: 'x' }, { id: 'job1' }] } },
      invalid(contains('unmatched job id, ')),
    ),
  ]),
  on('16 abort_tablet_job: no job', (i) => [
    instance(i),
    admin('abort_tablet_job', { cloud_unique_id: uid(i) }, invalid(contains('no valid job specified'))),
  ]),
  on('16 abort_tablet_job: a schema change alone', (i) => [
    ...created(i),
    admin(
      'abort_tablet_job',
      { cloud_unique_id: uid(i), job: { idx: { tablet_id: 10004 }, schema_change: { id: 's' } } },
      invalid(contains('no valid job specified')),
    ),
  ]),
  on('16 abort_tablet_job: no tablet id', (i) => [
    instance(i),
    admin(
      'abort_tablet_job',
      { cloud_unique_id: uid(i), job: { idx: {}, compaction: [{ id: 'a' }] } },
      invalid(contains('no valid tablet_id given')),
    ),
  ]),
  on('16 abort_tablet_job: the instance before the job', () => [
    admin('abort_tablet_job', { cloud_unique_id: 'nobody' }, invalid(contains('cannot find instance_id with cloud_unique_id=nobody'))),
  ]),
];

const fixing: readonly Case[] = [
  one(
    '15 fix_tablet_db_id: no number',
    query(
      'fix_tablet_db_id',
      { instance_id: 'i', tablet_id: '1', db_id: 'x' },
      { http: 400, text: contains('db_id x must be a number, meet error=') },
    ),
  ),
  one(
    '15 fix_tablet_db_id: no tablet number',
    query(
      'fix_tablet_db_id',
      { instance_id: 'i', tablet_id: 'y', db_id: '1' },
      { http: 400, text: contains('tablet_id y must be a number, meet error=') },
    ),
  ),
  on('15 fix_tablet_stats: no table number', (i) => [
    instance(i),
    query(
      'fix_tablet_stats',
      { cloud_unique_id: uid(i), table_id: 'x', tablet_id: '1' },
      { http: 400, text: contains('Invalid table_id, table_id: x') },
    ),
  ]),
  one(
    '15 fix_tablet_stats: an id of no instance',
    query(
      'fix_tablet_stats',
      { cloud_unique_id: 'nobody', table_id: '1', tablet_id: '1' },
      { http: 400, text: contains('empty instance_id') },
    ),
  ),
];

export const tabletCases: readonly Case[] = [...reading, ...loading, ...starting, ...finishing, ...fixing];
