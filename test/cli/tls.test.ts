/**
 * Goal: the command line reaches a node over TLS as soon as it is told whom to trust, and says in words what stands in the way, with what
 * to do about it.
 * Method: `chancery` in this process against real listeners with certificates of openssl; texts are compared whole, but for the port.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import { Agent } from 'node:https';
import { type AddressInfo, createServer as createPlainServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { createSecureServer } from '../../src/interfaces/tls/listener.ts';
import type { TlsSettings } from '../../src/interfaces/tls/material.ts';
import { secureFetch } from '../../src/interfaces/tls/secureFetch.ts';
import { ServedCluster } from '../operator/support.ts';
import { type Pair, TestCa } from '../support/certificates.ts';
import { Notes, openTls } from '../support/tls.ts';
import { type Ended, inProcess } from './processes.ts';

const folder = mkdtempSync(join(tmpdir(), 'chancery-cli-tls-'));
const ca = new TestCa(folder, 'ca');
const strangers = new TestCa(folder, 'strangers');
let node: Pair;
let alice: Pair;
beforeAll(() => {
  node = ca.issue('n1');
  alice = ca.issue('alice', { names: '' });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function portOf(server: Server): Promise<number> {
  onTestFinished(() => void server.close());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}
/** Listens with TLS, and answers whatever is asked in the same way. */
async function listening(settings: Partial<TlsSettings>, handler: RequestListener = (_, response) => response.end('{}')): Promise<number> {
  const tls = await openTls({ own: node, ...settings });
  return await portOf(createSecureServer({ tls, logger: new Notes(), plainAnswer: '' }, {}, handler));
}
/** @returns what it prints, with the port taken out */
async function history(url: string, more: readonly string[] = [], env: Readonly<Record<string, string>> = {}): Promise<Ended> {
  const ended = await inProcess(['history', '--operator', url, ...more], env);
  return { ...ended, err: ended.err.replaceAll(/:\d{4,5}\b/g, ':PORT') };
}

describe('a node with TLS', () => {
  test('is reached by whoever trusts its CA, by option and by variable, for reads, statements and the status of others', async () => {
    const cluster = new ServedCluster();
    onTestFinished(() => cluster.stop());
    const own = { own: node, ca: ca.cert };
    const [n1, n2] = [await cluster.start('n1', { tls: await openTls(own) }), await cluster.start('n2', { tls: await openTls(own) })];
    await cluster.ready(n1, n2);
    expect(await history(n1.url, ['--ca', ca.cert, '--json'])).toMatchObject({ status: 0, err: '' });
    const status = await inProcess(['status', '--operator', n1.url], { CHANCERY_CA: ca.cert });
    expect([status.status, status.out.match(/https:\/\/127/g)?.length]).toEqual([0, 2]);
    expect(status.out).not.toContain('no answer');
  });

  test('is told what a caller shows', async () => {
    const port = await listening({ clientCa: ca.cert, clientCerts: 'required' }, (_, response) =>
      response.end('{"events":[],"provenance":{"position":0}}'),
    );
    const shown = { CHANCERY_CA: ca.cert, CHANCERY_CERT: alice.cert, CHANCERY_KEY: alice.key };
    expect(await history(`https://127.0.0.1:${port}`, ['--json'], shown)).toMatchObject({ status: 0, err: '' });
  });
});

/** What is said: the exit status, then the lines. */
const said = ({ err, status }: Ended): readonly (string | number | null)[] => [status, ...err.trimEnd().split('\n')];
const notReached = 'no node answers: https://127.0.0.1:PORT: ';

