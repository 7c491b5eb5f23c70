import { defineProjection, invariant } from './kit.ts';
import { Table } from './table.ts';

/** A Chancery node as the log knows it. `lostAt` (epoch milliseconds) is absent while it is a member. */
export interface CoordinatorRow {
  readonly nodeId: string;
  readonly operatorUrl: string;
  readonly release: string;
  readonly joinedAt: number;
  readonly position: number;
  readonly lostAt?: number;
}
export interface Coordinators {
  readonly byId: Table<CoordinatorRow>;
}

export const coordinators = defineProjection<Coordinators>({
  name: 'coordinators',
  version: 1,
  initial: () => ({ byId: Table.empty() }),
  on: {
    CoordinatorJoined: (state, { event: { data }, at, position }) => {
      state.byId = state.byId.set(data.nodeId, { ...data, joinedAt: at, position });
    },
    CoordinatorLost: (state, { event: { data }, at }) => {
      const row = state.byId.get(data.nodeId);
      invariant(row !== undefined && row.lostAt === undefined, `coordinator ${data.nodeId} is not a member`);
      state.byId = state.byId.set(data.nodeId, { ...row, lostAt: at });
    },
    CoordinatorForgotten: (state, { event: { data } }) => {
      invariant(state.byId.has(data.nodeId), `coordinator ${data.nodeId} is not known`);
      state.byId = state.byId.delete(data.nodeId);
    },
  },
});

export const coordinatorOf = (state: Coordinators, nodeId: string): CoordinatorRow | undefined => state.byId.get(nodeId);
export const isMember = (row: CoordinatorRow | undefined): row is CoordinatorRow => row !== undefined && row.lostAt === undefined;
/** All known nodes, ids ascending. */
export const coordinatorRows = (state: Coordinators): readonly CoordinatorRow[] =>
  [...state.byId.rows()].map(([, row]) => row).sort((a, b) => (a.nodeId < b.nodeId ? -1 : 1));
