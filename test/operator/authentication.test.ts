/**
 * Goal: the operator API knows its callers by passwords and tokens and by nothing else, says 401 to all others without repeating what
 * they gave, and slows down who guesses.
 * Method: real servers over a node on the in-memory log, one for each mode, asked with fetch and over bare sockets; hashes of little cost.
 */
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { attemptLimits } from '../../src/authentication/attempts.ts';
import { type AuthenticationMode, Authenticator } from '../../src/authentication/authenticator.ts';
import { newToken } from '../../src/authentication/bearerTokens.ts';
import { hashPassword } from '../../src/authentication/passwords.ts';
import { parseAuthorization } from '../../src/interfaces/operator/identity.ts';
import { MemoryMembership } from '../../src/log/memory.ts';
import type { Logger } from '../../src/ports/logger.ts';
import { createSealer } from '../../src/secrets/aes.ts';
import { call, JumpingClock, rawExchange, readStream, type Served, ServedCluster, waits } from './support.ts';

const cluster = new ServedCluster();
const clock = new JumpingClock();
const said: string[] = [];
const note = (fields: object, message: string): void => {
  said.push(`${JSON.stringify(fields)} ${message}`);
};
const logger: Logger = { debug: note, info: note, warn: note, error: note };
const users = new Map([['alice', await hashPassword('wonder:länd', { memoryKiB: 8, passes: 1, lanes: 1 })]]);
const sealer = createSealer([{ keyId: 'k1', key: Buffer.alloc(32) }], 'k1');
const nodes = new Map<AuthenticationMode, Served>();

async function start(mode: AuthenticationMode): Promise<Served> {
  const started: { served?: Served } = {};
  const state = () => {
    if (started.served === undefined) throw new Error('asked before it served');
    return started.served.node.state;
  };
  const authenticator = new Authenticator({ mode, users, state, sealer, clock });
  started.served = await cluster.start(mode, { authenticator, clock, logger, sealer, clusterSecret: 'a secret for tests only' });
  return started.served;
}
beforeAll(async () => {
  for (const mode of ['required', 'optional', 'none'] as const) nodes.set(mode, await start(mode));
  await cluster.ready(...nodes.values());
});
afterAll(() => cluster.stop());

const urlOf = (mode: AuthenticationMode): string => nodes.get(mode)?.url ?? '';
const basic = (name: string, password: string) => ({ authorization: `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}` });
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const ask = (mode: AuthenticationMode, headers: Record<string, string> = {}, path = '/v1/status') => call(urlOf(mode) + path, { headers });
const alice = basic('alice', 'wonder:länd');
/** Each test begins with a new minute. */
const nextMinute = () => clock.jump(attemptLimits.windowMs);

describe('who gives no credentials', () => {
  test.each<[AuthenticationMode, number]>([
    ['required', 401],
    ['optional', 200],
    ['none', 200],
  ])('%s: %d', async (mode, status) => {
    const answer = await ask(mode);
    expect(answer.status).toBe(status);
    if (status === 401) {
      expect(answer.headers.get('www-authenticate')).toBe('Basic realm="chancery", Bearer');
      expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/);
      expect(answer.json).toMatchObject({ code: 'UNAUTHENTICATED', status: 401, detail: 'this node wants to know who asks' });
    }
  });

  test('acts as nobody, or as root where there is no authentication', async () => {
    for (const [mode, principal] of [
      ['optional', 'User:ANONYMOUS'],
      ['none', 'User:root'],
    ] as const) {
      const { json, status } = await call(`${urlOf(mode)}/v1/configs/datalake.test.who`, { method: 'PUT', body: { value: mode } });
      expect(status).toBe(200);
      const { json: events } = await ask(mode, {}, `/v1/events?from=${String(json['position'])}&limit=1`);
      expect(events['events']).toMatchObject([{ act: { principal, host: '127.0.0.1', interface: 'operator' } }]);
    }
  });

  test.each(['/health', '/ready', '/openapi.json'])('%s answers everybody', async (path) => {
    expect((await ask('required', {}, path)).status).toBe(200);
    expect((await ask('required', basic('x', 'wrong'), path)).status).toBe(200);
  });

  test.each(['/metrics', '/v1/status', '/nowhere', '/v1/events', '/health/', '//health', '/health%2f..', '/HEALTH'])(
    '%s does not',
    async (path) => {
      expect((await ask('required', {}, path)).status).toBe(401);
    },
  );

  test('nor does any other method, and no body is looked at', async () => {
    const { port } = nodes.get('required') ?? { port: 0 };
    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH']) {
      const answer = await call(`${urlOf('required')}/v1/sql`, { method, body: '{' });
      expect(answer.status, method).toBe(401);
    }
    const early = await rawExchange(port, 'POST /v1/sql HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 1000000\r\n\r\n');
    expect(early).toMatch(/^HTTP\/1\.1 401 /);
  });
});

