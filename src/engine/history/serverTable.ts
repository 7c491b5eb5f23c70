import { describeServers } from '../serverList.ts';
import type { StateTable } from './metaServiceTables.ts';
import type { ColumnType, SysColumn } from './selector.ts';

const column = (name: string, type: ColumnType, about: string): SysColumn => ({ name, type, about });

export const serverTable: StateTable = {
  table: {
    name: 'servers',
    about: 'The tablet servers: where they are, what they hold, and how they are tagged.',
    columns: [
      column('server_id', 'BIGINT', 'Its id.'),
      column('status', 'VARCHAR', 'One of LIVE, STOPPING, LOST, and FORGOTTEN: off the list, but its tag is still there.'),
      column('tag', 'VARCHAR', 'PERMANENT_OFFLINE or TEMPORARY_OFFLINE: the next rebalance empties it; NULL without one.'),
      column('rack', 'VARCHAR', 'The rack that it stands in; NULL when it does not say.'),
      column('endpoint', 'VARCHAR', 'Where its data listener is reached, host:port.'),
      column('replicas', 'BIGINT', 'How many copies of buckets it holds.'),
      column('leaders', 'BIGINT', 'How many of those lead their bucket.'),
      column('lagging', 'BIGINT', 'How many of those are not in sync, or of buckets that nobody leads.'),
      column('capacity_bytes', 'BIGINT', 'How many bytes it has room for; NULL when it does not say.'),
      column('registered_at', 'TIMESTAMP_LTZ(3)', 'When it registered last.'),
      column('lost_at', 'TIMESTAMP_LTZ(3)', 'Since when it is lost; NULL while it is there.'),
      column('lost_because', 'VARCHAR', 'LEASE_EXPIRED: nobody heard of it. STOPPED: it said so.'),
      column('tagged_at', 'TIMESTAMP_LTZ(3)', 'When it was tagged.'),
      column('tagged_by', 'VARCHAR', 'Who did it.'),
      column('tag_reason', 'VARCHAR', 'Why, in the words of whoever did it.'),
      column('directory_id', 'VARCHAR', 'Its data directory.'),
      column('incarnation', 'VARCHAR', 'This start of its process.'),
      column('position', 'BIGINT', 'The newest event about it.'),
    ],
  },
  *rows(state) {
    for (const row of describeServers(state))
      yield [
        row.serverId,
        row.status,
        row.tag ?? null,
        row.rack ?? null,
        row.endpoint ?? null,
        row.replicas,
        row.leaders,
        row.lagging,
        row.capacityBytes ?? null,
        row.registeredAt ?? null,
        row.lostAt ?? null,
        row.lostBecause ?? null,
        row.taggedAt ?? null,
        row.taggedBy ?? null,
        row.tagReason ?? null,
        row.directoryId ?? null,
        row.incarnation ?? null,
        row.position ?? null,
      ];
  },
};
