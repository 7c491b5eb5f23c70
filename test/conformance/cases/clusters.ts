/** Section 8: add_cluster. */
import {
  addCluster,
  admin,
  be,
  type Case,
  clusterShown,
  compute,
  contains,
  existed,
  fe,
  instance,
  internal,
  invalid,
  latest,
  notFound,
  ok,
  okWith,
  on,
  one,
  query,
  sql,
  starts,
  uid,
} from '../vocabulary.ts';

const drop = (i: string) => admin('drop_instance', { instance_id: i }, ok);
const deleted = 'instance status has been set delete, plz check it';
const ports = invalid(
  starts('check cluster params failed, edit_log_port is required for frontends while heatbeat_port is required for banckends, node : '),
);
const occupied = (i: string, name: string, id: string, u: string) =>
  `cloud_unique_id is already occupied by an instance, instance_id=${i} cluster_name=${name} cluster_id=${id} cloud_unique_id=${u}`;

const adding: readonly Case[] = [
  on('8 add_cluster: a compute cluster with a node', (i) => [
    instance(i),
    addCluster(i, compute(1, [be(i, 1)])),
    clusterShown(i, 'c1', okWith({ cluster_id: 'c1', cluster_name: 'c1', type: 'COMPUTE', cluster_status: 'NORMAL', nodes: [be(i, 1)] })),
  ]),
  on('8 add_cluster: times of cluster and nodes are the same second', (i) => [
    instance(i),
    addCluster(i, compute(1, [be(i, 1)])),
    clusterShown(i, 'c1', {
      http: 200,
      holds: ({ json }) => {
        const { result } = json as { result: { ctime: string; mtime: string; nodes: { ctime: string; mtime: string }[] } };
        const times = [result.ctime, result.mtime, result.nodes[0]?.ctime, result.nodes[0]?.mtime];
        if (!/^\d{10}$/.test(result.ctime) || times.some((time) => time !== result.ctime)) throw new Error(`the times are ${times.join()}`);
      },
    }),
  ]),
  on('8 add_cluster: a compute cluster may have no nodes', (i) => [instance(i), addCluster(i, compute(1))]),
  on('8 add_cluster: a compute cluster is NORMAL whatever was sent', (i) => [
    instance(i),
    addCluster(i, compute(1, [], { cluster_status: 'SUSPENDED' })),
    clusterShown(i, 'c1', okWith({ cluster_status: 'NORMAL' })),
  ]),
  on('8 add_cluster: other fields are stored as sent', (i) => [
    instance(i),
    addCluster(i, compute(1, [], { desc: 'd', mysql_user_name: ['u'], public_endpoint: 'pub', private_endpoint: 'priv' })),
    clusterShown(i, 'c1', okWith({ desc: 'd', mysql_user_name: ['u'], public_endpoint: 'pub', private_endpoint: 'priv' })),
  ]),
  on('8 add_cluster: a cluster that was read back can be added again', (i) => [
    instance(i),
    addCluster(i, compute(1, [be(i, 1)], { desc: 'd' })),
    clusterShown(i, 'c1', ok),
    admin('drop_cluster', { instance_id: i, cluster: { cluster_id: 'c1' } }, ok),
    (answers) => addCluster(i, latest(answers, 'result')),
    clusterShown(i, 'c1', okWith({ desc: 'd', nodes: [be(i, 1)] })),
  ]),
  on('8 add_cluster: a host in place of an ip', (i) => [
    instance(i),
    addCluster(i, compute(1, [be(i, 1, { ip: undefined, host: 'be1.example' })])),
    clusterShown(i, 'c1', okWith({ nodes: [{ host: 'be1.example' }] })),
  ]),
  on('8 add_cluster: nodes without a cloud_unique_id', (i) => [
    instance(i),
    instance(`${i}-other`),
    addCluster(i, compute(1, [be(i, 1, { cloud_unique_id: undefined })])),
    addCluster(`${i}-other`, compute(1, [be(i, 1, { cloud_unique_id: undefined })])),
    addCluster(i, compute(2, [be(i, 2, { cloud_unique_id: '' })])),
    addCluster(`${i}-other`, compute(2, [be(i, 2, { cloud_unique_id: '' })])),
  ]),
  on('8 add_cluster: an id may repeat within the instance', (i) => [
    instance(i),
    addCluster(i, compute(1, [be(i, 1), be(i, 2, { cloud_unique_id: uid(i, 'be1') })])),
  ]),
  on('8 add_cluster: cluster_id is not asked for', (i) => [instance(i), addCluster(i, { cluster_name: 'n', type: 'COMPUTE' })]),
  on('8 add_cluster: the name pattern is off by default', (i) => [instance(i), addCluster(i, compute(1, [], { cluster_name: '1-b c' }))]),
  on('8 add_cluster: the same cluster id in another instance', (i) => [
    instance(i),
    instance(`${i}-other`),
    addCluster(i, compute(1)),
    addCluster(`${i}-other`, compute(1)),
  ]),
];

