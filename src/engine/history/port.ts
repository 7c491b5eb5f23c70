import type { Act } from '../../../events/envelope.ts';
import type { Asker } from '../../deciders/authorizer.ts';
import type { Rejection } from '../../rejection.ts';
import type { TieringFailure } from './tieringFailures.ts';

/** A moment of the log: a position, or epoch milliseconds (then the last event at or before it); absent means now. */
export type Moment = { readonly position: number } | { readonly at: number };

/** Which events; all parts must hold. Positions and times are inclusive. */
export interface EventQuery {
  readonly fromPosition?: number;
  readonly toPosition?: number;
  /** Epoch milliseconds. */
  readonly since?: number;
  readonly until?: number;
  readonly types?: readonly string[];
  /** `config/datalake.format`, or a family with a star: `config/*`. */
  readonly subject?: string;
  readonly principal?: string;
  readonly order?: 'ascending' | 'descending';
  /** 1 to 1,000. */
  readonly limit: number;
}

/** An event as histories show it: secrets are the word `sealed`. */
export interface HistoryEvent {
  readonly position: number;
  /** Epoch milliseconds. */
  readonly at: number;
  readonly epoch: number;
  readonly id: string;
  readonly type: string;
  readonly version: number;
  readonly subjects: readonly string[];
  readonly data: unknown;
  readonly act: Act;
  /** What happened, in the operator's words: `set datalake.format   unset → paimon`. */
  readonly words: string;
}

export interface EventPage {
  readonly events: readonly HistoryEvent[];
  /** Give it as `fromPosition` (ascending) or `toPosition` (descending) for the next page; absent when there is none yet. */
  readonly next?: number;
}

export interface StateThen {
  readonly position: number;
  /** Epoch milliseconds of that event; 0 at position 0. */
  readonly at: number;
  readonly epoch: number;
  /** Projections by name, tables as plain objects, secrets as the word `sealed`. */
  readonly state: Readonly<Record<string, unknown>>;
}
export interface StateOptions {
  /** Names of projections, `configs`; absent means all but the bookkeeping. */
  readonly projections?: readonly string[];
}

/** One change to the plain form of a state, as immer writes them. */
export interface StatePatch {
  readonly op: 'add' | 'remove' | 'replace';
  /** Projection, table, key and further in. */
  readonly path: readonly (string | number)[];
  readonly value?: unknown;
}
/** An event and what it did. */
export interface ReplayStep {
  readonly event: HistoryEvent;
  readonly patches: readonly StatePatch[];
}
/** Which events to show; all others are folded too. Both ends are inclusive. */
export interface ReplayQuery {
  readonly fromPosition?: number;
  readonly to?: Moment;
  readonly types?: readonly string[];
  readonly subject?: string;
  readonly principal?: string;
  /** Also what the fold keeps for itself: idempotency keys, the index by subject, agenda, position and hash. */
  readonly includeBookkeeping?: boolean;
}
export interface ReplayPage {
  readonly steps: readonly ReplayStep[];
  /** Give it as `fromPosition` for the next page; absent at the end. */
  readonly next?: number;
}

/** Which rounds of tiering that failed: all, those of a database, or of one table, by the names that they had then. */
export interface FailureQuery {
  readonly database?: string;
  readonly table?: string;
  /** Newer ones do not count. */
  readonly toPosition: number;
  readonly limit: number;
  /** So many of the newest are left out. */
  readonly offset: number;
}
export interface FailurePage {
  /** The newest first. */
  readonly failures: readonly TieringFailure[];
  /** Give it as `offset` for the next page; absent at the end. */
  readonly next?: number;
}

/** The rows of a SELECT. Cells are JSON values; whole numbers beyond 2^53 and timestamps are texts. */
export interface SelectResult {
  readonly columns: readonly { readonly name: string; readonly type: string }[];
  readonly rows: readonly (readonly unknown[])[];
  readonly truncated: boolean;
}

/**
 * Questions about the past and across tables, answered by a process of their own with its own fold of the log, so that neither a
 * long replay nor a heavy query delays the node. Every answer is at or after `atLeast`, a position this node has folded.
 * Callers take turns: `caller` is the principal that asks (of a SELECT it is the asker), absent for what the node asks by itself. Any
 * question may be refused as BUSY: too many are waiting, its turn did not come in time, or there is no memory for it beside the others.
 */
export interface History {
  /** @throws HistoryRefused */
  events(query: EventQuery, caller?: string): Promise<EventPage>;
  /** The state right after a moment's event; absent means now. @throws HistoryRefused UNKNOWN_POSITION beyond the head, TOO_LARGE */
  stateAt(moment: Moment | undefined, options?: StateOptions, caller?: string): Promise<StateThen>;
  /** What each event did to the state, 1 to 1,000 at a time. @throws HistoryRefused */
  replay(query: ReplayQuery & { readonly limit: number }, caller?: string): Promise<ReplayPage>;
  /** Rounds of tiering that failed. @throws HistoryRefused */
  failures(query: FailureQuery, caller?: string): Promise<FailurePage>;
  /** One SELECT over `sys` tables. `live` holds the rows of tables that are not in the log. @throws HistoryRefused */
  select(sql: string, options: SelectOptions): Promise<SelectResult>;
  close(): Promise<void>;
}
export interface SelectOptions {
  /** Who reads: tables are judged one by one, as `tableAccess` says. */
  readonly asker: Asker;
  readonly maxRows: number;
  readonly timeoutMs: number;
  /** IANA name for rendering timestamps; default UTC. */
  readonly timeZone?: string;
  /** Soft state by table name, as rows by column name: `coordinators` gets each member's folded position from here. */
  readonly live: Readonly<Record<string, readonly Readonly<Record<string, unknown>>[]>>;
}

/** An expected "no" of the history: `code` as in the rejection catalogue or one of the SQL codes, with what to do. */
export class HistoryRefused extends Error {
  readonly code: string;
  readonly remedy: string;
  /** For SQL: where in the text, 0-based code unit. */
  readonly offset: number | undefined;
  /** Of a denial: principal, operation, resource, table. */
  readonly facts: Rejection['facts'];
  constructor(code: string, message: string, remedy: string, offset?: number, facts?: Rejection['facts']) {
    super(message);
    this.name = 'HistoryRefused';
    this.code = code;
    this.remedy = remedy;
    this.offset = offset;
    this.facts = facts;
  }
}
