/**
 * Goal: what a node says of the past is what a fresh fold of the exported log comes to, at any position; and the log survives being
 *   carried elsewhere, into a file or into ZooKeeper, with the same state.
 * Method: a random history made through SQL on a real node, from a fixed seed; its export is folded here, event by event; the command
 *   line is run as its users do.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { decodeEntry, type Entry } from '../../events/envelope.ts';
import { describeConfigs } from '../../projections/configs.ts';
import { stateHash } from '../../projections/kit.ts';
import { bulkFold, draftState, finishState, foldEvent, initialState, type State } from '../../projections/state.ts';
import { viewOf } from '../../src/engine/history/stateViews.ts';
import { chancery, serve } from '../cli/processes.ts';
import type { NodeProcess } from '../support/nodeProcesses.ts';
import { readLog } from '../support/writers.ts';
import { startZooKeeper } from '../support/zookeeper.ts';
import { ask, Nodes } from './harness.ts';

const nodes = new Nodes();
let node: NodeProcess;
let entries: readonly Entry[];
let newest = 0;

const quoted = (texts: readonly string[]): string => texts.map((text) => `'${text.replaceAll("'", "''")}'`).join(', ');
const key = fc.constantFrom('datalake.a', 'datalake.b', 'datalake.c.d', 'datalake.e');
const directory = fc.constantFrom('oss://one', 'oss://two', 's3://three');
const user = fc.constantFrom('alice:s3cret', "bob:it's", 'carol:Ω');
const call: fc.Arbitrary<string> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc
      .uniqueArray(fc.tuple(key, fc.string({ minLength: 1, maxLength: 12 })), { minLength: 1, maxLength: 3, selector: ([name]) => name })
      .map((pairs) => `CALL sys.set_cluster_configs(${quoted(pairs.flat())})`),
  },
  {
    weight: 2,
    arbitrary: fc
      .uniqueArray(key, { minLength: 1, maxLength: 2 })
      .map((keys) => `CALL sys.reset_cluster_configs(config_keys => ${quoted(keys)})`),
  },
  { weight: 1, arbitrary: directory.map((text) => `CALL sys.append_cluster_configs('remote.data.dirs', '${text}')`) },
  { weight: 1, arbitrary: directory.map((text) => `CALL sys.subtract_cluster_configs('remote.data.dirs', '${text}')`) },
  { weight: 1, arbitrary: user.map((text) => `CALL sys.append_cluster_configs('security.sasl.plain.credentials', ${quoted([text])})`) },
);

beforeAll(async () => {
  node = await nodes.start('n1', { LOG: 'file:data' });
  await nodes.leader();
  const calls = fc.sample(call, { numRuns: 250, seed: 20_261_121 });
  const answers = await Promise.all(calls.map((statement) => ask(node.url, '/v1/sql', { body: { statement } })));
  const refused = answers.filter(({ status }) => status !== 200);
  expect(
    refused.every(({ body }) => /^INVALID_CONFIG|^CONFIG_/.test(String(body['code']))),
    JSON.stringify(refused[0]?.body),
  ).toBe(true);
  await node.stop(); // So that another leadership is in the history.
  node.start();
  await nodes.leader();
  entries = await readLog(node.url);
  newest = entries.reduce((sum, { count }) => sum + count, 0);
  expect(newest).toBeGreaterThan(150);
});
afterAll(() => nodes.stop());

/** `chancery export`, which must give the entries that the node has. */
async function exportLog(): Promise<string> {
  const { err, status } = await chancery(['export', 'log.ndjson', '--force', '--operator', node.url], { cwd: nodes.folder });
  expect(status, err).toBe(0);
  const lines = readFileSync(join(nodes.folder, 'log.ndjson'), 'utf8').trimEnd().split('\n');
  expect(lines.map(decodeEntry)).toEqual(entries);
  return 'log.ndjson';
}

