import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { stringify } from 'yaml';
import { z } from 'zod';
import { CommandFailure, exitStatus, refusal } from './exit.ts';
import { OperatorClient, Refused } from './operatorClient.ts';
import { lookAt, type NodeView, renderStatus } from './status.ts';
import { untilAborted } from './stopSignal.ts';
import { aligned, styled, type Terminal, waiting } from './terminal.ts';
import {
  connectString,
  freePorts,
  type MemberPlan,
  modeOf,
  planMembers,
  type ServerSettings,
  startMember,
  untilServing,
  ZooKeeperMissing,
} from './zookeeperServer.ts';

export interface ClusterOptions {
  readonly dir: string;
  readonly nodes: number;
  readonly zookeepers: number;
  readonly tabletServers: number;
  /** Whether a tiering service runs beside them. */
  readonly tieringService?: boolean;
  /** The first node's operator port. */
  readonly port?: number;
  readonly json?: boolean;
  /** As whom the nodes are asked how they are. */
  readonly authorization?: string;
}

const port = z.number().int().min(1).max(65535);
/** `metaServicePort` is missing in plans of older releases: there it stays off. */
const node = z.object({ nodeId: z.string(), port, metaServicePort: port.optional() });
const member = z.object({ id: z.number().int(), clientPort: port, quorumPort: port, electionPort: port });
/** What is kept in the directory from one start to the next, so that addresses stay. */
const planShape = z.object({
  members: z.array(member).min(1),
  nodes: z.array(node).min(1),
  tabletServers: z.array(z.object({ serverId: z.number().int(), port })).default([]),
  secret: z.string(),
});
type Plan = z.infer<typeof planShape>;
/** Who runs: process ids, by what they are. */
const runningShape = z.object({ supervisor: z.number().int(), processes: z.record(z.string(), z.number().int()) });
type RunningFile = z.infer<typeof runningShape>;

const planFile = 'plan.json';
const runningFile = 'running.json';
const startMs = 60_000;
const registerMs = 15_000;
const stopMs = 12_000;
const lookEveryMs = 50;

/** `chancery cluster up`: stays until it is interrupted, and takes everything down with it, however it ends. */
export async function clusterUp(options: ClusterOptions, terminal: Terminal): Promise<void> {
  const directory = resolve(options.dir);
  refuseRunning(directory, options.dir);
  mkdirSync(directory, { recursive: true });
  const plan = await planOf(directory, options);
  const over = overOnSignal();
  const stop = over.signal;
  const children = new Map<string, ChildProcess>();
  try {
    await startZooKeepers(directory, plan, children, terminal);
    for (const { nodeId } of plan.nodes) children.set(nodeId, startNode(directory, nodeId, plan));
    writeRunning(directory, children);
    await waiting(terminal, 'starting the nodes', untilReady(plan, children, directory, stop));
    if (!stop.aborted) await startTabletServers(directory, plan, children, options, terminal);
    if (!stop.aborted && options.tieringService === true) startTieringService(directory, plan, children, options);
    watchEnds(children, directory, plan, stop, terminal);
    if (!stop.aborted) await sayWhatRuns(options, plan, children, terminal);
    const held = setInterval(() => {}, 60_000); // A signal's listener alone keeps no process alive.
    await untilAborted(stop);
    clearInterval(held);
    if (options.json !== true) terminal.err.write('\ntaking the cluster down\n');
  } finally {
    over.abort();
    await takeDown(children, plan);
    rmSync(join(directory, runningFile), { force: true });
  }
  process.exit(exitStatus.done);
}

function overOnSignal(): AbortController {
  const over = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => {
      if (over.signal.aborted) process.exit(exitStatus.refused); // Its children end with it.
      over.abort();
    });
  return over;
}

