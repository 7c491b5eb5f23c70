/**
 * Goal: a transaction goes the ways that the contract's section 14 draws and no other, and each refusal says what that section says.
 * Method: given events, when a command, then exactly these events or exactly this refusal; on a frozen state and on a draft.
 */
import { describe, expect, test } from 'vitest';
import { clusterConfigsChanged } from '../../events/configs.ts';
import type { ChanceryEvent } from '../../events/index.ts';
import { instanceCreated } from '../../events/instances.ts';
import {
  type TransactionEvent,
  transactionAborted,
  transactionBegun,
  transactionCommitted,
  transactionPrecommitted,
} from '../../events/transactions.ts';
import type { Command } from '../../src/deciders/commands.ts';
import type { RejectionCode } from '../../src/rejection.ts';
import { given } from '../support/given.ts';

const instance = instanceCreated({ instanceId: 'i1', sseEnabled: false, enableStorageVault: true });
const key = { instanceId: 'i1', transactionId: 2, dbId: 7, label: 'l' };
const load = { tableIds: [1, 2], timeoutMs: 1000 };
type Begun = Extract<TransactionEvent, { readonly type: 'TransactionBegun' }>['data'];
const begun = (more: Partial<Begun> = {}) => transactionBegun({ ...key, ...load, ...more });
const precommitted = transactionPrecommitted(key);
const committed = transactionCommitted(key);
const aborted = transactionAborted({ ...key, reason: 'User Abort' });
const cloudUniqueId = '1:i1:x';
const reached = {
  PREPARED: [instance, begun()],
  PRECOMMITTED: [instance, begun(), precommitted],
  VISIBLE: [instance, begun(), committed],
  ABORTED: [instance, begun(), aborted],
} as const;

type Begin = Extract<Command, { readonly name: 'beginTransaction' }>;
const begin = (info: NonNullable<Begin['txnInfo']> = { dbId: 7, label: 'l', ...load }, id = cloudUniqueId): Begin => ({
  name: 'beginTransaction',
  cloudUniqueId: id,
  txnInfo: info,
});

