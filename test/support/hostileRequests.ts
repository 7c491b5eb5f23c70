/** Requests for each interface, from what it declares: the API description, the Meta Service's messages, the schemas of the commands. */
import fc from 'fast-check';
import { z } from 'zod';
import { serverId } from '../../events/servers.ts';
import { allCommands } from '../../src/deciders/commands.ts';
import { InjectionPoints } from '../../src/interfaces/metaservice/injectionPoints.ts';
import { keyTypes } from '../../src/interfaces/metaservice/keySpace.ts';
import type { FieldType, MessageType } from '../../src/interfaces/metaservice/message.ts';
import { RateLimits } from '../../src/interfaces/metaservice/rateLimits.ts';
import { allMethods, allRoutes } from '../../src/interfaces/metaservice/routes.ts';
import { heartbeatFields } from '../../src/interfaces/operator/serverHeartbeats.ts';
import { submitPath } from '../../src/interfaces/operator/submissions.ts';
import { bytesOf, type HostileRequest, marker, methods, oddHeaders, oddPath, oddTexts, shown } from './hostile.ts';
import { type Shape, valuesOf } from './hostileShapes.ts';
import { hostileSql } from './hostileSql.ts';

interface Operation {
  readonly parameters?: readonly { readonly in: string; readonly name: string }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Shape }>> };
}
export interface OpenApi {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}

type Wish = Omit<HostileRequest, 'body'> & { readonly body: Uint8Array | undefined };
const printable = ({ body, ...rest }: Wish): HostileRequest => {
  const asked: HostileRequest = { ...rest, ...(body === undefined ? {} : { body }) };
  return Object.defineProperty(asked, fc.toStringMethod, { value: () => shown(asked), enumerable: false });
};

const rarely = <T>(times: number, rare: fc.Arbitrary<T>, usual: fc.Arbitrary<T>): fc.Arbitrary<T> =>
  fc.oneof({ arbitrary: usual, weight: times }, { arbitrary: rare, weight: 1 });
const odd = fc.constantFrom(...oddTexts);

/** What path and query parameters usually hold. */
const parameterPools: Readonly<Record<string, readonly string[]>> = {
  key: ['datalake.hostile.a', 'datalake.hostile.b', 'datalake.format'],
  instanceId: ['i1', 'i2', 'i3'],
  // A position that is never reached is waited for, five seconds each: it comes seldom enough among the odd texts.
  atLeast: ['0', '1', '2'],
  consistency: ['local', 'linearizable'],
  limit: ['1', '10', '1000'],
  after: ['0', '5', 'i1'],
  // What is waited for keeps a hunt waiting.
  waitMs: ['0', '1', '20'],
  serverId: ['0', '0', '1', '2', '2147483647'],
  incarnation: ['i0', 'i1'],
  rebalanceId: ['rebalance-a', 'rebalance-b'],
  database: ['shop', 'shop', 'fluss', 'mail'],
  table: ['orders', 'daily', 'shop.orders', 'shop.daily'],
  partition: ['a', '2026', 'a$b'],
  name: ['a', '2026', 'a$b', 'constructor'],
  cascade: ['true', 'false'],
  ignoreIfNotExists: ['true', 'false'],
  status: ['NOT_STARTED', 'REBALANCING', 'COMPLETED'],
  at: ['1', '3', '2026-11-20T14:00:00Z'],
  order: ['asc', 'desc', 'name', 'worst', 'descending'],
  failing: ['true', 'false'],
  offset: ['0', '1', '100001'],
  type: ['ClusterConfigsChanged', 'InstanceCreated'],
  instance_id: ['i1', 'i2', 'i3'],
  cloud_unique_id: ['1:i1:x', 'u1'],
  key_type: [...keyTypes.keys()],
  conf_key: ['enable_check_instance_id', 'http_token'],
  configs: ['a=b', 'enable_check_instance_id=true,x=1'],
  op: ['enable', 'disable', 'set', 'clear'],
  behavior: ['sleep', 'return', 'change_args'],
};
const valueOfParameter = (name: string): fc.Arbitrary<string> =>
  rarely(6, odd, fc.constantFrom(...((Object.hasOwn(parameterPools, name) ? parameterPools[name] : undefined) ?? ['a', '1', '2'])));

