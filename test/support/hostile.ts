/** What hostile requests are made of: odd values, torn texts, and a client that sends them as they are. */
import { Agent, request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import fc from 'fast-check';

export interface HostileRequest {
  readonly method: string;
  /** Path and query as they stand in the request line. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
}

export interface Heard {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/** A request as a red run should print it; seed and path make the whole one again. */
export const shown = ({ body, headers, method, path }: HostileRequest): string => {
  const text = body === undefined ? '' : ` ${body.length} bytes ${JSON.stringify(Buffer.from(body).toString('latin1').slice(0, 300))}`;
  return `${method} ${path.slice(0, 300)} ${JSON.stringify(headers).slice(0, 300)}${text}`;
};

const agent = new Agent({ keepAlive: true, maxSockets: 16 });

/**
 * Sends a request, on a connection that may have served others. A stream of events is left as soon as it begins.
 * @throws Error when there is no answer within 60 s, or the connection ends before it
 */
export function send(url: string, asked: HostileRequest): Promise<Heard> {
  const { body, headers, method, path } = asked;
  return new Promise((resolve, reject) => {
    const length = body === undefined ? {} : { 'content-length': String(body.length) };
    const { hostname, port } = new URL(url);
    const outgoing = httpRequest({ hostname, port, agent, method, path, headers: { ...length, ...headers }, timeout: 60_000 });
    outgoing.on('timeout', () => outgoing.destroy(new Error('there was no answer for 60 s')));
    outgoing.on('error', (error: NodeJS.ErrnoException) => {
      // The server may end an idle connection in the moment in which it is used once more.
      if (outgoing.reusedSocket && error.code === 'ECONNRESET') send(url, asked).then(resolve, reject);
      else reject(error);
    });
    outgoing.on('response', (incoming) => {
      const heard = (text: string): void => resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, text });
      if (incoming.headers['content-type']?.startsWith('text/event-stream') === true) {
        heard('');
        outgoing.destroy();
        return;
      }
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.on('error', reject);
      incoming.on('end', () => heard(Buffer.concat(chunks).toString('utf8')));
    });
    outgoing.end(body);
  });
}

/** Planted where keys and passwords go: no output may hold it. */
export const marker = 'a-key-that-nobody-may-read';

export const oddTexts: readonly string[] = [
  '',
  ' ',
  '0',
  '-1',
  'null',
  'undefined',
  'NaN',
  '__proto__',
  'constructor',
  'toString',
  'a\nb',
  '\u0000',
  '\u007f',
  '\ufeff',
  '\u202e',
  'é'.repeat(600),
  '😀'.repeat(300),
  'e\u0301',
  '"\\',
  "' OR 1=1 --",
  '../../../etc/passwd',
  '%00',
  '%2e%2e%2f',
  '#{7*7}',
  '<script>alert(1)</script>',
  '{{7*7}}',
  '(a+)+$',
  'x'.repeat(1024),
  'x'.repeat(1025),
  'x'.repeat(9000),
  'User:*',
  'User:',
  '*',
  '9'.repeat(400),
  '1e999',
  '0x10',
  '2026-11-20T14:00:00Z',
  '2026-13-40',
  '\u2028',
];
const oddNumbers = [0, -0, -1, 1, 1.5, 1e-300, 1e300, 2 ** 31 - 1, 2 ** 31, -(2 ** 31), 2 ** 32, 2 ** 53, -(2 ** 53), 2 ** 53 - 1, 2 ** 63];

/** What no schema has here. */
export const oddValue: fc.Arbitrary<unknown> = fc.oneof(
  { arbitrary: fc.constantFrom<unknown>(null, true, false, [], {}, [null], [[]], { a: {} }, { length: 3 }), weight: 3 },
  { arbitrary: fc.constantFrom<unknown>(...oddTexts), weight: 4 },
  { arbitrary: fc.constantFrom<unknown>(...oddNumbers), weight: 3 },
  { arbitrary: fc.string({ unit: 'binary', maxLength: 40 }), weight: 1 },
  { arbitrary: fc.jsonValue({ maxDepth: 3 }), weight: 1 },
);

type Tear = (text: string, at: number, piece: string) => string;
/** `at` is within the text. */
const tears: readonly Tear[] = [
  (text, at) => text.slice(0, at),
  (text, at) => text.slice(at),
  (text, at) => text.slice(0, at) + text.slice(at + 1),
  (text, at, piece) => text.slice(0, at) + piece + text.slice(at),
  (text, at, piece) => text.slice(0, at) + piece + text.slice(at + piece.length),
  (text, at) => text + text.slice(at),
  (text, at) => text.slice(0, at) + text.slice(Math.max(0, at - 20), at).repeat(20) + text.slice(at),
  (text) => text.toUpperCase(),
];

/** A text with one to three wounds. @param pieces what is put in */
export const torn = (text: string, pieces: readonly string[]): fc.Arbitrary<string> =>
  fc
    .array(fc.tuple(fc.constantFrom(...tears), fc.nat(1_000_000), fc.constantFrom(...pieces)), { minLength: 1, maxLength: 3 })
    .map((wounds) => wounds.reduce((left, [tear, at, piece]) => tear(left, left.length === 0 ? 0 : at % left.length, piece), text));

const jsonPieces = [
  ...['{', '}', '[', ']', ',', ':', '"', '\\', '\\u0000', '\\ud800', '"a":1,', '"__proto__":{"x":1},', '"constructor":{"prototype":{}},'],
  ...[
    'null',
    'true',
    '1e999',
    '-0',
    '00',
    '1.',
    '.5',
    '+1',
    'NaN',
    '123456789012345678901234567890',
    '//',
    '/**/',
    "'",
    '\ufeff',
    '\u0000',
    '\n',
  ],
  ...['['.repeat(40), '{"a":'.repeat(40), '['.repeat(20_000), '\u00ff\u00fe', '\u00c0\u0080', '\u00ed\u00a0\u0080', 'x'.repeat(20_000)],
];

