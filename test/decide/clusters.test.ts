/**
 * Goal: clusters change as contract sections 8, 10 and 11 say, and every refusal has the contract's text, in the contract's order.
 * Method: given events, when a command, then exactly these events or this refusal; on a frozen state and on a draft.
 */
import { describe, expect, test } from 'vitest';
import {
  type ClusterStatus,
  clusterAdded,
  clusterDropped,
  clusterEndpointChanged,
  clusterLimits,
  clusterPropertiesChanged,
  clusterRenamed,
  clusterStatusChanged,
  clusterStatuses,
  mysqlUsersReplaced,
  virtualClusterAltered,
} from '../../events/clusters.ts';
import { nodesAdded } from '../../events/computeNodes.ts';
import { clusterOf, clustersOf } from '../../projections/clusters.ts';
import type { GivenCluster } from '../../src/deciders/clusterRules.ts';
import type { Command } from '../../src/deciders/commands.ts';
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

const policy = { type: 'ActiveStandby', activeClusterName: 'name1', standbyClusterNames: ['name2'] } as const;
const virtual = (more: Partial<GivenCluster> = {}): GivenCluster => ({
  clusterId: 'v',
  clusterName: 'group',
  type: 'VIRTUAL',
  clusterNames: ['name1', 'name2'],
  clusterPolicy: { ...policy, standbyClusterNames: ['name2'] },
  ...more,
});
const two = logAfter([created], add(compute(1, be(1))), add(compute(2, be(2))));
describe('whose cluster', () => {
  const cluster = compute(1);
  const asked = (command: Partial<Extract<Command, { name: 'addCluster' }>>): Command => ({ name: 'addCluster', ...command });
  test('an instance id goes before a cloud_unique_id', () => {
    const { decision } = when([created], asked({ instanceId, cloudUniqueId: 'nobody', cluster }));
    expect(decision.kind).toBe('accepted');
  });
  test('a registered node says it', () => {
    expect(when(two, asked({ cloudUniqueId: '1:i1:be1', cluster: compute(3) })).decision.kind).toBe('accepted');
  });
  test('the degraded form says it', () => {
    expect(when([created], asked({ cloudUniqueId: '1:i1:anybody', cluster })).decision.kind).toBe('accepted');
  });
  test.each([
    ['free', 'empty instance_id'],
    ['2:i1:x', 'empty instance_id'],
    ['1:i1', 'empty instance_id'],
    ['1:i9:x', 'use degrade cloud_unique_id, but instance_id invalid, cloud_unique_id=1:i9:x'],
  ])('%s is nobody', (cloudUniqueId, detail) => refused([created], asked({ cloudUniqueId, cluster }), 'UNRESOLVED_INSTANCE', detail));
  test('with the check switched off the degraded form is believed, and the instance missed later', () => {
    const events = [created, setting('check-instance-id', 'false')];
    const detail = 'failed to get instance, info failed to get instance, instance_id=i9 err=KeyNotFound';
    refused(events, asked({ cloudUniqueId: '1:i9:x', cluster }), 'UNKNOWN_INSTANCE', detail);
  });
  test.each([
    ['no instance', asked({ cluster })],
    ['no cluster', asked({ instanceId })],
    ['an empty instance id', asked({ instanceId: '', cluster })],
  ])('%s', (_, command) => refused([created], command, 'INVALID_CLUSTER', 'invalid request instance_id or cluster not given'));
});

