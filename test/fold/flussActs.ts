/** The life of a cluster of tablet servers: servers, tags, tables, elections, rebalances and tiering that end in every way there is. */
import { type BucketEvent, bucketsAssigned } from '../../events/buckets.ts';
import {
  type CatalogEvent,
  databaseAltered,
  databaseCreated,
  databaseDropped,
  partitionCreated,
  partitionDropped,
  tableAltered,
  tableCreated,
  tableDropped,
} from '../../events/catalog.ts';
import type { ChanceryEvent } from '../../events/index.ts';
import type { PlannedMove } from '../../events/rebalance.ts';
import type { TieringEvent } from '../../events/tiering.ts';
import type { Command } from '../../src/deciders/commands.ts';
import type { Chapter } from '../support/given.ts';
import { Teller } from './metaServiceActs.ts';
import { tieringActs } from './tieringActs.ts';

const minuteMs = 60_000;
/** What an operator does or a server reports; or what came of a change of the catalog. */
type Act = Command | { readonly name: string; readonly events: readonly (BucketEvent | CatalogEvent | TieringEvent)[] };

export const processOf = (serverId: number, start = 1): { readonly serverId: number; readonly incarnation: string } => ({
  serverId,
  incarnation: `start-${start}-of-${serverId}`,
});
const registration = (serverId: number, start = 1, directory = 'directory-of'): Command => ({
  name: 'registerServer',
  ...processOf(serverId, start),
  directoryId: `${directory}-${serverId}`,
  endpoint: `tablet-${serverId}.example:9124`,
  ...(serverId === 4 ? {} : { rack: `Gebäude ${serverId % 2}`, capacityBytes: 1_000_000_000_000 }),
});

const orders = { tableId: 0, database: 'shop', table: 'orders' } as const;
const clicks = { tableId: 1, database: 'shop', table: 'clicks' } as const;
const id = (name: string, isNullable = true) => ({ name, type: 'BIGINT', isNullable });
const catalogActs: readonly Act[] = [
  { name: 'createDatabase', events: [databaseCreated({ database: 'shop', comment: 'Käufe', properties: { owner: 'dana' } })] },
  {
    name: 'alterDatabase',
    events: [databaseAltered({ database: 'shop', set: { retention: '30d' }, removed: ['owner'], comment: 'sales' })],
  },
  {
    name: 'createTable',
    events: [
      tableCreated({
        ...orders,
        columns: [id('id', false), { ...id('amount'), comment: 'in cents' }],
        primaryKey: ['id'],
        partitionKeys: [],
        bucketKeys: ['id'],
        bucketCount: 4,
        replicationFactor: 3,
        properties: { 'table.datalake.enabled': 'true' },
        comment: 'every order',
      }),
      bucketsAssigned({
        tableId: 0,
        replicas: [
          [0, 1, 2],
          [1, 2, 0],
          [2, 0, 1],
          [0, 1, 2],
        ],
      }),
    ],
  },
  {
    name: 'createTable',
    events: [
      tableCreated({
        ...clicks,
        columns: [id('id'), { name: 'day', type: 'STRING', isNullable: false }],
        primaryKey: [],
        partitionKeys: ['day'],
        bucketKeys: [],
        bucketCount: 2,
        replicationFactor: 1,
        properties: {},
      }),
    ],
  },
  {
    name: 'alterTable',
    events: [tableAltered({ ...orders, set: { 'table.log.ttl': '7 d' }, removed: ['table.datalake.enabled'], columns: [id('tax')] })],
  },
  ...[0, 1].map((partitionId) => ({
    name: 'createPartition',
    events: [
      partitionCreated({ ...clicks, partitionId, spec: { day: `2026-11-2${partitionId}` } }),
      bucketsAssigned({ tableId: 1, partitionId, replicas: [[1], [2]] }),
    ],
  })),
];

const dropActs: readonly Act[] = [
  { name: 'dropPartition', events: [partitionDropped({ ...clicks, partitionId: 0, bucketCount: 2 })] },
  { name: 'dropTable', events: [tableDropped({ ...clicks, bucketCount: 2, partitionIds: [1] })] },
  { name: 'dropTable', events: [tableDropped({ ...orders, bucketCount: 4, partitionIds: [] })] },
  { name: 'dropDatabase', events: [databaseDropped({ database: 'shop' })] },
];

