/** Instances, their storage and its keys: sections 6 and 7 of the contract. */
import {
  admin,
  type Draws,
  type Fields,
  type Info,
  type Plan,
  type Planned,
  type Refusal,
  starts,
  type World,
} from './metaserviceModel.ts';

const deleted: Refusal = [404, 'instance status has been set delete, plz check it'];
const confErr: Refusal = [400, 's3 conf info err, please check it'];
const eqOriginal: Refusal = [400, 'ak sk eq original, please check it'];
const builtIn = 'built_in_storage_vault';

const keysOf = (number: number): { readonly ak: string; readonly sk: string } => ({ ak: `AKIA${number}0000001`, sk: `secret-${number}` });
const keys = (draws: Draws) => keysOf(1 + draws.below(4));
const hasKeys = (a: { readonly ak: string; readonly sk: string }, b: typeof a): boolean => a.ak === b.ak && a.sk === b.sk;
const place = (prefix: string) => ({
  bucket: 'bucket',
  prefix,
  endpoint: 's3.example.org',
  region: 'r1',
  provider: 'S3',
  external_endpoint: 's3.example.org',
});
const trimmed = (prefix: string): string => prefix.replace(/^[ /]+|[ /]+$/g, '');

/** The first operation of every sequence. */
export function createFirst(world: World, mode: 'legacy' | 's3 vault' | 'hdfs vault' | 'no storage'): Planned {
  const info = { ...keysOf(1), ...place('/p0/') };
  const storage =
    mode === 'legacy'
      ? { obj_info: info }
      : mode === 's3 vault'
        ? { vault: { name: 'ignored', obj_info: info } }
        : mode === 'hdfs vault'
          ? { vault: { hdfs_info: { prefix: 'pre', build_conf: { fs_name: 'hdfs://a:9000', user: 'u' } } } }
          : {};
  return admin('create_instance', { instance_id: world.id, user_id: 'u1', name: world.name, ...storage }, undefined, () => {
    world.hasVaults = mode !== 'legacy';
    const stored: Info = { id: '1', ...info, prefix: 'p0' };
    if (mode === 'legacy') world.infos.push(stored);
    if (mode === 's3 vault') world.vaults.push({ id: '1', name: builtIn, info: stored });
    if (mode === 'hdfs vault') world.vaults.push({ id: '1', name: builtIn });
  });
}
export const createNeighbour = ({ neighbour }: World): Planned =>
  admin('create_instance', { instance_id: neighbour.instance, user_id: 'u1', name: 'neighbour' }, undefined, () => {});

const createAgain: Plan = (world, draws) => {
  const info = { ...keysOf(1), ...place('p') };
  const variants: readonly (readonly [Fields, Refusal])[] = [
    [{ instance_id: world.id, user_id: 'u' }, [409, starts(`instance already existed, instance_id=${world.id}`)]],
    [{ user_id: 'u' }, [400, 'instance id not set']],
    [{ instance_id: world.id, ram_user: { user_id: 'r', ak: 'a' } }, [400, 'ram user info err, please check it']],
    [{ instance_id: world.id, obj_info: { ...info, external_endpoint: '' } }, confErr],
    [{ instance_id: world.id, vault: { hdfs_info: { prefix: 'a://b', build_conf: { fs_name: 'f' } } } }, [400, 'invalid prefix: a://b']],
  ];
  const [body, refusal] = draws.of(variants);
  return admin('create_instance', body, refusal, () => {});
};

/** Whom an instance operation names, and the refusal when that is nobody. */
function named(world: World, draws: Draws, unknown: (id: string) => Refusal): { readonly given: Fields; readonly refusal: Refusal } {
  const roll = draws.below(30);
  if (roll === 0) return { given: {}, refusal: [400, 'instance id not set'] };
  if (roll === 1) return { given: { instance_id: `${world.id}-none` }, refusal: unknown(`${world.id}-none`) };
  return { given: { instance_id: world.id }, refusal: undefined };
}
const notExisted = (id: string): Refusal => [404, starts(`instance not existed, instance_id=${id}`)];

