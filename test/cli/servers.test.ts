/**
 * Goal: an operator sees the tablet servers at the command line, tags them before they go, and takes off the list what is gone.
 * Method: a real node process, told of servers over HTTP as they tell it themselves; texts as an operator sees them.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { registration, tell } from '../operator/serverCluster.ts';
import { folder, inProcess, serve } from './processes.ts';

test('servers are listed, tagged, untagged and forgotten', async () => {
  const cwd = folder();
  writeFileSync(join(cwd, 'chancery.yaml'), 'cluster-configs:\n  chancery.server.lease: 1 h\n'); // Nobody sends heartbeats.
  const node = await serve(cwd);
  const run = (...args: readonly string[]) => inProcess(['servers', ...args], { CHANCERY_OPERATOR_URL: node.url });
  expect(await run('list')).toEqual({ status: 0, out: 'there are no tablet servers\n', err: '' });

  for (const id of [0, 1, 10]) expect((await tell(node, id, 'registration', { ...registration(id), rack: `r${id}` })).status).toBe(200);
  const tagged = await run('tag', '10, 0', 'permanent_offline', '--reason', 'the rack goes');
  expect(tagged.out).toMatch(
    /^tagged PERMANENT_OFFLINE: 10, 0 {3}position \d+\nnext: chancery rebalance start --goals REPLICA_DISTRIBUTION {3}moves their .*\n$/,
  );
  expect((await run('list')).out.replace(/(?:yesterday )?\d\d:\d\d:\d\d/g, 'hh:mm:ss')).toBe(
    [
      'id  status  replicas  leaders  lagging  tag                rack  endpoint        since',
      ' 0  LIVE           0        0        0  PERMANENT_OFFLINE  r0    127.0.0.1:9000  hh:mm:ss',
      ' 1  LIVE           0        0        0                     r1    127.0.0.1:9001  hh:mm:ss',
      '10  LIVE           0        0        0  PERMANENT_OFFLINE  r10   127.0.0.1:9010  hh:mm:ss',
      '',
    ].join('\n'),
  );
  expect(JSON.parse((await run('list', '--json')).out)).toMatchObject([
    { serverId: 0, tag: 'PERMANENT_OFFLINE', taggedBy: 'User:root', tagReason: 'the rack goes' },
    { serverId: 1, status: 'LIVE' },
    { serverId: 10 },
  ]);
  const refused = await run('tag', '1,9', 'TEMPORARY_OFFLINE');
  expect(refused).toMatchObject({ status: 1, out: '' });
  expect(refused.err).toContain('Server 9 not exists when trying to add server tag.');
  expect(refused.err).toContain('SELECT * FROM sys.servers');

  expect((await run('untag', '0,1')).out).toMatch(
    /^tablet server 0 has no tag any more {3}position \d+\ntablet server 1 has no tag any more {3}position \d+\n$/,
  );
  expect((await run('forget', '1')).err).toContain('tablet server 1 is LIVE');
  await tell(node, 1, 'registration?incarnation=i1', undefined, 'DELETE');
  expect((await run('forget', '1', '--json')).out).toMatch(/^\{"serverId":1,"position":\d+\}\n$/);
  expect(JSON.parse((await run('list', '--json')).out)).toMatchObject([{ serverId: 0 }, { serverId: 10 }]);
});

test.each([
  [['tag', '0;1', 'PERMANENT_OFFLINE'], "'0;1' are no ids of tablet servers\nGive whole numbers with commas between, such as 0,1,2.\n"],
  [['tag', '0', 'OFFLINE'], "'OFFLINE' is no tag\nGive PERMANENT_OFFLINE for servers that are to go, TEMPORARY_OFFLINE for a while.\n"],
  [['forget', '0,1'], "'0,1' is not the id of one tablet server\n"],
])('%j is wrong usage', async (args, err) => {
  expect(await inProcess(['servers', ...args])).toEqual({ status: 2, out: '', err });
});
