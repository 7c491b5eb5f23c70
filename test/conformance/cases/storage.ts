/** Section 7: object storage, keys, vaults. */
import {
  admin,
  type Case,
  type Expected,
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
  uid,
} from '../vocabulary.ts';

const add = (i: string, obj: unknown, expect: Expected = ok) => admin('add_obj_info', { cloud_unique_id: uid(i), obj }, expect);
const infos = (i: string, expect: Expected) => admin('get_obj_store_info', { cloud_unique_id: uid(i) }, expect);
const drop = (i: string) => admin('drop_instance', { instance_id: i }, ok);
const second = { ...objInfo, ak: 'ak-second', sk: 'sk-second', bucket: 'second' } as const;
const without = (name: string, info: object = second) => Object.fromEntries(Object.entries(info).filter(([key]) => key !== name));
const deleted = notFound('instance status has been set delete, plz check it');
const badS3 = invalid('s3 conf info err, please check it');
const bothKeysAndRole = invalid('invaild argument, both set ak/sk and role_arn is not allowed');
const role = {
  role_arn: 'arn:aws:iam::1:role/r',
  cred_provider_type: 'INSTANCE_PROFILE',
  bucket: 'role-bucket',
  prefix: 'p',
  endpoint: 'e',
  region: 'r',
  provider: 'S3',
} as const;

const reading: readonly Case[] = ['get_obj_store_info', 'show_storage_vaults'].flatMap((route) => [
  on(`7 ${route}: object infos with keys in clear`, (i) => [
    legacyInstance(i),
    admin(route, { cloud_unique_id: uid(i) }, okWith({ status: { code: 'OK', msg: '' }, obj_info: [{ ...objInfo, id: '1' }] })),
  ]),
  on(`7 ${route}: vaults with keys in clear`, (i) => [
    admin('create_instance', { instance_id: i, vault: { obj_info: objInfo } }, ok),
    admin(
      route,
      { cloud_unique_id: uid(i) },
      okWith({ storage_vault: [{ id: '1', name: 'built_in_storage_vault', obj_info: objInfo }], enable_storage_vault: true }),
    ),
  ]),
  on(`7 ${route}: a deleted instance, too`, (i) => [
    legacyInstance(i),
    drop(i),
    admin(route, { cloud_unique_id: uid(i) }, okWith({ obj_info: [{ id: '1' }] })),
  ]),
]);

