/**
 * Goal: the transport of the Meta Service: addresses, tokens, methods, content types, the envelope's bytes, and what happens to requests
 * that no well-meaning caller sends.
 * Method: a node on the in-memory log in this process, asked over real sockets. Routes that need no instance stand for all others.
 */
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { serverLimits } from '../../src/interfaces/metaservice/server.ts';
import { connectionLimits } from '../../src/interfaces/operator/connections.ts';
import { ask, type Reply, type ServedMetaService, serveMetaService, token } from './support.ts';

let served: ServedMetaService;
beforeAll(async () => {
  served = await serveMetaService();
});
afterAll(async () => await served.stop());

const okEnvelope = '{\n    "code": "OK",\n    "msg": ""\n}\n';
const clearPoints = 'injection_point?op=clear';
const at = (path: string): string => `${served.url}${path}`;

/** What a connection is answered that sends these bytes, until the server ends it or the answer is whole. */
async function raw(bytes: string | Buffer): Promise<string> {
  const { port } = new URL(served.url);
  return await new Promise((resolve) => {
    let text = '';
    const socket = connect({ host: '127.0.0.1', port: Number(port) }, () => socket.write(bytes));
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
    });
    socket.on('error', () => resolve(text));
    socket.on('close', () => resolve(text));
  });
}

describe('addresses', () => {
  test.each([
    '/MetaService/http/injection_point',
    '/MetaService/http/v1/injection_point',
    '/doris.cloud.MetaService/http/injection_point',
    '/doris.cloud.MetaService/http/v1/injection_point',
    '//MetaService///http//v1//injection_point//',
  ])('%s is a route', async (path) => {
    const reply = await ask(at(`${path}?op=clear&token=${token}`));
    expect([reply.status, reply.text]).toEqual([200, okEnvelope]);
  });

  test.each([
    '/MetaService/http/v2/injection_point',
    '/MetaService/http/v01/injection_point',
    '/MetaService/http/v1/v1/injection_point',
    '/MetaService/http/injection_point/more',
    '/MetaService/http/no_such_route',
    '/MetaService/http/constructor',
    '/MetaService/http/__proto__',
    '/MetaService/http/recycle_instance',
    '/MetaService/http/v1/list_snapshot',
    '/MetaService/http/',
    '/MetaService/http',
  ])('%s is none', async (path) => {
    const reply = await ask(at(`${path}?token=${token}`));
    expect([reply.status, reply.text]).toEqual([404, 'http path not found or not allowed\n']);
  });

  test.each([
    '/',
    '/RecyclerService/http/recycle_instance',
    '/MetaService',
    '/MetaService/no_such_method',
    '/MetaService/toString',
    '/%zz',
  ])('%s is no method', async (path) => {
    const reply = await ask(at(path));
    expect([reply.status, reply.text]).toEqual([404, `[E1002]Fail to find method on \`${path}'`]);
    expect(reply.headers['x-bd-error-code']).toBe('1002');
  });

  test('percent escapes in the query are decoded, a plus stands for itself', async () => {
    const reply = await served.post('injection_point?op=a%20b%2Bc+d');
    expect(reply.json).toEqual({ code: 'INVALID_ARGUMENT', msg: 'unknown op:a b+c+d' });
  });
});

describe('tokens', () => {
  test.each([
    ['', '(not given)'],
    ['?token=', '(not given)'],
    ['?token=wrong', 'wrong'],
    ['?token=greedisgood999', 'greedisgood999'],
    ['?token=wrong%20one&op=clear', 'wrong one'],
  ])('%s is refused', async (query, given) => {
    for (const route of ['injection_point', 'no_such_route']) {
      const reply = await ask(at(`/MetaService/http/${route}${query}`), { body: 'not even JSON' });
      expect([reply.status, reply.text]).toEqual([403, `incorrect token, token=${given}\n`]);
    }
  });

  test('the plain RPC form asks for none', async () => {
    expect((await served.rpc('no_such_method')).status).toBe(404);
  });
});

