/**
 * What a coordinator must know of lake tables, and answer their services: section 6 of the contract over a few arrays. It learns from the
 * log what the cluster did by itself, and says of each such event whether it was right, and when it would have been too late.
 */
import { expect } from 'vitest';
import type { ChanceryEvent } from '../../events/index.ts';
import type { TieringHeartbeat } from '../../src/deciders/tiering.ts';

/** How late the cluster may be, milliseconds: a tick of its timers, a look for silent services. */
const slack = { timer: 1_000, look: 2_000 } as const;

export interface Report {
  readonly tableId: number;
  readonly tieringEpoch: number;
  readonly coordinatorEpoch?: number;
  readonly error?: string;
}
type Kind = 'failed' | 'tiering' | 'finished';
export interface LakeTable {
  readonly id: number;
  readonly name: string;
  status: 'Scheduled' | 'Pending' | 'Tiering';
  epoch: number;
  freshnessMs: number;
  /** What its timer counts from, and since when it counts so. */
  from: number;
  timedAt: number;
  failures: number;
  failuresInRow: number;
  round?: { readonly service: string; readonly timeoutMs: number; heardAt: number };
  error?: { readonly at: number; readonly text?: string };
  lastTieredAt?: number;
}
/** What the log must say of a command, each as a text. */
export const eventText = ({ data, type }: ChanceryEvent): string => {
  const { because, tableId, tieringEpoch, isForced, service } = data as Record<string, unknown>;
  return [type, tableId, tieringEpoch, because, isForced, service].map((part) => part ?? '-').join(' ');
};
export interface Said {
  readonly failed: readonly string[];
  readonly tiering: readonly string[];
  readonly finished: readonly string[];
  /** One of these must be handed out; empty when none may be. */
  readonly table: readonly { readonly tableId: number; readonly database: string; readonly table: string; readonly tieringEpoch: number }[];
}

const handed = ({ epoch, id, name, round }: LakeTable) => ({
  tableId: id,
  database: 'lake',
  table: name,
  tieringEpoch: epoch,
  timeoutMs: round?.timeoutMs ?? 0,
});

export class TieringModel {
  /** By name: all tables there are, lake tables or not. */
  readonly catalog = new Map<string, { readonly id: number; isLake: boolean; freshnessMs: number }>();
  readonly tables = new Map<number, LakeTable>();
  readonly queue: number[] = [];
  /** Where the rounds of a table stood when tiering was switched off. */
  readonly former = new Map<number, number>();
  nextId = 0;
  coordinatorEpoch = 0;
  ledSince = 0;
  timeoutMs = 16_000;
  /** Every round that was ever begun, `table/epoch`: none comes twice. */
  readonly begun = new Set<string>();

  join(name: string, at: number): string[] {
    const { freshnessMs, id } = this.of(name);
    const epoch = (this.former.get(id) ?? -1) + 1;
    this.former.delete(id);
    const counts = { failures: 0, failuresInRow: 0 };
    this.tables.set(id, { id, name, status: 'Scheduled', epoch, freshnessMs, from: at, timedAt: at, ...counts });
    return [`LakeTableAdded ${id} ${epoch} NEW - -`];
  }

  leave(id: number): void {
    this.#unqueue(id);
    this.tables.delete(id);
  }

  of(name: string): { readonly id: number; isLake: boolean; freshnessMs: number } {
    const table = this.catalog.get(name);
    if (table === undefined) throw new Error(`the model knows no table ${name}`);
    return table;
  }

  /** Something that no caller asked for. */
  explain(event: ChanceryEvent, at: number): void {
    if (event.type === 'LeadershipTaken') {
      expect(event.data.epoch, 'the coordinator epoch grows').toBeGreaterThan(this.coordinatorEpoch);
      this.coordinatorEpoch = event.data.epoch;
      this.ledSince = at;
      for (const { round } of this.tables.values()) if (round !== undefined) round.heardAt = at;
    } else if (event.type === 'TieringDue') this.#due(this.#table(event.data.tableId), event.data.tieringEpoch, at);
    else if (event.type === 'TieringRoundFailed') this.#timedOut(this.#table(event.data.tableId), event.data, at);
    else expect(['CoordinatorJoined', 'CoordinatorReturned', 'CoordinatorLost', 'LogCreated'], JSON.stringify(event)).toContain(event.type);
  }

