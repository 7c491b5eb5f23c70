/**
 * Goal: what hostile requests cannot do to a node that is open to all (hostile.test.ts) they cannot do to one that asks who calls either,
 *   whoever calls; and who may do nothing changes nothing.
 * Method: a real process with users, tokens and an authorizer; requests for every route by a super user, by somebody without
 *   entries, with wrong credentials and with none. At the end the log is read for acts of those who may not act.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { decodeEntry } from '../../events/envelope.ts';
import { hashPassword, printHash } from '../../src/authentication/passwords.ts';
import { freePorts } from '../../src/cli/zookeeperServer.ts';
import { type Heard, type HostileRequest, send, shown } from '../support/hostile.ts';
import { operatorFault } from '../support/hostileAnswers.ts';
import { hostileOperator, hostileSqlRequests, type OpenApi, operatorSeeds } from '../support/hostileRequests.ts';
import { type NodeProcess, nodeProcess, until } from '../support/nodeProcesses.ts';
import { replay } from '../support/replay.ts';

const minutes = 60_000;
const timeout = 2 * minutes * Number(process.env['CHANCERY_RUNS'] ?? 1);
const folder = mkdtempSync(join(tmpdir(), 'chancery-callers-'));
let node: NodeProcess;
let openApi: OpenApi;
/** Of the super user, and of somebody without any entry. */
let tokens: { readonly dana: string; readonly alice: string };

const get = (path: string, authorization: string): Promise<Heard> => send(node.url, { method: 'GET', path, headers: { authorization } });
async function issued(principal: string, authorization: string): Promise<string> {
  const headers = { authorization, 'content-type': 'application/json' };
  const { text } = await send(node.url, { method: 'POST', path: '/v1/tokens', headers, body: Buffer.from(JSON.stringify({ principal })) });
  return `Bearer ${(JSON.parse(text) as { readonly token: string }).token}`;
}

beforeAll(async () => {
  const [operator] = await freePorts(1);
  const hash = printHash(await hashPassword('correct horse', { memoryKiB: 256, passes: 2, lanes: 1 }));
  mkdirSync(folder, { recursive: true });
  const configs = ['cluster-configs:', '  authorizer.enabled: true', '  super.users: User:dana'];
  writeFileSync(join(folder, 'chancery.yaml'), ['users:', `  dana: ${hash}`, ...configs, ''].join('\n'));
  node = await nodeProcess('n1', folder, { LOG: 'file:data', OPERATOR: `127.0.0.1:${operator}` }, undefined, ['--max-old-space-size=96']);
  const basic = `Basic ${Buffer.from('dana:correct horse').toString('base64')}`;
  await until('the node serves', 30_000, () =>
    get('/ready', basic).then(
      ({ status }) => (status === 200 ? true : undefined),
      () => undefined,
    ),
  );
  tokens = { dana: await issued('User:dana', basic), alice: await issued('User:alice', basic) };
  const objInfo = { ak: 'a', sk: 's', bucket: 'b', prefix: 'p', endpoint: 'e', externalEndpoint: 'e', region: 'r', provider: 'S3' };
  const headers = { authorization: tokens.dana, 'content-type': 'application/json' };
  for (const instanceId of ['i1', 'i2']) {
    const body = Buffer.from(JSON.stringify({ instanceId, objInfo }));
    expect((await send(node.url, { method: 'POST', path: '/v1/acts/createInstance', headers, body })).status).toBe(200);
  }
  for (const seed of operatorSeeds) {
    const asked = { ...seed, headers: { ...seed.headers, authorization: tokens.dana } };
    expect((await send(node.url, asked)).status, seed.path).toBe(200);
  }
  openApi = JSON.parse((await get('/openapi.json', tokens.dana)).text) as OpenApi;
});
afterAll(async () => {
  await node?.kill();
  rmSync(folder, { recursive: true, force: true });
});

/** As it was drawn, that is without credentials or with wrong ones, or with one of the tokens. */
const calledBy = (requests: fc.Arbitrary<HostileRequest>): fc.Arbitrary<HostileRequest> =>
  fc.tuple(requests, fc.constantFrom('dana', 'dana', 'alice', 'alice', 'nobody')).map(([asked, caller]) => {
    const headers = caller === 'nobody' ? asked.headers : { ...asked.headers, authorization: tokens[caller as keyof typeof tokens] };
    const called: HostileRequest = { ...asked, headers };
    return Object.defineProperty(called, fc.toStringMethod, { value: () => shown(called), enumerable: false });
  });

test(
  'whoever calls, every answer is one that is declared, and only those who may have acted',
  async () => {
    const statuses = new Map<number, number>();
    const requests = fc.oneof({ arbitrary: hostileOperator(openApi), weight: 4 }, { arbitrary: hostileSqlRequests, weight: 1 });
    await fc.assert(
      fc.asyncProperty(fc.array(fc.noBias(calledBy(requests)), { minLength: 25, maxLength: 25 }), async (asked) => {
        const heard = await Promise.all(asked.map((one) => send(node.url, one)));
        for (const { status } of heard) statuses.set(status, (statuses.get(status) ?? 0) + 1);
        expect(heard.flatMap((one, i) => operatorFault(asked[i] as HostileRequest, one) ?? [])).toEqual([]);
      }),
      { ...replay({ numRuns: 20 }).params, endOnFailure: true },
    );
    for (const status of [200, 400, 401, 403])
      expect(statuses.get(status) ?? 0, `${status} of ${JSON.stringify([...statuses])}`).toBeGreaterThan(4);

    // Whoever may is still served.
    const headers = { authorization: tokens.dana, 'content-type': 'application/json', 'idempotency-key': 'after-the-hunt' };
    const body = Buffer.from(JSON.stringify({ value: 'yes' }));
    expect((await send(node.url, { method: 'PUT', path: '/v1/configs/datalake.hunt.is-over', headers, body })).status).toBe(200);

    const { text } = await get('/v1/log?limit=1000', tokens.dana);
    const acts = text
      .split('\n')
      .filter((line) => line !== '')
      .flatMap((line) => decodeEntry(line).events.map(({ act }) => ({ who: act.principal, did: act.command, key: act.commandId })));
    // Anybody may have a token of their own.
    const strange = acts.filter(
      ({ did, who }) => who !== 'User:dana' && who !== 'chancery' && !(who === 'User:alice' && did === 'issueToken'),
    );
    expect(strange).toEqual([]);
    expect(acts).toContainEqual({ who: 'User:dana', did: 'alterClusterConfigs', key: 'after-the-hunt' });
    expect(
      readFileSync(join(folder, 'n1.log'), 'utf8')
        .split('\n')
        .filter((line) => /"level":[56]0/.test(line)),
    ).toEqual([]);
  },
  timeout,
);
