import type { State } from '../projections/state.ts';
import type { TieringAnswer } from '../src/deciders/tiering.ts';
import type { Node } from '../src/engine/node.ts';
import { type GivenHeartbeat, submitHeartbeat } from '../src/engine/tieringHeartbeats.ts';
import { caller } from '../test/support/nodes.ts';
import { median, percentile } from './figures.ts';

/** Heartbeats of one run: how many per second, their times in milliseconds, and what they wrote after which state. */
export interface Beats {
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
  readonly from: State;
  /** As texts: events that were kept would cost the collector what they cost no node. */
  readonly entries: readonly string[];
}
type Round = Pick<NonNullable<TieringAnswer['table']>, 'tableId' | 'tieringEpoch'> & { readonly coordinatorEpoch: number };

const epochIsOver = 'FENCED_COORDINATOR_EPOCH';
const error = 'java.io.IOException: the lake cannot be written: no space left on device /data/lake (error 28). '.repeat(3);

// Keys as they come off the interface.
const failureOf = ({ coordinatorEpoch, tableId, tieringEpoch }: Round) => ({ coordinatorEpoch, error, tableId, tieringEpoch });
const successOf = ({ coordinatorEpoch, tableId, tieringEpoch }: Round) => ({
  coordinatorEpoch,
  fileBytes: 1_000_000,
  records: 10_000,
  tableId,
  tieringEpoch,
});

/** Tiering services in this process, one heartbeat at a time each. */
export class TieringServices {
  readonly #node: Node;
  readonly #count: number;
  readonly #isFailing: (tableId: number) => boolean;
  /** By the number of its service. */
  readonly #held = new Map<number, Round>();

  constructor(node: Node, count: number, isFailing: (tableId: number) => boolean) {
    this.#node = node;
    this.#count = count;
    this.#isFailing = isFailing;
  }

  /** Every heartbeat reports on the round that its service had, and asks for another table: as fast as they go. */
  async run(forMs: number): Promise<Beats> {
    const entries: string[] = [];
    const from = this.#node.state;
    const stop = this.#node.replica.onApplied(({ text }) => entries.push(text));
    const times: number[] = [];
    const end = performance.now() + forMs;
    await this.#each(async (service) => {
      while (performance.now() < end) {
        const started = performance.now();
        await this.#turn(service);
        times.push(performance.now() - started);
      }
    });
    stop();
    return { perSecond: times.length / (forMs / 1000), p50: median(times), p99: percentile(times, 0.99), from, entries };
  }

  /** Tables that wait are handed out, at most one to each service. */
  async takeAll(): Promise<void> {
    await this.#each((service) => this.#turn(service));
  }

  /** Every service renews what it has and asks for more, once in so many milliseconds; their turns are spread over that time. */
  async poll(forMs: number, everyMs: number): Promise<void> {
    const end = performance.now() + forMs;
    await this.#each(async (service) => {
      for (let at = end - forMs + (service / this.#count) * everyMs; at < end; at += everyMs) {
        await new Promise((resolve) => setTimeout(resolve, Math.max(0, at - performance.now())));
        const round = this.#held.get(service);
        await this.#beat(service, { tiering: round === undefined ? [] : [round] });
      }
    });
  }

  async #each(work: (service: number) => Promise<void>): Promise<void> {
    await Promise.all(Array.from({ length: this.#count }, (_, service) => work(service)));
  }

  async #turn(service: number): Promise<void> {
    const round = this.#held.get(service);
    const fails = round !== undefined && this.#isFailing(round.tableId);
    const { coordinatorEpoch, table } = await this.#beat(service, {
      failed: fails ? [failureOf(round)] : [],
      finished: round === undefined || fails ? [] : [successOf(round)],
    });
    if (table === undefined) this.#held.delete(service);
    else this.#held.set(service, { coordinatorEpoch, tableId: table.tableId, tieringEpoch: table.tieringEpoch });
  }

  async #beat(service: number, said: Partial<GivenHeartbeat>): Promise<TieringAnswer> {
    const given = { service: `s${this.#count}-${service}`, failed: [], tiering: [], finished: [], forced: [], wantsTable: true, ...said };
    const outcome = await submitHeartbeat(this.#node, given, caller);
    if (outcome.kind !== 'answered') throw new Error(`a heartbeat ended as ${JSON.stringify(outcome)}`);
    const { failed, finished, tiering } = outcome.answer;
    // A session that was lost on a busy machine makes a new epoch; its service is handed out the same table once more.
    const refused = [...failed, ...finished, ...tiering].find(({ refusal }) => (refusal?.code ?? epochIsOver) !== epochIsOver);
    if (refused !== undefined) throw new Error(`a report was refused: ${refused.refusal?.detail}`);
    return outcome.answer;
  }
}
