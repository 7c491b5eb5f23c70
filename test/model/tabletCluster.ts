/**
 * A cluster in one thread: the tables of the coordinator, and tablet servers that hold replicas as lists of writes. Servers act on what
 * they were told last, which may be long over; reports reach the coordinator late, twice, or never.
 */
import fc from 'fast-check';
import { type BucketRef, bucketsAssigned, noLeader } from '../../events/buckets.ts';
import { tableCreated, tableDropped } from '../../events/catalog.ts';
import type { ChanceryEvent } from '../../events/index.ts';
import { type BucketRow, bucketKey, bucketRefOf, bucketsOn } from '../../projections/buckets.ts';
import type { Recorded } from '../../projections/kit.ts';
import { serverOf, serverRows } from '../../projections/servers.ts';
import { serverTagOf } from '../../projections/serverTags.ts';
import { draftState, finishState, foldEvent, initialState, type State } from '../../projections/state.ts';
import { type Command, decide } from '../../src/deciders/commands.ts';
import type { Cluster } from '../../src/rebalance/cluster.ts';
import { actOf, startedAt } from '../support/given.ts';

/** What a leader knows of its bucket beside its assignment; gone with its process. */
interface Leading {
  readonly epoch: number;
  /** How many writes it had when the epoch began: any of them may have been acknowledged before. */
  readonly inherited: number;
  /** How many of them each follower has shown to have, in this epoch. */
  readonly shown: Map<number, number>;
  /** In-sync replicas that it has asked for and may have been granted. */
  proposals: readonly (readonly number[])[];
  acknowledged: number;
}
/** A disk: writes by bucket, in order. A write is known by its number. */
type Disk = Map<string, readonly number[]>;
interface Process {
  readonly serverId: number;
  readonly directoryId: string;
  readonly incarnation: string;
  /** Whom it asks for nothing older. */
  registeredAt: number | undefined;
  /** Position and content of the assignment that it carries out. */
  applied: number;
  readonly assigned: Map<string, BucketRow>;
  readonly leading: Map<string, Leading>;
}
export type IsrReport = Extract<Command, { readonly name: 'adjustIsr' }>;

export class TabletCluster {
  state: State = initialState();
  now = startedAt;
  epoch = 1;
  /** The tables at each position. */
  readonly states: State[] = [this.state];
  readonly log: Recorded[] = [];
  /** Processes that run, by server. */
  readonly processes = new Map<number, Process>();
  readonly disks = new Map<string, Disk>();
  /** Directories that each server has had, the newest last. */
  readonly directories = new Map<number, string[]>();
  readonly acknowledged = new Map<string, Set<number>>();
  /** Reports on their way, and such as have come once already. */
  readonly underWay: IsrReport[] = [];
  readonly replicationFactors = new Map<number, number>();
  #drawn = 0;
  readonly #look: (before: State, event: ChanceryEvent, after: State) => void;

  /** @param look is called with every event, and the tables before and after it */
  constructor(look: (before: State, event: ChanceryEvent, after: State) => void) {
    this.#look = look;
  }

  /** A number that was not there before. */
  next(): number {
    this.#drawn += 1;
    return this.#drawn;
  }

  /** @returns the code of a refusal, or how many events came of it */
  give(command: Command): string | number {
    const decision = decide(this.state, command, { now: this.now, timeOfDay: this.now, commandId: `command-${this.next()}` });
    if (decision.kind === 'rejected') return decision.rejection.code;
    for (const event of decision.events) this.tell(event);
    return decision.events.length;
  }

  tell(event: ChanceryEvent): void {
    const position = this.state.position + 1;
    const recorded = { position, at: this.now, epoch: this.epoch, event: { ...event, id: `event-${position}`, act: actOf('model') } };
    const before = this.state;
    const draft = draftState(before);
    foldEvent(draft, recorded);
    this.state = finishState(draft);
    this.log.push(recorded);
    this.states.push(this.state);
    this.#look(before, event, this.state);
  }

  /** The tables, folded from the log anew. */
  refolded(): State {
    const draft = draftState(initialState());
    for (const recorded of this.log) foldEvent(draft, recorded);
    return finishState(draft);
  }

  createTable(replicas: number[][]): void {
    const tableId = this.state.catalog.nextTableId;
    const replicationFactor = replicas[0]?.length ?? 1;
    const columns = [{ name: 'id', type: 'BIGINT', isNullable: true }];
    const table = { tableId, database: 'fluss', table: `t${tableId}`, columns, primaryKey: [], partitionKeys: [], bucketKeys: [] };
    this.tell(tableCreated({ ...table, bucketCount: replicas.length, replicationFactor, properties: {} }));
    this.replicationFactors.set(tableId, replicationFactor);
    this.tell(bucketsAssigned({ tableId, replicas }));
  }

