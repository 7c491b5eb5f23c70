/**
 * Goal: the program survives kill -9 in the middle of a round, stops in order on SIGTERM, fails on demand, and tells what it cannot do.
 * Method: real processes of service and node over real directories; one test takes a whole cluster and kills its leader.
 */
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { chancery, type Running, type ServedNode, serve, start } from '../cli/processes.ts';
import { registration, tell } from '../operator/serverCluster.ts';
import { folder } from './support.ts';

const patience = { timeout: 30_000, interval: 50 } as const;
const small = `'bucket.num'='1', 'table.replication.factor'='1'`;
const lakeTable = `WITH ('table.datalake.enabled'='true', 'table.datalake.freshness'='1s', ${small})`;

/** A node with a lake table `shop.orders`, due after a second. @param configs of its settings file, a line each */
async function node(...configs: readonly string[]): Promise<ServedNode> {
  const directory = folder();
  if (configs.length > 0) writeFileSync(join(directory, 'chancery.yaml'), ['cluster-configs:', ...configs, ''].join('\n  '));
  const served = await serve(directory);
  expect((await tell(served, 0, 'registration', registration(0))).status).toBe(200);
  await sql(served, `CREATE DATABASE shop; CREATE TABLE shop.orders (id INT) ${lakeTable}`);
  return served;
}

async function sql({ url }: Pick<ServedNode, 'url'>, statement: string): Promise<string> {
  const { err, out, status } = await chancery(['sql', '--operator', url, '--csv', statement], { cwd: folder() });
  expect(status, err).toBe(0);
  return out;
}

/** A service as its users start it, once a node has answered it. Of two nodes that it is told of, one is nowhere. */
async function service({ url }: Pick<ServedNode, 'url'>, directory: string, ...more: readonly string[]): Promise<Running> {
  const where = ['--coordinator', `http://127.0.0.1:1,${url}`, '--data', directory, '--poll', '300ms'];
  const running = start(['tiering-service', ...where, ...more], { cwd: directory });
  await expect.poll(() => running.out().includes('copies no data') || running.child.exitCode !== null, patience).toBe(true);
  if (running.child.exitCode !== null) throw new Error(running.err());
  return running;
}

async function statusOf({ url }: Pick<ServedNode, 'url'>): Promise<Readonly<Record<string, unknown>>> {
  const answer = await fetch(`${url}/v1/tiering/statuses?database=shop&table=orders`);
  return ((await answer.json()) as { readonly tables: readonly Readonly<Record<string, unknown>>[] }).tables[0] ?? {};
}

/** Lets `shop.orders` become due; from then on its rounds may take an hour. */
async function pending(at: ServedNode): Promise<void> {
  await expect.poll(() => statusOf(at), patience).toMatchObject({ status: 'Pending' });
  await sql(at, `ALTER TABLE shop.orders SET ('table.datalake.freshness'='1h')`);
}

const roundsOf = (directory: string): readonly string[] => readdirSync(join(directory, 'shop/orders')).sort();

async function killed(running: Running): Promise<void> {
  running.child.kill('SIGKILL');
  await running.ended;
}

test('killed in the middle of a round, it is handed the same round again under its name, and nobody waits', async () => {
  const at = await node();
  await pending(at);
  const directory = folder();
  const first = await service(at, directory, '--round-ms', '600000', '--service', 'tiering-7');
  await expect.poll(() => statusOf(at), patience).toMatchObject({ status: 'Tiering', service: 'tiering-7' });
  await killed(first);
  const again = await service(at, directory); // The name is in the directory.
  expect(again.out()).toContain('tiering service tiering-7 ');
  await expect.poll(() => statusOf(at), patience).toMatchObject({ status: 'Scheduled', tieringEpoch: 1, failures: 0 });
  expect(roundsOf(directory)).toEqual(['0000000001.json']);
});

test('killed, and another one under another name: the round is given up after its time-out, and goes on there', async () => {
  // Set while the node runs it would be minded at its next look only, which is an eighth of the two minutes from before away.
  const at = await node('chancery.tiering.round-timeout: 2 s');
  await pending(at);
  const first = await service(at, folder(), '--round-ms', '600000', '--service', 'one');
  await expect.poll(() => statusOf(at), patience).toMatchObject({ status: 'Tiering', service: 'one', tieringEpoch: 1 });
  await killed(first);
  const directory = folder();
  await service(at, directory, '--service', 'other');
  await expect.poll(() => statusOf(at), patience).toHaveProperty('lastTieredAt');
  expect(roundsOf(directory)).toEqual(['0000000002.json']);
  const failures = await sql(at, 'SELECT service, cause, tiering_epoch, error FROM sys.lake_tiering_failures');
  expect(failures).toContain('one,TIMED_OUT,1,No heartbeat of tiering service one for 2 s: the round was given up.\r\n');
});

