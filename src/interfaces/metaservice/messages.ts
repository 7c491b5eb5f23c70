/**
 * Every message of the Meta Service that Chancery reads or writes, with the names and numbers of Doris's `cloud.proto` and
 * `olap_file.proto`. Fields that nobody here looks at are left out: readers ignore what they do not know.
 */
import { bool, enumType, int32, int64, list, message, optional, required, text, textMap } from './message.ts';

// ---- Enums -------------------------------------------------------------------------------------------------------------------

/** All codes of the service; `codes.ts` names those that Chancery answers with. */
export const metaServiceCode = enumType('MetaServiceCode', {
  OK: 0,
  INVALID_ARGUMENT: 1001,
  KV_TXN_CREATE_ERR: 1002,
  KV_TXN_GET_ERR: 1003,
  KV_TXN_COMMIT_ERR: 1004,
  KV_TXN_CONFLICT: 1005,
  PROTOBUF_PARSE_ERR: 1006,
  PROTOBUF_SERIALIZE_ERR: 1007,
  KV_TXN_STORE_GET_RETRYABLE: 1008,
  KV_TXN_STORE_COMMIT_RETRYABLE: 1009,
  KV_TXN_STORE_CREATE_RETRYABLE: 1010,
  KV_TXN_TOO_OLD: 1011,
  TXN_GEN_ID_ERR: 2001,
  TXN_DUPLICATED_REQ: 2002,
  TXN_LABEL_ALREADY_USED: 2003,
  TXN_INVALID_STATUS: 2004,
  TXN_LABEL_NOT_FOUND: 2005,
  TXN_ID_NOT_FOUND: 2006,
  TXN_ALREADY_ABORTED: 2007,
  TXN_ALREADY_VISIBLE: 2008,
  TXN_ALREADY_PRECOMMITED: 2009,
  VERSION_NOT_FOUND: 2010,
  TABLET_NOT_FOUND: 2011,
  STALE_TABLET_CACHE: 2012,
  STALE_PREPARE_ROWSET: 2013,
  CLUSTER_NOT_FOUND: 3001,
  ALREADY_EXISTED: 3002,
  CLUSTER_ENDPOINT_MISSING: 3003,
  STORAGE_VAULT_NOT_FOUND: 3004,
  STAGE_NOT_FOUND: 4001,
  STAGE_GET_ERR: 4002,
  STATE_ALREADY_EXISTED_FOR_USER: 4003,
  COPY_JOB_NOT_FOUND: 4004,
  JOB_EXPIRED: 5000,
  JOB_TABLET_BUSY: 5001,
  JOB_ALREADY_SUCCESS: 5002,
  ROUTINE_LOAD_DATA_INCONSISTENT: 5003,
  ROUTINE_LOAD_PROGRESS_NOT_FOUND: 5004,
  JOB_CHECK_ALTER_VERSION: 5005,
  STREAMING_JOB_PROGRESS_NOT_FOUND: 5006,
  MAX_QPS_LIMIT: 6001,
  ERR_ENCRYPT: 7001,
  ERR_DECPYPT: 7002,
  LOCK_EXPIRED: 8001,
  LOCK_CONFLICT: 8002,
  ROWSETS_EXPIRED: 8003,
  VERSION_NOT_MATCH: 8004,
  UPDATE_OVERRIDE_EXISTING_KV: 8005,
  ROWSET_META_NOT_FOUND: 9001,
  KV_TXN_CONFLICT_RETRY_EXCEEDED_MAX_TIMES: 10001,
  SCHEMA_DICT_NOT_FOUND: 11001,
  UNDEFINED_ERR: 1_000_000,
});
export const instanceStatus = enumType('InstanceInfoPB.Status', { NORMAL: 0, DELETED: 1, OVERDUE: 2 });
export const multiVersionStatus = enumType('MultiVersionStatus', {
  MULTI_VERSION_DISABLED: 0,
  MULTI_VERSION_WRITE_ONLY: 1,
  MULTI_VERSION_READ_WRITE: 2,
  MULTI_VERSION_ENABLED: 3,
});
export const snapshotSwitchStatus = enumType('SnapshotSwitchStatus', {
  SNAPSHOT_SWITCH_DISABLED: 0,
  SNAPSHOT_SWITCH_OFF: 1,
  SNAPSHOT_SWITCH_ON: 2,
});
export const clusterType = enumType('ClusterPB.Type', { SQL: 0, COMPUTE: 1, VIRTUAL: 2 });
export const clusterStatus = enumType('ClusterStatus', { UNKNOWN: 0, NORMAL: 1, SUSPENDED: 2, TO_RESUME: 3, MANUAL_SHUTDOWN: 4 });
export const clusterPolicyType = enumType('ClusterPolicy.PolicyType', { ActiveStandby: 0 });
export const nodeType = enumType('NodeInfoPB.NodeType', { UNKNOWN: 0, FE_MASTER: 1, FE_OBSERVER: 2, FE_FOLLOWER: 3 });
export const nodeStatus = enumType('NodeStatusPB', {
  NODE_STATUS_UNKNOWN: 0,
  NODE_STATUS_RUNNING: 1,
  NODE_STATUS_SHUTDOWN: 2,
  NODE_STATUS_DECOMMISSIONING: 3,
  NODE_STATUS_DECOMMISSIONED: 4,
});
export const objectStoreProvider = enumType('ObjectStoreInfoPB.Provider', {
  UNKONWN: -1,
  OSS: 0,
  S3: 1,
  COS: 2,
  OBS: 3,
  BOS: 4,
  GCP: 5,
  AZURE: 6,
  TOS: 7,
});
export const credProviderType = enumType('CredProviderTypePB', {
  DEFAULT: 1,
  SIMPLE: 2,
  INSTANCE_PROFILE: 3,
});
export const stageType = enumType('StagePB.StageType', { INTERNAL: 0, EXTERNAL: 1 });
export const stageAccessType = enumType('StagePB.StageAccessType', { UNKNOWN: 0, AKSK: 1, IAM: 2, BUCKET_ACL: 3 });
export const alterInstanceOp = enumType('AlterInstanceRequest.Operation', {
  UNKNOWN: 0,
  DROP: 1,
  REFRESH: 2,
  RENAME: 3,
  ENABLE_SSE: 4,
  DISABLE_SSE: 5,
  SET_OVERDUE: 6,
  SET_NORMAL: 7,
  SET_SNAPSHOT_PROPERTY: 8,
});
export const alterClusterOp = enumType('AlterClusterRequest.Operation', {
  UNKNOWN: 0,
  ADD_CLUSTER: 1,
  DROP_CLUSTER: 2,
  ADD_NODE: 3,
  DROP_NODE: 4,
  RENAME_CLUSTER: 5,
  UPDATE_CLUSTER_MYSQL_USER_NAME: 6,
  DECOMMISSION_NODE: 7,
  NOTIFY_DECOMMISSIONED: 8,
  UPDATE_CLUSTER_ENDPOINT: 9,
  SET_CLUSTER_STATUS: 10,
  ALTER_VCLUSTER_INFO: 11,
  ALTER_PROPERTIES: 12,
});
export const alterObjStoreInfoOp = enumType('AlterObjStoreInfoRequest.Operation', {
  UNKNOWN: 0,
  UPDATE_AK_SK: 1,
  ADD_OBJ_INFO: 2,
  LEGACY_UPDATE_AK_SK: 3,
  ALTER_OBJ_INFO: 4,
  ADD_HDFS_INFO: 100,
  DROP_HDFS_INFO: 101,
  ADD_BUILT_IN_VAULT: 102,
  ADD_S3_VAULT: 103,
  DROP_S3_VAULT: 104,
  ALTER_S3_VAULT: 105,
  ALTER_HDFS_VAULT: 106,
  SET_DEFAULT_VAULT: 200,
  UNSET_DEFAULT_VAULT: 201,
});
// ---- What is stored: instances, storage, clusters ----------------------------------------------------------------------------

