/** Why two sides did not come to speak TLS with each other. */
export type TlsFailureKind = 'untrusted' | 'expired' | 'wrong name' | 'no TLS' | 'certificate wanted' | 'old protocol';
export interface TlsFailure {
  readonly kind: TlsFailureKind;
  /** In words, about the other side. */
  readonly what: string;
}

const untrusted = 'nobody who is trusted here stands for its certificate';
/** Of Node.js, about the certificate that the other side has shown. */
const byCode: Readonly<Record<string, TlsFailure>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: { kind: 'untrusted', what: untrusted },
  SELF_SIGNED_CERT_IN_CHAIN: { kind: 'untrusted', what: untrusted },
  UNABLE_TO_GET_ISSUER_CERT: { kind: 'untrusted', what: untrusted },
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: { kind: 'untrusted', what: untrusted },
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: { kind: 'untrusted', what: untrusted },
  CERT_SIGNATURE_FAILURE: { kind: 'untrusted', what: untrusted },
  CERT_UNTRUSTED: { kind: 'untrusted', what: untrusted },
  INVALID_CA: { kind: 'untrusted', what: 'its certificate is signed by one that is no CA' },
  INVALID_PURPOSE: { kind: 'untrusted', what: 'its certificate was not made for servers' },
  CERT_HAS_EXPIRED: { kind: 'expired', what: 'its certificate has expired' },
  CERT_NOT_YET_VALID: { kind: 'expired', what: 'its certificate is not valid yet' },
  ERR_TLS_CERT_ALTNAME_INVALID: { kind: 'wrong name', what: 'its certificate is for another name' },
};
/** Of OpenSSL, about the conversation. Its words vary: `sslv3 alert`, `ssl/tls alert`, `tlsv13 alert`. */
const byReason: readonly (readonly [RegExp, TlsFailure])[] = [
  [/WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG/, { kind: 'no TLS', what: 'it does not speak TLS' }],
  [/UNSUPPORTED_PROTOCOL|ALERT_PROTOCOL_VERSION/, { kind: 'old protocol', what: 'no version of TLS is spoken on both sides' }],
  [
    /ALERT_(CERTIFICATE_REQUIRED|UNKNOWN_CA|BAD_CERTIFICATE|CERTIFICATE_EXPIRED|HANDSHAKE_FAILURE)/,
    { kind: 'certificate wanted', what: 'it asks for a client certificate, and took none from here' },
  ],
];

/** @param error of a request or a connection. @returns undefined when it is about something else; else nothing of a request has arrived */
export function tlsFailureOf(error: unknown): TlsFailure | undefined {
  const {
    cert,
    code = '',
    message,
  } = error as {
    readonly cert?: { readonly subjectaltname?: unknown };
    readonly code?: unknown;
    readonly message?: unknown;
  };
  if (typeof code !== 'string') return undefined;
  const failure = Object.hasOwn(byCode, code) ? byCode[code] : undefined;
  const names = cert?.subjectaltname;
  if (failure?.kind === 'wrong name' && typeof names === 'string') return { ...failure, what: `its certificate is for ${names}` };
  if (failure !== undefined || !/^(EPROTO|ERR_SSL_)/.test(code)) return failure;
  const text = `${code} ${String(message)}`.toUpperCase().replaceAll(' ', '_');
  return byReason.find(([pattern]) => pattern.test(text))?.[1];
}
