/** Section 12: decode_key, encode_key, get_value, set_value. */
import {
  addCluster,
  admin,
  type Case,
  compute,
  contains,
  instance,
  invalid,
  latest,
  legacyInstance,
  on,
  one,
  query,
  replied,
  rpc,
  starts,
  uid,
} from '../vocabulary.ts';

const drawings: readonly (readonly [name: string, parameters: Readonly<Record<string, string>>, drawing: string])[] = [
  [
    'an instance',
    { key: '0110696e7374616e636500011072656772657373696f6e5f696e7374616e6365300001' },
    `┌───────────────────────── 0. key space: 1
│ ┌─────────────────────── 1. instance
│ │                     ┌─ 2. regression_instance0
│ │                     │ 
▼ ▼                     ▼ 
0110696e7374616e636500011072656772657373696f6e5f696e7374616e6365300001
`,
  ],
  [
    'a label',
    { key: '011074786e000110693100011074786e5f6c6162656c00011200000000000000051061620001' },
    `┌─────────────────────────────────────────────────────────────────── 0. key space: 1
│ ┌───────────────────────────────────────────────────────────────── 1. txn
│ │           ┌───────────────────────────────────────────────────── 2. i1
│ │           │         ┌─────────────────────────────────────────── 3. txn_label
│ │           │         │                       ┌─────────────────── 4. 5
│ │           │         │                       │                 ┌─ 5. ab
│ │           │         │                       │                 │ 
▼ ▼           ▼         ▼                       ▼                 ▼ 
011074786e000110693100011074786e5f6c6162656c00011200000000000000051061620001
`,
  ],
  [
    'the registry, in ASCII',
    { unicode: 'false', key: '021073797374656d0001106d6574612d7365727669636500011072656769737472790001' },
    `/--------------------------------------------------- 0. key space: 2
| /------------------------------------------------- 1. system
| |                 /------------------------------- 2. meta-service
| |                 |                             /- 3. registry
| |                 |                             | 
v v                 v                             v 
021073797374656d0001106d6574612d7365727669636500011072656769737472790001
`,
  ],
  [
    'a negative integer',
    { key: '01106d657461000110693100011064656c6574655f6269746d61705f6c6f636b0001120000000000000007110000000000000001' },
    `┌─────────────────────────────────────────────────────────────────────────────────────── 0. key space: 1
│ ┌───────────────────────────────────────────────────────────────────────────────────── 1. meta
│ │             ┌─────────────────────────────────────────────────────────────────────── 2. i1
│ │             │         ┌───────────────────────────────────────────────────────────── 3. delete_bitmap_lock
│ │             │         │                                         ┌─────────────────── 4. 7
│ │             │         │                                         │                 ┌─ 5. -1
│ │             │         │                                         │                 │ 
▼ ▼             ▼         ▼                                         ▼                 ▼ 
01106d657461000110693100011064656c6574655f6269746d61705f6c6f636b0001120000000000000007110000000000000001
`,
  ],
  ['the space byte alone', { key: '01' }, '┌─ 0. key space: 1\n│ \n▼ \n01\n'],
  ['the space byte alone, in ASCII', { key: '02', unicode: 'false' }, '/- 0. key space: 2\n| \nv \n02\n'],
];
const instanceKey = '0110696e7374616e6365000110746573740001';
const undecodable = (key: string) => invalid(`failed to decode key, key=${key}`);
const decoding: readonly Case[] = [
  ...drawings.map(([name, parameters, drawing]) =>
    one(`12 decode_key: ${name}, to the blank`, query('decode_key', parameters, { http: 200, text: `${drawing}\n` })),
  ),
  ...['true', '', 'x'].map((unicode) =>
    one(
      `12 decode_key: unicode=${unicode} draws with lines`,
      query('decode_key', { key: '01', unicode }, { http: 200, text: '┌─ 0. key space: 1\n│ \n▼ \n01\n\n' }),
    ),
  ),
  one(
    '12 decode_key: upper case hex is read, and shown as given',
    query('decode_key', { key: instanceKey.toUpperCase() }, { http: 200, text: contains(`2. test\n`) }),
  ),
  one(
    '12 decode_key: the hex exactly as given',
    query('decode_key', { key: instanceKey.toUpperCase() }, { http: 200, text: contains(`\n${instanceKey.toUpperCase()}\n`) }),
  ),
  one(
    '12 decode_key: an odd last digit is ignored',
    query('decode_key', { key: `${instanceKey}a` }, { http: 200, text: contains('2. test\n') }),
  ),
  one('12 decode_key: no key', query('decode_key', {}, invalid('no key to decode'))),
  one('12 decode_key: an empty key', query('decode_key', { key: '' }, invalid('no key to decode'))),
  ...[
    ['an unknown tag', '0199'],
    ['a text without its end', '0110696e73'],
    ['a short integer', '011200000001'],
    ['no hex', 'xyz!'],
  ].map(([name = '', key = '']) => one(`12 decode_key: ${name}`, query('decode_key', { key }, undecodable(key)))),
];

