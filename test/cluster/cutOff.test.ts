/**
 * Goal: a node that is cut off from ZooKeeper or from the leader says so, serves no write that is not in the log, and is well again by
 *   itself; nothing acknowledged is lost or doubled.
 * Method: three real nodes on one real ZooKeeper; each reaches it through a proxy of its own, and the others reach each node's HTTP port
 *   through another one. Writers go on with the same key until they are acknowledged, and the log is compared with what they heard.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { freePorts } from '../../src/cli/zookeeperServer.ts';
import { type NodeProcess, statusOf, until } from '../support/nodeProcesses.ts';
import { TcpProxy } from '../support/tcpProxy.ts';
import { faults, readLog, Writers } from '../support/writers.ts';
import { startZooKeeper, type ZooKeeper } from '../support/zookeeper.ts';
import { type Answer, ask, get, Nodes, put, written } from './harness.ts';

interface Member {
  readonly node: NodeProcess;
  readonly toZooKeeper: TcpProxy;
  /** What the other nodes go through to reach this one. */
  readonly fromPeers: TcpProxy;
}
let zookeeper: ZooKeeper;
let members: readonly Member[];
const nodes = new Nodes();

beforeAll(async () => {
  zookeeper = await startZooKeeper(1);
  members = await Promise.all(['n1', 'n2', 'n3'].map(startMember));
  await nodes.settled();
});
afterAll(async () => {
  await nodes.stop();
  await Promise.all((members ?? []).flatMap(({ fromPeers, toZooKeeper }) => [fromPeers.close(), toZooKeeper.close()]));
  await zookeeper?.stop();
});

async function startMember(nodeId: string): Promise<Member> {
  const toZooKeeper = await TcpProxy.to(zookeeper.ports[0] ?? 0);
  const [port = 0] = await freePorts(1);
  const fromPeers = await TcpProxy.to(port);
  const addresses = { OPERATOR: `127.0.0.1:${port}`, ADVERTISE: `http://${fromPeers.connect}` };
  return { node: await nodes.start(nodeId, { LOG: `zookeeper://${toZooKeeper.connect}/chancery`, ...addresses }), toZooKeeper, fromPeers };
}

async function leadAndFollow(): Promise<{ readonly leader: Member; readonly follower: Member; readonly third: Member }> {
  const node = await nodes.leader();
  const leader = members.find((member) => member.node === node);
  const [follower, third] = members.filter((member) => member.node !== node);
  if (leader === undefined || follower === undefined || third === undefined) throw new Error('there are not three nodes');
  return { leader, follower, third };
}

const isRetriable = ({ status, headers, body }: Answer): boolean =>
  (status === 503 && headers.get('retry-after') !== null) || (status === 504 && typeof body['commandId'] === 'string');

async function staleRead(node: NodeProcess, name: string): Promise<{ readonly value: unknown; readonly ageMs: number }> {
  return await until(`${node.nodeId} marks its answers as stale`, 15_000, async () => {
    const { headers, status, value } = await get(node.url, name);
    expect(status).toBe(200); // Reads never stop.
    const age = headers.get('chancery-stale-for-ms');
    return age === null ? undefined : { value, ageMs: Number(age) };
  });
}

test('ZooKeeper lost and back: stale reads, refused writes, and all is well without a restart', async () => {
  await written(put(members[0]?.node.url ?? '', 'lost', 'before'));
  await nodes.settled();
  const pids = members.map(({ node }) => node.pid());
  const writers = new Writers(nodes.urls, 16, 'lost');
  await until('writes are acknowledged', 20_000, async () => (writers.acknowledged.length >= 50 ? true : undefined));
  await zookeeper.kill(0);
  for (const { node } of members) {
    const first = await staleRead(node, 'lost');
    expect(first.value).toBe('before');
    expect((await staleRead(node, 'lost')).ageMs).toBeGreaterThan(first.ageMs);
  }
  const [writes, reads] = await Promise.all([
    Promise.all(members.map(({ node }) => put(node.url, 'lost', `while away, on ${node.nodeId}`))),
    Promise.all(members.map(({ node }) => get(node.url, 'lost', '?consistency=linearizable'))),
  ]);
  for (const answer of writes) expect(isRetriable(answer), JSON.stringify(answer.body)).toBe(true);
  for (const answer of reads) expect(answer).toMatchObject({ status: 503, body: { code: 'NOT_CAUGHT_UP' } });
  for (const { node } of members) expect(await ask(node.url, '/ready')).toMatchObject({ status: 503, body: { code: 'NOT_READY' } });
  const heard = writers.acknowledged.length;
  await zookeeper.restart(0);
  await until('writes are acknowledged again', 30_000, async () => (writers.acknowledged.length >= heard + 50 ? true : undefined));
  await writers.stop();
  await nodes.settled();
  expect(members.map(({ node }) => node.pid())).toEqual(pids);
  for (const { node } of members) {
    expect((await get(node.url, 'lost')).headers.get('chancery-stale-for-ms')).toBeNull();
    expect(faults(writers.acknowledged, await readLog(node.url)), node.nodeId).toEqual([]);
  }
});

