import type { State } from '../../../projections/state.ts';
import { type PartitionVersion, partitionVersionOf, visibleInOf } from '../../../projections/tablets.ts';
import { idsOfLabel, isRunning, newestOfLabel, type TransactionRow, transactionOf } from '../../../projections/transactions.ts';
import type { Command } from '../../deciders/commands.ts';
import { resolveInstance } from '../../deciders/instanceResolution.ts';
import { failed, type InternalCode, ok, type Status } from './codes.ts';
import { printCompact } from './jsonText.ts';
import type { KeyFields } from './keySpace.ts';
import type { KeyValue } from './keyTools.ts';
import type { ValueOf } from './message.ts';
import { type AdminRoutes, type Answer, type Context, defineMethod, envelope, type Methods, type Submitted } from './method.ts';
import {
  abortTxnRequest,
  abortTxnResponse,
  beginTxnRequest,
  beginTxnResponse,
  commitTxnRequest,
  commitTxnResponse,
  getTxnRequest,
  getTxnResponse,
  precommitTxnRequest,
  precommitTxnResponse,
  recycleTxn,
  txnIndex,
  txnInfo,
  txnLabel,
  txnRunning,
  txnStatus,
  version,
} from './txnMessages.ts';

/** A request's fields are those of its command, which is checked when it is submitted. */
export const submitted = (context: Context, name: Command['name'], request: object): Promise<Submitted> =>
  context.submit({ name, ...request } as unknown as Command);

type TxnStatus = keyof (typeof txnStatus)['numbers'];
const isTxnStatus = (word: unknown): word is TxnStatus => typeof word === 'string' && Object.hasOwn(txnStatus.numbers, word);

const beginTxn = defineMethod({
  request: beginTxnRequest,
  reply: beginTxnResponse,
  call: async (request, context) => {
    const outcome = await submitted(context, 'beginTransaction', request);
    if (outcome.kind === 'done') return { status: ok, txnId: outcome.position };
    const { status, transactionId } = outcome.facts;
    return {
      status: outcome.status,
      ...(typeof transactionId === 'number' ? { dupTxnId: transactionId } : {}),
      ...(isTxnStatus(status) ? { txnStatus: status } : {}),
    };
  },
});

const precommitTxn = defineMethod({
  request: precommitTxnRequest,
  reply: precommitTxnResponse,
  call: async (request, context) => {
    const outcome = await submitted(context, 'precommitTransaction', request);
    if (outcome.kind !== 'done') return { status: outcome.status };
    return { status: ok, ...(request.txnId === undefined ? {} : { txnId: request.txnId }) };
  },
});

const commitTxn = defineMethod({
  request: commitTxnRequest,
  reply: commitTxnResponse,
  call: async (request, context) => {
    const outcome = await submitted(context, 'commitTransaction', request);
    if (outcome.kind !== 'done') return { status: outcome.status };
    const { state } = outcome;
    const row = transactionOf(state.transactions, resolveInstance(state, request.cloudUniqueId ?? '') ?? '', request.txnId ?? 0);
    if (row === undefined) return { status: ok };
    const visible = visibleInOf(state.tablets, row.instanceId, row.transactionId);
    const [first] = visible;
    return {
      status: ok,
      txnInfo: txnInfoMessage(row),
      tableIds: visible.map(({ tableId }) => tableId),
      partitionIds: visible.map(({ partitionId }) => partitionId),
      versions: visible.map((one) => one.version),
      ...(first === undefined ? {} : { versionUpdateTimeMs: first.updatedAt }),
    };
  },
});

const abortTxn = defineMethod({
  request: abortTxnRequest,
  reply: abortTxnResponse,
  call: async (request, context) => {
    const outcome = await submitted(context, 'abortTransaction', request);
    if (outcome.kind !== 'done') return { status: outcome.status };
    const row = abortedOne(outcome.state, request);
    return { status: ok, ...(row === undefined ? {} : { txnInfo: txnInfoMessage(row) }) };
  },
});

