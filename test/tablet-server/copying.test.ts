/**
 * Goal: a follower writes only what its leader of this epoch sends while it follows, and a leader counts only what it has seen proven.
 * Method: one side is real, the other one speaks the protocol as the test says.
 */
import { createHash } from 'node:crypto';
import { createServer, type Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { Copy, Copying } from '../../src/tablet-server/copying.ts';
import { encodeFrame, framesFrom } from '../../src/tablet-server/frames.ts';
import { fetchAnswer, readAnswer } from '../../src/tablet-server/protocol.ts';
import { RateLimit } from '../../src/tablet-server/rate.ts';
import { Replica } from '../../src/tablet-server/replica.ts';
import { silent } from '../support/nodes.ts';
import { bucket } from './coordinator.ts';
import { append, connected, coordinator, folder, patience, tabletServer } from './servers.ts';

const digestOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** A leader that answers a request when the test does. */
async function scriptedLeader() {
  const asked: { readonly header: unknown; readonly answer: (header: object, body?: Uint8Array) => void }[] = [];
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => {}); // The other side may be gone.
    void (async () => {
      for await (const { header } of framesFrom(socket))
        asked.push({ header, answer: (said, body) => void socket.write(encodeFrame(said, body)) });
    })().catch(() => {});
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const address = server.address();
  const endpoint = `127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`;
  const next = async () => {
    await expect.poll(() => asked.length, patience).toBeGreaterThan(0);
    const first = asked.shift();
    if (first === undefined) throw new Error('nothing was asked');
    return first;
  };
  return { endpoint, next };
}

async function following() {
  const leader = await scriptedLeader();
  const replica = await Replica.open(bucket(0), folder());
  await replica.append(Buffer.from('abcdef'), () => true);
  const unreached = { count: 0 };
  const copying = new Copying(5, {
    serverId: 1,
    rate: new RateLimit(),
    logger: silent,
    endpointOf: () => leader.endpoint,
    onUnreachable: () => {
      unreached.count += 1;
    },
    behindInAll: () => 1,
  });
  onTestFinished(async () => {
    await copying.close();
    await replica.close();
  });
  const copy = new Copy(replica, 4);
  copying.add(copy);
  const text = async (): Promise<string> => (await replica.read(0, replica.length)).toString();
  return { ...leader, replica, copying, copy, text };
}

const ok = (length: number, bytes: number) => ({ ok: true, buckets: [{ status: 'ok', ...bucket(0), length, bytes }] });

test('the first fetch shows what is there; bytes that come are put behind it', async () => {
  const { next, text } = await following();
  const first = await next();
  expect(first.header).toMatchObject({
    op: 'FETCH',
    serverId: 1,
    buckets: [{ leaderEpoch: 4, offset: 6, digest: digestOf(Buffer.from('abcdef')) }],
  });
  first.answer(ok(9, 3), Buffer.from('ghi'));
  const second = await next();
  expect(second.header).toMatchObject({ buckets: [{ offset: 9 }] });
  expect(second.header).not.toHaveProperty('buckets.0.digest');
  expect(await text()).toBe('abcdefghi');
});

test('what arrives after it follows no longer is not written', async () => {
  const { copy, copying, next, text } = await following();
  const first = await next();
  const other = await Replica.open(bucket(1), folder());
  onTestFinished(() => other.close());
  copying.add(new Copy(other, 4));
  await copying.remove(copy);
  first.answer(ok(9, 3), Buffer.from('ghi'));
  expect((await next()).header).toMatchObject({ buckets: [{ bucketId: 1 }] }); // So the answer was read.
  expect(await text()).toBe('abcdef');
});

test('what differs is cut off to the last byte that both have, and what is there is shown anew', async () => {
  const { next, replica, text } = await following();
  const theirs = Buffer.from('abcXYZ123');
  (await next()).answer({ ok: true, buckets: [{ status: 'differs', ...bucket(0), length: theirs.length }] });
  for (;;) {
    const asked = await next();
    const { length = 0, offset = 0, op } = asked.header as { readonly op: string; readonly offset?: number; readonly length?: number };
    if (op !== 'DIGEST') {
      expect(asked.header).toMatchObject({ buckets: [{ offset: 3, digest: digestOf(Buffer.from('abc')) }] });
      break;
    }
    expect(offset + length).toBeLessThanOrEqual(6);
    asked.answer({ ok: true, length: theirs.length, digest: digestOf(theirs.subarray(offset, offset + length)) });
  }
  expect(await text()).toBe('abc');
  expect(replica.length).toBe(3);
});

