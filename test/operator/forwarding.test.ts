/**
 * Goal: a write may be sent to any node, is done once, and can be read back there; nobody without the cluster secret is heard.
 * Method: three real nodes of one in-memory log that forward over real HTTP; then peers that lie, hang, cut or are not there.
 */
import { createServer, type Server } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Act } from '../../events/envelope.ts';
import { type ForwardedRequest, PeerUnreachable } from '../../src/engine/forwarding.ts';
import { signatureOf } from '../../src/interfaces/operator/clusterSignature.ts';
import { createPeers } from '../../src/interfaces/operator/peers.ts';
import { MemoryMembership } from '../../src/log/memory.ts';
import type { Member } from '../../src/ports/membership.ts';
import { silent } from '../support/nodes.ts';
import { call, JumpingClock, type Served, ServedCluster, waits } from './support.ts';

const clusterSecret = 'three nodes, one secret';
const path = '/internal/v1/submit';
const cluster = new ServedCluster();
let nodes: Served[];
let leader: Served;
let follower: Served;
beforeAll(async () => {
  nodes = [];
  for (const nodeId of ['n1', 'n2', 'n3']) nodes.push(await cluster.start(nodeId, { clusterSecret }));
  await cluster.ready(...nodes);
  leader = nodes.find(({ node }) => node.role === 'leader') as Served;
  follower = nodes.find((each) => each !== leader) as Served;
});
afterAll(() => cluster.stop());

const put = (at: Served, key: string, value: string, headers: Record<string, string> = {}) =>
  call(`${at.url}/v1/configs/${key}`, { method: 'PUT', body: { value }, headers });
const act = (commandId: string): Act => ({
  principal: 'User:test',
  interface: 'operator',
  command: 'alterClusterConfigs',
  commandId,
  digest: '0'.repeat(32),
  node: 'n9',
});
const request = (commandId: string, value = 'v'): ForwardedRequest => ({
  command: { name: 'alterClusterConfigs', changes: [{ op: 'set', key: 'datalake.test.forwarded', value }] },
  act: act(commandId),
  timeLeftMs: 5_000,
});
const memberAt = (operatorUrl: string): Member => ({ nodeId: 'x', operatorUrl, release: 'test', position: 0, checkpoints: [] });

describe('three nodes', () => {
  test('a write on a follower is decided by the leader and read back at once where it was asked', async () => {
    for (const at of nodes) {
      const written = await put(at, 'datalake.test.where', at.node.provenance.nodeId);
      expect(written.status).toBe(200);
      const read = await call(`${at.url}/v1/configs/datalake.test.where`);
      expect(read.json['config']).toMatchObject({ value: at.node.provenance.nodeId, position: written.json['position'] });
      for (const other of nodes) {
        const there = await call(`${other.url}/v1/configs/datalake.test.where?atLeast=${String(written.json['position'])}`);
        expect(there.json['config']).toEqual(read.json['config']);
      }
    }
  });

  test('a refusal comes back from the leader as it is', async () => {
    const answer = await put(follower, 'kv.snapshot.interval', 'soon');
    expect([answer.status, answer.json['code'], answer.json['field']]).toEqual([400, 'INVALID_CONFIG_VALUE', 'changes[0].value']);
  });

  test('the same key is done once, whichever nodes are asked', async () => {
    const answers = await Promise.all(nodes.map((at) => put(at, 'datalake.test.once', 'x', { 'idempotency-key': 'once' })));
    expect(new Set(answers.map(({ json }) => json['position'])).size).toBe(1);
    expect(answers.filter(({ json }) => json['duplicate'] === false)).toHaveLength(1);
  });

  test('200 writes at once on a follower all arrive, each at a position of its own', async () => {
    const answers = await Promise.all(Array.from({ length: 200 }, (_, i) => put(follower, `datalake.test.k${i}`, String(i))));
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
    expect(new Set(answers.map(({ json }) => json['position'])).size).toBe(200);
  });

  test('one that is too large for any call is refused at once, and holds up no other', async () => {
    const peers = createPeers({ clusterSecret, logger: silent });
    const large = { ...request('too-large'), command: { name: 'createTablets', cloudUniqueId: 'x'.repeat(4 * 1024 * 1024) } } as const;
    const replies = await peers.submit(memberAt(leader.url), [request('before-large'), large, request('behind-large', 'w')]);
    expect(replies).toMatchObject([{ kind: 'done' }, { kind: 'rejected', rejection: { code: 'TOO_LARGE' } }, { kind: 'done' }]);
    peers.close();
  });

  test('a leader that does not know what it is sent is named with its release', async () => {
    const peers = createPeers({ clusterSecret, logger: silent });
    const newer = { ...request('newer'), act: { ...act('newer'), ofALaterRelease: 1 } };
    const detail =
      'node x, of release test, does not understand a request of this node (HTTP 400): the releases of all nodes must be the same';
    expect(await peers.submit(memberAt(leader.url), [newer])).toEqual([{ kind: 'retry', mayHaveHappened: false, detail }]);
    peers.close();
  });

  test('values too large together for one call between nodes are sent in several', async () => {
    const peers = createPeers({ clusterSecret, logger: silent });
    const changes = (i: number) =>
      Array.from({ length: 8 }, (_, k) => ({ op: 'set', key: `datalake.test.l${k}`, value: `${i}${'x'.repeat(8000)}` }) as const);
    const requests = Array.from(
      { length: 100 },
      (_, i) => ({ ...request(`large-${i}`), command: { name: 'alterClusterConfigs', changes: changes(i) } }) as const,
    );
    expect(JSON.stringify(requests).length).toBeGreaterThan(6_000_000);
    const replies = await peers.submit(memberAt(leader.url), requests);
    expect(replies.map(({ kind }) => kind)).toEqual(requests.map(() => 'done'));
    peers.close();
  });
});

