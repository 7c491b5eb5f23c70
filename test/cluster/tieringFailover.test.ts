/**
 * Goal: a leader that is killed in the middle of rounds loses no error and no success, hands no round to two services, lets no epoch go
 *   back, and has no table wait for longer than its freshness and one period, which is the time-out of a round: as long does a new leader
 *   wait for services it never heard of. Time without any leader is the failover's own, and counted apart.
 * Method: three nodes on a real ZooKeeper, processes that are killed with -9; services of the test, over HTTP to any node, of which one
 *   fails some tables each time and one falls silent now and then. What the log tells is judged event by event, and held against what was
 *   acknowledged and what every node shows. CHANCERY_TIERING=full kills ten leaders, otherwise it is three.
 */
import { afterAll, beforeAll, expect, onTestFailed, test } from 'vitest';
import { type NodeProcess, until } from '../support/nodeProcesses.ts';
import { readLog } from '../support/writers.ts';
import { startZooKeeper, type ZooKeeper } from '../support/zookeeper.ts';
import { ask, Nodes } from './harness.ts';
import { Judge, type Round, Service, type Standing, Told } from './tieringServices.ts';

const kills = process.env['CHANCERY_TIERING'] === 'full' ? 10 : 3;
const tables = 12;
const freshnessMs = 1_000;
const timeoutMs = 4_000;
const minute = 60_000;

let zookeeper: ZooKeeper;
let members: readonly NodeProcess[];
const nodes = new Nodes();
const told = new Told();
let services: readonly Service[] = [];

async function sql(statement: string): Promise<readonly (readonly unknown[])[]> {
  return await until(statement, minute, async () => {
    for (const { url } of members) {
      const { body, status } = await ask(url, '/v1/sql', { body: { statement, consistency: 'linearizable' } });
      const results = body['results'] as readonly { readonly rows?: readonly (readonly unknown[])[] }[] | undefined;
      if (status === 200) return results?.at(-1)?.rows ?? [];
      expect(status === 0 || status >= 500, `${status} ${JSON.stringify(body)}`).toBe(true);
    }
    return undefined;
  });
}

beforeAll(async () => {
  zookeeper = await startZooKeeper(1);
  const log = { LOG: `zookeeper://${zookeeper.connect}/chancery` };
  members = await Promise.all(['n1', 'n2', 'n3'].map((nodeId) => nodes.start(nodeId, log)));
  await nodes.settled();
  await sql(`CALL sys.set_cluster_configs('chancery.tiering.round-timeout', '${timeoutMs} ms')`);
  await sql('CREATE DATABASE lake');
  const options = `'table.datalake.enabled' = 'true', 'table.datalake.freshness' = '${freshnessMs} ms'`;
  for (let i = 0; i < tables; i += 1) await sql(`CREATE TABLE lake.t${i} (id BIGINT, day STRING) PARTITIONED BY (day) WITH (${options})`);
}, 4 * minute);
afterAll(async () => {
  await Promise.allSettled(services.map((service) => service.stop()));
  await nodes.stop();
  await zookeeper?.stop();
});

/** Every third table fails two times of three, whoever tiers it. */
const fateOf = ({ tableId, tieringEpoch }: Round): 'fail' | 'finish' => (tableId % 3 === 0 && tieringEpoch % 3 !== 0 ? 'fail' : 'finish');

/** What a node shows of all tables, at which position. */
async function shownBy(url: string): Promise<{ readonly standings: Record<string, Standing>; readonly position: number }> {
  return await until(`${url} lists the statuses`, minute, async () => {
    const { body, status } = await ask(url, '/v1/tiering/statuses?consistency=linearizable');
    if (status === 0 || status >= 500) return undefined;
    expect(status, JSON.stringify(body)).toBe(200);
    const rows = body['tables'] as readonly (Standing & { readonly tableId: number })[];
    const standings = rows.map(({ lastError, lastErrorAt, lastTieredAt, status: state, tableId, tieringEpoch }) => {
      const standing: Standing = { status: state, tieringEpoch, lastError, lastErrorAt, lastTieredAt };
      return [String(tableId), standing] as const;
    });
    return { standings: Object.fromEntries(standings), position: (body['provenance'] as { readonly position: number }).position };
  });
}

