/** Section 6: instances. */
import {
  addCluster,
  admin,
  type Case,
  compute,
  existed,
  instance,
  internal,
  invalid,
  legacyInstance,
  notFound,
  objInfo,
  ok,
  okWith,
  on,
  one,
  query,
  shown,
  starts,
} from '../vocabulary.ts';

const create = (i: string, more: Readonly<Record<string, unknown>>, expect: Parameters<typeof admin>[2] = ok) =>
  admin('create_instance', { instance_id: i, ...more }, expect);
const without = (name: string) => Object.fromEntries(Object.entries(objInfo).filter(([key]) => key !== name));
const badS3 = invalid('s3 conf info err, please check it');
const badRole = invalid('s3 conf info err with role_arn, please check it');
const badRamUser = invalid('ram user info err, please check it');
const role = {
  role_arn: 'arn:aws:iam::1:role/r',
  cred_provider_type: 'INSTANCE_PROFILE',
  bucket: 'b',
  endpoint: 'e',
  region: 'r',
  provider: 'S3',
} as const;
const hdfs = (fsName: string, prefix?: string) => ({
  vault: {
    hdfs_info: {
      build_conf: { fs_name: fsName, user: 'hadoop', hdfs_confs: [{ key: 'k', value: 'v' }] },
      ...(prefix === undefined ? {} : { prefix }),
    },
  },
});

const creation: readonly Case[] = [
  on('6 create_instance: nothing but an id', (i) => [
    create(i, {}),
    shown(i, okWith({ instance_id: i, status: 'NORMAL', enable_storage_vault: true })),
  ]),
  on('6 create_instance: user_id and storage are not asked for', (i) => [
    create(i, { name: 'n' }),
    shown(i, okWith({ name: 'n', sse_enabled: false })),
  ]),
  on('6 create_instance: every part is shown again', (i) => [
    create(i, { user_id: 'u', name: 'n', sse_enabled: true, ram_user: { user_id: 'ru', ak: 'rak', sk: 'rsk' } }),
    shown(
      i,
      okWith({
        user_id: 'u',
        name: 'n',
        sse_enabled: true,
        ram_user: { user_id: 'ru', ak: 'rak', sk: 'rsk' },
        iam_user: { external_id: i },
      }),
    ),
  ]),
  on('6 create_instance: legacy storage is stored with id 1, times and keys in clear', (i) => [
    legacyInstance(i),
    shown(i, {
      ...okWith({ obj_info: [{ ...objInfo, id: '1' }] }),
      holds: ({ json }) => {
        const info = (json as { result: { obj_info: { ctime: string; mtime: string }[]; enable_storage_vault?: boolean } }).result;
        const [first] = info.obj_info;
        if (!/^\d{10}$/.test(first?.ctime ?? '') || first?.ctime !== first?.mtime) throw new Error('ctime and mtime are not seconds');
        if (info.enable_storage_vault === true) throw new Error('it is in vault mode');
      },
    }),
  ]),
  on('6 create_instance: an object vault is the built-in one, with id 1', (i) => [
    create(i, { vault: { name: 'mine', obj_info: objInfo } }),
    shown(i, okWith({ resource_ids: ['1'], storage_vault_names: ['built_in_storage_vault'], enable_storage_vault: true })),
  ]),
  on('6 create_instance: an HDFS vault is the built-in one, with id 1', (i) => [
    create(i, hdfs('hdfs://172.21.0.44:4007', 'sample_prefix')),
    shown(i, okWith({ resource_ids: ['1'], storage_vault_names: ['built_in_storage_vault'], enable_storage_vault: true })),
  ]),
  on('6 create_instance: vaults are no part of get_instance', (i) => [
    create(i, { vault: { obj_info: objInfo } }),
    shown(i, {
      http: 200,
      holds: ({ text }) => {
        if (text.includes('sk-first')) throw new Error("a vault's key is shown");
      },
    }),
  ]),
  on('6 create_instance: obj_info and vault may both be given', (i) => [
    create(i, { obj_info: objInfo, vault: { obj_info: { ...objInfo, bucket: 'other' } } }),
    shown(i, okWith({ obj_info: [{ bucket: 'bucket' }], storage_vault_names: ['built_in_storage_vault'] })),
  ]),
  on('6 create_instance: ids have no format', (i) => [
    create(`${i} / ä:"x"`, {}),
    shown(`${i} / ä:"x"`, okWith({ instance_id: `${i} / ä:"x"` })),
  ]),
  on('6 create_instance: a role needs no keys', (i) => [
    create(i, { obj_info: role }),
    shown(i, okWith({ obj_info: [{ role_arn: role.role_arn, id: '1' }] })),
  ]),
  on('6 create_instance: the prefix of a legacy object info may be missing', (i) => [create(i, { obj_info: without('prefix') })]),
  on('6 create_instance: the prefix of an object vault may be empty', (i) => [
    create(i, { vault: { obj_info: { ...objInfo, prefix: '' } } }),
  ]),
  on(
    '6 create_instance: a second one is refused, whatever it says',
    (i) => [
      create(i, { name: 'a' }),
      create(i, { name: 'a' }, existed(starts(`instance already existed, instance_id=${i}`))),
      create(i, { name: 'b', obj_info: objInfo }, existed(starts(`instance already existed, instance_id=${i}`))),
      shown(i, okWith({ name: 'a' })),
    ],
    { unchangedFrom: 1 },
  ),
  on('6 create_instance: a dropped id cannot be created again', (i) => [
    create(i, {}),
    admin('drop_instance', { instance_id: i }, ok),
    create(i, {}, existed(starts(`instance already existed, instance_id=${i}`))),
  ]),
];

