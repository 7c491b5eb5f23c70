/** Tablet servers without disks: they do at once what a real one does in time, as far as the coordinator can see. */
import { type BucketRow, bucketKey, bucketRefOf, bucketsOn } from '../../projections/buckets.ts';
import { serverOf } from '../../projections/servers.ts';
import type { State } from '../../projections/state.ts';
import { caller, type TestCluster } from './nodes.ts';

const ids = Array.from({ length: 100 }, (_, i) => i);

export class SimulatedServer {
  readonly serverId: number;
  /** Whether it runs; one that does not neither copies nor reports. */
  isUp = true;
  readonly #cluster: TestCluster;
  readonly #rack: string;
  #starts = 0;
  /** Buckets whose copies have everything that their leader has. */
  readonly #inSync = new Set<string>();
  #applied = 0;

  constructor(cluster: TestCluster, serverId: number, rack: string) {
    this.#cluster = cluster;
    this.serverId = serverId;
    this.#rack = rack;
  }

  /** Keeps its copies, as a disk does. */
  restart(): void {
    this.isUp = true;
    this.#starts += 1;
  }

  /** Carries its assignment out, as one node shows it, and reports. */
  async turn(others: readonly SimulatedServer[]): Promise<void> {
    const [node] = [...this.#cluster.running.values()].map((each) => each.node);
    if (!this.isUp || node === undefined) return;
    const { state } = node;
    if (!this.#isRegistered(state)) {
      await this.#register();
      return;
    }
    if (state.position < this.#applied) return; // An older list than one that was carried out already.
    const rows = [...bucketsOn(state.buckets, this.serverId)];
    const held = new Set(rows.map(bucketKey));
    for (const key of this.#inSync) if (!held.has(key)) this.#inSync.delete(key);
    for (const row of rows) if (row.isr.includes(this.serverId) || this.#canCopy(row, others)) this.#inSync.add(bucketKey(row));
    this.#applied = state.position;
    const report = { serverId: this.serverId, incarnation: this.#incarnation, appliedPosition: this.#applied, copies: [] };
    for (const each of this.#cluster.running.values()) each.node.serverReports.record(report);
    await this.#reportIsr(rows, others);
  }

  get #incarnation(): string {
    return `start-${this.#starts}`;
  }

  #isRegistered({ servers }: State): boolean {
    const row = serverOf(servers, this.serverId);
    return row !== undefined && row.status !== 'LOST' && row.incarnation === this.#incarnation;
  }

  #canCopy(row: BucketRow, others: readonly SimulatedServer[]): boolean {
    return others.some((other) => other.serverId === row.leader && other.isUp);
  }

  async #register(): Promise<void> {
    const { serverId } = this;
    const endpoint = `127.0.0.1:${9000 + serverId}`;
    const given = { serverId, directoryId: `directory-${serverId}`, incarnation: this.#incarnation, endpoint, rack: this.#rack };
    await this.#anyNode()?.submit({ name: 'registerServer', ...given }, { ...caller, timeoutMs: 200 });
  }

  async #reportIsr(rows: readonly BucketRow[], others: readonly SimulatedServer[]): Promise<void> {
    const { serverId } = this;
    const buckets = rows
      .filter((row) => row.leader === serverId)
      .flatMap((row) => {
        const isr = row.replicas.filter((id) => id === serverId || others.find((other) => other.serverId === id)?.holds(row) === true);
        const isSame = isr.length === row.isr.length && isr.every((id) => row.isr.includes(id));
        return isSame ? [] : [{ ...bucketRefOf(row), leaderEpoch: row.leaderEpoch, bucketEpoch: row.bucketEpoch, isr }];
      });
    if (buckets.length === 0) return;
    const command = { name: 'adjustIsr', serverId, incarnation: this.#incarnation, buckets: buckets.slice(0, 500) } as const;
    await this.#anyNode()?.submit(command, { ...caller, timeoutMs: 200 });
  }

  /** Whether it is there and has everything of a bucket. */
  holds(row: BucketRow): boolean {
    return this.isUp && this.#inSync.has(bucketKey(row));
  }

  #anyNode() {
    return [...this.#cluster.running.values()].at(-1)?.node;
  }
}

/** Lets servers take turns until something holds. @throws when it does not within so many rounds */
export async function untilServed(servers: readonly SimulatedServer[], what: string, holds: () => boolean, rounds = 3000): Promise<void> {
  for (let round = 0; round < rounds; round += 1) {
    if (holds()) return;
    for (const server of servers) await server.turn(servers);
    await new Promise(setImmediate);
  }
  throw new Error(`${what} does not hold after ${rounds} rounds`);
}

export const simulatedServers = (cluster: TestCluster, count: number): readonly SimulatedServer[] =>
  ids.slice(0, count).map((id) => new SimulatedServer(cluster, id, `r${id % 3}`));