describe('addCluster', () => {
  test('a compute cluster is NORMAL whatever was sent, and times are left to the log', () => {
    const sent = { ...compute(1, { ...be(1), ctime: 5, mtime: 6 }), clusterStatus: 'SUSPENDED', ctime: 1, mtime: 2, desc: 'a' } as const;
    when([created], add(sent)).gives(
      clusterAdded({ instanceId, clusterId: 'c1', clusterName: 'name1', type: 'COMPUTE', status: 'NORMAL', desc: 'a' }),
      nodesAdded({ instanceId, clusterId: 'c1', type: 'COMPUTE', nodes: [be(1)] }),
    );
  });
  test('the times are those of the entry', () => {
    expect(clusterOf(stateAfter(...two).clusters, instanceId, 'c1')).toMatchObject({
      ctime: startedAt / 1000 + 1,
      mtime: startedAt / 1000 + 1,
    });
  });
  test('without nodes there is one event; a frontend cluster keeps the status it was sent', () => {
    when([created], add(compute(1))).gives(
      clusterAdded({ instanceId, clusterId: 'c1', clusterName: 'name1', type: 'COMPUTE', status: 'NORMAL' }),
    );
    const [added] = logAfter([created], add({ ...sql(fe(1, 'FE_MASTER')), clusterStatus: 'NORMAL' })).slice(1);
    expect(added?.data).toMatchObject({ type: 'SQL', status: 'NORMAL' });
  });
  test('an id is not asked for, but there is one without at most', () => {
    const events = logAfter([created], add({ clusterName: 'a', type: 'COMPUTE' }));
    refused(events, add({ clusterName: 'b', type: 'COMPUTE' }), 'CLUSTER_EXISTS', 'try to add a existing cluster id, existing_cluster_id=');
  });
  test.each<readonly [what: string, cluster: GivenCluster, detail: string]>([
    ['no type', { clusterId: 'c1' }, 'cluster must have type arg'],
    ['an unknown type', { clusterId: 'c1', type: 7 }, 'cluster must have type arg'],
    ['no name', { clusterId: 'c1', type: 'COMPUTE' }, 'not have cluster name'],
    ['an empty name', { ...compute(1), clusterName: '' }, 'not have cluster name'],
    ['no frontend', sql(), 'cluster is SQL type, must have only one master node, now master count: 0'],
    [
      'two masters',
      sql(fe(1, 'FE_MASTER'), fe(2, 'FE_MASTER')),
      'cluster is SQL type, must have only one master node, now master count: 2',
    ],
    ['observers alone', sql(fe(1, 'FE_OBSERVER')), 'cluster is SQL type, must have only one master node, now master count: 0'],
    [
      'master and followers',
      sql(fe(1, 'FE_MASTER'), fe(2, 'FE_FOLLOWER'), fe(3, 'FE_FOLLOWER')),
      'cluster is SQL type, and use multi follower mode, cant set master node, master count: 1 follower count: 2',
    ],
  ])('%s is refused', (_, cluster, detail) => refused([created], add(cluster), 'INVALID_CLUSTER', detail));
  test('followers and observers need no master', () => {
    expect(when([created], add(sql(fe(1, 'FE_FOLLOWER'), fe(2, 'FE_OBSERVER')))).decision.kind).toBe('accepted');
  });
  test('a name is looked at when that is switched on', () => {
    const odd = { ...compute(1), clusterName: '1-a' };
    expect(when([created], add(odd)).decision.kind).toBe('accepted');
    const detail = 'cluster name not regex with ^[a-zA-Z][a-zA-Z0-9_]*$, please check it';
    refused([created, setting('check-cluster-names', 'true')], add(odd), 'INVALID_CLUSTER', detail);
  });
  const ports =
    'check cluster params failed, edit_log_port is required for frontends while heatbeat_port is required for banckends, node : ';
  test.each<readonly [what: string, cluster: GivenCluster, node: string]>([
    ['a backend without heartbeat port', compute(1, { ip: 'a' }), '{"ip":"a"}'],
    ['a backend with port 0', compute(1, { ip: 'a', heartbeatPort: 0 }), '{"ip":"a","heartbeat_port":0}'],
    ['a frontend without edit log port', sql({ ip: 'a', nodeType: 'FE_MASTER' }), '{"ip":"a","node_type":"FE_MASTER"}'],
    ['a frontend without type', sql({ ip: 'a', editLogPort: 1 }), '{"ip":"a","edit_log_port":1}'],
  ])('%s is refused', (_, cluster, node) => refused([created], add(cluster), 'INVALID_CLUSTER', `${ports}${node}`));
  test('a node whose id names an unknown instance is refused before its ports are looked at', () => {
    const detail = 'node={"cloud_unique_id":"1:i9:x"} cloud_unique_id use degrade format, but check instance failed';
    refused([created], add(compute(1, { cloudUniqueId: '1:i9:x' })), 'INVALID_CLUSTER', detail);
  });

  const occupied =
    'cloud_unique_id is already occupied by an instance, instance_id=i1 cluster_name=name1 cluster_id=c1 cloud_unique_id=1:i1:be1';
  test('an id of another instance is refused, even before the instance is looked at', () => {
    const cluster = compute(1, be(7, { cloudUniqueId: '1:i1:be1' }));
    for (const other of ['i2', 'i3'])
      refused([...two, instance('i2')], { name: 'addCluster', instanceId: other, cluster }, 'CLOUD_UNIQUE_ID_TAKEN', occupied);
  });
  test('an id may repeat within its instance, and nodes without one collide nowhere', () => {
    expect(when(two, add(compute(3, be(3, { cloudUniqueId: '1:i1:be1' })))).decision.kind).toBe('accepted');
    const nameless = (id: string): Command => ({ name: 'addCluster', instanceId: id, cluster: compute(3, { ip: 'a', heartbeatPort: 1 }) });
    expect(logAfter([...two, instance('i2')], nameless('i1'), nameless('i2'))).toHaveLength(two.length + 5);
  });
  test('an unknown or deleted instance', () => {
    const detail = 'failed to get instance, info failed to get instance, instance_id=i1 err=KeyNotFound';
    refused([], add(compute(1)), 'UNKNOWN_INSTANCE', detail);
    refused(deleted, add(compute(1)), 'INSTANCE_DELETED', 'instance status has been set delete, plz check it');
  });
  test.each<readonly [what: string, id: string, name: string, detail: string]>([
    ['an id', 'c2', 'other', 'try to add a existing cluster id, existing_cluster_id=c2'],
    ['a name', 'c3', 'name2', 'try to add a existing cluster name, existing_cluster_name=name2'],
    [
      'the name of the first and the id of the second: the first answers',
      'c2',
      'name1',
      'try to add a existing cluster name, existing_cluster_name=name1',
    ],
  ])('%s that exists', (_, clusterId, clusterName, detail) =>
    refused(two, add({ ...compute(3, be(1)), clusterId, clusterName }), 'CLUSTER_EXISTS', detail),
  );
  test('a node without address', () => {
    refusedAs(
      [created],
      add(compute(1, { heartbeatPort: 1 })),
      'INVALID_CLUSTER',
      'add node input args node invalid, cluster={"heartbeat_port":1}',
    );
    refusedAs(
      [created],
      add(compute(1, { host: '', ip: '', heartbeatPort: 1 })),
      'INVALID_CLUSTER',
      'add node input args node invalid, cluster=',
    );
  });
  test('an address has one owner of its kind', () => {
    const taken = 'compute node endpoint has been added, registered be node=10.0.0.1:9050';
    refused(two, add(compute(3, be(3), be(1))), 'ENDPOINT_TAKEN', taken);
    refused([created], add(compute(3, be(1), be(1))), 'ENDPOINT_TAKEN', taken);
    const asHost = compute(3, be(3, { host: '10.0.0.1', ip: '10.9.9.9' }));
    refused(two, add(asHost), 'ENDPOINT_TAKEN', taken);
    expect(when(two, add(compute(3, be(3, { host: 'h', ip: '10.0.0.1' })))).decision.kind).toBe('accepted');
    const atBackend = sql(fe(1, 'FE_MASTER', { ip: '10.0.0.1', editLogPort: 9050 }));
    const withFrontend = logAfter(two, add(atBackend));
    const detail = 'sql node endpoint has been added, registered fe node=10.0.0.1:9050';
    refused(withFrontend, add({ ...atBackend, clusterId: 'x', clusterName: 'x' }), 'ENDPOINT_TAKEN', detail);
  });
  test('another instance may have the same addresses', () => {
    const cluster = compute(1, be(1, { cloudUniqueId: 'other' }));
    expect(when([...two, instance('i2')], { name: 'addCluster', instanceId: 'i2', cluster }).decision.kind).toBe('accepted');
  });
  test('an instance has a thousand clusters at most', () => {
    const { clustersPerInstance } = clusterLimits;
    const many = Array.from({ length: clustersPerInstance }, (_, n) => clusterAdded({ instanceId, clusterId: `c${n}`, type: 'COMPUTE' }));
    refused(
      [created, ...many],
      add({ clusterId: 'x', clusterName: 'x', type: 'COMPUTE' }),
      'TOO_LARGE',
      'instance i1 has 1000 clusters already, which is the most',
    );
  });
});

