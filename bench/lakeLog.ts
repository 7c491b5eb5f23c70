import { databaseCreated, tableCreated } from '../events/catalog.ts';
import { type Act, type EncodedEntry, encodeEntry, genesisHash, type LoggedEvent } from '../events/envelope.ts';
import type { ChanceryEvent } from '../events/index.ts';
import { lakeTableAdded } from '../events/tiering.ts';
import type { EventLog } from '../src/log/port.ts';

/** What makes a log of lake tables. Times are milliseconds. */
export interface Lake {
  readonly tables: number;
  readonly freshnessMs: (tableId: number) => number;
  /** Of the first entry, epoch milliseconds. */
  readonly from: number;
  /** Over how long a time the tables were made. */
  readonly overMs: number;
  /** Of its entries; 1 when absent. */
  readonly epoch?: number;
}

/** Of an entry at most; and entries enough that timers are spread. */
const tablesOfEntry = 100;
const entriesAtLeast = 1_000;
export const databaseOf = (tableId: number): string => `lake_${tableId % 10}`;
export const tableOf = (tableId: number): string => `orders_${tableId}`;

/** A valid log in which so many tables were made, each a lake table from its beginning. */
export function* lakeLog({ epoch = 1, freshnessMs, from, overMs, tables }: Lake): Generator<EncodedEntry> {
  let previousHash = genesisHash;
  let index = 0;
  let position = 0;
  const entry = (events: readonly ChanceryEvent[], at: number): EncodedEntry => {
    const logged = events.map((event, i) => ({ ...event, act: actOf(position + i), id: `e${position + i}` }));
    index += 1;
    const header = { epoch, index, firstPosition: position + 1, at, batchId: `batch-${index}`, previousHash };
    const encoded = encodeEntry({ ...header, events: logged as LoggedEvent[] });
    position += events.length;
    previousHash = encoded.entry.hash;
    return encoded;
  };
  yield entry(
    Array.from({ length: 10 }, (_, i) => databaseCreated({ database: databaseOf(i), properties: {} })),
    from,
  );
  const atOnce = Math.max(1, Math.min(tablesOfEntry, Math.floor(tables / entriesAtLeast)));
  for (let first = 0; first < tables; first += atOnce) {
    const ids = Array.from({ length: Math.min(atOnce, tables - first) }, (_, i) => first + i);
    yield entry(
      ids.flatMap((tableId) => made(tableId, freshnessMs(tableId))),
      from + Math.floor((first / tables) * overMs),
    );
  }
}

const actOf = (n: number): Act => ({
  command: 'createTable',
  commandId: `command-${n}`,
  digest: n.toString(16).padStart(32, '0'),
  interface: 'sql',
  node: 'n1',
  principal: 'User:root',
});

function made(tableId: number, freshnessMs: number): readonly ChanceryEvent[] {
  const names = { tableId, database: databaseOf(tableId), table: tableOf(tableId) };
  return [
    tableCreated({
      ...names,
      columns: [{ name: 'id', type: 'BIGINT', isNullable: false }],
      primaryKey: ['id'],
      partitionKeys: [],
      bucketKeys: ['id'],
      bucketCount: 1,
      replicationFactor: 1,
      properties: { 'table.datalake.enabled': 'true', 'table.datalake.freshness': `${freshnessMs} ms` },
    }),
    lakeTableAdded({ ...names, freshnessMs, tieringEpoch: 0, because: 'NEW' }),
  ];
}

/** Writes a log's entries, as many at once as it takes. @throws Error when one is not taken */
export async function writeAll(log: EventLog, entries: Iterable<EncodedEntry>): Promise<void> {
  const inFlight: Promise<void>[] = [];
  const taken = async (encoded: EncodedEntry): Promise<void> => {
    const outcome = await log.append(encoded);
    if (outcome.kind !== 'appended') throw new Error(`entry ${encoded.entry.index} was not appended: ${JSON.stringify(outcome)}`);
  };
  for (const encoded of entries) {
    inFlight.push(taken(encoded));
    if (inFlight.length >= log.pipelineDepth) await inFlight.shift();
  }
  await Promise.all(inFlight);
}
