/**
 * Goal: a heartbeat that says much is carried out whole, in Fluss's order, in commands that each fit into an entry; its answer reads as if
 * it had been one; one that was carried out in part may be sent again as it is.
 * Method: a node over the in-memory log, tables with the longest names, texts and reasons; the commands are watched on their way to it.
 */
import { afterEach, expect, test, vi } from 'vitest';
import { tieringLimits } from '../../events/tiering.ts';
import { tieringOf } from '../../projections/tiering.ts';
import type { Command } from '../../src/deciders/commands.ts';
import type { TieringAnswer } from '../../src/deciders/tiering.ts';
import type { Node } from '../../src/engine/node.ts';
import type { Caller, Outcome } from '../../src/engine/submission.ts';
import { type GivenHeartbeat, type HeartbeatOutcome, submitHeartbeat } from '../../src/engine/tieringHeartbeats.ts';
import { create } from '../support/catalogSamples.ts';
import { TestCluster } from '../support/nodes.ts';

const clusters: TestCluster[] = [];
afterEach(async () => {
  for (const cluster of clusters.splice(0)) await cluster.stop();
});

const database = 'd'.repeat(200);
const tableOf = (tableId: number): string => String(tableId).padStart(200, 't');
const service = 's'.repeat(64);
const caller: Caller = {
  principal: `User:${'東'.repeat(251)}`,
  interface: 'operator',
  host: 'ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255',
  // Six bytes for each of these.
  reason: '\u0001'.repeat(1000),
};
const saying = (more: Partial<GivenHeartbeat>): GivenHeartbeat => ({
  service,
  failed: [],
  tiering: [],
  finished: [],
  forced: [],
  wantsTable: false,
  ...more,
});
const round = (tableId: number, tieringEpoch = 1) => ({ tableId, tieringEpoch });
const roundsOf = (tableIds: readonly number[]) => tableIds.map((id) => round(id));
const range = (from: number, to: number): readonly number[] => Array.from({ length: to - from }, (_, i) => from + i);

async function done(node: Node, command: Command): Promise<void> {
  expect(await node.submit(command, caller)).toMatchObject({ kind: 'done' });
}
function answerOf(outcome: HeartbeatOutcome): TieringAnswer {
  if (outcome.kind !== 'answered') throw new Error(JSON.stringify(outcome));
  return outcome.answer;
}
/** A node that keeps in mind what it was asked, and may be told what to answer in its place. */
function watched(node: Node, answers: Readonly<Record<number, Outcome>> = {}) {
  const commands: Extract<Command, { readonly name: 'tieringHeartbeat' }>[] = [];
  const counted: boolean[] = [];
  const submit = async (command: Command, by: Caller): Promise<Outcome> => {
    if (command.name === 'tieringHeartbeat') commands.push(command);
    counted.push(by.isLetIn !== true);
    return answers[commands.length - 1] ?? node.submit(command, by);
  };
  return { commands, counted, submit };
}

/** A node with so many lake tables, all of which the service has. */
async function tieringAll(count: number): Promise<Node> {
  const cluster = new TestCluster();
  clusters.push(cluster);
  const node = await cluster.start('n1');
  await done(node, { name: 'createDatabase', database, ignoreIfExists: false, properties: {} });
  for (const id of range(0, count)) {
    const properties = { 'table.datalake.enabled': 'true', 'table.datalake.freshness': '1 min' };
    const parts = { primaryKey: ['id', 'day'], partitionKeys: ['day'] };
    await done(node, { ...create, ...parts, database, table: tableOf(id), properties });
  }
  cluster.aheadMs.set('n1', 60_000); // All are due now; one whose round is over stays where that leaves it.
  const briefly: Caller = { principal: 'User:test', interface: 'operator' };
  expect(await node.submit({ name: 'queueDueTables', atMost: count }, briefly)).toMatchObject({ kind: 'done' });
  await vi.waitFor(() => expect(node.state.tiering.counts.Pending).toBe(count), 10_000);
  for (const held of range(0, count)) {
    const { table } = answerOf(await submitHeartbeat(node, saying({ tiering: roundsOf(range(0, held)), wantsTable: true }), caller));
    expect(table).toEqual({ tableId: held, database, table: tableOf(held), tieringEpoch: 1, timeoutMs: 120_000 });
  }
  return node;
}

test('a heartbeat that says little is one command', async () => {
  const node = await tieringAll(1);
  const { commands, submit } = watched(node);
  const given = saying({ failed: [{ ...round(0), error: 'no space' }], wantsTable: true });
  const outcome = await submitHeartbeat({ submit }, given, caller);
  expect(commands).toEqual([{ name: 'tieringHeartbeat', ...given, alsoHas: [] }]);
  expect(outcome).toEqual({
    kind: 'answered',
    position: node.state.position,
    answer: {
      coordinatorEpoch: node.state.epoch,
      failed: [{ tableId: 0 }],
      tiering: [],
      finished: [],
      table: { tableId: 0, database, table: tableOf(0), tieringEpoch: 2, timeoutMs: 120_000 },
    },
  });
});

