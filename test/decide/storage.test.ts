/**
 * Goal: object stores, keys and stages change as the Meta Service says, in its words and its order of checks; keys all or nothing.
 * Method: given events, when a command, then exactly these events; on a frozen state and on a draft.
 */
import { describe, expect, test } from 'vitest';
import type { ChanceryEvent } from '../../events/index.ts';
import { ramUserChanged } from '../../events/instances.ts';
import {
  keysRotated,
  objectStoreAdded,
  objectStoreRoleChanged,
  type Stage,
  serviceIdentityChanged,
  stageCreated,
  stageDropped,
  storageLimits,
} from '../../events/storage.ts';
import { storageOf } from '../../projections/storage.ts';
import type { Command } from '../../src/deciders/commands.ts';
import { given, startedAt, stateAfter, whenOn } from '../support/given.ts';
import {
  asksForInstance,
  badStore,
  both,
  by,
  created,
  deleted,
  dropped,
  i1,
  isRefusedWith,
  keys,
  legacy,
  type Named,
  numbered,
  roleStore,
  secret,
  store,
  without,
} from '../support/storage.ts';

const first = objectStoreAdded({ ...i1, store: numbered });
const firstOf = (userId: string) => objectStoreAdded({ ...i1, store: { ...numbered, userId } });
const eqOriginal = 'ak sk eq original, please check it';

describe('addObjectStore', () => {
  const add = (obj: Named<'addObjectStore'>['obj'] = { ...store, ...keys('two') }) => ({ name: 'addObjectStore', ...by, obj }) as const;
  asksForInstance(add(), legacy);
  test('the next number, the encryption of the instance', () =>
    given(legacy, first)
      .when(add({ ...store, ...keys('two'), prefix: '//a/', userId: 'u' }))
      .gives(
        objectStoreAdded({
          ...i1,
          store: { ...store, ...keys('two'), prefix: 'a', userId: 'u', usePathStyle: false, id: '2', sseEnabled: true },
        }),
      ));
  test('a role in place of keys, without a place outside', () =>
    given(legacy)
      .when(add(roleStore))
      .gives(objectStoreAdded({ ...i1, store: { ...roleStore, externalEndpoint: '', usePathStyle: false, id: '1', sseEnabled: true } })));
  test('1: no object store', () => isRefusedWith([legacy], { name: 'addObjectStore', ...by }, 'INVALID_STORAGE', 's3 obj info err {'));
  test('2: too large, whatever else is wrong', () => {
    isRefusedWith([], { name: 'addObjectStore', obj: {}, objBytes: 1025 }, 'INVALID_STORAGE', 's3 obj info greater than 1k {');
    given(legacy)
      .when({ ...add(), objBytes: 1024 })
      .gives(expect.anything());
  });
  test.each(['ak', 'sk'] as const)('3: no %s', (part) =>
    isRefusedWith([], add(without(store, part)), 'INVALID_STORAGE', 's3 obj info err {'),
  );
  test('3: keys and a role', () =>
    given()
      .when({ name: 'addObjectStore', obj: { ...roleStore, ak: '' } })
      .isRefused('INVALID_STORAGE', 'obj', both));
  test('5: an instance with vaults, before anything else of the store', () =>
    given(created)
      .when(add({ ak: '', sk: '' }))
      .isRefused('STORAGE_MODE_CONFLICT', 'cloudUniqueId', "Storage vault doesn't support add obj info"));
  test('6: no provider', () =>
    given(legacy)
      .when(add({ ak: '', sk: '' }))
      .isRefused('INVALID_STORAGE', 'obj.provider', 's3 conf lease provider info'));
  const ten = Array.from({ length: storageLimits.objectStores }, (_, n) =>
    objectStoreAdded({ ...i1, store: { ...numbered, id: String(n + 1) } }),
  );
  test('7: ten already', () =>
    given(legacy, ...ten)
      .when(add({ ...store, bucket: '' }))
      .isRefused('TOO_MANY_OBJECT_STORES', 'obj', 'this instance history has greater than 10 objs, please new another instance'));
  test('7: nine are not ten', () => expect(given(legacy, ...ten.slice(1)).when(add()).decision.kind).toBe('accepted'));
  test.each(['bucket', 'endpoint', 'region', 'prefix'] as const)('8: no %s', (part) => {
    given(legacy)
      .when(add(without(store, part)))
      .isRefused('INVALID_STORAGE', 'obj', badStore);
    given(legacy)
      .when(add({ ...store, [part]: '' }))
      .isRefused('INVALID_STORAGE', 'obj', badStore);
  });
  test.each(['ak', 'sk'] as const)('8: an empty %s', (part) =>
    given(legacy)
      .when(add({ ...store, [part]: '' }))
      .isRefused('INVALID_STORAGE', 'obj', badStore),
  );
  test('9: the same again, sealed anew', () =>
    given(legacy, first)
      .when(add({ ...store, ak: secret('ak one', 'other'), prefix: '/prefix' }))
      .isRefused('NOTHING_TO_CHANGE', 'obj', 'original obj infos has a same conf, please check it'));
  test.each(['bucket', 'prefix', 'endpoint', 'region', 'externalEndpoint'] as const)('another %s makes another one', (part) =>
    expect(given(legacy, first).when(add({ ...store, [part]: 'other' })).decision.kind).toBe('accepted'),
  );
});