const adding: readonly Case[] = [
  on('7 add_obj_info: appended with the next id', (i) => [
    legacyInstance(i),
    add(i, second),
    add(i, { ...second, bucket: 'third', user_id: 'bu', use_path_style: true }),
    infos(
      i,
      okWith({ obj_info: [{ id: '1' }, { ...second, id: '2' }, { id: '3', bucket: 'third', user_id: 'bu', use_path_style: true }] }),
    ),
  ]),
  on('7 add_obj_info: an empty external_endpoint is stored as it is', (i) => [
    legacyInstance(i),
    add(i, { ...second, external_endpoint: '' }),
    infos(i, okWith({ obj_info: [{ id: '1' }, { external_endpoint: '' }] })),
  ]),
  on('7 add_obj_info: external_endpoint is not asked for', (i) => [legacyInstance(i), add(i, without('external_endpoint'))]),
  on('7 add_obj_info: sse_enabled is that of the instance', (i) => [
    legacyInstance(i, { sse_enabled: true }),
    add(i, second),
    infos(i, okWith({ obj_info: [{ id: '1' }, { sse_enabled: true }] })),
  ]),
  on('7 add_obj_info: the prefix loses blanks and slashes at both ends', (i) => [
    legacyInstance(i),
    add(i, { ...second, prefix: '  //aa/bb//' }),
    infos(i, okWith({ obj_info: [{ id: '1' }, { prefix: 'aa/bb' }] })),
  ]),
  on('7 add_obj_info: a role in place of keys', (i) => [
    legacyInstance(i),
    add(i, role),
    infos(i, okWith({ obj_info: [{ id: '1' }, { id: '2', role_arn: role.role_arn }] })),
  ]),
  on('7 add_obj_info step 1: no obj', (i) => [
    legacyInstance(i),
    admin('add_obj_info', { cloud_unique_id: uid(i) }, invalid(starts('s3 obj info err '))),
  ]),
  on(
    '7 add_obj_info step 2: more than 1 KiB',
    (i) => [legacyInstance(i), add(i, { ...second, prefix: 'p'.repeat(1100) }, invalid(starts('s3 obj info greater than 1k ')))],
    { unchangedFrom: 1 },
  ),
  on('7 add_obj_info step 2: a little less than 1 KiB is accepted', (i) => [
    legacyInstance(i),
    add(i, { ...second, prefix: 'p'.repeat(850) }),
  ]),
  on('7 add_obj_info step 3: no ak', (i) => [legacyInstance(i), add(i, without('ak'), invalid(starts('s3 obj info err ')))]),
  on('7 add_obj_info step 3: no sk', (i) => [legacyInstance(i), add(i, without('sk'), invalid(starts('s3 obj info err ')))]),
  on('7 add_obj_info step 3: a role and keys', (i) => [legacyInstance(i), add(i, { ...role, ak: 'a', sk: 's' }, bothKeysAndRole)]),
  one('7 add_obj_info step 4: no id', admin('add_obj_info', { obj: second }, invalid('cloud unique id not set'))),
  on('7 add_obj_info step 4: deleted', (i) => [legacyInstance(i), drop(i), add(i, second, deleted)]),
  on('7 add_obj_info step 5: vault mode', (i) => [instance(i), add(i, second, invalid("Storage vault doesn't support add obj info"))]),
  on('7 add_obj_info step 6: no provider', (i) => [legacyInstance(i), add(i, without('provider'), invalid('s3 conf lease provider info'))]),
  on('7 add_obj_info step 7: ten are the most', (i) => [
    legacyInstance(i),
    ...Array.from({ length: 9 }, (_, n) => add(i, { ...second, bucket: `b${n}` })),
    add(i, { ...second, bucket: 'b10' }, internal('this instance history has greater than 10 objs, please new another instance')),
  ]),
  ...['bucket', 'endpoint', 'region', 'prefix'].flatMap((part) => [
    on(`7 add_obj_info step 8: an empty ${part}`, (i) => [legacyInstance(i), add(i, { ...second, [part]: '' }, badS3)]),
    on(`7 add_obj_info step 8: no ${part}`, (i) => [legacyInstance(i), add(i, without(part), badS3)]),
  ]),
  on('7 add_obj_info step 8: an empty key', (i) => [legacyInstance(i), add(i, { ...second, sk: '' }, badS3)]),
  on(
    '7 add_obj_info step 9: the same again',
    (i) => [legacyInstance(i), add(i, objInfo, invalid('original obj infos has a same conf, please check it'))],
    { unchangedFrom: 1 },
  ),
  on('7 add_obj_info step 9: other keys are another one', (i) => [legacyInstance(i), add(i, { ...objInfo, ak: 'other' })]),
  on('7 add_obj_info: step 2 before 3', (i) => [
    legacyInstance(i),
    add(i, { prefix: 'p'.repeat(1100) }, invalid(starts('s3 obj info greater than 1k '))),
  ]),
  one('7 add_obj_info: step 3 before 4', admin('add_obj_info', { obj: { ak: 'a' } }, invalid(starts('s3 obj info err ')))),
  on('7 add_obj_info: step 4 before 5', (i) => [instance(i), drop(i), add(i, second, deleted)]),
  on('7 add_obj_info: step 5 before 6', (i) => [
    instance(i),
    add(i, without('provider'), invalid("Storage vault doesn't support add obj info")),
  ]),
  on('7 add_obj_info: step 6 before 8', (i) => [legacyInstance(i), add(i, { ak: 'a', sk: 's' }, invalid('s3 conf lease provider info'))]),
  on('7 add_obj_info: a refusal does not repeat sk in clear', (i) => [
    legacyInstance(i),
    add(
      i,
      { sk: 'very-secret-key-in-clear' },
      {
        http: 400,
        holds: ({ text }) => {
          if (text.includes('very-secret-key-in-clear')) throw new Error('the secret key is in the answer');
        },
      },
    ),
  ]),
];

