/**
 * Goal: what the Dockerfile and docker-compose.yml describe runs, serves, and goes on serving without its leader and a ZooKeeper.
 * Method: builds the image and starts everything in an engine; asks the published ports with curl and the nodes with their own
 * command line; kills containers. Skipped, with the reason, where no engine can run.
 */
import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, onTestFailed, test, vi } from 'vitest';
import { type Engine, findEngine } from './engine.ts';

const found = findEngine();
if (found.kind === 'none') console.log(`The container tests are skipped: ${found.why}.`);
const minute = 60_000;
const ports = { node1: 8480, node2: 8481, node3: 8482 } as const;
type NodeName = keyof typeof ports;
const nodes = Object.keys(ports) as NodeName[];
const key = 'kv.rocksdb.shared-rate-limiter.bytes-per-sec';

describe.skipIf(found.kind === 'none')('containers', () => {
  const project = `chancery-test-${process.pid}`;
  const eventually = { timeout: minute, interval: 500 };
  let engine: Engine;
  const compose = (...args: readonly string[]): Promise<string> =>
    engine.run(['docker-compose', '-p', project, '--profile', 'tiering', ...args], 5 * minute);
  const chancery = (node: NodeName, ...args: readonly string[]): Promise<string> => compose('exec', '-T', node, 'chancery', ...args);
  const get = async (node: NodeName, path: string): Promise<string> =>
    engine.run(['curl', '-sS', '--fail', '--max-time', '5', `http://127.0.0.1:${ports[node]}${path}`]);
  const leaderSeenBy = async (node: NodeName): Promise<unknown> =>
    (JSON.parse(await get(node, '/v1/status')) as { readonly leaderId?: unknown }).leaderId;
  const kill = async (service: string): Promise<string> => engine.run(['docker', 'kill', (await compose('ps', '-q', service)).trim()]);
  const set = (node: NodeName, value: string): Promise<string> =>
    chancery(node, 'sql', `CALL sys.set_cluster_configs('${key}', '${value}')`);
  const valueSeenBy = (node: NodeName): Promise<string> => chancery(node, 'sql', `CALL sys.get_cluster_configs('${key}')`);
  const allReady = (): Promise<unknown> => vi.waitFor(() => Promise.all(nodes.map((node) => get(node, '/ready'))), eventually);
  const showLogsOnFailure = (): void => onTestFailed(async () => console.log(await compose('logs', '--tail=60')));

  beforeAll(async () => {
    if (found.kind === 'none') return;
    execFileSync('node', ['bin/image-context.mjs'], { stdio: 'inherit' });
    engine = await found.start();
    await engine.run(['docker-compose', '-p', project, 'up', '-d', '--build'], 5 * minute);
    await allReady();
  });

  afterAll(async () => {
    if (engine === undefined) return;
    await compose('down', '-v', '-t', '10');
    await engine.stop();
  });

  test('three nodes are healthy and agree on the leader', async () => {
    showLogsOnFailure();
    await vi.waitFor(async () => expect((await compose('ps')).match(/\(healthy\)/g)).toHaveLength(9), eventually);
    const leaders = await Promise.all(nodes.map(leaderSeenBy));
    expect(nodes).toContain(leaders[0]);
    expect(new Set(leaders).size).toBe(1);
  });

  test('a change on one node is in the history of another', async () => {
    showLogsOnFailure();
    await set('node1', '200MB');
    await vi.waitFor(async () => expect(await chancery('node3', 'history')).toContain('200MB'), eventually);
    expect(await valueSeenBy('node2')).toContain('200MB');
  });

  test('without the leader and one ZooKeeper the others go on, and both come back', async () => {
    showLogsOnFailure();
    const leader = (await leaderSeenBy('node1')) as NodeName;
    const [one, other] = nodes.filter((node) => node !== leader);
    if (one === undefined || other === undefined) throw new Error(`the leader is ${leader}`);

    await kill(leader);
    await vi.waitFor(() => set(one, '300MB'), eventually);
    expect(await leaderSeenBy(one)).not.toBe(leader);
    await kill('zk1');
    await vi.waitFor(() => set(other, '400MB'), eventually);
    await vi.waitFor(async () => expect(await valueSeenBy(one)).toContain('400MB'), eventually);

    await compose('up', '-d', 'zk1', leader);
    await allReady();
    await vi.waitFor(async () => expect(await valueSeenBy(leader)).toContain('400MB'), eventually);
    const histories = await Promise.all(nodes.map((node) => chancery(node, 'history')));
    for (const history of histories) for (const value of ['200MB', '300MB', '400MB']) expect(history).toContain(value);
  });

  test('with the profile tiering a table is tiered, fails with what it is told to, and recovers', async () => {
    showLogsOnFailure();
    expect(await compose('ps', '--services', '--filter', 'status=running')).not.toContain('tiering-service');
    await compose('up', '-d', 'tiering-service');
    const small = `'bucket.num'='1', 'table.replication.factor'='1'`;
    const table = `WITH ('table.datalake.enabled'='true', 'table.datalake.freshness'='1s', ${small})`;
    await chancery('node1', 'sql', `CREATE DATABASE shop; CREATE TABLE shop.orders (id INT) ${table}`);
    const status = async (): Promise<unknown> =>
      (JSON.parse(await get('node2', '/v1/tiering/statuses?database=shop&table=orders')) as { readonly tables: readonly unknown[] })
        .tables[0];
    await vi.waitFor(async () => expect(await status()).toHaveProperty('lastTieredAt'), eventually);
    await vi.waitFor(async () => expect(await compose('ps', 'tiering-service')).toContain('(healthy)'), eventually);
    const service = (verb: string, ...args: readonly string[]): Promise<string> =>
      compose('exec', '-T', 'tiering-service', 'chancery', 'tiering-service', verb, 'shop.orders', ...args, '--data', '/data');
    await service('fail', '--error', 'Access denied: s3://lake/shop');
    await vi.waitFor(async () => expect(await status()).toMatchObject({ lastError: 'Access denied: s3://lake/shop' }), eventually);
    await service('heal');
    await vi.waitFor(async () => expect(await status()).toMatchObject({ failuresInRow: 0 }), eventually);
  });
});
