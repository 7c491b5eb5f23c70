/**
 * Goal: the routes of clusters and nodes answer with the contract's status and bytes; the same refusal has another status on another
 * route (sections 8 to 11, and 13 for the plain RPC form).
 * Method: a node on the in-memory log in this process, asked over real sockets; each test on an instance of its own. What is refused
 * and why is the business of test/decide; here it is how that is said.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Reply, type ServedMetaService, serveMetaService } from './support.ts';

let served: ServedMetaService;
beforeAll(async () => {
  served = await serveMetaService();
});
afterAll(async () => await served.stop());

let count = 0;
let i = '';
/** An id that leads to the test's instance without being registered. */
const uid = (name: string): string => `1:${i}:${name}`;
beforeEach(async () => {
  count += 1;
  i = `clusters-${count}`;
  const vault = {
    obj_info: { ak: 'a', sk: 's', bucket: 'b', prefix: 'p', endpoint: 'e', external_endpoint: 'e', region: 'r', provider: 'S3' },
  };
  expect((await served.post('create_instance', { instance_id: i, name: i, user_id: 'u', vault })).status).toBe(200);
});

const be = (n: number, more: object = {}): object => ({ cloud_unique_id: uid(`be${n}`), ip: `10.0.0.${n}`, heartbeat_port: 9050, ...more });
const fe = (n: number, type: string): object => ({
  cloud_unique_id: uid(`fe${n}`),
  ip: `10.0.1.${n}`,
  edit_log_port: 9010,
  node_type: type,
});
const compute = (n: number, ...nodes: readonly object[]): object => ({
  cluster_id: `c${n}`,
  cluster_name: `name${n}`,
  type: 'COMPUTE',
  nodes,
});
const sql = (...nodes: readonly object[]): object => ({ cluster_id: 'fe', cluster_name: 'frontends', type: 'SQL', nodes });
const alter = (route: string, cluster: object, more: object = {}): Promise<Reply> =>
  served.post(route, { instance_id: i, cluster, ...more });
const said = ({ json, status }: Reply): readonly unknown[] => [status, json?.['code'], json?.['msg']];
const ok = [200, 'OK', ''];
async function isOk(...replies: readonly Promise<Reply>[]): Promise<void> {
  for (const reply of replies) expect(said(await reply)).toEqual(ok);
}
const ask = (more: object = {}): Promise<Reply> => served.post('get_cluster', { cloud_unique_id: uid('anybody'), ...more });
/** Times differ from run to run. */
const timeless = (text: string): string => text.replace(/("[cm]time": )"\d{10}"/g, '$1"<seconds>"');

