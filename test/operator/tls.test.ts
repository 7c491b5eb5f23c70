/**
 * Goal: a listener with a certificate speaks TLS 1.2 or newer and nothing else, knows callers by their certificates where it is told to,
 * and takes new files without cutting anybody off. Nodes hand writes on over TLS only to one whose chain and name they have checked.
 * Method: real certificates of openssl, real sockets, real nodes on the in-memory log.
 */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { RequestListener } from 'node:http';
import { type AddressInfo, connect as connectPlain, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { type ForwardedRequest, PeerUnreachable } from '../../src/engine/forwarding.ts';
import { Heartbeats } from '../../src/engine/heartbeats.ts';
import { createHeartbeatBoard } from '../../src/interfaces/operator/heartbeats.ts';
import { createPeers } from '../../src/interfaces/operator/peers.ts';
import { createSecureServer } from '../../src/interfaces/tls/listener.ts';
import type { TlsSettings } from '../../src/interfaces/tls/material.ts';
import { type NodeTls, watchEveryMs } from '../../src/interfaces/tls/nodeTls.ts';
import { certificatePrincipal } from '../../src/interfaces/tls/principal.ts';
import { systemClock } from '../../src/ports/clock.ts';
import type { Member } from '../../src/ports/membership.ts';
import { serveMetaService } from '../metaservice/support.ts';
import { type Pair, replace, TestCa } from '../support/certificates.ts';
import { get, Notes, oneConnection, openTls } from '../support/tls.ts';
import { VirtualClock } from '../support/virtualClock.ts';
import { call, rawExchange, type Served, ServedCluster, waits } from './support.ts';

const folder = mkdtempSync(join(tmpdir(), 'chancery-tls-'));
const ca = new TestCa(folder, 'ca');
const strangers = new TestCa(folder, 'strangers');
let node: Pair;
let alice: Pair;
beforeAll(() => {
  node = ca.issue('n1');
  alice = ca.issue('alice', { names: '' });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A node that is told this; it ends with the test. */
async function served(settings: Partial<TlsSettings> = {}, logger = new Notes()): Promise<Served> {
  const cluster = new ServedCluster();
  onTestFinished(() => cluster.stop());
  const tls = await openTls({ own: node, ...settings }, { logger });
  const one = await cluster.start('n1', { tls, logger });
  await cluster.ready(one);
  return one;
}

/** A server that is told this and nothing more; it ends with the test. @returns its port */
async function listening(tls: NodeTls, handler: RequestListener, logger = new Notes(), plainAnswer = ''): Promise<number> {
  const server = createSecureServer({ tls, logger, plainAnswer }, {}, handler);
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

describe('a listener', () => {
  test('speaks TLS 1.2 and 1.3, not 1.1', async () => {
    const port = await listening(await openTls({ own: node }), (_request, response) => response.end());
    const spoken = async (version: 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3'): Promise<string> =>
      await new Promise((resolve) => {
        // Of its own accord OpenSSL offers no 1.1 any more.
        const offer = { minVersion: version, maxVersion: version, ciphers: 'DEFAULT:@SECLEVEL=0' } as const;
        const socket = connect({ port, host: '127.0.0.1', ca: readFileSync(ca.cert), ...offer });
        socket.once('secureConnect', () => {
          resolve(socket.getProtocol() ?? '');
          socket.destroy();
        });
        socket.once('error', (error: NodeJS.ErrnoException) => resolve(String(error.message)));
      });
    expect(await spoken('TLSv1.3')).toBe('TLSv1.3');
    expect(await spoken('TLSv1.2')).toBe('TLSv1.2');
    expect(await spoken('TLSv1.1')).toMatch(/alert protocol version/);
  });

  test('answers plain HTTP in words, goes on, and says when its certificate ends', async () => {
    const { port, url } = await served();
    const plain = await call(`http://127.0.0.1:${port}/v1/status`);
    expect(plain).toMatchObject({ status: 400, json: { code: 'TLS_REQUIRED', remedy: 'Use https:// instead of http://.' } });
    const nonsense = await rawExchange(port, 'SSH-2.0-OpenSSH_9.2\r\n');
    expect(nonsense).not.toContain('HTTP');
    const { server, text } = await get(`${url}/metrics`, { ca: ca.cert });
    expect([url, server]).toEqual([`https://127.0.0.1:${port}`, 'CN=n1']);
    const days = Number(/^chancery_tls_certificate_expires_seconds (\S+)$/m.exec(text)?.[1]) / 86_400;
    expect([days > 29, days <= 30]).toEqual([true, true]);
  });

  test('survives callers that speak plain HTTP, or half of TLS, and are gone before the answer', async () => {
    const port = await listening(
      await openTls({ own: node }),
      (_request, response) => response.end('alive'),
      new Notes(),
      'HTTP/1.1 400 No\r\n\r\n',
    );
    const hello = Buffer.from('16030100050100000103', 'hex');
    const leave = async (bytes: string | Buffer): Promise<void> =>
      await new Promise((resolve) => {
        const socket = connectPlain(port, '127.0.0.1', () => socket.write(bytes, () => socket.resetAndDestroy()));
        socket.on('error', () => {}).once('close', () => resolve());
      });
    for (let i = 0; i < 50; i++) await Promise.all([leave('GET / HTTP/1.1\r\nHost: x\r\n\r\n'), leave(hello), leave('')]);
    expect((await get(`https://127.0.0.1:${port}/`, { ca: ca.cert })).text).toBe('alive');
  });

  test('is plain HTTP without a certificate, whatever it trusts', async () => {
    const cluster = new ServedCluster();
    onTestFinished(() => cluster.stop());
    const { url } = await cluster.start('n1', { tls: await openTls({ ca: ca.cert }) });
    expect(url).toMatch(/^http:/);
    const { text } = await call(`${url}/metrics`);
    expect(text).not.toContain('chancery_tls');
  });
});

describe('callers with certificates', () => {
  /** As whom a caller is heard, or what it sees instead, and what the node says of it. */
  async function fare(mode: TlsSettings['clientCerts'], shown: Pair | undefined): Promise<string> {
    const logger = new Notes();
    const tls = await openTls({ own: node, clientCa: ca.cert, clientCerts: mode });
    const port = await listening(tls, ({ socket }, response) => response.end(String(certificatePrincipal(socket))), logger);
    try {
      return (await get(`https://127.0.0.1:${port}/`, { ca: ca.cert, ...(shown === undefined ? {} : { shown }) })).text;
    } catch (error) {
      const said = logger.about('client certificate').map((line) => line.replace(/^.* was refused: |; see .*$/g, ''));
      return [(error as NodeJS.ErrnoException).code, ...said].join(': ');
    }
  }
  const cut = 'ECONNRESET: UNABLE_TO_VERIFY_LEAF_SIGNATURE';
  test.each<readonly [TlsSettings['clientCerts'], string, () => Pair | undefined, string]>([
    ['none', 'nothing', () => undefined, 'undefined'],
    ['none', 'a good one', () => alice, 'undefined'],
    ['optional', 'nothing', () => undefined, 'undefined'],
    ['optional', 'a good one', () => alice, 'User:alice'],
    ['optional', 'one of another CA', () => strangers.issue('alice'), cut],
    ['optional', 'one that has ended', () => ca.issue('late', { to: -0.1 }), 'ECONNRESET: CERT_HAS_EXPIRED'],
    ['required', 'nothing', () => undefined, 'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED'],
    ['required', 'a good one', () => alice, 'User:alice'],
    ['required', 'one of another CA', () => strangers.issue('alice'), cut],
    ['required', 'one made for servers alone', () => ca.issue('web', { purpose: 'serverAuth' }), 'ECONNRESET: INVALID_PURPOSE'],
    ['required', 'one whose name means something else', () => ca.issue('a;b'), 'undefined'],
    ['required', 'one that calls itself nobody', () => ca.issue('ANONYMOUS'), 'undefined'],
    ['required', 'one with a name of other letters', () => ca.issue('Zoë Ω'), 'User:Zoë Ω'],
  ])('%s, shown %s', async (mode, _, shown, expected) => {
    expect(await fare(mode, shown())).toBe(expected);
  });

  test('a connection without TLS is nobody', () => expect(certificatePrincipal(new Socket())).toBeUndefined());
});

/** Tells how often somebody began to wait. */
class WatchedClock extends VirtualClock {
  set = 0;
  #skipped = 0;
  override now(): number {
    return super.now() + this.#skipped;
  }
  /** As if the machine had slept. */
  skip(ms: number): void {
    this.#skipped += ms;
  }
  override after(ms: number, run: () => void): () => void {
    this.set += 1;
    return super.after(ms, run);
  }
}

describe('new files', () => {
  /** Time stands until a test moves it. */
  async function watched(own: Pair): Promise<{ served: Served; clock: WatchedClock; notes: Notes; look: () => Promise<void> }> {
    const clock = new WatchedClock(Date.now());
    const notes = new Notes();
    const cluster = new ServedCluster();
    onTestFinished(() => cluster.stop());
    const tls = await openTls({ own }, { clock, logger: notes });
    const one = await cluster.start('n1', { tls });
    await cluster.ready(one);
    const look = async (): Promise<void> => {
      const { set } = clock;
      await clock.advance(watchEveryMs);
      // It has looked when it waits for the next time.
      await vi.waitFor(() => expect(clock.set).toBeGreaterThan(set), waits);
    };
    return { served: one, clock, notes, look };
  }

  test('are shown to who comes from then on; who is there is not cut off', async () => {
    const own = ca.issue('renewed');
    const {
      look,
      notes,
      served: { url },
    } = await watched(own);
    const agent = oneConnection({ ca: ca.cert });
    const before = await get(`${url}/health`, { ca: ca.cert, agent });
    replace(own, ca.issue('renewal'));
    await look();
    const after = await get(`${url}/health`, { ca: ca.cert, agent });
    expect(after.socket).toBe(before.socket);
    expect([before.server, before.status, after.status]).toEqual(['CN=renewed', 200, 200]);
    expect((await get(`${url}/health`, { ca: ca.cert })).server).toBe('CN=renewal');
    expect(notes.lines).toEqual(['info: TLS is on', 'info: new TLS files are in force']);
    expect(notes.fields.at(-1)).toMatchObject({ subject: 'CN=renewal' });
  });

  test('that do not fit are told about once, and the old ones stay; the next that fit are taken', async () => {
    const own = ca.issue('steady');
    const {
      look,
      notes,
      served: { url },
    } = await watched(own);
    const next = ca.issue('next');
    writeFileSync(own.cert, readFileSync(next.cert)); // As a renewal that is half done.
    await look();
    expect(notes.about('warn')).toEqual([]);
    for (let i = 0; i < 3; i++) await look();
    const complaint = `warn: tls-key ${own.key} does not fit the certificate in tls-cert ${own.cert}; what was in force before stays`;
    expect(notes.about('warn')).toEqual([complaint]);
    expect((await get(`${url}/health`, { ca: ca.cert })).server).toBe('CN=steady');
    writeFileSync(own.key, readFileSync(next.key));
    await look();
    expect((await get(`${url}/health`, { ca: ca.cert })).server).toBe('CN=next');
  });

  test('an end that comes near is told about every day', async () => {
    const { clock, look, notes } = await watched(ca.issue('old', { to: 15.5 }));
    expect(notes.about('ends in')).toEqual([]);
    for (let day = 0; day < 3; day++) {
      clock.skip(86_400_000);
      await look();
      await look();
    }
    expect(notes.about('ends in').map((line) => /ends in \d+ days/.exec(line)?.[0])).toEqual(['ends in 13 days', 'ends in 12 days']);
  });
});

describe('nodes among each other', () => {
  const clusterSecret = 'three nodes, one secret';
  const request: ForwardedRequest = {
    command: { name: 'alterClusterConfigs', changes: [{ op: 'set', key: 'datalake.test.tls', value: 'v' }] },
    act: {
      principal: 'User:test',
      interface: 'operator',
      command: 'alterClusterConfigs',
      commandId: 'c1',
      digest: '0'.repeat(32),
      node: 'n9',
    },
    timeLeftMs: 5_000,
  };
  const memberAt = (operatorUrl: string): Member => ({ nodeId: 'n1', operatorUrl, release: 'test', position: 0, checkpoints: [] });

  test('what a follower hands on arrives, also where every caller must show a certificate', async () => {
    const cluster = new ServedCluster();
    onTestFinished(() => cluster.stop());
    const nodes: { readonly one: Served; readonly tls: NodeTls }[] = [];
    for (const nodeId of ['n1', 'n2']) {
      const tls = await openTls({ own: ca.issue(nodeId), ca: ca.cert, clientCa: ca.cert, clientCerts: 'required' });
      nodes.push({ one: await cluster.start(nodeId, { tls, clusterSecret }), tls });
    }
    await cluster.ready(...nodes.map(({ one }) => one));
    const follower = nodes.find(({ one }) => one.node.role === 'follower') as (typeof nodes)[number];
    const done = await follower.one.node.submit(request.command, { principal: 'User:test', interface: 'operator' });
    expect(done).toMatchObject({ kind: 'done', changed: true });
    const parts = { clusterSecret, logger: new Notes(), tls: follower.tls };
    const board = createHeartbeatBoard(follower.one.node, new Heartbeats(systemClock), parts);
    const ports = { heartbeatPort: 9050, bePort: 9060, httpPort: 8040, brpcPort: 8060 };
    const report = { instanceId: 'i1', host: '10.0.0.1', ...ports, currentFragmentNum: 3, lastFragmentUpdateTime: 1_795_176_000_000 };
    expect(await board.record(report)).toBeUndefined();
    expect(await board.list()).toEqual([report]);
  });

  /** What a node sees of a leader; without a word it trusts `ca` alone, and whether anything arrived there. */
  async function met(
    leaderIs: Partial<TlsSettings>,
    caller: Partial<TlsSettings> = { own: strangers.issue('n9'), ca: ca.cert },
  ): Promise<{ error: unknown; arrived: number; said: readonly string[] }> {
    let arrived = 0;
    const leader = await openTls({ own: node, ...leaderIs });
    const port = await listening(leader, (_request, response) => {
      arrived += 1;
      response.end('{"replies":[{"kind":"done","position":7,"changed":true,"duplicate":false}]}');
    });
    const logger = new Notes();
    const tls = await openTls(caller);
    const peers = createPeers({ clusterSecret, logger, tls });
    onTestFinished(() => peers.close());
    const error = await peers.submit(memberAt(`https://127.0.0.1:${port}`), [request, request]).then(
      () => undefined,
      (why: unknown) => why,
    );
    return { error, arrived, said: logger.lines.map((line) => line.replace(/:\d+:/, ':')) };
  }

  test('a leader with a good certificate is heard', async () => {
    expect(await met({})).toMatchObject({ error: { message: expect.stringContaining('answered 1 of 2') as string }, arrived: 1, said: [] });
  });
  test('whom its own chain names is trusted too, where nothing else is said; whoever is not, is not', async () => {
    const own = ca.issue('n9');
    expect(await met({}, { own })).toMatchObject({ arrived: 0 });
    writeFileSync(own.cert, readFileSync(own.cert, 'utf8') + readFileSync(ca.cert, 'utf8'));
    expect(await met({}, { own })).toMatchObject({ arrived: 1 });
  });
  test.each([
    [
      'of another CA',
      () => ({ own: strangers.issue('n1') }),
      /nobody who is trusted here stands for its certificate; name its CA with tls-ca/,
    ],
    [
      'for another host',
      () => ({ own: ca.issue('far', { names: 'DNS:far.example,IP:10.0.0.1' }) }),
      /its certificate is for DNS:far.example, IP Address:10/,
    ],
    ['that has ended', () => ({ own: ca.issue('ended', { to: -0.1 }) }), /its certificate has expired/],
    ['made for clients alone', () => ({ own: ca.issue('cli', { purpose: 'clientAuth' }) }), /its certificate was not made for servers/],
  ] as const)('a leader with a certificate %s is told nothing, and the log says why', async (_, leaderIs, why) => {
    const { arrived, error, said } = await met(leaderIs());
    expect(arrived).toBe(0);
    expect(error).toBeInstanceOf(PeerUnreachable);
    expect(String(error)).toMatch(why);
    expect(said).toEqual([expect.stringMatching(/^warn: node n1 at 127.0.0.1: /)]);
  });

  test('a leader that does not like the certificate of this node is not asked twice about a request', async () => {
    const { arrived, error } = await met({ clientCa: ca.cert, clientCerts: 'required' });
    expect([arrived, error instanceof Error]).toEqual([0, true]);
  });
});

test('the Meta Service speaks TLS too, and answers plain HTTP in its own form', async () => {
  const service = await serveMetaService({ tls: await openTls({ own: node }) });
  onTestFinished(() => service.stop());
  const path = '/MetaService/http/get_instance?token=greedisgood9999&instance_id=i1';
  const { status, text } = await get(`${service.url}${path}`, { ca: ca.cert });
  expect([status, JSON.parse(text)]).toEqual([500, expect.objectContaining({ msg: expect.stringContaining('err=KeyNotFound') as string })]);
  const plain = await call(service.url.replace('https', 'http') + path);
  expect(plain.status).toBe(400);
  expect(JSON.parse(plain.text)).toEqual({ code: 'INVALID_ARGUMENT', msg: 'this port takes TLS and nothing else; use https://' });
});
