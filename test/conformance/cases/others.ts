/** Section 17: stages, rate limits, configs, injection points, the frontend's route; and what nobody should send. */
import {
  addCluster,
  admin,
  be,
  type Case,
  clusterShown,
  compute,
  contains,
  type Expected,
  fe,
  instance,
  internal,
  invalid,
  legacyInstance,
  ok,
  okWith,
  on,
  one,
  query,
  raw,
  replied,
  rpc,
  shown,
  sql,
  starts,
  token,
  uid,
} from '../vocabulary.ts';

const point = (parameters: Readonly<Record<string, string>>, expect: Expected = ok) => query('injection_point', parameters, expect);
const injection: readonly Case[] = [
  on(
    '17 injection_point: enable, disable, clear',
    () => [point({ op: 'enable' }), point({ op: 'clear' }), point({ op: 'clear', name: 'x' }), point({ op: 'disable' })],
    { unchangedFrom: 0 },
  ),
  one('17 injection_point: another op', point({ op: 'explode' }, invalid('unknown op:explode'))),
  one('17 injection_point: no name', point({ op: 'set', behavior: 'return' }, invalid('empty point name'))),
  one('17 injection_point: no behavior', point({ op: 'set', name: 'p' }, invalid('empty behavior'))),
  one('17 injection_point: an unknown behavior', point({ op: 'set', name: 'p', behavior: 'jump' }, invalid('unknown behavior: jump'))),
  one('17 injection_point: the name before the behavior', point({ op: 'set' }, invalid('empty point name'))),
  one(
    '17 injection_point: a value that is no list',
    point({ op: 'set', name: 'p', behavior: 'change_args', value: '{"a":1}' }, invalid('value must be a json array')),
  ),
  one(
    '17 injection_point: a value that is no JSON',
    point({ op: 'set', name: 'p', behavior: 'change_args', value: '[1' }, invalid('invalid json value: [1')),
  ),
  ...[{ behavior: 'sleep', duration: '1' }, { behavior: 'return' }, { behavior: 'change_args', value: '[1, "a", true]' }].map((more) =>
    on(`17 injection_point: ${more.behavior} can be set`, () => [point({ op: 'set', name: 'p', ...more })], {
      always: [point({ op: 'clear' })],
    }),
  ),
];

