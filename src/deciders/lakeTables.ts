/** What a table's properties say of its tiering. */
import { freshnessChanged, lakeTableAdded, lakeTableRemoved, type TieringEvent } from '../../events/tiering.ts';
import { boolean, duration, wholeMs } from '../../projections/configValues.ts';
import { coordinatorRows, isMember } from '../../projections/coordinators.ts';
import type { State } from '../../projections/state.ts';
import { tieringOf } from '../../projections/tiering.ts';

/** @see Fluss, ConfigOptions.TABLE_DATALAKE_FRESHNESS */
const defaultFreshnessMs = 180_000;

export interface LakeTable {
  readonly tableId: number;
  readonly database: string;
  readonly table: string;
  readonly properties: Readonly<Record<string, string>>;
}

export const isLakeTable = ({ properties }: Pick<LakeTable, 'properties'>): boolean =>
  boolean.parse(properties['table.datalake.enabled'] ?? '') === true;

function freshnessMsOf({ properties }: LakeTable): number {
  const nanos = duration.parse(properties['table.datalake.freshness'] ?? '');
  return nanos === undefined ? defaultFreshnessMs : wholeMs(nanos);
}

const namesOf = ({ database, table, tableId }: LakeTable): { database: string; table: string; tableId: number } => ({
  database,
  table,
  tableId,
});

/** Whether every node that is there can read of tiering: one of a release before 0.5.0 would stop at the first event. */
export const canAllRead = ({ coordinators }: Pick<State, 'coordinators'>): boolean =>
  coordinatorRows(coordinators).every((row) => !isMember(row) || !/^0\.[1-4]\./.test(row.release));

/** The event by which a table becomes one that is tiered. One that was tiered before is in no round that anybody knows of. */
export function joining({ tiering }: State, table: LakeTable, because: 'NEW' | 'FOUND'): TieringEvent {
  const former = tiering.formerEpochs.get(String(table.tableId));
  return lakeTableAdded({
    ...namesOf(table),
    freshnessMs: freshnessMsOf(table),
    tieringEpoch: former === undefined ? 0 : former + 1,
    because,
  });
}

/**
 * What follows for the tiering of a table that was created, or whose properties changed; at most one event. While there are nodes that
 * could not read it none: the table is taken in later, as one that is found.
 */
export function lakeChange(state: State, table: LakeTable): readonly TieringEvent[] {
  const row = tieringOf(state.tiering, table.tableId);
  if (!isLakeTable(table)) return row === undefined ? [] : [lakeTableRemoved(namesOf(table))];
  if (row === undefined) return canAllRead(state) ? [joining(state, table, 'NEW')] : [];
  const freshnessMs = freshnessMsOf(table);
  return freshnessMs === row.freshnessMs ? [] : [freshnessChanged({ ...namesOf(table), freshnessMs })];
}
