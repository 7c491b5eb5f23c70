import type { FailureReport, FinishReport, Given, Heartbeat, HeartbeatAnswer, Report, ReportAnswer } from './coordinatorClient.ts';
import type { Holding } from './lake.ts';

/** What became of a round. */
export type Ending =
  | { readonly kind: 'failed'; readonly error?: string }
  | ({ readonly kind: 'finished'; readonly isForced: boolean } & Holding);

/** A round that this service has: it runs, or it is over and the coordinator does not know yet. */
export class Round {
  readonly given: Given;
  /** Aborts when the round is no longer this service's. */
  readonly dropped = new AbortController();
  ending: Ending | undefined;

  constructor(given: Given) {
    this.given = given;
  }
}

/** A report that does not count. */
export interface Refused {
  readonly given: Given;
  readonly code: string;
  readonly detail: string;
}

/**
 * What a service has to say. A round stays here until an answer says that its report counts, or never will: so nothing is lost with a
 * lost answer, and with a new leader it is only said once more.
 */
export class Rounds {
  readonly #byTable = new Map<number, Round>();
  /** Of the last answer. */
  #coordinatorEpoch = 0;

  get size(): number {
    return this.#byTable.size;
  }

  all(): readonly Round[] {
    return [...this.#byTable.values()];
  }

  begin(given: Given): Round {
    this.#byTable.get(given.tableId)?.dropped.abort();
    const round = new Round(given);
    this.#byTable.set(given.tableId, round);
    return round;
  }

  /** Names every round, so that the coordinator sees which one was handed out in vain. */
  heartbeat(wantsTable: boolean): Heartbeat {
    const failed: FailureReport[] = [];
    const tiering: Report[] = [];
    const finished: FinishReport[] = [];
    const forced: number[] = [];
    for (const { ending, given } of this.#byTable.values()) {
      const { tableId, tieringEpoch } = given;
      const report = { tableId, tieringEpoch, coordinatorEpoch: this.#coordinatorEpoch };
      if (ending === undefined) tiering.push(report);
      else if (ending.kind === 'failed') failed.push({ ...report, ...(ending.error === undefined ? {} : { error: ending.error }) });
      else {
        const { fileBytes, isForced, records } = ending;
        finished.push({ ...report, fileBytes, records });
        if (isForced) forced.push(tableId);
      }
    }
    return { failed, tiering, finished, forced, wantsTable };
  }

  /**
   * Takes in what a heartbeat was answered with; the table in it is for `begin`.
   * @returns reports that never will count, their rounds are dropped; and whether there is something to be said again under a newer epoch
   */
  answered(sent: Heartbeat, answer: HeartbeatAnswer): { readonly dropped: readonly Refused[]; readonly isToBeSaidAgain: boolean } {
    const dropped: Refused[] = [];
    const isNewer = answer.coordinatorEpoch > this.#coordinatorEpoch;
    let isFenced = false;
    const settle = (report: Report, { refusal }: ReportAnswer, isOver: boolean): void => {
      const round = this.#byTable.get(report.tableId);
      if (round === undefined || round.given.tieringEpoch !== report.tieringEpoch) return;
      if (refusal?.code === 'FENCED_COORDINATOR_EPOCH') {
        isFenced = true;
        return;
      }
      if (refusal !== undefined) dropped.push({ given: round.given, ...refusal });
      if (refusal === undefined && !isOver) return;
      this.#byTable.delete(report.tableId);
      round.dropped.abort();
    };
    for (const [list, isOver] of [
      ['failed', true],
      ['tiering', false],
      ['finished', true],
    ] as const)
      for (const [i, report] of sent[list].entries()) {
        const said = answer[list][i];
        if (said?.tableId === report.tableId) settle(report, said, isOver);
      }
    // An older one comes from a leader that was cut off, or from a cluster that was made anew: the next answer tells.
    this.#coordinatorEpoch = answer.coordinatorEpoch;
    return { dropped, isToBeSaidAgain: isFenced && isNewer };
  }
}