/** The plan of the last time, else a new one. */
async function planOf(directory: string, { nodes, port: first, tabletServers, zookeepers }: ClusterOptions): Promise<Plan> {
  const file = join(directory, planFile);
  const kept = existsSync(file) ? planShape.safeParse(JSON.parse(readFileSync(file, 'utf8'))) : undefined;
  if (kept?.success === false)
    throw refusal(`${file} is not what "cluster up" wrote there`, 'Give another directory with --dir, or remove this one.');
  const isSame = kept !== undefined && kept.data.nodes.length === nodes && (first === undefined || kept.data.nodes[0]?.port === first);
  if (kept !== undefined && kept.data.members.length !== zookeepers)
    throw refusal(
      `the cluster in ${directory} has ${kept.data.members.length} ZooKeepers`,
      'Give another directory with --dir, or remove this one.',
    );
  if (kept !== undefined && isSame && kept.data.tabletServers.length === tabletServers) return kept.data;
  const free = await freePorts(2 * nodes + tabletServers);
  const ports = Array.from({ length: nodes }, (_, i) => (first === undefined ? (free[i] ?? 0) : first + i));
  const plan: Plan = {
    members: kept?.data.members ?? (await planMembers(zookeepers)),
    nodes:
      isSame && kept !== undefined
        ? kept.data.nodes
        : ports.map((each, i) => ({ nodeId: `n${i + 1}`, port: each, metaServicePort: free[nodes + i] })),
    tabletServers: Array.from(
      { length: tabletServers },
      (_, i) => kept?.data.tabletServers[i] ?? { serverId: i, port: free[2 * nodes + i] ?? 0 },
    ),
    secret: kept?.data.secret ?? randomBytes(24).toString('base64url'),
  };
  writeFileSync(file, `${JSON.stringify(plan, undefined, 2)}\n`, { mode: 0o600 });
  return plan;
}

const zooKeepersOf = (directory: string, members: readonly MemberPlan[]): ServerSettings => ({
  folder: join(directory, 'zookeeper'),
  members,
});
const urlOf = (each: Plan['nodes'][number]): string => `http://127.0.0.1:${each.port}`;
const metaServiceOf = ({ metaServicePort }: Plan['nodes'][number]): string | undefined =>
  metaServicePort === undefined ? undefined : `127.0.0.1:${metaServicePort}`;
const urlsOf = ({ nodes }: Plan): string => nodes.map(urlOf).join(',');

async function startZooKeepers(
  directory: string,
  { members }: Plan,
  children: Map<string, ChildProcess>,
  terminal: Terminal,
): Promise<void> {
  const settings = zooKeepersOf(directory, members);
  try {
    const started = members.map((plan) => ({ plan, child: startMember(settings, plan) }));
    for (const { child, plan } of started) children.set(`zookeeper ${plan.id}`, child);
    await waiting(terminal, 'starting the ZooKeepers', untilServing(settings, started, startMs));
  } catch (error) {
    if (error instanceof ZooKeeperMissing) throw refusal(error.message);
    throw refusal(error instanceof Error ? error.message : String(error), `Logs are in ${directory}.`);
  }
}

/** Ends its command when the parent dies. Part of util-linux, so of every Debian. */
const deathGuard = '/usr/bin/setpriv';

/** Starts a command of this program that ends with this process at the latest; what it says goes to a file. */
function startOwn(args: readonly string[], logFile: string, env: NodeJS.ProcessEnv): ChildProcess {
  const log = openSync(logFile, 'a');
  const command = [process.execPath, ...process.execArgv, process.argv[1] ?? '', ...args];
  const [program = '', ...rest] = existsSync(deathGuard) ? [deathGuard, '--pdeathsig', 'KILL', ...command] : command;
  // A group of its own: Ctrl-C reaches this process alone, which then takes the nodes down before their ZooKeepers.
  const child = spawn(program, rest, { stdio: ['ignore', log, log], detached: true, env });
  closeSync(log);
  return child;
}

/** A node with a settings file of its own: with it, one that was killed can be started again by hand. */
function startNode(directory: string, nodeId: string, plan: Plan): ChildProcess {
  const folder = join(directory, nodeId);
  mkdirSync(folder, { recursive: true });
  const config = join(folder, 'chancery.yaml');
  const own = plan.nodes.find((each) => each.nodeId === nodeId);
  const settings = {
    'node-id': nodeId,
    log: `zookeeper://${connectString(plan.members)}/chancery`,
    operator: `127.0.0.1:${own?.port}`,
    'meta-service': (own === undefined ? undefined : metaServiceOf(own)) ?? 'off',
    'cluster-secret': plan.secret,
  };
  if (!existsSync(config) || readFileSync(config, 'utf8').startsWith(ownHeading))
    writeFileSync(config, `${ownHeading}\n${stringify(settings)}`, { mode: 0o600 });
  return startOwn(['serve', '--config', config], join(folder, 'node.log'), withoutSettings());
}
const ownHeading = '# Written by "chancery cluster up"; take this line out to keep changes of your own.';