/** The state at a position, from nothing, event by event. */
function foldedTo(position: number): State {
  const draft = draftState(initialState());
  for (const { at, epoch, events, firstPosition } of entries)
    for (const [i, event] of events.entries())
      if (firstPosition + i <= position) foldEvent(draft, { position: firstPosition + i, at, epoch, event });
  return finishState(draft);
}

const positions = (count: number, seed: number): readonly number[] => [
  0,
  newest,
  ...fc.sample(fc.integer({ min: 1, max: newest }), { numRuns: count, seed }),
];

test('GET /v1/state?at=P at 200 positions', async () => {
  for (const position of positions(200, 1)) {
    const { body, status } = await ask(node.url, `/v1/state?at=${position}`);
    expect(status, JSON.stringify(body)).toBe(200);
    expect({ position: body['position'], state: body['state'] }).toEqual({ position, state: viewOf(foldedTo(position)).state });
  }
});

test('SELECT ... AT (VERSION => P) at 200 positions', async () => {
  const all = positions(200, 2);
  for (let from = 0; from < all.length; from += 20) {
    const some = [...new Set(all.slice(from, from + 20))].sort((a, b) => a - b);
    const one = (position: number): string =>
      `SELECT ${position} AS p, config_key, config_value, config_source FROM sys.cluster_configs AT (VERSION => ${position})`;
    const { body } = await ask(node.url, '/v1/sql', { body: { statement: `${some.map(one).join(' UNION ALL ')} ORDER BY p, config_key` } });
    const { rows } = (body['results'] as readonly { readonly rows: readonly unknown[][] }[])[0] ?? { rows: [] };
    const expected = some.flatMap((position) =>
      describeConfigs(foldedTo(position).configs).map((row) => [position, row.key, row.value ?? null, row.source]),
    );
    expect(rows).toEqual(expected);
  }
});

test('chancery at P', async () => {
  for (const position of positions(4, 3)) {
    const { err, out, status } = await chancery(['at', `${position}`, '--json', '--operator', node.url], { cwd: nodes.folder });
    expect(status, err).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ position, state: viewOf(foldedTo(position)).state });
  }
});

/** Makes every listening socket and every connection an end of the process, with a word. */
const noNetwork = `import net from 'node:net';
for (const [object, name] of [[net.Server.prototype, 'listen'], [net.Socket.prototype, 'connect']])
  object[name] = () => { process.stderr.write('NETWORK ' + name + '\\n'); process.exit(99); };`;
const offline = { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(noNetwork)}` };

test('replay --file tells of every position with no server, no ZooKeeper and no socket', async () => {
  const seen = await chancery(['status', '--operator', node.url], { cwd: nodes.folder, env: offline });
  expect(seen.err).toContain('NETWORK connect'); // What would use one is found out.
  const { err, out, status } = await chancery(['replay', '--file', await exportLog(), '--json'], { cwd: nodes.folder, env: offline });
  expect(status, err).toBe(0);
  const steps = out
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { readonly event: { readonly position: number } });
  expect(steps.map(({ event }) => event.position)).toEqual(Array.from({ length: newest }, (_, i) => i + 1));
});

test('export, then import into a file and into ZooKeeper: the same state hash, and nodes that serve it', async () => {
  const file = await exportLog();
  const zookeeper = await startZooKeeper(1);
  try {
    const folded = bulkFold();
    folded.add(entries);
    const state = folded.finish();
    for (const log of ['file:copy', `zookeeper://${zookeeper.connect}/copy`]) {
      const imported = await chancery(['import', file, '--log', log], { cwd: nodes.folder });
      expect(imported.out, imported.err).toContain(`chain ${state.hash}\n`);
      const { out } = await chancery(['verify', '--log', log], { cwd: nodes.folder });
      expect(out).toContain(`chain ${state.hash}\nstate ${stateHash(state)}\n`);
      const again = await serve(nodes.folder, ['--log', log], { CHANCERY_CLUSTER_SECRET: 'a secret for tests only' });
      const { body } = await ask(again.url, `/v1/state?at=${newest}`);
      expect(body['state']).toEqual(viewOf(state).state);
      await again.stop();
    }
  } finally {
    await zookeeper.stop();
  }
});