describe('get_cluster', () => {
  test('shows one cluster as it was added', async () => {
    await isOk(alter('add_cluster', { ...compute(1, be(1), be(2, { host: 'h2', ip: undefined })), public_endpoint: '', desc: 'étl' }));
    expect(timeless((await ask({ cluster_name: 'name1' })).text)).toBe(`{
    "code": "OK",
    "msg": "",
    "result": {
        "cluster_id": "c1",
        "cluster_name": "name1",
        "type": "COMPUTE",
        "desc": "étl",
        "nodes": [
            {
                "cloud_unique_id": "${uid('be1')}",
                "ip": "10.0.0.1",
                "ctime": "<seconds>",
                "mtime": "<seconds>",
                "heartbeat_port": 9050
            },
            {
                "cloud_unique_id": "${uid('be2')}",
                "ctime": "<seconds>",
                "mtime": "<seconds>",
                "heartbeat_port": 9050,
                "host": "h2"
            }
        ],
        "public_endpoint": "",
        "cluster_status": "NORMAL",
        "ctime": "<seconds>",
        "mtime": "<seconds>"
    }
}
`);
  });

  test('shows all of them with status and storage mode', async () => {
    await isOk(alter('add_cluster', compute(1)), alter('add_cluster', compute(2)));
    const { json, status } = await ask();
    expect([status, json]).toEqual([
      200,
      {
        code: 'OK',
        msg: '',
        result: {
          status: { code: 'OK', msg: '' },
          cluster: [expect.objectContaining({ cluster_id: 'c1' }), expect.objectContaining({ cluster_id: 'c2' })],
          enable_storage_vault: true,
        },
      },
    ]);
  });

  test('of id, name and user the first that is given counts, and of several clusters of a user the first', async () => {
    await isOk(
      alter('add_cluster', { ...compute(1), mysql_user_name: ['u', 'v'] }),
      alter('add_cluster', { ...compute(2), mysql_user_name: ['v'] }),
    );
    const found = async (more: object): Promise<unknown> =>
      ((await ask(more)).json?.['result'] as { cluster_id?: string } | undefined)?.cluster_id;
    expect(await found({ cluster_id: 'c2', cluster_name: 'name1', mysql_user_name: 'u' })).toBe('c2');
    expect(await found({ cluster_id: '', cluster_name: 'name2', mysql_user_name: 'u' })).toBe('c2');
    expect(await found({ mysql_user_name: 'v' })).toBe('c1');
  });

  test('what is not there', async () => {
    const missing = `fail to get cluster with cloud_unique_id: "${uid('anybody')}"`;
    expect(said(await ask())).toEqual([404, 'NOT_FOUND', missing]);
    const asked = await ask({ instance_id: i, cluster_id: 'c9', mysql_user_name: 'u' });
    const words = `instance_id: "${i}" cloud_unique_id: "${uid('anybody')}" cluster_id: "c9" mysql_user_name: "u"`;
    expect(asked.json).toEqual({ code: 'NOT_FOUND', msg: `fail to get cluster with ${words}` });
  });

  test('whom it is asked of', async () => {
    await isOk(alter('add_cluster', compute(1, be(1, { cloud_unique_id: `${i}-free` }))));
    expect(said(await ask({ cloud_unique_id: '' }))).toEqual([400, 'INVALID_ARGUMENT', 'cloud_unique_id must be given']);
    expect(said(await ask({ cloud_unique_id: 'nobody' }))).toEqual([400, 'INVALID_ARGUMENT', 'empty instance_id']);
    expect(said(await ask({ cloud_unique_id: `${i}-free` }))).toEqual(ok);
    expect(said(await ask({ cloud_unique_id: 'nobody', instance_id: i }))).toEqual(ok);
    const unknown = await ask({ cloud_unique_id: 'nobody', instance_id: 'nowhere' });
    expect(said(unknown)).toEqual([500, 'INTERNAL_ERROR', 'failed to get instance, instance_id=nowhere err=KeyNotFound']);
  });

  test('every change is seen at once, by a reader that remembers what it showed', async () => {
    await isOk(alter('add_cluster', compute(1, be(1))));
    const shown = async (): Promise<unknown> => (await ask({ cluster_id: 'c1' })).json?.['result'];
    expect(await shown()).toMatchObject({ nodes: [{}] });
    await isOk(alter('add_node', compute(1, be(2))));
    expect(await shown()).toMatchObject({ nodes: [{}, { status: 'NODE_STATUS_RUNNING' }] });
    await isOk(alter('decommission_node', compute(1, be(1))));
    expect(await shown()).toMatchObject({ nodes: [{ ip: '10.0.0.2' }, { ip: '10.0.0.1', status: 'NODE_STATUS_DECOMMISSIONING' }] });
    await isOk(alter('notify_decommissioned', compute(1, be(1))), alter('drop_node', compute(1, be(1))));
    expect(await shown()).toMatchObject({ nodes: [{ ip: '10.0.0.2' }] });
    await isOk(alter('rename_cluster', { cluster_id: 'c1', cluster_name: 'new' }));
    await isOk(alter('update_cluster_mysql_user_name', { cluster_id: 'c1', mysql_user_name: ['u'] }));
    await isOk(alter('update_cluster_endpoint', { cluster_id: 'c1', private_endpoint: 'p' }));
    await isOk(alter('set_cluster_status', { cluster_id: 'c1', cluster_status: 'SUSPENDED' }));
    const changed = {
      cluster_name: 'new',
      mysql_user_name: ['u'],
      public_endpoint: '',
      private_endpoint: 'p',
      cluster_status: 'SUSPENDED',
    };
    expect(await shown()).toMatchObject(changed);
  });
});