describe('what stands in the way is said', () => {
  const trusting = ['--ca', ca.cert];
  const withTrust = 'Give the certificate of the CA that signed it with --ca FILE, or in CHANCERY_CA.';
  test.each<readonly [string, () => Partial<TlsSettings>, readonly string[], string, string]>([
    ['a CA that nobody named', () => ({}), [], 'nobody who is trusted here stands for its certificate', withTrust],
    [
      'a certificate of another CA',
      () => ({ own: strangers.issue('n1') }),
      trusting,
      'nobody who is trusted here stands for its certificate',
      withTrust,
    ],
    [
      'a certificate that has ended',
      () => ({ own: ca.issue('late', { to: -0.1 }) }),
      trusting,
      'its certificate has expired',
      'Have it replaced, see docs/tls.md; or set the clock of this machine right.',
    ],
    [
      'a certificate for another host',
      () => ({ own: ca.issue('far', { names: 'DNS:far.example' }) }),
      trusting,
      'its certificate is for DNS:far.example',
      'Use an address that stands in it.',
    ],
    [
      'a certificate that is asked for',
      () => ({ clientCa: ca.cert, clientCerts: 'required' }),
      trusting,
      'it asks for a client certificate, and took none from here',
      'Give one that its tls-client-ca stands for, with --cert FILE and --key FILE, or in CHANCERY_CERT and CHANCERY_KEY.',
    ],
  ])('%s', async (_, settings, more, what, remedy) => {
    const port = await listening(settings());
    expect(said(await history(`https://127.0.0.1:${port}`, more))).toEqual([3, notReached + what, remedy]);
  });

  test('a certificate that the node does not like', async () => {
    const port = await listening({ clientCa: strangers.cert, clientCerts: 'required' });
    const shown = [...trusting, '--cert', alice.cert, '--key', alice.key];
    const remedy = 'Does its tls-client-ca stand for the certificate in --cert? Its log says so if not.';
    expect(said(await history(`https://127.0.0.1:${port}`, shown))).toEqual([3, `${notReached}the connection broke`, remedy]);
  });

  test('TLS where there is none', async () => {
    const port = await portOf(createServer((_, response) => response.end('{}')));
    const remedy = 'Give http:// instead of https://.';
    expect(said(await history(`https://127.0.0.1:${port}`, trusting))).toEqual([3, `${notReached}it does not speak TLS`, remedy]);
  });

  test('none where there is TLS', async () => {
    const cluster = new ServedCluster();
    onTestFinished(() => cluster.stop());
    const { port } = await cluster.start('n1', { tls: await openTls({ own: node }) });
    const lines = ['refused: TLS_REQUIRED', 'this port takes TLS and nothing else', 'Use https:// instead of http://.'];
    expect(said(await history(`http://127.0.0.1:${port}`))).toEqual([1, ...lines]);
    const others = `http://127.0.0.1:${port},https://127.0.0.1:${port}`; // As long as a cluster is on its way to TLS.
    expect((await history(others, trusting)).status).toBe(0);
  });

  test.each<readonly [string, () => readonly string[], readonly string[]]>([
    [
      'a file that is not there',
      () => ['--ca', join(folder, 'none.pem')],
      [
        `--ca ${join(folder, 'none.pem')} cannot be read: there is no such file`,
        'Name a PEM file that exists and that this user may read.',
      ],
    ],
    ['a certificate without its key', () => ['--cert', alice.cert], ['--cert is given without --key', 'Give both.']],
    [
      'a key of another certificate',
      () => ['--cert', alice.cert, '--key', node.key],
      [
        `--key ${join(folder, 'ca/n1.key')} does not fit --cert ${join(folder, 'ca/alice.pem')}`,
        'Give the key that the certificate was made with.',
      ],
    ],
  ])('%s', async (_, more, lines) => {
    expect(said(await history('https://127.0.0.1:1', more()))).toEqual([2, ...lines]);
  });
});

describe('an answer over TLS', () => {
  const fetched = async (handler: RequestListener, signal = AbortSignal.timeout(5_000)): Promise<Response> => {
    const agent = new Agent({ ca: readFileSync(ca.cert) });
    return await secureFetch(new URL(`https://127.0.0.1:${await listening({}, handler)}/x`), { method: 'POST', body: 'ä', signal }, agent);
  };

  test('comes as fetch gives it: status, headers, body, and where from', async () => {
    const response = await fetched((request, answer) => {
      answer.writeHead(
        418,
        'Tea',
        [
          ['X-Two', 'a'],
          ['X-Two', 'b'],
          ['Length', request.headers['content-length'] ?? ''],
        ].flat(),
      );
      request.pipe(answer);
    });
    const { headers, status, statusText, url } = response;
    expect([status, statusText, headers.get('x-two'), headers.get('length'), await response.text()]).toEqual([
      418,
      'Tea',
      'a, b',
      '2',
      'ä',
    ]);
    expect(url).toMatch(/^https:\/\/127\.0\.0\.1:\d+\/x$/);
  });

  test('without a body is one', async () => {
    const response = await fetched((_, answer) => answer.writeHead(204).end());
    expect([response.status, response.body]).toEqual([204, null]);
  });

  test('can be given up before it comes, and while it is read', async () => {
    const early = AbortSignal.abort(new Error('enough'));
    await expect(fetched(() => {}, early)).rejects.toThrow('enough');
    const late = new AbortController();
    const response = await fetched((_, answer) => answer.write('one'), late.signal);
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    expect(Buffer.from((await reader.read()).value ?? []).toString()).toBe('one');
    late.abort(new Error('enough'));
    await expect(reader.read()).rejects.toThrow();
  });

  test('that is cut off is an error', async () => {
    const port = await portOf(createPlainServer((socket) => void socket.destroy()));
    const url = new URL(`https://127.0.0.1:${port}/`);
    await expect(secureFetch(url, { signal: AbortSignal.timeout(5_000) }, new Agent())).rejects.toMatchObject({ code: 'ECONNRESET' });
  });
});
