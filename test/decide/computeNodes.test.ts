/**
 * Goal: nodes come and go as contract section 9 says, every refusal has the contract's text, and no two nodes share an address.
 * Method: given events, when a command, then exactly these events or this refusal; on a frozen state and on a draft.
 */
import { describe, expect, test } from 'vitest';
import { clusterAdded } from '../../events/clusters.ts';
import { type ComputeNode, nodeLimits, nodeStatusChanged, nodesAdded, nodesDropped } from '../../events/computeNodes.ts';
import type { ChanceryEvent } from '../../events/index.ts';
import { nodesOf, registrationOf } from '../../projections/computeNodes.ts';
import type { GivenCluster, GivenNode } from '../../src/deciders/clusterRules.ts';
import { type Command, parseCommand } from '../../src/deciders/commands.ts';
import {
  add,
  be,
  compute,
  created,
  deleted,
  fe,
  instance,
  instanceId,
  logAfter,
  refused,
  refusedAs,
  setting,
  sql,
  when,
} from '../support/clusters.ts';
import { given, startedAt, stateAfter } from '../support/given.ts';

const two = logAfter([created], add(compute(1, be(1))), add(compute(2, be(2))));
const frontends = logAfter([created], add(sql(fe(1, 'FE_MASTER'))));
const addNodes = (cluster: GivenCluster): Command => ({ name: 'addNodes', instanceId, cluster });
const dropNodes = (cluster: GivenCluster, safeDropSeconds = -1): Command => ({ name: 'dropNodes', instanceId, cluster, safeDropSeconds });
const running = (node: ComputeNode): ComputeNode => ({ ...node, status: 'NODE_STATUS_RUNNING' });
const none = 'to_add and to_del both empty or both not empty';
const invalid = 'instance invalid, cant modify, plz check';
const ref = (node: ComputeNode) => ({
  address: `${node.host ?? node.ip}:${node.heartbeatPort ?? node.editLogPort}`,
  ...(node.cloudUniqueId === undefined ? {} : { cloudUniqueId: node.cloudUniqueId }),
});
const idsIn = (events: readonly ChanceryEvent[], clusterId: string) =>
  nodesOf(stateAfter(...events).computeNodes, instanceId, clusterId).map(({ cloudUniqueId }) => cloudUniqueId);

describe.each(['addNodes', 'dropNodes', 'setNodeStatus'] as const)('%s looks at the request first', (name) => {
  const command = (cluster: GivenCluster): Command =>
    name === 'setNodeStatus' ? { name, instanceId, cluster, to: 'NODE_STATUS_DECOMMISSIONED' } : { name, instanceId, cluster };
  test('at its type', () => refused([], command({ clusterId: 'c1', nodes: [] }), 'INVALID_CLUSTER', 'cluster must have type arg'));
  test('not at its name, unless that is switched on', () => {
    const detail = 'cluster name not regex with ^[a-zA-Z][a-zA-Z0-9_]*$, please check it';
    const odd = { ...compute(1, be(9)), clusterName: '1a' };
    refused([created, setting('check-cluster-names', 'true')], command(odd), 'INVALID_CLUSTER', detail);
    const nameless: GivenCluster = { clusterId: 'c1', type: 'COMPUTE', nodes: [be(1)] };
    expect(when(two, command(nameless)).decision).not.toMatchObject({ rejection: { detail: 'not have cluster name' } });
  });
  test('at the ports of its nodes', () => {
    const detail =
      'check cluster params failed, edit_log_port is required for frontends while heatbeat_port is required for banckends, node : ';
    refusedAs([created], command(compute(1, be(1), { ip: 'a' })), 'INVALID_CLUSTER', detail);
  });
  test('at ids that name an unknown instance', () => {
    const { decision } = when([created], command(compute(1, be(1, { cloudUniqueId: '1:i9:x' }))));
    const detail = decision.kind === 'rejected' ? decision.rejection.detail : '';
    expect(detail).toContain('cloud_unique_id use degrade format, but check instance failed');
  });
  test('a virtual cluster has no nodes', () => {
    const group: GivenCluster = { clusterId: 'v', type: 'VIRTUAL', nodes: [{ ip: 'a' }] };
    refused([created], command(group), 'INVALID_CLUSTER', 'Inconsistent virtual cluster args');
  });
});

