import { clusterConfigsChanged } from '../events/configs.ts';
import { type EncodedEntry, encodeEntry, type LoggedEvent } from '../events/envelope.ts';
import type { ChanceryEvent } from '../events/index.ts';
import { tieringDue, tieringRoundFailed, tieringRoundStarted } from '../events/tiering.ts';
import { createHistory } from '../src/engine/history/historyClient.ts';
import type { History } from '../src/engine/history/port.ts';
import { Node } from '../src/engine/node.ts';
import { createPlanner } from '../src/engine/planning/threadPlanner.ts';
import { Rebalancing } from '../src/engine/rebalancing.ts';
import { runScript, type SessionParts } from '../src/interfaces/sql/session.ts';
import { MemoryHub, MemoryLog, MemoryMembership } from '../src/log/memory.ts';
import { systemClock } from '../src/ports/clock.ts';
import { createSealer } from '../src/secrets/aes.ts';
import { silent } from '../test/support/nodes.ts';
import { type Figure, grouped, median } from './figures.ts';
import { databaseOf, lakeLog, tableOf } from './lakeLog.ts';

const tables = 100_000;
const failing = 1_000;
const failures = 10_000;
/** Nothing becomes due while it is measured. */
const dayMs = 86_400_000;
const error = (tableId: number): string => `s3://lake/${tableOf(tableId)}: access denied (403)\n\tat org.apache.paimon.fs.FileIO.open`;

/**
 * SELECTs over 100,000 lake tables of which 1,000 fail, on a node that has been asked before, with the way to its history process.
 * @param events of the log in all: config changes lie between the failures, which are scattered over all of it
 */
export async function* tieringQueryFigures(events: number): AsyncGenerator<Figure> {
  const hub = new MemoryHub();
  const log = new MemoryLog(hub);
  const epoch = hub.raiseEpoch();
  for (const encoded of failingLake(epoch, events))
    if (hub.append(encoded).kind !== 'appended') throw new Error('an entry was not appended');
  const parts = {
    nodeId: 'n1',
    operatorUrl: 'http://n1',
    release: 'bench',
    log,
    membership: new MemoryMembership(hub),
    clock: systemClock,
  };
  const peers = { submit: () => Promise.reject(new Error('there are no other nodes')) };
  const node = new Node({ ...parts, peers, logger: silent, staticConfigs: {} });
  await node.start();
  const head = () => ({ index: node.state.index, position: node.state.position });
  const history = createHistory({ readTexts: async (after, limit) => hub.texts(after, limit), head, logger: silent, memoryMb: 1024 });
  const planner = createPlanner({ logger: silent });
  try {
    await caughtUp(history);
    const sealer = createSealer([{ keyId: 'k1', key: Buffer.alloc(32) }], 'k1');
    const rebalancing = new Rebalancing({ node, planner, clock: systemClock });
    const session = { node, history, rebalancing, sealer, now: systemClock.now, catalog: 'fluss_catalog' };
    for (const { floorMs, sql, what } of queries) yield await figureOf(session, what, sql, floorMs);
  } finally {
    await history.close();
    await planner.close();
    await node.close();
  }
}

const status = 'FROM sys.lake_tiering_status';
const queries: readonly { readonly what: string; readonly sql: string; readonly floorMs: number }[] = [
  { what: 'how many are in each state', sql: `SELECT status, count(*) ${status} GROUP BY status`, floorMs: 300 },
  { what: 'all, of which 1 000 are shown', sql: `SELECT * ${status}`, floorMs: 300 },
  { what: 'all, of which 10 000 are shown', sql: `SET 'sql.result.max-rows' = '10000'; SELECT * ${status}`, floorMs: 300 },
  { what: 'those that fail', sql: `SELECT * ${status} WHERE last_error IS NOT NULL`, floorMs: 300 },
  {
    what: 'all sorted by their error, of which 100 are shown',
    sql: `SELECT * ${status} ORDER BY last_error_time DESC LIMIT 100`,
    floorMs: 300,
  },
  { what: 'one by its name', sql: `SELECT * ${status} WHERE table_name = 'orders_7'`, floorMs: 300 },
  { what: 'the newest 100 of 10 000 failures', sql: 'SELECT * FROM sys.lake_tiering_failures LIMIT 100', floorMs: 300 },
  {
    what: 'all 10 000 failures by their error',
    sql: 'SELECT error, count(*) AS n FROM sys.lake_tiering_failures GROUP BY error ORDER BY n DESC LIMIT 10',
    floorMs: 300,
  },
];

