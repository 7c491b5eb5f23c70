/**
 * Goal: rebalances in SQL are what Fluss's manual says, word for word, with every text of fluss-semantics 1.4 and 5; EXPLAIN shows what
 * would become of each server and begins nothing.
 * Method: the manual's own statements, then each argument and its mistakes, against a real server and node. The tables are there from
 * the beginning; tablet servers answer for themselves once a test says so.
 */
import { afterEach, describe, expect, test, vi } from 'vitest';
import { rebalanceRows } from '../../projections/rebalance.ts';
import { type Served, ServedCluster, sql, waits } from '../operator/support.ts';
import { Fleet, type Settled, settle } from '../support/fleet.ts';
import { lastingLeases } from '../support/registeredServers.ts';

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});
/** Two servers hold everything, a third one nothing. */
const lopsided: Settled = { racks: ['a', 'b', 'c'], orders: Array.from({ length: 6 }, () => [0, 1]) };

async function served(settled: Settled | undefined, hasQueries = false): Promise<Served> {
  const cluster = new ServedCluster();
  if (settled !== undefined) settle(cluster.hub, settled);
  const n1 = await cluster.start('n1', { hasQueries, staticConfigs: lastingLeases });
  closers.push(() => cluster.stop());
  await cluster.ready(n1);
  return n1;
}
interface Result {
  readonly columns?: readonly { readonly name: string }[];
  readonly rows?: readonly (readonly unknown[])[];
  readonly note?: string;
  readonly position?: number;
}
async function ask({ url }: Served, statement: string, more: object = {}): Promise<readonly Result[]> {
  const { status, json, text: body } = await sql(url, statement, more);
  expect(status, body).toBe(200);
  return json['results'] as readonly Result[];
}
const rowsOf = async (n1: Served, statement: string) => (await ask(n1, statement)).at(-1)?.rows ?? [];
async function refusalOf({ url }: Served, statement: string) {
  const { json } = await sql(url, statement);
  return [json['code'], json['field'], json['detail']];
}
const completed = async (n1: Served) =>
  await vi.waitFor(() => expect(rebalanceRows(n1.node.state.rebalance)[0]?.status).toBe('COMPLETED'), waits);
const anyId = expect.stringMatching(/^rebalance-[A-Za-z0-9_-]{21}$/) as unknown;

describe("the manual's examples", () => {
  test('rebalance by one goal, and by several', async () => {
    const n1 = await served(lopsided);
    new Fleet(n1.node);
    const one = await ask(
      n1,
      `-- Use the Fluss catalog (replace 'fluss_catalog' with your catalog name if different)
USE fluss_catalog;

-- Trigger rebalance with replica distribution goal
CALL sys.rebalance('REPLICA_DISTRIBUTION');`,
    );
    expect(one.at(-1)).toEqual({
      kind: 'rows',
      columns: [{ name: 'result', type: 'STRING' }],
      rows: [[anyId]],
      position: expect.any(Number),
    });
    await completed(n1);
    const several = await ask(
      n1,
      `-- Trigger rebalance with multiple goals in priority order
CALL sys.rebalance('REPLICA_DISTRIBUTION,LEADER_DISTRIBUTION');`,
    );
    expect(several[0]?.rows).toEqual([[anyId]]);
    expect(rebalanceRows(n1.node.state.rebalance)[0]?.goals).toEqual(['REPLICA_DISTRIBUTION', 'LEADER_DISTRIBUTION']);
  });

  test('list and cancel', async () => {
    const n1 = await served(lopsided);
    new Fleet(n1.node, { isIdle: true });
    const [[begun] = []] = await rowsOf(n1, "CALL sys.rebalance('REPLICA_DISTRIBUTION')");
    const listed = await ask(
      n1,
      `-- Use the Fluss catalog (replace 'fluss_catalog' with your catalog name if different)
USE fluss_catalog;

-- List the most recent rebalance progress
CALL sys.list_rebalance();

-- List a specific rebalance progress by ID
CALL sys.list_rebalance('${String(begun)}');`,
    );
    expect(listed[1]?.rows?.slice(0, 3)).toEqual([[begun], ['REBALANCING'], ['0%']]);
    expect(listed[2]).toEqual(listed[1]);
    expect(await rowsOf(n1, `CALL sys.list_rebalance(rebalanceId => '${String(begun)}')`)).toEqual(listed[1]?.rows);
    const canceled = await ask(
      n1,
      `-- Use the Fluss catalog (replace 'fluss_catalog' with your catalog name if different)
USE fluss_catalog;

-- Cancel the most recent rebalance operation
CALL sys.cancel_rebalance();`,
    );
    expect(canceled[1]?.rows).toEqual([['success']]);
    expect((await rowsOf(n1, 'CALL sys.list_rebalance()'))[1]).toEqual(['CANCELED']);
  });

  test('cancel by id', async () => {
    const n1 = await served(lopsided);
    new Fleet(n1.node, { isIdle: true });
    const [[begun] = []] = await rowsOf(n1, "CALL sys.rebalance('REPLICA_DISTRIBUTION')");
    const canceled = await rowsOf(
      n1,
      `-- Cancel a specific rebalance operation by ID
CALL sys.cancel_rebalance('${String(begun)}');`,
    );
    expect(canceled).toEqual([['success']]);
    const [row] = rebalanceRows(n1.node.state.rebalance);
    expect(row).toMatchObject({ status: 'CANCELED', canceled: row?.moveCount });
    expect([...n1.node.state.buckets.byKey.rows()].map(([, bucket]) => bucket.replicas)).toEqual(lopsided.orders);
  });
});

