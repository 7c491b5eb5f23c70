import { catalogName } from '../../events/catalog.ts';
import { service as serviceName, tieringLimits } from '../../events/tiering.ts';
import { duration, wholeMs } from '../../projections/configValues.ts';
import { CoordinatorClient } from '../tiering-service/coordinatorClient.ts';
import { Lake, removeFault, type ServiceStatus, setFault, statusIn, TieringServiceRefused } from '../tiering-service/lake.ts';
import { TieringService, type TieringServiceOptions } from '../tiering-service/service.ts';
import { fetchOver, urlsIn } from './coordinatorFlags.ts';
import { type CommandFailure, exitStatus, refusal, wrongUsage } from './exit.ts';
import type { Implementations } from './implementations.ts';
import type { OperatorOptions } from './operatorClient.ts';
import { release } from './release.ts';
import { logLevels } from './settings.ts';
import { stopSignal, untilAborted } from './stopSignal.ts';
import { styled, type Terminal } from './terminal.ts';

/** What the command line gives: texts as they were typed. */
export interface TieringServiceFlags extends Pick<OperatorOptions, 'authorization' | 'ca' | 'cert' | 'key'> {
  readonly service?: string;
  readonly coordinator?: string;
  readonly data?: string;
  readonly poll: string;
  readonly rounds: number;
  readonly roundMs: number;
  readonly logLevel: string;
}

/** What help, banner and manual say alike. */
const whatItIs = 'It takes tables that are due and writes a file for each round. It copies no data.';

/** `chancery tiering-service`: runs one until it is told to stop. @throws CommandFailure when it cannot start */
export async function tieringService(flags: TieringServiceFlags, parts: Implementations, terminal: Terminal): Promise<void> {
  const { authorization, rounds, roundMs } = flags;
  const { data, level, pollMs, urls } = checked(flags);
  const logger = await parts.createLogger(level);
  const stop = stopSignal(logger, 'rounds that are under way are reported as failed');
  const nodes = { urls, fetch: await fetchOver(urls, flags), ...(authorization === undefined ? {} : { authorization }) };
  const lake = await saying(data, () => Lake.open(data, flags.service));
  const coordinator = new CoordinatorClient({ service: lake.service, ...nodes });
  const service = await started({ lake, coordinator, logger, pollMs, rounds, roundMs }, stop);
  if (service === undefined) process.exit(exitStatus.done); // Told to stop before any node had answered.
  terminal.out.write(banner(lake.service, data, urls, terminal));
  const held = setInterval(() => {}, 60_000); // Between heartbeats nothing else may keep the process alive.
  await untilAborted(stop);
  clearInterval(held);
  await service.stop();
  logger.info({ service: lake.service }, 'stopped');
  process.exit(exitStatus.done);
}

/** @returns undefined when it was told to stop meanwhile */
async function started(options: TieringServiceOptions, stop: AbortSignal): Promise<TieringService | undefined> {
  try {
    return await TieringService.start(options, stop);
  } catch (error) {
    if (stop.aborted) return undefined;
    if (error instanceof TieringServiceRefused) throw refusal(`cannot start: ${error.message}`, error.remedy);
    throw error;
  }
}

interface Checked {
  readonly data: string;
  readonly urls: readonly string[];
  readonly pollMs: number;
  readonly level: (typeof logLevels)[number];
}

function checked({ coordinator, data, logLevel, poll, service }: TieringServiceFlags): Checked {
  if (coordinator === undefined || data === undefined)
    throw wrongUsage(
      `--${coordinator === undefined ? 'coordinator' : 'data'} is missing`,
      'For example: chancery tiering-service --coordinator http://127.0.0.1:8480 --data ./lake',
    );
  if (service !== undefined && !serviceName.safeParse(service).success)
    throw wrongUsage(
      `--service '${service}' is no name`,
      'Give letters, digits, dot, dash and underscore, at most 64, a letter or digit first.',
    );
  const nanos = duration.parse(poll);
  if (nanos === undefined || wholeMs(nanos) < 100 || wholeMs(nanos) > 3_600_000)
    throw wrongUsage(`--poll '${poll}' is none`, 'Give digits and a unit, from 100ms to 1h.');
  const level = logLevels.find((one) => one === logLevel);
  if (level === undefined) throw wrongUsage(`--log-level '${logLevel}' is none`, `Give one of ${logLevels.join(', ')}.`);
  return { data, urls: urlsIn(coordinator), pollMs: wholeMs(nanos), level };
}