/** Under a label it is the newest that was aborted, whatever began there since. */
function abortedOne({ transactions, ...state }: State, request: ValueOf<typeof abortTxnRequest>): TransactionRow | undefined {
  const { cloudUniqueId = '', dbId = 0, label = '', txnId = 0 } = request;
  const instanceId = resolveInstance({ transactions, ...state }, cloudUniqueId) ?? '';
  if (txnId > 0) return transactionOf(transactions, instanceId, txnId);
  const id = idsOfLabel(transactions, instanceId, dbId, label).findLast(
    (one) => transactionOf(transactions, instanceId, one)?.status === 'ABORTED',
  );
  return id === undefined ? undefined : transactionOf(transactions, instanceId, id);
}

const getTxn = defineMethod({
  request: getTxnRequest,
  reply: getTxnResponse,
  call: (request, { state }) => {
    const found = transactionAsked(state, request);
    return Promise.resolve('code' in found ? { status: found } : { status: ok, txnInfo: txnInfoMessage(found) });
  },
});

function transactionAsked(
  state: State,
  { cloudUniqueId = '', dbId = -1, label = '', txnId = -1 }: ValueOf<typeof getTxnRequest>,
): TransactionRow | Status {
  const fail = (code: InternalCode, msg: string): Status => failed(code, msg);
  if (txnId < 0 && (label === '' || dbId < 0))
    return fail('INVALID_ARGUMENT', `invalid txn id and label, db_id=${dbId} txn_id=${txnId} label=${label}`);
  const instanceId = resolveInstance(state, cloudUniqueId);
  if (instanceId === undefined) {
    const named = cloudUniqueId === '' ? '(empty)' : cloudUniqueId;
    return fail('INVALID_ARGUMENT', `cannot find instance_id with cloud_unique_id=${named} label=${label} txn_id=${txnId}`);
  }
  if (txnId > 0) {
    const row = transactionOf(state.transactions, instanceId, txnId);
    if (row !== undefined && (dbId <= 0 || dbId === row.dbId)) return row;
    return fail('TXN_ID_NOT_FOUND', `failed to get db id with txn_id=${txnId} err=KeyNotFound`);
  }
  const newest = newestOfLabel(state.transactions, instanceId, dbId, label);
  return newest ?? fail('TXN_LABEL_NOT_FOUND', `txn->get() failed, label=${label} err=KeyNotFound`);
}

/** A commit here is never half done: there is nothing left to finish, and only what is wrong with the question is told. */
function finishLazyCommit(query: URLSearchParams, { state }: Context): Answer {
  const [instanceId, text] = [query.get('instance_id') ?? '', query.get('txn_id') ?? ''];
  if (instanceId === '' || text === '') return envelope(failed('INVALID_ARGUMENT', 'instance_id or txn_id is empty'));
  if (!/^\d{1,19}$/.test(text))
    return envelope(failed('UNDEFINED_ERR', `txn_id ${text.slice(0, 200)} must be a number, meet error=not a decimal number`));
  const known = transactionOf(state.transactions, instanceId, Number(text));
  return envelope(known === undefined ? failed('KV_TXN_GET_ERR', `failed to get db id, txn_id=${text} err=KeyNotFound`) : ok);
}

/** A transaction as the service shows it. */
export function txnInfoMessage(row: TransactionRow): ValueOf<typeof txnInfo> {
  const { instanceId: _instanceId, loadJobSourceType, status, transactionId, coordinator, commitAttachment, ...rest } = row;
  return {
    ...rest,
    txnId: transactionId,
    status: `TXN_STATUS_${status}`,
    // Enum fields were decoded by these very types: a text in them is one of their names.
    ...(loadJobSourceType === undefined ? {} : ({ loadJobSourceType } as Pick<ValueOf<typeof txnInfo>, 'loadJobSourceType'>)),
    ...(coordinator === undefined ? {} : ({ coordinator } as Pick<ValueOf<typeof txnInfo>, 'coordinator'>)),
    ...(commitAttachment === undefined ? {} : ({ commitAttachment } as Pick<ValueOf<typeof txnInfo>, 'commitAttachment'>)),
  };
}
/** By when a running transaction must have ended, epoch milliseconds. */
const timeoutOf = ({ precommitTime, precommitTimeoutMs, prepareTime, timeoutMs }: TransactionRow): number =>
  precommitTime === undefined ? prepareTime + timeoutMs : precommitTime + (precommitTimeoutMs ?? timeoutMs);
