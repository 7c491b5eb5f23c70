/**
 * Goal: what tablet servers say and ask is answered as the contract has it, by whichever node they reach; what operators see and do fits.
 * Method: real nodes over one log that knows of servers and buckets, asked over HTTP as tablet servers and operators ask.
 */
import { afterEach, describe, expect, test, vi } from 'vitest';
import { bucketsAssigned } from '../../events/buckets.ts';
import { clusterConfigsChanged } from '../../events/configs.ts';
import { serverLost } from '../../events/servers.ts';
import { serverTagAdded } from '../../events/serverTags.ts';
import { coordinatorRows } from '../../projections/coordinators.ts';
import { buckets, clusterAfter, isThere, processOf, registration, tell } from './serverCluster.ts';
import { call, type Served, ServedCluster, waits } from './support.ts';

const clusters: ServedCluster[] = [];
afterEach(async () => {
  await Promise.all(clusters.splice(0).map((cluster) => cluster.stop()));
});
const secret = { clusterSecret: 'a secret for tests only' };

/** @returns the leader first */
async function nodesOn(cluster: ServedCluster, count = 1): Promise<readonly Served[]> {
  clusters.push(cluster);
  const nodes: Served[] = [];
  for (let i = 1; i <= count; i += 1) {
    nodes.push(await cluster.start(`n${i}`, secret));
    await cluster.ready(...nodes);
  }
  // Nodes that come are events too: a test that counts positions begins behind them.
  await vi.waitFor(() => {
    for (const { node } of nodes) expect(coordinatorRows(node.state.coordinators)).toHaveLength(count);
  }, waits);
  return nodes;
}
async function one(cluster: ServedCluster): Promise<Served> {
  const [node] = await nodesOn(cluster);
  if (node === undefined) throw new Error('no node was started');
  return node;
}
async function two(cluster: ServedCluster): Promise<readonly [leader: Served, follower: Served]> {
  const [leader, follower] = await nodesOn(cluster, 2);
  if (leader === undefined || follower === undefined) throw new Error('too few nodes were started');
  return [leader, follower];
}
const refusal = ({ body, status }: { readonly status: number; readonly body: Readonly<Record<string, unknown>> }) => [
  status,
  body['code'],
  body['field'],
];
const serversAt = async ({ url }: Served, query = '') => (await call(`${url}/v1/servers${query}`)).json['servers'] as readonly object[];

describe('registration', () => {
  test('is taken by any node, and again', async () => {
    const [leader, follower] = await two(new ServedCluster());
    const said = await tell(follower, 3, 'registration', { ...registration(3), rack: 'r1', capacityBytes: 1_000_000_000_000 });
    expect(said).toMatchObject({ status: 200, body: { clusterId: leader.node.state.leadership.clusterId, leaseMs: 10_000 } });
    expect(said.body['position']).toBe(follower.node.state.servers.position);
    const again = await tell(leader, 3, 'registration', { ...registration(3), rack: 'r1', capacityBytes: 1_000_000_000_000 });
    expect(again.status).toBe(200);
    expect(leader.node.state.servers.position, 'nothing new').toBe(said.body['position']);
    expect(await serversAt(leader)).toMatchObject([
      { serverId: 3, status: 'LIVE', rack: 'r1', capacityBytes: 1_000_000_000_000, replicas: 0 },
    ]);
    const { events } = await leader.history.events({ limit: 1, order: 'descending', types: ['ServerRegistered'] });
    expect(events).toMatchObject([{ act: { principal: 'User:root', interface: 'operator', command: 'registerServer' } }]);
  });

  test('an id that is taken', async () => {
    const node = await one(clusterAfter(isThere(3)));
    expect(refusal(await tell(node, 3, 'registration', { ...registration(3), directoryId: 'other' }))).toEqual([
      409,
      'SERVER_ID_TAKEN',
      'serverId',
    ]);
  });

  test.each([
    ['x', registration(1), 'serverId'],
    ['2147483648', registration(1), 'serverId'],
    ['-1', registration(1), 'serverId'],
    ['1', { ...registration(1), endpoint: 'nowhere' }, 'endpoint'],
    ['1', { ...registration(1), endpoint: 'h:0' }, 'endpoint'],
    ['1', { ...registration(1), endpoint: 'h:65536' }, 'endpoint'],
    ['1', { ...registration(1), rack: '' }, 'rack'],
    ['1', { ...registration(1), directoryId: 'a b' }, 'directoryId'],
    ['1', { ...registration(1), capacityBytes: -1 }, 'capacityBytes'],
    ['1', { ...registration(1), surprise: 1 }, 'surprise'],
  ])('of %s with %j is refused', async (id, body, field) => {
    const node = await one(new ServedCluster());
    const { json, status } = await call(`${node.url}/v1/servers/${id}/registration`, { body });
    expect([status, json['code'], json['field']]).toEqual([400, 'MALFORMED_REQUEST', field]);
  });

  test('ends when the server says so, and not for a process that is gone', async () => {
    const node = await one(clusterAfter(isThere(3)));
    expect((await tell(node, 3, 'registration?incarnation=older', undefined, 'DELETE')).status).toBe(200);
    expect(await serversAt(node)).toMatchObject([{ status: 'LIVE' }]);
    const said = await tell(node, 3, 'registration?incarnation=i3', undefined, 'DELETE');
    expect(said).toMatchObject({ status: 200, body: { position: node.node.state.servers.position } });
    expect(await serversAt(node)).toMatchObject([{ status: 'LOST', lostBecause: 'STOPPED' }]);
    expect(refusal(await tell(node, 4, 'registration?incarnation=i4', undefined, 'DELETE'))).toEqual([404, 'UNKNOWN_SERVER', 'serverId']);
  });
});

