/** Sections 13 and 14: the plain RPC form, transactions. */
import {
  type Answer,
  addCluster,
  admin,
  be,
  type Case,
  compute,
  contains,
  type Exchange,
  type Expected,
  instance,
  internal,
  invalid,
  latest,
  ok,
  on,
  one,
  query,
  raw,
  replied,
  reply,
  replySays,
  rpc,
  type Step,
  starts,
  uid,
} from '../vocabulary.ts';

const rpcError = (code: number, start: string): Expected => ({
  http: code === 1002 ? 404 : 400,
  text: starts(start),
  headers: { 'x-bd-error-code': String(code) },
});
const badJson = rpcError(1003, '[E1003]Fail to parse http ');
const noMethod = (path: string) => ({ ...rpcError(1002, ''), text: starts(`[E1002]Fail to find method on \`${path}'`) });
const send = (path: string, body: string | undefined, expect: Expected): Exchange =>
  raw({ method: 'POST', path, ...(body === undefined ? {} : { body }) }, expect);

const form: readonly Case[] = [
  on('13 RPC: compact JSON, HTTP 200 and no token', (i) => [
    instance(i),
    rpc(
      'get_cluster',
      { cloud_unique_id: uid(i), cluster_id: 'c' },
      {
        ...reply('CLUSTER_NOT_FOUND'),
        text: starts('{"status":{"code":"CLUSTER_NOT_FOUND","msg":"fail to get cluster with '),
      },
    ),
  ]),
  on('13 RPC: the fully qualified path', (i) => [
    send('/doris.cloud.MetaService/create_instance', JSON.stringify({ instance_id: i }), replied()),
    rpc('get_instance', { instance_id: i }, replied()),
  ]),
  one('13 RPC: an unknown method', rpc('no_such_method', {}, noMethod('/MetaService/no_such_method'))),
  one('13 RPC: an unknown method before bad JSON', rpc('no_such_method', '{', noMethod('/MetaService/no_such_method'))),
  ...['{', '{"instance_id"}', 'hello', '{"instance_id": "i",}', "{'instance_id': 'i'}", '{instance_id: "i"}', '{"instance_id": "i"} x'].map(
    (body) => one(`13 RPC: ${body} is refused`, rpc('get_instance', body, badJson)),
  ),
  one('13 RPC: an empty body is an empty request', rpc('get_instance', '', reply('INVALID_ARGUMENT'))),
  one(
    '13 RPC: no body is an empty request',
    send('/MetaService/begin_txn', undefined, reply('INVALID_ARGUMENT', 'invalid argument, missing txn info')),
  ),
  on('13 RPC: only schema names are read', (i) => [
    instance(i),
    rpc('get_instance', { instanceId: i }, reply('INVALID_ARGUMENT')),
    rpc('get_instance', { instance_id: i, color: 'blue' }, replied({ instance: { instance_id: i } })),
  ]),
  on('13 RPC: int64 as numbers', (i) => [
    instance(i),
    addCluster(i, compute(1, [be(i, 1)])),
    rpc(
      'get_cluster',
      { cloud_unique_id: uid(i), cluster_id: 'c1' },
      {
        ...replied({ cluster: [{ cluster_id: 'c1', type: 'COMPUTE', cluster_status: 'NORMAL', nodes: [{ heartbeat_port: 9050 }] }] }),
        holds: ({ json }) => {
          const [cluster] = (json as { cluster: { ctime?: unknown }[] }).cluster;
          if (typeof cluster?.ctime !== 'number') throw new Error(`ctime is ${typeof cluster?.ctime}`);
        },
      },
    ),
  ]),
  on('13 RPC: int64 are read as decimal texts, too', (i) => [
    instance(i),
    ...begun(i, 'l', { db_id: '7', timeout_ms: '1000', table_ids: ['1', 2] }),
  ]),
  on('13 RPC: enums by number', (i) => [
    instance(i),
    rpc('alter_instance', { instance_id: i, op: 6 }, replied()),
    rpc('get_instance', { instance_id: i }, replied({ instance: { status: 'OVERDUE' } })),
  ]),
  on('13 RPC: an unknown enum name in a single field is as if not given', (i) => [
    instance(i),
    rpc(
      'alter_cluster',
      { instance_id: i, op: 'ADD_CLUSTER', cluster: { cluster_id: 'c', cluster_name: 'n', type: 'GREEN' } },
      reply('INVALID_ARGUMENT', 'cluster must have type arg'),
    ),
  ]),
  on('13 RPC: a wrong type in a single field is as if not given', (i) => [
    instance(i),
    rpc('get_instance', { instance_id: i, cloud_unique_id: { a: 1 } }, replied({ instance: { instance_id: i } })),
  ]),
  one('13 RPC: a wrong type in a list is refused', rpc('get_cluster_status', { instance_ids: [{ a: 1 }] }, badJson)),
];

