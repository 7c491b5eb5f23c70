/**
 * Goal: no request, whatever it holds, ends a node, makes it answer with a fault of its own, lets its memory grow without bound, or puts
 *   into the log what does not fold again.
 * Method: one real process on the embedded log with a small heap. fast-check draws requests for each interface, from what it declares and
 *   from nothing, tears some of them, and sends 25 at a time; at the end the process, its log and its tables are looked at.
 * A red run prints seed and path (see test/support/replay.ts). CHANCERY_RUNS=10 sends 10,000 to each interface.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { stateHash } from '../../projections/kit.ts';
import { bulkFold } from '../../projections/state.ts';
import { freePorts } from '../../src/cli/zookeeperServer.ts';
import { signatureHeader, signatureOf } from '../../src/interfaces/operator/clusterSignature.ts';
import { chancery } from '../cli/processes.ts';
import { type Heard, type HostileRequest, marker, send } from '../support/hostile.ts';
import { operatorFault } from '../support/hostileAnswers.ts';
import {
  hostileInternal,
  hostileMetaService,
  hostileOperator,
  hostileSqlRequests,
  type OpenApi,
  operatorSeeds,
  seeds,
} from '../support/hostileRequests.ts';
import { exchange, hostileBytes, lorises } from '../support/hostileSockets.ts';
import { type NodeProcess, nodeProcess, statusOf, until } from '../support/nodeProcesses.ts';
import { replay } from '../support/replay.ts';
import { readLog } from '../support/writers.ts';

const clusterSecret = 'a secret for hostile requests only';
/** MiB: the heap a node may have, and what it may take altogether. */
const memory = { heap: 96, resident: 400 } as const;
const batch = 25;
const batches = 40;
const minutes = 60_000;
const timeout = 2 * minutes * Number(process.env['CHANCERY_RUNS'] ?? 1);

const folder = mkdtempSync(join(tmpdir(), 'chancery-hostile-'));
let node: NodeProcess;
let openApi: OpenApi;
let slow: ReturnType<typeof lorises>;
beforeAll(async () => {
  const [operator, metaService] = await freePorts(2);
  const settings = {
    LOG: 'file:data',
    CLUSTER_SECRET: clusterSecret,
    OPERATOR: `127.0.0.1:${operator}`,
    META_SERVICE: `127.0.0.1:${metaService}`,
  };
  node = await nodeProcess('n1', folder, settings, undefined, [`--max-old-space-size=${memory.heap}`]);
  await until('the node leads', 30_000, async () => ((await statusOf(node.url))?.role === 'leader' ? true : undefined));
  openApi = JSON.parse((await get('/openapi.json')).text) as OpenApi;
  expect((await sql('SELECT 1')).status).toBe(200);
  for (const seed of seeds) expect((await send(node.metaServiceUrl, seed)).status).toBe(200);
  for (const seed of operatorSeeds) expect((await send(node.url, seed)).status, seed.path).toBe(200);
  slow = lorises([node.url, node.metaServiceUrl]);
});
afterAll(async () => {
  await node?.kill();
  rmSync(folder, { recursive: true, force: true });
});

const get = (path: string): Promise<Heard> => send(node.url, { method: 'GET', path, headers: {} });
const sql = (statement: string): Promise<Heard> =>
  send(node.url, {
    method: 'POST',
    path: '/v1/sql',
    headers: { 'content-type': 'application/json' },
    body: Buffer.from(JSON.stringify({ statement })),
  });
