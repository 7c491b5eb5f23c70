/**
 * The keys under which upstream stores its records, as one table: what decode_key draws, what encode_key and get_value are asked by.
 * Chancery stores nothing under them; they are the names by which operators of the interface know its records.
 */

/** What a key consists of behind its space byte. `stamp`: the ten bytes that the store itself gives. */
export type KeyPart =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'integer'; readonly integer: bigint }
  | { readonly kind: 'stamp'; readonly stamp: Buffer };
export interface DecodedKey {
  readonly space: number;
  /** `offset`: of the part's tag byte in the key. */
  readonly parts: readonly (KeyPart & { readonly offset: number })[];
}

/** `bytes`: the longest key that upstream's store takes. `parts`: no key has half as many; a drawing grows with their product. */
export const keyLimits = { bytes: 10_000, parts: 32 } as const;

const tags = { text: 0x10, negative: 0x11, integer: 0x12, stamp: 0x13 } as const;
const stampBytes = 10;

/** The bytes of a key. Texts keep their order: a key of a longer text sorts behind that of its beginning. */
export function encodeKey(space: number, parts: readonly KeyPart[]): Buffer {
  return Buffer.concat([Buffer.from([space]), ...parts.map(encodePart)]);
}

function encodePart(part: KeyPart): Buffer {
  if (part.kind === 'stamp') return Buffer.concat([Buffer.from([tags.stamp]), part.stamp]);
  if (part.kind === 'integer') {
    const bytes = Buffer.alloc(9, part.integer < 0n ? tags.negative : tags.integer);
    bytes.writeBigUInt64BE(part.integer < 0n ? -part.integer : part.integer, 1);
    return bytes;
  }
  const text = Buffer.from(part.text, 'utf8');
  const escaped = text.includes(0) ? Buffer.from(text.toString('latin1').replaceAll('\0', '\0\xff'), 'latin1') : text;
  return Buffer.concat([Buffer.from([tags.text]), escaped, Buffer.from([0, 1])]);
}

/** @returns undefined for what is no key: an unknown tag, a text without end, an integer cut short, more parts than any key has. */
export function decodeKey(key: Buffer): DecodedKey | undefined {
  const space = key[0];
  if (space === undefined || key.length > keyLimits.bytes) return undefined;
  const parts: (KeyPart & { readonly offset: number })[] = [];
  let offset = 1;
  while (offset < key.length) {
    const decoded = decodePart(key, offset);
    if (decoded === undefined || parts.length === keyLimits.parts) return undefined;
    parts.push({ ...decoded.part, offset });
    offset = decoded.end;
  }
  return { space, parts };
}

function decodePart(key: Buffer, offset: number): { readonly part: KeyPart; readonly end: number } | undefined {
  const tag = key[offset];
  const from = offset + 1;
  if (tag === tags.text) return decodeText(key, from);
  if (tag === tags.stamp) {
    const end = from + stampBytes;
    return end > key.length ? undefined : { part: { kind: 'stamp', stamp: key.subarray(from, end) }, end };
  }
  if ((tag !== tags.integer && tag !== tags.negative) || from + 8 > key.length) return undefined;
  const absolute = key.readBigUInt64BE(from);
  return { part: { kind: 'integer', integer: BigInt.asIntN(64, tag === tags.negative ? -absolute : absolute) }, end: from + 8 };
}

function decodeText(key: Buffer, from: number): { readonly part: KeyPart; readonly end: number } | undefined {
  const bytes: number[] = [];
  for (let i = from; i < key.length; i += 1) {
    const byte = key[i] ?? 0;
    if (byte !== 0) {
      bytes.push(byte);
      continue;
    }
    const next = key[i + 1];
    if (next === 1) return { part: { kind: 'text', text: Buffer.from(bytes).toString('utf8') }, end: i + 2 };
    if (next !== 0xff) return undefined;
    bytes.push(0);
    i += 1;
  }
  return undefined;
}

/** A literal word, a text `{name}` or an integer `{#name}`; the name is the one by which a query gives it. */
interface KeyField {
  readonly kind: 'word' | 'text' | 'integer';
  readonly name: string;
}
export interface KeyType {
  readonly name: string;
  readonly space: number;
  readonly fields: readonly KeyField[];
}

