/**
 * Goal: tablets, their rowsets and their compactions follow sections 15 and 16 of the contract, and a tablet's statistics are what its
 * rowsets add up to, also when a commit or a compaction changes many at once.
 * Method: given events, when a command, then exactly these events or exactly this refusal; statistics are read from the folded state.
 */
import { describe, expect, test } from 'vitest';
import type { ChanceryEvent } from '../../events/index.ts';
import { instanceCreated } from '../../events/instances.ts';
import {
  type CompactionJob,
  compactionAborted,
  compactionCommitted,
  compactionExtended,
  compactionStarted,
  type Rowset,
  rowsetCommitted,
  type TabletFigures,
  tabletDatabaseCorrected,
  tabletLimits,
  tabletStatsRecounted,
  tabletsCreated,
} from '../../events/tablets.ts';
import { transactionAborted, transactionBegun, transactionCommitted, transactionLimits } from '../../events/transactions.ts';
import type { State } from '../../projections/state.ts';
import { countedFigures, partitionVersionOf, rowsetsOf, rowsetsWritten, tabletOf, visibleInOf } from '../../projections/tablets.ts';
import type { Command } from '../../src/deciders/commands.ts';
import type { RejectionCode } from '../../src/rejection.ts';
import { given, startedAt, stateAfter, whenOn } from '../support/given.ts';

const cloudUniqueId = '1:i1:x';
const instance = instanceCreated({ instanceId: 'i1', sseEnabled: false, enableStorageVault: true });
const place = { tableId: 10, indexId: 20, partitionId: 30 };
const tablet = { ...place, tabletId: 40, dbId: 7 };
const created = tabletsCreated({ instanceId: 'i1', tablets: [tablet] });
const keyOf = (transactionId: number) => ({ instanceId: 'i1', transactionId, dbId: 7, label: `l${transactionId}` });
const begun = (transactionId: number) => transactionBegun({ ...keyOf(transactionId), tableIds: [10], timeoutMs: 1000 });
const figures = { numRows: 10, numSegments: 2, dataSize: 350, indexSize: 50, segmentSize: 300 };
const rowset: Rowset = { ...figures, rowsetId: 'r1', partitionId: 30 };
const wrote = (transactionId: number, tabletId = 40) => rowsetCommitted({ instanceId: 'i1', tabletId, transactionId, rowset });
const statsOf = (state: State, tabletId = 40) => tabletOf(state.tablets, 'i1', tabletId)?.stats;
const emptyStats = {
  ...{ numRows: 0, numSegments: 0, dataSize: 0, indexSize: 0, segmentSize: 0, numRowsets: 1 },
  ...{ baseCompactions: 0, cumulativeCompactions: 0, cumulativePoint: 2 },
};
const unresolved = ['UNRESOLVED_INSTANCE', 'cloudUniqueId', 'empty instance_id'] as const;
const unknown = (id: number) => ['UNKNOWN_TABLET', 'tabletId', `failed to get tablet_idx, err=KeyNotFound tablet_id=${id}`] as const;