describe('beginTransaction', () => {
  test('the id is the position of its event', () => given(instance).when(begin()).gives(begun()));
  test('all that a caller may say is kept, what the service decides is not', () => {
    const said = {
      requestId: { hi: '-1', lo: '9223372036854775807' },
      coordinator: { sourceType: 'TXN_SOURCE_TYPE_FE', ip: '10.0.0.1', id: 5, startTime: 6 },
      loadJobSourceType: 'LOAD_JOB_SRC_TYPE_FRONTEND',
      precommitTimeoutMs: 5,
      listenerId: 8,
    };
    given(instance)
      .when(begin({ dbId: 7, label: 'l', ...load, ...said, txnId: 99, status: 'TXN_STATUS_VISIBLE', prepareTime: 1, reason: 'r' }))
      .gives(begun(said));
  });
  test('a label is unique in its database and its instance only', () => {
    const other = instanceCreated({ instanceId: 'i2', sseEnabled: false, enableStorageVault: true });
    given(instance, begun(), other)
      .when(begin({ dbId: 8, label: 'l', ...load }))
      .gives(begun({ transactionId: 4, dbId: 8 }));
    given(instance, begun(), other)
      .when(begin({ dbId: 7, label: 'l', ...load }, '1:i2:x'))
      .gives(begun({ instanceId: 'i2', transactionId: 4 }));
  });

  test.each<[string, NonNullable<Begin['txnInfo']>, string]>([
    ['no label', { dbId: 7, ...load }, 'label= db_id=7'],
    ['no database', { label: 'l', ...load }, 'label=l db_id=-1'],
    ['a negative database', { dbId: -3, label: 'l', ...load }, 'label=l db_id=-3'],
    ['no tables', { dbId: 7, label: 'l', timeoutMs: 1 }, 'label=l db_id=7'],
    ['no timeout', { dbId: 7, label: 'l', tableIds: [1] }, 'label=l db_id=7'],
  ])('%s, even in an unknown instance', (_, info, what) => {
    given().when(begin(info)).isRefused('INVALID_TRANSACTION', 'txnInfo', `invalid argument, ${what}`);
  });
  test('nothing told of it, even in an unknown instance', () =>
    given().when({ name: 'beginTransaction' }).isRefused('INVALID_TRANSACTION', 'txnInfo', 'invalid argument, missing txn info'));
  test.each([
    ['', '(empty)'],
    ['nobody', 'nobody'],
    ['1:i9:x', '1:i9:x'],
  ])('no instance has %o', (id, shown) => {
    const detail = `cannot find instance_id with cloud_unique_id=${shown} label=l`;
    given(instance)
      .when(begin({ dbId: 7, label: 'l', ...load }, id))
      .isRefused('UNRESOLVED_INSTANCE', 'cloudUniqueId', detail);
  });

  describe('labels', () => {
    const again = { dbId: 7, label: 'l', ...load };
    test.each(['PREPARED', 'PRECOMMITTED', 'VISIBLE'] as const)('one of a %s transaction is in use', (status) => {
      const { decision } = given(...reached[status]).when(begin(again));
      const detail = `Label [l] has already been used, relate to txn [2], status=[TXN_STATUS_${status}]`;
      expect(decision).toMatchObject({ rejection: { code: 'LABEL_IN_USE', detail, facts: { status: `TXN_STATUS_${status}` } } });
    });
    test('one of an aborted transaction is free', () =>
      given(...reached.ABORTED)
        .when(begin(again))
        .gives(begun({ transactionId: 4 })));
    const requestId = { hi: '1', lo: '2' };
    test.each<[string, readonly ChanceryEvent[], { readonly hi?: string; readonly lo?: string } | undefined, RejectionCode]>([
      ['the same request', [begun({ requestId })], requestId, 'TRANSACTION_BEGUN_BEFORE'],
      ['the same request, precommitted', [begun({ requestId }), precommitted], requestId, 'TRANSACTION_BEGUN_BEFORE'],
      ['the same request, visible', [begun({ requestId }), committed], requestId, 'LABEL_IN_USE'],
      ['another request', [begun({ requestId })], { hi: '1', lo: '3' }, 'LABEL_IN_USE'],
      ['a request without an id', [begun({ requestId })], undefined, 'LABEL_IN_USE'],
      ['two requests without ids', [begun()], undefined, 'LABEL_IN_USE'],
      ['a half that is not given is 0', [begun({ requestId: { lo: '2' } })], { hi: '0', lo: '2' }, 'TRANSACTION_BEGUN_BEFORE'],
    ])('%s', (_, events, asked, code) => {
      const { decision } = given(instance, ...events).when(begin({ ...again, ...(asked === undefined ? {} : { requestId: asked }) }));
      expect(decision).toMatchObject({ kind: 'rejected', rejection: { code } });
      if (code === 'TRANSACTION_BEGUN_BEFORE')
        expect(decision).toMatchObject({
          rejection: { detail: 'db_id=7 label=l txn_id=2 dup begin txn request.', facts: { transactionId: 2 } },
        });
    });

    const tries = (count: number): readonly ChanceryEvent[] =>
      Array.from({ length: count }, (_, i) => {
        const one = { ...key, transactionId: 2 * i + 2 };
        return [begun(one), transactionAborted({ ...one, reason: 'r' })];
      }).flat();
    test('after 100 aborted ones a label is worn out', () => {
      given(instance, ...tries(99))
        .when(begin(again))
        .gives(begun({ transactionId: 200 }));
      const detail = 'too many aborted txn for label=l txn_id=200, 100 of at most 100';
      given(instance, ...tries(100))
        .when(begin(again))
        .isRefused('LABEL_WORN_OUT', 'txnInfo.label', detail);
    });
    test('how many, a config says', () => {
      const setting = { key: 'chancery.meta-service.aborted-transactions-per-label', previous: { kind: 'unset' as const } };
      const configured = clusterConfigsChanged({ changes: [{ ...setting, value: { kind: 'text', text: '2' } }] });
      const detail = 'too many aborted txn for label=l txn_id=4, 2 of at most 2';
      given(instance, ...tries(2), configured)
        .when(begin(again))
        .isRefused('LABEL_WORN_OUT', 'txnInfo.label', detail);
    });
  });
});