test('a follower cut off from ZooKeeper, still asked by clients: it never passes an old value for a new one', async () => {
  const { leader, follower } = await leadAndFollow();
  await written(put(leader.node.url, 'cut', 'old'));
  await nodes.settled();
  follower.toZooKeeper.everything = 'swallow';
  const position = await written(put(leader.node.url, 'cut', 'new'));
  const asked = put(follower.node.url, 'cut-write', 'x', 'cut-write');
  expect((await staleRead(follower.node, 'cut')).value).toBe('old');
  const [atLeast, linearizable] = await Promise.all([
    get(follower.node.url, 'cut', `?atLeast=${position}`),
    get(follower.node.url, 'cut', '?consistency=linearizable'),
  ]);
  expect(atLeast).toMatchObject({ status: 503, body: { code: 'NOT_CAUGHT_UP' } });
  expect(linearizable).toMatchObject({ status: 503, body: { code: 'NOT_CAUGHT_UP' } });
  const answer = await asked; // The leader may have been reached by HTTP: then it is done.
  if (answer.status !== 200) expect(isRetriable(answer), JSON.stringify(answer.body)).toBe(true);
  follower.toZooKeeper.everything = 'pass';
  follower.toZooKeeper.cut();
  await nodes.settled();
  expect((await get(follower.node.url, 'cut')).value).toBe('new');
  const again = await put(follower.node.url, 'cut-write', 'x', 'cut-write');
  expect(again).toMatchObject({ status: 200, body: answer.status === 200 ? { duplicate: true, position: answer.body['position'] } : {} });
});

test('a leader cut off from ZooKeeper: another one leads, and what the first could not write was not acknowledged', async () => {
  const { leader } = await leadAndFollow();
  const writers = new Writers(nodes.urls, 16, 'deposed');
  await until('writes are acknowledged', 20_000, async () => (writers.acknowledged.length >= 50 ? true : undefined));
  leader.toZooKeeper.everything = 'swallow';
  const others = members.filter((member) => member !== leader).map((member) => member.node);
  const next = await nodes.leader(others);
  const heard = writers.acknowledged.length;
  await until('writes are acknowledged', 20_000, async () => (writers.acknowledged.length >= heard + 50 ? true : undefined));
  expect((await statusOf(leader.node.url))?.role).toBe('follower');
  leader.toZooKeeper.everything = 'pass';
  leader.toZooKeeper.cut();
  await writers.stop();
  await nodes.settled();
  expect(await nodes.leader()).toBe(next);
  for (const { node } of members) expect(faults(writers.acknowledged, await readLog(node.url)), node.nodeId).toEqual([]);
});

test("a follower that cannot hear the leader's HTTP port says so; the same key tells afterwards what became of it", async () => {
  const { leader, follower, third } = await leadAndFollow();
  leader.fromPeers.replies = 'swallow'; // The leader is asked and does it; its answer goes nowhere.
  const [lost] = await Promise.all([put(follower.node.url, 'unheard', 'x', 'unheard'), written(put(leader.node.url, 'beside', 'x'))]);
  expect(lost).toMatchObject({ status: 504, body: { code: 'OUTCOME_UNKNOWN', commandId: 'unheard' } });
  expect(lost.body['remedy']).toContain('same Idempotency-Key, unheard');
  const { headers, value } = await get(follower.node.url, 'unheard', '?consistency=linearizable');
  expect(value).toBe('x');
  expect(headers.get('chancery-stale-for-ms')).toBeNull(); // ZooKeeper is at hand: its reads are as good as any.
  leader.fromPeers.replies = 'pass';
  leader.fromPeers.cut();
  const again = await put(third.node.url, 'unheard', 'x', 'unheard');
  expect(again).toMatchObject({ status: 200, body: { duplicate: true } });
  leader.fromPeers.requests = 'hold'; // Slow, not gone: the caller waits and is answered.
  const slow = put(follower.node.url, 'slow', 'y', 'slow');
  await until('the request is on its way', 5_000, async () => (leader.fromPeers.requestBytes > 0 ? true : undefined));
  leader.fromPeers.requests = 'pass';
  expect(await slow).toMatchObject({ status: 200, body: { changed: true } });
});

test('a node that stood still for longer than its session comes back as a follower, correct and listed', async () => {
  const { leader, follower } = await leadAndFollow();
  const listed = async (): Promise<boolean> => {
    const { body } = await ask(leader.node.url, '/v1/status');
    return (body['members'] as readonly { readonly nodeId: string }[]).some(({ nodeId }) => nodeId === follower.node.nodeId);
  };
  follower.node.pause();
  await until('its session is over', 15_000, async () => ((await listed()) ? undefined : true));
  const position = await written(put(leader.node.url, 'stood-still', 'while away'));
  follower.node.resume();
  expect((await get(follower.node.url, 'stood-still', `?atLeast=${position}`)).value).toBe('while away');
  await until('it is listed again', 15_000, async () => ((await listed()) ? true : undefined));
  await nodes.settled();
  expect((await statusOf(follower.node.url))?.role).toBe('follower');
  const at = (await statusOf(leader.node.url))?.position;
  const [state] = await Promise.all(members.map(async ({ node }) => (await ask(node.url, `/v1/state?at=${at}`)).body['state']));
  for (const { node } of members) expect((await ask(node.url, `/v1/state?at=${at}`)).body['state'], node.nodeId).toEqual(state);
});
