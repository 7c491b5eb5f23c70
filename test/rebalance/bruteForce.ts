import type { BucketRef } from '../../events/buckets.ts';
import type { Goal } from '../../events/rebalance.ts';
import type { Bucket, Cluster } from '../../src/rebalance/cluster.ts';

/**
 * The rules of a rebalance once more, written down one by one from the contract (fluss-semantics.md, sections 5.2 to 5.4) and without a
 * thought for speed: every candidate is looked at, every count is counted anew. It shares no code with the planner.
 * `tags`: 'first' empties tagged servers before the goals, as decision 0016 says; 'within' leaves them to the goals, as the contract does,
 * and racks are then tried in the order of server ids.
 */
export interface BruteMove {
  readonly bucket: string;
  readonly leader: number;
  readonly replicas: readonly number[];
}
export interface BruteState {
  readonly moves: readonly BruteMove[];
  readonly replicas: ReadonlyMap<number, number>;
  readonly leaders: ReadonlyMap<number, number>;
}

interface Server {
  readonly id: number;
  readonly rack: string;
  readonly kind: 'alive' | 'offline' | 'absent';
}
/** `at` holds the servers by place, `led` the place of the leader. */
interface Placed {
  readonly bucket: Bucket;
  readonly at: number[];
  led: number;
}
interface Action {
  readonly kind: 'replica' | 'leadership';
  readonly placed: Placed;
  readonly from: Server;
  readonly to: Server;
}
type Metric = 'replicas' | 'leaders';

export const nameOf = ({ bucketId, partitionId, tableId }: BucketRef): string => `${tableId}/${partitionId ?? ''}/${bucketId}`;

class Brute {
  readonly servers: readonly Server[];
  readonly placed: readonly Placed[];
  readonly goals: readonly Goal[];
  readonly tags: 'first' | 'within';
  limits: Record<Metric, { lower: number; upper: number }> = { replicas: { lower: 0, upper: 0 }, leaders: { lower: 0, upper: 0 } };
  /** The goals that must accept an action. */
  judges: readonly Goal[] = [];

  constructor(cluster: Cluster, goals: readonly Goal[], tags: 'first' | 'within') {
    this.goals = [...new Set(goals)];
    this.tags = tags;
    this.servers = cluster.servers
      .map(({ id, isLive, rack, tag }): Server => {
        const untagged = isLive ? 'alive' : 'absent';
        return { id, rack: rack ?? 'default_rack', kind: tag === undefined ? untagged : 'offline' };
      })
      .sort((a, b) => a.id - b.id);
    const live = new Set(cluster.servers.filter((server) => server.isLive).map((server) => server.id));
    this.placed = cluster.buckets
      .filter(({ leader, replicas }) => replicas.includes(leader) && live.has(leader))
      .sort((a, b) => a.tableId - b.tableId || (a.partitionId ?? -1) - (b.partitionId ?? -1) || a.bucketId - b.bucketId)
      .map((bucket) => ({ bucket, at: [...bucket.replicas], led: bucket.replicas.indexOf(bucket.leader) }));
  }

  get alive(): readonly Server[] {
    return this.servers.filter(({ kind }) => kind === 'alive');
  }
  count(metric: Metric, { id }: Server): number {
    return this.placed.filter(({ at, led }) => (metric === 'replicas' ? at.includes(id) : at[led] === id)).length;
  }
  server(id: number | undefined): Server {
    const server = this.servers.find((each) => each.id === id);
    if (server === undefined) throw new Error(`no server ${id}`);
    return server;
  }
  leaderOf({ at, led }: Placed): Server {
    return this.server(at[led]);
  }

  /** Does the action if everybody lets it. */
  tries(action: Action): boolean {
    const { from, kind, placed, to } = action;
    const holdsOne = placed.at.includes(to.id);
    const isLegitimate = kind === 'replica' ? !holdsOne : holdsOne && this.leaderOf(placed) === from && from !== to;
    if (!isLegitimate || to.kind !== 'alive' || !this.judges.every((goal) => this.accepts(goal, action))) return false;
    if (kind === 'replica') placed.at[placed.at.indexOf(from.id)] = to.id;
    else placed.led = placed.at.indexOf(to.id);
    return true;
  }

  accepts(goal: Goal, action: Action): boolean {
    const { from, kind, placed, to } = action;
    if (goal === 'REPLICA_DISTRIBUTION') return kind === 'leadership' || this.keepsLimits('replicas', from, to);
    if (goal === 'LEADER_DISTRIBUTION')
      return (kind === 'replica' && this.leaderOf(placed) !== from) || this.keepsLimits('leaders', from, to);
    return kind === 'leadership' || placed.at.every((id) => id === from.id || this.server(id).rack !== to.rack);
  }

  keepsLimits(metric: Metric, from: Server, to: Server): boolean {
    const { lower, upper } = this.limits[metric];
    return this.count(metric, to) + 1 <= upper && (from.kind === 'offline' || this.count(metric, from) - 1 >= lower);
  }

  firstThatWorks(placed: Placed, from: Server, candidates: readonly Server[], kind: Action['kind'] = 'replica'): boolean {
    return candidates.some((to) => this.tries({ kind, placed, from, to }));
  }

  fewest(metric: Metric, among: readonly Server[]): readonly Server[] {
    return among
      .map((server) => [this.count(metric, server), server] as const)
      .sort(([a, x], [b, y]) => a - b || x.id - y.id)
      .map(([, s]) => s);
  }
  most(metric: Metric, among: readonly Server[]): readonly Server[] {
    return among
      .map((server) => [this.count(metric, server), server] as const)
      .sort(([a, x], [b, y]) => b - a || x.id - y.id)
      .map(([, s]) => s);
  }

