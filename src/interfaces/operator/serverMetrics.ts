import { Gauge, type Registry } from 'prom-client';
import { serverTags } from '../../../events/serverTags.ts';
import type { Buckets } from '../../../projections/buckets.ts';
import type { ServerRow, Servers } from '../../../projections/servers.ts';
import type { State } from '../../../projections/state.ts';

const statuses: readonly ServerRow['status'][] = ['LIVE', 'STOPPING', 'LOST'];

/** Tablet servers and buckets, from the sizes of tables: nothing here looks at every bucket. */
export function watchServers(registry: Registry, state: () => State): void {
  const registers = [registry];
  new Gauge({
    name: 'chancery_servers',
    help: 'Tablet servers, by status.',
    labelNames: ['status'],
    registers,
    collect() {
      const counts = countsOf(state().servers);
      for (const status of statuses) this.set({ status }, counts.get(status) ?? 0);
    },
  });
  new Gauge({
    name: 'chancery_servers_tagged',
    help: 'Tablet servers that the next rebalance empties, by tag.',
    labelNames: ['tag'],
    registers,
    collect() {
      const rows = [...state().serverTags.byServer.rows()];
      for (const tag of serverTags) this.set({ tag }, rows.filter(([, row]) => row.tag === tag).length);
    },
  });
  const gauge = (name: string, help: string, read: (buckets: Buckets) => number) =>
    new Gauge({
      name: `chancery_${name}`,
      help,
      registers,
      collect() {
        this.set(read(state().buckets));
      },
    });
  gauge('buckets', 'Buckets of all tables.', ({ byKey }) => byKey.size);
  gauge('buckets_without_leader', 'Buckets that nobody leads: no in-sync replica is there.', ({ leaderless }) => leaderless.size);
  gauge('replicas_lagging', 'Copies of buckets that are not in sync, or of buckets that nobody leads.', ({ byServer }) => {
    let lagging = 0;
    for (const [, holdings] of byServer.rows()) lagging += holdings.lagging.size;
    return lagging;
  });
}

function countsOf({ byId }: Servers): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const [, { status }] of byId.rows()) counts.set(status, (counts.get(status) ?? 0) + 1);
  return counts;
}
