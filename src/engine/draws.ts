import { hash } from 'node:crypto';

/**
 * Where the replicas of new buckets begin, and how far apart they are: as good as drawn by lot, and the same for the same idempotency
 * key, so that asking again makes the same command.
 * @param turn of several draws under one key which one
 * @returns integers from 0 to 2^31 - 1
 */
export function drawOf(idempotencyKey: string, turn = 0): { readonly start: number; readonly shift: number } {
  const bytes = hash('sha256', `${turn}/${idempotencyKey}`, 'buffer');
  return { start: bytes.readUInt32BE(0) >>> 1, shift: bytes.readUInt32BE(4) >>> 1 };
}