describe('addNodes', () => {
  test('they run from now on', () => {
    when(two, addNodes(compute(1, be(3), be(4, { status: 'NODE_STATUS_SHUTDOWN' })))).gives(
      nodesAdded({ instanceId, clusterId: 'c1', type: 'COMPUTE', nodes: [running(be(3)), running(be(4))] }),
    );
  });
  test("a ctime that is given is kept, the mtime is the entry's", () => {
    const command = addNodes(compute(1, { ...be(3), ctime: 5, mtime: 6 }, be(4)));
    const [, third, fourth] = nodesOf(stateAfter(...logAfter(two, command)).computeNodes, instanceId, 'c1');
    const now = startedAt / 1000 + two.length;
    expect(third).toMatchObject({ ctime: 5, mtime: now });
    expect(fourth).toMatchObject({ ctime: now, mtime: now });
  });
  test('every cluster with the id or the name given gets them', () => {
    const both = { ...compute(1, be(3)), clusterName: 'name2' };
    const nodes = [running(be(3))];
    when(two, addNodes(both)).gives(
      nodesAdded({ instanceId, clusterId: 'c1', type: 'COMPUTE', nodes }),
      nodesAdded({ instanceId, clusterId: 'c2', type: 'COMPUTE', nodes }),
    );
    when(two, addNodes({ clusterName: 'name2', type: 'COMPUTE', nodes: [be(3)] })).gives(
      nodesAdded({ instanceId, clusterId: 'c2', type: 'COMPUTE', nodes }),
    );
  });
  test('an unknown cluster is no reason to refuse', () => when(two, addNodes(compute(9, be(9)))).gives());
  test('no nodes, before the instance is looked at', () => refused([], addNodes(compute(1)), 'INVALID_CLUSTER', none));
  test('an unknown or deleted instance', () => {
    refused(
      [],
      addNodes(compute(1, be(1, { cloudUniqueId: 'a' }))),
      'UNKNOWN_INSTANCE',
      'failed to get instance, instance_id=i1 err=KeyNotFound',
    );
    refused(deleted, addNodes(compute(1, be(1))), 'INSTANCE_DELETED', 'instance status has been set delete, plz check it');
  });

  const taken = 'compute node endpoint has been added, registered be node=10.0.0.1:9050';
  test('an address that is taken, be it in the same cluster, be it twice in one request', () => {
    refused(two, addNodes(compute(2, be(3), be(1, { cloudUniqueId: 'other' }))), 'ENDPOINT_TAKEN', taken);
    refused(two, addNodes(compute(1, be(1))), 'ENDPOINT_TAKEN', taken);
    refused(two, addNodes(compute(9, be(1))), 'ENDPOINT_TAKEN', taken);
    refused(two, addNodes(compute(1, be(3), be(3))), 'ENDPOINT_TAKEN', taken.replace('0.1', '0.3'));
    const detail = 'sql node endpoint has been added, registered fe node=10.0.1.1:9010';
    refused(frontends, addNodes(sql(fe(1, 'FE_OBSERVER'))), 'ENDPOINT_TAKEN', detail);
  });
  test('frontends and backends may share one', () => {
    const atFrontend = be(1, { ip: '10.0.1.1', heartbeatPort: 9010 });
    expect(when(logAfter(frontends, add(compute(1))), addNodes(compute(1, atFrontend))).decision).toMatchObject({ events: [{}] });
  });
  test('a node that is in the cluster by its ip is left out', () => {
    const again = be(1, { cloudUniqueId: 'other', host: 'h1' });
    when(two, addNodes(compute(1, again))).gives();
    when(two, addNodes(compute(1, again, be(3)))).gives(
      nodesAdded({ instanceId, clusterId: 'c1', type: 'COMPUTE', nodes: [running(be(3))] }),
    );
  });
  test('an address that is free again is taken by nobody', () => {
    const events = logAfter(two, dropNodes(compute(1, be(1))));
    when(events, addNodes(compute(2, be(1)))).gives(nodesAdded({ instanceId, clusterId: 'c2', type: 'COMPUTE', nodes: [running(be(1))] }));
  });
  test('a node without address', () => {
    refusedAs(
      two,
      addNodes(compute(1, { heartbeatPort: 1 })),
      'INVALID_CLUSTER',
      'add node input args node invalid, cluster={"heartbeat_port":1}',
    );
  });
  test('an id of another instance, after the addresses', () => {
    const foreign: GivenNode = be(3, { cloudUniqueId: '1:i1:be1' });
    const onI2 = (node: GivenNode): Command => ({ name: 'addNodes', instanceId: 'i2', cluster: compute(1, node) });
    const events = [...two, instance('i2')];
    const detail =
      'cloud_unique_id is already occupied by an instance, instance_id=i1 cluster_name=name1 cluster_id=c1 cloud_unique_id=1:i1:be1';
    refused(events, onI2(foreign), 'CLOUD_UNIQUE_ID_TAKEN', detail);
    const held = logAfter(events, { name: 'addCluster', instanceId: 'i2', cluster: compute(5, be(3, { cloudUniqueId: 'x' })) });
    refused(held, onI2(foreign), 'ENDPOINT_TAKEN', taken.replace('0.1', '0.3'));
  });
  test('an id that nobody has any more belongs to nobody', () => {
    const events = logAfter([...two, instance('i2')], dropNodes(compute(1, be(1))));
    const command: Command = { name: 'addCluster', instanceId: 'i2', cluster: compute(1, be(1)) };
    expect(registrationOf(stateAfter(...logAfter(events, command)).computeNodes, '1:i1:be1')).toEqual({
      instanceId: 'i2',
      clusters: [{ clusterId: 'c1', count: 1 }],
    });
  });

  test('the frontends have one master at most; a follower beside it is let through', () => {
    refused(frontends, addNodes(sql(fe(2, 'FE_MASTER'))), 'INVALID_FRONTENDS', invalid);
    expect(when(frontends, addNodes(sql(fe(2, 'FE_FOLLOWER')))).decision.kind).toBe('accepted');
    expect(when(frontends, addNodes(sql(fe(2, 'FE_OBSERVER')))).decision.kind).toBe('accepted');
  });
  test('only the first frontend cluster is looked at, whichever cluster changes', () => {
    const second = { ...sql(fe(5, 'FE_MASTER')), clusterId: 'fe2', clusterName: 'second' };
    const events = logAfter(frontends, add(second));
    expect(when(events, addNodes({ ...second, nodes: [fe(6, 'FE_MASTER')] })).decision.kind).toBe('accepted');
  });

  test('a cluster has a bound, and so has a request', () => {
    const full = Array.from({ length: nodeLimits.nodesPerCluster / nodeLimits.nodesPerEvent }, (_, page) =>
      nodesAdded({
        instanceId,
        clusterId: 'c1',
        type: 'COMPUTE',
        nodes: Array.from({ length: nodeLimits.nodesPerEvent }, (_, n) => ({ ip: `10.${page}.0.${n}`, heartbeatPort: 1 })),
      }),
    );
    const events = [created, clusterAdded({ instanceId, clusterId: 'c1', type: 'COMPUTE' }), ...full];
    refused(events, addNodes(compute(1, be(1))), 'TOO_LARGE', 'cluster c1 would have 10001 nodes; it has at most 10000');
    const many = parseCommand(addNodes(compute(1, ...Array.from({ length: nodeLimits.nodesPerEvent + 1 }, (_, n) => be(n)))));
    expect('error' in many ? String(many.error) : '').toContain('at most 1000 nodes in one request');
  });
});

