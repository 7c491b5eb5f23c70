/**
 * Every message of the Meta Service that Chancery reads or writes, with the names and numbers of Doris's `cloud.proto` and
 * `olap_file.proto`. Fields that nobody here looks at are left out: readers ignore what they do not know.
 */
import { bool, enumType, exact64, int32, int64, list, message, optional, required, text, textMap } from './message.ts';

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
export const txnStatus = enumType('TxnStatusPB', {
  TXN_STATUS_UNKNOWN: 0,
  TXN_STATUS_PREPARED: 1,
  TXN_STATUS_COMMITTED: 2,
  TXN_STATUS_VISIBLE: 3,
  TXN_STATUS_ABORTED: 4,
  TXN_STATUS_PRECOMMITTED: 5,
});
export const txnSourceType = enumType('TxnSourceTypePB', { UKNOWN_TXN_SOURCE_TYPE: 0, TXN_SOURCE_TYPE_FE: 1, TXN_SOURCE_TYPE_BE: 2 });
export const loadJobSourceType = enumType('LoadJobSourceTypePB', {
  LOAD_JOB_SRC_TYPE_UNKNOWN: 0,
  LOAD_JOB_SRC_TYPE_FRONTEND: 1,
  LOAD_JOB_SRC_TYPE_BACKEND_STREAMING: 2,
  LOAD_JOB_SRC_TYPE_INSERT_STREAMING: 3,
  LOAD_JOB_SRC_TYPE_ROUTINE_LOAD_TASK: 4,
  LOAD_JOB_SRC_TYPE_BATCH_LOAD_JOB: 5,
  LOAD_JOB_SRC_TYPE_STREAMING_JOB: 6,
});
/** The first name is misspelt upstream. */
export const commitAttachmentType = enumType('TxnCommitAttachmentPB.Type', {
  LODD_JOB_FINAL_OPERATION: 0,
  RT_TASK_TXN_COMMIT_ATTACHMENT: 1,
  STREAMING_TASK_TXN_COMMIT_ATTACHMENT: 2,
});
export const tabletState = enumType('TabletStatePB', {
  PB_NOTREADY: 0,
  PB_RUNNING: 1,
  PB_TOMBSTONED: 2,
  PB_STOPPED: 3,
  PB_SHUTDOWN: 4,
});
export const compactionType = enumType('TabletCompactionJobPB.CompactionType', {
  UNKOWN: 0,
  BASE: 1,
  CUMULATIVE: 2,
  EMPTY_CUMULATIVE: 3,
  FULL: 4,
  STOP_TOKEN: 5,
});
export const finishTabletJobAction = enumType('FinishTabletJobRequest.Action', { UNKONWN: 0, COMMIT: 1, ABORT: 2, LEASE: 3 });
export const jobRecycleStatus = enumType('JobRecyclePB.Status', { IDLE: 0, BUSY: 1 });

// ---- What is stored: instances, storage, clusters ----------------------------------------------------------------------------

export const responseStatus = message('MetaServiceResponseStatus', { code: optional(1, metaServiceCode), msg: optional(2, text) });
const status = optional(1, responseStatus);
/** The reply of most changes: its status and nothing else. */
const statusAlone = <const N extends string>(name: N) => message(name, { status });

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

// ---- What is stored: transactions, tablets, jobs -----------------------------------------------------------------------------