  dropTable(tableId: number): void {
    const row = this.state.catalog.tables.get(String(tableId));
    if (row === undefined) return;
    this.tell(tableDropped({ tableId, database: 'fluss', table: row.table, bucketCount: row.bucketCount, partitionIds: [] }));
    for (const key of [...this.acknowledged.keys()]) if (key.startsWith(`${tableId}/`)) this.acknowledged.delete(key);
  }

  rows(): readonly BucketRow[] {
    return [...this.state.buckets.byKey.rows()].map(([, row]) => row);
  }

  /** Starts a process for a server, on its newest directory or on a new, empty one. */
  start(serverId: number, isEmpty: boolean): void {
    const directories = this.directories.get(serverId) ?? [];
    if (isEmpty || directories.length === 0) directories.push(`directory-${this.next()}`);
    this.startOn(serverId, directories.at(-1) ?? '', directories);
  }

  startOn(serverId: number, directoryId: string, directories = this.directories.get(serverId) ?? []): void {
    this.directories.set(serverId, directories);
    if (!this.disks.has(directoryId)) this.disks.set(directoryId, new Map());
    const empty = { assigned: new Map(), leading: new Map(), applied: 0, registeredAt: undefined };
    this.processes.set(serverId, { ...empty, serverId, directoryId, incarnation: `start-${this.next()}` });
  }

  /** The process asks for its place. @returns the code of a refusal, or how many events came of it */
  register(serverId: number): string | number {
    const process = this.processes.get(serverId);
    if (process === undefined) return 0;
    const { directoryId, incarnation } = process;
    const outcome = this.give({ name: 'registerServer', serverId, directoryId, incarnation, endpoint: `tablet-${serverId}:9124` });
    if (typeof outcome === 'number') process.registeredAt = Math.max(process.registeredAt ?? 0, this.state.position);
    return outcome;
  }

  /** Carries out the assignment of a position, unless a newer one is known. Replicas that it does not name are deleted. */
  apply(serverId: number, position: number): void {
    const process = this.processes.get(serverId);
    const state = this.states[position];
    if (process?.registeredAt === undefined || state === undefined || position < Math.max(process.applied, process.registeredAt)) return;
    process.applied = position;
    const rows = new Map([...bucketsOn(state.buckets, serverId)].map((row) => [bucketKey(row), row]));
    const disk = this.#diskOf(process);
    for (const key of disk.keys()) if (!rows.has(key)) disk.delete(key);
    for (const key of process.assigned.keys()) if (!rows.has(key)) process.assigned.delete(key);
    for (const key of process.leading.keys()) if (rows.get(key)?.leader !== serverId) process.leading.delete(key);
    for (const [key, row] of rows) {
      if (!disk.has(key)) disk.set(key, []);
      const before = process.assigned.get(key);
      process.assigned.set(key, row);
      if (row.leader === serverId) this.#lead(process, key, row, before);
    }
  }

