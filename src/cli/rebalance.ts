import { randomUUID } from 'node:crypto';
import { CommandFailure, exitStatus, wrongUsage } from './exit.ts';
import { grouped, renderTime } from './moments.ts';
import { NotReachable, OperatorClient, type OperatorOptions, Refused } from './operatorClient.ts';
import { aligned, harmless, styled, type Terminal, write, writeTable } from './terminal.ts';

interface Options extends OperatorOptions {
  readonly json?: boolean;
}
interface Wanted extends Options {
  readonly goals: readonly string[];
}
export interface PlanOptions extends Wanted {
  readonly moves?: boolean;
}
export interface StartOptions extends Wanted {
  readonly onStale?: string;
  readonly reason?: string;
  readonly idempotencyKey?: string;
}
export interface ListOptions extends Options {
  readonly limit: number;
}
export interface CancelOptions extends Options {
  readonly reason?: string;
}

/** A rebalance as /v1/rebalances tells of it, as far as it is shown here. */
export interface Rebalance {
  readonly rebalanceId: string;
  readonly status: 'NOT_STARTED' | 'REBALANCING' | 'COMPLETED' | 'FAILED' | 'CANCELED';
  readonly goals: readonly string[];
  readonly moveCount: number;
  readonly waiting: number;
  readonly moving: number;
  readonly finished: number;
  readonly failed: number;
  readonly canceled: number;
  readonly percent?: number;
  readonly copiedBytes: number;
  readonly copying?: { readonly replicas: number; readonly copiedBytes: number; readonly totalBytes: number };
  readonly principal: string;
  readonly reason?: string;
  readonly failure?: string;
  readonly plannedAt: number;
  readonly startedAt?: number;
  readonly endedAt?: number;
  readonly position: number;
}
export interface Move {
  readonly move: number;
  readonly bucket: string;
  readonly originalLeader: number;
  readonly newLeader: number;
  readonly originalReplicas: readonly number[];
  readonly newReplicas: readonly number[];
  readonly why: readonly string[];
  readonly failure?: string;
  readonly left?: 'ORIGINAL' | 'TARGET' | 'GONE';
}
interface Change {
  readonly before: number;
  readonly after: number;
}
interface Plan {
  readonly moveCount: number;
  readonly copies: number;
  readonly askedBy: readonly { readonly askedBy: string; readonly moves: number }[];
  readonly servers: readonly {
    readonly serverId: number;
    readonly rack?: string;
    readonly tag?: string;
    readonly replicas: Change;
    readonly leaders: Change;
  }[];
  readonly shortfalls: readonly string[];
  readonly moves: readonly Move[];
  readonly next?: number;
  readonly provenance: { readonly position: number };
}

/** Large clusters take minutes to plan. */
const planTimeoutMs = 180_000;
const pageLength = 10_000;
const goalNames = ['REPLICA_DISTRIBUTION', 'LEADER_DISTRIBUTION', 'RACK_AWARE'];

/** @throws CommandFailure for a word that is no goal, before anybody is asked */
function checkedGoals(given: readonly string[]): readonly string[] {
  const goals = given.map((goal) => goal.trim().toUpperCase().replaceAll('-', '_'));
  const wrong = goals.find((goal) => !goalNames.includes(goal));
  if (wrong !== undefined) throw wrongUsage(`--goals: '${wrong}' is no goal`, `Give one or several of ${goalNames.join(', ')}.`);
  return goals;
}

