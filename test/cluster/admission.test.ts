/**
 * Goal: who may not take part is told why, at both ends; who comes too early waits in words and comes up by itself.
 * Method: real nodes on one real ZooKeeper with the same name, with another secret, and before there is a ZooKeeper.
 */
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { chancery } from '../cli/processes.ts';
import { type NodeProcess, until } from '../support/nodeProcesses.ts';
import { startZooKeeper, type ZooKeeper } from '../support/zookeeper.ts';
import { ask, get, Nodes, put, written } from './harness.ts';

let zookeeper: ZooKeeper;
beforeAll(async () => {
  zookeeper = await startZooKeeper(1);
});
afterAll(() => zookeeper?.stop());

function nodesOf(): Nodes {
  const nodes = new Nodes();
  onTestFinished(() => nodes.stop());
  return nodes;
}
const logIn = (root: string) => ({ LOG: `zookeeper://${zookeeper.connect}/${root}` });
const ended = (node: NodeProcess) => until('it has ended', 30_000, async () => (node.isRunning() ? undefined : true));

test('a node id in use is refused, naming the holder, and the holder goes on', async () => {
  const nodes = nodesOf();
  const first = await nodes.start('n1', logIn('twice'));
  await nodes.leader();
  const second = await nodes.start('n1', logIn('twice'));
  await ended(second);
  expect(await second.stop()).toBe(1);
  expect(nodes.said('n1')).toContain(
    `cannot start: node id 'n1' is in use by the live node at ${first.url}: give this one another --node-id\n`,
  );
  await written(put(first.url, 'twice', 'still'));
});

test('a node that was killed and starts again at once under its id gets in when its old session is over', async () => {
  const nodes = nodesOf();
  const node = await nodes.start('n1', logIn('again'));
  await nodes.leader();
  await written(put(node.url, 'again', 'kept'));
  await node.kill();
  node.start();
  await nodes.settled();
  expect((await get(node.url, 'again')).value).toBe('kept');
  await written(put(node.url, 'again', 'and on'));
});

test('a node with another cluster secret says so to its callers and in its log, and so does the leader', async () => {
  const nodes = nodesOf();
  const leader = await nodes.start('n1', logIn('secrets'));
  await nodes.leader();
  const stranger = await nodes.start('n2', { ...logIn('secrets'), CLUSTER_SECRET: 'a secret of another cluster' });
  await nodes.leader();
  const refused = await put(stranger.url, 'secrets', 'x');
  expect(refused).toMatchObject({ status: 503, body: { code: 'NO_LEADER' } });
  expect(refused.body['detail']).toContain('node n1 does not know this node: is --cluster-secret the same on both?');
  expect(nodes.said('n2')).toMatch(/"level":40.*node n1 does not know this node: is --cluster-secret the same on both\?/);
  expect(nodes.said('n1')).toMatch(
    /"level":40.*refused a request between nodes from 127\.0\.0\.1: it was signed with another --cluster-secret/,
  );
  const { body } = await ask(leader.url, '/v1/configs/datalake.test.secrets');
  expect(body['config'] ?? {}).not.toHaveProperty('value'); // What it was asked for was not done.
});

test('without a ZooKeeper a node waits, says for what and why, and serves as soon as there is one', async () => {
  const nodes = nodesOf();
  await zookeeper.kill(0);
  const node = await nodes.start('n1', logIn('early'));
  await until('it says what it waits for', 20_000, async () =>
    nodes.said('n1').includes(`waiting for ZooKeeper at ${zookeeper.connect}, `) ? true : undefined,
  );
  expect((await ask(node.url, '/ready')).status).not.toBe(200);
  expect(nodes.said('n1')).toContain(`no ZooKeeper answers: ${zookeeper.connect} (ECONNREFUSED); trying again`);
  // What does not serve does not wait for ever.
  const verified = await chancery(['verify', '--log', `zookeeper://${zookeeper.connect}/early`], { cwd: nodes.folder });
  expect(verified.status).toBe(3);
  expect(verified.err).toContain(
    `no ZooKeeper took a session within 10000 ms: ${zookeeper.connect} (ECONNREFUSED); start it, or name the right servers in --log`,
  );
  await zookeeper.restart(0);
  await nodes.settled();
  await written(put(node.url, 'early', 'x'));
});
