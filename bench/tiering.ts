import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { nanoid } from 'nanoid';
import { decodeEntry, type Entry, encodeEntry, genesisHash } from '../events/envelope.ts';
import { lakeTableAdded } from '../events/tiering.ts';
import { foldEntry } from '../projections/state.ts';
import { seal, unseal } from '../projections/table.ts';
import { dueTables, nextDueAt, type Tiering, tiering } from '../projections/tiering.ts';
import type { Node } from '../src/engine/node.ts';
import { openZooKeeper } from '../src/log/zookeeper/open.ts';
import { load, nodeOn, untilLeading } from './appends.ts';
import { type Figure, grouped, inTurn, median, timed } from './figures.ts';
import { databaseOf, type Lake, lakeLog, tableOf, writeAll } from './lakeLog.ts';
import { type Beats, TieringServices } from './tieringServices.ts';

const tables = 100_000;
const failing = 1_000;
const services = 512;
const runMs = 2_000;
const minuteMs = 60_000;
const dayMs = 1440 * minuteMs;
const isFailing = (tableId: number): boolean => tableId % (tables / failing) === 0;

/** Every other table was due an hour ago, the others will be tomorrow. */
const lake = (epoch: number): Lake => ({
  tables,
  epoch,
  freshnessMs: (tableId) => (tableId % 2 === 0 ? 60 * minuteMs : 2 * dayMs),
  from: Date.now() - dayMs,
  overMs: 60 * minuteMs,
});

interface Round {
  readonly beats: Beats;
  readonly beatUs: number;
  readonly appendsPerSecond: number;
  readonly appendUs: number;
  readonly barePerSecond: number;
}

/** A lake on one ZooKeeper node, on a log of its own. */
export async function* tieringFigures(connect: string): AsyncGenerator<Figure> {
  yield* timerFigures();
  yield memoryFigure();
  const root = `${connect}/tiering-${nanoid(6)}`;
  const { log } = await openZooKeeper({ connect: root });
  await writeAll(log, lakeLog(lake(await log.raiseEpoch())));
  await log.close();
  const node = await nodeOn(root, 'n1');
  await untilLeading(node);
  yield await queuingFigure(node);
  const workers = new TieringServices(node, services, isFailing);
  yield* beatFigures('each ends a round and begins another, 1 000 of 100 000 tables fail', await rounds(connect, node, workers));
  while (node.state.tiering.counts.Pending + services > failing) await workers.run(500);
  yield* beatFigures('1 000 tables fail in turn, 99 000 wait', await rounds(connect, node, workers));
  yield await idleFigure(node);
  await node.close();
  yield await restartFigure(root);
}

/** Three times in turn: heartbeats, commands of as many callers that make one event each, the heartbeats' entries without the engine. */
async function rounds(connect: string, node: Node, workers: TieringServices): Promise<readonly Round[]> {
  await workers.run(1_500); // The compilers warm up.
  await load(node, services, 1_500);
  const done: Round[] = [];
  for (let i = 0; i < 3; i += 1) {
    const [beats, beatMs] = await withCpuMs(workers.run(runMs));
    const [{ perSecond }, appendMs] = await withCpuMs(load(node, services, runMs));
    const each = (cpuMs: number, rate: number): number => (cpuMs * 1000) / (rate * (runMs / 1000));
    done.push({
      beats,
      beatUs: each(beatMs, beats.perSecond),
      appendsPerSecond: perSecond,
      appendUs: each(appendMs, perSecond),
      barePerSecond: await bareAppends(connect, beats.entries.map(decodeEntry)),
    });
  }
  return done;
}

/** What came of some work, and the processor time that this process spent meanwhile, milliseconds. */
async function withCpuMs<T>(work: Promise<T>): Promise<readonly [T, cpuMs: number]> {
  const before = process.cpuUsage();
  const done = await work;
  const { system, user } = process.cpuUsage(before);
  return [done, (system + user) / 1000];
}

