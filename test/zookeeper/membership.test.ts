/**
 * Goal: who is there and who should lead, by ZooKeeper's ephemeral znodes: through leaving, death, expiry, silence and two nodes of one id.
 * Method: a real server of one member; nodes that must lose their connection go through a proxy of their own.
 */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import type { EventLog } from '../../src/log/port.ts';
import { openZooKeeper, parseConnect } from '../../src/log/zookeeper/open.ts';
import { Session } from '../../src/log/zookeeper/session.ts';
import type { Member, Membership } from '../../src/ports/membership.ts';
import { TcpProxy } from '../support/tcpProxy.ts';
import { startZooKeeper, type ZooKeeper } from '../support/zookeeper.ts';

const sessionTimeoutMs = 1000;
interface Node {
  readonly id: string;
  readonly membership: Membership;
  readonly log: EventLog;
  readonly proxy: TcpProxy;
  readonly told: string[];
  /** Every standing that it told its listeners. */
  readonly standings: string[];
}
let server: ZooKeeper;
let roots = 0;
const nodes: Node[] = [];
beforeAll(async () => {
  server = await startZooKeeper(1);
});
afterAll(() => server.stop());
beforeEach(() => {
  roots += 1;
});
afterEach(async () => {
  await Promise.all(
    nodes.splice(0).map(async (node) => {
      node.proxy.everything = 'pass';
      await node.membership.leave();
      await node.log.close();
      await node.proxy.close();
    }),
  );
});

const member = (nodeId: string, position = 0, hash = ''): Member => ({
  nodeId,
  operatorUrl: `http://${nodeId}:8480`,
  release: '0.1.0',
  position,
  checkpoints: hash === '' ? [] : [{ position: 1024, hash }],
});
async function open(id: string): Promise<Node> {
  const proxy = await TcpProxy.to(server.ports[0] ?? 0);
  const told: string[] = [];
  const connect = `${proxy.connect}/membership-${roots}`;
  const opened = await openZooKeeper({ connect, sessionTimeoutMs, timeoutMs: 5000, onProgress: (text) => void told.push(text) });
  const standings: string[] = [];
  opened.membership.onChange(() => void standings.push(opened.membership.standing().kind));
  const node = { id, ...opened, proxy, told, standings };
  nodes.push(node);
  return node;
}
async function joined(id: string): Promise<Node> {
  const node = await open(id);
  await node.membership.join(member(id));
  return node;
}
const ids = (node: Node): string[] => node.membership.members().map((each) => each.nodeId);
const soon = (check: () => unknown): Promise<unknown> => vi.waitFor(check, { timeout: 10_000, interval: 5 });
const leads = (node: Node): Promise<unknown> => soon(() => expect(node.membership.standing()).toEqual({ kind: 'leader' }));
const followsIt = (node: Node, leaderId: string | undefined): Promise<unknown> =>
  soon(() => expect(node.membership.standing()).toEqual({ kind: 'follower', leaderId }));
const sees = (node: Node, expected: readonly string[]): Promise<unknown> => soon(() => expect(ids(node)).toEqual(expected));

test('the node that came first leads; the next one does when it leaves', async () => {
  const [a, b, c] = [await joined('a'), await joined('b'), await joined('c')];
  expect(a.membership.standing()).toEqual({ kind: 'leader' });
  for (const node of [a, b, c]) await sees(node, ['a', 'b', 'c']);
  await followsIt(b, 'a');
  await a.membership.leave();
  expect(a.membership.standing()).toEqual({ kind: 'follower', leaderId: undefined });
  expect(a.membership.members()).toEqual([]);
  await leads(b);
  await followsIt(c, 'b');
  await sees(c, ['b', 'c']);
});

test('a leader that is cut off steps down before another one leads; back, it follows', async () => {
  const [a, b] = [await joined('a'), await joined('b')];
  await leads(a);
  const order: string[] = [];
  for (const node of [a, b]) node.membership.onChange(() => void order.push(`${node.id} ${node.membership.standing().kind}`));
  a.proxy.everything = 'hold';
  await followsIt(a, undefined);
  await leads(b);
  await sees(b, ['b']);
  expect(order.indexOf('a follower')).toBeLessThan(order.indexOf('b leader'));
  a.proxy.cut();
  a.proxy.everything = 'pass';
  await followsIt(a, 'b');
  await sees(b, ['a', 'b']);
  expect(a.told.some((text) => text.includes('expired'))).toBe(true);
});