const twins: readonly Case[] = [
  on('13 create_instance, its admin twin refuses the same id', (i) => [
    rpc('create_instance', { instance_id: i, user_id: 'u' }, replied()),
    admin('create_instance', { instance_id: i }, { http: 409 }),
    rpc('create_instance', { instance_id: i }, replySays('ALREADY_EXISTED', starts(`instance already existed, instance_id=${i}`))),
  ]),
  on('13 alter_instance: the op is the caller’s', (i) => [
    instance(i),
    rpc('alter_instance', { instance_id: i, op: 'RENAME', name: 'n' }, replied()),
    rpc('alter_instance', { instance_id: i, op: 'DROP' }, replied()),
    rpc('get_instance', { instance_id: i }, replied({ instance: { name: 'n', status: 'DELETED' } })),
  ]),
  one(
    '13 alter_instance: an unknown instance is CLUSTER_NOT_FOUND',
    rpc(
      'alter_instance',
      { instance_id: 'nobody', op: 'DROP' },
      replySays('CLUSTER_NOT_FOUND', starts('instance not existed, instance_id=nobody')),
    ),
  ),
  one(
    '13 get_instance: an unknown instance',
    rpc(
      'get_instance',
      { instance_id: 'nobody' },
      reply('KV_TXN_GET_ERR', 'failed to get instance, info=failed to get instance, instance_id=nobody err=KeyNotFound'),
    ),
  ),
  on('13 alter_cluster: every op', (i) => [
    instance(i),
    rpc('alter_cluster', { instance_id: i, op: 'ADD_CLUSTER', cluster: compute(1, [be(i, 1)]) }, replied()),
    rpc('alter_cluster', { instance_id: i, op: 'ADD_NODE', cluster: compute(1, [be(i, 2)]) }, replied()),
    rpc('alter_cluster', { instance_id: i, op: 'DROP_NODE', cluster: compute(1, [be(i, 1)]) }, replied()),
    rpc('alter_cluster', { instance_id: i, op: 'RENAME_CLUSTER', cluster: { cluster_id: 'c1', cluster_name: 'n' } }, replied()),
    rpc(
      'alter_cluster',
      { instance_id: i, op: 'SET_CLUSTER_STATUS', cluster: { cluster_id: 'c1', cluster_status: 'SUSPENDED' } },
      replied(),
    ),
    rpc(
      'get_cluster',
      { cloud_unique_id: uid(i), cluster_name: 'n' },
      replied({ cluster: [{ cluster_status: 'SUSPENDED', nodes: [{ ip: '10.0.0.2' }] }] }),
    ),
    rpc('alter_cluster', { instance_id: i, op: 'DROP_CLUSTER', cluster: { cluster_id: 'c1' } }, replied()),
  ]),
  on('13 get_cluster_status', (i) => [
    instance(i),
    addCluster(i, compute(1)),
    rpc('get_cluster_status', { instance_ids: [i] }, replied({ details: [{ instance_id: i, clusters: [{ cluster_status: 'NORMAL' }] }] })),
  ]),
  on('13 get_obj_store_info', (i) => [
    instance(i),
    rpc('get_obj_store_info', { cloud_unique_id: uid(i) }, replied({ enable_storage_vault: true })),
  ]),
  on('13 alter_storage_vault: the default vault is set and unset', (i) => [
    instance(i),
    rpc(
      'alter_storage_vault',
      {
        cloud_unique_id: uid(i),
        op: 'ADD_HDFS_INFO',
        vault: { name: 'h', hdfs_info: { build_conf: { fs_name: 'f', user: 'u' }, prefix: 'p' } },
      },
      replied(),
    ),
    rpc('alter_storage_vault', { cloud_unique_id: uid(i), op: 'SET_DEFAULT_VAULT', vault: { name: 'h' } }, replied()),
    rpc('get_obj_store_info', { cloud_unique_id: uid(i) }, replied({ default_storage_vault_name: 'h', default_storage_vault_id: '1' })),
    rpc('alter_storage_vault', { cloud_unique_id: uid(i), op: 'UNSET_DEFAULT_VAULT' }, replied()),
  ]),
];