const withoutSettings = (): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('CHANCERY_')));

const tabletServerName = (serverId: number): string => `ts${serverId}`;
function tabletServerArguments(directory: string, plan: Plan, { port: own, serverId }: Plan['tabletServers'][number]): readonly string[] {
  const where = ['--id', `${serverId}`, '--rack', `r${serverId + 1}`, '--coordinator', urlsOf(plan), '--listen', `127.0.0.1:${own}`];
  return ['tablet-server', ...where, '--data', join(directory, tabletServerName(serverId), 'data')];
}

/** Each in a rack of its own. They ask the nodes as whoever asked for the cluster. */
async function startTabletServers(
  directory: string,
  plan: Plan,
  children: Map<string, ChildProcess>,
  options: ClusterOptions,
  terminal: Terminal,
): Promise<void> {
  for (const { port: own, serverId } of plan.tabletServers) {
    const folder = join(directory, tabletServerName(serverId));
    mkdirSync(folder, { recursive: true });
    const args = tabletServerArguments(directory, plan, { port: own, serverId });
    children.set(
      tabletServerName(serverId),
      startOwn(args, join(folder, 'tablet-server.log'), { ...withoutSettings(), ...credentialsIn(options.authorization) }),
    );
  }
  writeRunning(directory, children);
  if (plan.tabletServers.length > 0)
    await waiting(terminal, 'starting the tablet servers', untilRegistered(directory, plan, children, options, terminal));
}

const tieringName = 'tiering';
const lakeOf = (directory: string): string => join(directory, tieringName, 'lake');
function tieringArguments(directory: string, plan: Plan): readonly string[] {
  return ['tiering-service', '--service', `${tieringName}-1`, '--coordinator', urlsOf(plan), '--data', lakeOf(directory), '--poll', '2s'];
}

/** It asks the nodes as whoever asked for the cluster. */
function startTieringService(directory: string, plan: Plan, children: Map<string, ChildProcess>, { authorization }: ClusterOptions): void {
  const folder = join(directory, tieringName);
  mkdirSync(folder, { recursive: true });
  const env = { ...withoutSettings(), ...credentialsIn(authorization) };
  children.set(tieringName, startOwn(tieringArguments(directory, plan), join(folder, 'tiering-service.log'), env));
  writeRunning(directory, children);
}

/** The variables that say the same as a header Authorization. */
function credentialsIn(authorization: string | undefined): NodeJS.ProcessEnv {
  const [scheme, value = ''] = authorization?.split(' ') ?? [];
  if (scheme === 'Bearer') return { CHANCERY_TOKEN: value };
  if (scheme !== 'Basic') return {};
  const [user = '', ...password] = Buffer.from(value, 'base64').toString('utf8').split(':');
  return { CHANCERY_USER: user, CHANCERY_PASSWORD: password.join(':') };
}

const registered = z.object({ servers: z.array(z.object({ serverId: z.number(), status: z.string() })) });

/** They go on trying by themselves: who is not there in time, or is not let in, is told of. */
async function untilRegistered(
  directory: string,
  plan: Plan,
  children: ReadonlyMap<string, ChildProcess>,
  { authorization }: ClusterOptions,
  { err }: Terminal,
): Promise<void> {
  const deadline = performance.now() + registerMs;
  const isGone = (id: number): boolean => {
    const child = children.get(tabletServerName(id));
    return child === undefined || hasEnded(child);
  };
  let left = plan.tabletServers.map(({ serverId }) => serverId);
  while (left.length > 0 && performance.now() < deadline && !left.some(isGone)) {
    const live = await liveServers(plan, authorization);
    if (live === 'not let in') {
      err.write('the tablet servers are not let in: give --token or --user of somebody with CLUSTER_ACTION on the cluster\n');
      return;
    }
    left = left.filter((id) => !live.includes(id));
    if (left.length > 0) await pause(lookEveryMs);
  }
  for (const id of left)
    err.write(`tablet server ${id} is not registered; its log: ${join(directory, tabletServerName(id), 'tablet-server.log')}\n`);
}

