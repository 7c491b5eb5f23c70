import { z } from 'zod';
import { freeText, identifier, int32, int64 } from '../../events/kit.ts';
import {
  commitAttachment,
  coordinator,
  requestId,
  type TransactionEvent,
  transactionAborted,
  transactionBegun,
  transactionCommitted,
  transactionLimits,
  transactionPrecommitted,
} from '../../events/transactions.ts';
import { configOf } from '../../projections/configs.ts';
import type { State } from '../../projections/state.ts';
import { idsOfLabel, isRunning, newestOfLabel, type TransactionRow, transactionOf } from '../../projections/transactions.ts';
import { accept, type Decision, isRejection, type Rejection, refused, reject, rejection } from '../rejection.ts';
import { resolveInstance } from './instanceResolution.ts';
import { defineCommand } from './kit.ts';

const enumValue = z.union([identifier, int32]).exactOptional();
/** All that a `txn_info` may hold; what the service itself decides (ids, times, status) is read and not looked at. */
const txnInfo = z.strictObject({
  dbId: int64.exactOptional(),
  tableIds: z.array(int64).max(transactionLimits.tables).exactOptional(),
  txnId: int64.exactOptional(),
  label: identifier.exactOptional(),
  requestId: requestId.exactOptional(),
  coordinator: coordinator.exactOptional(),
  loadJobSourceType: enumValue,
  timeoutMs: int64.exactOptional(),
  precommitTimeoutMs: int64.exactOptional(),
  prepareTime: int64.exactOptional(),
  precommitTime: int64.exactOptional(),
  commitTime: int64.exactOptional(),
  finishTime: int64.exactOptional(),
  reason: freeText.exactOptional(),
  status: enumValue,
  commitAttachment: commitAttachment.exactOptional(),
  listenerId: int64.exactOptional(),
});
const cloudUniqueId = identifier.exactOptional();
const named = { cloudUniqueId, dbId: int64.exactOptional(), txnId: int64.exactOptional() } as const;

const orEmpty = (id: string): string => (id === '' ? '(empty)' : id);
const unresolved = (id: string, rest: string): Rejection =>
  rejection('UNRESOLVED_INSTANCE', 'cloudUniqueId', `cannot find instance_id with cloud_unique_id=${orEmpty(id)} ${rest}`);
/** What an event says of the transaction it is about. */
const keyOf = ({ dbId, instanceId, label, transactionId }: TransactionRow) => ({ instanceId, transactionId, dbId, label });

/**
 * Begins a transaction; its id is the position of the event.
 * @returns `TransactionBegun`; or, in this order: INVALID_TRANSACTION, UNRESOLVED_INSTANCE, LABEL_WORN_OUT,
 *   TRANSACTION_BEGUN_BEFORE (fact `transactionId`), LABEL_IN_USE (fact `status`)
 */
export const beginTransaction = defineCommand({
  name: 'beginTransaction',
  about: 'Begin a transaction under a label.',
  input: z.strictObject({ cloudUniqueId, txnInfo: txnInfo.exactOptional() }),
  decide: (state, { cloudUniqueId: id = '', txnInfo: info }): Decision<TransactionEvent> => {
    if (info === undefined) return reject('INVALID_TRANSACTION', 'txnInfo', 'invalid argument, missing txn info');
    const { dbId = -1, label = '', tableIds = [], timeoutMs } = info;
    if (label === '' || dbId < 0 || tableIds.length === 0 || timeoutMs === undefined)
      return reject('INVALID_TRANSACTION', 'txnInfo', `invalid argument, label=${label} db_id=${dbId}`);
    const instanceId = resolveInstance(state, id);
    if (instanceId === undefined) return refused(unresolved(id, `label=${label}`));
    const fault = labelFault(state, instanceId, dbId, label, info.requestId);
    if (fault !== undefined) return refused(fault);
    const { coordinator: by, listenerId, loadJobSourceType, precommitTimeoutMs, requestId: request } = info;
    return accept(
      transactionBegun({
        instanceId,
        transactionId: state.position + 1,
        dbId,
        label,
        tableIds,
        timeoutMs,
        ...(request === undefined ? {} : { requestId: request }),
        ...(by === undefined ? {} : { coordinator: by }),
        ...(loadJobSourceType === undefined ? {} : { loadJobSourceType }),
        ...(precommitTimeoutMs === undefined ? {} : { precommitTimeoutMs }),
        ...(listenerId === undefined ? {} : { listenerId }),
      }),
    );
  },
});