const feOnly = (nodes: readonly unknown[], more = {}) => sql(nodes, more);
const masters = (count: number) => invalid(`cluster is SQL type, must have only one master node, now master count: ${count}`);
const frontends: readonly Case[] = [
  on('8 add_cluster: one master', (i) => [instance(i), addCluster(i, sql([fe(i, 1, 'FE_MASTER')]))]),
  on('8 add_cluster: a master and observers', (i) => [
    instance(i),
    addCluster(i, sql([fe(i, 1, 'FE_MASTER'), fe(i, 2, 'FE_OBSERVER'), fe(i, 3, 'FE_OBSERVER')])),
  ]),
  on('8 add_cluster: followers and an observer', (i) => [
    instance(i),
    addCluster(i, sql([fe(i, 1, 'FE_FOLLOWER'), fe(i, 2, 'FE_FOLLOWER'), fe(i, 3, 'FE_OBSERVER')])),
  ]),
  on('8 add_cluster: an SQL cluster without nodes', (i) => [instance(i), addCluster(i, feOnly([]), masters(0))]),
  on('8 add_cluster: observers alone', (i) => [instance(i), addCluster(i, feOnly([fe(i, 1, 'FE_OBSERVER')]), masters(0))]),
  on('8 add_cluster: two masters', (i) => [instance(i), addCluster(i, feOnly([fe(i, 1, 'FE_MASTER'), fe(i, 2, 'FE_MASTER')]), masters(2))]),
  on('8 add_cluster: a master and followers', (i) => [
    instance(i),
    addCluster(
      i,
      feOnly([fe(i, 1, 'FE_MASTER'), fe(i, 2, 'FE_FOLLOWER'), fe(i, 3, 'FE_FOLLOWER')]),
      invalid('cluster is SQL type, and use multi follower mode, cant set master node, master count: 1 follower count: 2'),
    ),
  ]),
  on('8 add_cluster: FE_MASTER is reported as it is', (i) => [
    instance(i),
    addCluster(i, sql([fe(i, 1, 'FE_MASTER')])),
    clusterShown(i, 'RESERVED_CLUSTER_ID_FOR_SQL_SERVER', okWith({ nodes: [{ node_type: 'FE_MASTER', edit_log_port: 9010 }] })),
  ]),
  on('8 add_cluster: a frontend without edit_log_port', (i) => [
    instance(i),
    addCluster(i, sql([fe(i, 1, 'FE_MASTER', { edit_log_port: undefined })]), ports),
  ]),
  on('8 add_cluster: a frontend without node_type', (i) => [
    instance(i),
    addCluster(i, sql([fe(i, 1, 'FE_MASTER', { node_type: undefined })]), ports),
  ]),
  on('8 add_cluster: frontends and backends may share an endpoint', (i) => [
    instance(i),
    addCluster(i, sql([fe(i, 1, 'FE_MASTER', { ip: '10.0.0.1', edit_log_port: 9050 })])),
    addCluster(i, compute(1, [be(i, 1)])),
  ]),
];

