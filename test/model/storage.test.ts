/**
 * Goal: any mix of acts on object stores, vaults, keys and stages, restarts and lost replies leaves them where a small model says, and
 * every refusal is the model's, word for word.
 * Method: fast-check draws acts on two instances, one with object stores of its own and one with vaults, runs them on the model and on
 * a node over the in-memory log, and shrinks. In the model a key is the word it was made of.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { ComparableSecret } from '../../events/kit.ts';
import { instanceOf } from '../../projections/instances.ts';
import type { State } from '../../projections/state.ts';
import { storageOf } from '../../projections/storage.ts';
import type { Command } from '../../src/deciders/commands.ts';
import { replay } from '../support/replay.ts';
import { hdfs, keys, secret, store } from '../support/storage.ts';
import { disturbances, type OneNode, onOneNode } from './oneNode.ts';

interface Place {
  readonly id: number;
  readonly bucket: string;
  key: string;
  user?: string;
}
interface Vault {
  readonly id: number;
  name: string;
  key?: string;
}
interface Instance {
  readonly hasVaults: boolean;
  isDropped: boolean;
  account?: string;
  readonly places: Place[];
  vaults: Vault[];
  byDefault?: number;
  stages: string[];
}
interface Model {
  readonly instances: ReadonlyMap<string, Instance>;
  identity?: string;
}
interface Real {
  readonly node: OneNode;
}
type Act = (model: Model) => string | undefined;

const wordOf = (key: ComparableSecret | '' | undefined): string =>
  key === undefined || key === '' ? '' : key.fingerprint.slice('fingerprint of ak '.length);
/** What the tables say, as the model would. */
function seen(state: State): Model {
  const one = (instanceId: string): Instance => {
    const row = instanceOf(state.instances, instanceId);
    const storage = storageOf(state.storage, instanceId);
    return {
      hasVaults: row?.enableStorageVault === true,
      isDropped: row?.status === 'DELETED',
      ...(row?.ramUser === undefined ? {} : { account: wordOf(row.ramUser.ak) }),
      places: (storage?.objectStores ?? []).map(({ ak, bucket = '', id, userId }) => ({
        id: Number(id),
        bucket,
        key: wordOf(ak),
        ...(userId === undefined ? {} : { user: userId }),
      })),
      vaults: (storage?.vaults ?? []).map(({ id, name, objInfo }) => ({
        id: Number(id),
        name,
        ...(objInfo === undefined ? {} : { key: wordOf(objInfo.ak) }),
      })),
      ...(storage?.defaultVaultId === undefined ? {} : { byDefault: Number(storage.defaultVaultId) }),
      stages: (storage?.stages ?? []).map(({ stageId }) => stageId),
    };
  };
  const { identity } = state.storage;
  return {
    instances: new Map(['legacy', 'vaults'].map((id) => [id, one(id)])),
    ...(identity === undefined ? {} : { identity: wordOf(identity.ak) }),
  };
}

const step = (command: Command, act: Act): fc.AsyncCommand<Model, Real> => ({
  check: () => true,
  toString: () =>
    JSON.stringify(command, (key, value: unknown) => (key === 'ak' || key === 'sk' ? wordOf(value as ComparableSecret) : value)),
  run: async (model, { node }) => {
    const expected = act(model);
    const outcome = await node.ask(command);
    expect(outcome.kind === 'rejected' ? outcome.rejection.detail : undefined).toBe(expected);
    expect(seen(node.cluster.node('n1').state)).toEqual(model);
  },
});

const deleted = 'instance status has been set delete, plz check it';
const eqOriginal = 'ak sk eq original, please check it';
/** An act on an instance that is there and not dropped. */
const on =
  (id: string, act: (instance: Instance) => string | undefined): Act =>
  ({ instances }) => {
    const instance = instances.get(id);
    if (instance === undefined) return 'empty instance_id';
    return instance.isDropped ? deleted : act(instance);
  };
const nextId = ({ places, vaults }: Instance): number => 1 + Math.max(0, ...[...places, ...vaults].map(({ id }) => id));

/** Whom an act names: mostly the instance that it is for. */
const mostly = (usual: string, other: string) =>
  fc.oneof(
    { weight: 8, arbitrary: fc.constant(usual) },
    { weight: 1, arbitrary: fc.constant(other) },
    { weight: 1, arbitrary: fc.constant('nobody') },
  );
const placeOwner = mostly('legacy', 'vaults');
const vaultOwner = mostly('vaults', 'legacy');
const by = (instanceId: string) => ({ cloudUniqueId: `1:${instanceId}:x` });
const key = fc.constantFrom('k1', 'k2', 'k3');
const bucket = fc.constantFrom('b1', 'b2', 'b3', 'b4');
const user = fc.constantFrom('u1', 'u2');
const vaultName = fc.constantFrom('v1', 'v2', 'v3');