describe('virtual clusters', () => {
  const stored = { ...policy, standbyClusterNames: ['name2'], failoverFailureThreshold: 3, unhealthyNodeThresholdPercent: 100 };
  test('a group is kept with the defaults', () => {
    when(two, add(virtual())).gives(
      clusterAdded({ instanceId, clusterId: 'v', clusterName: 'group', type: 'VIRTUAL', clusterNames: ['name1', 'name2'], policy: stored }),
    );
  });
  test('one may be empty at first', () => {
    when(two, add({ clusterId: 'v', clusterName: 'group', type: 'VIRTUAL' })).gives(
      clusterAdded({ instanceId, clusterId: 'v', clusterName: 'group', type: 'VIRTUAL' }),
    );
  });
  const both = 'subcgs and policy must be Incoming at the same time or do not transmit at the same time';
  const active = 'active_cluster_name must not be empty and must be in cluster_names';
  const eitherOr = 'Inconsistent cluster policy: active_cluster_name must be set if standby_cluster_names are present, and vice versa.';
  const percent = 'unhealthy_node_threshold_percent must be greater than 0 and less than or equal to 100';
  const threshold = 'failover_failure_threshold must be greater than 0 and less than max(int64)';
  const cases: readonly (readonly [what: string, more: Partial<GivenCluster>, detail: string])[] = [
    ['nodes', { nodes: [be(9)] }, 'Inconsistent virtual cluster args'],
    ['users', { mysqlUserName: ['u'] }, 'Inconsistent virtual cluster args'],
    ['an endpoint', { publicEndpoint: '' }, 'Inconsistent virtual cluster args'],
    ['a status', { clusterStatus: 'NORMAL' }, 'Inconsistent virtual cluster args'],
    ['no names', { clusterNames: [] }, both],
    ['three names', { clusterNames: ['name1', 'name2', 'name3'] }, 'Currently, just support two sub clusters'],
    ['an odd name', { clusterNames: ['name1', '2-b'] }, 'cluster name 2-b does not match regex ^[a-zA-Z][a-zA-Z0-9_]*$'],
    ['a policy without type', { clusterPolicy: {} }, 'plz set cluster policy type, use virtual cluster policy'],
    [
      'another policy',
      { clusterPolicy: { ...policy, standbyClusterNames: ['name2'], type: 3 } },
      'cluster policy type must be ActiveStandby',
    ],
    ['standby alone', { clusterPolicy: { type: 'ActiveStandby', standbyClusterNames: ['name2'] } }, eitherOr],
    ['active alone', { clusterPolicy: { type: 'ActiveStandby', activeClusterName: 'name1' } }, eitherOr],
    ['neither', { clusterPolicy: { type: 'ActiveStandby' } }, active],
    ['an active one from elsewhere', { clusterPolicy: { ...policy, standbyClusterNames: ['name2'], activeClusterName: 'x' } }, active],
    [
      'a standby from elsewhere',
      { clusterPolicy: { ...policy, standbyClusterNames: ['x'] } },
      'standby_cluster_name x must be in cluster_names',
    ],
    [
      'itself as standby',
      { clusterPolicy: { ...policy, standbyClusterNames: ['name1'] } },
      'active_cluster_name is same of standby_cluster_name',
    ],
    ['threshold 0', { clusterPolicy: { ...policy, standbyClusterNames: ['name2'], failoverFailureThreshold: 0 } }, threshold],
    ['percent 0', { clusterPolicy: { ...policy, standbyClusterNames: ['name2'], unhealthyNodeThresholdPercent: 0 } }, percent],
    ['percent 101', { clusterPolicy: { ...policy, standbyClusterNames: ['name2'], unhealthyNodeThresholdPercent: 101 } }, percent],
  ];
  test.each(cases)('%s is refused', (_, more, detail) => refused(two, add(virtual(more)), 'INVALID_CLUSTER', detail));
  test('names without a policy', () => {
    const { clusterPolicy: _, ...names } = virtual();
    refused(two, add(names), 'INVALID_CLUSTER', both);
  });
  test('members must be there, compute clusters, and in no other group', () => {
    const missing = 'sub cluster name2 not been added in instance, plz add it before create virtual cluster';
    refused(logAfter([created], add(compute(1))), add(virtual()), 'INVALID_CLUSTER', missing);
    const withSql = logAfter([created], add(compute(1)), add({ ...sql(fe(1, 'FE_MASTER')), clusterName: 'name2' }));
    refused(withSql, add(virtual()), 'INVALID_CLUSTER', "sub cluster name2 's type must be eq COMPUTE");
    const grouped = logAfter(two, add(virtual()));
    const other = add(virtual({ clusterId: 'w', clusterName: 'other' }));
    refused(grouped, other, 'INVALID_CLUSTER', 'sub cluster name1 has been add by other vcg=group');
  });

  const alter = (cluster: GivenCluster): Command => ({ name: 'alterVirtualCluster', instanceId, cluster });
  const three = logAfter(two, add(compute(3)), add(virtual()));
  test('active and standby are swapped together', () => {
    const swapped = { activeClusterName: 'name2', standbyClusterNames: ['name1'] };
    when(three, alter({ clusterId: 'v', clusterPolicy: { ...swapped, standbyClusterNames: ['name1', 'ignored'] } })).gives(
      virtualClusterAltered({ instanceId, clusterId: 'v', clusterNames: ['name1', 'name2'], policy: { ...stored, ...swapped } }),
    );
    const alone = 'active_cluster_name is same of standby_cluster_name';
    refused(three, alter({ clusterId: 'v', clusterPolicy: { activeClusterName: 'name2' } }), 'INVALID_CLUSTER', alone);
  });
  test('members and policy change; the rest of the policy stays', () => {
    const asked = {
      clusterId: 'v',
      clusterNames: ['name1', 'name3'],
      clusterPolicy: { standbyClusterNames: ['name3'], failoverFailureThreshold: 9, cacheWarmupJobids: ['7'] },
    };
    const after = { ...stored, standbyClusterNames: ['name3'], failoverFailureThreshold: 9, cacheWarmupJobids: ['7'] };
    when(three, alter(asked)).gives(virtualClusterAltered({ instanceId, clusterId: 'v', clusterNames: ['name1', 'name3'], policy: after }));
  });
  test('what changes nothing records nothing', () => {
    when(three, alter({ clusterId: 'v' })).gives();
    when(three, alter({ clusterId: 'v', clusterNames: ['name1', 'name2'] })).gives();
  });
  test('an empty one is completed, by names and policy together', () => {
    const empty = logAfter(two, add({ clusterId: 'v', clusterName: 'group', type: 'VIRTUAL' }));
    when(empty, alter({ clusterId: 'v' })).gives();
    refused(empty, alter({ clusterId: 'v', clusterNames: ['name1', 'name2'] }), 'INVALID_CLUSTER', both);
    const { clusterNames = [], clusterPolicy = {} } = virtual();
    when(empty, alter({ clusterId: 'v', clusterNames, clusterPolicy })).gives(
      virtualClusterAltered({ instanceId, clusterId: 'v', clusterNames: ['name1', 'name2'], policy: stored }),
    );
  });
  test('new members are looked at before the whole', () => {
    const missing = 'sub cluster nobody not been added in instance, plz add it before create virtual cluster';
    refused(three, alter({ clusterId: 'v', clusterNames: ['nobody'] }), 'INVALID_CLUSTER', missing);
    refused(three, alter({ clusterId: 'v', clusterNames: ['name3'] }), 'INVALID_CLUSTER', 'Currently, just support two sub clusters');
  });
  test('a compute cluster does not become one', () => {
    refused(two, alter({ clusterId: 'c1' }), 'INVALID_CLUSTER', 'Inconsistent virtual cluster args');
  });
});

