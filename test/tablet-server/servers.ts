import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { bucketName } from '../../src/tablet-server/bucket.ts';
import { CoordinatorClient } from '../../src/tablet-server/coordinatorClient.ts';
import { DataConnection } from '../../src/tablet-server/dataClient.ts';
import { appendAnswer, digestAnswer } from '../../src/tablet-server/protocol.ts';
import { TabletServer, type TabletServerOptions } from '../../src/tablet-server/server.ts';
import { silent } from '../support/nodes.ts';
import { bucket, ScriptedCoordinator } from './coordinator.ts';

/** A directory that goes with the test. */
export function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'chancery-tablet-'));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

export async function coordinator(): Promise<ScriptedCoordinator> {
  const started = await ScriptedCoordinator.start();
  onTestFinished(() => started.close());
  return started;
}

/** A server in this process; it ends with the test. */
export async function tabletServer(
  at: ScriptedCoordinator,
  serverId: number,
  options: Partial<TabletServerOptions> = {},
): Promise<TabletServer> {
  const client = new CoordinatorClient({ serverId, urls: [at.url], fetch });
  const server = await TabletServer.start(
    {
      serverId,
      directory: folder(),
      listen: { host: '127.0.0.1', port: 0 },
      coordinator: client,
      logger: silent,
      lagMs: 1000,
      timing: { takenMs: 20, takenTries: 5, shutDownMs: 20, acknowledgeMs: 1500, pollMs: 2000 },
      ...options,
    },
    new AbortController().signal,
  );
  onTestFinished(() => server.close().catch(() => {})); // A test may have closed it.
  return server;
}

/** A connection to a server's data port. */
export async function connected(endpoint: string): Promise<DataConnection> {
  const connection = await DataConnection.open(endpoint);
  onTestFinished(() => connection.close());
  return connection;
}

export const append = async (to: DataConnection, bucketId: number, bytes: number | Uint8Array) => {
  const body = typeof bytes === 'number' ? randomBytes(bytes) : bytes;
  return (await to.ask({ op: 'APPEND', ...bucket(bucketId) }, appendAnswer, { body })).header;
};

export const digestOf = async (endpoint: string, bucketId: number) => {
  const connection = await DataConnection.open(endpoint);
  try {
    return (await connection.ask({ op: 'DIGEST', ...bucket(bucketId) }, digestAnswer)).header;
  } finally {
    connection.close();
  }
};

export const bytesIn = (directory: string, bucketId: number): Promise<Buffer> =>
  readFile(join(directory, 'replicas', bucketName(bucket(bucketId)), 'data'));

/** Waits until the replicas of a bucket have this length and the same bytes. */
export async function equalReplicas(endpoints: readonly string[], bucketId: number, length: number): Promise<void> {
  await expect
    .poll(async () => {
      const digests = await Promise.all(endpoints.map((endpoint) => digestOf(endpoint, bucketId)));
      return digests.every((one) => one.ok && one.length === length) && new Set(digests.map((one) => one.ok && one.digest)).size === 1;
    }, patience)
    .toBe(true);
}

export const patience = { timeout: 30_000, interval: 20 } as const;