/** Why a label cannot be used now: its newest transaction says. */
function labelFault(
  state: State,
  instanceId: string,
  dbId: number,
  label: string,
  request: z.infer<typeof requestId> | undefined,
): Rejection | undefined {
  const newest = newestOfLabel(state.transactions, instanceId, dbId, label);
  if (newest === undefined) return undefined;
  const { transactionId, status } = newest;
  if (status === 'ABORTED') {
    const limit = Math.min(transactionLimits.perLabel, configOf(state.configs, 'chancery.meta-service.aborted-transactions-per-label'));
    const { length } = idsOfLabel(state.transactions, instanceId, dbId, label);
    if (length < limit) return undefined;
    const detail = `too many aborted txn for label=${label} txn_id=${transactionId}, ${length} of at most ${limit}`;
    return rejection('LABEL_WORN_OUT', 'txnInfo.label', detail);
  }
  if (isRunning(newest) && isSameRequest(newest.requestId, request)) {
    const detail = `db_id=${dbId} label=${label} txn_id=${transactionId} dup begin txn request.`;
    return rejection('TRANSACTION_BEGUN_BEFORE', 'txnInfo.requestId', detail, { transactionId });
  }
  const detail = `Label [${label}] has already been used, relate to txn [${transactionId}], status=[TXN_STATUS_${status}]`;
  return rejection('LABEL_IN_USE', 'txnInfo.label', detail, { status: `TXN_STATUS_${status}` });
}

type RequestId = z.infer<typeof requestId> | undefined;
const isSameRequest = (a: RequestId, b: RequestId): boolean =>
  a !== undefined && b !== undefined && (a.hi ?? '0') === (b.hi ?? '0') && (a.lo ?? '0') === (b.lo ?? '0');

/**
 * Says that a transaction is ready to be committed.
 * @returns `TransactionPrecommitted`; or INVALID_TRANSACTION, UNRESOLVED_INSTANCE, UNKNOWN_TRANSACTION, TRANSACTION_ABORTED,
 *   TRANSACTION_VISIBLE, TRANSACTION_PRECOMMITTED
 */
export const precommitTransaction = defineCommand({
  name: 'precommitTransaction',
  about: 'Make a transaction ready to be committed.',
  input: z.strictObject({ ...named, precommitTimeoutMs: int64.exactOptional(), commitAttachment: commitAttachment.exactOptional() }),
  decide: (state, { cloudUniqueId: id = '', dbId = -1, txnId = -1, ...given }): Decision<TransactionEvent> => {
    if (txnId < 0) return reject('INVALID_TRANSACTION', 'txnId', `invalid argument, txn_id=${txnId} db_id=${dbId}`);
    const instanceId = resolveInstance(state, id);
    if (instanceId === undefined) return refused(unresolved(id, `txn_id=${txnId}`));
    const row = transactionOf(state.transactions, instanceId, txnId);
    if (row === undefined || (dbId > 0 && dbId !== row.dbId))
      return reject('UNKNOWN_TRANSACTION', 'txnId', `failed to get db id with txn_id=${txnId} err=KeyNotFound`);
    const place = `db_id=${row.dbId} txn_id=${txnId}`;
    if (row.status === 'ABORTED') return reject('TRANSACTION_ABORTED', 'txnId', `transaction is already aborted: ${place}`);
    if (row.status === 'VISIBLE') return reject('TRANSACTION_VISIBLE', 'txnId', `transaction is already visible: ${place}`);
    if (row.status === 'PRECOMMITTED') return reject('TRANSACTION_PRECOMMITTED', 'txnId', `transaction is already precommitted: ${place}`);
    return accept(transactionPrecommitted({ ...keyOf(row), ...given }));
  },
});

/**
 * Makes the rowsets of a transaction visible. One that is visible already stays as it is, unless the caller commits in two phases.
 * @returns at most one `TransactionCommitted`; or INVALID_TRANSACTION, UNRESOLVED_INSTANCE, TRANSACTION_NOT_INDEXED (no database
 *   given), UNKNOWN_TRANSACTION, TRANSACTION_ABORTED, TRANSACTION_VISIBLE, TRANSACTION_NOT_PRECOMMITTED
 */
