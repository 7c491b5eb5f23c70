/**
 * Goal: nothing that arrives on the data port ends the server, holds memory without bound or changes a replica.
 * Method: raw sockets send what no client sends, some of it drawn by fast-check; afterwards the server answers as before.
 */
import { once } from 'node:events';
import { connect } from 'node:net';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { encodeFrame, frameLimits } from '../../src/tablet-server/frames.ts';
import { replay } from '../support/replay.ts';
import { append, connected, coordinator, digestOf, patience, tabletServer } from './servers.ts';

/** Sends bytes and ends; @returns everything that came back until the server closed the connection. */
async function sent(endpoint: string, ...parts: readonly Uint8Array[]): Promise<Buffer> {
  const [host = '', port = ''] = endpoint.split(':');
  const socket = connect({ host, port: Number(port) });
  socket.on('error', () => {}); // A reset is as good as an end.
  const chunks: Buffer[] = [];
  socket.on('data', (chunk) => chunks.push(chunk));
  for (const part of parts) socket.write(part);
  socket.end();
  await once(socket, 'close');
  return Buffer.concat(chunks);
}

/** The code in the first answer; undefined when there is none. */
function codeIn(bytes: Buffer): string | undefined {
  if (bytes.length < 8) return undefined;
  return z.object({ code: z.string() }).parse(JSON.parse(bytes.toString('utf8', 8, 8 + bytes.readUInt32BE(0)))).code;
}

const lengths = (header: number, body: number): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt32BE(header, 0);
  bytes.writeUInt32BE(body, 4);
  return bytes;
};
const raw = (text: string): Buffer => Buffer.concat([lengths(Buffer.byteLength(text), 0), Buffer.from(text)]);

test('frames that are none are told of or cut off, and the server goes on', async () => {
  const at = await coordinator();
  const { endpoint } = await tabletServer(at, 0);
  at.create(0, [0]);
  await expect.poll(async () => (await append(await connected(endpoint), 0, 1000)).ok, patience).toBe(true);
  const before = await digestOf(endpoint, 0);

  const bucket = { tableId: 7, bucketId: 0 };
  const fetching = { op: 'FETCH', serverId: 1, waitMs: 0, maxBytes: 1 };
  const told: readonly (readonly [Buffer, string])[] = [
    [lengths(frameLimits.header + 1, 0), 'MALFORMED_REQUEST'],
    [lengths(2, frameLimits.body + 1), 'MALFORMED_REQUEST'],
    [lengths(0xffffffff, 0xffffffff), 'MALFORMED_REQUEST'],
    [lengths(0, 0), 'MALFORMED_REQUEST'],
    [raw('no json'), 'MALFORMED_REQUEST'],
    [raw('null'), 'MALFORMED_REQUEST'],
    [raw('[]'), 'MALFORMED_REQUEST'],
    [raw('{"op":"DELETE"}'), 'MALFORMED_REQUEST'],
    [raw(`${'['.repeat(100_000)}${']'.repeat(100_000)}`), 'MALFORMED_REQUEST'],
    [encodeFrame({ op: 'DIGEST', tableId: -1, bucketId: 0 }), 'MALFORMED_REQUEST'],
    [encodeFrame({ op: 'DIGEST', tableId: '../..', bucketId: 0 }), 'MALFORMED_REQUEST'],
    [encodeFrame({ op: 'APPEND', ...bucket }), 'MALFORMED_REQUEST'],
    [encodeFrame({ ...fetching, buckets: [] }), 'MALFORMED_REQUEST'],
    [encodeFrame({ ...fetching, waitMs: 1e9, buckets: [{ ...bucket, leaderEpoch: 0, offset: 0 }] }), 'MALFORMED_REQUEST'],
    [encodeFrame({ op: 'DIGEST', tableId: 7, bucketId: 9 }), 'UNKNOWN_BUCKET'],
    [encodeFrame({ op: 'DIGEST', ...bucket, offset: 900, length: 101 }), 'OUT_OF_RANGE'],
    [encodeFrame({ op: 'DIGEST', ...bucket, leaderEpoch: 5 }), 'STALE_EPOCH'],
    [encodeFrame({ op: 'READ', ...bucket, offset: 1001, length: 1 }), 'OUT_OF_RANGE'],
  ];
  for (const [bytes, code] of told) expect(codeIn(await sent(endpoint, bytes)), bytes.toString('utf8', 8, 90)).toBe(code);
  // Parts of frames, and ends in the middle of one.
  expect(await sent(endpoint, lengths(100, 0))).toHaveLength(0);
  expect(await sent(endpoint, Buffer.alloc(3))).toHaveLength(0);

  expect(await digestOf(endpoint, 0)).toEqual(before);
  expect(await append(await connected(endpoint), 0, 10)).toEqual({ ok: true, offset: 1000 });
});

test('whatever bytes arrive, in whatever pieces, the server answers the next one', async () => {
  const at = await coordinator();
  const { endpoint } = await tabletServer(at, 0);
  at.create(0, [0]);
  await expect.poll(async () => (await append(await connected(endpoint), 0, 1000)).ok, patience).toBe(true);
  const before = await digestOf(endpoint, 0);
  const field = fc.oneof(fc.constantFrom('FETCH', 'DIGEST', 'READ', 7, 0, -1, 2 ** 53), fc.jsonValue());
  const names = [
    'op',
    'tableId',
    'bucketId',
    'partitionId',
    'offset',
    'length',
    'leaderEpoch',
    'buckets',
    'serverId',
    'waitMs',
    'maxBytes',
  ];
  const header = fc.record(Object.fromEntries(names.map((name) => [name, field])), { requiredKeys: ['op', 'tableId', 'bucketId'] });
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 64 }),
    header.map((one) => encodeFrame(one)),
    header.map((one) => encodeFrame(one).subarray(0, -1)),
  );
  const { params } = replay({ numRuns: 60 });
  await fc.assert(
    fc.asyncProperty(fc.array(bytes, { minLength: 1, maxLength: 4 }), async (parts) => {
      await sent(endpoint, ...parts);
    }),
    params,
  );
  expect(await digestOf(endpoint, 0)).toEqual(before);
});
