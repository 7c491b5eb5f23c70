/** Section 9: nodes. */
import {
  addCluster,
  admin,
  be,
  type Case,
  clusterShown,
  compute,
  contains,
  type Expected,
  fe,
  instance,
  invalid,
  notFound,
  ok,
  okWith,
  on,
  one,
  sql,
  starts,
  uid,
} from '../vocabulary.ts';
import { noSafeTime, safeTimeAgain } from './clusterChanges.ts';

const feId = 'RESERVED_CLUSTER_ID_FOR_SQL_SERVER';
const deleted = invalid('instance status has been set delete, plz check it');
const empty = invalid('to_add and to_del both empty or both not empty');
const invalidInstance = invalid('instance invalid, cant modify, plz check');
const ports = invalid(
  starts('check cluster params failed, edit_log_port is required for frontends while heatbeat_port is required for banckends, node : '),
);
const gone = invalid('failed to get instance, instance_id=nobody err=KeyNotFound');
const call =
  (route: string) =>
  (i: string, cluster: unknown, expect: Expected = ok) =>
    admin(route, { instance_id: i, cluster }, expect);
const addNode = call('add_node');
const dropNode = call('drop_node');
const withBackend = (i: string) => [instance(i), addCluster(i, compute(1, [be(i, 1)]))];
const withMaster = (i: string) => [instance(i), addCluster(i, sql([fe(i, 1, 'FE_MASTER')]))];