test('every change of a cluster gives it another mtime, one of its nodes alone does not', () => {
  const cluster = (more: GivenCluster): GivenCluster => ({ clusterId: 'c1', ...more });
  const changing: readonly Command[] = [
    { name: 'renameCluster', instanceId, cluster: cluster({ clusterName: 'new' }) },
    { name: 'replaceMysqlUsers', instanceId, cluster: cluster({ mysqlUserName: ['u'] }) },
    { name: 'setClusterEndpoint', instanceId, cluster: cluster({ privateEndpoint: 'p' }) },
    { name: 'setClusterStatus', instanceId, cluster: cluster({ clusterStatus: 'SUSPENDED' }) },
    { name: 'setClusterProperties', instanceId, cluster: cluster({ properties: { a: 'b' } }) },
  ];
  const ctime = startedAt / 1000 + 1;
  let events = two;
  for (const command of changing) {
    events = logAfter(events, command);
    const expected = { ctime, mtime: startedAt / 1000 + events.length - 1 };
    expect(clusterOf(stateAfter(...events).clusters, instanceId, 'c1'), command.name).toMatchObject(expected);
  }
  const before = clusterOf(stateAfter(...events).clusters, instanceId, 'c1');
  const after = stateAfter(...logAfter(events, { name: 'addNodes', instanceId, cluster: cluster({ type: 'COMPUTE', nodes: [be(9)] }) }));
  expect(clusterOf(after.clusters, instanceId, 'c1')).toEqual(before);
});