describe('heartbeats', () => {
  const copies = [{ tableId: 7, bucketId: 0, copiedBytes: 10, totalBytes: 20 }];
  test('reach the node that leads through any other, and no log', async () => {
    const [leader, follower] = await two(clusterAfter(isThere(3), buckets(7, [3])));
    const { position } = leader.node.state;
    const beat = { incarnation: 'i3', appliedPosition: 2, copies };
    expect(await tell(follower, 3, 'heartbeats', beat)).toMatchObject({ status: 200, body: { known: true, leaseMs: 10_000 } });
    expect(leader.node.serverReports.reportOf(3)).toMatchObject({ serverId: 3, ...beat });
    expect(follower.node.serverReports.list()).toEqual([]);
    expect(leader.node.state.position).toBe(position);
    expect((await call(`${leader.url}/v1/servers/3`)).json['report']).toMatchObject({ appliedPosition: 2, copies });
    expect((await call(`${follower.url}/v1/servers/3`)).json).not.toHaveProperty('report');
  });

  test('are believed as far as they can be true', async () => {
    const node = await one(clusterAfter(isThere(3), isThere(4), buckets(7, [3], [4])));
    const [own] = copies;
    const others = [
      { tableId: 7, bucketId: 1, copiedBytes: 1, totalBytes: 1 },
      { tableId: 7, bucketId: 2, copiedBytes: 1, totalBytes: 1 },
    ];
    const beat = { incarnation: 'i3', appliedPosition: Number.MAX_SAFE_INTEGER, copies: [{ ...own, copiedBytes: 1 }, ...others, own] };
    expect(await tell(node, 3, 'heartbeats', beat)).toMatchObject({ status: 200, body: { known: true } });
    expect(node.node.serverReports.reportOf(3)).toMatchObject({ appliedPosition: node.node.state.position, copies });
  });

  test('of another process, of a server that stopped, of nobody: register again', async () => {
    const node = await one(clusterAfter(isThere(3), isThere(4), serverLost({ serverId: 4, because: 'STOPPED' })));
    for (const [id, incarnation] of [
      [3, 'other'],
      [4, 'i4'],
      [5, 'i5'],
    ] as const)
      expect(await tell(node, id, 'heartbeats', { incarnation, appliedPosition: 0, copies: [] })).toMatchObject({
        status: 200,
        body: { known: false },
      });
    expect(node.node.serverReports.list()).toEqual([]);
    expect(await serversAt(node)).toMatchObject([{ status: 'LIVE' }, { status: 'LOST' }]);
  });

  test('bring back a server that was taken for lost', async () => {
    const [leader, follower] = await two(clusterAfter(isThere(3), serverLost({ serverId: 3, because: 'LEASE_EXPIRED' })));
    expect(await tell(follower, 3, 'heartbeats', { incarnation: 'i3', appliedPosition: 0, copies: [] })).toMatchObject({
      body: { known: true },
    });
    await vi.waitFor(async () => expect(await serversAt(leader)).toMatchObject([{ status: 'LIVE' }]), waits);
    const { events } = await leader.history.events({ limit: 1, order: 'descending', types: ['ServerReturned'] });
    expect(events).toMatchObject([{ act: { principal: 'chancery' } }]);
  });

  test('keep a server; without them it is lost', async () => {
    const lease = clusterConfigsChanged({
      changes: [{ key: 'chancery.server.lease', previous: { kind: 'unset' }, value: { kind: 'text', text: '500 ms' } }],
    });
    const node = await one(clusterAfter(lease, isThere(3), isThere(4)));
    await vi.waitFor(async () => {
      expect((await tell(node, 3, 'heartbeats', { incarnation: 'i3', appliedPosition: 0, copies: [] })).body).toEqual({
        known: true,
        leaseMs: 500,
      });
      expect(await serversAt(node)).toMatchObject([{ status: 'LIVE' }, { status: 'LOST', lostBecause: 'LEASE_EXPIRED' }]);
    }, waits);
  });

  test('without a leader are to be sent again', async () => {
    const cluster = clusterAfter(isThere(3));
    const node = await one(cluster);
    await cluster.start('n2', secret);
    cluster.hub.partition('n1');
    cluster.hub.lapse('n1');
    cluster.hub.partition('n2');
    cluster.hub.lapse('n2');
    await vi.waitFor(
      async () =>
        expect(refusal(await tell(node, 3, 'heartbeats', { incarnation: 'i3', appliedPosition: 0, copies: [] }))).toEqual([
          503,
          'NO_LEADER',
          '',
        ]),
      waits,
    );
  });

  test.each([
    [{ incarnation: 'i3', appliedPosition: -1, copies: [] }, 'appliedPosition'],
    [{ appliedPosition: 0, copies: [] }, 'incarnation'],
    [{ incarnation: 'i3', appliedPosition: 0, copies: Array.from({ length: 1001 }, () => copies[0]) }, 'copies'],
    [{ incarnation: 'i3', appliedPosition: 0, copies: [{ ...copies[0], copiedBytes: 1.5 }] }, 'copies[0].copiedBytes'],
  ])('%#: what is wrong is named', async (body, field) => {
    const node = await one(clusterAfter(isThere(3)));
    expect(refusal(await tell(node, 3, 'heartbeats', body))).toEqual([400, 'MALFORMED_REQUEST', field]);
  });
});

