import type { Socket } from 'node:net';

/**
 * What both sides of the data port send each other: two big-endian 32-bit lengths, then a header (JSON, UTF-8), then bytes.
 * Requests and answers look alike; on one connection each request is answered before the next one is read.
 */
export interface Frame {
  readonly header: unknown;
  readonly body: Buffer;
}

export const frameLimits = {
  /** Bytes. 500 buckets with a digest each take about 100 KB. */
  header: 256 * 1024,
  body: 1024 * 1024,
  /** From its first byte on a frame must be whole within this time. */
  completeMs: 30_000,
} as const;

const lengthBytes = 8;
const noBytes = Buffer.alloc(0);

/** What came is no frame: the connection cannot be used any further. */
export class BadFrame extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'BadFrame';
  }
}

/** @throws RangeError when it is over the limits: the sender's own mistake. */
export function encodeFrame(header: object, body: Uint8Array = noBytes): Buffer {
  const text = Buffer.from(JSON.stringify(header), 'utf8');
  if (text.length > frameLimits.header) throw new RangeError(`a header of ${text.length} bytes; at most ${frameLimits.header} are sent`);
  if (body.length > frameLimits.body) throw new RangeError(`a body of ${body.length} bytes; at most ${frameLimits.body} are sent`);
  const lengths = Buffer.alloc(lengthBytes);
  lengths.writeUInt32BE(text.length, 0);
  lengths.writeUInt32BE(body.length, 4);
  return Buffer.concat([lengths, text, body]);
}

/**
 * The frames that arrive, one at a time: while the caller works on one, the socket is read no further than its own buffer goes.
 * Ends when the other side does. @throws BadFrame, or the error of the socket
 */
export async function* framesFrom(socket: Socket): AsyncGenerator<Frame> {
  let chunks: Buffer[] = [];
  let held = 0;
  let wanted = lengthBytes;
  let deadline: NodeJS.Timeout | undefined;
  try {
    for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
      chunks.push(chunk as Buffer);
      held += (chunk as Buffer).length;
      while (held >= wanted) {
        const bytes = chunks.length === 1 ? (chunks[0] ?? noBytes) : Buffer.concat(chunks, held);
        chunks = [bytes];
        wanted = lengthOf(bytes);
        if (held < wanted) break;
        clearTimeout(deadline);
        deadline = undefined;
        const rest = bytes.subarray(wanted);
        yield decode(bytes.subarray(0, wanted));
        chunks = rest.length === 0 ? [] : [rest];
        held = rest.length;
        wanted = lengthBytes;
      }
      if (held > 0) deadline ??= setTimeout(() => socket.destroy(new BadFrame('a frame that did not end in time')), frameLimits.completeMs);
    }
  } finally {
    clearTimeout(deadline);
  }
  if (held > 0) throw new BadFrame('the connection ended within a frame');
}

/** Bytes of the whole frame that begins here. */
function lengthOf(bytes: Buffer): number {
  const header = bytes.readUInt32BE(0);
  const body = bytes.readUInt32BE(4);
  if (header > frameLimits.header) throw new BadFrame(`a header of ${header} bytes; at most ${frameLimits.header} are read`);
  if (body > frameLimits.body) throw new BadFrame(`a body of ${body} bytes; at most ${frameLimits.body} are read`);
  return lengthBytes + header + body;
}

function decode(bytes: Buffer): Frame {
  const end = lengthBytes + bytes.readUInt32BE(0);
  try {
    return { header: JSON.parse(bytes.toString('utf8', lengthBytes, end)), body: bytes.subarray(end) };
  } catch {
    throw new BadFrame('a header that is not JSON');
  }
}
