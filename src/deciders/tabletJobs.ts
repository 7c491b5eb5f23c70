/** Compactions of tablets: who may begin one, and what becomes of it. */
import { z } from 'zod';
import { identifier, int32, int64 } from '../../events/kit.ts';
import {
  type CompactionJob,
  compactionAborted,
  compactionCommitted,
  compactionExtended,
  compactionFields,
  compactionStarted,
  compactionTypes,
  type TabletEvent,
  type TabletFigures,
  tabletLimits,
} from '../../events/tablets.ts';
import { secondsOf } from '../../projections/instances.ts';
import type { State } from '../../projections/state.ts';
import { jobsOf, type TabletRow, tabletOf } from '../../projections/tablets.ts';
import { accept, type Decision, type Rejection, refused, reject, rejection } from '../rejection.ts';
import { resolveInstance } from './instanceResolution.ts';
import { defineCommand } from './kit.ts';
import { unknownTablet } from './tablets.ts';

const compaction = z.strictObject({
  ...compactionFields,
  id: identifier.exactOptional(),
  type: z.union([z.enum(compactionTypes), int32]).exactOptional(),
});
type Compaction = Readonly<z.infer<typeof compaction>>;
const tabletIndex = z.strictObject({
  dbId: int64.exactOptional(),
  tableId: int64.exactOptional(),
  indexId: int64.exactOptional(),
  partitionId: int64.exactOptional(),
  tabletId: int64.exactOptional(),
});
const job = z.strictObject({
  idx: tabletIndex.exactOptional(),
  compaction: z.array(compaction).max(tabletLimits.listed).exactOptional(),
  /** Schema changes are done elsewhere: only that there is one is read. */
  schemaChange: z
    .strictObject({
      initiator: identifier.exactOptional(),
      id: identifier.exactOptional(),
      expiration: int64.exactOptional(),
      newTabletIdx: tabletIndex.exactOptional(),
    })
    .exactOptional(),
});
const request = z.strictObject({ cloudUniqueId: identifier.exactOptional(), job: job.exactOptional() });

interface Place {
  readonly instanceId: string;
  readonly tablet: TabletRow;
  readonly given: Compaction;
}

/** What every request about a job is asked first. */
function placeOf(state: State, { cloudUniqueId = '', job: asked }: z.infer<typeof request>): Place | Rejection {
  const instanceId = resolveInstance(state, cloudUniqueId);
  if (instanceId === undefined) {
    const detail = `cannot find instance_id with cloud_unique_id=${cloudUniqueId === '' ? '(empty)' : cloudUniqueId}`;
    return rejection('UNRESOLVED_INSTANCE', 'cloudUniqueId', detail);
  }
  const given = asked?.compaction?.[0];
  if (given === undefined) return rejection('INVALID_TABLET_JOB', 'job', 'no valid job specified');
  const tabletId = asked?.idx?.tabletId ?? 0;
  if (tabletId <= 0) return rejection('INVALID_TABLET_JOB', 'job.idx.tabletId', 'no valid tablet_id given');
  const tablet = tabletOf(state.tablets, instanceId, tabletId);
  return tablet === undefined ? unknownTablet(tabletId) : { instanceId, tablet, given };
}

/** @param now epoch seconds. A compaction that empties nothing needs no expiration. */
const isExpired = ({ expiration = 0 }: Compaction, now: number): boolean => expiration > 0 && expiration < now;

/**
 * Begins a compaction. Jobs whose expiration or lease is over make room.
 * @returns at most one `CompactionStarted`; or, in this order: UNRESOLVED_INSTANCE, INVALID_TABLET_JOB, UNKNOWN_TABLET,
 *   INVALID_TABLET_JOB, STALE_TABLET, TABLET_BUSY (fact `versions`: the ends of the ranges in compaction, with commas), TOO_LARGE
 */
export const startTabletJob = defineCommand({
  name: 'startTabletJob',
  about: 'Begin a compaction of a tablet.',
  input: request,
  decide: (state, asked, { timeOfDay }): Decision<TabletEvent> => {
    const place = placeOf(state, asked);
    if ('code' in place) return refused(place);
    const { given, instanceId, tablet } = place;
    const fault = formFault(given) ?? staleFault(given, tablet);
    if (fault !== undefined) return refused(fault);
    const { tabletId } = tablet;
    const started: CompactionJob = { ...given, id: given.id ?? '', type: given.type ?? 'UNKOWN', lease: given.lease ?? 0 };
    const seconds = secondsOf(timeOfDay);
    const present = jobsOf(state.tablets, instanceId, tabletId) ?? [];
    const alive = present.filter((one) => !isExpired(one, seconds) && one.lease >= seconds);
    const verdict = verdictOn(started, alive, tabletId);
    if (verdict === 'same') return accept();
    if (verdict !== 'clear' && verdict !== 'beside') return refused(verdict);
    const kept = verdict === 'clear' ? [] : alive;
    if (kept.length >= tabletLimits.compactionsPerTablet)
      return reject('TOO_LARGE', 'job', `tablet ${tabletId} has ${kept.length} compactions at work, which is the limit`);
    const removed = present.filter((one) => !kept.includes(one)).map(({ id }) => id);
    return accept(compactionStarted({ instanceId, tabletId, job: started, removed }));
  },
});