/** What each change of one cluster refuses first; `more` makes it a change that would be accepted. */
const changes: readonly (readonly [name: Exclude<Command['name'], 'takeLeadership'>, more: GivenCluster])[] = [
  ['renameCluster', { clusterName: 'new' }],
  ['replaceMysqlUsers', { mysqlUserName: ['u'] }],
  ['setClusterEndpoint', { privateEndpoint: 'p' }],
  ['setClusterStatus', { clusterStatus: 'SUSPENDED' }],
  ['setClusterProperties', { properties: { a: 'b' } }],
  ['alterVirtualCluster', { clusterNames: ['name1', 'name2'] }],
];
describe.each(changes)('%s', (name, more) => {
  const command = (cluster: GivenCluster): Command => ({ name, instanceId, cluster: { ...more, ...cluster } }) as Command;
  const clusterName = more.clusterName ?? '';
  test('asks for an id first', () => refused([], command({}), 'INVALID_CLUSTER', 'missing cluster_id='));
  test('misses the instance', () => {
    refused([], command({ clusterId: 'c1' }), 'UNKNOWN_INSTANCE', 'failed to get instance, instance_id=i1 err=KeyNotFound');
  });
  test('leaves a deleted instance alone', () => {
    refused(deleted, command({ clusterId: 'c1' }), 'INSTANCE_DELETED', 'instance status has been set delete, plz check it');
  });
  test('misses the cluster', () => {
    const detail = `failed to find cluster to update, instance_id=i1 cluster_id=c9 cluster_name=${clusterName}`;
    refused(two, command({ clusterId: 'c9' }), 'UNKNOWN_CLUSTER', detail);
  });
});

