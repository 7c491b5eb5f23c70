import type { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import type { TlsMaterial } from './material.ts';

const dayMs = 86_400_000;
/** Long enough for a person to act on it, short enough not to be overlooked. */
export const warnDays = 14;

/** When a certificate ends, epoch milliseconds. */
export const endOf = ({ validTo }: X509Certificate): number => Date.parse(validTo);

/** What will soon keep callers away, or does now: certificates that end, or that are of the future. */
export function timeWarnings(material: TlsMaterial, now: number): readonly string[] {
  const named: readonly (readonly [string, readonly X509Certificate[]])[] = [
    ['tls-cert', material.own?.certificates ?? []],
    ['tls-client-ca', material.clientCa ?? []],
    ['tls-ca', material.ca ?? []],
  ];
  return named.flatMap(([setting, certificates]) =>
    certificates.flatMap((certificate) => {
      const what = `${setting}: the certificate of ${subjectOf(certificate)}`;
      if (Date.parse(certificate.validFrom) > now) return [`${what} is not valid before ${dateOf(certificate.validFrom)}`];
      const left = endOf(certificate) - now;
      if (left <= 0) return [`${what} has ended at ${dateOf(certificate.validTo)}: others refuse it; put a new one in its place`];
      if (left > warnDays * dayMs) return [];
      const days = Math.floor(left / dayMs);
      return [
        `${what} ends in ${days === 1 ? 'a day' : days === 0 ? 'less than a day' : `${days} days`}, at ${dateOf(certificate.validTo)}`,
      ];
    }),
  );
}

/** @param advertise where others reach this node: they compare its host with the names in the certificate. */
export function nameWarnings({ own }: TlsMaterial, advertise: string): readonly string[] {
  if (own === undefined) return [];
  const host = new URL(advertise).hostname.replace(/^\[|\]$/g, '');
  const { leaf } = own;
  if (leaf.subjectAltName === undefined)
    return ['tls-cert: the certificate has no subjectAltName: callers compare names with nothing else, and refuse it'];
  // A name in the subject alone is not looked at by anybody.
  const isFor = isIP(host) === 0 ? leaf.checkHost(host, { subject: 'never' }) : leaf.checkIP(host);
  return isFor === undefined
    ? [`tls-cert: the certificate is for ${leaf.subjectAltName}, but --advertise says ${host}: others refuse it`]
    : [];
}

/** Its name, on one line: `CN=n1, O=Example`. */
export const subjectOf = ({ subject }: X509Certificate): string => (subject ?? '').replaceAll('\n', ', ') || 'nobody';
export const dateOf = (text: string): string => new Date(Date.parse(text)).toISOString();