const addsPlace = fc
  .record({ instanceId: placeOwner, bucket, word: key, userId: fc.option(user, { nil: undefined }) })
  .map(({ bucket: name, instanceId, userId, word }) =>
    step(
      {
        name: 'addObjectStore',
        ...by(instanceId),
        obj: { ...store, ...keys(word), bucket: name, ...(userId === undefined ? {} : { userId }) },
      },
      on(instanceId, (instance) => {
        if (instance.hasVaults) return "Storage vault doesn't support add obj info";
        if (instance.places.length >= 10) return 'this instance history has greater than 10 objs, please new another instance';
        if (instance.places.some((place) => place.bucket === name && place.key === word))
          return 'original obj infos has a same conf, please check it';
        instance.places.push({ id: nextId(instance), bucket: name, key: word, ...(userId === undefined ? {} : { user: userId }) });
        return undefined;
      }),
    ),
  );
const rotatesOne = fc.record({ instanceId: placeOwner, number: fc.nat({ max: 4 }), word: key }).map(({ instanceId, number, word }) =>
  step(
    { name: 'rotateObjectStoreKeys', ...by(instanceId), obj: { id: String(number), ...keys(word) } },
    on(instanceId, (instance) => {
      const place = instance.places.find((one) => one.id === number);
      if (place === undefined) return 'id invalid, please check it';
      if (place.key === word) return eqOriginal;
      place.key = word;
      return undefined;
    }),
  ),
);

/** Works on copies, so that a refusal leaves everything as it was. The words after `err ` are not compared: there are none. */
function rotated(instance: Instance, account: string | undefined, users: readonly (readonly [string, string])[]): string | undefined {
  if (account !== undefined && instance.account === undefined) return "instance doesn't have ram user info";
  if (account !== undefined && instance.account === account) return eqOriginal;
  const places = instance.places.map((place) => ({ ...place }));
  const changed = new Set<Place>();
  for (const [name, word] of users)
    for (const place of places) {
      if (place.user !== undefined && place.user !== name) continue;
      if (place.key === word) return eqOriginal;
      Object.assign(place, { user: name, key: word });
      changed.add(place);
    }
  if (users.length > 0 && changed.size === 0) return 'fail to find the alter obj info';
  if (account !== undefined) instance.account = account;
  instance.places.splice(0, instance.places.length, ...places);
  return undefined;
}
const rotates = fc
  .record({ instanceId: placeOwner, account: fc.option(key, { nil: undefined }), one: fc.option(fc.tuple(user, key), { nil: undefined }) })
  .map(({ account, instanceId, one }) =>
    step(
      {
        name: 'rotateKeys',
        instanceId,
        ...(account === undefined ? {} : { ramUser: { userId: 'ram', ...keys(account) } }),
        ...(one === undefined ? {} : { internalBucketUser: [{ userId: one[0], ...keys(one[1]) }] }),
      },
      ({ instances }) => {
        if (account === undefined && one === undefined) return 'nothing to update';
        const instance = instances.get(instanceId);
        if (instance === undefined) return `failed to get instance, instance_id=${instanceId} err=KeyNotFound`;
        return instance.isDropped ? deleted : rotated(instance, account, one === undefined ? [] : [one]);
      },
    ),
  );
const setsAccount = fc.record({ instanceId: placeOwner, word: key }).map(({ instanceId, word }) =>
  step({ name: 'setRamUser', instanceId, ramUser: { userId: 'ram', ...keys(word) } }, ({ instances }) => {
    const instance = instances.get(instanceId);
    if (instance === undefined) return `failed to get instance, instance_id=${instanceId} err=KeyNotFound`;
    if (instance.isDropped) return deleted;
    instance.account = word;
    return undefined;
  }),
);

const addsVault = fc
  .record({ instanceId: vaultOwner, name: vaultName, word: fc.option(key, { nil: undefined }), isDefault: fc.boolean() })
  .map(({ instanceId, isDefault, name, word }) =>
    step(
      {
        name: 'addStorageVault',
        ...by(instanceId),
        setAsDefaultStorageVault: isDefault,
        ...(word === undefined
          ? { kind: 'HDFS', vault: { name, hdfsInfo: hdfs } }
          : { kind: 'S3', vault: { name }, obj: { ...store, ...keys(word) } }),
      },
      on(instanceId, (instance) => {
        if (word !== undefined && !instance.hasVaults) return "Storage vault doesn't support storage vault";
        if (word !== undefined && instance.places.length >= 10)
          return 'this instance history has greater than 10 objs, please new another instance';
        if (instance.vaults.some((vault) => vault.name === name)) return `vault_name=${name} already created`;
        const number = nextId(instance);
        instance.vaults.push({ id: number, name, ...(word === undefined ? {} : { key: word }) });
        if (isDefault) instance.byDefault = number;
        return undefined;
      }),
    ),
  );
const altersVault = fc
  .record({ instanceId: vaultOwner, name: vaultName, to: fc.option(vaultName, { nil: undefined }), word: key })
  .map(({ instanceId, name, to, word }) =>
    step(
      {
        name: 'alterStorageVault',
        ...by(instanceId),
        kind: 'S3',
        vault: { name, objInfo: keys(word), ...(to === undefined ? {} : { alterName: to }) },
      },
      on(instanceId, (instance) => {
        const vault = instance.vaults.find((one) => one.name === name);
        if (vault === undefined) return `invalid storage vault name, not found, name =${name}`;
        if (vault.key === undefined) return `${name} is not s3 storage vault`;
        if (instance.vaults.some((one) => one.name === to)) return `vault_name=${to} already existed`;
        vault.key = word;
        vault.name = to ?? name;
        return undefined;
      }),
    ),
  );
