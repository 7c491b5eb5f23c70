import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { memorySize } from '../../projections/configValues.ts';
import { type BucketRef, bucketName, bucketRefFields, refOf } from '../tablet-server/bucket.ts';
import { DataConnection, DataPortSilent } from '../tablet-server/dataClient.ts';
import { appendAnswer, digestAnswer } from '../tablet-server/protocol.ts';
import { CommandFailure, exitStatus, refusal, wrongUsage } from './exit.ts';
import { grouped } from './moments.ts';
import { OperatorClient, type OperatorOptions } from './operatorClient.ts';
import { startProgress } from './progress.ts';
import { aligned, styled, type Terminal } from './terminal.ts';

interface Options extends OperatorOptions {
  readonly table: string;
  readonly json?: boolean;
}

const servers = z.array(z.number());
const answer = z.object({
  buckets: z.array(z.object({ ...bucketRefFields, leader: z.number(), replicas: servers, isr: servers })),
  endpoints: z.record(z.string(), z.string()),
});
type Layout = z.output<typeof answer>;
type Bucket = Layout['buckets'][number];

const chunkBytes = 256 * 1024;
/** Buckets that are worked on at the same time. */
const atOnce = 4;
/** How long a bucket may be without a leader that takes bytes. */
const leaderlessMs = 30_000;
const againMs = 200;

async function layoutOf({ table }: Options, client: OperatorClient): Promise<Layout> {
  if (!/^[^.]+\.[^.]+$/.test(table)) throw wrongUsage(`--table '${table}' is no table`, 'Give DATABASE.TABLE, such as shop.orders.');
  const layout = answer.parse(await client.json({ path: '/v1/buckets', query: { table } }));
  if (layout.buckets.length === 0)
    throw refusal(`${table} has no buckets`, 'Name a table as DATABASE.TABLE; a partitioned one needs a partition.');
  return layout;
}

/** What became of one bucket. */
interface Filled extends BucketRef {
  readonly appendedBytes: number;
  /** Bytes of which it is not known whether they stay. */
  readonly unknownBytes: number;
}

/** `chancery tablet-server fill`: appends random bytes to every bucket of a table. @throws CommandFailure when not all were taken */
export async function fillTable(options: Options & { readonly size: string }, terminal: Terminal): Promise<void> {
  const size = memorySize.parse(options.size);
  if (size === undefined || size < 1n || size > 2n ** 40n)
    throw wrongUsage(`--size '${options.size}' is no size`, 'Give digits and a unit, such as 1mb; at most 1tb.');
  const client = new OperatorClient(options, terminal);
  const layout = await layoutOf(options, client);
  const progress = startProgress(terminal, `filling ${options.table}`, 'bytes');
  const total = Number(size) * layout.buckets.length;
  let done = 0;
  const onBytes = (bytes: number): void => {
    done += bytes;
    progress.update(done, total);
  };
  const leaders = new Leaders(options, client, layout);
  const filled: Filled[] = [];
  try {
    await eachOf(layout.buckets, async (bucket) => void filled.push(await fill(bucket, Number(size), leaders, onBytes)));
  } finally {
    progress.stop();
    leaders.close();
  }
  const unknownBytes = filled.reduce((sum, one) => sum + one.unknownBytes, 0);
  if (options.json === true) terminal.out.write(`${JSON.stringify({ table: options.table, buckets: filled })}\n`);
  else terminal.out.write(`${grouped(total - unknownBytes)} bytes are in ${options.table}, in ${grouped(filled.length)} buckets.\n`);
  if (unknownBytes > 0)
    throw new CommandFailure(
      exitStatus.unknown,
      `of ${grouped(unknownBytes)} more bytes it is not known whether they stay: leaders changed on the way`,
      `Look with: chancery tablet-server check --table ${options.table}`,
    );
}

async function fill(bucket: Bucket, size: number, leaders: Leaders, onBytes: (bytes: number) => void): Promise<Filled> {
  let unknownBytes = 0;
  let left = size;
  while (left > 0) {
    const bytes = randomBytes(Math.min(chunkBytes, left));
    const isKnown = await leaders.append(bucket, bytes);
    if (!isKnown) unknownBytes += bytes.length;
    left -= bytes.length;
    onBytes(bytes.length);
  }
  return { ...refOf(bucket), appendedBytes: size - unknownBytes, unknownBytes };
}

/** Connections to whoever leads, which may change meanwhile. */
class Leaders {
  readonly #options: Options;
  readonly #client: OperatorClient;
  #layout: Layout;
  readonly #idle = new Map<string, DataConnection[]>();

  constructor(options: Options, client: OperatorClient, layout: Layout) {
    this.#options = options;
    this.#client = client;
    this.#layout = layout;
  }

  /** Appends once. @returns false when it is not known whether the bytes stay. @throws CommandFailure when nobody takes them for long */
  async append(bucket: Bucket, bytes: Uint8Array): Promise<boolean> {
    const giveUp = performance.now() + leaderlessMs;
    let why = 'nobody leads it';
    while (performance.now() < giveUp) {
      const endpoint = this.#endpointOf(bucket);
      if (endpoint !== undefined) {
        const connection = await this.#connect(endpoint).catch(silence);
        if (connection instanceof DataConnection) {
          const said = await connection.ask({ op: 'APPEND', ...refOf(bucket) }, appendAnswer, { body: bytes }).catch(silence);
          if (said instanceof DataPortSilent) return false;
          this.#idle.set(endpoint, [...(this.#idle.get(endpoint) ?? []), connection]);
          if (said.header.ok) return true;
          if (said.header.code === 'OUTCOME_UNKNOWN') return false;
          why = `${said.header.code}: ${said.header.detail}`;
        } else why = connection.message;
      }
      await new Promise((resolve) => setTimeout(resolve, againMs));
      this.#layout = await layoutOf(this.#options, this.#client);
    }
    throw new CommandFailure(
      exitStatus.unreachable,
      `bucket ${bucketName(bucket)} takes no bytes: ${why}`,
      'See who leads with: SELECT * FROM sys.buckets; what was appended before stays.',
    );
  }

