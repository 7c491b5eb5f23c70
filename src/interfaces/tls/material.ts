import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { createSecureContext, getCACertificates, type SecureContextOptions } from 'node:tls';

/** Whether callers show a certificate: never asked, checked when they show one, or refused without one. */
export const clientCertModes = ['none', 'optional', 'required'] as const;
export type ClientCertMode = (typeof clientCertModes)[number];

/** What a node is told about TLS; all but the mode are paths of PEM files. */
export interface TlsSettings {
  /** The certificate, with those between it and its CA behind it, and its key. Absent: the listeners speak plain HTTP. */
  readonly own?: { readonly cert: string; readonly key: string };
  /** Whose certificates callers may show. */
  readonly clientCa?: string;
  readonly clientCerts: ClientCertMode;
  /** Whom this node trusts when it calls other nodes. Absent: whom the system trusts, and what stands in `own.cert`. */
  readonly ca?: string;
}

/** What is wrong with a file and what to do about it, one line each. */
export interface TlsProblem {
  readonly what: string;
  readonly remedy: string;
}

/** The files, read and checked. */
export interface TlsMaterial {
  readonly own?: { readonly certificates: readonly X509Certificate[]; readonly leaf: X509Certificate; readonly key: KeyObject };
  readonly clientCa?: readonly X509Certificate[];
  readonly ca?: readonly X509Certificate[];
}
export type TlsRead =
  | { readonly kind: 'read'; readonly material: TlsMaterial }
  | { readonly kind: 'wrong'; readonly problems: readonly TlsProblem[] };

/** TLS 1.0 and 1.1 are broken (RFC 8996). Said here, because the program's own default can be lowered from outside. */
export const oldestProtocol = 'TLSv1.2';
const maxBytes = 1024 * 1024;

/** Reads all files anew and checks that they fit. Every problem is found, not only the first. */
export async function readTls(settings: TlsSettings): Promise<TlsRead> {
  const problems: TlsProblem[] = [];
  const own = settings.own === undefined ? undefined : await ownIn(settings.own, problems);
  const clientCa = settings.clientCa === undefined ? undefined : await certificatesIn('tls-client-ca', settings.clientCa, problems);
  const ca = settings.ca === undefined ? undefined : await certificatesIn('tls-ca', settings.ca, problems);
  if (problems.length > 0) return { kind: 'wrong', problems };
  const material: TlsMaterial = {
    ...(own === undefined ? {} : { own }),
    ...(clientCa === undefined ? {} : { clientCa }),
    ...(ca === undefined ? {} : { ca }),
  };
  if (own === undefined) return { kind: 'read', material };
  try {
    createSecureContext(serverContextOf(material));
  } catch (error) {
    const what = `tls-cert ${settings.own?.cert} cannot be used: ${reasonOf(error)}`;
    return {
      kind: 'wrong',
      problems: [{ what, remedy: 'Make a certificate with a key of 2048 bits or more, or with an elliptic curve.' }],
    };
  }
  return { kind: 'read', material };
}

/** What a listener shows and whom it believes. */
export const serverContextOf = ({ clientCa, own }: TlsMaterial): SecureContextOptions => ({
  ...contextOf(own),
  ...(clientCa === undefined ? {} : { ca: clientCa.map(String) }),
});
/** Whom this machine trusts; many stand there twice, and each costs a tenth of a millisecond when it is loaded. */
export const systemCas = (): readonly string[] => [...new Set([...getCACertificates('default'), ...getCACertificates('system')])];
/** What a caller shows when it is asked; whom it believes comes on top. */
export const clientContextOf = ({ own }: TlsMaterial): SecureContextOptions => contextOf(own);
const contextOf = (own: TlsMaterial['own']): SecureContextOptions => ({
  minVersion: oldestProtocol,
  ...(own === undefined
    ? {}
    : { cert: own.certificates.map(String).join(''), key: own.key.export({ type: 'pkcs8', format: 'pem' }).toString() }),
});

/** Changes whenever one of the files does, also where a link to it is turned, as mounted secrets are renewed. */
export async function fingerprintOf({ ca, clientCa, own }: TlsSettings): Promise<string> {
  const files = [own?.cert, own?.key, clientCa, ca].filter((file) => file !== undefined);
  const marks = files.map(async (file) => {
    try {
      const { ctimeMs, dev, ino, mtimeMs, size } = await stat(file);
      return [dev, ino, size, mtimeMs, ctimeMs].join(' ');
    } catch (error) {
      return reasonOf(error);
    }
  });
  return (await Promise.all(marks)).join('\n');
}