/** Every node shows of every table what the log says at its position. */
async function expectShown(): Promise<void> {
  const shown = await Promise.all(members.map(({ url }) => shownBy(url)));
  const log = await readLog((await nodes.leader()).url);
  for (const { position, standings } of shown) expect(standings).toEqual(new Judge().read(log, position).standings());
}

/** Waits until services have been handed this many rounds more. */
async function moreRounds(count: number): Promise<void> {
  const enough = told.handed.size + count;
  await until(`${count} more rounds begin`, minute, async () => (told.handed.size >= enough ? true : undefined));
}

test(
  'leaders are killed in the middle of rounds, and nothing is lost by it',
  async () => {
    onTestFailed(() => console.log(JSON.stringify([...told.handed]), told.sentAgain, told.metNewEpoch));
    const urls = members.map(({ url }) => url);
    const times = { workMs: 300, hangMs: 2 * timeoutMs };
    let rounds = 0;
    const hangs = (round: Round): 'fail' | 'finish' | 'hang' => {
      rounds += 1;
      return rounds % 8 === 0 ? 'hang' : fateOf(round);
    };
    services = [
      new Service('s1', urls, told, fateOf, times),
      new Service('s2', [...urls].reverse(), told, fateOf, times),
      new Service('s3', urls, told, hangs, times),
    ];
    for (const service of services) service.start();
    for (let kill = 0; kill < kills; kill += 1) {
      await moreRounds(2 * tables);
      const leader = await nodes.leader();
      await leader.kill();
      await nodes.leader(members.filter((member) => member !== leader));
      leader.start();
      await nodes.leader();
      await expectShown();
    }
    await moreRounds(tables);
    await Promise.all(services.map((service) => service.stop()));
    await expectShown();
    await expectNothingLost();
  },
  12 * minute,
);

async function expectNothingLost(): Promise<void> {
  const log = await readLog((await nodes.leader()).url);
  const judge = new Judge().read(log);
  // Each acknowledged success is there once, and each acknowledged failure once, with its text.
  for (const key of told.finished)
    expect(
      judge.finishes.filter((each) => each === key),
      key,
    ).toEqual([key]);
  for (const [key, error] of told.failed)
    expect(judge.failures.filter((each) => each.key === key)).toEqual([{ key, because: 'REPORTED', error }]);
  // One that was fenced had counted before, or its round had been given up: the log says which.
  for (const [key, error] of told.fenced)
    expect(judge.failures.filter((each) => each.key === key).map((each) => (each.because === 'REPORTED' ? each.error : error))).toEqual([
      error,
    ]);
  // Nobody else is told of.
  for (const { because, error, key } of judge.failures)
    if (because === 'REPORTED') expect([told.failed.get(key), told.fenced.get(key)], key).toContain(error);
  for (const [key, service] of told.handed) expect(judge.starts.get(key), `round ${key}`).toBe(service);
  expect(
    judge.failures.some(({ because }) => because === 'TIMED_OUT'),
    'a silent service was seen',
  ).toBe(true);
  expect(told.failed.size).toBeGreaterThan(kills);

  // sys.lake_tiering_failures is the whole list.
  const rows = await sql('SELECT table_id, tiering_epoch, cause, error FROM sys.lake_tiering_failures ORDER BY position');
  expect(
    rows.map(([id, epoch, because, error]) => ({ key: `${String(id)}/${String(epoch)}`, because, error: error ?? undefined })),
  ).toEqual(judge.failures);

  // With a leader there, a table is queued within one period after it is due, and a silent round given up one period after its time-out.
  const { dueMs, silentMs, withoutLeaderMs } = judge.longest;
  const figures = { kills, rounds: judge.starts.size, failures: judge.failures.length, finishes: judge.finishes.length };
  console.log(JSON.stringify({ ...figures, ...judge.longest, sentAgain: told.sentAgain, metNewEpoch: told.metNewEpoch }));
  expect(dueMs, `queued at most one period late; without a leader for ${withoutLeaderMs} ms`).toBeLessThanOrEqual(timeoutMs);
  expect(silentMs, 'given up at most one period late').toBeLessThanOrEqual(2 * timeoutMs);
}