describe('the status of a refusal depends on the route', () => {
  const gone = 'failed to get instance, instance_id=nowhere err=KeyNotFound';
  const deleted = 'instance status has been set delete, plz check it';
  const routes: readonly (readonly [
    route: string,
    cluster: () => object,
    http: number,
    code: string,
    unknown: string,
    httpDeleted: number,
  ])[] = [
    ['add_cluster', () => compute(1), 500, 'INTERNAL_ERROR', `failed to get instance, info ${gone}`, 404],
    ['drop_cluster', () => ({ cluster_id: 'c1' }), 404, 'NOT_FOUND', gone, 404],
    ['rename_cluster', () => ({ cluster_id: 'c1', cluster_name: 'n' }), 400, 'INVALID_ARGUMENT', gone, 400],
    ['update_cluster_mysql_user_name', () => ({ cluster_id: 'c1', mysql_user_name: ['u'] }), 400, 'INVALID_ARGUMENT', gone, 400],
    ['update_cluster_endpoint', () => ({ cluster_id: 'c1', private_endpoint: 'p' }), 400, 'INVALID_ARGUMENT', gone, 400],
    ['set_cluster_status', () => ({ cluster_id: 'c1', cluster_status: 'SUSPENDED' }), 400, 'INVALID_ARGUMENT', gone, 400],
    ['alter_vcluster_info', () => ({ cluster_id: 'c1' }), 400, 'INVALID_ARGUMENT', gone, 400],
    ['add_node', () => compute(1, be(1)), 400, 'INVALID_ARGUMENT', gone, 400],
    ['drop_node', () => compute(1, be(1)), 400, 'INVALID_ARGUMENT', gone, 400],
  ];
  test.each(routes)('%s', async (route, cluster, http, code, unknown, httpDeleted) => {
    const given = cluster();
    expect(said(await served.post(route, { instance_id: 'nowhere', cluster: given }))).toEqual([http, code, unknown]);
    await isOk(served.post('drop_instance', { instance_id: i }));
    const codeDeleted = httpDeleted === 404 ? 'NOT_FOUND' : 'INVALID_ARGUMENT';
    expect(said(await alter(route, given))).toEqual([httpDeleted, codeDeleted, deleted]);
    expect(said(await served.post(route, { instance_id: i }))).toEqual([
      400,
      'INVALID_ARGUMENT',
      'invalid request instance_id or cluster not given',
    ]);
    expect(said(await served.post(route, { cloud_unique_id: 'nobody', cluster: given }))).toEqual([
      400,
      'INVALID_ARGUMENT',
      'empty instance_id',
    ]);
  });

  test('what exists is 409 at add_cluster and 400 elsewhere', async () => {
    await isOk(alter('add_cluster', compute(1, be(1))), alter('add_cluster', compute(2)));
    const taken = 'compute node endpoint has been added, registered be node=10.0.0.1:9050';
    expect(said(await alter('add_cluster', compute(3, be(1))))).toEqual([409, 'ALREADY_EXISTED', taken]);
    expect(said(await alter('add_node', compute(2, be(1))))).toEqual([400, 'INVALID_ARGUMENT', taken]);
    const id = 'try to add a existing cluster id, existing_cluster_id=c1';
    expect(said(await alter('add_cluster', compute(1)))).toEqual([409, 'ALREADY_EXISTED', id]);
    expect(said(await alter('rename_cluster', { cluster_id: 'c2', cluster_name: 'name1' })).slice(0, 2)).toEqual([400, 'INVALID_ARGUMENT']);
    const other = i;
    const foreign = be(9, { cloud_unique_id: uid('be1') });
    count += 1;
    i = `clusters-${count}`;
    await isOk(served.post('create_instance', { instance_id: i, user_id: 'u' }), alter('add_cluster', compute(1)));
    const words = `instance_id=${other} cluster_name=name1 cluster_id=c1 cloud_unique_id=1:${other}:be1`;
    const occupied = `cloud_unique_id is already occupied by an instance, ${words}`;
    expect(said(await alter('add_cluster', compute(2, foreign)))).toEqual([409, 'ALREADY_EXISTED', occupied]);
    expect(said(await alter('add_node', compute(1, foreign)))).toEqual([400, 'INVALID_ARGUMENT', occupied]);
  });

  test('what is missing is 404 where it is to be dropped', async () => {
    await isOk(alter('add_cluster', compute(1, be(1))));
    const statusOf = async (route: string, cluster: object): Promise<unknown> => said(await alter(route, cluster)).slice(0, 2);
    expect(await statusOf('drop_cluster', { cluster_id: 'c9' })).toEqual([404, 'NOT_FOUND']);
    expect(await statusOf('rename_cluster', { cluster_id: 'c9', cluster_name: 'n' })).toEqual([400, 'INVALID_ARGUMENT']);
    expect(await statusOf('drop_node', compute(1, be(9)))).toEqual([404, 'NOT_FOUND']);
    expect(said(await alter('decommission_node', compute(1, be(9))))).toEqual([400, 'INVALID_ARGUMENT', 'cloud_unique_id not found']);
    expect(said(await alter('add_node', compute(9, be(9))))).toEqual(ok);
    expect(said(await alter('update_cluster_endpoint', { cluster_id: 'c1' }))).toEqual([500, 'INTERNAL_ERROR', 'missing private endpoint']);
  });

  test('a member of a group is 409', async () => {
    const policy = { type: 'ActiveStandby', active_cluster_name: 'name1', standby_cluster_names: ['name2'] };
    const group = { cluster_id: 'v', cluster_name: 'group', type: 'VIRTUAL', cluster_names: ['name1', 'name2'], cluster_policy: policy };
    await isOk(alter('add_cluster', compute(1)), alter('add_cluster', compute(2)), alter('add_cluster', group));
    expect(said(await alter('drop_cluster', { cluster_id: 'c1' })).slice(0, 2)).toEqual([409, 'ALREADY_EXISTED']);
    const swapped = { active_cluster_name: 'name2', standby_cluster_names: ['name1'] };
    await isOk(alter('alter_vcluster_info', { cluster_id: 'v', cluster_policy: swapped }));
    expect((await ask({ cluster_id: 'v' })).json?.['result']).toMatchObject({
      cluster_policy: { ...policy, ...swapped, failover_failure_threshold: '3', unhealthy_node_threshold_percent: '100' },
    });
  });

  test('young frontends are protected, until the injection point says otherwise', async () => {
    await isOk(alter('add_cluster', sql(fe(1, 'FE_MASTER'), fe(2, 'FE_OBSERVER'))));
    const statusOf = async (route: string, cluster: object): Promise<unknown> => said(await alter(route, cluster)).slice(0, 2);
    expect(await statusOf('drop_node', sql(fe(2, 'FE_OBSERVER')))).toEqual([400, 'INVALID_ARGUMENT']);
    expect(await statusOf('drop_cluster', { cluster_id: 'fe' })).toEqual([404, 'NOT_FOUND']);
    const point = 'name=resource_manager::set_safe_drop_time';
    await isOk(
      served.post('injection_point?op=enable'),
      served.post(`injection_point?op=set&${point}&behavior=change_args&value=${encodeURIComponent('[-1]')}`),
    );
    await isOk(alter('drop_node', sql(fe(2, 'FE_OBSERVER'))), alter('drop_cluster', { cluster_id: 'fe' }));
    await isOk(served.post('injection_point?op=clear'), served.post('injection_point?op=disable'));
  });

  test('a status that nobody knows is none', async () => {
    await isOk(alter('add_cluster', compute(1)));
    const detail = 'failed to set cluster status, original cluster is NORMAL and want set UNKNOWN';
    expect(said(await alter('set_cluster_status', { cluster_id: 'c1', cluster_status: 'STOPPED' }))).toEqual([
      400,
      'INVALID_ARGUMENT',
      detail,
    ]);
  });

  test('an empty cluster in the way of a new name is replaced', async () => {
    await isOk(alter('add_cluster', compute(1)), alter('add_cluster', compute(2)));
    await isOk(alter('rename_cluster', { cluster_id: 'c1', cluster_name: 'name2' }, { replace_if_existing_empty_target_cluster: true }));
    expect((await ask()).json?.['result']).toMatchObject({ cluster: [{ cluster_id: 'c1', cluster_name: 'name2' }] });
  });

  test('ten thousand nodes in one request are refused with a number', async () => {
    const before = served.node.state.position;
    const nodes = Array.from({ length: 10_000 }, (_, n) => ({ ip: `10.0.${n >> 8}.${n & 255}`, heartbeat_port: 9050 }));
    const reply = await alter('add_cluster', compute(1, ...nodes));
    expect(reply.status).toBe(400);
    expect(reply.json?.['msg']).toContain('at most 1000 nodes in one request');
    expect(served.node.state.position).toBe(before);
  });
});