describe('createTablets', () => {
  const create = (tabletMetas: Extract<Command, { readonly name: 'createTablets' }>['tabletMetas'] = [], more = {}) =>
    ({ name: 'createTablets', cloudUniqueId, tabletMetas, dbId: 7, ...more }) as const;
  const meta = { ...place, tabletId: 40 };

  test('with what is known of them', () => {
    const rsMetas = [{ rowsetId: 0, rowsetIdV2: 'first', startVersion: 0, endVersion: 1 }];
    given(instance)
      .when(create([{ ...meta, schema: { schemaVersion: 3 }, tabletState: 'PB_RUNNING', creationTime: 5, rsMetas }, { tabletId: 41 }]))
      .gives(
        tabletsCreated({
          instanceId: 'i1',
          tablets: [
            { ...tablet, schemaVersion: 3, tabletState: 'PB_RUNNING', creationTime: 5, firstRowsetId: 'first' },
            { tableId: 0, indexId: 0, partitionId: 0, tabletId: 41, dbId: 7 },
          ],
        }),
      );
  });
  test('statistics begin with one empty rowset', () => {
    const state = stateAfter(instance, created);
    expect(statsOf(state)).toEqual(emptyStats);
    expect(countedFigures(state.tablets, 'i1', 40).numRowsets).toBe(1);
  });
  test('those that are there stay as they are', () => {
    given(instance, created)
      .when(create([meta]))
      .gives();
    given(instance, created)
      .when(create([meta, { ...meta, tabletId: 41 }, { ...meta, tabletId: 41 }]))
      .gives(tabletsCreated({ instanceId: 'i1', tablets: [{ ...tablet, tabletId: 41 }] }));
  });
  test.each([[{ partitionId: 31 }], [{ tableId: 11 }], [{ indexId: 21 }]])('one that is there in another place: %o', (other) => {
    const detail = 'tablet 40 already exists in another table or partition';
    given(instance, created)
      .when(create([{ ...meta, ...other }]))
      .isRefused('TABLET_EXISTS', 'tabletMetas[0].tabletId', detail);
  });
  test('none, even in an unknown instance', () => given().when(create()).isRefused('INVALID_TABLET', 'tabletMetas', 'no tablet meta'));
  test('without an id', () => {
    given(instance)
      .when(create([meta, place]))
      .isRefused('INVALID_TABLET', 'tabletMetas[1].tabletId', 'no valid tablet_id given');
  });
  test('in no instance', () =>
    given()
      .when(create([meta]))
      .isRefused(...unresolved));
  test('at most so many at once', () => {
    const many = Array.from({ length: tabletLimits.tabletsPerEvent + 1 }, (_, i) => ({ ...meta, tabletId: i + 1 }));
    expect(given(instance).when(create(many.slice(1))).decision.kind).toBe('accepted');
    const detail = `1001 tablets in one request; at most 1000 are allowed`;
    given(instance).when(create(many)).isRefused('TOO_LARGE', 'tabletMetas', detail);
  });
});

describe('rowsets', () => {
  const meta = {
    ...{ rowsetId: 0, rowsetIdV2: 'r1', tabletId: 40, partitionId: 30, txnId: 3 },
    ...{ numRows: 10, numSegments: 2, totalDiskSize: 350, indexDiskSize: 50, dataDiskSize: 300 },
  };
  const commit = { name: 'commitRowset', cloudUniqueId, rowsetMeta: meta } as const;
  const prepare = { ...commit, name: 'prepareRowset' } as const;
  const before = [instance, created, begun(3)] as const;

  test('one is written', () =>
    given(...before)
      .when(commit)
      .gives(wrote(3)));
  test('with all that is told of it', () => {
    const more = { creationTime: 5, resourceId: '1', txnExpiration: 9 };
    given(...before)
      .when({ ...commit, rowsetMeta: { ...meta, ...more, tabletSchema: { schemaVersion: 4 } } })
      .gives(rowsetCommitted({ instanceId: 'i1', tabletId: 40, transactionId: 3, rowset: { ...rowset, ...more, schemaVersion: 4 } }));
  });
  test('what is not told is empty, and in the partition of its tablet', () => {
    const empty = { numRows: 0, numSegments: 0, dataSize: 0, indexSize: 0, segmentSize: 0, rowsetId: '', partitionId: 30 };
    given(...before)
      .when({ ...commit, rowsetMeta: { tabletId: 40 }, txnId: 3 })
      .gives(rowsetCommitted({ instanceId: 'i1', tabletId: 40, transactionId: 3, rowset: empty }));
  });
  test('announcing one changes nothing', () =>
    given(...before)
      .when(prepare)
      .gives());
  test.each([[commit], [prepare]])('the same again: %o', (command) => {
    const { decision } = given(...before, wrote(3)).when(command);
    expect(decision).toMatchObject({ rejection: { code: 'ROWSET_EXISTS', detail: 'rowset already exists' } });
    const { rejection } = decision as Extract<typeof decision, { kind: 'rejected' }>;
    expect(JSON.parse(String(rejection.facts?.['rowset']))).toEqual({ ...rowset, tabletId: 40 });
  });
  test.each<[string, readonly ChanceryEvent[], Command, RejectionCode, string, string]>([
    ['no meta', [], { name: 'commitRowset', cloudUniqueId }, 'INVALID_TABLET', 'rowsetMeta', 'no rowset meta'],
    ['no instance', [], commit, ...unresolved],
    ['no tablet', [instance], commit, ...unknown(40)],
    ['no transaction', [instance, created], commit, 'UNKNOWN_TRANSACTION', 'rowsetMeta.txnId', 'transaction [3] not found'],
    [
      'aborted',
      [...before, transactionAborted({ ...keyOf(3), reason: 'r' })],
      commit,
      ...(['TRANSACTION_ABORTED', 'rowsetMeta.txnId', 'transaction [3] is already aborted, db_id=7'] as const),
    ],
    [
      'visible',
      [...before, transactionCommitted(keyOf(3))],
      commit,
      ...(['TRANSACTION_VISIBLE', 'rowsetMeta.txnId', 'transaction [3] is already visible, db_id=7'] as const),
    ],
    [
      'of a compaction that does not run',
      before,
      { ...commit, tabletJobId: 'j' },
      ...(['STALE_ROWSET', 'tabletJobId', 'compaction job does not exist, tablet_id=40 rowset_id=r1 job_id=j'] as const),
    ],
  ])('%s', (_, events, command, code, field, detail) =>
    given(...events)
      .when(command)
      .isRefused(code, field, detail),
  );
  test('what a compaction writes counts with its job', () => {
    const job = { id: 'j', type: 'BASE' as const, lease: 5 };
    given(instance, created, compactionStarted({ instanceId: 'i1', tabletId: 40, job, removed: [] }))
      .when({ ...commit, tabletJobId: 'j' })
      .gives();
  });
  test('a transaction has so many at most', () => {
    const state = stateAfter(...before);
    const written = state.tablets.written.set('i1\n3', { count: transactionLimits.rowsets, newestTablet: 1 });
    const full: State = { ...state, tablets: { ...state.tablets, written } };
    expect(rowsetsWritten(full.tablets, 'i1', 3)).toBe(10_000);
    whenOn(full, commit).isRefused('TOO_LARGE', 'rowsetMeta.txnId', 'transaction 3 has 10000 rowsets, which is the limit');
  });
});

