/**
 * Goal: a node that does not lead answers as the contract says, word for word as one that leads.
 * Method: three real nodes on a real ZooKeeper; the cases speak to a follower, which has every change decided by the leader.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freePorts } from '../../src/cli/zookeeperServer.ts';
import { Nodes } from '../cluster/harness.ts';
import { type NodeProcess, statusOf } from '../support/nodeProcesses.ts';
import { startZooKeeper, type ZooKeeper } from '../support/zookeeper.ts';
import { groups } from './cases/all.ts';
import { runCase, type Target } from './runner.ts';

const nodes = new Nodes();
let zookeeper: ZooKeeper;
let follower: NodeProcess;
let target: Target;
beforeAll(async () => {
  zookeeper = await startZooKeeper();
  const ports = await freePorts(3);
  const addresses = new Map(ports.map((port, index) => [`n${index + 1}`, `127.0.0.1:${port}`]));
  const log = `zookeeper://${zookeeper.connect}/chancery`;
  const settings = { LOG: log, SESSION_TIMEOUT: '10s' }; // Whoever leads goes on doing so.
  const started = await Promise.all([...addresses].map(([nodeId, address]) => nodes.start(nodeId, { ...settings, META_SERVICE: address })));
  await nodes.settled();
  const leader = await nodes.leader();
  const found = started.find((node) => node !== leader);
  if (found === undefined) throw new Error('there is no follower');
  follower = found;
  target = { metaService: `http://${addresses.get(follower.nodeId)}`, operator: follower.url };
});
afterAll(async () => {
  await nodes.stop();
  await zookeeper?.stop();
});

for (const [group, cases] of Object.entries(groups))
  describe(group, () => {
    for (const [index, each] of cases.entries()) test(each.name, () => runCase(each, `${group.replace(' ', '-')}-${index}`, target));
  });

test('the node that answered has followed all the while, and all have the same state', async () => {
  expect((await statusOf(follower.url))?.role).toBe('follower');
  await nodes.settled();
});
