import { duration, memorySize, wholeMs } from '../../projections/configValues.ts';
import { CoordinatorClient } from '../tablet-server/coordinatorClient.ts';
import { parseEndpoint } from '../tablet-server/dataClient.ts';
import { TabletServer, type TabletServerOptions } from '../tablet-server/server.ts';
import { TabletServerRefused } from '../tablet-server/store.ts';
import { fetchOver, urlsIn } from './coordinatorFlags.ts';
import { type CommandFailure, exitStatus, refusal, wrongUsage } from './exit.ts';
import type { Implementations } from './implementations.ts';
import type { OperatorOptions } from './operatorClient.ts';
import { release } from './release.ts';
import { type LogLevel, logLevels } from './settings.ts';
import { stopSignal, untilAborted } from './stopSignal.ts';
import { styled, type Terminal } from './terminal.ts';

/** What the command line gives: texts as they were typed. */
export interface TabletServerFlags extends Pick<OperatorOptions, 'authorization' | 'ca' | 'cert' | 'key'> {
  readonly id?: string;
  readonly rack?: string;
  readonly coordinator?: string;
  readonly data?: string;
  readonly listen: string;
  readonly advertise?: string;
  readonly capacity?: string;
  readonly lag: string;
  readonly logLevel: string;
}

/** What help, banner and manual say alike. */
const whatItIs = 'It holds replicas as files and moves bytes, so that rebalance, tags and settings act on something. It is not a database.';

type Checked = Omit<TabletServerOptions, 'coordinator' | 'logger'>;

/** `chancery tablet-server`: runs one until it is told to stop. @throws CommandFailure when it cannot start, or can no longer go on */
export async function tabletServer(flags: TabletServerFlags, parts: Implementations, terminal: Terminal): Promise<void> {
  const options = checked(flags);
  const urls = urlsIn(flags.coordinator ?? '');
  const level = logLevels.find((one) => one === flags.logLevel);
  if (level === undefined) throw wrongUsage(`--log-level '${flags.logLevel}' is none`, `Give one of ${logLevels.join(', ')}.`);
  const logger = await parts.createLogger(level satisfies LogLevel);
  const stop = stopSignal(logger, 'others take over what this server leads');
  const { authorization } = flags;
  const client = new CoordinatorClient({
    serverId: options.serverId,
    urls,
    fetch: await fetchOver(urls, flags),
    ...(authorization === undefined ? {} : { authorization }),
  });
  const server = await started({ ...options, coordinator: client, logger }, flags, stop);
  if (server === undefined) process.exit(exitStatus.done); // Told to stop before it had registered.
  terminal.out.write(banner(server, flags, urls, terminal));
  const failure = await Promise.race([server.failed, untilAborted(stop)]);
  if (failure !== undefined) {
    await server.close();
    throw refusal(`cannot go on: ${failure.message}`, failure.remedy);
  }
  await server.stop();
  logger.info(server.status(), 'stopped');
  process.exit(exitStatus.done); // Whatever else is still open must not keep a stopped server alive.
}

/** @returns undefined when it was told to stop meanwhile */
async function started(options: TabletServerOptions, { listen }: TabletServerFlags, stop: AbortSignal): Promise<TabletServer | undefined> {
  try {
    return await TabletServer.start(options, stop);
  } catch (error) {
    if (stop.aborted) return undefined;
    if (error instanceof TabletServerRefused) throw refusal(`cannot start: ${error.message}`, error.remedy);
    const { code, path, syscall } = error as NodeJS.ErrnoException;
    if (syscall === 'listen')
      throw refusal(`cannot start: --listen ${listen}: ${code}`, 'Give another address; port 0 takes any that is free.');
    if (syscall !== undefined)
      throw refusal(`cannot start: ${code} in ${syscall} of ${path ?? options.directory}`, 'Name a directory that this user may write to.');
    throw error;
  }
}

function checked(flags: TabletServerFlags): Checked {
  const { capacity, data, id, rack } = flags;
  const missing = [
    ['id', id],
    ['data', data],
    ['coordinator', flags.coordinator],
  ].filter(([, value]) => value === undefined);
  if (id === undefined || data === undefined || missing.length > 0)
    throw wrongUsage(
      `--${missing[0]?.[0]} is missing`,
      'For example: chancery tablet-server --id 0 --rack r1 --coordinator http://127.0.0.1:8480 --data ./ts0',
    );
  if (!/^\d{1,10}$/.test(id) || Number(id) >= 2 ** 31) throw wrongUsage(`--id '${id}' is none`, 'Give a number from 0 to 2147483647.');
  if (rack !== undefined && (rack === '' || rack.length > 128 || /\p{Cc}/u.test(rack)))
    throw wrongUsage(`--rack '${rack}' is none`, 'Give a name of at most 128 characters.');
  const capacityBytes = capacity === undefined ? undefined : memorySize.parse(capacity);
  if (capacity !== undefined && (capacityBytes === undefined || capacityBytes > BigInt(Number.MAX_SAFE_INTEGER)))
    throw wrongUsage(`--capacity '${capacity}' is no size`, 'Give digits and a unit, such as 10gb.');
  const lag = duration.parse(flags.lag);
  if (lag === undefined || wholeMs(lag) < 100 || wholeMs(lag) > 3_600_000)
    throw wrongUsage(`--lag '${flags.lag}' is none`, 'Give digits and a unit, from 100ms to 1h.');
  if (flags.advertise !== undefined && (parseEndpoint(flags.advertise)?.port ?? 0) === 0) throw noAddress('advertise', flags.advertise);
  const listen = parseEndpoint(flags.listen);
  if (listen === undefined) throw noAddress('listen', flags.listen);
  const isAnywhere = listen.host === '0.0.0.0' || listen.host === '::';
  if (isAnywhere && flags.advertise === undefined)
    throw wrongUsage(`--listen ${flags.listen} says nothing of where others reach it`, 'Give --advertise HOST:PORT.');
  return {
    serverId: Number(id),
    directory: data,
    listen,
    lagMs: wholeMs(lag),
    ...(rack === undefined ? {} : { rack }),
    ...(flags.advertise === undefined ? {} : { advertise: flags.advertise }),
    ...(capacityBytes === undefined ? {} : { capacityBytes: Number(capacityBytes) }),
  };
}

const noAddress = (flag: string, given: string): CommandFailure =>
  wrongUsage(`--${flag} '${given}' is no address`, 'Give HOST:PORT, such as 127.0.0.1:9200.');

function banner(
  { endpoint }: TabletServer,
  { data, id, rack }: TabletServerFlags,
  urls: readonly string[],
  { env, out }: Terminal,
): string {
  const where = rack === undefined ? '' : ` · rack ${rack}`;
  return [
    `${styled(out, env, 'bold', `Chancery ${release}`)} · tablet server ${id}${where} · data ${data}`,
    `data port            ${endpoint}`,
    `coordinator          ${urls.join(', ')}`,
    whatItIs,
  ]
    .map((line) => `  ${line}\n`)
    .join('');
}