/** A query of some of these parameters, now and then with one that is not there, or twice the same. */
function queryOf(names: readonly string[]): fc.Arbitrary<string> {
  const pair = (name: string) =>
    valueOfParameter(name).map(
      (value) =>
        `${name}=${Buffer.from(value)
          .toString('latin1')
          .replaceAll(/[^!$'-;@-Z_a-z~]/g, escaped)}`,
    );
  const known = names.length === 0 ? fc.constant<string[]>([]) : fc.subarray([...names]).chain((some) => fc.tuple(...some.map(pair)));
  const more = rarely(
    8,
    fc
      .constantFrom(...names, 'a', '__proto__', 'limit[]')
      .chain(pair)
      .map((one) => [one]),
    fc.constant<string[]>([]),
  );
  return fc.tuple(known, more).map((parts) => parts.flat().join('&'));
}
const escaped = (character: string): string => `%${character.charCodeAt(0).toString(16).padStart(2, '0')}`;

const json = { 'content-type': 'application/json' };
const isBodyless = (method: string): boolean => method === 'get' || method === 'delete';

/** Every route of the description, and those that it leaves out. */
export function hostileOperator({ paths }: OpenApi): fc.Arbitrary<HostileRequest> {
  const described = Object.entries(paths).flatMap(([path, offered]) =>
    Object.entries(offered).map(([method, operation]) => ({ path, method, operation })),
  );
  const more = ['/openapi.json', '/', '/v1', '/v1/acts/nothing', '/favicon.ico', submitPath].map((path) => ({
    path,
    method: 'get',
    operation: {},
  }));
  return fc
    .oneof({ arbitrary: fc.constantFrom(...described), weight: 12 }, { arbitrary: fc.constantFrom(...more), weight: 1 })
    .chain(operatorRequest);
}

function operatorRequest({ method, operation, path }: { readonly path: string; readonly method: string; readonly operation: Operation }) {
  const { parameters = [], requestBody } = operation;
  const inQuery = parameters.filter((one) => one.in === 'query').map(({ name }) => name);
  const address = fc.tuple(...path.split('/').map(segmentOf)).map((segments) => segments.join('/'));
  const target = fc.tuple(address, queryOf(inQuery)).map(([text, query]) => (query === '' ? text : `${text}?${query}`));
  const schema = requestBody?.content['application/json']?.schema;
  const body = schema === undefined ? rarely(15, bytesOf({ a: 1 }), fc.constant(undefined)) : valuesOf(schema).chain(bytesOf);
  return fc
    .record({
      method: rarely(20, fc.constantFrom(...methods), fc.constant(method.toUpperCase())),
      path: target.chain(oddPath),
      headers: oddHeaders.map((odds) => ({ ...(isBodyless(method) ? {} : json), ...odds })),
      body,
    })
    .map(printable);
}
const segmentOf = (segment: string): fc.Arbitrary<string> =>
  segment.startsWith('{') ? valueOfParameter(segment.slice(1, -1)).map(encoded) : fc.constant(segment);
/** Half a character has no code. */
const encoded = (text: string): string => encodeURIComponent(text.toWellFormed());

/** The time of a query is set short: a node may be asked for long ones, one after the other. */
export const hostileSqlRequests: fc.Arbitrary<HostileRequest> = fc
  .record({
    statement: hostileSql,
    properties: rarely(
      10,
      fc.dictionary(fc.constantFrom('sql.query.timeout-ms', 'sql.result.max-rows', 'sql.local-time-zone', 'x', '__proto__'), odd, {
        maxKeys: 2,
      }),
      fc.constant({ 'sql.query.timeout-ms': '1000' }),
    ),
    catalog: rarely(10, fc.option(odd, { nil: undefined }), fc.constant(undefined)),
    database: rarely(10, fc.option(odd, { nil: undefined }), fc.constant(undefined)),
  })
  .chain((body) => rarely(20, bytesOf(body), fc.constant(Buffer.from(JSON.stringify(body)) as Uint8Array)))
  .map((body) => printable({ method: 'POST', path: '/v1/sql', headers: json, body }));