describe('the ways of a transaction', () => {
  const named = { cloudUniqueId, txnId: 2 };
  const precommit = { name: 'precommitTransaction', ...named } as const;
  const commit = { name: 'commitTransaction', ...named } as const;
  const commit2pc = { ...commit, is2pc: true } as const;
  const abort = { name: 'abortTransaction', ...named } as const;

  test.each<[keyof typeof reached, Command, readonly ChanceryEvent[]]>([
    ['PREPARED', precommit, [precommitted]],
    ['PREPARED', commit, [committed]],
    ['PREPARED', abort, [aborted]],
    ['PRECOMMITTED', commit, [committed]],
    ['PRECOMMITTED', commit2pc, [committed]],
    ['PRECOMMITTED', abort, [aborted]],
    ['VISIBLE', commit, []],
  ])('%s, then %o', (status, command, events) =>
    given(...reached[status])
      .when(command)
      .gives(...events),
  );

  test.each<[keyof typeof reached, Command, RejectionCode, string]>([
    ['PREPARED', commit2pc, 'TRANSACTION_NOT_PRECOMMITTED', 'transaction is prepare, not pre-committed: db_id=7 txn_id2'],
    ['PRECOMMITTED', precommit, 'TRANSACTION_PRECOMMITTED', 'transaction is already precommitted: db_id=7 txn_id=2'],
    ['VISIBLE', precommit, 'TRANSACTION_VISIBLE', 'transaction is already visible: db_id=7 txn_id=2'],
    ['VISIBLE', commit2pc, 'TRANSACTION_VISIBLE', 'transaction [2] is already visible, not pre-committed.'],
    ['VISIBLE', abort, 'TRANSACTION_VISIBLE', 'transaction [2] is already VISIBLE, db_id=7'],
    ['ABORTED', precommit, 'TRANSACTION_ABORTED', 'transaction is already aborted: db_id=7 txn_id=2'],
    ['ABORTED', commit, 'TRANSACTION_ABORTED', 'transaction [2] is already aborted, db_id=7'],
    ['ABORTED', commit2pc, 'TRANSACTION_ABORTED', 'transaction [2] is already aborted, db_id=7'],
    ['ABORTED', abort, 'TRANSACTION_ABORTED', 'transaction [2] is already aborted, db_id=7'],
  ])('%s, then %o: %s', (status, command, code, detail) =>
    given(...reached[status])
      .when(command)
      .isRefused(code, 'txnId', detail),
  );

  test('what a caller attaches is kept', () => {
    const commitAttachment = { type: 'RT_TASK_TXN_COMMIT_ATTACHMENT', rlTaskTxnCommitAttachment: { jobId: 3, loadedRows: 4 } };
    given(...reached.PREPARED)
      .when({ ...precommit, precommitTimeoutMs: 9, commitAttachment })
      .gives(transactionPrecommitted({ ...key, precommitTimeoutMs: 9, commitAttachment }));
    given(...reached.PREPARED)
      .when({ ...commit, commitAttachment })
      .gives(transactionCommitted({ ...key, commitAttachment }));
    given(...reached.PREPARED)
      .when({ ...abort, reason: 'too late', commitAttachment })
      .gives(transactionAborted({ ...key, reason: 'too late', commitAttachment }));
  });

  test('without an id', () => {
    given(instance)
      .when({ name: 'precommitTransaction', cloudUniqueId })
      .isRefused('INVALID_TRANSACTION', 'txnId', 'invalid argument, txn_id=-1 db_id=-1');
    given(instance)
      .when({ name: 'commitTransaction', cloudUniqueId, dbId: 7 })
      .isRefused('INVALID_TRANSACTION', 'txnId', 'invalid argument, missing txn id');
  });
  test.each<[Command, string]>([
    [precommit, 'txn_id=2'],
    [commit, 'txn_id=2'],
    [abort, 'label= txn_id=2'],
  ])('in no instance: %o', (command, rest) => {
    given().when(command).isRefused('UNRESOLVED_INSTANCE', 'cloudUniqueId', `cannot find instance_id with cloud_unique_id=1:i1:x ${rest}`);
  });
  test.each<[Command, RejectionCode, string]>([
    [{ ...precommit, txnId: 9 }, 'UNKNOWN_TRANSACTION', 'failed to get db id with txn_id=9 err=KeyNotFound'],
    [{ ...precommit, dbId: 8 }, 'UNKNOWN_TRANSACTION', 'failed to get db id with txn_id=2 err=KeyNotFound'],
    [{ ...commit, txnId: 9 }, 'TRANSACTION_NOT_INDEXED', 'failed to get db id, txn_id=9 err=KeyNotFound'],
    [{ ...commit, txnId: 9, dbId: 7 }, 'UNKNOWN_TRANSACTION', 'transaction [9] not found, db_id=7'],
    [{ ...commit, dbId: 8 }, 'UNKNOWN_TRANSACTION', 'transaction [2] not found, db_id=8'],
    [{ ...abort, txnId: 9 }, 'UNKNOWN_TRANSACTION', 'transaction [9] not found'],
  ])('unknown: %o', (command, code, detail) =>
    given(...reached.PREPARED)
      .when(command)
      .isRefused(code, 'txnId', detail),
  );
  test('one of another instance is unknown', () => {
    const other = instanceCreated({ instanceId: 'i2', sseEnabled: false, enableStorageVault: true });
    given(...reached.PREPARED, other)
      .when({ ...abort, cloudUniqueId: '1:i2:x' })
      .isRefused('UNKNOWN_TRANSACTION', 'txnId', 'transaction [2] not found');
  });
});

