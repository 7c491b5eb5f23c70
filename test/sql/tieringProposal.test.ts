/**
 * Goal: the proposal of Fluss issue 2362, requirement by requirement (T1 to T11, fluss-semantics 6.2), as somebody sees it who has SQL.
 * Method: statements over HTTP to real nodes with a history process each; services report through the engine; a clock that is set forward.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type GivenHeartbeat, submitHeartbeat } from '../../src/engine/tieringHeartbeats.ts';
import { runScript, type ScriptAnswer } from '../../src/interfaces/sql/session.ts';
import { createSealer } from '../../src/secrets/aes.ts';
import { type Served, sql } from '../operator/support.ts';
import { LakeCluster } from '../operator/tieringSupport.ts';
import { caller } from '../support/nodes.ts';

let lake: LakeCluster;
beforeAll(async () => {
  lake = await LakeCluster.start(['n1', 'n2'], { hasQueries: true });
});
afterAll(() => lake.stop());

interface Result {
  readonly columns?: readonly { readonly name: string; readonly type: string }[];
  readonly rows?: readonly (readonly unknown[])[];
}
async function ask(statement: string, { url }: Served = lake.leader, more: object = {}): Promise<Result> {
  const { json, status, text } = await sql(url, statement, { atLeast: lake.leader.node.state.position, ...more });
  expect(status, text).toBe(200);
  return (json['results'] as readonly Result[]).at(-1) ?? {};
}
const rowsOf = async (statement: string, ...more: [Served?, object?]) => (await ask(statement, ...more)).rows ?? [];
/** Status, epoch, last tiered, error and when, of a table. */
const statusOf = async (table: string, ...more: [Served?, object?]) =>
  (await rowsOf(`SELECT * FROM sys.lake_tiering_status WHERE table_name = '${table}'`, ...more)).map((row) => row.slice(2));
const failuresOf = (table: string) =>
  rowsOf(`SELECT tiering_epoch, cause, error, failures_in_row FROM sys.lake_tiering_failures WHERE table_name = '${table}'`);

/** A heartbeat of service s1; what is not said is empty. */
async function heartbeat(given: Partial<GivenHeartbeat>) {
  const nothing = { service: 's1', failed: [], tiering: [], finished: [], forced: [], wantsTable: false };
  const outcome = await submitHeartbeat(lake.leader.node, { ...nothing, ...given }, caller);
  if (outcome.kind !== 'answered') throw new Error(JSON.stringify(outcome));
  return outcome.answer;
}
interface Round {
  readonly tableId: number;
  readonly tieringEpoch: number;
}
/** What the service is handed, as one reports on it. */
async function handed(): Promise<Round> {
  const { table } = await heartbeat({ wantsTable: true });
  if (table === undefined) throw new Error('nothing was handed out');
  return { tableId: table.tableId, tieringEpoch: table.tieringEpoch };
}
/** A lake table whose first round the service has. No other table waits then: each test ends the rounds that it began. */
async function inRound(name: string): Promise<Round> {
  const tableId = await lake.table('shop', name);
  await lake.due();
  for (;;) {
    const round = await handed();
    if (round.tableId === tableId) return round;
    await heartbeat({ finished: [round] });
  }
}
const iso = (at: number | undefined) => new Date(at ?? 0).toISOString();
const rowOf = ({ tableId }: { readonly tableId: number }) => {
  const row = lake.leader.node.state.tiering.byTable.get(String(tableId));
  if (row === undefined) throw new Error(`table ${tableId} is not tiered`);
  return row;
};

