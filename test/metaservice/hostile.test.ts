/**
 * Goal: no request, whatever it holds, makes a decider and a fold disagree, an event that its own schema refuses, or an adapter throw;
 * and what was let into the log gives the same tables when it is folded again.
 * Method: fast-check draws requests for every RPC and admin route from the declared messages: ids from small pools, so that they meet,
 * and beside them the bounds of every type. A node in this process is asked over real sockets; then its log is read anew.
 * CHANCERY_RUNS=100 hunts for longer.
 */
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { decodeEntry } from '../../events/envelope.ts';
import { stateHash } from '../../projections/kit.ts';
import { bulkFold } from '../../projections/state.ts';
import { InjectionPoints } from '../../src/interfaces/metaservice/injectionPoints.ts';
import type { Field, FieldType, MessageType } from '../../src/interfaces/metaservice/message.ts';
import { RateLimits } from '../../src/interfaces/metaservice/rateLimits.ts';
import { allMethods, allRoutes } from '../../src/interfaces/metaservice/routes.ts';
import { MemoryHub, MemoryLog, MemoryMembership } from '../../src/log/memory.ts';
import { silent } from '../support/nodes.ts';
import { replay } from '../support/replay.ts';
import { type Reply, type ServedMetaService, serveMetaService } from './support.ts';

const hub = new MemoryHub();
const log = new MemoryLog(hub);
const errors: unknown[] = [];
const secret = 'a-key-that-nobody-may-read';
let served: ServedMetaService;
beforeAll(async () => {
  const logger = { ...silent, error: (...said: readonly unknown[]) => void errors.push(said) };
  served = await serveMetaService({ log: { log, membership: new MemoryMembership(hub) }, logger });
  const store = { ak: 'a', sk: 's', bucket: 'b', prefix: 'p', endpoint: 'e', external_endpoint: 'e', region: 'r', provider: 'S3' };
  await served.post('create_instance', { instance_id: 'i1', obj_info: store });
  await served.post('create_instance', { instance_id: 'i2', vault: { obj_info: store } });
  await served.post('injection_point?op=enable');
  await served.post('injection_point?op=set&name=resource_manager::set_safe_drop_time&behavior=change_args&value=[-1]');
});
afterAll(() => served.stop());

/** Values that requests share, by field; the first is drawn as often as all others together. */
const texts: Readonly<Record<string, readonly string[]>> = {
  instance_id: ['i1', 'i2', 'i3', '__proto__', ''],
  cloud_unique_id: ['1:i1:x', '1:i2:x', 'u1', 'u2', '__proto__', ''],
  cluster_id: ['c1', 'c2', 'v1', 'q1', '__proto__', ''],
  cluster_name: ['c1', 'c2', 'v1', 'q1', '__proto__', ''],
  cluster_names: ['c1', 'c2', 'v1'],
  ip: ['10.0.0.1', '10.0.0.2', ''],
  host: ['h1', ''],
  name: ['a', 'b', ''],
  label: ['l1', 'l2', 'l3', 'l4', ''],
  id: ['1', '2', 'j1', ''],
  ak: [secret, 'k', ''],
  sk: [secret, 'k', ''],
};
const numbers: Readonly<Record<string, readonly number[]>> = {
  ...{ tablet_id: [1, 2, 3, 0], table_id: [1, 1, 2], index_id: [1, 1, 2], partition_id: [1, 1, 2], db_id: [1, 1, 2, 0] },
  ...{ heartbeat_port: [9050, 9051, 0], edit_log_port: [9010, 9011, 0], expiration: [4e9, 1], lease: [4e9, 1] },
  ...{ base_compaction_cnt: [9, 0], cumulative_compaction_cnt: [9, 0], timeout_ms: [60_000, 0], table_ids: [1, 2] },
};
const oddTexts = ['x'.repeat(1024), 'x'.repeat(1025), 'é'.repeat(1024), 'a\nb', '\u0000', '__proto__', '"\\', '9050'];
const oddNumbers = [0, -1, 2 ** 31 - 1, -(2 ** 31), 2 ** 31, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER, 2 ** 53, 1.5];
/** Now and then what no schema has here. */
const odd = fc.constantFrom<unknown>(null, true, 'odd', [], {}, ...oddTexts, ...oddNumbers);
const mostly = (usual: fc.Arbitrary<unknown>, times = 60): fc.Arbitrary<unknown> =>
  fc.oneof({ arbitrary: usual, weight: times }, { arbitrary: odd, weight: 1 });

const likely = <T>([first, ...others]: readonly T[]): fc.Arbitrary<T | undefined> =>
  fc.oneof(fc.constant(first), fc.constantFrom(...(others.length === 0 ? [first] : others)));
/** Words that lead further than the others of their enum. */
const words: Readonly<Record<string, readonly string[]>> = {
  'ClusterPB.Type': ['COMPUTE', 'COMPUTE', 'SQL', 'VIRTUAL'],
  'NodeInfoPB.NodeType': ['FE_MASTER', 'FE_MASTER', 'FE_FOLLOWER'],
};

