/**
 * Goal: there is always a key that seals, none is given up that is needed, and a change of the master key leaves none behind.
 * Method: given events, when a command, then exactly these events; on a frozen state and on a draft. Last, the tables themselves.
 */
import { describe, expect, test } from 'vitest';
import { type ConfigValue, clusterConfigsChanged } from '../../events/configs.ts';
import { dataKeyCreated, dataKeyLimits, dataKeyShredded, dataKeysRewrapped } from '../../events/dataKeys.ts';
import { instanceCreated } from '../../events/instances.ts';
import { leadershipTaken, logCreated } from '../../events/leadership.ts';
import { currentDataKey, dataKeyBefore, dataKeyOf, dataKeyRows, liveDataKeys } from '../../projections/dataKeys.ts';
import { sealedFamilies, sealedTextsIn, sealedValues } from '../../projections/sealedTexts.ts';
import { foldEntry, initialState } from '../../projections/state.ts';
import { ids, masters, wrapped } from '../fold/dataKeyActs.ts';
import { metaServiceStory } from '../fold/metaServiceActs.ts';
import { given, logOf, startedAt, stateAfter } from '../support/given.ts';

const { first, second } = ids;
const madeFirst = dataKeyCreated(wrapped(first));
const madeSecond = dataKeyCreated(wrapped(second));
const shreddedFirst = dataKeyShredded({ keyId: first, sealedValues: 0 });
const credentials = 'security.sasl.plain.credentials';
const sealedWith = (keyId: string): ConfigValue => ({
  kind: 'secrets',
  entries: { alice: { keyId, nonce: 'n', ciphertext: 'c' }, bob: { keyId, nonce: 'o', ciphertext: 'd' } },
});
const unset: ConfigValue = { kind: 'unset' };
const set = (keyId: string) => clusterConfigsChanged({ changes: [{ key: credentials, previous: unset, value: sealedWith(keyId) }] });

describe('createDataKey', () => {
  const create = { name: 'createDataKey', ...wrapped(first) } as const;
  test('the first one', () => given().when(create).gives(madeFirst));
  test('another one', () => given(madeSecond).when(create).gives(madeFirst));
  test('the first one, when somebody was faster', () =>
    given(madeSecond)
      .when({ ...create, onlyIfNone: true })
      .gives());
  test('the first one, when nobody was', () =>
    given()
      .when({ ...create, onlyIfNone: true })
      .gives(madeFirst));
  test('an id that is taken, by a shredded key too', () => {
    const said = `there is a data key ${first} already`;
    given(madeFirst).when(create).isRefused('DATA_KEYS_CHANGED', 'keyId', said);
    given(madeFirst, madeSecond, shreddedFirst).when(create).isRefused('DATA_KEYS_CHANGED', 'keyId', said);
  });
  test('one more than there can be', () => {
    const all = Array.from({ length: dataKeyLimits.live }, (_, i) => dataKeyCreated(wrapped(`c${String(i).padStart(15, '0')}`)));
    given(...all)
      .when(create)
      .isRefused('TOO_LARGE', '', 'there are 256 data keys, as many as there can be: shred those that are needed no more');
  });
});

describe('rewrapDataKeys', () => {
  const both = [wrapped(first, masters.new), wrapped(second, masters.new)];
  const rewrap = { name: 'rewrapDataKeys', masterKeyId: masters.new, keys: both } as const;
  const done = dataKeysRewrapped({ masterKeyId: masters.new, keys: both });
  test('all of them', () => given(madeFirst, madeSecond).when(rewrap).gives(done));
  test('only those that another master key wraps', () => {
    const half = dataKeysRewrapped({ masterKeyId: masters.new, keys: [wrapped(first, masters.new)] });
    given(madeFirst, dataKeyCreated(wrapped(second, masters.new)))
      .when(rewrap)
      .gives(half);
  });
  test('none is left to do', () => given(madeFirst, madeSecond, done).when(rewrap).gives());
  test('a key that was made meanwhile is not left behind', () => {
    given(madeFirst, madeSecond)
      .when({ ...rewrap, keys: both.slice(0, 1) })
      .isRefused('DATA_KEYS_CHANGED', 'keys', `data key ${second} is missing: it is a new one`);
  });
  test('a key that was shredded meanwhile does not come back', () => {
    given(madeFirst, madeSecond, shreddedFirst)
      .when(rewrap)
      .isRefused('DATA_KEYS_CHANGED', 'keys[0].keyId', `there is no data key ${first} any more`);
  });
  test('a key under a third master key', () => {
    given(madeFirst)
      .when({ ...rewrap, keys: [wrapped(first, 'b000000000000003')] })
      .isRefused('MALFORMED_REQUEST', 'keys[0].wrapped', `it is not sealed with master key ${masters.new}`);
  });
});

