/** Sections 10 and 11: cluster status, virtual clusters. */
import {
  addCluster,
  admin,
  type Case,
  clusterShown,
  compute,
  type Expected,
  fe,
  instance,
  invalid,
  notFound,
  ok,
  okIs,
  okWith,
  on,
  sql,
  starts,
  uid,
} from '../vocabulary.ts';

const statuses = ['NORMAL', 'SUSPENDED', 'TO_RESUME', 'MANUAL_SHUTDOWN'] as const;
type Status = (typeof statuses)[number];
/** How to come from NORMAL, which add_cluster leaves, to a status. */
const ways: Readonly<Record<Status, readonly Status[]>> = {
  NORMAL: [],
  SUSPENDED: ['SUSPENDED'],
  TO_RESUME: ['SUSPENDED', 'TO_RESUME'],
  MANUAL_SHUTDOWN: ['MANUAL_SHUTDOWN'],
};
const allowed: Readonly<Record<Status, readonly Status[]>> = {
  NORMAL: ['SUSPENDED', 'MANUAL_SHUTDOWN'],
  SUSPENDED: ['NORMAL', 'TO_RESUME'],
  TO_RESUME: ['NORMAL'],
  MANUAL_SHUTDOWN: ['NORMAL'],
};
const set = (i: string, status: unknown, expect: Expected = ok, clusterId = 'c1') =>
  admin('set_cluster_status', { instance_id: i, cluster: { cluster_id: clusterId, cluster_status: status } }, expect);

const transitions: readonly Case[] = statuses.flatMap((from) =>
  [...statuses, 'UNKNOWN' as const].map((to) => {
    const isAllowed = to !== 'UNKNOWN' && allowed[from].includes(to);
    const refusal =
      from === to
        ? `failed to set cluster status, status eq original status, original cluster is ${from}`
        : `failed to set cluster status, original cluster is ${from} and want set ${to}`;
    return on(`10 set_cluster_status: ${from} to ${to} is ${isAllowed ? 'allowed' : 'refused'}`, (i) => [
      instance(i),
      addCluster(i, compute(1)),
      ...ways[from].map((status) => set(i, status)),
      set(i, to, isAllowed ? ok : invalid(refusal)),
      clusterShown(i, 'c1', okWith({ cluster_status: isAllowed ? to : from })),
    ]);
  }),
);
const setting: readonly Case[] = [
  on(
    '10 set_cluster_status: STOPPED is no status and reads UNKNOWN',
    (i) => [
      instance(i),
      addCluster(i, compute(1)),
      set(i, 'STOPPED', invalid('failed to set cluster status, original cluster is NORMAL and want set UNKNOWN')),
    ],
    { unchangedFrom: 2 },
  ),
  on('10 set_cluster_status: no status reads UNKNOWN', (i) => [
    instance(i),
    addCluster(i, compute(1)),
    set(i, undefined, invalid('failed to set cluster status, original cluster is NORMAL and want set UNKNOWN')),
  ]),
  on('10 set_cluster_status: only compute clusters', (i) => [
    instance(i),
    addCluster(i, sql([fe(i, 1, 'FE_MASTER')])),
    set(i, 'SUSPENDED', invalid('just support set COMPUTE cluster status'), 'RESERVED_CLUSTER_ID_FOR_SQL_SERVER'),
  ]),
  on('10 set_cluster_status: by cloud_unique_id', (i) => [
    instance(i),
    addCluster(i, compute(1)),
    admin('set_cluster_status', { cloud_unique_id: uid(i), cluster: { cluster_id: 'c1', cluster_status: 'SUSPENDED' } }, ok),
    clusterShown(i, 'c1', okWith({ cluster_status: 'SUSPENDED' })),
  ]),
  on('10 set_cluster_status: by number', (i) => [
    instance(i),
    addCluster(i, compute(1)),
    set(i, 2),
    clusterShown(i, 'c1', okWith({ cluster_status: 'SUSPENDED' })),
  ]),
];