describe('a commit', () => {
  const two = tabletsCreated({
    instanceId: 'i1',
    tablets: [tablet, { ...tablet, tabletId: 41 }, { ...tablet, tabletId: 42, partitionId: 31 }],
  });
  const other = { ...wrote(3, 42), data: { ...wrote(3, 42).data, rowset: { ...rowset, partitionId: 31 } } };
  const load = [instance, two, begun(3), wrote(3, 40), wrote(3, 41), other, transactionCommitted(keyOf(3))] as const;

  test('gives each partition its next version, the first is 2, and adds up', () => {
    const state = stateAfter(...load);
    for (const partitionId of [30, 31]) expect(partitionVersionOf(state.tablets, 'i1', 7, 10, partitionId)?.version).toBe(2);
    for (const id of [40, 41, 42]) {
      expect(statsOf(state, id)).toEqual({ ...emptyStats, ...figures, numRowsets: 2 });
      expect([...rowsetsOf(state.tablets, 'i1', id)].map(({ version }) => version)).toEqual([2, 1]);
    }
    expect(visibleInOf(state.tablets, 'i1', 3).map(({ partitionId, version }) => [partitionId, version])).toEqual([
      [31, 2],
      [30, 2],
    ]);
    expect([rowsetsWritten(state.tablets, 'i1', 3), state.tablets.temporary.size]).toEqual([0, 0]);
  });
  test('of the next transaction gives the next version, to what it wrote alone', () => {
    const state = stateAfter(...load, begun(8), wrote(8, 40), transactionCommitted(keyOf(8)));
    expect(partitionVersionOf(state.tablets, 'i1', 7, 10, 30)?.version).toBe(3);
    expect(partitionVersionOf(state.tablets, 'i1', 7, 10, 31)?.version).toBe(2);
    expect([statsOf(state, 40)?.numRowsets, statsOf(state, 41)?.numRowsets]).toEqual([3, 2]);
  });
  test('never lets a tablet go back in versions, whatever partition a rowset names', () => {
    const elsewhere = { ...wrote(8, 40), data: { ...wrote(8, 40).data, rowset: { ...rowset, partitionId: 99 } } };
    const state = stateAfter(...load, begun(8), elsewhere, transactionCommitted(keyOf(8)));
    expect([...rowsetsOf(state.tablets, 'i1', 40)].map(({ version }) => version)).toEqual([3, 2, 1]);
  });
  test('of an aborted transaction never comes: its rowsets are forgotten', () => {
    const state = stateAfter(instance, created, begun(3), wrote(3), transactionAborted({ ...keyOf(3), reason: 'r' }));
    expect(statsOf(state)).toEqual(emptyStats);
    expect([state.tablets.temporary.size, state.tablets.written.size]).toEqual([0, 0]);
  });
  test('adds no more than can be counted', () => {
    const huge = { ...wrote(3), data: { ...wrote(3).data, rowset: { ...rowset, numRows: Number.MAX_SAFE_INTEGER } } };
    const again = { ...huge, data: { ...huge.data, transactionId: 6 } };
    const first = [instance, created, begun(3), huge, transactionCommitted(keyOf(3))] as const;
    const state = stateAfter(...first, begun(6), again, transactionCommitted(keyOf(6)));
    expect(statsOf(state)?.numRows).toBe(Number.MAX_SAFE_INTEGER);
  });
});