const addingRefused: readonly Case[] = [
  on('8 add_cluster: no type', (i) => [
    instance(i),
    addCluster(i, compute(1, [], { type: undefined }), invalid('cluster must have type arg')),
  ]),
  on('8 add_cluster: no name', (i) => [
    instance(i),
    addCluster(i, compute(1, [], { cluster_name: undefined }), invalid('not have cluster name')),
  ]),
  on('8 add_cluster: an empty name', (i) => [
    instance(i),
    addCluster(i, compute(1, [], { cluster_name: '' }), invalid('not have cluster name')),
  ]),
  on('8 add_cluster: a node id in degraded form of an unknown instance', (i) => [
    instance(i),
    addCluster(
      i,
      compute(1, [be(i, 1, { cloud_unique_id: '1:nobody:x' })]),
      invalid(contains('cloud_unique_id use degrade format, but check instance failed')),
    ),
  ]),
  on('8 add_cluster: a backend without heartbeat_port', (i) => [
    instance(i),
    addCluster(i, compute(1, [be(i, 1, { heartbeat_port: undefined })]), ports),
  ]),
  on('8 add_cluster: port 0 counts as absent', (i) => [instance(i), addCluster(i, compute(1, [be(i, 1, { heartbeat_port: 0 })]), ports)]),
  on(
    '8 add_cluster: an id of another instance',
    (i) => [
      instance(i),
      instance(`${i}-other`),
      addCluster(i, compute(1, [be(i, 1)])),
      addCluster(`${i}-other`, compute(9, [be(i, 1)]), existed(occupied(i, 'c1', 'c1', uid(i, 'be1')))),
    ],
    { unchangedFrom: 3 },
  ),
  one(
    '8 add_cluster: an unknown instance',
    addCluster('nobody', compute(1), internal('failed to get instance, info failed to get instance, instance_id=nobody err=KeyNotFound')),
  ),
  on('8 add_cluster: deleted', (i) => [instance(i), drop(i), addCluster(i, compute(1), notFound(deleted))]),
  on('8 add_cluster: an id that is taken', (i) => [
    instance(i),
    addCluster(i, compute(1)),
    addCluster(i, compute(1, [], { cluster_name: 'other' }), existed('try to add a existing cluster id, existing_cluster_id=c1')),
  ]),
  on('8 add_cluster: a name that is taken', (i) => [
    instance(i),
    addCluster(i, compute(1)),
    addCluster(i, compute(2, [], { cluster_name: 'c1' }), existed('try to add a existing cluster name, existing_cluster_name=c1')),
  ]),
  on('8 add_cluster: the first cluster that is in the way answers', (i) => [
    instance(i),
    addCluster(i, compute(1)),
    addCluster(i, compute(2)),
    addCluster(
      i,
      { cluster_id: 'c2', cluster_name: 'c1', type: 'COMPUTE' },
      existed('try to add a existing cluster name, existing_cluster_name=c1'),
    ),
  ]),
  on('8 add_cluster: a node without ip and host', (i) => [
    instance(i),
    addCluster(i, compute(1, [be(i, 1, { ip: undefined })]), invalid(starts('add node input args node invalid, cluster='))),
  ]),
  on('8 add_cluster: the endpoint of another backend', (i) => [
    instance(i),
    addCluster(i, compute(1, [be(i, 1)])),
    addCluster(
      i,
      compute(2, [be(i, 2, { ip: '10.0.0.1' })]),
      existed('compute node endpoint has been added, registered be node=10.0.0.1:9050'),
    ),
  ]),
  on('8 add_cluster: the endpoint of another frontend', (i) => [
    instance(i),
    addCluster(i, sql([fe(i, 1, 'FE_MASTER')])),
    addCluster(
      i,
      sql([fe(i, 1, 'FE_MASTER')], { cluster_id: 'f2', cluster_name: 'f2' }),
      existed('sql node endpoint has been added, registered fe node=10.1.0.1:9010'),
    ),
  ]),
  on('8 add_cluster: the host goes before the ip in an endpoint', (i) => [
    instance(i),
    addCluster(i, compute(1, [be(i, 1, { host: 'h.example' })])),
    addCluster(
      i,
      compute(2, [be(i, 2, { host: 'h.example' })]),
      existed('compute node endpoint has been added, registered be node=h.example:9050'),
    ),
    addCluster(i, compute(3, [be(i, 3, { ip: '10.0.0.1' })])),
  ]),
  on('8 add_cluster: the same ip at another port', (i) => [
    instance(i),
    addCluster(i, compute(1, [be(i, 1)])),
    addCluster(i, compute(2, [be(i, 1, { heartbeat_port: 9051 })])),
  ]),
  on(
    '8 add_cluster: a third bad node changes nothing',
    (i) => [
      instance(i),
      addCluster(i, compute(1, [be(i, 1)])),
      addCluster(i, compute(2, [be(i, 2), be(i, 3), be(i, 1)]), existed()),
      clusterShown(i, 'c2', notFound()),
      query('get_instance', { cloud_unique_id: `free-${i}` }, invalid()),
    ],
    { unchangedFrom: 2 },
  ),
  on('8 add_cluster: type before name', (i) => [instance(i), addCluster(i, { cluster_id: 'c' }, invalid('cluster must have type arg'))]),
  on('8 add_cluster: name before nodes', (i) => [
    instance(i),
    addCluster(i, { type: 'COMPUTE', nodes: [{}] }, invalid('not have cluster name')),
  ]),
  on('8 add_cluster: parameters before the instance', () => [
    addCluster('nobody', compute(1, [], { type: undefined }), invalid('cluster must have type arg')),
  ]),
  on('8 add_cluster: the masters before an occupied id', (i) => [
    instance(i),
    instance(`${i}-other`),
    addCluster(i, sql([fe(i, 1, 'FE_MASTER')])),
    addCluster(`${i}-other`, sql([fe(i, 1, 'FE_MASTER'), fe(i, 2, 'FE_MASTER')]), masters(2)),
  ]),
  on('8 add_cluster: an occupied id before an unknown instance', (i) => [
    instance(i),
    addCluster(i, compute(1, [be(i, 1)])),
    addCluster('nobody', compute(2, [be(i, 1)]), existed(occupied(i, 'c1', 'c1', uid(i, 'be1')))),
  ]),
  on('8 add_cluster: an occupied id before DELETED', (i) => [
    instance(i),
    instance(`${i}-other`),
    drop(`${i}-other`),
    addCluster(i, compute(1, [be(i, 1)])),
    addCluster(`${i}-other`, compute(2, [be(i, 1)]), existed(occupied(i, 'c1', 'c1', uid(i, 'be1')))),
  ]),
  on('8 add_cluster: a taken id before a taken endpoint', (i) => [
    instance(i),
    addCluster(i, compute(1, [be(i, 1)])),
    addCluster(i, compute(1, [be(i, 1)]), existed('try to add a existing cluster id, existing_cluster_id=c1')),
  ]),
  on('8 add_cluster: repeating it is refused', (i) => [instance(i), addCluster(i, compute(1)), addCluster(i, compute(1), existed())]),
];

export const clusterCases: readonly Case[] = [...adding, ...frontends, ...addingRefused];