const legacy = (i: string, obj: unknown, expect: Expected = ok, route = 'legacy_update_ak_sk') =>
  admin(route, { cloud_unique_id: uid(i), obj }, expect);
const legacyKeys: readonly Case[] = ['legacy_update_ak_sk', 'alter_obj_info'].flatMap((route) => [
  on(`7 ${route}: the keys are replaced`, (i) => [
    legacyInstance(i),
    legacy(i, { id: '1', ak: 'new-ak', sk: 'new-sk' }, ok, route),
    infos(i, okWith({ obj_info: [{ id: '1', ak: 'new-ak', sk: 'new-sk', bucket: 'bucket' }] })),
  ]),
  on(`7 ${route}: an id beyond the last`, (i) => [
    legacyInstance(i),
    legacy(i, { id: '2', ak: 'a', sk: 's' }, invalid('id invalid, please check it'), route),
  ]),
  on(`7 ${route}: id 0`, (i) => [
    legacyInstance(i),
    legacy(i, { id: '0', ak: 'a', sk: 's' }, invalid('id invalid, please check it'), route),
  ]),
  on(`7 ${route}: no id`, (i) => [legacyInstance(i), legacy(i, { ak: 'a', sk: 's' }, invalid('id invalid, please check it'), route)]),
  on(`7 ${route}: no keys`, (i) => [legacyInstance(i), legacy(i, { id: '1' }, invalid(starts('s3 obj info err ')), route)]),
  on(`7 ${route}: deleted`, (i) => [legacyInstance(i), drop(i), legacy(i, { id: '1', ak: 'a', sk: 's' }, deleted, route)]),
  on(`7 ${route}: a role with keys`, (i) => [
    legacyInstance(i),
    legacy(i, { id: '1', ak: 'a', sk: 's', role_arn: 'r' }, bothKeysAndRole, route),
  ]),
  on(`7 ${route}: a role at another provider than S3`, (i) => [
    legacyInstance(i),
    legacy(i, { id: '1', role_arn: 'r' }, invalid('role_arn is only supported for s3 provider'), route),
  ]),
  one(`7 ${route}: no cloud_unique_id`, admin(route, { obj: { id: '1', ak: 'a', sk: 's' } }, invalid('cloud unique id not set'))),
]);
const sameKeys = on(
  '7 legacy_update_ak_sk: the same keys again',
  (i) => [legacyInstance(i), legacy(i, { id: '1', ak: objInfo.ak, sk: objInfo.sk }, invalid('ak sk eq original, please check it'))],
  { unchangedFrom: 1 },
);

const update = (i: string, more: object, expect: Expected = ok) => admin('update_ak_sk', { instance_id: i, ...more }, expect);
const withUsers = (i: string) =>
  legacyInstance(i, { obj_info: { ...objInfo, user_id: 'bu' }, ram_user: { user_id: 'ru', ak: 'rak', sk: 'rsk' } });
