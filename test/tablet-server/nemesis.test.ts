/**
 * Goal: whatever was acknowledged stays, in its place, and all replicas end equal, whoever dies, leads or falls behind on the way.
 * Method: three servers and two buckets; fast-check draws servers that end abruptly and come back, leaders that change among the in-sync
 * replicas, reports that are lost, replicas that are taken away and given anew; meanwhile a writer appends and notes what was acknowledged.
 */
import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { expect, onTestFinished, test } from 'vitest';
import { CoordinatorClient } from '../../src/tablet-server/coordinatorClient.ts';
import { DataConnection } from '../../src/tablet-server/dataClient.ts';
import { appendAnswer } from '../../src/tablet-server/protocol.ts';
import { TabletServer } from '../../src/tablet-server/server.ts';
import { silent } from '../support/nodes.ts';
import { replay } from '../support/replay.ts';
import { bucket, ScriptedCoordinator } from './coordinator.ts';
import { bytesIn, equalReplicas, folder } from './servers.ts';

const ids = [0, 1, 2];
const bucketIds = [0, 1];

interface Acknowledged {
  readonly bucketId: number;
  readonly offset: number;
  readonly bytes: Buffer;
}

/** A small cluster that can be hurt. */
class Hurt {
  readonly at: ScriptedCoordinator;
  readonly directories = ids.map(() => folder());
  readonly servers = new Map<number, TabletServer>();
  readonly acknowledged: Acknowledged[] = [];

  constructor(at: ScriptedCoordinator) {
    this.at = at;
  }

  async up(id: number): Promise<void> {
    if (this.servers.has(id)) return;
    const coordinator = new CoordinatorClient({ serverId: id, urls: [this.at.url], fetch });
    const directory = this.directories[id] ?? '';
    const timing = { takenMs: 10, pollMs: 1000, acknowledgeMs: 400 };
    const listen = { host: '127.0.0.1', port: 0 };
    const options = { serverId: id, directory, listen, coordinator, logger: silent, lagMs: 300, timing };
    this.servers.set(id, await TabletServer.start(options, new AbortController().signal));
  }

  /** Ends in the middle of whatever it does, and its lease with it: what it leads goes to another in sync. */
  async down(id: number): Promise<void> {
    const server = this.servers.get(id);
    this.servers.delete(id);
    await server?.close();
    for (const bucketId of bucketIds) {
      const { isr, leader } = this.at.get(bucketId);
      const heirs = isr.filter((other) => other !== id && this.servers.has(other));
      if (leader === id && heirs.length > 0) this.at.change(bucketId, { leader: heirs[0] ?? -1, isr: heirs });
    }
  }

  /** What a coordinator may do at any time: another leader out of the ISR. */
  elect(bucketId: number, turn: number): void {
    const heirs = this.at.get(bucketId).isr.filter((id) => this.servers.has(id));
    const heir = heirs[turn % Math.max(1, heirs.length)];
    if (heir !== undefined) this.at.change(bucketId, { leader: heir });
  }

  /** A replica moves away and comes back empty. */
  async move(bucketId: number, id: number): Promise<void> {
    const { isr, leader, replicas } = this.at.get(bucketId);
    if (leader === id || !this.servers.has(id) || isr.filter((other) => other !== id).length === 0) return;
    const without = (list: readonly number[]): readonly number[] => list.filter((other) => other !== id);
    this.at.change(bucketId, { replicas: without(replicas), isr: without(isr) });
    await expect.poll(() => this.at.servers.get(id)?.appliedPosition ?? 0, { timeout: 30_000, interval: 5 }).toBeGreaterThanOrEqual(1);
    this.at.change(bucketId, { replicas });
  }

  /** @returns whether it was acknowledged */
  async write(bucketId: number, size: number): Promise<boolean> {
    const server = this.servers.get(this.at.get(bucketId).leader);
    if (server === undefined) return false;
    const bytes = randomBytes(size);
    const connection = await DataConnection.open(server.endpoint).catch(() => undefined);
    if (connection === undefined) return false;
    try {
      const { header } = await connection.ask({ op: 'APPEND', ...bucket(bucketId) }, appendAnswer, { body: bytes });
      if (header.ok) this.acknowledged.push({ bucketId, offset: header.offset, bytes });
      return header.ok;
    } catch {
      return false; // It was down.
    } finally {
      connection.close();
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.servers.values()].map((server) => server.close()));
    await this.at.close();
  }
}

const id = fc.constantFrom(...ids);
const bucketId = fc.constantFrom(...bucketIds);
const step = fc.oneof(
  fc.record({ kind: fc.constant('down' as const), id }),
  fc.record({ kind: fc.constant('up' as const), id }),
  fc.record({ kind: fc.constant('elect' as const), bucketId, turn: fc.nat(5) }),
  fc.record({ kind: fc.constant('move' as const), bucketId, id }),
  fc.record({ kind: fc.constant('lose' as const), isLosing: fc.boolean() }),
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('write' as const), size: fc.integer({ min: 1, max: 60_000 }) }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

async function carryOut(hurt: Hurt, one: Step): Promise<void> {
  switch (one.kind) {
    case 'down':
      // The last one stays: with nobody there is nothing to see.
      return hurt.servers.size > 1 ? await hurt.down(one.id) : undefined;
    case 'up':
      return await hurt.up(one.id);
    case 'elect':
      return hurt.elect(one.bucketId, one.turn);
    case 'move':
      return await hurt.move(one.bucketId, one.id);
    case 'lose':
      hurt.at.losesAnswersTo = one.isLosing ? 'isr' : '';
      return;
    case 'write':
      await Promise.all(bucketIds.map((each) => hurt.write(each, one.size)));
  }
}

async function live(steps: readonly Step[]): Promise<void> {
  const hurt = new Hurt(await ScriptedCoordinator.start());
  onTestFinished(() => hurt.close().catch(() => {})); // Closed already, unless it failed.
  await Promise.all(ids.map((each) => hurt.up(each)));
  for (const each of bucketIds) hurt.at.create(each, [each, ...ids.filter((other) => other !== each)]);
  const writing = (async () => {
    for (const _ of steps) await Promise.all(bucketIds.map((each) => hurt.write(each, 3000)));
  })();
  for (const one of steps) await carryOut(hurt, one);
  await writing;
  hurt.at.losesAnswersTo = '';
  await Promise.all(ids.map((each) => hurt.up(each)));
  for (const each of bucketIds) {
    await expect.poll(() => hurt.write(each, 10), { timeout: 30_000, interval: 20 }).toBe(true);
    await expect.poll(() => hurt.at.get(each).isr.toSorted((a, b) => a - b), { timeout: 30_000, interval: 20 }).toEqual(ids);
    const length = (await bytesIn(hurt.directories[hurt.at.get(each).leader] ?? '', each)).length;
    await equalReplicas(
      [...hurt.servers.values()].map(({ endpoint }) => endpoint),
      each,
      length,
    );
    const all = await bytesIn(hurt.directories[0] ?? '', each);
    for (const { bytes, offset } of hurt.acknowledged.filter((one) => one.bucketId === each))
      expect(all.subarray(offset, offset + bytes.length).equals(bytes), `${bytes.length} bytes at ${offset} of bucket ${each}`).toBe(true);
  }
  await hurt.close();
}

test('nothing acknowledged is lost', async () => {
  const { params } = replay({ numRuns: 3 });
  await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 25 }), live), { ...params, endOnFailure: true });
}, 120_000);