const get = (body: object, expect: Expected) => admin('get_cluster_status', body, expect);
const nothing = okIs({ status: { code: 'OK', msg: '' } });
const three = (i: string) => [
  instance(i),
  addCluster(i, compute(1)),
  addCluster(i, sql([fe(i, 1, 'FE_MASTER')])),
  addCluster(i, compute(2)),
  set(i, 'SUSPENDED', ok, 'c2'),
];
const reading: readonly Case[] = [
  on('10 get_cluster_status: compute clusters only, in stored order', (i) => [
    ...three(i),
    get(
      { instance_ids: [i] },
      okIs({
        status: { code: 'OK', msg: '' },
        details: [
          {
            instance_id: i,
            clusters: [
              { cluster_id: 'c1', cluster_name: 'c1', cluster_status: 'NORMAL' },
              { cluster_id: 'c2', cluster_name: 'c2', cluster_status: 'SUSPENDED' },
            ],
          },
        ],
      }),
    ),
  ]),
  on('10 get_cluster_status: by cloud_unique_ids', (i) => [
    ...three(i),
    get({ cloud_unique_ids: [uid(i)] }, okWith({ details: [{ instance_id: i, clusters: [{}, {}] }] })),
  ]),
  on('10 get_cluster_status: instance_ids go first', (i) => [
    ...three(i),
    instance(`${i}-other`),
    addCluster(`${i}-other`, compute(9)),
    get({ instance_ids: [i], cloud_unique_ids: [uid(`${i}-other`)] }, okWith({ details: [{ instance_id: i }] })),
  ]),
  on('10 get_cluster_status: filtered', (i) => [
    ...three(i),
    get({ instance_ids: [i], status: 'SUSPENDED' }, okWith({ details: [{ clusters: [{ cluster_id: 'c2' }] }] })),
  ]),
  on('10 get_cluster_status: a filter that leaves nothing', (i) => [...three(i), get({ instance_ids: [i], status: 'TO_RESUME' }, nothing)]),
  on('10 get_cluster_status: an unknown status name is no filter', (i) => [
    ...three(i),
    get({ instance_ids: [i], status: 'STOPPED' }, okWith({ details: [{ clusters: [{}, {}] }] })),
  ]),
  on('10 get_cluster_status: unknown instances and those without clusters are left out', (i) => [
    ...three(i),
    instance(`${i}-empty`),
    get({ instance_ids: ['nobody', `${i}-empty`, i] }, okWith({ details: [{ instance_id: i }] })),
    get({ instance_ids: [`${i}-empty`] }, nothing),
  ]),
  on('10 get_cluster_status: several instances in the order asked', (i) => [
    instance(`${i}-a`),
    instance(`${i}-b`),
    addCluster(`${i}-a`, compute(1)),
    addCluster(`${i}-b`, compute(1)),
    get({ instance_ids: [`${i}-b`, `${i}-a`] }, okWith({ details: [{ instance_id: `${i}-b` }, { instance_id: `${i}-a` }] })),
  ]),
];

const policy = { type: 'ActiveStandby', active_cluster_name: 'c1', standby_cluster_names: ['c2'] } as const;
const virtual = (more: object = {}) => ({
  cluster_id: 'v',
  cluster_name: 'v',
  type: 'VIRTUAL',
  cluster_names: ['c1', 'c2'],
  cluster_policy: policy,
  ...more,
});
const parts = (i: string) => [instance(i), addCluster(i, compute(1)), addCluster(i, compute(2)), addCluster(i, compute(3))];
const refused = (name: string, more: object, text: string): Case =>
  on(`11 add_cluster: ${name}`, (i) => [...parts(i), addCluster(i, virtual(more), invalid(text))], { unchangedFrom: 4 });