const creationRefused: readonly Case[] = [
  ...['user_id', 'ak', 'sk'].flatMap((part) => [
    on(`6 create_instance check 1: ram_user without ${part}`, (i) => [
      create(i, { ram_user: { user_id: 'u', ak: 'a', sk: 's', [part]: undefined } }, badRamUser),
    ]),
    on(`6 create_instance check 1: ram_user with an empty ${part}`, (i) => [
      create(i, { ram_user: { user_id: 'u', ak: 'a', sk: 's', [part]: '' } }, badRamUser),
    ]),
  ]),
  ...['ak', 'sk', 'bucket', 'endpoint', 'region', 'provider', 'external_endpoint'].map((part) =>
    on(`6 create_instance check 2: obj_info without ${part}`, (i) => [create(i, { obj_info: without(part) }, badS3)]),
  ),
  ...['ak', 'sk', 'bucket', 'endpoint', 'region', 'external_endpoint'].map((part) =>
    on(`6 create_instance check 2: obj_info with an empty ${part}`, (i) => [create(i, { obj_info: { ...objInfo, [part]: '' } }, badS3)]),
  ),
  on('6 create_instance check 2: an empty obj_info', (i) => [create(i, { obj_info: {} }, badS3)]),
  on('6 create_instance check 2: an unknown provider counts as missing', (i) => [
    create(i, { obj_info: { ...objInfo, provider: 'MINIO' } }, badS3),
  ]),
  on("6 create_instance check 2': a role without its credential type", (i) => [
    create(i, { obj_info: { ...role, cred_provider_type: undefined } }, badRole),
  ]),
  on("6 create_instance check 2': a role with another credential type", (i) => [
    create(i, { obj_info: { ...role, cred_provider_type: 'SIMPLE' } }, badRole),
  ]),
  on("6 create_instance check 2': a role at another provider", (i) => [create(i, { obj_info: { ...role, provider: 'COS' } }, badRole)]),
  on("6 create_instance check 2': an empty role", (i) => [create(i, { obj_info: { ...role, role_arn: '' } }, badRole)]),
  ...['bucket', 'endpoint', 'region'].map((part) =>
    on(`6 create_instance check 2': a role with an empty ${part}`, (i) => [create(i, { obj_info: { ...role, [part]: '' } }, badRole)]),
  ),
  one('6 create_instance check 3: an empty id', admin('create_instance', { instance_id: '' }, invalid('instance id not set'))),
  on('6 create_instance check 4: an HDFS prefix with a scheme', (i) => [
    create(i, hdfs('f', 'hdfs://x/y'), invalid('invalid prefix: hdfs://x/y')),
  ]),
  on('6 create_instance check 5: an empty fs_name', (i) => [create(i, hdfs('', 'p'), invalid('invalid fs_name: '))]),
  on('6 create_instance check 5: a blank fs_name', (i) => [create(i, hdfs('  ', 'p'), invalid(starts('invalid fs_name: ')))]),
  on('6 create_instance check 6: an object vault without sk', (i) => [create(i, { vault: { obj_info: without('sk') } }, badS3)]),
  on('6 create_instance check 6: an object vault with a bad role', (i) => [
    create(i, { vault: { obj_info: { ...role, provider: 'OSS' } } }, badRole),
  ]),
  on('6 create_instance: check 1 before 2', (i) => [create(i, { ram_user: {}, obj_info: {} }, badRamUser)]),
  one('6 create_instance: check 1 before 3', admin('create_instance', { ram_user: { user_id: 'u' } }, badRamUser)),
  one('6 create_instance: check 2 before 3', admin('create_instance', { obj_info: {} }, badS3)),
  one('6 create_instance: check 3 before 4', admin('create_instance', hdfs('f', '://'), invalid('instance id not set'))),
  on('6 create_instance: check 4 before 5', (i) => [create(i, hdfs('', 'a://b'), invalid('invalid prefix: a://b'))]),
  on('6 create_instance: check 2 before 7', (i) => [create(i, {}), create(i, { obj_info: {} }, badS3)]),
  on('6 create_instance: check 6 before 7', (i) => [create(i, {}), create(i, { vault: { obj_info: {} } }, badS3)]),
  on('6 create_instance: a refusal leaves the id free', (i) => [create(i, { obj_info: {} }, badS3), shown(i, internal()), create(i, {})]),
];

