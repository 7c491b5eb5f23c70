/**
 * Goal: a log that a newer release wrote, or that was damaged, is refused by name: a node that is running stops serving, one that starts
 *   does not begin, and nobody answers from tables that may be wrong.
 * Method: real nodes follow a real log into which the test, as a newer node would, appends an entry that is sound but for one number.
 */
import { createHash } from 'node:crypto';
import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { decodeEntry, type EncodedEntry, encodeEntry } from '../../events/envelope.ts';
import { openFileLog } from '../../src/log/file/open.ts';
import type { EventLog } from '../../src/log/port.ts';
import { Layout } from '../../src/log/zookeeper/layout.ts';
import { openZooKeeper, parseConnect } from '../../src/log/zookeeper/open.ts';
import { Session } from '../../src/log/zookeeper/session.ts';
import { statusOf, until } from '../support/nodeProcesses.ts';
import { startZooKeeper, type ZooKeeper } from '../support/zookeeper.ts';
import { ask, Nodes, put, written } from './harness.ts';

let zookeeper: ZooKeeper;
beforeAll(async () => {
  zookeeper = await startZooKeeper(1);
});
afterAll(() => zookeeper?.stop());

function nodesOf(): Nodes {
  const nodes = new Nodes();
  onTestFinished(() => nodes.stop());
  return nodes;
}

/** Appends what a newer release might: the newest entry once more in the next place, changed in its text, its hash right. */
async function appendNewer(log: EventLog, change: (text: string) => string): Promise<void> {
  const epoch = await log.raiseEpoch();
  const head = await log.head();
  const texts = await log.read(0, head.index);
  const last = decodeEntry(texts.at(-1) ?? '');
  const firstPosition = head.position + 1;
  const plain = encodeEntry({ ...last, epoch, index: head.index + 1, firstPosition, previousHash: head.hash, batchId: 'newer' });
  const changed = change(plain.text.replace(`,"hash":"${plain.entry.hash}"`, ''));
  const hash = createHash('sha256').update(changed).digest('hex');
  const at = changed.lastIndexOf(',"index":');
  const encoded: EncodedEntry = {
    entry: { ...plain.entry, hash },
    text: `${changed.slice(0, at)},"hash":"${hash}"${changed.slice(at)}`,
  };
  expect(await log.append(encoded)).toEqual({ kind: 'appended' });
}

const newer: readonly (readonly [what: string, change: (text: string) => string, says: string])[] = [
  [
    'entry format',
    (text) => text.replace(/"v":1\}$/, '"v":2}'),
    'the log holds an entry of format 2, this release reads format 1: start a newer Chancery',
  ],
  [
    'event type',
    (text) => text.replace('"type":"ClusterConfigsChanged"', '"type":"ClusterConfigsPainted"'),
    "holds an event 'ClusterConfigsPainted' that this release does not know: start a newer Chancery",
  ],
  [
    'event version',
    (text) => text.replace('"type":"ClusterConfigsChanged","version":1', '"type":"ClusterConfigsChanged","version":7'),
    'holds ClusterConfigsChanged version 7, this release reads up to 1: start a newer Chancery',
  ],
];

