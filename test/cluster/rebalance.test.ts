/**
 * Goal: a rebalance moves real bytes and comes to its end whatever is killed meanwhile; canceled at any moment it leaves every bucket
 *   legal, and the next one completes.
 * Method: three nodes on a real ZooKeeper and five tablet servers, all of them processes that are killed with -9; the bytes of every
 *   replica are compared with its leader's. CHANCERY_REBALANCE=full drains 200 buckets of 1 MB through ten killed leaders, and cancels
 *   100 times.
 */
import { afterAll, beforeAll, expect, onTestFailed, test } from 'vitest';
import { chancery } from '../cli/processes.ts';
import { type NodeProcess, until } from '../support/nodeProcesses.ts';
import { type TabletServerProcess, tabletServerProcess } from '../support/tabletServers.ts';
import { startZooKeeper, type ZooKeeper } from '../support/zookeeper.ts';
import { type Answer, ask, Nodes } from './harness.ts';

const isFull = process.env['CHANCERY_REBALANCE'] === 'full';
const drained = isFull
  ? { buckets: 200, bytes: '1mb', copyRate: '300kb', leaderKills: 10 }
  : { buckets: 40, bytes: '64kb', copyRate: '25kb', leaderKills: 2 };
const canceled = { buckets: 40, bytes: '64kb', cancellations: isFull ? 100 : 3 };
const minute = 60_000;
const replicationFactor = 3;

let zookeeper: ZooKeeper;
let members: readonly NodeProcess[];
let servers: readonly TabletServerProcess[];
const nodes = new Nodes();

/** Runs a script on whichever node takes it. */
async function sql(statement: string): Promise<readonly (readonly unknown[])[]> {
  return await until(statement, minute, async () => {
    for (const { url } of members) {
      const { body, status } = await ask(url, '/v1/sql', { body: { statement } });
      const results = body['results'] as readonly { readonly rows?: readonly (readonly unknown[])[] }[] | undefined;
      if (status === 200) return results?.at(-1)?.rows ?? [];
      expect(status === 0 || status >= 500, `${status} ${JSON.stringify(body)}`).toBe(true);
    }
    return undefined;
  });
}

interface Bucket {
  readonly bucketId: number;
  readonly leader: number;
  readonly replicas: readonly number[];
  readonly isr: readonly number[];
}
/** What whichever node answers sees of all that was acknowledged. */
const look = (what: string, path: string): Promise<Answer['body']> =>
  until(what, minute, async () => {
    for (const { url } of members) {
      const { body, status } = await ask(url, `${path}&consistency=linearizable`);
      if (status === 200) return body;
      expect(status === 0 || status >= 500, JSON.stringify(body)).toBe(true);
    }
    return undefined;
  });
const buckets = async (): Promise<readonly Bucket[]> =>
  (await look('a node lists the buckets', '/v1/buckets?table=shop.orders'))['buckets'] as readonly Bucket[];

interface Rebalance {
  readonly rebalanceId: string;
  readonly status: string;
  readonly failed: number;
}
/** The newest rebalance, and how far the log goes. */
async function newest(): Promise<{ readonly rebalance: Rebalance; readonly position: number }> {
  const { provenance, rebalances } = await look('a node tells of the rebalance', '/v1/rebalances?limit=1');
  const [rebalance = { rebalanceId: '', status: '', failed: 0 }] = rebalances as readonly Rebalance[];
  return { rebalance, position: (provenance as { readonly position: number }).position };
}
const isOver = async (): Promise<true | undefined> =>
  ['NOT_STARTED', 'REBALANCING'].includes((await newest()).rebalance.status) ? undefined : true;
async function start(): Promise<void> {
  await sql("CALL sys.rebalance(priorityGoals => 'REPLICA_DISTRIBUTION,LEADER_DISTRIBUTION', onStale => 'REPLAN')");
}

/** Of each bucket: three different servers, led by one of those in sync. */
async function expectLegal(count: number): Promise<readonly Bucket[]> {
  const all = await buckets();
  expect(all).toHaveLength(count);
  for (const bucket of all) {
    expect(new Set(bucket.replicas).size, JSON.stringify(bucket)).toBe(replicationFactor);
    expect(bucket.isr, JSON.stringify(bucket)).toContain(bucket.leader);
  }
  return all;
}
const urls = (): string => members.map(({ url }) => url).join(',');
const command = (...args: readonly string[]) => chancery([...args, '--operator', urls()], { cwd: nodes.folder });

async function expectEqualBytes(): Promise<void> {
  const checked = await command('tablet-server', 'check', '--table', 'shop.orders', '--json');
  expect(checked, checked.out + checked.err).toMatchObject({ status: 0 });
}

beforeAll(async () => {
  zookeeper = await startZooKeeper(1);
  members = await Promise.all(
    ['n1', 'n2', 'n3'].map((nodeId) => nodes.start(nodeId, { LOG: `zookeeper://${zookeeper.connect}/chancery` })),
  );
  await nodes.settled();
  await sql("CALL sys.set_cluster_configs('chancery.server.lease', '3s')");
  const coordinators = members.map(({ url }) => url);
  servers = [0, 1, 2, 3, 4].map((id) => tabletServerProcess(id, `r${id % 3}`, coordinators, nodes.folder));
  await until('five tablet servers are registered', minute, async () =>
    Number((await sql("SELECT count(*) FROM sys.servers WHERE status = 'LIVE'"))[0]?.[0]) === 5 ? true : undefined,
  );
}, 4 * minute);
afterAll(async () => {
  await Promise.all((servers ?? []).map((server) => server.kill()));
  await nodes.stop();
  await zookeeper?.stop();
});