const begun: number[] = [];
function single(name: string, type: FieldType): fc.Arbitrary<unknown> {
  switch (type.kind) {
    case 'string':
      return mostly(likely(texts[name] ?? ['a', 'b']));
    case 'bool':
      return mostly(fc.boolean());
    case 'bytes':
      return mostly(fc.constant('aGk='));
    case 'enum':
      return mostly(
        fc.oneof(fc.constantFrom(...(words[type.name] ?? Object.keys(type.numbers))), fc.constantFrom(...Object.keys(type.numbers), 99)),
        40,
      );
    case 'message':
      return mostly(valuesOf(type), 200);
    default:
      if (name === 'txn_id') return mostly(fc.nat(9).map((back) => begun.at(-1 - back) ?? 1));
      return mostly(likely(numbers[name] ?? [1, 2, 10, Number.MAX_SAFE_INTEGER]));
  }
}
function ofField({ label, name, type }: Field): fc.Arbitrary<unknown> {
  if (label === 'list') return fc.array(single(name, type), { minLength: 1, maxLength: 2 });
  if (label !== 'map') return single(name, type);
  return fc.array(fc.tuple(fc.constantFrom('a', '__proto__', ''), single(name, type)), { maxLength: 2 }).map(Object.fromEntries);
}
/** What is in these pools is needed more often than not; what else there is would mostly be refused together. */
const needed = new Set([
  'op',
  'action',
  'type',
  'txn_id',
  'node_type',
  'bucket',
  'endpoint',
  'external_endpoint',
  'region',
  'provider',
  'fs_name',
]);
const isUsual = ({ label, name, type }: Field): boolean =>
  label === 'required' || name in texts || name in numbers || needed.has(name) || type.kind === 'message';
const known = new Map<MessageType, fc.Arbitrary<unknown>>();
function valuesOf(type: MessageType): fc.Arbitrary<unknown> {
  const made =
    known.get(type) ??
    fc
      .tuple(
        ...type.fields.map((field) =>
          fc.oneof(
            { arbitrary: ofField(field).map((value) => [[field.name, value]]), weight: isUsual(field) ? 19 : 1 },
            { arbitrary: fc.constant([]), weight: isUsual(field) ? 1 : 6 },
          ),
        ),
      )
      .map((fields) => Object.fromEntries(fields.flat() as [string, unknown][]) as unknown);
  known.set(type, made);
  return made;
}

interface Asked {
  readonly name: string;
  readonly isRpc: boolean;
  readonly body: unknown;
}
const parts = { injectionPoints: new InjectionPoints(), rateLimits: new RateLimits([], () => 0), token: '', port: 1 };
const endings = new Set(['drop_instance', 'adjust_rate_limit']); // Behind these everything would be refused.
const rpcs = Object.entries(allMethods).map(([name, { request }]) => ({ name, isRpc: true, request }));
const routes = Object.entries(allRoutes(parts)).flatMap(([name, route]) =>
  route.kind === 'query' || endings.has(name) ? [] : [{ name, isRpc: false, request: route.method.request }],
);
const loads = rpcs.filter(({ name }) => /txn|tablet|rowset/.test(name));
const clusters = routes.filter(({ name }) => /cluster|node/.test(name));
/** Without what these make the others find nothing. */
const makers = [...rpcs, ...routes].filter(({ name }) => /^(?:add_cluster|add_node|begin_txn|create_tablets|add_s3_vault)$/.test(name));
const request: fc.Arbitrary<Asked> = fc
  .oneof(
    fc.constantFrom(...rpcs),
    fc.constantFrom(...loads),
    fc.constantFrom(...clusters),
    fc.constantFrom(...makers),
    fc.constantFrom(...routes),
  )
  .chain((one) => fc.record({ name: fc.constant(one.name), isRpc: fc.constant(one.isRpc), body: valuesOf(one.request) }));

function ask({ body, isRpc, name }: Asked): Promise<Reply> {
  const isEnd = name === 'alter_instance' && JSON.stringify(body).includes('"DROP"');
  return isRpc ? served.rpc(isEnd ? 'get_instance' : name, body) : served.post(name, body);
}

test('whatever is asked, the node answers, and its log gives its tables again', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.noBias(request), { minLength: 40, maxLength: 40 }), async (asked) => {
      for (const one of asked) {
        const { json, text } = await ask(one);
        expect(text).not.toMatch(/could not be carried out|went wrong inside this node/);
        if (one.name === 'begin_txn' && typeof json?.['txn_id'] === 'number') begun.push(json['txn_id']);
      }
    }),
    { ...replay({ numRuns: 30 }).params, endOnFailure: true },
  );
  expect(errors).toEqual([]);
  expect(served.node.role).toBe('leader');
  const entries = await log.read(0, 1_000_000);
  expect(entries.join('\n')).not.toContain(secret);
  const fold = bulkFold();
  fold.add(entries.map((text) => decodeEntry(text)));
  const { state } = served.node;
  expect([fold.position, stateHash(fold.finish())]).toEqual([state.position, stateHash(state)]);
  expect(new Set(entries.flatMap((text) => decodeEntry(text).events.map(({ type }) => type))).size).toBeGreaterThan(12);
}, 60_000);
