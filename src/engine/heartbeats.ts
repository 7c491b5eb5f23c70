import type { Clock } from '../ports/clock.ts';
import { type Rejection, rejection } from '../rejection.ts';

/** What a backend says of itself. */
export interface Heartbeat {
  readonly instanceId: string;
  readonly host: string;
  readonly heartbeatPort: number;
  readonly bePort: number;
  readonly httpPort: number;
  readonly brpcPort: number;
  readonly currentFragmentNum: number;
  /** Epoch milliseconds. */
  readonly lastFragmentUpdateTime: number;
}

/** A backend that was silent for three periods counts as silent; `backends`: how many are remembered. */
export const heartbeatLimits = { periodMs: 10_000, missed: 3, backends: 50_000 } as const;
const expiresAfterMs = heartbeatLimits.periodMs * heartbeatLimits.missed;

/** What backends last reported: soft state, kept by the leader alone and gone with its leadership. */
export class Heartbeats {
  readonly #clock: Clock;
  /** The one that was silent for longest first. */
  readonly #byBackend = new Map<string, { readonly heartbeat: Heartbeat; readonly at: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Remembers a report. @returns why not */
  record(heartbeat: Heartbeat): Rejection | undefined {
    this.#forgetSilent();
    const key = backendKey(heartbeat.instanceId, heartbeat.host, heartbeat.heartbeatPort);
    if (!this.#byBackend.delete(key) && this.#byBackend.size >= heartbeatLimits.backends)
      return rejection('BUSY', '', `${heartbeatLimits.backends} backends report already, which is the most`);
    this.#byBackend.set(key, { heartbeat, at: this.#clock.now() });
    return undefined;
  }

  /** Those that are not silent. */
  list(): readonly Heartbeat[] {
    this.#forgetSilent();
    return [...this.#byBackend.values()].map(({ heartbeat }) => heartbeat);
  }

  #forgetSilent(): void {
    const oldest = this.#clock.now() - expiresAfterMs;
    for (const [key, { at }] of this.#byBackend) {
      if (at > oldest) return;
      this.#byBackend.delete(key);
    }
  }
}

/** A backend by its instance and address. */
export const backendKey = (instanceId: string, host: string, heartbeatPort: number): string => `${instanceId}\n${host}\n${heartbeatPort}`;

/** The reports of the whole cluster, wherever they are kept. */
export interface HeartbeatBoard {
  /** @returns why a report could not be kept */
  record(heartbeat: Heartbeat): Promise<Rejection | undefined>;
  /** @returns none when nobody can be asked: then nobody knows */
  list(): Promise<readonly Heartbeat[]>;
}
