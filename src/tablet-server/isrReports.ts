import type { Logger } from '../ports/logger.ts';
import { bucketName, refOf } from './bucket.ts';
import type { IsrReport } from './coordinatorClient.ts';
import type { Leadership } from './leadership.ts';

const reportBuckets = 500;
const collectMs = 50;

export interface IsrReportsOptions {
  /** Those that are in office now. */
  readonly leaderships: () => Iterable<Leadership>;
  /** @returns the position at which it was decided. */
  readonly send: (buckets: readonly IsrReport[]) => Promise<number>;
  readonly logger: Logger;
  /** How often each leader looks who has fallen behind, and repeats what has no answer yet. */
  readonly lookEveryMs: number;
}

/** Asks the coordinator for the ISRs that the leaders want, in batches, until the assignment shows them or the epochs have moved on. */
export class IsrReports {
  readonly #options: IsrReportsOptions;
  readonly #timer: NodeJS.Timeout;
  /** When which ISR was asked for last, by bucket: not again within `lookEveryMs`, unless it is another one. */
  readonly #asked = new Map<string, { readonly what: string; readonly atMs: number }>();
  #collecting: NodeJS.Timeout | undefined;
  #isSending = false;
  #isClosed = false;

  constructor(options: IsrReportsOptions) {
    this.#options = options;
    this.#timer = setInterval(() => this.look(), options.lookEveryMs);
  }

  /** Something may have to be reported. */
  look(): void {
    if (this.#isClosed || this.#isSending) return;
    this.#collecting ??= setTimeout(() => void this.#send(), collectMs);
  }

  close(): void {
    this.#isClosed = true;
    clearInterval(this.#timer);
    clearTimeout(this.#collecting);
  }

  async #send(): Promise<void> {
    this.#isSending = true;
    let isAnswered = false;
    const { reports, settle } = this.#collect();
    try {
      if (reports.length === 0) return;
      const decidedAt = await this.#options.send(reports);
      for (const tell of settle) tell(decidedAt);
      isAnswered = true;
    } catch (error) {
      this.#options.logger.debug({ err: error, buckets: reports.length }, 'a report of in-sync replicas has no answer');
    } finally {
      this.#isSending = false;
      this.#collecting = undefined;
      if (isAnswered) this.look(); // What came up meanwhile.
    }
  }

  #collect(): { readonly reports: readonly IsrReport[]; readonly settle: readonly ((decidedAt: number) => void)[] } {
    const now = performance.now();
    const reports: IsrReport[] = [];
    const settle: ((decidedAt: number) => void)[] = [];
    const wanting = new Set<string>();
    for (const leadership of this.#options.leaderships()) {
      const wanted = leadership.wantedIsr();
      const anew = leadership.needsNewEpoch;
      if (wanted === undefined && !anew) continue;
      const { bucketEpoch, isr: inForce, leaderEpoch } = leadership.assigned;
      const isr = wanted ?? inForce;
      const name = bucketName(leadership.assigned);
      wanting.add(name);
      const what = JSON.stringify([leaderEpoch, bucketEpoch, isr, anew]);
      const asked = this.#asked.get(name);
      if (asked?.what === what && now - asked.atMs < this.#options.lookEveryMs) continue;
      if (reports.length === reportBuckets) break;
      this.#asked.set(name, { what, atMs: now });
      settle.push(leadership.propose(isr));
      reports.push({
        ...refOf(leadership.assigned),
        leaderEpoch,
        bucketEpoch,
        isr,
        bytes: leadership.replica.length,
        ...(anew ? { anew } : {}),
      });
    }
    if (reports.length < reportBuckets) for (const name of this.#asked.keys()) if (!wanting.has(name)) this.#asked.delete(name);
    return { reports, settle };
  }
}
