/**
 * Goal: a request that cannot be decided says that it may be sent again; one that is sent again with its key is done once; what a handler
 * makes up for a command (ids, ciphertexts) follows from that key.
 * Method: the context of a request by itself and the service over a node that nobody leads. The clock is in the test's hand.
 */
import { afterEach, describe, expect, test } from 'vitest';
import { initialState } from '../../projections/state.ts';
import { Node } from '../../src/engine/node.ts';
import { RequestContext, statusOf } from '../../src/interfaces/metaservice/context.ts';
import { MetaService } from '../../src/interfaces/metaservice/service.ts';
import { MemoryHub, MemoryLog } from '../../src/log/memory.ts';
import type { Clock } from '../../src/ports/clock.ts';
import type { Membership } from '../../src/ports/membership.ts';
import { rejection } from '../../src/rejection.ts';
import { createSealer } from '../../src/secrets/aes.ts';
import { silent } from '../support/nodes.ts';
import { token } from './support.ts';

const sealer = createSealer([{ keyId: 'test', key: Buffer.alloc(32, 7) }], 'test');
const nodes: Node[] = [];
afterEach(async () => {
  await Promise.all(nodes.splice(0).map((node) => node.close(0)));
});

/** A node that hears of no leader and is none, and whose clock runs a second further with every look. */
async function lonely(hasCaughtUp = true): Promise<MetaService> {
  let now = Date.UTC(2026, 10, 20);
  const clock: Clock = { now: () => (now += 1000), monotonic: () => now, after: () => () => {} };
  const membership: Membership = {
    join: async () => {},
    leave: async () => {},
    publish: () => {},
    members: () => [],
    standing: () => ({ kind: 'follower', leaderId: undefined }),
    onChange: () => () => {},
  };
  const peers = { submit: () => Promise.reject(new Error('there is no other node')) };
  const log = new MemoryLog(new MemoryHub());
  const node = new Node({
    nodeId: 'n1',
    operatorUrl: 'http://n1',
    release: 'test',
    log,
    membership,
    peers,
    clock,
    logger: silent,
    staticConfigs: {},
  });
  nodes.push(node);
  await node.start();
  const heartbeats = { list: () => Promise.resolve([]) };
  return new MetaService({
    node,
    sealer,
    clock,
    logger: silent,
    heartbeats,
    token,
    adminPassword: '',
    port: 5000,
    hasCaughtUp: () => hasCaughtUp,
  });
}
const ask = async (service: MetaService, route: string) => {
  const { http, text } = await service.answer({
    host: '127.0.0.1',
    url: `/MetaService/http/${route}&token=${token}`,
    headers: {},
    body: async () => Buffer.alloc(0),
  });
  return { http, ...(JSON.parse(text) as { readonly code: string; readonly msg: string }) };
};

describe('a request that cannot be decided', () => {
  test('without a leader', async () => {
    const answer = await ask(await lonely(), 'update_config?configs=max_num_aborted_txn=5');
    expect(answer).toEqual({
      http: 500,
      code: 'INTERNAL_ERROR',
      msg:
        'KV_TXN_STORE_COMMIT_RETRYABLE: no node leads at the moment. ' +
        'Try again in a few seconds; `chancery status` shows which nodes are reachable.',
    });
  });

  test('reads are answered nonetheless', async () => {
    expect(await ask(await lonely(), 'show_config?conf_key=max_num_aborted_txn')).toMatchObject({ http: 200, code: 'OK' });
  });

  test('but not before the node has folded what was there when it came up', async () => {
    const answer = await ask(await lonely(false), 'show_config?conf_key=max_num_aborted_txn');
    expect(answer).toMatchObject({ http: 500, code: 'INTERNAL_ERROR' });
    expect(answer.msg).toMatch(/^KV_TXN_STORE_GET_RETRYABLE: this node has just come up and still folds the log\. Try again/);
  });

  test('the list of backends neither', async () => {
    const service = await lonely(false);
    const url = '/rest/v2/manager/cluster/cluster_info/cloud_cluster_status';
    const headers = { authorization: `Basic ${Buffer.from('root:').toString('base64')}` };
    const { text } = await service.answer({ host: '127.0.0.1', url, headers, body: async () => Buffer.alloc(0) });
    expect(JSON.parse(text)).toMatchObject({ msg: 'Error', code: 1, data: expect.stringContaining('this node has just come up') });
  });

  test.each([
    ['BUSY', 'KV_TXN_STORE_COMMIT_RETRYABLE'],
    ['DRAINING', 'KV_TXN_STORE_COMMIT_RETRYABLE'],
    ['NODE_FAULT', 'UNDEFINED_ERR'],
  ] as const)('%s', (code, internal) => {
    const { msg } = statusOf(rejection(code, '', 'what happened'));
    expect(msg.startsWith(`${internal}: what happened. `)).toBe(true);
  });
});

describe('what a handler makes up', () => {
  const contextOf = async (key: string | undefined): Promise<RequestContext> => {
    await lonely();
    const node = nodes.at(-1);
    if (node === undefined) throw new Error('there is no node');
    const clock: Clock = { now: () => 0, monotonic: () => 0, after: () => () => {} };
    return new RequestContext({ node, sealer, clock, injected: () => undefined }, initialState(), {
      principal: 'User:meta-service',
      ...(key === undefined ? {} : { idempotencyKey: key }),
    });
  };

  test('follows from the key', async () => {
    const [one, again, other] = [await contextOf('k1'), await contextOf('k1'), await contextOf('k2')];
    const made = (context: RequestContext) => [context.newId(), context.newId(), context.sealer.sealComparable('AK', 'storage/ak')];
    const first = made(one);
    expect(made(again)).toEqual(first);
    expect(made(other)).not.toEqual(first);
    expect(new Set(first).size).toBe(3);
  });

  test('is unlike any other without one, and can be opened', async () => {
    const [one, other] = [await contextOf(undefined), await contextOf(undefined)];
    expect(one.newId()).not.toBe(other.newId());
    expect(one.newId()).toMatch(/^[0-9a-f]{32}$/);
    const sealed = one.sealer.seal('text', 'subject');
    expect(sealed).not.toEqual(other.sealer.seal('text', 'subject'));
    expect(other.sealer.open(sealed, 'subject')).toBe('text');
  });
});