describe('renameCluster', () => {
  const rename = (clusterName: string, replace?: boolean): Command => ({
    name: 'renameCluster',
    instanceId,
    cluster: { clusterId: 'c1', clusterName },
    ...(replace === undefined ? {} : { replaceIfExistingEmptyTargetCluster: replace }),
  });
  const taken = 'failed to rename cluster, a cluster with the same name already exists in this instance ';
  test('gives another name, whatever it looks like', () => {
    when([...two, setting('check-cluster-names', 'true')], rename('1 2')).gives(
      clusterRenamed({ instanceId, clusterId: 'c1', previous: 'name1', name: '1 2' }),
    );
  });
  test('a name that is in use, its own included', () => {
    refusedAs(two, rename('name2'), 'CLUSTER_EXISTS', `${taken}{"cluster_name":"name2"`);
    refusedAs(two, rename('name1'), 'CLUSTER_EXISTS', `${taken}{"cluster_name":"name1"`);
  });
  test('a name is needed', () => refused(two, rename(''), 'INVALID_CLUSTER', 'not have cluster name'));
  test('an empty cluster in the way is dropped when it may be', () => {
    const events = logAfter(two, add(compute(3)));
    refusedAs(events, rename('name3', false), 'CLUSTER_EXISTS', taken);
    when(events, rename('name3', true)).gives(
      clusterDropped({ instanceId, clusterId: 'c3', clusterName: 'name3' }),
      clusterRenamed({ instanceId, clusterId: 'c1', previous: 'name1', name: 'name3' }),
    );
    refusedAs(events, rename('name2', true), 'CLUSTER_EXISTS', taken);
  });
  test('a cluster without nodes does not drop itself', () => {
    refusedAs(logAfter([created], add(compute(1))), rename('name1', true), 'CLUSTER_EXISTS', taken);
  });
});