const unknown = (i: string) => `failed to get instance, info=failed to get instance, instance_id=${i} err=KeyNotFound`;
const reading: readonly Case[] = [
  one('6 get_instance: an unknown id', query('get_instance', { instance_id: 'nobody' }, internal(unknown('nobody')))),
  one('6 get_instance: an empty id is no id', query('get_instance', { instance_id: '' }, invalid('empty instance_id and cloud_unique_id'))),
  one(
    '6 get_instance: an unknown id wins over the other',
    query('get_instance', { instance_id: 'nobody', cloud_unique_id: 'x' }, internal(unknown('nobody'))),
  ),
  on('6 get_instance: clusters and nodes as stored', (i) => [
    instance(i),
    addCluster(i, compute(1, [{ cloud_unique_id: `1:${i}:a`, ip: '10.0.0.1', heartbeat_port: 9050 }])),
    shown(
      i,
      okWith({ clusters: [{ cluster_id: 'c1', cluster_name: 'c1', type: 'COMPUTE', nodes: [{ ip: '10.0.0.1', heartbeat_port: 9050 }] }] }),
    ),
  ]),
  on('6 get_instance: iam_user has the instance as its external id', (i) => [
    instance(i),
    shown(i, okWith({ iam_user: { external_id: i } })),
  ]),
];

