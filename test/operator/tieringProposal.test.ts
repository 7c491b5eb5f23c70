/**
 * Goal: the proposal of Fluss issue 2362, requirement by requirement (T1 to T11, fluss-semantics 6.2), as a program sees it over HTTP.
 * Method: real requests to two nodes, most of them to the follower; a clock that is set forward makes tables due.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Authenticator } from '../../src/authentication/authenticator.ts';
import { hashPassword } from '../../src/authentication/passwords.ts';
import type { Command } from '../../src/deciders/commands.ts';
import { createSealer } from '../../src/secrets/aes.ts';
import { alterTable } from '../model/tieringSamples.ts';
import { caller } from '../support/nodes.ts';
import { call, type Served } from './support.ts';
import { faultOf, type Json, LakeCluster } from './tieringSupport.ts';

let lake: LakeCluster;
beforeAll(async () => {
  lake = await LakeCluster.start(['n1', 'n2']);
});
afterAll(() => lake.stop());

interface Round {
  readonly tableId: number;
  readonly tieringEpoch: number;
}
const submitted = async (command: Command): Promise<void> =>
  expect(await lake.leader.node.submit(command, caller)).toMatchObject({ kind: 'done', changed: true });
/** What a node shows of one table that this node has heard everything of. */
async function statusOf(table: string, served: Served = lake.follower): Promise<Json | undefined> {
  const { json, status, text } = await lake.statuses(`?database=shop&table=${table}&atLeast=${lake.leader.node.state.position}`, served);
  expect(status, text).toBe(200);
  const rows = json['tables'] as readonly Json[];
  expect(rows.length).toBeLessThanOrEqual(1);
  return rows[0];
}
/** The proposal's columns of it. */
async function proposed(table: string, served?: Served): Promise<readonly unknown[]> {
  const row = await statusOf(table, served);
  return [row?.['status'], row?.['tieringEpoch'], row?.['lastTieredAt'], row?.['lastError'], row?.['lastErrorAt']];
}
async function failuresOf(table: string): Promise<readonly unknown[]> {
  const query = `?database=shop&table=${table}&atLeast=${lake.leader.node.state.position}`;
  const { json, status, text } = await call(`${lake.follower.url}/v1/tiering/failures${query}`);
  expect(status, text).toBe(200);
  return (json['failures'] as readonly Json[]).map((row) => [row['tieringEpoch'], row['because'], row['error'], row['failuresInRow']]);
}
/** A heartbeat to the follower, and the codes of what it refuses. */
async function said(body: object): Promise<{ readonly refused: readonly unknown[]; readonly json: Json }> {
  const { json, status, text } = await lake.heartbeat(body, lake.follower);
  expect(status, text).toBe(200);
  const reports = ['failed', 'tiering', 'finished'].flatMap((list) => json[list] as readonly Json[]);
  return { json, refused: reports.map(({ refusal }) => (refusal as Json | undefined)?.['code']) };
}
async function handed(): Promise<Round> {
  const { tableId, tieringEpoch } = await lake.handed();
  return { tableId, tieringEpoch } as unknown as Round;
}
/** A lake table whose first round the service has. No other table waits then: each test ends the rounds that it began. */
async function inRound(name: string): Promise<Round> {
  const tableId = await lake.table('shop', name);
  await lake.due();
  for (;;) {
    const round = await handed();
    if (round.tableId === tableId) return round;
    await said({ finished: [round] });
  }
}
const now = () => lake.leader.node.state.at;

test('T1 a status has all that the proposal names, and nothing is stored for the asking', async () => {
  const round = await inRound('t1');
  const { position } = lake.leader.node.state;
  expect(await statusOf('t1')).toMatchObject({ database: 'shop', table: 't1', status: 'Tiering', tieringEpoch: 1 });
  expect(await proposed('t1')).toEqual(['Tiering', 1, undefined, undefined, undefined]);
  expect(lake.leader.node.state.position).toBe(position);
  expect(lake.leader.node.state.catalog.databases.has('sys')).toBe(false);
  await said({ finished: [round] });
  expect(await proposed('t1')).toEqual(['Scheduled', 1, now(), undefined, undefined]);
});

test('T2 the states are called as in Fluss, and one that failed is Pending with its error', async () => {
  const tableId = await lake.table('shop', 't2');
  expect((await proposed('t2'))[0]).toBe('Scheduled');
  await lake.due();
  expect((await proposed('t2'))[0]).toBe('Pending');
  let round = await handed();
  for (; round.tableId !== tableId; round = await handed()) await said({ finished: [round] });
  expect((await proposed('t2'))[0]).toBe('Tiering');
  await said({ failed: [{ ...round, error: 'no credentials' }] });
  expect(await proposed('t2')).toEqual(['Pending', 2, undefined, 'no credentials', now()]);
  await said({ finished: [await handed()] });
});

