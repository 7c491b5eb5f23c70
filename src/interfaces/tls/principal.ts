import { TLSSocket } from 'node:tls';

/**
 * What a common name may be to become a principal. A colon and a star would mean something else in an ACL, a semicolon in `super.users`;
 * `User:ANONYMOUS` is who shows nothing.
 */
const usable = /^(?!ANONYMOUS$)[^\p{Cc}\p{Cs}:;*\s](?:[^\p{Cc}\p{Cs}:;*]{0,248}[^\p{Cc}\p{Cs}:;*\s])?$/u;

/**
 * Who a caller is by the certificate it has shown: `User:` and the common name of the subject.
 *
 * @param socket of the request. @returns undefined without TLS, without a certificate that the CA of `tls-client-ca` stands for, and
 *   where the subject has no common name, several, or one that no principal can have
 */
export function certificatePrincipal(socket: unknown): string | undefined {
  if (!(socket instanceof TLSSocket) || !socket.authorized) return undefined;
  // An empty object when the caller has shown none; a list when a name stands there several times.
  const { subject } = socket.getPeerCertificate() as { readonly subject?: { readonly CN?: unknown } };
  const name = subject?.CN;
  return typeof name === 'string' && usable.test(name) ? `User:${name}` : undefined;
}
