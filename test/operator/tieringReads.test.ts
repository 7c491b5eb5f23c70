/**
 * Goal: past failures come in pages, changes of statuses as a stream; reports are taken as acts, once per key; who may is asked of each.
 * Method: real requests to nodes of the in-memory log, with a clock that tests set forward; users with passwords for who may.
 */
import { afterEach, describe, expect, test } from 'vitest';
import { Authenticator } from '../../src/authentication/authenticator.ts';
import { hashPassword } from '../../src/authentication/passwords.ts';
import type { Command } from '../../src/deciders/commands.ts';
import { createSealer } from '../../src/secrets/aes.ts';
import { caller } from '../support/nodes.ts';
import { call, readStream, type Served } from './support.ts';
import { faultOf, type Json, LakeCluster } from './tieringSupport.ts';

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});
async function started(...given: Parameters<typeof LakeCluster.start>): Promise<LakeCluster> {
  const lake = await LakeCluster.start(...given);
  closers.push(() => lake.stop());
  return lake;
}
async function fail(lake: LakeCluster, error?: string): Promise<Json> {
  const { tableId, tieringEpoch } = await lake.handed();
  const { status } = await lake.heartbeat({ failed: [{ tableId, tieringEpoch, ...(error === undefined ? {} : { error }) }] });
  expect(status).toBe(200);
  return { tableId, tieringEpoch };
}
async function drop({ leader }: LakeCluster, table: string): Promise<void> {
  const command: Command = { name: 'dropTable', database: 'shop', table, ignoreIfNotExists: false };
  expect(await leader.node.submit(command, caller)).toMatchObject({ kind: 'done' });
}

describe('past failures', () => {
  const failures = (query = '', { url }: Pick<Served, 'url'>) => call(`${url}/v1/tiering/failures${query}`);
  const listOf = ({ json }: { readonly json: Json }) => json['failures'] as readonly Json[];

  test.each([true, false])(
    'come in pages, the newest first, also of tables that are gone; over a process of its own: %s',
    async (hasQueries) => {
      const lake = await started(['n1'], { hasQueries });
      const orders = await lake.table('shop', 'orders');
      await lake.due();
      for (const error of ['one', undefined, 'three']) await fail(lake, error);
      await drop(lake, 'orders');
      const items = await lake.table('shop', 'items');
      await lake.due();
      await fail(lake, 'four');
      const all = await failures('', lake.leader);
      expect(listOf(all).map((each) => [each['tableId'], each['tieringEpoch'], each['error'], each['failuresInRow']])).toEqual([
        [items, 1, 'four', 1],
        [orders, 3, 'three', 3],
        [orders, 2, undefined, 2],
        [orders, 1, 'one', 1],
      ]);
      expect(all.json['next']).toBeUndefined();
      const { at, position } = lake.leader.node.state;
      expect(listOf(all)[0]).toEqual({
        tableId: items,
        database: 'shop',
        table: 'items',
        tieringEpoch: 1,
        service: 's1',
        because: 'REPORTED',
        error: 'four',
        at,
        failuresInRow: 1,
        durationMs: expect.any(Number),
        position,
      });
      const first = await failures('?database=shop&table=orders&limit=2', lake.leader);
      expect([listOf(first).map((each) => each['error']), first.json['next']]).toEqual([['three', undefined], 2]);
      const rest = await failures('?database=shop&table=orders&limit=2&offset=2', lake.leader);
      expect([listOf(rest).map((each) => each['error']), rest.json['next']]).toEqual([['one'], undefined]);
      expect(listOf(await failures('?database=mail', lake.leader))).toEqual([]);
    },
  );

  test('say what is wrong with the question', async () => {
    const lake = await started();
    expect(faultOf(await failures('?table=orders', lake.leader)).slice(0, 3)).toEqual([400, 'MALFORMED_REQUEST', 'database']);
    for (const [query, field] of [
      ['?limit=1001', 'limit'],
      ['?offset=100001', 'offset'],
      ['?since=1', 'since'],
    ])
      expect(faultOf(await failures(query, lake.leader)).slice(0, 3)).toEqual([400, 'MALFORMED_REQUEST', field]);
  });

  test('are told by a follower, at or after a position', async () => {
    const lake = await started(['n1', 'n2']);
    await lake.table('shop', 'orders');
    await lake.due();
    await fail(lake, 'one');
    const { position } = lake.leader.node.state;
    const shown = await failures(`?atLeast=${position}`, lake.follower);
    expect(listOf(shown)).toMatchObject([{ error: 'one', position }]);
    expect(shown.headers.get('chancery-node')).toBe(lake.follower.node.provenance.nodeId);
  });
});

