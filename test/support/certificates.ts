/** Real certificates, made by the openssl of the system when a test asks for them. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Paths of PEM files. */
export interface Pair {
  readonly cert: string;
  readonly key: string;
}
export interface Wish {
  /** As openssl writes it. Default: this machine, by name and by address. */
  readonly names?: string;
  /** From now, days; negative ones are past. */
  readonly from?: number;
  readonly to?: number;
  /** What it is for; default: both. */
  readonly purpose?: string;
}

const thisMachine = 'DNS:localhost,IP:127.0.0.1';
const dayMs = 86_400_000;

/** A CA in a folder of its own. */
export class TestCa {
  readonly cert: string;
  readonly #folder: string;
  readonly #key: string;

  constructor(folder: string, name: string) {
    this.#folder = join(folder, name);
    mkdirSync(this.#folder, { recursive: true });
    this.cert = join(this.#folder, 'ca.pem');
    this.#key = join(this.#folder, 'ca.key');
    writeFileSync(join(this.#folder, 'ca.cnf'), settingsOf(this.#folder));
    writeFileSync(join(this.#folder, 'index.txt'), '');
    const files = ['-keyout', this.#key, '-out', this.cert];
    openssl('req', '-x509', ...newKey, ...files, '-days', '30', '-subj', `/CN=${name}`, '-addext', 'keyUsage=critical,keyCertSign');
  }

  /** @param name the common name, and that of the files. Asked for again it makes a new pair in their place. */
  issue(name: string, { from = -1, names = thisMachine, purpose = 'serverAuth,clientAuth', to = 30 }: Wish = {}): Pair {
    const file = name.replace(/[^\w]/g, '_');
    const [cert, key, request] = ['pem', 'key', 'csr'].map((end) => join(this.#folder, `${file}.${end}`)) as [string, string, string];
    const wanted = [`extendedKeyUsage=${purpose}`, ...(names === '' ? [] : [`subjectAltName=${names}`])];
    const extensions = wanted.flatMap((extension) => ['-addext', extension]);
    openssl('req', '-new', '-utf8', ...newKey, '-keyout', key, '-out', request, '-subj', `/CN=${name}`, ...extensions);
    const by = ['-config', join(this.#folder, 'ca.cnf'), '-cert', this.cert, '-keyfile', this.#key];
    openssl('ca', '-batch', '-notext', ...by, '-in', request, '-out', cert, '-startdate', dateIn(from), '-enddate', dateIn(to));
    return { cert, key };
  }
}

const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
const settingsOf = (folder: string): string => `[ca]
default_ca = own
[own]
database = ${join(folder, 'index.txt')}
new_certs_dir = ${folder}
rand_serial = yes
default_md = sha256
unique_subject = no
copy_extensions = copy
policy = any
[any]
commonName = supplied
`;

/** @throws Error with what it printed */
export function openssl(...args: readonly string[]): string {
  return execFileSync('openssl', args, { stdio: ['ignore', 'pipe', 'pipe'], encoding: 'utf8', timeout: 10_000 });
}

const dateIn = (days: number): string => new Date(Date.now() + days * dayMs).toISOString().replace(/[-:T]|\.\d+/g, '');

/** Puts the files of one pair in the place of another's, as a renewal does. */
export function replace(there: Pair, by: Pair): void {
  writeFileSync(there.cert, readFileSync(by.cert));
  writeFileSync(there.key, readFileSync(by.key));
}
