/** What a table's properties say of its tiering. */
import { freshnessChanged, lakeTableAdded, lakeTableRemoved, type TieringEvent } from '../../events/tiering.ts';
import { boolean, duration, wholeMs } from '../../projections/configValues.ts';
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

/** The event by which a table becomes one that is tiered. */
export const joining = ({ tiering }: State, table: LakeTable, because: 'NEW' | 'FOUND'): TieringEvent =>
  lakeTableAdded({
    ...namesOf(table),
    freshnessMs: freshnessMsOf(table),
    tieringEpoch: tiering.formerEpochs.get(String(table.tableId)) ?? 0,
    because,
  });

/** What follows for the tiering of a table that was created, or whose properties changed; at most one event. */
export function lakeChange(state: State, table: LakeTable): readonly TieringEvent[] {
  const row = tieringOf(state.tiering, table.tableId);
  if (!isLakeTable(table)) return row === undefined ? [] : [lakeTableRemoved(namesOf(table))];
  if (row === undefined) return [joining(state, table, 'NEW')];
  const freshnessMs = freshnessMsOf(table);
  return freshnessMs === row.freshnessMs ? [] : [freshnessChanged({ ...namesOf(table), freshnessMs })];
}