test('statuses come in pages of at most a thousand', async () => {
  const lake = await started();
  await lake.table('shop', 'orders');
  expect(faultOf(await lake.statuses('?limit=1001')).slice(0, 3)).toEqual([400, 'MALFORMED_REQUEST', 'limit']);
  expect((await lake.statuses('?limit=1000')).json).toMatchObject({ total: 1 });
});

describe('the stream', () => {
  const told = (text: string): readonly Json[] => [...text.matchAll(/^data: (.+)\n\n/gm)].map(([, json = '']) => JSON.parse(json) as Json);
  /** Follows until there is enough, while something is done. */
  async function following(
    lake: LakeCluster,
    query: string,
    isEnough: (rows: readonly Json[]) => boolean,
    meanwhile: () => Promise<unknown>,
  ): Promise<readonly Json[]> {
    let begun = () => {};
    const hasBegun = new Promise<void>((resolve) => {
      begun = resolve;
    });
    const text = readStream(`${lake.follower.url}/v1/tiering/stream${query}`, {}, (sent) => {
      if (told(sent).length > 0) begun();
      return isEnough(told(sent));
    });
    await hasBegun;
    await meanwhile();
    return told(await text);
  }
  const short = (rows: readonly Json[]) => rows.map((row) => [row['table'], row['status'], row['lastError']]);

  test('begins with all that is so, and tells each change, on a follower too', async () => {
    const lake = await started(['n1', 'n2']);
    await lake.table('shop', 'orders');
    await lake.due();
    const query = `?atLeast=${lake.leader.node.state.position}`;
    const rows = await following(
      lake,
      query,
      (sent) => sent.at(-1)?.['lastError'] === 'no lake',
      () => fail(lake, 'no lake'),
    );
    expect(short(rows.slice(0, 1))).toEqual([['orders', 'Pending', undefined]]);
    // Between two looks several things may happen: what counts is where it ends.
    expect(short(rows.slice(-1))).toEqual([['orders', 'Pending', 'no lake']]);
    expect(rows.length).toBeLessThanOrEqual(3);
  });

  test('of one table, or one database, tells of that alone, and of its end', async () => {
    const lake = await started(['n1', 'n2']);
    await lake.table('shop', 'orders');
    await lake.table('shop', 'items');
    const isOf = (count: number) => (rows: readonly Json[]) => rows.length >= count;
    const since = `atLeast=${lake.leader.node.state.position}`;
    const rows = await following(lake, `?database=shop&table=orders&${since}`, isOf(2), () => lake.due());
    expect(short(rows)).toEqual([
      ['orders', 'Scheduled', undefined],
      ['orders', 'Pending', undefined],
    ]);
    const ended = await following(lake, `?database=shop&atLeast=${lake.leader.node.state.position}`, isOf(3), () => drop(lake, 'orders'));
    expect(short(ended.slice(0, 2)).sort((a, b) => (String(a) < String(b) ? -1 : 1))).toEqual([
      ['items', 'Pending', undefined],
      ['orders', 'Pending', undefined],
    ]);
    expect(ended[2]).toMatchObject({ table: 'orders', status: 'Removed', tieringEpoch: 1 });
  });

  test('tells of changes alone to who asks for no more', async () => {
    const lake = await started(['n1', 'n2']);
    await lake.table('shop', 'orders');
    await lake.table('shop', 'items');
    const { position } = lake.leader.node.state;
    let isDue = false;
    const text = await readStream(`${lake.follower.url}/v1/tiering/stream?changesOnly=true&atLeast=${position}`, {}, (sent) => {
      // Whatever happens after the greeting is told.
      if (!isDue && sent.includes(': follows all lake tables')) {
        isDue = true;
        void lake.due();
      }
      return told(sent).length >= 2;
    });
    const ended = told(text).map((row) => [row['table'], row['status']].join(' '));
    expect(new Set(ended)).toEqual(new Set(['orders Pending', 'items Pending']));
  });

  test('of what is not there is refused', async () => {
    const lake = await started();
    const ask = (query: string) => call(`${lake.leader.url}/v1/tiering/stream${query}`);
    expect(faultOf(await ask('?database=nowhere')).slice(0, 3)).toEqual([404, 'UNKNOWN_DATABASE', 'database']);
    expect(faultOf(await ask('?database=shop&table=x')).slice(0, 3)).toEqual([404, 'UNKNOWN_TABLE', 'table']);
    expect(faultOf(await ask('?table=x')).slice(0, 3)).toEqual([400, 'MALFORMED_REQUEST', 'database']);
    const head = await fetch(`${lake.leader.url}/v1/tiering/stream`, { method: 'HEAD' });
    expect([head.status, head.headers.get('allow')]).toEqual([405, 'GET']);
  });
});