describe('rotateObjectStoreKeys', () => {
  const rotate = (obj: Named<'rotateObjectStoreKeys'>['obj'] = { id: '1', ...keys('two') }) =>
    ({ name: 'rotateObjectStoreKeys', ...by, obj }) as const;
  asksForInstance(rotate(), legacy);
  test('other keys', () =>
    given(legacy, first)
      .when(rotate())
      .gives(keysRotated({ ...i1, objectStores: [{ id: '1', ...keys('two') }] })));
  test('empty keys are keys', () =>
    given(legacy, first)
      .when(rotate({ id: '01', ak: '', sk: '' }))
      .gives(keysRotated({ ...i1, objectStores: [{ id: '1', ak: '', sk: '' }] })));
  test.each([undefined, '0', '2', '-1', 'x', ''])("'%s' is no number of a store", (id) =>
    given(legacy, first)
      .when(rotate({ ...keys('one'), ...(id === undefined ? {} : { id }) }))
      .isRefused('UNKNOWN_OBJECT_STORE', 'obj.id', 'id invalid, please check it'),
  );
  test('the same keys', () =>
    given(legacy, first)
      .when(rotate({ id: '1', ...keys('one') }))
      .isRefused('NOTHING_TO_CHANGE', 'obj', eqOriginal));
  test('one key is another one', () =>
    expect(given(legacy, first).when(rotate({ id: '1', ...keys('one'), sk: secret('other') })).decision.kind).toBe('accepted'));
  test('missing keys', () => isRefusedWith([legacy, first], rotate({ id: '1', ak: secret('a') }), 'INVALID_STORAGE', 's3 obj info err {'));
  test('a role with keys', () =>
    given(legacy, first)
      .when(rotate({ id: '1', roleArn: 'r', ...keys('two') }))
      .isRefused('INVALID_STORAGE', 'obj', both));
  const withRole = rotate({ id: '1', roleArn: 'r', externalId: 'x' });
  const onS3 = objectStoreAdded({ ...i1, store: { ...numbered, provider: 'S3' } });
  const roleChanged = objectStoreRoleChanged({ ...i1, id: '1', roleArn: 'r', externalId: 'x' });
  test('a role in place of keys; the same again changes nothing', () => {
    given(legacy, onS3).when(withRole).gives(roleChanged);
    given(legacy, onS3, roleChanged).when(withRole).gives();
  });
  test('a role elsewhere than at S3', () =>
    given(legacy, first).when(withRole).isRefused('INVALID_STORAGE', 'obj.roleArn', 'role_arn is only supported for s3 provider'));
  test('keys and role take each other’s place in the table', () => {
    const at = (n: number) => startedAt / 1000 + n;
    const stores = (...events: readonly ChanceryEvent[]) => storageOf(stateAfter(legacy, onS3, ...events).storage, 'i1')?.objectStores;
    const { ak: _ak, sk: _sk, ...place } = onS3.data.store;
    const role = { roleArn: 'r', externalId: 'x', credProviderType: 'INSTANCE_PROFILE' };
    expect(stores(roleChanged)).toEqual([{ ...place, ...role, ctime: at(1), mtime: at(2) }]);
    const rotated = keysRotated({ ...i1, objectStores: [{ id: '1', ...keys('two') }] });
    expect(stores(roleChanged, rotated)).toEqual([{ ...place, ...keys('two'), ctime: at(1), mtime: at(3) }]);
  });
});