test('T3 all tables or one, for everybody who is known, whatever they may do', async () => {
  const hash = await hashPassword('right', { memoryKiB: 8, passes: 1, lanes: 1 });
  const sealer = createSealer([{ keyId: 'k1', key: Buffer.alloc(32) }], 'k1');
  const guarded = new LakeCluster();
  const text = (value: string) => ({ kind: 'text', text: value }) as const;
  const staticConfigs = { 'authorizer.enabled': text('true'), 'super.users': text('User:root;User:test') };
  const state = () => guarded.leader.node.state;
  const authenticator = new Authenticator({ mode: 'required', users: new Map([['eve', hash]]), state, sealer, clock: guarded.clock });
  try {
    await guarded.join(['n1'], { authenticator, sealer, staticConfigs });
    for (const name of ['a', 'b']) await guarded.table('shop', name);
    const ask = (query: string, headers = {}) => call(`${guarded.leader.url}/v1/tiering/statuses${query}`, { headers });
    const eve = { authorization: `Basic ${Buffer.from('eve:right').toString('base64')}` };
    const names = async (query: string) => ((await ask(query, eve)).json['tables'] as readonly Json[]).map((row) => row['table']);
    expect(await names('')).toEqual(['a', 'b']);
    expect(await names('?database=shop&table=b')).toEqual(['b']);
    expect((await ask('')).status).toBe(401);
    expect(await names('?database=shop&table=c'), 'nor whether there is one').toEqual([]);
    expect((await call(`${guarded.leader.url}/v1/tables/shop.a`, { headers: eve })).status, 'she may not see the table itself').not.toBe(
      200,
    );
  } finally {
    await guarded.stop();
  }
});

test('T4 every node answers, from its own tables, or with all that was acknowledged', async () => {
  const round = await inRound('t4');
  await said({ failed: [{ ...round, error: 'seen from everywhere' }] });
  const here = await proposed('t4', lake.leader);
  expect(here).toEqual(['Pending', 2, undefined, 'seen from everywhere', now()]);
  expect(await proposed('t4', lake.follower)).toEqual(here);
  const { json } = await lake.statuses('?database=shop&table=t4&consistency=linearizable', lake.follower);
  expect(json['tables']).toEqual([await statusOf('t4', lake.leader)]);
  expect(json['provenance']).toMatchObject({ nodeId: lake.follower.node.status().nodeId });
  await said({ finished: [await handed()] });
});

test('T5 a failure without a text counts as one, and takes an older text away', async () => {
  const round = await inRound('t5');
  await said({ failed: [{ ...round, error: 'an older text' }] });
  await said({ failed: [await handed()] });
  expect(await proposed('t5')).toEqual(['Pending', 3, undefined, undefined, now()]);
  expect(await failuresOf('t5')).toEqual([
    [2, 'REPORTED', undefined, 2],
    [1, 'REPORTED', 'an older text', 1],
  ]);
  await said({ finished: [await handed()] });
});

test('T6 a text that is too long is cut at 2,048 characters, none of them in halves', async () => {
  let round = await inRound('t6');
  for (const [given, kept] of [
    [`${'x'.repeat(2047)}😀${'y'.repeat(3000)}`, 'x'.repeat(2047)],
    [`${'x'.repeat(2046)}😀${'y'.repeat(3000)}`, `${'x'.repeat(2046)}😀`],
    ['x'.repeat(2048), 'x'.repeat(2048)],
  ] as const) {
    await said({ failed: [{ ...round, error: given }] });
    expect((await proposed('t6'))[3]).toBe(kept);
    expect((await failuresOf('t6'))[0]).toEqual([round.tieringEpoch, 'REPORTED', kept, round.tieringEpoch]);
    round = await handed();
  }
  await said({ finished: [round] });
});

test('T7 a report that an epoch refuses stores nothing', async () => {
  const round = await inRound('t7');
  const { epoch, position } = lake.leader.node.state;
  const refused = ['FENCED_TIERING_EPOCH', 'FENCED_COORDINATOR_EPOCH', 'UNKNOWN_TABLE'];
  const wrong = [
    { ...round, tieringEpoch: 0, error: 'of another round' },
    { ...round, coordinatorEpoch: epoch - 1, error: 'of another leader' },
    { ...round, tableId: 4711, error: 'of another table' },
  ];
  expect((await said({ failed: wrong })).refused).toEqual(refused);
  for (const [i, body] of wrong.entries()) {
    const headers = { 'idempotency-key': `t7-${i}` };
    expect((await call(`${lake.follower.url}/v1/acts/reportTieringFail`, { body, headers })).json['code']).toBe(refused[i]);
  }
  expect(lake.leader.node.state.position).toBe(position);
  expect(await proposed('t7')).toEqual(['Tiering', 1, undefined, undefined, undefined]);
  await said({ failed: [{ ...round, coordinatorEpoch: epoch, error: 'of this round' }] });
  expect((await said({ failed: [{ ...round, error: 'reported once more' }] })).refused).toEqual(['FENCED_TIERING_EPOCH']);
  expect(await failuresOf('t7')).toEqual([[1, 'REPORTED', 'of this round', 1]]);
  await said({ finished: [await handed()] });
});