export const commitTransaction = defineCommand({
  name: 'commitTransaction',
  about: 'Commit a transaction.',
  input: z.strictObject({ ...named, is2pc: z.boolean().exactOptional(), commitAttachment: commitAttachment.exactOptional() }),
  decide: (state, { cloudUniqueId: id = '', dbId, is2pc = false, txnId, ...given }): Decision<TransactionEvent> => {
    if (txnId === undefined) return reject('INVALID_TRANSACTION', 'txnId', 'invalid argument, missing txn id');
    const instanceId = resolveInstance(state, id);
    if (instanceId === undefined) return refused(unresolved(id, `txn_id=${txnId}`));
    const row = transactionOf(state.transactions, instanceId, txnId);
    if (row === undefined && dbId === undefined)
      return reject('TRANSACTION_NOT_INDEXED', 'txnId', `failed to get db id, txn_id=${txnId} err=KeyNotFound`);
    if (row === undefined || (dbId !== undefined && dbId > 0 && dbId !== row.dbId))
      return reject('UNKNOWN_TRANSACTION', 'txnId', `transaction [${txnId}] not found, db_id=${dbId}`);
    if (row.status === 'ABORTED')
      return reject('TRANSACTION_ABORTED', 'txnId', `transaction [${txnId}] is already aborted, db_id=${row.dbId}`);
    if (row.status === 'VISIBLE')
      return is2pc ? reject('TRANSACTION_VISIBLE', 'txnId', `transaction [${txnId}] is already visible, not pre-committed.`) : accept();
    if (row.status === 'PREPARED' && is2pc)
      return reject('TRANSACTION_NOT_PRECOMMITTED', 'txnId', `transaction is prepare, not pre-committed: db_id=${row.dbId} txn_id${txnId}`);
    return accept(transactionCommitted({ ...keyOf(row), ...given }));
  },
});

/**
 * Gives a running transaction up, by its id or by database and label.
 * @returns `TransactionAborted`; or INVALID_TRANSACTION, UNRESOLVED_INSTANCE, UNKNOWN_TRANSACTION, UNKNOWN_LABEL,
 *   TRANSACTION_ABORTED, TRANSACTION_VISIBLE
 */
export const abortTransaction = defineCommand({
  name: 'abortTransaction',
  about: 'Give a transaction up.',
  input: z.strictObject({
    ...named,
    label: identifier.exactOptional(),
    reason: freeText.exactOptional(),
    commitAttachment: commitAttachment.exactOptional(),
  }),
  decide: (state, { cloudUniqueId: id = '', dbId = -1, label = '', reason, txnId = -1, ...given }): Decision<TransactionEvent> => {
    if (txnId < 0 && (label === '' || dbId < 0))
      return reject('INVALID_TRANSACTION', 'txnId', `invalid txn id and label, db_id=${dbId} txn_id=${txnId} label=${label}`);
    const instanceId = resolveInstance(state, id);
    if (instanceId === undefined) return refused(unresolved(id, `label=${label} txn_id=${txnId}`));
    const found = txnId > 0 ? abortableById(state, instanceId, dbId, txnId) : abortableByLabel(state, instanceId, dbId, label);
    if (isRejection(found)) return refused(found);
    return accept(transactionAborted({ ...keyOf(found), reason: reason ?? 'User Abort', ...given }));
  },
});

function abortableById(state: State, instanceId: string, dbId: number, txnId: number): TransactionRow | Rejection {
  const row = transactionOf(state.transactions, instanceId, txnId);
  if (row === undefined) return rejection('UNKNOWN_TRANSACTION', 'txnId', `transaction [${txnId}] not found`);
  if (dbId > 0 && dbId !== row.dbId)
    return rejection('UNKNOWN_TRANSACTION', 'dbId', `failed to get txn_info, db_id=${dbId} txn_id=${txnId} err=KeyNotFound`);
  if (row.status === 'ABORTED')
    return rejection('TRANSACTION_ABORTED', 'txnId', `transaction [${txnId}] is already aborted, db_id=${row.dbId}`);
  if (row.status === 'VISIBLE')
    return rejection('TRANSACTION_VISIBLE', 'txnId', `transaction [${txnId}] is already VISIBLE, db_id=${row.dbId}`);
  return row;
}

function abortableByLabel(state: State, instanceId: string, dbId: number, label: string): TransactionRow | Rejection {
  const newest = newestOfLabel(state.transactions, instanceId, dbId, label);
  if (newest === undefined) return rejection('UNKNOWN_LABEL', 'label', `txn->get() failed, label=${label} err=KeyNotFound`);
  if (!isRunning(newest)) return rejection('UNKNOWN_TRANSACTION', 'label', `running transaction not found, db_id=${dbId} label=${label}`);
  return newest;
}