describe('dropNodes', () => {
  const fourth = logAfter(two, addNodes(compute(1, be(3), be(4))));
  const who = 'instance_id=i1 cluster_name=name1 cluster_id=c1';
  test('the others stay in their order', () => {
    const command = dropNodes(compute(1, be(3)));
    when(fourth, command).gives(nodesDropped({ instanceId, clusterId: 'c1', nodes: [ref(be(3))] }));
    expect(idsIn(logAfter(fourth, command), 'c1')).toEqual(['1:i1:be1', '1:i1:be4']);
  });
  test('all of them may go, and with the last one what was known of them', () => {
    const state = stateAfter(...logAfter(fourth, dropNodes(compute(1, be(4), be(1), be(3))), dropNodes(compute(2, be(2)))));
    expect([state.computeNodes.byCluster.size, state.computeNodes.byCloudUniqueId.size, state.computeNodes.byAddress.size]).toEqual([
      0, 0, 0,
    ]);
  });
  test('ip is compared with ip and host with host', () => {
    const named = be(5, { host: 'h5' });
    const events = logAfter(two, addNodes(compute(1, named)));
    const dropped = nodesDropped({ instanceId, clusterId: 'c1', nodes: [ref(named)] });
    when(events, dropNodes(compute(1, be(5)))).gives(dropped);
    when(events, dropNodes(compute(1, { cloudUniqueId: '1:i1:be5', host: 'h5', heartbeatPort: 9050 }))).gives(dropped);
    const swapped = { cloudUniqueId: '1:i1:be5', host: '10.0.0.5', heartbeatPort: 9050 };
    refusedAs(events, dropNodes(compute(1, swapped)), 'UNKNOWN_NODE', `not found ,cloud_unique_id can not find to drop node, ${who}`);
  });
  test('a node without an id is found by its address alone', () => {
    const nameless = { ip: 'a', heartbeatPort: 1 };
    const absent = 'not found ,can not find to drop nodes by cloud_unique_id= ';
    refused(two, dropNodes(compute(1, nameless)), 'UNKNOWN_NODE', `${absent}${who}`);
    const events = logAfter(two, addNodes(compute(1, nameless)));
    when(events, dropNodes(compute(1, { ...nameless, cloudUniqueId: '' }))).gives(
      nodesDropped({ instanceId, clusterId: 'c1', nodes: [{ address: 'a:1' }] }),
    );
    const other: Command = { name: 'dropNodes', instanceId: 'i2', cluster: compute(1, nameless) };
    refused([...events, instance('i2')], other, 'UNKNOWN_NODE', `${absent}${who.replace('i1', 'i2')}`);
  });
  test('what is not there', () => {
    const unknown = 'not found ,can not find to drop nodes by cloud_unique_id=1:i1:be9';
    refused(two, dropNodes(compute(1, be(9))), 'UNKNOWN_NODE', `${unknown} ${who}`);
    const elsewhere = 'not found ,cloud_unique_id can not find to drop node, ';
    refusedAs(two, dropNodes(compute(1, be(1, { ip: 'x' }))), 'UNKNOWN_NODE', `${elsewhere}${who}`);
    refusedAs(two, dropNodes(compute(1, be(1, { heartbeatPort: 1 }))), 'UNKNOWN_NODE', `${elsewhere}${who}`);
    const other = 'not found ,failed to find node to drop, instance_id=i1 cluster_id=c1 cluster_name=name1';
    refused(two, dropNodes(compute(1, be(2))), 'UNKNOWN_NODE', other);
    refused(two, dropNodes(compute(9, be(2))), 'UNKNOWN_NODE', other.replace('c1', 'c9').replace('name1', 'name9'));
    refused(two, dropNodes(compute(1, be(1), be(1))), 'UNKNOWN_NODE', other);
    refused(fourth, dropNodes(compute(1, be(1), be(3), be(9))), 'UNKNOWN_NODE', `${unknown} ${who}`);
  });
  test('a node of another instance', () => {
    const other: Command = { name: 'dropNodes', instanceId: 'i2', cluster: compute(1, be(1)) };
    const detail = 'not found ,failed to find node to drop, instance_id=i2 cluster_id=c1 cluster_name=name1';
    refused([...two, instance('i2')], other, 'UNKNOWN_NODE', detail);
  });
  test('no nodes, and no instance', () => {
    refused([], dropNodes(compute(1)), 'INVALID_CLUSTER', none);
    refused(
      [],
      dropNodes(compute(1, be(1, { cloudUniqueId: 'a' }))),
      'UNKNOWN_INSTANCE',
      'failed to get instance, instance_id=i1 err=KeyNotFound',
    );
    refused(deleted, dropNodes(compute(1, be(1))), 'INSTANCE_DELETED', 'instance status has been set delete, plz check it');
  });

  test('the last frontend that can lead stays', () => {
    const events = logAfter(frontends, addNodes(sql(fe(2, 'FE_OBSERVER'), fe(3, 'FE_FOLLOWER'))));
    expect(when(events, dropNodes(sql(fe(1, 'FE_MASTER')))).decision.kind).toBe('accepted');
    refused(events, dropNodes(sql(fe(1, 'FE_MASTER'), fe(3, 'FE_FOLLOWER'))), 'INVALID_FRONTENDS', invalid);
    refused(frontends, dropNodes(sql(fe(1, 'FE_MASTER'))), 'INVALID_FRONTENDS', invalid);
  });
  test.each<readonly [what: string, seconds: number, given: number | undefined, isYoung: boolean]>([
    ['300 seconds old', 300, undefined, true],
    ['301 seconds old', 301, undefined, false],
    ['of any age, when that is switched off', 0, -1, false],
  ])('a frontend %s', (_, seconds, safeDropSeconds, isYoung) => {
    const events = logAfter(frontends, addNodes(sql(fe(2, 'FE_OBSERVER'))));
    const now = startedAt + (events.length - 1 + seconds) * 1000;
    const command: Command = { name: 'dropNodes', instanceId, cluster: sql(fe(2, 'FE_OBSERVER')) };
    const { decision } = given(...events).when(safeDropSeconds === undefined ? command : { ...command, safeDropSeconds }, { now });
    const young = 'drop fe node not in safe time, try later, node={"cloud_unique_id":"1:i1:fe2"';
    expect(decision.kind === 'rejected' ? decision.rejection.detail.slice(0, young.length) : '').toBe(isYoung ? young : '');
  });
});

