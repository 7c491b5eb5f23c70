/** Transactions, tablets with their statistics, and tablet jobs: sections 14 to 16 of the contract. */
import {
  admin,
  contains,
  type Draws,
  type Fields,
  type Job,
  type Plan,
  rpc,
  starts,
  type Tablet,
  type Txn,
  type World,
} from './metaserviceModel.ts';

const databases = [1, 2];
const labels = ['l1', 'l2', 'l3', 'l4'];
const isRunning = ({ status }: Txn): boolean => status === 'PREPARED' || status === 'PRECOMMITTED';
const newest = (world: World, db: number, label: string): Txn | undefined =>
  world.txns.findLast((txn) => txn.db === db && txn.label === label);
/** No event has ever been a transaction's at the first position of a log: a leader began there. */
const unknownTxn = 1;

const begin: Plan = (world, draws) => {
  const [db, label] = [draws.of(databases), draws.of(labels)];
  const table = 100 + draws.below(2);
  const request = draws.below(3);
  const info = { db_id: db, label, table_ids: [table], timeout_ms: 60_000_000, request_id: { hi: 7, lo: request } };
  const roll = draws.below(20);
  if (roll === 0)
    return rpc('begin_txn', { cloud_unique_id: world.degraded }, ['INVALID_ARGUMENT', 'invalid argument, missing txn info'], () => {});
  const { timeout_ms: _timeout, ...short } = info;
  if (roll === 1) {
    const refusal = ['INVALID_ARGUMENT', `invalid argument, label=${label} db_id=${db}`] as const;
    return rpc('begin_txn', { cloud_unique_id: world.degraded, txn_info: short }, refusal, () => {});
  }
  if (roll === 2) {
    const ghost = `${world.id}-ghost`;
    const refusal = ['INVALID_ARGUMENT', `cannot find instance_id with cloud_unique_id=${ghost} label=${label}`] as const;
    return rpc('begin_txn', { cloud_unique_id: ghost, txn_info: info }, refusal, () => {});
  }
  const last = newest(world, db, label);
  const body = { cloud_unique_id: world.degraded, txn_info: info };
  if (last !== undefined && isRunning(last) && last.request === request)
    return rpc(
      'begin_txn',
      body,
      ['TXN_DUPLICATED_REQ', `db_id=${db} label=${label} txn_id=${last.id} dup begin txn request.`, expectField('dup_txn_id', last.id)],
      () => {},
    );
  if (last !== undefined && last.status !== 'ABORTED') {
    const status = `TXN_STATUS_${last.status}`;
    const text = `Label [${label}] has already been used, relate to txn [${last.id}], status=[${status}]`;
    return rpc('begin_txn', body, ['TXN_LABEL_ALREADY_USED', text, expectField('txn_status', status)], () => {});
  }
  return rpc('begin_txn', body, undefined, (reply) => {
    const id = reply['txn_id'];
    const highest = Math.max(0, ...world.txns.map((txn) => txn.id));
    if (typeof id !== 'number' || id <= highest) throw new Error(`begin_txn gave ${String(id)} after ${highest}`);
    world.txns.push({ id, db, label, table, request, status: 'PREPARED', rowsets: [] });
  });
};
const expectField =
  (name: string, value: unknown) =>
  (reply: Fields): void => {
    if (reply[name] !== value) throw new Error(`${name} is ${String(reply[name])}, not ${String(value)}`);
  };