const eqOriginal = invalid('ak sk eq original, please check it');
const bucketUser = (userId: string, ak: string, sk: string) => ({ internal_bucket_user: [{ user_id: userId, ak, sk }] });
const keys: readonly Case[] = [
  on('7 update_ak_sk: the keys of a bucket user', (i) => [
    withUsers(i),
    update(i, bucketUser('bu', 'a2', 's2')),
    infos(i, okWith({ obj_info: [{ user_id: 'bu', ak: 'a2', sk: 's2' }] })),
  ]),
  on('7 update_ak_sk: the keys of the ram user', (i) => [
    withUsers(i),
    update(i, { ram_user: { user_id: 'ru', ak: 'a2', sk: 's2' } }),
    shown(i, okWith({ ram_user: { user_id: 'ru', ak: 'a2', sk: 's2' }, obj_info: [{ ak: objInfo.ak }] })),
  ]),
  on('7 update_ak_sk: both at once', (i) => [
    withUsers(i),
    update(i, { ...bucketUser('bu', 'a2', 's2'), ram_user: { user_id: 'ru', ak: 'a3', sk: 's3' } }),
    shown(i, okWith({ ram_user: { ak: 'a3' }, obj_info: [{ ak: 'a2' }] })),
  ]),
  on('7 update_ak_sk: an object info without user takes keys and user', (i) => [
    legacyInstance(i),
    update(i, bucketUser('bu', 'a2', 's2')),
    infos(i, okWith({ obj_info: [{ user_id: 'bu', ak: 'a2' }] })),
  ]),
  on(
    '7 update_ak_sk: repeating it is refused',
    (i) => [withUsers(i), update(i, bucketUser('bu', 'a2', 's2')), update(i, bucketUser('bu', 'a2', 's2'), eqOriginal)],
    { unchangedFrom: 2 },
  ),
  on('7 update_ak_sk step 2: neither part', (i) => [instance(i), update(i, {}, invalid('nothing to update'))]),
  on('7 update_ak_sk step 2: an empty list is no part', (i) => [
    instance(i),
    update(i, { internal_bucket_user: [] }, invalid('nothing to update')),
  ]),
  one('7 update_ak_sk: step 1 before 2', admin('update_ak_sk', { instance_id: '' }, invalid('instance id not set'))),
  one('7 update_ak_sk: step 2 before 3', admin('update_ak_sk', { instance_id: 'nobody' }, invalid('nothing to update'))),
  one(
    '7 update_ak_sk step 3: an unknown instance',
    admin(
      'update_ak_sk',
      { instance_id: 'nobody', ...bucketUser('u', 'a', 's') },
      internal('failed to get instance, instance_id=nobody err=KeyNotFound'),
    ),
  ),
  on('7 update_ak_sk step 4: deleted', (i) => [withUsers(i), drop(i), update(i, bucketUser('bu', 'a', 's'), deleted)]),
  ...['user_id', 'ak', 'sk'].flatMap((part) => [
    on(`7 update_ak_sk step 5: a ram user with an empty ${part}`, (i) => [
      withUsers(i),
      update(i, { ram_user: { user_id: 'ru', ak: 'a', sk: 's', [part]: '' } }, invalid(starts('ram user info err '))),
    ]),
    on(`7 update_ak_sk step 6: a bucket user without ${part}`, (i) => [
      withUsers(i),
      update(i, { internal_bucket_user: [{ user_id: 'bu', ak: 'a', sk: 's', [part]: undefined }] }, invalid(starts('s3 bucket info err '))),
    ]),
  ]),
  on('7 update_ak_sk step 5: no ram user there', (i) => [
    instance(i),
    update(i, { ram_user: { user_id: 'u', ak: 'a', sk: 's' } }, invalid("instance doesn't have ram user info")),
  ]),
  on('7 update_ak_sk step 5: another ram user', (i) => [
    withUsers(i),
    update(i, { ram_user: { user_id: 'x', ak: 'a', sk: 's' } }, invalid('ram user_id err')),
  ]),
  on('7 update_ak_sk step 5: the same keys', (i) => [
    withUsers(i),
    update(i, { ram_user: { user_id: 'ru', ak: 'rak', sk: 'rsk' } }, eqOriginal),
  ]),
  on('7 update_ak_sk step 6: the same keys', (i) => [withUsers(i), update(i, bucketUser('bu', objInfo.ak, objInfo.sk), eqOriginal)]),
  on('7 update_ak_sk step 6: one other key is another pair', (i) => [withUsers(i), update(i, bucketUser('bu', objInfo.ak, 's2'))]),
  on('7 update_ak_sk step 6: the same keys for an info without user', (i) => [
    legacyInstance(i),
    update(i, bucketUser('bu', objInfo.ak, objInfo.sk), eqOriginal),
  ]),
  on('7 update_ak_sk step 6: several users and an info without user', (i) => [
    legacyInstance(i),
    update(
      i,
      {
        internal_bucket_user: [
          { user_id: 'a', ak: 'a', sk: 's' },
          { user_id: 'b', ak: 'a', sk: 's' },
        ],
      },
      invalid(starts("fail to update old instance's obj_info, s3 obj info err ")),
    ),
  ]),
  on('7 update_ak_sk step 7: nothing matched', (i) => [
    withUsers(i),
    update(i, bucketUser('nobody', 'a', 's'), invalid('fail to find the alter obj info')),
  ]),
  on(
    '7 update_ak_sk is all or nothing',
    (i) => [
      withUsers(i),
      update(
        i,
        { ram_user: { user_id: 'ru', ak: 'a2', sk: 's2' }, ...bucketUser('nobody', 'a', 's') },
        invalid('fail to find the alter obj info'),
      ),
      shown(i, okWith({ ram_user: { ak: 'rak', sk: 'rsk' }, obj_info: [{ ak: objInfo.ak }] })),
    ],
    { unchangedFrom: 1 },
  ),
  on('7 update_ak_sk: step 5 before 6', (i) => [
    withUsers(i),
    update(i, { ram_user: { user_id: 'ru' }, internal_bucket_user: [{}] }, invalid(starts('ram user info err '))),
  ]),
  on('7 update_ak_sk leaves vaults alone', (i) => [
    admin('create_instance', { instance_id: i, vault: { obj_info: { ...objInfo, user_id: 'bu' } } }, ok),
    update(i, bucketUser('bu', 'a2', 's2'), invalid('fail to find the alter obj info')),
    infos(i, okWith({ storage_vault: [{ obj_info: { ak: objInfo.ak } }] })),
  ]),
];