const adding: readonly Case[] = [
  on('9 add_node: appended as RUNNING', (i) => [
    ...withBackend(i),
    addNode(i, compute(1, [be(i, 2)])),
    clusterShown(i, 'c1', okWith({ nodes: [be(i, 1), { ...be(i, 2), status: 'NODE_STATUS_RUNNING' }] })),
  ]),
  on('9 add_node: several at once', (i) => [
    ...withBackend(i),
    addNode(i, compute(1, [be(i, 2), be(i, 3)])),
    clusterShown(i, 'c1', okWith({ nodes: [{}, {}, {}] })),
  ]),
  on('9 add_node: found by name alone', (i) => [
    ...withBackend(i),
    addNode(i, compute(1, [be(i, 2)], { cluster_id: 'x' })),
    clusterShown(i, 'c1', okWith({ nodes: [{}, {}] })),
  ]),
  on('9 add_node: found by id alone', (i) => [
    ...withBackend(i),
    addNode(i, compute(1, [be(i, 2)], { cluster_name: undefined })),
    clusterShown(i, 'c1', okWith({ nodes: [{}, {}] })),
  ]),
  on('9 add_node: an endpoint of the target itself is refused as taken or skipped', (i) => [
    ...withBackend(i),
    admin(
      'add_node',
      { instance_id: i, cluster: compute(1, [be(i, 1)]) },
      invalid('compute node endpoint has been added, registered be node=10.0.0.1:9050'),
    ),
    clusterShown(i, 'c1', okWith({ nodes: [{}] })),
  ]),
  on('9 add_node: an unknown cluster is OK and stores nothing', (i) => [
    ...withBackend(i),
    addNode(i, compute(7, [be(i, 2)])),
    clusterShown(i, 'c1', okWith({ nodes: [{}] })),
    clusterShown(i, 'c7', notFound()),
  ]),
  on('9 add_node: an observer beside the master', (i) => [
    ...withMaster(i),
    addNode(i, sql([fe(i, 2, 'FE_OBSERVER')])),
    clusterShown(i, feId, okWith({ nodes: [{}, { node_type: 'FE_OBSERVER' }] })),
  ]),
  on('9 add_node: a follower beside the master is let through', (i) => [...withMaster(i), addNode(i, sql([fe(i, 2, 'FE_FOLLOWER')]))]),
  on('9 add_node: the ctime given is kept', (i) => [
    ...withBackend(i),
    addNode(i, compute(1, [be(i, 2, { ctime: 1234567890 })])),
    clusterShown(i, 'c1', okWith({ nodes: [{}, { ctime: '1234567890' }] })),
  ]),
  on('9 add_node: no type', (i) => [
    ...withBackend(i),
    addNode(i, compute(1, [be(i, 2)], { type: undefined }), invalid('cluster must have type arg')),
  ]),
  on('9 add_node: no nodes', (i) => [...withBackend(i), addNode(i, compute(1), empty)]),
  one('9 add_node: no nodes before an unknown instance', addNode('nobody', compute(1), empty)),
  one('9 add_node: an unknown instance is 400', addNode('nobody', compute(1, [be('x', 1, { cloud_unique_id: 'free-nobody' })]), gone)),
  on('9 add_node: deleted is 400', (i) => [
    instance(i),
    admin('drop_instance', { instance_id: i }, ok),
    addNode(i, compute(1, [be(i, 1)]), deleted),
  ]),
  on(
    '9 add_node: an endpoint of another backend is 400',
    (i) => [
      ...withBackend(i),
      addCluster(i, compute(2)),
      addNode(
        i,
        compute(2, [be(i, 2, { ip: '10.0.0.1' })]),
        invalid('compute node endpoint has been added, registered be node=10.0.0.1:9050'),
      ),
    ],
    { unchangedFrom: 3 },
  ),
  on('9 add_node: an endpoint of another frontend is 400', (i) => [
    ...withMaster(i),
    addCluster(i, sql([fe(i, 2, 'FE_MASTER')], { cluster_id: 'f2', cluster_name: 'f2' })),
    addNode(
      i,
      sql([fe(i, 3, 'FE_OBSERVER', { ip: '10.1.0.2' })]),
      invalid('sql node endpoint has been added, registered fe node=10.1.0.2:9010'),
    ),
  ]),
  on('9 add_node: neither ip nor host', (i) => [
    ...withBackend(i),
    addNode(i, compute(1, [be(i, 2, { ip: undefined })]), invalid(starts('add node input args node invalid, cluster='))),
  ]),
  on(
    '9 add_node: an id of another instance is 400',
    (i) => [
      ...withBackend(i),
      instance(`${i}-other`),
      addCluster(`${i}-other`, compute(5)),
      addNode(
        `${i}-other`,
        compute(5, [be(i, 1)]),
        invalid(
          `cloud_unique_id is already occupied by an instance, instance_id=${i} cluster_name=c1 cluster_id=c1 ` +
            `cloud_unique_id=${uid(i, 'be1')}`,
        ),
      ),
    ],
    { unchangedFrom: 4 },
  ),
  on('9 add_node: a second master', (i) => [...withMaster(i), addNode(i, sql([fe(i, 2, 'FE_MASTER')]), invalidInstance)], {
    unchangedFrom: 2,
  }),
  on('9 add_node: a backend without heartbeat_port', (i) => [
    ...withBackend(i),
    addNode(i, compute(1, [be(i, 2, { heartbeat_port: undefined })]), ports),
  ]),
  on('9 add_node: a frontend without edit_log_port', (i) => [
    ...withMaster(i),
    addNode(i, sql([fe(i, 2, 'FE_OBSERVER', { edit_log_port: 0 })]), ports),
  ]),
  on('9 add_node: a degraded id of an unknown instance', (i) => [
    ...withBackend(i),
    addNode(
      i,
      compute(1, [be(i, 2, { cloud_unique_id: '1:nobody:x' })]),
      invalid(contains('cloud_unique_id use degrade format, but check instance failed')),
    ),
  ]),
  on(
    '9 add_node: a third bad node changes nothing',
    (i) => [
      ...withBackend(i),
      addCluster(i, compute(2)),
      addNode(
        i,
        compute(2, [be(i, 2), be(i, 3), be(i, 1)]),
        invalid('compute node endpoint has been added, registered be node=10.0.0.1:9050'),
      ),
      clusterShown(i, 'c2', {
        http: 200,
        holds: ({ text }) => {
          if (text.includes('"nodes"')) throw new Error('some nodes were added');
        },
      }),
    ],
    { unchangedFrom: 3 },
  ),
  on('9 add_node: an endpoint before an occupied id', (i) => [
    ...withBackend(i),
    instance(`${i}-other`),
    addCluster(`${i}-other`, compute(5, [be(`${i}-other`, 1)])),
    addCluster(`${i}-other`, compute(6)),
    addNode(`${i}-other`, compute(6, [be(i, 1)]), invalid('compute node endpoint has been added, registered be node=10.0.0.1:9050')),
  ]),
];

