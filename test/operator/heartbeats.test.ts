/**
 * Goal: a backend may report to any node, and every node knows what was reported; soft state of the leader, gone with it.
 * Method: two real operator interfaces over one log, asked over HTTP.
 */
import { afterEach, expect, test } from 'vitest';
import { signatureOf } from '../../src/interfaces/operator/clusterSignature.ts';
import { call, ServedCluster } from './support.ts';

const clusters: ServedCluster[] = [];
afterEach(async () => {
  await Promise.all(clusters.splice(0).map((cluster) => cluster.stop()));
});

const path = '/v1/compute-nodes/heartbeats';
const report = {
  instanceId: 'i1',
  host: '10.0.0.1',
  heartbeatPort: 9050,
  bePort: 9060,
  httpPort: 8040,
  brpcPort: 8060,
  currentFragmentNum: 3,
  lastFragmentUpdateTime: 1_795_176_000_000,
};
const post = async (url: string, body: object, headers: Readonly<Record<string, string>> = {}) => {
  const answer = await fetch(url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
  return { status: answer.status, body: (await answer.json()) as Readonly<Record<string, unknown>> };
};
const list = async (url: string): Promise<unknown> => (await fetch(url + path)).json();

async function two() {
  const cluster = new ServedCluster();
  clusters.push(cluster);
  const leader = await cluster.start('n1', { clusterSecret: 'a secret for tests only' });
  await cluster.ready(leader);
  const follower = await cluster.start('n2', { clusterSecret: 'a secret for tests only' });
  await cluster.ready(leader, follower);
  const objInfo = { ak: 'a', sk: 's', bucket: 'b', prefix: 'p', endpoint: 'e', externalEndpoint: 'e', region: 'r', provider: 'COS' };
  const created = await fetch(`${follower.url}/v1/acts/createInstance`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ instanceId: 'i1', instanceName: 'one', userId: 'u1', objInfo }),
  });
  expect(created.status).toBe(200);
  return { leader, follower };
}

test('a report to a follower is kept by the leader and shown by both', async () => {
  const { follower, leader } = await two();
  expect(await post(follower.url, report)).toEqual({ status: 200, body: { instanceId: 'i1', nextWithinMs: 10_000 } });
  expect(await list(leader.url)).toEqual({ heartbeats: [report] });
  expect(await list(follower.url)).toEqual({ heartbeats: [report] });
  expect(leader.node.state.position, 'nothing of it is in the log').toBe(follower.node.state.position);
});

test('what was passed on is never passed on again', async () => {
  const { follower, leader } = await two();
  const passed = '/internal/v1/heartbeats';
  const given = JSON.stringify({ heartbeat: report });
  const sign = (secret: string) => ({ 'chancery-signature': signatureOf(secret, 'POST', passed, Buffer.from(given)) });
  const answers = [
    await call(follower.url + passed, { body: given, headers: sign('a secret for tests only') }),
    await call(leader.url + passed, { body: given, headers: sign('another secret') }),
    await call(leader.url + passed, { body: given }),
  ];
  expect(answers.map(({ json, status }) => [status, json['code']])).toEqual([
    [503, 'NO_LEADER'],
    [401, 'UNAUTHENTICATED'],
    [401, 'UNAUTHENTICATED'],
  ]);
  expect(await list(leader.url)).toEqual({ heartbeats: [] });
});

test.each([
  [{ ...report, heartbeatPort: 70_000 }, 'heartbeatPort'],
  [{ ...report, host: '' }, 'host'],
  [{ ...report, host: 'a\nb' }, 'host'],
  [{ ...report, surprise: 1 }, 'surprise'],
  [{ ...report, instanceId: undefined }, 'cloudUniqueId'],
  [{ ...report, instanceId: undefined, cloudUniqueId: '1:no_such_instance:x' }, 'cloudUniqueId'],
  [{ ...report, instanceId: '' }, 'instanceId'],
  [{ ...report, instanceId: 'no_such_instance' }, 'instanceId'],
])('%j is refused', async (body, field) => {
  const cluster = new ServedCluster();
  clusters.push(cluster);
  const leader = await cluster.start('n1');
  await cluster.ready(leader);
  const refused = await post(leader.url, body);
  expect([refused.status, refused.body['field']]).toEqual([400, field]);
});
