import type { BucketRef } from '../../events/buckets.ts';
import type { Goal } from '../../events/rebalance.ts';
import { type Cluster, defaultRack } from './cluster.ts';
import { distributeLeaders, distributeReplicas, limitsOf } from './distribution.ts';
import { Model } from './model.ts';
import type { Move } from './moves.ts';
import { drain, separateRacks } from './separation.ts';
import { type Limits, type Rules, Stage } from './stage.ts';

export interface Plan {
  /** By table, partition and bucket. */
  readonly moves: readonly Move[];
  /** Every server that is registered or holds a replica, by id. */
  readonly servers: readonly ServerCounts[];
  /** What the goals could not reach. */
  readonly unmet: readonly Unmet[];
  /** Buckets that no live server leads: nobody can copy them, so they stay as they are and count nowhere. */
  readonly leaderless: readonly BucketRef[];
}

export interface ServerCounts {
  readonly serverId: number;
  readonly replicas: { readonly before: number; readonly after: number };
  readonly leaders: { readonly before: number; readonly after: number };
}

export type Unmet =
  /** A server outside of the limits of a goal. */
  | {
      readonly goal: 'REPLICA_DISTRIBUTION' | 'LEADER_DISTRIBUTION';
      readonly serverId: number;
      readonly count: number;
      readonly limits: Limits;
    }
  /** A bucket with two replicas in one rack. */
  | { readonly goal: 'RACK_AWARE'; readonly bucket: BucketRef; readonly rack: string }
  /** A replica that a tagged server keeps: every open server has one of this bucket. */
  | { readonly goal: 'SERVER_TAG'; readonly bucket: BucketRef; readonly serverId: number };

/** `message` is the contract's text; whoever answers a client puts its own beginning before it. */
export type Planning =
  | { readonly kind: 'planned'; readonly plan: Plan }
  | { readonly kind: 'failed'; readonly goal: Goal; readonly message: string };

/**
 * Plans a rebalance: empties the servers that carry a tag, then pursues the goals one after the other; none may spoil what those before it
 * reached. The same cluster gives the same plan, in whatever order servers and buckets are listed.
 * Servers that are dead without a tag keep what they hold and get nothing.
 * @param goals by priority, a repeated one counts once; without any nothing is moved
 * @throws Error when a server, a bucket or a replica of a bucket is listed twice
 * @see docs/rebalance.md, decision 0016
 */
export function planRebalance(cluster: Cluster, goals: readonly Goal[]): Planning {
  const model = new Model(cluster);
  const before = countsOf(model);
  const wanted = [...new Set(goals)];
  for (const goal of wanted) {
    const message = obstacleTo(goal, model);
    if (message !== undefined) return { kind: 'failed', goal, message };
  }
  if (wanted.length > 0) drain(new Stage(model, { areRacksApart: wanted.includes('RACK_AWARE') }, 'replicas'));
  let rules: Rules = { areRacksApart: false };
  for (const goal of wanted) rules = pursue(goal, model, rules);
  const servers = countsOf(model).map(({ leaders, replicas, serverId }, i) => ({
    serverId,
    replicas: { before: before[i]?.replicas ?? 0, after: replicas },
    leaders: { before: before[i]?.leaders ?? 0, after: leaders },
  }));
  return {
    kind: 'planned',
    plan: { moves: model.moves(), servers, unmet: unmetOf(model, wanted, rules), leaderless: model.leaderless.map(keyOf) },
  };
}

const countsOf = (model: Model) =>
  model.servers.map(({ id }, server) => ({ serverId: id, replicas: model.replicas(server), leaders: model.leaders(server) }));

const keyOf = ({ bucketId, partitionId, tableId }: BucketRef): BucketRef =>
  partitionId === undefined ? { tableId, bucketId } : { tableId, partitionId, bucketId };