describe('rebalance', () => {
  test('takes goals in any case, with blanks around them, by the name of the argument too', async () => {
    const n1 = await served(lopsided);
    new Fleet(n1.node);
    expect(await rowsOf(n1, "CALL sys.rebalance(priorityGoals => ' rack_aware , Leader_Distribution')")).toEqual([[anyId]]);
    expect(rebalanceRows(n1.node.state.rebalance)[0]?.goals).toEqual(['RACK_AWARE', 'LEADER_DISTRIBUTION']);
  });

  test('refuses what is no goal, in Fluss’s words', async () => {
    const n1 = await served(lopsided);
    const none =
      "priority goals cannot be null or empty. You can specify one goal as 'REPLICA_DISTRIBUTION' or specify multi goals as " +
      "'REPLICA_DISTRIBUTION,LEADER_DISTRIBUTION' (split by ',')";
    for (const blank of ["''", "'  '", 'NULL'])
      expect(await refusalOf(n1, `CALL sys.rebalance(${blank})`)).toEqual(['SQL_INVALID_ARGUMENT', 'priorityGoals', none]);
    expect(await refusalOf(n1, "CALL sys.rebalance('RACK_AWARE,speed')")).toEqual([
      'SQL_INVALID_ARGUMENT',
      'priorityGoals',
      'No enum constant org.apache.fluss.cluster.rebalance.GoalType.SPEED',
    ]);
    expect(await refusalOf(n1, `CALL sys.rebalance('${'RACK_AWARE,'.repeat(20)}RACK_AWARE')`)).toEqual([
      'SQL_INVALID_ARGUMENT',
      'priorityGoals',
      '21 goals are given; at most 20',
    ]);
    expect(await refusalOf(n1, "CALL sys.rebalance('RACK_AWARE', 'PERHAPS')")).toEqual([
      'SQL_INVALID_ARGUMENT',
      'onStale',
      "'PERHAPS' is none of REFUSE, REPLAN",
    ]);
    expect(rebalanceRows(n1.node.state.rebalance)).toEqual([]);
  });

  test('refuses a second one while the first runs, and what cannot be planned', async () => {
    const n1 = await served({ ...lopsided, racks: ['a', 'a', 'a'] });
    new Fleet(n1.node, { isIdle: true });
    expect(await refusalOf(n1, "CALL sys.rebalance('RACK_AWARE')")).toEqual([
      'PLANNING_FAILED',
      'priorityGoals',
      'Failed to generate plan and execute rebalance. The root cause: ' +
        '[RackAwareGoal] Insufficient number of racks to distribute each replica (Current: 1, Needed: 2).',
    ]);
    const [[begun] = []] = await rowsOf(n1, "CALL sys.rebalance('REPLICA_DISTRIBUTION')");
    const id = String(begun);
    const busy = `Rebalance task already exists, current rebalance id is '${id}'. Please wait for it to finish or cancel it first.`;
    expect(await refusalOf(n1, "CALL sys.rebalance('REPLICA_DISTRIBUTION')")).toEqual(['REBALANCE_IN_PROGRESS', '', busy]);
    expect(await refusalOf(n1, "EXPLAIN CALL sys.rebalance('REPLICA_DISTRIBUTION')")).toEqual(['REBALANCE_IN_PROGRESS', '', busy]);
  });

  test('sent again with the same key it is the same rebalance; REPLAN is taken as an argument', async () => {
    const n1 = await served(lopsided);
    const script = "CALL sys.rebalance('REPLICA_DISTRIBUTION', onStale => 'replan')";
    const first = await ask(n1, script, { idempotencyKey: 'tuesday' });
    const again = await ask(n1, script, { idempotencyKey: 'tuesday' });
    expect(again[0]?.rows).toEqual(first[0]?.rows);
    expect(rebalanceRows(n1.node.state.rebalance)).toHaveLength(1);
  });
});

