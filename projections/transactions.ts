import type { CommitAttachment, TransactionEvent, TransactionStatus } from '../events/transactions.ts';
import { defineProjection, invariant, type Writable } from './kit.ts';
import { Table } from './table.ts';

type Begun = Extract<TransactionEvent, { readonly type: 'TransactionBegun' }>['data'];
/** A transaction; times in epoch milliseconds. */
export interface TransactionRow extends Begun {
  readonly status: TransactionStatus;
  readonly prepareTime: number;
  readonly precommitTime?: number;
  readonly commitTime?: number;
  readonly finishTime?: number;
  readonly reason?: string;
  readonly commitAttachment?: CommitAttachment;
}
export interface Transactions {
  /** By instance and id. */
  readonly byId: Table<TransactionRow>;
  /** The ids of a label's transactions, ascending, by instance, database and label. All but the newest were aborted. */
  readonly idsByLabel: Table<readonly number[]>;
}

export const transactions = defineProjection<Transactions>({
  name: 'transactions',
  version: 1,
  initial: () => ({ byId: Table.empty(), idsByLabel: Table.empty() }),
  on: {
    TransactionBegun: (state, { event: { data }, at, position }) => {
      const { dbId, instanceId, label, transactionId } = data;
      invariant(transactionId === position, `transaction ${transactionId} does not bear its position`);
      const newest = newestOfLabel(state, instanceId, dbId, label);
      invariant(newest === undefined || newest.status === 'ABORTED', `label ${label} is in use`);
      state.byId = state.byId.set(rowKey(instanceId, transactionId), { ...data, status: 'PREPARED', prepareTime: at });
      state.idsByLabel = state.idsByLabel.update(labelKey(instanceId, dbId, label), (ids = []) => [...ids, transactionId]);
    },
    TransactionPrecommitted: (state, { event: { data }, at }) => {
      const { commitAttachment, precommitTimeoutMs } = data;
      change(state, data, ['PREPARED'], {
        status: 'PRECOMMITTED',
        precommitTime: at,
        ...(precommitTimeoutMs === undefined ? {} : { precommitTimeoutMs }),
        ...attached(commitAttachment),
      });
    },
    TransactionCommitted: (state, { event: { data }, at }) =>
      change(state, data, running, { status: 'VISIBLE', commitTime: at, finishTime: at, ...attached(data.commitAttachment) }),
    TransactionAborted: (state, { event: { data }, at }) =>
      change(state, data, running, { status: 'ABORTED', finishTime: at, reason: data.reason, ...attached(data.commitAttachment) }),
  },
});

const running: readonly TransactionStatus[] = ['PREPARED', 'PRECOMMITTED'];
const attached = (commitAttachment: CommitAttachment | undefined): Partial<TransactionRow> =>
  commitAttachment === undefined ? {} : { commitAttachment };

function change(
  state: Writable<Transactions>,
  { instanceId, transactionId }: { readonly instanceId: string; readonly transactionId: number },
  from: readonly TransactionStatus[],
  fields: Partial<TransactionRow>,
): void {
  const row = transactionOf(state, instanceId, transactionId);
  invariant(row !== undefined && from.includes(row.status), `transaction ${transactionId} of ${instanceId} is ${row?.status}`);
  state.byId = state.byId.set(rowKey(instanceId, transactionId), { ...row, ...fields });
}

/** No id holds a control character. */
const rowKey = (instanceId: string, transactionId: number): string => `${instanceId}\n${transactionId}`;
const labelKey = (instanceId: string, dbId: number, label: string): string => `${instanceId}\n${dbId}\n${label}`;

export const isRunning = ({ status }: TransactionRow): boolean => running.includes(status);
export const transactionOf = (state: Transactions, instanceId: string, transactionId: number): TransactionRow | undefined =>
  state.byId.get(rowKey(instanceId, transactionId));
/** Ascending; empty for a label that nobody has used. */
export const idsOfLabel = (state: Transactions, instanceId: string, dbId: number, label: string): readonly number[] =>
  state.idsByLabel.get(labelKey(instanceId, dbId, label)) ?? [];
/** The only one of a label that may run or be visible. */
export function newestOfLabel(state: Transactions, instanceId: string, dbId: number, label: string): TransactionRow | undefined {
  const id = idsOfLabel(state, instanceId, dbId, label).at(-1);
  return id === undefined ? undefined : transactionOf(state, instanceId, id);
}
/** Every transaction, ids ascending. */
export const transactionRows = (state: Transactions): readonly TransactionRow[] =>
  [...state.byId.rows()].map(([, row]) => row).sort((a, b) => a.transactionId - b.transactionId);