describe('setNodeStatus', () => {
  const set = (...nodes: readonly GivenNode[]): Command => ({
    name: 'setNodeStatus',
    instanceId,
    cluster: compute(1, ...nodes),
    to: 'NODE_STATUS_DECOMMISSIONING',
  });
  const shared = logAfter([created], add(compute(1, be(1), be(2, { cloudUniqueId: '1:i1:be1' }), be(3))));
  test('the nodes move to the end and keep their ctime', () => {
    const command = set(be(1));
    when(shared, command).gives(nodeStatusChanged({ instanceId, clusterId: 'c1', nodes: [ref(be(1))], to: 'NODE_STATUS_DECOMMISSIONING' }));
    const events = logAfter(shared, command);
    const nodes = nodesOf(stateAfter(...events).computeNodes, instanceId, 'c1');
    expect(nodes.map(({ ip }) => ip)).toEqual(['10.0.0.2', '10.0.0.3', '10.0.0.1']);
    const at = startedAt / 1000;
    expect(nodes[2]).toMatchObject({ status: 'NODE_STATUS_DECOMMISSIONING', ctime: at + shared.length - 1, mtime: at + shared.length });
  });
  test('only those with the first id count, in whatever cluster they are', () => {
    const events = logAfter(shared, add(compute(2, be(4, { cloudUniqueId: '1:i1:be1' }))));
    const to = 'NODE_STATUS_DECOMMISSIONING';
    when(events, set(be(1), be(2), be(3), be(4))).gives(
      nodeStatusChanged({ instanceId, clusterId: 'c1', nodes: [ref(be(1)), { ...ref(be(2)), cloudUniqueId: '1:i1:be1' }], to }),
      nodeStatusChanged({ instanceId, clusterId: 'c2', nodes: [{ ...ref(be(4)), cloudUniqueId: '1:i1:be1' }], to }),
    );
  });
  test('what is refused', () => {
    refused(shared, set(), 'UNKNOWN_NODE', 'cloud_unique_id not found');
    refused(shared, set(be(9)), 'UNKNOWN_NODE', 'cloud_unique_id not found');
    refused(shared, set(be(1, { ip: 'x' })), 'INVALID_CLUSTER', none);
    refused(shared, set(be(1, { heartbeatPort: 1 })), 'INVALID_CLUSTER', none);
    refused(shared, set(be(1, { cloudUniqueId: '1:i1:be3' })), 'INVALID_CLUSTER', none);
  });
  test('one node may mean more than an event can name: all frontends at its ip have no heartbeat port', () => {
    const at = (port: number): GivenNode => ({ ...fe(1, port === 1 ? 'FE_MASTER' : 'FE_OBSERVER'), editLogPort: port });
    const ports = (from: number) => Array.from({ length: 600 }, (_, i) => at(from + i));
    const named = add(sql(...ports(1)));
    const events = logAfter([created], named, addNodes(sql(...ports(601), { ...at(9000), heartbeatPort: 0 })));
    const { decision } = when(events, { name: 'setNodeStatus', instanceId, cluster: sql(at(1)), to: 'NODE_STATUS_DECOMMISSIONED' });
    const changes = decision.kind === 'accepted' ? decision.events : [];
    expect(changes.map(({ data }) => ('nodes' in data ? data.nodes.length : 0))).toEqual([nodeLimits.nodesPerEvent, 201]);
    const nodes = nodesOf(stateAfter(...events, ...changes).computeNodes, instanceId, 'fe');
    expect(new Set(nodes.map(({ status }) => status))).toEqual(new Set(['NODE_STATUS_DECOMMISSIONED']));
    expect(nodes.map(({ editLogPort }) => editLogPort)).toEqual(
      [...ports(1), ...ports(601), at(9000)].map(({ editLogPort }) => editLogPort),
    );
  });
  test('a node is still found, dropped and counted afterwards', () => {
    const events = logAfter(shared, set(be(1)), dropNodes(compute(1, be(1))));
    expect(registrationOf(stateAfter(...events).computeNodes, '1:i1:be1')?.clusters).toEqual([{ clusterId: 'c1', count: 1 }]);
  });
});