test.each([
  ['finished', 't8', false],
  ['cut short', 't8_forced', true],
])('T8 a round that is %s clears the error and its time', async (_, name, isForced) => {
  const round = await inRound(name);
  await said({ failed: [{ ...round, error: 'once' }] });
  expect((await proposed(name))[3]).toBe('once');
  await said({ finished: [await handed()], forced: isForced ? [round.tableId] : [] });
  expect(await proposed(name)).toEqual([isForced ? 'Pending' : 'Scheduled', isForced ? 3 : 2, now(), undefined, undefined]);
  // What happened stays told.
  expect(await failuresOf(name)).toEqual([[1, 'REPORTED', 'once', 1]]);
  if (isForced) await said({ finished: [await handed()] });
});

test('T9 a table that goes takes its error along, and one of the same name, or the same table again, has none', async () => {
  const round = await inRound('t9');
  await said({ failed: [{ ...round, error: 'of the old one' }] });
  await submitted({ name: 'dropTable', database: 'shop', table: 't9', ignoreIfNotExists: false });
  const gone = await lake.statuses(`?database=shop&table=t9&atLeast=${lake.leader.node.state.position}`, lake.follower);
  expect(faultOf(gone).slice(0, 2)).toEqual([404, 'UNKNOWN_TABLE']);
  expect((await said({ finished: [{ ...round, tieringEpoch: 2 }] })).refused).toEqual(['UNKNOWN_TABLE']);
  const again = await inRound('t9');
  expect(again.tableId).not.toBe(round.tableId);
  expect(await proposed('t9')).toEqual(['Tiering', 1, undefined, undefined, undefined]);
  await said({ failed: [{ ...again, error: 'of the new one' }] });
  await submitted(alterTable('shop', 't9', { 'table.datalake.enabled': 'false' }));
  expect(await statusOf('t9'), 'it is not tiered').toBeUndefined();
  await submitted(alterTable('shop', 't9', { 'table.datalake.enabled': 'true' }));
  expect(await proposed('t9')).toEqual(['Scheduled', 3, undefined, undefined, undefined]);
  // A report on the round before cannot hit the next one.
  await lake.due();
  expect((await said({ failed: [{ ...again, tieringEpoch: 2, error: 'late' }] })).refused).toEqual(['FENCED_TIERING_EPOCH']);
  expect((await proposed('t9'))[3]).toBeUndefined();
  for (
    let { json } = await lake.heartbeat({ wantsTable: true });
    json['table'] !== undefined;
    { json } = await lake.heartbeat({ wantsTable: true })
  ) {
    const { tableId, tieringEpoch } = json['table'] as Json;
    await said({ finished: [{ tableId, tieringEpoch }] });
  }
});

test('T10 a healthy table has no error, and is not among those that fail', async () => {
  await said({ finished: [await inRound('t10')] });
  const row = await statusOf('t10');
  expect([Object.hasOwn(row ?? {}, 'lastError'), Object.hasOwn(row ?? {}, 'lastErrorAt')]).toEqual([false, false]);
  const { json } = await lake.statuses(`?failing=true&atLeast=${lake.leader.node.state.position}`, lake.follower);
  expect([json['tables'], json['failing'], json['total']]).toEqual([[], 0, 0]);
});

test('T11 services that know nothing of errors go on working, and so do those that send no heartbeats', async () => {
  const round = await inRound('t11');
  // As an older service says it: an epoch and no text, and only the lists that it has something for.
  const { json, refused } = await said({ failed: [{ ...round, coordinatorEpoch: lake.leader.node.state.epoch }], wantsTable: true });
  expect([refused, json['table']]).toMatchObject([[undefined], { tableId: round.tableId, tieringEpoch: 2 }]);
  expect((await said({ tiering: [{ ...round, tieringEpoch: 2 }] })).refused).toEqual([undefined]);
  const act = async (name: string, body: object) =>
    (await call(`${lake.follower.url}/v1/acts/${name}`, { body, headers: { 'idempotency-key': `t11-${name}` } })).json;
  expect(await act('reportTieringFail', { ...round, tieringEpoch: 2, error: 'by hand' })).toMatchObject({
    changed: true,
    duplicate: false,
  });
  expect(await act('reportTieringFail', { ...round, tieringEpoch: 2, error: 'by hand' })).toMatchObject({ duplicate: true });
  const last = await handed();
  expect(await act('finishTableTiering', { ...last, isForced: false })).toMatchObject({ changed: true });
  expect(await proposed('t11')).toEqual(['Scheduled', 3, now(), undefined, undefined]);
  expect(await failuresOf('t11')).toEqual([
    [2, 'REPORTED', 'by hand', 2],
    [1, 'REPORTED', undefined, 1],
  ]);
});
