import type { ServerTag } from '../events/serverTags.ts';
import { defineProjection, invariant } from './kit.ts';
import { Table } from './table.ts';

/** A server's tag, with the act that gave it. Tags stay when their server is gone. `at` is epoch milliseconds. */
export interface ServerTagRow {
  readonly serverId: number;
  readonly tag: ServerTag;
  readonly at: number;
  readonly principal: string;
  readonly reason?: string;
}
export interface ServerTags {
  readonly byServer: Table<ServerTagRow>;
  /** Of the newest change: what was planned before may send buckets where they must not go. */
  readonly position: number;
}

export const serverTags = defineProjection<ServerTags>({
  name: 'serverTags',
  version: 1,
  initial: () => ({ byServer: Table.empty(), position: 0 }),
  on: {
    ServerTagAdded: (state, { event: { data, act }, at, position }) => {
      const { principal, reason } = act;
      for (const serverId of data.serverIds) {
        invariant(!state.byServer.has(String(serverId)), `server ${serverId} has a tag already`);
        const row = { serverId, tag: data.tag, at, principal, ...(reason === undefined ? {} : { reason }) };
        state.byServer = state.byServer.set(String(serverId), row);
      }
      state.position = position;
    },
    ServerTagRemoved: (state, { event: { data }, position }) => {
      for (const serverId of data.serverIds) {
        invariant(state.byServer.get(String(serverId))?.tag === data.tag, `server ${serverId} does not have the tag ${data.tag}`);
        state.byServer = state.byServer.delete(String(serverId));
      }
      state.position = position;
    },
  },
});

export const serverTagOf = (state: ServerTags, serverId: number): ServerTagRow | undefined => state.byServer.get(String(serverId));