describe('rotateKeys', () => {
  const ram = ramUserChanged({ ...i1, ramUser: { userId: 'ram', ...keys('ram'), externalId: 'x' } });
  const rotate = (fields: Omit<Named<'rotateKeys'>, 'name'>) => ({ name: 'rotateKeys', ...i1, ...fields }) as const;
  const user = (userId: string, text: string) => ({ userId, ...keys(text) });
  test('1: no id', () => given().when({ name: 'rotateKeys' }).isRefused('INVALID_INSTANCE', 'instanceId', 'instance id not set'));
  test.each([{}, { internalBucketUser: [] }])('2: nothing to update', (fields) =>
    given().when(rotate(fields)).isRefused('INVALID_INSTANCE', '', 'nothing to update'),
  );
  test('3: an unknown instance', () =>
    given()
      .when(rotate({ ramUser: {} }))
      .isRefused('UNKNOWN_INSTANCE', 'instanceId', 'failed to get instance, instance_id=i1 err=KeyNotFound'));
  test('4: a dropped instance', () =>
    given(legacy, dropped)
      .when(rotate({ ramUser: {} }))
      .isRefused('INSTANCE_DELETED', 'instanceId', deleted));
  test.each(['userId', 'ak', 'sk'] as const)('5: an account without %s', (part) =>
    isRefusedWith([legacy, ram], rotate({ ramUser: { ...user('ram', 'two'), [part]: '' } }), 'INVALID_INSTANCE', 'ram user info err {'),
  );
  test('5: an instance without an account', () =>
    given(legacy)
      .when(rotate({ ramUser: user('ram', 'two') }))
      .isRefused('RAM_USER_MISMATCH', 'ramUser', "instance doesn't have ram user info"));
  test('5: another account', () =>
    given(legacy, ram)
      .when(rotate({ ramUser: user('other', 'ram') }))
      .isRefused('RAM_USER_MISMATCH', 'ramUser.userId', 'ram user_id err'));
  test('5: the same keys', () =>
    given(legacy, ram)
      .when(rotate({ ramUser: user('ram', 'ram') }))
      .isRefused('NOTHING_TO_CHANGE', 'ramUser', eqOriginal));
  test('the keys of the account; its external id stays', () =>
    given(legacy, ram)
      .when(rotate({ ramUser: { ...user('ram', 'two'), externalId: 'y' } }))
      .gives(keysRotated({ ...i1, objectStores: [], ramUser: { userId: 'ram', ...keys('two'), externalId: 'x' } })));
  test.each(['userId', 'ak', 'sk'] as const)('6: a bucket user without %s', (part) =>
    isRefusedWith(
      [legacy, firstOf('u')],
      rotate({ internalBucketUser: [without(user('u', 'two'), part)] }),
      'INVALID_STORAGE',
      's3 bucket info err {',
    ),
  );
  test('6: a store without user takes keys and user', () =>
    given(legacy, first)
      .when(rotate({ internalBucketUser: [user('u', 'two')] }))
      .gives(keysRotated({ ...i1, objectStores: [{ id: '1', userId: 'u', ...keys('two') }] })));
  test('6: several users and a store without', () =>
    isRefusedWith(
      [legacy, first],
      rotate({ internalBucketUser: [user('u', 'two'), user('v', 'two')] }),
      'INVALID_STORAGE',
      "fail to update old instance's obj_info, s3 obj info err {",
    ));
  test.each([[first], [firstOf('u')]])('6: the same keys', (present) =>
    given(legacy, present)
      .when(rotate({ internalBucketUser: [user('u', 'one')] }))
      .isRefused('NOTHING_TO_CHANGE', 'internalBucketUser[0]', eqOriginal),
  );
  test('6: a user named twice is told that the second keys are the first', () =>
    given(legacy, firstOf('u'))
      .when(rotate({ internalBucketUser: [user('u', 'two'), user('u', 'two')] }))
      .isRefused('NOTHING_TO_CHANGE', 'internalBucketUser[1]', eqOriginal));
  test('6: every store of a user', () => {
    const second = objectStoreAdded({ ...i1, store: { ...numbered, id: '2', bucket: 'b2', userId: 'u' } });
    const third = objectStoreAdded({ ...i1, store: { ...numbered, id: '3', bucket: 'b3', userId: 'v' } });
    given(legacy, firstOf('u'), second, third)
      .when(rotate({ internalBucketUser: [user('u', 'two'), user('v', 'three')] }))
      .gives(
        keysRotated({
          ...i1,
          objectStores: [
            { id: '1', userId: 'u', ...keys('two') },
            { id: '2', userId: 'u', ...keys('two') },
            { id: '3', userId: 'v', ...keys('three') },
          ],
        }),
      );
  });
  test('7: no store of these users, though the account would change', () =>
    given(legacy, ram, firstOf('u'))
      .when(rotate({ internalBucketUser: [user('v', 'two')], ramUser: user('ram', 'two') }))
      .isRefused('UNKNOWN_OBJECT_STORE', 'internalBucketUser', 'fail to find the alter obj info'));
  test('5 before 6', () =>
    isRefusedWith([legacy], rotate({ internalBucketUser: [{}], ramUser: {} }), 'INVALID_INSTANCE', 'ram user info err {'));
  test('the tables hold the new keys only, with the time of the change', () => {
    const rotated = keysRotated({
      ...i1,
      objectStores: [{ id: '1', userId: 'u', ...keys('two') }],
      ramUser: { userId: 'ram', ...keys('three') },
    });
    const state = stateAfter(legacy, ram, first, rotated);
    const seconds = startedAt / 1000;
    expect(storageOf(state.storage, 'i1')?.objectStores).toEqual([
      { ...numbered, userId: 'u', ...keys('two'), ctime: seconds + 2, mtime: seconds + 3 },
    ]);
    expect(state.instances.byId.get('i1')?.ramUser).toEqual({ userId: 'ram', ...keys('three') });
  });
});