describe('what a leader of buckets reports', () => {
  test('changes who is in sync; what rests on an older epoch is passed over', async () => {
    const node = await one(clusterAfter(isThere(0), isThere(1), buckets(7, [0, 1], [0, 1], [1, 0])));
    const report = (bucketId: number, isr: readonly number[], bucketEpoch = 0) => ({
      tableId: 7,
      bucketId,
      leaderEpoch: 0,
      bucketEpoch,
      isr,
    });
    const said = await tell(node, 0, 'isr', { incarnation: 'i0', buckets: [report(0, [0]), report(1, [0], 3), report(2, [0])] });
    expect(said).toMatchObject({ status: 200, body: { position: node.node.state.position } });
    const told = await tell(node, 0, 'assignment');
    expect(told.body['replicas']).toEqual([
      { tableId: 7, bucketId: 0, replicas: [0, 1], leader: 0, leaderEpoch: 0, isr: [0], bucketEpoch: 1 },
      { tableId: 7, bucketId: 1, replicas: [0, 1], leader: 0, leaderEpoch: 0, isr: [0, 1], bucketEpoch: 0 },
      { tableId: 7, bucketId: 2, replicas: [1, 0], leader: 1, leaderEpoch: 0, isr: [1, 0], bucketEpoch: 0 },
    ]);
  });

  test('is refused from a process that is gone', async () => {
    const node = await one(clusterAfter(isThere(0), buckets(7, [0])));
    const given = { incarnation: 'older', buckets: [{ tableId: 7, bucketId: 0, leaderEpoch: 0, bucketEpoch: 0, isr: [0] }] };
    expect(refusal(await tell(node, 0, 'isr', given))).toEqual([409, 'STALE_SERVER', 'incarnation']);
    expect(refusal(await tell(node, 1, 'isr', given))).toEqual([404, 'UNKNOWN_SERVER', 'serverId']);
    const many = { incarnation: 'i0', buckets: Array.from({ length: 501 }, () => given.buckets[0]) };
    expect(refusal(await tell(node, 0, 'isr', many))).toEqual([400, 'MALFORMED_REQUEST', 'buckets']);
  });
});