const ramUser = (i: string, user: unknown, expect: Expected = ok) => admin('alter_ram_user', { instance_id: i, ram_user: user }, expect);
const users: readonly Case[] = [
  on('7 alter_ram_user creates and replaces', (i) => [
    instance(i),
    ramUser(i, { user_id: 'u', ak: 'a', sk: 's' }),
    shown(i, okWith({ ram_user: { user_id: 'u', ak: 'a', sk: 's' } })),
    ramUser(i, { user_id: 'v', ak: 'a2', sk: 's2' }),
    shown(i, okWith({ ram_user: { user_id: 'v', ak: 'a2', sk: 's2' } })),
  ]),
  on('7 alter_ram_user: an empty part', (i) => [
    instance(i),
    ramUser(i, { user_id: 'u', ak: 'a', sk: '' }, invalid(starts('ram user info err '))),
  ]),
  on('7 alter_ram_user: no ram user', (i) => [instance(i), ramUser(i, undefined, invalid(starts('ram user info err ')))]),
  one(
    '7 alter_ram_user: an unknown instance',
    admin(
      'alter_ram_user',
      { instance_id: 'nobody', ram_user: { user_id: 'u', ak: 'a', sk: 's' } },
      internal('failed to get instance, instance_id=nobody err=KeyNotFound'),
    ),
  ),
  on('7 alter_ram_user: deleted', (i) => [instance(i), drop(i), ramUser(i, { user_id: 'u', ak: 'a', sk: 's' }, deleted)]),
  ...['account_id', 'ak', 'sk'].map((part) =>
    one(
      `7 alter_iam: an empty ${part}`,
      admin('alter_iam', { account_id: 'acc', ak: 'a', sk: 's', [part]: '' }, invalid('invalid argument')),
    ),
  ),
  on('7 alter_iam: every instance shows it; the same again is refused', (i) => [
    instance(i),
    admin('alter_iam', { account_id: i, ak: 'iam-ak', sk: 'iam-sk' }, ok),
    shown(i, okWith({ iam_user: { user_id: i, ak: 'iam-ak', sk: 'iam-sk', external_id: i } })),
    admin('alter_iam', { account_id: i, ak: 'iam-ak', sk: 'iam-sk' }, invalid('already has the same arn info')),
  ]),
];

const s3Vault = (i: string, vault: unknown, expect: Expected = ok, more = {}) =>
  admin('add_s3_vault', { cloud_unique_id: uid(i), vault, ...more }, expect);
