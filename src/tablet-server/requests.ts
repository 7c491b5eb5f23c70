import { type BucketRef, bucketName, refOf } from './bucket.ts';
import type { Leadership } from './leadership.ts';
import type { AskedBucket, DataErrorCode, DigestRequest, Failure, Fetched, FetchRequest, ReadRequest, Request } from './protocol.ts';
import { type Replica, ReplicaCut } from './replica.ts';

/** One replica that this server holds, and its part. */
export interface Held {
  readonly replica: Replica;
  /** Present while this server leads. */
  readonly leadership: Leadership | undefined;
  /** Who leads as far as is known; -1: nobody. */
  readonly leader: number;
}

/** What requests are answered from. */
export interface Holdings {
  /** False until the first assignment is carried out: until then roles are not known. */
  readonly isReady: boolean;
  readonly minInSyncReplicas: number;
  held(ref: BucketRef): Held | undefined;
  /** `host:port` of a server that is alive. */
  endpointOf(serverId: number): string | undefined;
}

export interface Answer {
  readonly header: object;
  readonly body?: Uint8Array;
}

export interface RequestLimits {
  /** How long an append waits for the other replicas before its outcome is given as unknown. */
  readonly acknowledgeMs: number;
  /** Bytes that are read for digests before a fetch is answered; what was left is proven at the next one. */
  readonly proofBytes: number;
}

export const defaultRequestLimits: RequestLimits = { acknowledgeMs: 10_000, proofBytes: 32 * 1024 * 1024 };

const failed = (code: DataErrorCode, detail: string, more: Partial<Failure> = {}): Answer => ({
  header: { ok: false, code, detail, ...more },
});

/** Carries out one request of the data port. @param signal aborts when whoever asked is gone. Rejects only for faults of the disk. */
export async function carryOut(
  asked: Request,
  body: Uint8Array,
  holdings: Holdings,
  signal: AbortSignal,
  limits: RequestLimits,
): Promise<Answer> {
  try {
    switch (asked.op) {
      case 'FETCH':
        return await fetched(asked, holdings, signal, limits);
      case 'APPEND':
        return await append(asked, body, holdings, signal, limits);
      case 'DIGEST':
        return await digest(asked, holdings);
      case 'READ':
        return await read(asked, holdings);
    }
  } catch (error) {
    if (error instanceof ReplicaCut) return failed('OUT_OF_RANGE', error.message);
    throw error;
  }
}

const unknown = (ref: BucketRef): Answer => failed('UNKNOWN_BUCKET', `this server holds no replica of bucket ${bucketName(ref)}`);

function notLeader(ref: BucketRef, leader: number, holdings: Holdings): Answer {
  const name = bucketName(ref);
  if (leader === -1) return failed('NOT_LEADER', `nobody leads bucket ${name} now`);
  const endpoint = holdings.endpointOf(leader);
  const more = { leader, ...(endpoint === undefined ? {} : { endpoint }) };
  return failed('NOT_LEADER', `server ${leader} leads bucket ${name}`, more);
}

async function append(
  ref: BucketRef,
  body: Uint8Array,
  holdings: Holdings,
  signal: AbortSignal,
  { acknowledgeMs }: RequestLimits,
): Promise<Answer> {
  if (body.length === 0) return failed('MALFORMED_REQUEST', 'there are no bytes to append');
  if (!holdings.isReady) return failed('NOT_READY', 'this server has no assignment yet');
  const held = holdings.held(ref);
  if (held === undefined) return unknown(ref);
  const { leadership } = held;
  if (leadership === undefined || leadership.isOver) return notLeader(ref, held.leader, holdings);
  const tooFew = (): string | undefined => {
    const { isr } = leadership.assigned;
    const wanted = Math.min(holdings.minInSyncReplicas, leadership.assigned.replicas.length);
    return isr.length < wanted ? `${isr.length} of the ${wanted} replicas that are asked for are in sync` : undefined;
  };
  const before = tooFew();
  if (before !== undefined) return failed('NOT_ENOUGH_REPLICAS', before);
  const written = await leadership.append(body);
  if (written === undefined) return notLeader(ref, held.leader, holdings);
  const outcome = await leadership.acknowledged(written.end, AbortSignal.any([signal, AbortSignal.timeout(acknowledgeMs)]));
  const after = tooFew();
  if (outcome === 'acknowledged' && after === undefined) return { header: { ok: true, offset: written.offset } };
  const why = leadership.isOver ? 'the leadership ended meanwhile' : (after ?? 'not every replica in sync has the bytes yet');
  return failed('OUTCOME_UNKNOWN', `${why}: the bytes may stay or go`);
}

async function digest({ leaderEpoch, ...asked }: DigestRequest, holdings: Holdings): Promise<Answer> {
  const held = holdings.held(asked);
  if (held === undefined) return unknown(asked);
  if (leaderEpoch !== undefined) {
    if (held.leadership === undefined) return notLeader(asked, held.leader, holdings);
    if (held.leadership.epoch !== leaderEpoch) return failed('STALE_EPOCH', `it leads in epoch ${held.leadership.epoch}`);
  }
  const { length: whole } = held.replica;
  const { length = whole - asked.offset, offset } = asked;
  if (length < 0 || offset + length > whole) return failed('OUT_OF_RANGE', `the replica has ${whole} bytes`);
  return { header: { ok: true, length: whole, digest: await held.replica.digest(offset, length) } };
}