function banner(service: string, data: string, urls: readonly string[], { env, out }: Terminal): string {
  return [
    `${styled(out, env, 'bold', `Chancery ${release}`)} · tiering service ${service} · data ${data}`,
    `coordinator          ${urls.join(', ')}`,
    whatItIs,
    `make a table fail:   chancery tiering-service fail DATABASE.TABLE --error TEXT --data ${data}`,
  ]
    .map((line) => `  ${line}\n`)
    .join('');
}

export interface FaultFlags {
  readonly data: string;
  readonly error?: string;
}

/** `chancery tiering-service fail`. @throws CommandFailure */
export async function failTable(given: string, { data, error = '' }: FaultFlags, terminal: Terminal): Promise<void> {
  const name = tableIn(given);
  await saying(data, () => setFault(data, name, error));
  const cut =
    error.length > tieringLimits.errorLength ? `; of the text the first ${tieringLimits.errorLength} characters are reported` : '';
  terminal.out.write(`${given}: rounds of a table of that name fail from the next one on${cut}\nnext: chancery tiering status ${given}\n`);
}

/** `chancery tiering-service heal`. @throws CommandFailure */
export async function healTable(given: string, { data }: FaultFlags, terminal: Terminal): Promise<void> {
  const name = tableIn(given);
  const wasFailing = await saying(data, () => removeFault(data, name));
  terminal.out.write(
    wasFailing
      ? `${given}: rounds of a table of that name fail no more from the next one on\nnext: chancery tiering status ${given}\n`
      : `${given} is not made to fail\n`,
  );
}

/** Longer than this without an answer is too long. */
const lateMs = ({ everyMs }: ServiceStatus): number => 2 * everyMs + 10_000;

/** `chancery tiering-service check`. @throws CommandFailure when no node has answered the service lately, or it is refused */
export async function checkService({ data, json }: { readonly data: string; readonly json?: boolean }, terminal: Terminal): Promise<void> {
  const status = await saying(data, () => statusIn(data));
  if (status === undefined) throw refusal('no node has answered the service yet', 'Look at what it logs, and at its --coordinator.');
  const silentMs = Math.max(0, Date.now() - status.answeredAt);
  const isLate = silentMs > lateMs(status);
  const seconds = Math.round(silentMs / 1000);
  if (json === true) terminal.out.write(`${JSON.stringify({ ...status, isLate })}\n`);
  if (isLate) throw refusal(`no node has answered ${status.service} for ${seconds} s`, 'Look whether it runs, and at what it logs.');
  if (status.refused !== undefined) throw refusal(`${status.service} is refused: ${status.refused.why}`, status.refused.remedy);
  if (json === true) return;
  const rounds = status.rounds.map(({ database, table, tieringEpoch }) => `${database}.${table} (round ${tieringEpoch})`).join(', ');
  terminal.out.write(`${status.service} was answered ${seconds} s ago and has ${rounds === '' ? 'no table' : rounds}\n`);
}

function tableIn(given: string): { readonly database: string; readonly table: string } {
  const [database = '', table = '', ...more] = given.split('.');
  if (more.length === 0 && catalogName.safeParse(database).success && catalogName.safeParse(table).success) return { database, table };
  throw wrongUsage(`'${given}' is no table`, 'Give DATABASE.TABLE, such as shop.orders.');
}

/** Says in words what the directory refuses. @throws CommandFailure */
async function saying<T>(directory: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    if (error instanceof TieringServiceRefused) throw refusal(error.message, error.remedy);
    const { code, path, syscall } = error as NodeJS.ErrnoException;
    if (syscall !== undefined) throw systemRefusal(`${code} in ${syscall} of ${path ?? directory}`, code);
    throw error;
  }
}

const systemRefusal = (message: string, code: string | undefined): CommandFailure =>
  refusal(
    message,
    code === 'ENAMETOOLONG'
      ? 'The names of the database and the table are too long together: 250 characters are the most.'
      : 'Name a directory that this user may write to.',
  );
