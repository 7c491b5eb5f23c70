/**
 * The messages of transactions, tablets and their jobs, and what the key tools show; see `messages.ts`.
 */
import { bool, enumType, exact64, int32, int64, list, message, optional, required, text } from './message.ts';
import { status, statusAlone } from './messages.ts';

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
