import { z } from 'zod';
import { tableId } from '../../events/catalog.ts';
import { quickCheck } from '../../events/quickCheck.ts';
import {
  fileBytes,
  records,
  service,
  type TieringEvent,
  tieringDue,
  tieringEpoch,
  tieringLimits,
  tieringRoundFailed,
  tieringRoundFinished,
  tieringRoundStarted,
} from '../../events/tiering.ts';
import { type TableRow, tableById } from '../../projections/catalog.ts';
import { durationMsOf } from '../../projections/configs.ts';
import type { State } from '../../projections/state.ts';
import { dueTables, firstPending, roundsOf, rowAfter, type TieringRow, tieringOf } from '../../projections/tiering.ts';
import { accept, acceptWith, type Decision, isRejection, type Rejection, refused, rejection } from '../rejection.ts';
import { defineCommand } from './kit.ts';
import { canAllRead, isLakeTable, joining } from './lakeTables.ts';

/** What one command of the cluster's own does must fit into an entry of the log. */
export const tieringBatches = { due: 200, timedOut: 100, adopted: 200 } as const;

const coordinatorEpoch = z
  .number()
  .int()
  .min(0)
  .describe('The epoch of the answer that handed the table out, or of a newer one. Absent: it is not looked at.');
/** What a tiering service says of one round. Keys in order, here and in what is made of them: see `canonicalJson`. */
const ofRound = { coordinatorEpoch: coordinatorEpoch.exactOptional(), tableId, tieringEpoch };
type Round = Readonly<z.infer<z.ZodObject<typeof ofRound>>>;
/** Longer than what is kept of it: it is cut, not refused. */
const givenError = z
  .string()
  .max(4 * 1024 * 1024)
  .describe(`What went wrong; the first ${tieringLimits.errorLength} characters of it are kept.`);
const failure = { coordinatorEpoch: ofRound.coordinatorEpoch, error: givenError.exactOptional(), tableId, tieringEpoch };
const said = { fileBytes: fileBytes.exactOptional(), records: records.exactOptional() };
const success = { coordinatorEpoch: ofRound.coordinatorEpoch, ...said, tableId, tieringEpoch };
export const tieringReports = {
  renewal: z.strictObject(ofRound),
  failure: z.strictObject(failure),
  success: z.strictObject(success),
} as const;
type Failure = Readonly<z.infer<typeof tieringReports.failure>>;
type Success = Readonly<z.infer<typeof tieringReports.success>> & { readonly isForced: boolean };

const refusal = z.strictObject({ code: z.string(), detail: z.string(), remedy: z.string() });
const reportAnswer = z.strictObject({ tableId, refusal: refusal.exactOptional().describe('Absent: it counts, or changes nothing.') });
/** What a heartbeat is answered with: for each report, in the order they were given, whether it counts; and a table, if there is one. */
export const tieringAnswer = z.strictObject({
  coordinatorEpoch: z.number().int().min(0).describe('To be given back with reports.'),
  table: z
    .strictObject({
      tableId,
      database: z.string(),
      table: z.string(),
      tieringEpoch,
      timeoutMs: z.number().int().describe('After how long without a heartbeat that names it the round is given up, milliseconds.'),
    })
    .exactOptional()
    .describe('The table to tier now. Absent: none was asked for, or none is due.'),
  failed: z.array(reportAnswer),
  tiering: z.array(reportAnswer),
  finished: z.array(reportAnswer),
});
export type TieringAnswer = z.infer<typeof tieringAnswer>;
const isAnswer = quickCheck(tieringAnswer);
/** What a heartbeat was answered with; undefined when it is no such answer. */
export const tieringAnswerOf = (given: unknown): TieringAnswer | undefined =>
  isAnswer(given) ? (given as TieringAnswer) : tieringAnswer.safeParse(given).data;

/** Why a report does not count, in Fluss's words and the order of its checks. */
function reportFault({ epoch }: State, row: TieringRow | undefined, report: Round): Rejection | undefined {
  const { coordinatorEpoch: given, tableId: id, tieringEpoch: round } = report;
  if (given !== undefined && given !== epoch) {
    const detail = `The coordinator epoch ${given} in request is not match current coordinator epoch ${epoch} for table ${id}.`;
    return rejection('FENCED_COORDINATOR_EPOCH', 'coordinatorEpoch', detail);
  }
  if (row === undefined) return rejection('UNKNOWN_TABLE', 'tableId', `The table ${id} doesn't exist.`);
  if (round === row.tieringEpoch) return undefined;
  const detail = `The tiering epoch ${round} is not match current epoch ${row.tieringEpoch} in coordinator for table ${id}.`;
  return rejection('FENCED_TIERING_EPOCH', 'tieringEpoch', detail);
}