const now = startedAt + 86_400_000;
const seconds = now / 1000;
const job = {
  id: 'j',
  type: 'BASE',
  expiration: seconds + 100,
  lease: seconds + 50,
  baseCompactionCnt: 0,
  cumulativeCompactionCnt: 0,
} as const;
const running = (more: Partial<CompactionJob> = {}): CompactionJob => ({ ...job, ...more });
const started = (more: Partial<CompactionJob> = {}, removed: string[] = []) =>
  compactionStarted({ instanceId: 'i1', tabletId: 40, job: running(more), removed });
const idx = { tabletId: 40 };

describe('startTabletJob', () => {
  const start = (more: Partial<CompactionJob> = {}): Command => ({
    name: 'startTabletJob',
    cloudUniqueId,
    job: { idx, compaction: [running(more)] },
  });
  const text = (id: string, type: string, lease = seconds + 50) =>
    `compaction has already started, tablet_id=40 job={"type":"${type}","base_compaction_cnt":"0","cumulative_compaction_cnt":"0",` +
    `"id":"${id}","expiration":"${seconds + 100}","lease":"${lease}"}`;

  test('one begins', () => given(instance, created).when(start()).gives(started()));
  test('its type need not be told', () => {
    const { type: _, ...untyped } = job;
    given(instance, created)
      .when({ name: 'startTabletJob', cloudUniqueId, job: { idx, compaction: [untyped] } })
      .gives(started({ type: 'UNKOWN' }));
  });
  test('the same again changes nothing', () => given(instance, created, started()).when(start()).gives());
  test('another of its type is busy', () =>
    given(instance, created, started())
      .when(start({ id: 'k' }))
      .isRefused('TABLET_BUSY', 'job', text('j', 'BASE')));
  test('another type may run beside it', () =>
    given(instance, created, started())
      .when(start({ id: 'k', type: 'CUMULATIVE' }))
      .gives(started({ id: 'k', type: 'CUMULATIVE' })));
  test('an id belongs to one of them', () =>
    given(instance, created, started())
      .when(start({ type: 'CUMULATIVE' }))
      .isRefused('TABLET_BUSY', 'job', text('j', 'BASE')));
  test('FULL is in the way of all', () =>
    given(instance, created, started({ type: 'FULL' }))
      .when(start({ id: 'k', type: 'CUMULATIVE' }))
      .isRefused('TABLET_BUSY', 'job', text('j', 'FULL')));
  test.each(['FULL', 'STOP_TOKEN'] as const)('%s clears all others', (type) =>
    given(instance, created, started(), started({ id: 'k', type: 'CUMULATIVE' }))
      .when(start({ id: 'f', type }))
      .gives(started({ id: 'f', type }, ['j', 'k'])),
  );
  test.each(['FULL', 'STOP_TOKEN', 'BASE'] as const)('STOP_TOKEN blocks %s', (type) => {
    const detail = 'compactions are not allowed on tablet_id=40 currently, blocked by schema change job delete_bitmap_initiator=5';
    given(instance, created, started({ id: 's', type: 'STOP_TOKEN', deleteBitmapLockInitiator: 5 }))
      .when(start({ type }))
      .isRefused('TABLET_BUSY', 'job', detail);
  });
  test.each([[{ expiration: seconds - 1 }], [{ lease: seconds - 1 }], [{ type: 'STOP_TOKEN' as const, expiration: seconds - 1 }]])(
    'one whose time is over makes room: %o',
    (over) =>
      given(instance, created, started(over))
        .when(start({ id: 'k' }))
        .gives(started({ id: 'k' }, ['j'])),
  );
  test('to the second of the day, however far ahead the log is', () => {
    given(instance, created, started({ expiration: seconds, lease: seconds }))
      .when(start({ id: 'k' }), { now: now + 3_600_000, timeOfDay: now + 999 })
      .isRefused('TABLET_BUSY', 'job', text('j', 'BASE', seconds).replace(`${seconds + 100}`, `${seconds}`));
  });
  describe('ranges of versions', () => {
    const range = (id: string, from: number, to: number, check = true): Partial<CompactionJob> => ({
      ...{ id, type: 'CUMULATIVE', inputVersions: [from, to], checkInputVersionsRange: check },
    });
    const events = [instance, created, started(range('a', 2, 5)), started(range('b', 8, 9))];
    test.each([
      [6, 7],
      [10, 12],
      [1, 1],
    ])('%i-%i is free', (from, to) =>
      given(...events)
        .when(start(range('c', from, to)))
        .gives(started(range('c', from, to))),
    );
    test.each([
      [5, 7],
      [7, 8],
      [1, 20],
      [3, 4],
    ])('%i-%i is not, and what is in compaction is told', (from, to) => {
      expect(given(...events).when(start(range('c', from, to))).decision).toMatchObject({
        rejection: { code: 'TABLET_BUSY', facts: { versions: '2,5,8,9' } },
      });
    });
    test('only where both want to be held against each other', () => {
      expect(given(...events).when(start(range('c', 6, 7, false))).decision).toMatchObject({ rejection: { code: 'TABLET_BUSY' } });
      expect(given(instance, created, started({ type: 'CUMULATIVE' })).when(start(range('c', 6, 7))).decision).toMatchObject({
        rejection: { code: 'TABLET_BUSY' },
      });
    });
    test('the same again changes nothing', () =>
      given(...events)
        .when(start(range('b', 8, 9)))
        .gives());
  });
  test('a tablet has so many at most', () => {
    const many = Array.from({ length: tabletLimits.compactionsPerTablet }, (_, i) =>
      started({ id: `j${i}`, type: 'CUMULATIVE', inputVersions: [i, i], checkInputVersionsRange: true }),
    );
    given(instance, created, ...many)
      .when(start())
      .isRefused('TOO_LARGE', 'job', 'tablet 40 has 100 compactions at work, which is the limit');
  });

  const { id: _id, ...nameless } = job;
  const { baseCompactionCnt: _base, ...uncounted } = job;
  const { lease: _lease, ...unleased } = job;
  test.each<
    [string, readonly ChanceryEvent[], Extract<Command, { readonly name: 'startTabletJob' }>['job'] | 'none', RejectionCode, string, string]
  >([
    ['no job', [instance], 'none', 'INVALID_TABLET_JOB', 'job', 'no valid job specified'],
    ['a schema change alone', [instance], { idx, schemaChange: { id: 's' } }, 'INVALID_TABLET_JOB', 'job', 'no valid job specified'],
    ['no tablet', [instance], { compaction: [job] }, 'INVALID_TABLET_JOB', 'job.idx.tabletId', 'no valid tablet_id given'],
    ['an unknown tablet', [instance], { idx, compaction: [nameless] }, ...unknown(40)],
    ['no id', [instance, created], { idx, compaction: [nameless] }, 'INVALID_TABLET_JOB', 'job.compaction[0].id', 'no job id specified'],
    [
      'no counters',
      [instance, created],
      { idx, compaction: [{ ...uncounted, expiration: 0 }] },
      ...(['INVALID_TABLET_JOB', 'job.compaction[0].baseCompactionCnt', 'no valid compaction_cnt given'] as const),
    ],
    [
      'no expiration',
      [instance, created],
      { idx, compaction: [{ ...unleased, expiration: 0 }] },
      ...(['INVALID_TABLET_JOB', 'job.compaction[0].expiration', 'no valid expiration given'] as const),
    ],
    [
      'no lease',
      [instance, created],
      { idx, compaction: [unleased] },
      ...(['INVALID_TABLET_JOB', 'job.compaction[0].lease', 'no valid lease given'] as const),
    ],
  ])('%s', (_, events, asked, code, field, detail) =>
    given(...events)
      .when({ name: 'startTabletJob', cloudUniqueId, ...(asked === 'none' || asked === undefined ? {} : { job: asked }) })
      .isRefused(code, field, detail),
  );
  test('in no instance', () => {
    const detail = 'cannot find instance_id with cloud_unique_id=(empty)';
    given().when({ name: 'startTabletJob' }).isRefused('UNRESOLVED_INSTANCE', 'cloudUniqueId', detail);
  });
  test('EMPTY_CUMULATIVE needs no expiration', () => {
    const { expiration: _, ...open } = running({ type: 'EMPTY_CUMULATIVE' });
    given(instance, created)
      .when({ name: 'startTabletJob', cloudUniqueId, job: { idx, compaction: [open] } })
      .gives(compactionStarted({ instanceId: 'i1', tabletId: 40, job: open, removed: [] }));
  });
  test('one without an expiration is not over before its lease is', () => {
    const open = { id: 'e', type: 'EMPTY_CUMULATIVE' as const, lease: seconds + 50 };
    given(instance, created, compactionStarted({ instanceId: 'i1', tabletId: 40, job: open, removed: [] }))
      .when({ name: 'finishTabletJob', cloudUniqueId, action: 'ABORT', job: { idx, compaction: [{ id: 'e' }] } })
      .gives(compactionAborted({ instanceId: 'i1', tabletId: 40, jobId: 'e', type: 'EMPTY_CUMULATIVE' }));
  });
  test('counters behind those of the tablet', () => {
    const detail =
      'could not perform compaction on expired tablet cache. req_base_compaction_cnt=0, base_compaction_cnt=1, ' +
      'req_cumulative_compaction_cnt=0, cumulative_compaction_cnt=0';
    given(instance, created, started(), compacted())
      .when(start({ id: 'k' }))
      .isRefused('STALE_TABLET', 'job', detail);
    given(instance, created, started(), compacted())
      .when(start({ id: 'k', baseCompactionCnt: 1 }))
      .gives(started({ id: 'k', baseCompactionCnt: 1 }));
  });
});