const dropInstance: Plan = (world, draws) => {
  const { given, refusal } = named(world, draws, notExisted);
  const full: Refusal = world.clusters.length > 0 ? [400, 'failed to drop instance, instance has clusters'] : undefined;
  return admin('drop_instance', given, refusal ?? full, () => {
    world.status = 'DELETED';
  });
};
const renameInstance: Plan = (world, draws) => {
  const { given, refusal } = named(world, draws, notExisted);
  const name = draws.of(['', 'second', 'third']);
  return admin(
    'rename_instance',
    { ...given, name },
    refusal ?? (name === '' ? [400, 'rename instance name, but not set'] : undefined),
    () => {
      world.name = name;
    },
  );
};
const setSse: Plan = (world, draws) => {
  const word = draws.percent(50) ? 'enable' : 'disable';
  const { given, refusal } = named(world, draws, notExisted);
  const same: Refusal = world.sse === (word === 'enable') ? [400, `failed to ${word} sse, instance has ${word}d sse`] : undefined;
  return admin(`${word}_instance_sse`, given, refusal ?? same, () => {
    world.sse = word === 'enable';
    for (const info of world.infos) info.sse_enabled = world.sse;
  });
};
const setStatus: Plan = (world, draws) => {
  const op = draws.of(['SET_OVERDUE', 'SET_NORMAL', 'SET_OVERDUE', 'SET_NORMAL', 'SET_NORMAL', 'DROP']);
  if (op === 'DROP') return admin('set_instance_status', { instance_id: world.id, op }, [400, 'invalid request op, op=1'], () => {});
  const { given, refusal } = named(world, draws, notExisted);
  const wanted = op === 'SET_OVERDUE' ? 'OVERDUE' : 'NORMAL';
  const already =
    wanted === 'OVERDUE'
      ? `the instance has already set  instance to overdue, instance_id = ${world.id}`
      : `the instance is already normal, instance_id = ${world.id}`;
  const own: Refusal =
    world.status === 'DELETED'
      ? [400, `can't set deleted instance to ${wanted.toLowerCase()}, instance_id = ${world.id}`]
      : world.status === wanted
        ? [400, already]
        : undefined;
  return admin('set_instance_status', { ...given, op }, refusal ?? own, () => {
    world.status = wanted;
  });
};

/** Whose storage a request names, and the refusal when that is nobody's or a deleted instance's. */
function owner(world: World, draws: Draws): { readonly given: Fields; readonly refusal: Refusal } {
  const roll = draws.below(30);
  if (roll === 0) return { given: {}, refusal: [400, 'cloud unique id not set'] };
  if (roll === 1) return { given: { cloud_unique_id: `${world.id}-ghost` }, refusal: [400, 'empty instance_id'] };
  const registered = world.nodes.flatMap(({ cloud_unique_id }) => cloud_unique_id ?? []);
  const id = registered.length > 0 && draws.percent(30) ? draws.of(registered) : world.degraded;
  return { given: { cloud_unique_id: id }, refusal: world.status === 'DELETED' ? deleted : undefined };
}