describe('the route between nodes', () => {
  const submit = (body: string, signature: string | undefined, at = leader) =>
    call(`${at.url}${path}`, { method: 'POST', body, headers: signature === undefined ? {} : { 'chancery-signature': signature } });
  const signed = (body: string) => submit(body, signatureOf(clusterSecret, 'POST', path, Buffer.from(body)));
  const body = JSON.stringify({ requests: [request('forged')] });

  test.each<[string, string | undefined]>([
    ['no signature', undefined],
    ['nonsense', 'x'],
    ['another secret', signatureOf('another secret', 'POST', path, Buffer.from(body))],
    ['another body', signatureOf(clusterSecret, 'POST', path, Buffer.from(`${body} `))],
    ['another path', signatureOf(clusterSecret, 'POST', '/v1/sql', Buffer.from(body))],
    ['upper case', signatureOf(clusterSecret, 'POST', path, Buffer.from(body)).toUpperCase()],
  ])('%s is 401, and says no more', async (_, signature) => {
    const before = leader.node.state.position;
    const answer = await submit(body, signature);
    expect([answer.status, answer.json['code']]).toEqual([401, 'UNAUTHENTICATED']);
    expect(answer.json['detail']).toBe('this request does not prove that it comes from a node of this cluster');
    expect(leader.node.state.position).toBe(before);
  });

  test('a signed one is decided, and its act is kept', async () => {
    const answer = await signed(body);
    expect(answer.json['replies']).toMatchObject([{ kind: 'done', duplicate: false }]);
    const { events } = await leader.history.events({ limit: 1, order: 'descending' });
    expect(events[0]?.act).toEqual(act('forged'));
  });

  test('commands and acts are checked again', async () => {
    const other = { ...request('unknown'), command: { name: 'dropEverything' } };
    const answer = await signed(JSON.stringify({ requests: [other, request('beside')] }));
    expect(answer.json['replies']).toMatchObject([{ kind: 'rejected', rejection: { code: 'MALFORMED_REQUEST' } }, { kind: 'done' }]);
    const asChancery = await signed(JSON.stringify({ requests: [{ ...request('x'), act: { ...act('x'), interface: 'dice' } }] }));
    expect([asChancery.status, asChancery.json['field']]).toEqual([400, 'requests[0].act.interface']);
    const many = await signed(JSON.stringify({ requests: Array.from({ length: 201 }, (_, i) => request(`m${i}`)) }));
    expect([many.status, many.json['field']]).toEqual([400, 'requests']);
    expect((await signed('{')).json['code']).toBe('MALFORMED_JSON');
  });

  test('5 MB are refused', async () => {
    const large = JSON.stringify({ requests: 'x'.repeat(5 * 1024 * 1024) });
    expect((await signed(large)).status).toBe(413);
  });

  test('a follower passes the question on to nobody', async () => {
    const answer = await submit(body, signatureOf(clusterSecret, 'POST', path, Buffer.from(body)), follower);
    expect(answer.json['replies']).toMatchObject([{ kind: 'retry', mayHaveHappened: false }]);
  });

  test('a node on its own has no such route', async () => {
    const alone = new ServedCluster();
    const served = await alone.start('a1');
    expect((await submit(body, 'x', served)).json['code']).toBe('UNKNOWN_ROUTE');
    await alone.stop();
  });
});

