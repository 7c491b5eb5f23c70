import { type Configs, configOf, effectiveConfig } from '../../projections/configs.ts';
import { initialState } from '../../projections/state.ts';
import { Authenticator } from '../authentication/authenticator.ts';
import { sealStaticConfigs } from '../engine/configCommand.ts';
import { watchConfig } from '../engine/configWatch.ts';
import { dataKeyTable, watchDataKeys } from '../engine/dataKeys.ts';
import { watchFileDifferences } from '../engine/fileDifferences.ts';
import { type Peers, PeerUnreachable } from '../engine/forwarding.ts';
import { Heartbeats } from '../engine/heartbeats.ts';
import { createHistory } from '../engine/history/historyClient.ts';
import type { History } from '../engine/history/port.ts';
import { Node, type StaticConfigs } from '../engine/node.ts';
import type { Planner } from '../engine/planning/port.ts';
import { createPlanner } from '../engine/planning/threadPlanner.ts';
import { Rebalancing } from '../engine/rebalancing.ts';
import { createMetaService, type MetaServiceServer } from '../interfaces/metaservice/server.ts';
import { createHeartbeatBoard } from '../interfaces/operator/heartbeats.ts';
import { createOperatorServer, type OperatorServer } from '../interfaces/operator/http.ts';
import { createPeers } from '../interfaces/operator/peers.ts';
import { NodeTls } from '../interfaces/tls/nodeTls.ts';
import { LogRefused, LogUnavailable } from '../log/port.ts';
import { systemClock } from '../ports/clock.ts';
import { NodeIdTaken } from '../ports/membership.ts';
import type { KeyRing, Sealer } from '../secrets/port.ts';
import { CommandFailure, exitStatus, refusal } from './exit.ts';
import { exposureWarnings } from './exposure.ts';
import type { Implementations, LeveledLogger, MasterKeys, OpenedLog } from './implementations.ts';
import { grouped, renderSpan } from './moments.ts';
import { release } from './release.ts';
import { defaultMetaServiceToken, defaultOperatorUrl } from './settingNames.ts';
import { type Address, type LogLevel, loadSettings, logLevels, type MetaServiceSettings, type Settings, textOf } from './settings.ts';
import { stopSignal, untilAborted } from './stopSignal.ts';
import { styled, type Terminal } from './terminal.ts';

/** Stopping takes no longer than this, whatever is under way. */
const drainMs = 10_000;
const reportEveryMs = 5000;
/** Heap of the history process, MiB: a log too long to be folded within it ends that process, never the node. */
const historyMemoryMb = 1024;

/** `chancery serve`: runs a node until it is told to stop. @throws CommandFailure when it cannot start */
export async function serve(
  flags: Readonly<Record<string, string | undefined>>,
  parts: Implementations,
  terminal: Terminal,
): Promise<void> {
  const loaded = loadSettings({ flags, env: terminal.env, directory: process.cwd() });
  if (loaded.kind === 'wrong') {
    const [first, ...more] = loaded.problems.flatMap(({ remedy, what }) => [`cannot start: ${what}`, remedy]);
    throw new CommandFailure(exitStatus.usage, first ?? '', ...more);
  }
  const { settings } = loaded;
  const logger = await parts.createLogger(settings.logLevel);
  endOnFault(logger);
  const stop = stopSignal(logger);
  if (settings.fluss !== undefined)
    logger.warn({ address: textOf(settings.fluss) }, 'this release does not serve Fluss RPC yet: --fluss is ignored');
  for (const warning of exposureWarnings(settings)) logger.warn({}, warning);
  const tls = await openTls(settings, logger);
  const running = await start(settings, parts, logger, stop, tls).catch((error: unknown) => {
    tls.close();
    throw error;
  });
  if (running !== undefined) {
    await untilServing(running, settings, logger, stop);
    running.watchFiles();
    if (!stop.aborted) terminal.out.write(banner(running.node, settings, terminal));
    await untilAborted(stop);
    await drain(running, logger);
  }
  process.exit(exitStatus.done); // Whatever else is still open must not keep a stopped node alive.
}

interface Running {
  readonly node: Node;
  readonly log: OpenedLog['log'];
  readonly history: History;
  readonly planner: Planner;
  readonly server: OperatorServer;
  /** Absent when it is off. */
  readonly metaService?: MetaServiceServer;
  /** To be called once, when the log is folded. */
  readonly watchKeys: () => void;
  /** To be called once, when it is known who leads. */
  readonly watchFiles: () => void;
  readonly closePeers: () => void;
}

