/** Steps of the life of a cluster of tablet servers, each on whatever the numbers of its turn choose. */
import { noLeader } from '../../events/buckets.ts';
import { clusterConfigsChanged } from '../../events/configs.ts';
import { leadershipTaken, logCreated } from '../../events/leadership.ts';
import { type Goal, goals, type PlannedMove } from '../../events/rebalance.ts';
import { type BucketRow, bucketKey, bucketRefOf } from '../../projections/buckets.ts';
import { openRebalance } from '../../projections/rebalance.ts';
import { serverOf, serverRows } from '../../projections/servers.ts';
import { placeReplicas } from '../../src/rebalance/placement.ts';
import { planRebalance } from '../../src/rebalance/planner.ts';
import { oneOf, TabletCluster, type Turn } from './tabletCluster.ts';
import { Rules } from './tabletRules.ts';

export const serverIds = [0, 1, 2, 3, 4] as const;
const most = { inAll: 3, perServer: 2 } as const;
const minuteMs = 60_000;
/** Longer than a move may take. */
const patienceMs = 10 * minuteMs;

/** A cluster, and what its operators know. */
export class Story {
  readonly rules = new Rules(most);
  readonly cluster = new TabletCluster((before, event, after) => this.rules.event(before, event, after));
  /** Moves of the newest plan. */
  plan: readonly PlannedMove[] = [];

  /** @param tables replication factor and number of buckets of each table that is there from the beginning */
  constructor(tables: readonly (readonly [number, number])[]) {
    const { cluster } = this;
    cluster.tell(logCreated({ format: 1, clusterId: 'c1' }));
    const settings = { 'max-moves': `${most.inAll}`, 'max-moves-per-server': `${most.perServer}`, 'move-timeout': '10 min' };
    cluster.tell(leadershipTaken({ nodeId: 'n1', epoch: 1, staticConfigs: {} }));
    const changes = Object.entries(settings).map(([key, text]) => ({
      key: `chancery.rebalance.${key}`,
      previous: { kind: 'unset' as const },
      value: { kind: 'text' as const, text },
    }));
    cluster.tell(clusterConfigsChanged({ changes }));
    for (const serverId of serverIds) {
      cluster.start(serverId, true);
      cluster.register(serverId);
    }
    for (const [replicationFactor, buckets] of tables) this.createTable(replicationFactor, buckets, 1);
    for (const serverId of serverIds) cluster.apply(serverId, cluster.state.position);
  }

  createTable(replicationFactor: number, bucketCount: number, draw: number): void {
    if (this.cluster.replicationFactors.size >= 6) return;
    const { servers } = this.cluster.planned();
    const placed = placeReplicas(servers, replicationFactor, bucketCount, { start: draw, shift: draw >> 2 });
    if (placed.kind === 'placed') this.cluster.createTable(placed.replicas.map((ids) => [...ids]));
  }

  get openId(): string {
    return openRebalance(this.cluster.state.rebalance)?.rebalanceId ?? 'none';
  }
}

const bucketOf = ({ cluster }: Story, number: number): BucketRow | undefined => oneOf(cluster.rows(), number);
const serverFor = (number: number): number => serverIds[number % serverIds.length] ?? 0;
const incarnationOf = ({ cluster }: Story, serverId: number): string => serverOf(cluster.state.servers, serverId)?.incarnation ?? 'nobody';
const tagOf = (number: number) => (number % 3 === 0 ? ('TEMPORARY_OFFLINE' as const) : ('PERMANENT_OFFLINE' as const));

