/**
 * Goal: whatever callers send at once, the leader never appends an entry that cannot be read back, and answers each of them.
 * Method: a node on the in-memory log; commands of chosen sizes submitted together; every entry read back and decoded.
 */
import { afterEach, expect, test, vi } from 'vitest';
import { entryLimits } from '../../events/envelope.ts';
import { coordinatorOf } from '../../projections/coordinators.ts';
import type { Command } from '../../src/deciders/commands.ts';
import type { Node } from '../../src/engine/node.ts';
import { caller, setKey, TestCluster } from '../support/nodes.ts';

const clusters: TestCluster[] = [];
afterEach(async () => {
  for (const cluster of clusters.splice(0)) await cluster.stop();
});
async function leading(): Promise<{ node: Node; cluster: TestCluster }> {
  const cluster = new TestCluster();
  clusters.push(cluster);
  const node = await cluster.start('n1');
  await node.submit(setKey('warm', 'up'), caller);
  return { node, cluster };
}
/** Sets `count` keys to texts of `length` times one character. */
const setMany = (prefix: string, count: number, length: number, character = 'x'): Command => ({
  name: 'alterClusterConfigs',
  changes: Array.from({ length: count }, (_, i) => ({ op: 'set', key: `datalake.test.${prefix}${i}`, value: character.repeat(length) })),
});

test('two commands that fit alone but not together become two entries', async () => {
  const { node, cluster } = await leading();
  const outcomes = await Promise.all([node.submit(setMany('a', 8, 8_000), caller), node.submit(setMany('b', 25, 8_000), caller)]);
  expect(outcomes.map(({ kind }) => kind)).toEqual(['done', 'done']);
  for (const text of cluster.hub.texts(0, 100)) expect(Buffer.byteLength(text)).toBeLessThanOrEqual(entryLimits.bytes);
  expect(cluster.entries().at(-1)?.firstPosition).toBe(node.state.position);
});

test('what is too large for an entry alone is refused, counted in bytes', async () => {
  const { node, cluster } = await leading();
  const head = cluster.hub.head;
  expect(await node.submit(setMany('a', 40, 8_000), caller)).toMatchObject({ kind: 'rejected', rejection: { code: 'TOO_LARGE' } });
  expect(await node.submit(setMany('a', 12, 8_000, '語'), caller)).toMatchObject({ kind: 'rejected', rejection: { code: 'TOO_LARGE' } });
  expect(cluster.hub.head).toEqual(head);
  expect(await node.submit(setMany('a', 7, 8_000, '語'), caller)).toMatchObject({ kind: 'done' });
  for (const text of cluster.hub.texts(0, 100)) expect(Buffer.byteLength(text)).toBeLessThanOrEqual(entryLimits.bytes);
});

test('a full queue refuses with BUSY and loses nobody', async () => {
  const { node } = await leading();
  const sent = Array.from({ length: 1_500 }, (_, i) => node.submit(setKey(`k${i}`, 'v'), caller));
  const kinds = (await Promise.all(sent)).map((outcome) => (outcome.kind === 'rejected' ? outcome.rejection.code : outcome.kind));
  expect(kinds.filter((kind) => kind === 'done')).toHaveLength(1_000);
  expect(kinds.filter((kind) => kind === 'BUSY')).toHaveLength(500);
});

test('a key that comes back with another body is refused, with the same body answered as before', async () => {
  const { node } = await leading();
  const key = { ...caller, idempotencyKey: 'once' };
  const first = await node.submit(setKey('k', 'v'), key);
  expect(await node.submit(setKey('k', 'v'), key)).toEqual({ ...first, duplicate: true });
  expect(await node.submit(setKey('k', 'w'), key)).toMatchObject({ kind: 'rejected', rejection: { code: 'IDEMPOTENCY_KEY_REUSED' } });
});

test("a caller who guesses the key of an act of the cluster's own does not keep it from being done", async () => {
  const { node, cluster } = await leading();
  expect(await node.submit(setKey('k', 'v'), { ...caller, idempotencyKey: 'join/n2/0' })).toMatchObject({ kind: 'done', changed: true });
  await cluster.start('n2');
  await vi.waitFor(() => expect(coordinatorOf(node.state.coordinators, 'n2')).toMatchObject({ nodeId: 'n2' }), { timeout: 30_000 });
});