const dropping: readonly Case[] = [
  on('9 drop_node', (i) => [
    instance(i),
    addCluster(i, compute(1, [be(i, 1), be(i, 2), be(i, 3)])),
    dropNode(i, compute(1, [be(i, 1), be(i, 3)])),
    clusterShown(i, 'c1', okWith({ nodes: [be(i, 2)] })),
  ]),
  on(
    '9 drop_node: repeating it is 404',
    (i) => [
      instance(i),
      addCluster(i, compute(1, [be(i, 1), be(i, 2)])),
      dropNode(i, compute(1, [be(i, 1)])),
      dropNode(
        i,
        compute(1, [be(i, 1)]),
        notFound(
          starts(
            `not found ,can not find to drop nodes by cloud_unique_id=${uid(i, 'be1')} instance_id=${i} cluster_name=c1 cluster_id=c1`,
          ),
        ),
      ),
    ],
    { unchangedFrom: 3 },
  ),
  on('9 drop_node: the last backend may go', (i) => [...withBackend(i), dropNode(i, compute(1, [be(i, 1)]))]),
  on('9 drop_node: no nodes', (i) => [...withBackend(i), dropNode(i, compute(1), empty)]),
  on('9 drop_node: no type', (i) => [
    ...withBackend(i),
    dropNode(i, compute(1, [be(i, 1)], { type: undefined }), invalid('cluster must have type arg')),
  ]),
  on('9 drop_node: a node without its port', (i) => [
    ...withBackend(i),
    dropNode(i, compute(1, [be(i, 1, { heartbeat_port: undefined })]), ports),
  ]),
  one('9 drop_node: an unknown instance is 400', dropNode('nobody', compute(1, [be('x', 1, { cloud_unique_id: 'free-nobody' })]), gone)),
  on('9 drop_node: deleted is 400', (i) => [
    instance(i),
    admin('drop_instance', { instance_id: i }, ok),
    dropNode(i, compute(1, [be(i, 1)]), deleted),
  ]),
  on('9 drop_node: a registered id at another port', (i) => [
    ...withBackend(i),
    dropNode(
      i,
      compute(1, [be(i, 1, { heartbeat_port: 9051 })]),
      notFound(starts(`not found ,cloud_unique_id can not find to drop node, instance_id=${i} cluster_name=c1 cluster_id=c1`)),
    ),
  ]),
  on('9 drop_node: a registered id at another ip', (i) => [
    ...withBackend(i),
    dropNode(i, compute(1, [be(i, 1, { ip: '10.9.9.9' })]), notFound(starts('not found ,cloud_unique_id can not find to drop node, '))),
  ]),
  on(
    '9 drop_node: not in the named cluster',
    (i) => [
      ...withBackend(i),
      addCluster(i, compute(2, [be(i, 2)])),
      dropNode(
        i,
        compute(2, [be(i, 1)]),
        notFound(starts(`not found ,failed to find node to drop, instance_id=${i} cluster_id=c2 cluster_name=c2`)),
      ),
    ],
    { unchangedFrom: 3 },
  ),
  on('9 drop_node: by host', (i) => [
    instance(i),
    addCluster(i, compute(1, [be(i, 1, { ip: undefined, host: 'h.example' }), be(i, 2)])),
    dropNode(i, compute(1, [be(i, 1, { ip: undefined, host: 'h.example' })])),
    clusterShown(i, 'c1', okWith({ nodes: [be(i, 2)] })),
  ]),
  on('9 drop_node: ip is compared with ip and host with host', (i) => [
    instance(i),
    addCluster(i, compute(1, [be(i, 1, { ip: undefined, host: 'h.example' })])),
    dropNode(i, compute(1, [be(i, 1, { ip: 'h.example' })]), notFound(starts('not found ,cloud_unique_id can not find to drop node, '))),
  ]),
  on(
    '9 drop_node: a young frontend is protected',
    (i) => [
      instance(i),
      addCluster(i, sql([fe(i, 1, 'FE_MASTER'), fe(i, 2, 'FE_OBSERVER')])),
      dropNode(i, sql([fe(i, 2, 'FE_OBSERVER')]), invalid(starts('drop fe node not in safe time, try later, node='))),
    ],
    { unchangedFrom: 2 },
  ),
  on(
    '9 drop_node: a frontend whose safe time is over',
    (i) => [
      instance(i),
      addCluster(i, sql([fe(i, 1, 'FE_MASTER')])),
      addNode(i, sql([fe(i, 2, 'FE_OBSERVER', { ctime: 1234567890 })])),
      ...noSafeTime,
      dropNode(i, sql([fe(i, 2, 'FE_OBSERVER')])),
      clusterShown(i, feId, okWith({ nodes: [{ node_type: 'FE_MASTER' }] })),
    ],
    { always: safeTimeAgain },
  ),
  on(
    '9 drop_node: the last master cannot go',
    (i) => [
      instance(i),
      addCluster(i, sql([fe(i, 1, 'FE_MASTER'), fe(i, 2, 'FE_OBSERVER')])),
      ...noSafeTime,
      dropNode(i, sql([fe(i, 1, 'FE_MASTER')]), invalidInstance),
    ],
    { always: safeTimeAgain, unchangedFrom: 4 },
  ),
  on(
    '9 drop_node: one of two followers may go, the last may not',
    (i) => [
      instance(i),
      addCluster(i, sql([fe(i, 1, 'FE_FOLLOWER'), fe(i, 2, 'FE_FOLLOWER')])),
      ...noSafeTime,
      dropNode(i, sql([fe(i, 1, 'FE_FOLLOWER')])),
      dropNode(i, sql([fe(i, 2, 'FE_FOLLOWER')]), invalidInstance),
    ],
    { always: safeTimeAgain },
  ),
  on('9 drop_node: safe time before the validity rule', (i) => [
    ...withMaster(i),
    dropNode(i, sql([fe(i, 1, 'FE_MASTER')]), invalid(starts('drop fe node not in safe time, try later, node='))),
  ]),
  on(
    '9 drop_node: a second unknown node changes nothing',
    (i) => [
      instance(i),
      addCluster(i, compute(1, [be(i, 1), be(i, 2)])),
      dropNode(i, compute(1, [be(i, 1), be(i, 3)]), notFound(starts('not found ,can not find to drop nodes by cloud_unique_id='))),
      clusterShown(i, 'c1', okWith({ nodes: [be(i, 1), be(i, 2)] })),
    ],
    { unchangedFrom: 2 },
  ),
];