describe('abortTransaction', () => {
  const abort = { name: 'abortTransaction', cloudUniqueId } as const;
  test('by database and label', () =>
    given(...reached.PRECOMMITTED)
      .when({ ...abort, dbId: 7, label: 'l' })
      .gives(aborted));
  test('a database of 0 is looked up', () =>
    given(...reached.PREPARED)
      .when({ ...abort, txnId: 2, dbId: 0 })
      .gives(aborted));
  test('a wrong database', () => {
    const detail = 'failed to get txn_info, db_id=99 txn_id=2 err=KeyNotFound';
    given(...reached.PREPARED)
      .when({ ...abort, txnId: 2, dbId: 99 })
      .isRefused('UNKNOWN_TRANSACTION', 'dbId', detail);
  });
  test.each([
    [{}, 'db_id=-1 txn_id=-1 label='],
    [{ label: 'l' }, 'db_id=-1 txn_id=-1 label=l'],
    [{ dbId: 7 }, 'db_id=7 txn_id=-1 label='],
    [{ txnId: -5, label: 'l', dbId: -2 }, 'db_id=-2 txn_id=-5 label=l'],
  ])('neither id nor label: %o', (asked, what) => {
    given()
      .when({ ...abort, ...asked })
      .isRefused('INVALID_TRANSACTION', 'txnId', `invalid txn id and label, ${what}`);
  });
  test('an unknown label', () => {
    const detail = 'txn->get() failed, label=m err=KeyNotFound';
    given(...reached.PREPARED)
      .when({ ...abort, dbId: 7, label: 'm' })
      .isRefused('UNKNOWN_LABEL', 'label', detail);
  });
  test.each(['ABORTED', 'VISIBLE'] as const)('a label with nothing but a transaction that is %s', (status) => {
    const detail = 'running transaction not found, db_id=7 label=l';
    given(...reached[status])
      .when({ ...abort, dbId: 7, label: 'l' })
      .isRefused('UNKNOWN_TRANSACTION', 'label', detail);
  });
});