/** @param form such as `txn {instance_id} txn_info {#db_id} {#txn_id}`, as the contract writes it */
function keyType(name: string, space: number, form: string): KeyType {
  const fields = form.split(' ').map((part): KeyField => {
    const [, hash, field] = /^\{(#?)(.*)\}$/.exec(part) ?? [];
    if (field === undefined) return { kind: 'word', name: part };
    return { kind: hash === '#' ? 'integer' : 'text', name: field };
  });
  return { name, space, fields };
}

const user = (name: string, form: string): KeyType => keyType(name, 1, form);
const system = (name: string, word: string): KeyType => keyType(name, 2, `system meta-service ${word}`);
const versioned = (name: string, form: string): KeyType => keyType(name, 3, form);
const tablet = '{#table_id} {#index_id} {#part_id} {#tablet_id}';

/** The names of versioned keys begin with `Versioned`; those without a name upstream are named after what they hold. */
const types: readonly KeyType[] = [
  user('InstanceKey', 'instance {instance_id}'),
  user('TxnLabelKey', 'txn {instance_id} txn_label {#db_id} {label}'),
  user('TxnInfoKey', 'txn {instance_id} txn_info {#db_id} {#txn_id}'),
  user('TxnIndexKey', 'txn {instance_id} txn_index {#txn_id}'),
  user('TxnRunningKey', 'txn {instance_id} txn_running {#db_id} {#txn_id}'),
  user('PartitionVersionKey', 'version {instance_id} partition {#db_id} {#tbl_id} {#partition_id}'),
  user('TableVersionKey', 'version {instance_id} table {#db_id} {#tbl_id}'),
  user('MetaRowsetKey', 'meta {instance_id} rowset {#tablet_id} {#version}'),
  user('MetaRowsetTmpKey', 'meta {instance_id} rowset_tmp {#txn_id} {#tablet_id}'),
  user('MetaTabletKey', `meta {instance_id} tablet ${tablet}`),
  user('MetaTabletIdxKey', 'meta {instance_id} tablet_index {#tablet_id}'),
  user('MetaSchemaKey', 'meta {instance_id} schema {#index_id} {#schema_version}'),
  user('MetaSchemaPBDictionaryKey', 'meta {instance_id} tablet_schema_pb_dict {#index_id}'),
  user('MetaDeleteBitmap', 'meta {instance_id} delete_bitmap {#tablet_id} {rowest_id} {#version} {#seg_id}'),
  user('MetaDeleteBitmapUpdateLock', 'meta {instance_id} delete_bitmap_lock {#table_id} {#partition_id}'),
  user('MetaPendingDeleteBitmap', 'meta {instance_id} delete_bitmap_pending {#tablet_id}'),
  user('MetaMowTabletJobKey', 'meta {instance_id} mow_tablet_job {#table_id} {#initiator}'),
  user('StatsTabletKey', `stats {instance_id} tablet ${tablet}`),
  user('RecycleIndexKey', 'recycle {instance_id} index {#index_id}'),
  user('RecyclePartKey', 'recycle {instance_id} partition {#part_id}'),
  user('RecycleRowsetKey', 'recycle {instance_id} rowset {#tablet_id} {rowset_id}'),
  user('RecycleTxnKey', 'recycle {instance_id} txn {#db_id} {#txn_id}'),
  user('RecycleStageKey', 'recycle {instance_id} stage {stage_id}'),
  user('JobTabletKey', `job {instance_id} tablet ${tablet}`),
  user('JobRecycleKey', 'job {instance_id} check'),
  user('JobRecycleRunKey', 'job {instance_id} recycle'),
  user('RLJobProgressKey', 'job {instance_id} routine_load_progress {#db_id} {#job_id}'),
  user('JobSnapshotDataMigratorKey', 'job {instance_id} snapshot_data_migrator'),
  user('JobSnapshotChainCompactorKey', 'job {instance_id} snapshot_chain_compactor'),
  user('StreamingJobKey', 'job {instance_id} streaming_job {#db_id} {#job_id}'),
  user('JobRestoreTabletKey', 'job {instance_id} restore_tablet {#tablet_id}'),
  user('JobRestoreRowsetKey', 'job {instance_id} restore_rowset {#tablet_id} {#version}'),
  user('CopyJobKey', 'copy {instance_id} job {stage_id} {#table_id} {copy_id} {#group_id}'),
  user('CopyFileKey', 'copy {instance_id} loading_file {stage_id} {#table_id} {obj_key} {obj_etag}'),
  user('StorageVaultKey', 'storage_vault {instance_id} vault {vault_id}'),
  system('MetaServiceRegistryKey', 'registry'),
  system('MetaServiceArnInfoKey', 'arn_info'),
  system('MetaServiceEncryptionKey', 'encryption_key_info'),
  versioned('VersionedPartitionVersionKey', 'version {instance_id} partition {#partition_id}'),
  versioned('VersionedTableVersionKey', 'version {instance_id} table {#table_id}'),
  versioned('VersionedPartitionIndexKey', 'index {instance_id} partition {#partition_id}'),
  versioned('VersionedPartitionInvertedIndexKey', 'index {instance_id} partition_inverted {#db_id} {#table_id} {#partition_id}'),
  versioned('VersionedTabletIndexKey', 'index {instance_id} tablet {#tablet_id}'),
  versioned(
    'VersionedTabletInvertedIndexKey',
    'index {instance_id} tablet_inverted {#db_id} {#table_id} {#index_id} {#partition_id} {#tablet_id}',
  ),
  versioned('VersionedIndexIndexKey', 'index {instance_id} index {#index_id}'),
  versioned('VersionedIndexInvertedKey', 'index {instance_id} index_inverted {#db_id} {#table_id} {#index_id}'),
  versioned('VersionedTabletLoadStatsKey', 'stats {instance_id} tablet_load {#tablet_id}'),
  versioned('VersionedTabletCompactStatsKey', 'stats {instance_id} tablet_compact {#tablet_id}'),
  versioned('VersionedMetaPartitionKey', 'meta {instance_id} partition {#partition_id}'),
  versioned('VersionedMetaIndexKey', 'meta {instance_id} index {#index_id}'),
  versioned('VersionedMetaTabletKey', 'meta {instance_id} tablet {#tablet_id}'),
  versioned('VersionedMetaSchemaKey', 'meta {instance_id} schema {#index_id} {#schema_version}'),
  versioned('VersionedMetaRowsetLoadKey', 'meta {instance_id} rowset_load {#tablet_id} {#version}'),
  versioned('VersionedMetaRowsetCompactKey', 'meta {instance_id} rowset_compact {#tablet_id} {#version}'),
  versioned('VersionedMetaDeleteBitmapKey', 'meta {instance_id} delete_bitmap {#tablet_id} {rowset_id}'),
  versioned('VersionedDataRowsetRefCountKey', 'data {instance_id} rowset_ref_count {#tablet_id} {rowset_id}'),
  versioned('VersionedSnapshotFullKey', 'snapshot {instance_id} full'),
  versioned('VersionedLogKey', 'log {instance_id}'),
];

/** By name; `VersionKey` is what released builds call PartitionVersionKey. */
export const keyTypes: ReadonlyMap<string, KeyType> = new Map([
  ...types.map((type) => [type.name, type] as const),
  ...types.filter(({ name }) => name === 'PartitionVersionKey').map((type) => ['VersionKey', { ...type, name: 'VersionKey' }] as const),
]);

/** What a key's fields hold, words left out. */
export type KeyFields = Readonly<Record<string, string | bigint>>;

/** The bytes of a key. @param fields every one of the type's; @throws Error when one is missing */
export function keyOf({ fields, name, space }: KeyType, given: KeyFields): Buffer {
  const parts = fields.map((field): KeyPart => {
    if (field.kind === 'word') return { kind: 'text', text: field.name };
    const value = given[field.name];
    if (field.kind === 'integer' && typeof value === 'bigint') return { kind: 'integer', integer: value };
    if (field.kind === 'text' && typeof value === 'string') return { kind: 'text', text: value };
    throw new Error(`${name} has no ${field.name}`);
  });
  return encodeKey(space, parts);
}

/** What the fields of a key hold that is of this type. @returns undefined when it is not */
export function fieldsOf({ fields, space }: KeyType, key: Buffer): KeyFields | undefined {
  const decoded = decodeKey(key);
  if (decoded === undefined || decoded.space !== space || decoded.parts.length !== fields.length) return undefined;
  const found: Record<string, string | bigint> = {};
  for (const [i, field] of fields.entries()) {
    const part = decoded.parts[i];
    if (field.kind === 'integer' && part?.kind === 'integer') found[field.name] = part.integer;
    else if (field.kind === 'text' && part?.kind === 'text') found[field.name] = part.text;
    else if (field.kind !== 'word' || part?.kind !== 'text' || part.text !== field.name) return undefined;
  }
  return found;
}