async function ownIn(files: NonNullable<TlsSettings['own']>, problems: TlsProblem[]): Promise<TlsMaterial['own']> {
  const certificates = await certificatesIn('tls-cert', files.cert, problems);
  const key = await keyIn('tls-key', files.key, problems);
  const [leaf] = certificates ?? [];
  if (certificates === undefined || leaf === undefined || key === undefined) return undefined;
  if (leaf.checkPrivateKey(key)) return { certificates, leaf, key };
  problems.push({
    what: `tls-key ${files.key} does not fit the certificate in tls-cert ${files.cert}`,
    remedy: certificates.some((other) => other.checkPrivateKey(key))
      ? 'It fits another one in that file: put the certificate of this node first, those of its CA behind it.'
      : 'Give the key that the certificate was made with.',
  });
  return undefined;
}

/** @returns at least one; undefined when there is a problem */
export async function certificatesIn(
  setting: string,
  file: string,
  problems: TlsProblem[],
): Promise<readonly X509Certificate[] | undefined> {
  const text = await textIn(setting, file, problems);
  if (text === undefined) return undefined;
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length === 0) {
    problems.push({ what: `${setting} ${file} holds no certificate in PEM form`, remedy: remedyWithoutCertificate(file, text) });
    return undefined;
  }
  const certificates: X509Certificate[] = [];
  for (const [i, block] of blocks.entries()) {
    try {
      certificates.push(new X509Certificate(block));
    } catch {
      problems.push({
        what: `${setting} ${file}: certificate ${i + 1} of ${blocks.length} in it is damaged`,
        remedy: 'Copy the file anew from where the certificate was made.',
      });
      return undefined;
    }
  }
  return certificates;
}

function remedyWithoutCertificate(file: string, text: string): string {
  if (text.includes('PRIVATE KEY-----')) return 'It holds a key: are the two files swapped?';
  if (isDer(text)) return `Convert it: openssl x509 -inform der -in ${file} -out cert.pem`;
  return 'Give a file with a line -----BEGIN CERTIFICATE----- in it.';
}

/** @returns undefined when there is a problem */
export async function keyIn(setting: string, file: string, problems: TlsProblem[]): Promise<KeyObject | undefined> {
  const text = await textIn(setting, file, problems);
  if (text === undefined) return undefined;
  const wrong = (what: string, remedy: string): undefined => void problems.push({ what: `${setting} ${file} ${what}`, remedy });
  if (/-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED/m.test(text))
    return wrong('needs a passphrase', `Give a key without one: openssl pkey -in ${file} -out key.pem; keep it for this user alone.`);
  if (!text.includes('PRIVATE KEY-----')) {
    if (text.includes('-----BEGIN CERTIFICATE-----')) return wrong('holds no key', 'It holds a certificate: are the two files swapped?');
    if (isDer(text)) return wrong('holds no key in PEM form', `Convert it: openssl pkey -inform der -in ${file} -out key.pem`);
    return wrong('holds no key in PEM form', 'Give a file with a line -----BEGIN PRIVATE KEY----- in it.');
  }
  try {
    return createPrivateKey(text);
  } catch {
    return wrong('holds a key that is damaged', 'Copy the file anew from where the key was made.');
  }
}

/** The other form of these things begins with an ASN.1 sequence. */
const isDer = (text: string): boolean => text.startsWith('0\u0082') || text.startsWith('0\u0081');

async function textIn(setting: string, file: string, problems: TlsProblem[]): Promise<string | undefined> {
  try {
    const { size } = await stat(file);
    if (size <= maxBytes) return await readFile(file, 'latin1');
    problems.push({ what: `${setting} ${file} is over 1 MB`, remedy: 'Give a PEM file with what is needed and nothing else.' });
  } catch (error) {
    problems.push({
      what: `${setting} ${file} cannot be read: ${reasonOf(error)}`,
      remedy: 'Name a PEM file that exists and that this user may read.',
    });
  }
  return undefined;
}

const meanings: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'this user may not read it',
  EISDIR: 'it is a directory',
};
function reasonOf(error: unknown): string {
  const { code = '', message } = error as NodeJS.ErrnoException;
  return meanings[code] ?? message;
}