/** Each of the servers that serve a bucket does one thing. */
const serverSteps = {
  start: ({ cluster }: Story, { a, b }: Turn<string>) => {
    if (!cluster.processes.has(serverFor(a))) cluster.start(serverFor(a), b % 3 === 0);
    cluster.register(serverFor(a));
  },
  restart: ({ cluster }: Story, { a, b }: Turn<string>) => {
    cluster.start(serverFor(a), b % 3 === 0);
    cluster.register(serverFor(a));
  },
  kill: ({ cluster }: Story, { a }: Turn<string>) => cluster.processes.delete(serverFor(a)),
  lose: (story: Story, { a, b }: Turn<string>) => {
    const serverId = serverFor(a);
    const because = b % 2 === 0 ? ('LEASE_EXPIRED' as const) : ('STOPPED' as const);
    if (because === 'STOPPED') story.cluster.processes.delete(serverId);
    story.cluster.give({ name: 'loseServer', serverId, incarnation: incarnationOf(story, serverId), because });
  },
  return: ({ cluster }: Story, { a }: Turn<string>) => {
    const incarnation = cluster.processes.get(serverFor(a))?.incarnation ?? 'nobody';
    cluster.give({ name: 'returnServer', serverId: serverFor(a), incarnation });
  },
  stop: (story: Story, { a }: Turn<string>) =>
    story.cluster.give({ name: 'stopServer', serverId: serverFor(a), incarnation: incarnationOf(story, serverFor(a)) }),
  forget: ({ cluster }: Story, { a }: Turn<string>) => cluster.give({ name: 'forgetServer', serverId: serverFor(a) }),
  elect: ({ cluster }: Story, { a }: Turn<string>) => cluster.give({ name: 'electLeaders', atMost: 1 + (a % 5) }),
  electAll: (story: Story) => electAll(story),
  apply: ({ cluster }: Story, { a, b }: Turn<string>) => {
    const from = cluster.processes.get(serverFor(a))?.applied ?? 0;
    const behind = b % 3 === 0 ? b % Math.max(1, cluster.state.position - from) : 0;
    cluster.apply(serverFor(a), cluster.state.position - behind);
  },
  write: (story: Story, { a, b }: Turn<string>) => {
    const row = bucketOf(story, a);
    if (row === undefined) return;
    const leader = oneOf(story.cluster.leadersOf(bucketKey(row)), b);
    if (leader !== undefined) story.cluster.write(leader, bucketKey(row));
  },
  copy: (story: Story, { a, b }: Turn<string>) => {
    const row = bucketOf(story, a);
    const follower = oneOf(row?.replicas ?? [], b);
    if (row !== undefined && follower !== undefined) story.cluster.copy(follower, bucketKey(row), 1 + (b % 4));
  },
  copyAll: ({ cluster }: Story, { a }: Turn<string>) => {
    for (const row of cluster.rows()) for (const id of row.replicas) if (a % 3 > 0 || id % 2 === 0) cluster.copy(id, bucketKey(row));
  },
  report: ({ cluster }: Story, { a, b }: Turn<string>) => cluster.report(serverFor(a), (id) => b % 4 === 0 && id === serverFor(b >> 2)),
  deliver: ({ cluster }: Story, { a, b }: Turn<string>) => {
    const report = oneOf(cluster.underWay, a);
    if (report === undefined) return;
    if (b % 4 > 0) cluster.give(report);
    if (b % 4 < 3) cluster.underWay.splice(a % cluster.underWay.length, 1);
  },
  reportAndDeliver: ({ cluster }: Story, { a }: Turn<string>) => {
    cluster.report(serverFor(a));
    const report = cluster.underWay.at(-1);
    if (report !== undefined) cluster.give(report);
  },
  tag: ({ cluster }: Story, { a, b }: Turn<string>) => cluster.give({ name: 'addServerTag', serverIds: [serverFor(a)], tag: tagOf(b) }),
  untag: ({ cluster }: Story, { a, b }: Turn<string>) =>
    cluster.give({ name: 'removeServerTag', serverIds: [serverFor(a)], tag: tagOf(b) }),
  createTable: (story: Story, { a, b }: Turn<string>) => story.createTable(1 + (a % 3), 1 + (b % 3), a + b),
  dropTable: ({ cluster }: Story, { a, b }: Turn<string>) => {
    const ids = cluster.state.catalog.tables.keys();
    if (b % 3 === 0 && ids.length > 1) cluster.dropTable(Number(oneOf(ids, a)));
  },
  wait: ({ cluster }: Story, { a }: Turn<string>) => {
    cluster.now += (a % 12) * minuteMs;
  },
} as const;

/** What operators and the executor do with a rebalance. */
const rebalanceSteps = {
  plan: (story: Story, { a, b }: Turn<string>) => {
    plan(story, a % 8 === 0 ? a : a | 4, 1 + (b % 3)); // RACK_AWARE, the third, cannot be had without racks.
  },
  /** Whatever a planner could have come to: each bucket to servers that are drawn. */
  planAny: (story: Story, { a, b }: Turn<string>) => {
    const servers = serverRows(story.cluster.state.servers).map(({ serverId }) => serverId);
    const moves = story.cluster.rows().flatMap((row, i) => moveOf(row, servers, a + i * 7));
    begin(story, [], moves, 1 + (b % 3));
  },
  addMoves: (story: Story, { b }: Turn<string>) => addMoves(story, 1 + (b % 4)),
  advance: (story: Story, { a }: Turn<string>) => advance(story, (serverId) => (a >> serverId) % 2 === 0),
  advanceAll: (story: Story) => advance(story, () => true),
  timeOut: ({ cluster, openId }: Story, { a, b }: Turn<string>) => {
    const move = oneOf(cluster.state.rebalance.moving, a);
    if (b % 2 === 0) cluster.now += patienceMs;
    if (move !== undefined) cluster.give({ name: 'timeOutMove', rebalanceId: openId, move });
  },
  giveUp: ({ cluster, openId }: Story, { b }: Turn<string>) => {
    if (b % 2 === 0) cluster.now += minuteMs;
    cluster.give({ name: 'failRebalance', rebalanceId: openId });
  },
  cancel: ({ cluster }: Story) => cluster.give({ name: 'cancelRebalance' }),
} as const;