/** `chancery rebalance plan`: what would be moved, without moving anything. */
export async function planRebalance(options: PlanOptions, terminal: Terminal): Promise<void> {
  const { json, moves } = options;
  const client = new OperatorClient(options, terminal);
  const plan = await wholePlan(client, checkedGoals(options.goals), json === true || moves === true);
  if (json === true) {
    await write(terminal.out, `${JSON.stringify(plan)}\n`);
    return;
  }
  const heading = ['server', 'rack', 'tag', 'replicas', 'after', 'leaders', 'after'];
  const rows = plan.servers.map(({ leaders, rack = '', replicas, serverId, tag = '' }) => [
    String(serverId),
    harmless(rack),
    tag,
    ...[replicas.before, replicas.after, leaders.before, leaders.after].map(grouped),
  ]);
  const [first = '', ...lines] = aligned([heading, ...rows], [0, 3, 4, 5, 6]);
  const dim = (text: string): string => styled(terminal.out, terminal.env, 'dim', text);
  const told = moves === true ? plan.moves.flatMap(moveLines) : [];
  await write(terminal.out, `${[dim(first), ...lines, ...told, '', ...summaryLines(plan)].join('\n')}\n`);
}

/** All pages of one plan: each is planned anew, on tables that must not have changed meanwhile. */
async function wholePlan(client: OperatorClient, goals: readonly string[], withMoves: boolean): Promise<Plan> {
  const call = (offset: number) =>
    client.json({
      method: 'POST',
      path: '/v1/rebalances/plan',
      query: { limit: withMoves ? pageLength : 1, offset },
      body: { goals },
      timeoutMs: planTimeoutMs,
    }) as Promise<Plan>;
  const { next: following, ...plan } = await call(0);
  const moves = [...plan.moves];
  for (let next = withMoves ? following : undefined; next !== undefined; ) {
    const page = await call(next);
    if (page.provenance.position !== plan.provenance.position)
      throw new CommandFailure(exitStatus.refused, 'the cluster changed while its plan was read', 'Ask again, or without --moves.');
    moves.push(...page.moves);
    next = page.next;
  }
  return { ...plan, moves: withMoves ? moves : [] };
}

const moveLines = ({ bucket, newLeader, newReplicas, originalLeader, originalReplicas, why }: Move): readonly string[] => [
  `${harmless(bucket)}  replicas ${originalReplicas.join(',')} → ${newReplicas.join(',')}  leader ${originalLeader} → ${newLeader}`,
  ...why.map((reason) => `  ${harmless(reason)}`),
];

function summaryLines({ askedBy, copies, moveCount, shortfalls }: Plan): readonly string[] {
  const asked = askedBy.map((each) => `${grouped(each.moves)} for ${each.askedBy}`).join(', ');
  const counts =
    moveCount === 0
      ? 'nothing is to be moved'
      : `${grouped(moveCount)} buckets would move (${asked}), ${grouped(copies)} replicas would be copied`;
  return [...shortfalls.map(harmless), `${counts}. Nothing was started.`];
}

interface Begun {
  readonly rebalanceId: string;
  readonly moveCount: number;
  readonly position: number;
  readonly duplicate: boolean;
}

/** `chancery rebalance start`: plans one and begins it. @throws CommandFailure when it may have begun or not */
export async function startRebalance(options: StartOptions, terminal: Terminal): Promise<void> {
  const { idempotencyKey = randomUUID(), json, onStale, reason } = options;
  const goals = checkedGoals(options.goals);
  const body = { goals, ...(onStale === undefined ? {} : { onStale: onStale.toUpperCase() }), ...(reason === undefined ? {} : { reason }) };
  const headers = { 'idempotency-key': idempotencyKey };
  const call = { method: 'POST', path: '/v1/rebalances', body, headers, timeoutMs: planTimeoutMs } as const;
  const answer = new OperatorClient(options, terminal).json(call);
  const begun = (await settled(answer, `Ask again with the same key: --idempotency-key ${idempotencyKey}`)) as Begun;
  if (json === true) {
    terminal.out.write(`${JSON.stringify(begun)}\n`);
    return;
  }
  const { duplicate, moveCount, position, rebalanceId } = begun;
  const what = moveCount === 0 ? 'nothing is to be moved' : `${grouped(moveCount)} buckets are to be moved`;
  terminal.out.write(`${rebalanceId}: ${what}${duplicate ? '; it was begun before' : ''}   position ${grouped(position)}\n`);
  if (moveCount > 0) terminal.err.write(`follow it with: chancery rebalance watch ${rebalanceId}\n`);
}

