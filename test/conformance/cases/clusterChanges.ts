/** Section 8: clusters that are there: get_cluster, drop_cluster, rename_cluster and the like. */
import {
  addCluster,
  admin,
  be,
  type Case,
  clusterShown,
  compute,
  type Expected,
  fe,
  instance,
  internal,
  invalid,
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
const gone = (i: string) => `failed to get instance, instance_id=${i} err=KeyNotFound`;

const get = (i: string, more: object, expect: Expected) => admin('get_cluster', { cloud_unique_id: uid(i), ...more }, expect);
const two = (i: string) => [
  instance(i),
  addCluster(i, compute(1, [], { mysql_user_name: ['jack'] })),
  addCluster(i, compute(2, [], { mysql_user_name: ['jill', 'jack'] })),
];
const reading: readonly Case[] = [
  on('8 get_cluster: by id', (i) => [...two(i), get(i, { cluster_id: 'c2' }, okWith({ cluster_id: 'c2' }))]),
  on('8 get_cluster: by name', (i) => [...two(i), get(i, { cluster_name: 'c2' }, okWith({ cluster_id: 'c2' }))]),
  on('8 get_cluster: by user, the first of several', (i) => [
    ...two(i),
    get(i, { mysql_user_name: 'jack' }, okWith({ cluster_id: 'c1' })),
    get(i, { mysql_user_name: 'jill' }, okWith({ cluster_id: 'c2' })),
  ]),
  on('8 get_cluster: the id goes before the name', (i) => [
    ...two(i),
    get(i, { cluster_id: 'c1', cluster_name: 'c2' }, okWith({ cluster_id: 'c1' })),
  ]),
  on('8 get_cluster: the name goes before the user', (i) => [
    ...two(i),
    get(i, { cluster_name: 'c1', mysql_user_name: 'jill' }, okWith({ cluster_id: 'c1' })),
  ]),
  on('8 get_cluster: an empty id is no id', (i) => [
    ...two(i),
    get(i, { cluster_id: '', cluster_name: 'c2' }, okWith({ cluster_id: 'c2' })),
  ]),
  on('8 get_cluster: all, with the status', (i) => [
    ...two(i),
    get(
      i,
      {},
      okWith({ status: { code: 'OK', msg: '' }, cluster: [{ cluster_id: 'c1' }, { cluster_id: 'c2' }], enable_storage_vault: true }),
    ),
  ]),
  on('8 get_cluster: one of them is the result itself', (i) => [
    ...two(i),
    get(
      i,
      { cluster_id: 'c1' },
      {
        http: 200,
        holds: ({ json }) => {
          const { result } = json as { result: object };
          if (Object.hasOwn(result, 'status') || Object.hasOwn(result, 'cluster')) throw new Error('it is the whole reply');
        },
      },
    ),
  ]),
  on('8 get_cluster: nothing found, the request repeated', (i) => [
    instance(i),
    get(
      i,
      { instance_id: i, cluster_id: 'a', cluster_name: 'b', mysql_user_name: 'c' },
      notFound(
        starts(
          `fail to get cluster with instance_id: "${i}" cloud_unique_id: "${uid(i)}" cluster_id: "a" ` +
            'cluster_name: "b" mysql_user_name: "c"',
        ),
      ),
    ),
  ]),
  on('8 get_cluster: nothing found, only given fields repeated', (i) => [
    instance(i),
    get(i, { cluster_name: 'b' }, notFound(starts(`fail to get cluster with cloud_unique_id: "${uid(i)}" cluster_name: "b"`))),
  ]),
  on('8 get_cluster: all of an instance without clusters', (i) => [
    instance(i),
    get(i, {}, notFound(starts(`fail to get cluster with cloud_unique_id: "${uid(i)}"`))),
  ]),
  on('8 get_cluster: a deleted instance', (i) => [instance(i), drop(i), get(i, {}, notFound(starts('fail to get cluster with ')))]),
  one(
    '8 get_cluster: an empty cloud_unique_id',
    admin('get_cluster', { cloud_unique_id: '', cluster_id: 'c' }, invalid('cloud_unique_id must be given')),
  ),
  on('8 get_cluster: instance_id alone is not enough', (i) => [
    instance(i),
    admin('get_cluster', { instance_id: i }, invalid('cloud_unique_id must be given')),
  ]),
];

const dropCluster = (i: string, cluster: unknown, expect: Expected = ok) => admin('drop_cluster', { instance_id: i, cluster }, expect);
const point = (op: string, more = {}) => query('injection_point', { op, ...more }, ok);
/** Frontends may be dropped at once while these stand. */
export const noSafeTime = [
  point('enable'),
  point('set', { name: 'resource_manager::set_safe_drop_time', behavior: 'change_args', value: '[-1]' }),
] as const;
export const safeTimeAgain = [point('clear'), point('disable')] as const;
const inSafeTime = notFound(starts('drop fe cluster not in safe time, try later, cluster='));
const dropping: readonly Case[] = [
  on('8 drop_cluster: with its nodes', (i) => [
    instance(i),
    addCluster(i, compute(1, [be(i, 1)])),
    dropCluster(i, { cluster_id: 'c1' }),
    clusterShown(i, 'c1', notFound()),
  ]),
  on(
    '8 drop_cluster: repeating it is 404',
    (i) => [
      instance(i),
      addCluster(i, compute(1)),
      dropCluster(i, { cluster_id: 'c1' }),
      dropCluster(
        i,
        { cluster_id: 'c1', cluster_name: 'n' },
        notFound(starts(`failed to find cluster to drop, instance_id=${i} cluster_id=c1 cluster_name=n`)),
      ),
    ],
    { unchangedFrom: 3 },
  ),
  on('8 drop_cluster: found by id only', (i) => [
    instance(i),
    addCluster(i, compute(1)),
    dropCluster(i, { cluster_id: 'c1', cluster_name: 'another', nodes: [{}] }),
  ]),
  on('8 drop_cluster: not found by name', (i) => [
    instance(i),
    addCluster(i, compute(1)),
    dropCluster(i, { cluster_id: 'x', cluster_name: 'c1' }, notFound()),
  ]),
  on('8 drop_cluster: no id', (i) => [instance(i), dropCluster(i, { cluster_name: 'c1' }, invalid(starts('missing cluster_id=')))]),
  one('8 drop_cluster: the id before the instance', dropCluster('nobody', { cluster_id: '' }, invalid(starts('missing cluster_id=')))),
  one('8 drop_cluster: an unknown instance is 404', dropCluster('nobody', { cluster_id: 'c' }, notFound(gone('nobody')))),
  on('8 drop_cluster: deleted', (i) => [instance(i), drop(i), dropCluster(i, { cluster_id: 'c' }, notFound(deleted))]),
  on('8 drop_cluster: young frontends are protected', (i) => [
    instance(i),
    addCluster(i, sql([fe(i, 1, 'FE_MASTER')])),
    dropCluster(i, { cluster_id: 'RESERVED_CLUSTER_ID_FOR_SQL_SERVER' }, inSafeTime),
  ]),
  on(
    '17 injection_point: frontends may be dropped at once',
    (i) => [
      instance(i),
      addCluster(i, sql([fe(i, 1, 'FE_MASTER')])),
      ...noSafeTime,
      dropCluster(i, { cluster_id: 'RESERVED_CLUSTER_ID_FOR_SQL_SERVER' }),
    ],
    { always: safeTimeAgain },
  ),
  on(
    '17 injection_point: a point acts only while points are enabled',
    (i) => [
      instance(i),
      addCluster(i, sql([fe(i, 1, 'FE_MASTER')])),
      ...noSafeTime,
      point('disable'),
      dropCluster(i, { cluster_id: 'RESERVED_CLUSTER_ID_FOR_SQL_SERVER' }, inSafeTime),
    ],
    { always: safeTimeAgain },
  ),
  on(
    '17 injection_point: a cleared point does not act',
    (i) => [
      instance(i),
      addCluster(i, sql([fe(i, 1, 'FE_MASTER')])),
      ...noSafeTime,
      point('clear', { name: 'resource_manager::set_safe_drop_time' }),
      dropCluster(i, { cluster_id: 'RESERVED_CLUSTER_ID_FOR_SQL_SERVER' }, inSafeTime),
    ],
    { always: safeTimeAgain },
  ),
  on(
    '18 enable_check_fe_drop_in_safe_time: off',
    (i) => [
      instance(i),
      addCluster(i, sql([fe(i, 1, 'FE_MASTER')])),
      query('update_config', { configs: 'enable_check_fe_drop_in_safe_time=false' }, ok),
      dropCluster(i, { cluster_id: 'RESERVED_CLUSTER_ID_FOR_SQL_SERVER' }),
    ],
    { always: [query('update_config', { configs: 'enable_check_fe_drop_in_safe_time=true' }, ok)] },
  ),
  on(
    '18 enable_cluster_name_check: on',
    (i) => [
      instance(i),
      query('update_config', { configs: 'enable_cluster_name_check=true' }, ok),
      addCluster(
        i,
        compute(1, [], { cluster_name: 'a-b' }),
        invalid('cluster name not regex with ^[a-zA-Z][a-zA-Z0-9_]*$, please check it'),
      ),
      addCluster(i, compute(1, [], { cluster_name: 'a' })),
      admin(
        'add_node',
        { instance_id: i, cluster: { ...compute(1, [be(i, 1)]), cluster_name: '1a' } },
        invalid('cluster name not regex with ^[a-zA-Z][a-zA-Z0-9_]*$, please check it'),
      ),
    ],
    { always: [query('update_config', { configs: 'enable_cluster_name_check=false' }, ok)] },
  ),
];

const changes: readonly (readonly [route: string, good: object])[] = [
  ['rename_cluster', { cluster_name: 'new' }],
  ['update_cluster_mysql_user_name', { mysql_user_name: ['u'] }],
  ['update_cluster_endpoint', { private_endpoint: 'p' }],
  ['set_cluster_status', { cluster_status: 'SUSPENDED' }],
];
const common: readonly Case[] = changes.flatMap(([route, good]) => [
  on(`8 ${route}: no cluster_id`, (i) => [
    instance(i),
    admin(route, { instance_id: i, cluster: good }, invalid(starts('missing cluster_id='))),
  ]),
  one(
    `8 ${route}: an unknown instance is 400`,
    admin(route, { instance_id: 'nobody', cluster: { cluster_id: 'c', ...good } }, invalid(gone('nobody'))),
  ),
  on(`8 ${route}: deleted is 400`, (i) => [
    instance(i),
    drop(i),
    admin(route, { instance_id: i, cluster: { cluster_id: 'c', ...good } }, invalid(deleted)),
  ]),
  on(`8 ${route}: an unknown cluster is 400`, (i) => [
    instance(i),
    admin(
      route,
      { instance_id: i, cluster: { cluster_name: 'n', ...good, cluster_id: 'c' } },
      invalid(starts(`failed to find cluster to update, instance_id=${i} cluster_id=c cluster_name=`)),
    ),
  ]),
  on(`8 ${route}: found by id, through a cloud_unique_id`, (i) => [
    instance(i),
    addCluster(i, compute(1)),
    admin(route, { cloud_unique_id: uid(i), cluster: { cluster_id: 'c1', ...good } }, ok),
  ]),
]);

const rename = (i: string, cluster: unknown, expect: Expected = ok, more = {}) =>
  admin('rename_cluster', { instance_id: i, cluster, ...more }, expect);
const nameTaken = invalid(starts('failed to rename cluster, '));
const changing: readonly Case[] = [
  on('8 rename_cluster', (i) => [
    instance(i),
    addCluster(i, compute(1, [be(i, 1)])),
    rename(i, { cluster_id: 'c1', cluster_name: 'new-name 1' }),
    clusterShown(i, 'c1', okWith({ cluster_name: 'new-name 1', nodes: [{ ip: '10.0.0.1' }] })),
    get(i, { cluster_name: 'c1' }, notFound()),
  ]),
  on(
    '8 rename_cluster: the name of another cluster',
    (i) => [
      instance(i),
      addCluster(i, compute(1)),
      addCluster(i, compute(2)),
      rename(
        i,
        { cluster_id: 'c1', cluster_name: 'c2' },
        invalid(starts('failed to rename cluster, a cluster with the same name already exists in this instance ')),
      ),
    ],
    { unchangedFrom: 3 },
  ),
  on(
    '8 rename_cluster: its own name',
    (i) => [instance(i), addCluster(i, compute(1)), rename(i, { cluster_id: 'c1', cluster_name: 'c1' }, nameTaken)],
    { unchangedFrom: 2 },
  ),
  on('8 rename_cluster: an empty cluster of that name may be replaced', (i) => [
    instance(i),
    addCluster(i, compute(1, [be(i, 1)])),
    addCluster(i, compute(2)),
    rename(i, { cluster_id: 'c1', cluster_name: 'c2' }, ok, { replace_if_existing_empty_target_cluster: true }),
    clusterShown(i, 'c1', okWith({ cluster_name: 'c2' })),
    clusterShown(i, 'c2', notFound()),
  ]),
  on('8 rename_cluster: a cluster with nodes is not replaced', (i) => [
    instance(i),
    addCluster(i, compute(1, [be(i, 1)])),
    addCluster(i, compute(2, [be(i, 2)])),
    rename(i, { cluster_id: 'c1', cluster_name: 'c2' }, nameTaken, { replace_if_existing_empty_target_cluster: true }),
    clusterShown(i, 'c2', ok),
  ]),
  on('8 update_cluster_mysql_user_name: the list is replaced', (i) => [
    ...two(i),
    admin('update_cluster_mysql_user_name', { instance_id: i, cluster: { cluster_id: 'c2', mysql_user_name: ['root'] } }, ok),
    clusterShown(i, 'c2', okWith({ mysql_user_name: ['root'] })),
    get(i, { mysql_user_name: 'jill' }, notFound()),
  ]),
  on('8 update_cluster_mysql_user_name: an empty list', (i) => [
    ...two(i),
    admin(
      'update_cluster_mysql_user_name',
      { instance_id: i, cluster: { cluster_id: 'c2', mysql_user_name: [] } },
      invalid('no mysql user name to change'),
    ),
    clusterShown(i, 'c2', okWith({ mysql_user_name: ['jill', 'jack'] })),
  ]),
  on('8 update_cluster_mysql_user_name: no list', (i) => [
    ...two(i),
    admin('update_cluster_mysql_user_name', { instance_id: i, cluster: { cluster_id: 'c2' } }, invalid('no mysql user name to change')),
  ]),
  on('8 update_cluster_endpoint', (i) => [
    ...two(i),
    admin(
      'update_cluster_endpoint',
      { instance_id: i, cluster: { cluster_id: 'c1', public_endpoint: 'pub', private_endpoint: 'priv' } },
      ok,
    ),
    clusterShown(i, 'c1', okWith({ public_endpoint: 'pub', private_endpoint: 'priv' })),
  ]),
  ...[undefined, ''].map((endpoint) =>
    on(`8 update_cluster_endpoint: ${endpoint === undefined ? 'no' : 'an empty'} private endpoint`, (i) => [
      ...two(i),
      admin(
        'update_cluster_endpoint',
        { instance_id: i, cluster: { cluster_id: 'c1', public_endpoint: 'pub', private_endpoint: endpoint } },
        internal('missing private endpoint'),
      ),
    ]),
  ),
];

export const clusterChangeCases: readonly Case[] = [...reading, ...dropping, ...common, ...changing];