async function read({ length, offset, ...ref }: ReadRequest, holdings: Holdings): Promise<Answer> {
  const held = holdings.held(ref);
  if (held === undefined) return unknown(ref);
  const { length: whole } = held.replica;
  if (offset > whole) return failed('OUT_OF_RANGE', `the replica has ${whole} bytes`);
  return { header: { ok: true, length: whole }, body: await held.replica.read(offset, Math.min(length, whole - offset)) };
}

interface Proven {
  readonly asked: AskedBucket;
  readonly leadership: Leadership;
}

/** Answers when there is anything to say of any bucket, else when the time to wait is over: then with no bucket at all. */
async function fetched(request: FetchRequest, holdings: Holdings, signal: AbortSignal, limits: RequestLimits): Promise<Answer> {
  if (!holdings.isReady) return failed('NOT_READY', 'this server has no assignment yet');
  const until = performance.now() + request.waitMs;
  const news: Fetched[] = [];
  const proven: Proven[] = [];
  let proofBytes = limits.proofBytes;
  for (const asked of request.buckets) {
    const leadership = holdings.held(asked)?.leadership;
    const code = leadership === undefined ? leaderless(asked, holdings) : leadership.refusalOf(request.serverId, asked.leaderEpoch);
    if (leadership === undefined || code !== undefined) {
      news.push({ status: 'refused', ...refOf(asked), code: code ?? 'NOT_LEADER' });
      continue;
    }
    if (asked.digest !== undefined && proofBytes <= 0) continue; // It is asked again, see above.
    if (asked.digest !== undefined) proofBytes -= asked.offset;
    const said = await proof(asked, leadership, request.serverId);
    if (said !== undefined) news.push(said);
    if (said !== undefined && said.status !== 'ok') continue;
    leadership.fetchedUpTo(request.serverId, asked.offset);
    proven.push({ asked, leadership });
  }
  const withBytes = (): readonly Proven[] => proven.filter(({ asked, leadership }) => leadership.replica.length > asked.offset);
  while (news.length === 0 && withBytes().length === 0 && !signal.aborted && performance.now() < until && !anyOver(proven))
    await more(proven, until - performance.now());
  return await answerWith(news, withBytes(), request.maxBytes);
}

const leaderless = (asked: AskedBucket, holdings: Holdings): DataErrorCode =>
  holdings.held(asked) === undefined ? 'UNKNOWN_BUCKET' : 'NOT_LEADER';
const anyOver = (proven: readonly Proven[]): boolean => proven.some(({ leadership }) => leadership.isOver);

/** Looks whether what a follower has is a beginning of what is here. @returns undefined when that is known, else what to say */
async function proof(asked: AskedBucket, leadership: Leadership, serverId: number): Promise<Fetched | undefined> {
  const ref = refOf(asked);
  const { replica } = leadership;
  const { length } = replica;
  if (asked.digest === undefined && asked.offset <= length) return leadership.hasProven(serverId) ? undefined : { status: 'prove', ...ref };
  const isBeginning = asked.offset <= length && (await replica.digest(0, asked.offset)) === asked.digest;
  if (isBeginning) return { status: 'ok', ...ref, length, bytes: 0 };
  leadership.forgetProof(serverId);
  return { status: 'differs', ...ref, length };
}

/** Until one of the leaders has more, or its time is over. */
function more(proven: readonly Proven[], ms: number): Promise<void> {
  return new Promise((resolve) => {
    const settle = (): void => {
      clearTimeout(timer);
      for (const stop of stops) stop();
      resolve();
    };
    const timer = setTimeout(settle, ms);
    const stops = proven.map(({ leadership }) => leadership.onMore(settle));
  });
}

/** Shares the bytes that may be sent evenly between the buckets that have any. */
async function answerWith(news: readonly Fetched[], sources: readonly Proven[], maxBytes: number): Promise<Answer> {
  const said = new Map(news.map((one) => [bucketName(one), one]));
  const parts: Buffer[] = [];
  let left = maxBytes;
  for (const [i, { asked, leadership }] of sources.entries()) {
    const { length } = leadership.replica;
    const share = Math.min(length - asked.offset, Math.floor(left / (sources.length - i)));
    if (leadership.isOver || share <= 0) continue;
    const bytes = await leadership.replica.read(asked.offset, share);
    if (leadership.isOver) continue; // Another may have taken over, and this replica may have been cut since.
    left -= bytes.length;
    parts.push(bytes);
    const name = bucketName(asked);
    said.delete(name); // Bytes stand in the order of the buckets: those with bytes come last.
    said.set(name, { status: 'ok', ...refOf(asked), length, bytes: bytes.length });
  }
  return { header: { ok: true, buckets: [...said.values()] }, body: Buffer.concat(parts) };
}