export const responseStatus = message('MetaServiceResponseStatus', { code: optional(1, metaServiceCode), msg: optional(2, text) });
export const status = optional(1, responseStatus);
/** The reply of most changes: its status and nothing else. */
export const statusAlone = <const N extends string>(name: N) => message(name, { status });

export const encryptionInfo = message('EncryptionInfoPB', { encryption_method: optional(1, text), key_id: optional(2, int64) });
export const ramUser = message('RamUserPB', {
  user_id: optional(1, text),
  ak: optional(2, text),
  sk: optional(3, text),
  external_id: optional(4, text),
  encryption_info: optional(6, encryptionInfo),
});
export const objectStoreInfo = message('ObjectStoreInfoPB', {
  ctime: optional(1, int64),
  mtime: optional(2, int64),
  id: optional(3, text),
  ak: optional(4, text),
  sk: optional(5, text),
  bucket: optional(6, text),
  prefix: optional(7, text),
  endpoint: optional(8, text),
  region: optional(9, text),
  provider: optional(10, objectStoreProvider),
  external_endpoint: optional(11, text),
  user_id: optional(13, text),
  encryption_info: optional(14, encryptionInfo),
  sse_enabled: optional(15, bool),
  use_path_style: optional(16, bool),
  cred_provider_type: optional(17, credProviderType),
  role_arn: optional(18, text),
  external_id: optional(19, text),
});
export const hdfsConf = message('HdfsBuildConf.HdfsConfKVPair', { key: required(1, text), value: required(2, text) });
export const hdfsBuildConf = message('HdfsBuildConf', {
  fs_name: optional(1, text),
  user: optional(2, text),
  hdfs_kerberos_principal: optional(3, text),
  hdfs_kerberos_keytab: optional(4, text),
  hdfs_confs: list(5, hdfsConf),
});
export const hdfsVaultInfo = message('HdfsVaultInfo', { build_conf: optional(1, hdfsBuildConf), prefix: optional(2, text) });
export const pathFormat = message('StorageVaultPB.PathFormat', { path_version: optional(1, int64), shard_num: optional(2, int64) });
export const storageVault = message('StorageVaultPB', {
  id: optional(1, text),
  name: optional(2, text),
  hdfs_info: optional(3, hdfsVaultInfo),
  obj_info: optional(4, objectStoreInfo),
  path_format: optional(5, pathFormat),
  alter_name: optional(6, text),
});
export const stage = message('StagePB', {
  type: optional(1, stageType),
  mysql_user_name: list(2, text),
  name: optional(3, text),
  obj_info: optional(6, objectStoreInfo),
  stage_id: optional(7, text),
  properties: textMap(8),
  mysql_user_id: list(9, text),
  comment: optional(10, text),
  create_time: optional(11, int64),
  access_type: optional(12, stageAccessType),
  role_name: optional(13, text),
  arn: optional(14, text),
  external_id: optional(15, text),
});
export const nodeInfo = message('NodeInfoPB', {
  cloud_unique_id: optional(1, text),
  name: optional(2, text),
  ip: optional(3, text),
  vpc_name: optional(4, text),
  ctime: optional(5, int64),
  mtime: optional(6, int64),
  status: optional(7, nodeStatus),
  heartbeat_port: optional(8, int32),
  desc: optional(9, text),
  edit_log_port: optional(10, int32),
  node_type: optional(11, nodeType),
  is_smooth_upgrade: optional(12, bool),
  host: optional(13, text),
  public_endpoint: optional(14, text),
  private_endpoint: optional(15, text),
});
export const clusterPolicy = message('ClusterPolicy', {
  type: optional(1, clusterPolicyType),
  active_cluster_name: optional(2, text),
  standby_cluster_names: list(3, text),
  failover_failure_threshold: optional(4, int64),
  unhealthy_node_threshold_percent: optional(5, int64),
  cache_warmup_jobids: list(6, text),
});
export const cluster = message('ClusterPB', {
  cluster_id: optional(1, text),
  cluster_name: optional(2, text),
  type: optional(3, clusterType),
  desc: optional(4, text),
  nodes: list(5, nodeInfo),
  mysql_user_name: list(6, text),
  public_endpoint: optional(7, text),
  private_endpoint: optional(8, text),
  cluster_status: optional(9, clusterStatus),
  ctime: optional(10, int64),
  mtime: optional(11, int64),
  cluster_names: list(12, text),
  cluster_policy: optional(13, clusterPolicy),
  properties: textMap(14),
});
export const instanceInfo = message('InstanceInfoPB', {
  user_id: optional(1, text),
  instance_id: optional(2, text),
  name: optional(3, text),
  lb_ip: list(4, text),
  ctime: optional(5, int64),
  mtime: optional(6, int64),
  clusters: list(7, cluster),
  obj_info: list(8, objectStoreInfo),
  stages: list(9, stage),
  status: optional(10, instanceStatus),
  ram_user: optional(11, ramUser),
  iam_user: optional(12, ramUser),
  sse_enabled: optional(13, bool),
  resource_ids: list(100, text),
  storage_vault_names: list(101, text),
  default_storage_vault_id: optional(102, text),
  default_storage_vault_name: optional(103, text),
  enable_storage_vault: optional(104, bool),
  multi_version_status: optional(110, multiVersionStatus),
  snapshot_switch_status: optional(111, snapshotSwitchStatus),
  source_instance_id: optional(112, text),
  source_snapshot_id: optional(113, text),
  original_instance_id: optional(114, text),
  successor_instance_id: optional(115, text),
  ready_only: optional(116, bool),
  max_reserved_snapshot: optional(117, int64),
  snapshot_interval_seconds: optional(118, int64),
});