const basic = (user: string, password: string) => ({ authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` });
const clusterStatusPath = '/rest/v2/manager/cluster/cluster_info/cloud_cluster_status';
const frontend = (headers: Readonly<Record<string, string>>, expect: Expected) =>
  raw({ method: 'GET', path: clusterStatusPath, headers }, expect);
const unauthorized: Expected = { http: 200, json: { code: 401, msg: 'Unauthorized', data: 'Need auth information.', count: 0 } };
const frontendRoute: readonly Case[] = [
  one('17 cloud_cluster_status: no authorization', frontend({}, unauthorized)),
  one('17 cloud_cluster_status: an authorization of one word', frontend({ authorization: 'Basic' }, unauthorized)),
  one('17 cloud_cluster_status: an authorization of three words', frontend({ authorization: 'Basic a b' }, unauthorized)),
  one(
    '17 cloud_cluster_status: a wrong password',
    frontend(basic('root', 'wrong'), { http: 200, json: { code: 401, msg: 'Unauthorized', count: 0 } }),
  ),
  one('17 cloud_cluster_status: an unknown user', frontend(basic('nobody', ''), { http: 200, json: { code: 401, msg: 'Unauthorized' } })),
  one(
    '17 cloud_cluster_status: the token is not asked for',
    frontend(basic('root', ''), { http: 200, json: { msg: 'success', code: 0, count: 0 } }),
  ),
  on('17 cloud_cluster_status: compute clusters by id, nodes that have not reported yet', (i) => [
    instance(i),
    addCluster(i, compute(1, [be(i, 1)], { cluster_id: `${i}-c`, cluster_name: 'n' })),
    addCluster(i, compute(2, [], { cluster_id: `${i}-empty` })),
    addCluster(i, sql([fe(i, 1, 'FE_MASTER')], { cluster_id: `${i}-fe` })),
    frontend(basic('root', ''), {
      http: 200,
      json: {
        msg: 'success',
        code: 0,
        data: {
          [`${i}-c`]: [
            {
              host: '10.0.0.1',
              heartbeatPort: 9050,
              bePort: -1,
              httpPort: -1,
              brpcPort: -1,
              currentFragmentNum: 0,
              lastFragmentUpdateTime: 0,
            },
          ],
        },
        count: 0,
      },
      holds: ({ json }) => {
        const { data } = json as { data: object };
        for (const id of [`${i}-empty`, `${i}-fe`]) if (Object.hasOwn(data, id)) throw new Error(`${id} is shown`);
      },
    }),
  ]),
];

const limits: readonly Case[] = [
  on(
    '17 adjust_rate_limit: of one method, listed',
    () => [
      query('adjust_rate_limit', { qps_limit: '4321', rpc_name: 'get_cluster' }, ok),
      query('list_rate_limit', {}, okWith({ get_cluster: { 'RPC qps limit': 4321 } })),
    ],
    { always: [query('adjust_rate_limit', { qps_limit: '1000000', rpc_name: 'get_cluster' }, ok)] },
  ),
  on('17 adjust_rate_limit: of an instance, known or not', (i) => [
    query('adjust_rate_limit', { qps_limit: '99', rpc_name: 'get_cluster', instance_id: i }, ok),
    query('list_rate_limit', {}, okWith({ get_cluster: { 'instance specific qps limit': { [i]: 99 } } })),
  ]),
  ...['many', '1.5', '9223372036854775808'].map((limit) =>
    one(
      `17 adjust_rate_limit: ${limit} is no int64`,
      query(
        'adjust_rate_limit',
        { qps_limit: limit, rpc_name: 'get_cluster' },
        invalid(starts('param `qps_limit` is not a legal int64 type:')),
      ),
    ),
  ),
  one(
    '17 adjust_rate_limit: a negative one',
    query('adjust_rate_limit', { qps_limit: '-1' }, invalid('`qps_limit` should not be less than 0')),
  ),
  one(
    '17 adjust_rate_limit: none',
    query('adjust_rate_limit', { rpc_name: 'get_cluster', instance_id: 'i' }, invalid(starts('invalid argument: qps_limit(required)='))),
  ),
  one(
    '17 adjust_rate_limit: an unknown method',
    query('adjust_rate_limit', { qps_limit: '1', rpc_name: 'no_such' }, invalid(starts('failed to adjust rate limit for qps_limit='))),
  ),
];

const configs: readonly Case[] = [
  one(
    '17 show_config: one key',
    query('show_config', { conf_key: 'max_num_aborted_txn' }, { http: 200, text: contains('max_num_aborted_txn') }),
  ),
  one('17 show_config: all of them', query('show_config', {}, { http: 200, text: contains('enable_check_instance_id') })),
  one('17 update_config: nothing', query('update_config', {}, invalid('query param `config` should not be empty'))),
  one('17 update_config: an empty text', query('update_config', { configs: '' }, invalid('query param `config` should not be empty'))),
  one(
    '17 update_config: no equals sign',
    query('update_config', { configs: 'max_num_aborted_txn' }, invalid('config max_num_aborted_txn is invalid')),
  ),
  one('17 update_config: an unknown key', query('update_config', { configs: 'no_such=1' }, invalid('config field=no_such not exists'))),
  one(
    '17 update_config: a key that cannot change',
    query('update_config', { configs: 'brpc_listen_port=1' }, invalid('config field=brpc_listen_port is immutable')),
  ),
  on(
    '17 update_config: a good and a bad one change nothing',
    () => [query('update_config', { configs: 'max_num_aborted_txn=5,no_such=1' }, invalid('config field=no_such not exists'))],
    { unchangedFrom: 0 },
  ),
  on(
    '18 enable_check_instance_id: off',
    (i) => [
      query('update_config', { configs: 'enable_check_instance_id=false' }, ok),
      instance(i),
      addCluster(i, compute(1, [be(i, 1, { cloud_unique_id: '1:nobody-yet:x' })])),
    ],
    { always: [query('update_config', { configs: 'enable_check_instance_id=true' }, ok)] },
  ),
  on(
    '18 enable_distinguish_hdfs_path: off',
    (i) => [
      query('update_config', { configs: 'enable_distinguish_hdfs_path=false' }, ok),
      admin('create_instance', { instance_id: i, vault: { hdfs_info: { build_conf: { fs_name: 'f', user: 'u' }, prefix: '/p/' } } }, ok),
      admin('get_obj_store_info', { cloud_unique_id: uid(i) }, okWith({ storage_vault: [{ hdfs_info: { prefix: 'p' } }] })),
    ],
    { always: [query('update_config', { configs: 'enable_distinguish_hdfs_path=true' }, ok)] },
  ),
];

const stage = (i: string, more: object) => rpc('create_stage', { cloud_unique_id: uid(i), stage: more }, replied());
const external = {
  type: 'EXTERNAL',
  name: 'ext',
  stage_id: 'e1',
  obj_info: { ak: 'sak', sk: 'ssk', bucket: 'b', prefix: 'p', endpoint: 'e', region: 'r', provider: 'OSS' },
} as const;
const stages: readonly Case[] = [
  on('17 get_stage: an internal one that is not there', (i) => [
    legacyInstance(i),
    admin(
      'get_stage',
      { cloud_unique_id: uid(i), type: 'INTERNAL', mysql_user_name: 'u', mysql_user_id: 'u1' },
      internal('stage not found, create a new one'),
    ),
  ]),
  on('17 get_stage: an external one that is not there', (i) => [
    instance(i),
    admin('get_stage', { cloud_unique_id: uid(i), type: 'EXTERNAL', stage_name: 'x' }, internal(starts('stage not found with '))),
  ]),
  on('17 get_stage: a failure still carries its status as result', (i) => [
    instance(i),
    admin(
      'get_stage',
      { cloud_unique_id: uid(i), type: 'EXTERNAL', stage_name: 'x' },
      { ...internal(), result: { status: { code: 'STAGE_NOT_FOUND' } } },
    ),
  ]),
  on('17 get_stage: an external one by name, keys in clear', (i) => [
    instance(i),
    stage(i, external),
    admin(
      'get_stage',
      { cloud_unique_id: uid(i), type: 'EXTERNAL', stage_name: 'ext' },
      okWith({ stage: [{ stage_id: 'e1', name: 'ext', obj_info: { ak: 'sak', sk: 'ssk' } }] }),
    ),
  ]),
  on('17 get_stage: all external ones, without decrypting', (i) => [
    instance(i),
    stage(i, external),
    admin(
      'get_stage',
      { cloud_unique_id: uid(i), type: 'EXTERNAL' },
      {
        ...okWith({ stage: [{ name: 'ext' }] }),
        holds: ({ text }) => {
          if (text.includes('"ssk"')) throw new Error('a key is in clear');
        },
      },
    ),
  ]),
];

const long = 'x'.repeat(10_240);
const control = '\u0000\u0001\u001b[31m\u007f';
const nodes = (i: string, count: number) =>
  Array.from({ length: count }, (_, n) => ({
    cloud_unique_id: uid(i, `n${n}`),
    ip: `10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`,
    heartbeat_port: 9050,
  }));
const alive = (i: string) => query('get_instance', { instance_id: `${i}-nobody` }, internal());
const refused = (http: number): Expected => ({
  http,
  holds: ({ text }) => {
    if (text.trim() === '') throw new Error('it says nothing');
    if (text.length > 4096) throw new Error(`it says ${text.length} characters`);
  },
});
const bad = (name: string, exchange: (i: string) => ReturnType<typeof admin>): Case =>
  on(`bad input: ${name}`, (i) => [exchange(i), alive(i)], { unchangedFrom: 0 });
const badInput: readonly Case[] = [
  bad('an instance id of 10 KB', () => admin('create_instance', { instance_id: long }, refused(400))),
  bad('control characters in an instance id', () => admin('create_instance', { instance_id: `i${control}` }, refused(400))),
  bad('control characters in a name', (i) => admin('create_instance', { instance_id: i, name: control }, refused(400))),
  bad('an id of 10 KB in a query', () => query('get_instance', { instance_id: long }, { http: 500 })),
  bad('a cloud_unique_id of 10 KB', () => query('get_instance', { cloud_unique_id: long }, { http: 400 })),
  bad('a cluster of an instance id of 10 KB', () => addCluster(long, compute(1), refused(400))),
  bad('a label of 10 KB', (i) =>
    rpc('begin_txn', { cloud_unique_id: uid(i), txn_info: { db_id: 1, label: long, table_ids: [1], timeout_ms: 1 } }, { http: 200 }),
  ),
  bad('a key of 10 KB', () => query('decode_key', { key: 'ab'.repeat(5120) }, { http: 400 })),
  bad('a key type of 10 KB', () => query('encode_key', { key_type: long }, { http: 400 })),
  bad('a token of 10 KB', () => raw({ method: 'GET', path: `/MetaService/http/get_instance?token=${long}` }, { http: 403 })),
  bad('deep nesting', () => admin('create_instance', '{"a":'.repeat(50_000), refused(400))),
  bad('deep lists', () => admin('create_instance', `{"a":${'['.repeat(50_000)}${']'.repeat(50_000)}}`, { http: 400 })),
  bad('deep nesting over RPC', () => rpc('get_instance', '{"a":'.repeat(50_000), { http: 400 })),
  bad('a body of 20 MB', () => admin('create_instance', { instance_id: 'y'.repeat(20_000_000) }, refused(400))),
  bad('half a surrogate', () => admin('create_instance', '{"instance_id":"\\ud800"}', refused(400))),
  bad('bytes that are no UTF-8 in a query', () =>
    raw({ method: 'GET', path: `/MetaService/http/get_instance?token=${token}&instance_id=%ff%fe` }, { http: 500 }),
  ),
  bad('a broken percent escape', () =>
    raw({ method: 'GET', path: `/MetaService/http/get_instance?token=${token}&instance_id=%zz` }, { http: 500 }),
  ),
  bad('a number beyond every range', () => admin('abort_txn', '{"txn_id": 1e400}', { http: 400 })),
  bad('an int64 beyond int64', () => admin('abort_txn', '{"txn_id": 99999999999999999999}', { http: 400 })),
  bad('a negative transaction id', (i) => admin('abort_txn', { cloud_unique_id: uid(i), txn_id: -9 }, { http: 400 })),
  bad('the name of a prototype as a field', () =>
    admin('create_instance', '{"__proto__": {"instance_id": "x"}, "constructor": {}}', invalid('instance id not set')),
  ),
  bad('the name of a prototype as a route', () => admin('__proto__', {}, { http: 404 })),
  bad('the name of a prototype as a method', () => rpc('constructor', {}, { http: 404 })),
  bad('a route of a parent folder', () => raw({ method: 'GET', path: `/MetaService/http/../../etc/passwd?token=${token}` }, { http: 404 })),
  bad('a huge port', (i) => addCluster(i, compute(1, [be(i, 1, { heartbeat_port: 99_999_999_999 })]), refused(400))),
  on(
    'bad input: the name of a prototype as an id',
    (i) => [
      query('get_instance', { instance_id: '__proto__' }, internal()),
      query('get_instance', { instance_id: 'constructor' }, internal()),
      query('get_instance', { cloud_unique_id: '__proto__' }, invalid()),
      alive(i),
    ],
    { unchangedFrom: 0 },
  ),
  on('bad input: the name of a prototype as ids that are stored', (i) => [
    instance(i),
    addCluster(i, {
      cluster_id: '__proto__',
      cluster_name: 'constructor',
      type: 'COMPUTE',
      nodes: [be(i, 1, { cloud_unique_id: 'toString' })],
    }),
    clusterShown(i, '__proto__', okWith({ cluster_name: 'constructor' })),
    query('get_instance', { cloud_unique_id: 'toString' }, okWith({ instance_id: i })),
    admin('drop_cluster', { instance_id: i, cluster: { cluster_id: '__proto__' } }, ok),
    query('get_instance', { cloud_unique_id: 'toString' }, invalid()),
  ]),
  on('bad input: a duplicate field is answered, one way or the other', (i) => [
    raw(
      { method: 'POST', path: `/MetaService/http/create_instance?token=${token}`, body: `{"instance_id":"${i}-a","instance_id":"${i}-b"}` },
      {
        http: 200,
        holds: ({ text }) => {
          if (!text.includes('"code": "OK"')) throw new Error(text);
        },
      },
    ),
    shown(`${i}-a`, internal()),
    shown(`${i}-b`, ok),
  ]),
  on(
    'bad input: 10,000 nodes in one call are stored or refused as a whole',
    (i) => [
      instance(i),
      {
        ...addCluster(i, compute(1, nodes(i, 10_000)), { http: 400 }),
      },
      clusterShown(i, 'c1', { http: 404 }),
      alive(i),
    ],
    { unchangedFrom: 1 },
  ),
  on(
    'bad input: a compressed body is not taken for JSON',
    (i) => [
      raw(
        {
          method: 'POST',
          path: `/MetaService/http/create_instance?token=${token}`,
          body: 'H4sIAAAA',
          headers: { 'content-encoding': 'gzip' },
        },
        { http: 400 },
      ),
      alive(i),
    ],
    { unchangedFrom: 0 },
  ),
  on(
    'bad input: an unknown config value is refused by name',
    () => [query('update_config', { configs: 'max_num_aborted_txn=many' }, { http: 400 })],
    { unchangedFrom: 0 },
  ),
];

export const otherCases: readonly Case[] = [...injection, ...frontendRoute, ...limits, ...configs, ...stages, ...badInput];
