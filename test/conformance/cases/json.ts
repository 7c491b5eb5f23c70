/** Section 2: the lenient JSON of the admin routes, broken JSON, and how results are printed. */
import {
  addCluster,
  admin,
  type Case,
  clusterShown,
  compute,
  contains,
  instance,
  invalid,
  ok,
  okWith,
  on,
  one,
  shown,
  starts,
  uid,
} from '../vocabulary.ts';

const nodeWith = (heartbeatPort: unknown) => ({ nodes: [{ cloud_unique_id: 'x', ip: '10.0.0.1', heartbeat_port: heartbeatPort }] });
const reads = (name: string, body: (i: string) => string): Case =>
  on(`2 ${name}`, (i) => [admin('create_instance', body(i), ok), shown(i, okWith({ instance_id: i, name: 'n' }))]);

const leniency: readonly Case[] = [
  reads('unknown fields are passed over', (i) => `{"instance_id": "${i}", "name": "n", "color": {"a": [1, {"b": null}]}}`),
  reads('lowerCamel names are accepted', (i) => `{"instanceId": "${i}", "name": "n", "userId": "u"}`),
  reads('a comma before } is accepted', (i) => `{"instance_id": "${i}", "name": "n",}`),
  reads('single quoted strings are accepted', (i) => `{'instance_id': '${i}', 'name': 'n'}`),
  reads('bare keys are accepted', (i) => `{instance_id: "${i}", name: "n"}`),
  reads('null is as if not given', (i) => `{"instance_id": "${i}", "name": "n", "obj_info": null, "ram_user": null}`),
  reads('blanks and newlines may stand anywhere', (i) => `\n { "instance_id"\t: \r\n"${i}" , "name":"n"\n} \n`),
  reads('escapes in strings are read', (i) => `{"instance_id": "${i}", "name": "\\u006e"}`),
  on('2 a comma before ] is accepted', (i) => [
    instance(i),
    admin(
      'add_cluster',
      `{"instance_id": "${i}", "cluster": {"cluster_id": "c", "cluster_name": "n", "type": "COMPUTE", "mysql_user_name": ["a", "b",],},}`,
      ok,
    ),
    clusterShown(i, 'c', okWith({ mysql_user_name: ['a', 'b'] })),
  ]),
  on('2 unknown fields are passed over at any depth', (i) => [
    instance(i),
    addCluster(i, { ...compute(1, [{ cloud_unique_id: uid(i), ip: '10.0.0.1', heartbeat_port: 1, rack: 'r' }]), zone: ['z'] }),
    clusterShown(i, 'c1', okWith({ nodes: [{ heartbeat_port: 1 }] })),
  ]),
  on('2 lowerCamel names are accepted at any depth', (i) => [
    instance(i),
    admin(
      'add_cluster',
      {
        instanceId: i,
        cluster: {
          clusterId: 'c',
          clusterName: 'n',
          type: 'COMPUTE',
          nodes: [{ cloudUniqueId: uid(i), ip: '10.0.0.1', heartbeatPort: 9050 }],
        },
      },
      ok,
    ),
    clusterShown(i, 'c', okWith({ cluster_name: 'n', nodes: [{ heartbeat_port: 9050, cloud_unique_id: uid(i) }] })),
  ]),
  ...[
    ['a number', 9050],
    ['a decimal text', '9050'],
  ].map(([name, port]) =>
    on(`2 an int32 accepts ${name}`, (i) => [
      instance(i),
      addCluster(i, compute(1, [{ cloud_unique_id: uid(i), ip: '10.0.0.1', heartbeat_port: port }])),
      clusterShown(i, 'c1', okWith({ nodes: [{ heartbeat_port: 9050 }] })),
    ]),
  ),
  on('2 an int32 accepts an integral float', (i) => [
    instance(i),
    admin(
      'add_cluster',
      JSON.stringify({ instance_id: i, cluster: compute(1, [{ cloud_unique_id: uid(i), ip: '10.0.0.1', heartbeat_port: 9050 }]) }).replace(
        '9050',
        '9050.0',
      ),
      ok,
    ),
    clusterShown(i, 'c1', okWith({ nodes: [{ heartbeat_port: 9050 }] })),
  ]),
  ...[
    ['its name', 'SET_OVERDUE'],
    ['its number', 6],
    ['its number as a text', '6'],
  ].map(([name, op]) =>
    on(`2 an enum is read by ${name}`, (i) => [
      instance(i),
      admin('set_instance_status', { instance_id: i, op }, ok),
      shown(i, okWith({ status: 'OVERDUE' })),
    ]),
  ),
  one(
    '2 an unknown enum name counts as not given',
    admin('set_instance_status', { instance_id: 'i', op: 'SET_GREEN' }, invalid('invalid request op, op=0')),
  ),
  one(
    '2 enum names are case sensitive',
    admin('set_instance_status', { instance_id: 'i', op: 'set_overdue' }, invalid('invalid request op, op=0')),
  ),
  one('2 an unknown enum number is kept', admin('set_instance_status', { instance_id: 'i', op: 99 }, invalid('invalid request op, op=99'))),
  ...[
    ['true', true],
    ['the text true', 'true'],
  ].map(([name, value]) =>
    on(`2 a bool accepts ${name}`, (i) => [instance(i, { sse_enabled: value }), shown(i, okWith({ sse_enabled: true }))]),
  ),
  on('2 a bool accepts the text false', (i) => [instance(i, { sse_enabled: 'false' }), shown(i, okWith({ sse_enabled: false }))]),
  on('2 a number is taken as the text of a string field', (i) => [instance(i, { name: 12345 }), shown(i, okWith({ name: '12345' }))]),
  on('2 a null in place of an enum is as if not given', (i) => [
    instance(i),
    addCluster(i, { cluster_id: 'c', cluster_name: 'n', type: null }, invalid('cluster must have type arg')),
  ]),
  one(
    '2 hdfs_confs without a value is refused',
    admin(
      'create_instance',
      { instance_id: 'x', vault: { hdfs_info: { build_conf: { fs_name: 'f', hdfs_confs: [{ key: 'k' }] } } } },
      invalid(contains('JSON transcoder produced invalid protobuf output.')),
    ),
  ),
  one(
    '2 hdfs_confs without a key is refused',
    admin(
      'create_instance',
      { instance_id: 'x', vault: { hdfs_info: { build_conf: { fs_name: 'f', hdfs_confs: [{ value: 'v' }] } } } },
      invalid(contains('JSON transcoder produced invalid protobuf output.')),
    ),
  ),
];