type More = Readonly<Record<string, unknown>>;
const begin = (i: string, label: string, more: More, expect: Expected) =>
  rpc('begin_txn', { cloud_unique_id: uid(i), txn_info: { db_id: 7, label, table_ids: [1], timeout_ms: 60_000, ...more } }, expect);
function begun(i: string, label: string, more: More = {}): readonly Step[] {
  return [begin(i, label, more, replied())];
}
const txnOf = (answers: readonly Answer[]) => latest(answers, 'txn_id') as number;
/** A call on the transaction that began last; texts may name it. */
const onTxn =
  (method: string, i: string, more: More, expect: ForTxn): Step =>
  (answers) =>
    rpc(method, { cloud_unique_id: uid(i), db_id: 7, txn_id: txnOf(answers), ...more }, expect(txnOf(answers)));
type ForTxn = (txn: number) => Expected;
const always =
  (expected: Expected): ForTxn =>
  () =>
    expected;
const precommit = (i: string, expect = always(replied())) => onTxn('precommit_txn', i, { precommit_timeout_ms: 1000 }, expect);
const commit = (i: string, expect = always(replied()), more: More = {}) => onTxn('commit_txn', i, more, expect);
const abort = (i: string, expect = always(replied()), more: More = {}) => onTxn('abort_txn', i, more, expect);
const status = (i: string, word: string) => onTxn('get_txn', i, {}, always(replied({ txn_info: { status: `TXN_STATUS_${word}` } })));
const abortRoute =
  (i: string, expect: ForTxn, more: More = {}): Step =>
  (answers) =>
    admin('abort_txn', { cloud_unique_id: uid(i), txn_id: txnOf(answers), ...more }, expect(txnOf(answers)));