test('one that says much is several, each of which fits; the answer is that of one', async () => {
  const node = await tieringAll(62);
  const { commands, counted, submit } = watched(node);
  // The longest text in bytes, and far longer than what is kept.
  const failed = roundsOf(range(0, 30)).map((each) => ({ ...each, error: '東'.repeat(65_536) }));
  const tiering = roundsOf([...range(30, 40), 99]);
  const finished = roundsOf([98, ...range(40, 62)]).map((each) => ({ ...each, fileBytes: 2 ** 53 - 1, records: 2 ** 53 - 1 }));
  const given = saying({ failed, tiering, finished, forced: [41, 61, 3], wantsTable: true });
  const outcome = await submitHeartbeat({ submit }, given, caller);
  const answer = answerOf(outcome);

  expect(commands.map((each) => [each.failed.length, each.tiering.length, each.finished.length])).toEqual([
    [10, 0, 0],
    [10, 0, 0],
    [10, 11, 0],
    [0, 0, 20],
    [0, 0, 3],
  ]);
  expect(counted, 'the rate limit counts it once').toEqual([true, false, false, false, false]);
  expect(commands.map(({ wantsTable }) => wantsTable)).toEqual([false, false, false, false, true]);
  expect(commands.map(({ forced }) => forced)).toEqual([[], [], [], [41], [61]]);
  for (const { error } of commands[0]?.failed ?? []) expect(error).toHaveLength(tieringLimits.errorLength);

  const unknown = (tableId: number) => ({ tableId, refusal: { code: 'UNKNOWN_TABLE', detail: `The table ${tableId} doesn't exist.` } });
  const yes = (tableIds: readonly number[]) => tableIds.map((tableId) => ({ tableId }));
  expect(answer).toMatchObject({
    coordinatorEpoch: node.state.epoch,
    failed: yes(range(0, 30)),
    tiering: [...yes(range(30, 40)), unknown(99)],
    finished: [unknown(98), ...yes(range(40, 62))],
  });
  expect(answer.failed.filter(({ refusal }) => refusal !== undefined)).toEqual([]);
  // What failed first was queued first. What goes on was named in another command, and is not taken for lost.
  expect(answer.table).toEqual({ tableId: 0, database, table: tableOf(0), tieringEpoch: 2, timeoutMs: 120_000 });
  const { tiering: state } = node.state;
  expect(state.counts).toEqual({ Scheduled: 20, Pending: 31, Tiering: 11 });
  expect([tieringOf(state, 5)?.errorText, tieringOf(state, 41)?.state, tieringOf(state, 42)?.records]).toEqual([
    '東'.repeat(tieringLimits.errorLength),
    'Pending',
    2 ** 53 - 1,
  ]);

  // Sent again as it is: nothing happens twice. Its first table is among those it names, so it is handed another one.
  const { position } = node.state;
  const again = answerOf(await submitHeartbeat({ submit }, given, caller));
  expect(node.state.position).toBe(position + 1);
  expect(again.failed.map(({ refusal }) => refusal?.code)).toEqual(range(0, 30).map(() => 'FENCED_TIERING_EPOCH'));
  expect([again.tiering, again.table?.tableId]).toEqual([answer.tiering, 1]);
});

test('what is not decided ends it; what was decided before stays, and is not asked again', async () => {
  const node = await tieringAll(12);
  const failed = roundsOf(range(0, 12)).map((each) => ({ ...each, error: 'no space' }));
  const unknown: Outcome = { kind: 'unknown', commandId: 'c', detail: 'no answer' };
  const cut = watched(node, { 1: unknown });
  expect(await submitHeartbeat(cut, saying({ failed, wantsTable: true }), caller)).toEqual(unknown);
  expect(cut.commands).toHaveLength(2);
  expect(node.state.tiering.counts).toMatchObject({ Pending: 10, Tiering: 2 });
  const answer = answerOf(await submitHeartbeat(node, saying({ failed, wantsTable: true }), caller));
  expect(answer.failed.map(({ refusal }) => refusal?.code)).toEqual([
    ...range(0, 10).map(() => 'FENCED_TIERING_EPOCH'),
    undefined,
    undefined,
  ]);
  expect(answer.table).toMatchObject({ tableId: 0, tieringEpoch: 2 });
});

test('a leader of an older release does not answer services', async () => {
  const node = await tieringAll(1);
  const old: Outcome = { kind: 'done', position: 5, changed: false, duplicate: false };
  expect(await submitHeartbeat(watched(node, { 0: old }), saying({}), caller)).toMatchObject({
    kind: 'rejected',
    rejection: { code: 'NO_LEADER', detail: 'the node that leads does not answer tiering services yet' },
  });
});
