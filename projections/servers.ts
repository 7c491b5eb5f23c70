import { defineProjection, invariant, type Writable } from './kit.ts';
import { Table } from './table.ts';

/** A tablet server as the log knows it. STOPPING: it still serves, but is given nothing. Times are epoch milliseconds. */
export interface ServerRow {
  readonly serverId: number;
  readonly directoryId: string;
  readonly incarnation: string;
  /** Its data listener, host:port. */
  readonly endpoint: string;
  readonly rack?: string;
  readonly capacityBytes?: number;
  readonly status: 'LIVE' | 'STOPPING' | 'LOST';
  readonly registeredAt: number;
  /** While it is lost. */
  readonly lostAt?: number;
  readonly lostBecause?: 'LEASE_EXPIRED' | 'STOPPED';
  /** Of the newest event about it. */
  readonly position: number;
}
export interface Servers {
  readonly byId: Table<ServerRow>;
  /** Of the newest event about any of them: what was planned before may rest on servers that are gone. */
  readonly position: number;
}

export const servers = defineProjection<Servers>({
  name: 'servers',
  version: 1,
  initial: () => ({ byId: Table.empty(), position: 0 }),
  on: {
    ServerRegistered: (state, { event: { data }, at, position }) => {
      const { replaces: _, ...row } = data;
      put(state, { ...row, status: 'LIVE', registeredAt: at, position }, position);
    },
    ServerLost: (state, { event: { data }, at, position }) => {
      const row = rowOf(state, data.serverId, ({ status }) => status !== 'LOST', 'is lost already');
      put(state, { ...row, status: 'LOST', lostAt: at, lostBecause: data.because, position }, position);
    },
    ServerReturned: (state, { event: { data }, position }) => {
      const { lostAt: _, lostBecause: __, ...row } = rowOf(state, data.serverId, ({ status }) => status === 'LOST', 'is not lost');
      put(state, { ...row, status: 'LIVE', position }, position);
    },
    ServerStopping: (state, { event: { data }, position }) => {
      const row = rowOf(state, data.serverId, ({ status }) => status === 'LIVE', 'is not live');
      put(state, { ...row, status: 'STOPPING', position }, position);
    },
    ServerForgotten: (state, { event: { data }, position }) => {
      rowOf(state, data.serverId, ({ status }) => status === 'LOST', 'is not lost');
      state.byId = state.byId.delete(String(data.serverId));
      state.position = position;
    },
  },
});

function rowOf(state: Writable<Servers>, serverId: number, holds: (row: ServerRow) => boolean, otherwise: string): ServerRow {
  const row = state.byId.get(String(serverId));
  invariant(row !== undefined && holds(row), `server ${serverId} ${otherwise}`);
  return row;
}

function put(state: Writable<Servers>, row: ServerRow, position: number): void {
  state.byId = state.byId.set(String(row.serverId), row);
  state.position = position;
}

export const serverOf = (state: Servers, serverId: number): ServerRow | undefined => state.byId.get(String(serverId));
/** Whether it may lead and be given replicas. */
export const isLive = (state: Servers, serverId: number): boolean => serverOf(state, serverId)?.status === 'LIVE';
/** All that are known, ids ascending. */
export const serverRows = (state: Servers): readonly ServerRow[] =>
  [...state.byId.rows()].map(([, row]) => row).sort((a, b) => a.serverId - b.serverId);