/** Frontends send the halves of a random UUID. */
export const uniqueId = message('UniqueIdPB', { hi: optional(1, exact64), lo: optional(2, exact64) });
export const txnCoordinator = message('TxnCoordinatorPB', {
  sourceType: optional(1, txnSourceType),
  ip: optional(2, text),
  id: optional(3, int64),
  start_time: optional(4, int64),
});
export const loadJobFinalOperation = message('TxnCommitAttachmentPB.LoadJobFinalOperationPB', {
  id: optional(1, int64),
  progress: optional(3, int32),
  load_start_timestamp: optional(4, int64),
  finish_timestamp: optional(5, int64),
  copy_id: optional(8, text),
  load_file_paths: optional(9, text),
});
export const routineLoadAttachment = message('RLTaskTxnCommitAttachmentPB', {
  job_id: optional(1, int64),
  task_id: optional(2, uniqueId),
  filtered_rows: optional(3, int64),
  loaded_rows: optional(4, int64),
  unselected_rows: optional(5, int64),
  received_bytes: optional(6, int64),
  task_execution_time_ms: optional(7, int64),
  error_log_url: optional(9, text),
});
export const streamingTaskAttachment = message('StreamingTaskCommitAttachmentPB', {
  job_id: optional(1, int64),
  offset: optional(2, text),
  scanned_rows: optional(3, int64),
  load_bytes: optional(4, int64),
  num_files: optional(5, int64),
  file_bytes: optional(6, int64),
  filtered_rows: optional(7, int64),
});
export const commitAttachment = message('TxnCommitAttachmentPB', {
  type: optional(1, commitAttachmentType),
  load_job_final_operation: optional(2, loadJobFinalOperation),
  rl_task_txn_commit_attachment: optional(3, routineLoadAttachment),
  streaming_task_txn_commit_attachment: optional(4, streamingTaskAttachment),
});
export const txnInfo = message('TxnInfoPB', {
  db_id: optional(1, int64),
  table_ids: list(2, int64),
  txn_id: optional(3, int64),
  label: optional(4, text),
  request_id: optional(5, uniqueId),
  coordinator: optional(6, txnCoordinator),
  load_job_source_type: optional(7, loadJobSourceType),
  timeout_ms: optional(8, int64),
  precommit_timeout_ms: optional(9, int64),
  prepare_time: optional(10, int64),
  precommit_time: optional(11, int64),
  commit_time: optional(12, int64),
  finish_time: optional(13, int64),
  reason: optional(14, text),
  status: optional(15, txnStatus),
  commit_attachment: optional(16, commitAttachment),
  listener_id: optional(17, int64),
});
export const txnLabel = message('TxnLabelPB', { txn_ids: list(1, int64) });
export const txnRunning = message('TxnRunningPB', { table_ids: list(1, int64), timeout_time: optional(2, int64) });
export const recycleTxn = message('RecycleTxnPB', {
  creation_time: optional(1, int64),
  label: optional(2, text),
  immediate: optional(3, bool),
});
export const version = message('VersionPB', {
  version: optional(1, int64),
  update_time_ms: optional(2, int64),
  pending_txn_ids: list(3, int64),
});
export const tabletIndex = message('TabletIndexPB', {
  db_id: optional(1, int64),
  table_id: optional(2, int64),
  index_id: optional(3, int64),
  partition_id: optional(4, int64),
  tablet_id: optional(5, int64),
});
export const txnIndex = message('TxnIndexPB', { tablet_index: optional(1, tabletIndex), parent_txn_id: optional(2, int64) });
export const tabletSchema = message('TabletSchemaCloudPB', { schema_version: optional(13, int32) });
export const rowsetMeta = message('RowsetMetaCloudPB', {
  rowset_id: required(1, int64),
  partition_id: optional(2, int64),
  tablet_id: optional(3, int64),
  txn_id: optional(4, int64),
  tablet_schema_hash: optional(5, int32),
  start_version: optional(8, int64),
  end_version: optional(9, int64),
  num_rows: optional(11, int64),
  total_disk_size: optional(12, int64),
  data_disk_size: optional(13, int64),
  index_disk_size: optional(14, int64),
  empty: optional(17, bool),
  creation_time: optional(20, int64),
  num_segments: optional(22, int64),
  rowset_id_v2: optional(23, text),
  resource_id: optional(24, text),
  tablet_schema: optional(28, tabletSchema),
  txn_expiration: optional(29, int64),
  index_id: optional(101, int64),
  schema_version: optional(102, int32),
});
export const tabletMeta = message('TabletMetaCloudPB', {
  table_id: optional(1, int64),
  partition_id: optional(2, int64),
  tablet_id: optional(3, int64),
  creation_time: optional(6, int64),
  tablet_state: optional(8, tabletState),
  schema: optional(9, tabletSchema),
  rs_metas: list(10, rowsetMeta),
  index_id: optional(25, int64),
});
export const tabletStats = message('TabletStatsPB', {
  idx: optional(1, tabletIndex),
  data_size: optional(2, int64),
  num_rows: optional(3, int64),
  num_rowsets: optional(4, int64),
  num_segments: optional(5, int64),
  base_compaction_cnt: optional(7, int64),
  cumulative_compaction_cnt: optional(8, int64),
  cumulative_point: optional(9, int64),
  last_base_compaction_time_ms: optional(10, int64),
  last_cumu_compaction_time_ms: optional(11, int64),
  full_compaction_cnt: optional(12, int64),
  last_full_compaction_time_ms: optional(13, int64),
  index_size: optional(14, int64),
  segment_size: optional(15, int64),
});
export const tabletCompactionJob = message('TabletCompactionJobPB', {
  initiator: optional(1, text),
  ctime: optional(2, int64),
  mtime: optional(3, int64),
  type: optional(4, compactionType),
  input_cumulative_point: optional(5, int64),
  output_cumulative_point: optional(6, int64),
  num_input_rowsets: optional(7, int64),
  num_input_segments: optional(8, int64),
  num_output_rowsets: optional(9, int64),
  num_output_segments: optional(10, int64),
  size_input_rowsets: optional(11, int64),
  size_output_rowsets: optional(12, int64),
  num_input_rows: optional(13, int64),
  num_output_rows: optional(14, int64),
  input_versions: list(15, int64),
  output_versions: list(16, int64),
  output_rowset_ids: list(17, text),
  txn_id: list(18, int64),
  base_compaction_cnt: optional(19, int64),
  cumulative_compaction_cnt: optional(20, int64),
  id: optional(21, text),
  expiration: optional(22, int64),
  lease: optional(23, int64),
  delete_bitmap_lock_initiator: optional(24, int64),
  full_compaction_cnt: optional(25, int64),
  check_input_versions_range: optional(26, bool),
  index_size_input_rowsets: optional(27, int64),
  segment_size_input_rowsets: optional(28, int64),
  index_size_output_rowsets: optional(29, int64),
  segment_size_output_rowsets: optional(30, int64),
});
/** Known so that a job that holds nothing else can be told from an empty one. */
export const tabletSchemaChangeJob = message('TabletSchemaChangeJobPB', {
  initiator: optional(1, text),
  id: optional(2, text),
  expiration: optional(3, int64),
  new_tablet_idx: optional(4, tabletIndex),
});
export const tabletJobInfo = message('TabletJobInfoPB', {
  idx: optional(1, tabletIndex),
  compaction: list(4, tabletCompactionJob),
  schema_change: optional(5, tabletSchemaChangeJob),
});
export const jobRecycle = message('JobRecyclePB', {
  instance_id: optional(1, text),
  ip_port: optional(2, text),
  last_ctime_ms: optional(3, int64),
  expiration_time_ms: optional(4, int64),
  last_finish_time_ms: optional(5, int64),
  status: optional(6, jobRecycleStatus),
  last_success_time_ms: optional(7, int64),
});
export const serviceRegistryItem = message('ServiceRegistryPB.Item', {
  id: optional(1, text),
  ip: optional(2, text),
  port: optional(3, int32),
  ctime_ms: optional(4, int64),
  mtime_ms: optional(5, int64),
  expiration_time_ms: optional(6, int64),
  host: optional(7, text),
});
export const serviceRegistry = message('ServiceRegistryPB', { items: list(1, serviceRegistryItem) });
export const encryptionKeyItem = message('EncryptionKeyInfoPB.Item', { key_id: optional(1, int64), key: optional(2, text) });
export const encryptionKeyInfo = message('EncryptionKeyInfoPB', { items: list(1, encryptionKeyItem) });

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