// ---- Requests and replies: instances and storage -----------------------------------------------------------------------------

export const createInstanceRequest = message('CreateInstanceRequest', {
  instance_id: optional(1, text),
  user_id: optional(2, text),
  name: optional(3, text),
  obj_info: optional(4, objectStoreInfo),
  ram_user: optional(5, ramUser),
  sse_enabled: optional(6, bool),
  vault: optional(7, storageVault),
});
export const createInstanceResponse = statusAlone('CreateInstanceResponse');
export const alterInstanceRequest = message('AlterInstanceRequest', {
  instance_id: optional(1, text),
  op: optional(2, alterInstanceOp),
  name: optional(3, text),
  properties: textMap(5),
});
export const alterInstanceResponse = statusAlone('AlterInstanceResponse');
export const getInstanceRequest = message('GetInstanceRequest', { instance_id: optional(1, text), cloud_unique_id: optional(2, text) });
export const getInstanceResponse = message('GetInstanceResponse', { status, instance: optional(2, instanceInfo) });
export const getObjStoreInfoRequest = message('GetObjStoreInfoRequest', { cloud_unique_id: optional(1, text) });
export const getObjStoreInfoResponse = message('GetObjStoreInfoResponse', {
  status,
  obj_info: list(2, objectStoreInfo),
  storage_vault: list(3, storageVault),
  default_storage_vault_id: optional(4, text),
  default_storage_vault_name: optional(5, text),
  enable_storage_vault: optional(6, bool),
});
/** Also the request of `alter_storage_vault`. */
export const alterObjStoreInfoRequest = message('AlterObjStoreInfoRequest', {
  cloud_unique_id: optional(1, text),
  obj: optional(2, objectStoreInfo),
  op: optional(3, alterObjStoreInfoOp),
  vault: optional(4, storageVault),
  set_as_default_storage_vault: optional(5, bool),
});
export const alterObjStoreInfoResponse = message('AlterObjStoreInfoResponse', {
  status,
  storage_vault_id: optional(2, text),
  default_storage_vault_replaced: optional(3, bool),
});
export const updateAkSkRequest = message('UpdateAkSkRequest', {
  instance_id: optional(1, text),
  internal_bucket_user: list(2, ramUser),
  ram_user: optional(3, ramUser),
});
export const updateAkSkResponse = statusAlone('UpdateAkSkResponse');
export const createStageRequest = message('CreateStageRequest', { cloud_unique_id: optional(1, text), stage: optional(2, stage) });
export const createStageResponse = statusAlone('CreateStageResponse');
export const getStageRequest = message('GetStageRequest', {
  cloud_unique_id: optional(1, text),
  stage_name: optional(2, text),
  mysql_user_name: optional(3, text),
  type: optional(4, stageType),
  mysql_user_id: optional(5, text),
});
export const getStageResponse = message('GetStageResponse', { status, stage: list(2, stage) });
export const dropStageRequest = message('DropStageRequest', {
  cloud_unique_id: optional(1, text),
  stage_name: optional(2, text),
  mysql_user_name: optional(3, text),
  type: optional(4, stageType),
  mysql_user_id: optional(5, text),
  reason: optional(6, text),
});
export const dropStageResponse = statusAlone('DropStageResponse');
export const getIamRequest = message('GetIamRequest', { cloud_unique_id: optional(1, text) });
export const getIamResponse = message('GetIamResponse', { status, iam_user: optional(2, ramUser), ram_user: optional(3, ramUser) });
export const alterIamRequest = message('AlterIamRequest', {
  account_id: optional(1, text),
  ak: optional(2, text),
  sk: optional(3, text),
});
export const alterIamResponse = statusAlone('AlterIamResponse');
export const alterRamUserRequest = message('AlterRamUserRequest', { instance_id: optional(1, text), ram_user: optional(2, ramUser) });
export const alterRamUserResponse = statusAlone('AlterRamUserResponse');