/** @returns undefined when it was told to stop meanwhile. @throws CommandFailure, with everything that was opened closed again */
async function start(
  settings: Settings,
  parts: Implementations,
  logger: LeveledLogger,
  stop: AbortSignal,
  tls: NodeTls,
): Promise<Running | undefined> {
  const opened = await openLog(settings, parts, logger, stop);
  if (opened === undefined) return undefined;
  const { log, notices } = opened;
  for (const notice of notices) logger.warn({}, notice);
  try {
    const tables: { node?: Node } = {};
    const table = dataKeyTable(() => tables.node?.state ?? initialState());
    const sealer = await parts.openSealer(masterKeysOf(settings), table, logger);
    const running = assemble(settings, opened, sealer, logger, tls);
    tables.node = running.node;
    try {
      await listen(running.server, 'operator', settings.operator);
      if (running.metaService !== undefined && settings.metaService !== undefined)
        await listen(running.metaService, 'meta-service', settings.metaService.address);
      await join(running.node, settings, logger);
      return running;
    } catch (error) {
      await Promise.all([running.server.close(0), running.metaService?.close(0), running.history.close(), running.planner.close()]);
      running.closePeers();
      throw error;
    }
  } catch (error) {
    await log.close();
    throw error;
  }
}

function masterKeysOf({ clusterSecret, previousSecretKeyFile, secretKey }: Settings): MasterKeys {
  return {
    ...(secretKey === undefined ? {} : { current: secretKey }),
    ...(previousSecretKeyFile === undefined ? {} : { previousFile: previousSecretKeyFile }),
    ...(clusterSecret === undefined ? {} : { clusterSecret }),
  };
}

/** The node with everything around it; nothing of it has begun yet. */
function assemble(settings: Settings, { log, membership }: OpenedLog, sealer: KeyRing, logger: LeveledLogger, tls: NodeTls): Running {
  const { advertise, auditDenials, authentication, clusterSecret, logLevel, nodeId } = settings;
  const peers = clusterSecret === undefined ? alone : createPeers({ clusterSecret, logger, tls });
  const ofFile = staticConfigsOf(settings, sealer); // A file that is no good is told of before anything begins.
  const staticConfigs = () => staticConfigsOf(settings, sealer);
  const node = new Node({
    nodeId,
    operatorUrl: advertise,
    release,
    log,
    membership,
    peers,
    clock: systemClock,
    logger,
    staticConfigs,
    keys: sealer,
    auditDenials,
  });
  const setLevel = (level: LogLevel): void => {
    logger.level = level;
  };
  watchConfig(node.replica, (configs) => levelIn(configs) ?? logLevel, setLevel);
  const watchKeys = (): void => watchDataKeys(node.replica, sealer, logger);
  const watchFiles = (): void => void watchFileDifferences(node.replica, ofFile, logger);
  const history = createHistory({
    readTexts: (after, limit) => log.read(after, limit),
    head: () => ({ index: node.state.index, position: node.state.position }),
    logger,
    memoryMb: historyMemoryMb,
  });
  const secret = clusterSecret === undefined ? {} : { clusterSecret };
  const planner = createPlanner({ logger });
  const rebalancing = new Rebalancing({ node, planner, clock: systemClock });
  const heartbeats = new Heartbeats(systemClock);
  const board = createHeartbeatBoard(node, heartbeats, { logger, tls, ...secret });
  const shared = { node, log, sealer, clock: systemClock, logger, tls };
  const authenticator = new Authenticator({ ...authentication, state: () => node.state, sealer, clock: systemClock, logger });
  const server = createOperatorServer({ ...shared, history, rebalancing, release, heartbeats, board, authenticator, ...secret });
  const closePeers = (): void => {
    peers.close();
    tls.close();
  };
  const running = { node, log, history, planner, server, watchKeys, watchFiles, closePeers };
  if (settings.metaService === undefined) return running;
  const { address, ...asked } = settings.metaService;
  const metaService = createMetaService({ ...shared, ...asked, heartbeats: board, port: address.port });
  return { ...running, metaService };
}

/** The level that somebody set, in the log or in the leader's file. */
function levelIn(configs: Configs): LogLevel | undefined {
  if (effectiveConfig(configs, 'chancery.log.level').kind !== 'text') return undefined;
  const level = configOf(configs, 'chancery.log.level');
  return logLevels.find((one) => one === level);
}