  close(): void {
    for (const connections of this.#idle.values()) for (const connection of connections) connection.close();
  }

  #endpointOf(bucket: Bucket): string | undefined {
    const name = bucketName(bucket);
    const leader = this.#layout.buckets.find((one) => bucketName(one) === name)?.leader ?? -1;
    return this.#layout.endpoints[String(leader)];
  }

  async #connect(endpoint: string): Promise<DataConnection> {
    const [first, ...others] = this.#idle.get(endpoint) ?? [];
    this.#idle.set(endpoint, others);
    return first?.isOpen === true ? first : await DataConnection.open(endpoint);
  }
}

function silence(error: unknown): DataPortSilent {
  if (error instanceof DataPortSilent) return error;
  throw error;
}

interface ReplicaState {
  readonly serverId: number;
  readonly length?: number;
  readonly digest?: string;
  /** Why it has none. */
  readonly problem?: string;
}
/** The replicas of one bucket, as they say they are. */
interface Checked extends BucketRef {
  readonly leader: number;
  readonly isEqual: boolean;
  readonly replicas: readonly ReplicaState[];
}

/** `chancery tablet-server check`: whether every replica has its leader's bytes. @throws CommandFailure when not */
export async function checkTable(options: Options, terminal: Terminal): Promise<void> {
  const layout = await layoutOf(options, new OperatorClient(options, terminal));
  const progress = startProgress(terminal, `checking ${options.table}`, 'buckets');
  const checked: Checked[] = [];
  try {
    await eachOf(layout.buckets, async (bucket) => {
      checked.push(await check(bucket, layout));
      progress.update(checked.length, layout.buckets.length);
    });
  } finally {
    progress.stop();
  }
  const order = new Map(layout.buckets.map((bucket, i) => [bucketName(bucket), i]));
  checked.sort((a, b) => (order.get(bucketName(a)) ?? 0) - (order.get(bucketName(b)) ?? 0));
  const different = checked.filter(({ isEqual }) => !isEqual);
  if (options.json === true)
    terminal.out.write(`${JSON.stringify({ table: options.table, isEqual: different.length === 0, buckets: checked })}\n`);
  else terminal.out.write(`${renderCheck(options.table, checked, terminal).join('\n')}\n`);
  if (different.length > 0)
    throw refusal(
      `${grouped(different.length)} of ${grouped(checked.length)} buckets have a replica that is unlike its leader's or cannot be asked`,
      'One that is being copied or written at the moment differs for a while: ask again.',
    );
}

async function check(bucket: Bucket, { endpoints }: Layout): Promise<Checked> {
  const replicas = await Promise.all(bucket.replicas.map((serverId) => stateOf(bucket, serverId, endpoints[String(serverId)])));
  const digest = replicas.find(({ serverId }) => serverId === bucket.leader)?.digest;
  return {
    ...refOf(bucket),
    leader: bucket.leader,
    isEqual: digest !== undefined && replicas.every((one) => one.digest === digest),
    replicas,
  };
}

async function stateOf(bucket: Bucket, serverId: number, endpoint: string | undefined): Promise<ReplicaState> {
  if (endpoint === undefined) return { serverId, problem: 'the server is not alive' };
  let connection: DataConnection | undefined;
  try {
    connection = await DataConnection.open(endpoint);
    const { header } = await connection.ask({ op: 'DIGEST', ...refOf(bucket) }, digestAnswer);
    return header.ok
      ? { serverId, length: header.length, digest: header.digest }
      : { serverId, problem: `${header.code}: ${header.detail}` };
  } catch (error) {
    return { serverId, problem: silence(error).message };
  } finally {
    connection?.close();
  }
}

function renderCheck(table: string, checked: readonly Checked[], { env, out }: Terminal): readonly string[] {
  const bytes = checked.reduce((sum, { leader, replicas }) => sum + (replicas.find((one) => one.serverId === leader)?.length ?? 0), 0);
  const replicas = checked.reduce((sum, one) => sum + one.replicas.length, 0);
  const different = checked.filter(({ isEqual }) => !isEqual);
  const size = `${grouped(checked.length)} buckets, ${grouped(bytes)} bytes`;
  if (different.length === 0) return [`All ${grouped(replicas)} replicas of ${table} are equal to their leaders': ${size}.`];
  const rows = different.flatMap((bucket) =>
    bucket.replicas.map(({ digest, length, problem, serverId }) => [
      bucketName(bucket),
      `${serverId}${serverId === bucket.leader ? ' (leader)' : ''}`,
      length === undefined ? '' : grouped(length),
      problem ?? digest?.slice(0, 16) ?? '',
    ]),
  );
  const [heading = '', ...lines] = aligned([['bucket', 'server', 'bytes', 'digest'], ...rows], [2]);
  return [styled(out, env, 'bold', heading), ...lines];
}

async function eachOf<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const rest = items.values();
  const worker = async (): Promise<void> => {
    for (const item of rest) await work(item);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}