const off0: PlannedMove['steps'] = [
  { askedBy: 'SERVER_TAG', kind: 'REPLICA', from: 0, to: 3, reason: { because: 'TAGGED', tag: 'PERMANENT_OFFLINE' } },
];
/** A bucket of the orders, from server 0 to server 3. */
const moveOf = (bucketId: number, originalReplicas: number[], newReplicas: number[], steps = off0): PlannedMove => {
  const [originalLeader = -1, newLeader = -1] = [originalReplicas[0], newReplicas[0]];
  return { tableId: 0, bucketId, originalLeader, newLeader, originalReplicas, newReplicas, steps };
};
const first = moveOf(0, [0, 1, 2], [3, 1, 2]);
const second = moveOf(1, [1, 2, 0], [1, 2, 3]);
const third = moveOf(
  3,
  [0, 1, 2],
  [1, 3, 2],
  [
    { askedBy: 'REPLICA_DISTRIBUTION', kind: 'REPLICA', from: 0, to: 3, reason: { because: 'ABOVE_LIMIT', count: 4, limit: 3 } },
    { askedBy: 'LEADER_DISTRIBUTION', kind: 'LEADERSHIP', from: 3, to: 1, reason: { because: 'BELOW_LIMIT', count: 1, limit: 2 } },
    { askedBy: 'RACK_AWARE', kind: 'REPLICA', from: 0, to: 3, reason: { because: 'RACK_SHARED', rack: 'Gebäude 0', with: 2 } },
  ],
);
/** Behind everything that these stories tell. */
const later = 1_000_000;
const planOf = (rebalanceId: string, moves: PlannedMove[], moveCount = moves.length): Command => ({
  name: 'planRebalance',
  rebalanceId,
  goals: ['REPLICA_DISTRIBUTION', 'LEADER_DISTRIBUTION', 'RACK_AWARE'],
  plannedAt: later,
  moveCount,
  moves,
});
const advance = (rebalanceId: string): Command => ({ name: 'advanceRebalance', rebalanceId, applied: [] });
const elect: Command = { name: 'electLeaders', atMost: 500 };
/** What a leader reports of buckets of the orders: id, leader epoch, bucket epoch, in-sync replicas. */
const isrOf = (serverId: number, ...buckets: readonly (readonly [number, number, number, number[]])[]): Command => ({
  name: 'adjustIsr',
  ...processOf(serverId),
  buckets: buckets.map(([bucketId, leaderEpoch, bucketEpoch, isr]) => ({
    tableId: 0,
    bucketId,
    leaderEpoch,
    bucketEpoch,
    isr,
    ...(bucketId === 1 ? { bytes: 1_048_576 } : {}),
  })),
});

/** Servers with tables on them: what most acts rest on. */
const settling: readonly Act[] = [
  ...[0, 1, 2, 3, 4].map((serverId) => registration(serverId)),
  { name: 'addServerTag', serverIds: [4, 3], tag: 'TEMPORARY_OFFLINE' },
  { name: 'removeServerTag', serverIds: [3, 4], tag: 'TEMPORARY_OFFLINE' },
  ...catalogActs,
];
const acts: readonly Act[] = [
  ...settling,
  { name: 'loseServer', ...processOf(2), because: 'LEASE_EXPIRED' },
  elect,
  { name: 'returnServer', ...processOf(2) },
  elect,
  isrOf(0, [0, 0, 1, [0, 1, 2]], [3, 0, 1, [0, 1, 2]], [2, 1, 1, [2, 0, 1]]),
  isrOf(1, [1, 0, 1, [1, 2, 0]]),
  { name: 'addServerTag', serverIds: [0], tag: 'PERMANENT_OFFLINE' },
  planOf('rebalance-finished', [first], 2),
  { name: 'addRebalanceMoves', rebalanceId: 'rebalance-finished', firstMove: 1, moves: [second] },
  advance('rebalance-finished'),
  isrOf(0, [0, 0, 3, [3, 1, 2, 0]]),
  isrOf(1, [1, 0, 3, [1, 2, 3, 0]]),
  advance('rebalance-finished'),
  { name: 'advanceRebalance', rebalanceId: 'rebalance-finished', applied: [{ serverId: 3, position: later }] },
  planOf('rebalance-too-slow', [third]),
  advance('rebalance-too-slow'),
  { name: 'timeOutMove', rebalanceId: 'rebalance-too-slow', move: 0 },
  advance('rebalance-too-slow'),
  planOf('rebalance-canceled', [third]),
  advance('rebalance-canceled'),
  { name: 'cancelRebalance' },
  planOf('rebalance-never-complete', [third], 2),
  { name: 'failRebalance', rebalanceId: 'rebalance-never-complete' },
  planOf('rebalance-of-nothing', []),
  { name: 'stopServer', ...processOf(4) },
  { name: 'loseServer', ...processOf(4), because: 'STOPPED' },
  { name: 'forgetServer', serverId: 4 },
  { name: 'loseServer', ...processOf(3), because: 'LEASE_EXPIRED' },
  elect,
  registration(3, 2, 'new-disk-of'),
  ...tieringActs,
  ...dropActs,
];
/** Those that can be given at any time, in any order, and are refused where they do not fit. */
export const flussActs: readonly Command[] = acts.filter((act): act is Command => !('events' in act));
const told = (teller: Teller, act: Act, at: number): readonly ChanceryEvent[] =>
  'events' in act ? act.events.map((event) => teller.tell(event, at)) : teller.act(act, at);
/** Tells of servers with tables on them. */
export const flussFoundation = (teller: Teller, at: number): readonly ChanceryEvent[] => settling.flatMap((act) => told(teller, act, at));

/** A move that takes this long is given up, and so is a plan of which this long no piece arrived. */
const patienceMs = 31 * minuteMs;

/** A story in which every event of these families occurs: chapters half an hour apart. @param begins epoch milliseconds */
export function flussStory(begins: number): readonly (Chapter & { readonly command: string; readonly at: number })[] {
  const teller = new Teller();
  const chapters = acts.map((act, i) => {
    const at = begins + (i + 1) * patienceMs;
    const events = told(teller, act, at);
    if (events.length === 0) throw new Error(`act ${i}, ${act.name}, does not fit into the story`);
    return { command: act.name, at, events };
  });
  teller.end();
  return chapters;
}
