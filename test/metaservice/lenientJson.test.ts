/**
 * Goal: the admin routes' JSON is read as leniently as the contract says, no more, and printed byte for byte.
 * Method: a named case for each row of the contract's table; then properties over generated values of every message, over mutated
 * texts and over random bytes.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { printCompact, printEnvelope, printLenient } from '../../src/interfaces/metaservice/jsonText.ts';
import { parseLenient } from '../../src/interfaces/metaservice/lenientJson.ts';
import { bytes, list, type MessageType, message, optional } from '../../src/interfaces/metaservice/message.ts';
import {
  alterClusterRequest,
  cluster,
  createInstanceRequest,
  getClusterRequest,
  storageVault,
} from '../../src/interfaces/metaservice/messages.ts';
import { finishTabletJobRequest } from '../../src/interfaces/metaservice/txnMessages.ts';
import { replay } from '../support/replay.ts';
import { messageTypes, valuesOf } from './messageValues.ts';

const prefix = "parse http request 'v1/some_route': INVALID_ARGUMENT:";
const parse = (type: MessageType, body: Buffer | string): unknown => {
  const read = parseLenient(type, body, 'v1/some_route');
  return read.kind === 'value' ? read.value : read.text;
};
const blob = message('Blob', { content: optional(1, bytes), parts: list(2, bytes) });

describe('what is accepted', () => {
  test.each([
    ['both spellings of a name', '{"cluster_id":"a","clusterName":"b"}', { clusterId: 'a', clusterName: 'b' }],
    ['unknown names, at any depth', '{"x":{"y":[1,{"z":null}]},"nodes":[{"w":1e3,"ip":"i"}]}', { nodes: [{ ip: 'i' }] }],
    ['integers as numbers', '{"ctime":12,"nodes":[{"heartbeat_port":9050}]}', { ctime: 12, nodes: [{ heartbeatPort: 9050 }] }],
    ['integers as integral floats', '{"ctime":1.2e1,"nodes":[{"heartbeat_port":9050.0}]}', { ctime: 12, nodes: [{ heartbeatPort: 9050 }] }],
    ['integers as decimal texts', '{"ctime":"-12","nodes":[{"heartbeat_port":"9050"}]}', { ctime: -12, nodes: [{ heartbeatPort: 9050 }] }],
    ['the largest integers', '{"ctime":9007199254740991,"mtime":"-9007199254740991"}', { ctime: 2 ** 53 - 1, mtime: 1 - 2 ** 53 }],
    ['no negative zero', '{"ctime":-0.0,"mtime":"-0"}', { ctime: 0, mtime: 0 }],
    [
      'a number where a text is expected',
      '{"cluster_id":12345678901234567890,"desc":1.50}',
      { clusterId: '12345678901234567890', desc: '1.50' },
    ],
    [
      'booleans and their texts',
      '{"nodes":[{"is_smooth_upgrade":true},{"is_smooth_upgrade":"false"}]}',
      { nodes: [{ isSmoothUpgrade: true }, { isSmoothUpgrade: false }] },
    ],
    ['an enum by name', '{"type":"COMPUTE"}', { type: 'COMPUTE' }],
    ['an enum by number', '{"type":1}', { type: 'COMPUTE' }],
    ['an enum by the text of its number', '{"type":"1"}', { type: 'COMPUTE' }],
    ['an unknown enum name is dropped', '{"cluster_status":"STOPPED","desc":"d"}', { desc: 'd' }],
    ['an enum name in another case is unknown', '{"type":"compute"}', {}],
    ['names of Object.prototype are no enum names', '{"type":"toString"}', {}],
    ['an unknown enum number is kept', '{"type":77}', { type: 77 }],
    ['null counts as not given', '{"cluster_id":null,"nodes":null,"cluster_policy":null,"properties":null,"ctime":null,"type":null}', {}],
    [
      'null in a list and in a map is left out',
      '{"mysql_user_name":["a",null],"properties":{"a":null,"b":"c"}}',
      { mysqlUserName: ['a'], properties: { b: 'c' } },
    ],
    ['empty lists and maps count as not given', '{"nodes":[],"properties":{}}', {}],
    ['a comma before a closing bracket', '{"mysql_user_name":["a",],"cluster_id":"b",}', { mysqlUserName: ['a'], clusterId: 'b' }],
    ['single quotes', `{'cluster_id':'a"b','desc':'it\\'s'}`, { clusterId: 'a"b', desc: "it's" }],
    ['bare keys', '{cluster_id:"a",truely:1,$x:2,desc:"d"}', { clusterId: 'a', desc: 'd' }],
    ['escapes', '{"desc":"\\b\\f\\n\\r\\t\\v\\/\\\\\\"\\u00e9\\ud83d\\ude00\\q"}', { desc: '\b\f\n\r\t\v/\\"é😀q' }],
    ['control characters inside a text', '{"desc":"a\nb\tc"}', { desc: 'a\nb\tc' }],
    ['white space of every kind', ' \t\r\n\v\f{ "desc"\n:\t"d" } \n', { desc: 'd' }],
    ['the last of several scalars', '{"desc":"a","desc":"b"}', { desc: 'b' }],
    [
      'several lists are appended, several messages merged',
      '{"mysql_user_name":["a"],"mysql_user_name":["b"],"cluster_policy":{"type":0},"clusterPolicy":{"active_cluster_name":"x"}}',
      { mysqlUserName: ['a', 'b'], clusterPolicy: { type: 'ActiveStandby', activeClusterName: 'x' } },
    ],
    ['a single value as a list of one', '{"mysql_user_name":"a","nodes":{"ip":"i"}}', { mysqlUserName: ['a'], nodes: [{ ip: 'i' }] }],
    [
      'a map with names of every kind',
      '{"properties":{"":"1","a.b":"2","constructor":"3"}}',
      { properties: { '': '1', 'a.b': '2', constructor: '3' } },
    ],
    ['names of Object.prototype as unknown names', '{"constructor":1,"__proto__":{"desc":"x"},"toString":[]}', {}],
    ['an empty message', '{}', {}],
  ])('%s', (_, body, value) => {
    expect(parse(cluster, body)).toStrictEqual(value);
    expect(parse(cluster, Buffer.from(body))).toStrictEqual(value);
  });

  test('bytes in base64, either alphabet, padded or not', () => {
    expect(parse(blob, '{"content":"+/8","parts":["-_8=","","YWI="]}')).toStrictEqual({ content: '+/8=', parts: ['+/8=', '', 'YWI='] });
    expect(parse(blob, '{"content":"+_8="}')).toBe(`${prefix}(content): invalid value "+_8=" for type TYPE_BYTES`);
  });

  test('a map entry named __proto__ is an entry', () => {
    const value = parse(cluster, '{"properties":{"__proto__":"a"}}') as { properties: Record<string, string> };
    expect(Object.entries(value.properties)).toStrictEqual([['__proto__', 'a']]);
    expect(printCompact(cluster, value)).toBe('{"properties":{"__proto__":"a"}}');
  });

  test('a hundred levels, of which unknown names count as well', () => {
    expect(parse(cluster, `{"x":${'['.repeat(99)}${']'.repeat(99)}}`)).toStrictEqual({});
    expect(parse(cluster, `{"x":${'['.repeat(100)}${']'.repeat(100)}}`)).toContain(`${prefix}Message too deep.`);
    // Levels that were closed do not count: the limit is one of depth.
    expect(parse(cluster, `{"x":[${'[{}],'.repeat(200)}]}`)).toStrictEqual({});
  });

  test('the job id of the interface page, a number, becomes a text', () => {
    expect(parse(finishTabletJobRequest, '{"job":{"compaction":[{"id":3456}]}}')).toStrictEqual({ job: { compaction: [{ id: '3456' }] } });
  });
});

const exactly = ', integers are accepted up to 9007199254740991 either side of 0';
describe('what is refused', () => {
  test.each([
    ['an empty body', '', 'Unexpected end of string. Expected a value.\n\n^'],
    ['a blank body', ' \n ', 'Unexpected end of string. Expected a value.\n\n^'],
    ['an open object', '{', 'Unexpected end of string. Expected an object key or }.\n{\n ^'],
    ['a key alone', '{"a"', 'Unexpected end of string. Expected : between key:value pair.\n{"a"\n    ^'],
    ['a missing value', '{"a":', 'Unexpected end of string. Expected a value.\n{"a":\n     ^'],
    ['an object that is not closed', '{"a":1', 'Unexpected end of string. Expected , or } after key:value pair.\n{"a":1\n      ^'],
    ['an array that is not closed', '{"a":[1', 'Unexpected end of string. Expected , or ] after array value.\n{"a":[1\n       ^'],
    ['an open array', '{"a":[', 'Unexpected end of string. Expected a value or ] within an array.\n{"a":[\n      ^'],
    ['a text that is not closed', '{"a":"b', 'Closing quote expected in string.\n{"a":"b\n       ^'],
    ['a text that ends in a backslash', '{"a":"\\', 'Closing quote expected in string.\n{"a":"\\\n      ^'],
    ['a half escape', '{"a":"\\u12', 'Illegal hex string.\n{"a":"\\u12\n      ^'],
    ['a bad escape', '{"a":"\\u12xy"}', 'Invalid escape sequence.\n{"a":"\\u12xy"}\n      ^'],
    ['half a pair', '{"a":"\\ud83d"}', 'Missing low surrogate.\n{"a":"\\ud83d"}\n            ^'],
    ['a pair of two first halves', '{"a":"\\ud83d\\ud83d"}', 'Invalid low surrogate.\n{"a":"\\ud83d\\ud83d"}\n            ^'],
    ['a second half alone', '{"a":"\\ude00"}', 'Invalid unicode code point.\n{"a":"\\ude00"}\n            ^'],
    ['a word that is no value', '{"a":tru}', 'Unexpected token.\n{"a":tru}\n     ^'],
    ['a comma for a value', '{"a":,}', 'Unexpected token.\n{"a":,}\n     ^'],
    ['a strange character for a value', '{"a":@}', 'Expected a value.\n{"a":@}\n     ^'],
    ['a strange character in an array', '{"a":[@]}', 'Expected a value or ] within an array.\n{"a":[@]}\n      ^'],
    ['a number for a key', '{1:2}', 'Expected an object key or }.\n{1:2}\n ^'],
    ['a reserved word for a key', '{null:2}', 'Expected an object key or }.\n{null:2}\n ^'],
    ['a missing colon', '{"a" 1}', 'Expected : between key:value pair.\n{"a" 1}\n     ^'],
    ['a missing comma', '{"a":1 "b":2}', 'Expected , or } after key:value pair.\n{"a":1 "b":2}\n       ^'],
    ['a missing comma in an array', '{"a":[1 2]}', 'Expected , or ] after array value.\n{"a":[1 2]}\n        ^'],
    ['something behind the end', '{} {}', 'Parsing terminated before end of input.\n{} {}\n   ^'],
    [
      '20 characters either side',
      `{"aaaaaaaaaaaaaaaaaaaaaaaaaa" 1${'b'.repeat(40)}`,
      `Expected : between key:value pair.\n${'a'.repeat(18)}" 1${'b'.repeat(19)}\n${' '.repeat(20)}^`,
    ],
    ['an octal number', '{"a":012}', 'Octal/hex numbers are not valid JSON values.\n{"a":012}\n     ^'],
    ['a hexadecimal number', '{"a":0x12}', 'Octal/hex numbers are not valid JSON values.\n{"a":0x12}\n     ^'],
    ['a sign alone', '{"a":-}', 'Unable to parse number.\n{"a":-}\n     ^'],
    ['a number without end', '{"a":1e999}', 'Number exceeds the range of double.\n{"a":1e999}\n     ^'],
    ['a root that is a list', '[]', ': Root element must be a message.'],
    ['a root that is a text', '"a"', ': Root element must be a message.'],
    ['a root that is null', 'null', ': Root element must be a message.'],
    ['a list for a single field', '{"cluster":[{}]}', 'cluster: Proto field is not repeating, cannot start list.'],
    [
      'a list for a single field within',
      '{"cluster":{"cluster_id":["a"]}}',
      '(cluster) cluster_id: Proto field is not repeating, cannot start list.',
    ],
    [
      'a text for an integer',
      '{"cluster":{"nodes":[{},{"heartbeat_port":"x"}]}}',
      '(cluster.nodes[1].heartbeat_port): invalid value "x" for type TYPE_INT32',
    ],
    [
      'a place behind other fields and lists',
      '{"instance_id":"a","cluster":{"nodes":[{"ip":"b"}],"properties":{"k":"v"},"desc":"d","ctime":"x"}}',
      '(cluster.ctime): invalid value "x" for type TYPE_INT64',
    ],
    ['an empty text for an integer', '{"cluster":{"ctime":""}}', '(cluster.ctime): invalid value "" for type TYPE_INT64'],
    ['a fraction for an integer', '{"cluster":{"ctime":1.5}}', '(cluster.ctime): invalid value 1.5 for type TYPE_INT64'],
    [
      'an integer of more than 32 bits',
      '{"cluster":{"nodes":[{"edit_log_port":2147483648}]}}',
      '(cluster.nodes[0].edit_log_port): invalid value 2147483648 for type TYPE_INT32',
    ],
    [
      'an integer beyond 2^53 - 1',
      '{"cluster":{"ctime":9007199254740992}}',
      `(cluster.ctime): invalid value 9007199254740992 for type TYPE_INT64${exactly}`,
    ],
    [
      'the same as a text',
      '{"cluster":{"ctime":"-9007199254740993"}}',
      `(cluster.ctime): invalid value "-9007199254740993" for type TYPE_INT64${exactly}`,
    ],
    ['a boolean for a text', '{"instance_id":true}', '(instance_id): invalid value true for type TYPE_STRING'],
    ['a boolean for an integer', '{"cluster":{"ctime":true}}', '(cluster.ctime): invalid value true for type TYPE_INT64'],
    [
      'a number for a boolean',
      '{"replace_if_existing_empty_target_cluster":1}',
      '(replace_if_existing_empty_target_cluster): invalid value 1 for type TYPE_BOOL',
    ],
    [
      'another word for a boolean',
      '{"replace_if_existing_empty_target_cluster":"True"}',
      '(replace_if_existing_empty_target_cluster): invalid value "True" for type TYPE_BOOL',
    ],
    [
      'a boolean for an enum',
      '{"op":true}',
      '(op): invalid value true for type type.googleapis.com/doris.cloud.AlterClusterRequest.Operation',
    ],
    [
      'a fraction for an enum',
      '{"cluster":{"cluster_status":1.5}}',
      '(cluster.cluster_status): invalid value 1.5 for type type.googleapis.com/doris.cloud.ClusterStatus',
    ],
    ['a text for a message', '{"cluster":"a"}', '(cluster): invalid value "a" for type type.googleapis.com/doris.cloud.ClusterPB'],
    ['an object for a text', '{"instance_id":{}}', '(instance_id): Starting an object in a primitive field.'],
    ['a list for a map', '{"cluster":{"properties":[]}}', "(cluster.properties): Cannot bind a list to map for field 'properties'."],
    [
      'a list within a list',
      '{"cluster":{"mysql_user_name":[["a"]]}}',
      '(cluster.mysql_user_name) mysql_user_name: Proto field is not repeating, cannot start list.',
    ],
    [
      'an object for a text of a map',
      '{"cluster":{"properties":{"k":{}}}}',
      '(cluster.properties.k): Starting an object in a primitive field.',
    ],
  ])('%s', (_, body, detail) => {
    expect(parse(alterClusterRequest, body)).toBe(prefix + detail);
  });

  test('a missing part that is required', () => {
    const text = `${prefix}JSON transcoder produced invalid protobuf output.`;
    const withConf = (conf: string): string => `{"vault":{"hdfs_info":{"build_conf":{"hdfs_confs":[${conf}]}}}}`;
    expect(parse(createInstanceRequest, withConf('{"key":"a"}'))).toBe(text);
    expect(parse(createInstanceRequest, withConf('{"key":"a","value":null}'))).toBe(text);
    expect(parse(createInstanceRequest, withConf('{"key":"","value":""}'))).toStrictEqual({
      vault: { hdfsInfo: { buildConf: { hdfsConfs: [{ key: '', value: '' }] } } },
    });
  });

  test('a body that is not UTF-8, and one that begins with a mark of its order', () => {
    expect(parse(cluster, Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d]))).toBe(`${prefix}Encountered non UTF-8 code points.`);
    expect(parse(cluster, '\ufeff{}')).toBe(`${prefix}Expected a value.\n\ufeff{}\n^`);
  });

  test('an error never holds half a character', () => {
    const text = parse(cluster, `{"${'😀'.repeat(30)}" 1${'b'.repeat(18)}😀}`) as string;
    expect(text).toContain('Expected : between key:value pair.');
    expect(text.isWellFormed()).toBe(true);
  });

  test('depth without end', () => {
    for (const open of ['[', '{"a":', '{"cluster_policy":', '{a:['])
      expect(parse(cluster, open.repeat(300_000))).toMatch(/^parse http request 'v1\/some_route': INVALID_ARGUMENT:/);
  });

  test('what an error repeats is bounded', () => {
    const long = 'x'.repeat(1_000_000);
    for (const body of [
      `{"ctime":"${long}"}`,
      `{"properties":{"${long}":true}}`,
      `{"type":${'1'.repeat(300)}}`,
      `{${long}`,
      `{"a":"${long}`,
    ])
      expect((parse(cluster, body) as string).length).toBeLessThan(600);
  });
});

describe('printing', () => {
  test('the envelope alone', () => {
    expect(printEnvelope('OK', '')).toBe('{\n    "code": "OK",\n    "msg": ""\n}\n');
  });

  test('the envelope with a result', () => {
    const value = {
      properties: { b: '2', c: '3', a: '1' },
      ctime: 5,
      clusterStatus: 'NORMAL',
      type: 9,
      publicEndpoint: '',
      nodes: [{ isSmoothUpgrade: false, heartbeatPort: 0 }, {}],
      mysqlUserName: ['u', 'v'],
      clusterNames: [],
      clusterId: 'c',
    } as const;
    expect(printEnvelope('OK', '', { type: cluster, value })).toBe(`{
    "code": "OK",
    "msg": "",
    "result": {
        "cluster_id": "c",
        "type": 9,
        "nodes": [
            {
                "heartbeat_port": 0,
                "is_smooth_upgrade": false
            },
            {}
        ],
        "mysql_user_name": [
            "u",
            "v"
        ],
        "public_endpoint": "",
        "cluster_status": "NORMAL",
        "ctime": "5",
        "properties": {
            "a": "1",
            "b": "2",
            "c": "3"
        }
    }
}
`);
  });

  test('an empty result, and one whose parts are all empty', () => {
    const empty = '{\n    "code": "INTERNAL_ERROR",\n    "msg": "m",\n    "result": {}\n}\n';
    expect(printEnvelope('INTERNAL_ERROR', 'm', { type: cluster, value: {} })).toBe(empty);
    expect(printEnvelope('INTERNAL_ERROR', 'm', { type: cluster, value: { nodes: [], properties: {} } })).toBe(empty);
  });

  test('one line has the types of the envelope and no blanks', () => {
    const value = { ctime: 5, mysqlUserName: ['u', 'v'], nodes: [{ ip: 'i', heartbeatPort: 1 }], properties: { a: '1' } };
    expect(printCompact(cluster, value)).toBe(
      '{"nodes":[{"ip":"i","heartbeat_port":1}],"mysql_user_name":["u","v"],"ctime":"5","properties":{"a":"1"}}',
    );
  });

  test('the envelope escapes what RapidJSON does', () => {
    expect(printLenient(cluster, { desc: '"\\/\b\f\n\r\t\u0000\u001f\u007f<é\u2028😀' })).toBe(
      '{\n    "desc": "\\"\\\\/\\b\\f\\n\\r\\t\\u0000\\u001F\u007f<é\u2028😀"\n}',
    );
    expect(printEnvelope('X', '\u001b\\u001b')).toContain('"\\u001B\\\\u001b"');
  });

  test('one line escapes what protobuf does', () => {
    expect(printCompact(cluster, { desc: '"\\/\b\f\n\r\t\u0000\u001f\u007f\u009f<>é\u00ad\u2028\ufeff😀\u{e0001}\u{1d173}' })).toBe(
      '{"desc":"\\"\\\\/\\b\\f\\n\\r\\t\\u0000\\u001f\\u007f\\u009f\\u003c\\u003eé\\u00ad\\u2028\\ufeff😀\\udb40\\udc01\\ud834\\udd73"}',
    );
  });
});

describe('properties', () => {
  test.each(messageTypes.map((type) => [type.name, type] as const))('%s is read back as it was printed', (_, type) => {
    const { params } = replay({ numRuns: 15 });
    fc.assert(
      fc.property(valuesOf(type), (value) => {
        const pretty = printLenient(type, value);
        const oneLine = printCompact(type, value);
        expect(parse(type, Buffer.from(pretty))).toStrictEqual(value);
        expect(parse(type, Buffer.from(oneLine))).toStrictEqual(value);
        // What JSON.stringify makes of it in the same order differs in escapes at most.
        expect(JSON.stringify(JSON.parse(pretty), null, 4).replace(/\\u00../g, (code) => code.toUpperCase().replace('U', 'u'))).toBe(
          pretty,
        );
        expect(JSON.parse(oneLine)).toStrictEqual(JSON.parse(pretty));
      }),
      params,
    );
  });

  /** One character put in, taken out or exchanged. */
  const mutated = fc
    .tuple(
      fc.constantFrom(alterClusterRequest, storageVault, getClusterRequest).chain((type) => fc.tuple(fc.constant(type), valuesOf(type))),
      fc.array(
        fc.tuple(fc.nat(), fc.constantFrom('', '{', '}', '[', ']', ',', ':', '"', "'", '\\', '\\u', '1', '-', 'e', 'null', ' ', '\u0000')),
        { maxLength: 3 },
      ),
      fc.boolean(),
    )
    .map(([[type, value], changes, replace]) => {
      const text = changes.reduce(
        (before, [where, what]) => {
          const at = where % (before.length + 1);
          return before.slice(0, at) + what + before.slice(at + (replace ? 1 : 0));
        },
        printCompact<object>(type, value),
      );
      return [type, text] as const;
    });
  const isSound = (read: unknown): boolean => typeof read === 'object' || (read as string).startsWith(prefix);

  test("mutated texts are read or refused in the contract's form, and what JSON reads is not refused for its syntax", () => {
    const { params } = replay({ numRuns: 700 });
    fc.assert(
      fc.property(mutated, ([type, text]) => {
        const read = parse(type, text);
        expect(isSound(read)).toBe(true);
        let json: unknown;
        try {
          json = JSON.parse(text);
        } catch {
          return;
        }
        // A half surrogate and a number beyond doubles are JSON to JSON.parse alone.
        if (!JSON.stringify(json).includes('\\ud') && !text.includes('e')) expect(String(read)).not.toMatch(/\^$/);
      }),
      params,
    );
  });

  test("random bytes and texts are refused in the contract's form, or read", () => {
    const { params } = replay({ numRuns: 700 });
    const input = fc.oneof(
      fc.uint8Array({ maxLength: 40 }).map((content) => Buffer.from(content)),
      fc.string({ unit: 'binary', maxLength: 40 }),
      fc.json().map((json) => `{"cluster":${json}}`),
    );
    fc.assert(
      fc.property(input, (body) => isSound(parse(alterClusterRequest, body))),
      params,
    );
  });

  test('generated JSON with unknown names is accepted whatever it holds', () => {
    const { params } = replay({ numRuns: 500 });
    fc.assert(
      fc.property(fc.json({ maxDepth: 5 }), (json) => {
        expect(parse(getClusterRequest, `{"unheard of":${json},"cluster_id":"c"}`)).toStrictEqual({ clusterId: 'c' });
      }),
      params,
    );
  });
});
