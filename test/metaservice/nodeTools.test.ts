/**
 * Goal: injection points, rate limits and settings: the routes with which a test suite or an operator turns a node's screws.
 * Method: over HTTP, every text; that a limit acts is seen at an RPC; that a setting lasts is seen in the log's tables.
 */
import { afterEach, describe, expect, test, vi } from 'vitest';
import { configOf } from '../../projections/configs.ts';
import { InjectionPoints, injectionLimits } from '../../src/interfaces/metaservice/injectionPoints.ts';
import { RateLimits, rateLimits } from '../../src/interfaces/metaservice/rateLimits.ts';
import { inAMoment } from '../support/waits.ts';
import { type ServedMetaService, serveMetaService } from './support.ts';

const served: ServedMetaService[] = [];
async function serve(): Promise<ServedMetaService> {
  const one = await serveMetaService();
  served.push(one);
  return one;
}
afterEach(async () => {
  await Promise.all(served.splice(0).map((one) => one.stop()));
});

const ok = { code: 'OK', msg: '' };
const invalid = (msg: string) => ({ code: 'INVALID_ARGUMENT', msg });

describe('injection points', () => {
  const point = 'resource_manager::set_safe_drop_time';
  const query = (text: string): URLSearchParams => new URLSearchParams(text);

  test('act while they are enabled', () => {
    const points = new InjectionPoints();
    const handle = (text: string): string => points.handle(query(text)).msg;
    expect(handle(`op=set&name=${point}&behavior=change_args&value=[-1]`)).toBe('');
    expect(points.argsOf(point)).toBeUndefined();
    expect(handle('op=enable')).toBe('');
    expect(points.argsOf(point)).toEqual([-1]);
    expect(points.argsOf('another')).toBeUndefined();
    expect(handle('op=disable')).toBe('');
    expect(points.argsOf(point)).toBeUndefined();
  });

  test('one is cleared by its name, all without one', () => {
    const points = new InjectionPoints();
    for (const text of ['op=enable', 'op=set&name=a&behavior=change_args&value=[1]', 'op=set&name=b&behavior=change_args&value=["x",true]'])
      points.handle(query(text));
    points.handle(query('op=clear&name=a'));
    expect([points.argsOf('a'), points.argsOf('b')]).toEqual([undefined, ['x', true]]);
    points.handle(query('op=clear'));
    expect(points.argsOf('b')).toBeUndefined();
  });

  test('are bounded, and one that is set again needs no new place', () => {
    const points = new InjectionPoints();
    for (let i = 0; i < injectionLimits.points; i += 1) expect(points.handle(query(`op=set&name=p${i}&behavior=return`)).code).toBe('OK');
    expect(points.handle(query('op=set&name=more&behavior=return')).msg).toBe(
      '100 points are set, which is the most; clear some with op=clear',
    );
    expect(points.handle(query('op=set&name=p0&behavior=sleep&duration=5')).code).toBe('OK');
  });

  test('texts over HTTP', async () => {
    const { post } = await serve();
    const set = `injection_point?op=set&name=${point}`;
    expect((await post(`${set}&behavior=change_args&value=%5B-1%5D`, undefined, { method: 'GET' })).json).toEqual(ok);
    for (const [route, msg] of [
      ['injection_point', 'unknown op:'],
      ['injection_point?op=explode', 'unknown op:explode'],
      ['injection_point?op=set', 'empty point name'],
      [set, 'empty behavior'],
      [`${set}&behavior=shout`, 'unknown behavior: shout'],
      [`${set}&behavior=sleep&duration=long`, 'invalid duration:long'],
      [`${set}&behavior=change_args&value=1`, 'value must be a json array'],
      [`${set}&behavior=change_args&value=%5B`, 'invalid json value: ['],
      [`${set}&behavior=change_args&value=%5B%7B%7D%5D`, 'value must be boolean, integer, double or string'],
      ['injection_point?op=apply_suite', 'empty suite name'],
      ['injection_point?op=apply_suite&name=x', 'unknown suite: x'],
      [`injection_point?op=set&name=${'n'.repeat(300)}&behavior=return`, 'name: at most 256 characters; give a shorter one'],
      [`${set}&behavior=change_args&value=[${'1,'.repeat(3000)}1]`, 'value: at most 4096 characters; give a shorter one'],
    ] as const) {
      const reply = await post(route);
      expect([route, reply.status, reply.json]).toEqual([route, 400, invalid(msg)]);
    }
  });
});

