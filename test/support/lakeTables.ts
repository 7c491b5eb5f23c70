/** Lake tables in each state that they rest in, and what a tiering service says: what tests of tiering begin with. */
import { tableCreated, tableDropped } from '../../events/catalog.ts';
import type { ChanceryEvent } from '../../events/index.ts';
import {
  freshnessChanged,
  lakeTableAdded,
  lakeTableRemoved,
  tieringDue,
  tieringRoundFailed,
  tieringRoundFinished,
  tieringRoundStarted,
} from '../../events/tiering.ts';
import type { RestingState } from '../../projections/tieringStates.ts';
import type { Command } from '../../src/deciders/commands.ts';
import { data, shop } from './catalogSamples.ts';
import { startedAt } from './given.ts';

/** When the so manieth event of a story happened, from 0; epoch milliseconds. */
export const at = (place: number): number => startedAt + place * 1000;
/** Table 7 is `shop.t7`. */
export const named = (tableId: number) => ({ tableId, database: 'shop', table: `t${tableId}` });
/** The event in the catalog. Nothing is said of freshness unless it is given. */
export const created = (tableId: number, freshness?: string, enabled = 'true') =>
  tableCreated({
    ...data,
    ...named(tableId),
    properties: { 'table.datalake.enabled': enabled, ...(freshness === undefined ? {} : { 'table.datalake.freshness': freshness }) },
  });
export const dropped = (tableId: number) => tableDropped({ ...named(tableId), bucketCount: 1, partitionIds: [] });

type DataOf<E extends (data: never) => unknown> = Partial<Parameters<E>[0]>;
export const added = (tableId: number, more: DataOf<typeof lakeTableAdded> = {}) =>
  lakeTableAdded({ ...named(tableId), freshnessMs: 180_000, tieringEpoch: 0, because: 'NEW', ...more });
export const removed = (tableId: number) => lakeTableRemoved(named(tableId));
export const freshness = (tableId: number, freshnessMs: number) => freshnessChanged({ ...named(tableId), freshnessMs });
export const due = (tableId: number, tieringEpoch: number) => tieringDue({ ...named(tableId), tieringEpoch });
export const begun = (tableId: number, tieringEpoch: number, more: DataOf<typeof tieringRoundStarted> = {}) =>
  tieringRoundStarted({ ...named(tableId), tieringEpoch, service: 's1', timeoutMs: 120_000, ...more });
export const finished = (tableId: number, tieringEpoch: number, more: DataOf<typeof tieringRoundFinished> = {}) =>
  tieringRoundFinished({ ...named(tableId), tieringEpoch, service: 's1', durationMs: 1000, isForced: false, ...more });
export const failed = (tableId: number, tieringEpoch: number, more: DataOf<typeof tieringRoundFailed> = {}) =>
  tieringRoundFailed({
    ...named(tableId),
    tieringEpoch,
    service: 's1',
    durationMs: 1000,
    because: 'REPORTED',
    failuresInRow: 1,
    ...more,
  });

/** What brings a table into a state, behind that of the catalog: its first round unless said otherwise. */
export const inState = (state: RestingState, tableId: number, before = 0): readonly ChanceryEvent[] => {
  const way = [added(tableId, { tieringEpoch: before }), due(tableId, before + 1), begun(tableId, before + 1)];
  return way.slice(0, { Scheduled: 1, Pending: 2, Tiering: 3 }[state]);
};
/** The tables in the catalog, then what brings all of them into a state, one table after the other. */
export const tablesIn = (state: RestingState, ...tableIds: readonly number[]): readonly ChanceryEvent[] => [
  shop,
  ...tableIds.map((id) => created(id)),
  ...tableIds.flatMap((id) => inState(state, id)),
];

export type Heartbeat = Extract<Command, { readonly name: 'tieringHeartbeat' }>;
export const heartbeat = (more: Partial<Heartbeat> = {}): Heartbeat => ({
  name: 'tieringHeartbeat',
  service: 's1',
  failed: [],
  tiering: [],
  finished: [],
  forced: [],
  wantsTable: false,
  alsoHas: [],
  ...more,
});