/** A log that cannot be reached yet is waited for: after a power cut everything starts at once. */
async function openLog(
  settings: Settings,
  parts: Implementations,
  logger: LeveledLogger,
  stop: AbortSignal,
): Promise<OpenedLog | undefined> {
  const { log: url, sessionTimeoutMs } = settings;
  const stopReporting = reportWaiting(logger, url.kind === 'file' ? `the log in ${url.directory}` : `ZooKeeper at ${url.servers}`);
  try {
    while (!stop.aborted) {
      try {
        return await Promise.race([parts.openLog(url, { sessionTimeoutMs, logger }), untilAborted(stop)]);
      } catch (error) {
        if (error instanceof LogRefused) throw refusal(`cannot start: ${error.message}`);
        if (!(error instanceof LogUnavailable)) throw startFailure(error);
        logger.debug({ err: error }, 'the log cannot be reached yet');
      }
    }
    return undefined;
  } finally {
    stopReporting();
  }
}

function startFailure(error: unknown): Error {
  const { code, syscall, path } = error as NodeJS.ErrnoException;
  return syscall === undefined
    ? (error as Error)
    : refusal(`cannot start: ${code} in ${syscall} of ${path ?? 'the log'}`, 'Name a directory that this user may write to.');
}

/** Says every few seconds, from the first on, what a start is waiting for. @returns how to stop that */
function reportWaiting(logger: LeveledLogger, what: string | (() => string)): () => void {
  const began = performance.now();
  const text = (): string => (typeof what === 'string' ? what : what());
  const say = (): void => logger.info({}, `waiting for ${text()}, ${renderSpan(performance.now() - began)} so far`);
  let timer = setTimeout(() => {
    say();
    timer = setInterval(say, reportEveryMs);
  }, 1000);
  return () => clearTimeout(timer);
}

const alone: Peers & { close(): void } = {
  submit: () => Promise.reject(new PeerUnreachable('this node has its log to itself')),
  close: () => {},
};

function staticConfigsOf({ clusterConfigs }: Settings, sealer: Sealer): StaticConfigs {
  const sealed = sealStaticConfigs(Object.fromEntries([...clusterConfigs].map(([key, { value }]) => [key, value])), sealer);
  if (sealed.kind === 'configs') return sealed.configs;
  const { detail, field, remedy } = sealed.rejection;
  throw new CommandFailure(exitStatus.usage, `cannot start: ${clusterConfigs.get(field)?.where ?? 'cluster-configs'}: ${detail}`, remedy);
}

/** @throws CommandFailure naming each file that is no good */
async function openTls({ advertise, tls }: Settings, logger: LeveledLogger): Promise<NodeTls> {
  const opened = await NodeTls.open({ settings: tls, advertise, clock: systemClock, logger });
  if (opened.kind === 'tls') return opened.tls;
  const [first, ...more] = opened.problems.flatMap(({ remedy, what }) => [`cannot start: ${what}`, remedy]);
  throw new CommandFailure(exitStatus.usage, first ?? '', ...more);
}

async function listen(
  server: Pick<OperatorServer | MetaServiceServer, 'listen'>,
  flag: 'operator' | 'meta-service',
  address: Address,
): Promise<void> {
  try {
    await server.listen(address);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const why = {
      EADDRINUSE: 'another process listens there already',
      EADDRNOTAVAIL: 'this machine does not have that address',
      EACCES: 'this user may not listen there',
    }[code ?? ''];
    if (why === undefined) throw error;
    const next = { ...address, port: address.port === 65535 ? 8480 : address.port + 1 };
    const orOff = flag === 'meta-service' ? ', or none: --meta-service off' : '';
    throw refusal(
      `cannot start: --${flag} ${textOf(address)}: ${why}`,
      `Stop the other process, or give another address: --${flag} ${textOf(next)}${orOff}`,
    );
  }
}

async function join(node: Node, { nodeId }: Settings, logger: LeveledLogger): Promise<void> {
  const stopReporting = reportWaiting(logger, `the cluster to admit ${nodeId}`);
  try {
    await node.start();
  } catch (error) {
    if (error instanceof NodeIdTaken) throw refusal(`cannot start: ${error.message}`);
    if (error instanceof LogUnavailable) throw new CommandFailure(exitStatus.unreachable, `cannot start: ${error.message}`);
    throw error;
  } finally {
    stopReporting();
  }
}