describe('a report as an act', () => {
  const act = (lake: LakeCluster, name: string, body: object, key: string, served = lake.leader) =>
    call(`${served.url}/v1/acts/${name}?reason=by%20hand`, { body, headers: { 'idempotency-key': key } });

  test('counts once per key, on a follower too, and the history says who gave it and why', async () => {
    const lake = await started(['n1', 'n2']);
    const orders = await lake.table('shop', 'orders');
    await lake.due();
    await lake.handed();
    const report = { tableId: orders, tieringEpoch: 1, error: 'no lake' };
    const first = await act(lake, 'reportTieringFail', report, 'a', lake.follower);
    expect([first.status, first.json['changed'], first.json['duplicate']], first.text).toEqual([200, true, false]);
    const again = await act(lake, 'reportTieringFail', report, 'a');
    expect([again.status, again.json['position'], again.json['duplicate']]).toEqual([200, first.json['position'], true]);
    const reused = await act(lake, 'reportTieringFail', { ...report, error: 'another' }, 'a');
    expect(faultOf(reused).slice(0, 2)).toEqual([409, 'IDEMPOTENCY_KEY_REUSED']);
    const { json } = await call(`${lake.leader.url}/v1/events?type=TieringRoundFailed`);
    expect(json['events']).toMatchObject([{ act: { reason: 'by hand' }, data: { error: 'no lake', failuresInRow: 1 } }]);
    await lake.handed();
    const finished = { tableId: orders, tieringEpoch: 2, isForced: false, records: 5 };
    expect((await act(lake, 'finishTableTiering', finished, 'b')).json).toMatchObject({ changed: true });
    expect((await lake.statuses()).json).toMatchObject({ failing: 0, tables: [{ status: 'Scheduled', records: 5, failures: 1 }] });
    expect((await act(lake, 'finishTableTiering', finished, 'c')).json, 'over already').toMatchObject({ changed: false });
  });

  test('that does not count says why, and stores nothing', async () => {
    const lake = await started();
    const orders = await lake.table('shop', 'orders');
    await lake.due();
    await lake.handed();
    const { epoch, position } = lake.leader.node.state;
    const report = { tableId: orders, tieringEpoch: 1, error: 'no lake' };
    const wrong: readonly (readonly [object, readonly unknown[]])[] = [
      [{ ...report, tieringEpoch: 0 }, [409, 'FENCED_TIERING_EPOCH', 'tieringEpoch']],
      [{ ...report, coordinatorEpoch: epoch + 1 }, [409, 'FENCED_COORDINATOR_EPOCH', 'coordinatorEpoch']],
      [{ ...report, tableId: 99 }, [404, 'UNKNOWN_TABLE', 'tableId']],
      [{ ...report, text: 'x' }, [400, 'MALFORMED_REQUEST', 'text']],
      [{ tableId: orders }, [400, 'MALFORMED_REQUEST', 'tieringEpoch']],
    ];
    for (const [i, [body, fault]] of wrong.entries())
      expect(faultOf(await act(lake, 'reportTieringFail', body, `k${i}`)).slice(0, 3)).toEqual(fault);
    expect(faultOf(await act(lake, 'finishTableTiering', { ...report, isForced: true }, 'k')).slice(0, 3), 'it has no error').toEqual([
      400,
      'MALFORMED_REQUEST',
      'error',
    ]);
    expect(lake.leader.node.state.position).toBe(position);
    expect((await lake.statuses()).json).toMatchObject({ tables: [{ status: 'Tiering', failures: 0 }] });
  });
});

/** A node that authorizes: `root` may do everything. @returns with who asks */
async function guarded(...names: readonly string[]): Promise<{ lake: LakeCluster; as: (name: string) => { authorization: string } }> {
  const hash = await hashPassword('right', { memoryKiB: 8, passes: 1, lanes: 1 });
  const users = new Map(['root', ...names].map((name) => [name, hash]));
  const sealer = createSealer([{ keyId: 'k1', key: Buffer.alloc(32) }], 'k1');
  const lake = new LakeCluster();
  closers.push(() => lake.stop());
  const text = (value: string) => ({ kind: 'text', text: value }) as const;
  const staticConfigs = { 'authorizer.enabled': text('true'), 'super.users': text('User:root;User:test') };
  const state = () => lake.leader.node.state;
  const authenticator = new Authenticator({ mode: 'required', users, state, sealer, clock: lake.clock });
  await lake.join(['n1'], { authenticator, sealer, staticConfigs });
  return { lake, as: (name) => ({ authorization: `Basic ${Buffer.from(`${name}:right`).toString('base64')}` }) };
}