test('an answer that promises more bytes than it brings, or speaks of other buckets, is not written', async () => {
  const { next, text } = await following();
  (await next()).answer(ok(20, 14), Buffer.from('short'));
  (await next()).answer({ ok: true, buckets: [{ status: 'ok', tableId: 99, bucketId: 0, length: 3, bytes: 3 }] }, Buffer.from('abc'));
  (await next()).answer({ nonsense: true });
  await next();
  expect(await text()).toBe('abcdef');
});

test('any part of a replica can be read, up to its end', async () => {
  const at = await coordinator();
  const { endpoint } = await tabletServer(at, 0);
  at.create(0, [0]);
  const client = await connected(endpoint);
  await expect.poll(async () => (await append(client, 0, Buffer.from('abcdef'))).ok, patience).toBe(true);
  const read = async (offset: number, length: number) => await client.ask({ op: 'READ', ...bucket(0), offset, length }, readAnswer);
  expect(await read(2, 3)).toEqual({ header: { ok: true, length: 6 }, body: Buffer.from('cde') });
  expect((await read(4, 100)).body.toString()).toBe('ef');
  expect((await read(6, 1)).body).toHaveLength(0);
  expect((await read(7, 1)).header).toMatchObject({ code: 'OUT_OF_RANGE' });
});

test('a leader counts a follower only once it has shown what it has', async () => {
  const at = await coordinator();
  const { endpoint } = await tabletServer(at, 0, { timing: { acknowledgeMs: 200 } });
  at.create(0, [0, 1]);
  await expect.poll(() => at.servers.get(0)?.appliedPosition, patience).toBe(at.position);
  expect(await append(await connected(endpoint), 0, Buffer.from('abc'))).toMatchObject({ code: 'OUTCOME_UNKNOWN' });
  const follower = await connected(endpoint);
  const fetching = async (more: object): Promise<unknown> => {
    const request = { op: 'FETCH', serverId: 1, waitMs: 0, maxBytes: 100, buckets: [{ ...bucket(0), leaderEpoch: 0, ...more }] };
    const { header } = await follower.ask(request, fetchAnswer);
    return header.ok ? header.buckets[0] : header;
  };
  expect(await fetching({ offset: 3 })).toMatchObject({ status: 'prove' });
  expect(await fetching({ offset: 3, digest: digestOf(Buffer.from('abX')) })).toMatchObject({ status: 'differs', length: 3 });
  expect(await fetching({ offset: 3 })).toMatchObject({ status: 'prove' });
  expect(await fetching({ offset: 9 })).toMatchObject({ status: 'differs', length: 3 });
  expect(await fetching({ offset: 3, leaderEpoch: 1 })).toMatchObject({ status: 'refused', code: 'STALE_EPOCH' });
  const waiting = append(await connected(endpoint), 0, Buffer.from('d'));
  // Until the byte is there, who claims to have it has shown nothing.
  await expect
    .poll(() => fetching({ offset: 3, digest: digestOf(Buffer.from('abc')) }), patience)
    .toMatchObject({ status: 'ok', length: 4 });
  await expect.poll(() => fetching({ offset: 4 }), patience).toBeUndefined(); // There is nothing to say: it has everything.
  expect(await waiting).toEqual({ ok: true, offset: 3 });
});

test('a copy that ends while another one is read for its proof tells its old leader nothing of what came since', async () => {
  const { copy, copying, next } = await following();
  const replica = await Replica.open(bucket(1), folder());
  onTestFinished(() => replica.close());
  await replica.append(Buffer.from('abcd'), () => true);
  const ending = new Copy(replica, 4);
  (await next()).answer(ok(6, 0));
  copying.add(ending);
  (await next()).answer(ok(6, 0));
  const proof = await next();
  expect(proof.header).toMatchObject({ buckets: [{ bucketId: 0 }, { bucketId: 1, offset: 4 }] });
  const [began, mayEnd] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const digest = copy.replica.digest.bind(copy.replica);
  copy.replica.digest = async (offset, length) => {
    began.resolve();
    await mayEnd.promise;
    return await digest(offset, length);
  };
  const [known, unknown] = [
    { ...bucket(1), status: 'ok', length: 4, bytes: 0 },
    { ...bucket(0), status: 'prove' },
  ];
  proof.answer({ ok: true, buckets: [unknown, known] });
  await began.promise;
  // This server leads it now, and has bytes that the old leader never saw.
  await copying.remove(ending);
  await replica.append(Buffer.from('new'), () => true);
  mayEnd.resolve();
  expect((await next()).header).toMatchObject({ buckets: [{ bucketId: 0, offset: 6 }] });
});
