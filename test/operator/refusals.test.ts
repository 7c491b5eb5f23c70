/**
 * Goal: whatever is sent, the answer is problem JSON that names what is wrong and what to do; never a stack trace, never a crash.
 * Method: a real server over a real node on the in-memory log; requests over real sockets, hostile bytes among them.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { configLimits } from '../../events/configs.ts';
import { type Answer, call, rawExchange, type Served, ServedCluster } from './support.ts';

const cluster = new ServedCluster();
let n1: Served;
beforeAll(async () => {
  n1 = await cluster.start('n1', { clusterSecret: 'a secret of this test' });
  await cluster.ready(n1);
});
afterAll(() => cluster.stop());

const patch = (body: unknown, headers: Record<string, string> = {}): Promise<Answer> =>
  call(`${n1.url}/v1/configs`, { method: 'PATCH', body, headers });
const bytes = (...parts: (string | number[])[]): Uint8Array => Buffer.concat(parts.map((part) => Buffer.from(part as string)));
const change = (key: string, value: unknown = '1', op = 'set') => ({ changes: [{ op, key, value }] });

function expectProblem(answer: Answer, status: number, code: string, field?: string): void {
  expect([answer.status, answer.json['code'], ...(field === undefined ? [] : [answer.json['field']])], answer.text).toEqual([
    status,
    code,
    ...(field === undefined ? [] : [field]),
  ]);
  expect(answer.headers.get('content-type')).toBe('application/problem+json; charset=utf-8');
  const { type, title, detail, remedy } = answer.json;
  expect(type).toBe(`urn:chancery:error:${code}`);
  for (const text of [title, detail, remedy]) expect(text).toMatch(/\S/);
  expect(answer.json['status']).toBe(status);
  expect(answer.text).not.toMatch(/\bat \S+ \(|node_modules|\.ts:\d/);
}

describe('bodies', () => {
  test('a field that is missing is said to be', async () => {
    const asked = await call(`${n1.url}/v1/authorization`);
    expectProblem(asked, 400, 'MALFORMED_REQUEST', 'operation');
    expect(asked.json['detail']).toBe('it is missing: a string belongs there');
    const began = await call(`${n1.url}/v1/rebalances`, { method: 'POST', body: '{}', headers: { 'content-type': 'application/json' } });
    expectProblem(began, 400, 'MALFORMED_REQUEST', 'goals');
    expect(began.json['detail']).toBe('it is missing: a list belongs there');
  });

  test.each<[string, unknown, number, string, string]>([
    ['no JSON', '{"changes": [', 400, 'MALFORMED_JSON', ''],
    ['empty', '', 400, 'MALFORMED_JSON', ''],
    ['a number', '5', 400, 'MALFORMED_REQUEST', ''],
    ['null', 'null', 400, 'MALFORMED_REQUEST', ''],
    ['no UTF-8', bytes('{"changes":[{"op":"set","key":"', [0xc3, 0x28], '","value":"x"}]}'), 400, 'MALFORMED_JSON', ''],
    ['a cut UTF-8 sequence', bytes('{"reason":"', [0xe2, 0x82], '"}'), 400, 'MALFORMED_JSON', ''],
    ['a key twice', '{"changes":[{"op":"set","key":"a","key":"b","value":"1"}]}', 400, 'MALFORMED_JSON', 'key'],
    ['a key twice, once escaped', '{"changes":[],"ch\\u0061nges":[]}', 400, 'MALFORMED_JSON', 'changes'],
    ['__proto__', '{"__proto__":{"changes":[]},"changes":[]}', 400, 'MALFORMED_REQUEST', '__proto__'],
    ['nested deeply', `${'['.repeat(100_000)}${']'.repeat(100_000)}`, 400, 'MALFORMED_REQUEST', ''],
    ['nested deeply in objects', `${'{"a":'.repeat(50_000)}1${'}'.repeat(50_000)}`, 400, 'MALFORMED_REQUEST', ''],
    ['no changes', { changes: [] }, 400, 'MALFORMED_REQUEST', 'changes'],
    ['an unknown field', { ...change('datalake.format'), dryRun: true }, 400, 'MALFORMED_REQUEST', 'dryRun'],
    [
      'an unknown field further in',
      { changes: [{ op: 'set', key: 'a', value: '1', unit: 'mb' }] },
      400,
      'MALFORMED_REQUEST',
      'changes[0].unit',
    ],
    ['a number for a text', change('datalake.format', 5), 400, 'MALFORMED_REQUEST', 'changes[0].value'],
    ['an unknown operation', change('datalake.format', 'x', 'toggle'), 400, 'MALFORMED_REQUEST', 'changes[0].op'],
    ['an object for a list', { changes: { op: 'set' } }, 400, 'MALFORMED_REQUEST', 'changes'],
    ['an empty key', change(''), 400, 'MALFORMED_REQUEST', 'changes[0].key'],
    ['an unknown key', change('no.such.key'), 400, 'CONFIG_NOT_DYNAMIC', 'changes[0].key'],
    [
      'a value of the wrong type',
      change('kv.rocksdb.shared-rate-limiter.bytes-per-sec', '200 apples'),
      400,
      'INVALID_CONFIG_VALUE',
      'changes[0].value',
    ],
    ['an append to no list', change('datalake.enabled', 'true', 'append'), 400, 'INVALID_CONFIG_OPERATION', 'changes[0].key'],
    ['a broken rule', change('datalake.enabled', 'true'), 400, 'CONFIG_RULE_BROKEN', 'datalake.format'],
    ['a reason too long', { ...change('datalake.format'), reason: 'x'.repeat(1001) }, 400, 'MALFORMED_REQUEST', 'reason'],
    ['control characters', change('datalake.paimon.x', 'a\u0000b'), 400, 'MALFORMED_REQUEST', 'changes[0].value'],
  ])('%s', async (_, body, status, code, field) => {
    expectProblem(await patch(body), status, code, field);
    expect(n1.node.state.configs.dynamic.size).toBe(0);
  });

  test('10,000 changes are refused as too many', async () => {
    const changes = Array.from({ length: 10_000 }, (_, i) => ({ op: 'set', key: `datalake.k${i}`, value: 'v' }));
    const answer = await patch({ changes });
    expectProblem(answer, 413, 'TOO_LARGE', 'changes');
    expect(answer.json['detail']).toContain(String(configLimits.changesPerCall));
  });

  test('1 MB is read, one byte more is not', async () => {
    const filled = (size: number): string => {
      const start = '{"changes":[{"op":"set","key":"datalake.k","value":"';
      return `${start}${'x'.repeat(size - start.length - 4)}"}]}`;
    };
    expect(filled(1_048_576)).toHaveLength(1_048_576);
    expectProblem(await patch(filled(1_048_576)), 413, 'TOO_LARGE', 'changes[0].value');
    const over = await patch(filled(1_048_577));
    expectProblem(over, 413, 'TOO_LARGE', '');
    expect(over.json['detail']).toContain('1 MB');
  });

  test('a secret in a refused body is not repeated', async () => {
    for (const body of [
      '{"changes":[{"op":"set","key":"security.sasl.plain.credentials","value":"alice:hunter2"]',
      change('security.sasl.plain.credentials', 'alice:hunter2;'),
      change('security.sasl.plain.credentials', 'hunter2'),
    ]) {
      const answer = await patch(body);
      expect(answer.status).toBe(400);
      expect(answer.text).not.toContain('hunter2');
    }
  });
});

describe('requests', () => {
  test.each<[string, string, { method?: string; body?: unknown; headers?: Record<string, string> }, number, string, string?]>([
    [
      'another content type',
      '/v1/configs',
      { method: 'PATCH', body: 'changes=1', headers: { 'content-type': 'text/plain' } },
      415,
      'UNSUPPORTED_MEDIA_TYPE',
    ],
    ['no body at all', '/v1/configs', { method: 'PATCH' }, 400, 'MALFORMED_REQUEST', ''],
    ['an unknown route', '/v1/nothing', {}, 404, 'UNKNOWN_ROUTE'],
    ['an unknown config', '/v1/configs/no.such.key', {}, 404, 'UNKNOWN_CONFIG', 'key'],
    ['another method', '/v1/configs', { method: 'DELETE' }, 405, 'METHOD_NOT_ALLOWED'],
    ['another method for a key', '/v1/configs/datalake.format', { method: 'POST', body: {} }, 405, 'METHOD_NOT_ALLOWED'],
    ['an address that decodes to nothing', '/v1/configs/%E0%A4%A', {}, 400, 'MALFORMED_REQUEST'],
    ['an unknown parameter', '/v1/configs?atleast=5', {}, 400, 'MALFORMED_REQUEST', 'atleast'],
    ['a position that is none', '/v1/configs?atLeast=-1', {}, 400, 'MALFORMED_REQUEST', 'atLeast'],
    ['an unknown consistency', '/v1/configs?consistency=eventual', {}, 400, 'MALFORMED_REQUEST', 'consistency'],
    ['a parameter twice', '/v1/configs?atLeast=1&atLeast=2', {}, 400, 'MALFORMED_REQUEST', 'atLeast'],
    ['an unknown event type', '/v1/events?type=ConfigSet', {}, 400, 'MALFORMED_REQUEST', 'type'],
    ['a limit beyond the page', '/v1/events?limit=1001', {}, 400, 'MALFORMED_REQUEST', 'limit'],
    ['no limit', '/v1/events?limit=0', {}, 400, 'MALFORMED_REQUEST', 'limit'],
    ['a time that is none', '/v1/events?since=yesterday', {}, 400, 'MALFORMED_REQUEST', 'since'],
    ['a day that is none', '/v1/events?since=2026-02-31T25:00:00Z', {}, 400, 'MALFORMED_REQUEST', 'since'],
    ['a stream with an end', '/v1/events?to=5', { headers: { accept: 'text/event-stream' } }, 400, 'MALFORMED_REQUEST', 'to'],
    ['a stream backwards', '/v1/events?order=descending', { headers: { accept: 'text/event-stream' } }, 400, 'MALFORMED_REQUEST', 'order'],
    [
      'a stream after no position',
      '/v1/events',
      { headers: { accept: 'text/event-stream', 'last-event-id': 'x' } },
      400,
      'MALFORMED_REQUEST',
      'last-event-id',
    ],
    ['a moment that is none', '/v1/state?at=soon', {}, 400, 'MALFORMED_REQUEST', 'at'],
    ['a position that has not come', '/v1/state?at=999999', {}, 404, 'UNKNOWN_POSITION'],
    ['a log page too large', '/v1/log?limit=1001', {}, 400, 'MALFORMED_REQUEST', 'limit'],
    [
      'a key with blanks',
      '/v1/configs',
      { method: 'PATCH', body: change('datalake.format', 'paimon'), headers: { 'idempotency-key': 'a b' } },
      400,
      'MALFORMED_REQUEST',
      'idempotency-key',
    ],
    [
      'a key too long',
      '/v1/configs',
      { method: 'PATCH', body: change('datalake.format', 'paimon'), headers: { 'idempotency-key': 'k'.repeat(129) } },
      400,
      'MALFORMED_REQUEST',
      'idempotency-key',
    ],
    [
      'a key too long for a script',
      '/v1/sql',
      { body: { statement: '' }, headers: { 'idempotency-key': 'k'.repeat(121) } },
      400,
      'MALFORMED_REQUEST',
      'idempotency-key',
    ],
    ['a submission without a signature', '/internal/v1/submit', { body: { requests: [] } }, 401, 'UNAUTHENTICATED'],
  ])('%s', async (_, path, options, status, code, field) => {
    expectProblem(await call(`${n1.url}${path}`, options), status, code, field);
  });

  test.each([
    ['NodeAdded', "there is no event type 'NodeAdded'; did you mean NodesAdded? docs/events.md lists them all"],
    ['Nothing', "there is no event type 'Nothing'; docs/events.md lists them all"],
  ])('the event type %s is answered with the one that was meant', async (type, detail) => {
    expect((await call(`${n1.url}/v1/events?type=${type}`)).json['detail']).toBe(detail);
  });

  test('405 says what is allowed', async () => {
    const { headers } = await call(`${n1.url}/v1/configs/datalake.format`, { method: 'POST', body: {} });
    expect(headers.get('allow')).toBe('DELETE, GET, HEAD, PUT');
  });

  test('a read that this node cannot give yet says so, and when to ask again', async () => {
    const answer = await call(`${n1.url}/v1/status?atLeast=1000000`);
    expectProblem(answer, 503, 'NOT_CAUGHT_UP', 'atLeast');
    expect(answer.headers.get('retry-after')).toBe('1');
  });

  test('the same key with another body is a conflict', async () => {
    const headers = { 'idempotency-key': 'order-1' };
    expect((await patch(change('datalake.paimon.a', '1'), headers)).status).toBe(200);
    expectProblem(await patch(change('datalake.paimon.a', '2'), headers), 409, 'IDEMPOTENCY_KEY_REUSED');
  });

  test('too many requests per second are 429', async () => {
    const limit = (rate: string) => patch(change('chancery.submit.rate-limit-per-sec', rate));
    expect((await limit('1')).status).toBe(200);
    const answers = await Promise.all(Array.from({ length: 5 }, (_, i) => patch(change('datalake.paimon.b', String(i)))));
    const busy = answers.find(({ status }) => status === 429);
    if (busy === undefined) throw new Error('none was refused');
    expectProblem(busy, 429, 'BUSY');
    expect(busy.headers.get('retry-after')).toBe('1');
    await expect.poll(async () => (await limit('0')).status, { timeout: 30_000, interval: 200 }).toBe(200);
  });
});

describe('bytes that are no request', () => {
  const problemIn = (text: string) => JSON.parse(text.slice(text.indexOf('\r\n\r\n') + 4)) as Record<string, unknown>;
  test('no HTTP', async () => {
    const text = await rawExchange(n1.port, 'SELECT 1;\r\n\r\n');
    expect(text).toMatch(/^HTTP\/1\.1 400 /);
    expect(problemIn(text)['code']).toBe('MALFORMED_REQUEST');
  });
  test('headers beyond 16 KB', async () => {
    const text = await rawExchange(n1.port, `GET /health HTTP/1.1\r\nHost: x\r\nX-Long: ${'x'.repeat(20_000)}\r\n\r\n`);
    expect(text).toMatch(/^HTTP\/1\.1 431 /);
    expect(problemIn(text)['code']).toBe('HEADERS_TOO_LARGE');
  });
  test('the node still serves', async () => expect((await call(`${n1.url}/ready`)).status).toBe(200));
});