describe('methods and content types', () => {
  test.each(['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'PROPFIND'])('%s may carry a body', async (method) => {
    const reply = await served.post(clearPoints, '{"instance_id": "i1"}', { method });
    expect([reply.status, reply.text]).toEqual([200, okEnvelope]);
  });

  test('HEAD is answered without a body', async () => {
    const reply = await served.post(clearPoints, undefined, { method: 'HEAD' });
    expect([reply.status, reply.text]).toEqual([200, '']);
  });

  test.each(['application/json', 'text/plain', 'application/x-www-form-urlencoded', 'nonsense', 'application/json; charset=latin1'])(
    'content type %s is taken and repeated',
    async (type) => {
      const reply = await served.post(clearPoints, '{}', { headers: { 'content-type': type } });
      expect([reply.status, reply.headers['content-type']]).toEqual([200, type]);
    },
  );

  test('without a content type the answer has none', async () => {
    const reply = await served.post(clearPoints, '{}');
    expect([reply.status, reply.headers['content-type']]).toEqual([200, undefined]);
  });
});

describe('bad requests', () => {
  const expectServing = async (): Promise<void> => expect((await served.post(clearPoints)).status).toBe(200);

  test('a body of more than the limit is refused clearly, said or not how long it is', async () => {
    const large = Buffer.alloc(serverLimits.bodyBytes + 1, 'x');
    const text = `the body is larger than ${serverLimits.bodyBytes} bytes; split the request into smaller ones`;
    const expectRefused = ({ json, status }: Reply): void => {
      expect([status, json]).toEqual([400, { code: 'INVALID_ARGUMENT', msg: text }]);
    };
    expectRefused(await served.post(clearPoints, large));
    expectRefused(await served.post(clearPoints, large, { headers: { 'transfer-encoding': 'chunked' } }));
    await expectServing();
  });

  test('bytes that are no HTTP get an answer', async () => {
    expect(await raw('hello there\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n[\s\S]*"msg": "this is not an HTTP request"/);
    await expectServing();
  });

  test('headers that are too long get an answer', async () => {
    const long = 'x'.repeat(connectionLimits.headerBytes);
    expect(await raw(`GET /MetaService/http/get_value?key=${long} HTTP/1.1\r\nHost: h\r\n\r\n`)).toMatch(
      /^HTTP\/1\.1 431 .*\r\n[\s\S]*headers are longer/,
    );
    await expectServing();
  });

  test('a body that is cut off harms nobody', async () => {
    await new Promise<void>((resolve) => {
      const { port } = new URL(served.url);
      const socket = connect({ host: '127.0.0.1', port: Number(port) }, () => {
        socket.write(`POST /MetaService/http/${clearPoints}&token=${token} HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\n{`);
        socket.destroy();
      });
      socket.on('close', () => resolve());
    });
    await expectServing();
  });

  test('one connection carries requests behind a refused one', async () => {
    const request = (path: string, body: string): string =>
      `POST ${path} HTTP/1.1\r\nHost: h\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
    const last = `GET /MetaService/http/${clearPoints}&token=${token} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n`;
    const text = await raw(request('/MetaService/http/x?token=wrong', 'a body that nobody reads') + request('/nowhere', '{}') + last);
    expect(text.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 403', 'HTTP/1.1 404', 'HTTP/1.1 200']);
  });
});

describe('reads', () => {
  test('say how new they are', async () => {
    const reply = await served.post('show_config');
    expect(Number(reply.headers['chancery-position'])).toBe(served.node.state.position);
  });

  test('may ask for a position, and are refused in a retriable form while it is not there', async () => {
    const { position } = served.node.state;
    expect((await served.post(`show_config?atLeast=${position}`)).status).toBe(200);
    expect((await served.post('show_config?consistency=linearizable')).status).toBe(200);
    const late = await served.post(`show_config?atLeast=${position + 1000}`);
    expect(late.status).toBe(500);
    expect(late.json?.['msg']).toMatch(/^KV_TXN_STORE_GET_RETRYABLE: node n1 is at position \d+, not yet at \d+\. Try again/);
  }, 10_000);

  test.each([
    ['atLeast=soon', 'invalid atLeast: soon; give the position that a write was answered with'],
    ['consistency=eventual', 'invalid consistency: eventual; give linearizable, local or nothing'],
  ])('%s is refused', async (query, msg) => {
    expect((await served.post(`show_config?${query}`)).json).toEqual({ code: 'INVALID_ARGUMENT', msg });
  });
});