/** @param what VmRSS: what a process has in memory; VmHWM: the most it had. MiB. */
const memoryOf = (pid: number, what: 'VmRSS' | 'VmHWM'): number =>
  Number(new RegExp(`${what}:\\s+(\\d+) kB`).exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;

/** What the node says of itself, once it has hashed its tables after the first 1,024 events. */
async function checkpointed(): Promise<Status> {
  const status = async (): Promise<Status> => JSON.parse((await get('/v1/status')).text) as Status;
  const put = (value: string): Promise<Heard> => {
    const body = Buffer.from(JSON.stringify({ value }));
    return send(node.url, { method: 'PUT', path: '/v1/configs/datalake.filler', headers: { 'content-type': 'application/json' }, body });
  };
  const missing = Math.max(0, 1024 - (await status()).position);
  const filled = await Promise.all(Array.from({ length: missing }, (_, i) => put(String(i))));
  expect(filled.filter((one) => one.status !== 200)).toEqual([]);
  return await until('there is a checkpoint', 20_000, async () => {
    const said = await status();
    return said.checkpoints.length > 0 ? said : undefined;
  });
}
interface Status {
  readonly position: number;
  readonly checkpoints: readonly { readonly position: number; readonly hash: string }[];
}

/** The contract's envelope says 500 for whatever has no word of its own, such as an id that is not there; nothing else is. */
function metaServiceFault({ method }: HostileRequest, { status, text }: Heard): string | undefined {
  if (/could not be carried out|went wrong inside this node/.test(text)) return text.slice(0, 500);
  const isEnvelope = method === 'HEAD' || /^\{\s+"code": "INTERNAL_ERROR",\s+"msg": "[^"]/.test(text);
  return status < 500 || (status === 500 && isEnvelope) ? undefined : `${status}: ${text.slice(0, 500)}`;
}

async function hunt(
  requests: fc.Arbitrary<HostileRequest>,
  url: string,
  faultOf: (asked: HostileRequest, heard: Heard) => string | undefined,
): Promise<ReadonlyMap<number, number>> {
  const statuses = new Map<number, number>();
  await fc.assert(
    fc.asyncProperty(fc.array(fc.noBias(requests), { minLength: batch, maxLength: batch }), async (asked) => {
      const heard = await Promise.all(asked.map((one) => send(url, one)));
      for (const { status } of heard) statuses.set(status, (statuses.get(status) ?? 0) + 1);
      expect(heard.flatMap((one, i) => faultOf(asked[i] as HostileRequest, one) ?? [])).toEqual([]);
      expect(node.isRunning()).toBe(true);
    }),
    { ...replay({ numRuns: batches }).params, endOnFailure: true },
  );
  return statuses;
}

/** A hunt that only hears one kind of answer finds nothing. */
const expectVariety = (statuses: ReadonlyMap<number, number>, ...wanted: readonly number[]): void => {
  expect(
    wanted.filter((status) => (statuses.get(status) ?? 0) < (batch * batches) / 100),
    JSON.stringify([...statuses]),
  ).toEqual([]);
};

test(
  'the operator interface',
  async () => {
    expectVariety(await hunt(hostileOperator(openApi), node.url, operatorFault), 200, 400, 404, 405, 415);
  },
  timeout,
);

test(
  'SQL',
  async () => {
    expectVariety(await hunt(hostileSqlRequests, node.url, operatorFault), 200, 400);
  },
  timeout,
);

test(
  'the Meta Service, admin routes and RPCs',
  async () => {
    expectVariety(await hunt(hostileMetaService, node.metaServiceUrl, metaServiceFault), 200, 400, 403, 404);
  },
  timeout,
);

test(
  'requests between nodes',
  async () => {
    const sign = (path: string, body: Uint8Array): Record<string, string> => ({
      [signatureHeader]: signatureOf(clusterSecret, 'POST', path, body),
    });
    expectVariety(await hunt(hostileInternal(sign), node.url, operatorFault), 200, 400, 401);
  },
  timeout,
);

test(
  'bytes that are no request, or only the beginning of one',
  async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(hostileBytes, { minLength: batch, maxLength: batch }), async (sent) => {
        const heard = await Promise.all(sent.map((one, i) => exchange(i % 2 === 0 ? node.url : node.metaServiceUrl, one)));
        expect(heard.filter(({ hasEnded, text }) => !hasEnded || /went wrong inside|^HTTP\/1\.1 50[1-9]/m.test(text))).toEqual([]);
        expect(node.isRunning()).toBe(true);
      }),
      { ...replay({ numRuns: batches }).params, endOnFailure: true },
    );
  },
  timeout,
);

test(
  'callers who send a byte now and then are cut off, and nobody had to wait for them',
  async () => {
    expect(await slow.ended()).toEqual(slow.sent());
  },
  timeout,
);

test(
  'after all that the node is well',
  async () => {
    expect((await get('/ready')).status).toBe(200);
    await until('queries are answered', 60_000, async () =>
      (await sql('SELECT count(*) FROM sys.events')).status === 200 ? true : undefined,
    );
    const { position, checkpoints } = await checkpointed();
    const said = readFileSync(join(folder, 'n1.log'), 'utf8');
    expect(said.split('\n').filter((line) => /"level":[56]0/.test(line))).toEqual([]);
    expect(said).not.toContain(marker);
    expect(memoryOf(node.pid(), 'VmHWM')).toBeLessThan(memory.resident);

    const entries = await readLog(node.url);
    expect(JSON.stringify(entries)).not.toContain(marker);
    const fold = bulkFold();
    const newest = checkpoints.at(-1);
    fold.add(entries.filter(({ count, firstPosition }) => firstPosition + count - 1 <= (newest?.position ?? 0)));
    expect({ position: fold.position, hash: stateHash(fold.finish()) }).toEqual(newest);

    expect(await node.stop()).toBe(0);
    const verified = await chancery(['verify', '--log', 'file:data', '--json'], { cwd: folder });
    expect(JSON.parse(verified.out)).toMatchObject({ sound: true });
    expect((JSON.parse(verified.out) as { position: number }).position).toBeGreaterThanOrEqual(position);
  },
  3 * minutes,
);