async function fillNewTable({ buckets: count, bytes }: { readonly buckets: number; readonly bytes: string }): Promise<void> {
  const options = `'bucket.num'='${count}', 'table.replication.factor'='${replicationFactor}'`;
  await sql(`CREATE TABLE shop.orders (id BIGINT, amount DECIMAL(10, 2)) WITH (${options})`);
  const filled = await command('tablet-server', 'fill', '--table', 'shop.orders', '--size', bytes);
  expect(filled, filled.err).toMatchObject({ status: 0 });
  await expectEqualBytes();
}

test(
  'a server is drained while leaders and tablet servers are killed',
  async () => {
    onTestFailed(async () => console.log(JSON.stringify(await newest()), JSON.stringify(await buckets())));
    await sql('CREATE DATABASE shop');
    await fillNewTable(drained);
    await sql(`CALL sys.set_cluster_configs('kv.rocksdb.shared-rate-limiter.bytes-per-sec', '${drained.copyRate}')`);
    await sql("CALL sys.add_server_tag('0', 'PERMANENT_OFFLINE')");
    await start();
    for (let kill = 0; kill < drained.leaderKills; kill += 1) {
      const leader = await nodes.leader();
      const server = kill === 0 ? servers[1] : kill === 1 ? servers[2] : undefined;
      await Promise.all([leader.kill(), server?.kill()]);
      server?.start();
      leader.start();
      await nodes.leader();
    }
    expect(await isOver(), 'all of that happened while buckets moved').toBeUndefined();
    await sql("CALL sys.reset_cluster_configs('kv.rocksdb.shared-rate-limiter.bytes-per-sec')");
    await until('the rebalance is over', 8 * minute, isOver);
    expect((await newest()).rebalance).toMatchObject({ status: 'COMPLETED', failed: 0 });

    const all = await until('every replica is in sync', minute, async () => {
      const rows = await expectLegal(drained.buckets);
      return rows.every(({ isr }) => isr.length === replicationFactor) ? rows : undefined;
    });
    expect(all.filter(({ replicas }) => replicas.includes(0))).toEqual([]);
    await expectEqualBytes();
    await expectWholeStory();
  },
  12 * minute,
);

/** The history tells of each move from its beginning to its end, in order. */
async function expectWholeStory(): Promise<void> {
  const { rebalanceId } = (await newest()).rebalance;
  const rows = await sql(
    `SELECT type, CAST(data->>'move' AS INTEGER) FROM sys.events WHERE data->>'rebalanceId' = '${rebalanceId}' ORDER BY position`,
  );
  const types = rows.map(([type]) => String(type));
  expect([types[0], types.at(-1)]).toEqual(['RebalancePlanned', 'RebalanceCompleted']);
  const byMove = new Map<number, string[]>();
  for (const [type, move] of rows) if (move !== null) byMove.set(Number(move), [...(byMove.get(Number(move)) ?? []), String(type)]);
  expect(byMove.size).toBeGreaterThan(drained.buckets / 3);
  const order = ['MoveStarted', 'ReplicasAdded', 'ReplicasInSync', 'LeaderHandedOver', 'ReplicasDropped', 'MoveFinished'];
  for (const [move, story] of byMove) {
    expect([story[0], story.at(-1)], `move ${move}`).toEqual(['MoveStarted', 'MoveFinished']);
    const copied = story.includes('ReplicasAdded') ? ['ReplicasAdded', 'ReplicasInSync', 'ReplicasDropped'] : [];
    expect(story, `move ${move}`).toEqual(expect.arrayContaining(copied));
    // Leadership may be handed over again when its new leader was killed; nothing else happens twice.
    const places = story.map((type) => order.indexOf(type));
    expect(places, `move ${move}: ${story.join()}`).toEqual([...places].sort((a, b) => a - b));
  }
}

test(
  'canceled at any moment, every bucket is legal and the next rebalance completes',
  async () => {
    await sql("CALL sys.remove_server_tag('0', 'PERMANENT_OFFLINE')");
    await sql('DROP TABLE shop.orders');
    await fillNewTable(canceled);
    for (let round = 0; round < canceled.cancellations; round += 1) {
      const emptied = round % servers.length;
      await sql(`CALL sys.add_server_tag('${emptied}', 'TEMPORARY_OFFLINE')`);
      await start();
      const { position: from } = await newest();
      const events = Math.floor((canceled.buckets * 4 * round) / canceled.cancellations);
      await until('it is so far', minute, async () => {
        const { position } = await newest();
        return position >= from + events || (await isOver()) === true ? true : undefined;
      });
      if ((await isOver()) === undefined)
        for (const { url } of members) {
          const { status } = await ask(url, '/v1/sql', { body: { statement: 'CALL sys.cancel_rebalance()' } });
          if (status === 200 || status === 409) break; // It may have come to its end meanwhile.
        }
      await until('it is over', minute, isOver);
      await expectLegal(canceled.buckets);
      await start();
      await until('the next one is over', 4 * minute, isOver);
      expect((await newest()).rebalance).toMatchObject({ status: 'COMPLETED', failed: 0 });
      expect((await expectLegal(canceled.buckets)).filter(({ replicas }) => replicas.includes(emptied))).toEqual([]);
      await sql(`CALL sys.remove_server_tag('${emptied}', 'TEMPORARY_OFFLINE')`);
    }
    await expectEqualBytes();
  },
  60 * minute,
);