const lookEveryMs = 20;

/** Until the node has folded the log as far as it went when it came up, and knows who leads. */
async function untilServing(
  { log, node, watchKeys }: Running,
  { nodeId }: Settings,
  logger: LeveledLogger,
  stop: AbortSignal,
): Promise<void> {
  let head: number | undefined;
  let isFolded = false;
  const stopReporting = reportWaiting(logger, () =>
    head !== undefined && node.state.position < head
      ? `the log to be folded, position ${grouped(node.state.position)} of ${grouped(head)}`
      : 'a node to take the lead',
  );
  const isServing = (): boolean =>
    node.role === 'fault' || (head !== undefined && node.state.position >= head && node.status().leaderId !== undefined);
  while (!stop.aborted && !isServing()) {
    head ??= await log.head().then(
      ({ position }) => position,
      () => undefined,
    );
    if (!isFolded && head !== undefined && node.state.position >= head) {
      isFolded = true;
      watchKeys();
    }
    await new Promise((resolve) => setTimeout(resolve, lookEveryMs));
  }
  stopReporting();
  if (!isFolded) watchKeys();
  logger.debug({ position: node.state.position }, `${nodeId} serves`);
}

/** What `npm start` shows: what there is, where, and what to try next. */
export function banner(
  node: Pick<Node, 'status' | 'role' | 'state'>,
  settings: Settings,
  { env, out }: Pick<Terminal, 'env' | 'out'>,
): string {
  const { advertise, log, metaService, nodeId, operator, tls } = settings;
  const scheme = tls.own === undefined ? 'http' : 'https';
  const { fault, leaderId } = node.status();
  const role =
    node.role === 'leader'
      ? `leader of epoch ${grouped(node.state.epoch)}`
      : node.role === 'fault'
        ? `stopped serving: ${fault}`
        : `following ${leaderId}`;
  const kind = log.kind === 'file' ? `log ${log.text} (embedded)` : `log ${log.text}`;
  const reached = advertise === `${scheme}://${textOf(operator)}` ? advertise : `${advertise} (listening on ${textOf(operator)})`;
  const trusting = tls.own === undefined || tls.ca === undefined ? '' : ` --ca ${tls.ca}`;
  const next = `bin/chancery sql${advertise === defaultOperatorUrl ? '' : ` --operator ${advertise}${trusting}`} "SHOW PROCEDURES"`;
  return [
    `${styled(out, env, 'bold', `Chancery ${release}`)} · node ${nodeId} · ${role} · ${kind}`,
    `operator API + SQL   ${reached}`,
    ...(metaService === undefined ? [] : [metaServiceLine(metaService, scheme)]),
    ...exposureWarnings(settings).map((warning) => styled(out, env, ['bold', 'red'], `WARNING: ${warning}`)),
    `next: ${next}`,
  ]
    .map((line) => `  ${line}\n`)
    .join('');
}

/** A token of one's own is never shown. */
function metaServiceLine({ address, token }: MetaServiceSettings, scheme: string): string {
  const shown = token === defaultMetaServiceToken ? `${token} (default: change it before others can reach it)` : 'as set';
  return `Meta Service         ${scheme}://${textOf(address)}   token ${shown}`;
}

/** Finishes what is under way and leaves the cluster; what has not ended by then is cut. */
async function drain({ closePeers, history, metaService, node, planner, server }: Running, logger: LeveledLogger): Promise<void> {
  const timer = setTimeout(() => {
    logger.error({}, `not everything had ended after ${renderSpan(drainMs)}; ending now`);
    process.exit(exitStatus.refused);
  }, drainMs);
  // The node first stops taking requests and finishes those it has: their answers still need the server.
  await Promise.all([node.close(drainMs / 2), server.close(drainMs / 2), metaService?.close(drainMs / 2), planner.close()]);
  await history.close();
  closePeers();
  clearTimeout(timer);
  logger.info({ position: node.state.position }, 'stopped');
}

/** A fault that nobody foresaw: what the tables say can no longer be trusted. */
function endOnFault(logger: LeveledLogger): void {
  const end = (error: unknown): void => {
    logger.error({ err: error }, 'a fault that nobody foresaw; the process ends');
    process.exit(exitStatus.fault);
  };
  process.on('uncaughtException', end);
  process.on('unhandledRejection', end);
}