test('it is made to fail and to recover, a directory is for one process, and SIGTERM ends it in order', async () => {
  const at = await node();
  const directory = folder();
  const running = await service(at, directory);
  const said = async (...args: readonly string[]) => await chancery(['tiering-service', ...args, '--data', directory], { cwd: directory });
  await expect.poll(() => statusOf(at), patience).toHaveProperty('lastTieredAt');
  expect((await said('check')).out).toMatch(/^tiering-[\w-]{21} was answered \d s ago and has /);
  const second = await chancery(['tiering-service', '--coordinator', at.url, '--data', directory], { cwd: directory });
  expect(second).toMatchObject({ status: 1, out: '' });
  expect(second.err).toContain(`the tiering service in ${directory}/.service is in use by process ${running.child.pid}`);

  expect(await said('fail', 'shop.orders', '--error', 'Access denied')).toMatchObject({
    status: 0,
    out: 'shop.orders: rounds of a table of that name fail from the next one on\nnext: chancery tiering status shop.orders\n',
  });
  await expect.poll(() => statusOf(at), patience).toMatchObject({ lastError: 'Access denied' });
  expect((await said('heal', 'shop.orders')).out).toContain(
    'shop.orders: rounds of a table of that name fail no more from the next one on\n',
  );
  await expect.poll(() => statusOf(at), patience).toMatchObject({ failuresInRow: 0 });
  expect((await said('heal', 'shop.orders')).out).toBe('shop.orders is not made to fail\n');
  const missing = await chancery(['tiering-service', 'check', '--data', folder()], { cwd: directory });
  expect(missing).toMatchObject({ status: 1, err: expect.stringContaining('is not the directory of a tiering service') as unknown });
  running.child.kill('SIGTERM');
  expect((await running.ended).status).toBe(0);
});

test('SIGTERM in the middle of a round: it is reported as failed before the process ends', async () => {
  const at = await node();
  await pending(at);
  const running = await service(at, folder(), '--round-ms', '600000', '--service', 'slow');
  await expect.poll(() => statusOf(at), patience).toMatchObject({ status: 'Tiering' });
  running.child.kill('SIGTERM');
  expect((await running.ended).status).toBe(0);
  const stopped = 'Tiering service slow was stopped in the middle of the round.';
  expect(await statusOf(at)).toMatchObject({ status: 'Pending', tieringEpoch: 2, lastError: stopped });
});

test('told to stop before any node has answered, it ends at once; what is wrong with the flags is said', async () => {
  const directory = folder();
  const alone = start(['tiering-service', '--coordinator', 'http://127.0.0.1:1', '--data', directory], { cwd: directory });
  await expect.poll(() => alone.err() + alone.out(), patience).toContain('a heartbeat has no answer');
  expect((await chancery(['tiering-service', 'check', '--data', directory], { cwd: directory })).err).toContain(
    'no node has answered the service yet',
  );
  alone.child.kill('SIGTERM');
  expect((await alone.ended).status).toBe(0);
  const help = await chancery(['tiering-service', 'help', 'fail'], { cwd: directory });
  expect(help).toMatchObject({
    status: 0,
    out: expect.stringContaining('Usage: chancery tiering-service fail [options] <table>') as unknown,
  });
  const wrong = async (...args: readonly string[]) => (await chancery(['tiering-service', ...args], { cwd: directory })).err;
  expect(await wrong('--data', 'x')).toContain('--coordinator is missing\n');
  expect(await wrong('--coordinator', 'http://a:1', '--data', 'x', '--poll', '1')).toContain("--poll '1' is none\n");
  expect(await wrong('--coordinator', 'http://a:1', '--data', 'x', '--service', 'a b')).toContain("--service 'a b' is no name\n");
  expect(await wrong('fail', 'orders', '--data', directory)).toContain("'orders' is no table\nGive DATABASE.TABLE");
  const long = `${'d'.repeat(130)}.${'t'.repeat(130)}`;
  expect(await wrong('fail', long, '--data', directory)).toContain('too long together: 250 characters are the most');
});

test('a cluster with a service loses its leader in the middle of a round: the round goes on and is finished', async () => {
  const cwd = folder();
  const running = start(['cluster', 'up', '--json', '--nodes', '2', '--zookeepers', '1', '--tablet-servers', '1', '--tiering-service'], {
    cwd,
  });
  await vi.waitFor(() => expect(running.out(), running.err()).toContain('\n'), { timeout: 90_000, interval: 100 });
  const told = JSON.parse(running.out()) as {
    readonly leaderId: string;
    readonly nodes: readonly { readonly nodeId: string; readonly url: string; readonly pid: number }[];
    readonly tieringService: { readonly data: string; readonly pid: number };
  };
  const leader = told.nodes.find(({ nodeId }) => nodeId === told.leaderId);
  const other = told.nodes.find(({ nodeId }) => nodeId !== told.leaderId);
  if (leader === undefined || other === undefined) throw new Error(running.out());
  const late = await service(other, folder(), '--service', 'late', '--round-ms', '4000');
  process.kill(told.tieringService.pid, 'SIGKILL');
  await sql(leader, `CREATE DATABASE shop; CREATE TABLE shop.orders (id INT) ${lakeTable.replace('1s', '5s')}`);
  await expect.poll(() => statusOf(leader), patience).toMatchObject({ status: 'Tiering', service: 'late' });
  process.kill(leader.pid, 'SIGKILL');
  await expect.poll(() => statusOf(other), { ...patience, timeout: 60_000 }).toMatchObject({ tieringEpoch: 1, failures: 0, records: 1 });
  expect(late.child.exitCode).toBeNull();
  running.child.kill('SIGTERM');
  expect((await running.ended).status).toBe(0);
}, 180_000);
