/**
 * Goal: a node that would loosen access by taking the lead says so before it does, and says nothing when the files are alike.
 * Method: nodes on the in-memory log, each with the cluster configs of its own file; what a follower's logger was told.
 */
import { afterEach, expect, test, vi } from 'vitest';
import { watchFileDifferences } from '../../src/engine/fileDifferences.ts';
import type { Node, StaticConfigs } from '../../src/engine/node.ts';
import { TestCluster } from '../support/nodes.ts';
import { inAMoment } from '../support/waits.ts';

const clusters: TestCluster[] = [];
afterEach(async () => {
  for (const cluster of clusters.splice(0)) await cluster.stop();
});
const file = (configs: Readonly<Record<string, string>>): StaticConfigs =>
  Object.fromEntries(Object.entries(configs).map(([key, text]) => [key, { kind: 'text', text }]));

async function warningsOf(led: StaticConfigs, own: StaticConfigs): Promise<readonly string[]> {
  const cluster = new TestCluster();
  clusters.push(cluster);
  await cluster.start('n1', { staticConfigs: led });
  await vi.waitFor(() => expect(cluster.node('n1').role).toBe('leader'), inAMoment);
  const follower = await cluster.start('n2', { staticConfigs: own });
  await vi.waitFor(() => expect(follower.state.position).toBeGreaterThan(0), inAMoment);
  return saidBy(follower, own);
}

function saidBy({ replica }: Node, own: StaticConfigs): readonly string[] {
  const said: string[] = [];
  watchFileDifferences(replica, own, { warn: (_, text) => void said.push(text) });
  return said;
}

test('the authorizer is off in its file', async () => {
  const said = await warningsOf(file({ 'authorizer.enabled': 'true', 'super.users': 'User:root' }), {});
  expect(said).toEqual([
    "who may do what would change if this node led: authorizer.enabled is 'true' in the file of the node that leads, 'false' in that " +
      "of this node; super.users is 'User:root' in the file of the node that leads, '' in that of this node; " +
      'make the files of all nodes alike',
  ]);
});

test('files that say the same in other words, or differ in other keys, are alike', async () => {
  const led = file({ 'authorizer.enabled': 'TRUE', 'datalake.format': 'paimon', 'security.acl.principal.ignore-case': 'false' });
  expect(await warningsOf(led, file({ 'authorizer.enabled': 'true' }))).toEqual([]);
});

test('another node takes the lead, with another file', async () => {
  const cluster = new TestCluster();
  clusters.push(cluster);
  const own = file({ 'authorizer.enabled': 'true' });
  await cluster.start('n1', { staticConfigs: own });
  await vi.waitFor(() => expect(cluster.node('n1').role).toBe('leader'), inAMoment);
  await cluster.start('n2');
  const follower = await cluster.start('n3', { staticConfigs: own });
  await vi.waitFor(() => expect(follower.state.position).toBeGreaterThan(0), inAMoment);
  const said = saidBy(follower, own);
  expect(said).toEqual([]);
  cluster.kill('n1');
  await vi.waitFor(() => expect(said).toHaveLength(1), { timeout: 30_000 });
  expect(said[0]).toContain("authorizer.enabled is 'false' in the file of the node that leads, 'true' in that of this node");
});