/** What only a terminal acts on (ECMA-48): strings with their end, such as titles and links; colours, cursor and the like; the others. */
const terminalSequences = new RegExp(
  [
    String.raw`(?:ESC[\]PX^_]|[\u0090\u0098\u009D-\u009F])[^\u0007ESC\u009C]*(?:\u0007|ESC\\|\u009C)`,
    String.raw`(?:ESC\[|\u009B)[0-?]*[ -/]*[@-~]`,
    String.raw`ESC[ -/]*(?![[\]PX^_])[0-~]`,
  ]
    .join('|')
    .replaceAll('ESC', String.raw`\u001B`),
  'g',
);

/** So much of a text is searched: what is kept, and room for what goes. */
const lookedAt = 32 * tieringLimits.errorLength;

/** No longer than what is kept, and without half a character at the cut. */
const cut = (given: string): string =>
  given.length > tieringLimits.errorLength ? given.slice(0, tieringLimits.errorLength).replace(/[\uD800-\uDBFF]$/, '') : given;

/** As much of an error as is kept: no half characters, and nothing that would be acted on by the terminal that shows it. */
export function errorTextOf(given: string): string {
  const kept = cut(given);
  if (/^[\t\n\r -~]*$/.test(kept)) return kept; // Most are; the other patterns take ten times as long.
  return cut(given.slice(0, lookedAt).replace(terminalSequences, '')).replace(/(?![\t\n\r])\p{Cc}|\p{Cs}/gu, '\uFFFD');
}

interface Names {
  readonly database: string;
  readonly table: string;
  readonly tableId: number;
}
function namesOf(state: State, id: number): Names {
  const row = tableById(state.catalog, id);
  if (row === undefined) throw new Error(`lake table ${id} is in no database`);
  const { database, table } = row;
  return { database, table, tableId: id };
}

type Because = 'REPORTED' | 'TIMED_OUT';
function failing(state: State, row: TieringRow, now: number, because: Because, error: string | undefined): RowEvent {
  const { database, table, tableId: id } = namesOf(state, row.tableId);
  const kept = errorTextOf(error ?? '');
  return tieringRoundFailed({
    because,
    database,
    durationMs: now - row.since,
    ...(kept === '' ? {} : { error: kept }),
    failuresInRow: row.failuresInRow + 1,
    service: row.service ?? '',
    table,
    tableId: id,
    tieringEpoch: row.tieringEpoch,
  });
}

function finishing(state: State, row: TieringRow, now: number, { fileBytes: bytes, isForced, records: count }: Success): RowEvent {
  const { database, table, tableId: id } = namesOf(state, row.tableId);
  return tieringRoundFinished({
    database,
    durationMs: now - row.since,
    ...(bytes === undefined ? {} : { fileBytes: bytes }),
    isForced,
    ...(count === undefined ? {} : { records: count }),
    service: row.service ?? '',
    table,
    tableId: id,
    tieringEpoch: row.tieringEpoch,
  });
}

/** An event that leaves a row. */
type RowEvent = Exclude<TieringEvent, { readonly type: 'LakeTableRemoved' }>;

/** What is decided of several reports, one after the other: each sees what the ones before it changed. */
class Reporting {
  readonly events: TieringEvent[] = [];
  readonly #state: State;
  readonly #now: number;
  /** By table id what happened last, and the row before it. Mostly nobody asks for the row after it. */
  readonly #changes = new Map<number, { readonly before: TieringRow; readonly event: RowEvent; after?: TieringRow }>();

  constructor(state: State, now: number) {
    this.#state = state;
    this.#now = now;
  }

