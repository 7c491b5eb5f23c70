/** Sections 1 and 4: paths, methods, content types, token, envelope; every route with and without its version. */
import {
  admin,
  type Case,
  contains,
  type Expected,
  instance,
  invalid,
  ok,
  on,
  one,
  query,
  raw,
  starts,
  token,
  uid,
} from '../vocabulary.ts';

const asText = 'text/plain';
const created = (path: string, i: string, more: Readonly<Record<string, string>> = {}) =>
  raw({ method: 'PUT', path: `${path}?token=${token}`, body: JSON.stringify({ instance_id: i }), headers: more }, ok);

/** What an empty object is answered with: the first refusal of the route's order of checks. */
const firstRefusals: readonly (readonly [route: string, expected: Expected])[] = [
  ['create_instance', invalid('instance id not set')],
  ['drop_instance', invalid('instance id not set')],
  ['rename_instance', invalid('instance id not set')],
  ['enable_instance_sse', invalid('instance id not set')],
  ['disable_instance_sse', invalid('instance id not set')],
  ['set_instance_status', invalid('invalid request op, op=0')],
  ['get_obj_store_info', invalid('cloud unique id not set')],
  ['show_storage_vaults', invalid('cloud unique id not set')],
  ['add_obj_info', invalid(starts('s3 obj info err '))],
  ['legacy_update_ak_sk', invalid(starts('s3 obj info err '))],
  ['alter_obj_info', invalid(starts('s3 obj info err '))],
  ['update_ak_sk', invalid('instance id not set')],
  ['add_s3_vault', invalid(starts('s3 obj info err '))],
  ['alter_s3_vault', invalid('There is no s3 vault provided')],
  ['drop_s3_vault', invalid('invalid request op, op=104')],
  ['add_hdfs_vault', invalid(starts('hdfs info is not found '))],
  ['drop_hdfs_vault', invalid()],
  ['alter_ram_user', invalid('empty instance_id')],
  ['alter_iam', invalid('invalid argument')],
  ...[
    'add_cluster',
    'drop_cluster',
    'rename_cluster',
    'update_cluster_mysql_user_name',
    'update_cluster_endpoint',
    'add_node',
    'drop_node',
    'decommission_node',
    'notify_decommissioned',
    'set_cluster_status',
    'alter_vcluster_info',
  ].map((route) => [route, invalid('invalid request instance_id or cluster not given')] as const),
  ['get_cluster', invalid('cloud_unique_id must be given')],
  ['get_cluster_status', invalid('cloud_unique_ids or instance_ids must be given, instance_ids.size: 0 cloud_unique_ids.size: 0')],
  ['abort_txn', invalid('invalid txn id and label, db_id=-1 txn_id=-1 label=')],
  ['abort_tablet_job', invalid(contains('cannot find instance_id with cloud_unique_id=(empty)'))],
  ['get_tablet_stats', { http: 400, text: '\n' }],
  ['get_stage', { http: 400 }],
  ['set_value', { http: 400 }],
];
/** The same for routes that read their query. */
const firstRefusalsOfQueries: readonly (readonly [route: string, expected: Expected])[] = [
  ['get_instance', invalid('empty instance_id and cloud_unique_id')],
  ['decode_key', invalid('no key to decode')],
  ['encode_key', invalid('key_type not supported: (empty)')],
  ['get_value', invalid('key_type not supported: (empty)')],
  ['txn_lazy_commit', invalid('instance_id or txn_id is empty')],
  ['fix_tablet_stats', { http: 400 }],
  ['fix_tablet_db_id', { http: 400 }],
  ['adjust_rate_limit', invalid(starts('invalid argument: qps_limit(required)='))],
  ['list_rate_limit', ok],
  ['injection_point', invalid('unknown op:')],
  ['show_config', { http: 200 }],
  ['update_config', invalid('query param `config` should not be empty')],
  ['show_meta_ranges', { http: 400, text: contains('this method only support fdb txn kv') }],
];
const routes: readonly Case[] = ['', 'v1/'].flatMap((version) => [
  ...firstRefusals.map(([route, expected]) =>
    one(`4 ${version}${route} is there and checks first things first`, admin(version + route, {}, expected)),
  ),
  ...firstRefusalsOfQueries.map(([route, expected]) =>
    one(`4 ${version}${route} is there and reads its query`, query(version + route, {}, expected)),
  ),
]);