/** The bytes of a body: mostly the JSON of the value, now and then torn, or something else altogether. */
export const bytesOf = (value: unknown): fc.Arbitrary<Uint8Array> => {
  const text = JSON.stringify(value) ?? '';
  return fc.oneof(
    { arbitrary: fc.constant(Buffer.from(text)), weight: 12 },
    // Characters up to U+00FF become bytes, so that pieces may be no UTF-8.
    { arbitrary: torn(Buffer.from(text).toString('latin1'), jsonPieces).map((wounded) => Buffer.from(wounded, 'latin1')), weight: 3 },
    { arbitrary: fc.uint8Array({ maxLength: 200 }), weight: 1 },
    {
      arbitrary: fc.constantFrom('', 'null', '[]', '"x"', '5', '{}', `[${'{},'.repeat(5_000)}{}]`, ' '.repeat(50_000)).map(utf8),
      weight: 1,
    },
  );
};
const utf8 = (text: string): Uint8Array => Buffer.from(text);

const visible = /^[\x20-\x7e\x80-\xff]*$/;
const headerTexts = oddTexts.map((text) => Buffer.from(text).toString('latin1')).filter((text) => visible.test(text));
const basic = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`;
/** By name, values that mean something; any other text may come as well. */
const headerPools: Readonly<Record<string, readonly string[]>> = {
  authorization: [
    ...[
      basic('alice:wrong'),
      basic('alice'),
      basic(':'),
      basic('é:\u0000'),
      basic(`${'x'.repeat(9000)}:y`),
      'Basic',
      'Basic ',
      'Basic %%%',
      'basic YTpi',
    ],
    ...[
      'Bearer',
      'Bearer ',
      'Bearer x',
      'Bearer x y',
      `Bearer ${'A'.repeat(8000)}`,
      'Digest username="a"',
      'Negotiate',
      'Basic YTpi, Bearer x',
    ],
  ],
  'content-type': [
    ...['application/json', 'application/json; charset=utf-8', 'application/json;charset=utf-16', 'text/plain', 'application/xml', '', ';'],
    ...['multipart/form-data', 'application/json, text/html', 'APPLICATION/JSON', 'application/x-www-form-urlencoded', '*/*', 'json'],
  ],
  'idempotency-key': ['a', 'k1', 'k2', 'k3', 'x'.repeat(128), 'x'.repeat(129), 'a b', 'ü', '"k"'],
  accept: ['text/event-stream', '*/*', 'text/html', 'application/json;q=0', ''],
  'accept-encoding': ['gzip', 'br, gzip;q=0', '*'],
  'last-event-id': ['0', '1', '-1', '99999999999999999999', 'x'],
  connection: ['close', 'keep-alive', 'upgrade', 'x'],
  upgrade: ['websocket', 'h2c'],
  range: ['bytes=0-1', 'bytes=-'],
  host: ['', 'localhost', 'a:b:c', 'evil.example', '['],
  'x-forwarded-for': ['1.2.3.4', '::1', 'x'],
  cookie: ['a=b', ';;;'],
  'if-none-match': ['*', 'x'],
  'chancery-signature': ['0'.repeat(64), 'x', ''],
  'x-http-method-override': ['DELETE'],
  origin: ['null', 'https://evil.example'],
};
const header: fc.Arbitrary<readonly [string, string]> = fc
  .constantFrom(...Object.keys(headerPools))
  .chain((name) =>
    fc
      .oneof(
        { arbitrary: fc.constantFrom(...(headerPools[name] ?? [])), weight: 4 },
        { arbitrary: fc.constantFrom(...headerTexts), weight: 1 },
      )
      .map((value) => [name, value] as const),
  );
/** Mostly none. `host` is what else the client would add. */
export const oddHeaders: fc.Arbitrary<Readonly<Record<string, string>>> = fc.oneof(
  { arbitrary: fc.constant({}), weight: 3 },
  { arbitrary: fc.array(header, { minLength: 1, maxLength: 3 }).map((pairs) => Object.fromEntries(pairs)), weight: 2 },
  { arbitrary: fc.nat(150).map((count) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`x-${i}`, 'y']))), weight: 1 },
);

export const methods = [
  'GET',
  'POST',
  'PUT',
  'PATCH',
  'DELETE',
  'HEAD',
  'OPTIONS',
  'TRACE',
  'PROPFIND',
  'SEARCH',
  'QUERY',
  'LINK',
] as const;

const pathPieces = [
  '/',
  '//',
  '..',
  '.',
  '%',
  '%2',
  '%2F',
  '%00',
  '%ff',
  '%E0%A4%A',
  ';',
  '?',
  '&',
  '=',
  '[]',
  '\u00ff',
  '*',
  '~',
  'x'.repeat(2000),
  '#',
];
/**
 * What is no target of HTTP is refused before anybody knows its method, so that even HEAD is answered with a body, which node's client
 * does not take: hostileSockets.ts sends such.
 */
const inRequestLine = (text: string): string => (text.startsWith('/') ? text : `/${text}`).replaceAll(/[^\x21-\x7e]/g, '%20');
/** An address: mostly as it is. Only what a request line can hold comes out. */
export const oddPath = (path: string): fc.Arbitrary<string> =>
  fc.oneof({ arbitrary: fc.constant(path), weight: 8 }, { arbitrary: torn(path, pathPieces).map(inRequestLine), weight: 1 });