async function liveServers({ nodes }: Plan, authorization: string | undefined): Promise<readonly number[] | 'not let in'> {
  const headers = authorization === undefined ? {} : { authorization };
  try {
    const url = new URL('/v1/servers', nodes.map(urlOf)[0]);
    const answer = await fetch(url, { headers, signal: AbortSignal.timeout(2000) });
    if (answer.status === 401 || answer.status === 403) return 'not let in';
    const parsed = registered.safeParse(await answer.json());
    return parsed.success ? parsed.data.servers.filter(({ status }) => status === 'LIVE').map(({ serverId }) => serverId) : [];
  } catch {
    return [];
  }
}

async function untilReady(
  { nodes }: Plan,
  children: ReadonlyMap<string, ChildProcess>,
  directory: string,
  stop: AbortSignal,
): Promise<void> {
  const deadline = performance.now() + startMs;
  for (const each of nodes) {
    while (!stop.aborted && !(await isReady(urlOf(each)))) {
      const log = join(directory, each.nodeId, 'node.log');
      const child = children.get(each.nodeId);
      if (child === undefined || hasEnded(child))
        throw refusal(`${each.nodeId} ended before it served:`, ...lastLines(log), `Its log: ${log}`);
      if (performance.now() > deadline)
        throw refusal(`${each.nodeId} does not serve after ${startMs / 1000} s`, ...lastLines(log), `Its log: ${log}`);
      await pause(lookEveryMs);
    }
  }
}

const hasEnded = (child: ChildProcess): boolean => child.exitCode !== null || child.signalCode !== null;
const lastLines = (file: string): readonly string[] => readFileSync(file, 'utf8').trimEnd().split('\n').slice(-5);

async function isReady(url: string): Promise<boolean> {
  try {
    return (await fetch(`${url}/ready`, { signal: AbortSignal.timeout(2000) })).ok;
  } catch {
    return false;
  }
}

/** Says it when something ends by itself, and how to have it back. */
function watchEnds(children: ReadonlyMap<string, ChildProcess>, directory: string, plan: Plan, stop: AbortSignal, { err }: Terminal): void {
  const starts = new Map([
    ...plan.nodes.map(({ nodeId }) => [nodeId, ['serve', '--config', join(directory, nodeId, 'chancery.yaml')]] as const),
    ...plan.tabletServers.map((each) => [tabletServerName(each.serverId), tabletServerArguments(directory, plan, each)] as const),
    [tieringName, tieringArguments(directory, plan)] as const,
  ]);
  for (const [name, child] of children)
    child.once('exit', (code, signal) => {
      if (stop.aborted) return;
      const start = starts.get(name);
      const remedy = start === undefined ? '' : `; start it again with: bin/chancery ${start.join(' ')}`;
      err.write(`${name} ended (${signal ?? `status ${code}`}); the others go on${remedy}\n`);
    });
}

const clientOf = (plan: Plan, { authorization }: Pick<ClusterOptions, 'authorization'>, terminal: Terminal): OperatorClient =>
  new OperatorClient({ operator: urlsOf(plan), ...(authorization === undefined ? {} : { authorization }) }, terminal);

interface Glance {
  readonly leaderId?: string;
  readonly nodes: readonly Pick<NodeView, 'nodeId' | 'operatorUrl' | 'role'>[];
}

/** Nodes that ask who wants to know go on all the same; who leads is then not said. */
async function lookIfLetIn(client: OperatorClient, { nodes }: Plan, { err }: Terminal): Promise<Glance> {
  try {
    return await lookAt(client);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    const { detail, remedy } = error.problem;
    err.write(`how the nodes are is not known: ${detail}\n${remedy}\n`);
    return { nodes: nodes.map((each) => ({ nodeId: each.nodeId, operatorUrl: urlOf(each), role: '' })) };
  }
}