const unknownPath: Expected = { http: 404, text: 'http path not found or not allowed\n' };
const unknownRoutes: readonly Case[] = [
  ...['list_snapshot', 'drop_snapshot', 'compact_snapshot', 'decouple_instance', 'set_snapshot_property', 'get_snapshot_property'].map(
    (route) => one(`17 ${route} is an unknown path`, admin(route, {}, unknownPath)),
  ),
  one('17 set_multi_version_status is an unknown path', admin('set_multi_version_status', {}, unknownPath)),
  ...[
    'no_such_route',
    'recycle_instance',
    'check_instance',
    'ADD_CLUSTER',
    'add_cluster/x',
    'v2/add_cluster',
    'v0/add_cluster',
    'v11/add_cluster',
    '',
  ].map((route) => one(`1 '${route}' is an unknown path`, admin(route, {}, unknownPath))),
  one('1 an unknown path is told before its body is read', admin('no_such_route', '{', unknownPath)),
  one('1 an unknown path answers GET as it answers POST', query('no_such_route', {}, unknownPath)),
];

const withToken = (queryText: string, route = 'get_cluster', body = '{}') =>
  ({ method: 'POST', path: `/MetaService/http/${route}${queryText}`, body, headers: { 'content-type': asText } }) as const;
const wrongToken = (given: string): Expected => ({ http: 403, text: `incorrect token, token=${given}\n` });
const tokens: readonly Case[] = [
  one('1 a wrong token is refused in plain text', raw(withToken('?token=wrong'), wrongToken('wrong'))),
  one('1 a missing token is told', raw(withToken(''), wrongToken('(not given)'))),
  one('1 an empty token counts as missing', raw(withToken('?token='), wrongToken('(not given)'))),
  one('1 another parameter is no token', raw(withToken('?tokens=greedisgood9999'), wrongToken('(not given)'))),
  one('1 a token is compared as a whole', raw(withToken(`?token=${token}x`), wrongToken(`${token}x`))),
  one('1 a token is case sensitive', raw(withToken('?token=GREEDISGOOD9999'), wrongToken('GREEDISGOOD9999'))),
  one('1 a wrong token is shown with its percent escapes decoded', raw(withToken('?token=a%20b'), wrongToken('a b'))),
  one('1 the token is checked before the route', raw(withToken('?token=wrong', 'no_such_route'), wrongToken('wrong'))),
  one('1 the token is checked before the body', raw(withToken('?token=wrong', 'create_instance', '{'), wrongToken('wrong'))),
  one('1 the token is checked before the version', raw(withToken('?token=wrong', 'v2/add_cluster'), wrongToken('wrong'))),
  one(
    '1 percent escapes of the right token are decoded',
    raw(withToken('?token=greedisgood%39999'), invalid('cloud_unique_id must be given')),
  ),
  on(
    '1 a wrong token changes nothing',
    (i) => [
      raw({ method: 'POST', path: '/MetaService/http/create_instance?token=x', body: JSON.stringify({ instance_id: i }) }, { http: 403 }),
      query('get_instance', { instance_id: i }, { http: 500 }),
    ],
    { unchangedFrom: 0 },
  ),
];

const paths: readonly Case[] = [
  '/MetaService/http/create_instance',
  '/MetaService/http/v1/create_instance',
  '/doris.cloud.MetaService/http/create_instance',
  '/doris.cloud.MetaService/http/v1/create_instance',
  '/MetaService/http//create_instance/',
  '//MetaService//http///v1//create_instance//',
].map((path) => on(`1 ${path} is create_instance`, (i) => [created(path, i), query('get_instance', { instance_id: i }, ok)]));

const methods: readonly Case[] = ['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'].flatMap((method) => [
  on(`1 ${method} with a body is accepted where a body is read`, (i) => [
    raw(
      {
        method,
        path: `/MetaService/http/create_instance?token=${token}`,
        body: JSON.stringify({ instance_id: i }),
        headers: { 'content-type': asText },
      },
      ok,
    ),
    query('get_instance', { instance_id: i }, ok),
  ]),
  on(`1 ${method} without a body is accepted where the query is read`, (i) => [
    instance(i),
    raw({ method, path: `/MetaService/http/get_instance?token=${token}&instance_id=${i}` }, ok),
  ]),
]);
const head: readonly Case[] = [
  on('1 HEAD is answered with the status alone', (i) => [
    instance(i),
    raw({ method: 'HEAD', path: `/MetaService/http/get_instance?token=${token}&instance_id=${i}` }, { http: 200, text: '' }),
  ]),
  on('1 a body where the query is read is passed over', (i) => [
    instance(i),
    raw(
      {
        method: 'GET',
        path: `/MetaService/http/get_instance?token=${token}&instance_id=${i}`,
        body: '{"broken',
        headers: { 'content-type': 'application/json' },
      },
      ok,
    ),
  ]),
];