/** @returns the rules with those of the goal, which hold for the goals after it */
function pursue(goal: Goal, model: Model, before: Rules): Rules {
  switch (goal) {
    case 'REPLICA_DISTRIBUTION': {
      const replicas = limitsFor(model, (server) => model.replicas(server));
      const rules = { ...before, replicas };
      distributeReplicas(new Stage(model, rules, 'replicas'), replicas);
      return rules;
    }
    case 'LEADER_DISTRIBUTION': {
      const leaders = limitsFor(model, (server) => model.leaders(server));
      const rules = { ...before, leaders };
      distributeLeaders(new Stage(model, rules, 'leaders'), leaders);
      return rules;
    }
    case 'RACK_AWARE': {
      const rules = { ...before, areRacksApart: true };
      separateRacks(new Stage(model, rules, 'replicas'));
      return rules;
    }
  }
}

function limitsFor(model: Model, count: (server: number) => number): Limits {
  const open = model.openServers();
  return limitsOf(
    open.reduce((sum, server) => sum + count(server), 0),
    open.length,
  );
}

/** Why a goal cannot be pursued at all, in Fluss's words. */
function obstacleTo(goal: Goal, model: Model): string | undefined {
  const open = model.openServers();
  if (goal === 'RACK_AWARE') {
    const [current, needed] = [new Set(open.map((server) => model.rackOf(server))).size, mostReplicas(model)];
    return needed > current
      ? `[RackAwareGoal] Insufficient number of racks to distribute each replica (Current: ${current}, Needed: ${needed}).`
      : undefined;
  }
  const name = goal === 'REPLICA_DISTRIBUTION' ? 'ReplicaDistributionGoal' : 'LeaderReplicaDistributionGoal';
  return open.length === 0 ? `[${name}] All alive tabletServers are excluded from replica moves.` : undefined;
}

const mostReplicas = ({ buckets }: Model): number => buckets.reduce((most, { replicas }) => Math.max(most, replicas.length), 0);

function unmetOf(model: Model, wanted: readonly Goal[], rules: Rules): readonly Unmet[] {
  return wanted.length === 0 ? [] : [...undrained(model), ...wanted.flatMap((goal) => unmetBy(goal, model, rules))];
}

function undrained(model: Model): readonly Unmet[] {
  return [...model.servers.entries()].flatMap(([server, { id, tag }]) =>
    tag === undefined
      ? []
      : model
          .held(server)
          .filter((bucket) => model.slotOn(bucket, server) !== -1)
          .map((bucket): Unmet => ({ goal: 'SERVER_TAG', bucket: keyAt(model, bucket), serverId: id })),
  );
}

function unmetBy(goal: Goal, model: Model, rules: Rules): readonly Unmet[] {
  if (goal === 'RACK_AWARE') return sharedRacks(model);
  const limits = goal === 'REPLICA_DISTRIBUTION' ? rules.replicas : rules.leaders;
  if (limits === undefined) return [];
  return model.openServers().flatMap((server): readonly Unmet[] => {
    const count = goal === 'REPLICA_DISTRIBUTION' ? model.replicas(server) : model.leaders(server);
    const serverId = model.servers[server]?.id ?? -1;
    return count < limits.lower || count > limits.upper ? [{ goal, serverId, count, limits }] : [];
  });
}

function sharedRacks(model: Model): readonly Unmet[] {
  return [...model.buckets.keys()].flatMap((bucket): readonly Unmet[] => {
    for (let slot = model.firstSlot(bucket); slot < model.endSlot(bucket); slot += 1) {
      const rack = model.rackOf(model.serverAt(slot));
      if (model.companionIn(rack, slot) !== -1)
        return [{ goal: 'RACK_AWARE', bucket: keyAt(model, bucket), rack: model.racks[rack] ?? defaultRack }];
    }
    return [];
  });
}

const keyAt = (model: Model, bucket: number): BucketRef => keyOf(model.buckets[bucket] ?? { tableId: -1, bucketId: -1 });