// ---- Requests and replies: transactions --------------------------------------------------------------------------------------

export const beginTxnRequest = message('BeginTxnRequest', { cloud_unique_id: optional(1, text), txn_info: optional(2, txnInfo) });
export const beginTxnResponse = message('BeginTxnResponse', {
  status,
  txn_id: optional(2, int64),
  dup_txn_id: optional(3, int64),
  txn_status: optional(4, txnStatus),
});
export const precommitTxnRequest = message('PrecommitTxnRequest', {
  cloud_unique_id: optional(1, text),
  db_id: optional(2, int64),
  txn_id: optional(3, int64),
  commit_attachment: optional(4, commitAttachment),
  precommit_timeout_ms: optional(5, int64),
});
export const precommitTxnResponse = message('PrecommitTxnResponse', { status, txn_id: optional(2, int64) });
export const commitTxnRequest = message('CommitTxnRequest', {
  cloud_unique_id: optional(1, text),
  db_id: optional(2, int64),
  txn_id: optional(3, int64),
  is_2pc: optional(4, bool),
  commit_attachment: optional(5, commitAttachment),
});
export const commitTxnResponse = message('CommitTxnResponse', {
  status,
  txn_info: optional(2, txnInfo),
  table_ids: list(3, int64),
  partition_ids: list(4, int64),
  versions: list(5, int64),
  version_update_time_ms: optional(7, int64),
});
export const abortTxnRequest = message('AbortTxnRequest', {
  cloud_unique_id: optional(1, text),
  db_id: optional(2, int64),
  txn_id: optional(3, int64),
  label: optional(4, text),
  reason: optional(5, text),
  commit_attachment: optional(6, commitAttachment),
});
export const abortTxnResponse = message('AbortTxnResponse', { status, txn_info: optional(2, txnInfo) });
export const getTxnRequest = message('GetTxnRequest', {
  cloud_unique_id: optional(1, text),
  db_id: optional(2, int64),
  txn_id: optional(3, int64),
  label: optional(4, text),
});
export const getTxnResponse = message('GetTxnResponse', { status, txn_info: optional(2, txnInfo) });