test('T1 sys.lake_tiering_status is a virtual table of the catalog, with the columns and types of the proposal', async () => {
  const round = await inRound('t1');
  const before = lake.leader.node.state.position;
  const { columns, rows } = await ask("SELECT * FROM fluss_catalog.sys.lake_tiering_status WHERE table_name = 't1'");
  expect(columns).toEqual([
    { name: 'database_name', type: 'VARCHAR' },
    { name: 'table_name', type: 'VARCHAR' },
    { name: 'status', type: 'VARCHAR' },
    { name: 'tiering_epoch', type: 'BIGINT' },
    { name: 'last_tiered_time', type: 'TIMESTAMP_LTZ(3)' },
    { name: 'last_error', type: 'VARCHAR' },
    { name: 'last_error_time', type: 'TIMESTAMP_LTZ(3)' },
  ]);
  expect(rows).toEqual([['shop', 't1', 'Tiering', 1, null, null, null]]);
  for (const name of ['lake_tiering_status', '`sys`.`lake_tiering_status`', 'fluss_catalog.sys.lake_tiering_status'])
    expect((await rowsOf(`DESCRIBE ${name}`)).map(([column, type]) => `${String(column)} ${String(type)}`)).toEqual([
      'database_name STRING',
      'table_name STRING',
      'status STRING',
      'tiering_epoch BIGINT',
      'last_tiered_time TIMESTAMP_LTZ(3)',
      'last_error STRING',
      'last_error_time TIMESTAMP_LTZ(3)',
    ]);
  expect((await rowsOf('SHOW DATABASES')).flat()).toContain('sys');
  expect((await rowsOf("SHOW TABLES IN fluss_catalog.sys LIKE 'lake%'")).map(([name]) => name)).toEqual([
    'lake_tables',
    'lake_tiering_failures',
    'lake_tiering_status',
  ]);
  // Nothing is stored for it: there is no such database among those that the log knows.
  expect(lake.leader.node.state.catalog.databases.has('sys')).toBe(false);
  expect(lake.leader.node.state.position).toBe(before);

  await heartbeat({ finished: [round] });
  const { lastTieredAt } = rowOf(round);
  expect(await statusOf('t1')).toEqual([['Scheduled', 1, iso(lastTieredAt), null, null]]);
  const elsewhere = await rowsOf(`
    SET 'sql.local-time-zone' = 'Asia/Kolkata';
    SELECT last_tiered_time FROM sys.lake_tiering_status WHERE table_name = 't1'`);
  expect(elsewhere).toEqual([[new Date((lastTieredAt ?? 0) + 19_800_000).toISOString().replace('Z', '+05:30')]]);
});

test('T2 the states are called as in Fluss, and one that failed is Pending with its error', async () => {
  const tableId = await lake.table('shop', 't2');
  const status = async () => (await statusOf('t2')).map((row) => [row[0], row[3]]);
  expect(await status()).toEqual([['Scheduled', null]]);
  await lake.due();
  expect(await status()).toEqual([['Pending', null]]);
  let round = await handed();
  while (round.tableId !== tableId) {
    await heartbeat({ finished: [round] });
    round = await handed();
  }
  expect(await status()).toEqual([['Tiering', null]]);
  await heartbeat({ failed: [{ ...round, error: 'no credentials' }] });
  expect(await status()).toEqual([['Pending', 'no credentials']]);
  const positions = await rowsOf("SELECT position FROM sys.events WHERE subjects::VARCHAR LIKE '%shop.t2%' ORDER BY position");
  const told: unknown[] = [];
  for (const [position] of positions)
    told.push(
      ...(await rowsOf(`SELECT status FROM sys.lake_tiering_status AT (VERSION => ${Number(position)}) WHERE table_name = 't2'`)).flat(),
    );
  expect(told).toEqual(['Scheduled', 'Pending', 'Tiering', 'Pending']);
  await heartbeat({ finished: [await handed()] });
});