test('a shutdown moves leadership away, and tells how much is left', async () => {
  const [leader, follower] = await two(clusterAfter(isThere(0), isThere(1), buckets(7, [0, 1], [0, 1], [0], [1, 0])));
  expect((await tell(follower, 0, 'shutdown', { incarnation: 'i0' })).status).toBe(200);
  await vi.waitFor(async () => {
    const said = await tell(follower, 0, 'shutdown', { incarnation: 'i0' });
    expect(said.body['leading'], 'the bucket that nobody else holds').toBe(1);
    expect(said.body['position']).toBeGreaterThan(0);
  }, waits);
  const replicas = (await tell(leader, 0, 'assignment')).body['replicas'] as readonly { leader: number; leaderEpoch: number }[];
  expect(replicas.map(({ leader: id, leaderEpoch }) => [id, leaderEpoch])).toEqual([
    [1, 1],
    [1, 1],
    [0, 0],
    [1, 0],
  ]);
  expect(await serversAt(leader)).toMatchObject([
    { status: 'STOPPING', leaders: 1 },
    { status: 'LIVE', leaders: 3 },
  ]);
  expect(refusal(await tell(leader, 0, 'shutdown', { incarnation: 'older' }))).toEqual([409, 'STALE_SERVER', 'incarnation']);
});