/** A transaction, mostly one that still runs. */
function anyTxn(world: World, draws: Draws): Txn | undefined {
  if (world.txns.length === 0 || draws.percent(5)) return undefined;
  const running = world.txns.filter(isRunning);
  return running.length > 0 && draws.percent(70) ? draws.of(running) : draws.of(world.txns);
}
const precommit: Plan = (world, draws) => {
  const txn = anyTxn(world, draws);
  const refusals = {
    PREPARED: undefined,
    PRECOMMITTED: ['TXN_ALREADY_PRECOMMITED'],
    VISIBLE: ['TXN_ALREADY_VISIBLE'],
    ABORTED: ['TXN_ALREADY_ABORTED'],
  } as const;
  const body = { cloud_unique_id: world.degraded, db_id: txn?.db ?? 1, txn_id: txn?.id ?? unknownTxn, precommit_timeout_ms: 60_000_000 };
  return rpc('precommit_txn', body, txn === undefined ? [['TXN_ID_NOT_FOUND', 'KV_TXN_GET_ERR']] : refusals[txn.status], () => {
    if (txn !== undefined) txn.status = 'PRECOMMITTED';
  });
};
const commit: Plan = (world, draws) => {
  const txn = anyTxn(world, draws);
  const is2pc = draws.percent(40);
  const body = { cloud_unique_id: world.degraded, db_id: txn?.db ?? 1, txn_id: txn?.id ?? unknownTxn, ...(is2pc ? { is_2pc: true } : {}) };
  return rpc('commit_txn', body, commitRefusal(txn, is2pc), () => {
    if (txn === undefined || txn.status === 'VISIBLE') return;
    txn.status = 'VISIBLE';
    for (const { rows, tablet } of txn.rowsets) {
      const counts = world.tablets.find(({ id }) => id === tablet)?.counts;
      if (counts === undefined) continue;
      counts.data_size += 30 * rows;
      counts.num_rows += rows;
      counts.num_rowsets += 1;
      counts.num_segments += 2;
      counts.index_size += 10 * rows;
      counts.segment_size += 20 * rows;
    }
  });
};
function commitRefusal(txn: Txn | undefined, is2pc: boolean): Parameters<typeof rpc>[2] {
  if (txn === undefined) {
    const text = new RegExp(
      `^(transaction \\[${unknownTxn}\\] not found, db_id=1|failed to get db id, txn_id=${unknownTxn} err=KeyNotFound)$`,
    );
    return [['TXN_ID_NOT_FOUND', 'KV_TXN_GET_ERR'], text];
  }
  const { db, id, status } = txn;
  if (status === 'ABORTED') return ['TXN_ALREADY_ABORTED', `transaction [${id}] is already aborted, db_id=${db}`];
  if (status === 'PREPARED' && is2pc) return ['TXN_INVALID_STATUS', `transaction is prepare, not pre-committed: db_id=${db} txn_id${id}`];
  if (status === 'VISIBLE' && is2pc) return ['TXN_ALREADY_VISIBLE', `transaction [${id}] is already visible, not pre-committed.`];
  return undefined;
}

const abortById: Plan = (world, draws) => {
  const txn = anyTxn(world, draws);
  const roll = draws.below(12);
  const route = 'abort_txn';
  if (roll === 0)
    return admin(
      route,
      { cloud_unique_id: world.degraded, label: 'l1' },
      [400, 'invalid txn id and label, db_id=-1 txn_id=-1 label=l1'],
      () => {},
    );
  const id = txn?.id ?? unknownTxn;
  const ghost = `${world.id}-ghost`;
  if (roll === 1) {
    const text = `cannot find instance_id with cloud_unique_id=${ghost} label= txn_id=${id}`;
    return admin(route, { cloud_unique_id: ghost, txn_id: id }, [400, text], () => {});
  }
  if (roll === 2 && txn !== undefined)
    return admin(
      route,
      { cloud_unique_id: world.degraded, txn_id: id, db_id: 77 },
      [500, starts('failed to get txn_info, db_id=77')],
      () => {},
    );
  const reason = draws.percent(50) ? { reason: 'because' } : {};
  const where = txn !== undefined && draws.percent(50) ? { db_id: txn.db } : {};
  const texts = { ABORTED: 'is already aborted', VISIBLE: 'is already VISIBLE' } as const;
  const refusal =
    txn === undefined
      ? ([500, `transaction [${id}] not found`] as const)
      : txn.status === 'ABORTED' || txn.status === 'VISIBLE'
        ? ([500, `transaction [${id}] ${texts[txn.status]}, db_id=${txn.db}`] as const)
        : undefined;
  return admin(route, { cloud_unique_id: world.degraded, txn_id: id, ...where, ...reason }, refusal, () => {
    if (txn !== undefined) Object.assign(txn, { status: 'ABORTED', reason: reason.reason ?? 'User Abort' });
  });
};
const abortByLabel: Plan = (world, draws) => {
  const running = world.txns.filter(isRunning);
  const wanted =
    running.length > 0 && draws.percent(60) ? draws.of(running) : { db: draws.of(databases), label: draws.of([...labels, 'l9']) };
  const { db, label } = wanted;
  const known = world.txns.filter((txn) => txn.db === db && txn.label === label);
  const txn = known.find(isRunning);
  const refusal =
    known.length === 0
      ? ([500, `txn->get() failed, label=${label} err=KeyNotFound`] as const)
      : txn === undefined
        ? ([500, `running transaction not found, db_id=${db} label=${label}`] as const)
        : undefined;
  return admin('abort_txn', { cloud_unique_id: world.degraded, db_id: db, label }, refusal, () => {
    if (txn !== undefined) Object.assign(txn, { status: 'ABORTED', reason: 'User Abort' });
  });
};