test('T3 all tables or one, for everybody who is known, whatever they may do', async () => {
  const text = (value: string) => ({ kind: 'text', text: value }) as const;
  const guarded = await LakeCluster.start(['n1'], {
    hasQueries: true,
    staticConfigs: { 'authorizer.enabled': text('true'), 'super.users': text('User:root; User:test') },
  });
  try {
    for (const name of ['a', 'b']) await guarded.table('shop', name);
    const { history, node, rebalancing } = guarded.leader;
    const parts = {
      node,
      history,
      rebalancing,
      sealer: createSealer([{ keyId: 'k', key: Buffer.alloc(32) }], 'k'),
      now: Date.now,
      catalog: 'c',
    };
    const by = (principal: string, statement: string): Promise<ScriptAnswer> =>
      runScript(parts, { statement, principal, host: '127.0.0.1', catalog: 'c', atLeast: node.state.position });
    const all = await by('User:nobody-in-particular', 'SELECT table_name, status FROM sys.lake_tiering_status');
    expect(all.results).toMatchObject([
      {
        rows: [
          ['a', 'Scheduled'],
          ['b', 'Scheduled'],
        ],
      },
    ]);
    const one = await by('User:nobody-in-particular', "SELECT table_name FROM sys.lake_tiering_status WHERE table_name = 'b'");
    expect(one.results).toMatchObject([{ rows: [['b']] }]);
    // Past failures are history, which is not for everybody; and somebody unknown is nobody.
    expect((await by('User:nobody-in-particular', 'SELECT * FROM sys.lake_tiering_failures')).failure).toMatchObject({
      why: { kind: 'query', error: { code: 'AUTHORIZATION_DENIED' } },
    });
    expect((await by('User:ANONYMOUS', 'SELECT * FROM sys.lake_tiering_status')).failure).toMatchObject({
      why: { kind: 'rejected', reason: { code: 'AUTHORIZATION_DENIED' } },
    });
    expect(await by('User:test', 'SELECT * FROM sys.lake_tiering_failures')).not.toHaveProperty('failure');
  } finally {
    await guarded.stop();
  }
});

test('T4 any node answers, from its own tables', async () => {
  const round = await inRound('t4');
  await heartbeat({ failed: [{ ...round, error: 'seen from everywhere' }] });
  const here = await statusOf('t4');
  expect(here[0]?.[3]).toBe('seen from everywhere');
  expect(await statusOf('t4', lake.follower)).toEqual(here);
  expect(await statusOf('t4', lake.follower, { consistency: 'linearizable' })).toEqual(here);
  await heartbeat({ finished: [await handed()] });
});

test('T5 a failure without a text counts as one, and its error is NULL', async () => {
  const round = await inRound('t5');
  await heartbeat({ failed: [{ ...round, error: 'an older text' }] });
  const again = await handed();
  await heartbeat({ failed: [again] });
  expect(await statusOf('t5')).toEqual([['Pending', 3, null, null, iso(rowOf(again).errorAt)]]);
  expect(await failuresOf('t5')).toEqual([
    [2, 'REPORTED', null, 2],
    [1, 'REPORTED', 'an older text', 1],
  ]);
  await heartbeat({ finished: [await handed()] });
});

test('T6 a text that is too long is cut at 2,048 characters, none of them in halves', async () => {
  const round = await inRound('t6');
  await heartbeat({ failed: [{ ...round, error: `${'x'.repeat(2047)}😀${'y'.repeat(3000)}` }] });
  expect((await statusOf('t6'))[0]?.[3]).toBe('x'.repeat(2047));
  expect((await failuresOf('t6'))[0]?.[2]).toBe('x'.repeat(2047));
  await heartbeat({ failed: [{ ...(await handed()), error: `${'x'.repeat(2046)}😀${'y'.repeat(3000)}` }] });
  expect((await statusOf('t6'))[0]?.[3]).toBe(`${'x'.repeat(2046)}😀`);
  await heartbeat({ finished: [await handed()] });
});

test('T7 a report that an epoch refuses stores nothing', async () => {
  const round = await inRound('t7');
  const { coordinatorEpoch, failed } = await heartbeat({ failed: [{ ...round, tieringEpoch: 0, error: 'of another round' }] });
  expect(failed[0]?.refusal?.code).toBe('FENCED_TIERING_EPOCH');
  const stale = await heartbeat({ failed: [{ ...round, coordinatorEpoch: coordinatorEpoch - 1, error: 'of another leader' }] });
  expect(stale.failed[0]?.refusal?.code).toBe('FENCED_COORDINATOR_EPOCH');
  expect(await statusOf('t7')).toEqual([['Tiering', 1, null, null, null]]);
  expect(await failuresOf('t7')).toEqual([]);
  await heartbeat({ failed: [{ ...round, coordinatorEpoch, error: 'of this round' }] });
  expect(await statusOf('t7')).toEqual([['Pending', 2, null, 'of this round', iso(rowOf(round).errorAt)]]);
  await heartbeat({ failed: [{ ...round, error: 'reported once more' }] });
  expect(await failuresOf('t7')).toEqual([[1, 'REPORTED', 'of this round', 1]]);
  await heartbeat({ finished: [await handed()] });
});