const hdfsVault = (i: string, vault: unknown, expect: Expected = ok) => admin('add_hdfs_vault', { cloud_unique_id: uid(i), vault }, expect);
const hdfs = (name: string, fsName = 'hdfs://h:1', prefix = 'p') => ({
  name,
  hdfs_info: { build_conf: { fs_name: fsName, user: 'u' }, prefix },
});
const alter = (i: string, vault: unknown, expect: Expected = ok) => admin('alter_s3_vault', { cloud_unique_id: uid(i), vault }, expect);
const named = (name: string, info: object = objInfo) => ({ name, obj_info: info });
const vaults: readonly Case[] = [
  on('7 add_s3_vault: names and ids are appended', (i) => [
    instance(i),
    s3Vault(i, named('v1')),
    s3Vault(i, named('v2', second)),
    shown(i, okWith({ resource_ids: ['1', '2'], storage_vault_names: ['v1', 'v2'] })),
    infos(
      i,
      okWith({
        storage_vault: [
          { id: '1', name: 'v1', obj_info: objInfo },
          { id: '2', name: 'v2', obj_info: { bucket: 'second' } },
        ],
      }),
    ),
  ]),
  on('7 add_s3_vault: as the default', (i) => [
    instance(i),
    s3Vault(i, named('v1'), ok, { set_as_default_storage_vault: true }),
    infos(i, okWith({ default_storage_vault_id: '1', default_storage_vault_name: 'v1' })),
  ]),
  on('7 add_s3_vault: the prefix may be empty', (i) => [instance(i), s3Vault(i, named('v1', { ...objInfo, prefix: '' }))]),
  on(
    '7 add_s3_vault: a name that is taken',
    (i) => [instance(i), s3Vault(i, named('v1')), s3Vault(i, named('v1', second), existed('vault_name=v1 already created'))],
    { unchangedFrom: 2 },
  ),
  on('7 add_s3_vault: legacy mode', (i) => [
    legacyInstance(i),
    s3Vault(i, named('v1'), invalid("Storage vault doesn't support storage vault")),
  ]),
  on('7 add_s3_vault: no keys', (i) => [instance(i), s3Vault(i, named('v1', { bucket: 'b' }), invalid(starts('s3 obj info err ')))]),
  on('7 add_s3_vault: role and keys', (i) => [instance(i), s3Vault(i, named('v1', { ...role, ak: 'a', sk: 's' }), bothKeysAndRole)]),
  on('7 add_s3_vault: no provider', (i) => [
    instance(i),
    s3Vault(i, named('v1', without('provider')), invalid('s3 conf lease provider info')),
  ]),
  on('7 add_s3_vault: an empty bucket', (i) => [instance(i), s3Vault(i, named('v1', { ...objInfo, bucket: '' }), badS3)]),
  on('7 add_s3_vault: a role without its credential type', (i) => [
    instance(i),
    s3Vault(i, named('v1', { ...role, cred_provider_type: undefined }), invalid('s3 conf info err with role_arn, please check it')),
  ]),
  on('7 add_s3_vault: deleted', (i) => [instance(i), drop(i), s3Vault(i, named('v1'), deleted)]),
  one('7 add_s3_vault: no cloud_unique_id', admin('add_s3_vault', { vault: named('v1') }, invalid('cloud unique id not set'))),
  on('7 vaults and object infos share one row of ids', (i) => [
    admin('create_instance', { instance_id: i, vault: { obj_info: objInfo } }, ok),
    hdfsVault(i, hdfs('h')),
    s3Vault(i, named('s', second)),
    shown(i, okWith({ resource_ids: ['1', '2', '3'], storage_vault_names: ['built_in_storage_vault', 'h', 's'] })),
  ]),
  on('7 add_hdfs_vault: the prefix gets a random end', (i) => [
    instance(i),
    hdfsVault(i, hdfs('h', 'hdfs://h:1', ' /base/ ')),
    infos(i, {
      ...okWith({ storage_vault: [{ id: '1', name: 'h', hdfs_info: { build_conf: { fs_name: 'hdfs://h:1', user: 'u' } } }] }),
      holds: ({ json }) => {
        const { storage_vault: found } = (json as { result: { storage_vault: { hdfs_info: { prefix: string } }[] } }).result;
        const prefix = found[0]?.hdfs_info.prefix ?? '';
        if (!/^base_[^/\s]+$/.test(prefix)) throw new Error(`the prefix is ${prefix}`);
      },
    }),
  ]),
  on('7 add_hdfs_vault: an empty prefix becomes _ and a random end', (i) => [
    instance(i),
    hdfsVault(i, hdfs('h', 'hdfs://h:1', '')),
    infos(i, {
      http: 200,
      holds: ({ json }) => {
        const { storage_vault: found } = (json as { result: { storage_vault: { hdfs_info: { prefix: string } }[] } }).result;
        const prefix = found[0]?.hdfs_info.prefix ?? '';
        if (!/^_[^/\s]+$/.test(prefix)) throw new Error(`the prefix is ${prefix}`);
      },
    }),
  ]),
  on('7 add_hdfs_vault: no vault', (i) => [instance(i), hdfsVault(i, undefined, invalid(starts('hdfs info is not found ')))]),
  on('7 add_hdfs_vault: no name', (i) => [
    instance(i),
    hdfsVault(i, { hdfs_info: hdfs('').hdfs_info }, invalid(starts('hdfs info is not found '))),
  ]),
  on('7 add_hdfs_vault: a name that is taken', (i) => [
    instance(i),
    hdfsVault(i, hdfs('h')),
    hdfsVault(i, hdfs('h'), existed('vault_name=h already created')),
  ]),
  on('7 add_hdfs_vault: a prefix with a scheme', (i) => [
    instance(i),
    hdfsVault(i, hdfs('h', 'f', 'a://b'), invalid('invalid prefix: a://b')),
  ]),
  on('7 add_hdfs_vault: a blank fs_name', (i) => [instance(i), hdfsVault(i, hdfs('h', ' '), invalid(starts('invalid fs_name: ')))]),
  on('7 add_hdfs_vault: deleted', (i) => [instance(i), drop(i), hdfsVault(i, hdfs('h'), deleted)]),
  on('7 alter_s3_vault: keys, path style and name', (i) => [
    instance(i),
    s3Vault(i, named('v1')),
    alter(i, { name: 'v1', alter_name: 'w1', obj_info: { ak: 'a2', sk: 's2', use_path_style: true } }),
    infos(
      i,
      okWith({ storage_vault: [{ id: '1', name: 'w1', obj_info: { ak: 'a2', sk: 's2', use_path_style: true, bucket: 'bucket' } }] }),
    ),
    shown(i, okWith({ storage_vault_names: ['w1'] })),
  ]),
  ...[
    ['bucket', 'b'],
    ['endpoint', 'e'],
    ['prefix', 'p'],
    ['provider', 'COS'],
  ].map(([part = '', value]) =>
    on(`7 alter_s3_vault: ${part} cannot be altered`, (i) => [
      instance(i),
      s3Vault(i, named('v1')),
      alter(i, { name: 'v1', obj_info: { [part]: value } }, invalid('Bucket, endpoint, prefix and provider can not be altered')),
    ]),
  ),
  on('7 alter_s3_vault: no obj_info', (i) => [
    instance(i),
    s3Vault(i, named('v1')),
    alter(i, { name: 'v1' }, invalid('There is no s3 vault provided')),
  ]),
  on('7 alter_s3_vault: an unknown name', (i) => [
    instance(i),
    alter(i, { name: 'nobody', obj_info: { ak: 'a', sk: 's' } }, invalid('invalid storage vault name, not found, name =nobody')),
  ]),
  on('7 alter_s3_vault: an HDFS vault', (i) => [
    instance(i),
    hdfsVault(i, hdfs('h')),
    alter(i, { name: 'h', obj_info: { ak: 'a', sk: 's' } }, invalid('h is not s3 storage vault')),
  ]),
  ...['1a', 'a-b', 'a b', '_a'].map((name) =>
    on(`7 alter_s3_vault: '${name}' is no name`, (i) => [
      instance(i),
      s3Vault(i, named('v1')),
      alter(
        i,
        { name: 'v1', alter_name: name, obj_info: { ak: 'a', sk: 's' } },
        invalid(`invalid storage vault name =${name} the name must satisfy ^[a-zA-Z][0-9a-zA-Z_]*$`),
      ),
    ]),
  ),
  on('7 alter_s3_vault: a name that is taken', (i) => [
    instance(i),
    s3Vault(i, named('v1')),
    s3Vault(i, named('v2', second)),
    alter(i, { name: 'v1', alter_name: 'v2', obj_info: { ak: 'a', sk: 's' } }, existed('vault_name=v2 already existed')),
  ]),
  on('7 alter_s3_vault: a role with keys', (i) => [
    instance(i),
    s3Vault(i, named('v1')),
    alter(i, { name: 'v1', obj_info: { ak: 'a', sk: 's', role_arn: 'r' } }, bothKeysAndRole),
  ]),
  ...['ak', 'sk'].map((part) =>
    on(`7 alter_s3_vault: ${part} alone`, (i) => [
      instance(i),
      s3Vault(i, named('v1')),
      alter(i, { name: 'v1', obj_info: { [part]: 'x' } }, invalid('Accesskey and secretkey must be alter together')),
    ]),
  ),
  on('7 drop_hdfs_vault', (i) => [
    instance(i),
    hdfsVault(i, hdfs('h')),
    s3Vault(i, named('v2')),
    admin('drop_hdfs_vault', { cloud_unique_id: uid(i), vault: { name: 'h' } }, ok),
    shown(i, okWith({ resource_ids: ['2'], storage_vault_names: ['v2'] })),
    infos(i, okWith({ storage_vault: [{ name: 'v2' }] })),
    admin('drop_hdfs_vault', { cloud_unique_id: uid(i), vault: { name: 'h' } }, internal('vault_name=h not found')),
  ]),
  on('7 drop_s3_vault is never possible', (i) => [
    instance(i),
    s3Vault(i, named('v1')),
    admin('drop_s3_vault', { cloud_unique_id: uid(i), vault: { name: 'v1' } }, invalid('invalid request op, op=104')),
  ]),
];