describe('peers', () => {
  const servers: Server[] = [];
  afterAll(() => {
    for (const server of servers) server.close();
  });
  /** A peer that does what is asked of it with each connection. */
  const peerThat = async (behaves: (socket: import('node:net').Socket, server: Server) => void): Promise<string> => {
    const server: Server = createServer((socket) =>
      behaves(
        socket.on('error', () => {}),
        server,
      ),
    );
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    return `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`;
  };
  const submit = async (url: string, timeLeftMs = 2_000) => {
    const peers = createPeers({ clusterSecret, logger: silent });
    try {
      return await peers.submit(memberAt(url), [{ ...request('p'), timeLeftMs }]);
    } finally {
      peers.close();
    }
  };
  const answering = (text: string) => peerThat((socket) => socket.once('data', () => socket.end(text)));
  const ok = (json: string) => `HTTP/1.1 200 OK\r\nContent-Length: ${Buffer.byteLength(json)}\r\n\r\n${json}`;

  test('nobody there: certainly nothing was sent', async () => {
    const gone = await peerThat(() => {});
    servers.pop()?.close();
    await expect(submit(gone)).rejects.toBeInstanceOf(PeerUnreachable);
    await expect(submit('https://127.0.0.1:1')).rejects.toBeInstanceOf(PeerUnreachable);
  });

  test.each<[string, () => Promise<string>]>([
    ['one that hangs up after the request', () => peerThat((socket) => socket.once('data', () => socket.destroy()))],
    ['one that never answers', () => peerThat(() => {})],
    ['one that answers no JSON', () => answering(ok('fine'))],
    ['one that answers too few', () => answering(ok('{"replies":[]}'))],
    ['one whose replies have another form', () => answering(ok('{"replies":[{"kind":"done"}]}'))],
    ['one that breaks off', () => answering('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"replies"')],
    ['one that talks without end', () => answering(`HTTP/1.1 200 OK\r\n\r\n${'x'.repeat(5 * 1024 * 1024)}`)],
  ])('%s: it may have happened', async (_, peer) => {
    const failure: unknown = await submit(await peer(), 200).then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(failure).toBeInstanceOf(Error);
    expect(failure).not.toBeInstanceOf(PeerUnreachable);
  });

  test('a newer leader: what it adds is not looked at, and a refusal this release has no code for stays a refusal', async () => {
    const replies = [
      { kind: 'rejected', rejection: { code: 'QUOTA_USED_UP', kind: 'conflict', field: 'f', detail: 'no more', remedy: 'pay' } },
      { kind: 'done', position: 7, changed: true, duplicate: false, epoch: 3 },
    ];
    const peers = createPeers({ clusterSecret, logger: silent });
    const answers = await peers.submit(memberAt(await answering(ok(JSON.stringify({ replies, load: 1 })))), [request('n'), request('o')]);
    expect(answers).toEqual([
      { kind: 'rejected', rejection: { code: 'MALFORMED_REQUEST', field: 'f', detail: 'QUOTA_USED_UP: no more', remedy: 'pay' } },
      { kind: 'done', position: 7, changed: true, duplicate: false },
    ]);
    peers.close();
  });

  test('another secret: nothing happened, the remedy is named, and the log says so once', async () => {
    const warnings: string[] = [];
    const other = createPeers({ clusterSecret: 'a typo', logger: { ...silent, warn: (_, text) => warnings.push(text) } });
    for (const commandId of ['typo', 'typo again']) {
      const [reply] = await other.submit(memberAt(leader.url), [request(commandId)]);
      expect(reply).toMatchObject({ kind: 'retry', mayHaveHappened: false });
      expect(JSON.stringify(reply)).toContain('--cluster-secret');
    }
    expect(warnings).toEqual([expect.stringContaining('is --cluster-secret the same on both?')]);
    other.close();
  });

  test('a leader that takes the request and vanishes: 504, with the key to ask again', async () => {
    const split = new ServedCluster();
    const clock = new JumpingClock();
    let isAsked = false;
    const url = await peerThat((socket) =>
      socket.once('data', () => {
        isAsked = true;
        socket.destroy();
      }),
    );
    await new MemoryMembership(split.hub).join({ ...memberAt(url), nodeId: 'n0' });
    const n1 = await split.start('n1', { clock, clusterSecret });
    await expect.poll(() => n1.node.status().leaderId, waits).toBe('n0');
    const writes = [
      put(n1, 'datalake.test.a', '1', { 'idempotency-key': 'try' }),
      call(`${n1.url}/v1/sql`, { body: { statement: "CALL sys.set_cluster_configs('datalake.test.a', '1')", idempotencyKey: 'script' } }),
    ];
    await expect.poll(() => isAsked, waits).toBe(true);
    clock.jump(10_000);
    for (const [write, key] of [
      [await writes[0], 'try'],
      [await writes[1], 'script'],
    ] as const) {
      expect([write?.status, write?.json['code'], write?.json['commandId']]).toEqual([504, 'OUTCOME_UNKNOWN', key]);
      expect(write?.json['remedy']).toMatch(new RegExp(`again with the .*${key}`, 'i'));
    }
    await split.stop();
  });
});