function formFault({ id = '', ...given }: Compaction): Rejection | undefined {
  const invalid = (field: string, detail: string): Rejection => rejection('INVALID_TABLET_JOB', `job.compaction[0].${field}`, detail);
  if (id === '') return invalid('id', 'no job id specified');
  if (given.baseCompactionCnt === undefined || given.cumulativeCompactionCnt === undefined)
    return invalid('baseCompactionCnt', 'no valid compaction_cnt given');
  if ((given.expiration ?? 0) <= 0 && given.type !== 'EMPTY_CUMULATIVE') return invalid('expiration', 'no valid expiration given');
  return (given.lease ?? 0) <= 0 ? invalid('lease', 'no valid lease given') : undefined;
}

function staleFault({ baseCompactionCnt = 0, cumulativeCompactionCnt = 0 }: Compaction, { stats }: TabletRow): Rejection | undefined {
  if (baseCompactionCnt >= stats.baseCompactions && cumulativeCompactionCnt >= stats.cumulativeCompactions) return undefined;
  const detail =
    'could not perform compaction on expired tablet cache. ' +
    `req_base_compaction_cnt=${baseCompactionCnt}, base_compaction_cnt=${stats.baseCompactions}, ` +
    `req_cumulative_compaction_cnt=${cumulativeCompactionCnt}, cumulative_compaction_cnt=${stats.cumulativeCompactions}`;
  return rejection('STALE_TABLET', 'job', detail);
}

/** `same`: it runs already. `clear`: all others make room. `beside`: it may run beside those that do. */
function verdictOn(started: CompactionJob, alive: readonly CompactionJob[], tabletId: number): 'same' | 'clear' | 'beside' | Rejection {
  const token = alive.find(({ type }) => type === 'STOP_TOKEN');
  if (token !== undefined) {
    const by = `blocked by schema change job delete_bitmap_initiator=${token.deleteBitmapLockInitiator ?? 0}`;
    return rejection('TABLET_BUSY', 'job', `compactions are not allowed on tablet_id=${tabletId} currently, ${by}`);
  }
  if (started.type === 'FULL' || started.type === 'STOP_TOKEN') return 'clear';
  const rivals = alive.filter(({ type }) => type === started.type || type === 'FULL');
  const inTheWay = rivals.find((one) => !isApart(one, started)) ?? alive.find(({ id }) => id === started.id);
  if (inTheWay === undefined) return 'beside';
  if (inTheWay.id === started.id && rivals.includes(inTheWay)) return 'same';
  const detail = `compaction has already started, tablet_id=${tabletId} job=${jobText(inTheWay)}`;
  const ranges = rangeOf(started) === undefined ? [] : rivals.flatMap((one) => rangeOf(one) ?? []);
  return rejection('TABLET_BUSY', 'job', detail, ranges.length === 0 ? undefined : { versions: ranges.join(',') });
}

/** The versions a compaction reads, both ends, where it wants to be held against others by them. */
function rangeOf({ checkInputVersionsRange, inputVersions }: Compaction): readonly [number, number] | undefined {
  const [from, to] = inputVersions ?? [];
  return checkInputVersionsRange === true && from !== undefined && to !== undefined ? [from, to] : undefined;
}
function isApart(a: Compaction, b: Compaction): boolean {
  const [one, other] = [rangeOf(a), rangeOf(b)];
  return one !== undefined && other !== undefined && (one[1] < other[0] || other[1] < one[0]);
}

/**
 * Ends a compaction, or says that it is still at work.
 * @returns `CompactionCommitted`, `CompactionAborted` or at most one `CompactionExtended`; or, in this order: UNRESOLVED_INSTANCE,
 *   INVALID_TABLET_JOB, UNKNOWN_TABLET, UNKNOWN_TABLET_JOB, TABLET_JOB_EXPIRED, INVALID_TABLET_JOB (action, lease or type)
 */
export const finishTabletJob = defineCommand({
  name: 'finishTabletJob',
  about: 'End a compaction of a tablet, or prolong it.',
  input: z.strictObject({ ...request.shape, action: z.union([z.enum(['UNKONWN', 'COMMIT', 'ABORT', 'LEASE']), int32]).exactOptional() }),
  decide: (state, { action = 'UNKONWN', ...asked }, { timeOfDay }): Decision<TabletEvent> => {
    const place = placeOf(state, asked);
    if ('code' in place) return refused(place);
    const { given, instanceId, tablet } = place;
    const { tabletId } = tablet;
    const recorded = recordedJob(state, place);
    if ('code' in recorded) return refused(recorded);
    if (isExpired(recorded, secondsOf(timeOfDay)))
      return reject('TABLET_JOB_EXPIRED', 'job', `expired compaction job, tablet_id=${tabletId} job=${jobText(recorded)}`);
    switch (action) {
      case 'ABORT':
        return accept(compactionAborted({ instanceId, tabletId, jobId: recorded.id, type: recorded.type }));
      case 'LEASE':
        return extended(place, recorded);
      case 'COMMIT':
        return committed(place, recorded, given);
      default:
        return reject('INVALID_TABLET_JOB', 'action', `unsupported action, tablet_id=${tabletId} action=${action}`);
    }
  },
});