  run(): void {
    if (this.goals.length > 0 && this.tags === 'first') this.drain();
    const done: Goal[] = [];
    for (const goal of this.goals) {
      done.push(goal);
      this.judges = [...done];
      if (goal === 'RACK_AWARE') this.separate();
      else this.distribute(goal === 'REPLICA_DISTRIBUTION' ? 'replicas' : 'leaders');
    }
  }

  drain(): void {
    this.judges = this.goals.filter((goal) => goal === 'RACK_AWARE');
    for (const from of this.servers.filter(({ kind }) => kind === 'offline'))
      for (const placed of this.placed.filter(({ at }) => at.includes(from.id))) {
        const others = placed.at.filter((id) => id !== from.id).map((id) => this.server(id));
        if (this.leaderOf(placed) === from) this.firstThatWorks(placed, from, this.fewest('leaders', others), 'leadership');
        this.firstThatWorks(placed, from, this.fewest('replicas', this.alive));
      }
  }

  distribute(metric: Metric): void {
    const moving = this.servers.filter(({ kind }) => kind === 'alive' || (kind === 'offline' && this.tags === 'within'));
    const total = moving.reduce((sum, server) => sum + this.count(metric, server), 0);
    const alive = this.alive.length;
    // In hundredths, so that an average of 100 has the limits 91 and 109 and nothing is lost to binary fractions.
    this.limits = {
      ...this.limits,
      [metric]: { lower: Math.floor((total * 91) / (alive * 100)), upper: Math.ceil((total * 109) / (alive * 100)) },
    };
    for (const server of moving) {
      const { lower, upper } = server.kind === 'alive' ? this.limits[metric] : { lower: 0, upper: 0 };
      if (this.count(metric, server) > upper || server.kind === 'offline') this.moveOut(metric, server, upper);
      else if (this.count(metric, server) < lower) this.moveIn(metric, server, lower);
    }
  }

  moveOut(metric: Metric, from: Server, limit: number): void {
    const held = this.placed.filter(({ at }) => at.includes(from.id));
    const isCounted = (placed: Placed) => metric === 'replicas' || from.kind === 'offline' || this.leaderOf(placed) === from;
    if (metric === 'leaders')
      for (const placed of held.filter((each) => this.leaderOf(each) === from)) {
        if (this.count('leaders', from) <= limit) break;
        const others = placed.at.filter((id) => id !== from.id).map((id) => this.server(id));
        this.firstThatWorks(placed, from, this.fewest('leaders', others), 'leadership');
      }
    for (const placed of held.filter(isCounted)) {
      if (this.count(metric, from) <= limit && from.kind !== 'offline') return;
      const below = this.alive.filter((server) => this.count(metric, server) < this.limits[metric].upper);
      this.firstThatWorks(placed, from, this.fewest(metric, below));
    }
  }

  moveIn(metric: Metric, to: Server, lower: number): void {
    const isDone = () => this.count(metric, to) >= lower;
    if (metric === 'leaders')
      for (const placed of this.placed.filter(({ at }) => at.includes(to.id)))
        if (!isDone()) this.tries({ kind: 'leadership', placed, from: this.leaderOf(placed), to });
    const mayGive = (server: Server) =>
      server.kind === 'alive' ? this.count(metric, server) > lower : metric === 'replicas' && server.kind === 'offline';
    let queue = this.servers.filter((server) => mayGive(server) && (server.kind === 'alive' || this.tags === 'within'));
    while (!isDone() && queue.length > 0) {
      const [from] = this.most(metric, queue);
      if (from === undefined) return;
      queue = queue.filter((server) => server !== from);
      for (const placed of this.placed.filter(({ at }) => at.includes(from.id))) {
        if (metric === 'leaders' && this.leaderOf(placed) !== from) continue;
        if (!this.tries({ kind: 'replica', placed, from, to })) continue;
        if (isDone()) return;
        const [next] = this.most(metric, queue);
        if (next === undefined || this.count(metric, from) >= this.count(metric, next)) continue;
        queue.push(from);
        break;
      }
    }
  }

  separate(): void {
    for (const from of this.servers.filter(({ kind }) => kind === 'alive' || (kind === 'offline' && this.tags === 'within')))
      for (const placed of this.placed.filter(({ at }) => at.includes(from.id))) {
        const isShared = placed.at.some((id) => id !== from.id && this.server(id).rack === from.rack);
        if (isShared || from.kind === 'offline')
          this.firstThatWorks(placed, from, this.tags === 'first' ? this.fewest('replicas', this.alive) : this.alive);
      }
  }

  outcome(): BruteState {
    const moves = this.placed.flatMap(({ at, bucket, led }) => {
      const [leader = -1, first = -1] = [at[led], at[0]];
      if (leader === bucket.leader && at.every((id) => bucket.replicas.includes(id))) return [];
      const replicas = at.map((id, place) => (place === 0 ? leader : place === led ? first : id));
      return [{ bucket: nameOf(bucket), leader, replicas }];
    });
    const counts = (metric: Metric) => new Map(this.servers.map((server) => [server.id, this.count(metric, server)]));
    return { moves, replicas: counts('replicas'), leaders: counts('leaders') };
  }
}

/** Expects clusters whose goals can be pursued at all, and whose servers are all listed. */
export function bruteForce(cluster: Cluster, goals: readonly Goal[], tags: 'first' | 'within' = 'first'): BruteState {
  const brute = new Brute(cluster, goals, tags);
  brute.run();
  return brute.outcome();
}