const atRest: readonly Case[] = [
  on('7 get_value shows the stored cipher text and its encryption_info', (i) => [
    legacyInstance(i),
    query(
      'get_value',
      { key_type: 'InstanceKey', instance_id: i },
      {
        http: 200,
        holds: ({ text }) => {
          if (text.includes(objInfo.sk) || text.includes(objInfo.ak)) throw new Error('keys are shown in clear');
          if (!text.includes('"encryption_info"')) throw new Error('there is no encryption_info');
        },
      },
    ),
  ]),
  on('7 get_instance leaves encryption_info in', (i) => [
    legacyInstance(i),
    shown(i, {
      http: 200,
      holds: ({ json }) => {
        const [info] = (json as { result: { obj_info: { encryption_info?: object }[] } }).result.obj_info;
        if (info?.encryption_info === undefined) throw new Error('there is no encryption_info');
      },
    }),
  ]),
  on('7 role based infos have neither keys nor encryption_info', (i) => [
    legacyInstance(i),
    add(i, role),
    infos(i, {
      http: 200,
      holds: ({ json }) => {
        const info = (json as { result: { obj_info: object[] } }).result.obj_info[1] ?? {};
        for (const name of ['ak', 'sk', 'encryption_info']) if (Object.hasOwn(info, name)) throw new Error(`there is ${name}`);
      },
    }),
  ]),
  on('7 legacy_update_ak_sk: same keys are told after the id', (i) => [
    legacyInstance(i),
    legacy(i, { id: '7', ak: objInfo.ak, sk: objInfo.sk }, invalid('id invalid, please check it')),
  ]),
];

export const storageCases: readonly Case[] = [...reading, ...adding, ...legacyKeys, sameKeys, ...keys, ...users, ...vaults, ...atRest];