test('a leader that hears nothing for a while steps down, and is told when it may lead again in the same session', async () => {
  const a = await joined('a');
  await leads(a);
  a.proxy.replies = 'hold'; // The server hears the node, so its session lives.
  await soon(() => expect(a.standings.at(-1)).toBe('follower'));
  a.proxy.cut();
  a.proxy.replies = 'pass';
  await leads(a);
  expect(a.told.some((text) => text.includes('expired'))).toBe(false);
  await soon(() => expect(a.standings.at(-1)).toBe('leader'));
});

test('a connection cut for a moment changes nothing', async () => {
  const [a, b] = [await joined('a'), await joined('b')];
  await Promise.all([leads(a), sees(b, ['a', 'b'])]);
  const before = b.standings.length;
  for (let i = 1; i <= 3; i += 1) {
    a.proxy.cut();
    await soon(() => expect(a.told.filter((text) => text.startsWith('connected'))).toHaveLength(1 + i));
  }
  a.membership.publish(member('a', 5, 'after the cut'));
  await soon(() => expect(b.membership.members()[0]?.checkpoints).toEqual([{ position: 1024, hash: 'after the cut' }]));
  expect(a.membership.standing()).toEqual({ kind: 'leader' });
  expect(a.standings).not.toContain('follower');
  expect(b.standings.slice(before)).not.toContain('leader');
});

test('what a node publishes reaches the others, checkpoints at once', async () => {
  const [a, b] = [await joined('a'), await joined('b')];
  a.membership.publish(member('a', 17));
  await soon(() => expect(b.membership.members()[0]?.position).toBe(17));
  a.membership.publish(member('a', 1030, 'abc'));
  await soon(() => expect(b.membership.members()[0]).toEqual(member('a', 1030, 'abc')));
});

test('a node id in use is refused with its holder; once the holder is gone without a word it is free', async () => {
  const first = await joined('a');
  const second = await open('a');
  await expect(second.membership.join(member('a'))).rejects.toThrow("node id 'a' is in use by the live node at http://a:8480");
  await expect(second.membership.join(member('a'))).rejects.toMatchObject({ name: 'NodeIdTaken' });
  first.proxy.everything = 'hold';
  first.proxy.cut();
  await second.membership.join(member('a'));
  await leads(second);
  // The first comes back, finds its id taken in a new session, says so, and does not campaign.
  first.proxy.everything = 'pass';
  first.proxy.cut();
  await soon(() =>
    expect(first.told.some((text) => text.startsWith("node id 'a' is in use by the live node at http://a:8480"))).toBe(true),
  );
  await followsIt(first, 'a');
  await second.membership.leave();
  await leads(first);
});

test('a node whose znodes were removed by hand makes them again', async () => {
  const [a, b] = [await joined('a'), await joined('b')];
  await Promise.all([leads(a), sees(b, ['a', 'b'])]);
  const session = new Session({ addresses: parseConnect(server.connect).addresses, sessionTimeoutMs });
  await session.live(performance.now() + 5000);
  const root = `/membership-${roots}`;
  await session.remove(`${root}/nodes/a`);
  await soon(async () => expect((await session.getData(`${root}/nodes/a`)).data).toContain('http://a:8480'));
  const [first = ''] = [...(await session.getChildren(`${root}/election`))].sort();
  await session.remove(`${root}/election/${first}`);
  await leads(b);
  await followsIt(a, 'b');
  expect(await session.getChildren(`${root}/election`)).toHaveLength(2);
  await session.close();
});

test('a member of another release that cannot be read is not shown, and harms nobody', async () => {
  const a = await joined('a');
  const session = new Session({ addresses: parseConnect(server.connect).addresses, sessionTimeoutMs });
  await session.live(performance.now() + 5000);
  await session.create(`/membership-${roots}/nodes/strange`, 'not json', 'ephemeral');
  await session.create(`/membership-${roots}/nodes/stranger`, '{"nodeId":5}', 'ephemeral');
  await joined('b');
  await sees(a, ['a', 'b']);
  await session.close();
});