const decommissioning: readonly Case[] = (
  [
    ['decommission_node', 'NODE_STATUS_DECOMMISSIONING'],
    ['notify_decommissioned', 'NODE_STATUS_DECOMMISSIONED'],
  ] as const
).flatMap(([route, status]) => {
  const change = call(route);
  return [
    on(`9 ${route}: the node moves to the end`, (i) => [
      instance(i),
      addCluster(i, compute(1, [be(i, 1), be(i, 2)])),
      change(i, compute(1, [be(i, 1)])),
      clusterShown(i, 'c1', okWith({ nodes: [be(i, 2), { ...be(i, 1), status }] })),
    ]),
    on(`9 ${route}: an id that is not registered`, (i) => [
      ...withBackend(i),
      change(i, compute(1, [be(i, 2)]), invalid('cloud_unique_id not found')),
    ]),
    on(`9 ${route}: a registered id at another port`, (i) => [
      ...withBackend(i),
      change(i, compute(1, [be(i, 1, { heartbeat_port: 9999 })]), empty),
    ]),
    on(`9 ${route}: no type`, (i) => [
      ...withBackend(i),
      change(i, compute(1, [be(i, 1)], { type: undefined }), invalid('cluster must have type arg')),
    ]),
    on(`9 ${route}: ctime is kept`, (i) => [
      instance(i),
      addCluster(i, compute(1)),
      addNode(i, compute(1, [be(i, 1, { ctime: 1234567890 })])),
      change(i, compute(1, [be(i, 1)])),
      clusterShown(i, 'c1', okWith({ nodes: [{ ctime: '1234567890', status }] })),
    ]),
  ];
});
const life: readonly Case[] = [
  on('9 decommissioned nodes can be dropped', (i) => [
    ...withBackend(i),
    admin('decommission_node', { instance_id: i, cluster: compute(1, [be(i, 1)]) }, ok),
    admin('notify_decommissioned', { instance_id: i, cluster: compute(1, [be(i, 1)]) }, ok),
    dropNode(i, compute(1, [be(i, 1)])),
  ]),
  on('9 no order of node states is enforced', (i) => [
    ...withBackend(i),
    admin('notify_decommissioned', { instance_id: i, cluster: compute(1, [be(i, 1)]) }, ok),
    admin('decommission_node', { instance_id: i, cluster: compute(1, [be(i, 1)]) }, ok),
  ]),
];

export const nodeCases: readonly Case[] = [...adding, ...dropping, ...decommissioning, ...life];