test.each(['finished', 'cut short'])('T8 a round that is %s clears the error and its time', async (how) => {
  const name = how === 'finished' ? 't8' : 't8_forced';
  const round = await inRound(name);
  await heartbeat({ failed: [{ ...round, error: 'once' }] });
  const isForced = how === 'cut short';
  await heartbeat({ finished: [await handed()], forced: isForced ? [round.tableId] : [] });
  const { lastTieredAt } = rowOf(round);
  expect(await statusOf(name)).toEqual([
    isForced ? ['Pending', 3, iso(lastTieredAt), null, null] : ['Scheduled', 2, iso(lastTieredAt), null, null],
  ]);
  // What happened stays told.
  expect(await failuresOf(name)).toEqual([[1, 'REPORTED', 'once', 1]]);
  if (isForced) await heartbeat({ finished: [await handed()] });
});

test('T9 a table that is dropped takes its error along, and one of the same name has none', async () => {
  const round = await inRound('t9');
  await heartbeat({ failed: [{ ...round, error: 'of the old one' }] });
  await ask('DROP TABLE fluss_catalog.shop.t9');
  expect(await statusOf('t9')).toEqual([]);
  await lake.table('shop', 't9');
  expect(await statusOf('t9')).toEqual([['Scheduled', 0, null, null, null]]);
  await ask("ALTER TABLE fluss_catalog.shop.t9 SET ('table.datalake.enabled' = 'false')");
  expect(await statusOf('t9')).toEqual([]);
  expect(await failuresOf('t9')).toEqual([[1, 'REPORTED', 'of the old one', 1]]);
});

test('T10 the error of a healthy table is NULL', async () => {
  const round = await inRound('t10');
  await heartbeat({ finished: [round] });
  expect(await rowsOf("SELECT last_error IS NULL, last_error_time IS NULL FROM sys.lake_tiering_status WHERE table_name = 't10'")).toEqual([
    [true, true],
  ]);
  const failing = await rowsOf('SELECT table_name FROM sys.lake_tiering_status WHERE last_error IS NOT NULL');
  expect(failing.flat()).not.toContain('t10');
});

test('T11 services that know nothing of errors go on working, and so do statements that were there before', async () => {
  const round = await inRound('t11');
  const answer = await heartbeat({ tiering: [round] });
  expect(answer.tiering).toEqual([{ tableId: round.tableId }]);
  await heartbeat({ finished: [round] });
  expect((await statusOf('t11'))[0]?.slice(0, 2)).toEqual(['Scheduled', 1]);
  expect((await rowsOf('SHOW TABLES IN fluss_catalog.shop')).flat()).toContain('t11');
  expect(await rowsOf("SELECT table_name FROM sys.tables WHERE table_name = 't11'")).toEqual([['t11']]);
  const created = String((await rowsOf('SHOW CREATE TABLE fluss_catalog.shop.t11'))[0]?.[0]);
  expect(created).toContain("'table.datalake.enabled' = 'true'");
});

test('a service that is not heard of: the time-out is an error like any other', async () => {
  const round = await inRound('silent');
  // What the leader does when it has not heard of the service for so long.
  expect(await lake.leader.node.submit({ name: 'timeOutTieringRounds', rounds: [round] }, caller)).toMatchObject({ changed: true });
  const text = 'No heartbeat of tiering service s1 for 120 s: the round was given up.';
  expect(await statusOf('silent')).toEqual([['Pending', 2, null, text, iso(rowOf(round).errorAt)]]);
  expect(await failuresOf('silent')).toEqual([[1, 'TIMED_OUT', text, 1]]);
  expect(rowOf(round).failures).toBe(1);
});
