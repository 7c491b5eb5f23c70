/**
 * Every way a request can be refused. `kind` says what the caller can do about it; each interface has its own form for it.
 * test/architecture holds this table and docs/errors.md together, both ways.
 */
export const rejections = {
  MALFORMED_REQUEST: { kind: 'invalid', remedy: 'Send what the field asks for; GET /openapi.json and --help describe it.' },
  TOO_LARGE: { kind: 'invalid', remedy: 'Split the request into smaller ones.' },
  CONFIG_NOT_DYNAMIC: { kind: 'invalid', remedy: 'See which keys may change with: CALL sys.get_cluster_configs().' },
  INVALID_CONFIG_VALUE: { kind: 'invalid', remedy: 'Give a value of the type that the message names. Nothing was changed.' },
  INVALID_CONFIG_OPERATION: {
    kind: 'invalid',
    remedy: 'Append to and subtract from lists and maps only; set or reset any other key. Nothing was changed.',
  },
  CONFIG_RULE_BROKEN: { kind: 'invalid', remedy: 'Change the keys that the message names together, in one call. Nothing was changed.' },
  UNKNOWN_COORDINATOR: { kind: 'missing', remedy: 'List the nodes with: SELECT * FROM sys.coordinators.' },
  COORDINATOR_IS_MEMBER: { kind: 'conflict', remedy: 'Stop the node first; it is taken off the list when it stays away.' },
  STALE_LEADERSHIP: { kind: 'conflict', remedy: 'None needed: a newer leader has taken over.' },
  IDEMPOTENCY_KEY_REUSED: { kind: 'conflict', remedy: 'Use a new idempotency key for a new request.' },
  UNRESOLVED_INSTANCE: { kind: 'invalid', remedy: 'Give the instance id, or the cloud_unique_id of a node that is registered.' },
  UNKNOWN_INSTANCE: { kind: 'missing', remedy: 'List the instances with: SELECT * FROM sys.instances.' },
  INSTANCE_DELETED: { kind: 'conflict', remedy: 'Use another instance: a dropped one stays dropped.' },
  INSTANCE_EXISTS: { kind: 'conflict', remedy: 'Choose another id: ids are taken for ever, those of dropped instances too.' },
  INSTANCE_HAS_CLUSTERS: { kind: 'conflict', remedy: 'Drop the clusters of the instance first.' },
  INSTANCE_STATUS_CONFLICT: { kind: 'conflict', remedy: 'See its status with: SELECT * FROM sys.instances.' },
  INVALID_INSTANCE: {
    kind: 'invalid',
    remedy: 'Give what the field names; a cloud account has a user id, an access key and a secret key. Nothing was changed.',
  },
  INVALID_STORAGE: {
    kind: 'invalid',
    remedy:
      'Give what the field names; an object store has bucket, endpoint, external endpoint, region, provider and either both keys or, ' +
      'for S3, a role of an INSTANCE_PROFILE. Nothing was changed.',
  },
  STORAGE_MODE_CONFLICT: {
    kind: 'conflict',
    remedy: 'Add vaults where vaults are used, object stores where they are not; an instance never changes over.',
  },
  TOO_MANY_OBJECT_STORES: { kind: 'conflict', remedy: 'Create another instance.' },
  NO_OBJECT_STORE: { kind: 'conflict', remedy: 'Internal stages need an instance with an object store of its own.' },
  UNKNOWN_OBJECT_STORE: { kind: 'missing', remedy: 'See the object stores of the instance with get_obj_store_info. Nothing was changed.' },
  RAM_USER_MISMATCH: {
    kind: 'conflict',
    remedy: 'Give the user that the instance has, or replace it with alter_ram_user. Nothing was changed.',
  },
  NOTHING_TO_CHANGE: { kind: 'conflict', remedy: 'None needed: it is so already.' },
  VAULT_EXISTS: { kind: 'conflict', remedy: 'Choose another name for the vault.' },
  UNKNOWN_VAULT: { kind: 'missing', remedy: 'List the vaults with: SELECT * FROM sys.storage_vaults.' },
  INVALID_STAGE: { kind: 'invalid', remedy: 'Give all that the message asks for. Nothing was changed.' },
  STAGE_EXISTS: { kind: 'conflict', remedy: 'Drop the stage first, or give the new one another name and user.' },
  UNKNOWN_STAGE: { kind: 'missing', remedy: 'List the stages with get_stage.' },
  TOO_MANY_STAGES: { kind: 'conflict', remedy: 'Drop stages that nobody needs.' },
  INVALID_CLUSTER: { kind: 'invalid', remedy: 'Send the cluster and its nodes as the message asks for. Nothing was changed.' },
  CLUSTER_EXISTS: { kind: 'conflict', remedy: 'Choose another id or name; those in use are listed by: SELECT * FROM sys.clusters.' },
  UNKNOWN_CLUSTER: { kind: 'missing', remedy: 'List the clusters with: SELECT * FROM sys.clusters.' },
  CLUSTER_IN_USE: { kind: 'conflict', remedy: 'Drop the virtual cluster that groups it first.' },
  CLUSTER_STATUS_CONFLICT: {
    kind: 'conflict',
    remedy: 'See which status it has in sys.clusters, and which may follow in docs/meta-service.md.',
  },
  MISSING_ENDPOINT: { kind: 'invalid', remedy: 'Give the private endpoint.' },
  ENDPOINT_TAKEN: { kind: 'conflict', remedy: 'Drop the node at this address first; it is listed by: SELECT * FROM sys.compute_nodes.' },
  CLOUD_UNIQUE_ID_TAKEN: { kind: 'conflict', remedy: 'Give the node an id of its own: one id belongs to one instance.' },
  UNKNOWN_NODE: { kind: 'missing', remedy: 'List the nodes with: SELECT * FROM sys.compute_nodes.' },
  YOUNG_FRONTEND: { kind: 'conflict', remedy: 'Try again 5 minutes after the frontend was added.' },
  INVALID_FRONTENDS: { kind: 'conflict', remedy: 'Leave the instance one master, or at least one follower. Nothing was changed.' },
  INVALID_TRANSACTION: {
    kind: 'invalid',
    remedy:
      'To begin one, give its database, label, tables and timeout; to go on, its id, or to abort it its database and label. ' +
      'Nothing was changed.',
  },
  LABEL_IN_USE: { kind: 'conflict', remedy: 'Go on with the transaction that has the label, abort it, or choose another label.' },
  LABEL_WORN_OUT: { kind: 'conflict', remedy: 'Choose another label.' },
  TRANSACTION_BEGUN_BEFORE: { kind: 'conflict', remedy: 'Go on with the transaction that this very request began.' },
  UNKNOWN_TRANSACTION: { kind: 'missing', remedy: 'Begin a transaction first, or look its id up with get_txn and the label.' },
  TRANSACTION_NOT_INDEXED: { kind: 'missing', remedy: 'Begin a transaction first, or look its id up with get_txn and the label.' },
  UNKNOWN_LABEL: { kind: 'missing', remedy: 'Begin a transaction under this label first.' },
  TRANSACTION_ABORTED: { kind: 'conflict', remedy: 'Begin another one: an aborted transaction stays aborted.' },
  TRANSACTION_VISIBLE: { kind: 'conflict', remedy: 'None needed: its rowsets are visible, which cannot be taken back.' },
  TRANSACTION_PRECOMMITTED: { kind: 'conflict', remedy: 'Commit or abort it.' },
  TRANSACTION_NOT_PRECOMMITTED: { kind: 'conflict', remedy: 'Precommit it first, or commit it in one step.' },
  INVALID_TABLET: { kind: 'invalid', remedy: 'Give all that the message asks for. Nothing was changed.' },
  TABLET_EXISTS: { kind: 'conflict', remedy: 'Choose another id for the tablet.' },
  UNKNOWN_TABLET: { kind: 'missing', remedy: 'Create the tablet first. Nothing was changed.' },
  ROWSET_EXISTS: { kind: 'conflict', remedy: 'None needed when it is this one; else begin another transaction.' },
  STALE_ROWSET: { kind: 'conflict', remedy: 'Start the compaction again: it does not run any more.' },
  INVALID_TABLET_JOB: {
    kind: 'invalid',
    remedy:
      'Give what the message asks for; a lease never goes back, and BASE, CUMULATIVE, EMPTY_CUMULATIVE and FULL are what is committed. ' +
      'Nothing was changed.',
  },
  STALE_TABLET: { kind: 'conflict', remedy: 'Read the statistics of the tablet again, then start the compaction.' },
  TABLET_BUSY: { kind: 'conflict', remedy: 'Wait for the compaction that the message names, or abort it.' },
  UNKNOWN_TABLET_JOB: { kind: 'missing', remedy: 'Start the compaction first; a finished one is no longer known.' },
  TABLET_JOB_EXPIRED: { kind: 'conflict', remedy: 'Start the compaction again.' },
  AUTHORIZATION_DENIED: { kind: 'denied', remedy: 'Ask whoever administers access for an entry: CALL sys.add_acl(...). Nothing was done.' },
  SECURITY_DISABLED: { kind: 'conflict', remedy: 'Set authorizer.enabled: true in cluster-configs of every node, and start them again.' },
  UNKNOWN_TOKEN: { kind: 'missing', remedy: 'List the tokens with: chancery token list. One that is over is not on the list.' },
  TOKEN_EXISTS: { kind: 'conflict', remedy: 'Ask again: each request makes an id of its own.' },
  TOO_MANY_TOKENS: { kind: 'conflict', remedy: 'Revoke tokens that nobody needs.' },
  UNKNOWN_DATA_KEY: { kind: 'missing', remedy: 'List the data keys with: SELECT * FROM sys.data_keys.' },
  DATA_KEY_IN_USE: {
    kind: 'conflict',
    remedy: 'Make a new data key, give the secrets in force again, then shred the old one; or give them up with force.',
  },
  DATA_KEYS_CHANGED: { kind: 'conflict', remedy: 'Ask again: somebody else changed the data keys meanwhile.' },
  DATA_KEY_SHREDDED: { kind: 'conflict', remedy: 'Send the request again: it is then sealed with the new data key.' },
  UNKNOWN_SERVER: { kind: 'missing', remedy: 'List the tablet servers with: SELECT * FROM sys.servers. Nothing was changed.' },
  SERVER_ID_TAKEN: { kind: 'conflict', remedy: 'Stop the other server, or give this one an id of its own.' },
  SERVER_DATA_NEEDED: {
    kind: 'conflict',
    remedy: 'Start it with the data directory that it had, or drop the tables whose buckets nobody else holds.',
  },
  STALE_SERVER: { kind: 'conflict', remedy: 'Register again.' },
  SERVER_IS_LIVE: { kind: 'conflict', remedy: 'Stop the server first.' },
  SERVER_HOLDS_BUCKETS: { kind: 'conflict', remedy: "Tag it PERMANENT_OFFLINE, then CALL sys.rebalance('REPLICA_DISTRIBUTION')." },
  TOO_MANY_SERVERS: { kind: 'conflict', remedy: 'Take lost servers off the list first.' },
  SERVER_TAG_EXISTS: { kind: 'conflict', remedy: 'Take the other tag off first: CALL sys.remove_server_tag(...). Nothing was changed.' },
  SERVER_TAG_MISMATCH: {
    kind: 'conflict',
    remedy: 'Name the tag that the server has; SELECT * FROM sys.servers shows it. Nothing was changed.',
  },
  INVALID_DATABASE: { kind: 'invalid', remedy: 'Choose a name of up to 200 letters, digits, _ and -; SHOW DATABASES lists those in use.' },
  DATABASE_EXISTS: { kind: 'conflict', remedy: 'Choose another name, or create it IF NOT EXISTS.' },
  UNKNOWN_DATABASE: { kind: 'missing', remedy: 'List the databases with: SHOW DATABASES. Nothing was changed.' },
  DATABASE_NOT_EMPTY: { kind: 'conflict', remedy: 'Drop its tables first, or drop it with CASCADE.' },
  DEFAULT_DATABASE: { kind: 'conflict', remedy: 'Drop its tables instead.' },
  INVALID_TABLE: {
    kind: 'invalid',
    remedy: 'Correct what the message names; docs/catalog.md says what a table may be. Nothing was changed.',
  },
  INVALID_TABLE_PROPERTY: {
    kind: 'invalid',
    remedy: 'Give the property a value as the message says, or leave it out; docs/catalog.md lists them. Nothing was changed.',
  },
  TABLE_EXISTS: { kind: 'conflict', remedy: 'Choose another name, or create it IF NOT EXISTS.' },
  UNKNOWN_TABLE: { kind: 'missing', remedy: 'List the tables of a database with: SHOW TABLES IN <database>. Nothing was changed.' },
  TOO_FEW_SERVERS: {
    kind: 'conflict',
    remedy: "Start more tablet servers, or ask for fewer replicas: WITH ('table.replication.factor' = '1'). Nothing was changed.",
  },
  NOT_PARTITIONED: { kind: 'conflict', remedy: 'Create the table PARTITIONED BY a column. Nothing was changed.' },
  INVALID_PARTITION: { kind: 'invalid', remedy: 'Give each partition key of the table one value. Nothing was changed.' },
  PARTITION_EXISTS: { kind: 'conflict', remedy: 'Leave it out, or add it IF NOT EXISTS. Nothing was changed.' },
  UNKNOWN_PARTITION: { kind: 'missing', remedy: 'List the partitions with: SHOW PARTITIONS. Nothing was changed.' },
  TOO_MANY_PARTITIONS: { kind: 'conflict', remedy: 'Drop partitions that nobody needs. Nothing was changed.' },
  CATALOG_FULL: { kind: 'conflict', remedy: 'Drop what nobody needs. Nothing was changed.' },
  REBALANCE_IN_PROGRESS: { kind: 'conflict', remedy: 'Wait for it (chancery rebalance watch), or CALL sys.cancel_rebalance().' },
  PLAN_STALE: { kind: 'conflict', remedy: 'Plan again; with replan it is planned anew by itself. Nothing was moved.' },
  PLANNING_FAILED: { kind: 'conflict', remedy: 'Change the goals, the tags or the servers as the message says. Nothing was moved.' },
  NO_REBALANCE: { kind: 'missing', remedy: "Begin one with: CALL sys.rebalance('REPLICA_DISTRIBUTION')." },
  UNKNOWN_REBALANCE: { kind: 'missing', remedy: 'List them with: SELECT * FROM sys.rebalances.' },
  REBALANCE_OVER: { kind: 'conflict', remedy: 'None needed: it is over. Only what is NOT_STARTED or REBALANCING can be canceled.' },
  FENCED_COORDINATOR_EPOCH: { kind: 'conflict', remedy: 'Report it again with the coordinator epoch of the newest answer.' },
  FENCED_TIERING_EPOCH: { kind: 'conflict', remedy: 'Give this round up: it is over, or another one of the table has begun.' },
  TABLE_NOT_TIERING: { kind: 'conflict', remedy: 'Give this round up, and ask for a table again.' },
  NO_LEADER: { kind: 'unavailable', remedy: 'Try again in a few seconds; `chancery status` shows which nodes are reachable.' },
  BUSY: { kind: 'unavailable', remedy: 'Try again after a moment, with fewer requests at once.' },
  DRAINING: { kind: 'unavailable', remedy: 'Ask another node: this one is stopping.' },
  NOT_CAUGHT_UP: { kind: 'unavailable', remedy: 'Try again, ask for an older position, or ask another node.' },
  UNKNOWN_POSITION: { kind: 'missing', remedy: 'Ask for a position up to the newest one; `chancery status` shows it.' },
  HISTORY_UNAVAILABLE: { kind: 'unavailable', remedy: 'Ask again in a few seconds: the process that answers for the past starts anew.' },
  SECRETS_UNAVAILABLE: {
    kind: 'unavailable',
    remedy: 'Give this node the master key that the message names, or give the secret again where its data key was shredded.',
  },
  NODE_FAULT: { kind: 'unavailable', remedy: 'Ask another node and look at this one: `chancery verify` names the position.' },
} as const;
export type RejectionCode = keyof typeof rejections;
export type RejectionKind = (typeof rejections)[RejectionCode]['kind'];