async function figureOf(session: SessionParts, what: string, sql: string, floorMs: number): Promise<Figure> {
  const times: number[] = [];
  let rows = 0;
  for (let i = 0; i < 12; i += 1) {
    const began = performance.now();
    const { failure, results } = await runScript(session, { statement: sql, principal: 'User:root', host: '127.0.0.1' });
    times.push(performance.now() - began);
    if (failure !== undefined) throw new Error(`${sql}: ${JSON.stringify(failure)}`);
    const last = results.at(-1);
    rows = last?.kind === 'rows' ? last.rows.length : 0;
  }
  const ms = median(times.slice(2));
  return {
    what: `SQL over ${grouped(tables)} lake tables: ${what}`,
    ratio: `${ms.toFixed(0)} ms`,
    floor: `< ${floorMs} ms`,
    isMet: ms < floorMs,
    behind: `${sql.split('; ').at(-1) ?? ''}: ${grouped(rows)} rows, the first time ${(times[0] ?? 0).toFixed(0)} ms`,
  };
}

/** Until the history process has folded the log: a question waits half a minute for that. */
async function caughtUp(history: History): Promise<void> {
  for (let tries = 0; tries < 10; tries += 1) {
    const isThere = await history.events({ limit: 1 }).then(
      () => true,
      () => false,
    );
    if (isThere) return;
  }
  throw new Error('the history process does not catch up');
}

/** Lake tables, then rounds of a thousand of them that fail in turn, among config changes. */
function* failingLake(epoch: number, events: number): Generator<EncodedEntry> {
  let last: EncodedEntry | undefined;
  for (const encoded of lakeLog({ tables, epoch, freshnessMs: () => dayMs, from: Date.now() - 3_600_000, overMs: 60_000 })) {
    last = encoded;
    yield encoded;
  }
  const perEntry = 100;
  const perFailure = Math.floor((events - 2 * tables) / failures);
  const pending: ChanceryEvent[] = [];
  for (let n = 0; n < failures; n += 1) {
    pending.push(...failure(n));
    while (pending.length % perFailure !== 0) pending.push(otherEvent(n * perFailure + pending.length));
    while (pending.length >= perEntry) {
      last = entryAfter(last, pending.splice(0, perEntry), epoch);
      yield last;
    }
  }
  if (pending.length > 0) yield entryAfter(last, pending, epoch);
}

function failure(n: number): readonly ChanceryEvent[] {
  const tableId = (n % failing) * (tables / failing);
  const names = { tableId, database: databaseOf(tableId), table: tableOf(tableId) };
  const tieringEpoch = Math.floor(n / failing) + 1;
  const round = { ...names, tieringEpoch, service: 'tiering-1' };
  return [
    ...(tieringEpoch === 1 ? [tieringDue({ ...names, tieringEpoch })] : []),
    tieringRoundStarted({ ...round, timeoutMs: 120_000 }),
    tieringRoundFailed({ ...round, durationMs: 2_300, because: 'REPORTED', error: error(tableId), failuresInRow: tieringEpoch }),
  ];
}

const otherEvent = (n: number): ChanceryEvent =>
  clusterConfigsChanged({
    changes: [{ key: `datalake.paimon.key-${n % 100}`, previous: { kind: 'hidden' }, value: { kind: 'text', text: `value-${n}` } }],
  });

function entryAfter(last: EncodedEntry | undefined, logged: readonly ChanceryEvent[], epoch: number): EncodedEntry {
  if (last === undefined) throw new Error('there is no entry yet');
  const { at, count, firstPosition: first, hash: previousHash, index } = last.entry;
  const firstPosition = first + count;
  const act = { command: 'test', digest: '0'.repeat(32), interface: 'sql', node: 'n1', principal: 'User:root' } as const;
  const made = logged.map(
    (event, i): LoggedEvent => ({
      ...event,
      id: `e${firstPosition + i}`,
      act: { ...act, commandId: `c${firstPosition + i}` },
    }),
  );
  return encodeEntry({ epoch, index: index + 1, firstPosition, at: at + 10, batchId: `b${index}`, previousHash, events: made });
}
