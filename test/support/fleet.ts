/** Tablet servers without processes: tables that are there from the beginning, and leaders whose followers have everything at once. */
import { type BucketRef, bucketsAssigned } from '../../events/buckets.ts';
import { databaseCreated, tableCreated } from '../../events/catalog.ts';
import { leadershipTaken, logCreated } from '../../events/leadership.ts';
import { serverRegistered } from '../../events/servers.ts';
import { type ServerTag, serverTagAdded } from '../../events/serverTags.ts';
import { type BucketRow, bucketRefOf } from '../../projections/buckets.ts';
import { serverRows } from '../../projections/servers.ts';
import type { State } from '../../projections/state.ts';
import type { Command } from '../../src/deciders/commands.ts';
import type { Node } from '../../src/engine/node.ts';
import type { MemoryHub } from '../../src/log/memory.ts';
import { logOf } from './given.ts';

export interface Settled {
  /** By id from 0: the rack of each. */
  readonly racks: readonly (string | undefined)[];
  /** Of each bucket of `shop.orders` its replicas, the leader's first. */
  readonly orders: readonly (readonly number[])[];
  readonly tags?: Readonly<Record<number, ServerTag>>;
}
/** A process of a server that never starts again. */
export const processOf = (serverId: number) => ({ serverId, incarnation: `first-of-${serverId}` });

/** Writes the log of a cluster into a hub that no node has entered yet. @param at epoch milliseconds */
export function settle(hub: MemoryHub, { orders, racks, tags = {} }: Settled, at = Date.now() - 60_000): void {
  const servers = racks.map((rack, serverId) =>
    serverRegistered({
      ...processOf(serverId),
      directoryId: `directory-of-${serverId}`,
      endpoint: `127.0.0.1:${9200 + serverId}`,
      ...(rack === undefined ? {} : { rack }),
    }),
  );
  const table = { tableId: 0, database: 'shop', table: 'orders' };
  const columns = [{ name: 'id', type: 'BIGINT', isNullable: false }];
  const keys = { primaryKey: ['id'], partitionKeys: [], bucketKeys: ['id'] };
  const size = { bucketCount: orders.length, replicationFactor: orders[0]?.length ?? 1 };
  const events = [
    logCreated({ format: 1, clusterId: 'c1' }),
    leadershipTaken({ nodeId: 'n0', epoch: 1, staticConfigs: {} }),
    ...servers,
    ...Object.entries(tags).map(([id, tag]) => serverTagAdded({ serverIds: [Number(id)], tag })),
    databaseCreated({ database: 'shop', properties: {} }),
    tableCreated({ ...table, columns, ...keys, ...size, properties: {} }),
    bucketsAssigned({ tableId: 0, replicas: orders.map((replicas) => [...replicas]) }),
  ];
  hub.raiseEpoch();
  for (const entry of logOf([{ events, at }])) hub.append(entry);
}

/** Answers for all servers, to the node that is asked: whoever follows is in sync at once, unless the fleet is told to wait. */
export class Fleet {
  readonly #node: Node;
  #isIdle: boolean;
  readonly #stop: () => void;
  readonly #reported = new Map<string, number>();

  constructor(node: Node, { isIdle = false }: { readonly isIdle?: boolean } = {}) {
    this.#node = node;
    this.#isIdle = isIdle;
    this.#stop = node.replica.onApplied(() => this.#answer());
    this.#answer();
  }

  /** From now on replicas are in sync as soon as they are there. */
  work(): void {
    this.#isIdle = false;
    this.#answer();
  }
  stop(): void {
    this.#stop();
  }

  /** What somebody is copying, as their heartbeat says. */
  copying(serverId: number, bucket: BucketRef, copiedBytes: number, totalBytes: number): void {
    const { position } = this.#node.state;
    this.#node.serverReports.record({
      ...processOf(serverId),
      appliedPosition: position,
      copies: [{ ...bucketRefOf(bucket), copiedBytes, totalBytes }],
    });
  }

  #answer(): void {
    if (this.#isIdle) return;
    const { state } = this.#node;
    for (const command of reportsOn(state, this.#reported))
      void this.#node.submit(command, { principal: 'User:fleet', interface: 'operator' });
    for (const { serverId, status } of serverRows(state.servers))
      if (status === 'LIVE')
        this.#node.serverReports.record({ ...processOf(serverId), appliedPosition: state.position, copies: this.#copiesOf(serverId) });
  }

  #copiesOf(serverId: number) {
    const copies = this.#node.serverReports.reportOf(serverId)?.copies ?? [];
    return copies.map((copy) => ({ ...copy, copiedBytes: copy.totalBytes }));
  }
}

/** How long every copy is. */
export const bytesOfBucket = 4096;

/** One report for each bucket with a follower that is behind; each bucket epoch is reported once. */
function reportsOn(state: State, reported: Map<string, number>): readonly Command[] {
  const behind: BucketRow[] = [];
  for (const [key, row] of state.buckets.byKey.rows()) {
    if (row.leader === -1 || row.isr.length === row.replicas.length || reported.get(key) === row.bucketEpoch) continue;
    reported.set(key, row.bucketEpoch);
    behind.push(row);
  }
  return behind.map((row) => ({
    name: 'adjustIsr',
    ...processOf(row.leader),
    buckets: [
      { ...bucketRefOf(row), leaderEpoch: row.leaderEpoch, bucketEpoch: row.bucketEpoch, isr: [...row.replicas], bytes: bytesOfBucket },
    ],
  }));
}
