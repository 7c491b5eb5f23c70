/**
 * Goal: whoever follows the manual of the Meta Service, docs/meta-service.md, from top to bottom sees what is printed there.
 * Method: its commands run in order, with the real curl, in one shell, against a fresh node started as `bin/chancery serve`; only ports
 * and the token are replaced. Each answer must be the one printed behind the command, but for the placeholders that the manual names.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freePorts } from '../../src/cli/zookeeperServer.ts';
import { until } from '../support/nodeProcesses.ts';
import { blocksOf, matches, type Printed, replacedIn, runBlocks, shown } from './pageBlocks.ts';

const program = join(import.meta.dirname, '../../src/main.ts');
const blocks = blocksOf(readFileSync(join(import.meta.dirname, '../../docs/meta-service.md'), 'utf8'));
const folder = mkdtempSync(join(tmpdir(), 'chancery-page-'));
const token = 'another-token';
const ids = new Map<string, string>();
let node: ChildProcess | undefined;
let replaced: Readonly<Record<string, string>> = {};
let printed: readonly Printed[] = [];

beforeAll(async () => {
  const [operatorPort, port] = await freePorts(2);
  const operator = `127.0.0.1:${operatorPort}`;
  const metaService = `127.0.0.1:${port}`;
  replaced = {
    '127.0.0.1:5000': metaService,
    '127.0.0.1:8480': operator,
    greedisgood9999: token,
    'bin/chancery': `${process.execPath} ${program}`,
  };
  const env = { PATH: process.env['PATH'] ?? '', HOME: folder, TZ: 'UTC', CHANCERY_OPERATOR_URL: `http://${operator}` };
  const output = openSync(join(folder, 'node.log'), 'w');
  const settings = { CHANCERY_OPERATOR: operator, CHANCERY_META_SERVICE: metaService, CHANCERY_META_SERVICE_TOKEN: token };
  node = spawn(process.execPath, [program, 'serve'], { cwd: folder, env: { ...env, ...settings }, stdio: ['ignore', output, output] });
  closeSync(output);
  await until('the node answers', 30_000, async () => {
    if (node?.exitCode !== null) throw new Error(`the node ended: ${readFileSync(join(folder, 'node.log'), 'utf8')}`);
    const answer = await fetch(`http://${operator}/ready`).catch(() => undefined);
    return answer?.ok === true ? true : undefined;
  });
  printed = await runBlocks(blocks, folder, replaced, env);
}, 180_000);

afterAll(async () => {
  if (node !== undefined && node.exitCode === null) {
    const ended = once(node, 'exit');
    node.kill('SIGTERM');
    await ended;
  }
  rmSync(folder, { recursive: true, force: true });
});

test('every route of the page stands in the manual', () => {
  const routes = [
    'create_instance, drop_instance, get_instance, set_instance_status',
    'get_obj_store_info, update_ak_sk, legacy_update_ak_sk, add_obj_info',
    'add_cluster, get_cluster, drop_cluster, rename_cluster, add_node, drop_node, update_cluster_mysql_user_name, cloud_cluster_status',
    'enable_instance_sse, get_cluster_status, set_cluster_status, decode_key, get_tablet_stats, abort_txn, abort_tablet_job',
  ].flatMap((line) => line.split(', '));
  const asked = blocks.filter(({ kind }) => kind === 'curl').map(({ command }) => command);
  expect(routes.filter((route) => !asked.some((command) => new RegExp(`/${route}(?:['?]|$)`, 'm').test(command)))).toEqual([]);
});

describe('the commands of docs/meta-service.md', () => {
  test.each(blocks.map((block, i) => ({ ...block, i })))('line $line', (block) => {
    const answer = printed[block.i] ?? { text: '', exit: Number.NaN };
    const text = shown(block, answer);
    const expected = replacedIn(block.expected ?? '', replaced);
    expect({ exit: answer.exit, text: matches(text, expected, ids) ? expected : text }).toEqual({ exit: 0, text: expected });
  });
});