// ---- Requests and replies: clusters ------------------------------------------------------------------------------------------

export const alterClusterRequest = message('AlterClusterRequest', {
  instance_id: optional(1, text),
  cloud_unique_id: optional(2, text),
  cluster: optional(3, cluster),
  op: optional(4, alterClusterOp),
  replace_if_existing_empty_target_cluster: optional(5, bool),
});
export const alterClusterResponse = statusAlone('AlterClusterResponse');
export const getClusterRequest = message('GetClusterRequest', {
  instance_id: optional(1, text),
  cloud_unique_id: optional(2, text),
  cluster_id: optional(3, text),
  cluster_name: optional(4, text),
  mysql_user_name: optional(5, text),
});
export const getClusterResponse = message('GetClusterResponse', {
  status,
  cluster: list(2, cluster),
  enable_storage_vault: optional(3, bool),
});
export const getClusterStatusRequest = message('GetClusterStatusRequest', {
  instance_ids: list(1, text),
  cloud_unique_ids: list(2, text),
  status: optional(3, clusterStatus),
});
export const getClusterStatusDetail = message('GetClusterStatusResponse.GetClusterStatusResponseDetail', {
  instance_id: optional(1, text),
  clusters: list(2, cluster),
});
export const getClusterStatusResponse = message('GetClusterStatusResponse', { status, details: list(2, getClusterStatusDetail) });