describe('a password', () => {
  test.each<AuthenticationMode>(['required', 'optional', 'none'])('lets its user in, %s', async (mode) => {
    nextMinute();
    expect((await ask(mode, alice)).status).toBe(200);
    expect((await ask(mode, basic('alice', 'wrong'))).status).toBe(401);
    expect((await ask(mode, basic('nobody', 'wonder:länd'))).status).toBe(401);
  });

  test('is who the history names', async () => {
    const { json } = await call(`${urlOf('required')}/v1/configs/datalake.test.who`, {
      method: 'PUT',
      body: { value: 'a' },
      headers: alice,
    });
    const { json: events } = await ask('required', alice, `/v1/events?from=${String(json['position'])}&limit=1`);
    expect(events['events']).toMatchObject([{ act: { principal: 'User:alice', host: '127.0.0.1' } }]);
  });

  test('of a dynamic user counts as soon as the node that was asked has it, and no longer', async () => {
    nextMinute();
    const credentials = (body: object) =>
      call(`${urlOf('required')}/v1/configs`, {
        method: 'PATCH',
        headers: alice,
        body: { changes: [{ key: 'security.sasl.plain.credentials', ...body }] },
      });
    expect((await ask('required', basic('carol', 'cpw'))).status).toBe(401);
    expect((await credentials({ op: 'append', value: 'carol:cpw' })).status).toBe(200);
    expect((await ask('required', basic('carol', 'cpw'))).status).toBe(200);
    const { json } = await credentials({ op: 'subtract', value: 'carol:cpw' });
    expect((await ask('required', basic('carol', 'cpw'))).status).toBe(401);
    expect(json['changed']).toBe(true);
  });

  test('that was guessed at ten times is not looked at for the rest of the minute', async () => {
    nextMinute();
    for (let i = 0; i < attemptLimits.perWindow; i += 1) expect((await ask('required', basic('bob', `guess-${i}`))).status).toBe(401);
    const late = await ask('required', basic('bob', 'guess-again'));
    expect([late.status, late.json['code']]).toEqual([429, 'BUSY']);
    expect(Number(late.headers.get('retry-after'))).toBeGreaterThan(50);
    expect((await ask('required', alice)).status, 'who was right a moment ago').toBe(200);
    nextMinute();
    expect((await ask('required', basic('bob', 'guess-again'))).status).toBe(401);
  });
});