const dropsVault = fc.record({ instanceId: vaultOwner, name: vaultName }).map(({ instanceId, name }) =>
  step(
    { name: 'dropStorageVault', ...by(instanceId), vault: { name } },
    on(instanceId, (instance) => {
      const vault = instance.vaults.find((one) => one.name === name);
      if (vault === undefined) return `vault_name=${name} not found`;
      instance.vaults = instance.vaults.filter((one) => one !== vault);
      if (instance.byDefault === vault.id) delete instance.byDefault;
      return undefined;
    }),
  ),
);
const setsDefault = fc.record({ instanceId: vaultOwner, name: fc.option(vaultName, { nil: undefined }) }).map(({ instanceId, name }) =>
  step(
    name === undefined ? { name: 'unsetDefaultVault', ...by(instanceId) } : { name: 'setDefaultVault', ...by(instanceId), vault: { name } },
    on(instanceId, (instance) => {
      const vault = instance.vaults.find((one) => one.name === name);
      if (name !== undefined && vault === undefined) return `invalid storage vault name, name =${name}`;
      if (vault === undefined) delete instance.byDefault;
      else instance.byDefault = vault.id;
      return undefined;
    }),
  ),
);

const stageId = fc.constantFrom('s1', 's2');
/** An internal stage of a user whose name and id are the stage's. */
const createsStage = fc.record({ instanceId: placeOwner, stage: stageId }).map(({ instanceId, stage }) =>
  step(
    { name: 'createStage', ...by(instanceId), stage: { type: 'INTERNAL', stageId: stage, mysqlUserName: [stage], mysqlUserId: [stage] } },
    on(instanceId, (instance) => {
      if (instance.stages.includes(stage)) return 'stage already exist';
      if (instance.places.length === 0) return 'impossible, instance must have at least one obj_info.';
      instance.stages.push(stage);
      return undefined;
    }),
  ),
);
const dropsStage = fc.record({ instanceId: fc.constant('legacy'), stage: stageId }).map(({ instanceId, stage }) =>
  step(
    { name: 'dropStage', ...by(instanceId), type: 'INTERNAL', mysqlUserId: stage },
    on(instanceId, (instance) => {
      if (!instance.stages.includes(stage))
        return `stage not found with {"cloud_unique_id":"1:${instanceId}:x","type":"INTERNAL","mysql_user_id":"${stage}"}`;
      instance.stages = instance.stages.filter((one) => one !== stage);
      return undefined;
    }),
  ),
);
const setsIdentity = key.map((word) =>
  step({ name: 'setServiceIdentity', accountId: 'a', ...keys(word) }, (model) => {
    if (model.identity === word) return 'already has the same arn info';
    model.identity = word;
    return undefined;
  }),
);
const drops = fc.constantFrom('legacy', 'vaults').map((instanceId) =>
  step({ name: 'dropInstance', instanceId }, ({ instances }) => {
    const instance = instances.get(instanceId);
    if (instance !== undefined) instance.isDropped = true;
    return undefined;
  }),
);

async function begun(node: OneNode): Promise<{ readonly model: Model; readonly real: Real }> {
  await node.ask({ name: 'createInstance', instanceId: 'legacy', objInfo: { ...store, ...keys('k1'), bucket: 'b1' } });
  await node.ask({ name: 'createInstance', instanceId: 'vaults' });
  const legacy: Instance = { hasVaults: false, isDropped: false, places: [{ id: 1, bucket: 'b1', key: 'k1' }], vaults: [], stages: [] };
  const vaults: Instance = { hasVaults: true, isDropped: false, places: [], vaults: [], stages: [] };
  return {
    model: {
      instances: new Map([
        ['legacy', legacy],
        ['vaults', vaults],
      ]),
    },
    real: { node },
  };
}

test('storage follows the model through restarts and lost replies', async () => {
  const { params, replayPath } = replay({ numRuns: 10 });
  const often = [addsPlace, rotates, addsVault, altersVault];
  const seldom = [rotatesOne, setsAccount, dropsVault, setsDefault, createsStage, dropsStage, setsIdentity, disturbances];
  // Afterwards an instance says nothing but no.
  const last = fc.oneof({ weight: 9, arbitrary: setsIdentity }, { weight: 1, arbitrary: drops });
  await fc.assert(
    fc.asyncProperty(fc.commands([...often, ...often, ...often, ...seldom, last], { maxCommands: 60, size: 'max', ...replayPath }), (run) =>
      onOneNode((node) => fc.asyncModelRun(() => begun(node), run)),
    ),
    params,
  );
});

test('a key in the model is the word that it was made of', () => expect(wordOf(secret('ak k1'))).toBe('k1'));