describe.each(newer)('a newer %s', (what, change, says) => {
  test('on ZooKeeper: the nodes that run stop serving and say why, one that starts does too', async () => {
    const nodes = nodesOf();
    const root = `zookeeper://${zookeeper.connect}/newer-${what.replace(' ', '-')}`;
    const settings = { LOG: root, SESSION_TIMEOUT: '10s' };
    const running = [await nodes.start('n1', settings), await nodes.start('n2', settings)];
    await nodes.settled();
    await written(put(running[0]?.url ?? '', 'newer', 'kept'));
    const { log } = await openZooKeeper({ connect: root.slice('zookeeper://'.length) });
    try {
      await appendNewer(log, change);
    } finally {
      await log.close();
    }
    const third = await nodes.start('n3', settings);
    for (const node of [...running, third]) {
      await until(`${node.nodeId} stops serving`, 20_000, async () => ((await statusOf(node.url))?.role === 'fault' ? true : undefined));
      const { body } = await ask(node.url, '/v1/status');
      expect(body['fault'], node.nodeId).toContain(says);
      expect(await ask(node.url, '/v1/configs'), node.nodeId).toMatchObject({ status: 503, body: { code: 'NODE_FAULT' } });
      expect(await put(node.url, 'newer', 'x'), node.nodeId).toMatchObject({ status: 503, body: { code: 'NODE_FAULT' } });
      expect((await ask(node.url, '/health')).status, node.nodeId).toBe(503);
      expect(nodes.said(node.nodeId)).toMatch(/"level":50.*this node stops serving/);
    }
    await until('the banner of the one that started says so', 10_000, async () =>
      nodes.said('n3').includes('stopped serving: ') && nodes.said('n3').includes(says) ? true : undefined,
    );
  });

  test('in a file: the node that starts says why, and serves nothing', async () => {
    const nodes = nodesOf();
    const node = await nodes.start('n1', { LOG: 'file:data' });
    await nodes.leader();
    await written(put(node.url, 'newer', 'kept'));
    await node.stop();
    const { log } = await openFileLog(join(nodes.folder, 'data'));
    try {
      await appendNewer(log, change);
    } finally {
      await log.close();
    }
    node.start();
    await until('it has stopped serving', 20_000, async () => ((await statusOf(node.url))?.role === 'fault' ? true : undefined));
    expect((await ask(node.url, '/v1/status')).body['fault']).toContain(says);
    expect(await ask(node.url, '/v1/configs')).toMatchObject({ status: 503, body: { code: 'NODE_FAULT' } });
  });
});

describe('a newer format of the whole log', () => {
  test('on ZooKeeper: a node does not start', async () => {
    const nodes = nodesOf();
    const connect = `${zookeeper.connect}/newer-format`;
    const { log } = await openZooKeeper({ connect });
    await log.close();
    const { addresses, root } = parseConnect(connect);
    const session = new Session({ addresses, sessionTimeoutMs: 2000 });
    await session.live(performance.now() + 10_000);
    await session.setData(new Layout(root, 1000).format, '{"format":2,"tier":"hot"}', 'any');
    await session.close();
    const node = await nodes.start('n1', { LOG: `zookeeper://${connect}` });
    await until('it has ended', 20_000, async () => (node.isRunning() ? undefined : true));
    expect(await node.stop()).toBe(1);
    expect(nodes.said('n1')).toContain(
      'cannot start: /newer-format/format says that the log has format 2, this release knows format 1: start a newer Chancery\n',
    );
  });

  test('in a file: a node does not start', async () => {
    const nodes = nodesOf();
    const node = await nodes.start('n1', { LOG: 'file:data' });
    await nodes.leader();
    await node.stop();
    const file = join(nodes.folder, 'data', 'format');
    writeFileSync(file, readFileSync(file, 'utf8').replace('1', '2'));
    node.start();
    await until('it has ended', 20_000, async () => (node.isRunning() ? undefined : true));
    expect(await node.stop()).toBe(1);
    expect(nodes.said('n1')).toMatch(/cannot start: .*data.* format 2, .*: start a newer Chancery\n/);
  });
});

describe('a damaged file', () => {
  test('cut off within its last write: the rest is kept aside with a word, everything before is there', async () => {
    const nodes = nodesOf();
    const node = await nodes.start('n1', { LOG: 'file:data' });
    await nodes.leader();
    await written(put(node.url, 'torn', 'first'));
    await written(put(node.url, 'torn', 'second'));
    await node.kill();
    const file = join(nodes.folder, 'data', 'segment-00000001.log');
    truncateSync(file, readFileSync(file).length - 5);
    node.start();
    await nodes.leader();
    expect(nodes.said('n1')).toMatch(/"level":40.*segment-00000001\.log/);
    expect((await ask(node.url, '/v1/configs/datalake.test.torn')).body['config']).toMatchObject({ value: 'first' });
  });

  test('flipped while it runs and read back: no answer is made of it', async () => {
    const nodes = nodesOf();
    const node = await nodes.start('n1', { LOG: 'file:data' });
    await nodes.leader();
    for (const value of ['first', 'second', 'third']) await written(put(node.url, 'flipped', value));
    await node.kill();
    const file = join(nodes.folder, 'data', 'segment-00000001.log');
    const bytes = readFileSync(file);
    const at = bytes.indexOf('"second"') + 2;
    bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
    writeFileSync(file, bytes);
    node.start();
    await until('it has ended', 20_000, async () => (node.isRunning() ? undefined : true));
    expect(await node.stop()).toBe(1);
    expect(nodes.said('n1')).toMatch(/cannot start: .*segment-00000001\.log.* damaged/);
  });
});