describe('the assignment', () => {
  test('is all that a server shall hold, with whom it meets there and what it must know', async () => {
    const partition = bucketsAssigned({ tableId: 7, partitionId: 31, replicas: [[2, 0]] });
    const node = await one(clusterAfter(isThere(0), isThere(1), isThere(2), isThere(3), buckets(8, [0, 1]), partition, buckets(9, [3, 1])));
    const told = await tell(node, 0, 'assignment?after=0&waitMs=20000');
    const row = { leaderEpoch: 0, bucketEpoch: 0 };
    expect(told).toMatchObject({ status: 200, position: node.node.state.position });
    expect(told.body).toEqual({
      clusterId: 'c1',
      position: node.node.state.position,
      replicas: [
        { tableId: 7, partitionId: 31, bucketId: 0, replicas: [2, 0], leader: 2, isr: [2, 0], ...row },
        { tableId: 8, bucketId: 0, replicas: [0, 1], leader: 0, isr: [0, 1], ...row },
      ],
      endpoints: { 0: '127.0.0.1:9000', 1: '127.0.0.1:9001', 2: '127.0.0.1:9002' },
      settings: { minInSyncReplicas: 1 },
    });
  });

  test('of a server that holds nothing is empty, of nobody there is none', async () => {
    const node = await one(clusterAfter(isThere(0)));
    expect((await tell(node, 0, 'assignment')).body).toMatchObject({ replicas: [], endpoints: {} });
    expect(refusal(await tell(node, 9, 'assignment'))).toEqual([404, 'UNKNOWN_SERVER', 'serverId']);
  });

  test('is waited for, and told with what changed', async () => {
    const [leader, follower] = await two(clusterAfter(isThere(0), isThere(1), buckets(7, [0, 1])));
    const { position } = follower.node.state;
    const nothing = await tell(follower, 1, `assignment?after=${position}&waitMs=50`);
    expect(nothing).toMatchObject({ status: 204, body: {}, position });
    const waiting = tell(follower, 1, `assignment?after=${position}&waitMs=20000`);
    const report = { tableId: 7, bucketId: 0, leaderEpoch: 0, bucketEpoch: 0, isr: [0] };
    const changed = await tell(leader, 0, 'isr', { incarnation: 'i0', buckets: [report] });
    const told = await waiting;
    expect(told).toMatchObject({ status: 200, body: { replicas: [{ isr: [0], bucketEpoch: 1 }] } });
    expect(told.body['position']).toBeGreaterThanOrEqual(changed.body['position'] as number);
  });

  test('carries settings, and tells when they change', async () => {
    const node = await one(clusterAfter(isThere(0)));
    const set = (key: string, value: string) => call(`${node.url}/v1/configs/${key}`, { method: 'PUT', body: { value } });
    const settings = async (change: () => Promise<unknown>): Promise<unknown> => {
      const waiting = tell(node, 0, `assignment?after=${node.node.state.position}&waitMs=20000`);
      await change();
      return (await waiting).body['settings'];
    };
    const rate = 'kv.rocksdb.shared-rate-limiter.bytes-per-sec';
    expect(await settings(() => set(rate, '200MB'))).toEqual({ copyBytesPerSec: 209_715_200, minInSyncReplicas: 1 });
    expect(await settings(() => set('log.replica.min-in-sync-replicas-number', '2'))).toEqual({
      copyBytesPerSec: 209_715_200,
      minInSyncReplicas: 2,
    });
    const { position } = node.node.state;
    await set('kv.snapshot.interval', '1 min');
    expect(await tell(node, 0, `assignment?after=${position}`), 'another config').toMatchObject({ status: 204, position: position + 1 });
    expect(await settings(() => call(`${node.url}/v1/configs/${rate}`, { method: 'DELETE' }))).toEqual({ minInSyncReplicas: 2 });
  });

  test('tells where others are once they are there again', async () => {
    const node = await one(clusterAfter(isThere(0), isThere(1), buckets(7, [0, 1])));
    const waiting = tell(node, 0, `assignment?after=${node.node.state.position}&waitMs=20000`);
    await tell(node, 1, 'registration', { ...registration(1), incarnation: 'again', endpoint: 'elsewhere:1' });
    expect((await waiting).body['endpoints']).toEqual({ 0: '127.0.0.1:9000', 1: 'elsewhere:1' });
  });

  test('leaves out where a lost server was', async () => {
    const node = await one(clusterAfter(isThere(0), isThere(1), buckets(7, [0, 1])));
    await tell(node, 1, 'registration?incarnation=i1', undefined, 'DELETE');
    expect((await tell(node, 0, 'assignment')).body['endpoints']).toEqual({ 0: '127.0.0.1:9000' });
  });

  test('is not told by a node that is behind', async () => {
    const node = await one(clusterAfter(isThere(0)));
    expect(refusal(await tell(node, 0, `assignment?after=${node.node.state.position + 5}&waitMs=50`))).toEqual([
      503,
      'NOT_CAUGHT_UP',
      'after',
    ]);
    expect(refusal(await tell(node, 0, 'assignment?after=0&waitMs=20001'))).toEqual([400, 'MALFORMED_REQUEST', 'waitMs']);
    expect(refusal(await tell(node, 0, 'assignment?after=-1'))).toEqual([400, 'MALFORMED_REQUEST', 'after']);
  });

  test('keeps nobody waiting when the node stops', async () => {
    const cluster = clusterAfter(isThere(0));
    const node = await one(cluster);
    const { position } = node.node.state;
    const waiting = tell(node, 0, `assignment?after=${position}&waitMs=20000`);
    await vi.waitFor(async () => expect((await call(`${node.url}/metrics`)).text).toMatch(/^chancery_http_requests_pending 2$/m), waits);
    await node.server.close();
    expect(await waiting).toMatchObject({ status: 204, position });
  });
});