/** Rounds begun per second when the log takes the same events in the same entries, made beforehand. */
async function bareAppends(connect: string, entries: readonly Entry[]): Promise<number> {
  const { log } = await openZooKeeper({ connect: `${connect}/bare-${nanoid(6)}` });
  const epoch = await log.raiseEpoch();
  let previousHash = genesisHash;
  let firstPosition = 1;
  const prepared = entries.map(({ at, batchId, events }, i) => {
    const encoded = encodeEntry({ epoch, index: i + 1, firstPosition, at, batchId, previousHash, events });
    previousHash = encoded.entry.hash;
    firstPosition += events.length;
    return encoded;
  });
  const started = performance.now();
  await writeAll(log, prepared);
  const ms = performance.now() - started;
  await log.close();
  return begunIn(entries) / (ms / 1000);
}

const begunIn = (entries: readonly Entry[]): number =>
  entries.reduce((sum, { events }) => sum + events.filter(({ type }) => type === 'TieringRoundStarted').length, 0);

function* beatFigures(what: string, done: readonly Round[]): Generator<Figure> {
  const beats = median(done.map((round) => round.beats.perSecond));
  const appends = median(done.map((round) => round.appendsPerSecond));
  const bare = median(done.map((round) => round.barePerSecond));
  const last = done.at(-1)?.beats;
  if (last === undefined) return;
  const entries = last.entries.map(decodeEntry);
  const us = (of: (round: Round) => number): string => median(done.map(of)).toFixed(0);
  const events = entries.reduce((sum, { count }) => sum + count, 0);
  const each = events / begunIn(entries);
  const foldMs = median([0, 1, 2].map(() => timed(() => entries.reduce(foldEntry, last.from))));
  yield {
    what: `heartbeats/s of ${services} tiering services (${what}) against appends/s of as many callers`,
    ratio: `${(beats / appends).toFixed(2)}x`,
    floor: '>= 0.5x',
    isMet: beats / appends >= 0.5,
    behind:
      `${grouped(beats)} against ${grouped(appends)} per second, ` +
      `${us(({ beatUs }) => beatUs)} against ${us(({ appendUs }) => appendUs)} us of processor time each; ` +
      `${each.toFixed(2)} events each, so ${((each * beats) / appends).toFixed(2)}x in events, ` +
      `${(events / entries.length).toFixed(0)} to an entry; p50 ${last.p50.toFixed(1)} ms, p99 ${last.p99.toFixed(1)} ms; ` +
      `folding ${((foldMs / events) * 1000).toFixed(1)} us per event`,
  };
  yield {
    what: 'the same heartbeats against their entries through the log alone, prepared, 8 in flight',
    ratio: `${(beats / bare).toFixed(2)}x`,
    floor: '>= 0.5x',
    isMet: beats / bare >= 0.5,
    behind: `${grouped(beats)} against ${grouped(bare)} per second`,
  };
}