const ends = (hex: string) => `\n${hex}\n${hex.replace(/../g, '\\x$&')}\n\n`;
const hexOf = (text: string) => `10${Buffer.from(text).toString('hex')}0001`;
const number = (value: number) => `12${value.toString(16).padStart(16, '0')}`;
const ids = { instance_id: 'i1' } as const;
const tablet = { table_id: '1', index_id: '2', part_id: '3', tablet_id: '4' } as const;
const tabletHex = [1, 2, 3, 4].map(number).join('');
const key = (space: string, ...fields: readonly (string | number)[]) =>
  space + fields.map((field) => (typeof field === 'string' ? hexOf(field) : number(field))).join('');
const keys: readonly (readonly [type: string, parameters: Readonly<Record<string, string>>, hex: string])[] = [
  ['InstanceKey', { instance_id: 'test' }, instanceKey],
  ['TxnLabelKey', { ...ids, db_id: '5', label: 'ab' }, key('01', 'txn', 'i1', 'txn_label', 5, 'ab')],
  ['TxnInfoKey', { ...ids, db_id: '5', txn_id: '6' }, key('01', 'txn', 'i1', 'txn_info', 5, 6)],
  ['TxnIndexKey', { ...ids, txn_id: '6' }, key('01', 'txn', 'i1', 'txn_index', 6)],
  ['TxnRunningKey', { ...ids, db_id: '5', txn_id: '6' }, key('01', 'txn', 'i1', 'txn_running', 5, 6)],
  ['PartitionVersionKey', { ...ids, db_id: '5', tbl_id: '6', partition_id: '7' }, key('01', 'version', 'i1', 'partition', 5, 6, 7)],
  ['VersionKey', { ...ids, db_id: '5', tbl_id: '6', partition_id: '7' }, key('01', 'version', 'i1', 'partition', 5, 6, 7)],
  ['TableVersionKey', { ...ids, db_id: '5', tbl_id: '6' }, key('01', 'version', 'i1', 'table', 5, 6)],
  ['MetaRowsetKey', { ...ids, tablet_id: '5', version: '6' }, key('01', 'meta', 'i1', 'rowset', 5, 6)],
  ['MetaRowsetTmpKey', { ...ids, txn_id: '5', tablet_id: '6' }, key('01', 'meta', 'i1', 'rowset_tmp', 5, 6)],
  ['MetaTabletKey', { ...ids, ...tablet }, key('01', 'meta', 'i1', 'tablet') + tabletHex],
  ['MetaTabletIdxKey', { ...ids, tablet_id: '5' }, key('01', 'meta', 'i1', 'tablet_index', 5)],
  ['MetaSchemaKey', { ...ids, index_id: '5', schema_version: '6' }, key('01', 'meta', 'i1', 'schema', 5, 6)],
  ['MetaSchemaPBDictionaryKey', { ...ids, index_id: '5' }, key('01', 'meta', 'i1', 'tablet_schema_pb_dict', 5)],
  [
    'MetaDeleteBitmap',
    { ...ids, tablet_id: '5', rowest_id: 'r', version: '6', seg_id: '7' },
    key('01', 'meta', 'i1', 'delete_bitmap', 5, 'r', 6, 7),
  ],
  ['MetaDeleteBitmapUpdateLock', { ...ids, table_id: '5', partition_id: '6' }, key('01', 'meta', 'i1', 'delete_bitmap_lock', 5, 6)],
  ['MetaPendingDeleteBitmap', { ...ids, tablet_id: '5' }, key('01', 'meta', 'i1', 'delete_bitmap_pending', 5)],
  ['StatsTabletKey', { ...ids, ...tablet }, key('01', 'stats', 'i1', 'tablet') + tabletHex],
  ['RecycleIndexKey', { ...ids, index_id: '5' }, key('01', 'recycle', 'i1', 'index', 5)],
  ['RecyclePartKey', { ...ids, part_id: '5' }, key('01', 'recycle', 'i1', 'partition', 5)],
  ['RecycleRowsetKey', { ...ids, tablet_id: '5', rowset_id: 'r' }, key('01', 'recycle', 'i1', 'rowset', 5, 'r')],
  ['RecycleTxnKey', { ...ids, db_id: '5', txn_id: '6' }, key('01', 'recycle', 'i1', 'txn', 5, 6)],
  ['RecycleStageKey', { ...ids, stage_id: 's' }, key('01', 'recycle', 'i1', 'stage', 's')],
  ['JobTabletKey', { ...ids, ...tablet }, key('01', 'job', 'i1', 'tablet') + tabletHex],
  ['JobRecycleKey', ids, key('01', 'job', 'i1', 'check')],
  ['RLJobProgressKey', { ...ids, db_id: '5', job_id: '6' }, key('01', 'job', 'i1', 'routine_load_progress', 5, 6)],
  ['CopyJobKey', { ...ids, stage_id: 's', table_id: '5', copy_id: 'c', group_id: '6' }, key('01', 'copy', 'i1', 'job', 's', 5, 'c', 6)],
  [
    'CopyFileKey',
    { ...ids, stage_id: 's', table_id: '5', obj_key: 'k', obj_etag: 'e' },
    key('01', 'copy', 'i1', 'loading_file', 's', 5, 'k', 'e'),
  ],
  ['StorageVaultKey', { ...ids, vault_id: '1' }, key('01', 'storage_vault', 'i1', 'vault', '1')],
  ['MetaServiceRegistryKey', {}, key('02', 'system', 'meta-service', 'registry')],
  ['MetaServiceArnInfoKey', {}, key('02', 'system', 'meta-service', 'arn_info')],
  ['MetaServiceEncryptionKey', {}, key('02', 'system', 'meta-service', 'encryption_key_info')],
];
const encoding: readonly Case[] = [
  ...keys.flatMap(([type, parameters, hex]) => [
    one(`12 encode_key: ${type}`, query('encode_key', { key_type: type, ...parameters }, { http: 200, text: contains(ends(hex)) })),
    one(
      `12 decode_key reads what encode_key made of ${type}`,
      query('decode_key', { key: hex }, { http: 200, text: contains(`\n${hex}\n\n`) }),
    ),
  ]),
  one(
    '12 encode_key: an unknown type',
    query('encode_key', { key_type: 'NoKey', instance_id: 'i' }, invalid('key_type not supported: NoKey')),
  ),
  one('12 encode_key: an empty type', query('encode_key', { key_type: '' }, invalid('key_type not supported: (empty)'))),
  one('12 encode_key: a missing field', query('encode_key', { key_type: 'InstanceKey' }, invalid('instance_id is not given or empty'))),
  one(
    '12 encode_key: an empty field',
    query('encode_key', { key_type: 'InstanceKey', instance_id: '' }, invalid('instance_id is not given or empty')),
  ),
  one(
    '12 encode_key: the first missing field in order',
    query('encode_key', { key_type: 'TxnLabelKey', label: 'l' }, invalid('instance_id is not given or empty')),
  ),
  one(
    '12 encode_key: the second missing field in order',
    query('encode_key', { key_type: 'TxnLabelKey', instance_id: 'i' }, invalid('db_id is not given or empty')),
  ),
  one(
    '12 encode_key: the misspelt field',
    query(
      'encode_key',
      { key_type: 'MetaDeleteBitmap', ...ids, tablet_id: '1', rowset_id: 'r', version: '1', seg_id: '1' },
      invalid('rowest_id is not given or empty'),
    ),
  ),
  one(
    '12 encode_key: in ASCII',
    query('encode_key', { key_type: 'InstanceKey', instance_id: 'test', unicode: 'false' }, { http: 200, text: starts('/--') }),
  ),
  one(
    '12 encode_key: a negative integer',
    query(
      'encode_key',
      { key_type: 'TxnIndexKey', ...ids, txn_id: '-1' },
      { http: 200, text: contains(`${key('01', 'txn', 'i1', 'txn_index')}110000000000000001\n`) },
    ),
  ),
  one(
    '12 encode_key: an integer beyond 2^53, exactly',
    query(
      'encode_key',
      { key_type: 'TxnIndexKey', ...ids, txn_id: '9223372036854775807' },
      { http: 200, text: contains(`${key('01', 'txn', 'i1', 'txn_index')}127fffffffffffffff\n`) },
    ),
  ),
];

