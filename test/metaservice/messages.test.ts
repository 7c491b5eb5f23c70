/**
 * Goal: the messages say what Doris's say: names, numbers, types, order.
 * Method: the contract's data model, copied as text, is compared with the declarations; general rules are checked on every message.
 */
import { expect, expectTypeOf, test } from 'vitest';
import { enumName, enumNumber } from '../../src/interfaces/metaservice/enums.ts';
import type { Field, ValueOf } from '../../src/interfaces/metaservice/message.ts';
import * as messages from '../../src/interfaces/metaservice/messages.ts';
import * as txnMessages from '../../src/interfaces/metaservice/txnMessages.ts';
import { wireSize } from '../../src/interfaces/metaservice/wireSize.ts';
import { enumTypes, messageTypes } from './messageValues.ts';

/** Number, name, then s, i64, i32 or b; another word is a message or an enum; `*` is a list, `{}` a map. */
const dataModel: Readonly<Record<string, string>> = {
  InstanceInfoPB: `1 user_id s · 2 instance_id s · 3 name s · 4 lb_ip s* · 5 ctime i64 · 6 mtime i64 · 7 clusters ClusterPB* ·
    8 obj_info ObjectStoreInfoPB* · 9 stages StagePB* · 10 status InstanceInfoPB.Status · 11 ram_user RamUserPB · 12 iam_user RamUserPB ·
    13 sse_enabled b · 100 resource_ids s* · 101 storage_vault_names s* · 102 default_storage_vault_id s ·
    103 default_storage_vault_name s · 104 enable_storage_vault b · 110 multi_version_status MultiVersionStatus ·
    111 snapshot_switch_status SnapshotSwitchStatus · 112 source_instance_id s · 113 source_snapshot_id s ·
    114 original_instance_id s · 115 successor_instance_id s · 116 ready_only b · 117 max_reserved_snapshot i64 ·
    118 snapshot_interval_seconds i64`,
  ClusterPB: `1 cluster_id s · 2 cluster_name s · 3 type ClusterPB.Type · 4 desc s · 5 nodes NodeInfoPB* · 6 mysql_user_name s* ·
    7 public_endpoint s · 8 private_endpoint s · 9 cluster_status ClusterStatus · 10 ctime i64 · 11 mtime i64 · 12 cluster_names s* ·
    13 cluster_policy ClusterPolicy · 14 properties s{}`,
  ClusterPolicy: `1 type ClusterPolicy.PolicyType · 2 active_cluster_name s · 3 standby_cluster_names s* ·
    4 failover_failure_threshold i64 · 5 unhealthy_node_threshold_percent i64 · 6 cache_warmup_jobids s*`,
  NodeInfoPB: `1 cloud_unique_id s · 2 name s · 3 ip s · 4 vpc_name s · 5 ctime i64 · 6 mtime i64 · 7 status NodeStatusPB ·
    8 heartbeat_port i32 · 9 desc s · 10 edit_log_port i32 · 11 node_type NodeInfoPB.NodeType · 12 is_smooth_upgrade b · 13 host s ·
    14 public_endpoint s · 15 private_endpoint s`,
  ObjectStoreInfoPB: `1 ctime i64 · 2 mtime i64 · 3 id s · 4 ak s · 5 sk s · 6 bucket s · 7 prefix s · 8 endpoint s · 9 region s ·
    10 provider ObjectStoreInfoPB.Provider · 11 external_endpoint s · 13 user_id s · 14 encryption_info EncryptionInfoPB ·
    15 sse_enabled b · 16 use_path_style b · 17 cred_provider_type CredProviderTypePB · 18 role_arn s · 19 external_id s`,
  EncryptionInfoPB: '1 encryption_method s · 2 key_id i64',
  RamUserPB: '1 user_id s · 2 ak s · 3 sk s · 4 external_id s · 6 encryption_info EncryptionInfoPB',
  StorageVaultPB: `1 id s · 2 name s · 3 hdfs_info HdfsVaultInfo · 4 obj_info ObjectStoreInfoPB ·
    5 path_format StorageVaultPB.PathFormat · 6 alter_name s`,
  HdfsVaultInfo: '1 build_conf HdfsBuildConf · 2 prefix s',
  HdfsBuildConf: `1 fs_name s · 2 user s · 3 hdfs_kerberos_principal s · 4 hdfs_kerberos_keytab s ·
    5 hdfs_confs HdfsBuildConf.HdfsConfKVPair*`,
  StagePB: `1 type StagePB.StageType · 2 mysql_user_name s* · 3 name s · 6 obj_info ObjectStoreInfoPB · 7 stage_id s ·
    8 properties s{} · 9 mysql_user_id s* · 10 comment s · 11 create_time i64 · 12 access_type StagePB.StageAccessType ·
    13 role_name s · 14 arn s · 15 external_id s`,
  CreateInstanceRequest: `1 instance_id s · 2 user_id s · 3 name s · 4 obj_info ObjectStoreInfoPB · 5 ram_user RamUserPB ·
    6 sse_enabled b · 7 vault StorageVaultPB`,
  AlterInstanceRequest: '1 instance_id s · 2 op AlterInstanceRequest.Operation · 3 name s · 5 properties s{}',
  AlterClusterRequest: `1 instance_id s · 2 cloud_unique_id s · 3 cluster ClusterPB · 4 op AlterClusterRequest.Operation ·
    5 replace_if_existing_empty_target_cluster b`,
  AlterObjStoreInfoRequest: `1 cloud_unique_id s · 2 obj ObjectStoreInfoPB · 3 op AlterObjStoreInfoRequest.Operation ·
    4 vault StorageVaultPB · 5 set_as_default_storage_vault b`,
};
const short: Readonly<Record<string, string>> = { string: 's', int64: 'i64', exact64: 'i64', int32: 'i32', bool: 'b' };
const labels: Readonly<Record<string, string>> = { list: '*', map: '{}' };
const asText = ({ number, name, type, label }: Field): string =>
  `${number} ${name} ${short[type.kind] ?? ('name' in type ? type.name : type.kind)}${labels[label] ?? ''}`;