const contentTypes: readonly Case[] = [
  asText,
  'application/x-www-form-urlencoded',
  'application/json',
  'application/json; charset=utf-8',
  'application/xml',
  'multipart/form-data; boundary=x',
  'foo/bar',
].map((type) =>
  on(`1 a body of type ${type} is read as JSON and the type repeated`, (i) => [
    raw(
      {
        method: 'POST',
        path: `/MetaService/http/create_instance?token=${token}`,
        body: JSON.stringify({ instance_id: i }),
        headers: { 'content-type': type },
      },
      { ...ok, headers: { 'content-type': type } },
    ),
  ]),
);
const noContentType: readonly Case[] = [
  on('1 a request without a content type is answered without one', (i) => [
    raw(
      { method: 'POST', path: `/MetaService/http/create_instance?token=${token}`, body: JSON.stringify({ instance_id: i }) },
      { ...ok, headers: { 'content-type': null } },
    ),
  ]),
  one(
    '1 a refusal repeats the content type, too',
    raw(withToken(`?token=${token}`), { ...invalid(), headers: { 'content-type': asText } }),
  ),
];

const envelopes: readonly Case[] = [
  on('1 success, byte for byte', (i) => [
    admin('create_instance', { instance_id: i }, { http: 200, text: '{\n    "code": "OK",\n    "msg": ""\n}\n' }),
  ]),
  one(
    '1 a refusal, byte for byte',
    admin('create_instance', {}, { http: 400, text: '{\n    "code": "INVALID_ARGUMENT",\n    "msg": "instance id not set"\n}\n' }),
  ),
  one(
    '1 a result with its status, byte for byte',
    admin(
      'get_cluster_status',
      { instance_ids: ['nobody'] },
      {
        http: 200,
        text: `{
    "code": "OK",
    "msg": "",
    "result": {
        "status": {
            "code": "OK",
            "msg": ""
        }
    }
}
`,
      },
    ),
  ),
  on('1 nested results are indented by four blanks a level', (i) => [
    instance(i),
    admin('add_cluster', { instance_id: i, cluster: { cluster_id: 'c', cluster_name: 'n', type: 'COMPUTE' } }, ok),
    admin(
      'get_cluster_status',
      { instance_ids: [i] },
      {
        http: 200,
        text: contains(
          `        "details": [
            {
                "instance_id": "${i}",
                "clusters": [
                    {
                        "cluster_id": "c",
`,
        ),
      },
    ),
  ]),
  one(
    '1 a failed get_obj_store_info still carries its status as result',
    admin('get_obj_store_info', {}, { ...invalid(), resultIs: { status: { code: 'INVALID_ARGUMENT', msg: 'cloud unique id not set' } } }),
  ),
  one(
    '1 a failed show_storage_vaults still carries its status as result',
    admin('show_storage_vaults', {}, { ...invalid(), result: { status: { code: 'INVALID_ARGUMENT' } } }),
  ),
  one(
    '1 a failed get_cluster_status still carries its status as result',
    admin('get_cluster_status', {}, { ...invalid(), result: { status: { code: 'INVALID_ARGUMENT' } } }),
  ),
  one('1 a failed get_instance carries an empty result', query('get_instance', { instance_id: 'nobody' }, { http: 500, resultIs: {} })),
  on('1 a failed get_cluster carries no result', (i) => [
    instance(i),
    admin(
      'get_cluster',
      { cloud_unique_id: uid(i), cluster_id: 'c' },
      {
        http: 404,
        holds: ({ json }) => {
          if (Object.hasOwn(json as object, 'result')) throw new Error('there is a result');
        },
      },
    ),
  ]),
  on('1 characters beyond ASCII come back as they are', (i) => [
    instance(i, { name: 'Wärme 数据 🚀' }),
    query('get_instance', { instance_id: i }, { http: 200, text: contains('"name": "Wärme 数据 🚀"') }),
  ]),
  on('1 percent escapes in query values are decoded', (i) => [
    instance(`${i} ü/&`),
    query('get_instance', { instance_id: `${i} ü/&` }, { http: 200, code: 'OK', result: { instance_id: `${i} ü/&` } }),
  ]),
];

export const transportCases: readonly Case[] = [
  ...envelopes,
  ...paths,
  ...methods,
  ...head,
  ...contentTypes,
  ...noContentType,
  ...tokens,
  ...unknownRoutes,
  ...routes,
];