const virtuals: readonly Case[] = [
  on('11 add_cluster: a virtual cluster with its defaults', (i) => [
    ...parts(i),
    addCluster(i, virtual()),
    clusterShown(
      i,
      'v',
      okWith({
        type: 'VIRTUAL',
        cluster_names: ['c1', 'c2'],
        cluster_policy: { ...policy, failover_failure_threshold: '3', unhealthy_node_threshold_percent: '100' },
      }),
    ),
  ]),
  on('11 add_cluster: empty at first', (i) => [...parts(i), addCluster(i, { cluster_id: 'v', cluster_name: 'v', type: 'VIRTUAL' })]),
  refused('nodes', { nodes: [{ ip: '10.0.0.9', heartbeat_port: 1 }] }, 'Inconsistent virtual cluster args'),
  refused('mysql users', { mysql_user_name: ['u'] }, 'Inconsistent virtual cluster args'),
  refused('an endpoint', { public_endpoint: 'p' }, 'Inconsistent virtual cluster args'),
  refused('a status', { cluster_status: 'NORMAL' }, 'Inconsistent virtual cluster args'),
  refused(
    'names without policy',
    { cluster_policy: undefined },
    'subcgs and policy must be Incoming at the same time or do not transmit at the same time',
  ),
  refused(
    'policy without names',
    { cluster_names: undefined },
    'subcgs and policy must be Incoming at the same time or do not transmit at the same time',
  ),
  refused('one name', { cluster_names: ['c1'] }, 'Currently, just support two sub clusters'),
  refused('three names', { cluster_names: ['c1', 'c2', 'c3'] }, 'Currently, just support two sub clusters'),
  refused('a name off pattern', { cluster_names: ['c1', 'c-2'] }, 'cluster name c-2 does not match regex ^[a-zA-Z][a-zA-Z0-9_]*$'),
  refused(
    'a policy without type',
    { cluster_policy: { ...policy, type: undefined } },
    'plz set cluster policy type, use virtual cluster policy',
  ),
  refused('another policy type', { cluster_policy: { ...policy, type: 7 } }, 'cluster policy type must be ActiveStandby'),
  refused(
    'active without standby',
    { cluster_policy: { type: 'ActiveStandby', active_cluster_name: 'c1' } },
    'Inconsistent cluster policy: active_cluster_name must be set if standby_cluster_names are present, and vice versa.',
  ),
  refused(
    'standby without active',
    { cluster_policy: { type: 'ActiveStandby', standby_cluster_names: ['c1'] } },
    'Inconsistent cluster policy: active_cluster_name must be set if standby_cluster_names are present, and vice versa.',
  ),
  refused(
    'an active that is no part',
    { cluster_policy: { ...policy, active_cluster_name: 'c3' } },
    'active_cluster_name must not be empty and must be in cluster_names',
  ),
  refused(
    'a standby that is no part',
    { cluster_policy: { ...policy, standby_cluster_names: ['c3'] } },
    'standby_cluster_name c3 must be in cluster_names',
  ),
  refused(
    'active and standby the same',
    { cluster_policy: { ...policy, standby_cluster_names: ['c1'] } },
    'active_cluster_name is same of standby_cluster_name',
  ),
  refused(
    'a threshold of 0',
    { cluster_policy: { ...policy, failover_failure_threshold: 0 } },
    'failover_failure_threshold must be greater than 0 and less than max(int64)',
  ),
  ...[0, 101, -1].map((percent) =>
    refused(
      `${percent} percent`,
      { cluster_policy: { ...policy, unhealthy_node_threshold_percent: percent } },
      'unhealthy_node_threshold_percent must be greater than 0 and less than or equal to 100',
    ),
  ),
  refused(
    'an unknown part',
    { cluster_names: ['c1', 'c9'], cluster_policy: { ...policy, standby_cluster_names: ['c9'] } },
    'sub cluster c9 not been added in instance, plz add it before create virtual cluster',
  ),
  on('11 add_cluster: a part that is no compute cluster', (i) => [
    ...parts(i),
    addCluster(i, sql([fe(i, 1, 'FE_MASTER')], { cluster_id: 'f', cluster_name: 'f' })),
    addCluster(
      i,
      virtual({ cluster_names: ['c1', 'f'], cluster_policy: { ...policy, standby_cluster_names: ['f'] } }),
      invalid("sub cluster f 's type must be eq COMPUTE"),
    ),
  ]),
  on('11 add_cluster: a part of another virtual cluster', (i) => [
    ...parts(i),
    addCluster(i, virtual()),
    addCluster(i, virtual({ cluster_id: 'w', cluster_name: 'w' }), invalid('sub cluster c1 has been add by other vcg=v')),
  ]),
  on('8 drop_cluster: a part of a virtual cluster is 409', (i) => [
    ...parts(i),
    addCluster(i, virtual()),
    admin(
      'drop_cluster',
      { instance_id: i, cluster: { cluster_id: 'c1' } },
      {
        http: 409,
        code: 'ALREADY_EXISTED',
        msg:
          'failed to drop cluster, this cluster owned by virtual cluster=v ' +
          'if you want drop this cluster, please drop virtual cluster=v firstly',
      },
    ),
    admin('drop_cluster', { instance_id: i, cluster: { cluster_id: 'v' } }, ok),
    admin('drop_cluster', { instance_id: i, cluster: { cluster_id: 'c1' } }, ok),
  ]),
  on('11 a virtual cluster can be renamed', (i) => [
    ...parts(i),
    addCluster(i, virtual()),
    admin('rename_cluster', { instance_id: i, cluster: { cluster_id: 'v', cluster_name: 'w' } }, ok),
  ]),
  on('11 a virtual cluster never has a status', (i) => [
    ...parts(i),
    addCluster(i, virtual()),
    set(i, 'SUSPENDED', invalid('just support set COMPUTE cluster status'), 'v'),
  ]),
  on('11 get_cluster_status leaves virtual clusters out', (i) => [
    ...parts(i),
    addCluster(i, virtual()),
    get({ instance_ids: [i] }, okWith({ details: [{ clusters: [{}, {}, {}] }] })),
  ]),
];

