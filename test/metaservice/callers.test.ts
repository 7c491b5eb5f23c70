/**
 * Goal: whose acts those of callers with the token are can be said, and then the access control list judges them; the plain RPC form
 * can want the token or be closed; wrong tokens slow nobody down and are told of once.
 * Method: nodes on the in-memory log with different settings, asked over real sockets; what they log is kept.
 */
import { afterEach, describe, expect, test } from 'vitest';
import type { Logger } from '../../src/ports/logger.ts';
import { type ServedMetaService, type ServeOptions, serveMetaService, token } from './support.ts';

const said: string[] = [];
const note = (_: object, message: string): void => {
  said.push(message);
};
const logger: Logger = { debug: note, info: note, warn: note, error: note };
let served: ServedMetaService | undefined;
async function serving(options: ServeOptions): Promise<ServedMetaService> {
  served = await serveMetaService({ ...options, logger });
  return served;
}
afterEach(async () => {
  await served?.stop();
  said.length = 0;
});

const instance = { instance_id: 'i1', user_id: 'u' };
const unknownMethod = 404;

describe('the plain RPC form', () => {
  test('answers everybody unless told otherwise', async () => {
    const { rpc } = await serving({});
    expect((await rpc('get_cluster_status', {})).status).toBe(200);
  });

  test('wants the token', async () => {
    const { post, rpc } = await serving({ rpc: 'token' });
    const open = await rpc('create_instance', instance);
    expect([open.status, open.text]).toEqual([403, 'incorrect token, token=(not given)\n']);
    expect((await rpc(`create_instance?token=${token}x`, instance)).text).toBe(`incorrect token, token=${token}x\n`);
    expect((await rpc(`create_instance?token=${token}`, instance)).json).toMatchObject({ status: { code: 'OK' } });
    expect((await rpc('no_such_method', {})).status).toBe(unknownMethod);
    expect((await post('get_instance?instance_id=i1')).status).toBe(200);
  });

  test('can be off, and the admin routes go on', async () => {
    const { post, rpc } = await serving({ rpc: 'off' });
    const [closed, unknown] = [await rpc('create_instance', instance), await rpc('create_instances', instance)];
    expect([closed.status, closed.text.replace('create_instance', '')]).toEqual([
      unknownMethod,
      unknown.text.replace('create_instances', ''),
    ]);
    expect((await post('create_instance', instance)).json).toMatchObject({ code: 'OK' });
  });
});

describe('who gives the token', () => {
  const staticConfigs = { 'authorizer.enabled': { kind: 'text', text: 'true' } } as const;

  test('is a super user here, and named in the history', async () => {
    const { node, post } = await serving({ staticConfigs });
    expect((await post('create_instance', instance)).json).toMatchObject({ code: 'OK' });
    expect(node.denials.counts.size).toBe(0);
  });

  test('is somebody else where that is said, whom the list judges', async () => {
    const { node, post } = await serving({ principal: 'User:doris', staticConfigs });
    const denied = await post('create_instance', instance);
    expect(denied.json?.['msg']).toContain('User:doris may not CREATE on cluster');
    expect(denied.json?.['code']).not.toBe('OK');
    const acls = [
      {
        effect: 'ALLOW' as const,
        host: '*',
        operation: 'ALL' as const,
        principal: { name: 'doris', type: 'User' },
        resource: { name: 'fluss-cluster', type: 'CLUSTER' as const },
      },
    ];
    await node.submit({ name: 'grantAcls', acls }, { principal: 'chancery', interface: 'chancery' });
    expect((await post('create_instance', instance)).json).toMatchObject({ code: 'OK' });
  });
});

test('a wrong token is told of once a minute, and the next request is answered like the first', async () => {
  const { post, url } = await serving({});
  for (let i = 0; i < 30; i += 1) expect((await post('get_instance?token=secret-guess')).status).toBe(403);
  expect((await fetch(`${url}/MetaService/http/get_instance`)).status).toBe(403);
  expect((await post('get_instance?instance_id=none')).status).not.toBe(403);
  expect(said.filter((line) => line.includes('token'))).toEqual([
    'refused a request to the Meta Service from 127.0.0.1: its token is wrong',
  ]);
  expect(said.join('\n')).not.toContain('secret-guess');
});