function recordedJob(state: State, { given, instanceId, tablet: { tabletId } }: Place): CompactionJob | Rejection {
  const present = jobsOf(state.tablets, instanceId, tabletId);
  if (present === undefined) {
    const asked = `{"idx":{"tablet_id":"${tabletId}"},"compaction":[${jobText(given)}]}`;
    const detail = `job not found, instance_id=${instanceId} tablet_id=${tabletId} job=${asked} err=KeyNotFound`;
    return rejection('UNKNOWN_TABLET_JOB', 'job', detail);
  }
  const [first] = present;
  if (first === undefined) return rejection('UNKNOWN_TABLET_JOB', 'job', `there is no running compaction, tablet_id=${tabletId}`);
  const recorded = present.find(({ id }) => id === (given.id ?? ''));
  if (recorded !== undefined) return recorded;
  // One of possibly a hundred stands for all.
  const known = `{"idx":{"tablet_id":"${tabletId}"},"compaction":[${jobText(first)}]}`;
  return rejection('UNKNOWN_TABLET_JOB', 'job', `unmatched job id, recorded_job=${known} given_job=${jobText(given)}`);
}

function extended({ given: { lease = 0 }, instanceId, tablet: { tabletId } }: Place, recorded: CompactionJob): Decision<TabletEvent> {
  if (lease <= 0 || lease < recorded.lease)
    return reject('INVALID_TABLET_JOB', 'job.compaction[0].lease', `invalid lease. recoreded_lease=${recorded.lease} req_lease=${lease}`);
  if (lease === recorded.lease) return accept();
  return accept(compactionExtended({ instanceId, tabletId, jobId: recorded.id, previous: recorded.lease, lease }));
}

const committable = ['BASE', 'CUMULATIVE', 'EMPTY_CUMULATIVE', 'FULL'] as const;

function committed({ instanceId, tablet: { tabletId } }: Place, recorded: CompactionJob, given: Compaction): Decision<TabletEvent> {
  const wanted = given.type ?? recorded.type;
  const type = committable.find((one) => one === wanted);
  if (type === undefined) return reject('INVALID_TABLET_JOB', 'job.compaction[0].type', `invalid compaction type, type=${wanted}`);
  const [fromVersion, toVersion] = given.inputVersions ?? recorded.inputVersions ?? [];
  const isEmpty = type === 'EMPTY_CUMULATIVE';
  const hasRange = !isEmpty && fromVersion !== undefined && toVersion !== undefined;
  const outputRowsetId = given.outputRowsetIds?.[0];
  const { outputCumulativePoint } = given;
  return accept(
    compactionCommitted({
      instanceId,
      tabletId,
      jobId: recorded.id,
      type,
      input: inputOf(isEmpty ? {} : given),
      output: outputOf(isEmpty ? {} : given),
      ...(hasRange ? { fromVersion, toVersion } : {}),
      ...(outputRowsetId === undefined ? {} : { outputRowsetId }),
      ...(outputCumulativePoint === undefined ? {} : { cumulativePoint: outputCumulativePoint }),
    }),
  );
}

const inputOf = (given: Compaction): TabletFigures => ({
  numRows: given.numInputRows ?? 0,
  numSegments: given.numInputSegments ?? 0,
  dataSize: given.sizeInputRowsets ?? 0,
  indexSize: given.indexSizeInputRowsets ?? 0,
  segmentSize: given.segmentSizeInputRowsets ?? 0,
  numRowsets: given.numInputRowsets ?? 0,
});
const outputOf = (given: Compaction): TabletFigures => ({
  numRows: given.numOutputRows ?? 0,
  numSegments: given.numOutputSegments ?? 0,
  dataSize: given.sizeOutputRowsets ?? 0,
  indexSize: given.indexSizeOutputRowsets ?? 0,
  segmentSize: given.segmentSizeOutputRowsets ?? 0,
  numRowsets: given.numOutputRowsets ?? 0,
});

/** What names a compaction in a text: its form is that of the service's messages, its lists are left out. */
function jobText({ baseCompactionCnt, cumulativeCompactionCnt, expiration, id, initiator, lease, type }: Compaction): string {
  const decimal = (value: number | undefined): string | undefined => (value === undefined ? undefined : String(value));
  return JSON.stringify({
    initiator,
    type,
    base_compaction_cnt: decimal(baseCompactionCnt),
    cumulative_compaction_cnt: decimal(cumulativeCompactionCnt),
    id,
    expiration: decimal(expiration),
    lease: decimal(lease),
  });
}