/** What runs, for `--json`. */
function sayAsJson(
  directory: string,
  leaderId: string | undefined,
  plan: Plan,
  children: ReadonlyMap<string, ChildProcess>,
  terminal: Terminal,
): void {
  const pidOf = (name: string): number | undefined => children.get(name)?.pid;
  const zookeepers = plan.members.map(({ clientPort, id }) => ({
    id,
    address: `127.0.0.1:${clientPort}`,
    pid: pidOf(`zookeeper ${id}`),
  }));
  const running = plan.nodes.map((each) => ({
    nodeId: each.nodeId,
    url: urlOf(each),
    metaService: metaServiceOf(each),
    pid: pidOf(each.nodeId),
  }));
  const tabletServers = plan.tabletServers.map(({ port: own, serverId }) => ({
    serverId,
    address: `127.0.0.1:${own}`,
    pid: pidOf(tabletServerName(serverId)),
  }));
  const tieringService = children.has(tieringName) ? { data: lakeOf(directory), pid: pidOf(tieringName) } : undefined;
  terminal.out.write(`${JSON.stringify({ dir: directory, leaderId, nodes: running, tabletServers, tieringService, zookeepers })}\n`);
}

async function sayWhatRuns(
  options: ClusterOptions,
  plan: Plan,
  children: ReadonlyMap<string, ChildProcess>,
  terminal: Terminal,
): Promise<void> {
  const { dir, json } = options;
  const { nodes, leaderId } = await lookIfLetIn(clientOf(plan, options, terminal), plan, terminal);
  const pidOf = (name: string): number | undefined => children.get(name)?.pid;
  if (json === true) {
    sayAsJson(resolve(dir), leaderId, plan, children, terminal);
    return;
  }
  const dim = (text: string): string => styled(terminal.out, terminal.env, 'dim', text);
  const metaServices = new Map(
    plan.nodes.map((each) => [each.nodeId, each.metaServicePort === undefined ? '' : `Meta Service ${metaServiceOf(each)}`]),
  );
  const rows = [
    ...nodes.map(({ nodeId, operatorUrl, role }) => [
      nodeId,
      role,
      operatorUrl,
      `process ${pidOf(nodeId)}`,
      metaServices.get(nodeId) ?? '',
    ]),
    ...plan.tabletServers.map(({ port: own, serverId }) => {
      const name = tabletServerName(serverId);
      return [`tablet server ${serverId}`, `rack r${serverId + 1}`, `127.0.0.1:${own}`, `process ${pidOf(name)}`];
    }),
    ...(children.has(tieringName) ? [['tiering-1', 'tiers', join(dir, tieringName, 'lake'), `process ${pidOf(tieringName)}`]] : []),
    ...plan.members.map(({ clientPort, id }) => [`zookeeper ${id}`, '', `127.0.0.1:${clientPort}`, `process ${pidOf(`zookeeper ${id}`)}`]),
  ];
  const leader = leaderId === undefined ? undefined : pidOf(leaderId);
  const inDirectory = dir === 'cluster' ? '' : ` --dir ${dir}`;
  const lines = [
    ...aligned(rows),
    dim(`data and logs in ${resolve(dir)}`),
    `next: export CHANCERY_OPERATOR_URL=${urlsOf(plan)}`,
    `      bin/chancery sql "CALL sys.set_cluster_configs('datalake.format', 'paimon')"`,
    ...(leader === undefined ? [] : [`      kill -9 ${leader}   (the leader: another node takes over)`]),
    `      bin/chancery cluster status${inDirectory}`,
    dim('Ctrl-C takes it all down'),
  ];
  terminal.out.write(lines.map((line) => `  ${line}\n`).join(''));
}

/** Nodes first, while they still have a ZooKeeper to say goodbye to. */
async function takeDown(children: ReadonlyMap<string, ChildProcess>, plan: Plan): Promise<void> {
  // Tablet servers would hand over what they lead, and here is nobody left to take it; they are made to be killed.
  for (const { serverId } of plan.tabletServers) children.get(tabletServerName(serverId))?.kill('SIGKILL');
  // The next one is handed its rounds again, under the same name; an orderly stop would leave failures in the log.
  children.get(tieringName)?.kill('SIGKILL');
  const nodes = plan.nodes.flatMap(({ nodeId }) => children.get(nodeId) ?? []);
  await Promise.all(nodes.map(end));
  await Promise.all([...children.values()].filter((child) => !nodes.includes(child)).map(end));
}

async function end(child: ChildProcess): Promise<void> {
  if (hasEnded(child)) return;
  const gone = new Promise<void>((done) => child.once('exit', () => done()));
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), stopMs);
  await gone;
  clearTimeout(timer);
}