describe('shredDataKey', () => {
  const shred = { name: 'shredDataKey', keyId: first } as const;
  test('one that seals nothing in force', () => given(madeFirst, madeSecond).when(shred).gives(shreddedFirst));
  test('twice', () => given(madeFirst, madeSecond, shreddedFirst).when(shred).gives());
  test('one that nobody made', () => given().when(shred).isRefused('UNKNOWN_DATA_KEY', 'keyId', `there is no data key ${first}`));
  test('the one that seals, force or not', () => {
    const said = `data key ${first} seals what comes: make a new one first`;
    given(madeFirst).when(shred).isRefused('DATA_KEY_IN_USE', 'keyId', said);
    given(madeFirst)
      .when({ ...shred, force: true })
      .isRefused('DATA_KEY_IN_USE', 'keyId', said);
  });
  test('one that seals values in force, only with force', () => {
    given(madeFirst, set(first), madeSecond)
      .when(shred)
      .isRefused('DATA_KEY_IN_USE', 'keyId', `2 values in force are sealed with data key ${first}, and would be lost`);
    given(madeFirst, set(first), madeSecond)
      .when({ ...shred, force: true })
      .gives(dataKeyShredded({ keyId: first, sealedValues: 2 }));
  });
  test('one that sealed what was given again since', () => {
    given(madeFirst, set(first), madeSecond, set(second)).when(shred).gives(shreddedFirst);
  });
});

test('a command that was sealed with a key that is gone is refused: nobody could ever open what it brings', () => {
  const entries = { alice: { keyId: first, nonce: 'n', ciphertext: 'c' } };
  given(madeFirst, madeSecond, shreddedFirst)
    .when({ name: 'alterClusterConfigs', changes: [{ op: 'set', key: credentials, value: { entries } }] })
    .isRefused('DATA_KEY_SHREDDED', '', `a secret of the request is sealed with data key ${first}, which was shredded since`);
});

test('the tables: who made and gave up a key, the newest one seals, positions tell which one sealed then', () => {
  const { dataKeys } = stateAfter(madeFirst, set(first), madeSecond, shreddedFirst);
  expect(currentDataKey(dataKeys)).toBe(second);
  expect(dataKeyRows(dataKeys).map(({ created, keyId, shredded }) => [keyId, created.position, shredded?.position])).toEqual([
    [first, 1, 4],
    [second, 3, undefined],
  ]);
  expect(dataKeyOf(dataKeys, first)).toMatchObject({ created: { principal: 'User:dana' }, shredded: { principal: 'User:dana' } });
  expect(JSON.stringify(dataKeys)).not.toContain(wrapped(first).wrapped.ciphertext);
  expect(liveDataKeys(dataKeys)).toEqual([wrapped(second)]);
  expect([1, 2, 3, 4].map((position) => dataKeyBefore(dataKeys, position))).toEqual([undefined, first, first, second]);
});

test('of the shredded keys the oldest are forgotten, so that the table stays small', () => {
  const id = (i: number): string => `d${String(i).padStart(15, '0')}`;
  const rounds = Array.from({ length: dataKeyLimits.shredded + 3 }, (_, i) => [
    dataKeyCreated(wrapped(id(i))),
    ...(i === 0 ? [] : [dataKeyShredded({ keyId: id(i - 1), sealedValues: 0 })]),
  ]).flat();
  const chapters = [0, 1, 2, 3, 4].map((i) => ({ events: rounds.slice(i * 500, (i + 1) * 500) }));
  const { dataKeys } = logOf(chapters).reduce((state, { entry }) => foldEntry(state, entry), initialState());
  expect([dataKeys.live, dataKeys.shredded, Object.keys(dataKeys.byId).length]).toEqual([1, 1024, 1025]);
  expect(dataKeyOf(dataKeys, id(1))).toBeUndefined();
  expect(dataKeyOf(dataKeys, id(2))?.shredded).toBeDefined();
});

test('values in force are counted by key, wherever they lie', () => {
  const key = (keyId: string, text: string) => ({ keyId, nonce: text, ciphertext: text, fingerprint: text });
  const ramUser = { userId: 'u', ak: key(second, 'a'), sk: key(second, 'b') };
  const state = stateAfter(set(first), instanceCreated({ instanceId: 'i', sseEnabled: false, enableStorageVault: false, ramUser }));
  expect(Object.fromEntries(sealedValues(state))).toEqual({ [first]: 2, [second]: 2 });
});

test('no family holds sealed texts that the count would miss', () => {
  const began = [logCreated({ format: 1, clusterId: 'c1' }), leadershipTaken({ nodeId: 'n1', epoch: 1, staticConfigs: {} }), set(first)];
  const state = stateAfter(...began, ...metaServiceStory(began, startedAt).flatMap(({ events }) => events));
  const holding = Object.entries(state).filter(([, family]) => sealedTextsIn(family).length > 0);
  expect(holding.map(([name]) => name).sort()).toEqual([...sealedFamilies, 'dataKeys'].sort());
});