const reached: Readonly<Record<string, (i: string) => readonly Step[]>> = {
  PREPARED: () => [],
  PRECOMMITTED: (i) => [precommit(i)],
  VISIBLE: (i) => [commit(i)],
  ABORTED: (i) => [abort(i)],
};
const outcomes: readonly (readonly [from: string, call: string, code: string, to: string])[] = [
  ['PREPARED', 'precommit', 'OK', 'PRECOMMITTED'],
  ['PREPARED', 'commit', 'OK', 'VISIBLE'],
  ['PREPARED', 'commit 2pc', 'TXN_INVALID_STATUS', 'PREPARED'],
  ['PREPARED', 'abort', 'OK', 'ABORTED'],
  ['PRECOMMITTED', 'precommit', 'TXN_ALREADY_PRECOMMITED', 'PRECOMMITTED'],
  ['PRECOMMITTED', 'commit', 'OK', 'VISIBLE'],
  ['PRECOMMITTED', 'commit 2pc', 'OK', 'VISIBLE'],
  ['PRECOMMITTED', 'abort', 'OK', 'ABORTED'],
  ['VISIBLE', 'precommit', 'TXN_ALREADY_VISIBLE', 'VISIBLE'],
  ['VISIBLE', 'commit', 'OK', 'VISIBLE'],
  ['VISIBLE', 'commit 2pc', 'TXN_ALREADY_VISIBLE', 'VISIBLE'],
  ['VISIBLE', 'abort', 'TXN_ALREADY_VISIBLE', 'VISIBLE'],
  ['ABORTED', 'precommit', 'TXN_ALREADY_ABORTED', 'ABORTED'],
  ['ABORTED', 'commit', 'TXN_ALREADY_ABORTED', 'ABORTED'],
  ['ABORTED', 'commit 2pc', 'TXN_ALREADY_ABORTED', 'ABORTED'],
  ['ABORTED', 'abort', 'TXN_ALREADY_ABORTED', 'ABORTED'],
];
const calls: Readonly<Record<string, (i: string, expect: ForTxn) => Step>> = {
  precommit,
  commit: (i, expect) => commit(i, expect),
  'commit 2pc': (i, expect) => commit(i, expect, { is_2pc: true }),
  abort: (i, expect) => abort(i, expect),
};
const table: readonly Case[] = outcomes.map(([from, call, code, to]) =>
  on(`14 ${call} of a ${from} transaction: ${code}`, (i) => {
    const step = calls[call];
    if (step === undefined) throw new Error(`there is no call ${call}`);
    return [instance(i), ...begun(i, 'l'), ...(reached[from]?.(i) ?? []), status(i, from), step(i, always(reply(code))), status(i, to)];
  }),
);

