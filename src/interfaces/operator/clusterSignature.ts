import { createHmac, timingSafeEqual } from 'node:crypto';

/** Carries the proof that a request comes from a node of this cluster. */
export const signatureHeader = 'chancery-signature';

/** HMAC-SHA256 under the cluster secret over method, path and body, 64 hex digits. */
export const signatureOf = (secret: string, method: string, path: string, body: Uint8Array): string =>
  createHmac('sha256', secret).update(`${method}\n${path}\n`).update(body).digest('hex');

/** Compares without telling by its time how much was right. */
export function isSigned(given: unknown, secret: string, method: string, path: string, body: Uint8Array): boolean {
  if (typeof given !== 'string' || !/^[0-9a-f]{64}$/.test(given)) return false;
  return timingSafeEqual(Buffer.from(given, 'hex'), Buffer.from(signatureOf(secret, method, path, body), 'hex'));
}