export const indexOf = (id: number) => ({ table_id: 100, index_id: 200, partition_id: 300, tablet_id: id });
const createTablet: Plan = (world, draws) => {
  if (draws.percent(10))
    return rpc('create_tablets', { cloud_unique_id: world.degraded, db_id: 1 }, ['INVALID_ARGUMENT', 'no tablet meta'], () => {});
  const id = 1000 + world.tablets.length;
  const schema = { schema_version: 0 };
  const first = {
    rowset_id: 0,
    rowset_id_v2: `first-${id}`,
    tablet_id: id,
    partition_id: 300,
    start_version: 0,
    end_version: 1,
    num_rows: 0,
  };
  const meta = { ...indexOf(id), schema, tablet_state: 'PB_RUNNING', rs_metas: [first] };
  return rpc('create_tablets', { cloud_unique_id: world.degraded, db_id: 1, tablet_metas: [meta] }, undefined, () => {
    const counts = {
      data_size: 0,
      num_rows: 0,
      num_rowsets: 1,
      num_segments: 0,
      base_compaction_cnt: 0,
      cumulative_compaction_cnt: 0,
      cumulative_point: 2,
      full_compaction_cnt: 0,
      index_size: 0,
      segment_size: 0,
    };
    world.tablets.push({ id, db: 1, counts, jobs: [], hasJobRecord: false });
  });
};
/** Makes a temporary rowset of a running transaction; a rowset that is there already is refused. */
const commitRowset: Plan = (world, draws) => {
  const running = world.txns.filter(isRunning);
  if (running.length === 0) return begin(world, draws);
  if (world.tablets.length === 0) return createTablet(world, draws);
  const [txn, tablet] = [draws.of(running), draws.of(world.tablets)];
  const old = txn.rowsets.find((rowset) => rowset.tablet === tablet.id);
  const rows = old?.rows ?? 1 + draws.below(50);
  const id = old?.id ?? `rowset-${txn.id}-${tablet.id}`;
  const sizes = { num_rows: rows, num_segments: 2, total_disk_size: 30 * rows, data_disk_size: 20 * rows, index_disk_size: 10 * rows };
  const meta = {
    rowset_id: 0,
    rowset_id_v2: id,
    tablet_id: tablet.id,
    partition_id: 300,
    txn_id: txn.id,
    txn_expiration: 4_000_000_000,
    ...sizes,
  };
  const body = { cloud_unique_id: world.degraded, rowset_meta: { ...meta, tablet_schema: { schema_version: 0 } } };
  return rpc('commit_rowset', body, old === undefined ? undefined : ['ALREADY_EXISTED'], () => {
    txn.rowsets.push({ tablet: tablet.id, id, rows });
  });
};

const never = 4_000_000_000;
const longAgo = 1;
const types = ['BASE', 'BASE', 'CUMULATIVE', 'CUMULATIVE', 'EMPTY_CUMULATIVE', 'FULL', 'STOP_TOKEN'];
const anyTablet = (world: World, draws: Draws): Tablet | undefined =>
  world.tablets.length > 0 && draws.percent(93) ? draws.of(world.tablets) : undefined;
const unknownTablet = 999_999;
const notFound = ['TABLET_NOT_FOUND'] as const;
type RpcRefusal = Parameters<typeof rpc>[2];