const txnRunningMessage = (row: TransactionRow): ValueOf<typeof txnRunning> => ({ tableIds: row.tableIds, timeoutTime: timeoutOf(row) });
const recycleTxnMessage = ({ finishTime = 0, label }: TransactionRow): ValueOf<typeof recycleTxn> => ({ creationTime: finishTime, label });
const versionMessage = ({ updatedAt, version: number }: PartitionVersion): ValueOf<typeof version> => ({
  version: number,
  updateTimeMs: updatedAt,
});

/** A key's instance and integers, as far as they can name anything here. */
export const instanceIn = (fields: KeyFields): string => String(fields['instance_id'] ?? '');
export const integerIn = (fields: KeyFields, name: string): number => Number(fields[name] ?? 0);

const transactionIn = (fields: KeyFields, { state }: Context): TransactionRow | undefined => {
  const row = transactionOf(state.transactions, instanceIn(fields), integerIn(fields, 'txn_id'));
  return fields['db_id'] === undefined || row?.dbId === integerIn(fields, 'db_id') ? row : undefined;
};
const partitionVersion: KeyValue = (fields, { state }) => {
  const [dbId, tableId, partitionId] = ['db_id', 'tbl_id', 'partition_id'].map((name) => integerIn(fields, name));
  const present = partitionVersionOf(state.tablets, instanceIn(fields), dbId ?? 0, tableId ?? 0, partitionId ?? 0);
  return present === undefined ? undefined : printCompact(version, versionMessage(present));
};

/** What get_value shows of transactions and versions. */
export const transactionKeyValues: Readonly<Record<string, KeyValue>> = {
  TxnLabelKey: (fields, { state }) => {
    const ids = idsOfLabel(state.transactions, instanceIn(fields), integerIn(fields, 'db_id'), String(fields['label'] ?? ''));
    return ids.length === 0 ? undefined : `${printCompact(txnLabel, { txnIds: ids })}\ntxn_id=${ids.at(-1)}`;
  },
  TxnInfoKey: (fields, context) => {
    const row = transactionIn(fields, context);
    return row === undefined ? undefined : printCompact(txnInfo, txnInfoMessage(row));
  },
  TxnIndexKey: (fields, context) => {
    const row = transactionIn(fields, context);
    return row === undefined ? undefined : printCompact(txnIndex, { tabletIndex: { dbId: row.dbId } });
  },
  TxnRunningKey: (fields, context) => {
    const row = transactionIn(fields, context);
    return row === undefined || !isRunning(row) ? undefined : printCompact(txnRunning, txnRunningMessage(row));
  },
  RecycleTxnKey: (fields, context) => {
    const row = transactionIn(fields, context);
    return row === undefined || isRunning(row) ? undefined : printCompact(recycleTxn, recycleTxnMessage(row));
  },
  PartitionVersionKey: partitionVersion,
  VersionKey: partitionVersion,
};

export const transactionMethods: Methods = {
  begin_txn: beginTxn,
  precommit_txn: precommitTxn,
  commit_txn: commitTxn,
  abort_txn: abortTxn,
  get_txn: getTxn,
};
export const transactionRoutes: AdminRoutes = {
  abort_txn: { kind: 'json', method: abortTxn },
  txn_lazy_commit: { kind: 'query', call: (query, context) => Promise.resolve(finishLazyCommit(query, context)) },
};