const addObjInfo: Plan = (world, draws) => {
  const prefix = draws.of(['p0', ' //p1/ ', 'p2', 'p3', 'p4', 'p5', 'p6', 'p7']);
  const pair = keys(draws);
  const whole: Fields = { ...pair, ...place(prefix), ...(draws.percent(20) ? { user_id: 'b1' } : {}) };
  const broken = draws.below(12);
  const { region: _region, provider: _provider, ...rest } = whole;
  const { sk: _sk, ...keyless } = whole;
  const obj = [{ ...rest, region: 'r1' }, { ...rest, provider: 'S3' }, keyless, { ...whole, role_arn: 'arn' }][broken] ?? whole;
  const early: readonly Refusal[] = [
    undefined,
    undefined,
    [400, starts('s3 obj info err ')],
    [400, 'invaild argument, both set ak/sk and role_arn is not allowed'],
  ];
  const { given, refusal } = owner(world, draws);
  const isSame = world.infos.some((info) => hasKeys(info, pair) && info.prefix === trimmed(prefix));
  const late: readonly Refusal[] = [
    world.hasVaults ? [400, "Storage vault doesn't support add obj info"] : undefined,
    broken === 0 ? [400, 's3 conf lease provider info'] : undefined,
    world.infos.length >= 10 ? [500, 'this instance history has greater than 10 objs, please new another instance'] : undefined,
    broken === 1 ? confErr : undefined,
    isSame ? [400, 'original obj infos has a same conf, please check it'] : undefined,
  ];
  const first = early[broken] ?? refusal ?? late.find((each) => each !== undefined);
  return admin('add_obj_info', { ...given, obj }, first, () => {
    const user = whole['user_id'] === undefined ? {} : { user_id: 'b1' };
    world.infos.push({ id: world.nextStorageId(), ...pair, ...place(trimmed(prefix)), ...user, sse_enabled: world.sse });
  });
};

const legacyUpdate: Plan = (world, draws) => {
  const id = draws.percent(85) ? String(1 + draws.below(Math.max(1, world.infos.length))) : draws.of(['0', '99', '']);
  const pair = keys(draws);
  const { given, refusal } = owner(world, draws);
  const info = world.infos.find((each) => each.id === id);
  const own: Refusal = info === undefined ? [400, 'id invalid, please check it'] : hasKeys(info, pair) ? eqOriginal : undefined;
  const obj = id === '' ? pair : { id, ...pair };
  return admin('legacy_update_ak_sk', { ...given, obj }, refusal ?? own, () => {
    if (info !== undefined) Object.assign(info, pair);
  });
};

interface Rotated {
  readonly user_id?: string;
  readonly ak: string;
  readonly sk: string;
}
/** What update_ak_sk does to the infos, on a copy. */
function rotate(infos: readonly Info[], users: readonly Rotated[]): { readonly infos: Info[]; readonly refusal: Refusal } {
  const next = infos.map((info) => ({ ...info }));
  let matched = 0;
  for (const user of users) {
    if (user.user_id === undefined) return { infos: next, refusal: [400, starts('s3 bucket info err ')] };
    for (const info of next) {
      if (info.user_id !== undefined && info.user_id !== user.user_id) continue;
      if (info.user_id === undefined && users.length > 1)
        return { infos: next, refusal: [400, starts("fail to update old instance's obj_info, s3 obj info err ")] };
      if (hasKeys(info, user)) return { infos: next, refusal: eqOriginal };
      matched += 1;
      Object.assign(info, { ak: user.ak, sk: user.sk, user_id: user.user_id });
    }
  }
  const missed: Refusal = users.length > 0 && matched === 0 ? [400, 'fail to find the alter obj info'] : undefined;
  return { infos: next, refusal: missed };
}
const updateAkSk: Plan = (world, draws) => {
  const asked = (id: string): Refusal => [500, `failed to get instance, instance_id=${id} err=KeyNotFound`];
  const { given, refusal } = named(world, draws, asked);
  const first: Rotated = { user_id: draws.of(['b1', 'b1', 'b2']), ...keys(draws) };
  const { user_id: _user, ...nameless } = first;
  const users = draws.of<readonly Rotated[]>([[], [first], [first], [first], [nameless], [first, { user_id: 'b3', ...keys(draws) }]]);
  const ram = draws.percent(30) ? { user_id: draws.of(['r1', 'r1', 'r2']), ...keys(draws) } : undefined;
  const body = { ...given, ...(users.length > 0 ? { internal_bucket_user: users } : {}), ...(ram === undefined ? {} : { ram_user: ram }) };
  const rotated = rotate(world.infos, users);
  const old = world.ramUser;
  const ramRefusal: Refusal =
    ram === undefined
      ? undefined
      : old === undefined
        ? [400, "instance doesn't have ram user info"]
        : old.user_id !== ram.user_id
          ? [400, 'ram user_id err']
          : hasKeys(old, ram)
            ? eqOriginal
            : undefined;
  const inOrder: readonly Refusal[] = [
    given['instance_id'] === undefined ? refusal : undefined,
    users.length === 0 && ram === undefined ? [400, 'nothing to update'] : undefined,
    refusal,
    world.status === 'DELETED' ? deleted : undefined,
    ramRefusal,
    rotated.refusal,
  ];
  return admin(
    'update_ak_sk',
    body,
    inOrder.find((each) => each !== undefined),
    () => {
      world.infos = rotated.infos;
      world.ramUser = ram ?? world.ramUser;
    },
  );
};
const alterRamUser: Plan = (world, draws) => {
  const whole = { user_id: draws.of(['r1', 'r1', 'r2']), ...keys(draws) };
  const isBroken = draws.percent(15);
  const body = { instance_id: world.id, ram_user: isBroken ? { ...whole, sk: '' } : whole };
  const gone = world.status === 'DELETED' ? deleted : undefined;
  return admin('alter_ram_user', body, isBroken ? [400, starts('ram user info err ')] : gone, () => {
    world.ramUser = whole;
  });
};