describe('setServiceIdentity', () => {
  const set = { name: 'setServiceIdentity', accountId: 'a', ...keys('one') } as const;
  const changed = serviceIdentityChanged({ accountId: 'a', ...keys('one') });
  test('the first, and another one', () => {
    given().when(set).gives(changed);
    given(changed)
      .when({ ...set, accountId: 'b' })
      .gives(serviceIdentityChanged({ accountId: 'b', ...keys('one') }));
    given(changed)
      .when({ ...set, sk: secret('other') })
      .gives(serviceIdentityChanged({ accountId: 'a', ...keys('one'), sk: secret('other') }));
  });
  test.each(['accountId', 'ak', 'sk'] as const)('no %s', (part) => {
    given()
      .when({ ...set, [part]: '' })
      .isRefused('INVALID_STORAGE', '', 'invalid argument');
    given()
      .when(without(set, part) as Command)
      .isRefused('INVALID_STORAGE', '', 'invalid argument');
  });
  test('the same', () => given(changed).when(set).isRefused('NOTHING_TO_CHANGE', 'ak', 'already has the same arn info'));
});

describe('stages', () => {
  const internal: Stage = {
    type: 'INTERNAL',
    stageId: 's1',
    mysqlUserName: ['u'],
    mysqlUserId: ['7'],
    objInfo: { id: '1', prefix: 'prefix/stage/u/7' },
  };
  const external: Stage = { type: 'EXTERNAL', stageId: 's2', name: 'ext', objInfo: { ...store } };
  const create = (stage: NonNullable<Named<'createStage'>['stage']>) => ({ name: 'createStage', ...by, stage }) as const;
  const user = { type: 'INTERNAL', stageId: 's1', mysqlUserName: ['u', 'more'], mysqlUserId: ['7'] } as const;
  const has = (stage: Stage) => stageCreated({ ...i1, stage });
  const createUser = create({ ...user, mysqlUserName: [...user.mysqlUserName], mysqlUserId: [...user.mysqlUserId] });
  asksForInstance(createUser, legacy);
  test('an internal one lies in the newest store', () => {
    const second = objectStoreAdded({ ...i1, store: { ...numbered, id: '2', prefix: 'new' } });
    given(legacy, first).when(createUser).gives(has(internal));
    given(legacy, first, second)
      .when(createUser)
      .gives(has({ ...internal, objInfo: { id: '2', prefix: 'new/stage/u/7' } }));
  });
  test('an external one as it is given', () => {
    given(legacy)
      .when(create({ ...external, objInfo: store }))
      .gives(has(external));
    given(legacy)
      .when(create({ type: 'EXTERNAL', stageId: 's2', name: 'ext' }))
      .gives(has(without(external, 'objInfo')));
  });
  test.each([
    [undefined, 'stage', 'stage not set'],
    [{}, 'stage.type', 'stage type not set'],
    [{ type: 7 }, 'stage.type', 'stage type not set'],
    [{ type: 'EXTERNAL' }, 'stage.name', 'stage name not set'],
    [{ type: 'EXTERNAL', name: 'n' }, 'stage.stageId', 'stage id not set'],
    [
      { type: 'INTERNAL', stageId: 's' },
      'stage.mysqlUserId',
      'internal stage must have a mysql user name and id must be given, name size=0 id size=0',
    ],
  ] as const)('%o: %s', (stage, field, text) =>
    given(legacy)
      .when({ name: 'createStage', ...by, ...(stage === undefined ? {} : { stage }) })
      .isRefused('INVALID_STAGE', field, text),
  );
  test('one for each user, whether by name or by id', () => {
    const other = (mysqlUserName: string, mysqlUserId: string) =>
      create({ type: 'INTERNAL', stageId: 's9', mysqlUserName: [mysqlUserName], mysqlUserId: [mysqlUserId] });
    const state = stateAfter(legacy, first, has(internal));
    whenOn(state, other('u', '8')).isRefused('STAGE_EXISTS', 'stage.mysqlUserId', 'stage already exist');
    whenOn(state, other('v', '7')).isRefused('STAGE_EXISTS', 'stage.mysqlUserId', 'stage already exist');
    expect(whenOn(state, other('v', '8')).decision.kind).toBe('accepted');
  });
  test('names of external ones and ids of all are unique', () => {
    const state = stateAfter(legacy, first, has(external));
    whenOn(state, create({ type: 'EXTERNAL', stageId: 's9', name: 'ext' })).isRefused('STAGE_EXISTS', 'stage.name', 'stage already exist');
    whenOn(state, create({ type: 'EXTERNAL', stageId: 's2', name: 'other' })).isRefused(
      'INVALID_STAGE',
      'stage.stageId',
      'stage id is duplicated',
    );
  });
  test('forty are the most', () => {
    const many = Array.from({ length: storageLimits.stages }, (_, n) => has({ type: 'EXTERNAL', stageId: `s${n}`, name: `n${n}` }));
    given(legacy, first, ...many)
      .when(createUser)
      .isRefused('TOO_MANY_STAGES', 'stage', 'this instance has greater than config num stages');
  });
  test('an internal one needs a store', () =>
    given(created).when(createUser).isRefused('NO_OBJECT_STORE', 'stage', 'impossible, instance must have at least one obj_info.'));
  test('a path too long', () => {
    const command = create({ ...createUser.stage, mysqlUserName: ['u'.repeat(1020)] });
    given(legacy, first)
      .when(command)
      .isRefused('TOO_LARGE', 'stage.mysqlUserName', "the stage's path would have more than 1024 characters");
  });

  const drop = (fields: Omit<Named<'dropStage'>, 'name'>) => ({ name: 'dropStage', ...by, ...fields }) as const;
  asksForInstance(drop({ type: 'EXTERNAL', stageName: 'ext' }), legacy);
  test('one is dropped', () => {
    const state = stateAfter(legacy, first, has(internal), has(external));
    whenOn(state, drop({ type: 'INTERNAL', mysqlUserId: '7', reason: 'r' })).gives(
      stageDropped({ ...i1, stageId: 's1', type: 'INTERNAL', reason: 'r' }),
    );
    whenOn(state, drop({ type: 'EXTERNAL', stageName: 'ext' })).gives(
      stageDropped({ ...i1, stageId: 's2', type: 'EXTERNAL', name: 'ext' }),
    );
  });
  test.each([
    [{}, 'type', 'stage type not set'],
    [{ type: 'EXTERNAL' }, 'stageName', 'external stage but not set stage name'],
    [{ type: 'INTERNAL' }, 'mysqlUserId', 'internal stage but not set user id'],
  ] as const)('drop %o: %s', (fields, field, text) => given(legacy).when(drop(fields)).isRefused('INVALID_STAGE', field, text));
  test('drop of an unknown one', () =>
    isRefusedWith(
      [legacy],
      drop({ type: 'EXTERNAL', stageName: 'ext' }),
      'UNKNOWN_STAGE',
      'stage not found with {"cloud_unique_id":"1:i1:x"',
    ));
  test('the table', () => {
    const state = stateAfter(legacy, first, has(internal), has(external), stageDropped({ ...i1, stageId: 's1', type: 'INTERNAL' }));
    expect(storageOf(state.storage, 'i1')?.stages).toEqual([external]);
  });
});
