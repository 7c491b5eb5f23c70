/**
 * Goal: what is granted or revoked on one node is in force there when the call returns, and on every other for whoever asks by
 *   `atLeast`; for acts it is in force everywhere at once, since the leader judges them.
 * Method: three real nodes and a real ZooKeeper; each node in turn grants and revokes while the others are asked over HTTP by a user
 *   who has nothing else; then a follower stands still meanwhile.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { hashPassword, printHash } from '../../src/authentication/passwords.ts';
import type { NodeProcess } from '../support/nodeProcesses.ts';
import { startZooKeeper, type ZooKeeper } from '../support/zookeeper.ts';
import { Nodes } from './harness.ts';

let zookeeper: ZooKeeper;
let members: readonly NodeProcess[];
const nodes = new Nodes();
beforeAll(async () => {
  zookeeper = await startZooKeeper(1);
  const hash = printHash(await hashPassword('right', { memoryKiB: 8, passes: 1, lanes: 1 }));
  // Whoever gives no credentials may do everything here: the test's own questions are none of a user.
  const lines = [
    'authentication: optional',
    'users:',
    `  etl: ${hash}`,
    'cluster-configs:',
    '  authorizer.enabled: true',
    '  super.users: User:ANONYMOUS',
  ];
  writeFileSync(join(nodes.folder, 'chancery.yaml'), `${lines.join('\n')}\n`);
  const settings = { LOG: `zookeeper://${zookeeper.connect}/chancery`, SESSION_TIMEOUT: '10s' };
  members = await Promise.all(['n1', 'n2', 'n3'].map((nodeId) => nodes.start(nodeId, settings)));
  await nodes.settled();
});
afterAll(async () => {
  await nodes.stop();
  await zookeeper?.stop();
});

const etl = { authorization: `Basic ${Buffer.from('etl:right').toString('base64')}` };
const json = { 'content-type': 'application/json' };
async function changed(url: string, path: string, method: string, body?: object): Promise<number> {
  const response = await fetch(url + path, { method, ...(body === undefined ? {} : { headers: json, body: JSON.stringify(body) }) });
  expect(response.status, await response.clone().text()).toBe(200);
  return ((await response.json()) as { position: number }).position;
}
const grant = (url: string): Promise<number> =>
  changed(url, '/v1/acls', 'POST', { acls: [{ resource: 'CLUSTER', permission: 'ALLOW', principal: 'User:etl', operation: 'ALTER' }] });
const revoke = (url: string): Promise<number> => changed(url, '/v1/acls?principal=User:etl', 'DELETE');

/** Statuses of what etl may only while the entry is there: a read, a SELECT, and an act. */
async function tried(url: string, atLeast?: number): Promise<readonly number[]> {
  const at = atLeast === undefined ? '' : `?atLeast=${atLeast}`;
  const statement = { statement: 'SELECT count(*) FROM sys.cluster_configs', ...(atLeast === undefined ? {} : { atLeast }) };
  const answers = await Promise.all([
    fetch(`${url}/v1/configs${at}`, { headers: etl }),
    fetch(`${url}/v1/sql`, { method: 'POST', headers: { ...json, ...etl }, body: JSON.stringify(statement) }),
    fetch(`${url}/v1/configs/datalake.test.acls`, { method: 'PUT', headers: { ...json, ...etl }, body: JSON.stringify({ value: 'x' }) }),
  ]);
  return answers.map(({ status }) => status);
}

test('each node grants and revokes, and all others know', async () => {
  for (const [i, granting] of members.entries()) {
    const revoking = members[(i + 1) % 3];
    if (revoking === undefined) throw new Error('there is no such node');
    const granted = await grant(granting.url);
    expect(await tried(granting.url), `granted on ${granting.nodeId}`).toEqual([200, 200, 200]);
    for (const { nodeId, url } of members)
      expect(await tried(url, granted), `granted on ${granting.nodeId}, asked on ${nodeId}`).toEqual([200, 200, 200]);
    const revoked = await revoke(revoking.url);
    expect(await tried(revoking.url), `revoked on ${revoking.nodeId}`).toEqual([403, 403, 403]);
    for (const { nodeId, url } of members)
      expect(await tried(url, revoked), `revoked on ${revoking.nodeId}, asked on ${nodeId}`).toEqual([403, 403, 403]);
  }
});

test('a follower that stood still while a right ended lets nobody in who asks by atLeast, and does no act', async () => {
  const leader = await nodes.leader();
  const follower = members.find((member) => member !== leader);
  if (follower === undefined) throw new Error('there is no follower');
  await nodes.settled();
  const granted = await grant(leader.url);
  expect(await tried(follower.url, granted)).toEqual([200, 200, 200]);
  follower.pause();
  const revoked = await revoke(leader.url);
  const asked = tried(follower.url, revoked);
  follower.resume();
  const [read, select, act] = await asked;
  expect([403, 503], 'refused, or not caught up').toContain(read);
  expect([403, 503], 'refused, or not caught up').toContain(select);
  expect(act).toBe(403);
});