const none: TabletFigures = { numRows: 0, numSegments: 0, dataSize: 0, indexSize: 0, segmentSize: 0, numRowsets: 0 };
type Compacted = Parameters<typeof compactionCommitted>[0];
const compacted = (more: Partial<Compacted> = {}) =>
  compactionCommitted({ instanceId: 'i1', tabletId: 40, jobId: 'j', type: 'BASE', input: none, output: none, ...more });

describe('finishTabletJob', () => {
  type Finish = Extract<Command, { readonly name: 'finishTabletJob' }>;
  type Given = NonNullable<NonNullable<Finish['job']>['compaction']>[number];
  const finish = (action: NonNullable<Finish['action']>, more: Given = {}): Finish => ({
    name: 'finishTabletJob',
    cloudUniqueId,
    action,
    job: { idx, compaction: [{ id: 'j', ...more }] },
  });
  const at = [instance, created, started()] as const;

  test('ABORT', () =>
    given(...at)
      .when(finish('ABORT'))
      .gives(compactionAborted({ instanceId: 'i1', tabletId: 40, jobId: 'j', type: 'BASE' })));
  test('LEASE', () => {
    const extended = compactionExtended({ instanceId: 'i1', tabletId: 40, jobId: 'j', previous: seconds + 50, lease: seconds + 60 });
    given(...at)
      .when(finish('LEASE', { lease: seconds + 60 }))
      .gives(extended);
    given(...at)
      .when(finish('LEASE', { lease: seconds + 50 }))
      .gives();
    for (const lease of [seconds + 49, 0, -1])
      given(...at)
        .when(finish('LEASE', { lease }))
        .isRefused('INVALID_TABLET_JOB', 'job.compaction[0].lease', `invalid lease. recoreded_lease=${seconds + 50} req_lease=${lease}`);
    expect(stateAfter(...at, extended).tablets.jobs.get('i1\n40')).toEqual([running({ lease: seconds + 60 })]);
  });
  const output = {
    ...{ numInputRows: 20, numInputSegments: 4, sizeInputRowsets: 700, indexSizeInputRowsets: 100, segmentSizeInputRowsets: 600 },
    ...{ numOutputRows: 15, numOutputSegments: 1, sizeOutputRowsets: 400, indexSizeOutputRowsets: 60, segmentSizeOutputRowsets: 340 },
    ...{ numInputRowsets: 2, numOutputRowsets: 1, inputVersions: [2, 3], outputVersions: [3], outputRowsetIds: ['o'], txnId: [1] },
  };
  const input = { numRows: 20, numSegments: 4, dataSize: 700, indexSize: 100, segmentSize: 600, numRowsets: 2 };
  const result = { numRows: 15, numSegments: 1, dataSize: 400, indexSize: 60, segmentSize: 340, numRowsets: 1 };
  const range = { fromVersion: 2, toVersion: 3, outputRowsetId: 'o' };
  test.each(['BASE', 'CUMULATIVE', 'FULL'] as const)('COMMIT of %s', (type) => {
    given(instance, created, started({ type }))
      .when(finish('COMMIT', { type, ...output, outputCumulativePoint: 4 }))
      .gives(compacted({ type, input, output: result, ...range, cumulativePoint: 4 }));
  });
  test('COMMIT of EMPTY_CUMULATIVE changes no sizes', () => {
    given(instance, created, started({ type: 'EMPTY_CUMULATIVE' }))
      .when(finish('COMMIT', { ...output, outputRowsetIds: [], outputCumulativePoint: 7 }))
      .gives(compacted({ type: 'EMPTY_CUMULATIVE', cumulativePoint: 7 }));
  });
  test.each<[NonNullable<Given['type']>, string]>([
    ['STOP_TOKEN', 'STOP_TOKEN'],
    ['UNKOWN', 'UNKOWN'],
    [77, '77'],
  ])('COMMIT of %s is refused', (type, shown) => {
    given(instance, created, started({ type }))
      .when(finish('COMMIT'))
      .isRefused('INVALID_TABLET_JOB', 'job.compaction[0].type', `invalid compaction type, type=${shown}`);
  });
  test('any other action', () => {
    const { action: _, ...silent } = finish('COMMIT');
    given(...at)
      .when(silent)
      .isRefused('INVALID_TABLET_JOB', 'action', 'unsupported action, tablet_id=40 action=UNKONWN');
    given(...at)
      .when(finish(9))
      .isRefused('INVALID_TABLET_JOB', 'action', 'unsupported action, tablet_id=40 action=9');
  });
  const asked = '{"id":"j"}';
  const known =
    '{"type":"BASE","base_compaction_cnt":"0","cumulative_compaction_cnt":"0","id":"j",' +
    `"expiration":"${seconds + 100}","lease":"${seconds + 50}"}`;
  test.each<[string, readonly ChanceryEvent[], Finish, RejectionCode, string]>([
    [
      'no job ever',
      [instance, created],
      finish('ABORT'),
      'UNKNOWN_TABLET_JOB',
      `job not found, instance_id=i1 tablet_id=40 job={"idx":{"tablet_id":"40"},"compaction":[${asked}]} err=KeyNotFound`,
    ],
    ['none any more', [...at, compacted()], finish('ABORT'), 'UNKNOWN_TABLET_JOB', 'there is no running compaction, tablet_id=40'],
    [
      'another id',
      at,
      finish('ABORT', { id: 'k' }),
      'UNKNOWN_TABLET_JOB',
      `unmatched job id, recorded_job={"idx":{"tablet_id":"40"},"compaction":[${known}]} given_job={"id":"k"}`,
    ],
  ])('%s', (_, events, command, code, detail) =>
    given(...events)
      .when(command)
      .isRefused(code, 'job', detail),
  );
  test('one whose expiration is over, but not one whose lease is', () => {
    const detail = `expired compaction job, tablet_id=40 job=${known}`;
    given(...at)
      .when(finish('ABORT'), { timeOfDay: now + 101_000 })
      .isRefused('TABLET_JOB_EXPIRED', 'job', detail);
    given(...at)
      .when(finish('ABORT'), { now: now + 3_600_000, timeOfDay: now + 100_999 })
      .gives(compactionAborted({ instanceId: 'i1', tabletId: 40, jobId: 'j', type: 'BASE' }));
  });
  test('an unknown tablet', () =>
    given(instance)
      .when(finish('ABORT'))
      .isRefused(...unknown(40)));
  test('in no instance', () => {
    given()
      .when({ ...finish('ABORT'), cloudUniqueId: 'nobody' })
      .isRefused('UNRESOLVED_INSTANCE', 'cloudUniqueId', 'cannot find instance_id with cloud_unique_id=nobody');
  });
});

