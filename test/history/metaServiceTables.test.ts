/**
 * Goal: the tables of the Meta Service show every row that the state holds, nothing of a key, and the past as it was.
 * Method: a story of decided acts is folded; rows are compared with what the projections answer, at the end and in the middle.
 */
import { describe, expect, test } from 'vitest';
import { decodeEntry } from '../../events/envelope.ts';
import { leadershipTaken, logCreated } from '../../events/leadership.ts';
import { foldEntry, initialState, type State } from '../../projections/state.ts';
import { metaServiceTables } from '../../src/engine/history/metaServiceTables.ts';
import type { Cell } from '../../src/engine/history/selector.ts';
import { sysTablesOf } from '../../src/engine/history/tables.ts';
import { Timeline } from '../../src/engine/history/timeline.ts';
import { acts, foundation, Teller } from '../fold/metaServiceActs.ts';
import { type Chapter, logOf, startedAt } from '../support/given.ts';
import { sourceOf, textsOf } from './histories.ts';

const teller = new Teller();
const began = [logCreated({ format: 1, clusterId: 'c' }), leadershipTaken({ nodeId: 'n1', epoch: 1, staticConfigs: {} })];
const chapters: Chapter[] = [{ events: began.map((event) => teller.tell(event, startedAt)), at: startedAt }];
const tell = (at: number, commands: typeof foundation): void => {
  for (const command of commands) {
    const events = teller.act(command, at);
    if (events.length > 0) chapters.push({ events, at });
  }
};
const later = startedAt + 60_000;
tell(startedAt + 1000, foundation);
const middle = chapters.reduce((sum, { events }) => sum + events.length, 0);
tell(later, [...acts.filter(({ name }) => name === 'dropNodes' || name === 'setClusterStatus' || name === 'abortTransaction')]);
teller.end();
const entries = logOf(chapters);
const states = entries.map(({ text }) => decodeEntry(text));
const stateAt = (position: number): State =>
  states.filter(({ firstPosition }) => firstPosition <= position).reduce(foldEntry, initialState());

const timeline = new Timeline(sourceOf(textsOf(entries)));
async function rowsOf(name: string, position?: number): Promise<readonly Readonly<Record<string, Cell>>[]> {
  await timeline.catchUp();
  const columns = metaServiceTables.find(({ table }) => table.name === name)?.table.columns ?? [];
  const rows: Readonly<Record<string, Cell>>[] = [];
  const moment = position === undefined ? undefined : { position };
  for await (const batch of sysTablesOf(timeline, { asker: { principal: 'User:root', interface: 'sql' }, live: {} }).rows(
    name,
    moment,
    undefined,
    new AbortController().signal,
  ))
    for (const row of batch) rows.push(Object.fromEntries(columns.map((column, i) => [column.name, row[i] ?? null])));
  return rows;
}

test.each([
  ['instances', ({ instances }: State) => instances.byId.size],
  ['clusters', ({ clusters }: State) => clusters.byKey.size],
  ['compute_nodes', ({ computeNodes }: State) => [...computeNodes.byCluster.rows()].reduce((sum, [, { nodes }]) => sum + nodes.length, 0)],
  [
    'object_stores',
    ({ storage }: State) => [...storage.byInstance.rows()].reduce((sum, [, { objectStores }]) => sum + objectStores.length, 0),
  ],
  ['storage_vaults', ({ storage }: State) => [...storage.byInstance.rows()].reduce((sum, [, { vaults }]) => sum + vaults.length, 0)],
  ['transactions', ({ transactions }: State) => transactions.byId.size],
  ['tablet_jobs', ({ tablets }: State) => [...tablets.jobs.rows()].reduce((sum, [, jobs]) => sum + jobs.length, 0)],
] as const)('sys.%s has as many rows as the state holds, now and then', async (name, count) => {
  const [now, then] = [stateAt(Number.POSITIVE_INFINITY), stateAt(middle)];
  expect(count(then)).toBeGreaterThan(0);
  expect(await rowsOf(name)).toHaveLength(count(now));
  expect(await rowsOf(name, middle)).toHaveLength(count(then));
});

describe('a row', () => {
  test('of an instance, of each storage mode', async () => {
    expect(await rowsOf('instances')).toMatchObject([
      { instance_id: 'i1', name: 'first', status: 'NORMAL', storage_mode: 'OBJECT_STORES' },
      { instance_id: 'i2', user_id: 'u', storage_mode: 'VAULTS' },
      { instance_id: 'i3', name: null, changed_at: null },
    ]);
  });

  test('of a cluster changes with its acts', async () => {
    const named = async (position?: number) =>
      (await rowsOf('clusters', position)).find(({ instance_id: i, cluster_id: c }) => i === 'i1' && c === 'c1');
    expect(await named(middle)).toMatchObject({ type: 'COMPUTE', status: 'NORMAL', nodes: 2, mysql_users: '[]', members: null });
    expect(await named()).toMatchObject({ nodes: 1, changed_at: later });
  });

  test('of a node, a vault, a transaction and a job', async () => {
    expect((await rowsOf('compute_nodes', middle))[0]).toMatchObject({
      instance_id: 'i1',
      cluster_name: 'c1',
      ip: '10.0.0.1',
      heartbeat_port: 9050,
      status: null,
      created_at: startedAt + 1000,
    });
    const vaults = await rowsOf('storage_vaults');
    expect(vaults.map(({ vault_name, kind, is_default }) => [vault_name, kind, is_default])).toContainEqual(['v1', 'OBJECT_STORE', 'true']);
    expect(vaults.map(({ vault_name, place }) => [vault_name, place])).toContainEqual(['v2', 'hdfs://h']);
    expect((await rowsOf('transactions'))[0]).toMatchObject({ label: 'a', status: 'ABORTED', reason: 'enough', finished_at: later });
    expect((await rowsOf('transactions', middle))[0]).toMatchObject({ status: 'PREPARED', finished_at: null });
    expect((await rowsOf('tablet_jobs'))[0]).toMatchObject({ tablet_id: 4, job_id: 'j1', type: 'CUMULATIVE', lease_until: 4e12 });
  });

  test('never shows a key', async () => {
    for (const { table } of metaServiceTables)
      expect(JSON.stringify(await rowsOf(table.name))).not.toMatch(/sealed|fingerprint|ciphertext/);
  });
});