describe('get_cluster_status', () => {
  test('shows the compute clusters of those that have some', async () => {
    await isOk(
      alter('add_cluster', compute(1, be(1, { cloud_unique_id: `${i}-free` }))),
      alter('add_cluster', compute(2)),
      alter('add_cluster', sql(fe(1, 'FE_MASTER'))),
      alter('set_cluster_status', { cluster_id: 'c2', cluster_status: 'SUSPENDED' }),
    );
    const asked = async (body: object): Promise<unknown> => (await served.post('get_cluster_status', body)).json?.['result'];
    const status = { code: 'OK', msg: '' };
    const first = { cluster_id: 'c1', cluster_name: 'name1', cluster_status: 'NORMAL' };
    const second = { cluster_id: 'c2', cluster_name: 'name2', cluster_status: 'SUSPENDED' };
    const both = { status, details: [{ instance_id: i, clusters: [first, second] }] };
    expect(await asked({ instance_ids: ['nobody', i], cloud_unique_ids: ['x'] })).toEqual(both);
    expect(await asked({ cloud_unique_ids: ['nobody', `${i}-free`] })).toEqual(both);
    expect(await asked({ instance_ids: [i], status: 'SUSPENDED' })).toEqual({ status, details: [{ instance_id: i, clusters: [second] }] });
    expect(await asked({ instance_ids: [i], status: 'STOPPED' })).toEqual(both);
    expect(await asked({ instance_ids: [i], status: 'UNKNOWN' })).toEqual({ status });
    expect(await asked({ instance_ids: ['nobody'] })).toEqual({ status });
  });

  test('somebody must be asked of, and not too many', async () => {
    const text = 'cloud_unique_ids or instance_ids must be given, instance_ids.size: 0 cloud_unique_ids.size: 0';
    expect((await served.post('get_cluster_status', {})).json).toEqual({
      code: 'INVALID_ARGUMENT',
      msg: text,
      result: { status: { code: 'INVALID_ARGUMENT', msg: text } },
    });
    const many = await served.post('get_cluster_status', { instance_ids: Array.from({ length: 10_001 }, () => i) });
    expect(said(many)).toEqual([400, 'INVALID_ARGUMENT', 'too many instances: 10001; ask for at most 10000 at once']);
  });

  test('an answer that would keep everybody else waiting is refused, whoever is named how often', async () => {
    for (let n = 1; n <= 13; n += 1) await isOk(alter('add_cluster', compute(n)));
    const repeated = await served.rpc('get_cluster_status', { instance_ids: Array.from({ length: 10_000 }, () => i) });
    const msg = 'too many clusters: 130000; ask for instances with at most 120000 at once';
    expect(repeated.json).toEqual({ status: { code: 'INVALID_ARGUMENT', msg } });
  });
});

