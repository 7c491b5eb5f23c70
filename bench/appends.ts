import { nanoid } from 'nanoid';
import zookeeper from 'node-zookeeper-client';
import { Node } from '../src/engine/node.ts';
import { openZooKeeper } from '../src/log/zookeeper/open.ts';
import { systemClock } from '../src/ports/clock.ts';
import { caller, setKey, silent } from '../test/support/nodes.ts';
import { type Figure, grouped, median, percentile } from './figures.ts';

/** One znode of 200 bytes per event, one at a time, through the bare client: what the log is measured against. */
export async function sequentialCreates(connect: string, forMs: number): Promise<{ readonly perSecond: number; readonly p50: number }> {
  const client = zookeeper.createClient(connect, { sessionTimeout: 10_000, spinDelay: 100, retries: 0 });
  await new Promise<void>((resolve) => {
    client.once('connected', resolve);
    client.connect();
  });
  const data = Buffer.alloc(200, 'x');
  const root = `/bare-${nanoid(6)}`;
  const create = (path: string) =>
    new Promise<void>((resolve, reject) => client.create(path, data, (error: unknown) => (error ? reject(error) : resolve())));
  await create(root);
  const times: number[] = [];
  for (const end = performance.now() + forMs; performance.now() < end; ) {
    const started = performance.now();
    await create(`${root}/${times.length}`);
    times.push(performance.now() - started);
  }
  client.close();
  return { perSecond: times.length / (forMs / 1000), p50: median(times) };
}

/** A node over ZooKeeper in this process, for callers in this process. */
export async function nodeOn(connect: string, nodeId: string): Promise<Node> {
  const { log, membership } = await openZooKeeper({ connect });
  const peers = { submit: () => Promise.reject(new Error('there are no other nodes')) };
  const parts = { nodeId, operatorUrl: `http://${nodeId}`, release: 'bench', log, membership, peers, clock: systemClock, logger: silent };
  const node = new Node({ ...parts, staticConfigs: {} });
  await node.start();
  return node;
}

export async function untilLeading(node: Node): Promise<void> {
  while (node.role !== 'leader') await new Promise((resolve) => setTimeout(resolve, 20));
}

interface Load {
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
  readonly perEntry: number;
  readonly bytesPerEvent: number;
}

/** `callers` that each set a key of their own again and again, one command at a time: decided, folded, appended, acknowledged. */
export async function load(node: Node, callers: number, forMs: number): Promise<Load> {
  const times: number[] = [];
  let entries = 0;
  let bytes = 0;
  const stop = node.replica.onApplied(({ text }) => {
    entries += 1;
    bytes += text.length;
  });
  const end = performance.now() + forMs;
  const loop = async (number: number) => {
    for (let n = 0; performance.now() < end; n += 1) {
      const started = performance.now();
      const outcome = await node.submit(setKey(`caller-${number}`, `value-${n}`), caller);
      if (outcome.kind !== 'done') throw new Error(`a write ended as ${outcome.kind}`);
      times.push(performance.now() - started);
    }
  };
  await Promise.all(Array.from({ length: callers }, (_, number) => loop(number)));
  stop();
  return {
    perSecond: times.length / (forMs / 1000),
    p50: median(times),
    p99: percentile(times, 0.99),
    perEntry: times.length / entries,
    bytesPerEvent: bytes / times.length,
  };
}

export async function appendFigures(connect: string): Promise<readonly Figure[]> {
  const node = await nodeOn(`${connect}/bench-${nanoid(6)}`, 'n1');
  await untilLeading(node);
  await load(node, 64, 1_500); // The compilers of both sides warm up.
  await sequentialCreates(connect, 1_500);
  const bare = await sequentialCreates(connect, 3_000);
  const figures: Figure[] = [];
  for (const [callers, floor] of [
    [64, 40],
    [512, 40],
    [1_000, 40],
  ] as const) {
    const under = await load(node, callers, 3_000);
    const ratio = under.perSecond / bare.perSecond;
    figures.push({
      what: `durable appends/s with ${callers} callers against one create per event in sequence`,
      ratio: `${ratio.toFixed(1)}x`,
      floor: `>= ${floor}x`,
      isMet: ratio >= floor,
      behind:
        `${grouped(under.perSecond)} against ${grouped(bare.perSecond)} per second; ${under.perEntry.toFixed(0)} events to an entry, ` +
        `${under.bytesPerEvent.toFixed(0)} bytes each; p50 ${under.p50.toFixed(1)} ms, p99 ${under.p99.toFixed(1)} ms`,
    });
  }
  const alone = await load(node, 1, 3_000);
  const again = await sequentialCreates(connect, 3_000);
  const p50 = (bare.p50 + again.p50) / 2;
  figures.push({
    what: "one caller's append p50 against a bare sequential create",
    ratio: `${(alone.p50 / p50).toFixed(2)}x`,
    floor: '<= 1.5x',
    isMet: alone.p50 / p50 <= 1.5,
    behind: `${alone.p50.toFixed(3)} ms against ${p50.toFixed(3)} ms`,
  });
  await node.close();
  return figures;
}

/** From the writer's acknowledgement to the moment a follower, on a session of its own, has folded the entry. */
export async function followerLagFigure(connect: string): Promise<Figure> {
  const root = `${connect}/lag-${nanoid(6)}`;
  const leader = await nodeOn(root, 'n1');
  await untilLeading(leader);
  const follower = await nodeOn(root, 'n2');
  const lags: number[] = [];
  const measured = 1_000;
  for (let n = -200; n < measured; n += 1) {
    const outcome = await leader.submit(setKey('lag', `value-${n}`), caller);
    if (outcome.kind !== 'done') throw new Error(`a write ended as ${outcome.kind}`);
    const acknowledged = performance.now();
    await follower.replica.reached(outcome.position, 10_000);
    if (n >= 0) lags.push(performance.now() - acknowledged);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  await follower.close();
  await leader.close();
  const [p50, p99] = [median(lags), percentile(lags, 0.99)];
  return {
    what: 'follower has folded it, after the acknowledgement to the writer',
    ratio: `p50 ${p50.toFixed(2)} ms, p99 ${p99.toFixed(1)} ms`,
    floor: 'p50 <= 1 ms, p99 <= 20 ms',
    isMet: p50 <= 1 && p99 <= 20,
    behind: `${measured} writes, leader and follower in one process on sessions of their own`,
  };
}