const metaServiceToken = 'greedisgood9999';
const endings = new Set(['drop_instance', 'adjust_rate_limit']); // Behind these everything would be refused.
const parts = { injectionPoints: new InjectionPoints(), rateLimits: new RateLimits([], () => 0), token: '', port: 1 };
const queryNames = [
  'instance_id',
  'cloud_unique_id',
  'key_type',
  'key',
  'txn_id',
  'unicode',
  'conf_key',
  'configs',
  'op',
  'name',
  'behavior',
  'value',
];
const rpcs = Object.entries(allMethods).map(([name, { request }]) => ({ name, isRpc: true, request }));
const routes = Object.entries(allRoutes(parts))
  .filter(([name]) => !endings.has(name))
  .map(([name, route]) => ({ name, isRpc: false, request: route.kind === 'query' ? undefined : route.method.request }));

function shapeOf(message: MessageType, depth = 0): Shape {
  const properties = message.fields.map(({ label, name, type }) => {
    const single = shapeOfType(type, depth);
    const shape =
      label === 'list' ? { type: 'array', items: single } : label === 'map' ? { type: 'object', additionalProperties: single } : single;
    return [name, shape] as const;
  });
  const required = message.fields.filter(({ label }) => label === 'required').map(({ name }) => name);
  return { type: 'object', properties: Object.fromEntries(properties), required };
}
function shapeOfType(type: FieldType, depth: number): Shape {
  switch (type.kind) {
    case 'message':
      return depth > 4 ? {} : shapeOf(type, depth + 1);
    case 'enum':
      return { enum: [...Object.keys(type.numbers), ...Object.values(type.numbers), 99] };
    case 'bool':
      return { type: 'boolean' };
    case 'string':
    case 'bytes':
      return { type: 'string' };
    default:
      return { type: 'integer' };
  }
}
const shapes = new Map<MessageType, Shape>();
const shapeOnce = (message: MessageType): Shape => {
  const shape = shapes.get(message) ?? shapeOf(message);
  shapes.set(message, shape);
  return shape;
};

const token = rarely(
  15,
  odd.map((text) => `&token=${encoded(text)}`),
  fc.constant(`&token=${metaServiceToken}`),
);
const clusterStatus = '/rest/v2/manager/cluster/cluster_info/cloud_cluster_status';
/** Every admin route, every RPC and the page of cluster states. */
export const hostileMetaService: fc.Arbitrary<HostileRequest> = fc
  .oneof(
    { arbitrary: fc.constantFrom(...rpcs), weight: 5 },
    { arbitrary: fc.constantFrom(...routes), weight: 5 },
    {
      arbitrary: fc.constantFrom(
        { name: 'nothing', isRpc: true, request: undefined },
        { name: clusterStatus, isRpc: false, request: undefined },
      ),
      weight: 1,
    },
  )
  .chain(({ isRpc, name, request }) => {
    const path = name.startsWith('/')
      ? fc.constant(name)
      : fc.constantFrom(...(isRpc ? ['/MetaService/'] : ['/MetaService/http/', '/MetaService/http/v1/'])).map((start) => start + name);
    const query = isRpc
      ? rarely(5, queryOf(['atLeast', 'consistency']), fc.constant(''))
      : fc.tuple(queryOf(request === undefined ? queryNames : []), token).map((both) => both.join(''));
    return fc
      .record({
        method: rarely(20, fc.constantFrom(...methods), fc.constant('POST')),
        path: fc.tuple(path, query).chain(([address, text]) => oddPath(text === '' ? address : `${address}?${text}`)),
        headers: oddHeaders,
        body: request === undefined ? fc.constant(undefined) : valuesOf(shapeOnce(request)).chain(bytesOf),
      })
      .map(printable);
  });

const schemaOf = (input: z.ZodType): Shape => z.toJSONSchema(input, { unrepresentable: 'any', io: 'input', reused: 'inline' }) as Shape;
const commands = allCommands.map(({ input, name }): readonly [name: string, shape: Shape] => [name, schemaOf(input)]);
const serverHeartbeat = schemaOf(z.strictObject({ serverId, ...heartbeatFields }));

