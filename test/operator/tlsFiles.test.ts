/**
 * Goal: whatever can be wrong with a file of TLS is named with the file and with what to do; what will keep callers away is warned of;
 * a change is seen, also where links are turned.
 * Method: files made by openssl and then spoiled, read as a node reads them; texts are compared whole.
 */
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { tlsOf } from '../../src/cli/tlsSettings.ts';
import { fingerprintOf, readTls, type TlsMaterial, type TlsSettings } from '../../src/interfaces/tls/material.ts';
import { nameWarnings, timeWarnings } from '../../src/interfaces/tls/warnings.ts';
import { openssl, type Pair, TestCa, type Wish } from '../support/certificates.ts';

const folder = mkdtempSync(join(tmpdir(), 'chancery-tls-files-'));
const ca = new TestCa(folder, 'ca');
let node: Pair;
let other: Pair;
beforeAll(() => {
  node = ca.issue('n1');
  other = ca.issue('n2');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const named = (name: string): string => join(folder, name);
function file(name: string, content: string | Buffer): string {
  writeFileSync(named(name), content);
  return named(name);
}
const read = (settings: Partial<TlsSettings>) => readTls({ clientCerts: 'none', ...settings });
/** What is wrong, with the folder taken out. */
async function problems(settings: Partial<TlsSettings>): Promise<readonly string[]> {
  const done = await read(settings);
  return done.kind === 'wrong' ? done.problems.map(({ remedy, what }) => `${what} | ${remedy}`.replaceAll(`${folder}/`, '')) : [];
}
async function materialOf(settings: Partial<TlsSettings>): Promise<TlsMaterial> {
  const done = await read(settings);
  if (done.kind === 'wrong') throw new Error(done.problems.map(({ what }) => what).join('\n'));
  return done.material;
}

test('files that fit are taken, also with the CA behind the certificate', async () => {
  const chain = file('chain.pem', readFileSync(node.cert, 'utf8') + readFileSync(ca.cert, 'utf8'));
  expect(await problems({ own: { cert: chain, key: node.key }, clientCa: ca.cert, clientCerts: 'required', ca: chain })).toEqual([]);
  expect((await materialOf({ own: { cert: chain, key: node.key } })).own?.leaf.subject).toBe('CN=n1');
  expect(await materialOf({})).toEqual({});
});

describe('what is wrong with a certificate', () => {
  const damaged = (): string => readFileSync(node.cert, 'utf8').replace(/\n.{20}/, '\nMIIBAAAAAAAAAAAAAAAA');
  test.each<readonly [string, () => string, string]>([
    [
      'it is not there',
      () => named('none.pem'),
      'tls-cert none.pem cannot be read: there is no such file | Name a PEM file that exists and that this user may read.',
    ],
    [
      'it is a folder',
      () => named('ca'),
      'tls-cert ca cannot be read: it is a directory | Name a PEM file that exists and that this user may read.',
    ],
    [
      'it is empty',
      () => file('empty.pem', ''),
      'tls-cert empty.pem holds no certificate in PEM form | Give a file with a line -----BEGIN CERTIFICATE----- in it.',
    ],
    [
      'it is huge',
      () => file('huge.pem', Buffer.alloc(1024 * 1024 + 1)),
      'tls-cert huge.pem is over 1 MB | Give a PEM file with what is needed and nothing else.',
    ],
    [
      'it is a key',
      () => copied(node.key, 'swapped.pem'),
      'tls-cert swapped.pem holds no certificate in PEM form | It holds a key: are the two files swapped?',
    ],
    [
      'it is damaged',
      () => file('damaged.pem', damaged()),
      'tls-cert damaged.pem: certificate 1 of 1 in it is damaged | Copy the file anew from where the certificate was made.',
    ],
    [
      'it is in the other form',
      () => file('cert.der', Buffer.from(readFileSync(node.cert, 'utf8').replace(/-----.*-----|\n/g, ''), 'base64')),
      'tls-cert cert.der holds no certificate in PEM form | Convert it: openssl x509 -inform der -in cert.der -out cert.pem',
    ],
  ])('%s', async (_, cert, expected) => {
    expect(await problems({ own: { cert: cert(), key: node.key } })).toEqual([expected]);
  });

  test('its key is too short for anybody', async () => {
    const [cert, key] = [named('short.pem'), named('short.key')];
    openssl('req', '-x509', '-newkey', 'rsa:1024', '-nodes', '-keyout', key, '-out', cert, '-days', '9', '-subj', '/CN=short');
    const [said] = await problems({ own: { cert, key } });
    expect(said).toMatch(/^tls-cert short.pem cannot be used: .*too small.* \| Make a certificate with a key of 2048 bits or more/);
  });
});

function copied(from: string, name: string): string {
  copyFileSync(from, named(name));
  return named(name);
}

describe('what is wrong with a key', () => {
  test.each<readonly [string, () => string, string]>([
    [
      'it is a certificate',
      () => copied(node.cert, 'a.key'),
      'tls-key a.key holds no key | It holds a certificate: are the two files swapped?',
    ],
    [
      'it is nothing',
      () => file('b.key', 'secret'),
      'tls-key b.key holds no key in PEM form | Give a file with a line -----BEGIN PRIVATE KEY----- in it.',
    ],
    [
      'it is damaged',
      () => file('c.key', '-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n'),
      'tls-key c.key holds a key that is damaged | Copy the file anew from where the key was made.',
    ],
    [
      'it needs a passphrase',
      () => {
        openssl('pkey', '-in', node.key, '-aes256', '-passout', 'pass:word', '-out', named('d.key'));
        return named('d.key');
      },
      'tls-key d.key needs a passphrase | Give a key without one: openssl pkey -in d.key -out key.pem; keep it for this user alone.',
    ],
    [
      'it is of another certificate',
      () => copied(other.key, 'e.key'),
      'tls-key e.key does not fit the certificate in tls-cert ca/n1.pem | Give the key that the certificate was made with.',
    ],
  ])('%s', async (_, key, expected) => {
    expect(await problems({ own: { cert: node.cert, key: key() } })).toEqual([expected]);
  });

  test('its certificate comes second', async () => {
    const cert = file('order.pem', readFileSync(other.cert, 'utf8') + readFileSync(node.cert, 'utf8'));
    const remedy = 'It fits another one in that file: put the certificate of this node first, those of its CA behind it.';
    const said = await problems({ own: { cert, key: node.key } });
    expect(said).toEqual([`tls-key ca/n1.key does not fit the certificate in tls-cert order.pem | ${remedy}`]);
  });
});

test('every file that is wrong is named at once', async () => {
  const none = named('none.pem');
  const said = await problems({ own: { cert: none, key: none }, clientCa: none, ca: none });
  expect(said.map((line) => line.split(' ')[0])).toEqual(['tls-cert', 'tls-key', 'tls-client-ca', 'tls-ca']);
});

describe('what will keep callers away', () => {
  const now = Date.now();
  const timesOf = async (wish: Wish): Promise<readonly string[]> =>
    timeWarnings(await materialOf({ own: ca.issue('timed', wish) }), now).map((line) => line.replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/, 'then'));
  test.each<readonly [Wish, readonly string[]]>([
    [{ to: 14.1 }, []],
    [{ to: 13.9 }, ['tls-cert: the certificate of CN=timed ends in 13 days, at then']],
    [{ to: 1.5 }, ['tls-cert: the certificate of CN=timed ends in a day, at then']],
    [{ to: 0.5 }, ['tls-cert: the certificate of CN=timed ends in less than a day, at then']],
    [{ to: -0.5 }, ['tls-cert: the certificate of CN=timed has ended at then: others refuse it; put a new one in its place']],
    [{ from: 1 }, ['tls-cert: the certificate of CN=timed is not valid before then']],
  ])('valid %o', async (wish, expected) => {
    expect(await timesOf(wish)).toEqual(expected);
  });

  test('the CA that ends is named by its setting', async () => {
    const late = ca.issue('late', { to: -0.5 }).cert;
    const said = timeWarnings(await materialOf({ clientCa: late, ca: late }), now);
    expect(said.map((line) => line.split(':')[0])).toEqual(['tls-client-ca', 'tls-ca']);
  });

  const forHosts = 'DNS:n1.example.org,DNS:*.local.example,IP:10.0.0.1,IP:2001:db8::1';
  test.each([
    ['https://n1.example.org:8480', forHosts, ''],
    ['https://n2.local.example:8480', forHosts, ''],
    ['https://10.0.0.1:8480', forHosts, ''],
    ['https://[2001:db8::1]:8480', forHosts, ''],
    [
      'https://n2.example.org:8480',
      'DNS:n1.example.org',
      'is for DNS:n1.example.org, but --advertise says n2.example.org: others refuse it',
    ],
    ['https://10.0.0.2:8480', 'IP:10.0.0.1', 'is for IP Address:10.0.0.1, but --advertise says 10.0.0.2: others refuse it'],
    ['https://hosts:8480', '', 'has no subjectAltName: callers compare names with nothing else, and refuse it'],
  ])('advertised as %s, with a certificate for %s', async (advertise, names, expected) => {
    const material = await materialOf({ own: ca.issue('hosts', { names }) });
    expect(nameWarnings(material, advertise)).toEqual(expected === '' ? [] : [`tls-cert: the certificate ${expected}`]);
  });

  test('nothing without a certificate', () => expect([...nameWarnings({}, 'http://h:1'), ...timeWarnings({}, now)]).toEqual([]));
});

describe('a change', () => {
  test('of any file is seen, one of nothing is not', async () => {
    const own = { cert: copied(node.cert, 'f.pem'), key: copied(node.key, 'f.key') };
    const settings: TlsSettings = { own, clientCa: copied(ca.cert, 'g.pem'), ca: copied(ca.cert, 'h.pem'), clientCerts: 'none' };
    const seen = [await fingerprintOf(settings)];
    expect(await fingerprintOf(settings)).toBe(seen[0]);
    for (const each of [own.cert, own.key, settings.clientCa ?? '', settings.ca ?? '']) {
      writeFileSync(each, 'something else');
      seen.push(await fingerprintOf(settings));
    }
    rmSync(own.cert);
    seen.push(await fingerprintOf(settings));
    expect(new Set(seen).size).toBe(6);
  });

  test('of a link on the way is seen, as mounted secrets change', async () => {
    for (const [version, pair] of [
      ['one', node],
      ['two', other],
    ] as const) {
      mkdirSync(named(version));
      copyFileSync(pair.cert, named(`${version}/tls.crt`));
      copyFileSync(pair.key, named(`${version}/tls.key`));
    }
    symlinkSync('one', named('data'));
    const settings: TlsSettings = { own: { cert: named('data/tls.crt'), key: named('data/tls.key') }, clientCerts: 'none' };
    const before = await fingerprintOf(settings);
    symlinkSync('two', named('next'));
    renameSync(named('next'), named('data'));
    expect(await fingerprintOf(settings)).not.toBe(before);
    expect((await materialOf(settings)).own?.leaf.subject).toBe('CN=n2');
  });
});

describe('what holds between the settings', () => {
  const own = { 'tls-cert': 'c.pem', 'tls-key': 'k.pem' };
  test.each([
    ['nothing', {}, { clientCerts: 'none' }],
    ['a certificate', own, { own: { cert: '/etc/c.pem', key: '/etc/k.pem' }, clientCerts: 'none' }],
    [
      'a CA for callers means that they need a certificate',
      { ...own, 'tls-client-ca': 'a.pem' },
      { clientCa: '/etc/a.pem', clientCerts: 'required' },
    ],
    ['unless something else is said', { ...own, 'tls-client-ca': 'a.pem', 'tls-client-certs': 'none' }, { clientCerts: 'none' }],
    ['whom to trust, without a certificate of its own', { 'tls-ca': '/a.pem' }, { ca: '/a.pem', clientCerts: 'none' }],
  ] as const)('%s', (_, given, expected) => {
    const { problems: wrong, tls } = tlsOf(given, '/etc');
    expect(wrong).toEqual([]);
    expect(tls).toMatchObject(expected);
  });

  test.each([
    [{ 'tls-cert': 'c' }, 'tls-cert is given without tls-key'],
    [{ 'tls-key': 'k' }, 'tls-key is given without tls-cert'],
    [{ ...own, 'tls-client-certs': 'optional' }, 'tls-client-certs optional needs to know whose certificates are good'],
    [{ 'tls-client-ca': 'a' }, 'tls-client-ca is given without tls-cert: nobody shows a certificate where nobody speaks TLS'],
  ] as const)('%o is refused', (given, expected) => {
    expect(tlsOf(given, '/').problems.map(({ what }) => what)).toEqual([expected]);
  });
});