describe('rate limits', () => {
  const limits = (): { readonly limits: RateLimits; pass(ms: number): void } => {
    let now = 1_000;
    return { limits: new RateLimits(['get_cluster', 'begin_txn'], () => now), pass: (ms) => (now += ms) };
  };
  const adjust = (one: RateLimits, text: string): string => one.adjust(new URLSearchParams(text)).msg;

  test('let as many through in a second as they say, each instance by itself', () => {
    const { limits: one, pass } = limits();
    expect(one.areActive).toBe(false);
    expect(adjust(one, 'qps_limit=2')).toBe('');
    expect(one.areActive).toBe(true);
    expect([1, 2, 3].map(() => one.take('get_cluster', 'i1'))).toEqual([true, true, false]);
    expect(one.take('get_cluster', 'i2')).toBe(true);
    expect(one.take('begin_txn', 'i1')).toBe(true);
    pass(999);
    expect(one.take('get_cluster', 'i1')).toBe(false);
    pass(1);
    expect(one.take('get_cluster', 'i1')).toBe(true);
  });

  test('that of an instance comes before that of the RPC; 0 lets nothing through', () => {
    const { limits: one } = limits();
    expect(adjust(one, 'qps_limit=0&rpc_name=get_cluster')).toBe('');
    expect(adjust(one, 'qps_limit=1&rpc_name=get_cluster&instance_id=i1')).toBe('');
    expect([
      one.take('get_cluster', 'i1'),
      one.take('get_cluster', 'i1'),
      one.take('get_cluster', 'i2'),
      one.take('begin_txn', 'i2'),
    ]).toEqual([true, false, false, true]);
    expect(one.shown()).toEqual({
      get_cluster: { 'RPC qps limit': 0, 'instance specific qps limit': { i1: 1 } },
      begin_txn: { 'RPC qps limit': rateLimits.perSecond, 'instance specific qps limit': {} },
    });
  });

  test('of single instances are bounded', () => {
    const { limits: one } = limits();
    for (let i = 0; i < rateLimits.instances / 2; i += 1) expect(adjust(one, `qps_limit=5&instance_id=i${i}`)).toBe('');
    expect(adjust(one, 'qps_limit=5&instance_id=more')).toMatch(
      /^failed to adjust rate limit for qps_limit=5, rpc_name=, instance_id=more, at most/,
    );
  });

  test('texts over HTTP', async () => {
    const { post } = await serve();
    for (const [query, msg] of [
      ['', 'invalid argument: qps_limit(required)=, rpc_name(optional)=, instance_id(optional)='],
      ['rpc_name=get_cluster', 'invalid argument: qps_limit(required)=, rpc_name(optional)=get_cluster, instance_id(optional)='],
      ['qps_limit=invalid', 'param `qps_limit` is not a legal int64 type:invalid'],
      ['qps_limit=-1', '`qps_limit` should not be less than 0'],
      [
        'qps_limit=1&rpc_name=no',
        'failed to adjust rate limit for qps_limit=1, rpc_name=no, instance_id=, plz ensure correct rpc/instance name',
      ],
    ] as const) {
      const reply = await post(`adjust_rate_limit?${query}`);
      expect([query, reply.status, reply.json]).toEqual([query, 400, invalid(msg)]);
    }
    expect((await post('adjust_rate_limit?qps_limit=7&instance_id=nobody')).json).toEqual(ok);
    const listed = await post('list_rate_limit');
    expect(listed.json).toMatchObject({
      code: 'OK',
      msg: '',
      result: { get_cluster: { 'RPC qps limit': 1_000_000, 'instance specific qps limit': { nobody: 7 } } },
    });
    expect(listed.text).toMatch(/^\{\n {4}"code": "OK",\n {4}"msg": "",\n {4}"result": \{\n {8}"/);
  });

  test('a limited RPC answers MAX_QPS_LIMIT in both forms', async () => {
    const { post, rpc } = await serve();
    await post('adjust_rate_limit?qps_limit=0&rpc_name=get_cluster');
    expect((await rpc('get_cluster', { cloud_unique_id: '1:i1:x' })).json).toEqual({
      status: { code: 'MAX_QPS_LIMIT', msg: 'reach max qps limit' },
    });
    const reply = await post('get_cluster', { cloud_unique_id: '1:i1:x' });
    expect([reply.status, reply.json]).toEqual([500, { code: 'INTERNAL_ERROR', msg: 'reach max qps limit' }]);
  });
});

describe('settings', () => {
  test('are shown under their upstream names', async () => {
    const { post } = await serve();
    expect((await post('show_config')).json).toEqual({
      ...ok,
      result: [
        ['arn_ak', 'std::string', '', 'false'],
        ['arn_id', 'std::string', '', 'false'],
        ['arn_sk', 'std::string', '', 'false'],
        ['brpc_listen_port', 'int32_t', '5000', 'false'],
        ['enable_check_fe_drop_in_safe_time', 'bool', 'true', 'true'],
        ['enable_check_instance_id', 'bool', 'true', 'true'],
        ['enable_cluster_name_check', 'bool', 'false', 'true'],
        ['enable_distinguish_hdfs_path', 'bool', 'true', 'true'],
        ['http_token', 'std::string', '******', 'false'],
        ['max_num_aborted_txn', 'int64_t', '100', 'true'],
      ],
    });
    expect((await post('show_config?conf_key=max_num_aborted_txn')).json?.['result']).toEqual([
      ['max_num_aborted_txn', 'int64_t', '100', 'true'],
    ]);
    expect((await post('show_config?conf_key=no')).json?.['result']).toEqual([]);
  });

  test('change in the log, together or not at all', async () => {
    const { node, post } = await serve();
    const changed = await post('update_config?configs=enable_cluster_name_check=true,max_num_aborted_txn=7&persist=false&reason=why');
    expect(changed.json).toEqual(ok);
    await vi.waitFor(() => expect(configOf(node.state.configs, 'chancery.meta-service.check-cluster-names')).toBe(true), inAMoment);
    expect(configOf(node.state.configs, 'chancery.meta-service.aborted-transactions-per-label')).toBe(7);
    expect(Number(changed.headers['chancery-position'])).toBe(node.state.position);
    const before = node.state.position;
    const refused = await post('update_config?configs=enable_cluster_name_check=false,max_num_aborted_txn=many');
    expect(refused.status).toBe(400);
    expect(refused.json?.['msg']).toContain('many');
    expect(node.state.position).toBe(before);
  });

  test('the same request with the same key is done once', async () => {
    const { node, post } = await serve();
    const headers = { 'idempotency-key': 'once' };
    const first = await post('update_config?configs=max_num_aborted_txn=8', undefined, { headers });
    const second = await post('update_config?configs=max_num_aborted_txn=8', undefined, { headers });
    expect([first.json, second.json]).toEqual([ok, ok]);
    expect(first.headers['chancery-position']).toBe(String(node.state.position));
    const other = await post('update_config?configs=max_num_aborted_txn=9', undefined, { headers });
    expect(other.status).toBe(400);
    expect(other.json?.['msg']).toMatch(/Use a new idempotency key for a new request\.$/);
    const malformed = await post('update_config?configs=max_num_aborted_txn=9', undefined, {
      headers: { 'idempotency-key': 'x'.repeat(200) },
    });
    expect(malformed.status).toBe(400);
    expect(malformed.json?.['msg']).toMatch(/^invalid idempotencyKey: /);
  });

  test.each([
    ['update_config', 'query param `config` should not be empty'],
    ['update_config?configs=', 'query param `config` should not be empty'],
    ['update_config?configs=x', 'config x is invalid'],
    ['update_config?configs=a=b=c', 'config a=b=c is invalid'],
    ['update_config?configs=no=1', 'config field=no not exists'],
    ['update_config?configs=constructor=1', 'config field=constructor not exists'],
    ['update_config?configs=http_token=x', 'config field=http_token is immutable'],
  ])('%s', async (route, msg) => {
    const { post } = await serve();
    const reply = await post(route);
    expect([reply.status, reply.json]).toEqual([400, invalid(msg)]);
  });

  test('meta ranges are for another store', async () => {
    const reply = await (await serve()).post('show_meta_ranges');
    expect([reply.status, reply.json]).toEqual([400, invalid('this method only support fdb txn kv')]);
  });
});
