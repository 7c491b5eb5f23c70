/**
 * Goal: the proposal of Fluss issue 2362, requirement by requirement (T1 to T11, fluss-semantics 6.2), as a program sees it that asks over
 * HTTP.
 * Method: services report by heartbeats over HTTP to a leader and a follower; statuses are asked of either; a clock that is set forward.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { call, type Served } from './support.ts';
import { type Json, LakeCluster } from './tieringSupport.ts';

let lake: LakeCluster;
beforeAll(async () => {
  lake = await LakeCluster.start(['n1', 'n2']);
});
afterAll(() => lake.stop());

interface Round {
  readonly tableId: unknown;
  readonly tieringEpoch: unknown;
}
async function handed(): Promise<Round> {
  const { tableId, tieringEpoch } = await lake.handed();
  return { tableId, tieringEpoch };
}
/** A lake table whose round the service has. No other table waits then: each test ends the rounds that it began. */
async function inRound(name: string): Promise<Round> {
  const tableId = await lake.table('shop', name);
  await lake.due();
  for (;;) {
    const round = await handed();
    if (round.tableId === tableId) return round;
    await lake.heartbeat({ finished: [round] });
  }
}
const failed = (round: Round, said: Json = {}) => lake.heartbeat({ failed: [{ ...round, ...said }] });
const finished = (round: Round) => lake.heartbeat({ finished: [round] });
/** What is told of a table; undefined when nothing is. */
async function statusOf(table: string, served: Served = lake.leader, more = ''): Promise<Json | undefined> {
  const { json, status, text } = await lake.statuses(`?database=shop&table=${table}${more}`, served);
  expect(status, text).toBe(200);
  return (json['tables'] as readonly Json[])[0];
}

test('T1 every column of the proposal is a field of a status, and listing stores nothing', async () => {
  const round = await inRound('t1');
  await failed(round, { error: 'no lake' });
  const { position } = lake.leader.node.state;
  expect(await statusOf('t1')).toMatchObject({
    database: 'shop',
    table: 't1',
    status: 'Pending',
    tieringEpoch: 2,
    lastError: 'no lake',
    lastErrorAt: lake.leader.node.state.at,
  });
  await lake.statuses();
  expect(lake.leader.node.state.position).toBe(position);
  await finished(await handed());
  expect(await statusOf('t1')).toMatchObject({ lastTieredAt: lake.leader.node.state.at });
});

test('T2 the states are called as in Fluss, and one that failed is Pending with its error', async () => {
  await lake.table('shop', 't2');
  expect(await statusOf('t2')).toMatchObject({ status: 'Scheduled', tieringEpoch: 0 });
  await lake.due();
  expect(await statusOf('t2')).toMatchObject({ status: 'Pending', tieringEpoch: 1 });
  await finished(await handed()); // Of t1.
  const round = await handed();
  expect(await statusOf('t2')).toMatchObject({ status: 'Tiering', service: 's1' });
  await failed(round, { error: 'no credentials' });
  expect(await statusOf('t2')).toMatchObject({ status: 'Pending', tieringEpoch: 2, lastError: 'no credentials' });
  await finished(await handed());
});

test('T3 all tables, those of a database, or one', async () => {
  const tablesOf = async (query: string) => ((await lake.statuses(query)).json['tables'] as readonly Json[]).map((row) => row['table']);
  expect(await tablesOf('')).toEqual(['t1', 't2']);
  expect(await tablesOf('?database=shop')).toEqual(['t1', 't2']);
  expect(await tablesOf('?database=shop&table=t2')).toEqual(['t2']);
});

test('T4 any node answers, from its own tables', async () => {
  const round = await inRound('t4');
  await failed(round, { error: 'seen from everywhere' });
  const here = await statusOf('t4');
  expect(here).toMatchObject({ lastError: 'seen from everywhere' });
  expect(await statusOf('t4', lake.follower, `&atLeast=${lake.leader.node.state.position}`)).toEqual(here);
  expect(await statusOf('t4', lake.follower, '&consistency=linearizable')).toEqual(here);
  await finished(await handed());
});

test('T5 a failure without a text counts as one, has a time, and no text', async () => {
  const round = await inRound('t5');
  await failed(round, { error: 'an older text' });
  await failed(await handed());
  const status = await statusOf('t5');
  expect(status).toMatchObject({ status: 'Pending', failures: 2, failuresInRow: 2, lastErrorAt: lake.leader.node.state.at });
  expect(status).not.toHaveProperty('lastError');
  await finished(await handed());
});