describe('what a compaction does', () => {
  const load = (first: number) => [begun(first), wrote(first), transactionCommitted(keyOf(first))] as const;
  const loads = [instance, created, ...load(3), ...load(6), ...load(9)] as const;
  const job = (type: CompactionJob['type']) => started({ type });
  const input = { numRows: 20, numSegments: 4, dataSize: 700, indexSize: 100, segmentSize: 600, numRowsets: 2 };
  const output = { numRows: 15, numSegments: 1, dataSize: 400, indexSize: 60, segmentSize: 340, numRowsets: 1 };
  const commit = { input, output, fromVersion: 2, toVersion: 3, outputRowsetId: 'o' };
  const versions = (state: State) => [...rowsetsOf(state.tablets, 'i1', 40)].map((row) => `${row.startVersion}-${row.version}`);
  const timeOf = (state: State) => state.at;

  test('adds output less input, and puts one rowset in the place of those it read', () => {
    const state = stateAfter(...loads, job('BASE'), compacted(commit));
    const sums = { numRows: 25, numSegments: 3, dataSize: 750, indexSize: 110, segmentSize: 640, numRowsets: 3 };
    expect(statsOf(state)).toEqual({ ...emptyStats, ...sums, baseCompactions: 1, lastBaseAt: timeOf(state) });
    expect(versions(state)).toEqual(['4-4', '2-3', '0-1']);
    expect(countedFigures(state.tablets, 'i1', 40)).toEqual(sums);
  });
  test('of all of them leaves one', () => {
    const state = stateAfter(...loads, job('FULL'), compacted({ ...commit, type: 'FULL', fromVersion: 0, toVersion: 4 }));
    expect(versions(state)).toEqual(['0-4']);
    expect(statsOf(state)).toMatchObject({ fullCompactions: 1, lastFullAt: timeOf(state), baseCompactions: 0 });
  });
  test('leaves a rowset that it read only in part', () => {
    const once = [...loads, job('BASE'), compacted(commit), job('CUMULATIVE')] as const;
    const state = stateAfter(...once, compacted({ ...commit, type: 'CUMULATIVE', fromVersion: 3, toVersion: 4 }));
    expect(versions(state)).toEqual(['4-4', '2-3', '0-1']);
  });
  test('CUMULATIVE moves the point forward only', () => {
    const forward = stateAfter(...loads, job('CUMULATIVE'), compacted({ type: 'CUMULATIVE', cumulativePoint: 5 }));
    expect(statsOf(forward)).toMatchObject({ cumulativePoint: 5, cumulativeCompactions: 1, lastCumulativeAt: timeOf(forward) });
    const back = stateAfter(...loads, job('CUMULATIVE'), compacted({ type: 'CUMULATIVE', cumulativePoint: 1 }));
    expect(statsOf(back)).toMatchObject({ cumulativePoint: 2, cumulativeCompactions: 1 });
  });
  test('EMPTY_CUMULATIVE sets the point', () => {
    const state = stateAfter(...loads, job('EMPTY_CUMULATIVE'), compacted({ type: 'EMPTY_CUMULATIVE', cumulativePoint: 1 }));
    expect(statsOf(state)).toMatchObject({ cumulativePoint: 1, cumulativeCompactions: 1, numRowsets: 4 });
  });
  test('when it lied, sizes can be counted again', () => {
    const lied = [...loads, job('BASE'), compacted({ ...commit, input: { ...input, numRows: 5 } })] as const;
    const counted = { numRows: 25, numSegments: 3, dataSize: 750, indexSize: 110, segmentSize: 640, numRowsets: 3 };
    const previous = { ...counted, numRows: 40 };
    const fix = { name: 'fixTabletStats', cloudUniqueId, tableId: 10, tabletId: 40 } as const;
    const recounted = tabletStatsRecounted({ instanceId: 'i1', tabletId: 40, previous, counted });
    given(...lied)
      .when(fix)
      .gives(recounted);
    given(...lied, recounted)
      .when(fix)
      .gives();
    expect(statsOf(stateAfter(...lied, recounted))).toMatchObject({ ...counted, baseCompactions: 1 });
    given(instance, created)
      .when({ ...fix, tableId: 11 })
      .isRefused(...unknown(40));
    given()
      .when(fix)
      .isRefused(...unresolved);
  });
});

describe('fixTabletDatabase', () => {
  const fix = { name: 'fixTabletDatabase', instanceId: 'i1', tabletId: 40, dbId: 8 } as const;
  test('another database', () => {
    const corrected = tabletDatabaseCorrected({ instanceId: 'i1', tabletId: 40, previous: 7, dbId: 8 });
    given(instance, created).when(fix).gives(corrected);
    given(instance, created, corrected).when(fix).gives();
    expect(tabletOf(stateAfter(instance, created, corrected).tablets, 'i1', 40)).toMatchObject({ ...tablet, dbId: 8 });
  });
  test('an unknown tablet', () =>
    given(instance)
      .when(fix)
      .isRefused(...unknown(40)));
});