const vaultNames = ['v1', 'v2', 'v3', 'v4'];
const taken = (world: World, name: string): boolean => world.vaults.some((vault) => vault.name === name);
const addS3Vault: Plan = (world, draws) => {
  const name = draws.fresh(
    vaultNames,
    world.vaults.map((vault) => vault.name),
  );
  const pair = keys(draws);
  const { provider, ...unprovided } = place(draws.of(['', 'q1', '/q2']));
  const hasProvider = draws.percent(90);
  const isDefault = draws.percent(40);
  const { given, refusal } = owner(world, draws);
  const info = { ...pair, ...unprovided, ...(hasProvider ? { provider } : {}) };
  const own: readonly Refusal[] = [
    world.hasVaults ? undefined : [400, "Storage vault doesn't support storage vault"],
    hasProvider ? undefined : [400, 's3 conf lease provider info'],
    taken(world, name) ? [409, `vault_name=${name} already created`] : undefined,
  ];
  const body = { ...given, vault: { name, obj_info: info }, ...(isDefault ? { set_as_default_storage_vault: true } : {}) };
  return admin('add_s3_vault', body, refusal ?? own.find((each) => each !== undefined), () => {
    const id = world.nextStorageId();
    world.vaults.push({ id, name, info: { id, ...pair, ...unprovided, provider, prefix: trimmed(unprovided.prefix) } });
    if (isDefault) world.defaultVault = name;
  });
};
const addHdfsVault: Plan = (world, draws) => {
  if (!world.hasVaults) return addS3Vault(world, draws);
  const name = draws.fresh(
    vaultNames,
    world.vaults.map((vault) => vault.name),
  );
  const { given, refusal } = owner(world, draws);
  const isFree = !taken(world, name);
  // Alone, for the contract does not say whether a bad path or an unresolved id is named first.
  const fault = isFree && refusal === undefined && draws.percent(20) ? draws.of(['prefix', 'fs_name', 'name'] as const) : undefined;
  const build_conf = { fs_name: fault === 'fs_name' ? ' ' : 'hdfs://b', user: 'u' };
  const hdfs_info = { prefix: fault === 'prefix' ? 'x://y' : ' pre ', build_conf };
  const texts = { prefix: 'invalid prefix: x://y', fs_name: /^invalid fs_name: *$/, name: starts('hdfs info is not found ') } as const;
  const own: Refusal = fault !== undefined ? [400, texts[fault]] : isFree ? undefined : [409, `vault_name=${name} already created`];
  const body = { ...given, vault: fault === 'name' ? { hdfs_info } : { name, hdfs_info } };
  return admin('add_hdfs_vault', body, refusal ?? own, () => {
    world.vaults.push({ id: world.nextStorageId(), name });
  });
};
const alterS3Vault: Plan = (world, draws) => {
  if (!world.hasVaults) return legacyUpdate(world, draws);
  const vault = draws.percent(85) && world.vaults.length > 0 ? draws.of(world.vaults) : undefined;
  const name = vault?.name ?? 'nothing';
  const pair = keys(draws);
  const alterName = draws.percent(40) ? draws.of([...vaultNames.filter((each) => each !== name), '9bad']) : undefined;
  const isPlaced = draws.percent(10);
  const { given, refusal } = owner(world, draws);
  const isSound = vault?.info !== undefined && alterName === undefined && refusal === undefined && !isPlaced;
  const isTorn = isSound && draws.percent(15); // Alone, for the contract does not order it among the others.
  const obj = { ...(isTorn ? { ak: pair.ak } : pair), ...(isPlaced ? { bucket: 'other' } : {}) };
  const own: readonly Refusal[] = [
    refusal,
    vault === undefined ? [400, `invalid storage vault name, not found, name =${name}`] : undefined,
    vault?.info === undefined ? [400, `${name} is not s3 storage vault`] : undefined,
    alterName === '9bad'
      ? [400, 'invalid storage vault name =9bad the name must satisfy ^[a-zA-Z][0-9a-zA-Z_]*$']
      : alterName !== undefined && taken(world, alterName)
        ? [409, `vault_name=${alterName} already existed`]
        : undefined,
    isTorn ? [400, 'Accesskey and secretkey must be alter together'] : undefined,
  ];
  const first: Refusal = isPlaced
    ? [400, 'Bucket, endpoint, prefix and provider can not be altered']
    : own.find((each) => each !== undefined);
  const body = { ...given, vault: { name, obj_info: obj, ...(alterName === undefined ? {} : { alter_name: alterName }) } };
  return admin('alter_s3_vault', body, first, () => {
    if (vault?.info === undefined) return;
    Object.assign(vault.info, pair);
    if (world.defaultVault === vault.name) world.defaultVault = alterName ?? vault.name;
    vault.name = alterName ?? vault.name;
  });
};
const dropHdfsVault: Plan = (world, draws) => {
  const droppable = world.vaults.filter(({ info }) => info === undefined);
  const vault = droppable.length > 0 && draws.percent(80) ? draws.of(droppable) : undefined;
  const { given, refusal } = owner(world, draws);
  const unknown: Refusal = vault === undefined ? [500, 'vault_name=nothing not found'] : undefined;
  return admin('drop_hdfs_vault', { ...given, vault: { name: vault?.name ?? 'nothing' } }, refusal ?? unknown, () => {
    world.vaults = world.vaults.filter((each) => each !== vault);
    if (world.defaultVault === vault?.name) world.defaultVault = undefined;
  });
};
const dropS3Vault: Plan = (world) =>
  admin('drop_s3_vault', { cloud_unique_id: world.degraded, vault: { name: 'v1' } }, [400, 'invalid request op, op=104'], () => {});

/** Operations with how often each is drawn. */
export const storagePlans: readonly (readonly [weight: number, name: string, plan: Plan])[] = [
  [2, 'createAgain', createAgain],
  [1, 'dropInstance', dropInstance],
  [2, 'renameInstance', renameInstance],
  [2, 'setSse', setSse],
  [3, 'setStatus', setStatus],
  [4, 'addObjInfo', addObjInfo],
  [4, 'legacyUpdate', legacyUpdate],
  [4, 'updateAkSk', updateAkSk],
  [2, 'alterRamUser', alterRamUser],
  [3, 'addS3Vault', addS3Vault],
  [2, 'addHdfsVault', addHdfsVault],
  [3, 'alterS3Vault', alterS3Vault],
  [2, 'dropHdfsVault', dropHdfsVault],
  [1, 'dropS3Vault', dropS3Vault],
];
