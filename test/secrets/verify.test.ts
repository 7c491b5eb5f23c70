/**
 * Goal: every sealed text of a log is opened, wherever it is; what is shredded is told from what should open and does not, and the
 * first position that does not open is named.
 * Method: logs whose secrets are really sealed, in which one thing is wrong; a story in which every event occurs, for the places.
 */
import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { type ConfigValue, clusterConfigsChanged } from '../../events/configs.ts';
import { dataKeyCreated, dataKeyShredded, dataKeysRewrapped } from '../../events/dataKeys.ts';
import type { ChanceryEvent } from '../../events/index.ts';
import { leadershipTaken, logCreated } from '../../events/leadership.ts';
import { serviceIdentityChanged } from '../../events/storage.ts';
import { sealedTextsIn } from '../../projections/sealedTexts.ts';
import { bulkFold } from '../../projections/state.ts';
import { dataKeyTable } from '../../src/engine/dataKeys.ts';
import { type SecretsVerdict, secretsOf, verifySecrets } from '../../src/engine/history/verifySecrets.ts';
import { createSealer, namedKey } from '../../src/secrets/aes.ts';
import type { DataKeyTable } from '../../src/secrets/port.ts';
import { metaServiceHistory, sourceOf, textsOf } from '../history/histories.ts';
import { logOf } from '../support/given.ts';

const [oldMaster, newMaster] = [namedKey(randomBytes(32)), namedKey(randomBytes(32))];
const credentials = 'security.sasl.plain.credentials';
const wrapper = createSealer([oldMaster], oldMaster.keyId);
const [k1, k2] = [wrapper.newDataKey(), wrapper.newDataKey()];
const under = (key: typeof k1) => createSealer([oldMaster], oldMaster.keyId, fixed(key));
const fixed = (key: typeof k1): DataKeyTable => ({ sealingKey: () => key.keyId, find: () => key, live: () => [key] });
const value = (key: typeof k1, name = 'alice'): ConfigValue => ({
  kind: 'secrets',
  entries: { [name]: under(key).seal('pw', `config/${credentials}/${name}`) },
});
const unset: ConfigValue = { kind: 'unset' };
const set = (previous: ConfigValue, next: ConfigValue): ChanceryEvent =>
  clusterConfigsChanged({ changes: [{ key: credentials, previous, value: next }] });
const [v1, v2] = [value(k1), value(k2)];
const ak = under(k2).sealComparable('ak', 'storage/ak');
const sk = under(k2).sealComparable('sk', 'storage/sk');

const story: readonly ChanceryEvent[] = [
  logCreated({ format: 1, clusterId: 'c1' }),
  leadershipTaken({ nodeId: 'n1', epoch: 1, staticConfigs: { [credentials]: value(k1, 'bob') } }),
  dataKeyCreated(k1),
  set(unset, v1),
  dataKeyCreated(k2),
  set(v1, v2),
  serviceIdentityChanged({ accountId: 'a', ak, sk }),
];

async function verdictOf(events: readonly ChanceryEvent[], masters = [oldMaster]): Promise<SecretsVerdict> {
  const log = logOf(events.map((event) => ({ events: [event] })));
  const fold = bulkFold();
  fold.add(log.map(({ entry }) => entry));
  const state = fold.finish();
  const keys = createSealer(
    masters,
    masters[0]?.keyId ?? '',
    dataKeyTable(() => state),
  );
  return await verifySecrets(sourceOf(textsOf(log), 2), state, keys);
}

test('all of them open: of the file, of the present and the value before, and of object storage', async () => {
  expect(await verdictOf(story)).toEqual({ opened: 6, shredded: 0, failed: [] });
});

test('what was sealed with a shredded key is counted, not missed', async () => {
  const shredded = [...story, dataKeyShredded({ keyId: k1.keyId, sealedValues: 1 })];
  expect(await verdictOf(shredded)).toEqual({ opened: 3, shredded: 3, failed: [] });
});

test('without the master key each data key is told once, with the first position and how many it sealed', async () => {
  const why = (keyId: string): string =>
    `sealed with data key '${keyId}', which is under master key '${oldMaster.keyId}', which this node does not have`;
  expect(await verdictOf(story, [newMaster])).toEqual({
    opened: 0,
    shredded: 0,
    failed: [
      { keyId: k1.keyId, count: 3, position: 2, why: `config/${credentials}/bob is ${why(k1.keyId)}` },
      { keyId: k2.keyId, count: 3, position: 6, why: `config/${credentials}/alice is ${why(k2.keyId)}` },
    ],
  });
});

test('after a change of the master key the new one is enough', async () => {
  const state = bulkFold();
  state.add(logOf(story.map((event) => ({ events: [event] }))).map(({ entry }) => entry));
  const end = state.finish();
  const both = createSealer(
    [newMaster, oldMaster],
    newMaster.keyId,
    dataKeyTable(() => end),
  );
  const rewrapped = [...story, dataKeysRewrapped({ masterKeyId: newMaster.keyId, keys: [...both.rewrapped()] })];
  expect(await verdictOf(rewrapped, [newMaster])).toEqual({ opened: 6, shredded: 0, failed: [] });
});

test('a data key that seals nothing must open all the same', async () => {
  const idle = [...story.slice(0, 1), leadershipTaken({ nodeId: 'n1', epoch: 1, staticConfigs: {} }), dataKeyCreated(k1)];
  expect((await verdictOf(idle, [newMaster])).failed).toMatchObject([{ keyId: k1.keyId, count: 0, position: 3 }]);
});

test('access key and secret key exchanged, or one letter of a text changed', async () => {
  const swapped = [...story.slice(0, 6), serviceIdentityChanged({ accountId: 'a', ak: sk, sk: ak })];
  expect((await verdictOf(swapped)).failed).toMatchObject([{ keyId: k2.keyId, count: 2, position: 7 }]);
});

test('every place of an event that may hold a secret is known', () => {
  let found = 0;
  for (const { entry } of metaServiceHistory())
    for (const event of entry.events) {
      const expected = event.type.startsWith('DataKey') ? [] : sealedTextsIn(event.data);
      const secrets = [...secretsOf(event)];
      expect(secrets.map(({ sealed }) => sealed)).toEqual(expected);
      expect(secrets.every(({ subject }) => subject !== undefined)).toBe(true);
      found += secrets.length;
    }
  expect(found).toBeGreaterThan(30);
});