test('whether there is a table or a database is told to those alone who may DESCRIBE it', async () => {
  const { as, lake } = await guarded('dana', 'eve', 'tina');
  await lake.table('shop', 'orders');
  await lake.table('shop', 'secret', { 'table.datalake.enabled': 'false' });
  const entry = { permission: 'ALLOW', operation: 'DESCRIBE' };
  const acls = [
    { ...entry, principal: 'User:dana', resource: 'shop' },
    { ...entry, principal: 'User:dana', resource: 'nowhere' },
    { ...entry, principal: 'User:tina', resource: 'shop.x' },
    { ...entry, principal: 'User:tina', resource: 'nowhere.x' },
  ];
  const granted = await call(`${lake.leader.url}/v1/acls`, { body: { acls }, headers: as('root') });
  expect(granted.status, granted.text).toBe(200);
  const asked = ['shop&table=secret', 'shop&table=x', 'shop', 'nowhere', 'nowhere&table=x'];
  const told = (name: string) =>
    Promise.all(
      asked.map(async (query) => {
        const { json } = await call(`${lake.leader.url}/v1/tiering/statuses?database=${query}`, { headers: as(name) });
        return json['code'] ?? json['total'];
      }),
    );
  expect(await told('eve')).toEqual([0, 0, 1, 0, 0]);
  expect(await told('dana')).toEqual([0, 'UNKNOWN_TABLE', 1, 'UNKNOWN_DATABASE', 'UNKNOWN_DATABASE']);
  expect(await told('tina'), 'a table alone').toEqual([0, 'UNKNOWN_TABLE', 1, 0, 'UNKNOWN_TABLE']);
  const stream = (query: string) =>
    readStream(`${lake.leader.url}/v1/tiering/stream?${query}`, as('eve'), (sent) => sent.includes('\n: follows'));
  expect(await stream('database=shop&table=x')).toContain(': follows shop.x');
  expect(await stream('database=shop&table=secret')).toContain(': follows shop.secret');
});

test('who is known may see statuses; reporting needs WRITE, past failures DESCRIBE on the cluster', async () => {
  const { as, lake } = await guarded('tier', 'dana', 'eve');
  await lake.table('shop', 'orders');
  await lake.due();
  const entry = { resource: 'CLUSTER', permission: 'ALLOW' };
  const acls = [
    { ...entry, principal: 'User:tier', operation: 'WRITE' },
    { ...entry, principal: 'User:dana', operation: 'DESCRIBE' },
  ];
  expect((await call(`${lake.leader.url}/v1/acls`, { body: { acls }, headers: as('root') })).status).toBe(200);
  const report = { tableId: 0, tieringEpoch: 0 };
  const asked: readonly (readonly [path: string, body?: object])[] = [
    ['heartbeats', { service: 's1' }],
    ['statuses'],
    ['failures'],
    ['../acts/reportTieringFail', report],
    ['../acts/finishTableTiering', { ...report, isForced: false }],
  ];
  const verdicts = async (headers: Record<string, string>) =>
    await Promise.all(
      asked.map(async ([path, body]) => {
        const { json, status } = await call(`${lake.leader.url}/v1/tiering/${path}`, { ...(body === undefined ? {} : { body }), headers });
        return status === 403 ? (json['facts'] as Json)['operation'] : status;
      }),
    );
  expect(await verdicts({})).toEqual([401, 401, 401, 401, 401]);
  expect(await verdicts(as('eve'))).toEqual(['WRITE', 200, 'DESCRIBE', 'WRITE', 'WRITE']);
  expect(await verdicts(as('dana'))).toEqual(['WRITE', 200, 200, 'WRITE', 'WRITE']);
  expect((await verdicts(as('tier'))).slice(0, 2)).toEqual([200, 200]);
  const unknown = await call(`${lake.leader.url}/v1/tiering/stream`);
  expect(unknown.status).toBe(401);
  const stream = await readStream(`${lake.leader.url}/v1/tiering/stream`, as('eve'), (sent) => sent.includes('"table":"orders"'));
  expect(stream).toContain(': follows all lake tables');
});