const set = (i: string, op: unknown, expect = ok) => admin('set_instance_status', { instance_id: i, op }, expect);
const drop = (i: string, expect = ok) => admin('drop_instance', { instance_id: i }, expect);
const altering: readonly Case[] = [
  ...['drop_instance', 'rename_instance', 'enable_instance_sse', 'disable_instance_sse'].flatMap((route) => [
    one(`6 ${route}: an empty id`, admin(route, { instance_id: '', name: 'n' }, invalid('instance id not set'))),
    one(
      `6 ${route}: an unknown id`,
      admin(route, { instance_id: 'nobody', name: 'n' }, notFound(starts('instance not existed, instance_id=nobody'))),
    ),
  ]),
  on('6 drop_instance: it is deleted and stays readable', (i) => [instance(i), drop(i), shown(i, okWith({ status: 'DELETED' }))]),
  on('6 drop_instance: mtime is set', (i) => [
    instance(i),
    drop(i),
    shown(i, {
      http: 200,
      holds: ({ json }) => {
        if (!/^\d{10}$/.test((json as { result: { mtime?: string } }).result.mtime ?? '')) throw new Error('there is no mtime');
      },
    }),
  ]),
  on('6 drop_instance: a second drop is accepted', (i) => [instance(i), drop(i), drop(i), shown(i, okWith({ status: 'DELETED' }))]),
  on('6 drop_instance: clusters are in the way', (i) => [
    instance(i),
    addCluster(i, compute(1)),
    drop(i, invalid('failed to drop instance, instance has clusters')),
    admin('drop_cluster', { instance_id: i, cluster: { cluster_id: 'c1' } }, ok),
    drop(i),
  ]),
  on('6 drop_instance: an overdue instance may be dropped', (i) => [instance(i), set(i, 'SET_OVERDUE'), drop(i)]),
  on('6 rename_instance', (i) => [
    instance(i, { name: 'a' }),
    admin('rename_instance', { instance_id: i, name: 'b' }, ok),
    shown(i, okWith({ name: 'b' })),
  ]),
  on('6 rename_instance: an empty name', (i) => [
    instance(i, { name: 'a' }),
    admin('rename_instance', { instance_id: i, name: '' }, invalid('rename instance name, but not set')),
    admin('rename_instance', { instance_id: i }, invalid('rename instance name, but not set')),
    shown(i, okWith({ name: 'a' })),
  ]),
  on('6 rename_instance does not look at DELETED', (i) => [
    instance(i),
    drop(i),
    admin('rename_instance', { instance_id: i, name: 'b' }, ok),
  ]),
  on('6 enable_instance_sse: instance and object infos', (i) => [
    legacyInstance(i),
    admin('enable_instance_sse', { instance_id: i }, ok),
    shown(i, okWith({ sse_enabled: true, obj_info: [{ sse_enabled: true }] })),
    admin('enable_instance_sse', { instance_id: i }, invalid('failed to enable sse, instance has enabled sse')),
  ]),
  on('6 disable_instance_sse: instance and object infos', (i) => [
    legacyInstance(i, { sse_enabled: true }),
    admin('disable_instance_sse', { instance_id: i }, ok),
    shown(i, okWith({ sse_enabled: false, obj_info: [{ sse_enabled: false }] })),
    admin('disable_instance_sse', { instance_id: i }, invalid('failed to disable sse, instance has disabled sse')),
  ]),
  on('6 enable_instance_sse does not look at DELETED', (i) => [instance(i), drop(i), admin('enable_instance_sse', { instance_id: i }, ok)]),
  on('6 set_instance_status: to overdue and back', (i) => [
    instance(i),
    set(i, 'SET_OVERDUE'),
    shown(i, okWith({ status: 'OVERDUE' })),
    set(i, 'SET_NORMAL'),
    shown(i, okWith({ status: 'NORMAL' })),
  ]),
  on(
    '6 set_instance_status: already overdue',
    (i) => [
      instance(i),
      set(i, 'SET_OVERDUE'),
      set(i, 'SET_OVERDUE', invalid(`the instance has already set  instance to overdue, instance_id = ${i}`)),
    ],
    { unchangedFrom: 2 },
  ),
  on(
    '6 set_instance_status: already normal',
    (i) => [instance(i), set(i, 'SET_NORMAL', invalid(`the instance is already normal, instance_id = ${i}`))],
    { unchangedFrom: 1 },
  ),
  on('6 set_instance_status: a deleted one cannot be overdue', (i) => [
    instance(i),
    drop(i),
    set(i, 'SET_OVERDUE', invalid(`can't set deleted instance to overdue, instance_id = ${i}`)),
  ]),
  on('6 set_instance_status: a deleted one cannot be normal', (i) => [
    instance(i),
    drop(i),
    set(i, 'SET_NORMAL', invalid(`can't set deleted instance to normal, instance_id = ${i}`)),
  ]),
  one(
    '6 set_instance_status: an unknown id',
    admin('set_instance_status', { instance_id: 'nobody', op: 'SET_NORMAL' }, notFound(starts('instance not existed, instance_id=nobody'))),
  ),
  one('6 set_instance_status: an empty id', admin('set_instance_status', { op: 'SET_NORMAL' }, invalid('instance id not set'))),
  ...(
    [
      ['UNKNOWN', 0],
      ['DROP', 1],
      ['REFRESH', 2],
      ['RENAME', 3],
      ['ENABLE_SSE', 4],
      ['DISABLE_SSE', 5],
      ['SET_SNAPSHOT_PROPERTY', 8],
    ] as const
  ).map(([op, number]) =>
    on(`6 set_instance_status: ${op} is not let through`, (i) => [
      instance(i),
      set(i, op, invalid(`invalid request op, op=${number}`)),
      shown(i, okWith({ status: 'NORMAL' })),
    ]),
  ),
  one(
    '6 set_instance_status: the op is checked before the id',
    admin('set_instance_status', { op: 'DROP' }, invalid('invalid request op, op=1')),
  ),
  on('6 OVERDUE blocks nothing', (i) => [
    instance(i),
    set(i, 'SET_OVERDUE'),
    addCluster(i, compute(1)),
    admin('rename_instance', { instance_id: i, name: 'n' }, ok),
  ]),
  on('5 the route sets the op, whatever the body says', (i) => [
    instance(i),
    admin('rename_instance', { instance_id: i, name: 'n', op: 'DROP' }, ok),
    shown(i, okWith({ status: 'NORMAL', name: 'n' })),
  ]),
];

export const instanceCases: readonly Case[] = [...creation, ...creationRefused, ...reading, ...altering];