const startJob: Plan = (world, draws) => {
  const tablet = anyTablet(world, draws);
  const type = draws.of(types);
  const isLapsed = draws.percent(20);
  const sent = { id: `${type}-${draws.below(2)}`, type, initiator: 'be1', expiration: isLapsed ? longAgo : never, lease: never };
  const counts = tablet?.counts;
  const isStale = counts !== undefined && counts.base_compaction_cnt > 0 && draws.percent(15);
  const job = {
    ...sent,
    base_compaction_cnt: isStale ? 0 : (counts?.base_compaction_cnt ?? 0),
    cumulative_compaction_cnt: counts?.cumulative_compaction_cnt ?? 0,
  };
  const fault = draws.below(40);
  const { id: _id, ...nameless } = job;
  const broken = [nameless, { ...job, expiration: 0 }, { ...job, lease: 0 }][fault] ?? job;
  const text = ['no job id specified', type === 'EMPTY_CUMULATIVE' ? undefined : 'no valid expiration given', 'no valid lease given'][
    fault
  ];
  const compaction = text === undefined ? job : broken;
  const refusal: RpcRefusal =
    tablet === undefined
      ? ['TABLET_NOT_FOUND', starts(`failed to get tablet_idx, err=KeyNotFound tablet_id=${unknownTablet}`)]
      : text !== undefined
        ? ['INVALID_ARGUMENT', text]
        : isStale
          ? ['STALE_TABLET_CACHE']
          : busy(tablet, job);
  const body = { cloud_unique_id: world.degraded, job: { idx: { tablet_id: tablet?.id ?? unknownTablet }, compaction: [compaction] } };
  return rpc('start_tablet_job', body, refusal, () => {
    if (tablet !== undefined) start(tablet, sent);
  });
};
const isAlive = ({ expiration }: Job): boolean => expiration === never;
const clears = (type: string): boolean => type === 'FULL' || type === 'STOP_TOKEN';
const blocking = (jobs: readonly Job[], type: string): Job | undefined => jobs.find((job) => job.type === type || job.type === 'FULL');
function busy(tablet: Tablet, { id, type }: { readonly id: string; readonly type: string }): RpcRefusal {
  const alive = tablet.jobs.filter(isAlive);
  if (alive.some((job) => job.type === 'STOP_TOKEN'))
    return ['JOB_TABLET_BUSY', starts(`compactions are not allowed on tablet_id=${tablet.id} currently`)];
  const other = clears(type) ? undefined : blocking(alive, type);
  if (other === undefined || other.id === id) return undefined;
  return ['JOB_TABLET_BUSY', starts(`compaction has already started, tablet_id=${tablet.id} job=`)];
}
function start(tablet: Tablet, { expiration, id, lease, type }: Job): void {
  const alive = tablet.jobs.filter(isAlive);
  if (!clears(type) && blocking(alive, type) !== undefined) return; // The same job again.
  tablet.jobs = [...(clears(type) ? [] : alive), { id, type, expiration, lease }];
  tablet.hasJobRecord = true;
}

