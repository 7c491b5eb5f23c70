/**
 * Goal: a node that is restarted and loses replies writes the same lawful history of servers, buckets and moves, once each.
 * Method: random commands on a node over the in-memory log, whose own duties elect leaders and take moves on beside them; then its log
 * is told to the model, and the rules are looked at after every event and every entry.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { bucketRefOf } from '../../projections/buckets.ts';
import { openRebalance } from '../../projections/rebalance.ts';
import { serverOf, serverRows } from '../../projections/servers.ts';
import { serverTagOf } from '../../projections/serverTags.ts';
import type { Command } from '../../src/deciders/commands.ts';
import { planRebalance } from '../../src/rebalance/planner.ts';
import { replay } from '../support/replay.ts';
import { disturbances, type OneNode, onOneNode } from './oneNode.ts';
import { TabletCluster } from './tabletCluster.ts';
import { Rules } from './tabletRules.ts';

interface Real {
  readonly node: OneNode;
}
const step = (name: string, commandOf: (node: OneNode) => Command | undefined): fc.AsyncCommand<object, Real> => ({
  check: () => true,
  toString: () => name,
  run: async (_, { node }) => {
    const command = commandOf(node);
    if (command !== undefined) await node.ask(command);
  },
});
const stateOf = ({ cluster }: OneNode) => cluster.node('n1').state;
const incarnationOf = (node: OneNode, serverId: number): string => serverOf(stateOf(node).servers, serverId)?.incarnation ?? 'nobody';

let starts = 0;
const registration = (serverId: number): Command => {
  starts += 1;
  const endpoint = `tablet-${serverId}:9124`;
  return { name: 'registerServer', serverId, directoryId: `directory-${serverId}`, incarnation: `start-${starts}`, endpoint };
};
const table = (replicationFactor: number, draw: number): Command => ({
  name: 'createTable',
  database: 'fluss',
  table: `t${draw}`,
  ignoreIfExists: true,
  columns: [{ name: 'id', type: 'BIGINT', isNullable: true }],
  primaryKey: [],
  partitionKeys: [],
  properties: { 'bucket.num': '4', 'table.replication.factor': `${replicationFactor}` },
  draw: { start: draw, shift: draw >> 1 },
});

const serverId = fc.nat(3);
const registers = serverId.map((id) => step(`register(${id})`, () => registration(id)));
const loses = serverId.map((id) =>
  step(`lose(${id})`, (node) => ({ name: 'loseServer', serverId: id, incarnation: incarnationOf(node, id), because: 'STOPPED' })),
);
const returns = serverId.map((id) =>
  step(`return(${id})`, (node) => ({ name: 'returnServer', serverId: id, incarnation: incarnationOf(node, id) })),
);
const stops = serverId.map((id) =>
  step(`stop(${id})`, (node) => ({ name: 'stopServer', serverId: id, incarnation: incarnationOf(node, id) })),
);
const tags = fc.tuple(serverId, fc.boolean()).map(([id, isAdded]) =>
  step(`${isAdded ? 'tag' : 'untag'}(${id})`, () => ({
    name: isAdded ? 'addServerTag' : 'removeServerTag',
    serverIds: [id],
    tag: 'PERMANENT_OFFLINE',
  })),
);
const creates = fc
  .tuple(fc.integer({ min: 1, max: 3 }), fc.nat(5))
  .map(([factor, draw]) => step(`create(${factor})`, () => table(factor, draw)));
const drops = fc
  .nat(5)
  .map((draw) => step(`drop(t${draw})`, () => ({ name: 'dropTable', database: 'fluss', table: `t${draw}`, ignoreIfNotExists: true })));
/** Every replica of what a server leads is in sync, or its own alone. */
const reports = fc.tuple(serverId, fc.nat(3)).map(([id, isAlone]) =>
  step(`report(${id})`, (node) => {
    const rows = [...stateOf(node).buckets.byKey.rows()].map(([, row]) => row).filter(({ leader }) => leader === id);
    const buckets = rows.map((row) => {
      const { bucketEpoch, leaderEpoch, replicas } = row;
      return { ...bucketRefOf(row), bucketEpoch, leaderEpoch, isr: isAlone === 0 ? [id] : [...replicas] };
    });
    return buckets.length === 0 ? undefined : { name: 'adjustIsr', serverId: id, incarnation: incarnationOf(node, id), buckets };
  }),
);
const plans = fc.nat(999).map((number) =>
  step('plan', (node) => {
    const { buckets, position, serverTags, servers } = stateOf(node);
    const known = serverRows(servers).map(({ serverId: id, status }) => {
      const tag = serverTagOf(serverTags, id)?.tag;
      return { id, isLive: status === 'LIVE', ...(tag === undefined ? {} : { tag }) };
    });
    const rows = [...buckets.byKey.rows()].map(([, row]) => ({ ...bucketRefOf(row), leader: row.leader, replicas: row.replicas }));
    const planning = planRebalance({ servers: known, buckets: rows }, ['REPLICA_DISTRIBUTION', 'LEADER_DISTRIBUTION']);
    if (planning.kind === 'failed') return undefined;
    const moves = structuredClone(planning.plan.moves) as unknown as Extract<Command, { readonly name: 'planRebalance' }>['moves'];
    const rebalanceId = `rebalance-${number}-${position}`;
    return { name: 'planRebalance', rebalanceId, goals: [], plannedAt: position, moveCount: moves.length, moves };
  }),
);
const advances = fc.constant(
  step('advance', (node) => {
    const { position, rebalance, servers } = stateOf(node);
    const applied = serverRows(servers).map((row) => ({ serverId: row.serverId, position }));
    const rebalanceId = openRebalance(rebalance)?.rebalanceId ?? 'none';
    return { name: 'advanceRebalance', rebalanceId, applied };
  }),
);
const cancels = fc.constant(step('cancel', () => ({ name: 'cancelRebalance' })));

/** Tells the model what is in the log. */
function retold(node: OneNode): TabletCluster {
  const rules = new Rules({ inAll: 8, perServer: 2 });
  const model = new TabletCluster((before, event, after) => rules.event(before, event, after));
  for (const { at, epoch, events } of node.cluster.entries()) {
    for (const { act: _, id: __, ...event } of events) {
      model.now = at;
      model.epoch = epoch;
      if (event.type === 'TableCreated') model.replicationFactors.set(event.data.tableId, event.data.replicationFactor);
      model.tell(event);
    }
    rules.everything(model);
  }
  return model;
}

test('servers, tables and moves on a node that is restarted and loses replies', async () => {
  const { params, replayPath } = replay({ numRuns: 15 });
  const seen = new Set<string>();
  const usual = [registers, reports, reports, plans, advances, advances];
  const steps = [...usual, ...usual, loses, returns, stops, tags, creates, drops, cancels, disturbances];
  await fc.assert(
    fc.asyncProperty(fc.commands(steps, { maxCommands: 80, size: 'max', ...replayPath }), (run) =>
      onOneNode(async (node) => {
        for (const id of [0, 1, 2]) await node.ask(registration(id));
        for (const draw of [1, 2]) await node.ask(table(draw + 1, draw));
        await node.ask(registration(3)); // It holds nothing yet: there is something to plan.
        await fc.asyncModelRun(() => ({ model: {}, real: { node } }), run);
        for (const { event } of retold(node).log) seen.add(event.type);
      }),
    ),
    params,
  );
  expect([...seen]).toEqual(expect.arrayContaining(['IsrChanged', 'MovesPlanned', 'MoveStarted']));
});