describe('a token', () => {
  const issue = async (body: object, headers: Record<string, string> = alice) =>
    await call(`${urlOf('required')}/v1/tokens`, { body, headers });
  const list = async (query = '') => (await ask('required', alice, `/v1/tokens${query}`)).json['tokens'] as Record<string, unknown>[];

  test('is shown once, lets its bearer in on every node, and not after it was revoked', async () => {
    nextMinute();
    const { headers, json, status } = await issue({ principal: 'User:ci', about: 'the nightly build', reason: 'release 7' });
    expect(status).toBe(200);
    expect(headers.get('cache-control')).toBe('no-store');
    const token = String(json['token']);
    const tokenId = String(json['tokenId']);
    const position = String(json['position']);
    expect(token).toMatch(new RegExp(`^chancery_${tokenId}_[A-Za-z0-9_-]{43}$`));
    for (const mode of nodes.keys()) {
      await nodes.get(mode)?.node.read({ atLeast: Number(position) });
      expect((await ask(mode, bearer(token))).status, mode).toBe(200);
    }
    expect(await list()).toMatchObject([{ tokenId, principal: 'User:ci', about: 'the nightly build', issuedBy: 'User:alice' }]);
    const secret = token.split('_').slice(2).join('_');
    const log = cluster.hub.texts(0, 1000).join('\n');
    for (const text of [JSON.stringify(await list()), log, said.join('\n')]) expect(text).not.toContain(secret);
    expect(JSON.stringify(await list())).not.toContain('hash');

    const revoked = await call(`${urlOf('required')}/v1/tokens/${tokenId}`, { method: 'DELETE', headers: bearer(token) });
    expect(revoked.json).toMatchObject({ changed: true });
    expect((await ask('required', bearer(token))).status).toBe(401);
    expect(await list()).toEqual([]);
  });

  test('that is revoked ends the stream that its bearer follows', async () => {
    const { json } = await issue({ principal: 'User:reader' });
    const token = String(json['token']);
    const stream = readStream(`${urlOf('required')}/v1/events`, bearer(token), () => false);
    await vi.waitFor(async () => expect((await ask('required', alice, '/metrics')).text).toMatch(/chancery_event_streams 1\n/), waits);
    await call(`${urlOf('required')}/v1/tokens/${String(json['tokenId'])}`, { method: 'DELETE', headers: alice });
    expect(await stream).not.toContain('TokenRevoked');
  });

  test('ends with its time', async () => {
    const { json } = await issue({ validForMs: 1000 });
    const token = String(json['token']);
    expect(json['principal']).toBe('User:alice');
    expect((await ask('required', bearer(token))).status).toBe(200);
    clock.jump(2000);
    expect((await ask('required', bearer(token))).json['detail']).toBe('the time of this token is over');
  });

  test('that ends gives its bearer none that lasts longer', async () => {
    const { json } = await issue({ principal: 'User:ci', validForMs: 60_000 });
    const own = bearer(String(json['token']));
    for (const body of [{}, { validForMs: 61_000 }, { principal: 'User:ci' }])
      expect((await issue(body, own)).json).toMatchObject({ status: 403, code: 'AUTHORIZATION_DENIED', field: 'validForMs' });
    expect((await issue({ validForMs: 30_000 }, own)).status).toBe(200);
    const lasting = bearer(String((await issue({ principal: 'User:ci' })).json['token']));
    expect((await issue({}, lasting)).status).toBe(200);
  });

  test('asked for again under the same key is refused: its secret cannot be shown again', async () => {
    const headers = { ...alice, 'idempotency-key': 'token-once' };
    expect((await issue({}, headers)).status).toBe(200);
    const again = await issue({}, headers);
    expect([again.status, again.json['code'], again.json['token']]).toEqual([409, 'IDEMPOTENCY_KEY_REUSED', undefined]);
  });

  test('that may have been issued is named, for its secret is lost', async () => {
    const split = new ServedCluster();
    const late = new JumpingClock();
    let isAsked = false;
    const vanishing = createServer((socket) => {
      socket.once('data', () => {
        isAsked = true;
        socket.destroy();
      });
      socket.on('error', () => {});
    }).listen(0, '127.0.0.1');
    await once(vanishing, 'listening');
    const { port } = vanishing.address() as AddressInfo;
    const leader = { nodeId: 'n0', operatorUrl: `http://127.0.0.1:${port}`, release: 'test', position: 0, checkpoints: [] };
    await new MemoryMembership(split.hub).join(leader);
    const n1 = await split.start('n1', { clock: late, clusterSecret: 'a secret for tests only' });
    await expect.poll(() => n1.node.status().leaderId, waits).toBe('n0');
    const issuing = call(`${n1.url}/v1/tokens`, { body: {} });
    await expect.poll(() => isAsked, waits).toBe(true);
    late.jump(10_000);
    const { json, status } = await issuing;
    expect([status, json['code']]).toEqual([504, 'OUTCOME_UNKNOWN']);
    expect(json['remedy']).toContain(`If GET /v1/tokens shows ${String(json['tokenId'])}, revoke it`);
    await split.stop();
    vanishing.close();
  });

  test.each<[object, string]>([
    [{ principal: 'chancery' }, 'principal'],
    [{ principal: 'User:ANONYMOUS' }, 'principal'],
    [{ about: 'a\u0000b' }, 'about'],
    [{ validForMs: 0 }, 'validForMs'],
    [{ validForMs: 1e15 }, 'validForMs'],
    [{ expires: '30d' }, 'expires'],
  ])('is not made of %j', async (body, field) => {
    const answer = await issue(body);
    expect([answer.status, answer.json['field']]).toEqual([400, field]);
  });

  test('is not for those who give no credentials, where nothing else would refuse them', async () => {
    for (const [method, path] of [
      ['POST', '/v1/tokens'],
      ['DELETE', '/v1/tokens/abc'],
    ] as const) {
      const answer = await call(urlOf('optional') + path, { method, ...(method === 'POST' ? { body: {} } : {}) });
      expect([answer.status, answer.json['code']]).toEqual([401, 'UNAUTHENTICATED']);
    }
  });

  test('that is none, of another cluster, or unknown is refused', async () => {
    nextMinute();
    for (const text of [newToken().text, 'chancery_x_y', 'eyJhbGciOiJub25lIn0.e30.', 'x'])
      expect((await ask('none', bearer(text))).status, text).toBe(401);
    const gone = await call(`${urlOf('required')}/v1/tokens/unknown1`, { method: 'DELETE', headers: alice });
    expect([gone.status, gone.json['code']]).toEqual([404, 'UNKNOWN_TOKEN']);
  });
});

