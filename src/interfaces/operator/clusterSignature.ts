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

/**
 * Says a thing at most once a minute: nodes of different secrets meet with every request, and the log is for reading.
 * @param key what the text is about; others are said besides.
 */
export function seldom(say: (text: string) => void, keysMost = 100): (key: string, text: string) => void {
  const saidAt = new Map<string, number>();
  return (key, text) => {
    const now = performance.now();
    if (now - (saidAt.get(key) ?? Number.NEGATIVE_INFINITY) < 60_000) return;
    if (saidAt.size >= keysMost) saidAt.clear();
    saidAt.set(key, now);
    say(text);
  };
}