describe('EXPLAIN', () => {
  test('shows each server before and after, and begins nothing', async () => {
    const n1 = await served({ ...lopsided, tags: { 1: 'TEMPORARY_OFFLINE' } });
    const [explained] = await ask(n1, "EXPLAIN CALL sys.rebalance('RACK_AWARE,REPLICA_DISTRIBUTION')");
    expect(explained?.columns?.map(({ name }) => name)).toEqual([
      'server',
      'rack',
      'tag',
      'replicas',
      'replicas_after',
      'leaders',
      'leaders_after',
    ]);
    expect(explained?.rows).toEqual([
      [0, 'a', null, 6, 6, 6, 6],
      [1, 'b', 'TEMPORARY_OFFLINE', 6, 0, 0, 0],
      [2, 'c', null, 0, 6, 0, 0],
    ]);
    expect(explained?.note).toBe('6 buckets would move: 6 replicas to copy.\nSERVER_TAG asks for 6.\nNothing was started.');
    expect(explained?.position).toBeUndefined();
    expect(rebalanceRows(n1.node.state.rebalance)).toEqual([]);
  });

  test('says what a plan does not do', async () => {
    const n1 = await served({ racks: ['a', 'b'], orders: [[0, 1]], tags: { 1: 'PERMANENT_OFFLINE' } });
    const [explained] = await ask(n1, "EXPLAIN CALL sys.rebalance('REPLICA_DISTRIBUTION')");
    expect(explained?.note?.split('\n')).toEqual([
      'Nothing is to be moved.',
      'server 1 is not emptied: bucket shop.orders/0 stays, every server that could take it holds it already',
      'Nothing was started.',
    ]);
  });

  test('of a cancellation says which buckets would be left where', async () => {
    const n1 = await served(lopsided);
    new Fleet(n1.node, { isIdle: true });
    await ask(n1, "CALL sys.rebalance('REPLICA_DISTRIBUTION')");
    await vi.waitFor(() => expect(rebalanceRows(n1.node.state.rebalance)[0]?.moving).toBeGreaterThan(0), waits);
    const moving = rebalanceRows(n1.node.state.rebalance)[0]?.moving ?? 0;
    const [explained] = await ask(n1, 'EXPLAIN CALL sys.cancel_rebalance()');
    expect(explained?.rows).toHaveLength(moving);
    expect(explained?.rows?.[0]).toEqual([expect.stringMatching(/^shop\.orders\/\d$/), 'as before']);
    expect(explained?.note).toMatch(/^0 buckets moved already and would stay there, \d would be stopped, \d would never begin\.$/);
    expect(rebalanceRows(n1.node.state.rebalance)[0]?.status).toBe('REBALANCING');
  });
});