const alter = (i: string, more: object, expect: Expected = ok) =>
  admin('alter_vcluster_info', { instance_id: i, cluster: { cluster_id: 'v', cluster_name: 'v', type: 'VIRTUAL', ...more } }, expect);
const altering: readonly Case[] = [
  on('11 alter_vcluster_info: active and standby swapped', (i) => [
    ...parts(i),
    addCluster(i, virtual()),
    alter(i, { cluster_policy: { type: 'ActiveStandby', active_cluster_name: 'c2', standby_cluster_names: ['c1'] } }),
    clusterShown(
      i,
      'v',
      okWith({ cluster_names: ['c1', 'c2'], cluster_policy: { active_cluster_name: 'c2', standby_cluster_names: ['c1'] } }),
    ),
  ]),
  on('11 alter_vcluster_info: other parts', (i) => [
    ...parts(i),
    addCluster(i, virtual()),
    alter(i, {
      cluster_names: ['c1', 'c3'],
      cluster_policy: { type: 'ActiveStandby', active_cluster_name: 'c1', standby_cluster_names: ['c3'] },
    }),
    clusterShown(i, 'v', okWith({ cluster_names: ['c1', 'c3'], cluster_policy: { standby_cluster_names: ['c3'] } })),
    admin('drop_cluster', { instance_id: i, cluster: { cluster_id: 'c2' } }, ok),
  ]),
  on('11 alter_vcluster_info: thresholds', (i) => [
    ...parts(i),
    addCluster(i, virtual()),
    alter(i, { cluster_policy: { failover_failure_threshold: 9, unhealthy_node_threshold_percent: 50 } }),
    clusterShown(
      i,
      'v',
      okWith({ cluster_policy: { active_cluster_name: 'c1', failover_failure_threshold: '9', unhealthy_node_threshold_percent: '50' } }),
    ),
  ]),
  on(
    '11 alter_vcluster_info: an unknown part',
    (i) => [
      ...parts(i),
      addCluster(i, virtual()),
      alter(
        i,
        { cluster_names: ['c1', 'c9'] },
        invalid('sub cluster c9 not been added in instance, plz add it before create virtual cluster'),
      ),
    ],
    { unchangedFrom: 5 },
  ),
  on(
    '11 alter_vcluster_info: the whole result is checked',
    (i) => [
      ...parts(i),
      addCluster(i, virtual()),
      alter(i, { cluster_policy: { active_cluster_name: 'c2' } }, invalid('active_cluster_name is same of standby_cluster_name')),
    ],
    { unchangedFrom: 5 },
  ),
  on('11 alter_vcluster_info: an unknown cluster', (i) => [
    ...parts(i),
    alter(
      i,
      { cluster_names: ['c1', 'c2'] },
      invalid(starts(`failed to find cluster to update, instance_id=${i} cluster_id=v cluster_name=v`)),
    ),
  ]),
  on('11 alter_vcluster_info: deleted', (i) => [
    instance(i),
    admin('drop_instance', { instance_id: i }, ok),
    alter(i, {}, invalid('instance status has been set delete, plz check it')),
    clusterShown(i, 'v', notFound()),
  ]),
];

export const clusterStatusCases: readonly Case[] = [...transitions, ...setting, ...reading, ...virtuals, ...altering];