/** `chancery rebalance list`: the newest ones, the newest first. */
export async function listRebalances({ limit, ...options }: ListOptions, terminal: Terminal): Promise<void> {
  const client = new OperatorClient(options, terminal);
  const answer = (await client.json({ path: '/v1/rebalances', query: { limit } })) as {
    readonly rebalances: readonly Rebalance[];
    readonly total: number;
  };
  const { rebalances, total } = answer;
  if (options.json === true) {
    terminal.out.write(`${JSON.stringify(rebalances)}\n`);
    return;
  }
  if (rebalances.length === 0) {
    terminal.out.write('there was no rebalance yet\n');
    return;
  }
  const now = Date.now();
  const rows = rebalances.map((each) => [
    each.rebalanceId,
    each.status,
    each.percent === undefined ? '' : `${each.percent}%`,
    grouped(each.moveCount),
    grouped(each.failed),
    renderTime(each.plannedAt, now),
    harmless(each.principal),
    each.goals.join(','),
    harmless(each.reason ?? ''),
  ]);
  await writeTable(terminal, ['id', 'status', '', 'moves', 'failed', 'planned', 'by', 'goals', 'reason'], rows, [2, 3, 4]);
  if (total > rebalances.length) terminal.err.write(`the newest ${rebalances.length} of ${grouped(total)}; more with --limit\n`);
}

/** `chancery rebalance cancel [ID]`: without an id the newest. */
export async function cancelRebalance(id: string | undefined, options: CancelOptions, terminal: Terminal): Promise<void> {
  const { json, reason } = options;
  const client = new OperatorClient(options, terminal);
  const path = id === undefined ? '/v1/rebalances/cancel' : `/v1/rebalances/${encodeURIComponent(id)}/cancel`;
  const headers = { 'idempotency-key': randomUUID() };
  const call = { method: 'POST', path, body: reason === undefined ? {} : { reason }, headers } as const;
  const { position } = (await settled(client.json(call), 'Look with "chancery rebalance list".')) as { readonly position: number };
  const found = await rebalanceOf(client, id, position);
  const { canceled, finished, moveCount, rebalanceId } = found;
  const stopped = `${grouped(canceled)} were stopped or never begun`;
  const words = `${rebalanceId} is canceled: ${grouped(finished)} of ${grouped(moveCount)} buckets had moved and stay there, ${stopped}`;
  terminal.out.write(`${json === true ? JSON.stringify({ ...found, position }) : `${words}   position ${grouped(position)}`}\n`);
}

/** One by its id, or the newest. @throws CommandFailure when there is none */
export async function rebalanceOf(client: OperatorClient, id: string | undefined, atLeast?: number): Promise<Rebalance> {
  if (id !== undefined) {
    const path = `/v1/rebalances/${encodeURIComponent(id)}`;
    return ((await client.json({ path, query: { atLeast } })) as { readonly rebalance: Rebalance }).rebalance;
  }
  const call = { path: '/v1/rebalances', query: { limit: 1, atLeast } };
  const [newest] = ((await client.json(call)) as { readonly rebalances: readonly Rebalance[] }).rebalances;
  if (newest !== undefined) return newest;
  throw new CommandFailure(exitStatus.refused, 'there was no rebalance yet', 'Begin one with: chancery rebalance start --goals RACK_AWARE');
}

/** @throws CommandFailure with status 4 when it may have been done or not */
async function settled<T>(answer: Promise<T>, remedy: string): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    const isUnknown = error instanceof Refused && error.problem.code === 'OUTCOME_UNKNOWN';
    if (!isUnknown && !(error instanceof NotReachable && error.mayHaveArrived)) throw error;
    throw new CommandFailure(exitStatus.unknown, `outcome unknown: ${error.message}`, remedy);
  }
}
