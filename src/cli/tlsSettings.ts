import { resolve } from 'node:path';
import { z } from 'zod';
import { type ClientCertMode, clientCertModes, type TlsProblem, type TlsSettings } from '../interfaces/tls/material.ts';

const pemFile = { schema: z.string().min(1, 'is empty'), remedy: 'Give the path of a PEM file.' };
/** How each of these settings is checked, and what to do when it is wrong. What the files hold is looked at when they are opened. */
export const tlsChecks = {
  'tls-cert': pemFile,
  'tls-key': pemFile,
  'tls-client-ca': pemFile,
  'tls-client-certs': { schema: z.enum(clientCertModes, 'is no such mode'), remedy: `Use one of ${clientCertModes.join(', ')}.` },
  'tls-ca': pemFile,
} as const;

export interface CheckedTls {
  readonly 'tls-cert'?: string;
  readonly 'tls-key'?: string;
  readonly 'tls-client-ca'?: string;
  readonly 'tls-client-certs'?: ClientCertMode;
  readonly 'tls-ca'?: string;
}

/** What holds between the settings of TLS. Paths are from `directory`. */
export function tlsOf(checked: CheckedTls, directory: string): { readonly tls: TlsSettings; readonly problems: readonly TlsProblem[] } {
  const path = (name: 'tls-cert' | 'tls-key' | 'tls-client-ca' | 'tls-ca'): string | undefined => {
    const file = checked[name];
    return file === undefined ? undefined : resolve(directory, file);
  };
  const [cert, key, clientCa, ca] = [path('tls-cert'), path('tls-key'), path('tls-client-ca'), path('tls-ca')];
  // Who names a CA for callers and nothing else means it.
  const clientCerts = checked['tls-client-certs'] ?? (clientCa === undefined ? 'none' : 'required');
  const problems: TlsProblem[] = [];
  if ((cert === undefined) !== (key === undefined))
    problems.push({
      what: `tls-${cert === undefined ? 'key' : 'cert'} is given without tls-${cert === undefined ? 'cert' : 'key'}`,
      remedy: 'Give both, or neither: then the listeners speak plain HTTP.',
    });
  if (clientCerts !== 'none' && clientCa === undefined)
    problems.push({
      what: `tls-client-certs ${clientCerts} needs to know whose certificates are good`,
      remedy: 'Set tls-client-ca to the PEM file of the CA that signs them.',
    });
  if (clientCa !== undefined && cert === undefined && key === undefined)
    problems.push({
      what: 'tls-client-ca is given without tls-cert: nobody shows a certificate where nobody speaks TLS',
      remedy: 'Give tls-cert and tls-key too.',
    });
  const tls: TlsSettings = {
    ...(cert === undefined || key === undefined ? {} : { own: { cert, key } }),
    ...(clientCa === undefined ? {} : { clientCa }),
    clientCerts,
    ...(ca === undefined ? {} : { ca }),
  };
  return { tls, problems };
}