export const steps = { ...serverSteps, ...rebalanceSteps };
export type What = keyof typeof steps;
export const ofServers = Object.keys(serverSteps) as (keyof typeof serverSteps)[];
export const ofRebalances = Object.keys(rebalanceSteps) as (keyof typeof rebalanceSteps)[];

export function electAll({ cluster }: Story): void {
  for (let round = 0; round < 100; round += 1) if (cluster.give({ name: 'electLeaders', atMost: 2 }) === 0) return;
  throw new Error('elections do not come to rest');
}

/** To as many servers as it has, the first of them to lead it; nothing when that is what there is. */
function moveOf(row: BucketRow, servers: readonly number[], number: number): readonly PlannedMove[] {
  const { leader, replicas } = row;
  const [first = -1, ...others] = [...servers.slice(number % servers.length), ...servers.slice(0, number % servers.length)];
  // Mostly some of those that have it stay.
  const inOrder = number % 4 === 0 ? others : [...others].sort((a, b) => Number(replicas.includes(b)) - Number(replicas.includes(a)));
  const newReplicas = [first, ...inOrder].slice(0, replicas.length);
  const isThere = first === leader && newReplicas.every((id) => replicas.includes(id));
  if (isThere || leader === noLeader || newReplicas.length < replicas.length) return [];
  const reason = { because: 'BELOW_LIMIT', count: 0, limit: 1 } as const;
  const step = { askedBy: 'REPLICA_DISTRIBUTION', kind: 'REPLICA', from: leader, to: first, reason } as const;
  const to = { newLeader: first, newReplicas, originalLeader: leader, originalReplicas: [...replicas] };
  return [{ ...bucketRefOf(row), ...to, steps: [step] }];
}

/** Plans on the tables as they are. */
export function plan(story: Story, number: number, pieceOf: number): void {
  const wanted = goals.filter((_, i) => (number >> i) % 2 === 0);
  const planning = planRebalance(story.cluster.planned(), wanted);
  if (planning.kind === 'failed') return;
  const copies = planning.plan.moves.map((move) => ({
    ...move,
    originalReplicas: [...move.originalReplicas],
    newReplicas: [...move.newReplicas],
    steps: [...move.steps],
  }));
  begin(story, wanted, copies, pieceOf);
}

export function begin(story: Story, wanted: readonly Goal[], moves: readonly PlannedMove[], pieceOf: number): void {
  const { cluster } = story;
  if (story.openId === 'none') story.plan = moves;
  const what = { rebalanceId: `rebalance-${cluster.next()}`, plannedAt: cluster.state.position, moveCount: moves.length };
  cluster.give({ name: 'planRebalance', ...what, goals: [...wanted], moves: moves.slice(0, pieceOf) });
}

export function addMoves(story: Story, pieceOf: number): string | number {
  const open = openRebalance(story.cluster.state.rebalance);
  if (open === undefined || open.status !== 'NOT_STARTED') return 0;
  const moves = story.plan.slice(open.planned, open.planned + pieceOf);
  return story.cluster.give({ name: 'addRebalanceMoves', rebalanceId: open.rebalanceId, firstMove: open.planned, moves });
}

/** @param isHeard whether a server's newest report has come */
export function advance({ cluster, openId }: Story, isHeard: (serverId: number) => boolean): string | number {
  const applied = [...cluster.processes.values()]
    .filter(({ serverId }) => isHeard(serverId))
    .map(({ applied: position, serverId }) => ({ serverId, position }));
  return cluster.give({ name: 'advanceRebalance', rebalanceId: openId, applied });
}

/** Every server comes back on the disk that it is known by, carries out what it is told, copies, and reports. */
export function heal(story: Story): void {
  const { cluster } = story;
  cluster.underWay.splice(0);
  for (const { directoryId, serverId } of serverRows(cluster.state.servers)) {
    cluster.startOn(serverId, directoryId);
    cluster.register(serverId);
  }
  for (let round = 0; round < 30; round += 1) {
    const { position } = cluster.state;
    electAll(story);
    // A piece whose premises are gone is refused: the plan is given up in time.
    if (typeof addMoves(story, 200) === 'string') cluster.give({ name: 'failRebalance', rebalanceId: story.openId });
    settleOnce(story);
    advance(story, () => true);
    cluster.now += minuteMs / 2;
    if (cluster.state.position === position && story.openId === 'none') return;
  }
  throw new Error('the cluster does not come to rest');
}

/** What servers do when nothing is in the way. */
export function settleOnce({ cluster }: Story): void {
  for (const serverId of cluster.processes.keys()) cluster.apply(serverId, cluster.state.position);
  for (const row of cluster.rows()) for (const id of row.replicas) cluster.copy(id, bucketKey(row));
  for (const serverId of cluster.processes.keys()) cluster.report(serverId);
  for (const report of cluster.underWay.splice(0)) cluster.give(report);
}

export const isLed = ({ leader }: BucketRow): boolean => leader !== noLeader;