const texts: readonly Case[] = [
  on('14 begin_txn: ids are positive and grow', (i) => [
    instance(i),
    ...begun(i, 'a'),
    ...begun(i, 'b'),
    {
      ...begin(i, 'c', {}, replied()),
    },
    (answers) => {
      const ids = answers.slice(1).map((answer) => (answer.json as { txn_id: number }).txn_id);
      const grow = ids.every((id, index) => Number.isSafeInteger(id) && id > (ids[index - 1] ?? 0));
      return rpc(
        'get_txn',
        { cloud_unique_id: uid(i), db_id: 7, txn_id: ids[0] },
        {
          ...replied(),
          holds: () => {
            if (!grow) throw new Error(`the ids are ${ids.join()}`);
          },
        },
      );
    },
  ]),
  on('14 get_txn: what begin_txn was told', (i) => [
    instance(i),
    ...begun(i, 'l', { table_ids: [3, 4], coordinator: { id: 9 }, listener_id: 5 }),
    onTxn('get_txn', i, {}, (txn) =>
      replied({
        txn_info: {
          db_id: 7,
          txn_id: txn,
          label: 'l',
          table_ids: [3, 4],
          timeout_ms: 60000,
          status: 'TXN_STATUS_PREPARED',
          listener_id: 5,
        },
      }),
    ),
  ]),
  on('14 get_txn: by database and label', (i) => [
    instance(i),
    ...begun(i, 'l'),
    (answers) => rpc('get_txn', { cloud_unique_id: uid(i), db_id: 7, label: 'l' }, replied({ txn_info: { txn_id: txnOf(answers) } })),
  ]),
  one(
    '14 begin_txn: no txn_info',
    rpc('begin_txn', { cloud_unique_id: 'x' }, reply('INVALID_ARGUMENT', 'invalid argument, missing txn info')),
  ),
  on('14 begin_txn: an empty label', (i) => [instance(i), begin(i, '', {}, reply('INVALID_ARGUMENT', 'invalid argument, label= db_id=7'))]),
  on('14 begin_txn: no db_id', (i) => [
    instance(i),
    begin(i, 'l', { db_id: undefined }, reply('INVALID_ARGUMENT', 'invalid argument, label=l db_id=-1')),
  ]),
  on('14 begin_txn: a negative db_id', (i) => [
    instance(i),
    begin(i, 'l', { db_id: -3 }, replySays('INVALID_ARGUMENT', starts('invalid argument, label=l db_id=-'))),
  ]),
  on('14 begin_txn: no table_ids', (i) => [
    instance(i),
    begin(i, 'l', { table_ids: [] }, reply('INVALID_ARGUMENT', 'invalid argument, label=l db_id=7')),
  ]),
  on('14 begin_txn: no timeout_ms', (i) => [
    instance(i),
    begin(i, 'l', { timeout_ms: undefined }, reply('INVALID_ARGUMENT', 'invalid argument, label=l db_id=7')),
  ]),
  one(
    '14 begin_txn: an id of no instance',
    rpc(
      'begin_txn',
      { cloud_unique_id: 'nobody', txn_info: { db_id: 7, label: 'l', table_ids: [1], timeout_ms: 1 } },
      reply('INVALID_ARGUMENT', 'cannot find instance_id with cloud_unique_id=nobody label=l'),
    ),
  ),
  one(
    '14 begin_txn: no id',
    rpc(
      'begin_txn',
      { txn_info: { db_id: 7, label: 'l', table_ids: [1], timeout_ms: 1 } },
      reply('INVALID_ARGUMENT', 'cannot find instance_id with cloud_unique_id=(empty) label=l'),
    ),
  ),
  one(
    '14 begin_txn: arguments before the instance',
    rpc(
      'begin_txn',
      { cloud_unique_id: 'nobody', txn_info: { label: '' } },
      reply('INVALID_ARGUMENT', 'invalid argument, label= db_id=-1'),
    ),
  ),
  ...['PREPARED', 'PRECOMMITTED', 'VISIBLE'].map((from) =>
    on(`14 begin_txn: the label of a ${from} transaction`, (i) => [
      instance(i),
      ...begun(i, 'l'),
      ...(reached[from]?.(i) ?? []),
      (answers) =>
        begin(
          i,
          'l',
          {},
          reply(
            'TXN_LABEL_ALREADY_USED',
            `Label [l] has already been used, relate to txn [${txnOf(answers)}], status=[TXN_STATUS_${from}]`,
            { txn_status: `TXN_STATUS_${from}` },
          ),
        ),
    ]),
  ),
  ...['PREPARED', 'PRECOMMITTED'].map((from) =>
    on(`14 begin_txn: the same request again, ${from}`, (i) => [
      instance(i),
      ...begun(i, 'l', { request_id: { hi: 1, lo: 2 } }),
      ...(reached[from]?.(i) ?? []),
      (answers) =>
        begin(
          i,
          'l',
          { request_id: { hi: 1, lo: 2 } },
          reply('TXN_DUPLICATED_REQ', `db_id=7 label=l txn_id=${txnOf(answers)} dup begin txn request.`, { dup_txn_id: txnOf(answers) }),
        ),
    ]),
  ),
  on('14 begin_txn: another request under the label', (i) => [
    instance(i),
    ...begun(i, 'l', { request_id: { hi: 1, lo: 2 } }),
    begin(i, 'l', { request_id: { hi: 1, lo: 3 } }, reply('TXN_LABEL_ALREADY_USED')),
  ]),
  on('14 begin_txn: an aborted label may be used again', (i) => [
    instance(i),
    ...begun(i, 'l'),
    abort(i),
    ...begun(i, 'l'),
    commit(i),
    begin(i, 'l', {}, reply('TXN_LABEL_ALREADY_USED')),
  ]),
  on('14 begin_txn: labels are per database', (i) => [instance(i), ...begun(i, 'l'), ...begun(i, 'l', { db_id: 8 })]),
  on('14 begin_txn: labels are per instance', (i) => [instance(i), instance(`${i}-other`), ...begun(i, 'l'), ...begun(`${i}-other`, 'l')]),
  on(
    '18 max_num_aborted_txn: a label is worn out',
    (i) => [
      instance(i),
      query('update_config', { configs: 'max_num_aborted_txn=3' }, ok),
      ...[1, 2, 3].flatMap(() => [...begun(i, 'l'), abort(i)]),
      begin(i, 'l', {}, replySays('INVALID_ARGUMENT', starts('too many aborted txn for label=l txn_id='))),
    ],
    { always: [query('update_config', { configs: 'max_num_aborted_txn=100' }, ok)] },
  ),
  on('14 commit_txn: an aborted one', (i) => [
    instance(i),
    ...begun(i, 'l'),
    abort(i),
    commit(i, (txn) => reply('TXN_ALREADY_ABORTED', `transaction [${txn}] is already aborted, db_id=7`)),
  ]),
  on('14 commit_txn 2pc: a prepared one', (i) => [
    instance(i),
    ...begun(i, 'l'),
    commit(i, (txn) => reply('TXN_INVALID_STATUS', `transaction is prepare, not pre-committed: db_id=7 txn_id${txn}`), { is_2pc: true }),
  ]),
  on('14 commit_txn 2pc: a visible one', (i) => [
    instance(i),
    ...begun(i, 'l'),
    commit(i),
    commit(i, (txn) => reply('TXN_ALREADY_VISIBLE', `transaction [${txn}] is already visible, not pre-committed.`), { is_2pc: true }),
  ]),
  on('14 commit_txn: no txn_id', (i) => [
    instance(i),
    rpc('commit_txn', { cloud_unique_id: uid(i), db_id: 7 }, reply('INVALID_ARGUMENT', 'invalid argument, missing txn id')),
  ]),
  on('14 commit_txn: an unknown one', (i) => [
    instance(i),
    rpc(
      'commit_txn',
      { cloud_unique_id: uid(i), db_id: 7, txn_id: 999 },
      {
        http: 200,
        holds: ({ text }) => {
          const texts = ['transaction [999] not found, db_id=7', 'failed to get db id, txn_id=999 err=KeyNotFound'];
          if (!texts.some((said) => text.includes(`"${said}"`))) throw new Error(`it says ${text}`);
        },
      },
    ),
  ]),
];