describe('replaceMysqlUsers', () => {
  const replace = (...users: readonly string[]): Command => ({
    name: 'replaceMysqlUsers',
    instanceId,
    cluster: { clusterId: 'c1', mysqlUserName: [...users] },
  });
  test('the list is replaced', () => {
    when(two, replace('a', 'b')).gives(mysqlUsersReplaced({ instanceId, clusterId: 'c1', previous: [], userNames: ['a', 'b'] }));
    when(logAfter(two, replace('a', 'b')), replace('b')).gives(
      mysqlUsersReplaced({ instanceId, clusterId: 'c1', previous: ['a', 'b'], userNames: ['b'] }),
    );
  });
  test('the same list records nothing', () => when(logAfter(two, replace('a', 'b')), replace('a', 'b')).gives());
  test('an empty one is refused', () => refused(two, replace(), 'INVALID_CLUSTER', 'no mysql user name to change'));
});

describe('setClusterEndpoint', () => {
  const set = (cluster: GivenCluster): Command => ({ name: 'setClusterEndpoint', instanceId, cluster: { clusterId: 'c1', ...cluster } });
  test('both are set, the public one perhaps to nothing', () => {
    const changed = clusterEndpointChanged({ instanceId, clusterId: 'c1', publicEndpoint: '', privateEndpoint: 'p' });
    when(two, set({ privateEndpoint: 'p' })).gives(changed);
    when([...two, changed], set({ privateEndpoint: 'p' })).gives();
  });
  test.each([{}, { privateEndpoint: '' }, { publicEndpoint: 'p' }])('%j is refused', (cluster) =>
    refused(two, set(cluster), 'MISSING_ENDPOINT', 'missing private endpoint'),
  );
});

describe('setClusterStatus', () => {
  const set = (clusterStatus: ClusterStatus | number | undefined): Command => ({
    name: 'setClusterStatus',
    instanceId,
    cluster: { clusterId: 'c1', ...(clusterStatus === undefined ? {} : { clusterStatus }) },
  });
  const edges: readonly (readonly [ClusterStatus, ClusterStatus])[] = [
    ['UNKNOWN', 'NORMAL'],
    ['NORMAL', 'SUSPENDED'],
    ['NORMAL', 'MANUAL_SHUTDOWN'],
    ['SUSPENDED', 'NORMAL'],
    ['SUSPENDED', 'TO_RESUME'],
    ['TO_RESUME', 'NORMAL'],
    ['MANUAL_SHUTDOWN', 'NORMAL'],
  ];
  test.each(clusterStatuses.flatMap((from) => clusterStatuses.map((to) => [from, to] as const)))('%s → %s', (from, to) => {
    const cluster = clusterAdded({ instanceId, clusterId: 'c1', type: 'COMPUTE', ...(from === 'UNKNOWN' ? {} : { status: from }) });
    if (edges.some(([a, b]) => a === from && b === to))
      when([created, cluster], set(to)).gives(clusterStatusChanged({ instanceId, clusterId: 'c1', from, to }));
    else
      refused(
        [created, cluster],
        set(to),
        'CLUSTER_STATUS_CONFLICT',
        from === to
          ? `failed to set cluster status, status eq original status, original cluster is ${from}`
          : `failed to set cluster status, original cluster is ${from} and want set ${to}`,
      );
  });
  test('a status that is not given, or whose number nobody knows', () => {
    const detail = 'failed to set cluster status, original cluster is NORMAL and want set';
    refused(two, set(undefined), 'CLUSTER_STATUS_CONFLICT', `${detail} UNKNOWN`);
    refused(two, set(9), 'CLUSTER_STATUS_CONFLICT', `${detail} 9`);
  });
  test('frontends and groups have none', () => {
    const events = logAfter([created], add({ ...sql(fe(1, 'FE_MASTER')), clusterId: 'c1' }));
    refused(events, set('NORMAL'), 'INVALID_CLUSTER', 'just support set COMPUTE cluster status');
  });
});