  rowOf(id: number): TieringRow | undefined {
    const change = this.#changes.get(id);
    if (change === undefined) return tieringOf(this.#state.tiering, id);
    change.after ??= rowAfter(change.before, { at: this.#now, event: change.event, position: this.#state.position });
    return change.after;
  }

  /** @returns the refusal, the row that is Tiering, or undefined when there is nothing to report of it any more */
  #check(report: Round): Rejection | TieringRow | undefined {
    const row = this.rowOf(report.tableId);
    const fault = reportFault(this.#state, row, report);
    return fault ?? (row?.state === 'Tiering' ? row : undefined);
  }

  failed(report: Failure): Rejection | undefined {
    const row = this.#check(report);
    if (row === undefined || isRejection(row)) return row;
    this.#happened(row, failing(this.#state, row, this.#now, 'REPORTED', report.error));
    return undefined;
  }

  renewed(report: Round): Rejection | undefined {
    const checked = this.#check(report);
    if (checked !== undefined) return isRejection(checked) ? checked : undefined;
    const { state } = this.rowOf(report.tableId) ?? {};
    const detail = `The table ${report.tableId} to renew tiering heartbeat must in Tiering state, but in ${state} state.`;
    return rejection('TABLE_NOT_TIERING', 'tableId', detail);
  }

  finished(report: Success): Rejection | undefined {
    const row = this.#check(report);
    if (row === undefined || isRejection(row)) return row;
    this.#happened(row, finishing(this.#state, row, this.#now, report));
    return undefined;
  }

  /** The first table of the queue; when only reports of this heartbeat put one there, the first of those. */
  handOut(name: string, timeoutMs: number): TieringAnswer['table'] {
    const row = firstPending(this.#state.tiering) ?? this.#firstMadePending();
    if (row === undefined) return undefined;
    const { tieringEpoch: round } = row;
    const { database, table, tableId: id } = namesOf(this.#state, row.tableId);
    this.#happened(row, tieringRoundStarted({ database, service: name, table, tableId: id, tieringEpoch: round, timeoutMs }));
    return { database, table, tableId: id, tieringEpoch: round, timeoutMs };
  }

  #firstMadePending(): TieringRow | undefined {
    for (const id of this.#changes.keys()) {
      const row = this.rowOf(id);
      if (row?.state === 'Pending') return row;
    }
    return undefined;
  }

  #happened(before: TieringRow, event: RowEvent): void {
    this.events.push(event);
    this.#changes.delete(before.tableId); // What happened last stands last.
    this.#changes.set(before.tableId, { before, event });
  }
}

const listOf = <T extends z.ZodType>(report: T) => z.array(report).max(tieringLimits.reports, `at most ${tieringLimits.reports} tables`);

/**
 * A tiering service says what became of the tables that it was given, and may ask for another one. In Fluss's order: failed rounds, rounds
 * that go on, finished ones, the request. Each table gets its own answer, and none stops another.
 *
 * A table that the log says this service tiers, and of which it says nothing, was handed out in an answer that never arrived: it is handed
 * out again, without an event.
 * @returns `TieringRoundFailed`, `TieringRoundFinished`, `TieringRoundStarted`, with a `TieringAnswer`; its refusals are
 *   FENCED_COORDINATOR_EPOCH, UNKNOWN_TABLE, FENCED_TIERING_EPOCH, TABLE_NOT_TIERING
 */
export const tieringHeartbeat = defineCommand({
  name: 'tieringHeartbeat',
  about: 'A tiering service reports on its tables, and may ask for another one.',
  input: z.strictObject({
    service,
    failed: listOf(tieringReports.failure).describe('Rounds that failed.'),
    tiering: listOf(tieringReports.renewal).describe('Rounds that go on.'),
    finished: listOf(tieringReports.success).describe('Rounds that went well.'),
    forced: listOf(tableId).describe('Which of the finished ones were cut short: they are due again at once.'),
    wantsTable: z.boolean().describe('Whether it asks for a table.'),
    alsoHas: z
      .array(tableId)
      .max(3 * tieringLimits.reports)
      .describe('Tables that it knows it has, and reports on elsewhere.'),
  }),
  decide: (state, command, { now }): Decision<TieringEvent> => {
    const reporting = new Reporting(state, now);
    const forced = new Set(command.forced);
    const answer: TieringAnswer = {
      coordinatorEpoch: state.epoch,
      failed: command.failed.map((report) => answered(report, reporting.failed(report))),
      tiering: command.tiering.map((report) => answered(report, reporting.renewed(report))),
      finished: command.finished.map((report) => answered(report, reporting.finished({ ...report, isForced: forced.has(report.tableId) }))),
    };
    const table = command.wantsTable ? nextTable(state, command, reporting) : undefined;
    if (table !== undefined) answer.table = table;
    return acceptWith(answer, ...reporting.events);
  },
});
export type TieringHeartbeat = Readonly<z.infer<typeof tieringHeartbeat.input>>;

function answered({ tableId: id }: Round, fault: Rejection | undefined): TieringAnswer['failed'][number] {
  if (fault === undefined) return { tableId: id };
  const { code, detail, remedy } = fault;
  return { tableId: id, refusal: { code, detail, remedy } };
}

/** The table whose handing out this service never heard of, else, unless it has its fill, the one that has waited for longest. */
function nextTable(state: State, command: TieringHeartbeat, reporting: Reporting): TieringAnswer['table'] {
  const has = roundsOf(state.tiering, command.service);
  const id = has.length === 0 ? undefined : firstUnnamed(state, has, command);
  const unheardOf = id === undefined ? undefined : tieringOf(state.tiering, id);
  const timeoutMs = unheardOf?.timeoutMs ?? durationMsOf(state.configs, 'chancery.tiering.round-timeout');
  if (unheardOf !== undefined) return { ...namesOf(state, unheardOf.tableId), tieringEpoch: unheardOf.tieringEpoch, timeoutMs };
  return has.length < tieringLimits.rounds ? reporting.handOut(command.service, timeoutMs) : undefined;
}

/** The first of the tables that a service has and of whose present round it says nothing: a report on an older round is no word of it. */
function firstUnnamed({ tiering }: State, has: readonly number[], command: TieringHeartbeat): number | undefined {
  const named = new Set(command.alsoHas);
  for (const reports of [command.failed, command.tiering, command.finished])
    for (const { tableId: id, tieringEpoch: round } of reports) if (tieringOf(tiering, id)?.tieringEpoch === round) named.add(id);
  return has.find((id) => !named.has(id));
}

/** What one report of an operator call comes to. */
function reported(state: State, now: number, report: (reporting: Reporting) => Rejection | undefined): Decision<TieringEvent> {
  const reporting = new Reporting(state, now);
  const fault = report(reporting);
  return fault === undefined ? accept(...reporting.events) : refused(fault);
}

/**
 * Say that tiering of a table failed, for services that send no heartbeats. A round that is over already is passed over.
 * @returns `TieringRoundFailed`; or, in Fluss's words, FENCED_COORDINATOR_EPOCH, UNKNOWN_TABLE, FENCED_TIERING_EPOCH
 */
export const reportTieringFail = defineCommand({
  name: 'reportTieringFail',
  about: 'Say that a round of tiering failed, and why.',
  input: tieringReports.failure,
  decide: (state, report, { now }) => reported(state, now, (reporting) => reporting.failed(report)),
});

/**
 * Say that a table was tiered, for services that send no heartbeats. A round that is over already is passed over.
 * @returns `TieringRoundFinished`; or, in Fluss's words, FENCED_COORDINATOR_EPOCH, UNKNOWN_TABLE, FENCED_TIERING_EPOCH
 */
export const finishTableTiering = defineCommand({
  name: 'finishTableTiering',
  about: 'Say that a round of tiering went well.',
  input: z.strictObject({ ...success, isForced: z.boolean().describe('It was cut short: the table is due again at once.') }),
  decide: (state, report, { now }) => reported(state, now, (reporting) => reporting.finished(report)),
});

/** Queue tables whose timers have run off. @returns at most so many `TieringDue`, those first whose timers ran off first */
export const queueDueTables = defineCommand({
  name: 'queueDueTables',
  about: 'Queue the tables that are due to be tiered.',
  input: z.strictObject({ atMost: z.number().int().min(1).max(tieringBatches.due) }),
  decide: (state, { atMost }, { now }): Decision<TieringEvent> => {
    const due = dueTables(state.tiering, now, atMost);
    return accept(...due.map((row) => tieringDue({ ...namesOf(state, row.tableId), tieringEpoch: row.tieringEpoch + 1 })));
  },
});

/**
 * Give up rounds whose service was not heard of for as long as their time-out. Rounds that are over already are passed over.
 * @returns a `TieringRoundFailed` of each, with a text that says so
 */
export const timeOutTieringRounds = defineCommand({
  name: 'timeOutTieringRounds',
  about: 'Give up rounds of tiering whose service was not heard of.',
  input: z.strictObject({ rounds: z.array(z.strictObject({ tableId, tieringEpoch })).max(tieringBatches.timedOut) }),
  decide: (state, { rounds }, { now }): Decision<TieringEvent> => {
    const over = rounds.flatMap(({ tableId: id, tieringEpoch: round }) => {
      const row = tieringOf(state.tiering, id);
      return row?.state === 'Tiering' && row.tieringEpoch === round ? [row] : [];
    });
    return accept(...[...new Set(over)].map((row) => failing(state, row, now, 'TIMED_OUT', silenceOf(row))));
  },
});

function silenceOf({ service: name, timeoutMs = 0 }: TieringRow): string {
  const time = timeoutMs % 1000 === 0 ? `${timeoutMs / 1000} s` : `${timeoutMs} ms`;
  return `No heartbeat of tiering service ${name} for ${time}: the round was given up.`;
}

/**
 * Take in lake tables that a log from before tiering was kept holds; none while a node is there that could not read what that writes.
 * @returns at most so many `LakeTableAdded`
 */
export const adoptLakeTables = defineCommand({
  name: 'adoptLakeTables',
  about: 'Begin to tier lake tables that were there before tiering was kept.',
  input: z.strictObject({ atMost: z.number().int().min(1).max(tieringBatches.adopted) }),
  decide: (state, { atMost }): Decision<TieringEvent> => {
    if (!canAllRead(state)) return accept();
    const found: TableRow[] = [];
    for (const [id, row] of state.catalog.tables.rows()) {
      if (found.length === atMost) break;
      if (isLakeTable(row) && !state.tiering.byTable.has(id)) found.push(row);
    }
    return accept(...found.sort((a, b) => a.tableId - b.tableId).map((row) => joining(state, row, 'FOUND')));
  },
});
