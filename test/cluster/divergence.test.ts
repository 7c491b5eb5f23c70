/**
 * Goal: a node whose tables differ from those of the others stops serving and says why, even when it leads, and nothing is lost by it.
 * Method: one of three real nodes runs a copy of the sources with a mistake planted in a fold; writers go on until a checkpoint.
 */
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { statusOf, until } from '../support/nodeProcesses.ts';
import { faults, readLog, Writers } from '../support/writers.ts';
import { startZooKeeper, type ZooKeeper } from '../support/zookeeper.ts';
import { ask, Nodes, put } from './harness.ts';

let zookeeper: ZooKeeper;
const nodes = new Nodes();
beforeAll(async () => {
  zookeeper = await startZooKeeper(1);
});
afterAll(async () => {
  await nodes.stop();
  await zookeeper?.stop();
});

/** A copy of the program whose fold counts every leadership twice. @returns its main.ts */
function faultyProgram(): string {
  const root = resolve(import.meta.dirname, '../..');
  const copy = join(nodes.folder, 'patched');
  mkdirSync(copy);
  for (const part of ['events', 'projections', 'src', 'package.json']) cpSync(join(root, part), join(copy, part), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
  const file = join(copy, 'projections', 'leadership.ts');
  const source = readFileSync(file, 'utf8');
  const patched = source.replace('state.taken += 1;', 'state.taken += 2;');
  expect(patched).not.toBe(source);
  writeFileSync(file, patched);
  return join(copy, 'src', 'main.ts');
}

test('a leader that folds wrongly is found at the next checkpoint; the others go on without it', async () => {
  const settings = { LOG: `zookeeper://${zookeeper.connect}/chancery` };
  const wrong = await nodes.start('n1', settings, faultyProgram());
  expect(await nodes.leader()).toBe(wrong);
  const sound = [await nodes.start('n2', settings), await nodes.start('n3', settings)];
  await nodes.settled();
  const writers = new Writers(nodes.urls, 64, 'diverge');
  await until('the node that is wrong stops serving', 60_000, async () =>
    (await statusOf(wrong.url))?.role === 'fault' ? true : undefined,
  );
  const next = await nodes.leader(sound);
  const heard = writers.acknowledged.length;
  await until('the others go on', 30_000, async () => (writers.acknowledged.length >= heard + 64 ? true : undefined));
  await writers.stop();
  await nodes.settled(sound);

  const fault = (await ask(wrong.url, '/v1/status')).body['fault'];
  expect(fault).toMatch(/^at position \d+ its tables \([0-9a-f]{12}\) differ from those of n2, n3$/);
  expect(nodes.said('n1')).toContain(`${String(fault)}`);
  expect(nodes.said('n1')).toContain('this node stops serving');
  for (const path of ['/v1/configs', '/v1/configs?consistency=linearizable', '/v1/events', '/v1/state'])
    expect(await ask(wrong.url, path), path).toMatchObject({
      status: 503,
      body: { code: 'NODE_FAULT', detail: expect.stringContaining(String(fault)) },
    });
  expect(await put(wrong.url, 'x', 'y')).toMatchObject({ status: 503, body: { code: 'NODE_FAULT' } });
  expect((await ask(wrong.url, '/health')).status).toBe(503);
  const { body } = await ask(next.url, '/v1/status');
  expect((body['members'] as readonly { readonly nodeId: string }[]).map(({ nodeId }) => nodeId)).toEqual(['n2', 'n3']);
  for (const { url } of sound) expect(faults(writers.acknowledged, await readLog(url))).toEqual([]);
});