describe('a header that could be read in two ways', () => {
  const base64 = (text: string | Buffer) => Buffer.from(text).toString('base64');
  test.each<[string, string]>([
    ['', 'is not a scheme and one value'],
    ['Basic', 'is not a scheme and one value'],
    ['Basic a b', 'is not a scheme and one value'],
    ['Digest username="x"', 'has another scheme than Basic and Bearer'],
    ['Negotiate abc', 'has another scheme than Basic and Bearer'],
    ['Basic ***', 'is not Base64 behind Basic'],
    [`Basic ${base64('alice:x')}*`, 'is not Base64 behind Basic'],
    [`Basic ${base64(Buffer.from([0xff, 0x3a, 0x61]))}`, 'is not UTF-8 behind Basic'],
    [`Basic ${base64('alice')}`, 'is not NAME:PASSWORD behind Basic'],
    [`Basic ${base64(':password')}`, 'is not NAME:PASSWORD behind Basic'],
    [`Basic ${base64('al\u0000ice:x')}`, 'has a control character behind Basic'],
    [`Basic ${base64('alice:x\ny')}`, 'has a control character behind Basic'],
  ])('%j is refused', async (authorization, fault) => {
    expect(parseAuthorization(authorization)).toEqual({ kind: 'unreadable', fault: `the header Authorization ${fault}` });
    for (const mode of nodes.keys()) expect((await ask(mode, { authorization })).status).toBe(401);
  });

  test.each<[string, object]>([
    [`basic ${base64('a:b:c')}`, { kind: 'basic', name: 'a', password: 'b:c' }],
    [`BASIC   ${base64('a:')} `, { kind: 'basic', name: 'a', password: '' }],
    [`Basic ${base64('a:ü').replace(/=+$/, '')}`, { kind: 'basic', name: 'a', password: 'ü' }],
    ['bearer x', { kind: 'bearer', token: 'x' }],
  ])('%j is understood', (header, credentials) => expect(parseAuthorization(header)).toEqual(credentials));

  test('and names and passwords of ten thousand characters are refused like any other', async () => {
    nextMinute();
    expect((await ask('required', basic('n'.repeat(5000), 'p'.repeat(5000)))).status).toBe(401);
    const { port } = nodes.get('required') ?? { port: 0 };
    const huge = `GET /v1/status HTTP/1.1\r\nHost: x\r\nAuthorization: Basic ${'A'.repeat(20_000)}\r\n\r\n`;
    expect(await rawExchange(port, huge)).toMatch(/^HTTP\/1\.1 431 /);
  });
});

test('nothing that was given as a password stands in what the nodes have said, nor in an answer', async () => {
  nextMinute();
  const secret = 'plainly-a-secret';
  const { text } = await ask('required', basic(secret, secret));
  await ask('required', bearer(`chancery_${secret}`));
  expect(text).not.toContain(secret);
  expect(said.join('\n')).not.toMatch(/plainly-a-secret|guess-|wonder/);
  expect(said.join('\n')).toContain('refused credentials from 127.0.0.1');
});
