/** Section 3: which instance a cloud_unique_id means, and what each route says when it means none. */
import {
  addCluster,
  admin,
  be,
  type Case,
  compute,
  contains,
  instance,
  internal,
  invalid,
  notFound,
  objInfo,
  ok,
  okIs,
  okWith,
  on,
  one,
  query,
  uid,
} from '../vocabulary.ts';

const byNode = (id: string, expect: Parameters<typeof query>[2]) => query('get_instance', { cloud_unique_id: id }, expect);
const noInstance = (id: string) => invalid(`cannot find instance_id with cloud_unique_id=${id}`);

const found: readonly Case[] = [
  on('3 the degraded form names an existing instance', (i) => [instance(i), byNode(uid(i, 'anything'), okWith({ instance_id: i }))]),
  on('3 the third part of the degraded form may be empty', (i) => [instance(i), byNode(`1:${i}:`, okWith({ instance_id: i }))]),
  on('3 the degraded form names a deleted instance, too', (i) => [
    instance(i),
    admin('drop_instance', { instance_id: i }, ok),
    byNode(uid(i), okWith({ instance_id: i, status: 'DELETED' })),
  ]),
  on('3 a registered node of free form names its instance', (i) => [
    instance(i),
    byNode(`free-${i}`, noInstance(`free-${i}`)),
    addCluster(i, compute(1, [be(i, 1, { cloud_unique_id: `free-${i}` })])),
    byNode(`free-${i}`, okWith({ instance_id: i })),
  ]),
  on('3 a node that was dropped names nothing any more', (i) => [
    instance(i),
    addCluster(i, compute(1, [be(i, 1, { cloud_unique_id: `free-${i}` })])),
    admin('drop_node', { instance_id: i, cluster: compute(1, [be(i, 1, { cloud_unique_id: `free-${i}` })]) }, ok),
    byNode(`free-${i}`, noInstance(`free-${i}`)),
  ]),
  on('3 nodes of a dropped cluster name nothing any more', (i) => [
    instance(i),
    addCluster(i, compute(1, [be(i, 1, { cloud_unique_id: `free-${i}` })])),
    admin('drop_cluster', { instance_id: i, cluster: { cluster_id: 'c1' } }, ok),
    byNode(`free-${i}`, noInstance(`free-${i}`)),
  ]),
  on('3 a registered node goes before the degraded form', (i) => [
    instance(i),
    instance(`${i}-other`),
    addCluster(`${i}-other`, compute(1, [be(i, 1, { cloud_unique_id: uid(i, 'lent') })])),
    byNode(uid(i, 'lent'), okWith({ instance_id: `${i}-other` })),
    byNode(uid(i, 'own'), okWith({ instance_id: i })),
  ]),
  on('3 one of several nodes with the same id is enough', (i) => [
    instance(i),
    addCluster(i, compute(1, [be(i, 1, { cloud_unique_id: `free-${i}` }), be(i, 2, { cloud_unique_id: `free-${i}` })])),
    admin('drop_node', { instance_id: i, cluster: compute(1, [be(i, 1, { cloud_unique_id: `free-${i}` })]) }, ok),
    byNode(`free-${i}`, okWith({ instance_id: i })),
  ]),
  on('3 get_instance: instance_id wins over cloud_unique_id', (i) => [
    instance(i),
    instance(`${i}-other`),
    query('get_instance', { instance_id: i, cloud_unique_id: uid(`${i}-other`) }, okWith({ instance_id: i })),
  ]),
  on('3 the alter cluster family: instance_id wins over cloud_unique_id', (i) => [
    instance(i),
    instance(`${i}-other`),
    admin('add_cluster', { instance_id: i, cloud_unique_id: uid(`${i}-other`), cluster: compute(1) }, ok),
    admin('get_cluster', { cloud_unique_id: uid(i), cluster_id: 'c1' }, ok),
    admin('get_cluster', { cloud_unique_id: uid(`${i}-other`), cluster_id: 'c1' }, notFound()),
  ]),
  on('3 the alter cluster family takes a cloud_unique_id in place of instance_id', (i) => [
    instance(i),
    admin('add_cluster', { cloud_unique_id: uid(i), cluster: compute(1) }, ok),
    admin('get_cluster', { cloud_unique_id: uid(i), cluster_id: 'c1' }, ok),
  ]),
  on('3 the alter cluster family takes an empty instance_id as none', (i) => [
    instance(i),
    admin('add_cluster', { instance_id: '', cloud_unique_id: uid(i), cluster: compute(1) }, ok),
  ]),
];

const misshapen = [
  ['a first part other than 1', (i: string) => `2:${i}:x`],
  ['two parts', (i: string) => `1:${i}`],
  ['four parts', (i: string) => `1:${i}:x:y`],
  ['a word as the first part', (i: string) => `word:${i}:x`],
  ['a first part beyond an integer', (i: string) => `12345678901:${i}:x`],
  ['no first part', (i: string) => `:${i}:x`],
  ['the instance id alone', (i: string) => i],
] as const;
const shapes = misshapen.map(([what, shape]) =>
  on(`3 ${what} is no degraded form`, (i) => [instance(i), byNode(shape(i), noInstance(shape(i)))]),
);

