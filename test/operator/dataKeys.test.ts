/**
 * Goal: data keys over HTTP: made once however often they are asked for, put under another master key, shredded or not with the reason; and
 * what becomes of requests with secrets when a node cannot use the key that seals.
 * Method: a node on the in-memory log behind a real server, with a sealer that looks at its tables; then one with another master key.
 */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { initialState } from '../../projections/state.ts';
import { dataKeyTable } from '../../src/engine/dataKeys.ts';
import type { Node } from '../../src/engine/node.ts';
import { createSealer, type NamedKey, namedKey } from '../../src/secrets/aes.ts';
import { type Answer, call, ServedCluster } from './support.ts';

const cluster = new ServedCluster();
const [oldMaster, newMaster, strange] = [namedKey(randomBytes(32)), namedKey(randomBytes(32)), namedKey(randomBytes(32))];
const urls: Record<string, string> = {};

/** A node with these master keys, of which the first wraps. */
async function start(nodeId: string, ...masters: readonly NamedKey[]): Promise<void> {
  const own: { node?: Node } = {};
  const sealer = createSealer(
    masters,
    masters[0]?.keyId ?? '',
    dataKeyTable(() => own.node?.state ?? initialState()),
  );
  const served = await cluster.start(nodeId, { sealer, clusterSecret: 'shared by the nodes of this test' });
  own.node = served.node;
  urls[nodeId] = served.url;
}
beforeAll(async () => {
  await start('old', oldMaster);
  await cluster.ready(...cluster.served.values());
  await start('both', newMaster, oldMaster);
  await start('strange', strange);
  await cluster.ready(...cluster.served.values());
});
afterAll(() => cluster.stop());

const at = (nodeId: string, path = '', options: Parameters<typeof call>[1] = {}): Promise<Answer> =>
  call(`${urls[nodeId]}/v1/data-keys${path}`, options);
interface Key {
  readonly keyId: string;
  readonly state: string;
  readonly masterKeyId?: string;
}
const keysAt = async (nodeId: string, atLeast: unknown): Promise<readonly Key[]> =>
  (await at(nodeId, `?atLeast=${Number(atLeast)}`)).json['dataKeys'] as readonly Key[];
const rotate = async (): Promise<string> => {
  const { json } = await at('old', '', { body: {} });
  return (await keysAt('old', json['position'])).at(-1)?.keyId ?? '';
};

test('a key that is asked for twice under one idempotency key is made once', async () => {
  const headers = { 'idempotency-key': 'rotation-2026' };
  const once = await at('old', '', { body: { reason: 'once a year' }, headers });
  expect(once.json).toMatchObject({ changed: true, duplicate: false });
  const again = await at('old', '', { body: { reason: 'once a year' }, headers });
  expect(again.json).toEqual({ position: once.json['position'], changed: true, duplicate: true });
  const keys = await keysAt('old', once.json['position']);
  expect(keys).toEqual([
    {
      keyId: expect.stringMatching(/^[0-9a-f]{16}$/) as string,
      state: 'current',
      sealedValues: 0,
      masterKeyId: oldMaster.keyId,
      position: once.json['position'],
      createdAt: expect.any(Number) as number,
      createdBy: 'User:root',
    },
  ]);
});

describe('shredding', () => {
  test('what is no id, what is no key, and the key that seals are refused, each for its reason', async () => {
    const current = await rotate();
    const refusals = await Promise.all(
      ['/nothing', `/${'0'.repeat(16)}`, `/${current}`].map((path) => at('old', path, { method: 'DELETE' })),
    );
    expect(refusals.map(({ json, status }) => [status, json['code'], json['field']])).toEqual([
      [400, 'MALFORMED_REQUEST', 'keyId'],
      [404, 'UNKNOWN_DATA_KEY', 'keyId'],
      [409, 'DATA_KEY_IN_USE', 'keyId'],
    ]);
  });
  test('a key in use goes only with force, and a second time nothing changes', async () => {
    const used = await rotate();
    const body = { changes: [{ op: 'set', key: 'security.sasl.plain.credentials', value: 'alice:pw' }] };
    expect((await call(`${urls['old']}/v1/configs`, { method: 'PATCH', body })).status).toBe(200);
    await rotate();
    const refused = await at('old', `/${used}`, { method: 'DELETE' });
    expect(refused.json).toMatchObject({
      code: 'DATA_KEY_IN_USE',
      detail: `1 value in force is sealed with data key ${used}, and would be lost`,
    });
    const forced = await at('old', `/${used}?force=true&reason=it%20leaked`, { method: 'DELETE' });
    expect(forced.json).toMatchObject({ changed: true });
    expect((await at('old', `/${used}`, { method: 'DELETE' })).json).toMatchObject({ changed: false });
    const { text } = await call(`${urls['old']}/v1/events?from=${Number(forced.json['position'])}`);
    expect(text).toContain(`"words":"data key ${used} shredded, 1 value in force lost with it"`);
  });
});

test('all keys come under the master key of the node that is asked, if it can open them', async () => {
  await rotate();
  const refused = await at('strange', '/rewrap', { body: {} });
  expect([refused.status, refused.json['code']]).toEqual([503, 'SECRETS_UNAVAILABLE']);
  expect(refused.json['detail']).toMatch(/^it cannot be rewrapped: data key '[0-9a-f]{16}', which is under master key '[0-9a-f]{16}'/);
  const done = await at('both', '/rewrap', { body: {} });
  expect(done.json).toMatchObject({ changed: true });
  expect((await at('both', '/rewrap', { body: {} })).json).toMatchObject({ changed: false });
  const live = (await keysAt('both', done.json['position'])).filter(({ state }) => state !== 'shredded');
  expect(new Set(live.map(({ masterKeyId }) => masterKeyId))).toEqual(new Set([newMaster.keyId]));
  expect((await at('strange')).json['masterKeyId']).toBe(strange.keyId);
});

test('a node that cannot use the key that seals refuses secrets, and takes everything else', async () => {
  const change = (key: string, value: string) =>
    call(`${urls['strange']}/v1/configs`, { method: 'PATCH', body: { changes: [{ op: 'set', key, value }] } });
  const refused = await change('security.sasl.plain.credentials', 'bob:a-password');
  expect([refused.status, refused.json['code']]).toEqual([503, 'SECRETS_UNAVAILABLE']);
  expect(refused.text).not.toContain('a-password');
  expect((await change('datalake.format', 'paimon')).status).toBe(200);
});