/** Why a job cannot be finished, in the order of section 16; the texts are parts of longer ones. */
function unfinishable(world: World, tablet: Tablet, id: string): readonly [code: string, msg: RegExp] | undefined {
  const job = tablet.jobs.find((each) => each.id === id);
  if (!tablet.hasJobRecord) return ['INVALID_ARGUMENT', contains(`job not found, instance_id=${world.id} tablet_id=${tablet.id} job=`)];
  if (tablet.jobs.length === 0) return ['INVALID_ARGUMENT', contains(`there is no running compaction, tablet_id=${tablet.id}`)];
  if (job === undefined) return ['INVALID_ARGUMENT', contains('unmatched job id, recorded_job=')];
  if (job.expiration === longAgo) return ['JOB_EXPIRED', contains(`expired compaction job, tablet_id=${tablet.id} job=`)];
  return undefined;
}
/** A tablet that has a job and the id of one of its jobs, mostly. */
function anyJob(world: World, draws: Draws): { readonly tablet: Tablet | undefined; readonly id: string } {
  const busyOnes = world.tablets.filter(({ jobs }) => jobs.length > 0);
  const tablet = busyOnes.length > 0 && draws.percent(85) ? draws.of(busyOnes) : anyTablet(world, draws);
  const ids = tablet?.jobs.map(({ id }) => id) ?? [];
  return { tablet, id: ids.length > 0 && draws.percent(85) ? draws.of(ids) : 'BASE-9' };
}
const finishJob: Plan = (world, draws) => {
  const { id, tablet } = anyJob(world, draws);
  const job = tablet?.jobs.find((each) => each.id === id);
  const action = job?.type === 'STOP_TOKEN' ? draws.of(['ABORT', 'LEASE']) : draws.of(['COMMIT', 'COMMIT', 'ABORT', 'LEASE']);
  const lease = draws.of([never, never + 10, never - 10, 0]);
  const rows = draws.below(5);
  const point = (tablet?.counts.cumulative_point ?? 0) + draws.below(4) - 1;
  const output = {
    type: job?.type ?? 'BASE',
    input_cumulative_point: tablet?.counts.cumulative_point ?? 0,
    output_cumulative_point: job?.type === 'EMPTY_CUMULATIVE' ? point + 1 : point,
    num_input_rowsets: 2,
    num_output_rowsets: 3,
    num_input_segments: 2,
    num_output_segments: 2 + rows,
    num_input_rows: 10,
    num_output_rows: 10 + rows,
    size_input_rowsets: 100,
    size_output_rowsets: 100 + 30 * rows,
    index_size_input_rowsets: 10,
    index_size_output_rowsets: 10 + rows,
    segment_size_input_rowsets: 90,
    segment_size_output_rowsets: 90 + 29 * rows,
  };
  const details = action === 'LEASE' ? { lease } : action === 'COMMIT' ? output : {};
  const body = {
    cloud_unique_id: world.degraded,
    action,
    job: { idx: { tablet_id: tablet?.id ?? unknownTablet }, compaction: [{ id, ...details }] },
  };
  const early: RpcRefusal = tablet === undefined ? notFound : unfinishable(world, tablet, id);
  const isBack = action === 'LEASE' && job !== undefined && (lease <= 0 || lease < job.lease);
  const late: RpcRefusal = isBack
    ? ['INVALID_ARGUMENT', contains(`invalid lease. recoreded_lease=${job.lease} req_lease=${lease}`)]
    : undefined;
  return rpc('finish_tablet_job', body, early ?? late, () => {
    if (tablet === undefined || job === undefined) return;
    if (action === 'LEASE') job.lease = lease;
    else tablet.jobs = tablet.jobs.filter((each) => each !== job);
    if (action === 'COMMIT') count(tablet, job.type, rows, output.output_cumulative_point);
  });
};
function count({ counts }: Tablet, type: string, rows: number, point: number): void {
  if (type === 'CUMULATIVE' || type === 'EMPTY_CUMULATIVE') counts.cumulative_compaction_cnt += 1;
  if (type === 'EMPTY_CUMULATIVE') {
    counts.cumulative_point = point;
    return;
  }
  if (type === 'CUMULATIVE') counts.cumulative_point = Math.max(counts.cumulative_point, point);
  if (type === 'BASE') counts.base_compaction_cnt += 1;
  if (type === 'FULL') counts.full_compaction_cnt += 1;
  counts.num_rows += rows;
  counts.data_size += 30 * rows;
  counts.num_rowsets += 1;
  counts.num_segments += rows;
  counts.index_size += rows;
  counts.segment_size += 29 * rows;
}
const abortJob: Plan = (world, draws) => {
  const { id, tablet } = anyJob(world, draws);
  const body = { cloud_unique_id: world.degraded, job: { idx: { tablet_id: tablet?.id ?? unknownTablet }, compaction: [{ id }] } };
  const refused = tablet === undefined ? undefined : unfinishable(world, tablet, id);
  const refusal =
    tablet === undefined
      ? ([404, /./] as const)
      : refused === undefined
        ? undefined
        : ([refused[0] === 'JOB_EXPIRED' ? 500 : 400, refused[1]] as const);
  return admin('abort_tablet_job', body, refusal, () => {
    if (tablet !== undefined) tablet.jobs = tablet.jobs.filter((job) => job.id !== id);
  });
};

/** Operations with how often each is drawn. */
export const txnPlans: readonly (readonly [weight: number, name: string, plan: Plan])[] = [
  [8, 'begin', begin],
  [4, 'precommit', precommit],
  [4, 'commit', commit],
  [3, 'abortById', abortById],
  [2, 'abortByLabel', abortByLabel],
  [3, 'createTablet', createTablet],
  [5, 'commitRowset', commitRowset],
  [6, 'startJob', startJob],
  [5, 'finishJob', finishJob],
  [2, 'abortJob', abortJob],
];