  #lead(process: Process, key: string, row: BucketRow, before: BucketRow | undefined): void {
    const leading = process.leading.get(key);
    if (leading?.epoch !== row.leaderEpoch) {
      const inherited = this.#diskOf(process).get(key)?.length ?? 0;
      process.leading.set(key, { epoch: row.leaderEpoch, inherited, shown: new Map(), proposals: [], acknowledged: 0 });
    } else if (row.bucketEpoch > (before?.bucketEpoch ?? -1)) leading.proposals = []; // Each was for the bucket epoch that is over.
    this.#acknowledge(process, key);
  }

  #diskOf = ({ directoryId }: Process): Disk => this.disks.get(directoryId) ?? new Map();

  /** Servers whose process takes itself for the leader of a bucket. */
  leadersOf(key: string): readonly number[] {
    return [...this.processes.values()].filter(({ leading }) => leading.has(key)).map(({ serverId }) => serverId);
  }

  write(serverId: number, key: string): void {
    const process = this.processes.get(serverId);
    if (process?.leading.has(key) !== true) return;
    const disk = this.#diskOf(process);
    disk.set(key, [...(disk.get(key) ?? []), this.next()]);
    this.#acknowledge(process, key);
  }

  /** A follower fetches from whom it takes for the leader, at most so many writes; what the leader does not have it cuts off first. */
  copy(serverId: number, key: string, atMost = Number.POSITIVE_INFINITY): void {
    const follower = this.processes.get(serverId);
    const row = follower?.assigned.get(key);
    const leader = this.processes.get(row?.leader ?? noLeader);
    if (follower === undefined || row === undefined || leader === undefined || leader === follower) return;
    const leading = leader.leading.get(key);
    if (leading?.epoch !== row.leaderEpoch || leader.assigned.get(key)?.replicas.includes(serverId) !== true) return;
    const [mine, theirs] = [this.#diskOf(follower).get(key) ?? [], this.#diskOf(leader).get(key) ?? []];
    const differs = mine.findIndex((write, i) => theirs[i] !== write);
    const common = differs === -1 ? mine.length : differs;
    const copied = theirs.slice(0, Math.min(theirs.length, common + atMost));
    this.#diskOf(follower).set(key, copied);
    leading.shown.set(serverId, copied.length);
    this.#acknowledge(leader, key);
  }

  /** Acknowledged is what every member of any in-sync list has that may be in force. */
  #acknowledge(process: Process, key: string): void {
    const [leading, row] = [process.leading.get(key), process.assigned.get(key)];
    if (leading === undefined || row === undefined) return;
    const disk = this.#diskOf(process).get(key) ?? [];
    const members = new Set([row.isr, ...leading.proposals].flat());
    members.delete(process.serverId);
    const everyoneHas = Math.min(disk.length, ...[...members].map((id) => leading.shown.get(id) ?? 0));
    leading.acknowledged = Math.max(leading.acknowledged, everyoneHas);
    const acknowledged = this.acknowledged.get(key) ?? new Set();
    if (!this.state.buckets.byKey.has(key)) return;
    this.acknowledged.set(key, acknowledged);
    for (const write of disk.slice(0, leading.acknowledged)) acknowledged.add(write);
  }

  /** A leader asks for the in-sync replicas that it sees. @param leavesOut whom it takes for too slow */
  report(serverId: number, leavesOut: (id: number) => boolean = () => false): void {
    const process = this.processes.get(serverId);
    if (process === undefined) return;
    const buckets = [...process.leading].flatMap(([key, leading]) => {
      const row = process.assigned.get(key);
      if (row === undefined) return [];
      const isr = row.replicas.filter((id) => id === serverId || (!leavesOut(id) && isInSync(leading, row, id)));
      if (isr.length === row.isr.length && isr.every((id) => row.isr.includes(id))) return [];
      leading.proposals = [...leading.proposals, isr];
      return [{ ...bucketRefOf(row), leaderEpoch: row.leaderEpoch, bucketEpoch: row.bucketEpoch, isr }];
    });
    if (buckets.length === 0) return;
    this.underWay.push({ name: 'adjustIsr', serverId, incarnation: process.incarnation, buckets });
  }

  /** Servers and buckets as the planner wants them. */
  planned(): Cluster {
    const servers = serverRows(this.state.servers).map(({ serverId, status }) => {
      const tag = serverTagOf(this.state.serverTags, serverId)?.tag;
      return { id: serverId, isLive: status === 'LIVE', ...(tag === undefined ? {} : { tag }) };
    });
    return { servers, buckets: this.rows().map((row) => ({ ...bucketRefOf(row), leader: row.leader, replicas: row.replicas })) };
  }

  /** What the directory that the coordinator knows for a server holds of a bucket. */
  contentOn(serverId: number, ref: BucketRef): readonly number[] {
    const directoryId = serverOf(this.state.servers, serverId)?.directoryId ?? '';
    return this.disks.get(directoryId)?.get(bucketKey(ref)) ?? [];
  }
}

/** As the reference tablet server has it: a member stays until it falls behind, another one must have shown everything. */
function isInSync({ acknowledged, inherited, shown }: Leading, row: BucketRow, id: number): boolean {
  const has = shown.get(id);
  if (row.isr.includes(id)) return has === undefined || has >= acknowledged;
  return has !== undefined && has >= Math.max(acknowledged, inherited);
}

/** What happens next, and numbers for whatever is to be chosen. */
export interface Turn<What extends string> {
  readonly what: What;
  readonly a: number;
  readonly b: number;
}
export const turns = <What extends string>(whats: readonly What[], length: number): fc.Arbitrary<readonly Turn<What>[]> =>
  fc.array(fc.record({ what: fc.constantFrom(...whats), a: fc.nat(999), b: fc.nat(999) }), { minLength: length / 2, maxLength: length });
/** One of a list, by any number. */
export const oneOf = <T>(list: readonly T[], number: number): T | undefined => list[number % Math.max(1, list.length)];
