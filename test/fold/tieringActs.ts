/** Lake tables, found or switched on, with rounds that end in every way there is. They follow the tables of flussActs.ts. */
import { type CatalogEvent, tableAltered, tableCreated, tableDropped } from '../../events/catalog.ts';
import { freshnessChanged, lakeTableAdded, lakeTableRemoved, type TieringEvent } from '../../events/tiering.ts';
import type { Command } from '../../src/deciders/commands.ts';
import { heartbeat } from '../support/lakeTables.ts';

const orders = { tableId: 0, database: 'shop', table: 'orders' } as const;
const payments = { tableId: 2, database: 'shop', table: 'payments' } as const;
const asks = (service: string): Command => heartbeat({ service, wantsTable: true });
const due: Command = { name: 'queueDueTables', atMost: 10 };
const error = 'Zugriff verweigert: s3://lake/shop/payments\n\tat paimon.FileIO.open';

export const tieringActs: readonly (Command | { readonly name: string; readonly events: readonly (CatalogEvent | TieringEvent)[] })[] = [
  {
    name: 'createTable', // As releases before 0.5.0 did, that kept nothing of tiering.
    events: [
      tableCreated({
        ...payments,
        columns: [{ name: 'id', type: 'BIGINT', isNullable: true }],
        primaryKey: [],
        partitionKeys: [],
        bucketKeys: [],
        bucketCount: 1,
        replicationFactor: 1,
        properties: { 'table.datalake.enabled': 'true', 'table.datalake.freshness': '10 min' },
      }),
    ],
  },
  { name: 'adoptLakeTables', atMost: 10 },
  due,
  asks('tiering-1'),
  heartbeat({ service: 'tiering-1', failed: [{ tableId: 2, tieringEpoch: 1, error }] }),
  asks('tiering-1'),
  { name: 'timeOutTieringRounds', rounds: [{ tableId: 2, tieringEpoch: 2 }] },
  asks('tiering-2'),
  { name: 'reportTieringFail', tableId: 2, tieringEpoch: 3 },
  asks('tiering-2'),
  { name: 'finishTableTiering', tableId: 2, tieringEpoch: 4, isForced: true },
  asks('tiering-2'),
  heartbeat({ service: 'tiering-2', finished: [{ tableId: 2, tieringEpoch: 5, fileBytes: 1_048_576, records: 500 }] }),
  {
    name: 'alterTable',
    events: [
      tableAltered({ ...orders, set: { 'table.datalake.enabled': 'true' }, removed: [], columns: [] }),
      lakeTableAdded({ ...orders, freshnessMs: 180_000, tieringEpoch: 0, because: 'NEW' }),
    ],
  },
  {
    name: 'alterTable',
    events: [
      tableAltered({ ...orders, set: { 'table.datalake.freshness': '20 min' }, removed: [], columns: [] }),
      freshnessChanged({ ...orders, freshnessMs: 1_200_000 }),
    ],
  },
  due,
  asks('tiering-1'),
  {
    name: 'alterTable',
    events: [tableAltered({ ...orders, set: { 'table.datalake.enabled': 'false' }, removed: [], columns: [] }), lakeTableRemoved(orders)],
  },
  { name: 'dropTable', events: [tableDropped({ ...payments, bucketCount: 1, partitionIds: [] })] },
];
