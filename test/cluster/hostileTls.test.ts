/**
 * Goal: bytes that are no TLS, a torn handshake, and torn requests inside TLS do nothing to a node whose ports speak TLS.
 * Method: a real process with a certificate on both ports; drawn bytes as they are and inside a session, 25 connections at a time.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { Agent, get as httpsGet } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { freePorts } from '../../src/cli/zookeeperServer.ts';
import { TestCa } from '../support/certificates.ts';
import { exchange, hostileBytes } from '../support/hostileSockets.ts';
import { type NodeProcess, nodeProcess, until } from '../support/nodeProcesses.ts';
import { replay } from '../support/replay.ts';

const minutes = 60_000;
const timeout = 2 * minutes * Number(process.env['CHANCERY_RUNS'] ?? 1);
const folder = mkdtempSync(join(tmpdir(), 'chancery-hostile-tls-'));
const ca = new TestCa(folder, 'ca');
let node: NodeProcess;
let ports: readonly number[];
beforeAll(async () => {
  ports = await freePorts(2);
  const own = ca.issue('n1');
  const [OPERATOR, META_SERVICE] = ports.map((port) => `127.0.0.1:${port}`) as [string, string];
  const settings = { LOG: 'file:data', OPERATOR, META_SERVICE, TLS_CERT: own.cert, TLS_KEY: own.key, TLS_CA: ca.cert };
  node = await nodeProcess('n1', folder, settings, undefined, ['--max-old-space-size=96']);
  await until('the node serves', 30_000, async () => ((await ready()) === 200 ? true : undefined));
});
afterAll(async () => {
  await node?.kill();
  rmSync(folder, { recursive: true, force: true });
});

const agent = new Agent({ ca: readFileSync(ca.cert) });
/** @returns the status of /ready, 0 without an answer */
const ready = (): Promise<number> =>
  new Promise((resolve) => {
    httpsGet({ host: '127.0.0.1', port: ports[0], path: '/ready', agent }, (incoming) => {
      incoming.resume();
      resolve(incoming.statusCode ?? 0);
    }).on('error', () => resolve(0));
  });

test(
  'bytes in clear and inside TLS',
  async () => {
    const secure = { ca: readFileSync(ca.cert) };
    const answers = new Set<string>();
    await fc.assert(
      fc.asyncProperty(fc.array(hostileBytes, { minLength: 25, maxLength: 25 }), async (sent) => {
        const urls = ports.map((port) => `http://127.0.0.1:${port}`);
        const heard = await Promise.all(sent.map((one, i) => exchange(urls[i % 2] ?? '', one, i % 4 < 2 ? secure : undefined)));
        expect(heard.filter(({ hasEnded, text }) => !hasEnded || /went wrong inside|^HTTP\/1\.1 50[1-9]/m.test(text))).toEqual([]);
        for (const { text } of heard) answers.add(text.slice(0, 12));
      }),
      { ...replay({ numRuns: 20 }).params, endOnFailure: true },
    );
    expect([...answers]).toEqual(expect.arrayContaining(['HTTP/1.1 200', 'HTTP/1.1 400']));
    expect(await ready()).toBe(200);
    const said = readFileSync(join(folder, 'n1.log'), 'utf8');
    expect(said.split('\n').filter((line) => /"level":[56]0/.test(line))).toEqual([]);
  },
  timeout,
);
