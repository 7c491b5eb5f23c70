import { Agent } from 'node:https';
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import type { Clock } from '../../ports/clock.ts';
import type { Logger } from '../../ports/logger.ts';
import {
  type ClientCertMode,
  clientContextOf,
  fingerprintOf,
  readTls,
  serverContextOf,
  systemCas,
  type TlsMaterial,
  type TlsProblem,
  type TlsSettings,
} from './material.ts';
import { dateOf, endOf, nameWarnings, subjectOf, timeWarnings } from './warnings.ts';

export interface TlsParts {
  readonly settings: TlsSettings;
  /** Where others reach this node: its certificate should be for this host. */
  readonly advertise: string;
  readonly clock: Clock;
  readonly logger: Logger;
}
export type OpenedTls =
  | { readonly kind: 'tls'; readonly tls: NodeTls }
  | { readonly kind: 'wrong'; readonly problems: readonly TlsProblem[] };

/** How often files are looked at, milliseconds: file systems of mounted secrets tell nobody when something changes. */
export const watchEveryMs = 5_000;
const dayMs = 86_400_000;
/** Connections to one other node. */
const maxSockets = 16;

/**
 * The certificates of this node, for its listeners and for its calls to other nodes. Files that change are read again within twice
 * `watchEveryMs`; connections that stand go on with what they began with. A new set that does not fit is told about once, and the old
 * one stays.
 */
export class NodeTls {
  readonly #parts: TlsParts;
  readonly #listeners = new Set<(context: SecureContextOptions) => void>();
  #material: TlsMaterial;
  /** Of the files that were read last, and of those that were found wrong. */
  #read: string;
  #wrong: { readonly fingerprint: string; readonly isSaid: boolean } | undefined;
  #agent: Agent | undefined;
  #warnAt: number;
  #cancelLook: () => void = () => {};
  #isClosed = false;

  private constructor(parts: TlsParts, material: TlsMaterial, fingerprint: string) {
    this.#parts = parts;
    this.#material = material;
    this.#read = fingerprint;
    this.#warnAt = parts.clock.now() + dayMs;
  }

  /** Reads the files, says what they hold, and watches them from then on. */
  static async open(parts: TlsParts): Promise<OpenedTls> {
    const fingerprint = await fingerprintOf(parts.settings);
    const read = await readTls(parts.settings);
    if (read.kind === 'wrong') return read;
    const tls = new NodeTls(parts, read.material, fingerprint);
    tls.#tell('TLS is on');
    tls.#watch();
    return { kind: 'tls', tls };
  }

  /** Whether the listeners speak TLS. */
  get isShown(): boolean {
    return this.#material.own !== undefined;
  }

  get clientCerts(): ClientCertMode {
    return this.#parts.settings.clientCerts;
  }

  /** What a listener begins with. */
  get serverContext(): SecureContextOptions {
    return serverContextOf(this.#material);
  }

  /** @param changed is called with each new set of files from now on. @returns how to end that */
  onChange(changed: (context: SecureContextOptions) => void): () => void {
    this.#listeners.add(changed);
    return () => this.#listeners.delete(changed);
  }

  /** For calls to other nodes: it shows this node's certificate when asked, and checks theirs, names too. Ask anew for each call. */
  get agent(): Agent {
    this.#agent ??= new Agent({
      keepAlive: true,
      maxSockets,
      keepAliveMsecs: 10_000,
      secureContext: createSecureContext(this.#trusting()),
    });
    return this.#agent;
  }

  /** Until this node's certificate ends, seconds; negative when it has. Absent: it has none. */
  get secondsLeft(): number | undefined {
    const { own } = this.#material;
    return own === undefined ? undefined : (endOf(own.leaf) - this.#parts.clock.now()) / 1000;
  }

  /** Stops watching, and cuts the connections to other nodes. */
  close(): void {
    this.#isClosed = true;
    this.#cancelLook();
    this.#agent?.destroy();
    this.#listeners.clear();
  }

  #trusting(): SecureContextOptions {
    const { ca, own } = this.#material;
    const context = clientContextOf(this.#material);
    if (ca !== undefined) return { ...context, ca: ca.map(String) };
    if (own === undefined) return context;
    const others = own.certificates.slice(1).map(String);
    return { ...context, ca: [...systemCas(), ...others] };
  }

  #watch(): void {
    if (this.#isClosed) return;
    this.#cancelLook = this.#parts.clock.after(watchEveryMs, () => void this.#look().finally(() => this.#watch()));
  }

  async #look(): Promise<void> {
    const { clock, logger, settings } = this.#parts;
    const fingerprint = await fingerprintOf(settings);
    if (fingerprint !== this.#read) {
      const read = await readTls(settings);
      if (read.kind === 'wrong') this.#keep(fingerprint, read.problems);
      else this.#take(fingerprint, read.material);
    }
    if (clock.now() < this.#warnAt) return;
    this.#warnAt = clock.now() + dayMs;
    for (const warning of timeWarnings(this.#material, clock.now())) logger.warn({}, warning);
  }

  /** Certificate and key are often replaced one after the other: only what is still wrong at the next look is told about, once. */
  #keep(fingerprint: string, problems: readonly TlsProblem[]): void {
    if (this.#wrong?.fingerprint !== fingerprint) {
      this.#wrong = { fingerprint, isSaid: false };
    } else if (!this.#wrong.isSaid) {
      this.#wrong = { fingerprint, isSaid: true };
      for (const { remedy, what } of problems) this.#parts.logger.warn({ remedy }, `${what}; what was in force before stays`);
    }
  }

  #take(fingerprint: string, material: TlsMaterial): void {
    this.#read = fingerprint;
    this.#wrong = undefined;
    this.#material = material;
    // Calls under way end on the connections that they have; those are then closed instead of kept.
    if (this.#agent !== undefined) this.#agent.maxFreeSockets = 0;
    for (const socket of Object.values(this.#agent?.freeSockets ?? {}).flatMap((sockets) => sockets ?? [])) socket.destroy();
    this.#agent = undefined;
    for (const changed of this.#listeners) changed(this.serverContext);
    this.#tell('new TLS files are in force');
  }

  #tell(what: string): void {
    const { advertise, clock, logger } = this.#parts;
    const leaf = this.#material.own?.leaf;
    const fields = leaf === undefined ? {} : { subject: subjectOf(leaf), ends: dateOf(leaf.validTo) };
    if (leaf !== undefined) logger.info(fields, what);
    for (const warning of [...timeWarnings(this.#material, clock.now()), ...nameWarnings(this.#material, advertise)])
      logger.warn({}, warning);
  }
}
