import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nanoid } from 'nanoid';
import { freePorts } from '../src/cli/zookeeperServer.ts';
import { nodeProcess, statusOf, until } from '../test/support/nodeProcesses.ts';
import { load, nodeOn, untilLeading } from './appends.ts';
import { type Figure, grouped, median } from './figures.ts';
import { ask, get, type HttpLoad, httpLoad, post } from './httpLoad.ts';

const token = 'greedisgood9999';
const route = (name: string, query = ''): string => `/MetaService/http/v1/${name}?token=${token}${query}`;
const connections = 64;

interface Served {
  readonly port: number;
  stop(): Promise<void>;
}

/** A node in a process of its own. @param log a log's URL; without one it is embedded */
async function serve(log?: string): Promise<Served> {
  const folder = mkdtempSync(join(tmpdir(), 'chancery-bench-'));
  const [port = 0] = await freePorts(1);
  const node = await nodeProcess('n1', folder, {
    LOG: log ?? `file:${join(folder, 'data')}`,
    META_SERVICE: `127.0.0.1:${port}`,
    CLUSTER_SECRET: 'a secret for benchmarks only',
  });
  await until('the node leads', 60_000, async () => ((await statusOf(node.url))?.role === 'leader' ? true : undefined));
  return {
    port,
    stop: async () => {
      await node.kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function constantServer(bytes: number): Promise<Served> {
  const [port = 0] = await freePorts(1);
  const child: ChildProcess = spawn(process.execPath, [join(import.meta.dirname, 'constantServer.ts'), String(port), String(bytes)], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  await until('the constant is served', 20_000, async () =>
    ask(port, get('/constant')).then(
      () => true,
      () => undefined,
    ),
  );
  return {
    port,
    stop: async () => {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill();
      await ended;
    },
  };
}

const node = (ip: string, port: number, id: string) => ({ cloud_unique_id: id, ip, heartbeat_port: port });
const cluster = (instance: string, name: string, nodes: readonly object[]) => ({
  instance_id: instance,
  cluster: { cluster_id: name, cluster_name: name, type: 'COMPUTE', nodes },
});

/** An instance with some clusters of ten nodes. */
async function instanceWith(port: number, instance: string, clusters: number): Promise<void> {
  await ask(port, post(route('create_instance'), JSON.stringify({ instance_id: instance, user_id: 'u', name: instance })));
  for (let c = 0; c < clusters; c += 1) {
    const nodes = Array.from({ length: 10 }, (_, n) => node(`10.${c}.0.${n}`, 9050, `1:${instance}:c${c}n${n}`));
    await ask(port, post(route('add_cluster'), JSON.stringify(cluster(instance, `c${c}`, nodes))));
  }
}

/** get_cluster of a cluster with ten nodes against the constant route, as many bytes each, in turn. */
async function getClusterFigure(): Promise<Figure> {
  const served = await serve();
  await instanceWith(served.port, 'i1', 3);
  const request = post(route('get_cluster'), JSON.stringify({ cloud_unique_id: '1:i1:c1n1', cluster_id: 'c1' }));
  const answer = await ask(served.port, request);
  const constant = await constantServer(answer.length - answer.indexOf('\r\n\r\n') - 4);
  const plain = post('/constant', '{}');
  const ratios: number[] = [];
  const rates: number[] = [];
  for (let round = 0; round < 6; round += 1) {
    const bare = await httpLoad(constant.port, connections, 2_000, () => plain);
    const ours = await httpLoad(served.port, connections, 2_000, () => request);
    if (round === 0) continue; // The compilers of both sides warm up.
    ratios.push(ours.perSecond / bare.perSecond);
    rates.push(ours.perSecond);
  }
  await constant.stop();
  await served.stop();
  const ratio = median(ratios);
  return {
    what: `get_cluster (10 nodes) against a bare Fastify route with as many bytes, ${connections} connections`,
    ratio: `${ratio.toFixed(2)}x`,
    floor: '>= 0.4x',
    isMet: ratio >= 0.4,
    behind: `${grouped(median(rates))} answers per second; medians of ${ratios.length} rounds`,
  };
}

/** add_node and drop_node by 64 callers, each with a cluster of its own, against what the log takes from 64 callers in one process. */
async function nodeChangesFigure(zookeeper: string): Promise<Figure> {
  const served = await serve(`zookeeper://${zookeeper}/bench-${nanoid(6)}`);
  await ask(served.port, post(route('create_instance'), JSON.stringify({ instance_id: 'i1', user_id: 'u' })));
  for (let c = 0; c < connections; c += 1)
    await ask(served.port, post(route('add_cluster'), JSON.stringify(cluster('i1', `c${c}`, [node(`10.${c}.0.1`, 9050, `1:i1:c${c}`)]))));
  // Each run with nodes of its own: the one before may have ended between adding one and dropping it.
  const changes =
    (run: number) =>
    (c: number, n: number): Buffer => {
      const nodes = [node(`10.${c}.0.${run}`, 9050, `1:i1:c${c}`)];
      return post(route(n % 2 === 0 ? 'add_node' : 'drop_node'), JSON.stringify(cluster('i1', `c${c}`, nodes)));
    };
  const bare = await nodeOn(`${zookeeper}/ceiling-${nanoid(6)}`, 'n1');
  await untilLeading(bare);
  const rounds: { readonly ours: HttpLoad; readonly ceiling: number }[] = [];
  for (let round = 0; round < 8; round += 1) {
    const ours = await httpLoad(served.port, connections, 3_000, changes(round + 2));
    const { perSecond } = await load(bare, connections, 1_500);
    if (round >= 3) rounds.push({ ours, ceiling: perSecond }); // The compilers of both sides warm up.
  }
  await served.stop();
  await bare.close();
  const perSecond = median(rounds.map(({ ours }) => ours.perSecond));
  const ratio = median(rounds.map(({ ceiling, ours }) => ours.perSecond / ceiling));
  const [p50, p99] = [median(rounds.map(({ ours }) => ours.p50)), median(rounds.map(({ ours }) => ours.p99))];
  const ceiling = grouped(median(rounds.map((round) => round.ceiling)));
  return {
    what: `add_node and drop_node over HTTP, ${connections} callers, one ZooKeeper node`,
    ratio: `${grouped(perSecond)}/s; ${ratio.toFixed(2)}x of the engine without HTTP`,
    floor: '>= 3 000/s, or >= 0.5x of the log',
    isMet: perSecond >= 3_000 || ratio >= 0.5,
    behind: `p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms; the engine without HTTP ${ceiling}/s; medians of ${rounds.length} rounds`,
  };
}

/** get_instance and add_node with 10 instances, and again with 10,000 of ten clusters of ten nodes. */
async function sizeFigures(instances: number): Promise<readonly Figure[]> {
  const small = await serve();
  const large = await serve();
  for (let i = 0; i < 10; i += 1) await instanceWith(small.port, `i${i}`, 10);
  let next = 0;
  await Promise.all(
    Array.from({ length: 64 }, async () => {
      for (let i = next++; i < instances; i = next++) await instanceWith(large.port, `i${i}`, 10);
    }),
  );
  const read = get(route('get_instance', '&instance_id=i3'));
  const add = (round: number) => (_: number, n: number) =>
    post(route('add_node'), JSON.stringify(cluster('i3', 'c3', [node(`11.${round}.${n >> 8}.${n & 255}`, 9050, '1:i3:c3n1')])));
  const times = { readSmall: [] as number[], readLarge: [] as number[], addSmall: [] as number[], addLarge: [] as number[] };
  for (let round = 0; round < 6; round += 1) {
    const readSmall = await httpLoad(small.port, 1, 700, () => read);
    const readLarge = await httpLoad(large.port, 1, 700, () => read);
    // A cluster grows with each node: equally many on both sides.
    const addSmall = await counted(small.port, 100, add(round));
    const addLarge = await counted(large.port, 100, add(round));
    if (round === 0) continue;
    times.readSmall.push(readSmall.p50);
    times.readLarge.push(readLarge.p50);
    times.addSmall.push(addSmall);
    times.addLarge.push(addLarge);
  }
  await small.stop();
  await large.stop();
  const figure = (what: string, few: readonly number[], many: readonly number[]): Figure => {
    const ratio = median(many) / median(few);
    return {
      what: `${what} p50 with ${grouped(instances)} instances of 10 clusters of 10 nodes against 10 instances`,
      ratio: `${ratio.toFixed(2)}x`,
      floor: '<= 1.5x',
      isMet: ratio <= 1.5,
      behind: `${median(many).toFixed(3)} ms against ${median(few).toFixed(3)} ms, one caller, embedded log`,
    };
  };
  return [figure('get_instance', times.readSmall, times.readLarge), figure('add_node', times.addSmall, times.addLarge)];
}

/** The median time of some requests in sequence, in milliseconds. */
async function counted(port: number, count: number, requestOf: (connection: number, n: number) => Buffer): Promise<number> {
  const times: number[] = [];
  for (let n = 0; n < count; n += 1) {
    const request = requestOf(0, n);
    const started = performance.now();
    await ask(port, request);
    times.push(performance.now() - started);
  }
  return median(times);
}

export async function* metaServiceFigures(zookeeper: string): AsyncGenerator<Figure> {
  yield await getClusterFigure();
  yield await nodeChangesFigure(zookeeper);
  yield* await sizeFigures(10_000);
}
