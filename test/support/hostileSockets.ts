/** Connections that bring no request, or not all of one. */
import { connect } from 'node:net';
import { connect as connectSecurely } from 'node:tls';
import fc from 'fast-check';
import { marker, torn } from './hostile.ts';

/** What is written, piece by piece, and how the caller leaves. */
export interface HostileBytes {
  readonly pieces: readonly string[];
  readonly leaves: 'end' | 'destroy';
}

const good = [
  'GET /health HTTP/1.1\r\nHost: x\r\n\r\n',
  'GET /v1/status HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\n\r\n',
  'POST /v1/sql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 28\r\n\r\n{"statement":"SHOW TABLES"} ',
  'POST /MetaService/http/get_instance?token=greedisgood9999&instance_id=i1 HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n',
  'POST /MetaService/get_instance HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n14\r\n{"instance_id":"i1"}\r\n0\r\n\r\n',
  'PATCH /v1/configs HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}',
];
const pieces = [
  ...[
    '\r\n',
    '\n',
    '\r',
    '\r\n\r\n',
    ' ',
    '\t',
    ':',
    '\0',
    '\u00ff',
    'HTTP/1.1',
    'HTTP/0.9',
    'HTTP/2.0',
    'HTTP/9.9',
    'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  ],
  ...[
    'Content-Length: 5\r\n',
    'Content-Length: -1\r\n',
    'Content-Length: 99999999999999999999\r\n',
    'content-length: 0\r\nContent-Length: 7\r\n',
  ],
  ...[
    'Transfer-Encoding: chunked\r\n',
    'Transfer-Encoding: gzip, chunked\r\n',
    'Transfer-Encoding: \u000bchunked\r\n',
    'Expect: nonsense\r\n',
  ],
  ...[
    'ffffffffffffffff\r\n',
    '0\r\n',
    '-1\r\n',
    '5;x=y\r\nabcde\r\n',
    `5;${'x'.repeat(20_000)}\r\n`,
    'zz\r\n',
    'Trailer: x\r\n',
    ' folded\r\n',
  ],
  ...[
    'Upgrade: websocket\r\nConnection: Upgrade\r\n',
    'Upgrade: h2c\r\nHTTP2-Settings: x\r\n',
    'CONNECT a:1',
    'OPTIONS *',
    'GET http://evil/ ',
  ],
  ...[
    `X: ${'x'.repeat(20_000)}\r\n`,
    'X: y\r\n'.repeat(3_000),
    `/${'a'.repeat(20_000)}`,
    'Authorization: Basic Og==\r\n',
    `Authorization: Bearer ${marker}\r\n`,
  ],
];
/** The beginning of a TLS 1.2 handshake, as a client sends it that takes the port for a TLS one. */
const clientHello = Buffer.concat([
  Buffer.from('16030100c8010000c40303', 'hex'),
  Buffer.alloc(32, 7),
  Buffer.from('0000', 'hex'),
  Buffer.alloc(160, 1),
]).toString('latin1');

const text: fc.Arbitrary<string> = fc.oneof(
  { arbitrary: fc.constantFrom(...good), weight: 2 },
  { arbitrary: fc.constantFrom(...good).chain((one) => torn(one, pieces)), weight: 10 },
  { arbitrary: fc.array(fc.constantFrom(...good), { minLength: 2, maxLength: 60 }).map((many) => many.join('')), weight: 1 },
  {
    arbitrary: fc.constantFrom(clientHello, clientHello.slice(0, 20), '\u0016\u0003\u0001', '\r\n'.repeat(500), 'GET', 'G', '{"a":1}\r\n'),
    weight: 1,
  },
  { arbitrary: fc.uint8Array({ minLength: 1, maxLength: 300 }).map((bytes) => Buffer.from(bytes).toString('latin1')), weight: 1 },
);
export const hostileBytes: fc.Arbitrary<HostileBytes> = fc
  .record({ text, cuts: fc.array(fc.nat(400), { maxLength: 2 }), leaves: fc.constantFrom('end', 'end', 'end', 'destroy') })
  .map(({ cuts, leaves, text: whole }) => {
    const places = [0, ...cuts.map((cut) => cut % (whole.length + 1)).sort((a, b) => a - b), whole.length];
    return {
      leaves,
      pieces: places
        .slice(1)
        .map((end, i) => whole.slice(places[i], end))
        .filter((piece) => piece !== ''),
    };
  });

export interface Exchanged {
  readonly text: string;
  /** False when the server still held the connection long after the caller had said that it sends no more. */
  readonly hasEnded: boolean;
}

/**
 * Writes the pieces each by itself, says that there will be no more, and reads until the server ends the connection too.
 * @param secure whom to trust: then all of it is said inside TLS
 */
export function exchange(url: string, { leaves, pieces: parts }: HostileBytes, secure?: { readonly ca: Buffer }): Promise<Exchanged> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve) => {
    const place = { host: hostname, port: Number(port), noDelay: true };
    const socket = secure === undefined ? connect(place) : connectSecurely({ ...place, ...secure });
    let heard = '';
    socket.setEncoding('latin1').on('data', (chunk: string) => {
      heard += chunk;
    });
    const over = (hasEnded: boolean): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve({ text: heard, hasEnded });
    };
    const timer = setTimeout(() => over(false), 30_000);
    socket.on('close', () => over(true));
    // A server that has heard enough may cut the connection while more is on its way.
    socket.on('error', () => over(true));
    const write = (next: number): void => {
      const part = parts[next];
      if (part !== undefined) socket.write(part, 'latin1', () => setImmediate(write, next + 1));
      else if (leaves === 'end') socket.end();
      else socket.destroy();
    };
    socket.once(secure === undefined ? 'connect' : 'secureConnect', () => write(0));
  });
}

const dripEveryMs = 500;

/** Callers who send a byte of a request now and then, several at each address, until they are cut off. */
export function lorises(urls: readonly string[]): { sent(): readonly string[]; ended(): Promise<readonly string[]> } {
  const begun = ['GET /hea', 'POST /v1/sql HTTP/1.1\r\nHost: x\r\nX: '];
  const all = urls.flatMap((url) => begun.map((text) => ({ url, text })));
  const each = all.map(({ text: beginning, url }) => {
    const { hostname, port } = new URL(url);
    const socket = connect({ host: hostname, port: Number(port) });
    socket.write(beginning);
    const drip = setInterval(() => socket.write('x'), dripEveryMs);
    socket.on('error', () => {}).resume();
    return new Promise<string>((resolve) => {
      socket.on('close', () => {
        clearInterval(drip);
        resolve(`${url} ${beginning}`);
      });
    });
  });
  return { sent: () => all.map(({ text: beginning, url }) => `${url} ${beginning}`), ended: () => Promise.all(each) };
}