/** An expected "no": returned, never thrown. */
export interface Rejection {
  readonly code: RejectionCode;
  /** Path into the command: `changes[2].value`; empty when it is about the request as a whole. */
  readonly field: string;
  /** This occurrence, with the offending value; never a secret. */
  readonly detail: string;
  /** What the caller can do now. */
  readonly remedy: string;
  /** What a program needs to go on and should not have to read out of the words: the id of the transaction that has the label, say. */
  readonly facts?: Readonly<Record<string, string | number>>;
}

export const rejection = (code: RejectionCode, field: string, detail: string, facts?: Rejection['facts']): Rejection => ({
  code,
  field,
  detail,
  remedy: rejections[code].remedy,
  ...(facts === undefined ? {} : { facts }),
});

/** Whether that was not found, or not allowed: nothing else in the project carries a remedy and a detail. */
export const isRejection = (value: unknown): value is Rejection =>
  typeof value === 'object' && value !== null && 'remedy' in value && 'detail' in value;

export type Decision<E> =
  /** `answer`: what the caller is to be told beside that it was done; JSON, of a form that the command says. */
  | { readonly kind: 'accepted'; readonly events: readonly E[]; readonly answer?: unknown }
  | { readonly kind: 'rejected'; readonly rejection: Rejection };
export const accept = <E>(...events: readonly E[]): Decision<E> => ({ kind: 'accepted', events });
export const acceptWith = <E>(answer: unknown, ...events: readonly E[]): Decision<E> => ({ kind: 'accepted', events, answer });
export const refused = (fault: Rejection): Decision<never> => ({ kind: 'rejected', rejection: fault });
export const reject = (code: RejectionCode, field: string, detail: string, facts?: Rejection['facts']): Decision<never> =>
  refused(rejection(code, field, detail, facts));