const unresolved = '1:nobody:x';
const failures: readonly Case[] = [
  one('3 get_instance: a degraded id of an unknown instance', byNode(unresolved, noInstance(unresolved))),
  one(
    '3 get_cluster without instance_id',
    admin('get_cluster', { cloud_unique_id: 'nobody', cluster_id: 'c' }, invalid('empty instance_id')),
  ),
  one(
    '3 get_cluster of a degraded id of an unknown instance',
    admin('get_cluster', { cloud_unique_id: unresolved, cluster_id: 'c' }, invalid('empty instance_id')),
  ),
  on('3 get_cluster falls back on instance_id', (i) => [
    instance(i),
    addCluster(i, compute(1)),
    admin('get_cluster', { cloud_unique_id: 'nobody', instance_id: i, cluster_id: 'c1' }, okWith({ cluster_id: 'c1' })),
  ]),
  on('3 get_cluster looks at instance_id only when the id is not resolved', (i) => [
    instance(i),
    instance(`${i}-other`),
    addCluster(i, compute(1)),
    admin('get_cluster', { cloud_unique_id: uid(i), instance_id: `${i}-other`, cluster_id: 'c1' }, ok),
  ]),
  one(
    '3 get_cluster: the instance it falls back on is unknown',
    admin('get_cluster', { cloud_unique_id: 'nobody', instance_id: 'nobody', cluster_id: 'c' }, internal()),
  ),
  ...[
    'add_cluster',
    'drop_cluster',
    'rename_cluster',
    'update_cluster_mysql_user_name',
    'update_cluster_endpoint',
    'add_node',
    'drop_node',
    'decommission_node',
    'set_cluster_status',
    'alter_vcluster_info',
  ].flatMap((route) => [
    one(
      `3 ${route}: a degraded id of an unknown instance`,
      admin(
        route,
        { cloud_unique_id: unresolved, cluster: compute(1) },
        invalid(`use degrade cloud_unique_id, but instance_id invalid, cloud_unique_id=${unresolved}`),
      ),
    ),
    one(`3 ${route}: an id of no instance`, admin(route, { cloud_unique_id: 'nobody', cluster: compute(1) }, invalid('empty instance_id'))),
    on(`8 ${route}: no cluster object`, (i) => [
      instance(i),
      admin(route, { instance_id: i }, invalid('invalid request instance_id or cluster not given')),
    ]),
  ]),
  one(
    '3 the alter cluster family: resolving goes before the cluster object',
    admin('add_cluster', { cloud_unique_id: 'nobody' }, invalid('empty instance_id')),
  ),
  ...['get_obj_store_info', 'show_storage_vaults'].map((route) =>
    one(`3 ${route}: an id of no instance`, admin(route, { cloud_unique_id: 'nobody' }, invalid('empty instance_id'))),
  ),
  one(
    '3 add_obj_info: an id of no instance',
    admin('add_obj_info', { cloud_unique_id: 'nobody', obj: objInfo }, invalid('empty instance_id')),
  ),
  one(
    '3 legacy_update_ak_sk: an id of no instance',
    admin('legacy_update_ak_sk', { cloud_unique_id: 'nobody', obj: { id: '1', ak: 'a', sk: 's' } }, invalid('empty instance_id')),
  ),
  one(
    '3 add_s3_vault: an id of no instance',
    admin('add_s3_vault', { cloud_unique_id: 'nobody', vault: { name: 'v', obj_info: objInfo } }, invalid('empty instance_id')),
  ),
  one(
    '3 get_stage: an id of no instance',
    admin('get_stage', { cloud_unique_id: 'nobody', type: 'INTERNAL', mysql_user_id: 'u' }, invalid('empty instance_id')),
  ),
  one(
    '3 get_tablet_stats: an id of no instance',
    admin('get_tablet_stats', { cloud_unique_id: 'nobody', tablet_idx: [] }, { http: 400, text: '\n' }),
  ),
  one(
    '3 abort_txn: an id of no instance',
    admin(
      'abort_txn',
      { cloud_unique_id: 'nobody', txn_id: 7 },
      invalid('cannot find instance_id with cloud_unique_id=nobody label= txn_id=7'),
    ),
  ),
  one(
    '3 abort_txn: no id',
    admin('abort_txn', { txn_id: 7 }, invalid('cannot find instance_id with cloud_unique_id=(empty) label= txn_id=7')),
  ),
  one(
    '3 abort_tablet_job: an id of no instance',
    admin(
      'abort_tablet_job',
      { cloud_unique_id: 'nobody', job: { idx: { tablet_id: 1 }, compaction: [{ id: 'a' }] } },
      invalid(contains('cannot find instance_id with cloud_unique_id=nobody')),
    ),
  ),
  one(
    '3 get_cluster_status leaves out what it cannot resolve',
    admin('get_cluster_status', { cloud_unique_ids: ['nobody', unresolved] }, okIs({ status: { code: 'OK', msg: '' } })),
  ),
];

export const resolutionCases: readonly Case[] = [...found, ...shapes, ...failures];