function writeRunning(directory: string, children: ReadonlyMap<string, ChildProcess>): void {
  const processes = Object.fromEntries([...children].flatMap(([name, { pid }]) => (pid === undefined ? [] : [[name, pid]])));
  const running: RunningFile = { supervisor: process.pid, processes };
  const file = join(directory, runningFile);
  writeFileSync(`${file}.next`, JSON.stringify(running));
  renameSync(`${file}.next`, file);
}

function readRunning(directory: string): RunningFile | undefined {
  const file = join(directory, runningFile);
  return existsSync(file) ? runningShape.parse(JSON.parse(readFileSync(file, 'utf8'))) : undefined;
}

/** Whether a process is the one that was written down: ids come round again. Its command line names the directory, or `cluster up`. */
function isAlive(pid: number, mark: string): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  const commandLine = `/proc/${pid}/cmdline`;
  return !existsSync('/proc/self/cmdline') || (existsSync(commandLine) && readFileSync(commandLine, 'utf8').includes(mark));
}
const supervisorMark = 'cluster\0up';

function refuseRunning(directory: string, dir: string): void {
  const running = readRunning(directory);
  if (running !== undefined && isAlive(running.supervisor, supervisorMark))
    throw refusal(
      `a cluster runs in ${directory} already, process ${running.supervisor}`,
      `Look at it with "chancery cluster status --dir ${dir}", end it with "chancery cluster down --dir ${dir}".`,
    );
}

/** `chancery cluster status`. */
export async function clusterStatus(options: Pick<ClusterOptions, 'authorization' | 'dir' | 'json'>, terminal: Terminal): Promise<void> {
  const { dir, json } = options;
  const directory = resolve(dir);
  const running = readRunning(directory);
  if (running === undefined || !isAlive(running.supervisor, supervisorMark))
    throw new CommandFailure(
      exitStatus.unreachable,
      `no cluster runs in ${directory}`,
      `Start one with "chancery cluster up --dir ${dir}".`,
    );
  const plan = planShape.parse(JSON.parse(readFileSync(join(directory, planFile), 'utf8')));
  const view = await lookAt(clientOf(plan, options, terminal));
  const zookeepers = await Promise.all(
    plan.members.map(async ({ clientPort, id }) => ({ id, address: `127.0.0.1:${clientPort}`, mode: await modeOf(clientPort) })),
  );
  if (json === true) {
    terminal.out.write(`${JSON.stringify({ ...view, zookeepers })}\n`);
    return;
  }
  const members = zookeepers.map(({ address, id, mode }) => [`zookeeper ${id}`, mode ?? 'no answer', address]);
  terminal.out.write(`${[...renderStatus(view, terminal), ...aligned(members)].join('\n')}\n`);
}

/** `chancery cluster down`: ends the process of `cluster up`, or, when that is gone, what it left behind. */
export async function clusterDown({ dir }: { readonly dir: string }, terminal: Terminal): Promise<void> {
  const directory = resolve(dir);
  const running = readRunning(directory);
  if (running === undefined) {
    terminal.out.write(`no cluster runs in ${directory}\n`);
    return;
  }
  const { processes, supervisor } = running;
  const isSupervised = isAlive(supervisor, supervisorMark);
  const ended: readonly (readonly [number, string])[] = isSupervised
    ? [[supervisor, supervisorMark]]
    : Object.values(processes).map((pid) => [pid, directory] as const);
  for (const [pid, mark] of ended) if (isAlive(pid, mark)) process.kill(pid, isSupervised ? 'SIGTERM' : 'SIGKILL');
  const deadline = performance.now() + 2 * stopMs + 1000;
  const allGone = async (): Promise<void> => {
    while (ended.some(([pid, mark]) => isAlive(pid, mark))) {
      if (performance.now() > deadline)
        throw refusal(`process ${ended.map(([pid]) => pid).join(', ')} does not end`, 'End it by hand with kill -9.');
      await pause(lookEveryMs);
    }
  };
  await waiting(terminal, 'taking the cluster down', allGone());
  rmSync(join(directory, runningFile), { force: true });
  terminal.out.write(`down; its data is in ${directory}\n`);
}
