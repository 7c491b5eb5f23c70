import { Agent } from 'node:https';
import type { TlsFailureKind } from '../interfaces/tls/failures.ts';
import { certificatesIn, keyIn, oldestProtocol, systemCas, type TlsProblem } from '../interfaces/tls/material.ts';
import { wrongUsage } from './exit.ts';

/** Files of a caller, see `OperatorOptions`. */
export interface ClientTls {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

/** What calls over TLS go through. It believes `ca` alone where that is given. @throws CommandFailure naming the file that is no good */
export async function clientAgent({ ca, cert, key }: ClientTls): Promise<Agent> {
  if ((cert === undefined) !== (key === undefined))
    throw wrongUsage(`--${cert === undefined ? 'key' : 'cert'} is given without --${cert === undefined ? 'cert' : 'key'}`, 'Give both.');
  const problems: TlsProblem[] = [];
  const trusted = ca === undefined ? undefined : await certificatesIn('--ca', ca, problems);
  const shown = cert === undefined ? undefined : await certificatesIn('--cert', cert, problems);
  const own = key === undefined ? undefined : await keyIn('--key', key, problems);
  if (own !== undefined && shown?.[0]?.checkPrivateKey(own) === false)
    problems.push({ what: `--key ${key} does not fit --cert ${cert}`, remedy: 'Give the key that the certificate was made with.' });
  const [first, ...more] = problems.flatMap(({ remedy, what }) => [what, remedy]);
  if (first !== undefined) throw wrongUsage(first, ...more);
  return new Agent({
    keepAlive: true,
    minVersion: oldestProtocol,
    ca: trusted?.map(String) ?? [...systemCas()],
    ...(shown === undefined ? {} : { cert: shown.map(String).join('') }),
    ...(own === undefined ? {} : { key: own.export({ type: 'pkcs8', format: 'pem' }) }),
  });
}

/** What a caller can do when TLS came to nothing. */
export const tlsRemedies: Readonly<Record<TlsFailureKind, string>> = {
  untrusted: 'Give the certificate of the CA that signed it with --ca FILE, or in CHANCERY_CA.',
  expired: 'Have it replaced, see docs/tls.md; or set the clock of this machine right.',
  'wrong name': 'Use an address that stands in it.',
  'no TLS': 'Give http:// instead of https://.',
  'certificate wanted':
    'Give one that its tls-client-ca stands for, with --cert FILE and --key FILE, or in CHANCERY_CERT and CHANCERY_KEY.',
  'old protocol': 'Bring that side to TLS 1.2 or newer.',
};