describe('list_rebalance and cancel_rebalance', () => {
  test('of a cluster that never had one: no rows, and a refusal', async () => {
    const n1 = await served(undefined);
    expect(await rowsOf(n1, 'CALL sys.list_rebalance()')).toEqual([]);
    expect(await rowsOf(n1, "CALL sys.list_rebalance('rebalance-x')")).toEqual([]);
    expect(await refusalOf(n1, 'CALL sys.cancel_rebalance()')).toEqual(['NO_REBALANCE', '', 'there was no rebalance yet']);
  });

  test('tell each move of any past one', async () => {
    const n1 = await served(lopsided);
    new Fleet(n1.node);
    const [[first] = []] = await rowsOf(n1, "CALL sys.rebalance('REPLICA_DISTRIBUTION')");
    await completed(n1);
    await ask(n1, "CALL sys.rebalance('RACK_AWARE')");
    await vi.waitFor(() => expect(rebalanceRows(n1.node.state.rebalance)).toHaveLength(2), waits);
    const lines = await rowsOf(n1, `CALL sys.list_rebalance('${String(first)}')`);
    expect(lines.slice(0, 3)).toEqual([[first], ['COMPLETED'], ['100%']]);
    const move = JSON.parse(String(lines[3]?.[0])) as Record<string, unknown>;
    expect(move).toEqual({
      table_id: 0,
      bucket_id: expect.any(Number),
      original_leader: 0,
      new_leader: expect.any(Number),
      origin_replicas: [0, 1],
      new_replicas: expect.arrayContaining([2]),
      rebalance_status: 'COMPLETED',
      bucket: `shop.orders/${String(move['bucket_id'])}`,
    });
    expect(lines).toHaveLength(3 + (rebalanceRows(n1.node.state.rebalance)[1]?.moveCount ?? -1));
  });

  test('refuse an id that is none of theirs, and what is over, with its status', async () => {
    const n1 = await served({
      racks: ['a', 'b'],
      orders: [
        [0, 1],
        [1, 0],
      ],
    });
    const [[begun] = []] = await rowsOf(n1, "CALL sys.rebalance('REPLICA_DISTRIBUTION')");
    expect(await rowsOf(n1, 'CALL sys.list_rebalance()')).toEqual([[begun], ['COMPLETED'], ['NONE']]);
    expect(await refusalOf(n1, "CALL sys.list_rebalance('rebalance-12345')")).toEqual([
      'UNKNOWN_REBALANCE',
      'rebalanceId',
      `Rebalance task id rebalance-12345 to list is not the current rebalance task id ${String(begun)}.`,
    ]);
    expect(await refusalOf(n1, "CALL sys.cancel_rebalance('rebalance-12345')")).toEqual([
      'UNKNOWN_REBALANCE',
      'rebalanceId',
      `Rebalance task id rebalance-12345 to cancel is not the current rebalance task id ${String(begun)}.`,
    ]);
    expect(await refusalOf(n1, 'CALL sys.cancel_rebalance()')).toEqual([
      'REBALANCE_OVER',
      'rebalanceId',
      `rebalance ${String(begun)} is COMPLETED`,
    ]);
    expect((await refusalOf(n1, "CALL sys.cancel_rebalance('no such id')"))[0]).toBe('SQL_INVALID_ARGUMENT');
  });
});

test('the tables answer what the manual asks them, also of a rebalance in the past', async () => {
  const n1 = await served(lopsided, true);
  new Fleet(n1.node);
  await ask(n1, "CALL sys.rebalance('REPLICA_DISTRIBUTION')", { reason: 'a new server' });
  await completed(n1);
  const moves = rebalanceRows(n1.node.state.rebalance)[0]?.moveCount ?? -1;
  const joined = `SELECT r.planned_at IS NOT NULL, r.principal, r.reason, m.table_name, m.failure, m.left_as
    FROM sys.rebalance_moves AS m JOIN sys.rebalances AS r USING (rebalance_id) WHERE m.status = 'COMPLETED'`;
  const rows = await rowsOf(n1, joined);
  expect(rows).toHaveLength(moves);
  expect(rows[0]).toEqual([true, 'User:root', 'a new server', 'shop.orders', null, null]);
  const slow = 'SELECT table_name, bucket_id, status, started_at, in_sync_at, why FROM sys.rebalance_moves';
  expect(await rowsOf(n1, `${slow} WHERE status = 'REBALANCING' ORDER BY started_at`)).toEqual([]);
  const [[first] = []] = await rowsOf(n1, 'SELECT first_position FROM sys.rebalances');
  const then = await rowsOf(n1, `SELECT status FROM sys.rebalance_moves AT (VERSION => ${Number(first) + 1})`);
  expect(then).toEqual(Array.from({ length: moves }, () => ['NOT_STARTED']));
});