test('setClusterProperties replaces them', () => {
  const set = (properties: Record<string, string>): Command => ({
    name: 'setClusterProperties',
    instanceId,
    cluster: { clusterId: 'c1', properties },
  });
  const changed = clusterPropertiesChanged({ instanceId, clusterId: 'c1', properties: { a: '1', b: '2' } });
  when(two, set({ a: '1', b: '2' })).gives(changed);
  when([...two, changed], set({ b: '2', a: '1' })).gives();
  when([...two, changed], set({})).gives(clusterPropertiesChanged({ instanceId, clusterId: 'c1', properties: {} }));
});

describe('dropCluster', () => {
  const drop = (clusterId: string, more: { readonly safeDropSeconds?: number } = {}): Command => ({
    name: 'dropCluster',
    instanceId,
    cluster: { clusterId, clusterName: 'whatever' },
    ...more,
  });
  test('goes with its nodes; the name in the request does not count', () => {
    when(two, drop('c1')).gives(clusterDropped({ instanceId, clusterId: 'c1', clusterName: 'name1' }));
    const state = stateAfter(...logAfter(two, drop('c1')));
    expect(clustersOf(state.clusters, instanceId).map(({ clusterId }) => clusterId)).toEqual(['c2']);
    expect(state.computeNodes.byCluster.size).toBe(1);
    expect(state.computeNodes.byAddress.size).toBe(2);
  });
  test('what is refused', () => {
    refused([], drop(''), 'INVALID_CLUSTER', 'missing cluster_id=');
    refused([], drop('c1'), 'UNKNOWN_INSTANCE', 'failed to get instance, instance_id=i1 err=KeyNotFound');
    refused(deleted, drop('c1'), 'INSTANCE_DELETED', 'instance status has been set delete, plz check it');
    refused(two, drop('c9'), 'UNKNOWN_CLUSTER', 'failed to find cluster to drop, instance_id=i1 cluster_id=c9 cluster_name=whatever');
  });
  test('a member of a group stays, until the group is gone', () => {
    const grouped = logAfter(two, add(virtual()));
    const advice = 'if you want drop this cluster, please drop virtual cluster=group firstly';
    refused(grouped, drop('c1'), 'CLUSTER_IN_USE', `failed to drop cluster, this cluster owned by virtual cluster=group ${advice}`);
    expect(logAfter(grouped, drop('v'), drop('c1'))).toHaveLength(grouped.length + 2);
  });

  const events = logAfter([created], add(sql(fe(1, 'FE_MASTER'))));
  const addedAt = startedAt + 2000;
  const young = 'drop fe cluster not in safe time, try later, cluster=';
  test.each<readonly [what: string, seconds: number, more: { readonly safeDropSeconds?: number }, isYoung: boolean]>([
    ['after 300 seconds', 300, {}, true],
    ['after 301 seconds', 301, {}, false],
    ['at once, when that is switched off', 0, { safeDropSeconds: -1 }, false],
    ['after 10 of 10 seconds', 10, { safeDropSeconds: 10 }, true],
    ['after 11 of 10 seconds', 11, { safeDropSeconds: 10 }, false],
  ])('a frontend cluster %s', (_, seconds, more, isYoung) => {
    const { decision } = given(...events).when(drop('fe', more), { now: addedAt + seconds * 1000 });
    expect(decision.kind === 'rejected' ? decision.rejection.detail.slice(0, young.length) : '').toBe(isYoung ? young : '');
  });
  test('a frontend is not older because the log is ahead of the clock', () => {
    const times = { now: addedAt + 3_600_000, timeOfDay: addedAt + 10_000 };
    expect(given(...events).when(drop('fe'), times).decision).toMatchObject({ kind: 'rejected', rejection: { code: 'YOUNG_FRONTEND' } });
  });
  test('young frontends are protected by a setting', () => {
    const off = [...events, setting('protect-young-frontends', 'false')];
    expect(given(...off).when(drop('fe'), { now: addedAt + 2000 }).decision.kind).toBe('accepted');
  });
});
