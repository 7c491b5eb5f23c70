/** Tiering services in this process, on a directory of their own, against nodes behind real sockets. */
import { mkdtempSync, rmSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import type { HttpFetch } from '../../src/node-client/nodes.ts';
import type { Logger } from '../../src/ports/logger.ts';
import { CoordinatorClient, type Heartbeat } from '../../src/tiering-service/coordinatorClient.ts';
import { Lake } from '../../src/tiering-service/lake.ts';
import { TieringService } from '../../src/tiering-service/service.ts';
import { LakeCluster } from '../operator/tieringSupport.ts';
import { silent } from '../support/nodes.ts';

export const patience = { timeout: 30_000, interval: 20 } as const;

/** A directory that goes with the test. */
export function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'chancery-lake-'));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

export async function lakeCluster(...given: Parameters<typeof LakeCluster.start>): Promise<LakeCluster> {
  const lake = await LakeCluster.start(...given);
  onTestFinished(() => lake.stop());
  return lake;
}

export interface Wish {
  readonly service?: string;
  readonly directory?: string;
  readonly pollMs?: number;
  readonly rounds?: number;
  readonly roundMs?: number;
  readonly fetch?: HttpFetch;
  readonly logger?: Logger;
}
export interface Running {
  readonly service: TieringService;
  readonly directory: string;
}

/** One that ends with the test. */
export async function tieringService(urls: readonly string[], wish: Wish = {}): Promise<Running> {
  const { directory = folder(), fetch: ask = fetch, logger = silent, pollMs = 300, roundMs = 0, rounds = 4, service: name = 's1' } = wish;
  const lake = await Lake.open(directory, name);
  const coordinator = new CoordinatorClient({ service: name, urls, fetch: ask });
  const options = { lake, coordinator, logger, pollMs, rounds, roundMs };
  const service = await TieringService.start(options, new AbortController().signal);
  onTestFinished(() => service.close());
  return { service, directory };
}

/** `fetch`, and what was asked and answered with it. */
export class Recorder {
  readonly heartbeats: Heartbeat[] = [];
  /** Paths of requests that were answered. */
  readonly answered: string[] = [];
  /** Codes of reports that do not count. */
  readonly refusals: string[] = [];
  readonly fetch: HttpFetch = async (url, request) => {
    if (url.pathname === '/v1/tiering/heartbeats') this.heartbeats.push(JSON.parse(request.body ?? '') as Heartbeat);
    const response = await fetch(url, request);
    const text = await response.text();
    this.answered.push(url.pathname);
    for (const [, code = ''] of text.matchAll(/"refusal":\{"code":"(\w+)"/g)) this.refusals.push(code);
    const { headers, status } = response;
    return new Response(text, { headers, status });
  };
}

/** The rounds of a table that are in a lake: what their files say, by the files' names. */
export async function roundsIn(directory: string, database: string, table: string): Promise<Readonly<Record<string, unknown>>> {
  const path = join(directory, database, table);
  const names = await readdir(path).catch(() => []);
  const texts = await Promise.all(names.map(async (name) => [name, JSON.parse(await readFile(join(path, name), 'utf8'))] as const));
  return Object.fromEntries(texts);
}

/** What happened to tables, in the order of the log, such as `TieringRoundStarted 1 s1`. */
export const happened = (lake: LakeCluster): readonly string[] =>
  lake.cluster.hub
    .texts(0, Number.MAX_SAFE_INTEGER)
    .flatMap((text) => (JSON.parse(text) as { readonly events: readonly Event[] }).events)
    .filter(({ type }) => type.startsWith('TieringRound'))
    .map(({ data: { service, tieringEpoch }, type }) => `${type.replace('TieringRound', '')} ${tieringEpoch} ${service}`);
interface Event {
  readonly type: string;
  readonly data: { readonly tieringEpoch: number; readonly service: string };
}

/** Where a table stands, as a node tells it. */
export async function statusOf(lake: LakeCluster, table: string): Promise<Readonly<Record<string, unknown>>> {
  const { json } = await lake.statuses(`?database=shop&table=${table}`);
  const [status] = json['tables'] as readonly Readonly<Record<string, unknown>>[];
  expect(status, table).toBeDefined();
  return status ?? {};
}