const values: readonly Case[] = [
  on('12 get_value: an instance by its fields, compact, on one line', (i) => [
    instance(i),
    addCluster(i, compute(1)),
    query(
      'get_value',
      { key_type: 'InstanceKey', instance_id: i },
      {
        http: 200,
        holds: ({ text }) => {
          if (!/^[^\n]+\n$/.test(text)) throw new Error('it is not one line');
          const value = JSON.parse(text) as { instance_id?: string; clusters?: { cluster_id?: string; ctime?: unknown }[] };
          if (value.instance_id !== i || value.clusters?.[0]?.cluster_id !== 'c1') throw new Error(`it is ${text}`);
          if (text.includes('": ')) throw new Error('it is not compact');
        },
      },
    ),
  ]),
  on('12 get_value: an instance by its key', (i) => [
    instance(i),
    query('get_value', { key_type: 'InstanceKey', key: key('01', 'instance', i) }, { http: 200, text: contains(`"instance_id":"${i}"`) }),
  ]),
  on('12 get_value: a vault, its keys in cipher form', (i) => [
    legacyInstance(`${i}-legacy`),
    admin(
      'create_instance',
      {
        instance_id: i,
        vault: {
          obj_info: { ak: 'ak', sk: 'clear-secret', bucket: 'b', endpoint: 'e', external_endpoint: 'e', region: 'r', provider: 'S3' },
        },
      },
      { http: 200 },
    ),
    query(
      'get_value',
      { key_type: 'StorageVaultKey', instance_id: i, vault_id: '1' },
      {
        http: 200,
        text: contains('"name":"built_in_storage_vault"'),
        holds: ({ text }) => {
          if (text.includes('clear-secret')) throw new Error('the secret is in clear');
        },
      },
    ),
  ]),
  one(
    '12 get_value: nothing stored',
    query(
      'get_value',
      { key_type: 'InstanceKey', instance_id: 'nobody' },
      { http: 500, code: 'INTERNAL_ERROR', msg: `kv not found, key=${key('01', 'instance', 'nobody')}` },
    ),
  ),
  one('12 get_value: an unknown type', query('get_value', { key_type: 'NoKey' }, invalid('key_type not supported: NoKey'))),
  one(
    '12 get_value: a missing field',
    query('get_value', { key_type: 'TxnInfoKey', instance_id: 'i' }, invalid('db_id is not given or empty')),
  ),
  on('12 get_value: statistics are three lines', (i) => [
    instance(i),
    rpc(
      'create_tablets',
      {
        cloud_unique_id: uid(i),
        db_id: 1,
        tablet_metas: [
          { table_id: 1, index_id: 2, partition_id: 3, tablet_id: 4, rs_metas: [{ rowset_id: 0, start_version: 0, end_version: 1 }] },
        ],
      },
      replied(),
    ),
    query(
      'get_value',
      { key_type: 'StatsTabletKey', instance_id: i, ...tablet },
      {
        http: 200,
        holds: ({ text }) => {
          if (!/^aggregated_stats: \{.*\}\ndetached_stats: \{.*\}\nmerged_stats: \{.*\}\n+$/.test(text)) throw new Error(`it is ${text}`);
        },
      },
    ),
    query('get_value', { key_type: 'MetaTabletIdxKey', instance_id: i, tablet_id: '4' }, { http: 200, text: contains('"tablet_id":"4"') }),
    query('get_value', { key_type: 'MetaTabletKey', instance_id: i, ...tablet }, { http: 200, text: contains('"table_id":"1"') }),
  ]),
  on('12 get_value: a label has its transaction in a second line', (i) => [
    instance(i),
    rpc('begin_txn', { cloud_unique_id: uid(i), txn_info: { db_id: 5, label: 'l', table_ids: [1], timeout_ms: 1000 } }, replied()),
    (answers) =>
      query(
        'get_value',
        { key_type: 'TxnLabelKey', instance_id: i, db_id: '5', label: 'l' },
        {
          http: 200,
          text: contains(`\ntxn_id=${String(latest(answers, 'txn_id'))}\n`),
        },
      ),
  ]),
  on(
    '12 set_value is refused in clear words, and changes nothing',
    (i) => [
      instance(i),
      admin(`set_value`, { instance_id: i, name: 'forged' }, { http: 400 }),
      {
        send: {
          method: 'POST',
          path: `/MetaService/http/set_value?token=greedisgood9999&key_type=InstanceKey&instance_id=${i}`,
          body: JSON.stringify({ instance_id: i, name: 'forged' }),
        },
        expect: { http: 400, code: 'INVALID_ARGUMENT' },
      },
    ],
    { unchangedFrom: 1 },
  ),
];

export const keyToolCases: readonly Case[] = [...decoding, ...encoding, ...values];