describe('the plain RPC form', () => {
  test('alter_cluster takes the operation that the caller gives', async () => {
    const rpc = async (body: object): Promise<unknown> => (await served.rpc('alter_cluster', { instance_id: i, ...body })).json?.['status'];
    const bad = (msg: string): object => ({ code: 'INVALID_ARGUMENT', msg });
    expect(await rpc({ op: 'ADD_CLUSTER', cluster: compute(1, be(1)) })).toEqual({ code: 'OK', msg: '' });
    expect(await rpc({ op: 12, cluster: { cluster_id: 'c1', properties: { b: '2', a: '1' } } })).toEqual({ code: 'OK', msg: '' });
    expect(await rpc({ cluster: compute(2) })).toEqual(bad('op not given'));
    expect(await rpc({ op: 0, cluster: compute(2) })).toEqual(bad('invalid request op, op=0'));
    expect(await rpc({ op: 99, cluster: compute(2) })).toEqual(bad('invalid request op, op=99'));
    expect(await rpc({})).toEqual(bad('invalid request instance_id or cluster not given'));
    expect(await rpc({ op: 'UPDATE_CLUSTER_ENDPOINT', cluster: { cluster_id: 'c1' } })).toEqual({
      code: 'CLUSTER_ENDPOINT_MISSING',
      msg: 'missing private endpoint',
    });
    const { text } = await served.rpc('get_cluster', { cloud_unique_id: uid('x'), cluster_id: 'c1' });
    expect(text.replace(/\d{10}/g, '0')).toBe(
      `{"status":{"code":"OK","msg":""},"cluster":[{"cluster_id":"c1","cluster_name":"name1","type":"COMPUTE",` +
        `"nodes":[{"cloud_unique_id":"${uid('be1')}","ip":"10.0.0.1","ctime":0,"mtime":0,"heartbeat_port":9050}],` +
        `"cluster_status":"NORMAL","ctime":0,"mtime":0,"properties":{"a":"1","b":"2"}}]}`,
    );
  });
});