describe('operators', () => {
  test('list servers page by page', async () => {
    const node = await one(clusterAfter(isThere(4), isThere(2), isThere(11)));
    const { json } = await call(`${node.url}/v1/servers?limit=2`);
    expect(json).toMatchObject({ servers: [{ serverId: 2 }, { serverId: 4 }], next: 4 });
    const rest = await call(`${node.url}/v1/servers?after=4`);
    expect(rest.json).toMatchObject({ servers: [{ serverId: 11 }] });
    expect(rest.json).not.toHaveProperty('next');
    expect(await serversAt(node, '?atLeast=3')).toHaveLength(3);
  });

  test('tag and untag one', async () => {
    const node = await one(clusterAfter(isThere(2)));
    const put = (id: number, tag: string) =>
      call(`${node.url}/v1/servers/${id}/tag`, { method: 'PUT', body: { tag, reason: 'new disks' } });
    expect((await put(2, 'TEMPORARY_OFFLINE')).json).toMatchObject({ changed: true });
    expect((await put(2, 'TEMPORARY_OFFLINE')).json).toMatchObject({ changed: false });
    expect((await call(`${node.url}/v1/servers/2`)).json['server']).toMatchObject({
      tag: 'TEMPORARY_OFFLINE',
      taggedBy: 'User:root',
      tagReason: 'new disks',
      ...processOf(2),
    });
    const other = await put(2, 'PERMANENT_OFFLINE');
    expect([other.status, other.json['code'], other.json['field']]).toEqual([409, 'SERVER_TAG_EXISTS', 'serverId']);
    expect((await put(3, 'PERMANENT_OFFLINE')).json).toMatchObject({ code: 'UNKNOWN_SERVER', field: 'serverId' });
    expect((await put(2, 'OFFLINE')).json).toMatchObject({ code: 'MALFORMED_REQUEST', field: 'tag' });
    const untag = { method: 'DELETE', headers: { 'idempotency-key': 'k1' } };
    expect((await call(`${node.url}/v1/servers/2/tag`, untag)).json).toMatchObject({ changed: true, duplicate: false });
    expect((await call(`${node.url}/v1/servers/2/tag`, untag)).json).toMatchObject({ duplicate: true });
    expect((await call(`${node.url}/v1/servers/2`)).json['server']).not.toHaveProperty('tag');
  });

  test('take a lost server that holds nothing off the list; its tag stays', async () => {
    const tagged = serverTagAdded({ serverIds: [2], tag: 'PERMANENT_OFFLINE' });
    const lost = serverLost({ serverId: 2, because: 'STOPPED' });
    const node = await one(clusterAfter(isThere(2), isThere(3), tagged, lost, buckets(7, [3])));
    const forget = (id: number) => call(`${node.url}/v1/servers/${id}`, { method: 'DELETE' });
    expect((await forget(3)).json).toMatchObject({ code: 'SERVER_IS_LIVE' });
    expect((await forget(2)).json).toMatchObject({ changed: true });
    expect((await forget(2)).json).toMatchObject({ code: 'UNKNOWN_SERVER' });
    expect((await call(`${node.url}/v1/servers/2`)).json['server']).toEqual({
      serverId: 2,
      status: 'FORGOTTEN',
      replicas: 0,
      leaders: 0,
      lagging: 0,
      tag: 'PERMANENT_OFFLINE',
      taggedAt: expect.any(Number),
      taggedBy: 'User:dana',
    });
    await call(`${node.url}/v1/servers/2/tag`, { method: 'DELETE' });
    expect((await call(`${node.url}/v1/servers/2`)).json).toMatchObject({ status: 404, code: 'UNKNOWN_RESOURCE', field: 'serverId' });
  });
});

test('metrics count servers by status and tag, and buckets that nobody leads or copies that lag', async () => {
  const lost = serverLost({ serverId: 2, because: 'STOPPED' });
  const tagged = serverTagAdded({ serverIds: [0, 1], tag: 'PERMANENT_OFFLINE' });
  const held = buckets(7, [0, 1], [2], [0, 2]);
  const node = await one(clusterAfter(isThere(0), isThere(1), isThere(2), tagged, held, lost));
  await vi.waitFor(async () => {
    const { text } = await call(`${node.url}/metrics`);
    const counted = text
      .split('\n')
      .filter((line) => /^chancery_(servers|servers_tagged|buckets|buckets_without_leader|replicas_lagging)[ {]/.test(line));
    expect(counted).toEqual([
      'chancery_servers{status="LIVE"} 2',
      'chancery_servers{status="STOPPING"} 0',
      'chancery_servers{status="LOST"} 1',
      'chancery_servers_tagged{tag="PERMANENT_OFFLINE"} 2',
      'chancery_servers_tagged{tag="TEMPORARY_OFFLINE"} 0',
      'chancery_buckets 3',
      'chancery_buckets_without_leader 1',
      'chancery_replicas_lagging 2',
    ]);
  }, waits);
});
