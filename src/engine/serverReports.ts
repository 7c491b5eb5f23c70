import type { BucketRef } from '../../events/buckets.ts';
import { serverLimits } from '../../events/servers.ts';
import type { Clock } from '../ports/clock.ts';

/** What a tablet server says of itself with a heartbeat. */
export interface ServerReport {
  readonly serverId: number;
  readonly incarnation: string;
  /** Up to this position it has carried out its assignment. */
  readonly appliedPosition: number;
  /** What it is copying, in bytes. */
  readonly copies: readonly Copy[];
}
export interface Copy extends BucketRef {
  readonly copiedBytes: number;
  readonly totalBytes: number;
}

/**
 * What tablet servers last reported: soft state of the node that leads. It is never asked what is true, only when somebody was heard of
 * and how far they say they are; a new leader begins with nothing and is told again within a third of a lease.
 */
export class ServerReports {
  readonly #clock: Clock;
  readonly #byServer = new Map<number, ServerReport & { readonly at: number }>();
  readonly #listeners = new Set<(report: ServerReport) => void>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  record(report: ServerReport): void {
    this.#byServer.delete(report.serverId); // What was heard last stands last.
    const [oldest] = this.#byServer.keys();
    if (this.#byServer.size >= serverLimits.servers && oldest !== undefined) this.#byServer.delete(oldest);
    this.#byServer.set(report.serverId, { ...report, at: this.#clock.now() });
    for (const listener of this.#listeners) listener(report);
  }

  /** The newest, with when it came in epoch milliseconds. */
  reportOf(serverId: number): (ServerReport & { readonly at: number }) | undefined {
    return this.#byServer.get(serverId);
  }

  /** Everything: their times mean nothing any more. */
  forget(): void {
    this.#byServer.clear();
  }

  list(): readonly ServerReport[] {
    return [...this.#byServer.values()];
  }

  /** Calls back with each report; returns how to stop that. */
  onReport(listener: (report: ServerReport) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