const broken: readonly (readonly [what: string, body: string])[] = [
  ['an object that is not closed', '{"instance_id": "i"'],
  ['an open brace alone', '{'],
  ['a name without a value', '{"instance_id"}'],
  ['a name and a colon', '{"instance_id":'],
  ['a missing colon', '{"instance_id" "i"}'],
  ['a missing comma', '{"instance_id": "i" "name": "n"}'],
  ['a list that is not closed', '{"vault": ["a"'],
  ['a missing comma in a list', '{"vault": ["a" "b"]}'],
  ['a text that is not closed', '{"instance_id": "i}'],
  ['something behind the end', '{"instance_id": "i"} x'],
  ['two objects', '{"instance_id": "i"}{"instance_id": "j"}'],
  ['a bare word', 'hello'],
  ['a word in place of a value', '{"instance_id": nothing}'],
  ['a lone comma', '{,}'],
  ['two commas', '{"instance_id": "i",,}'],
  ['half a unicode escape', '{"instance_id": "\\u12"}'],
  ['blanks alone', '   \n '],
  ['a list as the root', '[]'],
  ['a text as the root', '"instance_id"'],
  ['a number as the root', '7'],
  ['an object for a text', '{"instance_id": {"a": 1}}'],
  ['a list for a single field', '{"instance_id": ["i"]}'],
  ['a list for a message', '{"vault": [1]}'],
  ['a text for a message', '{"vault": "v"}'],
  ['a text that is no bool', '{"sse_enabled": "maybe"}'],
  ['a number for a bool', '{"sse_enabled": 7}'],
  ['a form body', 'instance_id=i&name=n'],
  ['XML', '<instance id="i"/>'],
];
const syntax: readonly Case[] = [
  ...['create_instance', 'v1/create_instance'].flatMap((route) => [
    one(
      `2 ${route}: an empty body, byte for byte`,
      admin(route, '', invalid(`parse http request '${route}': INVALID_ARGUMENT:Unexpected end of string. Expected a value.\n\n^`)),
    ),
    ...broken.map(([what, body]) =>
      one(`2 ${route}: ${what} is refused`, admin(route, body, invalid(starts(`parse http request '${route}': INVALID_ARGUMENT:`)))),
    ),
  ]),
  ...[
    ['a text that is no number', 'many'],
    ['a fraction', 90.5],
    ['a number beyond int32', 3_000_000_000],
    ['a bool', true],
    ['an object', {}],
    ['a list', [1]],
  ].map(([what, port]) =>
    one(
      `2 ${String(what)} is no int32`,
      admin(
        'add_node',
        { instance_id: 'i', cluster: { type: 'COMPUTE', ...nodeWith(port) } },
        invalid(starts("parse http request 'add_node': INVALID_ARGUMENT:")),
      ),
    ),
  ),
  one(
    '2 a fraction is no int64',
    admin('abort_txn', { txn_id: 1.5 }, invalid(starts("parse http request 'abort_txn': INVALID_ARGUMENT:"))),
  ),
  one(
    '2 a wrong type is named by its place and its value',
    admin('add_node', { cluster: nodeWith('many') }, invalid(contains('heartbeat_port): invalid value "many" for type TYPE_INT32'))),
  ),
  on(
    '2 a body that cannot be read changes nothing',
    (i) => [
      instance(i),
      admin('drop_instance', `{"instance_id": "${i}"`, invalid(starts("parse http request 'drop_instance': INVALID_ARGUMENT:"))),
      shown(i, okWith({ status: 'NORMAL' })),
    ],
    { unchangedFrom: 1 },
  ),
  one(
    '2 a body is read before the handler checks it',
    admin('set_instance_status', '{"op": "DROP"', invalid(starts("parse http request 'set_instance_status': INVALID_ARGUMENT:"))),
  ),
];

