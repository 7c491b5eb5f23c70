/** A node or more with lake tables, and a clock that tests set forward: timers run off when a test says so. */
import { expect, vi } from 'vitest';
import type { Command } from '../../src/deciders/commands.ts';
import { drawOf } from '../../src/engine/draws.ts';
import { caller } from '../support/nodes.ts';
import { lastingLeases, registerServers } from '../support/registeredServers.ts';
import { type Answer, call, JumpingClock, type Served, ServedCluster, waits } from './support.ts';

export type Json = Readonly<Record<string, unknown>>;
const minuteMs = 60_000;

export class LakeCluster {
  readonly clock = new JumpingClock();
  readonly cluster = new ServedCluster();
  readonly #nodes: Served[] = [];

  /** @param wish as `ServedCluster.start` takes it */
  static async start(names: readonly string[] = ['n1'], wish: Parameters<ServedCluster['start']>[1] = {}): Promise<LakeCluster> {
    const lake = new LakeCluster();
    await lake.join(names, wish);
    return lake;
  }

  /** Starts nodes; then there is a tablet server, and a database `shop`. */
  async join(names: readonly string[], { staticConfigs, ...wish }: Parameters<ServedCluster['start']>[1] = {}): Promise<void> {
    const secret = { clusterSecret: 'a secret of all nodes', clock: this.clock };
    const parts = { ...secret, staticConfigs: { ...lastingLeases, ...staticConfigs }, ...wish };
    for (const name of names) this.#nodes.push(await this.cluster.start(name, parts));
    await this.cluster.ready(...this.#nodes);
    const { node } = this.leader;
    await registerServers(node, 1);
    const shop: Command = { name: 'createDatabase', database: 'shop', ignoreIfExists: true, properties: {} };
    expect(await node.submit(shop, caller)).toMatchObject({ kind: 'done' });
  }

  get leader(): Served {
    const leader = this.#nodes.find(({ node }) => node.role === 'leader');
    if (leader === undefined) throw new Error('nobody leads');
    return leader;
  }
  get follower(): Served {
    const follower = this.#nodes.find(({ node }) => node.role === 'follower');
    if (follower === undefined) throw new Error('nobody follows');
    return follower;
  }

  /** @returns its id */
  async table(database: string, table: string, properties: Readonly<Record<string, string>> = {}): Promise<number> {
    const { node } = this.leader;
    const columns = [{ name: 'id', type: 'BIGINT', isNullable: true }];
    const given = { 'table.datalake.enabled': 'true', 'table.datalake.freshness': '1 min', ...properties };
    const keys = { primaryKey: [], partitionKeys: [] };
    const command: Command = {
      name: 'createTable',
      database,
      table,
      columns,
      ...keys,
      properties: given,
      ignoreIfExists: false,
      draw: drawOf(table),
    };
    expect(await node.submit(command, caller)).toMatchObject({ kind: 'done', changed: true });
    return node.state.catalog.tableIds.get(`${database}.${table}`) ?? -1;
  }

  /** Lets the timers of tables with a freshness of up to a minute run off, and has the tables queued. */
  async due(): Promise<void> {
    this.clock.jump(minuteMs);
    const { node } = this.leader;
    expect(await node.submit({ name: 'queueDueTables', atMost: 200 }, caller)).toMatchObject({ kind: 'done' });
    await vi.waitFor(() => expect(node.state.tiering.counts.Scheduled).toBe(0), waits);
  }

  heartbeat(body: object, { url }: Served = this.leader, headers: Record<string, string> = {}): Promise<Answer> {
    return call(`${url}/v1/tiering/heartbeats`, { body: { service: 's1', ...body }, headers });
  }
  /** What a service is handed out. */
  async handed(service = 's1', more: object = {}): Promise<Json> {
    const { json, status, text } = await this.heartbeat({ service, wantsTable: true, ...more });
    expect([status, typeof json['table']], text).toEqual([200, 'object']);
    return json['table'] as Json;
  }
  statuses(query = '', { url }: Served = this.leader): Promise<Answer> {
    return call(`${url}/v1/tiering/statuses${query}`);
  }
  async stop(): Promise<void> {
    await this.cluster.stop();
  }
}

/** What a refusal says: status, code, field and detail. */
export const faultOf = ({ json, status }: Answer): readonly unknown[] => [status, json['code'], json['field'], json['detail']];
