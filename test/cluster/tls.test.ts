/**
 * Goal: whoever follows docs/tls.md from top to bottom has three nodes that speak TLS with everybody and with each other, and renews a
 * certificate while others go on.
 * Method: its commands run in order, with the real openssl and curl, on real nodes over a real ZooKeeper that are started with the
 * page's own settings; only addresses are replaced. A reader of the event stream holds one connection throughout.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { freePorts } from '../../src/cli/zookeeperServer.ts';
import { program, type Running, type ServedNode, serve, start } from '../cli/processes.ts';
import { type Block, blocksOf, matches, replacedIn, runBlocks, shown } from '../metaservice/pageBlocks.ts';
import { until } from '../support/nodeProcesses.ts';
import { get } from '../support/tls.ts';
import { startZooKeeper, type ZooKeeper } from '../support/zookeeper.ts';

const page = readFileSync(join(import.meta.dirname, '../../docs/tls.md'), 'utf8');
const blocks = blocksOf(page);
const settings = /^```yaml\n([\s\S]*?)^```$/m.exec(page)?.[1] ?? '';
const folder = mkdtempSync(join(tmpdir(), 'chancery-tls-page-'));
const env = { CHANCERY_CLUSTER_SECRET: 'a secret for tests only', CHANCERY_SESSION_TIMEOUT: '2s' };
const ca = join(folder, 'ca.pem');
let zookeeper: ZooKeeper;
beforeAll(async () => {
  zookeeper = await startZooKeeper(1);
});
afterAll(async () => {
  await zookeeper.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** Runs commands of the page. @throws Error when one fails or prints something else than stands behind it */
async function run(part: readonly Block[], replaced: Readonly<Record<string, string>>): Promise<void> {
  const printed = await runBlocks(part, folder, replaced, { PATH: process.env['PATH'] ?? '', HOME: folder, TZ: 'UTC' });
  for (const [i, block] of part.entries()) {
    const { exit, text } = printed[i] ?? { exit: Number.NaN, text: '' };
    const seen = shown(block, { exit, text });
    const isExpected = block.expected === undefined || matches(seen, block.expected, new Map());
    expect({ line: block.line, exit, text: isExpected ? block.expected : seen }).toEqual({
      line: block.line,
      exit: 0,
      text: block.expected,
    });
  }
}

/** A node of the page, at ports of its own. */
async function serveNode(name: string, operator: string, metaService: string): Promise<ServedNode> {
  const addresses = { 'zk1:2181,zk2:2181,zk3:2181': zookeeper.connect, '0.0.0.0:8480': operator, '0.0.0.0:5000': metaService };
  const text = replacedIn(settings, { ...addresses, 'n1.example.org:8480': operator }).replaceAll('n1', name);
  writeFileSync(join(folder, `${name}.yaml`), text);
  return await serve(folder, ['--config', `${name}.yaml`, '--operator', operator, '--meta-service', metaService], env);
}

function follow(url: string): Running {
  const how = ['--operator', url, '--ca', ca, '--type', 'ClusterConfigsChanged'];
  const reader = start(['history', '--follow', '--json', ...how], { cwd: folder });
  onTestFinished(() => void reader.child.kill('SIGKILL'));
  return reader;
}

test('the page leads to three nodes with TLS, and through a renewal', async () => {
  const ports = await freePorts(6);
  const at = (i: number): string => `localhost:${ports[i]}`;
  const replaced: Record<string, string> = { 'bin/chancery': `${process.execPath} ${program}` };
  for (const i of [0, 1, 2]) {
    replaced[`n${i + 1}.example.org:8480`] = at(i);
    replaced[`n${i + 1}.example.org:5000`] = at(i + 3);
  }
  const isAboutFiles = ({ command }: Block): boolean => !command.includes('example.org:');
  const first = blocks.findIndex((block) => !isAboutFiles(block));
  await run(blocks.slice(0, first), replaced);
  const nodes = await Promise.all([0, 1, 2].map((i) => serveNode(`n${i + 1}`, at(i), at(i + 3))));
  expect(nodes.map(({ url }) => url)).toEqual([0, 1, 2].map((i) => `https://${at(i)}`));
  const [n1] = nodes as [ServedNode, ServedNode, ServedNode];
  const status = async (url: string) =>
    JSON.parse((await get(`${url}/v1/status`, { ca })).text) as { leaderId?: string; members: object[] };
  await until('all know each other', 30_000, async () => {
    const seen = await Promise.all(nodes.map(({ url }) => status(url)));
    return seen.every(({ leaderId, members }) => leaderId !== undefined && members.length === 3) ? true : undefined;
  });
  const reader = follow(n1.url);
  await run(blocks.slice(first), replaced);
  expect((await get(`${n1.url}/health`, { ca })).status).toBe(200);
  await until('n1 shows its new certificate', 20_000, async () =>
    (await get(`${n1.url}/health`, { ca })).server === 'CN=n1 again' ? true : undefined,
  );
  expect(n1.err()).toContain('new TLS files are in force');

  // Writes are forwarded as before, whoever leads, and the reader is still there on the connection that it began with.
  for (const [i, { url }] of nodes.entries()) {
    const call = `CALL sys.set_cluster_configs('datalake.test.renewed', '${i}')`;
    const { err, out, status: exit } = await start(['sql', '--operator', url, '--ca', ca, call], { cwd: folder }).ended;
    expect([exit, err, out]).toEqual([0, '', expect.stringContaining('in force on 3 of 3 nodes')]);
  }
  const read = (): number =>
    reader
      .out()
      .split('\n')
      .filter((line) => line.includes('datalake.test.renewed')).length;
  await until('the reader has read them', 10_000, async () => (read() === nodes.length ? true : undefined));
  expect(reader.err()).not.toMatch(/broke off|following again/);
  expect(nodes.map((node) => node.err()).join('')).not.toContain('"level":50');
});