/** How long it takes to queue all that is due, while nobody asks for a table. */
async function queuingFigure(node: Node): Promise<Figure> {
  const count = (): number => node.state.tiering.counts.Pending;
  const from = count();
  const started = performance.now();
  while (dueTables(node.state.tiering, Date.now(), 1).length > 0) {
    if (performance.now() > started + 5 * minuteMs) throw new Error(`tables are not queued: ${JSON.stringify(node.status())}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  const ms = performance.now() - started;
  const perSecond = (count() - from) / (ms / 1000);
  return {
    what: 'tables queued per second when their timers have run off all at once',
    ratio: grouped(perSecond),
    floor: '>= 1 000',
    isMet: perSecond >= 1_000,
    behind: `${grouped(count() - from)} tables in ${grouped(ms)} ms, 200 to a command`,
  };
}

/** The tiering of tables that were made one after the other over a time, and wait for their timers. */
function waiting(count: number, overMs: number): Tiering {
  const state = tiering.initial() as { -readonly [K in keyof Tiering]: Tiering[K] };
  unseal();
  for (let tableId = 0; tableId < count; tableId += 1) {
    const data = {
      database: databaseOf(tableId),
      freshnessMs: 3 * minuteMs,
      table: tableOf(tableId),
      tableId,
      tieringEpoch: 0,
      because: 'NEW',
    } as const;
    const at = 1_700_000_000_000 + Math.floor((tableId / count) * overMs);
    tiering.on.LakeTableAdded?.(state as never, { at, epoch: 1, event: lakeTableAdded(data), position: tableId + 1 } as never);
  }
  seal();
  return state;
}

/** What the leader does every second for nothing: with 100,000 timers against 1,000. */
function* timerFigures(): Generator<Figure> {
  for (const [over, overMs] of [
    ['three minutes', 3 * minuteMs],
    ['an hour', 60 * minuteMs],
  ] as const) {
    const [few, many] = [waiting(1_000, overMs), waiting(tables, overMs)];
    const looks = 2_000;
    const tick = (state: Tiering) => () => {
      for (let i = 0; i < looks; i += 1) nextDueAt(state, 1_700_000_000_000);
    };
    const { a, b } = inTurn(7, tick(few), tick(many));
    yield {
      what: `a tick with 100 000 timers against 1 000, both spread over ${over}`,
      ratio: `${(b / a).toFixed(2)}x`,
      floor: '<= 2x',
      isMet: b / a <= 2,
      behind: `${((b / looks) * 1000).toFixed(1)} against ${((a / looks) * 1000).toFixed(1)} us`,
    };
  }
}

/** Heap that the tiering of a table takes: its row, its timer, its place in the lists. */
function memoryFigure(): Figure {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const heap = (): number => {
    collect();
    return process.memoryUsage().heapUsed;
  };
  const before = heap();
  const state = waiting(tables, 3 * minuteMs);
  const bytes = (heap() - before) / state.byTable.size;
  return {
    what: 'memory of a lake table that waits for its timer',
    ratio: `${grouped(bytes)} bytes`,
    floor: '<= 1 000',
    isMet: bytes <= 1_000,
    behind: `heap of the tiering projection after a forced collection, ${grouped(state.byTable.size)} tables; beside the table's own row`,
  };
}

/** What 1,000 services cost that renew what they have and ask for another table every second, of which there is none. */
async function idleFigure(node: Node): Promise<Figure> {
  const polling = new TieringServices(node, failing, isFailing);
  await polling.takeAll();
  const forMs = 8_000;
  const [, asleepMs] = await withCpuMs(new Promise((resolve) => setTimeout(resolve, forMs)));
  const { index } = node.state;
  const [, awakeMs] = await withCpuMs(polling.poll(forMs, 1_000));
  const share = (awakeMs - asleepMs) / forMs;
  const grown = node.state.index - index;
  return {
    what: '1 000 services that renew their tables and ask for another one every second, none being due',
    ratio: `${(share * 100).toFixed(0)} % of a core`,
    floor: 'no entry',
    isMet: grown === 0,
    behind: `${grown} entries appended; the node and the services themselves in one process, without HTTP`,
  };
}

/** From opening the log until it leads: the log of this benchmark, read from ZooKeeper and folded. */
async function restartFigure(root: string): Promise<Figure> {
  const started = performance.now();
  const node = await nodeOn(root, 'n2');
  await untilLeading(node);
  const ms = performance.now() - started;
  const { position } = node.state;
  await node.close();
  return {
    what: 'start of a node with 100 000 lake tables and the rounds of this benchmark in its log',
    ratio: `${grouped(ms / 1000, 1)} s`,
    floor: 'none',
    isMet: true,
    behind: `${grouped(position)} events from ZooKeeper, ${grouped(position / (ms / 1000))} per second`,
  };
}