test.each(Object.entries(dataModel))('%s is what the contract says', (name, model) => {
  const declared = messageTypes.find((type) => type.name === name);
  expect(declared?.fields.map(asText)).toEqual(model.replace(/\s+/g, ' ').split(' · '));
});

test('the declarations were found', () => {
  expect(messageTypes.length).toBeGreaterThan(80);
  expect(enumTypes.length).toBeGreaterThan(20);
});

test.each(messageTypes.map((type) => [type.name, type] as const))('%s has each number once, ascending, and each name once', (_, type) => {
  const numbers = type.fields.map(({ number }) => number);
  expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b));
  expect(new Set(type.fields.map(({ camel }) => camel)).size).toBe(type.fields.length);
  for (const field of type.fields) {
    expect(type.byName.get(field.name)).toBe(field);
    expect(type.byName.get(field.camel)).toBe(field);
  }
});

test('message names are unique, so that an error names one', () => {
  expect(new Set(messageTypes.map(({ name }) => name)).size).toBe(messageTypes.length);
});

test.each(enumTypes.map((type) => [type.name, type] as const))('%s has each number once', (_, type) => {
  const numbers = Object.values(type.numbers);
  expect(new Set(numbers).size).toBe(numbers.length);
  for (const [name, number] of Object.entries(type.numbers)) {
    expect(enumName(type, number)).toBe(name);
    expect(enumNumber(type, name)).toBe(number);
  }
  expect(enumName(type, 123_456)).toBeUndefined();
  expect(enumNumber(type, 'toString')).toBeUndefined();
  expect(enumNumber(type, 123_456)).toBe(123_456);
});

test('values have the types that the declarations say', () => {
  type Cluster = ValueOf<typeof messages.cluster>;
  expectTypeOf<Cluster['clusterId']>().toEqualTypeOf<string | undefined>();
  expectTypeOf<NonNullable<Cluster['type']>>().toEqualTypeOf<'SQL' | 'COMPUTE' | 'VIRTUAL' | number>();
  expectTypeOf<NonNullable<Cluster['nodes']>[number]['heartbeatPort']>().toEqualTypeOf<number | undefined>();
  expectTypeOf<NonNullable<Cluster['properties']>>().toEqualTypeOf<Readonly<Record<string, string>>>();
});

/** Sizes as protobuf's encoding guide gives them: a tag and a varint, or a tag, a length and as many bytes. */
test.each([
  ['nothing', messages.objectStoreInfo, {}, 0],
  ['an empty text', messages.objectStoreInfo, { ak: '' }, 2],
  ['a text of two bytes in UTF-8', messages.objectStoreInfo, { ak: 'é' }, 4],
  ['a text of 128 bytes', messages.objectStoreInfo, { ak: 'x'.repeat(128) }, 131],
  ['a tag of two bytes', messages.objectStoreInfo, { usePathStyle: true }, 3],
  ['an integer below 128', messages.objectStoreInfo, { ctime: 127 }, 2],
  ['an integer of 31 bits', messages.objectStoreInfo, { ctime: 1_700_000_000 }, 6],
  ['the largest integer', messages.objectStoreInfo, { ctime: Number.MAX_SAFE_INTEGER }, 9],
  ['a negative integer', messages.objectStoreInfo, { ctime: -1 }, 11],
  ['a negative enum', messages.objectStoreInfo, { provider: 'UNKONWN' }, 11],
  ['an enum', messages.objectStoreInfo, { provider: 'S3' }, 2],
  ['a message', messages.objectStoreInfo, { encryptionInfo: { keyId: 1 } }, 4],
  ['a list of texts', messages.cluster, { mysqlUserName: ['a', 'bc'] }, 7],
  ['a list of integers, each with its tag', txnMessages.txnLabel, { txnIds: [1, 300] }, 5],
  ['a map, each entry a message', messages.cluster, { properties: { a: 'b', cd: '' } }, 8 + 8],
] as const)('wire size: %s', (_, type, value, size) => {
  expect(wireSize<object>(type, value)).toBe(size);
});