  /** With a leader there, nothing waits for longer than it may. */
  nothingIsLate(now: number): void {
    for (const table of this.tables.values()) {
      if (table.status === 'Scheduled') expect(now, `table ${table.id} waits too long`).toBeLessThanOrEqual(this.#dueUntil(table));
      const { round } = table;
      const until = round === undefined ? now : round.heardAt + round.timeoutMs + slack.look;
      expect(now, `the round of table ${table.id} goes on without its service`).toBeLessThanOrEqual(until);
    }
  }

  heartbeat(given: TieringHeartbeat, at: number): { readonly said: Said; readonly events: readonly string[] } {
    const events: string[] = [];
    const each = (kind: Kind, reports: readonly Report[]): string[] =>
      reports.map((report) => this.report(kind, report, given.forced.includes(report.tableId), at, events));
    const failed = each('failed', given.failed);
    const tiering = each('tiering', given.tiering);
    const finished = each('finished', given.finished);
    const table = given.wantsTable ? this.#handOut(given, at, events) : [];
    return { said: { failed, tiering, finished, table }, events };
  }

  /** @returns the code of the refusal, or nothing; and adds what must be written to `events` */
  report(kind: Kind, report: Report, isForced: boolean, at: number, events: string[]): string {
    const table = this.tables.get(report.tableId);
    if (report.coordinatorEpoch !== undefined && report.coordinatorEpoch !== this.coordinatorEpoch) return 'FENCED_COORDINATOR_EPOCH';
    if (table === undefined) return 'UNKNOWN_TABLE';
    if (table.epoch !== report.tieringEpoch) return 'FENCED_TIERING_EPOCH';
    const { round } = table;
    if (round === undefined) return kind === 'tiering' ? 'TABLE_NOT_TIERING' : '';
    if (kind === 'tiering') round.heardAt = at;
    if (kind === 'failed') {
      events.push(`TieringRoundFailed ${table.id} ${table.epoch} REPORTED - ${round.service}`);
      this.#fail(table, at, report.error);
    }
    if (kind === 'finished') {
      events.push(`TieringRoundFinished ${table.id} ${table.epoch} - ${isForced} ${round.service}`);
      Object.assign(table, { failuresInRow: 0, from: at, timedAt: at, lastTieredAt: at, status: 'Scheduled' });
      delete table.error;
      delete table.round;
      if (isForced) this.#enqueue(table);
    }
    return '';
  }

  #handOut({ alsoHas, failed, finished, service, tiering }: TieringHeartbeat, at: number, events: string[]): Said['table'] {
    const present = [...failed, ...tiering, ...finished].filter(
      ({ tableId, tieringEpoch }) => this.tables.get(tableId)?.epoch === tieringEpoch,
    );
    const named = new Set(present.map(({ tableId }) => tableId).concat(alsoHas));
    const unheardOf = [...this.tables.values()].filter(({ id, round }) => round?.service === service && !named.has(id));
    if (unheardOf.length > 0) return unheardOf.map(handed);
    const id = this.queue.shift();
    if (id === undefined) return [];
    const table = this.#table(id);
    expect(this.begun, 'no round comes twice').not.toContain(`${id}/${table.epoch}`);
    this.begun.add(`${id}/${table.epoch}`);
    table.status = 'Tiering';
    table.round = { service, timeoutMs: this.timeoutMs, heardAt: at };
    events.push(`TieringRoundStarted ${id} ${table.epoch} - - ${service}`);
    return [handed(table)];
  }

  #due(table: LakeTable, epoch: number, at: number): void {
    expect([table.status, epoch], `table ${table.id} becomes due`).toEqual(['Scheduled', table.epoch + 1]);
    const dueAt = table.from + table.freshnessMs;
    expect(at, `table ${table.id} is due`).toBeGreaterThanOrEqual(dueAt);
    expect(at, `table ${table.id} was due before`).toBeLessThanOrEqual(this.#dueUntil(table));
    for (const other of this.tables.values())
      if (other.status === 'Scheduled' && other !== table) {
        const otherDueAt = other.from + other.freshnessMs;
        expect(otherDueAt, `table ${other.id} was due before table ${table.id}`).toBeGreaterThanOrEqual(dueAt);
      }
    this.#enqueue(table);
  }

  #timedOut(table: LakeTable, data: Extract<ChanceryEvent, { type: 'TieringRoundFailed' }>['data'], at: number): void {
    const { round } = table;
    expect([data.because, data.tieringEpoch, data.service]).toEqual(['TIMED_OUT', table.epoch, round?.service]);
    if (round === undefined) return;
    const silentAt = round.heardAt + round.timeoutMs;
    expect(at, `service ${round.service} was heard of at ${round.heardAt}`).toBeGreaterThanOrEqual(silentAt);
    expect(at, `service ${round.service} was silent before`).toBeLessThanOrEqual(silentAt + slack.look);
    const time = `${round.timeoutMs / 1000} s`;
    this.#fail(table, at, `No heartbeat of tiering service ${round.service} for ${time}: the round was given up.`);
  }

  #fail(table: LakeTable, at: number, text: string | undefined): void {
    table.failures += 1;
    table.failuresInRow += 1;
    table.error = { at, ...(text === undefined || text === '' ? {} : { text }) };
    delete table.round;
    this.#enqueue(table);
  }

  #enqueue(table: LakeTable): void {
    table.status = 'Pending';
    table.epoch += 1;
    this.queue.push(table.id);
  }

  #unqueue(id: number): void {
    const place = this.queue.indexOf(id);
    if (place >= 0) this.queue.splice(place, 1);
  }

  #dueUntil({ freshnessMs, from, timedAt }: LakeTable): number {
    return Math.max(from + freshnessMs, timedAt, this.ledSince) + slack.timer;
  }

  #table(id: number): LakeTable {
    const table = this.tables.get(id);
    if (table === undefined) throw new Error(`the model knows no lake table ${id}`);
    return table;
  }
}