const act: Shape = {
  type: 'object',
  properties: Object.fromEntries(
    ['principal', 'interface', 'command', 'commandId', 'digest', 'node', 'reason', 'host'].map((name) => [name, { type: 'string' }]),
  ),
};
/** Most of these would be believed: the other nodes of the cluster sign what they send. */
const goodAct = fc.record({
  principal: fc.constantFrom('User:alice', 'User:root'),
  interface: fc.constantFrom('operator', 'sql', 'metaservice'),
  command: fc.constantFrom(...commands.map(([name]) => name)),
  commandId: fc.string({ unit: fc.constantFrom(...'abcdef0123456789'), minLength: 6, maxLength: 6 }),
  digest: fc.constantFrom('0'.repeat(32), 'f'.repeat(32)),
  node: fc.constant('n2'),
});

/** @param sign makes the header that proves where bytes come from */
export const hostileInternal = (
  sign: (path: string, body: Uint8Array) => Readonly<Record<string, string>>,
): fc.Arbitrary<HostileRequest> => {
  const command = fc
    .constantFrom(...commands)
    .chain(([name, shape]) => valuesOf(shape).map((value) => (typeof value === 'object' && value !== null ? { ...value, name } : value)));
  const request = fc.record({
    command,
    act: rarely(10, valuesOf(act), goodAct),
    timeLeftMs: rarely(20, fc.constantFrom<unknown>(-1, 0, 1e9, '5'), fc.constant(5_000)),
  });
  const submissions = fc.array(request, { maxLength: 3 }).map((requests): Passed => ({ path: submitPath, body: { requests } }));
  const heartbeats = valuesOf(serverHeartbeat).map((body): Passed => ({ path: '/internal/v1/server-heartbeats', body }));
  const copies = valuesOf({}).map((body): Passed => ({ path: '/internal/v1/rebalance-copies', body }));
  const passed = fc.oneof({ arbitrary: submissions, weight: 8 }, { arbitrary: heartbeats, weight: 2 }, { arbitrary: copies, weight: 1 });
  return fc
    .record({
      method: rarely(30, fc.constantFrom(...methods), fc.constant('POST')),
      headers: oddHeaders,
      sent: passed.chain(({ body, path }) => bytesOf(body).map((bytes) => ({ bytes, path }))),
      isSigned: rarely(10, fc.constant(false), fc.constant(true)),
    })
    .map(({ headers, isSigned, method, sent: { bytes, path } }) =>
      printable({ method, path, headers: { ...json, ...headers, ...(isSigned ? sign(path, bytes) : {}) }, body: bytes }),
    );
};
interface Passed {
  readonly path: string;
  readonly body: unknown;
}

/** Something that a hunt needs before it: instances that requests can name. */
export const seeds: readonly HostileRequest[] = ['i1', 'i2'].map((instanceId) => ({
  method: 'POST',
  headers: {},
  path: `/MetaService/http/create_instance?token=${metaServiceToken}`,
  body: Buffer.from(
    JSON.stringify({
      instance_id: instanceId,
      obj_info: { ak: marker, sk: marker, bucket: 'b', prefix: 'p', endpoint: 'e', external_endpoint: 'e', region: 'r', provider: 'S3' },
    }),
  ),
}));

const posted = (path: string, body: object, method = 'POST'): HostileRequest => ({
  method,
  path,
  headers: json,
  body: Buffer.from(JSON.stringify(body)),
});
const columns = ['a', 'b'].map((name) => ({ name, type: 'STRING' }));
/** The same for the operator interface: tablet servers that are there as long as the hunt lasts, and tables on them. */
export const operatorSeeds: readonly HostileRequest[] = [
  posted('/v1/configs/chancery.server.lease', { value: '1 h' }, 'PUT'),
  ...[0, 1, 2].map((id) =>
    posted(`/v1/servers/${id}/registration`, { directoryId: `d${id}`, incarnation: `i${id}`, endpoint: `h${id}:1`, rack: `r${id % 2}` }),
  ),
  posted('/v1/databases', { database: 'shop' }),
  posted('/v1/databases/shop/tables', { table: 'orders', columns, properties: { 'bucket.num': '4', 'table.replication.factor': '2' } }),
  posted('/v1/databases/shop/tables', { table: 'daily', columns, partitionKeys: ['a'], properties: { 'bucket.num': '2' } }),
  posted('/v1/databases/shop/tables/daily/partitions', { partitions: [{ a: '2026' }] }),
];