const running = 'running transaction not found';
const abortion: readonly Case[] = [
  on('14 abort_txn route: by id alone', (i) => [
    instance(i),
    ...begun(i, 'l'),
    abortRoute(i, always(ok)),
    status(i, 'ABORTED'),
    onTxn('get_txn', i, {}, always(replied({ txn_info: { reason: 'User Abort' } }))),
  ]),
  on('14 abort_txn route: the reason as given', (i) => [
    instance(i),
    ...begun(i, 'l'),
    abortRoute(i, always(ok), { reason: 'too late' }),
    onTxn('get_txn', i, {}, always(replied({ txn_info: { reason: 'too late' } }))),
  ]),
  on('14 abort_txn route: by database and label', (i) => [
    instance(i),
    ...begun(i, 'l'),
    admin('abort_txn', { cloud_unique_id: uid(i), db_id: 7, label: 'l' }, ok),
    status(i, 'ABORTED'),
  ]),
  on('14 abort_txn route: a precommitted one by label', (i) => [
    instance(i),
    ...begun(i, 'l'),
    precommit(i),
    admin('abort_txn', { cloud_unique_id: uid(i), db_id: 7, label: 'l' }, ok),
    status(i, 'ABORTED'),
  ]),
  on('14 abort_txn route: through a registered node', (i) => [
    instance(i),
    addCluster(i, compute(1, [be(i, 1, { cloud_unique_id: `free-${i}` })])),
    ...begun(i, 'l'),
    (answers) => admin('abort_txn', { cloud_unique_id: `free-${i}`, txn_id: txnOf(answers) }, ok),
  ]),
  on(
    '14 abort_txn route: an already aborted one',
    (i) => [instance(i), ...begun(i, 'l'), abort(i), abortRoute(i, (txn) => internal(`transaction [${txn}] is already aborted, db_id=7`))],
    { unchangedFrom: 3 },
  ),
  on(
    '14 abort_txn route: a visible one',
    (i) => [instance(i), ...begun(i, 'l'), commit(i), abortRoute(i, (txn) => internal(`transaction [${txn}] is already VISIBLE, db_id=7`))],
    { unchangedFrom: 3 },
  ),
  on(
    '14 abort_txn route: an unknown id',
    (i) => [
      instance(i),
      admin('abort_txn', { cloud_unique_id: uid(i), txn_id: 869414052004864 }, internal('transaction [869414052004864] not found')),
    ],
    { unchangedFrom: 1 },
  ),
  on('14 abort_txn route: a known id and a wrong database', (i) => [
    instance(i),
    ...begun(i, 'l'),
    abortRoute(i, always(internal(starts('failed to get txn_info, db_id=99'))), { db_id: 99 }),
  ]),
  on('14 abort_txn route: a transaction of another instance', (i) => [
    instance(i),
    instance(`${i}-other`),
    ...begun(i, 'l'),
    (answers) =>
      admin(
        'abort_txn',
        { cloud_unique_id: uid(`${i}-other`), txn_id: txnOf(answers) },
        internal(`transaction [${txnOf(answers)}] not found`),
      ),
  ]),
  on('14 abort_txn route: an unknown label', (i) => [
    instance(i),
    admin('abort_txn', { cloud_unique_id: uid(i), db_id: 7, label: 'l' }, internal('txn->get() failed, label=l err=KeyNotFound')),
  ]),
  on('14 abort_txn route: a label with nothing running', (i) => [
    instance(i),
    ...begun(i, 'l'),
    abort(i),
    admin('abort_txn', { cloud_unique_id: uid(i), db_id: 7, label: 'l' }, internal(`${running}, db_id=7 label=l`)),
  ]),
  on('14 abort_txn route: id and label both missing', (i) => [
    instance(i),
    admin('abort_txn', { cloud_unique_id: uid(i) }, invalid('invalid txn id and label, db_id=-1 txn_id=-1 label=')),
  ]),
  on('14 abort_txn route: a label without database', (i) => [
    instance(i),
    admin('abort_txn', { cloud_unique_id: uid(i), label: 'l' }, invalid('invalid txn id and label, db_id=-1 txn_id=-1 label=l')),
  ]),
  on('14 abort_txn route: a database without label', (i) => [
    instance(i),
    admin('abort_txn', { cloud_unique_id: uid(i), db_id: 7 }, invalid('invalid txn id and label, db_id=7 txn_id=-1 label=')),
  ]),
  one(
    '14 abort_txn route: arguments before the instance',
    admin('abort_txn', { cloud_unique_id: 'nobody' }, invalid(starts('invalid txn id and label, '))),
  ),
  on('14 abort_txn route: an id as a text', (i) => [
    instance(i),
    ...begun(i, 'l'),
    (answers) => admin('abort_txn', { cloud_unique_id: uid(i), txn_id: String(txnOf(answers)) }, ok),
  ]),
  on('14 a deleted instance still counts for transactions', (i) => [
    instance(i),
    ...begun(i, 'l'),
    admin('drop_instance', { instance_id: i }, ok),
    abortRoute(i, always(ok)),
  ]),
  one('14 txn_lazy_commit: no txn_id', query('txn_lazy_commit', { instance_id: 'i' }, invalid('instance_id or txn_id is empty'))),
  one(
    '14 txn_lazy_commit: no number',
    query('txn_lazy_commit', { instance_id: 'i', txn_id: 'x' }, internal(starts('txn_id x must be a number, meet error='))),
  ),
  on('14 txn_lazy_commit: an unknown one', (i) => [
    instance(i),
    query('txn_lazy_commit', { instance_id: i, txn_id: '999' }, internal(contains('failed to get db id, txn_id=999 err=KeyNotFound'))),
  ]),
];

export const transactionCases: readonly Case[] = [...form, ...twins, ...table, ...texts, ...abortion];