// ---- Requests and replies: tablets and their jobs ----------------------------------------------------------------------------

export const createTabletsRequest = message('CreateTabletsRequest', {
  cloud_unique_id: optional(1, text),
  tablet_metas: list(2, tabletMeta),
  storage_vault_name: optional(3, text),
  db_id: optional(4, int64),
});
export const createTabletsResponse = message('CreateTabletsResponse', {
  status,
  storage_vault_id: optional(2, text),
  storage_vault_name: optional(3, text),
});
/** The request of `prepare_rowset` and of `commit_rowset`. */
export const createRowsetRequest = message('CreateRowsetRequest', {
  cloud_unique_id: optional(1, text),
  rowset_meta: optional(2, rowsetMeta),
  temporary: optional(3, bool),
  txn_id: optional(4, int64),
  tablet_job_id: optional(5, text),
});
export const createRowsetResponse = message('CreateRowsetResponse', { status, existed_rowset_meta: optional(2, rowsetMeta) });
export const getTabletStatsRequest = message('GetTabletStatsRequest', {
  cloud_unique_id: optional(1, text),
  tablet_idx: list(2, tabletIndex),
});
export const getTabletStatsResponse = message('GetTabletStatsResponse', { status, tablet_stats: list(2, tabletStats) });
/** The reply of `fix_tablet_stats`, shown in text form. */
export const fixTabletStatsResponse = statusAlone('FixTabletStatsResponse');
export const startTabletJobRequest = message('StartTabletJobRequest', {
  cloud_unique_id: optional(1, text),
  job: optional(2, tabletJobInfo),
});
export const startTabletJobResponse = message('StartTabletJobResponse', {
  status,
  version_in_compaction: list(2, int64),
  alter_version: optional(3, int64),
});
export const finishTabletJobRequest = message('FinishTabletJobRequest', {
  cloud_unique_id: optional(1, text),
  action: optional(2, finishTabletJobAction),
  job: optional(3, tabletJobInfo),
});
export const finishTabletJobResponse = message('FinishTabletJobResponse', {
  status,
  stats: optional(2, tabletStats),
  alter_version: optional(3, int64),
});
