/**
 * Goal: the plain RPC form's JSON is read and printed as the contract says.
 * Method: a named case for each of its sentences; then properties over generated values of every message, mutated texts and random
 * bytes. What this dialect accepts, the lenient one reads as the same value.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { printStrict } from '../../src/interfaces/metaservice/jsonText.ts';
import { parseLenient } from '../../src/interfaces/metaservice/lenientJson.ts';
import { bytes, list, type MessageType, message, optional } from '../../src/interfaces/metaservice/message.ts';
import { cluster, hdfsBuildConf } from '../../src/interfaces/metaservice/messages.ts';
import { parseStrict } from '../../src/interfaces/metaservice/strictJson.ts';
import { beginTxnResponse, createRowsetRequest } from '../../src/interfaces/metaservice/txnMessages.ts';
import { replay } from '../support/replay.ts';
import { messageTypes, valuesOf } from './messageValues.ts';

const parse = (type: MessageType, body: Buffer | string): unknown => {
  const read = parseStrict(type, body);
  return read.kind === 'value' ? read.value : read.text;
};
const prefix = '[E1003]Fail to parse http json body as doris.cloud.';
const blob = message('Blob', { content: optional(1, bytes), parts: list(2, bytes) });

describe('reading', () => {
  test.each([
    ['an empty body is an empty request', '', {}],
    ['64-bit integers as numbers and as decimal texts', '{"ctime":12,"mtime":"-13"}', { ctime: 12, mtime: -13 }],
    ['an enum by name or number', '{"type":"SQL","cluster_status":2}', { type: 'SQL', clusterStatus: 'SUSPENDED' }],
    ['an unknown enum number is kept', '{"type":77}', { type: 77 }],
    ['an unknown enum name is ignored', '{"type":"NOPE","desc":"d"}', { desc: 'd' }],
    ['only schema names', '{"clusterId":"a","cluster_name":"b"}', { clusterName: 'b' }],
    ['unknown names are ignored', '{"x":[{}],"nodes":[{"y":1,"ip":"i"}],"__proto__":{"desc":"d"}}', { nodes: [{ ip: 'i' }] }],
    ['null counts as not given', '{"desc":null,"nodes":null,"cluster_policy":null}', {}],
    ['a number for a text is ignored', '{"desc":1,"cluster_id":"c"}', { clusterId: 'c' }],
    ['a text for a 32-bit integer is ignored', '{"nodes":[{"heartbeat_port":"9050","ip":"i"}]}', { nodes: [{ ip: 'i' }] }],
    ['a fraction for an integer is ignored', '{"ctime":1.5,"nodes":[{"heartbeat_port":1.5}]}', { nodes: [{}] }],
    ['an integer of more than 32 bits is ignored', '{"nodes":[{"heartbeat_port":2147483648}]}', { nodes: [{}] }],
    ['a text for a boolean is ignored', '{"nodes":[{"is_smooth_upgrade":"true"}]}', { nodes: [{}] }],
    ['a text for a message is ignored', '{"cluster_policy":"x","desc":"d"}', { desc: 'd' }],
    ['a list for a single message is ignored', '{"cluster_policy":[{}],"desc":"d"}', { desc: 'd' }],
    ['a list for a single text is ignored', '{"cluster_id":["x"],"desc":"d"}', { desc: 'd' }],
    ['empty lists and maps count as not given', '{"nodes":[],"properties":{}}', {}],
    ['a map', '{"properties":{"a":"b"}}', { properties: { a: 'b' } }],
    ['no negative zero', '{"ctime":-0}', { ctime: 0 }],
  ])('%s', (_, body, value) => {
    expect(parse(cluster, body)).toStrictEqual(value);
    expect(parse(cluster, Buffer.from(body))).toStrictEqual(value);
  });

  test('bytes in base64; what is not is ignored in a single field and refused in a list', () => {
    expect(parse(blob, '{"content":"+/8=","parts":["YWI="]}')).toStrictEqual({ content: '+/8=', parts: ['YWI='] });
    expect(parse(blob, '{"content":"*"}')).toStrictEqual({});
    expect(parse(blob, '{"parts":["*"]}')).toBe(`${prefix}Blob: Invalid value for field parts[0], which should be BYTES`);
  });

  test.each([
    ['a comma before a closing bracket', '{"desc":"d",}', /^Invalid json format, ./],
    ['single quotes', "{'desc':'d'}", /^Invalid json format, ./],
    ['bare keys', '{desc:"d"}', /^Invalid json format, ./],
    ['a blank body', ' ', /^Invalid json format, ./],
    ['a list as root', '[]', /^The input is not a json object$/],
    ['null as root', 'null', /^The input is not a json object$/],
    [
      'a wrong type in a list of texts',
      '{"mysql_user_name":["a",1]}',
      /^Invalid value for field mysql_user_name\[1\], which should be STRING$/,
    ],
    ['null in a list', '{"mysql_user_name":[null]}', /^Invalid value for field mysql_user_name\[0\], which should be STRING$/],
    ['a wrong type in a list of messages', '{"nodes":[{},3]}', /^Invalid value for field nodes\[1\], which should be NodeInfoPB$/],
    ['a single value for a list', '{"mysql_user_name":"a"}', /^Invalid value for repeated field: mysql_user_name$/],
    ['a wrong type in a map', '{"properties":{"a":1}}', /^Invalid value for field properties: every value must be a text$/],
    ['a list for a map', '{"properties":[]}', /^Invalid value for map field: properties$/],
    [
      'an integer beyond 2^53 - 1',
      '{"ctime":9007199254740993}',
      /^Invalid value for field ctime: integers are accepted up to 9007199254740991 /,
    ],
    [
      'the same as a text, deep inside',
      '{"nodes":[{"mtime":"9007199254740992"}]}',
      /^Invalid value for field nodes\[0\]\.mtime: integers are /,
    ],
    ['half a pair', '{"desc":"\\ud83d"}', /^Invalid unicode in field desc$/],
  ])('refused: %s', (_, body, why) => {
    const text = parse(cluster, body) as string;
    expect(text.startsWith(`${prefix}ClusterPB: `)).toBe(true);
    expect(text.slice(`${prefix}ClusterPB: `.length)).toMatch(why);
  });

  test('required fields must be there and of their type', () => {
    expect(parse(createRowsetRequest, '{"rowset_meta":{"rowset_id":0}}')).toStrictEqual({ rowsetMeta: { rowsetId: 0 } });
    const missing = `${prefix}CreateRowsetRequest: Missing required field: rowset_meta.rowset_id`;
    expect(parse(createRowsetRequest, '{"rowset_meta":{}}')).toBe(missing);
    expect(parse(createRowsetRequest, '{"rowset_meta":{"rowset_id":null}}')).toBe(missing);
    expect(parse(hdfsBuildConf, '{"hdfs_confs":[{"key":"a","value":1}]}')).toBe(
      `${prefix}HdfsBuildConf: Invalid value for field hdfs_confs[0].value, which should be STRING`,
    );
  });

  test('a body that is not UTF-8, and depth without end', () => {
    expect(parse(cluster, Buffer.from([0x7b, 0xff, 0x7d]))).toBe(`${prefix}ClusterPB: the body is not UTF-8`);
    expect(parse(cluster, '['.repeat(1_000_000))).toContain(`${prefix}ClusterPB: `);
    expect(parse(cluster, `${'{"cluster_policy":'.repeat(100_000)}{}${'}'.repeat(100_000)}`)).toStrictEqual({ clusterPolicy: {} });
  });
});

describe('printing', () => {
  test('one line, integers as numbers, enums by name, only what was set', () => {
    expect(
      printStrict(beginTxnResponse, {
        txnStatus: 'TXN_STATUS_PREPARED',
        txnId: 2 ** 53 - 1,
        status: { code: 'TXN_LABEL_ALREADY_USED', msg: 'a "b"\n\u001b' },
      }),
    ).toBe(
      '{"status":{"code":"TXN_LABEL_ALREADY_USED","msg":"a \\"b\\"\\n\\u001B"},"txn_id":9007199254740991,' +
        '"txn_status":"TXN_STATUS_PREPARED"}',
    );
    expect(printStrict(cluster, { nodes: [], type: 77, properties: {} })).toBe('{"type":77}');
    expect(printStrict(cluster, {})).toBe('{}');
  });
});

describe('properties', () => {
  test.each(messageTypes.map((type) => [type.name, type] as const))('%s is read back as it was printed', (_, type) => {
    const { params } = replay({ numRuns: 15 });
    fc.assert(
      fc.property(valuesOf(type), (value) => {
        const text = printStrict(type, value);
        expect(parse(type, Buffer.from(text))).toStrictEqual(value);
        expect(parseLenient(type, text, 'x')).toStrictEqual({ kind: 'value', value });
      }),
      params,
    );
  });

  const isSound = (read: unknown): boolean => typeof read === 'object' || (read as string).startsWith(prefix);

  test("anything is read or refused in the contract's form", () => {
    const { params } = replay({ numRuns: 700 });
    const input = fc.oneof(
      fc.uint8Array({ maxLength: 40 }).map((content) => Buffer.from(content)),
      fc.string({ unit: 'binary', maxLength: 40 }),
      fc.json().map((json) => `{"nodes":[{"status":${json}}],"properties":${json},"ctime":${json}}`),
      fc.json().map((json) => `{"nodes":${json},"cluster_policy":${json},"desc":${json}}`),
    );
    fc.assert(
      fc.property(input, (body) => isSound(parse(cluster, body))),
      params,
    );
  });
});