const printing: readonly Case[] = [
  on('2 members are printed in field number order, set ones even when empty', (i) => [
    admin('create_instance', { sse_enabled: false, name: '', user_id: 'u', instance_id: i }, ok),
    shown(i, okWith({ user_id: 'u', instance_id: i, name: '', status: 'NORMAL', sse_enabled: false })),
    shown(i, {
      http: 200,
      holds: ({ json }) => {
        const names = Object.keys((json as { result: object }).result);
        const order = ['user_id', 'instance_id', 'name', 'status', 'iam_user', 'sse_enabled', 'enable_storage_vault'];
        const found = names.filter((name) => order.includes(name));
        if (found.join() !== order.join()) throw new Error(`the members are ${names.join()}`);
      },
    }),
  ]),
  on('2 a field that was not set is not printed, nor is an empty list', (i) => [
    admin('create_instance', { instance_id: i }, ok),
    shown(i, {
      http: 200,
      holds: ({ json }) => {
        const { result } = json as { result: object };
        for (const name of ['name', 'clusters', 'obj_info', 'stages', 'lb_ip', 'ram_user', 'resource_ids'])
          if (Object.hasOwn(result, name)) throw new Error(`${name} is printed`);
      },
    }),
  ]),
  on('2 int64 are printed as texts, int32 as numbers, enums by name', (i) => [
    instance(i),
    addCluster(i, compute(1, [{ cloud_unique_id: uid(i), ip: '10.0.0.1', heartbeat_port: 9050, ctime: 5, mtime: '6' }])),
    clusterShown(i, 'c1', {
      http: 200,
      holds: ({ json }) => {
        const { result } = json as { result: { ctime?: unknown; type?: unknown; nodes: { ctime?: unknown; heartbeat_port?: unknown }[] } };
        const [node] = result.nodes;
        const kinds = [typeof result.ctime, typeof node?.ctime, typeof node?.heartbeat_port, result.type].join();
        if (kinds !== 'string,string,number,COMPUTE') throw new Error(`they are ${kinds}`);
      },
    }),
  ]),
  on('2 maps are printed as objects', (i) => [
    instance(i),
    addCluster(i, compute(1, [], { properties: { a: '1', b: '2' } })),
    clusterShown(i, 'c1', okWith({ properties: { a: '1', b: '2' } })),
  ]),
  on('2 an empty list in a request is not printed', (i) => [
    instance(i),
    addCluster(i, compute(1, [], { mysql_user_name: [] })),
    clusterShown(i, 'c1', {
      http: 200,
      holds: ({ json }) => {
        const { result } = json as { result: object };
        if (Object.hasOwn(result, 'mysql_user_name') || Object.hasOwn(result, 'nodes')) throw new Error('an empty list is printed');
      },
    }),
  ]),
];

export const jsonCases: readonly Case[] = [...leniency, ...syntax, ...printing];
