/**
 * Goal: each resource shows what the node knows and where that came from; the API description tells of every one of them.
 * Method: a real server over a real node on the in-memory log, asked with fetch; what it says is compared with the node's tables.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { decodeEntry, encodeEntry } from '../../events/envelope.ts';
import { coordinatorOf, isMember } from '../../projections/coordinators.ts';
import { caller } from '../support/nodes.ts';
import { call, JumpingClock, type Served, ServedCluster, waits } from './support.ts';

const cluster = new ServedCluster();
let n1: Served;
beforeAll(async () => {
  n1 = await cluster.start('n1');
  await cluster.ready(n1);
});
afterAll(() => cluster.stop());

type Row = Readonly<Record<string, unknown>>;
const put = (key: string, value: string | null, more: object = {}, headers: Record<string, string> = {}) =>
  call(`${n1.url}/v1/configs/${key}`, { method: 'PUT', body: { value, ...more }, headers });
const configOf = async (key: string): Promise<Row> => (await call(`${n1.url}/v1/configs/${encodeURIComponent(key)}`)).json['config'] as Row;

describe('configs', () => {
  test('a key that is put is there, with who, when and where; deleted, its default returns', async () => {
    const rate = 'kv.rocksdb.shared-rate-limiter.bytes-per-sec';
    const before = await configOf(rate);
    expect(before).toMatchObject({ source: 'DEFAULT_CONFIG', type: 'MemorySize' });
    const answer = await put(rate, '200MB', { reason: 'less noise' });
    expect(answer.json).toEqual({ position: n1.node.state.position, changed: true, duplicate: false });
    expect(answer.headers.get('chancery-position')).toBe(String(answer.json['position']));
    const read = await call(`${n1.url}/v1/configs/${rate}?atLeast=${String(answer.json['position'])}`);
    expect(read.json['config']).toMatchObject({
      value: '200MB',
      source: 'DYNAMIC_CONFIG',
      position: answer.json['position'],
      principal: 'User:root',
    });
    const [event] = (await n1.history.events({ limit: 1, order: 'descending' })).events;
    expect(event?.act).toMatchObject({ principal: 'User:root', interface: 'operator', reason: 'less noise', node: 'n1' });
    const deleted = await call(`${n1.url}/v1/configs/${rate}?reason=enough`, { method: 'DELETE' });
    expect(deleted.json).toMatchObject({ changed: true });
    expect(await configOf(rate)).toEqual(before);
  });

  test('null hides; the list has every key; reads carry their provenance in headers and body', async () => {
    await put('datalake.format', null);
    expect(await configOf('datalake.format')).not.toHaveProperty('value');
    const list = await call(`${n1.url}/v1/configs?consistency=linearizable`);
    const configs = list.json['configs'] as readonly Row[];
    expect(configs.map(({ key }) => key)).toEqual([...configs.map(({ key }) => String(key))].sort());
    expect(configs.length).toBeGreaterThan(15);
    const { position, epoch, at } = n1.node.state;
    expect(list.json['provenance']).toEqual({ nodeId: 'n1', position, epoch, at });
    expect(['position', 'epoch', 'node', 'stale-for-ms'].map((name) => list.headers.get(`chancery-${name}`))).toEqual([
      String(position),
      String(epoch),
      'n1',
      null,
    ]);
  });

  test('a node that has not heard from the log for a while says how old its answers are', async () => {
    n1.log.silenceMs = 12_345;
    for (const path of ['/v1/configs', '/v1/events', '/v1/state', '/v1/status']) {
      const { headers, json } = await call(`${n1.url}${path}`);
      expect(headers.get('chancery-stale-for-ms'), path).toBe('12345');
      expect(json['provenance'], path).toMatchObject({ staleForMs: 12_345 });
    }
    const ready = await call(`${n1.url}/ready`);
    expect([ready.status, ready.json['missing']]).toEqual([503, ['the log has been silent for 12345 ms']]);
    n1.log.silenceMs = 0;
    expect((await call(`${n1.url}/v1/configs`)).headers.get('chancery-stale-for-ms')).toBeNull();
  });

  test('several changes are one event; the same key again changes nothing more', async () => {
    const changes = [
      { op: 'set', key: 'datalake.format', value: 'paimon' },
      { op: 'set', key: 'datalake.paimon.warehouse', value: '/lake' },
      { op: 'append', key: 'remote.data.dirs', value: 'a' },
      { op: 'append', key: 'remote.data.dirs', value: 'b' },
      { op: 'subtract', key: 'remote.data.dirs', value: 'a' },
    ];
    const send = () => call(`${n1.url}/v1/configs`, { method: 'PATCH', body: { changes }, headers: { 'idempotency-key': 'setup' } });
    const first = await send();
    const second = await send();
    expect(first.json).toMatchObject({ changed: true, duplicate: false });
    expect(second.json).toMatchObject({ position: first.json['position'], duplicate: true });
    expect(n1.node.state.position).toBe(first.json['position']);
    expect(await configOf('remote.data.dirs')).toMatchObject({ value: 'b' });
  });

  test('secrets are sealed in the log and masked in every answer; the same key seals the same way', async () => {
    const key = 'security.sasl.plain.credentials';
    const answers = [
      await put(key, 'alice:hunter2', {}, { 'idempotency-key': 'secret' }),
      await put(key, 'alice:hunter2', {}, { 'idempotency-key': 'secret' }),
    ];
    expect(answers.map(({ json }) => json['duplicate'])).toEqual([false, true]);
    expect(await configOf(key)).toMatchObject({ value: 'alice:******' });
    const everything = await Promise.all(
      ['/v1/events', '/v1/state', '/v1/log', '/v1/status', '/metrics'].map((path) => call(`${n1.url}${path}`)),
    );
    for (const { status, text } of everything) {
      expect(status).toBe(200);
      expect(text).not.toContain('hunter2');
    }
    expect(everything[0]?.text).toContain('sealed');
  });
});

describe('history', () => {
  test('pages lead through all events, both ways, without gap or overlap', async () => {
    for (const order of ['ascending', 'descending']) {
      const seen: number[] = [];
      let next: string | undefined = `/v1/events?limit=2&order=${order}&atLeast=1`;
      while (next !== undefined) {
        const page = await call(`${n1.url}${next}`);
        expect(page.status).toBe(200);
        seen.push(...(page.json['events'] as readonly Row[]).map(({ position }) => Number(position)));
        next = page.json['next'] as string | undefined;
        expect(page.headers.get('link')).toBe(next === undefined ? null : `<${next}>; rel="next"`);
      }
      const all = Array.from({ length: n1.node.state.position }, (_, i) => i + 1);
      expect(seen).toEqual(order === 'ascending' ? all : all.reverse());
    }
  });

  test('filters by type, subject, principal, position and time', async () => {
    const positions = async (query: string) =>
      ((await call(`${n1.url}/v1/events?order=ascending&${query}`)).json['events'] as readonly Row[]).map(({ position }) =>
        Number(position),
      );
    const { events } = await n1.history.events({ limit: 1000 });
    const where = (match: (event: (typeof events)[number]) => boolean) => events.filter(match).map(({ position }) => position);
    expect(await positions('type=LeadershipTaken&type=LogCreated')).toEqual(
      where(({ type }) => type === 'LeadershipTaken' || type === 'LogCreated'),
    );
    expect(await positions('subject=config/datalake.format')).toEqual(where(({ subjects }) => subjects.includes('config/datalake.format')));
    expect(await positions('subject=config/*&from=3')).toEqual(
      where(({ subjects, position }) => position >= 3 && subjects.some((name) => name.startsWith('config/'))),
    );
    expect(await positions('principal=User:root')).toEqual(where(({ act }) => act.principal === 'User:root'));
    expect(await positions('from=2&to=3')).toEqual([2, 3]);
    const at = events[2]?.at ?? 0;
    expect(await positions(`since=${at}`)).toEqual(where((event) => event.at >= at));
    const iso = new Date(at).toISOString();
    expect(await positions(`until=${iso}`)).toEqual(where((event) => event.at <= at));
    const inBerlin = `${new Date(at + 3_600_000).toISOString().slice(0, -1)}+01:00`; // The plus is not escaped: many will forget it.
    expect(await positions(`until=${inBerlin}`)).toEqual(where((event) => event.at <= at));
  });

  test('the state at a position, at a time, and now', async () => {
    const [set] = (await n1.history.events({ limit: 1, order: 'descending', subject: 'config/datalake.paimon.warehouse' })).events;
    const position = set?.position ?? 0;
    const stateAt = async (at: string | number) => (await call(`${n1.url}/v1/state?projection=configs&at=${at}`)).json;
    expect(JSON.stringify(await stateAt(position))).toContain('/lake');
    expect(JSON.stringify(await stateAt(position - 1))).not.toContain('/lake');
    expect(await stateAt(position)).toMatchObject({ position });
    expect(await stateAt(Date.now() + 1000)).toMatchObject({ position: n1.node.state.position });
    const now = await call(`${n1.url}/v1/state`);
    expect(Object.keys(now.json['state'] as Row)).toEqual(expect.arrayContaining(['configs', 'coordinators', 'leadership']));
  });

  test('the log comes entry by entry, as it is stored, to its head', async () => {
    const texts: string[] = [];
    for (let after = '0'; ; ) {
      const page = await call(`${n1.url}/v1/log?after=${after}&limit=3`);
      expect(page.headers.get('content-type')).toMatch(/^application\/x-ndjson/);
      const lines = page.text.split('\n').slice(0, -1);
      texts.push(...lines);
      after = page.headers.get('chancery-log-next') ?? '';
      expect(page.headers.get('chancery-log-head')).toBe(String(n1.node.state.index));
      if (lines.length === 0) break;
    }
    expect(texts).toEqual(cluster.hub.texts(0, 1000));
    expect(texts.map((text) => decodeEntry(text).index)).toEqual(texts.map((_, i) => i + 1));
  });
});

test('a page of the log ends at 8 MB, and the next one goes on there', async () => {
  const changes = Array.from({ length: 20 }, (_, i) => ({ op: 'set', key: `datalake.paimon.big${i}`, value: 'x'.repeat(8000) }));
  for (let i = 0; i < 60; i += 1) {
    const one = changes.map((change) => ({ ...change, key: `${change.key}.${i}` })); // New keys: an event repeats what was there before.
    expect((await call(`${n1.url}/v1/configs`, { method: 'PATCH', body: { changes: one } })).status).toBe(200);
  }
  const page = await call(`${n1.url}/v1/log`);
  const count = page.text.split('\n').length - 1;
  expect(page.text.length).toBeLessThanOrEqual(8 * 1024 * 1024);
  expect(page.text.length).toBeGreaterThan(7 * 1024 * 1024);
  expect(page.headers.get('chancery-log-next')).toBe(String(count));
  const rest = await call(`${n1.url}/v1/log?after=${count}`);
  expect(decodeEntry(rest.text.split('\n')[0] ?? '').index).toBe(count + 1);
  expect(rest.headers.get('chancery-log-next')).toBe(rest.headers.get('chancery-log-head'));
});

describe('operations', () => {
  test('status tells of the node, its cluster and its leaderships', async () => {
    const { json } = await call(`${n1.url}/v1/status`);
    const { leadership, position, index } = n1.node.state;
    expect(json).toMatchObject({ nodeId: 'n1', role: 'leader', leaderId: 'n1', release: 'test', position, index });
    expect(json['epochs']).toEqual({ current: 1, taken: 1, leader: leadership.leader });
    expect(json['members']).toMatchObject([{ nodeId: 'n1', operatorUrl: n1.url }]);
    const appends = json['appends'] as Record<string, number>;
    expect(appends['count']).toBe(index); // This node appended every entry.
    expect(appends['p50Ms']).toBeLessThanOrEqual(appends['maxMs'] ?? 0);
  });

  test('metrics are in Prometheus form and of this server alone', async () => {
    const { headers, text } = await call(`${n1.url}/metrics`);
    expect(headers.get('content-type')).toMatch(/^text\/plain/);
    const value = (name: string) => Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1]);
    expect(value('chancery_position')).toBe(n1.node.state.position);
    expect(value('chancery_entry_index')).toBe(n1.node.state.index);
    expect(value('chancery_is_leader')).toBe(1);
    expect(value('chancery_lag_positions')).toBe(0);
    expect(value('chancery_leader_changes_total')).toBe(1);
    expect(value('chancery_append_seconds_count')).toBe(n1.node.state.index);
    expect(value('chancery_batch_events_sum')).toBe(n1.node.state.position);
    expect(value('chancery_http_requests_pending')).toBe(1); // This one.
    for (const name of [
      'folded_events_total',
      'fold_seconds_total',
      'queued_requests',
      'log_silence_seconds',
      'log_ahead_seconds',
      'batch_bytes_count',
    ])
      expect(value(`chancery_${name}`), name).toBeGreaterThanOrEqual(0);
    expect(value('process_resident_memory_bytes')).toBeGreaterThan(0);
  });

  test('the API description is OpenAPI 3.1 and knows every public route', async () => {
    const { json } = await call(`${n1.url}/openapi.json`);
    expect(json['openapi']).toBe('3.1.0');
    const paths = json['paths'] as Record<string, Record<string, { responses: Record<string, unknown>; summary: string }>>;
    const routes = Object.entries(paths).flatMap(([path, methods]) => Object.keys(methods).map((method) => `${method} ${path}`));
    expect(routes.filter((route) => !route.startsWith('post /v1/acts/')).sort()).toEqual([
      'delete /v1/acls',
      'delete /v1/configs/{key}',
      'delete /v1/data-keys/{keyId}',
      'delete /v1/databases/{database}',
      'delete /v1/databases/{database}/tables/{table}',
      'delete /v1/databases/{database}/tables/{table}/partitions',
      'delete /v1/servers/{serverId}',
      'delete /v1/servers/{serverId}/registration',
      'delete /v1/servers/{serverId}/tag',
      'delete /v1/tokens/{tokenId}',
      'get /health',
      'get /metrics',
      'get /ready',
      'get /v1/acls',
      'get /v1/authorization',
      'get /v1/buckets',
      'get /v1/compute-nodes/heartbeats',
      'get /v1/configs',
      'get /v1/configs/{key}',
      'get /v1/data-keys',
      'get /v1/databases',
      'get /v1/databases/{database}',
      'get /v1/databases/{database}/tables',
      'get /v1/databases/{database}/tables/{table}',
      'get /v1/databases/{database}/tables/{table}/partitions',
      'get /v1/denials',
      'get /v1/events',
      'get /v1/instances',
      'get /v1/instances/{instanceId}',
      'get /v1/log',
      'get /v1/rebalances',
      'get /v1/rebalances/{rebalanceId}',
      'get /v1/rebalances/{rebalanceId}/moves',
      'get /v1/rebalances/{rebalanceId}/stream',
      'get /v1/servers',
      'get /v1/servers/{serverId}',
      'get /v1/servers/{serverId}/assignment',
      'get /v1/state',
      'get /v1/status',
      'get /v1/tiering/failures',
      'get /v1/tiering/statuses',
      'get /v1/tiering/stream',
      'get /v1/tokens',
      'get /v1/whoami',
      'patch /v1/configs',
      'patch /v1/databases/{database}',
      'patch /v1/databases/{database}/tables/{table}',
      'post /v1/acls',
      'post /v1/compute-nodes/heartbeats',
      'post /v1/data-keys',
      'post /v1/data-keys/rewrap',
      'post /v1/databases',
      'post /v1/databases/{database}/tables',
      'post /v1/databases/{database}/tables/{table}/partitions',
      'post /v1/rebalances',
      'post /v1/rebalances/cancel',
      'post /v1/rebalances/plan',
      'post /v1/rebalances/{rebalanceId}/cancel',
      'post /v1/servers/{serverId}/heartbeats',
      'post /v1/servers/{serverId}/isr',
      'post /v1/servers/{serverId}/registration',
      'post /v1/servers/{serverId}/shutdown',
      'post /v1/sql',
      'post /v1/tiering/heartbeats',
      'post /v1/tokens',
      'put /v1/configs/{key}',
      'put /v1/servers/{serverId}/tag',
    ]);
    for (const [path, methods] of Object.entries(paths))
      for (const [method, { responses, summary }] of Object.entries(methods)) {
        expect(Object.keys(responses), `${method} ${path}`).toContain('200');
        expect(summary, `${method} ${path}`).toMatch(/\S/);
      }
    // Every reference leads somewhere.
    for (const [, reference = ''] of JSON.stringify(json).matchAll(/"\$ref":"#\/([^"]+)"/g))
      expect(
        reference.split('/').reduce<unknown>((at, part) => (at as Row | undefined)?.[part], json),
        reference,
      ).toBeDefined();
  });
});

describe('a node that does not serve', () => {
  test('one that stops refuses writes and is not ready, and says so', async () => {
    const alone = new ServedCluster();
    const node = await alone.start('s1');
    await alone.ready(node);
    expect((await call(`${node.url}/ready`)).status).toBe(200);
    await node.node.close();
    const write = await call(`${node.url}/v1/configs/datalake.format`, { method: 'DELETE' });
    expect([write.status, write.json['code'], write.headers.get('retry-after')]).toEqual([503, 'DRAINING', '5']);
    const ready = await call(`${node.url}/ready`);
    expect([ready.status, ready.json['missing']]).toEqual([503, ['the node is stopping']]);
    expect((await call(`${node.url}/health`)).status).toBe(200);
    await node.server.close();
  });

  test('closing finishes what is under way', async () => {
    const alone = new ServedCluster();
    const served = await alone.start('c1');
    await alone.ready(served);
    // Nothing comes by itself any more once the node is on its own list.
    await expect.poll(() => isMember(coordinatorOf(served.node.state.coordinators, 'c1')), waits).toBe(true);
    const next = served.node.state.position + 1;
    const read = call(`${served.url}/v1/configs?atLeast=${next}`);
    await expect.poll(async () => (await call(`${served.url}/metrics`)).text, waits).toContain('chancery_http_requests_pending 2');
    const closing = served.server.close();
    await served.node.submit({ name: 'alterClusterConfigs', changes: [{ op: 'set', key: 'datalake.a', value: '1' }] }, caller);
    expect((await read).json['provenance']).toMatchObject({ position: next });
    await closing;
    await expect(call(`${served.url}/health`)).rejects.toThrow();
    await served.node.close();
  });

  test('one without a leader reads on, refuses writes, and is not ready', async () => {
    const alone = new ServedCluster();
    const clock = new JumpingClock();
    const [first, second] = [await alone.start('f1'), await alone.start('f2', { clock })];
    await alone.ready(first, second);
    alone.hub.partition('f2');
    alone.hub.lapse('f2');
    const ready = await call(`${second.url}/ready`);
    expect([ready.status, ready.json['missing']]).toEqual([503, ['no node leads']]);
    expect((await call(`${second.url}/v1/configs`)).status).toBe(200);
    const write = call(`${second.url}/v1/configs/datalake.format`, { method: 'DELETE' });
    await expect.poll(async () => (await call(`${second.url}/metrics`)).text, waits).toContain('chancery_http_requests_pending 2');
    clock.jump(10_000); // The caller's patience, in one moment.
    const { status, json, headers } = await write;
    expect([status, json['code'], headers.get('retry-after')]).toEqual([503, 'NO_LEADER', '1']);
    await alone.stop();
  });

  test('one whose tables would be wrong says so everywhere, and still shows its status', async () => {
    const alone = new ServedCluster();
    const [leader, follower] = [await alone.start('g1'), await alone.start('g2')];
    await alone.ready(leader, follower);
    await expect.poll(() => follower.node.state.position, waits).toBe(leader.node.state.position);
    await expect.poll(() => alone.hub.members().length, waits).toBe(2);
    // An entry that a newer release wrote.
    const { epoch, position, at, index, hash } = leader.node.state;
    const good = encodeEntry({
      at,
      batchId: 'x',
      epoch,
      events: decodeEntry(alone.hub.texts(0, 1)[0] ?? '').events,
      firstPosition: position + 1,
      index: index + 1,
      previousHash: hash,
    });
    alone.hub.append({ entry: good.entry, text: good.text.replace('"codec":"json"', '"codec":"brotli"') });
    await expect.poll(() => follower.node.role, waits).toBe('fault');
    for (const path of ['/v1/configs', '/v1/events', '/v1/state']) {
      const read = await call(`${follower.url}${path}`);
      expect([read.status, read.json['code'], read.headers.get('retry-after')], path).toEqual([503, 'NODE_FAULT', '30']);
    }
    const health = await call(`${follower.url}/health`);
    expect([health.status, health.json['code']]).toEqual([503, 'NOT_READY']);
    expect(health.json['detail']).toContain("codec 'brotli'");
    const status = await call(`${follower.url}/v1/status`);
    expect(status.json).toMatchObject({ role: 'fault', position });
    expect(status.json['fault']).toContain("codec 'brotli'");
    await alone.stop();
  });
});