test('T6 a text that is too long is cut at 2,048 characters, none of them in halves', async () => {
  const round = await inRound('t6');
  await failed(round, { error: `${'x'.repeat(2047)}😀${'y'.repeat(3000)}` });
  expect((await statusOf('t6'))?.['lastError']).toBe('x'.repeat(2047));
  await failed(await handed(), { error: `${'x'.repeat(2046)}😀${'y'.repeat(3000)}` });
  expect((await statusOf('t6'))?.['lastError']).toBe(`${'x'.repeat(2046)}😀`);
  await finished(await handed());
});

test('T7 a report that an epoch refuses stores nothing', async () => {
  const round = await inRound('t7');
  const before = await statusOf('t7');
  const { epoch, position } = lake.leader.node.state;
  const codeOf = async (said: Json) => {
    const { json } = await failed(round, said);
    return ((json['failed'] as readonly Json[])[0]?.['refusal'] as Json | undefined)?.['code'];
  };
  expect(await codeOf({ tieringEpoch: 0, error: 'of another round' })).toBe('FENCED_TIERING_EPOCH');
  expect(await codeOf({ coordinatorEpoch: epoch - 1, error: 'of another leader' })).toBe('FENCED_COORDINATOR_EPOCH');
  expect(await statusOf('t7')).toEqual(before);
  expect(lake.leader.node.state.position).toBe(position);
  expect(await codeOf({ coordinatorEpoch: epoch, error: 'of this round' })).toBeUndefined();
  expect(await statusOf('t7')).toMatchObject({ lastError: 'of this round', tieringEpoch: 2 });
  await finished(await handed());
});

test.each(['finished', 'cut short'])('T8 a round that is %s clears the error and its time', async (how) => {
  const isForced = how === 'cut short';
  const name = isForced ? 't8_forced' : 't8';
  await failed(await inRound(name), { error: 'once' });
  const round = await handed();
  await lake.heartbeat({ finished: [round], forced: isForced ? [round.tableId] : [] });
  const status = await statusOf(name);
  expect(status).toMatchObject({ status: isForced ? 'Pending' : 'Scheduled', failuresInRow: 0, failures: 1 });
  for (const field of ['lastError', 'lastErrorAt']) expect(status).not.toHaveProperty(field);
  if (isForced) await finished(await handed());
});

test('T9 a table that is dropped takes its error along, and one of the same name has none', async () => {
  await failed(await inRound('t9'), { error: 'of the old one' });
  const dropped = await call(`${lake.leader.url}/v1/databases/shop/tables/t9`, { method: 'DELETE' });
  expect(dropped.status, dropped.text).toBe(200);
  expect((await lake.statuses('?database=shop&table=t9')).json['code']).toBe('UNKNOWN_TABLE');
  await lake.table('shop', 't9');
  const again = await statusOf('t9');
  expect(again).toMatchObject({ status: 'Scheduled', tieringEpoch: 0, failures: 0 });
  expect(again).not.toHaveProperty('lastError');
  const off = { set: { 'table.datalake.enabled': 'false' } };
  expect((await call(`${lake.leader.url}/v1/databases/shop/tables/t9`, { method: 'PATCH', body: off })).status).toBe(200);
  expect(await statusOf('t9')).toBeUndefined();
});

test('T10 a healthy table has no error', async () => {
  await finished(await inRound('t10'));
  const status = await statusOf('t10');
  expect(status).toMatchObject({ status: 'Scheduled' });
  for (const field of ['lastError', 'lastErrorAt']) expect(status).not.toHaveProperty(field);
  expect((await lake.statuses('?failing=true')).json).toMatchObject({ total: 0, failing: 0 });
});

test('T11 services that know nothing of errors or of the coordinator epoch go on working, through any node', async () => {
  const round = await inRound('t11');
  const renewed = await lake.heartbeat({ tiering: [round] }, lake.follower);
  expect(renewed.json).toMatchObject({ tiering: [{ tableId: round.tableId }], coordinatorEpoch: lake.leader.node.state.epoch });
  const done = await lake.heartbeat({ finished: [round] }, lake.follower);
  expect((done.json['finished'] as readonly Json[])[0]).toEqual({ tableId: round.tableId });
  expect(await statusOf('t11')).toMatchObject({ status: 'Scheduled', tieringEpoch: 1 });
});
